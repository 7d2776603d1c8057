//! Headers and frames out of a stream, however it is cut.

use super::Fault;
use super::frame::{Frame, HEAD, Header, Item, MIN_MAX_FRAME_SIZE};
use super::performative::Performative;
use crate::messaging::inbox::Inbox;
use crate::rope::Rope;

/// Cuts a stream into headers and frames.
///
/// It holds what was pushed and not yet taken: where its owner takes all that there is after each push, that is less than one frame, whose size
/// is known, and refused, from its first four bytes on. Bulk data stays as it is.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// What was pushed and belongs to no frame yet.
    inbox: Inbox,
    /// The largest frame behind an open \[bytes\].
    limit: u32,
    expects: Expects,
    fault: Option<Box<Fault>>,
}

/// What may come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expects {
    /// A header.
    Header,
    /// Frames of SASL, and behind the last of them a header.
    Sasl,
    /// The open, in a frame that everyone takes (§2.4.1).
    Open,
    /// Frames.
    Frames,
    /// What is not known: the header was of another protocol or version.
    Other,
}

impl Decoder {
    /// Of a new stream, whose frames may have `max_frame_size` bytes; at least 512.
    pub const fn new(max_frame_size: u32) -> Self {
        let limit = if max_frame_size < MIN_MAX_FRAME_SIZE { MIN_MAX_FRAME_SIZE } else { max_frame_size };
        Self { inbox: Inbox::new(), limit, expects: Expects::Header, fault: None }
    }

    /// How much waits for the rest of its frame, or to be taken \[bytes\].
    pub const fn waiting(&self) -> u64 {
        self.inbox.waiting()
    }

    /// Adds what was read from the stream. Behind a fault, or a header that is not known, it is dropped.
    pub fn push(&mut self, data: &Rope) {
        if self.fault.is_some() || self.expects == Expects::Other {
            return;
        }
        self.inbox.push(data);
    }

    /// The next header or frame, once it is whole.
    ///
    /// # Errors
    /// When there is none, and never will be: from then on the same fault.
    pub fn next_item(&mut self) -> Result<Option<Item>, Fault> {
        if let Some(fault) = &self.fault {
            return Err(**fault);
        }
        let item = self.try_next();
        if let Err(fault) = item {
            self.fault = Some(Box::new(fault));
            self.inbox = Inbox::new();
        }
        item
    }

    fn try_next(&mut self) -> Result<Option<Item>, Fault> {
        let mut start = [0; HEAD as usize];
        let len = self.inbox.peek(&mut start);
        let start = &start[..len];
        match self.expects {
            Expects::Other => Ok(None),
            Expects::Header => self.next_header(start),
            // No frame of SASL has this size (§5.3.1).
            Expects::Sasl if start.starts_with(b"AMQP") => self.next_header(start),
            Expects::Sasl | Expects::Open | Expects::Frames => Ok(self.next_frame(start)?.map(Item::Frame)),
        }
    }

    fn next_header(&mut self, start: &[u8]) -> Result<Option<Item>, Fault> {
        if start.iter().zip(b"AMQP").any(|(byte, expected)| byte != expected) {
            return Err(Fault::framing("§2.2", "a stream does not begin with AMQP"));
        }
        let &[_, _, _, _, id, major, minor, revision] = start else { return Ok(None) };
        self.inbox.take(HEAD);
        let header = Header { id, version: [major, minor, revision] };
        self.expects = match header {
            Header::AMQP => Expects::Open,
            Header::SASL => Expects::Sasl,
            _ => Expects::Other,
        };
        if self.expects == Expects::Other {
            self.inbox = Inbox::new();
        }
        Ok(Some(Item::Header(header)))
    }

    fn next_frame(&mut self, start: &[u8]) -> Result<Option<Frame>, Fault> {
        let Some(&size) = start.first_chunk::<4>() else { return Ok(None) };
        let size = u64::from(u32::from_be_bytes(size));
        let limit = if self.expects == Expects::Frames { self.limit } else { MIN_MAX_FRAME_SIZE };
        if size < HEAD {
            return Err(Fault::framing("§2.3.1", "a frame is smaller than its header"));
        }
        if size > u64::from(limit) {
            return Err(Fault::framing("§2.3.1", "a frame is larger than the maximum frame size"));
        }
        let &[_, _, _, _, doff, kind, high, low] = start else { return Ok(None) };
        let offset = 4 * u64::from(doff);
        if offset < HEAD || offset > size {
            return Err(Fault::framing("§2.3.1", "a data offset points outside its frame"));
        }
        if kind != u8::from(self.expects == Expects::Sasl) {
            return Err(Fault::framing("§2.3.1", "a frame is of a type that is not spoken"));
        }
        if self.inbox.waiting() < size {
            return Ok(None);
        }
        // What an extended header has is skipped (§2.3.2).
        self.inbox.take(offset);
        let body = self.inbox.take(size - offset);
        let frame = Frame::decode(kind, u16::from_be_bytes([high, low]), &body)?;
        if matches!(&frame, Frame::Amqp { performative: Performative::Open(_), .. }) {
            self.expects = Expects::Frames;
        }
        Ok(Some(frame))
    }
}
