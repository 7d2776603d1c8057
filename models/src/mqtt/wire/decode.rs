//! Bytes into packets: one whole packet at a time.

use super::encode::check_publish;
use super::packet::{
    Ack, Auth, Connack, Connect, Delivery, Disconnect, Packet, PacketId, Publish, QoS, RetainHandling, Suback,
    Subscribe, SubscriptionOptions, Unsuback, Unsubscribe, Will,
};
use super::property::Properties;
use super::read::Reader;
use super::reason::ReasonCode;
use super::text::{Binary, Text};
use super::{Fault, Peer, Place, Version};
use crate::mqtt::topic::{TopicFilter, check_topic};
use crate::rope::Rope;

const NO_ID: Fault = Fault::protocol("MQTT-2.2.1-3", "a packet identifier is 0");
const RESERVED_FLAGS: Fault = Fault::malformed("MQTT-2.1.3-1", "reserved flags of a packet are not as they must be");
const BAD_QOS: Fault = Fault::malformed("MQTT-3.3.1-4", "a QoS is 3");

/// Looks at the first byte of a packet: types and flags that there are (v5 §2.1.2, §2.1.3), sent by such a peer in such a version. `None` for the
/// version says that no CONNECT has come yet.
pub(super) fn check_first_byte(byte: u8, peer: Peer, version: Option<Version>) -> Result<(), Fault> {
    let (kind, flags) = (byte >> 4, byte & 0xf);
    match kind {
        0 => return Err(Fault::malformed("v5 §2.1.2", "a packet has the reserved type 0")),
        15 if version == Some(Version::V311) => {
            return Err(Fault::malformed("3.1.1 §2.2.1", "a packet has the reserved type 15"));
        }
        3 => check_publish_flags(flags)?,
        _ if flags != if matches!(kind, 6 | 8 | 10) { 2 } else { 0 } => return Err(RESERVED_FLAGS),
        _ => {}
    }
    // Types by their numbers: 1 CONNECT, 2 CONNACK, 8 SUBSCRIBE, 9 SUBACK, 10 UNSUBSCRIBE, 11 UNSUBACK, 12 PINGREQ, 13 PINGRESP, 14 DISCONNECT.
    let is_for_us = match peer {
        Peer::Client => !matches!(kind, 2 | 9 | 11 | 13),
        Peer::Server => !(matches!(kind, 1 | 8 | 10 | 12) || (kind == 14 && version == Some(Version::V311))),
    };
    if !is_for_us {
        return Err(Fault::protocol("v5 §2.1.2", "a packet is not one that this end sends"));
    }
    match (peer, version, kind) {
        (Peer::Client, None, 1) => Ok(()),
        (Peer::Client, None, _) => Err(Fault::protocol("MQTT-3.1.0-1", "the first packet is no CONNECT")),
        (Peer::Client, Some(_), 1) => Err(Fault::protocol("MQTT-3.1.0-2", "a second CONNECT")),
        _ => Ok(()),
    }
}

fn check_publish_flags(flags: u8) -> Result<(), Fault> {
    match flags >> 1 & 3 {
        3 => Err(BAD_QOS),
        0 if flags & 8 != 0 => Err(Fault::protocol("MQTT-3.3.1-2", "DUP is set with QoS 0")),
        _ => Ok(()),
    }
}

/// Reads what stands behind the fixed header of a packet whose first byte was accepted.
///
/// # Errors
/// When it is none, with the reason code that goes into a DISCONNECT or CONNACK.
pub(super) fn decode(first: u8, body: &Rope, peer: Peer, version: Version) -> Result<Packet, Fault> {
    let mut reader = Reader::new(body);
    let is_v5 = version == Version::V5;
    let packet = match first >> 4 {
        1 => Packet::Connect(Box::new(connect(&mut reader)?)),
        2 => Packet::Connack(connack(&mut reader, is_v5)?),
        3 => Packet::Publish(publish(first, &mut reader, peer, version)?),
        4 => Packet::Puback(ack(&mut reader, Place::Puback, is_v5)?),
        5 => Packet::Pubrec(ack(&mut reader, Place::Pubrec, is_v5)?),
        6 => Packet::Pubrel(ack(&mut reader, Place::Pubrel, is_v5)?),
        7 => Packet::Pubcomp(ack(&mut reader, Place::Pubcomp, is_v5)?),
        8 => Packet::Subscribe(subscribe(&mut reader, is_v5)?),
        9 => Packet::Suback(suback(&mut reader, is_v5)?),
        10 => Packet::Unsubscribe(unsubscribe(&mut reader, is_v5)?),
        11 => Packet::Unsuback(unsuback(&mut reader, is_v5)?),
        12 => Packet::Pingreq,
        13 => Packet::Pingresp,
        14 => Packet::Disconnect(disconnect(&mut reader, peer, is_v5)?),
        _ => {
            let (reason, properties) = reason_and_properties(&mut reader, Place::Auth)?;
            check_authentication(&properties)?;
            Packet::Auth(Auth { reason, properties })
        }
    };
    reader.finish()?;
    Ok(packet)
}

