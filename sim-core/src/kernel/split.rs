//! Which entities go to which thread: groups that are as far from each other as the work can be shared out evenly.
//!
//! Threads meet once in the shortest delay between two of them, so that delay should be long; and no thread should wait for another with more
//! to do. Both decide how fast a run is, and nothing else: its results do not depend on the split.

use super::wire::WireSpec;
use crate::time::Span;

/// A thread may have this much more than its share \[%\], if that lets threads be further apart.
const SLACK: u64 = 15;

/// Cuts that are tried at most.
const MOST_TRIES: usize = 32;

/// The part that each entity goes to, numbered from 0, for at most `threads` threads. Entities joined by a wire without delay stay together.
pub(super) fn split(entities: usize, wires: &[WireSpec], threads: usize) -> Vec<u32> {
    if threads <= 1 || entities <= 1 {
        return vec![0; entities];
    }
    let delays = candidates(wires);
    let weights = weights(entities, wires);
    let total = weights.iter().sum::<u64>();
    let last = threads as u32 - 1;
    let order = walk(entities, wires);
    let mut best: Option<(u64, Vec<u32>)> = None;
    for apart in delays.into_iter().rev() {
        let split = deal(&order, &mut Groups::joined(entities, wires, apart), &weights, last);
        let most = heaviest(&split, &weights);
        if most * 100 * threads as u64 <= total * (100 + SLACK) {
            return split;
        }
        if best.as_ref().is_none_or(|(least, _)| most < *least) {
            best = Some((most, split));
        }
    }
    best.map_or_else(
        || deal(&order, &mut Groups::joined(entities, wires, Span::NANOSECOND), &weights, last),
        |best| best.1,
    )
}

/// The delays at which a cut is tried, shortest first: of many, as where they come from distances, some at equal ranks, since each try looks at
/// the whole world.
fn candidates(wires: &[WireSpec]) -> Vec<Span> {
    let mut delays: Vec<Span> = wires.iter().map(|wire| wire.min_delay).filter(|delay| !delay.is_zero()).collect();
    delays.sort_unstable();
    delays.dedup();
    let every = delays.len().div_ceil(MOST_TRIES).max(1);
    delays.into_iter().step_by(every).collect()
}

/// How much each entity has to do, as far as its wires tell: a host handles the packets of one wire, and so does a router in a row, which passes
/// on what comes by the other; a router of many hosts handles those of all.
fn weights(entities: usize, wires: &[WireSpec]) -> Vec<u64> {
    let mut out = vec![0_u64; entities];
    for wire in wires {
        out[wire.from.0 as usize] += 1;
    }
    out.into_iter().map(|wires| wires.saturating_sub(1).max(1)).collect()
}

/// What the part with the most has.
fn heaviest(split: &[u32], weights: &[u64]) -> u64 {
    let mut loads = vec![0; split.iter().max().map_or(0, |last| *last as usize + 1)];
    for (part, weight) in split.iter().zip(weights) {
        loads[*part as usize] += weight;
    }
    loads.into_iter().max().unwrap_or(0)
}

/// Deals groups out to the parts from 0 to `last`, in the order in which they are met: to each part until it has its share, so that
/// neighbours stay together.
fn deal(order: &[usize], groups: &mut Groups, weights: &[u64], last: u32) -> Vec<u32> {
    let (total, parts) = (weights.iter().sum::<u64>(), u64::from(last) + 1);
    let mut sizes = vec![0; weights.len()];
    for (entity, weight) in weights.iter().enumerate() {
        sizes[groups.of(entity)] += weight;
    }
    const NOWHERE: u32 = u32::MAX;
    let mut part_of = vec![NOWHERE; weights.len()];
    let (mut part, mut filled) = (0, 0);
    for entity in order {
        let group = groups.of(*entity);
        if part_of[group] == NOWHERE {
            // With half of it the part has its share: the next one takes it.
            if filled > 0 && (2 * filled + sizes[group]) * parts >= 2 * total && part < last {
                (part, filled) = (part + 1, 0);
            }
            part_of[group] = part;
            filled += sizes[group];
        }
        part_of[*entity] = part_of[group];
    }
    part_of
}

/// All entities by distance from the first, each connected part of the world after the other: what is close in the world is close here.
fn walk(entities: usize, wires: &[WireSpec]) -> Vec<usize> {
    let mut neighbours = vec![Vec::new(); entities];
    for wire in wires {
        neighbours[wire.from.0 as usize].push(wire.to.0 as usize);
        neighbours[wire.to.0 as usize].push(wire.from.0 as usize);
    }
    let mut order = Vec::with_capacity(entities);
    let mut is_met = vec![false; entities];
    for first in 0..entities {
        if is_met[first] {
            continue;
        }
        let mut next = order.len();
        is_met[first] = true;
        order.push(first);
        while let Some(entity) = order.get(next).copied() {
            next += 1;
            for neighbour in &neighbours[entity] {
                if !std::mem::replace(&mut is_met[*neighbour], true) {
                    order.push(*neighbour);
                }
            }
        }
    }
    order
}

