//! How a client's requests and responses go over its connections.

use super::cache::{Found, Moments};
use super::client::{CONTINUE, HttpClient, IDLE};
use super::content::{Check, key};
use super::page::DOCUMENT;
use super::pool::{Coming, Connection, Fetch, Open};
use super::wire::{Fields, Method, Part, RequestHead, ResponseHead, Version};
use super::{HttpVersion, PARSE, REQUEST, date, nowhere, outcome_of};
use crate::app::{Host, StreamId, StreamOptions};
use crate::observe::{ExchangeId, Observation, Outcome};
use crate::rope::Rope;
use crate::tcp::{CloseReason, FastOpen};
use protosim_core::{LocalTime, Operation};

/// How often a request is begun anew by itself: a failed retry is none to be tried again (RFC 9110 §9.2.2).
const MOST_RETRIES: u32 = 1;

/// How this end leaves a connection that is of no use any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Parting {
    Close,
    Abort,
    /// It is gone already.
    Gone,
}

impl HttpClient {
    /// Gives what waits to connections, and opens some where that helps.
    pub(super) fn dispatch(&mut self, host: &mut dyn Host) {
        while let Some(next) = self.queue.front() {
            let is_document = next.place == DOCUMENT;
            let may_open = self.pool.len() < self.config.most_connections();
            if let Some(stream) = self.pool.idle() {
                self.send_next(stream, host);
            } else if is_document && self.pool.unbound() > 0 {
                let connecting = self.pool.those(|connection| connection.open.is_empty() && !connection.is_connected);
                connecting.first().into_iter().for_each(|stream| self.send_next(*stream, host));
            } else if is_document && may_open {
                // It has the exchange's name, and so has its connection from the start.
                let Some(fetch) = self.queue.pop_front() else { return };
                if !self.open_for(&fetch, host) {
                    self.failed(Outcome::OutOfMemory, host);
                }
            } else if may_open && self.pool.unbound() < self.queue.len() {
                if !self.open(host) && self.pool.len() == 0 {
                    self.fail_queue(Outcome::OutOfMemory, host);
                } else if self.pool.unbound() == 0 {
                    // Refused: those that there are have to do.
                    return;
                }
            } else if let Some(stream) = self.pool.pipelined(self.config.depth()) {
                self.send_next(stream, host);
            } else {
                return;
            }
        }
    }

    fn send_next(&mut self, stream: StreamId, host: &mut dyn Host) {
        if let Some(fetch) = self.queue.pop_front() {
            self.send(stream, fetch, host);
            self.write(stream, host);
        }
    }

    /// Opens a connection for whatever comes first; false if the host refuses.
    fn open(&mut self, host: &mut dyn Host) -> bool {
        let options = self.options.clone();
        self.connect(&options, host).is_some()
    }

    /// Opens a connection for this request, which may go with the SYN (RFC 7413); false if the host refuses.
    fn open_for(&mut self, fetch: &Fetch, host: &mut dyn Host) -> bool {
        let may_hurry = matches!(self.options.tcp.fast_open, FastOpen::Client | FastOpen::Both);
        let (head, content, _) = self.encoded(fetch, host);
        let mut all = Rope::from(head);
        all.append(&content);
        let early = if may_hurry { all.slice(0, self.options.tcp.send_buffer) } else { Rope::new() };
        let skip = early.len();
        let options = StreamOptions { early_data: early, ..self.options.clone() };
        let Some(stream) = self.connect(&options, host) else { return false };
        self.send(stream, fetch.clone(), host);
        if let Some(connection) = self.pool.get(stream) {
            connection.out.drop_front(skip);
        }
        self.write(stream, host);
        true
    }

    fn connect(&mut self, options: &StreamOptions, host: &mut dyn Host) -> Option<StreamId> {
        let Ok(stream) = host.stream_connect(self.server, options) else {
            self.counts.refused += 1;
            return None;
        };
        self.counts.connections += 1;
        let local = host.stream_info(stream).map_or(nowhere(), |info| info.local);
        self.pool.push(Connection::new(stream, local, host.now()));
        Some(stream)
    }

