//! Compressed certificates (RFC 8879) by zlib (RFC 1950, RFC 1951).
//!
//! Lengths must not depend on the mode, but how far random bytes can be compressed depends on the bytes. So keys and
//! signatures go into stored blocks, which is where nothing is lost, and all else into blocks with fixed codes, whose
//! length then follows from what both modes have in common.

use crate::tls::codes::AlertDescription;
use bytes::Bytes;

/// How far back a match may lie, and its least and greatest length \[bytes\] (RFC 1951 §3.2.5).
const WINDOW: usize = 32_768;
const MIN_MATCH: usize = 3;
const MAX_MATCH: usize = 258;
/// How many earlier places are tried for a match.
const MAX_TRIES: usize = 64;
/// The longest stored block \[bytes\] (RFC 1951 §3.2.4).
const MAX_STORED: usize = 65_535;

/// Base lengths of the codes from 257 on, and how many bits more they have (RFC 1951 §3.2.5).
const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];
/// The same of the codes for distances, from 0 on.
const DISTANCES: [(u16, u8); 30] = [
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
    (65, 5),
    (97, 5),
    (129, 6),
    (193, 6),
    (257, 7),
    (385, 7),
    (513, 8),
    (769, 8),
    (1025, 9),
    (1537, 9),
    (2049, 10),
    (3073, 10),
    (4097, 11),
    (6145, 11),
    (8193, 12),
    (12289, 12),
    (16385, 13),
    (24577, 13),
];

/// `message` as a zlib stream; what of it is one of `opaque` is stored.
pub(super) fn compress(message: &[u8], opaque: &[Bytes]) -> Bytes {
    let is_opaque = mark(message, opaque);
    // 32 KiB of window, the default level (RFC 1950 §2.2).
    let mut out = Writer { bytes: vec![0x78, 0x9c], bits: 0, count: 0 };
    let matches = Matches { message, is_opaque: &is_opaque };
    let mut earlier = Earlier::default();
    let mut at = 0;
    while at < message.len() {
        let run = is_opaque[at..].iter().take_while(|this| **this == is_opaque[at]).count();
        if is_opaque[at] {
            message[at..at + run].chunks(MAX_STORED).for_each(|part| out.stored(part));
        } else {
            out.block(false);
            matches.write(at..at + run, &mut earlier, &mut out);
            out.literal_or_length(256);
        }
        at += run;
    }
    // An empty block is the last one.
    out.block(true);
    out.literal_or_length(256);
    out.align();
    out.bytes.extend_from_slice(&adler32(message).to_be_bytes());
    out.bytes.into()
}

/// What `data` was made of, which must have `len` bytes.
///
/// # Errors
/// `bad_certificate` for data that cannot be decompressed, or to another length (RFC 8879 §4).
pub fn decompress(data: &[u8], len: usize) -> Result<Bytes, AlertDescription> {
    miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(data, len)
        .ok()
        .filter(|message| message.len() == len)
        .map(Bytes::from)
        .ok_or(AlertDescription::BAD_CERTIFICATE)
}

/// Which bytes belong to one of `opaque`.
pub(super) fn mark(message: &[u8], opaque: &[Bytes]) -> Vec<bool> {
    let mut marks = vec![false; message.len()];
    for part in opaque.iter().filter(|part| !part.is_empty()) {
        let mut at = 0;
        while let Some(candidate) = message[at..].iter().position(|byte| *byte == part[0]) {
            at += candidate;
            if message[at..].starts_with(part) {
                marks[at..at + part.len()].fill(true);
                at += part.len();
            } else {
                at += 1;
            }
        }
    }
    marks
}

fn adler32(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (a + b) % 65_521)
    });
    b << 16 | a
}

/// Where three bytes stood before, by a hash of them: the latest place, and for each place the one before it.
struct Earlier {
    latest: Vec<usize>,
    before: std::collections::BTreeMap<usize, usize>,
}

impl Default for Earlier {
    fn default() -> Self {
        Self { latest: vec![usize::MAX; 4096], before: std::collections::BTreeMap::new() }
    }
}

impl Earlier {
    fn hash(bytes: &[u8]) -> usize {
        let word = u32::from(bytes[0]) << 16 | u32::from(bytes[1]) << 8 | u32::from(bytes[2]);
        (word.wrapping_mul(0x9e37_79b1) >> 20) as usize
    }

