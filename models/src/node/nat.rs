//! A NAT or a firewall of a node: which packets it sees, how they are rewritten, what is said by ICMP. What it remembers is in
//! [`crate::nat`]; which box of a node meets which packets, in `nats`; what a NAT64 does in addition, in `nat64`.
//!
//! | from | to | what |
//! |---|---|---|
//! | inside | outside | out: mapped, its source rewritten |
//! | inside | an external address | hairpin: out and in again |
//! | outside | an external address | in: if a mapping and its filter say so, its destination rewritten; else for the node itself, if it serves it |
//! | outside | inside, by its own address | in at a firewall; dropped at a NAT |
//! | inside or outside | the same side, or the node | as at any router |
//!
//! Time to live and MTU are looked at before anything is rewritten, so that ICMP errors quote what their reader has sent. A NAT's own packets, ICMP
//! errors too, come from the address of the interface by which they leave (RFC 1812 §4.3.2.4): no inner address is seen outside.

use super::counts::DropCause;
use super::nats::Family;
use super::routes::Hop;
use super::{Interface, Node};
use crate::element::Element;
use crate::nat::{Endpoint, Flow, Hairpinning, Policy, Proto, Refusal, Table, TableCounts};
use crate::packet::{ErrorCause, IpHeader, Packet, PacketEnd, Quoted, TcpFlags, Transport, protocol};
use protosim_core::{Cx, Purpose, SimTime, TimerId};
use std::collections::VecDeque;
use std::net::IpAddr;

/// Ports of mappings.
const PORT: Purpose = Purpose("nat.port");

/// Most unsolicited SYNs that are held at once; of others nothing is said.
const MOST_HELD: usize = 1024;

/// What a node needs to be a NAT, a NAT64 or a firewall.
#[derive(Clone, PartialEq, Debug)]
pub struct NatParts {
    /// What it goes by.
    pub policy: Policy,
    /// The interface that leads outside.
    pub outside: u32,
    /// External addresses of a NAT or a NAT64; none: the one of IPv4 that the interface has.
    pub pool: Vec<IpAddr>,
}

/// The NAT or the firewall of a node.
#[derive(Clone, Debug)]
pub(super) struct Nat {
    pub(super) table: Table,
    pub(super) policy: Policy,
    pub(super) outside: u32,
    /// The least MTU of the node's interfaces \[bytes\]: what is not longer fits wherever it goes.
    least_mtu: u64,
    has_pool: bool,
    /// SYNs that nobody inside has asked for, and when their senders are told.
    held: VecDeque<HeldSyn>,
    pub(super) timer: Option<TimerId>,
}

#[derive(Clone, Debug)]
struct HeldSyn {
    due: SimTime,
    external: Endpoint,
    remote: Endpoint,
    packet: Box<Packet>,
}

impl From<Refusal> for DropCause {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoMapping => Self::NoMapping,
            Refusal::Filtered => Self::Filtered,
            Refusal::NoPort => Self::NoPort,
        }
    }
}

impl Nat {
    pub(super) fn new(parts: NatParts, interfaces: &[Interface]) -> Self {
        let NatParts { policy, outside, pool } = parts;
        let has_pool = !pool.is_empty();
        let pool = if has_pool { pool } else { external_addresses(&policy, &interfaces[outside as usize]) };
        let table = Table::new(policy.rules.clone(), pool);
        let least_mtu = interfaces.iter().map(|interface| interface.mtu_bytes).min().unwrap_or_default();
        Self { table, policy, outside, least_mtu, has_pool, held: VecDeque::new(), timer: None }
    }

    /// Forgets everything, as a device does that loses power.
    pub(super) fn forget(&mut self) {
        self.table.forget();
        self.held.clear();
    }

    /// An interface has another address of IPv4.
    pub(super) fn readdress(&mut self, interface: u32, interfaces: &[Interface]) {
        if interface == self.outside && !self.has_pool && self.table.translates() {
            self.table.set_pool(external_addresses(&self.policy, &interfaces[interface as usize]));
        }
    }

    pub(super) fn is_external(&self, address: IpAddr) -> bool {
        self.table.translates() && self.table.pool().contains(&address)
    }

