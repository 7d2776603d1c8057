//! Whole figures: what they contain, where it is, that the bytes are the same, and the hard cases.
//!
//! With `PROTOSIM_FIGURES=FOLDER` in the environment, `every_hard_case_renders` also writes its figures there, to be
//! looked at.

use protosim_core::maths;

use super::*;

/// `count` points of y = f(x) over x = 0 to `end`.
pub(super) fn curve(count: usize, end: f64, f: impl Fn(f64) -> f64) -> Vec<Point> {
    (0..count).map(|i| end * i as f64 / (count - 1) as f64).map(|x| Point::new(x, f(x))).collect()
}

/// The same points, each with an interval of ± `half`.
fn within(points: Vec<Point>, half: f64) -> Vec<Point> {
    points.into_iter().map(|p| p.within(p.y - half, p.y + half)).collect()
}

/// The figure the first experiment needs: delivery above, completion time below, formulas over both.
fn coap_like() -> Figure {
    // Four retransmissions: the exchange fails if all five attempts fail (RFC 7252 §4.8).
    let attempt = |loss: f64| (1.0 - loss / 100.0) * (1.0 - loss / 100.0);
    let con = move |x: f64| 1.0 - maths::pow(1.0 - attempt(x), 5.0);
    let time = |x: f64| 40.0 + 3.0 * maths::exp(x / 7.0);
    let delivery = Panel::new(Axis::linear("Loss each way").unit("%"), Axis::linear("Delivery ratio"))
        .series(Series::measured("confirmable", within(curve(11, 50.0, con), 0.012)))
        .series(Series::measured("non-confirmable", within(curve(11, 50.0, attempt), 0.02)))
        .series(Series::formula("closed form, confirmable", curve(101, 50.0, con)).of("confirmable"))
        .series(Series::formula("closed form, non-confirmable", curve(101, 50.0, attempt)).of("non-confirmable"));
    let mut completion = Panel::new(Axis::linear("Loss each way").unit("%"), Axis::log("Completion time").unit("ms"));
    for (label, factor) in [("mean", 1.0), ("p50", 0.8), ("p95", 4.0), ("p99", 9.0)] {
        let points = curve(11, 50.0, |x| factor * time(x));
        let points: Vec<Point> = points.into_iter().map(|p| p.within(p.y * 0.9, p.y * 1.15)).collect();
        completion = completion.series(Series::measured(label, points).with_error_bars());
    }
    let completion = completion.series(Series::formula("closed form, mean", curve(101, 50.0, time)).of("mean"));
    Figure::new("CoAP exchanges over a lossy link")
        .panel(delivery)
        .panel(completion)
        .caption("Bands and bars: 99.9 % confidence intervals over 1000 exchanges; lines: RFC 7252 §4.8 closed form.")
}

pub(super) fn one_panel(title: &str, x: Axis, y: Axis, series: impl IntoIterator<Item = Series>) -> Figure {
    Figure::new(title).panel(Panel { series: series.into_iter().collect(), ..Panel::new(x, y) })
}

fn hard_cases() -> Vec<(&'static str, Figure)> {
    let mut all = hard_line_cases();
    all.extend(super::tests_kinds::hard_cases());
    all.extend(super::tests_cells::hard_cases());
    all
}

