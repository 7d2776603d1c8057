//! Values into bytes, in the shortest form (§1.6).

use super::value::{Array, Kind, Value};
use super::write::Out;
use crate::rope::Rope;

/// What a compound value has between its sizes and its end.
struct Compound {
    count: u32,
    body: Out,
}

impl Value {
    /// What goes on the wire.
    pub fn encode(&self) -> Rope {
        let mut out = Out::new();
        self.put(&mut out);
        out.finish()
    }

    pub(super) fn put(&self, out: &mut Out) {
        if let Self::Described(both) = self {
            out.u8(0x00);
            both.0.put(out);
            return both.1.put(out);
        }
        match self.compound() {
            Some(compound) => {
                let code = shortest(self.kind(), &compound);
                out.u8(code);
                compound.put(code, out);
            }
            None => {
                let code = self.code();
                out.u8(code);
                self.put_plain(code, out);
            }
        }
    }

    /// The constructor of the shortest form of a value that is not compound.
    fn code(&self) -> u8 {
        let variable = |len: u64, short: u8| if len <= 255 { short } else { short | 0x10 };
        match self {
            Self::Boolean(true) => 0x41,
            Self::Boolean(false) => 0x42,
            Self::Uint(0) => 0x43,
            Self::Uint(1..=255) => 0x52,
            Self::Uint(_) => 0x70,
            Self::Ulong(0) => 0x44,
            Self::Ulong(1..=255) => 0x53,
            Self::Ulong(_) => 0x80,
            Self::Ubyte(_) => 0x50,
            Self::Ushort(_) => 0x60,
            Self::Byte(_) => 0x51,
            Self::Short(_) => 0x61,
            Self::Int(-128..=127) => 0x54,
            Self::Int(_) => 0x71,
            Self::Long(-128..=127) => 0x55,
            Self::Long(_) => 0x81,
            Self::Float(_) => 0x72,
            Self::Double(_) => 0x82,
            Self::Decimal32(_) => 0x74,
            Self::Decimal64(_) => 0x84,
            Self::Decimal128(_) => 0x94,
            Self::Char(_) => 0x73,
            Self::Timestamp(_) => 0x83,
            Self::Uuid(_) => 0x98,
            Self::Binary(bytes) => variable(bytes.len(), 0xa0),
            Self::String(text) => variable(text.len() as u64, 0xa1),
            Self::Symbol(symbol) => variable(symbol.as_str().len() as u64, 0xa3),
            Self::Null | Self::List(_) | Self::Map(_) | Self::Array(_) | Self::Described(_) => 0x40,
        }
    }

    /// What stands behind the constructor of a value that is not compound.
    fn put_plain(&self, code: u8, out: &mut Out) {
        // The last byte says all, where there is but one.
        let one = code & 0xf0 == 0x50;
        match self {
            _ if code & 0xf0 == 0x40 => {}
            Self::Boolean(value) => out.u8(u8::from(*value)),
            Self::Uint(n) if one => out.u8(*n as u8),
            Self::Ulong(n) if one => out.u8(*n as u8),
            Self::Int(n) if one => out.u8(*n as u8),
            Self::Long(n) if one => out.u8(*n as u8),
            Self::Ubyte(n) => out.u8(*n),
            Self::Byte(n) => out.u8(*n as u8),
            Self::Ushort(n) => out.put(&n.to_be_bytes()),
            Self::Short(n) => out.put(&n.to_be_bytes()),
            Self::Uint(n) | Self::Float(n) | Self::Decimal32(n) => out.put(&n.to_be_bytes()),
            Self::Int(n) => out.put(&n.to_be_bytes()),
            Self::Ulong(n) | Self::Double(n) | Self::Decimal64(n) => out.put(&n.to_be_bytes()),
            Self::Long(n) | Self::Timestamp(n) => out.put(&n.to_be_bytes()),
            Self::Decimal128(n) | Self::Uuid(n) => out.put(&n.to_be_bytes()),
            Self::Char(c) => out.put(&u32::from(*c).to_be_bytes()),
            Self::Binary(bytes) => {
                put_size(code, bytes.len(), out);
                out.rope(bytes);
            }
            Self::String(text) => put_text(code, text, out),
            Self::Symbol(symbol) => put_text(code, symbol.as_str(), out),
            Self::Null | Self::List(_) | Self::Map(_) | Self::Array(_) | Self::Described(_) => {}
        }
    }

