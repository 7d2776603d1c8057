//! Limits: each stops the run, names who was at work and when, and leaves a world to look at.

use super::*;

/// p00 is idle but for one timer far away; p01 and p02 are joined by a wire. `busy` does its work at p01.
fn with_limits(limits: Limits, busy: Puppet, threads: usize) -> Simulation<Puppet> {
    let idle = Puppet::starting(vec![NewTimer(0), Arm(0, At(1_000_000))]);
    let mut builder = stage([idle, busy, Puppet::default()], &[(1, 2, 10), (2, 0, 10)]);
    builder.limits(limits);
    builder.build(threads).unwrap()
}

fn error_of(world: &mut Simulation<Puppet>) -> RunError {
    world.run(Until::Time(at(2_000_000)), &mut Sinks::deaf()).expect_err("a limit is reached")
}

/// Everything that can be looked at after an error.
fn look(world: &mut Simulation<Puppet>) {
    assert_eq!(world.entities().count(), 3);
    assert_eq!(world.entity_digests().len(), 3);
    assert_eq!(world.wire_digests().len(), 2);
    assert!(world.try_clone().is_ok());
}

fn busy(at_ns: u64, path: &str) -> Busy {
    Busy { at: at(at_ns), path: path.to_owned() }
}

/// A timer every nanosecond: event number 50 is handled at 50 ns.
#[test]
fn the_limit_on_events_names_the_entity_that_was_at_work() {
    for threads in [1, 2, 3] {
        let limits = Limits { events: 50, ..Limits::default() };
        let mut storm = Puppet::starting(vec![NewTimer(0), Arm(0, At(1))]);
        storm.on_timer = vec![Arm(0, In(1))];
        let mut world = with_limits(limits, storm, threads);
        let error = error_of(&mut world);
        assert!(matches!(&error, RunError::Events { limit: 50, .. }), "{error}");
        assert_eq!(error.busy().path, "p01", "{threads} threads");
        // Partitions add up their events at window ends: at most one window (10 ns) later.
        let late = if threads == 1 { 0 } else { 10 };
        assert!((50..=50 + late).contains(&error.busy().at.as_nanos()), "{threads} threads: {error}");
        assert_eq!(
            error.to_string(),
            format!("stopped at {} after 50 events; `p01` was handling one", error.busy().at)
        );
        look(&mut world);
    }
}

/// No partition has 50 events of its own, together they have; the one with more of them is named.
#[test]
fn the_limit_on_events_holds_for_all_partitions_together() {
    for threads in [1, 2] {
        let ticker =
            |every| Puppet { on_timer: vec![Arm(0, In(every))], ..Puppet::starting(vec![NewTimer(0), Arm(0, At(1))]) };
        let mut builder = stage([ticker(3), ticker(2)], &[(0, 1, 10)]);
        builder.limits(Limits { events: 50, ..Limits::default() });
        let mut world = builder.build(threads).unwrap();
        let error = error_of(&mut world);
        assert_eq!(error.busy().path, "p01", "{threads} threads: {error}");
        // 1/2 + 1/3 events per nanosecond: 50 are reached at 59 ns, give or take 1; then up to a window.
        assert!((58..=71).contains(&error.busy().at.as_nanos()), "{threads} threads: {error}");
    }
}

/// How many stale events there are depends on threads, so they do not count: of two timers one is turned off by the other.
#[test]
fn stale_events_do_not_count() {
    for threads in [1, 2] {
        let limits = Limits { events: 2, ..Limits::default() };
        let mut world = with_limits(
            limits,
            Puppet {
                on_timer: vec![Disarm(1)],
                ..Puppet::starting(vec![NewTimer(0), NewTimer(1), Arm(0, At(3)), Arm(1, At(5))])
            },
            threads,
        );
        assert!(world.run(Until::Quiet, &mut Sinks::deaf()).is_ok(), "{threads} threads");
        assert_eq!(world.counts().events, 2, "{threads} threads");
    }
}

