//! From observations at both ends to exchanges.

use super::warmup::Warmup;
use crate::scenario::{Milestone, Scenario};
use protosim_core::kernel::Reported;
use protosim_core::{Digest, SimTime, Span};
use protosim_models::node::Report;
use protosim_models::{ExchangeId, Observation, Outcome};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// One exchange, as seen by someone who sees both ends.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Exchange {
    /// Index of the client's application in the scenario.
    pub app: usize,
    /// Number of the node that the client runs on, among nodes and shared media.
    pub node: u32,
    /// Its number among the exchanges of the application on this node, in order of starts.
    pub number: u64,
    /// When its first transmission was sent; `None` if it was due and still held back when the run ended.
    pub started: Option<SimTime>,
    /// From the start to the moment at which the server's application had the request.
    pub delivered: Option<Span>,
    /// From the start to the moment at which the client's application had the first byte of the response; `None` also where the
    /// protocol does not say.
    pub first_byte: Option<Span>,
    /// How it ended; `None` if it was open when the run ended, or was never sent.
    pub ending: Option<Ending>,
}

/// The end of an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ending {
    /// From its start.
    pub after: Span,
    /// How.
    pub outcome: Outcome,
    /// How often the request was sent.
    pub transmissions: u32,
}

impl Exchange {
    /// From the start to the response, if one came.
    pub fn completion(&self) -> Option<Span> {
        self.ending.filter(|ending| ending.outcome == Outcome::Response).map(|ending| ending.after)
    }

    /// From the start to a milestone, if it was reached.
    pub fn time(&self, milestone: Milestone) -> Option<Span> {
        match milestone {
            Milestone::Completion => self.completion(),
            Milestone::Delivery => self.delivered,
            Milestone::FirstByte => self.first_byte,
        }
    }

    /// How often the request was sent, if it has ended. One that the host had no memory for was not, and says nothing of
    /// retransmission.
    pub fn transmissions(&self) -> Option<u32> {
        self.ending.filter(|ending| ending.outcome != Outcome::OutOfMemory).map(|ending| ending.transmissions)
    }

    /// Whether it counts in the summary of a run that came to its end.
    pub fn counts(&self, scenario: &Scenario, warmup: Warmup) -> bool {
        // One that was never sent would have been later than all others: after a window, if there is one.
        self.started.map_or(scenario.window.is_none(), |start| scenario.counts(start, warmup.ends))
    }
}

/// Joins what clients and servers have observed, in order of starts. `app_of` tells the scenario's index of a
/// node's application, and `aliases` the one address that stands for all that a node may have, where that matters.
pub(super) fn join(
    reports: &[Reported<Report>],
    app_of: impl Fn(u32, u32) -> usize,
    aliases: &BTreeMap<IpAddr, IpAddr>,
) -> Vec<Exchange> {
    let one = |address: SocketAddr| {
        SocketAddr::new(aliases.get(&address.ip()).copied().unwrap_or(address.ip()), address.port())
    };
    let name = |id: &ExchangeId| ExchangeId { client: one(id.client), server: one(id.server), ..*id };
    let mut exchanges: Vec<Exchange> = Vec::new();
    let mut latest = Latest::for_reports(reports.len());
    let mut counts: BTreeMap<(usize, u32), u64> = BTreeMap::new();
    for Reported { at, entity, report } in reports {
        let Report::App { app, observation } = report else { continue };
        match observation {
            Observation::ExchangeStarted(id) => {
                let app = app_of(entity.0, *app);
                let node = entity.0;
                let count = counts.entry((app, node)).or_default();
                latest.push_for(name(id), exchanges.len());
                let started = Some(*at);
                let number = *count;
                exchanges.push(Exchange {
                    app,
                    node,
                    number,
                    started,
                    delivered: None,
                    first_byte: None,
                    ending: None,
                });
                *count += 1;
            }
            Observation::RequestDelivered(id) => {
                if let Some(exchange) = latest.find(&name(id)).map(|index| &mut exchanges[index]) {
                    exchange.delivered.get_or_insert(at.saturating_since(exchange.started.unwrap_or(*at)));
                }
            }
            Observation::ResponseBegan(id) => {
                if let Some(exchange) = latest.find(&name(id)).map(|index| &mut exchanges[index]) {
                    exchange.first_byte.get_or_insert(at.saturating_since(exchange.started.unwrap_or(*at)));
                }
            }
            Observation::ExchangeMoved { from, to } => {
                if let Some(index) = latest.find(&name(from)) {
                    latest.push_for(name(to), index);
                }
            }
            Observation::Received { .. }
            | Observation::Stream { .. }
            | Observation::TlsSecret(_)
            | Observation::Message(_) => {}
            Observation::ExchangeEnded { exchange: id, outcome, transmissions } => {
                if let Some(exchange) = latest.find(&name(id)).map(|index| &mut exchanges[index]) {
                    let after = at.saturating_since(exchange.started.unwrap_or(*at));
                    exchange.ending.get_or_insert(Ending { after, outcome: *outcome, transmissions: *transmissions });
                }
            }
        }
    }
    exchanges
}

