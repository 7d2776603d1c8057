//! The types of packets.

use super::Version;
use super::property::Properties;
use super::reason::ReasonCode;
use super::text::{Binary, Text};
use crate::mqtt::topic::TopicFilter;
use crate::rope::Rope;
use std::num::NonZeroU16;

/// One control packet (v5 §2.1.2, 3.1.1 §2.2.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Packet {
    /// A client wants a connection (§3.1).
    Connect(Box<Connect>),
    /// The answer to it (§3.2).
    Connack(Connack),
    /// A message (§3.3).
    Publish(Publish),
    /// The answer to a message of QoS 1 (§3.4).
    Puback(Ack),
    /// The first answer to a message of QoS 2 (§3.5).
    Pubrec(Ack),
    /// The sender's answer to that (§3.6).
    Pubrel(Ack),
    /// The last one (§3.7).
    Pubcomp(Ack),
    /// Subscriptions (§3.8).
    Subscribe(Subscribe),
    /// The answer to them (§3.9).
    Suback(Suback),
    /// Subscriptions that end (§3.10).
    Unsubscribe(Unsubscribe),
    /// The answer to that (§3.11).
    Unsuback(Unsuback),
    /// Is anyone there (§3.12)?
    Pingreq,
    /// Yes (§3.13).
    Pingresp,
    /// The last packet of a connection (§3.14).
    Disconnect(Disconnect),
    /// Authentication that goes on (v5 §3.15).
    Auth(Auth),
}

/// The quality of service of a message (§4.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum QoS {
    /// 0: sent once, and forgotten.
    #[default]
    AtMostOnce,
    /// 1: sent until it is acknowledged.
    AtLeastOnce,
    /// 2: delivered once.
    ExactlyOnce,
}

/// A packet identifier, from 1 on (v5 §2.2.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PacketId(NonZeroU16);

/// CONNECT.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Connect {
    /// It is written as that version has it, whatever it is written for.
    pub version: Version,
    /// Clean Start of 5.0, Clean Session of 3.1.1.
    pub clean_start: bool,
    /// How long the client may be silent \[s\]; 0 for as long as it likes.
    pub keep_alive: u16,
    /// Its name; empty for one that the server gives.
    pub client_id: Text,
    /// What is published when the client is lost.
    pub will: Option<Will>,
    /// User name.
    pub user_name: Option<Text>,
    /// Password; in 3.1.1 with a user name alone.
    pub password: Option<Binary>,
    /// Properties (5.0).
    pub properties: Properties,
}

/// The will in a CONNECT (v5 §3.1.3.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Will {
    /// Where it is published.
    pub topic: Text,
    /// What: at most 65535 bytes.
    pub payload: Rope,
    /// How.
    pub qos: QoS,
    /// Whether it is retained.
    pub retain: bool,
    /// Properties (5.0).
    pub properties: Properties,
}

/// CONNACK.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Connack {
    /// Whether the server has a session of the client's.
    pub session_present: bool,
    /// Success, or why not.
    pub reason: ReasonCode,
    /// Properties (5.0).
    pub properties: Properties,
}

/// PUBLISH.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Publish {
    /// QoS, and what goes with it.
    pub delivery: Delivery,
    /// Keep it for later subscribers; towards a subscriber: it was kept.
    pub retain: bool,
    /// Its topic; empty where an alias stands for it (5.0).
    pub topic: Text,
    /// Properties (5.0).
    pub properties: Properties,
    /// What the application has to say.
    pub payload: Rope,
}

/// QoS with packet identifier and DUP, which QoS 0 does not have (\[MQTT-2.2.1-2\], \[MQTT-3.3.1-2\]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// QoS 0.
    AtMostOnce,
    /// QoS 1.
    AtLeastOnce {
        /// What the PUBACK will name.
        id: PacketId,
        /// Whether it may have been sent before.
        dup: bool,
    },
    /// QoS 2.
    ExactlyOnce {
        /// What PUBREC, PUBREL and PUBCOMP will name.
        id: PacketId,
        /// Whether it may have been sent before.
        dup: bool,
    },
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ack {
    /// The message that it is about.
    pub id: PacketId,
    /// What became of it; always success in 3.1.1.
    pub reason: ReasonCode,
    /// Properties (5.0).
    pub properties: Properties,
}

/// SUBSCRIBE.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscribe {
    /// What the SUBACK will name.
    pub id: PacketId,
    /// Properties (5.0).
    pub properties: Properties,
    /// At least one filter, with what is wanted.
    pub filters: Vec<(TopicFilter, SubscriptionOptions)>,
}

