//! Fragments in any order, with copies, overlaps, and limits.

use super::*;
use protosim_core::{LocalTime, Span};

type Drops = Vec<Dropped<u8>>;
/// Causes of drops, and bytes.
type Causes = Vec<(DropCause, u64)>;

const SIZE: u16 = 32;
const KEY: Key<u8> = Key { source: 1, destination: 2, size: SIZE, tag: 7 };

fn at(secs: u64) -> LocalTime {
    LocalTime::from_nanos(secs * 1_000_000_000)
}

/// Bytes 0, 1, 2, …
fn whole() -> Vec<u8> {
    (0..SIZE as u8).collect()
}

/// The first fragment, uncompressed, of `len` bytes.
fn first(len: usize) -> Fragment {
    let head = expand(&[0x41], Ends::default(), &Contexts::default()).unwrap();
    Fragment::First(head, rope(&whole()[..len]))
}

/// `len` bytes from eight times `units`; beyond the end there are zeros.
fn next(units: u8, len: usize) -> Fragment {
    let from = 8 * usize::from(units);
    let bytes = whole().into_iter().chain(std::iter::repeat(0)).skip(from).take(len);
    Fragment::Next(units, Rope::from(bytes.collect::<Vec<u8>>()))
}

fn reassembler(datagrams: usize, bytes: u64) -> Reassembler<u8> {
    Reassembler::new(ReassemblyLimits { datagrams, bytes, timeout: MAX_TIMEOUT })
}

/// What comes of `fragments` of one datagram at one time, and what is dropped.
fn put(fragments: impl IntoIterator<Item = Fragment>) -> (Vec<Vec<u8>>, Causes, Reassembler<u8>) {
    let (mut reassembler, mut drops) = (reassembler(4, 4096), Drops::new());
    let came = fragments.into_iter().filter_map(|fragment| reassembler.add(KEY, fragment, at(0), &mut drops));
    let came = bytes(came);
    assert!(drops.iter().all(|dropped| dropped.key == Some(KEY)));
    (came, drops.iter().map(|dropped| (dropped.cause, dropped.bytes)).collect(), reassembler)
}

#[test]
fn fragments_come_in_any_order() {
    let parts = || [first(8), next(1, 16), next(3, 8)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let (came, drops, left) = put(order.map(|index| parts()[index].clone()));
        assert_eq!((came, drops), (vec![whole()], vec![]), "{order:?}");
        assert!(left.is_empty() && left.bytes() == 0);
    }
}

#[test]
fn a_copy_changes_nothing() {
    let (came, drops, _) = put([next(1, 16), next(1, 16), first(8), first(8), next(3, 8)]);
    assert_eq!(came, [whole()]);
    assert_eq!(drops, [(DropCause::Duplicate, 16), (DropCause::Duplicate, 8)]);
}

#[test]
fn an_overlap_throws_away_what_was_there_and_begins_anew() {
    // RFC 4944 §5.3: overlap, and another place or length. The last fragment then is the first of the new datagram.
    for overlapping in [next(1, 8), next(2, 16), next(1, 24), next(2, 8)] {
        let (came, drops, left) = put([first(8), next(1, 16), overlapping.clone()]);
        assert_eq!((came.len(), drops), (0, vec![(DropCause::Overlap, 24)]), "{overlapping:?}");
        assert_eq!((left.len(), left.bytes()), (1, u64::from(SIZE)));
    }
    // It can be completed again.
    let (came, _, _) = put([first(8), next(1, 16), next(1, 24), first(8)]);
    assert_eq!(came, [whole()]);
    // A first fragment of another length overlaps, too, and so does one in the middle of a longer one.
    let (_, drops, _) = put([first(8), first(16)]);
    assert_eq!(drops, [(DropCause::Overlap, 8)]);
    let (_, drops, _) = put([next(1, 24), next(2, 8)]);
    assert_eq!(drops, [(DropCause::Overlap, 24)]);
}

#[test]
fn neighbours_do_not_overlap() {
    let (came, drops, _) = put([next(2, 8), first(8), next(3, 8), next(1, 8)]);
    assert_eq!((came, drops), (vec![whole()], vec![]));
}

#[test]
fn fragments_that_cannot_be_are_dropped_alone() {
    let cases = [
        (next(3, 9), DropCause::BeyondEnd, 9),
        (next(4, 8), DropCause::BeyondEnd, 8),
        (next(255, 8), DropCause::BeyondEnd, 8),
        (next(1, 9), DropCause::Misaligned, 9),
        (next(1, 0), DropCause::Empty, 0),
        (next(0, 8), DropCause::Headless, 8),
    ];
    for (fragment, cause, bytes) in cases {
        let (came, drops, left) = put([first(8), fragment, next(1, 24)]);
        assert_eq!((came, drops), (vec![whole()], vec![(cause, bytes)]));
        assert!(left.is_empty());
        // Alone, it takes no buffer.
        let (_, _, left) = put([next(255, 8)]);
        assert!(left.is_empty());
    }
}