    /// Rewrites a packet that leaves. At a hairpin it is not held against it that its destination is a port that is blocked.
    fn translate_out(
        &mut self,
        beside: Option<&mut Table>,
        packet: &mut Packet,
        is_hairpin: bool,
        cx: &mut Cx<'_, Element>,
    ) -> Result<(), DropCause> {
        if packet.is_icmp_error() {
            return self.translate_error_out(packet, cx.now());
        }
        let flow = flow_of(packet, true).ok_or(DropCause::NoMapping)?;
        if self.table.translates() && matches!(flow.proto, Proto::Other(_)) {
            return Err(DropCause::NoMapping);
        }
        let external = self.map_out(beside, &flow, is_hairpin, cx)?;
        if self.table.translates() {
            packet.rewrite(PacketEnd::Source, external);
        }
        Ok(())
    }

    /// The external endpoint that a packet leaves from.
    pub(super) fn map_out(
        &mut self,
        beside: Option<&mut Table>,
        flow: &Flow,
        is_hairpin: bool,
        cx: &mut Cx<'_, Element>,
    ) -> Result<Endpoint, DropCause> {
        if !is_hairpin && self.policy.blocks.forbid(flow.proto, flow.remote.1) {
            return Err(DropCause::Blocked);
        }
        let now = cx.now();
        let external = self.table.outbound_beside(beside, flow, now, &mut || cx.rng(PORT).next_u64())?;
        if flow.tcp.is_some_and(|flags| flags.has(TcpFlags::SYN)) && !self.held.is_empty() {
            // RFC 5382 REQ-4: both open at once, and nothing is ever said of the other SYN.
            self.held.retain(|held| (held.external, held.remote) != (external, flow.remote));
        }
        Ok(external)
    }

    /// Rewrites a packet that comes in.
    fn translate_in(&mut self, packet: &mut Packet, now: SimTime) -> Result<(), DropCause> {
        if packet.is_icmp_error() {
            return self.translate_error_in(packet, now);
        }
        let flow = flow_of(packet, false).ok_or(DropCause::NoMapping)?;
        // Nobody inside has asked for a query, whatever its identifier; at a NAT the node answers itself.
        if packet.as_echo().is_some_and(|echo| !echo.is_reply) {
            if self.table.translates() {
                return Err(DropCause::NoMapping);
            }
            if !self.policy.filters_nothing() {
                return Err(DropCause::Filtered);
            }
        }
        let internal = self.table.inbound(&flow, now)?;
        if self.table.translates() {
            packet.rewrite(PacketEnd::Destination, internal);
        }
        Ok(())
    }

    /// An ICMP error from inside, about a packet that came in: the quote shows its external destination again, and so does the source.
    fn translate_error_out(&mut self, packet: &mut Packet, now: SimTime) -> Result<(), DropCause> {
        let (proto, destination, source) = quoted_ends(packet, true).ok_or(DropCause::NoMapping)?;
        let external = self.table.external_of(proto, destination, source, now).ok_or(DropCause::NoMapping)?;
        if self.table.translates() {
            packet.rewrite_quoted(PacketEnd::Destination, external);
            packet.rewrite_address(PacketEnd::Source, external.0);
        }
        Ok(())
    }

    /// An ICMP error from outside, about a packet that left.
    fn translate_error_in(&mut self, packet: &mut Packet, now: SimTime) -> Result<(), DropCause> {
        let (proto, source, destination) = quoted_ends(packet, false).ok_or(DropCause::NoMapping)?;
        let internal = self.table.internal_of(proto, source, destination, now).ok_or(DropCause::NoMapping)?;
        if self.table.translates() {
            packet.rewrite_quoted(PacketEnd::Source, internal);
            packet.rewrite_address(PacketEnd::Destination, internal.0);
        }
        Ok(())
    }
}

/// The external addresses of a NAT without a pool; a firewall has none.
fn external_addresses(policy: &Policy, outside: &Interface) -> Vec<IpAddr> {
    let own = outside.addresses.iter().copied();
    if policy.translates() { own.filter(IpAddr::is_ipv4).collect() } else { Vec::new() }
}

/// Who sends to whom, seen from the side that the packet comes from (outwards) or goes to.
pub(super) fn flow_of(packet: &Packet, is_outbound: bool) -> Option<Flow> {
    let (proto, source, destination, tcp) = match &packet.transport {
        Transport::Udp(header) => (Proto::Udp, header.source_port, header.destination_port, None),
        Transport::Tcp(header) => (Proto::Tcp, header.source_port, header.destination_port, Some(header.flags)),
        Transport::Icmp(_) | Transport::Icmpv6(_) => {
            let identifier = packet.as_echo()?.identifier;
            if is_outbound { (Proto::Icmp, identifier, 0, None) } else { (Proto::Icmp, 0, identifier, None) }
        }
        Transport::Other { protocol } => (Proto::Other(*protocol), 0, 0, None),
        Transport::Damaged => return None,
    };
    let (source, destination) = ((packet.src(), source), (packet.dst(), destination));
    let (local, remote) = if is_outbound { (source, destination) } else { (destination, source) };
    Some(Flow { proto, local, remote, tcp })
}

