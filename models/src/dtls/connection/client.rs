//! A client, up to the server's hello: from there `client12.rs` and `client13.rs` go on.

use super::core::Core;
use super::outbox::Expects;
use super::proof::agree;
use super::{Cx, KEYS, draw_cid, random, raw};
use crate::dtls::codes::{CONNECTION_ID, DTLS12, DTLS13, HASH, Suite};
use crate::dtls::config::{ClientConfig, Common};
use crate::dtls::crypto::Protection;
use crate::dtls::reassembly::Whole;
use crate::dtls::session::Ticket;
use crate::dtls::wire::{Message, with_tls_header};
use crate::tls::certificate::Trust;
use crate::tls::codes::{AlertDescription, CipherSuite, Group, HandshakeType, PskMode, SignatureScheme, Version};
use crate::tls::crypto::{KeyPair, KeySchedule, Secret, Transcript};
use crate::tls::wire::{
    ClientHello, Extension, Handshake, HelloRetryRequest, KeyShare, PreSharedKeys, PskIdentity, ServerHello,
};
use bytes::Bytes;
use protosim_core::LocalTime;
use std::sync::Arc;

/// Tickets that are kept.
const MOST_TICKETS: usize = 16;
/// Requests to verify that are answered: one is usual.
const MOST_VERIFIED: u8 = 3;

/// What an application's connections share.
#[derive(Clone, Debug)]
pub struct ClientSide {
    /// What it is told.
    pub config: Arc<ClientConfig>,
    /// What servers have to be certified by.
    pub trust: Trust,
    /// Sessions, the newest last.
    pub tickets: Vec<Ticket>,
    common: Arc<Common>,
}

impl ClientSide {
    /// A client's, without sessions so far.
    pub fn new(config: ClientConfig, trust: Trust) -> Self {
        let common = Arc::new(config.common.clone());
        Self { config: Arc::new(config), trust, tickets: Vec::new(), common }
    }

    pub(super) fn common(&self) -> &Arc<Common> {
        &self.common
    }

    /// The newest session that is still good. A ticket of DTLS 1.3 is used once (RFC 8446 §C.4).
    fn take_ticket(&mut self, now: LocalTime) -> Option<Ticket> {
        if !self.config.resumption {
            return None;
        }
        self.tickets.retain(|ticket| ticket.is_good(now));
        let common = &self.common;
        let index = self.tickets.iter().rposition(|ticket| common.suites().any(|suite| suite == ticket.suite))?;
        if self.tickets[index].version == DTLS13 {
            Some(self.tickets.remove(index))
        } else {
            self.tickets.get(index).cloned()
        }
    }

    pub(super) fn keep(&mut self, ticket: Ticket) {
        if self.config.resumption {
            if self.tickets.len() == MOST_TICKETS {
                self.tickets.remove(0);
            }
            self.tickets.push(ticket);
        }
    }
}

/// Where a client stands (RFC 8446 §A.1; RFC 5246 §7.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum State {
    #[default]
    WaitServerHello,
    // DTLS 1.2.
    WaitCertificate12,
    WaitKeyExchange,
    /// With pre-shared keys alone ServerKeyExchange comes only where there is a hint.
    WaitHintOrDone,
    WaitRequestOrDone,
    WaitDone,
    /// The server's ticket, if it has promised one, and its Finished.
    WaitFinished12,
    Connected12,
    // DTLS 1.3.
    WaitEncryptedExtensions,
    WaitCertificateOrRequest,
    WaitCertificate,
    WaitCertificateVerify,
    WaitFinished,
    Connected,
}

