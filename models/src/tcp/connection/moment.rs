//! A reading of the clock that may be missing, without a word to say so.

use protosim_core::LocalTime;
use std::num::NonZeroU64;

/// A reading of the clock; `Option<Moment>` is no larger. The last nanosecond of 584 years is held to the one before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Moment(NonZeroU64);

impl Moment {
    /// The reading.
    pub(super) const fn time(self) -> LocalTime {
        LocalTime::from_nanos(self.0.get() - 1)
    }
}

impl From<LocalTime> for Moment {
    fn from(at: LocalTime) -> Self {
        Self(NonZeroU64::MIN.saturating_add(at.as_nanos()))
    }
}

impl PartialEq<LocalTime> for Moment {
    fn eq(&self, other: &LocalTime) -> bool {
        self.time() == *other
    }
}

impl PartialOrd<LocalTime> for Moment {
    fn partial_cmp(&self, other: &LocalTime) -> Option<std::cmp::Ordering> {
        self.time().partial_cmp(other)
    }
}
