//! A client, up to the server's hello: from there `client13.rs` and `client12.rs` go on.

use super::hello::client_extensions;
use super::{Core, Cx, EarlyData, KEYS, Ticket, certificates, cost, random};
use crate::rope::Rope;
use crate::tls::certificate::{Identity, Trust};
use crate::tls::codes::{AlertDescription, Group, SignatureScheme, Version};
use crate::tls::crypto::{Kdf, KeyPair, KeySchedule, Mode, Secret, Transcript};
use crate::tls::parameters::ClientParameters;
use crate::tls::wire::{
    CertificateMessage, ClientHello, Extension, Handshake, HelloRetryRequest, KeyShare, PreSharedKeys, PskIdentity,
    ServerHello,
};
use bytes::Bytes;
use protosim_core::LocalTime;
use std::sync::Arc;

/// What an application's connections share.
#[derive(Clone, Debug)]
pub struct ClientSide {
    /// Its parameters.
    pub parameters: Arc<ClientParameters>,
    /// What servers have to be certified by.
    pub trust: Trust,
    /// What it authenticates itself with.
    pub identity: Option<Arc<Identity>>,
    /// Tickets, the newest last.
    pub tickets: Vec<Ticket>,
    /// The group that a server of TLS 1.3 chose last, for clients that remember it.
    pub(super) last_group: Option<Group>,
}

/// Tickets that are kept.
const MOST_TICKETS: usize = 16;

impl ClientSide {
    /// A client's, without tickets so far.
    pub fn new(parameters: Arc<ClientParameters>, identity: Option<Arc<Identity>>, trust: Trust) -> Self {
        Self { parameters, trust, identity, tickets: Vec::new(), last_group: None }
    }

    /// The newest ticket that is still good. One of TLS 1.3 is used once (RFC 8446 §C.4).
    fn take_ticket(&mut self, now: LocalTime) -> Option<Ticket> {
        if !self.parameters.resumption {
            return None;
        }
        self.tickets.retain(|ticket| ticket.is_good(now));
        let known = |ticket: &Ticket| self.parameters.common.suites.contains(&ticket.suite);
        let index = self.tickets.iter().rposition(known)?;
        if self.tickets[index].version == Version::TLS13 {
            Some(self.tickets.remove(index))
        } else {
            self.tickets.get(index).cloned()
        }
    }

