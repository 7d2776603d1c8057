//! Packets into bytes.

use super::packet::{Ack, Connect, Packet, PacketId, Publish, Will};
use super::property::Properties;
use super::reason::ReasonCode;
use super::text::{MAX_STRING, MAX_VARINT, Text, put_varint, varint_len};
use super::{Fault, Place, Version};
use crate::mqtt::topic::{TopicFilter, check_topic};
use crate::rope::{Rope, Run};

/// Real bytes of a payload up to which they ride behind the head, one piece instead of two \[bytes\] (our choice).
const RIDES_ALONG: usize = 256;

const ONLY_V5: Fault = Fault::protocol("v5 §3.15", "3.1.1 has no AUTH");

impl Packet {
    /// Its name, as the standard writes it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Connect(_) => "CONNECT",
            Self::Connack(_) => "CONNACK",
            Self::Publish(_) => "PUBLISH",
            Self::Puback(_) => "PUBACK",
            Self::Pubrec(_) => "PUBREC",
            Self::Pubrel(_) => "PUBREL",
            Self::Pubcomp(_) => "PUBCOMP",
            Self::Subscribe(_) => "SUBSCRIBE",
            Self::Suback(_) => "SUBACK",
            Self::Unsubscribe(_) => "UNSUBSCRIBE",
            Self::Unsuback(_) => "UNSUBACK",
            Self::Pingreq => "PINGREQ",
            Self::Pingresp => "PINGRESP",
            Self::Disconnect(_) => "DISCONNECT",
            Self::Auth(_) => "AUTH",
        }
    }

    /// Length on the wire \[bytes\].
    pub fn wire_len(&self, version: Version) -> u64 {
        let body = self.body_len(version);
        // What is longer is refused when it is written.
        1 + varint_len(body.min(u64::from(MAX_VARINT)) as u32) + body
    }

    /// What goes on the wire: real bytes, and the payload of a PUBLISH as the rope it is.
    ///
    /// # Errors
    /// When the version cannot say it, or no length says how long it is: see [`Fault`].
    pub fn encode(&self, version: Version) -> Result<Rope, Fault> {
        let version = self.written_as(version);
        self.check(version)?;
        let body = self.body_len(version);
        let remaining = u32::try_from(body).ok().filter(|body| *body <= MAX_VARINT);
        let too_long = Fault::new(ReasonCode::PacketTooLarge, "v5 §2.1.4", "a packet has more than 268,435,455 bytes");
        let payload = match self {
            Self::Publish(publish) => publish.payload.len(),
            _ => 0,
        };
        let mut out = Vec::with_capacity((5 + body - payload) as usize + RIDES_ALONG.min(payload as usize));
        out.push(self.first_byte());
        put_varint(remaining.ok_or(too_long)?, &mut out);
        self.put_body(version, &mut out)?;
        let Self::Publish(Publish { payload, .. }) = self else { return Ok(out.into()) };
        match payload.runs() {
            [Run::Bytes(only)] if only.len() <= RIDES_ALONG => {
                out.extend_from_slice(only);
                Ok(out.into())
            }
            _ => {
                let mut rope = Rope::from(out);
                rope.append(payload);
                Ok(rope)
            }
        }
    }

    /// A CONNECT says itself which version it is of.
    fn written_as(&self, version: Version) -> Version {
        match self {
            Self::Connect(connect) => connect.version,
            _ => version,
        }
    }

    /// Type and flags (v5 §2.1.2, §2.1.3).
    fn first_byte(&self) -> u8 {
        match self {
            Self::Connect(_) => 0x10,
            Self::Connack(_) => 0x20,
            Self::Publish(publish) => {
                let delivery = publish.delivery;
                0x30 | u8::from(delivery.is_dup()) << 3 | delivery.qos().bits() << 1 | u8::from(publish.retain)
            }
            Self::Puback(_) => 0x40,
            Self::Pubrec(_) => 0x50,
            Self::Pubrel(_) => 0x62,
            Self::Pubcomp(_) => 0x70,
            Self::Subscribe(_) => 0x82,
            Self::Suback(_) => 0x90,
            Self::Unsubscribe(_) => 0xa2,
            Self::Unsuback(_) => 0xb0,
            Self::Pingreq => 0xc0,
            Self::Pingresp => 0xd0,
            Self::Disconnect(_) => 0xe0,
            Self::Auth(_) => 0xf0,
        }
    }

    /// What neither types nor lengths see to.
    fn check(&self, version: Version) -> Result<(), Fault> {
        if let (Self::Subscribe(_) | Self::Unsubscribe(_), 0) = (self, self.filters()) {
            return Err(Fault::protocol("MQTT-3.8.3-2", "a packet has no filters"));
        }
        match self {
            Self::Connect(connect) => check_connect(connect)?,
            Self::Publish(publish) => check_publish(publish, version)?,
            _ => {}
        }
        if version == Version::V311 {
            return match self {
                Self::Auth(_) => Err(ONLY_V5),
                _ => Ok(()),
            };
        }
        let no_reason = Fault::protocol("v5 §2.4", "a reason code does not belong into its packet");
        match self.properties() {
            Some((properties, place)) => properties.check(place)?,
            None => return Ok(()),
        }
        let fits = |reason: ReasonCode, place| if reason.is_allowed_in(place) { Ok(()) } else { Err(no_reason) };
        match self {
            Self::Connack(ack) => fits(ack.reason, Place::Connack),
            Self::Puback(ack) => fits(ack.reason, Place::Puback),
            Self::Pubrec(ack) => fits(ack.reason, Place::Pubrec),
            Self::Pubrel(ack) => fits(ack.reason, Place::Pubrel),
            Self::Pubcomp(ack) => fits(ack.reason, Place::Pubcomp),
            Self::Suback(ack) => ack.reasons.iter().try_for_each(|reason| fits(*reason, Place::Suback)),
            Self::Unsuback(ack) => ack.reasons.iter().try_for_each(|reason| fits(*reason, Place::Unsuback)),
            Self::Disconnect(disconnect) => fits(disconnect.reason, Place::Disconnect),
            Self::Auth(auth) => fits(auth.reason, Place::Auth),
            _ => Ok(()),
        }
    }

    fn filters(&self) -> usize {
        match self {
            Self::Subscribe(subscribe) => subscribe.filters.len(),
            Self::Unsubscribe(unsubscribe) => unsubscribe.filters.len(),
            _ => 0,
        }
    }

    /// Its properties, and where they stand.
    fn properties(&self) -> Option<(&Properties, Place)> {
        Some(match self {
            Self::Connect(packet) => (&packet.properties, Place::Connect),
            Self::Connack(packet) => (&packet.properties, Place::Connack),
            Self::Publish(packet) => (&packet.properties, Place::Publish),
            Self::Puback(packet) => (&packet.properties, Place::Puback),
            Self::Pubrec(packet) => (&packet.properties, Place::Pubrec),
            Self::Pubrel(packet) => (&packet.properties, Place::Pubrel),
            Self::Pubcomp(packet) => (&packet.properties, Place::Pubcomp),
            Self::Subscribe(packet) => (&packet.properties, Place::Subscribe),
            Self::Suback(packet) => (&packet.properties, Place::Suback),
            Self::Unsubscribe(packet) => (&packet.properties, Place::Unsubscribe),
            Self::Unsuback(packet) => (&packet.properties, Place::Unsuback),
            Self::Disconnect(packet) => (&packet.properties, Place::Disconnect),
            Self::Auth(packet) => (&packet.properties, Place::Auth),
            Self::Pingreq | Self::Pingresp => return None,
        })
    }

    /// What stands behind the fixed header \[bytes\].
    fn body_len(&self, version: Version) -> u64 {
        let is_v5 = self.written_as(version) == Version::V5;
        let properties = |properties: &Properties| if is_v5 { properties.wire_len() } else { 0 };
        let short = |id, reason, list| if is_v5 { id + reason_len(reason, list) } else { id };
        match self {
            Self::Connect(connect) => connect_len(connect),
            Self::Connack(connack) => 2 + properties(&connack.properties),
            Self::Publish(publish) => {
                let id = if publish.delivery.id().is_some() { 2 } else { 0 };
                publish.topic.wire_len() + id + properties(&publish.properties) + publish.payload.len()
            }
            Self::Puback(ack) | Self::Pubrec(ack) | Self::Pubrel(ack) | Self::Pubcomp(ack) => {
                short(2, ack.reason, &ack.properties)
            }
            Self::Subscribe(subscribe) => {
                let filters: u64 = subscribe.filters.iter().map(|(filter, _)| filter_len(filter) + 1).sum();
                2 + properties(&subscribe.properties) + filters
            }
            Self::Suback(suback) => 2 + properties(&suback.properties) + suback.reasons.len() as u64,
            Self::Unsubscribe(unsubscribe) => {
                let filters: u64 = unsubscribe.filters.iter().map(filter_len).sum();
                2 + properties(&unsubscribe.properties) + filters
            }
            Self::Unsuback(unsuback) if is_v5 => 2 + properties(&unsuback.properties) + unsuback.reasons.len() as u64,
            Self::Unsuback(_) => 2,
            Self::Pingreq | Self::Pingresp => 0,
            Self::Disconnect(disconnect) => short(0, disconnect.reason, &disconnect.properties),
            Self::Auth(auth) => reason_len(auth.reason, &auth.properties),
        }
    }

    /// All but the payload of a PUBLISH.
    fn put_body(&self, version: Version, out: &mut Vec<u8>) -> Result<(), Fault> {
        let is_v5 = version == Version::V5;
        let properties = |properties: &Properties, out: &mut Vec<u8>| {
            if is_v5 {
                properties.put(out);
            }
        };
        match self {
            Self::Connect(connect) => put_connect(connect, out),
            Self::Connack(connack) => {
                let reserved = Fault::protocol("3.1.1 MQTT-3.2.2-6", "3.1.1 has no return code for that");
                out.push(u8::from(connack.session_present));
                out.push(match is_v5 {
                    true => connack.reason.as_u8(),
                    false => connack.reason.connect_return_code().ok_or(reserved)?,
                });
                properties(&connack.properties, out);
            }
            Self::Publish(publish) => {
                publish.topic.put(out);
                if let Some(id) = publish.delivery.id() {
                    put_id(id, out);
                }
                properties(&publish.properties, out);
            }
            Self::Puback(ack) | Self::Pubrec(ack) | Self::Pubrel(ack) | Self::Pubcomp(ack) => put_ack(ack, is_v5, out),
            Self::Subscribe(subscribe) => {
                put_id(subscribe.id, out);
                properties(&subscribe.properties, out);
                for (filter, options) in &subscribe.filters {
                    filter.text().put(out);
                    let more = u8::from(options.no_local) << 2
                        | u8::from(options.retain_as_published) << 3
                        | options.retain_handling.bits() << 4;
                    out.push(options.qos.bits() | if is_v5 { more } else { 0 });
                }
            }
            Self::Suback(suback) => {
                put_id(suback.id, out);
                properties(&suback.properties, out);
                out.extend(suback.reasons.iter().map(|reason| match is_v5 || !reason.is_failure() {
                    true => reason.as_u8(),
                    false => ReasonCode::UnspecifiedError.as_u8(),
                }));
            }
            Self::Unsubscribe(unsubscribe) => {
                put_id(unsubscribe.id, out);
                properties(&unsubscribe.properties, out);
                unsubscribe.filters.iter().for_each(|filter| filter.text().put(out));
            }
            Self::Unsuback(unsuback) => {
                put_id(unsuback.id, out);
                properties(&unsuback.properties, out);
                if is_v5 {
                    out.extend(unsuback.reasons.iter().map(|reason| reason.as_u8()));
                }
            }
            Self::Pingreq | Self::Pingresp => {}
            Self::Disconnect(disconnect) => {
                if is_v5 {
                    put_reason(disconnect.reason, &disconnect.properties, out);
                }
            }
            Self::Auth(auth) => put_reason(auth.reason, &auth.properties, out),
        }
        Ok(())
    }
}

