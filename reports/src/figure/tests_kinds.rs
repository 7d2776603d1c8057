//! Steps, distribution functions, long lines and comparisons of categories: where they lie, how small they stay, and the
//! hard cases that all other tests of figures draw too.

use protosim_core::maths;

use super::tests::{curve, digest, one_panel, paths};
use super::*;
use crate::statistics::SortedSamples;

/// A walk that is the same on every machine: a linear congruential generator's upper bits, added up.
fn walk(n: usize) -> Vec<Point> {
    let (mut state, mut height) = (7_u64, 0.0);
    let mut next = |i: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        height = height * 0.999 + ((state >> 33) as f64 / f64::from(1_u32 << 31) - 0.5);
        Point::new(i as f64 * 1e-3, height.abs())
    };
    (0..n).map(&mut next).collect()
}

fn delays(scale: f64) -> SortedSamples {
    let spread = walk(2000).into_iter().map(|p| scale * (1.0 + 10.0 * p.y * p.y)).collect();
    SortedSamples::new(spread).expect("samples")
}

const DISCIPLINES: [&str; 4] = ["drop-tail", "CoDel", "PIE", "FQ-CoDel"];

/// Three quantiles of each of some disciplines, as series over categories.
fn quantiles(categories: usize, make: fn(&'static str, Vec<Point>) -> Series) -> Vec<Series> {
    let of = |label, factor: f64| {
        let value = move |i: usize| factor * 120.0 / (1.0 + i as f64);
        let point = move |i: usize| Point::new(i as f64, value(i)).within(value(i) * 0.9, value(i) * 1.2);
        make(label, (0..categories).map(point).collect())
    };
    vec![of("p50", 1.0), of("p95", 2.5), of("p99", 4.0)]
}

pub(super) fn hard_cases() -> Vec<(&'static str, Figure)> {
    let queue = [0, 3, 8, 8, 2, 5, 0, 1, 9, 4, 0].iter().enumerate();
    let queue =
        |shift: f64| queue.clone().map(|(i, n)| Point::new(i as f64, f64::from(*n) + shift)).collect::<Vec<_>>();
    let time = || Axis::linear("Time").unit("s");
    let delay = || Axis::log("Delay").unit("ms");
    let long_names =
        ["FIFO of one bandwidth-delay product", "CoDel", "Proportional Integral controller Enhanced", "FQ"];
    let many = (0..30).map(|i| format!("device {i} in a rather long room"));
    let cdfs = [("drop-tail", 40.0), ("CoDel", 5.0), ("PIE", 15.0)].map(|(n, s)| Series::cdf(n, &delays(s).cdf()));
    let compare = |y: Axis, series: Vec<Series>| Panel { series, ..Panel::new(Axis::categories("", DISCIPLINES), y) };
    vec![
        (
            "step",
            one_panel(
                "A queue and its limit",
                time(),
                Axis::linear("Queue").unit("packets"),
                [
                    Series::step("queue", queue(0.0)),
                    Series::step("another queue", queue(0.5)),
                    Series::formula("limit", [Point::new(0.0, 10.0), Point::new(10.0, 10.0)]),
                ],
            ),
        ),
        ("step-long", one_panel("", time(), Axis::linear("cwnd").unit("kB"), [Series::step("cwnd", walk(100_000))])),
        ("cdf-log", one_panel("Distribution of delays", delay(), Axis::linear("Share of packets"), cdfs.clone())),
        (
            "line-long",
            one_panel(
                "Two long series",
                time(),
                Axis::linear("RTT").unit("ms"),
                [
                    Series::line("flow 1", walk(100_000)),
                    Series::line(
                        "flow 2",
                        walk(50_000).iter().map(|p| Point::new(p.x, p.y * 2.0 + 40.0)).collect::<Vec<_>>(),
                    ),
                ],
            ),
        ),
        (
            "bars",
            Figure::new("Delay by queue discipline")
                .panel(compare(Axis::linear("Delay").unit("ms"), quantiles(4, Series::bars)))
                .caption("Whiskers: 95 % confidence intervals."),
        ),
        ("dots", Figure::new("").panel(compare(delay(), quantiles(4, Series::dots)))),
        ("bars-log", Figure::new("Bars on a logarithmic axis").panel(compare(delay(), quantiles(4, Series::bars)))),
        (
            "bars-names",
            Figure::new("Names that do not fit").panel(Panel {
                x: Axis::categories("Queue discipline of the bottleneck", long_names),
                y: Axis::linear("Delay").unit("ms"),
                series: quantiles(4, Series::bars),
                cells: None,
            }),
        ),
        (
            "bars-many",
            Figure::new("Thirty categories").panel(Panel {
                x: Axis::categories("Device", many),
                y: Axis::linear("Delay").unit("ms"),
                series: quantiles(30, Series::bars),
                cells: None,
            }),
        ),
        (
            "bars-one",
            Figure::new("Losses and gains of one series").panel(compare(
                Axis::linear("Change of goodput").unit("%"),
                vec![Series::bars(
                    "against drop-tail",
                    [0.0, 1.0, 2.0, 3.0].map(|i| Point::new(i, 12.0 - i * i * 4.0)),
                )],
            )),
        ),
        (
            "cdf-beside-bars",
            Figure::new("Distributions and their quantiles")
                .panel(Panel { series: cdfs.to_vec(), ..Panel::new(delay(), Axis::linear("Share of packets")) })
                .panel(compare(Axis::linear("Delay").unit("ms"), quantiles(4, Series::dots)))
                .side_by_side(),
        ),
        (
            "compare-stacked",
            Figure::new("Two measures of the same categories")
                .panel(compare(Axis::linear("Delay").unit("ms"), quantiles(4, Series::bars)))
                .panel(compare(Axis::linear("Loss").unit("%"), quantiles(4, Series::bars))),
        ),
        (
            "log-x",
            one_panel(
                "Goodput against loss",
                Axis::log("Loss rate"),
                Axis::log("Goodput").unit("Mbit/s"),
                [Series::measured(
                    "Reno",
                    (0..13)
                        .map(|i| maths::pow(10.0, f64::from(i) / 4.0 - 5.0))
                        .map(|p| Point::new(p, 1.2 / p.sqrt()))
                        .collect::<Vec<_>>(),
                )],
            ),
        ),
    ]
}

/// Left and lower edge of the frame.
fn origin(scene: &scene::Scene) -> (f64, f64) {
    let frame = &paths(scene, "", "frame")[0];
    (frame[0].0, frame[2].1)
}

/// Compares a path with offsets to the right of and above the frame's lower left corner.
#[track_caller]
fn lies_at(scene: &scene::Scene, path: &[(f64, f64)], offsets: &[(f64, f64)]) {
    let (left, bottom) = origin(scene);
    assert_eq!(path.len(), offsets.len(), "{path:?}");
    for (place, offset) in path.iter().zip(offsets) {
        approx::assert_relative_eq!(place.0, left + offset.0, epsilon = 0.011);
        approx::assert_relative_eq!(place.1, bottom - offset.1, epsilon = 0.011);
    }
}

/// 440 units for 0 to 10 and 280 for 0 to 100: 20 holds (56 up) until 5 (220 to the right), then 80 (224) to the end.
#[test]
fn steps_hold_their_value_until_the_next_point() {
    let points = [(0.0, 20.0), (5.0, 80.0), (10.0, 80.0)].map(|(x, y)| Point::new(x, y));
    let (x, y) = (Axis::linear("x").range(0.0, 10.0), Axis::linear("y").range(0.0, 100.0));
    let scene = one_panel("", x, y, [Series::step("a", points)]).to_scene().expect("valid");
    lies_at(&scene, &paths(&scene, "a", "curve")[0], &[(0.0, 56.0), (220.0, 56.0), (220.0, 224.0), (440.0, 224.0)]);
    assert!(paths(&scene, "", "marker").is_empty());
}

/// 1 to 1000 over 440 units: 10 lies at 440/3 and 100 at 880/3. A quarter of the samples is 10, the rest 100.
#[test]
fn distribution_functions_rise_at_their_values_on_a_log_axis() {
    let samples = SortedSamples::new(vec![100.0, 10.0, 100.0, 100.0]).expect("samples");
    let (x, y) = (Axis::log("x").range(1.0, 1000.0), Axis::linear("y").range(0.0, 1.0));
    let scene = one_panel("", x, y, [Series::cdf("a", &samples.cdf())]).to_scene().expect("valid");
    let (ten, hundred) = (440.0 / 3.0, 880.0 / 3.0);
    lies_at(&scene, &paths(&scene, "a", "curve")[0], &[(ten, 0.0), (ten, 70.0), (hundred, 70.0), (hundred, 280.0)]);
}

/// A million samples with a single spike up and one down: both are drawn at their full height.
#[test]
fn a_million_samples_make_a_small_file_that_keeps_every_spike() {
    let mut points = walk(1_000_000);
    (points[314_159].y, points[765_432].y) = (500.0, -500.0);
    let y = Axis::linear("y").range(-500.0, 500.0);
    for series in [Series::line("a", points.clone()), Series::step("a", points.clone())] {
        let x = Axis::linear("x").range(0.0, 1000.0);
        let figure = one_panel("", x, y.clone(), [series]);
        let scene = figure.to_scene().expect("valid");
        let curve = paths(&scene, "a", "curve").concat();
        assert!(curve.len() <= 4 * 442, "{}", curve.len());
        let bottom = origin(&scene).1;
        let ends = curve.iter().fold((f64::MAX, f64::MIN), |(a, b), p| (a.min(p.1), b.max(p.1)));
        assert_eq!(ends, (bottom - 280.0, bottom));
        assert!(figure.to_svg().expect("valid").len() < 60_000);
    }
}

/// Two categories of 220 units, two series: places of 0.8/2 categories, 88 units, around the middle; a bar fills 0.9 of
/// it, 79.2. The first category's middle is at 110, so its bars stand around 66 and 154; 25 of 100 is 70 units high.
#[test]
fn bars_stand_side_by_side_at_their_category() {
    let (x, y) = (Axis::categories("", ["a", "b"]), Axis::linear("y").range(0.0, 100.0));
    let first = Series::bars("first", [Point::new(0.0, 25.0), Point::new(1.0, 50.0).within(40.0, 60.0)]);
    let scene =
        one_panel("", x, y, [first, Series::bars("second", [Point::new(0.0, 100.0)])]).to_scene().expect("valid");
    let corners = |middle: f64, height: f64| {
        let (left, right) = (middle - 39.6, middle + 39.6);
        [(left, 0.0), (left, height), (right, height), (right, 0.0)]
    };
    let columns = paths(&scene, "first", "column");
    lies_at(&scene, &columns[0], &corners(66.0, 70.0));
    lies_at(&scene, &columns[1], &corners(286.0, 140.0));
    lies_at(&scene, &paths(&scene, "second", "column")[0], &corners(154.0, 280.0));
    lies_at(&scene, &paths(&scene, "first", "bar")[0], &[(286.0, 168.0), (286.0, 112.0)]);
}

#[test]
fn dots_stand_at_their_category_with_whiskers() {
    let (x, y) = (Axis::categories("", ["a", "b"]), Axis::log("y").range(1.0, 100.0));
    let scene =
        one_panel("", x, y, [Series::dots("d", [Point::new(1.0, 10.0).within(1.0, 100.0)])]).to_scene().expect("valid");
    lies_at(&scene, &paths(&scene, "d", "bar")[0], &[(330.0, 280.0), (330.0, 0.0)]);
    // The circle begins one radius to the right of its middle.
    lies_at(&scene, &paths(&scene, "d", "marker")[0][..1], &[(330.0 + style::MARKER, 140.0)]);
    assert!(paths(&scene, "d", "curve").is_empty());
}

/// A hundred points above each other are a hundred markers and no line; an interval is a bar.
#[test]
fn each_point_of_a_scatter_is_seen() {
    let (x, y) = (Axis::linear("x").range(0.0, 2.0), Axis::linear("y").range(0.0, 100.0));
    let mut points: Vec<Point> = (0..100).map(|k| Point::new(1.0, f64::from(k))).collect();
    points[99] = points[99].within(90.0, 100.0);
    let scene = one_panel("", x, y, [Series::scatter("s", points)]).to_scene().expect("valid");
    assert_eq!(paths(&scene, "s", "marker").len(), 100);
    // A stroke and two caps.
    assert_eq!((paths(&scene, "s", "curve").len(), paths(&scene, "s", "bar").len()), (0, 3));
    assert!(paths(&scene, "s", "band").is_empty());
}

/// Bars of one sign stand on the frame, or hang from it; else a line shows where zero is.
#[test]
fn bars_begin_at_zero() {
    let draw = |values: [f64; 2]| {
        let points = [Point::new(0.0, values[0]), Point::new(1.0, values[1])];
        let figure = one_panel("", Axis::categories("", ["a", "b"]), Axis::linear("y"), [Series::bars("s", points)]);
        figure.to_scene().expect("valid")
    };
    let ends = |scene: &scene::Scene| {
        let (frame, column) = (&paths(scene, "", "frame")[0], paths(scene, "s", "column").concat());
        let range = column.iter().fold((f64::MAX, f64::MIN), |(a, b), p| (a.min(p.1), b.max(p.1)));
        (range.0 - frame[0].1, frame[2].1 - range.1)
    };
    let (above, below) = ends(&draw([40.0, 10.0]));
    assert!(above > 1.0 && below == 0.0, "{above} {below}");
    let (above, below) = ends(&draw([-40.0, -10.0]));
    assert!(above == 0.0 && below > 1.0, "{above} {below}");
    assert!(paths(&draw([40.0, 10.0]), "", "zero").is_empty());
    // From -40 to 40 with equal margins: zero lies in the middle of 280 units.
    let both = draw([40.0, -40.0]);
    lies_at(&both, &paths(&both, "", "zero")[0], &[(0.0, 140.0), (440.0, 140.0)]);
    assert!(draw([0.0, 0.0]).to_png(1.0).is_ok());
}

/// A legend lies in its frame or beside all frames, and hides no text.
#[test]
fn legends_hide_no_text_and_cross_no_frame() {
    for (name, figure) in hard_cases() {
        let scene = figure.to_scene().expect(name);
        let apart = |a: &[(f64, f64)], b: &[(f64, f64)]| {
            a[2].0 <= b[0].0 || b[2].0 <= a[0].0 || a[2].1 <= b[0].1 || b[2].1 <= a[0].1
        };
        let within = |a: &[(f64, f64)], b: &[(f64, f64)]| {
            a[0].0 >= b[0].0 && a[2].0 <= b[2].0 && a[0].1 >= b[0].1 && a[2].1 <= b[2].1
        };
        let (legends, frames) = (paths(&scene, "Legend", "legend"), paths(&scene, "", "frame"));
        assert!(legends.iter().all(|l| frames.iter().all(|f| apart(l, f) || within(l, f))), "{name}");
        let mut inside = false;
        for item in &scene.items {
            match item {
                scene::Item::Open { label, .. } => inside = label == "Legend",
                scene::Item::Close => inside = false,
                scene::Item::Text(text) if !inside => {
                    let (length, height) = (font::width(&text.content, text.size), 0.75 * text.size);
                    let (left, top) = (text.x - font::lead(text), text.y - height);
                    let rect = if text.along == scene::Text::UPWARDS {
                        let low = text.y + font::lead(text);
                        [(text.x - height, low - length), (0.0, 0.0), (text.x, low)]
                    } else {
                        [(left, top), (0.0, 0.0), (left + length, text.y)]
                    };
                    assert!(legends.iter().all(|l| apart(l, &rect)), "{name}: {}", text.content);
                }
                _ => {}
            }
        }
    }
}

#[test]
fn what_does_not_go_together_is_refused_by_name() {
    let categories = || Axis::categories("which", ["a", "b"]);
    let told =
        |x: Axis, y: Axis, series: Series| one_panel("", x, y, [series]).check().expect_err("refused").to_string();
    let one = [Point::new(0.0, 1.0)];
    for (message, expected) in [
        (told(categories(), Axis::linear("y"), Series::measured("s", one)), "'s' does not compare categories"),
        (told(Axis::linear("x"), Axis::linear("y"), Series::bars("s", one)), "'s' compares categories, but its x axis"),
        (told(Axis::linear("x"), categories(), Series::line("s", one)), "only an x axis can have them"),
        (
            told(categories(), Axis::linear("y"), Series::dots("s", [Point::new(2.0, 1.0)])),
            "x of point 1 (counted from 1) is 2, not the number of a category (0 to 1)",
        ),
        (told(categories(), Axis::linear("y"), Series::dots("s", [Point::new(0.5, 1.0)])), "is 0.5, not the number"),
        (
            told(Axis::linear("x").range(1.0, 2.0), Axis::linear("y"), Series::line("s", one)),
            "panel 1 (counted from 1) shows nothing: all its data lie outside the range of axis 'x'",
        ),
        (
            told(Axis::linear("x"), Axis::linear("y").range(5.0, 6.0), Series::line("s", one)),
            "shows nothing: all its data lie outside the range of axis 'y'",
        ),
        (told(Axis::categories("which", ["丢"]), Axis::linear("y"), Series::dots("s", one)), "no character '丢'"),
        (told(Axis::log("x"), Axis::linear("y"), Series::cdf("s", &[(0.0, 1.0)])), "but its axis is logarithmic"),
        (told(Axis::linear("x"), Axis::linear("y"), Series::cdf("s", &[])), "'s' has no points"),
    ] {
        assert!(message.contains(expected), "{message}");
    }
}

/// A formula may be drawn over a distribution function, in its colour, thin and above it.
#[test]
fn a_formula_of_a_distribution_function_takes_its_colour() {
    let exponential = curve(50, 5.0, |x| 1.0 - maths::exp(-x));
    let figure = one_panel(
        "",
        Axis::linear("Delay").unit("ms"),
        Axis::linear("Share"),
        [
            Series::formula("exponential", exponential).of("simulated"),
            Series::cdf("simulated", &[(1.0, 0.6), (2.0, 1.0)]),
        ],
    );
    let scene = figure.to_scene().expect("valid");
    let strokes: Vec<&scene::Stroke> = scene
        .items
        .iter()
        .filter_map(|item| match item {
            scene::Item::Path { class: "curve", stroke, .. } => stroke.as_ref(),
            _ => None,
        })
        .collect();
    assert_eq!(strokes.len(), 2);
    assert!(strokes[0].colour == strokes[1].colour && strokes[0].width > strokes[1].width);
}

/// Golden traces, as in `tests`: printed by this code, they only say that bytes changed.
#[test]
fn golden_digests_of_each_kind_are_unchanged() {
    let wanted = ["step", "step-long", "cdf-log", "line-long", "bars", "dots", "bars-names"];
    let of = |(_, figure): &(&str, Figure)| format!("{:016x}", digest(figure.to_svg().expect("valid").as_bytes()));
    let digests: Vec<String> = hard_cases().iter().filter(|(name, _)| wanted.contains(name)).map(of).collect();
    let golden = [
        "b31a097609268750",
        "1aff08cfb24ed884",
        "5c2bf78cb0434d74",
        "7d87d5f3f9f6287a",
        "1074b28bb563f2ee",
        "0c76c92d1e8fe6e2",
        "3f1f1f7b8d4b68ab",
    ];
    assert_eq!(digests, golden);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn any_finite_data_can_be_drawn_in_every_kind(
        values in proptest::collection::vec((-1e300_f64..1e300, -1e300_f64..1e300), 1..20)
    ) {
        let points: Vec<Point> = values.iter().map(|&(x, y)| Point::new(x, y).within(y, 1e300)).collect();
        let numbered: Vec<Point> = points.iter().enumerate().map(|(i, p)| Point { x: i as f64, ..*p }).collect();
        let names: Vec<String> = (0..points.len()).map(|i| format!("c{i}")).collect();
        let lines = [Series::line("l", points.clone()), Series::step("s", points), Series::cdf("c", &values)];
        let figure = Figure::new("any")
            .panel(Panel { series: lines.to_vec(), ..Panel::new(Axis::linear("x"), Axis::linear("y")) })
            .panel(Panel {
                x: Axis::categories("x", names),
                y: Axis::linear("y"),
                series: vec![Series::bars("b", numbered.clone()), Series::dots("d", numbered)],
                cells: None,
            });
        proptest::prop_assert!(figure.to_pdf().is_ok());
        proptest::prop_assert!(!figure.to_svg().expect("drawn").contains("NaN"));
    }
}

#[test]
fn no_line_leads_over_a_gap_and_a_nameless_series_has_no_legend() {
    let point = |x: f64, after_gap| Point { after_gap, ..Point::new(x, x) };
    let points = vec![point(0.0, false), point(1.0, false), point(4.0, true), point(6.0, true), point(7.0, false)];
    let figure = |label: &str| {
        let panel = Panel::new(Axis::linear("x"), Axis::linear("y")).series(Series::line(label, points.clone()));
        Figure::new("gaps").panel(panel).to_svg().unwrap()
    };
    // From 0 to 1, a dash at 4, and from 6 to 7.
    assert_eq!(figure("named").matches("class=\"curve\"").count(), 3);
    assert!(figure("named").contains("class=\"legend\"") && !figure("").contains("class=\"legend\""));
}
