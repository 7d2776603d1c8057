//! Tests of CoAP: the codec's properties here, configuration here, then scripts of one machine,
//! pairs of machines over a bad link, and whole Apps.

mod apps;
mod blocks;
mod groups;
mod machine;
mod notifications;
mod observers;
mod pair;
mod proxy;

use super::config::{ClientConfig, Congestion, Factor, Method, Parameters, ResponseClass, ServerConfig, Transmission};
use super::wire::{Code, CodeClass, DEFINITIONS, Message, MessageId, OptionNumber, Options, Token, Type};
use crate::name::NodeName;
use crate::rope::{Rope, Run};
use crate::traffic::TimeDistribution;
use proptest::prelude::*;
use protosim_core::{Size, Span};

fn any_type() -> impl Strategy<Value = Type> {
    prop_oneof![Just(Type::Confirmable), Just(Type::NonConfirmable), Just(Type::Acknowledgement), Just(Type::Reset)]
}

fn any_options() -> impl Strategy<Value = Options> {
    let value = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..20),
        1 => prop::collection::vec(any::<u8>(), 250..300),
    ];
    let number = prop_oneof![4 => 0_u16..300, 1 => any::<u16>()];
    prop::collection::vec((number, value), 0..6).prop_map(|list| {
        let mut options = Options::new();
        list.into_iter().for_each(|(number, value)| options.add(OptionNumber(number), value));
        options
    })
}

fn any_payload() -> impl Strategy<Value = Rope> {
    let bytes = prop::collection::vec(any::<u8>(), 0..40).prop_map(|b| Run::Bytes(b.into()));
    let fill = (0_u32..3, 0_u64..600, 0_u64..2_000).prop_map(|(key, offset, len)| Run::Fill { key, offset, len });
    prop::collection::vec(prop_oneof![bytes, fill], 0..4).prop_map(|runs| runs.into_iter().collect())
}

fn any_message() -> impl Strategy<Value = Message> {
    let token = prop::collection::vec(any::<u8>(), 0..=8);
    (any_type(), any::<u8>(), any::<u16>(), token, any_options(), any_payload()).prop_map(
        |(message_type, code, id, token, options, payload)| match Code(code) {
            Code::EMPTY => Message::empty(message_type, MessageId(id)),
            code => Message {
                message_type,
                code,
                message_id: MessageId(id),
                token: Token::new(&token).expect("at most eight bytes"),
                options,
                payload,
            },
        },
    )
}

/// Ropes of the same bytes may be cut differently.
fn real(message: Message) -> Message {
    Message { payload: message.payload.to_bytes().into(), ..message }
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(message in any_message()) {
        let wire = message.encode();
        prop_assert_eq!(wire.len() as u64, message.wire_len());
        let rope = message.encode_rope();
        prop_assert_eq!(&rope.to_bytes()[..], &wire[..]);
        prop_assert_eq!(Message::decode(&rope).map(real), Ok(real(message.clone())));
        prop_assert_eq!(Message::decode(&Rope::from(wire)), Ok(real(message)));
    }

    #[test]
    fn bulk_payload_stays_virtual(len in 1_u64..100_000, options in any_options()) {
        let payload = Rope::fill(5, 11, len);
        let message = Message { code: Code::CONTENT, options, payload, ..Message::empty(Type::Confirmable, MessageId(1)) };
        prop_assert_eq!(Message::decode(&message.encode_rope()), Ok(message));
    }

    #[test]
    fn decoding_takes_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = Message::decode(&Rope::from(bytes)) {
            // What was read can be written and read again, if perhaps in a shorter form.
            prop_assert_eq!(Message::decode(&Rope::from(message.encode())), Ok(message));
        }
    }

    #[test]
    fn decoding_takes_damaged_messages(message in any_message(), at in any::<prop::sample::Index>(), with: u8, cut in any::<prop::sample::Index>()) {
        let mut wire = message.encode();
        let position = at.index(wire.len());
        wire[position] = with;
        wire.truncate(cut.index(wire.len() + 1));
        let whole = Message::decode(&Rope::from(wire.clone()));
        // However the same bytes are cut into runs, the result is the same.
        let middle = wire.len() / 2;
        let runs = [Run::Bytes(wire[..middle].to_vec().into()), Run::Bytes(wire[middle..].to_vec().into())];
        let pieces = Message::decode(&runs.into_iter().collect());
        prop_assert_eq!(pieces.map(real), whole.map(real));
    }

    #[test]
    fn a_header_made_of_fill_is_read_like_any_other(key in 0_u32..5_000, len in 0_u64..40) {
        let rope = Rope::fill(key, 0, len);
        prop_assert_eq!(Message::decode(&rope).map(real), Message::decode(&Rope::from(rope.to_bytes())).map(real));
    }

    #[test]
    fn integers_have_no_leading_zeros_and_come_back(value: u32) {
        let mut options = Options::new();
        options.add_uint(OptionNumber::MAX_AGE, value);
        prop_assert_eq!(options.uint(OptionNumber::MAX_AGE), Some(value));
        let bytes = options.first(OptionNumber::MAX_AGE).expect("at most four bytes");
        prop_assert_ne!(bytes.first(), Some(&0));
    }
}

