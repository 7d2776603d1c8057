//! str0m's agent and ours, machine to machine: what comes of it, and when.

use super::*;
use crate::ice::agent::{AgentConfig, Base, SECRETS};
use crate::ice::config::IceImplementation::{self, Own, Str0m};
use crate::ice::party::Party;
use crate::stun::wire::{Class, Fields, Message};
use protosim_core::{Env, IdealEnv, MachineCx, Span};
use std::sync::Arc;

const ALICE: usize = 0;
const BOB: usize = 1;
const WAY: Span = Span::from_millis(20);

fn millis(millis: u64) -> LocalTime {
    LocalTime::ZERO.saturating_add(Span::from_millis(millis))
}

fn address(who: usize) -> SocketAddr {
    [SocketAddr::from(([192, 0, 2, 1], 5000)), SocketAddr::from(([198, 51, 100, 1], 6000))][who]
}

/// Two agents with an address each, between which everything takes [`WAY`] as long as there is one.
struct World {
    parties: [Party; 2],
    envs: [IdealEnv; 2],
    now: LocalTime,
    flying: BTreeMap<(LocalTime, u64), (usize, Envelope)>,
    number: u64,
    has_way: bool,
    sent: Vec<(LocalTime, usize, Vec<u8>)>,
    told: Vec<(LocalTime, usize, Notice)>,
}

impl World {
    /// They know of each other, and begin their checks at 0.
    fn begun(whose: [IceImplementation; 2], roles: [Role; 2], tie_breakers: Option<[u64; 2]>) -> Self {
        let mut envs = [IdealEnv::new(1), IdealEnv::new(2)];
        let mut parties = [ALICE, BOB]
            .map(|who| Party::new(whose[who], Arc::new(AgentConfig::new()), roles[who], envs[who].rng(SECRETS)));
        for (party, tie_breaker) in parties.iter_mut().zip(tie_breakers.into_iter().flatten()) {
            match party {
                Party::Own(agent) => agent.set_tie_breaker(tie_breaker),
                Party::Str0m(agent) => agent.set_tie_breaker(tie_breaker),
            }
        }
        let (flying, sent, told) = (BTreeMap::new(), Vec::new(), Vec::new());
        let now = LocalTime::ZERO;
        let mut world = Self { parties, envs, now, flying, number: 0, has_way: true, sent, told };
        for who in [ALICE, BOB] {
            let base = Base { component: ONLY, address: address(who), protocol: Protocol::Udp, rank: 0 };
            world.command(who, Command::Gather(vec![base]));
        }
        let told = [ALICE, BOB].map(|who| world.describe(who));
        for (who, description) in [BOB, ALICE].into_iter().zip(told) {
            world.command(who, Command::Remote(description));
        }
        world.command(ALICE, Command::Check);
        world.command(BOB, Command::Check);
        world
    }

    fn describe(&self, who: usize) -> RemoteDescription {
        let party = &self.parties[who];
        RemoteDescription {
            ufrag: party.ufrag().into(),
            pwd: party.pwd().into(),
            is_lite: false,
            candidates: vec![party.candidates(0).cloned().collect()],
            is_complete: true,
            pacing: None,
        }
    }

    fn command(&mut self, who: usize, command: Command) {
        self.call(who, |party, cx| party.handle_command(command, cx)).unwrap();
    }