/// One client's handshake.
#[derive(Clone, Debug, Default)]
pub(super) struct Client {
    pub(super) state: State,
    pub(super) session_id: Bytes,
    pub(super) ticket: Option<Ticket>,
    /// Of HelloVerifyRequest (DTLS 1.2), and of a retry request (DTLS 1.3).
    cookie: Bytes,
    cookie_13: Option<Bytes>,
    verified: u8,
    pub(super) keys: Vec<(Group, KeyPair)>,
    /// The last hello, which is no part of a transcript until the version is known.
    hello: (u16, Bytes),
    /// DTLS 1.3: what comes before it, of a retry (RFC 8446 §4.4.1).
    before: Option<Transcript>,
    retry_suite: Option<Suite>,
    /// The server's leaf.
    pub(super) leaf: Bytes,
    /// The server asks for a certificate, signed in one of these ways.
    pub(super) request: Option<Vec<SignatureScheme>>,
    // DTLS 1.2.
    pub(super) expects_ticket: bool,
    pub(super) new_ticket: Option<(u32, Bytes)>,
    pub(super) server_session_id: Bytes,
    pub(super) peer_share: Option<(Group, Bytes)>,
    /// What our records will be protected with, of a session that goes on.
    pub(super) ours: Option<Protection>,
    // DTLS 1.3.
    /// The client's and the server's secret of the handshake.
    pub(super) handshake: Option<(Secret, Secret)>,
    pub(super) resumption: Option<Secret>,
}

/// A pre-shared key that a client of DTLS 1.3 offers.
pub(super) struct Offered {
    pub(super) identity: PskIdentity,
    pub(super) key: Bytes,
    /// Both had it before; otherwise it is that of a ticket.
    pub(super) is_external: bool,
}

impl Client {
    /// Sends the first hello.
    pub(super) fn start(&mut self, core: &mut Core, side: &mut ClientSide, cx: &mut Cx<'_>) {
        let config = Arc::clone(&side.config);
        core.client_random = random(cx.env);
        core.messages = config.identity.as_ref().map(|_| Vec::new());
        self.ticket = side.take_ticket(cx.env.now());
        if let Some(ticket) = self.ticket.as_ref().filter(|ticket| ticket.version == DTLS12) {
            // RFC 5077 §3.4: an id of ours tells that the server took the ticket.
            self.session_id = match ticket.ticket.is_empty() {
                true => ticket.session_id.clone(),
                false => Bytes::copy_from_slice(&random(cx.env)),
            };
        }
        if core.common.knows(DTLS13) {
            let first = core.common.groups.first().map(std::slice::from_ref).unwrap_or_default();
            for group in config.key_shares.as_deref().unwrap_or(first) {
                self.generate(*group, core, cx);
            }
        }
        if let Some(len) = core.common.cid_len {
            core.records.own_cid = draw_cid(len, cx.env);
        }
        self.send_hello(core, &config, cx);
        // The ids count from when they are agreed on.
    }

    fn generate(&mut self, group: Group, core: &Core, cx: &mut Cx<'_>) {
        core.spend(agree(group).0, 0, cx);
        self.keys.push((group, KeyPair::generate(core.mode(), group, cx.env.rng(KEYS))));
    }

    /// Extensions, but for those with pre-shared keys.
    fn extensions(&self, core: &Core, config: &ClientConfig) -> Vec<Extension> {
        let common = &*core.common;
        let (has_12, has_13) = (common.knows(DTLS12), common.knows(DTLS13));
        let mut list = Vec::new();
        list.extend(config.server_name.clone().map(Extension::ServerName));
        if common.uses_groups() {
            if has_12 {
                list.push(Extension::EcPointFormats(Bytes::from_static(&[0])));
            }
            list.push(Extension::SupportedGroups(common.groups.clone()));
        }
        if common.uses_certificates() {
            list.push(Extension::SignatureAlgorithms(common.schemes.clone()));
        }
        if has_12 && common.extended_master_secret {
            list.push(Extension::ExtendedMasterSecret);
        }
        if has_12 && config.resumption {
            let old = self.ticket.as_ref().filter(|ticket| ticket.version == DTLS12);
            list.push(Extension::SessionTicket(old.map(|ticket| ticket.ticket.clone()).unwrap_or_default()));
        }
        if common.cid_len.is_some() {
            list.push(connection_id(&core.records.own_cid));
        }
        if has_13 {
            list.push(Extension::SupportedVersions(common.versions.clone()));
            if config.resumption || config.psk.is_some() {
                let alone = config.psk_alone.then_some(PskMode::PSK_KE);
                list.push(Extension::PskModes([Some(PskMode::PSK_DHE_KE), alone].into_iter().flatten().collect()));
            }
            let share = |(group, pair): &(Group, KeyPair)| KeyShare { group: *group, public: pair.public() };
            list.push(Extension::KeyShares(self.keys.iter().map(share).collect()));
            list.extend(self.cookie_13.clone().map(Extension::Cookie));
        }
        list
    }

