//! When checks go, and what pairs come of them.

use super::*;
use crate::stun::wire::{Fields, Message};

const WAY: Span = Span::from_millis(40);

/// Check I10 by hand, R being 80 ms and both beginning at 0: each end's check is answered at R. The controlling end nominates at the
/// next turn from R on, that of 100 ms, the controlled one selects when that arrives, at 140 ms, and its answer is back at 180 ms.
#[test]
fn two_open_hosts_take_two_round_trips_and_the_pace() {
    let mut world = World::begun(&["192.0.2.1:5000"], &["198.51.100.1:6000"], WAY);
    world.run_until(millis(3_000));
    let valid = |notice: &Notice| matches!(notice, Notice::Valid(_));
    let selected = |notice: &Notice| matches!(notice, Notice::Selected(..));
    assert_eq!(world.told(ALICE, valid), Some(millis(80)));
    assert_eq!(world.told(BOB, valid), Some(millis(80)));
    assert_eq!(world.told(BOB, selected), Some(millis(140)));
    assert_eq!(world.told(ALICE, selected), Some(millis(180)));
    assert_eq!(world.told(ALICE, |notice| *notice == Notice::Connected), Some(millis(180)));
    let pair = world.selected(ALICE).unwrap();
    assert_eq!((pair.local_kind, pair.remote_kind), (CandidateKind::Host, CandidateKind::Host));
    assert_eq!((pair.local, pair.remote), (address("192.0.2.1:5000"), address("198.51.100.1:6000")));
    let other = world.selected(BOB).unwrap();
    assert_eq!((other.local, other.remote), (pair.remote, pair.local));
}

/// A round trip that is a multiple of Ta: what arrives at the instant of a turn is taken before it.
#[test]
fn a_turn_at_the_instant_of_an_answer_nominates() {
    let mut world = World::begun(&["192.0.2.1:5000"], &["198.51.100.1:6000"], Span::from_millis(50));
    world.run_until(millis(3_000));
    assert_eq!(world.told(ALICE, |notice| matches!(notice, Notice::Selected(..))), Some(millis(200)));
}

/// Check I11: nobody answers; the k-th check leaves at (k - 1) * 50 ms, in falling order of priority.
#[test]
fn checks_are_paced() {
    let bob = ["198.51.100.1:6000", "198.51.100.1:6001", "198.51.100.1:6002", "198.51.100.1:6003"];
    let mut world = World::begun(&["192.0.2.1:5000"], &bob, WAY);
    world.fate = Box::new(|_, _, _, _| None);
    world.run_until(millis(160));
    let expected: Vec<_> = bob.iter().enumerate().map(|(k, text)| (millis(50 * k as u64), address(text))).collect();
    // All but the first one have the foundation of that: §6.1.4.2 has a frozen one wait as long as another one of its
    // foundation is checked, so that here only the first goes at all until it fails.
    assert_eq!(world.requests(ALICE), expected[..1]);
}

/// As above with candidates that have nothing in common.
#[test]
fn checks_of_different_foundations_are_paced() {
    let bob = ["198.51.100.1:6000", "198.51.100.2:6000", "198.51.100.3:6000", "198.51.100.4:6000"];
    let mut world = World::begun(&["192.0.2.1:5000"], &bob, WAY);
    world.fate = Box::new(|_, _, _, _| None);
    world.run_until(millis(160));
    let expected: Vec<_> = bob.iter().enumerate().map(|(k, text)| (millis(50 * k as u64), address(text))).collect();
    assert_eq!(world.requests(ALICE), expected);
}

/// Check I12: RTO = MAX (500 ms, 50 ms * N * (waiting and in progress)). Of four pairs with N = 4 the first check goes with
/// 50 * 4 * 4 = 800 ms: it is sent again at 800 ms. With 20 pairs it is 20 s.
#[test]
fn many_pairs_wait_longer() {
    let addresses = |count: usize| (1..=count).map(|host| format!("198.51.100.{host}:6000")).collect::<Vec<_>>();
    for (count, wait) in [(4, 800), (20, 20_000)] {
        let bob = addresses(count);
        let bob: Vec<&str> = bob.iter().map(String::as_str).collect();
        let mut world = World::begun(&["192.0.2.1:5000"], &bob, WAY);
        world.fate = Box::new(|_, _, _, _| None);
        world.run_until(millis(wait));
        let to_first: Vec<_> =
            world.requests(ALICE).into_iter().filter(|(_, to)| *to == address("198.51.100.1:6000")).collect();
        assert_eq!(to_first.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [millis(0), millis(wait)], "{count}");
    }
}