fn hard_line_cases() -> Vec<(&'static str, Figure)> {
    let long = "a rather long label that says precisely which variant of which protocol on which device";
    let twelve = (0..12).map(|i| {
        let label = if i % 4 == 3 { format!("{long}, number {i}") } else { format!("variant {i}") };
        Series::measured(label, curve(9, 8.0, move |x| x * (1.0 + f64::from(i)) + f64::from(i)))
    });
    let near_one = curve(9, 0.8, |x| 1.0 - x * x * 0.015);
    let tiny_range = curve(9, 8.0, |x| 1.0 + (x - 4.0) * 2.5e-10);
    let six_decades: Vec<Point> = (0..25)
        .map(|i| maths::pow(10.0, f64::from(i) / 4.0))
        .map(|n| Point::new(n, 1e-3 * n).within(0.5e-3 * n, 2e-3 * n))
        .collect();
    let noisy = curve(4000, 60.0, |t| 50e6 + 30e6 * maths::sin(t * 1.7) * maths::cos(t * 0.31));
    let cut = curve(21, 10.0, |x| x * x);
    let lopsided = Panel::new(Axis::linear("Load").unit("Mbit/s"), Axis::linear("Delay").unit("ms"));
    let side = |name: &str, k: f64| {
        let queue = |x: f64| k / (1.05 - x);
        Panel::new(Axis::linear("Utilisation"), Axis::linear(name).unit("ms"))
            .series(Series::measured("drop-tail", within(curve(9, 1.0, queue), k * 0.6)).with_error_bars())
            .series(Series::measured("CoDel", within(curve(9, 1.0, |x| 0.5 * queue(x)), k * 0.3)).with_error_bars())
    };
    vec![
        ("coap", coap_like()),
        ("twelve", one_panel("Twelve series, some with long labels", Axis::linear("x"), Axis::linear("y"), twelve)),
        (
            "near-one",
            one_panel(
                "",
                Axis::linear("Loss").unit("%"),
                Axis::linear("Delivery ratio"),
                [
                    Series::measured("delivered", within(near_one.clone(), 0.0005)),
                    Series::formula("expected", near_one),
                ],
            ),
        ),
        (
            "tiny-range",
            one_panel(
                "A range of 2·10⁻⁹ around 1",
                Axis::linear("Time").unit("s"),
                Axis::linear("Ratio"),
                [Series::measured("ratio", tiny_range)],
            ),
        ),
        (
            "single",
            one_panel(
                "A single point",
                Axis::linear("Nodes"),
                Axis::linear("Goodput").unit("bit/s"),
                [
                    Series::measured("lonely", [Point::new(10_000.0, 2.5e9).within(2.4e9, 2.55e9)]),
                    Series::formula("one-point formula", [Point::new(10_000.0, 2.5e9)]),
                ],
            ),
        ),
        (
            "six-decades",
            one_panel(
                "Log-log",
                Axis::log("Nodes"),
                Axis::log("Convergence time").unit("s"),
                [
                    Series::measured("simulated", six_decades.clone()),
                    Series::formula(
                        "linear growth",
                        six_decades.iter().map(|p| Point::new(p.x, p.y)).collect::<Vec<_>>(),
                    ),
                    Series::formula(
                        "bound",
                        six_decades.iter().map(|p| Point::new(p.x, p.y * 30.0)).collect::<Vec<_>>(),
                    ),
                ],
            ),
        ),
        (
            "magnitudes",
            one_panel(
                "Huge and tiny",
                Axis::linear("Bytes"),
                Axis::linear("Energy per bit").unit("J"),
                [Series::measured("radio", curve(7, 3e12, |x| 4e-9 + x * 1e-21))],
            ),
        ),
        (
            "time-series",
            one_panel(
                "Goodput over time",
                Axis::linear("Time").unit("s"),
                Axis::linear("Goodput").unit("bit/s"),
                [Series::measured("flow 1", noisy)],
            ),
        ),
        (
            "cut",
            one_panel(
                "Cut by explicit ranges",
                Axis::linear("x").range(2.0, 8.0),
                Axis::linear("y").range(10.0, 40.0),
                [
                    Series::measured("x²", within(cut.clone(), 6.0)),
                    Series::measured("x² − 8", within(curve(21, 10.0, |x| x * x - 8.0), 3.0)).with_error_bars(),
                ],
            ),
        ),
        (
            "side-by-side",
            Figure::new("Two queues").panel(side("Mean delay", 1.0)).panel(side("p99 delay", 7.0)).side_by_side(),
        ),
        (
            "labels",
            Figure::new(
                "A title that is much too long for one line because somebody wanted to say everything at once in it",
            )
            .panel(
                Panel {
                    x: Axis::log(
                        "An x axis with a description that does not fit on one line below a panel of this width, no",
                    )
                    .unit("ms"),
                    y: Axis::linear("A y axis label longer than the height of its panel, broken").unit("kB"),
                    ..lopsided
                }
                .series(Series::measured("only", [3.0, 9.0, 17.0, 41.0].map(|x| Point::new(x, -x * 123.4)).to_vec())),
            ),
        ),
    ]
}

