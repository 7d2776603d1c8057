//! Packets: a typed IP header, a typed transport header and a payload.
//!
//! A [`Packet`] is what links carry and machines exchange. It is never stale: lengths and checksums
//! are no fields of it but computed when it is encoded. [`Packet::wire_len`] is what links and
//! queues use; [`Packet::encode`] is what captures, live peers and corruption use; the payload is a
//! [`Rope`], so that bulk data costs nothing until then, and even then its checksum does not.
//!
//! Reading goes in two steps, as in reality: [`Packet::decode_network`] is what a router does, the
//! IP header only; [`Packet::decode_transport`] is what the addressed host does with the result,
//! checksum included. [`Packet::decode`] is both.
//!
//! A fragment carries bytes, whatever its transport ([`Transport::Other`]): a checksum and a length
//! in its first part speak of the whole. [`Packet::transport_rope`] gives the bytes to cut.
//!
//! | file | what |
//! |---|---|
//! | `ip` | what both versions share, protocol numbers |
//! | `ipv4`, `ipv6` | the two headers |
//! | `tcp`, `udp`, `icmp`, `icmpv6` | transports |
//! | `report` | ICMP errors: when, quoting what |
//! | `translate` | other addresses and ports, as a NAT writes them |
//! | `families` | IPv6 packets over IPv4 and the other way round, as a NAT64 makes them |
//! | `fingerprint` | what digests are made of |
//! | `checksum` | the Internet checksum, also over virtual payloads |
//! | `error` | why bytes are not a packet |

mod checksum;
mod error;
mod families;
mod fingerprint;
mod icmp;
mod icmpv6;
mod ip;
mod ipv4;
mod ipv6;
mod pool;
mod report;
mod tcp;
mod translate;
mod udp;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_families;
#[cfg(test)]
mod tests_fingerprint;
#[cfg(test)]
mod tests_tcp;
#[cfg(test)]
mod vectors;

pub use checksum::Checksum;
pub use error::{DecodeError, Layer};
pub(crate) use families::{Ends, GROWTH, MOST_CUTTABLE, Mtus};
pub use icmp::{IcmpMessage, ParameterProblem, Redirect, TimeExceeded, Unreachable};
pub use icmpv6::{Icmpv6Message, Icmpv6ParameterProblem, Icmpv6Unreachable};
pub use ip::{DEFAULT_TTL, Ecn, Fragment, IpHeader, is_single_host, is_to_many, protocol};
pub use ipv4::{Ipv4Header, Ipv4Options};
pub use ipv6::{ExtensionHeader, ExtensionKind, Ipv6Extensions, Ipv6Header};
pub use report::{ErrorCause, MAX_ICMP_ERROR_LEN, MAX_ICMPV6_ERROR_LEN, Quoted};
pub use tcp::{MAX_OPTIONS_LEN, SackBlock, TcpFlags, TcpHeader, TcpOptions, Timestamps};
pub(crate) use translate::PacketEnd;
pub use udp::UdpHeader;

use crate::rope::Rope;
use bytes::Bytes;
use protosim_core::SimTime;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// What the 16-bit length fields end at: bytes of an IPv4 packet, or of what follows the fixed IPv6
/// header.
pub const MAX_WIRE_LEN: u64 = 65_535;

/// An IP packet. At most 192 bytes in memory, three cache lines; what hardly any packet has (IPv4
/// options, IPv6 extension headers, most options of TCP, payloads of several runs) lives elsewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet {
    /// IP header.
    pub ip: IpHeader,
    /// Transport header, of a kind that goes with the IP header.
    pub transport: Transport,
    /// What follows the transport header.
    pub payload: Rope,
    /// Facts for traces and results.
    pub provenance: Provenance,
    /// How the link that it is on loses it, if it does and that is not plain chance; as provenance, for captures alone.
    pub lost: Option<LossCause>,
}

/// How a link loses a packet on the way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LossCause {
    /// By chance: plain loss, bursts, bit errors.
    Chance,
    /// As it was recorded.
    Recorded,
    /// By a rule that names what is dropped.
    Rule,
}

/// The header after the IP header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Transport {
    /// TCP.
    Tcp(TcpHeader),
    /// UDP.
    Udp(UdpHeader),
    /// ICMP; over IPv4 only.
    Icmp(IcmpMessage),
    /// ICMPv6; over IPv6 only.
    Icmpv6(Icmpv6Message),
    /// No typed header: all bytes are in the payload. Protocols without a variant, and fragments.
    Other {
        /// Protocol number.
        protocol: u8,
    },
    /// Bits have flipped on the way: the payload is the whole packet as it arrives, IP header included, and the typed IP header
    /// is the one that was sent. [`Packet::as_received`] reads it.
    Damaged,
}

