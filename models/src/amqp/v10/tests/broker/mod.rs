//! The broker, and clients that are our own machines on the streams of a host that is played.

mod bytes;
mod crossing;
mod errors;
mod kernel;
mod modes;
mod outcomes;
mod resumed;

use crate::amqp::broker::queue::QueueOptions;
use crate::amqp::v10::connection::{ClientSasl, Connection, ConnectionConfig, ConnectionEvent, SaslConfig};
use crate::amqp::v10::link::{Credit, LinkEnd, Outgoing, ReceiverState, SenderState, Terms};
use crate::amqp::v10::session::{AttachOptions, Session, SessionEvent};
use crate::amqp::v10::wire::{
    Decoder, DeliveryState, DeliveryTag, Error, Message, ReceiverSettleMode, SenderSettleMode, Source, Target,
};
use crate::amqp::v091::wire::{ShortStr, Table};
use crate::amqp::{AmqpBroker, AmqpBrokerConfig};
use crate::app::{App, StreamId};
use crate::rope::Rope;
use crate::tcp::CloseReason;
use crate::tcp::app::tests::bench::{Bench, total};
use protosim_core::{LocalTime, Span};

fn s(text: &str) -> ShortStr {
    ShortStr::new(text).unwrap()
}

fn ms(millis: u64) -> LocalTime {
    LocalTime::ZERO + Span::from_millis(millis)
}

/// A client with one session.
struct Client {
    machine: Connection,
    decoder: Decoder,
    stream: u32,
    seen: u64,
    channel: u16,
    events: Vec<SessionEvent>,
    closed: Option<Option<Error>>,
}

/// A broker, and clients that talk with it at once: nothing takes time but what the broker waits for.
struct Play {
    app: AmqpBroker,
    bench: Bench,
    clients: Vec<Client>,
    now: LocalTime,
}

/// A message that has come.
#[derive(Clone, Debug)]
struct Came {
    tag: DeliveryTag,
    payload: Rope,
    settled: bool,
}

impl Came {
    fn message(&self) -> Message {
        Message::decode(&self.payload).unwrap()
    }

    fn text(&self) -> String {
        String::from_utf8(self.message().single_data().unwrap().to_bytes().to_vec()).unwrap()
    }

    /// Whether nobody has had it before, and attempts that have failed.
    fn attempts(&self) -> (bool, u32) {
        let header = self.message().header.unwrap_or_default();
        (header.first_acquirer == Some(true), header.delivery_count.unwrap_or(0))
    }
}

impl Play {
    fn new(config: AmqpBrokerConfig) -> Self {
        assert_eq!(config.check(), []);
        let (mut app, mut bench) = (AmqpBroker::new(config), Bench::new(1 << 24));
        app.on_start(&mut bench);
        Self { app, bench, clients: Vec::new(), now: LocalTime::ZERO }
    }

    /// A client of this container, with a session.
    fn connect(&mut self, container: &str) -> usize {
        self.connect_with(ConnectionConfig {
            sasl: Some(SaslConfig::Client(ClientSasl::Anonymous)),
            ..ConnectionConfig::new(container)
        })
    }

    fn connect_with(&mut self, config: ConnectionConfig) -> usize {
        let stream = self.bench.accept(&mut self.app, 5672);
        let decoder = Decoder::new(config.max_frame_size);
        let machine = Connection::client(config, self.now);
        let client = Client { machine, decoder, stream: stream.0, seen: 0, channel: 0, events: vec![], closed: None };
        self.clients.push(client);
        let at = self.clients.len() - 1;
        self.run();
        if let Some(channel) = self.clients[at].machine.begin() {
            self.clients[at].channel = channel;
            self.run();
            assert_eq!(self.clients[at].events.remove(0), SessionEvent::Begun);
        }
        at
    }

    /// Until nothing moves.
    fn run(&mut self) {
        loop {
            let mut moved = false;
            for client in &mut self.clients {
                while let Some(item) = client.machine.next(self.now) {
                    moved = true;
                    self.bench.receive(&mut self.app, client.stream, &item.encode());
                }
                let written = self.bench.streams[client.stream as usize].written.slice(client.seen, u64::MAX);
                moved |= !written.is_empty();
                client.seen += written.len();
                client.decoder.push(&written);
                while let Some(item) = client.decoder.next_item().unwrap() {
                    client.machine.on_item(item, self.now);
                    client.take_events();
                }
                client.take_events();
            }
            if !moved {
                return;
            }
        }
    }