/// Protocol, local and remote end of the packet that an ICMP error quotes, as in a [`Flow`]. An error from inside (`is_outbound`) is about
/// what came in, so that the local end is its destination; one from outside is about what left.
pub(super) fn quoted_ends(packet: &Packet, is_outbound: bool) -> Option<(Proto, Endpoint, Endpoint)> {
    let quoted: Quoted = packet.quoted()?.ok()?;
    let (proto, from, to) = match (quoted.protocol, quoted.ports, quoted.identifier) {
        (protocol::UDP, Some((from, to)), _) => (Proto::Udp, from, to),
        (protocol::TCP, Some((from, to)), _) => (Proto::Tcp, from, to),
        (protocol::ICMP | protocol::ICMPV6, _, Some(id)) if is_outbound => (Proto::Icmp, 0, id),
        (protocol::ICMP | protocol::ICMPV6, _, Some(id)) => (Proto::Icmp, id, 0),
        _ => return None,
    };
    let (source, destination) = ((quoted.ip.src(), from), (quoted.ip.dst(), to));
    Some(if is_outbound { (proto, destination, source) } else { (proto, source, destination) })
}

/// A packet with its transport header read, as far as that can be.
pub(super) fn read(packet: Box<Packet>) -> Option<Box<Packet>> {
    if !matches!(packet.transport, Transport::Other { .. }) {
        return Some(packet);
    }
    packet.decode_transport().ok().map(Box::new)
}

fn may_be_cut(packet: &Packet) -> bool {
    matches!(&packet.ip, IpHeader::V4(header) if !header.dont_fragment)
}

impl Node {
    /// What the NAT or the firewall of this node has counted, if there is one; of two, the sums.
    pub fn nat_counts(&self) -> Option<TableCounts> {
        self.nat.as_ref().map(|nats| nats.counts())
    }

    /// Mappings of the NAT or the firewall of this node that are not over, if there is one; of two, the sum.
    pub fn nat_mappings(&self, now: SimTime) -> Option<u64> {
        self.nat.as_ref().map(|nats| nats.alive(now))
    }

    /// A packet has come in to a node with a NAT or a firewall. Says why, if it goes no further.
    #[inline(never)]
    pub(super) fn receive_at_nat(
        &mut self,
        packet: Box<Packet>,
        port: u32,
        cx: &mut Cx<'_, Element>,
    ) -> Option<DropCause> {
        let nats = self.nat.as_ref()?;
        let family = Family::of(&packet);
        if let Some((nat64, prefix)) = nats.nat64() {
            if family == Family::V6 {
                return self.receive_v6_at_nat64(packet, prefix, port, cx);
            }
            if nat64.is_external(packet.dst()) {
                return self.receive_v4_at_nat64(packet, prefix, port, cx);
            }
        }
        if nats.get(family).is_none() {
            return self.receive_open(packet, port, cx);
        }
        self.receive_at_box(packet, port, cx)
    }

    /// A packet has come in whose family meets a NAT or a firewall that is no NAT64.
    pub(super) fn receive_at_box(
        &mut self,
        packet: Box<Packet>,
        port: u32,
        cx: &mut Cx<'_, Element>,
    ) -> Option<DropCause> {
        let hop = self.routes.lookup(packet.dst());
        let nat = self.nat.as_ref()?.get(Family::of(&packet))?;
        let (is_from_inside, translates) = (port != nat.outside, nat.table.translates());
        let to_outside = hop.interface() == Some(nat.outside);
        let is_external = nat.is_external(packet.dst());
        let crosses = is_external
            || match hop {
                Hop::Group => return self.receive_for_group(packet, port, cx),
                Hop::Local => return self.deliver(packet, cx),
                _ if !self.forwards => return Some(self.counts.drop(DropCause::NotForUs)),
                Hop::None => false,
                _ => is_from_inside == to_outside,
            };
        if !crosses {
            return self.forward(packet, hop, cx);
        }
        if let Some(part) = packet.ip.fragment() {
            if packet.dst().is_ipv6() {
                return Some(self.counts.drop(DropCause::Filtered));
            }
            return match self.join(*packet, part, cx) {
                Ok(whole) => self.receive_at_box(whole?, port, cx),
                Err(cause) => Some(cause),
            };
        }
        let Some(packet) = read(packet) else { return Some(self.counts.drop(DropCause::Damaged)) };
        match (is_from_inside, is_external) {
            (true, true) => self.turn_around(packet, hop, cx),
            (true, false) => self.let_out(packet, hop, cx),
            (false, true) => self.let_in(packet, hop, cx),
            (false, false) if translates => Some(self.counts.drop(DropCause::NoMapping)),
            (false, false) => self.let_in(packet, hop, cx),
        }
    }

