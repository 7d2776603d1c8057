//! Roles: conflicts of them (RFC 8445 §7.3.1.1), and agents that make no checks.

use super::*;

const WAY: Span = Span::from_millis(20);

fn with_roles(roles: [Role; 2], tie_breakers: [u64; 2]) -> World {
    let mut world = World::new([AgentConfig::new(), AgentConfig::new()], roles, WAY);
    world.gather(ALICE, &["192.0.2.1:5000"]);
    world.gather(BOB, &["198.51.100.1:6000"]);
    world.introduce();
    for who in [ALICE, BOB] {
        world.agents[who].set_tie_breaker(tie_breakers[who]);
        world.check(who);
    }
    world
}

/// Check I14, and the same for two that take themselves for controlled: the larger tie-breaker controls in the end.
#[test]
fn the_larger_tie_breaker_controls() {
    for role in [Role::Controlling, Role::Controlled] {
        for (ties, controlling) in [([10, 5], ALICE), ([5, 10], BOB), ([u64::MAX, 1], ALICE), ([1 << 63, 1], ALICE)] {
            let mut world = with_roles([role, role], ties);
            world.run_until(millis(5_000));
            assert_eq!(world.agents[controlling].role(), Role::Controlling, "{role:?} {ties:?}");
            assert_eq!(world.agents[1 - controlling].role(), Role::Controlled, "{role:?} {ties:?}");
            let (alice, bob) = (world.selected(ALICE).unwrap(), world.selected(BOB).unwrap());
            assert_eq!((alice.local, alice.remote), (bob.remote, bob.local));
            // One refused the other's check or changed without a word; both had one on the way.
            let counts = world.agents.each_ref().map(|agent| agent.counts());
            assert_eq!(counts[0].role_switches + counts[1].role_switches, 1, "{role:?} {ties:?}");
        }
    }
}

/// Equal tie-breakers: each refuses the other, and both change (the refused one takes a new number). It goes on until they differ.
#[test]
fn equal_tie_breakers_are_drawn_again() {
    let mut world = with_roles([Role::Controlling, Role::Controlling], [7, 7]);
    world.run_until(millis(10_000));
    assert_ne!(world.agents[ALICE].role(), world.agents[BOB].role());
    assert_eq!(world.selected(ALICE).map(|pair| pair.local), world.selected(BOB).map(|pair| pair.remote));
    assert!(world.selected(ALICE).is_some());
}

/// A lite agent answers and checks nothing; the full one controls, whatever it was told (§6.1.1).
#[test]
fn a_lite_agent_lets_its_peer_work() {
    let lite = AgentConfig { mode: Mode::Lite, ..AgentConfig::new() };
    let mut world = World::new([AgentConfig::new(), lite], [Role::Controlled, Role::Controlling], WAY);
    world.gather(ALICE, &["192.0.2.1:5000"]);
    world.gather(BOB, &["198.51.100.1:6000"]);
    let (alice, bob) = (world.describe(ALICE), world.describe(BOB));
    world.command(ALICE, Command::Remote(RemoteDescription { is_lite: true, ..bob })).unwrap();
    world.command(BOB, Command::Remote(alice)).unwrap();
    world.check(ALICE);
    world.check(BOB);
    world.run_until(millis(10_000));
    assert_eq!(world.requests(BOB), []);
    assert_eq!((world.agents[ALICE].role(), world.agents[BOB].role()), (Role::Controlling, Role::Controlled));
    assert_eq!(world.selected(BOB).unwrap().remote, address("192.0.2.1:5000"));
    assert_eq!(world.agents[BOB].state(), State::Connected);
    // It has no consent of its own, and knows by its peer's requests that somebody is there.
    world.fate = Box::new(|_, _, _, _| None);
    world.run_until(millis(60_000));
    assert_eq!((world.agents[ALICE].state(), world.agents[BOB].state()), (State::Lost, State::Lost));
}

/// Two lite agents take what they were told (§8.2).
#[test]
fn two_lite_agents_believe_each_other() {
    let lite = || AgentConfig { mode: Mode::Lite, ..AgentConfig::new() };
    let mut world = World::new([lite(), lite()], [Role::Controlling, Role::Controlled], WAY);
    world.gather(ALICE, &["192.0.2.1:5000"]);
    world.gather(BOB, &["198.51.100.1:6000"]);
    let (mut alice, mut bob) = (world.describe(ALICE), world.describe(BOB));
    (alice.is_lite, bob.is_lite) = (true, true);
    world.command(ALICE, Command::Remote(bob)).unwrap();
    world.command(BOB, Command::Remote(alice)).unwrap();
    world.check(ALICE);
    world.check(BOB);
    world.run_until(millis(100));
    assert_eq!(world.selected(ALICE).unwrap().remote, address("198.51.100.1:6000"));
    assert_eq!(world.agents[BOB].state(), State::Connected);
    assert_eq!(world.sent(ALICE).len(), 0);
}
