//! Packets out of a stream, however it is cut.

use super::decode::{check_first_byte, decode};
use super::packet::Packet;
use super::text::Varint;
use super::{Fault, MAX_PACKET, Version};
use crate::messaging::inbox::Inbox;
use crate::mqtt::wire::ReasonCode;
use crate::rope::Rope;

/// Who sends what a decoder reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Peer {
    /// A client: we are the server.
    Client,
    /// The server.
    Server,
}

/// Cuts a stream into packets.
///
/// It holds what was pushed and not yet taken: where its owner takes all packets that there are after each push, that is less than one
/// packet, whose size is known, and refused, from its fixed header on. Bulk data stays as it is. 32 bytes where nothing waits.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// What was pushed and belongs to no packet yet.
    inbox: Inbox,
    /// The largest packet \[bytes\].
    limit: u32,
    /// Known from the CONNECT on.
    version: Option<Version>,
    peer: Peer,
    fault: Option<Box<Fault>>,
}

/// The fixed header of a packet (v5 §2.1.1).
struct Head {
    first: u8,
    /// Its own length \[bytes\].
    len: u64,
    /// Length of what stands behind it \[bytes\].
    body: u64,
    is_shortest: bool,
}

const TOO_LARGE: Fault =
    Fault::new(ReasonCode::PacketTooLarge, "v5 §3.1.2.11.4", "a packet is larger than the maximum packet size");

impl Decoder {
    /// A server's: the first packet has to be a CONNECT, which says the version (\[MQTT-3.1.0-1\]).
    pub const fn of_server() -> Self {
        Self::new(Peer::Client, None)
    }

    /// A client's, which has sent a CONNECT of this version.
    pub const fn of_client(version: Version) -> Self {
        Self::new(Peer::Server, Some(version))
    }

    const fn new(peer: Peer, version: Option<Version>) -> Self {
        // Nothing that a length can say is larger.
        let limit = MAX_PACKET as u32;
        Self { inbox: Inbox::new(), limit, version, peer, fault: None }
    }

    /// With this maximum packet size \[bytes\], the fixed header included (v5 §3.1.2.11.4).
    #[must_use]
    pub const fn with_limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// The version that is spoken; `None` before the CONNECT.
    pub const fn version(&self) -> Option<Version> {
        self.version
    }

    /// How much waits for the rest of its packet, or to be taken \[bytes\].
    pub const fn waiting(&self) -> u64 {
        self.inbox.waiting()
    }

    /// Adds what was read from the stream. Behind a fault it is dropped.
    pub fn push(&mut self, data: &Rope) {
        if self.fault.is_some() {
            return;
        }
        self.inbox.push(data);
    }

    /// The next packet, once it is whole.
    ///
    /// # Errors
    /// When there is none, and never will be: from then on the same fault.
    pub fn next_packet(&mut self) -> Result<Option<Packet>, Fault> {
        if let Some(fault) = &self.fault {
            return Err(**fault);
        }
        let packet = self.try_next();
        if let Err(fault) = packet {
            self.fault = Some(Box::new(fault));
            self.inbox = Inbox::new();
        }
        packet
    }

    fn try_next(&mut self) -> Result<Option<Packet>, Fault> {
        let Some(head) = self.head()? else { return Ok(None) };
        let whole = head.len + head.body;
        if whole > u64::from(self.limit) {
            return Err(TOO_LARGE);
        }
        if matches!(head.first >> 4, 12 | 13) && head.body > 0 {
            return Err(Fault::malformed("v5 §3.12", "a ping is longer than its fixed header"));
        }
        if self.inbox.waiting() < whole {
            return Ok(None);
        }
        self.inbox.take(head.len);
        let body = self.inbox.take(head.body);
        // A server's first packet is a CONNECT, which reads its version itself.
        let packet = decode(head.first, &body, self.peer, self.version.unwrap_or(Version::V5))?;
        if let Packet::Connect(connect) = &packet {
            self.version = Some(connect.version);
        }
        if !head.is_shortest && self.version == Some(Version::V5) {
            return Err(Fault::malformed("MQTT-1.5.5-1", "a length has needless bytes"));
        }
        Ok(Some(packet))
    }

    /// The fixed header, once it is there. The first byte is looked at without waiting for the length.
    fn head(&self) -> Result<Option<Head>, Fault> {
        let mut start = [0; 5];
        let len = self.inbox.peek(&mut start);
        let Some((&first, length)) = start[..len].split_first() else { return Ok(None) };
        check_first_byte(first, self.peer, self.version)?;
        let mut varint = Varint::default();
        for (len, byte) in (2..).zip(length) {
            if let Some((body, is_shortest)) = varint.push(*byte)? {
                return Ok(Some(Head { first, len, body: u64::from(body), is_shortest }));
            }
        }
        Ok(None)
    }
}