    pub(super) fn keep(&mut self, ticket: Ticket) {
        if self.parameters.resumption {
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
    // TLS 1.3.
    WaitEncryptedExtensions,
    WaitCertificateOrRequest,
    WaitCertificate,
    WaitCertificateVerify,
    WaitFinished,
    Connected,
    // TLS 1.2.
    WaitCertificate12,
    WaitKeyExchange,
    WaitRequestOrDone,
    WaitDone,
    /// The server's ticket, if it has promised one, and its Finished.
    WaitFinished12,
    Connected12,
}

/// What became of early data so far.
#[derive(Clone, Debug, Default)]
pub(super) enum Early {
    #[default]
    None,
    /// Offered; what has been sent, and what more may be.
    Offered {
        sent: Rope,
        left: u64,
    },
    Accepted,
    Rejected,
}

/// One client's handshake.
#[derive(Clone, Debug, Default)]
pub(super) struct Client {
    pub(super) state: State,
    pub(super) session_id: Bytes,
    pub(super) keys: Vec<(Group, KeyPair)>,
    pub(super) schedule: Option<KeySchedule>,
    pub(super) ticket: Option<Ticket>,
    pub(super) early: Early,
    cookie: Option<Bytes>,
    has_sent_compatibility: bool,
    /// The server's handshake secret and ours.
    pub(super) handshake: Option<(Secret, Secret)>,
    pub(super) resumption: Option<Secret>,
    /// The server's leaf.
    pub(super) leaf: Bytes,
    /// The server asks for a certificate: its context, and what it takes.
    pub(super) request: Option<(Bytes, Vec<SignatureScheme>)>,
    // TLS 1.2.
    pub(super) expects_ticket: bool,
    pub(super) new_ticket: Option<(u32, Bytes)>,
    pub(super) peer_share: Option<(Group, Bytes)>,
}

impl Client {
    /// Sends the first hello, and offers early data if there is a ticket that allows it.
    pub(super) fn start(&mut self, core: &mut Core, side: &mut ClientSide, cx: &mut Cx<'_>) {
        let p = Arc::clone(&side.parameters);
        core.client_random = random(cx.env);
        self.ticket = side.take_ticket(cx.env.now());
        let has_13 = p.common.knows(Version::TLS13);
        // RFC 8446 §D.4; for a ticket of TLS 1.2 it tells that the server took it (RFC 5077 §3.4).
        if p.compatibility || self.ticket.as_ref().is_some_and(|ticket| ticket.version == Version::TLS12) {
            self.session_id = Bytes::copy_from_slice(&random(cx.env));
        }
        if has_13 {
            let remembered =
                side.last_group.filter(|group| p.habits.remembers_group && p.key_shares.first() != Some(group));
            for group in remembered.as_ref().map_or(&p.key_shares[..], std::slice::from_ref) {
                self.generate(*group, core.mode(), cx);
            }
        }
        let takes_early = self.ticket.as_ref().filter(|ticket| p.early_data && ticket.max_early_data > 0);
        if let Some(most) = takes_early.map(|ticket| u64::from(ticket.max_early_data)) {
            self.early = Early::Offered { sent: Rope::new(), left: most };
        }
        // RFC 8446 §5.1: the record of a first hello may say 1.0, as all do.
        core.records.version = Version::TLS10;
        self.send_hello(core, &p, cx);
        core.records.end_flight();
        core.records.version = Version::TLS12;
        self.begin_early_data(core, &p, cx);
    }

    fn generate(&mut self, group: Group, mode: Mode, cx: &mut Cx<'_>) {
        cost::generate(cx.env, group);
        self.keys.push((group, KeyPair::generate(mode, group, cx.env.rng(KEYS))));
    }

    fn send_hello(&mut self, core: &mut Core, p: &ClientParameters, cx: &mut Cx<'_>) {
        let has_13 = p.common.knows(Version::TLS13);
        let mut extensions = client_extensions(p);
        let ticket_12 = self.ticket.as_ref().filter(|ticket| ticket.version == Version::TLS12);
        let is_new = self.ticket.as_ref().is_some_and(|ticket| ticket.version == Version::TLS13);
        let asks = match p.habits.old_tickets_beside_new {
            true => p.common.knows(Version::TLS12) || p.habits.old_ones_always,
            false => p.common.knows(Version::TLS12) && !is_new,
        };
        if p.resumption && asks {
            extensions
                .push(Extension::SessionTicket(ticket_12.map(|ticket| ticket.ticket.clone()).unwrap_or_default()));
        }
        if has_13 {
            let share = |(group, pair): &(Group, KeyPair)| KeyShare { group: *group, public: pair.public() };
            extensions.push(Extension::KeyShares(self.keys.iter().map(share).collect()));
            if let Some(cookie) = &self.cookie {
                extensions.push(Extension::Cookie(cookie.clone()));
            }
            if matches!(self.early, Early::Offered { .. }) {
                extensions.push(Extension::EarlyData);
            }
        }
        let ticket_13 = self.ticket.clone().filter(|ticket| ticket.version == Version::TLS13);
        if let Some(ticket) = &ticket_13 {
            let obfuscated_age = ticket.obfuscated_age(cx.env.now());
            let identities = vec![PskIdentity { identity: ticket.ticket.clone(), obfuscated_age }];
            let len = ticket.suite.hash().map_or(0, |hash| hash.len());
            extensions.push(Extension::PreSharedKeys(PreSharedKeys { identities, binders: vec![vec![0; len].into()] }));
        }
        let hello = ClientHello {
            legacy_version: Version::TLS12,
            random: core.client_random,
            session_id: self.session_id.clone(),
            cipher_suites: p.listed_suites.clone(),
            compression: Bytes::from_static(&[0]),
            extensions,
        };
        let binders_len = hello.binders_len();
        let mut bytes = Handshake::ClientHello(hello).encode();
        if let Some(ticket) = &ticket_13 {
            bytes = self.with_binder(bytes, binders_len, ticket, core, cx);
        }
        core.send_encoded(&bytes, cx);
    }

    /// Proves that the client has the key (RFC 8446 §4.2.11.2): over the hello without the proof.
    fn with_binder(&self, bytes: Bytes, binders_len: usize, ticket: &Ticket, core: &Core, cx: &mut Cx<'_>) -> Bytes {
        cost::spend(cx.env, "tls.schedule", 0);
        let Some(hash) = ticket.suite.hash() else { return bytes };
        let truncated = bytes.len() - binders_len;
        let mut transcript = core.transcript.clone();
        transcript.set_hash(hash);
        let digest = transcript.digest_with(&bytes[..truncated]);
        let kdf = Kdf::tls13(core.mode(), hash);
        let key = KeySchedule::new(kdf, Some(ticket.secret.as_slice())).binder_key(false);
        let binder = kdf.finished(&key, &digest);
        let mut with = bytes.to_vec();
        let end = with.len() - binder.len();
        with[end..].copy_from_slice(&binder);
        with.into()
    }

    /// From here on, data may go under the early key.
    fn begin_early_data(&mut self, core: &mut Core, p: &ClientParameters, cx: &mut Cx<'_>) {
        let (Early::Offered { .. }, Some(ticket)) = (&self.early, &self.ticket) else { return };
        let Some(hash) = ticket.suite.hash() else { return };
        let mut transcript: Transcript = core.transcript.clone();
        transcript.set_hash(hash);
        let digest = transcript.digest();
        let secret =
            KeySchedule::new(Kdf::tls13(core.mode(), hash), Some(ticket.secret.as_slice())).early_traffic(&digest);
        core.log("CLIENT_EARLY_TRAFFIC_SECRET", &secret, cx);
        let suite = ticket.suite;
        self.send_compatibility(core, p);
        core.records.suite = suite;
        core.records.aead = suite.aead();
        core.write_with_secret(&secret);
    }

    /// A ChangeCipherSpec for boxes on the way, once, before what the client sends second (RFC 8446 §D.4).
    pub(super) fn send_compatibility(&mut self, core: &mut Core, p: &ClientParameters) {
        if p.compatibility && !self.has_sent_compatibility {
            self.has_sent_compatibility = true;
            core.records.send_change_cipher_spec();
        }
    }

    /// Sends data ahead, as many as the ticket allows; says how many bytes.
    pub(super) fn write_early(&mut self, data: &Rope, core: &mut Core, cx: &mut Cx<'_>) -> u64 {
        let Early::Offered { sent, left } = &mut self.early else { return 0 };
        // What comes later may not overtake what waits.
        if !core.unsent.is_empty() || !core.records.writes_protected() {
            return 0;
        }
        let part = data.slice(0, *left);
        *left -= part.len();
        sent.append(&part);
        core.send_data(&part, cx);
        part.len()
    }

    /// The server did not take them: they are sent again when the handshake is over.
    pub(super) fn early_data_rejected(&mut self, core: &mut Core) {
        if let Early::Offered { sent, .. } = &mut self.early {
            let mut again = std::mem::take(sent);
            again.append(&core.unsent);
            core.unsent = again;
            self.early = Early::Rejected;
        }
    }

    /// True if the server's Finished of TLS 1.2 is due.
    pub(super) fn waits_for_finished_12(&self) -> bool {
        self.state == State::WaitFinished12
    }

    pub(super) fn on_message(
        &mut self,
        message: Handshake,
        raw: &Bytes,
        core: &mut Core,
        side: &mut ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        if self.state != State::WaitServerHello {
            return if core.records.is_12 {
                self.on_message_12(message, raw, core, side, cx)
            } else {
                self.on_message_13(message, raw, core, side, cx)
            };
        }
        match message {
            Handshake::ServerHello(hello) => self.on_server_hello(&hello, raw, core, side, cx),
            Handshake::HelloRetryRequest(retry) => self.on_retry(&retry, raw, core, side, cx),
            _ => Err(AlertDescription::UNEXPECTED_MESSAGE),
        }
    }

    fn on_server_hello(
        &mut self,
        hello: &ServerHello,
        raw: &Bytes,
        core: &mut Core,
        side: &mut ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let p = Arc::clone(&side.parameters);
        let is_selected = |extension: &Extension| matches!(extension, Extension::SelectedVersion(_));
        let version = match hello.extensions.iter().find(|extension| is_selected(extension)) {
            Some(Extension::SelectedVersion(Version::TLS13)) => Version::TLS13,
            // RFC 8446 §4.2.1: it is for 1.3 and later alone.
            Some(_) => return Err(AlertDescription::ILLEGAL_PARAMETER),
            None => hello.legacy_version,
        };
        if !p.common.knows(version) || (core.was_retried && version != Version::TLS13) {
            return Err(AlertDescription::PROTOCOL_VERSION);
        }
        if !p.common.suites.contains(&hello.cipher_suite)
            || hello.cipher_suite.is_tls13() != (version == Version::TLS13)
        {
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        if version == Version::TLS13 {
            self.on_server_hello_13(hello, raw, core, side, cx)
        } else {
            // RFC 8446 §4.1.3: someone on the way may have taken 1.3 out of our hello.
            if p.common.knows(Version::TLS13) && is_downgrade(&hello.random) {
                return Err(AlertDescription::ILLEGAL_PARAMETER);
            }
            self.on_server_hello_12(hello, raw, core, &p, cx)
        }
    }

    /// The server wants another group, or its cookie back (RFC 8446 §4.1.4).
    fn on_retry(
        &mut self,
        retry: &HelloRetryRequest,
        raw: &Bytes,
        core: &mut Core,
        side: &mut ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let p = Arc::clone(&side.parameters);
        let is_known = p.common.knows(Version::TLS13) && p.common.suites.contains(&retry.cipher_suite);
        if core.was_retried {
            return Err(AlertDescription::UNEXPECTED_MESSAGE);
        }
        if !is_known || !retry.cipher_suite.is_tls13() || retry.session_id != self.session_id {
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        if !retry.extensions.contains(&Extension::SelectedVersion(Version::TLS13)) {
            return Err(AlertDescription::MISSING_EXTENSION);
        }
        core.was_retried = true;
        let mut changes = false;
        for extension in &retry.extensions {
            match extension {
                Extension::SelectedVersion(Version::TLS13) => {}
                Extension::RetryGroup(group) => {
                    let has_share = self.keys.iter().any(|(known, _)| known == group);
                    if has_share || !p.common.groups.contains(group) {
                        return Err(AlertDescription::ILLEGAL_PARAMETER);
                    }
                    self.keys.clear();
                    self.generate(*group, core.mode(), cx);
                    changes = true;
                }
                Extension::Cookie(cookie) => {
                    self.cookie = Some(cookie.clone());
                    changes = true;
                }
                // What was not asked for (RFC 8446 §4.2).
                _ => return Err(AlertDescription::UNSUPPORTED_EXTENSION),
            }
        }
        if !changes {
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        core.use_suite(retry.cipher_suite);
        core.transcript.restart_for_retry();
        core.note(raw, cx);
        // Early data are refused by it (RFC 8446 §4.2.10), and what was sent under their key is over.
        self.early_data_rejected(core);
        core.records.write_plain();
        // A ticket of another hash cannot be offered any more (RFC 8446 §4.1.4).
        if self.ticket.as_ref().is_some_and(|ticket| ticket.suite.hash() != retry.cipher_suite.hash()) {
            self.ticket = None;
        }
        self.send_compatibility(core, &p);
        self.send_hello(core, &p, cx);
        Ok(())
    }

    /// What became of early data.
    pub(super) const fn early_data(&self) -> EarlyData {
        match self.early {
            Early::None | Early::Offered { .. } => EarlyData::None,
            Early::Accepted => EarlyData::Accepted,
            Early::Rejected => EarlyData::Rejected,
        }
    }

    /// The server's certificates: they have to hold up to the root.
    pub(super) fn check_chain(
        &mut self,
        chain: &[Bytes],
        core: &Core,
        side: &mut ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let leaf = chain.first().ok_or(AlertDescription::DECODE_ERROR)?;
        cost::verify_chain(cx.env, chain);
        side.trust.check(core.mode(), chain)?;
        self.leaf = leaf.clone();
        Ok(())
    }

    /// Our certificates, or none, for a server that asks.
    pub(super) fn own_certificate(&self, side: &ClientSide) -> CertificateMessage {
        let context = self.request.as_ref().map(|(context, _)| context.clone()).unwrap_or_default();
        let chain = side.identity.as_ref().map(|identity| identity.chain().to_vec()).unwrap_or_default();
        certificates(context, chain)
    }

    /// An application protocol that we offered.
    pub(super) fn take_alpn(core: &mut Core, list: &[Bytes], p: &ClientParameters) -> Result<(), AlertDescription> {
        match list {
            [one] if p.common.alpn.contains(one) => {
                core.alpn = Some(one.clone());
                Ok(())
            }
            _ => Err(AlertDescription::ILLEGAL_PARAMETER),
        }
    }
}

/// True if the server says that it knows 1.3, or 1.2 at least (RFC 8446 §4.1.3): two values that differ in their last byte.
fn is_downgrade(random: &[u8; 32]) -> bool {
    let [marker @ .., last] = &ServerHello::DOWNGRADE_TLS12;
    random[24..31] == *marker && random[31] <= *last
}
