//! Content headers (§4.2.6.1).

use super::argument::{Argument, Reader, Writer};
use super::table::Table;
use super::text::ShortStr;
use super::{Fault, MethodId, ReplyCode};
use protosim_core::Span;

/// The class of messages, the only one with content.
const BASIC: u16 = 60;

/// What stands between a method and its body.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ContentHeader {
    /// The class of the method: that of `basic`, 60, where all is well.
    pub class: u16,
    /// Length of the body \[bytes\].
    pub body_size: u64,
    /// About the message.
    pub properties: Properties,
}

/// Makes the properties and their encoding: each has a flag, and they stand in the order of flags from the highest.
macro_rules! properties {
    ($($(#[$doc:meta])+ $flag:literal $field:ident : $type:ty;)+) => {
        /// What a message says about itself.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
        pub struct Properties {
            $($(#[$doc])+ pub $field: Option<$type>,)+
        }

        /// The flags of all properties.
        const ALL: u16 = $($flag)|+;

        impl Properties {
            /// The flags of those that are there.
            pub fn flags(&self) -> u16 {
                let mut flags = 0;
                $(if self.$field.is_some() {
                    flags |= $flag;
                })+
                flags
            }

            fn read(flags: u16, reader: &mut Reader<'_>) -> Result<Self, Fault> {
                Ok(Self {
                    // In the order in which they stand here.
                    $($field: if flags & $flag != 0 { Some(<$type>::read(reader)?) } else { None },)+
                })
            }

            fn put(&self, writer: &mut Writer) {
                $(if let Some(value) = &self.$field {
                    value.put(writer);
                })+
            }

            /// Properties for tests.
            #[cfg(test)]
            pub(crate) fn any(rng: &mut fastrand::Rng) -> Self {
                Self { $($field: rng.bool().then(|| <$type>::any(rng)),)+ }
            }
        }
    };
}

properties! {
    /// MIME type.
    0x8000 content_type: ShortStr;
    /// MIME encoding.
    0x4000 content_encoding: ShortStr;
    /// Fields of the application's; what a headers exchange looks at.
    0x2000 headers: Table;
    /// 1: transient, 2: persistent.
    0x1000 delivery_mode: u8;
    /// 0 to 9; RabbitMQ: up to the queue's highest.
    0x0800 priority: u8;
    /// To what it is an answer.
    0x0400 correlation_id: ShortStr;
    /// Where an answer goes.
    0x0200 reply_to: ShortStr;
    /// How long it is good for, in milliseconds, as decimal digits (RabbitMQ).
    0x0100 expiration: ShortStr;
    /// Its name.
    0x0080 message_id: ShortStr;
    /// When it was made: seconds since 1970.
    0x0040 timestamp: u64;
    /// What it is.
    0x0020 kind: ShortStr;
    /// Whose it is.
    0x0010 user_id: ShortStr;
    /// What made it.
    0x0008 app_id: ShortStr;
    /// Reserved.
    0x0004 cluster_id: ShortStr;
}

/// The longest life of a message \[ms\]: ten years (RabbitMQ 3.10).
pub(in crate::amqp) const MAX_TTL_MS: u64 = 315_360_000_000;

impl Properties {
    /// Whether the message shall survive a restart of the server, where its queue does.
    pub fn is_persistent(&self) -> bool {
        self.delivery_mode == Some(2)
    }

    /// How long they are as they are written \[bytes\].
    pub(in crate::amqp) fn written_len(&self) -> u64 {
        let mut writer = Writer::default();
        self.put(&mut writer);
        writer.out.len() as u64
    }

    /// How long the message is good for; `None` for as long as its queue lets it.
    ///
    /// # Errors
    /// 406, when it is not a number of milliseconds of at most ten years (RabbitMQ).
    pub fn time_to_live(&self) -> Result<Option<Span>, Fault> {
        let Some(expiration) = &self.expiration else { return Ok(None) };
        let is_digits = !expiration.is_empty() && expiration.bytes().all(|byte| byte.is_ascii_digit());
        match expiration.parse::<u64>() {
            Ok(millis) if is_digits && millis <= MAX_TTL_MS => Ok(Some(Span::from_millis(millis))),
            _ => Err(Fault::new(
                ReplyCode::PreconditionFailed,
                "RabbitMQ: TTL",
                "an expiration is no number of milliseconds",
            )),
        }
    }
}

impl ContentHeader {
    /// The header of a message.
    pub const fn new(body_size: u64, properties: Properties) -> Self {
        Self { class: BASIC, body_size, properties }
    }

    /// Reads the payload of a content header frame.
    ///
    /// # Errors
    /// With the class that it says.
    pub(super) fn read(payload: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::new(payload);
        let class = reader.u16()?;
        Self::read_behind_class(class, &mut reader).map_err(|fault| fault.in_method(MethodId { class, method: 0 }))
    }

    fn read_behind_class(class: u16, reader: &mut Reader<'_>) -> Result<Self, Fault> {
        // Weight: unused (§4.2.6.1).
        reader.u16()?;
        let body_size = reader.u64()?;
        let flags = reader.u16()?;
        if class != BASIC {
            // Other classes have no content; which properties theirs would be is unknown.
            return Ok(Self { class, body_size, properties: Properties::default() });
        }
        if flags & !ALL != 0 {
            return Err(Fault::syntax("§4.2.6.1", "a content header has flags of no property"));
        }
        let properties = Properties::read(flags, reader)?;
        reader.finish()?;
        Ok(Self { class, body_size, properties })
    }

    /// Writes the payload of a content header frame.
    pub(super) fn put(&self, writer: &mut Writer) {
        writer.put(&self.class.to_be_bytes());
        writer.put(&[0; 2]);
        writer.put(&self.body_size.to_be_bytes());
        writer.put(&self.properties.flags().to_be_bytes());
        self.properties.put(writer);
    }
}
