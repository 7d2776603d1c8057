//! Sessions for rustls: what a client keeps of them, and what a server keeps or puts into tickets.
//!
//! The numbers are those of rustls's own stores (`ClientSessionMemoryCache`, `ServerSessionMemoryCache`), and a ticket is laid out as those of its
//! `Ticketer`: so they are as long.

use super::call::with;
use crate::tls::codes::Aead;
use crate::tls::crypto::{Cipher, Mode};
use protosim_core::LocalTime;
use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use rustls::server::{ProducesTickets, StoresServerSessions};
use std::collections::{BTreeMap, VecDeque};

/// Tickets of TLS 1.3 that a client keeps.
const MOST_TICKETS: usize = 8;
/// Sessions that a server keeps.
const MOST_SESSIONS: usize = 256;

/// What an application's connections leave for those after them. A client has one server.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    group: Option<NamedGroup>,
    tls12: Option<Tls12ClientSessionValue>,
    tls13: VecDeque<Tls13ClientSessionValue>,
    kept: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Keys of those that are kept, the oldest first.
    order: VecDeque<Vec<u8>>,
    ticket_key: Option<TicketKey>,
}

impl Sessions {
    /// A copy; `None` where a client has tickets of TLS 1.3, which rustls lets nobody copy.
    pub(super) fn try_clone(&self) -> Option<Self> {
        let (kept, order) = (self.kept.clone(), self.order.clone());
        let (tls12, ticket_key) = (self.tls12.clone(), self.ticket_key.clone());
        self.tls13.is_empty().then(|| Self {
            group: self.group,
            tls12,
            tls13: VecDeque::new(),
            kept,
            order,
            ticket_key,
        })
    }
}

#[derive(Clone, Debug)]
struct TicketKey {
    name: [u8; 16],
    key: [u8; 32],
}

/// A client's store.
#[derive(Debug)]
pub(super) struct ClientStore;

impl ClientSessionStore for ClientStore {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        with(|call| call.shared.sessions.group = Some(group));
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        with(|call| call.shared.sessions.group)?
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        with(|call| call.shared.sessions.tls12 = Some(value));
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        with(|call| call.shared.sessions.tls12.clone())?
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        with(|call| call.shared.sessions.tls12 = None);
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        with(|call| {
            let tickets = &mut call.shared.sessions.tls13;
            if tickets.len() == MOST_TICKETS {
                tickets.pop_front();
            }
            tickets.push_back(value);
        });
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        with(|call| call.shared.sessions.tls13.pop_back())?
    }
}

/// A server's store.
#[derive(Debug)]
pub(super) struct ServerStore;

impl StoresServerSessions for ServerStore {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let put = |sessions: &mut Sessions| {
            if sessions.order.len() == MOST_SESSIONS
                && let Some(oldest) = sessions.order.pop_front()
            {
                sessions.kept.remove(&oldest);
            }
            sessions.order.push_back(key.clone());
            sessions.kept.insert(key, value);
        };
        with(|call| put(&mut call.shared.sessions)).is_some()
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        with(|call| call.shared.sessions.kept.get(key).cloned())?
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        with(|call| call.shared.sessions.kept.remove(key))?
    }

    fn can_cache(&self) -> bool {
        true
    }
}

/// A server's tickets: name of the key, nonce, what is sealed, tag. The nonce has the time of issue in front.
#[derive(Debug)]
pub(super) struct Ticketer {
    /// For how long they are good \[s\].
    pub(super) lifetime_s: u32,
}

const NAME: usize = 16;
const NONCE: usize = 12;

fn cipher(key: &TicketKey) -> Cipher {
    Cipher::new(Mode::Real, Aead::ChaCha20Poly1305, &key.key, &[])
}

impl ProducesTickets for Ticketer {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        self.lifetime_s
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        with(|call| {
            let luck = &mut call.luck;
            let fresh = || TicketKey { name: luck.bytes(), key: luck.bytes() };
            let key = call.shared.sessions.ticket_key.get_or_insert_with(fresh).clone();
            let mut nonce = [0; NONCE];
            nonce[..8].copy_from_slice(&call.now.as_nanos().to_be_bytes());
            call.luck.fill(&mut nonce[8..]);
            let mut ticket = [&key.name[..], &nonce, plain].concat();
            let tag = cipher(&key).encrypt(&nonce, &key.name, &mut ticket[NAME + NONCE..]);
            ticket.extend_from_slice(&tag);
            ticket
        })
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_at_checked(NAME)?;
        let (nonce, rest) = rest.split_at_checked(NONCE)?;
        let (text, tag) = rest.split_at_checked(rest.len().checked_sub(Aead::TAG_LEN)?)?;
        let (nonce, tag) = (<[u8; NONCE]>::try_from(nonce).ok()?, tag.try_into().ok()?);
        let issued_at = LocalTime::from_nanos(u64::from_be_bytes(nonce[..8].try_into().ok()?));
        with(|call| {
            let key = call.shared.sessions.ticket_key.as_ref().filter(|key| key.name == name)?;
            let mut plain = text.to_vec();
            let is_ours = cipher(key).decrypt(&nonce, name, &mut plain, &tag);
            let age_ns = call.now.saturating_since(issued_at).as_nanos();
            (is_ours && age_ns < u64::from(self.lifetime_s) * 1_000_000_000).then_some(plain)
        })?
    }
}