/// What only the simulator knows of a packet. It is not on the wire and no machine may read it:
/// neither a protocol nor a queue may depend on it, only traces, captures and results.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Provenance {
    /// Which packet of the run, in the numbering of whoever sent it; 0 if nobody numbered it.
    pub packet_id: u64,
    /// When its sender sent it.
    pub sent_at: SimTime,
    /// The station of the last shared medium on its way that it was sent to, from 1; 0 for all stations of a group, and before
    /// any. It stands for the destination in the header of the link layer, which is not written out: who sends it on a
    /// medium sets it, and the medium reads it.
    pub station: u16,
    /// Its payload is protected, or quotes some that is: its bytes are as good as drawn, others in each mode of cryptography, and the fingerprint has
    /// their number alone.
    pub is_protected: bool,
    /// What is remembered of the content.
    seal: fingerprint::Seal,
}

/// A packet that cannot be built.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BuildError {
    /// Source and destination are not of one family.
    #[error("{src} and {dst} are not of one IP version")]
    MixedFamilies {
        /// Source address.
        src: IpAddr,
        /// Destination address.
        dst: IpAddr,
    },
    /// More than the length fields can say.
    #[error("a payload of {0} bytes does not fit in an IP packet")]
    TooLarge(u64),
}

/// The fields of an echo request or reply, whatever the version of IP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Echo {
    /// True for the answer.
    pub is_reply: bool,
    /// Which conversation.
    pub identifier: u16,
    /// Which request in it.
    pub sequence: u16,
}

/// An IP header that was read, with the facts that follow from the packet when one is written.
struct Received<H> {
    header: H,
    protocol: u8,
    /// Length of the header on the wire in bytes.
    header_len: usize,
    /// Length of the whole packet in bytes, by its length field.
    total_len: usize,
}

impl Transport {
    /// Protocol number.
    pub fn protocol(&self) -> u8 {
        match self {
            Self::Tcp(_) => protocol::TCP,
            Self::Udp(_) => protocol::UDP,
            Self::Icmp(_) => protocol::ICMP,
            Self::Icmpv6(_) => protocol::ICMPV6,
            Self::Other { protocol } => *protocol,
            // Nothing has this number (RFC 3692).
            Self::Damaged => u8::MAX,
        }
    }

    /// Length of the header on the wire in bytes.
    #[inline]
    pub fn wire_len(&self) -> u64 {
        match self {
            Self::Tcp(header) => header.wire_len(),
            Self::Udp(_) => udp::HEADER_LEN as u64,
            Self::Icmp(_) | Self::Icmpv6(_) => icmp::HEADER_LEN as u64,
            Self::Other { .. } | Self::Damaged => 0,
        }
    }

    /// Writes the header, with the right checksum, before `payload`.
    fn encode_into(&self, ip: &IpHeader, payload: &Rope, out: &mut Vec<u8>) {
        match self {
            Self::Tcp(header) => header.encode_into(ip, payload, out),
            Self::Udp(header) => header.encode_into(ip, payload, out),
            Self::Icmp(message) => message.encode_into(payload, out),
            Self::Icmpv6(message) => message.encode_into(ip, payload, out),
            Self::Other { .. } | Self::Damaged => {}
        }
    }
}

/// Building.
impl Packet {
    /// A packet from `src` to `dst` with default IP fields ([`Ipv4Header::new`],
    /// [`Ipv6Header::new`]) and no provenance.
    ///
    /// # Errors
    /// When the addresses are not of one family, or the payload is too large for the length field.
    #[inline]
    pub fn new(src: IpAddr, dst: IpAddr, transport: Transport, payload: Rope) -> Result<Self, BuildError> {
        let ip = IpHeader::new(src, dst).ok_or(BuildError::MixedFamilies { src, dst })?;
        let packet = Self { ip, transport, payload, provenance: Provenance::default(), lost: None };
        if packet.fits() { Ok(packet) } else { Err(BuildError::TooLarge(packet.payload.len())) }
    }

    /// A UDP datagram.
    ///
    /// # Errors
    /// When the addresses are not of one family, or the payload exceeds 65507 bytes over IPv4 or
    /// 65527 over IPv6.
    pub fn udp(src: SocketAddr, dst: SocketAddr, payload: Rope) -> Result<Self, BuildError> {
        let header = UdpHeader { source_port: src.port(), destination_port: dst.port() };
        Self::new(src.ip(), dst.ip(), Transport::Udp(header), payload)
    }