#[test]
fn every_hard_case_renders() {
    for (name, figure) in hard_cases() {
        let (svg, png, pdf) = (figure.to_svg(), figure.to_png(2.0), figure.to_pdf());
        let (svg, png, pdf) = (svg.expect(name), png.expect(name), pdf.expect(name));
        if let Some(folder) = std::env::var_os("PROTOSIM_FIGURES").map(std::path::PathBuf::from) {
            for (ending, bytes) in [("svg", svg.as_bytes()), ("png", &png), ("pdf", &pdf)] {
                std::fs::write(folder.join(format!("{name}.{ending}")), bytes).expect("the folder can be written");
            }
        }
    }
}

/// Points of the paths of a class inside the group with a label, one list per path.
pub(super) fn paths(scene: &scene::Scene, group: &str, wanted: &str) -> Vec<Vec<(f64, f64)>> {
    let mut inside = false;
    let mut found = Vec::new();
    for item in &scene.items {
        match item {
            scene::Item::Open { label, .. } => inside = label == group,
            scene::Item::Close => inside = false,
            scene::Item::Path { class, segments, .. } if *class == wanted && (inside || group.is_empty()) => {
                let end = |s: &scene::Segment| match *s {
                    scene::Segment::Move(x, y) | scene::Segment::Line(x, y) | scene::Segment::Quad(_, _, x, y) => {
                        Some((scene::grid(x), scene::grid(y)))
                    }
                    scene::Segment::Close => None,
                };
                found.push(segments.iter().filter_map(end).collect());
            }
            scene::Item::Path { .. } | scene::Item::Text(_) => {}
        }
    }
    found
}

/// The frame is 440 by 280 units. On axes 0 to 10 and 0 to 100 the point (2.5, 25) lies a quarter of the way along
/// both: 110 right of the left edge, 70 above the lower one; (7.5, 90) lies 330 right and 252 above.
#[test]
fn linear_points_lie_where_their_values_say() {
    let points = [Point::new(2.5, 25.0).within(10.0, 50.0), Point::new(7.5, 90.0).within(80.0, 95.0)];
    let (x, y) = (Axis::linear("x").range(0.0, 10.0), Axis::linear("y").range(0.0, 100.0));
    let figure = one_panel("", x, y, [Series::measured("a", points)]);
    let scene = figure.to_scene().expect("valid");
    let frame = &paths(&scene, "", "frame")[0];
    let ((left, top), (right, bottom)) = (frame[0], frame[2]);
    approx::assert_relative_eq!(right - left, 440.0, epsilon = 0.011);
    approx::assert_relative_eq!(bottom - top, 280.0, epsilon = 0.011);
    let expect = |offsets: &[(f64, f64)], path: &[(f64, f64)]| {
        assert_eq!(offsets.len(), path.len());
        for (offset, place) in offsets.iter().zip(path) {
            approx::assert_relative_eq!(place.0, left + offset.0, epsilon = 0.011);
            approx::assert_relative_eq!(place.1, bottom - offset.1, epsilon = 0.011);
        }
    };
    expect(&[(110.0, 70.0), (330.0, 252.0)], &paths(&scene, "a", "curve")[0]);
    // Upper ends 50 % and 95 % of 280 from left to right, then lower ends 80 % and 10 % back (clipping may begin
    // the polygon at any corner, but cuts nothing here).
    expect(&[(110.0, 140.0), (330.0, 266.0), (330.0, 224.0), (110.0, 28.0)], &paths(&scene, "", "band")[0]);
    let markers = paths(&scene, "a", "marker");
    assert_eq!(markers.len(), 2);
    let svg = scene.to_svg();
    let path = format!("d=\"M{} {}L{} {}\"", left + 110.0, bottom - 70.0, left + 330.0, bottom - 252.0);
    assert!(svg.contains(&path), "{path}");
}

