//! Checks: when they go, what they say, and what their answers mean (RFC 8445 §6.1.4, §7.2).

use super::credentials::{SECRETS, draw_tie_breaker};
use super::interface::{Base, Envelope, Notice, Place, Role, State};
use super::list::{ListState, PairId, PairState};
use super::{Agent, Cx, End};
use crate::ice::candidate::{CandidateKind, Protocol, priority};
use crate::rope::Rope;
use crate::stun::integrity::check_sha1;
use crate::stun::transaction::{Due, TRANSACTION_ID, Timing, Transaction};
use crate::stun::wire::{Attribute, Class, ErrorCode, Fields, Message, MessageType, Method, Writer};
use crate::stun::{ENCODE, INTEGRITY};
use crate::turn::client;
use protosim_core::{Deadline, Span};
use std::net::{IpAddr, SocketAddr};

/// After so many triggered checks in a row another one has its turn (our choice): two NATs whose every answer comes from another port
/// teach a new candidate with each check, and what is triggered goes first.
const MOST_TRIGGERED_IN_A_ROW: u8 = 3;

/// A check under way.
#[derive(Clone, Debug)]
pub(super) struct Check {
    pair: PairId,
    transaction: Transaction,
    end: End,
    nominates: bool,
    role: Role,
    /// It is not sent again, and its answer still counts (§7.3.1.4).
    is_cancelled: bool,
}

impl Agent {
    /// Pairs of a new local candidate with all remote ones, once checks have begun.
    pub(super) fn pair_local(&mut self, list: usize, local: usize, cx: &mut Cx<'_>) {
        if self.may_pair() {
            for remote in 0..self.lists[list].remotes.len() {
                self.add_pair(list, local, remote, cx);
            }
        }
    }

    /// Pairs of a new remote candidate.
    pub(super) fn pair_remote(&mut self, list: usize, remote: usize, cx: &mut Cx<'_>) {
        if self.may_pair() {
            for local in 0..self.lists[list].locals.len() {
                self.add_pair(list, local, remote, cx);
            }
        }
    }

    fn may_pair(&self) -> bool {
        self.state == State::Checking
    }

    fn add_pair(&mut self, list: usize, local: usize, remote: usize, cx: &mut Cx<'_>) {
        // Those that the peer's checks have shown are not paired by themselves (§7.2.5.3.1).
        if self.lists[list].locals[local].candidate.kind == CandidateKind::PeerReflexive
            || self.lists[list].state != ListState::Running
        {
            return;
        }
        let room = self.room();
        if let Some(number) = self.lists[list].add_pair(local, remote, self.role, room) {
            self.set_first_state(PairId { list, number });
            let (base, ip) = (self.lists[list].locals[local].base, self.lists[list].remotes[remote].address.ip());
            // Asked for at once: what the peer checks meanwhile would be lost at the relay.
            if let Some(relay) = self.gathering.relay_of(base) {
                self.command_relay(relay, client::Command::Permit(ip), cx);
            }
        }
    }

    /// How many more pairs there may be.
    pub(super) fn room(&self) -> usize {
        self.config.most_pairs.saturating_sub(self.pairs())
    }

    fn pairs(&self) -> usize {
        self.lists.iter().map(|list| list.pairs.len()).sum()
    }

    /// §6.1.2.6 and RFC 8838 §12: of those with one foundation one waits, the others are frozen until it has succeeded.
    fn set_first_state(&mut self, id: PairId) {
        let Some(pair) = self.lists[id.list].pair(id.number) else { return };
        let foundation = self.lists[id.list].foundation(pair);
        let (mut has_succeeded, mut has_other) = (false, false);
        for (list, other) in self.lists.iter().flat_map(|list| list.pairs.iter().map(move |pair| (list, pair))) {
            if list.foundation(other) == foundation && !std::ptr::eq(other, pair) {
                has_succeeded |= other.state == PairState::Succeeded;
                has_other |= other.state != PairState::Failed;
            }
        }
        if (has_succeeded || !has_other)
            && let Some(pair) = self.lists[id.list].pair_mut(id.number)
        {
            pair.state = PairState::Waiting;
        }
    }

