//! An application that follows a script.

use crate::app::{App, ChannelId, Host, HostError, SocketId, Total};
use crate::rope::Rope;
use protosim_core::{CannotClone, LocalTime, Operation};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

/// What a probe is told to do.
#[derive(Clone, Debug)]
pub(crate) enum Do {
    /// Sends a datagram.
    Send(SocketAddr, Rope),
    /// Sends an echo request.
    Echo(IpAddr, u16, Rope),
    /// Sends a message over the channel of this name, which it asks for if it has not yet.
    Signal(&'static str, Rope),
    /// Occupies the processor.
    Spend(Operation),
    /// Takes memory.
    Reserve(u64),
    /// Sets timers to readings of the clock, in order.
    Timers(Vec<(u64, LocalTime)>),
    /// Takes a timer back.
    Cancel(u64),
    /// Closes its socket.
    Close,
    /// Opens another socket, at an address or at all, in place of the one that it has.
    Open(Option<IpAddr>, u16),
    /// Says which addresses its host has.
    Addresses,
}

/// What a probe has seen.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Event {
    Datagram(SocketAddr, Rope),
    Timer(u64),
    Unreachable(SocketAddr),
    EchoReply(IpAddr, u16, Rope),
    Addresses(Vec<IpAddr>),
    /// A message has come over the channel of this name.
    Signal(&'static str, Rope),
    Flush,
    /// The host has refused something.
    Refused(String),
}

/// What a probe has seen, with the readings of its clock in nanoseconds.
pub(crate) type Log = Arc<Mutex<Vec<(u64, Event)>>>;

/// An application that follows a script.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    port: u16,
    /// What it binds to, if not to all addresses.
    address: Option<IpAddr>,
    script: Vec<(u64, Do)>,
    /// Processor time that each datagram costs before it is answered.
    serves: Option<Operation>,
    log: Log,
    /// The channels that it asks for, as it gets them.
    channels: Vec<(&'static str, Option<ChannelId>)>,
    socket: Option<SocketId>,
}

/// Above all tokens of scripts.
const SCRIPT: u64 = 1 << 32;

impl Probe {
    /// Binds `port` and writes down what it sees.
    pub(crate) fn new(port: u16) -> Self {
        Self { port, ..Self::default() }
    }

    /// As [`Probe::new`], at one address of its host.
    pub(crate) fn at(local: SocketAddr) -> Self {
        Self { port: local.port(), address: Some(local.ip()), ..Self::default() }
    }

    /// Does something when its clock reads `nanos`, those of one reading in the order given.
    pub(crate) fn then(mut self, nanos: u64, what: Do) -> Self {
        self.script.push((nanos, what));
        self
    }

    /// Sends datagrams of `len` bytes, all at once.
    pub(crate) fn burst(mut self, nanos: u64, to: SocketAddr, len: u64, count: u64) -> Self {
        let send = |index| (nanos, Do::Send(to, Rope::fill(0, index * len, len)));
        self.script.extend((0..count).map(send));
        self
    }

    /// Answers every datagram with its own payload, after `operation`.
    pub(crate) fn serving(mut self, operation: Operation) -> Self {
        self.serves = Some(operation);
        self
    }

    /// Asks for a channel at its start, and writes down what comes over it.
    pub(crate) fn hearing(mut self, channel: &'static str) -> Self {
        self.channels.push((channel, None));
        self
    }

    /// What it sees, to be read after the run.
    pub(crate) fn log(&self) -> Log {
        self.log.clone()
    }

    fn note(&self, event: Event, host: &mut dyn Host) {
        self.log.lock().unwrap().push((host.now().as_nanos(), event));
    }

