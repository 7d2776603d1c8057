//! The retransmission timer of one confirmable message (RFC 7252 §4.2, draft-ietf-core-cocoa-03 §4.3).

use super::cocoa::Estimates;
use crate::coap::config::{Congestion, Parameters};
use protosim_core::{LocalTime, Span, Stream};

/// The backoff of one message: the time-out is drawn once and grows by one factor from then on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Backoff {
    timeout: Span,
    retransmissions: u32,
    /// The factor, in halves.
    halves: u64,
    /// When the message was first sent.
    sent: LocalTime,
    /// Of the retransmissions, those before that: of messages whose place it has taken.
    before: u32,
}

impl Backoff {
    /// For a message that is being sent for the first time, while `outstanding` messages to its peer are, itself included.
    pub(super) fn start(
        parameters: &Parameters,
        estimates: &mut Estimates,
        outstanding: u32,
        now: LocalTime,
        luck: &mut Stream,
    ) -> Self {
        let (shortest, halves) = match parameters.congestion {
            Congestion::Default => (parameters.ack_timeout, 4),
            Congestion::Cocoa => estimates.timeout(parameters, outstanding, now),
        };
        let timeout = luck.span_between(shortest, parameters.ack_random_factor.times(shortest));
        Self { timeout, retransmissions: 0, halves, sent: now, before: 0 }
    }

    /// How long to wait for an acknowledgement of the latest transmission.
    pub(super) const fn timeout(&self) -> Span {
        self.timeout
    }

    /// How often the message has been sent again, others whose place it has taken included.
    pub(super) const fn retransmissions(&self) -> u32 {
        self.retransmissions
    }

    /// How often the message itself has been sent again: what an ACK leaves open is which of these it answers.
    pub(super) const fn own_retransmissions(&self) -> u32 {
        self.retransmissions - self.before
    }

    /// The attempt that begins now is another message's (RFC 7641 §4.5.2): time-outs go on, round trips are measured anew.
    pub(super) const fn begin_anew(&mut self, now: LocalTime) {
        self.sent = now;
        self.before = self.retransmissions;
    }

    /// When the message was first sent.
    pub(super) const fn sent(&self) -> LocalTime {
        self.sent
    }

    /// The time-out has passed: true to send the message again, false to give up. The wait after
    /// the last retransmission is as long as its turn says: giving up at once would lose answers.
    pub(super) fn on_timeout(&mut self, parameters: &Parameters) -> bool {
        if self.retransmissions >= parameters.max_retransmit {
            return false;
        }
        self.retransmissions += 1;
        let longer = self.timeout.saturating_mul(self.halves).as_nanos() / 2;
        self.timeout = Span::from_nanos(longer);
        true
    }
}
