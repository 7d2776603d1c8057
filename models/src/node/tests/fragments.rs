//! Cutting packets and putting them together, without a network.

use crate::device::Memory;
use crate::node::fragment::{clear_fragment, cut, set_fragment};
use crate::node::reassembly::{Reassembly, Taken};
use crate::packet::{Ecn, Fragment, IpHeader, Ipv4Options, Packet, Transport, protocol};
use crate::rope::Rope;
use proptest::prelude::*;
use protosim_core::{SimTime, Size, Span};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const V4: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2))];
const V6: [IpAddr; 2] = [
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)),
];
const TIMEOUT: Span = Span::from_secs(60);

/// A UDP datagram that may be cut, with the identification 7.
fn datagram(v6: bool, payload: Rope) -> Packet {
    let [from, to] = if v6 { V6 } else { V4 }.map(|address| SocketAddr::new(address, 9));
    let mut packet = Packet::udp(from, to, payload).unwrap();
    match &mut packet.ip {
        IpHeader::V4(header) => (header.dont_fragment, header.identification) = (false, 7),
        ip @ IpHeader::V6(_) => set_fragment(ip, Fragment { offset: 0, more: false, identification: 7 }),
    }
    packet
}

/// How many fragments there are, and of some of them: length on the wire, offset field, whether more follow; as encoded and decoded.
fn fields(packet: &Packet, mtu: u64, which: &[usize]) -> (usize, Vec<(u64, u16, bool)>) {
    let parts = cut(packet, mtu).unwrap();
    assert!(parts.iter().all(|part| part.wire_len() <= mtu));
    let read = |index: &usize| {
        let part = Packet::decode(&parts[*index].encode()).unwrap();
        let fragment = part.ip.fragment().unwrap();
        assert_eq!(fragment.identification, 7);
        (part.wire_len(), fragment.offset, fragment.more)
    };
    (parts.len(), which.iter().map(read).collect())
}

/// RFC 791 appendix A, examples 2 and 3: 452 data octets of protocol 6 with identification 111 over 280 octets: a first fragment of 276
/// octets with more to come, and a second of 216 at offset 32. (The example's packets are four hops apart; here the time to live
/// stays.)
#[test]
fn the_example_of_rfc_791() {
    let transport = Transport::Other { protocol: protocol::TCP };
    let mut packet = Packet::new(V4[0], V4[1], transport, Rope::fill(1, 0, 452)).unwrap();
    let IpHeader::V4(header) = &mut packet.ip else { panic!("IPv4") };
    (header.dont_fragment, header.identification, header.ttl) = (false, 111, 123);
    assert_eq!(packet.wire_len(), 472);
    let bytes: Vec<Vec<u8>> = cut(&packet, 280).unwrap().iter().map(Packet::encode).collect();
    // Version and header length, type of service, total length, identification, flags and offset, time to live, protocol.
    assert_eq!(bytes[0][..10], [0x45, 0, 276_u16.to_be_bytes()[0], 276_u16.to_be_bytes()[1], 0, 111, 0x20, 0, 123, 6]);
    assert_eq!(bytes[1][..10], [0x45, 0, 0, 216, 0, 111, 0, 32, 123, 6]);
    assert_eq!((bytes.len(), bytes[0].len(), bytes[1].len()), (2, 276, 216));
}

/// 4008 bytes of UDP. IPv4 fragments have 20 bytes of header, IPv6 ones 48, and all but the last carry a multiple of 8:
///
/// | MTU | IPv4 | IPv6 |
/// |---|---|---|
/// | 68 | 48 each: 83, and 24 at 498 | 16 each: 250, and 8 at 500 |
/// | 576 | 552 each: 7, and 144 at 483 | 528 each: 7, and 312 at 462 |
/// | 1280 | 1256 each: 3, and 240 at 471 | 1232 each: 3, and 312 at 462 |
/// | 1500 (checks C8, C9) | 1480 each: 2, and 1048 at 370 | 1448 each: 2, and 1112 at 362 |
#[test]
fn sizes_at_odd_mtus() {
    for (mtu, v4, v6) in [
        (68, (84, 68, 24 + 20, 498), (251, 64, 8 + 48, 500)),
        (576, (8, 572, 144 + 20, 483), (8, 576, 312 + 48, 462)),
        (1280, (4, 1276, 240 + 20, 471), (4, 1280, 312 + 48, 462)),
        (1500, (3, 1500, 1048 + 20, 370), (3, 1496, 1112 + 48, 362)),
    ] {
        for (is_v6, (count, full, last, last_at)) in [(false, v4), (true, v6)] {
            let packet = datagram(is_v6, Rope::fill(5, 0, 4000));
            let expected = (count, vec![(full, 0, true), (last, last_at, false)]);
            assert_eq!(fields(&packet, mtu, &[0, count - 1]), expected, "MTU {mtu}");
        }
    }
}

