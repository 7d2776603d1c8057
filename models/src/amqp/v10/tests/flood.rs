//! A server that asks for flows and reads nothing, against the client.

use super::apps::takes;
use crate::amqp::v10::Amqp10Client;
use crate::amqp::v10::config::{AmqpReceiverConfig, AmqpSettlement};
use crate::amqp::v10::connection::{Connection, ConnectionConfig};
use crate::amqp::v10::wire::{Decoder, Flow, Item, Performative};
use crate::app::App;
use crate::rope::Rope;
use crate::tcp::app::tests::bench::{Bench, peer, total};

/// What the client answers waits on the stream, up to 65536 bytes and a frame, and in its machine, up to 257 frames; nothing more is read. All of it is answered when the server reads.
#[test]
fn answers_do_not_pile_up() {
    let receiver = AmqpReceiverConfig::new("q", AmqpSettlement::First);
    let config = crate::amqp::Amqp10ClientConfig { sasl: false, ..takes(receiver) };
    assert_eq!(config.check(), []);
    let (mut app, mut bench) = (Amqp10Client::new(config, peer()), Bench::new(1 << 20));
    app.on_start(&mut bench);
    while bench.streams.is_empty() {
        bench.advance(&mut app);
    }
    app.on_stream(crate::app::StreamId(0), crate::app::StreamEvent::Connected, &mut bench);
    bench.make_room(&mut app, 0, 1 << 20);
    let mut server = Connection::server(ConnectionConfig::new("s"), protosim_core::LocalTime::ZERO);
    let (mut decoder, mut seen) = (Decoder::new(65536), 0);
    for _ in 0..10 {
        let written = bench.streams[0].written.slice(seen, u64::MAX);
        seen += written.len();
        decoder.push(&written);
        while let Some(item) = decoder.next_item().unwrap() {
            server.on_item(item, protosim_core::LocalTime::ZERO);
        }
        while let Some(item) = server.next(protosim_core::LocalTime::ZERO) {
            bench.receive(&mut app, 0, &item.encode());
        }
    }
    let session = server.session(0).expect("the client has begun a session");
    assert!(session.event_waits(), "it attaches");
    let before = total(&app, "frames_received");
    let echo = Flow { echo: Some(true), next_incoming_id: Some(0), incoming_window: 1, ..Flow::default() };
    let echo = Item::frame(0, Performative::Flow(Box::new(echo))).encode();
    let mut many = Rope::new();
    (0..2000).for_each(|_| many.append(&echo));
    bench.make_room(&mut app, 0, 0);
    for _ in 0..20 {
        bench.receive(&mut app, 0, &many);
        bench.make_room(&mut app, 0, 1);
    }
    let taken = total(&app, "frames_received") - before;
    // An answer has more than 20 bytes.
    assert!((1000..65536 / 20 + 257 + 1).contains(&taken), "{taken}");
    for _ in 0..1000 {
        bench.make_room(&mut app, 0, 1 << 20);
    }
    assert_eq!(total(&app, "frames_received") - before, 40_000);
    decoder.push(&bench.streams[0].written.slice(seen, u64::MAX));
    let mut flows = 0;
    while let Some(item) = decoder.next_item().unwrap() {
        flows += usize::from(item.encode().len() > 20);
    }
    assert_eq!(flows, 40_000);
}
