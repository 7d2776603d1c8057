//! MQTT 3.1.1 (OASIS, ISO/IEC 20922:2016) and 5.0 (OASIS 2019): packets, topics, and sessions of clients and brokers.
//!
//! # Where to find what
//! | file | has |
//! |---|---|
//! | [`wire`] | packets of both versions, and what takes them out of a stream |
//! | [`topic`] | topics, filters, subscriptions by topic, stored topics by filter |
//! | [`session`] | delivery between two ends: QoS 0, 1 and 2 across connections that end and owners that crash |
//! | [`config`] | what users say |
//! | `broker`, `client` | the applications |
//! | `payload` | what our own clients publish, so that subscribers can say what has come |
//! | `outbox`, `fifo`, `auth` | what waits for a stream; queues that are mostly empty; challenge and response |
//! | `vectors.rs`, `tests/` | exchanges of other implementations both ways; properties, scripts |
//!
//! Statements of the standard such as \[MQTT-3.1.2-24\] have the numbers of 5.0, which 3.1.1 mostly shares, unless 3.1.1 is said; so have sections.
//!
//! # A packet on its way
//! ```text
//!  stream ──▶ Decoder ──▶ Packet ──▶ Session (with its Link) ──▶ messages to deliver, names of messages that are done
//!                │ Fault                  │ Fault                     │ publish, answer
//!                ▼                        ▼                           ▼
//!         DISCONNECT with its reason code (5.0), close         Session::next ──▶ Packet::encode ──▶ stream
//! ```
//! None of that knows a clock or a stream: times come in, packets are asked for. [`MqttClient`] and [`MqttBroker`] own it, and ride on streams
//! that they are given: TCP, or TLS over it.
//!
//! # What is not here yet
//! - Server redirection (0x9C, 0x9D), response information (v5 §3.2.2.3.15): topics of answers are what the scenario says.
//! - User properties of packets other than PUBLISH, content types and payload format indicators of our own clients: a broker passes on what
//!   others send.
//! - Clients subscribe with a connection, and unsubscribe at times; they do not subscribe later.
//! - WebSocket beneath, bridges between brokers, MQTT-SN.
//! - A client's disc takes no time; a broker's does.
//!
//! # What is not modelled, and what that does to results
//! - MQTT 3.1 (`MQIsdp`) and its bridges: refused, as a version that is not served.
//! - Payloads are not checked against their payload format indicator (v5 \[MQTT-3.3.2-4\] leaves it to receivers).
//! - Strings may have control characters and non-characters, as the standard allows receivers to accept (v5 §1.5.4).

mod auth;
mod broker;
mod client;
pub mod config;
pub mod session;
pub mod topic;
pub mod wire;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

pub use broker::MqttBroker;
pub use client::{Common as MqttClientCommon, MqttClient};
pub use config::{MqttBrokerConfig, MqttClientConfig, MqttFlaw};

use crate::app::StreamOptions;
use crate::ledger::Guarantee;
use crate::rope::Rope;
use crate::tcp::TcpConfig;
use std::sync::Arc;

/// Processor time of reading a packet, per packet and byte.
const RECEIVE: &str = "mqtt.receive";
/// Processor time of a broker's making a copy for a subscriber, per copy and byte of its payload.
const DELIVER: &str = "mqtt.deliver";
/// Processor time of writing a packet, per packet and byte.
const SEND: &str = "mqtt.send";
/// The operations that take processor time.
pub const OPERATIONS: [&str; 3] = [RECEIVE, DELIVER, SEND];

impl From<wire::QoS> for Guarantee {
    fn from(qos: wire::QoS) -> Self {
        match qos {
            wire::QoS::AtMostOnce => Self::AtMostOnce,
            wire::QoS::AtLeastOnce => Self::AtLeastOnce,
            wire::QoS::ExactlyOnce => Self::ExactlyOnce,
        }
    }
}

/// What the streams of an application are made of. Without Nagle's algorithm, unless it is asked for: with it each second small packet waits for
/// an acknowledgement.
fn options(tcp: &TcpConfig) -> StreamOptions {
    let mut parameters = tcp.resolve();
    parameters.nagle = tcp.nagle.unwrap_or(false);
    StreamOptions { tcp: Arc::new(parameters), early_data: Rope::new() }
}
