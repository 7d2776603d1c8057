//! The real sockets of a live application, none of which blocks: one thread waits for all of them.
//!
//! The system says once that a socket can be read or written, and again only after it could not. So each socket keeps what it was
//! told and gets turns until it is not true any more; a turn is short, and others have theirs before its next one.

use super::options::{SocketOptions, new_socket};
use super::stream::{Refusal, Stream, reason_of};
use mio::net::{TcpListener, TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Token};
use protosim_core::LocalTime;
use protosim_models::Rope;
use protosim_models::app::{HostError, SocketId, StreamEvent, StreamId, StreamInfo};
use protosim_models::tcp::Parameters;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// The largest UDP payload, and what a stream is read by at once \[bytes\].
const LARGEST: usize = 65_535;
/// Datagrams and connections that a socket takes in a turn (our choice).
const TURN: usize = 16;
/// Connections that wait to be accepted; the system may allow fewer.
const BACKLOG: i32 = 4096;
/// Datagrams that wait for the application \[bytes\] (our choice).
const UDP_BUFFER: usize = 4 << 20;
/// How often, and how long each time, a full send buffer of UDP is waited for, as a socket that blocks would.
const SEND_RETRIES: u32 = 1000;
const SEND_PAUSE: Duration = Duration::from_micros(100);

/// The system waits for whole milliseconds (`epoll_wait(2)`); what is shorter is slept, in naps, and sockets are looked at in between.
const FINEST: Duration = Duration::from_millis(1);
const NAP: Duration = Duration::from_micros(50);

/// What the application is to be called with.
#[derive(Debug)]
pub(super) enum Input {
    /// A datagram has come.
    Datagram(SocketId, SocketAddr, Rope),
    /// Something has happened to a stream with this peer.
    Stream(StreamId, SocketAddr, StreamEvent),
}

/// See the module.
pub(super) struct Sockets {
    bind: IpAddr,
    poll: Poll,
    events: Events,
    /// By number; closed ones are gone.
    datagrams: BTreeMap<usize, Datagrams>,
    /// Numbers of sockets are not used again.
    next_datagrams: usize,
    listeners: Vec<Listener>,
    streams: BTreeMap<StreamId, Stream>,
    /// Numbers of streams are not used again.
    next_stream: u32,
    /// Streams that the application has closed: until when their peers' ends are waited for.
    closing: BTreeSet<(LocalTime, StreamId)>,
    /// Who has its turn next, and who after everyone of these and after a look at the system.
    ready: VecDeque<Source>,
    again: VecDeque<Source>,
    inputs: VecDeque<Input>,
    /// Counts calls of the application.
    turn: u64,
    scratch: Vec<u8>,
    options: SocketOptions,
}

#[derive(Debug)]
struct Datagrams {
    socket: UdpSocket,
    is_queued: bool,
}

#[derive(Debug)]
struct Listener {
    socket: TcpListener,
    port: u16,
    /// Of the connections that come; `None` until the application listens.
    parameters: Option<Arc<Parameters>>,
    is_queued: bool,
    /// The system had nothing left to accept a connection with: it is asked again after a while.
    is_short: bool,
}

/// A socket, by its kind and number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    Datagrams(usize),
    Listener(usize),
    Stream(StreamId),
}

impl Source {
    fn token(self) -> Token {
        Token(match self {
            Self::Datagrams(index) => 3 * index,
            Self::Listener(index) => 3 * index + 1,
            Self::Stream(stream) => 3 * stream.0 as usize + 2,
        })
    }

    fn of(Token(token): Token) -> Self {
        match (token % 3, token / 3) {
            (0, index) => Self::Datagrams(index),
            (1, index) => Self::Listener(index),
            (_, number) => Self::Stream(StreamId(number as u32)),
        }
    }
}

