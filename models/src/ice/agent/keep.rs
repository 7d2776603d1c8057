//! Consent: a pair is used as long as the peer says that it wants what comes (RFC 7675). Its requests keep mappings open, too, so
//! that there are no keepalives beside them (RFC 8445 §11).

use super::credentials::SECRETS;
use super::inbound::Own;
use super::interface::{Component, Mode, Notice, State};
use super::list::PairId;
use super::{Agent, Cx, End};
use crate::ice::candidate::Protocol;
use crate::stun::integrity::check_sha1;
use crate::stun::wire::{Class, ErrorCode, Fields, Message, TransactionId};
use protosim_core::{Deadline, LocalTime, Span};
use std::net::SocketAddr;

/// Requests whose answers are still taken: those of the last 30 s, which are 4 s apart at least.
const MOST_OPEN: usize = 8;

/// Consent of one component.
#[derive(Clone, Debug)]
pub(super) struct Consent {
    component: Component,
    pair: PairId,
    end: End,
    peer: SocketAddr,
    /// When the next request goes; a lite agent makes none.
    next: Option<LocalTime>,
    /// The last sign of it.
    last: LocalTime,
    /// That none came for long has been told.
    is_doubtful: bool,
    /// When the peer has last asked over this pair.
    heard: LocalTime,
    open: Vec<TransactionId>,
    /// Base and peer of a pair of lower priority that the peer has nominated, too.
    nominated_too: Option<Box<(SocketAddr, SocketAddr)>>,
}

impl Agent {
    /// Consent begins with the check that has made the pair valid (RFC 7675 §5.1).
    pub(super) fn begin_consent(&mut self, component: Component, pair: PairId, cx: &mut Cx<'_>) {
        let Some((_, selected)) = self.lists[component.stream].component(component.number).and_then(|own| own.selected)
        else {
            return;
        };
        self.consents.retain(|consent| consent.component != component);
        let next = (self.config.mode == Mode::Full).then(|| self.next_request(cx));
        let end = End { base: selected.base, is_tcp: matches!(selected.protocol, Protocol::Tcp(_)) };
        // It began with the check that has made the pair valid (§5.1).
        let succeeded = self.lists[pair.list].pair(pair.number).and_then(|pair| pair.succeeded_at);
        let last = succeeded.unwrap_or(cx.now());
        let (peer, is_doubtful, open) = (selected.remote, false, Vec::new());
        self.consents.reserve_exact(1);
        let (heard, nominated_too) = (cx.now(), None);
        self.consents.push(Consent { component, pair, end, peer, next, last, is_doubtful, heard, open, nominated_too });
    }

    fn consent_of(&self, own: Own) -> Option<&Consent> {
        let component = Component { stream: own.list, number: own.component };
        self.consents.iter().find(|consent| consent.component == component)
    }

    /// Whether the peer has not asked over the pair that is used for as long as it would have done several times: it uses another one.
    pub(super) fn is_silent(&self, own: Own, now: LocalTime) -> bool {
        let long = self.config.consent_interval.saturating_mul(3);
        self.consent_of(own).is_none_or(|consent| consent.heard.saturating_add(long) <= now)
    }

    /// Whether the peer has nominated this pair beside the one that is used.
    pub(super) fn is_nominated_too(&self, own: Own, pair: (SocketAddr, SocketAddr)) -> bool {
        self.consent_of(own).is_some_and(|consent| consent.nominated_too.as_deref() == Some(&pair))
    }

    /// Keeps in mind that it has, for when the one that is used falls silent.
    pub(super) fn note_nominated_too(&mut self, own: Own, pair: (SocketAddr, SocketAddr)) {
        let component = Component { stream: own.list, number: own.component };
        if let Some(consent) = self.consents.iter_mut().find(|consent| consent.component == component) {
            consent.nominated_too = Some(Box::new(pair));
        }
    }

    /// §5.1: 0.8 to 1.2 times the interval from now.
    fn next_request(&self, cx: &mut Cx<'_>) -> LocalTime {
        let interval = self.config.consent_interval.as_nanos();
        let spread = (u128::from(cx.rng(SECRETS).next_u64()) * u128::from(interval * 2 / 5)) >> 64;
        cx.now().saturating_add(Span::from_nanos(interval * 4 / 5 + spread as u64))
    }

