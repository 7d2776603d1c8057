//! The source of datagrams at a constant rate.

use super::config::UdpSourceConfig;
use crate::app::{App, Host, SocketId, Total};
use crate::rope::Rope;
use protosim_core::time::NANOS_PER_SEC;
use protosim_core::{CannotClone, LocalTime, Purpose, Span};
use std::net::SocketAddr;

/// The draw that names the source's bytes.
const KEY: Purpose = Purpose("traffic.key");

/// The one timer: the next datagram.
const NEXT: u64 = 0;

/// Sends datagrams of virtual bytes at a constant rate.
///
/// Datagram i leaves at start + i × payload × 8 / rate after the node's start, by its own clock, each
/// computed from i and rounded up to a nanosecond: no error adds up, and the rate is never exceeded. The
/// payloads are one run of bytes, continued from datagram to datagram.
#[derive(Clone, Debug)]
pub struct UdpSource {
    config: UdpSourceConfig,
    destination: SocketAddr,
    socket: Option<SocketId>,
    /// When the node started.
    started: LocalTime,
    /// Names this source's bytes.
    key: u32,
    /// Datagrams whose time has come.
    due: u64,
    /// Datagrams sent.
    sent: u64,
    /// Calls that the host has refused.
    refused: u64,
    /// ICMP errors that came back.
    unreachable: u64,
}

impl UdpSource {
    /// A source of datagrams to `destination`, the address and port of `config.to` and `config.port`.
    pub fn new(config: UdpSourceConfig, destination: SocketAddr) -> Self {
        Self {
            config,
            destination,
            socket: None,
            started: LocalTime::ZERO,
            key: 0,
            due: 0,
            sent: 0,
            refused: 0,
            unreachable: 0,
        }
    }

    /// When datagram `index` is sent, after the node's start; `None` if it is not.
    fn offset(&self, index: u64) -> Option<Span> {
        if self.config.count.is_some_and(|count| index >= count) {
            return None;
        }
        // Below 2^64 * 2^64: saturates only for payloads that no datagram can have.
        let bits = u128::from(index).saturating_mul(u128::from(self.config.payload.as_bytes()) * 8);
        let nanos =
            bits.saturating_mul(u128::from(NANOS_PER_SEC)).div_ceil(u128::from(self.config.rate.as_bits_per_sec()));
        let offset = u64::try_from(nanos).ok()?.checked_add(self.config.start.as_nanos())?;
        Some(Span::from_nanos(offset)).filter(|offset| self.config.stop.is_none_or(|stop| *offset < stop))
    }

    fn set_timer(&self, host: &mut dyn Host) {
        if let Some(offset) = self.offset(self.due) {
            host.set_timer(NEXT, self.started.saturating_add(offset), "next datagram");
        }
    }
}

impl App for UdpSource {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.started = host.now();
        self.key = (host.rng(KEY).next_u64() >> 32) as u32;
        match host.udp_bind(0) {
            Ok(socket) => {
                self.socket = Some(socket);
                self.set_timer(host);
            }
            Err(_) => self.refused += 1,
        }
    }

    fn on_datagram(&mut self, _: SocketId, _: SocketAddr, _: Rope, _: &mut dyn Host) {}

    fn on_timer(&mut self, _: u64, host: &mut dyn Host) {
        let Some(socket) = self.socket else { return };
        let len = self.config.payload.as_bytes();
        // A refused datagram leaves no gap: the stream goes on with the next one that is sent.
        let payload = Rope::fill(self.key, self.sent.wrapping_mul(len), len);
        match host.udp_send(socket, self.destination, payload) {
            Ok(()) => self.sent += 1,
            Err(_) => self.refused += 1,
        }
        self.due += 1;
        // One datagram for each time-out, even where several are due in one nanosecond: the host counts
        // these rounds and stops a source that is faster than time.
        self.set_timer(host);
    }

    fn on_unreachable(&mut self, _: SocketId, _: SocketAddr, _: &mut dyn Host) {
        self.unreachable += 1;
    }

    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        vec![
            total("datagrams", self.sent),
            total("payload_bytes", self.sent.wrapping_mul(self.config.payload.as_bytes())),
            total("unreachable", self.unreachable),
            total("refused_calls", self.refused),
        ]
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
