//! Frames out of a stream, however it is cut.

use super::frame::{FRAME_END, FRAME_OVERHEAD, Frame, FrameMax, Payload, ProtocolHeader};
use super::id::Sender;
use super::method::Method;
use super::properties::ContentHeader;
use super::{Fault, ReplyCode};
use crate::messaging::inbox::Inbox;
use crate::rope::Rope;

/// What comes on a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// A protocol header: of a client first of all, of a server that does not serve what was asked for.
    Header(ProtocolHeader),
    /// A frame.
    Frame(Frame),
}

/// Cuts a stream into frames.
///
/// It holds what was pushed and not yet taken: where its owner takes all frames that there are after each push, that is less than one frame,
/// whose size is known, and refused, from its first seven bytes on. Bulk data stays as it is.
#[derive(Clone, Debug)]
pub struct Decoder {
    inbox: Inbox,
    max: FrameMax,
    /// Who sends what it reads.
    peer: Sender,
    state: State,
    fault: Option<Box<Fault>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// A protocol header comes, or, of a server, may come.
    Start,
    /// Frames come.
    Frames,
    /// What follows is not AMQP 0-9-1.
    Other,
}

/// The first seven bytes of a frame.
struct Head {
    kind: u8,
    channel: u16,
    /// Of the payload \[bytes\].
    size: u64,
}

const MAGIC: [u8; 4] = *b"AMQP";

impl Decoder {
    /// A server's: a protocol header comes first (§4.2.2).
    pub fn of_server() -> Self {
        Self::new(Sender::Client)
    }

    /// A client's, which has sent a protocol header.
    pub fn of_client() -> Self {
        Self::new(Sender::Server)
    }

    fn new(peer: Sender) -> Self {
        Self { inbox: Inbox::default(), max: FrameMax::MIN, peer, state: State::Start, fault: None }
    }

    /// Sets what was negotiated; until then it is [`FrameMax::MIN`] (§4.2.3).
    pub const fn set_frame_max(&mut self, max: FrameMax) {
        self.max = max;
    }

    /// How much waits for the rest of its frame, or to be taken \[bytes\].
    pub const fn waiting(&self) -> u64 {
        self.inbox.waiting()
    }

    /// What was pushed and not taken: behind a protocol header of another version, what that has to say.
    pub fn into_rest(mut self) -> Rope {
        self.inbox.take_all()
    }

    /// Adds what was read from the stream. Behind a fault it is dropped.
    pub fn push(&mut self, data: &Rope) {
        if self.fault.is_none() {
            self.inbox.push(data);
        }
    }

    /// The next frame, once it is whole. Behind a protocol header that is not of AMQP 0-9-1 there is none.
    ///
    /// # Errors
    /// When there is none, and never will be: from then on the same fault.
    pub fn next_item(&mut self) -> Result<Option<Item>, Fault> {
        if let Some(fault) = &self.fault {
            return Err(**fault);
        }
        let item = match self.state {
            State::Start => self.start(),
            State::Frames => self.frame().map(|frame| frame.map(Item::Frame)),
            State::Other => Ok(None),
        };
        if let Err(fault) = item {
            self.fault = Some(Box::new(fault));
            self.inbox = Inbox::default();
        }
        item
    }

    fn start(&mut self) -> Result<Option<Item>, Fault> {
        let mut start = [0; ProtocolHeader::LEN];
        let len = self.inbox.peek(&mut start);
        if self.peer == Sender::Server && len > 0 && start[0] != MAGIC[0] {
            self.state = State::Frames;
            return self.frame().map(|frame| frame.map(Item::Frame));
        }
        let letters = len.min(MAGIC.len());
        if start[..letters] != MAGIC[..letters] {
            return Err(Fault::frame("§4.2.2", "a stream does not begin with a protocol header"));
        }
        let (true, [.., id, major, minor, revision]) = (len == start.len(), start) else { return Ok(None) };
        self.inbox.take(len as u64);
        let header = ProtocolHeader { id, version: [major, minor, revision] };
        self.state = match header {
            ProtocolHeader::V091 if self.peer == Sender::Client => State::Frames,
            // A server that answers with a header closes (§4.2.2).
            _ => State::Other,
        };
        Ok(Some(Item::Header(header)))
    }

    fn frame(&mut self) -> Result<Option<Frame>, Fault> {
        let Some(head) = self.head()? else { return Ok(None) };
        if self.inbox.waiting() < head.size + FRAME_OVERHEAD {
            return Ok(None);
        }
        self.inbox.take(FRAME_OVERHEAD - 1);
        let payload = self.inbox.take(head.size);
        // §4.2.3: before anything else of it is looked at.
        if *self.inbox.take(1).to_bytes() != [FRAME_END] {
            return Err(Fault::frame("§4.2.3", "a frame does not end with its end octet"));
        }
        let payload = match head.kind {
            1 => Payload::Method(self.method(head.channel, &payload)?),
            2 => Payload::Header(Box::new(ContentHeader::read(&payload.to_bytes())?)),
            3 => Payload::Body(payload),
            _ => Payload::Heartbeat,
        };
        Ok(Some(Frame { channel: head.channel, payload }))
    }

    /// What is known of a frame before it is whole, looked at as early as can be.
    fn head(&self) -> Result<Option<Head>, Fault> {
        let mut start = [0; FRAME_OVERHEAD as usize - 1];
        let len = self.inbox.peek(&mut start);
        let [kind, c0, c1, size @ ..] = start;
        if len == 0 {
            return Ok(None);
        }
        if !matches!(kind, 1 | 2 | 3 | 8) {
            return Err(Fault::frame("§4.2.3", "a frame has an unknown type"));
        }
        if len < start.len() {
            return Ok(None);
        }
        let head = Head { kind, channel: u16::from_be_bytes([c0, c1]), size: u64::from(u32::from_be_bytes(size)) };
        if head.size > self.max.payload() {
            return Err(Fault::frame("§4.2.3", "a frame is larger than agreed upon"));
        }
        match (kind, head.channel) {
            (8, _) if head.channel != 0 || head.size != 0 => {
                Err(Fault::frame("§4.2.7", "a heartbeat has a channel or a payload"))
            }
            (2 | 3, 0) => Err(Fault::new(ReplyCode::ChannelError, "§4.2.6.1", "a content frame is on channel 0")),
            _ => Ok(Some(head)),
        }
    }

    fn method(&self, channel: u16, payload: &Rope) -> Result<Method, Fault> {
        let method = Method::read(&payload.to_bytes())?;
        let invalid = |rule, why| Err(Fault::new(ReplyCode::CommandInvalid, rule, why).in_method(method.id()));
        let sender = method.sender();
        if sender != Sender::Either && sender != self.peer {
            return invalid("§1", "a method is not one that this end sends");
        }
        // §1.4: the class connection is on channel 0, and nothing else is (§4.2.3).
        match (method.id().class == 10, channel == 0) {
            (true, false) => invalid("§1.4", "a method of the connection is on a channel"),
            (false, true) => invalid("§4.2.3", "a method of a channel is on channel 0"),
            _ => Ok(method),
        }
    }
}
