//! The host of a live application: real sockets, the real clock.

use crate::run::clock::Stopwatch;
use protosim_core::{Env, LocalTime, Operation, OutOfMemory, Purpose, RunSeed, Span, Stream, Streams};
use protosim_models::app::{Host, HostError, SocketId};
use protosim_models::{ExchangeId, Observation, Outcome, Rope};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// How long to wait when no timer is set.
const IDLE: Duration = Duration::from_millis(200);
/// The largest UDP payload [bytes].
const LARGEST: usize = 65_535;

type Datagram = (SocketId, SocketAddr, Rope);

/// What a line of output counts for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LineCounts {
    pub(super) started: bool,
    pub(super) answered: bool,
}

/// See the module.
pub(super) struct LiveHost {
    bind: IpAddr,
    clock: Stopwatch,
    streams: Streams,
    sockets: Vec<Arc<UdpSocket>>,
    /// Sockets opened ahead, by port.
    opened: BTreeMap<u16, SocketId>,
    incoming: (Sender<Datagram>, Receiver<Datagram>),
    timers: BTreeMap<u64, LocalTime>,
    started: BTreeMap<ExchangeId, LocalTime>,
    lines: VecDeque<(String, LineCounts)>,
    owes_flush: bool,
}

impl LiveHost {
    pub(super) fn new(bind: IpAddr, seed: u64) -> Self {
        Self {
            bind,
            clock: Stopwatch::start(),
            streams: Streams::new(RunSeed { seed, replication: 0 }, "live"),
            sockets: Vec::new(),
            opened: BTreeMap::new(),
            incoming: channel(),
            timers: BTreeMap::new(),
            started: BTreeMap::new(),
            lines: VecDeque::new(),
            owes_flush: false,
        }
    }

    /// Opens a socket ahead of the application's call.
    pub(super) fn open(&mut self, port: u16) -> io::Result<SocketId> {
        let socket = Arc::new(UdpSocket::bind((self.bind, port))?);
        let id = SocketId(self.sockets.len() as u32);
        let (reader, sender) = (Arc::clone(&socket), self.incoming.0.clone());
        // The thread ends with the process: a blocking read cannot be taken back.
        std::thread::spawn(move || {
            let mut buffer = vec![0; LARGEST];
            loop {
                match reader.recv_from(&mut buffer) {
                    Ok((len, from)) => {
                        if sender.send((id, from, Rope::from(buffer[..len].to_vec()))).is_err() {
                            return;
                        }
                    }
                    // An ICMP error about what was sent shows as a refused read; the next one may be a datagram.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                    Err(_) => return,
                }
            }
        });
        self.sockets.push(socket);
        self.opened.insert(port, id);
        Ok(id)
    }

    pub(super) fn take_lines(&mut self) -> impl Iterator<Item = (String, LineCounts)> {
        std::mem::take(&mut self.lines).into_iter()
    }

    /// True if the application has asked for a flush.
    pub(super) fn takes_flush(&mut self) -> bool {
        std::mem::take(&mut self.owes_flush)
    }

    pub(super) fn has_timers(&self) -> bool {
        !self.timers.is_empty()
    }

    pub(super) fn is_over(&self, duration: Option<Span>) -> bool {
        duration.is_some_and(|span| self.now() >= LocalTime::ZERO + span)
    }

    /// A datagram, if one comes before the next timer is due.
    pub(super) fn wait(&self, duration: Option<Span>) -> Option<Datagram> {
        let end = duration.map(|span| LocalTime::ZERO + span);
        let next = self.timers.values().copied().chain(end).min();
        let timeout = next.map_or(IDLE, |at| Duration::from_nanos(at.saturating_since(self.now()).as_nanos()));
        self.incoming.1.recv_timeout(timeout).ok()
    }

    /// The token of a timer that is due; it is off then.
    pub(super) fn due_timer(&mut self) -> Option<u64> {
        let now = self.now();
        let (token, _) = self.timers.iter().filter(|(_, at)| **at <= now).min_by_key(|(token, at)| (**at, **token))?;
        let token = *token;
        self.timers.remove(&token);
        Some(token)
    }
}

impl Env for LiveHost {
    fn now(&self) -> LocalTime {
        LocalTime::from_nanos(u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(u64::MAX))
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

    fn udp_bind(&mut self, port: u16) -> Result<SocketId, HostError> {
        if let Some(socket) = self.opened.remove(&port).filter(|_| port != 0) {
            return Ok(socket);
        }
        let taken = if port == 0 { HostError::NoFreePort } else { HostError::PortTaken(port) };
        let socket = self.open(port).map_err(|_| taken)?;
        self.opened.remove(&port);
        Ok(socket)
    }

    fn udp_send(&mut self, socket: SocketId, to: SocketAddr, payload: Rope) -> Result<(), HostError> {
        let real = self.sockets.get(socket.0 as usize).ok_or(HostError::NoSuchSocket(socket))?;
        if payload.len() > LARGEST as u64 {
            return Err(HostError::TooLarge(payload.len()));
        }
        // As in the simulator, what the network does with it is not the application's to know.
        let _ = real.send_to(&payload.to_bytes(), to);
        Ok(())
    }

    fn udp_local_addr(&self, socket: SocketId, _to: SocketAddr) -> Result<SocketAddr, HostError> {
        let real = self.sockets.get(socket.0 as usize).ok_or(HostError::NoSuchSocket(socket))?;
        real.local_addr().map_err(|_| HostError::NoSuchSocket(socket))
    }

    fn set_timer(&mut self, token: u64, at: LocalTime, _name: &'static str) {
        self.timers.insert(token, at);
    }

    fn cancel_timer(&mut self, token: u64) {
        self.timers.remove(&token);
    }

    fn observe(&mut self, observation: Observation) {
        let now = self.now();
        let line = match observation {
            Observation::ExchangeStarted(id) => {
                self.started.insert(id, now);
                (format!("{now}: request {} to {}", id.id, id.server), LineCounts { started: true, answered: false })
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
            Observation::Received { .. } | Observation::Stream { .. } => return,
            Observation::ExchangeEnded { exchange, outcome, transmissions } => {
                let since = self.started.remove(&exchange).unwrap_or(now);
                let took = now.saturating_since(since);
                let counts = LineCounts { started: false, answered: outcome == Outcome::Response };
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