    fn add(&mut self, at: usize, bytes: &[u8]) {
        let latest = &mut self.latest[Self::hash(bytes)];
        if *latest != usize::MAX {
            self.before.insert(at, *latest);
        }
        *latest = at;
    }
}

/// Finds repetitions among the bytes that are not opaque.
struct Matches<'a> {
    message: &'a [u8],
    is_opaque: &'a [bool],
}

impl Matches<'_> {
    /// Writes the bytes in `range`, none of which is opaque.
    fn write(&self, range: std::ops::Range<usize>, earlier: &mut Earlier, out: &mut Writer) {
        let mut at = range.start;
        while at < range.end {
            let (len, distance) = self.longest(at, range.end, earlier);
            let step = if len >= MIN_MATCH {
                out.repetition(len, distance);
                len
            } else {
                out.literal_or_length(u16::from(self.message[at]));
                1
            };
            for place in at..at + step {
                if place + MIN_MATCH <= range.end {
                    earlier.add(place, &self.message[place..]);
                }
            }
            at += step;
        }
    }

    /// The longest match for what stands at `at` before `end`, and its distance.
    fn longest(&self, at: usize, end: usize, earlier: &Earlier) -> (usize, usize) {
        let most = (end - at).min(MAX_MATCH);
        let mut best = (0, 0);
        if most < MIN_MATCH {
            return best;
        }
        let mut place = earlier.latest[Earlier::hash(&self.message[at..])];
        for _ in 0..MAX_TRIES {
            if place == usize::MAX || at - place > WINDOW {
                break;
            }
            let is_same = |i: &usize| self.message[place + i] == self.message[at + i] && !self.is_opaque[place + i];
            let len = (0..most).take_while(is_same).count();
            if len > best.0 {
                best = (len, at - place);
            }
            place = earlier.before.get(&place).copied().unwrap_or(usize::MAX);
        }
        best
    }
}

/// Writes bits from the lowest on; codes from their highest bit on (RFC 1951 §3.1.1).
struct Writer {
    bytes: Vec<u8>,
    bits: u64,
    count: u32,
}

impl Writer {
    fn bits(&mut self, value: u16, count: u8) {
        self.bits |= u64::from(value) << self.count;
        self.count += u32::from(count);
        while self.count >= 8 {
            self.bytes.push(self.bits as u8);
            self.bits >>= 8;
            self.count -= 8;
        }
    }

    fn code(&mut self, code: u16, count: u8) {
        self.bits(code.reverse_bits() >> (16 - count), count);
    }

    /// Up to the next byte.
    fn align(&mut self) {
        self.bits(0, ((8 - self.count % 8) % 8) as u8);
    }

    /// The header of a block with fixed codes.
    fn block(&mut self, is_last: bool) {
        self.bits(u16::from(is_last), 1);
        self.bits(1, 2);
    }

    /// A stored block of at most [`MAX_STORED`] bytes.
    fn stored(&mut self, part: &[u8]) {
        self.bits(0, 3);
        self.align();
        let len = part.len() as u16;
        self.bytes.extend_from_slice(&len.to_le_bytes());
        self.bytes.extend_from_slice(&(!len).to_le_bytes());
        self.bytes.extend_from_slice(part);
    }

    /// A literal, the end of a block (256) or a length's code, by the fixed code (RFC 1951 §3.2.6).
    fn literal_or_length(&mut self, symbol: u16) {
        match symbol {
            0..144 => self.code(0b0011_0000 + symbol, 8),
            144..256 => self.code(0b1_1001_0000 + symbol - 144, 9),
            256..280 => self.code(symbol - 256, 7),
            _ => self.code(0b1100_0000 + symbol - 280, 8),
        }
    }

    fn repetition(&mut self, len: usize, distance: usize) {
        // Both fit: at most 258 and 32768.
        let (len, distance) = (len as u16, distance as u16);
        let find = |table: &[(u16, u8)], value: u16| table.partition_point(|(base, _)| *base <= value) - 1;
        let index = find(&LENGTHS, len);
        self.literal_or_length(257 + index as u16);
        self.bits(len - LENGTHS[index].0, LENGTHS[index].1);
        let index = find(&DISTANCES, distance);
        self.code(index as u16, 5);
        self.bits(distance - DISTANCES[index].0, DISTANCES[index].1);
    }
}
