//! Nodes that crash and start anew, and the timers of their links.

use super::counts::DropCause;
use super::report::{Fate, LinkEnd, Report};
use super::tcp::Tcp;
use super::{Entrance, Node};
use crate::element::Element;
use crate::link::{Drops, Transmitter};
use protosim_core::Cx;
use protosim_core::kernel::Interests;

impl Node {
    /// Gives links the timers that they need, and keeps what applications must start anew from.
    pub(super) fn start_links(&mut self, cx: &mut Cx<'_, Element>) {
        for (index, interface) in self.interfaces.iter_mut().enumerate() {
            let Some(timer) = interface.transmitter.start(cx) else { continue };
            let slot = timer.0 as usize;
            if self.link_timers.len() <= slot {
                self.link_timers.resize(slot + 1, None);
            }
            self.link_timers[slot] = Some(index as u32);
        }
        if self.crashes {
            for slot in &mut self.apps {
                // Applications that cannot be copied are refused with the scenario.
                let kept = slot.keep_blueprint();
                debug_assert!(kept.is_ok(), "`{}` cannot start anew", slot.name);
            }
        }
    }

    /// Calls the sending half of an interface, and accounts for what it drops.
    pub(super) fn with_link(
        &mut self,
        interface: u32,
        cx: &mut Cx<'_, Element>,
        call: impl FnOnce(&mut Transmitter, &mut Drops, &mut Cx<'_, Element>),
    ) {
        call(&mut self.interfaces[interface as usize].transmitter, &mut self.drops, cx);
        if !self.drops.is_empty() {
            self.dispose(interface, cx);
        }
    }

    /// Accounts for packets that did not get onto the link of an interface.
    #[cold]
    pub(super) fn dispose(&mut self, interface: u32, cx: &mut Cx<'_, Element>) {
        for (packet, cause) in self.drops.drain(..) {
            // The links of a node that crashes go down with it.
            let cause = if cause == DropCause::LinkDown && self.entrance == Entrance::Closed {
                DropCause::NodeDown
            } else {
                cause
            };
            self.counts.drop(cause);
            if cx.wants(Interests::PACKETS) {
                let wire = self.interfaces[interface as usize].transmitter.wire();
                let (packet, fate) = (*packet, Fate::Dropped(cause));
                cx.report_packet(Report::packet(wire, LinkEnd::Sender, packet, fate));
            }
        }
    }

    /// The node stops at once: applications, sockets, timers and what waits for the processor are gone. Its own sending halves go
    /// down, and come up before it starts, by acts of their own; what they drop then is lost for want of power.
    pub(super) fn crash(&mut self, cx: &mut Cx<'_, Element>) {
        self.entrance = Entrance::Closed;
        for timer in self.timers.clear() {
            cx.remove_timer(timer);
        }
        for slot in &mut self.apps {
            slot.restart();
        }
        self.due.clear();
        self.udp.clear();
        for timer in self.tcp.touched().into_iter().flat_map(Tcp::crash) {
            cx.remove_timer(timer);
        }
        self.memory.clear();
        self.cpu.stop(cx.now());
        self.meter_power(false, cx);
        // What waits for the processor never happens.
        self.outbox.clear();
        if let Some(timer) = self.outbox_timer {
            cx.disarm(timer);
        }
        for _ in self.to_self.drain(..) {
            self.counts.drop(DropCause::NodeDown);
        }
        self.channels.forget_owners();
        self.forget_mappings(cx);
        let waiting = self.ip.forget();
        self.counts.drop_many(DropCause::NodeDown, waiting);
        if let Some(timer) = self.ip.reassembly_timer {
            cx.disarm(timer);
        }
    }

    /// The node starts: applications begin from nothing.
    pub(super) fn boot(&mut self, cx: &mut Cx<'_, Element>) {
        self.entrance = Entrance::of(self.nat.as_deref(), &self.channels, self.is_metered());
        self.meter_power(true, cx);
        self.tcp.observe(cx.wants(Interests::TRACES));
        for app in 0..self.apps.len() {
            self.with_app(app as u32, cx, |app, host| app.on_start(host));
        }
    }
}
