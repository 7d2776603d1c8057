//! What a packet says, in a few words: for arrows of ladder diagrams and for event logs.
//!
//! Everything is read from the packet's own bytes. What is sent again says so: `(2nd)` for TCP by the sequence number,
//! for CoAP by the message id.

use super::flow::Flows;
use protosim_core::SimTime;
use protosim_models::coap::wire::{CodeClass, Message};
use protosim_models::meaning::meaning;
use protosim_models::packet::{
    Ecn, IcmpMessage, Icmpv6Message, Packet, SackBlock, TcpFlags, TcpHeader, TimeExceeded, Transport, Unreachable,
    protocol,
};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// EXCHANGE_LIFETIME of CoAP (RFC 7252 §4.8.2): a message id may come back after it, for another message \[s\].
const EXCHANGE_LIFETIME: f64 = 247.0;

/// What a packet is for, which decides its colour.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Purpose {
    /// It carries something for the first time.
    First,
    /// It carries what was sent before.
    Again,
    /// It acknowledges, and carries nothing else.
    Acknowledgement,
    /// It refuses or reports an error.
    Refusal,
}

/// A packet in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// The words.
    pub text: String,
    /// What it is for.
    pub purpose: Purpose,
}

/// Reads packets. Each is to be read once, where it is sent first, in order of time.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    flows: Flows,
    /// For each message of CoAP: how often it was sent, and when last.
    messages: BTreeMap<(SocketAddr, SocketAddr, u16, u8), (u32, SimTime)>,
}

impl Reader {
    /// Puts a packet that is sent now into words.
    pub fn read(&mut self, at: SimTime, packet: &Packet) -> Said {
        let (text, purpose) = if let Some(fragment) = packet.ip.fragment() {
            let from = u64::from(fragment.offset) * 8;
            let words = format!("fragment {from}:{}", from + packet.payload.len());
            (words + if fragment.more { "+" } else { "" }, Purpose::First)
        } else {
            match &packet.transport {
                Transport::Tcp(header) => self.tcp(packet, header),
                Transport::Udp(_) => self.udp(at, packet),
                Transport::Icmp(message) => icmp(*message),
                Transport::Icmpv6(message) => icmpv6(*message),
                Transport::Other { protocol } => (other(*protocol, packet), Purpose::First),
                Transport::Damaged => (format!("damaged, {} B", packet.wire_len()), Purpose::First),
            }
        };
        Said { text: if packet.ip.ecn() == Ecn::Ce { text + " CE" } else { text }, purpose }
    }

    fn tcp(&mut self, packet: &Packet, header: &TcpHeader) -> (String, Purpose) {
        let (Some(source), Some(destination)) = (packet.source_socket(), packet.destination_socket()) else {
            return (String::new(), Purpose::First);
        };
        let data = packet.payload.len();
        let place = self.flows.of(source, destination).place(header, data);
        let mut parts: Vec<String> = Vec::new();
        let named = [
            (TcpFlags::SYN, "SYN"),
            (TcpFlags::FIN, "FIN"),
            (TcpFlags::RST, "RST"),
            (TcpFlags::PSH, "PSH"),
            (TcpFlags::URG, "URG"),
            (TcpFlags::ECE, "ECE"),
            (TcpFlags::CWR, "CWR"),
        ];
        parts.extend(named.iter().filter(|(flag, _)| header.flags.has(*flag)).map(|(_, name)| (*name).to_owned()));
        let is_reset = header.flags.has(TcpFlags::RST);
        if place.len > 0 {
            parts.push(format!("{}:{}({data})", place.offset, place.offset + place.len));
        }
        if header.flags.has(TcpFlags::ACK) {
            parts.push(format!("ack {}", self.flows.of(destination, source).offset(header.acknowledgment)));
        }
        if !is_reset {
            let back = self.flows.of(destination, source).scale();
            parts.push(format!("win {}", self.flows.of(source, destination).window(header, back)));
        }
        if let Some(options) = &header.options {
            let flow = self.flows.of(destination, source);
            parts.extend(options.mss.map(|mss| format!("mss {mss}")));
            let block = |b: &SackBlock| format!("{}:{}", flow.offset(b.left), flow.offset(b.right));
            let blocks: Vec<String> = options.sack.iter().map(block).collect();
            if !blocks.is_empty() {
                parts.push(format!("sack {}", blocks.join(" ")));
            }
        }
        if place.transmission > 1 {
            parts.push(ordinal(place.transmission));
        } else if place.is_again {
            parts.push("(again)".to_owned());
        }
        let purpose = match place {
            _ if is_reset => Purpose::Refusal,
            place if place.transmission > 1 || place.is_again => Purpose::Again,
            place if place.len == 0 => Purpose::Acknowledgement,
            _ => Purpose::First,
        };
        (parts.join(" "), purpose)
    }

