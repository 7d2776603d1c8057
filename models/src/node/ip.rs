//! The IP layer of a node: receive, deliver, forward, send.

use super::Node;
use super::counts::DropCause;
use super::host::Arrival;
use super::report::{Fate, LinkEnd, PacketReport, Report};
use super::routes::Hop;
use crate::packet::{ErrorCause, Packet, Transport, protocol};
use protosim_core::Cx;
use protosim_core::kernel::Interests;

impl Node {
    /// A packet has come in from a link. Says why, if it goes no further.
    #[inline]
    pub(super) fn receive(&mut self, packet: Box<Packet>, cx: &mut Cx<'_, Self>) -> Option<DropCause> {
        if !self.is_up {
            return Some(self.counts.drop(DropCause::NodeDown));
        }
        if matches!(packet.transport, Transport::Damaged) {
            return self.receive_damaged(*packet, cx);
        }
        match self.routes.lookup(packet.dst()) {
            Hop::Local => self.deliver(packet, cx),
            _ if !self.forwards => Some(self.counts.drop(DropCause::NotForUs)),
            hop => self.forward(packet, hop, cx),
        }
    }

    /// A packet whose bits have flipped on the way: if neither version nor length nor the header's checksum shows it, it goes on
    /// as what it has become.
    #[cold]
    fn receive_damaged(&mut self, packet: Packet, cx: &mut Cx<'_, Self>) -> Option<DropCause> {
        match packet.as_received() {
            Ok(read) => self.receive(Box::new(read), cx),
            Err(_) => Some(self.counts.drop(DropCause::Damaged)),
        }
    }

    /// Passes a packet on (RFC 1812 §5.2, RFC 8200 §3).
    #[inline]
    fn forward(&mut self, mut packet: Box<Packet>, hop: Hop, cx: &mut Cx<'_, Self>) -> Option<DropCause> {
        // A packet for the router itself is never too old: that was decided before (RFC 1812 §5.3.1).
        if packet.ttl() <= 1 {
            return Some(self.refuse(&packet, DropCause::HopLimit, ErrorCause::HopLimitExceeded, cx));
        }
        let Hop::Interface(index) = hop else {
            return Some(self.refuse(&packet, DropCause::NoRoute, ErrorCause::NoRoute, cx));
        };
        let mtu = self.interfaces[index as usize].mtu_bytes;
        let len = packet.wire_len();
        if len > mtu {
            let cause = ErrorCause::TooBig { mtu: mtu as u32 };
            return Some(self.refuse(&packet, DropCause::TooBig, cause, cx));
        }
        let alive = packet.decrement_ttl();
        debug_assert!(alive, "more than one hop was left");
        self.counts.forwarded += 1;
        self.transmit(packet, len, index, cx)
    }

    /// Hands a packet of `len` bytes to an interface.
    #[inline]
    fn transmit(&mut self, packet: Box<Packet>, len: u64, index: u32, cx: &mut Cx<'_, Self>) -> Option<DropCause> {
        let mut drops = std::mem::take(&mut self.drops);
        self.interfaces[index as usize].transmitter.offer(packet, len, &mut drops, cx);
        if !drops.is_empty() {
            self.dispose(&mut drops, index, cx);
        }
        self.drops = drops;
        None // what is dropped is so at the sender's end of the next link, not here
    }

    /// Reports a packet that did not get onto the link of an interface, if someone listens.
    fn report_unsent(&self, packet: Packet, index: u32, cause: DropCause, cx: &mut Cx<'_, Self>) {
        if cx.wants(Interests::PACKETS) {
            let wire = self.interfaces[index as usize].transmitter.wire();
            let fate = Fate::Dropped(cause);
            cx.report_packet(Report::Packet(PacketReport { wire, end: LinkEnd::Sender, packet, fate }));
        }
    }

    /// Drops a packet and tells its sender, where an ICMP error is allowed.
    fn refuse(&mut self, packet: &Packet, drop: DropCause, error: ErrorCause, cx: &mut Cx<'_, Self>) -> DropCause {
        let reporter = self.primary_address(packet.src());
        if let Some(message) = reporter.and_then(|address| packet.icmp_error(error, address)) {
            self.originate(message, cx);
        }
        self.counts.drop(drop)
    }

