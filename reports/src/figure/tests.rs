//! Whole figures: what they contain, where it is, that the bytes are the same, and the hard cases.
//!
//! With `PROTOSIM_FIGURES=FOLDER` in the environment, `every_hard_case_renders` also writes its figures there, to be
//! looked at.

use protosim_core::maths;

use super::*;

/// `count` points of y = f(x) over x = 0 to `end`.
fn curve(count: usize, end: f64, f: impl Fn(f64) -> f64) -> Vec<Point> {
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

fn one_panel(title: &str, x: Axis, y: Axis, series: impl IntoIterator<Item = Series>) -> Figure {
    Figure::new(title).panel(Panel { x, y, series: series.into_iter().collect() })
}

fn hard_cases() -> Vec<(&'static str, Figure)> {
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
