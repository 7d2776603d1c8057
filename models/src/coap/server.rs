//! The server application: a few resources that answer at once, or after a while, and may change.

mod bodies;
mod content;
mod observers;

use super::config::{Notifications, SHORTEST_STATE, ServerConfig};
use super::driver::{Driver, deadline};
use super::endpoint::{
    BLOCK_OPTIONS, Cause, Command, EndpointConfig, NOTIFICATION_GAP, Notice, PROBING_RATE, RequestHandle,
};
use super::observe::SEQUENCE;
use super::wire::{Block, Code, Message, OptionNumber, Token};
use crate::CannotClone;
use crate::app::{App, Host, SocketId, Total};
use crate::observe::{ExchangeId, Observation, Outcome};
use crate::rope::Rope;
pub(super) use bodies::{Bodies, Piece};
use content::{Answer, LINK_FORMAT};
use observers::{Due, Observers};
use protosim_core::{LocalTime, Purpose, Span};
use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

/// Serves the configured paths and a description of them, and reports each request that it gets.
///
/// Resources change by the clock alone: no PUT, POST or DELETE does anything to them. Each request
/// takes `processing` from its arrival, beside the others.
///
/// A change that an observer is to be told is an exchange of this application's: it begins with the change, and the state is
/// delivered when the observer has it. What a newer state has taken the place of has no end.
#[derive(Clone, Debug)]
pub struct Server {
    config: ServerConfig,
    driver: Driver,
    /// Requests whose answer is not due yet; in order, as all take equally long.
    waiting: VecDeque<(LocalTime, Task)>,
    /// Requests to groups, by when they are answered; in order of arrivals where that is at once.
    leisurely: BTreeMap<(LocalTime, RequestHandle), Task>,
    bodies: Bodies,
    /// The number of the state of each resource, and when it is over.
    states: Vec<(u64, Option<LocalTime>)>,
    observers: Observers,
    counts: Counts,
}

/// A request that is to be answered.
#[derive(Clone, Debug)]
struct Task {
    request: RequestHandle,
    peer: SocketAddr,
    message: Message,
    to_group: bool,
    piece: Piece,
}

/// What has become of observers and states.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    changes: u64,
    registrations: u64,
    refused_observers: u64,
    lost_observers: u64,
    states_due: u64,
    acknowledged: u64,
    superseded: u64,
    out_of_memory: u64,
}

/// Decides how long states last.
const CHANGES_LUCK: Purpose = Purpose("coap.changes");
/// Decides how long answers to groups wait.
const LEISURE_LUCK: Purpose = Purpose("coap.leisure");

/// So many states that have ended unseen are drawn; of more the mean tells how many there were (our choice: by then it does so to a few parts in a thousand,
/// and nobody is told them anyway).
const MOST_DRAWN: u64 = 1 << 16;

/// What a server keeps over a loss of power: the numbers of its resources' states.
struct Durable(Vec<u64>);

impl Server {
    /// A server; `config` has passed [`ServerConfig::check`].
    pub fn new(config: ServerConfig) -> Self {
        let parameters = config.transmission.parameters();
        let driver = Driver::new(EndpointConfig {
            parameters,
            // It sends no requests; of confirmable notifications one to each client is outstanding (RFC 7641 §4.5.1).
            nstart: 1,
            response_wait: parameters.max_rtt(),
            piggyback_limit: config.piggyback_limit(),
            understood: BLOCK_OPTIONS,
            relays: false,
            notification_gap: config.notification_gap.unwrap_or(NOTIFICATION_GAP),
            probing_rate: Some(PROBING_RATE),
        });
        let states = vec![(0, None); config.paths.len()];
        Self {
            config,
            driver,
            waiting: VecDeque::new(),
            leisurely: BTreeMap::new(),
            bodies: Bodies::default(),
            states,
            observers: Observers::default(),
            counts: Counts::default(),
        }
    }

    /// True if every request has been answered, and every separate response acknowledged.
    pub fn is_at_rest(&self) -> bool {
        self.waiting.is_empty() && self.leisurely.is_empty() && self.driver.is_at_rest()
    }

    /// How many observers there are.
    pub fn observers(&self) -> usize {
        self.observers.len()
    }

    /// How many payloads are under way that are not whole.
    pub fn open_bodies(&self) -> usize {
        self.bodies.len()
    }

