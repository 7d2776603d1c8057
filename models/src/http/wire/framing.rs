//! How long a body is (RFC 9112 §6.3).

use super::head::{Method, RequestHead, ResponseHead, Version};
use super::{Fault, Fields};

/// Where a body ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// There is none.
    None,
    /// After so many bytes, at least 1.
    Length(u64),
    /// Where the chunked coding says so (§7.1).
    Chunked,
    /// Where the connection does.
    UntilClose,
}

impl Framing {
    fn of_length(length: u64) -> Self {
        if length == 0 { Self::None } else { Self::Length(length) }
    }

    /// Of a request: rules 3 to 7.
    ///
    /// # Errors
    /// When its fields do not say it in one way.
    pub fn of_request(head: &RequestHead) -> Result<Self, Fault> {
        let length = head.fields.content_length()?;
        let Some(codings) = Codings::of(&head.fields) else {
            return Ok(length.map_or(Self::None, Self::of_length));
        };
        if head.version == Version::Http10 {
            // §6.1: the framing is faulty.
            return Err(Fault::bad("Transfer-Encoding in HTTP/1.0"));
        }
        if length.is_some() {
            // Rule 3 of §6.3 lets a server refuse what may be an attempt at smuggling.
            return Err(Fault::bad("both Transfer-Encoding and Content-Length"));
        }
        match codings {
            Codings::Chunked => Ok(Self::Chunked),
            Codings::OthersAndChunked => Err(Fault::new(501, "a transfer coding other than chunked")),
            Codings::Others => Err(Fault::bad("a last transfer coding other than chunked")),
        }
    }

    /// Of a response to a request with this method: rules 1 to 8. Whether the connection has to be closed after it, too.
    ///
    /// # Errors
    /// When Content-Length is none.
    pub fn of_response(head: &ResponseHead, method: &Method) -> Result<(Self, bool), Fault> {
        let has_none = head.is_interim() || matches!(head.status, 204 | 304) || *method == Method::Head;
        if has_none {
            return Ok((Self::None, false));
        }
        if *method == Method::Connect && (200..300).contains(&head.status) {
            return Ok((Self::UntilClose, true));
        }
        // Transfer-Encoding wins over a Content-Length, whatever that says.
        match Codings::of(&head.fields) {
            Some(Codings::Chunked | Codings::OthersAndChunked) => {
                let is_suspicious = head.fields.get("content-length").is_some() || head.version == Version::Http10;
                Ok((Self::Chunked, is_suspicious))
            }
            Some(Codings::Others) => Ok((Self::UntilClose, true)),
            None => match head.fields.content_length()? {
                Some(length) => Ok((Self::of_length(length), false)),
                None => Ok((Self::UntilClose, true)),
            },
        }
    }
}

/// What Transfer-Encoding says.
enum Codings {
    Chunked,
    /// Others, and chunked last.
    OthersAndChunked,
    /// Chunked is not the last one, or is there twice, or there is none at all.
    Others,
}

impl Codings {
    fn of(fields: &Fields) -> Option<Self> {
        fields.get("transfer-encoding")?;
        let codings: Vec<&[u8]> = fields.list("transfer-encoding").collect();
        let is_chunked = |coding: &&[u8]| coding.eq_ignore_ascii_case(b"chunked");
        Some(match codings.as_slice() {
            [only] if is_chunked(only) => Self::Chunked,
            [others @ .., last] if is_chunked(last) && !others.iter().any(is_chunked) => Self::OthersAndChunked,
            _ => Self::Others,
        })
    }
}
