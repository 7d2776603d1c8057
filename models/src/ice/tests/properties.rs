//! What holds whatever is lost, late or twice.

use super::*;
use proptest::prelude::*;

/// A generator of draws for what happens to datagrams (SplitMix64), so that a case is its seed.
#[derive(Clone, Copy, Debug)]
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn percent(&mut self) -> u64 {
        self.next() % 100
    }
}

/// What goes wrong until some moment.
#[derive(Clone, Copy, Debug)]
struct Faults {
    seed: u64,
    /// Share of datagrams lost.
    loss_percent: u64,
    /// All is lost between these, as by a link that is down.
    outage: (u64, u64),
    delay_ms: u64,
    jitter_ms: u64,
    /// Until then.
    until_ms: u64,
    roles: [Role; 2],
    /// How many addresses each has.
    addresses: [usize; 2],
}

fn faults() -> impl Strategy<Value = Faults> {
    let role = || prop_oneof![Just(Role::Controlling), Just(Role::Controlled)];
    let part = (any::<u64>(), 0_u64..70, (0_u64..60_000, 0_u64..40_000), 1_u64..300, 0_u64..200, 0_u64..70_000);
    (part, [role(), role()], [1_usize..4, 1_usize..4]).prop_map(|(part, roles, addresses)| {
        let (seed, loss_percent, (from, long), delay_ms, jitter_ms, until_ms) = part;
        Faults { seed, loss_percent, outage: (from, from + long), delay_ms, jitter_ms, until_ms, roles, addresses }
    })
}

fn world(faults: Faults) -> World {
    let names = |block: &str, count: usize| (1..=count).map(|host| format!("{block}.{host}:5000")).collect::<Vec<_>>();
    let delay = Span::from_millis(faults.delay_ms);
    let mut world = World::new([AgentConfig::new(), AgentConfig::new()], faults.roles, delay);
    for (who, block) in [(ALICE, "192.0.2"), (BOB, "198.51.100")] {
        let names = names(block, faults.addresses[who]);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        world.gather(who, &names);
    }
    let mut draws = Draws(faults.seed);
    world.fate = Box::new(move |_, _, now, _| {
        let at = now.saturating_since(LocalTime::ZERO).as_nanos() / 1_000_000;
        let (luck, late) = (draws.percent(), draws.next() % (faults.jitter_ms + 1));
        let is_out = (faults.outage.0..faults.outage.1).contains(&at);
        let is_lost = at < faults.until_ms && (luck < faults.loss_percent || is_out);
        let late = if at < faults.until_ms { late } else { 0 };
        (!is_lost).then(|| Span::from_millis(faults.delay_ms + late))
    });
    world.introduce();
    world.check(ALICE);
    world.check(BOB);
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// After 40 s without faults both have the same pair, or neither has one; and by its deadline every session has come to one or
    /// the other. Who was connected and is not any more has lost consent.
    #[test]
    fn both_agree_in_the_end(faults in faults()) {
        let mut world = world(faults);
        world.run_until(millis(60_000));
        for who in [ALICE, BOB] {
            let state = world.agents[who].state();
            prop_assert!(!matches!(state, State::New | State::Checking), "{state:?} at its deadline");
        }
        world.run_until(millis(faults.until_ms.max(60_000) + 40_000));
        let states = world.agents.each_ref().map(Agent::state);
        let connected = states.map(|state| state == State::Connected);
        prop_assert_eq!(connected[ALICE], connected[BOB], "{:?}", states);
        if connected[ALICE] {
            let (alice, bob) = (world.selected(ALICE).unwrap(), world.selected(BOB).unwrap());
            prop_assert_eq!((alice.local, alice.remote), (bob.remote, bob.local));
            prop_assert_ne!(world.agents[ALICE].role(), world.agents[BOB].role());
        }
    }

    /// On a path that dies nobody says that it is connected for longer than consent lasts and a round trip.
    #[test]
    fn nobody_is_connected_over_a_dead_path(faults in faults(), dies_ms in 0_u64..100_000) {
        let calm = Faults { loss_percent: 0, outage: (dies_ms, u64::MAX), until_ms: u64::MAX, ..faults };
        let mut world = world(calm);
        let round_trip = 2 * (calm.delay_ms + calm.jitter_ms);
        world.run_until(millis(dies_ms + 30_000 + round_trip));
        for who in [ALICE, BOB] {
            prop_assert_ne!(world.agents[who].state(), State::Connected);
        }
    }

    /// Whatever comes, nothing panics, and time-outs move on.
    #[test]
    fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..200), faults in faults()) {
        let mut world = world(faults);
        for at in [10, 200, 3_000] {
            world.run_until(millis(at));
            world.inject(address("203.0.113.1:9"), address("192.0.2.1:5000"), bytes.clone());
        }
        world.run_until(millis(5_000));
    }
}
