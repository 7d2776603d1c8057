//! IPHC and NHC to headers (RFC 6282 §3 and §4).

use super::address::{read_destination, read_source};
use super::context::Contexts;
use super::error::{LowpanError, Reader};
use super::headers::Dispatch;
use super::iid::{Ends, Iid};
use super::next_header::{self, Eid, IPV6_LEN, UDP_LEN};
use crate::rope::Rope;
use std::net::Ipv6Addr;

/// The longest datagram that an IPv6 header's length field allows \[bytes\].
const MAX_LEN: u64 = 0xffff + IPV6_LEN as u64;

/// Headers of a datagram. Their length fields and a checksum that was left out are set once the rest is there: [`Expanded::finish`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Expanded {
    header: Vec<u8>,
    used: usize,
    /// Where length fields are, and from where they count.
    lengths: Vec<(usize, usize)>,
    elided: Option<Elided>,
}

/// A UDP checksum that was left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Elided {
    udp_at: usize,
    addresses: (Ipv6Addr, Ipv6Addr),
}

/// Reads the dispatch and the compressed headers at the front of `bytes`, the content of a frame with `ends` behind fragmentation and other
/// headers. A datagram that is not compressed has none.
///
/// # Errors
/// When they are cut, reserved, or say what this receiver does not know.
pub fn expand(bytes: &[u8], ends: Ends, contexts: &Contexts) -> Result<Expanded, LowpanError> {
    let first = *bytes.first().ok_or(LowpanError::Truncated { need: 1, have: 0 })?;
    match Dispatch::of(first) {
        Dispatch::Iphc => {}
        Dispatch::Ipv6 => return Ok(Expanded { used: 1, ..Expanded::default() }),
        Dispatch::NotLowpan => return Err(LowpanError::NotLowpan(first)),
        _ => return Err(LowpanError::Dispatch(first)),
    }
    let reader = Reader::new(bytes);
    let addresses = (Ipv6Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED);
    let mut expander =
        Expander { reader, contexts, ends, addresses, is_partial: false, next_at: 0, out: Expanded::default() };
    let mut is_next_compressed = expander.ipv6()?;
    while is_next_compressed {
        is_next_compressed = expander.next()?;
    }
    Ok(Expanded { used: expander.reader.at(), ..expander.out })
}

struct Expander<'a> {
    reader: Reader<'a>,
    contexts: &'a Contexts,
    /// Those of what is around the next IPv6 header.
    ends: Ends,
    /// Those of the last IPv6 header.
    addresses: (Ipv6Addr, Ipv6Addr),
    /// A fragment header says that the datagram is a part of one.
    is_partial: bool,
    /// Where the last header names its next.
    next_at: usize,
    out: Expanded,
}

