//! One publication, when all is over: who was owed which of its messages, and what came.

use super::account::{Account, Broken, Promise};
use super::book::{Origin, Publication};
use super::spans::{Levels, Span, Subscription};
use super::{Guarantee, MessageName, Party};
use crate::recovery::Ranges;
use protosim_core::SimTime;
use std::collections::BTreeMap;

/// A span of a subscription in numbers of messages.
#[derive(Clone, Copy, Debug)]
struct Reach {
    guarantee: Guarantee,
    /// From here on the broker may have sent messages by it.
    from: u64,
    /// From here on it has.
    held: u64,
    /// Here it has ended.
    end: u64,
    is_over: bool,
}

/// What one party has subscribed to, or those who share a subscription: whom each message is owed once.
#[derive(Clone, Debug, Default)]
struct Claim {
    members: Vec<Party>,
    /// By subscription; those that share one have one together.
    reaches: Vec<Vec<Reach>>,
}

/// Who shares what: the group and the filter.
type Group<'a> = (&'a str, &'a str);

/// All claims.
#[derive(Debug, Default)]
pub(super) struct Claims<'a> {
    own: BTreeMap<Party, Claim>,
    groups: BTreeMap<Group<'a>, Claim>,
}

/// The level of one subscription at one message, if that is owed: the lowest of those that it may have had.
fn level(reaches: &[Reach], number: u64) -> Option<Guarantee> {
    let may = || reaches.iter().filter(|one| !one.is_over && one.from <= number && number < one.end);
    may().any(|one| one.held <= number).then(|| may().map(|one| one.guarantee).min()).flatten()
}

impl Claim {
    /// From which message on up to which one messages are owed at one level.
    fn segments(&self) -> Vec<(u64, u64, Guarantee)> {
        let open = self.reaches.iter().flatten().filter(|one| !one.is_over);
        let mut points: Vec<u64> = open.flat_map(|one| [one.from, one.held, one.end]).collect();
        points.sort_unstable();
        points.dedup();
        let at = |number| self.reaches.iter().filter_map(|reaches| level(reaches, number)).max();
        points.windows(2).filter_map(|pair| Some((pair[0], pair[1], at(pair[0])?))).collect()
    }

    /// What may have gone to a member that has left.
    fn left(&self) -> Ranges {
        let mut left = Ranges::default();
        self.reaches.iter().flatten().filter(|one| one.is_over).for_each(|one| left.insert(one.from, one.end));
        left
    }

    /// At which levels a message may have come.
    fn levels(&self, number: u64) -> Levels {
        let mut levels = Levels::default();
        let may = self.reaches.iter().flatten().filter(|one| one.from <= number && number < one.end);
        may.for_each(|one| levels.add(one.guarantee));
        levels
    }
}

/// One publication.
pub(super) struct Page<'a> {
    pub(super) name: u64,
    pub(super) origin: &'a Origin,
    pub(super) publication: &'a Publication,
}

