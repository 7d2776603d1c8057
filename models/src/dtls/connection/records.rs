//! Records both ways: from messages and data into datagrams, and out of them again.

use crate::dtls::codes::{ACK, HASH, TLS12_CID};
use crate::dtls::config::Common;
use crate::dtls::crypto::Protection;
use crate::dtls::replay::{Replay, WINDOW};
use crate::dtls::wire::{FullHeader, HEADER_BYTES, Header, MAX_SEQUENCE, Record, RecordNumber, UnifiedHeader};
use crate::rope::Rope;
use crate::tls::codes::{ContentType, Version};
use crate::tls::wire::MAX_PLAINTEXT;
use bytes::Bytes;

/// Epochs whose keys are kept, each way: those of the handshake, since flights may come again, and the last ones.
const MOST_EPOCHS: usize = 5;

/// A protected fragment has more than this \[bytes\]: nonce and the shortest tag in DTLS 1.2; what a mask is made of in DTLS 1.3 (RFC 9147 §4.2.3).
const LEAST_PROTECTED: u64 = 16;

/// The keys of an epoch, one way.
#[derive(Clone, Debug)]
struct Epoch {
    epoch: u64,
    /// `None`: nothing is protected.
    protection: Option<Protection>,
    /// What has come, of an epoch that is read.
    replay: Replay,
    /// The number of the next record, of one that is written.
    next: u64,
}

/// What came in a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Opened {
    pub(super) content_type: ContentType,
    pub(super) number: RecordNumber,
    pub(super) plaintext: Rope,
    /// The connection id under which it came.
    pub(super) cid: Bytes,
    /// It was protected, and is the newest so far: a peer that has moved is where it came from (RFC 9146 §6).
    pub(super) is_newest: bool,
}

/// What became of a record that was not opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Closed {
    /// There are no keys for its epoch yet.
    Early,
    /// It has come before, or is too old.
    Replayed,
    /// It is not from the peer.
    Invalid,
    /// It has a connection id that is not ours, and so all that follows it in its datagram (RFC 9147 §4).
    Foreign,
}

/// The record layer of one connection.
#[derive(Clone, Debug)]
pub(super) struct Records {
    /// In the headers of what goes out.
    pub(super) version: Version,
    pub(super) is_13: bool,
    pub(super) mtu: usize,
    /// What flights of the handshake keep to, once such datagrams seem not to arrive (RFC 6347 §4.1.1.1): they can be cut, data cannot.
    pub(super) reduced: Option<usize>,
    short_headers: bool,
    read: Vec<Epoch>,
    /// Numbers of the last records without protection. A window would move with what anybody sends, and take the true ones for old.
    plain_seen: Vec<u64>,
    write: Vec<Epoch>,
    /// The id that the peer uses; none of no length.
    pub(super) own_cid: Bytes,
    /// The id that we use, once it is agreed on.
    pub(super) peer_cid: Option<Bytes>,
    /// Ids are agreed on.
    pub(super) has_cids: bool,
    /// The datagram that is being filled.
    current: Rope,
    out: Vec<Rope>,
}

impl Records {
    /// Without protection; the first record gets this number.
    pub(super) fn new(common: &Common, version: Version, first: u64) -> Self {
        let plain = |next| Epoch { epoch: 0, protection: None, replay: Replay::default(), next };
        Self {
            version,
            is_13: false,
            mtu: common.mtu,
            reduced: None,
            short_headers: common.short_headers,
            read: vec![plain(0)],
            plain_seen: Vec::new(),
            write: vec![plain(first)],
            own_cid: Bytes::new(),
            peer_cid: None,
            has_cids: false,
            current: Rope::new(),
            out: Vec::new(),
        }
    }

    // Out.

    /// Adds the keys of an epoch for what is sent.
    pub(super) fn write_with(&mut self, epoch: u64, protection: Protection) {
        if self.write.len() == MOST_EPOCHS {
            // Those of the handshake stay.
            self.write.remove(2);
        }
        self.write.push(Epoch { epoch, protection: Some(protection), replay: Replay::default(), next: 0 });
    }

    /// The newest epoch that we can send in.
    pub(super) fn write_epoch(&self) -> u64 {
        self.write.last().map_or(0, |one| one.epoch)
    }