    /// Takes what has come, sends the answers that are due, and arms the timer.
    fn finish(&mut self, host: &mut dyn Host) {
        loop {
            while let Some(notice) = self.driver.next_notice() {
                self.on_notice(notice, host);
            }
            self.respond(host);
            if !self.driver.has_notice() {
                break;
            }
        }
        let waiting = self.waiting.front().and_then(|(due, _)| deadline(*due, "processing"));
        let leisurely = self.leisurely.keys().next().and_then(|(due, _)| deadline(*due, "leisure"));
        let changes = self.states.iter().filter_map(|(_, over)| *over).min();
        let change = changes.and_then(|over| deadline(over, "change"));
        let own = [waiting, leisurely, change].into_iter().flatten().min_by_key(|deadline| deadline.at);
        self.driver.set_timer(own, host);
    }

    fn on_notice(&mut self, notice: Notice, host: &mut dyn Host) {
        match notice {
            Notice::RequestReceived { request, peer, message, to_group } => {
                self.on_request(Task { request, peer, message, to_group, piece: Piece::Whole(None) }, host);
            }
            Notice::NotificationAcknowledged { peer, token, state, transmissions } => {
                self.counts.acknowledged += 1;
                self.end_state((peer, token, state), Outcome::Response, transmissions, host);
            }
            Notice::NotificationSuperseded { .. } => self.counts.superseded += 1,
            Notice::ObserverLost { peer, token, state, cause, transmissions } => {
                self.observers.remove(peer, token, host);
                self.counts.lost_observers += 1;
                let outcome = match cause {
                    Cause::TimedOut => Outcome::TimedOut,
                    Cause::Reset => Outcome::Reset,
                };
                self.end_state((peer, token, state), outcome, transmissions, host);
            }
            // It has no requests of its own, and a response that fails concerns the client alone.
            _ => {}
        }
    }

    fn on_request(&mut self, mut task: Task, host: &mut dyn Host) {
        // A client that has asked a group knows no more than that.
        let server = match host.received_for_group().filter(|_| task.to_group) {
            Some(group) => SocketAddr::new(group, self.config.port()),
            None => self.driver.local_addr(task.peer, host),
        };
        let exchange = ExchangeId { client: task.peer, server, id: task.message.token.as_number() };
        if self.knows(&task.message) {
            let (largest, most) = (self.config.block_size(), self.config.max_body());
            task.piece = self.bodies.take((task.peer, &task.message), largest, most, host);
        }
        // A block that others follow, or that follows others, is a part of an exchange; what the message layer of blocks refuses comes again.
        let is_later = task.message.options.block(OptionNumber::BLOCK2).ok().flatten().is_some_and(|b| b.number > 0);
        if matches!(task.piece, Piece::Whole(_)) && !is_later {
            host.observe(Observation::RequestDelivered(exchange));
        }
        let due = host.now().saturating_add(self.config.processing);
        if task.to_group {
            // RFC 7252 §8.2: at a time drawn from the leisure.
            let leisure = host.rng(LEISURE_LUCK).span_between(Span::ZERO, self.config.leisure());
            self.leisurely.insert((due.saturating_add(leisure), task.request), task);
        } else {
            self.waiting.push_back((due, task));
        }
    }

    /// Sends the answers that are due.
    fn respond(&mut self, host: &mut dyn Host) {
        while let Some((_, task)) = self.waiting.pop_front_if(|(due, _)| *due <= host.now()) {
            self.answer(task, host);
        }
        while let Some(entry) = self.leisurely.first_entry().filter(|entry| entry.key().0 <= host.now()) {
            let task = entry.remove();
            self.answer(task, host);
        }
    }

    fn answer(&mut self, task: Task, host: &mut dyn Host) {
        let Task { request, peer, message, to_group, piece } = task;
        let answer = match piece {
            Piece::Answer(code, options) => Answer { options, ..Answer::bare(code) },
            Piece::Whole(block) => {
                let mut answer = self.answer_to(&message);
                self.observe(&message, (peer, to_group), &mut answer, host);
                if let Some(block) = block {
                    answer.options.add_block(OptionNumber::BLOCK1, Block { more: false, ..block });
                }
                answer
            }
        };
        // RFC 6690 §4.1, RFC 7252 §8.2: of a group those alone describe themselves that have what is asked for.
        let says_nothing = answer.payload.is_empty() && answer.options.content_format() == Some(LINK_FORMAT);
        // RFC 7967 §2: what the client does not want to know; RFC 7252 §8.2: nor do groups answer with errors.
        let is_unwanted = message
            .options
            .uint(OptionNumber::NO_RESPONSE)
            .is_some_and(|bits| bits >> (answer.code.class() - 1) & 1 == 1);
        let refused = is_unwanted || (to_group && (answer.code.is_error() || says_nothing)) || {
            let Answer { code, options, payload } = answer;
            // Out of memory for a separate response: the client does without.
            self.driver.command(Command::Respond { request, code, options, payload }, host).is_err()
        };
        if refused {
            let _known = self.driver.command(Command::Abandon { request }, host);
        }
    }

