//! The type system (part 1).

use super::Fault;
use crate::rope::Rope;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::Arc;

/// A value of any type. Floating point and decimals are their bits, so that each equals itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Value {
    /// §1.6.1.
    #[default]
    Null,
    /// §1.6.2.
    Boolean(bool),
    /// §1.6.3.
    Ubyte(u8),
    /// §1.6.4.
    Ushort(u16),
    /// §1.6.5.
    Uint(u32),
    /// §1.6.6.
    Ulong(u64),
    /// §1.6.7.
    Byte(i8),
    /// §1.6.8.
    Short(i16),
    /// §1.6.9.
    Int(i32),
    /// §1.6.10.
    Long(i64),
    /// The bits of an IEEE 754 binary32 (§1.6.11).
    Float(u32),
    /// The bits of an IEEE 754 binary64 (§1.6.12).
    Double(u64),
    /// §1.6.13.
    Decimal32(u32),
    /// §1.6.14.
    Decimal64(u64),
    /// §1.6.15.
    Decimal128(u128),
    /// §1.6.16.
    Char(char),
    /// Milliseconds since the beginning of 1970 (§1.6.17).
    Timestamp(i64),
    /// §1.6.18.
    Uuid(u128),
    /// §1.6.19.
    Binary(Rope),
    /// §1.6.20.
    String(Arc<str>),
    /// §1.6.21.
    Symbol(Symbol),
    /// §1.6.22.
    List(Vec<Value>),
    /// §1.6.23.
    Map(Map<Value, Value>),
    /// §1.6.24.
    Array(Box<Array>),
    /// A descriptor and what it describes (§1.3).
    Described(Box<(Value, Value)>),
}

/// A name of ASCII characters (§1.6.21). A clone shares them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(Arc<str>);

/// Pairs in the order in which they are written; no key stands twice (§1.6.23).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Map<K, V>(Vec<(K, V)>);

/// A map whose keys are symbols (§2.8.13).
pub type Fields = Map<Symbol, Value>;

/// What names a delivery on its link: at most 32 bytes (§2.8.7).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DeliveryTag(Bytes);

/// What the elements of an array are, but for descriptors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each is named as its value")]
pub enum Kind {
    Null,
    Boolean,
    Ubyte,
    Ushort,
    Uint,
    Ulong,
    Byte,
    Short,
    Int,
    Long,
    Float,
    Double,
    Decimal32,
    Decimal64,
    Decimal128,
    Char,
    Timestamp,
    Uuid,
    Binary,
    String,
    Symbol,
    List,
    Map,
    Array,
}

/// Values of one type (§1.6.24).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Array {
    descriptors: Vec<Value>,
    kind: Kind,
    items: Vec<Value>,
}

impl Value {
    /// What it is, without its descriptors; `None` if it has one.
    pub fn kind(&self) -> Option<Kind> {
        Some(match self {
            Self::Null => Kind::Null,
            Self::Boolean(_) => Kind::Boolean,
            Self::Ubyte(_) => Kind::Ubyte,
            Self::Ushort(_) => Kind::Ushort,
            Self::Uint(_) => Kind::Uint,
            Self::Ulong(_) => Kind::Ulong,
            Self::Byte(_) => Kind::Byte,
            Self::Short(_) => Kind::Short,
            Self::Int(_) => Kind::Int,
            Self::Long(_) => Kind::Long,
            Self::Float(_) => Kind::Float,
            Self::Double(_) => Kind::Double,
            Self::Decimal32(_) => Kind::Decimal32,
            Self::Decimal64(_) => Kind::Decimal64,
            Self::Decimal128(_) => Kind::Decimal128,
            Self::Char(_) => Kind::Char,
            Self::Timestamp(_) => Kind::Timestamp,
            Self::Uuid(_) => Kind::Uuid,
            Self::Binary(_) => Kind::Binary,
            Self::String(_) => Kind::String,
            Self::Symbol(_) => Kind::Symbol,
            Self::List(_) => Kind::List,
            Self::Map(_) => Kind::Map,
            Self::Array(_) => Kind::Array,
            Self::Described(_) => return None,
        })
    }

    /// A string.
    pub fn string(text: &str) -> Self {
        Self::String(text.into())
    }