    fn send_hello(&mut self, core: &mut Core, config: &ClientConfig, cx: &mut Cx<'_>) {
        let mut extensions = self.extensions(core, config);
        let offered = self.offered_psks(core, config, cx.env.now());
        if !offered.is_empty() {
            let identities = offered.iter().map(|one| one.identity.clone()).collect();
            let binders = vec![Bytes::from_static(&[0; HASH.len()]); offered.len()];
            extensions.push(Extension::PreSharedKeys(PreSharedKeys { identities, binders }));
        }
        let mut cipher_suites: Vec<CipherSuite> = core.common.suites().map(Suite::code).collect();
        if core.common.knows(DTLS12) {
            // RFC 5746 §3.3.
            cipher_suites.push(CipherSuite::EMPTY_RENEGOTIATION_INFO_SCSV);
        }
        let hello = ClientHello {
            legacy_version: DTLS12,
            random: core.client_random,
            session_id: self.session_id.clone(),
            cipher_suites,
            compression: Bytes::from_static(&[0]),
            extensions,
        };
        let binders_len = hello.binders_len();
        let mut body = Message::ClientHello(hello, self.cookie.clone()).encode_body();
        if !offered.is_empty() {
            body = self.with_binders(&body, binders_len, &offered, core, cx);
        }
        let message_seq = core.send_outside(HandshakeType::CLIENT_HELLO, body.clone(), 0, cx);
        self.hello = (message_seq, body);
        core.end_flight(Expects::Flight, cx);
    }

    /// The pre-shared keys that are offered to a server of DTLS 1.3, the best first: a ticket's, and that of the configuration, in case the server
    /// does not know the ticket any more (RFC 8446 §4.2.11: that is what the list is for).
    pub(super) fn offered_psks(&self, core: &Core, config: &ClientConfig, now: LocalTime) -> Vec<Offered> {
        if !core.common.knows(DTLS13) {
            return Vec::new();
        }
        let ticket = self.ticket.as_ref().filter(|ticket| ticket.version == DTLS13).map(|ticket| Offered {
            identity: PskIdentity { identity: ticket.ticket.clone(), obfuscated_age: ticket.obfuscated_age(now) },
            key: Bytes::copy_from_slice(ticket.secret.as_slice()),
            is_external: false,
        });
        let own = config.psk.as_ref().map(|psk| Offered {
            // RFC 8446 §4.2.11: 0 for keys that both had.
            identity: PskIdentity { identity: psk.identity.clone(), obfuscated_age: 0 },
            key: psk.key.clone(),
            is_external: true,
        });
        ticket.into_iter().chain(own).collect()
    }

    /// Proves that the client has the keys (RFC 8446 §4.2.11.2): each over the hello without the proofs.
    fn with_binders(
        &self,
        body: &Bytes,
        binders_len: usize,
        offered: &[Offered],
        core: &Core,
        cx: &mut Cx<'_>,
    ) -> Bytes {
        let mut transcript = self.before.clone().unwrap_or_else(|| Transcript::new(core.mode()));
        transcript.set_hash(HASH);
        let whole = with_tls_header(HandshakeType::CLIENT_HELLO, body);
        let digest = transcript.digest_with(&whole[..whole.len() - binders_len]);
        let mut with = body.to_vec();
        let mut end = with.len();
        for one in offered.iter().rev() {
            core.spend("tls.schedule", 0, cx);
            let base = KeySchedule::new(core.kdf(), Some(&one.key)).binder_key(one.is_external);
            let binder = core.kdf().finished(&base, &digest);
            with[end - binder.len()..end].copy_from_slice(&binder);
            // And its length.
            end -= binder.len() + 1;
        }
        with.into()
    }

