//! Datagrams in frames of a given room.

use super::*;
use crate::ieee802154::{Endpoint, Frame, PanId};

/// A datagram of `len` bytes between A and B, with UDP.
fn datagram(len: usize) -> Rope {
    let header = Header::new("fe80::211:2233:4455:6677", "fe80::211:2233:4455:6688");
    rope(&header.udp_datagram((0xf0b1, 0xf0b2), &vec![7; len - 48]))
}

fn compressed(datagram: &Rope) -> Compressed {
    compress(datagram, between_a_and_b(), &Contexts::default(), CompressOptions::default(), usize::MAX).unwrap()
}

/// Header and length of the rest of each frame.
fn shape(fragments: Fragments) -> Vec<(Option<FragmentHeader>, u64)> {
    let left = fragments.left();
    let frames: Vec<_> = fragments
        .map(|content| {
            let (headers, used) = Headers::decode(&content.to_bytes()).unwrap();
            (headers.fragment, content.len() - used as u64)
        })
        .collect();
    assert_eq!(left, frames.len() as u64);
    frames
}

#[test]
fn an_uncompressed_datagram_of_1280_bytes_takes_14_frames_of_104_bytes() {
    // 104 bytes: between extended addresses. 4 + 1 + 96 = 101 in the first one, as 104 would be too many; 5 + 96 in others;
    // (1280 - 96) / 96 = 12.3.
    let end = |address| Endpoint { pan: PanId(1), address };
    let room = Frame::data(0, end(A), end(B), Rope::new()).room();
    assert_eq!(room, 104);
    let frames = shape(Fragments::new(datagram(1280), Compressed::none(), room, 0x1234).unwrap());
    assert_eq!(frames.len(), 14);
    assert_eq!(frames[0], (Some(FragmentHeader { size: 1280, tag: 0x1234, offset: None }), 1 + 96));
    for (index, frame) in frames.iter().enumerate().skip(1) {
        let offset = Some(12 * index as u8);
        let len = if index == 13 { 1280 - 13 * 96 } else { 96 };
        assert_eq!(*frame, (Some(FragmentHeader { size: 1280, tag: 0x1234, offset }), len));
    }
}

#[test]
fn compressed_headers_leave_more_room_in_the_first_frame() {
    // Six bytes stand for 48. 104 - 4 - 6 = 94, so 88 and the 48: offset 17 follows. (1280 - 136) / 96 = 11.9: 13 frames.
    let datagram = datagram(1280);
    let frames = shape(Fragments::new(datagram.clone(), compressed(&datagram), 104, 1).unwrap());
    assert_eq!(frames.len(), 13);
    assert_eq!(frames[0], (Some(FragmentHeader { size: 1280, tag: 1, offset: None }), 6 + 88));
    assert_eq!(frames[1], (Some(FragmentHeader { size: 1280, tag: 1, offset: Some(17) }), 96));
    assert_eq!(frames[12].1, 1280 - 136 - 11 * 96);
}

#[test]
fn what_fits_into_one_frame_has_no_fragmentation_header() {
    // 6 + 98 = 104.
    for (len, frames) in [(48 + 98, 1), (48 + 99, 2)] {
        let datagram = datagram(len);
        let fragments = Fragments::new(datagram.clone(), compressed(&datagram), 104, 1).unwrap();
        assert_eq!(fragments.is_fragmented(), frames > 1);
        let found = shape(fragments);
        assert_eq!(found.len(), frames);
        assert_eq!(found[0].0.is_some(), frames > 1);
    }
}

#[test]
fn fragments_carry_up_to_2047_bytes() {
    let longest = datagram(2047);
    let frames = shape(Fragments::new(longest.clone(), compressed(&longest), 104, 1).unwrap());
    // 136, then 19 of 96 and one of 87.
    assert_eq!((frames.len(), frames[20].1), (21, 87));
    assert_eq!(frames[20].0.and_then(|header| header.offset), Some(17 + 19 * 12));
    let more = datagram(2048);
    assert_eq!(Fragments::new(more.clone(), compressed(&more), 104, 1), Err(FragmentError::TooLong(2048)));
    // In one frame it goes, where frames are so long.
    assert_eq!(Fragments::new(more.clone(), compressed(&more), 2048, 1).unwrap().count(), 1);
}

