//! MQTT 3.1.1 (OASIS, ISO/IEC 20922:2016) and 5.0 (OASIS 2019): packets, topics, and sessions of clients and brokers.
//!
//! # Where to find what
//! | file | has |
//! |---|---|
//! | [`wire`] | packets of both versions, and what takes them out of a stream |
//! | [`topic`] | topics, filters, subscriptions by topic, stored topics by filter |
//! | [`session`] | delivery between two ends: QoS 0, 1 and 2 across connections that end and owners that crash |
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
//! None of it knows a clock or a stream: times come in, packets are asked for. Clients and brokers own it.
//!
//! # What is not here yet
//! Applications: who connects when, keep alive, wills, retained messages, sharing among subscribers, expiry of sessions, authentication.
//! What they need of it is here as data: a will in [`wire::Connect`], [`topic::TopicMap`] for retained messages, [`topic::Share`].
//!
//! # What is not modelled, and what that does to results
//! - MQTT 3.1 (`MQIsdp`) and its bridges: refused, as a version that is not served.
//! - Payloads are not checked against their payload format indicator (v5 \[MQTT-3.3.2-4\] leaves it to receivers).
//! - Strings may have control characters and non-characters, as the standard allows receivers to accept (v5 §1.5.4).

pub mod session;
pub mod topic;
pub mod wire;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
