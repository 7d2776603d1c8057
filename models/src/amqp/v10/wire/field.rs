//! Fields of composite types (§1.4): typed values, whose nulls at the end of a list may be left out.

use super::decode::{read_list, read_map};
use super::encode::{put_list, put_map};
use super::read::Reader;
use super::value::{Array, DeliveryTag, Kind, Map, Symbol, Value};
use super::write::Out;
use super::{Condition, Fault};
use bytes::Bytes;
use std::sync::Arc;

/// What can stand in a composite type's list.
pub(crate) trait Field: Sized {
    /// Reads what is there and is not null.
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault>;

    fn put(&self, out: &mut Out);

    /// What holds where there is null, or nothing.
    fn absent() -> Result<Self, Fault> {
        Err(Fault::decode("§1.4", "a mandatory field is missing"))
    }

    /// Whether it is written as null.
    fn is_null(&self) -> bool {
        false
    }

    /// Reads what is there.
    fn read_any(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        if reader.peek()? == 0x40 {
            reader.u8()?;
            return Self::absent();
        }
        Self::read(reader)
    }
}

const OTHER_TYPE: Fault = Fault::decode("§1.4", "a field is of another type");

/// A type that is a list of fields behind a descriptor.
pub(crate) trait Composite: Sized {
    /// Its descriptor.
    const CODE: u64;

    fn read_fields(list: &mut ListIn<'_, '_>) -> Result<Self, Fault>;

    fn put_fields(&self, list: &mut ListOut);

    /// Reads the list, behind the descriptor.
    fn read_list(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        list_in(reader, Self::read_fields)
    }

    /// Descriptor and list.
    fn put_described(&self, out: &mut Out) {
        put_code(Self::CODE, out);
        let mut list = ListOut::default();
        self.put_fields(&mut list);
        list.finish(out);
    }
}

/// A composite type's list that is read.
pub(crate) struct ListIn<'r, 'a> {
    reader: &'r mut Reader<'a>,
    left: u32,
}

impl ListIn<'_, '_> {
    pub(crate) fn field<T: Field>(&mut self) -> Result<T, Fault> {
        match self.left.checked_sub(1) {
            None => T::absent(),
            Some(left) => {
                self.left = left;
                T::read_any(self.reader)
            }
        }
    }
}

