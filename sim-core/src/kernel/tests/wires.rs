//! Wires: times to the nanosecond, no overtaking, recall, lost packets.

use super::*;
use proptest::prelude::*;

/// p00 sends to p01 on wire 0, whose least delay is `min_delay`; p00 makes the moves given for each instant.
fn pair(threads: usize, min_delay: u64, acts: &[(u64, Vec<Move>)]) -> Simulation<Puppet> {
    let mut builder = stage([Puppet::default(), Puppet::default()], &[(0, 1, min_delay)]);
    for (time, moves) in acts {
        builder.act(at(*time), EntityId(0), moves.clone());
    }
    builder.build(threads).unwrap()
}

fn quiet(threads: usize, min_delay: u64, acts: &[(u64, Vec<Move>)]) -> Simulation<Puppet> {
    let mut world = pair(threads, min_delay, acts);
    run_quiet(&mut world);
    world
}

fn arrivals(world: &Simulation<Puppet>) -> Vec<(u64, u64)> {
    let notes = inputs(world).remove(1);
    notes.iter().filter_map(|(t, note)| if let Arrived { id, .. } = note { Some((*t, *id)) } else { None }).collect()
}

#[test]
fn packets_arrive_at_the_nanosecond_given() {
    for threads in [1, 2] {
        let world = quiet(threads, 5, &[(3, vec![send(0, At(3), At(8), 1), send(0, At(10), At(1_000_000_007), 2)])]);
        assert_eq!(arrivals(&world), [(8, 1), (1_000_000_007, 2)]);
        assert_eq!(world.counts().deliveries, 2);
    }
}

/// The window that begins at 3 ns ends at 8 ns: the packet arrives exactly then, and the next at the very next one.
#[test]
fn a_packet_that_arrives_exactly_at_a_windows_end_is_in_time() {
    for threads in [1, 2] {
        let acts =
            [(3, vec![send(0, At(3), At(8), 1)]), (7, vec![send(0, At(7), At(12), 2), send(0, At(8), At(13), 3)])];
        assert_eq!(arrivals(&quiet(threads, 5, &acts)), [(8, 1), (12, 2), (13, 3)]);
    }
}

/// The second packet asks for 10 ns, before the first one's 50 ns: it arrives with it.
#[test]
fn a_packet_does_not_overtake() {
    for threads in [1, 2] {
        let acts =
            [(1, vec![send(0, At(2), At(50), 1)]), (4, vec![send(0, At(5), At(10), 2), send(0, At(6), At(60), 3)])];
        assert_eq!(arrivals(&quiet(threads, 3, &acts)), [(50, 1), (50, 2), (60, 3)]);
    }
}

/// At 10 ns packets 1 (left at 9) and 2 (leaves now) have left; 3 and 4 come back, in order, lost or not.
#[test]
fn recall_gives_back_exactly_what_leaves_later_in_order() {
    for threads in [1, 2] {
        let sent =
            vec![send(0, At(9), At(20), 1), send(0, At(10), At(20), 2), send(0, At(11), At(21), 3), lose(0, At(12), 4)];
        let world = quiet(threads, 5, &[(1, sent), (10, vec![Recall(0)]), (11, vec![Recall(0)])]);
        assert_eq!(
            inputs(&world)[0][1..],
            [(10, Acted), (10, Recalled(vec![3, 4])), (11, Acted), (11, Recalled(vec![]))]
        );
        assert_eq!(arrivals(&world), [(20, 1), (20, 2)]);
    }
}

/// Sent anew for the very time for which the recalled packet's event still stands.
#[test]
fn the_stale_event_of_a_recalled_packet_delivers_nothing() {
    for threads in [1, 2] {
        let later = [(1, vec![send(0, At(9), At(20), 1)]), (5, vec![Recall(0), send(0, At(15), At(25), 2)])];
        assert_eq!(arrivals(&quiet(threads, 5, &later)), [(25, 2)]);
        let same = [
            (1, vec![send(0, At(9), At(20), 1)]),
            (5, vec![Recall(0), send(0, At(8), At(20), 2), send(0, At(9), At(20), 3)]),
        ];
        assert_eq!(arrivals(&quiet(threads, 5, &same)), [(20, 2), (20, 3)]);
        let earlier = [(1, vec![send(0, At(9), At(20), 1)]), (5, vec![Recall(0), send(0, At(8), At(13), 2)])];
        assert_eq!(arrivals(&quiet(threads, 5, &earlier)), [(13, 2)]);
    }
}