    fn udp(&mut self, at: SimTime, packet: &Packet) -> (String, Purpose) {
        let message = meaning(packet).is_a("coap").then(|| Message::decode(&packet.payload).ok()).flatten();
        let sockets = packet.source_socket().zip(packet.destination_socket());
        let (Some(message), Some((source, destination))) = (message, sockets) else {
            return (format!("UDP {} B", packet.payload.len()), Purpose::First);
        };
        let key = (source, destination, message.message_id.0, message.message_type as u8);
        let entry = self.messages.entry(key).or_insert((0, at));
        let is_new = at.saturating_since(entry.1).as_secs_f64() > EXCHANGE_LIFETIME;
        *entry = (if is_new { 1 } else { entry.0 + 1 }, at);
        let count = entry.0;
        let mut parts = vec![message.message_type.to_string()];
        match message.code.use_of() {
            CodeClass::Empty => {}
            CodeClass::Request => {
                parts.push(message.code.name().map_or_else(|| message.code.to_string(), str::to_owned))
            }
            _ => parts.push(message.code.to_string()),
        }
        parts.push(format!("mid {}", message.message_id.0));
        if !message.payload.is_empty() {
            parts.push(format!("{} B", message.payload.len()));
        }
        if count > 1 {
            parts.push(ordinal(count));
        }
        let is_empty = message.code.use_of() == CodeClass::Empty;
        let purpose = match message.message_type {
            protosim_models::coap::wire::Type::Reset => Purpose::Refusal,
            _ if count > 1 => Purpose::Again,
            protosim_models::coap::wire::Type::Acknowledgement if is_empty => Purpose::Acknowledgement,
            _ if message.code.is_error() => Purpose::Refusal,
            _ => Purpose::First,
        };
        (parts.join(" "), purpose)
    }
}

/// `(2nd)`, `(3rd)`, `(11th)`.
fn ordinal(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("({number}{ending})")
}

fn icmp(message: IcmpMessage) -> (String, Purpose) {
    let refusal = |text: String| (text, Purpose::Refusal);
    match message {
        IcmpMessage::EchoRequest { sequence, .. } => (format!("echo request {sequence}"), Purpose::First),
        IcmpMessage::EchoReply { sequence, .. } => (format!("echo reply {sequence}"), Purpose::First),
        IcmpMessage::DestinationUnreachable(Unreachable::Port) => refusal("port unreachable".to_owned()),
        IcmpMessage::DestinationUnreachable(Unreachable::Host) => refusal("host unreachable".to_owned()),
        IcmpMessage::DestinationUnreachable(Unreachable::Net) => refusal("network unreachable".to_owned()),
        IcmpMessage::DestinationUnreachable(Unreachable::Protocol) => refusal("protocol unreachable".to_owned()),
        IcmpMessage::DestinationUnreachable(code) => refusal(format!("unreachable, code {}", code as u8)),
        IcmpMessage::FragmentationNeeded { next_hop_mtu } => {
            refusal(format!("fragmentation needed, MTU {next_hop_mtu}"))
        }
        IcmpMessage::TimeExceeded(code) => refusal(time_exceeded(code)),
        IcmpMessage::Redirect { gateway, .. } => refusal(format!("redirect to {gateway}")),
        IcmpMessage::ParameterProblem { pointer, .. } => refusal(format!("parameter problem at {pointer}")),
        IcmpMessage::Other { icmp_type, code, .. } => refusal(format!("ICMP {icmp_type}/{code}")),
    }
}

fn icmpv6(message: Icmpv6Message) -> (String, Purpose) {
    let refusal = |text: String| (text, Purpose::Refusal);
    match message {
        Icmpv6Message::EchoRequest { sequence, .. } => (format!("echo request {sequence}"), Purpose::First),
        Icmpv6Message::EchoReply { sequence, .. } => (format!("echo reply {sequence}"), Purpose::First),
        Icmpv6Message::DestinationUnreachable(code) => refusal(match code as u8 {
            0 => "no route".to_owned(),
            3 => "address unreachable".to_owned(),
            4 => "port unreachable".to_owned(),
            code => format!("unreachable, code {code}"),
        }),
        Icmpv6Message::PacketTooBig { mtu } => refusal(format!("packet too big, MTU {mtu}")),
        Icmpv6Message::TimeExceeded(code) => refusal(time_exceeded(code)),
        Icmpv6Message::ParameterProblem { pointer, .. } => refusal(format!("parameter problem at {pointer}")),
        Icmpv6Message::Other { icmp_type, code, .. } => refusal(format!("ICMPv6 {icmp_type}/{code}")),
    }
}

fn time_exceeded(code: TimeExceeded) -> String {
    match code {
        TimeExceeded::HopLimit => "hop limit exceeded".to_owned(),
        TimeExceeded::Reassembly => "reassembly time exceeded".to_owned(),
    }
}

fn other(number: u8, packet: &Packet) -> String {
    let len = packet.payload.len();
    match number {
        protocol::TCP => format!("TCP, {len} B"),
        protocol::UDP => format!("UDP, {len} B"),
        protocol::ICMP => format!("ICMP, {len} B"),
        protocol::ICMPV6 => format!("ICMPv6, {len} B"),
        number => format!("protocol {number}, {len} B"),
    }
}
