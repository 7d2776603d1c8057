//! TCP headers and their options: layouts, what does not fit, what came in another form, what is wrong.

use super::tests::*;
use super::*;
use proptest::prelude::*;

/// A data segment without options.
pub(super) fn bare() -> TcpHeader {
    TcpHeader {
        source_port: 49_152,
        destination_port: 80,
        sequence: 0x0102_0304,
        acknowledgment: 0x0a0b_0c0d,
        flags: TcpFlags::ACK,
        window: 502,
        urgent: 0,
        timestamps: None,
        options: None,
    }
}

/// One with timestamps.
pub(super) fn stamped() -> TcpHeader {
    TcpHeader { timestamps: Some(Timestamps { value: 3, echo: 2 }), ..bare() }
}

/// One with all options of a handshake.
pub(super) fn syn() -> TcpHeader {
    let options = TcpOptions {
        mss: Some(1460),
        window_scale: Some(7),
        sack_permitted: true,
        fast_open: Some(Bytes::from_static(b"biscuits")),
        ..TcpOptions::default()
    };
    TcpHeader { flags: TcpFlags::SYN, options: Some(Box::new(options)), ..stamped() }
}

/// One with three blocks of SACK.
pub(super) fn selective() -> TcpHeader {
    let sack = [1, 3, 5].map(|k| SackBlock { left: 1000 * k, right: 1000 * k + 1000 }).to_vec();
    TcpHeader { options: Some(Box::new(TcpOptions { sack, ..TcpOptions::default() })), ..stamped() }
}

fn any_typed_options() -> impl Strategy<Value = TcpOptions> {
    let block = any::<(u32, u32)>().prop_map(|(left, right)| SackBlock { left, right });
    let cookie = prop::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from);
    let sack = prop_oneof![Just(Vec::new()), prop::collection::vec(block, 0..6)];
    (any::<(Option<u16>, Option<u8>, bool)>(), sack, prop::option::of(cookie)).prop_map(
        |((mss, window_scale, sack_permitted), sack, fast_open)| TcpOptions {
            mss,
            window_scale,
            sack_permitted,
            sack,
            fast_open,
            as_received: None,
        },
    )
}

/// Bytes of options in any order, with right and wrong lengths.
fn any_options_bytes() -> impl Strategy<Value = Vec<u8>> {
    let known = |(kind, len): (u8, u8)| {
        prop::collection::vec(any::<u8>(), usize::from(len) - 2)
            .prop_map(move |body| [&[kind, len][..], &body].concat())
    };
    let kinds =
        vec![(2, 4), (3, 3), (4, 2), (5, 10), (5, 18), (8, 10), (34, 2), (34, 6), (34, 10), (34, 5), (30, 4), (2, 5)];
    let option = prop_oneof![
        6 => prop::sample::select(kinds).prop_flat_map(known),
        3 => Just(vec![1]),
        1 => any::<[u8; 2]>().prop_map(|bytes| bytes.to_vec()),
        1 => Just(vec![0]),
    ];
    prop::collection::vec(option, 0..8).prop_map(|options| {
        let mut bytes = options.concat();
        bytes.truncate(MAX_OPTIONS_LEN);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    })
}

fn with_bytes(header: TcpHeader, options: Vec<u8>) -> TcpHeader {
    let options = TcpOptions { as_received: Some(options.into()), ..TcpOptions::default() };
    TcpHeader { options: Some(Box::new(options)), ..header }
}

/// Any header, also one with options that do not fit, or that arrived in another form.
pub(super) fn any_header() -> impl Strategy<Value = TcpHeader> {
    let stamps = prop::option::of(any::<(u32, u32)>().prop_map(|(value, echo)| Timestamps { value, echo }));
    let fixed = (any::<(u16, u16, u32, u32, u16, u16, u16)>(), stamps).prop_map(
        |((source_port, destination_port, sequence, acknowledgment, flags, window, urgent), timestamps)| TcpHeader {
            source_port,
            destination_port,
            sequence,
            acknowledgment,
            flags: TcpFlags::from_word(flags),
            window,
            urgent,
            timestamps,
            options: None,
        },
    );
    prop_oneof![
        fixed.clone(),
        (fixed.clone(), any_typed_options())
            .prop_map(|(header, options)| TcpHeader { options: Some(Box::new(options)), ..header }),
        (fixed, any_options_bytes()).prop_map(|(header, options)| with_bytes(header, options)),
    ]
}