/// RFC 7252 §5.4.6 and table 4: C, U, and N columns.
#[test]
fn option_numbers_tell_their_properties() {
    let columns =
        |number: OptionNumber| (number.is_critical(), number.is_unsafe_to_forward(), number.is_no_cache_key());
    assert_eq!(columns(OptionNumber::IF_MATCH), (true, false, false));
    assert_eq!(columns(OptionNumber::URI_HOST), (true, true, false));
    assert_eq!(columns(OptionNumber::ETAG), (false, false, false));
    assert_eq!(columns(OptionNumber::MAX_AGE), (false, true, false));
    assert_eq!(columns(OptionNumber::PROXY_URI), (true, true, false));
    assert_eq!(columns(OptionNumber::SIZE1), (false, false, true));
    assert!(DEFINITIONS.is_sorted_by_key(|definition| definition.number));
    assert_eq!(OptionNumber::REQUEST_TAG.to_string(), "Request-Tag");
}

#[test]
fn codes_print_as_registered() {
    assert_eq!(Code(0x45).to_string(), "2.05 Content");
    assert_eq!(Code(0x5f), Code::CONTINUE);
    assert_eq!(Code::PROXYING_NOT_SUPPORTED.0, 0xa5);
    assert_eq!(Code(0xe1).to_string(), "7.01");
    assert_eq!(Code(0xe1).use_of(), CodeClass::Reserved);
    assert_eq!(Code(0x25).use_of(), CodeClass::Reserved);
    assert_eq!(Code(0x1f).use_of(), CodeClass::Request);
}

