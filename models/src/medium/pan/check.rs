//! What can be wrong with an IEEE 802.15.4 channel beyond its types.

use super::config::Ieee802154Config;
use crate::lowpan::MAX_TIMEOUT;
use protosim_core::Span;
use std::collections::BTreeMap;

type Findings = Vec<(String, String)>;

/// Nobody polls more often: a poll and its answer take longer.
const SHORTEST_POLL: Span = Span::from_millis(10);
/// A longer time for which something is kept or waited for is a slip: ten days.
const LONGEST: Span = Span::from_secs(864_000);

impl Ieee802154Config {
    /// Fields that cannot take effect, contradict each other or are out of range: the field's path within the medium, and
    /// why.
    pub(in crate::medium) fn check(&self, found: &mut Findings) {
        if self.pan_id == Some(u16::MAX) {
            found.push(("pan_id".to_owned(), "is at most 65534: 65535 stands for all PANs".to_owned()));
        }
        self.check_access(found);
        self.check_memory(found);
        let places: BTreeMap<&str, usize> =
            self.stations.iter().enumerate().map(|(index, station)| (station.node.0.as_str(), index)).collect();
        for index in 0..self.stations.len() {
            self.check_station(index, &places, found);
        }
    }

    fn check_access(&self, found: &mut Findings) {
        let access = &self.access;
        if access.min_exponent > access.max_exponent {
            let message = format!("is at most `max_exponent`, {}", access.max_exponent);
            found.push(("access.min_exponent".to_owned(), message));
        }
        // IEEE 802.15.4-2006 table 86.
        for (field, value, least, most) in [
            ("max_exponent", access.max_exponent, 3, 8),
            ("max_backoffs", access.max_backoffs, 0, 5),
            ("max_retries", access.max_retries, 0, 7),
        ] {
            if !(least..=most).contains(&value) {
                found.push((format!("access.{field}"), format!("is {least} to {most}, not {value}")));
            }
        }
        if self.acknowledge == Some(false) {
            if access.max_retries != super::PanAccess::default().max_retries {
                let message = "has no effect: without acknowledgements nobody sends again";
                found.push(("access.max_retries".to_owned(), message.to_owned()));
            }
            for (index, _) in self.stations.iter().enumerate().filter(|(_, station)| station.parent.is_some()) {
                let message = "wants acknowledgements: without them a child does not learn that something waits";
                found.push((format!("stations.{index}.parent"), message.to_owned()));
            }
        }
    }

    fn check_memory(&self, found: &mut Findings) {
        let (reassembly, indirect) = (&self.reassembly, &self.indirect);
        for (field, value, most) in [
            ("reassembly.buffers", reassembly.buffers, 1024),
            ("indirect.frames", indirect.frames, 65_535),
            ("indirect.frames_per_child", indirect.frames_per_child, 65_535),
        ] {
            if !(1..=most).contains(&value) {
                found.push((field.to_owned(), format!("is 1 to {most}, not {value}")));
            }
        }
        // Shorter packets than an IPv6 header do not exist; a megabyte is no longer a constrained device's.
        let bytes = reassembly.bytes;
        if !(40..=1 << 20).contains(&bytes.as_bytes()) {
            found.push(("reassembly.bytes".to_owned(), format!("is 40 B to 1 MiB, not {bytes}")));
        }
        for (field, span, most) in [
            ("reassembly.timeout", reassembly.timeout, MAX_TIMEOUT),
            ("indirect.persistence", indirect.persistence, LONGEST),
        ] {
            if span.is_zero() || span > most {
                found.push((field.to_owned(), format!("is above zero and at most {most}, not {span}")));
            }
        }
        if indirect.frames_per_child > indirect.frames {
            let message = format!("is at most `frames`, {}", indirect.frames);
            found.push(("indirect.frames_per_child".to_owned(), message));
        }
    }

    fn check_station(&self, index: usize, places: &BTreeMap<&str, usize>, found: &mut Findings) {
        let station = &self.stations[index];
        let mut find = |field: &str, message: String| found.push((format!("stations.{index}.{field}"), message));
        if station.spacing.is_some() {
            find("spacing", "has no effect: the station is one node, and no group".to_owned());
        }
        let polls =
            [("poll", station.poll), ("fast_poll", station.fast_poll), ("fast_poll_for", station.fast_poll_for)];
        let Some(parent) = &station.parent else {
            for (field, _) in polls.iter().filter(|(_, span)| span.is_some()) {
                find(field, "has no effect: the station has no `parent` and always listens".to_owned());
            }
            return;
        };
        let is_fast = !station.fast_poll_for().is_zero();
        for (field, span) in [("poll", station.poll()), ("fast_poll", station.fast_poll())] {
            if !(SHORTEST_POLL..=LONGEST).contains(&span) {
                find(field, format!("is {SHORTEST_POLL} to {LONGEST}, not {span}"));
            }
        }
        if station.fast_poll_for() > LONGEST {
            find("fast_poll_for", format!("is at most {LONGEST}, not {}", station.fast_poll_for()));
        }
        if is_fast && station.fast_poll_for.is_some() && station.poll() <= station.fast_poll() {
            find("fast_poll_for", format!("has no effect: `poll` is not above `fast_poll`, {}", station.fast_poll()));
        }
        if station.fast_poll.is_some() && !is_fast {
            find("fast_poll", "has no effect: `fast_poll_for` is zero".to_owned());
        }
        let Some(other) = places.get(parent.0.as_str()).map(|other| (*other, &self.stations[*other])) else {
            return find("parent", format!("`{}` is not on this medium", parent.0));
        };
        if other.0 == index {
            find("parent", "is another station than itself".to_owned());
        } else if other.1.parent.is_some() {
            find("parent", format!("`{}` has a `parent` itself: who sleeps keeps nothing for others", parent.0));
        } else if !self.range.covers(station.at, other.1.at) {
            find("parent", format!("`{}` is out of range", parent.0));
        }
    }
}