impl Page<'_> {
    fn reach(&self, span: &Span) -> Reach {
        let held = self.publication.first_after(span.since);
        Reach {
            guarantee: span.guarantee,
            from: self.publication.first_confirmed_from(span.asked).min(held),
            held,
            end: span.gone.map_or(u64::MAX, |gone| self.publication.first_after(gone)),
            is_over: span.over.is_some(),
        }
    }

    /// Adds a subscription that matches.
    pub(super) fn claim<'s>(&self, claims: &mut Claims<'s>, party: Party, one: &'s Subscription) {
        let reaches = one.spans.iter().map(|span| self.reach(span));
        match &one.group {
            None => claims.own.entry(party).or_default().reaches.push(reaches.collect()),
            Some(group) => {
                let claim = claims.groups.entry((group, &one.filter)).or_default();
                claim.members.push(party);
                match claim.reaches.first_mut() {
                    Some(all) => all.extend(reaches),
                    None => claim.reaches.push(reaches.collect()),
                }
            }
        }
    }

    /// All that there is to be said.
    pub(super) fn settle(&self, claims: &Claims<'_>, account: &mut Account) {
        self.publisher(account);
        // What is one's own may be kept from one (MQTT v5 §3.8.3.1: No Local).
        for (party, claim) in claims.own.iter().filter(|(party, _)| **party != self.origin.publisher) {
            self.owed(&[*party], claim, None, account);
        }
        for ((group, _), claim) in &claims.groups {
            self.owed(&claim.members, claim, Some(group), account);
        }
        self.copies(account);
        self.taken(claims, account);
        let is_in_another = |party: &Party| {
            claims.own.contains_key(party)
                || claims.groups.values().filter(|claim| claim.members.contains(party)).nth(1).is_some()
        };
        for claim in claims.groups.values().filter(|claim| !claim.members.iter().any(is_in_another)) {
            self.copies_among(claim, account);
        }
    }

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

    /// What is owed to `members`, but for what those have taken along who have left their group, and what of it is lost; at the first of them.
    fn owed(&self, members: &[Party], claim: &Claim, group: Option<&str>, account: &mut Account) {
        let (origin, publication) = (self.origin, self.publication);
        if origin.may_expire || origin.guarantee == Guarantee::AtMostOnce {
            return;
        }
        let left = group.map_or_else(Ranges::default, |_| claim.left());
        let shelf = group.and_then(|group| publication.shelves.get(group));
        let mut come = shelf.map_or_else(Ranges::default, |shelf| shelf.come.clone());
        for member in members.iter().filter_map(|party| publication.come.get(party)) {
            member.live.iter().chain(member.retained.iter()).for_each(|(start, end)| come.insert(start, end));
        }
        for (from, to, granted) in claim.segments() {
            let level = granted.min(origin.guarantee);
            if level == Guarantee::AtMostOnce {
                continue;
            }
            let confirmed = publication.confirmed.iter().map(|(start, end)| (start.max(from), end.min(to)));
            for (start, end) in confirmed.flat_map(|(start, end)| left.missing(start, end)) {
                let counts = account.of(members[0]);
                counts.owed[level as usize] += end - start;
                for (start, end) in come.missing(start, end) {
                    account.of(members[0]).lost[level as usize] += end - start;
                    for number in start..end {
                        let at = publication.published_at(number);
                        account.note(|| self.broken(at, members[0], number, Promise::Delivery(level)));
                    }
                }
            }
        }
    }

    /// What came again, and in which order.
    fn copies(&self, account: &mut Account) {
        for (party, come) in &self.publication.come {
            let counts = account.of(*party);
            counts.is_subscriber = true;
            counts.disordered += come.disordered.count;
            for level in Guarantee::ALL {
                let repeated = &come.repeated[level as usize];
                account.of(*party).repeated[level as usize] += repeated.count;
                for (number, at) in repeated.first.iter().filter(|_| level != Guarantee::AtLeastOnce) {
                    account.note(|| self.broken(*at, *party, *number, Promise::Once(level)));
                }
            }
            for (number, at) in &come.disordered.first {
                account.note(|| self.broken(*at, *party, *number, Promise::Order));
            }
        }
    }

    /// What is odd of what was taken from queues.
    fn taken(&self, claims: &Claims<'_>, account: &mut Account) {
        for (queue, shelf) in &self.publication.shelves {
            for (party, odd) in &shelf.odd {
                let counts = account.of(*party);
                counts.is_subscriber = true;
                counts.disordered += odd.disordered.count;
                counts.unmarked += odd.unmarked.count;
                for level in Guarantee::ALL {
                    counts.repeated[level as usize] += odd.repeated[level as usize].count;
                }
                let at_most_once = &odd.repeated[Guarantee::AtMostOnce as usize];
                for (noted, promise) in [
                    (at_most_once, Promise::Once(Guarantee::AtMostOnce)),
                    (&odd.disordered, Promise::Order),
                    (&odd.unmarked, Promise::Mark),
                ] {
                    for (number, at) in &noted.first {
                        account.note(|| self.broken(*at, *party, *number, promise));
                    }
                }
            }
            let takes_all = |claim: &&Claim| {
                claim.reaches.iter().flatten().all(|one| !one.is_over && one.guarantee > Guarantee::AtMostOnce)
            };
            let mut of_queue =
                claims.groups.iter().filter(|((group, _), _)| **group == **queue).map(|(_, claim)| claim);
            let Some(claim) =
                of_queue.next().filter(|first| takes_all(first) && of_queue.all(|claim| takes_all(&claim)))
            else {
                continue;
            };
            if self.origin.may_expire {
                continue;
            }
            let who = claim.members[0];
            for number in shelf.torn(&self.publication.bundles) {
                account.of(who).torn += 1;
                let at = self.publication.published_at(number);
                account.note(|| self.broken(at, who, number, Promise::Whole));
            }
        }
    }

    /// What more than one has got of those who share: counted at the first of them.
    fn copies_among(&self, claim: &Claim, account: &mut Account) {
        let who = claim.members[0];
        let mut seen = Ranges::default();
        for come in claim.members.iter().filter_map(|party| self.publication.come.get(party)) {
            for (start, end) in come.live.iter() {
                for number in (start..end).filter(|number| seen.covers(*number, number + 1)) {
                    let (level, is_forbidden) = claim.levels(number).repeats(self.origin.guarantee);
                    account.of(who).repeated[level as usize] += 1;
                    if is_forbidden {
                        let at = self.publication.published_at(number);
                        account.note(|| self.broken(at, who, number, Promise::Once(level)));
                    }
                }
                seen.insert(start, end);
            }
        }
    }
}
