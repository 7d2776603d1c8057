//! Reading a message from bytes that may be anything (RFC 7252 §3).

use super::option::Options;
use super::{Code, Message, MessageId, Token, Type};
use crate::rope::{Rope, Run};
use bytes::Bytes;

/// Why bytes are not a CoAP message, and what of the header could be read all the same: a
/// confirmable message with a format error is answered with a Reset (RFC 7252 §4.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a CoAP message: {flaw}")]
pub struct DecodeError {
    /// What is wrong.
    pub flaw: Flaw,
    /// Type and message id; `None` where there are not even four bytes, or another version.
    pub header: Option<(Type, MessageId)>,
}

/// A message format error (RFC 7252 §3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Flaw {
    /// Fewer than the four bytes of the header.
    #[error("shorter than a header")]
    TooShort,
    /// Another version than 1: to be ignored silently.
    #[error("version {0}")]
    Version(u8),
    /// A token length of 9 to 15.
    #[error("token length {0}")]
    TokenLength(u8),
    /// The message ends within its token.
    #[error("the token is cut off")]
    TruncatedToken,
    /// Code 0.00 with something behind the header (RFC 7252 §4.1).
    #[error("an Empty message with content")]
    NotEmpty,
    /// A delta or length of 15 without being the payload marker.
    #[error("a reserved option delta or length")]
    ReservedNibble,
    /// The message ends within an option.
    #[error("an option is cut off")]
    TruncatedOption,
    /// Deltas that add up to more than 65535.
    #[error("an option number beyond 65535")]
    OptionNumber,
    /// A payload marker with nothing behind it.
    #[error("a payload marker without payload")]
    EmptyPayload,
}

/// Reads one piece of real bytes from front to back.
pub(super) struct Reader<'a> {
    bytes: &'a Bytes,
    position: usize,
}

impl Reader<'_> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.position)?;
        self.position += 1;
        Some(byte)
    }

    /// A slice without a copy.
    pub(super) fn bytes(&mut self, len: usize) -> Option<Bytes> {
        let end = self.position.checked_add(len).filter(|end| *end <= self.bytes.len())?;
        let slice = self.bytes.slice(self.position..end);
        self.position = end;
        Some(slice)
    }
}

/// A message without its payload, and where that begins.
struct Head {
    message: Message,
    marker: bool,
    end: u64,
}

/// Reads `datagram`.
pub(super) fn decode(datagram: &Rope) -> Result<Message, DecodeError> {
    // The head as a rule is the first run and all of it is real; where it is not, because a fill
    // stands in for it or it was cut in pieces, every byte is produced once.
    let quick = match datagram.runs() {
        [] => Some(head(&Bytes::new())),
        [Run::Bytes(only)] => Some(head(only)),
        [Run::Bytes(first), ..] => Some(head(first)).filter(|found| matches!(found, Ok(head) if head.marker)),
        _ => None,
    };
    let Head { mut message, marker, end } = quick.unwrap_or_else(|| head(&datagram.to_bytes()))?;
    if marker {
        message.payload = datagram.slice(end, datagram.len() - end);
        if message.payload.is_empty() {
            return Err(message.flawed(Flaw::EmptyPayload));
        }
    }
    Ok(message)
}

fn head(bytes: &Bytes) -> Result<Head, DecodeError> {
    let nowhere = |flaw| DecodeError { flaw, header: None };
    let &[first, code, id_high, id_low, ..] = &bytes[..] else {
        return Err(nowhere(Flaw::TooShort));
    };
    if first >> 6 != super::VERSION {
        return Err(nowhere(Flaw::Version(first >> 6)));
    }
    let message_id = MessageId(u16::from_be_bytes([id_high, id_low]));
    let mut message = Message::empty(Type::from_bits(first >> 4), message_id);
    message.code = Code(code);
    let token_len = first & 15;
    if message.code == Code::EMPTY && (token_len != 0 || bytes.len() > super::HEADER_BYTES) {
        return Err(message.flawed(Flaw::NotEmpty));
    }
    if usize::from(token_len) > Token::MAX_BYTES {
        return Err(message.flawed(Flaw::TokenLength(token_len)));
    }
    let mut reader = Reader { bytes, position: super::HEADER_BYTES };
    let token = reader.bytes(usize::from(token_len)).and_then(|token| Token::new(&token));
    message.token = token.ok_or_else(|| message.flawed(Flaw::TruncatedToken))?;
    let (options, marker) = Options::decode(&mut reader).map_err(|flaw| message.flawed(flaw))?;
    message.options = options;
    Ok(Head { message, marker, end: reader.position as u64 })
}

impl Message {
    fn flawed(&self, flaw: Flaw) -> DecodeError {
        DecodeError { flaw, header: Some((self.message_type, self.message_id)) }
    }
}
