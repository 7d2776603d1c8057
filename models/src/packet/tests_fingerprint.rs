//! What a fingerprint tells apart: packets that differ in any one field.

use super::tests::*;
use super::*;
use crate::rope::Run;
use proptest::prelude::*;
use protosim_core::Fingerprint;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Every value that differs from a number in one of its low `$bits` bits.
macro_rules! flips {
    ($value:expr, $bits:expr) => {
        (0..$bits).map(|bit| $value ^ (1 << bit))
    };
}

/// Every code of `all` but `code`.
fn other_codes<C: Copy + PartialEq>(all: &'static [C], code: C) -> impl Iterator<Item = C> {
    all.iter().copied().filter(move |other| *other != code)
}

/// The bytes that differ from `bytes` in one bit.
fn flip_each_bit(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..8 * bytes.len()).map(|bit| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    })
}

/// The arrays that differ from `bytes` in one bit.
fn flipped<const N: usize>(bytes: [u8; N]) -> impl Iterator<Item = [u8; N]> {
    let all: Vec<Vec<u8>> = flip_each_bit(&bytes).collect();
    all.into_iter().map(|bytes| bytes.try_into().unwrap())
}

/// The echoes that differ from that of the kind `same` in one bit, or by being one of the kind `other`.
fn echo_changes<M>(identifier: u16, sequence: u16, same: fn(u16, u16) -> M, other: fn(u16, u16) -> M) -> Vec<M> {
    flips!(identifier, 16)
        .map(|changed| same(changed, sequence))
        .chain(flips!(sequence, 16).map(|changed| same(identifier, changed)))
        .chain([other(identifier, sequence)])
        .collect()
}

/// The messages of kinds that are not known which differ in one bit.
fn other_changes<M>(icmp_type: u8, code: u8, rest: [u8; 4], make: fn(u8, u8, [u8; 4]) -> M) -> Vec<M> {
    flips!(icmp_type, 8)
        .map(|changed| make(changed, code, rest))
        .chain(flips!(code, 8).map(|changed| make(icmp_type, changed, rest)))
        .chain(flipped(rest).map(|changed| make(icmp_type, code, changed)))
        .collect()
}

/// The messages that differ from `message` in one bit of one field, in its code, or by being the other kind of echo.
fn icmp_changes(message: IcmpMessage) -> Vec<IcmpMessage> {
    use IcmpMessage as M;
    let request = |identifier, sequence| M::EchoRequest { identifier, sequence };
    let reply = |identifier, sequence| M::EchoReply { identifier, sequence };
    let other = |icmp_type, code, rest| M::Other { icmp_type, code, rest };
    match message {
        M::EchoRequest { identifier, sequence } => echo_changes(identifier, sequence, request, reply),
        M::EchoReply { identifier, sequence } => echo_changes(identifier, sequence, reply, request),
        M::DestinationUnreachable(code) => other_codes(Unreachable::ALL, code).map(M::DestinationUnreachable).collect(),
        M::FragmentationNeeded { next_hop_mtu: mtu } => {
            flips!(mtu, 16).map(|next_hop_mtu| M::FragmentationNeeded { next_hop_mtu }).collect()
        }
        M::Redirect { code, gateway } => flipped(gateway.octets())
            .map(|gateway| M::Redirect { code, gateway: gateway.into() })
            .chain(other_codes(Redirect::ALL, code).map(|code| M::Redirect { code, gateway }))
            .collect(),
        M::TimeExceeded(code) => other_codes(TimeExceeded::ALL, code).map(M::TimeExceeded).collect(),
        M::ParameterProblem { code, pointer: p } => flips!(p, 8)
            .map(|pointer| M::ParameterProblem { code, pointer })
            .chain(other_codes(ParameterProblem::ALL, code).map(|code| M::ParameterProblem { code, pointer: p }))
            .collect(),
        M::Other { icmp_type, code, rest } => other_changes(icmp_type, code, rest, other),
    }
}