    /// The first states of all pairs at the beginning (§6.1.2.6): for each foundation the pair of the lowest component waits, of
    /// several the one of highest priority.
    pub(super) fn set_first_states(&mut self) {
        let mut all: Vec<(PairId, (u16, u16), u16, u64)> = Vec::new();
        for (index, list) in self.lists.iter().enumerate() {
            let of = |pair: &super::list::Pair| {
                (PairId { list: index, number: pair.number }, list.foundation(pair), pair.component, pair.priority)
            };
            all.extend(list.pairs.iter().map(of));
        }
        all.sort_by_key(|(id, _, component, priority)| (*component, std::cmp::Reverse(*priority), *id));
        let mut seen = Vec::new();
        for (id, foundation, ..) in all {
            let is_first = !seen.contains(&foundation);
            if is_first {
                seen.push(foundation);
            }
            if let Some(pair) = self.lists[id.list].pair_mut(id.number) {
                pair.state = if is_first { PairState::Waiting } else { PairState::Frozen };
            }
        }
    }

    /// Whether a transaction waits for its turn.
    pub(super) fn has_work(&self) -> bool {
        let is_checking = self.state == State::Checking
            && self.lists.iter().any(|list| {
                list.state == ListState::Running
                    && (!list.triggered.is_empty() || list.next_waiting().is_some() || self.thawable(list).is_some())
            });
        self.gathering.has_jobs() || is_checking
    }

    /// What goes at this turn: triggered checks first, then requests to servers, then ordinary checks, list by list.
    pub(super) fn take_turn(&mut self, cx: &mut Cx<'_>) {
        let lists = self.lists.len();
        let order: Vec<usize> = (0..lists).map(|offset| (self.next_list + offset) % lists).collect();
        let is_checking = self.state == State::Checking;
        let running = |agent: &Self, list: &usize| is_checking && agent.lists[*list].state == ListState::Running;
        let running_lists: Vec<usize> = order.into_iter().filter(|list| running(self, list)).collect();
        if self.triggered_in_a_row < MOST_TRIGGERED_IN_A_ROW && self.take_triggered_turn(&running_lists, cx) {
            self.triggered_in_a_row += 1;
            return;
        }
        self.triggered_in_a_row = 0;
        if self.begin_request(cx) {
            return;
        }
        for list in running_lists.iter().copied() {
            let number = self.lists[list].next_waiting().or_else(|| self.thawable(&self.lists[list]));
            if let Some(number) = number
                && self.check(PairId { list, number }, cx)
            {
                self.next_list = (list + 1) % lists;
                return;
            }
        }
        self.take_triggered_turn(&running_lists, cx);
    }

    /// The head of the first queue of triggered checks that has one; false if none has.
    fn take_triggered_turn(&mut self, running: &[usize], cx: &mut Cx<'_>) -> bool {
        for list in running.iter().copied() {
            while let Some(number) = self.lists[list].triggered.pop_front() {
                if self.check(PairId { list, number }, cx) {
                    self.next_list = (list + 1) % self.lists.len();
                    return true;
                }
            }
        }
        false
    }

    /// §6.1.4.2, step 2: a frozen pair of which no other pair with its foundation waits or is being checked, in any list.
    fn thawable(&self, list: &super::list::CheckList) -> Option<u32> {
        let is_busy = |foundation| {
            self.lists.iter().any(|other| {
                other.pairs.iter().any(|pair| {
                    other.foundation(pair) == foundation
                        && matches!(pair.state, PairState::Waiting | PairState::InProgress)
                })
            })
        };
        let mut frozen = list.pairs.iter().filter(|pair| pair.state == PairState::Frozen);
        frozen.find(|pair| !is_busy(list.foundation(pair))).map(|pair| pair.number)
    }

    /// Checks a pair, or waits for the permission that its relay needs first. False if the pair is gone.
    fn check(&mut self, id: PairId, cx: &mut Cx<'_>) -> bool {
        let Some(pair) = self.lists[id.list].pair(id.number) else { return false };
        let (local, remote) = (&self.lists[id.list].locals[pair.local], &self.lists[id.list].remotes[pair.remote]);
        let (base, peer) = (local.base, remote.address);
        let end = End { base, is_tcp: matches!(local.candidate.protocol, Protocol::Tcp(_)) };
        if let Some(relay) = self.gathering.relay_of(base)
            && !self.relay_permits(relay, peer.ip())
        {
            if let Some(pair) = self.lists[id.list].pair_mut(id.number) {
                (pair.state, pair.awaits_permission) = (PairState::InProgress, true);
            }
            self.command_relay(relay, client::Command::Permit(peer.ip()), cx);
            return true;
        }
        let nominates =
            self.lists[id.list].pair(id.number).is_some_and(|pair| pair.nominate) && self.role == Role::Controlling;
        let rto = self.check_rto();
        let Some((transaction, request)) = self.request(id, end, peer, nominates, rto, cx) else { return false };
        if let Some(pair) = self.lists[id.list].pair_mut(id.number) {
            pair.state = PairState::InProgress;
        }
        self.checks.push(Check { pair: id, transaction, end, nominates, role: self.role, is_cancelled: false });
        self.counts.checks += 1;
        self.counts.check_transmissions += 1;
        self.send(end, peer, request, cx);
        true
    }