    /// The fields of a request, without those that ask whether something has changed.
    pub(super) fn fields(&mut self, fetch: &Fetch, host: &mut dyn Host) -> Fields {
        let config = &self.config;
        let mut fields = Fields::new();
        fields.push("Host", config.host_field());
        fields.push("User-Agent", config.user_agent.as_str());
        fields.push("Accept", "*/*");
        config.headers.iter().for_each(|(name, value)| fields.push(name, value.as_str()));
        let path = fetch.target.split('?').next().unwrap_or_default();
        if let Some(cookies) = self.jar.field(path, date(host.now())) {
            fields.push("Cookie", cookies);
        }
        if fetch.method == Method::Post {
            if fetch.expects {
                fields.push("Expect", "100-continue");
            }
            fields.push("Content-Length", fetch.content.to_string());
            fields.push("Content-Type", "application/octet-stream");
        }
        match (config.version, config.is_persistent()) {
            (HttpVersion::Http11, false) => fields.push("Connection", "close"),
            (HttpVersion::Http10, true) => fields.push("Connection", "keep-alive"),
            _ => {}
        }
        fields
    }

    /// A request as bytes: its head, and the content that goes with it at once; and its fields.
    fn encoded(&mut self, fetch: &Fetch, host: &mut dyn Host) -> (Vec<u8>, Rope, Fields) {
        let mut fields = self.fields(fetch, host);
        if self.config.cache
            && let Found::Stale(conditions) = self.cache.find(&fetch.target, &fields, host.now())
        {
            conditions.iter().for_each(|field| fields.push(&*field.name, &*field.value));
        }
        let version = match self.config.version {
            HttpVersion::Http10 => Version::Http10,
            HttpVersion::Http11 => Version::Http11,
        };
        let (method, target) = (fetch.method.clone(), fetch.target.clone());
        let head = RequestHead { method, target, version, fields };
        let content = if fetch.expects { Rope::new() } else { content_of(fetch) };
        (head.encode(), content, head.fields)
    }

    /// Gives a request to a connection.
    fn send(&mut self, stream: StreamId, fetch: Fetch, host: &mut dyn Host) {
        let (head, content, fields) = self.encoded(&fetch, host);
        let server = self.server;
        let Some(connection) = self.pool.get(stream) else { return };
        let id = ExchangeId { client: connection.local, server, id: connection.sent };
        connection.sent += 1;
        if fetch.place == DOCUMENT {
            self.name(id, host);
            self.exchange.iter_mut().for_each(|exchange| exchange.transmissions += 1);
        }
        self.counts.requests += 1;
        host.spend(Operation { name: REQUEST, bytes: head.len() as u64 });
        let Some(connection) = self.pool.get(stream) else { return };
        connection.reader.expect(fetch.method.clone());
        connection.out.push(&Rope::from(head));
        connection.out.push(&content);
        if fetch.expects {
            connection.withheld = Some(content_of(&fetch));
            let wait = self.config.expect_continue.unwrap_or_default();
            host.set_timer(CONTINUE, host.now().saturating_add(wait), "100 Continue");
        }
        let sent = host.now();
        connection.open.push_back(Open { fetch, fields, sent, has_begun: false });
    }

    /// Writes what waits on a connection, as far as the stream takes it.
    pub(super) fn write(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(connection) = self.pool.get(stream) else { return };
        self.counts.refused += u64::from(connection.out.write(stream, host).is_err());
    }

    /// The content that waits for 100 Continue goes.
    pub(super) fn release(&mut self, stream: StreamId, host: &mut dyn Host) {
        host.cancel_timer(CONTINUE);
        let Some(connection) = self.pool.get(stream) else { return };
        if let Some(content) = connection.withheld.take() {
            connection.out.push(&content);
            self.write(stream, host);
        }
    }

    /// Reads what is there, and does what it says.
    pub(super) fn read(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(connection) = self.pool.get(stream) else { return };
        let data = host.stream_read(stream, u64::MAX).unwrap_or_default();
        let (mut parts, had_begun) = (Vec::new(), connection.reader.has_begun());
        let fed = connection.reader.feed(&data, &mut parts);
        // What does not even begin as one, an alert of TLS for instance, is no response.
        if fed.is_ok() || had_begun || !parts.is_empty() {
            self.counts.response_bytes += data.len();
        }
        for part in parts {
            self.take(stream, part, host);
        }
        let Some(connection) = self.pool.get(stream) else { return };
        if fed.is_err() {
            self.counts.unexpected += u64::from(connection.open.is_empty());
            self.lose(stream, Outcome::ErrorResponse, Parting::Abort, host);
        } else if connection.reader.is_in_head() && connection.withheld.is_none() {
            self.hear(stream, host);
        }
    }

