//! Messages out of a stream of bytes, however it is cut.

use super::fields::Fields;
use super::framing::Framing;
use super::head::{Method, RequestHead, ResponseHead, Version};
use super::{Fault, Limits};
use crate::rope::{Rope, Run};
use bytes::Bytes;
use std::collections::VecDeque;
use std::fmt::Debug;

/// Part of a message, in the order in which a stream has them: one head, any number of pieces of the body, one end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part<H> {
    /// The head is whole.
    Head(H),
    /// A piece of the body, without the coding of its transfer.
    Body(Rope),
    /// The message is whole.
    End {
        /// Fields behind a chunked body (RFC 9112 §7.1.2).
        trailers: Fields,
    },
}

/// What requests and responses have of their own.
pub trait Kind: Clone + Debug {
    /// The head of such a message.
    type Head: Clone + PartialEq + Debug;
    /// Whether folded fields and space before colons are refused.
    const IS_STRICT: bool;
    /// What every message begins with.
    const BEGIN: &'static [u8];
    /// Reads the first line.
    ///
    /// # Errors
    /// When it is none.
    fn begin(line: &[u8]) -> Result<Self::Head, Fault>;
    /// The fields of a head.
    fn fields(head: &mut Self::Head) -> &mut Fields;
    /// How long the body is, once the head is whole.
    ///
    /// # Errors
    /// When the head contradicts itself.
    fn framing(&mut self, head: &Self::Head) -> Result<Framing, Fault>;
}

/// Messages are requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Requests;

/// Messages are responses to requests that are known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Responses {
    /// Methods of requests without final responses, in order.
    expected: VecDeque<Method>,
    must_close: bool,
}

/// True if `line` with `more` is the beginning of what begins with `begin`, or of an empty line (RFC 9112 §2.2).
fn may_begin(begin: &[u8], line: &[u8], more: &[u8]) -> bool {
    let is_other = || line.iter().chain(more).zip(begin).any(|(byte, right)| byte != right);
    line.len() >= begin.len() || !is_other() || line.iter().chain(more).eq(b"\r")
}

/// Reads one direction of a connection.
#[derive(Clone, Debug)]
pub struct Reader<K: Kind> {
    kind: K,
    limits: Limits,
    state: State<K::Head>,
    /// The part of a line that has come.
    line: Vec<u8>,
    /// Bytes of whole lines of the head or the trailers.
    head_len: usize,
}

/// Reads requests.
pub type RequestReader = Reader<Requests>;

/// Reads responses.
pub type ResponseReader = Reader<Responses>;

#[derive(Clone, Debug)]
enum State<H> {
    Start,
    Fields(H),
    Length(u64),
    UntilClose,
    ChunkSize,
    ChunkData(u64),
    /// The end of line behind a chunk's data.
    ChunkEnd,
    Trailers(Fields),
    Failed(Fault),
}

/// A line, and whether it ended with CRLF.
type Line = (Vec<u8>, bool);

impl Kind for Requests {
    type Head = RequestHead;
    const IS_STRICT: bool = true;
    const BEGIN: &'static [u8] = b"";

    fn begin(line: &[u8]) -> Result<RequestHead, Fault> {
        RequestHead::of_line(line)
    }

    fn fields(head: &mut RequestHead) -> &mut Fields {
        &mut head.fields
    }

    fn framing(&mut self, head: &RequestHead) -> Result<Framing, Fault> {
        head.check_host()?;
        Framing::of_request(head)
    }
}

impl Kind for Responses {
    type Head = ResponseHead;
    const IS_STRICT: bool = false;
    /// RFC 9112 §2.3: so that what is no response, an alert of TLS for instance, is known as such before there is a line of it.
    const BEGIN: &'static [u8] = b"HTTP/";

    fn begin(line: &[u8]) -> Result<ResponseHead, Fault> {
        ResponseHead::of_line(line)
    }

    fn fields(head: &mut ResponseHead) -> &mut Fields {
        &mut head.fields
    }

    fn framing(&mut self, head: &ResponseHead) -> Result<Framing, Fault> {
        let method = self.expected.front().ok_or(Fault::bad("a response to no request"))?;
        if head.status == 101 {
            return Err(Fault::bad("a switch of protocols that nobody asked for"));
        }
        let (framing, must_close) = Framing::of_response(head, method)?;
        self.must_close |= must_close;
        if !head.is_interim() {
            self.expected.pop_front();
        }
        Ok(framing)
    }
}

impl Reader<Responses> {
    /// A request with this method has been sent: its response comes after those to all earlier ones.
    pub fn expect(&mut self, method: Method) {
        self.kind.expected.push_back(method);
    }

    /// True if a response has said by its framing that its connection must not be used any more (RFC 9112 §6.3).
    pub const fn must_close(&self) -> bool {
        self.kind.must_close
    }
}

