//! The client's side: requests from the queue to their end (RFC 7252 §4.2, §4.7, §5.2, §5.3).

use super::{
    ACK_TIMEOUT_LUCK, Backoff, Cause, Cx, Endpoint, Envelope, Estimates, ExchangeState, MESSAGE_ID_LUCK, Message,
    MessageId, MessageIds, Misuse, Notice, OptionNumber, Outgoing, Reason, Role, STATE_BYTES, Timer, Token, Trace,
    Type, empty,
};
use protosim_core::{LocalTime, Span};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// One of our requests.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    state: State,
    /// How often the request has been sent.
    pub(super) transmissions: u32,
    /// It registers for notifications (RFC 7641 §2: Observe 0).
    registers: bool,
    /// The server has said that it will notify; so it stays while a further request with the token is under way.
    observing: bool,
    /// While a registration is being renewed: the latest response under its token, which may be the answer.
    heard: Option<Message>,
    /// Memory of the host held for it \[bytes\].
    bytes: u64,
}

/// Where an exchange stands; [`ExchangeState`] with what belongs to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Queued,
    AwaitingAcknowledgement(MessageId),
    /// A confirmable request that got an empty ACK.
    Acknowledged,
    /// A non-confirmable request; a RST may still refer to its id.
    SentNonConfirmable(MessageId),
    /// It is answered, and notifications follow (RFC 7641 §3).
    Observing,
}

/// What concerns one peer.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    ids: MessageIds,
    /// Requests and pings outstanding, at most NSTART (RFC 7252 §4.7).
    outstanding: u32,
    /// Wait for one of NSTART places, and for an id.
    requests: VecDeque<Queued>,
    /// Wait for an id alone: NSTART is the client's limit.
    responses: VecDeque<Queued>,
    /// Observers at this address for whom a state waits.
    notifications: VecDeque<Token>,
    /// What CoCoA knows of the way.
    estimates: Estimates,
    /// A non-confirmable request has been sent to it, and nothing has come since.
    silence: Option<Silence>,
}

/// What a peer may be about to become that does not answer (RFC 7252 §4.7).
#[derive(Clone, Copy, Debug)]
struct Silence {
    /// From when on it is silent: an answer to the first request is overdue.
    from: LocalTime,
    /// Non-confirmable requests sent to it from then on [bytes].
    bytes: u64,
}

/// What a group may take longer for its answers than a server (RFC 7252 §8.2, DEFAULT_LEISURE).
const LEISURE: Span = Span::from_secs(5);

/// A message that has no id yet.
#[derive(Clone, Debug)]
pub(super) struct Queued {
    pub(super) role: Role,
    pub(super) message: Message,
}

impl Endpoint {
    /// [`super::Command::Request`].
    pub(super) fn request(&mut self, peer: SocketAddr, message: Message, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        let token = message.token;
        if peer.ip().is_multicast() && message.message_type == Type::Confirmable {
            return Err(Misuse::ConfirmableToGroup(peer));
        }
        // RFC 7641 §3.3.1, §3.6: a registration is renewed and ended under its own token.
        let before = self.exchanges.get(&(peer, token)).map(|exchange| (exchange.state, exchange.bytes));
        if before.is_some_and(|(state, _)| state != State::Observing) {
            return Err(Misuse::TokenInUse(token));
        }
        let bytes = STATE_BYTES + message.wire_len();
        cx.reserve(bytes)?;
        before.iter().for_each(|(_, before)| cx.release(*before));
        let registers = message.options.uint(OptionNumber::OBSERVE) == Some(0);
        let observing = before.is_some();
        let exchange = Exchange { state: State::Queued, transmissions: 0, registers, observing, heard: None, bytes };
        self.exchanges.insert((peer, token), Box::new(exchange));
        cx.observe(Trace::Exchange { peer, token, state: ExchangeState::Queued });
        self.enqueue(peer, Queued { role: Role::Request(token), message }, cx);
        Ok(())
    }

    /// True if a server has said that it notifies under this token.
    pub fn is_observing(&self, peer: SocketAddr, token: Token) -> bool {
        self.exchanges.get(&(peer, token)).is_some_and(|exchange| exchange.observing)
    }

