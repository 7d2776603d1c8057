//! What content is: how long, and which virtual bytes, so that whoever receives it can check it.
//!
//! # How long
//! A path `/bytes/N` has N bytes, whatever is configured: `/bytes/34567?object=12`. (httpbin, a server for tests of clients, has the same.) So a
//! page model at the client decides the sizes of its objects. Any other path has a length from the server's distribution.
//!
//! # Which bytes
//! The content of a response is the fill whose key is made of the request's target and the response's ETag: both ends know both, and the
//! bytes change when the resource does. That of a request has its target alone.

use crate::rope::{Rope, Run, fill_byte};
use crate::traffic::MAX_STREAM_BYTES;
use protosim_core::Digest;

/// Where a path says how long its content is.
const SIZED: &str = "/bytes/";

/// The length that a path itself asks for \[bytes\].
pub(super) fn size_in(path: &str) -> Option<u64> {
    let number = path.strip_prefix(SIZED)?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse().ok().filter(|size| is_number && *size <= MAX_STREAM_BYTES)
}

/// A target with so many bytes; `name` makes it another one than that of another name.
pub(super) fn sized_target(size: u64, name: &str) -> String {
    format!("{SIZED}{size}?{name}")
}

/// The key of the fill.
pub(super) fn key(target: &str, etag: Option<&[u8]>) -> u32 {
    let mut digest = Digest::START;
    digest.mix_bytes(target.as_bytes());
    digest.mix_bytes(etag.unwrap_or_default());
    (digest.value() >> 32) as u32
}

/// Checks content as it comes.
#[derive(Clone, Debug)]
pub(super) struct Check {
    key: u32,
    /// Bytes that have come.
    at: u64,
}

impl Check {
    pub(super) const fn new(key: u32) -> Self {
        Self { key, at: 0 }
    }

    /// Bytes that have come.
    pub(super) const fn len(&self) -> u64 {
        self.at
    }

    /// Takes more of it; says how many bytes of that are not what they should be.
    pub(super) fn take(&mut self, data: &Rope) -> u64 {
        let mut wrong = 0;
        for run in data.runs() {
            wrong += match run {
                Run::Fill { key, offset, .. } if (*key, *offset) == (self.key, self.at) => 0,
                Run::Fill { len, .. } => *len,
                Run::Bytes(bytes) => {
                    let expected = (self.at..).map(|at| fill_byte(self.key, at));
                    bytes.iter().zip(expected).filter(|(byte, expected)| **byte != *expected).count() as u64
                }
            };
            self.at += run.len();
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_lengths() {
        assert_eq!(size_in("/bytes/34567"), Some(34_567));
        for path in ["/bytes/", "/bytes/+1", "/bytes/1/", "/byte/1", "/bytes/99999999999999999999"] {
            assert_eq!(size_in(path), None, "{path}");
        }
        assert_eq!(sized_target(5, "a"), "/bytes/5?a");
    }

    /// 100 B as they should be, virtual and real; then 10 of another key, and 3 real ones of which 2 are changed.
    #[test]
    fn content_is_checked_however_it_comes() {
        let key = key("/", None);
        let mut check = Check::new(key);
        assert_eq!(check.take(&Rope::fill(key, 0, 60)), 0);
        assert_eq!(check.take(&Rope::from(Rope::fill(key, 60, 40).to_bytes())), 0);
        assert_eq!(check.take(&Rope::fill(key ^ 1, 100, 10)), 10);
        let mut bytes = Rope::fill(key, 110, 3).to_bytes().to_vec();
        bytes[0] ^= 1;
        bytes[2] ^= 1;
        assert_eq!((check.take(&Rope::from(bytes)), check.len()), (2, 113));
        assert_ne!(super::key("/", Some(b"\"1\"")), key);
    }
}
