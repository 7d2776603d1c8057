//! Field tables and their values (§4.2.5.5), with the types as RabbitMQ has them.
//!
//! Where the grammar of §4.2.1 and RabbitMQ differ, it is RabbitMQ's: `s` is a signed short, `l` a signed long-long, `x` are bytes.

use super::Fault;
use super::argument::{Argument, Reader, Writer};
use super::text::{LongStr, ShortStr};
use bytes::Bytes;

/// How deep tables and arrays may stand in each other (our choice: RabbitMQ's own stand three deep). Deeper ones are refused.
pub const MAX_DEPTH: u32 = 32;

/// Names with values, in the order in which they are written. Of two values with one name, which the standard leaves undefined, the first
/// counts.
///
/// Names are not held to the letters of §4.2.5.5: `x-message-ttl` has dashes, which it does not allow.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Table(Vec<(ShortStr, FieldValue)>);

/// One value in a table or array, with the octet of its type.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum FieldValue {
    /// `t`.
    Bool(bool),
    /// `b`.
    I8(i8),
    /// `B`.
    U8(u8),
    /// `s`.
    I16(i16),
    /// `u`.
    U16(u16),
    /// `I`.
    I32(i32),
    /// `i`.
    U32(u32),
    /// `l`.
    I64(i64),
    /// `f`: the bits of an IEEE 754 number, so that a table is equal to itself.
    Float(u32),
    /// `d`: the bits of an IEEE 754 number.
    Double(u64),
    /// `D`: `value` divided by the `scale`-th power of ten.
    Decimal {
        /// Digits behind the point.
        scale: u8,
        /// All digits.
        value: u32,
    },
    /// `S`.
    LongStr(LongStr),
    /// `x`.
    Bytes(Bytes),
    /// `A`.
    Array(Vec<FieldValue>),
    /// `T`: seconds since 1970.
    Timestamp(u64),
    /// `F`.
    Table(Table),
    /// `V`: a name without a value.
    Void,
}

impl FieldValue {
    /// The octet of its type.
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Bool(_) => b't',
            Self::I8(_) => b'b',
            Self::U8(_) => b'B',
            Self::I16(_) => b's',
            Self::U16(_) => b'u',
            Self::I32(_) => b'I',
            Self::U32(_) => b'i',
            Self::I64(_) => b'l',
            Self::Float(_) => b'f',
            Self::Double(_) => b'd',
            Self::Decimal { .. } => b'D',
            Self::LongStr(_) => b'S',
            Self::Bytes(_) => b'x',
            Self::Array(_) => b'A',
            Self::Timestamp(_) => b'T',
            Self::Table(_) => b'F',
            Self::Void => b'V',
        }
    }

    /// The characters of a long string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::LongStr(text) => text.as_str(),
            _ => None,
        }
    }

    /// The number of an integer of whatever width.
    pub fn as_i64(&self) -> Option<i64> {
        Some(match self {
            Self::I8(value) => i64::from(*value),
            Self::U8(value) => i64::from(*value),
            Self::I16(value) => i64::from(*value),
            Self::U16(value) => i64::from(*value),
            Self::I32(value) => i64::from(*value),
            Self::U32(value) => i64::from(*value),
            Self::I64(value) => *value,
            _ => return None,
        })
    }

    /// Whether both mean the same: integers by their numbers, whatever their widths; others by type and value.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self.as_i64(), other.as_i64()) {
            (Some(one), Some(two)) => one == two,
            _ => self == other,
        }
    }

    /// Reads one that stands `depth` tables and arrays deep.
    fn read_at(reader: &mut Reader<'_>, depth: u32) -> Result<Self, Fault> {
        Ok(match reader.u8()? {
            b't' => Self::Bool(reader.u8()? != 0),
            b'b' => Self::I8(reader.array().map(i8::from_be_bytes)?),
            b'B' => Self::U8(reader.u8()?),
            b's' => Self::I16(reader.array().map(i16::from_be_bytes)?),
            b'u' => Self::U16(reader.u16()?),
            b'I' => Self::I32(reader.array().map(i32::from_be_bytes)?),
            b'i' => Self::U32(reader.u32()?),
            b'l' => Self::I64(reader.array().map(i64::from_be_bytes)?),
            b'f' => Self::Float(reader.u32()?),
            b'd' => Self::Double(reader.u64()?),
            b'D' => Self::Decimal { scale: reader.u8()?, value: reader.u32()? },
            b'S' => Self::LongStr(LongStr::read(reader)?),
            b'x' => Self::Bytes(Bytes::copy_from_slice(reader.long()?)),
            b'A' => {
                let mut part = Reader::new(inner(reader, depth + 1)?);
                let mut values = Vec::new();
                while !part.is_empty() {
                    values.push(Self::read_at(&mut part, depth + 1)?);
                }
                Self::Array(values)
            }
            b'T' => Self::Timestamp(reader.u64()?),
            b'F' => Self::Table(Table::read_at(reader, depth + 1)?),
            b'V' => Self::Void,
            _ => return Err(Fault::syntax("§4.2.5.5", "a value in a table has an unknown type")),
        })
    }

    fn put(&self, writer: &mut Writer) {
        writer.put(&[self.kind()]);
        match self {
            Self::Bool(value) => writer.put(&[u8::from(*value)]),
            Self::I8(value) => writer.put(&value.to_be_bytes()),
            Self::U8(value) => writer.put(&[*value]),
            Self::I16(value) => writer.put(&value.to_be_bytes()),
            Self::U16(value) => writer.put(&value.to_be_bytes()),
            Self::I32(value) => writer.put(&value.to_be_bytes()),
            Self::U32(value) | Self::Float(value) => writer.put(&value.to_be_bytes()),
            Self::I64(value) => writer.put(&value.to_be_bytes()),
            Self::Double(value) | Self::Timestamp(value) => writer.put(&value.to_be_bytes()),
            Self::Decimal { scale, value } => {
                writer.put(&[*scale]);
                writer.put(&value.to_be_bytes());
            }
            Self::LongStr(text) => writer.put_long(text.as_bytes()),
            Self::Bytes(bytes) => writer.put_long(bytes),
            Self::Array(values) => writer.put_part(|writer| values.iter().for_each(|value| value.put(writer))),
            Self::Table(table) => table.put_behind_length(writer),
            Self::Void => {}
        }
    }
}

