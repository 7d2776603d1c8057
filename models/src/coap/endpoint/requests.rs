//! The client's side: requests from the queue to their end (RFC 7252 §4.2, §4.7, §5.2, §5.3).

use super::{
    ACK_TIMEOUT_LUCK, Backoff, Cause, Cx, Endpoint, Envelope, ExchangeState, MESSAGE_ID_LUCK, Message, MessageId,
    MessageIds, Misuse, Notice, Outgoing, Reason, Role, STATE_BYTES, Timer, Token, Trace, Type, empty,
};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// One of our requests.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    state: State,
    /// How often the request has been sent.
    pub(super) transmissions: u32,
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
}

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
        if self.exchanges.contains_key(&(peer, token)) {
            return Err(Misuse::TokenInUse(token));
        }
        let bytes = STATE_BYTES + message.wire_len();
        cx.reserve(bytes)?;
        self.exchanges.insert((peer, token), Exchange { state: State::Queued, transmissions: 0, bytes });
        cx.observe(Trace::Exchange { peer, token, state: ExchangeState::Queued });
        self.enqueue(peer, Queued { role: Role::Request(token), message }, cx);
        Ok(())
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

    /// Puts a message of ours in its queue, and sends what may be sent.
    pub(super) fn enqueue(&mut self, peer: SocketAddr, queued: Queued, cx: &mut Cx<'_>) {
        let entry = self.peers.entry(peer).or_insert_with(|| {
            // Below 2^16, so it fits.
            let first = cx.rng(MESSAGE_ID_LUCK).below(1 << 16) as u16;
            Peer {
                ids: MessageIds::starting_at(first),
                outstanding: 0,
                requests: VecDeque::new(),
                responses: VecDeque::new(),
            }
        });
        match queued.role {
            Role::Response(..) => entry.responses.push_back(queued),
            Role::Request(_) | Role::Ping(_) => entry.requests.push_back(queued),
        }
        self.send_queued(peer, cx);
    }

    /// Sends from the queues as far as NSTART and message ids reach.
    pub(super) fn send_queued(&mut self, peer: SocketAddr, cx: &mut Cx<'_>) {
        let lifetime = self.config.parameters.exchange_lifetime();
        while let Some(entry) = self.peers.get_mut(&peer) {
            let queue = if !entry.responses.is_empty() {
                &mut entry.responses
            } else if !entry.requests.is_empty() && entry.outstanding < self.config.nstart {
                &mut entry.requests
            } else {
                return;
            };
            match entry.ids.allocate(cx.now(), lifetime) {
                Ok(id) => {
                    let queued = queue.pop_front().expect("the queue was just found not to be empty");
                    if !matches!(queued.role, Role::Response(..)) {
                        entry.outstanding += 1;
                    }
                    self.send_new(peer, id, queued, cx);
                }
                Err(free) => return self.timers.set(Timer::MessageId(peer), free),
            }
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
            }
        }
        let reliable = confirmable.then(|| {
            let backoff = Backoff::start(&self.config.parameters, cx.rng(ACK_TIMEOUT_LUCK));
            self.timers.set(Timer::Retransmission(peer, id), cx.now().saturating_add(backoff.timeout()));
            (message.clone(), backoff)
        });
        match role {
            // Sent once, and nothing that may come back concerns it.
            Role::Response(_, bytes) if reliable.is_none() => cx.release(bytes),
            _ => {
                self.outgoing.insert((peer, id), Outgoing { role, reliable });
            }
        }
        cx.transmit(Envelope { peer, message });
    }

    /// An empty ACK: the response will come separately (RFC 7252 §5.2.2).
    pub(super) fn on_request_acknowledged(&mut self, peer: SocketAddr, token: Token, cx: &mut Cx<'_>) {
        let Some(exchange) = self.exchanges.get_mut(&(peer, token)) else { return };
        if let State::AwaitingAcknowledgement(id) = exchange.state {
            exchange.state = State::Acknowledged;
            self.forget_outgoing(peer, id);
            self.timers.set(Timer::ResponseWait(peer, token), cx.now().saturating_add(self.config.response_wait));
            cx.observe(Trace::Exchange { peer, token, state: ExchangeState::AwaitingResponse });
            // RFC 7252 §4.7: a request that has its ACK is not outstanding any more.
            self.free_place(peer);
            self.send_queued(peer, cx);
        }
    }

    /// A response in the ACK; message id and token match.
    pub(super) fn on_piggybacked_response(&mut self, peer: SocketAddr, response: Message, cx: &mut Cx<'_>) {
        // RFC 7252 §5.4.1: rejected, which for an ACK means ignored (§4.2); the request goes on.
        if let Some(option) = response.options.unrecognised_critical(self.config.understood) {
            return cx.observe(Trace::Ignored { peer, reason: Reason::CriticalOption(option) });
        }
        self.complete(peer, response, cx);
    }

    /// A response in a message of its own, CON or NON (RFC 7252 §5.2.2, §5.2.3, §5.3.2).
    pub(super) fn on_response(&mut self, peer: SocketAddr, response: Message, cx: &mut Cx<'_>) {
        let expected = self.exchanges.get(&(peer, response.token)).is_some_and(|exchange| exchange.transmissions > 0);
        if !expected {
            return self.reject(peer, &response, Reason::Unexpected, cx);
        }
        if let Some(option) = response.options.unrecognised_critical(self.config.understood) {
            return self.reject(peer, &response, Reason::CriticalOption(option), cx);
        }
        if response.message_type == Type::Confirmable {
            self.reply(peer, Message::empty(Type::Acknowledgement, response.message_id), cx);
        }
        // Also ends retransmission: the response shows that the request came, and stands for an
        // ACK that was lost (RFC 7252 §5.2.2).
        self.complete(peer, response, cx);
    }

    fn complete(&mut self, peer: SocketAddr, response: Message, cx: &mut Cx<'_>) {
        let token = response.token;
        if let Some(transmissions) = self.remove_exchange(peer, token, cx) {
            cx.notify(Notice::ResponseReceived { peer, token, response, transmissions });
            self.send_queued(peer, cx);
        }
    }

    /// Ends an exchange without a response.
    pub(super) fn fail_exchange(&mut self, peer: SocketAddr, token: Token, cause: Cause, cx: &mut Cx<'_>) {
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
        match exchange.state {
            State::Queued => {
                if let Some(entry) = self.peers.get_mut(&peer) {
                    entry.requests.retain(|queued| queued.role != Role::Request(token));
                }
            }
            State::AwaitingAcknowledgement(id) | State::SentNonConfirmable(id) => {
                self.forget_outgoing(peer, id);
                self.free_place(peer);
            }
            State::Acknowledged => {}
        }
        self.timers.cancel(Timer::ResponseWait(peer, token));
        cx.release(exchange.bytes);
        cx.observe(Trace::Exchange { peer, token, state: ExchangeState::Ended });
        Some(exchange.transmissions)
    }

    /// One of NSTART places is free again.
    fn free_place(&mut self, peer: SocketAddr) {
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
        }
    }
}