/// On a log axis from 1 to 1000 over 440 units, 10 lies at 440/3 and 100 at 880/3; from 0.01 to 1 over 280 units,
/// 0.1 lies in the middle. A lower end at zero reaches the lower edge.
#[test]
fn logarithmic_points_lie_at_their_logarithms() {
    let points = [Point::new(10.0, 0.1).within(0.0, 1.0), Point::new(100.0, 1.0)];
    let (x, y) = (Axis::log("x").range(1.0, 1000.0), Axis::log("y").range(0.01, 1.0));
    let figure = one_panel("", x, y, [Series::measured("a", points)]);
    let scene = figure.to_scene().expect("valid");
    let frame = &paths(&scene, "", "frame")[0];
    let ((left, top), bottom) = (frame[0], frame[2].1);
    let line = &paths(&scene, "a", "curve")[0];
    for (place, expected) in line.iter().zip([(440.0 / 3.0, 140.0), (880.0 / 3.0, 280.0)]) {
        approx::assert_relative_eq!(place.0, left + expected.0, epsilon = 0.011);
        approx::assert_relative_eq!(place.1, bottom - expected.1, epsilon = 0.011);
    }
    let bar = &paths(&scene, "a", "bar")[0];
    assert_eq!((bar[0].1, bar[1].1), (top, bottom));
}

#[test]
fn every_label_title_and_unit_is_in_the_svg() {
    let svg = coap_like().to_svg().expect("valid");
    for text in [
        "CoAP exchanges over a lossy link",
        "Loss each way (%)",
        "Delivery ratio",
        "Completion time (ms)",
        "confirmable",
        "closed form, non-confirmable",
        "p99",
        "10³",
    ] {
        assert!(svg.contains(&format!("class=\"text\" aria-label=\"{text}\"")), "{text}");
    }
    assert!(svg.contains("<title>CoAP exchanges over a lossy link</title>"));
    assert!(svg.contains("Delivery ratio over Loss each way: confirmable;"));
    // The stacked panels share the x axis: its title is drawn once.
    assert_eq!(svg.matches("aria-label=\"Loss each way (%)\"").count(), 1);
    let tree = resvg::usvg::Tree::from_str(&svg, &resvg::usvg::Options::default()).expect("well-formed");
    assert!(tree.size().width() > 440.0 && !svg.contains(" id="));
}

/// One panel from 1 to 10, one from 100 to 1000: alone each has a range of its own, together both have that of all.
#[test]
fn equal_vertical_axes_share_a_range_where_they_shall() {
    let panel = |least: f64, label: &str| {
        let points = [Point::new(0.0, least), Point::new(1.0, 10.0 * least)];
        Panel::new(Axis::linear("x"), Axis::log(label)).series(Series::measured("a", points))
    };
    let two = |label: &str| Figure::new("f").panel(panel(1.0, "y")).panel(panel(100.0, label));
    let is_shared = |figure: &Figure| {
        let panels = layout::arrange(figure).panels;
        panels[0].y == panels[1].y
    };
    assert!(!is_shared(&two("y")));
    assert!(is_shared(&two("y").sharing_y()));
    // Another axis keeps its own.
    assert!(!is_shared(&two("z").sharing_y()));
}

#[test]
fn markup_in_labels_is_escaped() {
    let figure = one_panel(
        "a < b & \"c\"",
        Axis::linear("x>y"),
        Axis::linear("y"),
        [Series::measured("<g>", [Point::new(1.0, 1.0)])],
    );
    let svg = figure.to_svg().expect("valid");
    assert!(svg.contains("<title>a &lt; b &amp; &quot;c&quot;</title>") && !svg.contains("\"<g>\""));
    assert!(figure.to_png(1.0).is_ok());
}

/// Everything that is drawn stays on the page, in every hard case.
#[test]
fn nothing_is_drawn_beyond_the_page() {
    for (name, figure) in hard_cases() {
        let scene = figure.to_scene().expect(name);
        for item in &scene.items {
            let segments = match item {
                scene::Item::Path { segments, .. } => segments.clone(),
                scene::Item::Text(text) => font::outline(text),
                scene::Item::Open { .. } | scene::Item::Close => continue,
            };
            for segment in segments {
                let (scene::Segment::Move(x, y) | scene::Segment::Line(x, y) | scene::Segment::Quad(_, _, x, y)) =
                    segment
                else {
                    continue;
                };
                let on_page = (0.0..=scene.width).contains(&x) && (0.0..=scene.height).contains(&y);
                assert!(on_page, "{name}: ({x}, {y}) in {item:?}");
            }
        }
    }
}

