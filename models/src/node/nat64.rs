//! A NAT64: which packets it translates between IPv6 and IPv4, how large they may be, what is said by ICMP (RFC 6146, RFC 7915).
//!
//! | what comes | from | what becomes of it |
//! |---|---|---|
//! | IPv6 to the prefix | inside | mapped, and on its way as IPv4 |
//! | IPv6 to an external address under the prefix | inside | hairpin: out and in again |
//! | IPv6 to the prefix | outside, or from an address under the prefix | dropped (RFC 6146 §3.5: a hairpinning loop) |
//! | IPv6 to any other address | any side | as at any router |
//! | IPv4 to an external address with a mapping | any side | as the filter says, and on its way as IPv6 |
//! | any other IPv4 | any side | meets the box of IPv4, if there is one |
//!
//! Sizes (RFC 7915 §4 to §6): over IPv4 a packet is 20 bytes shorter. One of at most 1280 bytes of IPv6, or one that came in fragments, may
//! be cut over IPv4; any other has "don't fragment". One of IPv4 that may be cut is so over IPv6, to 1280 bytes at most;
//! any other has to fit the next link, and its sender is told what that takes, less 20. Fragments are put together before.

use super::Node;
use super::counts::DropCause;
use super::fragment::{allow_fragmentation, cut, set_fragment};
use super::ip::address_station;
use super::nat::{flow_of, quoted_ends, read};
use super::nats::Family;
use super::path_mtu::{LEAST_V6, plateau_below};
use super::routes::Hop;
use crate::element::Element;
use crate::nat::{Endpoint, Hairpinning, Nat64Prefix, Proto, extracted, synthesised};
use crate::packet::{
    Ends, ErrorCause, Fragment, GROWTH, IcmpMessage, IpHeader, MAX_WIRE_LEN, MOST_CUTTABLE, Mtus, Packet, PacketEnd,
    Transport,
};
use protosim_core::Cx;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A packet at the translator: a whole one, and the identification of the fragments that it came in.
struct Whole {
    packet: Box<Packet>,
    was_cut: Option<u32>,
}

/// A packet over IPv6, and where it goes.
struct Inward {
    packet: Packet,
    hop: Hop,
}

impl Node {
    /// A packet as one, if it is or if it was the last fragment that was missing.
    fn whole(&mut self, packet: Box<Packet>, cx: &mut Cx<'_, Element>) -> Result<Option<Whole>, DropCause> {
        let (packet, was_cut) = match packet.ip.fragment() {
            None => (Some(packet), None),
            Some(part) => (self.join(*packet, part, cx)?, Some(part.identification)),
        };
        let Some(packet) = packet else { return Ok(None) };
        match read(packet) {
            Some(packet) => Ok(Some(Whole { packet, was_cut })),
            None => Err(self.counts.drop(DropCause::Damaged)),
        }
    }

    /// An IPv6 packet has come in to a NAT64.
    pub(super) fn receive_v6_at_nat64(
        &mut self,
        packet: Box<Packet>,
        prefix: Nat64Prefix,
        port: u32,
        cx: &mut Cx<'_, Element>,
    ) -> Option<DropCause> {
        let Some(remote) = v4_under(prefix, packet.dst()) else { return self.receive_open(packet, port, cx) };
        if !self.forwards {
            return Some(self.counts.drop(DropCause::NotForUs));
        }
        let (nat, _) = self.nat.as_ref()?.nat64()?;
        if port == nat.outside || v4_under(prefix, packet.src()).is_some() {
            return Some(self.counts.drop(DropCause::Filtered));
        }
        let whole = match self.whole(packet, cx) {
            Ok(whole) => whole?,
            Err(cause) => return Some(cause),
        };
        if whole.packet.ttl() <= 1 {
            return Some(self.refuse(&whole.packet, DropCause::HopLimit, ErrorCause::HopLimitExceeded, cx));
        }
        let (nat, _) = self.nat.as_ref()?.nat64()?;
        if nat.is_external(IpAddr::V4(remote)) {
            return self.turn_around_v6(&whole, prefix, remote, port, cx);
        }
        self.let_out_over_v4(whole, prefix, remote, port, cx)
    }

