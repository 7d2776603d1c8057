//! The order of what happens in one instant.

use super::*;

/// At 10 ns everything is due for p01 at once: two acts, arrivals on wires 0 and 1 (sent in the other order), two timers
/// (armed in the other order) and a sample. Rules: timeline in the order added, arrivals by rank of
/// the wire, timers by slot, flush, sample.
#[test]
fn timeline_goes_before_arrivals_before_timers_before_flush_before_samples() {
    let sender =
        Puppet::starting(vec![send(1, At(1), At(10), 11), send(0, At(2), At(10), 10), send(0, At(3), At(10), 12)]);
    let receiver = Puppet::starting(vec![NewTimer(70), NewTimer(71), Arm(1, At(10)), Arm(0, At(10))]);
    for threads in [1, 2] {
        let mut builder = stage([sender.clone(), receiver.clone()], &[(0, 1, 7), (0, 1, 7)]);
        builder.act(at(10), EntityId(1), vec![Mark(2, 1)]);
        builder.wire(wire(2, 1, 0, 7)).unwrap();
        builder.act(at(10), EntityId(1), vec![]).sample_every(ns(10));
        let mut world = builder.build(threads).unwrap();
        world.run(Until::Time(at(10)), &mut Sinks::deaf()).unwrap();
        let notes = world.entities().nth(1).unwrap().1.notes.clone();
        let expected = [
            (0, Flushed),
            (10, Acted),
            (10, Acted),
            (10, Arrived { port: 0, id: 10 }),
            (10, Arrived { port: 0, id: 12 }),
            (10, Arrived { port: 1, id: 11 }),
            (10, Fired { slot: 0, tag: 70 }),
            (10, Fired { slot: 1, tag: 71 }),
            (10, Flushed),
            (10, Sampled),
        ];
        assert_eq!(notes, expected, "{threads} threads");
    }
}

/// Ranks go by path, so arrivals at one instant do not depend on who sent first or on the sender's rank.
#[test]
fn arrivals_of_different_senders_go_by_rank_of_the_wire() {
    let first = Puppet::starting(vec![send(2, At(1), At(9), 2)]);
    let second = Puppet::starting(vec![send(1, At(3), At(9), 1)]);
    let third = Puppet::starting(vec![send(0, At(5), At(9), 0)]);
    for threads in [1, 2, 3, 4] {
        let wires = [(2, 3, 3), (1, 3, 3), (0, 3, 3)];
        let builder = stage([first.clone(), second.clone(), third.clone(), Puppet::default()], &wires);
        let mut world = builder.build(threads).unwrap();
        run_quiet(&mut world);
        let expected: Vec<_> = (0..3).map(|rank| (9, Arrived { port: rank, id: u64::from(rank) })).collect();
        assert_eq!(inputs(&world)[3], expected, "{threads} threads");
    }
}

#[test]
fn an_entity_to_which_nothing_happens_is_not_flushed() {
    let busy = Puppet::starting(vec![NewTimer(0), Arm(0, At(5))]);
    let mut world = stage([busy, Puppet::default()], &[]).build(1).unwrap();
    run_quiet(&mut world);
    assert_eq!(world.entities().nth(1).unwrap().1.notes, [(0, Flushed)]);
}

/// A stale event (the timer was turned off) is nothing that happens: no flush.
#[test]
fn a_stale_event_brings_no_flush() {
    let mut builder = stage([Puppet::starting(vec![NewTimer(0), Arm(0, At(5))])], &[]);
    builder.act(at(2), EntityId(0), vec![Disarm(0)]);
    let mut world = builder.build(1).unwrap();
    run_quiet(&mut world);
    assert_eq!(world.entities().next().unwrap().1.notes, [(0, Flushed), (2, Acted), (2, Flushed)]);
}

#[test]
fn samples_fall_on_the_multiples_of_the_period_also_where_nothing_happens() {
    for threads in [1, 2] {
        let mut builder = stage([Puppet::default(), Puppet::default()], &[]);
        builder.sample_every(ns(4));
        let mut world = builder.build(threads).unwrap();
        for stop in [3, 4, 11, 12] {
            world.run(Until::Time(at(stop)), &mut Sinks::deaf()).unwrap();
        }
        assert_eq!(inputs(&world), vec![vec![(4, Sampled), (8, Sampled), (12, Sampled)]; 2]);
    }
}

