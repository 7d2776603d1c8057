//! From a declared network to a world: ranks, addresses, shortest routes.

use super::net::{LinkSpec, MakeGuest, Net, address, to_v6};
use super::world::World;
use crate::device::{Clock, Costs, Cpu, Memory};
use crate::element::Element;
use crate::link::{ImpairConfig, LinkChange, Setup, Transmitter};
use crate::node::{Action, Hop, Interface, NatParts, Node, NodeParts, Route};
use protosim_core::kernel::Interests;
use protosim_core::{Builder, EntityId, SimTime, Sinks, Span, WireSpec};
use std::collections::VecDeque;

impl Net {
    pub(crate) fn build(mut self, threads: usize) -> World {
        let mut builder = Builder::new(self.seed);
        builder.limits(self.limits);
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order.sort_by(|a, b| self.nodes[*a].name.cmp(&self.nodes[*b].name));
        let mut ids = vec![EntityId(0); order.len()];
        for index in order {
            let element = match self.nodes[index].guest.take() {
                Some(MakeGuest(make)) => Element::Guest(make(self.make_interface(index, self.links_of(index)[0]))),
                None => Element::Node(self.make_node(index)),
            };
            let name = &self.nodes[index].name;
            ids[index] = builder.entity(name, name, element).unwrap();
        }
        let mut ranked: Vec<usize> = (0..self.links.len()).collect();
        ranked.sort_by(|a, b| self.links[*a].name.cmp(&self.links[*b].name));
        for link in ranked {
            for is_forward in [true, false] {
                let spec = &self.links[link];
                let (from, to) = spec.direction(is_forward);
                let port = self.links_of(to).iter().position(|other| *other == link).unwrap() as u32;
                let path = format!("{}/{}", spec.name, if is_forward { "a" } else { "b" });
                let min_delay = self.delays(link, is_forward).min().unwrap();
                let wire = builder.wire(WireSpec {
                    path: path.into(),
                    from: ids[from],
                    to: ids[to],
                    port,
                    min_delay,
                    overtakes: self.overtakes(link, is_forward),
                });
                assert_eq!(wire, Ok(self.wire(link, is_forward)));
            }
        }
        self.build_channels(&mut builder, &ids);
        for (at, link, is_forward, change) in &self.changes {
            let (from, _) = self.links[*link].direction(*is_forward);
            let interface = self.links_of(from).iter().position(|other| other == link).unwrap() as u32;
            builder.act(*at, ids[from], Action::ChangeLink { interface, change: Box::new(change.clone()) });
        }
        for (at, node, link, address) in &self.readdressed {
            let interface = self.links_of(*node).iter().position(|other| other == link).unwrap() as u32;
            builder.act(*at, ids[*node], Action::Readdress { interface, address: *address });
        }
        for (at, node, up) in &self.powers {
            builder.act(*at, ids[*node], Action::Power(*up));
        }
        let wires = (0..self.links.len()).map(|link| [true, false].map(|forward| self.wire(link, forward))).collect();
        let sim = builder.build(threads).unwrap();
        let interests = if self.listens { Interests::RESULTS.and(Interests::PACKETS) } else { Interests::NONE };
        World { sim, sinks: Sinks::new(interests), wires, ids }
    }

    /// All delays that one direction has over the run.
    fn delays(&self, link: usize, is_forward: bool) -> impl Iterator<Item = Span> {
        let changed = move |(_, other, forward, change): &(SimTime, usize, bool, LinkChange)| {
            change.delay.filter(|_| *other == link && *forward == is_forward)
        };
        let delay = self.links[link].config.direction(is_forward).delay.unwrap_or_default();
        let first =
            if self.impairments(link, is_forward).any(|impair| impair.skips_delay()) { Span::ZERO } else { delay };
        std::iter::once(first).chain(self.changes.iter().filter_map(changed))
    }

    /// All impairments that one direction has over the run.
    fn impairments(&self, link: usize, is_forward: bool) -> impl Iterator<Item = ImpairConfig> {
        let changed = move |(_, other, forward, change): &(SimTime, usize, bool, LinkChange)| {
            change.impair.clone().filter(|_| *other == link && *forward == is_forward)
        };
        let first = self.links[link].config.direction(is_forward).impair;
        first.into_iter().chain(self.changes.iter().filter_map(changed))
    }

    fn overtakes(&self, link: usize, is_forward: bool) -> bool {
        self.impairments(link, is_forward).any(|impair| impair.overtakes())
    }

