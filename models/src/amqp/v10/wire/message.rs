//! Messages: sections in their order (§3.2).

use super::Fault;
use super::field::{Composite, Field, composite, put_code, read_known_code};
use super::read::Reader;
use super::value::{Fields, Map, Symbol, Value};
use super::write::Out;
use crate::rope::Rope;
use bytes::Bytes;
use std::sync::Arc;

/// A key of annotations (§3.2.10).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum AnnotationKey {
    /// The usual one.
    Symbol(Symbol),
    /// Reserved.
    Ulong(u64),
}

/// §3.2.10.
pub type Annotations = Map<AnnotationKey, Value>;

/// What names a message (§3.2.11 to §3.2.14).
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each is named as its type")]
pub enum MessageId {
    Ulong(u64),
    Uuid(u128),
    Binary(Bytes),
    String(Arc<str>),
}

composite! {
    /// How a message is to be delivered (§3.2.1).
    #[derive(Clone, PartialEq, Eq, Debug, Default)]
    pub MessageHeader = 0x70 {
        /// It outlives a crash. Default: no.
        durable: Option<bool>,
        /// Default: 4.
        priority: Option<u8>,
        /// How long it is worth anything \[ms\]. Default: forever.
        ttl: Option<u32>,
        /// Nobody else has acquired it before. Default: no.
        first_acquirer: Option<bool>,
        /// Attempts that were not successful. Default: 0.
        delivery_count: Option<u32>,
    }
}

composite! {
    /// What does not change on the way (§3.2.4).
    #[derive(Clone, PartialEq, Eq, Debug, Default)]
    pub Properties = 0x73 {
        /// Its name.
        message_id: Option<MessageId>,
        /// Who has made it.
        user_id: Option<Bytes>,
        /// The node that it is for.
        to: Option<Arc<str>>,
        /// What it is about.
        subject: Option<Arc<str>>,
        /// The node for answers.
        reply_to: Option<Arc<str>>,
        /// What it answers.
        correlation_id: Option<MessageId>,
        /// Media type of the data.
        content_type: Option<Symbol>,
        /// Its coding.
        content_encoding: Option<Symbol>,
        /// When it is worth nothing any more \[ms since 1970\].
        absolute_expiry_time: Option<i64>,
        /// When it was made \[ms since 1970\].
        creation_time: Option<i64>,
        /// Its group.
        group_id: Option<Arc<str>>,
        /// Its place in there.
        group_sequence: Option<u32>,
        /// The group of answers.
        reply_to_group_id: Option<Arc<str>>,
    }
}

/// What a message says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// Opaque bytes; at least one section (§3.2.6).
    Data(Vec<Rope>),
    /// Lists; at least one section (§3.2.7).
    Sequence(Vec<Vec<Value>>),
    /// One value (§3.2.8).
    Value(Value),
}

/// A message of format 0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// How it is to be delivered.
    pub header: Option<MessageHeader>,
    /// For the next node (§3.2.2).
    pub delivery_annotations: Option<Annotations>,
    /// For all on the way (§3.2.3).
    pub message_annotations: Option<Annotations>,
    /// What does not change.
    pub properties: Option<Box<Properties>>,
    /// The application's; keys are strings (§3.2.5).
    pub application_properties: Option<Map<Arc<str>, Value>>,
    /// What it says.
    pub body: Body,
    /// Behind it, such as hashes (§3.2.9).
    pub footer: Option<Annotations>,
}

impl Field for AnnotationKey {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        match Value::read(reader)? {
            Value::Symbol(symbol) => Ok(Self::Symbol(symbol)),
            Value::Ulong(number) => Ok(Self::Ulong(number)),
            _ => Err(Fault::decode("§3.2.10", "a key of annotations is neither a symbol nor a ulong")),
        }
    }

    fn put(&self, out: &mut Out) {
        match self {
            Self::Symbol(symbol) => symbol.put(out),
            Self::Ulong(number) => number.put(out),
        }
    }
}

impl Field for MessageId {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        match Value::read(reader)? {
            Value::Ulong(number) => Ok(Self::Ulong(number)),
            Value::Uuid(uuid) => Ok(Self::Uuid(uuid)),
            Value::Binary(bytes) => Ok(Self::Binary(bytes.to_bytes())),
            Value::String(text) => Ok(Self::String(text)),
            _ => Err(Fault::decode("§3.2.4", "a message-id is of none of four types")),
        }
    }

    fn put(&self, out: &mut Out) {
        match self {
            Self::Ulong(number) => number.put(out),
            Self::Uuid(uuid) => Value::Uuid(*uuid).put(out),
            Self::Binary(bytes) => bytes.put(out),
            Self::String(text) => text.put(out),
        }
    }
}

const HEADER: u64 = MessageHeader::CODE;
const DELIVERY_ANNOTATIONS: u64 = 0x71;
const MESSAGE_ANNOTATIONS: u64 = 0x72;
const PROPERTIES: u64 = Properties::CODE;
const APPLICATION_PROPERTIES: u64 = 0x74;
const DATA: u64 = 0x75;
const SEQUENCE: u64 = 0x76;
const VALUE: u64 = 0x77;
const FOOTER: u64 = 0x78;

impl Message {
    /// A message that has this body alone.
    pub const fn new(body: Body) -> Self {
        Self {
            header: None,
            delivery_annotations: None,
            message_annotations: None,
            properties: None,
            application_properties: None,
            body,
            footer: None,
        }
    }