    /// §14.3: RTO = MAX (500 ms, Ta * N * (Num-Waiting + Num-In-Progress)), N being the number of checks to be made.
    fn check_rto(&self) -> Span {
        let pairs = || self.lists.iter().flat_map(|list| &list.pairs);
        let busy = pairs().filter(|pair| matches!(pair.state, PairState::Waiting | PairState::InProgress)).count();
        let product = self.config.ta.saturating_mul(pairs().count() as u64).saturating_mul(busy as u64);
        self.config.timing.rto.max(product)
    }

    /// The request of a check, or of consent (§7.1, RFC 7675 §5.1).
    pub(super) fn request(
        &mut self,
        id: PairId,
        end: End,
        peer: SocketAddr,
        nominates: bool,
        rto: Span,
        cx: &mut Cx<'_>,
    ) -> Option<(Transaction, Rope)> {
        let pair = self.lists[id.list].pair(id.number)?;
        let local = &self.lists[id.list].locals[pair.local];
        // What a peer-reflexive candidate of this base would have (§7.1.1).
        let (protocol, component) = (local.candidate.protocol, local.candidate.component);
        let worth = priority(CandidateKind::PeerReflexive, protocol, local.preference, component);
        let remote = self.peer.as_ref()?;
        let transaction_id = Transaction::draw_id(cx.rng(TRANSACTION_ID));
        let name = format!("{}:{}", remote.ufrag, self.own.ufrag);
        let role = match self.role {
            Role::Controlling => Attribute::IceControlling(self.tie_breaker),
            Role::Controlled => Attribute::IceControlled(self.tie_breaker),
        };
        let request = Writer::new(MessageType::new(Class::Request, Method::BINDING), transaction_id)
            .with(Attribute::Username(&name))
            .with(Attribute::Priority(worth))
            .with(role)
            .with_if(nominates.then_some(Attribute::UseCandidate))
            .integrity(&remote.key)
            .fingerprint()
            .finish();
        let request = Rope::from(request);
        cx.spend(ENCODE, request.len());
        cx.spend(INTEGRITY, request.len());
        let timing = Timing { rto, ..self.config.timing };
        let transaction = Transaction::new(transaction_id, peer, request.clone(), timing, end.is_tcp, cx.now());
        Some((transaction, request))
    }

    /// Sends from a base, through its server where it is a relayed one.
    pub(super) fn send(&mut self, end: End, peer: SocketAddr, payload: Rope, cx: &mut Cx<'_>) -> bool {
        if let Some(relay) = self.gathering.relay_of(end.base).filter(|_| !end.is_tcp) {
            return self.command_relay(relay, client::Command::Send(peer, payload), cx);
        }
        let base = end.base;
        let place = if end.is_tcp { Place::Tcp { base, peer } } else { Place::Udp { base, peer } };
        cx.transmit(Envelope { place, payload });
        true
    }

    /// A relay's server lets an address send, or does not.
    pub(super) fn permitted(&mut self, relay: usize, ip: IpAddr, is_permitted: bool, cx: &mut Cx<'_>) {
        let relayed = self.gathering.relays[relay].relayed;
        for list in &mut self.lists {
            for at in 0..list.pairs.len() {
                let pair = &list.pairs[at];
                let is_of =
                    Some(list.locals[pair.local].base) == relayed && list.remotes[pair.remote].address.ip() == ip;
                if !is_of || !pair.awaits_permission {
                    continue;
                }
                let number = pair.number;
                list.pairs[at].awaits_permission = false;
                list.pairs[at].state = if is_permitted { PairState::Waiting } else { PairState::Failed };
                if is_permitted {
                    list.triggered.push_back(number);
                }
            }
        }
        self.judge(cx);
    }

