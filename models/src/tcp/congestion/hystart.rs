//! HyStart++ (RFC 9406): leaves slow start when the round trip grows, before the queue is full.
//!
//! ```text
//!               RTT of this round ≥ last + threshold
//!   slow start ─────────────────────────────────────▶ conservative slow start (a quarter of the growth)
//!        ▲                                                  │          │ 5 rounds
//!        └──────────────────────────────────────────────────┘          ▼
//!                 RTT below the one it was entered with       congestion avoidance
//! ```

use super::{Ack, Window};
use protosim_core::Span;

/// MIN_RTT_THRESH (RFC 9406 §4.3).
const MIN_RTT_THRESH: Span = Span::from_millis(4);
/// MAX_RTT_THRESH.
const MAX_RTT_THRESH: Span = Span::from_millis(16);
/// MIN_RTT_DIVISOR.
const MIN_RTT_DIVISOR: u64 = 8;
/// N_RTT_SAMPLE: fewer in a round say nothing.
const N_RTT_SAMPLE: u8 = 8;
/// CSS_GROWTH_DIVISOR.
const CSS_GROWTH_DIVISOR: u64 = 4;
/// CSS_ROUNDS: so many rounds of conservative slow start, and it is over.
const CSS_ROUNDS: u8 = 5;

/// What it has seen of the round trips.
#[derive(Clone, Copy, Debug)]
pub(super) struct HyStart {
    /// windowEnd: this round ends when this offset is acknowledged; zero before the first one.
    window_end: u64,
    /// lastRoundMinRTT; [`Span::MAX`] stands for infinity.
    last_round_min: Span,
    /// currentRoundMinRTT.
    current_round_min: Span,
    /// cssBaselineMinRtt; [`Span::MAX`] while in slow start.
    css_baseline: Span,
    /// rttSampleCount, counted no further than needed.
    samples: u8,
    /// Rounds of conservative slow start, the one it was entered in included; zero while in slow start.
    css_rounds: u8,
    /// Bytes acknowledged in conservative slow start that have not made a whole byte of growth.
    remainder: u8,
}

impl HyStart {
    pub(super) const fn new() -> Self {
        Self {
            window_end: 0,
            last_round_min: Span::MAX,
            current_round_min: Span::MAX,
            css_baseline: Span::MAX,
            samples: 0,
            css_rounds: 0,
            remainder: 0,
        }
    }

    /// RttThresh, by the least round trip of the last round.
    pub(super) fn threshold(last_round_min: Span) -> Span {
        Span::from_nanos(last_round_min.as_nanos() / MIN_RTT_DIVISOR).clamp(MIN_RTT_THRESH, MAX_RTT_THRESH)
    }

    /// True during conservative slow start.
    pub(super) const fn is_conservative(&self) -> bool {
        self.css_rounds > 0
    }

    /// By how many bytes the window grows for `acked` ones.
    pub(super) const fn growth(&mut self, acked: u64) -> u64 {
        if !self.is_conservative() {
            return acked;
        }
        let acked = acked.saturating_add(self.remainder as u64);
        self.remainder = (acked % CSS_GROWTH_DIVISOR) as u8;
        acked / CSS_GROWTH_DIVISOR
    }

    /// RFC 9406 §4.2, for each acknowledgement in slow start. Sets `ssthresh` when slow start is over.
    pub(super) fn on_ack(&mut self, ack: &Ack, window: &mut Window) {
        if let Some(rtt) = ack.rtt {
            self.current_round_min = self.current_round_min.min(rtt);
            self.samples = self.samples.saturating_add(1).min(N_RTT_SAMPLE);
        }
        self.judge();
        if self.window_end == 0 {
            self.window_end = ack.snd_nxt;
        } else if ack.snd_una >= self.window_end {
            self.window_end = ack.snd_nxt;
            if self.is_conservative() {
                if self.css_rounds == CSS_ROUNDS {
                    window.ssthresh = window.cwnd;
                    return;
                }
                self.css_rounds += 1;
            }
            self.last_round_min = self.current_round_min;
            self.current_round_min = Span::MAX;
            self.samples = 0;
        }
    }

    /// Has the round trip grown; or was it an error to think so?
    fn judge(&mut self) {
        if self.samples < N_RTT_SAMPLE {
            return;
        }
        if self.is_conservative() {
            if self.current_round_min < self.css_baseline {
                self.css_baseline = Span::MAX;
                self.css_rounds = 0;
            }
        } else if self.last_round_min != Span::MAX
            && self.current_round_min >= self.last_round_min.saturating_add(Self::threshold(self.last_round_min))
        {
            self.css_baseline = self.current_round_min;
            self.css_rounds = 1;
        }
    }
}
