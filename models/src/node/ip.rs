//! The IP layer of a node: receive, deliver, forward, send.

use super::config::IpConfig;
use super::counts::DropCause;
use super::fragment::{Identifications, allow_fragmentation, cut, set_fragment};
use super::host::Arrival;
use super::limit::ErrorLimit;
use super::multicast::{GroupRoute, Groups};
use super::path_mtu::{LEAST_V6, PathMtus};
use super::reassembly::Reassembly;
use super::report::{Fate, LinkEnd, Report};
use super::routes::Hop;
use super::{CHANNEL_PORT, CONTROL_PORT, Entrance, Node};
use crate::app::SocketId;
use crate::element::Element;
use crate::packet::{
    ErrorCause, Fragment, IcmpMessage, Icmpv6Message, IpHeader, Packet, Quoted, Transport, is_to_many, protocol,
};
use protosim_core::kernel::Interests;
use protosim_core::{Cx, TimerId};
use std::net::{IpAddr, SocketAddr};

/// What the IP layer of a node knows beside its routes.
#[derive(Clone, Debug)]
pub(super) struct IpState {
    pub(super) reassembly: Reassembly,
    pub(super) reassembly_timer: Option<TimerId>,
    pub(super) groups: Groups,
    identifications: Identifications,
    path_mtus: PathMtus,
    discovers_path_mtus: bool,
    sends_errors: bool,
    errors: ErrorLimit,
}

impl IpState {
    pub(super) fn new(config: &IpConfig, groups: Vec<GroupRoute>) -> Self {
        Self {
            reassembly: Reassembly::new(config.reassembly_timeout(), config.reassembly_memory().as_bytes()),
            reassembly_timer: None,
            groups: Groups::new(groups),
            identifications: Identifications::default(),
            path_mtus: PathMtus::new(config.path_mtu_lifetime()),
            discovers_path_mtus: config.path_mtu_discovery(),
            sends_errors: config.icmp_errors(),
            errors: ErrorLimit::new(config.icmp_errors_per_second(), config.icmp_error_burst()),
        }
    }

    /// The largest packet for a destination behind an interface that takes `first_link` bytes.
    #[inline]
    pub(super) fn mtu_to(&mut self, to: IpAddr, first_link: u64, now: protosim_core::SimTime) -> u64 {
        match to {
            to if self.discovers_path_mtus => self.path_mtus.get(to, first_link, now),
            // RFC 8201 §1: who does not discover path MTUs keeps to the least one.
            IpAddr::V6(_) => first_link.min(LEAST_V6),
            IpAddr::V4(_) => first_link,
        }
    }

    /// Lets routers cut a packet of this node's over IPv4, which nobody cuts otherwise.
    pub(super) fn let_routers_cut(&mut self, packet: &mut Packet) {
        if let IpHeader::V4(header) = &packet.ip
            && header.dont_fragment
        {
            let id = self.identifications.next(packet);
            if let IpHeader::V4(header) = &mut packet.ip {
                allow_fragmentation(header, id);
            }
        }
    }

    /// Forgets what it has learnt, as a node does that loses power; says how many fragments had waited.
    pub(super) fn forget(&mut self) -> u64 {
        self.identifications.clear();
        self.path_mtus.clear();
        self.reassembly.clear()
    }
}

/// Addresses a packet to the next station on a shared medium, and says by which interface. `None` if the hop is not by one.
#[inline(never)]
pub(super) fn address_station(packet: &mut Packet, hop: Hop) -> Option<u32> {
    let (interface, station) = hop.station(packet.dst())?;
    packet.provenance.station = station;
    Some(interface)
}

impl Node {
    /// A packet has come in from a link at interface `port`, or a message of a channel. Says why, if it goes no further.
    #[inline]
    pub(super) fn receive(&mut self, packet: Box<Packet>, port: u32, cx: &mut Cx<'_, Element>) -> Option<DropCause> {
        if self.entrance != Entrance::Open || matches!(packet.transport, Transport::Damaged) {
            return self.receive_otherwise(packet, port, cx);
        }
        self.receive_open(packet, port, cx)
    }