/// Until quiet takes no samples, whatever came before it; a run to a time takes them up again, at the
/// multiples of the period after the clock.
#[test]
fn until_quiet_ends_and_takes_no_samples_even_after_a_run_to_a_time() {
    for threads in [1, 2] {
        let notes = within_a_minute(move || {
            let late = Puppet::starting(vec![NewTimer(0), Arm(0, At(9))]);
            let mut builder = stage([late, Puppet::default()], &[]);
            builder.sample_every(ns(4)).limits(Limits { events: 1_000, ..Limits::default() });
            let mut world = builder.build(threads).unwrap();
            let mut sinks = Sinks::deaf();
            world.run(Until::Time(at(4)), &mut sinks).unwrap();
            world.run(Until::Quiet, &mut sinks).unwrap();
            assert_eq!(world.now(), at(9), "not the time of a sample that was not taken");
            world.run(Until::Time(at(16)), &mut sinks).unwrap();
            inputs(&world)
        });
        let samples = |taken: &[u64]| taken.iter().map(|t| (*t, Sampled)).collect::<Vec<_>>();
        assert_eq!(notes[0], [(4, Sampled), (9, Fired { slot: 0, tag: 0 }), (12, Sampled), (16, Sampled)]);
        assert_eq!(notes[1], samples(&[4, 12, 16]));
    }
}

/// The same when the first run is the one to quiet.
#[test]
fn samples_begin_with_the_first_run_to_a_time() {
    let mut builder = stage([Puppet::default()], &[]);
    builder.sample_every(ns(4));
    let mut world = builder.build(1).unwrap();
    run_quiet(&mut world);
    world.run(Until::Time(at(5)), &mut Sinks::deaf()).unwrap();
    assert_eq!(inputs(&world)[0], [(4, Sampled)]);
}

/// Quiet is when the last thing happens, not when the queue runs out of stale events: a recalled packet
/// and a timer that was turned off leave nothing behind.
#[test]
fn the_clock_at_quiet_is_the_last_thing_that_happened() {
    for threads in [1, 2] {
        let sender = Puppet::starting(vec![send(0, At(20), At(100), 1), NewTimer(0), Arm(0, At(300))]);
        let mut builder = stage([sender, Puppet::default()], &[(0, 1, 5)]);
        builder.act(at(9), EntityId(0), vec![Recall(0), Disarm(0)]);
        let mut world = builder.build(threads).unwrap();
        run_quiet(&mut world);
        assert_eq!(world.now(), at(9), "{threads} threads");
    }
}

/// A lost packet that leaves last of all is part of the run: it is reported, and the clock reads its
/// departure.
#[test]
fn quiet_waits_for_the_departure_of_a_lost_packet() {
    for threads in [1, 2] {
        let sender = Puppet::starting(vec![lose(0, At(20), 1)]);
        let mut world = stage([sender, Puppet::default()], &[(0, 1, 5)]).build(threads).unwrap();
        let mut sinks = Sinks::new(Interests::PACKETS);
        world.run(Until::Quiet, &mut sinks).unwrap();
        assert_eq!(world.now(), at(20), "{threads} threads");
        let reports: Vec<_> = sinks.into_merged().into_iter().map(|r| (r.at, r.report)).collect();
        assert_eq!(reports, [(at(20), Left { wire: 0, id: 1, lost: true })]);
    }
}

/// p02 speaks at 5 ns (its timer) and at that instant sends on wires 0 and 1; wire 1 arrives first. Its own words come
/// first, then departures by rank of the wire, wherever the receivers live.
#[test]
fn merged_reports_have_one_order_whatever_the_partition() {
    let mut sender = Puppet::starting(vec![NewTimer(3), Arm(0, At(5))]);
    sender.on_timer = vec![send(0, At(5), At(100), 1), send(1, At(5), At(50), 2)];
    let order = |threads| {
        let puppets = [Puppet::default(), Puppet::default(), sender.clone()];
        let mut world = stage(puppets, &[(2, 0, 5), (2, 1, 5)]).build(threads).unwrap();
        let mut sinks = Sinks::new(Interests::RESULTS.and(Interests::PACKETS));
        world.run(Until::Quiet, &mut sinks).unwrap();
        let at_five = sinks.into_merged().into_iter().filter(|r| r.at == at(5)).map(|r| r.report);
        at_five.collect::<Vec<_>>()
    };
    let left = |wire, id| Left { wire, id, lost: false };
    for threads in [1, 2, 3] {
        assert_eq!(order(threads), [Fired { slot: 0, tag: 3 }, Flushed, left(0, 1), left(1, 2)], "{threads} threads");
    }
}
