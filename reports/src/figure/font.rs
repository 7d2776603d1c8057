//! The bundled font: widths, outlines, glyphs, and breaking text into lines.
//!
//! `reports/assets/InterSubset-Regular.ttf` is Inter (SIL Open Font License 1.1, text beside it) cut down by
//! `make-font.py` to Latin, Greek, super- and subscripts, arrows and common mathematical signs. No font of the
//! machine is ever looked at.

use std::ops::Range;
use std::sync::LazyLock;

use ttf_parser::{Face, OutlineBuilder};

use super::scene::{Anchor, Segment, Text};

/// The font file.
pub(super) const DATA: &[u8] = include_bytes!("../../assets/InterSubset-Regular.ttf");

static FACE: LazyLock<Face<'static>> =
    LazyLock::new(|| Face::parse(DATA, 0).expect("the bundled font is part of the program and parses"));

/// A glyph of a text, with the bytes it stands for and its width in ems.
pub(super) struct Placed {
    pub(super) glyph: u16,
    pub(super) bytes: Range<usize>,
    pub(super) advance: f64,
}

/// The first character of `text` that the font cannot draw, if any. Line feeds and tabs count as spaces.
pub fn unsupported_character(text: &str) -> Option<char> {
    text.chars().find(|&c| !matches!(c, '\n' | '\t') && FACE.glyph_index(c).is_none())
}

/// The glyphs of a text from left to right; characters the font lacks become its empty box.
pub(super) fn glyphs(text: &str) -> Vec<Placed> {
    let em = f64::from(FACE.units_per_em());
    let place = |(at, c): (usize, char)| {
        let glyph = FACE.glyph_index(c).unwrap_or_default();
        let advance = f64::from(FACE.glyph_hor_advance(glyph).unwrap_or(0)) / em;
        Placed { glyph: glyph.0, bytes: at..at + c.len_utf8(), advance }
    };
    text.char_indices().map(place).collect()
}

/// Width of a line of text at a font size, both in user units.
pub fn width(text: &str, size: f64) -> f64 {
    glyphs(text).iter().map(|g| g.advance).sum::<f64>() * size
}

/// How far before its anchor a text begins, along its reading direction, in user units.
pub(super) fn lead(text: &Text) -> f64 {
    match text.anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => width(&text.content, text.size) / 2.0,
        Anchor::End => width(&text.content, text.size),
    }
}

/// The outlines of a line of text where it stands.
pub(super) fn outline(text: &Text) -> Vec<Segment> {
    let em = f64::from(FACE.units_per_em());
    let mut pen = Pen {
        segments: Vec::new(),
        scale: text.size / em,
        along: -lead(text),
        x: text.x,
        y: text.y,
        direction: text.along,
    };
    for placed in glyphs(&text.content) {
        FACE.outline_glyph(ttf_parser::GlyphId(placed.glyph), &mut pen);
        pen.along += placed.advance * text.size;
    }
    pen.segments
}

/// Breaks a text at spaces so that no line is wider than `limit` at `size`; a word wider than that is broken between
/// characters. At least one line comes back, even for an empty text.
pub(crate) fn wrap(text: &str, size: f64, limit: f64) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split([' ', '\n', '\t']).filter(|w| !w.is_empty()) {
        let joined = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if width(&joined, size) <= limit {
            line = joined;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for c in word.chars() {
            line.push(c);
            if line.chars().count() > 1 && width(&line, size) > limit {
                line.pop();
                lines.push(std::mem::replace(&mut line, c.to_string()));
            }
        }
    }
    lines.push(line);
    lines
}

/// Collects glyph outlines in page coordinates; font units have y upwards.
struct Pen {
    segments: Vec<Segment>,
    scale: f64,
    along: f64,
    x: f64,
    y: f64,
    direction: (f64, f64),
}

impl Pen {
    fn at(&self, x: f32, y: f32) -> (f64, f64) {
        let (along, above) = (self.along + f64::from(x) * self.scale, f64::from(y) * self.scale);
        let (right, down) = self.direction;
        (self.x + along * right + above * down, self.y + along * down - above * right)
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.segments.push(Segment::Move(x, y));
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.segments.push(Segment::Line(x, y));
    }

    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        let ((cx, cy), (x, y)) = (self.at(cx, cy), self.at(x, y));
        self.segments.push(Segment::Quad(cx, cy, x, y));
    }

    fn curve_to(&mut self, _: f32, _: f32, _: f32, _: f32, _: f32, _: f32) {
        unreachable!("the bundled font has TrueType outlines, which are quadratic");
    }

    fn close(&mut self) {
        self.segments.push(Segment::Close);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Layout relies on digits adding up (there is no kerning) and on scaling being linear.
    #[test]
    fn width_is_additive_and_linear_in_size() {
        approx::assert_relative_eq!(width("10", 20.0), 2.0 * (width("1", 10.0) + width("0", 10.0)));
        assert_eq!(width("", 10.0), 0.0);
    }

    #[test]
    fn wrapping_keeps_every_word_and_the_limit() {
        let text = "confirmable exchange over a lossy link of one hop";
        let lines = wrap(text, 10.0, 90.0);
        assert!(lines.len() > 1);
        assert!(lines.iter().all(|l| width(l, 10.0) <= 90.0));
        assert_eq!(lines.join(" "), text);
    }

    #[test]
    fn a_word_wider_than_the_limit_is_broken_between_characters() {
        let lines = wrap("x_quite_long_identifier_without_spaces", 10.0, 50.0);
        assert!(lines.iter().all(|l| width(l, 10.0) <= 50.0));
        assert_eq!(lines.concat(), "x_quite_long_identifier_without_spaces");
        assert_eq!(wrap("", 10.0, 50.0), [""]);
    }

    #[test]
    fn characters_a_figure_needs_are_in_the_font_and_others_are_named() {
        assert_eq!(unsupported_character("Goodput (×10⁻³ Mbit/s) ≤ 5 µs ± σ → ∞, naïve “§”"), None);
        assert_eq!(unsupported_character("loss 丢"), Some('丢'));
        assert_eq!(unsupported_character("bell\u{7}"), Some('\u{7}'));
    }
}
