//! The hash of the handshake messages so far (RFC 8446 §4.4.1, RFC 5246 §7.4.9).

use super::hash::{Mixer, digest};
use super::{Mode, Secret};
use crate::tls::codes::{HandshakeType, Hash};
use sha2::{Digest, Sha256, Sha384};

/// The transcript of a handshake. Messages are added whole, with their header of 4 bytes.
///
/// Until the hash is known ([`Transcript::set_hash`]) messages are kept.
#[derive(Clone, Debug)]
pub struct Transcript {
    mode: Mode,
    hash: Option<Hash>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Mixed(Mixer),
    Kept(Vec<u8>),
    Sha256(Sha256),
    Sha384(Sha384),
}

impl State {
    fn add(&mut self, bytes: &[u8]) {
        match self {
            Self::Mixed(mixer) => mixer.write(bytes),
            Self::Kept(kept) => kept.extend_from_slice(bytes),
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha384(hash) => hash.update(bytes),
        }
    }
}

impl Transcript {
    /// No messages yet.
    pub fn new(mode: Mode) -> Self {
        let state = match mode {
            Mode::Sized => State::Mixed(Mixer::default()),
            Mode::Real => State::Kept(Vec::new()),
        };
        Self { mode, hash: None, state }
    }

    /// Adds a handshake message.
    pub fn add(&mut self, message: &[u8]) {
        self.state.add(message);
    }

    /// Tells the hash, once the cipher suite is known. Later calls change nothing.
    pub fn set_hash(&mut self, hash: Hash) {
        self.hash.get_or_insert(hash);
        let State::Kept(kept) = &self.state else { return };
        self.state = match hash {
            Hash::Sha256 => State::Sha256(Sha256::new_with_prefix(kept)),
            Hash::Sha384 => State::Sha384(Sha384::new_with_prefix(kept)),
        };
    }

    /// The hash of the messages so far; by SHA-256 while the hash is not known.
    pub fn digest(&self) -> Secret {
        match &self.state {
            State::Mixed(mixer) => mixer.digest(self.hash.unwrap_or(Hash::Sha256)),
            State::Kept(kept) => digest(self.mode, Hash::Sha256, kept),
            State::Sha256(hash) => Secret::new(&hash.clone().finalize()),
            State::Sha384(hash) => Secret::new(&hash.clone().finalize()),
        }
    }

    /// The hash of the messages so far and `more`, which is not added: for binders, which cover a ClientHello up to
    /// their own list (RFC 8446 §4.2.11.2). With a pre-shared key of another hash than the transcript's, or before the
    /// transcript's is known, take a clone and tell it the hash first.
    pub fn digest_with(&self, more: &[u8]) -> Secret {
        let mut longer = self.clone();
        longer.add(more);
        longer.digest()
    }

    /// Replaces the first ClientHello, which must be all there is, by a `message_hash` message of its hash, before the
    /// HelloRetryRequest is added (RFC 8446 §4.4.1).
    pub fn restart_for_retry(&mut self) {
        let hash = self.hash.unwrap_or(Hash::Sha256);
        let first = self.digest();
        *self = Self::new(self.mode);
        self.set_hash(hash);
        self.add(&[HandshakeType::MESSAGE_HASH.0, 0, 0, hash.len() as u8]);
        self.add(first.as_slice());
    }
}
