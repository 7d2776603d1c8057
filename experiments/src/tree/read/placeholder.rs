//! Values of any type from nothing, to go on with where the right one could not be read.
//!
//! A type says what it wants (a number, a text, a struct with these fields) but not which texts it
//! accepts; so several candidates are tried until one is taken. The values never leave a reading.

use super::error::{Cause, Error};
use serde::de::value::{BorrowedStrDeserializer, StrDeserializer};
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};
use std::cell::Cell;

/// Texts that the types of a scenario accept: quantities, numbers, names, addresses, lengths.
const TEXTS: [&str; 11] = ["1 s", "1 bit/s", "1 B", "1 %", "1", "a", "10.0.0.1", "fd00::1", "10.0.0.0/8", "", "1 m"];

/// Rounds of candidates: enough for each text, and for each variant of most enums.
const ROUNDS: usize = 16;

/// How deep a type may nest, and how many candidates may be tried for one value. Types that need
/// more, such as endless ones, get no placeholder; only the mistakes beside them are not found then.
const MAX_DEPTH: usize = 64;
const MAX_TRIES: usize = 2_000;

/// A value of type `V`.
///
/// # Errors
/// If no candidate is accepted; the error counts as reported.
pub(super) fn make<'t, V: Deserialize<'t>>() -> Result<V, Error> {
    value(&Budget { tries: Cell::new(0) }, 0)
}

/// What `V` says it expects, in the words for a message.
pub(super) fn expectation<'t, V: Deserialize<'t>>() -> Option<String> {
    match V::deserialize(Probe).map_err(|e| match e.cause() {
        Cause::Type { expected } => Some(expected.clone()),
        _ => None,
    }) {
        Ok(_) => None,
        Err(expected) => expected,
    }
}

struct Budget {
    tries: Cell<usize>,
}

fn value<'t, V: Deserialize<'t>>(budget: &Budget, depth: usize) -> Result<V, Error> {
    if depth > MAX_DEPTH {
        return Err(Error::reported());
    }
    for round in 0..ROUNDS {
        let tries = budget.tries.get() + 1;
        budget.tries.set(tries);
        if tries > MAX_TRIES {
            break;
        }
        if let Ok(value) = V::deserialize(Candidate { budget, depth, round }) {
            return Ok(value);
        }
    }
    Err(Error::reported())
}

/// One candidate for a value.
#[derive(Clone, Copy)]
struct Candidate<'b> {
    budget: &'b Budget,
    depth: usize,
    round: usize,
}

impl Candidate<'_> {
    fn number(self) -> u8 {
        // 1 first, since many counts must not be zero; then others.
        [1, 0, 2, 10, 100][self.round % 5]
    }

    fn text(self) -> &'static str {
        TEXTS[self.round % TEXTS.len()]
    }

    fn inside<'t, V: Deserialize<'t>>(self) -> Result<V, Error> {
        value(self.budget, self.depth + 1)
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident)*) => {$(
        fn $method<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.number().into())
        }
    )*};
}

impl<'t> Deserializer<'t> for Candidate<'_> {
    type Error = Error;

    numbers! {
        deserialize_u16 visit_u16 deserialize_u32 visit_u32 deserialize_u64 visit_u64 deserialize_u128 visit_u128
        deserialize_i16 visit_i16 deserialize_i32 visit_i32 deserialize_i64 visit_i64 deserialize_i128 visit_i128
        deserialize_f32 visit_f32 deserialize_f64 visit_f64 deserialize_u8 visit_u8
    }

    fn deserialize_i8<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u8(self.number())
    }

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.round % 4 {
            0 => visitor.visit_u8(1),
            1 => visitor.visit_borrowed_str(TEXTS[self.round / 4]),
            2 => visitor.visit_unit(),
            _ => visitor.visit_bool(true),
        }
    }

    fn deserialize_bool<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.round.is_multiple_of(2))
    }

    fn deserialize_char<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_char('a')
    }

    fn deserialize_str<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.text())
    }

    fn deserialize_string<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.text())
    }

    fn deserialize_identifier<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.text())
    }

    fn deserialize_bytes<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_bytes(&[])
    }

    fn deserialize_byte_buf<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_bytes(&[])
    }

    fn deserialize_option<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_none()
    }

    fn deserialize_unit<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'t>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'t>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    /// An empty list; then, for types that need some, one of one to three items.
    fn deserialize_seq<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Many { candidate: self, left: self.round % 4 })
    }

    fn deserialize_tuple<V: Visitor<'t>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Many { candidate: self, left: length })
    }

    fn deserialize_tuple_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Fields { candidate: self, names: &[] })
    }

    /// By position, which derived code understands and which no alias or rename can disturb; then
    /// by name.
    fn deserialize_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.round.is_multiple_of(2) {
            visitor.visit_seq(Many { candidate: self, left: usize::MAX })
        } else {
            visitor.visit_map(Fields { candidate: self, names: fields })
        }
    }

    fn deserialize_enum<V: Visitor<'t>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let name = variants.get(self.round).ok_or_else(Error::reported)?;
        visitor.visit_enum(Variant { candidate: self, name })
    }

    fn deserialize_ignored_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}

/// So many placeholders.
struct Many<'b> {
    candidate: Candidate<'b>,
    left: usize,
}

impl<'t> SeqAccess<'t> for Many<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'t>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(Candidate { depth: self.candidate.depth + 1, ..self.candidate }).map(Some)
    }

    fn next_element<T: Deserialize<'t>>(&mut self) -> Result<Option<T>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.candidate.inside().map(Some)
    }
}

/// A placeholder for each of these fields.
struct Fields<'b> {
    candidate: Candidate<'b>,
    names: &'static [&'static str],
}

impl<'t> MapAccess<'t> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'t>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((name, rest)) = self.names.split_first() else { return Ok(None) };
        self.names = rest;
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'t>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(Candidate { depth: self.candidate.depth + 1, ..self.candidate })
    }

    fn next_value<V: Deserialize<'t>>(&mut self) -> Result<V, Error> {
        self.candidate.inside()
    }
}

/// A variant with placeholders for its content.
struct Variant<'b> {
    candidate: Candidate<'b>,
    name: &'static str,
}

impl<'t> EnumAccess<'t> for Variant<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'t>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        Ok((seed.deserialize(StrDeserializer::new(self.name))?, self))
    }
}

impl<'t> VariantAccess<'t> for Variant<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'t>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(Candidate { depth: self.candidate.depth + 1, ..self.candidate })
    }

    fn newtype_variant<T: Deserialize<'t>>(self) -> Result<T, Error> {
        self.candidate.inside()
    }

    fn tuple_variant<V: Visitor<'t>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Many { candidate: self.candidate, left: length })
    }

    fn struct_variant<V: Visitor<'t>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.candidate.deserialize_struct("", fields, visitor)
    }
}

/// Refuses everything, so that the visitor says what it expects.
struct Probe;

impl<'de> Deserializer<'de> for Probe {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        Err(de::Error::invalid_type(Unexpected::Other(""), &visitor))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        match name {
            "NodeName" => Err(Error::expected("the name of a node")),
            "LinkName" => Err(Error::expected("the name of a link")),
            "ChannelName" => Err(Error::expected("the name of a channel")),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        let listed = crate::tree::diagnostic::listed(variants.iter().copied());
        Err(Error::expected(if variants.len() == 1 { listed } else { format!("one of {listed}") }))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}
