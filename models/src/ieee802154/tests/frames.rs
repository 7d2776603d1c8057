//! Frames in hexadecimal, worked out from the fields of IEEE 802.15.4-2006 §7.2 and §7.3, both ways. The frame control is little-endian:
//! its first byte has type, security, pending, acknowledgement and PAN compression from bit 0 on, its second one the modes at bits 2 and
//! 6 and the version at bit 4. `lowpan`'s tests have tshark read such frames.

use super::super::*;
use super::{PAN, extended, hex, short};
use crate::rope::Rope;
use protosim_core::Span;

fn check(frame: &Frame, wire: &str) {
    let wire = hex(wire);
    assert_eq!(frame.encode_without_fcs(), wire, "{frame:?}");
    assert_eq!(Frame::decode_without_fcs(&wire).as_ref(), Ok(frame));
    let with_fcs = frame.encode();
    assert_eq!(frame.mpdu_len(), with_fcs.len());
    assert_eq!(Frame::decode(&with_fcs).as_ref(), Ok(frame));
}

fn payload() -> Rope {
    Rope::from(b"hi".to_vec())
}

#[test]
fn data_between_short_addresses_has_nine_bytes_of_header() {
    // Data 1 + acknowledgement 20 + compression 40 = 61; both modes 2: 08 + 80 = 88.
    let frame = Frame::data(0x5c, short(0x5678), short(0x1234), payload());
    check(&frame, "61 88 5c cd ab 34 12 78 56 68 69");
    assert_eq!((frame.header_len(), frame.room()), (9, 116));
}

#[test]
fn data_between_extended_addresses_leaves_104_bytes() {
    // Both modes 3: 0c + c0 = cc. 2 + 1 + 2 + 8 + 8 = 21 bytes, and 127 - 21 - 2 = 104.
    let frame = Frame::data(1, extended(0x0200_0000_0000_0002), extended(0x0200_0000_0000_0001), payload());
    check(&frame, "61 cc 01 cd ab 01 00 00 00 00 00 00 02 02 00 00 00 00 00 00 02 68 69");
    assert_eq!((frame.header_len(), frame.room()), (21, 104));
}

#[test]
fn a_broadcast_wants_no_acknowledgement() {
    let everyone = Endpoint { pan: PAN, address: Address::BROADCAST };
    check(&Frame::data(2, short(0x5678), everyone, payload()), "41 88 02 cd ab ff ff 78 56 68 69");
}

#[test]
fn two_pans_are_both_named() {
    let other = Endpoint { pan: PanId(0x0102), address: Address::Short(0x0304) };
    check(&Frame::data(3, other, short(0x1234), payload()), "21 88 03 cd ab 34 12 02 01 04 03 68 69");
}

#[test]
fn one_pan_may_be_named_twice() {
    let frame = Frame { compresses_pan: false, ..Frame::data(3, short(0x5678), short(0x1234), payload()) };
    check(&frame, "21 88 03 cd ab 34 12 cd ab 78 56 68 69");
}

#[test]
fn an_acknowledgement_has_five_bytes() {
    // The standard's example (§7.2.1.9), with its check sequence.
    assert_eq!(Frame::ack(0x6a, false).encode(), hex("02 00 6a e4 79"));
    check(&Frame::ack(0x6a, true), "12 00 6a");
    assert_eq!(Frame::ack(0, false).mpdu_len(), timing::ACK_LEN);
}

#[test]
fn a_data_request_is_command_four() {
    // From a child with an extended address to its parent's short one: modes 08 + c0 = c8.
    let frame = Frame::data_request(7, extended(0x0011_2233_4455_6677), short(0));
    check(&frame, "63 c8 07 cd ab 00 00 77 66 55 44 33 22 11 00 04");
    // §7.3.4 has a data request of 9 bytes of header, one of command and two of check between short addresses.
    assert_eq!(Frame::data_request(7, short(2), short(0)).mpdu_len(), 12);
}

