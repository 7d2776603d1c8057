//! Times that are drawn: periods, gaps, thinking.

use super::size::is_positive;
use crate::app::Host;
use protosim_core::time::NANOS_PER_SEC;
use protosim_core::{Distribution, Purpose, Span, Stream, maths};
use serde::{Deserialize, Serialize};

/// How long something takes, drawn each time. `"1 s"` alone is `Fixed("1 s")`. What is drawn is rounded to nanoseconds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename(serialize = "TimeDistribution", deserialize = "~TimeDistribution"), deny_unknown_fields)]
pub enum TimeDistribution {
    /// Always alike; nothing is drawn.
    Fixed(Span),
    /// Equally likely between two ends.
    Uniform {
        /// The shortest.
        low: Span,
        /// The longest.
        high: Span,
    },
    /// Exponential.
    Exponential {
        /// The mean.
        mean: Span,
    },
    /// Pareto: the share above x falls as (min / x)^shape; without `max` the mean is min · shape / (shape - 1). Many
    /// on/off sources with shapes between 1 and 2 make self-similar traffic (Willinger et al., SIGCOMM 1995).
    Pareto {
        /// The tail's exponent, above 0.
        shape: f64,
        /// The shortest.
        min: Span,
        /// None is longer: the law is that of what does not exceed it. Default: no end.
        #[serde(default)]
        max: Option<Span>,
    },
    /// exp of a normal number.
    LogNormal {
        /// The median.
        median: Span,
        /// Standard deviation of the natural logarithm.
        sigma: f64,
    },
}

impl TimeDistribution {
    /// The time, if nothing is drawn.
    pub(crate) fn fixed(&self) -> Option<Span> {
        match self {
            Self::Fixed(span) => Some(*span),
            _ => None,
        }
    }

    /// What is wrong with it, in words that go on from the field's name.
    pub fn check(&self) -> Option<String> {
        match self {
            Self::Uniform { low, high } if low > high => {
                Some(format!("is from {low} to {high}: `low` is above `high`"))
            }
            Self::Exponential { mean } if mean.is_zero() => Some("has no mean: it is above 0 s".to_owned()),
            Self::Pareto { min, .. } if min.is_zero() => Some("has no `min`: it is above 0 s".to_owned()),
            Self::Pareto { shape, .. } if !is_positive(*shape) => {
                Some(format!("has the `shape` {shape}: it is above 0"))
            }
            Self::Pareto { min, max: Some(max), .. } if min >= max => {
                Some(format!("is from {min} to {max}: `max` is above `min`"))
            }
            Self::LogNormal { median, .. } if median.is_zero() => Some("has no median: it is above 0 s".to_owned()),
            Self::LogNormal { sigma, .. } if !is_positive(*sigma) => {
                Some(format!("has the `sigma` {sigma}: it is above 0"))
            }
            _ => None,
        }
    }

    /// True if it is no time, always.
    pub fn is_zero(&self) -> bool {
        self.fixed().is_some_and(Span::is_zero)
    }

    /// One such time, always from one draw, so that what is drawn after it does not depend on the law.
    pub fn draw(&self, stream: &mut Stream) -> Span {
        Span::from_nanos(maths::round_to_u64(self.law().quantile(stream.uniform_open())))
    }

    /// Its law in nanoseconds.
    pub(crate) fn law(&self) -> Distribution {
        let nanos = |span: &Span| span.as_nanos() as f64;
        match self {
            Self::Fixed(span) => Distribution::Fixed(nanos(span)),
            Self::Uniform { low, high } => Distribution::Uniform { low: nanos(low), high: nanos(high) },
            Self::Exponential { mean } => Distribution::Exponential { mean: nanos(mean) },
            Self::Pareto { shape, min, max } => {
                Distribution::Pareto { shape: *shape, min: nanos(min), max: max.as_ref().map_or(f64::INFINITY, nanos) }
            }
            Self::LogNormal { median, sigma } => Distribution::LogNormal { median: nanos(median), sigma: *sigma },
        }
    }

    /// Its mean [s]; infinite where there is none.
    pub(super) fn mean_secs(&self) -> f64 {
        self.law().mean() / NANOS_PER_SEC as f64
    }
}

/// A span of a law in nanoseconds, from one draw.
pub(crate) fn draw_span(law: &Distribution, purpose: Purpose, host: &mut dyn Host) -> Span {
    let nanos = match law {
        Distribution::Fixed(nanos) => *nanos,
        law => law.sample(host.rng(purpose)),
    };
    Span::from_nanos(maths::round_to_u64(nanos))
}
