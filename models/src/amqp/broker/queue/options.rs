//! What is declared of a queue.

use crate::amqp::broker::exchange::name;
use crate::amqp::v091::wire::{Fault, FieldValue, MAX_TTL_MS, ReplyCode, ShortStr, Table, queue};
use protosim_core::Span;

/// What happens when a queue has no room (RabbitMQ: `x-overflow`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Overflow {
    /// What stands at its head leaves.
    #[default]
    DropHead,
    /// What comes is refused, and its publisher gets a nack where it waits for confirms.
    RejectPublish,
    /// The same, and what is refused is a dead letter.
    RejectPublishDlx,
}

/// A queue as it was declared. A declaration anew has to say the same.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct QueueOptions {
    /// It outlives the server's restart.
    pub durable: bool,
    /// It is one connection's alone, and goes with it.
    pub exclusive: bool,
    /// It goes with its last consumer.
    pub auto_delete: bool,
    /// How long messages are good for in it (`x-message-ttl`).
    pub message_ttl: Option<Span>,
    /// It goes when it was not used for so long (`x-expires`).
    pub expires: Option<Span>,
    /// The most messages that are ready (`x-max-length`).
    pub max_length: Option<u64>,
    /// The most bytes of their bodies \[bytes\] (`x-max-length-bytes`).
    pub max_length_bytes: Option<u64>,
    /// What happens when there are more (`x-overflow`).
    pub overflow: Overflow,
    /// Where messages go that leave it otherwise than acknowledged (`x-dead-letter-exchange`); without, they are dropped.
    pub dead_letter_exchange: Option<ShortStr>,
    /// With which routing key, if not their own (`x-dead-letter-routing-key`).
    pub dead_letter_routing_key: Option<ShortStr>,
    /// Its highest priority (`x-max-priority`); 0 for a queue without priorities.
    pub max_priority: u8,
}

const fn wrong(why: &'static str) -> Fault {
    Fault::new(ReplyCode::PreconditionFailed, "RabbitMQ: arguments", why)
}

/// The number of an argument.
fn number(arguments: &Table, name: &str, from: u64, to: u64) -> Result<Option<u64>, Fault> {
    let Some(value) = arguments.get(name) else { return Ok(None) };
    let number = value.as_i64().and_then(|number| u64::try_from(number).ok());
    match number.filter(|number| (from..=to).contains(number)) {
        Some(number) => Ok(Some(number)),
        None => Err(wrong("an argument is no number that it may be")),
    }
}

impl QueueOptions {
    /// As a client declares it.
    ///
    /// # Errors
    /// 406 where an argument has a value that it may not have; 540 for queues of the types `quorum` and `stream`.
    pub fn from_declare(declare: &queue::Declare) -> Result<Self, Fault> {
        let arguments = &declare.arguments;
        let text = |key| arguments.get(key).map(name).transpose();
        match arguments.get("x-queue-type").map(FieldValue::as_str) {
            None | Some(Some("classic")) => {}
            Some(Some("quorum" | "stream")) => {
                let why = "there are no queues but classic ones";
                return Err(Fault::new(ReplyCode::NotImplemented, "RabbitMQ: x-queue-type", why));
            }
            Some(_) => return Err(wrong("there is no such type of queues")),
        }
        let overflow = match arguments.get("x-overflow").map(FieldValue::as_str) {
            None | Some(Some("drop-head")) => Overflow::DropHead,
            Some(Some("reject-publish")) => Overflow::RejectPublish,
            Some(Some("reject-publish-dlx")) => Overflow::RejectPublishDlx,
            Some(_) => return Err(wrong("there is no such overflow")),
        };
        let options = Self {
            durable: declare.durable,
            exclusive: declare.exclusive,
            auto_delete: declare.auto_delete,
            message_ttl: number(arguments, "x-message-ttl", 0, MAX_TTL_MS)?.map(Span::from_millis),
            expires: number(arguments, "x-expires", 1, MAX_TTL_MS)?.map(Span::from_millis),
            max_length: number(arguments, "x-max-length", 0, u64::MAX)?,
            max_length_bytes: number(arguments, "x-max-length-bytes", 0, u64::MAX)?,
            overflow,
            dead_letter_exchange: text("x-dead-letter-exchange")?,
            dead_letter_routing_key: text("x-dead-letter-routing-key")?,
            // At most 255.
            max_priority: number(arguments, "x-max-priority", 0, 255)?.unwrap_or_default() as u8,
        };
        match (&options.dead_letter_exchange, &options.dead_letter_routing_key) {
            (None, Some(_)) => Err(wrong("a dead letter's routing key stands without its exchange")),
            _ => Ok(options),
        }
    }
}
