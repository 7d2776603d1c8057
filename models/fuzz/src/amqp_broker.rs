//! A broker of AMQP, and some connections to it, of both versions.

use crate::stage::{Open, Stage};
use protosim_core::{Size, Span};
use protosim_models::amqp::v10::wire as v10;
use protosim_models::amqp::v091::wire as v091;
use protosim_models::amqp::{AmqpBroker, AmqpBrokerConfig};
use protosim_models::app::{App, StreamEvent, StreamId};
use protosim_models::rope::Rope;
use protosim_models::tcp::CloseReason;
use std::net::SocketAddr;
use v10::Performative as P;

const STREAMS: usize = 6;
const STEPS: usize = 400;
/// Memory of a queue without messages \[bytes\].
const QUEUE: u64 = 512;

/// What is spoken on a stream, where that is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaks {
    V091,
    V10,
    Unknown,
}

/// What an input does: the first byte chooses the broker's configuration, then each step has a byte that says what, and a stream.
///
/// Whatever comes, what the broker says can be read; no call to the host fails; no more memory is given back than was taken; and when all
/// connections are over, nothing waits for an acknowledgement, and nothing is left but queues with their messages.
pub fn amqp_broker(data: &[u8]) {
    let Some((choice, mut rest)) = data.split_first() else { return };
    let mut play = Play::new(config(*choice), choice & 0x40 != 0);
    for _ in 0..STEPS {
        let [step, more @ ..] = rest else { break };
        rest = play.step(*step, more);
    }
    play.end();
}

fn config(choice: u8) -> AmqpBrokerConfig {
    let is = |bit: u8| choice & bit != 0;
    AmqpBrokerConfig {
        frame_max: Size::from_bytes(4096),
        channel_max: 5,
        max_message: Size::from_bytes(10_000),
        link_credit: if is(1) { 2 } else { 100 },
        heartbeat: if is(2) { Span::from_secs(1) } else { Span::ZERO },
        memory_watermark: is(4).then_some(Size::from_bytes(3000)),
        durable: is(16),
        sync: if is(16) && is(32) { Span::from_millis(5) } else { Span::ZERO },
        ..AmqpBrokerConfig::default()
    }
}

/// The broker and its host.
struct Play {
    config: AmqpBrokerConfig,
    app: Box<dyn App>,
    host: Stage<Speaks>,
}

impl Play {
    fn new(config: AmqpBrokerConfig, is_tight: bool) -> Self {
        assert_eq!(config.check(), []);
        let mut host = Stage::new(if is_tight { 6000 } else { u64::MAX });
        let mut app: Box<dyn App> = Box::new(AmqpBroker::new(config.clone()));
        app.on_start(&mut host);
        Self { config, app, host }
    }

