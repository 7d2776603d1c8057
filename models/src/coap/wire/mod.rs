//! Messages and their encoding (RFC 7252 §3).
//!
//! [`Message`] is the typed value; [`Message::encode_rope`] gives what goes on the wire, header
//! and options as real bytes and the payload as the rope it is, so that bulk data costs nothing;
//! [`Message::decode`] reads whatever arrived.

mod block;
mod code;
mod decode;
mod option;

pub use block::{Block, BlockSize, ReservedSize};
pub use code::{Code, CodeClass};
pub use decode::{DecodeError, Flaw};
pub use option::{CoapOption, DEFINITIONS, Definition, Format, OptionNumber, Options};

use crate::rope::{Rope, Run};
use std::fmt;

/// One CoAP message.
///
/// An Empty message (code 0.00) has no token, options or payload (RFC 7252 §4.1): make one by
/// [`Message::empty`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Confirmable, Non-confirmable, Acknowledgement or Reset.
    pub message_type: Type,
    /// Method or response code.
    pub code: Code,
    /// Ties acknowledgements and resets to their message, and tells duplicates.
    pub message_id: MessageId,
    /// Ties a response to its request.
    pub token: Token,
    /// The options.
    pub options: Options,
    /// The payload; a payload of no bytes is no payload.
    pub payload: Rope,
}

/// The four types of messages (RFC 7252 §3, T).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Type {
    /// CON: wants an acknowledgement.
    Confirmable,
    /// NON: wants none.
    NonConfirmable,
    /// ACK.
    Acknowledgement,
    /// RST: the message came, but there is nobody to make sense of it.
    Reset,
}

/// A message id: unique per direction between two endpoints within EXCHANGE_LIFETIME (RFC 7252 §4.4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MessageId(pub u16);

/// A token of 0 to 8 bytes (RFC 7252 §5.3.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Token {
    bytes: [u8; Self::MAX_BYTES],
    len: u8,
}

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 4;

impl Message {
    /// An Empty message: an empty ACK, a Reset, or, as Confirmable, a ping (RFC 7252 §4.3).
    pub const fn empty(message_type: Type, message_id: MessageId) -> Self {
        Self {
            message_type,
            code: Code::EMPTY,
            message_id,
            token: Token::EMPTY,
            options: Options::new(),
            payload: Rope::new(),
        }
    }

    /// Length on the wire \[bytes\], UDP and IP headers not counted.
    pub fn wire_len(&self) -> u64 {
        let payload = self.payload.len();
        self.head_len() + if payload == 0 { 0 } else { 1 + payload }
    }

    /// The datagram's payload: header and options as real bytes, the payload's fill as fill.
    pub fn encode_rope(&self) -> Rope {
        let runs = self.payload.runs();
        let real = match runs {
            // One run of real bytes rides behind the head: one piece instead of two.
            [Run::Bytes(only)] => only.len(),
            _ => 0,
        };
        let mut head = Vec::with_capacity(self.head_len() as usize + 1 + real);
        self.encode_head(&mut head);
        if let [Run::Bytes(only)] = runs {
            head.extend_from_slice(only);
            return head.into();
        }
        let mut rope = Rope::from(head);
        rope.append(&self.payload);
        rope
    }

    /// Every byte, virtual ones too: for captures and live peers.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.wire_len() as usize);
        self.encode_head(&mut out);
        self.payload.write_to(&mut out);
        out
    }

    /// Reads a datagram's payload. Fill is not looked at unless the head lies in it.
    ///
    /// # Errors
    /// When it is not a CoAP message; [`DecodeError::header`] says what an answer needs.
    pub fn decode(datagram: &Rope) -> Result<Self, DecodeError> {
        decode::decode(datagram)
    }

    /// Header, token and options \[bytes\].
    fn head_len(&self) -> u64 {
        (HEADER_BYTES + self.token.as_bytes().len()) as u64 + self.options.wire_len()
    }

    /// Header, token, options, and the marker if a payload follows.
    fn encode_head(&self, out: &mut Vec<u8>) {
        out.push(VERSION << 6 | self.message_type.bits() << 4 | self.token.len);
        out.push(self.code.0);
        out.extend_from_slice(&self.message_id.0.to_be_bytes());
        out.extend_from_slice(self.token.as_bytes());
        self.options.encode(out);
        if !self.payload.is_empty() {
            out.push(option::PAYLOAD_MARKER);
        }
    }
}

impl Type {
    /// The two bits on the wire.
    const fn bits(self) -> u8 {
        match self {
            Self::Confirmable => 0,
            Self::NonConfirmable => 1,
            Self::Acknowledgement => 2,
            Self::Reset => 3,
        }
    }

    /// From the two low bits.
    const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::Confirmable,
            1 => Self::NonConfirmable,
            2 => Self::Acknowledgement,
            _ => Self::Reset,
        }
    }
}

/// `CON`, `NON`, `ACK`, `RST`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Confirmable => "CON",
            Self::NonConfirmable => "NON",
            Self::Acknowledgement => "ACK",
            Self::Reset => "RST",
        })
    }
}

impl Token {
    /// The longest token.
    pub const MAX_BYTES: usize = 8;
    /// The token of no bytes, a token like any other.
    pub const EMPTY: Self = Self { bytes: [0; Self::MAX_BYTES], len: 0 };

    /// A token of these bytes, or `None` if there are more than eight.
    pub fn new(token: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::MAX_BYTES];
        bytes.get_mut(..token.len())?.copy_from_slice(token);
        // At most 8.
        Some(Self { bytes, len: token.len() as u8 })
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Its bytes as one big-endian number; 0 for no bytes.
    pub fn as_number(&self) -> u64 {
        self.as_bytes().iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(")?;
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}