    pub(super) fn on_message(
        &mut self,
        message: Message,
        whole: &Whole,
        core: &mut Core,
        side: &mut ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        match (self.state, message) {
            // RFC 5246 §7.4.1.1: a client pays no heed to it during a handshake, nor need it later; it is part of no transcript.
            (_, Message::Tls(Handshake::HelloRequest)) if !core.records.is_13 => Ok(()),
            (State::WaitServerHello, Message::HelloVerifyRequest { cookie, .. }) => {
                self.on_verify_request(cookie, core, side, cx)
            }
            (State::WaitServerHello, Message::Tls(Handshake::ServerHello(hello))) => {
                self.on_server_hello(&hello, whole, core, side, cx)
            }
            (State::WaitServerHello, Message::Tls(Handshake::HelloRetryRequest(retry))) => {
                self.on_retry(&retry, whole, core, side, cx)
            }
            (State::WaitServerHello, _) => Err(AlertDescription::UNEXPECTED_MESSAGE),
            (_, message) if core.records.is_13 => self.on_message_13(message, whole, core, side, cx),
            (_, message) => self.on_message_12(message, whole, core, side, cx),
        }
    }

    /// The server wants to see that we are where we say (RFC 6347 §4.2.1): the same hello, with its cookie.
    fn on_verify_request(
        &mut self,
        cookie: Bytes,
        core: &mut Core,
        side: &ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        self.verified += 1;
        if !core.common.knows(DTLS12) || self.verified > MOST_VERIFIED || self.before.is_some() {
            return Err(AlertDescription::UNEXPECTED_MESSAGE);
        }
        self.cookie = cookie;
        core.was_retried = true;
        let config = Arc::clone(&side.config);
        self.send_hello(core, &config, cx);
        Ok(())
    }

