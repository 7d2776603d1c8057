//! Panels of cells: a value for each pair of two categories, shown by a colour and, where there is room, by a text.
//!
//! - Colours of names are those of Okabe and Ito, then the same in pale: with the texts on them, nobody has to tell colours apart. Texts
//!   are black or white, whichever has more contrast (WCAG 2.1), which is at least 4.58 : 1 on any colour.
//! - The scale of numbers goes from pale yellow to dark blue in even steps of lightness (CIE L*, 96 to 26), so that equal steps look equal,
//!   also in grey and to any colour vision; on the way hues change, which makes small differences visible.

use super::scene::Colour;
use super::ticks::{Span, Ticks, power_of_ten};
use super::{Figure, Panel, Scale};
use protosim_core::maths;

/// What the cells of a panel show.
#[derive(Clone, Debug, PartialEq)]
pub struct Cells {
    /// What the values are, beside the panel.
    pub label: String,
    /// The cells that have a value, each once. The others are crossed out.
    pub values: Vec<Cell>,
    /// How values become colours and texts.
    pub colouring: Colouring,
}

/// One cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// Its column: the number of an x category, from 0.
    pub x: usize,
    /// Its row: the number of a y category, from 0, from top to bottom.
    pub y: usize,
    /// What it shows.
    pub value: f64,
}

/// How values become colours and texts.
#[derive(Clone, Debug, PartialEq)]
pub enum Colouring {
    /// Each value has a name; one colour for each different text. A value without a name is shown as a number on grey.
    Names(Vec<CellName>),
    /// A scale of colours, beside the panel.
    Scale {
        /// Unit of the numbers; may be empty.
        unit: String,
        /// Linear or logarithmic.
        scale: Scale,
        /// Decimals of the numbers in cells; `None` has three digits of the largest.
        decimals: Option<usize>,
    },
}

/// What a value is called.
#[derive(Clone, Debug, PartialEq)]
pub struct CellName {
    /// The value.
    pub value: f64,
    /// What stands in its cells.
    pub text: String,
    /// What that means, in the legend; may be empty. A legend is drawn where something has a meaning.
    pub meaning: String,
}

/// Most different texts that have a colour each.
pub const MOST_NAMES: usize = 16;

/// The colours of names, to be told apart without their texts as far as that goes.
const NAMED: [Colour; MOST_NAMES] = [
    Colour(0x56, 0xb4, 0xe9),
    Colour(0xe6, 0x9f, 0x00),
    Colour(0x00, 0x9e, 0x73),
    Colour(0xf0, 0xe4, 0x42),
    Colour(0x00, 0x72, 0xb2),
    Colour(0xd5, 0x5e, 0x00),
    Colour(0xcc, 0x79, 0xa7),
    Colour(0x99, 0x99, 0x99),
    Colour(0xbb, 0xe1, 0xf6),
    Colour(0xf5, 0xd9, 0x99),
    Colour(0x99, 0xd8, 0xc7),
    Colour(0xf9, 0xf4, 0xb3),
    Colour(0x99, 0xc7, 0xe0),
    Colour(0xee, 0xbf, 0x99),
    Colour(0xeb, 0xc9, 0xdc),
    Colour(0xd6, 0xd6, 0xd6),
];

/// Behind a value that has no name.
const UNNAMED: Colour = Colour(0xe8, 0xe8, 0xe8);

/// From the least to the greatest value: even in lightness, L* = 96 - 70 k / 16; hues of OKLCH from 100° to 280°, as much chroma as sRGB has.
const RAMP: [Colour; 17] = [
    Colour(0xfa, 0xf5, 0xd2),
    Colour(0xe7, 0xeb, 0xbb),
    Colour(0xcf, 0xe2, 0xa8),
    Colour(0xb3, 0xda, 0x9a),
    Colour(0x91, 0xd2, 0x93),
    Colour(0x6a, 0xc9, 0x92),
    Colour(0x38, 0xbf, 0x95),
    Colour(0x02, 0xb3, 0x9b),
    Colour(0x06, 0xa5, 0x9e),
    Colour(0x05, 0x97, 0x9e),
    Colour(0x04, 0x89, 0x9d),
    Colour(0x03, 0x7c, 0x9b),
    Colour(0x00, 0x6e, 0x9a),
    Colour(0x00, 0x60, 0x9c),
    Colour(0x26, 0x52, 0x8f),
    Colour(0x32, 0x44, 0x7f),
    Colour(0x37, 0x38, 0x6d),
];

/// How a cell looks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Painted {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) colour: Colour,
    /// Empty where there is no room.
    pub(super) text: String,
}

/// Where a value lies on a scale of colours, from 0 to 1.
pub(super) fn ramp(share: f64) -> Colour {
    let steps = (RAMP.len() - 1) as f64;
    let place = share.clamp(0.0, 1.0) * steps;
    let before = (place.floor() as usize).min(RAMP.len() - 2);
    let part = place - before as f64;
    let (Colour(r, g, b), Colour(s, h, c)) = (RAMP[before], RAMP[before + 1]);
    let mix = |from: u8, to: u8| (f64::from(from) + part * (f64::from(to) - f64::from(from))).round() as u8;
    Colour(mix(r, s), mix(g, h), mix(b, c))
}

