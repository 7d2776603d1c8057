//! Values out of bytes, in any form (§1.6).

use super::Fault;
use super::read::Reader;
use super::value::{Array, Kind, Map, Symbol, Value};
use super::write::Out;
use crate::rope::Rope;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Value {
    /// Reads one value, which is all of `bytes`.
    ///
    /// # Errors
    /// `amqp:decode-error` when it is not.
    pub fn decode(bytes: &Rope) -> Result<Self, Fault> {
        let mut reader = Reader::new(bytes);
        let value = Self::read(&mut reader)?;
        match reader.is_empty() {
            true => Ok(value),
            false => Err(Fault::decode("§1.6", "a value has bytes behind it")),
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        match reader.u8()? {
            0x00 => reader.deeper(|reader| {
                let descriptor = Self::read(reader)?;
                Ok(Self::Described(Box::new((descriptor, Self::read(reader)?))))
            }),
            code => Self::read_as(code, reader),
        }
    }

    /// Reads what has this constructor.
    fn read_as(code: u8, reader: &mut Reader<'_>) -> Result<Self, Fault> {
        match code {
            0x40..0x50 => Self::read_empty(code),
            0x50..0xa0 => Self::read_fixed(code, reader),
            0xa0 | 0xb0 => {
                let len = read_size(code, reader)?;
                Ok(Self::Binary(reader.take(len)?))
            }
            0xa1 | 0xb1 => Ok(Self::String(read_text(code, reader)?)),
            0xa3 | 0xb3 => {
                let len = read_size(code, reader)?;
                let bytes = reader.take(len)?.to_bytes();
                // What is no UTF-8 is no ASCII either.
                Ok(Self::Symbol(Symbol::new(str::from_utf8(&bytes).unwrap_or("\u{fffd}"))?))
            }
            0xc0 | 0xd0 => read_compound(code, reader, |count, reader| {
                let mut items = Vec::with_capacity(count as usize);
                for _ in 0..count {
                    items.push(Self::read(reader)?);
                }
                Ok(Self::List(items))
            }),
            0xc1 | 0xd1 => Ok(Self::Map(read_map(code, reader, Self::read, Self::put, Self::read)?)),
            0xe0 | 0xf0 => Array::read(code, reader).map(|array| Self::Array(Box::new(array))),
            _ => Err(UNKNOWN),
        }
    }

    fn read_empty(code: u8) -> Result<Self, Fault> {
        Ok(match code {
            0x40 => Self::Null,
            0x41 => Self::Boolean(true),
            0x42 => Self::Boolean(false),
            0x43 => Self::Uint(0),
            0x44 => Self::Ulong(0),
            0x45 => Self::List(Vec::new()),
            _ => return Err(UNKNOWN),
        })
    }

    fn read_fixed(code: u8, reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok(match code {
            0x50 => Self::Ubyte(reader.u8()?),
            0x51 => Self::Byte(reader.u8()? as i8),
            0x52 => Self::Uint(u32::from(reader.u8()?)),
            0x53 => Self::Ulong(u64::from(reader.u8()?)),
            0x54 => Self::Int(i32::from(reader.u8()? as i8)),
            0x55 => Self::Long(i64::from(reader.u8()? as i8)),
            0x56 => match reader.u8()? {
                0 => Self::Boolean(false),
                1 => Self::Boolean(true),
                _ => return Err(Fault::decode("§1.6.2", "a boolean is neither 0 nor 1")),
            },
            0x60 => Self::Ushort(u16::from_be_bytes(reader.bytes()?)),
            0x61 => Self::Short(i16::from_be_bytes(reader.bytes()?)),
            0x70 => Self::Uint(reader.u32()?),
            0x71 => Self::Int(i32::from_be_bytes(reader.bytes()?)),
            0x72 => Self::Float(reader.u32()?),
            0x73 => match char::from_u32(reader.u32()?) {
                Some(character) => Self::Char(character),
                None => return Err(Fault::decode("§1.6.16", "a char is no character of Unicode")),
            },
            0x74 => Self::Decimal32(reader.u32()?),
            0x80 => Self::Ulong(u64::from_be_bytes(reader.bytes()?)),
            0x81 => Self::Long(i64::from_be_bytes(reader.bytes()?)),
            0x82 => Self::Double(u64::from_be_bytes(reader.bytes()?)),
            0x83 => Self::Timestamp(i64::from_be_bytes(reader.bytes()?)),
            0x84 => Self::Decimal64(u64::from_be_bytes(reader.bytes()?)),
            0x94 => Self::Decimal128(u128::from_be_bytes(reader.bytes()?)),
            0x98 => Self::Uuid(u128::from_be_bytes(reader.bytes()?)),
            _ => return Err(UNKNOWN),
        })
    }
}

const UNKNOWN: Fault = Fault::decode("§1.6", "a constructor is of no type");

/// One byte of the short form, four of the long one.
fn read_size(code: u8, reader: &mut Reader<'_>) -> Result<u64, Fault> {
    match code & 0x10 {
        0 => Ok(u64::from(reader.u8()?)),
        _ => Ok(u64::from(reader.u32()?)),
    }
}

fn read_text(code: u8, reader: &mut Reader<'_>) -> Result<Arc<str>, Fault> {
    let len = read_size(code, reader)?;
    let bytes = reader.take(len)?.to_bytes();
    let text = str::from_utf8(&bytes).map_err(|_| Fault::decode("§1.6.20", "a string is not UTF-8"))?;
    Ok(text.into())
}

/// Reads a list or map: each element takes at least a byte.
fn read_compound<T>(
    code: u8,
    reader: &mut Reader<'_>,
    read: impl FnOnce(u32, &mut Reader<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let size = read_size(code, reader)?;
    reader.within(size, |reader| {
        let count = read_size(code, reader)?;
        match u32::try_from(count) {
            Ok(count) if u64::from(count) <= reader.left() => read(count, reader),
            _ => Err(Fault::decode("§1.6.22", "a list or map has more elements than bytes")),
        }
    })
}

/// Reads a list with its constructor: `read` gets how many fields there are, and has to take them all.
pub(super) fn read_list<T>(
    reader: &mut Reader<'_>,
    read: impl FnOnce(u32, &mut Reader<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    match reader.u8()? {
        0x45 => read(0, reader),
        code @ (0xc0 | 0xd0) => read_compound(code, reader, read),
        _ => Err(Fault::decode("§1.4", "a composite type is no list")),
    }
}

/// Reads a map behind its constructor: each key once, as it may have maps in it.
pub(super) fn read_map<K, V>(
    code: u8,
    reader: &mut Reader<'_>,
    read_key: impl Fn(&mut Reader<'_>) -> Result<K, Fault>,
    put_key: impl Fn(&K, &mut Out),
    read_value: impl Fn(&mut Reader<'_>) -> Result<V, Fault>,
) -> Result<Map<K, V>, Fault> {
    read_compound(code, reader, |count, reader| {
        if count % 2 != 0 {
            return Err(Fault::decode("§1.6.23", "a map has a key without a value"));
        }
        let (mut pairs, mut known) = (Vec::with_capacity(count as usize / 2), BTreeSet::new());
        for _ in 0..count / 2 {
            // Keys are the same where they are written the same, in the shortest form.
            let (key, mut written) = (read_key(reader)?, Out::new());
            put_key(&key, &mut written);
            if !known.insert(written.finish().to_bytes()) {
                return Err(Fault::decode("§1.6.23", "a map has a key twice"));
            }
            pairs.push((key, read_value(reader)?));
        }
        Ok(Map::of(pairs))
    })
}

impl Array {
    fn read(code: u8, reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let size = read_size(code, reader)?;
        reader.within(size, |reader| {
            let count = read_size(code, reader)?;
            let count = u32::try_from(count).map_err(|_| UNKNOWN)?;
            let mut descriptors = Vec::new();
            let code = loop {
                match reader.u8()? {
                    0x00 => descriptors.push(Value::read(reader)?),
                    code => break code,
                }
            };
            let kind = kind(code)?;
            if code & 0xf0 == 0x40 {
                reader.take_widthless(count)?;
            } else if u64::from(count) > reader.left() {
                return Err(Fault::decode("§1.6.24", "an array has more elements than bytes"));
            }
            let mut items = Vec::with_capacity(count as usize);
            for _ in 0..count {
                items.push(Value::read_as(code, reader)?);
            }
            Self::described(descriptors, kind, items)
        })
    }
}

/// What has this constructor.
fn kind(code: u8) -> Result<Kind, Fault> {
    Ok(match code {
        0x40 => Kind::Null,
        0x41 | 0x42 | 0x56 => Kind::Boolean,
        0x43 | 0x52 | 0x70 => Kind::Uint,
        0x44 | 0x53 | 0x80 => Kind::Ulong,
        0x45 | 0xc0 | 0xd0 => Kind::List,
        0x50 => Kind::Ubyte,
        0x51 => Kind::Byte,
        0x54 | 0x71 => Kind::Int,
        0x55 | 0x81 => Kind::Long,
        0x60 => Kind::Ushort,
        0x61 => Kind::Short,
        0x72 => Kind::Float,
        0x73 => Kind::Char,
        0x74 => Kind::Decimal32,
        0x82 => Kind::Double,
        0x83 => Kind::Timestamp,
        0x84 => Kind::Decimal64,
        0x94 => Kind::Decimal128,
        0x98 => Kind::Uuid,
        0xa0 | 0xb0 => Kind::Binary,
        0xa1 | 0xb1 => Kind::String,
        0xa3 | 0xb3 => Kind::Symbol,
        0xc1 | 0xd1 => Kind::Map,
        0xe0 | 0xf0 => Kind::Array,
        _ => return Err(UNKNOWN),
    })
}
