//! One run of one point.

use super::clock::Stopwatch;
use super::devices::{DeviceOutput, devices};
use super::exchanges::{Exchange, add_unsent, join};
use super::fork::Branch;
use super::ledger::settle;
use super::measured::{Measured, measured, rates, with_meters};
use super::name::Name;
use super::sketch::ExchangeSketch;
use super::story::{Story, Watch};
use super::totals::{Totals, totals};
use super::warmup::{Course, Warmup, samples};
use crate::scenario::{End, Keep, Placement, Scenario, WarmupSpec};
use protosim_core::kernel::{BuildError, Interests, Reported, RunError};
use protosim_core::{Digest, EntityId, SimTime, Simulation, Sinks, Until};
use protosim_models::node::{
    Action, Conservation, DropCause, Fate, LinkEnd, MessageBalance, PacketReport, Report, audit, audit_messages,
};
use protosim_models::packet::Packet;
use protosim_models::registry::{AppConfig, Common, Found, Further, Sender, Way};
use protosim_models::{Element, Node, Observation};
use protosim_reports::capture::{CaptureInterface, CaptureRecord, LinkType};
use protosim_topologies::plan::{CHANNEL, MEDIUM};
use protosim_topologies::{Installation, Plan};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

/// What came out of a run. In a record all is kept but what was looked at beside results.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunOutput {
    /// Which replication of its point.
    pub replication: u64,
    /// Why it did not come to its end, if a limit stopped it: all else is as it was then.
    pub stopped: Option<RunError>,
    /// Where measurement begins.
    pub warmup: Warmup,
    /// Names of the nodes and shared media, by number.
    pub entities: Arc<[Arc<str>]>,
    /// All exchanges, in order of starts; then those that were due and never sent.
    pub exchanges: Vec<Exchange>,
    /// By application, where exchanges are kept as sketches; then there are none by themselves.
    pub sketches: Vec<ExchangeSketch>,
    /// What was measured of sinks and links.
    pub measured: Measured,
    /// What devices with a profile have drawn.
    pub devices: Vec<DeviceOutput>,
    /// What nodes and applications have counted.
    pub totals: Totals,
    /// Promises of messages that were broken, the first ones, in words.
    #[serde(skip)]
    pub broken: Vec<String>,
    /// Digests by path: of nodes and shared media, then of the directions of links.
    pub digests: Vec<(Name, Arc<str>, Digest)>,
    /// Packets at link ends, if they were listened to.
    #[serde(skip)]
    pub capture: Option<Capture>,
    /// Diagrams and events, if they were asked for.
    #[serde(skip)]
    pub story: Story,
    /// What depends on the machine.
    pub log: RunLog,
}

/// The packets of one run.
#[derive(Clone, Debug)]
pub struct Capture {
    /// One for each link end, and then one for each station of a medium whose frames are written out.
    pub interfaces: Vec<CaptureInterface>,
    /// In order of time, then interface.
    pub packets: Vec<CapturedPacket>,
    /// Frames of such media, in the same order.
    pub frames: Vec<CapturedFrame>,
    /// Lines of the key log (SSLKEYLOGFILE) that decrypt them, sorted; none where nothing was encrypted.
    pub secrets: Vec<String>,
}

/// A packet at a link end. It is encoded only when it is written.
#[derive(Clone, Debug)]
pub struct CapturedPacket {
    /// When.
    pub at: SimTime,
    /// Which of the interfaces.
    pub interface: u32,
    /// The packet.
    pub packet: Packet,
    /// Why it went no further, if so.
    pub dropped: Option<DropCause>,
}

impl CapturedPacket {
    /// As it is written.
    pub fn record(&self) -> CaptureRecord {
        CaptureRecord {
            at: self.at,
            interface: self.interface,
            original_len: self.packet.wire_len() as u32,
            bytes: self.packet.encode(),
            comment: self.dropped.map(|cause| format!("dropped: {}", cause.name())),
        }
    }
}

/// A frame that a station has sent, when it was over.
#[derive(Clone, Debug)]
pub struct CapturedFrame {
    /// When.
    pub at: SimTime,
    /// Which of the interfaces.
    pub interface: u32,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Why one of those that it was for has not received it, if so.
    pub lost: Option<DropCause>,
}

