//! Where a packet was seen: link ends and their nodes, by the numbers of reports.

use crate::scenario::Way;
use protosim_core::{SimTime, WireId};
use protosim_models::node::{DropCause, Fate, LinkEnd, PacketReport};
use protosim_reports::diagram::{End, Sighting};
use protosim_topologies::Plan;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The wires of a plan.
pub(super) struct Wires<'p> {
    plan: &'p Plan,
    /// Of each address that a node has at any time of the run: which node.
    owners: BTreeMap<IpAddr, usize>,
}

impl<'p> Wires<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        let mut owners = plan.owners();
        owners.extend(
            (0..plan.graph().nodes()).flat_map(|node| plan.addresses(node).map(move |address| (address, node))),
        );
        Self { plan, owners }
    }

    /// The link or the medium of a wire, and which direction of the link.
    pub(super) fn name(&self, wire: WireId) -> (String, Option<Way>) {
        let wire = &self.plan.wires()[wire.0 as usize];
        let name = wire.path.split(':').next().unwrap_or_default().to_owned();
        let way = if wire.is_forward { Way::Forward } else { Way::Backward };
        (name, wire.station.is_none().then_some(way))
    }

    /// The end at which a packet was seen; a medium's inside is between.
    pub(super) fn end(&self, report: &PacketReport) -> Option<End> {
        let wire = &self.plan.wires()[report.wire.0 as usize];
        let at_sender = report.end == LinkEnd::Sender;
        let is_dropped = matches!(report.fate, Fate::Dropped(_));
        match (wire.station.is_some(), wire.is_forward, at_sender) {
            (false, _, true) | (true, true, true) => Some(End::Sender),
            (false, _, false) | (true, false, false) => Some(End::Receiver),
            // What goes on inside of a medium is nobody's, but for what it loses there.
            (true, true, false) | (true, false, true) => is_dropped.then_some(End::Between),
        }
    }

    /// A report as a sighting; `None` inside of a medium, where nothing is lost.
    pub(super) fn sighting<'r>(&self, at: SimTime, report: &'r PacketReport) -> Option<Sighting<'r>> {
        let plan = self.plan;
        let number = report.wire.0 as usize;
        let wire = &plan.wires()[number];
        let end = self.end(report)?;
        let (channel, node, other) = match wire.station {
            None => {
                let (first, second) = plan.graph().ends(wire.link);
                let (from, to) = if wire.is_forward { (first, second) } else { (second, first) };
                if end == End::Sender { (number, Some(from), Some(to)) } else { (number, Some(to), Some(from)) }
            }
            Some(station) => {
                let node = plan.graph().media().lan(wire.link).stations[station];
                // Lost on the way to a station, or on the way from one to nobody knows whom.
                let is_known = end != End::Between || !wire.is_forward;
                (plan.wires().len() + wire.link, is_known.then_some(node), None)
            }
        };
        let dropped = match report.fate {
            Fate::Passed => None,
            Fate::Dropped(cause) => Some(cause),
        };
        let is_lost_on_the_way = |cause: DropCause| {
            matches!(cause, DropCause::Lost | DropCause::Recorded | DropCause::Rule | DropCause::Damaged)
        };
        Some(Sighting {
            at,
            channel,
            end,
            node,
            other,
            goal: self.owners.get(&report.packet.dst()).copied(),
            packet: &report.packet,
            dropped: dropped.map(DropCause::name),
            has_left: end != End::Sender || dropped.is_none_or(is_lost_on_the_way),
        })
    }
}
