//! What a client declares: exchanges, queues, bindings.

use super::{Placed, check_own_name, check_short, short};
use crate::amqp::broker::exchange::ExchangeKind;
use crate::amqp::v091::wire::{FieldValue, Table, exchange, queue};
use protosim_core::{Size, Span};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// How an exchange routes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum AmqpExchangeKind {
    /// Where the binding key is the routing key.
    #[default]
    Direct,
    /// Along all bindings.
    Fanout,
    /// Where the binding key, a pattern of words, matches the routing key.
    Topic,
    /// Where the binding's arguments match the message's headers.
    Headers,
}

impl From<AmqpExchangeKind> for ExchangeKind {
    fn from(kind: AmqpExchangeKind) -> Self {
        match kind {
            AmqpExchangeKind::Direct => Self::Direct,
            AmqpExchangeKind::Fanout => Self::Fanout,
            AmqpExchangeKind::Topic => Self::Topic,
            AmqpExchangeKind::Headers => Self::Headers,
        }
    }
}

/// What happens when a queue has no room (`x-overflow`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum AmqpOverflow {
    /// The oldest that wait leave.
    #[default]
    DropHead,
    /// What comes is refused: a publisher with confirms is told so.
    RejectPublish,
    /// The same, and what is refused is a dead letter.
    RejectPublishDlx,
}

/// An exchange that a client declares.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmqpExchangeConfig {
    /// Its name. Required.
    pub name: String,
    /// How it routes. Default: Direct.
    #[serde(default)]
    pub kind: AmqpExchangeKind,
    /// It outlives a restart of the broker. Default: false.
    #[serde(default)]
    pub durable: bool,
    /// It goes with its last binding. Default: false.
    #[serde(default)]
    pub auto_delete: bool,
    /// Nobody publishes to it but other exchanges. Default: false.
    #[serde(default)]
    pub internal: bool,
    /// Where messages go that match none of its bindings. Default: nowhere.
    #[serde(default)]
    pub alternate: Option<String>,
}

/// A queue that a client declares.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmqpQueueConfig {
    /// Its name. Required.
    pub name: String,
    /// It outlives a restart of the broker. Default: false.
    #[serde(default)]
    pub durable: bool,
    /// It is this connection's alone, and goes with it. Default: false.
    #[serde(default)]
    pub exclusive: bool,
    /// It goes with its last consumer. Default: false.
    #[serde(default)]
    pub auto_delete: bool,
    /// How long messages are good for in it, in whole milliseconds, at most ten years (`x-message-ttl`). Default: for good.
    #[serde(default)]
    pub message_ttl: Option<Span>,
    /// It goes when it was not used for so long, in whole milliseconds, at most ten years (`x-expires`). Default: it stays.
    #[serde(default)]
    pub expires: Option<Span>,
    /// The most messages that wait in it (`x-max-length`). Default: no limit.
    #[serde(default)]
    pub max_length: Option<u64>,
    /// The most bytes of bodies that wait in it (`x-max-length-bytes`). Default: no limit.
    #[serde(default)]
    pub max_length_bytes: Option<Size>,
    /// What happens beyond. Default: DropHead.
    #[serde(default)]
    pub overflow: AmqpOverflow,
    /// The exchange to which messages go that leave it otherwise than acknowledged; empty for the default one (`x-dead-letter-exchange`). Default: they are dropped.
    #[serde(default)]
    pub dead_letter_exchange: Option<String>,
    /// With which routing key they go (`x-dead-letter-routing-key`). Default: their own.
    #[serde(default)]
    pub dead_letter_key: Option<String>,
    /// Its highest priority, 1 to 255 (`x-max-priority`). Default: it has no priorities.
    #[serde(default)]
    pub max_priority: Option<u8>,
}

