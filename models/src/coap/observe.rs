//! Which of two notifications is newer (RFC 7641 §3.4).

use protosim_core::{LocalTime, Span};

/// Sequence numbers have 24 bits.
pub(super) const SEQUENCE: u32 = (1 << 24) - 1;

/// Half of them: what is farther away is behind.
const HALF: u32 = 1 << 23;

/// After this time any notification is newer than one before.
const REORDERING: Span = Span::from_secs(128);

/// What an observer knows of the order of notifications.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Freshness(Option<(u32, LocalTime)>);

impl Freshness {
    /// Whether a notification with this sequence number, come now, is newer than the newest so far, which it is from now on; with how
    /// many numbers were left out in between.
    pub(super) fn take(&mut self, sequence: u32, now: LocalTime) -> Option<u32> {
        let sequence = sequence & SEQUENCE;
        let skipped = match self.0 {
            None => 0,
            Some((before, at)) => {
                let ahead = before < sequence && sequence - before < HALF;
                let wrapped = before > sequence && before - sequence > HALF;
                if !ahead && !wrapped && now <= at.saturating_add(REORDERING) {
                    return None;
                }
                // The same again after so long leaves nothing out.
                (sequence.wrapping_sub(before) & SEQUENCE).saturating_sub(1)
            }
        };
        self.0 = Some((sequence, now));
        Some(if skipped < HALF { skipped } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7641 §3.4: V1 < V2 and V2 - V1 < 2^23, or V1 > V2 and V1 - V2 > 2^23, or T2 > T1 + 128 s.
    #[test]
    fn order_goes_by_24_bits_and_128_seconds() {
        let at = |seconds| LocalTime::ZERO + Span::from_secs(seconds);
        let then = |first, second, seconds| {
            let mut freshness = Freshness::default();
            assert_eq!(freshness.take(first, at(0)), Some(0));
            freshness.take(second, at(seconds))
        };
        assert_eq!(then(5, 6, 0), Some(0));
        assert_eq!(then(5, 9, 0), Some(3));
        assert_eq!(then(6, 5, 0), None);
        assert_eq!(then(5, 5, 0), None);
        assert_eq!(then(SEQUENCE, 0, 0), Some(0));
        assert_eq!(then(SEQUENCE - 1, 1, 0), Some(2));
        assert_eq!(then(0, HALF - 1, 0), Some(HALF - 2));
        // Exactly half way neither rule fits.
        assert_eq!(then(0, HALF, 0), None);
        assert_eq!(then(HALF, 0, 0), None);
        assert_eq!(then(6, 5, 128), None);
        assert_eq!(then(6, 5, 129), Some(0));
        assert_eq!(then(6, 6, 129), Some(0));
    }
}
