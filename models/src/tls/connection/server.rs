//! A server, up to what is chosen from the client's hello: from there `server13.rs` and `server12.rs` go on.

use super::hello::Offer;
use super::ticket::Session;
use super::{Core, Cx, EarlyData, RANDOM, certificates, cost, random};
use crate::tls::certificate::{CertificateKind, Identity, Trust};
use crate::tls::codes::{AlertDescription, Group, SignatureScheme, Version};
use crate::tls::crypto::{KeySchedule, Mode, Secret};
use crate::tls::parameters::{ServerParameters, TicketShape};
use crate::tls::wire::{CertificateMessage, CertificateVerify, ClientHello, Handshake};
use bytes::Bytes;
use protosim_core::{Env, LocalTime, Purpose};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The server's own key for tickets.
const TICKET_KEY: Purpose = Purpose("tls.ticket-key");

/// Sessions that a server keeps, where it does: as many as rustls.
const MOST_KEPT: usize = 256;

/// What an application's connections share.
#[derive(Clone, Debug)]
pub struct ServerSide {
    /// Its parameters.
    pub parameters: Arc<ServerParameters>,
    /// Its certificates and their key.
    pub identity: Arc<Identity>,
    /// What clients have to be certified by.
    pub trust: Trust,
    /// What tickets are sealed with; drawn when it is first needed.
    ticket_key: Option<Secret>,
    /// The number of the next ticket.
    next_ticket: u64,
    /// Sessions whose tickets are but their keys, where the server keeps them.
    kept: BTreeMap<u64, Session>,
    /// Tickets that brought early data, until they are too old to do so again: nobody replays them (RFC 8446 §8.1).
    used: BTreeMap<u64, LocalTime>,
    /// Early data that were refused because they came again.
    pub replays: u64,
}

impl ServerSide {
    /// A server's, without a session so far.
    pub fn new(parameters: Arc<ServerParameters>, identity: Arc<Identity>, trust: Trust) -> Self {
        let (kept, used) = (BTreeMap::new(), BTreeMap::new());
        Self { parameters, identity, trust, ticket_key: None, next_ticket: 0, kept, used, replays: 0 }
    }

    fn ticket_key(&mut self, env: &mut dyn Env) -> Secret {
        *self.ticket_key.get_or_insert_with(|| {
            let mut key = Vec::new();
            for _ in 0..4 {
                key.extend_from_slice(&env.rng(TICKET_KEY).next_u64().to_be_bytes());
            }
            Secret::new(&key)
        })
    }

    /// Seals a session with a server of a name of so many bytes into a ticket.
    pub(super) fn seal(&mut self, mode: Mode, mut session: Session, name_len: Option<usize>, cx: &mut Cx<'_>) -> Bytes {
        let key = self.ticket_key(cx.env);
        session.id = self.next_ticket;
        self.next_ticket += 1;
        cost::spend(cx.env, "tls.ticket.seal", 0);
        match self.parameters.ticket_shape {
            TicketShape::Fixed(len, _) if session.version == Version::TLS13 => session.seal(mode, &key, len),
            TicketShape::Fixed(_, len) => session.seal(mode, &key, len),
            TicketShape::Kept if session.version == Version::TLS13 => {
                if self.kept.len() == MOST_KEPT {
                    self.kept.pop_first();
                }
                let ticket = session.kept_ticket(mode, &key);
                self.kept.insert(session.id, session);
                ticket
            }
            TicketShape::Rustls | TicketShape::Kept => session.seal(mode, &key, session.rustls_len(name_len)),
        }
    }