/// Packet 1 left at 2 ns and arrives at 100. Packet 2 is recalled at 10 and sent anew over the now shorter
/// wire, for 20 ns: it still may not overtake packet 1, which on two threads has long been handed over.
#[test]
fn what_is_sent_after_a_recall_does_not_overtake_what_has_left() {
    for threads in [1, 2] {
        let acts = [
            (1, vec![send(0, At(2), At(100), 1), send(0, At(30), At(130), 2)]),
            (10, vec![Recall(0), send(0, At(12), At(20), 2)]),
        ];
        assert_eq!(arrivals(&quiet(threads, 3, &acts)), [(100, 1), (100, 2)], "{threads} threads");
    }
}

/// The recalled packet was due at 500 ns; that binds nobody any more.
#[test]
fn what_was_recalled_holds_nobody_up() {
    for threads in [1, 2] {
        let acts = [(1, vec![send(0, At(30), At(500), 1)]), (10, vec![Recall(0), send(0, At(12), At(20), 2)])];
        assert_eq!(arrivals(&quiet(threads, 3, &acts)), [(20, 2)]);
    }
}

/// 1000 packets, each sent after the one before has left, all lost: each purge makes room for the next. Two threads hand
/// them over in windows of 5 ns, and the receiver must not keep them either.
#[test]
fn lost_packets_do_not_pile_up() {
    for threads in [1, 2] {
        let acts: Vec<_> = (1..=1_000).map(|t| (t, vec![lose(0, In(0), t)])).collect();
        let mut world = pair(threads, 5, &acts);
        for stop in [250, 500, 750, 1_000] {
            world.run(Until::Time(at(stop)), &mut Sinks::deaf()).unwrap();
            let held: usize = world.partitions.iter().map(|partition| partition.core.wires[0].len()).sum();
            assert_eq!(held, 0, "all have left");
            let counted: usize = world.partitions.iter().map(|partition| partition.core.in_flight).sum();
            assert_eq!(counted, 0);
        }
    }
}

/// Departures are reported when they happen, once, also where the run stops between departure and arrival.
#[test]
fn every_departure_is_reported_once_and_in_the_run_in_which_it_happens() {
    for threads in [1, 2] {
        let sent = vec![send(0, At(4), At(30), 1), lose(0, At(6), 2), send(0, At(20), At(50), 3), lose(0, At(40), 4)];
        let mut world = pair(threads, 5, &[(1, sent)]);
        let mut seen = Vec::new();
        for stop in [3, 5, 6, 35, 60] {
            let mut sinks = Sinks::new(Interests::PACKETS);
            world.run(Until::Time(at(stop)), &mut sinks).unwrap();
            let merged = sinks.into_merged().into_iter();
            seen.push(
                merged
                    .map(|r| match r.report {
                        Left { id, lost, .. } => (r.at.as_nanos(), id, lost),
                        other => panic!("{other:?}"),
                    })
                    .collect::<Vec<_>>(),
            );
        }
        let expected = [vec![], vec![(4, 1, false)], vec![(6, 2, true)], vec![(20, 3, false)], vec![(40, 4, true)]];
        assert_eq!(seen, expected, "{threads} threads");
    }
}

/// Down to the last instants that there are. What arrives at [`SimTime::MAX`] never arrives.
#[test]
fn wires_work_up_to_the_last_instant() {
    const MAX: u64 = u64::MAX;
    for threads in [1, 2] {
        let sent = vec![
            send(0, At(MAX - 9), At(MAX - 3), 1),
            send(0, At(MAX - 7), At(MAX - 1), 2),
            send(0, At(MAX - 7), At(MAX), 3),
            lose(0, At(MAX), 4),
        ];
        let mut world = pair(threads, 5, &[(MAX - 20, sent)]);
        let mut copy = world.try_clone().unwrap();
        run_quiet(&mut world);
        copy.run(Until::Time(SimTime::MAX), &mut Sinks::deaf()).unwrap();
        for world in [&world, &copy] {
            assert_eq!(arrivals(world), [(MAX - 3, 1), (MAX - 1, 2)], "{threads} threads");
            assert_eq!(world.now(), at(MAX - 1));
            assert_eq!(world.in_flight(WireId(0)).map(|flying| flying.packet.0).collect::<Vec<_>>(), [3]);
        }
        assert_eq!(world.wire_digests(), copy.wire_digests());
    }
}

