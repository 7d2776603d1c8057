//! What packets are made of: UTF-8 strings, binary data, integers of variable length (v5 §1.5).

use super::{Fault, read::Reader};
use bytes::Bytes;
use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The longest string and the longest binary data \[bytes\]: their length has 16 bits (v5 §1.5.4, §1.5.6).
pub const MAX_STRING: usize = u16::MAX as usize;
/// The largest integer of variable length (v5 §1.5.5): four bytes of seven bits.
pub const MAX_VARINT: u32 = (1 << 28) - 1;

/// A UTF-8 string as packets carry it: at most 65535 bytes, no U+0000. A clone shares the characters, so that a topic is stored once.
///
/// U+FEFF is a character like any other and is never stripped (\[MQTT-1.5.4-3\], 3.1.1 \[MQTT-1.5.3-3\]). Control characters and
/// non-characters are accepted: the standard says that they should not be sent, and that a receiver may refuse them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Text(Arc<str>);

/// Binary data: at most 65535 bytes (v5 §1.5.6).
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Binary(Bytes);

impl Text {
    /// A string of these characters.
    ///
    /// # Errors
    /// When it has U+0000 or more than 65535 bytes.
    pub fn new(text: &str) -> Result<Self, Fault> {
        if text.len() > MAX_STRING {
            return Err(Fault::malformed("v5 §1.5.4", "a string has more than 65535 bytes"));
        }
        if text.contains('\0') {
            return Err(Fault::malformed("MQTT-1.5.4-2", "a string has U+0000"));
        }
        Ok(Self(text.into()))
    }

    /// Its characters, shared.
    pub fn shared(&self) -> Arc<str> {
        self.0.clone()
    }

    /// Its characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads one, with its length.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let len = u64::from(reader.u16()?);
        reader.with_bytes(len, |bytes| {
            // Surrogates are no UTF-8: `from_utf8` refuses them, and overlong forms.
            let text = str::from_utf8(bytes).map_err(|_| Fault::malformed("MQTT-1.5.4-1", "a string is not UTF-8"))?;
            Self::new(text)
        })?
    }

    /// Length with its length \[bytes\].
    pub(super) fn wire_len(&self) -> u64 {
        2 + self.0.len() as u64
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_with_length(self.0.as_bytes(), out);
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Binary {
    /// These bytes.
    ///
    /// # Errors
    /// When they are more than 65535.
    pub fn new(bytes: impl Into<Bytes>) -> Result<Self, Fault> {
        let bytes = bytes.into();
        if bytes.len() > MAX_STRING {
            return Err(Fault::malformed("v5 §1.5.6", "binary data has more than 65535 bytes"));
        }
        Ok(Self(bytes))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Fault> {
        let len = u64::from(reader.u16()?);
        Ok(Self(reader.take(len)?.to_bytes()))
    }

    pub(super) fn wire_len(&self) -> u64 {
        2 + self.0.len() as u64
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_with_length(&self.0, out);
    }
}

/// At most 65535 bytes: the types see to that.
fn put_with_length(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// How many bytes `value` takes \[bytes\].
pub fn varint_len(value: u32) -> u64 {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}

/// Writes `value`, which is at most [`MAX_VARINT`], in as few bytes as can be (\[MQTT-1.5.5-1\]).
pub fn put_varint(value: u32, out: &mut Vec<u8>) {
    debug_assert!(value <= MAX_VARINT, "{value} has more than 28 bits");
    let mut rest = value;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Reads an integer of variable length byte by byte.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Varint {
    value: u32,
    /// Bytes that were read.
    len: u8,
}

impl Varint {
    /// Takes its next byte. The value when that was the last one, and whether it stands in as few bytes as can be.
    ///
    /// # Errors
    /// When a fifth byte would follow (v5 §1.5.5, 3.1.1 §2.2.3).
    pub fn push(&mut self, byte: u8) -> Result<Option<(u32, bool)>, Fault> {
        self.value |= u32::from(byte & 0x7f) << (7 * self.len);
        self.len += 1;
        match byte & 0x80 {
            0 => Ok(Some((self.value, self.len == 1 || byte != 0))),
            _ if self.len == 4 => Err(Fault::malformed("v5 §1.5.5", "a length has more than four bytes")),
            _ => Ok(None),
        }
    }
}
