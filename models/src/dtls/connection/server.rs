//! A server, from an accepted hello to what is chosen from it: from there `server12.rs` and `server13.rs` go on.

use super::client::{connection_id_of, legacy};
use super::core::Core;
use super::{Cx, RANDOM, random};
use crate::dtls::codes::{DTLS12, DTLS13, KeyExchange, Suite};
use crate::dtls::config::{Common, ServerConfig};
use crate::dtls::crypto::Protection;
use crate::dtls::reassembly::Whole;
use crate::dtls::session::Session;
use crate::dtls::wire::Message;
use crate::tls::certificate::{CertificateKind, Trust};
use crate::tls::codes::{AlertDescription, CipherSuite, Group, HandshakeType, PskMode, SignatureScheme, Version};
use crate::tls::crypto::{KeyPair, KeySchedule, Secret};
use crate::tls::wire::{ClientHello, Extension, KeyShare, ServerHello};
use bytes::Bytes;
use protosim_core::{Env, LocalTime, Purpose};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The server's own keys for tickets and cookies.
const TICKET_KEY: Purpose = Purpose("dtls.ticket-key");
const COOKIE_KEY: Purpose = Purpose("dtls.cookie-key");

/// What an application's connections share.
#[derive(Clone, Debug)]
pub struct ServerSide {
    /// What it is told.
    pub config: Arc<ServerConfig>,
    /// What clients have to be certified by.
    pub trust: Trust,
    common: Arc<Common>,
    ticket_key: Option<Secret>,
    cookie_key: Option<Secret>,
    next_ticket: u64,
    /// Sessions of DTLS 1.2 by their number, the oldest first, with their ids.
    kept: BTreeMap<u64, (Bytes, Session)>,
}

impl ServerSide {
    /// A server's, without sessions so far.
    pub fn new(config: ServerConfig, trust: Trust) -> Self {
        let common = Arc::new(config.common.clone());
        let (ticket_key, cookie_key, next_ticket, kept) = (None, None, 0, BTreeMap::new());
        Self { config: Arc::new(config), trust, common, ticket_key, cookie_key, next_ticket, kept }
    }

    pub(super) fn common(&self) -> &Arc<Common> {
        &self.common
    }

    fn ticket_key(&mut self, env: &mut dyn Env) -> Secret {
        *self.ticket_key.get_or_insert_with(|| draw_key(TICKET_KEY, env))
    }

    /// What cookies are made with.
    pub(in crate::dtls) fn cookie_key(&mut self, env: &mut dyn Env) -> Secret {
        *self.cookie_key.get_or_insert_with(|| draw_key(COOKIE_KEY, env))
    }

    /// Seals a session into a ticket.
    pub(super) fn seal(&mut self, session: &Session, core: &Core, cx: &mut Cx<'_>) -> Bytes {
        let key = self.ticket_key(cx.env);
        let id = self.next_ticket;
        self.next_ticket += 1;
        core.spend("tls.ticket.seal", 0, cx);
        session.seal(core.mode(), &key, id, self.config.ticket_len)
    }

    /// The session of a ticket, if it is one of ours, of this version, and still good.
    pub(super) fn open(&mut self, ticket: &Bytes, version: Version, core: &Core, cx: &mut Cx<'_>) -> Option<Session> {
        let key = self.ticket_key(cx.env);
        core.spend("tls.ticket.open", 0, cx);
        let session = Session::open(core.mode(), &key, ticket)?;
        self.is_good(&session, version, cx.env.now()).then_some(session)
    }

    fn is_good(&self, session: &Session, version: Version, now: LocalTime) -> bool {
        let age = now.saturating_since(session.issued_at);
        session.version == version && age < self.config.lifetime
    }

    /// The session with this id.
    pub(super) fn kept(&self, id: &Bytes, now: LocalTime) -> Option<Session> {
        let found = self.kept.values().find(|(one, _)| one == id);
        found.map(|(_, session)| session.clone()).filter(|session| self.is_good(session, DTLS12, now))
    }

    /// Remembers a session by its id; the oldest gives way.
    pub(super) fn keep(&mut self, id: Bytes, session: Session) {
        while self.kept.len() >= self.config.kept_sessions.max(1) {
            self.kept.pop_first();
        }
        self.kept.insert(self.next_ticket, (id, session));
        self.next_ticket += 1;
    }
}

fn draw_key(purpose: Purpose, env: &mut dyn Env) -> Secret {
    let mut key = [0; 32];
    for part in key.chunks_exact_mut(8) {
        part.copy_from_slice(&env.rng(purpose).next_u64().to_be_bytes());
    }
    Secret::new(&key)
}

