//! Vectors, properties, reassembly, losses, Wireshark.

mod addresses;
mod delivery;
mod extensions;
mod fragments;
mod headers;
mod properties;
mod reassembly;
mod wireshark;

use super::*;
use crate::ieee802154::Address;
use crate::packet::Checksum;
use crate::rope::Rope;
use std::net::Ipv6Addr;

fn hex(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect("two hexadecimal digits")).collect()
}

fn ip(text: &str) -> Ipv6Addr {
    text.parse().expect("an IPv6 address")
}

fn rope(bytes: &[u8]) -> Rope {
    Rope::from(bytes.to_vec())
}

/// The bytes of each: ropes of the same bytes may have other runs.
fn bytes(ropes: impl IntoIterator<Item = Rope>) -> Vec<Vec<u8>> {
    ropes.into_iter().map(|rope| rope.to_bytes().to_vec()).collect()
}

/// An IPv6 header (RFC 8200 §3), written without the code under test.
#[derive(Clone, Copy, Debug)]
struct Header {
    class: u8,
    flow: u32,
    hop_limit: u8,
    source: Ipv6Addr,
    destination: Ipv6Addr,
}

impl Header {
    fn new(source: &str, destination: &str) -> Self {
        Self { class: 0, flow: 0, hop_limit: 64, source: ip(source), destination: ip(destination) }
    }

    /// The header before `payload` of `protocol`.
    fn around(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = (6 << 28 | u32::from(self.class) << 20 | self.flow).to_be_bytes().to_vec();
        out.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        out.extend_from_slice(&[protocol, self.hop_limit]);
        out.extend_from_slice(&self.source.octets());
        out.extend_from_slice(&self.destination.octets());
        out.extend_from_slice(payload);
        out
    }

    fn checksum(&self, protocol: u8, payload: &[u8]) -> u16 {
        let mut checksum = Checksum::new();
        checksum.add_bytes(&self.source.octets());
        checksum.add_bytes(&self.destination.octets());
        checksum.add_bytes(&(payload.len() as u32).to_be_bytes());
        checksum.add_u16(u16::from(protocol));
        checksum.add_bytes(payload);
        checksum.finish()
    }

    /// A UDP datagram with its checksum, without the IPv6 header.
    fn udp(&self, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
        let mut out = ports.0.to_be_bytes().to_vec();
        out.extend_from_slice(&ports.1.to_be_bytes());
        out.extend_from_slice(&(8 + payload.len() as u16).to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(payload);
        let checksum = match self.checksum(17, &out) {
            0 => 0xffff,
            sum => sum,
        };
        out[6..8].copy_from_slice(&checksum.to_be_bytes());
        out
    }

    fn udp_datagram(&self, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
        self.around(17, &self.udp(ports, payload))
    }
}

/// Extended addresses of two nodes. Their identifiers are 0211:2233:4455:6677 and 0211:2233:4455:6688.
const A: Address = Address::Extended(0x0011_2233_4455_6677);
const B: Address = Address::Extended(0x0011_2233_4455_6688);

fn between_a_and_b() -> Ends {
    Ends::of_frame(A, B)
}

/// 2001:db8::/64 as context 1.
fn contexts() -> Contexts {
    let mut contexts = Contexts::default();
    assert!(contexts.set(1, Context::new(ip("2001:db8::"), 64)));
    contexts
}

/// `datagram` in one frame with `ends`; and that it expands to what it was.
fn there_and_back(datagram: &[u8], ends: Ends, contexts: &Contexts, options: CompressOptions) -> Vec<u8> {
    let compressed = compress(&rope(datagram), ends, contexts, options, usize::MAX).expect("an IPv6 datagram");
    let content = compressed.whole(&rope(datagram)).to_bytes();
    assert_eq!(back(&content, ends, contexts), Ok(datagram.to_vec()), "{content:02x?}");
    content.to_vec()
}

/// The datagram in a frame.
fn back(content: &[u8], ends: Ends, contexts: &Contexts) -> Result<Vec<u8>, LowpanError> {
    let expanded = expand(content, ends, contexts)?;
    let rest = rope(&content[expanded.used()..]);
    expanded.finish(&rest).map(|datagram| datagram.to_bytes().to_vec())
}

/// The compressed headers of `datagram` alone.
fn head(datagram: &[u8], ends: Ends, contexts: &Contexts) -> Vec<u8> {
    there_and_back(datagram, ends, contexts, CompressOptions::default());
    compress(&rope(datagram), ends, contexts, CompressOptions::default(), usize::MAX).unwrap().head
}
