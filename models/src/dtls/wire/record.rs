//! Records and their headers, several to a datagram (RFC 6347 §4.1, RFC 9146 §4, RFC 9147 §4).

use crate::dtls::codes::{ACK, TLS12_CID};
use crate::rope::Rope;
use crate::tls::codes::{ContentType, Version};
use bytes::Bytes;

/// Length of the header of a record of DTLS 1.2, and of one without protection of DTLS 1.3 \[bytes\].
pub const HEADER_BYTES: usize = 13;
/// The greatest number of a record in its epoch (RFC 6347 §4.1: 48 bits).
pub const MAX_SEQUENCE: u64 = (1 << 48) - 1;
/// The longest connection id \[bytes\]: its length has one byte in the extension.
pub const MAX_CID: usize = 255;
/// The longest header \[bytes\].
const MOST_HEADER: u64 = (HEADER_BYTES + MAX_CID) as u64;

/// The first three bits of the unified header (RFC 9147 §4).
const UNIFIED: u8 = 0b0010_0000;
const UNIFIED_MASK: u8 = 0b1110_0000;
/// A connection id is there; the sequence number has 16 bits; a length is there.
const HAS_CID: u8 = 0x10;
const LONG_SEQUENCE: u8 = 0x08;
const HAS_LENGTH: u8 = 0x04;
const EPOCH_BITS: u8 = 0x03;

/// A record as it came, protected or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Its header.
    pub header: Header,
    /// What follows.
    pub fragment: Rope,
}

/// The header of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Header {
    /// With all fields: DTLS 1.2, and what is not protected of DTLS 1.3.
    Full(FullHeader),
    /// Of a protected record of DTLS 1.3.
    Unified(UnifiedHeader),
}

/// A header with all fields (RFC 6347 §4.1, RFC 9146 §4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FullHeader {
    /// What the record carries, or [`TLS12_CID`].
    pub content_type: ContentType,
    /// The version.
    pub version: Version,
    /// Which keys.
    pub epoch: u16,
    /// Its number in this epoch, of 48 bits.
    pub sequence: u64,
    /// The connection id, which records of type [`TLS12_CID`] have.
    pub cid: Bytes,
}

/// The unified header (RFC 9147 §4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnifiedHeader {
    /// The connection id; `None` if there is none.
    pub cid: Option<Bytes>,
    /// The two low bits of the epoch.
    pub epoch_bits: u8,
    /// The low bits of the number, encrypted on the wire.
    pub sequence: u16,
    /// The number has 16 bits, not 8.
    pub is_long: bool,
    /// There is a length: other records may follow.
    pub has_length: bool,
}

impl FullHeader {
    /// Its bytes, for a fragment of `len` bytes.
    pub fn encode(&self, len: u16) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES + self.cid.len());
        out.push(self.content_type.0);
        out.extend_from_slice(&self.version.0.to_be_bytes());
        out.extend_from_slice(&number(self.epoch, self.sequence));
        out.extend_from_slice(&self.cid);
        out.extend_from_slice(&len.to_be_bytes());
        out
    }
}

/// Epoch and sequence number as one number of 64 bits, as headers and nonces of DTLS 1.2 have it.
pub fn number(epoch: u16, sequence: u64) -> [u8; 8] {
    (u64::from(epoch) << 48 | sequence & MAX_SEQUENCE).to_be_bytes()
}

impl UnifiedHeader {
    /// Its length \[bytes\].
    pub fn wire_len(&self) -> usize {
        1 + self.cid.as_ref().map_or(0, Bytes::len) + self.sequence_len() + if self.has_length { 2 } else { 0 }
    }

    /// Where the sequence number stands.
    pub fn sequence_at(&self) -> usize {
        1 + self.cid.as_ref().map_or(0, Bytes::len)
    }

    /// How many bytes the sequence number has.
    pub const fn sequence_len(&self) -> usize {
        if self.is_long { 2 } else { 1 }
    }

