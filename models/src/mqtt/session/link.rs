//! What a session has as long as a connection lasts.

use super::alias::{AliasPolicy, Form, Given, Taken};
use super::{Message, Session, Unsent};
use crate::messaging::fifo::Fifo;
use crate::mqtt::wire::{
    Delivery, Fault, Packet, PacketId, Properties, Property, Publish, QoS, Text, TopicAlias, Version,
};
use protosim_core::LocalTime;
use std::collections::BTreeSet;

/// What an alias adds to a packet at most \[bytes\]: three, and one for each of two lengths.
const MOST_OF_ALIAS: u64 = 5;

/// What both ends have said in CONNECT and CONNACK.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkOptions {
    /// The version that is spoken; with 3.1.1 nothing else here but the policy counts.
    pub version: Version,
    /// The peer's receive maximum; 65535 where it says none.
    pub send_maximum: u16,
    /// The highest QoS that the peer takes; 2 where it says none.
    pub max_qos: QoS,
    /// Whether the peer takes messages to be retained.
    pub takes_retained: bool,
    /// The largest packet that the peer takes \[bytes\]; `u32::MAX` where it says none.
    pub max_packet: u32,
    /// The largest alias that the peer takes; 0 where it says none.
    pub send_aliases: u16,
    /// Which of them are used.
    pub alias_policy: AliasPolicy,
    /// Our receive maximum.
    pub receive_maximum: u16,
    /// The largest alias that we take.
    pub receive_aliases: u16,
}

impl LinkOptions {
    /// What holds where nobody says otherwise (v5 §3.1.2.11, §3.2.2.3).
    pub const fn new(version: Version) -> Self {
        Self {
            version,
            send_maximum: u16::MAX,
            max_qos: QoS::ExactlyOnce,
            takes_retained: true,
            max_packet: u32::MAX,
            send_aliases: 0,
            alias_policy: AliasPolicy::Never,
            receive_maximum: u16::MAX,
            receive_aliases: 0,
        }
    }
}

/// One connection of a session's. It is dropped when the connection ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    pub(super) options: LinkOptions,
    /// How many more messages of QoS 1 and 2 may be sent (v5 §4.9).
    pub(super) quota: u16,
    /// How many of the session's messages in flight, from the first on, were sent on this connection.
    pub(super) sent: u32,
    /// How many of its releases, from the first on, were sent on this connection.
    pub(super) released: u32,
    /// How many of its releases, from the first on, are of messages of connections before.
    pub(super) carried: u32,
    /// SUBSCRIBEs and UNSUBSCRIBEs without an answer, with their owner's names.
    pub(super) requests: Fifo<(PacketId, u64)>,
    /// Answers that wait to be sent.
    pub(super) replies: Fifo<Packet>,
    /// Messages of QoS 0 that wait to be sent, with their numbers.
    pub(super) at_most_once: Fifo<(u64, Message)>,
    /// Whether messages of QoS 0 from before this connection may wait in the session's queue.
    pub(super) has_older: bool,
    /// Messages that wait for their owner's verdict, in the order in which they came.
    pub(super) unanswered: Fifo<Unanswered>,
    /// Messages of QoS 2 that came on this connection and are not completed.
    pub(super) uncompleted: BTreeSet<PacketId>,
    /// From the first alias on that is sent.
    given: Option<Box<Given>>,
    /// From the first alias on that comes.
    taken: Option<Box<Taken>>,
}

/// A message of QoS 1 or 2 that has come and has no answer yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Unanswered {
    pub(super) id: PacketId,
    pub(super) kind: AnswerKind,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum AnswerKind {
    AtLeastOnce,
    /// With the message, where it is stored until PUBREL.
    ExactlyOnce(Option<Box<Message>>),
    Repeated,
}

