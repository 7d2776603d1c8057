//! Panels of cells: where cells lie, what they say, how colours are told, and the hard cases that all other tests of figures draw too.

use super::tests::{one_panel, paths};
use super::*;

/// Kinds of NAT: columns and rows of the largest matrix that is meant to be read.
const KINDS: [&str; 11] = [
    "open",
    "firewall",
    "EIM/EIF",
    "EIM/ADF",
    "EIM/APDF",
    "ADM/EIF",
    "ADM/ADF",
    "ADM/APDF",
    "APDM/EIF",
    "APDM/ADF",
    "APDM/APDF",
];

fn name(value: f64, text: &str, meaning: &str) -> CellName {
    CellName { value, text: text.to_owned(), meaning: meaning.to_owned() }
}

fn pairs(has_meanings: bool) -> Vec<CellName> {
    let all = [
        (11.0, "HH", "host to host"),
        (12.0, "HS", "host to server-reflexive"),
        (22.0, "SS", "server-reflexive on both sides"),
        (23.0, "SP", "server-reflexive to peer-reflexive"),
        (33.0, "PP", "peer-reflexive on both sides, found by checks alone"),
        (44.0, "RR", "relayed"),
        (0.0, "×", "no pair works"),
    ];
    all.map(|(value, text, meaning)| name(value, text, if has_meanings { meaning } else { "" })).to_vec()
}

fn scale(unit: &str, scale: Scale) -> Colouring {
    Colouring::Scale { unit: unit.to_owned(), scale, decimals: None }
}

/// A panel with a value at each cell where there is one.
fn panel(
    (columns, rows): (&[&str], &[&str]),
    label: &str,
    colouring: Colouring,
    value: impl Fn(usize, usize) -> Option<f64>,
) -> Panel {
    let all = (0..rows.len()).flat_map(|y| (0..columns.len()).map(move |x| (x, y)));
    let values = all.filter_map(|(x, y)| Some(Cell { x, y, value: value(x, y)? })).collect();
    let cells = Cells { label: label.to_owned(), values, colouring };
    let axis = |label: &str, names: &[&str]| Axis::categories(label, names.iter().copied());
    Panel::of_cells(axis("Right", columns), axis("Left", rows), cells)
}

fn kind_panel(label: &str, has_meanings: bool) -> Panel {
    let values = [11.0, 12.0, 22.0, 23.0, 33.0, 44.0, 0.0];
    let value = move |x: usize, y: usize| Some(values[(x * y + x + y) % 7]);
    panel((&KINDS, &KINDS), label, Colouring::Names(pairs(has_meanings)), value)
}

pub(super) fn hard_cases() -> Vec<(&'static str, Figure)> {
    let twenty: Vec<String> = (0..20).map(|i| format!("{} ms", 5 * (i + 1))).collect();
    let twenty: Vec<&str> = twenty.iter().map(String::as_str).collect();
    let five = ["0 %", "1 %", "2 %", "5 %", "10 %"];
    let long =
        ["a carrier-grade NAT of the second kind", "port-restricted", "a home router behind another home router"];
    let time = |x: usize, y: usize| 0.002 * (x + 1) as f64 * f64::from(1_u32 << (2 * y));
    vec![
        (
            "cells-2x2",
            Figure::new("Two by two").panel(panel(
                (&["5 ms", "50 ms"], &["10 %", "1 %"]),
                "Mean completion",
                scale("s", Scale::Linear),
                |x, y| Some(0.1 + 0.3 * (x + 2 * y) as f64),
            )),
        ),
        ("cells-names", Figure::new("Which pair is selected").panel(kind_panel("Selected pair", true))),
        (
            "cells-log",
            Figure::new("Loss and round trip").caption("Crossed out: no exchange came to its end.").panel(panel(
                (&twenty, &five),
                "Mean completion of confirmable exchanges",
                scale("s", Scale::Log),
                |x, y| (x + y < 22 && (x, y) != (3, 4)).then(|| time(x, y)),
            )),
        ),
        (
            "cells-narrow",
            Figure::new("Numbers that do not fit").panel(panel(
                (&twenty, &five),
                "Rate",
                scale("bit/s", Scale::Linear),
                |x, y| Some(1e6 * (x as f64 + 0.123) + y as f64 * 1e3),
            )),
        ),
        (
            "cells-long-names",
            Figure::new("Long names").panel(panel(
                (&long, &long),
                "What came out",
                Colouring::Names(vec![name(1.0, "connected", ""), name(0.0, "failed", "neither side heard anything")]),
                |x, y| (x != 1 || y != 1).then_some(((x + y) % 2) as f64),
            )),
        ),
        (
            "cells-stacked",
            Figure::new("With and without a relay")
                .panel(kind_panel("Selected pair", true))
                .panel(kind_panel("Selected pair", true))
                .panel(
                    one_panel(
                        "",
                        Axis::linear("x"),
                        Axis::linear("y"),
                        [Series::line("l", [Point::new(0.0, 1.0), Point::new(1.0, 3.0)])],
                    )
                    .panels
                    .remove(0),
                ),
        ),
        (
            "cells-beside",
            Figure::new("Side by side").panel(kind_panel("Pair", false)).panel(kind_panel("Pair", true)).side_by_side(),
        ),
        (
            "cells-column",
            Figure::new("One column")
                .panel(panel((&["all"], &five), "Share", scale("%", Scale::Linear), |_, y| Some(-3.0 + y as f64))),
        ),
    ]
}

