//! What holds for every datagram, every network and every frame.

use super::*;
use proptest::prelude::*;
use protosim_core::LocalTime;

fn any_link() -> impl Strategy<Value = Address> {
    prop_oneof![any::<u16>().prop_map(Address::Short), any::<u64>().prop_map(Address::Extended)]
}

/// Prefixes, some of which are in each other.
fn any_prefix() -> impl Strategy<Value = Ipv6Addr> {
    let prefixes =
        ["fe80::", "2001:db8::", "2001:db8:1::", "2001:db8::ff:fe00:0", "::", "ff02::", "2001:db8:0:1:8000::"];
    prop::sample::select(prefixes.map(ip).to_vec())
}

fn any_contexts() -> impl Strategy<Value = Contexts> {
    let context = (any_prefix(), prop_oneof![0_u8..=128, Just(64), Just(112), Just(48)], any::<bool>());
    prop::collection::vec((0_u8..16, context), 0..4).prop_map(|listed| {
        let mut contexts = Contexts::default();
        for (id, (prefix, len, compresses)) in listed {
            let mut context = Context::new(prefix, len).unwrap();
            context.compresses = compresses;
            contexts.set(id, Some(context));
        }
        contexts
    })
}

/// Addresses as networks have them, most of which have a short form.
fn any_address(link: Address) -> impl Strategy<Value = Ipv6Addr> {
    let iid = prop_oneof![
        Just(Iid::from(link).0),
        any::<u16>().prop_map(|short| Iid::from_short(short).0),
        any::<[u8; 8]>(),
        Just([0; 8]),
    ];
    let unicast = (any_prefix(), iid).prop_map(|(prefix, iid)| {
        let mut octets = prefix.octets();
        octets[8..].copy_from_slice(&iid);
        Ipv6Addr::from(octets)
    });
    // Zeros up to some byte of the group.
    let multicast = (any::<[u8; 16]>(), 2_usize..16).prop_map(|(mut octets, zeros)| {
        octets[0] = 0xff;
        octets[2..zeros].fill(0);
        Ipv6Addr::from(octets)
    });
    let of_prefix = (any_prefix(), any::<[u8; 6]>(), prop::sample::select(vec![0_u8, 32, 48, 64])).prop_map(
        |(prefix, bytes, len)| {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&[0xff, bytes[0], bytes[1], len]);
            octets[4..12].copy_from_slice(&prefix.octets()[..8]);
            octets[12..].copy_from_slice(&bytes[2..]);
            Ipv6Addr::from(octets)
        },
    );
    prop_oneof![4 => unicast, 2 => multicast, 1 => of_prefix, 1 => any::<[u8; 16]>().prop_map(Ipv6Addr::from), 1 => Just(Ipv6Addr::UNSPECIFIED)]
}

/// A byte of padding, of an option, or any.
fn any_option_byte() -> impl Strategy<Value = u8> {
    prop_oneof![Just(0_u8), Just(1), 2_u8..8, any::<u8>()]
}

/// Headers inside a datagram, the outermost last: protocol and bytes around what there is.
#[derive(Clone, Debug)]
enum Layer {
    Extension(u8, Vec<u8>),
    Fragment([u8; 7]),
    Ipv6(Header),
}

fn any_header(source: Address, destination: Address) -> impl Strategy<Value = Header> {
    let class = prop_oneof![Just(0_u8), 0_u8..4, any::<u8>()];
    let flow = prop_oneof![Just(0_u32), 0_u32..1 << 20];
    let hop_limit = prop_oneof![Just(1_u8), Just(64), Just(255), any::<u8>()];
    (class, flow, hop_limit, any_address(source), any_address(destination)).prop_map(
        |(class, flow, hop_limit, source, destination)| Header { class, flow, hop_limit, source, destination },
    )
}

fn any_layer(source: Address, destination: Address) -> impl Strategy<Value = Layer> {
    let body = (prop_oneof![9 => 1_usize..5, 1 => 30_usize..40])
        .prop_flat_map(|blocks| prop::collection::vec(any_option_byte(), 8 * blocks - 2));
    prop_oneof![
        4 => (prop::sample::select(vec![0_u8, 43, 60, 135]), body).prop_map(|(protocol, body)| Layer::Extension(protocol, body)),
        1 => any::<[u8; 7]>().prop_map(Layer::Fragment),
        1 => any::<[u8; 5]>().prop_map(|[reserved, id @ ..]| Layer::Fragment([reserved, 0, 0, id[0], id[1], id[2], id[3]])),
        1 => any_header(source, destination).prop_map(Layer::Ipv6),
    ]
}