impl Link {
    /// A new connection of `session`, on which nothing has been sent yet.
    pub fn new(session: &Session, options: LinkOptions) -> Self {
        let options = match options.version {
            Version::V5 => options,
            Version::V311 => LinkOptions { alias_policy: options.alias_policy, ..LinkOptions::new(Version::V311) },
        };
        Self {
            options,
            quota: options.send_maximum,
            sent: 0,
            released: 0,
            // Identifiers have 16 bits.
            carried: session.releases() as u32,
            requests: Fifo::default(),
            replies: Fifo::default(),
            at_most_once: Fifo::default(),
            has_older: session.queued() > 0,
            unanswered: Fifo::default(),
            uncompleted: BTreeSet::new(),
            given: None,
            taken: None,
        }
    }

    /// What both ends have said.
    pub const fn options(&self) -> &LinkOptions {
        &self.options
    }

    /// How many answers wait to be sent: an owner whose peer does not read stops reading, and so bounds them.
    pub fn replies(&self) -> usize {
        self.replies.len()
    }

    /// How many SUBSCRIBEs and UNSUBSCRIBEs wait for their answer.
    pub fn requests(&self) -> usize {
        self.requests.len()
    }

    /// How many messages wait for an answer by [`Session::answer`].
    pub fn unanswered(&self) -> usize {
        self.unanswered.len()
    }

    /// A message of QoS 2 that came on this connection is completed, or refused.
    pub(super) fn complete(&mut self, id: PacketId) {
        self.uncompleted.remove(&id);
        if self.uncompleted.is_empty() {
            self.uncompleted = BTreeSet::new();
        }
    }

    /// One more message may be sent.
    pub(super) fn give_back(&mut self) {
        self.quota = self.options.send_maximum.min(self.quota.saturating_add(1));
    }

    /// How a topic is sent.
    fn form(&mut self, topic: &Text) -> Form {
        let (policy, most) = (self.options.alias_policy, self.options.send_aliases);
        if policy == AliasPolicy::Never || most == 0 {
            return Form::Plain;
        }
        self.given.get_or_insert_with(|| Box::new(Given::new(policy, most))).form(topic)
    }

    /// The topic of a message that has this topic and this alias.
    pub(super) fn topic(&mut self, topic: &Text, alias: Option<TopicAlias>) -> Result<Text, Fault> {
        let Some(alias) = alias else { return Ok(topic.clone()) };
        let most = self.options.receive_aliases;
        self.taken.get_or_insert_with(|| Box::new(Taken::new(most))).resolve(topic, alias)
    }

    /// The PUBLISH of a message, or why there is none.
    pub(super) fn publish(
        &mut self,
        message: &Message,
        id: PacketId,
        dup: bool,
        now: LocalTime,
    ) -> Result<Packet, Unsent> {
        if message.qos > self.options.max_qos || (message.retain && !self.options.takes_retained) {
            return Err(Unsent::NotTaken);
        }
        let delivery = match message.qos {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            QoS::AtLeastOnce => Delivery::AtLeastOnce { id, dup },
            QoS::ExactlyOnce => Delivery::ExactlyOnce { id, dup },
        };
        let content = &message.content;
        let is_v5 = self.options.version == Version::V5;
        let properties = if is_v5 { properties(message, now) } else { Properties::new() };
        let mut packet = Packet::Publish(Publish {
            delivery,
            retain: message.retain,
            topic: content.topic.clone(),
            properties,
            payload: content.payload.clone(),
        });
        let (len, limit) = (packet.wire_len(self.options.version), u64::from(self.options.max_packet));
        if len > limit {
            return Err(Unsent::TooLarge);
        }
        if let Packet::Publish(publish) = &mut packet
            && is_v5
            && len + MOST_OF_ALIAS <= limit
        {
            match self.form(&content.topic) {
                Form::Plain => {}
                Form::New(alias) => publish.properties.push(Property::Alias(alias)),
                Form::Known(alias) => {
                    publish.properties.push(Property::Alias(alias));
                    publish.topic = Text::default();
                }
            }
        }
        Ok(packet)
    }
}

/// Those of the content, and those of this copy.
fn properties(message: &Message, now: LocalTime) -> Properties {
    let numbers = message.subscriptions.iter().map(|id| Property::Subscription(*id));
    let expiry = message.expiry_left(now).map(Property::MessageExpiry);
    numbers.chain(message.content.properties.iter().cloned()).chain(expiry).collect()
}