    /// An answer to a check; false if it is to none.
    pub(super) fn take_answer(&mut self, end: End, from: SocketAddr, message: &Message<'_>, cx: &mut Cx<'_>) -> bool {
        let id = message.transaction();
        let Some(index) = self.checks.iter().position(|check| check.transaction.id() == id) else { return false };
        cx.spend(INTEGRITY, message.bytes().len() as u64);
        if self.peer.as_ref().is_none_or(|peer| check_sha1(message, &peer.key) != Some(true)) {
            return false;
        }
        let check = self.checks.swap_remove(index);
        let fields = Fields::read(message);
        // §7.2.5.2.1: an answer comes from where the request went, to where it came from.
        let is_symmetric = check.transaction.matches(id, from) && check.end == end;
        match (message.class(), fields.xor_mapped) {
            (Class::Error, _) if fields.error == Some(ErrorCode::ROLE_CONFLICT) => self.conflicted(&check, cx),
            (Class::Success, Some(mapped)) if is_symmetric && fields.unknown.is_empty() => {
                self.succeeded(&check, mapped, cx);
            }
            _ => {
                self.counts.failures += 1;
                self.failed(&check, cx);
            }
        }
        true
    }

    /// §7.2.5.1: the other role, a new tie-breaker, and the check again.
    fn conflicted(&mut self, check: &Check, cx: &mut Cx<'_>) {
        self.counts.role_conflicts += 1;
        if check.role == self.role {
            self.switch_role(cx);
            self.tie_breaker = draw_tie_breaker(cx.rng(SECRETS));
        }
        self.trigger(check.pair);
    }

    /// Puts a pair into the queue of triggered checks, once.
    pub(super) fn trigger(&mut self, id: PairId) {
        let list = &mut self.lists[id.list];
        if let Some(pair) = list.pair_mut(id.number) {
            pair.state = PairState::Waiting;
            if !list.triggered.contains(&id.number) {
                list.triggered.push_back(id.number);
            }
        }
    }

    /// The next check of a pair nominates it; it goes before all others.
    pub(super) fn nominate_next(&mut self, id: PairId) {
        let list = &mut self.lists[id.list];
        if let Some(pair) = list.pair_mut(id.number) {
            (pair.state, pair.nominate) = (PairState::Waiting, true);
            list.triggered.retain(|number| *number != id.number);
            list.triggered.push_front(id.number);
        }
    }

    /// §7.2.5.3: the pair is valid, as the peer sees this end, and those like it may be checked, too.
    fn succeeded(&mut self, check: &Check, mapped: SocketAddr, cx: &mut Cx<'_>) {
        self.counts.successes += 1;
        // What else asks the same need not be asked again.
        for other in self.checks.iter_mut().filter(|other| other.pair == check.pair && !other.nominates) {
            other.is_cancelled = true;
        }
        let list = check.pair.list;
        let Some(pair) = self.lists[list].pair(check.pair.number) else { return };
        let (component, own, foundation) = (pair.component, pair.local, self.lists[list].foundation(pair));
        let local = self.local_seen_at(list, own, mapped, cx);
        let now = cx.now();
        if let Some(pair) = self.lists[list].pair_mut(check.pair.number) {
            (pair.state, pair.valid) = (PairState::Succeeded, Some(local));
        }
        for list in &mut self.lists {
            for at in 0..list.pairs.len() {
                if list.pairs[at].state == PairState::Frozen && list.foundation(&list.pairs[at]) == foundation {
                    list.pairs[at].state = PairState::Waiting;
                }
            }
        }
        let is_first = self.lists[list].component_mut(component).is_some_and(|own| {
            let is_first = own.first_valid.is_none();
            own.first_valid = own.first_valid.or(Some(now));
            is_first
        });
        if is_first {
            cx.notify(Notice::Valid(super::interface::Component { stream: list, number: component }));
        }
        let was_nominated = self.lists[list].pair(check.pair.number).is_some_and(|pair| pair.was_nominated);
        let is_decided = match self.role {
            Role::Controlling => check.nominates,
            Role::Controlled => was_nominated,
        };
        if is_decided {
            self.select(check.pair, cx);
        }
        self.judge(cx);
    }