/// Check I13: the first check of each end is lost; both are sent again at 500 ms, so that all of I10 is half a second later. The
/// turns go on from 0: answered at 580 ms, nominated at 600 ms, selected at 640 and 680 ms.
#[test]
fn a_lost_first_check_costs_half_a_second() {
    let mut world = World::begun(&["192.0.2.1:5000"], &["198.51.100.1:6000"], WAY);
    world.fate = Box::new(|_, _, now, _| (now >= millis(500)).then_some(WAY));
    world.run_until(millis(3_000));
    assert_eq!(world.told(BOB, |notice| matches!(notice, Notice::Selected(..))), Some(millis(640)));
    assert_eq!(world.told(ALICE, |notice| matches!(notice, Notice::Selected(..))), Some(millis(680)));
}

/// Check I1 of the sheet for checks: with one pair its RTO is 500 ms, the last answer is waited for until 39.5 s; then there is no
/// hope, and the session has failed.
#[test]
fn a_session_without_answers_fails_after_39_5_s() {
    let mut world = World::begun(&["192.0.2.1:5000"], &["198.51.100.1:6000"], WAY);
    world.fate = Box::new(|_, _, _, _| None);
    world.run_until(millis(100_000));
    let at: Vec<_> = world.requests(ALICE).into_iter().map(|(at, _)| at).collect();
    assert_eq!(at, [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500].map(millis));
    for who in [ALICE, BOB] {
        assert_eq!(world.told(who, |notice| *notice == Notice::Failed), Some(millis(39_500)));
        assert_eq!(world.agents[who].state(), State::Failed);
    }
}

/// Check I20: Bob does not know from where Alice asks, as behind a NAT that has no server told of. He learns a peer-reflexive
/// candidate with the priority of the PRIORITY attribute, 110 * 2^24 + 65535 * 2^8 + 255, and checks it at his next turn.
#[test]
fn a_check_from_nowhere_teaches_a_candidate() {
    let mut world = World::new([AgentConfig::new(), AgentConfig::new()], [Role::Controlling, Role::Controlled], WAY);
    world.gather(ALICE, &["192.0.2.1:5000"]);
    world.gather(BOB, &["198.51.100.1:6000"]);
    let (mut alice, bob) = (world.describe(ALICE), world.describe(BOB));
    // Her only candidate hides its address behind a name.
    alice.candidates[0][0].address = CandidateAddress::Name("a.local".into(), 5000);
    world.command(ALICE, Command::Remote(bob)).unwrap();
    world.command(BOB, Command::Remote(alice)).unwrap();
    world.check(ALICE);
    world.check(BOB);
    world.run_until(millis(3_000));
    // Her check arrives at 40 ms; 40 ms is no turn of his, but he has used none: those are 0, 50, ….
    assert_eq!(world.requests(BOB)[0], (millis(50), address("192.0.2.1:5000")));
    let pair = world.selected(BOB).unwrap();
    assert_eq!(pair.remote_kind, CandidateKind::PeerReflexive);
    assert_eq!(world.selected(ALICE).unwrap().local_kind, CandidateKind::Host);
    let sent = world.sent(ALICE).remove(0).3.to_bytes();
    let message = Message::parse(&sent).unwrap();
    assert_eq!(Fields::read(&message).priority, Some((110 << 24) + (65_535 << 8) + 255));
}

/// Sizes of §2.3 of the sheet by hand: header 20, USERNAME 4 + 12 (9 bytes padded), PRIORITY 8, role 12, integrity 24, fingerprint
/// 8: 88 bytes; USE-CANDIDATE 4 more. A response: 20 + 12 + 24 + 8 = 64. Bob's check comes while Alice's is on its way, so that it
/// triggers hers again (RFC 8445 §7.3.1.4), and hers his.
#[test]
fn checks_have_their_sizes() {
    let mut world = World::begun(&["192.0.2.1:5000"], &["198.51.100.1:6000"], WAY);
    world.run_until(millis(1_000));
    let sizes: Vec<u64> = world.sent(ALICE).iter().map(|sent| sent.3.len()).collect();
    assert_eq!(sizes, [88, 64, 88, 64, 92]);
}

