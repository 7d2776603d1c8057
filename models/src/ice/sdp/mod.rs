//! Descriptions of sessions (SDP, RFC 8866), as ICE agents offer and answer them (RFC 8839), and fragments of them that bring candidates
//! later (`application/trickle-ice-sdpfrag`, RFC 8840 §9). Only text: what carries it is elsewhere.
//!
//! | file | what |
//! |---|---|
//! | `mod` | [`Description`], [`Media`], and what an agent asks of them |
//! | `fragment` | [`Fragment`], [`FragmentMedia`] |
//! | `lines` | lines out of a text, within [`Limits`] |
//! | `level` | attributes of the session or of one medium, gathered |
//! | `read`, `write` | descriptions out of text, and into it |
//!
//! # An offer
//! ```text
//! v=0
//! o=- 2890844526 1 IN IP4 10.0.0.2        who made it, and which version of it this is
//! s=-
//! t=0 0
//! a=ice-options:ice2 trickle              what all media share
//! m=audio 45664 RTP/AVP 0                 a data stream, and its default destination:
//! c=IN IP4 192.0.2.3                      the port above, the address here
//! a=mid:0
//! a=rtcp-mux                              one component; with a=rtcp:45665 IN IP4 192.0.2.3 two
//! a=ice-ufrag:8hhY
//! a=ice-pwd:asd88fgpdd777uzjYhagZg
//! a=candidate:1 1 UDP 2130706431 10.0.0.2 8998 typ host
//! a=candidate:2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 10.0.0.2 rport 8998
//! a=end-of-candidates
//! ```
//!
//! # What is in, and what is not
//! | of SDP | read | written |
//! |---|---|---|
//! | order of lines, lines that must be there (RFC 8866 §5, §9) | checked | kept |
//! | ends of lines | CRLF or LF | CRLF |
//! | `v=` | must be 0 | 0 |
//! | `o=` | number, version and address; the user name is skipped | with `-` for a user |
//! | `s=`, `i=`, `u=`, `e=`, `p=`, `r=`, `z=`, `k=` | skipped | `s=-` |
//! | `t=` | two numbers, skipped | `0 0` |
//! | `c=` | of the session or of a medium; IPv4, IPv6 or a name, unicast | of each medium |
//! | `b=` | `RS:0` with `RR:0`, no RTCP (RFC 3556) | those |
//! | `m=` | whole; a number of ports is skipped | whole |
//! | `a=mid` (RFC 5888) | yes, once in a description | yes |
//! | `a=rtcp` (RFC 3605), `a=rtcp-mux` (RFC 5761) | [`Rtcp`] | yes |
//! | attributes of ICE | as [`wire`](super::wire) has them, each at its level | credentials at each medium; options that all media share at the session |
//! | other attributes | skipped: codecs, directions, `a=group` (so no BUNDLE), DTLS, SCTP | no |
//!
//! Numbers and versions of sessions beyond 64 bits, multicast addresses with their TTL, networks other than `IN`, and more than one `c=` of a
//! medium, which only multicast has, are refused.
//!
//! # What is refused beyond the grammar
//! A medium without `c=` where the session has none (RFC 8866 §5.7); one of ice-ufrag and ice-pwd without the other, candidates without both,
//! two passwords for one ice-ufrag (RFC 8839 §5.4); an attribute of ICE at the level where it may not be (§5); two media of one `mid`.

mod fragment;
mod level;
mod lines;
mod read;
#[cfg(test)]
mod tests;
mod write;

use super::wire::is_no_destination;
use super::wire::{Credentials, DISCARD_PORT, Host, IceOptions, Malformed, RemoteCandidates};
use super::{Candidate, CandidateAddress, CandidateKind, Protocol};
pub use fragment::{Fragment, FragmentMedia};
pub use lines::Limits;
use protosim_core::Span;
use std::net::{IpAddr, Ipv4Addr};

/// Why a description or a fragment cannot be read, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct SdpError {
    /// The line, from 1; what lacks a line is told of the medium's first, or of the last one.
    pub line: usize,
    /// What is wrong with it.
    pub reason: Malformed,
}

/// A session, as one agent describes it to the other: an offer or an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description {
    /// Which session of the agent's it is; the same in all versions of its description (RFC 8866 §5.2).
    pub session_id: u64,
    /// Larger by one in each description that differs from the one before (RFC 3264 §8).
    pub version: u64,
    /// The agent's address, which with the number tells sessions apart, and says nothing of where to send.
    pub origin: Host,
    /// Whether the agent is a lite one (RFC 8839 §5.3).
    pub lite: bool,
    /// The Ta that it wants (§5.5), in whole milliseconds; none says 50 ms. Lite agents have none (§4.3.1).
    pub pacing: Option<Span>,
    /// The data streams, in their order, by which an answer's are those of the offer (RFC 3264 §6).
    pub media: Vec<Media>,
}

impl Description {
    /// Of a full agent that wants no pacing of its own.
    pub fn new(session_id: u64, version: u64, origin: IpAddr, media: Vec<Media>) -> Self {
        Self { session_id, version, origin: Host::Ip(origin), lite: false, pacing: None, media }
    }
}

