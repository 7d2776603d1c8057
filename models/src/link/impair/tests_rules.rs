//! Rules that name segments of TCP, packet by packet.

use super::*;
use crate::packet::{TcpFlags, TcpHeader};
use proptest::prelude::*;
use std::net::Ipv4Addr;

const ACK: TcpFlags = TcpFlags::ACK;
/// Bytes of a full segment.
const MSS: u32 = 1000;
/// So that sequence numbers start anew in the third segment of data.
const ISS: u32 = 0xffff_f7ff;

/// A segment of the connection from this port, from client to server.
fn segment(port: u16, flags: TcpFlags, sequence: u32, acknowledgment: u32, len: u32) -> Packet {
    let header = TcpHeader {
        source_port: port,
        destination_port: 80,
        sequence,
        acknowledgment,
        flags,
        window: 1000,
        urgent: 0,
        timestamps: None,
        options: None,
    };
    let ends = [1, 2].map(|host| Ipv4Addr::new(10, 0, 0, host).into());
    Packet::tcp(ends[0], ends[1], header, Rope::fill(1, 0, u64::from(len))).unwrap()
}

fn syn() -> Packet {
    segment(5000, TcpFlags::SYN, ISS, 0, 0)
}

/// `len` bytes from `offset` of the stream.
fn part(offset: u32, len: u32) -> Packet {
    segment(5000, ACK, ISS.wrapping_add(1 + offset), 9, len)
}

/// The k-th full segment of data, from 1.
fn data(k: u32) -> Packet {
    part((k - 1) * MSS, MSS)
}

fn ack(number: u32) -> Packet {
    segment(5000, ACK, ISS.wrapping_add(1), number, 0)
}

fn fin(offset: u32) -> Packet {
    segment(5000, ACK.with(TcpFlags::FIN), ISS.wrapping_add(1 + offset), 9, 0)
}

