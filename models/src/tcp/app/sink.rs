//! The receiver that counts what comes over streams, and checks that it is what was sent.

use super::filling::Filling;
use super::{TcpSinkConfig, nowhere, options};
use crate::app::{App, Host, SocketId, StreamEvent, StreamId, Total};
use crate::observe::{ExchangeId, Observation};
use crate::rope::{Rope, Run};
use protosim_core::{CannotClone, LocalTime};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What an application with a `read_rate` reads at once \[bytes\] (our choice).
const READ_SIZE: u64 = 16 << 10;

/// Reads whatever comes in at its port; see the module.
///
/// The bytes of a stream are one run of virtual bytes from offset 0 on, as [`super::TcpSource`] sends them; everything else is
/// corrupted. Real bytes, as they come over real sockets, have to be those of such a run; which one, the first of them say. A
/// stream that its sender has finished is closed when all of it has been read: by this the sender knows that everything has
/// arrived.
///
/// With a `read_rate` the application reads what is there, 16 KiB at most, and is busy with it for as long as this rate says.
#[derive(Clone, Debug)]
pub struct TcpSink {
    config: TcpSinkConfig,
    streams: BTreeMap<StreamId, Inflow>,
    counts: Counts,
}

/// A stream that comes in.
#[derive(Clone, Copy, Debug)]
struct Inflow {
    peer: SocketAddr,
    local: SocketAddr,
    /// What its bytes are.
    filling: Filling,
    /// Read so far.
    bytes: u64,
    /// Until then the application is busy, or has not begun; `None` if it reads whenever there is something.
    busy_until: Option<LocalTime>,
    /// What the time of the last read was rounded up by ([`protosim_core::Rate::serialise`]).
    carry: u64,
    is_finished: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    connections: u64,
    /// Streams that were read to their end.
    completed: u64,
    /// Streams that ended without it.
    broken: u64,
    payload_bytes: u64,
    corrupted_bytes: u64,
    refused: u64,
}

impl TcpSink {
    /// A receiver on `config.port`. `config` has passed its check.
    pub fn new(config: TcpSinkConfig) -> Self {
        Self { config, streams: BTreeMap::new(), counts: Counts::default() }
    }

    fn accept(&mut self, stream: StreamId, peer: SocketAddr, host: &mut dyn Host) {
        self.counts.connections += 1;
        let local = host.stream_info(stream).map_or(nowhere(), |info| info.local);
        let waits = !self.config.read_after.is_zero();
        let busy_until = waits.then(|| host.now().saturating_add(self.config.read_after));
        if let Some(at) = busy_until {
            host.set_timer(u64::from(stream.0), at, "reading");
        }
        let inflow =
            Inflow { peer, local, filling: Filling::Unknown, bytes: 0, busy_until, carry: 0, is_finished: false };
        self.streams.insert(stream, inflow);
    }

    /// Reads, unless the application is busy.
    fn read(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(inflow) = self.streams.get_mut(&stream) else { return };
        if inflow.busy_until.is_some() {
            return;
        }
        let most = if self.config.read_rate.is_some() { READ_SIZE } else { u64::MAX };
        let data = host.stream_read(stream, most).unwrap_or_default();
        if data.is_empty() {
            if inflow.is_finished {
                self.complete(stream, host);
            }
            return;
        }
        let len = data.len();
        self.counts.payload_bytes += len;
        self.counts.corrupted_bytes += inflow.check(&data);
        host.observe_read(inflow.peer, len);
        if let Some(rate) = self.config.read_rate {
            let (busy, carry) = rate.serialise(len, inflow.carry);
            inflow.carry = carry;
            let until = host.now().saturating_add(busy);
            inflow.busy_until = Some(until);
            host.set_timer(u64::from(stream.0), until, "reading");
        } else if inflow.is_finished {
            self.complete(stream, host);
        }
    }

    /// Everything has been read.
    fn complete(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(inflow) = self.streams.remove(&stream) else { return };
        self.counts.completed += 1;
        if inflow.filling != Filling::Unknown {
            let exchange = ExchangeId { client: inflow.peer, server: inflow.local, id: 0 };
            host.observe(Observation::RequestDelivered(exchange));
        }
        self.counts.refused += u64::from(host.stream_close(stream).is_err());
    }
}

impl Inflow {
    /// Takes what has been read, and says how many bytes of it are not what they should be.
    fn check(&mut self, data: &Rope) -> u64 {
        let mut corrupted = 0;
        for run in data.runs() {
            match run {
                Run::Fill { key, offset, .. } if *offset == self.bytes && self.filling.is_of(*key) => {}
                Run::Fill { len, .. } => corrupted += len,
                Run::Bytes(bytes) => corrupted += self.filling.take(self.bytes, bytes),
            }
            self.bytes += run.len();
        }
        corrupted
    }
}

impl App for TcpSink {
    fn on_start(&mut self, host: &mut dyn Host) {
        if host.stream_listen(self.config.port, &options(&self.config.tcp)).is_err() {
            self.counts.refused += 1;
        }
    }

    fn on_datagram(&mut self, _: SocketId, _: SocketAddr, _: Rope, _: &mut dyn Host) {}

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        let stream = StreamId(token as u32);
        if let Some(inflow) = self.streams.get_mut(&stream) {
            inflow.busy_until = None;
            self.read(stream, host);
        }
    }

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        match event {
            StreamEvent::Accepted { peer, .. } => self.accept(stream, peer, host),
            StreamEvent::Readable => self.read(stream, host),
            StreamEvent::Finished => {
                if let Some(inflow) = self.streams.get_mut(&stream) {
                    inflow.is_finished = true;
                    self.read(stream, host);
                }
            }
            StreamEvent::Closed(_) => {
                if self.streams.remove(&stream).is_some() {
                    host.cancel_timer(u64::from(stream.0));
                    self.counts.broken += 1;
                }
            }
            StreamEvent::Connected | StreamEvent::Writable => {}
        }
    }

    /// `broken_streams` ended before all of them had been read: reset, timed out.
    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        vec![
            total("connections", self.counts.connections),
            total("completed_streams", self.counts.completed),
            total("broken_streams", self.counts.broken),
            total("payload_bytes", self.counts.payload_bytes),
            total("corrupted_bytes", self.counts.corrupted_bytes),
            total("refused_calls", self.counts.refused),
        ]
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