/// [`icmp_changes`], ICMPv6.
fn icmpv6_changes(message: Icmpv6Message) -> Vec<Icmpv6Message> {
    use Icmpv6Message as M;
    let request = |identifier, sequence| M::EchoRequest { identifier, sequence };
    let reply = |identifier, sequence| M::EchoReply { identifier, sequence };
    let other = |icmp_type, code, rest| M::Other { icmp_type, code, rest };
    match message {
        M::EchoRequest { identifier, sequence } => echo_changes(identifier, sequence, request, reply),
        M::EchoReply { identifier, sequence } => echo_changes(identifier, sequence, reply, request),
        M::DestinationUnreachable(code) => {
            other_codes(Icmpv6Unreachable::ALL, code).map(M::DestinationUnreachable).collect()
        }
        M::PacketTooBig { mtu } => flips!(mtu, 32).map(|mtu| M::PacketTooBig { mtu }).collect(),
        M::TimeExceeded(code) => other_codes(TimeExceeded::ALL, code).map(M::TimeExceeded).collect(),
        M::ParameterProblem { code, pointer: p } => flips!(p, 32)
            .map(|pointer| M::ParameterProblem { code, pointer })
            .chain(other_codes(Icmpv6ParameterProblem::ALL, code).map(|code| M::ParameterProblem { code, pointer: p }))
            .collect(),
        M::Other { icmp_type, code, rest } => other_changes(icmp_type, code, rest, other),
    }
}

/// The headers that differ from `header` in one bit of a field or of the encoded options, or by four more bytes of options, or
/// by having none.
fn tcp_changes(header: &TcpHeader) -> Vec<TcpHeader> {
    let mut found = Vec::new();
    let mut add = |change: &dyn Fn(&mut TcpHeader)| {
        let mut changed = header.clone();
        change(&mut changed);
        found.push(changed);
    };
    flips!(header.source_port, 16).for_each(|port| add(&|header| header.source_port = port));
    flips!(header.destination_port, 16).for_each(|port| add(&|header| header.destination_port = port));
    flips!(header.sequence, 32).for_each(|sequence| add(&|header| header.sequence = sequence));
    flips!(header.acknowledgment, 32).for_each(|number| add(&|header| header.acknowledgment = number));
    flips!(header.flags.with_reserved(), 12).for_each(|bits| add(&|header| header.flags = TcpFlags::from_word(bits)));
    flips!(header.window, 16).for_each(|window| add(&|header| header.window = window));
    flips!(header.urgent, 16).for_each(|urgent| add(&|header| header.urgent = urgent));
    let mut options = Vec::new();
    header.write_options(&mut options);
    let mut with = |options: Vec<u8>| {
        let raw = TcpOptions { as_received: Some(options.into()), ..TcpOptions::default() };
        found.push(TcpHeader { timestamps: None, options: Some(Box::new(raw)), ..header.clone() }.fitted());
    };
    flip_each_bit(&options).for_each(&mut with);
    if options.len() < MAX_OPTIONS_LEN {
        with([&options[..], &[1; 4]].concat());
    }
    if !options.is_empty() {
        with(Vec::new());
    }
    found
}

fn transport_changes(transport: Transport) -> Vec<Transport> {
    match transport {
        Transport::Udp(UdpHeader { source_port, destination_port }) => flips!(source_port, 16)
            .map(|source_port| UdpHeader { source_port, destination_port })
            .chain(flips!(destination_port, 16).map(|destination_port| UdpHeader { source_port, destination_port }))
            .map(Transport::Udp)
            .collect(),
        Transport::Icmp(message) => icmp_changes(message).into_iter().map(Transport::Icmp).collect(),
        Transport::Icmpv6(message) => icmpv6_changes(message).into_iter().map(Transport::Icmpv6).collect(),
        Transport::Tcp(header) => tcp_changes(&header).into_iter().map(Transport::Tcp).collect(),
        Transport::Damaged => Vec::new(),
        // 128 and what is below are protocols; an extension header is none.
        Transport::Other { protocol } => flips!(protocol, 8)
            .filter(|protocol| !matches!(*protocol, 0 | 43 | 44 | 60))
            .map(|protocol| Transport::Other { protocol })
            .collect(),
    }
}

fn v4_changes(header: &Ipv4Header) -> Vec<(&'static str, Ipv4Header)> {
    let mut found = Vec::new();
    let mut add = |name: &'static str, change: &dyn Fn(&mut Ipv4Header)| {
        let mut changed = header.clone();
        change(&mut changed);
        found.push((name, changed));
    };
    flipped(header.src.octets()).for_each(|src| add("source", &|header| header.src = src.into()));
    flipped(header.dst.octets()).for_each(|dst| add("destination", &|header| header.dst = dst.into()));
    flips!(header.identification, 16).for_each(|id| add("identification", &|header| header.identification = id));
    flips!(header.fragment_offset, 13).for_each(|offset| add("offset", &|header| header.fragment_offset = offset));
    add("don't fragment", &|header| header.dont_fragment ^= true);
    add("more fragments", &|header| header.more_fragments ^= true);
    flips!(header.ttl, 8).for_each(|ttl| add("time to live", &|header| header.ttl = ttl));
    flips!(header.dscp, 6).for_each(|dscp| add("DSCP", &|header| header.dscp = dscp));
    flips!(header.ecn as u8, 2).for_each(|ecn| add("ECN", &|header| header.ecn = Ecn::from_bits(ecn)));
    let options = header.options.as_ref().map(|options| options.as_bytes().to_vec()).unwrap_or_default();
    for options in flip_each_bit(&options) {
        add("options", &|header| header.options = Ipv4Options::new(&options).map(Box::new));
    }
    match &header.options {
        Some(_) => add("options", &|header| header.options = None),
        None => add("options", &|header| header.options = Ipv4Options::new(&[1, 1, 1, 1]).map(Box::new)),
    }
    found
}

