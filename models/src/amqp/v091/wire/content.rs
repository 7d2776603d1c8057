//! Messages out of frames, and cut into them (§4.2.6).

use super::frame::{Frame, FrameMax, Output, Payload, put_body, put_header, put_method};
use super::id::MethodId;
use super::method::Method;
use super::properties::{ContentHeader, Properties};
use super::{Fault, ReplyCode};
use crate::messaging::flat::FlatMap;
use crate::rope::Rope;

/// A method with all that belongs to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// Its channel.
    pub channel: u16,
    /// The method.
    pub method: Method,
    /// The message, where the method carries one ([`Method::has_content`]).
    pub content: Option<Content>,
}

/// A message, whole.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Content {
    /// About it.
    pub properties: Properties,
    /// What it says.
    pub body: Rope,
}

/// Puts frames together, channel by channel: between the frames of one message those of other channels may stand, and no other of its own.
#[derive(Clone, Debug)]
pub struct Assembler {
    /// By channel, what is not whole yet. Channels at rest have nothing here.
    parts: FlatMap<u16, Box<Part>>,
    /// The longest body \[bytes\].
    body_max: u64,
    /// Of bodies that are not whole \[bytes\].
    waiting: u64,
}

#[derive(Clone, Debug)]
enum Part {
    /// The content header of this method comes next.
    Header(Method),
    /// Its body comes next.
    Body { method: Method, header: Box<ContentHeader>, body: Rope },
    /// The channel is being closed: nobody wants its content.
    Dropped,
}

impl Command {
    /// A method without content.
    pub fn new(channel: u16, method: impl Into<Method>) -> Self {
        Self { channel, method: method.into(), content: None }
    }

    /// A method with a message.
    pub fn with_content(channel: u16, method: impl Into<Method>, properties: Properties, body: Rope) -> Self {
        Self { channel, method: method.into(), content: Some(Content { properties, body }) }
    }

    /// Its frames: a method; where it carries a message, a content header, and the body in pieces as large as may be, of which an empty one
    /// has none.
    pub fn frames(&self, max: FrameMax) -> Vec<Frame> {
        let mut frames = vec![Frame { channel: self.channel, payload: Payload::Method(self.method.clone()) }];
        if let Some(content) = &self.content {
            let header = ContentHeader::new(content.body.len(), content.properties.clone());
            frames.push(Frame { channel: self.channel, payload: Payload::Header(Box::new(header)) });
            frames.extend(
                content.pieces(max).map(|piece| Frame { channel: self.channel, payload: Payload::Body(piece) }),
            );
        }
        frames
    }

    /// What goes on the wire: its frames, one behind the other, without copies of bulk data.
    ///
    /// # Errors
    /// When the method or the content header does not fit into a frame (501): they are never cut.
    pub fn encode(&self, max: FrameMax) -> Result<Rope, Fault> {
        let mut out = Output::default();
        put_method(self.channel, &self.method, max, &mut out)?;
        if let Some(content) = &self.content {
            let header = ContentHeader::new(content.body.len(), content.properties.clone());
            put_header(self.channel, &header, max, &mut out)?;
            for piece in content.pieces(max) {
                put_body(self.channel, &piece, max, &mut out)?;
            }
        }
        Ok(out.finish())
    }
}

impl Content {
    /// The body in pieces that fit into frames.
    fn pieces(&self, max: FrameMax) -> impl Iterator<Item = Rope> {
        let (len, step) = (self.body.len(), max.payload());
        (0..len.div_ceil(step)).map(move |piece| self.body.slice(piece * step, step))
    }
}

impl Default for Assembler {
    fn default() -> Self {
        Self::new()
    }
}

impl Assembler {
    /// For bodies of any length.
    pub const fn new() -> Self {
        Self { parts: FlatMap::new(), body_max: u64::MAX, waiting: 0 }
    }

    /// For bodies up to this length \[bytes\].
    #[must_use]
    pub const fn with_body_max(mut self, bytes: u64) -> Self {
        self.body_max = bytes;
        self
    }

    /// How much of bodies that are not whole it holds \[bytes\].
    pub const fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Puts something in place of what a channel has.
    fn replace(&mut self, channel: u16, part: Option<Part>) -> Option<Part> {
        let before = match part {
            Some(part) => self.parts.insert(channel, Box::new(part)),
            None => self.parts.remove(&channel),
        };
        let before = before.map(|part| *part);
        if let Some(Part::Body { body, .. }) = &before {
            self.waiting -= body.len();
        }
        before
    }

