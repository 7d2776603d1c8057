//! What a user says of brokers and clients of AMQP 0-9-1.

mod client;
mod declare;

pub use crate::amqp::broker::{AmqpBrokerConfig, AmqpUser};
pub use crate::messaging::ReconnectConfig;
pub use client::{AmqpAcks, AmqpClientConfig, AmqpConfirms, AmqpConsumerConfig, AmqpPublicationConfig};
pub use declare::{AmqpBindingConfig, AmqpExchangeConfig, AmqpExchangeKind, AmqpOverflow, AmqpQueueConfig};
pub(super) use declare::{millis, table};

use super::wire::{FRAME_MIN, MAX_SHORT_STRING, ShortStr};
use crate::amqp::{PORT, Placed, TLS_PORT};
use protosim_core::time::NANOS_PER_SEC;
use protosim_core::{Size, Span};

/// A span of whole seconds that has passed its check, as methods say it.
pub(super) fn seconds(span: Span) -> u16 {
    u16::try_from(span.as_nanos() / NANOS_PER_SEC).unwrap_or(u16::MAX)
}

/// A size that has passed its check, as methods say it.
pub(in crate::amqp) fn frame_max(size: Size) -> u32 {
    u32::try_from(size.as_bytes()).unwrap_or(u32::MAX)
}

/// A text that has passed its check.
pub(super) fn short(text: &str) -> ShortStr {
    ShortStr::cut(text)
}

pub(in crate::amqp) fn check_heartbeat(span: Span) -> Option<String> {
    let is_right = span.as_nanos().is_multiple_of(NANOS_PER_SEC) && span <= Span::from_secs(65535);
    (!is_right).then(|| format!("is a whole number of seconds, at most 65535, not {span}"))
}

pub(in crate::amqp) fn check_frame_max(size: Size) -> Option<String> {
    let is_right = (u64::from(FRAME_MIN)..=u64::from(u32::MAX)).contains(&size.as_bytes());
    (!is_right).then(|| format!("is 4096 B to 4 GiB less a byte (§4.2.3), not {size}"))
}

/// What is wrong with a text that methods carry.
pub(in crate::amqp) fn check_short(text: &str) -> Option<String> {
    let is_wrong = text.len() > MAX_SHORT_STRING || text.contains('\0');
    is_wrong.then(|| "has at most 255 bytes, and no U+0000 (§4.2.5.3)".to_owned())
}

/// What is wrong with the name of something that is declared.
fn check_own_name(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("is not empty".to_owned());
    }
    if name.starts_with("amq.") {
        return Some("begins with `amq.`: such names are the broker's own (§1.6.2.1)".to_owned());
    }
    check_short(name)
}