#[test]
fn the_limit_on_steps_names_entity_and_instant() {
    for threads in [1, 2, 3] {
        let limits = Limits { steps_per_instant: 100, ..Limits::default() };
        let restless = Puppet { on_timer: vec![Spin(u32::MAX)], ..Puppet::starting(vec![NewTimer(0), Arm(0, At(77))]) };
        let mut world = with_limits(limits, restless, threads);
        let error = error_of(&mut world);
        assert_eq!(error, RunError::Steps { busy: busy(77, "p01"), limit: 100 }, "{threads} threads");
        let told = "stopped at 0.000000077 s: `p01` took more than 100 steps in one instant and does not come to rest";
        assert_eq!(error.to_string(), told);
        assert_eq!(world.now(), at(77), "{threads} threads");
        assert_eq!(inputs(&world)[1], [(77, Fired { slot: 0, tag: 0 }), (77, Refused)]);
        look(&mut world);
    }
}

/// A timer event and 99 rounds are 100 steps; the steps of the next instant are counted anew.
#[test]
fn steps_up_to_the_limit_are_allowed_in_every_instant() {
    let limits = Limits { steps_per_instant: 100, ..Limits::default() };
    let busy = Puppet {
        on_timer: vec![Spin(99)],
        ..Puppet::starting(vec![NewTimer(0), NewTimer(0), Arm(0, At(7)), Arm(1, At(8))])
    };
    let mut world = with_limits(limits, busy, 1);
    world.run(Until::Time(at(100)), &mut Sinks::deaf()).unwrap();
}

/// Nothing at all is pending after the start.
#[test]
fn an_entity_that_does_not_come_to_rest_at_the_start_is_an_error() {
    for threads in [1, 2] {
        let limits = Limits { steps_per_instant: 100, ..Limits::default() };
        let mut builder = stage([Puppet::default(), Puppet::starting(vec![Spin(101)])], &[]);
        builder.limits(limits);
        let mut world = builder.build(threads).unwrap();
        let error = world.run(Until::Quiet, &mut Sinks::deaf()).unwrap_err();
        assert_eq!(error, RunError::Steps { busy: busy(0, "p01"), limit: 100 });
    }
}

/// p01 by its timer and p00 by an arrival, at one instant: the first by path is named, whoever is called first. p02 fails
/// later and is not named.
#[test]
fn of_several_failures_the_earliest_is_named_and_then_the_first_by_path() {
    for threads in [1, 2, 3] {
        let spinner =
            |time| Puppet { on_timer: vec![Spin(500)], ..Puppet::starting(vec![NewTimer(0), Arm(0, At(time))]) };
        let mut sender = spinner(22);
        sender.start.push(send(0, At(1), At(20), 1));
        let hears = Puppet { on_arrival: vec![Spin(500)], ..Puppet::default() };
        let mut builder = stage([spinner(20), hears, sender], &[(2, 1, 10)]);
        builder.limits(Limits { steps_per_instant: 100, ..Limits::default() });
        let error = error_of(&mut builder.build(threads).unwrap());
        assert_eq!(error, RunError::Steps { busy: busy(20, "p00"), limit: 100 }, "{threads} threads");
    }
}

/// Room for 30 packets or so; p01 sends one each nanosecond that takes a second to arrive.
#[test]
fn the_limit_on_memory_names_the_sender() {
    for threads in [1, 2, 3] {
        let room = 30 * size_of::<InFlight<Parcel>>() as u64;
        let limits = Limits { memory: Size::from_bytes(room), ..Limits::default() };
        let flood = Puppet {
            on_timer: vec![Arm(0, In(1)), Emit { wire: 0, departs: In(0), arrives: Some(In(1_000_000_000)), id: 1 }],
            ..Puppet::starting(vec![NewTimer(0), Arm(0, At(1))])
        };
        let mut world = with_limits(limits, flood, threads);
        let error = error_of(&mut world);
        assert!(matches!(&error, RunError::Memory { busy, .. } if busy.path == "p01"), "{threads} threads: {error}");
        // A few pending events take room as well; partitions are added up at window ends (10 ns).
        assert!((20..=45).contains(&error.busy().at.as_nanos()), "{threads} threads: {error}");
        look(&mut world);
    }
}

