//! What a user says of clients of AMQP 1.0.

mod client;
mod link;

pub use client::Amqp10ClientConfig;
pub use link::{AmqpOutcome, AmqpReceiverConfig, AmqpSenderConfig, AmqpSettlement};

use protosim_core::{Size, Span};

/// A size that has passed its check, as performatives say it.
pub(super) fn frame_size(size: Size) -> u32 {
    u32::try_from(size.as_bytes()).unwrap_or(u32::MAX)
}

/// A span that has passed its check, as headers of messages say it.
pub(super) fn millis(span: Span) -> u32 {
    u32::try_from(span.as_nanos() / 1_000_000).unwrap_or(u32::MAX)
}