/// The bytes of a table or array that stands `depth` deep.
fn inner<'a>(reader: &mut Reader<'a>, depth: u32) -> Result<&'a [u8], Fault> {
    match depth {
        0..MAX_DEPTH => reader.long(),
        _ => Err(Fault::syntax("our limit", "tables stand too deep in each other")),
    }
}

impl From<&str> for FieldValue {
    fn from(text: &str) -> Self {
        Self::LongStr(text.into())
    }
}

impl From<&ShortStr> for FieldValue {
    fn from(text: &ShortStr) -> Self {
        Self::LongStr(text.into())
    }
}

impl Table {
    /// Without fields.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The fields, in order.
    pub fn fields(&self) -> &[(ShortStr, FieldValue)] {
        &self.0
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value with this name.
    pub fn get(&self, name: &str) -> Option<&FieldValue> {
        self.0.iter().find(|(field, _)| field.as_str() == name).map(|(_, value)| value)
    }

    /// Names with values, in the order in which they are written.
    pub fn iter(&self) -> impl Iterator<Item = (&ShortStr, &FieldValue)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// Sets the value with this name, where it stands, or behind all others.
    pub fn set(&mut self, name: ShortStr, value: FieldValue) {
        match self.0.iter_mut().find(|(field, _)| *field == name) {
            Some((_, before)) => *before = value,
            None => self.0.push((name, value)),
        }
    }

    /// Takes out all values with this name. Whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|(field, _)| field.as_str() != name);
        self.0.len() < before
    }

    /// Reads one that stands `depth` tables and arrays deep.
    pub(super) fn read_at(reader: &mut Reader<'_>, depth: u32) -> Result<Self, Fault> {
        let mut part = Reader::new(inner(reader, depth)?);
        let mut fields = Vec::new();
        while !part.is_empty() {
            let name = ShortStr::read(&mut part)?;
            fields.push((name, FieldValue::read_at(&mut part, depth)?));
        }
        Ok(Self(fields))
    }

    pub(super) fn put_behind_length(&self, writer: &mut Writer) {
        writer.put_part(|writer| {
            for (name, value) in &self.0 {
                name.put(writer);
                value.put(writer);
            }
        });
    }
}

impl FromIterator<(ShortStr, FieldValue)> for Table {
    fn from_iter<I: IntoIterator<Item = (ShortStr, FieldValue)>>(fields: I) -> Self {
        Self(fields.into_iter().collect())
    }
}

#[cfg(test)]
impl Table {
    /// A table for tests, `depth` deep.
    pub(super) fn any_at(rng: &mut fastrand::Rng, depth: u32) -> Self {
        (0..rng.usize(..4)).map(|_| (ShortStr::any(rng), FieldValue::any_at(rng, depth))).collect()
    }
}

#[cfg(test)]
impl FieldValue {
    fn any_at(rng: &mut fastrand::Rng, depth: u32) -> Self {
        match rng.u8(..if depth < 3 { 17 } else { 15 }) {
            0 => Self::Bool(rng.bool()),
            1 => Self::I8(rng.i8(..)),
            2 => Self::U8(rng.u8(..)),
            3 => Self::I16(rng.i16(..)),
            4 => Self::U16(rng.u16(..)),
            5 => Self::I32(rng.i32(..)),
            6 => Self::U32(rng.u32(..)),
            7 => Self::I64(rng.i64(..)),
            8 => Self::Float(rng.u32(..)),
            9 => Self::Double(rng.u64(..)),
            10 => Self::Decimal { scale: rng.u8(..), value: rng.u32(..) },
            11 => Self::LongStr(LongStr::any(rng)),
            12 => Self::Bytes(LongStr::any(rng).as_bytes().to_vec().into()),
            13 => Self::Timestamp(rng.u64(..)),
            14 => Self::Void,
            15 => Self::Array((0..rng.usize(..4)).map(|_| Self::any_at(rng, depth + 1)).collect()),
            _ => Self::Table(Table::any_at(rng, depth + 1)),
        }
    }
}
