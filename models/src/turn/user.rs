//! The application that sends through a relay.

use super::client::{Client, ClientConfig, Command, Envelope, Notice};
use crate::app::{App, Host, SocketId, StreamEvent, StreamId, StreamOptions, Total};
use crate::name::NodeName;
use crate::observe::{ExchangeId, Observation, Outcome};
use crate::registry::{Found, Further, Port, Sender};
use crate::rope::Rope;
use crate::stun::app::usual_port;
use crate::stun::integrity::prepare;
use crate::stun::wire::Family;
use crate::stun::wire::MAX_DATA;
use crate::stun::wire::frame::FrameReader;
use crate::tcp::TcpConfig;
use crate::tls::TlsClientConfig;
use crate::traffic::{NUMBER_LEN, first_number, number_of, numbered};
use protosim_core::machine::EffectOf;
use protosim_core::{CannotClone, Effect, LocalTime, Machine, MachineCx, Purpose, Size, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// Sends datagrams to a peer through a relay of TURN, and waits for their echoes. It begins when the relay has let the peer in.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TurnClientConfig {
    /// The node that the relay runs on. Required.
    pub to: NodeName,
    /// The relay's port, 1 to 65535, of UDP, or of TCP with `tcp`. Default: 3478 (RFC 8656 §18).
    #[serde(default = "usual_port")]
    pub port: u16,
    /// Its name at the relay. Required.
    pub username: String,
    /// Its password there. Required.
    pub password: String,
    /// The node that its datagrams are for, beyond the relay: one that answers each with its first 8 B, as a `UdpServer` does. Required.
    pub peer: NodeName,
    /// The UDP port there, 1 to 65535. Required.
    pub peer_port: u16,
    /// Whether it binds a channel, whose header has 4 B; else data go in indications of 36 B and more. Default: true.
    #[serde(default = "yes")]
    pub channel: bool,
    /// When it asks for a relayed address, after the node's start by its own clock. Default: 0 s.
    #[serde(default)]
    pub start: Span,
    /// What the peer gets as UDP payload, at least 8 B. Default: 64 B (our choice).
    #[serde(default = "usual_payload")]
    pub payload: Size,
    /// How many datagrams are sent; then, and when their echoes are there or given up, the relayed address is given back. Default: no limit.
    #[serde(default)]
    pub count: Option<u64>,
    /// From one datagram to the next. Default: 1 s (our choice).
    #[serde(default = "one_second")]
    pub interval: Span,
    /// How long an echo is waited for. Default: 10 s (our choice).
    #[serde(default = "ten_seconds")]
    pub timeout: Span,
    /// Its TCP, if it reaches the relay over that. Default: over UDP.
    #[serde(default)]
    pub tcp: Option<TcpConfig>,
    /// TLS over it. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<TlsClientConfig>>,
    /// The address of its peer: not written, but made known before it is built.
    #[serde(skip)]
    pub peer_address: Option<IpAddr>,
}

const fn yes() -> bool {
    true
}

const fn usual_payload() -> Size {
    Size::from_bytes(64)
}

const fn one_second() -> Span {
    Span::from_secs(1)
}

const fn ten_seconds() -> Span {
    Span::from_secs(10)
}

impl TurnClientConfig {
    /// A client of the relay at `to`, with this name and password, and a peer; everything else is at its default.
    pub fn new(to: NodeName, [username, password]: [&str; 2], peer: NodeName, peer_port: u16) -> Self {
        Self {
            to,
            port: usual_port(),
            username: username.to_owned(),
            password: password.to_owned(),
            peer,
            peer_port,
            channel: yes(),
            start: Span::ZERO,
            payload: usual_payload(),
            count: None,
            interval: one_second(),
            timeout: ten_seconds(),
            tcp: None,
            tls: None,
            peer_address: None,
        }
    }

