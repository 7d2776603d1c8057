//! Ladder diagrams (message sequence charts): a lane for each node, time downwards, arrows between lanes.
//!
//! Everything is where its time says: an arrow begins when the last bit of its packet leaves and ends when it arrives. There is one
//! scale for the whole diagram, chosen so that labels of packets sent one after the other have room; where nothing happens for
//! longer than fits, the axis is broken, and the break says how much it leaves out.

use super::axis::{BREAK, TimeAxis};
use super::column::{Column, Entry};
use super::hops::Arrow;
use super::labels::{Labelled, Labels};
use super::place::Place;
use super::words::Purpose;
use crate::figure::scene::{Anchor, Colour, Fill, Item, Scene, Segment, Stroke, Text, polyline};
use crate::figure::style::{COLOURS, FAINT_INK, GRID, INK, PAPER};
use crate::figure::{FigureError, text_width, unsupported_character};
use protosim_core::SimTime;

/// Most packets in one diagram.
pub const MOST_ARROWS: usize = 300;
/// Most lanes that are shown where nobody chooses.
pub const MOST_LANES: usize = 8;

/// Font size of labels and notes, and the pitch of their lines.
pub(super) const SIZE: f64 = 8.5;
pub(super) const PITCH: f64 = 11.5;
const TITLE_SIZE: f64 = 13.5;
const LANE_SIZE: f64 = 11.0;
const EDGE: f64 = 10.0;
/// Between two lanes.
const LEAST_GAP: f64 = 190.0;
const LARGEST_GAP: f64 = 440.0;
/// Around the label in the gap.
const ROOM: f64 = 40.0;
/// Widest line of a note.
const NOTE_WIDTH: f64 = 170.0;
/// A packet takes at least so much height on its way, and packets of one sender are so far apart, for most of them.
const LEAST_FALL: f64 = 40.0;
const APART: f64 = 13.5;
/// Tallest diagram: a PNG of twice its size still has fewer than 2^14 pixels.
const TALLEST: f64 = 7600.0;
/// How far an arrow of a lost packet goes, as a share of its way; and one of a packet that never left.
const LOST_AT: f64 = 0.62;
const UNSENT_AT: f64 = 0.14;

/// What is said beside a lane.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// Which lane.
    pub lane: usize,
    /// When.
    pub at: SimTime,
    /// The words.
    pub text: String,
}

/// A ladder diagram.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ladder {
    /// Above it; may be empty.
    pub title: String,
    /// Names of the lanes, from left to right.
    pub lanes: Vec<String>,
    /// Packets; ends are numbers of lanes. Those from a lane to itself are not drawn.
    pub arrows: Vec<Arrow>,
    /// Notes, in order of time.
    pub notes: Vec<Note>,
    /// Below it; may be empty.
    pub caption: String,
}

/// An arrow on the page.
struct Drawn {
    from: Place,
    to: Place,
    colour: Colour,
    /// True if it ends in an X and not in a head.
    is_crossed: bool,
}

/// A label that has no room between lanes.
struct Aside {
    lane: usize,
    words: String,
    colour: Colour,
    y: f64,
}

/// Where everything stands.
struct Layout {
    axis: TimeAxis,
    lanes: Vec<f64>,
    /// Right end of the labels of the time axis.
    ticks_right: f64,
    width: f64,
}

impl Ladder {
    /// The diagram as paths and lines of text.
    ///
    /// # Errors
    /// If a title, a caption or the name of a lane has a character without a glyph, or there is nothing to draw.
    pub fn to_scene(&self) -> Result<Scene, FigureError> {
        let texts = [&self.title, &self.caption].into_iter().chain(&self.lanes);
        for text in texts {
            if let Some(character) = unsupported_character(text) {
                return Err(FigureError::UnsupportedCharacter { character, text: text.clone() });
            }
        }
        if self.lanes.is_empty() || (self.arrows.is_empty() && self.notes.is_empty()) {
            return Err(FigureError::Render("nothing happens on these lanes in this time".to_owned()));
        }
        let arrows: Vec<&Arrow> = self.arrows.iter().filter(|arrow| arrow.to != Some(arrow.from)).collect();
        // Once to see what has no room between lanes, and once with the columns that it needs.
        let narrow = self.layout(&arrows, [0.0; 2]);
        let (_, aside) = self.labels(&arrows, &draw_arrows(&arrows, &narrow), &narrow);
        let layout = self.layout(&arrows, self.columns(&aside, &narrow).map(|column| column.width()));
        let drawn = draw_arrows(&arrows, &layout);
        let (labels, aside) = self.labels(&arrows, &drawn, &layout);
        let columns = self.columns(&aside, &layout);
        let mut scene = Scene {
            width: layout.width,
            height: 0.0,
            title: if self.title.is_empty() { "Ladder diagram".to_owned() } else { self.title.clone() },
            description: self.description(),
            items: Vec::new(),
        };
        let lowest = labels.iter().map(|label| label.area.bottom()).chain(columns.iter().map(Column::bottom));
        let bottom = lowest.fold(layout.axis.bottom(), f64::max) + 12.0;
        self.draw_frame(&mut scene, &layout, bottom);
        drawn.iter().for_each(|arrow| draw_arrow(&mut scene, arrow));
        labels.iter().for_each(|label| label.draw_ground(&mut scene));
        labels.iter().for_each(|label| label.draw_text(&mut scene));
        columns.iter().for_each(|column| column.draw(&mut scene));
        let end = self.draw_foot(&mut scene, &arrows, &layout, bottom);
        scene.height = end.ceil();
        Ok(scene)
    }

