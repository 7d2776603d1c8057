//! Headers of a datagram to IPHC and NHC (RFC 6282 §3 and §4).
//!
//! First the headers that have a compression are found, in their order; then they are written, each with a look at whether the next one is
//! compressed, too. Where the result would be too long, the last ones stay as they are.

use super::address::choose;
use super::context::Contexts;
use super::headers::IPV6_DISPATCH;
use super::iid::{Ends, Iid};
use super::next_header::{self, Eid, FRAGMENT_LEN, IPV6_LEN, UDP_LEN};
use crate::rope::Rope;
use std::net::Ipv6Addr;

/// So much of a datagram is looked at for headers \[bytes\]: any that would make a frame's worth of compressed ones.
const LOOK: u64 = 512;

/// What a sender may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CompressOptions {
    /// Right UDP checksums are left out. Only with leave of the application, whose data must have another check (RFC 6282 §4.3.2).
    pub elides_udp_checksum: bool,
}

/// Why a datagram is not compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CompressError {
    /// It is not IPv6, or has no whole header.
    #[error("not an IPv6 datagram")]
    NotIpv6,
    /// Its payload length is not that of its payload; compressed, it would be.
    #[error("payload length {field} with {found} bytes of payload")]
    Length {
        /// What the header says.
        field: u16,
        /// What follows the header \[bytes\].
        found: u64,
    },
    /// Even its IPv6 header alone takes more than the frame has.
    #[error("a compressed header of {need} bytes where there is room for {room}")]
    NoRoom {
        /// Bytes of the compressed IPv6 header.
        need: usize,
        /// Bytes that there are.
        room: usize,
    },
}

/// What goes in front of the rest of a datagram.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compressed {
    /// Dispatch and compressed headers.
    pub head: Vec<u8>,
    /// So many bytes of the datagram these stand for; a multiple of eight.
    pub covered: u64,
}

impl Compressed {
    /// The dispatch of a datagram that goes as it is.
    pub fn none() -> Self {
        Self { head: vec![IPV6_DISPATCH], covered: 0 }
    }

    /// The frame's content, if the datagram is not fragmented.
    pub fn whole(&self, datagram: &Rope) -> Rope {
        let mut whole = Rope::from(self.head.clone());
        whole.append(&datagram.slice(self.covered, datagram.len().saturating_sub(self.covered)));
        whole
    }
}

/// A header with a compression, where it starts and where it ends.
#[derive(Clone, Copy, Debug)]
struct Part {
    kind: Kind,
    at: usize,
    end: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Ipv6,
    /// An extension header; behind `kept` of its bytes there is only padding, which is left out.
    Extension {
        eid: Eid,
        kept: usize,
    },
    Fragment,
    Udp,
}

/// Compresses the headers of `datagram`, whose frame or outer header has `ends`, to `room` bytes at most.
///
/// # Errors
/// When it is not an IPv6 datagram, or the IPv6 header alone has no room.
pub fn compress(
    datagram: &Rope,
    ends: Ends,
    contexts: &Contexts,
    options: CompressOptions,
    room: usize,
) -> Result<Compressed, CompressError> {
    let look = datagram.slice(0, LOOK).to_bytes();
    let scan = Scan { bytes: &look, total: datagram.len() };
    let mut parts = scan.parts()?;
    loop {
        let head = write(&look, &parts, ends, contexts, options.elides_udp_checksum.then_some(datagram));
        let covered = parts.last().map_or(0, |part| part.end) as u64;
        match parts.len() {
            _ if head.len() <= room => return Ok(Compressed { head, covered }),
            0 | 1 => return Err(CompressError::NoRoom { need: head.len(), room }),
            _ => parts.pop(),
        };
    }
}

struct Scan<'a> {
    bytes: &'a [u8],
    total: u64,
}