    /// A TCP segment. Options that do not fit are left out ([`TcpHeader::fitted`]).
    ///
    /// # Errors
    /// When the addresses are not of one family, or the segment is too large for the length field.
    #[inline]
    pub fn tcp(src: IpAddr, dst: IpAddr, header: TcpHeader, payload: Rope) -> Result<Self, BuildError> {
        Self::new(src, dst, Transport::Tcp(header.fitted()), payload)
    }

    /// An ICMP or ICMPv6 echo request or reply, as the addresses ask.
    ///
    /// # Errors
    /// When the addresses are not of one family, or the data is too large for the length field.
    pub fn echo(src: IpAddr, dst: IpAddr, echo: Echo, data: Rope) -> Result<Self, BuildError> {
        let Echo { is_reply, identifier, sequence } = echo;
        let transport = match (src, is_reply) {
            (IpAddr::V4(_), false) => Transport::Icmp(IcmpMessage::EchoRequest { identifier, sequence }),
            (IpAddr::V4(_), true) => Transport::Icmp(IcmpMessage::EchoReply { identifier, sequence }),
            (IpAddr::V6(_), false) => Transport::Icmpv6(Icmpv6Message::EchoRequest { identifier, sequence }),
            (IpAddr::V6(_), true) => Transport::Icmpv6(Icmpv6Message::EchoReply { identifier, sequence }),
        };
        Self::new(src, dst, transport, data)
    }

    /// True if the length fields can say how long the packet is.
    #[inline]
    pub(crate) fn fits(&self) -> bool {
        let fixed = match self.ip {
            IpHeader::V4(_) => 0,
            IpHeader::V6(_) => ipv6::HEADER_LEN as u64,
        };
        let headers = self.ip.wire_len() + self.transport.wire_len();
        headers <= MAX_WIRE_LEN + fixed && self.payload.len() <= MAX_WIRE_LEN + fixed - headers
    }
}

/// Messages of channels.
impl Packet {
    /// A message of a channel: a packet from nobody to nobody, which no network can carry (RFC 4291 §2.5.2), with nothing behind its
    /// header (RFC 8200 §4.7) but what the channel's ends make of it.
    pub(crate) fn message(message: Rope) -> Box<Self> {
        let ip = IpHeader::V6(Ipv6Header::new(Ipv6Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED));
        Self::boxed(ip, Transport::Other { protocol: protocol::NO_NEXT_HEADER }, message)
    }

    /// What no network carries either: a word between parts of one device. Its protocol is one for experiments (RFC 3692 §2.1).
    pub(crate) fn control(word: Rope) -> Box<Self> {
        let ip = IpHeader::V6(Ipv6Header::new(Ipv6Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED));
        Self::boxed(ip, Transport::Other { protocol: protocol::EXPERIMENT }, word)
    }

    /// True for a message of a channel, or a word between parts of a device.
    #[inline]
    pub(crate) fn is_message(&self) -> bool {
        matches!(&self.ip, IpHeader::V6(ip) if ip.src.is_unspecified() && ip.dst.is_unspecified())
    }

    /// True for a word between parts of a device.
    pub(crate) fn is_control(&self) -> bool {
        self.is_message() && matches!(self.transport, Transport::Other { protocol: protocol::EXPERIMENT })
    }
}

/// Asking and changing.
impl Packet {
    /// Source address.
    #[inline]
    pub fn src(&self) -> IpAddr {
        self.ip.src()
    }

    /// Destination address.
    #[inline]
    pub fn dst(&self) -> IpAddr {
        self.ip.dst()
    }

    /// Time to live (IPv4) or hop limit (IPv6) in hops.
    #[inline]
    pub fn ttl(&self) -> u8 {
        self.ip.ttl()
    }

    /// Takes one hop off the time to live, as a router does before it forwards. False, and nothing
    /// changed, if none is left: the packet has to be dropped (RFC 1812 §5.3.1, RFC 8200 §3).
    #[must_use]
    #[inline]
    pub fn decrement_ttl(&mut self) -> bool {
        let ttl = self.ip.ttl();
        if ttl > 1 {
            self.ip.set_ttl(ttl - 1);
        }
        ttl > 1
    }