    fn description(&self) -> String {
        let packets = self.arrows.len();
        let lost = self.arrows.iter().filter(|arrow| arrow.dropped.is_some()).count();
        format!("Packets between {}: {packets}, of which {lost} go no further. {}", self.lanes.join(", "), self.caption)
    }

    /// Where lanes and times lie, with columns of these widths beside the first and the last lane.
    fn layout(&self, arrows: &[&Arrow], [left, right]: [f64; 2]) -> Layout {
        let last = self.lanes.len() - 1;
        let mut gaps = vec![LEAST_GAP; last];
        for arrow in arrows {
            let (low, high) = ordered(arrow.from, target(arrow, last));
            let own = text_width(&arrow.said.text, SIZE);
            // Where an arrow ends on the way, its label stands along the half of it, and the cause behind its end.
            let wanted = match &arrow.dropped {
                Some(cause) if arrow.is_unsent => (own + text_width(cause, SIZE) + 24.0) / (1.0 - UNSENT_AT),
                Some(cause) if arrow.arrived.is_none() => {
                    ((own + 28.0) / LOST_AT).max((text_width(cause, SIZE) + 16.0) / (1.0 - LOST_AT))
                }
                _ => own + ROOM,
            };
            let each = wanted / (high - low).max(1) as f64;
            gaps[low..high].iter_mut().for_each(|gap| *gap = gap.max(each.min(LARGEST_GAP)));
        }
        // What is noted between lanes needs some room too.
        let top = EDGE + if self.title.is_empty() { 0.0 } else { 24.0 } + 36.0;
        let times: Vec<SimTime> = arrows
            .iter()
            .flat_map(|arrow| [Some(arrow.departed), arrow.arrived])
            .flatten()
            .chain(self.notes.iter().map(|note| note.at))
            .collect();
        let mut scale = scale(arrows);
        let mut axis = TimeAxis::new(&times, scale, top);
        while axis.bottom() > TALLEST {
            scale *= 0.85;
            axis = TimeAxis::new(&times, scale, top);
        }
        let widest = axis.ticks().iter().map(|(_, label)| text_width(label, SIZE)).fold(30.0, f64::max);
        let broken = axis.breaks().iter().map(|gap| text_width(&gap.left_out, SIZE) + 12.0).fold(0.0, f64::max);
        let ticks_right = EDGE + widest.max(broken);
        let half_name = |lane: usize| text_width(&self.lanes[lane], LANE_SIZE) / 2.0 + 10.0;
        let mut x = ticks_right + 14.0 + left.max(half_name(0) - 20.0);
        let mut lanes = vec![x];
        for gap in &gaps {
            x += gap;
            lanes.push(x);
        }
        Layout { axis, lanes, ticks_right, width: (x + right.max(half_name(last)) + EDGE).ceil() }
    }

