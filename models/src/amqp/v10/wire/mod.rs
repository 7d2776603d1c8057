//! Frames of AMQP 1.0, messages, and the types that both are made of.
//!
//! [`Item`] is what a stream is made of: protocol headers and frames. [`Item::encode`] gives what goes on the wire; a [`Decoder`] takes a
//! stream however it is cut. The payload of a transfer is the rope that it is: bulk data passes through as bulk data.
//!
//! | file | what |
//! |---|---|
//! | `value` | the type system (part 1): [`Value`], symbols, maps, arrays |
//! | `encode`, `decode` | values into bytes, in the shortest form, and out of them, in any |
//! | `field` | fields of composite types |
//! | `performative` | open to close (§2.7) |
//! | `terminus` | source and target (§3.5) |
//! | `state` | states of deliveries, outcomes (§3.4), errors (§2.8.14) |
//! | `sasl` | frames of SASL (§5.3.3), responses of PLAIN |
//! | `message` | sections of messages (§3.2) |
//! | `frame`, `decoder` | frames and headers, and what takes them out of a stream |
//! | `read`, `write` | bytes out of runs, and into them |
//!
//! # How things are written
//! Each value in its shortest form (§1.6), arrays in the shortest that fits all of their elements; nulls at the end of a composite's list are
//! left out (§1.4). A field with a default that is `None` stands for that default, and one that says the default is written: so what others have
//! written is written the same where they choose the same forms.
//!
//! # Bounds (our choice)
//! Values nest to [`MAX_DEPTH`]. Elements of arrays that take no bytes, such as nulls, are at most [`MAX_WIDTHLESS`] in one frame or section: a
//! few bytes could say four thousand million of them.

mod decode;
mod decoder;
mod encode;
mod field;
mod frame;
mod message;
mod performative;
mod read;
mod sasl;
mod state;
mod terminus;
mod value;
mod write;

pub use decoder::Decoder;
pub use frame::{EMPTY_FRAME, Frame, Header, Item, MIN_MAX_FRAME_SIZE};
pub use message::{AnnotationKey, Annotations, Body, Message, MessageHeader, MessageId, Properties};
pub use performative::{
    Attach, Begin, Close, Detach, Disposition, End, Flow, Open, Performative, ReceiverSettleMode, Role,
    SenderSettleMode, Transfer, Unsettled,
};
pub use sasl::{Outcome, Sasl, SaslCode, SaslInit, plain};
pub use state::{DeliveryState, Error, Modified};
pub use terminus::{AnyTarget, Durability, Source, Target};
pub use value::{Array, DeliveryTag, Fields, Kind, Map, Symbol, Value};

use std::fmt;

/// How deep values may nest; our choice.
pub const MAX_DEPTH: u8 = 32;
/// How many elements of arrays may take no bytes, in one frame; our choice.
pub const MAX_WIDTHLESS: u32 = 4096;

/// Why something cannot be read, or is not allowed: what is closed, ended or detached for it says so (§2.8.14).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{condition}: {why} ({rule})")]
pub struct Fault {
    /// The condition of the error.
    pub condition: Condition,
    /// The section of the standard that is broken.
    pub rule: &'static str,
    /// In words.
    pub why: &'static str,
}

impl Fault {
    pub(crate) const fn new(condition: Condition, rule: &'static str, why: &'static str) -> Self {
        Self { condition, rule, why }
    }

    /// `amqp:decode-error`.
    pub(crate) const fn decode(rule: &'static str, why: &'static str) -> Self {
        Self::new(Condition::DecodeError, rule, why)
    }

    /// `amqp:connection:framing-error`.
    pub(crate) const fn framing(rule: &'static str, why: &'static str) -> Self {
        Self::new(Condition::FramingError, rule, why)
    }

    /// `amqp:not-allowed`.
    pub(crate) const fn not_allowed(rule: &'static str, why: &'static str) -> Self {
        Self::new(Condition::NotAllowed, rule, why)
    }

    /// What a close, end or detach says of it.
    pub fn error(&self) -> Error {
        Error::new(self.condition, self.why)
    }
}

macro_rules! conditions {
    ($($(#[$meta:meta])* $name:ident = $text:literal,)*) => {
        /// Conditions of errors that the standard names (§2.8.15 to §2.8.18).
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[expect(missing_docs, reason = "each is named as its symbol")]
        pub enum Condition {
            $($(#[$meta])* $name,)*
        }

        impl Condition {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The symbol.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

conditions! {
    InternalError = "amqp:internal-error",
    NotFound = "amqp:not-found",
    UnauthorizedAccess = "amqp:unauthorized-access",
    DecodeError = "amqp:decode-error",
    ResourceLimitExceeded = "amqp:resource-limit-exceeded",
    NotAllowed = "amqp:not-allowed",
    InvalidField = "amqp:invalid-field",
    NotImplemented = "amqp:not-implemented",
    ResourceLocked = "amqp:resource-locked",
    PreconditionFailed = "amqp:precondition-failed",
    ResourceDeleted = "amqp:resource-deleted",
    IllegalState = "amqp:illegal-state",
    FrameSizeTooSmall = "amqp:frame-size-too-small",
    ConnectionForced = "amqp:connection:forced",
    FramingError = "amqp:connection:framing-error",
    ConnectionRedirect = "amqp:connection:redirect",
    WindowViolation = "amqp:session:window-violation",
    ErrantLink = "amqp:session:errant-link",
    HandleInUse = "amqp:session:handle-in-use",
    UnattachedHandle = "amqp:session:unattached-handle",
    DetachForced = "amqp:link:detach-forced",
    TransferLimitExceeded = "amqp:link:transfer-limit-exceeded",
    MessageSizeExceeded = "amqp:link:message-size-exceeded",
    LinkRedirect = "amqp:link:redirect",
    Stolen = "amqp:link:stolen",
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
