//! TURN, Traversal Using Relays around NAT (RFC 8656), over UDP and over streams, relaying UDP.
//!
//! # Where to find what
//! | file | has |
//! |---|---|
//! | [`server`] | [`Server`], the machine that relays; `allocation.rs` has one client's permissions and channels |
//! | [`client`] | [`Client`], the machine that asks for a relayed address and keeps it |
//! | [`app`] | [`TurnServer`], an application that relays, over UDP, TCP and TLS |
//! | [`user`] | [`TurnClient`], an application that sends through a relay and waits for echoes |
//! | `tests/` | scripts, both machines over a wire, and what holds under random operations and times |
//!
//! Messages and ChannelData are in [`crate::stun::wire`].
//!
//! # A client
//! ```text
//!  Idle ── Allocate ──▶ 401 with realm and nonce ── Allocate with credentials ──▶ Allocated ─┐ Refresh, CreatePermission,
//!   ▲                                                  ▲    │ 438: the new nonce      ▲  │   │ ChannelBind, each before its
//!   │                                                  └────┘                         │  │   │ time is over
//!   └── refused, no answer for 39.5 s, 437 to a Refresh; Refresh with LIFETIME 0 ◀────┼──┘   │
//!                                                                                     └──────┘
//! ```
//! An allocation is refreshed 60 s before its end, or at half its time if that is less than 120 s; a permission after 240 s of its
//! 300 s; a channel after 540 s of its 600 s (our choice; §8.1, §10 and §12 leave when to the client).
//!
//! # A packet at the server
//! ```text
//!  from the client: ChannelData of a bound channel, or Send ── peer permitted ──▶ UDP from the relayed address to the peer
//!  from a peer, to the relayed address ── its IP address permitted ──▶ ChannelData if a channel is bound to it, else Data
//!  all others ──▶ dropped, counted
//! ```
//! A permission is for an IP address, whatever the port. CreatePermission and ChannelBind install and refresh it; traffic does not.
//!
//! # Choices
//! - A channel that is bound needs its peer's permission, too, which is over 300 s after the last ChannelBind or CreatePermission:
//!   §12.6 leaves open whether the server looks. So nothing ever passes without one.
//! - For 300 s after its end a channel's number and its peer are free for each other alone. §12 asks that of the client; this
//!   server holds clients to it (400).
//! - An Allocate that comes again is answered with the bytes of the first answer (§7.2 allows that, or computing it anew).
//! - Relayed addresses are drawn at random from the range, then the next free one is taken.
//! - A nonce is good for 3600 s: §5 has the server change it at least once an hour. The sheet of checks has that as the least; coturn
//!   has 600 s where it is told to change them at all.
//! - Channels are 0x4000 to 0x4fff (§12); `old_channels` lets clients of RFC 5766, such as coturn's, have those up to 0x7fff.
//! - A server never gives less than its default lifetime (§7.2), whatever less was asked for, but for 0.
//!
//! # What is not modelled, and what that does to results
//! - ADDITIONAL-ADDRESS-FAMILY, which may be ignored, is: one allocation has one address. ICMP is not relayed (§11.5), MOBILITY-TICKET,
//!   ALTERNATE-SERVER and ORIGIN are not known, and TCP towards peers (RFC 6062) gets 442.
//! - DF and traffic class are not translated (§14): what hosts send over IPv4 has DF set anyway, so that DONT-FRAGMENT is honoured.

pub mod app;
pub mod client;
pub mod server;
pub mod user;

pub use app::{TurnServer, TurnServerConfig};
pub use client::{Client, ClientConfig};
pub use server::{FiveTuple, Server, ServerConfig, Transport};
pub use user::{TurnClient, TurnClientConfig};

use protosim_core::Span;

/// How long a permission lasts (RFC 8656 §9).
pub const PERMISSION_LIFETIME: Span = Span::from_secs(300);
/// How long a channel is bound (§12).
pub const CHANNEL_LIFETIME: Span = Span::from_secs(600);
/// How long its number and its peer are kept for each other after that (§12).
pub const CHANNEL_GUARD: Span = Span::from_secs(300);
/// How long an allocation lasts if the client does not say (§3.2).
pub const DEFAULT_LIFETIME: Span = Span::from_secs(600);
/// How long at most (§7.2: recommended).
pub const MAX_LIFETIME: Span = Span::from_secs(3600);
/// How long a port is kept for whoever has its token (§7.2: at least 30 s).
pub const RESERVATION_LIFETIME: Span = Span::from_secs(30);

/// UDP in REQUESTED-TRANSPORT.
const PROTOCOL_UDP: u8 = 17;

/// Processor time of relaying a packet, per packet and byte.
const RELAY: &str = "turn.relay";
/// The operations that take processor time, beside those of STUN.
pub const OPERATIONS: [&str; 1] = [RELAY];

#[cfg(test)]
mod tests;
