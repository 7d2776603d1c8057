//! The client: exchanges, one after the other, and what they ask for. How requests and responses go over connections is in `transfer`.

use super::cache::{Cache, Found};
use super::cookies::Jar;
use super::page::{DOCUMENT, Page, Pages, Place};
use super::pool::{Fetch, Pool};
use super::wire::Method;
use super::{HttpClientConfig, HttpMethod, nowhere, options};
use crate::app::{App, Host, SocketId, StreamEvent, StreamId, StreamOptions, Total};
use crate::observe::{ExchangeId, Observation, Outcome};
use crate::rope::Rope;
use crate::tcp::FastOpen;
use crate::traffic::{Plan, Sizes, draw_span};
use protosim_core::{CannotClone, Distribution, Purpose};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

/// Draws of sizes of requests' content.
const SIZE: Purpose = Purpose("http.request.size");
/// Draws of the client's thinking.
const THINK: Purpose = Purpose("http.think");
/// Draws of the time that it takes to find objects.
const PARSE_TIME: Purpose = Purpose("http.page.parse");

/// The timer of the open exchange, beside that of its [`Plan`].
const TIMEOUT: u64 = 1;
/// The timer of connections that are not used.
pub(super) const IDLE: u64 = 2;
/// The timer of a content that waits for 100 Continue.
pub(super) const CONTINUE: u64 = 3;
/// The first timer of a part of a page that is parsed.
const PARSING: u64 = 16;

/// Asks for a target or a page, waits until all of it is there, thinks, and asks again; see the module.
#[derive(Clone, Debug)]
pub struct HttpClient {
    pub(super) config: HttpClientConfig,
    pub(super) server: SocketAddr,
    pub(super) options: StreamOptions,
    pages: Option<Pages>,
    /// The page that is loaded each time, where there is a cache.
    page: Option<Page>,
    plan: Plan,
    content: Sizes,
    parse: Distribution,
    pub(super) pool: Pool,
    /// What waits for a connection.
    pub(super) queue: VecDeque<Fetch>,
    pub(super) exchange: Option<Exchange>,
    pub(super) cache: Cache,
    pub(super) jar: Jar,
    /// Parts of the page that are parsed, by the token of their timer.
    parsing: BTreeMap<u64, Place>,
    next_token: u64,
    pub(super) has_idle_timer: bool,
    pub(super) counts: Counts,
}

/// The exchange that is open.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    /// Its name, once its first request has a connection.
    pub(super) id: Option<ExchangeId>,
    page: Option<Page>,
    /// Parts that are known of and have neither come nor failed.
    left: usize,
    /// What went wrong first.
    failure: Option<Outcome>,
    /// Of the first request.
    pub(super) transmissions: u32,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) connections: u64,
    pub(super) requests: u64,
    pub(super) responses: u64,
    pub(super) response_bytes: u64,
    pub(super) content_bytes: u64,
    pub(super) corrupted_bytes: u64,
    pub(super) not_modified: u64,
    pub(super) cache_hits: u64,
    pub(super) errors: u64,
    pub(super) retries: u64,
    timed_out: u64,
    pub(super) broken: u64,
    pub(super) unexpected: u64,
    pub(super) refused: u64,
}

impl HttpClient {
    /// A client of the server at `server`. `config` has passed its check.
    pub fn new(config: HttpClientConfig, server: SocketAddr) -> Self {
        Self {
            options: options(&config.tcp),
            pages: config.page.clone().map(Pages::new),
            page: None,
            content: Sizes::of_messages(&config.request_body(), 0, SIZE),
            plan: Plan::new(config.start, config.stop, config.count, config.think.law()),
            parse: config.page.as_ref().map_or(Distribution::Fixed(0.0), |page| page.parse.law()),
            config,
            server,
            pool: Pool::default(),
            queue: VecDeque::new(),
            exchange: None,
            cache: Cache::default(),
            jar: Jar::default(),
            parsing: BTreeMap::new(),
            next_token: PARSING,
            has_idle_timer: false,
            counts: Counts::default(),
        }
    }

