//! Writes messages.

use super::attribute::{Attribute, UnknownTypes};
use super::frame::padding;
use super::kinds::{AttributeType, ErrorCode, MessageType, TransactionId};
use super::{HEADER_LEN, MAGIC_COOKIE};
use crate::rope::Rope;
use crate::stun::integrity::{self, Key};

/// Most data of an indication that still fits a UDP datagram over IPv4 \[bytes\]: 65507 less 48, for the header, a peer's IPv6
/// address and the head of DATA.
pub const MAX_DATA: u64 = 65_507 - 48;

/// A message in the making. Its length field is right after every step.
#[derive(Clone, Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    transaction: TransactionId,
    padding: u8,
}

impl Writer {
    /// A message without attributes.
    pub fn new(kind: MessageType, transaction: TransactionId) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(&kind.bits().to_be_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&MAGIC_COOKIE.to_be_bytes());
        bytes.extend_from_slice(&transaction.0);
        Self { bytes, transaction, padding: 0 }
    }

    /// What pads values from here on; any byte may (RFC 8489 §14), the usual one is zero.
    #[must_use]
    pub fn padding(mut self, padding: u8) -> Self {
        self.padding = padding;
        self
    }

    /// Adds an attribute. Those of a key and the fingerprint have calls of their own, which compute them.
    ///
    /// # Panics
    /// When the message would be longer than its length field can say: its parts are the caller's, and known to be short.
    #[must_use]
    pub fn with(mut self, attribute: Attribute<'_>) -> Self {
        self.push(attribute);
        self
    }

    /// [`Writer::with`] for one that may be there.
    #[must_use]
    pub fn with_if(self, attribute: Option<Attribute<'_>>) -> Self {
        match attribute {
            Some(attribute) => self.with(attribute),
            None => self,
        }
    }

    /// Adds ERROR-CODE with the usual phrase.
    #[must_use]
    pub fn error(self, code: ErrorCode) -> Self {
        self.with(Attribute::Error(code, code.reason()))
    }

    /// Adds UNKNOWN-ATTRIBUTES.
    #[must_use]
    pub fn unknown(self, types: &[AttributeType]) -> Self {
        let bytes: Vec<u8> = types.iter().flat_map(|kind| kind.0.to_be_bytes()).collect();
        self.with(Attribute::UnknownAttributes(UnknownTypes(&bytes)))
    }

    /// Adds MESSAGE-INTEGRITY (§14.5).
    #[must_use]
    pub fn integrity(mut self, key: &Key) -> Self {
        let mac = integrity::sha1(&self.bytes, self.bytes.len(), key);
        self.push(Attribute::MessageIntegrity(mac));
        self
    }

    /// Adds MESSAGE-INTEGRITY-SHA256 (§14.6) of `len` bytes: 32, or less where the usage lets it be cut, in steps of four down to 16.
    #[must_use]
    pub fn integrity_sha256(mut self, key: &Key, len: usize) -> Self {
        let len = len.clamp(16, 32) / 4 * 4;
        let mac = integrity::sha256(&self.bytes, self.bytes.len(), len, key);
        self.push(Attribute::MessageIntegritySha256(&mac[..len]));
        self
    }

    /// Adds FINGERPRINT (§14.7), the last attribute.
    #[must_use]
    pub fn fingerprint(mut self) -> Self {
        let fingerprint = integrity::fingerprint(&self.bytes, self.bytes.len());
        self.push(Attribute::Fingerprint(fingerprint));
        self
    }

    /// The message with DATA behind the rest: bulk data stay virtual.
    ///
    /// # Panics
    /// As [`Writer::with`]: data are those of one datagram, and [`MAX_DATA`] at most.
    pub fn finish_with_data(mut self, data: &Rope) -> Rope {
        let len = u16::try_from(data.len()).expect("data of one datagram");
        self.bytes.extend_from_slice(&AttributeType::DATA.0.to_be_bytes());
        self.bytes.extend_from_slice(&len.to_be_bytes());
        let whole = (self.bytes.len() - HEADER_LEN) as u64 + data.len().next_multiple_of(4);
        let whole = u16::try_from(whole).expect("a message fits its length field");
        self.bytes[2..4].copy_from_slice(&whole.to_be_bytes());
        let mut out = Rope::from(self.bytes);
        out.append(data);
        out.append(&padding(data.len()));
        out
    }

    /// The message.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn push(&mut self, attribute: Attribute<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&attribute.kind().0.to_be_bytes());
        self.bytes.extend_from_slice(&[0, 0]);
        attribute.write_value(self.transaction, &mut self.bytes);
        let len = u16::try_from(self.bytes.len() - start - 4).expect("a value fits its length field");
        self.bytes[start + 2..start + 4].copy_from_slice(&len.to_be_bytes());
        self.bytes.resize(self.bytes.len().next_multiple_of(4), self.padding);
        let len = u16::try_from(self.bytes.len() - HEADER_LEN).expect("a message fits its length field");
        self.bytes[2..4].copy_from_slice(&len.to_be_bytes());
    }
}
