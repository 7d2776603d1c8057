//! The application that sends an adaptive flow.

use super::super::request::{number_of, numbered};
use super::super::source::open;
use super::config::{ACK_LEN, AimdSourceConfig};
use super::flow::Flow;
use crate::app::{App, Host, SocketId, Total};
use crate::rope::Rope;
use protosim_core::{CannotClone, LocalTime, maths};
use std::net::SocketAddr;

/// The timer of the start, and of what the host refused and is tried again.
const START: u64 = 0;
/// The timer of the retransmission time-out.
const TIMEOUT: u64 = 1;

/// Sends as many datagrams as its window allows; see the module.
#[derive(Clone, Debug)]
pub struct AimdSource {
    config: AimdSourceConfig,
    destination: SocketAddr,
    socket: Option<SocketId>,
    started: LocalTime,
    flow: Flow,
    refused: u64,
}

impl AimdSource {
    /// A flow to the sink at `destination`. `config` has passed its check.
    pub fn new(config: AimdSourceConfig, destination: SocketAddr) -> Self {
        let flow = Flow::new(config.initial_window);
        Self { config, destination, socket: None, started: LocalTime::ZERO, flow, refused: 0 }
    }

    /// True while there is something to send.
    fn has_more(&self, now: LocalTime) -> bool {
        let is_within = self.config.stop.is_none_or(|stop| now < self.started.saturating_add(stop));
        is_within && self.config.count.is_none_or(|count| self.flow.sent() < count)
    }

    /// Sends what the window allows, and sets the time-out.
    fn go_on(&mut self, host: &mut dyn Host) {
        let Some(socket) = self.socket else { return };
        while self.flow.may_send() && self.has_more(host.now()) {
            let number = self.flow.send(host.now());
            // To the flow, a datagram that its host refuses is one that is lost.
            let sent = host.udp_send(socket, self.destination, numbered(number, self.config.payload.as_bytes()));
            self.refused += u64::from(sent.is_err());
        }
        match self.flow.deadline() {
            Some(at) => host.set_timer(TIMEOUT, at, "retransmission time-out"),
            None => host.cancel_timer(TIMEOUT),
        }
    }
}

impl App for AimdSource {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.started = host.now();
        match open(0, self.config.ecn.with_dscp(self.config.dscp), host) {
            Ok(socket) => {
                self.socket = Some(socket);
                host.set_timer(START, self.started.saturating_add(self.config.start), "start");
            }
            Err(_) => self.refused += 1,
        }
    }

    fn on_datagram(&mut self, _: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host) {
        let bytes = payload.to_bytes();
        if let (true, Some(number), [.., flag @ 0..=1]) =
            (from == self.destination && bytes.len() as u64 == ACK_LEN, number_of(&payload), bytes.as_ref())
        {
            self.flow.acknowledged(number, *flag == 1, host.now());
            self.go_on(host);
        }
    }

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        if token == TIMEOUT {
            self.flow.timed_out(host.now());
        }
        self.go_on(host);
    }

    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        let counts = &self.flow.counts;
        let in_packets = |window: f64| maths::round_to_u64(window.floor());
        vec![
            total("datagrams", self.flow.sent()),
            total("acknowledged_datagrams", counts.acknowledged),
            total("lost_datagrams", counts.lost),
            total("stale_acknowledgements", counts.stale),
            total("ce_echoes", counts.marks),
            total("halvings", counts.halvings),
            total("timeouts", counts.timeouts),
            total("largest_window_datagrams", in_packets(counts.largest)),
            total("smallest_window_datagrams", in_packets(counts.smallest.unwrap_or(counts.largest))),
            total("refused_calls", self.refused),
        ]
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
