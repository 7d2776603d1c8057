//! What a user says of requests and answers.

use super::check_qos;
use super::client::MqttClientConfig;
use super::lists::Placed;
use super::{MqttVersion, check_publish_topic, only_in_v5};
use crate::mqtt::wire::{MAX_STRING, Text};
use protosim_core::{Size, Span};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A publication whose messages are requests (5.0 §4.10): each says a Response Topic and Correlation Data, and its exchange ends with the
/// answer.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResponseConfig {
    /// The topic that answers come on; the client subscribes to it. Default: `response/CLIENT_ID`.
    pub topic: Option<String>,
    /// The QoS at which they are wanted: 0, 1 or 2. Default: the publication's.
    pub qos: Option<u8>,
    /// How long an answer is waited for, from the moment on at which the request is due. Default: 30 s (our choice).
    pub patience: Option<Span>,
}

/// A client that answers what it gets: to the Response Topic of the message, with its Correlation Data (5.0 §4.10).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AnswerConfig {
    /// The QoS of answers: 0, 1 or 2. Default: 0.
    pub qos: u8,
    /// The payload of answers, 16 B to 256 MiB. Default: 64 B (our choice).
    pub payload: Size,
}

impl Default for AnswerConfig {
    fn default() -> Self {
        Self { qos: 0, payload: Size::from_bytes(64) }
    }
}

impl ResponseConfig {
    /// How long an answer is waited for.
    pub(in crate::mqtt) fn patience(&self) -> Span {
        self.patience.unwrap_or(Span::from_secs(30))
    }

    /// The topic of answers to `client`.
    pub(in crate::mqtt) fn topic(&self, client: &str) -> Text {
        // Both have passed their checks; an identifier that the broker gives comes with a topic.
        let topic = self.topic.clone().unwrap_or_else(|| format!("response/{client}"));
        Text::new(&topic).unwrap_or_default()
    }
}

/// What is wrong with requests, answers, user properties, and authentication anew.
pub(super) fn check(client: &MqttClientConfig) -> Vec<Placed> {
    let mut found: Vec<Placed> = Vec::new();
    let is_v5 = client.version == MqttVersion::V5;
    for (index, publication) in client.publications.iter().enumerate() {
        let mut wrong = |field: &str, why| found.push((Cow::Owned(format!("publications.{index}.{field}")), why));
        let is_too_long = |text: &String| text.len() > MAX_STRING || text.contains('\0');
        match publication.properties.is_empty() {
            false if !is_v5 => wrong("properties", only_in_v5("user properties")),
            false if publication.properties.iter().any(|(name, value)| is_too_long(name) || is_too_long(value)) => {
                wrong("properties", "has names and values of at most 65535 bytes, without U+0000".to_owned());
            }
            _ => {}
        }
        let Some(response) = &publication.response else { continue };
        if !is_v5 {
            wrong("response", only_in_v5("response topics"));
        }
        if response.qos.and_then(check_qos).is_some() {
            wrong("response.qos", check_qos(response.qos.unwrap_or_default()).unwrap_or_default());
        }
        if response.patience.is_some_and(Span::is_zero) {
            wrong("response.patience", "is longer than zero: no answer could come".to_owned());
        }
        match (&response.topic, client.client_id.as_deref()) {
            (Some(topic), _) => check_publish_topic(topic).into_iter().for_each(|why| wrong("response.topic", why)),
            (None, Some("")) => {
                wrong("response", "needs a `topic`: the client's identifier is the broker's choice".to_owned());
            }
            (None, Some(id)) if check_publish_topic(id).is_some() => {
                wrong("response", "needs a `topic`: the client's identifier has a wildcard".to_owned());
            }
            (None, _) => {}
        }
    }
    if let Some(answers) = &client.answers {
        let mut wrong = |field: &'static str, why| found.push((Cow::Borrowed(field), why));
        if !is_v5 {
            wrong("answers", only_in_v5("response topics"));
        } else if client.subscriptions.is_empty() {
            wrong("answers", "has no effect: without `subscriptions` no request comes".to_owned());
        }
        check_qos(answers.qos).into_iter().for_each(|why| wrong("answers.qos", why));
        if !(16..=1 << 28).contains(&answers.payload.as_bytes()) {
            wrong("answers.payload", format!("is 16 B to 256 MiB, not {}", answers.payload));
        }
    }
    if let Some(interval) = client.reauthenticate {
        if client.auth.is_none() {
            found.push((Cow::Borrowed("reauthenticate"), "has no effect: there is no `auth`".to_owned()));
        } else if interval.is_zero() {
            found.push((Cow::Borrowed("reauthenticate"), "is longer than zero".to_owned()));
        }
    }
    found
}
