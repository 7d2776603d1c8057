//! TCP (RFC 9293): connections, congestion control, loss recovery.

pub mod app;
pub mod config;
pub mod congestion;
pub mod info;
mod meaning;
pub mod parameters;
pub mod stack;
pub mod trace;

pub use config::{EcnPolicy, FastOpen, Keepalive, Profile, TcpConfig};
pub use info::TcpInfo;
pub use meaning::{KINDS, meaning};
pub use parameters::{Parameters, RtoFloor};
pub use stack::{CloseReason, ConnectionId, ListenerId, Notice, Opening, Output, Stack, StackError};
pub use trace::{Drop, Sample, Trace, Why};

use crate::packet::{Ecn, TcpHeader};
use crate::rope::Rope;

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