fn texts(scene: &scene::Scene) -> Vec<&scene::Text> {
    fn text(item: &scene::Item) -> Option<&scene::Text> {
        match item {
            scene::Item::Text(text) => Some(text),
            _ => None,
        }
    }
    scene.items.iter().filter_map(text).collect()
}

/// 440 units over four columns would be 110, of which a cell has at most 84; 280 over two rows 140, of which it has 48.
#[test]
fn cells_lie_from_left_to_right_and_from_top_to_bottom() {
    let value = |x: usize, y: usize| (x != 2).then_some((10 * x + y) as f64);
    let figure =
        Figure::new("").panel(panel((&["a", "b", "c", "d"], &["e", "f"]), "v", scale("", Scale::Linear), value));
    let scene = figure.to_scene().unwrap();
    let cells = paths(&scene, "v", "cell");
    assert_eq!(cells.len(), 6);
    let (left, top) = cells[0][0];
    for ((x, y), cell) in [(0, 0), (1, 0), (3, 0), (0, 1), (1, 1), (3, 1)].into_iter().zip(&cells) {
        let (x, y) = (left + 84.0 * f64::from(x), top + 48.0 * f64::from(y));
        assert_eq!(cell[..4], [(x, y), (x + 84.0, y), (x + 84.0, y + 48.0), (x, y + 48.0)]);
    }
    // The third column has no value, and is crossed out.
    let crossed = paths(&scene, "v", "no-value");
    assert_eq!(crossed[0], [(left + 168.0, top + 48.0), (left + 252.0, top)]);
    assert_eq!(crossed.len(), 2);
    let middle = |content: &str| texts(&scene).iter().find(|text| text.content == content).map(|text| (text.x, text.y));
    let (x, y) = middle("31").unwrap();
    assert!((x - left - 3.5 * 84.0).abs() < 0.011, "{x}");
    assert!((y - (top + 72.0)).abs() < 6.0);
    let (above, below) = (middle("e").unwrap().1, middle("f").unwrap().1);
    assert!((below - above - 48.0).abs() < 1e-9);
}

