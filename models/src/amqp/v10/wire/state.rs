//! States of deliveries and outcomes (§3.4), and errors (§2.8.14).

use super::field::{Composite, Field, ListOut, composite, described_field, list_in, put_code, read_code};
use super::message::Annotations;
use super::read::Reader;
use super::value::{Fields, Symbol, Value};
use super::write::Out;
use super::{Condition, Fault};
use std::sync::Arc;

/// What is known of a delivery at one end. All but `Received` are outcomes: they are final (§3.4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DeliveryState {
    /// So much has come (§3.4.1).
    Received {
        /// Sections of the message that are there as a whole.
        section_number: u32,
        /// Bytes of the next one.
        section_offset: u64,
    },
    /// §3.4.2.
    Accepted,
    /// It is invalid and cannot be processed (§3.4.3).
    Rejected(Option<Box<Error>>),
    /// It was not, and will not be, acted upon (§3.4.4).
    Released,
    /// As released, with changes to the message (§3.4.5).
    Modified(Box<Modified>),
    /// One that is not of the standard's part 3, such as those of transactions: its descriptor and value.
    Other(Box<(Value, Value)>),
}

composite! {
    /// What has become of a message that was not processed (§3.4.5).
    #[derive(Clone, PartialEq, Eq, Debug, Default)]
    pub Modified = 0x27 {
        /// Counts as an unsuccessful attempt. Default: no.
        delivery_failed: Option<bool>,
        /// Not to be sent to the same link again. Default: no.
        undeliverable_here: Option<bool>,
        /// To be merged with those of the message.
        message_annotations: Option<Annotations>,
    }
}

composite! {
    /// Why something was closed, ended, detached or rejected (§2.8.14).
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub Error = 0x1d {
        /// What kind of error.
        condition: Symbol,
        /// In words.
        description: Option<Arc<str>>,
        /// More of it.
        info: Option<Fields>,
    }
}

described_field! { Modified, Error, }

impl Error {
    /// An error of the standard's.
    pub fn new(condition: Condition, description: &str) -> Self {
        let condition = Symbol::known(condition.as_str());
        Self { condition, description: Some(description.into()), info: None }
    }

    /// Its condition, where it is one of the standard's.
    pub fn known(&self) -> Option<Condition> {
        Condition::ALL.iter().copied().find(|known| known.as_str() == self.condition.as_str())
    }
}

impl DeliveryState {
    /// Whether it is an outcome: nothing changes it any more. States of other specifications are none here.
    pub const fn is_outcome(&self) -> bool {
        !matches!(self, Self::Received { .. } | Self::Other(_))
    }
}

impl Field for DeliveryState {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let code = match read_code(reader)? {
            Ok(code) => code,
            Err(descriptor) => return Ok(Self::Other(Box::new((descriptor, reader.deeper(Value::read)?)))),
        };
        Ok(match code {
            0x23 => list_in(reader, |list| {
                Ok(Self::Received { section_number: list.field()?, section_offset: list.field()? })
            })?,
            0x24 => list_in(reader, |_| Ok(Self::Accepted))?,
            0x25 => list_in(reader, |list| list.field().map(Self::Rejected))?,
            0x26 => list_in(reader, |_| Ok(Self::Released))?,
            0x27 => Self::Modified(Box::new(Modified::read_list(reader)?)),
            code => Self::Other(Box::new((Value::Ulong(code), reader.deeper(Value::read)?))),
        })
    }

    fn put(&self, out: &mut Out) {
        let mut list = ListOut::default();
        let code = match self {
            Self::Received { section_number, section_offset } => {
                list.field(section_number);
                list.field(section_offset);
                0x23
            }
            Self::Accepted => 0x24,
            Self::Rejected(error) => {
                list.field(error);
                0x25
            }
            Self::Released => 0x26,
            Self::Modified(modified) => return modified.put_described(out),
            Self::Other(both) => {
                out.u8(0x00);
                both.0.put(out);
                return both.1.put(out);
            }
        };
        put_code(code, out);
        list.finish(out);
    }
}