#[test]
fn a_frame_must_have_room_for_headers_and_eight_bytes() {
    let datagram = datagram(200);
    let with =
        |compressed: Compressed, room| Fragments::new(datagram.clone(), compressed, room, 1).map(|it| shape(it).len());
    // Uncompressed: 4 + 1 + 8 = 13, as 5 + 8 are. 25 frames of 8 bytes.
    assert_eq!(with(Compressed::none(), 12), Err(FragmentError::NoRoom { need: 13, room: 12 }));
    assert_eq!(with(Compressed::none(), 13), Ok(25));
    // Compressed: 4 + 6 are less than 5 + 8. The first has 48 bytes in its headers and no room for more: 1 + 152 / 8.
    assert_eq!(with(compressed(&datagram), 13), Ok(20));
    assert_eq!(with(compressed(&datagram), 12), Err(FragmentError::NoRoom { need: 13, room: 12 }));
}

#[test]
fn virtual_bytes_stay_virtual_in_fragments() {
    let real = Header::new("fe80::1", "fe80::2").udp_datagram((1, 2), &[0; 1000]);
    let mut datagram = rope(&real[..48]);
    datagram.append(&Rope::fill(3, 0, 1000));
    let mut adapter = adapter(ReassemblyLimits::default());
    let fragments = adapter.send(datagram.clone(), A, B, 104).unwrap();
    let frames: Vec<Rope> = fragments.collect();
    // Header and fill: two runs, never copied.
    assert!(frames.iter().all(|frame| frame.runs().len() == 2));
    let mut drops = Vec::new();
    let came: Vec<Rope> = frames
        .iter()
        .filter_map(|frame| adapter.receive(frame, (A, B), protosim_core::LocalTime::ZERO, &mut drops))
        .collect();
    assert_eq!((came, drops), (vec![datagram], vec![]));
}

fn adapter(limits: ReassemblyLimits) -> Adapter {
    Adapter::new(contexts(), CompressOptions::default(), limits, 0xffff)
}

#[test]
fn tags_go_up_by_one_for_each_datagram_in_fragments() {
    let mut adapter = adapter(ReassemblyLimits::default());
    let mut tag = |len| shape(adapter.send(datagram(len), A, B, 104).unwrap())[0].0.map(|header| header.tag);
    assert_eq!([tag(200), tag(100), tag(200), tag(200)], [Some(0xffff), None, Some(0), Some(1)]);
}

#[test]
fn headers_that_do_not_fit_with_a_fragmentation_header_go_uncompressed() {
    // Addresses in full: 2 + 32 + 7 = 41 bytes of compressed headers, or 35 without UDP's. With 44 bytes of room, 4 + 41 are too many; 4 + 35
    // are not.
    let datagram = rope(&Header::new("2001:db8:1::5", "2001:db8:2::5").udp_datagram((1, 2), &[7; 100]));
    let mut adapter = adapter(ReassemblyLimits::default());
    let first = adapter.send(datagram.clone(), A, B, 44).unwrap().next().unwrap().to_bytes();
    // 7a 00 and the number of UDP, then 32 bytes of addresses; no more than 5 bytes of data would fit: none.
    assert_eq!((first[4], first[6], first.len()), (0x7a, 17, 4 + 35));
    let first = adapter.send(datagram.clone(), A, B, 45).unwrap().next().unwrap().to_bytes();
    assert_eq!((first[4], first.len()), (0x7e, 45));
    // Nor does the header alone fit in 30 bytes.
    let refused = adapter.send(datagram, A, B, 30).map(|_| ());
    assert_eq!(refused, Err(SendError::Compress(CompressError::NoRoom { need: 35, room: 30 })));
}
