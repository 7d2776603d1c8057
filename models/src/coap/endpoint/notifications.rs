//! The server's side of observations: states on their way to observers (RFC 7641 §4.5).
//!
//! ```text
//!  Notify ──▶ waiting ──turn──▶ CON: outstanding ──ACK──▶ done
//!               ▲  │                 │  T passes: the newest state goes out in place of the one before
//!    newer state┘  │                 └──RST, or the last T passes──▶ the observer is forgotten
//!                  └──turn──▶ NON: sent; the next one not before the gap is over
//! ```
//! A Reset to any NON of the last NON_LIFETIME, or to any message of a series of attempts, ends the observation; an ACK to an earlier message of
//! a series says that its state is there.

use super::requests::Queued;
use super::{
    Backoff, Cause, Cx, Endpoint, Envelope, Message, MessageId, Misuse, Notice, Role, STATE_BYTES, Timer, Token, Type,
};
use protosim_core::LocalTime;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

/// Whom states are told, and where that stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Observers {
    by_token: BTreeMap<(SocketAddr, Token), Observer>,
    /// Notifications that are not sent again, by which observer: a Reset may refer to them, or an ACK that comes late.
    told: BTreeMap<(SocketAddr, MessageId), Token>,
}

/// One observer.
#[derive(Clone, Debug, Default)]
struct Observer {
    /// The newest state, if it has not been sent.
    waiting: Option<Waiting>,
    /// The confirmable notification that is not acknowledged.
    outstanding: Option<MessageId>,
    /// The non-confirmable ones of the last NON_LIFETIME, oldest first, at most [`MOST_TOLD`].
    told: VecDeque<Told>,
    /// Those in whose place the outstanding one was sent (RFC 7641 §4.5.2), oldest first: fewer than there are attempts.
    earlier: Vec<Earlier>,
}

/// A non-confirmable notification.
#[derive(Clone, Copy, Debug)]
struct Told {
    at: LocalTime,
    id: MessageId,
    state: u64,
}

/// A confirmable notification that a newer one has taken the place of, and whose ACK may still come.
#[derive(Clone, Copy, Debug)]
struct Earlier {
    id: MessageId,
    state: u64,
    /// As it was at its last transmission.
    backoff: Backoff,
}

/// How many non-confirmable notifications of one observer a Reset may refer to. Our choice: at one in 3 s (RFC 7641 §4.5.1) these are those
/// of 192 s, more than NON_LIFETIME; where they follow each other faster, a bound of the memory.
const MOST_TOLD: usize = 64;

/// A state that waits for its turn.
#[derive(Clone, Debug)]
struct Waiting {
    state: u64,
    message: Message,
    bytes: u64,
}

impl Observers {
    /// True if no state waits; what is outstanding has a timer of its own.
    pub(super) fn is_at_rest(&self) -> bool {
        self.by_token.values().all(|observer| observer.waiting.is_none())
    }

    /// Nothing that comes for this id concerns this observer any more; it may have been used again since.
    fn forget(&mut self, peer: SocketAddr, id: MessageId, token: Token) {
        if self.told.get(&(peer, id)) == Some(&token) {
            self.told.remove(&(peer, id));
        }
    }
}

impl Endpoint {
    /// [`super::Command::Notify`]; `message` has type, code, token, options and payload.
    pub(super) fn notify(
        &mut self,
        peer: SocketAddr,
        state: u64,
        message: Message,
        cx: &mut Cx<'_>,
    ) -> Result<(), Misuse> {
        let token = message.token;
        let bytes = STATE_BYTES + message.wire_len();
        cx.reserve(bytes)?;
        let observer = self.observers.by_token.entry((peer, token)).or_default();
        let is_confirmable = |waiting: &Waiting| waiting.message.message_type == Type::Confirmable;
        let was_urgent = observer.waiting.as_ref().is_some_and(is_confirmable);
        let mut newest = Waiting { state, message, bytes };
        let is_urgent = is_confirmable(&newest) && !was_urgent;
        if was_urgent {
            // RFC 7641 §4.5: the observer was due for a confirmable one, and is so still.
            newest.message.message_type = Type::Confirmable;
        }
        let before = observer.waiting.replace(newest);
        let is_free = observer.outstanding.is_none();
        if let Some(before) = before {
            cx.release(before.bytes);
            cx.notify(Notice::NotificationSuperseded { peer, token, state: before.state });
            if !is_urgent || !is_free {
                // It keeps its place in the queue.
                return Ok(());
            }
            // A confirmable one need not wait for the distance of those that are not.
            self.timers.cancel(Timer::Pacing(peer, token));
            self.unqueue_notification(peer, token);
        }
        if is_free {
            self.queue_notification(peer, token, cx);
        }
        Ok(())
    }

