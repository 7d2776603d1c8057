//! Vectors of RFC 4493, frames of LoRaWAN with published keys, and properties of the encodings.

use super::crypto::{Direction, Key, SessionKeys};
use super::wire::{DataFrame, Frame, FrameError, JoinAccept, JoinRequest, Kind, MAX_FRAME, whole_counter};
use proptest::prelude::*;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn key(text: &str) -> Key {
    Key(hex(text).try_into().unwrap())
}

/// RFC 4493 §4: the key, and messages of 0, 16, 40 and 64 bytes.
#[test]
fn cmac_of_rfc_4493() {
    let key = key("2b7e151628aed2a6abf7158809cf4f3c");
    let message = hex(concat!(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
        "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
    ));
    for (len, code) in [
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
        (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ] {
        assert_eq!(key.cmac(&message[..len]).to_vec(), hex(code), "{len}");
    }
    // FIPS 197, appendix B.
    let block = hex("3243f6a8885a308d313198a2e0370734").try_into().unwrap();
    let cipher = key.encrypt_block(block);
    assert_eq!(cipher.to_vec(), hex("3925841d02dc09fbdc118597196a0b32"));
    assert_eq!(key.decrypt_block(cipher), block);
    assert_eq!(format!("{key:?}"), "Key(..)");
}

/// Session keys under which frames were published (the library lora-packet).
fn published() -> SessionKeys {
    SessionKeys {
        network: key("44024241ed4ce9a68c6a8bc055233fd3"),
        application: key("ec925802ae430ca77fd3dd73cb2cc588"),
    }
}

/// The uplink 2 of device 49be7df1 on port 1, "test".
#[test]
fn an_uplink_with_published_keys() {
    let bytes = hex("40f17dbe4900020001954378762b11ff0d");
    let Ok(Frame::Data(frame)) = Frame::decode(&bytes) else { panic!("data") };
    assert_eq!((frame.kind, frame.dev_addr, frame.counter, frame.port), (Kind::UnconfirmedUp, 0x49be_7df1, 2, Some(1)));
    assert_eq!(
        (frame.adr, frame.ack, frame.pending, frame.options.len(), frame.wire_len()),
        (false, false, false, 0, 17)
    );
    assert_eq!(frame.encode().unwrap(), bytes);
    let clear = frame.clone().open(&published(), 2).unwrap();
    assert_eq!(clear.payload, b"test");
    let sealed = clear.seal(&published(), 2).unwrap();
    assert_eq!(sealed, frame);
    // Under another counter, another key, or with a bit turned, it is not genuine.
    assert_eq!(frame.clone().open(&published(), 0x1_0002), Err(FrameError::Mic));
    let other = SessionKeys { network: key("44024241ed4ce9a68c6a8bc055233fd4"), ..published() };
    assert_eq!(frame.clone().open(&other, 2), Err(FrameError::Mic));
    let turned = DataFrame { ack: true, ..frame };
    assert_eq!(turned.open(&published(), 2), Err(FrameError::Mic));
}

/// More frames with published codes: an empty one on port 1, an acknowledgement downwards, one without a port or payload.
#[test]
fn codes_of_published_frames() {
    for (bytes, network, counter) in [
        ("40f17dbe49000300012a3518af", "44024241ed4ce9a68c6a8bc055233fd3", 3),
        ("60f17dbe4920020001f9d65d27", "44024241ed4ce9a68c6a8bc055233fd3", 2),
        ("4006dc00fcc07400000244925050", "581c4d08ef04cda30b1fef7a8b2c74b8", 0x74),
        ("40f7ec10e081000002015a171220b0c6d6470fc3", "17da125f3d55b28cc16a8111bd1d6c0b", 0),
    ] {
        let Ok(Frame::Data(frame)) = Frame::decode(&hex(bytes)) else { panic!("data") };
        let keys = SessionKeys { network: key(network), ..published() };
        assert!(frame.clone().open(&keys, counter).is_ok(), "{bytes}");
        assert_eq!(frame.encode().unwrap(), hex(bytes));
    }
    let Ok(Frame::Data(ack)) = Frame::decode(&hex("60f17dbe4920020001f9d65d27")) else { panic!("data") };
    assert_eq!((ack.kind, ack.ack, ack.kind.direction()), (Kind::UnconfirmedDown, true, Some(Direction::Down)));
}

/// A join request with its published key, and a captured join accept with what an independent library read of it: nonce e5063a, network
/// 000013, address 26012e43, settings 03, delay 1, five further channels, and the session keys for the nonce cc85.
#[test]
fn a_join_with_published_keys() {
    let bytes = hex("0039363463336913aa05693574323831330489c65b1304");
    let Ok(Frame::JoinRequest(request)) = Frame::decode(&bytes) else { panic!("a join request") };
    let app_key = key("98929b92c49edba9676d646d3b612456");
    assert!(request.is_genuine(&app_key) && !request.is_genuine(&published().network));
    assert_eq!(
        (request.join_eui, request.dev_eui, request.dev_nonce),
        (0xaa13_6933_6334_3639, 0x3331_3832_7435_6905, 0x8904)
    );
    assert_eq!(JoinRequest { mic: [0; 4], ..request }.seal(&app_key).encode(), bytes);

    let bytes = hex("204dd85ae608b87fc4889970b7d2042c9e72959b0057aed6094b16003df12de145");
    let app_key = key("b6b53f4a168a7a88bdf7ea135ce9cfca");
    let accept = JoinAccept::open(&bytes, &app_key).unwrap();
    let cf_list = hex("184f84e85684b85e84886684586e8400").try_into().ok();
    let expected = JoinAccept {
        reserved: 0,
        app_nonce: 0xe5063a,
        net_id: 0x13,
        dev_addr: 0x2601_2e43,
        dl_settings: 3,
        rx_delay: 1,
        cf_list,
    };
    assert_eq!(accept, expected);
    assert_eq!(accept.seal(&app_key), bytes);
    let keys = accept.session(&app_key, 0xcc85);
    assert_eq!(keys.network.0.to_vec(), hex("2c96f7028184bb0be8aa49275290d4fc"));
    assert_eq!(keys.application.0.to_vec(), hex("f3a5c8f0232a38c144029c165865802c"));
    assert_eq!(JoinAccept::open(&bytes, &published().network), Err(FrameError::Mic));
    assert_eq!(Frame::decode(&bytes), Ok(Frame::JoinAccept(bytes)));
}

/// Two frames with the counter 300 that Wireshark's tshark 4.0.17 decrypts and whose codes it finds right with these keys: up on port 7 a
/// text of 35 bytes, and down on port 0 one command.
#[test]
fn frames_that_wireshark_decrypts() {
    let up =
        concat!("40f17dbe49802c01076fa299b49f970dc9dce5f42820c91e3190a87b8129fccc", "a976b1b73620ae5524cc8d6ecf529909");
    let text = b"hello lora, more than sixteen bytes";
    for (bytes, kind, port, payload) in
        [(up, Kind::UnconfirmedUp, 7, &text[..]), ("a0f17dbe49802c01005fb846f2f3", Kind::ConfirmedDown, 0, &[6])]
    {
        let Ok(Frame::Data(frame)) = Frame::decode(&hex(bytes)) else { panic!("data") };
        let clear = frame.open(&published(), 300).unwrap();
        assert_eq!((clear.kind, clear.port, &*clear.payload, clear.adr), (kind, Some(port), payload, true));
        assert_eq!(clear.seal(&published(), 300).unwrap().encode().unwrap(), hex(bytes));
    }
}

/// The same without channels: 17 bytes.
#[test]
fn a_short_join_accept() {
    let accept =
        JoinAccept { reserved: 0, app_nonce: 1, net_id: 2, dev_addr: 3, dl_settings: 4, rx_delay: 5, cf_list: None };
    let bytes = accept.seal(&published().network);
    assert_eq!(bytes.len(), 17);
    assert_eq!(JoinAccept::open(&bytes, &published().network), Ok(accept));
    assert_eq!(JoinAccept::open(&bytes[..16], &published().network), Err(FrameError::Length(16)));
}

#[test]
fn what_is_no_frame_says_why() {
    let decode = |text: &str| Frame::decode(&hex(text)).unwrap_err();
    assert_eq!(decode(""), FrameError::Length(0));
    assert_eq!(decode("41"), FrameError::Major(1));
    assert_eq!(decode("40f17dbe49000200954378"), FrameError::Length(11));
    // Five bytes of options, of which four are there before the code.
    assert_eq!(decode("40f17dbe4905020001020304aabbccdd"), FrameError::Length(16));
    assert_eq!(decode("40f17dbe490102000300aabbccdd"), FrameError::TwiceOptions);
    assert_eq!(decode("00ffff"), FrameError::Length(3));
    assert_eq!(decode("20ffff"), FrameError::Length(3));
    assert_eq!(Frame::decode(&hex("e0ffff")), Ok(Frame::Other(hex("e0ffff"))));
    assert_eq!(DataFrame::new(Kind::JoinRequest, 1, 1), None);
    let frame = DataFrame::new(Kind::ConfirmedUp, 1, 1).unwrap();
    assert_eq!(DataFrame { payload: vec![1], ..frame.clone() }.encode(), Err(FrameError::NoPort));
    assert_eq!(DataFrame { options: vec![1; 16], ..frame.clone() }.encode(), Err(FrameError::Options(16)));
    assert_eq!(DataFrame { options: vec![1], port: Some(0), ..frame.clone() }.encode(), Err(FrameError::TwiceOptions));
    assert_eq!(
        DataFrame { port: Some(1), payload: vec![0; 243], ..frame.clone() }.encode(),
        Err(FrameError::Length(256))
    );
    assert_eq!(
        DataFrame { port: Some(1), payload: vec![0; 242], ..frame }.encode().map(|bytes| bytes.len()),
        Ok(MAX_FRAME)
    );
}

/// Commands on port 0 are under the network's key, others under the application's.
#[test]
fn ports_choose_keys() {
    let frame = DataFrame::new(Kind::UnconfirmedDown, 7, 9).unwrap();
    let on = |port: u8| {
        let frame = DataFrame { port: Some(port), payload: vec![0; 20], ..frame.clone() };
        frame.seal(&published(), 9).unwrap().payload
    };
    let stream = |key: Key| {
        let mut payload = vec![0; 20];
        key.crypt(Direction::Down, 7, 9, &mut payload);
        payload
    };
    assert_eq!((on(0), on(1)), (stream(published().network), stream(published().application)));
    assert_ne!(on(0), on(1));
}

/// After 65534 the low half 1 is 65537; a gap of 16384 is the largest, and the same again is a repetition.
#[test]
fn counters_wrap_and_have_gaps() {
    assert_eq!(whole_counter(None, 7), Some(7));
    assert_eq!(whole_counter(Some(65_534), 1), Some(65_537));
    assert_eq!(whole_counter(Some(5), 5), None);
    assert_eq!((whole_counter(Some(5), 16_389), whole_counter(Some(5), 16_390)), (Some(16_389), None));
    assert_eq!(whole_counter(Some(5), 4), None);
    assert_eq!(whole_counter(Some(u32::MAX), 0), None);
}

fn data() -> impl Strategy<Value = DataFrame> {
    let kinds = [Kind::UnconfirmedUp, Kind::UnconfirmedDown, Kind::ConfirmedUp, Kind::ConfirmedDown];
    let bits = any::<[bool; 4]>();
    let bytes = |most| prop::collection::vec(any::<u8>(), 0..most);
    (
        0_usize..4,
        0_u8..8,
        any::<u32>(),
        bits,
        any::<u16>(),
        bytes(16),
        prop::option::of(any::<u8>()),
        bytes(227),
        any::<[u8; 4]>(),
    )
        .prop_map(
            move |(
                kind,
                reserved,
                dev_addr,
                [adr, adr_ack_request, ack, pending],
                counter,
                options,
                port,
                payload,
                mic,
            )| DataFrame {
                kind: kinds[kind],
                reserved,
                dev_addr,
                adr,
                adr_ack_request,
                ack,
                pending,
                counter,
                options: if port == Some(0) { Vec::new() } else { options },
                port,
                payload: if port.is_some() { payload } else { Vec::new() },
                mic,
            },
        )
}

proptest! {
    #[test]
    fn what_is_written_is_read(frame in data(), counter: u32) {
        let bytes = frame.encode().unwrap();
        prop_assert_eq!(bytes.len(), frame.wire_len());
        prop_assert_eq!(Frame::decode(&bytes), Ok(Frame::Data(frame.clone())));
        let sealed = frame.clone().seal(&published(), counter).unwrap();
        prop_assert_eq!(sealed.wire_len(), bytes.len());
        let open = sealed.clone().open(&published(), counter).unwrap();
        prop_assert_eq!(&open.payload, &frame.payload);
        let wrong = DataFrame { mic: sealed.mic.map(|byte| byte ^ 1), ..sealed };
        prop_assert_eq!(wrong.open(&published(), counter), Err(FrameError::Mic));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(frame) = Frame::decode(&bytes) {
            prop_assert_eq!(frame.encode(), Ok(bytes.clone()));
        }
        let _ = JoinAccept::open(&bytes, &published().network);
    }

    #[test]
    fn joins_are_written_and_read(join_eui: u64, dev_eui: u64, dev_nonce: u16, app_nonce in 0_u32..1 << 24, list: Option<[u8; 16]>) {
        let request = JoinRequest { reserved: 0, join_eui, dev_eui, dev_nonce, mic: [0; 4] }.seal(&published().network);
        prop_assert_eq!(Frame::decode(&request.encode()), Ok(Frame::JoinRequest(request)));
        prop_assert!(request.is_genuine(&published().network));
        let accept = JoinAccept { reserved: 0, app_nonce, net_id: 0x13, dev_addr: dev_eui as u32, dl_settings: 0, rx_delay: 1, cf_list: list };
        prop_assert_eq!(JoinAccept::open(&accept.seal(&published().network), &published().network), Ok(accept));
    }
}
