//! What one hop comes to, with losses that are independent of each other: formulas for experiments and tests.

use super::csma::CsmaParameters;
use super::timing::{ACK_LEN, CCA, TURNAROUND, UNIT_BACKOFF_PERIOD, air_time, interframe_space};

/// One acknowledged hop: each transmission is lost with probability `frame_loss`, each acknowledgement with `ack_loss`, and there are
/// up to `retries` retries.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Hop {
    /// Probability that a frame is lost.
    pub frame_loss: f64,
    /// Probability that an acknowledgement is lost.
    pub ack_loss: f64,
    /// macMaxFrameRetries.
    pub retries: u8,
}

fn power(base: f64, exponent: u32) -> f64 {
    (0..exponent).fold(1.0, |product, _| product * base)
}

impl Hop {
    fn transmissions(&self) -> u32 {
        u32::from(self.retries) + 1
    }

    /// Probability that a transmission is not acknowledged.
    fn silence(&self) -> f64 {
        1.0 - (1.0 - self.frame_loss) * (1.0 - self.ack_loss)
    }

    /// Probability that the sender learns that the frame came: 1 - s^(n+1), for s that a transmission is not acknowledged.
    pub fn acknowledged(&self) -> f64 {
        1.0 - power(self.silence(), self.transmissions())
    }

    /// Probability that the frame comes at all: 1 - p^(n+1), as a lost acknowledgement makes for a further transmission.
    pub fn delivered(&self) -> f64 {
        1.0 - power(self.frame_loss, self.transmissions())
    }

    /// Mean number of transmissions: (1 - s^(n+1)) / (1 - s), as the sum of s^k.
    pub fn mean_transmissions(&self) -> f64 {
        (0..self.transmissions()).map(|k| power(self.silence(), k)).sum()
    }

    /// Probability that a datagram of `frames` frames comes, each of which must: a sender that gives one up may go on or not.
    pub fn datagram_delivered(&self, frames: u32) -> f64 {
        power(self.delivered(), frames)
    }
}

impl CsmaParameters {
    /// Probability that there is no access, where each sensing finds the channel busy with probability `busy`, independently:
    /// b^(macMaxCSMABackoffs + 1).
    pub fn access_failure(&self, busy: f64) -> f64 {
        power(busy, u32::from(self.max_backoffs) + 1)
    }

    /// Mean time from the start to the end of the interframe space of an acknowledged frame of `mpdu_len` bytes, on a channel that is
    /// idle and loses nothing \[s\]: backoff, sensing, turnaround, frame, turnaround, acknowledgement, pause.
    pub fn mean_exchange(&self, mpdu_len: usize) -> f64 {
        let periods = ((1_u64 << self.min_be.min(63)) - 1) as f64 / 2.0;
        let fixed = CCA.span()
            + TURNAROUND.span()
            + air_time(mpdu_len)
            + TURNAROUND.span()
            + air_time(ACK_LEN)
            + interframe_space(mpdu_len);
        periods * UNIT_BACKOFF_PERIOD.span().as_secs_f64() + fixed.as_secs_f64()
    }
}