/// No two lines of text overlap, in every hard case; boxes are text width by three quarters of the font size.
#[test]
fn no_text_overlaps_other_text() {
    for (name, figure) in hard_cases() {
        let scene = figure.to_scene().expect(name);
        let texts = scene.items.iter().filter_map(|item| match item {
            scene::Item::Text(text) => Some(text),
            _ => None,
        });
        let boxes: Vec<(geometry::Rect, &str)> = texts
            .map(|t| {
                let (length, height) = (font::width(&t.content, t.size), 0.75 * t.size);
                let rect = if t.along == scene::Text::UPWARDS {
                    let top = t.y + font::lead(t) - length;
                    geometry::Rect { left: t.x - height, top, width: height, height: length }
                } else {
                    geometry::Rect { left: t.x - font::lead(t), top: t.y - height, width: length, height }
                };
                (rect, t.content.as_str())
            })
            .collect();
        for (i, (a, first)) in boxes.iter().enumerate() {
            for (b, second) in &boxes[i + 1..] {
                let apart = a.right() <= b.left || b.right() <= a.left || a.bottom() <= b.top || b.bottom() <= a.top;
                assert!(apart, "{name}: '{first}' overlaps '{second}'");
            }
        }
    }
}

#[test]
fn legends_inside_a_frame_hide_no_marker() {
    let has_series = |(_, figure): &(_, Figure)| figure.panels.iter().all(|panel| panel.cells.is_none());
    for (name, figure) in hard_cases().into_iter().filter(has_series) {
        let scene = figure.to_scene().expect(name);
        let legends = paths(&scene, "Legend", "legend");
        assert!(!legends.is_empty(), "{name}");
        let samples = paths(&scene, "Legend", "marker").len();
        let markers = paths(&scene, "", "marker");
        let hidden = markers.iter().filter(|m| {
            legends.iter().any(|l| m[0].0 >= l[0].0 && m[0].0 <= l[2].0 && m[0].1 >= l[0].1 && m[0].1 <= l[2].1)
        });
        assert_eq!(hidden.count(), samples, "{name}: only the legend's own samples lie within it");
    }
}

#[test]
fn bytes_are_the_same_twice_and_in_another_thread() {
    let all = || {
        let bytes =
            |f: &Figure| (f.to_svg().expect("valid"), f.to_png(1.5).expect("valid"), f.to_pdf().expect("valid"));
        hard_cases().iter().map(|(_, figure)| bytes(figure)).collect::<Vec<_>>()
    };
    let here = all();
    assert!(here == all());
    assert!(here == std::thread::spawn(all).join().expect("the thread draws too"));
}

/// FNV-1a, 64 bits.
pub(super) fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// A golden trace: these digests were printed by this code and only say that bytes changed, be it by a change here, by
/// a newer resvg or krilla, or (which would be a fault) by another machine.
#[test]
fn golden_digests_of_one_figure_are_unchanged() {
    let figure = coap_like();
    let digests = [
        digest(figure.to_svg().expect("valid").as_bytes()),
        digest(&figure.to_png(2.0).expect("valid")),
        digest(&figure.to_pdf().expect("valid")),
    ];
    assert_eq!(digests.map(|d| format!("{d:016x}")), ["fdc7eeb0bbe4de32", "22ff55bbf40965e9", "94b92298478dd99b"]);
}

/// PNG: signature, then the IHDR chunk with width and height as big-endian words at bytes 16 and 20 (ISO 15948).
#[test]
fn png_has_the_size_of_the_figure_times_the_scale() {
    let figure = coap_like();
    let scene = figure.to_scene().expect("valid");
    for scale in [1.0_f32, 2.0] {
        let png = figure.to_png(scale).expect("valid");
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        let word = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().expect("four bytes"));
        assert_eq!(f64::from(word(16)), scene.width * f64::from(scale));
        assert_eq!(f64::from(word(20)), scene.height * f64::from(scale));
    }
    for bad in [0.0, -1.0, f32::NAN, f32::INFINITY, 1000.0] {
        assert!(matches!(figure.to_png(bad), Err(FigureError::Render(_))), "{bad}");
    }
}

