//! Two agents and what is between them: for tests that want every instant in their hands.

use super::*;
use crate::rope::Rope;
use protosim_core::{Effect, IdealEnv, Machine, MachineCx};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) const ALICE: usize = 0;
pub(super) const BOB: usize = 1;

/// What becomes of a datagram from one address to another: `None` if it is lost, else after how long it arrives.
pub(super) type Fate = Box<dyn FnMut(SocketAddr, SocketAddr, LocalTime, &Rope) -> Option<Span>>;

/// One thing that an agent has sent, heard of, or been told.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Sent(SocketAddr, SocketAddr, Rope),
    Told(Notice),
}

/// Two agents.
pub(super) struct World {
    pub(super) agents: [Agent; 2],
    envs: [IdealEnv; 2],
    pub(super) now: LocalTime,
    flying: BTreeMap<(LocalTime, u64), (usize, Envelope)>,
    number: u64,
    pub(super) fate: Fate,
    /// When, whose, what.
    pub(super) events: Vec<(LocalTime, usize, Event)>,
    /// Whose address is whose.
    owners: BTreeMap<SocketAddr, usize>,
}

impl World {
    /// Agents with these settings and roles, between whose addresses everything takes `delay`.
    pub(super) fn new(configs: [AgentConfig; 2], roles: [Role; 2], delay: Span) -> Self {
        let mut envs = [IdealEnv::new(1), IdealEnv::new(2)];
        let mut number = 0;
        let agents = configs.map(|config| {
            let env = &mut envs[number];
            number += 1;
            Agent::new(Arc::new(config), roles[number - 1], protosim_core::Env::rng(env, SECRETS))
        });
        Self {
            agents,
            envs,
            now: LocalTime::ZERO,
            flying: BTreeMap::new(),
            number: 0,
            fate: Box::new(move |_, _, _, _| Some(delay)),
            events: Vec::new(),
            owners: BTreeMap::new(),
        }
    }

    /// Two full agents, Alice controlling, that begin their checks at 0 over these addresses.
    pub(super) fn begun(alice: &[&str], bob: &[&str], delay: Span) -> Self {
        let mut world =
            Self::new([AgentConfig::new(), AgentConfig::new()], [Role::Controlling, Role::Controlled], delay);
        world.gather(ALICE, alice);
        world.gather(BOB, bob);
        world.introduce();
        world.check(ALICE);
        world.check(BOB);
        world
    }

    pub(super) fn command(&mut self, who: usize, command: Command) -> Result<(), Misuse> {
        self.call(who, |agent, cx| agent.handle_command(command, cx))
    }

    pub(super) fn gather(&mut self, who: usize, bases: &[&str]) {
        let bases: Vec<Base> = bases.iter().enumerate().map(|(rank, text)| base(text, rank as u32)).collect();
        bases.iter().for_each(|base| {
            self.owners.insert(base.address, who);
        });
        self.command(who, Command::Gather(bases)).unwrap();
    }

    pub(super) fn describe(&self, who: usize) -> RemoteDescription {
        let agent = &self.agents[who];
        RemoteDescription {
            ufrag: agent.ufrag().into(),
            pwd: agent.pwd().into(),
            is_lite: false,
            candidates: vec![agent.candidates(0).cloned().collect()],
            is_complete: true,
            pacing: None,
        }
    }

    /// Tells both of each other.
    pub(super) fn introduce(&mut self) {
        let (alice, bob) = (self.describe(ALICE), self.describe(BOB));
        self.command(ALICE, Command::Remote(bob)).unwrap();
        self.command(BOB, Command::Remote(alice)).unwrap();
    }

    pub(super) fn check(&mut self, who: usize) {
        self.command(who, Command::Check).unwrap();
    }

    /// A datagram that nobody of both has sent.
    pub(super) fn inject(&mut self, from: SocketAddr, to: SocketAddr, payload: impl Into<Rope>) {
        let who = self.owners[&to];
        let envelope = Envelope { place: Place::Udp { base: to, peer: from }, payload: payload.into() };
        self.call(who, |agent, cx| agent.handle_message(envelope, cx));
    }

    fn call<R>(&mut self, who: usize, call: impl FnOnce(&mut Agent, &mut MachineCx<'_, Agent>) -> R) -> R {
        self.envs[who].now = self.now;
        let mut effects = Vec::new();
        let outcome = call(&mut self.agents[who], &mut MachineCx::new(&mut self.envs[who], &mut effects));
        for effect in effects {
            match effect {
                Effect::Transmit(Envelope { place: Place::Udp { base, peer }, payload }) => {
                    self.events.push((self.now, who, Event::Sent(base, peer, payload.clone())));
                    let arrives = (self.fate)(base, peer, self.now, &payload);
                    if let (Some(delay), Some(to)) = (arrives, self.owners.get(&peer)) {
                        self.number += 1;
                        let envelope = Envelope { place: Place::Udp { base: peer, peer: base }, payload };
                        self.flying.insert((self.now.saturating_add(delay), self.number), (*to, envelope));
                    }
                }
                Effect::Transmit(other) => panic!("only datagrams here: {other:?}"),
                Effect::Notify(notice) => self.events.push((self.now, who, Event::Told(notice))),
                Effect::Observe(never) => match never {},
            }
        }
        outcome
    }

    /// Lets time pass, arrivals before time-outs at one instant.
    pub(super) fn run_until(&mut self, end: LocalTime) {
        loop {
            let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
            let timer =
                [ALICE, BOB].into_iter().filter_map(|who| Some((self.agents[who].poll_timeout()?.at, who))).min();
            let next = arrival.into_iter().chain(timer.map(|(at, _)| at)).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            if arrival == Some(next) {
                let (_, (who, envelope)) = self.flying.pop_first().unwrap();
                self.call(who, |agent, cx| agent.handle_message(envelope, cx));
            } else if let Some((_, who)) = timer {
                self.call(who, Agent::handle_timeout);
                let after = self.agents[who].poll_timeout();
                assert!(after.is_none_or(|after| after.at > self.now), "{after:?} is not later than {:?}", self.now);
            }
        }
        self.now = end;
    }

    /// When an agent was told what fits.
    pub(super) fn told(&self, who: usize, fits: impl Fn(&Notice) -> bool) -> Option<LocalTime> {
        let is_it = |(_, whose, event): &&(LocalTime, usize, Event)| {
            *whose == who && matches!(event, Event::Told(notice) if fits(notice))
        };
        self.events.iter().find(is_it).map(|(at, ..)| *at)
    }

    /// What an agent has sent: when, from where, to where, what.
    pub(super) fn sent(&self, who: usize) -> Vec<(LocalTime, SocketAddr, SocketAddr, Rope)> {
        let of = |(at, whose, event): &(LocalTime, usize, Event)| match event {
            Event::Sent(base, peer, payload) if *whose == who => Some((*at, *base, *peer, payload.clone())),
            _ => None,
        };
        self.events.iter().filter_map(of).collect()
    }

    /// When it has sent requests of STUN, and to where.
    pub(super) fn requests(&self, who: usize) -> Vec<(LocalTime, SocketAddr)> {
        let is_request = |payload: &Rope| payload.slice(0, 2).to_bytes()[..] == [0, 1];
        self.sent(who).into_iter().filter(|sent| is_request(&sent.3)).map(|sent| (sent.0, sent.2)).collect()
    }

    pub(super) fn selected(&self, who: usize) -> Option<Selected> {
        self.agents[who].selected(ONLY)
    }
}
