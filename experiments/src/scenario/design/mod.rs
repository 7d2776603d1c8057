//! Designs: points that fill the space between the ends of several axes evenly, where a grid would need too many.

mod sobol;

use super::range::Share;
use super::{AxisValue, Scenario};
use protosim_core::random::{Purpose, RunSeed, Stream};
use serde::{Deserialize, Serialize};

/// Most points of a design.
pub(super) const MOST: u64 = 1_000_000;
/// Most points of Sobol's sequence that can be skipped: those before have all digits of a coordinate.
pub(super) const MOST_SKIPPED: u64 = (1 << sobol::BITS) - MOST;
/// Most axes of a Sobol design.
pub(super) const MOST_SOBOL_AXES: usize = sobol::DIMENSIONS;

/// How points are spread over all axes that have a `range` or `log_range`. These axes advance together, at the place of their
/// first one; axes with `values`, and variants, are crossed with them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub enum DesignSpec {
    /// Each axis is cut into as many equal parts as there are points, and each part has one of them, at a random place in it. Which
    /// parts of two axes meet is random too. It depends on the scenario's seed and on the name of the axis.
    LatinHypercube {
        /// How many points: 2 to 1,000,000.
        points: u64,
    },
    /// Sobol's sequence with the direction numbers of Joe and Kuo (2008), for at most 32 axes, in their order: nothing is random. Balanced where the number
    /// of points is a power of two. Its first point lies at the beginning of all axes, `from`; no point lies at `to`.
    Sobol {
        /// How many points: 2 to 1,000,000.
        points: u64,
        /// How many points of the sequence to leave out before: 1 leaves out the one at the beginning of all axes, and 256 goes on after a
        /// design of 256 points. Default: 0.
        #[serde(default, skip_serializing_if = "is_zero")]
        skip: u64,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl DesignSpec {
    /// How many points it has.
    pub(super) fn points(&self) -> u64 {
        match self {
            Self::LatinHypercube { points } | Self::Sobol { points, .. } => *points,
        }
    }

    /// How far along an axis each point lies. `place` is the number of the axis among those of the design.
    fn shares(&self, seed: u64, name: &str, place: usize) -> Vec<Share> {
        let points = self.points().min(MOST);
        match self {
            Self::LatinHypercube { .. } => {
                let run = RunSeed { seed, replication: 0 };
                let stream = run.stream(&format!("design/{name}"), Purpose("design.latin-hypercube"));
                latin(stream, points)
            }
            Self::Sobol { skip, .. } => {
                let share = |part| Share { part: u64::from(part), whole: 1 << sobol::BITS };
                sobol::coordinates(place, *skip, points).into_iter().map(share).collect()
            }
        }
    }
}

/// One place in each of `points` equal parts, in random order.
fn latin(mut stream: Stream, points: u64) -> Vec<Share> {
    let mut parts: Vec<u64> = (0..points).collect();
    // Fisher and Yates: all orders are equally likely.
    for last in (1..parts.len()).rev() {
        parts.swap(last, stream.below(last as u64 + 1) as usize);
    }
    let whole = points << 32;
    parts.into_iter().map(|part| Share { part: (part << 32) | (stream.next_u64() >> 32), whole }).collect()
}

impl Scenario {
    /// Whether an axis advances with the design: it has a range, and the design says how many values.
    pub(crate) fn is_in_design(&self, axis: usize) -> bool {
        self.design.is_some() && self.axes.get(axis).is_some_and(|axis| axis.is_open())
    }

    /// Whether some axis advances with a design.
    pub(crate) fn has_design_axes(&self) -> bool {
        (0..self.axes.len()).any(|axis| self.is_in_design(axis))
    }

    /// Whether two axes advance together: those of the design, and those with the same `zip`.
    pub(crate) fn advance_together(&self, one: usize, other: usize) -> bool {
        match (self.is_in_design(one), self.is_in_design(other)) {
            (false, false) => self.axes[one].zip.is_some() && self.axes[one].zip == self.axes[other].zip,
            (one, other) => one && other,
        }
    }

    /// All values of each axis, those of ranges and of the design written out; none where a range makes no sense, which the
    /// checks refuse.
    pub(crate) fn values_of_axes(&self) -> Vec<Vec<AxisValue>> {
        let mut place = 0;
        let mut values_of = |(index, axis): (usize, &super::AxisSpec)| match &self.design {
            Some(design) if self.is_in_design(index) => {
                let shares = design.shares(self.seed, &axis.name, place);
                place += 1;
                axis.values_at(&shares).unwrap_or_default()
            }
            _ => axis.all_values(),
        };
        self.axes.iter().enumerate().map(&mut values_of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Request, load_text};
    use protosim_reports::statistics::SortedSamples;
    use protosim_reports::statistics::kolmogorov_smirnov;
    use std::collections::BTreeSet;

    const TEXT: &str = r#"(
        format: 1, title: "A design", nodes: [(name: "a"), (name: "b")],
        links: [(name: "ab", ends: ("a", "b"), rate: "1 Mbit/s", delay: "1 ms")],
        apps: [(name: "ping", on: "a", run: Ping(to: "b", count: 1))],
        design: DESIGN,
        axes: [
            (name: "rate", path: "links.ab.rate", log_range: (from: "1 Mbit/s", to: "100 Mbit/s")),
            (name: "mtu", path: "links.ab.mtu", values: ["1280 B", "1500 B"]),
            (name: "delay", path: "links.ab.delay", range: (from: "0 ms", to: "80 ms")),
            (name: "count", path: "apps.ping.run.count", range: (from: 1, to: 4)),
        ],
    )"#;

    fn points(design: &str, seed: Option<u64>) -> Vec<Vec<f64>> {
        let request = Request { seed, ..Request::default() };
        let loaded = load_text("t", "t.ron", &TEXT.replace("DESIGN", design), &request, false).unwrap();
        loaded.points.iter().map(|point| point.values.clone()).collect()
    }

    /// Of the first points of Sobol's sequence, in eighths: (0, 0, 0), (4, 4, 4), (6, 2, 2), (2, 6, 6). The rate runs over two
    /// decades: 4 / 8 of it is ten times 1 Mbit/s, 6 / 8 is 10^1.5 = 31.6227766017 times, 2 / 8 is 10^0.5 = 3.16227766017 times. Of 1 to 4
    /// each has a quarter of the axis. The design stands before the axis `mtu`, which varies fastest.
    #[test]
    fn axes_with_ranges_advance_together_through_the_design() {
        let all = points("Sobol(points: 4)", None);
        let expected = [(1e6, 0.0, 1.0), (1e7, 0.04, 3.0), (31_622_777.0, 0.02, 2.0), (3_162_278.0, 0.06, 4.0)];
        let crossed = expected
            .into_iter()
            .flat_map(|(rate, delay, count)| [1280.0, 1500.0].map(|mtu| vec![rate, mtu, delay, count]));
        assert_eq!(all, crossed.collect::<Vec<_>>());
        assert_eq!(points("Sobol(points: 2, skip: 2)", None), all[4..]);
    }

    /// As the definition has it: of n points each n-th part of an axis has one; of 1 to 4 each stands in a quarter of 40 points.
    #[test]
    fn a_latin_hypercube_has_one_point_in_each_part_of_each_axis() {
        let all = points("LatinHypercube(points: 40)", None);
        assert_eq!(all.len(), 80);
        let part = |axis: usize, of: &dyn Fn(f64) -> f64| {
            let parts: Vec<u64> = all.iter().step_by(2).map(|point| (of(point[axis]) * 40.0).floor() as u64).collect();
            assert_eq!(parts.iter().copied().collect::<BTreeSet<_>>(), (0..40).collect(), "axis {axis}");
            parts
        };
        let rates = part(0, &|rate| protosim_core::maths::log10(rate / 1e6) / 2.0);
        let delays = part(2, &|delay| delay / 0.08);
        assert_ne!(rates, delays);
        assert!((1..=4).all(|n| all.iter().filter(|point| point[3] == f64::from(n)).count() == 20));
        assert_eq!(all, points("LatinHypercube(points: 40)", Some(1)));
        assert_ne!(all, points("LatinHypercube(points: 40)", Some(2)));
    }

    /// The place within a part is uniform (Kolmogorov and Smirnov, seed and level fixed beforehand), and the order of parts is any: the
    /// correlation of ranks of n independent points has a standard deviation of 1 / √(n - 1); four of them.
    #[test]
    fn places_and_orders_are_random() {
        let n = 10_000_u64;
        let of = |name: &str| DesignSpec::LatinHypercube { points: n }.shares(1, name, 0);
        let (a, b) = (of("a"), of("b"));
        let within = a.iter().map(|share| (share.part & 0xffff_ffff) as f64 / 4_294_967_296.0).collect();
        let test = kolmogorov_smirnov(&SortedSamples::new(within).unwrap(), |x| x.clamp(0.0, 1.0)).unwrap();
        assert!(test.p_value > 0.001, "{test:?}");
        let centre = (n - 1) as f64 / 2.0;
        let products =
            a.iter().zip(&b).map(|(a, b)| ((a.part >> 32) as f64 - centre) * ((b.part >> 32) as f64 - centre));
        let correlation = products.sum::<f64>() / ((n * n - 1) as f64 / 12.0 * n as f64);
        assert!(correlation.abs() < 4.0 / ((n - 1) as f64).sqrt(), "{correlation}");
    }

    /// Without the design its ranges lack steps; an axis that is given values leaves it.
    #[test]
    fn a_design_can_be_taken_out_on_the_command_line() {
        let load = |set: &[&str]| {
            let set = set.iter().map(|argument| (*argument).to_owned()).collect();
            let text = TEXT.replace("DESIGN", "Sobol(points: 4)");
            load_text("t", "t.ron", &text, &Request { set, seed: None, scenario: String::new() }, false)
        };
        let error = load(&["design=None"]).unwrap_err();
        assert_eq!(error.matches("unless the scenario has a `design`").count(), 3, "{error}");
        assert_eq!(load(&["rate=1 Mbit/s", "design.points=8"]).unwrap().points.len(), 16);
        let set = ["rate=1 Mbit/s", "delay=1 ms", "count=1"];
        assert!(load(&set).unwrap_err().contains("--set design=None"));
        assert_eq!(load(&[&set[..], &["design=None"]].concat()).unwrap().points.len(), 2);
    }

    /// A warning for a number that is no power of two, and none for one that is. The sequence has numbers for 32 axes.
    #[test]
    fn sobol_says_what_it_cannot_balance() {
        let load = |design: &str, axes: usize| {
            let more: String = (0..axes.saturating_sub(3))
                .map(|k| format!("(name: \"p{k}\", path: \"apps.p{k}.run.count\", range: (from: 1, to: 9)),"))
                .collect();
            let apps: String = (0..axes.saturating_sub(3))
                .map(|k| format!("(name: \"p{k}\", on: \"a\", run: Ping(to: \"b\", count: 1)),"))
                .collect();
            let text = TEXT.replace("DESIGN", design).replace("axes: [", &format!("axes: [{more}"));
            let text = text.replace("apps: [", &format!("apps: [{apps}"));
            load_text("t", "t.ron", &text, &Request::default(), false)
        };
        assert_eq!(load("Sobol(points: 8)", 3).unwrap().warnings, "");
        let warnings = load("Sobol(points: 7)", 3).unwrap().warnings;
        assert!(warnings.contains("unbalanced-design") && warnings.contains("take 4 or 8"), "{warnings}");
        assert_eq!(load("LatinHypercube(points: 7)", 3).unwrap().warnings, "");
        assert_eq!(load("Sobol(points: 2)", 32).unwrap().points.len(), 4);
        let error = load("Sobol(points: 2)", 33).unwrap_err();
        assert!(error.contains("at most 32 axes, not 33"), "{error}");
        assert_eq!(load("LatinHypercube(points: 2)", 33).unwrap().points.len(), 4);
    }
}