#[test]
fn pdf_begins_and_ends_as_one_and_carries_no_date() {
    let pdf = coap_like().to_pdf().expect("valid");
    assert!(pdf.starts_with(b"%PDF-1.") && pdf.trim_ascii_end().ends_with(b"%%EOF"));
    let contains = |word: &[u8]| pdf.windows(word.len()).any(|w| w == word);
    assert!(contains(b"InterSubset-Regular"), "the font is embedded");
    assert!(!contains(b"CreationDate") && !contains(b"ModDate"));
}

#[test]
fn what_cannot_be_drawn_is_refused_by_name() {
    let with = |x: Axis, y: Axis, points: &[Point]| {
        one_panel("t", x, y, [Series::measured("loss", points)]).to_svg().expect_err("refused").to_string()
    };
    let lin = || Axis::linear("axis");
    let ok = Point::new(1.0, 1.0);
    let cases = [
        (with(lin(), lin(), &[]), "series 'loss' has no points"),
        (with(lin(), lin(), &[ok, Point::new(f64::NAN, 1.0)]), "'loss': x of point 2 (counted from 1) is NaN"),
        (with(lin(), lin(), &[Point::new(1.0, f64::INFINITY)]), "'loss': y of point 1 (counted from 1) is inf"),
        (with(lin(), lin(), &[ok.within(0.0, f64::NAN)]), "'loss': high of point 1"),
        (with(Axis::log("axis"), lin(), &[Point::new(0.0, 1.0)]), "'loss': x of point 1 (counted from 1) is 0, but"),
        (with(lin(), Axis::log("axis"), &[ok, Point::new(1.0, 0.0)]), "'loss': y of point 2"),
        (with(lin(), lin(), &[ok.within(2.0, 1.0)]), "has its lower end above its upper end"),
        (with(lin(), lin(), &[Point { low: Some(0.0), ..ok }]), "has only one end"),
        (with(lin().range(1.0, 1.0), lin(), &[ok]), "axis 'axis': the range from 1 to 1 cannot be shown"),
        (with(lin(), Axis::log("axis").range(0.0, 1.0), &[ok]), "axis 'axis': the range from 0 to 1"),
        (with(lin().unit("丢"), lin(), &[ok]), "the font has no character '丢'"),
    ];
    for (message, expected) in cases {
        assert!(message.contains(expected), "{message}");
    }
    let series = || Series::measured("loss", [ok]);
    let panel = |all: Vec<Series>| one_panel("t", lin(), lin(), all).check();
    assert_eq!(Figure::new("t").check(), Err(FigureError::NoPanels));
    assert_eq!(panel(vec![]), Err(FigureError::NoSeries { panel: 1 }));
    assert_eq!(panel(vec![series(), series()]), Err(FigureError::DuplicateLabel { series: "loss".into() }));
    let formula = Series::formula("f", [ok]).of("los");
    assert_eq!(
        panel(vec![series(), formula]),
        Err(FigureError::UnknownTarget { series: "f".into(), target: "los".into() })
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn any_finite_data_can_be_drawn(values in proptest::collection::vec((-1e300_f64..1e300, -1e300_f64..1e300), 1..20)) {
        let points: Vec<Point> = values.iter().map(|&(x, y)| Point::new(x, y)).collect();
        let figure = one_panel("any", Axis::linear("x"), Axis::linear("y"), [Series::measured("s", points)]);
        proptest::prop_assert!(figure.to_pdf().is_ok());
        proptest::prop_assert!(!figure.to_svg().expect("drawn").contains("NaN"));
    }

    #[test]
    fn any_positive_data_can_be_drawn_on_logarithmic_axes(
        values in proptest::collection::vec((-300.0_f64..300.0, -300.0_f64..300.0), 1..20)
    ) {
        let point = |&(x, y): &(f64, f64)| Point::new(maths::pow(10.0, x), maths::pow(10.0, y)).within(0.0, 1e300);
        let points: Vec<Point> = values.iter().map(point).collect();
        let figure = one_panel("any", Axis::log("x"), Axis::log("y"), [Series::measured("s", points)]);
        proptest::prop_assert!(figure.to_pdf().is_ok());
    }
}