    /// The channel is being closed: what of its content still comes is dropped, until [`Self::forget`].
    pub fn drop_content(&mut self, channel: u16) {
        self.replace(channel, Some(Part::Dropped));
    }

    /// The channel is closed, or open anew.
    pub fn forget(&mut self, channel: u16) {
        self.replace(channel, None);
    }

    /// All channels are.
    pub fn forget_all(&mut self) {
        (self.parts, self.waiting) = (FlatMap::new(), 0);
    }

    /// Takes a frame. What is whole by it, if anything is; a heartbeat is nothing.
    ///
    /// # Errors
    /// 505 where a frame does not follow on what came before on its channel. 311 where a body is longer than this end takes, as soon as its
    /// content header says so: its channel's content is dropped from then on.
    pub fn push(&mut self, frame: Frame) -> Result<Option<Command>, Fault> {
        let channel = frame.channel;
        match frame.payload {
            Payload::Heartbeat => Ok(None),
            Payload::Method(method) => self.method(channel, method),
            Payload::Header(header) => self.header(channel, header),
            Payload::Body(piece) => self.body(channel, &piece),
        }
    }

    fn method(&mut self, channel: u16, method: Method) -> Result<Option<Command>, Fault> {
        match self.parts.get(&channel).map(Box::as_ref) {
            Some(Part::Header(before) | Part::Body { method: before, .. }) => {
                Err(Fault::unexpected("§4.2.6", "a method comes before the content of another").in_method(before.id()))
            }
            // What belongs to it is dropped, so that it never is whole.
            Some(Part::Dropped) if method.has_content() => Ok(None),
            Some(Part::Dropped) => Ok(Some(Command { channel, method, content: None })),
            None if method.has_content() => {
                self.replace(channel, Some(Part::Header(method)));
                Ok(None)
            }
            None => Ok(Some(Command { channel, method, content: None })),
        }
    }

    fn header(&mut self, channel: u16, header: Box<ContentHeader>) -> Result<Option<Command>, Fault> {
        let method = match self.replace(channel, None) {
            Some(Part::Header(method)) => method,
            Some(Part::Dropped) => {
                self.drop_content(channel);
                return Ok(None);
            }
            Some(Part::Body { method, .. }) => {
                return Err(Fault::unexpected("§4.2.6", "a content header comes before the body of another")
                    .in_method(method.id()));
            }
            None => return Err(Fault::unexpected("§4.2.6", "a content header comes without a method")),
        };
        let id: MethodId = method.id();
        if header.class != id.class {
            return Err(
                Fault::unexpected("§4.2.6", "a content header is of another class than its method").in_method(id)
            );
        }
        if header.body_size > self.body_max {
            self.drop_content(channel);
            return Err(
                Fault::new(ReplyCode::ContentTooLarge, "§1.2", "a body is longer than this end takes").in_method(id)
            );
        }
        if header.body_size == 0 {
            return Ok(Some(Command::with_content(channel, method, header.properties, Rope::new())));
        }
        self.replace(channel, Some(Part::Body { method, header, body: Rope::new() }));
        Ok(None)
    }

    fn body(&mut self, channel: u16, piece: &Rope) -> Result<Option<Command>, Fault> {
        let whole = match self.parts.get_mut(&channel).map(Box::as_mut) {
            Some(Part::Body { method, header, body }) => {
                if piece.len() > header.body_size - body.len() {
                    return Err(Fault::unexpected("§4.2.6", "a body is longer than its content header says")
                        .in_method(method.id()));
                }
                body.append(piece);
                self.waiting += piece.len();
                body.len() == header.body_size
            }
            Some(Part::Dropped) => return Ok(None),
            Some(Part::Header(method)) => {
                return Err(
                    Fault::unexpected("§4.2.6", "a body comes before its content header").in_method(method.id())
                );
            }
            None => return Err(Fault::unexpected("§4.2.6", "a body comes without a method")),
        };
        if !whole {
            return Ok(None);
        }
        Ok(match self.replace(channel, None) {
            Some(Part::Body { method, header, body }) => {
                Some(Command::with_content(channel, method, header.properties, body))
            }
            _ => None,
        })
    }
}