    fn call<R>(&mut self, who: usize, call: impl FnOnce(&mut Party, &mut Cx<'_>) -> R) -> R {
        self.envs[who].now = self.now;
        let mut effects = Vec::new();
        let outcome = call(&mut self.parties[who], &mut MachineCx::new(&mut self.envs[who], &mut effects));
        for effect in effects {
            match effect {
                Effect::Transmit(Envelope { place: Place::Udp { base, peer }, payload }) => {
                    assert_eq!((base, peer), (address(who), address(1 - who)));
                    self.sent.push((self.now, who, payload.to_bytes().to_vec()));
                    if self.has_way {
                        self.number += 1;
                        let envelope = Envelope { place: Place::Udp { base: peer, peer: base }, payload };
                        self.flying.insert((self.now.saturating_add(WAY), self.number), (1 - who, envelope));
                    }
                }
                Effect::Transmit(other) => panic!("only datagrams here: {other:?}"),
                Effect::Notify(notice) => self.told.push((self.now, who, notice)),
                Effect::Observe(never) => match never {},
            }
        }
        outcome
    }

    /// Lets time pass, arrivals before time-outs at one instant.
    fn run_until(&mut self, end: LocalTime) {
        loop {
            let arrival = self.flying.first_key_value().map(|((at, _), _)| *at);
            let timer =
                [ALICE, BOB].into_iter().filter_map(|who| Some((self.parties[who].poll_timeout()?.at, who))).min();
            let next = arrival.into_iter().chain(timer.map(|(at, _)| at)).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            if arrival == Some(next) {
                let (_, (who, envelope)) = self.flying.pop_first().unwrap();
                self.call(who, |party, cx| party.handle_message(envelope, cx));
            } else if let Some((_, who)) = timer {
                self.call(who, Party::handle_timeout);
                let after = self.parties[who].poll_timeout();
                assert!(after.is_none_or(|after| after.at > self.now), "{after:?} is not later than {:?}", self.now);
            }
        }
        self.now = end;
    }

    fn when(&self, who: usize, fits: impl Fn(&Notice) -> bool) -> Option<LocalTime> {
        self.told.iter().find(|(_, whose, notice)| *whose == who && fits(notice)).map(|(at, ..)| *at)
    }

    fn connected(&self, who: usize) -> Option<LocalTime> {
        self.when(who, |notice| *notice == Notice::Connected)
    }

    fn selected(&self, who: usize) -> Option<Selected> {
        self.told.iter().rev().find_map(|(_, whose, notice)| match notice {
            Notice::Selected(_, selected) if *whose == who => Some(*selected),
            _ => None,
        })
    }

    fn roles(&self) -> [Role; 2] {
        self.parties.each_ref().map(Party::role)
    }
}

const AS_TOLD: [Role; 2] = [Role::Controlling, Role::Controlled];

/// One way takes 20 ms, and all begin at 0: each end's check has its answer at 40 ms. Ours, controlling, has nothing better to wait for and
/// nominates at its next turn, Ta (50 ms) after the first; str0m has it at 70 ms and answers, which ours has at 90 ms. str0m itself looks at
/// what was nominated when it is called for its next request alone, which is its first wait of 250 ms after the first one.
#[test]
fn ours_controls_theirs() {
    let mut world = World::begun([Own, Str0m], AS_TOLD, None);
    world.run_until(millis(1_000));
    assert_eq!(world.connected(ALICE), Some(millis(90)));
    assert_eq!(world.connected(BOB), Some(millis(250)));
    let (alice, bob) = (world.selected(ALICE).unwrap(), world.selected(BOB).unwrap());
    assert_eq!((alice.local, alice.remote), (bob.remote, bob.local));
    assert_eq!((bob.local_kind, bob.remote_kind), (CandidateKind::Host, CandidateKind::Host));
}

/// str0m uses a pair as soon as it is valid, at 40 ms, and tells the peer at its next turn, at 50 ms, that it does. Ours has that at 70 ms, and
/// checks the pair just then: str0m's check at 20 ms has triggered that (RFC 8445 §7.3.1.4), it went at 50 ms, and its answer at 90 ms decides.
#[test]
fn theirs_controls_ours() {
    let mut world = World::begun([Str0m, Own], AS_TOLD, None);
    world.run_until(millis(1_000));
    assert_eq!(world.connected(ALICE), Some(millis(40)));
    assert_eq!(world.connected(BOB), Some(millis(90)));
    let (alice, bob) = (world.selected(ALICE).unwrap(), world.selected(BOB).unwrap());
    assert_eq!((alice.local, alice.remote), (bob.remote, bob.local));
}

/// Both are one another's: as above.
#[test]
fn theirs_controls_theirs() {
    let mut world = World::begun([Str0m, Str0m], AS_TOLD, None);
    world.run_until(millis(1_000));
    assert_eq!((world.connected(ALICE), world.connected(BOB)), (Some(millis(40)), Some(millis(250))));
}

/// What str0m draws comes from our streams, wherever its thread's generator stands: all bytes are the same again, its transactions and names
/// among them.
#[test]
fn the_same_seed_gives_the_same_bytes() {
    let run = |disturbance| {
        fastrand::seed(disturbance);
        let mut world = World::begun([Str0m, Own], AS_TOLD, None);
        world.run_until(millis(10_000));
        let rest = fastrand::get_seed();
        assert_eq!(rest, disturbance, "it leaves the thread's generator as it was");
        world.sent
    };
    let sent = run(1);
    assert_eq!(sent, run(2));
    let transactions = sent.iter().filter(|(_, who, bytes)| *who == ALICE && bytes[..2] == [0, 1]);
    let transactions: std::collections::BTreeSet<&[u8]> = transactions.map(|(.., bytes)| &bytes[8..20]).collect();
    assert!(transactions.len() > 3, "each request has one of its own");
}

/// RFC 8445 §7.3.1.1: of two that control, the one with the larger tie-breaker goes on. Of two that are controlled, it should begin to;
/// str0m with the larger one has the other end do that, with the smaller one it begins by itself and is overruled. Roles differ in the end.
#[test]
fn conflicts_of_roles_come_to_an_end() {
    for whose in [[Own, Str0m], [Str0m, Own]] {
        for ties in [[10, 5], [5, 10], [u64::MAX, 1], [1, 1 << 63]] {
            for role in [Role::Controlling, Role::Controlled] {
                let mut world = World::begun(whose, [role, role], Some(ties));
                world.run_until(millis(5_000));
                let roles = world.roles();
                let context = format!("{whose:?} {role:?} {ties:?}: {roles:?}");
                assert_ne!(roles[0], roles[1], "{context}");
                if role == Role::Controlling {
                    let larger = usize::from(ties[1] > ties[0]);
                    assert_eq!(roles[larger], Role::Controlling, "{context}");
                }
                let (alice, bob) = (world.selected(ALICE), world.selected(BOB));
                assert_eq!(alice.map(|pair| pair.local), bob.map(|pair| pair.remote), "{context}");
                assert!(world.connected(ALICE).is_some() && world.connected(BOB).is_some(), "{context}");
            }
        }
    }
}

/// Data go both ways over the pair.
#[test]
fn data_go_both_ways() {
    let mut world = World::begun([Own, Str0m], AS_TOLD, None);
    world.run_until(millis(1_000));
    for who in [ALICE, BOB] {
        world.command(who, Command::Send(ONLY, Rope::from(vec![0x80, who as u8])));
    }
    world.run_until(millis(1_020));
    for who in [ALICE, BOB] {
        let other = Notice::Received(ONLY, Rope::from(vec![0x80, 1 - who as u8]));
        assert_eq!(world.when(who, |notice| *notice == other), Some(millis(1_020)));
    }
}

/// A way that is gone from 10 s on: ours has lost consent 30 s after the last answer (RFC 7675 §5.1), whose request was one of those 4 to 6 s
/// apart. str0m asks every 3 s; from the first request that has no answer on it waits 3, 0.5, 1, 2, 3, 3, 3 and 3 s for the next ones, and 3 s
/// after the ninth it is over: 21.5 s in all. Requests from 9.98 s on have none, so that the first of them is sent by 12.98 s.
#[test]
fn a_way_that_is_gone_is_noticed_by_both() {
    let mut world = World::begun([Own, Str0m], AS_TOLD, None);
    world.run_until(millis(10_000));
    assert_eq!(world.when(BOB, |notice| *notice == Notice::ConsentLost), None);
    world.has_way = false;
    world.run_until(millis(70_000));
    let [ours, theirs] = [ALICE, BOB].map(|who| world.when(who, |notice| *notice == Notice::ConsentLost).unwrap());
    assert!((millis(34_000)..=millis(40_020)).contains(&ours), "{ours:?}");
    assert!((millis(31_460)..=millis(34_500)).contains(&theirs), "{theirs:?}");
    let sent = world.sent.len();
    world.run_until(millis(200_000));
    assert_eq!(world.sent.len(), sent, "nothing is sent after that");
}

/// Where no way ever was, both have failed 39.5 s after their checks began (RFC 8863 §4), str0m by our clock.
#[test]
fn without_a_way_both_fail_in_time() {
    let mut world = World::begun([Own, Str0m], AS_TOLD, None);
    world.has_way = false;
    world.flying.clear();
    world.run_until(millis(70_000));
    for who in [ALICE, BOB] {
        assert_eq!(world.when(who, |notice| *notice == Notice::Failed), Some(millis(39_500)), "{who}");
    }
}

/// What comes from nobody, or is malformed, gets no answer, where ours says what is wrong (RFC 8489 §6.3.1).
#[test]
fn what_is_wrong_gets_no_answer() {
    let mut world = World::begun([Own, Str0m], AS_TOLD, None);
    world.run_until(millis(1_000));
    let request = world.sent.iter().find(|(_, who, bytes)| *who == ALICE && bytes[..2] == [0, 1]).unwrap().2.clone();
    let place = Place::Udp { base: address(BOB), peer: address(ALICE) };
    let answers = |world: &World| {
        let is_answer = |bytes: &[u8]| Message::parse(bytes).is_ok_and(|message| message.class() != Class::Request);
        world.sent.iter().filter(|(_, who, bytes)| *who == BOB && is_answer(bytes)).count()
    };
    let (before, unexpected) = (answers(&world), world.parties[BOB].counts().unexpected);
    // One byte of what integrity covers is another one.
    let mut forged = request.clone();
    forged[10] ^= 1;
    let cut = request[..request.len() - 8].to_vec();
    // A header alone.
    let bare = [&[0, 1, 0, 0], &request[4..20]].concat();
    for bytes in [forged, cut, bare] {
        let payload = Rope::from(bytes);
        world.call(BOB, |party, cx| party.handle_message(Envelope { place, payload }, cx));
    }
    assert_eq!(answers(&world), before);
    assert_eq!(world.parties[BOB].counts().unexpected, unexpected + 3);
    // The same, unchanged, does.
    let payload = Rope::from(request.clone());
    world.call(BOB, |party, cx| party.handle_message(Envelope { place, payload }, cx));
    assert_eq!(answers(&world), before + 1);
    let message = Message::parse(&request).unwrap();
    assert!(Fields::read(&message).username.is_some());
}
