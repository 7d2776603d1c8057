//! Attributes: as they lie in a message, and what they say.

use super::address;
use super::kinds::{AttributeType, ErrorCode, Family, TransactionId};
use std::net::SocketAddr;

/// An attribute as it lies in its message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawAttribute<'a> {
    /// Its type.
    pub kind: AttributeType,
    /// Its value, without padding.
    pub value: &'a [u8],
    /// Where its type stands in the message; its value is 4 bytes behind.
    pub offset: usize,
}

/// The value is none that its type can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the value is none that the attribute can have")]
pub struct BadValue;

/// What an attribute says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attribute<'a> {
    /// The source of the request, as it is.
    MappedAddress(SocketAddr),
    /// The source of the request.
    XorMappedAddress(SocketAddr),
    /// A peer's address.
    XorPeerAddress(SocketAddr),
    /// The relayed address.
    XorRelayedAddress(SocketAddr),
    /// Another server.
    AlternateServer(SocketAddr),
    /// Where the response is from (RFC 5780).
    ResponseOrigin(SocketAddr),
    /// Where a response would be from whose address and port were changed (RFC 5780).
    OtherAddress(SocketAddr),
    /// From where a response is wanted (RFC 5780).
    ChangeRequest {
        /// From the other address.
        ip: bool,
        /// From the other port.
        port: bool,
    },
    /// Who asks.
    Username(&'a str),
    /// Who asks, without saying it.
    UserHash([u8; 32]),
    /// Whose users.
    Realm(&'a str),
    /// The server's proof that the request is no replay.
    Nonce(&'a [u8]),
    /// The one way to make a key that is used.
    PasswordAlgorithm(u16),
    /// The ways that the server knows, as they are written.
    PasswordAlgorithms(&'a [u8]),
    /// HMAC-SHA1.
    MessageIntegrity([u8; 20]),
    /// HMAC-SHA256, whole or its first bytes.
    MessageIntegritySha256(&'a [u8]),
    /// CRC-32 of all that is before it.
    Fingerprint(u32),
    /// Why not.
    Error(ErrorCode, &'a str),
    /// What was not understood.
    UnknownAttributes(UnknownTypes<'a>),
    /// Whose program it is.
    Software(&'a str),
    /// Of a candidate that is peer-reflexive (RFC 8445).
    Priority(u32),
    /// The controlling agent nominates this pair.
    UseCandidate,
    /// The tie-breaker of an agent that takes itself for the controlled one.
    IceControlled(u64),
    /// And for the controlling one.
    IceControlling(u64),
    /// A channel (RFC 8656).
    ChannelNumber(u16),
    /// Of an allocation \[seconds\].
    Lifetime(u32),
    /// What goes to, or comes from, a peer.
    Data(&'a [u8]),
    /// The relayed port shall be even, and with `true` the next one be kept.
    EvenPort(bool),
    /// The protocol between server and peer: 17 for UDP.
    RequestedTransport(u8),
    /// The server shall set DF.
    DontFragment,
    /// A port that was kept.
    ReservationToken([u8; 8]),
    /// The family of the relayed address.
    RequestedAddressFamily(Family),
    /// The port that the response shall go to, in place of the request's (RFC 5780).
    ResponsePort(u16),
    /// One that is not known here.
    Other(AttributeType, &'a [u8]),
}

/// The list of UNKNOWN-ATTRIBUTES, where it lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownTypes<'a>(pub &'a [u8]);

impl UnknownTypes<'_> {
    /// The types.
    pub fn iter(&self) -> impl Iterator<Item = AttributeType> + '_ {
        self.0.as_chunks::<2>().0.iter().map(|pair| AttributeType(u16::from_be_bytes(*pair)))
    }
}

/// Longest text of REALM, NONCE and SOFTWARE (RFC 8489 §14.9, §14.10, §14.14).
const MAX_TEXT: usize = 763;
/// Longest USERNAME (§14.3): fewer than 509 bytes.
const MAX_USERNAME: usize = 508;

impl<'a> RawAttribute<'a> {
    /// What it says, in a message of this transaction.
    ///
    /// # Errors
    /// When its value is none that its type can have.
    pub fn read(&self, transaction: TransactionId) -> Result<Attribute<'a>, BadValue> {
        use AttributeType as T;
        let plain = |make: fn(SocketAddr) -> Attribute<'a>| address::read(self.value).map(make);
        let hidden = |make: fn(SocketAddr) -> Attribute<'a>| {
            address::read(self.value).map(|address| make(address::masked(address, transaction)))
        };
        Ok(match self.kind {
            T::MAPPED_ADDRESS => plain(Attribute::MappedAddress)?,
            T::XOR_MAPPED_ADDRESS => hidden(Attribute::XorMappedAddress)?,
            T::XOR_PEER_ADDRESS => hidden(Attribute::XorPeerAddress)?,
            T::XOR_RELAYED_ADDRESS => hidden(Attribute::XorRelayedAddress)?,
            T::ALTERNATE_SERVER => plain(Attribute::AlternateServer)?,
            T::RESPONSE_ORIGIN => plain(Attribute::ResponseOrigin)?,
            T::OTHER_ADDRESS => plain(Attribute::OtherAddress)?,
            T::USERNAME => Attribute::Username(self.text(MAX_USERNAME)?),
            T::REALM => Attribute::Realm(self.text(MAX_TEXT)?),
            T::SOFTWARE => Attribute::Software(self.text(MAX_TEXT)?),
            T::NONCE if self.value.len() <= MAX_TEXT => Attribute::Nonce(self.value),
            T::NONCE => return Err(BadValue),
            T::USERHASH => Attribute::UserHash(self.exactly()?),
            T::MESSAGE_INTEGRITY => Attribute::MessageIntegrity(self.exactly()?),
            T::MESSAGE_INTEGRITY_SHA256 => match self.value.len() {
                16 | 20 | 24 | 28 | 32 => Attribute::MessageIntegritySha256(self.value),
                _ => return Err(BadValue),
            },
            T::FINGERPRINT => Attribute::Fingerprint(self.number()?),
            T::ERROR_CODE => self.error()?,
            T::UNKNOWN_ATTRIBUTES if self.value.len().is_multiple_of(2) => {
                Attribute::UnknownAttributes(UnknownTypes(self.value))
            }
            T::UNKNOWN_ATTRIBUTES => return Err(BadValue),
            T::DATA => Attribute::Data(self.value),
            T::PASSWORD_ALGORITHMS => Attribute::PasswordAlgorithms(self.value),
            // An algorithm, the length of its parameters, and those: the known ones have none (§18.5).
            T::PASSWORD_ALGORITHM => match self.value {
                [high, low, _, _, ..] => Attribute::PasswordAlgorithm(u16::from_be_bytes([*high, *low])),
                _ => return Err(BadValue),
            },
            _ => self.small()?,
        })
    }

    /// Those whose value is a few bits.
    fn small(&self) -> Result<Attribute<'a>, BadValue> {
        use AttributeType as T;
        Ok(match self.kind {
            T::CHANGE_REQUEST => {
                let flags = self.number()?;
                Attribute::ChangeRequest { ip: flags & 4 != 0, port: flags & 2 != 0 }
            }
            T::PRIORITY => Attribute::Priority(self.number()?),
            T::USE_CANDIDATE => self.empty(Attribute::UseCandidate)?,
            T::ICE_CONTROLLED => Attribute::IceControlled(u64::from_be_bytes(self.exactly()?)),
            T::ICE_CONTROLLING => Attribute::IceControlling(u64::from_be_bytes(self.exactly()?)),
            T::CHANNEL_NUMBER => Attribute::ChannelNumber((self.number()? >> 16) as u16),
            T::LIFETIME => Attribute::Lifetime(self.number()?),
            T::EVEN_PORT => Attribute::EvenPort(self.exactly::<1>()?[0] & 0x80 != 0),
            T::REQUESTED_TRANSPORT => Attribute::RequestedTransport((self.number()? >> 24) as u8),
            T::DONT_FRAGMENT => self.empty(Attribute::DontFragment)?,
            T::RESERVATION_TOKEN => Attribute::ReservationToken(self.exactly()?),
            // RFC 5780 §7.5: the port and two bytes of padding, which is counted or not.
            T::RESPONSE_PORT => match self.value {
                [high, low] | [high, low, _, _] => Attribute::ResponsePort(u16::from_be_bytes([*high, *low])),
                _ => return Err(BadValue),
            },
            T::REQUESTED_ADDRESS_FAMILY => Attribute::RequestedAddressFamily(Family((self.number()? >> 24) as u8)),
            other => Attribute::Other(other, self.value),
        })
    }

    fn exactly<const N: usize>(&self) -> Result<[u8; N], BadValue> {
        self.value.try_into().map_err(|_| BadValue)
    }

    fn number(&self) -> Result<u32, BadValue> {
        self.exactly().map(u32::from_be_bytes)
    }

    fn empty(&self, attribute: Attribute<'a>) -> Result<Attribute<'a>, BadValue> {
        if self.value.is_empty() { Ok(attribute) } else { Err(BadValue) }
    }

    fn text(&self, most: usize) -> Result<&'a str, BadValue> {
        let text = std::str::from_utf8(self.value).map_err(|_| BadValue)?;
        if text.len() <= most { Ok(text) } else { Err(BadValue) }
    }

    /// 21 bits that are not looked at, three bits of hundreds, and the rest of the number in eight (§14.8).
    fn error(&self) -> Result<Attribute<'a>, BadValue> {
        let (head, reason) = self.value.split_first_chunk::<4>().ok_or(BadValue)?;
        let (class, number) = (u16::from(head[2] & 7), u16::from(head[3]));
        if !(3..=6).contains(&class) || number > 99 || reason.len() > MAX_TEXT {
            return Err(BadValue);
        }
        let reason = std::str::from_utf8(reason).map_err(|_| BadValue)?;
        Ok(Attribute::Error(ErrorCode(100 * class + number), reason))
    }
}

impl Attribute<'_> {
    /// Its type.
    pub fn kind(&self) -> AttributeType {
        use AttributeType as T;
        match self {
            Self::MappedAddress(_) => T::MAPPED_ADDRESS,
            Self::XorMappedAddress(_) => T::XOR_MAPPED_ADDRESS,
            Self::XorPeerAddress(_) => T::XOR_PEER_ADDRESS,
            Self::XorRelayedAddress(_) => T::XOR_RELAYED_ADDRESS,
            Self::AlternateServer(_) => T::ALTERNATE_SERVER,
            Self::ResponseOrigin(_) => T::RESPONSE_ORIGIN,
            Self::OtherAddress(_) => T::OTHER_ADDRESS,
            Self::ChangeRequest { .. } => T::CHANGE_REQUEST,
            Self::Username(_) => T::USERNAME,
            Self::UserHash(_) => T::USERHASH,
            Self::Realm(_) => T::REALM,
            Self::Nonce(_) => T::NONCE,
            Self::PasswordAlgorithm(_) => T::PASSWORD_ALGORITHM,
            Self::PasswordAlgorithms(_) => T::PASSWORD_ALGORITHMS,
            Self::MessageIntegrity(_) => T::MESSAGE_INTEGRITY,
            Self::MessageIntegritySha256(_) => T::MESSAGE_INTEGRITY_SHA256,
            Self::Fingerprint(_) => T::FINGERPRINT,
            Self::Error(..) => T::ERROR_CODE,
            Self::UnknownAttributes(_) => T::UNKNOWN_ATTRIBUTES,
            Self::Software(_) => T::SOFTWARE,
            Self::Priority(_) => T::PRIORITY,
            Self::UseCandidate => T::USE_CANDIDATE,
            Self::IceControlled(_) => T::ICE_CONTROLLED,
            Self::IceControlling(_) => T::ICE_CONTROLLING,
            Self::ChannelNumber(_) => T::CHANNEL_NUMBER,
            Self::Lifetime(_) => T::LIFETIME,
            Self::Data(_) => T::DATA,
            Self::EvenPort(_) => T::EVEN_PORT,
            Self::RequestedTransport(_) => T::REQUESTED_TRANSPORT,
            Self::DontFragment => T::DONT_FRAGMENT,
            Self::ReservationToken(_) => T::RESERVATION_TOKEN,
            Self::RequestedAddressFamily(_) => T::REQUESTED_ADDRESS_FAMILY,
            Self::ResponsePort(_) => T::RESPONSE_PORT,
            Self::Other(kind, _) => *kind,
        }
    }

    /// Writes its value, without padding.
    pub(super) fn write_value(&self, transaction: TransactionId, out: &mut Vec<u8>) {
        match *self {
            Self::MappedAddress(to) | Self::AlternateServer(to) | Self::ResponseOrigin(to) | Self::OtherAddress(to) => {
                address::write(to, out);
            }
            Self::XorMappedAddress(to) | Self::XorPeerAddress(to) | Self::XorRelayedAddress(to) => {
                address::write(address::masked(to, transaction), out);
            }
            Self::ChangeRequest { ip, port } => {
                out.extend_from_slice(&[0, 0, 0, u8::from(ip) << 2 | u8::from(port) << 1])
            }
            Self::Username(text) | Self::Realm(text) | Self::Software(text) => out.extend_from_slice(text.as_bytes()),
            Self::UserHash(hash) => out.extend_from_slice(&hash),
            Self::PasswordAlgorithm(algorithm) => {
                out.extend_from_slice(&algorithm.to_be_bytes());
                out.extend_from_slice(&[0, 0]);
            }
            Self::MessageIntegrity(mac) => out.extend_from_slice(&mac),
            Self::Error(ErrorCode(code), reason) => {
                // Below 700.
                out.extend_from_slice(&[0, 0, (code / 100) as u8, (code % 100) as u8]);
                out.extend_from_slice(reason.as_bytes());
            }
            Self::UnknownAttributes(UnknownTypes(bytes)) => out.extend_from_slice(bytes),
            Self::Fingerprint(number) | Self::Priority(number) | Self::Lifetime(number) => {
                out.extend_from_slice(&number.to_be_bytes());
            }
            Self::UseCandidate | Self::DontFragment => {}
            Self::IceControlled(tie) | Self::IceControlling(tie) => out.extend_from_slice(&tie.to_be_bytes()),
            Self::ChannelNumber(number) => out.extend_from_slice(&(u32::from(number) << 16).to_be_bytes()),
            Self::ResponsePort(port) => out.extend_from_slice(&port.to_be_bytes()),
            Self::EvenPort(reserve) => out.push(u8::from(reserve) << 7),
            Self::RequestedTransport(number) | Self::RequestedAddressFamily(Family(number)) => {
                out.extend_from_slice(&[number, 0, 0, 0]);
            }
            Self::ReservationToken(token) => out.extend_from_slice(&token),
            Self::Nonce(bytes) | Self::PasswordAlgorithms(bytes) | Self::MessageIntegritySha256(bytes) => {
                out.extend_from_slice(bytes);
            }
            Self::Data(bytes) | Self::Other(_, bytes) => out.extend_from_slice(bytes),
        }
    }
}
