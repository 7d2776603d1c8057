//! TCP (RFC 9293): connections, loss recovery, congestion control.
//!
//! # Where to find what
//! | file | has |
//! |---|---|
//! | [`config`], [`parameters`] | what a user writes; all constants and features, by profile |
//! | [`connection`] | [`Connection`], the machine: one end of one connection |
//! | [`congestion`] | NewReno, CUBIC with HyStart++, BBR v1 and v3, Vegas, DCTCP, a fixed window |
//! | [`stack`], `listener.rs` | [`Stack`]: the connections of a host, who listens, backlogs and cookies |
//! | [`app`] | sources, sinks, clients, servers over streams |
//! | [`info`], [`trace`] | a snapshot under Linux's names; what observers are told |
//! | [`closed_form`] | throughput under loss, slow start, average windows, as formulas |
//! | `meaning.rs` | what a segment is, for rules that name what a link drops |
//! | `hostile.rs` | a host under attack: for fuzzing and properties |
//! | [`crate::packet`] | the header and its options, with their encodings |
//!
//! # States
//! ```text
//!            passive open: SYN                     active open
//!   (LISTEN) ───────────────▶ SYN-RECEIVED ◀──SYN── SYN-SENT
//!                                  │ ACK               │ SYN,ACK
//!                                  └──▶ ESTABLISHED ◀──┘
//!                       close: FIN  │            │  FIN
//!                 FIN-WAIT-1 ◀──────┘            └──────▶ CLOSE-WAIT
//!    ACK of FIN │   │ FIN                                     │ close: FIN
//!    FIN-WAIT-2 │   └▶ CLOSING ─ACK of FIN─┐              LAST-ACK
//!       FIN └───┴────────▶ TIME-WAIT ◀─────┘                  │ ACK of FIN
//!                             └───── 2 MSL ────▶ CLOSED ◀─────┘
//! ```
//!
//! # Within an instant
//! All segments, commands and time-outs of an instant come first; then [`Connection::flush`] decides what is sent. Acknowledgements ride on
//! data, and several that may wait become one. What comes in one instant, as on a link without a rate, does not share an acknowledgement
//! where more segments would each have got one (RFC 5681 §4.2).
//!
//! # What is modelled
//! RFC 9293 with all its states; RFC 6528 (initial sequence numbers), 6191 (TIME-WAIT makes way), 5961 (blind attacks), 7323 (timestamps, PAWS,
//! window scaling), 2018 and 2883 (SACK, DSACK), 6298 (time-outs), 5681, 3465, 6582 (NewReno), 6675 (recovery by SACK, rescue retransmissions), 9937 (rate reduction), 8985 (RACK-TLP), 5682 (F-RTO), 3708 and
//! 4015 (undo), 3042 (limited transmit), 3168 and 8257 (ECN), 7413 (Fast Open), 4987 (SYN cookies), 1191 and 8201 (path MTU), 6928, keepalive,
//! window probes, Nagle and Minshall, delayed and quick acknowledgements, pacing. Windows are counted in bytes.
//!
//! # What is not, and what that does to results
//! - Urgent data are taken as data, as applications see them today (RFC 6093).
//! - Buffers do not grow by need, as Linux's do: they are as large from the start as they would become. Linux's window begins at 64 KiB
//!   and follows the reader; here a window is what is free.
//! - SACK compression, GRO and TSO are not modelled: each segment is acknowledged as its arrival says.
//! - AccECN (RFC 9768), authentication (RFC 5925), packetization-layer MTU probing (RFC 4821) and user time-outs (RFC 5482) are not there.
//! - Applications on simulated hosts accept at once: the accept backlog fills only for other users of a [`Stack`].
//! - Fast Open needs data when a connection is opened: applications give them by
//!   [`StreamOptions::early_data`](crate::app::StreamOptions), as `TcpClient` does, and `TcpSource` where its `fast_open` says so.

pub mod app;
pub mod closed_form;
pub mod config;
pub mod congestion;
pub mod connection;
mod ends;
#[cfg(any(test, feature = "testing"))]
pub mod hostile;
pub mod info;
mod listener;
mod meaning;
pub mod parameters;
pub mod stack;
pub mod trace;