    /// One step, with what it needs of the rest.
    fn step<'a>(&mut self, step: u8, rest: &'a [u8]) -> &'a [u8] {
        let which = usize::from(step >> 4);
        match step & 0x0f {
            kind @ 0..=2 if self.host.streams.len() < STREAMS => self.accept(kind, which),
            3..=5 => {
                let Some((len, rest)) = rest.split_first() else { return rest };
                let (piece, rest) = rest.split_at(usize::from(*len).min(rest.len()));
                if let Some((stream, _)) = self.host.stream(which) {
                    self.give(stream, &Rope::from(piece.to_vec()));
                }
                return rest;
            }
            kind @ 6..=9 => {
                let (how, rest) = rest.split_first().map_or((0, rest), |(how, rest)| (*how, rest));
                self.ask(kind, which, how);
                return rest;
            }
            10 => self.tell(which, StreamEvent::Closed(CloseReason::Reset)),
            11 => self.tell(which, StreamEvent::Finished),
            12 => self.host.set_room(which, 3),
            13 => {
                self.host.set_room(which, 1 << 16);
                self.tell(which, StreamEvent::Writable);
            }
            14 => self.advance(),
            15 if step >> 4 == 15 => self.crash(),
            _ => {}
        }
        rest
    }

    /// A connection, mostly with all that stands before the first message.
    fn accept(&mut self, kind: u8, which: usize) {
        let speaks = [Speaks::V091, Speaks::V10, Speaks::Unknown][usize::from(kind)];
        let stream = self.host.open_stream(speaks);
        let peer = SocketAddr::from(([10, 0, 0, 2], 5000));
        self.app.on_stream(stream, StreamEvent::Accepted { port: 5672, peer }, &mut self.host);
        self.clear();
        match speaks {
            Speaks::V091 => {
                self.give(stream, &Rope::from(v091::ProtocolHeader::V091.encode().to_vec()));
                for command in old_prelude(which) {
                    self.give(stream, &command.encode(v091::FrameMax::MIN).expect("a short method"));
                }
            }
            Speaks::V10 => {
                self.give(stream, &v10::Item::Header(v10::Header::AMQP).encode());
                let container = if which & 1 == 0 { "a" } else { "b" };
                let max_frame_size = (which & 2 != 0).then_some(512);
                let open = v10::Open { container_id: container.into(), max_frame_size, ..Default::default() };
                self.give(stream, &v10::Item::frame(0, P::Open(Box::new(open))).encode());
                let window = if which & 4 == 0 { 2 } else { 100 };
                let begin = v10::Begin { incoming_window: window, outgoing_window: 9, ..Default::default() };
                self.give(stream, &v10::Item::frame(0, P::Begin(Box::new(begin))).encode());
            }
            Speaks::Unknown => {}
        }
    }

    /// Something that a client may well do.
    fn ask(&mut self, kind: u8, which: usize, how: u8) {
        let Some((stream, speaks)) = self.host.stream(which) else { return };
        let bytes = match speaks {
            Speaks::V091 => old_ask(kind, how).encode(v091::FrameMax::MIN).expect("a short method"),
            Speaks::V10 => new_ask(kind, how).encode(),
            Speaks::Unknown => return,
        };
        self.give(stream, &bytes);
    }

    fn give(&mut self, stream: StreamId, bytes: &Rope) {
        let Some(open) = self.host.streams.get_mut(&stream) else { return };
        open.waiting.append(bytes);
        self.app.on_stream(stream, StreamEvent::Readable, &mut self.host);
        self.clear();
    }

    fn tell(&mut self, which: usize, event: StreamEvent) {
        let Some((stream, _)) = self.host.stream(which) else { return };
        if matches!(event, StreamEvent::Closed(_))
            && let Some(open) = self.host.streams.remove(&stream)
        {
            check(&open);
        }
        self.app.on_stream(stream, event, &mut self.host);
        self.clear();
    }

    /// Streams that the broker has closed are gone.
    fn clear(&mut self) {
        let closed: Vec<StreamId> =
            self.host.streams.iter().filter(|(_, open)| open.is_closed).map(|(stream, _)| *stream).collect();
        for stream in closed {
            if let Some(open) = self.host.streams.remove(&stream) {
                check(&open);
            }
            self.app.on_stream(stream, StreamEvent::Closed(CloseReason::Done), &mut self.host);
        }
    }

    /// The time of the next timer.
    fn advance(&mut self) {
        let Some(token) = self.host.next_timer() else { return };
        self.app.on_timer(token, &mut self.host);
        self.clear();
    }

    /// A loss of power: another broker begins with what is on disc.
    fn crash(&mut self) {
        assert_eq!(self.total("refused_calls"), 0, "a call to the host failed");
        let durable = self.app.take_durable();
        self.host.lose_power();
        self.app = Box::new(AmqpBroker::new(self.config.clone()));
        if let Some(durable) = durable {
            self.app.recover(durable);
        }
        self.app.on_start(&mut self.host);
    }

    fn total(&self, name: &str) -> u64 {
        self.app.totals().into_iter().find(|total| total.name == name).expect("there is such a total").value
    }

    /// All connections end.
    fn end(mut self) {
        for stream in self.host.streams.keys().copied().collect::<Vec<_>>() {
            if let Some(open) = self.host.streams.remove(&stream) {
                check(&open);
            }
            self.app.on_stream(stream, StreamEvent::Closed(CloseReason::Reset), &mut self.host);
        }
        // Writes to disc, messages that expire, links that are forgotten; each may bring others.
        let mut steps = 0;
        while !self.host.timers.is_empty() {
            self.advance();
            steps += 1;
            assert!(steps < 10_000, "the broker does not come to rest");
        }
        assert_eq!(self.total("refused_calls"), 0, "a call to the host failed");
        // Some wait for ever.
        if self.total("last_waiting_links") > 0 {
            return;
        }
        assert_eq!(self.total("last_unacknowledged_messages"), 0, "deliveries are left");
        if self.total("last_ready_messages") == 0 {
            assert!(self.host.taken <= QUEUE * self.total("last_queues"), "memory is left");
        }
    }
}