    /// Registers or deregisters an observer, as the request asks (RFC 7641 §4.1).
    fn observe(
        &mut self,
        message: &Message,
        (peer, to_group): (SocketAddr, bool),
        answer: &mut Answer,
        host: &mut dyn Host,
    ) {
        let options = &message.options;
        let Some(wish) = options.uint(OptionNumber::OBSERVE).filter(|_| message.code == Code::GET && !to_group) else {
            return;
        };
        let Some(resource) = self.resource(&options.uri_path()).filter(|_| self.config.changes.is_some()) else {
            return;
        };
        let asked = options.block(OptionNumber::BLOCK2).ok().flatten();
        let is_later = asked.is_some_and(|block| block.number > 0);
        match wish {
            0 if !answer.code.is_error() && !is_later => {
                // RFC 7959 §2.6: what it asks for holds for notifications, too.
                let wanted = (resource, asked.map(|block| block.size));
                if self.observers.add((peer, message.token), wanted, self.config.observers, host) {
                    self.counts.registrations += 1;
                    answer.options.add_uint(OptionNumber::OBSERVE, self.sequence(resource));
                } else {
                    self.counts.refused_observers += 1;
                }
            }
            1 => self.forget_observer(peer, message.token, host),
            _ => {}
        }
    }

    fn forget_observer(&mut self, peer: SocketAddr, token: Token, host: &mut dyn Host) {
        self.observers.remove(peer, token, host);
        // There is nothing that could be wrong with it.
        let _taken = self.driver.command(Command::ForgetObserver { peer, token }, host);
    }

    /// States that are over: the next ones begin, and observers are told the one of now. A processor that was busy finds several over: those between
    /// have begun and ended, and nobody is told.
    fn change(&mut self, host: &mut dyn Host) {
        for resource in 0..self.states.len() {
            let begun = self.begin_state_of_now(resource, host);
            if begun > 0 {
                self.counts.changes += begun;
                self.notify(resource, host);
            }
        }
    }

    /// Goes on to the state that a resource has now; how many states have begun since it last was.
    fn begin_state_of_now(&mut self, resource: usize, host: &mut dyn Host) -> u64 {
        let now = host.now();
        let (number, Some(over)) = self.states[resource] else { return 0 };
        if over > now {
            return 0;
        }
        let (mut begun, mut over) = (1, over.saturating_add(self.lasting(host)));
        while over <= now && begun < MOST_DRAWN {
            over = over.saturating_add(self.lasting(host));
            begun += 1;
        }
        if over <= now {
            let mean = self.mean_nanos();
            let unseen = now.saturating_since(over).as_nanos() / mean + 1;
            begun += unseen;
            over = match self.config.changes.as_ref().and_then(|changes| changes.fixed()) {
                Some(_) => over.saturating_add(Span::from_nanos(mean).saturating_mul(unseen)),
                None => now.saturating_add(self.lasting(host)),
            };
        }
        self.states[resource] = (number + begun, Some(over));
        begun
    }

    /// How long states last on average \[ns\].
    fn mean_nanos(&self) -> u64 {
        let mean = self.config.changes.as_ref().map_or(f64::INFINITY, |changes| changes.law().mean());
        protosim_core::maths::round_to_u64(mean).max(SHORTEST_STATE.as_nanos())
    }

    /// How long the next state lasts.
    fn lasting(&self, host: &mut dyn Host) -> Span {
        let drawn = self.config.changes.as_ref().map(|changes| match changes.fixed() {
            Some(fixed) => fixed,
            None => changes.draw(host.rng(CHANGES_LUCK)),
        });
        // A state that lasts no time is none.
        drawn.unwrap_or(Span::MAX).max(SHORTEST_STATE)
    }

