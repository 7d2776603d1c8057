//! The source of bulk data.

use super::{TcpSourceConfig, nowhere, options, outcome_of};
use crate::app::{App, Host, SocketId, StreamEvent, StreamId, StreamOptions, Total};
use crate::observe::{ExchangeId, Observation, Outcome};
use crate::rope::Rope;
use crate::tcp::{CloseReason, FastOpen};
use protosim_core::{CannotClone, LocalTime, Purpose, Size};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The draws that name the bytes of flows, one for each.
const KEY: Purpose = Purpose("tcp.key");

/// The timer of the end; the timers of flows go by their number.
const STOP: u64 = u64::MAX;

/// Sends virtual bytes over one connection or several, as fast as they take them; see the module.
///
/// The bytes of a flow are one run under a key of its own, from offset 0 on. What a stream does not take is offered again when
/// it has room. A flow that has been written whole is finished; the source then waits until the sink has finished too, which
/// says that it has read everything.
#[derive(Clone, Debug)]
pub struct TcpSource {
    config: TcpSourceConfig,
    destination: SocketAddr,
    options: StreamOptions,
    started: LocalTime,
    flows: Vec<Flow>,
    /// The flow of each stream that is open.
    by_stream: BTreeMap<StreamId, usize>,
    counts: Counts,
    /// Nothing more is written.
    is_stopped: bool,
}

/// One connection's data.
#[derive(Clone, Copy, Debug)]
struct Flow {
    /// Names its bytes.
    key: u32,
    /// Taken by the stream \[bytes\].
    written: u64,
    /// The connection's own end.
    local: SocketAddr,
    is_finished: bool,
    has_ended: bool,
    /// Something has come from the peer, which is no sink then, or not one that understands: an alert of TLS, an error of HTTP.
    is_contradicted: bool,
}

impl Flow {
    /// True if the sink's end means that it has read everything.
    const fn is_done(&self) -> bool {
        self.is_finished && !self.is_contradicted
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Connections that were asked for.
    flows: u64,
    connected: u64,
    completed: u64,
    failed: u64,
    /// Bytes that came from the sink, which has nothing to say.
    unexpected_bytes: u64,
    refused: u64,
}

impl TcpSource {
    /// A source of data for the sink at `destination`. `config` has passed its check.
    pub fn new(config: TcpSourceConfig, destination: SocketAddr) -> Self {
        Self {
            options: options(&config.tcp),
            config,
            destination,
            started: LocalTime::ZERO,
            flows: Vec::new(),
            by_stream: BTreeMap::new(),
            counts: Counts::default(),
            is_stopped: false,
        }
    }

    /// The addresses of its connection say which one it is: its key, a receiver of real bytes would not know.
    fn exchange(&self, flow: &Flow) -> ExchangeId {
        ExchangeId { client: flow.local, server: self.destination, id: 0 }
    }

    /// Opens the connection of a flow, and writes what it takes.
    fn open(&mut self, index: usize, host: &mut dyn Host) {
        if self.is_stopped || index >= self.flows.len() {
            return;
        }
        self.counts.flows += 1;
        let early_data = self.early_data(&self.flows[index]);
        let early_len = early_data.len();
        let options = StreamOptions { early_data, ..self.options.clone() };
        let Ok(stream) = host.stream_connect(self.destination, &options) else {
            self.counts.refused += 1;
            self.counts.failed += 1;
            return;
        };
        self.flows[index].written = early_len;
        self.flows[index].local = host.stream_info(stream).map_or(nowhere(), |info| info.local);
        self.by_stream.insert(stream, index);
        if self.config.bytes.is_some() {
            host.observe(Observation::ExchangeStarted(self.exchange(&self.flows[index])));
        }
        self.write(stream, index, host);
    }

    /// What is given to the connection for its SYN (RFC 7413), if the user has said so: the first write.
    fn early_data(&self, flow: &Flow) -> Rope {
        if !matches!(self.config.tcp.fast_open, Some(FastOpen::Client | FastOpen::Both)) {
            return Rope::new();
        }
        let all = self.config.bytes.map_or(u64::MAX, Size::as_bytes);
        let most = self.config.write_size.as_bytes().min(self.options.tcp.send_buffer);
        Rope::fill(flow.key, 0, most.min(all))
    }

