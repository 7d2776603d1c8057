//! A host that is played by the input.

use protosim_core::{Env, IdealEnv, LocalTime, Operation, OutOfMemory, Purpose, Stream};
use protosim_models::app::{Host, HostError, SocketId, StreamId, StreamOptions};
use protosim_models::observe::Observation;
use protosim_models::rope::Rope;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// One stream.
pub(crate) struct Open<K> {
    /// What is spoken on it.
    pub(crate) kind: K,
    room: u64,
    pub(crate) waiting: Rope,
    pub(crate) written: Rope,
    pub(crate) is_closed: bool,
}

/// The host.
pub(crate) struct Stage<K> {
    env: IdealEnv,
    now: LocalTime,
    pub(crate) timers: BTreeMap<u64, LocalTime>,
    pub(crate) streams: BTreeMap<StreamId, Open<K>>,
    next: u32,
    /// All that there is \[bytes\].
    memory: u64,
    pub(crate) taken: u64,
}

impl<K: Copy> Stage<K> {
    pub(crate) fn new(memory: u64) -> Self {
        Self {
            env: IdealEnv::new(1),
            now: LocalTime::ZERO,
            timers: BTreeMap::new(),
            streams: BTreeMap::new(),
            next: 0,
            memory,
            taken: 0,
        }
    }

    /// A stream that is there, before the application knows of it.
    pub(crate) fn open_stream(&mut self, kind: K) -> StreamId {
        let stream = StreamId(self.next);
        self.next += 1;
        let open = Open { kind, room: 1 << 16, waiting: Rope::new(), written: Rope::new(), is_closed: false };
        self.streams.insert(stream, open);
        stream
    }

    /// The time of the next timer comes: which one it is.
    pub(crate) fn next_timer(&mut self) -> Option<u64> {
        let (at, token) = self.timers.iter().map(|(token, at)| (*at, *token)).min()?;
        self.timers.remove(&token);
        self.now = self.now.max(at);
        Some(token)
    }

    pub(crate) fn lose_power(&mut self) {
        self.streams.clear();
        self.timers.clear();
        self.taken = 0;
    }

    /// One of the streams that are open.
    pub(crate) fn stream(&self, which: usize) -> Option<(StreamId, K)> {
        let at = which % self.streams.len().max(1);
        self.streams.iter().nth(at).map(|(stream, open)| (*stream, open.kind))
    }

    pub(crate) fn set_room(&mut self, which: usize, room: u64) {
        if let Some((stream, _)) = self.stream(which)
            && let Some(open) = self.streams.get_mut(&stream)
        {
            open.room = room;
        }
    }

    fn open(&mut self, stream: StreamId) -> Result<&mut Open<K>, HostError> {
        self.streams.get_mut(&stream).filter(|open| !open.is_closed).ok_or(HostError::NoSuchStream(stream))
    }
}

impl<K: Copy> Env for Stage<K> {
    fn now(&self) -> LocalTime {
        self.now
    }
    fn rng(&mut self, purpose: Purpose) -> &mut Stream {
        self.env.rng(purpose)
    }
    fn spend(&mut self, _: Operation) {}
    fn reserve(&mut self, bytes: u64) -> Result<(), OutOfMemory> {
        let taken = self.taken + bytes;
        if taken > self.memory {
            return Err(OutOfMemory { wanted: bytes, free: self.memory - self.taken });
        }
        self.taken = taken;
        Ok(())
    }
    fn release(&mut self, bytes: u64) {
        self.taken = self.taken.checked_sub(bytes).expect("what is given back was taken");
    }
}

impl<K: Copy> Host for Stage<K> {
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
    fn stream_listen(&mut self, _: u16, _: &StreamOptions) -> Result<(), HostError> {
        Ok(())
    }
    fn stream_write(&mut self, stream: StreamId, data: &Rope) -> Result<u64, HostError> {
        let open = self.open(stream)?;
        let taken = data.len().min(open.room);
        open.room -= taken;
        open.written.append(&data.slice(0, taken));
        Ok(taken)
    }
    fn stream_read(&mut self, stream: StreamId, most: u64) -> Result<Rope, HostError> {
        let open = self.open(stream)?;
        let data = open.waiting.slice(0, most);
        open.waiting = open.waiting.slice(most, u64::MAX);
        Ok(data)
    }
    fn stream_close(&mut self, stream: StreamId) -> Result<(), HostError> {
        self.open(stream)?.is_closed = true;
        Ok(())
    }
    fn stream_abort(&mut self, stream: StreamId) -> Result<(), HostError> {
        self.open(stream)?.is_closed = true;
        Ok(())
    }
    fn set_timer(&mut self, token: u64, at: LocalTime, _: &'static str) {
        self.timers.insert(token, at);
    }
    fn cancel_timer(&mut self, token: u64) {
        self.timers.remove(&token);
    }
    fn observe(&mut self, _: Observation) {}
}