/// Entities that stay together: a forest in which each group is a tree.
struct Groups(Vec<usize>);

impl Groups {
    /// Those joined by wires shorter than `apart`.
    fn joined(entities: usize, wires: &[WireSpec], apart: Span) -> Self {
        let mut groups = Self((0..entities).collect());
        for wire in wires.iter().filter(|wire| wire.min_delay < apart) {
            let (a, b) = (groups.of(wire.from.0 as usize), groups.of(wire.to.0 as usize));
            groups.0[a.max(b)] = a.min(b);
        }
        groups
    }

    /// The group of an entity, by its lowest member.
    fn of(&mut self, mut entity: usize) -> usize {
        while self.0[entity] != entity {
            self.0[entity] = self.0[self.0[entity]];
            entity = self.0[entity];
        }
        entity
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::EntityId;
    use proptest::prelude::*;

    fn both_ways(links: &[(u32, u32, u64)]) -> Vec<WireSpec> {
        let wire = |from, to, millis| WireSpec {
            path: "".into(),
            from: EntityId(from),
            to: EntityId(to),
            port: 0,
            min_delay: Span::from_millis(millis),
            overtakes: false,
        };
        links.iter().flat_map(|(a, b, millis)| [wire(*a, *b, *millis), wire(*b, *a, *millis)]).collect()
    }

    /// Two routers 20 ms apart, 0 and 1, with ten hosts each at 1 ms, whose ranks alternate: the cut is between the routers.
    #[test]
    fn a_dumbbell_is_cut_at_its_bottleneck() {
        let hosts = (2..22).map(|host| (host, host % 2, 1));
        let links: Vec<_> = hosts.chain([(0, 1, 20)]).collect();
        let parts = split(22, &both_ways(&links), 2);
        assert!((0..22).all(|entity| parts[entity] == parts[entity % 2]), "{parts:?}");
        assert_ne!(parts[0], parts[1]);
    }

    /// Eleven nodes in a row, named in another order than they stand: one link is cut, five or six nodes from the end.
    #[test]
    fn a_chain_is_cut_once_in_the_middle() {
        let row = [0, 7, 3, 9, 1, 10, 5, 2, 8, 4, 6];
        let links: Vec<_> = row.windows(2).map(|pair| (pair[0], pair[1], 1)).collect();
        let parts = split(11, &both_ways(&links), 2);
        let cuts: Vec<usize> = (1..11).filter(|at| parts[row[*at] as usize] != parts[row[at - 1] as usize]).collect();
        assert!(matches!(cuts.as_slice(), [5 | 6]), "{cuts:?}");
    }

    /// Without delay they cannot be apart; with nothing between them there is nothing to wait for.
    #[test]
    fn no_delay_joins_and_no_wire_parts() {
        assert_eq!(split(3, &both_ways(&[(0, 1, 0), (1, 2, 0)]), 2), [0, 0, 0]);
        assert_eq!(split(4, &[], 2), [0, 0, 1, 1]);
        assert_eq!(split(3, &both_ways(&[(0, 1, 5)]), 1), [0, 0, 0]);
    }

    /// Ten thousand links with a delay each: the shortest is among the few that are tried, so that some cut is always found.
    #[test]
    fn of_many_delays_a_few_are_tried() {
        let links: Vec<_> = (0..10_000).map(|leaf| (0, leaf + 1, u64::from(leaf) + 3)).collect();
        let tried = candidates(&both_ways(&links));
        assert!(tried.len() <= MOST_TRIES, "{}", tried.len());
        assert_eq!(tried.first(), Some(&Span::from_millis(3)));
        assert!(tried.is_sorted());
    }

    proptest! {
        #[test]
        fn no_wire_without_delay_is_cut_and_no_part_is_empty(
            links in prop::collection::vec((0_u32..30, 0_u32..30, 0_u64..4), 0..60),
            threads in 1_usize..6,
        ) {
            let wires = both_ways(&links);
            let parts = split(30, &wires, threads);
            for wire in wires.iter().filter(|wire| wire.min_delay.is_zero()) {
                prop_assert_eq!(parts[wire.from.0 as usize], parts[wire.to.0 as usize]);
            }
            let count = parts.iter().max().unwrap() + 1;
            prop_assert!(count as usize <= threads);
            prop_assert!((0..count).all(|part| parts.contains(&part)));
        }
    }
}
