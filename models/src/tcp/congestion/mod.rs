//! Congestion control: how much may be in flight, and how fast it leaves.
//!
//! An algorithm owns no clock and no connection: the connection tells it of acknowledgements ([`Ack`]), of congestion
//! ([`Congestion::on_congestion`]) and of time-outs, and it moves the [`Window`]. While losses are being repaired,
//! proportional rate reduction (RFC 9937) sets the window of algorithms that have no model of the path of their own
//! ([`Congestion::sets_window_in_recovery`]).

mod bbr;
mod config;
mod cubic;
mod dctcp;
mod fixed;
mod hystart;
mod new_reno;
#[cfg(test)]
mod tests;
mod vegas;

pub use bbr::{BbrV1, BbrV3};
pub use config::{CongestionConfig, CubicConfig, DctcpConfig, VegasConfig};
pub use cubic::Cubic;
pub use dctcp::Dctcp;
pub use fixed::Fixed;
pub use new_reno::NewReno;
pub use vegas::Vegas;

use protosim_core::{LocalTime, Span};

/// No window grows beyond it \[bytes\]: a thousand times what TCP's header can offer, so that sums never overflow.
const MOST_WINDOW: u64 = 1 << 40;

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

    /// Grows by `acked` bytes, but not by more than `limit`, nor beyond `ssthresh`. What was left for congestion avoidance.
    fn grow_in_slow_start(&mut self, acked: u64, limit: u64) -> u64 {
        let acked = acked.min(limit);
        let grown = acked.min(self.ssthresh.min(MOST_WINDOW).saturating_sub(self.cwnd));
        self.cwnd += grown;
        acked - grown
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

impl Ack {
    /// True if algorithms without a model of the path may let the window grow: the sender has used it, and no rate
    /// reduction sets it.
    const fn may_grow(&self) -> bool {
        self.is_cwnd_limited && !matches!(self.phase, Phase::Recovery | Phase::Cwr)
    }
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

/// A segment that is held lost; what a model of the path makes of it (draft-ietf-ccwg-bbr §5.5.10).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lost {
    /// The host's clock.
    pub now: LocalTime,
    /// Its first byte, as an offset in the stream.
    pub offset: u64,
    /// Its payload \[bytes\].
    pub bytes: u64,
    /// Bytes in flight right after it was sent, it included.
    pub tx_in_flight: u64,
    /// Bytes that were held lost between its sending and now, it included.
    pub lost: u64,
    /// True if the sender had nothing to send when it was sent.
    pub is_app_limited: bool,
    /// All bytes that have been delivered so far.
    pub total_delivered: u64,
}

/// An algorithm at work.
#[derive(Clone, Debug)]
pub enum Congestion {
    /// See [`Cubic`].
    Cubic(Cubic),
    /// See [`NewReno`].
    NewReno(NewReno),
    /// See [`BbrV1`].
    BbrV1(Box<BbrV1>),
    /// See [`BbrV3`].
    BbrV3(Box<BbrV3>),
    /// See [`Vegas`].
    Vegas(Vegas),
    /// See [`Dctcp`].
    Dctcp(Dctcp),
    /// See [`Fixed`].
    Fixed(Fixed),
}

impl Congestion {
    /// The connection has its first window; an algorithm that has one of its own begins with that.
    pub fn begin(&mut self, window: &mut Window) {
        if let Self::Fixed(algorithm) = self {
            algorithm.hold(window);
        }
    }

    /// An acknowledgement has come. Algorithms without a model of the path do not move the window while
    /// [`Phase::Recovery`] or [`Phase::Cwr`] last: rate reduction sets it then. `luck` gives uniform draws over 64 bits.
    #[inline]
    pub fn on_ack(&mut self, ack: &Ack, window: &mut Window, luck: &mut dyn FnMut() -> u64) {
        match self {
            Self::Cubic(algorithm) => algorithm.on_ack(ack, window),
            Self::NewReno(algorithm) => algorithm.on_ack(ack, window),
            Self::BbrV1(algorithm) => algorithm.on_ack(ack, window, luck),
            Self::BbrV3(algorithm) => algorithm.on_ack(ack, window, luck),
            Self::Vegas(algorithm) => algorithm.on_ack(ack, window),
            Self::Dctcp(algorithm) => algorithm.on_ack(ack, window),
            Self::Fixed(algorithm) => algorithm.hold(window),
        }
    }

    /// A segment is held lost: called for each, before [`Congestion::on_ack`] of the acknowledgement that tells of it. Only
    /// models of the path want it.
    #[inline]
    pub fn on_lost(&mut self, lost: &Lost, window: &Window) {
        if let Self::BbrV3(algorithm) = self {
            algorithm.on_lost(lost, window);
        }
    }

    /// The path is congested, for the first time in this window of data: sets `window.ssthresh` to what the window shall be
    /// reduced to. The window itself is set by the connection: at once to one segment after a time-out, step by step while
    /// losses are being repaired; unless [`Congestion::sets_window_in_recovery`] says that this algorithm does that too.
    ///
    /// `flight` is FlightSize (RFC 5681 §2): all bytes that have been sent and are not cumulatively acknowledged.
    pub fn on_congestion(&mut self, cause: Cause, _now: LocalTime, flight: u64, window: &mut Window) {
        match self {
            Self::Cubic(algorithm) => algorithm.on_congestion(cause, flight, window),
            Self::NewReno(algorithm) => algorithm.on_congestion(flight, window),
            Self::BbrV1(algorithm) => algorithm.on_congestion(cause, window),
            Self::BbrV3(algorithm) => algorithm.on_congestion(cause, window),
            Self::Vegas(algorithm) => algorithm.on_congestion(flight, window),
            Self::Dctcp(algorithm) => algorithm.on_congestion(cause, flight, window),
            Self::Fixed(algorithm) => algorithm.hold(window),
        }
    }

    /// The retransmission time-out has passed while the window is being reduced, and the stack does not reduce it twice (Linux): the
    /// threshold stays, the window begins anew.
    pub fn on_timeout_in_reduction(&mut self, window: &mut Window) {
        match self {
            Self::Cubic(algorithm) => algorithm.on_timeout_in_reduction(),
            Self::BbrV1(algorithm) => algorithm.on_congestion(Cause::Timeout, window),
            Self::BbrV3(algorithm) => algorithm.on_congestion(Cause::Timeout, window),
            Self::Fixed(_) | Self::NewReno(_) | Self::Vegas(_) | Self::Dctcp(_) => {}
        }
    }

    /// Losses are repaired, or the reduction after a mark is done; the window is `ssthresh` now, unless the algorithm sets it.
    pub fn on_recovered(&mut self, _now: LocalTime, window: &mut Window) {
        match self {
            Self::BbrV1(algorithm) => algorithm.on_recovered(window),
            Self::BbrV3(algorithm) => algorithm.on_recovered(window),
            Self::Fixed(algorithm) => algorithm.hold(window),
            Self::Cubic(_) | Self::NewReno(_) | Self::Vegas(_) | Self::Dctcp(_) => {}
        }
    }

    /// The last congestion was none: `window` is as it was before it.
    pub fn on_undo(&mut self, _now: LocalTime, window: &mut Window) {
        match self {
            Self::Cubic(algorithm) => algorithm.on_undo(),
            Self::BbrV1(algorithm) => algorithm.on_undo(window),
            Self::BbrV3(algorithm) => algorithm.on_undo(window),
            Self::Fixed(algorithm) => algorithm.hold(window),
            Self::NewReno(_) | Self::Vegas(_) | Self::Dctcp(_) => {}
        }
    }

    /// Nothing will tell any more that the last congestion was none.
    pub fn forget_undo(&mut self) {
        if let Self::Cubic(algorithm) = self {
            algorithm.forget_undo();
        }
    }

    /// Bytes allocated.
    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        match self {
            Self::Cubic(algorithm) => algorithm.allocated(),
            Self::BbrV1(_) => size_of::<BbrV1>(),
            Self::BbrV3(_) => size_of::<BbrV3>(),
            Self::NewReno(_) | Self::Vegas(_) | Self::Dctcp(_) | Self::Fixed(_) => 0,
        }
    }

    /// Data are about to be sent while nothing is in flight, since the application had none for `idle`, however short. The
    /// restart window (RFC 5681 §4.1) is the connection's affair; this is for what the algorithm knows of time and rate.
    pub fn on_idle_restart(&mut self, now: LocalTime, _idle: Span, window: &mut Window) {
        match self {
            Self::BbrV1(algorithm) => algorithm.on_idle_restart(now, window),
            Self::BbrV3(algorithm) => algorithm.on_idle_restart(now, window),
            Self::Cubic(algorithm) => algorithm.on_idle_restart(now),
            Self::Fixed(_) | Self::NewReno(_) | Self::Vegas(_) | Self::Dctcp(_) => {}
        }
    }

    /// True for algorithms that set the window themselves while losses are being repaired, and after a time-out.
    pub const fn sets_window_in_recovery(&self) -> bool {
        matches!(self, Self::Fixed(_) | Self::BbrV1(_) | Self::BbrV3(_))
    }

    /// True for algorithms whose receiving end tells of each marked packet (RFC 8257 §3.2), not of a congestion until it is answered.
    pub const fn echoes_each_mark(&self) -> bool {
        matches!(self, Self::Dctcp(_))
    }

    /// The rate at which segments shall leave \[bytes/s\], if the algorithm has one of its own.
    pub fn pacing_rate(&self, window: &Window, srtt: Span) -> Option<u64> {
        match self {
            Self::BbrV1(algorithm) => Some(algorithm.pacing_rate(window, srtt)),
            Self::BbrV3(algorithm) => Some(algorithm.pacing_rate(window, srtt)),
            Self::Cubic(_) | Self::NewReno(_) | Self::Vegas(_) | Self::Dctcp(_) | Self::Fixed(_) => None,
        }
    }

    /// As written in tables.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Cubic(_) => "CUBIC",
            Self::NewReno(_) => "NewReno",
            Self::BbrV1(_) => "BBR",
            Self::BbrV3(_) => "BBRv3",
            Self::Vegas(_) => "Vegas",
            Self::Dctcp(_) => "DCTCP",
            Self::Fixed(_) => "Fixed",
        }
    }
}
