//! What a scenario says of the beginning of runs that does not count.

use super::metric::{Metric, Subject, Way};
use protosim_core::Span;
use protosim_models::name::LinkName;
use serde::{Deserialize, Serialize, Serializer};

/// Until when a run is not what it will be later: queues fill, windows grow. A bare time is one that is the same in all runs.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, schemars::JsonSchema)]
#[serde(rename(serialize = "WarmupSpec", deserialize = "~WarmupSpec"), deny_unknown_fields)]
pub enum WarmupSpec {
    /// This long.
    Fixed(Span),
    /// In each run as long as its own samples say by MSER-5 (White 1997): the cut is taken at which the standard error of the mean of what
    /// is left, in batches of five, is least. All metrics of the run begin there. A run in which the cut would lie behind its middle, or with
    /// fewer than 50 samples, is too short to tell, and is named in the table `warmups`. Where links are measured, each run is made twice: to
    /// find the cut, and to measure behind it.
    Mser5 {
        /// The application whose samples decide.
        #[serde(default)]
        app: Option<String>,
        /// Instead of `app`: the link.
        #[serde(default)]
        link: Option<LinkName>,
        /// Which direction of the link.
        #[serde(default)]
        direction: Option<Way>,
        /// Which of them: `Completion`, `DeliveryTime` or `TimeToFirstByte`, in the order of starts; `OneWayDelay`, in the order of arrivals; `QueueDelay`, in
        /// the order of sending.
        metric: Metric,
    },
}

/// A fixed one as it is written most often: as a bare time.
impl Serialize for WarmupSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename = "WarmupSpec")]
        enum Long<'a> {
            Mser5 { app: &'a Option<String>, link: &'a Option<LinkName>, direction: Option<Way>, metric: Metric },
        }
        match self {
            Self::Fixed(span) => span.serialize(serializer),
            Self::Mser5 { app, link, direction, metric } => {
                Long::Mser5 { app, link, direction: *direction, metric: *metric }.serialize(serializer)
            }
        }
    }
}

impl WarmupSpec {
    /// Of whose samples MSER-5 decides, and of which.
    pub fn mser5(&self) -> Option<(Subject, Metric)> {
        match self {
            Self::Fixed(_) => None,
            Self::Mser5 { app, link, direction, metric } => {
                Some((Subject::of(app.as_deref(), link.as_ref(), *direction)?, *metric))
            }
        }
    }
}