#[test]
fn the_last_fragment_may_have_any_length() {
    let key = Key { size: 29, ..KEY };
    let (mut reassembler, mut drops) = (reassembler(1, 4096), Drops::new());
    assert_eq!(reassembler.add(key, next(3, 5), at(0), &mut drops), None);
    let came = reassembler.add(key, first(24), at(0), &mut drops);
    assert_eq!(bytes(came), [&whole()[..29]]);
    assert!(drops.is_empty());
    // A datagram of one fragment.
    assert_eq!(reassembler.add(Key { size: 5, ..KEY }, first(5), at(0), &mut drops), Some(rope(&whole()[..5])));
}

#[test]
fn sixty_seconds_after_the_first_fragment_all_is_dropped() {
    let (mut reassembler, mut drops) = (reassembler(4, 4096), Drops::new());
    reassembler.add(KEY, next(1, 8), at(10), &mut drops);
    // Later ones give no more time.
    reassembler.add(KEY, next(2, 8), at(50), &mut drops);
    assert_eq!(reassembler.next_expiry(), Some(at(70)));
    reassembler.expire(LocalTime::from_nanos(69_999_999_999), &mut drops);
    assert!(drops.is_empty());
    reassembler.expire(at(70), &mut drops);
    assert_eq!(drops, [Dropped { cause: DropCause::Timeout, key: Some(KEY), bytes: 16 }]);
    assert!(reassembler.is_empty() && reassembler.bytes() == 0 && reassembler.next_expiry().is_none());
    // A fragment that comes then begins anew, even if nobody has called before.
    drops.clear();
    reassembler.add(KEY, next(1, 8), at(100), &mut drops);
    reassembler.add(KEY, next(1, 8), at(160), &mut drops);
    assert_eq!(drops, [Dropped { cause: DropCause::Timeout, key: Some(KEY), bytes: 8 }]);
    assert_eq!(reassembler.next_expiry(), Some(at(220)));
}

#[test]
fn no_time_limit_is_longer_than_the_standards() {
    let limits = ReassemblyLimits { timeout: Span::from_secs(600), ..ReassemblyLimits::default() };
    let (mut reassembler, mut drops) = (Reassembler::new(limits), Drops::new());
    reassembler.add(KEY, next(1, 8), at(0), &mut drops);
    assert_eq!(reassembler.next_expiry(), Some(at(60)));
}

#[test]
fn an_overlap_starts_the_time_anew() {
    let (mut reassembler, mut drops) = (reassembler(4, 4096), Drops::new());
    reassembler.add(KEY, next(1, 8), at(0), &mut drops);
    reassembler.add(KEY, next(1, 16), at(30), &mut drops);
    assert_eq!(reassembler.next_expiry(), Some(at(90)));
}

/// RFC 4944 §5.1: behind 0x41 comes an IPv6 header, 40 bytes of which the first has the version. So do fragments that begin with it: of 32 bytes in
/// all there is no header.
#[test]
fn a_dispatch_alone_is_no_datagram() {
    let mut node = Adapter::new(Contexts::default(), CompressOptions::default(), ReassemblyLimits::default(), 0);
    let header = Header::new("fe80::211:2233:4455:6677", "fe80::211:2233:4455:6688").around(59, b"");
    let mut other = header.clone();
    other[0] = 0x45;
    let with = |rest: &[u8]| [&[0x41], rest].concat();
    let truncated = |have| LowpanError::Truncated { need: 40, have };
    for (content, error) in [
        (with(&[]), truncated(0)),
        (with(&header[..39]), truncated(39)),
        (with(&other), LowpanError::Version(4)),
        ([&[0xc0, 0x20, 0x00, 0x07], &*with(&header[..32])].concat(), truncated(32)),
    ] {
        let mut drops = Vec::new();
        assert_eq!(node.receive(&rope(&content), (A, B), at(0), &mut drops), None);
        let causes: Vec<DropCause> = drops.iter().map(|dropped| dropped.cause).collect();
        assert_eq!(causes, [DropCause::Undecodable(error)], "{content:02x?}");
    }
    let whole = node.receive(&rope(&with(&header)), (A, B), at(0), &mut Vec::new());
    assert_eq!(whole.map(|datagram| datagram.to_bytes().to_vec()), Some(header));
}