/// A data stream (RFC 8839 §4.2.1.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Media {
    /// What is sent, and how.
    pub format: Format,
    /// What the stream is called in fragments (RFC 8840 §9.1): a token.
    pub mid: Option<Box<str>>,
    /// Where an agent without ICE would send: the port of `m=` and the address of `c=`. With port 0 the stream is refused or removed
    /// (RFC 3264 §6, §8.2).
    pub default: CandidateAddress,
    /// The second component.
    pub rtcp: Rtcp,
    /// The name and password of its checks; none if its agent does without ICE (RFC 8839 §4.2.5).
    pub credentials: Option<Credentials>,
    /// What the agent knows beyond RFC 5245.
    pub options: IceOptions,
    /// Where the agent may be reached.
    pub candidates: Vec<Candidate>,
    /// No more of them will follow (RFC 8838 §13).
    pub end_of_candidates: bool,
    /// In an answer: the offer's default destination was none of its candidates, and this stream is without ICE (RFC 8839 §4.2.5).
    pub mismatch: bool,
    /// What the controlling agent chose of its peer's (§4.4.1.2.2).
    pub remote_candidates: RemoteCandidates,
}

/// What a medium is: the words of `m=` but for the port (RFC 8866 §5.14).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Format {
    /// `audio`, `video`, `application` and others: a token.
    pub kind: Box<str>,
    /// `RTP/AVP`, `UDP/TLS/RTP/SAVPF`, `TCP/RTP/AVP` and others: tokens between slashes.
    pub protocol: Box<str>,
    /// Payload types of RTP and what others have: tokens with a space between them.
    pub formats: Box<str>,
}

/// Speech of 64 kbit/s (PCMU, RFC 3551 §6), over RTP and UDP.
impl Default for Format {
    fn default() -> Self {
        Self { kind: "audio".into(), protocol: "RTP/AVP".into(), formats: "0".into() }
    }
}

impl Format {
    /// Whether it is RTP, which RTCP goes with.
    pub fn is_rtp(&self) -> bool {
        self.protocol.split('/').any(|part| part == "RTP")
    }

    /// Whether agents without ICE would use TCP (RFC 4145, RFC 4571 §4).
    fn is_tcp(&self) -> bool {
        self.protocol.split('/').next() == Some("TCP")
    }
}

/// What becomes of RTCP, which is the second component where it has one (RFC 8839 §4.2.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rtcp {
    /// There is none: the medium is not RTP, or both its bandwidths of RTCP are zero (RFC 3556).
    None,
    /// It shares the component of RTP (RFC 5761). In an offer: if the answer says so too.
    Multiplexed,
    /// It has a component, with this default destination.
    Separate(CandidateAddress),
}

/// What stands as default destination where there is none (RFC 8839 §4.3.1): port 9 of an unspecified address.
pub const NO_DESTINATION: CandidateAddress =
    CandidateAddress::Ip(std::net::SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), DISCARD_PORT));

/// The default destination of a component, of these candidates: one of UDP, of the type that is likeliest to work with a peer without
/// ICE, which is a relayed one, then a server-reflexive one, then a host (RFC 8445 §5.1.4), and of these the one of highest priority. Names
/// do not count. Without one it is [`NO_DESTINATION`], as in an offer that candidates follow (RFC 8840 §4.1.1).
pub fn default_destination(candidates: &[Candidate], component: u16) -> CandidateAddress {
    let rank = |candidate: &Candidate| match candidate.kind {
        CandidateKind::Relayed => Some(2_u8),
        CandidateKind::ServerReflexive => Some(1),
        CandidateKind::Host => Some(0),
        // What the peer's checks show was never told to it by a default.
        CandidateKind::PeerReflexive => None,
    };
    candidates
        .iter()
        .filter(|candidate| candidate.component == component && candidate.protocol == Protocol::Udp)
        .filter_map(|candidate| Some((rank(candidate)?, candidate.priority, candidate.address.ip()?)))
        // The first of those that are worth the same.
        .reduce(|best, other| if (other.0, other.1) > (best.0, best.1) { other } else { best })
        .map_or(NO_DESTINATION, |(.., address)| CandidateAddress::Ip(address))
}

impl Media {
    /// A stream of RTP as an agent of RFC 8445 offers it, whose components are one, with RTCP in it, or two. Its default destinations are
    /// [those of its candidates](default_destination).
    pub fn new(mid: &str, components: u16, credentials: Credentials, candidates: Vec<Candidate>) -> Self {
        let rtcp = match components {
            2 => Rtcp::Separate(default_destination(&candidates, 2)),
            _ => Rtcp::Multiplexed,
        };
        Self {
            format: Format::default(),
            mid: Some(mid.into()),
            default: default_destination(&candidates, 1),
            rtcp,
            credentials: Some(credentials),
            options: IceOptions { ice2: true, trickle: false },
            candidates,
            end_of_candidates: false,
            mismatch: false,
            remote_candidates: RemoteCandidates::default(),
        }
    }

    /// How many components it has: 1 or 2.
    pub const fn components(&self) -> u16 {
        match self.rtcp {
            Rtcp::None | Rtcp::Multiplexed => 1,
            Rtcp::Separate(_) => 2,
        }
    }

    /// Whether somebody between the agents has changed a default destination: that of some component is none of its candidates
    /// (RFC 8839 §4.2.5). [`NO_DESTINATION`] and names are no mismatch; neither is a stream that is refused, or is without ICE.
    pub fn is_mismatched(&self) -> bool {
        let is_listed = |address: &CandidateAddress, component| {
            let fits = |candidate: &Candidate| {
                let is_tcp = matches!(candidate.protocol, Protocol::Tcp(_));
                candidate.component == component && is_tcp == self.format.is_tcp() && candidate.address == *address
            };
            is_no_destination(address) || self.candidates.iter().any(fits)
        };
        let rtcp = match &self.rtcp {
            Rtcp::None | Rtcp::Multiplexed => true,
            Rtcp::Separate(address) => is_listed(address, 2),
        };
        self.credentials.is_some() && self.default.port() != 0 && !(is_listed(&self.default, 1) && rtcp)
    }
}