/// Two addresses each: that of higher preference is taken although both work; it waits for no one.
#[test]
fn the_best_of_several_pairs_is_taken() {
    let alice = ["192.0.2.1:5000", "203.0.113.1:5000"];
    let mut world = World::begun(&alice, &["198.51.100.1:6000", "198.51.100.2:6000"], WAY);
    world.run_until(millis(5_000));
    let pair = world.selected(ALICE).unwrap();
    assert_eq!((pair.local, pair.remote), (address(alice[0]), address("198.51.100.1:6000")));
}

/// The best pair does not work: it is waited for as long as the agent's patience, 200 ms, has it. By hand: the second pair is
/// checked at 50 ms, valid at 130 ms, nominated at 330 ms, which is no turn: at 350 ms; selected at 430 ms.
#[test]
fn a_better_pair_has_its_time() {
    let mut world = World::begun(&["192.0.2.1:5000"], &["198.51.100.1:6000", "198.51.100.2:6000"], WAY);
    let dead = address("198.51.100.1:6000");
    world.fate = Box::new(move |from, to, _, _| (from != dead && to != dead).then_some(WAY));
    world.run_until(millis(5_000));
    assert_eq!(world.told(ALICE, |notice| matches!(notice, Notice::Valid(_))), Some(millis(130)));
    assert_eq!(world.told(ALICE, |notice| matches!(notice, Notice::Selected(..))), Some(millis(430)));
    assert_eq!(world.selected(ALICE).unwrap().remote, address("198.51.100.2:6000"));
}

/// RFC 8445 §7.2.5.2.1: an answer from elsewhere fails the pair.
#[test]
fn an_answer_from_elsewhere_is_none() {
    let mut world = World::begun(&["192.0.2.1:5000"], &["198.51.100.1:6000"], WAY);
    world.fate = Box::new(|_, _, _, _| None);
    world.run_until(millis(10));
    let request = world.sent(ALICE).remove(0).3;
    world.inject(address("192.0.2.1:5000"), address("198.51.100.1:6000"), request);
    let answer = world.sent(BOB).pop().unwrap().3;
    world.inject(address("198.51.100.1:6001"), address("192.0.2.1:5000"), answer);
    assert_eq!(world.agents[ALICE].counts().failures, 1);
    assert_eq!(world.told(ALICE, |notice| matches!(notice, Notice::Valid(_))), None);
}

/// Checks that come before the peer's answer are answered, and count once it is there (§7.3): the pair is of known candidates.
#[test]
fn checks_before_the_answer_are_not_lost() {
    let mut world = World::new([AgentConfig::new(), AgentConfig::new()], [Role::Controlling, Role::Controlled], WAY);
    world.gather(ALICE, &["192.0.2.1:5000"]);
    world.gather(BOB, &["198.51.100.1:6000"]);
    let (alice, bob) = (world.describe(ALICE), world.describe(BOB));
    world.command(BOB, Command::Remote(alice)).unwrap();
    world.check(BOB);
    world.run_until(millis(100));
    assert_eq!(world.agents[ALICE].counts().answered, 1);
    world.command(ALICE, Command::Remote(bob)).unwrap();
    world.check(ALICE);
    world.run_until(millis(3_000));
    assert_eq!(world.requests(ALICE)[0].0, millis(100));
    let pair = world.selected(ALICE).unwrap();
    assert_eq!((pair.local_kind, pair.remote_kind), (CandidateKind::Host, CandidateKind::Host));
}

/// Data go as soon as a pair is valid (§12.1), and arrive at whoever is asked for.
#[test]
fn data_flow_over_valid_pairs() {
    let mut world = World::begun(&["192.0.2.1:5000"], &["198.51.100.1:6000"], WAY);
    let data = || crate::rope::Rope::from(vec![0x80; 20]);
    assert_eq!(world.command(ALICE, Command::Send(ONLY, data())), Err(Misuse::NoPair));
    world.run_until(millis(80));
    assert_eq!(world.command(ALICE, Command::Send(ONLY, data())), Ok(()));
    world.run_until(millis(120));
    assert_eq!(world.told(BOB, |notice| matches!(notice, Notice::Received(..))), Some(millis(120)));
    let nobody = Component { stream: 0, number: 2 };
    assert_eq!(world.command(ALICE, Command::Send(nobody, data())), Err(Misuse::NoComponent));
    world.inject(address("203.0.113.9:1"), address("192.0.2.1:5000"), data());
    assert_eq!(world.agents[ALICE].counts().unexpected, 1);
}