/// Seven addresses of both kinds, and seven slots (§7.2.2.1.6, §7.2.2.1.3): of eight short ones seven are sent, of five and five the short ones
/// and two. Counts of four and four, 0x44, are refused.
#[test]
fn a_beacon_lists_seven_at_most() {
    let lists = |shorts: u16, extended: u64| {
        let slot = GtsSlot { address: 7, start: 1, len: 1, is_receive: true };
        let gts = Gts { is_permitted: true, slots: vec![slot; 9] };
        let beacon = Beacon {
            gts,
            pending_short: (0..shorts).collect(),
            pending_extended: (0..extended).collect(),
            ..Beacon::default()
        };
        let mut bytes = Vec::new();
        beacon.encode_into(&mut bytes);
        assert_eq!(bytes.len() as u64, beacon.wire_len());
        let read = Beacon::read(&bytes).unwrap();
        assert_eq!((read.gts.slots.len(), read.payload.len()), (7, 0));
        (read.pending_short.len(), read.pending_extended.len())
    };
    assert_eq!(
        [(8, 0), (9, 9), (5, 5), (0, 8), (3, 4)].map(|(a, b)| lists(a, b)),
        [(7, 0), (7, 0), (5, 2), (0, 7), (3, 4)]
    );
    let mut bytes = vec![0xff, 0x4f, 0x00, 0x44];
    bytes.extend([0; 4 * 2 + 4 * 8]);
    assert_eq!(Beacon::read(&bytes), Err(FrameError::Pending(8)));
}

#[test]
fn a_beacon_request_is_for_everyone_everywhere() {
    let everyone = Endpoint { pan: PanId::BROADCAST, address: Address::BROADCAST };
    let frame = Frame { source: None, ..Frame::command(0x11, short(0), everyone, Command::BeaconRequest) };
    let frame = Frame { compresses_pan: false, ..frame };
    check(&frame, "03 08 11 ff ff ff ff 07");
}

#[test]
fn a_beacon_lists_who_has_something_waiting() {
    // Superframe: orders 15 and 15, last slot 15, coordinator (bit 14), association (bit 15): cfff. No slots: 00. Two short and one
    // extended address: 12.
    let superframe = Superframe { permits_association: true, ..Superframe::default() };
    let beacon = Beacon {
        superframe,
        pending_short: vec![0x1234, 0x5678],
        pending_extended: vec![0x0011_2233_4455_6677],
        payload: payload(),
        ..Beacon::default()
    };
    assert!(beacon.has_pending(Address::Short(0x5678)) && !beacon.has_pending(Address::Short(0x5679)));
    assert!(beacon.has_pending(Address::Extended(0x0011_2233_4455_6677)));
    check(
        &Frame::beacon(9, short(0), beacon),
        "00 80 09 cd ab 00 00 ff cf 00 12 34 12 78 56 77 66 55 44 33 22 11 00 68 69",
    );
}

#[test]
fn guaranteed_slots_are_three_bytes_each() {
    // Orders 6 and 3: 36; last slot 8 and coordinator: 48. Two slots, permitted: 82; the second one receives: 02. Slot 14, two long: 2e.
    let superframe = Superframe { beacon_order: 6, superframe_order: 3, final_cap_slot: 8, ..Superframe::default() };
    let slot = |address, start, is_receive| GtsSlot { address, start, len: 2, is_receive };
    let gts = Gts { is_permitted: true, slots: vec![slot(1, 14, false), slot(2, 12, true)] };
    let beacon = Beacon { superframe, gts, ..Beacon::default() };
    check(&Frame::beacon(9, short(0), beacon), "00 80 09 cd ab 00 00 36 48 82 02 01 00 2e 02 00 2c 00");
}

#[test]
fn commands_have_the_bodies_of_section_7_3() {
    let nobody = Endpoint { pan: PanId::BROADCAST, address: Address::Extended(1) };
    let capability = Capability {
        full_function: true,
        mains_powered: true,
        listens_when_idle: true,
        wants_address: true,
        ..Capability::default()
    };
    // Two PANs: the newcomer has none. 02 + 04 + 08 + 80 = 8e.
    let join = Frame::command(1, nobody, short(0), Command::AssociationRequest(capability));
    check(&join, "23 c8 01 cd ab 00 00 ff ff 01 00 00 00 00 00 00 00 01 8e");
    let tail = |command: Command| {
        let bytes = Frame::command(1, short(2), short(1), command).encode_without_fcs();
        Frame::decode_without_fcs(&bytes).unwrap();
        bytes[9..].to_vec()
    };
    assert_eq!(tail(Command::AssociationResponse { short: 0x1234, status: 0 }), hex("02 34 12 00"));
    assert_eq!(tail(Command::DisassociationNotification { reason: 2 }), hex("03 02"));
    assert_eq!(tail(Command::PanIdConflict), hex("05"));
    assert_eq!(tail(Command::OrphanNotification), hex("06"));
    let realignment =
        |page| Command::CoordinatorRealignment { pan: PAN, coordinator: 1, channel: 20, short: 0xffff, page };
    assert_eq!(tail(realignment(None)), hex("08 cd ab 01 00 14 ff ff"));
    assert_eq!(tail(realignment(Some(0))), hex("08 cd ab 01 00 14 ff ff 00"));
    // Length 3, receive 10, allocation 20.
    assert_eq!(tail(Command::GtsRequest { len: 3, is_receive: true, is_allocation: true }), hex("09 33"));
}