    fn act(&mut self, what: Do, host: &mut dyn Host) {
        let socket = self.socket.unwrap();
        let refused = match what {
            Do::Send(to, payload) => host.udp_send(socket, to, payload).err().map(|e| e.to_string()),
            Do::Echo(to, sequence, payload) => host.echo_request(to, sequence, payload).err().map(|e| e.to_string()),
            Do::Signal(name, message) => {
                if !self.channels.iter().any(|(own, _)| *own == name) {
                    self.channels.push((name, host.channel(name)));
                }
                match self.channels.iter().find(|(own, _)| *own == name) {
                    Some((_, Some(channel))) => host.signal(*channel, message).err().map(|e| e.to_string()),
                    _ => Some(format!("no channel `{name}`")),
                }
            }
            Do::Reserve(bytes) => host.reserve(bytes).err().map(|e| e.to_string()),
            Do::Spend(operation) => {
                host.spend(operation);
                None
            }
            Do::Timers(timers) => {
                timers.into_iter().for_each(|(token, at)| host.set_timer(token, at, "probe"));
                None
            }
            Do::Cancel(token) => {
                host.cancel_timer(token);
                None
            }
            Do::Close => host.udp_close(socket).err().map(|e| e.to_string()),
            Do::Open(address, port) => match open(host, address, port) {
                Ok(socket) => {
                    self.socket = Some(socket);
                    None
                }
                Err(error) => Some(error.to_string()),
            },
            Do::Addresses => {
                self.note(Event::Addresses(host.addresses()), host);
                None
            }
        };
        if let Some(reason) = refused {
            self.note(Event::Refused(reason), host);
        }
    }
}

fn open(host: &mut dyn Host, address: Option<IpAddr>, port: u16) -> Result<SocketId, HostError> {
    match address {
        None => host.udp_bind(port),
        Some(address) => host.udp_bind_to(address, port),
    }
}

/// Everything in a log but flushes.
pub(crate) fn events(log: &Log) -> Vec<(u64, Event)> {
    log.lock().unwrap().iter().filter(|(_, event)| *event != Event::Flush).cloned().collect()
}

impl App for Probe {
    fn on_start(&mut self, host: &mut dyn Host) {
        host.ask_flush();
        self.socket = Some(open(host, self.address, self.port).unwrap());
        for (name, channel) in &mut self.channels {
            *channel = host.channel(name);
        }
        let mut times: Vec<u64> = self.script.iter().map(|(nanos, _)| *nanos).collect();
        times.sort_unstable();
        times.dedup();
        for nanos in times {
            if nanos <= host.now().as_nanos() {
                self.on_timer(SCRIPT + nanos, host);
            } else {
                host.set_timer(SCRIPT + nanos, LocalTime::from_nanos(nanos), "script");
            }
        }
    }

    fn on_datagram(&mut self, socket: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host) {
        host.ask_flush();
        self.note(Event::Datagram(from, payload.clone()), host);
        if let Some(operation) = self.serves {
            host.spend(operation);
            host.udp_send(socket, from, payload).unwrap();
        }
    }

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        host.ask_flush();
        if token < SCRIPT {
            return self.note(Event::Timer(token), host);
        }
        let due = self.script.iter().filter(|(nanos, _)| SCRIPT + nanos == token).map(|(_, what)| what.clone());
        for what in due.collect::<Vec<_>>() {
            self.act(what, host);
        }
    }

    fn on_unreachable(&mut self, _: SocketId, to: SocketAddr, host: &mut dyn Host) {
        host.ask_flush();
        self.note(Event::Unreachable(to), host);
    }

    fn on_echo_reply(&mut self, from: IpAddr, sequence: u16, payload: Rope, host: &mut dyn Host) {
        host.ask_flush();
        self.note(Event::EchoReply(from, sequence, payload), host);
    }

    fn on_signal(&mut self, channel: ChannelId, message: Rope, host: &mut dyn Host) {
        host.ask_flush();
        let (name, _) = self.channels.iter().find(|(_, own)| *own == Some(channel)).unwrap();
        self.note(Event::Signal(name, message), host);
    }

    fn on_flush(&mut self, host: &mut dyn Host) {
        self.note(Event::Flush, host);
    }

    fn totals(&self) -> Vec<Total> {
        let datagrams = events(&self.log).iter().filter(|(_, event)| matches!(event, Event::Datagram(..))).count();
        vec![Total { name: "datagrams", value: datagrams as u64 }]
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        let log = Arc::new(Mutex::new(self.log.lock().unwrap().clone()));
        Ok(Box::new(Self { script: self.script.clone(), log, channels: self.channels.clone(), ..*self }))
    }
}
