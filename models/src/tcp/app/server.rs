//! The server of requests over streams.

use super::message::{HEADER_LEN, Inbox, message};
use super::{TcpServerConfig, nowhere, options};
use crate::app::{App, Host, SocketId, StreamEvent, StreamId, Total};
use crate::observe::{ExchangeId, Observation};
use crate::rope::Rope;
use crate::traffic::{Sizes, draw_span};
use protosim_core::{CannotClone, Distribution, Purpose};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Draws of sizes of responses.
const SIZE: Purpose = Purpose("tcp.response.size");
/// Draws of the time that they take.
const TIME: Purpose = Purpose("tcp.response.time");

/// Answers each request with the number that it read; see the module.
///
/// A response is written when it is ready, so that responses on one connection come in that order. When the client has
/// finished, the server finishes after its last response. Who sends anything else is reset.
#[derive(Clone, Debug)]
pub struct TcpServer {
    config: TcpServerConfig,
    sizes: Sizes,
    processing: Distribution,
    streams: BTreeMap<StreamId, Serving>,
    /// Requests that are being processed, by the token of their timer.
    processed: BTreeMap<u64, (StreamId, u64)>,
    /// The next token.
    token: u64,
    counts: Counts,
}

/// A connection.
#[derive(Clone, Debug)]
struct Serving {
    peer: SocketAddr,
    local: SocketAddr,
    inbox: Inbox,
    /// What is to be written when there is room.
    unwritten: Rope,
    /// Requests that are being processed.
    open: u64,
    is_finished: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    connections: u64,
    requests: u64,
    request_bytes: u64,
    responses: u64,
    response_bytes: u64,
    corrupted_bytes: u64,
    malformed: u64,
    refused: u64,
}

impl TcpServer {
    /// A server on `config.port`. `config` has passed its check.
    pub fn new(config: TcpServerConfig) -> Self {
        Self {
            sizes: Sizes::of_messages(&config.response, HEADER_LEN, SIZE),
            processing: config.processing.law(),
            config,
            streams: BTreeMap::new(),
            processed: BTreeMap::new(),
            token: 0,
            counts: Counts::default(),
        }
    }

    /// Reads what is there, and takes the requests that are whole.
    fn read(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(serving) = self.streams.get_mut(&stream) else { return };
        let data = host.stream_read(stream, u64::MAX).unwrap_or_default();
        let (mut requests, corrupted, taken) = (Vec::new(), serving.inbox.corrupted(), serving.inbox.taken());
        let fed = serving.inbox.feed(&data, &mut requests);
        self.counts.request_bytes += serving.inbox.taken() - taken;
        self.counts.corrupted_bytes += serving.inbox.corrupted() - corrupted;
        let (peer, local) = (serving.peer, serving.local);
        for request in requests {
            self.counts.requests += 1;
            host.observe(Observation::RequestDelivered(ExchangeId { client: peer, server: local, id: request.number }));
            self.process(stream, request.number, host);
        }
        if fed.is_err() {
            self.counts.malformed += 1;
            self.streams.remove(&stream);
            self.counts.refused += u64::from(host.stream_abort(stream).is_err());
        }
    }

    fn process(&mut self, stream: StreamId, number: u64, host: &mut dyn Host) {
        if let Some(serving) = self.streams.get_mut(&stream) {
            serving.open += 1;
        }
        let processing = draw_span(&self.processing, TIME, host);
        if processing.is_zero() {
            return self.answer(stream, number, host);
        }
        self.processed.insert(self.token, (stream, number));
        host.set_timer(self.token, host.now().saturating_add(processing), "processing");
        self.token += 1;
    }

    fn answer(&mut self, stream: StreamId, number: u64, host: &mut dyn Host) {
        let Some(serving) = self.streams.get_mut(&stream) else { return };
        serving.open -= 1;
        serving.unwritten.append(&message(number, self.sizes.draw(host)));
        self.counts.responses += 1;
        self.write(stream, host);
    }

    /// Writes what the stream takes. When the client has finished and has all its answers, so does the server.
    fn write(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(serving) = self.streams.get_mut(&stream) else { return };
        if !serving.unwritten.is_empty() {
            let Ok(taken) = host.stream_write(stream, &serving.unwritten) else {
                self.counts.refused += 1;
                return;
            };
            self.counts.response_bytes += taken;
            serving.unwritten = serving.unwritten.slice(taken, u64::MAX);
        }
        if serving.is_finished && serving.open == 0 && serving.unwritten.is_empty() {
            self.streams.remove(&stream);
            self.counts.refused += u64::from(host.stream_close(stream).is_err());
        }
    }
}

impl App for TcpServer {
    fn on_start(&mut self, host: &mut dyn Host) {
        if host.stream_listen(self.config.port, &options(&self.config.tcp)).is_err() {
            self.counts.refused += 1;
        }
    }

    fn on_datagram(&mut self, _: SocketId, _: SocketAddr, _: Rope, _: &mut dyn Host) {}

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        if let Some((stream, number)) = self.processed.remove(&token) {
            self.answer(stream, number, host);
        }
    }

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        match event {
            StreamEvent::Accepted { peer, .. } => {
                self.counts.connections += 1;
                let local = host.stream_info(stream).map_or(nowhere(), |info| info.local);
                let (inbox, unwritten) = (Inbox::default(), Rope::new());
                self.streams.insert(stream, Serving { peer, local, inbox, unwritten, open: 0, is_finished: false });
            }
            StreamEvent::Readable => self.read(stream, host),
            StreamEvent::Writable => self.write(stream, host),
            StreamEvent::Finished => {
                self.read(stream, host);
                if let Some(serving) = self.streams.get_mut(&stream) {
                    serving.is_finished = true;
                    self.write(stream, host);
                }
            }
            StreamEvent::Closed(_) => {
                self.streams.remove(&stream);
                // The number of the stream may be another one's soon: what was for this one is for nobody.
                self.processed.retain(|_, (of, _)| *of != stream);
            }
            StreamEvent::Connected => {}
        }
    }

    /// `malformed_streams` had something else than requests in them. A request that was being processed when its connection broke
    /// has no response.
    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        vec![
            total("connections", self.counts.connections),
            total("requests", self.counts.requests),
            total("request_bytes", self.counts.request_bytes),
            total("responses", self.counts.responses),
            total("response_bytes", self.counts.response_bytes),
            total("corrupted_bytes", self.counts.corrupted_bytes),
            total("malformed_streams", self.counts.malformed),
            total("refused_calls", self.counts.refused),
        ]
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
