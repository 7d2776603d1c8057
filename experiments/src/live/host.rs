//! The host of a live application: real sockets, the real clock.

use super::options::SocketOptions;
use super::sockets::{Input, Sockets};
use crate::run::clock::Stopwatch;
use protosim_core::{Env, LocalTime, Operation, OutOfMemory, Purpose, RunSeed, Span, Stream, Streams};
use protosim_models::app::{Host, HostError, SocketId, StreamEvent, StreamId, StreamInfo, StreamOptions};
use protosim_models::observe::TlsSecret;
use protosim_models::registry::Port;
use protosim_models::tcp::{CloseReason, Parameters};
use protosim_models::{ExchangeId, Observation, Outcome, Rope};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How long to wait at most: then those are asked again that the system had nothing left for.
const IDLE: Duration = Duration::from_millis(200);

/// What a line of output counts for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LineCounts {
    pub(super) started: bool,
    pub(super) answered: bool,
    /// One is over whose answer nobody wanted.
    pub(super) unwanted: bool,
}

/// See the module.
pub(super) struct LiveHost {
    clock: Stopwatch,
    /// What the clock has said last: while an application handles what has come, its time stands still, as it does in the simulator.
    instant: LocalTime,
    streams: Streams,
    sockets: Sockets,
    /// Sockets opened ahead, by port.
    opened: BTreeMap<u16, SocketId>,
    timers: BTreeMap<u64, LocalTime>,
    /// The same in the order in which they are due.
    due: BTreeSet<(LocalTime, u64)>,
    started: BTreeMap<ExchangeId, LocalTime>,
    lines: VecDeque<(String, LineCounts)>,
    /// Of TLS, if they are kept.
    secrets: Option<Vec<String>>,
    owes_flush: bool,
}

impl LiveHost {
    pub(super) fn new(bind: IpAddr, seed: u64, options: SocketOptions) -> io::Result<Self> {
        Ok(Self {
            clock: Stopwatch::start(),
            instant: LocalTime::ZERO,
            streams: Streams::new(RunSeed { seed, replication: 0 }, "live"),
            sockets: Sockets::new(bind, options)?,
            opened: BTreeMap::new(),
            timers: BTreeMap::new(),
            due: BTreeSet::new(),
            started: BTreeMap::new(),
            lines: VecDeque::new(),
            secrets: None,
            owes_flush: false,
        })
    }

    /// Opens a port ahead of the application's call; `tcp` are the parameters that it will ask for.
    pub(super) fn open(&mut self, port: Port, tcp: &Parameters) -> io::Result<()> {
        match port {
            Port::Udp(port) => {
                let socket = self.sockets.open_datagrams(SocketAddr::new(self.sockets.bind(), port))?;
                self.opened.insert(port, socket);
                Ok(())
            }
            Port::Tcp(port) => self.sockets.open_listener(port, tcp),
        }
    }

    pub(super) fn keep_secrets(&mut self) {
        self.secrets = Some(Vec::new());
    }

    pub(super) fn take_secrets(&mut self) -> Vec<String> {
        self.secrets.take().unwrap_or_default()
    }

    pub(super) fn take_lines(&mut self) -> impl Iterator<Item = (String, LineCounts)> {
        std::mem::take(&mut self.lines).into_iter()
    }

    /// True if the application has asked for a flush.
    pub(super) fn takes_flush(&mut self) -> bool {
        std::mem::take(&mut self.owes_flush)
    }

    /// Looks at the clock.
    pub(super) fn look(&mut self) -> LocalTime {
        self.instant = LocalTime::from_nanos(u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(u64::MAX));
        self.instant
    }

    /// True if something is left to be done: a timer is set, or a stream is not over.
    pub(super) fn has_work(&self) -> bool {
        !self.timers.is_empty() || self.sockets.has_work()
    }

    pub(super) fn is_over(&mut self, duration: Option<Span>) -> bool {
        let now = self.look();
        duration.is_some_and(|span| now >= LocalTime::ZERO + span)
    }