    /// How much longer a record of this epoch is than what it carries \[bytes\].
    pub(super) fn expansion(&self, epoch: u64) -> usize {
        let protection = self.write.iter().find(|one| one.epoch == epoch).and_then(|one| one.protection.as_ref());
        let cid_len = self.peer_cid.as_ref().map_or(0, Bytes::len);
        match protection {
            None => HEADER_BYTES,
            Some(protection) if self.is_13 => 1 + cid_len + 4 + protection.overhead(true),
            Some(protection) => HEADER_BYTES + cid_len + protection.overhead(cid_len > 0),
        }
    }

    /// What fits into the rest of this datagram, as one record of this epoch \[bytes\].
    pub(super) fn room(&self, epoch: u64) -> usize {
        let mtu = self.reduced.map_or(self.mtu, |reduced| reduced.min(self.mtu));
        mtu.saturating_sub(self.current.len() as usize + self.expansion(epoch)).min(MAX_PLAINTEXT)
    }

    /// What fits into a datagram, as one record of the newest epoch \[bytes\].
    pub(super) fn most_plain(&self) -> usize {
        self.mtu.saturating_sub(self.expansion(self.write_epoch())).min(MAX_PLAINTEXT)
    }

    /// Puts a record into a datagram: this one, or the next, where it does not fit. `None` if there are no more numbers.
    pub(super) fn put(&mut self, epoch: u64, content_type: ContentType, plaintext: &Rope) -> Option<RecordNumber> {
        if !self.current.is_empty() && self.room(epoch) < plaintext.len() as usize {
            self.end_datagram();
        }
        let is_short = self.short_headers && content_type == ContentType::APPLICATION_DATA;
        let (version, is_13, cid) = (self.version, self.is_13, self.peer_cid.clone().unwrap_or_default());
        let one = self.write.iter_mut().find(|one| one.epoch == epoch)?;
        let sequence = one.next;
        if sequence > MAX_SEQUENCE {
            return None;
        }
        one.next += 1;
        let full = |content_type, cid| FullHeader { content_type, version, epoch: epoch as u16, sequence, cid };
        let record = match &one.protection {
            None => {
                let len = u16::try_from(plaintext.len()).ok()?;
                let mut record = Rope::from(full(content_type, Bytes::new()).encode(len));
                record.append(plaintext);
                record
            }
            Some(protection) if is_13 => {
                let header = UnifiedHeader {
                    cid: Some(cid).filter(|cid| !cid.is_empty()),
                    epoch_bits: (epoch & 3) as u8,
                    sequence: sequence as u16 & if is_short { 0xff } else { 0xffff },
                    is_long: !is_short,
                    has_length: !is_short,
                };
                protection.seal_13(&header, sequence, content_type, plaintext)
            }
            Some(protection) => {
                let outer = if cid.is_empty() { content_type } else { TLS12_CID };
                protection.seal_12(&full(outer, cid), content_type, plaintext)
            }
        };
        self.current.append(&record);
        if is_short && is_13 {
            // Without a length nothing can follow.
            self.end_datagram();
        }
        Some(RecordNumber { epoch, sequence })
    }

    /// What follows goes into another datagram.
    pub(super) fn end_datagram(&mut self) {
        if !self.current.is_empty() {
            self.out.push(std::mem::take(&mut self.current));
        }
    }

    /// The datagrams that go to the peer.
    pub(super) fn take_output(&mut self) -> Vec<Rope> {
        self.end_datagram();
        std::mem::take(&mut self.out)
    }

    /// What waits to be sent \[bytes\].
    pub(super) fn pending(&self) -> u64 {
        self.current.len() + self.out.iter().map(Rope::len).sum::<u64>()
    }

    // In.

    /// Adds the keys of an epoch for what comes.
    pub(super) fn read_with(&mut self, epoch: u64, protection: Protection) {
        if self.read.len() == MOST_EPOCHS {
            // Those of the handshake stay.
            self.read.remove(2);
        }
        self.read.push(Epoch { epoch, protection: Some(protection), replay: Replay::default(), next: 0 });
    }

    /// The newest epoch that we can read.
    pub(super) fn read_epoch(&self) -> u64 {
        self.read.last().map_or(0, |one| one.epoch)
    }

    /// The newest of the first records: a server answers with its number (RFC 6347 §4.2.1).
    pub(super) fn mark_first(&mut self, sequence: u64) {
        self.mark_plain(sequence);
    }

    fn mark_plain(&mut self, sequence: u64) {
        if self.plain_seen.len() as u64 == WINDOW {
            self.plain_seen.remove(0);
        }
        self.plain_seen.push(sequence);
    }

