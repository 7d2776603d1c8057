//! The client application: one request after the other, by the clock, or one observation.

mod observation;
mod transfer;

use super::config::{Cancel, ClientConfig, Method, Negotiation, NextNumber, exchange_token};
use super::driver::{Driver, deadline};
use super::endpoint::{BLOCK_OPTIONS, Cause, Command, EndpointConfig, NOTIFICATION_GAP, Notice};
use super::server::state_number;
use super::wire::{Message, OptionNumber, Options, Token, Type};
use crate::CannotClone;
use crate::app::{App, Host, SocketId, Total};
use crate::observe::{ExchangeId, Observation, Outcome};
use crate::rope::Rope;
use protosim_core::{LocalTime, Span};
use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use transfer::{Step, Transfer};

/// Sends the i-th request at start + i · interval, whether earlier ones are over or not, and
/// reports each exchange. Requests that NSTART holds back start later, when they are sent, and so do those that come while a payload goes up in blocks:
/// a server knows one such transfer of a client to a resource (RFC 7959 §2.5), so that it keeps its turn until its last block is answered.
///
/// The token is the number of the exchange ([`exchange_token`]); all blocks of one have the same. Numbers go on after a loss of power, as if kept
/// in flash: what comes then for a request of before answers none of the new ones (RFC 7252 §5.3.1: tokens in use are unique). Of what it observes it
/// reports the states that are newer than those before; what it does to register again are exchanges of their own.
#[derive(Clone, Debug)]
pub struct Client {
    config: ClientConfig,
    server: SocketAddr,
    options: Options,
    driver: Driver,
    /// The clock's reading when the application started.
    begun: LocalTime,
    /// The number of the first exchange since it has power.
    first: u32,
    /// Requests issued since then.
    issued: u64,
    /// Exchanges without an end.
    open: BTreeMap<Token, Box<Transfer>>,
    /// Whose payload goes up in blocks.
    uploading: Option<Token>,
    /// Those among the open ones whose payloads are to do so then: the server has just asked for blocks.
    turns: VecDeque<Token>,
    /// Requests that are due and come after all those.
    held_back: u64,
    /// What is being fetched to its end under a token of its own.
    fetched: Option<Fetched>,
    observation: observation::Observation,
    counts: Counts,
}

/// A response to an observer whose first block has come (RFC 7959 §2.6).
#[derive(Clone, Copy, Debug)]
enum Fetched {
    /// The answer to its registration, after so many requests.
    Answer(u32),
    /// A notification, by its sequence number and type.
    State(u32, Type),
}

/// What has become of the requests that were due.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    sent: u64,
    responses: u64,
    error_responses: u64,
    timed_out: u64,
    reset: u64,
    out_of_memory: u64,
    unanswered: u64,
    incomplete: u64,
    /// Responses to requests to a group.
    group_responses: u64,
}

impl Counts {
    fn count(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Response => &mut self.responses,
            Outcome::ErrorResponse => &mut self.error_responses,
            Outcome::TimedOut => &mut self.timed_out,
            Outcome::Reset => &mut self.reset,
            Outcome::OutOfMemory => &mut self.out_of_memory,
            Outcome::Unanswered => &mut self.unanswered,
            Outcome::Incomplete => &mut self.incomplete,
        } += 1;
    }
}

impl Client {
    /// A client of the server at `server`. `config` has passed [`ClientConfig::check`].
    pub fn new(config: ClientConfig, server: SocketAddr) -> Self {
        let parameters = config.transmission.parameters();
        let driver = Driver::new(EndpointConfig {
            parameters,
            nstart: match config.nstart {
                Some(most) => most,
                // RFC 7252 §4.7: outstanding is what an answer of one server is expected to.
                None if server.ip().is_multicast() || config.expects_silence() => u32::MAX,
                None => 1,
            },
            response_wait: config.response_wait.unwrap_or(parameters.max_rtt()),
            // It serves nothing: a request to it gets an empty ACK and no more.
            piggyback_limit: Span::ZERO,
            understood: BLOCK_OPTIONS,
            relays: false,
            notification_gap: NOTIFICATION_GAP,
            probing_rate: Some(config.probing_rate()),
        });
        let options = config.options();
        Self {
            config,
            server,
            options,
            driver,
            begun: LocalTime::ZERO,
            first: 0,
            issued: 0,
            open: BTreeMap::new(),
            uploading: None,
            turns: VecDeque::new(),
            held_back: 0,
            fetched: None,
            observation: observation::Observation::default(),
            counts: Counts::default(),
        }
    }

