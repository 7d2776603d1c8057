//! A check list: the pairs of one data stream, and their states (RFC 8445 §6.1.2).

use super::interface::{Component, Role, Selected};
use crate::ice::candidate::{Candidate, CandidateKind, Protocol, can_pair, pair_priority};
use protosim_core::LocalTime;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// A candidate of this agent's.
#[derive(Clone, Debug)]
pub(super) struct Local {
    pub(super) candidate: Candidate,
    /// What it is sent from: of relayed ones and of hosts' it is itself.
    pub(super) base: SocketAddr,
    /// The local preference that peer-reflexive candidates of this base have in PRIORITY.
    pub(super) preference: u32,
    /// Number of the foundation.
    pub(super) foundation: u16,
}

/// A candidate of the peer's.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    pub(super) candidate: Candidate,
    pub(super) address: SocketAddr,
    /// Number of the foundation.
    pub(super) foundation: u16,
}

/// What is kept of a candidate of the peer's that was told and is in no pair any more: the peer may still nominate one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Former {
    address: SocketAddr,
    component: u16,
    is_tcp: bool,
    pub(super) kind: CandidateKind,
    pub(super) priority: u32,
}

/// The state of a pair (§6.1.2.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PairState {
    Frozen,
    Waiting,
    InProgress,
    Succeeded,
    Failed,
}

/// Names a pair as long as its agent lives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct PairId {
    pub(super) list: usize,
    pub(super) number: u32,
}

/// A pair of candidates.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) number: u32,
    pub(super) component: u16,
    /// Places in the lists of candidates.
    pub(super) local: usize,
    pub(super) remote: usize,
    pub(super) priority: u64,
    pub(super) state: PairState,
    /// The next check of it nominates it.
    pub(super) nominate: bool,
    /// The peer, which controls, has nominated it.
    pub(super) was_nominated: bool,
    /// It waits for a relay's permission.
    pub(super) awaits_permission: bool,
    /// When it last succeeded.
    pub(super) succeeded_at: Option<LocalTime>,
    /// The local candidate of the valid pair that its check has shown (§7.2.5.3.2), which differs from its own behind a NAT.
    pub(super) valid: Option<usize>,
}

/// Where a list stands (§6.1.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ListState {
    Running,
    Completed,
    Failed,
}

/// What is known of a component.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct ComponentState {
    /// When the first pair was valid.
    pub(super) first_valid: Option<LocalTime>,
    /// A pair is being nominated.
    pub(super) nominating: Option<u32>,
    pub(super) selected: Option<(u32, Selected)>,
}

/// The check list of one data stream.
#[derive(Clone, Debug)]
pub(super) struct CheckList {
    pub(super) locals: Vec<Local>,
    pub(super) remotes: Vec<Remote>,
    /// In falling order of priority.
    pub(super) pairs: Vec<Pair>,
    pub(super) triggered: VecDeque<u32>,
    pub(super) state: ListState,
    pub(super) components: Vec<ComponentState>,
    former: Box<[Former]>,
    next_number: u32,
}

impl CheckList {
    pub(super) fn new(components: u16) -> Self {
        Self {
            locals: Vec::new(),
            remotes: Vec::new(),
            pairs: Vec::new(),
            triggered: VecDeque::new(),
            state: ListState::Running,
            components: vec![ComponentState::default(); usize::from(components)],
            former: Box::default(),
            next_number: 0,
        }
    }