impl Scan<'_> {
    /// The headers that have a compression, from the first on.
    fn parts(&self) -> Result<Vec<Part>, CompressError> {
        let (first, mut protocol) = self.ipv6(0)?;
        let mut parts = vec![first];
        let mut at = first.end;
        while let Some((part, next)) = self.part(protocol, at) {
            parts.push(part);
            at = part.end;
            match next {
                Some(next) => protocol = next,
                None => break,
            }
        }
        Ok(parts)
    }

    /// An IPv6 header at `at`, and the protocol that it names.
    fn ipv6(&self, at: usize) -> Result<(Part, u8), CompressError> {
        let header =
            self.bytes.get(at..at + IPV6_LEN).filter(|header| header[0] >> 4 == 6).ok_or(CompressError::NotIpv6)?;
        let field = u16::from_be_bytes([header[4], header[5]]);
        let found = self.total - (at + IPV6_LEN) as u64;
        if u64::from(field) != found {
            return Err(CompressError::Length { field, found });
        }
        Ok((Part { kind: Kind::Ipv6, at, end: at + IPV6_LEN }, header[6]))
    }

    /// The header of `protocol` at `at`, if it has a compression, and the protocol that it names, if what follows may have one.
    fn part(&self, protocol: u8, at: usize) -> Option<(Part, Option<u8>)> {
        let rest = self.bytes.get(at..)?;
        let part = |kind, len: usize| Part { kind, at, end: at + len };
        match protocol {
            next_header::UDP => {
                let header = rest.get(..UDP_LEN)?;
                let len = u16::from_be_bytes([header[4], header[5]]);
                // Its length is what there is; any other one must be sent.
                (u64::from(len) == self.total - at as u64).then_some((part(Kind::Udp, UDP_LEN), None))
            }
            next_header::IPV6 => self.ipv6(at).ok().map(|(part, next)| (part, Some(next))),
            next_header::FRAGMENT => {
                let header = rest.get(..FRAGMENT_LEN)?;
                let next = (!next_header::is_partial(header)).then_some(header[0]);
                Some((part(Kind::Fragment, FRAGMENT_LEN), next))
            }
            _ => {
                let eid = Eid::of(protocol)?;
                let len = 8 * (usize::from(*rest.get(1)?) + 1);
                let header = rest.get(..len)?;
                let kept = if eid.has_options() { next_header::without_padding(header) } else { len };
                // The length is one byte, and counts what follows it.
                (kept - 2 <= 255).then_some((part(Kind::Extension { eid, kept }, len), Some(header[0])))
            }
        }
    }
}

/// Writes all of `parts`. With `elide`, the whole datagram, UDP checksums that are right are left out.
fn write(bytes: &[u8], parts: &[Part], mut ends: Ends, contexts: &Contexts, elide: Option<&Rope>) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    let mut addresses = (Ipv6Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED);
    for (index, part) in parts.iter().enumerate() {
        let header = &bytes[part.at..part.end];
        let is_next_compressed = index + 1 < parts.len();
        let nh = u8::from(is_next_compressed);
        // A next header that is not compressed is named.
        let named = |protocol: u8| (!is_next_compressed).then_some(protocol);
        match part.kind {
            Kind::Ipv6 => {
                if part.at > 0 {
                    // The bit NH is not used: IPHC has its own.
                    out.push(next_header::EXTENSION | Eid::IPV6.0 << 1);
                    ends = Ends { source: Some(Iid::of(addresses.0)), destination: Some(Iid::of(addresses.1)) };
                }
                addresses = (next_header::address(header, 8), next_header::address(header, 24));
                write_ipv6(header, addresses, is_next_compressed, ends, contexts, &mut out);
            }
            Kind::Extension { eid, kept } => {
                out.push(next_header::EXTENSION | eid.0 << 1 | nh);
                out.extend(named(header[0]));
                // At most 255: see where it was found.
                out.push((kept - 2) as u8);
                out.extend_from_slice(&header[2..kept]);
            }
            Kind::Fragment => {
                out.push(next_header::EXTENSION | Eid::FRAGMENT.0 << 1 | nh);
                out.extend(named(header[0]));
                // The reserved byte stands where others have their length.
                out.extend_from_slice(&header[1..]);
            }
            Kind::Udp => {
                let is_right = |datagram: &&Rope| has_right_checksum(datagram, part.at as u64, addresses);
                write_udp(header, elide.filter(is_right).is_some(), &mut out);
            }
        }
    }
    out
}

