//! The server.

use super::content::{Check, key};
use super::outbox::Outbox;
use super::respond::{Answer, Content};
use super::wire::{Fault, Part, RequestHead, RequestReader, Version};
use super::{HttpServerConfig, PARSE, RESPOND, nowhere, options};
use crate::app::{App, Host, SocketId, StreamEvent, StreamId, Total};
use crate::observe::{ExchangeId, Observation};
use crate::rope::Rope;
use crate::traffic::{Sizes, draw_span};
use protosim_core::{CannotClone, Distribution, LocalTime, Operation, Purpose, Span};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

/// Draws of sizes of responses.
const SIZE: Purpose = Purpose("http.response.size");
/// Draws of the time that they take.
const TIME: Purpose = Purpose("http.response.time");

/// How long what a client still sends is read and thrown away after the last response, so that no reset overtakes that (RFC 9112 §9.6); nginx's
/// `lingering_timeout`.
const LINGER: Span = Span::from_secs(5);

/// Requests of one connection that may wait: nothing more is read then (our choice).
const MOST_WAITING: usize = 64;

/// What a client that asks for it is told before it sends the content (RFC 9110 §10.1.1).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Answers the requests of each connection in their order; see the module.
#[derive(Clone, Debug)]
pub struct HttpServer {
    config: HttpServerConfig,
    sizes: Sizes,
    processing: Distribution,
    streams: BTreeMap<StreamId, Serving>,
    counts: Counts,
}

/// A connection.
#[derive(Clone, Debug)]
struct Serving {
    peer: SocketAddr,
    local: SocketAddr,
    reader: RequestReader,
    /// Requests whose heads have come.
    begun: u64,
    /// The request whose content is coming.
    coming: Option<Coming>,
    /// What is to be answered, in order.
    waiting: VecDeque<Todo>,
    /// The request that is being processed.
    processed: Option<RequestHead>,
    /// Requests that were answered.
    served: u64,
    out: Outbox,
    /// No further request is taken: after what waits the connection ends.
    is_closing: bool,
    /// This end has finished, and waits for the client to.
    is_lingering: bool,
    /// The client has finished.
    is_finished: bool,
    /// When its current wait began.
    since: LocalTime,
    /// When its timer is due.
    due: Option<LocalTime>,
}

#[derive(Clone, Debug)]
struct Coming {
    head: RequestHead,
    check: Check,
}

#[derive(Clone, Debug)]
enum Todo {
    Request(RequestHead),
    /// 100 Continue.
    Continue,
    /// An error; the connection ends with it.
    Refuse(u16),
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    connections: u64,
    requests: u64,
    request_bytes: u64,
    responses: u64,
    response_bytes: u64,
    not_modified: u64,
    errors: u64,
    malformed: u64,
    corrupted_bytes: u64,
    timed_out: u64,
    refused: u64,
}

/// The timer of a connection's processing.
fn processing_token(stream: StreamId) -> u64 {
    u64::from(stream.0) * 2
}

/// The timer of a connection's waits.
fn wait_token(stream: StreamId) -> u64 {
    processing_token(stream) + 1
}

