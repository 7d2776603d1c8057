//! Options: numbers, properties, values and their delta encoding (RFC 7252 §3.1, §5.4, §5.10).

use super::decode::{Flaw, Reader};
use bytes::Bytes;
use std::fmt;

/// An option number. Its low bits say what it means to those who do not know it (RFC 7252 §5.4.6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OptionNumber(pub u16);

/// How the value of an option is read (RFC 7252 §3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// No bytes.
    Empty,
    /// Bytes as they are.
    Opaque,
    /// A non-negative integer, big-endian, without leading zero bytes; 0 has no bytes.
    Uint,
    /// UTF-8 text.
    String,
}

/// What the registry says about an option (RFC 7252 §5.10, table 4, and the RFCs of later ones).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Definition {
    /// The number.
    pub number: OptionNumber,
    /// The name as registered.
    pub name: &'static str,
    /// How its value is read.
    pub format: Format,
    /// Shortest value \[bytes\].
    pub min: u16,
    /// Longest value \[bytes\].
    pub max: u16,
    /// True if it may occur more than once.
    pub repeatable: bool,
}

macro_rules! options {
    ($($constant:ident = $number:literal, $name:literal, $format:ident $min:literal..=$max:literal $($repeatable:ident)?;)*) => {
        impl OptionNumber {
            $(
                #[doc = concat!($name, ".")]
                pub const $constant: Self = Self($number);
            )*
        }
        /// Every option that has a name here, by number.
        pub const DEFINITIONS: &[Definition] = &[$(Definition {
            number: OptionNumber::$constant,
            name: $name,
            format: Format::$format,
            min: $min,
            max: $max,
            repeatable: !stringify!($($repeatable)?).is_empty(),
        },)*];
    };
}

// By number, which `OptionNumber::definition` searches. RFC 7252 §5.10, 7641, 7959, 7967, 8613, 8768, 9175, 9177.
options! {
    IF_MATCH = 1, "If-Match", Opaque 0..=8 repeatable;
    URI_HOST = 3, "Uri-Host", String 1..=255;
    ETAG = 4, "ETag", Opaque 1..=8 repeatable;
    IF_NONE_MATCH = 5, "If-None-Match", Empty 0..=0;
    OBSERVE = 6, "Observe", Uint 0..=3;
    URI_PORT = 7, "Uri-Port", Uint 0..=2;
    LOCATION_PATH = 8, "Location-Path", String 0..=255 repeatable;
    OSCORE = 9, "OSCORE", Opaque 0..=255;
    URI_PATH = 11, "Uri-Path", String 0..=255 repeatable;
    CONTENT_FORMAT = 12, "Content-Format", Uint 0..=2;
    MAX_AGE = 14, "Max-Age", Uint 0..=4;
    URI_QUERY = 15, "Uri-Query", String 0..=255 repeatable;
    HOP_LIMIT = 16, "Hop-Limit", Uint 1..=1;
    ACCEPT = 17, "Accept", Uint 0..=2;
    Q_BLOCK1 = 19, "Q-Block1", Uint 0..=3;
    LOCATION_QUERY = 20, "Location-Query", String 0..=255 repeatable;
    BLOCK2 = 23, "Block2", Uint 0..=3;
    BLOCK1 = 27, "Block1", Uint 0..=3;
    SIZE2 = 28, "Size2", Uint 0..=4;
    Q_BLOCK2 = 31, "Q-Block2", Uint 0..=3 repeatable;
    PROXY_URI = 35, "Proxy-Uri", String 1..=1034;
    PROXY_SCHEME = 39, "Proxy-Scheme", String 1..=255;
    SIZE1 = 60, "Size1", Uint 0..=4;
    ECHO = 252, "Echo", Opaque 1..=40;
    NO_RESPONSE = 258, "No-Response", Uint 0..=1;
    REQUEST_TAG = 292, "Request-Tag", Opaque 0..=8 repeatable;
}

impl OptionNumber {
    /// Who does not know a critical option must not act on the message (RFC 7252 §5.4.1).
    pub const fn is_critical(self) -> bool {
        self.0 & 1 == 1
    }

    /// A proxy that does not know it must not forward the message (RFC 7252 §5.4.2).
    pub const fn is_unsafe_to_forward(self) -> bool {
        self.0 & 2 == 2
    }

    /// Not part of the cache key; only means something where it is safe to forward (RFC 7252 §5.4.2).
    pub const fn is_no_cache_key(self) -> bool {
        self.0 & 0x1e == 0x1c
    }

    /// What the registry says, or `None` for a number without a name here.
    pub fn definition(self) -> Option<&'static Definition> {
        DEFINITIONS.binary_search_by_key(&self, |definition| definition.number).ok().map(|found| &DEFINITIONS[found])
    }
}

