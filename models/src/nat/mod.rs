//! NATs, NAT64s and stateful firewalls: what they remember, and by which rules (RFC 4787 for UDP, RFC 5382 for TCP, RFC 5508 for ICMP, RFC
//! 7857 for what was learnt since, RFC 6888 for carriers, RFC 6146 between IPv6 and IPv4, RFC 6092 for firewalls without translation).
//!
//! ```text
//!        inside                      |                       outside
//!   X:x --------> outbound: mapping for (X:x, key) ---------> P:p --------> Y:y
//!                 none? choose P:p, or refuse (no port)
//!                 session with Y:y begins or is refreshed
//!   X:x <-------- inbound: mapping of P:p <------------------ P:p <-------- Y:y
//!                 none? refuse (no mapping)
//!                 no session that the filter asks for? refuse (filtered)
//! ```
//!
//! - `config`, and `nat64` for NAT64s: what a user says, with units, defaults and their sources.
//! - `prefix`: IPv4 addresses inside IPv6 addresses (RFC 6052).
//! - `table`: mappings, sessions and timers: a machine without clock or sockets.
//! - `ports`: which external port a mapping gets.
//! - `session`: connections of TCP.
//! - [`crate::node`] has the rest in its files `nat`, `nats` and `nat64`: which packets come here, how they are rewritten, what is said by ICMP;
//!   [`crate::packet`], in `families`, the translation of headers (RFC 7915).
//!
//! A NAT64 is the same with X:x of IPv6, and P:p and Y:y of IPv4: hosts inside see Y as an address under its prefix
//! ([`synthesised`]). Mappings are endpoint-independent.
//!
//! The key of a mapping is nothing (EIM), the remote address (ADM) or the remote address and port (APDM). A filter lets in what meets
//! a mapping (EIF), from addresses (ADF) or from addresses and ports (APDF) with a session. RFC 3489
//! had names for four of these: full cone EIM/EIF, restricted cone EIM/ADF, port-restricted cone EIM/APDF, symmetric APDM/APDF.
//!
//! Linux when it masquerades is APDM, APDF and `Overload`: every host keeps its port for as long as the remote endpoint tells whose packets
//! are whose, and looks like EIM until two hosts of one port meet at one server. Its time-outs are not those of the RFCs, and are to be
//! given.
//!
//! # What RFCs leave open, and what was chosen
//! - A session is remembered as long as its mapping would be, from the last packet to its remote endpoint on (RFC 4787 has no time for filters).
//! - Identifiers of ICMP queries are mapped by the same rules as ports of UDP, the remote port taken as zero.
//! - A segment of TCP without SYN that belongs to no session is dropped in both directions: a NAT that lost power ends idle connections.
//! - The identifier of an ICMP query is preserved, drawn or counted like a port, without class, parity or range.
//! - An ICMP error from outside comes in if the session that it quotes is known, whatever the filter; one from inside leaves if the internal
//!   endpoint has the mapping that the quoted remote endpoint asks for.
//! - A pool is used in turn; a host of a `Paired` pool that has no mapping left may get another address next time.
//!
//! - A NAT64 shows all addresses under its prefix, the well-known one too: private ones, which RFC 6052 §3.1 excludes there, are public in many of
//!   our networks.
//! - A NAT64 says nothing of packets of other protocols, and none of their hosts inside is told. What its filter refuses is dropped silently.
//! - An ICMPv6 error from inside, whoever inside it is from, leaves with the external address as its source (RFC 6791 has pools for that).
//! - A NAT64 puts fragments together, of both families, before it translates, and knows afterwards that they may be cut (RFC 7915 §4.1, §5.1.1).
//!   How long it waits for them is the node's [`crate::node::IpConfig::reassembly_timeout`], not FRAGMENT_MIN.
//! - Of TCP it knows the states of `session`, as any NAT here: those of RFC 6146 §3.5.2, without the probe of an idle
//!   connection (§3.5.2.2, TCP_EST).
//!
//! # What is not here
//! Port forwarding, PCP (RFC 6887) and UPnP; application layer gateways; blocks of ports for logging (RFC 6888); protocols but UDP, TCP and
//! ICMP through a NAT (firewalls pass them); DCCP and SCTP; translation between prefixes of IPv6 (RFC 6296); DNS64, stateless translation and CLATs
//! (RFC 6877); source routes, which a NAT64 ignores with all options of IPv4; extensions of ICMP (RFC 4884); a NAT that changes its behaviour under
//! load (against RFC 4787 REQ-11). Fragments of IPv4 are put together before they are translated, as Linux does, and cut again; held out of order otherwise
//! they are not (RFC 4787 REQ-14 is met that way). Fragments of IPv6 do not pass a firewall. Checksums of UDP that are
//! zero do not occur: our senders compute them.

mod config;
mod nat64;
mod ports;
mod prefix;
mod session;
mod table;

#[cfg(test)]
mod tests;

pub use config::{
    Blocks, Dependence, FilterState, FirewallConfig, Hairpinning, NatConfig, NatTimers, Policy, Pooling, PortAssignment,
};
pub use nat64::Nat64Config;
pub use prefix::{Nat64Prefix, PrefixError, extracted, synthesised};
pub use table::{Draw, Endpoint, Flow, Proto, Refusal, Table, TableCounts};
