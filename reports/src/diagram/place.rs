//! Where labels stand: boxes at any angle that do not overlap.

/// A place on the page: x, y in user units, y downwards.
pub(super) type Place = (f64, f64);

/// A rectangle at an angle: the box around a line of text.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Tilted {
    pub(super) centre: Place,
    /// Half its length and half its height.
    pub(super) half: (f64, f64),
    /// The direction of its length: a step of length 1.
    pub(super) along: (f64, f64),
}

impl Tilted {
    /// An upright one from its left end's middle.
    pub(super) fn level(left: f64, middle: f64, width: f64, height: f64) -> Self {
        Self { centre: (left + width / 2.0, middle), half: (width / 2.0, height / 2.0), along: (1.0, 0.0) }
    }

    fn corners(&self) -> [Place; 4] {
        let (ux, uy) = self.along;
        let at = |a: f64, b: f64| {
            let (a, b) = (a * self.half.0, b * self.half.1);
            (self.centre.0 + a * ux - b * uy, self.centre.1 + a * uy + b * ux)
        };
        [at(-1.0, -1.0), at(1.0, -1.0), at(1.0, 1.0), at(-1.0, 1.0)]
    }

    /// The same with `margin` more on each side.
    pub(super) fn grown(&self, margin: f64) -> Self {
        Self { half: (self.half.0 + margin, self.half.1 + margin), ..*self }
    }

    /// Where it ends below.
    pub(super) fn bottom(&self) -> f64 {
        self.corners().iter().map(|corner| corner.1).fold(f64::NEG_INFINITY, f64::max)
    }

    /// Its corners in order.
    pub(super) fn outline(&self) -> [Place; 4] {
        self.corners()
    }

    /// True if the two share some area: no line along one of their sides separates them.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let reach = self.half.0 + self.half.1 + other.half.0 + other.half.1;
        let (dx, dy) = (self.centre.0 - other.centre.0, self.centre.1 - other.centre.1);
        if dx.abs() > reach || dy.abs() > reach {
            return false;
        }
        let (a, b) = (self.corners(), other.corners());
        let axes = [self.along, other.along].into_iter().flat_map(|(x, y)| [(x, y), (-y, x)]);
        axes.into_iter().all(|axis| {
            let (low, high) = shadow(&a, axis);
            let (other_low, other_high) = shadow(&b, axis);
            low < other_high && other_low < high
        })
    }

    /// True if a straight line meets it.
    pub(super) fn is_crossed(&self, from: Place, to: Place) -> bool {
        let (ux, uy) = self.along;
        let within = |(x, y): Place| {
            let (dx, dy) = (x - self.centre.0, y - self.centre.1);
            (dx * ux + dy * uy, dy * ux - dx * uy)
        };
        let (a, b) = (within(from), within(to));
        let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
        for (start, end, half) in [(a.0, b.0, self.half.0), (a.1, b.1, self.half.1)] {
            let step = end - start;
            if step == 0.0 {
                if start.abs() > half {
                    return false;
                }
                continue;
            }
            let (first, second) = ((-half - start) / step, (half - start) / step);
            enter = enter.max(first.min(second));
            leave = leave.min(first.max(second));
        }
        enter <= leave
    }
}

fn shadow(corners: &[Place; 4], (x, y): (f64, f64)) -> (f64, f64) {
    let along = corners.map(|corner| corner.0 * x + corner.1 * y);
    along.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)))
}

/// Moves things in a column apart, each as near to where it wants to be as the others let it: the tops of things of these heights
/// whose middles want to be at `wanted`, which is in order. None begins above `top`.
pub(super) fn spread(wanted: &[f64], heights: &[f64], top: f64) -> Vec<f64> {
    /// Things that touch each other.
    struct Block {
        count: usize,
        top: f64,
        height: f64,
        /// The sum of the tops that its things want, each less what is above it in the block.
        sum: f64,
    }
    let mut blocks: Vec<Block> = Vec::new();
    for (middle, height) in wanted.iter().zip(heights) {
        let wish = (middle - height / 2.0).max(top);
        blocks.push(Block { count: 1, top: wish, height: *height, sum: wish });
        while let [.., above, below] = blocks.as_mut_slice()
            && above.top + above.height > below.top
        {
            above.sum += below.sum - below.count as f64 * above.height;
            above.count += below.count;
            above.height += below.height;
            above.top = (above.sum / above.count as f64).max(top);
            blocks.pop();
        }
    }
    let mut tops = Vec::new();
    for block in blocks {
        let mut y = block.top;
        for _ in 0..block.count {
            tops.push(y);
            y += heights[tops.len() - 1];
        }
    }
    tops
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A box of 10 by 2 turned by 45 degrees reaches (3.5 + 0.7) from its centre; one beside it at a distance of 2 along the normal
    /// just touches it.
    #[test]
    fn tilted_boxes_overlap_by_their_own_sides() {
        let s = std::f64::consts::FRAC_1_SQRT_2;
        let one = Tilted { centre: (0.0, 0.0), half: (5.0, 1.0), along: (s, s) };
        let beside = |distance: f64| Tilted { centre: (-s * distance, s * distance), ..one };
        assert!(one.overlaps(&beside(1.9)) && !one.overlaps(&beside(2.1)));
        let level = Tilted::level(-1.0, 3.0, 2.0, 1.0);
        assert!(!one.overlaps(&level));
        assert!(one.overlaps(&Tilted::level(2.0, 3.0, 2.0, 1.0)));
    }

    #[test]
    fn a_line_meets_a_box_or_passes_it() {
        let one = Tilted::level(0.0, 0.0, 10.0, 4.0);
        assert!(one.is_crossed((-5.0, -5.0), (15.0, 5.0)) && one.is_crossed((5.0, 0.0), (5.0, 1.0)));
        assert!(!one.is_crossed((-5.0, -5.0), (15.0, -4.0)) && !one.is_crossed((11.0, -9.0), (11.0, 9.0)));
    }

    /// Two of height 10 that want to be at 20 both: at 10 to 20 and 20 to 30. The third is alone. At the top there is no room above.
    #[test]
    fn a_column_is_spread_no_further_than_needed() {
        assert_eq!(spread(&[20.0, 20.0, 60.0], &[10.0, 10.0, 10.0], 0.0), [10.0, 20.0, 55.0]);
        assert_eq!(spread(&[0.0, 1.0, 14.0], &[10.0, 10.0, 10.0], 0.0), [0.0, 10.0, 20.0]);
    }
}