    /// Drops a packet from inside, and tells its sender if it is for want of a port or by a rule (RFC 5508 REQ-8).
    pub(super) fn refuse_out(
        &mut self,
        packet: &Packet,
        cause: DropCause,
        cx: &mut Cx<'_, Element>,
    ) -> Option<DropCause> {
        let is_told = matches!(cause, DropCause::NoPort | DropCause::Blocked);
        let nat = self.nat.as_ref().and_then(|nats| nats.get(Family::of(packet)));
        if is_told && let Some(nat) = nat.filter(|nat| nat.policy.says_prohibited) {
            // RFC 6146 §3.5.1.1 has Address Unreachable where there is no port.
            let is_full_nat64 = nat.policy.nat64.is_some() && cause == DropCause::NoPort;
            let error = if is_full_nat64 { ErrorCause::HostUnreachable } else { ErrorCause::Prohibited };
            return Some(self.refuse(packet, cause, error, cx));
        }
        Some(self.counts.drop(cause))
    }

    /// A packet from inside to outside.
    fn let_out(&mut self, mut packet: Box<Packet>, hop: Hop, cx: &mut Cx<'_, Element>) -> Option<DropCause> {
        if packet.ttl() <= 1 {
            return Some(self.refuse(&packet, DropCause::HopLimit, ErrorCause::HopLimitExceeded, cx));
        }
        let (nat, beside) = self.nat.as_mut()?.split(Family::of(&packet));
        let nat = nat?;
        let mtu = self.interfaces[nat.outside as usize].mtu_bytes;
        if packet.wire_len() > mtu && !may_be_cut(&packet) {
            let error = ErrorCause::TooBig { mtu: mtu as u32 };
            return Some(self.refuse(&packet, DropCause::TooBig, error, cx));
        }
        match nat.translate_out(beside, &mut packet, false, cx) {
            Ok(()) => self.forward(packet, hop, cx),
            Err(cause) => self.refuse_out(&packet, cause, cx),
        }
    }

    /// A packet from outside to inside: to an external address, or to one behind a firewall.
    fn let_in(&mut self, mut packet: Box<Packet>, hop: Hop, cx: &mut Cx<'_, Element>) -> Option<DropCause> {
        let family = Family::of(&packet);
        let nat = self.nat.as_mut()?.get_mut(family)?;
        let may_fail = packet.ttl() <= 1 || packet.wire_len() > nat.least_mtu;
        let original = may_fail.then(|| packet.clone());
        if let Err(cause) = nat.translate_in(&mut packet, cx.now()) {
            let is_own = cause == DropCause::NoMapping && hop == Hop::Local && self.serves(&packet);
            return if is_own { self.deliver(packet, cx) } else { self.keep_out(packet, family, cause, cx) };
        }
        let hop = self.routes.lookup(packet.dst());
        if let Some(original) = original {
            if packet.ttl() <= 1 {
                return Some(self.refuse(&original, DropCause::HopLimit, ErrorCause::HopLimitExceeded, cx));
            }
            let mtu = hop.interface().map_or(u64::MAX, |inside| self.interfaces[inside as usize].mtu_bytes);
            if packet.wire_len() > mtu && !may_be_cut(&packet) {
                let error = ErrorCause::TooBig { mtu: mtu as u32 };
                return Some(self.refuse(&original, DropCause::TooBig, error, cx));
            }
        }
        self.forward(packet, hop, cx)
    }