    /// The same where it is known that more than one is left.
    #[inline]
    pub(crate) fn lower_ttl(&mut self) {
        let ttl = match &mut self.ip {
            IpHeader::V4(header) => &mut header.ttl,
            IpHeader::V6(header) => &mut header.hop_limit,
        };
        debug_assert!(*ttl > 1, "more than one hop was left");
        *ttl -= 1;
    }

    /// Source and destination port, if the transport has ports.
    #[inline]
    pub fn ports(&self) -> Option<(u16, u16)> {
        match &self.transport {
            Transport::Tcp(header) => Some((header.source_port, header.destination_port)),
            Transport::Udp(header) => Some((header.source_port, header.destination_port)),
            _ => None,
        }
    }

    /// Source address and port, if the transport has ports.
    pub fn source_socket(&self) -> Option<SocketAddr> {
        self.ports().map(|(port, _)| SocketAddr::new(self.src(), port))
    }

    /// Destination address and port, if the transport has ports.
    pub fn destination_socket(&self) -> Option<SocketAddr> {
        self.ports().map(|(_, port)| SocketAddr::new(self.dst(), port))
    }

    /// The fields of an echo request or reply, if the packet is one.
    pub fn as_echo(&self) -> Option<Echo> {
        let (is_reply, identifier, sequence) = match self.transport {
            Transport::Icmp(IcmpMessage::EchoRequest { identifier, sequence })
            | Transport::Icmpv6(Icmpv6Message::EchoRequest { identifier, sequence }) => (false, identifier, sequence),
            Transport::Icmp(IcmpMessage::EchoReply { identifier, sequence })
            | Transport::Icmpv6(Icmpv6Message::EchoReply { identifier, sequence }) => (true, identifier, sequence),
            _ => return None,
        };
        Some(Echo { is_reply, identifier, sequence })
    }

    /// Length of the IP packet on the wire in bytes; the link adds its own overhead.
    #[inline(always)]
    pub fn wire_len(&self) -> u64 {
        match self.provenance.seal.len {
            0 => self.counted_len(),
            known => {
                debug_assert_eq!(u64::from(known), self.counted_len(), "a sealed packet keeps its length");
                u64::from(known)
            }
        }
    }

    fn counted_len(&self) -> u64 {
        if matches!(self.transport, Transport::Damaged) {
            return self.payload.len();
        }
        self.ip.wire_len() + self.transport.wire_len() + self.payload.len()
    }

    /// The packet with the bytes that it arrived with.
    pub fn damaged(&self, bytes: Vec<u8>) -> Self {
        let provenance = self.provenance.unsealed();
        Self { transport: Transport::Damaged, payload: Rope::from(bytes), provenance, ..self.clone() }
    }
}

/// Encoding. A packet that is too long for the length fields cannot be encoded, and panics; the
/// functions that build packets make none.
impl Packet {
    /// The packet's bytes, with right lengths and checksums: [`Packet::wire_len`] of them.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.wire_len() as usize);
        self.encode_into(&mut out);
        out
    }

    /// Writes the packet's bytes to the end of `out`.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        self.encode_headers_into(out);
        self.payload.write_to(out);
    }

    /// The first bytes of the packet, at most `snap_len`, as a capture stores them. Lengths and
    /// checksums are those of the whole packet; what is cut off is not written out to compute them.
    pub fn encode_snapped(&self, snap_len: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(snap_len.min(self.wire_len()) as usize);
        self.encode_headers_into(&mut out);
        self.payload.slice(0, snap_len.saturating_sub(out.len() as u64)).write_to(&mut out);
        out.truncate(usize::try_from(snap_len).unwrap_or(usize::MAX));
        out
    }

    /// The packet's bytes, headers encoded and payload as it is: virtual bytes stay virtual.
    pub fn to_rope(&self) -> Rope {
        let mut headers = Vec::new();
        self.encode_headers_into(&mut headers);
        let mut out = Rope::from(headers);
        out.append(&self.payload);
        out
    }

    /// What follows the IP header: transport header, encoded, and payload as it is. Fragmentation
    /// cuts it into the payloads of packets with [`Transport::Other`].
    pub fn transport_rope(&self) -> Rope {
        let mut header = Vec::new();
        self.transport.encode_into(&self.ip, &self.payload, &mut header);
        let mut out = Rope::from(header);
        out.append(&self.payload);
        out
    }

    fn encode_headers_into(&self, out: &mut Vec<u8>) {
        if matches!(self.transport, Transport::Damaged) {
            return;
        }
        let len = self.transport.wire_len() + self.payload.len();
        self.ip.encode_into(self.transport.protocol(), len, out);
        self.transport.encode_into(&self.ip, &self.payload, out);
    }
}

