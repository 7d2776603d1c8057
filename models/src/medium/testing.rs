//! A medium with stations on it, for tests: node i is station i + 1, with one interface, and has 172.16.0.0 + i + 1.

use super::{GroupStations, Medium, MediumConfig, MediumParts, StationParts};
use crate::app::App;
use crate::device::{Clock, Cpu, Memory};
use crate::element::{Element, media, nodes};
use crate::energy::{DeviceProfile, Hardware, PROFILES};
use crate::ieee802154::Frame;
use crate::link::{Setup, Transmitter};
use crate::name::{Files, NodeName};
use crate::node::{DropCause, GroupRoute, Hop, Interface, IpConfig, Node, NodeParts, Report, Route, audit};
use crate::packet::Packet;
use protosim_core::kernel::{Interests, Reported};
use protosim_core::{Builder, EntityId, RunSeed, SimTime, Simulation, Sinks, Span, Until, WireId, WireSpec};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// A shipped profile.
pub(super) fn shipped(name: &str) -> DeviceProfile {
    let options = ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
    let all: Vec<DeviceProfile> = options.from_str(PROFILES).unwrap();
    all.into_iter().find(|profile| profile.name == name).unwrap()
}

/// Names s000, s001, ..., in order.
pub(super) fn names(count: usize) -> Vec<NodeName> {
    (0..count).map(|index| NodeName(format!("s{index:03}"))).collect()
}

/// The address of a station of a medium that has IPv6.
pub(super) fn address_v6(index: usize) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(u128::from(PREFIX) | (index as u128 + 1)))
}

/// What such addresses begin with.
const PREFIX: Ipv6Addr = Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0);

/// The address of a station.
pub(super) fn address(index: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(0xac10_0001 + index as u32))
}

pub(super) fn socket(index: usize, port: u16) -> SocketAddr {
    SocketAddr::new(address(index), port)
}

/// A world of one medium.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) sim: Simulation<Element>,
    sinks: Sinks<Report>,
    stations: usize,
}

impl Field {
    /// Stations with an application each, where there is one.
    pub(super) fn new(config: &MediumConfig, seed: u64, apps: Vec<Option<Box<dyn App>>>, threads: usize) -> Self {
        Self::with(config, seed, apps, threads, (Vec::new(), None))
    }

    /// The same with a device at each station, where there is one.
    pub(super) fn metered(
        config: &MediumConfig,
        seed: u64,
        apps: Vec<Option<Box<dyn App>>>,
        threads: usize,
        device: Option<Hardware>,
    ) -> Self {
        Self::with(config, seed, apps, threads, (Vec::new(), device))
    }

    /// The same with groups, and devices of this profile.
    pub(super) fn with(
        config: &MediumConfig,
        seed: u64,
        apps: Vec<Option<Box<dyn App>>>,
        threads: usize,
        (groups, hardware): (Vec<GroupStations>, Option<Hardware>),
    ) -> Self {
        assert_eq!(config.check(), [], "a medium that the scenario reader would refuse");
        let seed = RunSeed { seed, replication: 0 };
        let files: Arc<Files> = Arc::default();
        let count = config.stations().len();
        let is_v6 = matches!(config, MediumConfig::Ieee802154(_) | MediumConfig::Ble(_));
        // Wires in order of paths: down before up for each station, since `*` comes before letters.
        let down = |index: usize| WireId(index as u32);
        let up = |index: usize| WireId((count + index) as u32);
        let mut builder = Builder::new(seed);
        // A hub has no battery.
        let is_hub = |index: usize| config.hub().is_some() && index + 1 == count;
        let device = |index: usize| hardware.clone().filter(|own| !(is_hub(index) && own.is_on_battery()));
        let station = |index: usize| StationParts {
            listed: index,
            up: up(index),
            down: down(index),
            stream_name: format!("m:s{index:03}"),
            hardware: device(index).map(Box::new),
            control: None,
        };
        let stations = (0..count).map(station).collect();
        let medium = Medium::new(&MediumParts {
            config,
            stations,
            groups: groups.clone(),
            prefix: is_v6.then_some(PREFIX),
            seed,
            files: &files,
        });
        builder.entity("medium", "m", Element::Medium(Box::new(medium))).unwrap();
        for (index, app) in apps.into_iter().enumerate() {
            let setup = Setup {
                wire: up(index),
                direction: &config.ingress(),
                framing: config.framing(),
                mtu: config.mtu(),
                seed,
                stream_name: "up",
                later: &[],
                files: &files,
                meter: None,
            };
            let interface = Interface {
                addresses: vec![if is_v6 { address_v6(index) } else { address(index) }],
                mtu_bytes: config.mtu().as_bytes(),
                transmitter: Transmitter::new(&setup),
                incoming: down(index),
                gateway: None,
            };
            let (prefix, len) =
                if is_v6 { (IpAddr::V6(PREFIX), 64) } else { (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 20) };
            let route = Route { prefix, len, hop: Hop::OnLink(0) };
            let mut node = Node::new(NodeParts {
                interfaces: vec![interface],
                channels: Vec::new(),
                routes: vec![route],
                forwards: false,
                ip: IpConfig::default(),
                nat: None,
                nat_v6: None,
                groups: group_routes(&groups, index),
                clock: Clock::new(Span::ZERO, Default::default()),
                cpu: Cpu::default(),
                memory: Memory::new(None),
                energy: None,
                crashes: false,
            });
            if let Some(app) = app {
                node.install("app", app);
            }
            let name = format!("s{index:03}");
            builder.entity(&name, &name, Element::Node(node)).unwrap();
        }
        let min_delay = config.cable_delay();
        for (to_medium, letter) in [(false, "a"), (true, "b")] {
            for index in 0..count {
                let (node, port) = (EntityId(index as u32 + 1), if to_medium { index as u32 } else { 0 });
                let (from, to) = if to_medium { (node, EntityId(0)) } else { (EntityId(0), node) };
                let path = format!("{letter}{index:05}").into();
                builder.wire(WireSpec { path, from, to, port, min_delay, overtakes: false }).unwrap();
            }
        }
        let sim = builder.build(threads).unwrap();
        Self { sim, sinks: Sinks::new(Interests::NONE), stations: count }
    }

