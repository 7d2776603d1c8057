//! Messages as sessions hold them.

use crate::mqtt::wire::{Properties, Property, Publish, QoS, SubscriptionId, Text, Will};
use crate::rope::Rope;
use protosim_core::{LocalTime, Span};
use std::sync::Arc;

/// What all copies of a message have in common.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Content {
    /// Its topic, never empty: aliases are resolved.
    pub topic: Text,
    /// What the application has to say.
    pub payload: Rope,
    /// Properties that are passed on unchanged (v5 §3.3.2.3): without alias, expiry and numbers of subscriptions.
    pub properties: Properties,
}

/// A message on its way to one peer, or from one. A clone shares its content, so that one for each of many subscribers is small.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// What it says.
    pub content: Arc<Content>,
    /// How it is sent, or was.
    pub qos: QoS,
    /// RETAIN.
    pub retain: bool,
    /// The numbers of the subscriptions for which it is sent (5.0).
    pub subscriptions: Box<[SubscriptionId]>,
    /// When it is of no use any more; `None` for never.
    pub expires: Option<LocalTime>,
    /// Its owner's name for it, which comes back when it is done.
    pub token: u64,
}

impl Message {
    /// A message without properties.
    pub fn new(topic: Text, payload: Rope, qos: QoS) -> Self {
        Self::with_properties(topic, payload, Properties::new(), qos)
    }

    /// A message with properties that are passed on.
    pub fn with_properties(topic: Text, payload: Rope, properties: Properties, qos: QoS) -> Self {
        let content = Arc::new(Content { topic, payload, properties });
        Self { content, qos, retain: false, subscriptions: Box::default(), expires: None, token: 0 }
    }

    /// A will, from the moment on at which it is published: that is when its expiry begins (v5 §3.1.3.2.4).
    pub fn of_will(will: &Will, now: LocalTime) -> Self {
        let (mut properties, expires) = (will.properties.clone(), expires(&will.properties, now));
        properties.retain(|property| !matches!(property, Property::MessageExpiry(_) | Property::WillDelay(_)));
        let content = Arc::new(Content { topic: will.topic.clone(), payload: will.payload.clone(), properties });
        Self { content, qos: will.qos, retain: will.retain, subscriptions: Box::default(), expires, token: 0 }
    }

    /// What came in a PUBLISH whose topic, if it was an alias, is `topic`.
    pub(super) fn received(publish: Publish, topic: Text, now: LocalTime) -> Self {
        let Publish { delivery, retain, payload, mut properties, .. } = publish;
        let expires = expires(&properties, now);
        let subscriptions = properties.subscriptions().collect();
        properties.retain(|property| {
            !matches!(property, Property::MessageExpiry(_) | Property::Subscription(_) | Property::Alias(_))
        });
        let content = Arc::new(Content { topic, payload, properties });
        Self { content, qos: delivery.qos(), retain, subscriptions, expires, token: 0 }
    }

    /// Topic and payload \[bytes\]: what limits count.
    pub fn bytes(&self) -> u64 {
        self.content.topic.len() as u64 + self.content.payload.len()
    }

    /// Whether it is of no use any more.
    pub fn is_expired(&self, now: LocalTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// The expiry that is left \[s\]: what it was less the whole seconds since.
    pub(super) fn expiry_left(&self, now: LocalTime) -> Option<u32> {
        let nanos = self.expires?.saturating_since(now).as_nanos();
        // It began as 32 bits.
        Some(u32::try_from(nanos.div_ceil(protosim_core::time::NANOS_PER_SEC)).unwrap_or(u32::MAX))
    }
}

fn expires(properties: &Properties, now: LocalTime) -> Option<LocalTime> {
    properties.message_expiry().map(|seconds| now.saturating_add(Span::from_secs(u64::from(*seconds))))
}
