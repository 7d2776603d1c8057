//! Reports: what entities tell the outside, kept outside the world.
//!
//! Each partition writes to a sink of its own; [`Sinks::into_merged`] puts them in one order that does not
//! depend on the partition: by time, then entity, then the order in which the entity spoke, departures last.

use super::entity::EntityId;
use super::wire::WireId;
use crate::time::SimTime;

/// Which kinds of reports someone listens to. What nobody listens to is not even built.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Interests(u32);

impl Interests {
    /// Nobody listens.
    pub const NONE: Self = Self(0);
    /// What results are made of: exchanges, deliveries, samples.
    pub const RESULTS: Self = Self(1);
    /// Every packet at every link end: captures.
    pub const PACKETS: Self = Self(2);
    /// Every message that reaches an application: delays of datagrams.
    pub const DELIVERIES: Self = Self(4);

    /// What connections do, step by step: event logs, time series, diagrams.
    pub const TRACES: Self = Self(8);
    /// What becomes of each message between applications: ledgers of what was promised and what came.
    pub const MESSAGES: Self = Self(16);

    /// Both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if all of `other` is in `self`.
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A report with its stamp.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reported<R> {
    /// When it happened, on the simulation's own clock.
    pub at: SimTime,
    /// Who reports.
    pub entity: EntityId,
    /// What.
    pub report: R,
}

/// The reports of one partition. A departure names its wire: it is reported by the partition that
/// learns of it, which need not be the sender's.
pub(super) type Outbox<R> = Vec<(Option<WireId>, Reported<R>)>;

/// Where the reports of a run go: one buffer per partition.
#[derive(Clone, Debug)]
pub struct Sinks<R> {
    /// What is listened to.
    pub interests: Interests,
    pub(super) buffers: Vec<Outbox<R>>,
}

impl<R> Sinks<R> {
    /// Sinks that listen to `interests`.
    pub fn new(interests: Interests) -> Self {
        Self { interests, buffers: Vec::new() }
    }

    /// Sinks that listen to nothing.
    pub fn deaf() -> Self {
        Self::new(Interests::NONE)
    }

    /// Everything that was reported, by time, then entity, then the order in which it spoke; after
    /// its words of an instant its departures of that instant, by wire.
    pub fn into_merged(self) -> Vec<Reported<R>> {
        // Those of one thread are taken as they are, without a copy.
        let mut buffers = self.buffers.into_iter();
        let mut all: Outbox<R> = buffers.next().unwrap_or_default();
        all.extend(buffers.flatten());
        // Stable: an entity's words of one instant all come from one buffer, in its order, and so do
        // the departures of one wire.
        if all.is_sorted_by_key(|(_, reported)| reported.at) {
            // Of one thread, mostly: only what was said at one instant has to be put in order.
            for instant in all.chunk_by_mut(|(_, a), (_, b)| a.at == b.at).filter(|instant| instant.len() > 1) {
                instant.sort_by_key(|(wire, reported)| (reported.entity, *wire));
            }
        } else {
            all.sort_by_key(|(wire, reported)| (reported.at, reported.entity, *wire));
        }
        all.into_iter().map(|(_, reported)| reported).collect()
    }
}
