//! Snapshots: a copy runs on to the same end; what cannot be copied is named.

use super::relay::{Plan, plan};
use super::*;
use proptest::prelude::*;

#[test]
fn an_entity_that_cannot_be_cloned_is_named_by_its_path() {
    for threads in [1, 2] {
        let tangled = Puppet { cannot_clone: true, ..Puppet::default() };
        let world = stage([Puppet::default(), tangled], &[]).build(threads).unwrap();
        let error = world.try_clone().unwrap_err();
        assert_eq!(error.to_string(), "p01: strings cannot be copied: they are tangled");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The copy is taken in the midst of the run; original and copy go on, and so does a world that was never
    /// copied.
    #[test]
    fn a_copy_runs_on_to_the_same_end(plan in plan(), pause in 0..80_u64, threads in 1..4_usize) {
        let plan = Plan { stops: vec![Until::Time(at(pause))], ..plan };
        let mut original = plan.world(threads);
        plan.run(&mut original, Interests::NONE);
        let mut copy = original.try_clone().unwrap();
        let rest = Plan { stops: vec![Until::Time(at(pause + 50)), Until::Quiet], ..plan.clone() };
        let of_copy = rest.run(&mut copy, Interests::RESULTS);
        prop_assert_eq!(&rest.run(&mut original, Interests::RESULTS), &of_copy);
        let mut whole = plan.world(threads);
        let all = Plan { stops: [plan.stops.clone(), rest.stops.clone()].concat(), ..rest }.run(&mut whole, Interests::NONE);
        prop_assert_eq!(&all.stages[1..], &of_copy.stages[..]);
    }

    /// A world that is told of later acts under way runs on as one that was built with them, whatever copies of it do.
    #[test]
    fn a_copy_with_other_acts_is_as_one_built_with_them(plan in plan(), pause in 1..100_u64, threads in 1..4_usize) {
        let plan = Plan { stops: vec![Until::Time(at(pause))], ..plan };
        let (early, late): (Vec<_>, Vec<_>) = plan.changes().into_iter().partition(|(time, ..)| *time <= at(pause));
        let mut trunk = plan.world_with(threads, early);
        plan.run(&mut trunk, Interests::NONE);
        let mut copy = trunk.try_clone().unwrap();
        let rest = Plan { stops: vec![Until::Time(at(pause + 50)), Until::Quiet], ..plan.clone() };
        rest.run(&mut trunk, Interests::NONE);
        copy.extend_timeline(late).unwrap();
        let mut whole = plan.world(threads);
        plan.run(&mut whole, Interests::NONE);
        prop_assert_eq!(&rest.run(&mut copy, Interests::RESULTS), &rest.run(&mut whole, Interests::RESULTS));
    }
}

#[test]
fn acts_that_cannot_be_are_refused_and_change_nothing() {
    let mut world = stage([Puppet::default(), Puppet::default()], &[]).build(1).unwrap();
    world.run(Until::Time(at(10)), &mut Sinks::deaf()).unwrap();
    let error = world.extend_timeline(vec![(at(11), EntityId(0), vec![]), (at(10), EntityId(1), vec![])]).unwrap_err();
    assert_eq!(error, BuildError::ActInThePast("p01".to_owned()));
    let error = world.extend_timeline(vec![(at(11), EntityId(7), vec![])]).unwrap_err();
    assert!(matches!(error, BuildError::NoSuchEntity(_)), "{error}");
    assert_eq!(world.next_event(), None);
}