#[test]
fn a_command_that_cannot_be_made_out_keeps_its_bytes() {
    for (id, body) in [(1, vec![]), (4, vec![1]), (8, vec![0; 9]), (0x1f, vec![1, 2])] {
        let frame = Frame::command(1, short(2), short(1), Command::Other { id, body });
        assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
    }
}

#[test]
fn security_is_read_with_its_lengths() {
    // Version 1: 10 in the second byte. Level 5, key mode 1: 05 + 08 = 0d; counter 2; key 1; "hi" and a code of four bytes.
    let security =
        Security { mic: vec![1, 2, 3, 4], ..Security::sized(SecurityLevel::ENC_MIC_32, 2, KeyIdentifier::Index(1)) };
    let frame = Frame::data(1, short(0x5678), short(0x1234), payload()).secured(security);
    check(&frame, "69 98 01 cd ab 34 12 78 56 0d 02 00 00 00 01 68 69 01 02 03 04");
    // 127 - 9 - 6 - 4 - 2.
    assert_eq!(frame.room(), 106);
}

#[test]
fn security_headers_are_5_to_14_bytes_and_codes_0_to_16() {
    let keys = [
        KeyIdentifier::Implicit,
        KeyIdentifier::Index(1),
        KeyIdentifier::Source4([1; 4], 1),
        KeyIdentifier::Source8([1; 8], 1),
    ];
    for (key, header) in keys.into_iter().zip([5, 6, 10, 14]) {
        for (bits, mic) in [0, 4, 8, 16, 0, 4, 8, 16].into_iter().enumerate() {
            let level = SecurityLevel::from_bits(bits as u8);
            assert_eq!(level.encrypts(), bits >= 4);
            let security = Security::sized(level, u32::MAX, key);
            assert_eq!((security.header_len(), security.mic.len()), (header, mic));
            let frame = Frame::data(1, short(2), short(1), payload()).secured(security);
            assert_eq!(frame.mpdu_len(), 9 + header + 2 + mic + 2);
            assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
        }
    }
}

#[test]
fn an_encrypted_command_shows_its_identifier_alone() {
    let security = Security::sized(SecurityLevel::ENC_MIC_32, 1, KeyIdentifier::Implicit);
    let request = Frame::data_request(1, short(2), short(1)).secured(security.clone());
    assert_eq!(Frame::decode(&request.encode()), Ok(request));
    let command = Command::DisassociationNotification { reason: 1 };
    let decoded = Frame::decode(&Frame::command(1, short(2), short(1), command).secured(security).encode()).unwrap();
    assert_eq!(decoded.content, Content::Command(Command::Other { id: 3, body: vec![1] }));
}

