//! A peer for clients: a server of the machines alone, which does as a script says. It keeps links across connections, if it is to.

use crate::amqp::v10::connection::{Connection, ConnectionConfig, ConnectionEvent, SaslConfig};
use crate::amqp::v10::link::{Credit, LinkEnd, Outgoing, ReceiverState, SenderState, Terms};
use crate::amqp::v10::session::{AttachOptions, SessionEvent};
use crate::amqp::v10::wire::{
    AnyTarget, Attach, Condition, Decoder, DeliveryState, DeliveryTag, Error, Frame, Item, Message, MessageHeader,
    Performative, Role, SaslCode, Symbol, plain,
};
use crate::app::{App, Host, SocketId, StreamEvent, StreamId, Total};
use crate::messaging::outbox::Outbox;
use crate::messaging::payload::Name;
use crate::rope::Rope;
use crate::tcp::TcpConfig;
use protosim_core::{CannotClone, Span};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

/// What its senders' messages are called.
pub(super) const OURS: u64 = 0x1234_5678_9abc_def0;
/// How often it looks after its connections.
const TICK: Span = Span::from_millis(50);
const LOOK: u64 = 1 << 20;

/// What it does at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Act {
    /// Resets all connections.
    Abort,
    /// Says nothing more on the connections that it has.
    Silence,
    /// Closes all connections with an error.
    Close(Condition),
    /// Ends all sessions with an error.
    End(Condition),
    /// Detaches all links with an error, closed or not.
    Detach(Condition, bool),
    /// Has the nodes that it refused until now.
    Welcome,
    /// Answers what it has not answered yet: it accepts.
    Answer,
}

#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) config: ConnectionConfig,
    /// Who may come.
    pub(super) user: (&'static str, &'static str),
    /// Of its receivers.
    pub(super) credit: u32,
    /// The largest message that those take \[bytes\]; 0: any.
    pub(super) largest: u64,
    /// How many messages each of its senders has, and of which size \[bytes\].
    pub(super) has: (u64, u64),
    /// It says that those have been delivered before.
    pub(super) redelivers: bool,
    /// A link that is gone from its connection is forgotten.
    pub(super) forgets: bool,
    /// What it does not have.
    pub(super) refuses: Option<&'static str>,
    /// What it says of the message of this number; `None` for nothing.
    pub(super) outcome: fn(u64) -> Option<DeliveryState>,
    pub(super) script: Vec<(u64, Act)>,
    /// What it reads of all connections.
    pub(super) log: Arc<Mutex<Vec<u8>>>,
    pub(super) lines: BTreeMap<StreamId, Line>,
    pub(super) ends: BTreeMap<(bool, Arc<str>), LinkEnd>,
    pub(super) got: BTreeMap<Name, u64>,
    pub(super) corrupted: u64,
    /// Its own messages by outcome: accepted, rejected, released, modified, none.
    pub(super) done: [u64; 5],
    pub(super) unanswered: u64,
    /// Tags of those, of whichever link.
    pub(super) waiting: Vec<DeliveryTag>,
    pub(super) dispositions: u64,
    pub(super) most_unsettled: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Line {
    connection: Connection,
    decoder: Decoder,
    out: Outbox,
    channels: Vec<u16>,
    handles: Vec<(u16, u32)>,
    is_silent: bool,
    is_over: bool,
}

pub(super) fn accept(_: u64) -> Option<DeliveryState> {
    Some(DeliveryState::Accepted)
}

impl Peer {
    pub(super) fn new() -> Self {
        let mechanisms = vec![Symbol::known("PLAIN"), Symbol::known("ANONYMOUS")];
        Self {
            config: ConnectionConfig { sasl: Some(SaslConfig::Server(mechanisms)), ..ConnectionConfig::new("server") },
            user: ("guest", "guest"),
            credit: 100,
            largest: 0,
            has: (0, 64),
            redelivers: false,
            forgets: false,
            refuses: None,
            outcome: accept,
            script: Vec::new(),
            log: Arc::default(),
            lines: BTreeMap::new(),
            ends: BTreeMap::new(),
            got: BTreeMap::new(),
            corrupted: 0,
            done: [0; 5],
            unanswered: 0,
            waiting: Vec::new(),
            dispositions: 0,
            most_unsettled: 0,
        }
    }

    fn keep(&mut self, ends: Vec<LinkEnd>) {
        for end in ends.into_iter().filter(|_| !self.forgets) {
            let key = (matches!(end, LinkEnd::Sender(_)), end.terms().name.clone());
            self.ends.insert(key, end);
        }
    }

