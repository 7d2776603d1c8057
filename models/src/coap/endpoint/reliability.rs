//! The retransmission timer of one confirmable message (RFC 7252 §4.2).

use crate::coap::config::Parameters;
use protosim_core::{Span, Stream};

/// The backoff of one message: the time-out is drawn once and doubles from then on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Backoff {
    timeout: Span,
    retransmissions: u32,
}

impl Backoff {
    /// For a message that is being sent for the first time.
    pub(super) fn start(parameters: &Parameters, luck: &mut Stream) -> Self {
        let timeout = luck.span_between(parameters.ack_timeout, parameters.longest_ack_timeout());
        Self { timeout, retransmissions: 0 }
    }

    /// How long to wait for an acknowledgement of the latest transmission.
    pub(super) const fn timeout(&self) -> Span {
        self.timeout
    }

    /// How often the message has been sent again.
    pub(super) const fn retransmissions(&self) -> u32 {
        self.retransmissions
    }

    /// The time-out has passed: true to send the message again, false to give up. The wait after
    /// the last retransmission is as long as its turn says: giving up at once would lose answers.
    pub(super) fn on_timeout(&mut self, parameters: &Parameters) -> bool {
        if self.retransmissions >= parameters.max_retransmit {
            return false;
        }
        self.retransmissions += 1;
        self.timeout = self.timeout.saturating_mul(2);
        true
    }
}