/// RFC 7252 §6.4, §6.5: one option per segment, none for `/`, empty segments kept.
#[test]
fn paths_are_split_at_slashes() {
    let segments = |path: &str| {
        let mut options = Options::new();
        options.add_uri_path(path);
        assert_eq!(options.uri_path(), path);
        options.all(OptionNumber::URI_PATH).map(|value| value.to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(segments("/"), Vec::<Vec<u8>>::new());
    assert_eq!(segments("/a/b"), [b"a".to_vec(), b"b".to_vec()]);
    assert_eq!(segments("/a//b/"), [b"a".to_vec(), b"".to_vec(), b"b".to_vec(), b"".to_vec()]);
}

#[test]
fn options_of_wrong_length_or_number_count_as_not_recognised() {
    let understood = &[OptionNumber::ACCEPT, OptionNumber::URI_PATH];
    let with = |list: &[(OptionNumber, &[u8])]| {
        let mut options = Options::new();
        list.iter().for_each(|(number, value)| options.add(*number, value.to_vec()));
        options
    };
    let unrecognised = |list: &[(OptionNumber, &[u8])]| with(list).unrecognised_critical(understood);
    assert_eq!(unrecognised(&[(OptionNumber::URI_PATH, b"a"), (OptionNumber::URI_PATH, b"b")]), None);
    // Elective ones never matter, whatever they hold.
    assert_eq!(unrecognised(&[(OptionNumber(2000), b"x"), (OptionNumber::MAX_AGE, b"12345")]), None);
    assert_eq!(unrecognised(&[(OptionNumber(2001), b"")]), Some(OptionNumber(2001)));
    assert_eq!(unrecognised(&[(OptionNumber::ACCEPT, b"123")]), Some(OptionNumber::ACCEPT));
    assert_eq!(unrecognised(&[(OptionNumber::ACCEPT, b""), (OptionNumber::ACCEPT, b"")]), Some(OptionNumber::ACCEPT));
    // RFC 7252 §5.4.3, §5.10.5: a Max-Age of five bytes is as good as none.
    assert_eq!(with(&[(OptionNumber::MAX_AGE, b"12345")]).max_age_s(), 60);
    assert_eq!(with(&[]).content_format(), None);
}

/// RFC 7252 §4.8.2's table of defaults.
#[test]
fn derived_times_have_the_values_of_the_rfc() {
    let parameters = Parameters::default();
    assert_eq!(parameters.max_transmit_span(), Span::from_secs(45));
    assert_eq!(parameters.max_transmit_wait(), Span::from_secs(93));
    assert_eq!(parameters.processing_delay(), Span::from_secs(2));
    assert_eq!(parameters.max_rtt(), Span::from_secs(202));
    assert_eq!(parameters.exchange_lifetime(), Span::from_secs(247));
    assert_eq!(parameters.non_lifetime(), Span::from_secs(145));
}

fn ron_client(text: &str) -> Result<ClientConfig, String> {
    use ron::extensions::Extensions;
    // A scenario writes what is in an Option or a name as it is.
    let plain = Extensions::IMPLICIT_SOME | Extensions::UNWRAP_NEWTYPES;
    ron::Options::default().with_default_extension(plain).from_str(text).map_err(|error| error.to_string())
}

#[test]
fn configurations_are_read_as_written() {
    let client = ron_client(r#"(to: "server", confirmable: true, requests: 1000, interval: "300 s")"#).expect("valid");
    let expected = ClientConfig {
        requests: 1000,
        interval: Some(Span::from_secs(300)),
        ..ClientConfig::new(NodeName("server".into()))
    };
    assert_eq!(client, expected);
    assert_eq!(client.check(), []);
    let tuned = ron_client(
        r#"(to: "s", method: Post, payload: "10 B", transmission: (ack_random_factor: 1.25, ack_timeout: "1 s"))"#,
    );
    let tuned = tuned.expect("valid").transmission.parameters();
    assert_eq!(tuned.longest_ack_timeout(), Span::from_millis(1_250));
    assert_eq!(tuned.max_retransmit, 4);
    let server: ServerConfig = ron::from_str(r#"(processing: "2 s", paths: ["/a", "/b"])"#).expect("valid");
    assert_eq!(server.paths, ["/a", "/b"]);
    assert_eq!(server.check(), []);
}

#[test]
fn configurations_with_mistakes_are_refused() {
    assert!(ron_client(r#"(to: "s", request: 3)"#).is_err_and(|error| error.contains("request")));
    assert!(ron_client(r#"(to: "s", interval: 3)"#).is_err(), "a number needs its unit");
    assert!(
        ron_client(r#"(to: "s", transmission: (ack_random_factor: 0.5))"#).is_err_and(|error| error.contains("1.5"))
    );
    assert!(ron_client(r#"(to: "s", transmission: (ack_random_factor: -2))"#).is_err());
    assert!(ron_client(r#"(to: "s", transmission: (ack_random_factor: 1.00000001))"#).is_err());
    assert!(ron_client("(confirmable: true)").is_err_and(|error| error.contains("to")));
}

#[test]
fn fields_without_effect_are_named() {
    let base = || ClientConfig::new(NodeName("s".into()));
    let fields = |config: ClientConfig| config.check().into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    let retransmit = || Transmission { max_retransmit: Some(2), ..Transmission::default() };
    assert_eq!(fields(ClientConfig { transmission: retransmit(), ..base() }), [] as [&str; 0]);
    let non = ClientConfig { confirmable: false, transmission: retransmit(), ..base() };
    assert_eq!(fields(non), ["transmission.max_retransmit"]);
    assert_eq!(fields(ClientConfig { payload: Size::from_bytes(1), ..base() }), ["payload"]);
    assert_eq!(
        fields(ClientConfig { interval: Some(Span::from_secs(1)), nstart: Some(2), ..base() }),
        ["interval", "nstart"]
    );
    assert_eq!(
        fields(ClientConfig { path: "data".into(), requests: 0, port: Some(0), ..base() }),
        ["port", "requests", "path"]
    );
    // No answer is expected, or none that would come in the end.
    let silent = |no_response: &[ResponseClass]| ClientConfig {
        confirmable: false,
        method: Method::Post,
        requests: 2,
        no_response: no_response.to_vec(),
        ..base()
    };
    let all = [ResponseClass::Success, ResponseClass::ClientError, ResponseClass::ServerError];
    assert_eq!(fields(silent(&all)), [] as [&str; 0]);
    let waits = ClientConfig { nstart: Some(2), response_wait: Some(Span::from_secs(9)), ..silent(&all) };
    assert_eq!(fields(waits.clone()), ["nstart", "response_wait"]);
    assert_eq!(fields(ClientConfig { no_response: vec![all[0]], ..waits.clone() }), ["nstart"]);
    assert_eq!(fields(ClientConfig { no_response: vec![all[1]], ..waits }), [] as [&str; 0]);
    let rate = |bits| ClientConfig {
        confirmable: false,
        probing_rate: protosim_core::Rate::from_bits_per_sec(bits),
        ..base()
    };
    assert_eq!((fields(rate(15)), fields(rate(16))), (vec!["probing_rate"], vec![]));
    // 2^20 blocks of 16 B are 16 MiB.
    let upload = |payload| ClientConfig {
        method: Method::Put,
        payload: Size::from_bytes(payload),
        block_size: Some(Size::from_bytes(16)),
        ..base()
    };
    assert_eq!((fields(upload(1 << 24)), fields(upload((1 << 24) + 1))), (vec![], vec!["payload"]));
    // A payload in blocks goes alone, and each block waits for the answer to the one before.
    let blocks = |no_response, confirmable| ClientConfig {
        requests: 2,
        nstart: Some(2),
        no_response,
        confirmable,
        block_size: Some(Size::from_bytes(16)),
        payload: Size::from_bytes(17),
        method: Method::Put,
        ..base()
    };
    assert_eq!(fields(blocks(vec![], true)), ["nstart"]);
    assert_eq!(fields(blocks(vec![ResponseClass::ClientError], false)), ["nstart"]);
    assert_eq!(fields(blocks(vec![ResponseClass::Success], false)), ["nstart", "no_response"]);
    let cocoa = |seconds| Transmission {
        congestion: Some(Congestion::Cocoa),
        ack_timeout: Some(Span::from_secs(seconds)),
        ..Transmission::default()
    };
    let with = |seconds| fields(ClientConfig { transmission: cocoa(seconds), ..base() });
    assert_eq!((with(32), with(33)), (vec![], vec!["transmission.ack_timeout"]));
    let large = ClientConfig { payload: Size::from_bytes(65_500), method: Method::Put, ..base() };
    assert_eq!(fields(large), ["payload"]);

    let fields = |config: ServerConfig| config.check().into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    let base = ServerConfig::default;
    assert_eq!(fields(base()), [] as [&str; 0]);
    assert_eq!(fields(ServerConfig { transmission: retransmit(), ..base() }), ["transmission.max_retransmit"]);
    let slow = ServerConfig { transmission: retransmit(), processing: Span::from_secs(1), ..base() };
    assert_eq!(fields(slow), [] as [&str; 0]);
    assert_eq!(fields(ServerConfig { piggyback_limit: Some(Span::ZERO), ..base() }), ["piggyback_limit"]);
    let changing = |law| fields(ServerConfig { changes: Some(law), ..base() });
    for (nanos, wrong) in [(999, vec!["changes"]), (1_000, vec![])] {
        let span = Span::from_nanos(nanos);
        assert_eq!(changing(TimeDistribution::Fixed(span)), wrong);
        assert_eq!(changing(TimeDistribution::Exponential { mean: span }), wrong);
    }
    let paths = ["/a", "/a", "/.well-known/core", "b"].map(String::from).to_vec();
    assert_eq!(fields(ServerConfig { paths, ..base() }), ["paths", "paths", "paths"]);
}

/// 2 s · 1.5 = 3 s; a third of a nanosecond is rounded.
#[test]
fn factors_are_exact() {
    assert_eq!(Factor::ACK_RANDOM_FACTOR.times(Span::from_secs(2)), Span::from_secs(3));
    let third = Factor::from_millionths(1_333_333).expect("at least 1");
    assert_eq!(third.times(Span::from_nanos(1)), Span::from_nanos(1));
    assert_eq!(third.times(Span::MAX), Span::MAX);
    assert_eq!(Factor::from_millionths(999_999), None);
}