    /// Takes its peer's address: of IPv4 if there is one, as what relays lend is of that unless another is asked for (RFC 8656 §7.1).
    pub(crate) fn resolve(&mut self, found: &Found) {
        let all = found.ways.iter().flat_map(|way| &way.addresses).copied();
        self.peer_address = all.min_by_key(IpAddr::is_ipv6);
    }

    /// Its peer, to whom the relay sends.
    pub(crate) fn further(&self) -> Further<'_> {
        let (node, port) = (&self.peer, Port::Udp(self.peer_port));
        Further { field: "peer".to_owned(), node, port, by: Sender::Destination }
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        for (field, port) in [("port", self.port), ("peer_port", self.peer_port)] {
            if port == 0 {
                found.push((field, "is 1 to 65535: nobody listens on 0".to_owned()));
            }
        }
        for (field, text) in [("username", &self.username), ("password", &self.password)] {
            if let Err(why) = prepare(text) {
                found.push((field, format!("is a text that {why}")));
            }
        }
        if !(NUMBER_LEN..=MAX_DATA).contains(&self.payload.as_bytes()) {
            found.push(("payload", format!("is {NUMBER_LEN} B to {MAX_DATA} B, not {}", self.payload)));
        }
        if self.count == Some(0) {
            found.push(("count", "is at least 1: nothing would be sent".to_owned()));
        }
        if self.interval.is_zero() {
            found.push(("interval", "is longer than zero: datagrams would never end".to_owned()));
        }
        if self.timeout.is_zero() {
            found.push(("timeout", "is longer than zero: every echo would be late".to_owned()));
        }
        if self.tls.is_some() && self.tcp.is_none() {
            found.push(("tls", "needs `tcp`: it is not for UDP".to_owned()));
        }
        found
    }

    /// The longest datagram that it sends to the relay with data \[bytes\]; 0 over TCP.
    pub(crate) fn message_len(&self) -> u64 {
        let payload = self.payload.as_bytes();
        match (&self.tcp, self.channel) {
            (Some(_), _) => 0,
            (None, true) => 4 + payload,
            // The header, XOR-PEER-ADDRESS of IPv6, DATA (RFC 8656 §18).
            (None, false) => 20 + 24 + 4 + payload.next_multiple_of(4),
        }
    }
}

/// The draw that numbers the first datagram.
const KEY: Purpose = Purpose("turn.datagram.key");

/// What waits for room on the stream, beyond which more is dropped \[bytes\] (our choice).
const MOST_WAITING: u64 = 1 << 16;

/// The timer of its beginning and of the next datagram.
const NEXT: u64 = 0;
/// That of the machine.
const MACHINE: u64 = 1;
/// That of the oldest echo that is waited for.
const ECHO: u64 = 2;

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// It has no relayed address yet, or its peer is not let in.
    Preparing,
    /// It sends, since then.
    Sending(LocalTime),
    /// It has given the relayed address back, or could not get or keep one.
    Over,
}

/// Sends through a relay; see [`TurnClientConfig`].
///
/// ```text
///  Allocate ─▶ CreatePermission, or ChannelBind ─▶ a datagram every interval ─▶ count sent, each answered or given up ─▶ Refresh, 0 s
///      └─────────────────┴─ refused, no answer ───────────┴─ refused, lost ─▶ over: what is open ends as reset
/// ```
/// It does not try again: what is not sent by then never is.
#[derive(Clone, Debug)]
pub struct TurnClient {
    config: TurnClientConfig,
    machine: Client,
    server: SocketAddr,
    peer: SocketAddr,
    phase: Phase,
    socket: Option<SocketId>,
    stream: Option<StreamId>,
    reader: FrameReader,
    /// What waits for room on the stream.
    unwritten: Rope,
    /// The relayed address.
    relayed: Option<SocketAddr>,
    /// The number of the first datagram.
    first: u64,
    sent: u64,
    /// Until when echoes are waited for. Numbers and times rise together.
    open: BTreeMap<u64, LocalTime>,
    counts: Counts,
}