    /// Title, lanes with their names, the time axis and its breaks.
    fn draw_frame(&self, scene: &mut Scene, layout: &Layout, bottom: f64) {
        let mut top = EDGE;
        if !self.title.is_empty() {
            let centre = (layout.lanes[0] + layout.lanes[layout.lanes.len() - 1]) / 2.0;
            let half = text_width(&self.title, TITLE_SIZE) / 2.0;
            // A long title begins at the edge.
            let centre = centre.max(half + EDGE);
            scene.width = scene.width.max((centre + half + EDGE).ceil());
            scene.text(text(&self.title, (centre, top + 13.0), TITLE_SIZE, Anchor::Middle));
            top += 24.0;
        }
        let breaks = layout.axis.breaks();
        let (left, right) = (layout.ticks_right + 4.0, layout.width - EDGE);
        for gap in &breaks {
            let band =
                [(left, gap.top + 6.0), (right, gap.top + 6.0), (right, gap.bottom - 6.0), (left, gap.bottom - 6.0)];
            scene.polygon("break", &band, Fill { colour: GRID, opacity: 0.35 });
            let middle = (gap.top + gap.bottom) / 2.0;
            let words = Text {
                colour: FAINT_INK,
                ..text(&gap.left_out, (layout.ticks_right, middle + 3.0), SIZE, Anchor::End)
            };
            scene.text(words);
        }
        for (y, label) in layout.axis.ticks() {
            scene.line(
                "tick",
                &[(layout.ticks_right + 3.0, y), (layout.ticks_right + 7.0, y)],
                Stroke::solid(INK, 0.8),
            );
            // The word for a break stands between the ticks at its ends.
            scene.text(text(&label, (layout.ticks_right, y + 3.0), SIZE, Anchor::End));
        }
        let axis_x = layout.ticks_right + 7.0;
        for x in layout.lanes.iter().copied().chain([axis_x]) {
            let is_lane = x != axis_x;
            let stroke = Stroke::solid(if is_lane { INK } else { FAINT_INK }, if is_lane { 1.2 } else { 0.8 });
            let start = if is_lane { top + 22.0 } else { layout.axis.y(SimTime::ZERO) };
            let end = if is_lane { bottom } else { layout.axis.bottom() };
            let mut line = vec![(x, start)];
            for gap in &breaks {
                let middle = (gap.top + gap.bottom) / 2.0;
                let zigzag = [(0.0, -BREAK / 4.0), (-4.0, -4.5), (4.0, 4.5), (0.0, BREAK / 4.0)];
                line.extend(zigzag.map(|(dx, dy)| (x + dx, middle + dy)));
            }
            line.push((x, end));
            scene.line(if is_lane { "lane" } else { "axis" }, &line, stroke);
        }
        for (name, x) in self.lanes.iter().zip(&layout.lanes) {
            let half = text_width(name, LANE_SIZE) / 2.0 + 8.0;
            let corners = [(x - half, top), (x + half, top), (x + half, top + 20.0), (x - half, top + 20.0)];
            let mut segments = polyline(&corners);
            segments.push(Segment::Close);
            let (fill, stroke) = (Some(Fill { colour: PAPER, opacity: 1.0 }), Some(Stroke::solid(INK, 0.9)));
            scene.items.push(Item::Path { class: "name", segments, fill, stroke });
            scene.text(text(name, (*x, top + 14.0), LANE_SIZE, Anchor::Middle));
        }
    }

    /// Labels of arrows, causes of losses, and notes of lanes in the middle; and the numbers of arrows whose labels have no room
    /// there.
    fn labels(&self, arrows: &[&Arrow], drawn: &[Drawn], layout: &Layout) -> (Vec<Labelled>, Vec<Aside>) {
        let last = self.lanes.len() - 1;
        let lines: Vec<(Place, Place)> = drawn.iter().map(|arrow| (arrow.from, arrow.to)).collect();
        let mut labels = Labels::new(lines, layout.lanes.clone());
        drawn.iter().filter(|arrow| arrow.is_crossed).for_each(|arrow| labels.keep_free(arrow.to, 4.5));
        let mut aside = Vec::new();
        for (number, (arrow, line)) in arrows.iter().zip(drawn).enumerate() {
            let words = shown(&arrow.said.text);
            match &arrow.dropped {
                Some(cause) if arrow.is_unsent => {
                    labels.behind(number, &format!("{cause}: {words}"), line.colour);
                    continue;
                }
                Some(cause) => labels.behind(number, cause, line.colour),
                None => {}
            }
            let is_at_end = arrow.from == 0 || arrow.from == last;
            if !labels.along(number, &words, line.colour, arrow.dropped.is_some() && arrow.arrived.is_none()) {
                if is_at_end {
                    aside.push(Aside { lane: arrow.from, words, colour: line.colour, y: line.from.1 });
                } else {
                    labels.near(number, &words, line.colour);
                }
            }
        }
        for note in self.notes.iter().filter(|note| note.lane > 0 && note.lane < last) {
            labels.beside((layout.lanes[note.lane], layout.axis.y(note.at)), &shown(&note.text));
        }
        (labels.placed(), aside)
    }