#[test]
fn datagrams_are_told_apart_by_all_four_parts_of_the_key() {
    let keys =
        [KEY, Key { source: 3, ..KEY }, Key { destination: 3, ..KEY }, Key { size: 40, ..KEY }, Key { tag: 8, ..KEY }];
    let (mut reassembler, mut drops) = (reassembler(8, 4096), Drops::new());
    for key in keys {
        assert_eq!(reassembler.add(key, next(1, 24), at(0), &mut drops), None);
    }
    assert_eq!((reassembler.len(), reassembler.bytes()), (5, 4 * 32 + 40));
    let came: Vec<bool> = keys.iter().map(|key| reassembler.add(*key, first(8), at(0), &mut drops).is_some()).collect();
    assert_eq!(came, [true, true, true, false, true]);
    assert!(drops.is_empty());
}

#[test]
fn there_are_so_many_buffers() {
    let (mut reassembler, mut drops) = (reassembler(2, 4096), Drops::new());
    let key = |tag| Key { tag, ..KEY };
    for tag in 0..3 {
        reassembler.add(key(tag), first(8), at(0), &mut drops);
    }
    assert_eq!(drops, [Dropped { cause: DropCause::NoBuffer, key: Some(key(2)), bytes: 8 }]);
    // Those that have one go on; then there is room.
    assert!(reassembler.add(key(0), next(1, 24), at(0), &mut drops).is_some());
    reassembler.add(key(2), first(8), at(1), &mut drops);
    assert_eq!((drops.len(), reassembler.len()), (1, 2));
    // What has timed out leaves its buffer.
    reassembler.add(key(3), first(8), at(60), &mut drops);
    let causes: Vec<_> = drops.iter().map(|dropped| (dropped.cause, dropped.key)).collect();
    assert_eq!(causes[1..], [(DropCause::Timeout, Some(key(1)))]);
}

#[test]
fn memory_is_charged_by_the_whole_length() {
    // 2 · 1280 bytes: two whole datagrams, or one and two of 640.
    let (mut reassembler, mut drops) = (reassembler(100, 2560), Drops::new());
    let key = |tag, size| Key { tag, size, ..KEY };
    for (tag, size) in [(0, 1280), (1, 640), (2, 641), (3, 640), (4, 8)] {
        reassembler.add(key(tag, size), next(0, 8).clone_at(1), at(0), &mut drops);
    }
    let refused: Vec<_> = drops.iter().map(|dropped| (dropped.cause, dropped.key.unwrap().tag)).collect();
    // The last one has no byte 8 to 16: it is beyond its end.
    assert_eq!(refused, [(DropCause::NoMemory, 2), (DropCause::BeyondEnd, 4)]);
    assert_eq!(reassembler.bytes(), 2560);
}

impl Fragment {
    /// The same bytes elsewhere.
    fn clone_at(&self, units: u8) -> Self {
        match self {
            Self::First(_, data) | Self::Next(_, data) => Self::Next(units, data.clone()),
        }
    }
}

#[test]
fn a_flood_of_fragments_keeps_within_the_limits() {
    let limits = ReassemblyLimits { datagrams: 8, bytes: 5000, timeout: Span::from_secs(1) };
    let (mut reassembler, mut drops) = (Reassembler::new(limits), Drops::new());
    let mut state = 1_u64;
    for step in 0..50_000_u64 {
        // A linear congruence: any numbers do.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let [source, destination, tag, units, blocks, size_high, size_low, _] = state.to_be_bytes();
        let size = u16::from_be_bytes([size_high & 7, size_low]);
        let key = Key { source: source & 3, destination: destination & 1, size, tag: u16::from(tag & 3) };
        let data = Rope::fill(1, 0, 8 * u64::from(blocks & 15));
        reassembler.add(key, Fragment::Next(units, data), LocalTime::from_nanos(step * 1_000_000), &mut drops);
        assert!(reassembler.len() <= 8 && reassembler.bytes() <= 5000);
        drops.clear();
    }
}

#[test]
fn who_leaves_takes_fragments_along() {
    let (mut reassembler, mut drops) = (reassembler(8, 4096), Drops::new());
    for key in [KEY, Key { source: 2, destination: 3, ..KEY }, Key { source: 3, destination: 4, ..KEY }] {
        reassembler.add(key, first(8), at(0), &mut drops);
    }
    assert_eq!(reassembler.forget(2), 16);
    assert_eq!((reassembler.len(), reassembler.bytes()), (1, 32));
}

