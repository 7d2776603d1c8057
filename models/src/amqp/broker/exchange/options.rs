//! What is declared of an exchange.

use crate::amqp::v091::wire::{Fault, FieldValue, ReplyCode, ShortStr, Table, exchange};

/// How an exchange routes (§3.1.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ExchangeKind {
    /// Where the binding key is the routing key.
    Direct,
    /// Along all bindings.
    Fanout,
    /// Where the binding key, a pattern of words, matches the routing key.
    Topic,
    /// Where the binding's arguments match the message's headers.
    Headers,
}

/// An exchange as it was declared. A declaration anew has to say the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExchangeOptions {
    /// How it routes.
    pub kind: ExchangeKind,
    /// It outlives the server's restart.
    pub durable: bool,
    /// It goes with its last binding.
    pub auto_delete: bool,
    /// Nobody publishes to it but other exchanges.
    pub internal: bool,
    /// Where messages go that match none of its bindings (RabbitMQ).
    pub alternate: Option<ShortStr>,
}

impl ExchangeKind {
    /// Its name, as declarations have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Fanout => "fanout",
            Self::Topic => "topic",
            Self::Headers => "headers",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Direct, Self::Fanout, Self::Topic, Self::Headers].into_iter().find(|kind| kind.name() == name)
    }
}

impl ExchangeOptions {
    /// Transient, for everyone, and nothing else.
    pub const fn new(kind: ExchangeKind) -> Self {
        Self { kind, durable: false, auto_delete: false, internal: false, alternate: None }
    }

    /// As a client declares it.
    ///
    /// # Errors
    /// 503 for a type that there is not (§1.6.2.1); 406 for an alternate exchange that is no name (RabbitMQ).
    pub fn from_declare(declare: &exchange::Declare) -> Result<Self, Fault> {
        let unknown = Fault::new(ReplyCode::CommandInvalid, "§1.6.2.1", "there is no such type of exchanges");
        let alternate = match declare.arguments.get("alternate-exchange") {
            None => None,
            Some(value) => Some(name(value)?),
        };
        Ok(Self {
            kind: ExchangeKind::from_name(&declare.kind).ok_or(unknown)?,
            durable: declare.durable,
            auto_delete: declare.auto_delete,
            internal: declare.internal,
            alternate,
        })
    }
}

/// A name that an argument has.
pub(in crate::amqp) fn name(value: &FieldValue) -> Result<ShortStr, Fault> {
    let wrong = Fault::new(ReplyCode::PreconditionFailed, "RabbitMQ: arguments", "an argument is no name");
    value.as_str().and_then(|name| ShortStr::new(name).ok()).ok_or(wrong)
}

/// Names that begin with `amq.` are the server's (§1.6.2.1, §1.7.2.1).
///
/// # Errors
/// 403.
pub fn check_name(name: &str) -> Result<(), Fault> {
    match name.starts_with("amq.") {
        false => Ok(()),
        true => Err(Fault::new(ReplyCode::AccessRefused, "§1.6.2.1", "a name begins with amq.")),
    }
}

/// A binding's place: its destination, then its key, then its arguments.
pub(super) type Binding = (super::Destination, ShortStr, Table);
