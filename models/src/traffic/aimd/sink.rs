//! The application that acknowledges adaptive flows.

use super::super::request::number_of;
use super::config::AimdSinkConfig;
use crate::app::{App, Host, SocketId, Total};
use crate::packet::Ecn;
use crate::rope::Rope;
use protosim_core::CannotClone;
use std::net::SocketAddr;

/// Acknowledges every datagram by itself, whoever sent it; see the module.
#[derive(Clone, Debug)]
pub struct AimdSink {
    config: AimdSinkConfig,
    datagrams: u64,
    payload_bytes: u64,
    ce_marks: u64,
    malformed: u64,
    refused: u64,
}

impl AimdSink {
    /// A receiver on `config.port`.
    pub const fn new(config: AimdSinkConfig) -> Self {
        Self { config, datagrams: 0, payload_bytes: 0, ce_marks: 0, malformed: 0, refused: 0 }
    }
}

impl App for AimdSink {
    fn on_start(&mut self, host: &mut dyn Host) {
        if host.udp_bind(self.config.port).is_err() {
            self.refused += 1;
        }
    }

    fn on_datagram(&mut self, socket: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host) {
        let Some(number) = number_of(&payload) else {
            self.malformed += 1;
            return;
        };
        self.datagrams += 1;
        self.payload_bytes += payload.len();
        host.observe_received(from, payload.len());
        let is_marked = host.received_ecn() == Ecn::Ce;
        self.ce_marks += u64::from(is_marked);
        let mut acknowledgement = number.to_be_bytes().to_vec();
        acknowledgement.push(u8::from(is_marked));
        if host.udp_send(socket, from, acknowledgement.into()).is_err() {
            self.refused += 1;
        }
    }

    fn on_timer(&mut self, _: u64, _: &mut dyn Host) {}

    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        vec![
            total("datagrams", self.datagrams),
            total("payload_bytes", self.payload_bytes),
            total("ce_marked_datagrams", self.ce_marks),
            total("malformed_datagrams", self.malformed),
            total("refused_calls", self.refused),
        ]
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