fn short(text: &str) -> v091::ShortStr {
    v091::ShortStr::cut(text)
}

/// Up to a channel with a queue.
fn old_prelude(which: usize) -> Vec<v091::Command> {
    use v091::{Command, channel, confirm, connection, queue, tx};
    let start_ok = connection::StartOk {
        client_properties: v091::Table::new(),
        mechanism: short("PLAIN"),
        response: v091::LongStr::from("\0guest\0guest"),
        locale: short("en_US"),
    };
    let tune_ok = connection::TuneOk { channel_max: 5, frame_max: 4096, heartbeat: 0 };
    let declare = queue::Declare { queue: short("q"), durable: true, ..Default::default() };
    let mode = match which & 3 {
        0 => Command::new(1, confirm::Select { no_wait: false }),
        1 => Command::new(1, tx::Select {}),
        _ => Command::new(1, queue::Declare { queue: short("r"), ..Default::default() }),
    };
    vec![
        Command::new(0, start_ok),
        Command::new(0, tune_ok),
        Command::new(0, connection::Open { virtual_host: short("/"), ..Default::default() }),
        Command::new(1, channel::Open::default()),
        Command::new(1, declare),
        mode,
    ]
}

fn old_ask(kind: u8, how: u8) -> v091::Command {
    use v091::{Command, basic};
    let queue = short(if how & 1 == 0 { "q" } else { "r" });
    match kind {
        6 => {
            let publish = basic::Publish { routing_key: queue, mandatory: how & 2 != 0, ..Default::default() };
            let properties = v091::Properties {
                delivery_mode: (how & 4 != 0).then_some(2),
                expiration: (how & 8 != 0).then(|| short("100")),
                ..Default::default()
            };
            Command::with_content(1, publish, properties, Rope::fill(1, 0, u64::from(how)))
        }
        7 => Command::new(1, basic::Consume { queue, no_ack: how & 2 != 0, ..Default::default() }),
        8 => Command::new(1, basic::Get { queue, no_ack: how & 2 != 0, ..Default::default() }),
        _ => {
            let delivery_tag = u64::from(how >> 4);
            match how & 3 {
                0 | 1 => Command::new(1, basic::Ack { delivery_tag, multiple: how & 4 != 0 }),
                _ => Command::new(1, basic::Nack { delivery_tag, multiple: how & 4 != 0, requeue: how & 8 != 0 }),
            }
        }
    }
}

