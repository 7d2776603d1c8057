//! How many replications each point wants: all of them, or as many as make a metric known well enough (`sequential`).
//!
//! A point is judged after each whole batch, by the replications from the first to the last of the batch and by nothing else:
//! whoever ran them, in whatever order, comes to the same number.

use super::outputs::Outputs;
use crate::results::Judge;
use crate::scenario::Loaded;
use crate::store::StoreError;

/// How many replications of a point are wanted, from the first on, by what is known: `outputs` has no others than the first `so_far`
/// of them. It grows by a batch when a batch is whole and leaves the interval too wide, and stays when that is narrow enough or all
/// are there. `judge` has seen what was there when it was asked before.
///
/// # Errors
/// When outputs cannot be read.
pub(crate) fn reach(
    loaded: &Loaded,
    outputs: &dyn Outputs,
    judge: &mut Judge,
    point: usize,
    so_far: u64,
) -> Result<u64, StoreError> {
    let most = loaded.scenario.replications;
    let Some(rule) = &loaded.scenario.sequential else { return Ok(most) };
    let next = so_far.saturating_add(rule.batch).min(most);
    if so_far == 0 {
        return Ok(next);
    }
    if so_far == most || (outputs.count(point) as u64) < so_far {
        return Ok(so_far);
    }
    let Some(subject) = rule.subject() else { return Ok(most) };
    let estimate = judge.estimate(loaded, outputs, (point, so_far as usize), &subject, rule.metric)?;
    let is_met = estimate.is_some_and(|estimate| rule.is_met(&estimate));
    if is_met || next == most {
        judge.forget(point);
    }
    Ok(if is_met { so_far } else { next })
}