/// A datagram between nodes with these link addresses: transport, and headers around it.
fn any_datagram(source: Address, destination: Address) -> impl Strategy<Value = Vec<u8>> {
    let port = prop_oneof![0xf0b0_u16..0xf0c0, 0xf000_u16..0xf100, any::<u16>()];
    let transport = (any::<u8>(), (port.clone(), port), any::<u8>());
    let payload = prop::collection::vec(any::<u8>(), 0..300);
    let layers = prop::collection::vec(any_layer(source, destination), 0..4);
    (any_header(source, destination), layers, transport, payload).prop_map(
        |(header, layers, (kind, ports, other), payload)| {
            // UDP, mostly right; or anything.
            let mut innermost = header;
            if let Some(Layer::Ipv6(inner)) = layers.iter().find(|layer| matches!(layer, Layer::Ipv6(_))) {
                innermost = *inner;
            }
            let (mut protocol, mut bytes) = if kind < 200 {
                let mut udp = innermost.udp(ports, &payload);
                if kind < 40 {
                    let at = usize::from(other) % udp.len();
                    udp[at] ^= other;
                }
                (17, udp)
            } else {
                (other, payload)
            };
            for layer in layers {
                (protocol, bytes) = match layer {
                    Layer::Extension(kind, body) => {
                        let len = (body.len() + 2) / 8 - 1;
                        (kind, [&[protocol, len as u8], &body[..], &bytes].concat())
                    }
                    Layer::Fragment(fields) => (44, [&[protocol], &fields[..], &bytes].concat()),
                    Layer::Ipv6(inner) => (41, inner.around(protocol, &bytes)),
                };
            }
            header.around(protocol, &bytes)
        },
    )
}

fn any_case() -> impl Strategy<Value = (Address, Address, Vec<u8>)> {
    (any_link(), any_link()).prop_flat_map(|(source, destination)| {
        any_datagram(source, destination).prop_map(move |datagram| (source, destination, datagram))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_datagram_expands_to_itself((source, destination, datagram) in any_case(), contexts in any_contexts(), elides_udp_checksum: bool, share: u8) {
        let (ends, options) = (Ends::of_frame(source, destination), CompressOptions { elides_udp_checksum });
        let whole = compress(&rope(&datagram), ends, &contexts, options, usize::MAX).unwrap();
        prop_assert!(whole.covered.is_multiple_of(8) && whole.covered >= 40);
        // Never longer than it was, but for the dispatch and IPHC of two bytes and a context.
        prop_assert!(whole.head.len() as u64 <= whole.covered + 3);
        there_and_back(&datagram, ends, &contexts, options);
        // With less room, less is compressed.
        let room = whole.head.len() * usize::from(share) / 256;
        if let Ok(less) = compress(&rope(&datagram), ends, &contexts, options, room) {
            prop_assert!(less.head.len() <= room && less.covered < whole.covered);
            let content = less.whole(&rope(&datagram)).to_bytes();
            prop_assert_eq!(back(&content, ends, &contexts), Ok(datagram));
        }
    }

    #[test]
    fn fragments_in_any_order_with_copies_make_the_datagram(
        (source, destination, datagram) in any_case(), contexts in any_contexts(), room in 50_usize..128, order in any::<u64>(),
    ) {
        let options = CompressOptions { elides_udp_checksum: true };
        let mut node = Adapter::new(contexts, options, ReassemblyLimits::default(), 1);
        let fragments = node.send(rope(&datagram), source, destination, room).unwrap();
        let left = fragments.left();
        let mut frames: Vec<Rope> = fragments.collect();
        prop_assert_eq!(frames.len() as u64, left);
        prop_assert!(frames.iter().all(|frame| frame.len() <= room as u64));
        let count = frames.len();
        // All but the first and the last are as full as multiples of eight go.
        for frame in frames.iter().take(count - 1).skip(1) {
            prop_assert!(frame.len() + 8 > room as u64);
        }
        // Each frame but the one that completes it comes twice.
        let mut swaps = order;
        for index in 0..count {
            frames.swap(index, (swaps % count as u64) as usize);
            swaps = swaps.rotate_right(7);
        }
        let mut drops = Vec::new();
        let mut came = Vec::new();
        for (index, frame) in frames.iter().enumerate() {
            came.extend(node.receive(frame, (source, destination), LocalTime::ZERO, &mut drops));
            if index + 1 < count {
                came.extend(node.receive(frame, (source, destination), LocalTime::ZERO, &mut drops));
            }
        }
        prop_assert_eq!(bytes(came), vec![datagram]);
        prop_assert!(drops.iter().all(|dropped| dropped.cause == DropCause::Duplicate) && drops.len() == count - 1);
        prop_assert!(node.reassembler().is_empty() && node.reassembler().bytes() == 0);
    }

    #[test]
    fn whatever_comes_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..127), first in 0x60_u8..0x80, contexts in any_contexts()) {
        let ends = between_a_and_b();
        let mut bytes = bytes;
        if let Some(byte) = bytes.first_mut() {
            *byte = first;
        }
        if let Ok(datagram) = back(&bytes, ends, &contexts) {
            // What was read is a datagram; compressed again it reads the same.
            there_and_back(&datagram, ends, &contexts, CompressOptions::default());
        }
    }

    #[test]
    fn headers_in_front_are_written_as_they_were_read(bytes in prop::collection::vec(any::<u8>(), 0..30)) {
        if let Ok((headers, used)) = Headers::decode(&bytes) {
            let mut out = Vec::new();
            headers.encode_into(&mut out);
            // Fewer hops than 15 in a byte of their own need none.
            let is_deep = headers.mesh.is_some_and(|mesh| mesh.hops_left < 15) && bytes[0] & 15 == 15;
            if !is_deep {
                prop_assert_eq!(&out[..], &bytes[..used]);
            }
            prop_assert_eq!(Headers::decode(&out), Ok((headers, out.len())));
        }
    }
}
