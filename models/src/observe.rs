//! What models report for results and traces. Nothing that decides may look at it.

use crate::app::StreamId;
use crate::ledger::MessageEvent;
use crate::tcp;
use crate::tls::crypto::Secret;
use protosim_core::SimTime;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// Something that happened in an application, stamped with the simulation's own time and the
/// App's path by whoever takes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Observation {
    /// A client has begun an exchange: its first transmission is being sent.
    ExchangeStarted(ExchangeId),
    /// The server's application has got the request of this exchange for the first time.
    RequestDelivered(ExchangeId),
    /// The first byte of the response has reached the client's application.
    ResponseBegan(ExchangeId),
    /// The exchange goes on under another name: what it began with was lost, and it is begun anew elsewhere.
    ExchangeMoved {
        /// The name that it had.
        from: Box<ExchangeId>,
        /// The name that it has.
        to: Box<ExchangeId>,
    },
    /// The client's exchange is over.
    ExchangeEnded {
        /// Which exchange.
        exchange: ExchangeId,
        /// How it ended.
        outcome: Outcome,
        /// How often the request was sent, the first time included.
        transmissions: u32,
    },
    /// A datagram has reached the application, or it has read bytes of a stream; reported only where someone listens to
    /// [`DELIVERIES`](protosim_core::kernel::Interests::DELIVERIES) or to
    /// [`TRACES`](protosim_core::kernel::Interests::TRACES).
    Received {
        /// Whose it is: together with the receiving App it names the flow.
        from: SocketAddr,
        /// When its host sent the datagram, after any wait for its processor: the stamp less this is the one-way delay. `None` for
        /// bytes of a stream, which may have been sent more than once.
        sent_at: Option<SimTime>,
        /// Its payload.
        bytes: u64,
    },
    /// A stream of the application has done something; reported only where someone listens to
    /// [`TRACES`](protosim_core::kernel::Interests::TRACES).
    Stream {
        /// Which stream.
        stream: StreamId,
        /// What.
        trace: tcp::Trace,
    },
    /// A secret of a TLS session, with which its packets can be read; reported only where someone listens to
    /// [`PACKETS`](protosim_core::kernel::Interests::PACKETS).
    TlsSecret(Box<TlsSecret>),
    /// A publisher or subscriber has done something with a message, which a [`Ledger`](crate::ledger::Ledger) takes; reported only where someone
    /// listens to [`MESSAGES`](protosim_core::kernel::Interests::MESSAGES).
    Message(Box<MessageEvent>),
}

/// A line of the key log (draft-ietf-tls-keylogfile).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsSecret {
    /// Which secret.
    pub label: &'static str,
    /// The random of the client's hello, which names the session.
    pub client_random: [u8; 32],
    /// Itself.
    pub secret: Secret,
}

impl std::fmt::Display for TlsSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ", self.label)?;
        self.client_random.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(" ")?;
        self.secret.as_slice().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// An exchange, named alike by both its ends, so that their reports can be joined.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ExchangeId {
    /// The client's address.
    pub client: SocketAddr,
    /// The server's address.
    pub server: SocketAddr,
    /// A number that the client gives once among its exchanges that are still open, and that the
    /// server can read from the request (CoAP: the token) or count (HTTP: which request of its connection it is).
    pub id: u64,
}

/// How an exchange ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// A response came, and it is not an error.
    Response,
    /// A response came that says that the request failed (CoAP: a code of class 4 or 5).
    ErrorResponse,
    /// The last time-out passed without one.
    TimedOut,
    /// The peer answered with a reset.
    Reset,
    /// The host had no memory for the request: it was never sent.
    OutOfMemory,
    /// Over without an answer, which was not asked for where all is well (CoAP: No-Response): nobody knows more.
    Unanswered,
    /// Given up because what came in parts did not fit together (CoAP: blocks of a resource that changes meanwhile).
    Incomplete,
}

impl Outcome {
    /// As written in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::ErrorResponse => "error response",
            Self::TimedOut => "timed out",
            Self::Reset => "reset",
            Self::OutOfMemory => "out of memory",
            Self::Unanswered => "unanswered",
            Self::Incomplete => "incomplete",
        }
    }
}
