//! What stands before a datagram in a frame: mesh, broadcast and fragmentation headers, and the dispatch (RFC 4944 §5).

use super::error::{LowpanError, Reader};
use crate::ieee802154::Address;

/// Dispatch of an IPv6 datagram that is not compressed.
pub const IPV6_DISPATCH: u8 = 0x41;
/// Dispatch of a broadcast header.
const BROADCAST_DISPATCH: u8 = 0x50;
/// Length of the first fragment's header in bytes.
pub const FRAG1_LEN: usize = 4;
/// Length of the other fragments' header in bytes.
pub const FRAGN_LEN: usize = 5;
/// The longest datagram that fragments can carry, from 11 bits \[bytes\].
pub const MAX_FRAGMENTED: u64 = 0x7ff;

/// What a dispatch byte announces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dispatch {
    /// 00xxxxxx: something that is no 6LoWPAN.
    NotLowpan,
    /// 01000001: an IPv6 datagram as it is.
    Ipv6,
    /// 011xxxxx: a compressed one.
    Iphc,
    /// 01010000: a broadcast header.
    Broadcast,
    /// 10xxxxxx: a mesh header.
    Mesh,
    /// 11000xxx: the first fragment.
    FirstFragment,
    /// 11100xxx: another one.
    NextFragment,
    /// All others: the escape (01000000), HC1 (01000010), and what is reserved.
    Other,
}

/// A mesh header: where a frame that goes over several hops comes from and goes to (RFC 4944 §5.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mesh {
    /// Hops that are left.
    pub hops_left: u8,
    /// Who sent it first.
    pub originator: Address,
    /// Whom it is for.
    pub final_destination: Address,
}

/// A fragmentation header (RFC 4944 §5.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FragmentHeader {
    /// Length of the whole datagram, uncompressed, eleven bits \[bytes\].
    pub size: u16,
    /// Which datagram of its sender.
    pub tag: u16,
    /// Where the fragment belongs, in eight bytes of the uncompressed datagram; `None` for the first one.
    pub offset: Option<u8>,
}

/// What stands before a datagram, in this order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Headers {
    /// Where it comes from and goes to.
    pub mesh: Option<Mesh>,
    /// The number of a broadcast in the mesh (RFC 4944 §11.1).
    pub broadcast: Option<u8>,
    /// Which part it is.
    pub fragment: Option<FragmentHeader>,
}

impl Dispatch {
    /// What `byte` announces.
    pub const fn of(byte: u8) -> Self {
        match byte {
            IPV6_DISPATCH => Self::Ipv6,
            BROADCAST_DISPATCH => Self::Broadcast,
            0x00..=0x3f => Self::NotLowpan,
            0x60..=0x7f => Self::Iphc,
            0x80..=0xbf => Self::Mesh,
            0xc0..=0xc7 => Self::FirstFragment,
            0xe0..=0xe7 => Self::NextFragment,
            _ => Self::Other,
        }
    }
}

impl Mesh {
    /// From here on, hops have a byte of their own.
    const DEEP: u8 = 15;

    fn encode_into(&self, out: &mut Vec<u8>) {
        let is_short = |address: Address| u8::from(matches!(address, Address::Short(_)));
        out.push(
            0x80 | is_short(self.originator) << 5
                | is_short(self.final_destination) << 4
                | self.hops_left.min(Self::DEEP),
        );
        if self.hops_left >= Self::DEEP {
            out.push(self.hops_left);
        }
        for address in [self.originator, self.final_destination] {
            match address {
                Address::Short(short) => out.extend_from_slice(&short.to_be_bytes()),
                Address::Extended(extended) => out.extend_from_slice(&extended.to_be_bytes()),
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, LowpanError> {
        let byte = reader.u8()?;
        let hops_left = match byte & 15 {
            Self::DEEP => reader.u8()?,
            hops => hops,
        };
        let mut address = |is_short: bool| match is_short {
            true => reader.u16_be().map(Address::Short),
            false => reader.array().map(u64::from_be_bytes).map(Address::Extended),
        };
        Ok(Self { hops_left, originator: address(byte & 0x20 != 0)?, final_destination: address(byte & 0x10 != 0)? })
    }
}

impl FragmentHeader {
    /// Length on the wire in bytes.
    pub const fn wire_len(&self) -> usize {
        match self.offset {
            None => FRAG1_LEN,
            Some(_) => FRAGN_LEN,
        }
    }

    fn encode_into(&self, out: &mut Vec<u8>) {
        let dispatch = if self.offset.is_none() { 0xc000 } else { 0xe000 };
        out.extend_from_slice(&(dispatch | self.size & 0x7ff).to_be_bytes());
        out.extend_from_slice(&self.tag.to_be_bytes());
        out.extend(self.offset);
    }

    fn read(is_first: bool, reader: &mut Reader<'_>) -> Result<Self, LowpanError> {
        let (size, tag) = (reader.u16_be()? & 0x7ff, reader.u16_be()?);
        let offset = if is_first { None } else { Some(reader.u8()?) };
        Ok(Self { size, tag, offset })
    }
}

impl Headers {
    /// Writes them.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        if let Some(mesh) = &self.mesh {
            mesh.encode_into(out);
        }
        if let Some(number) = self.broadcast {
            out.extend_from_slice(&[BROADCAST_DISPATCH, number]);
        }
        if let Some(fragment) = &self.fragment {
            fragment.encode_into(out);
        }
    }

    /// Reads them from the front of `bytes`, and says how long they are. What follows a fragment that is not the first has no dispatch.
    ///
    /// # Errors
    /// When they are cut.
    pub fn decode(bytes: &[u8]) -> Result<(Self, usize), LowpanError> {
        let mut reader = Reader::new(bytes);
        let mut headers = Self::default();
        let next = |reader: &Reader<'_>| reader.peek().map(Dispatch::of);
        if next(&reader) == Some(Dispatch::Mesh) {
            headers.mesh = Some(Mesh::read(&mut reader)?);
        }
        if next(&reader) == Some(Dispatch::Broadcast) {
            reader.u8()?;
            headers.broadcast = Some(reader.u8()?);
        }
        if let Some(kind @ (Dispatch::FirstFragment | Dispatch::NextFragment)) = next(&reader) {
            headers.fragment = Some(FragmentHeader::read(kind == Dispatch::FirstFragment, &mut reader)?);
        }
        Ok((headers, reader.at()))
    }
}