    fn pass(&mut self, at: LocalTime) {
        self.bench.pass(&mut self.app, at);
        self.now = at;
        self.run();
    }

    fn session(&mut self, client: usize) -> &mut Session {
        let client = &mut self.clients[client];
        client.machine.session(client.channel).unwrap()
    }

    fn attach(&mut self, client: usize, end: LinkEnd, credit: Credit) -> u32 {
        let options = AttachOptions { credit, ..AttachOptions::default() };
        let handle = self.session(client).attach(end, options).unwrap();
        self.run();
        handle
    }

    fn sender(&mut self, client: usize, address: &str) -> u32 {
        let terms = Terms::new("out", Source::new("me"), Target::new(address));
        self.attach(client, LinkEnd::Sender(SenderState::new(terms)), Credit::Manual)
    }

    fn receiver(&mut self, client: usize, address: &str, credit: Credit) -> u32 {
        let terms = Terms::new("in", Source::new(address), Target::new("me"));
        self.attach(client, LinkEnd::Receiver(ReceiverState::new(terms)), credit)
    }

    fn send(&mut self, client: usize, handle: u32, token: u64, payload: Rope, settled: bool) {
        self.session(client).send(handle, Outgoing { token, message_format: 0, payload, settled }).unwrap();
        self.run();
    }

    /// Sends a text.
    fn say(&mut self, client: usize, handle: u32, token: u64, text: &str) {
        self.send(client, handle, token, data(text).encode(), false);
    }

    fn settle(&mut self, client: usize, handle: u32, came: &Came, outcome: DeliveryState) {
        assert_eq!(self.session(client).settle(handle, &came.tag, outcome), Ok(true));
        self.run();
    }

    /// Messages that have come since it was asked last, on whatever link.
    fn came(&mut self, client: usize) -> Vec<Came> {
        let (messages, others) = std::mem::take(&mut self.clients[client].events)
            .into_iter()
            .partition(|event| matches!(event, SessionEvent::Message { .. }));
        self.clients[client].events = others;
        let came = |event| match event {
            SessionEvent::Message { tag, payload, settled, .. } => Some(Came { tag, payload, settled }),
            _ => None,
        };
        Vec::into_iter(messages).filter_map(came).collect()
    }

    /// Messages that are done since it was asked last, by token.
    fn done(&mut self, client: usize) -> Vec<(u64, Option<DeliveryState>)> {
        let mut done = vec![];
        self.clients[client].events.retain(|event| match event {
            SessionEvent::Done { token, state, .. } => {
                done.push((*token, state.clone()));
                false
            }
            _ => true,
        });
        done
    }

    /// Why a link was detached: the condition.
    fn detached(&mut self, client: usize) -> Option<String> {
        self.clients[client].events.iter().find_map(|event| match event {
            SessionEvent::Detached { error: Some(error), .. } => Some(error.condition.to_string()),
            _ => None,
        })
    }

    /// The stream is lost: what is left of the client's links.
    fn cut(&mut self, client: usize) -> Vec<LinkEnd> {
        let stream = self.clients[client].stream;
        self.bench.close(&mut self.app, stream, CloseReason::Reset);
        let machine = std::mem::replace(
            &mut self.clients[client].machine,
            Connection::server(ConnectionConfig::new("nobody"), self.now),
        );
        machine.into_ends()
    }

    fn queue(&mut self, name: &str, options: QueueOptions) {
        self.app.make_queue(StreamId(u32::MAX), &s(name), options, &mut self.bench).unwrap();
    }

    fn total(&self, name: &str) -> u64 {
        total(&self.app, name)
    }
}

impl Client {
    fn take_events(&mut self) {
        while let Some(event) = self.machine.event() {
            if let ConnectionEvent::Closed(error) = event {
                self.closed = Some(error);
            }
        }
        if let Some(session) = self.machine.session(self.channel) {
            self.events.extend(std::iter::from_fn(|| session.event()));
        }
    }
}

fn data(text: &str) -> Message {
    Message::data(Rope::from(text.as_bytes().to_vec()))
}

fn modes(name: &str, address: &str, snd: SenderSettleMode, rcv: ReceiverSettleMode) -> Terms {
    Terms::new(name, Source::new(address), Target::new(address)).with_modes(snd, rcv)
}