    /// Opens a socket for datagrams, or takes the one that is open already.
    fn bind(&mut self, address: IpAddr, port: u16) -> io::Result<SocketId> {
        if address == self.sockets.bind()
            && let Some(socket) = self.opened.remove(&port).filter(|_| port != 0)
        {
            return Ok(socket);
        }
        self.sockets.open_datagrams(SocketAddr::new(address, port))
    }

    /// What the application is to be called with, if it comes before the next timer is due.
    pub(super) fn wait(&mut self, duration: Option<Span>) -> io::Result<Option<Input>> {
        let now = self.look();
        let end = duration.map(|span| LocalTime::ZERO + span);
        let next = self.due.first().map(|(at, _)| *at).into_iter().chain(end).chain(self.sockets.deadline()).min();
        let timeout = next.map_or(IDLE, |at| Duration::from_nanos(at.saturating_since(now).as_nanos()));
        let input = self.sockets.next(timeout.min(IDLE), now)?;
        self.look();
        if let Some(Input::Stream(_, peer, StreamEvent::Closed(reason))) = input {
            self.tell_of_end(peer, reason);
        }
        Ok(input)
    }

    /// A connection that ends otherwise than by both ends' will is worth a line.
    fn tell_of_end(&mut self, peer: SocketAddr, reason: CloseReason) {
        let how = match reason {
            CloseReason::Done | CloseReason::Aborted => return,
            CloseReason::Refused => "refused",
            CloseReason::Reset => "reset by the peer",
            CloseReason::TimedOut => "timed out",
            CloseReason::OutOfMemory => "without memory",
            // A layer above has ended it: what the socket had to tell comes before.
            CloseReason::TlsAlert(_) => return,
        };
        self.lines.push_back((format!("{}: TCP connection with {peer}: {how}", self.now()), LineCounts::default()));
    }

    /// The token of a timer that was due at `now`; it is off then.
    pub(super) fn due_timer(&mut self, now: LocalTime) -> Option<u64> {
        let (at, token) = self.due.first().copied()?;
        if at > now {
            return None;
        }
        self.cancel_timer(token);
        Some(token)
    }
}

impl Env for LiveHost {
    fn now(&self) -> LocalTime {
        self.instant
    }

    fn rng(&mut self, purpose: Purpose) -> &mut Stream {
        self.streams.get(purpose)
    }

    // A real processor takes its time by itself, and real memory is the system's.
    fn spend(&mut self, _: Operation) {}

    fn reserve(&mut self, _: u64) -> Result<(), OutOfMemory> {
        Ok(())
    }

    fn release(&mut self, _: u64) {}
}

impl Host for LiveHost {
    fn ask_flush(&mut self) {
        self.owes_flush = true;
    }

    fn observe_secret(&mut self, secret: TlsSecret) {
        if let Some(secrets) = &mut self.secrets {
            secrets.push(secret.to_string());
        }
    }

    fn udp_bind(&mut self, port: u16) -> Result<SocketId, HostError> {
        let taken = if port == 0 { HostError::NoFreePort } else { HostError::PortTaken(port) };
        self.bind(self.sockets.bind(), port).map_err(|_| taken)
    }

    /// Who binds to all addresses is not told them: the standard library does not know them.
    fn addresses(&self) -> Vec<IpAddr> {
        let bind = self.sockets.bind();
        if bind.is_unspecified() { Vec::new() } else { vec![bind] }
    }

    /// At any address that the system has, whether the host was told of it or not.
    fn udp_bind_to(&mut self, address: IpAddr, port: u16) -> Result<SocketId, HostError> {
        self.bind(address, port).map_err(|error| match error.kind() {
            ErrorKind::AddrInUse if port == 0 => HostError::NoFreePort,
            ErrorKind::AddrNotAvailable | ErrorKind::Unsupported => HostError::NoSuchAddress(address),
            _ => HostError::PortTaken(port),
        })
    }

    fn udp_close(&mut self, socket: SocketId) -> Result<(), HostError> {
        self.sockets.close_datagrams(socket)
    }