    fn notify(&mut self, resource: usize, host: &mut dyn Host) {
        let all_confirmable = self.config.notifications == Some(Notifications::Confirmable);
        let sequence = self.sequence(resource);
        for Due { peer, token, size, is_confirmable } in self.observers.due(resource, all_confirmable, host.now()) {
            let block = size.map(|size| Block { number: 0, more: false, size });
            let mut answer = self.state(resource, block);
            answer.options.add_uint(OptionNumber::OBSERVE, sequence);
            let state = u64::from(sequence);
            self.counts.states_due += 1;
            host.observe(Observation::ExchangeStarted(self.state_id((peer, token, state), host)));
            let Answer { code, options, payload } = answer;
            let command = Command::Notify { peer, token, state, confirmable: is_confirmable, code, options, payload };
            if self.driver.command(command, host).is_err() {
                self.counts.out_of_memory += 1;
                self.end_state((peer, token, state), Outcome::OutOfMemory, 0, host);
            } else if is_confirmable {
                self.observers.confirmed(peer, token, host.now());
            }
        }
    }

    /// The Observe value of a resource's state: its number, which grows by one with each, also over a loss of power (RFC 7641 §4.4 wants no more than that
    /// it grows).
    fn sequence(&self, resource: usize) -> u32 {
        self.states[resource].0 as u32 & SEQUENCE
    }

    fn state_id(&self, (peer, token, state): (SocketAddr, Token, u64), host: &dyn Host) -> ExchangeId {
        ExchangeId { client: self.driver.local_addr(peer, host), server: peer, id: state_number(token, state as u32) }
    }

    fn end_state(&self, state: (SocketAddr, Token, u64), outcome: Outcome, transmissions: u32, host: &mut dyn Host) {
        let exchange = self.state_id(state, host);
        host.observe(Observation::ExchangeEnded { exchange, outcome, transmissions });
    }
}

/// The number of the exchange that tells an observer a state: the same at both ends.
pub(super) fn state_number(token: Token, sequence: u32) -> u64 {
    token.as_number() << 24 | u64::from(sequence & SEQUENCE)
}

impl App for Server {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.driver.bind(self.config.port(), host);
        if self.config.changes.is_some() {
            for resource in 0..self.states.len() {
                self.states[resource].1 = Some(host.now().saturating_add(self.lasting(host)));
            }
        }
        self.finish(host);
    }

    fn on_datagram(&mut self, _: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host) {
        self.driver.on_datagram(from, &payload, host);
        self.finish(host);
    }

    /// RFC 7252 §9.1.1, RFC 7641 §4.1: an endpoint is a session, so that whoever observed in it is gone with it.
    fn on_peer_gone(&mut self, _: SocketId, peer: SocketAddr, host: &mut dyn Host) {
        for token in self.observers.of(peer) {
            self.counts.lost_observers += 1;
            self.forget_observer(peer, token, host);
        }
        self.finish(host);
    }

    fn on_timer(&mut self, _: u64, host: &mut dyn Host) {
        // A state that begins now is what is answered now.
        self.change(host);
        // First the answers: one that is ready right at the piggyback limit still rides on the ACK.
        self.respond(host);
        self.driver.on_timer(host);
        self.finish(host);
    }

    /// Of resources that change; nothing else is worth counting beside what clients count.
    fn totals(&self) -> Vec<Total> {
        if self.config.changes.is_none() {
            return Vec::new();
        }
        let total = |name, value| Total { name, value };
        vec![
            total("changes", self.counts.changes),
            total("registrations", self.counts.registrations),
            total("refused_observers", self.counts.refused_observers),
            total("lost_observers", self.counts.lost_observers),
            total("states_due", self.counts.states_due),
            total("acknowledged_states", self.counts.acknowledged),
            total("superseded_states", self.counts.superseded),
            total("out_of_memory_states", self.counts.out_of_memory),
        ]
    }

    fn take_durable(&mut self) -> Option<Box<dyn Any + Send>> {
        let numbers = self.states.iter().map(|(number, _)| *number).collect();
        self.config.changes.is_some().then(|| Box::new(Durable(numbers)) as _)
    }

    /// RFC 7641 §4.4: numbers grow also where the server has lost power; with it begins a new state.
    fn recover(&mut self, durable: Box<dyn Any + Send>) {
        if let Ok(kept) = durable.downcast::<Durable>() {
            self.states = kept.0.into_iter().map(|number| (number + 1, None)).collect();
            self.counts.changes += self.states.len() as u64;
        }
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