fn filter_len(filter: &TopicFilter) -> u64 {
    filter.text().wire_len()
}

fn put_id(id: PacketId, out: &mut Vec<u8>) {
    out.extend_from_slice(&id.get().to_be_bytes());
}

fn put_ack(ack: &Ack, is_v5: bool, out: &mut Vec<u8>) {
    put_id(ack.id, out);
    if is_v5 {
        put_reason(ack.reason, &ack.properties, out);
    }
}

/// Reason code and properties at the end of a packet: success without properties is nothing, another code without properties has
/// no length of properties (v5 §3.4.2.1, §3.14.2.1, §3.15.2.1).
fn put_reason(reason: ReasonCode, properties: &Properties, out: &mut Vec<u8>) {
    match (reason, properties.is_empty()) {
        (ReasonCode::Success, true) => {}
        (_, true) => out.push(reason.as_u8()),
        (_, false) => {
            out.push(reason.as_u8());
            properties.put(out);
        }
    }
}

fn reason_len(reason: ReasonCode, properties: &Properties) -> u64 {
    match (reason, properties.is_empty()) {
        (ReasonCode::Success, true) => 0,
        (_, true) => 1,
        (_, false) => 1 + properties.wire_len(),
    }
}

/// Name, level, flags, keep alive \[bytes\].
const CONNECT_HEAD: u64 = 10;