    /// An IPv6 packet from inside to an IPv4 host.
    fn let_out_over_v4(
        &mut self,
        whole: Whole,
        prefix: Nat64Prefix,
        remote: Ipv4Addr,
        port: u32,
        cx: &mut Cx<'_, Element>,
    ) -> Option<DropCause> {
        let packet = &whole.packet;
        let hop = self.routes.lookup(IpAddr::V4(remote));
        let Some(leaving) = hop.interface() else {
            return Some(self.refuse(packet, DropCause::NoRoute, ErrorCause::NoRoute, cx));
        };
        let mtu = self.interfaces[leaving as usize].mtu_bytes;
        let is_error = packet.is_icmp_error();
        let len = packet.wire_len() - packet.ip.wire_len() + GROWTH;
        // Errors are made shorter.
        let may_be_cut = is_error || whole.was_cut.is_some() || len <= MOST_CUTTABLE;
        if !may_be_cut && len > mtu {
            let error = ErrorCause::TooBig { mtu: (mtu + GROWTH).max(LEAST_V6) as u32 };
            return Some(self.refuse(packet, DropCause::TooBig, error, cx));
        }
        if !is_error && len > MAX_WIRE_LEN {
            return Some(self.counts.drop(DropCause::TooBig));
        }
        let mtus = Mtus { v4: mtu, v6: self.interfaces[port as usize].mtu_bytes };
        let mut translated = match self.translate_to_v4(packet, prefix, remote, false, mtus, cx) {
            Ok(translated) => translated,
            Err(cause) => return self.refuse_out(packet, cause, cx),
        };
        translated.provenance = translated.provenance.unsealed();
        match (&mut translated.ip, whole.was_cut) {
            // RFC 7915 §5.1.1: the lower half of the identification.
            (IpHeader::V4(header), Some(identification)) => allow_fragmentation(header, identification),
            _ if may_be_cut => self.ip.let_routers_cut(&mut translated),
            _ => {}
        }
        translated.reseal();
        self.forward(Box::new(translated), hop, cx)
    }

    /// An IPv6 packet from inside to an external address (RFC 6146 §3.8).
    fn turn_around_v6(
        &mut self,
        whole: &Whole,
        prefix: Nat64Prefix,
        remote: Ipv4Addr,
        port: u32,
        cx: &mut Cx<'_, Element>,
    ) -> Option<DropCause> {
        let packet = &*whole.packet;
        let nat = self.nat.as_mut()?.get_mut(Family::V6)?;
        if !packet.is_icmp_error() {
            let is_query = packet.as_echo().is_some_and(|echo| !echo.is_reply);
            let target = flow_of(packet, false).filter(|_| !is_query);
            let external = target.map(|flow| (flow.proto, (IpAddr::V4(remote), flow.local.1)));
            if !external.is_some_and(|(proto, external)| nat.table.has_external(proto, external, cx.now())) {
                return Some(self.counts.drop(DropCause::NoMapping));
            }
        }
        if nat.policy.hairpinning == Hairpinning::None {
            return Some(self.counts.drop(DropCause::Filtered));
        }
        let v6 = self.interfaces[port as usize].mtu_bytes;
        let mtus = Mtus { v4: v6.saturating_sub(GROWTH), v6 };
        let over_v4 = match self.translate_to_v4(packet, prefix, remote, true, mtus, cx) {
            Ok(translated) => translated,
            Err(cause) => return self.refuse_out(packet, cause, cx),
        };
        match self.translate_to_v6(&over_v4, prefix, mtus.v4, cx) {
            Ok(inward) => self.let_in_over_v6(inward, packet, whole.was_cut, cx),
            Err(cause) => Some(self.counts.drop(cause)),
        }
    }

    /// An IPv4 packet has come in for an external address of a NAT64.
    pub(super) fn receive_v4_at_nat64(
        &mut self,
        packet: Box<Packet>,
        prefix: Nat64Prefix,
        port: u32,
        cx: &mut Cx<'_, Element>,
    ) -> Option<DropCause> {
        let Whole { packet, was_cut } = match self.whole(packet, cx) {
            Ok(whole) => whole?,
            Err(cause) => return Some(cause),
        };
        if !self.is_known_to_nat64(&packet, cx) {
            if self.nat.as_ref()?.get(Family::V4).is_some() {
                return self.receive_at_box(packet, port, cx);
            }
            let is_own = self.routes.lookup(packet.dst()) == Hop::Local && self.serves(&packet);
            return match is_own {
                true => self.deliver(packet, cx),
                false => self.keep_out(packet, Family::V6, DropCause::NoMapping, cx),
            };
        }
        let v4_mtu = self.interfaces[port as usize].mtu_bytes;
        let inward = match self.translate_to_v6(&packet, prefix, v4_mtu, cx) {
            Ok(inward) => inward,
            Err(cause) => return self.keep_out(packet, Family::V6, cause, cx),
        };
        if packet.ttl() <= 1 {
            return Some(self.refuse(&packet, DropCause::HopLimit, ErrorCause::HopLimitExceeded, cx));
        }
        let may_be_cut = match &packet.ip {
            IpHeader::V4(header) if !header.dont_fragment => Some(u32::from(header.identification)),
            _ => was_cut,
        };
        self.let_in_over_v6(inward, &packet, may_be_cut, cx)
    }