    /// [`super::Command::Cancel`].
    pub(super) fn cancel(&mut self, peer: SocketAddr, token: Token, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        self.remove_exchange(peer, token, cx).ok_or(Misuse::UnknownExchange(token))?;
        self.send_queued(peer, cx);
        Ok(())
    }

    /// [`super::Command::Ping`].
    pub(super) fn ping(&mut self, peer: SocketAddr, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        let message = empty(Type::Confirmable);
        let bytes = STATE_BYTES + message.wire_len();
        cx.reserve(bytes)?;
        self.enqueue(peer, Queued { role: Role::Ping(bytes), message }, cx);
        Ok(())
    }

    /// What concerns `peer`, from now on.
    fn peer(&mut self, peer: SocketAddr, cx: &mut Cx<'_>) -> &mut Peer {
        self.peers.entry(peer).or_insert_with(|| {
            // Below 2^16, so it fits.
            let first = cx.rng(MESSAGE_ID_LUCK).below(1 << 16) as u16;
            Box::new(Peer {
                ids: MessageIds::starting_at(first),
                outstanding: 0,
                requests: VecDeque::new(),
                responses: VecDeque::new(),
                notifications: VecDeque::new(),
                estimates: Estimates::default(),
                silence: None,
            })
        })
    }

    /// Puts a message of ours in its queue, and sends what may be sent.
    pub(super) fn enqueue(&mut self, peer: SocketAddr, queued: Queued, cx: &mut Cx<'_>) {
        let entry = self.peer(peer, cx);
        match queued.role {
            Role::Response(..) => entry.responses.push_back(queued),
            Role::Request(_) | Role::Ping(_) | Role::Notification(..) => entry.requests.push_back(queued),
        }
        self.send_queued(peer, cx);
    }

    /// A state waits for this observer.
    pub(super) fn queue_notification(&mut self, peer: SocketAddr, token: Token, cx: &mut Cx<'_>) {
        self.peer(peer, cx).notifications.push_back(token);
        self.send_queued(peer, cx);
    }

