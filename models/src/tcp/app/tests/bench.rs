//! A host for one application whose streams are played by the test: how much they take, and what comes from the peer.

use crate::app::{App, Host, HostError, SocketId, StreamEvent, StreamId, StreamInfo, StreamOptions};
use crate::observe::Observation;
use crate::packet::Ecn;
use crate::rope::Rope;
use crate::tcp::{CloseReason, TcpInfo};
use protosim_core::{Env, IdealEnv, LocalTime, Operation, OutOfMemory, Purpose, Stream};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// One stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Played {
    /// All that the application has written.
    pub(crate) written: Rope,
    /// How much more the stream takes.
    pub(crate) room: u64,
    /// What waits to be read.
    pub(crate) waiting: Rope,
    pub(crate) is_finished: bool,
    pub(crate) is_closed: bool,
    pub(crate) is_aborted: bool,
}

/// The host.
#[derive(Debug)]
pub(crate) struct Bench {
    env: IdealEnv,
    now: LocalTime,
    pub(crate) timers: BTreeMap<u64, LocalTime>,
    /// Numbered from 0 in order of opening.
    pub(crate) streams: Vec<Played>,
    pub(crate) listens: Vec<u16>,
    pub(crate) observed: Vec<Observation>,
    /// Room of streams that are opened.
    pub(crate) room: u64,
    /// Refuses connections.
    pub(crate) refuses: bool,
    /// What can be reserved \[bytes\].
    pub(crate) memory: u64,
    pub(crate) reserved: u64,
}

pub(crate) fn local(stream: StreamId) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 50_000 + stream.0 as u16))
}

pub(crate) fn peer() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 2], 5001))
}

impl Bench {
    pub(crate) fn new(room: u64) -> Self {
        Self {
            env: IdealEnv::new(1),
            now: LocalTime::ZERO,
            timers: BTreeMap::new(),
            streams: Vec::new(),
            listens: Vec::new(),
            observed: Vec::new(),
            room,
            refuses: false,
            memory: u64::MAX,
            reserved: 0,
        }
    }

    /// The time of the earliest timer comes, and the application is called.
    pub(crate) fn advance(&mut self, app: &mut dyn App) -> u64 {
        let (token, at) =
            self.timers.iter().map(|(token, at)| (*token, *at)).min_by_key(|(token, at)| (*at, *token)).unwrap();
        self.timers.remove(&token);
        self.now = self.now.max(at);
        app.on_timer(token, self);
        self.now.as_nanos()
    }

    /// Time passes until `at`, with all timers up to then.
    pub(crate) fn pass(&mut self, app: &mut dyn App, at: LocalTime) {
        while self.timers.values().any(|due| *due <= at) {
            self.advance(app);
        }
        self.now = self.now.max(at);
    }

    /// A connection comes in.
    pub(crate) fn accept(&mut self, app: &mut dyn App, port: u16) -> StreamId {
        let stream = self.open();
        app.on_stream(stream, StreamEvent::Accepted { port, peer: peer() }, self);
        stream
    }

    /// Data come in.
    pub(crate) fn receive(&mut self, app: &mut dyn App, stream: u32, data: &Rope) {
        self.streams[stream as usize].waiting.append(data);
        app.on_stream(StreamId(stream), StreamEvent::Readable, self);
    }

    /// The peer has finished.
    pub(crate) fn finish(&mut self, app: &mut dyn App, stream: u32) {
        app.on_stream(StreamId(stream), StreamEvent::Finished, self);
    }

    /// The stream is over.
    pub(crate) fn close(&mut self, app: &mut dyn App, stream: u32, reason: CloseReason) {
        app.on_stream(StreamId(stream), StreamEvent::Closed(reason), self);
    }

    /// There is room for `room` more bytes.
    pub(crate) fn make_room(&mut self, app: &mut dyn App, stream: u32, room: u64) {
        self.streams[stream as usize].room = room;
        app.on_stream(StreamId(stream), StreamEvent::Writable, self);
    }

    fn open(&mut self) -> StreamId {
        self.streams.push(Played { room: self.room, ..Played::default() });
        StreamId(self.streams.len() as u32 - 1)
    }

    fn played(&mut self, stream: StreamId) -> Result<&mut Played, HostError> {
        self.streams.get_mut(stream.0 as usize).ok_or(HostError::NoSuchStream(stream))
    }
}