/// Which exchange had a name last: a late report is about that one. A table of buckets, each the head of a chain from the newest
/// name to the oldest; nobody goes through it in the order of buckets.
struct Latest {
    /// By hash: one more than the newest name.
    heads: Vec<u32>,
    /// By name: one more than the next older one of its bucket.
    older: Vec<u32>,
    /// In the order in which they were given, with the exchange that was given each.
    names: Vec<(ExchangeId, u32)>,
}

impl Latest {
    /// For the exchanges in so many reports: two or three each.
    fn for_reports(reports: usize) -> Self {
        Self { heads: vec![0; (reports / 2).next_power_of_two()], older: Vec::new(), names: Vec::new() }
    }

    fn bucket(&self, name: &ExchangeId) -> usize {
        let mut digest = Digest::START;
        for address in [name.client, name.server] {
            let ip = match address.ip() {
                IpAddr::V4(ip) => u128::from(u32::from(ip)),
                IpAddr::V6(ip) => u128::from(ip),
            };
            digest.mix(ip as u64 ^ (ip >> 64) as u64 ^ u64::from(address.port()) << 48);
        }
        digest.mix(name.id);
        digest.value() as usize & (self.heads.len() - 1)
    }

    /// This exchange has this name from now on.
    fn push_for(&mut self, name: ExchangeId, exchange: usize) {
        let bucket = self.bucket(&name);
        self.names.push((name, exchange as u32));
        self.older.push(self.heads[bucket]);
        self.heads[bucket] = self.names.len() as u32;
    }

    fn find(&self, name: &ExchangeId) -> Option<usize> {
        let mut next = self.heads[self.bucket(name)];
        loop {
            let index = next.checked_sub(1)? as usize;
            let (other, exchange) = self.names[index];
            if other == *name {
                return Some(exchange as usize);
            }
            next = self.older[index];
        }
    }
}

/// Adds the exchanges that were due and never begun, behind the others. `due` says how many were due in all, by application and node.
pub(super) fn add_unsent(exchanges: &mut Vec<Exchange>, due: impl Iterator<Item = ((usize, u32), u64)>) {
    let mut due = due.peekable();
    if due.peek().is_none() {
        return;
    }
    let mut begun: BTreeMap<(usize, u32), u64> = BTreeMap::new();
    for exchange in exchanges.iter() {
        *begun.entry((exchange.app, exchange.node)).or_default() += 1;
    }
    for ((app, node), due) in due {
        let first = begun.get(&(app, node)).copied().unwrap_or_default();
        let unsent =
            |number| Exchange { app, node, number, started: None, delivered: None, first_byte: None, ending: None };
        exchanges.extend((first..due).map(unsent));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(port: u16, id: u64) -> ExchangeId {
        let end = |host: u8, port| SocketAddr::from(([10, 0, 0, host], port));
        ExchangeId { client: end(1, port), server: end(2, 7), id }
    }

    /// Of several with one name the last one counts, whatever stands in the same bucket; here there is one bucket for all.
    #[test]
    fn the_latest_exchange_of_a_name_is_found() {
        let mut latest = Latest::for_reports(0);
        assert_eq!(latest.heads.len(), 1);
        assert_eq!(latest.find(&named(1, 0)), None);
        for (exchange, name) in [named(1, 0), named(2, 0), named(1, 1), named(1, 0)].into_iter().enumerate() {
            latest.push_for(name, exchange);
        }
        let found = [named(1, 0), named(2, 0), named(1, 1), named(2, 1)].map(|name| latest.find(&name));
        assert_eq!(found, [Some(3), Some(1), Some(2), None]);
        // The second exchange goes on under the name that nobody had, and is found by its old one too.
        latest.push_for(named(2, 1), 1);
        assert_eq!([named(2, 1), named(2, 0)].map(|name| latest.find(&name)), [Some(1), Some(1)]);
    }
}