    /// No exchange follows: no connection is needed any longer.
    fn end(&mut self, host: &mut dyn Host) {
        for stream in self.pool.those(|_| true) {
            self.close(stream, host);
        }
        host.cancel_timer(IDLE);
        self.has_idle_timer = false;
    }

    fn begin(&mut self, host: &mut dyn Host) {
        self.plan.begin();
        let kept = self.page.clone().filter(|_| self.config.cache);
        let page = kept.or_else(|| self.pages.as_ref().map(|pages| pages.draw(host)));
        self.page = page.clone();
        let method = match self.config.method {
            HttpMethod::Get => Method::Get,
            HttpMethod::Head => Method::Head,
            HttpMethod::Post => Method::Post,
        };
        let content = if method == Method::Post { self.content.draw(host) } else { 0 };
        let expects = self.config.expect_continue.is_some() && content > 0;
        let target = page.as_ref().map_or(self.config.target().to_owned(), |page| page.target(DOCUMENT));
        self.exchange = Some(Exchange { id: None, page, left: 1, failure: None, transmissions: 0 });
        if matches!(self.config.tcp.fast_open, Some(FastOpen::Client | FastOpen::Both)) {
            // What goes with the first segment is computed before there is a connection to name the exchange by: it begins before that.
            self.name(ExchangeId { client: nowhere(), server: self.server, id: self.plan.begun() }, host);
        }
        host.set_timer(TIMEOUT, host.now().saturating_add(self.config.timeout), "response");
        self.ask(Fetch { place: DOCUMENT, method, target, content, expects, retries: 0 }, host);
        self.dispatch(host);
    }

    /// Gets something, from the cache or by a request that waits for a connection.
    fn ask(&mut self, fetch: Fetch, host: &mut dyn Host) {
        if self.config.cache {
            let fields = self.fields(&fetch, host);
            if self.cache.find(&fetch.target, &fields, host.now()) == Found::Fresh {
                self.counts.cache_hits += 1;
                if self.exchange.as_ref().is_some_and(|exchange| exchange.id.is_none()) {
                    self.name(ExchangeId { client: nowhere(), server: self.server, id: self.plan.begun() }, host);
                }
                return self.arrived(fetch.place, host);
            }
        }
        self.queue.push_back(fetch);
    }

    /// The exchange has this name from now on: that of its first request.
    pub(super) fn name(&mut self, id: ExchangeId, host: &mut dyn Host) {
        let Some(exchange) = &mut self.exchange else { return };
        match exchange.id.replace(id) {
            None => host.observe(Observation::ExchangeStarted(id)),
            Some(from) => host.observe(Observation::ExchangeMoved { from: Box::new(from), to: Box::new(id) }),
        }
    }

    /// A part is there: what is found in it is asked for once it has been parsed.
    pub(super) fn arrived(&mut self, place: Place, host: &mut dyn Host) {
        let Some(exchange) = &mut self.exchange else { return };
        exchange.left -= 1;
        let found = exchange.page.as_ref().map_or(0, |page| page.found_in(place).count());
        exchange.left += found;
        if found == 0 {
            return self.conclude_if_over(host);
        }
        let parse = draw_span(&self.parse, PARSE_TIME, host);
        if parse.is_zero() {
            return self.parsed(place, host);
        }
        self.parsing.insert(self.next_token, place);
        host.set_timer(self.next_token, host.now().saturating_add(parse), "parsing");
        self.next_token += 1;
    }

    fn parsed(&mut self, place: Place, host: &mut dyn Host) {
        let Some(page) = self.exchange.as_ref().and_then(|exchange| exchange.page.clone()) else { return };
        for place in page.found_in(place) {
            let target = page.target(place);
            self.ask(Fetch { place, method: Method::Get, target, content: 0, expects: false, retries: 0 }, host);
        }
    }