impl Sockets {
    /// None yet; they will have the local address `bind`.
    pub(super) fn new(bind: IpAddr, options: SocketOptions) -> io::Result<Self> {
        Ok(Self {
            bind,
            poll: Poll::new()?,
            events: Events::with_capacity(256),
            datagrams: BTreeMap::new(),
            next_datagrams: 0,
            listeners: Vec::new(),
            streams: BTreeMap::new(),
            next_stream: 0,
            closing: BTreeSet::new(),
            ready: VecDeque::new(),
            again: VecDeque::new(),
            inputs: VecDeque::new(),
            turn: 0,
            scratch: vec![0; LARGEST],
            options,
        })
    }

    /// The local address that sockets have if nothing else is said.
    pub(super) fn bind(&self) -> IpAddr {
        self.bind
    }

    /// Opens a socket for datagrams.
    pub(super) fn open_datagrams(&mut self, local: SocketAddr) -> io::Result<SocketId> {
        let mut socket = UdpSocket::bind(local)?;
        // What comes while the application is busy; the system may grant less.
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(UDP_BUFFER);
        let index = self.next_datagrams;
        self.poll.registry().register(&mut socket, Source::Datagrams(index).token(), Interest::READABLE)?;
        self.datagrams.insert(index, Datagrams { socket, is_queued: false });
        self.next_datagrams += 1;
        Ok(SocketId(index as u32))
    }

    /// Closes a socket for datagrams; the application gets none of those that wait for it.
    pub(super) fn close_datagrams(&mut self, id: SocketId) -> Result<(), HostError> {
        let mut closed = self.datagrams.remove(&(id.0 as usize)).ok_or(HostError::NoSuchSocket(id))?;
        // The system forgets it in any case when it is closed.
        let _ = self.poll.registry().deregister(&mut closed.socket);
        self.inputs.retain(|input| !matches!(input, Input::Datagram(socket, ..) if *socket == id));
        Ok(())
    }

