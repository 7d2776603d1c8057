//! Properties of 5.0 (§2.2.2): their identifiers, types, and the packets in which they stand.

use super::read::Reader;
use super::text::{Binary, MAX_VARINT, Text, put_varint, varint_len};
use super::{Fault, Place, QoS};
use Place::{
    Auth, Connack, Connect, Disconnect, Puback, Pubcomp, Publish, Pubrec, Pubrel, Suback, Subscribe, Unsuback,
    Unsubscribe, Will,
};
use std::num::{NonZeroU16, NonZeroU32};

/// The value of a property.
trait Value: Sized {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault>;
    fn put(&self, out: &mut Vec<u8>);
    /// Its length \[bytes\].
    fn wire_len(&self) -> u64;
}

/// A number of a subscription, 1 to 268,435,455 (v5 §3.8.2.1.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SubscriptionId(NonZeroU32);

/// A topic alias, from 1 on (v5 §3.3.2.3.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TopicAlias(NonZeroU16);

/// Makes the enumeration, its encoding, the table of packets, and what finds one in a list.
macro_rules! properties {
    ($($(#[$doc:meta])+ $name:ident / $getter:ident ($type:ty) = $id:literal in [$($place:ident)+];)+) => {
        /// One property (the table of v5 §2.2.2.2).
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub enum Property {
            $($(#[$doc])+ $name($type),)+
        }

        impl Property {
            /// All identifiers.
            pub const IDENTIFIERS: &[u8] = &[$($id),+];

            /// Its identifier.
            pub const fn identifier(&self) -> u8 {
                match self {
                    $(Self::$name(_) => $id,)+
                }
            }

            /// Whether the property with this identifier may stand there.
            pub const fn is_allowed_in(identifier: u8, place: Place) -> bool {
                let places = match identifier {
                    $($id => $($place.bit())|+,)+
                    _ => 0,
                };
                places & place.bit() != 0
            }

            fn read_value(identifier: u8, reader: &mut Reader<'_>) -> Result<Self, Fault> {
                match identifier {
                    $($id => <$type as Value>::read(reader).map(Self::$name),)+
                    _ => Err(NOT_HERE),
                }
            }

            fn put_value(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$name(value) => Value::put(value, out),)+
                }
            }

            /// Its length with its identifier \[bytes\].
            pub(super) fn wire_len(&self) -> u64 {
                1 + match self {
                    $(Self::$name(value) => Value::wire_len(value),)+
                }
            }
        }

        impl Properties {
            $($(#[$doc])+ pub fn $getter(&self) -> Option<&$type> {
                self.0.iter().find_map(|property| match property {
                    Property::$name(value) => Some(value),
                    _ => None,
                })
            })+
        }
    };
}

properties! {
    /// Whether the payload is UTF-8.
    PayloadFormat/payload_format(bool) = 0x01 in [Publish Will];
    /// How long the message is of use \[s\].
    MessageExpiry/message_expiry(u32) = 0x02 in [Publish Will];
    /// What the payload is.
    ContentType/content_type(Text) = 0x03 in [Publish Will];
    /// The topic for a response.
    ResponseTopic/response_topic(Text) = 0x08 in [Publish Will];
    /// What ties a response to its request.
    CorrelationData/correlation_data(Binary) = 0x09 in [Publish Will];
    /// The number of a subscription. In a PUBLISH there may be several: see [`Properties::iter`].
    Subscription/subscription(SubscriptionId) = 0x0b in [Publish Subscribe];
    /// How long the session outlives the connection \[s\]; `u32::MAX` is for good.
    SessionExpiry/session_expiry(u32) = 0x11 in [Connect Connack Disconnect];
    /// The client identifier that the server has chosen.
    AssignedClientIdentifier/assigned_client_identifier(Text) = 0x12 in [Connack];
    /// The keep alive that the server has chosen \[s\].
    ServerKeepAlive/server_keep_alive(u16) = 0x13 in [Connack];
    /// The method of authentication.
    AuthenticationMethod/authentication_method(Text) = 0x15 in [Connect Connack Auth];
    /// Data of that method.
    AuthenticationData/authentication_data(Binary) = 0x16 in [Connect Connack Auth];
    /// Whether reason strings and user properties are wanted with failures.
    RequestProblemInformation/request_problem_information(bool) = 0x17 in [Connect];
    /// How long the will waits \[s\].
    WillDelay/will_delay(u32) = 0x18 in [Will];
    /// Whether response information is wanted.
    RequestResponseInformation/request_response_information(bool) = 0x19 in [Connect];
    /// Where topics for responses may lie.
    ResponseInformation/response_information(Text) = 0x1a in [Connack];
    /// Another server.
    ServerReference/server_reference(Text) = 0x1c in [Connack Disconnect];
    /// What is the matter, for people.
    ReasonString/reason_string(Text) = 0x1f in [Connack Puback Pubrec Pubrel Pubcomp Suback Unsuback Disconnect Auth];
    /// How many messages of QoS 1 and 2 may be without an answer.
    ReceiveMaximum/receive_maximum(NonZeroU16) = 0x21 in [Connect Connack];
    /// The largest topic alias that is taken.
    TopicAliasMaximum/topic_alias_maximum(u16) = 0x22 in [Connect Connack];
    /// A number in place of a topic.
    Alias/topic_alias(TopicAlias) = 0x23 in [Publish];
    /// The highest QoS, 0 or 1; absent for 2.
    MaximumQos/maximum_qos(QoS) = 0x24 in [Connack];
    /// Whether messages can be retained.
    RetainAvailable/retain_available(bool) = 0x25 in [Connack];
    /// A name and a value of the application's. There may be several, in order: see [`Properties::iter`].
    User/user((Text, Text)) = 0x26 in [Connect Connack Publish Will Puback Pubrec Pubrel Pubcomp Subscribe Suback Unsubscribe Unsuback Disconnect Auth];
    /// The largest packet that is taken \[bytes\].
    MaximumPacketSize/maximum_packet_size(NonZeroU32) = 0x27 in [Connect Connack];
    /// Whether filters may have wildcards.
    WildcardAvailable/wildcard_available(bool) = 0x28 in [Connack];
    /// Whether subscriptions may have numbers.
    SubscriptionIdsAvailable/subscription_ids_available(bool) = 0x29 in [Connack];
    /// Whether subscriptions may be shared.
    SharedAvailable/shared_available(bool) = 0x2a in [Connack];
}

/// v5 §2.2.2.2 has it as a malformed packet, identifiers that are not known as well.
const NOT_HERE: Fault = Fault::malformed("v5 §2.2.2.2", "a property does not belong into its packet");
/// Each property's own section has it so.
const TWICE: Fault = Fault::protocol("v5 §2.2.2.2", "a property stands twice");
const NO_MAXIMUM: Fault = Fault::protocol("v5 §3.2.2.3.4", "a maximum QoS is neither 0 nor 1");
const SUBSCRIPTION: u8 = 0x0b;
const USER: u8 = 0x26;

/// The properties of a packet, in the order in which they stand.
///
/// Their order says nothing, but for that of user properties (\[MQTT-3.3.2-18\]); it is kept, so that what was read is written the same. 24 bytes
/// where there are none.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Properties(Vec<Property>);

impl Properties {
    /// None.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// These and one more behind them. Whether it may stand there is asked when a packet is written.
    #[must_use]
    pub fn with(mut self, property: Property) -> Self {
        self.0.push(property);
        self
    }

    /// Adds one behind the others.
    pub fn push(&mut self, property: Property) {
        self.0.push(property);
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Property> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps those for which `keep` says so.
    pub fn retain(&mut self, keep: impl FnMut(&Property) -> bool) {
        self.0.retain(keep);
    }

    /// The numbers of subscriptions, in order.
    pub fn subscriptions(&self) -> impl Iterator<Item = SubscriptionId> {
        self.0.iter().filter_map(|property| match property {
            Property::Subscription(id) => Some(*id),
            _ => None,
        })
    }

    /// Reads them with their length.
    ///
    /// # Errors
    /// When they do not end where they should, when one does not belong there, or stands twice.
    pub(super) fn read(reader: &mut Reader<'_>, place: Place) -> Result<Self, Fault> {
        let len = u64::from(reader.varint()?);
        let (mut part, mut seen, mut list) = (reader.part(len)?, Seen::default(), Vec::new());
        while !part.is_empty() {
            // Every identifier is below 0x80 and has one byte; a longer one is none that is known.
            let identifier = u8::try_from(part.varint()?).map_err(|_| NOT_HERE)?;
            seen.add(identifier, place)?;
            list.push(Property::read_value(identifier, &mut part)?);
        }
        Ok(Self(list))
    }

    /// # Errors
    /// When one does not belong there or stands twice.
    pub(super) fn check(&self, place: Place) -> Result<(), Fault> {
        let mut seen = Seen::default();
        self.0.iter().try_for_each(|property| match property {
            // It is said by leaving the property out.
            Property::MaximumQos(QoS::ExactlyOnce) => Err(NO_MAXIMUM),
            _ => seen.add(property.identifier(), place),
        })
    }

    /// Their length without that of the length \[bytes\].
    fn content_len(&self) -> u64 {
        self.0.iter().map(Property::wire_len).sum()
    }

    /// Their length with their length \[bytes\].
    pub(super) fn wire_len(&self) -> u64 {
        let len = self.content_len();
        // Beyond what can be written the packet is refused.
        varint_len(len.min(u64::from(MAX_VARINT)) as u32) + len
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        // A packet holds them, so that it is below.
        put_varint(self.content_len().min(u64::from(MAX_VARINT)) as u32, out);
        for property in &self.0 {
            out.push(property.identifier());
            property.put_value(out);
        }
    }
}

impl FromIterator<Property> for Properties {
    fn from_iter<I: IntoIterator<Item = Property>>(properties: I) -> Self {
        Self(properties.into_iter().collect())
    }
}

/// Which identifiers were there.
#[derive(Default)]
struct Seen(u64);

impl Seen {
    fn add(&mut self, identifier: u8, place: Place) -> Result<(), Fault> {
        if !Property::is_allowed_in(identifier, place) {
            return Err(NOT_HERE);
        }
        // User properties may be repeated everywhere, numbers of subscriptions in a PUBLISH (v5 §3.3.2.3.8, §3.8.2.1.2).
        let may_repeat = identifier == USER || (identifier == SUBSCRIPTION && place == Publish);
        // Known identifiers are below 64.
        let bit = 1 << identifier;
        if self.0 & bit != 0 && !may_repeat {
            return Err(TWICE);
        }
        self.0 |= bit;
        Ok(())
    }
}

impl SubscriptionId {
    /// The one with this number; `None` for 0 and above 268,435,455.
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).filter(|number| number.get() <= MAX_VARINT).map(Self)
    }

    /// Its number.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl TopicAlias {
    /// The one with this number; `None` for 0.
    pub fn new(number: u16) -> Option<Self> {
        NonZeroU16::new(number).map(Self)
    }

    /// Its number.
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl Value for bool {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        match reader.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            // Each of them says so in its section, as §3.1.2.11.6 does; the payload format has no other values either.
            _ => Err(Fault::protocol("v5 §2.2.2.2", "a property is neither 0 nor 1")),
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn wire_len(&self) -> u64 {
        1
    }
}

impl Value for QoS {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        match reader.u8()? {
            0 => Ok(Self::AtMostOnce),
            1 => Ok(Self::AtLeastOnce),
            _ => Err(NO_MAXIMUM),
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.bits());
    }

    fn wire_len(&self) -> u64 {
        1
    }
}

impl Value for u16 {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.u16()
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }

    fn wire_len(&self) -> u64 {
        2
    }
}

