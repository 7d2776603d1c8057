//! Panels that compare named categories: where the series of a category stand beside each other, and how categories are
//! labelled.

use std::borrow::Cow;

use super::font;
use super::layout::{SMALL_PITCH, SMALL_SIZE};
use super::{Figure, Panel};

/// Share of a category's width that its series fill.
const FILLED: f64 = 0.8;
/// Widest place of one series, in categories.
const SLOT_MAX: f64 = 0.5;
/// Share of its place that a bar fills.
const BAR: f64 = 0.9;
/// Least width of a series' place, in user units.
const SLOT_MIN: f64 = 7.0;
/// Space between two labels.
const LABEL_GAP: f64 = 5.0;
/// Longest line of a label that reads upwards, unless there is no room for more lines.
const UPWARDS_MAX: f64 = 110.0;

/// Width of one series' place, in categories.
fn slot(panel: &Panel) -> f64 {
    (FILLED / panel.series.len().max(1) as f64).min(SLOT_MAX)
}

/// Half the width of a bar, in categories.
pub(super) fn half_bar(panel: &Panel) -> f64 {
    slot(panel) * BAR / 2.0
}

/// The figure with the points of categories moved to where they are drawn: side by side around the category's middle.
pub(super) fn spread(figure: &Figure) -> Cow<'_, Figure> {
    if figure.panels.iter().all(|panel| panel.x.categories.is_empty()) {
        return Cow::Borrowed(figure);
    }
    let mut figure = figure.clone();
    for panel in figure.panels.iter_mut().filter(|panel| !panel.x.categories.is_empty()) {
        let (width, count) = (slot(panel), panel.series.len() as f64);
        for (i, series) in panel.series.iter_mut().enumerate() {
            let offset = (i as f64 - (count - 1.0) / 2.0) * width;
            series.points.iter_mut().for_each(|point| point.x += offset);
        }
    }
    Cow::Owned(figure)
}

/// Width of a frame that has room for all categories, at least `usual`.
pub(super) fn frame_width(panel: &Panel, usual: f64) -> f64 {
    let each = SMALL_PITCH.max(SLOT_MIN * panel.series.len() as f64 / FILLED);
    usual.max(each * panel.x.categories.len() as f64)
}

/// The names of an axis's categories as they are written below it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Labels {
    /// Lines of each label.
    pub(super) lines: Vec<Vec<String>>,
    /// Whether they read upwards, because a word is wider than its category.
    pub(super) upwards: bool,
    /// Height of the tallest.
    pub(super) height: f64,
}

/// Labels for a frame of this width.
pub(super) fn labels(names: &[String], width: f64) -> Labels {
    let pitch = width / names.len().max(1) as f64;
    let room = pitch - LABEL_GAP;
    let fits = names.iter().flat_map(|name| name.split_whitespace()).all(|word| font::width(word, SMALL_SIZE) <= room);
    if fits {
        let lines: Vec<Vec<String>> = names.iter().map(|name| font::wrap(name, SMALL_SIZE, room)).collect();
        let most = lines.iter().map(Vec::len).max().unwrap_or(1);
        return Labels { lines, upwards: false, height: most as f64 * SMALL_PITCH };
    }
    let longest = |lines: &[Vec<String>]| {
        lines.iter().flatten().map(|line| font::width(line, SMALL_SIZE)).fold(SMALL_PITCH, f64::max)
    };
    let wrapped = |limit: f64| names.iter().map(|name| font::wrap(name, SMALL_SIZE, limit)).collect::<Vec<_>>();
    let most_lines = (pitch / SMALL_PITCH).floor().max(1.0) as usize;
    let mut limit = UPWARDS_MAX;
    let mut lines = wrapped(limit);
    while lines.iter().any(|label| label.len() > most_lines) {
        limit *= 1.5;
        lines = wrapped(limit);
    }
    Labels { upwards: true, height: longest(&lines).ceil(), lines }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> Vec<String> {
        all.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn short_names_lie_level_and_long_words_stand_upright() {
        let level = labels(&names(&["drop-tail", "CoDel with ECN"]), 150.0);
        assert_eq!((level.upwards, level.lines[1].concat()), (false, "CoDel withECN".to_owned()));
        assert_eq!(level.height, 2.0 * SMALL_PITCH);
        let upright = labels(&names(&["drop-tail", "CoDel", "PIE", "FQ-CoDel"]), 120.0);
        assert!(upright.upwards && upright.lines.iter().all(|lines| lines.len() == 1));
    }

    /// Ten columns of 14 units have room for one line each, however long.
    #[test]
    fn upright_names_have_no_more_lines_than_have_room() {
        let long = vec!["a name of many words that says everything at once".to_owned(); 10];
        let placed = labels(&long, 140.0);
        assert!(placed.upwards && placed.lines.iter().all(|lines| lines.len() == 1));
    }
}
