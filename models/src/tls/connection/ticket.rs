//! Tickets: what a server remembers of a session without remembering it, and what a client keeps.

use crate::rope::Rope;
use crate::tls::codes::{CipherSuite, ContentType, Hash, Version};
use crate::tls::crypto::{Kdf, Mode, Protection, Secret};
use crate::tls::wire::Record;
use bytes::{Buf, BufMut, Bytes};
use protosim_core::LocalTime;

/// A session that a client can take up again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ticket {
    /// Of which version it is.
    pub version: Version,
    /// The suite of its session.
    pub suite: CipherSuite,
    /// What the server gave out.
    pub ticket: Bytes,
    /// The pre-shared key (TLS 1.3), or the master secret (TLS 1.2).
    pub secret: Secret,
    /// What is added to its age (RFC 8446 §4.6.1).
    pub age_add: u32,
    /// When it came.
    pub received_at: LocalTime,
    /// For how long it is good \[s\].
    pub lifetime_s: u32,
    /// Early data that the server takes with it \[bytes\].
    pub max_early_data: u32,
    /// Application protocol of its session.
    pub alpn: Option<Bytes>,
    /// Its master secret is an extended one (TLS 1.2).
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

/// What a server puts into a ticket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Session {
    /// Its number among those of this server: for the record of those that were used.
    pub(super) id: u64,
    pub(super) version: Version,
    pub(super) suite: CipherSuite,
    pub(super) secret: Secret,
    pub(super) age_add: u32,
    pub(super) issued_at: LocalTime,
    pub(super) alpn: Option<Bytes>,
    pub(super) is_extended: bool,
    /// Length of the client's certificates, if it has shown any \[bytes\].
    pub(super) peer_len: u32,
}

/// Number of a ticket, in front of what is sealed \[bytes\].
const ID: usize = 8;
/// Header of a record \[bytes\].
const HEADER: usize = 5;
/// What a record adds to what it holds: header, tag and the byte of its type.
const RECORD: usize = HEADER + 1 + 16;
/// Names of protocols that fit into a ticket \[bytes\].
const MOST_ALPN: usize = 32;

/// The key of one ticket: of the server's key and its number.
fn key_of(mode: Mode, key: &Secret, id: u64) -> Secret {
    Secret::new(&Kdf::tls13(mode, Hash::Sha256).finished(key, &Secret::new(&id.to_be_bytes())))
}

fn protection(key: &Secret) -> Protection {
    Protection::tls13(Mode::Real, CipherSuite::AES_128_GCM_SHA256, key)
}

impl Session {
    /// Length of the key of a session that is kept \[bytes\], as rustls has it.
    pub(super) const KEPT_LEN: usize = 32;

    /// The key under which it is kept: its number, and what nobody can guess.
    pub(super) fn kept_ticket(&self, mode: Mode, key: &Secret) -> Bytes {
        let mut ticket = self.id.to_be_bytes().to_vec();
        ticket.extend_from_slice(&key_of(mode, key, self.id).as_slice()[..Self::KEPT_LEN - ID]);
        ticket.into()
    }

    /// How long the ticket is that rustls 0.23 would make of it \[bytes\]: name of a key, nonce and tag around name of the server, version,
    /// suite, secret, extended master secret, client's certificates, protocol, data of the application, time, age.
    pub(super) fn rustls_len(&self, name_len: Option<usize>) -> usize {
        let optional = |len: Option<usize>| 1 + len.map_or(0, |len| 1 + len);
        let sealed = optional(name_len)
            + (2 + 2)
            + (1 + self.secret.as_slice().len())
            + 1
            + (1 + self.peer_len as usize)
            + optional(self.alpn.as_ref().map(Bytes::len))
            + (2 + 8 + 4);
        16 + 12 + sealed + 16
    }

    /// A ticket of `len` bytes, or as many as it takes if those are more.
    pub(super) fn seal(&self, mode: Mode, key: &Secret, len: usize) -> Bytes {
        let mut plain = Vec::new();
        plain.put_u16(self.version.0);
        plain.put_u16(self.suite.0);
        plain.put_u32(self.age_add);
        plain.put_u64(self.issued_at.as_nanos());
        plain.put_u8(u8::from(self.is_extended));
        plain.put_u32(self.peer_len);
        put(&mut plain, self.secret.as_slice());
        put(&mut plain, self.alpn.as_deref().filter(|alpn| alpn.len() <= MOST_ALPN).unwrap_or_default());
        plain.resize(plain.len().max(len.saturating_sub(ID + RECORD)), 0);
        let mut ticket = self.id.to_be_bytes().to_vec();
        let key = key_of(mode, key, self.id);
        match mode {
            // As it is, with as many bytes of the key instead of a tag: another server's does not pass.
            Mode::Sized => {
                ticket.extend_from_slice(&plain);
                ticket.extend_from_slice(&key.as_slice()[..RECORD]);
            }
            Mode::Real => {
                protection(&key).seal(ContentType::APPLICATION_DATA, &Rope::from(plain), 0).write_to(&mut ticket);
            }
        }
        ticket.into()
    }

    /// What a ticket holds; `None` if it is none of this server's.
    pub(super) fn open(mode: Mode, key: &Secret, ticket: &Bytes) -> Option<Self> {
        let mut rest = ticket.clone();
        let id = rest.try_get_u64().ok()?;
        let key = key_of(mode, key, id);
        if mode == Mode::Sized {
            return rest.ends_with(&key.as_slice()[..RECORD]).then(|| Self::read(id, rest))?;
        }
        let (content_type, version) = (ContentType::APPLICATION_DATA, Version::TLS12);
        let record =
            Record { content_type, version, fragment: Rope::from(Bytes::copy_from_slice(rest.get(HEADER..)?)) };
        let (_, plain) = protection(&key).open(&record).ok()?;
        Self::read(id, plain.to_bytes())
    }

    fn read(id: u64, mut plain: Bytes) -> Option<Self> {
        let version = Version(plain.try_get_u16().ok()?);
        let suite = CipherSuite(plain.try_get_u16().ok()?);
        let age_add = plain.try_get_u32().ok()?;
        let issued_at = LocalTime::from_nanos(plain.try_get_u64().ok()?);
        let is_extended = plain.try_get_u8().ok()? != 0;
        let peer_len = plain.try_get_u32().ok()?;
        let secret = Secret::new(&take(&mut plain)?);
        let alpn = Some(take(&mut plain)?).filter(|alpn| !alpn.is_empty());
        Some(Self { id, version, suite, secret, age_add, issued_at, alpn, is_extended, peer_len })
    }
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.put_u8(bytes.len() as u8);
    out.extend_from_slice(bytes);
}

fn take(bytes: &mut Bytes) -> Option<Bytes> {
    let len = usize::from(bytes.try_get_u8().ok()?);
    (bytes.len() >= len && len <= Secret::MAX).then(|| bytes.split_to(len))
}
