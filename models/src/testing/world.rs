//! Networks that run, and what they can be asked.

use crate::element::{Element, nodes};
use crate::node::{DropCause, Fate, LinkEnd, Node, Report, audit, audit_messages};
use crate::packet::Packet;
use protosim_core::kernel::{Interests, Reported, RunError};
use protosim_core::{CannotClone, EntityId, SimTime, Simulation, Sinks, Until, WireId};

/// A packet at one end of a link, as it was reported.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Seen {
    pub(crate) at: SimTime,
    pub(crate) packet: Packet,
    pub(crate) fate: Fate,
}

/// A network that runs.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) sim: Simulation<Element>,
    pub(super) sinks: Sinks<Report>,
    /// By link in order of addition: forward, backward.
    pub(super) wires: Vec<[WireId; 2]>,
    pub(super) ids: Vec<EntityId>,
}

impl World {
    /// Listens to `interests` from now on.
    pub(crate) fn listen(&mut self, interests: Interests) {
        self.sinks = Sinks::new(interests);
    }

    /// Runs, and checks that all packets and messages are accounted for.
    pub(crate) fn try_run(&mut self, until: Until) -> Result<(), RunError> {
        self.sim.run(until, &mut self.sinks)?;
        // Guests do not say what has become of packets.
        if self.sim.entities().all(|(_, element)| !matches!(element, Element::Guest(_))) {
            let balance = audit(&self.sim);
            assert!(balance.holds(), "packets are not conserved: {balance:?}");
            let messages = audit_messages(&self.sim);
            assert!(messages.holds(), "messages are not conserved: {messages:?}");
        }
        Ok(())
    }

    pub(crate) fn run(&mut self, until: Until) {
        self.try_run(until).unwrap();
    }

    /// Runs until nothing happens any more; no packet is on its way then.
    pub(crate) fn run_until_quiet(&mut self) {
        self.run(Until::Quiet);
        assert_eq!(audit(&self.sim).in_flight, 0);
    }

    /// A copy that can be run on by itself.
    pub(crate) fn try_clone(&self) -> Result<Self, CannotClone> {
        let sinks = Sinks::new(self.sinks.interests);
        Ok(Self { sim: self.sim.try_clone()?, sinks, wires: self.wires.clone(), ids: self.ids.clone() })
    }

    pub(crate) fn node(&self, index: usize) -> &Node {
        self.sim.entities().nth(self.ids[index].0 as usize).unwrap().1.node().unwrap()
    }

    /// A total of an application.
    pub(crate) fn total(&self, node: usize, app: &str, name: &str) -> u64 {
        let (_, totals) = self.node(node).app_totals().find(|(own, _)| *own == app).unwrap();
        totals.into_iter().find(|total| total.name == name).unwrap().value
    }

    /// Packets dropped for `cause` anywhere.
    pub(crate) fn dropped(&self, cause: DropCause) -> u64 {
        nodes(&self.sim).map(|(_, node)| node.dropped(cause)).sum()
    }

    /// Takes everything that was reported since the last call.
    pub(crate) fn take_reports(&mut self) -> Vec<Reported<Report>> {
        let fresh = Sinks::new(self.sinks.interests);
        std::mem::replace(&mut self.sinks, fresh).into_merged()
    }

    /// All that was seen at one end of one direction of a link, in order of time.
    pub(crate) fn seen(reports: &[Reported<Report>], wire: WireId, end: LinkEnd) -> Vec<Seen> {
        let here = reports.iter().filter_map(|reported| match &reported.report {
            Report::Packet(packet) if (packet.wire, packet.end) == (wire, end) => {
                Some(Seen { at: reported.at, packet: packet.packet.clone(), fate: packet.fate })
            }
            _ => None,
        });
        here.collect()
    }

    pub(crate) fn wire(&self, link: usize, is_forward: bool) -> WireId {
        self.wires[link][usize::from(!is_forward)]
    }

    /// Takes the reports and gives the arrivals on one direction of a link, in nanoseconds.
    pub(crate) fn take_arrivals(&mut self, link: usize, is_forward: bool) -> Vec<u64> {
        let wire = self.wire(link, is_forward);
        let reports = self.take_reports();
        Self::seen(&reports, wire, LinkEnd::Receiver).iter().map(|seen| seen.at.as_nanos()).collect()
    }
}