/// A packet with exactly this header, whether it fits or not.
fn packet(header: TcpHeader) -> Packet {
    Packet::new(V4_1, V4_2, Transport::Tcp(header), Rope::new()).unwrap()
}

fn encoded_options(header: &TcpHeader) -> Vec<u8> {
    packet(header.clone()).encode()[40..].to_vec()
}

/// The header that is read where `options` arrive.
fn read(options: &[u8]) -> TcpHeader {
    match Packet::decode(&packet(with_bytes(bare(), options.to_vec())).encode()).unwrap().transport {
        Transport::Tcp(header) => header,
        other => panic!("{other:?}"),
    }
}

/// What `options` are read as, but for the bytes.
fn read_fields(options: &[u8]) -> (Option<Timestamps>, TcpOptions) {
    let header = read(options);
    let options = header.options.map(|options| *options).unwrap_or_default();
    (header.timestamps, TcpOptions { as_received: None, ..options })
}

proptest! {
    #[test]
    fn what_is_read_is_what_fits(header in any_header(), payload in any_payload()) {
        let whole = Packet::new(V4_1, V4_2, Transport::Tcp(header.clone()), payload).unwrap();
        let bytes = whole.encode();
        prop_assert_eq!(bytes.len() as u64, whole.wire_len());
        let fitted = Packet { transport: Transport::Tcp(header.clone().fitted()), ..whole };
        prop_assert_eq!(&fitted.encode(), &bytes);
        prop_assert_eq!(fitted.wire_len(), bytes.len() as u64);
        prop_assert_eq!(Packet::decode(&bytes), Ok(off_the_wire(&fitted)));
        prop_assert_eq!(header.clone().fitted().fitted(), header.fitted());
    }

    #[test]
    fn a_segment_is_written_as_it_was_read(header in any_header(), options in any_options_bytes()) {
        let bytes = packet(with_bytes(header, options.clone())).encode();
        prop_assert_eq!(&bytes[40..], &options[..]);
        let read = Packet::decode(&bytes).unwrap();
        prop_assert!(matches!(read.transport, Transport::Tcp(_)));
        prop_assert_eq!(read.encode(), bytes);
    }
}

/// `tcp_options_write` of Linux, for each set of options that a handshake can have.
#[test]
fn options_of_handshakes_have_the_layout_of_linux() {
    let handshake = |stamped: bool, sack_permitted, window_scale, fast_open: Option<&'static [u8]>| {
        let fast_open = fast_open.map(Bytes::from_static);
        let options = TcpOptions { mss: Some(1460), window_scale, sack_permitted, fast_open, ..TcpOptions::default() };
        let timestamps = stamped.then_some(Timestamps { value: 0x0102_0304, echo: 0x0506_0708 });
        TcpHeader { flags: TcpFlags::SYN, timestamps, options: Some(Box::new(options)), ..bare() }
    };
    let mss = [2, 4, 5, 0xb4];
    let stamps = [8, 10, 1, 2, 3, 4, 5, 6, 7, 8];
    let cases: [(TcpHeader, Vec<u8>); 8] = [
        (handshake(false, false, None, None), mss.to_vec()),
        (handshake(true, true, Some(7), None), [&mss[..], &[4, 2], &stamps, &[1, 3, 3, 7]].concat()),
        (handshake(true, false, Some(7), None), [&mss[..], &[1, 1], &stamps, &[1, 3, 3, 7]].concat()),
        (handshake(false, true, Some(7), None), [&mss[..], &[1, 1, 4, 2], &[1, 3, 3, 7]].concat()),
        (handshake(false, true, None, None), [&mss[..], &[1, 1, 4, 2]].concat()),
        (handshake(false, false, Some(14), None), [&mss[..], &[1, 3, 3, 14]].concat()),
        (handshake(false, false, None, Some(b"")), [&mss[..], &[34, 2, 1, 1]].concat()),
        (handshake(false, false, None, Some(b"123456")), [&mss[..], &[34, 8], b"123456"].concat()),
    ];
    for (header, expected) in cases {
        assert_eq!(encoded_options(&header), expected);
        assert_eq!(header.options_len(), expected.len());
        assert_eq!(header.clone().fitted(), header);
    }
}