/// A total of an application.
pub(crate) fn total(app: &dyn App, name: &str) -> u64 {
    let found = app.totals().into_iter().find(|total| total.name == name);
    found.unwrap_or_else(|| panic!("no total {name}")).value
}

impl Env for Bench {
    fn now(&self) -> LocalTime {
        self.now
    }
    fn rng(&mut self, purpose: Purpose) -> &mut Stream {
        self.env.rng(purpose)
    }
    fn spend(&mut self, _: Operation) {}
    fn reserve(&mut self, bytes: u64) -> Result<(), OutOfMemory> {
        let reserved = self.reserved + bytes;
        if reserved > self.memory {
            return Err(OutOfMemory { wanted: bytes, free: self.memory - self.reserved });
        }
        self.reserved = reserved;
        Ok(())
    }
    fn release(&mut self, bytes: u64) {
        self.reserved = self.reserved.checked_sub(bytes).unwrap();
    }
}

impl Host for Bench {
    fn ask_flush(&mut self) {}

    fn udp_bind(&mut self, port: u16) -> Result<SocketId, HostError> {
        Err(HostError::PortTaken(port))
    }
    fn addresses(&self) -> Vec<IpAddr> {
        Vec::new()
    }
    fn udp_bind_to(&mut self, address: IpAddr, _: u16) -> Result<SocketId, HostError> {
        Err(HostError::NoSuchAddress(address))
    }
    fn udp_close(&mut self, socket: SocketId) -> Result<(), HostError> {
        Err(HostError::NoSuchSocket(socket))
    }
    fn udp_send(&mut self, socket: SocketId, _: SocketAddr, _: Rope) -> Result<(), HostError> {
        Err(HostError::NoSuchSocket(socket))
    }
    fn udp_local_addr(&self, socket: SocketId, _: SocketAddr) -> Result<SocketAddr, HostError> {
        Err(HostError::NoSuchSocket(socket))
    }
    fn received_ecn(&self) -> Ecn {
        Ecn::NotEct
    }
    fn observe_read(&mut self, from: SocketAddr, bytes: u64) {
        self.observed.push(Observation::Received { from, sent_at: None, bytes });
    }
    fn stream_listen(&mut self, port: u16, _: &StreamOptions) -> Result<(), HostError> {
        self.listens.push(port);
        Ok(())
    }
    fn stream_connect(&mut self, _: SocketAddr, options: &StreamOptions) -> Result<StreamId, HostError> {
        if self.refuses {
            return Err(HostError::OutOfMemory);
        }
        let stream = self.open();
        self.stream_write(stream, &options.early_data)?;
        Ok(stream)
    }
    fn stream_write(&mut self, stream: StreamId, data: &Rope) -> Result<u64, HostError> {
        let played = self.played(stream)?;
        assert!(!played.is_finished && !played.is_closed && !played.is_aborted, "written after the end");
        let taken = data.len().min(played.room);
        played.room -= taken;
        played.written.append(&data.slice(0, taken));
        Ok(taken)
    }
    fn stream_read(&mut self, stream: StreamId, most: u64) -> Result<Rope, HostError> {
        let played = self.played(stream)?;
        let data = played.waiting.slice(0, most);
        played.waiting = played.waiting.slice(most, u64::MAX);
        Ok(data)
    }
    fn stream_finish(&mut self, stream: StreamId) -> Result<(), HostError> {
        let played = self.played(stream)?;
        assert!(!std::mem::replace(&mut played.is_finished, true), "finished twice");
        Ok(())
    }
    fn stream_close(&mut self, stream: StreamId) -> Result<(), HostError> {
        let played = self.played(stream)?;
        assert!(!std::mem::replace(&mut played.is_closed, true), "closed twice");
        Ok(())
    }
    fn stream_abort(&mut self, stream: StreamId) -> Result<(), HostError> {
        let played = self.played(stream)?;
        assert!(!std::mem::replace(&mut played.is_aborted, true), "aborted twice");
        Ok(())
    }
    fn stream_info(&self, stream: StreamId) -> Result<StreamInfo, HostError> {
        Ok(StreamInfo { local: local(stream), peer: peer(), tcp: TcpInfo::default() })
    }
    fn set_timer(&mut self, token: u64, at: LocalTime, _: &'static str) {
        self.timers.insert(token, at);
    }
    fn cancel_timer(&mut self, token: u64) {
        self.timers.remove(&token);
    }
    fn observe(&mut self, observation: Observation) {
        self.observed.push(observation);
    }
}