/// The extension headers that differ from `extensions` in one bit of a body, in the kind of one, or by one more or less.
fn extensions_changes(extensions: &Ipv6Extensions) -> Vec<Ipv6Extensions> {
    let Ipv6Extensions { headers, fragment } = extensions;
    let mut found = Vec::new();
    let mut add = |headers: Vec<ExtensionHeader>| found.push(Ipv6Extensions { headers, fragment: *fragment });
    for (index, header) in headers.iter().enumerate() {
        // Byte 1 of a routing header tells whether it is accepted.
        for bit in (0..8 * header.body().len()).filter(|bit| bit / 8 != 1) {
            let (mut changed, mut body) = (headers.clone(), header.body().to_vec());
            body[bit / 8] ^= 1 << (bit % 8);
            changed[index] = ExtensionHeader::new(header.kind(), body).unwrap();
            add(changed);
        }
        let kind = match header.kind() {
            ExtensionKind::DestinationOptions => ExtensionKind::Routing,
            ExtensionKind::HopByHop | ExtensionKind::Routing => ExtensionKind::DestinationOptions,
        };
        let mut changed = headers.clone();
        changed[index] = ExtensionHeader::new(kind, header.body().to_vec()).unwrap();
        add(changed);
        add(headers
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index)
            .map(|(_, header)| header.clone())
            .collect());
    }
    let one_more = ExtensionHeader::new(ExtensionKind::DestinationOptions, vec![0; 6]).unwrap();
    add(headers.iter().cloned().chain([one_more]).collect());
    let Some(Fragment { offset, more, identification }) = *fragment else { return found };
    let fragments = flips!(identification, 32)
        .map(|identification| Fragment { offset, more, identification })
        .chain(flips!(offset, 13).map(|offset| Fragment { offset, more, identification }))
        .chain([Fragment { offset, more: !more, identification }]);
    let with = |fragment| Ipv6Extensions { headers: headers.clone(), fragment };
    found.extend(fragments.map(Some).chain([None]).map(with));
    found
}

fn v6_changes(header: &Ipv6Header) -> Vec<(&'static str, Ipv6Header)> {
    let mut found = Vec::new();
    let mut add = |name: &'static str, change: &dyn Fn(&mut Ipv6Header)| {
        let mut changed = header.clone();
        change(&mut changed);
        found.push((name, changed));
    };
    flipped(header.src.octets()).for_each(|src| add("source", &|header| header.src = src.into()));
    flipped(header.dst.octets()).for_each(|dst| add("destination", &|header| header.dst = dst.into()));
    flips!(header.flow_label, 20).for_each(|label| add("flow label", &|header| header.flow_label = label));
    flips!(header.hop_limit, 8).for_each(|limit| add("hop limit", &|header| header.hop_limit = limit));
    flips!(header.dscp, 6).for_each(|dscp| add("DSCP", &|header| header.dscp = dscp));
    flips!(header.ecn as u8, 2).for_each(|ecn| add("ECN", &|header| header.ecn = Ecn::from_bits(ecn)));
    for extensions in extensions_changes(&header.extensions.as_deref().cloned().unwrap_or_default()) {
        // No extension headers are said in one way only, as they are read.
        let some = extensions != Ipv6Extensions::default();
        add("extensions", &|header| header.extensions = some.then(|| Box::new(extensions.clone())));
    }
    found
}