    /// A packet from inside to an external address (RFC 4787 §6).
    fn turn_around(&mut self, mut packet: Box<Packet>, hop: Hop, cx: &mut Cx<'_, Element>) -> Option<DropCause> {
        if packet.ttl() <= 1 && hop != Hop::Local {
            return Some(self.refuse(&packet, DropCause::HopLimit, ErrorCause::HopLimitExceeded, cx));
        }
        let (nat, beside) = self.nat.as_mut()?.split(Family::of(&packet));
        let nat = nat?;
        let is_error = packet.is_icmp_error();
        // Nobody answers a query of an external address but the node.
        let is_query = packet.as_echo().is_some_and(|echo| !echo.is_reply);
        let target = flow_of(&packet, false).filter(|_| !is_query);
        let is_mapped = target.is_some_and(|flow| nat.table.has_external(flow.proto, flow.local, cx.now()));
        if !is_error && !is_mapped {
            return if hop == Hop::Local && self.serves(&packet) {
                self.deliver(packet, cx)
            } else {
                Some(self.counts.drop(DropCause::NoMapping))
            };
        }
        if nat.policy.hairpinning == Hairpinning::None {
            return Some(self.counts.drop(DropCause::Filtered));
        }
        if packet.ttl() <= 1 {
            return Some(self.refuse(&packet, DropCause::HopLimit, ErrorCause::HopLimitExceeded, cx));
        }
        let internal = packet.source_socket().map(|socket| (socket.ip(), socket.port()));
        let original = packet.clone();
        if let Err(cause) = nat.translate_out(beside, &mut packet, true, cx) {
            return self.refuse_out(&original, cause, cx);
        }
        if let Err(cause) = nat.translate_in(&mut packet, cx.now()) {
            return Some(self.counts.drop(cause));
        }
        if let (Hairpinning::InternalSource, Some(internal)) = (nat.policy.hairpinning, internal) {
            packet.rewrite(PacketEnd::Source, internal);
        }
        let hop = self.routes.lookup(packet.dst());
        self.forward(packet, hop, cx)
    }

    /// True if a packet for the node itself would be taken there.
    pub(super) fn serves(&self, packet: &Packet) -> bool {
        match &packet.transport {
            Transport::Udp(header) => self.udp_listener(packet.dst(), header.destination_port).is_some(),
            Transport::Icmp(_) if packet.as_echo().is_some_and(|echo| !echo.is_reply) => true,
            // A host that has applications answers for what they do not take.
            _ => !self.apps.is_empty(),
        }
    }

    /// A packet from outside goes no further, by the box of a family. Of a SYN nothing is said yet (RFC 5382 REQ-4, RFC 6092 REC-33).
    pub(super) fn keep_out(
        &mut self,
        packet: Box<Packet>,
        family: Family,
        cause: DropCause,
        cx: &mut Cx<'_, Element>,
    ) -> Option<DropCause> {
        let nat = self.nat.as_mut().and_then(|nats| nats.get_mut(family));
        let Some(nat) = nat else { return Some(self.counts.drop(cause)) };
        if let Some(flow) = flow_of(&packet, false)
            && flow
                .tcp
                .is_some_and(|flags| flags.has(TcpFlags::SYN) && !flags.has_any(TcpFlags::ACK.with(TcpFlags::RST)))
            && nat.policy.refuses_syn
            && nat.held.len() < MOST_HELD
        {
            let due = cx.now().saturating_add(nat.policy.syn_hold);
            let (external, remote) = (flow.local, flow.remote);
            if !nat.held.iter().any(|held| (held.external, held.remote) == (external, remote)) {
                nat.held.push_back(HeldSyn { due, external, remote, packet });
                let timer = *nat.timer.get_or_insert_with(|| cx.new_timer(0, "unsolicited SYN"));
                if cx.deadline(timer).is_none() {
                    cx.arm(timer, due);
                }
            }
        }
        Some(self.counts.drop(cause))
    }

    /// Nobody inside has sent a SYN of its own: the senders of those that are held are told.
    pub(super) fn refuse_held(&mut self, cx: &mut Cx<'_, Element>) {
        for family in [Family::V4, Family::V6] {
            while let Some(nat) = self.nat.as_mut().and_then(|nats| nats.get_mut(family))
                && let Some(held) = nat.held.pop_front_if(|held| held.due <= cx.now())
            {
                let error = if nat.table.translates() { ErrorCause::PortUnreachable } else { ErrorCause::Prohibited };
                self.report_error(&held.packet, error, cx);
            }
            if let Some(nat) = self.nat.as_ref().and_then(|nats| nats.get(family))
                && let (Some(next), Some(timer)) = (nat.held.front(), nat.timer)
            {
                cx.arm(timer, next.due);
            }
        }
    }

    /// The node loses power: its boxes forget everything.
    pub(super) fn forget_mappings(&mut self, cx: &mut Cx<'_, Element>) {
        for nat in self.nat.iter_mut().flat_map(|nats| nats.all_mut()) {
            nat.forget();
            if let Some(timer) = nat.timer {
                cx.disarm(timer);
            }
        }
    }
}
