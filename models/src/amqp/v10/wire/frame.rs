//! Protocol headers (§2.2, §5.2.1, §5.3.1) and frames (§2.3).

use super::Fault;
use super::performative::Performative;
use super::read::Reader;
use super::sasl::Sasl;
use super::write::Out;
use crate::rope::Rope;

/// Frames of this size are always taken \[bytes\] (MIN-MAX-FRAME-SIZE, §2.8.19).
pub const MIN_MAX_FRAME_SIZE: u32 = 512;
/// Size of the fixed part of a frame \[bytes\] (§2.3.1).
pub(super) const HEAD: u64 = 8;
/// A frame without a body, which says that its sender is there (§2.4.5).
pub const EMPTY_FRAME: Item = Item::Frame(Frame::Empty { channel: 0 });

/// What a side wants to speak, and in which version (§2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// 0: AMQP, 2: TLS, 3: SASL.
    pub id: u8,
    /// Major, minor, revision.
    pub version: [u8; 3],
}

impl Header {
    /// AMQP 1.0.0.
    pub const AMQP: Self = Self { id: 0, version: [1, 0, 0] };
    /// TLS beneath it (§5.2.1).
    pub const TLS: Self = Self { id: 2, version: [1, 0, 0] };
    /// SASL before it (§5.3.1).
    pub const SASL: Self = Self { id: 3, version: [1, 0, 0] };

    /// Whether it is one of those.
    pub fn is_known(self) -> bool {
        [Self::AMQP, Self::TLS, Self::SASL].contains(&self)
    }
}

/// A frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame {
    /// Without a body (§2.4.5).
    Empty {
        /// Has no meaning.
        channel: u16,
    },
    /// Of AMQP.
    Amqp {
        /// The session, by the sender's number.
        channel: u16,
        /// What it says.
        performative: Performative,
        /// Of a transfer; empty otherwise.
        payload: Rope,
    },
    /// Of SASL.
    Sasl(Sasl),
}

/// What a stream is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// Eight bytes.
    Header(Header),
    /// A frame.
    Frame(Frame),
}

impl Item {
    /// A frame of AMQP without a payload.
    pub fn frame(channel: u16, performative: Performative) -> Self {
        Self::Frame(Frame::Amqp { channel, performative, payload: Rope::new() })
    }

    /// What goes on the wire.
    pub fn encode(&self) -> Rope {
        match self {
            Self::Header(header) => {
                let [major, minor, revision] = header.version;
                Rope::from(vec![b'A', b'M', b'Q', b'P', header.id, major, minor, revision])
            }
            Self::Frame(frame) => frame.encode(),
        }
    }

    /// Its length \[bytes\].
    pub fn wire_len(&self) -> u64 {
        self.encode().len()
    }
}

impl Frame {
    fn encode(&self) -> Rope {
        let (mut body, mut out) = (Out::new(), Out::new());
        let (kind, channel) = match self {
            Self::Empty { channel } => (0, *channel),
            Self::Amqp { channel, performative, .. } => {
                performative.put(&mut body);
                (0, *channel)
            }
            Self::Sasl(sasl) => {
                sasl.put(&mut body);
                (1, 0)
            }
        };
        if let Self::Amqp { payload, .. } = self {
            body.rope(payload);
        }
        // What is larger cannot be said; nobody makes such a frame.
        let size = u32::try_from(HEAD + body.len()).unwrap_or(u32::MAX);
        out.put(&size.to_be_bytes());
        out.put(&[2, kind]);
        out.put(&channel.to_be_bytes());
        out.append(&body);
        out.finish()
    }

    /// Reads what stands behind the extended header.
    pub(super) fn decode(kind: u8, channel: u16, body: &Rope) -> Result<Self, Fault> {
        let mut reader = Reader::new(body);
        match kind {
            0 if body.is_empty() => Ok(Self::Empty { channel }),
            0 => {
                let performative = Performative::read(&mut reader)?;
                let payload = reader.rest()?;
                if !payload.is_empty() && !matches!(performative, Performative::Transfer(_)) {
                    return Err(Fault::framing("§2.3.2", "a frame has a payload and is no transfer"));
                }
                Ok(Self::Amqp { channel, performative, payload })
            }
            // The channel has no meaning (§5.3.1).
            _ => {
                let sasl = Sasl::read(&mut reader)?;
                match reader.is_empty() {
                    true => Ok(Self::Sasl(sasl)),
                    false => Err(Fault::framing("§5.3.1", "a frame of SASL has a payload")),
                }
            }
        }
    }
}