    pub(super) fn pair(&self, number: u32) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.number == number)
    }

    pub(super) fn pair_mut(&mut self, number: u32) -> Option<&mut Pair> {
        self.pairs.iter_mut().find(|pair| pair.number == number)
    }

    /// What pairs are like each other by (§5.1.1.3).
    pub(super) fn foundation(&self, pair: &Pair) -> (u16, u16) {
        (self.locals[pair.local].foundation, self.remotes[pair.remote].foundation)
    }

    /// The pair of a base and a remote address.
    pub(super) fn find(&self, component: u16, base: SocketAddr, remote: SocketAddr, is_tcp: bool) -> Option<u32> {
        let fits = |pair: &&Pair| {
            let (local, other) = (&self.locals[pair.local], &self.remotes[pair.remote]);
            pair.component == component
                && local.base == base
                && other.address == remote
                && is_tcp == matches!(local.candidate.protocol, Protocol::Tcp(_))
        };
        self.pairs.iter().find(fits).map(|pair| pair.number)
    }

    /// The pair of these candidates, which is made if there is none and both can be one; `None` too where there is no room.
    /// What is local is its base from then on (§6.1.2.4); of two that are then the same the one of higher priority stays.
    /// Beyond `most` pairs the one of lowest priority goes, of those that are not checked yet (§6.1.2.5).
    pub(super) fn add_pair(&mut self, local: usize, remote: usize, role: Role, most: usize) -> Option<u32> {
        let (own, other) = (&self.locals[local], &self.remotes[remote]);
        let component = own.candidate.component;
        let ends = (own.candidate.protocol, own.base.ip());
        if component != other.candidate.component || !can_pair(ends, (other.candidate.protocol, other.address.ip())) {
            return None;
        }
        let priority = priority_of(role, &own.candidate, &other.candidate);
        let is_tcp = matches!(own.candidate.protocol, Protocol::Tcp(_));
        if let Some(known) = self.find(component, own.base, other.address, is_tcp) {
            if let Some(pair) = self.pair_mut(known).filter(|pair| pair.priority < priority) {
                (pair.local, pair.priority) = (local, priority);
                self.sort();
            }
            return None;
        }
        if self.pairs.len() >= most {
            let is_idle = |pair: &Pair| {
                matches!(pair.state, PairState::Frozen | PairState::Waiting) && !self.triggered.contains(&pair.number)
            };
            let lowest = self.pairs.iter().rposition(is_idle)?;
            if self.pairs[lowest].priority >= priority {
                return None;
            }
            self.pairs.remove(lowest);
        }
        Some(self.add_triggered(local, remote, role))
    }

    /// The pair of these candidates, which there was not: the peer's check has come this way, so that both fit.
    pub(super) fn add_triggered(&mut self, local: usize, remote: usize, role: Role) -> u32 {
        let (own, other) = (&self.locals[local].candidate, &self.remotes[remote].candidate);
        let number = self.next_number;
        self.next_number += 1;
        let pair = Pair {
            number,
            component: own.component,
            local,
            remote,
            priority: priority_of(role, own, other),
            state: PairState::Frozen,
            nominate: false,
            was_nominated: false,
            awaits_permission: false,
            succeeded_at: None,
            valid: None,
        };
        self.pairs.push(pair);
        self.sort();
        number
    }

    /// Priorities of all pairs anew, after a change of role.
    pub(super) fn reorder(&mut self, role: Role) {
        for pair in &mut self.pairs {
            let (local, remote) = (&self.locals[pair.local].candidate, &self.remotes[pair.remote].candidate);
            pair.priority = priority_of(role, local, remote);
        }
        self.sort();
    }

    fn sort(&mut self) {
        self.pairs.sort_by_key(|pair| (std::cmp::Reverse(pair.priority), pair.component, pair.number));
    }

    /// The next ordinary check (§6.1.4.2, steps 2 and 3): the waiting pair of highest priority, those of lower components first.
    pub(super) fn next_waiting(&self) -> Option<u32> {
        // What is in the triggered queue goes from there.
        let is_ordinary = |pair: &&Pair| pair.state == PairState::Waiting && !self.triggered.contains(&pair.number);
        self.pairs.iter().find(is_ordinary).map(|pair| pair.number)
    }

    /// Whether every pair is through.
    pub(super) fn is_through(&self) -> bool {
        self.pairs.iter().all(|pair| matches!(pair.state, PairState::Succeeded | PairState::Failed))
    }

    /// Whether a component has no valid pair.
    pub(super) fn lacks_valid(&self) -> bool {
        self.components.iter().any(|component| component.first_valid.is_none())
    }

    /// The priority of the valid pair that a pair's check has shown: its local candidate may be another one.
    pub(super) fn valid_priority(&self, pair: &Pair, role: Role) -> Option<u64> {
        let local = &self.locals[pair.valid?].candidate;
        Some(priority_of(role, local, &self.remotes[pair.remote].candidate))
    }

    /// Whether a relay is in a pair.
    pub(super) fn is_relayed(&self, pair: &Pair) -> bool {
        self.locals[pair.local].candidate.kind == CandidateKind::Relayed
            || self.remotes[pair.remote].candidate.kind == CandidateKind::Relayed
    }

    pub(super) fn component(&self, number: u16) -> Option<&ComponentState> {
        self.components.get(usize::from(number).checked_sub(1)?)
    }

    pub(super) fn component_mut(&mut self, number: u16) -> Option<&mut ComponentState> {
        self.components.get_mut(usize::from(number).checked_sub(1)?)
    }

    /// A valid pair, as its user sees it.
    pub(super) fn selected(&self, pair: &Pair) -> Option<Selected> {
        let (local, remote) = (&self.locals[pair.valid?], &self.remotes[pair.remote]);
        Some(Selected {
            local_kind: local.candidate.kind,
            local: local.candidate.address.ip()?,
            base: local.base,
            remote_kind: remote.candidate.kind,
            remote: remote.address,
            protocol: local.candidate.protocol,
        })
    }

    /// The best valid pair of a component.
    pub(super) fn best_valid(&self, component: u16, role: Role) -> Option<&Pair> {
        let of_component = self.pairs.iter().filter(|pair| pair.component == component);
        // Of two alike the first one found stays.
        let best = of_component.filter_map(|pair| Some((self.valid_priority(pair, role)?, pair)));
        best.max_by_key(|(priority, pair)| (*priority, std::cmp::Reverse(pair.number))).map(|(_, pair)| pair)
    }

    /// What the peer has told of an address that is in no pair any more.
    pub(super) fn former(&self, component: u16, address: SocketAddr, is_tcp: bool) -> Option<Former> {
        let is_it = |old: &&Former| (old.component, old.address, old.is_tcp) == (component, address, is_tcp);
        self.former.iter().find(is_it).copied()
    }

    /// The priority of a pair of a local candidate and one of the peer's with a priority of its own.
    pub(super) fn priority_with(&self, local: usize, remote: u32, role: Role) -> u64 {
        let local = self.locals[local].candidate.priority;
        match role {
            Role::Controlling => pair_priority(local, remote),
            Role::Controlled => pair_priority(remote, local),
        }
    }

    /// Forgets what a completed list does not need any more: pairs that were not selected, and most candidates of no pair.
    pub(super) fn shrink(&mut self) {
        let kept: Vec<u32> = self.components.iter().filter_map(|own| own.selected.map(|(number, _)| number)).collect();
        self.pairs.retain(|pair| kept.contains(&pair.number));
        self.pairs.shrink_to_fit();
        self.triggered = VecDeque::new();
        // What could still be nominated instead comes to a base of this end's.
        let is_base = |local: &Local| matches!(local.candidate.kind, CandidateKind::Host | CandidateKind::Relayed);
        let mut locals: Vec<usize> = (0..self.locals.len()).filter(|at| is_base(&self.locals[*at])).collect();
        let mut remotes = Vec::new();
        for pair in &mut self.pairs {
            pair.local = place_of(&mut locals, pair.local);
            pair.valid = pair.valid.map(|local| place_of(&mut locals, local));
            pair.remote = place_of(&mut remotes, pair.remote);
        }
        let gone = self.remotes.iter().enumerate().filter(|(at, _)| !remotes.contains(at)).map(|(_, remote)| remote);
        let told = gone.filter(|remote| remote.candidate.kind != CandidateKind::PeerReflexive);
        let former = told.map(|remote| Former {
            address: remote.address,
            component: remote.candidate.component,
            is_tcp: matches!(remote.candidate.protocol, Protocol::Tcp(_)),
            kind: remote.candidate.kind,
            priority: remote.candidate.priority,
        });
        self.former = former.collect();
        self.locals = locals.into_iter().map(|old| self.locals[old].clone()).collect();
        self.remotes = remotes.into_iter().map(|old| self.remotes[old].clone()).collect();
    }
}

/// The new place of what was at an old one.
fn place_of(kept: &mut Vec<usize>, old: usize) -> usize {
    kept.iter().position(|known| *known == old).unwrap_or_else(|| {
        kept.push(old);
        kept.len() - 1
    })
}

/// The priority of a pair, as both ends compute it.
fn priority_of(role: Role, local: &Candidate, remote: &Candidate) -> u64 {
    match role {
        Role::Controlling => pair_priority(local.priority, remote.priority),
        Role::Controlled => pair_priority(remote.priority, local.priority),
    }
}

impl Pair {
    /// The component that it is of.
    pub(super) fn component(&self, list: usize) -> Component {
        Component { stream: list, number: self.component }
    }
}