/// RFC 2018 §3: 40 bytes hold 4 blocks, and 3 beside timestamps: 12 + 4 + 24 = 40.
#[test]
fn three_blocks_fit_with_timestamps_and_four_without() {
    for (timestamps, blocks, len) in [(None, 4, 36), (Some(Timestamps::default()), 3, 40)] {
        let sack = (0..6).map(|k| SackBlock { left: 20 * k, right: 20 * k + 10 }).collect::<Vec<_>>();
        let options = TcpOptions { sack: sack.clone(), ..TcpOptions::default() };
        let header = TcpHeader { timestamps, options: Some(Box::new(options)), ..bare() };
        assert_eq!((header.options_len(), encoded_options(&header).len()), (len, len));
        assert_eq!(header.fitted().options.unwrap().sack, sack[..blocks]);
    }
}

/// 4 (MSS) + 12 (SACK-permitted and timestamps) + 4 (window scale) + 20 (cookie of 16, with kind, length and padding) = 40.
#[test]
fn the_longest_cookie_fits_beside_all_other_options_of_a_handshake() {
    let with = |cookie: Vec<u8>| {
        let mut header = syn();
        header.options.as_mut().unwrap().fast_open = Some(cookie.into());
        header
    };
    assert_eq!(with(vec![9; 16]).options_len(), 40);
    assert_eq!(with(vec![9; 16]).fitted(), with(vec![9; 16]));
    // RFC 7413 §4.1.1: 4 to 16 bytes, an even number.
    for len in [2, 3, 5, 17, 18] {
        assert_eq!(with(vec![9; len]).options_len(), 20);
        assert_eq!(with(vec![9; len]).fitted().options.unwrap().fast_open, None, "{len} bytes");
    }
}

/// A block of SACK takes the room of the cookie, not the other way round: 20 + 12 leave 8.
#[test]
fn blocks_come_before_the_cookie() {
    let mut header = syn();
    header.options.as_mut().unwrap().sack = vec![SackBlock { left: 1, right: 2 }; 2];
    let fitted = header.fitted().options.unwrap();
    assert_eq!((fitted.sack.len(), fitted.fast_open), (2, None));
}

#[test]
fn no_options_at_all_are_said_in_one_way() {
    let header = TcpHeader { options: Some(Box::default()), ..stamped() };
    assert_eq!(header.options_len(), 12);
    assert_eq!(header.fitted(), stamped());
}

/// The order that BSD systems and Windows use, with padding behind: understood, and kept as it is.
#[test]
fn foreign_layouts_are_understood_and_kept() {
    let bytes = [2, 4, 5, 0xb4, 1, 3, 3, 6, 1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 4, 2, 0, 0];
    let header = read(&bytes);
    let options = header.options.clone().unwrap();
    assert_eq!(header.timestamps, Some(Timestamps { value: 9, echo: 0 }));
    assert_eq!((options.mss, options.window_scale, options.sack_permitted), (Some(1460), Some(6), true));
    assert_eq!(options.as_received.as_deref(), Some(&bytes[..]));
    // Taken away, the options are written in our form: 4 + 12 + 4.
    let ours = TcpOptions { as_received: None, ..*options };
    let header = TcpHeader { options: Some(Box::new(ours)), ..header };
    assert_eq!((header.options_len(), header.clone().fitted()), (20, header));
}

