//! Records both ways: messages and data into records, protected or not, and out of them again.

use crate::rope::{Rope, Run};
use crate::tls::codes::{Aead, AlertDescription, CipherSuite, ContentType, HandshakeType, Version};
use crate::tls::crypto::{Mode, Protection};
use crate::tls::wire::{Alert, MessageReader, Record, RecordReader};
use bytes::Bytes;

/// The most that a record without protection carries (RFC 8446 §5.1).
const MAX_PLAIN: usize = 1 << 14;
/// The most that a record of TLS 1.3 carries with its protection (RFC 8446 §5.2), and of TLS 1.2 (RFC 5246 §6.2.3).
const MAX_PROTECTED: usize = MAX_PLAIN + 256;
const MAX_PROTECTED_12: usize = MAX_PLAIN + 2_048;
/// The longest handshake message that is taken \[bytes\]; implementations have limits of this order for chains of certificates.
const MAX_MESSAGE: usize = 1 << 18;

/// The record layer of one connection.
#[derive(Clone, Debug)]
pub(super) struct Records {
    mode: Mode,
    reader: RecordReader,
    messages: MessageReader,
    read: Option<Protection>,
    write: Option<Protection>,
    /// TLS 1.2: what the peer's ChangeCipherSpec puts in force, and ours.
    next_read: Option<Protection>,
    next_write: Option<Protection>,
    /// Version in the headers of what goes out; 1.0 for the first hello (RFC 8446 §5.1).
    pub(super) version: Version,
    pub(super) is_12: bool,
    most: usize,
    packs: bool,
    /// Messages that wait for more of their flight.
    flight: Vec<u8>,
    /// What goes to the peer.
    out: Rope,
    /// A client that does not like our certificates may say so before it has begun to protect what it sends, as OpenSSL does: until its first record
    /// that is protected, an alert may come without.
    pub(super) takes_plain_alerts: bool,
    /// Early data that the server has refused, and that may still come \[bytes\].
    skipping: Option<u64>,
    /// Bytes of application data sent under the present key.
    pub(super) sent_under_key: u64,
    pub(super) aead: Option<Aead>,
    pub(super) suite: CipherSuite,
}

/// What a record was.
#[derive(Debug)]
pub(super) enum Incoming {
    /// Messages; so many of their bytes were protected.
    Messages {
        protected: u64,
    },
    Data(Rope),
    Alert(Alert),
    ChangeCipherSpec,
}

impl Records {
    pub(super) fn new(mode: Mode, most: usize, packs: bool) -> Self {
        Self {
            mode,
            reader: RecordReader::default(),
            messages: MessageReader::default(),
            read: None,
            write: None,
            next_read: None,
            next_write: None,
            version: Version::TLS12,
            is_12: false,
            most,
            packs,
            flight: Vec::new(),
            out: Rope::new(),
            takes_plain_alerts: false,
            skipping: None,
            sent_under_key: 0,
            aead: None,
            suite: CipherSuite::AES_128_GCM_SHA256,
        }
    }

    // Out.

    /// A handshake message goes out: now, or with its flight.
    pub(super) fn send_message(&mut self, message: &Bytes) {
        if self.packs {
            self.flight.extend_from_slice(message);
        } else {
            self.send(ContentType::HANDSHAKE, &Rope::from(message.clone()));
        }
    }

    /// The messages of a flight go out.
    pub(super) fn end_flight(&mut self) {
        if !self.flight.is_empty() {
            let flight = Rope::from(std::mem::take(&mut self.flight));
            self.send(ContentType::HANDSHAKE, &flight);
        }
    }

    /// Sends `data` in as many records as it takes.
    pub(super) fn send(&mut self, kind: ContentType, data: &Rope) {
        if kind != ContentType::HANDSHAKE {
            self.end_flight();
        }
        let mut at = 0;
        while at < data.len() {
            let part = data.slice(at, self.most as u64);
            at += part.len();
            self.send_record(kind, part);
        }
    }

    fn send_record(&mut self, content_type: ContentType, fragment: Rope) {
        let is_plain_13 = content_type == ContentType::CHANGE_CIPHER_SPEC && !self.is_12;
        let record = match &mut self.write {
            Some(protection) if !is_plain_13 => protection.seal(content_type, &fragment, 0),
            _ => Record { content_type, version: self.version, fragment }.to_rope(),
        };
        self.out.append(&record);
    }

    /// A ChangeCipherSpec, which TLS 1.3 sends for boxes on the way alone (RFC 8446 §D.4).
    pub(super) fn send_change_cipher_spec(&mut self) {
        self.send(ContentType::CHANGE_CIPHER_SPEC, &Rope::from(vec![1]));
    }

    pub(super) fn send_alert(&mut self, alert: Alert) {
        self.send(ContentType::ALERT, &Rope::from(alert.encode().to_vec()));
    }

    /// What goes to the peer.
    pub(super) fn take_output(&mut self) -> Rope {
        self.end_flight();
        std::mem::take(&mut self.out)
    }

    /// What follows is sent under this key.
    pub(super) fn write_with(&mut self, protection: Protection) {
        self.end_flight();
        self.sent_under_key = 0;
        self.write = Some(protection);
    }

    /// TLS 1.2: the key that our ChangeCipherSpec will put in force.
    pub(super) fn write_next_with(&mut self, protection: Protection) {
        self.next_write = Some(protection);
    }

