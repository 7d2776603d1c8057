//! The proxy application: it asks servers on behalf of clients, and keeps what they say (RFC 7252 §5.6, §5.7).

mod cache;
mod request;

use super::config::{NextNumber, ProxyConfig, exchange_token};
use super::driver::Driver;
use super::endpoint::{
    Cause, Command, EndpointConfig, NOTIFICATION_GAP, Notice, PROBING_RATE, RELAY_OPTIONS, RequestHandle,
};
use super::wire::{Code, Message, MessageId, OptionNumber, Options, Token, Type};
use crate::CannotClone;
use crate::app::{App, Host, SocketId, Total};
use crate::observe::{ExchangeId, Observation, Outcome};
use crate::rope::Rope;
use bytes::Bytes;
use cache::{Cache, Found, Key, Target};
use request::Asked;
use std::any::Any;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Passes requests on to the servers that they name, from its own port, and their answers back.
///
/// ```text
///  request ─names a server─▶ GET ─fresh response stored─▶ answered from the cache, Max-Age less its age
///     │                       ├─the same is under way─▶ waits for its answer
///     │                       └─else, and other methods─▶ asked of the server; of a stored one that is stale, with its ETag
///     └─else─▶ 4.04, 4.00, 5.02, 5.05, 5.08                    │
///                                                              ├─2.03─▶ the stored one is fresh again, and the answer
///   5.04 ◀──no answer──────────────────────────────────────────┼─2.05 or an error─▶ the answer, and kept
///   5.02 ◀──Reset, or an answer that cannot be passed on───────┴─2.01, 2.02, 2.04─▶ the answer; what is stored is stale
/// ```
///
/// What it asks servers are exchanges of this application. A client's exchange with it counts as delivered when its request has come here.
#[derive(Clone, Debug)]
pub struct Proxy {
    config: ProxyConfig,
    driver: Driver,
    cache: Cache,
    /// Requests to servers that are not over.
    pending: BTreeMap<Token, Pending>,
    /// Those of them that others may wait for.
    under_way: BTreeMap<Key, Token>,
    /// Requests to servers so far; the number of the next one.
    asked: u64,
    /// The number of the first of them: numbers, which are their tokens, go on after a loss of power, as a client's do.
    first: u32,
    counts: Counts,
}

/// A request to a server.
#[derive(Clone, Debug)]
struct Pending {
    target: Target,
    method: Code,
    confirmable: bool,
    /// As they are passed on, without a validator of ours.
    options: Options,
    payload: Rope,
    /// What its response is kept by, if it may be.
    key: Option<Key>,
    /// It asks whether the stored response of this ETag is valid.
    validates: Option<Bytes>,
    /// The resource has been changed since: what comes may be older.
    is_outdated: bool,
    /// Who gets the answer.
    waiting: Vec<Waiter>,
}

/// A client that waits for an answer.
#[derive(Clone, Debug)]
struct Waiter {
    request: RequestHandle,
    /// What it has stored itself, where the cache answers.
    etags: Vec<Bytes>,
    /// Classes of responses that it does not want (RFC 7967), as bits.
    unwanted: u32,
}

/// What has become of requests.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    requests: u64,
    refused: u64,
    hits: u64,
    joined: u64,
    misses: u64,
    stale: u64,
    revalidated: u64,
    passed: u64,
    outdated: u64,
    timed_out: u64,
    bad_gateways: u64,
    out_of_memory: u64,
}

impl Proxy {
    /// A proxy; `config` has passed [`ProxyConfig::check`].
    pub fn new(config: ProxyConfig) -> Self {
        let parameters = config.transmission.parameters();
        let driver = Driver::new(EndpointConfig {
            parameters,
            nstart: config.nstart.unwrap_or(1),
            response_wait: config.response_wait.unwrap_or(parameters.max_rtt()),
            piggyback_limit: config.piggyback_limit(),
            understood: RELAY_OPTIONS,
            relays: true,
            notification_gap: NOTIFICATION_GAP,
            probing_rate: Some(PROBING_RATE),
        });
        let cache = Cache::new(config.cache_size(), config.cache_entries);
        Self {
            config,
            driver,
            cache,
            pending: BTreeMap::new(),
            under_way: BTreeMap::new(),
            asked: 0,
            first: 0,
            counts: Counts::default(),
        }
    }

    /// True if every request has been answered, and nothing is under way.
    pub fn is_at_rest(&self) -> bool {
        self.pending.is_empty() && self.driver.is_at_rest()
    }