#[test]
fn our_own_layout_is_not_kept_as_bytes() {
    assert_eq!(read(&[1, 1, 8, 10, 0, 0, 0, 3, 0, 0, 0, 2]), stamped());
    assert_eq!(read(&[1, 1, 4, 2]).options.unwrap().as_received, None);
    assert_eq!(read(&[]), bare());
}

/// `tcp_parse_options` of Linux: a length below 2 or beyond the end ends the list; what came before counts.
#[test]
fn impossible_lengths_end_the_list() {
    let mss = TcpOptions { mss: Some(1460), ..TcpOptions::default() };
    for rest in [[8, 0, 4, 2], [8, 1, 4, 2], [30, 5, 4, 2], [1, 1, 1, 4], [0, 0, 4, 2], [0, 2, 4, 2]] {
        assert_eq!(read_fields(&[&[2, 4, 5, 0xb4][..], &rest].concat()), (None, mss.clone()), "{rest:?}");
    }
}

/// And a known kind with another length than it has is passed over; of two of one kind the later counts.
#[test]
fn wrong_lengths_are_passed_over_and_the_later_of_two_counts() {
    let permitted = TcpOptions { sack_permitted: true, ..TcpOptions::default() };
    for odd in [
        [2, 2, 1, 1],
        [2, 3, 9, 1],
        [3, 4, 7, 7],
        [8, 4, 1, 1],
        [5, 2, 1, 1],
        [5, 4, 1, 1],
        [34, 3, 7, 1],
        [99, 2, 1, 1],
    ] {
        assert_eq!(read_fields(&[&odd[..], &[1, 1, 4, 2]].concat()), (None, permitted.clone()), "{odd:?}");
    }
    let (_, both) = read_fields(&[2, 4, 0, 1, 2, 4, 0, 2]);
    assert_eq!(both.mss, Some(2));
}

#[test]
fn a_data_offset_below_five_or_beyond_the_packet_is_an_error() {
    for (words, payload) in [(0, 0), (4, 100), (6, 0), (6, 3), (15, 39)] {
        let mut segment = Packet::tcp(V4_1, V4_2, bare(), Rope::fill(1, 0, payload)).unwrap().encode().split_off(20);
        segment[12] = words << 4;
        let other = Transport::Other { protocol: protocol::TCP };
        let packet = Packet::new(V4_1, V4_2, other, Rope::from(segment)).unwrap();
        let expected = DecodeError::Length { layer: Layer::Tcp, found: usize::from(words) * 4 };
        assert_eq!(Packet::decode(&packet.encode()), Err(expected));
    }
}

#[test]
fn a_segment_shorter_than_a_header_is_truncated() {
    let other = Transport::Other { protocol: protocol::TCP };
    let packet = Packet::new(V4_1, V4_2, other, Rope::fill(1, 0, 19)).unwrap();
    let expected = DecodeError::Truncated { layer: Layer::Tcp, need: 20, have: 19 };
    assert_eq!(packet.decode_transport(), Err(expected));
}

/// RFC 1071: one's complement sums find every flipped bit.
#[test]
fn every_flipped_bit_of_a_segment_is_noticed() {
    for (src, dst) in [(V4_1, V4_2), (V6_1, V6_2)] {
        let packet = Packet::tcp(src, dst, syn(), Rope::from(b"abc".to_vec())).unwrap();
        let start = packet.ip.wire_len() as usize;
        for at in start..packet.wire_len() as usize {
            for bit in 0..8 {
                let mut bytes = packet.encode();
                bytes[at] ^= 1 << bit;
                assert!(Packet::decode(&bytes).is_err(), "byte {at} bit {bit}");
            }
        }
    }
}

