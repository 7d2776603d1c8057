//! Points of a sweep as places: variants apart from each other, and each axis from 0 to 1, by the order of its values; two cases of an axis are as far
//! apart as its ends.

use crate::scenario::{AxisSpec, Loaded};
use protosim_core::maths;

/// Places of points.
#[derive(Clone, Debug)]
pub(super) struct Space {
    /// Of each point its variant, and where it lies on each axis.
    places: Vec<(Option<String>, Vec<f64>)>,
    /// Of each axis, whether its values are cases, of which none is between others.
    axes: Vec<bool>,
}

impl Space {
    /// Of these points of an experiment, of which each is called by its place in the list from here on.
    pub(super) fn new(loaded: &Loaded, points: &[usize]) -> Self {
        let axes = loaded.scenario.axes.len();
        let mut places: Vec<(Option<String>, Vec<f64>)> =
            points.iter().map(|point| (loaded.points[*point].variant.clone(), vec![0.0; axes])).collect();
        for axis in 0..axes {
            let value = |point: &usize| loaded.points[*point].values[axis];
            let mut levels: Vec<f64> = points.iter().map(value).collect();
            levels.sort_by(f64::total_cmp);
            levels.dedup();
            let last = (levels.len().saturating_sub(1)).max(1) as f64;
            for (place, point) in places.iter_mut().zip(points) {
                let level = levels.partition_point(|level| *level < value(point));
                place.1[axis] = level as f64 / last;
            }
        }
        Self { places, axes: loaded.scenario.axes.iter().map(AxisSpec::has_cases).collect() }
    }

    /// How many points there are.
    pub(super) fn points(&self) -> usize {
        self.places.len()
    }

    /// The square of how far two are apart. Two of different variants are farther apart than any of one.
    fn distance(&self, a: usize, b: usize) -> f64 {
        let ((variant, from), (other, to)) = (&self.places[a], &self.places[b]);
        let apart = if variant == other { 0.0 } else { self.axes.len() as f64 + 1.0 };
        let distance = |((x, y), has_cases): ((&f64, &f64), &bool)| match has_cases {
            true => f64::from(u8::from(x != y)),
            false => (x - y) * (x - y),
        };
        from.iter().zip(to).zip(&self.axes).map(distance).sum::<f64>() + apart
    }

    /// At most so many points to try, in this order: the first and the last one, then each time the one that is farthest from all before; of
    /// several the first.
    pub(super) fn spread(&self, most: usize) -> Vec<usize> {
        let last = self.places.len().saturating_sub(1);
        let mut order: Vec<usize> = Vec::new();
        let mut distances = vec![f64::INFINITY; self.places.len()];
        while order.len() < most.min(self.places.len()) {
            let farthest = || {
                let farther = |best: usize, next: usize| if distances[next] > distances[best] { next } else { best };
                (0..distances.len()).reduce(farther).unwrap_or(0)
            };
            let next = match order.len() {
                0 => 0,
                1 => last,
                _ => farthest(),
            };
            for (place, distance) in distances.iter_mut().enumerate() {
                *distance = distance.min(self.distance(place, next));
            }
            // It is never the farthest again, even where all are at one place.
            distances[next] = -1.0;
            order.push(next);
        }
        order
    }

    /// Which of these known places tell of another: those of its variant, or all if there are none.
    pub(super) fn tell_of<'k>(
        &self,
        place: usize,
        known: &'k [usize],
    ) -> impl Iterator<Item = (usize, usize)> + Clone + 'k
    where
        Self: 'k,
    {
        let is_like: Vec<bool> = known.iter().map(|other| self.places[*other].0 == self.places[place].0).collect();
        let is_any = !is_like.contains(&true);
        let chosen: Vec<(usize, usize)> =
            known.iter().copied().enumerate().filter(|(index, _)| is_any || is_like[*index]).collect();
        chosen.into_iter()
    }

    /// What a value is at a place, from values at known ones: their geometric mean, weighted by one over the square of the distance (Shepard,
    /// "A two-dimensional interpolation function for irregularly-spaced data", ACM 1968), since costs grow by factors.
    pub(super) fn between(&self, place: usize, known: &[usize], values: &[f64]) -> f64 {
        let (mut sum, mut weights) = (0.0, 0.0);
        for (index, other) in self.tell_of(place, known) {
            let distance = self.distance(place, other);
            if distance <= 0.0 {
                return values[index];
            }
            let weight = 1.0 / distance;
            sum += weight * maths::ln(values[index].max(f64::MIN_POSITIVE));
            weights += weight;
        }
        if weights > 0.0 { maths::exp(sum / weights) } else { 0.0 }
    }
}