impl Value for u32 {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        reader.u32()
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }

    fn wire_len(&self) -> u64 {
        4
    }
}

impl Value for NonZeroU16 {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Self::new(reader.u16()?).ok_or(Fault::protocol("v5 §3.1.2.11.3", "a receive maximum is 0"))
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.get().put(out);
    }

    fn wire_len(&self) -> u64 {
        2
    }
}

impl Value for NonZeroU32 {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Self::new(reader.u32()?).ok_or(Fault::protocol("v5 §3.1.2.11.4", "a maximum packet size is 0"))
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.get().put(out);
    }

    fn wire_len(&self) -> u64 {
        4
    }
}

impl Value for TopicAlias {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Self::new(reader.u16()?).ok_or(Fault::new(
            super::ReasonCode::TopicAliasInvalid,
            "MQTT-3.3.2-8",
            "a topic alias is 0",
        ))
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.get().put(out);
    }

    fn wire_len(&self) -> u64 {
        2
    }
}

impl Value for SubscriptionId {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Self::new(reader.varint()?).ok_or(Fault::protocol("v5 §3.8.2.1.2", "the number of a subscription is 0"))
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_varint(self.get(), out);
    }

    fn wire_len(&self) -> u64 {
        varint_len(self.get())
    }
}

impl Value for Text {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Self::read(reader)
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.put(out);
    }

    fn wire_len(&self) -> u64 {
        self.wire_len()
    }
}

impl Value for Binary {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Self::read(reader)
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.put(out);
    }

    fn wire_len(&self) -> u64 {
        self.wire_len()
    }
}

impl Value for (Text, Text) {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        Ok((Text::read(reader)?, Text::read(reader)?))
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn wire_len(&self) -> u64 {
        self.0.wire_len() + self.1.wire_len()
    }
}
