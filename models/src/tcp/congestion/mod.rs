//! Congestion control: how much may be in flight, and how fast it leaves.
//!
//! An algorithm owns no clock and no connection: the connection tells it of acknowledgements ([`Ack`]), of congestion
//! ([`Congestion::on_congestion`]) and of time-outs, and it moves the [`Window`]. While losses are being repaired,
//! proportional rate reduction (RFC 9937) sets the window of algorithms that have no model of the path of their own
//! ([`Congestion::sets_window_in_recovery`]).

mod fixed;
mod new_reno;

pub use fixed::Fixed;
pub use new_reno::NewReno;

use protosim_core::{LocalTime, Span};
use serde::{Deserialize, Serialize};

/// The congestion window and its threshold, both in bytes of payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// At most so much is in flight \[bytes\].
    pub cwnd: u64,
    /// Below it the window grows as in slow start \[bytes\]; `u64::MAX` until something is known of the path.
    pub ssthresh: u64,
    /// Sender maximum segment size: payload of a full segment \[bytes\].
    pub mss: u64,
}

impl Window {
    /// True while the window grows as in slow start (RFC 5681 §3.1).
    pub const fn is_in_slow_start(&self) -> bool {
        self.cwnd < self.ssthresh
    }
}

/// What an acknowledgement has brought.
#[derive(Clone, Copy, Debug)]
pub struct Ack {
    /// The host's clock.
    pub now: LocalTime,
    /// Bytes that the cumulative acknowledgement has advanced over.
    pub newly_acked: u64,
    /// Bytes that are known to have arrived and were not before, selectively acknowledged ones included.
    pub delivered: u64,
    /// Bytes of those whose segments were marked by a queue, as far as the receiver has told (DCTCP).
    pub marked: u64,
    /// Bytes that are held lost since this acknowledgement.
    pub lost: u64,
    /// Bytes in flight before it.
    pub prior_in_flight: u64,
    /// Bytes in flight after it.
    pub in_flight: u64,
    /// A measurement of the round trip, if it allows one.
    pub rtt: Option<Span>,
    /// Smoothed round trip; zero before there is one.
    pub srtt: Span,
    /// The least round trip of late; [`Span::MAX`] before there is one.
    pub min_rtt: Span,
    /// The rate at which bytes have been delivered, if it allows a sample.
    pub rate: Option<RateSample>,
    /// True if the sender has used its window: it grows only then (RFC 7661, RFC 9438 §5.8).
    pub is_cwnd_limited: bool,
    /// All bytes that have been delivered so far, those of this acknowledgement included.
    pub total_delivered: u64,
    /// First byte that is not acknowledged, as an offset in the stream.
    pub snd_una: u64,
    /// The next byte to be sent for the first time, as an offset in the stream.
    pub snd_nxt: u64,
    /// Where the connection stands with losses.
    pub phase: Phase,
}

/// A sample of the delivery rate (draft-cheng-iccrg-delivery-rate-estimation).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateSample {
    /// Bytes delivered between the sending of the segment that was acknowledged last and its acknowledgement.
    pub delivered: u64,
    /// Over which time: the longer one of sending and of acknowledging.
    pub interval: Span,
    /// All bytes that had been delivered when that segment was sent.
    pub prior_delivered: u64,
    /// True if the sender had nothing to send then, so that the path may be faster.
    pub is_app_limited: bool,
    /// Bytes in flight right after that segment was sent.
    pub tx_in_flight: u64,
    /// Bytes that were held lost between its sending and now.
    pub lost: u64,
}

/// Where a connection stands with losses; the words of Linux's `tcp_ca_state`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Phase {
    /// Nothing is missing.
    #[default]
    Open,
    /// Duplicate or selective acknowledgements have come, too few to hold anything lost.
    Disorder,
    /// The window is being reduced, since a queue has marked a packet (RFC 3168).
    Cwr,
    /// Losses that acknowledgements told of are being repaired.
    Recovery,
    /// A retransmission time-out has passed.
    Loss,
}

