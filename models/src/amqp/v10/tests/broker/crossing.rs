//! Messages that cross from one version to the other.

use super::*;
use crate::amqp::v10::wire::{AnnotationKey, Body, Map, MessageHeader, MessageId, Properties as Props, Symbol, Value};
use crate::amqp::v091::wire::{
    Assembler, Command, Decoder as BasicDecoder, FieldValue, FrameMax, Item, LongStr, Method, Properties,
    ProtocolHeader, basic, channel, connection, queue,
};

/// A client of 0-9-1.
struct Old {
    stream: u32,
    seen: u64,
    decoder: BasicDecoder,
    assembler: Assembler,
}

impl Old {
    fn new(play: &mut Play) -> Self {
        let stream = play.bench.accept(&mut play.app, 5672).0;
        let mut old = Self { stream, seen: 0, decoder: BasicDecoder::of_client(), assembler: Assembler::new() };
        play.bench.receive(&mut play.app, stream, &Rope::from(ProtocolHeader::V091.encode().to_vec()));
        let start_ok = connection::StartOk {
            client_properties: Table::new(),
            mechanism: s("PLAIN"),
            response: LongStr::from("\0guest\0guest"),
            locale: s("en_US"),
        };
        old.says(play, Command::new(0, start_ok));
        let tune = connection::TuneOk { channel_max: 10, frame_max: 4096, heartbeat: 0 };
        old.says(play, Command::new(0, tune));
        old.says(play, Command::new(0, connection::Open { virtual_host: s("/"), ..Default::default() }));
        old.says(play, Command::new(1, channel::Open::default()));
        old.says(play, Command::new(1, queue::Declare { queue: s("q"), ..Default::default() }));
        old
    }

    /// What is answered.
    fn says(&mut self, play: &mut Play, command: Command) -> Vec<Command> {
        let bytes = command.encode(FrameMax::MIN).unwrap();
        play.bench.receive(&mut play.app, self.stream, &bytes);
        let written = play.bench.streams[self.stream as usize].written.slice(self.seen, u64::MAX);
        self.seen += written.len();
        self.decoder.push(&written);
        let mut commands = vec![];
        while let Some(item) = self.decoder.next_item().unwrap() {
            let Item::Frame(frame) = item else { panic!() };
            commands.extend(self.assembler.push(frame).unwrap());
        }
        play.run();
        commands
    }

    fn get(&mut self, play: &mut Play) -> (Properties, Vec<u8>) {
        let answer = self.says(play, Command::new(1, basic::Get { queue: s("q"), no_ack: true }));
        let [Command { method: Method::BasicGetOk(_), content: Some(content), .. }] = &answer[..] else {
            panic!("{answer:?}")
        };
        (content.properties.clone(), content.body.to_bytes().to_vec())
    }
}

fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

/// Each property that both have, and headers of simple types.
#[test]
fn from_1_0_to_0_9_1() {
    let mut play = Play::new(AmqpBrokerConfig::default());
    let mut old = Old::new(&mut play);
    let a = play.connect("a");
    let out = play.sender(a, "/amq/queue/q");
    let header =
        MessageHeader { durable: Some(true), priority: Some(3), ttl: Some(60_000), ..MessageHeader::default() };
    let properties = Props {
        message_id: Some(MessageId::Ulong(17)),
        user_id: Some("guest".into()),
        reply_to: Some("/queue/r".into()),
        correlation_id: Some(MessageId::Uuid(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff)),
        content_type: Some(symbol("text/plain")),
        content_encoding: Some(symbol("gzip")),
        creation_time: Some(1_700_000_000_123),
        ..Props::default()
    };
    let application: Map<_, _> = [
        ("text".into(), Value::string("x")),
        ("number".into(), Value::Uint(9)),
        ("large".into(), Value::Ulong(u64::MAX)),
        ("flag".into(), Value::Boolean(true)),
    ]
    .into_iter()
    .collect();
    let message = Message {
        header: Some(header),
        properties: Some(Box::new(properties)),
        application_properties: Some(application),
        body: Body::Data(vec![Rope::from(b"h".to_vec()), Rope::from(b"i".to_vec())]),
        ..data("")
    };
    play.send(a, out, 1, message.encode(), false);
    assert_eq!(play.done(a), [(1, Some(DeliveryState::Accepted))]);
    let (properties, body) = old.get(&mut play);
    assert_eq!(body, b"hi");
    let headers: Table = [
        (s("text"), FieldValue::from("x")),
        (s("number"), FieldValue::U32(9)),
        (s("large"), FieldValue::from("18446744073709551615")),
        (s("flag"), FieldValue::Bool(true)),
    ]
    .into_iter()
    .collect();
    let wanted = Properties {
        content_type: Some(s("text/plain")),
        content_encoding: Some(s("gzip")),
        headers: Some(headers),
        delivery_mode: Some(2),
        priority: Some(3),
        correlation_id: Some(s("00112233-4455-6677-8899-aabbccddeeff")),
        reply_to: Some(s("/queue/r")),
        expiration: Some(s("60000")),
        message_id: Some(s("17")),
        timestamp: Some(1_700_000_000),
        user_id: Some(s("guest")),
        ..Properties::default()
    };
    assert_eq!(properties, wanted);
    // A body that is no data is written as it was, and its type says so: a value "hi".
    play.send(a, out, 2, Message::new(Body::Value(Value::string("hi"))).encode(), false);
    let (properties, body) = old.get(&mut play);
    assert_eq!((properties.kind, body), (Some(s("amqp-1.0")), vec![0x00, 0x53, 0x77, 0xa1, 2, b'h', b'i']));
    // Whoever says to be another user is not believed.
    let other = Props { user_id: Some("root".into()), ..Props::default() };
    play.send(a, out, 3, Message { properties: Some(Box::new(other)), ..data("hi") }.encode(), false);
    let done = play.done(a);
    assert!(matches!(done[1], (3, Some(DeliveryState::Rejected(Some(_))))), "{done:?}");
}