#[test]
fn what_is_no_frame_says_why() {
    let with_fcs = |text: &str| {
        let mut bytes = hex(text);
        let check = fcs(&bytes);
        bytes.extend_from_slice(&check.to_le_bytes());
        bytes
    };
    let cases = [
        (vec![], FrameError::Truncated { need: 5, have: 0 }),
        (hex("02 00 6a e4 78"), FrameError::Fcs { found: 0x78e4, computed: 0x79e4 }),
        (with_fcs("41 88 01 cd ab 34 12 78"), FrameError::Truncated { need: 9, have: 8 }),
        (with_fcs("41 a8 01 cd ab 34 12 78 56"), FrameError::Version(2)),
        (with_fcs("45 88 01 cd ab 34 12 78 56"), FrameError::Type(5)),
        (with_fcs("41 84 01 cd ab 34 12 78 56"), FrameError::AddressingMode),
        (with_fcs("41 08 01 cd ab 34 12 78 56"), FrameError::PanCompression),
        (with_fcs("49 88 01 cd ab 34 12 78 56"), FrameError::LegacySecurity),
        (with_fcs("02 00 01 00"), FrameError::Acknowledgement),
        (with_fcs("02 08 01 cd ab 34 12"), FrameError::Acknowledgement),
        // Level 1 wants four bytes behind the header of 14.
        (with_fcs("49 98 01 cd ab 34 12 78 56 01 00 00 00 00 01 02 03"), FrameError::Truncated { need: 20, have: 19 }),
        (vec![0; 128], FrameError::TooLong(128)),
    ];
    for (bytes, error) in cases {
        assert_eq!(Frame::decode(&bytes), Err(error), "{bytes:02x?}");
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let bytes = Frame::data(1, short(0x5678), short(0x1234), Rope::fill(1, 0, 100)).encode();
    for bit in 0..8 * bytes.len() {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(Frame::decode(&flipped), Err(FrameError::Fcs { .. })), "bit {bit}");
    }
}

#[test]
fn more_than_102_bytes_are_for_devices_of_2006() {
    let data = |len| Frame::data(1, short(2), short(1), Rope::fill(1, 0, len));
    assert_eq!(data(102).version, Version::V2003);
    assert_eq!(data(103).version, Version::V2006);
    let longest = data(116);
    assert_eq!(longest.mpdu_len(), 127);
    assert_eq!(longest.air_time(), Span::from_micros(4256));
    assert_eq!(longest.interframe_space(), Span::from_micros(640));
}

#[test]
fn a_station_takes_what_is_for_it() {
    let station = Station { pan: PAN, short: Some(1), extended: 0xaa, is_pan_coordinator: false };
    let coordinator = Station { is_pan_coordinator: true, ..station };
    let stray = Station { pan: PanId::BROADCAST, short: None, ..station };
    let data = |destination| Frame::data(1, short(9), destination, payload());
    let everyone = |pan| Endpoint { pan, address: Address::BROADCAST };
    let beside = |endpoint: Endpoint| Endpoint { pan: PanId(1), ..endpoint };
    // Whom it is for, whether the station takes it, and whether it acknowledges it.
    let cases = [
        (data(short(1)), true, true),
        (data(short(2)), false, false),
        (data(extended(0xaa)), true, true),
        (data(extended(0xab)), false, false),
        (data(beside(short(1))), false, false),
        (data(everyone(PAN)), true, false),
        (data(everyone(PanId::BROADCAST)), true, false),
        (data(everyone(PanId(1))), false, false),
        // An orphan hears its coordinator in the PAN of everyone, and acknowledges.
        (data(Endpoint { pan: PanId::BROADCAST, ..extended(0xaa) }), true, true),
        (Frame { wants_ack: true, ..data(everyone(PAN)) }, true, false),
        (Frame { wants_ack: false, ..data(short(1)) }, true, false),
        (Frame::ack(1, false), true, false),
        (Frame::beacon(1, short(9), Beacon::default()), true, false),
        (Frame::beacon(1, beside(short(9)), Beacon::default()), false, false),
    ];
    for (frame, takes, acknowledges) in cases {
        assert_eq!((station.takes(&frame), station.acknowledges(&frame)), (takes, acknowledges), "{frame:?}");
    }
    let to_nobody = Frame { destination: None, ..data(short(1)) };
    assert!(coordinator.takes(&to_nobody) && coordinator.acknowledges(&to_nobody) && !station.takes(&to_nobody));
    assert!(!coordinator.takes(&Frame { source: None, ..to_nobody }));
    assert!(stray.takes(&Frame::beacon(1, beside(short(9)), Beacon::default())));
    // Without a short address, it is no 0xffff.
    assert!(!stray.takes(&data(short(1))));
}

#[test]
fn addresses_are_shown_as_they_are_written() {
    assert_eq!(short(0x12).to_string(), "0xabcd/0x0012");
    assert_eq!(Address::Extended(0x0211_2233_4455_6677).to_string(), "02:11:22:33:44:55:66:77");
}
