//! The key of an event: everything that decides when it runs, in one integer.

use crate::time::SimTime;
use std::fmt;

const ORIGIN_BITS: u32 = 28;
const SEQUENCE_BITS: u32 = 34;
const CLASS_SHIFT: u32 = ORIGIN_BITS + SEQUENCE_BITS;
const TIME_SHIFT: u32 = 64;

/// What kind of event it is; earlier classes run first among events of one instant.
///
/// The order decides what a tie means, and it must be decided by what the events are, never by
/// which of them happened to be scheduled first:
/// - the **timeline** goes first, so a link that fails at *t* is down for everything else at *t*;
/// - an **arrival** goes before a **timer**: an ACK that comes in at the very nanosecond of the
///   retransmission time-out is still in time, as it is for a stack that empties its receive
///   queue before it runs its timers;
/// - a **sampler** goes last, so a sample taken at *t* shows the state after all that happened at
///   *t*.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Class {
    /// A change that the scenario has planned: a fault, a rate change, a start, a stop.
    Timeline,
    /// The end of a wire: a packet has arrived.
    Arrival,
    /// A deadline of an entity.
    Timer,
    /// A look at the state for a time series; changes nothing.
    Sampler,
}

/// The place of an event in the total order of a run: (time, class, origin, sequence).
///
/// Packed into one integer, most significant first: 64 bits of time in nanoseconds, 2 of class,
/// 28 of origin, 34 of sequence. The integer's order is the order of events. Two pending events
/// may have equal keys (a stale deadline and the same deadline armed anew); they are then
/// indistinguishable, and either may be called the first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey(u128);

impl EventKey {
    /// The earliest key that there is.
    pub(super) const FIRST: Self = Self(0);
    /// One more than the largest origin.
    pub const ORIGINS: u32 = 1 << ORIGIN_BITS;
    /// One more than the largest sequence number: 17 thousand million events of one origin.
    pub const SEQUENCES: u64 = 1 << SEQUENCE_BITS;

    /// The key of an event at `time`.
    ///
    /// `origin` is the rank of the entity (or wire) that the event belongs to, `sequence` the
    /// origin's own count.
    ///
    /// # Panics
    /// When `origin` or `sequence` has no room: the order of events would be wrong from then on.
    #[inline]
    pub const fn new(time: SimTime, class: Class, origin: u32, sequence: u64) -> Self {
        assert!(origin < Self::ORIGINS, "more than 2^28 origins");
        assert!(sequence < Self::SEQUENCES, "more than 2^34 events of one origin");
        let low = (class as u64) << CLASS_SHIFT | (origin as u64) << SEQUENCE_BITS | sequence;
        Self((time.as_nanos() as u128) << TIME_SHIFT | low as u128)
    }

    /// When the event is due.
    #[inline]
    pub const fn time(self) -> SimTime {
        SimTime::from_nanos((self.0 >> TIME_SHIFT) as u64)
    }

    /// What kind of event it is.
    #[inline]
    pub const fn class(self) -> Class {
        match (self.0 >> CLASS_SHIFT) as u8 & 3 {
            0 => Class::Timeline,
            1 => Class::Arrival,
            2 => Class::Timer,
            _ => Class::Sampler,
        }
    }

    /// The rank of the entity or wire that the event belongs to.
    #[inline]
    pub const fn origin(self) -> u32 {
        (self.0 >> SEQUENCE_BITS) as u32 & (Self::ORIGINS - 1)
    }

    /// The origin's own count.
    #[inline]
    pub const fn sequence(self) -> u64 {
        self.0 as u64 & (Self::SEQUENCES - 1)
    }
}

impl fmt::Debug for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventKey({}, {:?}, origin {}, #{})", self.time(), self.class(), self.origin(), self.sequence())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CLASSES: [Class; 4] = [Class::Timeline, Class::Arrival, Class::Timer, Class::Sampler];

    /// Few distinct values, so that ties in the leading parts are common, and both ends.
    fn parts() -> impl Strategy<Value = (u64, Class, u32, u64)> {
        (
            prop_oneof![0..3_u64, Just(u64::MAX), any::<u64>()],
            (0..4_usize).prop_map(|i| CLASSES[i]),
            prop_oneof![0..3_u32, Just((1 << 28) - 1)],
            prop_oneof![0..3_u64, Just((1 << 34) - 1)],
        )
    }

    fn key((time, class, origin, sequence): (u64, Class, u32, u64)) -> EventKey {
        EventKey::new(SimTime::from_nanos(time), class, origin, sequence)
    }

    proptest! {
        #[test]
        fn keys_order_by_time_then_class_then_origin_then_sequence(a in parts(), b in parts()) {
            prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
        }

        #[test]
        fn every_part_can_be_read_back(p in parts()) {
            let k = key(p);
            prop_assert_eq!((k.time().as_nanos(), k.class(), k.origin(), k.sequence()), p);
        }
    }

    /// 3 s = 3 * 10^9 ns in the upper half; below it 2 << 62 | 5 << 34 | 7.
    #[test]
    fn the_packing_is_as_documented() {
        let k = EventKey::new(SimTime::from_nanos(3_000_000_000), Class::Timer, 5, 7);
        assert_eq!(k.0, (3_000_000_000_u128 << 64) | (2 << 62) | (5 << 34) | 7);
    }

    #[test]
    fn an_ack_at_the_instant_of_the_time_out_comes_first() {
        let at = SimTime::from_nanos(1);
        assert!(EventKey::new(at, Class::Arrival, 9, 9) < EventKey::new(at, Class::Timer, 0, 0));
    }

    #[test]
    #[should_panic(expected = "2^28 origins")]
    fn an_origin_out_of_range_panics() {
        let _ = EventKey::new(SimTime::ZERO, Class::Timer, 1 << 28, 0);
    }

    #[test]
    #[should_panic(expected = "2^34 events")]
    fn a_sequence_out_of_range_panics() {
        let _ = EventKey::new(SimTime::ZERO, Class::Timer, 0, 1 << 34);
    }
}
