//! ICE, Interactive Connectivity Establishment (RFC 8445): which pair of addresses two agents behind NATs can talk over; with trickled
//! candidates (RFC 8838), candidates over TCP (RFC 6544), consent (RFC 7675) and restarts.
//!
//! # Where to find what
//! | file | has |
//! |---|---|
//! | [`candidate`] | candidates, their priorities and those of pairs |
//! | [`wire`], [`sdp`] | text: candidates, offers and answers, fragments that bring candidates later |
//! | [`agent`] | [`Agent`], the machine: one session, from gathering to the loss of consent |
//! | [`app`] | [`IceAgent`], the application: sockets, signalling, restarts, data |
//! | [`config`] | what a scenario says of it |
//! | `signalling.rs` | messages over a channel that may lose them |
//! | `tests/` | agents by hand and two of them over a wire, what holds whatever is lost |
//!
//! # A session
//! ```text
//!  New ── offer and answer are there ──▶ Checking ── every component has a pair ──▶ Connected ── no consent for 30 s ──▶ Lost
//!   │ gathers: hosts at once, one request           │ checks: one each Ta,               │ asks for consent every 4 to 6 s
//!   │ to a server each Ta                           │ the same turns                     │
//!                                                   └── no pair, and nothing that could become one: Failed
//! ```
//! A pair: Frozen ▶ Waiting ▶ In-Progress ▶ Succeeded or Failed; a check of the peer's puts it into the triggered queue (RFC 8445 §7.3.1.4).
//!
//! # Whose turn it is
//! Transactions begin at instants that are Ta apart, counted from when gathering or checks begin; each is used once. At a turn goes the
//! head of a triggered queue, else the next request to a server, else the best waiting pair of the next list. Retransmissions are not
//! paced (§14.2 paces new transactions), nor is the second Allocate, which answers a challenge.
//!
//! # Choices
//! - Nomination (§8.1.1 leaves it open): the best valid pair, as soon as no better one is frozen, waiting or being checked, or when `patience`
//!   (200 ms; 1 s while it has a relay) has passed since the first valid one.
//! - Pairs of relayed candidates need a permission, which is asked for as soon as the pair is formed, outside of the pace: until it is
//!   there, the peer's checks are lost at the relay.
//! - Peer-reflexive candidates count for the limit of 100 pairs (§6.1.2.5): two NATs of the kind whose answers come from another port
//!   each time teach new ones with each check. For the same reason another check, or request, has its turn after three triggered ones
//!   in a row, where §6.1.4.2 has triggered ones always go first: relayed pairs would never be checked.
//! - A hard error of ICMP fails a check (§7.2.5.2.2), and a server's request.
//! - An agent fails when all pairs are through and RFC 8863's 39.5 s are over, or after `most_time` (60 s), since §14.3 can make the RTO of
//!   many pairs longer than anybody waits.
//! - Consent is lost in one component, and the session is over. It is then silent, so that the peer's comes to its end, too.
//! - A restart is a new session with new sockets and allocations beside the old one, which carries data until the new one is connected,
//!   and takes what comes for three seconds more.
//! - A controlling end that never hears of its nomination's success nominates another pair. The controlled one follows, to one of lower
//!   priority once nothing was asked over the one that it uses for three intervals of consent (15 s). Of a controlling end that nominates several pairs, which
//!   §8.1.1 forbids, the one of highest priority is used, as it has it.
//! - All data streams of an agent have one name and password; RFC 8839 §5.4 lets them differ.
//! - A peer's own description decides what a candidate is: one that was learned from a check first, as peer-reflexive, is afterwards
//!   what the peer says.
//!
//! # What is not modelled, and what that does to results
//! - Simultaneous open over TCP and server-reflexive candidates of TCP: hosts have active and passive candidates, so that TCP gets
//!   through to whoever is open. The text of all of them is read.
//! - Names below `.local` are resolved by nobody: peers on one LAN find each other by peer-reflexive candidates if one of them tells an
//!   address, as where multicast DNS is filtered.
//! - Each agent has a pace of its own; §14.2 has 5 ms as the least of all agents of a host together.
//! - Two lite agents have no consent, so that they use a dead path until the end.
//! - Relays that no pair has are given back three seconds after the session is connected (§8.3); sockets stay, and what gives a relay
//!   back is sent once when a session is closed, so that it may be lost, and the relay be there until its time is over.
//! - Changing DNS, BUNDLE, and rollback of offers beyond the one case of two that meet.
//! - A lite agent's peer-reflexive candidates have no priority of their own; it makes no checks that would tell them.

pub mod agent;
pub mod app;
pub mod candidate;
pub mod config;
#[cfg(feature = "str0m")]
pub mod foreign;
mod party;
pub mod sdp;
mod signalling;
pub mod wire;

pub use agent::Agent;
pub use app::IceAgent;
pub use candidate::{Candidate, CandidateAddress, CandidateKind, Protocol, TcpType};
pub use config::{IceAgentConfig, IceImplementation, IceServer};

#[cfg(test)]
mod tests;
