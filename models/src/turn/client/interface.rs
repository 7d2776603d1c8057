//! What users tell a client and are told.

use crate::rope::Rope;
use crate::stun::Timing;
use crate::stun::wire::{ErrorCode, Family};
use protosim_core::Span;
use std::net::{IpAddr, SocketAddr};

/// What a client is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientConfig {
    /// The server's end.
    pub server: SocketAddr,
    /// Whether it is reached over a stream.
    pub is_stream: bool,
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
    /// How long it waits for answers.
    pub timing: Timing,
    /// The time that it asks for; the server's default if `None`.
    pub lifetime: Option<Span>,
    /// The family that it asks for; IPv4 is what servers give if `None`.
    pub family: Option<Family>,
    /// EVEN-PORT, and whether the next port is to be kept.
    pub even_port: Option<bool>,
    /// RESERVATION-TOKEN, in place of the two above.
    pub token: Option<[u8; 8]>,
}

impl ClientConfig {
    /// A client of `server` over UDP, with everything else at its default.
    pub fn new(server: SocketAddr, username: &str, password: &str) -> Self {
        let (username, password) = (username.to_owned(), password.to_owned());
        let (timing, is_stream) = (Timing::default(), false);
        let (lifetime, family, even_port, token) = (None, None, None, None);
        Self { server, is_stream, username, password, timing, lifetime, family, even_port, token }
    }
}

/// A payload from or to the server; over a stream it is one frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// The server's end.
    pub peer: SocketAddr,
    /// What.
    pub payload: Rope,
}

/// What the user above wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// A relayed address.
    Allocate,
    /// A permission for this address, kept until the end.
    Permit(IpAddr),
    /// A channel to this peer, kept until the end; it brings a permission.
    Bind(SocketAddr),
    /// Data to a peer: on its channel if it has one, else in a Send indication.
    Send(SocketAddr, Rope),
    /// No relayed address any more.
    Release,
    /// The server cannot be reached, as its stream or ICMP says: what was asked for has failed, and over a stream all is lost.
    Unreachable,
}

/// What the user above is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// There is a relayed address.
    Allocated {
        /// It.
        relayed: SocketAddr,
        /// This client's own, as the server sees it.
        mapped: SocketAddr,
        /// How long it lasts, unless it is refreshed.
        lifetime: Span,
        /// The token of the next port, where that was wanted.
        token: Option<[u8; 8]>,
    },
    /// This address may send, and be sent to.
    Permitted(IpAddr),
    /// There is no permission for this address, or no longer.
    NotPermitted(IpAddr, Failure),
    /// There is a channel to this peer.
    Bound(SocketAddr, u16),
    /// There is none, or no longer.
    NotBound(SocketAddr, Failure),
    /// Data from a peer.
    Received(SocketAddr, Rope),
    /// There is no relayed address, or no longer.
    Lost(Failure),
    /// The relayed address was given back.
    Released,
}

/// Why not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The server says so.
    Refused(ErrorCode),
    /// No answer came.
    TimedOut,
    /// The server cannot be reached.
    Unreachable,
    /// Answers came, whose integrity does not fit the password (RFC 8489 §9.2.5).
    Integrity,
    /// The server's answer cannot be used: it lacks what it must have, or wants algorithms that are not known here.
    Unusable,
}

/// A command that cannot be taken now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Misuse {
    /// An Allocate when there is an allocation, or one is being asked for.
    #[error("there is an allocation already")]
    Allocated,
    /// Anything else when there is none.
    #[error("there is no allocation")]
    NotAllocated,
    /// Data to a peer that has no permission yet: the server would drop them without a word.
    #[error("the server has not permitted this peer yet")]
    NotPermitted,
    /// All 4096 channels were used.
    #[error("there is no channel left")]
    NoChannel,
    /// More data than a datagram carries to the server.
    #[error("more data than a datagram carries")]
    TooLarge,
}

/// What became of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Requests, sent again ones not counted.
    pub requests: u64,
    /// Transmissions of them.
    pub transmissions: u64,
    /// Answers 401 and 438.
    pub challenges: u64,
    /// Data sent and received.
    pub sent: u64,
    /// The latter.
    pub received: u64,
    /// What came and was not looked at: of no transaction, wrong, or from elsewhere.
    pub dropped: u64,
}