/// A step leaves the books as a run to the same instant does.
#[test]
fn stepping_gives_what_running_gives() {
    let acts = [(1, vec![send(0, At(4), At(30), 1), lose(0, At(5), 2), lose(0, At(30), 3)])];
    let mut stepped = pair(1, 5, &acts);
    let mut sinks = Sinks::new(Interests::PACKETS);
    while stepped.step(&mut sinks).unwrap() {}
    let mut run = pair(1, 5, &acts);
    let mut other = Sinks::new(Interests::PACKETS);
    run.run(Until::Time(at(30)), &mut other).unwrap();
    assert_eq!(stepped.now(), run.now());
    assert_eq!(stepped.wire_digests(), run.wire_digests());
    assert_eq!(stepped.entity_digests(), run.entity_digests());
    assert_eq!(sinks.into_merged(), other.into_merged());
}

/// One instant's traffic: packets of (serialisation, delay, lost), before them perhaps a recall, after which
/// what came back is dropped (as when a link goes down).
type Burst = (u64, bool, Vec<(u64, u64, bool)>);

/// What the naive model expects: arrivals, recalled ids for each recall, and ids in flight at the stop.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    arrivals: Vec<(u64, u64)>,
    recalled: Vec<Vec<u64>>,
    in_flight: Vec<u64>,
    lost: usize,
}

/// Turns bursts into moves and, side by side, into what must come of them by `stop`. All packets ever sent stand in one list.
fn model(bursts: &[Burst], min_delay: u64, stop: u64) -> (Vec<(u64, Vec<Move>)>, Expected) {
    let mut all: Vec<(u64, Option<u64>, u64)> = Vec::new(); // departure, arrival, id
    let (mut moves, mut expected) = (Vec::new(), Expected::default());
    let mut id = 0;
    for (now, recall, packets) in bursts {
        let mut act = Vec::new();
        if *recall {
            act.push(Recall(0));
            if *now <= stop {
                expected.recalled.push(all.iter().filter(|(departs, ..)| departs > now).map(|(.., id)| *id).collect());
            }
            all.retain(|(departs, ..)| departs <= now);
        }
        for (serialisation, delay, lost) in packets {
            id += 1;
            let departs = all.last().map_or(*now, |(departs, ..)| *departs.max(now)) + serialisation;
            let asked = (departs + min_delay + delay).max(now + 1);
            act.push(Emit { wire: 0, departs: At(departs), arrives: (!lost).then_some(At(asked)), id });
            let arrives = all.iter().filter_map(|(_, arrives, _)| *arrives).max().map_or(asked, |last| last.max(asked));
            all.push((departs, (!lost).then_some(arrives), id));
        }
        moves.push((*now, act));
        if *now <= stop {
            let arrived = |(_, arrives, id): &(u64, Option<u64>, u64)| arrives.filter(|t| *t <= stop).map(|t| (t, *id));
            expected.arrivals = all.iter().filter_map(arrived).collect();
            let flying = all.iter().filter(|(_, arrives, _)| arrives.is_some_and(|t| t > stop));
            expected.in_flight = flying.map(|(.., id)| *id).collect();
            expected.lost = all.iter().filter(|(_, arrives, _)| arrives.is_none()).count();
        }
    }
    (moves, expected)
}

fn bursts() -> impl Strategy<Value = Vec<Burst>> {
    let packets = prop::collection::vec((0..6_u64, 0..25_u64, prop::bool::weighted(0.3)), 0..4);
    prop::collection::btree_map(1..60_u64, (prop::bool::weighted(0.4), packets), 0..12)
        .prop_map(|acts| acts.into_iter().map(|(time, (recall, packets))| (time, recall, packets)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_wire_does_what_a_naive_model_does(bursts in bursts(), min_delay in 0..12_u64, stop in 1..90_u64, threads in 1..3_usize) {
        let (moves, expected) = model(&bursts, min_delay, stop);
        let mut world = pair(threads, min_delay, &moves);
        world.run(Until::Time(at(stop)), &mut Sinks::deaf()).unwrap();
        let notes = inputs(&world);
        let recalled = notes[0].iter().filter_map(|(_, n)| if let Recalled(ids) = n { Some(ids.clone()) } else { None });
        let found = Expected {
            arrivals: arrivals(&world),
            recalled: recalled.collect(),
            in_flight: world.in_flight(WireId(0)).map(|flying| flying.packet.0).collect(),
            lost: expected.lost,
        };
        prop_assert_eq!(&found, &expected);
        // Conservation: each one sent by now is delivered, lost, in flight or was taken back.
        let sent: usize = bursts.iter().filter(|(now, ..)| *now <= stop).map(|(.., packets)| packets.len()).sum();
        let back: usize = found.recalled.iter().map(Vec::len).sum();
        prop_assert_eq!(sent, found.arrivals.len() + found.lost + found.in_flight.len() + back);
    }
}