/// What says that the path is congested.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// A segment is held lost.
    Loss,
    /// A queue has marked a packet (RFC 3168 §6.1.2).
    Mark,
    /// The retransmission time-out has passed.
    Timeout,
}

/// Which algorithm, as in a scenario: `congestion: Cubic()`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub enum CongestionConfig {
    /// NewReno (RFC 5681, RFC 6582).
    NewReno,
    /// A window that never changes, for teaching.
    Fixed {
        /// \[full segments\], 1 to 10^6.
        window: u32,
    },
}

impl Default for CongestionConfig {
    fn default() -> Self {
        Self::NewReno
    }
}

impl CongestionConfig {
    /// What nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Fixed { window: 0 } => vec![("tcp.congestion.Fixed.window", "is at least 1".to_owned())],
            _ => Vec::new(),
        }
    }

    /// The algorithm at the start of a connection.
    pub fn build(&self) -> Congestion {
        match self {
            Self::NewReno => Congestion::NewReno(NewReno::new()),
            Self::Fixed { window } => Congestion::Fixed(Fixed::new(*window)),
        }
    }
}

/// An algorithm at work.
#[derive(Clone, Debug)]
pub enum Congestion {
    /// See [`NewReno`].
    NewReno(NewReno),
    /// See [`Fixed`].
    Fixed(Fixed),
}

impl Congestion {
    /// An acknowledgement has come. Algorithms without a model of the path do nothing here while [`Phase::Recovery`] or
    /// [`Phase::Cwr`] last: rate reduction sets the window then.
    #[inline]
    pub fn on_ack(&mut self, ack: &Ack, window: &mut Window, luck: &mut dyn FnMut() -> u64) {
        let _ = luck;
        match self {
            Self::NewReno(algorithm) => algorithm.on_ack(ack, window),
            Self::Fixed(algorithm) => algorithm.on_ack(window),
        }
    }

    /// The path is congested, for the first time in this window of data: sets `window.ssthresh` to what the window shall be
    /// reduced to. The window itself is set by the connection: at once to one segment after a time-out, step by step while
    /// losses are being repaired; unless [`Congestion::sets_window_in_recovery`] says that this algorithm does that too.
    pub fn on_congestion(&mut self, cause: Cause, now: LocalTime, in_flight: u64, window: &mut Window) {
        let _ = (cause, now);
        match self {
            Self::NewReno(algorithm) => algorithm.on_congestion(in_flight, window),
            Self::Fixed(_) => {}
        }
    }

    /// Losses are repaired, or the reduction after a mark is done; the window is `ssthresh` now, unless the algorithm sets it.
    pub fn on_recovered(&mut self, now: LocalTime, window: &mut Window) {
        let _ = (now, window);
    }

    /// The last congestion was none: `window` is as it was before it.
    pub fn on_undo(&mut self, now: LocalTime, window: &mut Window) {
        let _ = (now, window);
    }

    /// Data are being sent after nothing was in flight for `idle`.
    pub fn on_idle_restart(&mut self, now: LocalTime, idle: Span, window: &mut Window) {
        let _ = (now, idle, window);
    }

    /// True for algorithms that set the window themselves while losses are being repaired.
    pub fn sets_window_in_recovery(&self) -> bool {
        matches!(self, Self::Fixed(_))
    }

    /// True for algorithms whose receiving end tells of each marked packet (RFC 8257 §3.2), not of a congestion until it is answered.
    pub fn echoes_each_mark(&self) -> bool {
        false
    }

    /// The rate at which segments shall leave \[bytes/s\], if the algorithm has one of its own.
    pub fn pacing_rate(&self, window: &Window, srtt: Span) -> Option<u64> {
        let _ = (window, srtt);
        None
    }

    /// As written in tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NewReno(_) => "NewReno",
            Self::Fixed(_) => "Fixed",
        }
    }
}