/// The name, or the number where there is none.
impl fmt::Display for OptionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.definition() {
            Some(definition) => f.write_str(definition.name),
            None => write!(f, "option {}", self.0),
        }
    }
}

impl fmt::Debug for OptionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OptionNumber({self})")
    }
}

/// One option of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CoapOption {
    number: OptionNumber,
    value: Bytes,
}

impl CoapOption {
    /// The longest value that the length encoding can carry: 269 and the largest 16-bit number.
    pub const MAX_VALUE_BYTES: usize = 269 + 0xffff;

    /// Its number.
    pub const fn number(&self) -> OptionNumber {
        self.number
    }

    /// Its value, not interpreted.
    pub const fn value(&self) -> &Bytes {
        &self.value
    }
}

/// The options of a message, sorted by number; equal numbers in the order they were added, which
/// is the order of path segments (RFC 7252 §5.4.5).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options(Vec<CoapOption>);

impl Options {
    /// No options.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds an option behind those with the same or a lower number.
    ///
    /// # Panics
    /// When `value` is longer than [`CoapOption::MAX_VALUE_BYTES`]: it could never be sent.
    pub fn add(&mut self, number: OptionNumber, value: impl Into<Bytes>) {
        let value = value.into();
        assert!(value.len() <= CoapOption::MAX_VALUE_BYTES, "a value of {} bytes fits no option", value.len());
        let at = self.0.partition_point(|option| option.number <= number);
        self.0.insert(at, CoapOption { number, value });
    }

    /// Adds a number in its shortest form (RFC 7252 §3.2).
    pub fn add_uint(&mut self, number: OptionNumber, value: u32) {
        let skip = value.leading_zeros() as usize / 8;
        self.add(number, Bytes::copy_from_slice(&value.to_be_bytes()[skip..]));
    }

    /// Adds a text.
    pub fn add_str(&mut self, number: OptionNumber, text: &str) {
        self.add(number, Bytes::copy_from_slice(text.as_bytes()));
    }

    /// Takes all options with this number out.
    pub fn remove(&mut self, number: OptionNumber) {
        self.0.retain(|option| option.number != number);
    }

    /// Adds the segments of an absolute path as Uri-Path: one option per segment, none for `/`,
    /// empty segments kept (RFC 7252 §6.4). No percent-decoding: `path` is plain text.
    pub fn add_uri_path(&mut self, path: &str) {
        let path = path.strip_prefix('/').unwrap_or(path);
        if !path.is_empty() {
            path.split('/').for_each(|segment| self.add_str(OptionNumber::URI_PATH, segment));
        }
    }

    /// All options in the order of the wire.
    pub fn iter(&self) -> std::slice::Iter<'_, CoapOption> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values of all options with this number.
    pub fn all(&self, number: OptionNumber) -> impl Iterator<Item = &Bytes> {
        let from = self.0.partition_point(|option| option.number < number);
        self.0[from..].iter().take_while(move |option| option.number == number).map(|option| &option.value)
    }

    /// The value of the first option with this number, if it has a length that its definition
    /// allows; else it counts as not known (RFC 7252 §5.4.3).
    pub fn first(&self, number: OptionNumber) -> Option<&Bytes> {
        self.all(number).next().filter(|value| has_allowed_length(number, value))
    }

