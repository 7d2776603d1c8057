//! Records, and the reader that finds them in a stream (RFC 8446 §5.1, RFC 5246 §6.2).

use crate::rope::{Rope, Run, fill_byte};
use crate::tls::codes::{AlertDescription, ContentType, Version};
use std::collections::VecDeque;

/// Length of a record's header \[bytes\].
pub const HEADER_BYTES: usize = 5;
/// The longest fragment that is not protected, and the longest content of one that is \[bytes\] (RFC 8446 §5.1).
pub const MAX_PLAINTEXT: usize = 1 << 14;

/// One record, protected or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// What it says it carries: of a protected record of TLS 1.3 always application data.
    pub content_type: ContentType,
    /// The version in its header, which says nothing from TLS 1.3 on.
    pub version: Version,
    /// What follows its header.
    pub fragment: Rope,
}

/// The header of a record whose fragment has `len` bytes.
pub const fn encode_header(content_type: ContentType, version: Version, len: u16) -> [u8; HEADER_BYTES] {
    let [major, minor] = version.0.to_be_bytes();
    let [high, low] = len.to_be_bytes();
    [content_type.0, major, minor, high, low]
}

impl Record {
    /// Header and fragment; fill stays fill.
    ///
    /// # Panics
    /// When the fragment is longer than a header can say, 65535 bytes.
    pub fn to_rope(&self) -> Rope {
        let len = u16::try_from(self.fragment.len()).expect("a record's fragment has at most 65535 bytes");
        let mut rope = Rope::from(encode_header(self.content_type, self.version, len).to_vec());
        rope.append(&self.fragment);
        rope
    }
}

/// Finds the records in a stream. Fill stays fill: only headers are read as bytes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RecordReader {
    /// What came and was not given out; no run is empty.
    runs: VecDeque<Run>,
    /// Bytes in `runs`.
    len: u64,
}

impl RecordReader {
    /// Adds what came next.
    pub fn push(&mut self, stream: &Rope) {
        for run in stream.runs() {
            match self.runs.back_mut().and_then(|last| last.joined(run).map(|both| (last, both))) {
                Some((last, both)) => *last = both,
                None => self.runs.push_back(run.clone()),
            }
        }
        self.len += stream.len();
    }

    /// The next record, if all of it has come; `most` is the longest fragment that may come now \[bytes\]. After an
    /// error the stream is of no more use, and the same error comes again.
    ///
    /// # Errors
    /// The alert to answer with: `unexpected_message` for an unknown content type (RFC 8446 §5) or an alert or
    /// handshake message of no bytes (§5.4), `record_overflow` for a fragment longer than `most` (§5.1, §5.2),
    /// `protocol_version` for another major version than 3: RFC 5246 §E.1 wants all of 3.x taken, and whoever sends
    /// another does not speak TLS. A flaw is told as soon as the header is there.
    pub fn next(&mut self, most: usize) -> Result<Option<Record>, AlertDescription> {
        let Some([content_type, major, minor, high, low]) = self.header() else {
            return Ok(None);
        };
        let content_type = ContentType(content_type);
        let len = u16::from_be_bytes([high, low]);
        match content_type {
            ContentType::CHANGE_CIPHER_SPEC | ContentType::APPLICATION_DATA => {}
            ContentType::ALERT | ContentType::HANDSHAKE if len > 0 => {}
            _ => return Err(AlertDescription::UNEXPECTED_MESSAGE),
        }
        if major != 3 {
            return Err(AlertDescription::PROTOCOL_VERSION);
        }
        if usize::from(len) > most {
            return Err(AlertDescription::RECORD_OVERFLOW);
        }
        if self.len < HEADER_BYTES as u64 + u64::from(len) {
            return Ok(None);
        }
        self.take(HEADER_BYTES as u64);
        let fragment = self.take(u64::from(len));
        Ok(Some(Record { content_type, version: Version(u16::from_be_bytes([major, minor])), fragment }))
    }

    /// What came and was not given out yet \[bytes\].
    pub const fn buffered(&self) -> u64 {
        self.len
    }

    /// The first bytes, if there are enough for a header.
    fn header(&self) -> Option<[u8; HEADER_BYTES]> {
        let mut header = [0; HEADER_BYTES];
        let mut filled = 0;
        for run in &self.runs {
            // At most 5.
            let part = run.len().min((HEADER_BYTES - filled) as u64) as usize;
            let room = &mut header[filled..filled + part];
            match run {
                Run::Bytes(bytes) => room.copy_from_slice(&bytes[..part]),
                Run::Fill { key, offset, .. } => {
                    (0..).zip(room).for_each(|(i, byte)| *byte = fill_byte(*key, offset.wrapping_add(i)));
                }
            }
            filled += part;
            if filled == HEADER_BYTES {
                return Some(header);
            }
        }
        None
    }

    /// Removes `len` bytes, which are there.
    fn take(&mut self, len: u64) -> Rope {
        let mut taken = Rope::new();
        let mut missing = len;
        while missing > 0 {
            let run = self.runs.pop_front().expect("callers ask for no more than there is");
            if run.len() > missing {
                self.runs.push_front(run.slice(missing, run.len() - missing));
                taken.push(run.slice(0, missing));
                missing = 0;
            } else {
                missing -= run.len();
                taken.push(run);
            }
        }
        self.len -= len;
        taken
    }
}
