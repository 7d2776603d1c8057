//! The receiver that counts datagrams and checks that they are what was sent.

use super::config::UdpSinkConfig;
use crate::app::{App, Host, SocketId, Total};
use crate::packet::Ecn;
use crate::rope::{Rope, Run};
use protosim_core::CannotClone;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Counts datagrams, and checks for each sender that its bytes continue each other.
///
/// A sender's bytes are one run of virtual bytes from offset 0 on, as [`super::UdpSource`] sends them. A
/// datagram that starts after where the one before it ended leaves a gap; one that starts before is
/// late: overtaken, or a duplicate. One that is not of the sender's bytes is corrupted.
#[derive(Clone, Debug)]
pub struct UdpSink {
    config: UdpSinkConfig,
    flows: BTreeMap<SocketAddr, Flow>,
    datagrams: u64,
    payload_bytes: u64,
    gaps: u64,
    missing_bytes: u64,
    late: u64,
    corrupted: u64,
    /// Datagrams that a queue on the way has marked (RFC 3168).
    ce_marks: u64,
    /// Calls that the host has refused.
    refused: u64,
}

/// What is known of one sender.
#[derive(Clone, Copy, Debug)]
struct Flow {
    key: u32,
    /// Where its next datagram starts, if none is missing.
    next: u64,
}

impl UdpSink {
    /// A receiver on `config.port`.
    pub fn new(config: UdpSinkConfig) -> Self {
        Self {
            config,
            flows: BTreeMap::new(),
            datagrams: 0,
            payload_bytes: 0,
            gaps: 0,
            missing_bytes: 0,
            late: 0,
            corrupted: 0,
            ce_marks: 0,
            refused: 0,
        }
    }

    fn check(&mut self, from: SocketAddr, payload: &Rope) {
        let &[Run::Fill { key, offset, len }] = payload.runs() else {
            self.corrupted += 1;
            return;
        };
        let flow = self.flows.entry(from).or_insert(Flow { key, next: 0 });
        if flow.key != key {
            self.corrupted += 1;
        } else if offset < flow.next {
            self.late += 1;
        } else {
            if offset > flow.next {
                self.gaps += 1;
                self.missing_bytes += offset - flow.next;
            }
            flow.next = offset.wrapping_add(len);
        }
    }
}

impl App for UdpSink {
    fn on_start(&mut self, host: &mut dyn Host) {
        if host.udp_bind(self.config.port).is_err() {
            self.refused += 1;
        }
    }

    fn on_datagram(&mut self, _: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host) {
        let len = payload.len();
        self.datagrams += 1;
        self.payload_bytes += len;
        self.ce_marks += u64::from(host.received_ecn() == Ecn::Ce);
        host.observe_received(from, len);
        self.check(from, &payload);
    }

    fn on_timer(&mut self, _: u64, _: &mut dyn Host) {}

    /// `missing_bytes` counts what a late datagram brings after all, too: it is exact where nothing is
    /// overtaken, as on the links here. A loss at the end of a flow leaves no gap; the source's total
    /// shows it.
    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        vec![
            total("datagrams", self.datagrams),
            total("payload_bytes", self.payload_bytes),
            total("gaps", self.gaps),
            total("missing_bytes", self.missing_bytes),
            total("late_datagrams", self.late),
            total("corrupted_datagrams", self.corrupted),
            total("ce_marked_datagrams", self.ce_marks),
            total("refused_calls", self.refused),
        ]
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
