//! What is noted while a run goes on, and the comparison at its end.

use super::account::Account;
use super::page::{Claims, Page};
use super::shelf::{Copy, Shelf};
use super::spans::{Levels, Subscription, Ways};
use super::{Guarantee, MessageEvent, MessageName, Party, Taken};
use crate::recovery::Ranges;
use protosim_core::SimTime;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// How many copies of one publication at one subscriber are kept for words.
const MOST_NOTED: usize = 8;

/// The ledger of a run: events in, an account out.
#[derive(Clone, Debug)]
pub struct Ledger<B> {
    matches: fn(&str, &str) -> bool,
    broker_of: B,
    publications: BTreeMap<u64, Publication>,
    subscriptions: BTreeMap<Party, Vec<Subscription>>,
}

/// Messages of one topic and level of one publisher.
#[derive(Clone, Debug, Default)]
pub(super) struct Publication {
    /// `None` while nobody has said that it was published.
    origin: Option<Origin>,
    /// When each message was published, from `first` on.
    pub(super) first: u64,
    pub(super) times: Vec<SimTime>,
    pub(super) confirmed: Ranges,
    /// When each message was confirmed, from `first` on; at the end, when it and all before it were.
    settled: Vec<SimTime>,
    pub(super) failed: Ranges,
    pub(super) come: BTreeMap<Party, Come>,
    /// How often each message was sent, from `first` on, where that is said.
    sent: Vec<u16>,
    /// What was sent together.
    pub(super) bundles: Vec<Vec<u64>>,
    /// What was taken from queues, by their names.
    pub(super) shelves: BTreeMap<Arc<str>, Shelf>,
}

#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) publisher: Party,
    pub(super) guarantee: Guarantee,
    pub(super) topic: Arc<str>,
    domain: SocketAddr,
    pub(super) may_expire: bool,
}

/// What has come of a publication at one party.
#[derive(Clone, Debug, Default)]
pub(super) struct Come {
    pub(super) live: Ranges,
    pub(super) retained: Ranges,
    /// Of the retained ones, those that may be live ones as well.
    either: Ranges,
    /// How many have gone ahead, and how many were repeated or late, that may be because of subscriptions.
    ahead: u64,
    behind: u64,
    /// By the level that counts.
    pub(super) repeated: [Noted; 3],
    pub(super) disordered: Noted,
}

/// How many, and the first of them: the message's number, and when.
#[derive(Clone, Debug, Default)]
pub(super) struct Noted {
    pub(super) count: u64,
    pub(super) first: Vec<(u64, SimTime)>,
}

/// Why a copy comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Why {
    /// It was published.
    Live,
    /// Of a subscription.
    Retained,
    /// Either; and how often it may have been because of a subscription until now.
    Either(u64),
}

/// A copy that is not the first, or that comes behind a later message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Odd {
    Again,
    Late,
}

impl Noted {
    pub(super) fn note(&mut self, number: u64, at: SimTime) {
        self.count += 1;
        if self.first.len() < MOST_NOTED {
            self.first.push((number, at));
        }
    }
}

