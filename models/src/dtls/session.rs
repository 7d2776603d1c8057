//! Sessions that can be taken up again: what a client keeps, and what a server remembers or puts into tickets (RFC 5246 §7.3, RFC 5077,
//! RFC 8446 §4.6.1).

use super::codes::HASH;
use super::codes::{Aead, Suite};
use super::crypto::Cipher;
use crate::tls::codes::{CipherSuite, Version};
use crate::tls::crypto::{Mode, Secret, hmac};
use bytes::{Buf, BufMut, Bytes};
use protosim_core::LocalTime;

/// Tickets of DTLS 1.3 live for seven days at most (RFC 8446 §4.6.1) \[s\].
pub(super) const MOST_LIFETIME_S: u32 = 604_800;

/// A session that a client can take up again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ticket {
    /// Of which version it is.
    pub version: Version,
    /// The suite of its session.
    pub suite: Suite,
    /// What the server gave out; empty for a session of DTLS 1.2 that the server remembers.
    pub ticket: Bytes,
    /// DTLS 1.2: the session's id at the server.
    pub session_id: Bytes,
    /// The pre-shared key (DTLS 1.3), or the master secret (DTLS 1.2).
    pub secret: Secret,
    /// What is added to its age (RFC 8446 §4.6.1).
    pub age_add: u32,
    /// When it came.
    pub received_at: LocalTime,
    /// For how long it is good \[s\].
    pub lifetime_s: u32,
    /// Its master secret is an extended one (DTLS 1.2).
    pub is_extended: bool,
}

impl Ticket {
    /// True if it may still be used.
    pub fn is_good(&self, now: LocalTime) -> bool {
        now.saturating_since(self.received_at).as_nanos() < u64::from(self.lifetime_s) * 1_000_000_000
    }

    /// Its age as the server is told \[ms\] (RFC 8446 §4.2.11.1).
    pub(super) fn obfuscated_age(&self, now: LocalTime) -> u32 {
        let age_ms = now.saturating_since(self.received_at).as_nanos() / 1_000_000;
        (age_ms as u32).wrapping_add(self.age_add)
    }
}

/// What a server remembers, or puts into a ticket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Session {
    pub(super) version: Version,
    pub(super) suite: Suite,
    pub(super) secret: Secret,
    pub(super) issued_at: LocalTime,
    pub(super) is_extended: bool,
}

/// Number of a ticket, before what is sealed \[bytes\].
const ID: usize = 8;
/// What follows it \[bytes\].
const TAG: usize = 16;

/// The key of one ticket: no other has it, so that its nonce can be zero.
fn key_of(mode: Mode, key: &Secret, id: u64) -> Secret {
    hmac(mode, HASH, key.as_slice(), &[&id.to_be_bytes()])
}

impl Session {
    /// A ticket with this number, of `len` bytes, or as many as it takes if those are more.
    pub(super) fn seal(&self, mode: Mode, key: &Secret, id: u64, len: usize) -> Bytes {
        let mut out = id.to_be_bytes().to_vec();
        out.put_u16(self.version.0);
        out.put_u16(self.suite.code().0);
        out.put_u64(self.issued_at.as_nanos());
        out.put_u8(u8::from(self.is_extended));
        out.put_u8(self.secret.as_slice().len() as u8);
        out.extend_from_slice(self.secret.as_slice());
        out.resize(out.len().max(len.saturating_sub(TAG)), 0);
        let key = key_of(mode, key, id);
        match mode {
            // As it is, with as many bytes of the key instead of a tag: another server's does not pass.
            Mode::Sized => out.extend_from_slice(&key.as_slice()[..TAG]),
            Mode::Real => Self::cipher(&key).seal(&[0; Aead::NONCE_LEN], &[], &mut out, ID),
        }
        out.into()
    }

    fn cipher(key: &Secret) -> Cipher {
        Cipher::new(Mode::Real, Aead::Gcm, &key.as_slice()[..Aead::KEY_LEN], &[])
    }

    /// What a ticket holds; `None` if it is none of this server's.
    pub(super) fn open(mode: Mode, key: &Secret, ticket: &Bytes) -> Option<Self> {
        let mut bytes = ticket.to_vec();
        let (id, sealed) = bytes.split_first_chunk_mut::<ID>()?;
        let key = key_of(mode, key, u64::from_be_bytes(*id));
        let text_len = sealed.len().checked_sub(TAG)?;
        let (text, tag) = sealed.split_at_mut(text_len);
        let holds = match mode {
            Mode::Sized => *tag == key.as_slice()[..TAG],
            Mode::Real => Self::cipher(&key).open(&[0; Aead::NONCE_LEN], &[], text, tag),
        };
        if holds { Self::read(text) } else { None }
    }

    fn read(mut plain: &[u8]) -> Option<Self> {
        let version = Version(plain.try_get_u16().ok()?);
        let suite = Suite::of(CipherSuite(plain.try_get_u16().ok()?))?;
        let issued_at = LocalTime::from_nanos(plain.try_get_u64().ok()?);
        let is_extended = plain.try_get_u8().ok()? != 0;
        let len = usize::from(plain.try_get_u8().ok()?);
        let secret = Secret::new(plain.get(..len).filter(|_| len <= Secret::MAX)?);
        Some(Self { version, suite, secret, issued_at, is_extended })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtls::codes::DTLS12;

    #[test]
    fn a_ticket_is_opened_by_the_server_that_made_it() {
        let session = Session {
            version: DTLS12,
            suite: Suite::PskAes128Ccm8,
            secret: Secret::new(&[9; 48]),
            issued_at: LocalTime::from_nanos(77),
            is_extended: true,
        };
        for mode in [Mode::Sized, Mode::Real] {
            let (ours, other) = (Secret::new(&[1; 32]), Secret::new(&[2; 32]));
            let ticket = session.seal(mode, &ours, 5, 176);
            assert_eq!(ticket.len(), 176);
            assert_eq!(Session::open(mode, &ours, &ticket), Some(session.clone()));
            assert_eq!(Session::open(mode, &other, &ticket), None);
            for wrong in [&ticket[..175], &ticket[..20], &[][..]] {
                assert_eq!(Session::open(mode, &ours, &Bytes::copy_from_slice(wrong)), None);
            }
            assert_eq!(session.seal(mode, &ours, 5, 0).len(), 8 + 14 + 48 + 16);
        }
    }
}
