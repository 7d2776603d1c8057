//! Rectangles, clipping, and whether something lies in the way of a legend.

/// A place on the page: x, y in user units, y downwards.
pub(super) type Place = (f64, f64);

/// An upright rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rect {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Rect {
    pub(super) fn right(&self) -> f64 {
        self.left + self.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// Whether a place lies inside or on the edge.
    pub(super) fn contains(&self, (x, y): Place) -> bool {
        (self.left..=self.right()).contains(&x) && (self.top..=self.bottom()).contains(&y)
    }

    /// The same rectangle with `margin` more on each side.
    pub(super) fn grown(&self, margin: f64) -> Self {
        Self {
            left: self.left - margin,
            top: self.top - margin,
            width: self.width + 2.0 * margin,
            height: self.height + 2.0 * margin,
        }
    }

    /// The part of a straight line inside the rectangle, if any (Liang and Barsky 1984).
    pub(super) fn clip(&self, a: Place, b: Place) -> Option<(Place, Place)> {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let edges =
            [(-dx, a.0 - self.left), (dx, self.right() - a.0), (-dy, a.1 - self.top), (dy, self.bottom() - a.1)];
        let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
        for (speed, distance) in edges {
            if speed == 0.0 {
                if distance < 0.0 {
                    return None;
                }
            } else if speed < 0.0 {
                enter = enter.max(distance / speed);
            } else {
                leave = leave.min(distance / speed);
            }
        }
        let at = |t: f64| if t == 1.0 { b } else { (a.0 + t * dx, a.1 + t * dy) };
        (enter <= leave).then(|| (at(enter), at(leave)))
    }

    /// The parts of a line through `points` inside the rectangle.
    pub(super) fn clip_line(&self, points: &[Place]) -> Vec<Vec<Place>> {
        let mut parts: Vec<Vec<Place>> = Vec::new();
        for pair in points.windows(2) {
            let Some((from, to)) = self.clip(pair[0], pair[1]) else { continue };
            match parts.last_mut() {
                Some(part) if part.last() == Some(&from) => part.push(to),
                _ => parts.push(vec![from, to]),
            }
        }
        parts
    }

    /// The part of a polygon inside the rectangle (Sutherland and Hodgman 1974).
    pub(super) fn clip_polygon(&self, polygon: &[Place]) -> Vec<Place> {
        let cut = |polygon: Vec<Place>, inside: &dyn Fn(Place) -> bool, cross: &dyn Fn(Place, Place) -> Place| {
            let mut kept = Vec::new();
            for (i, &here) in polygon.iter().enumerate() {
                let before = polygon[(i + polygon.len() - 1) % polygon.len()];
                if inside(here) != inside(before) {
                    kept.push(cross(before, here));
                }
                if inside(here) {
                    kept.push(here);
                }
            }
            kept
        };
        let at_x = |x: f64| move |a: Place, b: Place| (x, a.1 + (x - a.0) / (b.0 - a.0) * (b.1 - a.1));
        let at_y = |y: f64| move |a: Place, b: Place| (a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0), y);
        let (left, right, top, bottom) = (self.left, self.right(), self.top, self.bottom());
        let polygon = cut(polygon.to_vec(), &|p| p.0 >= left, &at_x(left));
        let polygon = cut(polygon, &|p| p.0 <= right, &at_x(right));
        let polygon = cut(polygon, &|p| p.1 >= top, &at_y(top));
        cut(polygon, &|p| p.1 <= bottom, &at_y(bottom))
    }
}

/// Whether a place lies inside a polygon (even-odd rule).
fn inside(polygon: &[Place], (x, y): Place) -> bool {
    let mut odd = false;
    for (i, a) in polygon.iter().enumerate() {
        let b = polygon[(i + polygon.len() - 1) % polygon.len()];
        if (a.1 > y) != (b.1 > y) && x < a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0) {
            odd = !odd;
        }
    }
    odd
}

/// What data a panel shows, as lines and areas on the page.
#[derive(Default)]
pub(super) struct Obstacles {
    pub(super) lines: Vec<Vec<Place>>,
    pub(super) areas: Vec<Vec<Place>>,
}

impl Obstacles {
    /// Whether nothing of the data touches the rectangle.
    pub(super) fn leave_free(&self, rect: &Rect) -> bool {
        let crossed = |line: &Vec<Place>| match line.as_slice() {
            [only] => rect.contains(*only),
            line => line.windows(2).any(|pair| rect.clip(pair[0], pair[1]).is_some()),
        };
        let covered = |area: &Vec<Place>| {
            crossed(area) || inside(area, (rect.left, rect.top)) || inside(area, (rect.right(), rect.bottom()))
        };
        !self.lines.iter().any(crossed) && !self.areas.iter().any(covered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: Rect = Rect { left: 0.0, top: 0.0, width: 10.0, height: 10.0 };

    /// The line y = x − 5 enters the square at (5, 0) and leaves it at (10, 5).
    #[test]
    fn a_line_is_cut_at_the_edges_it_crosses() {
        assert_eq!(SQUARE.clip((0.0, -5.0), (20.0, 15.0)), Some(((5.0, 0.0), (10.0, 5.0))));
        assert_eq!(SQUARE.clip((0.0, -5.0), (20.0, -5.0)), None);
        let parts = SQUARE.clip_line(&[(1.0, 1.0), (5.0, 20.0), (9.0, 1.0), (8.0, 1.0)]);
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[1].last(), Some(&(8.0, 1.0)));
    }

    /// A square twice as large around the rectangle leaves the rectangle itself.
    #[test]
    fn a_polygon_is_cut_to_the_rectangle() {
        let polygon = [(-5.0, -5.0), (15.0, -5.0), (15.0, 15.0), (-5.0, 15.0)];
        let mut kept = SQUARE.clip_polygon(&polygon);
        kept.dedup();
        for corner in [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)] {
            assert!(kept.contains(&corner), "{corner:?} of {kept:?}");
        }
        assert!(SQUARE.clip_polygon(&[(20.0, 20.0), (30.0, 20.0), (30.0, 30.0)]).is_empty());
    }

    #[test]
    fn an_area_around_a_rectangle_is_in_its_way() {
        let area = vec![(-5.0, -5.0), (15.0, -5.0), (15.0, 15.0), (-5.0, 15.0)];
        assert!(!Obstacles { lines: vec![], areas: vec![area] }.leave_free(&SQUARE));
        assert!(Obstacles { lines: vec![vec![(20.0, 0.0), (20.0, 9.0)]], areas: vec![] }.leave_free(&SQUARE));
        assert!(!Obstacles { lines: vec![vec![(2.0, 2.0)]], areas: vec![] }.leave_free(&SQUARE));
    }
}
