//! What a client knows of its server's credentials, and when it asks for things again.

use crate::stun::auth::{first_known, security_features};
use crate::stun::integrity::{Algorithm, Key, check_sha1, check_sha256, userhash};
use crate::stun::wire::{Attribute, Fields, Message, Writer};
use protosim_core::LocalTime;

/// Realm, nonce and key (RFC 8489 §9.2.3.2).
#[derive(Clone, Debug)]
pub(super) struct Session {
    realm: String,
    nonce: Vec<u8>,
    key: Key,
    /// PASSWORD-ALGORITHMS as it came, and what was chosen of it.
    algorithms: Option<(Vec<u8>, Algorithm)>,
    /// In place of the name.
    userhash: Option<[u8; 32]>,
}

impl Session {
    /// What an answer 401 or 438 asks for (§9.2.5); `None` if it lacks something, or wants what is not known here.
    pub(super) fn new(fields: &Fields<'_>, username: &str, password: &str) -> Option<Self> {
        let (realm, nonce) = (fields.realm?, fields.nonce?);
        let (wants_algorithms, wants_hash) = security_features(nonce);
        let algorithms = match fields.algorithms {
            Some(list) => Some((list.to_vec(), first_known(list)?)),
            // Somebody has taken it out on the way.
            None if wants_algorithms => return None,
            None => None,
        };
        let algorithm = algorithms.as_ref().map_or(Algorithm::Md5, |(_, algorithm)| *algorithm);
        let key = Key::long_term(username, realm, password, algorithm).ok()?;
        let userhash = if wants_hash { Some(userhash(username, realm).ok()?) } else { None };
        Some(Self { realm: realm.to_owned(), nonce: nonce.to_vec(), key, algorithms, userhash })
    }

    /// Adds credentials to a request.
    pub(super) fn sign(&self, writer: Writer, username: &str) -> Vec<u8> {
        let name = self.userhash.map_or(Attribute::Username(username), Attribute::UserHash);
        let writer = writer.with(name).with(Attribute::Realm(&self.realm)).with(Attribute::Nonce(&self.nonce));
        match &self.algorithms {
            Some((list, algorithm)) => writer
                .with(Attribute::PasswordAlgorithms(list))
                .with(Attribute::PasswordAlgorithm(algorithm.number()))
                .integrity_sha256(&self.key, 32)
                .finish(),
            None => writer.integrity(&self.key).finish(),
        }
    }

    /// Whether a response is the server's.
    pub(super) fn fits(&self, message: &Message<'_>) -> bool {
        let strong = check_sha256(message, &self.key, 32);
        // With algorithms agreed, the weaker one is none (§9.2.5).
        let mac = if self.algorithms.is_some() { strong } else { strong.or_else(|| check_sha1(message, &self.key)) };
        mac == Some(true)
    }
}

/// Something that has to be asked for again before it ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Renewal {
    /// When; `None` while an answer is awaited.
    at: Option<LocalTime>,
    /// It was never granted yet.
    is_first: bool,
}

impl Renewal {
    /// Asked for the first time.
    pub(super) const fn first() -> Self {
        Self { at: None, is_first: true }
    }

    /// Granted, to be asked for again then.
    pub(super) const fn at(at: LocalTime) -> Self {
        Self { at: Some(at), is_first: false }
    }

    /// True until it was granted.
    pub(super) const fn is_first(&self) -> bool {
        self.is_first
    }

    /// When it is due.
    pub(super) const fn due(&self) -> Option<LocalTime> {
        self.at
    }

    /// True if it is due; an answer is awaited from then on.
    pub(super) fn take_due(&mut self, now: LocalTime) -> bool {
        let is_due = self.at.is_some_and(|at| at <= now);
        if is_due {
            self.at = None;
        }
        is_due
    }
}
