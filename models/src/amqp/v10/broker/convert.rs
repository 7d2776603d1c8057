//! Messages of 1.0 as they are stored, which is as 0-9-1 has them, and out of the store.
//!
//! | 1.0 | 0-9-1 |
//! |---|---|
//! | header: durable, priority, ttl | delivery-mode, priority, expiration |
//! | properties: message-id, user-id, reply-to, correlation-id, content-type, content-encoding, creation-time | those of the same names; timestamp |
//! | application properties | headers |
//! | message annotations `x-basic-type`, `x-basic-app-id` | type, app-id |
//! | other message annotations | headers that are no simple values, and those of dead letters |
//! | data, of one section or several | the body |
//! | any other body | the body has its sections as they were written, the type is `amqp-1.0` (RabbitMQ) |
//!
//! What has no place on the other side does not cross. A message of 1.0 that leaves for a client of 1.0 has its bare message and footer as they came; its header and annotations say what has
//! happened to it since (§3.2).

use crate::amqp::broker::queue::{Delivery, Message as Stored, Original};
use crate::amqp::v10::wire::{
    AnnotationKey, Annotations, Body, Fault, Map, Message, MessageHeader, MessageId, Properties, Symbol, Value,
};
use crate::amqp::v091::wire::{FieldValue, LongStr, Properties as Basic, ShortStr, Table};
use crate::rope::Rope;
use protosim_core::LocalTime;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A message that has come.
pub(super) struct Come {
    pub(super) properties: Basic,
    pub(super) body: Rope,
    pub(super) original: Original,
    /// What it is about: a routing key, where the address has none.
    pub(super) subject: Option<Arc<str>>,
}

const TYPE: &str = "x-basic-type";
const APP_ID: &str = "x-basic-app-id";
/// The type of what is no data (RabbitMQ).
const ENCODED: &str = "amqp-1.0";

fn short(text: &str) -> Option<ShortStr> {
    ShortStr::new(text).ok()
}

fn key(text: &str) -> Option<AnnotationKey> {
    Symbol::new(text).ok().map(AnnotationKey::Symbol)
}

/// What comes from a client of 1.0.
///
/// # Errors
/// `amqp:decode-error` when it is no message of format 0.
pub(super) fn come(payload: &Rope) -> Result<Come, Fault> {
    let (message, from, to) = Message::decode_parts(payload)?;
    let header = message.header.unwrap_or_default();
    let properties = message.properties.as_deref();
    let annotation = |name: &str| match message.message_annotations.as_ref()?.get(&key(name)?)? {
        Value::String(text) => short(text),
        _ => None,
    };
    let (body, kind) = match &message.body {
        Body::Data(sections) => {
            let mut body = Rope::new();
            sections.iter().for_each(|section| body.append(section));
            (body, annotation(TYPE))
        }
        body => (Message::new(body.clone()).encode(), short(ENCODED)),
    };
    let headers: Option<Table> = message
        .application_properties
        .as_ref()
        .map(|map| map.iter().filter_map(|(name, value)| Some((short(name)?, to_field(value)?))).collect());
    let basic = Basic {
        content_type: properties.and_then(|it| short(it.content_type.as_ref()?.as_str())),
        content_encoding: properties.and_then(|it| short(it.content_encoding.as_ref()?.as_str())),
        headers,
        delivery_mode: header.durable.map(|durable| if durable { 2 } else { 1 }),
        priority: header.priority,
        correlation_id: properties.and_then(|it| id_text(it.correlation_id.as_ref()?)),
        reply_to: properties.and_then(|it| short(it.reply_to.as_ref()?)),
        expiration: header.ttl.and_then(|ttl| short(&ttl.to_string())),
        message_id: properties.and_then(|it| id_text(it.message_id.as_ref()?)),
        timestamp: properties.and_then(|it| u64::try_from(it.creation_time? / 1000).ok()),
        kind,
        user_id: properties.and_then(|it| short(str::from_utf8(it.user_id.as_ref()?).ok()?)),
        app_id: annotation(APP_ID),
        cluster_id: None,
    };
    let original = Original {
        annotations: message.message_annotations,
        bare: payload.slice(from, to - from),
        footer: payload.slice(to, u64::MAX),
    };
    let subject = properties.and_then(|it| it.subject.clone());
    Ok(Come { properties: basic, body, original, subject })
}

