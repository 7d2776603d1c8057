//! Packets of MQTT 3.1.1 and 5.0 and their encoding.
//!
//! [`Packet`] is the typed value, one for both versions; [`Packet::encode`] gives what goes on the wire; a [`Decoder`] takes a stream
//! however it is cut. The payload of a PUBLISH is the rope that it is: bulk data passes through as bulk data.
//!
//! | file | what |
//! |---|---|
//! | `text` | strings, binary data, integers of variable length |
//! | `reason` | reason codes and the packets in which they stand; return codes of 3.1.1 |
//! | `property` | properties and the packets in which they stand |
//! | `packet` | the types of packets |
//! | `encode`, `decode` | packets into bytes, and out of them |
//! | `decoder` | packets out of a stream |
//! | `read` | bytes out of a packet |
//!
//! # What one version has and the other has not
//! Packets are written as the version has them: in 3.1.1 properties, reason codes of acknowledgements and subscription options other than QoS are
//! left out, all failures in a SUBACK are 0x80, and a CONNACK has the return code that fits (§3.2.2.3). What cannot be said at all, such as
//! AUTH in 3.1.1, is a [`Fault`] at the sender.
//!
//! # Which reason code a fault has
//! v5 §1.2: *malformed* (0x81) is what cannot be parsed; a *protocol error* (0x82) is what can be parsed and is not allowed, or not now. Where a
//! section names one, that is it; where none does, it is by these words: a wildcard in the topic of a PUBLISH, a misplaced wildcard in
//! a filter, a packet identifier of 0 are protocol errors. 0x90 and 0x8F, which the sheet of checks has for topics and filters,
//! mean by §2.4 that a topic or filter is formed correctly and not accepted: they are the broker's to use, not the codec's. In
//! 3.1.1 there is one answer to all faults: the connection is closed (\[MQTT-4.8.0-1\]).
//!
//! # Where mosquitto 2.0.11 differs (measured)
//! - It takes DUP with QoS 0, a number of a subscription from a client, `$share/` without a filter and No Local with a shared
//!   subscription; the standard forbids them (\[MQTT-3.3.1-2\], \[MQTT-3.3.4-6\], \[MQTT-4.8.2-1\], \[MQTT-3.8.3-4\]), and they are refused here.
//! - It answers a misplaced wildcard in a filter and a SUBSCRIBE without filters with 0x81, and closes without a DISCONNECT at a second CONNECT.

mod decode;
mod decoder;
mod encode;
mod packet;
mod property;
mod read;
mod reason;
mod text;

pub use decoder::{Decoder, Peer};
pub use packet::{
    Ack, Auth, Connack, Connect, Delivery, Disconnect, Packet, PacketId, Publish, QoS, RetainHandling, Suback,
    Subscribe, SubscriptionOptions, Unsuback, Unsubscribe, Will,
};
pub use property::{Properties, Property, SubscriptionId, TopicAlias};
pub use reason::ReasonCode;
pub use text::{Binary, MAX_STRING, MAX_VARINT, Text, Varint, put_varint, varint_len};

use std::fmt;

/// The largest packet of all \[bytes\]: one byte, four of length, and what they can say.
pub const MAX_PACKET: u64 = 5 + MAX_VARINT as u64;

/// A version of the protocol. Versions before 3.1.1, whose name is `MQIsdp`, are refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Version {
    /// 3.1.1, level 4 (ISO/IEC 20922).
    V311,
    /// 5.0, level 5.
    V5,
}

impl Version {
    /// The protocol level of CONNECT.
    pub const fn level(self) -> u8 {
        match self {
            Self::V311 => 4,
            Self::V5 => 5,
        }
    }
}

/// `3.1.1`, `5.0`.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V311 => "3.1.1",
            Self::V5 => "5.0",
        })
    }
}

/// Why a packet cannot be read, or be sent. Nothing behind it on its stream can be read either.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{why} ({rule})")]
pub struct Fault {
    /// What a DISCONNECT of 5.0, or a CONNACK, says of it.
    pub reason: ReasonCode,
    /// The statement or section of the standard that is broken.
    pub rule: &'static str,
    /// In words.
    pub why: &'static str,
}

impl Fault {
    pub(crate) const fn new(reason: ReasonCode, rule: &'static str, why: &'static str) -> Self {
        Self { reason, rule, why }
    }

    /// 0x81.
    pub(crate) const fn malformed(rule: &'static str, why: &'static str) -> Self {
        Self::new(ReasonCode::MalformedPacket, rule, why)
    }

    /// 0x82.
    pub(crate) const fn protocol(rule: &'static str, why: &'static str) -> Self {
        Self::new(ReasonCode::ProtocolError, rule, why)
    }
}

/// Where properties and reason codes stand: the packets, and the will within CONNECT.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[expect(missing_docs, reason = "each is named as its packet")]
pub enum Place {
    Connect,
    Will,
    Connack,
    Publish,
    Puback,
    Pubrec,
    Pubrel,
    Pubcomp,
    Subscribe,
    Suback,
    Unsubscribe,
    Unsuback,
    Disconnect,
    Auth,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Connect,
        Self::Will,
        Self::Connack,
        Self::Publish,
        Self::Puback,
        Self::Pubrec,
        Self::Pubrel,
        Self::Pubcomp,
        Self::Subscribe,
        Self::Suback,
        Self::Unsubscribe,
        Self::Unsuback,
        Self::Disconnect,
        Self::Auth,
    ];

    /// One bit for each.
    const fn bit(self) -> u16 {
        1 << self as u16
    }
}