    /// Listens to packets from now on.
    pub(super) fn listening(mut self) -> Self {
        self.sinks = Sinks::new(Interests::PACKETS);
        self
    }

    /// Runs, and checks that all packets are accounted for.
    pub(super) fn run(&mut self, until: Until) {
        self.sim.run(until, &mut self.sinks).unwrap();
        let balance = audit(&self.sim);
        assert!(balance.holds(), "packets are not conserved: {balance:?}");
        if until == Until::Quiet {
            assert_eq!(balance.in_flight, 0);
        }
    }

    pub(super) fn medium(&self) -> &Medium {
        media(&self.sim).next().unwrap().1
    }

    pub(super) fn dropped(&self, cause: DropCause) -> u64 {
        self.medium().dropped(cause)
    }

    /// A total of a station's application.
    pub(super) fn total(&self, index: usize, name: &str) -> u64 {
        let (_, node) = nodes(&self.sim).nth(index).unwrap();
        let (_, totals) = node.app_totals().next().unwrap();
        totals.into_iter().find(|total| total.name == name).unwrap().value
    }

    /// When packets came in at a station, in nanoseconds, and what they were.
    pub(super) fn arrivals(&mut self, index: usize) -> Vec<(u64, Packet)> {
        assert!(index < self.stations);
        let fresh = Sinks::new(self.sinks.interests);
        let all: Vec<Reported<Report>> = std::mem::replace(&mut self.sinks, fresh).into_merged();
        let here = all.into_iter().filter_map(|reported| match reported.report {
            Report::Packet(packet)
                if packet.wire == WireId(index as u32)
                    && packet.end == crate::node::LinkEnd::Receiver
                    && packet.fate == crate::node::Fate::Passed =>
            {
                Some((reported.at.as_nanos(), packet.packet))
            }
            _ => None,
        });
        here.collect()
    }

    /// At which stations packets came in, and when, in nanoseconds, in order of time.
    pub(super) fn all_arrivals(&mut self) -> Vec<(usize, u64)> {
        let fresh = Sinks::new(self.sinks.interests);
        let all: Vec<Reported<Report>> = std::mem::replace(&mut self.sinks, fresh).into_merged();
        let in_order = all.into_iter().filter_map(|reported| match reported.report {
            Report::Packet(packet)
                if (packet.wire.0 as usize) < self.stations
                    && packet.end == crate::node::LinkEnd::Receiver
                    && packet.fate == crate::node::Fate::Passed =>
            {
                Some((packet.wire.0 as usize, reported.at.as_nanos()))
            }
            _ => None,
        });
        in_order.collect()
    }

    /// Frames that were sent: when each was over, by whom, and why it was not received, if so.
    pub(super) fn frames(&mut self) -> Vec<SentFrame> {
        let fresh = Sinks::new(self.sinks.interests);
        let all: Vec<Reported<Report>> = std::mem::replace(&mut self.sinks, fresh).into_merged();
        let stations = self.stations as u32;
        let frames = all.into_iter().filter_map(|reported| match reported.report {
            Report::Frame(frame) => Some(SentFrame {
                at: reported.at.as_nanos(),
                from: (frame.wire.0 - stations) as usize,
                frame: Frame::decode(&frame.bytes).unwrap(),
                lost: frame.lost,
            }),
            _ => None,
        });
        frames.collect()
    }

    /// All digests.
    pub(super) fn digests(&self) -> Vec<(std::sync::Arc<str>, protosim_core::Digest)> {
        [self.sim.entity_digests(), self.sim.wire_digests()].concat()
    }
}

/// The part of a node in the trees of groups.
fn group_routes(groups: &[GroupStations], index: usize) -> Vec<GroupRoute> {
    let number = index as u16 + 1;
    let part = |group: &GroupStations| {
        let is_source = group.from == number;
        let is_member = group.to.contains(&number);
        (is_source || is_member).then(|| GroupRoute {
            group: group.group,
            source: group.source,
            from: (!is_source).then_some(0),
            to: if is_source { vec![0] } else { Vec::new() },
            is_member,
        })
    };
    groups.iter().filter_map(part).collect()
}

/// A frame that was sent.
#[derive(Debug)]
pub(super) struct SentFrame {
    pub(super) at: u64,
    pub(super) from: usize,
    pub(super) frame: Frame,
    pub(super) lost: Option<DropCause>,
}

/// The instant `micros` after the start.
pub(super) const fn micros(micros: u64) -> SimTime {
    SimTime::from_nanos(micros * 1000)
}