/// The payloads that differ in one bit of one byte, or in where a fill comes from, or in length.
fn payload_changes(payload: &Rope) -> Vec<Rope> {
    let rope = |runs: &[Run]| {
        let mut rope = Rope::new();
        runs.iter().for_each(|run| rope.push(run.clone()));
        rope
    };
    let mut found: Vec<Rope> = Vec::new();
    for (index, run) in payload.runs().iter().enumerate() {
        let runs: Vec<Run> = match run {
            Run::Bytes(bytes) => flip_each_bit(bytes).map(|bytes| Run::Bytes(bytes.into())).collect(),
            Run::Fill { key, offset, len } => {
                let (key, offset, len) = (*key, *offset, *len);
                // 2^63 and more would end after the last offset.
                flips!(key, 32)
                    .map(|key| Run::Fill { key, offset, len })
                    .chain(flips!(offset, 63).map(|offset| Run::Fill { key, offset, len }))
                    .filter(|run| matches!(run, Run::Fill { offset, len, .. } if offset.checked_add(*len).is_some()))
                    .collect()
            }
        };
        for run in runs {
            let mut changed = payload.runs().to_vec();
            changed[index] = run;
            found.push(rope(&changed));
        }
    }
    let mut longer = payload.clone();
    longer.append(&Rope::from(vec![0]));
    found.push(longer);
    if !payload.is_empty() {
        found.push(payload.slice(0, payload.len() - 1));
        found.push(payload.slice(1, payload.len() - 1));
    }
    found
}

/// Every packet that differs from `packet` in one field, nearly always in one bit of it, with the field's name.
fn changes(packet: &Packet) -> Vec<(&'static str, Packet)> {
    let with_ip = |ip| Packet { ip, ..packet.clone() };
    let mut found: Vec<(&'static str, Packet)> = match &packet.ip {
        IpHeader::V4(header) => {
            v4_changes(header).into_iter().map(|(name, header)| (name, with_ip(IpHeader::V4(header)))).collect()
        }
        IpHeader::V6(header) => {
            v6_changes(header).into_iter().map(|(name, header)| (name, with_ip(IpHeader::V6(header)))).collect()
        }
    };
    let transports = transport_changes(packet.transport.clone()).into_iter();
    found.extend(transports.map(|transport| ("transport", Packet { transport, ..packet.clone() })));
    let payloads = payload_changes(&packet.payload).into_iter();
    found.extend(payloads.map(|payload| ("payload", Packet { payload, ..packet.clone() })));
    found.extend(flips!(packet.provenance.packet_id, 64).map(|packet_id| {
        let provenance = Provenance { packet_id, ..packet.provenance };
        ("number", Packet { provenance, ..packet.clone() })
    }));
    found
}

/// One packet of each kind: plain, with everything that a header may carry, and in parts.
fn one_of_each() -> Vec<Packet> {
    let icmp_v6 = Transport::Icmpv6(Icmpv6Message::PacketTooBig { mtu: 1400 });
    let icmp_v4 = Transport::Icmp(IcmpMessage::FragmentationNeeded { next_hop_mtu: 1400 });
    let data = || Rope::from(b"protosim".to_vec());
    let echo = Echo { is_reply: false, identifier: 1, sequence: 2 };
    let mut found = Vec::new();
    for (src, dst, icmp) in [(V4_1, V4_2, icmp_v4), (V6_1, V6_2, icmp_v6)] {
        let mut mixed = data();
        mixed.append(&Rope::fill(3, 4, 500));
        let other = Transport::Other { protocol: 132 };
        let tcp = |header| Packet::tcp(src, dst, header, data()).unwrap();
        let plain = [
            tcp(tests_tcp::bare()),
            tcp(tests_tcp::stamped()),
            tcp(tests_tcp::syn()),
            tcp(tests_tcp::selective()),
            datagram(src, dst),
            Packet::udp(SocketAddr::new(src, 1), SocketAddr::new(dst, 2), mixed).unwrap(),
            Packet::udp(SocketAddr::new(src, 1), SocketAddr::new(dst, 2), Rope::new()).unwrap(),
            Packet::echo(src, dst, echo, data()).unwrap(),
            Packet::new(src, dst, icmp, data()).unwrap(),
            Packet::new(src, dst, other, data()).unwrap(),
        ];
        for mut packet in plain {
            found.push(packet.clone());
            match &mut packet.ip {
                IpHeader::V4(header) => header.options = Ipv4Options::new(&[1; 40]).map(Box::new),
                IpHeader::V6(header) => {
                    let hop_by_hop = ExtensionHeader::new(ExtensionKind::HopByHop, vec![0; 14]).unwrap();
                    let routing = ExtensionHeader::new(ExtensionKind::Routing, vec![0; 22]).unwrap();
                    let fragment = Some(Fragment { offset: 0, more: false, identification: 5 });
                    header.extensions = Some(Box::new(Ipv6Extensions { headers: vec![hop_by_hop, routing], fragment }));
                }
            }
            found.push(packet);
        }
        let mut fragment = Packet::new(src, dst, Transport::Other { protocol: protocol::UDP }, data()).unwrap();
        match &mut fragment.ip {
            IpHeader::V4(header) => (header.fragment_offset, header.more_fragments) = (185, true),
            IpHeader::V6(header) => {
                let fragment = Some(Fragment { offset: 185, more: true, identification: 5 });
                header.extensions = Some(Box::new(Ipv6Extensions { headers: Vec::new(), fragment }));
            }
        }
        found.push(fragment);
    }
    found
}