/// Each timer is moved earlier a hundred times: a hundred stale events are pending, without one packet sent.
#[test]
fn pending_events_count_as_memory_too() {
    let limits =
        Limits { memory: Size::from_bytes(50 * size_of::<crate::queue::EventKey>() as u64), ..Limits::default() };
    let earlier = (0..100).map(|n| Arm(0, At(100_000 - n)));
    let restless = Puppet { on_timer: earlier.collect(), ..Puppet::starting(vec![NewTimer(0), Arm(0, At(3))]) };
    for threads in [1, 2] {
        let error = error_of(&mut with_limits(limits, restless.clone(), threads));
        assert_eq!(error, RunError::Memory { busy: busy(3, "p01"), limit: limits.memory });
    }
}

/// One timer that re-arms each nanosecond, and someone who listens: only its reports add up, one for each call.
#[test]
fn reports_that_wait_count_as_memory_too() {
    let tick = Puppet { on_timer: vec![Arm(0, In(1))], ..Puppet::starting(vec![NewTimer(0), Arm(0, At(1))]) };
    for threads in [1, 2] {
        let limits = Limits { memory: Size::from_bytes(100_000), ..Limits::default() };
        let mut world = with_limits(limits, tick.clone(), threads);
        let error = world.run(Until::Time(at(2_000_000)), &mut Sinks::new(Interests::RESULTS)).unwrap_err();
        assert!(matches!(&error, RunError::Memory { busy, .. } if busy.path == "p01"), "{threads} threads: {error}");
        assert!(world.run(Until::Quiet, &mut Sinks::deaf()).is_err());
    }
}

/// After an error nothing moves any more: the same error again.
#[test]
fn a_run_that_failed_does_not_go_on() {
    for threads in [1, 2] {
        let limits = Limits { steps_per_instant: 100, ..Limits::default() };
        let restless = Puppet { on_timer: vec![Spin(101)], ..Puppet::starting(vec![NewTimer(0), Arm(0, At(77))]) };
        let mut world = with_limits(limits, restless, threads);
        let error = error_of(&mut world);
        let (before, counts) = (inputs(&world), world.counts());
        assert_eq!(error_of(&mut world), error);
        assert_eq!((inputs(&world), world.counts(), world.now()), (before, counts, at(77)));
    }
}

/// Every packet is somewhere when several partitions stop in the midst of their exchange.
#[test]
fn packets_are_conserved_when_a_limit_stops_the_run() {
    for threads in [1, 2, 3] {
        for events in 40..80 {
            let chatter = |wire| Puppet {
                on_timer: vec![Arm(0, In(2)), Emit { wire, departs: In(0), arrives: Some(In(12)), id: 1 }],
                ..Puppet::starting(vec![NewTimer(0), Arm(0, At(1))])
            };
            let mut builder = stage([chatter(0), chatter(1), chatter(2)], &[(0, 1, 10), (1, 2, 10), (2, 0, 10)]);
            builder.limits(Limits { events, ..Limits::default() });
            let mut world = builder.build(threads).unwrap();
            error_of(&mut world);
            let count =
                |wanted: fn(&Note) -> bool| inputs(&world).concat().iter().filter(|(_, note)| wanted(note)).count();
            let sent = count(|note| matches!(note, Fired { .. }));
            let arrived = count(|note| matches!(note, Arrived { .. }));
            let flying: usize = (0..3).map(|id| world.in_flight(WireId(id)).count()).sum();
            assert_eq!(sent, arrived + flying, "{threads} threads, {events} events");
            assert_eq!(arrived as u64, world.counts().deliveries);
        }
    }
}

/// One partition fails at once while the other may be anywhere between two meetings. Many rounds, because it is a race.
#[test]
fn a_failure_in_one_partition_never_leaves_another_waiting() {
    within_a_minute(|| {
        for _ in 0..3_000 {
            let limits = Limits { steps_per_instant: 10, ..Limits::default() };
            let restless = Puppet { on_timer: vec![Spin(11)], ..Puppet::starting(vec![NewTimer(0), Arm(0, At(3))]) };
            let ticker = Puppet { on_timer: vec![Arm(0, In(1))], ..Puppet::starting(vec![NewTimer(0), Arm(0, At(1))]) };
            let mut builder = stage([restless, ticker], &[(0, 1, 1)]);
            builder.limits(limits);
            let error = error_of(&mut builder.build(2).unwrap());
            assert_eq!(error.busy(), &busy(3, "p00"));
        }
    });
}