    /// True if an IPv4 packet is for a mapping of the NAT64, whether its filter lets it in or not, or an error about one.
    fn is_known_to_nat64(&mut self, packet: &Packet, cx: &Cx<'_, Element>) -> bool {
        let Some(nat) = self.nat.as_mut().and_then(|nats| nats.get_mut(Family::V6)) else { return false };
        let now = cx.now();
        if packet.is_icmp_error() {
            return quoted_ends(packet, false)
                .is_some_and(|(proto, local, remote)| nat.table.internal_of(proto, local, remote, now).is_some());
        }
        // Nobody inside has asked for a query.
        let is_query = packet.as_echo().is_some_and(|echo| !echo.is_reply);
        flow_of(packet, false)
            .filter(|_| !is_query)
            .is_some_and(|flow| nat.table.has_external(flow.proto, flow.local, now))
    }

    /// A packet over IPv6 goes to a host inside. `original` is what its sender has sent; `may_be_cut` the identification of its fragments, if
    /// it may come in such.
    fn let_in_over_v6(
        &mut self,
        inward: Inward,
        original: &Packet,
        may_be_cut: Option<u32>,
        cx: &mut Cx<'_, Element>,
    ) -> Option<DropCause> {
        let Inward { mut packet, hop } = inward;
        let Some(leaving) = hop.interface() else {
            return Some(self.refuse(original, DropCause::NoRoute, ErrorCause::HostUnreachable, cx));
        };
        let mtu = self.interfaces[leaving as usize].mtu_bytes;
        let (len, is_error) = (packet.wire_len(), packet.is_icmp_error());
        let Some(identification) = may_be_cut.filter(|_| !is_error && len > mtu.min(LEAST_V6)) else {
            if len > mtu {
                let smaller = if original.src().is_ipv4() { GROWTH } else { 0 };
                let error = ErrorCause::TooBig { mtu: mtu.saturating_sub(smaller) as u32 };
                return Some(self.refuse(original, DropCause::TooBig, error, cx));
            }
            return self.forward(Box::new(packet), hop, cx);
        };
        // RFC 7915 §4.1: with a fragment header, and small enough for any IPv6 link.
        packet.provenance = packet.provenance.unsealed();
        set_fragment(&mut packet.ip, Fragment { offset: 0, more: false, identification });
        let alive = packet.decrement_ttl();
        debug_assert!(alive, "more than one hop was left");
        address_station(&mut packet, hop);
        match cut(&packet, mtu.min(LEAST_V6)) {
            Some(parts) => {
                self.counts.forwarded += 1;
                self.transmit_parts(parts, leaving, cx);
                None
            }
            None => Some(self.counts.drop(DropCause::TooBig)),
        }
    }

    /// The IPv4 packet that leaves for an IPv6 packet from inside to `remote`.
    fn translate_to_v4(
        &mut self,
        packet: &Packet,
        prefix: Nat64Prefix,
        remote: Ipv4Addr,
        is_hairpin: bool,
        mtus: Mtus,
        cx: &mut Cx<'_, Element>,
    ) -> Result<Packet, DropCause> {
        let Some(nats) = &mut self.nat else { return Err(DropCause::NoMapping) };
        let (Some(nat), beside) = nats.split(Family::V6) else { return Err(DropCause::NoMapping) };
        if packet.is_icmp_error() {
            let (proto, local, (quoted, port)) = quoted_ends(packet, true).ok_or(DropCause::NoMapping)?;
            let quoted = v4_under(prefix, quoted).ok_or(DropCause::NoMapping)?;
            let external = nat.table.external_of(proto, local, (IpAddr::V4(quoted), port), cx.now());
            let (address, external) = v4_end(external.ok_or(DropCause::NoMapping)?).ok_or(DropCause::NoMapping)?;
            let ends = ends_of(proto, (quoted, port), (address, external));
            return packet.error_over_v4(address, remote, ends, mtus).ok_or(DropCause::NoProtocol);
        }
        let mut flow = flow_of(packet, true).ok_or(DropCause::NoProtocol)?;
        flow.remote.0 = IpAddr::V4(remote);
        // Before anything is mapped for what cannot be translated.
        let mut translated = packet.over_v4(Ipv4Addr::UNSPECIFIED, remote).ok_or(DropCause::NoProtocol)?;
        let external = nat.map_out(beside, &flow, is_hairpin, cx)?;
        translated.rewrite(PacketEnd::Source, external);
        Ok(translated)
    }