#[derive(Clone, Copy, Default, Debug)]
struct Counts {
    allocations: u64,
    echoes: u64,
    echo_bytes: u64,
    timed_out: u64,
    unexpected: u64,
    lost: u64,
    not_permitted: u64,
    released: u64,
    dropped_for_room: u64,
    refused: u64,
}

impl TurnClient {
    /// A client of the relay at `server`. `config` has passed its check, and knows the address of its peer.
    pub fn new(config: TurnClientConfig, server: SocketAddr) -> Self {
        let peer = config.peer_address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let peer = SocketAddr::new(peer, config.peer_port);
        let is_stream = config.tcp.is_some();
        let family = peer.is_ipv6().then_some(Family::V6);
        let machine = Client::new(ClientConfig {
            is_stream,
            family,
            ..ClientConfig::new(server, &config.username, &config.password)
        });
        Self {
            config,
            machine,
            server,
            peer,
            phase: Phase::Preparing,
            socket: None,
            stream: None,
            reader: FrameReader::default(),
            unwritten: Rope::new(),
            relayed: None,
            first: 0,
            sent: 0,
            open: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    /// The peer sees the relayed address.
    fn exchange(&self, number: u64) -> ExchangeId {
        let client = self.relayed.unwrap_or(crate::tcp::app::nowhere());
        ExchangeId { client, server: self.peer, id: number }
    }

    /// Calls the machine and does what it wants, which may lead to more.
    fn run(&mut self, host: &mut dyn Host, call: impl FnOnce(&mut Client, &mut MachineCx<'_, Client>)) {
        let mut effects = Vec::new();
        call(&mut self.machine, &mut MachineCx::new(host, &mut effects));
        while !effects.is_empty() {
            for command in self.carry_out(std::mem::take(&mut effects), host) {
                let done = self.machine.handle_command(command, &mut MachineCx::new(host, &mut effects));
                self.counts.refused += u64::from(done.is_err());
            }
        }
        match self.machine.poll_timeout() {
            Some(deadline) => host.set_timer(MACHINE, deadline.at, deadline.timer),
            None => host.cancel_timer(MACHINE),
        }
    }

    /// Says what the machine is to be told.
    fn carry_out(&mut self, effects: Vec<EffectOf<Client>>, host: &mut dyn Host) -> Vec<Command> {
        let mut commands = Vec::new();
        for effect in effects {
            match effect {
                Effect::Transmit(envelope) => self.transmit(envelope, host),
                Effect::Notify(notice) => commands.extend(self.take(notice, host)),
                Effect::Observe(never) => match never {},
            }
        }
        commands
    }

    fn take(&mut self, notice: Notice, host: &mut dyn Host) -> Option<Command> {
        match notice {
            Notice::Allocated { relayed, .. } => {
                self.counts.allocations += 1;
                self.relayed = Some(relayed);
                Some(if self.config.channel { Command::Bind(self.peer) } else { Command::Permit(self.peer.ip()) })
            }
            // With a channel comes a permission, before it.
            Notice::Permitted(_) if self.config.channel => None,
            Notice::Permitted(_) | Notice::Bound(..) => {
                self.phase = Phase::Sending(host.now());
                self.next(host)
            }
            Notice::NotPermitted(..) | Notice::NotBound(..) => {
                self.counts.not_permitted += 1;
                self.give_up(host);
                Some(Command::Release)
            }
            Notice::Received(peer, data) => self.echo(peer, &data, host),
            Notice::Lost(_) => {
                self.counts.lost += 1;
                self.give_up(host);
                self.close(host);
                None
            }
            Notice::Released => {
                self.counts.released += 1;
                self.phase = Phase::Over;
                self.close(host);
                None
            }
        }
    }

    /// The next datagram, and when the one behind it is due.
    fn next(&mut self, host: &mut dyn Host) -> Option<Command> {
        let Phase::Sending(since) = self.phase else { return None };
        let number = self.first.wrapping_add(self.sent);
        self.sent += 1;
        self.open.insert(number, host.now().saturating_add(self.config.timeout));
        host.observe(Observation::ExchangeStarted(self.exchange(number)));
        if self.config.count.is_none_or(|count| self.sent < count) {
            let at = since.saturating_add(self.config.interval.saturating_mul(self.sent));
            host.set_timer(NEXT, at, "next datagram");
        }
        self.set_echo(host);
        Some(Command::Send(self.peer, numbered(number, self.config.payload.as_bytes())))
    }

    fn set_echo(&self, host: &mut dyn Host) {
        match self.open.first_key_value() {
            Some((_, at)) => host.set_timer(ECHO, *at, "echo"),
            None => host.cancel_timer(ECHO),
        }
    }

    fn echo(&mut self, peer: SocketAddr, data: &Rope, host: &mut dyn Host) -> Option<Command> {
        let number = number_of(data).filter(|number| peer == self.peer && self.open.contains_key(number));
        let Some(number) = number else {
            self.counts.unexpected += 1;
            return None;
        };
        self.counts.echoes += 1;
        self.counts.echo_bytes += data.len();
        self.end(number, Outcome::Response, host);
        self.finish(host)
    }

    fn end(&mut self, number: u64, outcome: Outcome, host: &mut dyn Host) {
        self.open.remove(&number);
        host.observe(Observation::ExchangeEnded { exchange: self.exchange(number), outcome, transmissions: 1 });
    }

    /// The echoes whose time is up.
    fn give_echoes_up(&mut self, host: &mut dyn Host) -> Option<Command> {
        while let Some((number, at)) = self.open.first_key_value().map(|(number, at)| (*number, *at))
            && at <= host.now()
        {
            self.counts.timed_out += 1;
            self.end(number, Outcome::TimedOut, host);
        }
        self.finish(host)
    }

    /// If all is done, the relayed address is given back.
    fn finish(&mut self, host: &mut dyn Host) -> Option<Command> {
        self.set_echo(host);
        let is_done = self.config.count == Some(self.sent) && self.open.is_empty();
        (is_done && matches!(self.phase, Phase::Sending(_))).then(|| {
            self.phase = Phase::Over;
            Command::Release
        })
    }

    /// Nothing more can be sent.
    fn give_up(&mut self, host: &mut dyn Host) {
        self.phase = Phase::Over;
        host.cancel_timer(NEXT);
        for number in self.open.keys().copied().collect::<Vec<_>>() {
            self.end(number, Outcome::Reset, host);
        }
        self.set_echo(host);
    }

    fn close(&mut self, host: &mut dyn Host) {
        if let Some(socket) = self.socket.take() {
            self.counts.refused += u64::from(host.udp_close(socket).is_err());
        }
        if let Some(stream) = self.stream.take() {
            // One that has just come to its end is closed already.
            let _over = host.stream_close(stream);
        }
    }

    fn transmit(&mut self, Envelope { peer, payload }: Envelope, host: &mut dyn Host) {
        if let Some(socket) = self.socket {
            self.counts.refused += u64::from(host.udp_send(socket, peer, payload).is_err());
        } else {
            if self.unwritten.len() + payload.len() > MOST_WAITING {
                // What is late is of no use: the relay is slower than this client.
                self.counts.dropped_for_room += 1;
                return;
            }
            self.unwritten.append(&payload);
            self.write(host);
        }
    }

    fn write(&mut self, host: &mut dyn Host) {
        if let Some(stream) = self.stream.filter(|_| !self.unwritten.is_empty()) {
            // A stream that takes nothing any more is about to say that it is over.
            let taken = host.stream_write(stream, &self.unwritten).unwrap_or(0);
            self.unwritten = self.unwritten.slice(taken, u64::MAX);
        }
    }

    fn command(&mut self, command: Command, host: &mut dyn Host) {
        let mut refused = 0;
        self.run(host, |machine, cx| refused = u64::from(machine.handle_command(command, cx).is_err()));
        self.counts.refused += refused;
    }

    /// Opens its socket or its stream.
    fn open(&mut self, host: &mut dyn Host) {
        let opened = match &self.config.tcp {
            None => host.udp_bind(0).map(|socket| self.socket = Some(socket)),
            Some(tcp) => {
                let options = StreamOptions { tcp: Arc::new(tcp.resolve()), early_data: Rope::new() };
                host.stream_connect(self.server, &options).map(|stream| self.stream = Some(stream))
            }
        };
        match opened {
            Ok(()) if self.socket.is_some() => self.command(Command::Allocate, host),
            Ok(()) => {}
            Err(_) => {
                self.counts.refused += 1;
                self.phase = Phase::Over;
            }
        }
    }

    fn read(&mut self, stream: StreamId, host: &mut dyn Host) {
        self.reader.push(&host.stream_read(stream, u64::MAX).unwrap_or_default());
        loop {
            match self.reader.next_frame() {
                Ok(Some(payload)) => {
                    let peer = self.server;
                    self.run(host, |machine, cx| machine.handle_message(Envelope { peer, payload }, cx));
                }
                Ok(None) => return,
                Err(_) => {
                    // Nothing behind it can be read; the stream says when it is over.
                    self.counts.unexpected += 1;
                    let _over = host.stream_abort(stream);
                    return;
                }
            }
        }
    }

    /// The stream to the relay is over.
    fn disconnected(&mut self, host: &mut dyn Host) {
        self.stream = None;
        self.command(Command::Unreachable, host);
        if self.phase == Phase::Preparing {
            // It ended before anything was asked for.
            self.phase = Phase::Over;
            self.counts.lost += 1;
        }
    }
}

impl App for TurnClient {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.first = first_number(KEY, host);
        host.set_timer(NEXT, host.now().saturating_add(self.config.start), "Allocate");
    }

    fn on_datagram(&mut self, _: SocketId, peer: SocketAddr, payload: Rope, host: &mut dyn Host) {
        self.run(host, |machine, cx| machine.handle_message(Envelope { peer, payload }, cx));
    }

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        let command = match (token, self.phase) {
            (MACHINE, _) => return self.run(host, Client::handle_timeout),
            (NEXT, Phase::Preparing) => return self.open(host),
            (NEXT, _) => self.next(host),
            _ => self.give_echoes_up(host),
        };
        if let Some(command) = command {
            self.command(command, host);
        }
    }

    /// RFC 8489 §6.2.1: a hard error ends a request.
    fn on_unreachable(&mut self, _: SocketId, to: SocketAddr, host: &mut dyn Host) {
        if to == self.server {
            self.command(Command::Unreachable, host);
        }
    }

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        if self.stream != Some(stream) {
            return;
        }
        match event {
            StreamEvent::Connected => self.command(Command::Allocate, host),
            StreamEvent::Readable => self.read(stream, host),
            StreamEvent::Writable => self.write(host),
            // A relay that has finished wants no more.
            StreamEvent::Finished => {
                self.read(stream, host);
                let _over = host.stream_close(stream);
            }
            StreamEvent::Closed(_) => self.disconnected(host),
            StreamEvent::Accepted { .. } => {}
        }
    }

    /// `lost_allocations` were never made or ended early.
    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        let machine = self.machine.counts();
        vec![
            total("allocations", self.counts.allocations),
            total("lost_allocations", self.counts.lost),
            total("released_allocations", self.counts.released),
            total("refused_peers", self.counts.not_permitted),
            total("requests", machine.requests),
            total("challenges", machine.challenges),
            total("datagrams", self.sent),
            total("echoes", self.counts.echoes),
            total("echo_payload_bytes", self.counts.echo_bytes),
            total("timed_out", self.counts.timed_out),
            total("unexpected_datagrams", self.counts.unexpected),
            total("dropped_messages", machine.dropped),
            total("dropped_for_room", self.counts.dropped_for_room),
            total("refused_calls", self.counts.refused),
        ]
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
