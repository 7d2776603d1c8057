//! What is noted while a run goes on, and the comparison at its end.

use super::account::{Account, Broken, Promise};
use super::{Guarantee, MessageEvent, MessageName, Party};
use crate::recovery::Ranges;
use protosim_core::SimTime;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// How many copies of one publication at one subscriber are kept for words.
const MOST_NOTED: usize = 8;

/// The ledger of a run: events in, an account out.
#[derive(Clone, Debug)]
pub struct Ledger {
    matches: fn(&str, &str) -> bool,
    publications: BTreeMap<u64, Publication>,
    subscriptions: BTreeMap<Party, Vec<Subscription>>,
}

/// Messages of one topic and level of one publisher.
#[derive(Clone, Debug, Default)]
struct Publication {
    /// `None` while nobody has said that it was published.
    origin: Option<Origin>,
    /// When each message was published, from `first` on.
    first: u64,
    times: Vec<SimTime>,
    confirmed: Ranges,
    failed: Ranges,
    come: BTreeMap<Party, Come>,
}

#[derive(Clone, Debug)]
struct Origin {
    publisher: Party,
    guarantee: Guarantee,
    topic: Arc<str>,
    domain: SocketAddr,
    may_expire: bool,
}

/// What has come of a publication at one party.
#[derive(Clone, Debug, Default)]
struct Come {
    live: Ranges,
    retained: Ranges,
    repeated: Noted,
    disordered: Noted,
}

/// How many, and the first of them: the message's number, and when.
#[derive(Clone, Debug, Default)]
struct Noted {
    count: u64,
    first: Vec<(u64, SimTime)>,
}

#[derive(Clone, Debug)]
struct Subscription {
    filter: Arc<str>,
    group: Option<Arc<str>>,
    domain: SocketAddr,
    guarantee: Guarantee,
    /// When it was granted, if it is not over.
    since: Option<SimTime>,
    /// When it was over last.
    over: Option<SimTime>,
}

/// What one party has subscribed to of a publication, and whom a message is owed to: one party, or those who share.
#[derive(Clone, Debug)]
struct Claim {
    members: Vec<Party>,
    guarantee: Guarantee,
    since: Option<SimTime>,
    over: Option<SimTime>,
}

/// Who shares what: the broker, the group, the filter.
type Group<'a> = (SocketAddr, &'a str, &'a str);

impl Noted {
    fn note(&mut self, number: u64, at: SimTime) {
        self.count += 1;
        if self.first.len() < MOST_NOTED {
            self.first.push((number, at));
        }
    }
}

impl Ledger {
    /// An empty one. `matches` says whether a filter, the first one, takes in a topic.
    pub fn new(matches: fn(&str, &str) -> bool) -> Self {
        Self { matches, publications: BTreeMap::new(), subscriptions: BTreeMap::new() }
    }

