//! Message ids towards one peer (RFC 7252 §4.4).

use crate::coap::wire::MessageId;
use protosim_core::{LocalTime, Span};
use std::collections::VecDeque;

/// Gives out message ids one after the other, none twice within EXCHANGE_LIFETIME.
///
/// Once all 65,536 have been used within that time the next has to wait: at the default of 247 s
/// that is a limit of 265 messages a second. The lifetime is counted from the first use, as the
/// RFC has it; a receiver counts it from the first arrival, so that right at the limit a
/// much delayed first copy can make a receiver take a new message for a duplicate.
#[derive(Clone, Debug)]
pub(super) struct MessageIds {
    next: u16,
    /// When the latest ids were used, oldest first; the newest of them is `next - 1`.
    used: VecDeque<LocalTime>,
}

/// How many ids there are.
const IDS: usize = 1 << 16;

impl MessageIds {
    /// Ids from `first` on, which is drawn at random (RFC 7252 §4.4).
    pub(super) const fn starting_at(first: u16) -> Self {
        Self { next: first, used: VecDeque::new() }
    }

    /// The next id.
    ///
    /// # Errors
    /// While none is free: the time from when on one is.
    pub(super) fn allocate(&mut self, now: LocalTime, lifetime: Span) -> Result<MessageId, LocalTime> {
        while self.used.front().is_some_and(|used| used.saturating_add(lifetime) <= now) {
            self.used.pop_front();
        }
        if let Some(oldest) = self.used.front().filter(|_| self.used.len() == IDS) {
            return Err(oldest.saturating_add(lifetime));
        }
        self.used.push_back(now);
        let id = MessageId(self.next);
        self.next = self.next.wrapping_add(1);
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Span = Span::from_secs(247);

    #[test]
    fn ids_count_up_from_the_start_and_wrap() {
        let mut ids = MessageIds::starting_at(0xffff);
        assert_eq!(ids.allocate(LocalTime::ZERO, LIFETIME), Ok(MessageId(0xffff)));
        assert_eq!(ids.allocate(LocalTime::ZERO, LIFETIME), Ok(MessageId(0)));
    }

    /// RFC 7252 §4.4: not reused within EXCHANGE_LIFETIME, so the 65,537th message waits for the
    /// end of the first one's lifetime.
    #[test]
    fn an_id_is_not_used_again_before_its_lifetime_is_over() {
        let mut ids = MessageIds::starting_at(7);
        let mut now = LocalTime::ZERO;
        for _ in 0..IDS {
            assert!(ids.allocate(now, LIFETIME).is_ok());
            now = now + Span::from_millis(1);
        }
        let free = LocalTime::ZERO + LIFETIME;
        assert_eq!(ids.allocate(now, LIFETIME), Err(free));
        assert_eq!(ids.allocate(free, LIFETIME), Ok(MessageId(7)));
    }
}
