//! TLS 1.2 and 1.3 (RFC 5246, RFC 8446).

pub mod certificate;
pub mod codes;
pub mod crypto;
#[cfg(test)]
mod vectors;
pub mod wire;
