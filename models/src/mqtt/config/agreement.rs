//! What comes of a client's fields at one broker.

use super::client::MqttClientConfig;
use super::{MqttAliases, MqttBrokerConfig, MqttVersion};
use crate::mqtt::topic::TopicFilter;
use crate::mqtt::wire::Text;

/// Fields of `client` that `broker` does not grant or that have no effect there: their paths, and what happens.
pub(super) fn unmet(client: &MqttClientConfig, broker: &MqttBrokerConfig) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut unmet = |path: String, why: String| found.push((path, why));
    let is_v5 = client.version == MqttVersion::V5;
    if is_v5 {
        if let Some(own) = broker.server_keep_alive.filter(|own| *own != client.keep_alive) {
            unmet("keep_alive".to_owned(), format!("the broker says {own} (`server_keep_alive`), and that holds"));
        }
        if let Some(most) = broker.max_session_expiry.filter(|most| *most < client.session_expiry) {
            unmet("session_expiry".to_owned(), format!("the broker keeps sessions for {most} (`max_session_expiry`)"));
        }
        if client.aliases != MqttAliases::Never && broker.topic_alias_maximum == 0 {
            unmet("aliases".to_owned(), "the broker takes none (`topic_alias_maximum`)".to_owned());
        }
        if client.topic_alias_maximum > 0 && broker.aliases == MqttAliases::Never {
            unmet("topic_alias_maximum".to_owned(), "the broker gives topics no aliases (`aliases`)".to_owned());
        }
    }
    if let Some(will) = &client.will {
        if will.qos > broker.max_qos {
            unmet(
                "will.qos".to_owned(),
                format!("the broker has `max_qos: {}`, and refuses the client", broker.max_qos),
            );
        }
        if will.retain && !broker.retain {
            unmet("will.retain".to_owned(), "the broker retains nothing, and refuses the client".to_owned());
        }
    }
    let of_closing = if is_v5 { "such messages fail" } else { "it closes who sends such a message" };
    for (index, publication) in client.publications.iter().enumerate() {
        if publication.qos > broker.max_qos {
            let why = format!("the broker has `max_qos: {}`: {of_closing}", broker.max_qos);
            unmet(format!("publications.{index}.qos"), why);
        }
        if publication.retain && !broker.retain {
            unmet(format!("publications.{index}.retain"), format!("the broker retains nothing: {of_closing}"));
        }
    }
    let mut granted = 0;
    for (index, subscription) in client.subscriptions.iter().enumerate() {
        let Ok(filter) = Text::new(&subscription.filter).and_then(TopicFilter::new) else { continue };
        let path = |field: &str| format!("subscriptions.{index}.{field}");
        if filter.share().is_some() && !broker.shared {
            unmet(path("filter"), "the broker shares no subscriptions (`shared`), and refuses it".to_owned());
        } else if filter.has_wildcard() && !broker.wildcards {
            unmet(path("filter"), "the broker takes no wildcards (`wildcards`), and refuses it".to_owned());
        } else if subscription.id.is_some() && !broker.subscription_ids {
            unmet(path("id"), "the broker takes none (`subscription_ids`), and refuses the subscription".to_owned());
        } else if let Some(most) = broker.max_subscriptions.filter(|most| granted >= *most) {
            unmet(path("filter"), format!("the broker takes {most} (`max_subscriptions`), and refuses it"));
        } else {
            granted += 1;
            if subscription.qos > broker.max_qos {
                unmet(path("qos"), format!("the broker has `max_qos: {}`, and grants that", broker.max_qos));
            }
        }
    }
    found
}