#[test]
fn compressed_headers_count_by_what_they_stand_for() {
    // Between A and B: six bytes for 48, and a checksum that was left out is computed over all fragments.
    let header = Header::new("fe80::211:2233:4455:6677", "fe80::211:2233:4455:6688");
    let payload: Vec<u8> = (0..300_u32).map(|index| (index * 7) as u8).collect();
    let datagram = header.udp_datagram((0xf0b1, 0xf0b2), &payload);
    let options = CompressOptions { elides_udp_checksum: true };
    let mut node = Adapter::new(Contexts::default(), options, ReassemblyLimits::default(), 1);
    let mut frames: Vec<Rope> = node.send(rope(&datagram), A, B, 104).unwrap().collect();
    assert_eq!(frames[0].slice(4, 4).to_bytes(), hex("7e 33 f7 12"));
    // The first one last: its headers are kept until then, or come then.
    for turned in [false, true] {
        if turned {
            frames.rotate_left(1);
        }
        let mut drops = Vec::new();
        let came = bytes(frames.iter().filter_map(|frame| node.receive(frame, (A, B), at(0), &mut drops)));
        assert_eq!((came, drops), (vec![datagram.clone()], vec![]));
    }
}

#[test]
fn a_first_fragment_that_cannot_be_read_is_dropped_with_its_cause() {
    let mut node = Adapter::new(Contexts::default(), CompressOptions::default(), ReassemblyLimits::default(), 1);
    let mut drops = Vec::new();
    // Context 1 is not known here.
    let frame = rope(&hex("c0 40 00 07 7a f3 10 3b"));
    assert_eq!(node.receive(&frame, (A, B), at(0), &mut drops), None);
    let key = Some(Key { source: A, destination: B, size: 64, tag: 7 });
    assert_eq!(drops, [Dropped { cause: DropCause::Undecodable(LowpanError::UnknownContext(1)), key, bytes: 8 }]);
    // A cut header, and no 6LoWPAN at all.
    for content in ["e0 40 00", "00 01", ""] {
        drops.clear();
        assert_eq!(node.receive(&rope(&hex(content)), (A, B), at(0), &mut drops), None);
        assert!(matches!(drops[..], [Dropped { cause: DropCause::Undecodable(_), key: None, .. }]), "{content}");
    }
    assert!(node.reassembler().is_empty());
}

#[test]
fn behind_a_mesh_header_its_addresses_count() {
    // From the mesh, A to B, over a hop between short addresses: identifiers are A's and B's.
    let mesh = Mesh { hops_left: 2, originator: A, final_destination: B };
    let mut content = Vec::new();
    Headers { mesh: Some(mesh), broadcast: Some(3), fragment: None }.encode_into(&mut content);
    content.extend_from_slice(&hex("7a 33 3b"));
    let hop = (Address::Short(1), Address::Short(2));
    let mut node = Adapter::new(Contexts::default(), CompressOptions::default(), ReassemblyLimits::default(), 1);
    let mut drops = Vec::new();
    let came = node.receive(&rope(&content), hop, at(0), &mut drops);
    let expected = Header::new("fe80::211:2233:4455:6677", "fe80::211:2233:4455:6688").around(59, &[]);
    assert_eq!((came, drops), (Some(rope(&expected)), vec![]));
    // Fragments that come over two neighbours are of one datagram.
    let fragment = |fragment, rest: &[u8]| {
        let mut content = Vec::new();
        Headers { mesh: Some(mesh), broadcast: None, fragment: Some(fragment) }.encode_into(&mut content);
        content.extend_from_slice(rest);
        rope(&content)
    };
    let datagram = Header::new("fe80::1", "fe80::2").around(59, &[5; 8]);
    let mut drops = Vec::new();
    let first = FragmentHeader { size: 48, tag: 1, offset: None };
    let start = [&[0x41], &datagram[..40]].concat();
    assert_eq!(node.receive(&fragment(first, &start), hop, at(0), &mut drops), None);
    let last = FragmentHeader { offset: Some(5), ..first };
    let other_hop = (Address::Short(7), Address::Short(2));
    let came = node.receive(&fragment(last, &datagram[40..]), other_hop, at(0), &mut drops);
    assert_eq!((bytes(came), drops), (vec![datagram], vec![]));
}

#[test]
fn neighbours_that_leave_and_time_are_told_to_the_node() {
    let mut node = Adapter::new(Contexts::default(), CompressOptions::default(), ReassemblyLimits::default(), 1);
    let mut drops = Vec::new();
    let frame = rope(&hex("e0 40 00 07 01 00 00 00 00 00 00 00 00"));
    for tag in [A, B] {
        node.receive(&frame, (tag, Address::Short(1)), at(0), &mut drops);
    }
    assert_eq!(node.forget(A), 8);
    assert_eq!(node.next_expiry(), Some(at(60)));
    node.expire(at(60), &mut drops);
    assert_eq!(drops.len(), 1);
}
