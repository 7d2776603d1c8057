//! Names of what applications count.

use super::metric::{Entry, Scope};
use crate::run::Name;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// In front of the name, where other metrics stand beside it.
const PREFIX: &str = "total ";

/// The name of what an application counts, as the table `counters` has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TotalName(Name);

impl TotalName {
    /// Of a name of the table `counters`.
    pub fn new(name: &str) -> Self {
        Self(Name::of(&format!("{PREFIX}{name}")))
    }

    /// Of the name of a metric in tables, if it is that of a total.
    pub(super) fn from_table(name: &str) -> Option<Self> {
        name.strip_prefix(PREFIX).map(Self::new)
    }

    /// What it is called in the table `counters`.
    pub fn counted(self) -> &'static str {
        &self.0.0[PREFIX.len()..]
    }

    /// Its entry in the catalogue. The unit stands at the end of the name.
    pub(super) const fn entry(self) -> Entry {
        let name = self.0.0;
        let unit = match name.as_bytes() {
            [.., b'_', b'b', b'y', b't', b'e', b's'] => "B",
            [.., b'_', b'u', b's'] => "us",
            [.., b'_', b'n', b's'] => "ns",
            _ => "",
        };
        let definition = "the sum over the nodes that the application runs on; of what begins with `largest_` or `smallest_` the largest or smallest";
        let condition = "the whole run, warm-up included; the mean over replications";
        Entry { name, unit, of: Scope::Counts, definition, condition }
    }
}

impl fmt::Debug for TotalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.counted())
    }
}

impl Serialize for TotalName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.counted())
    }
}

impl<'de> Deserialize<'de> for TotalName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = TotalName;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of what an application counts, such as \"timed_out\"")
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<TotalName, E> {
                Ok(TotalName::new(name))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metric;
    use super::*;

    #[test]
    fn a_total_goes_by_its_name_and_has_the_unit_that_it_ends_with() {
        let metric = |name: &str| Metric::Total(TotalName::new(name));
        assert_eq!((metric("replies").name(), metric("replies").unit()), ("total replies", ""));
        assert_eq!((metric("sent_bytes").unit(), metric("allocated_us").unit()), ("B", "us"));
        assert_eq!(metric("kilobytes").unit(), "");
        assert_eq!(Metric::from_name("total replies"), Some(metric("replies")));
        assert_eq!(Metric::from_name("completed"), Some(Metric::Completed));
        assert_eq!(Metric::from_name("replies"), None);
        assert_eq!(format!("{:?}", metric("replies")), "Total(\"replies\")");
        assert!(metric("replies").is_summary() && !metric("replies").is_share() && !metric("replies").is_over_time());
    }
}