    /// A packet that nothing keeps out.
    #[inline(always)]
    pub(super) fn receive_open(
        &mut self,
        packet: Box<Packet>,
        port: u32,
        cx: &mut Cx<'_, Element>,
    ) -> Option<DropCause> {
        match self.routes.lookup(packet.dst()) {
            Hop::Local => self.deliver(packet, cx),
            Hop::Group => self.receive_for_group(packet, port, cx),
            _ if !self.forwards => Some(self.counts.drop(DropCause::NotForUs)),
            hop => self.forward(packet, hop, cx),
        }
    }

    /// [`Node::receive`] whatever the node has, and whatever the packet is.
    // Beside the usual way of packets, which it must not make longer.
    #[inline(never)]
    fn receive_otherwise(&mut self, packet: Box<Packet>, port: u32, cx: &mut Cx<'_, Element>) -> Option<DropCause> {
        if port >= CONTROL_PORT {
            self.on_control(packet, cx);
            return None;
        }
        if port >= CHANNEL_PORT {
            self.receive_message(port - CHANNEL_PORT, packet, cx);
            return None;
        }
        if self.entrance == Entrance::Closed {
            return Some(self.counts.drop(DropCause::NodeDown));
        }
        if matches!(packet.transport, Transport::Damaged) {
            return self.receive_damaged(*packet, port, cx);
        }
        if self.nat.is_some() {
            return self.receive_at_nat(packet, port, cx);
        }
        self.receive_open(packet, port, cx)
    }

    /// A packet whose bits have flipped on the way: if neither version nor length nor the header's checksum shows it, it goes on
    /// as what it has become.
    #[cold]
    fn receive_damaged(&mut self, packet: Packet, port: u32, cx: &mut Cx<'_, Element>) -> Option<DropCause> {
        match packet.as_received() {
            Ok(read) => self.receive(Box::new(read), port, cx),
            Err(_) => Some(self.counts.drop(DropCause::Damaged)),
        }
    }

    /// Passes a packet on (RFC 1812 §5.2, RFC 8200 §3).
    #[inline]
    pub(super) fn forward(&mut self, mut packet: Box<Packet>, hop: Hop, cx: &mut Cx<'_, Element>) -> Option<DropCause> {
        // A packet for the router itself is never too old: that was decided before (RFC 1812 §5.3.1).
        if packet.ttl() <= 1 {
            return Some(self.refuse(&packet, DropCause::HopLimit, ErrorCause::HopLimitExceeded, cx));
        }
        let index = match hop {
            Hop::Interface(index) => index,
            _ => match address_station(&mut packet, hop) {
                Some(index) => index,
                None => return Some(self.refuse(&packet, DropCause::NoRoute, ErrorCause::NoRoute, cx)),
            },
        };
        self.pass_on(packet, index, cx)
    }

    /// Sends a packet that may make another hop on its way through an interface.
    #[inline]
    pub(super) fn pass_on(
        &mut self,
        mut packet: Box<Packet>,
        index: u32,
        cx: &mut Cx<'_, Element>,
    ) -> Option<DropCause> {
        let mtu = self.interfaces[index as usize].mtu_bytes;
        let len = packet.wire_len();
        if len > mtu {
            return self.pass_on_in_parts(packet, mtu, index, cx);
        }
        packet.lower_ttl();
        self.counts.forwarded += 1;
        self.transmit(packet, len, index, cx)
    }

    /// A packet on its way that the next link does not take whole (RFC 1812 §5.3.3).
    #[cold]
    fn pass_on_in_parts(
        &mut self,
        mut packet: Box<Packet>,
        mtu: u64,
        index: u32,
        cx: &mut Cx<'_, Element>,
    ) -> Option<DropCause> {
        let parts = match &packet.ip {
            IpHeader::V4(header) if !header.dont_fragment => {
                packet.lower_ttl();
                cut(&packet, mtu)
            }
            _ => None,
        };
        let Some(parts) = parts else {
            let cause = ErrorCause::TooBig { mtu: mtu as u32 };
            return Some(self.refuse(&packet, DropCause::TooBig, cause, cx));
        };
        self.counts.forwarded += 1;
        self.transmit_parts(parts, index, cx);
        None
    }

