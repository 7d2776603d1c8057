//! What must not matter: the order in which equal things are handed to the kernel.

use super::relay::{Plan, plan};
use super::*;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Acts of one instant on different entities, added in another order; acts on one entity keep theirs.
    #[test]
    fn acts_on_different_entities_may_be_added_in_any_order(plan in plan(), threads in 1..4_usize) {
        let mut sorted = plan.clone();
        let senders: Vec<u32> = plan.wires.iter().map(|wire| wire.from).collect();
        sorted.acts.sort_by_key(|act| senders.get(act.wire % senders.len().max(1)).copied());
        prop_assert_eq!(plan.outcome(1, Interests::RESULTS), sorted.outcome(threads, Interests::RESULTS));
    }

    /// More stops on the way are as good as none: only the last stage is compared.
    #[test]
    fn stopping_on_the_way_changes_nothing(plan in plan(), threads in 1..4_usize, stops in prop::collection::btree_set(0..150_u64, 1..6)) {
        let last = *stops.last().expect("one at least");
        let straight = Plan { stops: vec![Until::Time(at(last))], ..plan };
        let often = Plan { stops: stops.into_iter().map(|t| Until::Time(at(t))).collect(), ..straight.clone() };
        let (straight, often) = (straight.outcome(1, Interests::RESULTS), often.outcome(threads, Interests::RESULTS));
        prop_assert_eq!(straight.stages.last(), often.stages.last());
        prop_assert_eq!(straight.reports, often.reports);
    }

    /// The order in which one entity makes sends on different wires of one instant.
    #[test]
    fn sends_on_different_wires_commute(order in Just((0..4_u32).collect::<Vec<_>>()).prop_shuffle(), threads in 1..4_usize) {
        let run = |order: &[u32], threads| {
            let sends = order.iter().map(|w| send(*w, In(1), In(9), u64::from(*w))).collect();
            let puppets = [Puppet::starting(sends), Puppet::default(), Puppet::default()];
            let mut world = stage(puppets, &[(0, 1, 3), (0, 2, 3), (0, 1, 3), (0, 2, 3)]).build(threads).unwrap();
            let mut sinks = Sinks::new(Interests::RESULTS.and(Interests::PACKETS));
            world.run(Until::Quiet, &mut sinks).unwrap();
            (sinks.into_merged(), world.entity_digests(), world.wire_digests(), inputs(&world))
        };
        prop_assert_eq!(run(&order, threads), run(&[0, 1, 2, 3], 1));
    }
}
