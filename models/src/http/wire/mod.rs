//! HTTP/1.1 on the wire (RFC 9112): messages out of a stream of bytes, and into one.
//!
//! Heads are real bytes. Bodies pass through as they come, virtual runs as virtual runs: nothing here makes bytes of
//! a fill, but for a bounded part of one that stands where a head should.
//!
//! | file | what |
//! |---|---|
//! | `head` | request and status lines with their fields, and their encoding |
//! | `fields` | header fields, lists and lengths in them |
//! | `framing` | how long a body is (§6.3) |
//! | `reader` | messages out of a stream, however it is cut |
//! | `chunked` | the chunked coding (§7.1), as a sender makes it |
//! | `date` | HTTP dates (RFC 9110 §5.6.7) |
//!
//! # What is strict, and what is not
//! - A line may end with LF alone in heads (RFC 9112 §2.2), as nginx and curl take it, but not in the chunked coding. A bare CR is refused
//!   everywhere.
//! - Folded fields (§5.2) and space before the colon (§5.1) are refused in requests; in responses they are mended.
//! - Content-Length beside Transfer-Encoding, or twice with two values, is refused in requests (§6.3), so that no two readers of one stream
//!   can differ; so are HTTP/1.1 requests without Host, or with two (§3.2).
//! - Transfer codings other than chunked are 501 in requests. In responses the bytes are passed on as they are.

mod chunked;
mod date;
mod fields;
mod framing;
mod head;
mod reader;
#[cfg(test)]
mod tests;

pub use chunked::{ChunkedBody, last_chunk};
pub use date::{http_date, parse_http_date};
pub use fields::{Field, Fields, is_token};
pub use framing::Framing;
pub use head::{Method, RequestHead, ResponseHead, Version, reason};
pub use reader::{Kind, Part, Reader, RequestReader, Requests, ResponseReader, Responses};

/// Why a message cannot be read, and what a server answers to that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The status code of the answer (RFC 9110 §15); it says nothing where a response is wrong.
    pub status: u16,
    /// In words.
    pub why: &'static str,
}

impl Fault {
    /// 400.
    pub(crate) const fn bad(why: &'static str) -> Self {
        Self { status: 400, why }
    }

    pub(crate) const fn new(status: u16, why: &'static str) -> Self {
        Self { status, why }
    }
}

/// What a reader takes at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of a request or status line, or of a field. Default: 8 KiB, as nginx (`large_client_header_buffers`) and Apache (`LimitRequestLine`).
    pub line: usize,
    /// Bytes of a head, or of the trailers. Default: 32 KiB, nginx's four buffers of 8 KiB.
    pub head: usize,
    /// Fields of a head, or of the trailers. Default: 100, as Apache (`LimitRequestFields`).
    pub fields: usize,
    /// Bytes of a chunk's size with its extensions. Default: 4 KiB (our choice).
    pub chunk_line: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 8 << 10, head: 32 << 10, fields: 100, chunk_line: 4 << 10 }
    }
}
