//! What stands beside the first and the last lane, where no arrows are: notes, and labels of arrows that have no room between lanes.

use super::ladder::{PITCH, SIZE, text};
use super::place::spread;
use crate::figure::scene::{Anchor, Colour, Scene, Stroke, Text};
use crate::figure::style::FAINT_INK;
use crate::figure::text_width;

/// From a lane to its column.
pub(super) const NOTE_GAP: f64 = 14.0;

/// Lines of text that belong to one moment.
pub(super) struct Entry {
    /// Where the moment is.
    pub(super) y: f64,
    /// The lines with their colours.
    pub(super) lines: Vec<(String, Colour)>,
}

/// The column of a lane.
pub(super) struct Column {
    x: f64,
    is_left: bool,
    entries: Vec<Entry>,
    tops: Vec<f64>,
}

impl Column {
    /// The column beside the lane at `x`; nothing stands above `top`.
    pub(super) fn new(x: f64, is_left: bool, mut entries: Vec<Entry>, top: f64) -> Self {
        entries.sort_by(|a, b| a.y.total_cmp(&b.y));
        let wanted: Vec<f64> = entries.iter().map(|entry| entry.y).collect();
        let heights: Vec<f64> = entries.iter().map(Entry::height).collect();
        let tops = spread(&wanted, &heights, top);
        Self { x, is_left, entries, tops }
    }

    /// How wide it is, with its distance from the lane; 0 if it is empty.
    pub(super) fn width(&self) -> f64 {
        let lines = self.entries.iter().flat_map(|entry| &entry.lines);
        let widest = lines.map(|(line, _)| text_width(line, SIZE)).fold(0.0, f64::max);
        if widest > 0.0 { widest + NOTE_GAP + 4.0 } else { 0.0 }
    }

    /// Where it ends.
    pub(super) fn bottom(&self) -> f64 {
        self.entries.iter().zip(&self.tops).map(|(entry, top)| top + entry.height()).fold(0.0, f64::max)
    }

    pub(super) fn draw(&self, scene: &mut Scene) {
        let side = if self.is_left { -1.0 } else { 1.0 };
        for (entry, top) in self.entries.iter().zip(&self.tops) {
            let middle = top + entry.height() / 2.0;
            let (near, far) = (self.x + side * 3.0, self.x + side * (NOTE_GAP - 3.0));
            scene.line("leader", &[(self.x, entry.y), (near, entry.y), (far, middle)], Stroke::solid(FAINT_INK, 0.6));
            for (number, (line, colour)) in entry.lines.iter().enumerate() {
                let y = top + 0.5 + (number as f64 + 0.5) * PITCH + 0.36 * SIZE;
                let anchor = if self.is_left { Anchor::End } else { Anchor::Start };
                scene.text(Text { colour: *colour, ..text(line, (self.x + side * NOTE_GAP, y), SIZE, anchor) });
            }
        }
    }
}

impl Entry {
    fn height(&self) -> f64 {
        self.lines.len() as f64 * PITCH + 1.0
    }
}