    /// TLS 1.2: sends ChangeCipherSpec; what follows is under the new key.
    pub(super) fn change_and_write(&mut self) {
        self.send_change_cipher_spec();
        if let Some(next) = self.next_write.take() {
            self.write_with(next);
        }
    }

    /// What follows is sent without protection again: after a request for another hello.
    pub(super) fn write_plain(&mut self) {
        self.end_flight();
        self.write = None;
    }

    // In.

    pub(super) fn push(&mut self, data: &Rope) {
        self.reader.push(data);
    }

    /// What follows is read with this key. A message may not span a change of keys (RFC 8446 §5.1).
    pub(super) fn read_with(&mut self, protection: Protection) -> Result<(), AlertDescription> {
        self.no_partial_message()?;
        self.read = Some(protection);
        Ok(())
    }

    /// TLS 1.2: the key that the peer's ChangeCipherSpec will put in force.
    pub(super) fn read_next_with(&mut self, protection: Protection) {
        self.next_read = Some(protection);
    }

    /// TLS 1.2: the peer's ChangeCipherSpec has come.
    pub(super) fn change_cipher_spec(&mut self) -> Result<(), AlertDescription> {
        let next = self.next_read.take().ok_or(AlertDescription::UNEXPECTED_MESSAGE)?;
        self.read_with(next)
    }

    pub(super) fn no_partial_message(&self) -> Result<(), AlertDescription> {
        if self.messages.is_empty() { Ok(()) } else { Err(AlertDescription::UNEXPECTED_MESSAGE) }
    }

    /// Early data are not taken: what cannot be read is skipped, up to so many bytes (RFC 8446 §4.2.10).
    pub(super) fn skip_early_data(&mut self, most: u32) {
        // Records around it may double it when it comes in small pieces.
        self.skipping = Some(2 * u64::from(most) + MAX_PROTECTED as u64);
    }

    pub(super) fn stop_skipping(&mut self) {
        self.skipping = None;
    }

    /// The next whole record, opened.
    pub(super) fn next(&mut self) -> Result<Option<Incoming>, AlertDescription> {
        loop {
            let most = match (&self.read, self.is_12) {
                (None, _) if self.skipping.is_none() => MAX_PLAIN,
                (_, true) => MAX_PROTECTED_12,
                _ => MAX_PROTECTED,
            };
            let Some(record) = self.reader.next(most)? else { return Ok(None) };
            if let Some(incoming) = self.open(record)? {
                return Ok(Some(incoming));
            }
        }
    }

    /// `None` for what is skipped.
    fn open(&mut self, record: Record) -> Result<Option<Incoming>, AlertDescription> {
        let len = record.fragment.len();
        let is_plain = !self.is_12
            && (record.content_type == ContentType::CHANGE_CIPHER_SPEC
                || (record.content_type == ContentType::ALERT && self.takes_plain_alerts));
        let (kind, data) = match &mut self.read {
            Some(protection) if !is_plain => {
                // Kept for early data that are not for us: they may not count.
                let before = self.skipping.is_some().then(|| protection.clone());
                match (protection.open(&record), before) {
                    (Ok(opened), _) => {
                        (self.skipping, self.takes_plain_alerts) = (None, false);
                        opened
                    }
                    (Err(_), Some(before)) => {
                        *protection = before;
                        return self.skip(len);
                    }
                    (Err(alert), None) => return Err(alert),
                }
            }
            None if self.skipping.is_some() && record.content_type == ContentType::APPLICATION_DATA => {
                return self.skip(len);
            }
            _ => (record.content_type, record.fragment),
        };
        self.sort(kind, data).map(Some)
    }

    fn skip(&mut self, len: u64) -> Result<Option<Incoming>, AlertDescription> {
        let left = self.skipping.and_then(|left| left.checked_sub(len)).ok_or(AlertDescription::UNEXPECTED_MESSAGE)?;
        self.skipping = Some(left);
        Ok(None)
    }

    fn sort(&mut self, kind: ContentType, data: Rope) -> Result<Incoming, AlertDescription> {
        // A record of application data may be empty; one of messages may not (RFC 8446 §5.1).
        if kind == ContentType::APPLICATION_DATA {
            return Ok(Incoming::Data(data));
        }
        // Between the pieces of a message there is nothing else (RFC 8446 §5.1).
        if kind != ContentType::HANDSHAKE {
            self.no_partial_message()?;
        }
        match kind {
            _ if data.is_empty() => Err(AlertDescription::UNEXPECTED_MESSAGE),
            ContentType::HANDSHAKE => {
                self.messages.push(&data.to_bytes());
                Ok(Incoming::Messages { protected: if self.read.is_some() { data.len() } else { 0 } })
            }
            ContentType::ALERT => Alert::decode(&data.to_bytes()).map(Incoming::Alert),
            ContentType::CHANGE_CIPHER_SPEC if data.runs() == [Run::Bytes(Bytes::from_static(&[1]))] => {
                Ok(Incoming::ChangeCipherSpec)
            }
            _ => Err(AlertDescription::UNEXPECTED_MESSAGE),
        }
    }

    /// The next whole message.
    pub(super) fn next_message(&mut self) -> Result<Option<(HandshakeType, Bytes)>, AlertDescription> {
        self.messages.next(MAX_MESSAGE)
    }

    /// The most plain text that a record of ours has \[bytes\].
    pub(super) fn most_plain(&self) -> u64 {
        self.most as u64
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    /// True if ours are.
    pub(super) fn writes_protected(&self) -> bool {
        self.write.is_some()
    }
}
