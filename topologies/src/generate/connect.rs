//! How a random network that came out in parts is joined to one.
//!
//! What is joined grows from node 0. As long as a part is left, one link is added to it and the part is joined:
//! - with places (`by_distance`): the shortest link between what is joined and what is not; of equals that with the
//!   lowest number on the joined side, then on the other;
//! - without (`by_number`): from the lowest node that is not joined to the one before it, which is.

use super::{Built, Pairs};

use petgraph::unionfind::UnionFind;

/// A place in the unit square.
pub(super) type Place = (f64, f64);

/// The square of the distance between two places.
pub(super) fn square_distance(a: Place, b: Place) -> f64 {
    let (x, y) = (a.0 - b.0, a.1 - b.1);
    x * x + y * y
}

/// Members of each part by the part's label; both in order of numbers.
fn parts(nodes: usize, pairs: &Pairs) -> (Vec<usize>, Vec<Vec<usize>>) {
    let mut union = UnionFind::new(nodes);
    for (first, second) in &pairs.0 {
        union.union(*first as usize, *second as usize);
    }
    let labels = union.into_labeling();
    let mut members = vec![Vec::new(); nodes];
    for (node, label) in labels.iter().enumerate() {
        members[*label].push(node);
    }
    (labels, members)
}

pub(super) fn by_distance(places: &[Place], pairs: &mut Pairs) -> Built {
    let (labels, members) = parts(places.len(), pairs);
    let mut left: Vec<usize> = (0..places.len()).collect();
    // For each node that is left: the square of its distance to what is joined, and the nearest node there.
    let mut nearest = vec![(f64::INFINITY, usize::MAX); places.len()];
    let mut next = 0;
    loop {
        let part = &members[labels[next]];
        left.retain(|node| labels[*node] != labels[next]);
        for node in &left {
            for joined in part {
                let found = (square_distance(places[*node], places[*joined]), *joined);
                if found < nearest[*node] {
                    nearest[*node] = found;
                }
            }
        }
        let order = |node: &usize| (nearest[*node], *node);
        let Some(node) = left.iter().copied().reduce(|a, b| if order(&b) < order(&a) { b } else { a }) else {
            return Ok(());
        };
        let joined = nearest[node].1;
        pairs.push(joined.min(node), joined.max(node))?;
        next = node;
    }
}

pub(super) fn by_number(nodes: usize, pairs: &mut Pairs) -> Built {
    let (labels, _) = parts(nodes, pairs);
    let mut is_joined = vec![false; nodes];
    for node in 0..nodes {
        if !is_joined[labels[node]] {
            is_joined[labels[node]] = true;
            if node > 0 {
                pairs.push(node - 1, node)?;
            }
        }
    }
    Ok(())
}
