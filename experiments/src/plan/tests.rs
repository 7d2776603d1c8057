use super::*;
use crate::plan::space::Space;
use crate::results::{PlannedRuns, Shard, ShardRuns};
use crate::run::Selection;
use crate::scenario::{Loaded, Request, load_text};
use proptest::prelude::*;
use std::sync::Arc;

/// Two variants, three losses by three delays, five replications: 90 runs.
const SWEEP: &str = r#"(
    format: 1,
    title: "Sweep",
    nodes: [(name: "a"), (name: "b")],
    links: [(name: "ab", ends: ("a", "b"), rate: "1 Mbit/s", delay: "5 ms", loss: "0 %")],
    apps: [
        (name: "server", on: "b", run: CoapServer()),
        (name: "client", on: "a", run: CoapClient(to: "b", requests: 10, interval: "1 s")),
    ],
    replications: 5,
    variants: [(name: "fast"), (name: "slow", set: {"links.ab.rate": "10 kbit/s"})],
    axes: [
        (name: "loss", path: "links.ab.loss", values: ["0 %", "10 %", "20 %"]),
        (name: "delay", path: "links.ab.delay", values: ["1 ms", "2 ms", "4 ms"]),
    ],
)"#;

fn loaded() -> Loaded {
    load_text("sweep", "sweep.ron", SWEEP, &Request::default(), false).unwrap()
}

fn estimate(seconds: &[f64]) -> Estimate {
    let cost = |(point, seconds): (usize, &f64)| PointCost {
        point,
        runs: 5,
        seconds: *seconds,
        bytes: 1000.0,
        is_at_least: false,
    };
    Estimate { points: seconds.iter().enumerate().map(cost).collect(), ..Estimate::default() }
}

/// What each shard costs.
fn loads(groups: &[Group], shards: usize) -> Vec<u64> {
    let split = longest_first(groups, shards);
    split.iter().map(|counts| counts.iter().map(|(group, count)| groups[*group].cost * count).sum()).collect()
}

/// The least that the dearest of so many shards can cost: every split is tried.
fn best(costs: &[u64], loads: &mut [u64], known: u64) -> u64 {
    let dearest = loads.iter().copied().max().unwrap_or(0);
    let Some((cost, rest)) = costs.split_first().filter(|_| dearest < known) else { return dearest.min(known) };
    let mut known = known;
    for shard in 0..loads.len() {
        loads[shard] += cost;
        known = best(rest, loads, known);
        loads[shard] -= cost;
        // Of shards without anything one is like another.
        if loads[shard] == 0 {
            break;
        }
    }
    known
}

fn groups(most: u64) -> impl Strategy<Value = Vec<Group>> {
    let group = (1_u64..60, 1..=most).prop_map(|(cost, count)| Group { cost, count });
    proptest::collection::vec(group, 1..5)
}

proptest! {
    /// Graham 1969, theorem 2: at most 4/3 - 1/(3m) times the best. The best is found by trying all.
    #[test]
    fn the_dearest_shard_is_within_grahams_bound(groups in groups(2), shards in 1_usize..5) {
        let things: Vec<u64> = groups.iter().flat_map(|group| (0..group.count).map(|_| group.cost)).collect();
        let best = best(&things, &mut vec![0; shards], u64::MAX);
        let dearest = loads(&groups, shards).into_iter().max().unwrap();
        let m = shards as u64;
        prop_assert!(dearest >= best && dearest * 3 * m <= best * (4 * m - 1), "{dearest}, {best}");
    }

    /// With many things: the shard that ends last was the first to be free when its last thing came, so that it costs at most the mean of all and
    /// (1 - 1/m) of the dearest thing (Graham 1966).
    #[test]
    fn many_things_are_spread(groups in groups(500), shards in 1_usize..40) {
        let loads = loads(&groups, shards);
        let all: u64 = groups.iter().map(|group| group.cost * group.count).sum();
        prop_assert_eq!(loads.iter().sum::<u64>(), all);
        let (m, largest) = (shards as u64, groups.iter().map(|group| group.cost).max().unwrap());
        prop_assert!(loads.iter().max().unwrap() * m <= all + (m - 1) * largest);
    }

    /// Each run is in one shard, the same one each time, and of a point each shard has at most one piece.
    #[test]
    fn each_run_is_in_one_shard(seconds in proptest::collection::vec(0.0_f64..10.0, 18), shards in 1_usize..91) {
        let (loaded, estimate) = (loaded(), estimate(&seconds));
        let split = Split::by_cost(&loaded, &estimate, shards);
        prop_assert_eq!(&split, &Split::by_cost(&loaded, &estimate, shards));
        let mut runs = Vec::new();
        for (number, (pieces, cost)) in (1..).zip(split.0) {
            prop_assert!(pieces.windows(2).all(|two| two[0].point < two[1].point));
            let own: f64 = pieces.iter().map(|piece| seconds[piece.point] * (piece.replications[1] - piece.replications[0] + 1) as f64).sum();
            prop_assert!((own - cost.unwrap()).abs() < 1e-9);
            let planned = PlannedRuns { sha256: String::new(), runs: pieces };
            let shard = ShardRuns::Planned(Shard { number, of: shards as u64 }, Arc::new(planned));
            runs.extend(Selection { shard: Some(shard), ..Selection::default() }.runs(&loaded));
        }
        runs.sort_unstable();
        prop_assert_eq!(runs, Selection::default().runs(&loaded));
    }
}

