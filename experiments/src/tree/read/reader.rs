//! Serde's `Deserializer` over one node.

use super::access::{Entries, EnumReader, Items, StructReader, VariantReader};
use super::error::Error;
use super::{Context, address};
use crate::tree::node::{Kind, Node};
use serde::de::{self, Deserializer, IntoDeserializer, Unexpected, Visitor};

/// In front of an enum's name for serde: a bare word or number stands for its first variant, as in `loss: "1 %"`.
pub(super) const SHORT_FORM: char = '~';

/// The newtype of text that takes any value as it is written.
const VERBATIM: &str = "Verbatim";

/// A node to be read.
pub(super) struct Reader<'c, 't> {
    pub(super) context: &'c Context,
    pub(super) node: &'t Node,
    /// The name in front has been read as a variant; what counts is the content behind it.
    pub(super) content: bool,
}

impl Clone for Reader<'_, '_> {
    fn clone(&self) -> Self {
        *self
    }
}

impl Copy for Reader<'_, '_> {}

impl<'c, 't> Reader<'c, 't> {
    pub(super) fn new(context: &'c Context, node: &'t Node) -> Self {
        Self { context, node, content: false }
    }

    /// Tells this reading of this node from all others: nodes are aligned, so the last bit is free.
    pub(super) fn key(&self) -> usize {
        address(self.node) | usize::from(self.content)
    }

    fn wrong<V: Visitor<'t>>(self, visitor: &V) -> Error {
        de::Error::invalid_type(Unexpected::Other(""), visitor)
    }

    /// Passes on any value by its kind; what `visitor` cannot take is its error.
    fn by_kind<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.kind {
            Kind::Unit => visitor.visit_unit(),
            Kind::Bool(b) => visitor.visit_bool(*b),
            Kind::Int(n) => match (u64::try_from(*n), i64::try_from(*n)) {
                (Ok(n), _) => visitor.visit_u64(n),
                (_, Ok(n)) => visitor.visit_i64(n),
                _ => visitor.visit_i128(*n),
            },
            Kind::Float(x) => visitor.visit_f64(*x),
            Kind::Str(text) => visitor.visit_borrowed_str(text),
            Kind::Char(c) => visitor.visit_char(*c),
            Kind::Name(name) => visitor.visit_borrowed_str(&name.text),
            Kind::None => visitor.visit_none(),
            Kind::Some(inner) => visitor.visit_some(Reader::new(self.context, inner)),
            Kind::List(items) | Kind::Tuple { items, .. } => visitor.visit_seq(Items::new(self.context, items)),
            Kind::Map(entries) => visitor.visit_map(Entries::new(self.context, entries)),
            Kind::Struct { .. } => visitor.visit_map(StructReader::of_any(self)),
            Kind::Invalid => Err(Error::reported()),
        }
    }

    /// Reads one word or number: a name or a bracket is an error here.
    fn scalar<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.kind {
            Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) | Kind::Str(_) | Kind::Char(_) | Kind::Invalid => {
                self.by_kind(visitor).map_err(|e| e.at(self))
            }
            _ => Err(self.wrong(&visitor).at(self)),
        }
    }

    /// The items of a tuple, if this is one with the right name, or none.
    fn tuple_items(self, name: Option<&str>) -> Option<&'t [Node]> {
        match &self.node.kind {
            Kind::Unit => Some(&[]),
            Kind::Name(_) if self.content || self.named(name) => Some(&[]),
            Kind::Tuple { items, .. } if self.content || self.named(name) => Some(items),
            _ => None,
        }
    }

    /// True if the name in front of this node is `name`, or there is none.
    fn named(self, name: Option<&str>) -> bool {
        self.node.name().is_none_or(|own| Some(own.text.as_str()) == name)
    }

    fn tuple<V: Visitor<'t>>(self, name: Option<&str>, length: usize, visitor: V) -> Result<V::Value, Error> {
        let Some(items) = self.tuple_items(name) else {
            return Err(self.wrong(&visitor).at(self));
        };
        if let Some(extra) = items.get(length) {
            self.context.note(address(extra), || super::error::too_many(self.node, extra, length, items.len()));
        }
        visitor.visit_seq(Items::new(self.context, items)).map_err(|e| e.at(self))
    }
}

macro_rules! scalars {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
            self.scalar(visitor)
        }
    )*};
}