    /// The peer of a link, new or as it was.
    fn end_of(&mut self, attach: &Attach) -> LinkEnd {
        let sends = attach.role == Role::Receiver;
        if let Some(end) = self.ends.remove(&(sends, attach.name.clone())) {
            return end;
        }
        if !sends {
            return LinkEnd::Receiver(ReceiverState::new(Terms::of(attach)));
        }
        let mut sender = SenderState::new(Terms::of(attach));
        for number in 0..self.has.0 {
            let name = Name { publication: OURS, number };
            let mut message = Message::data(name.payload(self.has.1));
            message.header =
                self.redelivers.then(|| MessageHeader { delivery_count: Some(1), ..MessageHeader::default() });
            sender.send(Outgoing { token: number, message_format: 0, payload: message.encode(), settled: false });
        }
        LinkEnd::Sender(sender)
    }

    fn act(&mut self, stream: StreamId) {
        while let Some(event) = self.lines.get_mut(&stream).and_then(|line| line.connection.event()) {
            let Some(line) = self.lines.get_mut(&stream) else { return };
            match event {
                ConnectionEvent::Authenticate(init) => {
                    let response = init.initial_response.unwrap_or_default();
                    let is_known = init.mechanism.as_str() == "ANONYMOUS" && response.is_empty()
                        || plain::decode(&response) == Some(("", self.user.0, self.user.1));
                    line.connection.authenticated(if is_known { SaslCode::Ok } else { SaslCode::Auth });
                }
                ConnectionEvent::Opened(_) => {
                    // There is one client: what it had on another connection is here now.
                    let others: Vec<StreamId> = self.lines.keys().copied().filter(|other| *other != stream).collect();
                    for other in others {
                        let old = self.lines.remove(&other).unwrap();
                        self.keep(old.connection.into_ends());
                    }
                }
                ConnectionEvent::Begun(channel) => line.channels.push(channel),
                ConnectionEvent::Session(channel) => self.on_session(stream, channel),
                ConnectionEvent::Closed(_) => line.is_over = true,
                ConnectionEvent::Authenticated(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn on_session(&mut self, stream: StreamId, channel: u16) {
        loop {
            let Some(line) = self.lines.get_mut(&stream) else { return };
            let Some(session) = line.connection.session(channel) else { return };
            let Some(event) = session.event() else { return };
            match event {
                SessionEvent::Attach { remote, attach } => {
                    let address = match &attach.target {
                        Some(AnyTarget::Node(target)) if attach.role == Role::Sender => target.address.as_str(),
                        _ => attach.source.as_ref().and_then(|source| source.address.as_str()),
                    };
                    if self.refuses.is_some() && address == self.refuses {
                        session.refuse(remote, Error::new(Condition::NotFound, "no such queue")).unwrap();
                        continue;
                    }
                    let options = AttachOptions {
                        credit: Credit::Window(self.credit),
                        max_message_size: self.largest,
                        ..AttachOptions::default()
                    };
                    let end = self.end_of(&attach);
                    let line = self.lines.get_mut(&stream).unwrap();
                    let handle = line.connection.session(channel).unwrap().accept(remote, end, options).unwrap();
                    line.handles.push((channel, handle));
                }
                SessionEvent::Message { handle, tag, payload, settled, .. } => {
                    let message = Message::decode(&payload).unwrap();
                    let body = message.single_data().unwrap();
                    let name = Name::of(body).unwrap();
                    *self.got.entry(name).or_default() += 1;
                    self.corrupted += u64::from(name.corrupted(body) > 0);
                    if settled {
                        continue;
                    }
                    match (self.outcome)(name.number) {
                        Some(state) => assert_eq!(session.settle(handle, &tag, state), Ok(true)),
                        None => {
                            self.unanswered += 1;
                            self.waiting.push(tag);
                        }
                    }
                }
                SessionEvent::Done { state, .. } => {
                    let index = match state {
                        Some(DeliveryState::Accepted) => 0,
                        Some(DeliveryState::Rejected(_)) => 1,
                        Some(DeliveryState::Released) => 2,
                        Some(DeliveryState::Modified(_)) => 3,
                        _ => 4,
                    };
                    self.done[index] += 1;
                }
                SessionEvent::Detached { handle, end, closed, .. } => {
                    line.handles.retain(|known| *known != (channel, handle));
                    if !closed {
                        self.keep(vec![*end]);
                    }
                }
                _ => {}
            }
        }
    }

    fn write(&mut self, stream: StreamId, host: &mut dyn Host) {
        loop {
            self.act(stream);
            let Some(line) = self.lines.get_mut(&stream).filter(|line| !line.is_silent) else { return };
            let Some(item) = line.connection.next(host.now()) else { break };
            line.out.push(0, item.encode());
        }
        let Some(line) = self.lines.get_mut(&stream) else { return };
        let unsettled: usize = line
            .handles
            .iter()
            .filter_map(|(channel, handle)| line.connection.session(*channel)?.receiver(*handle).ok())
            .map(|(unsettled, ..)| unsettled)
            .sum();
        self.most_unsettled = self.most_unsettled.max(unsettled);
        let ended: Vec<Vec<LinkEnd>> =
            line.channels.clone().into_iter().filter_map(|channel| line.connection.take_ended(channel)).collect();
        let _ = line.out.write(stream, 0, host);
        if line.is_over && line.out.len() == 0 {
            host.stream_close(stream).unwrap();
            let line = self.lines.remove(&stream).unwrap();
            self.keep(line.connection.into_ends());
        }
        ended.into_iter().for_each(|ends| self.keep(ends));
    }

    fn read(&mut self, stream: StreamId, host: &mut dyn Host) {
        while let Ok(data) = host.stream_read(stream, 1 << 16) {
            let Some(line) = self.lines.get_mut(&stream).filter(|_| !data.is_empty()) else { break };
            self.log.lock().unwrap().extend(data.to_bytes());
            line.decoder.push(&data);
            while let Some(line) = self.lines.get_mut(&stream) {
                let Some(item) = line.decoder.next_item().unwrap() else { break };
                if let Item::Frame(Frame::Amqp { performative: Performative::Disposition(_), .. }) = &item {
                    self.dispositions += 1;
                }
                line.connection.on_item(item, host.now());
                self.act(stream);
            }
        }
        self.write(stream, host);
    }

    fn perform(&mut self, act: Act, host: &mut dyn Host) {
        for stream in self.lines.keys().copied().collect::<Vec<_>>() {
            let line = self.lines.get_mut(&stream).unwrap();
            let error = |condition| Some(Error::new(condition, "as the script says"));
            match act {
                Act::Abort => {
                    host.stream_abort(stream).unwrap();
                    let line = self.lines.remove(&stream).unwrap();
                    self.keep(line.connection.into_ends());
                    continue;
                }
                Act::Silence => line.is_silent = true,
                Act::Close(condition) => line.connection.close(error(condition)),
                Act::End(condition) => {
                    for channel in line.channels.clone() {
                        if let Some(session) = line.connection.session(channel) {
                            session.end(error(condition));
                        }
                    }
                }
                Act::Detach(condition, closed) => {
                    for (channel, handle) in line.handles.clone() {
                        let session = line.connection.session(channel).unwrap();
                        session.detach(handle, closed, error(condition)).unwrap();
                    }
                }
                Act::Answer => {
                    for (channel, handle) in line.handles.clone() {
                        let session = line.connection.session(channel).unwrap();
                        for tag in &self.waiting {
                            session.settle(handle, tag, DeliveryState::Accepted).unwrap();
                        }
                    }
                }
                Act::Welcome => {}
            }
            self.write(stream, host);
        }
        if act == Act::Welcome {
            self.refuses = None;
        }
    }
}

impl App for Peer {
    fn on_start(&mut self, host: &mut dyn Host) {
        host.stream_listen(5672, &crate::amqp::options(&TcpConfig::default())).unwrap();
        for (index, (at, _)) in self.script.iter().enumerate() {
            host.set_timer(index as u64, host.now().saturating_add(Span::from_millis(*at)), "script");
        }
        host.set_timer(LOOK, host.now().saturating_add(TICK), "look");
    }

    fn on_datagram(&mut self, _: SocketId, _: SocketAddr, _: Rope, _: &mut dyn Host) {}

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        if token < LOOK {
            return self.perform(self.script[token as usize].1, host);
        }
        for stream in self.lines.keys().copied().collect::<Vec<_>>() {
            self.lines.get_mut(&stream).unwrap().connection.on_time(host.now());
            self.write(stream, host);
        }
        host.set_timer(LOOK, host.now().saturating_add(TICK), "look");
    }

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        match event {
            StreamEvent::Accepted { .. } => {
                let line = Line {
                    connection: Connection::server(self.config.clone(), host.now()),
                    decoder: Decoder::new(self.config.max_frame_size),
                    out: Outbox::default(),
                    channels: Vec::new(),
                    handles: Vec::new(),
                    is_silent: false,
                    is_over: false,
                };
                self.lines.insert(stream, line);
            }
            StreamEvent::Finished => {
                self.read(stream, host);
                if let Some(line) = self.lines.remove(&stream) {
                    let _ = host.stream_close(stream);
                    self.keep(line.connection.into_ends());
                }
            }
            StreamEvent::Closed(_) => {
                if let Some(line) = self.lines.remove(&stream) {
                    self.keep(line.connection.into_ends());
                }
            }
            StreamEvent::Readable | StreamEvent::Writable => self.read(stream, host),
            StreamEvent::Connected => {}
        }
    }

    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        vec![
            total("messages", self.got.len() as u64),
            total("copies", self.got.values().sum()),
            total("corrupted", self.corrupted),
            total("accepted", self.done[0]),
            total("rejected", self.done[1]),
            total("released", self.done[2]),
            total("modified", self.done[3]),
            total("settled", self.done[4]),
            total("unanswered", self.unanswered),
            total("dispositions", self.dispositions),
            total("most_unsettled", self.most_unsettled as u64),
        ]
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
