//! Fingerprints of packets: what digests are made of, once per packet-hop.

use super::{Ecn, IpHeader, Ipv4Header, Ipv6Header, Packet, Provenance, TcpHeader, Transport, UdpHeader};
use crate::rope::Run;
use protosim_core::{Digest, Fingerprint};
use std::fmt;
use std::net::Ipv6Addr;

impl Fingerprint for Packet {
    #[inline]
    fn fingerprint(&self) -> u64 {
        let seal = self.provenance.seal;
        let content = if seal.len == 0 { content_of(self) } else { seal.content };
        debug_assert_eq!(content, content_of(self), "a sealed packet keeps its content");
        let number = self.provenance.packet_id.wrapping_mul(SPREAD[0]);
        let hop = u64::from(self.ip.dscp()) << 10 | (self.ip.ecn() as u64) << 8 | u64::from(self.ttl());
        let mut digest = Digest::START;
        digest.mix(content ^ number ^ hop);
        digest.value()
    }
}

/// What does not change from hop to hop, remembered from where the packet was sent: routers then need not read it.
#[derive(Clone, Copy, Default)]
pub(super) struct Seal {
    /// Of headers and payload, but for what routers and queues write: time to live, class, congestion mark.
    content: u64,
    /// Length on the wire \[bytes\]; 0 while nothing is remembered.
    pub(super) len: u32,
}

/// A memory is no fact: packets are equal with and without it.
impl PartialEq for Seal {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Seal {}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

impl Packet {
    /// Remembers its length, `len`, and the fingerprint of its content. Whoever changes more of the packet than time to live, class and congestion
    /// mark afterwards takes them off again ([`Provenance::unsealed`]).
    #[inline]
    pub(crate) fn seal(&mut self, len: u64) {
        debug_assert_eq!(len, self.wire_len());
        self.provenance.seal = Seal { content: content_of(self), len: len as u32 };
    }
}

impl Provenance {
    /// Without what was remembered of the packet's content.
    #[must_use]
    pub(crate) fn unsealed(self) -> Self {
        Self { seal: Seal::default(), ..self }
    }
}

/// The fingerprint of headers and payload.
fn content_of(packet: &Packet) -> u64 {
    let mut digest = Digest::START;
    // These multiplications wait for nothing; only the digest's do, one for the other.
    digest.mix(folded(address_bits(&packet.ip), field_bits(packet)));
    if packet.provenance.is_protected {
        digest.mix(packet.payload.len());
        return digest.value();
    }
    for run in packet.payload.runs() {
        match run {
            Run::Bytes(bytes) => digest.mix_bytes(bytes),
            Run::Fill { key, offset, len } => digest.mix(folded(u64::from(*key) << 32 ^ *len, *offset)),
        }
    }
    digest.value()
}

/// Odd numbers whose bits look drawn: the next fractional digits of pi after [`Digest::START`], the last bit set.
const SPREAD: [u64; 2] = [0x1319_8a2e_0370_7345, 0xa409_3822_299f_31d1];

/// Both numbers in one, all but surely another one if either changes.
#[inline]
fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ SPREAD[0]) * u128::from(b ^ SPREAD[1]);
    product as u64 ^ (product >> 64) as u64
}

/// The addresses, for the fingerprint. Hosts of neighbouring subnets differ in few bits of both halves of an IPv6 address,
/// which must not cancel each other.
#[inline]
fn address_bits(ip: &IpHeader) -> u64 {
    match ip {
        IpHeader::V4(ip) => u64::from(u32::from(ip.src)) << 32 | u64::from(u32::from(ip.dst)),
        IpHeader::V6(ip) => {
            let half = |address: Ipv6Addr| folded((u128::from(address) >> 64) as u64, u128::from(address) as u64);
            half(ip.src).rotate_left(32) ^ half(ip.dst)
        }
    }
}

/// What else the headers say, for the fingerprint.
#[inline]
fn field_bits(packet: &Packet) -> u64 {
    let ip_bits = match &packet.ip {
        IpHeader::V4(ip @ Ipv4Header { options: None, .. }) => {
            u64::from(ip.identification) << 16 | u64::from(ip.flags_and_offset())
        }
        IpHeader::V6(ip @ Ipv6Header { extensions: None, .. }) => u64::from(ip.flow_label),
        _ => return encoded_bits(packet),
    };
    match &packet.transport {
        Transport::Udp(UdpHeader { source_port, destination_port }) => {
            u64::from(*source_port) << 48 | u64::from(*destination_port) << 32 | ip_bits
        }
        Transport::Tcp(header) => match &header.options {
            None => segment_bits(header, ip_bits),
            Some(options) if options.are_blocks_alone() => {
                let mut digest = Digest::START;
                digest.mix(segment_bits(header, ip_bits));
                options.sack.iter().for_each(|block| digest.mix(u64::from(block.left) << 32 | u64::from(block.right)));
                digest.value()
            }
            Some(_) => encoded_bits(packet),
        },
        _ => encoded_bits(packet),
    }
}

/// The fields of a TCP header but for options other than timestamps, for the fingerprint, and 32 bits of its IP header.
#[inline]
fn segment_bits(header: &TcpHeader, ip_bits: u64) -> u64 {
    let ports = u64::from(header.source_port) << 48 | u64::from(header.destination_port) << 32;
    let numbers = u64::from(header.sequence) << 32 | u64::from(header.acknowledgment);
    let (value, echo) = header.timestamps.map_or((0, 0), |stamps| (stamps.value, stamps.echo));
    // No stamps are another segment than stamps of zero: the flags have 12 bits.
    let has_stamps = u64::from(header.timestamps.is_some()) << 48;
    let small = has_stamps | u64::from(header.flags.with_reserved()) << 32 | u64::from(header.window) << 16;
    let small = small | u64::from(header.urgent);
    let stamps = u64::from(value) << 32 | u64::from(echo);
    folded(ports | ip_bits, numbers).rotate_left(32) ^ folded(small, stamps)
}

/// Rare headers: their encoding says it all, once without what changes on the way.
#[cold]
fn encoded_bits(packet: &Packet) -> u64 {
    let mut plain = packet.clone();
    plain.ip.set_ttl(0);
    plain.ip.set_dscp(0);
    plain.ip.set_ecn(Ecn::NotEct);
    let mut digest = Digest::START;
    digest.mix_bytes(&plain.encode_snapped(packet.ip.wire_len() + packet.transport.wire_len()));
    digest.value()
}
