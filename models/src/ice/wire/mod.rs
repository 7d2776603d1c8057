//! ICE as text: the attributes of SDP that carry it (RFC 8839 §5), with those of ICE over TCP (RFC 6544 §4.5) and trickle ICE
//! (RFC 8840 §8).
//!
//! | file | what |
//! |---|---|
//! | `candidate` | [`Candidate::parse`] and its `Display`: the value of `a=candidate` |
//! | `attributes` | [`Attribute`], any attribute of SDP, those of ICE read; [`IceOptions`], [`Credentials`] |
//! | `grammar` | characters, numbers, addresses ([`Host`]) |
//!
//! # What is in, and what is not
//! | attribute | read and written | limits |
//! |---|---|---|
//! | `candidate` (§5.1) | yes | foundation 1 to 32 ice-chars, component 1 to 256, priority 1 to 2^31 - 1, port 0 to 65535 |
//! | its `raddr`, `rport` | yes | hidden ones (an unspecified address) are none |
//! | its `tcptype` (RFC 6544) | yes | must be there with TCP |
//! | its other extensions | skipped | a name and a value each |
//! | `remote-candidates` (§5.2) | yes, several lines are one list | entries without an IP address are left out |
//! | `ice-lite`, `ice-mismatch` (§5.3) | yes | |
//! | `ice-ufrag`, `ice-pwd` (§5.4) | yes | 4 to 256 and 22 to 256 ice-chars |
//! | `ice-pacing` (§5.5) | yes | ten digits of milliseconds |
//! | `ice-options` (§5.6) | `ice2` and `trickle` | other tags are skipped |
//! | `end-of-candidates` (RFC 8840 §8) | yes | |
//!
//! # What is ignored, and what is refused
//! A candidate over a transport that is neither UDP nor TCP, of a type, a direction of TCP or a kind of address that is not known here, is
//! ignored, as §5.1 has it for addresses: its line is read to the end, and nothing comes of it. What breaks the grammar is refused with a
//! reason ([`Malformed`]). Between the two stand addresses: with a colon it is IPv6, of digits and dots alone it is IPv4, and either may be
//! wrong; of letters, digits, hyphens and dots it is a name; the rest is of an unknown kind, for which RFC 8866 §9 leaves room (`extn-addr`).
//! Candidates at names are read; an agent that does not resolve them has to ignore them (§5.1).
//!
//! Tokens that the grammar spells out are compared without regard to case, as ABNF has it; names of attributes with it (RFC 8866 §5).

mod attributes;
mod candidate;
pub(crate) mod grammar;
#[cfg(test)]
pub(crate) mod tests;

#[cfg(doc)]
use super::Candidate;
pub use attributes::{Attribute, Credentials, IceOptions, RemoteCandidates};
pub use grammar::Host;
pub(crate) use grammar::is_no_destination;

/// Why a text is not what it should be, in words.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

/// The port of what has none: of active candidates of TCP (RFC 6544 §4.5), and of default destinations that there are not yet
/// (RFC 8839 §4.3.1).
pub const DISCARD_PORT: u16 = 9;