fn write_ipv6(
    header: &[u8],
    addresses: (Ipv6Addr, Ipv6Addr),
    is_next_compressed: bool,
    ends: Ends,
    contexts: &Contexts,
    out: &mut Vec<u8>,
) {
    let class = header[0] << 4 | header[1] >> 4;
    let flow = [header[1] & 15, header[2], header[3]];
    // ECN goes first here, and DSCP second.
    let turned = class.rotate_right(2);
    let tf = match (flow != [0; 3], turned & 0x3f != 0) {
        (true, true) => 0,
        // ECN goes with the label.
        (true, false) => 1,
        (false, _) if class != 0 => 2,
        (false, _) => 3,
    };
    let hop_limit = header[7];
    let hlim = match hop_limit {
        1 => 1,
        64 => 2,
        255 => 3,
        _ => 0,
    };
    let (source, destination) = choose(addresses, (ends.source, ends.destination), contexts);
    let has_contexts = source.context != 0 || destination.context != 0;
    out.push(0x60 | tf << 3 | u8::from(is_next_compressed) << 2 | hlim);
    out.push(
        u8::from(has_contexts) << 7
            | u8::from(source.stateful) << 6
            | source.mode << 4
            | u8::from(addresses.1.is_multicast()) << 3
            | u8::from(destination.stateful) << 2
            | destination.mode,
    );
    if has_contexts {
        out.push(source.context << 4 | destination.context);
    }
    match tf {
        0 => out.extend_from_slice(&[turned, flow[0], flow[1], flow[2]]),
        1 => out.extend_from_slice(&[turned & 0xc0 | flow[0], flow[1], flow[2]]),
        2 => out.push(turned),
        _ => {}
    }
    if !is_next_compressed {
        out.push(header[6]);
    }
    if hlim == 0 {
        out.push(hop_limit);
    }
    out.extend_from_slice(source.inline());
    out.extend_from_slice(destination.inline());
}

fn write_udp(header: &[u8], elides_checksum: bool, out: &mut Vec<u8>) {
    let is_nibble = |port: &[u8]| port[0] == 0xf0 && port[1] >> 4 == 0xb;
    let (source, destination) = (&header[..2], &header[2..4]);
    let first = next_header::UDP_NHC | u8::from(elides_checksum) << 2;
    if is_nibble(source) && is_nibble(destination) {
        out.extend_from_slice(&[first | 3, source[1] << 4 | destination[1] & 15]);
    } else if destination[0] == 0xf0 {
        out.extend_from_slice(&[first | 1, source[0], source[1], destination[1]]);
    } else if source[0] == 0xf0 {
        out.extend_from_slice(&[first | 2, source[1], destination[0], destination[1]]);
    } else {
        out.push(first);
        out.extend_from_slice(&header[..4]);
    }
    if !elides_checksum {
        out.extend_from_slice(&header[6..8]);
    }
}

/// True if the UDP datagram at byte `at` has the checksum that a receiver would compute.
fn has_right_checksum(datagram: &Rope, at: u64, addresses: (Ipv6Addr, Ipv6Addr)) -> bool {
    let udp = datagram.slice(at, u64::MAX);
    let sent = udp.slice(6, 2).to_bytes();
    let mut checksum = next_header::pseudo_header(addresses, udp.len());
    checksum.add_rope(&udp.slice(0, 6));
    checksum.add_rope(&udp.slice(8, u64::MAX));
    sent[..] == next_header::udp_checksum(checksum)
}