    /// Sends a packet that was made here.
    pub(super) fn originate(&mut self, mut packet: Packet, cx: &mut Cx<'_, Self>) {
        self.counts.originated += 1;
        self.next_packet_id += 1;
        // Unique in the run: the node's rank above its own count.
        packet.provenance.packet_id = u64::from(cx.entity().0) << 40 | self.next_packet_id;
        packet.provenance.sent_at = cx.now();
        match self.routes.lookup(packet.dst()) {
            Hop::Local => self.to_self.push_back(Box::new(packet)),
            Hop::None => {
                self.counts.drop(DropCause::NoRoute);
            }
            Hop::Interface(index) => {
                let len = packet.wire_len();
                if len > self.interfaces[index as usize].mtu_bytes {
                    let cause = self.counts.drop(DropCause::TooBig);
                    self.report_unsent(packet, index, cause, cx);
                } else {
                    self.transmit(Box::new(packet), len, index, cx);
                }
            }
        }
    }

    /// Does what is due in this very instant, until nothing is left: deliveries of what this node has sent
    /// to itself, and timers that applications have set to the present or the past.
    #[inline]
    pub(super) fn come_to_rest(&mut self, cx: &mut Cx<'_, Self>) {
        while !(self.to_self.is_empty() && self.due.is_empty()) {
            if !cx.step() {
                return;
            }
            if let Some(packet) = self.to_self.pop_front() {
                self.deliver(packet, cx);
            } else if let Some((app, token)) = self.due.pop_front() {
                self.with_app(app, cx, |app, host| app.on_timer(token, host));
            }
        }
    }

    /// A packet for this node.
    fn deliver(&mut self, packet: Box<Packet>, cx: &mut Cx<'_, Self>) -> Option<DropCause> {
        match packet.transport {
            Transport::Udp(_) => self.deliver_udp(packet, cx),
            Transport::Icmp(_) | Transport::Icmpv6(_) => {
                self.counts.delivered += 1;
                self.deliver_icmp(&packet, cx);
                None
            }
            Transport::Other { .. } | Transport::Damaged => self.deliver_unread(*packet, cx),
        }
    }

    /// A packet whose transport header has not been read: that of a damaged packet, or of a protocol that is not served.
    #[cold]
    fn deliver_unread(&mut self, packet: Packet, cx: &mut Cx<'_, Self>) -> Option<DropCause> {
        match packet.clone().decode_transport() {
            Err(_) => Some(self.counts.drop(DropCause::Damaged)),
            Ok(read) if !matches!(read.transport, Transport::Other { .. } | Transport::Damaged) => {
                self.deliver(Box::new(read), cx)
            }
            Ok(_) => Some(self.refuse(&packet, DropCause::NoProtocol, ErrorCause::ProtocolUnreachable, cx)),
        }
    }

    fn deliver_udp(&mut self, packet: Box<Packet>, cx: &mut Cx<'_, Self>) -> Option<DropCause> {
        let (source, listener) = (packet.source_socket(), packet.ports().and_then(|(_, port)| self.udp.listener(port)));
        let (Some(from), Some((socket, app))) = (source, listener) else {
            return Some(self.refuse(&packet, DropCause::NoListener, ErrorCause::PortUnreachable, cx));
        };
        self.counts.delivered += 1;
        let arrival = Arrival { sent_at: packet.provenance.sent_at, ecn: packet.ip.ecn() };
        self.with_app_on_arrival(app, arrival, cx, |app, host| app.on_datagram(socket, from, packet.payload, host));
        None
    }

    /// Answers echo requests; passes echo replies and errors to the application that they concern.
    fn deliver_icmp(&mut self, packet: &Packet, cx: &mut Cx<'_, Self>) {
        if let Some(echo) = packet.as_echo() {
            if !echo.is_reply {
                // RFC 1122 §3.2.2.6: from the address that was asked, with all the data.
                let reply = crate::packet::Echo { is_reply: true, ..echo };
                if let Ok(answer) = Packet::echo(packet.dst(), packet.src(), reply, packet.payload.clone()) {
                    self.originate(answer, cx);
                }
            } else if (echo.identifier as usize) < self.apps.len() {
                let (from, payload) = (packet.src(), packet.payload.clone());
                let app = u32::from(echo.identifier);
                self.with_app(app, cx, |app, host| app.on_echo_reply(from, echo.sequence, payload, host));
            }
            return;
        }
        if let Some(Ok(quoted)) = packet.quoted()
            && quoted.protocol == protocol::UDP
            && let Some((source_port, destination_port)) = quoted.ports
            && let Some((socket, app)) = self.udp.listener(source_port)
        {
            let to = std::net::SocketAddr::new(quoted.ip.dst(), destination_port);
            self.with_app(app, cx, |app, host| app.on_unreachable(socket, to, host));
        }
    }
}