    /// No state waits for this observer any more.
    pub(super) fn unqueue_notification(&mut self, peer: SocketAddr, token: Token) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.notifications.retain(|queued| *queued != token);
        }
    }

    /// A message id towards a peer that there have been messages to.
    ///
    /// # Errors
    /// While none is free: from when on one is.
    pub(super) fn allocate_id(&mut self, peer: SocketAddr, cx: &mut Cx<'_>) -> Result<MessageId, LocalTime> {
        let (now, lifetime) = (cx.now(), self.config.parameters.exchange_lifetime());
        self.peer(peer, cx).ids.allocate(now, lifetime)
    }

    /// Something has come from a peer: it is not silent (RFC 7252 §4.7).
    pub(super) fn heard_of(&mut self, peer: SocketAddr, cx: &mut Cx<'_>) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        if entry.silence.take().is_some() {
            self.timers.cancel(Timer::Probing(peer));
            self.send_queued(peer, cx);
        }
    }

    /// A non-confirmable request is being sent. RFC 7252 §4.7 leaves open when an endpoint does not respond; our choice: when nothing has come
    /// from it for as long as the first time-out of a confirmable message at most.
    fn count_silence(&mut self, peer: SocketAddr, bytes: u64, cx: &mut Cx<'_>) {
        let leisure = if peer.ip().is_multicast() { LEISURE } else { Span::ZERO };
        let patience = self.config.parameters.longest_ack_timeout().saturating_add(leisure);
        let now = cx.now();
        let first = Silence { from: now.saturating_add(patience), bytes: 0 };
        let silence = self.peer(peer, cx).silence.get_or_insert(first);
        if silence.from <= now {
            silence.bytes += bytes;
        }
    }

    /// A confirmable message of ours was answered: a measurement of the way to its peer.
    pub(super) fn measure(&mut self, peer: SocketAddr, id: MessageId, now: LocalTime) {
        let reliable = self.outgoing.get(&(peer, id)).and_then(|outgoing| outgoing.reliable.as_ref());
        if let Some(backoff) = reliable.map(|(_, backoff)| *backoff) {
            self.measure_by(peer, &backoff, now);
        }
    }

    /// The same, of a message with this backoff.
    pub(super) fn measure_by(&mut self, peer: SocketAddr, backoff: &Backoff, now: LocalTime) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            let round_trip = now.saturating_since(backoff.sent());
            entry.estimates.measured(&self.config.parameters, round_trip, backoff.own_retransmissions(), now);
        }
    }

    /// Sends from the queues as far as NSTART and message ids reach.
    pub(super) fn send_queued(&mut self, peer: SocketAddr, cx: &mut Cx<'_>) {
        let lifetime = self.config.parameters.exchange_lifetime();
        while let Some(turn) = self.next_turn(peer, cx) {
            let Some(entry) = self.peers.get_mut(&peer) else { return };
            let id = match entry.ids.allocate(cx.now(), lifetime) {
                Ok(id) => id,
                Err(free) => return self.timers.set(Timer::MessageId(peer), free),
            };
            let queued = match turn {
                Turn::Response => entry.responses.pop_front(),
                Turn::Request => entry.requests.pop_front(),
                Turn::Notification(token) => {
                    self.unqueue_notification(peer, token);
                    self.take_notification(peer, token)
                }
            };
            let queued = queued.expect("the queue was just found not to be empty");
            let is_confirmable = queued.message.message_type == Type::Confirmable;
            let takes_place = match queued.role {
                Role::Response(..) => false,
                Role::Request(_) | Role::Ping(_) => true,
                Role::Notification(..) => is_confirmable,
            };
            if takes_place && let Some(entry) = self.peers.get_mut(&peer) {
                entry.outstanding += 1;
            }
            self.send_new(peer, id, queued, cx);
        }
    }

    /// Which queue may send its first message now; notifications and requests that may later set a timer.
    fn next_turn(&mut self, peer: SocketAddr, cx: &Cx<'_>) -> Option<Turn> {
        // Notifications that wait for a place, which those behind them may not need.
        let mut held_back = 0;
        loop {
            let entry = self.peers.get(&peer)?;
            if !entry.responses.is_empty() {
                return Some(Turn::Response);
            }
            let has_place = entry.outstanding < self.config.nstart;
            if let Some(token) = entry.notifications.get(held_back).copied() {
                match self.notification_turn(peer, token) {
                    // RFC 7641 §4.5.1: NSTART holds for notifications, too.
                    Some((true, _)) if !has_place => held_back += 1,
                    Some((_, from)) if from <= cx.now() => return Some(Turn::Notification(token)),
                    later => {
                        if let Some((_, from)) = later {
                            self.timers.set(Timer::Pacing(peer, token), from);
                        }
                        self.unqueue_notification(peer, token);
                    }
                }
                continue;
            }
            let front = entry.requests.front().filter(|_| has_place)?;
            if let Some(silence) = entry.silence.filter(|silence| silence.from <= cx.now())
                && front.message.message_type == Type::NonConfirmable
                && let Some(rate) = self.config.probing_rate
            {
                // RFC 7252 §4.7: what it has been sent since, at that rate.
                let wait = Span::from_nanos(silence.bytes.saturating_mul(1_000_000_000).div_ceil(rate.max(1)));
                let from = silence.from.saturating_add(wait);
                if from > cx.now() {
                    self.timers.set(Timer::Probing(peer), from);
                    return None;
                }
            }
            return Some(Turn::Request);
        }
    }

    /// The first transmission of a message of ours.
    fn send_new(&mut self, peer: SocketAddr, id: MessageId, Queued { role, mut message }: Queued, cx: &mut Cx<'_>) {
        message.message_id = id;
        // Before anything that runs from the moment of sending.
        cx.spend(crate::coap::ENCODE, message.wire_len());
        let confirmable = message.message_type == Type::Confirmable;
        if let Role::Request(token) = role {
            let state = if confirmable { State::AwaitingAcknowledgement(id) } else { State::SentNonConfirmable(id) };
            if let Some(exchange) = self.exchanges.get_mut(&(peer, token)) {
                exchange.state = state;
                exchange.transmissions = 1;
            }
            cx.notify(Notice::RequestSent { peer, token });
            cx.observe(Trace::Exchange { peer, token, state: state.public() });
            if !confirmable {
                self.timers.set(Timer::ResponseWait(peer, token), cx.now().saturating_add(self.config.response_wait));
                self.count_silence(peer, message.wire_len(), cx);
            }
        }
        if let Role::Notification(token, state, _) = role {
            self.on_notification_sent(peer, (token, state), (id, confirmable), cx.now());
        }
        let reliable = confirmable.then(|| {
            let (now, parameters) = (cx.now(), self.config.parameters);
            let entry = self.peer(peer, cx);
            let (outstanding, mut estimates) = (entry.outstanding, entry.estimates);
            let backoff = Backoff::start(&parameters, &mut estimates, outstanding, now, cx.rng(ACK_TIMEOUT_LUCK));
            self.peer(peer, cx).estimates = estimates;
            self.timers.set(Timer::Retransmission(peer, id), cx.now().saturating_add(backoff.timeout()));
            (message.clone(), backoff)
        });
        match role {
            // Sent once, and nothing that may come back concerns it.
            Role::Response(_, bytes) | Role::Notification(_, _, bytes) if reliable.is_none() => cx.release(bytes),
            _ => {
                self.outgoing.insert((peer, id), Box::new(Outgoing { role, reliable }));
            }
        }
        cx.transmit(Envelope { peer, message });
    }

    /// An empty ACK: the response will come separately (RFC 7252 §5.2.2).
    pub(super) fn on_request_acknowledged(&mut self, peer: SocketAddr, token: Token, cx: &mut Cx<'_>) {
        let Some(exchange) = self.exchanges.get_mut(&(peer, token)) else { return };
        if let State::AwaitingAcknowledgement(id) = exchange.state {
            exchange.state = State::Acknowledged;
            let heard = exchange.heard.clone().filter(|heard| heard.message_type == Type::Confirmable);
            self.measure(peer, id, cx.now());
            self.forget_outgoing(peer, id);
            self.timers.set(Timer::ResponseWait(peer, token), cx.now().saturating_add(self.config.response_wait));
            cx.observe(Trace::Exchange { peer, token, state: ExchangeState::AwaitingResponse });
            // RFC 7252 §4.7: a request that has its ACK is not outstanding any more.
            self.free_place(peer);
            if let Some(heard) = heard {
                // RFC 7252 §5.2.2: the response has overtaken its ACK, or the ACK before this one was lost; it does not come again.
                return self.complete(peer, heard, cx);
            }
            self.send_queued(peer, cx);
        }
    }

    /// A response in the ACK; message id and token match.
    pub(super) fn on_piggybacked_response(&mut self, peer: SocketAddr, response: Message, cx: &mut Cx<'_>) {
        // RFC 7252 §5.4.1: rejected, which for an ACK means ignored (§4.2); the request goes on.
        if let Some(option) = self.refused_in_response(&response.options) {
            return cx.observe(Trace::Ignored { peer, reason: Reason::CriticalOption(option) });
        }
        self.complete(peer, response, cx);
    }

    /// A response in a message of its own, CON or NON (RFC 7252 §5.2.2, §5.2.3, §5.3.2).
    pub(super) fn on_response(&mut self, peer: SocketAddr, response: Message, cx: &mut Cx<'_>) {
        let asked = self.exchanges.get(&(peer, response.token));
        let expected = asked.is_some_and(|exchange| exchange.transmissions > 0 || exchange.observing);
        if !expected {
            if let Some(group) = self.group_asked(response.token) {
                return self.on_group_response(group, peer, response, cx);
            }
            let is_notification = response.options.first(OptionNumber::OBSERVE).is_some();
            if is_notification && response.message_type == Type::NonConfirmable {
                // RFC 7641 §3.6: so the server learns that nobody observes any more.
                self.reply(peer, Message::empty(Type::Reset, response.message_id), cx);
                return cx.observe(Trace::Rejected { peer, reason: Reason::Unexpected });
            }
            return self.reject(peer, &response, Reason::Unexpected, cx);
        }
        if let Some(option) = self.refused_in_response(&response.options) {
            return self.reject(peer, &response, Reason::CriticalOption(option), cx);
        }
        if response.message_type == Type::Confirmable {
            self.reply(peer, Message::empty(Type::Acknowledgement, response.message_id), cx);
        }
        if self.is_notification(peer, &response) {
            return self.on_notification(peer, response, cx);
        }
        // Also ends retransmission: the response shows that the request came, and stands for an
        // ACK that was lost (RFC 7252 §5.2.2).
        self.complete(peer, response, cx);
    }

    /// True for a message about a state, and not the answer to a request that is under way under the same token.
    fn is_notification(&self, peer: SocketAddr, response: &Message) -> bool {
        let Some(exchange) = self.exchanges.get(&(peer, response.token)) else { return false };
        match exchange.state {
            State::Observing => true,
            // Or the answer to a renewed registration whose ACK was lost: `heard` has it until that is known.
            State::Queued | State::AwaitingAcknowledgement(_) => exchange.observing && continues(response),
            // RFC 7641 §4.2: the answer to a request that ends it has no Observe; what has is on its way since before.
            State::Acknowledged | State::SentNonConfirmable(_) => {
                exchange.observing && !exchange.registers && continues(response)
            }
        }
    }

    fn on_notification(&mut self, peer: SocketAddr, response: Message, cx: &mut Cx<'_>) {
        let token = response.token;
        if !continues(&response) {
            self.remove_exchange(peer, token, cx);
        }
        self.remember(peer, &response, cx);
        cx.notify(Notice::NotificationReceived { peer, token, response });
        self.send_queued(peer, cx);
    }

    /// Keeps a response that comes while a renewal is not acknowledged: it is a notification that crosses it, or its answer, whose ACK
    /// was lost (RFC 7252 §5.2.2); by itself it does not tell which.
    fn remember(&mut self, peer: SocketAddr, response: &Message, cx: &mut Cx<'_>) {
        let Some(exchange) = self.exchanges.get_mut(&(peer, response.token)) else { return };
        // The answer to a request that ends the observation is known by its lack of Observe.
        if !exchange.registers || !matches!(exchange.state, State::AwaitingAcknowledgement(_)) {
            return;
        }
        let before = exchange.heard.take().map_or(0, |heard| heard.wire_len());
        exchange.bytes -= before;
        cx.release(before);
        // Without memory for it the answer counts as lost.
        if cx.reserve(response.wire_len()).is_ok() {
            exchange.bytes += response.wire_len();
            exchange.heard = Some(response.clone());
        }
    }

    /// The group that a request with this token was sent to, if one was.
    fn group_asked(&self, token: Token) -> Option<SocketAddr> {
        let asked = self.exchanges.iter().find(|((peer, other), exchange)| {
            peer.ip().is_multicast() && *other == token && exchange.transmissions > 0
        });
        asked.map(|((group, _), _)| *group)
    }

    /// RFC 7252 §8.2: who answers is told by the address; the exchange goes on until its wait is over.
    fn on_group_response(&mut self, group: SocketAddr, peer: SocketAddr, response: Message, cx: &mut Cx<'_>) {
        let token = response.token;
        if let Some(option) = self.refused_in_response(&response.options) {
            return self.reject(peer, &response, Reason::CriticalOption(option), cx);
        }
        if response.message_type == Type::Confirmable {
            self.reply(peer, Message::empty(Type::Acknowledgement, response.message_id), cx);
        }
        cx.notify(Notice::GroupResponseReceived { group, peer, token, response });
        self.heard_of(group, cx);
    }

    fn complete(&mut self, peer: SocketAddr, response: Message, cx: &mut Cx<'_>) {
        let token = response.token;
        if let Some(State::AwaitingAcknowledgement(id)) =
            self.exchanges.get(&(peer, token)).map(|exchange| exchange.state)
        {
            self.measure(peer, id, cx.now());
        }
        let registered = self.exchanges.get_mut(&(peer, token)).filter(|exchange| exchange.registers);
        if let Some(exchange) = registered.filter(|_| continues(&response)) {
            exchange.observing = true;
            let heard = exchange.heard.take().map_or(0, |heard| heard.wire_len());
            exchange.bytes -= heard;
            cx.release(heard);
            let (state, transmissions) = (exchange.state, exchange.transmissions);
            exchange.state = State::Observing;
            self.leave(peer, token, state);
            cx.observe(Trace::Exchange { peer, token, state: ExchangeState::Observing });
            cx.notify(Notice::ResponseReceived { peer, token, response, transmissions });
            return self.send_queued(peer, cx);
        }
        if let Some(transmissions) = self.remove_exchange(peer, token, cx) {
            cx.notify(Notice::ResponseReceived { peer, token, response, transmissions });
            self.send_queued(peer, cx);
        }
    }

    /// Ends an exchange without a response.
    pub(super) fn fail_exchange(&mut self, peer: SocketAddr, token: Token, cause: Cause, cx: &mut Cx<'_>) {
        let heard = self.exchanges.get(&(peer, token)).and_then(|exchange| exchange.heard.clone());
        if let Some(heard) = heard.filter(|_| cause == Cause::TimedOut) {
            // Whichever it was, the client is on the list: RFC 7641 §3 calls each notification a response to the request.
            if let Some(State::AwaitingAcknowledgement(id)) =
                self.exchanges.get(&(peer, token)).map(|known| known.state)
            {
                // It was not acknowledged: there is no round trip to measure.
                self.forget_outgoing(peer, id);
            }
            return self.complete(peer, heard, cx);
        }
        if let Some(transmissions) = self.remove_exchange(peer, token, cx) {
            cx.notify(Notice::Failed { peer, token, cause, transmissions });
            self.send_queued(peer, cx);
        }
    }

    /// Ends a ping.
    pub(super) fn end_ping(&mut self, peer: SocketAddr, id: MessageId, bytes: u64, alive: bool, cx: &mut Cx<'_>) {
        self.forget_outgoing(peer, id);
        cx.release(bytes);
        self.free_place(peer);
        cx.notify(Notice::PingEnded { peer, alive });
        self.send_queued(peer, cx);
    }

    /// Forgets all about an exchange; returns how often its request was sent, or `None` if there
    /// is no such exchange.
    fn remove_exchange(&mut self, peer: SocketAddr, token: Token, cx: &mut Cx<'_>) -> Option<u32> {
        let exchange = self.exchanges.remove(&(peer, token))?;
        self.leave(peer, token, exchange.state);
        cx.release(exchange.bytes);
        cx.observe(Trace::Exchange { peer, token, state: ExchangeState::Ended });
        Some(exchange.transmissions)
    }

    /// What an exchange has in its state is given back.
    fn leave(&mut self, peer: SocketAddr, token: Token, state: State) {
        match state {
            State::Queued => {
                if let Some(entry) = self.peers.get_mut(&peer) {
                    entry.requests.retain(|queued| queued.role != Role::Request(token));
                }
            }
            State::AwaitingAcknowledgement(id) | State::SentNonConfirmable(id) => {
                self.forget_outgoing(peer, id);
                self.free_place(peer);
            }
            State::Acknowledged | State::Observing => {}
        }
        self.timers.cancel(Timer::ResponseWait(peer, token));
    }

    /// One of NSTART places is free again.
    pub(super) fn free_place(&mut self, peer: SocketAddr) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.outstanding -= 1;
        }
    }
}

impl State {
    const fn public(self) -> ExchangeState {
        match self {
            Self::Queued => ExchangeState::Queued,
            Self::AwaitingAcknowledgement(_) => ExchangeState::AwaitingAcknowledgement,
            Self::Acknowledged | Self::SentNonConfirmable(_) => ExchangeState::AwaitingResponse,
            Self::Observing => ExchangeState::Observing,
        }
    }
}

/// Which queue has its turn.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Response,
    Request,
    Notification(Token),
}

/// True for what says that notifications go on: a success with Observe (RFC 7641 §3.1, §4.2).
fn continues(response: &Message) -> bool {
    !response.code.is_error() && response.options.first(OptionNumber::OBSERVE).is_some()
}