impl<K: Kind + Default> Default for Reader<K> {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl<K: Kind + Default> Reader<K> {
    /// A reader of a connection that begins.
    pub fn new(limits: Limits) -> Self {
        Self { kind: K::default(), limits, state: State::Start, line: Vec::new(), head_len: 0 }
    }
}

impl<K: Kind> Reader<K> {
    /// Takes what has come; what is whole by it goes to `out`.
    ///
    /// # Errors
    /// When it is no message. Nothing more can be read after that; what was whole before is in `out`.
    pub fn feed(&mut self, data: &Rope, out: &mut Vec<Part<K::Head>>) -> Result<(), Fault> {
        let mut cursor = Cursor { rest: data.runs(), skip: 0 };
        while !cursor.rest.is_empty() {
            if let Err(fault) = self.step(&mut cursor, out) {
                self.state = State::Failed(fault);
                self.line = Vec::new();
                return Err(fault);
            }
        }
        Ok(())
    }

    /// The peer has finished. A body that goes on until then is whole by it.
    ///
    /// # Errors
    /// When a message is cut off.
    pub fn finish(&mut self, out: &mut Vec<Part<K::Head>>) -> Result<(), Fault> {
        match self.state {
            State::Failed(fault) => return Err(fault),
            State::UntilClose => self.end(Fields::new(), out),
            _ if self.has_begun() => {
                let fault = Fault::bad("a message that is cut off");
                self.state = State::Failed(fault);
                return Err(fault);
            }
            _ => {}
        }
        Ok(())
    }

    /// True if a part of a message has come, and not all of it.
    pub fn has_begun(&self) -> bool {
        !matches!(self.state, State::Start) || !self.line.is_empty()
    }

    /// True if a part of a head has come, and not all of it.
    pub fn is_in_head(&self) -> bool {
        matches!(self.state, State::Fields(_)) || (matches!(self.state, State::Start) && !self.line.is_empty())
    }

    fn step(&mut self, cursor: &mut Cursor<'_>, out: &mut Vec<Part<K::Head>>) -> Result<(), Fault> {
        match &mut self.state {
            State::Failed(fault) => return Err(*fault),
            State::UntilClose => out.push(Part::Body(cursor.take(u64::MAX))),
            State::Length(left) => {
                let data = cursor.take(*left);
                *left -= data.len();
                let is_over = *left == 0;
                out.push(Part::Body(data));
                if is_over {
                    self.end(Fields::new(), out);
                }
            }
            State::ChunkData(left) => {
                let data = cursor.take(*left);
                *left -= data.len();
                let is_over = *left == 0;
                out.push(Part::Body(data));
                if is_over {
                    self.state = State::ChunkEnd;
                }
            }
            _ => {
                if let Some(line) = self.take_line(cursor)? {
                    self.take(line, out)?;
                }
            }
        }
        Ok(())
    }

    /// The most that a line may have here, and what is wrong with one that has more.
    const fn line_limit(&self) -> (usize, Fault) {
        match self.state {
            State::Start => (self.limits.line, Limits::too_long(true)),
            State::ChunkSize => (self.limits.chunk_line, Fault::bad("a chunk's size that is too long")),
            // What stands there is no end of line.
            State::ChunkEnd => (1, Fault::bad("no end of line behind a chunk")),
            _ => (self.limits.line, Limits::too_long(false)),
        }
    }

