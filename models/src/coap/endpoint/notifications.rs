//! The server's side of observations: states on their way to observers (RFC 7641 §4.5).
//!
//! ```text
//!  Notify ──▶ waiting ──turn──▶ CON: outstanding ──ACK──▶ done
//!               ▲  │                 │  T passes: the newest state goes out in place of the one before
//!    newer state┘  │                 └──RST, or the last T passes──▶ the observer is forgotten
//!                  └──turn──▶ NON: sent; the next one not before the gap is over
//! ```

use super::requests::Queued;
use super::{Cause, Cx, Endpoint, Envelope, Message, MessageId, Misuse, Notice, Role, STATE_BYTES, Timer, Token, Type};
use protosim_core::LocalTime;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Whom states are told, and where that stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Observers {
    by_token: BTreeMap<(SocketAddr, Token), Observer>,
    /// The latest non-confirmable notification of each observer, which a Reset may refer to.
    latest: BTreeMap<(SocketAddr, MessageId), Token>,
}

/// One observer.
#[derive(Clone, Debug, Default)]
struct Observer {
    /// The newest state, if it has not been sent.
    waiting: Option<Waiting>,
    /// The confirmable notification that is not acknowledged.
    outstanding: Option<MessageId>,
    /// When the latest non-confirmable one was sent, its id, and its state.
    told: Option<(LocalTime, MessageId, u64)>,
}

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
        let before = observer.waiting.replace(Waiting { state, message, bytes });
        if let Some(before) = before {
            // It keeps its place in the queue.
            cx.release(before.bytes);
            cx.notify(Notice::NotificationSuperseded { peer, token, state: before.state });
            return Ok(());
        }
        if observer.outstanding.is_none() {
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
        if let Some((_, id, _)) = observer.told {
            self.observers.latest.remove(&(peer, id));
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
        let gap = observer.told.filter(|_| !confirmable);
        let from = gap.map_or(LocalTime::ZERO, |(at, ..)| at.saturating_add(self.config.notification_gap));
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
        let Some(observer) = self.observers.by_token.get_mut(&(peer, token)) else { return };
        if confirmable {
            observer.outstanding = Some(id);
            return;
        }
        if let Some((_, before, _)) = observer.told.replace((now, id, state)) {
            self.observers.latest.remove(&(peer, before));
        }
        self.observers.latest.insert((peer, id), token);
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
        self.lose_observer(peer, token, state, (cause, transmissions), cx);
        self.send_queued(peer, cx);
    }

    /// A Reset for a non-confirmable one. True if there was such a one.
    pub(super) fn on_notification_reset(&mut self, peer: SocketAddr, id: MessageId, cx: &mut Cx<'_>) -> bool {
        let Some(token) = self.observers.latest.get(&(peer, id)).copied() else { return false };
        let told = self.observers.by_token.get(&(peer, token)).and_then(|observer| observer.told);
        let state = told.map_or(0, |(_, _, state)| state);
        self.lose_observer(peer, token, state, (Cause::Reset, 1), cx);
        true
    }

    /// The time-out of a confirmable one, while a newer state waits: that goes out as the next attempt, under an id of its own (RFC
    /// 7641 §4.5.2). True if it did.
    pub(super) fn renew_notification(
        &mut self,
        peer: SocketAddr,
        id: MessageId,
        token: Token,
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
        if let Role::Notification(_, state, bytes) = outgoing.role {
            cx.release(bytes);
            cx.notify(Notice::NotificationSuperseded { peer, token, state });
        }
        message.message_id = new;
        message.message_type = Type::Confirmable;
        cx.spend(crate::coap::ENCODE, message.wire_len());
        if let Some((kept, backoff)) = &mut outgoing.reliable {
            *kept = message.clone();
            self.timers.set(Timer::Retransmission(peer, new), cx.now().saturating_add(backoff.timeout()));
        }
        outgoing.role = role;
        self.outgoing.insert((peer, new), outgoing);
        if let Some(observer) = self.observers.by_token.get_mut(&(peer, token)) {
            observer.outstanding = Some(new);
        }
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
