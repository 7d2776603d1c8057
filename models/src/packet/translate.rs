//! Other addresses and ports in a packet on its way, as a NAT writes them.

use super::{IcmpMessage, Icmpv6Message, IpHeader, Packet, Transport, protocol};
use crate::rope::Rope;
use std::net::{IpAddr, Ipv4Addr};

/// The longest IPv4 header and the fixed part of a TCP header.
const QUOTED_HEADERS: u64 = 60 + 20;

/// Which end of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PacketEnd {
    Source,
    Destination,
}

impl Packet {
    /// Writes another source or destination: address and port, or the identifier of an echo. An address of the other family
    /// changes nothing. Checksums follow when the packet is encoded.
    pub(crate) fn rewrite(&mut self, end: PacketEnd, (address, port): (IpAddr, u16)) {
        self.rewrite_address(end, address);
        match (&mut self.transport, end) {
            (Transport::Udp(header), PacketEnd::Source) => header.source_port = port,
            (Transport::Udp(header), PacketEnd::Destination) => header.destination_port = port,
            (Transport::Tcp(header), PacketEnd::Source) => header.source_port = port,
            (Transport::Tcp(header), PacketEnd::Destination) => header.destination_port = port,
            (
                Transport::Icmp(
                    IcmpMessage::EchoRequest { identifier, .. } | IcmpMessage::EchoReply { identifier, .. },
                )
                | Transport::Icmpv6(
                    Icmpv6Message::EchoRequest { identifier, .. } | Icmpv6Message::EchoReply { identifier, .. },
                ),
                _,
            ) => *identifier = port,
            _ => {}
        }
        self.reseal();
    }

    /// Writes another source or destination address.
    pub(crate) fn rewrite_address(&mut self, end: PacketEnd, address: IpAddr) {
        match (&mut self.ip, address, end) {
            (IpHeader::V4(header), IpAddr::V4(address), PacketEnd::Source) => header.src = address,
            (IpHeader::V4(header), IpAddr::V4(address), PacketEnd::Destination) => header.dst = address,
            (IpHeader::V6(header), IpAddr::V6(address), PacketEnd::Source) => header.src = address,
            (IpHeader::V6(header), IpAddr::V6(address), PacketEnd::Destination) => header.dst = address,
            _ => {}
        }
        self.reseal();
    }

    /// Remembers the new content in place of the old.
    pub(crate) fn reseal(&mut self) {
        self.provenance = self.provenance.unsealed();
        self.seal(self.wire_len());
    }

    /// Writes another source or destination into the packet that this ICMP error quotes, as far as it is quoted, with the checksums of
    /// its headers (RFC 5508 REQ-4 and REQ-5). IPv4 only.
    pub(crate) fn rewrite_quoted(&mut self, end: PacketEnd, (address, port): (IpAddr, u16)) {
        let IpAddr::V4(address) = address else { return };
        let len = self.payload.len();
        let mut bytes = self.payload.slice(0, len.min(QUOTED_HEADERS)).to_bytes().to_vec();
        let after = self.payload.slice(bytes.len() as u64, len - bytes.len() as u64);
        rewrite_bytes(&mut bytes, end, address, port);
        let mut payload = Rope::from(bytes);
        payload.append(&after);
        self.payload = payload;
        self.reseal();
    }
}

