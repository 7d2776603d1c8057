//! Long lines in few points, and lines that hold their value.

use super::geometry::Place;

/// Leaves of each run of points within one column of the page, one user unit wide, the first, the lowest, the highest and
/// the last, in their order: the line enters and leaves the column where it did and covers the same heights, and a
/// million samples become at most four points a unit (two a pixel on most screens). Runs of up to four points stay as
/// they are.
pub(super) fn dense(line: Vec<Place>) -> Vec<Place> {
    let column = |place: &Place| place.0.floor();
    let mut kept = Vec::new();
    for run in line.chunk_by(|a, b| column(a) == column(b)) {
        if run.len() <= 4 {
            kept.extend_from_slice(run);
            continue;
        }
        let by_height = |a: &usize, b: &usize| run[*a].1.total_cmp(&run[*b].1).then(a.cmp(b));
        let lowest = (0..run.len()).min_by(by_height).unwrap_or(0);
        let highest = (0..run.len()).max_by(by_height).unwrap_or(0);
        let mut chosen = [0, lowest, highest, run.len() - 1];
        chosen.sort_unstable();
        for (i, &at) in chosen.iter().enumerate() {
            if i == 0 || chosen[i - 1] != at {
                kept.push(run[at]);
            }
        }
    }
    kept
}

/// The line of a value that holds from each point to the next one's x.
pub(super) fn held(points: impl Iterator<Item = Place>) -> Vec<Place> {
    let mut line: Vec<Place> = Vec::new();
    for (x, y) in points {
        if let Some(&(_, before)) = line.last()
            && before != y
        {
            line.push((x, before));
        }
        line.push((x, y));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: in column 3 the first, the least (1), the greatest (9) and the last stay, in their order.
    #[test]
    fn a_column_keeps_its_ends_and_extremes() {
        let run = [(3.0, 5.0), (3.1, 9.0), (3.2, 4.0), (3.3, 1.0), (3.4, 6.0), (3.9, 5.0)];
        let line: Vec<Place> = [(2.0, 0.0)].into_iter().chain(run).chain([(4.0, 7.0)]).collect();
        assert_eq!(dense(line), [(2.0, 0.0), (3.0, 5.0), (3.1, 9.0), (3.3, 1.0), (3.9, 5.0), (4.0, 7.0)]);
        let flat: Vec<Place> = (0..9).map(|i| (f64::from(i) / 9.0, 2.0)).collect();
        assert_eq!(dense(flat.clone()), [flat[0], flat[8]]);
    }

    #[test]
    fn a_held_value_runs_level_and_then_jumps() {
        let line = held([(0.0, 1.0), (2.0, 3.0), (4.0, 3.0), (5.0, 0.0)].into_iter());
        assert_eq!(line, [(0.0, 1.0), (2.0, 1.0), (2.0, 3.0), (4.0, 3.0), (5.0, 3.0), (5.0, 0.0)]);
    }

    proptest::proptest! {
        #[test]
        fn extremes_and_ends_survive_in_order(heights in proptest::collection::vec(-1e3..1e3_f64, 1..3000)) {
            let line: Vec<Place> = heights.iter().enumerate().map(|(i, y)| (i as f64 / 37.0, *y)).collect();
            let kept = dense(line.clone());
            let ends = |l: &[Place]| (l[0], l[l.len() - 1]);
            let range = |l: &[Place]| l.iter().fold((f64::MAX, f64::MIN), |(a, b), p| (a.min(p.1), b.max(p.1)));
            proptest::prop_assert_eq!(ends(&kept), ends(&line));
            proptest::prop_assert_eq!(range(&kept), range(&line));
            proptest::prop_assert!(kept.windows(2).all(|w| w[0].0 < w[1].0) && kept.len() <= 4 * (line.len() / 37 + 1));
        }
    }
}