fn connect(reader: &mut Reader<'_>) -> Result<Connect, Fault> {
    let name = Fault::new(ReasonCode::UnsupportedProtocolVersion, "MQTT-3.1.2-1", "the protocol's name is not MQTT");
    if reader.u16()? != 4 || *reader.take(4)?.to_bytes() != *b"MQTT" {
        return Err(name);
    }
    let version = match reader.u8()? {
        4 => Version::V311,
        5 => Version::V5,
        _ => {
            let rule = "MQTT-3.1.2-2";
            return Err(Fault::new(
                ReasonCode::UnsupportedProtocolVersion,
                rule,
                "the protocol level is neither 4 nor 5",
            ));
        }
    };
    let is_v5 = version == Version::V5;
    let flags = reader.u8()?;
    check_connect_flags(flags, is_v5)?;
    let keep_alive = reader.u16()?;
    let properties = properties(reader, Place::Connect, is_v5)?;
    check_authentication(&properties)?;
    let client_id = Text::read(reader)?;
    let will = if flags & 4 != 0 { Some(will(flags, reader, is_v5)?) } else { None };
    let user_name = if flags & 0x80 != 0 { Some(Text::read(reader)?) } else { None };
    let password = if flags & 0x40 != 0 { Some(Binary::read(reader)?) } else { None };
    Ok(Connect { version, clean_start: flags & 2 != 0, keep_alive, client_id, will, user_name, password, properties })
}

fn check_connect_flags(flags: u8, is_v5: bool) -> Result<(), Fault> {
    if flags & 1 != 0 {
        return Err(Fault::malformed("MQTT-3.1.2-3", "the reserved connect flag is set"));
    }
    match (flags & 4 != 0, flags >> 3 & 3) {
        (true, 3) => return Err(Fault::malformed("MQTT-3.1.2-12", "the QoS of a will is 3")),
        (false, 1..) => return Err(Fault::protocol("MQTT-3.1.2-11", "a QoS stands without a will")),
        (false, 0) if flags & 0x20 != 0 => {
            return Err(Fault::protocol("MQTT-3.1.2-13", "RETAIN of a will stands without a will"));
        }
        _ => {}
    }
    if !is_v5 && flags & 0xc0 == 0x40 {
        return Err(Fault::protocol("3.1.1 MQTT-3.1.2-22", "a password stands without a user name"));
    }
    Ok(())
}

fn will(flags: u8, reader: &mut Reader<'_>, is_v5: bool) -> Result<Will, Fault> {
    let properties = properties(reader, Place::Will, is_v5)?;
    check_response_topic(&properties)?;
    let topic = Text::read(reader)?;
    check_topic(&topic)?;
    let len = u64::from(reader.u16()?);
    let payload = reader.take(len)?;
    // 3 was refused before.
    let qos = QoS::from_bits(flags >> 3 & 3).ok_or(BAD_QOS)?;
    Ok(Will { topic, payload, qos, retain: flags & 0x20 != 0, properties })
}

/// v5 §3.1.2.11.10.
fn check_authentication(properties: &Properties) -> Result<(), Fault> {
    match (properties.authentication_method(), properties.authentication_data()) {
        (None, Some(_)) => Err(Fault::protocol("v5 §3.1.2.11.10", "authentication data stands without its method")),
        _ => Ok(()),
    }
}