/// How messages are wanted (v5 §3.8.3.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SubscriptionOptions {
    /// The highest QoS.
    pub qos: QoS,
    /// Not those that the client itself has published (5.0).
    pub no_local: bool,
    /// RETAIN as the publisher had it (5.0).
    pub retain_as_published: bool,
    /// Whether retained messages are sent now (5.0).
    pub retain_handling: RetainHandling,
}

/// When a subscription is answered with retained messages (v5 §3.3.1.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum RetainHandling {
    /// 0, and in 3.1.1: always.
    #[default]
    Always,
    /// 1: if there was no such subscription.
    IfNew,
    /// 2: never.
    Never,
}

/// SUBACK.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Suback {
    /// Of the SUBSCRIBE.
    pub id: PacketId,
    /// Properties (5.0).
    pub properties: Properties,
    /// One for each filter, in order.
    pub reasons: Vec<ReasonCode>,
}

/// UNSUBSCRIBE.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unsubscribe {
    /// What the UNSUBACK will name.
    pub id: PacketId,
    /// Properties (5.0).
    pub properties: Properties,
    /// At least one.
    pub filters: Vec<TopicFilter>,
}

/// UNSUBACK.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unsuback {
    /// Of the UNSUBSCRIBE.
    pub id: PacketId,
    /// Properties (5.0).
    pub properties: Properties,
    /// One for each filter, in order; none in 3.1.1.
    pub reasons: Vec<ReasonCode>,
}

/// DISCONNECT.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disconnect {
    /// Why; always success in 3.1.1, where only clients send it.
    pub reason: ReasonCode,
    /// Properties (5.0).
    pub properties: Properties,
}

/// AUTH (5.0).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Auth {
    /// How far it is.
    pub reason: ReasonCode,
    /// Properties.
    pub properties: Properties,
}

impl QoS {
    /// Its number.
    pub const fn bits(self) -> u8 {
        self as u8
    }

    /// The one with this number; `None` above 2.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::AtMostOnce,
            1 => Self::AtLeastOnce,
            2 => Self::ExactlyOnce,
            _ => return None,
        })
    }
}

impl PacketId {
    /// The first one.
    pub const FIRST: Self = Self(NonZeroU16::MIN);

    /// The one with this number; `None` for 0.
    pub const fn new(number: u16) -> Option<Self> {
        match NonZeroU16::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Its number.
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// The one behind it; the first one behind the last.
    #[must_use]
    pub const fn next(self) -> Self {
        match self.0.checked_add(1) {
            Some(next) => Self(next),
            None => Self::FIRST,
        }
    }
}

impl Delivery {
    /// With this QoS, sent for the first time.
    pub const fn first(qos: QoS, id: PacketId) -> Self {
        match qos {
            QoS::AtMostOnce => Self::AtMostOnce,
            QoS::AtLeastOnce => Self::AtLeastOnce { id, dup: false },
            QoS::ExactlyOnce => Self::ExactlyOnce { id, dup: false },
        }
    }

    /// QoS.
    pub const fn qos(self) -> QoS {
        match self {
            Self::AtMostOnce => QoS::AtMostOnce,
            Self::AtLeastOnce { .. } => QoS::AtLeastOnce,
            Self::ExactlyOnce { .. } => QoS::ExactlyOnce,
        }
    }

    /// Packet identifier; `None` for QoS 0.
    pub const fn id(self) -> Option<PacketId> {
        match self {
            Self::AtMostOnce => None,
            Self::AtLeastOnce { id, .. } | Self::ExactlyOnce { id, .. } => Some(id),
        }
    }

    /// Whether it may have been sent before.
    pub const fn is_dup(self) -> bool {
        matches!(self, Self::AtLeastOnce { dup: true, .. } | Self::ExactlyOnce { dup: true, .. })
    }
}

impl RetainHandling {
    /// The two bits.
    pub const fn bits(self) -> u8 {
        self as u8
    }

    /// From these bits; `None` for 3.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Always,
            1 => Self::IfNew,
            2 => Self::Never,
            _ => return None,
        })
    }
}

impl Ack {
    /// Success, without properties.
    pub const fn new(id: PacketId) -> Self {
        Self::with_reason(id, ReasonCode::Success)
    }

    /// Without properties.
    pub const fn with_reason(id: PacketId, reason: ReasonCode) -> Self {
        Self { id, reason, properties: Properties::new() }
    }
}

impl SubscriptionOptions {
    /// With this QoS, and nothing else.
    pub fn new(qos: QoS) -> Self {
        Self { qos, ..Self::default() }
    }
}

impl Connack {
    /// Without properties.
    pub const fn new(session_present: bool, reason: ReasonCode) -> Self {
        Self { session_present, reason, properties: Properties::new() }
    }
}

impl Disconnect {
    /// Without properties.
    pub const fn new(reason: ReasonCode) -> Self {
        Self { reason, properties: Properties::new() }
    }
}
