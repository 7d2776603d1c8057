//! The chunked coding (RFC 9112 §7.1), as a sender makes it: piece by piece, so that a long body does not stand in memory as many small runs.

use super::Fields;
use crate::rope::Rope;

/// A body on its way out in chunks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChunkedBody {
    /// What has not been coded yet.
    rest: Rope,
    /// Bytes of each chunk but the last.
    size: u64,
    /// True when the last chunk has been given.
    is_over: bool,
}

impl ChunkedBody {
    /// A body in chunks of `size` bytes, at least 1.
    pub fn new(body: Rope, size: u64) -> Self {
        Self { rest: body, size: size.max(1), is_over: false }
    }

    /// The next chunk, and the end after the last one; `None` after that.
    pub fn next_chunk(&mut self) -> Option<Rope> {
        if self.is_over {
            return None;
        }
        if self.rest.is_empty() {
            self.is_over = true;
            return Some(Rope::from(last_chunk(&Fields::new())));
        }
        let data = self.rest.slice(0, self.size);
        self.rest = self.rest.slice(self.size, u64::MAX);
        let mut chunk = Rope::from(format!("{:x}\r\n", data.len()).into_bytes());
        chunk.append(&data);
        chunk.append(&Rope::from(b"\r\n".to_vec()));
        Some(chunk)
    }
}

/// The last chunk, the trailers and the empty line.
pub fn last_chunk(trailers: &Fields) -> Vec<u8> {
    let mut out = b"0\r\n".to_vec();
    trailers.write_to(&mut out);
    out.extend_from_slice(b"\r\n");
    out
}