    /// Notes what `who` does. Events come in the order of time.
    pub fn note(&mut self, at: SimTime, who: Party, event: &MessageEvent) {
        match event {
            MessageEvent::Published { message, guarantee, topic, domain, may_expire } => {
                let publication = self.publications.entry(message.publication).or_default();
                if publication.origin.is_none() {
                    publication.first = message.number;
                    publication.origin = Some(Origin {
                        publisher: who,
                        guarantee: *guarantee,
                        topic: topic.clone(),
                        domain: *domain,
                        may_expire: *may_expire,
                    });
                }
                publication.published(message.number, at);
            }
            MessageEvent::Confirmed { message } => {
                let publication = self.publications.entry(message.publication).or_default();
                publication.confirmed.insert(message.number, message.number + 1);
            }
            MessageEvent::Failed { message } => {
                let publication = self.publications.entry(message.publication).or_default();
                publication.failed.insert(message.number, message.number + 1);
            }
            MessageEvent::Subscribed { filter, guarantee, group, domain } => {
                let all = self.subscriptions.entry(who).or_default();
                let is_same =
                    |one: &&mut Subscription| one.filter == *filter && one.group == *group && one.domain == *domain;
                match all.iter_mut().find(is_same) {
                    // It replaces the one before; both promise the lower level only.
                    Some(one) if one.since.is_some() => one.guarantee = one.guarantee.min(*guarantee),
                    Some(one) => (one.guarantee, one.since) = (*guarantee, Some(at)),
                    None => all.push(Subscription {
                        filter: filter.clone(),
                        group: group.clone(),
                        domain: *domain,
                        guarantee: *guarantee,
                        since: Some(at),
                        over: None,
                    }),
                }
            }
            MessageEvent::Unsubscribed { filter, group, domain } => {
                let all = self.subscriptions.get_mut(&who).into_iter().flatten();
                for one in all.filter(|one| one.filter == *filter && one.group == *group && one.domain == *domain) {
                    (one.since, one.over) = (None, Some(at));
                }
            }
            MessageEvent::SessionOver => {
                for one in self.subscriptions.get_mut(&who).into_iter().flatten() {
                    (one.since, one.over) = (None, Some(at));
                }
            }
            MessageEvent::Delivered { message, is_retained } => {
                let publication = self.publications.entry(message.publication).or_default();
                let is_late = publication.come.entry(who).or_default().delivered(message.number, *is_retained, at);
                if is_late && publication.is_in_order_of(message.number, self.subscriptions.get(&who)) {
                    publication.come.entry(who).or_default().disordered.note(message.number, at);
                }
            }
        }
    }

    /// What was promised and what was kept, when all is over.
    pub fn close(self) -> Account {
        let mut account = Account::default();
        for party in self.subscriptions.keys() {
            account.of(*party).is_subscriber = true;
        }
        for (name, publication) in &self.publications {
            let Some(origin) = &publication.origin else { continue };
            let page = Page { name: *name, origin, publication };
            page.publisher(&mut account);
            let (parties, groups) = self.claims(origin);
            // What is one's own may be kept from one (MQTT v5 §3.8.3.1: No Local).
            for (party, claim) in parties.iter().filter(|(party, _)| **party != origin.publisher) {
                page.owed(*party, claim, &mut account);
            }
            for claim in groups.values() {
                page.owed(claim.members[0], claim, &mut account);
            }
            page.copies(&parties, &groups, &mut account);
        }
        account.sort();
        account
    }

    /// Who has subscribed to it: parties of their own, and groups.
    fn claims<'a>(&'a self, origin: &Origin) -> (BTreeMap<Party, Claim>, BTreeMap<Group<'a>, Claim>) {
        let (mut parties, mut groups) = (BTreeMap::new(), BTreeMap::new());
        for (party, all) in &self.subscriptions {
            for one in all.iter().filter(|one| one.domain == origin.domain) {
                if !(self.matches)(&one.filter, &origin.topic) {
                    continue;
                }
                match &one.group {
                    None => Claim::overlap(&mut parties, *party, *party, one),
                    Some(group) => Claim::share(&mut groups, (one.domain, &**group, &*one.filter), *party, one),
                }
            }
        }
        (parties, groups)
    }
}

impl Publication {
    fn published(&mut self, number: u64, at: SimTime) {
        let next = self.first + self.times.len() as u64;
        if number < next {
            return;
        }
        if number > next {
            // Nobody has published those between.
            self.failed.insert(next, number);
            self.times.resize((number - self.first) as usize, at);
        }
        self.times.push(at);
    }

    /// The number of the first message that was published after `since`.
    fn first_after(&self, since: SimTime) -> u64 {
        self.first + self.times.partition_point(|at| *at <= since) as u64
    }

    /// Whether a message is ordered for one with these subscriptions. One that was published before them may come late: what had come of it
    /// first was for nobody.
    fn is_in_order_of(&self, number: u64, subscriptions: Option<&Vec<Subscription>>) -> bool {
        let at = self.published_at(number);
        let is_before = |one: &Subscription| one.since.is_some_and(|since| since < at);
        subscriptions.is_some_and(|all| all.iter().all(is_before))
    }