/// What is virtual stays so when a segment is cut into fragments and put together: nothing is written out.
#[test]
fn a_segment_keeps_its_virtual_payload_through_its_bytes() {
    let whole = Packet::tcp(V4_1, V4_2, stamped(), Rope::fill(5, 7, 4000)).unwrap();
    let transport = Transport::Other { protocol: protocol::TCP };
    let unread = Packet { transport, payload: whole.transport_rope(), ..whole.clone() };
    assert_eq!(unread.decode_transport(), Ok(whole));
}

#[test]
fn tcp_takes_what_the_length_field_can_say_and_no_more() {
    // 65535 - 20 - 32 over IPv4; over IPv6 the fixed header does not count: 65535 - 32.
    for (src, dst, most) in [(V4_1, V4_2, 65_483), (V6_1, V6_2, 65_503)] {
        let build = |len| Packet::tcp(src, dst, stamped(), Rope::fill(1, 0, len));
        assert_eq!(Packet::decode(&build(most).unwrap().encode()).unwrap().payload.len(), most);
        assert_eq!(build(most + 1), Err(BuildError::TooLarge(most + 1)));
    }
}

/// Sheet §2: on IPv4 without payload a SYN of Linux has 60 bytes, an ACK 52 with timestamps and 40 without, a reset 40.
#[test]
fn lengths_are_those_of_the_sheet() {
    let len = |header| Packet::tcp(V4_1, V4_2, header, Rope::new()).unwrap().wire_len();
    let mut plain_syn = syn();
    plain_syn.options.as_mut().unwrap().fast_open = None;
    assert_eq!((len(plain_syn), len(stamped()), len(bare())), (60, 52, 40));
    assert_eq!(len(TcpHeader { flags: TcpFlags::RST, ..bare() }), 40);
    // 12 + 28 bytes of options.
    assert_eq!(len(selective()), 80);
}

/// RFC 792: the quote may end after 8 bytes of the segment, which hold ports and sequence number; RFC 1122 §3.2.2 says the same.
#[test]
fn an_error_that_quotes_eight_bytes_names_the_segment() {
    for (src, dst) in [(V4_1, V4_2), (V6_1, V6_2)] {
        let packet = Packet::tcp(src, dst, syn(), Rope::fill(1, 0, 500)).unwrap();
        let error = packet.icmp_error(ErrorCause::HopLimitExceeded, src);
        let mut error = error.unwrap();
        let cut = |len: u64| packet.to_rope().slice(0, packet.ip.wire_len() + len);
        error.payload = cut(8);
        let quoted = error.quoted().unwrap().unwrap();
        assert_eq!((quoted.ports, quoted.sequence), (Some((49_152, 80)), Some(0x0102_0304)));
        error.payload = cut(7);
        assert_eq!(error.quoted(), Some(Err(DecodeError::Truncated { layer: Layer::Tcp, need: 8, have: 7 })));
    }
}

/// RFC 9293 §3.1: the word is data offset, four reserved bits, eight flags; the receiver ignores the reserved ones, and they are
/// carried on.
#[test]
fn reserved_bits_are_carried() {
    let mut bytes = packet(bare()).encode();
    // One more in this word is one less in the checksum.
    bytes[32] |= 1;
    let checksum = u16::from_be_bytes([bytes[36], bytes[37]]) - 0x100;
    bytes[36..38].copy_from_slice(&checksum.to_be_bytes());
    let read = Packet::decode(&bytes).unwrap();
    let Transport::Tcp(header) = &read.transport else { panic!("TCP") };
    assert!(header.flags.has(TcpFlags::ACK) && !header.flags.has(TcpFlags::CWR));
    assert_eq!((header.flags.bits(), read.encode()), (0x10, bytes));
}

#[test]
fn flags_are_named_in_traces() {
    let all = TcpFlags::from_bits(0xff);
    assert_eq!(format!("{all:?}"), "FIN|SYN|RST|PSH|ACK|URG|ECE|CWR");
    assert_eq!(format!("{:?}", TcpFlags::NONE), "-");
    assert_eq!(format!("{:?}", TcpFlags::from_word(0x5110)), "ACK|reserved 1");
}
