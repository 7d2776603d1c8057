//! TCP (RFC 9293): connections, congestion control, loss recovery.

pub mod app;
pub mod closed_form;
pub mod config;
pub mod congestion;
pub mod connection;
#[cfg(any(test, feature = "testing"))]
pub mod hostile;
pub mod info;
mod listener;
mod meaning;
pub mod parameters;
pub mod stack;
pub mod trace;

pub use config::{EcnPolicy, FastOpen, Keepalive, Profile, TcpConfig};
pub use info::{TcpInfo, TcpTotals};
pub use meaning::{KINDS, meaning};
pub use parameters::Parameters;
pub use stack::{CloseReason, ConnectionId, ListenerId, Notice, Opening, Output, Stack, StackError};
pub use trace::{Drop, Sample, Trace, Why};

pub use connection::Connection;

#[cfg(test)]
mod tests;

use crate::packet::{Ecn, TcpFlags, TcpHeader};
use crate::rope::Rope;
use protosim_core::Purpose;

/// Processor time of taking a segment, per segment and byte of data.
const RECEIVE: &str = "tcp.receive";
/// Processor time of making one.
const SEND: &str = "tcp.send";
/// The operations that take processor time.
pub const OPERATIONS: [&str; 2] = [RECEIVE, SEND];

/// Initial sequence numbers and offsets of timestamps.
const ISS_LUCK: Purpose = Purpose("tcp.iss");
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