    /// Opens a record that has not been opened before.
    pub(super) fn open(&mut self, record: &Record) -> Result<Opened, Closed> {
        match &record.header {
            Header::Full(header) => self.open_full(header, &record.fragment),
            Header::Unified(header) => self.open_unified(header, &record.fragment),
        }
    }

    fn open_full(&mut self, header: &FullHeader, fragment: &Rope) -> Result<Opened, Closed> {
        // RFC 9147 §4.1: what is protected of DTLS 1.3 has the other header.
        if header.epoch > 0 && (self.is_13 || header.content_type == ACK) {
            return Err(Closed::Invalid);
        }
        let (epoch, has_cid) = (u64::from(header.epoch), header.content_type == TLS12_CID);
        // RFC 9146 §4: once an id is agreed on, protected records have it.
        if epoch > 0 && self.has_cids && has_cid == self.own_cid.is_empty() {
            return Err(Closed::Invalid);
        }
        // RFC 9146 §3: without an id of ours nobody may send one.
        if has_cid && (self.own_cid.is_empty() || header.cid != self.own_cid) {
            return Err(if self.own_cid.is_empty() { Closed::Invalid } else { Closed::Foreign });
        }
        if epoch > 0 && fragment.len() < LEAST_PROTECTED {
            return Err(Closed::Invalid);
        }
        let newest = self.read_epoch();
        let Some(one) = self.read.iter_mut().find(|one| one.epoch == epoch) else {
            return Err(if epoch > newest { Closed::Early } else { Closed::Invalid });
        };
        let is_plain = one.protection.is_none();
        let is_copy =
            if is_plain { self.plain_seen.contains(&header.sequence) } else { !one.replay.is_new(header.sequence) };
        if is_copy {
            return Err(Closed::Replayed);
        }
        let (content_type, plaintext) = match &one.protection {
            None if has_cid => return Err(Closed::Invalid),
            None => (header.content_type, fragment.clone()),
            Some(protection) => protection.open_12(header, fragment).ok_or(Closed::Invalid)?,
        };
        if plaintext.len() > MAX_PLAINTEXT as u64 {
            return Err(Closed::Invalid);
        }
        let is_newest = epoch > 0 && epoch == newest && header.sequence >= one.replay.next();
        one.replay.mark(header.sequence);
        if is_plain {
            self.mark_plain(header.sequence);
        }
        let number = RecordNumber { epoch, sequence: header.sequence };
        Ok(Opened { content_type, number, plaintext, cid: header.cid.clone(), is_newest })
    }

    fn open_unified(&mut self, header: &UnifiedHeader, fragment: &Rope) -> Result<Opened, Closed> {
        let cid = header.cid.clone().unwrap_or_default();
        let newest = self.read_epoch();
        // Who has not seen the server's hello does not know yet whether ids are used.
        let may_lack = cid.is_empty() && !self.has_cids && newest == 0;
        if cid != self.own_cid && !may_lack {
            return Err(if cid.is_empty() { Closed::Invalid } else { Closed::Foreign });
        }
        if fragment.len() < LEAST_PROTECTED {
            return Err(Closed::Invalid);
        }
        let known = self.read.iter_mut().rev().filter(|one| one.protection.is_some());
        let Some(one) = known.into_iter().find(|one| (one.epoch & 3) as u8 == header.epoch_bits) else {
            return Err(Closed::Early);
        };
        let protection = one.protection.as_ref().ok_or(Closed::Invalid)?;
        let opened = protection.open_13(header, fragment, one.replay.next());
        let (sequence, content_type, plaintext) = opened.ok_or(Closed::Invalid)?;
        if !one.replay.is_new(sequence) {
            return Err(Closed::Replayed);
        }
        if plaintext.len() > MAX_PLAINTEXT as u64 {
            return Err(Closed::Invalid);
        }
        let is_newest = one.epoch == newest && sequence >= one.replay.next();
        one.replay.mark(sequence);
        let number = RecordNumber { epoch: one.epoch, sequence };
        Ok(Opened { content_type, number, plaintext, cid, is_newest })
    }

    /// What keys and windows take \[bytes\]: key, IV, key of numbers and window of each direction of each epoch; and what waits to be sent.
    pub(super) fn memory(&self) -> u64 {
        const KEYS: u64 = (HASH.len() + 12 + 16 + 24) as u64;
        KEYS * (self.read.len() + self.write.len()) as u64 + self.pending()
    }
}