/// Fingerprints of 64 bits that are as good as drawn: of these few thousand, two agree by chance with probability 1e-12.
#[test]
fn packets_that_differ_in_any_one_field_have_other_fingerprints() {
    for packet in one_of_each() {
        let mut seen = std::collections::BTreeMap::from([(packet.fingerprint(), "none")]);
        for (field, changed) in changes(&packet) {
            assert_ne!(changed, packet, "{field}");
            let earlier = seen.insert(changed.fingerprint(), field);
            assert_eq!(earlier, None, "{field} of {changed:?}");
        }
    }
}

/// Of what is protected the length counts, also where an ICMP error quotes it; everything else does as ever.
#[test]
fn bytes_that_are_protected_are_no_part_of_a_fingerprint() {
    let of = |payload: Vec<u8>, is_protected| {
        let mut packet = datagram(Ipv4Addr::new(10, 0, 0, 1).into(), Ipv4Addr::new(10, 0, 0, 2).into());
        packet.payload = Rope::from(payload);
        packet.provenance.is_protected = is_protected;
        packet
    };
    let quoted = |packet: &Packet| {
        let error = packet.icmp_error(ErrorCause::PortUnreachable, Ipv4Addr::new(10, 0, 0, 9).into());
        error.expect("a datagram may be answered").fingerprint()
    };
    let (a, b) = (of(vec![1; 20], true), of(vec![2; 20], true));
    assert_eq!((a.fingerprint(), quoted(&a)), (b.fingerprint(), quoted(&b)));
    let others = [of(vec![1; 21], true), of(vec![1; 20], false), of(vec![2; 20], false)];
    for packet in &others {
        assert_ne!((packet.fingerprint(), quoted(packet)), (a.fingerprint(), quoted(&a)));
    }
    assert_ne!(quoted(&others[1]), quoted(&others[2]));
}

#[test]
fn ends_in_the_subnets_of_a_network_have_fingerprints_of_their_own() {
    // As networks number them: subnet k, host 1 or 2; a change of the subnet must not undo one of the host.
    let ends: Vec<IpAddr> = (0..64_u16)
        .flat_map(|subnet| [1, 2].map(|host| Ipv6Addr::new(0x2001, 0xdb8, 0, subnet, 0, 0, 0, host).into()))
        .chain((0..64_u8).flat_map(|subnet| [1, 2].map(|host| Ipv4Addr::new(10, 0, 0, 4 * subnet + host).into())))
        .collect();
    let pairs = ends.iter().flat_map(|src| ends.iter().map(move |dst| (*src, *dst)));
    let of_one_family = pairs.filter(|(src, dst)| src.is_ipv4() == dst.is_ipv4());
    let fingerprints: Vec<u64> = of_one_family.map(|(src, dst)| datagram(src, dst).fingerprint()).collect();
    let different: std::collections::BTreeSet<&u64> = fingerprints.iter().collect();
    assert_eq!((fingerprints.len(), different.len()), (2 * 128 * 128, 2 * 128 * 128));
}

proptest! {
    #[test]
    fn equal_packets_have_one_fingerprint_and_changed_ones_another(packet in any_packet()) {
        // Built anew, so that nothing but the content can agree.
        let rebuilt = packet.payload.runs().iter().fold(Rope::new(), |mut rope, run| {
            rope.push(match run {
                Run::Bytes(bytes) => Run::Bytes(bytes.to_vec().into()),
                fill @ Run::Fill { .. } => fill.clone(),
            });
            rope
        });
        let same = Packet { payload: rebuilt, ..packet.clone() };
        prop_assert_eq!(same.fingerprint(), packet.fingerprint());
        prop_assert_eq!(Box::new(same).fingerprint(), packet.fingerprint());
        for (field, changed) in changes(&packet) {
            prop_assert_ne!(changed.fingerprint(), packet.fingerprint(), "{}", field);
        }
    }
}
