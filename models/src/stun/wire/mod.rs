//! Messages and their encoding (RFC 8489 §5, §14).
//!
//! [`Message::parse`] reads bytes in place and checks how they are put together: a message that was parsed can be walked without
//! errors. What attributes mean is read by [`Fields`], the first of each kind, up to the integrity. [`Writer`] writes messages.

mod address;
mod attribute;
mod fields;
pub mod frame;
mod kinds;
mod writer;

pub use attribute::{Attribute, BadValue, RawAttribute, UnknownTypes};
pub use fields::Fields;
pub use kinds::{AttributeType, Class, ErrorCode, Family, MessageType, Method, TransactionId};
pub use writer::{MAX_DATA, Writer};

/// The header \[bytes\].
pub const HEADER_LEN: usize = 20;
/// Tells STUN from what came before and what shares its port (RFC 8489 §5).
pub const MAGIC_COOKIE: u32 = 0x2112_a442;
/// Most attributes of a message that is read (our choice; a message of ICE has about ten).
pub const MAX_ATTRIBUTES: usize = 64;

/// A message whose bytes are where they came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    kind: MessageType,
    transaction: TransactionId,
}

/// Why bytes are no STUN message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Flaw {
    /// Fewer bytes than the header has, or than it says.
    #[error("the message ends before its length is over")]
    TooShort,
    /// More bytes than the header says; over UDP that is an error.
    #[error("there are bytes behind the message")]
    TooLong,
    /// The first two bits are not zero, or the cookie is another one.
    #[error("it is no STUN message")]
    NotStun,
    /// The length is not a multiple of four.
    #[error("the length is not a multiple of four")]
    Unaligned,
    /// An attribute is longer than what is left.
    #[error("an attribute ends behind the message")]
    TruncatedAttribute,
    /// More than [`MAX_ATTRIBUTES`].
    #[error("the message has more than {MAX_ATTRIBUTES} attributes")]
    TooManyAttributes,
    /// FINGERPRINT is not the last attribute (§14.7).
    #[error("FINGERPRINT is not the last attribute")]
    FingerprintNotLast,
}

impl<'a> Message<'a> {
    /// Reads one message, which all of `bytes` are.
    ///
    /// # Errors
    /// When they are no STUN message; nothing answers that (§6.3).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Flaw> {
        let header = bytes.first_chunk::<HEADER_LEN>().ok_or(Flaw::TooShort)?;
        let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let kind = MessageType::from_bits(word(0)).ok_or(Flaw::NotStun)?;
        if header[4..8] != MAGIC_COOKIE.to_be_bytes() {
            return Err(Flaw::NotStun);
        }
        let len = usize::from(word(2));
        if !len.is_multiple_of(4) {
            return Err(Flaw::Unaligned);
        }
        match bytes.len() - HEADER_LEN {
            there if there < len => return Err(Flaw::TooShort),
            there if there > len => return Err(Flaw::TooLong),
            _ => {}
        }
        let mut id = [0; 12];
        id.copy_from_slice(&header[8..]);
        let message = Self { bytes, kind, transaction: TransactionId(id) };
        message.check_attributes()?;
        Ok(message)
    }

    fn check_attributes(&self) -> Result<(), Flaw> {
        let (mut walk, mut count) = (self.walk(), 0);
        for attribute in &mut walk {
            count += 1;
            if count > MAX_ATTRIBUTES {
                return Err(Flaw::TooManyAttributes);
            }
            let end = attribute.offset + 4 + attribute.value.len().next_multiple_of(4);
            if attribute.kind == AttributeType::FINGERPRINT && end != self.bytes.len() {
                return Err(Flaw::FingerprintNotLast);
            }
        }
        if walk.at == self.bytes.len() { Ok(()) } else { Err(Flaw::TruncatedAttribute) }
    }

    /// Its class and method.
    pub fn kind(&self) -> MessageType {
        self.kind
    }

    /// Request, indication, success or error.
    pub fn class(&self) -> Class {
        self.kind.class
    }

    /// What it asks for, or answers.
    pub fn method(&self) -> Method {
        self.kind.method
    }

    /// Ties a response to its request.
    pub fn transaction(&self) -> TransactionId {
        self.transaction
    }

    /// All of it.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// All attributes in order, whatever they are.
    pub fn attributes(&self) -> impl Iterator<Item = RawAttribute<'a>> + use<'a> {
        self.walk()
    }

    /// The first attribute of this kind that counts. Behind MESSAGE-INTEGRITY only MESSAGE-INTEGRITY-SHA256 and FINGERPRINT do,
    /// behind MESSAGE-INTEGRITY-SHA256 only FINGERPRINT (§9).
    pub fn first(&self, kind: AttributeType) -> Option<RawAttribute<'a>> {
        self.counted().find(|attribute| attribute.kind == kind)
    }

    /// The attributes that count; see [`Message::first`].
    pub fn counted(&self) -> impl Iterator<Item = RawAttribute<'a>> + use<'a> {
        // 0: nothing yet; 1: MESSAGE-INTEGRITY; 2: MESSAGE-INTEGRITY-SHA256.
        let mut seen = 0;
        self.walk().filter(move |attribute| {
            let counts = match attribute.kind {
                AttributeType::FINGERPRINT => true,
                AttributeType::MESSAGE_INTEGRITY_SHA256 => seen < 2,
                _ => seen == 0,
            };
            match attribute.kind {
                AttributeType::MESSAGE_INTEGRITY => seen = seen.max(1),
                AttributeType::MESSAGE_INTEGRITY_SHA256 => seen = 2,
                _ => {}
            }
            counts
        })
    }

    fn walk(&self) -> Walk<'a> {
        Walk { bytes: self.bytes, at: HEADER_LEN }
    }
}

/// Goes through attributes and stops before one that does not fit.
#[derive(Debug)]
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Walk<'a> {
    type Item = RawAttribute<'a>;

    fn next(&mut self) -> Option<RawAttribute<'a>> {
        let rest = self.bytes.get(self.at..)?;
        let (head, rest) = rest.split_first_chunk::<4>()?;
        let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let padded = rest.get(..len.next_multiple_of(4))?;
        let kind = AttributeType(u16::from_be_bytes([head[0], head[1]]));
        let attribute = RawAttribute { kind, value: &padded[..len], offset: self.at };
        self.at += 4 + padded.len();
        Some(attribute)
    }
}