    /// [`super::Command::ForgetObserver`].
    pub(super) fn forget_observer(&mut self, peer: SocketAddr, token: Token, cx: &mut Cx<'_>) {
        let Some(observer) = self.observers.by_token.remove(&(peer, token)) else { return };
        self.timers.cancel(Timer::Pacing(peer, token));
        if let Some(waiting) = observer.waiting {
            cx.release(waiting.bytes);
            self.unqueue_notification(peer, token);
        }
        let told = observer.told.iter().map(|told| told.id);
        for id in told.chain(observer.earlier.iter().map(|earlier| earlier.id)) {
            self.observers.forget(peer, id, token);
        }
        if let Some(id) = observer.outstanding {
            if let Some(Role::Notification(_, _, bytes)) = self.outgoing.get(&(peer, id)).map(|outgoing| outgoing.role)
            {
                cx.release(bytes);
            }
            self.forget_outgoing(peer, id);
            self.free_place(peer);
            self.send_queued(peer, cx);
        }
    }

    /// When the state of this observer that waits may be sent: at once, later, or (`None`) when something else is over. Takes no
    /// notice of NSTART and message ids.
    pub(super) fn notification_turn(&self, peer: SocketAddr, token: Token) -> Option<(bool, LocalTime)> {
        let observer = self.observers.by_token.get(&(peer, token))?;
        let confirmable = observer.waiting.as_ref()?.message.message_type == Type::Confirmable;
        // RFC 7641 §4.5.1: without an estimate of the round trip at most one in 3 s.
        let gap = observer.told.back().filter(|_| !confirmable);
        let from = gap.map_or(LocalTime::ZERO, |told| told.at.saturating_add(self.config.notification_gap));
        observer.outstanding.is_none().then_some((confirmable, from))
    }

    /// Takes the state that waits out, to be sent.
    pub(super) fn take_notification(&mut self, peer: SocketAddr, token: Token) -> Option<Queued> {
        let observer = self.observers.by_token.get_mut(&(peer, token))?;
        let Waiting { state, message, bytes } = observer.waiting.take()?;
        Some(Queued { role: Role::Notification(token, state, bytes), message })
    }

    /// It was sent with this id.
    pub(super) fn on_notification_sent(
        &mut self,
        peer: SocketAddr,
        (token, state): (Token, u64),
        (id, confirmable): (MessageId, bool),
        now: LocalTime,
    ) {
        let lifetime = self.config.parameters.non_lifetime();
        let Some(observer) = self.observers.by_token.get_mut(&(peer, token)) else { return };
        if confirmable {
            observer.outstanding = Some(id);
            return;
        }
        let mut over = Vec::new();
        while let Some(oldest) = observer.told.front()
            && (observer.told.len() >= MOST_TOLD || oldest.at.saturating_add(lifetime) <= now)
        {
            over.extend(observer.told.pop_front());
        }
        observer.told.push_back(Told { at: now, id, state });
        over.iter().for_each(|told| self.observers.forget(peer, told.id, token));
        self.observers.told.insert((peer, id), token);
    }

    /// An ACK for a confirmable one.
    pub(super) fn on_notification_acknowledged(
        &mut self,
        peer: SocketAddr,
        id: MessageId,
        (token, state, bytes): (Token, u64, u64),
        cx: &mut Cx<'_>,
    ) {
        let transmissions = self.transmissions(peer, id);
        self.end_outstanding(peer, id, token, bytes, cx);
        self.end_earlier(peer, token, cx);
        cx.notify(Notice::NotificationAcknowledged { peer, token, state, transmissions });
        if self.notification_turn(peer, token).is_some() {
            self.queue_notification(peer, token, cx);
        } else {
            self.send_queued(peer, cx);
        }
    }

    /// It was rejected, or nobody has answered: RFC 7641 §4.5 ends the observation.
    pub(super) fn on_notification_failed(
        &mut self,
        peer: SocketAddr,
        id: MessageId,
        (token, state, bytes): (Token, u64, u64),
        cause: Cause,
        cx: &mut Cx<'_>,
    ) {
        let transmissions = self.transmissions(peer, id);
        self.end_outstanding(peer, id, token, bytes, cx);
        self.end_earlier(peer, token, cx);
        self.lose_observer(peer, token, state, (cause, transmissions), cx);
        self.send_queued(peer, cx);
    }