/// Links 0 and 1 send to the broker, 2 and 3 receive.
fn new_ask(kind: u8, how: u8) -> v10::Item {
    let at = |performative| v10::Item::frame(0, performative);
    match kind {
        6 => {
            let tag = v10::DeliveryTag::new(vec![how]).expect("a short tag");
            let transfer = v10::Transfer {
                handle: u32::from(how & 1),
                delivery_id: Some(u32::from(how >> 3)),
                delivery_tag: Some(tag),
                message_format: Some(0),
                settled: (how & 2 != 0).then_some(true),
                more: (how & 4 != 0).then_some(true),
                ..Default::default()
            };
            let header = v10::MessageHeader { durable: Some(how & 8 != 0), ..Default::default() };
            let body = v10::Body::Data(vec![Rope::fill(1, 0, u64::from(how) * 4)]);
            let message = v10::Message { header: Some(header), ..v10::Message::new(body) };
            let (performative, payload) = (P::Transfer(Box::new(transfer)), message.encode());
            v10::Item::Frame(v10::Frame::Amqp { channel: 0, performative, payload })
        }
        7 => attach(how),
        8 => {
            let flow = v10::Flow {
                next_incoming_id: Some(u32::from(how >> 6)),
                incoming_window: 100,
                handle: (how & 32 == 0).then_some(2 + u32::from(how & 1)),
                delivery_count: Some(0),
                link_credit: Some(u32::from(how >> 2 & 7)),
                drain: (how & 2 != 0).then_some(true),
                ..Default::default()
            };
            at(P::Flow(Box::new(flow)))
        }
        _ => {
            let modified = v10::Modified { delivery_failed: Some(true), ..Default::default() };
            let state = match how & 7 {
                0 => v10::DeliveryState::Accepted,
                1 => v10::DeliveryState::Rejected(None),
                2 => v10::DeliveryState::Released,
                3 => v10::DeliveryState::Modified(Box::new(modified)),
                4 => {
                    let closed = (how & 8 != 0).then_some(true);
                    return at(P::Detach(Box::new(v10::Detach { handle: u32::from(how >> 6), closed, error: None })));
                }
                5 => return at(P::End(Box::default())),
                _ => v10::DeliveryState::Received { section_number: 0, section_offset: 0 },
            };
            at(P::Disposition(Box::new(v10::Disposition {
                role: v10::Role::Receiver,
                first: 0,
                last: Some(u32::from(how >> 4)),
                settled: (how & 8 != 0).then_some(true),
                state: Some(state),
                batchable: None,
            })))
        }
    }
}

fn attach(how: u8) -> v10::Item {
    let handle = u32::from(how & 3);
    let role = if handle < 2 { v10::Role::Sender } else { v10::Role::Receiver };
    let address = ["q", "/amq/queue/r", "/topic/a.*", "/queue/q"][usize::from(how >> 2 & 3)];
    let policy = [None, Some("link-detach"), Some("connection-close"), Some("never")][usize::from(how >> 4 & 3)];
    let policy = policy.map(|policy| v10::Symbol::new(policy).expect("ASCII"));
    let timeout = (how & 64 != 0).then_some(3);
    let source = v10::Source { expiry_policy: policy.clone(), timeout, ..v10::Source::new(address) };
    let target = v10::Target { expiry_policy: policy, timeout, ..v10::Target::new(address) };
    let attach = v10::Attach {
        name: format!("l{handle}").into(),
        handle,
        role,
        snd_settle_mode: None,
        rcv_settle_mode: (how & 128 != 0).then_some(v10::ReceiverSettleMode::Second),
        source: Some(Box::new(source)),
        target: Some(v10::AnyTarget::Node(Box::new(target))),
        unsettled: None,
        incomplete_unsettled: None,
        initial_delivery_count: Some(0),
        max_message_size: None,
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: None,
    };
    v10::Item::frame(0, P::Attach(Box::new(attach)))
}

/// What was written can be read, up to the frame that was being written.
fn check(open: &Open<Speaks>) {
    match open.kind {
        Speaks::V091 => {
            let mut decoder = v091::Decoder::of_client();
            decoder.set_frame_max(v091::FrameMax::NONE);
            decoder.push(&open.written);
            while decoder.next_item().expect("what a broker says can be read").is_some() {}
        }
        Speaks::V10 => {
            let mut decoder = v10::Decoder::new(u32::MAX);
            decoder.push(&open.written);
            while decoder.next_item().expect("what a broker says can be read").is_some() {}
        }
        Speaks::Unknown => {}
    }
}