pub use config::{EcnPolicy, FastOpen, Keepalive, Profile, TcpConfig};
pub use ends::Ends;
pub use info::{TcpInfo, TcpTotals};
pub use meaning::{KINDS, meaning};
pub use parameters::Parameters;
pub use stack::{CloseReason, ConnectionId, ListenerId, Notice, Opening, Output, Stack, StackError};
pub use trace::{Drop, Sample, Trace, Why};

pub use connection::Connection;

#[cfg(test)]
mod tests;

use crate::packet::{Ecn, IpHeader, Packet, TcpFlags, TcpHeader, Transport};
use crate::rope::Rope;
use protosim_core::Purpose;
use std::net::IpAddr;

/// Processor time of taking a segment, per segment and byte of data.
const RECEIVE: &str = "tcp.receive";
/// Processor time of making one.
const SEND: &str = "tcp.send";
/// The operations that take processor time.
pub const OPERATIONS: [&str; 2] = [RECEIVE, SEND];

/// Data that fit into a packet whatever the headers \[bytes\].
const SMALL: u64 = 65_000;

/// What congestion control leaves to chance.
const CONGESTION_LUCK: Purpose = Purpose("tcp.congestion");

/// The states of RFC 9293 §3.3.2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum State {
    /// There is no connection.
    #[default]
    Closed,
    /// Waits for connections.
    Listen,
    /// A SYN has been sent.
    SynSent,
    /// A SYN has come and one has been sent.
    SynReceived,
    /// Data go both ways.
    Established,
    /// The application has closed; the FIN is not acknowledged.
    FinWait1,
    /// The FIN is acknowledged; the peer's is awaited.
    FinWait2,
    /// The peer has finished.
    CloseWait,
    /// Both have closed at once; the FIN is not acknowledged.
    Closing,
    /// The peer has finished first, then the application.
    LastAck,
    /// Waits for what may still be on its way.
    TimeWait,
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Closed => "CLOSED",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
        })
    }
}

/// A segment, without its addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Its header.
    pub header: TcpHeader,
    /// Its data.
    pub payload: Rope,
    /// Explicit congestion notification of its packet.
    pub ecn: Ecn,
}

impl Segment {
    /// Sequence numbers that it takes: bytes of data, and one each for SYN and FIN.
    pub fn len_in_sequence(&self) -> u64 {
        let flags = self.header.flags;
        self.payload.len() + u64::from(flags.has(TcpFlags::SYN)) + u64::from(flags.has(TcpFlags::FIN))
    }

    /// The segment that a packet carries, if it does.
    #[inline]
    pub fn of(mut packet: Box<Packet>) -> Option<Self> {
        let Transport::Tcp(header) = std::mem::replace(&mut packet.transport, Transport::Damaged) else { return None };
        let ecn = packet.ip.ecn();
        Some(Self { header, payload: packet.recycle(), ecn })
    }

    /// The packet that carries it; `None` where the addresses are not of one family, or it is too large for one.
    #[inline]
    pub fn into_packet(self, src: IpAddr, dst: IpAddr) -> Option<Box<Packet>> {
        let Self { header, payload, ecn } = self;
        let mut ip = IpHeader::new(src, dst)?;
        ip.set_ecn(ecn);
        let (is_small, transport) = (payload.len() <= SMALL, Transport::Tcp(header.fitted()));
        let packet = Packet::boxed(ip, transport, payload);
        (is_small || packet.fits()).then_some(packet)
    }
}

/// The reset that answers a segment which belongs to no connection (RFC 9293 §3.10.7.1); none for a reset.
pub fn reset_for(segment: &Segment) -> Option<Segment> {
    let header = &segment.header;
    if header.flags.has(TcpFlags::RST) {
        return None;
    }
    let has_ack = header.flags.has(TcpFlags::ACK);
    let (flags, sequence, acknowledgment) = if has_ack {
        (TcpFlags::RST, header.acknowledgment, 0)
    } else {
        let end = header.sequence.wrapping_add(segment.len_in_sequence() as u32);
        (TcpFlags::RST.with(TcpFlags::ACK), 0, end)
    };
    let header = TcpHeader {
        source_port: header.destination_port,
        destination_port: header.source_port,
        sequence,
        acknowledgment,
        flags,
        window: 0,
        urgent: 0,
        timestamps: None,
        options: None,
    };
    Some(Segment { header, payload: Rope::new(), ecn: Ecn::NotEct })
}
