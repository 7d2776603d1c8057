//! The insides of lists, maps, structs and enum variants.
//!
//! The methods that serde provides for callers who know the type of the next value are overridden:
//! they are where a failed value gives way to a placeholder.

use super::error::{Error, too_many};
use super::placeholder;
use super::reader::Reader;
use super::{Context, address};
use crate::tree::diagnostic::{Diagnostic, listed, suggest};
use crate::tree::node::{Kind, Node};
use crate::tree::source::Span;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    self, Deserialize, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// The items of a list or tuple.
pub(super) struct Items<'c, 't> {
    context: &'c Context,
    items: std::slice::Iter<'t, Node>,
}

impl<'c, 't> Items<'c, 't> {
    pub(super) fn new(context: &'c Context, items: &'t [Node]) -> Self {
        Self { context, items: items.iter() }
    }
}

impl<'t> SeqAccess<'t> for Items<'_, 't> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'t>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.items.next().map(|node| seed.deserialize(Reader::new(self.context, node))).transpose()
    }

    fn next_element<T: Deserialize<'t>>(&mut self) -> Result<Option<T>, Error> {
        self.items.next().map(|node| self.context.read_value(Reader::new(self.context, node))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// The entries of a map.
pub(super) struct Entries<'c, 't> {
    context: &'c Context,
    entries: std::slice::Iter<'t, (Node, Node)>,
    value: Option<&'t Node>,
}

impl<'c, 't> Entries<'c, 't> {
    /// A key that was there before is recorded.
    pub(super) fn new(context: &'c Context, entries: &'t [(Node, Node)]) -> Self {
        for (index, (key, _)) in entries.iter().enumerate() {
            let same = |(other, _): &&(Node, Node)| key.as_key().is_some() && other.as_key() == key.as_key();
            if let Some((first, _)) = entries[..index].iter().find(same) {
                let name = key.as_key().unwrap_or_default();
                let message = format!("the key `{name}` is given twice");
                let diagnostic = Diagnostic::error("scenario::duplicate-field", key.span, message);
                context.note(address(key), || diagnostic.label("second time").also(first.span, "first time"));
            }
        }
        Self { context, entries: entries.iter(), value: None }
    }

    fn advance(&mut self) -> Option<Reader<'c, 't>> {
        let (key, value) = self.entries.next()?;
        self.value = Some(value);
        Some(Reader::new(self.context, key))
    }

    fn value(&mut self) -> Result<Reader<'c, 't>, Error> {
        let value = self.value.take().ok_or_else(|| de::Error::custom("a value was asked for before its key"))?;
        Ok(Reader::new(self.context, value))
    }
}

impl<'t> MapAccess<'t> for Entries<'_, 't> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'t>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.advance().map(|key| seed.deserialize(key)).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'t>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(self.value()?)
    }

    fn next_key<K: Deserialize<'t>>(&mut self) -> Result<Option<K>, Error> {
        self.advance().map(|key| self.context.read_value(key)).transpose()
    }

    fn next_value<V: Deserialize<'t>>(&mut self) -> Result<V, Error> {
        let value = self.value()?;
        self.context.read_value(value)
    }

    fn next_entry<K: Deserialize<'t>, V: Deserialize<'t>>(&mut self) -> Result<Option<(K, V)>, Error> {
        let Some(key) = self.next_key()? else { return Ok(None) };
        Ok(Some((key, self.next_value()?)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

/// A field to hand out: one of the text, or one that is missing and has been noted as such.
enum Slot<'t> {
    Written(&'t str, &'t Node),
    Missing(&'static str),
}

/// The fields of a struct.
pub(super) struct StructReader<'c, 't> {
    context: &'c Context,
    key: usize,
    slots: std::vec::IntoIter<Slot<'t>>,
    current: Option<Slot<'t>>,
}

/// A field as written.
#[derive(Clone, Copy)]
struct Written<'t> {
    name: &'t str,
    span: Span,
    value: &'t Node,
}

impl<'c, 't> StructReader<'c, 't> {
    /// The fields of a struct of which only `known` ones may be there. Others are recorded; one with
    /// a near right name is read as that, so that its value is checked and it is not missed as well.
    pub(super) fn new(reader: Reader<'c, 't>, known: &'static [&'static str]) -> Self {
        note_wrong_keys(reader);
        let all = written(reader.node);
        let mut taken: Vec<Written<'t>> = Vec::new();
        let mut misspelt: Vec<(&'static str, Written<'t>)> = Vec::new();
        for field in all.iter().copied() {
            if let Some(first) = taken.iter().find(|other| other.name == field.name) {
                reader.context.note(address(field.value), || duplicate(field, first.span));
            } else if known.contains(&field.name) {
                taken.push(field);
            } else {
                let free = known.iter().copied().filter(|name| all.iter().all(|f| f.name != *name));
                let near = suggest(field.name, free);
                let given = suggest(field.name, known.iter().copied());
                reader.context.note(address(field.value), || unknown(field, near, given, known));
                let near = near.and_then(|near| known.iter().copied().find(|name| *name == near));
                misspelt.extend(near.filter(|near| misspelt.iter().all(|(m, _)| m != near)).map(|near| (near, field)));
            }
        }
        let mut slots: Vec<Slot<'t>> = taken.iter().map(|f| Slot::Written(f.name, f.value)).collect();
        slots.extend(misspelt.iter().map(|(name, field)| Slot::Written(name, field.value)));
        slots.extend(reader.context.missing_fields(reader.key()).into_iter().map(Slot::Missing));
        Self { context: reader.context, key: reader.key(), slots: slots.into_iter(), current: None }
    }

    /// All fields of a struct of unknown type.
    pub(super) fn of_any(reader: Reader<'c, 't>) -> Self {
        let mut slots: Vec<Slot<'t>> =
            written(reader.node).into_iter().map(|field| Slot::Written(field.name, field.value)).collect();
        slots.extend(reader.context.missing_fields(reader.key()).into_iter().map(Slot::Missing));
        Self { context: reader.context, key: reader.key(), slots: slots.into_iter(), current: None }
    }

    fn current(&mut self) -> Result<Slot<'t>, Error> {
        self.current.take().ok_or_else(|| de::Error::custom("a value was asked for before its key"))
    }
}