    /// The local candidate with the address that the peer sees; a new peer-reflexive one if there is none (§7.2.5.3.1).
    fn local_seen_at(&mut self, list: usize, own: usize, mapped: SocketAddr, cx: &mut Cx<'_>) -> usize {
        let Local { base, protocol, component, preference } = Local::of(&self.lists[list].locals[own]);
        let is_it = |local: &super::list::Local| {
            local.candidate.address.ip() == Some(mapped)
                && local.candidate.component == component
                && local.candidate.protocol == protocol
        };
        let locals = &self.lists[list].locals;
        if is_it(&locals[own]) {
            return own;
        }
        let of_base = locals.iter().position(|local| is_it(local) && local.base == base);
        if let Some(known) = of_base.or_else(|| locals.iter().position(is_it)) {
            return known;
        }
        let component = super::interface::Component { stream: list, number: component };
        let base = Base { component, address: base, protocol, rank: 0 };
        self.add_local(base, CandidateKind::PeerReflexive, mapped, base.address, None, cx);
        let added = self.lists[list].locals.len() - 1;
        // What was in PRIORITY of the check.
        let local = &mut self.lists[list].locals[added];
        local.preference = preference;
        local.candidate.priority = priority(CandidateKind::PeerReflexive, protocol, preference, component.number);
        added
    }

    fn failed(&mut self, check: &Check, cx: &mut Cx<'_>) {
        if let Some(pair) = self.lists[check.pair.list].pair_mut(check.pair.number) {
            // Another check of the same pair may have gone better.
            if pair.state != PairState::Succeeded || check.nominates {
                pair.state = PairState::Failed;
                pair.valid = None;
            }
            if check.nominates {
                pair.nominate = false;
                let component = pair.component;
                if let Some(own) = self.lists[check.pair.list].component_mut(component) {
                    own.nominating = None;
                }
            }
        }
        self.judge(cx);
    }

    /// §7.3.1.4: a check is not sent again since a triggered one takes its place.
    pub(super) fn cancel_checks_of(&mut self, id: PairId) {
        for check in self.checks.iter_mut().filter(|check| check.pair == id) {
            check.is_cancelled = true;
        }
    }

    /// A pair's component has been decided: all other checks of it end (§8.1.2).
    pub(super) fn end_checks(&mut self, list: usize, component: u16) {
        let of = |agent: &Self, check: &Check| {
            check.pair.list == list
                && agent.lists[list].pair(check.pair.number).is_none_or(|pair| pair.component == component)
        };
        let kept = self.checks.iter().map(|check| !of(self, check)).collect::<Vec<_>>();
        let mut kept = kept.into_iter();
        self.checks.retain(|_| kept.next().unwrap_or(true));
    }

    /// Sends again what is due.
    pub(super) fn retransmit_checks(&mut self, cx: &mut Cx<'_>) {
        let due: Vec<_> = self.checks.iter().map(|check| check.transaction.id()).collect();
        for id in due {
            let Some(index) = self.checks.iter().position(|check| check.transaction.id() == id) else { continue };
            let check = &mut self.checks[index];
            match check.transaction.handle_timeout(cx.now()) {
                None => {}
                Some(Due::Again(request)) if !check.is_cancelled => {
                    let (end, peer) = (check.end, check.transaction.peer());
                    self.counts.check_transmissions += 1;
                    self.send(end, peer, request, cx);
                }
                Some(Due::Again(_)) => {}
                Some(Due::Failed) => {
                    let check = self.checks.swap_remove(index);
                    // The one that took its place has its own fate.
                    if !check.is_cancelled {
                        self.counts.timed_out += 1;
                        self.failed(&check, cx);
                    }
                }
            }
        }
    }

    /// §7.2.5.2.2: a hard error of ICMP, or a connection that cannot be opened, fails a check.
    pub(super) fn check_unreachable(&mut self, place: Place, cx: &mut Cx<'_>) {
        let (base, peer, is_tcp) = match place {
            Place::Udp { base, peer } => (base, peer, false),
            Place::Tcp { base, peer } => (base, peer, true),
            Place::Server(_) => return,
        };
        let is_lost = |check: &Check| check.end == End { base, is_tcp } && check.transaction.peer() == peer;
        while let Some(index) = self.checks.iter().position(is_lost) {
            let check = self.checks.swap_remove(index);
            self.counts.failures += 1;
            self.failed(&check, cx);
        }
    }

    pub(super) fn check_deadline(&self) -> Option<Deadline> {
        self.checks.iter().map(|check| check.transaction.deadline()).min_by_key(|deadline| deadline.at)
    }
}

/// What a peer-reflexive candidate takes over from the one that it was seen by.
struct Local {
    base: SocketAddr,
    protocol: Protocol,
    component: u16,
    preference: u32,
}

impl Local {
    fn of(local: &super::list::Local) -> Self {
        let (protocol, component) = (local.candidate.protocol, local.candidate.component);
        Self { base: local.base, protocol, component, preference: local.preference }
    }
}