/// Relative luminance of a colour (WCAG 2.1).
pub(super) fn luminance(Colour(r, g, b): Colour) -> f64 {
    let linear = |channel: u8| match f64::from(channel) / 255.0 {
        dark if dark <= 0.040_45 => dark / 12.92,
        light => maths::pow((light + 0.055) / 1.055, 2.4),
    };
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

/// Black or white, whichever is better read on a colour: where the luminance is above √(1.05 · 0.05) - 0.05 it is black.
pub(super) fn ink_on(colour: Colour) -> Colour {
    if luminance(colour) > 0.179_129 { Colour(0, 0, 0) } else { Colour(0xff, 0xff, 0xff) }
}

impl Cells {
    /// The colour and the text of a value that has a name.
    fn named(names: &[CellName], value: f64) -> (Colour, String) {
        let Some(name) = names.iter().find(|name| name.value == value) else {
            return (UNNAMED, typographic(&value.to_string()));
        };
        (Self::colour_of(names, &name.text), name.text.clone())
    }

    /// The colour of a text: by its number among the different ones.
    fn colour_of(names: &[CellName], text: &str) -> Colour {
        let number = texts(names).position(|other| other == text).unwrap_or_default();
        NAMED[number % NAMED.len()]
    }

    /// What stands in the legend: texts with their colours and meanings; nothing where no text has a meaning.
    pub(super) fn legend(&self) -> Vec<(String, Colour, String)> {
        let Colouring::Names(names) = &self.colouring else { return Vec::new() };
        let meaning = |text: &str| {
            let mut of_text = names.iter().filter(|name| name.text == text && !name.meaning.is_empty());
            of_text.next().map_or_else(String::new, |name| name.meaning.clone())
        };
        let is_idle = names.iter().all(|name| name.meaning.is_empty());
        let entry = |text: &str| (text.to_owned(), Self::colour_of(names, text), meaning(text));
        texts(names).filter(|_| !is_idle).map(entry).collect()
    }

    /// All cells that have a value, with all texts that there would be if there were room.
    pub(super) fn painted(&self, span: &Span, exponent: i32) -> Vec<Painted> {
        let format = self.number_format(exponent);
        let paint = |cell: &Cell| {
            let (colour, text) = match &self.colouring {
                Colouring::Names(names) => Self::named(names, cell.value),
                Colouring::Scale { .. } => (ramp(span.share(cell.value)), format(cell.value)),
            };
            Painted { x: cell.x, y: cell.y, colour, text }
        };
        self.values.iter().map(paint).collect()
    }

    /// How numbers are written in cells: with so many decimals, in units of a power of ten.
    fn number_format(&self, exponent: i32) -> impl Fn(f64) -> String + use<> {
        let unit = maths::pow(10.0, f64::from(exponent));
        let scaled: Vec<f64> = self.values.iter().map(|cell| cell.value / unit).collect();
        let largest = scaled.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
        let is_whole = scaled.iter().all(|value| value.fract() == 0.0) && largest < 1e5;
        let before = if largest > 0.0 { maths::log10(largest).floor() as i32 } else { 0 };
        let (wanted, is_log) = match &self.colouring {
            Colouring::Scale { decimals, scale, .. } => (*decimals, *scale == Scale::Log),
            Colouring::Names(_) => (None, false),
        };
        let few = if is_whole { 0 } else { (2 - before).clamp(0, 9) };
        move |value: f64| {
            let value = value / unit;
            // On a logarithmic scale, each number has digits of its own.
            let own = if value == 0.0 { 0 } else { (1 - maths::log10(value.abs()).floor() as i32).clamp(0, 9) };
            let decimals = wanted.unwrap_or(if is_log && !is_whole { own } else { few } as usize);
            typographic(&format!("{value:.decimals$}"))
        }
    }
}

/// The values that a panel's colours span, those of all panels with the same scale where the figure shares it, and the ticks beside it.
pub(super) fn colour_span(figure: &Figure, panel: &Panel, cells: &Cells, height: f64) -> (Span, Ticks) {
    let scale = match &cells.colouring {
        Colouring::Scale { scale, .. } => *scale,
        Colouring::Names(_) => Scale::Linear,
    };
    let is_alike = |other: &Cells| other.colouring == cells.colouring && other.label == cells.label && figure.shares_y;
    let others = figure.panels.iter().filter(|other| !std::ptr::eq(*other, panel));
    let alike = others.filter_map(|other| other.cells.as_ref()).filter(|other| is_alike(other));
    let values = || [cells].into_iter().chain(alike.clone()).flat_map(|cells| &cells.values).map(|cell| cell.value);
    let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    let is_flat = high - low <= 1e-12 * low.abs().max(high.abs());
    let span = if is_flat { Span::around(scale, low, high) } else { Span::exact(scale, low, high) };
    (span, span.ticks((height / 30.0) as usize))
}

/// What stands above the scale of colours.
pub(super) fn scale_title(cells: &Cells, exponent: i32) -> String {
    let Colouring::Scale { unit, .. } = &cells.colouring else { return String::new() };
    let factor = if exponent == 0 { String::new() } else { format!("×{}", power_of_ten(exponent)) };
    match (factor.as_str(), unit.as_str()) {
        ("", "") => cells.label.clone(),
        (one, "") | ("", one) => format!("{} ({one})", cells.label),
        (factor, unit) => format!("{} ({factor} {unit})", cells.label),
    }
}

/// The different texts of names, in the order of the first of each.
pub(super) fn texts(names: &[CellName]) -> impl Iterator<Item = &str> {
    let is_first = |number: &usize| names[..*number].iter().all(|earlier| earlier.text != names[*number].text);
    (0..names.len()).filter(is_first).map(|number| names[number].text.as_str())
}

/// With the minus sign of figures.
fn typographic(number: &str) -> String {
    number.replacen('-', "\u{2212}", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CIE 1976: L* = 116 Y^(1/3) - 16, and linear below.
    fn lightness(colour: Colour) -> f64 {
        let y = luminance(colour);
        if y > 0.008_856 { 116.0 * maths::pow(y, 1.0 / 3.0) - 16.0 } else { 903.3 * y }
    }

    /// From 96 to 26 in 16 steps: 4.375 each, but for what rounding to whole colours leaves (at most 0.5).
    #[test]
    fn equal_steps_of_the_scale_look_equal() {
        for (k, colour) in RAMP.into_iter().enumerate() {
            let wanted = 96.0 - 70.0 * k as f64 / 16.0;
            assert!((lightness(colour) - wanted).abs() < 0.25, "{k}: {}", lightness(colour));
        }
        for k in 0..=64 {
            let wanted = 96.0 - 70.0 * f64::from(k) / 64.0;
            assert!((lightness(ramp(f64::from(k) / 64.0)) - wanted).abs() < 0.7, "{k}");
        }
        assert_eq!((ramp(-1.0), ramp(2.0)), (RAMP[0], RAMP[16]));
    }

    /// WCAG 2.1: contrast is (L1 + 0.05) / (L2 + 0.05); level AA asks for 4.5. White has luminance 1, and black 0.
    #[test]
    fn texts_can_be_read_on_every_colour() {
        assert!((luminance(Colour(0xff, 0xff, 0xff)) - 1.0).abs() < 1e-9 && luminance(Colour(0, 0, 0)) == 0.0);
        for colour in NAMED.into_iter().chain(RAMP).chain([UNNAMED]) {
            let (one, other) = (luminance(colour) + 0.05, luminance(ink_on(colour)) + 0.05);
            let contrast = one.max(other) / one.min(other);
            assert!(contrast >= 4.5, "{colour:?}: {contrast}");
        }
    }

    #[test]
    fn colours_of_names_differ() {
        for (k, colour) in NAMED.iter().enumerate() {
            assert!(!NAMED[..k].contains(colour) && *colour != UNNAMED);
        }
        let name = |value: f64, text: &str| CellName { value, text: text.to_owned(), meaning: String::new() };
        let names = [name(1.0, "HH"), name(2.0, "HP"), name(3.0, "HH")];
        assert_eq!(texts(&names).collect::<Vec<_>>(), ["HH", "HP"]);
        assert_eq!(Cells::named(&names, 3.0).0, Cells::named(&names, 1.0).0);
        assert_ne!(Cells::named(&names, 3.0).0, Cells::named(&names, 2.0).0);
        assert_eq!(Cells::named(&names, -4.0), (UNNAMED, "−4".to_owned()));
    }

    /// Three digits of the largest; on a logarithmic scale two of each.
    #[test]
    fn numbers_have_few_digits() {
        let cells = |values: &[f64], scale: Scale, decimals: Option<usize>| Cells {
            label: String::new(),
            values: values.iter().map(|value| Cell { x: 0, y: 0, value: *value }).collect(),
            colouring: Colouring::Scale { unit: String::new(), scale, decimals },
        };
        let texts = |cells: Cells, exponent: i32| -> Vec<String> {
            let format = cells.number_format(exponent);
            cells.values.iter().map(|cell| format(cell.value)).collect()
        };
        assert_eq!(texts(cells(&[1.0, 12.0, -3.0], Scale::Linear, None), 0), ["1", "12", "−3"]);
        assert_eq!(texts(cells(&[0.5, 12.25], Scale::Linear, None), 0), ["0.5", "12.2"]);
        assert_eq!(texts(cells(&[0.012, 0.5], Scale::Linear, None), 0), ["0.012", "0.500"]);
        assert_eq!(texts(cells(&[1.5e6, 2e6], Scale::Linear, None), 6), ["1.50", "2.00"]);
        assert_eq!(texts(cells(&[0.5, 12.25], Scale::Linear, Some(0)), 0), ["0", "12"]);
        assert_eq!(texts(cells(&[0.012, 3.4, 560.0], Scale::Log, None), 0), ["0.012", "3.4", "560"]);
    }
}