/// Five columns of 84 units have room for six digits, twenty of 30 for four at most.
#[test]
fn numbers_stand_in_cells_where_all_have_room() {
    let count = |columns: usize, value: f64| {
        let names: Vec<String> = (0..columns).map(|x| x.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let colouring = Colouring::Scale { unit: String::new(), scale: Scale::Linear, decimals: Some(1) };
        let figure = Figure::new("").panel(panel((&names, &["y", "z"]), "v", colouring, |x, y| {
            Some(if x == 0 && y == 0 { value } else { 1.5 })
        }));
        // Those beside the scale of colours begin at their place.
        let is_in_cell = |text: &&&scene::Text| text.content == "1.5" && text.anchor == scene::Anchor::Middle;
        texts(&figure.to_scene().unwrap()).iter().filter(is_in_cell).count()
    };
    assert_eq!(count(5, 9999.5), 9);
    assert_eq!(count(20, 1.5), 40);
    assert_eq!(count(20, 9999.5), 0);
}

/// A value and its text have one colour in cells and legend, and a second value of the same text has it too.
#[test]
fn names_have_one_colour_each_in_cells_and_legend() {
    let names = vec![name(1.0, "HH", "direct"), name(2.0, "HH", ""), name(3.0, "RR", "relayed")];
    let figure = Figure::new("")
        .panel(panel((&["a", "b", "c"], &["d"]), "pair", Colouring::Names(names), |x, _| Some([1.0, 2.0, 3.0][x])));
    let scene = figure.to_scene().unwrap();
    let filled = |wanted: &str| -> Vec<scene::Colour> {
        let fill = |item: &scene::Item| match item {
            scene::Item::Path { class, fill: Some(fill), .. } if *class == wanted => Some(fill.colour),
            _ => None,
        };
        scene.items.iter().filter_map(fill).collect()
    };
    let cells = filled("cell");
    assert_eq!((cells[0], cells[1] == cells[0], cells[2] == cells[0]), (filled("sample")[0], true, false));
    assert_eq!(filled("sample"), [cells[0], cells[2]]);
    let contents: Vec<&str> = texts(&scene).iter().map(|text| text.content.as_str()).collect();
    assert!(contents.contains(&"direct") && contents.contains(&"relayed"));
    assert_eq!(contents.iter().filter(|content| **content == "HH").count(), 3);
}

/// Panels that share their range: 5 is in the middle of 0 to 10 in both; else each goes from its least to its greatest value.
#[test]
fn scales_of_colours_are_shared_where_the_figure_says_so() {
    let of = |from: f64, to: f64| {
        panel((&["a", "b"], &["c"]), "v", scale("s", Scale::Linear), move |x, _| Some([from, to][x]))
    };
    let colours = |figure: Figure| {
        let scene = figure.to_scene().unwrap();
        let fill = |item: &scene::Item| match item {
            scene::Item::Path { class: "cell", fill: Some(fill), .. } => Some(fill.colour),
            _ => None,
        };
        scene.items.iter().filter_map(fill).collect::<Vec<_>>()
    };
    let apart = colours(Figure::new("").panel(of(0.0, 5.0)).panel(of(5.0, 10.0)));
    assert_eq!((apart[0], apart[1]), (apart[2], apart[3]));
    let shared = colours(Figure::new("").panel(of(0.0, 5.0)).panel(of(5.0, 10.0)).sharing_y());
    assert_eq!(shared, [cells::ramp(0.0), cells::ramp(0.5), cells::ramp(0.5), cells::ramp(1.0)]);
}

#[test]
fn cells_that_cannot_be_drawn_are_refused() {
    let good = || panel((&["a", "b"], &["c"]), "v", scale("", Scale::Log), |_, _| Some(1.0));
    let with = |change: fn(&mut Cells)| {
        let mut panel = good();
        change(panel.cells.as_mut().unwrap());
        Figure::new("").panel(panel).to_svg().unwrap_err().to_string()
    };
    assert!(Figure::new("").panel(good()).to_svg().is_ok());
    assert!(with(|cells| cells.values.clear()).contains("has no cell with a value"));
    assert!(with(|cells| cells.values[0].x = 2).contains("has a cell at column 2 and row 0, which it has not"));
    assert!(with(|cells| cells.values[0].x = 1).contains("has two values for the cell at column 1 and row 0"));
    assert!(with(|cells| cells.values[0].value = 0.0).contains("has the value 0 on a logarithmic scale of colours"));
    assert!(with(|cells| cells.values[1].value = f64::NAN).contains("has the value NaN in a cell"));
    let seventeen = |cells: &mut Cells| {
        cells.colouring = Colouring::Names((0..17).map(|i| name(f64::from(i), &i.to_string(), "")).collect());
    };
    assert!(with(seventeen).contains("has more than 16 different texts in its cells"));
    let numbers = Panel { y: Axis::linear("y"), ..good() };
    assert!(Figure::new("").panel(numbers).to_svg().unwrap_err().to_string().contains("not two axes of categories"));
    let both = good().series(Series::bars("b", [Point::new(0.0, 1.0)]));
    assert!(Figure::new("").panel(both).to_svg().unwrap_err().to_string().contains("has series beside cells"));
}