/// A rule as it is written in a scenario.
fn rule(text: &str) -> DropRule {
    let options = ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
    options.from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn impairments(rules: &[&str]) -> Impairments {
    let config = ImpairConfig { drop: rules.iter().map(|text| rule(text)).collect(), ..ImpairConfig::default() };
    assert_eq!(config.check(), []);
    Impairments::new((Ratio::ZERO, &config), &[], RunSeed { seed: 1, replication: 0 }, "l", &Files::default())
}

/// Which of these packets, counted from 0, the rules drop.
fn dropped(rules: &[&str], packets: &[Packet]) -> Vec<usize> {
    let mut all = impairments(rules);
    let mut decide = |packet: &Packet| {
        let draws = all.draw();
        all.decide(packet, packet.wire_len(), SimTime::ZERO, &draws).is_lost()
    };
    (0..packets.len()).filter(|index| decide(&packets[*index])).collect()
}

#[test]
fn a_syn_is_dropped_as_often_as_is_said() {
    let packets = [syn(), syn(), syn(), syn(), ack(1), data(1)];
    for n in 1..4 {
        let rule = format!("(of: \"tcp.syn\", which: First({n}))");
        assert_eq!(dropped(&[&rule], &packets), (0..n).collect::<Vec<_>>());
    }
    // Of each connection the first.
    let second = |flags| segment(5001, flags, 77, 0, 0);
    let packets = [syn(), second(TcpFlags::SYN), syn(), second(TcpFlags::SYN)];
    assert_eq!(dropped(&[r#"(of: "tcp.syn", each: Exchange, which: First(1))"#], &packets), [0, 1]);
    assert_eq!(dropped(&[r#"(of: "tcp.syn", exchange: 2, which: First(1))"#], &packets), [1]);
}

#[test]
fn a_syn_ack_is_no_syn() {
    let packets = [segment(5000, TcpFlags::SYN.with(ACK), 7, 8, 0), syn()];
    assert_eq!(dropped(&[r#"(of: "tcp.syn-ack", which: From(1))"#], &packets), [0]);
    assert_eq!(dropped(&[r#"(of: "tcp.syn", which: From(1))"#], &packets), [1]);
}

/// The third segment of data is the one that is sent third for the first time, whatever is sent between, or again.
#[test]
fn a_segment_of_data_and_its_retransmissions_are_named_by_its_place() {
    let packets =
        [syn(), ack(1), data(1), data(2), data(1), ack(2), data(3), data(4), data(3), data(5), data(3), fin(5 * MSS)];
    let third = |which: &str| dropped(&[&format!("(of: \"tcp.data\", message: 3, which: {which})")], &packets);
    assert_eq!(third("First(1)"), [6]);
    assert_eq!(third("First(2)"), [6, 8]);
    assert_eq!(third("Nth(2)"), [8]);
    assert_eq!(third("From(1)"), [6, 8, 10]);
    // The third that is sent, by contrast, is the first once more.
    assert_eq!(dropped(&[r#"(of: "tcp.data", which: Nth(3))"#], &packets), [4]);
    // Each once; the first of each connection.
    assert_eq!(dropped(&[r#"(of: "tcp.data", each: Message, which: First(1))"#], &packets), [2, 3, 6, 7, 9]);
    assert_eq!(dropped(&[r#"(of: "tcp.fin", which: First(1))"#], &packets), [11]);
}

/// 4500 bytes in five segments, sequence numbers starting anew at 2048.
#[test]
fn the_last_segments_are_named_by_their_bytes() {
    let last = part(4000, 500);
    let packets = [syn(), data(1), data(2), data(3), data(4), last.clone(), ack(2), last.clone(), data(4), fin(4500)];
    let of = |rest: &str| dropped(&[&format!("(of: \"tcp.data\", {rest})")], &packets);
    // The last, once and twice; the last three, each once.
    assert_eq!(of(r#"bytes: (from: "4499 B"), which: First(1)"#), [5]);
    assert_eq!(of(r#"bytes: (from: "4499 B"), which: First(2)"#), [5, 7]);
    assert_eq!(of(r#"bytes: (from: "4500 B"), which: From(1)"#), [0_usize; 0]);
    assert_eq!(of(r#"bytes: (from: "2500 B"), each: Message, which: First(1)"#), [3, 4, 5]);
    // A byte at a border belongs to one segment: 2000 is the first of the third, 3000 the first of the fourth.
    assert_eq!(of(r#"bytes: (from: "2000 B", to: "3000 B"), which: From(1)"#), [3]);
    assert_eq!(of(r#"bytes: (from: "1999 B", to: "3001 B"), which: From(1)"#), [2, 3, 4, 8]);
    assert_eq!(of(r#"bytes: (to: "1 B"), which: From(1)"#), [1]);
    assert_eq!(of(r#"bytes: (to: "9 GB"), which: Nth(2)"#), [2]);
}

/// Without a SYN the first data seen are the start; a SYN with data (RFC 7413) carries byte 0; another SYN is a new connection.
#[test]
fn a_stream_begins_with_its_syn_or_with_what_is_seen_first() {
    let rule = [r#"(of: "tcp.data", bytes: (from: "1000 B", to: "1001 B"), which: From(1))"#];
    assert_eq!(dropped(&rule, &[data(7), data(8), data(9), data(7)]), [1]);
    let fast_open = segment(5000, TcpFlags::SYN, ISS, 0, MSS);
    assert_eq!(dropped(&rule, &[fast_open, data(2), data(3)]), [1]);
    let again = |flags, sequence, len| segment(5000, flags, sequence, 9, len);
    let packets = [syn(), data(1), data(2), again(TcpFlags::SYN, 70, 0), again(ACK, 71, MSS), again(ACK, 1071, MSS)];
    assert_eq!(dropped(&rule, &packets), [2, 5]);
}

/// 5 GB in parts of 1 GB: sequence numbers have come round once.
#[test]
fn streams_are_longer_than_sequence_numbers() {
    let rule = [r#"(of: "tcp.data", bytes: (from: "5 GB"), which: From(1))"#];
    let gigabytes = |k: u64| part((k * 1_000_000_000) as u32, 1);
    assert_eq!(dropped(&rule, &[&[syn()][..], &[0, 1, 2, 3, 4, 5].map(gigabytes)].concat()), [6]);
}

#[test]
fn runs_of_acknowledgements_are_named_by_their_ends() {
    let packets: Vec<Packet> = (0..10).flat_map(|k| [ack(100 + 10 * k), data(k + 1)]).collect();
    assert_eq!(dropped(&[r#"(of: "tcp.ack", which: Run(from: 3, to: 5))"#], &packets), [4, 6, 8]);
    // Duplicates are the same message.
    let packets = [ack(10), ack(20), ack(20), ack(20), ack(30)];
    assert_eq!(dropped(&[r#"(of: "tcp.ack", message: 2, which: Run(from: 2, to: 3))"#], &packets), [2, 3]);
}

#[test]
fn what_cannot_take_effect_is_refused() {
    for (text, field) in [
        (r#"(of: "tcp.ack", which: Run(from: 0, to: 5))"#, "drop.0.which"),
        (r#"(of: "tcp.ack", which: Run(from: 6, to: 5))"#, "drop.0.which"),
        (r#"(of: "tcp.data", bytes: (from: "9 B", to: "9 B"), which: From(1))"#, "drop.0.bytes"),
        (r#"(of: "tcp.data", bytes: (), which: From(1))"#, "drop.0.bytes"),
        (r#"(of: "tcp.ack", bytes: (from: "9 B"), which: From(1))"#, "drop.0.bytes"),
        (r#"(bytes: (from: "9 B"), which: From(1))"#, "drop.0.bytes"),
        (r#"(of: "tcp.sin", which: From(1))"#, "drop.0.of"),
        (r#"(of: "udp", message: 1, which: From(1))"#, "drop.0.of"),
        (r#"(of: "tcp", message: 0, which: From(1))"#, "drop.0.message"),
    ] {
        let config = ImpairConfig { drop: vec![rule(text)], ..ImpairConfig::default() };
        let found: Vec<String> = config.check().into_iter().map(|(field, _)| field).collect();
        assert_eq!(found, [field], "{text}");
    }
}

proptest! {
    /// What a packet has counted is taken back with it: two that have seen the same but for one that was taken back agree on.
    #[test]
    fn a_packet_that_is_taken_back_has_not_counted(picks in prop::collection::vec((0_usize..9, any::<bool>()), 1..60)) {
        const RULES: [&str; 5] = [
            r#"(of: "tcp.data", bytes: (from: "1500 B"), each: Message, which: Nth(2))"#,
            r#"(of: "tcp.data", message: 3, which: List([1, 3]))"#,
            r#"(of: "tcp", exchange: 2, which: Every(3))"#,
            r#"(of: "tcp.ack", each: Exchange, which: Run(from: 2, to: 3))"#,
            r#"(which: Nth(7))"#,
        ];
        let other = |flags, sequence, len| segment(5001, flags, sequence, 9, len);
        let packets = [
            syn(), data(1), data(2), data(3), ack(1), ack(2),
            other(TcpFlags::SYN, 3, 0), other(ACK, 1504, 1), other(ACK, 4, 0),
        ];
        let (mut plain, mut tried) = (impairments(&RULES), impairments(&RULES));
        let decide = |all: &mut Impairments, packet: &Packet| {
            let draws = all.draw();
            all.decide(packet, packet.wire_len(), SimTime::ZERO, &draws)
        };
        for (pick, is_taken_back) in picks {
            if is_taken_back {
                let before = tried.state();
                decide(&mut tried, &packets[(pick + 1) % packets.len()]);
                tried.rewind(before);
            }
            prop_assert_eq!(decide(&mut tried, &packets[pick]), decide(&mut plain, &packets[pick]));
        }
    }
}