    /// How many responses are stored, and what they take \[bytes\].
    pub fn stored(&self) -> (usize, u64) {
        (self.cache.len(), self.cache.bytes())
    }

    fn finish(&mut self, host: &mut dyn Host) {
        while let Some(notice) = self.driver.next_notice() {
            self.on_notice(notice, host);
        }
        self.driver.set_timer(None, host);
    }

    fn on_notice(&mut self, notice: Notice, host: &mut dyn Host) {
        match notice {
            Notice::RequestReceived { request, peer, message, to_group } => {
                if to_group {
                    // RFC 7252 §8.2: nothing useful is to be said.
                    return self.abandon(request, host);
                }
                self.on_request(request, peer, &message, host);
            }
            Notice::RequestSent { peer, token } => {
                host.observe(Observation::ExchangeStarted(self.exchange(peer, token, host)));
            }
            Notice::ResponseReceived { peer, token, response, transmissions } => {
                let outcome = if response.code.is_error() { Outcome::ErrorResponse } else { Outcome::Response };
                self.end(peer, token, outcome, transmissions, host);
                self.on_response(token, response, host);
            }
            Notice::Failed { peer, token, cause, transmissions } => {
                let (outcome, code) = match cause {
                    Cause::TimedOut => (Outcome::TimedOut, Code::GATEWAY_TIMEOUT),
                    Cause::Reset => (Outcome::Reset, Code::BAD_GATEWAY),
                };
                self.end(peer, token, outcome, transmissions, host);
                if let Some(pending) = self.take(token) {
                    self.fail(pending.waiting, code, host);
                }
            }
            // It observes nothing and notifies nobody; a separate response that fails concerns the client alone.
            _ => {}
        }
    }

    fn on_request(&mut self, request: RequestHandle, peer: SocketAddr, message: &Message, host: &mut dyn Host) {
        let options = &message.options;
        let block = |number| options.block(number).ok().flatten();
        let is_part = block(OptionNumber::BLOCK2).is_some_and(|block| block.number > 0)
            || block(OptionNumber::BLOCK1).is_some_and(|block| block.more);
        if !is_part {
            let server = self.driver.local_addr(peer, host);
            let exchange = ExchangeId { client: peer, server, id: message.token.as_number() };
            host.observe(Observation::RequestDelivered(exchange));
        }
        let unwanted = options.uint(OptionNumber::NO_RESPONSE).unwrap_or(0);
        let mut waiter = Waiter { request, etags: Vec::new(), unwanted };
        let (origin, options) = match request::read(message, self.config.port()) {
            Asked::Origin(origin, _)
                if origin.port() == self.config.port() && host.addresses().contains(&origin.ip()) =>
            {
                return self.refuse(&waiter, Code::NOT_FOUND, host);
            }
            Asked::Origin(origin, options) => (origin, options),
            // There is nothing here beside what others have.
            Asked::Own => return self.refuse(&waiter, Code::NOT_FOUND, host),
            Asked::Refused(code) => return self.refuse(&waiter, code, host),
        };
        self.counts.requests += 1;
        let mut pending = Pending {
            target: request::target(origin, &options),
            method: message.code,
            confirmable: message.message_type == Type::Confirmable,
            options,
            payload: message.payload.clone(),
            key: None,
            validates: None,
            is_outdated: false,
            waiting: Vec::new(),
        };
        if !self.config.caches || message.code != Code::GET || !message.payload.is_empty() {
            self.counts.passed += 1;
            pending.waiting.push(waiter);
            return self.ask(pending, host);
        }
        let key = request::key(origin, &pending.options);
        // Which state a client has is looked at when there is an answer; the server is asked about what is stored here.
        waiter.etags = pending.options.all(OptionNumber::ETAG).cloned().collect();
        pending.options.remove(OptionNumber::ETAG);
        let found = self.cache.look_up(&key, host.now());
        if let Found::Fresh(response) = found {
            self.counts.hits += 1;
            return self.answer(&waiter, &response, host);
        }
        if let Some(other) = self.under_way.get(&key).and_then(|token| self.pending.get_mut(token)) {
            self.counts.joined += 1;
            return other.waiting.push(waiter);
        }
        self.counts.misses += 1;
        if let Found::Stale(etag) = found {
            self.counts.stale += 1;
            pending.validates = etag;
        }
        pending.key = Some(key);
        pending.waiting.push(waiter);
        self.ask(pending, host);
    }