    /// Its bytes, for a fragment of `len` bytes.
    pub fn encode(&self, len: u16) -> Vec<u8> {
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let mut out = Vec::with_capacity(self.wire_len());
        out.push(
            UNIFIED
                | flag(self.cid.is_some(), HAS_CID)
                | flag(self.is_long, LONG_SEQUENCE)
                | flag(self.has_length, HAS_LENGTH)
                | self.epoch_bits & EPOCH_BITS,
        );
        out.extend_from_slice(self.cid.as_deref().unwrap_or_default());
        out.extend_from_slice(&self.sequence.to_be_bytes()[2 - self.sequence_len()..]);
        if self.has_length {
            out.extend_from_slice(&len.to_be_bytes());
        }
        out
    }
}

/// Finds the records in a datagram.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    datagram: &'a Rope,
    at: u64,
    /// Length of the connection ids that this end has given out.
    cid_len: usize,
}

impl<'a> Records<'a> {
    /// The records of a datagram, at an end whose connection ids have `cid_len` bytes: headers do not tell.
    pub const fn new(datagram: &'a Rope, cid_len: usize) -> Self {
        Self { datagram, at: 0, cid_len }
    }

    fn parse(&self) -> Option<(Record, u64)> {
        let head = self.datagram.slice(self.at, MOST_HEADER).to_bytes();
        let first = *head.first()?;
        let (header, len, len_of_header) =
            if first & UNIFIED_MASK == UNIFIED { self.unified(&head)? } else { self.full(&head)? };
        let start = self.at + len_of_header as u64;
        let len = len.map_or(self.datagram.len().saturating_sub(start), u64::from);
        let fragment = self.datagram.slice(start, len);
        // RFC 6347 §4.1.1: a record does not go on in another datagram.
        (fragment.len() == len).then_some((Record { header, fragment }, start + len))
    }

    fn unified(&self, head: &Bytes) -> Option<(Header, Option<u16>, usize)> {
        let first = *head.first()?;
        let mut at = 1;
        let has = |flag: u8| first & flag != 0;
        let cid = if has(HAS_CID) {
            let cid = head.get(at..at + self.cid_len)?;
            at += self.cid_len;
            Some(Bytes::copy_from_slice(cid))
        } else {
            None
        };
        let sequence = if has(LONG_SEQUENCE) {
            at += 2;
            u16::from_be_bytes([*head.get(at - 2)?, *head.get(at - 1)?])
        } else {
            at += 1;
            u16::from(*head.get(at - 1)?)
        };
        let len = if has(HAS_LENGTH) {
            at += 2;
            Some(u16::from_be_bytes([*head.get(at - 2)?, *head.get(at - 1)?]))
        } else {
            None
        };
        let (is_long, has_length, epoch_bits) = (has(LONG_SEQUENCE), has(HAS_LENGTH), first & EPOCH_BITS);
        Some((Header::Unified(UnifiedHeader { cid, epoch_bits, sequence, is_long, has_length }), len, at))
    }

    fn full(&self, head: &Bytes) -> Option<(Header, Option<u16>, usize)> {
        let content_type = ContentType(*head.first()?);
        let is_known = [
            ContentType::CHANGE_CIPHER_SPEC,
            ContentType::ALERT,
            ContentType::HANDSHAKE,
            ContentType::APPLICATION_DATA,
            TLS12_CID,
            ACK,
        ]
        .contains(&content_type);
        if !is_known {
            return None;
        }
        let number = u64::from_be_bytes(*head.get(3..)?.first_chunk()?);
        let end = 11 + if content_type == TLS12_CID { self.cid_len } else { 0 };
        let cid = head.get(11..end)?;
        let len = u16::from_be_bytes(*head.get(end..)?.first_chunk()?);
        let version = Version(u16::from_be_bytes(*head.get(1..)?.first_chunk()?));
        // RFC 6347 §4.1: what names another major version is no record.
        if version.0 >> 8 != 0xfe {
            return None;
        }
        let header = FullHeader {
            content_type,
            version,
            epoch: (number >> 48) as u16,
            sequence: number & MAX_SEQUENCE,
            cid: Bytes::copy_from_slice(cid),
        };
        Some((Header::Full(header), Some(len), end + 2))
    }
}

/// What cannot be read ends the datagram: it is dropped without a word (RFC 6347 §4.1.2.7).
impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let Some((record, end)) = self.parse() else {
            self.at = self.datagram.len();
            return None;
        };
        self.at = end;
        Some(record)
    }
}
