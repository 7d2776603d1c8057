//! Topic aliases (v5 §3.3.2.3.4): of one connection, and of each direction on its own.

use crate::mqtt::wire::{Fault, ReasonCode, Text, TopicAlias};
use std::collections::BTreeMap;

/// Which topics a sender gives aliases to, as far as its peer takes them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AliasPolicy {
    /// None, as mosquitto's broker.
    #[default]
    Never,
    /// The first ones, until there are no more.
    FirstCome,
    /// Each; the one that was used longest ago loses its own.
    LeastRecentlyUsed,
}

/// The aliases of what is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Given {
    policy: AliasPolicy,
    max: u16,
    /// With when it was used last, counted in messages.
    by_topic: BTreeMap<Text, (TopicAlias, u64)>,
    used: u64,
}

/// How a topic is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// As itself.
    Plain,
    /// With an alias that it has from now on.
    New(TopicAlias),
    /// By its alias.
    Known(TopicAlias),
}

impl Given {
    pub(super) fn new(policy: AliasPolicy, max: u16) -> Self {
        Self { policy, max, by_topic: BTreeMap::new(), used: 0 }
    }

    /// How `topic` is sent now. It has to be sent so: the peer will know what it is told.
    pub(super) fn form(&mut self, topic: &Text) -> Form {
        self.used += 1;
        if let Some((alias, last)) = self.by_topic.get_mut(topic) {
            *last = self.used;
            return Form::Known(*alias);
        }
        // `max` is not 0, so that there is an alias in each arm.
        let free = u16::try_from(self.by_topic.len() + 1).ok().filter(|alias| *alias <= self.max);
        let alias = match (free.and_then(TopicAlias::new), self.policy) {
            (Some(free), _) => free,
            (None, AliasPolicy::LeastRecentlyUsed) => {
                let oldest = self.by_topic.iter().min_by_key(|(_, (_, last))| *last);
                let Some((topic, (alias, _))) = oldest.map(|(topic, alias)| (topic.clone(), *alias)) else {
                    return Form::Plain;
                };
                self.by_topic.remove(&topic);
                alias
            }
            (None, _) => return Form::Plain,
        };
        self.by_topic.insert(topic.clone(), (alias, self.used));
        Form::New(alias)
    }
}

/// The aliases of what is received.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Taken {
    max: u16,
    topics: BTreeMap<TopicAlias, Text>,
}

impl Taken {
    pub(super) fn new(max: u16) -> Self {
        Self { max, topics: BTreeMap::new() }
    }

    /// The topic of a message that has this topic and this alias.
    pub(super) fn resolve(&mut self, topic: &Text, alias: TopicAlias) -> Result<Text, Fault> {
        if alias.get() > self.max {
            let reason = ReasonCode::TopicAliasInvalid;
            return Err(Fault::new(reason, "MQTT-3.3.2-9", "a topic alias is above the maximum"));
        }
        if topic.is_empty() {
            let unknown = Fault::protocol("v5 §3.3.2.3.4", "a topic alias stands for no topic yet");
            return self.topics.get(&alias).cloned().ok_or(unknown);
        }
        self.topics.insert(alias, topic.clone());
        Ok(topic.clone())
    }
}