    /// True if every request has been sent and every exchange is over.
    pub fn is_done(&self) -> bool {
        self.issued == self.config.requests && self.driver.is_at_rest()
    }

    /// When the next request is due.
    fn next_due(&self) -> Option<LocalTime> {
        let due = self.issued + self.held_back;
        let wait = self.config.interval().saturating_mul(due);
        let left = due < self.config.requests;
        left.then(|| self.begun.saturating_add(self.config.start).saturating_add(wait))
    }

    /// The number of the next exchange. `ClientConfig::check` holds the number of requests to that of tokens, so that none comes again while it is in use.
    const fn next_number(&self) -> u32 {
        self.first.wrapping_add(self.issued as u32)
    }

    /// The token of the registration of an observer, which has no other request.
    fn registration(&self) -> Token {
        exchange_token(self.first)
    }

    /// The token under which the rest of a notification is fetched, from the other end of the numbers: another one for each registration.
    fn rest(&self) -> Token {
        exchange_token(u32::MAX - self.first)
    }

    fn issue(&mut self, host: &mut dyn Host) {
        let token = exchange_token(self.next_number());
        self.issued += 1;
        if self.config.observe {
            self.observation.end = self.config.observe_for.map(|span| host.now().saturating_add(span));
        }
        let asks_early = self.config.negotiation != Some(Negotiation::Late);
        let payload = self.config.payload.as_bytes();
        let mut transfer = Transfer::new(self.config.block_size(), asks_early, payload);
        transfer.is_get = self.config.method == Method::Get;
        self.begin(token, transfer, host);
    }

    /// A payload that went up in blocks is there, or never will be: those that wait for that have their turns.
    fn take_turns(&mut self, host: &mut dyn Host) {
        while self.uploading.is_none() {
            if let Some(token) = self.turns.pop_front() {
                if let Some(transfer) = self.open.remove(&token) {
                    self.begin(token, *transfer, host);
                }
            } else if self.held_back > 0 {
                self.held_back -= 1;
                self.issue(host);
            } else {
                break;
            }
        }
    }

    /// Its payload does not go up any more, if it did.
    fn give_up_turn(&mut self, token: Token) {
        self.uploading = self.uploading.filter(|turn| *turn != token);
    }

    /// Begins an exchange, or goes on with it.
    fn begin(&mut self, token: Token, transfer: Transfer, host: &mut dyn Host) {
        if !transfer.is_upload() {
            self.give_up_turn(token);
        } else if *self.uploading.get_or_insert(token) != token {
            self.open.insert(token, Box::new(transfer));
            return self.turns.push_back(token);
        }
        let (mut options, payload) = transfer.request(&self.options, &self.config.payload());
        // The registration alone is under its own token.
        if self.config.observe && !transfer.is_download() && token == self.registration() {
            options.add_uint(OptionNumber::OBSERVE, u32::from(self.observation.is_over));
        }
        let (confirmable, method) = (self.config.confirmable, self.config.method.code());
        let is_started = transfer.is_started;
        let transmissions = transfer.transmissions;
        self.open.insert(token, Box::new(transfer));
        let command = Command::Request { peer: self.server, token, confirmable, method, options, payload };
        if self.driver.command(command, host).is_err() {
            if !is_started {
                // An exchange without a single transmission.
                host.observe(Observation::ExchangeStarted(self.exchange(token, host)));
            }
            self.end(token, Outcome::OutOfMemory, transmissions, host);
        }
    }

