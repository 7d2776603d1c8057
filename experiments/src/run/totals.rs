//! What nodes, media and applications have counted over a run.

use super::ledger::Settled;
use super::name::Name;
use crate::scenario::Scenario;
use protosim_core::Simulation;
use protosim_models::Element;
use protosim_models::channel;
use protosim_models::ledger::Party;
use protosim_models::medium::Medium;
use protosim_models::node::{ChannelCounts, DropCause};
use protosim_topologies::groups::NodeSets;
use protosim_topologies::plan::CHANNEL;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// Something counted over a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Total {
    /// Number of the node or shared medium.
    pub node: u32,
    /// The application, or a channel as `channel:NAME`; `None` for what the node itself counts.
    pub app: Option<Arc<str>>,
    /// What, with its unit last.
    pub name: &'static str,
    /// How many.
    pub value: u64,
}

/// Everything that was counted over a run: some thirty numbers for each node. Nodes of one kind count the same things, so that
/// what these are is kept once, and of each node its numbers alone.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Totals {
    /// What is counted, by kind.
    kinds: Vec<Vec<Counted>>,
    /// Each node or medium that counts, and its kind, in the order of tables.
    of_entities: Vec<(u32, u32)>,
    values: Vec<u64>,
}

/// The application, or `None`, and the name of what is counted.
type Counted = (Option<Arc<str>>, Name);

impl Totals {
    /// All of them, in the order of tables: by node, then media.
    pub fn iter(&self) -> impl Iterator<Item = Total> {
        let mut values = self.values.iter();
        let counted = self
            .of_entities
            .iter()
            .flat_map(|(node, kind)| self.kinds[*kind as usize].iter().map(move |(app, name)| (*node, app, name.0)));
        counted.map(move |(node, app, name)| {
            let value = values.next().copied().unwrap_or_default();
            Total { node, app: app.clone(), name, value }
        })
    }

    /// What an application counts under this name, over all its nodes; `None` if it counts no such thing.
    pub fn of_app(&self, app: &str, name: &str) -> Option<u64> {
        let own = self.iter().filter(|total| total.name == name && total.app.as_deref() == Some(app));
        let counted = own.map(|total| protosim_models::Total { name: total.name, value: total.value });
        let all = counted.reduce(|all, one| protosim_models::Total { value: all.joined(one.value), ..all });
        all.map(|total| total.value)
    }

    /// Adds all that one node or medium has counted.
    fn push(&mut self, entity: u32, counted: &[Counted]) {
        let known = self.kinds.iter().rposition(|kind| *kind == counted);
        let kind = known.unwrap_or_else(|| {
            self.kinds.push(counted.to_vec());
            self.kinds.len() - 1
        });
        self.of_entities.push((entity, kind as u32));
    }
}

/// Counts everything. `apps` are the scenario's indices of the applications of each entity; what a ledger says of them stands behind what they count
/// themselves.
pub(super) fn totals(
    simulation: &Simulation<Element>,
    scenario: &Scenario,
    apps: &[Vec<usize>],
    settled: Option<&Settled>,
) -> Totals {
    let messages: Vec<_> = scenario.apps.iter().map(|app| app.run.messages()).collect();
    let names: Vec<Arc<str>> = scenario.apps.iter().map(|app| app.name.as_str().into()).collect();
    let mut totals = Totals::default();
    // What a node counts itself, and six of most applications.
    totals.values.reserve(apps.iter().map(|apps| OF_NODES + 6 * apps.len()).sum());
    totals.of_entities.reserve(apps.len());
    let groups = NodeSets::of(scenario.channels.iter().map(|channel| channel.name.as_str()));
    let mut counted: Vec<Counted> = Vec::new();
    for (entity, (_, element)) in simulation.entities().enumerate() {
        let Some(node) = element.node() else { continue };
        counted.clear();
        let mut count = |app: Option<&Arc<str>>, name: &'static str, value: u64| {
            counted.push((app.cloned(), Name(name)));
            totals.values.push(value);
        };
        let counts = node.counts();
        count(None, "originated packets", counts.originated);
        count(None, "originated bytes", counts.originated_bytes);
        count(None, "delivered packets", counts.delivered);
        count(None, "forwarded packets", counts.forwarded);
        count(None, "fragments made", counts.fragments_made);
        count(None, "fragments joined", counts.fragments_joined);
        count(None, "multicast copies", counts.copied);
        for cause in DropCause::ALL {
            count(None, dropped_name(cause), node.dropped(cause));
        }
        if let (Some(nat), Some(now)) = (node.nat_counts(), node.nat_mappings(simulation.now())) {
            for cause in DropCause::OF_NATS {
                count(None, dropped_name(cause), node.dropped(cause));
            }
            count(None, "mappings at the end", now);
            count(None, "most mappings at once", nat.most);
            count(None, "mappings made", nat.made);
        }
        count(None, "processor busy ns", node.cpu().busy().as_nanos());
        count(None, "memory peak bytes", node.memory().peak());
        if let Some(at) = node.dead_since() {
            count(None, "battery dead at ns", at.as_nanos());
        }
        let own: Vec<&str> = node.channels().map(|(name, _)| name).collect();
        for (channel, counts) in node.channels() {
            let name: Arc<str> = format!("{CHANNEL}{}", name_at(&own, channel, &groups)).into();
            for (counted, value) in totals_of_channel(&counts) {
                count(Some(&name), counted, value);
            }
        }
        for (number, ((_, of_app), app)) in node.app_totals().zip(&apps[entity]).enumerate() {
            let party = Party { node: entity as u32, app: number as u32 };
            let of_messages = settled.map_or_else(Vec::new, |settled| settled.totals(party, messages[*app]));
            for total in of_app.into_iter().chain(of_messages) {
                count(Some(&names[*app]), total.name, total.value);
            }
        }
        totals.push(entity as u32, &counted);
    }
    for (entity, (_, element)) in simulation.entities().enumerate() {
        let Some(medium) = element.medium() else { continue };
        counted.clear();
        for (name, value) in totals_of_medium(medium) {
            counted.push((None, Name(name)));
            totals.values.push(value);
        }
        totals.push(entity as u32, &counted);
    }
    totals
}