    /// The columns beside the first and the last lane: notes, and labels that have no room elsewhere.
    fn columns(&self, aside: &[Aside], layout: &Layout) -> [Column; 2] {
        let last = self.lanes.len() - 1;
        [(0, true), (last, false)].map(|(lane, is_left)| {
            // A single lane has its column at the left.
            let is_here = is_left || last > 0;
            // What is noted at one moment hangs together.
            let of_lane: Vec<&Note> = self.notes.iter().filter(|note| is_here && note.lane == lane).collect();
            let noted = of_lane.chunk_by(|a, b| a.at == b.at).map(|group| Entry {
                y: layout.axis.y(group[0].at),
                lines: group.iter().flat_map(|note| wrapped(&shown(&note.text))).map(|line| (line, NOTE)).collect(),
            });
            let labels = aside.iter().filter(|label| is_here && label.lane == lane);
            let labels = labels.map(|label| Entry { y: label.y, lines: vec![(label.words.clone(), label.colour)] });
            let entries = labels.chain(noted).collect();
            Column::new(layout.lanes[lane], is_left, entries, layout.axis.y(SimTime::ZERO) - PITCH)
        })
    }

    /// The legend and the caption; says where they end.
    fn draw_foot(&self, scene: &mut Scene, arrows: &[&Arrow], layout: &Layout, bottom: f64) -> f64 {
        let kinds = [
            (Purpose::First, "sent first"),
            (Purpose::Again, "sent again"),
            (Purpose::Acknowledgement, "acknowledgement alone"),
            (Purpose::Refusal, "error or reset"),
        ];
        let used: Vec<(Colour, &str)> = kinds
            .iter()
            .filter(|(kind, _)| arrows.iter().any(|arrow| arrow.said.purpose == *kind))
            .map(|(kind, words)| (colour(*kind), *words))
            .collect();
        let mut y = bottom + 14.0;
        let (mut x, room) = (EDGE, layout.width - EDGE);
        scene.items.push(Item::Open { class: "legend", label: "Legend".to_owned() });
        for (colour, words) in used {
            let width = 22.0 + text_width(words, SIZE) + 14.0;
            if x + width > room && x > EDGE {
                x = EDGE;
                y += PITCH + 2.0;
            }
            let line = Drawn { from: (x, y - 3.0), to: (x + 18.0, y - 3.0), colour, is_crossed: false };
            draw_arrow(scene, &line);
            scene.text(text(words, (x + 22.0, y), SIZE, Anchor::Start));
            x += width;
        }
        scene.items.push(Item::Close);
        for line in
            crate::figure::wrap(&self.caption, SIZE, layout.width - 2.0 * EDGE).iter().filter(|line| !line.is_empty())
        {
            y += PITCH + 1.5;
            scene.text(Text { colour: FAINT_INK, ..text(line, (EDGE, y), SIZE, Anchor::Start) });
        }
        y + EDGE
    }
}

/// The colour of notes.
pub(super) const NOTE: Colour = Colour(0x00, 0x6b, 0x4f);

/// User units to a nanosecond.
fn scale(arrows: &[&Arrow]) -> f64 {
    let mut falls: Vec<u64> = Vec::new();
    let mut gaps: Vec<u64> = Vec::new();
    for (index, arrow) in arrows.iter().enumerate() {
        falls.extend(
            arrow.arrived.map(|arrived| arrived.saturating_since(arrow.departed).as_nanos()).filter(|n| *n > 0),
        );
        let is_same = |other: &&&Arrow| (other.from, other.to) == (arrow.from, arrow.to);
        let before = arrows[..index].iter().rev().find(is_same);
        gaps.extend(
            before.map(|before| arrow.departed.saturating_since(before.departed).as_nanos()).filter(|n| *n > 0),
        );
    }
    let share = |values: &mut Vec<u64>, quarters: usize| {
        values.sort_unstable();
        values.get((values.len().saturating_sub(1)) * quarters / 4).copied()
    };
    let fall = share(&mut falls, 2).map(|nanos| LEAST_FALL / nanos as f64);
    // Three of four packets have room for their labels.
    let gap = share(&mut gaps, 1).map(|nanos| APART / nanos as f64);
    match (fall, gap) {
        (Some(fall), Some(gap)) => fall.max(gap),
        (one, other) => one.or(other).unwrap_or(1e-6),
    }
}

