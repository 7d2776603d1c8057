//! What TLS computes: transcripts, key schedules, key exchange and the protection of records.
//!
//! Everything exists twice. [`Mode::Sized`] gives what has the right length and costs next to nothing: digests are a
//! mix of 64 bits, shares and signatures are filler, and a record keeps its plaintext as it is, with a tag of virtual
//! bytes. [`Mode::Real`] is the cryptography of the RFCs, for captures that decrypt and for live peers. Both take the
//! same number of draws, give the same lengths and accept the same peers: a Finished, a binder, a signature or a record
//! that fails in one mode fails in the other, since the mixes of [`Mode::Sized`] depend on all that the digests of
//! [`Mode::Real`] depend on. What `Sized` does not see: a point off its curve, a ciphertext changed on its way.
//!
//! Nothing here is secret: every key follows from the seed of the run.
//!
//! - [`Transcript`], [`Secret`]: digests of handshake messages, and what is derived from them.
//! - [`Kdf`] and [`KeySchedule`] for TLS 1.3 (RFC 8446 §7) and DTLS 1.3; [`tls12`] for the PRF of TLS 1.2 (RFC 5246 §5, RFC 7627).
//! - [`KeyPair`] and [`respond`]: ECDHE and its hybrids with ML-KEM.
//! - [`Protection`]: one direction of a record layer.

mod exchange;
mod hash;
mod luck;
mod protection;
mod schedule;
mod secret;
#[cfg(test)]
mod tests;
pub mod tls12;
mod transcript;
#[cfg(test)]
mod vectors;

pub use exchange::{KeyPair, respond};
#[cfg(feature = "rustls")]
pub(in crate::tls) use protection::Cipher;
pub use protection::Protection;
pub use schedule::{Kdf, KeySchedule};
pub use secret::Secret;
pub use transcript::Transcript;

pub(in crate::tls) use hash::Mixer;
pub(crate) use hash::{digest, hmac};
pub(in crate::tls) use luck::{Generator, filler};

/// How much of the cryptography is done.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
pub enum Mode {
    /// Lengths and outcomes, no cipher.
    #[default]
    Sized,
    /// As the RFCs say.
    Real,
}

impl Mode {
    /// True if nothing is computed.
    pub fn is_sized(&self) -> bool {
        *self == Self::Sized
    }
}