    pub(super) fn transmit_parts(&mut self, parts: Vec<Packet>, index: u32, cx: &mut Cx<'_, Element>) {
        self.counts.fragments_made += parts.len() as u64 - 1;
        for part in parts {
            let len = part.wire_len();
            self.transmit(Box::new(part), len, index, cx);
        }
    }

    /// Hands a packet of `len` bytes to an interface.
    #[inline]
    fn transmit(&mut self, packet: Box<Packet>, len: u64, index: u32, cx: &mut Cx<'_, Element>) -> Option<DropCause> {
        self.interfaces[index as usize].transmitter.offer(packet, len, &mut self.drops, cx);
        if !self.drops.is_empty() {
            self.dispose(index, cx);
        }
        None // what is dropped is so at the sender's end of the next link, not here
    }

    /// Reports a packet that did not get onto the link of an interface, if someone listens.
    fn report_unsent(&self, packet: Packet, index: u32, cause: DropCause, cx: &mut Cx<'_, Element>) {
        if cx.wants(Interests::PACKETS) {
            let wire = self.interfaces[index as usize].transmitter.wire();
            let fate = Fate::Dropped(cause);
            cx.report_packet(Report::packet(wire, LinkEnd::Sender, packet, fate));
        }
    }

    /// Drops a packet and tells its sender, where an ICMP error is allowed.
    pub(super) fn refuse(
        &mut self,
        packet: &Packet,
        drop: DropCause,
        error: ErrorCause,
        cx: &mut Cx<'_, Element>,
    ) -> DropCause {
        self.report_error(packet, error, cx);
        self.counts.drop(drop)
    }

    /// Tells the sender of a packet what went wrong with it, where an ICMP error is allowed and the limit is not reached.
    pub(super) fn report_error(&mut self, packet: &Packet, error: ErrorCause, cx: &mut Cx<'_, Element>) {
        if !self.ip.sends_errors || !packet.may_report_error(error) {
            return;
        }
        let reporter = self.primary_address(packet.src());
        if let Some(message) = reporter.and_then(|address| packet.icmp_error(error, address))
            && self.ip.errors.allows(cx.now())
        {
            self.originate(Box::new(message), cx);
        }
    }

    /// Sends a packet that was made here.
    pub(super) fn originate(&mut self, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        let hop = self.routes.lookup(packet.dst());
        self.originate_by(hop, packet, cx);
    }

    /// Sends a packet that was made here and is bound to leave by an interface: if the usual route leads elsewhere, by way of the
    /// router behind that interface, if there is one.
    // Beside the usual way of packets, which it must not make longer.
    #[inline(never)]
    pub(super) fn originate_from(&mut self, index: u32, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        let usual = self.routes.lookup(packet.dst());
        let leads_elsewhere = !matches!(usual, Hop::Local | Hop::Group) && usual.interface() != Some(index);
        let hop = match self.interfaces[index as usize].gateway {
            Some(0) if leads_elsewhere => Hop::Interface(index),
            Some(station) if leads_elsewhere => Hop::Station { interface: index, station },
            _ => usual,
        };
        self.originate_by(hop, packet, cx);
    }

    #[inline(always)]
    fn originate_by(&mut self, hop: Hop, mut packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        self.counts.originated += 1;
        self.counts.originated_bytes += packet.wire_len();
        self.next_packet_id += 1;
        // Unique in the run: the node's rank above its own count.
        packet.provenance.packet_id = u64::from(cx.entity().0) << 40 | self.next_packet_id;
        packet.provenance.sent_at = cx.now();
        match hop {
            Hop::Local => {
                self.to_self.push_back(packet);
                self.stirred = true;
            }
            Hop::None => {
                self.counts.drop(DropCause::NoRoute);
            }
            Hop::Group => self.send_to_group(*packet, cx),
            Hop::Interface(index) => self.emit(packet, index, cx),
            hop @ (Hop::Station { .. } | Hop::OnLink(_)) => {
                if let Some(index) = address_station(&mut packet, hop) {
                    self.emit(packet, index, cx);
                }
            }
        }
    }