    fn compound(&self) -> Option<Compound> {
        let mut body = Out::new();
        let count = match self {
            Self::List(items) => {
                items.iter().for_each(|item| item.put(&mut body));
                items.len()
            }
            Self::Map(map) => {
                for (key, value) in map.iter() {
                    key.put(&mut body);
                    value.put(&mut body);
                }
                2 * map.len()
            }
            Self::Array(array) => {
                array.put_elements(&mut body);
                array.items().len()
            }
            _ => return None,
        };
        // A frame cannot say more.
        Some(Compound { count: u32::try_from(count).unwrap_or(u32::MAX), body })
    }
}

impl Compound {
    fn is_small(&self) -> bool {
        self.count <= 255 && self.body.len() < 255
    }

    /// Size, count and body.
    fn put(&self, code: u8, out: &mut Out) {
        match code {
            0x45 => {}
            _ if code & 0x10 == 0 => {
                // It is small.
                out.put(&[self.body.len() as u8 + 1, self.count as u8]);
            }
            _ => {
                out.put(&u32::try_from(self.body.len() + 4).unwrap_or(u32::MAX).to_be_bytes());
                out.put(&self.count.to_be_bytes());
            }
        }
        out.append(&self.body);
    }
}

/// A list of `count` fields, which `body` has.
pub(super) fn put_list(count: u32, body: Out, out: &mut Out) {
    let compound = Compound { count, body };
    let code = shortest(Some(Kind::List), &compound);
    out.u8(code);
    compound.put(code, out);
}

/// A map of `pairs` pairs, which `body` has.
pub(super) fn put_map(pairs: usize, body: Out, out: &mut Out) {
    let compound = Compound { count: u32::try_from(2 * pairs).unwrap_or(u32::MAX), body };
    let code = shortest(Some(Kind::Map), &compound);
    out.u8(code);
    compound.put(code, out);
}

fn shortest(kind: Option<Kind>, compound: &Compound) -> u8 {
    let short = match kind {
        Some(Kind::List) if compound.count == 0 => return 0x45,
        Some(Kind::Map) => 0xc1,
        Some(Kind::Array) => 0xe0,
        _ => 0xc0,
    };
    if compound.is_small() { short } else { short | 0x10 }
}

fn put_size(code: u8, len: u64, out: &mut Out) {
    match code & 0x10 {
        0 => out.u8(len as u8),
        _ => out.put(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes()),
    }
}

fn put_text(code: u8, text: &str, out: &mut Out) {
    put_size(code, text.len() as u64, out);
    out.put(text.as_bytes());
}

impl Array {
    /// The constructor of all, and each element without one.
    fn put_elements(&self, out: &mut Out) {
        for descriptor in self.descriptors() {
            out.u8(0x00);
            descriptor.put(out);
        }
        let compounds: Vec<Compound> = self.items().iter().filter_map(Value::compound).collect();
        let code = self.code(&compounds);
        out.u8(code);
        if compounds.is_empty() {
            self.items().iter().for_each(|item| item.put_plain(code, out));
        }
        compounds.iter().for_each(|compound| compound.put(code, out));
    }

    /// The shortest constructor that all elements can have. Those without bytes, but for null, are not used: a reader may bound them.
    fn code(&self, compounds: &[Compound]) -> u8 {
        let codes = || self.items().iter().map(Value::code);
        let widest = |short: u8, long: u8| if codes().all(|code| code != long) { short } else { long };
        let wide = |short: u8| if compounds.iter().all(Compound::is_small) { short } else { short | 0x10 };
        match self.kind() {
            Kind::Null => 0x40,
            Kind::Boolean => 0x56,
            Kind::Ubyte => 0x50,
            Kind::Ushort => 0x60,
            Kind::Uint => widest(0x52, 0x70),
            Kind::Ulong => widest(0x53, 0x80),
            Kind::Byte => 0x51,
            Kind::Short => 0x61,
            Kind::Int => widest(0x54, 0x71),
            Kind::Long => widest(0x55, 0x81),
            Kind::Float => 0x72,
            Kind::Double => 0x82,
            Kind::Decimal32 => 0x74,
            Kind::Decimal64 => 0x84,
            Kind::Decimal128 => 0x94,
            Kind::Char => 0x73,
            Kind::Timestamp => 0x83,
            Kind::Uuid => 0x98,
            Kind::Binary => widest(0xa0, 0xb0),
            Kind::String => widest(0xa1, 0xb1),
            Kind::Symbol => widest(0xa3, 0xb3),
            Kind::List => wide(0xc0),
            Kind::Map => wide(0xc1),
            Kind::Array => wide(0xe0),
        }
    }
}
