//! The runs of an experiment in shards: of about the same cost, or by turns.

use super::Estimate;
use crate::results::{Piece, Shard};
use crate::run::Selection;
use crate::scenario::Loaded;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// So many things of one cost, which are told apart by nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Group {
    /// What each of them costs, in any unit.
    pub cost: u64,
    /// How many there are.
    pub count: u64,
}

/// Whether all replications of a point have to be in one shard, because some decide whether there are others.
pub(super) fn is_whole(loaded: &Loaded) -> bool {
    loaded.scenario.sequential.is_some()
}

/// Gives each thing, the dearest ones first, to the shard that has least so far; of several the first. The dearest shard then costs at most
/// 4/3 - 1/(3m) times what it costs in the best split into m shards (Graham, "Bounds on multiprocessing timing anomalies", SIAM Journal on Applied
/// Mathematics 17(2), 1969, theorem 2). Returns for each shard how many it has of each group that it has any of.
pub fn longest_first(groups: &[Group], shards: usize) -> Vec<BTreeMap<usize, u64>> {
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|group| Reverse(groups[*group].cost));
    let mut loads: BinaryHeap<Reverse<(u64, usize)>> = (0..shards).map(|shard| Reverse((0, shard))).collect();
    let mut split = vec![BTreeMap::new(); shards];
    for group in order {
        for _ in 0..groups[group].count {
            let Some(mut least) = loads.peek_mut() else { return split };
            let Reverse((load, shard)) = &mut *least;
            // What costs nothing that can be measured is still something to do.
            *load = load.saturating_add(groups[group].cost.max(1));
            *split[*shard].entry(group).or_insert(0) += 1;
        }
    }
    split
}

/// What it takes until all is done, where `workers` take one thing after the other in this order. In the unit of the costs.
pub fn in_order(costs: impl Iterator<Item = f64>, workers: usize) -> f64 {
    let mut free: BinaryHeap<Reverse<Time>> = (0..workers.max(1)).map(|_| Reverse(Time(0.0))).collect();
    let mut end: f64 = 0.0;
    for cost in costs {
        if let Some(mut first) = free.peek_mut() {
            first.0.0 += cost;
            end = end.max(first.0.0);
        }
    }
    end
}

/// A time in order of times.
#[derive(Clone, Copy, Debug)]
struct Time(f64);

impl PartialEq for Time {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Time {}

impl PartialOrd for Time {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Time {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// The runs of each shard, by point, and what they cost in seconds, where that is known.
#[derive(Clone, PartialEq, Debug)]
pub struct Split(pub Vec<(Vec<Piece>, Option<f64>)>);

impl Split {
    /// How many shards can have something to do at most.
    pub fn most(loaded: &Loaded) -> u64 {
        let points = loaded.points.len() as u64;
        if is_whole(loaded) { points } else { points * loaded.scenario.replications }
    }

    /// All runs in shards of about the same cost. Of a point each shard has replications that follow each other.
    pub fn by_cost(loaded: &Loaded, estimate: &Estimate, shards: usize) -> Self {
        let replications = loaded.scenario.replications;
        let group = |cost: &super::PointCost| {
            let nanoseconds = |runs: u64| (cost.seconds * 1e9 * runs as f64) as u64;
            match is_whole(loaded) {
                true => Group { cost: nanoseconds(replications), count: 1 },
                false => Group { cost: nanoseconds(1), count: replications },
            }
        };
        let groups: Vec<Group> = estimate.points.iter().map(group).collect();
        let mut next = vec![0; groups.len()];
        let of_shard = |counts: BTreeMap<usize, u64>| {
            let mut seconds = 0.0;
            let piece = |(group, count): (usize, u64)| {
                let cost = &estimate.points[group];
                let runs = if is_whole(loaded) { replications } else { count };
                let first = next[group];
                next[group] += runs;
                seconds += cost.seconds * runs as f64;
                Piece { point: cost.point, replications: [first, first + runs - 1], step: 1 }
            };
            let pieces = counts.into_iter().map(piece).collect();
            (pieces, Some(seconds))
        };
        Self(longest_first(&groups, shards).into_iter().map(of_shard).collect())
    }

    /// All runs by turns, as without a plan.
    pub fn by_turns(loaded: &Loaded, shards: u64) -> Self {
        let of_shard = |number| {
            let shard = crate::results::ShardRuns::ByTurns(Shard { number, of: shards });
            let runs = Selection { shard: Some(shard), ..Selection::default() }.runs(loaded);
            (pieces(&runs), None)
        };
        Self((1..=shards).map(of_shard).collect())
    }
}

/// Runs, by point and replication, as pieces: as few as their distances allow.
fn pieces(runs: &[(usize, u64)]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for &(point, replication) in runs {
        match pieces.last_mut().filter(|piece| piece.point == point) {
            Some(Piece { replications: [first, last], step, .. }) if first == last => {
                (*step, *last) = (replication - *first, replication);
            }
            Some(Piece { replications: [_, last], step, .. }) if replication == *last + *step => *last = replication,
            _ => pieces.push(Piece { point, replications: [replication, replication], step: 1 }),
        }
    }
    pieces
}
