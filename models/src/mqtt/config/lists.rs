//! What is wrong with a client's subscriptions and publications, each with the place in its list.

use super::client::{MqttClientConfig, PublicationConfig, SubscriptionConfig};
use super::{MqttVersion, check_filter, check_publish_topic, check_qos, check_seconds, only_in_v5};
use crate::mqtt::wire::SubscriptionId;
use protosim_core::Span;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A field by its path, and what is wrong.
pub(super) type Placed = (Cow<'static, str>, String);

/// What is found in one entry: its fields by name.
type Found = Vec<(&'static str, String)>;

pub(super) fn check(client: &MqttClientConfig) -> Vec<Placed> {
    let mut found = Vec::new();
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, subscription) in client.subscriptions.iter().enumerate() {
        let mut wrong = of_subscription(subscription, client.version);
        match subscription.until {
            Some(until) if until <= client.start => {
                wrong.push((
                    "until",
                    format!("is not after the client's `start`, {}: nothing would come", client.start),
                ));
            }
            Some(until) if client.stop.is_some_and(|stop| stop <= until) => {
                wrong.push(("until", "has no effect: the client has disconnected (`stop`)".to_owned()));
            }
            _ => {}
        }
        let earlier = *first.entry(&subscription.filter).or_insert(index);
        if earlier != index {
            let why = format!("is that of `subscriptions.{earlier}` too: the later one replaces it (MQTT-3.8.4-3)");
            wrong.push(("filter", why));
        }
        found.extend(placed("subscriptions", index, wrong));
    }
    for (index, publication) in client.publications.iter().enumerate() {
        found.extend(placed("publications", index, of_publication(publication, client)));
    }
    found
}

fn placed(list: &'static str, index: usize, found: Found) -> impl Iterator<Item = Placed> {
    found.into_iter().map(move |(field, why)| (Cow::Owned(format!("{list}.{index}.{field}")), why))
}

fn of_subscription(subscription: &SubscriptionConfig, version: MqttVersion) -> Found {
    let mut found = Vec::new();
    found.extend(check_filter(&subscription.filter).map(|why| ("filter", why)));
    found.extend(check_qos(subscription.qos).map(|why| ("qos", why)));
    if subscription.retain_handling > 2 {
        found.push(("retain_handling", format!("is 0, 1 or 2, not {}", subscription.retain_handling)));
    }
    if subscription.id.is_some_and(|id| SubscriptionId::new(id).is_none()) {
        found.push(("id", "is 1 to 268435455".to_owned()));
    }
    let is_shared = subscription.filter.starts_with("$share/");
    if subscription.no_local && is_shared {
        found.push(("no_local", "is not for a shared subscription (MQTT-3.8.3-4)".to_owned()));
    }
    if subscription.retain_handling > 0 && is_shared {
        let why = "has no effect: a shared subscription gets no retained messages (§4.8.2)";
        found.push(("retain_handling", why.to_owned()));
    }
    if version == MqttVersion::V311 {
        let used = [
            ("no_local", subscription.no_local, "No Local"),
            ("retain_as_published", subscription.retain_as_published, "Retain As Published"),
            ("retain_handling", subscription.retain_handling > 0, "Retain Handling"),
            ("id", subscription.id.is_some(), "subscription identifiers"),
        ];
        found.extend(used.into_iter().filter(|(_, used, _)| *used).map(|(field, _, what)| (field, only_in_v5(what))));
    }
    found
}

fn of_publication(publication: &PublicationConfig, client: &MqttClientConfig) -> Found {
    let mut found = Vec::new();
    found.extend(check_publish_topic(&publication.topic).map(|why| ("topic", why)));
    found.extend(check_qos(publication.qos).map(|why| ("qos", why)));
    found.extend(publication.payload.check(16, 1 << 28).map(|why| ("payload", why)));
    found.extend(publication.interval.check().map(|why| ("interval", why)));
    if publication.interval.fixed().is_some_and(Span::is_zero) && publication.count.is_none() {
        let why = "is longer than zero, or there is a `count`: the messages would have no end";
        found.push(("interval", why.to_owned()));
    }
    if publication.count == Some(0) {
        found.push(("count", "is at least 1: there would be no message".to_owned()));
    }
    match publication.expiry {
        Some(expiry) if expiry.is_zero() => {
            found.push(("expiry", "is at least 1 s: no message would be sent".to_owned()));
        }
        Some(_) if client.version == MqttVersion::V311 => found.push(("expiry", only_in_v5("message expiry"))),
        expiry => {
            found.extend(expiry.and_then(|expiry| check_seconds(expiry, u32::MAX)).map(|why| ("expiry", why)));
        }
    }
    if let (Some(stop), Some(start)) = (client.stop, publication.start)
        && start >= stop
    {
        found.push(("start", format!("is not before the client's `stop`, {stop}: nothing would be published")));
    }
    found
}