    /// Sends a packet that was made here through an interface, in parts if it has to be.
    pub(super) fn emit(&mut self, mut packet: Box<Packet>, index: u32, cx: &mut Cx<'_, Element>) {
        let mtu = self.path_mtu(&packet, index, cx);
        let len = packet.wire_len();
        let is_whole = len <= mtu;
        if !(is_whole && self.ip.discovers_path_mtus && !packet.is_icmp_error()) {
            self.ip.let_routers_cut(&mut packet);
        }
        if is_whole {
            packet.seal(len);
            self.transmit(packet, len, index, cx);
        } else {
            self.emit_in_parts(packet, mtu, index, cx);
        }
    }

    #[cold]
    fn emit_in_parts(&mut self, mut packet: Box<Packet>, mtu: u64, index: u32, cx: &mut Cx<'_, Element>) {
        // What is a fragment already was made so by whoever made it, and is not cut again at an IPv6 source.
        if packet.dst().is_ipv6() && packet.ip.fragment().is_none() {
            let identification = self.ip.identifications.next(&packet);
            set_fragment(&mut packet.ip, Fragment { offset: 0, more: false, identification });
        }
        match cut(&packet, mtu) {
            Some(parts) if packet.dst().is_ipv4() || packet.ip.fragment().is_none() => {
                self.transmit_parts(parts, index, cx);
            }
            _ => {
                let cause = self.counts.drop(DropCause::TooBig);
                self.report_unsent(*packet, index, cause, cx);
            }
        }
    }

    /// The largest packet that should leave through an interface for the destination of this one.
    #[inline]
    fn path_mtu(&mut self, packet: &Packet, index: u32, cx: &Cx<'_, Element>) -> u64 {
        let first_link = self.interfaces[index as usize].mtu_bytes;
        self.ip.mtu_to(packet.dst(), first_link, cx.now())
    }

    /// A router has said what its next link takes (RFC 1191 §3, RFC 8201 §4). What it quotes must be a packet of ours.
    fn learn_path_mtu(&mut self, packet: &Packet, quoted: &Quoted, cx: &Cx<'_, Element>) {
        let told = match packet.transport {
            Transport::Icmp(IcmpMessage::FragmentationNeeded { next_hop_mtu }) => u64::from(next_hop_mtu),
            Transport::Icmpv6(Icmpv6Message::PacketTooBig { mtu }) => u64::from(mtu),
            _ => return,
        };
        if self.ip.discovers_path_mtus && self.routes.lookup(quoted.ip.src()) == Hop::Local {
            self.ip.path_mtus.learn(quoted.ip.dst(), told, quoted.wire_len, cx.now());
        }
    }

    /// Does what is due in this very instant, until nothing is left: deliveries of what this node has sent
    /// to itself, and timers that applications have set to the present or the past.
    #[inline]
    pub(super) fn come_to_rest(&mut self, cx: &mut Cx<'_, Element>) {
        if self.stirred {
            self.work_off(cx);
        }
    }

    /// [`Node::come_to_rest`] where there may be something to do.
    fn work_off(&mut self, cx: &mut Cx<'_, Element>) {
        while !(self.to_self.is_empty() && self.due.is_empty() && !self.tcp.is_restless()) {
            if !cx.step() {
                return;
            }
            if self.tcp.is_restless() {
                self.tend_tcp(cx);
            } else if let Some(packet) = self.to_self.pop_front() {
                self.deliver(packet, cx);
            } else if let Some((app, token)) = self.due.pop_front() {
                self.with_app(app, cx, |app, host| app.on_timer(token, host));
            }
        }
        self.stirred = false;
        if self.is_metered() {
            self.meter_work(cx);
        }
        if self.touched || self.tcp.stack.is_dirty() {
            cx.ask_flush();
        }
    }