/// A client's hello that a server answers: it came whole, and with a good cookie where one is wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// Its body.
    pub body: Bytes,
    /// Its number, which the answer has as well.
    pub message_seq: u16,
    /// The number of its record, which the answer's first one has as well (RFC 6347 §4.2.1).
    pub sequence: u64,
    /// DTLS 1.3: what the first hello has brought.
    pub retry: Option<Retry>,
    /// The connection id that we want to be called by, if ids are agreed on.
    pub cid: Bytes,
}

/// A retry request of a server that has kept nothing of it (RFC 8446 §4.2.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retry {
    /// The hash of the first hello.
    pub first_hello: Secret,
    /// The body of the request.
    pub request: Bytes,
    /// The suite that it named.
    pub suite: Suite,
    /// The group that it named.
    pub group: Option<Group>,
}

/// Where a server stands (RFC 8446 §A.2; RFC 5246 §7.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum State {
    #[default]
    Start,
    // DTLS 1.2.
    WaitCertificate12,
    WaitKeyExchange,
    WaitCertificateVerify12,
    WaitFinished12,
    Connected12,
    // DTLS 1.3.
    WaitCertificate,
    WaitCertificateVerify,
    WaitFinished,
    Connected,
}

/// One server's handshake.
#[derive(Clone, Debug, Default)]
pub(super) struct Server {
    pub(super) state: State,
    pub(super) leaf: Bytes,
    // DTLS 1.2.
    pub(super) promised_ticket: bool,
    pub(super) session_id: Bytes,
    pub(super) pair: Option<KeyPair>,
    pub(super) ours: Option<Protection>,
    // DTLS 1.3.
    pub(super) schedule: Option<KeySchedule>,
    /// The client's secrets: of its handshake, and of its data.
    pub(super) theirs: Option<(Secret, Secret)>,
    pub(super) takes_tickets: bool,
}

/// What a server reads from a hello.
#[derive(Clone, Debug, Default)]
pub(in crate::dtls) struct Offer {
    pub(super) versions: Vec<Version>,
    pub(in crate::dtls) groups: Vec<Group>,
    pub(super) schemes: Vec<SignatureScheme>,
    pub(in crate::dtls) shares: Option<Vec<KeyShare>>,
    pub(super) has_name: bool,
    pub(super) has_master_secret: bool,
    pub(super) has_point_formats: bool,
    pub(super) signals_renegotiation: bool,
    /// The ticket of DTLS 1.2; empty for a client that wants one.
    pub(super) ticket: Option<Bytes>,
    pub(super) cid: Option<Bytes>,
    pub(super) psk_modes: Option<Vec<PskMode>>,
    pub(in crate::dtls) cookie: Option<Bytes>,
}

impl Offer {
    pub(in crate::dtls) fn of(hello: &ClientHello) -> Result<Self, AlertDescription> {
        let signals = hello.cipher_suites.contains(&CipherSuite::EMPTY_RENEGOTIATION_INFO_SCSV);
        let mut offer = Self { signals_renegotiation: signals, ..Self::default() };
        for extension in &hello.extensions {
            match extension {
                Extension::SupportedVersions(list) => offer.versions.clone_from(list),
                Extension::SupportedGroups(list) => offer.groups.clone_from(list),
                Extension::SignatureAlgorithms(list) => offer.schemes.clone_from(list),
                Extension::KeyShares(list) => offer.shares = Some(list.clone()),
                Extension::ServerName(_) => offer.has_name = true,
                Extension::ExtendedMasterSecret => offer.has_master_secret = true,
                Extension::EcPointFormats(_) => offer.has_point_formats = true,
                Extension::SessionTicket(ticket) => offer.ticket = Some(ticket.clone()),
                // RFC 5746 §3.6.
                Extension::RenegotiationInfo(info) if !info.is_empty() => {
                    return Err(AlertDescription::HANDSHAKE_FAILURE);
                }
                Extension::RenegotiationInfo(_) => offer.signals_renegotiation = true,
                Extension::PskModes(list) => offer.psk_modes = Some(list.clone()),
                Extension::Cookie(cookie) => offer.cookie = Some(cookie.clone()),
                other => {
                    if let Some(cid) = connection_id_of(other) {
                        offer.cid = Some(cid?);
                    }
                }
            }
        }
        if offer.versions.is_empty() {
            // RFC 8446 §4.2.1: without the list it is what the old field says, 1.2 at most.
            offer.versions.push(legacy(hello.legacy_version));
        }
        Ok(offer)
    }

    /// The best version of ours that the client knows.
    pub(in crate::dtls) fn version(&self, common: &Common) -> Result<Version, AlertDescription> {
        let best = common.versions.iter().find(|version| self.versions.contains(version));
        best.copied().ok_or(AlertDescription::PROTOCOL_VERSION)
    }

