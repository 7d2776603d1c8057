//! What a connection tells observers: the event log, time series and diagrams are made of it. Nothing may depend on it.

use super::State;
use super::congestion::Phase;
use protosim_core::Span;
use serde::{Deserialize, Serialize};

/// Something that happened in a connection. Offsets count the bytes of a stream, SYN at 0 and the first byte of data at 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trace {
    /// The state has changed.
    State {
        /// Before.
        from: State,
        /// After.
        to: State,
    },
    /// A segment with data, SYN or FIN leaves.
    Sent {
        /// Its first offset.
        offset: u64,
        /// Sequence numbers that it takes: bytes of data, and one each for SYN and FIN.
        len: u64,
        /// The how-manieth transmission of its first offset, from 1.
        transmission: u32,
        /// Why.
        why: Why,
    },
    /// An acknowledgement has come.
    Acked {
        /// The offset up to which everything has arrived.
        una: u64,
        /// Bytes that it has newly acknowledged, selectively or not.
        delivered: u64,
        /// True for a duplicate (RFC 5681 §2).
        is_duplicate: bool,
    },
    /// A segment is held lost.
    Lost {
        /// Its first offset.
        offset: u64,
        /// Its length.
        len: u64,
    },
    /// An arriving segment was dropped here.
    Dropped(Drop),
    /// A timer was due.
    Timer(&'static str),
    /// It stands differently with losses.
    Phase {
        /// Before.
        from: Phase,
        /// After.
        to: Phase,
    },
    /// The last reduction of the window was for nothing, and is undone.
    Undone,
    /// The peer's window has closed (true) or opened.
    ZeroWindow(bool),
    /// How windows and estimates stand; after each acknowledgement, loss and time-out.
    Sample(Sample),
}

/// Why a segment is sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Why {
    /// For the first time.
    New,
    /// Acknowledgements tell of its loss.
    FastRetransmit,
    /// The retransmission time-out has passed.
    Timeout,
    /// To find out whether the tail is lost (RFC 8985 §7).
    TailLossProbe,
    /// To find out whether the peer's window has opened (RFC 9293 §3.8.6.1).
    WindowProbe,
    /// To find out whether the peer is there (RFC 9293 §3.8.4).
    Keepalive,
}

/// Why an arriving segment is dropped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Drop {
    /// Outside of the window (RFC 9293 §3.10.7.4, first check).
    OutsideWindow,
    /// An old duplicate by its timestamp (RFC 7323 §5).
    Paws,
    /// A RST that is not at the left edge of the window (RFC 5961 §3).
    BlindReset,
    /// A SYN in an established connection (RFC 5961 §4).
    BlindSyn,
    /// An acknowledgement of what was never sent, or too old (RFC 5961 §5).
    BadAck,
    /// Without an acknowledgement.
    NoAck,
    /// No memory on this host.
    OutOfMemory,
}

/// How a connection stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sample {
    /// \[bytes\]
    pub cwnd: u64,
    /// \[bytes\]; `u64::MAX` for none.
    pub ssthresh: u64,
    /// \[bytes\]
    pub in_flight: u64,
    /// The peer's window \[bytes\].
    pub snd_wnd: u64,
    /// Smoothed; zero before there is one.
    pub srtt: Span,
    /// As last measured; zero before there is one.
    pub rtt: Span,
    /// The retransmission time-out.
    pub rto: Span,
    /// Bytes that wait to be sent for the first time.
    pub unsent: u64,
    /// \[bytes/s\]; `u64::MAX` for none.
    pub pacing_rate: u64,
}