impl CapturedFrame {
    /// As it is written.
    pub fn record(&self) -> CaptureRecord {
        CaptureRecord {
            at: self.at,
            interface: self.interface,
            original_len: self.bytes.len() as u32,
            bytes: self.bytes.clone(),
            comment: self.lost.map(|cause| format!("not received: {}", cause.name())),
        }
    }
}

impl Capture {
    /// All that is written, in order of time, then interface.
    pub fn records(&self) -> impl Iterator<Item = CaptureRecord> {
        let (mut packets, mut frames) = (self.packets.iter().peekable(), self.frames.iter().peekable());
        std::iter::from_fn(move || {
            let is_frame_first = match (packets.peek(), frames.peek()) {
                (Some(packet), Some(frame)) => (frame.at, frame.interface) < (packet.at, packet.interface),
                (packet, _) => packet.is_none(),
            };
            if is_frame_first {
                frames.next().map(CapturedFrame::record)
            } else {
                packets.next().map(CapturedPacket::record)
            }
        })
    }
}

/// For `run.log`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct RunLog {
    /// Events, stale ones included.
    pub events: u64,
    /// Packets that links have carried: those that arrived at the end of one, and those that were lost on the way. Inside of a shared
    /// medium what was lost does not count.
    pub packet_hops: u64,
    /// Where the simulated clock stood at the end.
    pub simulated: SimTime,
    /// Wall-clock time of the run loop.
    pub wall: Duration,
}

/// A run that did not come to its end.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RunFailure {
    /// A limit was reached, and who was busy then.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The world could not be built: a mistake of this program, since the scenario was checked.
    #[error("internal error while building the world: {0}")]
    Build(#[from] BuildError),
    /// Packets do not add up: a mistake of this program.
    #[error("internal error: packets were lost track of: {0:?}")]
    Conservation(Conservation),
    /// Messages of channels do not add up: a mistake of this program.
    #[error("internal error: messages of channels were lost track of: {0:?}")]
    Messages(MessageBalance),
    /// Its output is too long to be kept.
    #[error("its output cannot be kept: {0}")]
    Record(Arc<std::io::Error>),
}

/// A plan of the scenario's network, and of what is measured of it.
pub fn setup(scenario: &Scenario) -> Plan {
    let plan = Plan::with_files(scenario.topology(), scenario.timeline.clone(), Arc::clone(&scenario.files));
    let plan = plan.with_faults(&scenario.faults);
    let is_known = scenario.warmup.as_ref().is_none_or(|warmup| warmup.mser5().is_none());
    with_meters(plan.with_routing(scenario.routing), scenario, scenario.fixed_warmup(), is_known)
}

/// The world of one replication.
///
/// # Errors
/// Never for a scenario that was checked.
pub fn build(
    plan: &Plan,
    scenario: &Scenario,
    replication: u64,
    threads: usize,
) -> Result<Simulation<Element>, BuildError> {
    let acts = if scenario.faults.is_empty() {
        plan.acts()
    } else {
        plan.acts_with(&scenario.of_replication(replication).timeline)
    };
    build_with(plan, scenario, replication, threads, acts)
}

/// The same, but that the timeline does nothing else than `acts`.
pub(super) fn build_with(
    plan: &Plan,
    scenario: &Scenario,
    replication: u64,
    threads: usize,
    acts: Vec<(SimTime, EntityId, Action)>,
) -> Result<Simulation<Element>, BuildError> {
    let ways = |from: &str, to: &str| match plan.group(to) {
        Some(group) => vec![group],
        None => plan.node(from).zip(plan.node(to)).map_or_else(Vec::new, |(from, to)| plan.addresses_for(from, to)),
    };
    // The last application that names further nodes: members of a group follow each other.
    let mut before: Option<(usize, AppConfig)> = None;
    // What the members of a group share that run one application.
    let mut common: Option<(usize, Common)> = None;
    let apps = scenario.placements().filter_map(|placed| {
        let mut config = placed.config();
        config.call(placed.on, &placed.spec.name);
        let found = found_by(plan, &placed, &ways);
        if found != Found::default() {
            let like = before.as_ref().filter(|(app, _)| *app == placed.app).map(|(_, config)| config);
            config.resolve(found, like);
            before = Some((placed.app, config.clone()));
        }
        // Of several addresses the one that the sender prefers; a server without destination looks at none.
        let to = placed.to.and_then(|to| ways(placed.on, to).first().copied());
        let to = to.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        if common.as_ref().is_none_or(|(app, _)| *app != placed.app) {
            common = Some((placed.app, placed.spec.run.common()));
        }
        let app = match &common {
            Some((_, common)) => config.build_like(common, to, scenario.crypto),
            None => config.build(to, scenario.crypto),
        };
        let name = placed.spec.name.clone();
        let is_measured = scenario.measures.sinks.contains_key(&name);
        Some(Installation { node: plan.node(placed.on)?, name, app, is_measured })
    });
    plan.simulation_with(scenario.luck(replication), scenario.limits(), apps.collect(), threads, acts)
}