fn check_response_topic(properties: &Properties) -> Result<(), Fault> {
    match properties.response_topic() {
        Some(topic) if topic.contains(['+', '#']) => {
            Err(Fault::protocol("MQTT-3.3.2-14", "a response topic has a wildcard"))
        }
        _ => Ok(()),
    }
}

fn connack(reader: &mut Reader<'_>, is_v5: bool) -> Result<Connack, Fault> {
    let flags = reader.u8()?;
    if flags > 1 {
        return Err(Fault::malformed("MQTT-3.2.2-1", "reserved flags of a CONNACK are set"));
    }
    let code = reader.u8()?;
    let reason = match is_v5 {
        true => reason(code, Place::Connack)?,
        false => ReasonCode::from_connect_return_code(code)
            .ok_or(Fault::malformed("3.1.1 §3.2.2.3", "a return code of CONNACK is reserved"))?,
    };
    let session_present = flags == 1;
    if session_present && reason != ReasonCode::Success {
        return Err(Fault::protocol("MQTT-3.2.2-6", "a failure says that there is a session"));
    }
    let properties = properties(reader, Place::Connack, is_v5)?;
    check_authentication(&properties)?;
    Ok(Connack { session_present, reason, properties })
}

fn publish(first: u8, reader: &mut Reader<'_>, peer: Peer, version: Version) -> Result<Publish, Fault> {
    let topic = Text::read(reader)?;
    let dup = first & 8 != 0;
    let delivery = match QoS::from_bits(first >> 1 & 3).ok_or(BAD_QOS)? {
        QoS::AtMostOnce => Delivery::AtMostOnce,
        QoS::AtLeastOnce => Delivery::AtLeastOnce { id: packet_id(reader)?, dup },
        QoS::ExactlyOnce => Delivery::ExactlyOnce { id: packet_id(reader)?, dup },
    };
    let properties = properties(reader, Place::Publish, version == Version::V5)?;
    check_response_topic(&properties)?;
    if peer == Peer::Client && properties.subscription().is_some() {
        return Err(Fault::protocol("MQTT-3.3.4-6", "a client names a subscription"));
    }
    let publish = Publish { delivery, retain: first & 1 != 0, topic, properties, payload: reader.rest()? };
    check_publish(&publish, version)?;
    Ok(publish)
}

fn ack(reader: &mut Reader<'_>, place: Place, is_v5: bool) -> Result<Ack, Fault> {
    let id = packet_id(reader)?;
    match is_v5 {
        true => reason_and_properties(reader, place).map(|(reason, properties)| Ack { id, reason, properties }),
        false => Ok(Ack::new(id)),
    }
}

fn subscribe(reader: &mut Reader<'_>, is_v5: bool) -> Result<Subscribe, Fault> {
    let id = packet_id(reader)?;
    let properties = properties(reader, Place::Subscribe, is_v5)?;
    let mut filters = Vec::new();
    while !reader.is_empty() {
        let filter = filter(reader, is_v5)?;
        let options = options(reader.u8()?, is_v5)?;
        if is_v5 && options.no_local && filter.share().is_some() {
            return Err(Fault::protocol("MQTT-3.8.3-4", "No Local stands with a shared subscription"));
        }
        filters.push((filter, options));
    }
    match filters.is_empty() {
        true => Err(Fault::protocol("MQTT-3.8.3-2", "a SUBSCRIBE has no filters")),
        false => Ok(Subscribe { id, properties, filters }),
    }
}

fn options(byte: u8, is_v5: bool) -> Result<SubscriptionOptions, Fault> {
    if byte & if is_v5 { 0xc0 } else { 0xfc } != 0 {
        return Err(Fault::malformed("MQTT-3.8.3-5", "reserved subscription options are set"));
    }
    // In 3.1.1 it is malformed (MQTT-3-8.3-4).
    let qos = match is_v5 {
        true => Fault::protocol("v5 §3.8.3.1", "the maximum QoS of a subscription is 3"),
        false => Fault::malformed("3.1.1 MQTT-3-8.3-4", "the QoS of a subscription is 3"),
    };
    let handling = Fault::protocol("v5 §3.8.3.1", "the retain handling of a subscription is 3");
    Ok(SubscriptionOptions {
        qos: QoS::from_bits(byte & 3).ok_or(qos)?,
        no_local: byte & 4 != 0,
        retain_as_published: byte & 8 != 0,
        retain_handling: RetainHandling::from_bits(byte >> 4).ok_or(handling)?,
    })
}

