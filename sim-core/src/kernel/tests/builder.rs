//! What the builder refuses, how it partitions, and what an addition leaves alone.

use super::*;
use crate::random::Purpose;

#[test]
fn paths_must_come_in_sorted_order_and_only_once() {
    let mut builder = stage([Puppet::default(), Puppet::default()], &[]);
    for wrong in ["p01", "p00", "a"] {
        let refused = builder.entity(wrong, wrong, Puppet::default()).unwrap_err();
        assert_eq!(refused, BuildError::PathOrder(wrong.into()));
        assert_eq!(refused.to_string(), format!("path `{wrong}` is not after the path before it"));
    }
    builder.wire(wire(3, 0, 1, 1)).unwrap();
    assert_eq!(builder.wire(wire(3, 1, 0, 1)), Err(BuildError::PathOrder("w03".into())));
    assert_eq!(builder.wire(wire(2, 1, 0, 1)), Err(BuildError::PathOrder("w02".into())));
    assert_eq!(builder.wire(wire(4, 1, 0, 1)), Ok(WireId(1)));
    assert_eq!(builder.entity("p02", "p02", Puppet::default()), Ok(EntityId(2)));
}

#[test]
fn wires_and_acts_need_entities_that_exist() {
    for wires in [[(0, 1, 1)], [(1, 0, 1)]] {
        let error = stage([Puppet::default()], &wires).build(1).unwrap_err();
        assert_eq!(error, BuildError::NoSuchEntity("w00".into()));
    }
    let mut builder = stage([Puppet::default()], &[]);
    builder.act(at(3), EntityId(1), vec![]);
    let error = builder.build(1).unwrap_err();
    assert_eq!(error.to_string(), "`timeline at 0.000000003 s` refers to an entity that does not exist");
}

/// Time zero belongs to the start; an act then would come after it without a flush of its own.
#[test]
fn an_act_at_the_start_is_refused() {
    let mut builder = stage([Puppet::default()], &[]);
    builder.act(at(0), EntityId(0), vec![]);
    assert_eq!(builder.build(1).unwrap_err(), BuildError::ActAtStart("p00".into()));
}

/// Samples every 0 ns would never let the clock go on.
#[test]
fn samples_without_a_period_are_refused() {
    let mut builder = stage([Puppet::default()], &[]);
    builder.sample_every(Span::ZERO);
    assert_eq!(builder.build(1).unwrap_err(), BuildError::NoSamplePeriod);
}

#[test]
fn an_empty_world_runs() {
    for threads in [0, 1, 8] {
        let mut world = stage([], &[]).build(threads).unwrap();
        run_quiet(&mut world);
        world.run(Until::Time(at(9)), &mut Sinks::deaf()).unwrap();
        assert_eq!((world.now(), world.counts(), world.partitioned()), (at(9), Counts::default(), 1));
    }
}

#[test]
fn there_are_never_more_partitions_than_threads_or_groups() {
    for (threads, partitions) in [(0, 1), (1, 1), (2, 2), (3, 3), (4, 4), (9, 4)] {
        let world = stage(vec![Puppet::default(); 5], &[(0, 4, 0), (1, 2, 3)]).build(threads).unwrap();
        // Entities 0 and 4 are one group: a wire without delay joins them.
        assert!(world.partitioned() <= partitions, "{threads} threads: {}", world.partitioned());
    }
    assert_eq!(stage(vec![Puppet::default(); 3], &[(0, 1, 0), (2, 1, 0)]).build(8).unwrap().partitioned(), 1);
    assert_eq!(stage(vec![Puppet::default(); 8], &[]).build(8).unwrap().partitioned(), 8);
}

/// Draws ten numbers in ten instants.
#[derive(Clone, Debug, Default)]
struct Dice {
    thrown: Vec<u64>,
}

impl Entity for Dice {
    type Packet = Parcel;
    type Action = Vec<Move>;
    type Report = ();

    fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
        let timer = cx.new_timer(0, "throw");
        cx.arm(timer, at(1));
    }

    fn on_arrival(&mut self, _: u32, _: Parcel, _: &mut Cx<'_, Self>) {}

    fn on_timer(&mut self, timer: TimerId, _: u64, cx: &mut Cx<'_, Self>) {
        self.thrown.push(cx.rng(Purpose("throw")).next_u64());
        if self.thrown.len() < 10 {
            cx.arm(timer, cx.now() + ns(1));
        }
    }

    fn on_action(&mut self, _: &Vec<Move>, _: &mut Cx<'_, Self>) {}

    fn try_clone(&self) -> Result<Self, CannotClone> {
        Ok(self.clone())
    }
}

fn throws(entities: &[(&str, &str)], wires: usize, threads: usize) -> Vec<(String, Vec<u64>)> {
    let mut builder = Builder::new(SEED);
    for (path, stream) in entities {
        builder.entity(path, stream, Dice::default()).unwrap();
    }
    for rank in 0..wires {
        builder.wire(wire(rank, 0, 1, 2)).unwrap();
    }
    let mut world = builder.build(threads).unwrap();
    world.run(Until::Quiet, &mut Sinks::deaf()).unwrap();
    world.entities().map(|(path, dice)| (path.to_owned(), dice.thrown.clone())).collect()
}

/// A new entity in front shifts every rank; a new wire shifts every wire's. Nobody's luck changes, and each draw is what
/// the stream of that name gives.
#[test]
fn adding_an_entity_or_a_wire_leaves_every_other_entitys_draws_as_they_were() {
    let alone = throws(&[("b", "b"), ("c", "c")], 0, 1);
    for (path, thrown) in &alone {
        let mut stream = SEED.stream(path, Purpose("throw"));
        assert_eq!(*thrown, (0..10).map(|_| stream.next_u64()).collect::<Vec<_>>());
    }
    for threads in [1, 2, 3] {
        let more = throws(&[("a", "a"), ("b", "b"), ("bb", "bb"), ("c", "c")], 2, threads);
        assert_eq!([more[1].clone(), more[3].clone()], alone[..]);
    }
}

#[test]
fn a_renamed_entity_keeps_its_luck_by_its_stream_name() {
    let before = throws(&[("b", "b"), ("c", "c")], 0, 1);
    let after = throws(&[("c", "c"), ("renamed", "b")], 0, 1);
    assert_eq!((&before[0].1, &before[1].1), (&after[1].1, &after[0].1));
}