/// Reads a list, all of whose fields `read` takes.
pub(super) fn list_in<T>(
    reader: &mut Reader<'_>,
    read: impl FnOnce(&mut ListIn<'_, '_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    read_list(reader, |count, reader| {
        let mut list = ListIn { reader, left: count };
        let value = read(&mut list)?;
        match list.left {
            0 => Ok(value),
            _ => Err(Fault::decode("§1.4", "a composite type has more fields than there are")),
        }
    })
}

/// A composite type's list that is written.
#[derive(Default)]
pub(crate) struct ListOut {
    out: Out,
    /// Fields that are written.
    count: u32,
    /// Nulls behind them, which are not.
    nulls: u32,
}

impl ListOut {
    pub(crate) fn field<T: Field>(&mut self, field: &T) {
        if field.is_null() {
            self.nulls += 1;
            return;
        }
        for _ in 0..self.nulls {
            self.out.u8(0x40);
        }
        field.put(&mut self.out);
        self.count += self.nulls + 1;
        self.nulls = 0;
    }

    pub(super) fn finish(self, out: &mut Out) {
        put_list(self.count, self.out, out);
    }
}

/// `00` and a descriptor.
pub(super) fn put_code(code: u64, out: &mut Out) {
    out.u8(0x00);
    Value::Ulong(code).put(out);
}

/// Reads `00` and a descriptor of the standard's: a number, or the symbol that stands for the same; `Err` has any other one.
pub(super) fn read_code(reader: &mut Reader<'_>) -> Result<Result<u64, Value>, Fault> {
    if reader.u8()? != 0x00 {
        return Err(Fault::decode("§1.3", "a described type has no descriptor"));
    }
    let descriptor = reader.deeper(Value::read)?;
    Ok(match &descriptor {
        Value::Ulong(code) => Ok(*code),
        Value::Symbol(symbol) => match SYMBOLS.iter().find(|(name, _)| *name == symbol.as_str()) {
            Some((_, code)) => Ok(*code),
            None => Err(descriptor),
        },
        _ => Err(descriptor),
    })
}

/// Reads a descriptor of the standard's.
pub(super) fn read_known_code(reader: &mut Reader<'_>) -> Result<u64, Fault> {
    let unknown = |_| Fault::new(Condition::DecodeError, "§1.3", "a descriptor is not known here");
    read_code(reader)?.map_err(unknown)
}

/// Symbolic descriptors (§2.7, §2.8.14, §3.2, §3.4, §3.5, §5.3.3).
const SYMBOLS: [(&str, u64); 32] = [
    ("amqp:open:list", 0x10),
    ("amqp:begin:list", 0x11),
    ("amqp:attach:list", 0x12),
    ("amqp:flow:list", 0x13),
    ("amqp:transfer:list", 0x14),
    ("amqp:disposition:list", 0x15),
    ("amqp:detach:list", 0x16),
    ("amqp:end:list", 0x17),
    ("amqp:close:list", 0x18),
    ("amqp:error:list", 0x1d),
    ("amqp:received:list", 0x23),
    ("amqp:accepted:list", 0x24),
    ("amqp:rejected:list", 0x25),
    ("amqp:released:list", 0x26),
    ("amqp:modified:list", 0x27),
    ("amqp:source:list", 0x28),
    ("amqp:target:list", 0x29),
    ("amqp:sasl-mechanisms:list", 0x40),
    ("amqp:sasl-init:list", 0x41),
    ("amqp:sasl-challenge:list", 0x42),
    ("amqp:sasl-response:list", 0x43),
    ("amqp:sasl-outcome:list", 0x44),
    ("amqp:header:list", 0x70),
    ("amqp:delivery-annotations:map", 0x71),
    ("amqp:message-annotations:map", 0x72),
    ("amqp:properties:list", 0x73),
    ("amqp:application-properties:map", 0x74),
    ("amqp:data:binary", 0x75),
    ("amqp:amqp-sequence:list", 0x76),
    ("amqp:amqp-value:*", 0x77),
    ("amqp:footer:map", 0x78),
    ("amqp:coordinator:list", 0x30),
];

macro_rules! plain_field {
    ($($ty:ty: $variant:ident,)*) => {
        $(impl Field for $ty {
            fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
                match Value::read(reader)? {
                    Value::$variant(value) => Ok(value),
                    _ => Err(OTHER_TYPE),
                }
            }

            fn put(&self, out: &mut Out) {
                Value::$variant(self.clone()).put(out);
            }
        })*
    };
}

plain_field! {
    bool: Boolean,
    u8: Ubyte,
    u16: Ushort,
    u32: Uint,
    u64: Ulong,
    i64: Timestamp,
    Arc<str>: String,
    Symbol: Symbol,
}

impl Field for Value {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Self::read(reader)
    }

    fn put(&self, out: &mut Out) {
        self.put(out);
    }

    fn absent() -> Result<Self, Fault> {
        Ok(Self::Null)
    }

    fn is_null(&self) -> bool {
        *self == Self::Null
    }
}

impl Field for Bytes {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        match Value::read(reader)? {
            Value::Binary(bytes) => Ok(bytes.to_bytes()),
            _ => Err(OTHER_TYPE),
        }
    }

    fn put(&self, out: &mut Out) {
        Value::Binary(self.clone().into()).put(out);
    }
}