fn suback(reader: &mut Reader<'_>, is_v5: bool) -> Result<Suback, Fault> {
    let id = packet_id(reader)?;
    let properties = properties(reader, Place::Suback, is_v5)?;
    let mut reasons = Vec::new();
    while !reader.is_empty() {
        let code = reader.u8()?;
        if !is_v5 && !matches!(code, 0 | 1 | 2 | 0x80) {
            return Err(Fault::malformed("3.1.1 MQTT-3.9.3-2", "a return code of SUBACK is reserved"));
        }
        reasons.push(reason(code, Place::Suback)?);
    }
    Ok(Suback { id, properties, reasons })
}

fn unsubscribe(reader: &mut Reader<'_>, is_v5: bool) -> Result<Unsubscribe, Fault> {
    let id = packet_id(reader)?;
    let properties = properties(reader, Place::Unsubscribe, is_v5)?;
    let mut filters = Vec::new();
    while !reader.is_empty() {
        filters.push(filter(reader, is_v5)?);
    }
    match filters.is_empty() {
        true => Err(Fault::protocol("MQTT-3.10.3-2", "an UNSUBSCRIBE has no filters")),
        false => Ok(Unsubscribe { id, properties, filters }),
    }
}

fn unsuback(reader: &mut Reader<'_>, is_v5: bool) -> Result<Unsuback, Fault> {
    let id = packet_id(reader)?;
    let properties = properties(reader, Place::Unsuback, is_v5)?;
    let mut reasons = Vec::new();
    while is_v5 && !reader.is_empty() {
        reasons.push(reason(reader.u8()?, Place::Unsuback)?);
    }
    Ok(Unsuback { id, properties, reasons })
}

fn disconnect(reader: &mut Reader<'_>, peer: Peer, is_v5: bool) -> Result<Disconnect, Fault> {
    if !is_v5 {
        return Ok(Disconnect::new(ReasonCode::Success));
    }
    let (reason, properties) = reason_and_properties(reader, Place::Disconnect)?;
    if peer == Peer::Server && properties.session_expiry().is_some() {
        return Err(Fault::protocol("MQTT-3.14.2-2", "a server sets the expiry of a session when it disconnects"));
    }
    Ok(Disconnect { reason, properties })
}

fn packet_id(reader: &mut Reader<'_>) -> Result<PacketId, Fault> {
    PacketId::new(reader.u16()?).ok_or(NO_ID)
}

fn filter(reader: &mut Reader<'_>, is_v5: bool) -> Result<TopicFilter, Fault> {
    let filter = TopicFilter::new(Text::read(reader)?)?;
    // 3.1.1 does not know shared subscriptions: there it is a filter like any other, which may be shared nevertheless.
    if is_v5 {
        filter.check_share()?;
    }
    Ok(filter)
}

fn properties(reader: &mut Reader<'_>, place: Place, is_v5: bool) -> Result<Properties, Fault> {
    if is_v5 { Properties::read(reader, place) } else { Ok(Properties::new()) }
}

fn reason(code: u8, place: Place) -> Result<ReasonCode, Fault> {
    let reason = ReasonCode::from_u8(code).ok_or(Fault::malformed("v5 §2.4", "there is no such reason code"))?;
    match reason.is_allowed_in(place) {
        true => Ok(reason),
        false => Err(Fault::protocol("v5 §2.4", "a reason code does not belong into its packet")),
    }
}

/// At the end of a packet, where both may be left out (v5 §3.4.2.1, §3.14.2.1, §3.15.2.1).
fn reason_and_properties(reader: &mut Reader<'_>, place: Place) -> Result<(ReasonCode, Properties), Fault> {
    if reader.is_empty() {
        return Ok((ReasonCode::Success, Properties::new()));
    }
    let reason = reason(reader.u8()?, place)?;
    let properties = if reader.is_empty() { Properties::new() } else { Properties::read(reader, place)? };
    Ok((reason, properties))
}