    /// Passes on what the endpoint says, and arms the timer.
    fn finish(&mut self, host: &mut dyn Host) {
        loop {
            while let Some(notice) = self.driver.next_notice() {
                self.on_notice(notice, host);
            }
            self.leave(host);
            self.take_turns(host);
            if !self.driver.has_notice() {
                break;
            }
        }
        let issue = self.next_due().and_then(|due| deadline(due, "next request"));
        let is_open = !self.observation.is_over;
        let renewal = self.observation.renewal.filter(|_| is_open).and_then(|due| deadline(due, "renewal"));
        let end = self.observation.end.filter(|_| is_open).and_then(|due| deadline(due, "end of observation"));
        let own = [issue, renewal, end].into_iter().flatten().min_by_key(|deadline| deadline.at);
        self.driver.set_timer(own, host);
    }

    fn on_notice(&mut self, notice: Notice, host: &mut dyn Host) {
        match notice {
            Notice::RequestSent { token, .. } => self.on_sent(token, host),
            Notice::ResponseReceived { token, response, transmissions, .. } => {
                self.on_response(token, &response, transmissions, host);
            }
            Notice::Failed { token, cause, transmissions, .. } => {
                let outcome = match cause {
                    // RFC 7967 §2: the server says nothing where all is well, and nothing where the request is lost.
                    Cause::TimedOut if self.config.expects_silence() => Outcome::Unanswered,
                    Cause::TimedOut => Outcome::TimedOut,
                    Cause::Reset => Outcome::Reset,
                };
                let before = self.open.get(&token).map_or(0, |transfer| transfer.transmissions);
                self.end(token, outcome, before + transmissions, host);
            }
            Notice::NotificationReceived { token, response, .. } => self.on_notification(token, &response, host),
            Notice::GroupResponseReceived { token, response, .. } => {
                self.counts.group_responses += 1;
                let is_first =
                    self.open.get_mut(&token).is_some_and(|open| !std::mem::replace(&mut open.is_reported, true));
                if is_first {
                    self.report_end(token, outcome_of(&response), 1, host);
                }
            }
            Notice::RequestReceived { request, .. } => {
                // It was just given to us and not answered: there is nothing to refuse.
                let _known = self.driver.command(Command::Abandon { request }, host);
            }
            _ => {}
        }
    }

    fn on_sent(&mut self, token: Token, host: &mut dyn Host) {
        let Some(transfer) = self.open.get_mut(&token) else { return };
        if std::mem::replace(&mut transfer.is_started, true) {
            return;
        }
        self.counts.sent += 1;
        host.observe(Observation::ExchangeStarted(self.exchange(token, host)));
        if self.config.no_response.len() == 3 {
            // RFC 7967: nobody answers.
            let cancel = Command::Cancel { peer: self.server, token };
            let _open = self.driver.command(cancel, host);
            self.end(token, Outcome::Unanswered, 1, host);
        }
    }

    fn on_response(&mut self, token: Token, response: &Message, transmissions: u32, host: &mut dyn Host) {
        let Some(mut transfer) = self.open.remove(&token).map(|open| *open) else { return };
        transfer.transmissions += transmissions;
        let held = transfer.held();
        let step = transfer.on_response(response, self.config.payload.as_bytes());
        let (all, holds) = (transfer.transmissions, transfer.held());
        let fits = holds <= held || host.reserve(holds - held).is_ok();
        host.release(held.saturating_sub(holds));
        if self.config.observe && token == self.registration() {
            self.on_registered(response, host);
            if step == Step::Next && fits && self.driver.is_observing(self.server, token) {
                // The registration has its token to itself.
                self.drop_fetched(host);
                self.fetched = Some(Fetched::Answer(all));
                transfer.transmissions = 0;
                return self.begin(self.rest(), transfer, host);
            }
        }
        let outcome = match step {
            // Of what it does not observe any more it wants no more blocks.
            Step::Next if self.observation.is_over => outcome_of(response),
            Step::Next if fits => return self.begin(token, transfer, host),
            Step::Next => Outcome::OutOfMemory,
            // Such as 4.08 once more: the server has said so.
            Step::Failed if response.code.is_error() => Outcome::ErrorResponse,
            Step::Failed => Outcome::Incomplete,
            Step::Over => outcome_of(response),
        };
        self.give_up_turn(token);
        host.release(if fits { holds } else { held });
        if token == self.rest() {
            return self.on_fetched(outcome, all, host);
        }
        self.report_end(token, outcome, all, host);
    }