impl HttpServer {
    /// A server on `config.port`. `config` has passed its check.
    pub fn new(config: HttpServerConfig) -> Self {
        Self {
            sizes: Sizes::of_messages(&config.response, 0, SIZE),
            processing: config.processing.law(),
            config,
            streams: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    fn accept(&mut self, stream: StreamId, peer: SocketAddr, host: &mut dyn Host) {
        self.counts.connections += 1;
        let serving = Serving {
            peer,
            local: host.stream_info(stream).map_or(nowhere(), |info| info.local),
            reader: RequestReader::default(),
            begun: 0,
            coming: None,
            waiting: VecDeque::new(),
            processed: None,
            served: 0,
            out: Outbox::default(),
            is_closing: false,
            is_lingering: false,
            is_finished: false,
            since: host.now(),
            due: None,
        };
        self.streams.insert(stream, serving);
        self.arm(stream, host);
    }

    /// Reads what is there, and does what can be done with it.
    fn read(&mut self, stream: StreamId, host: &mut dyn Host) {
        let is_full = |serving: &Serving| serving.waiting.len() >= MOST_WAITING;
        if self.streams.get(&stream).is_some_and(|serving| !is_full(serving)) {
            self.read_all(stream, host);
            self.proceed(stream, host);
        }
    }

    fn read_all(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(serving) = self.streams.get_mut(&stream) else { return };
        let data = host.stream_read(stream, u64::MAX).unwrap_or_default();
        self.counts.request_bytes += data.len();
        if !serving.is_closing && !data.is_empty() {
            serving.since = host.now();
            let mut parts = Vec::new();
            let fed = serving.reader.feed(&data, &mut parts);
            for part in parts {
                self.take(stream, part, host);
            }
            if let Err(fault) = fed {
                self.refuse(stream, fault);
            }
        }
    }

    fn take(&mut self, stream: StreamId, part: Part<RequestHead>, host: &mut dyn Host) {
        let Some(serving) = self.streams.get_mut(&stream).filter(|serving| !serving.is_closing) else { return };
        match part {
            Part::Head(head) => {
                serving.begun += 1;
                host.spend(Operation { name: PARSE, bytes: head.wire_len() });
                match self.config.expectation(&head) {
                    Ok(false) => {}
                    Ok(true) => serving.waiting.push_back(Todo::Continue),
                    Err(fault) => return self.refuse(stream, fault),
                }
                let check = Check::new(key(&head.target, None));
                serving.coming = Some(Coming { head, check });
            }
            Part::Body(data) => {
                let Some(coming) = &mut serving.coming else { return };
                self.counts.corrupted_bytes += coming.check.take(&data);
                if self.config.max_body.is_some_and(|most| coming.check.len() > most.as_bytes()) {
                    self.refuse(stream, Fault::new(413, "more content than is taken"));
                }
            }
            Part::End { .. } => {
                let Some(coming) = serving.coming.take() else { return };
                self.counts.requests += 1;
                let id = ExchangeId { client: serving.peer, server: serving.local, id: serving.begun - 1 };
                serving.waiting.push_back(Todo::Request(coming.head));
                host.observe(Observation::RequestDelivered(id));
            }
        }
    }

    /// Nothing more is read from a connection after this.
    fn refuse(&mut self, stream: StreamId, fault: Fault) {
        let Some(serving) = self.streams.get_mut(&stream).filter(|serving| !serving.is_closing) else { return };
        self.counts.malformed += u64::from(!matches!(fault.status, 408 | 413 | 417));
        serving.is_closing = true;
        serving.coming = None;
        serving.waiting.push_back(Todo::Refuse(fault.status));
    }

    /// Answers what waits, one after the other: the next one when all of the one before is with the stream.
    fn proceed(&mut self, stream: StreamId, host: &mut dyn Host) {
        loop {
            self.write(stream, host);
            let Some(serving) = self.streams.get_mut(&stream) else { return };
            if serving.processed.is_some() || !serving.out.is_empty() {
                break;
            }
            match serving.waiting.pop_front() {
                None => break,
                Some(Todo::Continue) => serving.out.push(&Rope::from(CONTINUE.to_vec())),
                Some(Todo::Refuse(status)) => {
                    let answer = self.config.refusal(status, false, host);
                    self.send(stream, answer, host);
                }
                Some(Todo::Request(head)) => {
                    let processing = draw_span(&self.processing, TIME, host);
                    if processing.is_zero() {
                        self.answer(stream, &head, host);
                    } else {
                        serving.processed = Some(head);
                        let at = host.now().saturating_add(processing);
                        host.set_timer(processing_token(stream), at, "processing");
                    }
                }
            }
        }
        self.rest(stream, host);
    }

    fn answer(&mut self, stream: StreamId, request: &RequestHead, host: &mut dyn Host) {
        let Some(serving) = self.streams.get_mut(&stream) else { return };
        serving.served += 1;
        let may_go_on = serving.served < self.config.max_requests && !self.config.keep_alive.is_zero();
        let answer = self.config.answer(request, &self.sizes, may_go_on, host);
        self.send(stream, answer, host);
    }

    fn send(&mut self, stream: StreamId, answer: Answer, host: &mut dyn Host) {
        let Some(serving) = self.streams.get_mut(&stream) else { return };
        self.counts.responses += 1;
        self.counts.not_modified += u64::from(answer.head.status == 304);
        self.counts.errors += u64::from(answer.head.status >= 400);
        serving.since = host.now();
        let head = answer.head.encode();
        host.spend(Operation { name: RESPOND, bytes: head.len() as u64 });
        serving.out.push(&Rope::from(head));
        match answer.content {
            Content::Plain(data) => serving.out.push(&data),
            Content::Chunked(chunks) => serving.out.push_chunked(chunks),
        }
        if !answer.keeps_alive {
            // RFC 9112 §9.6: what was asked after this is not answered.
            serving.is_closing = true;
            serving.waiting.clear();
        }
    }

    fn write(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(serving) = self.streams.get_mut(&stream) else { return };
        match serving.out.write(stream, host) {
            Ok(written) => self.counts.response_bytes += written,
            Err(_) => self.counts.refused += 1,
        }
    }

    /// What comes when nothing is left to be done: more requests, or the end.
    fn rest(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(serving) = self.streams.get_mut(&stream) else { return };
        let is_idle = serving.processed.is_none() && serving.out.is_empty() && serving.waiting.is_empty();
        if is_idle && (serving.is_closing || serving.is_finished) {
            if serving.is_finished {
                return self.close(stream, host);
            }
            if !std::mem::replace(&mut serving.is_lingering, true) {
                serving.since = host.now();
                self.counts.refused += u64::from(host.stream_finish(stream).is_err());
            }
        }
        self.arm(stream, host);
    }

    /// The connection is of no use any more.
    fn close(&mut self, stream: StreamId, host: &mut dyn Host) {
        self.forget(stream, host);
        self.counts.refused += u64::from(host.stream_close(stream).is_err());
    }

    /// The number of the stream may be another one's soon: what was for this one is for nobody.
    fn forget(&mut self, stream: StreamId, host: &mut dyn Host) {
        if self.streams.remove(&stream).is_some() {
            host.cancel_timer(processing_token(stream));
            host.cancel_timer(wait_token(stream));
        }
    }

    /// Until when a connection is waited for.
    fn deadline(&self, serving: &Serving) -> Option<LocalTime> {
        let most = if serving.is_lingering {
            LINGER
        } else if serving.processed.is_some() || !serving.out.is_empty() || !serving.waiting.is_empty() {
            return None;
        } else if serving.reader.has_begun() || serving.begun == 0 {
            self.config.request_timeout
        } else {
            self.config.keep_alive
        };
        Some(serving.since.saturating_add(most))
    }

    /// Sets the timer of a connection, where it would be too late; one that is too early is set anew when it is due.
    fn arm(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(deadline) = self.streams.get(&stream).and_then(|serving| self.deadline(serving)) else { return };
        let Some(serving) = self.streams.get_mut(&stream) else { return };
        if serving.due.is_none_or(|due| deadline < due) {
            serving.due = Some(deadline);
            host.set_timer(wait_token(stream), deadline, "connection");
        }
    }

    /// The timer of a connection is due.
    fn on_wait(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(serving) = self.streams.get_mut(&stream) else { return };
        serving.due = None;
        let Some(serving) = self.streams.get(&stream) else { return };
        if self.deadline(serving).is_none_or(|deadline| deadline > host.now()) {
            return self.arm(stream, host);
        }
        if serving.is_lingering {
            return self.close(stream, host);
        }
        self.counts.timed_out += 1;
        if serving.reader.has_begun() {
            self.refuse(stream, Fault::new(408, "a request that does not come"));
        } else if let Some(serving) = self.streams.get_mut(&stream) {
            serving.is_closing = true;
        }
        self.proceed(stream, host);
    }
}

impl HttpServerConfig {
    /// Whether a request is to be told to go on; or that it will not be taken.
    fn expectation(&self, head: &RequestHead) -> Result<bool, Fault> {
        let length = head.fields.content_length().unwrap_or_default();
        if self.max_body.is_some_and(|most| length.is_some_and(|length| length > most.as_bytes())) {
            return Err(Fault::new(413, "more content than is taken"));
        }
        let Some(expected) = head.fields.get("expect").filter(|_| head.version == Version::Http11) else {
            return Ok(false);
        };
        if !expected.eq_ignore_ascii_case(b"100-continue") {
            return Err(Fault::new(417, "an expectation that nobody knows"));
        }
        Ok(head.fields.get("transfer-encoding").is_some() || length.is_some_and(|length| length > 0))
    }
}

impl App for HttpServer {
    fn on_start(&mut self, host: &mut dyn Host) {
        if host.stream_listen(self.config.port(), &options(&self.config.tcp)).is_err() {
            self.counts.refused += 1;
        }
    }

    fn on_datagram(&mut self, _: SocketId, _: SocketAddr, _: Rope, _: &mut dyn Host) {}

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        // Numbers of streams have 32 bits.
        let stream = StreamId((token / 2) as u32);
        if token == wait_token(stream) {
            return self.on_wait(stream, host);
        }
        let processed = self.streams.get_mut(&stream).and_then(|serving| serving.processed.take());
        if let Some(request) = processed {
            self.answer(stream, &request, host);
            self.proceed(stream, host);
            // There may be more than was read before.
            self.read(stream, host);
        }
    }

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        match event {
            StreamEvent::Accepted { peer, .. } => self.accept(stream, peer, host),
            StreamEvent::Readable => self.read(stream, host),
            StreamEvent::Writable => {
                if let Some(serving) = self.streams.get_mut(&stream) {
                    serving.since = host.now();
                }
                self.proceed(stream, host);
                self.read(stream, host);
            }
            StreamEvent::Finished => {
                self.read_all(stream, host);
                if let Some(serving) = self.streams.get_mut(&stream) {
                    serving.is_finished = true;
                    let is_cut_off = !serving.is_closing && serving.reader.finish(&mut Vec::new()).is_err();
                    self.counts.malformed += u64::from(is_cut_off);
                    self.proceed(stream, host);
                }
            }
            StreamEvent::Closed(_) => self.forget(stream, host),
            StreamEvent::Connected => {}
        }
    }

    /// `requests` have come whole, `malformed_requests` cannot be read or were cut off, `error_responses` have codes from 400 on, and
    /// `timed_out_connections` had no request for too long.
    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        vec![
            total("connections", self.counts.connections),
            total("requests", self.counts.requests),
            total("request_bytes", self.counts.request_bytes),
            total("responses", self.counts.responses),
            total("response_bytes", self.counts.response_bytes),
            total("not_modified_responses", self.counts.not_modified),
            total("error_responses", self.counts.errors),
            total("malformed_requests", self.counts.malformed),
            total("corrupted_bytes", self.counts.corrupted_bytes),
            total("timed_out_connections", self.counts.timed_out),
            total("refused_calls", self.counts.refused),
        ]
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