/// The largest datagram over IPv4: 65515 bytes in 44 parts of 1480, and 395 at offset 44 * 185 = 8140. An MTU of 65535 takes it whole.
#[test]
fn the_largest_datagram() {
    let packet = datagram(false, Rope::fill(5, 0, 65_507));
    assert_eq!(fields(&packet, 1500, &[43, 44]), (45, vec![(1500, 7955, true), (415, 8140, false)]));
    assert_eq!(cut(&packet, 65_535).unwrap().iter().map(Packet::wire_len).collect::<Vec<_>>(), [65_535]);
}

/// RFC 791 §3.2: a fragment of a fragment keeps the "more fragments" of what it was cut from. The second of 1480 bytes (at 185) over 576:
/// 552, 552, 376, all with more to come; the last, of 1048 (at 370): 552 and 496.
#[test]
fn a_fragment_is_cut_like_a_packet() {
    let parts = cut(&datagram(false, Rope::fill(5, 0, 4000)), 1500).unwrap();
    assert_eq!(fields(&parts[1], 576, &[0, 1, 2]), (3, vec![(572, 185, true), (572, 254, true), (396, 323, true)]));
    assert_eq!(fields(&parts[2], 576, &[0, 1]), (2, vec![(572, 370, true), (516, 439, false)]));
}

/// RFC 791 §3.1: a time stamp (type 68) stays in the first fragment, a stream identifier (136) goes into each. 208 bytes of UDP over 100:
/// 64 after a header of 32, 72 after headers of 24; offsets 0, 8, 17.
#[test]
fn only_some_options_are_copied() {
    let mut packet = datagram(false, Rope::fill(5, 0, 200));
    let IpHeader::V4(header) = &mut packet.ip else { panic!("IPv4") };
    let time_stamp = [68, 8, 5, 0, 0, 0, 0, 0];
    let stream = [136, 4, 0, 1];
    header.options = Ipv4Options::new(&[&time_stamp[..], &stream].concat()).map(Box::new);
    assert_eq!(fields(&packet, 100, &[0, 1, 2]), (3, vec![(96, 0, true), (96, 8, true), (96, 17, false)]));
    let parts = cut(&packet, 100).unwrap();
    let options = |part: &Packet| match &part.ip {
        IpHeader::V4(header) => header.options.as_ref().unwrap().as_bytes().to_vec(),
        IpHeader::V6(_) => panic!("IPv4"),
    };
    assert_eq!(options(&parts[0]), [&time_stamp[..], &stream].concat());
    assert_eq!((options(&parts[1]), options(&parts[2])), (stream.to_vec(), stream.to_vec()));
}

/// Padding ends options; a length that leads nowhere ends them too.
#[test]
fn options_with_wrong_lengths_do_not_lead_astray() {
    let copied = |bytes: &[u8]| Ipv4Options::new(bytes).unwrap().copied().map(|kept| kept.as_bytes().to_vec());
    assert_eq!(copied(&[1, 136, 4, 0, 1, 0, 136, 4]), Some(vec![136, 4, 0, 1]));
    assert_eq!(copied(&[136, 4, 0, 1, 136, 0, 0, 0]), Some(vec![136, 4, 0, 1]));
    assert_eq!((copied(&[136, 9, 0, 0]), copied(&[1, 1, 1, 136])), (None, None));
}

/// A host that takes fragments in, with as much memory as it likes.
struct Bench {
    reassembly: Reassembly,
    memory: Memory,
    now: SimTime,
}

impl Bench {
    fn new() -> Self {
        Self { reassembly: Reassembly::new(TIMEOUT, 1 << 20), memory: Memory::new(None), now: SimTime::ZERO }
    }

    fn take(&mut self, part: &Packet) -> Taken {
        // An atomic fragment is no part: it is for whom whole packets are for.
        let fragment = part.ip.fragment().unwrap();
        self.reassembly.take(part.clone(), fragment, self.now, &mut self.memory)
    }