impl<'t> Deserializer<'t> for Reader<'_, 't> {
    type Error = Error;

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_bytes deserialize_byte_buf
    }

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        self.by_kind(visitor).map_err(|e| e.at(self))
    }

    fn deserialize_str<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node.kind {
            Kind::Char(_) => Err(self.wrong(&visitor).at(self)),
            _ => self.scalar(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    /// A map's key or a tag: with or without quotes.
    fn deserialize_identifier<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        self.by_kind(visitor).map_err(|e| e.at(self))
    }

    /// `None`, `Some(x)`, or `x` alone.
    fn deserialize_option<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.kind {
            Kind::None => visitor.visit_none(),
            Kind::Some(inner) => visitor.visit_some(Reader::new(self.context, inner)),
            _ => visitor.visit_some(self),
        }
        .map_err(|e| e.at(self))
    }

    fn deserialize_unit<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node.kind {
            Kind::Unit => visitor.visit_unit(),
            _ => Err(self.wrong(&visitor)),
        }
        .map_err(|e| e.at(self))
    }

    fn deserialize_unit_struct<V: Visitor<'t>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        match self.tuple_items(Some(name)) {
            Some([]) => visitor.visit_unit(),
            _ => Err(self.wrong(&visitor)),
        }
        .map_err(|e| e.at(self))
    }

    /// `Name(x)`, `(x)`, or `x` alone.
    fn deserialize_newtype_struct<V: Visitor<'t>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        if name == VERBATIM && !matches!(self.node.kind, Kind::Invalid) {
            return visitor.visit_newtype_struct(self.node.to_ron().into_deserializer());
        }
        let inner = match &self.node.kind {
            Kind::Tuple { items, .. } if items.len() == 1 && !self.content && self.named(Some(name)) => {
                Reader::new(self.context, &items[0])
            }
            // `Name(field: …)` around a struct: the newtype's own name is its only name.
            Kind::Struct { name: Some(own), .. } if own.text == name => Reader { content: true, ..self },
            _ => self,
        };
        self.context.refer(name, inner.node);
        visitor.visit_newtype_struct(inner).map_err(|e| e.at(inner))
    }

    fn deserialize_seq<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.kind {
            Kind::List(items) => visitor.visit_seq(Items::new(self.context, items)).map_err(|e| e.at(self)),
            _ => Err(self.wrong(&visitor).at(self)),
        }
    }

    fn deserialize_tuple<V: Visitor<'t>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        self.tuple(None, length, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'t>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.tuple(Some(name), length, visitor)
    }

    /// `{…}`; or `(…)`, whose field names are the keys, which is how flattened structs read.
    fn deserialize_map<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.kind {
            Kind::Map(_) | Kind::Struct { .. } => self.by_kind(visitor),
            Kind::Unit => visitor.visit_map(Entries::new(self.context, &[])),
            Kind::Name(_) if self.content => visitor.visit_map(Entries::new(self.context, &[])),
            _ => Err(self.wrong(&visitor)),
        }
        .map_err(|e| e.at(self))
    }

    fn deserialize_struct<V: Visitor<'t>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let empty = matches!(self.tuple_items(Some(name)), Some([]));
        let structured = matches!(self.node.kind, Kind::Struct { .. } | Kind::Map(_));
        if !empty && !structured {
            return Err(self.wrong(&visitor).at(self));
        }
        if let Some(own) = self.node.name()
            && !self.content
            && own.text != name
        {
            return Err(Error::expected(format!("`{name}(…)` or `(…)`")).at(self));
        }
        visitor.visit_map(StructReader::new(self, fields)).map_err(|e| e.at(self))
    }

    /// A variant by its name. An enum that serde knows by a name with [`SHORT_FORM`] in front (`rename = "~Loss"`) also takes
    /// a bare word or number: the content of its first variant.
    fn deserialize_enum<V: Visitor<'t>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let wrong = |visitor: &V| {
            let quoted = self.node.as_str().filter(|text| variants.contains(text));
            let listed = crate::tree::diagnostic::listed(variants.iter().copied());
            match quoted {
                Some(text) => {
                    de::Error::custom(format!("a variant is written without quotes, not as {text:?}; write `{text}`"))
                }
                None if variants.is_empty() => self.wrong(visitor),
                None if variants.len() == 1 => Error::expected(listed),
                None => Error::expected(format!("one of {listed}")),
            }
        };
        let is_bare = matches!(self.node.kind, Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) | Kind::Str(_));
        if let (true, true, [first, ..]) = (name.starts_with(SHORT_FORM), is_bare, variants)
            && self.node.as_str().is_none_or(|text| !variants.contains(&text))
        {
            return visitor
                .visit_enum(EnumReader { name: first, content: VariantReader(self) })
                .map_err(|e| e.at(self));
        }
        let name: &'t str = match (&self.node.kind, self.node.name()) {
            (_, Some(name)) if !self.content => &name.text,
            (Kind::None, _) => "None",
            (Kind::Some(_), _) => "Some",
            _ => return Err(wrong(&visitor).at(self)),
        };
        if !variants.contains(&name) {
            return Err(<Error as de::Error>::unknown_variant(name, variants).at(self));
        }
        visitor.visit_enum(EnumReader { name, content: VariantReader(self) }).map_err(|e| e.at(self))
    }

    fn deserialize_ignored_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}
