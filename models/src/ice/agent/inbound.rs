//! Checks of the peer's: whether they are right, what they teach, and what they trigger (RFC 8445 §7.3).

use super::interface::{Component, Mode, Notice, Role, State};
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
        self.note_request(own, asked.end, asked.from, cx);
        if self.config.mode == Mode::Lite {
            return self.heed_lite(own, asked, cx);
        }
        let list = own.list;
        if let Some((_, selected)) = self.lists[list].component(own.component).and_then(|component| component.selected)
        {
            let is_other = (selected.base, selected.remote) != (asked.end.base, asked.from);
            if is_other && (asked.nominates || self.is_nominated_too(own, (asked.end.base, asked.from))) {
                self.follow(own, asked, cx);
            }
            return;
        }
        if self.state != State::Checking || self.lists[list].state != ListState::Running {
            return;
        }
        let found = self.lists[list].find(own.component, asked.end.base, asked.from, asked.end.is_tcp);
        let number = match found {
            Some(number) => number,
            // Two NATs whose every answer comes from another port would teach new pairs for ever, and none else had a turn.
            None if self.lists[list].pairs.len() >= self.most_pairs() => return,
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

    /// The controlling end has nominated another pair. What it asks over is used without a check of this end's own, which would come too late.
    fn follow(&mut self, own: Own, asked: Asked, cx: &mut Cx<'_>) {
        if self.stays(own, asked, cx) {
            return;
        }
        let remote = self.remote_at(own, asked);
        let list = &mut self.lists[own.list];
        let known = list.find(own.component, asked.end.base, asked.from, asked.end.is_tcp);
        let number = known.unwrap_or_else(|| list.add_triggered(own.local, remote, self.role));
        let now = cx.now();
        if let Some(pair) = list.pair_mut(number) {
            (pair.state, pair.valid, pair.succeeded_at) = (PairState::Succeeded, Some(own.local), Some(now));
        }
        self.select(PairId { list: own.list, number }, cx);
    }

    /// Whether the pair that is used stays although another one is nominated. §8.1.1: of several the one of highest priority is used; one of lower
    /// priority only where the peer asks over that one no more: it never heard the answer to its first nomination, or that check failed later.
    fn stays(&mut self, own: Own, asked: Asked, cx: &Cx<'_>) -> bool {
        let list = &self.lists[own.list];
        let selected = list.component(own.component).and_then(|component| list.pair(component.selected?.0));
        let worth = list.priority_with(own.local, self.remote_priority(own, asked), self.role);
        let stays = selected.is_some_and(|pair| pair.priority >= worth) && !self.is_silent(own, cx.now());
        if stays {
            self.note_nominated_too(own, (asked.end.base, asked.from));
        }
        stays
    }

    /// The candidate of the peer's at an address, if there is one.
    fn known_at(&self, own: Own, asked: Asked) -> Option<usize> {
        let is_it = |remote: &Remote| {
            let is_tcp = matches!(remote.candidate.protocol, Protocol::Tcp(_));
            remote.address == asked.from && remote.candidate.component == own.component && is_tcp == asked.end.is_tcp
        };
        self.lists[own.list].remotes.iter().position(is_it)
    }

    /// What the candidate at an address is worth: what the peer has told, else what its check says.
    fn remote_priority(&self, own: Own, asked: Asked) -> u32 {
        let list = &self.lists[own.list];
        let known = self.known_at(own, asked).map(|known| list.remotes[known].candidate.priority);
        let former = || list.former(own.component, asked.from, asked.end.is_tcp).map(|former| former.priority);
        known.or_else(former).unwrap_or(asked.priority)
    }

    /// The remote candidate at an address, a peer-reflexive one if it is new (§7.3.1.3).
    fn remote_at(&mut self, own: Own, asked: Asked) -> usize {
        if let Some(known) = self.known_at(own, asked) {
            return known;
        }
        let list = &mut self.lists[own.list];
        let former = list.former(own.component, asked.from, asked.end.is_tcp);
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
            priority: former.map_or(asked.priority, |former| former.priority),
            address: CandidateAddress::Ip(asked.from),
            kind: former.map_or(CandidateKind::PeerReflexive, |former| former.kind),
            related: None,
        };
        list.remotes.push(Remote { candidate, address: asked.from, foundation });
        list.remotes.len() - 1
    }

    /// A lite agent checks nothing: what the peer nominates is what is used (§8.2).
    fn heed_lite(&mut self, own: Own, asked: Asked, cx: &mut Cx<'_>) {
        let component = Component { stream: own.list, number: own.component };
        // Of a peer that comes from ever other ports only what is nominated counts once there is a pair.
        let is_full = self.lists[own.list].pairs.len() >= self.most_pairs();
        let selected = self.lists[own.list].component(own.component).and_then(|own| own.selected);
        let is_new = selected.is_none_or(|(_, pair)| (pair.remote, pair.base) != (asked.from, asked.end.base));
        let nominates = asked.nominates || self.is_nominated_too(own, (asked.end.base, asked.from));
        if is_full || (selected.is_some() && !(nominates && is_new && !self.stays(own, asked, cx))) {
            return;
        }
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
        if nominates && is_new {
            self.select(PairId { list: own.list, number }, cx);
        }
    }
}