    /// The IPv6 packet that an IPv4 packet for an external address becomes. `v4_mtu` is what the link takes that it came over.
    fn translate_to_v6(
        &mut self,
        packet: &Packet,
        prefix: Nat64Prefix,
        v4_mtu: u64,
        cx: &Cx<'_, Element>,
    ) -> Result<Inward, DropCause> {
        let now = cx.now();
        let nat = self.nat.as_mut().and_then(|nats| nats.get_mut(Family::V6)).ok_or(DropCause::NoMapping)?;
        let IpAddr::V4(src) = packet.src() else { return Err(DropCause::NoProtocol) };
        let shown = synthesised(prefix, src);
        if !packet.is_icmp_error() {
            let flow = flow_of(packet, false).ok_or(DropCause::NoProtocol)?;
            let internal = nat.table.inbound(&flow, now)?;
            let (address, _) = v6_end(internal).ok_or(DropCause::NoMapping)?;
            let mut translated = packet.over_v6(shown, address).ok_or(DropCause::NoProtocol)?;
            translated.rewrite(PacketEnd::Destination, internal);
            return Ok(Inward { packet: translated, hop: self.routes.lookup(internal.0) });
        }
        let (proto, local, remote) = quoted_ends(packet, false).ok_or(DropCause::NoMapping)?;
        let internal = nat.table.internal_of(proto, local, remote, now).ok_or(DropCause::NoMapping)?;
        let (address, port) = v6_end(internal).ok_or(DropCause::NoMapping)?;
        let (quoted, remote_port) = v4_end(remote).ok_or(DropCause::NoMapping)?;
        let ends = ends_of(proto, (address, port), (synthesised(prefix, quoted), remote_port));
        let hop = self.routes.lookup(internal.0);
        let v6 = hop.interface().map_or(LEAST_V6, |leaving| self.interfaces[leaving as usize].mtu_bytes);
        let told = with_mtu(packet);
        let translated = told.error_over_v6(shown, address, ends, Mtus { v4: v4_mtu, v6 });
        Ok(Inward { packet: translated.ok_or(DropCause::NoProtocol)?, hop })
    }
}

/// Source and destination of a quoted packet. An echo has one identifier for both: that of the end which has one.
fn ends_of<A>(proto: Proto, source: (A, u16), destination: (A, u16)) -> Ends<A> {
    match proto {
        Proto::Icmp => {
            let identifier = source.1 | destination.1;
            [(source.0, identifier), (destination.0, identifier)]
        }
        _ => [source, destination],
    }
}

/// An ICMP error that says which MTU is meant, where an old router does not (RFC 7915 §4.2: the plateau of RFC 1191 §7).
fn with_mtu(packet: &Packet) -> Packet {
    let mut told = packet.clone();
    if let Transport::Icmp(IcmpMessage::FragmentationNeeded { next_hop_mtu }) = &mut told.transport
        && *next_hop_mtu == 0
        && let Some(Ok(quoted)) = packet.quoted()
    {
        *next_hop_mtu = plateau_below(quoted.wire_len) as u16;
    }
    told
}

fn v4_under(prefix: Nat64Prefix, address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V6(address) => extracted(prefix, address),
        IpAddr::V4(_) => None,
    }
}

fn v4_end((address, port): Endpoint) -> Option<(Ipv4Addr, u16)> {
    match address {
        IpAddr::V4(address) => Some((address, port)),
        IpAddr::V6(_) => None,
    }
}

fn v6_end((address, port): Endpoint) -> Option<(Ipv6Addr, u16)> {
    match address {
        IpAddr::V6(address) => Some((address, port)),
        IpAddr::V4(_) => None,
    }
}