    /// The datagrams that come of these fragments.
    fn all<'a>(&mut self, parts: impl IntoIterator<Item = &'a Packet>) -> Vec<Packet> {
        let whole = |taken| match taken {
            Taken::Whole(packet, _) => Some(packet.decode_transport().unwrap()),
            _ => None,
        };
        parts.into_iter().filter_map(|part| whole(self.take(part))).collect()
    }

    /// Lets all time run out; says how many fragments were given up.
    fn give_up(&mut self) -> u64 {
        let mut given_up = 0;
        while let Some(expired) = self.reassembly.expire(SimTime::MAX, &mut self.memory) {
            given_up += expired.fragments;
        }
        assert_eq!((self.reassembly.held(), self.memory.used(), self.reassembly.next_expiry()), (0, 0, None));
        given_up
    }
}

/// What its receiver gets of `packet`, when it has been cut.
fn received(packet: &Packet) -> Packet {
    let mut whole = packet.clone();
    clear_fragment(&mut whole.ip);
    whole
}

/// The rope is the one that was sent: virtual bytes as one run, real bytes as one run, and both in turn.
#[test]
fn a_receiver_gets_the_rope_that_was_sent() {
    let real = || Rope::from((0..200).collect::<Vec<u8>>());
    let mut mixed = real();
    mixed.append(&Rope::fill(7, 3, 3000));
    mixed.append(&real());
    for v6 in [false, true] {
        for payload in [Rope::fill(5, 1 << 40, 4000), real(), mixed.clone()] {
            let packet = datagram(v6, payload.clone());
            for mtu in [68, 150, 1280] {
                let parts = cut(&packet, mtu).unwrap();
                let whole = Bench::new().all(parts.iter().filter(|part| part.ip.fragment().is_some()));
                if parts.len() > 1 {
                    assert_eq!(whole, [received(&packet)]);
                    assert_eq!(whole[0].payload, payload);
                }
            }
        }
    }
}

/// RFC 3168 §5.3: congestion anywhere is congestion of the whole; together with a fragment that is not of an ECN-capable transport the packet
/// is dropped. Otherwise the codepoint is the first fragment's.
#[test]
fn congestion_of_a_fragment_is_congestion_of_the_packet() {
    use Ecn::{Ce, Ect0, Ect1, NotEct};
    for v6 in [false, true] {
        for (codepoints, expected) in [
            ([Ect0, Ect0, Ect0], Some(Ect0)),
            ([Ect0, Ce, Ect0], Some(Ce)),
            ([Ce, Ect1, Ect0], Some(Ce)),
            ([Ect1, Ect0, NotEct], Some(Ect1)),
            ([NotEct, NotEct, NotEct], Some(NotEct)),
            ([NotEct, Ce, NotEct], None),
            ([Ce, Ect0, NotEct], None),
        ] {
            let mut parts = cut(&datagram(v6, Rope::fill(5, 0, 4000)), 1500).unwrap();
            parts.iter_mut().zip(codepoints).for_each(|(part, ecn)| part.ip.set_ecn(ecn));
            let mut bench = Bench::new();
            let taken: Vec<Taken> = parts.iter().rev().map(|part| bench.take(part)).collect();
            match (&taken[2], expected) {
                (Taken::Whole(whole, 3), Some(ecn)) => assert_eq!(whole.ip.ecn(), ecn),
                (Taken::Refused(2), None) => assert_eq!(bench.give_up(), 0),
                other => panic!("{codepoints:?}: {other:?}"),
            }
        }
    }
}

/// RFC 5722 §4: an overlap ends an IPv6 packet, what is yet to come included; over IPv4 it is forgotten, and fragments that come later begin
/// anew. An exact copy ends neither.
#[test]
fn overlaps_end_a_packet_and_copies_do_not() {
    for v6 in [false, true] {
        let packet = datagram(v6, Rope::fill(5, 0, 4000));
        let (coarse, fine) = (cut(&packet, 1500).unwrap(), cut(&packet, 576).unwrap());
        let mut bench = Bench::new();
        assert_eq!(
            [&coarse[0], &coarse[0], &coarse[2], &coarse[0]].map(|part| bench.take(part)),
            [Taken::Held, Taken::Refused(0), Taken::Held, Taken::Refused(0),]
        );
        assert_eq!(bench.all([&coarse[1]]), [received(&packet)]);
        assert_eq!([&coarse[0], &coarse[2], &fine[1]].map(|part| bench.take(part))[2], Taken::Refused(2));
        let later = coarse.iter().map(|part| bench.take(part)).collect::<Vec<_>>();
        match v6 {
            true => assert_eq!(later, [Taken::Refused(0), Taken::Refused(0), Taken::Refused(0)]),
            false => assert!(matches!(later[2], Taken::Whole(_, 3)), "{later:?}"),
        }
        assert_eq!(bench.give_up(), 0);
    }
}

