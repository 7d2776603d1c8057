//! Places for the labels of arrows: along the arrow if there is room, beside its ends, or else somewhere near with a leader.

use super::ladder::{NOTE, SIZE};
use super::place::{Place, Tilted};
use crate::figure::scene::Colour;
use crate::figure::text_width;

/// Height of a label's box.
const HEIGHT: f64 = 0.95 * SIZE;
/// From an arrow to the label along it.
const ABOVE: f64 = 2.2;
/// Space kept between two labels.
const MARGIN: f64 = 0.6;
/// Labels along an arrow are read with the head tilted; no further than 45 degrees.
const STEEPEST: f64 = 1.0;

/// A label with its place.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Labelled {
    pub(super) words: String,
    pub(super) area: Tilted,
    pub(super) colour: Colour,
    /// The line that leads from it to what it is of.
    pub(super) leader: Option<(Place, Place)>,
}

/// Labels among lines.
pub(super) struct Labels {
    lines: Vec<(Place, Place)>,
    lanes: Vec<f64>,
    /// What nothing may stand on.
    kept: Vec<Tilted>,
    placed: Vec<Labelled>,
}

impl Labels {
    /// No labels yet, among arrows and upright lanes.
    pub(super) fn new(lines: Vec<(Place, Place)>, lanes: Vec<f64>) -> Self {
        Self { lines, lanes, kept: Vec::new(), placed: Vec::new() }
    }

    /// Keeps labels away from a place.
    pub(super) fn keep_free(&mut self, (x, y): Place, reach: f64) {
        self.kept.push(Tilted { centre: (x, y), half: (reach, reach), along: (1.0, 0.0) });
    }

    /// All labels with their places.
    pub(super) fn placed(self) -> Vec<Labelled> {
        self.placed
    }

    /// A label along an arrow, if there is room where at most one other arrow runs through it. That of a half one begins at its
    /// start.
    pub(super) fn along(&mut self, number: usize, words: &str, colour: Colour, is_half: bool) -> bool {
        let (from, to) = self.lines[number];
        let width = text_width(words, SIZE);
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = (dx * dx + dy * dy).sqrt().max(1e-9);
        // It reads from left to right, whichever way the arrow points.
        let sign = if dx < 0.0 { -1.0 } else { 1.0 };
        let (ux, uy) = (sign * dx / length, sign * dy / length);
        if dy.abs() > STEEPEST * dx.abs() {
            return false;
        }
        let (near, far) = (width / 2.0 + 9.0, length - width / 2.0 - 12.0);
        let places: Vec<f64> = if is_half || far < near {
            vec![near, near + 6.0, near - 4.0]
        } else {
            [0.5, 0.36, 0.64, 0.22, 0.78, 0.08, 0.92, 0.0, 1.0].map(|share| near + share * (far - near)).into()
        };
        let mut candidates: Vec<Tilted> = Vec::new();
        for side in [1.0, -1.0] {
            for place in &places {
                let (x, y) = (from.0 + sign * place * ux, from.1 + sign * place * uy);
                let aside = side * (HEIGHT / 2.0 + ABOVE);
                let centre = (x + uy * aside, y - ux * aside);
                candidates.push(Tilted { centre, half: (width / 2.0, HEIGHT / 2.0), along: (ux, uy) });
            }
        }
        let free = candidates.into_iter().enumerate().filter(|(_, area)| self.is_free(area));
        let best = free.map(|(index, area)| (self.crossings(&area, Some(number)), index, area));
        let best =
            best.min_by_key(|(crossings, index, _)| (*crossings, *index)).filter(|(crossings, ..)| *crossings <= 1);
        let Some((_, _, area)) = best else { return false };
        self.placed.push(Labelled { words: words.to_owned(), area, colour, leader: None });
        true
    }

    /// A label beside an end of an arrow, or wherever there is room.
    pub(super) fn near(&mut self, number: usize, words: &str, colour: Colour) {
        let (from, to) = self.lines[number];
        let width = text_width(words, SIZE);
        let sign = if to.0 < from.0 { -1.0 } else { 1.0 };
        let mut candidates: Vec<Tilted> = Vec::new();
        for (x, y, out) in [(from.0, from.1, sign), (to.0, to.1, -sign)] {
            let left = if out > 0.0 { x + 8.0 } else { x - 8.0 - width };
            for middle in [y - HEIGHT / 2.0 - 1.5, y + HEIGHT / 2.0 + 1.5] {
                candidates.push(Tilted::level(left, middle, width, HEIGHT));
            }
        }
        let aim = (from.0 + (to.0 - from.0) * 0.3, from.1 + (to.1 - from.1) * 0.3);
        self.place(Some(number), words, colour, &candidates, aim);
    }