/// The fields of a struct or of a map with text keys.
fn written(node: &Node) -> Vec<Written<'_>> {
    match &node.kind {
        Kind::Struct { fields, .. } => {
            fields.iter().map(|f| Written { name: &f.name.text, span: f.name.span, value: &f.value }).collect()
        }
        Kind::Map(entries) => entries
            .iter()
            .filter_map(|(key, value)| Some(Written { name: key.as_key()?, span: key.span, value }))
            .collect(),
        _ => Vec::new(),
    }
}

/// A struct written as a map may have keys that no field can have.
fn note_wrong_keys(reader: Reader<'_, '_>) {
    let Kind::Map(entries) = &reader.node.kind else { return };
    for (key, _) in entries.iter().filter(|(key, _)| key.as_key().is_none()) {
        let message = || format!("expected a field name, found {}", key.describe());
        reader.context.note(address(key), || Diagnostic::error("scenario::unknown-field", key.span, message()));
    }
}

fn duplicate(field: Written<'_>, first: Span) -> Diagnostic {
    Diagnostic::error("scenario::duplicate-field", field.span, format!("the field `{}` is given twice", field.name))
        .label("second time")
        .also(first, "first time")
}

/// `near` is a right name that is free; `given` one that may be there already.
fn unknown(field: Written<'_>, near: Option<&str>, given: Option<&str>, known: &'static [&'static str]) -> Diagnostic {
    let error = Diagnostic::error("scenario::unknown-field", field.span, format!("there is no field `{}`", field.name));
    match (near, given) {
        (Some(near), _) => error.help(format!("did you mean `{near}`?")),
        (None, Some(given)) => error.help(format!("did you mean `{given}`, which is given already?")),
        (None, _) if known.is_empty() => error.help("there are no fields here".to_owned()),
        (None, _) if known.len() == 1 => {
            error.help(format!("the only field here is {}", listed(known.iter().copied())))
        }
        (None, _) => error.help(format!("fields here are {}", listed(known.iter().copied()))),
    }
}

impl<'t> MapAccess<'t> for StructReader<'_, 't> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'t>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.current = self.slots.next();
        let name = match &self.current {
            Some(Slot::Written(name, _)) => *name,
            Some(Slot::Missing(name)) => *name,
            None => return Ok(None),
        };
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'t>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.current()? {
            Slot::Written(_, node) => seed.deserialize(Reader::new(self.context, node)),
            Slot::Missing(_) => Err(Error::reported()),
        }
    }

    fn next_value<V: Deserialize<'t>>(&mut self) -> Result<V, Error> {
        match self.current()? {
            Slot::Written(_, node) => self.context.read_value(Reader::new(self.context, node)),
            Slot::Missing(name) => {
                self.context.expect_missing(self.key, name, placeholder::expectation::<V>());
                placeholder::make()
            }
        }
    }

    fn next_entry<K: Deserialize<'t>, V: Deserialize<'t>>(&mut self) -> Result<Option<(K, V)>, Error> {
        let Some(key) = self.next_key()? else { return Ok(None) };
        Ok(Some((key, self.next_value()?)))
    }
}