/// Ends that contradict each other end the packet: a second last fragment, more behind the last one, a last one before the end.
#[test]
fn a_packet_ends_once() {
    for v6 in [false, true] {
        let parts = cut(&datagram(v6, Rope::fill(5, 0, 4000)), 1500).unwrap();
        let with = |part: &Packet, offset: u16, more: bool| {
            let mut part = part.clone();
            set_fragment(&mut part.ip, Fragment { offset, more, identification: 7 });
            if more {
                part.payload = part.payload.slice(0, part.payload.len() / 8 * 8);
            }
            part
        };
        let beyond = with(&parts[1], 600, true);
        for (first, second) in [
            (&parts[2], &with(&parts[2], 600, false)),
            (&parts[2], &beyond),
            (&beyond, &parts[2]),
            (&parts[2], &with(&parts[2], 370, true)),
        ] {
            let mut bench = Bench::new();
            assert_eq!([bench.take(first), bench.take(second)], [Taken::Held, Taken::Refused(1)]);
        }
    }
}

/// No bytes, an odd length with more to come, and an end beyond 65535: the last as in the "ping of death".
#[test]
fn what_cannot_be_a_fragment_is_refused() {
    for v6 in [false, true] {
        let part = |offset: u16, more: bool, len: u64| {
            let mut part = cut(&datagram(v6, Rope::fill(5, 0, 4000)), 1500).unwrap().swap_remove(1);
            set_fragment(&mut part.ip, Fragment { offset, more, identification: 7 });
            part.payload = Rope::fill(0, 0, len);
            part
        };
        let mut bench = Bench::new();
        for part in [part(3, false, 0), part(3, true, 12), part(8191, false, 8), part(8000, true, 1536)] {
            assert_eq!(bench.take(&part), Taken::Refused(0));
        }
        // 65535 bytes after the header can be said of fragments, but not of the packet; over IPv6 they can.
        let parts = [part(0, true, 65_528), part(8191, false, 7)];
        let taken = parts.each_ref().map(|part| bench.take(part));
        assert!(if v6 { matches!(taken[1], Taken::Whole(..)) } else { taken[1] == Taken::Refused(1) }, "{taken:?}");
    }
}

/// RFC 6864 §4, RFC 8200 §4.5: what belongs together goes by addresses, identification and, over IPv4, protocol.
#[test]
fn fragments_of_different_packets_do_not_mix() {
    let packet = datagram(false, Rope::fill(5, 0, 4000));
    let parts = cut(&packet, 1500).unwrap();
    let other_id = |part: &Packet| {
        let mut part = part.clone();
        let IpHeader::V4(header) = &mut part.ip else { panic!("IPv4") };
        header.identification = 8;
        part
    };
    let other_protocol =
        |part: &Packet| Packet { transport: Transport::Other { protocol: protocol::TCP }, ..part.clone() };
    let mut bench = Bench::new();
    let mixed = [&parts[0], &other_id(&parts[1]), &other_protocol(&parts[1]), &parts[2]];
    assert_eq!(mixed.map(|part| bench.take(part)), [Taken::Held, Taken::Held, Taken::Held, Taken::Held]);
    assert_eq!(bench.all([&parts[1]]), [received(&packet)]);
    assert_eq!(bench.give_up(), 2);
}

/// The timer starts with the first fragment to come and is not set back (RFC 8200 §4.5, RFC 815 §7).
#[test]
fn time_runs_from_the_first_fragment() {
    let parts = cut(&datagram(true, Rope::fill(5, 0, 4000)), 1500).unwrap();
    let mut bench = Bench::new();
    bench.take(&parts[2]);
    bench.now = SimTime::ZERO + Span::from_secs(40);
    bench.take(&parts[0]);
    let due = SimTime::ZERO + TIMEOUT;
    assert_eq!(bench.reassembly.next_expiry(), Some(due));
    let expired = bench.reassembly.expire(due, &mut bench.memory).unwrap();
    assert_eq!((expired.fragments, expired.first.as_ref()), (2, Some(&parts[0])));
    assert_eq!(bench.give_up(), 0);
}

/// Three fragments of 1500, 1500 and 1068 bytes, and memory for 2999: the second finds none, of the device or of its own.
#[test]
fn memory_is_bounded_and_given_back() {
    let parts = cut(&datagram(false, Rope::fill(5, 0, 4000)), 1500).unwrap();
    for (own, device) in [(2999, None), (1 << 20, Some(Size::from_bytes(2999)))] {
        let mut bench =
            Bench { reassembly: Reassembly::new(TIMEOUT, own), memory: Memory::new(device), ..Bench::new() };
        let taken = parts.iter().map(|part| bench.take(part)).collect::<Vec<_>>();
        assert_eq!(taken, [Taken::Held, Taken::Refused(0), Taken::Held]);
        assert_eq!(bench.memory.used(), 1500 + 1068);
        assert_eq!(bench.give_up(), 2);
    }
}