    /// The session of a ticket, if it is one of ours and still good.
    pub(super) fn open(&mut self, mode: Mode, ticket: &Bytes, cx: &mut Cx<'_>) -> Option<Session> {
        let key = self.ticket_key(cx.env);
        cost::spend(cx.env, "tls.ticket.open", 0);
        let session = match self.parameters.ticket_shape {
            // Each is good once.
            TicketShape::Kept if ticket.len() == Session::KEPT_LEN => {
                let id = u64::from_be_bytes(*ticket.first_chunk()?);
                self.kept.get(&id).filter(|session| session.kept_ticket(mode, &key) == ticket)?;
                self.kept.remove(&id)?
            }
            _ => Session::open(mode, &key, ticket)?,
        };
        let age = cx.env.now().saturating_since(session.issued_at);
        (age < self.parameters.ticket_lifetime).then_some(session)
    }

    /// True if early data may come with this ticket: it is as old as the client says, and was not used before (RFC 8446 §8).
    pub(super) fn may_bring_data(&mut self, session: &Session, obfuscated_age: u32, now: LocalTime) -> bool {
        let window = self.parameters.freshness;
        self.used.retain(|_, at| now.saturating_since(*at) <= window.saturating_mul(2));
        let told_ms = u64::from(obfuscated_age.wrapping_sub(session.age_add));
        let is_ms = now.saturating_since(session.issued_at).as_nanos() / 1_000_000;
        let is_fresh = told_ms.abs_diff(is_ms) <= window.as_nanos() / 1_000_000;
        let is_first = !self.used.contains_key(&session.id);
        self.replays += u64::from(!is_first);
        if is_fresh && is_first {
            self.used.insert(session.id, now);
        }
        is_fresh && is_first
    }
}

/// Where a server stands (RFC 8446 §A.2; RFC 5246 §7.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum State {
    #[default]
    WaitHello,
    /// After a request for another one.
    WaitSecondHello,
    // TLS 1.3.
    WaitEndOfEarlyData,
    WaitCertificate,
    WaitCertificateVerify,
    WaitFinished,
    Connected,
    // TLS 1.2.
    WaitCertificate12,
    WaitKeyExchange,
    WaitCertificateVerify12,
    WaitFinished12,
    Connected12,
}

/// One server's handshake.
#[derive(Clone, Debug, Default)]
pub(super) struct Server {
    pub(super) state: State,
    /// The suite and the group that the retry was for.
    pub(super) retried: Option<(crate::tls::codes::CipherSuite, Group)>,
    pub(super) early: EarlyData,
    /// Early data that may still come \[bytes\].
    pub(super) early_left: u64,
    pub(super) schedule: Option<KeySchedule>,
    /// The client's secrets: of its handshake, and of its data.
    pub(super) theirs: Option<(Secret, Secret)>,
    pub(super) takes_tickets: bool,
    /// Which of the tickets that were offered is taken.
    pub(super) psk_index: Option<u16>,
    pub(super) leaf: Bytes,
    /// Length of the name that the client calls us by, and of its certificates \[bytes\], since tickets may hold them.
    pub(super) name_len: Option<usize>,
    pub(super) peer_len: u32,
    // TLS 1.2.
    pub(super) promised_ticket: bool,
    pub(super) pair: Option<crate::tls::crypto::KeyPair>,
}

impl Server {
    pub(super) fn waits_for_hello(&self) -> bool {
        self.state == State::WaitHello
    }

    /// True if the client's Finished of TLS 1.2 is due.
    pub(super) fn waits_for_finished_12(&self) -> bool {
        self.state == State::WaitFinished12
    }

    /// True if data may come now, ahead of the end of the handshake: as many as were allowed (RFC 8446 §4.2.10).
    pub(super) fn takes_early(&mut self, len: u64) -> Result<bool, AlertDescription> {
        if self.state != State::WaitEndOfEarlyData {
            return Ok(false);
        }
        self.early_left = self.early_left.checked_sub(len).ok_or(AlertDescription::UNEXPECTED_MESSAGE)?;
        Ok(true)
    }