    fn published_at(&self, number: u64) -> SimTime {
        let index = number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| self.times.get(index)).copied().unwrap_or(SimTime::ZERO)
    }
}

impl Come {
    /// Whether it is a first copy that comes behind a later message.
    fn delivered(&mut self, number: u64, is_retained: bool, at: SimTime) -> bool {
        if is_retained {
            self.retained.insert(number, number + 1);
            return false;
        }
        let is_behind = self.live.end().is_some_and(|end| number < end);
        if is_behind && self.live.covers(number, number + 1) {
            self.repeated.note(number, at);
            return false;
        }
        self.live.insert(number, number + 1);
        is_behind
    }
}

impl Claim {
    fn of(party: Party, one: &Subscription) -> Self {
        Self { members: vec![party], guarantee: one.guarantee, since: one.since, over: one.over }
    }

    /// Subscriptions of one party that overlap: the highest level, from the first on.
    fn overlap(claims: &mut BTreeMap<Party, Self>, key: Party, party: Party, one: &Subscription) {
        let claim = claims.entry(key).or_insert_with(|| Self::of(party, one));
        claim.guarantee = claim.guarantee.max(one.guarantee);
        claim.begin(one);
    }

    /// Those who share: the lowest level, as any of them may get it.
    fn share<'a>(claims: &mut BTreeMap<Group<'a>, Self>, key: Group<'a>, party: Party, one: &Subscription) {
        let claim = claims.entry(key).or_insert_with(|| Self::of(party, one));
        if claim.members.last() != Some(&party) {
            claim.members.push(party);
        }
        claim.guarantee = claim.guarantee.min(one.guarantee);
        claim.begin(one);
    }

    fn begin(&mut self, one: &Subscription) {
        self.since = match (self.since, one.since) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.over = self.over.max(one.over);
    }

    /// What was published later than this is owed. A session that is over takes with it what was on the way to it.
    fn owed_from(&self) -> Option<SimTime> {
        self.since.map(|since| since.max(self.over.unwrap_or(SimTime::ZERO)))
    }
}

/// One publication, when all is over.
struct Page<'a> {
    name: u64,
    origin: &'a Origin,
    publication: &'a Publication,
}