    /// Its characters, where it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

impl Symbol {
    /// A symbol of these characters.
    ///
    /// # Errors
    /// When they are not all ASCII.
    pub fn new(text: &str) -> Result<Self, Fault> {
        match text.is_ascii() {
            true => Ok(Self(text.into())),
            false => Err(Fault::decode("§1.6.21", "a symbol has characters beyond ASCII")),
        }
    }

    /// A symbol of the standard's.
    pub(crate) fn known(text: &'static str) -> Self {
        debug_assert!(text.is_ascii());
        Self(text.into())
    }

    /// Its characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: PartialEq, V> Map<K, V> {
    /// Without a pair.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a pair, or puts the value in the place of the one that the key has.
    pub fn insert(&mut self, key: K, value: V) {
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key, value)),
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }
}

impl<K, V> Map<K, V> {
    /// The pairs in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &(K, V)> {
        self.0.iter()
    }

    /// How many pairs.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is no pair.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Leaves the first `len` pairs.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Of pairs whose keys are known to differ.
    pub(in crate::amqp::v10) const fn of(pairs: Vec<(K, V)>) -> Self {
        Self(pairs)
    }
}

impl<K: Ord + Clone, V> Map<K, V> {
    /// Adds these pairs, each as [`Map::insert`] does, but that many keys are not compared with each other one by one.
    pub(in crate::amqp::v10) fn insert_all(&mut self, pairs: impl IntoIterator<Item = (K, V)>) {
        let mut places: BTreeMap<K, usize> =
            self.0.iter().enumerate().map(|(place, (key, _))| (key.clone(), place)).collect();
        for (key, value) in pairs {
            match places.entry(key) {
                Entry::Occupied(known) => self.0[*known.get()].1 = value,
                Entry::Vacant(free) => {
                    let key = free.key().clone();
                    free.insert(self.0.len());
                    self.0.push((key, value));
                }
            }
        }
    }
}

impl<K: PartialEq, V> FromIterator<(K, V)> for Map<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut map = Self::new();
        for (key, value) in pairs {
            map.insert(key, value);
        }
        map
    }
}

impl DeliveryTag {
    /// The most bytes.
    pub const MAX: usize = 32;

    /// A tag of these bytes.
    ///
    /// # Errors
    /// When they are more than 32.
    pub fn new(bytes: impl Into<Bytes>) -> Result<Self, Fault> {
        let bytes = bytes.into();
        match bytes.len() <= Self::MAX {
            true => Ok(Self(bytes)),
            false => Err(Fault::decode("§2.8.7", "a delivery-tag has more than 32 bytes")),
        }
    }

    /// The tag with this number, in as few bytes as can be.
    pub(crate) fn number(number: u64) -> Self {
        let bytes = number.to_be_bytes();
        let skip = (number.leading_zeros() / 8).min(7) as usize;
        Self(Bytes::copy_from_slice(&bytes[skip..]))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for DeliveryTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Array {
    /// An array of plain values.
    ///
    /// # Errors
    /// When one of them is of another kind.
    pub fn new(kind: Kind, items: Vec<Value>) -> Result<Self, Fault> {
        Self::described(Vec::new(), kind, items)
    }

    /// An array of described values: each has these descriptors, the outermost first, which are written once; `items` come without them.
    ///
    /// # Errors
    /// When one of the items is of another kind.
    pub fn described(descriptors: Vec<Value>, kind: Kind, items: Vec<Value>) -> Result<Self, Fault> {
        match items.iter().all(|item| item.kind() == Some(kind)) {
            true => Ok(Self { descriptors, kind, items }),
            false => Err(Fault::decode("§1.6.24", "an array has elements of several types")),
        }
    }

    /// An array of symbols.
    pub(super) fn symbols(symbols: &[Symbol]) -> Self {
        let items = symbols.iter().cloned().map(Value::Symbol).collect();
        Self { descriptors: Vec::new(), kind: Kind::Symbol, items }
    }

    /// The descriptors of each, the outermost first.
    pub fn descriptors(&self) -> &[Value] {
        &self.descriptors
    }

    /// What the elements are.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The elements, without descriptors.
    pub fn items(&self) -> &[Value] {
        &self.items
    }

    pub(super) fn into_items(self) -> Vec<Value> {
        self.items
    }
}