/// How the further nodes of an application are found: from where its packets to them come.
fn found_by(plan: &Plan, placed: &Placement<'_>, ways: &impl Fn(&str, &str) -> Vec<IpAddr>) -> Found {
    let one = |(Further { by, .. }, to): (Further<'_>, &&str)| {
        let from = match by {
            Sender::Own => Some(placed.on),
            Sender::Destination => placed.to,
        };
        let has_v4 = plan.node(to).is_some_and(|to| plan.addresses(to).any(|address| address.is_ipv4()));
        Way { addresses: from.map_or_else(Vec::new, |from| ways(from, to)), has_v4 }
    };
    let ways = placed.spec.run.further().into_iter().zip(&placed.further).map(one).collect();
    Found { ways, nat64: plan.node(placed.on).and_then(|on| plan.nat64_prefix(on)) }
}

/// Runs one replication, from its start.
///
/// # Errors
/// For a mistake of this program.
pub fn run_one(
    plan: &Plan,
    scenario: &Scenario,
    replication: u64,
    threads: usize,
    watch: &Watch,
) -> Result<RunOutput, RunFailure> {
    run_from(plan, scenario, (replication, None), threads, watch)
}

/// Runs one replication, from its start or from where others have come already. A run that reaches a limit gives what it has, and says so. Where MSER-5 says where its warm-up ends and links are
/// measured, it is made twice.
///
/// # Errors
/// For a mistake of this program.
pub(super) fn run_from(
    plan: &Plan,
    scenario: &Scenario,
    (replication, branch): (u64, Option<Branch>),
    threads: usize,
    watch: &Watch,
) -> Result<RunOutput, RunFailure> {
    let made_of = scenario;
    let scenario = &*made_of.of_replication(replication);
    let apps = app_indices(plan, scenario);
    let app_of = |node: u32, app: u32| apps[node as usize][app as usize];
    let (world, sinks) = match branch {
        Some(branch) => branch,
        None => (build(plan, made_of, replication, threads)?, Sinks::new(interests(scenario, replication, watch))),
    };
    let mut pass = Pass::run(scenario, world, sinks)?;
    let mut warmup = Warmup::fixed(scenario);
    if let Some(rule) = scenario.warmup.as_ref().and_then(WarmupSpec::mser5) {
        let Pass { simulation, reports, .. } = &pass;
        let exchanges = join(reports, app_of, &aliases(plan, scenario));
        let course = Course { plan, scenario, simulation, reports, exchanges: &exchanges };
        warmup = Warmup::found(&samples(&course, &rule, app_of));
        let is_metered = !(scenario.measures.links.is_empty() && scenario.measures.devices.is_empty());
        if is_metered && pass.stopped.is_none() {
            let metered = with_meters(plan.clone(), scenario, warmup.ends, true);
            let earlier = pass.wall;
            // One world at a time: in a large network each takes as much.
            drop(pass);
            let world = build(&metered, made_of, replication, threads)?;
            pass = Pass::run(scenario, world, Sinks::new(interests(scenario, replication, watch)))?;
            pass.wall += earlier;
        }
    }
    let Pass { simulation, reports, stopped, wall } = pass;
    let of_element = |(entity, ((_, element), indices)): (usize, ((&str, &Element), &Vec<usize>))| {
        let due = element.node().into_iter().flat_map(Node::app_exchanges_due);
        due.zip(indices).map(move |((_, due), app)| ((*app, entity as u32), due)).collect::<Vec<_>>()
    };
    let due: Vec<_> = simulation.entities().zip(&apps).enumerate().flat_map(of_element).collect();
    let mut measured = measured(plan, scenario, (replication, warmup.ends), &simulation, &reports, app_of);
    let entities = Arc::clone(simulation.paths());
    let settled = settle(plan, scenario, &reports, &entities, app_of);
    let (totals, digests) = (totals(&simulation, scenario, &apps, settled.as_ref()), digests(&simulation));
    let devices = devices(plan, &simulation);
    let (counts, simulated) = (simulation.counts(), simulation.now());
    let packet_hops = counts.deliveries + lost_on_links(&simulation);
    // The world goes before what it has reported is put together: in a large network either takes as much.
    drop(simulation);
    let mut exchanges = join(&reports, app_of, &aliases(plan, scenario));
    measured.rates = rates(scenario, (warmup.ends, measured.end), &exchanges);
    add_unsent(&mut exchanges, due.into_iter());
    let mut sketches = Vec::new();
    if scenario.distributions.exchanges == Keep::Sketch {
        let counts = stopped.is_none();
        sketches = super::sketch::sketches(scenario, warmup, if counts { &exchanges } else { &[] });
        exchanges = Vec::new();
    }
    Ok(RunOutput {
        replication,
        stopped,
        warmup,
        entities,
        exchanges,
        sketches,
        measured,
        devices,
        totals,
        broken: settled.map_or_else(Vec::new, |settled| settled.broken),
        digests,
        story: watch.story(plan, scenario, &reports, app_of),
        capture: watch.capture.then(|| self::capture(plan, reports)),
        log: RunLog { events: counts.events, packet_hops, simulated, wall },
    })
}