/// How many totals a node has beside those of its applications.
const OF_NODES: usize = 9 + DropCause::ALL.len();

/// What drops for a cause are called in tables.
fn dropped_name(cause: DropCause) -> &'static str {
    static NAMES: LazyLock<BTreeMap<DropCause, String>> = LazyLock::new(|| {
        let all = DropCause::ALL.into_iter().chain(DropCause::OF_NATS);
        let causes = all.chain(DropCause::OF_MEDIA).chain(DropCause::OF_PANS).chain(DropCause::OF_SLEEPERS);
        let causes = causes.chain(DropCause::OF_LORA);
        let causes = causes.chain(DropCause::OF_CONNECTIONS);
        causes.map(|cause| (cause, format!("dropped packets: {}", cause.name()))).collect()
    });
    NAMES.get(&cause).map_or("dropped packets", String::as_str)
}

/// What a channel is called at a node where the channels `own` end: a member of a group as the group, where that is what applications there may call it. So nodes of
/// one kind count the same things.
fn name_at<'c>(own: &[&str], channel: &'c str, groups: &NodeSets) -> &'c str {
    let is_only = |group: &str| channel::find(own.iter().copied(), group).is_ok();
    let group = channel.rsplit_once('-').filter(|(group, number)| {
        let index: Option<usize> = number.parse().ok();
        let member = groups.get(group).zip(index).and_then(|(members, index)| members.get(index));
        member.is_some_and(|member| member == channel) && is_only(group)
    });
    group.map_or(channel, |(group, _)| group)
}

/// What has become of messages at one end of a channel; it stands where applications do, with `channel:` before its name. What was sent
/// from here is lost here, and delivered at the other end.
fn totals_of_channel(counts: &ChannelCounts) -> [(&'static str, u64); 6] {
    [
        ("sent messages", counts.sent),
        ("lost messages", counts.lost),
        ("duplicated messages", counts.duplicated),
        ("delivered messages", counts.delivered),
        ("unclaimed messages", counts.unclaimed),
        ("messages to a node that was down", counts.node_down),
    ]
}

/// What a shared medium has counted; it stands where nodes do, with `medium:` before its name.
fn totals_of_medium(medium: &Medium) -> Vec<(&'static str, u64)> {
    let counts = medium.counts();
    let mut named = vec![
        ("frames", counts.frames),
        ("collided frames", counts.collisions),
        ("retries", counts.retries),
        ("delivered packets", counts.delivered),
        ("copies for several stations", counts.copied),
    ];
    named.extend(medium.causes().map(|cause| (dropped_name(cause), counts.dropped(cause))));
    if let Some(pan) = medium.pan_counts() {
        named.extend([
            ("frame bytes", pan.bytes),
            ("acknowledgements", pan.acks),
            ("acknowledgements that did not come", pan.silences),
            ("data requests", pan.data_requests),
            ("promised frames that did not come", pan.empty_windows),
            ("fragments", pan.fragments),
            ("copies of frames", pan.copies),
            ("channel busy", pan.busy),
        ]);
    }
    if let Some(ble) = medium.ble_counts() {
        named.extend([
            ("connections lost", ble.lost),
            ("connections made again", ble.made),
            ("advertisements", ble.advertisements),
        ]);
    }
    named.extend(medium.busy().map(|busy| ("busy ns", busy.as_nanos())));
    named
}
