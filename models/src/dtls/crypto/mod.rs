//! What protects records, and the keys of DTLS 1.3. Everything exists twice, as in [`tls::crypto`](crate::tls::crypto): sized or real.

mod cipher;
mod protection;
#[cfg(test)]
mod tests;

pub use cipher::Cipher;
pub use protection::{Protection, key_block};