/// What is listened to in a run.
pub(super) fn interests(scenario: &Scenario, replication: u64, watch: &Watch) -> Interests {
    let mut interests = Interests::RESULTS.and(watch.interests());
    if !scenario.measures.sinks.is_empty() {
        interests = interests.and(Interests::DELIVERIES);
    }
    if scenario.ledger {
        interests = interests.and(Interests::MESSAGES);
    }
    // Figures over time show the first replication alone.
    if replication == 0 && scenario.measures.connections.values().any(|is_kept| *is_kept) {
        interests = interests.and(Interests::TRACES);
    }
    interests
}

/// A world at its end, and what it has reported.
struct Pass {
    simulation: Simulation<Element>,
    reports: Vec<Reported<Report>>,
    /// The limit that stopped it.
    stopped: Option<RunError>,
    /// Wall-clock time of the run loop.
    wall: Duration,
}

impl Pass {
    /// Runs a world to its end.
    fn run(
        scenario: &Scenario,
        mut simulation: Simulation<Element>,
        mut sinks: Sinks<Report>,
    ) -> Result<Self, RunFailure> {
        let until = match scenario.until {
            End::Quiet => Until::Quiet,
            End::After(span) => Until::Time(SimTime::ZERO + span),
        };
        let stopwatch = Stopwatch::start();
        let stopped = simulation.run(until, &mut sinks).err();
        let wall = stopwatch.elapsed();
        let conservation = audit(&simulation);
        // A run that is stopped in the middle of an instant has packets in nobody's hands.
        if stopped.is_none() && !conservation.holds() {
            return Err(RunFailure::Conservation(conservation));
        }
        let messages = audit_messages(&simulation);
        if stopped.is_none() && !messages.holds() {
            return Err(RunFailure::Messages(messages));
        }
        Ok(Self { simulation, reports: sinks.into_merged(), stopped, wall })
    }
}

/// Packets that links have lost after they were sent.
fn lost_on_links(simulation: &Simulation<Element>) -> u64 {
    let nodes = simulation.entities().filter_map(|(_, element)| element.node());
    let of_node =
        |node: &Node| [DropCause::Lost, DropCause::Recorded, DropCause::Rule].map(|cause| node.dropped(cause));
    let decided: u64 = nodes.flat_map(of_node).sum();
    decided - simulation.losses_to_come()
}

