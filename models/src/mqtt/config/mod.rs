//! What a user says of brokers and clients of MQTT.

mod agreement;
mod broker;
mod client;
mod exchange;
mod lists;

pub use super::session::MqttFlaw;
pub use crate::messaging::ReconnectConfig;
pub use broker::{AuthConfig, MqttBrokerConfig, MqttUser};
pub use client::{MqttClientConfig, PublicationConfig, SubscriptionConfig, WillConfig};
pub use exchange::{AnswerConfig, ResponseConfig};

use super::session;
use super::topic::{TopicFilter, check_topic};
use super::wire::{self, QoS, Text};
use protosim_core::Span;
use protosim_core::time::NANOS_PER_SEC;
use serde::{Deserialize, Serialize};

/// The port of MQTT (IANA).
const PORT: u16 = 1883;
/// The port of MQTT over TLS (IANA).
const TLS_PORT: u16 = 8883;

/// A version of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum MqttVersion {
    /// 3.1.1.
    V311,
    /// 5.0.
    #[default]
    V5,
}

impl From<MqttVersion> for wire::Version {
    fn from(version: MqttVersion) -> Self {
        match version {
            MqttVersion::V311 => Self::V311,
            MqttVersion::V5 => Self::V5,
        }
    }
}

/// What happens to a message for which a queue has no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum MqttOverflow {
    /// It is dropped, and nobody is told: its publisher is acknowledged.
    #[default]
    DropNewest,
    /// The oldest that wait are dropped.
    DropOldest,
    /// It is refused: a publisher that speaks 5.0 is told so (0x97); 3.1.1 has no word for it, and its publisher is acknowledged. Of QoS 2 by method A
    /// what lacks a place at one of its receivers is refused by its PUBREC; what is taken keeps its places until its PUBREL, or the end of its
    /// publisher's session, and is refused no more.
    Refuse,
}

impl From<MqttOverflow> for session::Overflow {
    fn from(overflow: MqttOverflow) -> Self {
        match overflow {
            MqttOverflow::DropNewest => Self::DropNewest,
            MqttOverflow::DropOldest => Self::DropOldest,
            MqttOverflow::Refuse => Self::Refuse,
        }
    }
}

/// When a message of QoS 2 is delivered (5.0 §4.3.3, figure 4.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum MqttMethod {
    /// With its PUBREL; it is stored until then.
    #[default]
    A,
    /// With its PUBLISH; its identifier is stored until PUBREL.
    B,
}

impl From<MqttMethod> for session::Method {
    fn from(method: MqttMethod) -> Self {
        match method {
            MqttMethod::A => Self::A,
            MqttMethod::B => Self::B,
        }
    }
}

/// Which topics a sender gives aliases to, as far as its peer takes them (5.0 §3.3.2.3.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum MqttAliases {
    /// None.
    #[default]
    Never,
    /// The first ones, until there are no more.
    FirstCome,
    /// Each; the one that was used longest ago loses its own.
    LeastRecentlyUsed,
}

impl From<MqttAliases> for session::AliasPolicy {
    fn from(aliases: MqttAliases) -> Self {
        match aliases {
            MqttAliases::Never => Self::Never,
            MqttAliases::FirstCome => Self::FirstCome,
            MqttAliases::LeastRecentlyUsed => Self::LeastRecentlyUsed,
        }
    }
}

/// A span as the whole seconds that packets say; `None` if it is none, or more than 32 bits hold.
pub(super) fn whole_seconds(span: Span) -> Option<u32> {
    let nanos = span.as_nanos();
    if nanos.is_multiple_of(NANOS_PER_SEC) { u32::try_from(nanos / NANOS_PER_SEC).ok() } else { None }
}

/// The same of a span that has passed its check.
pub(super) fn seconds(span: Span) -> u32 {
    whole_seconds(span).unwrap_or(u32::MAX)
}

/// What is wrong with a span that packets say in `most` seconds at most.
fn check_seconds(span: Span, most: u32) -> Option<String> {
    match whole_seconds(span) {
        Some(seconds) if seconds <= most => None,
        _ => Some(format!("is a whole number of seconds, at most {most}, not {span}")),
    }
}

/// What is wrong with a field that 3.1.1 cannot say.
fn only_in_v5(what: &str) -> String {
    format!("is of 5.0: 3.1.1 has no {what} (`version`)")
}

/// What is wrong with a level of quality of service.
fn check_qos(qos: u8) -> Option<String> {
    QoS::from_bits(qos).is_none().then(|| format!("is 0, 1 or 2, not {qos}"))
}

/// The level that has passed its check.
pub(super) fn qos(bits: u8) -> QoS {
    QoS::from_bits(bits).unwrap_or(QoS::ExactlyOnce)
}

/// What is wrong with a topic to publish on.
fn check_publish_topic(topic: &str) -> Option<String> {
    let checked = Text::new(topic).and_then(|_| check_topic(topic));
    match checked {
        Err(fault) => Some(format!("is no topic: {fault}")),
        Ok(()) if topic.starts_with('$') => Some("begins with `$`: such topics are the broker's own".to_owned()),
        Ok(()) => None,
    }
}

/// What is wrong with a filter.
fn check_filter(filter: &str) -> Option<String> {
    let fault = Text::new(filter).and_then(TopicFilter::new).and_then(|filter| filter.check_share()).err()?;
    Some(format!("is no topic filter: {fault}"))
}