/// RFC 6946 §4: an atomic fragment is a whole packet, whatever waits under its identification. Nothing asks the reassembly about it.
#[test]
fn an_atomic_fragment_is_no_part() {
    let packet = datagram(true, Rope::fill(5, 0, 400));
    assert_eq!(packet.ip.fragment(), None);
    let read = Packet::decode(&packet.encode()).unwrap();
    assert_eq!((read.ip.fragment(), read.payload.len()), (None, 400));
}

proptest! {
    /// In any order, with any losses and duplicates: the datagram as often as all of its fragments have come, or not at all.
    #[test]
    fn a_datagram_is_intact_or_absent(
        v6: bool, len in 1_u64..9_000, mtu in 68_u64..1_500,
        order in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..300),
    ) {
        let packet = datagram(v6, Rope::fill(5, 0, len));
        let parts = cut(&packet, mtu).unwrap();
        prop_assume!(parts.len() > 1);
        let mut sequence: Vec<usize> = (0..parts.len()).collect();
        for (at, twice) in &order {
            let (from, to) = (at.index(sequence.len()), order.len() % sequence.len());
            sequence.swap(from, to);
            if *twice {
                sequence.push(sequence[from]);
            }
        }
        let mut missing = sequence.clone();
        if let Some((at, _)) = order.first() {
            let lost = at.index(parts.len());
            missing.retain(|index| *index != lost);
        } else {
            missing.clear();
        }
        let mut bench = Bench::new();
        prop_assert_eq!(bench.all(missing.iter().map(|index| &parts[*index])), []);
        bench.give_up();
        let whole = bench.all(sequence.iter().map(|index| &parts[*index]));
        prop_assert!(!whole.is_empty());
        prop_assert!(whole.iter().all(|whole| *whole == received(&packet)));
        bench.give_up();
    }

    /// The same datagram cut in two ways, mixed: what comes out is intact, although fragments overlap.
    #[test]
    fn overlaps_never_damage_a_datagram(
        v6: bool, len in 1_u64..5_000, mtus in (68_u64..1_500, 68_u64..1_500),
        order in prop::collection::vec(any::<prop::sample::Index>(), 1..200),
    ) {
        let packet = datagram(v6, Rope::fill(5, 0, len));
        let mut parts = cut(&packet, mtus.0).unwrap();
        parts.extend(cut(&packet, mtus.1).unwrap());
        parts.retain(|part| part.ip.fragment().is_some());
        prop_assume!(!parts.is_empty());
        let mut bench = Bench::new();
        let whole = bench.all(order.iter().map(|index| &parts[index.index(parts.len())]));
        prop_assert!(whole.iter().all(|whole| *whole == received(&packet)));
        bench.give_up();
    }

    /// Fragments of nothing: no panic, no byte of memory forgotten, and each one accounted for.
    #[test]
    fn any_fragments_are_accounted_for(
        v6: bool, limit in 0_u64..20_000,
        fragments in prop::collection::vec((0_u16..64, any::<bool>(), 0_u64..400, 0_u8..4, 0_u32..2), 0..60),
    ) {
        let mut bench = Bench { reassembly: Reassembly::new(TIMEOUT, limit), ..Bench::new() };
        let (mut refused, mut whole) = (0, 0);
        for (offset, more, len, ecn, identification) in &fragments {
            let mut part = received(&datagram(v6, Rope::new()));
            part.transport = Transport::Other { protocol: protocol::UDP };
            part.payload = Rope::fill(1, 0, if *more { len / 8 * 8 } else { *len });
            part.ip.set_ecn(Ecn::from_bits(*ecn));
            set_fragment(&mut part.ip, Fragment { offset: *offset, more: *more, identification: *identification });
            match part.ip.fragment() {
                None => refused += 1,
                Some(fragment) => match bench.reassembly.take(part, fragment, bench.now, &mut bench.memory) {
                    Taken::Held => {}
                    Taken::Whole(_, count) => whole += count,
                    Taken::Refused(others) => refused += 1 + others,
                },
            }
            prop_assert!(bench.memory.used() <= limit);
        }
        let held = bench.reassembly.held();
        prop_assert_eq!(bench.give_up(), held);
        prop_assert_eq!(refused + whole + held, fragments.len() as u64);
    }
}