fn id_text(id: &MessageId) -> Option<ShortStr> {
    match id {
        MessageId::Ulong(number) => short(&number.to_string()),
        MessageId::Uuid(uuid) => short(&uuid_text(*uuid)),
        MessageId::Binary(bytes) => short(str::from_utf8(bytes).ok()?),
        MessageId::String(text) => short(text),
    }
}

/// RFC 4122 §3.
fn uuid_text(uuid: u128) -> String {
    let hex = format!("{uuid:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// `None` for a decimal number, which 0-9-1 has in another form.
fn to_field(value: &Value) -> Option<FieldValue> {
    let text = |text: &str| FieldValue::from(text);
    Some(match value {
        Value::Null => FieldValue::Void,
        Value::Boolean(value) => FieldValue::Bool(*value),
        Value::Ubyte(value) => FieldValue::U8(*value),
        Value::Ushort(value) => FieldValue::U16(*value),
        Value::Uint(value) => FieldValue::U32(*value),
        Value::Ulong(value) => match i64::try_from(*value) {
            Ok(value) => FieldValue::I64(value),
            Err(_) => text(&value.to_string()),
        },
        Value::Byte(value) => FieldValue::I8(*value),
        Value::Short(value) => FieldValue::I16(*value),
        Value::Int(value) => FieldValue::I32(*value),
        Value::Long(value) => FieldValue::I64(*value),
        Value::Float(bits) => FieldValue::Float(*bits),
        Value::Double(bits) => FieldValue::Double(*bits),
        Value::Char(value) => text(value.encode_utf8(&mut [0; 4])),
        Value::Timestamp(millis) => FieldValue::Timestamp(u64::try_from(millis / 1000).ok()?),
        Value::Uuid(uuid) => text(&uuid_text(*uuid)),
        Value::Binary(bytes) => FieldValue::Bytes(bytes.to_bytes()),
        Value::String(value) => text(value),
        Value::Symbol(symbol) => text(symbol.as_str()),
        Value::Decimal32(_)
        | Value::Decimal64(_)
        | Value::Decimal128(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Array(_)
        | Value::Described(_) => return None,
    })
}

fn to_value(field: &FieldValue) -> Value {
    match field {
        FieldValue::Bool(value) => Value::Boolean(*value),
        FieldValue::I8(value) => Value::Byte(*value),
        FieldValue::U8(value) => Value::Ubyte(*value),
        FieldValue::I16(value) => Value::Short(*value),
        FieldValue::U16(value) => Value::Ushort(*value),
        FieldValue::I32(value) => Value::Int(*value),
        FieldValue::U32(value) => Value::Uint(*value),
        FieldValue::I64(value) => Value::Long(*value),
        FieldValue::Float(bits) => Value::Float(*bits),
        FieldValue::Double(bits) => Value::Double(*bits),
        FieldValue::Decimal { scale, value } => Value::string(&decimal(*scale, *value)),
        FieldValue::LongStr(text) => long_text(text),
        FieldValue::Bytes(bytes) => Value::Binary(Rope::from(bytes.to_vec())),
        FieldValue::Array(items) => Value::List(items.iter().map(to_value).collect()),
        FieldValue::Timestamp(seconds) => {
            Value::Timestamp(i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX))
        }
        FieldValue::Table(table) => {
            // Of two with one name, the first counts in 0-9-1.
            let mut known = BTreeSet::new();
            let fields = table.iter().filter(|(name, _)| known.insert(*name));
            Value::Map(Map::of(fields.map(|(name, value)| (Value::string(name), to_value(value))).collect()))
        }
        FieldValue::Void => Value::Null,
    }
}

fn long_text(text: &LongStr) -> Value {
    match text.as_str() {
        Some(text) => Value::string(text),
        None => Value::Binary(Rope::from(text.as_bytes().to_vec())),
    }
}

/// `value` divided by the `scale`-th power of ten, in digits.
fn decimal(scale: u8, value: u32) -> String {
    let scale = usize::from(scale);
    let digits = format!("{value:0width$}", width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") }
}

/// What a client of 1.0 gets now. The time that it has waited is taken off its time to live (§3.2.1).
pub(super) fn leave(delivery: &Delivery, now: LocalTime) -> Rope {
    let stored = &*delivery.message;
    let properties = stored.properties();
    let header = MessageHeader {
        durable: properties.is_persistent().then_some(true),
        priority: properties.priority,
        ttl: stored.time_to_live().and_then(|span| {
            let left = span.as_nanos().saturating_sub(now.saturating_since(delivery.arrived_at).as_nanos());
            u32::try_from(left / 1_000_000).ok()
        }),
        // Said in any case: without it nobody knows (§3.2.1).
        first_acquirer: Some(!delivery.redelivered),
        delivery_count: Some(delivery.failures).filter(|failures| *failures > 0),
    };
    let mut message = Message { header: Some(header), ..Message::new(Body::Data(Vec::new())) };
    match stored.original() {
        Some(original) => {
            let mut annotations = original.annotations.clone().unwrap_or_default();
            annotate_death(properties, &mut annotations);
            message.message_annotations = Some(annotations).filter(|map| !map.is_empty());
            let mut payload = message.encode();
            payload.append(&original.bare);
            payload.append(&original.footer);
            payload
        }
        None => {
            describe(stored, &mut message);
            message.encode()
        }
    }
}

/// What has happened to a dead letter stands in its annotations: its bare message stays.
fn annotate_death(properties: &Basic, annotations: &mut Annotations) {
    let deaths = properties.headers.iter().flat_map(Table::iter).filter_map(|(name, value)| {
        let is_meant = name.as_str() == "x-death" || name.starts_with("x-first-death-");
        Some((key(name).filter(|_| is_meant)?, to_value(value)))
    });
    annotations.insert_all(deaths);
}

/// All of a message that came from a client of 0-9-1.
fn describe(stored: &Stored, message: &mut Message) {
    let basic = stored.properties();
    let text = |text: &ShortStr| Arc::<str>::from(text.as_str());
    let symbol = |text: &ShortStr| Symbol::new(text).ok();
    let id = |text: &ShortStr| MessageId::String(Arc::from(text.as_str()));
    let properties = Properties {
        message_id: basic.message_id.as_ref().map(id),
        user_id: basic.user_id.as_ref().map(|user| user.as_bytes().to_vec().into()),
        reply_to: basic.reply_to.as_ref().map(text),
        correlation_id: basic.correlation_id.as_ref().map(id),
        content_type: basic.content_type.as_ref().and_then(symbol),
        content_encoding: basic.content_encoding.as_ref().and_then(symbol),
        creation_time: basic.timestamp.and_then(|seconds| i64::try_from(seconds.saturating_mul(1000)).ok()),
        ..Properties::default()
    };
    message.properties = (properties != Properties::default()).then(|| Box::new(properties));
    let mut annotated = Vec::new();
    for (name, value) in [(TYPE, &basic.kind), (APP_ID, &basic.app_id)] {
        if let (Some(key), Some(value)) = (key(name), value) {
            annotated.push((key, Value::string(value)));
        }
    }
    // Of two with one name, the first counts in 0-9-1.
    let (mut plain, mut known) = (Vec::new(), BTreeSet::new());
    for (name, value) in basic.headers.iter().flat_map(Table::iter).filter(|(name, _)| known.insert(*name)) {
        match value {
            FieldValue::Array(_) | FieldValue::Table(_) => {
                if let Some(key) = key(name) {
                    annotated.push((key, to_value(value)));
                }
            }
            value => plain.push((text(name), to_value(value))),
        }
    }
    let (mut annotations, simple) = (Annotations::new(), Map::of(plain));
    annotations.insert_all(annotated);
    message.message_annotations = Some(annotations).filter(|map| !map.is_empty());
    message.application_properties = Some(simple).filter(|map: &Map<Arc<str>, Value>| !map.is_empty());
    message.body = Body::Data(vec![stored.body().clone()]);
}
