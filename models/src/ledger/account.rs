//! What a ledger says in the end.

use super::{Guarantee, MessageName, Party};
use crate::app::Total;
use protosim_core::SimTime;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many broken promises are put into words; all are counted.
const MOST_BROKEN: usize = 32;
/// How many are kept until the first of them are known.
const MOST_KEPT: usize = 4096;

/// What was promised and what was kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Account {
    /// By application: all that have published, subscribed or got anything.
    pub parties: BTreeMap<Party, Counts>,
    /// The first promises that were broken, by time.
    pub broken: Vec<Broken>,
}

/// Messages of one application.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Owed to it at this level (none at most once), by [`Guarantee`].
    pub owed: [u64; 3],
    /// Of those, never delivered.
    pub lost: [u64; 3],
    /// Copies delivered after the first, by the level that may repeat, if one of the two has.
    pub repeated: [u64; 3],
    /// First copies that came behind one that was published later.
    pub disordered: u64,
    /// Copies from queues that came without a mark, beyond what was sent.
    pub unmarked: u64,
    /// What was sent together and came in part.
    pub torn: u64,
    /// Messages of its own that it has seen confirmed.
    pub confirmed: u64,
    /// Messages of its own above *at most once* that are neither confirmed nor failed.
    pub unfinished: u64,
    /// It has published.
    pub is_publisher: bool,
    /// It has subscribed, or got something.
    pub is_subscriber: bool,
    /// It takes from queues.
    pub is_taker: bool,
}

impl Counts {
    /// As tables have it: what there is to be said of a subscriber, and of a publisher.
    pub fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        let mut totals = Vec::new();
        if self.is_subscriber {
            totals.extend([
                total("owed_at_least_once", self.owed[1]),
                total("owed_exactly_once", self.owed[2]),
                total("lost_at_least_once", self.lost[1]),
                total("lost_exactly_once", self.lost[2]),
                total("repeated_at_most_once", self.repeated[0]),
                total("repeated_at_least_once", self.repeated[1]),
                total("repeated_exactly_once", self.repeated[2]),
                total("disordered_messages", self.disordered),
            ]);
        }
        if self.is_taker {
            totals.extend([total("unmarked_repetitions", self.unmarked), total("torn_transactions", self.torn)]);
        }
        if self.is_publisher {
            totals.extend([total("unfinished_messages", self.unfinished), total("confirmed_messages", self.confirmed)]);
        }
        totals
    }

    /// How often a promise was broken; what is unfinished is none, as the run may have ended too early.
    pub const fn broken(&self) -> u64 {
        self.lost[1] + self.lost[2] + self.repeated[0] + self.repeated[2] + self.disordered + self.unmarked + self.torn
    }
}

/// A promise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Promise {
    /// To deliver it, at this level: it was lost.
    Delivery(Guarantee),
    /// Not to deliver it again, at this level: it was repeated.
    Once(Guarantee),
    /// To keep the order: it was disordered.
    Order,
    /// To come to an end: it is unfinished.
    End,
    /// To mark what was delivered before: it came without.
    Mark,
    /// To deliver all that was sent together, or nothing of it: this one came, and others did not.
    Whole,
}

/// A promise that was broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// When: of what is lost or unfinished when it was published, of a copy when it came.
    pub at: SimTime,
    /// At whose application; of those who share a subscription the first one.
    pub who: Party,
    /// Of which message.
    pub message: MessageName,
    /// Its topic.
    pub topic: Arc<str>,
    /// Which promise.
    pub promise: Promise,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { at, who, message, topic, promise } = self;
        let seconds = at.as_nanos() as f64 / 1e9;
        write!(f, "{message} on `{topic}`: ")?;
        match promise {
            Promise::Delivery(level) => {
                write!(f, "published at {seconds} s, confirmed, {} owed to {who} and never delivered", level.name())
            }
            Promise::Once(level) => {
                write!(f, "delivered to {who} again at {seconds} s, though {} was promised", level.name())
            }
            Promise::Order => {
                write!(f, "delivered to {who} for the first time at {seconds} s, behind one that was published later")
            }
            Promise::End => write!(f, "published by {who} at {seconds} s, and neither confirmed nor failed at the end"),
            Promise::Mark => {
                write!(f, "delivered to {who} at {seconds} s without a mark, more often than it had been sent")
            }
            Promise::Whole => {
                write!(f, "delivered to {who}, published at {seconds} s; others, sent together with it, were not")
            }
        }
    }
}

impl Account {
    /// The sum over all applications.
    pub fn sum(&self) -> Counts {
        let mut sum = Counts::default();
        for counts in self.parties.values() {
            for level in 0..3 {
                sum.owed[level] += counts.owed[level];
                sum.lost[level] += counts.lost[level];
                sum.repeated[level] += counts.repeated[level];
            }
            sum.disordered += counts.disordered;
            sum.unmarked += counts.unmarked;
            sum.torn += counts.torn;
            sum.confirmed += counts.confirmed;
            sum.unfinished += counts.unfinished;
            sum.is_publisher |= counts.is_publisher;
            sum.is_subscriber |= counts.is_subscriber;
            sum.is_taker |= counts.is_taker;
        }
        sum
    }

    pub(super) fn of(&mut self, party: Party) -> &mut Counts {
        self.parties.entry(party).or_default()
    }

    /// Keeps a broken promise, if there is room.
    pub(super) fn note(&mut self, broken: impl FnOnce() -> Broken) {
        if self.broken.len() < MOST_KEPT {
            self.broken.push(broken());
        }
    }

    /// The first ones, in order.
    pub(super) fn sort(&mut self) {
        self.broken.sort_by_key(|broken| (broken.at, broken.who, broken.message, broken.promise));
        self.broken.truncate(MOST_BROKEN);
    }
}
