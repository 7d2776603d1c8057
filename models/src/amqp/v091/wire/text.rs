//! Strings (§4.2.5.3).

use super::Fault;
use bytes::Bytes;
use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The longest short string \[bytes\]: its length has one octet.
pub const MAX_SHORT_STRING: usize = u8::MAX as usize;

/// A short string: at most 255 bytes of UTF-8 without U+0000. A clone shares the characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ShortStr(Arc<str>);

/// A long string: any bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct LongStr(Bytes);

impl ShortStr {
    /// A string of these characters.
    ///
    /// # Errors
    /// When it has U+0000 or more than 255 bytes.
    pub fn new(text: &str) -> Result<Self, Fault> {
        if text.len() > MAX_SHORT_STRING {
            return Err(Fault::syntax("§4.2.5.3", "a short string has more than 255 bytes"));
        }
        if text.contains('\0') {
            return Err(Fault::syntax("§4.2.5.3", "a short string has a zero octet"));
        }
        Ok(Self(text.into()))
    }

    /// From what was read.
    ///
    /// # Errors
    /// When it is no UTF-8, or as [`ShortStr::new`] says.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        let text = str::from_utf8(bytes).map_err(|_| Fault::syntax("§4.2.5.3", "a short string is not UTF-8"))?;
        Self::new(text)
    }

    /// As much of these characters as fits, without U+0000: for texts that explain.
    pub fn cut(text: &str) -> Self {
        let end = text.floor_char_boundary(MAX_SHORT_STRING);
        let text = &text[..end];
        match text.contains('\0') {
            true => Self(text.replace('\0', "").into()),
            false => Self(text.into()),
        }
    }

    /// Its characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for ShortStr {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ShortStr {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ShortStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ShortStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl LongStr {
    /// These bytes.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its characters; `None` where it is no UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        str::from_utf8(&self.0).ok()
    }
}

impl From<&str> for LongStr {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<&ShortStr> for LongStr {
    fn from(text: &ShortStr) -> Self {
        Self::from(text.as_str())
    }
}

impl fmt::Debug for LongStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
