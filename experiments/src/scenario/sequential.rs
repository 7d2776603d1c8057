//! What a scenario says of replications that are added until a metric is known well enough.

use super::metric::{Metric, Subject, Way};
use super::{AxisValue, Dimension};
use protosim_core::Ratio;
use protosim_models::name::LinkName;
use protosim_reports::statistics::Estimate;
use serde::{Deserialize, Serialize};

/// When a point has replications enough: as soon as, after a whole batch of them, the interval of a metric is narrow enough.
///
/// Batches are of a fixed size and are judged in the order of replications, so that it does not matter who runs them. An interval that was
/// waited for is a little too narrow: it stops where luck makes it narrow (Chow and Robbins 1965 show that this vanishes as the
/// bound gets smaller). More replications in the first batch make it better. Values that were all the same so far are never enough: of what is rare
/// they have seen nothing yet.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SequentialSpec {
    /// The application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Instead of `app`: the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkName>,
    /// Which direction of the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Way>,
    /// What of it.
    pub metric: Metric,
    /// How far each end of its interval may be from its value, as in `"2 ms"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_width: Option<AxisValue>,
    /// Instead of `half_width`: as a share of its value, as in `"2 %"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative_half_width: Option<Ratio>,
    /// After how many replications it is judged, each time. Default: 10.
    #[serde(default = "ten")]
    pub batch: u64,
}

fn ten() -> u64 {
    10
}

impl SequentialSpec {
    /// Whom the metric is of.
    pub fn subject(&self) -> Option<Subject> {
        Subject::of(self.app.as_deref(), self.link.as_ref(), self.direction)
    }

    /// The kind of quantity that a bound of the metric is.
    pub(super) fn dimension(&self) -> Dimension {
        match self.metric.unit() {
            "s" => Dimension::Time,
            "bit/s" => Dimension::Rate,
            "B" => Dimension::Size,
            "1/s" => Dimension::Number,
            _ if matches!(self.metric, Metric::Total(_)) => Dimension::Number,
            _ => Dimension::Ratio,
        }
    }

    /// Whether an estimate of the metric is narrow enough. One that has no interval is not; nor is one of values that were all the same,
    /// which say nothing of how far others may be: ten runs without a loss are no proof that there is none.
    pub fn is_met(&self, estimate: &Estimate) -> bool {
        let (Some(low), Some(high)) = (estimate.low, estimate.high) else { return false };
        if low == high {
            return false;
        }
        let half = (estimate.value - low).max(high - estimate.value);
        let absolute = self.half_width.as_ref().and_then(AxisValue::number).map(|(bound, _)| bound);
        let relative = self.relative_half_width.map(|share| share.as_f64() * estimate.value.abs());
        absolute.or(relative).is_some_and(|bound| half <= bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(half_width: Option<&str>, relative: Option<u64>) -> SequentialSpec {
        SequentialSpec {
            app: Some("a".to_owned()),
            link: None,
            direction: None,
            metric: Metric::MeanCompletion,
            half_width: half_width.map(|text| AxisValue::Text(text.to_owned())),
            relative_half_width: relative.map(Ratio::from_percent),
            batch: 10,
        }
    }

    /// 100 ms, from 98 ms to 103 ms: the farther end is 3 ms away, 3 %.
    #[test]
    fn the_farther_end_counts() {
        let estimate = Estimate { value: 0.100, low: Some(0.098), high: Some(0.103), n: 10, exact: false };
        assert!(spec(Some("3.1 ms"), None).is_met(&estimate) && !spec(Some("2.9 ms"), None).is_met(&estimate));
        assert!(spec(None, Some(4)).is_met(&estimate) && !spec(None, Some(2)).is_met(&estimate));
        let open = Estimate { high: None, ..estimate };
        assert!(!spec(Some("1 s"), None).is_met(&open));
        let same = Estimate { value: 0.1, low: Some(0.1), high: Some(0.1), n: 10, exact: true };
        assert!(!spec(Some("1 s"), None).is_met(&same));
    }
}
