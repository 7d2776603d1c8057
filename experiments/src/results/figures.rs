//! Figures and expectations of a scenario, from its summary.

use super::each_run;
use super::panels::{Source, draw_panel};
use super::summary::{Basis, Summary, summarise_points};
use crate::run::Outputs;
use crate::scenario::{Expectation, FigureSpec, Loaded, Must, PanelSpec, PanelX, Scope, SeriesSpec, evaluate};
use crate::store::StoreError;
use protosim_reports::figure::Figure;
use protosim_reports::statistics::Confidence;
use std::collections::BTreeSet;

/// A figure, and what of its specification it does not show.
pub struct Drawn {
    /// The figure; `None` if there is nothing to show at all.
    pub figure: Option<Figure>,
    /// What is left out, in words: series without a single value, points that a logarithmic scale has no place for.
    pub notes: Vec<String>,
}

/// The figure of a specification.
///
/// # Errors
/// When outputs cannot be read.
pub fn draw(loaded: &Loaded, outputs: &dyn Outputs, summary: &Summary, spec: &FigureSpec) -> Result<Drawn, StoreError> {
    let mut figure = Figure::new(&spec.title);
    figure.shares_y = spec.same_y;
    if spec.side_by_side {
        figure = figure.side_by_side();
    }
    let mut notes = Vec::new();
    let mut panels = 0;
    for panel in &spec.panels {
        if let Some(panel) = draw_panel(Source { loaded, outputs, summary }, panel, &mut notes)? {
            figure = figure.panel(panel);
            panels += 1;
        }
    }
    let shows_numbers = |panel: &&PanelSpec| matches!(panel.x, PanelX::Axis(_)) && panel.cells.is_none();
    let has_interval = |series: &SeriesSpec| {
        let subject = series.subject();
        let rows =
            summary.rows.iter().filter(|row| Some(&row.subject) == subject.as_ref() && row.metric == series.metric);
        rows.into_iter().any(|row| row.estimate.low.is_some() && row.estimate.high.is_some())
    };
    let level = format!("Intervals: {}.", loaded.scenario.confidence);
    let has_intervals = spec.panels.iter().filter(shows_numbers).flat_map(|panel| &panel.series).any(has_interval);
    let caption = [spec.caption.as_str(), if has_intervals { &level } else { "" }];
    let caption: Vec<&str> = caption.into_iter().filter(|part| !part.is_empty()).collect();
    figure = figure.caption(caption.join(" "));
    let notes = notes.into_iter().map(|note| format!("figure `{}`: {note}", spec.name)).collect();
    Ok(Drawn { figure: (panels > 0).then_some(figure), notes })
}

/// Why an estimate without an interval agrees with nothing.
const TOO_FEW: &str = "rests on too few exchanges to agree with";
const TOO_SHORT: &str = "rests on too few replications to agree with";

/// What became of an expectation.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// In words.
    pub text: String,
    /// True if it holds at all points.
    pub holds: bool,
}

/// Compares all expectations with what came out.
///
/// # Errors
/// When outputs cannot be read.
pub fn check_expectations(
    loaded: &Loaded,
    outputs: &dyn Outputs,
    summary: &Summary,
) -> Result<Vec<Outcome>, StoreError> {
    // One summary serves all: simultaneous over all points of all expectations of this kind, and over single
    // exchanges, since a few replications would agree with nearly anything at such a confidence.
    let agreeing = loaded.scenario.expect.iter().filter(|expectation| matches!(expectation.must, Must::AgreeWith(_)));
    let compared: Vec<usize> = agreeing.flat_map(|expectation| loaded.chosen(expectation.filter())).collect();
    let strict = Confidence::P99_9.shared_by(compared.len().max(1) as u64).unwrap_or(Confidence::P99_9);
    let points: BTreeSet<usize> = compared.into_iter().collect();
    let strict = summarise_points(loaded, outputs, points.into_iter(), strict, Basis::Exchanges)?;
    let outcome = |expectation: &Expectation| {
        let points = || loaded.chosen(expectation.filter());
        // Of points that did not run nothing is known.
        if points().all(|point| outputs.count(point) == 0) {
            return Ok(None);
        }
        Ok(Some(if expectation.in_each_run {
            let runs = points().map(|point| outputs.count(point)).sum();
            told(expectation, &each_run::misses(loaded, outputs, expectation, points())?, (runs, "runs"))
        } else {
            let misses = misses(loaded, outputs, expectation, (summary, &strict));
            told(expectation, &misses, (points().count(), "points"))
        }))
    };
    let outcomes = loaded.scenario.expect.iter().map(outcome).collect::<Result<Vec<_>, StoreError>>()?;
    Ok(outcomes.into_iter().flatten().collect())
}

/// Where the summary does not have what is expected, and how.
fn misses(
    loaded: &Loaded,
    outputs: &dyn Outputs,
    expectation: &Expectation,
    (summary, strict): (&Summary, &Summary),
) -> Vec<String> {
    let subject = expectation.subject();
    let mut misses = Vec::new();
    for index in loaded.chosen(expectation.filter()) {
        let point = &loaded.points[index];
        // Partial results say nothing of points that did not run.
        if outputs.count(index) == 0 {
            continue;
        }
        let formula = expectation.must.formula();
        let wanted = evaluate(&loaded.scenario.axes, formula, &expectation.bindings, &point.values).ok();
        let of = if matches!(expectation.must, Must::AgreeWith(_)) { strict } else { summary };
        let row = subject.as_ref().and_then(|subject| of.find(index, subject, expectation.metric));
        let (Some(wanted), Some(row)) = (wanted, row) else {
            misses.push(format!("point {index}: nothing to compare"));
            continue;
        };
        let value = row.estimate.value;
        let (holds, relation) = match expectation.must {
            Must::BeAtLeast(_) => (value >= wanted, "is not at least"),
            Must::BeAtMost(_) => (value <= wanted, "is not at most"),
            Must::AgreeWith(_) if row.estimate.low.is_none() || row.estimate.high.is_none() => {
                (false, if expectation.metric.of() == Scope::Exchanges { TOO_FEW } else { TOO_SHORT })
            }
            Must::AgreeWith(_) => (row.estimate.contains(wanted), "does not agree with"),
        };
        if !holds {
            misses.push(format!("point {index}: {value} {relation} {wanted}"));
        }
    }
    misses
}

/// What became of an expectation, in words.
fn told(expectation: &Expectation, misses: &[String], (all, unit): (usize, &str)) -> Outcome {
    let verb = match expectation.must {
        Must::BeAtLeast(_) => "is at least",
        Must::BeAtMost(_) => "is at most",
        Must::AgreeWith(_) => "agrees with",
    };
    let of = expectation.subject().map(|subject| subject.to_string()).unwrap_or_default();
    let place = match (&expectation.variant, &expectation.only_if) {
        (None, None) => String::new(),
        (Some(variant), None) => format!(", for {variant}"),
        (None, Some(condition)) => format!(", where {condition}"),
        (Some(variant), Some(condition)) => format!(", for {variant} where {condition}"),
    };
    let place = if expectation.in_each_run { format!("{place}, in each run") } else { place };
    let claim = format!("{} of {of} {verb} {}{place}", expectation.metric.name(), expectation.must.formula());
    match misses.first() {
        None => Outcome { text: format!("holds: {claim}"), holds: true },
        Some(first) => {
            Outcome { text: format!("FAILS: {claim}, at {} of {all} {unit}: {first}", misses.len()), holds: false }
        }
    }
}