/// An enum: the variant's name, then its content.
pub(super) struct EnumReader<'c, 't> {
    pub(super) name: &'t str,
    pub(super) content: VariantReader<'c, 't>,
}

impl<'c, 't> EnumAccess<'t> for EnumReader<'c, 't> {
    type Error = Error;
    type Variant = VariantReader<'c, 't>;

    fn variant_seed<V: DeserializeSeed<'t>>(self, seed: V) -> Result<(V::Value, Self::Variant), Error> {
        Ok((seed.deserialize(self.name.into_deserializer())?, self.content))
    }
}

/// The content of an enum variant, whose node this is.
pub(super) struct VariantReader<'c, 't>(pub(super) Reader<'c, 't>);

impl<'c, 't> VariantReader<'c, 't> {
    fn content(&self) -> Reader<'c, 't> {
        Reader { content: true, ..self.0 }
    }

    /// What a newtype variant holds: the one value in its parentheses, or, if there are fields or
    /// several values, all of them as one struct or tuple.
    fn newtype(&self) -> Result<Reader<'c, 't>, Error> {
        let context = self.0.context;
        match &self.0.node.kind {
            Kind::Some(inner) => Ok(Reader::new(context, inner)),
            Kind::Tuple { items, .. } if items.len() == 1 => Ok(Reader::new(context, &items[0])),
            _ => Ok(self.content()),
        }
    }
}

impl<'t> VariantAccess<'t> for VariantReader<'_, 't> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match &self.0.node.kind {
            Kind::Name(_) | Kind::None => Ok(()),
            Kind::Tuple { items, .. } if items.is_empty() => Ok(()),
            _ => {
                let name = self.0.node.name().map_or("Some", |name| &name.text);
                let message = format!("the variant `{name}` takes no values; write `{name}` alone");
                Err(<Error as de::Error>::custom(message).at(self.0))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'t>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.newtype()?)
    }

    fn newtype_variant<T: Deserialize<'t>>(self) -> Result<T, Error> {
        self.0.context.read_value(self.newtype()?)
    }

    fn tuple_variant<V: Visitor<'t>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        match &self.0.node.kind {
            Kind::Tuple { items, .. } => {
                if let Some(extra) = items.get(length) {
                    self.0.context.note(address(extra), || too_many(self.0.node, extra, length, items.len()));
                }
                visitor.visit_seq(Items::new(self.0.context, items)).map_err(|e| e.at(self.0))
            }
            _ => Err(<Error as de::Error>::invalid_type(de::Unexpected::Other(""), &visitor).at(self.0)),
        }
    }

    fn struct_variant<V: Visitor<'t>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        de::Deserializer::deserialize_struct(self.content(), "", fields, visitor)
    }
}