/// Arrows on the page, in order.
fn draw_arrows(arrows: &[&Arrow], layout: &Layout) -> Vec<Drawn> {
    let last = layout.lanes.len() - 1;
    // A lost one goes on beside the one between the same lanes that left at about the same time.
    let arrived = arrows.iter().filter_map(|arrow| {
        let fall = layout.axis.y(arrow.arrived?) - layout.axis.y(arrow.departed);
        Some((ordered(arrow.from, target(arrow, last)), arrow.departed, fall))
    });
    let arrived: Vec<((usize, usize), SimTime, f64)> = arrived.collect();
    let fall_of = |ends: (usize, usize), at: SimTime| {
        let distance = |other: SimTime| other.saturating_since(at).max(at.saturating_since(other));
        let same = arrived.iter().filter(|(other, ..)| *other == ends);
        same.min_by_key(|(_, departed, _)| distance(*departed)).map_or(LEAST_FALL, |(_, _, fall)| *fall)
    };
    let draw = |arrow: &&Arrow| {
        let to = target(arrow, last);
        let (start, end) = (layout.lanes[arrow.from], layout.lanes[to]);
        let top = layout.axis.y(arrow.departed);
        let colour = colour(arrow.said.purpose);
        let from = (start, top);
        match arrow.arrived {
            Some(arrived) => {
                let is_crossed = arrow.dropped.is_some();
                let inset = if is_crossed { 5.0 * (end - start).signum() } else { 0.0 };
                Drawn { from, to: (end - inset, layout.axis.y(arrived)), colour, is_crossed }
            }
            None => {
                let share = if arrow.is_unsent { UNSENT_AT } else { LOST_AT };
                let fall = if arrow.is_unsent { 0.0 } else { fall_of(ordered(arrow.from, to), arrow.departed) * share };
                Drawn { from, to: (start + share * (end - start), top + fall), colour, is_crossed: true }
            }
        }
    };
    arrows.iter().map(draw).collect()
}

/// A line with a head, or with an X at its end.
fn draw_arrow(scene: &mut Scene, arrow: &Drawn) {
    let (dx, dy) = (arrow.to.0 - arrow.from.0, arrow.to.1 - arrow.from.1);
    let length = (dx * dx + dy * dy).sqrt().max(1e-9);
    let (ux, uy) = (dx / length, dy / length);
    if arrow.is_crossed {
        scene.line("arrow", &[arrow.from, arrow.to], Stroke::solid(arrow.colour, 1.1));
        for (sx, sy) in [(1.0, 1.0), (1.0, -1.0)] {
            let (x, y) = arrow.to;
            let ends = [(x - 4.0 * sx, y - 4.0 * sy), (x + 4.0 * sx, y + 4.0 * sy)];
            scene.line("lost", &ends, Stroke::solid(arrow.colour, 1.8));
        }
        return;
    }
    let back = |along: f64, aside: f64| (arrow.to.0 - along * ux - aside * uy, arrow.to.1 - along * uy + aside * ux);
    scene.line("arrow", &[arrow.from, back(5.0, 0.0)], Stroke::solid(arrow.colour, 1.1));
    scene.polygon("head", &[arrow.to, back(7.5, 2.8), back(7.5, -2.8)], Fill { colour: arrow.colour, opacity: 1.0 });
}

fn colour(purpose: Purpose) -> Colour {
    match purpose {
        Purpose::First => COLOURS[0],
        Purpose::Again => COLOURS[1],
        Purpose::Acknowledgement => FAINT_INK,
        Purpose::Refusal => Colour(0xa0, 0x3c, 0x78),
    }
}

/// The lane that an arrow points to: where nobody knows, the next one.
fn target(arrow: &Arrow, last: usize) -> usize {
    arrow.to.unwrap_or(if arrow.from < last { arrow.from + 1 } else { arrow.from.saturating_sub(1) })
}

fn ordered(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

fn wrapped(words: &str) -> Vec<String> {
    crate::figure::wrap(words, SIZE, NOTE_WIDTH)
}

/// Words with a box in place of what the font lacks.
fn shown(words: &str) -> String {
    words.chars().map(|c| if unsupported_character(c.encode_utf8(&mut [0; 4])).is_some() { '?' } else { c }).collect()
}

pub(super) fn text(content: &str, (x, y): Place, size: f64, anchor: Anchor) -> Text {
    Text { content: content.to_owned(), x, y, size, anchor, along: Text::RIGHTWARDS, colour: INK }
}

/// Places of labels along arrows, and where they stand; see [`Labels`].
impl Labelled {
    fn draw_ground(&self, scene: &mut Scene) {
        if let Some((from, to)) = self.leader {
            scene.line("leader", &[from, to], Stroke::solid(FAINT_INK, 0.6));
        }
        scene.polygon("ground", &self.area.outline(), Fill { colour: PAPER, opacity: 0.82 });
    }

    fn draw_text(&self, scene: &mut Scene) {
        let (ux, uy) = self.area.along;
        let below = 0.36 * SIZE;
        let place = (self.area.centre.0 - uy * below, self.area.centre.1 + ux * below);
        scene.text(Text {
            along: self.area.along,
            colour: self.colour,
            ..text(&self.words, place, SIZE, Anchor::Middle)
        });
    }
}