/// The example that shows Graham's bound to be sharp: things of 5, 5, 4, 4, 3, 3, 3 on three shards are 11, and 9 at best.
#[test]
fn the_bound_is_reached() {
    let groups = [Group { cost: 5, count: 2 }, Group { cost: 4, count: 2 }, Group { cost: 3, count: 3 }];
    assert_eq!(loads(&groups, 3).into_iter().max(), Some(11));
    assert_eq!(best(&[5, 5, 4, 4, 3, 3, 3], &mut [0; 3], u64::MAX), 9);
}

/// By turns is what shards without a plan do.
#[test]
fn turns_are_those_of_shards_without_a_plan() {
    let loaded = loaded();
    for shards in [1, 2, 7, 64] {
        for (number, (runs, seconds)) in (1..).zip(Split::by_turns(&loaded, shards).0) {
            let shard = Shard { number, of: shards };
            let planned = PlannedRuns { sha256: String::new(), runs };
            let [planned, turns] = [ShardRuns::Planned(shard, Arc::new(planned)), ShardRuns::ByTurns(shard)];
            let runs = |shard| Selection { shard: Some(shard), ..Selection::default() }.runs(&loaded);
            assert_eq!((runs(planned), seconds), (runs(turns), None));
        }
    }
}

/// Two workers with 3, 1, 1, 1 and 4: the second one is done with three when the first one is with one; then one takes the last.
#[test]
fn one_thing_after_the_other() {
    assert!((in_order([3.0, 1.0, 1.0, 1.0, 4.0].into_iter(), 2) - 7.0).abs() < 1e-12);
    assert!((in_order([3.0, 1.0].into_iter(), 1) - 4.0).abs() < 1e-12);
    assert!(in_order(std::iter::empty(), 3).abs() < 1e-12);
}

/// Trials begin with the ends, are of all variants soon, and then of corners; each is of another point.
#[test]
fn trials_are_spread_over_the_sweep() {
    let loaded = loaded();
    let points: Vec<usize> = (0..18).collect();
    let order = Space::new(&loaded, &points).spread(100);
    assert_eq!(order[..2], [0, 17]);
    // Corners are losses of 0 and 20 % with delays of 1 and 4 ms.
    let mut first = order[..8].to_vec();
    first.sort_unstable();
    assert_eq!(first, [0, 2, 6, 8, 9, 11, 15, 17]);
    let mut all = order;
    all.sort_unstable();
    assert_eq!(all, points);
    assert_eq!(Space::new(&loaded, &[4]).spread(100), [0]);
    assert!(Space::new(&loaded, &[]).spread(100).is_empty());
}

/// What is known stays; half-way between two it is their geometric mean; another variant is not asked where there is one of the own.
#[test]
fn what_lies_between_is_between() {
    let loaded = loaded();
    let points: Vec<usize> = (0..18).collect();
    let space = Space::new(&loaded, &points);
    let (known, values) = ([0, 2, 9], [1.0, 100.0, 7.0]);
    let at = |place| space.between(place, &known, &values);
    assert!((at(0) - 1.0).abs() < 1e-12 && (at(2) - 100.0).abs() < 1e-12);
    assert!((at(1) - 10.0).abs() < 1e-9, "{}", at(1));
    assert!((at(17) - 7.0).abs() < 1e-9);
    // Without one of the own variant all tell.
    assert!((space.between(17, &[0], &[3.0]) - 3.0).abs() < 1e-9);
}
