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
/// late: overtaken, or a duplicate. One that is not virtual bytes is corrupted.
///
/// A sender whose node starts anew begins another run, under another key; one whose address changes goes on with its run. A
/// sink whose node starts anew does not know what it has missed: for it, runs begin where it first sees them.
#[derive(Clone, Debug)]
pub struct UdpSink {
    config: UdpSinkConfig,
    /// By sender and the key of its bytes: where its next datagram starts, if none is missing.
    flows: BTreeMap<(SocketAddr, u32), u64>,
    /// Its node has started anew.
    is_anew: bool,
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

impl UdpSink {
    /// A receiver on `config.port`.
    pub fn new(config: UdpSinkConfig) -> Self {
        Self {
            config,
            flows: BTreeMap::new(),
            is_anew: false,
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
        let next = match self.flows.get_mut(&(from, key)) {
            Some(next) => next,
            None => {
                let begin = self.begin(from, key, offset);
                self.flows.entry((from, key)).or_insert(begin)
            }
        };
        if offset < *next {
            self.late += 1;
            return;
        }
        if offset > *next {
            self.gaps += 1;
            self.missing_bytes += offset - *next;
        }
        *next = offset.wrapping_add(len);
    }

    /// Where a run of bytes begins that this sender has not sent before.
    fn begin(&mut self, from: SocketAddr, key: u32, offset: u64) -> u64 {
        let moved = |((sender, other), _): &(&(SocketAddr, u32), &u64)| *other == key && sender.port() == from.port();
        match self.flows.iter().find(moved).filter(|_| offset > 0) {
            // The sender has another address now. One that begins at the start is another sender with the same key.
            Some((old, next)) => {
                let (old, next) = (*old, *next);
                self.flows.remove(&old);
                next
            }
            None if self.is_anew => offset,
            None => 0,
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

    fn begin_anew(&mut self) {
        self.is_anew = true;
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
