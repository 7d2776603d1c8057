//! What all clients of one configuration have in common, wherever they run.

use super::{SIZE, options};
use crate::app::StreamOptions;
use crate::messaging::payload::NAME_LEN;
use crate::mqtt::config::{MqttClientConfig, PublicationConfig};
use crate::mqtt::session::Limits;
use crate::mqtt::wire::Text;
use crate::traffic::Sizes;
use protosim_core::Distribution;

/// A configuration, and what is made of it once: a group of clients shares it. Of [`MqttClientConfig::client_id`] and
/// [`MqttClientConfig::start`] each client has its own.
#[derive(Debug)]
pub struct Common {
    pub(super) config: MqttClientConfig,
    pub(super) options: StreamOptions,
    pub(super) limits: Limits,
    /// By publication.
    pub(super) laws: Box<[Law]>,
}

/// How messages of a publication are made.
#[derive(Debug)]
pub(super) struct Law {
    pub(super) topic: Text,
    pub(super) sizes: Sizes,
    pub(super) interval: Distribution,
}

impl Common {
    /// Of the clients of this configuration, which has passed its check.
    pub fn new(config: MqttClientConfig) -> Self {
        let law = |publication: &PublicationConfig| Law {
            // The topic has passed its check.
            topic: Text::new(&publication.topic).unwrap_or_default(),
            sizes: Sizes::of_messages(&publication.payload, NAME_LEN, SIZE),
            interval: publication.interval.law(),
        };
        Self {
            options: options(&config.tcp),
            limits: config.limits(),
            laws: config.publications.iter().map(law).collect(),
            config,
        }
    }
}