    /// The answer to a registration, or to its end.
    fn on_registered(&mut self, response: &Message, host: &mut dyn Host) {
        if self.observation.is_over {
            return;
        }
        if response.code.is_error() {
            // There is nothing to observe.
            self.observation.is_over = true;
            return;
        }
        self.observation.take(response, false, host);
    }

    /// A state that comes by itself (RFC 7641 §3.2).
    fn on_notification(&mut self, token: Token, response: &Message, host: &mut dyn Host) {
        if self.observation.is_over {
            return;
        }
        if response.code.is_error() {
            self.observation.is_over = true;
            return;
        }
        if !self.observation.take(response, true, host) {
            return;
        }
        let Some(sequence) = response.options.uint(OptionNumber::OBSERVE) else { return };
        self.drop_fetched(host);
        let rest = self.rest();
        match Transfer::rest_of(response, self.config.block_size()) {
            (Step::Next, transfer) if host.reserve(transfer.held()).is_ok() => {
                self.fetched = Some(Fetched::State(sequence, response.message_type));
                self.begin(rest, transfer, host);
            }
            (Step::Over, _) => self.report_state(token, (sequence, response.message_type), host),
            // No memory for it, or no state at all: as good as missed.
            _ => {}
        }
    }

    /// The rest of a response to an observer has come, or not.
    fn on_fetched(&mut self, outcome: Outcome, transmissions: u32, host: &mut dyn Host) {
        match self.fetched.take() {
            Some(Fetched::Answer(before)) => {
                self.report_end(self.registration(), outcome, before + transmissions, host);
            }
            Some(Fetched::State(sequence, message_type)) if outcome == Outcome::Response => {
                self.report_state(self.registration(), (sequence, message_type), host);
            }
            _ => {}
        }
    }

    /// There is a newer state: what is left of the one before is not wanted any more.
    fn drop_fetched(&mut self, host: &mut dyn Host) {
        let token = self.rest();
        if let Some(before) = self.open.remove(&token) {
            host.release(before.held());
            let _open = self.driver.command(Command::Cancel { peer: self.server, token }, host);
        }
        // The answer is what came first, whole or not.
        if let Some(Fetched::Answer(transmissions)) = self.fetched.take() {
            self.report_end(self.registration(), Outcome::Response, transmissions, host);
        }
    }

    /// A state is here.
    fn report_state(&self, token: Token, (sequence, message_type): (u32, Type), host: &mut dyn Host) {
        let id = state_number(token, sequence);
        let exchange = ExchangeId { client: self.server, server: self.driver.local_addr(self.server, host), id };
        host.observe(Observation::RequestDelivered(exchange));
        if message_type != Type::Confirmable {
            // Whoever sends it hears no more of it.
            host.observe(Observation::ExchangeEnded { exchange, outcome: Outcome::Response, transmissions: 1 });
        }
    }

    /// What an observer has to do by itself: register again, or end.
    fn tend_observation(&mut self, host: &mut dyn Host) {
        let now = host.now();
        let token = self.registration();
        if self.observation.is_over || !self.config.observe {
            return;
        }
        if self.observation.end.is_some_and(|end| end <= now) {
            (self.observation.is_over, self.observation.is_leaving) = (true, true);
            self.drop_fetched(host);
            return;
        }
        if self.observation.renewal.is_some_and(|renewal| renewal <= now) {
            self.observation.renewal = None;
            if !self.open.contains_key(&token) {
                self.observation.counts.renewals += 1;
                let asks_early = self.config.negotiation != Some(Negotiation::Late);
                self.begin(token, Transfer::new(self.config.block_size(), asks_early, 0), host);
            }
        }
    }