/// For each address that a node may have in this run, its first one: an exchange stays the same when its client's address changes under
/// way. Empty where no address changes.
fn aliases(plan: &Plan, scenario: &Scenario) -> BTreeMap<IpAddr, IpAddr> {
    if scenario.timeline.iter().all(|event| event.up.is_none() && event.new_address.is_none()) {
        return BTreeMap::new();
    }
    let first = |(address, node): (IpAddr, usize)| Some((address, plan.address(node)?));
    plan.owners().into_iter().filter_map(first).collect()
}

/// For each entity, the scenario's indices of its applications in the order of their numbers, which is that of names.
fn app_indices(plan: &Plan, scenario: &Scenario) -> Vec<Vec<usize>> {
    let mut indices: Vec<Vec<usize>> = vec![Vec::new(); plan.graph().nodes() + plan.graph().media().count()];
    for placed in scenario.placements() {
        if let Some(node) = plan.node(placed.on) {
            indices[plan.entity(node).0 as usize].push(placed.app);
        }
    }
    for apps in &mut indices {
        apps.sort_by(|a, b| scenario.apps[*a].name.cmp(&scenario.apps[*b].name));
    }
    indices
}

/// Digests with kind and path: of nodes and media, then of the directions of links.
pub fn digests(simulation: &Simulation<Element>) -> Vec<(Name, Arc<str>, Digest)> {
    let nodes = simulation.entity_digests().into_iter().map(|(path, digest)| match path.strip_prefix(MEDIUM) {
        Some(medium) => (Name("medium"), medium.into(), digest),
        None => (Name("node"), path, digest),
    });
    let wires = simulation.wire_digests().into_iter().map(|(path, digest)| match path.strip_prefix(CHANNEL) {
        Some(channel) => (Name("channel"), channel.into(), digest),
        None => (Name("link"), path, digest),
    });
    nodes.chain(wires).collect()
}

fn capture(plan: &Plan, reports: Vec<Reported<Report>>) -> Capture {
    let names = plan.link_ends();
    let frame_ends = plan.frame_ends();
    let of_frames = |(end, medium): &(usize, usize)| CaptureInterface {
        link_type: LinkType::Ieee802154,
        name: format!("{}/802.15.4", names[*end]),
        description: plan.prefix_of_medium(*medium).map_or_else(String::new, |prefix| format!("prefix {prefix}/64")),
    };
    let of_packets =
        |name: &String| CaptureInterface { link_type: LinkType::RawIp, name: name.clone(), description: String::new() };
    let interfaces: Vec<CaptureInterface> =
        names.iter().map(of_packets).chain(frame_ends.iter().map(of_frames)).collect();
    let mut frames = Vec::new();
    // Both ends of a session know its secrets.
    let mut secrets = BTreeSet::new();
    let packets = reports.into_iter().filter_map(|Reported { at, report, .. }| {
        let report = match report {
            Report::Packet(report) => report,
            Report::Frame(frame) => {
                let end = plan.link_end(frame.wire, true)?;
                let place = frame_ends.binary_search_by_key(&end, |(end, _)| *end).ok()?;
                let interface = (names.len() + place) as u32;
                frames.push(CapturedFrame { at, interface, bytes: frame.bytes, lost: frame.lost });
                return None;
            }
            Report::App { observation: Observation::TlsSecret(secret), .. } => {
                secrets.insert(secret.to_string());
                return None;
            }
            Report::App { .. } | Report::BatteryDead => return None,
        };
        let PacketReport { wire, end, packet, fate } = *report;
        let dropped = match fate {
            Fate::Passed => None,
            Fate::Dropped(cause) => Some(cause),
        };
        // What goes on inside of a switch is at no interface, but for what it loses on the way to a station.
        let at_sender = end == LinkEnd::Sender;
        let beyond = || plan.link_end(wire, !at_sender).filter(|_| dropped.is_some());
        let interface = plan.link_end(wire, at_sender).or_else(beyond)? as u32;
        Some(CapturedPacket { at, interface, packet, dropped })
    });
    let mut packets: Vec<CapturedPacket> = packets.collect();
    // Stable: reports of one instant and link end keep their order, which does not depend on threads.
    packets.sort_by_key(|packet| (packet.at, packet.interface));
    frames.sort_by_key(|frame| (frame.at, frame.interface));
    Capture { interfaces, packets, frames, secrets: secrets.into_iter().collect() }
}