/// Decoding. Bytes after the packet (link-layer padding) are ignored.
impl Packet {
    /// Reads a packet as the host does that it is addressed to. The provenance is not on the wire.
    ///
    /// # Errors
    /// When a version, a length or a checksum is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_network(bytes)?.decode_transport()
    }

    /// Reads a packet as a router does: the IP header only, everything after it as bytes
    /// ([`Transport::Other`]).
    ///
    /// # Errors
    /// When the version, the length or the IPv4 header checksum is wrong.
    pub fn decode_network(bytes: &[u8]) -> Result<Self, DecodeError> {
        let version = bytes.first().ok_or(DecodeError::Truncated { layer: Layer::Ip, need: 1, have: 0 })? >> 4;
        match version {
            4 => {
                let received = Ipv4Header::read(bytes)?;
                if Checksum::of(&bytes[..received.header_len]) != 0 {
                    return Err(DecodeError::Checksum(Layer::Ipv4));
                }
                Self::from_received(received, bytes, Layer::Ipv4, IpHeader::V4)
            }
            6 => Self::from_received(Ipv6Header::read(bytes)?, bytes, Layer::Ipv6, IpHeader::V6),
            _ => Err(DecodeError::Version(version)),
        }
    }

    /// A damaged packet as a router or host reads it from its bytes, like [`Packet::decode_network`]; any other as it is.
    ///
    /// # Errors
    /// When what was damaged shows: the version, the length or the IPv4 header checksum.
    pub fn as_received(self) -> Result<Self, DecodeError> {
        if !matches!(self.transport, Transport::Damaged) {
            return Ok(self);
        }
        let bytes = self.payload.to_bytes();
        let read = Self::decode_network(&bytes)?;
        // The link says which version it carries (for Ethernet: RFC 894, RFC 2464); another one in the header is an error.
        if read.src().is_ipv4() != self.src().is_ipv4() {
            return Err(DecodeError::Version(bytes[0] >> 4));
        }
        Ok(Self { provenance: self.provenance.unsealed(), ..read })
    }

    /// Reads the transport header of a packet from [`Packet::decode_network`], or of one that was
    /// put together from its fragments. Fragments and unknown protocols stay as they are, and so
    /// does a packet whose transport has been read.
    ///
    /// # Errors
    /// When a length or the checksum is wrong.
    pub fn decode_transport(self) -> Result<Self, DecodeError> {
        let Transport::Other { protocol } = self.transport else { return Ok(self) };
        if self.ip.fragment().is_some() {
            return Ok(self);
        }
        let (transport, payload_len) = match (protocol, &self.ip) {
            (protocol::TCP, ip) => {
                let (header, payload_len) = TcpHeader::decode(ip, &self.payload)?;
                (Transport::Tcp(header), payload_len)
            }
            (protocol::UDP, ip) => {
                let (header, payload_len) = UdpHeader::decode(ip, &self.payload)?;
                (Transport::Udp(header), payload_len)
            }
            (protocol::ICMP, IpHeader::V4(_)) => {
                let bytes = self.payload.to_bytes();
                let (message, payload) = IcmpMessage::decode(&bytes)?;
                (Transport::Icmp(message), payload.len() as u64)
            }
            (protocol::ICMPV6, ip @ IpHeader::V6(_)) => {
                let bytes = self.payload.to_bytes();
                let (message, payload) = Icmpv6Message::decode(ip, &bytes)?;
                (Transport::Icmpv6(message), payload.len() as u64)
            }
            _ => return Ok(self),
        };
        // A slice of the rope rather than of the bytes: what is virtual stays virtual.
        let payload = self.payload.slice(transport.wire_len(), payload_len);
        Ok(Self { transport, payload, provenance: self.provenance.unsealed(), ..self })
    }

    /// The packet at the start of `bytes` with the header `received`, if all of it is there.
    fn from_received<H>(
        received: Received<H>,
        bytes: &[u8],
        layer: Layer,
        into_ip: impl FnOnce(H) -> IpHeader,
    ) -> Result<Self, DecodeError> {
        let Received { header, protocol, header_len, total_len } = received;
        let truncated = DecodeError::Truncated { layer, need: total_len, have: bytes.len() };
        let payload = bytes.get(header_len..total_len).ok_or(truncated)?;
        Ok(Self {
            ip: into_ip(header),
            transport: Transport::Other { protocol },
            payload: Rope::from(Bytes::copy_from_slice(payload)),
            provenance: Provenance::default(),
            lost: None,
        })
    }
}