    /// The server learns that the observation has ended (RFC 7641 §3.6). A registration that is under way comes to its own end before.
    fn leave(&mut self, host: &mut dyn Host) {
        let token = self.registration();
        if !self.observation.is_leaving || self.open.contains_key(&token) {
            return;
        }
        self.observation.is_leaving = false;
        if !self.driver.is_observing(self.server, token) {
            return;
        }
        if self.config.cancel == Some(Cancel::Reset) {
            let _open = self.driver.command(Command::Cancel { peer: self.server, token }, host);
            return;
        }
        self.observation.counts.ends += 1;
        self.begin(token, Transfer::new(None, false, 0), host);
    }

    /// An exchange is over.
    fn end(&mut self, token: Token, outcome: Outcome, transmissions: u32, host: &mut dyn Host) {
        let Some(transfer) = self.open.remove(&token) else { return };
        self.give_up_turn(token);
        host.release(transfer.held());
        if token == self.rest() {
            return self.on_fetched(outcome, transmissions, host);
        }
        if self.config.observe && !self.observation.is_over {
            // RFC 7641 §3.3.1: it tries again when what it may still have is not fresh any more.
            self.observation.wait(60, host);
        }
        if !transfer.is_reported {
            self.report_end(token, outcome, transmissions, host);
        }
    }

    fn report_end(&mut self, token: Token, outcome: Outcome, transmissions: u32, host: &mut dyn Host) {
        let exchange = self.exchange(token, host);
        self.counts.count(outcome);
        host.observe(Observation::ExchangeEnded { exchange, outcome, transmissions });
    }

    fn exchange(&self, token: Token, host: &dyn Host) -> ExchangeId {
        ExchangeId { client: self.driver.local_addr(self.server, host), server: self.server, id: token.as_number() }
    }
}

fn outcome_of(response: &Message) -> Outcome {
    if response.code.is_error() { Outcome::ErrorResponse } else { Outcome::Response }
}

impl App for Client {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.begun = host.now();
        self.driver.bind(0, host);
        self.finish(host);
    }

    fn on_datagram(&mut self, _: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host) {
        self.driver.on_datagram(from, &payload, host);
        self.finish(host);
    }

    /// The session with the server is over, and so is what the server knew of us: an observer registers again. As after a notification that
    /// does not come (RFC 7641 §3.3.1), not at once, so that not all come at the same time.
    fn on_peer_gone(&mut self, _: SocketId, peer: SocketAddr, host: &mut dyn Host) {
        if peer == self.server && self.config.observe && !self.observation.is_over {
            self.observation.wait(0, host);
        }
        self.finish(host);
    }

    fn on_timer(&mut self, _: u64, host: &mut dyn Host) {
        self.driver.on_timer(host);
        while self.next_due().is_some_and(|due| due <= host.now()) {
            if self.uploading.is_some() {
                self.held_back += 1;
            } else {
                self.issue(host);
            }
        }
        self.tend_observation(host);
        self.finish(host);
    }

    /// Requests that are due and neither sent nor refused wait for a place among NSTART, for a message id, or for a payload in blocks.
    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        let mut totals = vec![
            total("requests_due", self.exchanges_due()),
            total("requests_sent", self.counts.sent),
            total("responses", self.counts.responses),
            total("error_responses", self.counts.error_responses),
            total("timed_out", self.counts.timed_out),
            total("reset", self.counts.reset),
            total("out_of_memory", self.counts.out_of_memory),
        ];
        if self.config.observe {
            let counts = &self.observation.counts;
            totals.extend([
                total("fresh_notifications", counts.fresh),
                total("stale_notifications", counts.stale),
                total("missed_states", counts.missed),
                total("renewals", counts.renewals),
            ]);
        }
        if self.config.block_size.is_some() || self.counts.incomplete > 0 {
            totals.push(total("incomplete", self.counts.incomplete));
        }
        if self.config.expects_silence() {
            totals.push(total("unanswered", self.counts.unanswered));
        }
        if self.server.ip().is_multicast() {
            totals.push(total("group_responses", self.counts.group_responses));
        }
        totals
    }

    fn exchanges_due(&self) -> u64 {
        self.issued + self.held_back + self.observation.counts.renewals + self.observation.counts.ends
    }

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