    fn udp_send(&mut self, socket: SocketId, to: SocketAddr, payload: Rope) -> Result<(), HostError> {
        self.sockets.send_datagram(socket, to, &payload)
    }

    fn udp_local_addr(&self, socket: SocketId, _to: SocketAddr) -> Result<SocketAddr, HostError> {
        self.sockets.local_address(socket)
    }

    fn stream_listen(&mut self, port: u16, options: &StreamOptions) -> Result<(), HostError> {
        self.sockets.listen(port, &options.tcp)
    }

    fn stream_connect(&mut self, to: SocketAddr, options: &StreamOptions) -> Result<StreamId, HostError> {
        let opened = self.sockets.connect(to, &options.tcp, options.early_data.clone());
        if let Err(error) = &opened {
            let why = match error {
                HostError::OutOfMemory => "the system has no socket left for it (`ulimit -n`)".to_owned(),
                error => error.to_string(),
            };
            self.lines.push_back((format!("{}: no TCP connection to {to}: {why}", self.now()), LineCounts::default()));
        }
        opened
    }

    fn stream_write(&mut self, stream: StreamId, data: &Rope) -> Result<u64, HostError> {
        self.sockets.write(stream, data)
    }

    fn stream_read(&mut self, stream: StreamId, most: u64) -> Result<Rope, HostError> {
        self.sockets.read(stream, most)
    }

    fn stream_finish(&mut self, stream: StreamId) -> Result<(), HostError> {
        self.sockets.finish(stream)
    }

    fn stream_close(&mut self, stream: StreamId) -> Result<(), HostError> {
        let now = self.now();
        self.sockets.close(stream, now)
    }

    fn stream_abort(&mut self, stream: StreamId) -> Result<(), HostError> {
        self.sockets.abort(stream)
    }

    /// What the system's TCP does inside, it does not tell: of [`StreamInfo::tcp`] the state, the largest segment and the bytes given
    /// and taken are there, all else is 0 or stands for none.
    fn stream_info(&self, stream: StreamId) -> Result<StreamInfo, HostError> {
        self.sockets.info(stream)
    }

    fn set_timer(&mut self, token: u64, at: LocalTime, _name: &'static str) {
        self.cancel_timer(token);
        self.timers.insert(token, at);
        self.due.insert((at, token));
    }

    fn cancel_timer(&mut self, token: u64) {
        if let Some(at) = self.timers.remove(&token) {
            self.due.remove(&(at, token));
        }
    }

    fn observe(&mut self, observation: Observation) {
        let now = self.now();
        let line = match observation {
            Observation::ExchangeStarted(id) => {
                self.started.insert(id, now);
                (
                    format!("{now}: request {} to {}", id.id, id.server),
                    LineCounts { started: true, ..LineCounts::default() },
                )
            }
            Observation::RequestDelivered(id) => {
                (format!("{now}: request {} from {}", id.id, id.client), LineCounts::default())
            }
            Observation::ResponseBegan(_) => return,
            Observation::ExchangeMoved { from, to } => {
                let since = self.started.remove(&from).unwrap_or(now);
                self.started.insert(*to, since);
                return;
            }
            // Nobody knows when it was sent.
            Observation::Received { .. }
            | Observation::Stream { .. }
            | Observation::TlsSecret(_)
            | Observation::Message(_) => return,
            Observation::ExchangeEnded { exchange, outcome, transmissions } => {
                let since = self.started.remove(&exchange).unwrap_or(now);
                let took = now.saturating_since(since);
                let counts = LineCounts {
                    answered: outcome == Outcome::Response,
                    unwanted: outcome == Outcome::Unanswered,
                    ..LineCounts::default()
                };
                let name = outcome.name();
                let seconds = took.as_secs_f64();
                (
                    format!("exchange {}: {name} after {seconds:.6} s, {transmissions} transmissions", exchange.id),
                    counts,
                )
            }
        };
        self.lines.push_back(line);
    }
}