    /// The first option with this number as an integer; leading zero bytes are put up with (RFC
    /// 7252 §3.2).
    pub fn uint(&self, number: OptionNumber) -> Option<u32> {
        let value = self.first(number).filter(|value| value.len() <= 4)?;
        Some(value.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
    }

    /// The first option with this number as text, if it is UTF-8.
    pub fn text(&self, number: OptionNumber) -> Option<&str> {
        std::str::from_utf8(self.first(number)?).ok()
    }

    /// The absolute path that the Uri-Path options stand for (RFC 7252 §6.5), not percent-encoded;
    /// bytes that are not UTF-8 become U+FFFD.
    pub fn uri_path(&self) -> String {
        let segments: Vec<_> = self.all(OptionNumber::URI_PATH).map(|value| String::from_utf8_lossy(value)).collect();
        format!("/{}", segments.join("/"))
    }

    /// Content-Format (RFC 7252 §5.10.3). `None` means not said, which is not format 0.
    pub fn content_format(&self) -> Option<u32> {
        self.uint(OptionNumber::CONTENT_FORMAT)
    }

    /// Max-Age \[s\]; 60 where it is not said (RFC 7252 §5.10.5).
    pub fn max_age_s(&self) -> u32 {
        self.uint(OptionNumber::MAX_AGE).unwrap_or(60)
    }

    /// The first critical option that is not `understood`, has a length its definition does not
    /// allow (RFC 7252 §5.4.3), or repeats one that may not repeat (§5.4.5): each counts as
    /// unrecognised.
    pub fn unrecognised_critical(&self, understood: &[OptionNumber]) -> Option<OptionNumber> {
        self.unrecognised(understood, OptionNumber::is_critical)
    }

    /// The first option that is unsafe to forward and, as above, not recognised, for which a proxy passes nothing on (RFC 7252 §5.4.2).
    pub fn unrecognised_unsafe(&self, understood: &[OptionNumber]) -> Option<OptionNumber> {
        self.unrecognised(understood, OptionNumber::is_unsafe_to_forward)
    }

    fn unrecognised(
        &self,
        understood: &[OptionNumber],
        matters: impl Fn(OptionNumber) -> bool,
    ) -> Option<OptionNumber> {
        let mut previous = None;
        for option in &self.0 {
            let repeated = previous.replace(option.number) == Some(option.number);
            let recognised = understood.contains(&option.number)
                && has_allowed_length(option.number, &option.value)
                && (!repeated || option.number.definition().is_none_or(|definition| definition.repeatable));
            if matters(option.number) && !recognised {
                return Some(option.number);
            }
        }
        None
    }

    /// Bytes on the wire.
    pub(super) fn wire_len(&self) -> u64 {
        let mut previous = 0;
        let mut sum = 0;
        for option in &self.0 {
            let (delta, length) = (option.number.0 - previous, option.value.len());
            sum += 1 + extension_len(usize::from(delta)) + extension_len(length) + length as u64;
            previous = option.number.0;
        }
        sum
    }

    /// Writes delta, length and value of each (RFC 7252 §3.1).
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let mut previous = 0;
        for option in &self.0 {
            let (delta, length) = (usize::from(option.number.0 - previous), option.value.len());
            out.push(nibble(delta) << 4 | nibble(length));
            extend(delta, out);
            extend(length, out);
            out.extend_from_slice(&option.value);
            previous = option.number.0;
        }
    }

    /// Reads options up to the end or the payload marker; says which of the two it was.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<(Self, bool), Flaw> {
        let mut options = Vec::new();
        let mut number: u16 = 0;
        while let Some(first) = reader.byte() {
            if first == PAYLOAD_MARKER {
                return Ok((Self(options), true));
            }
            let delta = read_extended(first >> 4, reader)?;
            let length = read_extended(first & 15, reader)?;
            number = u16::try_from(delta).ok().and_then(|delta| number.checked_add(delta)).ok_or(Flaw::OptionNumber)?;
            let value = reader.bytes(length as usize).ok_or(Flaw::TruncatedOption)?;
            options.push(CoapOption { number: OptionNumber(number), value });
        }
        Ok((Self(options), false))
    }
}

impl<'a> IntoIterator for &'a Options {
    type Item = &'a CoapOption;
    type IntoIter = std::slice::Iter<'a, CoapOption>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What stands between options and payload (RFC 7252 §3).
pub(super) const PAYLOAD_MARKER: u8 = 0xff;

/// Options without a definition may have any length.
fn has_allowed_length(number: OptionNumber, value: &Bytes) -> bool {
    number.definition().is_none_or(|d| (usize::from(d.min)..=usize::from(d.max)).contains(&value.len()))
}

/// RFC 7252 §3.1: 13 announces one more byte, 14 two more.
fn nibble(value: usize) -> u8 {
    match value {
        0..=12 => value as u8,
        13..=268 => 13,
        _ => 14,
    }
}

fn extension_len(value: usize) -> u64 {
    match value {
        0..=12 => 0,
        13..=268 => 1,
        _ => 2,
    }
}

fn extend(value: usize, out: &mut Vec<u8>) {
    match value {
        0..=12 => {}
        // Both fit: the first is at most 255, the second at most 65535 by `Options::add`.
        13..=268 => out.push((value - 13) as u8),
        _ => out.extend_from_slice(&((value - 269) as u16).to_be_bytes()),
    }
}

fn read_extended(nibble: u8, reader: &mut Reader<'_>) -> Result<u32, Flaw> {
    match nibble {
        0..=12 => Ok(u32::from(nibble)),
        13 => Ok(u32::from(reader.byte().ok_or(Flaw::TruncatedOption)?) + 13),
        14 => {
            let (high, low) = reader.byte().zip(reader.byte()).ok_or(Flaw::TruncatedOption)?;
            Ok(u32::from(u16::from_be_bytes([high, low])) + 269)
        }
        // 15 is kept for the payload marker.
        _ => Err(Flaw::ReservedNibble),
    }
}