impl Field for DeliveryTag {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        match Value::read(reader)? {
            // A long one is refused before it is put together.
            Value::Binary(bytes) => Self::new(bytes.slice(0, Self::MAX as u64 + 1).to_bytes()),
            _ => Err(OTHER_TYPE),
        }
    }

    fn put(&self, out: &mut Out) {
        Value::Binary(Bytes::copy_from_slice(self.as_bytes()).into()).put(out);
    }
}

impl<T: Field> Field for Option<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        T::read(reader).map(Some)
    }

    fn put(&self, out: &mut Out) {
        match self {
            Some(field) => field.put(out),
            None => out.u8(0x40),
        }
    }

    fn absent() -> Result<Self, Fault> {
        Ok(None)
    }

    fn is_null(&self) -> bool {
        self.is_none()
    }
}

impl<T: Field> Field for Box<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        T::read(reader).map(Self::new)
    }

    fn put(&self, out: &mut Out) {
        (**self).put(out);
    }
}

/// Several symbols, one of which may stand for itself (§1.4, "multiple").
impl Field for Vec<Symbol> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        match Value::read(reader)? {
            Value::Symbol(symbol) => Ok(vec![symbol]),
            Value::Array(array) if array.kind() == Kind::Symbol && array.descriptors().is_empty() => {
                let symbol = |value| if let Value::Symbol(symbol) = value { Some(symbol) } else { None };
                Ok(array.into_items().into_iter().filter_map(symbol).collect())
            }
            _ => Err(OTHER_TYPE),
        }
    }

    fn put(&self, out: &mut Out) {
        match &self[..] {
            [symbol] => symbol.put(out),
            symbols => Value::Array(Box::new(Array::symbols(symbols))).put(out),
        }
    }

    fn absent() -> Result<Self, Fault> {
        Ok(Self::new())
    }

    fn is_null(&self) -> bool {
        self.is_empty()
    }
}

impl<K: Field + PartialEq, V: Field> Field for Map<K, V> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        match reader.u8()? {
            code @ (0xc1 | 0xd1) => read_map(code, reader, K::read_any, K::put, V::read_any),
            _ => Err(OTHER_TYPE),
        }
    }

    fn put(&self, out: &mut Out) {
        let mut body = Out::new();
        for (key, value) in self.iter() {
            key.put(&mut body);
            value.put(&mut body);
        }
        put_map(self.len(), body, out);
    }
}

/// A composite type: its fields in the order in which they are written.
macro_rules! composite {
    ($(#[$meta:meta])* $vis:vis $name:ident = $code:literal { $($(#[$field_meta:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[$field_meta])* pub $field: $ty,)*
        }

        impl $crate::amqp::v10::wire::field::Composite for $name {
            const CODE: u64 = $code;

            fn read_fields(
                list: &mut $crate::amqp::v10::wire::field::ListIn<'_, '_>,
            ) -> Result<Self, $crate::amqp::v10::wire::Fault> {
                Ok(Self { $($field: list.field()?,)* })
            }

            fn put_fields(&self, list: &mut $crate::amqp::v10::wire::field::ListOut) {
                $(list.field(&self.$field);)*
            }
        }
    };
}

/// A composite type within a field.
macro_rules! described_field {
    ($($name:ident,)*) => {
        $(impl $crate::amqp::v10::wire::field::Field for $name {
            fn read(
                reader: &mut $crate::amqp::v10::wire::read::Reader<'_>,
            ) -> Result<Self, $crate::amqp::v10::wire::Fault> {
                use $crate::amqp::v10::wire::field::Composite;
                match $crate::amqp::v10::wire::field::read_known_code(reader)? {
                    Self::CODE => Self::read_list(reader),
                    _ => Err($crate::amqp::v10::wire::Fault::decode("§1.4", "a field is of another type")),
                }
            }

            fn put(&self, out: &mut $crate::amqp::v10::wire::write::Out) {
                $crate::amqp::v10::wire::field::Composite::put_described(self, out);
            }
        })*
    };
}

pub(super) use {composite, described_field};