    /// A message of one section of opaque bytes.
    pub fn data(bytes: Rope) -> Self {
        Self::new(Body::Data(vec![bytes]))
    }

    /// What goes on the wire.
    pub fn encode(&self) -> Rope {
        fn section<T: Field>(code: u64, field: &Option<T>, out: &mut Out) {
            if let Some(field) = field {
                put_code(code, out);
                field.put(out);
            }
        }
        let mut out = Out::new();
        if let Some(header) = &self.header {
            header.put_described(&mut out);
        }
        section(DELIVERY_ANNOTATIONS, &self.delivery_annotations, &mut out);
        section(MESSAGE_ANNOTATIONS, &self.message_annotations, &mut out);
        if let Some(properties) = &self.properties {
            properties.put_described(&mut out);
        }
        section(APPLICATION_PROPERTIES, &self.application_properties, &mut out);
        match &self.body {
            Body::Data(sections) => {
                for bytes in sections {
                    put_code(DATA, &mut out);
                    Value::Binary(bytes.clone()).put(&mut out);
                }
            }
            Body::Sequence(sections) => {
                for items in sections {
                    put_code(SEQUENCE, &mut out);
                    Value::List(items.clone()).put(&mut out);
                }
            }
            Body::Value(value) => {
                put_code(VALUE, &mut out);
                value.put(&mut out);
            }
        }
        section(FOOTER, &self.footer, &mut out);
        out.finish()
    }

    /// Reads a message.
    ///
    /// # Errors
    /// `amqp:decode-error` when it is none: sections out of order, or no body (§3.2).
    pub fn decode(payload: &Rope) -> Result<Self, Fault> {
        Self::decode_parts(payload).map(|(message, ..)| message)
    }

    /// Reads a message, and says where its bare message begins and ends \[bytes\]: what nobody changes on the way (§3.2).
    pub(in crate::amqp) fn decode_parts(payload: &Rope) -> Result<(Self, u64, u64), Fault> {
        let mut reader = Reader::new(payload);
        let mut message = Self::new(Body::Data(Vec::new()));
        let (mut last, mut has_body) = (0, false);
        let (mut from, mut to) = (None, payload.len());
        while !reader.is_empty() {
            let at = payload.len() - reader.left();
            let code = read_known_code(&mut reader)?;
            match code {
                HEADER..PROPERTIES => {}
                FOOTER => to = at,
                _ => from = from.or(Some(at)),
            }
            let is_repeated = matches!((last, code), (DATA, DATA) | (SEQUENCE, SEQUENCE));
            let is_body = (DATA..=VALUE).contains(&code);
            if !is_repeated && (code <= last || is_body && has_body) {
                return Err(Fault::decode("§3.2", "a message has its sections out of order"));
            }
            (last, has_body) = (code, has_body || is_body);
            message.read_section(code, &mut reader)?;
        }
        match has_body {
            true => Ok((message, from.unwrap_or_default(), to)),
            false => Err(Fault::decode("§3.2", "a message has no body")),
        }
    }

    fn read_section(&mut self, code: u64, reader: &mut Reader<'_>) -> Result<(), Fault> {
        match code {
            HEADER => self.header = Some(MessageHeader::read_list(reader)?),
            DELIVERY_ANNOTATIONS => self.delivery_annotations = Some(Annotations::read(reader)?),
            MESSAGE_ANNOTATIONS => self.message_annotations = Some(Annotations::read(reader)?),
            PROPERTIES => self.properties = Some(Box::new(Properties::read_list(reader)?)),
            APPLICATION_PROPERTIES => {
                let properties = Map::<Arc<str>, Value>::read(reader)?;
                let is_simple = |value: &Value| !matches!(value, Value::List(_) | Value::Map(_) | Value::Array(_));
                if !properties.iter().all(|(_, value)| is_simple(value)) {
                    return Err(Fault::decode("§3.2.5", "an application property is not simple"));
                }
                self.application_properties = Some(properties);
            }
            DATA => match (Value::read(reader)?, &mut self.body) {
                (Value::Binary(bytes), Body::Data(sections)) => sections.push(bytes),
                _ => return Err(Fault::decode("§3.2.6", "data is not binary")),
            },
            SEQUENCE => match (Value::read(reader)?, &mut self.body) {
                (Value::List(items), Body::Sequence(sections)) => sections.push(items),
                (Value::List(items), body) => *body = Body::Sequence(vec![items]),
                _ => return Err(Fault::decode("§3.2.7", "a sequence is no list")),
            },
            VALUE => self.body = Body::Value(Value::read(reader)?),
            FOOTER => self.footer = Some(Annotations::read(reader)?),
            _ => return Err(Fault::decode("§3.2", "a message has a section of another kind")),
        }
        Ok(())
    }

    /// Its first section of data, where there is no other.
    pub fn single_data(&self) -> Option<&Rope> {
        match &self.body {
            Body::Data(sections) => match &sections[..] {
                [bytes] => Some(bytes),
                _ => None,
            },
            _ => None,
        }
    }

    /// Properties of the application, by name.
    pub fn application_property(&self, name: &str) -> Option<&Value> {
        self.application_properties.as_ref()?.iter().find(|(known, _)| **known == *name).map(|(_, value)| value)
    }
}

/// Kept for annotations that are built by hand.
impl From<Fields> for Annotations {
    fn from(fields: Fields) -> Self {
        fields.iter().map(|(key, value)| (AnnotationKey::Symbol(key.clone()), value.clone())).collect()
    }
}
