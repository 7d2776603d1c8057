//! What a user says of pages.

use crate::app::Host;
use crate::tcp::config::Finding;
use crate::traffic::{MAX_STREAM_BYTES, SizeDistribution, TimeDistribution, no_processing};
use protosim_core::random::{Distribution, Purpose};
use protosim_core::{Size, maths};
use serde::{Deserialize, Serialize};

/// How deep objects are found in objects: HTML, then style sheets and scripts, then fonts and images.
const MOST_LEVELS: usize = 3;

/// Where the fields of the levels stand.
const PLACES: [[&str; 2]; MOST_LEVELS] = [
    ["page.levels.0.objects", "page.levels.0.size"],
    ["page.levels.1.objects", "page.levels.1.size"],
    ["page.levels.2.objects", "page.levels.2.size"],
];

/// Most objects of a level (our choice).
const MOST_OBJECTS: u64 = 10_000;

/// A page: a document, and the objects that are found in it and in each other.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageConfig {
    /// Length of the document. Default: 18 kB, the median of HTML on desktop pages in the HTTP Archive of 2024.
    #[serde(default = "usual_document")]
    pub document: SizeDistribution,
    /// The objects by depth, 1 to 3 levels: those of the first one are found in the document, those of each further one in the objects
    /// of the level before, by turns. Required.
    pub levels: Vec<LevelConfig>,
    /// From the last byte of a document or an object to the requests for what is found in it. Default: 0 s.
    #[serde(default = "no_processing")]
    pub parse: TimeDistribution,
}

/// The objects of a page at one depth.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LevelConfig {
    /// How many there are. Required.
    pub objects: CountDistribution,
    /// Their lengths, each drawn by itself. Required.
    pub size: SizeDistribution,
}

/// How many of something there are, drawn each time. `10` alone is `Fixed(10)`. What is drawn is rounded, and held at 10000.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename(serialize = "CountDistribution", deserialize = "~CountDistribution"), deny_unknown_fields)]
pub enum CountDistribution {
    /// Always as many; nothing is drawn.
    Fixed(u64),
    /// Equally likely between two ends.
    Uniform {
        /// The least.
        low: u64,
        /// The most.
        high: u64,
    },
    /// exp of a normal number.
    LogNormal {
        /// The median.
        median: f64,
        /// Standard deviation of the natural logarithm.
        sigma: f64,
    },
}

fn usual_document() -> SizeDistribution {
    SizeDistribution::Fixed(Size::from_bytes(18_000))
}

impl PageConfig {
    pub(super) fn check(&self, found: &mut Vec<Finding>) {
        found.extend(self.document.check(0, MAX_STREAM_BYTES).map(|why| ("page.document", why)));
        found.extend(self.parse.check().map(|why| ("page.parse", why)));
        if !(1..=MOST_LEVELS).contains(&self.levels.len()) {
            found.push(("page.levels", format!("is 1 to {MOST_LEVELS} levels; a document alone is a `target`")));
        }
        for (level, [objects, size]) in self.levels.iter().zip(PLACES) {
            found.extend(level.objects.check().map(|why| (objects, why)));
            found.extend(level.size.check(0, MAX_STREAM_BYTES).map(|why| (size, why)));
        }
    }
}

impl From<u64> for CountDistribution {
    fn from(count: u64) -> Self {
        Self::Fixed(count)
    }
}

impl CountDistribution {
    fn check(&self) -> Option<String> {
        let is_positive = |x: f64| x.is_finite() && x > 0.0;
        match self {
            Self::Fixed(n) | Self::Uniform { high: n, .. } if !(1..=MOST_OBJECTS).contains(n) => {
                Some(format!("is 1 to {MOST_OBJECTS}, not {n}"))
            }
            Self::Uniform { low, high } if low > high => {
                Some(format!("is from {low} to {high}: `low` is above `high`"))
            }
            Self::LogNormal { median, .. } if !(is_positive(*median) && *median <= MOST_OBJECTS as f64) => {
                Some(format!("has the `median` {median}: it is above 0, and {MOST_OBJECTS} at most"))
            }
            Self::LogNormal { sigma, .. } if !is_positive(*sigma) => {
                Some(format!("has the `sigma` {sigma}: it is above 0"))
            }
            _ => None,
        }
    }

    /// How many this time.
    pub(in crate::http) fn draw(&self, purpose: Purpose, host: &mut dyn Host) -> u64 {
        let law = match self {
            Self::Fixed(count) => return *count,
            // Each of the whole numbers has as much of the range.
            Self::Uniform { low, high } => Distribution::Uniform { low: *low as f64 - 0.5, high: *high as f64 + 0.5 },
            Self::LogNormal { median, sigma } => Distribution::LogNormal { median: *median, sigma: *sigma },
        };
        let count = maths::round_to_u64(law.sample(host.rng(purpose)).max(0.0));
        match self {
            Self::Uniform { low, high } => count.clamp(*low, *high),
            _ => count.min(MOST_OBJECTS),
        }
    }
}
