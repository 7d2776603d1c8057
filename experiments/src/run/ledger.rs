//! Messages of a run from end to end: what was promised, and what came.

use crate::scenario::Scenario;
use protosim_core::kernel::Reported;
use protosim_models::ledger::{Broken, Counts, Ledger, Party, Promise};
use protosim_models::nat::extracted;
use protosim_models::node::Report;
use protosim_models::{Observation, Total, mqtt};
use protosim_topologies::Plan;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// What the ledger says of a run.
#[derive(Debug, Default)]
pub(super) struct Settled {
    counts: BTreeMap<Party, Counts>,
    /// The first promises that were broken, in words.
    pub(super) broken: Vec<String>,
}

/// What finds the node that an address leads to.
struct Brokers<'p> {
    plan: &'p Plan,
    scenario: &'p Scenario,
    /// Of each address that a node has at any time of the run, which node: looked for when the first one is asked for.
    owners: OnceCell<BTreeMap<IpAddr, usize>>,
}

impl Brokers<'_> {
    /// The first address of the node that an address leads to, at the same port; the address itself where there is none. One that has the prefix
    /// of a NAT64 leads where the IPv4 address in it does.
    fn name(&self, address: SocketAddr) -> SocketAddr {
        let owners = self.owners.get_or_init(|| self.plan.owners());
        let embedded = || {
            let IpAddr::V6(ip) = address.ip() else { return None };
            let prefixes = self.scenario.nodes.iter().filter_map(|node| Some(node.nat64.as_ref()?.prefix()));
            prefixes.filter_map(|prefix| owners.get(&IpAddr::V4(extracted(prefix, ip)?))).next()
        };
        let node = owners.get(&address.ip()).or_else(embedded);
        let first = node.and_then(|node| self.plan.address(*node));
        SocketAddr::new(first.unwrap_or(address.ip()), address.port())
    }
}

/// Goes through what was reported; nothing where the scenario keeps no ledger. `app_of` tells the scenario's index of a node's application.
pub(super) fn settle(
    plan: &Plan,
    scenario: &Scenario,
    reports: &[Reported<Report>],
    entities: &[Arc<str>],
    app_of: impl Fn(u32, u32) -> usize,
) -> Option<Settled> {
    if !scenario.ledger {
        return None;
    }
    let brokers = Brokers { plan, scenario, owners: OnceCell::new() };
    let mut ledger = Ledger::new(mqtt::topic::matches, |address| brokers.name(address));
    for Reported { at, entity, report } in reports {
        if let Report::App { app, observation: Observation::Message(event) } = report {
            ledger.note(*at, Party { node: entity.0, app: *app }, event);
        }
    }
    let account = ledger.close();
    let name = |party: Party| {
        let (app, node) = (&scenario.apps[app_of(party.node, party.app)].name, &entities[party.node as usize]);
        if **node == **app { format!("`{app}`") } else { format!("`{app}` on `{node}`") }
    };
    let broken = account.broken.iter().map(|broken| words(broken, &name(broken.who))).collect();
    Some(Settled { counts: account.parties, broken })
}

impl Settled {
    /// What it counts of an application, that has published and subscribed to something if `idle` says so.
    pub(super) fn totals(&self, party: Party, idle: Option<Counts>) -> Vec<Total> {
        let Some(Counts { is_publisher, is_subscriber, is_taker, .. }) = idle else { return Vec::new() };
        let counts = self.counts.get(&party).copied().unwrap_or_default();
        Counts { is_publisher, is_subscriber, is_taker, ..counts }.totals()
    }
}

/// A broken promise in a line.
fn words(broken: &Broken, who: &str) -> String {
    let Broken { at, message, topic, promise, .. } = broken;
    let message = format!("message {} on `{topic}`", message.number);
    match promise {
        Promise::Delivery(level) => {
            format!("{message}, published at {at} and confirmed, was owed to {who} {} and never came", level.name())
        }
        Promise::Once(level) => format!("{message} came to {who} again at {at}: {} was promised", level.name()),
        Promise::Order => format!("{message} came to {who} first at {at}, behind one that was published later"),
        Promise::End => format!("{message}, published at {at} by {who}, was neither confirmed nor given up"),
        Promise::Mark => format!("{message} came to {who} at {at} without a mark, more often than it had been sent"),
        Promise::Whole => {
            format!("{message}, published at {at}, came to {who}, and others did not that were sent together with it")
        }
    }
}