    fn make_node(&mut self, index: usize) -> Node {
        let links = self.links_of(index);
        let interfaces = links.iter().map(|link| self.make_interface(index, *link)).collect();
        let routes = self.routes(index, &links);
        let channels = self.channel_ends(index);
        let crashes = self.powers.iter().any(|(_, node, _)| *node == index);
        let spec = &mut self.nodes[index];
        let clock = Clock::new(spec.clock_offset, spec.device.clock_drift.unwrap_or_default());
        let (cpu, memory) = (Cpu::new(Costs::new(spec.device.cpu.clone())), Memory::new(spec.device.memory));
        let (forwards, ip, groups) = (spec.forwards, spec.ip, std::mem::take(&mut spec.groups));
        let parts = |(policy, outside, pool)| {
            let outside = links.iter().position(|link| *link == outside).unwrap() as u32;
            NatParts { policy, outside, pool }
        };
        let (nat, nat_v6) = (spec.nat.take().map(parts), spec.nat_v6.take().map(parts));
        let mut node = Node::new(NodeParts {
            interfaces,
            channels,
            routes,
            forwards,
            ip,
            nat,
            nat_v6,
            groups,
            clock,
            cpu,
            memory,
            energy: None,
            crashes,
        });
        for (name, app) in std::mem::take(&mut spec.apps) {
            node.install(&name, app);
        }
        for packet in std::mem::take(&mut spec.injected) {
            node.inject(packet);
        }
        node
    }

    fn make_interface(&self, node: usize, link: usize) -> Interface {
        let LinkSpec { name, ends, config } = &self.links[link];
        let is_first = ends[0] == node;
        let direction = config.direction(is_first);
        let changed = self.changes.iter().filter(|(_, other, forward, _)| (*other, *forward) == (link, is_first));
        let later: Vec<LinkChange> = changed.map(|(.., change)| change.clone()).collect();
        let stream_name = format!("{name}/{}", if is_first { "a" } else { "b" });
        let own = address(link, is_first);
        let setup = Setup {
            wire: self.wire(link, is_first),
            direction: &direction,
            framing: config.framing.unwrap_or_default(),
            mtu: config.mtu(),
            seed: self.seed,
            stream_name: &stream_name,
            later: &later,
            files: &self.files,
            meter: self.meter.clone(),
        };
        let has_gateway = !self.nodes[node].forwards && self.nodes[ends[usize::from(is_first)]].forwards;
        let gateway = has_gateway.then_some(0);
        let transmitter = if self.manages { Transmitter::managed(&setup) } else { Transmitter::new(&setup) };
        Interface {
            addresses: vec![own, to_v6(own)],
            mtu_bytes: config.mtu().as_bytes(),
            transmitter,
            incoming: self.wire(link, !is_first),
            gateway,
        }
    }

    /// Routes to every address by the fewest hops; of equals, over the links that were added first.
    fn routes(&self, from: usize, own: &[usize]) -> Vec<Route> {
        let mut first_link = vec![None; self.nodes.len()];
        let mut queue = VecDeque::from([(from, None)]);
        let mut seen = vec![false; self.nodes.len()];
        seen[from] = true;
        while let Some((node, via)) = queue.pop_front() {
            first_link[node] = via;
            for (index, link) in self.links.iter().enumerate().filter(|(_, link)| link.ends.contains(&node)) {
                let next = link.ends[usize::from(link.ends[0] == node)];
                if !std::mem::replace(&mut seen[next], true) {
                    queue.push_back((next, Some(via.unwrap_or(index))));
                }
            }
        }
        let interface = |link: usize| Hop::Interface(own.iter().position(|other| *other == link).unwrap() as u32);
        let mut routes = Vec::new();
        for (link, spec) in self.links.iter().enumerate() {
            for (is_first, node) in [(true, spec.ends[0]), (false, spec.ends[1])] {
                if let (Some(via), true) = (first_link[node], node != from) {
                    let prefix = address(link, is_first);
                    routes.push(Route { prefix, len: 32, hop: interface(via) });
                    routes.push(Route { prefix: to_v6(prefix), len: 128, hop: interface(via) });
                }
            }
        }
        let extra = self.nodes[from].extra_routes.iter();
        routes.extend(extra.map(|(prefix, len, link)| Route { prefix: *prefix, len: *len, hop: interface(*link) }));
        routes
    }
}