    /// Writes until the stream takes no more, or everything is written.
    fn write(&mut self, stream: StreamId, index: usize, host: &mut dyn Host) {
        let flow = &mut self.flows[index];
        if flow.is_finished {
            return;
        }
        let all = if self.is_stopped { flow.written } else { self.config.bytes.map_or(u64::MAX, Size::as_bytes) };
        while flow.written < all {
            let len = self.config.write_size.as_bytes().min(all - flow.written);
            let Ok(taken) = host.stream_write(stream, &Rope::fill(flow.key, flow.written, len)) else {
                self.counts.refused += 1;
                return;
            };
            flow.written += taken;
            if taken < len {
                return;
            }
        }
        flow.is_finished = true;
        self.counts.refused += u64::from(host.stream_finish(stream).is_err());
    }

    /// A sink has nothing to say. What is left unread would make of the end a reset (RFC 9293 §3.6.1).
    fn read(&mut self, stream: StreamId, index: usize, host: &mut dyn Host) {
        let unexpected = host.stream_read(stream, u64::MAX).map_or(0, |data| data.len());
        self.counts.unexpected_bytes += unexpected;
        self.flows[index].is_contradicted |= unexpected > 0;
    }

    /// A flow is over, one way or the other.
    fn end(&mut self, index: usize, outcome: Outcome, host: &mut dyn Host) {
        let flow = &mut self.flows[index];
        if std::mem::replace(&mut flow.has_ended, true) {
            return;
        }
        match outcome {
            Outcome::Response => self.counts.completed += 1,
            _ => self.counts.failed += 1,
        }
        if self.config.bytes.is_some() {
            let exchange = self.exchange(&self.flows[index]);
            host.observe(Observation::ExchangeEnded { exchange, outcome, transmissions: 1 });
        }
    }
}

impl App for TcpSource {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.started = host.now();
        for index in 0..u64::from(self.config.flows) {
            let key = (host.rng(KEY).next_u64() >> 32) as u32;
            self.flows.push(Flow {
                key,
                written: 0,
                local: nowhere(),
                is_finished: false,
                has_ended: false,
                is_contradicted: false,
            });
            let after = self.config.start.saturating_add(self.config.stagger.saturating_mul(index));
            host.set_timer(index, self.started.saturating_add(after), "connection");
        }
        if let Some(stop) = self.config.stop {
            host.set_timer(STOP, self.started.saturating_add(stop), "stop");
        }
    }

    fn on_datagram(&mut self, _: SocketId, _: SocketAddr, _: Rope, _: &mut dyn Host) {}

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        if token != STOP {
            return self.open(token as usize, host);
        }
        self.is_stopped = true;
        let open: Vec<(StreamId, usize)> = self.by_stream.iter().map(|(stream, index)| (*stream, *index)).collect();
        open.into_iter().for_each(|(stream, index)| self.write(stream, index, host));
    }

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        let Some(index) = self.by_stream.get(&stream).copied() else { return };
        match event {
            StreamEvent::Accepted { .. } => {}
            StreamEvent::Connected => {
                self.counts.connected += 1;
                self.write(stream, index, host);
            }
            StreamEvent::Writable => {
                self.write(stream, index, host);
            }
            StreamEvent::Readable => self.read(stream, index, host),
            StreamEvent::Finished => {
                self.read(stream, index, host);
                let outcome = if self.flows[index].is_done() { Outcome::Response } else { Outcome::ErrorResponse };
                self.end(index, outcome, host);
                self.counts.refused += u64::from(host.stream_close(stream).is_err());
                self.flows[index].is_finished = true;
            }
            StreamEvent::Closed(reason) => {
                self.by_stream.remove(&stream);
                // Both have finished, which may be told at once with the sink's end.
                let is_done = reason == CloseReason::Done && self.flows[index].is_done();
                let outcome = if is_done { Outcome::Response } else { outcome_of(reason) };
                self.end(index, outcome, host);
            }
        }
    }

    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        vec![
            total("flows", self.counts.flows),
            total("connected_flows", self.counts.connected),
            total("completed_flows", self.counts.completed),
            total("failed_flows", self.counts.failed),
            total("written_bytes", self.flows.iter().map(|flow| flow.written).sum()),
            total("unexpected_bytes", self.counts.unexpected_bytes),
            total("refused_calls", self.counts.refused),
        ]
    }

    fn exchanges_due(&self) -> u64 {
        if self.config.bytes.is_some() { self.counts.flows } else { 0 }
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
