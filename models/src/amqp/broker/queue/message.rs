//! A message in a queue, and how it leaves one otherwise than by an acknowledgement.

use crate::amqp::v10::wire::Annotations;
use crate::amqp::v091::wire::{Fault, FieldValue, Properties, ShortStr, Table};
use crate::rope::Rope;
use protosim_core::{LocalTime, Span};
use std::sync::Arc;

/// A message as it was published. Queues share it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    exchange: ShortStr,
    routing_key: ShortStr,
    properties: Properties,
    body: Rope,
    time_to_live: Option<Span>,
    /// What is said about it, as it is written \[bytes\].
    about: u64,
    original: Option<Arc<Original>>,
}

/// What a message of 1.0 has beside what 0-9-1 says of it: it leaves for another client of 1.0 as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Original {
    /// For all on the way.
    pub annotations: Option<Annotations>,
    /// The bare message, as it was written: nobody changes that (1.0 §3.2).
    pub bare: Rope,
    /// What stood behind it, as it was written.
    pub footer: Rope,
}

/// Why a message has left its queue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cause {
    /// It was rejected, and not to be queued again.
    Rejected,
    /// Its time was over.
    Expired,
    /// There were too many.
    MaxLength,
}

/// A message that has left its queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Left {
    /// Its number in that queue; `None` if it never was in it.
    pub position: Option<u64>,
    /// Why.
    pub cause: Cause,
    /// The message.
    pub message: Arc<Message>,
}

/// What becomes of a message that has left its queue: it is published there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeadLetter {
    /// The exchange.
    pub exchange: ShortStr,
    /// With headers that say what has happened to it.
    pub message: Message,
}

impl Message {
    /// A message that was published there.
    ///
    /// # Errors
    /// 406 where its expiration is no time.
    pub fn new(exchange: ShortStr, routing_key: ShortStr, properties: Properties, body: Rope) -> Result<Self, Fault> {
        let time_to_live = properties.time_to_live()?;
        let about = properties.written_len();
        Ok(Self { exchange, routing_key, properties, body, time_to_live, about, original: None })
    }

    /// One that came in this form.
    #[must_use]
    pub fn with_original(self, original: Original) -> Self {
        Self { original: Some(Arc::new(original)), ..self }
    }

    /// The form in which it came, if that is of 1.0.
    pub fn original(&self) -> Option<&Original> {
        self.original.as_deref()
    }

    /// The exchange to which it was published.
    pub const fn exchange(&self) -> &ShortStr {
        &self.exchange
    }

    /// The routing key with which it was.
    pub const fn routing_key(&self) -> &ShortStr {
        &self.routing_key
    }

    /// About it.
    pub const fn properties(&self) -> &Properties {
        &self.properties
    }

    /// What it says.
    pub const fn body(&self) -> &Rope {
        &self.body
    }

    /// How long it is good for in a queue.
    pub const fn time_to_live(&self) -> Option<Span> {
        self.time_to_live
    }

    /// How long its properties are as they are written \[bytes\].
    pub const fn about(&self) -> u64 {
        self.about
    }

    /// Memory of the host that it takes in a queue, beside what each message does \[bytes\]: of one of 1.0 its footer and what encloses its body, too.
    pub fn memory(&self) -> u64 {
        let original = self
            .original()
            .map_or(0, |original| original.bare.len().saturating_sub(self.body.len()) + original.footer.len());
        self.body.len() + self.about + original
    }

    /// Bytes that count for a queue's limit: its body's (RabbitMQ).
    pub fn bytes(&self) -> u64 {
        self.body.len()
    }

    /// The message that is published in its stead when it has left a queue (RabbitMQ: dead letter exchanges). What has happened stands in
    /// `x-death`, the latest first, once for each queue and cause; its expiration is gone, so that it does not expire again.
    pub(super) fn dead(&self, queue: &ShortStr, cause: Cause, now: LocalTime, to: (&ShortStr, &ShortStr)) -> Self {
        let mut properties = self.properties.clone();
        let mut headers = properties.headers.take().unwrap_or_default();
        let expiration = properties.expiration.take();
        let mut deaths = match headers.get(X_DEATH) {
            Some(FieldValue::Array(deaths)) => deaths.clone(),
            _ => Vec::new(),
        };
        let before = deaths.iter().position(|death| is_of(death, queue, cause));
        let mut death = match before.map(|at| deaths.remove(at)) {
            Some(FieldValue::Table(death)) => death,
            _ => self.first_death(queue, cause, now, expiration.as_ref()),
        };
        if before.is_some() {
            let count = death.get(COUNT).and_then(FieldValue::as_i64).unwrap_or_default();
            death.set(ShortStr::cut(COUNT), FieldValue::I64(count.saturating_add(1)));
        }
        deaths.insert(0, FieldValue::Table(death));
        headers.set(ShortStr::cut(X_DEATH), FieldValue::Array(deaths));
        let first = [
            ("x-first-death-exchange", FieldValue::from(&self.exchange)),
            ("x-first-death-queue", FieldValue::from(queue)),
            ("x-first-death-reason", FieldValue::from(cause.name())),
        ];
        for (name, value) in first {
            if headers.get(name).is_none() {
                headers.set(ShortStr::cut(name), value);
            }
        }
        properties.headers = Some(headers);
        let (exchange, routing_key) = (to.0.clone(), to.1.clone());
        let (body, original) = (self.body.clone(), self.original.clone());
        let about = properties.written_len();
        Self { exchange, routing_key, properties, body, time_to_live: None, about, original }
    }

    fn first_death(&self, queue: &ShortStr, cause: Cause, now: LocalTime, expiration: Option<&ShortStr>) -> Table {
        let keys = FieldValue::Array(vec![FieldValue::from(&self.routing_key)]);
        let fields = [
            (COUNT, FieldValue::I64(1)),
            ("reason", FieldValue::from(cause.name())),
            ("queue", FieldValue::from(queue)),
            ("time", FieldValue::Timestamp(now.as_nanos() / 1_000_000_000)),
            ("exchange", FieldValue::from(&self.exchange)),
            ("routing-keys", keys),
        ];
        let expiration = expiration.map(|text| ("original-expiration", FieldValue::from(text)));
        fields.into_iter().chain(expiration).map(|(name, value)| (ShortStr::cut(name), value)).collect()
    }

    /// Whether a dead letter that is for this queue has been there before and gone round by itself: nobody has rejected it since, so that it
    /// would go round for ever, and is dropped (RabbitMQ).
    pub fn is_cycle(&self, queue: &str) -> bool {
        let headers = self.properties.headers.as_ref();
        let Some(FieldValue::Array(deaths)) = headers.and_then(|headers| headers.get(X_DEATH)) else { return false };
        for death in deaths {
            let FieldValue::Table(death) = death else { continue };
            let field = |name| death.get(name).and_then(FieldValue::as_str);
            if field("reason") == Some(Cause::Rejected.name()) {
                return false;
            }
            if field("queue") == Some(queue) {
                return true;
            }
        }
        false
    }
}

const X_DEATH: &str = "x-death";
const COUNT: &str = "count";

/// Whether an entry of `x-death` is of this queue and cause.
fn is_of(death: &FieldValue, queue: &str, cause: Cause) -> bool {
    let FieldValue::Table(death) = death else { return false };
    let field = |name| death.get(name).and_then(FieldValue::as_str);
    field("queue") == Some(queue) && field("reason") == Some(cause.name())
}

impl Cause {
    /// Its name, as `x-death` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::MaxLength => "maxlen",
        }
    }
}