    /// As many as tokens of four bytes; those before are over long since.
    const fn next_number(&self) -> u32 {
        self.first.wrapping_add(self.asked as u32)
    }

    /// Asks the server.
    fn ask(&mut self, pending: Pending, host: &mut dyn Host) {
        let token = exchange_token(self.next_number());
        self.asked += 1;
        let mut options = pending.options.clone();
        if let Some(etag) = &pending.validates {
            options.add(OptionNumber::ETAG, etag.clone());
        }
        let Pending { method, confirmable, ref payload, .. } = pending;
        let (peer, payload) = (pending.target.origin, payload.clone());
        if let Some(key) = &pending.key {
            self.under_way.insert(key.clone(), token);
        }
        self.pending.insert(token, pending);
        let command = Command::Request { peer, token, confirmable, method, options, payload };
        if self.driver.command(command, host).is_err() {
            self.counts.out_of_memory += 1;
            host.observe(Observation::ExchangeStarted(self.exchange(peer, token, host)));
            self.end(peer, token, Outcome::OutOfMemory, 0, host);
            if let Some(pending) = self.take(token) {
                self.fail(pending.waiting, Code::SERVICE_UNAVAILABLE, host);
            }
        }
    }

    /// A request to a server is over, and nobody else waits for it.
    fn take(&mut self, token: Token) -> Option<Pending> {
        let pending = self.pending.remove(&token)?;
        if let Some(key) = pending.key.as_ref().filter(|key| self.under_way.get(key) == Some(&token)) {
            self.under_way.remove(key);
        }
        Some(pending)
    }

    fn on_response(&mut self, token: Token, mut response: Message, host: &mut dyn Host) {
        let Some(mut pending) = self.take(token) else { return };
        // Nobody observes through this proxy.
        response.options.remove(OptionNumber::OBSERVE);
        if !can_pass(&pending, &response) {
            return self.fail(pending.waiting, Code::BAD_GATEWAY, host);
        }
        if response.code == Code::VALID
            && let Some(key) = pending.key.clone()
        {
            let renewed = if pending.is_outdated { None } else { self.cache.renew(&key, &response, host) };
            let Some(stored) = renewed else {
                // What is valid has made room for others, or is not what it was: the whole is needed.
                pending.validates = None;
                pending.is_outdated = false;
                return self.ask(pending, host);
            };
            self.counts.revalidated += 1;
            return pending.waiting.iter().for_each(|waiter| self.answer(waiter, &stored, host));
        }
        if matches!(response.code, Code::CREATED | Code::DELETED | Code::CHANGED) && pending.method != Code::GET {
            self.outdate(&pending, &response);
        }
        if let Some(key) = pending.key.take().filter(|_| !pending.is_outdated) {
            self.cache.store(key, &response, host);
        }
        pending.waiting.iter().for_each(|waiter| self.answer(waiter, &response, host));
    }

    /// What an unsafe request has changed is not fresh any more, nor is what is under way (RFC 7252 §5.9.1).
    fn outdate(&mut self, pending: &Pending, response: &Message) {
        let created = request::created(pending.target.origin, &response.options);
        let target = created.filter(|_| response.code == Code::CREATED).unwrap_or_else(|| pending.target.clone());
        self.counts.outdated += self.cache.outdate(&target);
        for pending in self.pending.values_mut().filter(|pending| pending.target == target) {
            pending.is_outdated = true;
        }
        self.under_way.retain(|key, _| key.target != target);
    }

    /// Answers a client with a response of a server, new or stored.
    fn answer(&mut self, waiter: &Waiter, response: &Message, host: &mut dyn Host) {
        let etag = response.options.first(OptionNumber::ETAG);
        let has_it = response.code == Code::CONTENT && etag.is_some_and(|etag| waiter.etags.contains(etag));
        if !has_it {
            return self.respond(waiter, response, host);
        }
        // RFC 7252 §5.10.6.2: the client has it already.
        let mut valid = Message { code: Code::VALID, ..Message::empty(Type::Acknowledgement, MessageId(0)) };
        for number in [OptionNumber::ETAG, OptionNumber::MAX_AGE] {
            response.options.all(number).for_each(|value| valid.options.add(number, value.clone()));
        }
        self.respond(waiter, &valid, host);
    }