/// The start of an IPv4 packet, in bytes.
fn rewrite_bytes(bytes: &mut [u8], end: PacketEnd, address: Ipv4Addr, port: u16) {
    let Some(first) = bytes.first() else { return };
    let (header_len, protocol) = (usize::from(first & 0x0f) * 4, bytes.get(9).copied());
    let is_first_part = bytes.get(6..8).is_some_and(|word| word[0] & 0x1f == 0 && word[1] == 0);
    let (address_at, port_at) = match end {
        PacketEnd::Source => (12, 0),
        PacketEnd::Destination => (16, 2),
    };
    let octets = address.octets();
    let mut changes = Vec::with_capacity(3);
    for (at, new) in [(address_at, [octets[0], octets[1]]), (address_at + 2, [octets[2], octets[3]])] {
        let Some(old) = word(bytes, at) else { return };
        changes.push((old, u16::from_be_bytes(new)));
        bytes[at..at + 2].copy_from_slice(&new);
    }
    adjust(bytes, 10, &changes);
    if !is_first_part {
        return;
    }
    let (port_at, checksum_at) = match protocol {
        Some(protocol::UDP) => (header_len + port_at, header_len + 6),
        Some(protocol::TCP) => (header_len + port_at, header_len + 16),
        Some(protocol::ICMP) => {
            // No pseudo-header.
            changes.clear();
            (header_len + 4, header_len + 2)
        }
        _ => return,
    };
    let Some(old) = word(bytes, port_at) else { return };
    changes.push((old, port));
    bytes[port_at..port_at + 2].copy_from_slice(&port.to_be_bytes());
    // RFC 768: zero says that there is no checksum, and stays zero.
    if protocol != Some(protocol::UDP) || word(bytes, checksum_at) != Some(0) {
        adjust(bytes, checksum_at, &changes);
    }
}

pub(super) fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|word| u16::from_be_bytes([word[0], word[1]]))
}

/// Changes the checksum at a place as words change that it covers (RFC 1624 eqn. 3); nothing if it is not quoted.
pub(super) fn adjust(bytes: &mut [u8], at: usize, changes: &[(u16, u16)]) {
    let Some(checksum) = word(bytes, at) else { return };
    let mut sum = u32::from(!checksum);
    for (old, new) in changes {
        sum += u32::from(!old) + u32::from(*new);
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    bytes[at..at + 2].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Echo, ErrorCause, TcpFlags, TcpHeader};
    use proptest::prelude::*;
    use std::net::SocketAddr;

    fn at(last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(192, 168, 7, last))
    }

    fn segment() -> Packet {
        let header = TcpHeader {
            source_port: 40_000,
            destination_port: 443,
            sequence: 1,
            acknowledgment: 2,
            flags: TcpFlags::ACK,
            window: 1000,
            urgent: 0,
            timestamps: None,
            options: None,
        };
        Packet::tcp(at(1), at(2), header, Rope::from(vec![7; 40])).unwrap()
    }

    fn datagram(len: usize) -> Packet {
        Packet::udp(SocketAddr::new(at(1), 4000), SocketAddr::new(at(2), 53), Rope::from(vec![9; len])).unwrap()
    }

    fn ping() -> Packet {
        let echo = Echo { is_reply: false, identifier: 4000, sequence: 3 };
        Packet::echo(at(1), at(2), echo, Rope::from(vec![5; 20])).unwrap()
    }

    /// What is written into the quote is what the sender would have sent itself from there: byte for byte, checksums too.
    #[test]
    fn a_quote_becomes_that_of_the_other_packet() {
        let outside = (IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)), 61_001);
        for sent in [segment(), datagram(40), datagram(1000), ping()] {
            let mut translated = sent.clone();
            translated.rewrite(PacketEnd::Source, outside);
            assert_eq!(Packet::decode(&translated.encode()).unwrap(), translated);
            let mut error = translated.icmp_error(ErrorCause::HostUnreachable, at(9)).unwrap();
            let port = sent.ports().map_or(4000, |(source, _)| source);
            error.rewrite_quoted(PacketEnd::Source, (at(1), port));
            let quote = error.payload.to_bytes();
            assert_eq!(quote, sent.encode()[..quote.len()], "{sent:?}");
            assert_eq!(Packet::decode(&error.encode()).unwrap().payload.to_bytes(), quote);
        }
    }

    proptest! {
        /// No bytes make it panic, and two changes there and back leave what can be a checksum as it was.
        #[test]
        fn any_quote(mut bytes in prop::collection::vec(any::<u8>(), 0..90), port in any::<u16>(), a in any::<u32>()) {
            rewrite_bytes(&mut bytes, PacketEnd::Source, Ipv4Addr::from(a), port);
            rewrite_bytes(&mut bytes, PacketEnd::Destination, Ipv4Addr::from(a), port);
        }
    }
}