    /// A part does not come.
    pub(super) fn failed(&mut self, outcome: Outcome, host: &mut dyn Host) {
        let Some(exchange) = &mut self.exchange else { return };
        exchange.failure.get_or_insert(outcome);
        exchange.left -= 1;
        self.conclude_if_over(host);
    }

    fn conclude_if_over(&mut self, host: &mut dyn Host) {
        if self.exchange.as_ref().is_some_and(|exchange| exchange.left == 0) {
            self.conclude(host);
        }
    }

    /// The open exchange is over.
    fn conclude(&mut self, host: &mut dyn Host) {
        let Some(exchange) = self.exchange.take() else { return };
        host.cancel_timer(TIMEOUT);
        // One that was never named was never sent: no exchange that anyone could see.
        if let Some(id) = exchange.id {
            let (outcome, transmissions) = (exchange.failure.unwrap_or(Outcome::Response), exchange.transmissions);
            host.observe(Observation::ExchangeEnded { exchange: id, outcome, transmissions });
        }
        if !self.plan.rest(THINK, host) {
            self.end(host);
        }
    }

    /// The exchange has taken too long: what is open of it is given up.
    fn time_out(&mut self, host: &mut dyn Host) {
        let Some(exchange) = &mut self.exchange else { return };
        exchange.failure = Some(Outcome::TimedOut);
        self.counts.timed_out += 1;
        self.queue.clear();
        host.cancel_timer(CONTINUE);
        for token in std::mem::take(&mut self.parsing).into_keys() {
            host.cancel_timer(token);
        }
        for stream in self.pool.those(|connection| !connection.open.is_empty()) {
            self.pool.remove(stream);
            // It may be gone already.
            let _ = host.stream_abort(stream);
        }
        self.conclude(host);
    }
}

impl App for HttpClient {
    fn on_start(&mut self, host: &mut dyn Host) {
        if let Some(cookie) = self.config.cookie {
            self.jar = Jar::with("id", cookie.as_bytes());
        }
        if !self.plan.start(host) {
            self.end(host);
        }
    }

    fn on_datagram(&mut self, _: SocketId, _: SocketAddr, _: Rope, _: &mut dyn Host) {}

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        match token {
            Plan::NEXT => self.begin(host),
            TIMEOUT => self.time_out(host),
            IDLE => self.close_idle(host),
            CONTINUE => {
                for stream in self.pool.those(|connection| connection.withheld.is_some()) {
                    self.release(stream, host);
                }
            }
            token => {
                if let Some(place) = self.parsing.remove(&token) {
                    self.parsed(place, host);
                    self.dispatch(host);
                }
            }
        }
    }

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        if self.pool.get(stream).is_none() {
            return;
        }
        match event {
            StreamEvent::Connected => self.on_connected(stream, host),
            StreamEvent::Readable => self.read(stream, host),
            StreamEvent::Writable => self.write(stream, host),
            StreamEvent::Finished => self.on_finished(stream, host),
            StreamEvent::Closed(reason) => self.on_closed(stream, reason, host),
            StreamEvent::Accepted { .. } => {}
        }
    }

    /// `requests` were sent, those that were begun anew (`retries`) included; `cache_hits` were answered without a request;
    /// `error_responses` have codes from 400 on; `broken_requests` ended with their connection; `unexpected_responses` are to no request.
    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        vec![
            total("connections", self.counts.connections),
            total("requests", self.counts.requests),
            total("responses", self.counts.responses),
            total("response_bytes", self.counts.response_bytes),
            total("content_bytes", self.counts.content_bytes),
            total("corrupted_bytes", self.counts.corrupted_bytes),
            total("not_modified_responses", self.counts.not_modified),
            total("cache_hits", self.counts.cache_hits),
            total("error_responses", self.counts.errors),
            total("retries", self.counts.retries),
            total("timed_out", self.counts.timed_out),
            total("broken_requests", self.counts.broken),
            total("unexpected_responses", self.counts.unexpected),
            total("refused_calls", self.counts.refused),
        ]
    }

    fn exchanges_due(&self) -> u64 {
        self.plan.begun()
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
