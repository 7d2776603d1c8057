//! Checks of the peer's: whether they are right, what they teach, and what they trigger (RFC 8445 §7.3).

use super::interface::{Component, Mode, Notice, Role, Selected, State};
use super::list::{ListState, PairId, PairState, Remote};
use super::{Agent, Cx, End};
use crate::ice::candidate::{Candidate, CandidateAddress, CandidateKind, Protocol};
use crate::rope::Rope;
use crate::stun::integrity::check_sha1;
use crate::stun::wire::{Attribute, Class, ErrorCode, Fields, Message, MessageType, Method, Writer};
use crate::stun::{ENCODE, INTEGRITY};
use std::net::SocketAddr;

/// Most checks that are kept from before the peer's description has come (our choice).
const MOST_EARLY: usize = 32;

/// A check that was right, as far as that could be known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    end: End,
    from: SocketAddr,
    /// PRIORITY.
    priority: u32,
    nominates: bool,
}

/// A base of this agent's, and what it is of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    pub(super) list: usize,
    pub(super) local: usize,
    pub(super) component: u16,
}

impl Agent {
    /// What a base is of; `None` if nobody knows of it.
    pub(super) fn own(&self, end: End) -> Option<Own> {
        self.lists.iter().enumerate().find_map(|(list, known)| {
            let is_it = |local: &super::list::Local| {
                let is_tcp = matches!(local.candidate.protocol, Protocol::Tcp(_));
                local.base == end.base
                    && is_tcp == end.is_tcp
                    && matches!(local.candidate.kind, CandidateKind::Host | CandidateKind::Relayed)
            };
            let local = known.locals.iter().position(is_it)?;
            Some(Own { list, local, component: known.locals[local].candidate.component })
        })
    }

    /// A request: checked as short-term credentials have it (RFC 8489 §9.1.3), then by role (§7.3.1.1), and answered.
    pub(super) fn take_request(&mut self, end: End, from: SocketAddr, message: &Message<'_>, cx: &mut Cx<'_>) {
        if message.method() != Method::BINDING {
            self.counts.unexpected += 1;
            return;
        }
        cx.spend(INTEGRITY, message.bytes().len() as u64);
        let fields = Fields::read(message);
        if let Some(code) = self.flaw(message, &fields) {
            *match code {
                ErrorCode::UNAUTHENTICATED => &mut self.counts.unauthenticated,
                ErrorCode::UNKNOWN_ATTRIBUTE => &mut self.counts.unknown_attributes,
                _ => &mut self.counts.bad_requests,
            } += 1;
            return self.refuse(end, from, message, code, &fields, cx);
        }
        if self.is_in_conflict(&fields, cx) {
            self.counts.role_conflicts += 1;
            return self.refuse(end, from, message, ErrorCode::ROLE_CONFLICT, &fields, cx);
        }
        self.counts.answered += 1;
        let answer = Writer::new(MessageType::new(Class::Success, Method::BINDING), message.transaction())
            .with(Attribute::XorMappedAddress(from))
            .integrity(&self.own.key)
            .fingerprint()
            .finish();
        self.answer(end, from, answer, cx);
        let nominates = fields.use_candidate && self.role == Role::Controlled;
        // A check without PRIORITY is of nobody who knows ICE, and was refused.
        let asked = Asked { end, from, priority: fields.priority.unwrap_or_default(), nominates };
        if self.peer.is_none() || self.state == State::New {
            if self.early.len() < MOST_EARLY {
                self.early.push(asked);
            }
            return;
        }
        self.heed(asked, cx);
    }

    /// What is wrong with a request.
    fn flaw(&self, message: &Message<'_>, fields: &Fields<'_>) -> Option<ErrorCode> {
        let (Some(name), true) = (fields.username, fields.has_integrity) else { return Some(ErrorCode::BAD_REQUEST) };
        // Who is meant stands first (§7.2.2); the rest is the peer's name, once it is known.
        let is_ours = name.split_once(':').is_some_and(|(own, other)| {
            own == &*self.own.ufrag && self.peer.as_ref().is_none_or(|peer| other == &*peer.ufrag)
        });
        if !is_ours || check_sha1(message, &self.own.key) != Some(true) {
            return Some(ErrorCode::UNAUTHENTICATED);
        }
        if !fields.unknown.is_empty() {
            return Some(ErrorCode::UNKNOWN_ATTRIBUTE);
        }
        // §7.1.1, §7.1.3: a check has both.
        let is_whole = fields.priority.is_some() && fields.controlling.is_some() != fields.controlled.is_some();
        (!is_whole || fields.malformed.is_some()).then_some(ErrorCode::BAD_REQUEST)
    }

    /// §7.3.1.1: both in one role; the larger tie-breaker has its will. True if it is the peer that has to change.
    fn is_in_conflict(&mut self, fields: &Fields<'_>, cx: &mut Cx<'_>) -> bool {
        let (other, wins_as) = match (self.role, fields.controlling, fields.controlled) {
            (Role::Controlling, Some(other), _) => (other, Role::Controlling),
            (Role::Controlled, _, Some(other)) => (other, Role::Controlling),
            _ => return false,
        };
        // Of two that control the larger one goes on; of two that are controlled the larger one begins to.
        let is_larger = self.tie_breaker >= other;
        let keeps = (self.role == wins_as) == is_larger;
        if !keeps {
            self.switch_role(cx);
        }
        keeps
    }

