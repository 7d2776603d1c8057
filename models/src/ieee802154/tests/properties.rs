//! What holds for every frame.

use super::super::*;
use crate::rope::Rope;
use proptest::prelude::*;

fn any_endpoint() -> impl Strategy<Value = Endpoint> {
    let address = prop_oneof![any::<u16>().prop_map(Address::Short), any::<u64>().prop_map(Address::Extended)];
    // Few PANs, so that some are the same.
    let pan = prop_oneof![Just(0xffff), 0_u16..2];
    (pan, address).prop_map(|(pan, address)| Endpoint { pan: PanId(pan), address })
}

fn any_security() -> impl Strategy<Value = Security> {
    let key = prop_oneof![
        Just(KeyIdentifier::Implicit),
        any::<u8>().prop_map(KeyIdentifier::Index),
        any::<([u8; 4], u8)>().prop_map(|(source, index)| KeyIdentifier::Source4(source, index)),
        any::<([u8; 8], u8)>().prop_map(|(source, index)| KeyIdentifier::Source8(source, index)),
    ];
    (any::<u8>(), any::<u32>(), key, any::<u8>()).prop_map(|(bits, frame_counter, key, byte)| {
        let level = SecurityLevel::from_bits(bits);
        Security { level, frame_counter, key, mic: vec![byte; level.mic_len()] }
    })
}

fn any_beacon() -> impl Strategy<Value = Beacon> {
    let superframe =
        (0_u8..16, 0_u8..16, 0_u8..16, any::<[bool; 3]>()).prop_map(|(order, active, slot, flags)| Superframe {
            beacon_order: order,
            superframe_order: active,
            final_cap_slot: slot,
            battery_life_extension: flags[0],
            is_pan_coordinator: flags[1],
            permits_association: flags[2],
        });
    let slot = (any::<u16>(), 0_u8..16, 0_u8..16, any::<bool>())
        .prop_map(|(address, start, len, is_receive)| GtsSlot { address, start, len, is_receive });
    let gts = (any::<bool>(), prop::collection::vec(slot, 0..=MAX_LISTED))
        .prop_map(|(is_permitted, slots)| Gts { is_permitted, slots });
    let shorts = prop::collection::vec(any::<u16>(), 0..=4);
    let extendeds = prop::collection::vec(any::<u64>(), 0..=3);
    (superframe, gts, shorts, extendeds, prop::collection::vec(any::<u8>(), 0..9)).prop_map(
        |(superframe, gts, pending_short, pending_extended, payload)| Beacon {
            superframe,
            gts,
            pending_short,
            pending_extended,
            payload: Rope::from(payload),
        },
    )
}

fn any_command() -> impl Strategy<Value = Command> {
    let capability = any::<[bool; 6]>().prop_map(|flags| Capability {
        alternate_coordinator: flags[0],
        full_function: flags[1],
        mains_powered: flags[2],
        listens_when_idle: flags[3],
        security: flags[4],
        wants_address: flags[5],
    });
    prop_oneof![
        capability.prop_map(Command::AssociationRequest),
        any::<(u16, u8)>().prop_map(|(short, status)| Command::AssociationResponse { short, status }),
        any::<u8>().prop_map(|reason| Command::DisassociationNotification { reason }),
        Just(Command::DataRequest),
        Just(Command::PanIdConflict),
        Just(Command::OrphanNotification),
        Just(Command::BeaconRequest),
        (any::<(u16, u16, u8, u16)>(), prop::option::of(any::<u8>())).prop_map(
            |((pan, coordinator, channel, short), page)| Command::CoordinatorRealignment {
                pan: PanId(pan),
                coordinator,
                channel,
                short,
                page
            }
        ),
        (0_u8..16, any::<(bool, bool)>()).prop_map(|(len, (is_receive, is_allocation))| Command::GtsRequest {
            len,
            is_receive,
            is_allocation
        }),
        // No body of these identifiers is known.
        (10_u8.., prop::collection::vec(any::<u8>(), 0..30)).prop_map(|(id, body)| Command::Other { id, body }),
    ]
}

/// A frame that can be read again: commands whose content is encrypted are known by their identifier alone.
fn any_frame() -> impl Strategy<Value = Frame> {
    let content = prop_oneof![
        any_beacon().prop_map(Content::Beacon),
        prop::collection::vec(any::<u8>(), 0..60).prop_map(|bytes| Content::Data(Rope::from(bytes))),
        any_command().prop_map(Content::Command),
        Just(Content::Ack),
    ];
    let endpoints = (prop::option::of(any_endpoint()), prop::option::of(any_endpoint()));
    (content, endpoints, prop::option::of(any_security()), any::<[bool; 4]>(), any::<u8>()).prop_map(
        |(content, (destination, source), security, [is_pending, wants_ack, compresses, is_2006], sequence)| {
            let is_ack = content == Content::Ack;
            let security = security.filter(|_| !is_ack);
            let security = match &content {
                Content::Command(_) => security.filter(|security| !security.level.encrypts()),
                _ => security,
            };
            let (destination, source) = if is_ack { (None, None) } else { (destination, source) };
            let same_pan = |(a, b): (Endpoint, Endpoint)| a.pan == b.pan;
            let compresses_pan = compresses && destination.zip(source).is_some_and(same_pan);
            let version = if is_2006 || security.is_some() { Version::V2006 } else { Version::V2003 };
            Frame { version, is_pending, wants_ack, compresses_pan, sequence, destination, source, security, content }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(frame in any_frame()) {
        let bytes = frame.encode();
        prop_assert_eq!(bytes.len(), frame.mpdu_len());
        if bytes.len() <= timing::MAX_PHY_PACKET_SIZE {
            prop_assert_eq!(Frame::decode(&bytes), Ok(frame));
        } else {
            prop_assert_eq!(Frame::decode(&bytes), Err(FrameError::TooLong(bytes.len())));
        }
    }

    #[test]
    fn data_that_fills_the_room_makes_the_longest_frame(
        source in any_endpoint(), destination in any_endpoint(), security in prop::option::of(any_security()),
    ) {
        let empty = Frame::data(0, source, destination, Rope::new());
        let empty = match security {
            Some(security) => empty.secured(security),
            None => empty,
        };
        let full = Frame { content: Content::Data(Rope::fill(1, 0, empty.room() as u64)), ..empty };
        prop_assert_eq!(full.mpdu_len(), timing::MAX_PHY_PACKET_SIZE);
    }

    #[test]
    fn whatever_comes_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..130), control in 0_u16..) {
        // Random frame controls are mostly refused; common ones get further.
        let mut bytes = bytes;
        if let [first, second, ..] = bytes.as_mut_slice() {
            [*first, *second] = (control & 0xdc6b).to_le_bytes();
        }
        if let Ok(frame) = Frame::decode_without_fcs(&bytes) {
            let again = frame.encode_without_fcs();
            prop_assert_eq!(again.len() + FCS_LEN, frame.mpdu_len());
            prop_assert_eq!(Frame::decode_without_fcs(&again), Ok(frame));
        }
    }
}