    pub(super) fn on_message(
        &mut self,
        message: Handshake,
        raw: &Bytes,
        core: &mut Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        match message {
            Handshake::ClientHello(hello) if matches!(self.state, State::WaitHello | State::WaitSecondHello) => {
                core.records.no_partial_message()?;
                self.on_hello(&hello, raw, core, side, cx)
            }
            // RFC 5246 §7.4.1.1 would have it be a new handshake; RFC 9325 §3.5 has servers refuse that.
            Handshake::ClientHello(_) if self.state == State::Connected12 => Err(AlertDescription::HANDSHAKE_FAILURE),
            message if core.records.is_12 => self.on_message_12(message, raw, core, side, cx),
            message => self.on_message_13(message, raw, core, side, cx),
        }
    }

    fn on_hello(
        &mut self,
        hello: &ClientHello,
        raw: &Bytes,
        core: &mut Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let p = Arc::clone(&side.parameters);
        let offer = Offer::of(hello);
        let version = offer.version(&p.common)?;
        if core.was_retried && version != Version::TLS13 {
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        core.client_random = hello.random;
        core.records.version = Version::TLS12;
        core.alpn = offer.protocol(&p.common)?;
        if version == Version::TLS13 {
            self.on_hello_13(hello, &offer, raw, core, side, cx)
        } else {
            self.on_hello_12(hello, &offer, raw, core, side, cx)
        }
    }

    /// Our random; where 1.3 was to be had and is not agreed on, it says so (RFC 8446 §4.1.3).
    pub(super) fn random(core: &mut Core, is_downgrade: bool, cx: &mut Cx<'_>) -> [u8; 32] {
        let mut bytes = random(cx.env);
        if is_downgrade {
            bytes[24..].copy_from_slice(&crate::tls::wire::ServerHello::DOWNGRADE_TLS12);
        }
        core.keys12.server_random = bytes;
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
        cost::verify_chain(cx.env, chain);
        side.trust.check(core.mode(), chain)?;
        self.leaf = chain.first().cloned().unwrap_or_default();
        self.peer_len = chain.iter().map(|der| der.len() as u32 + 3).sum::<u32>() + 3;
        Ok(())
    }

    /// What the client signs has to hold, by the certificate that it has shown.
    pub(super) fn check_client_signature(
        &self,
        verify: &CertificateVerify,
        content: &[u8],
        core: &Core,
        side: &ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let listed = &side.parameters.listed_schemes;
        core.check_signature(&self.leaf, listed, (verify.scheme, &verify.signature), content, cx)
    }

    /// A ticket for the session that this handshake has made, with its secret.
    pub(super) fn ticket(
        &self,
        secret: &Secret,
        age_add: u32,
        core: &Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Bytes {
        let is_12 = core.records.is_12;
        let session = Session {
            id: 0,
            version: core.version(),
            suite: core.suite(),
            secret: *secret,
            age_add,
            issued_at: cx.env.now(),
            alpn: core.alpn.clone(),
            is_extended: !is_12 || core.keys12.is_extended,
            peer_len: self.peer_len,
        };
        side.seal(core.mode(), session, self.name_len, cx)
    }

    /// Our certificates, with proof in the first of them where the client asks for it.
    pub(super) fn own_certificate(offer: &Offer, side: &ServerSide) -> CertificateMessage {
        let mut message = certificates(Bytes::new(), side.identity.chain().to_vec());
        if let Some(first) = message.entries.first_mut().filter(|_| offer.wants_ocsp && side.parameters.ocsp) {
            let proof = side.identity.ocsp_response().clone();
            first.extensions.push(crate::tls::wire::Extension::OcspResponse(proof));
        }
        message
    }

    pub(super) fn kind(side: &ServerSide) -> CertificateKind {
        side.identity.kind()
    }

    /// Signatures that we take from clients.
    pub(super) fn client_schemes(side: &ServerSide) -> Vec<SignatureScheme> {
        side.parameters.listed_schemes.clone()
    }
}

/// A number that hides how old a ticket is (RFC 8446 §4.6.1).
pub(super) fn age_add(env: &mut dyn Env) -> u32 {
    env.rng(RANDOM).next_u64() as u32
}