    fn on_server_hello(
        &mut self,
        hello: &ServerHello,
        whole: &Whole,
        core: &mut Core,
        side: &mut ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let selected = hello.extensions.iter().find_map(|extension| match extension {
            Extension::SelectedVersion(version) => Some(*version),
            _ => None,
        });
        let version = match selected {
            Some(DTLS13) if hello.legacy_version == DTLS12 => DTLS13,
            Some(_) => return Err(AlertDescription::ILLEGAL_PARAMETER),
            // RFC 8446 §4.2.1: 1.3 is agreed on by the extension alone.
            None if hello.legacy_version == DTLS13 => return Err(AlertDescription::ILLEGAL_PARAMETER),
            None => hello.legacy_version,
        };
        let is_other = self.before.is_some() && version != DTLS13;
        if !core.common.knows(version) || is_other {
            return Err(AlertDescription::PROTOCOL_VERSION);
        }
        let suite = Suite::of(hello.cipher_suite).filter(|suite| core.common.suites().any(|one| one == *suite));
        let suite = suite.ok_or(AlertDescription::ILLEGAL_PARAMETER)?;
        if suite.version() != version || self.retry_suite.is_some_and(|before| before != suite) {
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        // RFC 8446 §4.1.3: someone on the way may have taken 1.3 out of our hello.
        if version == DTLS12 && core.common.knows(DTLS13) && hello.random[24..] == ServerHello::DOWNGRADE_TLS12 {
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        core.server_random = hello.random;
        core.transcript = self.before.take().unwrap_or_else(|| Transcript::new(core.mode()));
        core.use_suite(suite);
        let (message_seq, body) = std::mem::take(&mut self.hello);
        core.add(&raw(version, HandshakeType::CLIENT_HELLO, message_seq, &body), cx);
        core.note(whole, cx);
        if version == DTLS13 {
            self.on_server_hello_13(hello, suite, core, side, cx)
        } else {
            self.on_server_hello_12(hello, suite, core, side, cx)
        }
    }

    /// The server wants another group, or its cookie back (RFC 8446 §4.1.4, RFC 9147 §5.1).
    fn on_retry(
        &mut self,
        retry: &HelloRetryRequest,
        whole: &Whole,
        core: &mut Core,
        side: &ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        const ILLEGAL: AlertDescription = AlertDescription::ILLEGAL_PARAMETER;
        if self.before.is_some() || self.verified > 0 {
            return Err(AlertDescription::UNEXPECTED_MESSAGE);
        }
        let suite = Suite::of(retry.cipher_suite).filter(|suite| core.common.suites().any(|one| one == *suite));
        let suite = suite.filter(|suite| suite.version() == DTLS13).ok_or(ILLEGAL)?;
        // RFC 9147 §5: servers do not echo it.
        if !retry.session_id.is_empty() {
            return Err(ILLEGAL);
        }
        if !retry.extensions.contains(&Extension::SelectedVersion(DTLS13)) {
            return Err(AlertDescription::MISSING_EXTENSION);
        }
        let mut changes = false;
        for extension in &retry.extensions {
            match extension {
                Extension::SelectedVersion(DTLS13) => {}
                Extension::RetryGroup(group) => {
                    let has_share = self.keys.iter().any(|(known, _)| known == group);
                    if has_share || !core.common.groups.contains(group) {
                        return Err(ILLEGAL);
                    }
                    self.keys.clear();
                    self.generate(*group, core, cx);
                    changes = true;
                }
                Extension::Cookie(cookie) => {
                    self.cookie_13 = Some(cookie.clone());
                    changes = true;
                }
                _ => return Err(AlertDescription::UNSUPPORTED_EXTENSION),
            }
        }
        if !changes {
            return Err(ILLEGAL);
        }
        let mut before = Transcript::new(core.mode());
        before.add(&with_tls_header(HandshakeType::CLIENT_HELLO, &self.hello.1));
        before.set_hash(HASH);
        before.restart_for_retry();
        before.add(&with_tls_header(whole.kind, &whole.body));
        (self.before, self.retry_suite, core.was_retried) = (Some(before), Some(suite), true);
        let config = Arc::clone(&side.config);
        self.send_hello(core, &config, cx);
        Ok(())
    }

    /// The server's chain has to lead to whom we believe.
    pub(super) fn check_chain(
        &mut self,
        chain: &[Bytes],
        core: &Core,
        side: &mut ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        core.spend_chain(chain, cx);
        side.trust.check(core.mode(), chain)?;
        self.leaf = chain.first().cloned().unwrap_or_default();
        Ok(())
    }
}

/// The extension that tells the peer which id to use (RFC 9146 §3).
pub(super) fn connection_id(cid: &[u8]) -> Extension {
    let mut body = vec![cid.len() as u8];
    body.extend_from_slice(cid);
    Extension::Unknown { kind: CONNECTION_ID.0, body: body.into() }
}

/// The id of such an extension; `None` for others.
pub(super) fn connection_id_of(extension: &Extension) -> Option<Result<Bytes, AlertDescription>> {
    match extension {
        Extension::Unknown { kind, body } if *kind == CONNECTION_ID.0 => Some(match body.split_first() {
            Some((len, cid)) if usize::from(*len) == cid.len() => Ok(Bytes::copy_from_slice(cid)),
            _ => Err(AlertDescription::DECODE_ERROR),
        }),
        _ => None,
    }
}

/// The version that a hello without a list of them offers: those of DTLS count down.
pub(super) fn legacy(version: Version) -> Version {
    if version.0 <= DTLS12.0 { DTLS12 } else { version }
}