    /// The first byte of a response is there.
    fn hear(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(open) = self.pool.get(stream).and_then(|connection| connection.open.front_mut()) else { return };
        if !std::mem::replace(&mut open.has_begun, true)
            && open.fetch.place == DOCUMENT
            && let Some(id) = self.exchange.as_ref().and_then(|exchange| exchange.id)
        {
            host.observe(Observation::ResponseBegan(id));
        }
    }

    fn take(&mut self, stream: StreamId, part: Part<ResponseHead>, host: &mut dyn Host) {
        match part {
            Part::Head(head) => self.take_head(stream, head, host),
            Part::Body(data) => {
                let Some(connection) = self.pool.get(stream) else { return };
                self.counts.content_bytes += data.len();
                if let Some(check) = connection.coming.as_mut().and_then(|coming| coming.check.as_mut()) {
                    self.counts.corrupted_bytes += check.take(&data);
                }
            }
            Part::End { .. } => self.take_end(stream, host),
        }
    }

    fn take_head(&mut self, stream: StreamId, head: ResponseHead, host: &mut dyn Host) {
        host.spend(Operation { name: PARSE, bytes: head.wire_len() });
        if head.status == 100 {
            self.release(stream, host);
        } else if !head.is_interim() {
            self.hear(stream, host);
        }
        let Some(connection) = self.pool.get(stream) else { return };
        if !head.is_interim() && connection.withheld.take().is_some() {
            // RFC 9110 §10.1.1: the content was announced, and does not come.
            connection.is_spoilt = true;
            host.cancel_timer(CONTINUE);
        }
        let Some(open) = connection.open.front() else { return };
        let etag = head.fields.get("etag");
        let check = (head.status == 200).then(|| Check::new(key(&open.fetch.target, etag)));
        if self.config.cookies {
            let path = open.fetch.target.split('?').next().unwrap_or_default();
            self.jar.store(&head.fields, &self.config.host_field(), path, date(host.now()));
        }
        connection.coming = Some(Coming { head, check });
    }

    /// A response is whole.
    fn take_end(&mut self, stream: StreamId, host: &mut dyn Host) {
        let is_persistent = self.config.is_persistent();
        let Some(connection) = self.pool.get(stream) else { return };
        let Some(Coming { head, .. }) = connection.coming.take().filter(|coming| !coming.head.is_interim()) else {
            return;
        };
        let Some(open) = connection.open.pop_front() else { return };
        connection.answered += 1;
        connection.since = host.now();
        // A response that comes before its request has gone says that the rest of it is not wanted.
        let is_cut_short = connection.open.is_empty() && !connection.out.is_empty();
        let goes_on = is_persistent && head.keeps_alive() && !connection.reader.must_close();
        if goes_on && !connection.is_spoilt && !is_cut_short {
            self.arm_idle(host);
        } else {
            // What was pipelined behind it was not processed (RFC 9112 §9.6).
            let unprocessed: Vec<Fetch> = connection.open.drain(..).map(|open| open.fetch).collect();
            self.counts.retries += unprocessed.len() as u64;
            unprocessed.into_iter().rev().for_each(|fetch| self.queue.push_front(fetch));
            self.close(stream, host);
        }
        self.counts.responses += 1;
        self.judge(open, &head, host);
        self.dispatch(host);
    }

    /// What a response means for what was asked.
    fn judge(&mut self, open: Open, head: &ResponseHead, host: &mut dyn Host) {
        let Open { fetch, fields, sent, .. } = open;
        let moments = Moments { sent, came: host.now(), date: date(host.now()) };
        match head.status {
            // RFC 9110 §10.1.1: without the expectation it may be taken.
            417 if fetch.expects => {
                self.counts.retries += 1;
                self.queue.push_front(Fetch { expects: false, ..fetch });
            }
            304 if fields.get("if-none-match").or(fields.get("if-modified-since")).is_some() => {
                self.counts.not_modified += 1;
                self.cache.refresh(&fetch.target, head, moments);
                self.arrived(fetch.place, host);
            }
            400.. => {
                self.counts.errors += 1;
                self.failed(Outcome::ErrorResponse, host);
            }
            _ => {
                if self.config.cache && fetch.method == Method::Get {
                    self.cache.store(&fetch.target, &fields, head, moments);
                }
                self.arrived(fetch.place, host);
            }
        }
    }