    /// Answers requests that have come to nothing.
    fn fail(&mut self, waiting: Vec<Waiter>, code: Code, host: &mut dyn Host) {
        let clients = waiting.len() as u64;
        match code {
            Code::GATEWAY_TIMEOUT => self.counts.timed_out += clients,
            Code::BAD_GATEWAY => self.counts.bad_gateways += clients,
            _ => {}
        }
        waiting.iter().for_each(|waiter| self.respond(waiter, &bare(code), host));
    }

    /// Answers a request that goes nowhere.
    fn refuse(&mut self, waiter: &Waiter, code: Code, host: &mut dyn Host) {
        self.counts.refused += 1;
        self.respond(waiter, &bare(code), host);
    }

    fn respond(&mut self, waiter: &Waiter, response: &Message, host: &mut dyn Host) {
        let (request, code) = (waiter.request, response.code);
        if waiter.unwanted >> (code.class() - 1) & 1 == 1 {
            return self.abandon(request, host);
        }
        let (options, payload) = (response.options.clone(), response.payload.clone());
        if self.driver.command(Command::Respond { request, code, options, payload }, host).is_err() {
            // Out of memory for a separate response: the client does without.
            self.abandon(request, host);
        }
    }

    fn abandon(&mut self, request: RequestHandle, host: &mut dyn Host) {
        let _known = self.driver.command(Command::Abandon { request }, host);
    }

    fn end(&self, peer: SocketAddr, token: Token, outcome: Outcome, transmissions: u32, host: &mut dyn Host) {
        let exchange = self.exchange(peer, token, host);
        host.observe(Observation::ExchangeEnded { exchange, outcome, transmissions });
    }

    fn exchange(&self, server: SocketAddr, token: Token, host: &dyn Host) -> ExchangeId {
        ExchangeId { client: self.driver.local_addr(server, host), server, id: token.as_number() }
    }
}

/// A message that says no more than a code.
fn bare(code: Code) -> Message {
    Message { code, ..Message::empty(Type::Acknowledgement, MessageId(0)) }
}

/// True if a response can be passed on (RFC 7252 §5.4.2, §5.7.1), and makes sense as an answer to what was asked.
fn can_pass(pending: &Pending, response: &Message) -> bool {
    let answers_validation = || {
        let etag = response.options.first(OptionNumber::ETAG);
        // Without a cache it is the client that has asked by ETag.
        let asked = if pending.key.is_some() { pending.validates.as_ref() } else { etag };
        etag.is_some() && etag == asked
    };
    response.options.unrecognised_unsafe(RELAY_OPTIONS).is_none()
        && match response.code {
            Code::VALID => pending.method == Code::GET && answers_validation(),
            Code::CONTINUE => pending.options.first(OptionNumber::BLOCK1).is_some(),
            code => code.class() != 3,
        }
}

impl App for Proxy {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.driver.bind(self.config.port(), host);
        self.finish(host);
    }

    fn on_datagram(&mut self, _: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host) {
        self.driver.on_datagram(from, &payload, host);
        self.finish(host);
    }

    fn on_timer(&mut self, _: u64, host: &mut dyn Host) {
        self.driver.on_timer(host);
        self.finish(host);
    }

    /// Requests are hits, joined, misses or passed on without a look at the cache; those that go nowhere are refused. Of misses some found a response that
    /// was stale, and of those some were valid still.
    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        let counts = &self.counts;
        vec![
            total("proxied_requests", counts.requests),
            total("cache_hits", counts.hits),
            total("joined_requests", counts.joined),
            total("cache_misses", counts.misses),
            total("stale_responses", counts.stale),
            total("revalidated_responses", counts.revalidated),
            total("passed_requests", counts.passed),
            total("refused_requests", counts.refused),
            total("evicted_responses", self.cache.evicted),
            total("outdated_responses", counts.outdated),
            total("gateway_timeouts", counts.timed_out),
            total("bad_gateways", counts.bad_gateways),
            total("out_of_memory", counts.out_of_memory),
        ]
    }

    fn exchanges_due(&self) -> u64 {
        self.asked
    }

    /// RFC 7252 §5.3.1: tokens in use are unique, so that what answers a request of before answers none of the new ones. What is stored is lost.
    fn take_durable(&mut self) -> Option<Box<dyn Any + Send>> {
        Some(Box::new(NextNumber(self.next_number())))
    }

    fn recover(&mut self, durable: Box<dyn Any + Send>) {
        if let Ok(kept) = durable.downcast::<NextNumber>() {
            self.first = kept.0;
        }
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
