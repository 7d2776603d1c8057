//! Times of exchanges: from the start to what, and what of them is told. All are measured, kept and summed up alike.

use super::metric::{Entry, Scope};

/// What the time of an exchange is up to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Milestone {
    /// The response is there.
    Completion,
    /// The request has reached the server's application.
    Delivery,
    /// The response begins.
    FirstByte,
}

/// What is told of many times.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Statistic {
    /// Each by itself.
    Each,
    /// Their mean.
    Mean,
    /// Their median.
    Median,
    /// Their 95 % quantile.
    P95,
    /// Their 99 % quantile.
    P99,
}

impl Statistic {
    /// The share of samples up to it, for a quantile.
    pub const fn quantile(self) -> Option<f64> {
        match self {
            Self::Each | Self::Mean => None,
            Self::Median => Some(0.5),
            Self::P95 => Some(0.95),
            Self::P99 => Some(0.99),
        }
    }
}

/// The name in tables and the definition of each statistic, in the order of [`Statistic`].
type Words = [(&'static str, &'static str); 5];

/// The words of a time with this name and definition.
macro_rules! words {
    ($name:literal, $definition:literal) => {
        [
            ($name, $definition),
            (concat!($name, " mean"), concat!("mean of ", $name)),
            (concat!($name, " p50"), concat!("median of ", $name)),
            (concat!($name, " p95"), concat!("95 % quantile of ", $name)),
            (concat!($name, " p99"), concat!("99 % quantile of ", $name)),
        ]
    };
}

const COMPLETION: Words = words!("completion", "from the first transmission to the response");
const DELIVERY: Words = words!(
    "delivery",
    "from the start until the server's application has the request; of AMQP and MQTT, until the first subscriber's has the message"
);
const FIRST_BYTE: Words = words!(
    "first byte",
    "from the start to the first byte of the response at the client's application; of a page, that of its document"
);

impl Milestone {
    /// All of them, in the order in which they are kept.
    pub const ALL: [Self; 3] = [Self::Completion, Self::Delivery, Self::FirstByte];

    /// The entry of one of its metrics in the catalogue.
    pub(super) const fn entry(self, statistic: Statistic) -> Entry {
        let (words, condition) = match self {
            Self::Completion => {
                (COMPLETION, "exchanges that start in the measurement window and got a response that is no error")
            }
            Self::Delivery => {
                (DELIVERY, "exchanges that start in the measurement window and whose request was delivered")
            }
            Self::FirstByte => {
                (FIRST_BYTE, "exchanges that start in the measurement window and of whose response a byte came")
            }
        };
        let (name, definition) = words[statistic as usize];
        Entry { name, unit: "s", of: Scope::Exchanges, definition, condition }
    }
}

/// Something for each milestone.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct ByMilestone<T>([T; Milestone::ALL.len()]);

impl<T> ByMilestone<T> {
    /// What is made for each.
    pub fn of(make: impl Fn(Milestone) -> T) -> Self {
        Self(Milestone::ALL.map(make))
    }
}

impl<T> std::ops::Index<Milestone> for ByMilestone<T> {
    type Output = T;

    fn index(&self, milestone: Milestone) -> &T {
        &self.0[milestone as usize]
    }
}

impl<T> std::ops::IndexMut<Milestone> for ByMilestone<T> {
    fn index_mut(&mut self, milestone: Milestone) -> &mut T {
        &mut self.0[milestone as usize]
    }
}