    /// A label behind the end of a half arrow.
    pub(super) fn behind(&mut self, number: usize, words: &str, colour: Colour) {
        let (from, (x, y)) = self.lines[number];
        let width = text_width(words, SIZE);
        let left = if from.0 < x { x + 8.0 } else { x - 8.0 - width };
        let offsets = [0.0, 4.0, -4.0, 8.0, -8.0, 12.0, -12.0];
        let mut candidates: Vec<Tilted> =
            offsets.iter().map(|offset| Tilted::level(left, y + offset, width, HEIGHT)).collect();
        candidates.push(Tilted::level(x - width / 2.0, y + HEIGHT + 2.0, width, HEIGHT));
        self.place(Some(number), words, colour, &candidates, (x, y));
    }

    /// A note beside a place on a lane.
    pub(super) fn beside(&mut self, (x, y): Place, words: &str) {
        let width = text_width(words, SIZE);
        let mut candidates = Vec::new();
        for offset in [0.0, -5.0, 5.0, -10.0, 10.0] {
            candidates.push(Tilted::level(x + 8.0, y + offset, width, HEIGHT));
            candidates.push(Tilted::level(x - 8.0 - width, y + offset, width, HEIGHT));
        }
        self.place(None, words, NOTE, &candidates, (x, y));
    }

    /// Takes the candidate that crosses least, or looks further away.
    fn place(&mut self, own: Option<usize>, words: &str, colour: Colour, candidates: &[Tilted], aim: Place) {
        let free = candidates.iter().enumerate().filter(|(_, area)| self.is_free(area));
        let best = free.min_by_key(|(index, area)| (self.crossings(area, own), *index)).map(|(_, area)| *area);
        let (area, leader) = match best {
            Some(area) => (area, None),
            None => {
                let area = self.elsewhere(words, aim);
                let left = area.centre.0 - area.half.0;
                let right = area.centre.0 + area.half.0;
                let near = aim.0.clamp(left, right);
                let edge =
                    if aim.1 < area.centre.1 { area.centre.1 - area.half.1 } else { area.centre.1 + area.half.1 };
                (area, Some(((near, edge), aim)))
            }
        };
        self.placed.push(Labelled { words: words.to_owned(), area, colour, leader });
    }

    fn is_free(&self, area: &Tilted) -> bool {
        let grown = area.grown(MARGIN);
        !self.placed.iter().any(|label| label.area.overlaps(&grown))
            && !self.kept.iter().any(|kept| kept.overlaps(&grown))
    }

    /// How many arrows and lanes run through it; a lane counts for several.
    fn crossings(&self, area: &Tilted, own: Option<usize>) -> usize {
        let is_other =
            |(number, (from, to)): &(usize, &(Place, Place))| Some(*number) != own && area.is_crossed(*from, *to);
        let arrows = self.lines.iter().enumerate().filter(is_other).count();
        let lanes = self.lanes.iter().filter(|x| area.is_crossed((**x, -1e6), (**x, 1e6))).count();
        let leaders =
            self.placed.iter().filter_map(|label| label.leader).filter(|(a, b)| area.is_crossed(*a, *b)).count();
        arrows + 6 * lanes + leaders
    }

    /// The nearest free place between the lanes for a label that has none beside what it is of.
    fn elsewhere(&self, words: &str, aim: Place) -> Tilted {
        let width = text_width(words, SIZE);
        let fits = |left: f64| !self.lanes.iter().any(|x| *x > left - 3.0 && *x < left + width + 3.0);
        let lefts: Vec<f64> = [-0.5, -0.2, -0.8, 0.1, -1.1, 0.3, -1.3].map(|share| aim.0 + share * width).into();
        let mut farthest = Tilted::level(aim.0, aim.1, width, HEIGHT);
        // Below everything there is room at last.
        for step in 1..4000 {
            for side in [1.0, -1.0] {
                let middle = aim.1 + side * f64::from(step) * 3.0;
                for left in lefts.iter().filter(|left| fits(**left)) {
                    let area = Tilted::level(*left, middle, width, HEIGHT);
                    if self.is_free(&area) && middle > 60.0 {
                        return area;
                    }
                }
                farthest = Tilted::level(aim.0 - width / 2.0, aim.1 + f64::from(step) * 3.0, width, HEIGHT);
            }
        }
        farthest
    }
}