    /// An answer to a request for consent; false if it is to none.
    pub(super) fn take_consent(&mut self, end: End, from: SocketAddr, message: &Message<'_>, cx: &mut Cx<'_>) -> bool {
        let id = message.transaction();
        let is_of = |consent: &Consent| consent.open.contains(&id) && consent.end == end && consent.peer == from;
        let Some(index) = self.consents.iter().position(is_of) else { return false };
        if self.peer.as_ref().is_none_or(|peer| check_sha1(message, &peer.key) != Some(true)) {
            return false;
        }
        self.consents[index].open.retain(|open| *open != id);
        match message.class() {
            Class::Success => {
                self.counts.consents += 1;
                (self.consents[index].last, self.consents[index].is_doubtful) = (cx.now(), false);
            }
            // §5.1: the peer takes it back.
            _ if Fields::read(message).error == Some(ErrorCode::FORBIDDEN) => self.lose_consent(cx),
            _ => {}
        }
        true
    }

    /// The peer has asked over a pair; a lite agent knows by that alone that its peer is there.
    pub(super) fn note_request(&mut self, own: Own, end: End, from: SocketAddr, cx: &mut Cx<'_>) {
        let component = Component { stream: own.list, number: own.component };
        let is_lite = self.config.mode == Mode::Lite;
        let of = self.consents.iter_mut().find(|consent| consent.component == component && consent.peer == from);
        let Some(consent) = of else { return };
        if consent.end == end {
            consent.heard = cx.now();
        }
        if is_lite {
            consent.last = cx.now();
        }
    }

    pub(super) fn consent_timeout(&mut self, cx: &mut Cx<'_>) {
        let expiry = self.config.consent_expiry;
        if self.consents.iter().any(|consent| consent.last.saturating_add(expiry) <= cx.now()) {
            return self.lose_consent(cx);
        }
        self.doubt(cx);
        for index in 0..self.consents.len() {
            if self.consents[index].next.is_none_or(|next| next > cx.now()) {
                continue;
            }
            let Consent { pair, end, peer, .. } = self.consents[index];
            let next = self.next_request(cx);
            self.consents[index].next = Some(next);
            // Each one is a transaction of its own that is sent once.
            let Some((transaction, request)) = self.request(pair, end, peer, false, self.config.timing.rto, cx) else {
                continue;
            };
            self.counts.consent_requests += 1;
            let open = &mut self.consents[index].open;
            if open.len() == MOST_OPEN {
                open.remove(0);
            }
            open.push(transaction.id());
            self.send(end, peer, request, cx);
        }
    }

    /// Tells once of each component for which no answer has come for long.
    fn doubt(&mut self, cx: &mut Cx<'_>) {
        let Some(after) = self.config.doubt_after else { return };
        for consent in self.consents.iter_mut().filter(|consent| !consent.is_doubtful) {
            if consent.last.saturating_add(after) <= cx.now() {
                consent.is_doubtful = true;
                cx.notify(Notice::Doubtful);
            }
        }
    }

    fn lose_consent(&mut self, cx: &mut Cx<'_>) {
        self.consents.clear();
        self.state = State::Lost;
        cx.notify(Notice::ConsentLost);
    }

    pub(super) fn consent_deadline(&self) -> Option<Deadline> {
        let expiry = self.config.consent_expiry;
        let ends = self.consents.iter().map(|consent| consent.last.saturating_add(expiry));
        let ends = ends.map(|at| Deadline { at, timer: "ICE consent expiry" });
        let requests = self.consents.iter().filter_map(|consent| consent.next);
        let requests = requests.map(|at| Deadline { at, timer: "ICE consent" });
        let certain = self.consents.iter().filter(|consent| !consent.is_doubtful);
        let doubts = certain.filter_map(|consent| Some(consent.last.saturating_add(self.config.doubt_after?)));
        let doubts = doubts.map(|at| Deadline { at, timer: "ICE consent" });
        ends.chain(requests).chain(doubts).min_by_key(|deadline| deadline.at)
    }
}
