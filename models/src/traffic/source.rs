//! The source of datagrams.

use super::config::UdpSourceConfig;
use super::schedule::Schedule;
use super::size::{SizeDistribution, Sizes};
use crate::app::{App, Host, HostError, SocketId, Total, TrafficClass};
use crate::rope::Rope;
use protosim_core::{CannotClone, LocalTime, Purpose, Size, Span};
use std::net::SocketAddr;

/// The draw that names the source's bytes.
const KEY: Purpose = Purpose("traffic.key");
/// Draws of sizes.
const SIZE: Purpose = Purpose("traffic.size");

/// The one timer: the next datagram.
const NEXT: u64 = 0;

/// Sends datagrams of virtual bytes by a [`Pattern`](super::Pattern).
///
/// At a constant rate a datagram leaves at start + 8 × bytes before it / rate after the node's start, by its own
/// clock, each computed from the whole sum and rounded up to a nanosecond: no error adds up, and the rate is never
/// exceeded. The payloads are one run of bytes, continued from datagram to datagram.
#[derive(Clone, Debug)]
pub struct UdpSource {
    config: UdpSourceConfig,
    destination: SocketAddr,
    schedule: Schedule,
    sizes: Sizes,
    /// Headers that sizes and rate include [bytes].
    header: u64,
    socket: Option<SocketId>,
    /// When the node started.
    started: LocalTime,
    /// Names this source's bytes.
    key: u32,
    /// Datagrams whose time has come.
    due: u64,
    /// Datagrams sent.
    sent: u64,
    /// Their payloads.
    sent_bytes: u64,
    /// Calls that the host has refused.
    refused: u64,
    /// ICMP errors that came back.
    unreachable: u64,
}

impl UdpSource {
    /// A source of datagrams to `destination`, the address and port of `config.to` and `config.port`. `config` has
    /// passed its check, and the text of its trace, if it needs one, was given.
    pub fn new(config: UdpSourceConfig, destination: SocketAddr) -> Self {
        let header = config.sizes_of.header(destination.is_ipv4());
        let payload = config.payload.clone().unwrap_or(SizeDistribution::Fixed(Size::from_bytes(1)));
        let sizes = Sizes::new(&payload, header, 1, SIZE);
        Self {
            schedule: Schedule::new(&config, &sizes),
            sizes,
            header,
            config,
            destination,
            socket: None,
            started: LocalTime::ZERO,
            key: 0,
            due: 0,
            sent: 0,
            sent_bytes: 0,
            refused: 0,
            unreachable: 0,
        }
    }

    /// Sets the timer of the next datagram, if there is one.
    fn set_timer(&mut self, host: &mut dyn Host) {
        if self.config.count.is_some_and(|count| self.due >= count) {
            return;
        }
        let Some(after) = self.schedule.next(host) else { return };
        let Some(offset) = after.as_nanos().checked_add(self.config.start.as_nanos()).map(Span::from_nanos) else {
            return;
        };
        if self.config.stop.is_none_or(|stop| offset < stop) {
            host.set_timer(NEXT, self.started.saturating_add(offset), "next datagram");
        }
    }

    /// The payload of the datagram that is due [bytes].
    fn payload(&self, host: &mut dyn Host) -> u64 {
        match self.schedule.own_size() {
            Some(size) => size.saturating_sub(self.header).max(1),
            None => self.sizes.draw(host),
        }
    }
}

/// Opens a socket whose packets are of `class`.
pub(super) fn open(port: u16, class: TrafficClass, host: &mut dyn Host) -> Result<SocketId, HostError> {
    let socket = host.udp_bind(port)?;
    if class != TrafficClass::default() {
        host.udp_traffic_class(socket, class)?;
    }
    Ok(socket)
}

impl App for UdpSource {
    /// A host that cannot mark packets as asked gets none that are not: the refused call is counted.
    fn on_start(&mut self, host: &mut dyn Host) {
        self.started = host.now();
        self.key = (host.rng(KEY).next_u64() >> 32) as u32;
        match open(0, self.config.ecn.with_dscp(self.config.dscp), host) {
            Ok(socket) => {
                self.socket = Some(socket);
                self.schedule.start(host);
                self.set_timer(host);
            }
            Err(_) => self.refused += 1,
        }
    }

    fn on_datagram(&mut self, _: SocketId, _: SocketAddr, _: Rope, _: &mut dyn Host) {}

    fn on_timer(&mut self, _: u64, host: &mut dyn Host) {
        let Some(socket) = self.socket else { return };
        let len = self.payload(host);
        // A refused datagram leaves no gap: the stream goes on with the next one that is sent.
        let payload = Rope::fill(self.key, self.sent_bytes, len);
        match host.udp_send(socket, self.destination, payload) {
            Ok(()) => {
                self.sent += 1;
                self.sent_bytes = self.sent_bytes.wrapping_add(len);
            }
            Err(_) => self.refused += 1,
        }
        self.due += 1;
        self.schedule.passed(len + self.header);
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
            total("payload_bytes", self.sent_bytes),
            total("unreachable", self.unreachable),
            total("refused_calls", self.refused),
        ]
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