fn connect_len(connect: &Connect) -> u64 {
    let properties = |properties: &Properties| match connect.version {
        Version::V5 => properties.wire_len(),
        Version::V311 => 0,
    };
    let will = |will: &Will| properties(&will.properties) + will.topic.wire_len() + 2 + will.payload.len();
    CONNECT_HEAD
        + properties(&connect.properties)
        + connect.client_id.wire_len()
        + connect.will.as_ref().map_or(0, will)
        + connect.user_name.as_ref().map_or(0, Text::wire_len)
        + connect.password.as_ref().map_or(0, super::Binary::wire_len)
}

/// An alias stands for a topic of no characters (v5 §3.3.2.1).
pub(super) fn check_publish(publish: &Publish, version: Version) -> Result<(), Fault> {
    match publish.topic.is_empty() && version == Version::V5 {
        true if publish.properties.topic_alias().is_some() => Ok(()),
        true => Err(Fault::protocol("v5 §3.3.2.1", "a message has neither a topic nor an alias")),
        false => check_topic(&publish.topic),
    }
}

fn check_connect(connect: &Connect) -> Result<(), Fault> {
    if connect.version == Version::V311 && connect.password.is_some() && connect.user_name.is_none() {
        return Err(Fault::protocol("3.1.1 MQTT-3.1.2-22", "a password stands without a user name"));
    }
    if let Some(will) = &connect.will {
        check_topic(&will.topic)?;
        if will.payload.len() > MAX_STRING as u64 {
            return Err(Fault::malformed("v5 §3.1.3.4", "a will has more than 65535 bytes"));
        }
        if connect.version == Version::V5 {
            will.properties.check(Place::Will)?;
        }
    }
    Ok(())
}

fn put_connect(connect: &Connect, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\0\x04MQTT");
    out.push(connect.version.level());
    let will = connect.will.as_ref();
    out.push(
        u8::from(connect.user_name.is_some()) << 7
            | u8::from(connect.password.is_some()) << 6
            | will.map_or(0, |will| 1 << 2 | u8::from(will.retain) << 5 | will.qos.bits() << 3)
            | u8::from(connect.clean_start) << 1,
    );
    out.extend_from_slice(&connect.keep_alive.to_be_bytes());
    let is_v5 = connect.version == Version::V5;
    if is_v5 {
        connect.properties.put(out);
    }
    connect.client_id.put(out);
    if let Some(will) = will {
        if is_v5 {
            will.properties.put(out);
        }
        will.topic.put(out);
        // At most 65535: it was checked.
        out.extend_from_slice(&(will.payload.len() as u16).to_be_bytes());
        will.payload.write_to(out);
    }
    if let Some(user_name) = &connect.user_name {
        user_name.put(out);
    }
    if let Some(password) = &connect.password {
        password.put(out);
    }
}