    pub(super) fn takes(&self, mode: PskMode) -> bool {
        self.psk_modes.as_ref().is_some_and(|modes| modes.contains(&mode))
    }
}

impl ServerConfig {
    /// The first suite of the client's that we have, and have keys for.
    pub(in crate::dtls) fn choose(&self, hello: &ClientHello, offer: &Offer, version: Version) -> Option<Suite> {
        let has_group = self.common.groups.iter().any(|group| offer.groups.contains(group));
        let is_ecdsa = self.identity.as_ref().is_some_and(|identity| identity.kind() == CertificateKind::EcdsaP256);
        let fits = |suite: &Suite| {
            suite.version() == version
                && self.common.suites().any(|one| one == *suite)
                && match suite.exchange() {
                    KeyExchange::Psk => !self.psks.is_empty(),
                    KeyExchange::EcdhePsk => !self.psks.is_empty() && has_group,
                    // RFC 8422 §5.1.1: the curve of the key as well.
                    KeyExchange::Ecdsa => {
                        is_ecdsa
                            && has_group
                            && offer.groups.contains(&Group::SECP256R1)
                            && (offer.schemes.is_empty()
                                || offer.schemes.contains(&SignatureScheme::ECDSA_SECP256R1_SHA256))
                    }
                    KeyExchange::Tls13 => true,
                }
        };
        hello.cipher_suites.iter().filter_map(|code| Suite::of(*code)).find(fits)
    }
}

impl Server {
    /// Answers the hello.
    pub(super) fn start(
        &mut self,
        accepted: Accepted,
        core: &mut Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        core.records.mark_first(accepted.sequence);
        let kind = HandshakeType::CLIENT_HELLO;
        let header = crate::dtls::wire::FragmentHeader::whole(kind, accepted.message_seq, accepted.body.len() as u32);
        core.reassembly.push(&header, &accepted.body, 0);
        let whole = core.reassembly.next_message().ok_or(AlertDescription::ILLEGAL_PARAMETER)?;
        core.last_seq = Some(accepted.message_seq);
        core.was_retried = accepted.message_seq > 0;
        let decoded = Message::decode(kind, &accepted.body, core.version(), None)?;
        let Message::ClientHello(hello, cookie) = decoded else { return Err(AlertDescription::INTERNAL_ERROR) };
        let offer = Offer::of(&hello)?;
        let config = Arc::clone(&side.config);
        let version = offer.version(&config.common)?;
        let suite = config.choose(&hello, &offer, version).ok_or(AlertDescription::HANDSHAKE_FAILURE)?;
        core.client_random = hello.random;
        core.use_suite(suite);
        if let (Some(_), Some(cid)) = (core.common.cid_len, &offer.cid) {
            core.records.own_cid = accepted.cid;
            (core.records.peer_cid, core.records.has_cids) = (Some(cid.clone()), true);
        }
        if version == DTLS13 {
            // RFC 9147 §5.3.
            if !cookie.is_empty() || hello.compression[..] != [0] {
                return Err(AlertDescription::ILLEGAL_PARAMETER);
            }
            self.on_hello_13(&hello, &offer, &whole, accepted.retry, core, side, cx)
        } else {
            self.on_hello_12(&hello, &offer, &whole, core, side, cx)
        }
    }

    pub(super) fn on_message(
        &mut self,
        message: Message,
        whole: &Whole,
        core: &mut Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        if core.records.is_13 {
            self.on_message_13(message, whole, core, side, cx)
        } else {
            self.on_message_12(message, whole, core, side, cx)
        }
    }

    /// Our random; where 1.3 was to be had and is not agreed on, it says so (RFC 8446 §4.1.3).
    pub(super) fn draw_random(core: &mut Core, cx: &mut Cx<'_>) -> [u8; 32] {
        let mut bytes = random(cx.env);
        if core.common.knows(DTLS13) && !core.records.is_13 {
            bytes[24..].copy_from_slice(&ServerHello::DOWNGRADE_TLS12);
        }
        core.server_random = bytes;
        bytes
    }

    /// The client's certificates, where it was asked for them.
    pub(super) fn check_client_chain(
        &mut self,
        chain: &[Bytes],
        core: &Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        core.spend_chain(chain, cx);
        side.trust.check(core.mode(), chain)?;
        self.leaf = chain.first().cloned().unwrap_or_default();
        Ok(())
    }
}

/// A number that hides how old a ticket is (RFC 8446 §4.6.1).
pub(super) fn age_add(env: &mut dyn Env) -> u32 {
    env.rng(RANDOM).next_u64() as u32
}
