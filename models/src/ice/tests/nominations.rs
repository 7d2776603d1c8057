//! A controlling end that nominates more than one pair (RFC 8445 §8.1.1).

use super::*;
use crate::rope::Rope;
use crate::stun::integrity::Key;
use crate::stun::wire::{Attribute, Class, MessageType, Method, TransactionId, Writer};

const WAY: Span = Span::from_millis(20);
/// Alice's addresses, the one that she prefers first.
const ALICE_AT: [&str; 2] = ["192.0.2.1:5000", "192.0.2.2:5000"];
const BOB_AT: &str = "198.51.100.1:6000";

/// Both over the pair of one of Alice's addresses, from which alone anything comes through until 5 s have passed.
fn connected_over(first: usize) -> World {
    let mut world = World::new([AgentConfig::new(), AgentConfig::new()], [Role::Controlling, Role::Controlled], WAY);
    let way = address(ALICE_AT[first]);
    world.fate = Box::new(move |from, to, now, _| (now > millis(5_000) || [from, to].contains(&way)).then_some(WAY));
    world.gather(ALICE, &ALICE_AT);
    world.gather(BOB, &[BOB_AT]);
    world.introduce();
    world.check(ALICE);
    world.check(BOB);
    world.run_until(millis(6_000));
    assert_eq!(used(&world), address(ALICE_AT[first]));
    world
}

/// What Bob uses.
fn used(world: &World) -> SocketAddr {
    world.selected(BOB).unwrap().remote
}

/// A check of Alice's as it comes to Bob, from one of her addresses. Its PRIORITY is more than she has told of any.
fn checks(world: &mut World, from: usize, nominates: bool) {
    let name = format!("{}:{}", world.agents[BOB].ufrag(), world.agents[ALICE].ufrag());
    let key = Key::short_term(world.agents[BOB].pwd()).unwrap();
    let request = Writer::new(MessageType::new(Class::Request, Method::BINDING), TransactionId::from_draws(1, 2))
        .with(Attribute::Username(&name))
        .with(Attribute::Priority(u32::MAX >> 1))
        .with(Attribute::IceControlling(1))
        .with_if(nominates.then_some(Attribute::UseCandidate))
        .integrity(&key)
        .fingerprint()
        .finish();
    world.inject(address(ALICE_AT[from]), address(BOB_AT), Rope::from(request));
}

/// The better pair is used from its nomination on, and is what Alice has told, not what her check says.
#[test]
fn a_better_pair_is_followed() {
    let mut world = connected_over(1);
    checks(&mut world, 0, false);
    assert_eq!(used(&world), address(ALICE_AT[1]), "it was not nominated");
    checks(&mut world, 0, true);
    assert_eq!(used(&world), address(ALICE_AT[0]));
    assert_eq!(world.selected(BOB).unwrap().remote_kind, CandidateKind::Host);
    checks(&mut world, 1, true);
    assert_eq!(used(&world), address(ALICE_AT[0]), "and the other one no more");
}

/// The worse pair is not, however often it is nominated, while the better one lives; how much its check says that it is worth does not matter, since Alice
/// has told that.
#[test]
fn a_worse_pair_is_not_followed() {
    let mut world = connected_over(0);
    for at in [6_000, 20_000, 60_000] {
        world.run_until(millis(at));
        checks(&mut world, 1, true);
        assert_eq!(used(&world), address(ALICE_AT[0]));
    }
}

/// Once nothing has been asked over it for 15 s, which is three times the interval of consent, the worse one is taken: at the next nomination, or, if that
/// came before, at the next check of any kind (RFC 7675 has one each 4 to 6 s).
#[test]
fn a_worse_pair_is_followed_once_the_other_one_is_silent() {
    for is_early in [true, false] {
        let mut world = connected_over(0);
        world.fate = Box::new(|_, _, _, _| None);
        if is_early {
            checks(&mut world, 1, true);
            assert_eq!(used(&world), address(ALICE_AT[0]));
        }
        // Whatever was asked was there by 6 s.
        world.run_until(millis(21_000));
        if !is_early {
            checks(&mut world, 1, false);
            assert_eq!(used(&world), address(ALICE_AT[0]), "it was never nominated");
        }
        checks(&mut world, 1, !is_early);
        assert_eq!(used(&world), address(ALICE_AT[1]));
        assert_eq!(world.selected(BOB).unwrap().remote_kind, CandidateKind::Host);
    }
}