    /// A connection has ended while it was needed: what may be asked again is, the rest has failed.
    fn lose(&mut self, stream: StreamId, outcome: Outcome, parting: Parting, host: &mut dyn Host) {
        let Some(connection) = self.pool.remove(stream) else { return };
        match parting {
            // It may be gone already.
            Parting::Abort => drop(host.stream_abort(stream)),
            Parting::Close => drop(host.stream_close(stream)),
            Parting::Gone => {}
        }
        if connection.withheld.is_some() {
            host.cancel_timer(CONTINUE);
        }
        let has_worked = connection.answered > 0;
        let mut again = Vec::new();
        for (index, open) in connection.open.into_iter().enumerate() {
            let Open { fetch, has_begun, .. } = open;
            let may_retry = fetch.method.is_idempotent() && fetch.retries < MOST_RETRIES && (has_worked || index > 0);
            if may_retry && !has_begun {
                self.counts.retries += 1;
                again.push(Fetch { retries: fetch.retries + 1, ..fetch });
            } else {
                self.counts.broken += 1;
                self.failed(outcome, host);
            }
        }
        again.into_iter().rev().for_each(|fetch| self.queue.push_front(fetch));
        self.dispatch(host);
    }

    /// Nothing of what waits can be asked.
    fn fail_queue(&mut self, outcome: Outcome, host: &mut dyn Host) {
        for _ in std::mem::take(&mut self.queue) {
            self.failed(outcome, host);
        }
    }

    pub(super) fn on_connected(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(connection) = self.pool.get(stream) else { return };
        connection.is_connected = true;
        connection.since = host.now();
        self.dispatch(host);
        self.arm_idle(host);
    }

    /// The server has finished: the last response may end with it.
    pub(super) fn on_finished(&mut self, stream: StreamId, host: &mut dyn Host) {
        self.read(stream, host);
        let Some(connection) = self.pool.get(stream) else { return };
        let mut parts = Vec::new();
        // What is cut off is open.
        let _ = connection.reader.finish(&mut parts);
        for part in parts {
            self.take(stream, part, host);
        }
        self.lose(stream, Outcome::ErrorResponse, Parting::Close, host);
    }

    pub(super) fn on_closed(&mut self, stream: StreamId, reason: CloseReason, host: &mut dyn Host) {
        let Some(connection) = self.pool.get(stream) else { return };
        if connection.is_connected || !connection.open.is_empty() {
            return self.lose(stream, outcome_of(reason), Parting::Gone, host);
        }
        // One that was opened for whatever comes first has not come about: the others have to do. To open another one at once would go on
        // for ever.
        self.pool.remove(stream);
        if self.pool.len() == 0 {
            self.fail_queue(outcome_of(reason), host);
        }
    }

    /// This client wants no more of a connection.
    pub(super) fn close(&mut self, stream: StreamId, host: &mut dyn Host) {
        if self.pool.remove(stream).is_some() {
            self.counts.refused += u64::from(host.stream_close(stream).is_err());
        }
    }

    fn arm_idle(&mut self, host: &mut dyn Host) {
        if !std::mem::replace(&mut self.has_idle_timer, true) {
            host.set_timer(IDLE, host.now().saturating_add(self.config.idle_timeout()), "idle connection");
        }
    }

    /// Closes connections that have not been used for long.
    pub(super) fn close_idle(&mut self, host: &mut dyn Host) {
        self.has_idle_timer = false;
        let timeout = self.config.idle_timeout();
        let since = LocalTime::from_nanos(host.now().as_nanos().saturating_sub(timeout.as_nanos()));
        let (over, next) = self.pool.idle_since(since);
        for stream in over {
            self.close(stream, host);
        }
        if let Some(next) = next {
            self.has_idle_timer = true;
            host.set_timer(IDLE, next.saturating_add(timeout), "idle connection");
        }
    }
}

/// The content of a Post.
fn content_of(fetch: &Fetch) -> Rope {
    Rope::fill(key(&fetch.target, None), 0, fetch.content)
}
