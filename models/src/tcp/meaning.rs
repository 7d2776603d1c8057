//! What a segment means, for rules that name what a link drops.

use crate::meaning::Meaning;
use crate::packet::{TcpFlags, TcpHeader};
use crate::rope::Rope;
use protosim_core::Digest;

/// Kinds of packets that are of TCP.
pub const KINDS: [&str; 7] = ["tcp", "tcp.syn", "tcp.syn-ack", "tcp.data", "tcp.ack", "tcp.fin", "tcp.rst"];

/// What a segment means. A segment may be of two kinds: data that end with a FIN, a SYN that carries data (RFC 7413). One that
/// carries data is `tcp.data`, one with nothing but an acknowledgement `tcp.ack`; a reset is nothing but `tcp.rst`.
///
/// The exchange is the connection: a later one between the same ports is the same. The message, in its direction, is told by
/// what the segment is for and by its sequence number, so that a retransmission is the same message, also if it is cut
/// elsewhere behind; that of an acknowledgement alone by the acknowledgment number, so that duplicates are the same.
pub fn meaning(header: &TcpHeader, payload: &Rope) -> Meaning {
    let has = |flag| header.flags.has(flag);
    let (is_syn, is_fin, has_data) = (has(TcpFlags::SYN), has(TcpFlags::FIN), !payload.is_empty());
    let mut kinds = vec!["tcp"];
    let mut add = |is_so: bool, kind| {
        if is_so {
            kinds.push(kind);
        }
    };
    if has(TcpFlags::RST) {
        add(true, "tcp.rst");
    } else {
        add(is_syn && !has(TcpFlags::ACK), "tcp.syn");
        add(is_syn && has(TcpFlags::ACK), "tcp.syn-ack");
        add(has_data, "tcp.data");
        add(is_fin, "tcp.fin");
        add(!is_syn && !is_fin && !has_data && has(TcpFlags::ACK), "tcp.ack");
    }
    // A SYN is the same with and without data: they are left out when it is sent again. So are data with and without a FIN.
    let (purpose, number) = match kinds.get(1) {
        Some(&"tcp.ack") => (0, header.acknowledgment),
        Some(&"tcp.syn" | &"tcp.syn-ack") => (1, header.sequence),
        Some(&"tcp.data") => (2, header.sequence),
        Some(&"tcp.fin") => (3, header.sequence),
        _ => (4, header.sequence),
    };
    let mut message = Digest::START;
    message.mix(purpose << 32 | u64::from(number));
    Meaning::new(&kinds, 0, message.value())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meaning::meaning;
    use crate::packet::Packet;
    use std::net::SocketAddr;

    const SYN: TcpFlags = TcpFlags::SYN;
    const ACK: TcpFlags = TcpFlags::ACK;
    const FIN: TcpFlags = TcpFlags::FIN;
    const RST: TcpFlags = TcpFlags::RST;

    fn segment(ends: [&str; 2], flags: TcpFlags, (sequence, acknowledgment): (u32, u32), len: u64) -> Packet {
        let [from, to]: [SocketAddr; 2] = ends.map(|end| end.parse().unwrap());
        let header = TcpHeader {
            source_port: from.port(),
            destination_port: to.port(),
            sequence,
            acknowledgment,
            flags,
            window: 1000,
            urgent: 0,
            timestamps: None,
            options: None,
        };
        Packet::tcp(from.ip(), to.ip(), header, Rope::fill(1, 0, len)).unwrap()
    }

    const FORTH: [&str; 2] = ["10.0.0.1:5000", "10.0.0.2:80"];
    const BACK: [&str; 2] = ["10.0.0.2:80", "10.0.0.1:5000"];

    fn kinds_of(flags: TcpFlags, len: u64) -> Vec<&'static str> {
        let known = meaning(&segment(FORTH, flags, (7, 9), len));
        crate::meaning::kinds().into_iter().filter(|kind| known.is_a(kind)).collect()
    }

    #[test]
    fn flags_and_data_say_the_kinds() {
        assert_eq!(kinds_of(SYN, 0), ["tcp", "tcp.syn"]);
        assert_eq!(kinds_of(SYN.with(TcpFlags::ECE).with(TcpFlags::CWR), 0), ["tcp", "tcp.syn"]);
        assert_eq!(kinds_of(SYN, 100), ["tcp", "tcp.syn", "tcp.data"]);
        assert_eq!(kinds_of(SYN.with(ACK), 0), ["tcp", "tcp.syn-ack"]);
        assert_eq!(kinds_of(ACK, 0), ["tcp", "tcp.ack"]);
        assert_eq!(kinds_of(ACK.with(TcpFlags::PSH), 1), ["tcp", "tcp.data"]);
        assert_eq!(kinds_of(ACK.with(FIN), 0), ["tcp", "tcp.fin"]);
        assert_eq!(kinds_of(ACK.with(FIN), 1), ["tcp", "tcp.data", "tcp.fin"]);
        assert_eq!(kinds_of(ACK.with(RST), 0), ["tcp", "tcp.rst"]);
        assert_eq!(kinds_of(RST, 0), ["tcp", "tcp.rst"]);
        assert_eq!(kinds_of(TcpFlags::NONE, 0), ["tcp"]);
    }

    #[test]
    fn a_connection_is_one_exchange_both_ways() {
        let exchange = |ends| meaning(&segment(ends, ACK, (1, 2), 0)).exchange;
        assert_eq!(exchange(FORTH), exchange(BACK));
        for other in [
            ["10.0.0.1:5001", "10.0.0.2:80"],
            ["10.0.0.1:5000", "10.0.0.2:81"],
            ["10.0.0.3:5000", "10.0.0.2:80"],
            ["10.0.0.1:80", "10.0.0.2:5000"],
        ] {
            assert_ne!(exchange(FORTH), exchange(other), "{other:?}");
        }
    }

    /// Pairs of segments: whether the second is the first again.
    #[test]
    fn transmissions_of_a_segment_are_one_message() {
        let data = |sequence, acknowledgment, len| segment(FORTH, ACK, (sequence, acknowledgment), len);
        let with = |flags, sequence, len| segment(FORTH, flags, (sequence, 9), len);
        let cases = [
            // Acknowledges more by now, is shorter, ends the stream.
            (data(7, 9, 100), data(7, 11, 100), true),
            (data(7, 9, 100), data(7, 9, 60), true),
            (data(7, 9, 100), with(ACK.with(FIN), 7, 100), true),
            (data(7, 9, 100), data(107, 9, 100), false),
            // An acknowledgement is told by what it acknowledges.
            (data(7, 9, 0), data(107, 9, 0), true),
            (data(7, 9, 0), data(7, 10, 0), false),
            (data(7, 9, 0), data(7, 9, 1), false),
            // Another direction, with the numbers of the first.
            (data(7, 9, 100), segment(BACK, ACK, (7, 9), 100), false),
            (data(7, 9, 0), segment(BACK, ACK, (7, 9), 0), false),
            (with(SYN, 7, 0), with(SYN, 7, 0), true),
            (with(SYN, 7, 100), with(SYN, 7, 0), true),
            (with(SYN, 7, 0), with(SYN, 8, 0), false),
            (with(SYN, 7, 0), data(7, 9, 100), false),
            (with(ACK.with(FIN), 7, 0), with(ACK.with(FIN), 7, 0), true),
            (with(ACK.with(FIN), 7, 0), data(7, 9, 1), false),
        ];
        for (first, second, expected) in cases {
            assert_eq!(meaning(&first).message == meaning(&second).message, expected, "{first:?}\n{second:?}");
        }
    }
}