/// The other way; tables stand in annotations, as application properties are simple (§3.2.5).
#[test]
fn from_0_9_1_to_1_0() {
    let mut play = Play::new(AmqpBrokerConfig::default());
    let mut old = Old::new(&mut play);
    let a = play.connect("a");
    play.receiver(a, "/queue/q", Credit::Window(10));
    let inner: Table = [(s("k"), FieldValue::Void)].into_iter().collect();
    let headers: Table = [
        (s("text"), FieldValue::from("x")),
        (s("price"), FieldValue::Decimal { scale: 2, value: 5 }),
        (s("x-table"), FieldValue::Table(inner)),
        (s("x-list"), FieldValue::Array(vec![FieldValue::I32(-1)])),
    ]
    .into_iter()
    .collect();
    let properties = Properties {
        content_type: Some(s("text/plain")),
        headers: Some(headers),
        delivery_mode: Some(2),
        priority: Some(3),
        correlation_id: Some(s("c")),
        reply_to: Some(s("r")),
        expiration: Some(s("60000")),
        message_id: Some(s("m")),
        timestamp: Some(1_700_000_000),
        kind: Some(s("t")),
        app_id: Some(s("app")),
        ..Properties::default()
    };
    let publish = basic::Publish { routing_key: s("q"), ..Default::default() };
    old.says(&mut play, Command::with_content(1, publish, properties, Rope::from(b"hi".to_vec())));
    let message = play.came(a)[0].message();
    let header = MessageHeader {
        durable: Some(true),
        priority: Some(3),
        ttl: Some(60_000),
        first_acquirer: Some(true),
        delivery_count: None,
    };
    assert_eq!(message.header, Some(header));
    let properties = Props {
        message_id: Some(MessageId::String("m".into())),
        reply_to: Some("r".into()),
        correlation_id: Some(MessageId::String("c".into())),
        content_type: Some(symbol("text/plain")),
        creation_time: Some(1_700_000_000_000),
        ..Props::default()
    };
    assert_eq!(message.properties, Some(Box::new(properties)));
    let application: Map<_, _> =
        [("text".into(), Value::string("x")), ("price".into(), Value::string("0.05"))].into_iter().collect();
    assert_eq!(message.application_properties, Some(application));
    let key = |text: &str| AnnotationKey::Symbol(symbol(text));
    let table: Map<_, _> = [(Value::string("k"), Value::Null)].into_iter().collect();
    let annotations: Map<_, _> = [
        (key("x-basic-type"), Value::string("t")),
        (key("x-basic-app-id"), Value::string("app")),
        (key("x-table"), Value::Map(table)),
        (key("x-list"), Value::List(vec![Value::Int(-1)])),
    ]
    .into_iter()
    .collect();
    assert_eq!(message.message_annotations, Some(annotations));
    assert_eq!(message.single_data().unwrap().to_bytes(), &b"hi"[..]);
    assert_eq!((play.total("opened_connections"), play.total("channels"), play.total("sessions")), (2, 1, 1));
}
