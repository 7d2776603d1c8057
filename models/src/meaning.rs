//! What packets mean to their protocols, for rules that name what a link drops. Read from the packet's own bytes.

use crate::packet::{Packet, Transport};
use crate::{coap, tcp};
use protosim_core::Digest;
use std::net::{IpAddr, SocketAddr};

/// What a packet is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Meaning {
    /// Its kinds, from general to special: `udp`, `coap`, `coap.ack`.
    kinds: Vec<&'static str>,
    /// Which conversation it belongs to: equal in all packets of one, both ways, and all but surely different in others.
    pub exchange: u64,
    /// Which message it carries: equal in all transmissions of one, all but surely different in others of the exchange.
    pub message: u64,
}

/// Kinds of packets that have no exchanges of their own.
const OF_TRANSPORTS: [&str; 4] = ["udp", "icmp", "icmpv6", "other"];

/// All kinds of packets.
pub fn kinds() -> Vec<&'static str> {
    tcp::KINDS.into_iter().chain(OF_TRANSPORTS).chain(coap::KINDS).collect()
}

/// True if packets of a kind belong to exchanges and carry messages.
pub fn has_exchanges(kind: &str) -> bool {
    tcp::KINDS.contains(&kind) || coap::KINDS.contains(&kind)
}

/// What a packet means.
pub fn meaning(packet: &Packet) -> Meaning {
    let mut meaning = Meaning::default();
    match &packet.transport {
        Transport::Tcp(header) => {
            let known = tcp::meaning(header, &packet.payload);
            meaning.kinds = known.kinds;
            meaning.exchange = both_ways(packet, known.exchange);
            meaning.message = one_way(packet, known.message);
        }
        Transport::Udp(_) => {
            meaning.kinds.push("udp");
            if let Some(known) = coap::meaning(&packet.payload) {
                meaning.kinds.extend(known.kinds);
                meaning.exchange = both_ways(packet, known.exchange);
                meaning.message = both_ways(packet, known.message);
            }
        }
        Transport::Icmp(_) => meaning.kinds.push("icmp"),
        Transport::Icmpv6(_) => meaning.kinds.push("icmpv6"),
        Transport::Other { .. } | Transport::Damaged => meaning.kinds.push("other"),
    }
    meaning
}

impl Meaning {
    /// True if it is of this kind.
    pub fn is_a(&self, kind: &str) -> bool {
        self.kinds.contains(&kind)
    }

    /// What a protocol says of its message; `exchange` and `message` need to be unique between two endpoints only.
    pub(crate) fn new(kinds: &[&'static str], exchange: u64, message: u64) -> Self {
        Self { kinds: kinds.to_vec(), exchange, message }
    }
}

/// `id` between these two endpoints, whoever sends.
fn both_ways(packet: &Packet, id: u64) -> u64 {
    let mut digest = Digest::START;
    digest.mix(end(packet.source_socket()).wrapping_add(end(packet.destination_socket())));
    digest.mix(id);
    digest.value()
}

/// `id` from one of these endpoints to the other.
fn one_way(packet: &Packet, id: u64) -> u64 {
    let mut digest = Digest::START;
    digest.mix(end(packet.source_socket()));
    digest.mix(end(packet.destination_socket()));
    digest.mix(id);
    digest.value()
}

/// An endpoint as a number.
fn end(socket: Option<SocketAddr>) -> u64 {
    let mut digest = Digest::START;
    if let Some(socket) = socket {
        digest.mix(u64::from(socket.port()));
        match socket.ip() {
            IpAddr::V4(ip) => digest.mix_bytes(&ip.octets()),
            IpAddr::V6(ip) => digest.mix_bytes(&ip.octets()),
        }
    }
    digest.value()
}