/// A binding that a client makes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmqpBindingConfig {
    /// The exchange that messages come from. Required.
    pub exchange: String,
    /// The queue that they go to. Default: none; one of `queue` and `to_exchange` is said.
    #[serde(default)]
    pub queue: Option<String>,
    /// The exchange that they go to. Default: none.
    #[serde(default)]
    pub to_exchange: Option<String>,
    /// The binding key. Default: empty.
    #[serde(default)]
    pub key: String,
    /// Arguments, names and texts: what a headers exchange looks for, with `x-match` `all` or `any`. Default: none.
    #[serde(default)]
    pub arguments: Vec<(String, String)>,
}

/// Texts as a table.
pub(in crate::amqp) fn table(fields: &[(String, String)]) -> Table {
    fields.iter().map(|(name, value)| (short(name), FieldValue::from(value.as_str()))).collect()
}

const NANOS_PER_MILLI: u64 = 1_000_000;

fn check_millis(span: Span) -> Option<String> {
    let is_right = span.as_nanos().is_multiple_of(NANOS_PER_MILLI)
        && span.as_nanos() / NANOS_PER_MILLI <= crate::amqp::v091::wire::MAX_TTL_MS;
    (!is_right).then(|| format!("is a whole number of milliseconds, at most ten years, not {span}"))
}

/// A span that has passed its check.
pub(in crate::amqp) fn millis(span: Span) -> u64 {
    span.as_nanos() / NANOS_PER_MILLI
}

/// What is wrong with the expiration of messages.
pub(super) fn check_expiration(span: Span) -> Option<String> {
    check_millis(span)
}

impl AmqpExchangeConfig {
    /// One with everything else at its default.
    pub fn new(name: &str, kind: AmqpExchangeKind) -> Self {
        Self { name: name.to_owned(), kind, durable: false, auto_delete: false, internal: false, alternate: None }
    }

    /// As it is declared.
    pub(in crate::amqp) fn declare(&self) -> exchange::Declare {
        let alternate = self.alternate.as_deref();
        let argument = |name: &str| (short("alternate-exchange"), FieldValue::from(name));
        exchange::Declare {
            exchange: short(&self.name),
            kind: short(ExchangeKind::from(self.kind).name()),
            durable: self.durable,
            auto_delete: self.auto_delete,
            internal: self.internal,
            arguments: alternate.map(argument).into_iter().collect(),
            ..exchange::Declare::default()
        }
    }

    pub(super) fn check(&self, index: usize, found: &mut Vec<Placed>) {
        let mut wrong = |field: &str, why| found.push((Cow::Owned(format!("exchanges.{index}.{field}")), why));
        check_own_name(&self.name).into_iter().for_each(|why| wrong("name", why));
        self.alternate.as_deref().and_then(check_short).into_iter().for_each(|why| wrong("alternate", why));
    }
}