    /// A Reset for one that is not sent again. True if there was such a one.
    pub(super) fn on_notification_reset(&mut self, peer: SocketAddr, id: MessageId, cx: &mut Cx<'_>) -> bool {
        let lifetime = self.config.parameters.non_lifetime();
        let Some(token) = self.observers.told.get(&(peer, id)).copied() else { return false };
        let Some(observer) = self.observers.by_token.get_mut(&(peer, token)) else { return false };
        let now = cx.now();
        let told = observer.told.iter().find(|told| told.id == id && told.at.saturating_add(lifetime) > now);
        let (state, transmissions) = match told {
            Some(told) => (told.state, 1),
            None => {
                let Some(place) = observer.earlier.iter().position(|earlier| earlier.id == id) else { return false };
                let earlier = observer.earlier.remove(place);
                (earlier.state, earlier.backoff.retransmissions() + 1)
            }
        };
        self.observers.forget(peer, id, token);
        self.end_earlier(peer, token, cx);
        self.lose_observer(peer, token, state, (Cause::Reset, transmissions), cx);
        true
    }

    /// An ACK for a confirmable one that a newer one has taken the place of. True if there was such a one: the observer has that state, and the
    /// attempts for the newer one go on.
    pub(super) fn on_earlier_acknowledged(&mut self, peer: SocketAddr, id: MessageId, cx: &mut Cx<'_>) -> bool {
        let Some(token) = self.observers.told.get(&(peer, id)).copied() else { return false };
        let Some(observer) = self.observers.by_token.get_mut(&(peer, token)) else { return false };
        let Some(place) = observer.earlier.iter().position(|earlier| earlier.id == id) else { return false };
        let Earlier { state, backoff, .. } = observer.earlier.remove(place);
        self.observers.forget(peer, id, token);
        self.measure_by(peer, &backoff, cx.now());
        let transmissions = backoff.retransmissions() + 1;
        cx.notify(Notice::NotificationAcknowledged { peer, token, state, transmissions });
        true
    }

    /// A series of attempts is over: of states before the last one nobody hears any more.
    fn end_earlier(&mut self, peer: SocketAddr, token: Token, cx: &mut Cx<'_>) {
        let Some(observer) = self.observers.by_token.get_mut(&(peer, token)) else { return };
        for Earlier { id, state, .. } in std::mem::take(&mut observer.earlier) {
            self.observers.forget(peer, id, token);
            cx.notify(Notice::NotificationSuperseded { peer, token, state });
        }
    }

    /// The time-out of a confirmable one, while a newer state waits: that goes out as the next attempt, under an id of its own (RFC
    /// 7641 §4.5.2). True if it did.
    pub(super) fn renew_notification(
        &mut self,
        peer: SocketAddr,
        id: MessageId,
        (token, before): (Token, Backoff),
        cx: &mut Cx<'_>,
    ) -> bool {
        let waits = self.observers.by_token.get(&(peer, token)).is_some_and(|observer| observer.waiting.is_some());
        if !waits {
            return false;
        }
        let Ok(new) = self.allocate_id(peer, cx) else { return false };
        let Some(Queued { role, mut message }) = self.take_notification(peer, token) else { return false };
        let Some(mut outgoing) = self.outgoing.remove(&(peer, id)) else { return false };
        self.timers.cancel(Timer::Retransmission(peer, id));
        let earlier = match outgoing.role {
            Role::Notification(_, state, bytes) => {
                cx.release(bytes);
                Some(Earlier { id, state, backoff: before })
            }
            _ => None,
        };
        message.message_id = new;
        message.message_type = Type::Confirmable;
        cx.spend(crate::coap::ENCODE, message.wire_len());
        if let Some((kept, backoff)) = &mut outgoing.reliable {
            *kept = message.clone();
            backoff.begin_anew(cx.now());
            self.timers.set(Timer::Retransmission(peer, new), cx.now().saturating_add(backoff.timeout()));
        }
        outgoing.role = role;
        self.outgoing.insert((peer, new), outgoing);
        if let Some(observer) = self.observers.by_token.get_mut(&(peer, token)) {
            observer.outstanding = Some(new);
            observer.earlier.extend(earlier);
        }
        self.observers.told.insert((peer, id), token);
        cx.transmit(Envelope { peer, message });
        true
    }

    fn end_outstanding(&mut self, peer: SocketAddr, id: MessageId, token: Token, bytes: u64, cx: &mut Cx<'_>) {
        self.forget_outgoing(peer, id);
        cx.release(bytes);
        self.free_place(peer);
        if let Some(observer) = self.observers.by_token.get_mut(&(peer, token)) {
            observer.outstanding = None;
        }
    }

    fn lose_observer(
        &mut self,
        peer: SocketAddr,
        token: Token,
        state: u64,
        (cause, transmissions): (Cause, u32),
        cx: &mut Cx<'_>,
    ) {
        self.forget_observer(peer, token, cx);
        cx.notify(Notice::ObserverLost { peer, token, state, cause, transmissions });
    }

    fn transmissions(&self, peer: SocketAddr, id: MessageId) -> u32 {
        let reliable = self.outgoing.get(&(peer, id)).and_then(|outgoing| outgoing.reliable.as_ref());
        reliable.map_or(1, |(_, backoff)| backoff.retransmissions() + 1)
    }
}