    /// The rest of a line, if all of it is there.
    fn take_line(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<Line>, Fault> {
        let (most, fault) = self.line_limit();
        while let Some(bytes) = cursor.peek() {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            if matches!(self.state, State::Start) && !may_begin(K::BEGIN, &self.line, part) {
                return Err(Version::NONE);
            }
            // One more for the CR.
            if self.line.len() + part.len() > most + 1 {
                return Err(fault);
            }
            self.line.extend_from_slice(part);
            cursor.skip(part.len() as u64 + u64::from(end.is_some()));
            if end.is_some() {
                let mut line = std::mem::take(&mut self.line);
                let has_cr = line.last() == Some(&b'\r');
                if has_cr {
                    line.pop();
                }
                return match line.contains(&b'\r') {
                    true => Err(Fault::bad("a CR without LF")),
                    false if line.len() > most => Err(fault),
                    false => Ok(Some((line, has_cr))),
                };
            }
        }
        Ok(None)
    }

    /// Does with a line what the state says.
    fn take(&mut self, (line, has_cr): Line, out: &mut Vec<Part<K::Head>>) -> Result<(), Fault> {
        match std::mem::replace(&mut self.state, State::Start) {
            // RFC 9112 §2.2: empty lines before a message are skipped.
            State::Start if line.is_empty() => self.count_head(&line),
            State::Start => {
                self.count_head(&line)?;
                self.state = State::Fields(K::begin(&line)?);
                Ok(())
            }
            State::Fields(head) => self.take_field(head, &line, out),
            State::ChunkSize => {
                if !has_cr {
                    return Err(Fault::bad("a LF without CR in a chunked body"));
                }
                let size = chunk_size(&line)?;
                self.state = if size == 0 { State::Trailers(Fields::new()) } else { State::ChunkData(size) };
                self.head_len = 0;
                Ok(())
            }
            State::ChunkEnd => {
                if !has_cr || !line.is_empty() {
                    return Err(Fault::bad("no end of line behind a chunk"));
                }
                self.state = State::ChunkSize;
                Ok(())
            }
            State::Trailers(mut trailers) => {
                if !has_cr {
                    return Err(Fault::bad("a LF without CR in a chunked body"));
                }
                if line.is_empty() {
                    self.end(trailers, out);
                    return Ok(());
                }
                self.push_field(&mut trailers, &line)?;
                self.state = State::Trailers(trailers);
                Ok(())
            }
            // Those take no lines.
            other @ (State::Length(_) | State::UntilClose | State::ChunkData(_) | State::Failed(_)) => {
                self.state = other;
                Ok(())
            }
        }
    }

    fn take_field(&mut self, mut head: K::Head, line: &[u8], out: &mut Vec<Part<K::Head>>) -> Result<(), Fault> {
        if !line.is_empty() {
            self.push_field(K::fields(&mut head), line)?;
            self.state = State::Fields(head);
            return Ok(());
        }
        let framing = self.kind.framing(&head)?;
        out.push(Part::Head(head));
        self.head_len = 0;
        match framing {
            Framing::None => self.end(Fields::new(), out),
            Framing::Length(length) => self.state = State::Length(length),
            Framing::Chunked => self.state = State::ChunkSize,
            Framing::UntilClose => self.state = State::UntilClose,
        }
        Ok(())
    }

    fn push_field(&mut self, fields: &mut Fields, line: &[u8]) -> Result<(), Fault> {
        self.count_head(line)?;
        if matches!(line.first(), Some(b' ' | b'\t')) {
            if K::IS_STRICT {
                return Err(Fault::bad("a folded field, or space before the first one"));
            }
            return fields.unfold(line);
        }
        if fields.len() >= self.limits.fields {
            return Err(Fault::new(431, "too many fields"));
        }
        fields.push_line(line, K::IS_STRICT)
    }

    /// Counts a line and its end.
    fn count_head(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.head_len += line.len() + 2;
        if self.head_len > self.limits.head {
            return Err(Fault::new(431, "a head that is too long"));
        }
        Ok(())
    }

    fn end(&mut self, trailers: Fields, out: &mut Vec<Part<K::Head>>) {
        self.state = State::Start;
        self.head_len = 0;
        out.push(Part::End { trailers });
    }
}

/// The size of a chunk, in front of any extensions (RFC 9112 §7.1).
fn chunk_size(line: &[u8]) -> Result<u64, Fault> {
    let size = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
    let mut value: u64 = 0;
    for digit in size {
        let digit = char::from(*digit).to_digit(16).ok_or(Fault::bad("a chunk's size that is no number"))?;
        // Below 2^60, so that sums of sizes do not overflow.
        if value >= 1 << 56 {
            return Err(Fault::new(413, "a chunk that is too large"));
        }
        value = value << 4 | u64::from(digit);
    }
    if size.is_empty() { Err(Fault::bad("no size of a chunk")) } else { Ok(value) }
}

/// Where reading stands in a rope.
struct Cursor<'a> {
    rest: &'a [Run],
    /// Bytes of the first run that have been read.
    skip: u64,
}

impl Cursor<'_> {
    /// The next bytes as they are; few of a fill, which has to be computed.
    fn peek(&self) -> Option<Bytes> {
        /// Most lines are shorter.
        const MOST: u64 = 256;
        match self.rest.first()?.slice(self.skip, u64::MAX) {
            Run::Bytes(bytes) => Some(bytes),
            fill @ Run::Fill { .. } => Some(Rope::from(fill.slice(0, MOST)).to_bytes()),
        }
    }

    /// Passes over bytes of the first run.
    fn skip(&mut self, len: u64) {
        self.skip += len;
        if let [first, rest @ ..] = self.rest
            && self.skip >= first.len()
        {
            (self.rest, self.skip) = (rest, 0);
        }
    }

    /// Takes as much as is there, up to `most`.
    fn take(&mut self, most: u64) -> Rope {
        let mut out = Rope::new();
        let mut left = most;
        while let Some(first) = self.rest.first() {
            if left == 0 {
                break;
            }
            let part = first.slice(self.skip, left);
            left -= part.len();
            self.skip(part.len());
            out.push(part);
        }
        out
    }
}