impl AmqpQueueConfig {
    /// One with everything else at its default.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            durable: false,
            exclusive: false,
            auto_delete: false,
            message_ttl: None,
            expires: None,
            max_length: None,
            max_length_bytes: None,
            overflow: AmqpOverflow::DropHead,
            dead_letter_exchange: None,
            dead_letter_key: None,
            max_priority: None,
        }
    }

    /// As it is declared.
    pub(in crate::amqp) fn declare(&self) -> queue::Declare {
        let number = |number: u64| FieldValue::I64(i64::try_from(number).unwrap_or(i64::MAX));
        let text = |text: &String| FieldValue::from(text.as_str());
        let overflow = match self.overflow {
            AmqpOverflow::DropHead => None,
            AmqpOverflow::RejectPublish => Some("reject-publish"),
            AmqpOverflow::RejectPublishDlx => Some("reject-publish-dlx"),
        };
        let arguments = [
            ("x-message-ttl", self.message_ttl.map(millis).map(number)),
            ("x-expires", self.expires.map(millis).map(number)),
            ("x-max-length", self.max_length.map(number)),
            ("x-max-length-bytes", self.max_length_bytes.map(|size| number(size.as_bytes()))),
            ("x-overflow", overflow.map(FieldValue::from)),
            ("x-dead-letter-exchange", self.dead_letter_exchange.as_ref().map(text)),
            ("x-dead-letter-routing-key", self.dead_letter_key.as_ref().map(text)),
            ("x-max-priority", self.max_priority.map(|most| number(most.into()))),
        ];
        queue::Declare {
            queue: short(&self.name),
            durable: self.durable,
            exclusive: self.exclusive,
            auto_delete: self.auto_delete,
            arguments: arguments.into_iter().filter_map(|(name, value)| Some((short(name), value?))).collect(),
            ..queue::Declare::default()
        }
    }

    /// Whether messages may leave it otherwise than acknowledged, by themselves.
    pub(in crate::amqp) const fn drops(&self) -> bool {
        self.message_ttl.is_some()
            || self.expires.is_some()
            || self.max_length.is_some()
            || self.max_length_bytes.is_some()
    }

    /// Whether it may be gone when the client comes back.
    pub(in crate::amqp) const fn may_go(&self) -> bool {
        !self.durable || self.exclusive || self.auto_delete || self.expires.is_some()
    }

    pub(super) fn check(&self, index: usize, found: &mut Vec<Placed>) {
        let mut wrong = |field: &str, why| found.push((Cow::Owned(format!("queues.{index}.{field}")), why));
        check_own_name(&self.name).into_iter().for_each(|why| wrong("name", why));
        for (field, span) in [("message_ttl", self.message_ttl), ("expires", self.expires)] {
            span.and_then(check_millis).into_iter().for_each(|why| wrong(field, why));
        }
        if self.expires.is_some_and(Span::is_zero) {
            wrong("expires", "is at least 1 ms: the queue would be gone at once".to_owned());
        }
        let has_limit = self.max_length.is_some() || self.max_length_bytes.is_some();
        if self.overflow != AmqpOverflow::DropHead && !has_limit {
            wrong("overflow", "has no effect: the queue has no limit (`max_length`, `max_length_bytes`)".to_owned());
        }
        for (field, name) in
            [("dead_letter_exchange", &self.dead_letter_exchange), ("dead_letter_key", &self.dead_letter_key)]
        {
            name.as_deref().and_then(check_short).into_iter().for_each(|why| wrong(field, why));
        }
        if self.dead_letter_key.is_some() && self.dead_letter_exchange.is_none() {
            wrong("dead_letter_key", "has no effect: there is no `dead_letter_exchange`".to_owned());
        }
        if self.max_priority == Some(0) {
            wrong("max_priority", "is 1 to 255: with 0 there are no priorities".to_owned());
        }
        if self.exclusive && self.durable {
            wrong("durable", "has no effect: an exclusive queue goes with its connection".to_owned());
        }
    }
}

impl AmqpBindingConfig {
    /// From an exchange to a queue.
    pub fn new(exchange: &str, queue: &str, key: &str) -> Self {
        Self {
            exchange: exchange.to_owned(),
            queue: Some(queue.to_owned()),
            to_exchange: None,
            key: key.to_owned(),
            arguments: Vec::new(),
        }
    }

    pub(super) fn check(&self, index: usize, found: &mut Vec<Placed>) {
        let mut wrong = |field: &str, why| found.push((Cow::Owned(format!("bindings.{index}.{field}")), why));
        match self.exchange.is_empty() {
            true => wrong("exchange", "is not the default one: it takes no bindings (§3.1.3.1)".to_owned()),
            false => check_short(&self.exchange).into_iter().for_each(|why| wrong("exchange", why)),
        }
        if self.queue.is_some() == self.to_exchange.is_some() {
            wrong("queue", "is said, or `to_exchange`, one of both".to_owned());
        }
        check_short(&self.key).into_iter().for_each(|why| wrong("key", why));
        if self.arguments.iter().any(|(name, _)| check_short(name).is_some()) {
            wrong("arguments", "has a name of more than 255 bytes, or with U+0000 (§4.2.5.3)".to_owned());
        }
    }
}
