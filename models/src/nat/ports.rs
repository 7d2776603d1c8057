//! Which external port a mapping gets (RFC 4787 §4.2).

use super::config::{ALL_IDENTIFIERS, PortAssignment};
use super::table::{ANY, Flow, Key, LAST_ENDPOINT, Proto, Table};
use std::net::IpAddr;
use std::ops::RangeInclusive;

impl Table {
    /// A free port of an address for a new mapping of this key, free in the table beside it too; `drawn` decides where to look first, where
    /// ports are drawn.
    pub(super) fn choose_port(
        &self,
        beside: Option<&Self>,
        flow: &Flow,
        address: IpAddr,
        key: Key,
        drawn: u64,
    ) -> Option<u16> {
        let wanted = flow.local.1;
        let is_udp = flow.proto == Proto::Udp;
        let all = if flow.proto == Proto::Icmp { ALL_IDENTIFIERS } else { self.rules.port_range.clone() };
        let overloads = self.rules.ports == PortAssignment::Overload && flow.proto != Proto::Icmp;
        let free = |port: u16| {
            let is_free_here = match overloads {
                true => !self.by_external.contains_key(&(flow.proto, (address, port), key)),
                false => self.at_external(flow.proto, (address, port)).is_none(),
            };
            is_free_here && beside.is_none_or(|table| table.at_external(flow.proto, (address, port)).is_none())
        };
        let taken = self.taken.get(&(flow.proto, address)).copied().unwrap_or_default();
        if !overloads && taken as usize >= all.len() {
            return None;
        }
        if is_udp
            && self.rules.keeps_contiguity
            && let Some(port) = self.port_after(flow, address)
            && all.contains(&port)
            && free(port)
        {
            return Some(port);
        }
        let keeps_class = self.rules.keeps_class && flow.proto != Proto::Icmp;
        let class = if keeps_class { class_within(&all, wanted) } else { all.clone() };
        let parity = (is_udp && self.rules.keeps_parity).then_some(wanted % 2);
        // What the rules ask for, then less of it.
        let attempts = [(class.clone(), parity), (class, None), (all, None)];
        let needs_next = is_udp && self.rules.keeps_contiguity && wanted.is_multiple_of(2);
        let fits = |port: u16| free(port) && (!needs_next || port < u16::MAX && free(port + 1));
        attempts.iter().find_map(|(range, parity)| {
            let start = match self.rules.ports {
                PortAssignment::Preserve | PortAssignment::Overload => wanted,
                PortAssignment::Sequential => {
                    let last = self.last_port.get(&(flow.proto, address));
                    last.map_or(*range.start(), |last| last.wrapping_add(1))
                }
                PortAssignment::Random => range.start() + ((u128::from(drawn) * range.len() as u128) >> 64) as u16,
            };
            let candidates = || from(range, start).filter(|port| parity.is_none_or(|parity| port % 2 == parity));
            candidates().find(|port| fits(*port)).or_else(|| candidates().find(|port| free(*port)))
        })
    }

    /// The external port after that of the internal port before this one, if this one is odd (RFC 4787 §4.2.3).
    fn port_after(&self, flow: &Flow, address: IpAddr) -> Option<u16> {
        let before = flow.local.1.checked_sub(1).filter(|before| before.is_multiple_of(2))?;
        let internal = (flow.local.0, before);
        let remote = Some(flow.remote.0);
        let range = (flow.proto, internal, ANY)..=(flow.proto, internal, (Some(LAST_ENDPOINT.0), u16::MAX));
        let same = |id: &&u32| {
            let mapping = self.mapping(**id);
            mapping.external.0 == address && (mapping.key == ANY || mapping.key.0 == remote)
        };
        let id = self.by_internal.range(range).map(|(_, id)| id).find(same)?;
        self.mapping(*id).external.1.checked_add(1)
    }
}

/// The part of a range that is of the port's class: below 1024 or not; all of it, if it has no such part.
fn class_within(all: &RangeInclusive<u16>, port: u16) -> RangeInclusive<u16> {
    let class = if port < 1024 { 0..=1023 } else { 1024..=u16::MAX };
    let (low, high) = (*all.start().max(class.start()), *all.end().min(class.end()));
    if low <= high { low..=high } else { all.clone() }
}

/// All ports of a range, from `start` on and around.
fn from(range: &RangeInclusive<u16>, start: u16) -> impl Iterator<Item = u16> {
    let (low, high) = (*range.start(), *range.end());
    let start = if range.contains(&start) { start } else { low };
    (start..=high).chain(low..start)
}