    fn refuse(
        &mut self,
        end: End,
        from: SocketAddr,
        message: &Message<'_>,
        code: ErrorCode,
        fields: &Fields<'_>,
        cx: &mut Cx<'_>,
    ) {
        let mut writer =
            Writer::new(MessageType::new(Class::Error, Method::BINDING), message.transaction()).error(code);
        if code == ErrorCode::UNKNOWN_ATTRIBUTE {
            writer = writer.unknown(&fields.unknown);
        }
        // RFC 8489 §9.1.3: errors about credentials have no integrity.
        if !matches!(code, ErrorCode::BAD_REQUEST | ErrorCode::UNAUTHENTICATED) {
            writer = writer.integrity(&self.own.key);
        }
        self.answer(end, from, writer.fingerprint().finish(), cx);
    }

    fn answer(&mut self, end: End, to: SocketAddr, bytes: Vec<u8>, cx: &mut Cx<'_>) {
        let payload = Rope::from(bytes);
        cx.spend(ENCODE, payload.len());
        cx.spend(INTEGRITY, payload.len());
        self.send(end, to, payload, cx);
    }

    /// Checks from before the peer's description.
    pub(super) fn heed_early(&mut self, cx: &mut Cx<'_>) {
        for asked in std::mem::take(&mut self.early) {
            self.heed(asked, cx);
        }
    }

    /// What a right check teaches (§7.3.1.3 to §7.3.1.5).
    fn heed(&mut self, asked: Asked, cx: &mut Cx<'_>) {
        let Some(own) = self.own(asked.end) else { return };
        self.renew_consent_by_request(own, asked.from, cx);
        if self.config.mode == Mode::Lite {
            return self.heed_lite(own, asked, cx);
        }
        if self.state != State::Checking || self.lists[own.list].state != ListState::Running {
            return;
        }
        let list = own.list;
        if self.lists[list].component(own.component).is_some_and(|component| component.selected.is_some()) {
            return;
        }
        let found = self.lists[list].find(own.component, asked.end.base, asked.from, asked.end.is_tcp);
        let number = match found {
            Some(number) => number,
            // Two NATs whose every answer comes from another port would teach new pairs for ever, and none else had a turn.
            None if self.room() == 0 => return,
            None => {
                let remote = self.remote_at(own, asked);
                self.lists[list].add_triggered(own.local, remote, self.role)
            }
        };
        let id = PairId { list, number };
        let Some(pair) = self.lists[list].pair_mut(number) else { return };
        pair.was_nominated |= asked.nominates;
        let (state, awaits_permission) = (pair.state, pair.awaits_permission);
        match state {
            PairState::Succeeded if asked.nominates => self.select(id, cx),
            PairState::Succeeded => {}
            PairState::InProgress if awaits_permission => {}
            PairState::InProgress => {
                self.cancel_checks_of(id);
                self.trigger(id);
            }
            PairState::Frozen | PairState::Waiting | PairState::Failed => self.trigger(id),
        }
    }

    /// The remote candidate at an address, a peer-reflexive one if it is new (§7.3.1.3).
    fn remote_at(&mut self, own: Own, asked: Asked) -> usize {
        let list = &mut self.lists[own.list];
        let is_it = |remote: &Remote| {
            let is_tcp = matches!(remote.candidate.protocol, Protocol::Tcp(_));
            remote.address == asked.from && remote.candidate.component == own.component && is_tcp == asked.end.is_tcp
        };
        if let Some(known) = list.remotes.iter().position(is_it) {
            return known;
        }
        let protocol = match list.locals[own.local].candidate.protocol {
            Protocol::Udp => Protocol::Udp,
            Protocol::Tcp(tcp) => Protocol::Tcp(tcp.counterpart()),
        };
        // A foundation that no other candidate has: no number of ours is so large.
        let foundation = u16::MAX - list.remotes.len() as u16;
        let candidate = Candidate {
            foundation: format!("p{foundation}").into(),
            component: own.component,
            protocol,
            priority: asked.priority,
            address: CandidateAddress::Ip(asked.from),
            kind: CandidateKind::PeerReflexive,
            related: None,
        };
        list.remotes.push(Remote { candidate, address: asked.from, foundation });
        list.remotes.len() - 1
    }

    /// A lite agent checks nothing: what the peer nominates is what is used (§8.2).
    fn heed_lite(&mut self, own: Own, asked: Asked, cx: &mut Cx<'_>) {
        let component = Component { stream: own.list, number: own.component };
        let remote = self.remote_at(own, asked);
        let list = &mut self.lists[own.list];
        let now = cx.now();
        let known = list.find(own.component, asked.end.base, asked.from, asked.end.is_tcp);
        let number = known.unwrap_or_else(|| list.add_triggered(own.local, remote, Role::Controlled));
        if let Some(pair) = list.pair_mut(number) {
            (pair.state, pair.valid) = (PairState::Succeeded, Some(own.local));
        }
        let Some(state) = list.component_mut(own.component) else { return };
        if state.first_valid.is_none() {
            state.first_valid = Some(now);
            cx.notify(Notice::Valid(component));
        }
        let is_new = self.lists[own.list].component(own.component).is_some_and(|state| {
            state
                .selected
                .is_none_or(|(_, Selected { remote, base, .. })| (remote, base) != (asked.from, asked.end.base))
        });
        if asked.nominates && is_new {
            self.select(PairId { list: own.list, number }, cx);
        }
    }
}