    /// Opens a port for connections, which wait until the application listens on it.
    pub(super) fn open_listener(&mut self, port: u16, parameters: &Parameters) -> io::Result<()> {
        let socket = new_socket(self.bind)?;
        // Connections of an earlier server that the system still remembers do not keep the port (on Windows they never do).
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        self.options.apply(&socket, parameters).map_err(|(_, error)| error)?;
        socket.bind(&SocketAddr::new(self.bind, port).into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        let mut socket = TcpListener::from_std(socket.into());
        let source = Source::Listener(self.listeners.len());
        self.poll.registry().register(&mut socket, source.token(), Interest::READABLE)?;
        self.listeners.push(Listener { socket, port, parameters: None, is_queued: false, is_short: false });
        Ok(())
    }

    /// The application takes connections on a port.
    pub(super) fn listen(&mut self, port: u16, parameters: &Arc<Parameters>) -> Result<(), HostError> {
        let known = |listeners: &[Listener]| listeners.iter().position(|listener| listener.port == port);
        let index = match known(&self.listeners) {
            Some(index) if self.listeners[index].parameters.is_some() => return Err(HostError::StreamPortTaken(port)),
            Some(index) => index,
            None => {
                self.open_listener(port, parameters).map_err(|_| HostError::StreamPortTaken(port))?;
                self.listeners.len() - 1
            }
        };
        self.listeners[index].parameters = Some(Arc::clone(parameters));
        self.wake(Source::Listener(index));
        Ok(())
    }

    /// Opens a connection.
    pub(super) fn connect(
        &mut self,
        to: SocketAddr,
        parameters: &Parameters,
        early: Rope,
    ) -> Result<StreamId, HostError> {
        let exhausted = |_: io::Error| HostError::OutOfMemory;
        if to.is_ipv4() != self.bind.is_ipv4() {
            return Err(HostError::NoSourceAddress(to.ip()));
        }
        let socket = new_socket(self.bind).map_err(exhausted)?;
        socket.set_nonblocking(true).map_err(exhausted)?;
        self.options.apply(&socket, parameters).map_err(|(_, error)| exhausted(error))?;
        if !self.bind.is_unspecified() {
            let free = SocketAddr::new(self.bind, 0);
            socket.bind(&free.into()).map_err(|error| no_source(&error, to))?;
        }
        let failure = match socket.connect(&to.into()) {
            Ok(()) => None,
            Err(error) => match error.kind() {
                ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset | ErrorKind::TimedOut => {
                    Some(reason_of(&error))
                }
                ErrorKind::AddrInUse
                | ErrorKind::AddrNotAvailable
                | ErrorKind::HostUnreachable
                | ErrorKind::InvalidInput
                | ErrorKind::NetworkDown
                | ErrorKind::NetworkUnreachable
                | ErrorKind::PermissionDenied => return Err(no_source(&error, to)),
                // It is under way.
                _ => None,
            },
        };
        let local = socket.local_addr().ok().and_then(|address| address.as_socket());
        let local = local.unwrap_or_else(|| SocketAddr::new(self.bind, 0));
        let socket = TcpStream::from_std(socket.into());
        let mut stream = Stream::connecting(socket, [local, to], early, parameters);
        let id = StreamId(self.next_stream);
        self.watch(id, &mut stream).map_err(exhausted)?;
        if let Some(reason) = failure {
            stream.fail(reason);
        }
        self.insert(stream);
        self.wake(Source::Stream(id));
        Ok(id)
    }

    fn watch(&self, id: StreamId, stream: &mut Stream) -> io::Result<()> {
        let interests = Interest::READABLE | Interest::WRITABLE;
        match stream.socket_mut() {
            Some(socket) => self.poll.registry().register(socket, Source::Stream(id).token(), interests),
            None => Ok(()),
        }
    }

    fn insert(&mut self, stream: Stream) {
        self.streams.insert(StreamId(self.next_stream), stream);
        self.next_stream += 1;
    }

    /// True if a stream is there that is not over, or something waits for the application.
    pub(super) fn has_work(&self) -> bool {
        !self.streams.is_empty() || !self.inputs.is_empty()
    }

    /// When a closed stream is given up next.
    pub(super) fn deadline(&self) -> Option<LocalTime> {
        self.closing.first().map(|(at, _)| *at)
    }

    /// What the application is to be called with next, if it comes within `timeout`.
    pub(super) fn next(&mut self, timeout: Duration, now: LocalTime) -> io::Result<Option<Input>> {
        self.turn += 1;
        self.give_up(now);
        if self.inputs.is_empty() && self.ready.is_empty() {
            self.look(if self.again.is_empty() { timeout } else { Duration::ZERO })?;
        }
        while self.inputs.is_empty()
            && let Some(source) = self.ready.pop_front()
        {
            self.serve(source);
        }
        let input = self.inputs.pop_front();
        if let Some(Input::Stream(id, _, StreamEvent::Closed(_))) = input {
            self.streams.remove(&id);
        }
        Ok(input)
    }

    /// Asks the system who can do something.
    fn look(&mut self, timeout: Duration) -> io::Result<()> {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let is_short = !timeout.is_zero() && timeout < FINEST;
        // Rounded down: who has a timer is early rather than late, and waits for the rest.
        let whole = Duration::from_millis(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        let polled = self.poll.poll(&mut events, Some(whole));
        if is_short && events.is_empty() {
            std::thread::sleep(timeout.min(NAP));
        }
        self.ready.append(&mut self.again);
        if polled.is_ok() {
            for event in &events {
                let source = Source::of(event.token());
                if let Source::Stream(id) = source
                    && let Some(stream) = self.streams.get_mut(&id)
                {
                    let is_broken = event.is_error() || event.is_write_closed();
                    stream.may_read |= event.is_readable() || event.is_read_closed() || is_broken;
                    stream.may_write |= event.is_writable() || is_broken;
                    stream.has_error |= is_broken;
                    stream.has_hung_up |= event.is_write_closed();
                }
                self.enqueue(source, true);
            }
        }
        self.events = events;
        for index in 0..self.listeners.len() {
            if std::mem::take(&mut self.listeners[index].is_short) {
                self.enqueue(Source::Listener(index), true);
            }
        }
        match polled {
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// Gives a socket another turn, after everyone else's.
    fn wake(&mut self, source: Source) {
        self.enqueue(source, false);
    }

    fn enqueue(&mut self, source: Source, is_next: bool) {
        let is_queued = match source {
            Source::Datagrams(index) => self.datagrams.get_mut(&index).map(|socket| &mut socket.is_queued),
            Source::Listener(index) => self.listeners.get_mut(index).map(|socket| &mut socket.is_queued),
            Source::Stream(id) => self.streams.get_mut(&id).map(|stream| &mut stream.is_queued),
        };
        if let Some(is_queued) = is_queued
            && !std::mem::replace(is_queued, true)
        {
            if is_next { self.ready.push_back(source) } else { self.again.push_back(source) }
        }
    }

    fn serve(&mut self, source: Source) {
        let wants_turn = match source {
            Source::Datagrams(index) => self.receive(index),
            Source::Listener(index) => self.accept(index),
            Source::Stream(id) => {
                let (inputs, scratch) = (&mut self.inputs, &mut self.scratch);
                self.streams.get_mut(&id).is_some_and(|stream| {
                    stream.is_queued = false;
                    let peer = stream.peer;
                    stream.serve(scratch, &mut |event| inputs.push_back(Input::Stream(id, peer, event)))
                })
            }
        };
        if wants_turn {
            self.wake(source);
        }
    }

    /// Takes datagrams; true if there may be more.
    fn receive(&mut self, index: usize) -> bool {
        let Some(Datagrams { socket, is_queued }) = self.datagrams.get_mut(&index) else { return false };
        *is_queued = false;
        for _ in 0..TURN {
            match socket.recv_from(&mut self.scratch) {
                Ok((len, from)) => {
                    let payload = Rope::from(self.scratch[..len].to_vec());
                    self.inputs.push_back(Input::Datagram(SocketId(index as u32), from, payload));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                // An ICMP error about what was sent shows as a refused read; the next one may be a datagram.
                Err(_) => {}
            }
        }
        true
    }

    /// Takes connections; true if there may be more.
    fn accept(&mut self, index: usize) -> bool {
        let Some(listener) = self.listeners.get_mut(index) else { return false };
        listener.is_queued = false;
        let Some(parameters) = listener.parameters.clone() else { return false };
        let port = listener.port;
        for _ in 0..TURN {
            match self.listeners[index].socket.accept() {
                Ok((socket, peer)) => self.take_in(socket, port, peer, &parameters),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return false,
                    // It was gone before it was accepted.
                    ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted => {}
                    _ => {
                        self.listeners[index].is_short = true;
                        return false;
                    }
                },
            }
        }
        true
    }

    fn take_in(&mut self, socket: TcpStream, port: u16, peer: SocketAddr, parameters: &Parameters) {
        // A connection that is gone already takes no options; it will say so itself.
        let _ = self.options.apply_late(&socket2::SockRef::from(&socket), parameters);
        let local = socket.local_addr().unwrap_or_else(|_| SocketAddr::new(self.bind, port));
        let mut stream = Stream::accepted(socket, [local, peer], parameters);
        let id = StreamId(self.next_stream);
        if self.watch(id, &mut stream).is_err() {
            return;
        }
        self.insert(stream);
        self.inputs.push_back(Input::Stream(id, peer, StreamEvent::Accepted { port, peer }));
        self.wake(Source::Stream(id));
    }

    /// Gives closed streams up whose peers have not ended in time.
    fn give_up(&mut self, now: LocalTime) {
        while let Some((at, id)) = self.closing.first().copied()
            && at <= now
        {
            self.closing.pop_first();
            let _gone = self.with_stream(id, |stream, tell| {
                stream.give_up(tell);
                Ok(())
            });
        }
    }

    /// Calls a stream; what comes of it waits for the application.
    fn with_stream<R>(
        &mut self,
        id: StreamId,
        call: impl FnOnce(&mut Stream, &mut dyn FnMut(StreamEvent)) -> Result<R, Refusal>,
    ) -> Result<R, HostError> {
        let stream = self.streams.get_mut(&id).ok_or(HostError::NoSuchStream(id))?;
        let (inputs, peer) = (&mut self.inputs, stream.peer);
        let result = call(stream, &mut |event| inputs.push_back(Input::Stream(id, peer, event)));
        if stream.wants_turn() {
            self.wake(Source::Stream(id));
        }
        result.map_err(|refusal| match refusal {
            Refusal::Gone => HostError::NoSuchStream(id),
            Refusal::Finished => HostError::StreamFinished(id),
        })
    }

    /// See [`protosim_models::app::Host::stream_write`].
    pub(super) fn write(&mut self, id: StreamId, data: &Rope) -> Result<u64, HostError> {
        let turn = self.turn;
        self.with_stream(id, |stream, _| stream.write(data, turn))
    }

    /// See [`protosim_models::app::Host::stream_read`].
    pub(super) fn read(&mut self, id: StreamId, most: u64) -> Result<Rope, HostError> {
        self.with_stream(id, |stream, tell| stream.read(most, tell))
    }

    /// See [`protosim_models::app::Host::stream_finish`].
    pub(super) fn finish(&mut self, id: StreamId) -> Result<(), HostError> {
        self.with_stream(id, |stream, tell| stream.finish(tell))
    }

    /// See [`protosim_models::app::Host::stream_close`].
    pub(super) fn close(&mut self, id: StreamId, now: LocalTime) -> Result<(), HostError> {
        if let Some(wait) = self.with_stream(id, |stream, tell| stream.close(tell))? {
            self.closing.insert((now.saturating_add(wait), id));
        }
        Ok(())
    }

    /// See [`protosim_models::app::Host::stream_abort`].
    pub(super) fn abort(&mut self, id: StreamId) -> Result<(), HostError> {
        self.with_stream(id, |stream, tell| stream.abort(tell))
    }

    /// See [`protosim_models::app::Host::stream_info`].
    pub(super) fn info(&self, id: StreamId) -> Result<StreamInfo, HostError> {
        let stream = self.streams.get(&id).ok_or(HostError::NoSuchStream(id))?;
        let tcp = stream.info().map_err(|_| HostError::NoSuchStream(id))?;
        Ok(StreamInfo { local: stream.local, peer: stream.peer, tcp })
    }

    /// Sends a datagram. As in the simulator, what the network does with it is not the application's to know.
    pub(super) fn send_datagram(&self, id: SocketId, to: SocketAddr, payload: &Rope) -> Result<(), HostError> {
        let real = &self.datagrams.get(&(id.0 as usize)).ok_or(HostError::NoSuchSocket(id))?.socket;
        if payload.len() > LARGEST as u64 {
            return Err(HostError::TooLarge(payload.len()));
        }
        let bytes = payload.to_bytes();
        for _ in 0..SEND_RETRIES {
            match real.send_to(&bytes, to) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(SEND_PAUSE),
                // The address that it is bound to is gone.
                Err(error) if error.kind() == ErrorKind::AddrNotAvailable => {
                    return Err(HostError::NoSourceAddress(to.ip()));
                }
                _ => break,
            }
        }
        Ok(())
    }

    /// The local end of a socket for datagrams.
    pub(super) fn local_address(&self, id: SocketId) -> Result<SocketAddr, HostError> {
        let real = &self.datagrams.get(&(id.0 as usize)).ok_or(HostError::NoSuchSocket(id))?.socket;
        real.local_addr().map_err(|_| HostError::NoSuchSocket(id))
    }
}

/// Why the system does not even try to reach a peer.
fn no_source(error: &io::Error, to: SocketAddr) -> HostError {
    match error.kind() {
        ErrorKind::AddrInUse => HostError::NoFreeStreamPort,
        _ => HostError::NoSourceAddress(to.ip()),
    }
}