    /// A packet for this node.
    pub(super) fn deliver(&mut self, packet: Box<Packet>, cx: &mut Cx<'_, Element>) -> Option<DropCause> {
        match packet.transport {
            Transport::Udp(_) => self.deliver_udp(packet, cx),
            Transport::Icmp(_) | Transport::Icmpv6(_) => {
                self.counts.delivered += 1;
                self.deliver_icmp(&packet, cx);
                None
            }
            Transport::Tcp(_) => {
                self.deliver_tcp(packet, cx);
                None
            }
            Transport::Other { .. } | Transport::Damaged => self.deliver_unread(*packet, cx),
        }
    }

    /// A packet whose transport header has not been read: a fragment, a damaged packet, or one of a protocol that is not served.
    #[cold]
    fn deliver_unread(&mut self, packet: Packet, cx: &mut Cx<'_, Element>) -> Option<DropCause> {
        if let Some(part) = packet.ip.fragment() {
            return self.reassemble(packet, part, cx);
        }
        match packet.clone().decode_transport() {
            Err(_) => Some(self.counts.drop(DropCause::Damaged)),
            Ok(read) if !matches!(read.transport, Transport::Other { .. } | Transport::Damaged) => {
                self.deliver(Box::new(read), cx)
            }
            Ok(_) => Some(self.refuse(&packet, DropCause::NoProtocol, ErrorCause::ProtocolUnreachable, cx)),
        }
    }

    fn deliver_udp(&mut self, packet: Box<Packet>, cx: &mut Cx<'_, Element>) -> Option<DropCause> {
        let listener = packet.ports().and_then(|(_, port)| self.udp_listener(packet.dst(), port));
        let (Some(from), Some((socket, app))) = (packet.source_socket(), listener) else {
            return Some(self.refuse(&packet, DropCause::NoListener, ErrorCause::PortUnreachable, cx));
        };
        self.counts.delivered += 1;
        let group = Some(packet.dst()).filter(|address| is_to_many(*address));
        let arrival = Arrival { sent_at: packet.provenance.sent_at, ecn: packet.ip.ecn(), group };
        self.with_app_on_arrival(app, arrival, cx, |app, host| app.on_datagram(socket, from, packet.recycle(), host));
        None
    }

    /// The socket that datagrams to an address and a port are for, and whose it is. One that is bound to an address whose interface is
    /// down is for none.
    #[inline(always)]
    pub(super) fn udp_listener(&self, address: IpAddr, port: u16) -> Option<(SocketId, u32)> {
        let (socket, app, is_bound) = self.udp.listener(address, port)?;
        (!is_bound || self.interface_with(address).is_some()).then_some((socket, app))
    }

    /// Answers echo requests; passes echo replies and errors to the application that they concern.
    fn deliver_icmp(&mut self, packet: &Packet, cx: &mut Cx<'_, Element>) {
        if let Some(echo) = packet.as_echo() {
            if packet.dst().is_multicast() {
                // RFC 1122 §3.2.2.6 leaves it open; Linux does not answer.
            } else if !echo.is_reply {
                // RFC 1122 §3.2.2.6: from the address that was asked, with all the data.
                let reply = crate::packet::Echo { is_reply: true, ..echo };
                if let Ok(answer) = Packet::echo(packet.dst(), packet.src(), reply, packet.payload.clone()) {
                    self.originate(Box::new(answer), cx);
                }
            } else if (echo.identifier as usize) < self.apps.len() {
                let (from, payload) = (packet.src(), packet.payload.clone());
                let app = u32::from(echo.identifier);
                self.with_app(app, cx, |app, host| app.on_echo_reply(from, echo.sequence, payload, host));
            }
            return;
        }
        let Some(Ok(quoted)) = packet.quoted() else { return };
        self.learn_path_mtu(packet, &quoted, cx);
        if quoted.protocol == protocol::TCP {
            return self.take_error_about_tcp(packet, &quoted, cx);
        }
        if quoted.protocol == protocol::UDP
            && let Some((source_port, destination_port)) = quoted.ports
            && let Some((socket, app)) = self.udp_listener(quoted.ip.src(), source_port)
        {
            let to = SocketAddr::new(quoted.ip.dst(), destination_port);
            self.with_app(app, cx, |app, host| app.on_unreachable(socket, to, host));
        }
    }
}
