//! Replications until a metric is known well enough: the metric is there, and the bound is one of it.

use super::span_of;
use super::subjects::{Asked, Shown, check_subject};
use crate::scenario::{AxisValue, Dimension, Scenario};
use crate::tree::{Diagnostic, Diagnostics, Tree};

pub(super) fn check_sequential(tree: &Tree, scenario: &Scenario, mistakes: &mut Diagnostics) {
    let Some(spec) = &scenario.sequential else { return };
    let at = |field: &str| span_of(tree, &format!("sequential.{field}"));
    let asked = Asked {
        app: spec.app.as_deref(),
        link: spec.link.as_ref(),
        direction: spec.direction,
        node: None,
        metric: spec.metric,
        path: "sequential".to_owned(),
        shown: Shown::Number,
    };
    check_subject(tree, scenario, &asked, mistakes);
    let refuse = |mistakes: &mut Diagnostics, id: &'static str, field: &str, message: String| {
        mistakes.push(Diagnostic::error(id, at(field), message));
    };
    match (&spec.half_width, spec.relative_half_width) {
        (None, None) => {
            let message = "say how narrow the interval must be: `half_width` or `relative_half_width`";
            refuse(mistakes, "scenario::missing-field", "", message.to_owned());
        }
        (Some(_), Some(_)) => {
            let message = "`relative_half_width` has no effect beside `half_width`";
            refuse(mistakes, "scenario::no-effect", "relative_half_width", message.to_owned());
        }
        (Some(bound), None) => match bound.number() {
            Some((_, kind)) if kind != spec.dimension() && !is_plain_share(bound, spec.metric.unit()) => {
                let wanted = match spec.dimension() {
                    Dimension::Time => "a time, such as \"2 ms\"",
                    Dimension::Rate => "a rate, such as \"10 kbit/s\"",
                    Dimension::Size => "a size, such as \"100 B\"",
                    Dimension::Number => "a number, such as 2",
                    _ => "a share, such as \"2 %\"",
                };
                let given = bound.text();
                let message = format!("a bound of `{}` is {wanted}, and `{given}` is none", spec.metric.name());
                let error = Diagnostic::error("scenario::out-of-range", at("half_width"), message);
                let help = (kind == Dimension::Ratio)
                    .then(|| format!("as a share of its value: `relative_half_width: \"{given}\"`"));
                mistakes.push(error.help(help));
            }
            Some((number, _)) if number > 0.0 => {}
            _ => refuse(
                mistakes,
                "scenario::out-of-range",
                "half_width",
                "no interval is narrower than nothing".to_owned(),
            ),
        },
        (None, Some(share)) if share.is_zero() => {
            refuse(
                mistakes,
                "scenario::out-of-range",
                "relative_half_width",
                "no interval is narrower than nothing".to_owned(),
            );
        }
        (None, Some(_)) => {}
    }
    if spec.batch < 2 {
        let message = "an interval needs at least two replications: `batch` is at least 2";
        refuse(mistakes, "scenario::out-of-range", "batch", message.to_owned());
    } else if spec.batch >= scenario.replications {
        let message = format!(
            "`sequential` has no effect: the first judgement would be after {} replications, and there are {} at most",
            spec.batch, scenario.replications
        );
        refuse(mistakes, "scenario::no-effect", "", message);
    }
}

/// Shares and counts may be plain numbers.
fn is_plain_share(bound: &AxisValue, unit: &str) -> bool {
    unit.is_empty() && matches!(bound, AxisValue::Int(_) | AxisValue::Float(_))
}
