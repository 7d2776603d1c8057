//! What a direction of a link could send: its rate as the timeline changes it, or what was recorded.

use crate::scenario::{Scenario, Way};
use protosim_core::{SimTime, Span};
use protosim_models::link::{LinkChange, OPPORTUNITY_BYTES, delivery_trace};
use protosim_topologies::timeline::link_changes;

/// Bits that a direction of a link could send.
#[derive(Clone, PartialEq, Debug)]
pub struct Capacity {
    source: Source,
    /// When the link, or the node that sends, goes down (false) and comes up again (true), in order of time.
    ups: Vec<(SimTime, bool)>,
}

#[derive(Clone, PartialEq, Debug)]
enum Source {
    /// So many bits per second from then on, in order of time.
    Rates(Vec<(SimTime, u64)>),
    /// Opportunities at these milliseconds, again and again.
    Trace(Vec<u64>),
}

impl Capacity {
    /// Of a direction; `None` for a link that has no rate, or is not there.
    pub fn of(scenario: &Scenario, link: &str, way: Way) -> Option<Self> {
        let is_forward = way == Way::Forward;
        let link = scenario.links.iter().find(|config| config.name() == link)?;
        let config = link.direction(is_forward);
        let mut changes = link_changes(link, is_forward, &scenario.timeline);
        changes.sort_by_key(|(at, _)| *at);
        let at = |span| SimTime::ZERO.saturating_add(span);
        let source = match config.rate_trace {
            Some(file) => Source::Trace(delivery_trace(scenario.files.get(&file)?).ok()?),
            None => {
                let rate = |(when, change): &(Span, LinkChange)| Some((at(*when), change.rate?.as_bits_per_sec()));
                let later = changes.iter().filter_map(rate);
                Source::Rates([(SimTime::ZERO, config.rate?.as_bits_per_sec())].into_iter().chain(later).collect())
            }
        };
        let ups = changes.iter().filter_map(|(when, change)| Some((at(*when), change.up?))).collect();
        Some(Self { source, ups })
    }

    /// What it could send from one moment to another, in bits.
    pub fn bits(&self, from: SimTime, until: SimTime) -> f64 {
        let mut bits = 0.0;
        let (mut since, mut is_up) = (SimTime::ZERO, true);
        for (at, up) in self.ups.iter().copied().chain([(until, true)]) {
            if is_up {
                bits += self.bits_up(since.max(from), at.min(until));
            }
            (since, is_up) = (at, up);
        }
        bits
    }

    /// The same, while it is up.
    fn bits_up(&self, from: SimTime, until: SimTime) -> f64 {
        if from >= until {
            return 0.0;
        }
        match &self.source {
            Source::Rates(rates) => {
                let ends = rates[1..].iter().map(|(at, _)| *at).chain([SimTime::MAX]);
                let parts = rates.iter().zip(ends).map(|((start, rate), end)| {
                    let span = end.min(until).saturating_since((*start).max(from));
                    *rate as f64 * span.as_secs_f64()
                });
                parts.sum()
            }
            Source::Trace(moments) => {
                let opportunities = opportunities(moments, until) - opportunities(moments, from);
                (opportunities * 8 * OPPORTUNITY_BYTES) as f64
            }
        }
    }
}

/// How many recorded opportunities come before a moment.
fn opportunities(moments: &[u64], before: SimTime) -> u64 {
    const MILLISECOND: u64 = 1_000_000;
    let Some(period) = moments.last().map(|last| last * MILLISECOND).filter(|period| *period > 0) else { return 0 };
    let (rounds, rest) = (before.as_nanos() / period, before.as_nanos() % period);
    let in_round = moments.partition_point(|moment| moment * MILLISECOND < rest) as u64;
    // The end of a round is the start of the next: what comes right then is not before it.
    let at_end = moments.iter().filter(|moment| **moment * MILLISECOND == period).count() as u64;
    let not_yet = if rest == 0 && rounds > 0 { at_end } else { 0 };
    rounds * moments.len() as u64 + in_round - not_yet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Request, load_text};

    /// Opportunities at 0, 2, 2 and 5 ms, and again 5 ms later: 0 | 2, 2, 5, 5 (the new 0) | 7, 7, 10, 10. Before 5 ms there are
    /// three; before 5.1 ms five; before 10 ms seven; before 10.1 ms nine.
    #[test]
    fn opportunities_are_counted_over_rounds() {
        let moments = [0, 2, 2, 5];
        let count = |micros: u64| opportunities(&moments, SimTime::from_nanos(micros * 1000));
        assert_eq!([0, 1, 2000, 2001, 5000, 5100, 10_000, 10_100].map(count), [0, 1, 1, 3, 3, 5, 7, 9]);
    }

    /// 1 Mbit/s for 2 s, down for 1 s, then 3 Mbit/s: from 1 s to 5 s it is 1 + 0 + 2 · 3 = 7 Mbit; the rate changes at 2.5 s,
    /// while the link is down.
    #[test]
    fn changes_of_rate_and_outages_count() {
        let text = r#"(
            format: 1, title: "t", nodes: [(name: "a"), (name: "b")],
            links: [(name: "ab", ends: ("a", "b"), rate: "1 Mbit/s")],
            apps: [(name: "ping", on: "a", run: Ping(to: "b", count: 1))],
            timeline: [
                (at: "2 s", link: "ab", up: false), (at: "2500 ms", link: "ab", rate: "3 Mbit/s"), (at: "3 s", link: "ab", up: true),
            ],
            until: After("10 s"),
        )"#;
        let loaded = load_text("t", "t.ron", text, &Request::default(), false).unwrap();
        let capacity = Capacity::of(&loaded.scenario, "ab", Way::Forward).unwrap();
        let at = |secs: u64| SimTime::from_nanos(secs * 1_000_000_000);
        assert_eq!(capacity.bits(at(1), at(5)), 7e6);
        assert_eq!(capacity.bits(at(2), at(3)), 0.0);
    }
}