impl Page<'_> {
    fn broken(&self, at: SimTime, who: Party, number: u64, promise: Promise) -> Broken {
        let message = MessageName { publication: self.name, number };
        Broken { at, who, message, topic: self.origin.topic.clone(), promise }
    }

    fn publisher(&self, account: &mut Account) {
        let (origin, publication) = (self.origin, self.publication);
        let counts = account.of(origin.publisher);
        counts.is_publisher = true;
        if origin.guarantee == Guarantee::AtMostOnce {
            return;
        }
        counts.confirmed += publication.confirmed.total();
        let mut done = publication.confirmed.clone();
        publication.failed.iter().for_each(|(start, end)| done.insert(start, end));
        let end = publication.first + publication.times.len() as u64;
        for (start, end) in done.missing(publication.first, end) {
            account.of(origin.publisher).unfinished += end - start;
            for number in start..end {
                let at = publication.published_at(number);
                account.note(|| self.broken(at, origin.publisher, number, Promise::End));
            }
        }
    }

    /// What is owed to `who`, and what of it is lost.
    fn owed(&self, who: Party, claim: &Claim, account: &mut Account) {
        let (origin, publication) = (self.origin, self.publication);
        let level = claim.guarantee.min(origin.guarantee);
        let Some(since) = claim.owed_from().filter(|_| level > Guarantee::AtMostOnce && !origin.may_expire) else {
            return;
        };
        let from = publication.first_after(since);
        let mut come = Ranges::default();
        for member in claim.members.iter().filter_map(|party| publication.come.get(party)) {
            member.live.iter().chain(member.retained.iter()).for_each(|(start, end)| come.insert(start, end));
        }
        for (start, end) in publication.confirmed.iter().map(|(start, end)| (start.max(from), end)) {
            account.of(who).owed[level as usize] += end.saturating_sub(start);
            for (start, end) in come.missing(start, end.max(start)) {
                account.of(who).lost[level as usize] += end - start;
                for number in start..end {
                    let at = publication.published_at(number);
                    account.note(|| self.broken(at, who, number, Promise::Delivery(level)));
                }
            }
        }
    }

    /// What came again, and in which order.
    fn copies(&self, parties: &BTreeMap<Party, Claim>, groups: &BTreeMap<Group<'_>, Claim>, account: &mut Account) {
        for (party, come) in &self.publication.come {
            account.of(*party).is_subscriber = true;
            let own = parties.get(party);
            let mut shared = groups.values().filter(|claim| claim.members.contains(party));
            match (own, shared.next(), shared.next()) {
                // Nobody has said that it has subscribed: as it was published.
                (None, None, _) => self.copies_of(*party, come, self.origin.guarantee, true, account),
                (Some(claim), None, _) => self.copies_of(*party, come, claim.guarantee, true, account),
                (None, Some(claim), None) => self.copies_of(*party, come, claim.guarantee, false, account),
                // Each of several subscriptions brings a copy.
                _ => {}
            }
        }
        let is_in_another = |party: &Party| {
            parties.contains_key(party)
                || groups.values().filter(|claim| claim.members.contains(party)).nth(1).is_some()
        };
        for claim in groups.values().filter(|claim| !claim.members.iter().any(is_in_another)) {
            self.copies_among(claim, account);
        }
    }

    /// The level by which copies count, and whether it forbids them.
    fn repeats(&self, granted: Guarantee) -> (Guarantee, bool) {
        let level = match granted.min(self.origin.guarantee) {
            // Its publisher may have sent it again, as another one.
            Guarantee::AtMostOnce if self.origin.guarantee == Guarantee::AtLeastOnce => Guarantee::AtLeastOnce,
            level => level,
        };
        (level, level != Guarantee::AtLeastOnce)
    }

    fn copies_of(&self, who: Party, come: &Come, granted: Guarantee, is_ordered: bool, account: &mut Account) {
        let (level, is_forbidden) = self.repeats(granted);
        account.of(who).repeated[level as usize] += come.repeated.count;
        for (number, at) in come.repeated.first.iter().filter(|_| is_forbidden) {
            account.note(|| self.broken(*at, who, *number, Promise::Once(level)));
        }
        // What may be lost behind a way that repeats may come in any order: 2, as 1 was lost, then 1 and 2 again.
        let is_loose = level == Guarantee::AtLeastOnce && granted == Guarantee::AtMostOnce;
        if is_ordered && !is_loose {
            account.of(who).disordered += come.disordered.count;
            for (number, at) in &come.disordered.first {
                account.note(|| self.broken(*at, who, *number, Promise::Order));
            }
        }
    }

    /// What more than one has got of those who share: counted at the first of them.
    fn copies_among(&self, claim: &Claim, account: &mut Account) {
        let (level, is_forbidden) = self.repeats(claim.guarantee);
        let who = claim.members[0];
        let mut seen = Ranges::default();
        for come in claim.members.iter().filter_map(|party| self.publication.come.get(party)) {
            for (start, end) in come.live.iter() {
                let others: Vec<u64> = (start..end).filter(|number| seen.covers(*number, number + 1)).collect();
                account.of(who).repeated[level as usize] += others.len() as u64;
                for number in others.into_iter().filter(|_| is_forbidden) {
                    let at = self.publication.published_at(number);
                    account.note(|| self.broken(at, who, number, Promise::Once(level)));
                }
                seen.insert(start, end);
            }
        }
    }
}