impl<B: Fn(SocketAddr) -> SocketAddr> Ledger<B> {
    /// An empty one. `matches` says whether a filter, the first one, takes in a topic; `broker_of` gives all addresses of one broker the same
    /// name, one of them.
    pub fn new(matches: fn(&str, &str) -> bool, broker_of: B) -> Self {
        Self { matches, broker_of, publications: BTreeMap::new(), subscriptions: BTreeMap::new() }
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
                        domain: (self.broker_of)(*domain),
                        may_expire: *may_expire,
                    });
                }
                publication.published(message.number, at);
            }
            MessageEvent::Sent { message, with } => {
                self.publications.entry(message.publication).or_default().sent(message.number, *with);
            }
            MessageEvent::Confirmed { message } => {
                self.publications.entry(message.publication).or_default().confirmed(message.number, at);
            }
            MessageEvent::Failed { message } => {
                let publication = self.publications.entry(message.publication).or_default();
                publication.failed.insert(message.number, message.number + 1);
            }
            MessageEvent::Subscribing { filter, group, domain, brings_retained } => {
                self.subscription(who, filter, group, *domain).ask(*brings_retained, at);
            }
            MessageEvent::Subscribed { filter, guarantee, group, domain, keeps_marks } => {
                self.subscription(who, filter, group, *domain).grant(*guarantee, *keeps_marks, at);
            }
            MessageEvent::Unsubscribed { filter, group, domain, is_known } => {
                self.subscription(who, filter, group, *domain).end(*is_known, at);
            }
            MessageEvent::SessionOver => {
                self.subscriptions.get_mut(&who).into_iter().flatten().for_each(|one| one.end(true, at));
            }
            MessageEvent::Delivered { message, taken: Some(taken), .. } => self.taken(*message, who, taken, at),
            MessageEvent::Delivered { message, is_retained, taken: None } => {
                self.delivered(*message, who, *is_retained, at);
            }
        }
    }

    fn subscription(
        &mut self,
        who: Party,
        filter: &Arc<str>,
        group: &Option<Arc<str>>,
        domain: SocketAddr,
    ) -> &mut Subscription {
        let domain = (self.broker_of)(domain);
        let all = self.subscriptions.entry(who).or_default();
        let is_same = |one: &Subscription| one.filter == *filter && one.group == *group && one.domain == domain;
        let index = all.iter().position(is_same).unwrap_or(all.len());
        if index == all.len() {
            all.push(Subscription::new(filter.clone(), group.clone(), domain));
        }
        &mut all[index]
    }

    fn delivered(&mut self, message: MessageName, who: Party, is_marked: bool, at: SimTime) {
        let publication = self.publications.entry(message.publication).or_default();
        let (first, published) = (publication.first, publication.published_at(message.number));
        let come = publication.come.entry(who).or_default();
        // What nobody has said to have published does not count.
        let Some(origin) = &publication.origin else { return };
        let all = self.subscriptions.get(&who).map_or(&[][..], Vec::as_slice);
        let matches = self.matches;
        let is_of = |one: &&Subscription| one.domain == origin.domain && matches(&one.filter, &origin.topic);
        let why = match is_marked {
            false => Why::Live,
            true if all.iter().filter(is_of).any(|one| one.keeps_marks) => {
                Why::Either(all.iter().filter(is_of).map(|one| one.asks).sum())
            }
            true => Why::Retained,
        };
        let Some(odd) = come.delivered(message.number, first, why) else { return };
        let (levels, is_ordered) = match Ways::of(all.iter().filter(is_of), published) {
            Ways::None => {
                let mut levels = Levels::default();
                levels.add(origin.guarantee);
                (levels, false)
            }
            Ways::Own(levels, is_ordered) => (levels, is_ordered),
            Ways::Shared(levels) => (levels, false),
            Ways::Unclear => return,
        };
        // What may be lost behind a way that repeats may come in any order: 2, as 1 was lost, then 1 and 2 again.
        let is_loose = origin.guarantee == Guarantee::AtLeastOnce && levels.has(Guarantee::AtMostOnce);
        match odd {
            Odd::Again => come.repeated[levels.repeats(origin.guarantee).0 as usize].note(message.number, at),
            Odd::Late if is_ordered && !is_loose => come.disordered.note(message.number, at),
            Odd::Late => {}
        }
    }

    fn taken(&mut self, message: MessageName, who: Party, taken: &Taken, at: SimTime) {
        let publication = self.publications.entry(message.publication).or_default();
        let Some(index) = publication.index(message.number) else { return };
        let sent = publication.sent.get(index).copied().unwrap_or_default();
        let Some(origin) = &publication.origin else { return };
        let is_of = |one: &Subscription| {
            one.group.as_ref() == Some(&taken.queue)
                && one.domain == origin.domain
                && (self.matches)(&one.filter, &origin.topic)
        };
        // A dead letter, or what came along a binding that its consumer does not know of.
        if !self.subscriptions.get(&who).is_some_and(|all| all.iter().any(is_of)) {
            return;
        }
        if !publication.shelves.contains_key(&taken.queue) {
            publication.shelves.insert(taken.queue.clone(), Shelf::default());
        }
        let Some(shelf) = publication.shelves.get_mut(&taken.queue) else { return };
        shelf.take(index, Copy { number: message.number, who, taken, sent, at });
    }

    /// What was promised and what was kept, when all is over.
    pub fn close(mut self) -> Account {
        let mut account = Account::default();
        for party in self.subscriptions.keys() {
            account.of(*party).is_subscriber = true;
        }
        for publication in self.publications.values_mut() {
            let mut last = SimTime::ZERO;
            for settled in &mut publication.settled {
                last = last.max(*settled);
                *settled = last;
            }
        }
        for (name, publication) in &self.publications {
            let Some(origin) = &publication.origin else { continue };
            let page = Page { name: *name, origin, publication };
            let mut claims = Claims::default();
            for (party, all) in &self.subscriptions {
                let of_broker = all.iter().filter(|one| one.domain == origin.domain);
                for one in of_broker.filter(|one| (self.matches)(&one.filter, &origin.topic)) {
                    page.claim(&mut claims, *party, one);
                }
            }
            page.settle(&claims, &mut account);
        }
        account.sort();
        account
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

    /// Where a message stands that was published.
    fn index(&self, number: u64) -> Option<usize> {
        let index = number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        index.filter(|index| *index < self.times.len())
    }

    fn sent(&mut self, number: u64, with: Option<MessageName>) {
        let Some(index) = self.index(number) else { return };
        if self.sent.len() <= index {
            self.sent.resize(index + 1, 0);
        }
        self.sent[index] = self.sent[index].saturating_add(1);
        match with {
            None => {}
            Some(first) if first.number == number => self.bundles.push(vec![number]),
            Some(_) => self.bundles.last_mut().into_iter().for_each(|bundle| bundle.push(number)),
        }
    }

    fn confirmed(&mut self, number: u64, at: SimTime) {
        self.confirmed.insert(number, number + 1);
        let Some(index) = self.index(number) else { return };
        if self.settled.len() <= index {
            self.settled.resize(index + 1, SimTime::ZERO);
        }
        self.settled[index] = at;
    }

    /// The number of the first message that was published after `since`.
    pub(super) fn first_after(&self, since: SimTime) -> u64 {
        self.first + self.times.partition_point(|at| *at <= since) as u64
    }

    /// The number of the first message that was on its way to the broker at `time` or later, as far as confirmations tell.
    pub(super) fn first_confirmed_from(&self, time: SimTime) -> u64 {
        self.first + self.settled.partition_point(|at| *at < time) as u64
    }

    pub(super) fn published_at(&self, number: u64) -> SimTime {
        self.index(number).map_or(SimTime::ZERO, |index| self.times[index])
    }
}

impl Come {
    /// Notes a copy of a publication whose messages begin with `first`; whether it is an odd one.
    fn delivered(&mut self, number: u64, first: u64, why: Why) -> Option<Odd> {
        let next = self.live.end().unwrap_or(first);
        let is_known = self.live.covers(number, number + 1);
        let is_either = self.either.covers(number, number + 1);
        match why {
            Why::Retained => {
                self.retained.insert(number, number + 1);
                return None;
            }
            Why::Either(asks) if number > next && self.ahead < asks => {
                self.ahead += 1;
                self.retained.insert(number, number + 1);
                self.either.insert(number, number + 1);
                return None;
            }
            Why::Either(asks) if number < next && self.behind < asks && (is_known || !is_either) => {
                self.behind += 1;
                self.retained.insert(number, number + 1);
                self.either.insert(number, number + 1);
                return None;
            }
            _ => {}
        }
        if is_known {
            return Some(Odd::Again);
        }
        self.live.insert(number, number + 1);
        // One of which a copy came that may have been live is no first one.
        (number < next && !is_either).then_some(Odd::Late)
    }
}
