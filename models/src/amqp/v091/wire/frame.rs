//! Frames (§4.2.3), and the protocol header (§4.2.2).

use super::Fault;
use super::argument::Writer;
use super::method::Method;
use super::properties::ContentHeader;
use crate::rope::{Rope, Run};

/// What a frame has beside its payload \[bytes\]: type, channel, size, and its end.
pub const FRAME_OVERHEAD: u64 = 8;
/// The last octet of every frame.
pub const FRAME_END: u8 = 0xce;
/// What everyone takes \[bytes\], before anything is negotiated, too (§4.2.3, frame-min-size).
pub const FRAME_MIN: u32 = 4096;

/// Real bytes of a body up to which they ride behind its head, one piece instead of three \[bytes\] (our choice).
pub(super) const RIDES_ALONG: usize = 256;

/// What a client says first, and a server that does not serve it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProtocolHeader {
    /// 0; others are for layers beneath AMQP 1.0.
    pub id: u8,
    /// Major and minor version, and revision.
    pub version: [u8; 3],
}

/// One frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Its channel; 0 for the connection itself.
    pub channel: u16,
    /// What it carries.
    pub payload: Payload,
}

/// What a frame carries, by its type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Payload {
    /// 1: a method.
    Method(Method),
    /// 2: what is said about a message.
    Header(Box<ContentHeader>),
    /// 3: a part of a message.
    Body(Rope),
    /// 8: still here.
    Heartbeat,
}

/// The largest frame that may be sent, with its header and end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FrameMax(u32);

impl FrameMax {
    /// What everyone takes.
    pub const MIN: Self = Self(FRAME_MIN);
    /// No limit but what a size can say.
    pub const NONE: Self = Self(u32::MAX);

    /// As `tune` and `tune-ok` say it \[bytes\]: 0 for no limit. What is below [`FRAME_MIN`] is held to that: everyone takes as much.
    pub const fn from_tune(bytes: u32) -> Self {
        match bytes {
            0 => Self::NONE,
            1..FRAME_MIN => Self::MIN,
            _ => Self(bytes),
        }
    }

    /// The largest payload \[bytes\].
    pub const fn payload(self) -> u64 {
        // At least FRAME_MIN.
        self.0 as u64 - FRAME_OVERHEAD
    }
}

/// What two ends agree on, each of which names a limit, or 0 for none: the lower one (§1.4.2.6, connection.tune-ok). Heartbeats are agreed
/// on otherwise: 0 of either end disables them.
pub const fn negotiated(one: u32, other: u32) -> u32 {
    match (one, other) {
        (0, limit) | (limit, 0) => limit,
        _ if one < other => one,
        _ => other,
    }
}

impl ProtocolHeader {
    /// AMQP 0-9-1.
    pub const V091: Self = Self { id: 0, version: [0, 9, 1] };
    /// Its length \[bytes\].
    pub const LEN: usize = 8;

    /// What goes on the wire.
    pub const fn encode(self) -> [u8; Self::LEN] {
        let [major, minor, revision] = self.version;
        [b'A', b'M', b'Q', b'P', self.id, major, minor, revision]
    }
}

impl Frame {
    /// A method.
    pub fn method(channel: u16, method: impl Into<Method>) -> Self {
        Self { channel, payload: Payload::Method(method.into()) }
    }

    /// A heartbeat.
    pub const HEARTBEAT: Self = Self { channel: 0, payload: Payload::Heartbeat };

    /// The number of its type.
    pub const fn kind(&self) -> u8 {
        match self.payload {
            Payload::Method(_) => 1,
            Payload::Header(_) => 2,
            Payload::Body(_) => 3,
            Payload::Heartbeat => 8,
        }
    }

    /// What goes on the wire: real bytes, and a body as the rope it is.
    ///
    /// # Errors
    /// When it is larger than the peer takes (501).
    pub fn encode(&self, max: FrameMax) -> Result<Rope, Fault> {
        let mut out = Output::default();
        self.put(max, &mut out)?;
        Ok(out.finish())
    }

    pub(super) fn put(&self, max: FrameMax, out: &mut Output) -> Result<(), Fault> {
        match &self.payload {
            Payload::Body(body) => put_body(self.channel, body, max, out),
            Payload::Heartbeat => {
                out.bytes.extend_from_slice(&head(8, self.channel, 0));
                out.bytes.push(FRAME_END);
                Ok(())
            }
            Payload::Method(method) => put_method(self.channel, method, max, out),
            Payload::Header(header) => put_header(self.channel, header, max, out),
        }
    }
}

/// What is on its way out: bytes behind ropes.
#[derive(Debug, Default)]
pub(super) struct Output {
    rope: Rope,
    bytes: Vec<u8>,
}

impl Output {
    pub(super) fn finish(mut self) -> Rope {
        self.flush();
        self.rope
    }

    fn flush(&mut self) {
        self.rope.append(&Rope::from(std::mem::take(&mut self.bytes)));
    }
}

const fn head(kind: u8, channel: u16, size: u32) -> [u8; 7] {
    let ([c0, c1], [s0, s1, s2, s3]) = (channel.to_be_bytes(), size.to_be_bytes());
    [kind, c0, c1, s0, s1, s2, s3]
}

fn size_within(len: u64, max: FrameMax) -> Result<u32, Fault> {
    match len <= max.payload() {
        // Below 2^32: so is every limit.
        true => Ok(len as u32),
        false => Err(Fault::frame("§4.2.3", "a frame is larger than agreed upon")),
    }
}

/// Writes a frame around what `put` writes. What is not written because of a fault stays behind: owners drop all of it.
fn put_frame(
    (kind, channel): (u8, u16),
    max: FrameMax,
    out: &mut Output,
    put: impl FnOnce(&mut Writer),
) -> Result<(), Fault> {
    let start = out.bytes.len();
    let mut writer = Writer::behind(std::mem::take(&mut out.bytes));
    writer.put(&head(kind, channel, 0));
    put(&mut writer);
    out.bytes = writer.out;
    let size = size_within((out.bytes.len() - start - 7) as u64, max)?;
    out.bytes[start + 3..start + 7].copy_from_slice(&size.to_be_bytes());
    out.bytes.push(FRAME_END);
    Ok(())
}

pub(super) fn put_method(channel: u16, method: &Method, max: FrameMax, out: &mut Output) -> Result<(), Fault> {
    put_frame((1, channel), max, out, |writer| method.put(writer)).map_err(|fault| fault.in_method(method.id()))
}

pub(super) fn put_header(channel: u16, header: &ContentHeader, max: FrameMax, out: &mut Output) -> Result<(), Fault> {
    put_frame((2, channel), max, out, |writer| header.put(writer))
}

pub(super) fn put_body(channel: u16, body: &Rope, max: FrameMax, out: &mut Output) -> Result<(), Fault> {
    let size = size_within(body.len(), max)?;
    out.bytes.extend_from_slice(&head(3, channel, size));
    match body.runs() {
        [Run::Bytes(only)] if only.len() <= RIDES_ALONG => out.bytes.extend_from_slice(only),
        _ => {
            out.flush();
            out.rope.append(body);
        }
    }
    out.bytes.push(FRAME_END);
    Ok(())
}