impl Expander<'_> {
    /// Reads IPHC and what it announces; true if a compressed header follows.
    fn ipv6(&mut self) -> Result<bool, LowpanError> {
        let [first, modes] = self.reader.array()?;
        if Dispatch::of(first) != Dispatch::Iphc {
            return Err(LowpanError::Dispatch(first));
        }
        let [source_context, destination_context] = match modes & 0x80 {
            0 => [0, 0],
            _ => self.reader.u8().map(|byte| [byte >> 4, byte & 15])?,
        };
        let (class, flow) = self.class_and_flow(first >> 3 & 3)?;
        let is_next_compressed = first & 4 != 0;
        let protocol = if is_next_compressed { 0 } else { self.reader.u8()? };
        let hop_limit = match first & 3 {
            0 => self.reader.u8()?,
            1 => 1,
            2 => 64,
            _ => 255,
        };
        let source = (modes & 0x40 != 0, modes >> 4 & 3, source_context);
        let source = read_source(source, self.ends.source, self.contexts, &mut self.reader)?;
        let destination = (modes, destination_context);
        let destination = read_destination(destination, self.ends.destination, self.contexts, &mut self.reader)?;
        let at = self.out.header.len();
        self.out.lengths.push((at + 4, at + IPV6_LEN));
        self.out.header.extend_from_slice(&(6 << 28 | u32::from(class) << 20 | flow).to_be_bytes());
        self.out.header.extend_from_slice(&[0, 0, protocol, hop_limit]);
        self.out.header.extend_from_slice(&source.octets());
        self.out.header.extend_from_slice(&destination.octets());
        self.addresses = (source, destination);
        self.ends = Ends { source: Some(Iid::of(source)), destination: Some(Iid::of(destination)) };
        self.next_at = at + 6;
        self.check_len()?;
        Ok(is_next_compressed)
    }

    /// Traffic class and flow label, in the form that TF says.
    fn class_and_flow(&mut self, tf: u8) -> Result<(u8, u32), LowpanError> {
        let turned = |byte: u8| byte.rotate_left(2);
        let label = |high: u8, middle: u8, low: u8| u32::from_be_bytes([0, high & 15, middle, low]);
        Ok(match tf {
            0 => {
                let [class, a, b, c] = self.reader.array()?;
                (turned(class), label(a, b, c))
            }
            // ECN and the label share a byte.
            1 => {
                let [a, b, c] = self.reader.array()?;
                (turned(a & 0xc0), label(a, b, c))
            }
            2 => (turned(self.reader.u8()?), 0),
            _ => (0, 0),
        })
    }

    /// Reads a compressed next header; true if another one follows.
    fn next(&mut self) -> Result<bool, LowpanError> {
        let nhc = self.reader.u8()?;
        if nhc & 0xf8 == next_header::UDP_NHC {
            self.name(next_header::UDP);
            return self.udp(nhc).map(|()| false);
        }
        let unknown = LowpanError::NextHeader(nhc);
        if nhc & 0xf0 != next_header::EXTENSION {
            return Err(unknown);
        }
        let eid = Eid(nhc >> 1 & 7);
        self.name(eid.protocol().ok_or(unknown)?);
        let is_next_compressed = match eid {
            Eid::IPV6 => return self.ipv6(),
            Eid::FRAGMENT => self.fragment(nhc & 1 != 0)?,
            _ => self.extension(eid, nhc & 1 != 0)?,
        };
        self.check_len()?;
        Ok(is_next_compressed)
    }

    /// The last header's next is `protocol`.
    fn name(&mut self, protocol: u8) {
        self.out.header[self.next_at] = protocol;
    }

    /// The next header of an extension header, if it is there; it is set later, if not.
    fn named(&mut self, is_next_compressed: bool) -> Result<u8, LowpanError> {
        if is_next_compressed { Ok(0) } else { self.reader.u8() }
    }

    fn fragment(&mut self, is_next_compressed: bool) -> Result<bool, LowpanError> {
        self.next_at = self.out.header.len();
        let named = self.named(is_next_compressed)?;
        self.out.header.push(named);
        self.out.header.extend_from_slice(self.reader.take(7)?);
        self.is_partial |= next_header::is_partial(&self.out.header[self.next_at..]);
        Ok(is_next_compressed)
    }

    fn extension(&mut self, eid: Eid, is_next_compressed: bool) -> Result<bool, LowpanError> {
        let at = self.out.header.len();
        self.next_at = at;
        let named = self.named(is_next_compressed)?;
        let len = usize::from(self.reader.u8()?);
        let content = self.reader.take(len)?;
        let padding = (8 - (2 + len) % 8) % 8;
        if padding != 0 && !eid.has_options() {
            return Err(LowpanError::ExtensionLength(2 + len));
        }
        // At most (2 + 255 + 7) / 8 - 1.
        self.out.header.extend_from_slice(&[named, ((2 + len + padding) / 8).saturating_sub(1) as u8]);
        self.out.header.extend_from_slice(content);
        self.out.header.extend_from_slice(next_header::padding(padding));
        Ok(is_next_compressed)
    }

    fn udp(&mut self, nhc: u8) -> Result<(), LowpanError> {
        let (source, destination) = match nhc & 3 {
            0 => (self.reader.u16_be()?, self.reader.u16_be()?),
            1 => (self.reader.u16_be()?, 0xf000 | u16::from(self.reader.u8()?)),
            2 => (0xf000 | u16::from(self.reader.u8()?), self.reader.u16_be()?),
            _ => {
                let ports = u16::from(self.reader.u8()?);
                (0xf0b0 | ports >> 4, 0xf0b0 | ports & 15)
            }
        };
        let udp_at = self.out.header.len();
        let checksum = match nhc & 4 {
            0 => self.reader.array()?,
            _ if self.is_partial => return Err(LowpanError::ElidedChecksum),
            _ => {
                self.out.elided = Some(Elided { udp_at, addresses: self.addresses });
                [0, 0]
            }
        };
        self.out.lengths.push((udp_at + 4, udp_at));
        self.out.header.extend_from_slice(&source.to_be_bytes());
        self.out.header.extend_from_slice(&destination.to_be_bytes());
        self.out.header.extend_from_slice(&[0, 0]);
        self.out.header.extend_from_slice(&checksum);
        self.check_len()
    }

    /// A few bytes may stand for many headers, one in the other.
    fn check_len(&self) -> Result<(), LowpanError> {
        let len = self.out.header.len() as u64;
        if len > MAX_LEN { Err(LowpanError::TooLong(len)) } else { Ok(()) }
    }
}

impl Expanded {
    /// Bytes of the frame's content that were read.
    pub const fn used(&self) -> usize {
        self.used
    }

    /// Bytes of the datagram that they stand for.
    pub fn header_len(&self) -> u64 {
        self.header.len() as u64
    }

    /// True if what came was the dispatch of a datagram that is not compressed.
    pub fn is_uncompressed(&self) -> bool {
        self.header.is_empty()
    }

    /// The datagram, of which `rest` is what follows the headers.
    ///
    /// # Errors
    /// When it is too long for its length fields.
    pub fn finish(mut self, rest: &Rope) -> Result<Rope, LowpanError> {
        let total = self.header.len() as u64 + rest.len();
        for (field, from) in &self.lengths {
            let len = u16::try_from(total - *from as u64).map_err(|_| LowpanError::TooLong(total))?;
            self.header[*field..*field + 2].copy_from_slice(&len.to_be_bytes());
        }
        if let Some(Elided { udp_at, addresses }) = self.elided {
            let mut checksum = next_header::pseudo_header(addresses, total - udp_at as u64);
            checksum.add_bytes(&self.header[udp_at..udp_at + UDP_LEN]);
            checksum.add_rope(rest);
            self.header[udp_at + 6..udp_at + UDP_LEN].copy_from_slice(&next_header::udp_checksum(checksum));
        }
        let mut datagram = Rope::from(self.header);
        datagram.append(rest);
        Ok(datagram)
    }
}
