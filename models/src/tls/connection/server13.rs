//! A server of TLS 1.3 (RFC 8446 §A.2), from the client's hello on.

use super::hello::{Offer, choose_scheme, choose_suite};
use super::server::{Server, ServerSide, State, age_add};
use super::ticket::Session;
use super::{Core, Cx, EarlyData, KEYS, cost};
use crate::tls::codes::{AlertDescription, CertificateCompression, CipherSuite, Group, Version};
use crate::tls::config::ClientCertificates;
use crate::tls::crypto::{KeySchedule, Secret, respond};
use crate::tls::parameters::ServerParameters;
use crate::tls::wire::{
    CertificateRequest, ClientHello, CompressedCertificate, Extension, Handshake, HelloRetryRequest, KeyShare,
    NewSessionTicket, PreSharedKeys, ServerHello,
};
use bytes::Bytes;
use std::sync::Arc;

/// A session, with the place of its ticket in the client's list and the age that the client tells.
type Chosen = (Session, (u16, u32));

impl Server {
    pub(super) fn on_hello_13(
        &mut self,
        hello: &ClientHello,
        offer: &Offer,
        raw: &Bytes,
        core: &mut Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let p = Arc::clone(&side.parameters);
        let suite = choose_suite(&hello.cipher_suites, &offer.groups, &p.common, Version::TLS13, Self::kind(side))?;
        // RFC 8446 §9.2.
        let shares = offer.shares.as_ref().ok_or(AlertDescription::MISSING_EXTENSION)?;
        if offer.groups.is_empty() {
            return Err(AlertDescription::MISSING_EXTENSION);
        }
        let share = shares.iter().find(|share| p.common.groups.contains(&share.group));
        let Some(share) = share else { return self.retry(hello, offer, raw, suite, core, &p, cx) };
        if self.retried.is_some_and(|(old, group)| old != suite || shares.len() != 1 || group != share.group) {
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        core.use_suite(suite);
        let session = self.choose_session(hello, offer, raw, core, side, cx)?;
        core.note(raw, cx);
        core.is_resumed = session.is_some();
        self.takes_tickets = offer.takes_psk_dhe;
        self.name_len = offer.name_len;
        self.peer_len = session.as_ref().map_or(0, |(session, _)| session.peer_len);
        let mut schedule = KeySchedule::new(core.kdf(), session.as_ref().map(|(session, _)| session.secret.as_slice()));
        if !core.is_resumed {
            // Before anything is sent: RFC 8446 §9.2, §4.4.2.2.
            if offer.schemes.is_empty() {
                return Err(AlertDescription::MISSING_EXTENSION);
            }
            choose_scheme(Self::kind(side), &offer.schemes, Version::TLS13)?;
        }
        self.choose_early_data(offer, session.as_ref(), &schedule, core, side, cx)?;
        let shared = self.send_hello(hello, share, core, cx)?;
        cost::spend(cx.env, "tls.schedule", 0);
        let (theirs, ours) = schedule.handshake(Some(shared.as_slice()), &core.transcript.digest());
        core.log("CLIENT_HANDSHAKE_TRAFFIC_SECRET", &theirs, cx);
        core.log("SERVER_HANDSHAKE_TRAFFIC_SECRET", &ours, cx);
        core.write_with_secret(&ours);
        self.send_flight(offer, core, side, cx)?;
        core.send_finished(&ours, cx);
        let (read, write) = schedule.application(&core.transcript.digest());
        core.log("CLIENT_TRAFFIC_SECRET_0", &read, cx);
        core.log("SERVER_TRAFFIC_SECRET_0", &write, cx);
        core.write_with_secret(&write);
        core.traffic = Some((write, read));
        if self.early != EarlyData::Accepted {
            core.read_with_secret(&theirs)?;
        }
        self.theirs = Some((theirs, read));
        self.schedule = Some(schedule);
        core.records.takes_plain_alerts = true;
        self.state = match (self.early, !core.is_resumed && p.client_certificates != ClientCertificates::None) {
            (EarlyData::Accepted, _) => State::WaitEndOfEarlyData,
            (_, true) => State::WaitCertificate,
            (_, false) => State::WaitFinished,
        };
        // A server may send at once (RFC 8446 §4.4.4), to a client that it need not know.
        core.is_up = p.habits.sends_early && p.client_certificates == ClientCertificates::None;
        if core.is_up {
            core.send_waiting(cx);
        }
        Ok(())
    }

    /// Asks for a hello with a share of a group that both have.
    #[expect(clippy::too_many_arguments, reason = "a step of the handshake, and what it stands on")]
    fn retry(
        &mut self,
        hello: &ClientHello,
        offer: &Offer,
        raw: &Bytes,
        suite: CipherSuite,
        core: &mut Core,
        p: &ServerParameters,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let group = p.common.groups.iter().copied().find(|group| offer.groups.contains(group));
        let group: Group = group.filter(|_| !core.was_retried).ok_or(AlertDescription::HANDSHAKE_FAILURE)?;
        core.use_suite(suite);
        core.note(raw, cx);
        core.transcript.restart_for_retry();
        let extensions = vec![Extension::SelectedVersion(Version::TLS13), Extension::RetryGroup(group)];
        let (session_id, cipher_suite) = (hello.session_id.clone(), suite);
        core.send(&Handshake::HelloRetryRequest(HelloRetryRequest { session_id, cipher_suite, extensions }), cx);
        if !hello.session_id.is_empty() {
            core.records.send_change_cipher_spec();
        }
        if offer.has_early_data {
            core.records.skip_early_data(p.early_data.max(1 << 14));
            self.early = EarlyData::Rejected;
        }
        (core.was_retried, self.retried) = (true, Some((suite, group)));
        self.state = State::WaitSecondHello;
        Ok(())
    }

    /// The session of the first ticket that is ours, and of this hash, with its place in the list. What proves it has to hold.
    fn choose_session(
        &mut self,
        hello: &ClientHello,
        offer: &Offer,
        raw: &Bytes,
        core: &Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<Option<Chosen>, AlertDescription> {
        let Some(Extension::PreSharedKeys(keys)) = hello.extensions.last() else { return Ok(None) };
        // RFC 8446 §4.2.9.
        if !offer.has_psk_modes {
            return Err(AlertDescription::MISSING_EXTENSION);
        }
        if !offer.takes_psk_dhe {
            return Ok(None);
        }
        let PreSharedKeys { identities, binders } = keys;
        for (index, (identity, binder)) in identities.iter().zip(binders).enumerate() {
            let Some(session) = side.open(core.mode(), &identity.identity, cx) else { continue };
            if session.version != Version::TLS13 || session.suite.hash() != Some(core.hash) {
                continue;
            }
            let truncated = raw.len() - hello.binders_len();
            let digest = core.transcript.digest_with(&raw[..truncated]);
            let key = KeySchedule::new(core.kdf(), Some(session.secret.as_slice())).binder_key(false);
            cost::spend(cx.env, "tls.schedule", 0);
            if core.kdf().finished(&key, &digest) != *binder {
                return Err(AlertDescription::DECRYPT_ERROR);
            }
            return Ok(Some((session, (index as u16, identity.obfuscated_age))));
        }
        Ok(None)
    }

    /// Takes early data, or has them skipped (RFC 8446 §4.2.10).
    fn choose_early_data(
        &mut self,
        offer: &Offer,
        session: Option<&Chosen>,
        schedule: &KeySchedule,
        core: &mut Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        self.psk_index = session.map(|(_, (index, _))| *index);
        if !offer.has_early_data {
            // What the first hello brought is over when the second one has come without.
            core.records.stop_skipping();
            return Ok(());
        }
        if core.was_retried {
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        let most = side.parameters.early_data;
        let fits = session.filter(|(session, (index, _))| {
            *index == 0 && most > 0 && session.suite == core.suite() && session.alpn == core.alpn
        });
        let now = cx.env.now();
        if fits.is_some_and(|(session, (_, age))| side.may_bring_data(session, *age, now)) {
            let secret = schedule.early_traffic(&core.transcript.digest());
            core.log("CLIENT_EARLY_TRAFFIC_SECRET", &secret, cx);
            core.read_with_secret(&secret)?;
            (self.early, self.early_left) = (EarlyData::Accepted, u64::from(most));
        } else {
            core.records.skip_early_data(most.max(1 << 14));
            self.early = EarlyData::Rejected;
        }
        Ok(())
    }

    fn send_hello(
        &mut self,
        hello: &ClientHello,
        share: &KeyShare,
        core: &mut Core,
        cx: &mut Cx<'_>,
    ) -> Result<Secret, AlertDescription> {
        let group = share.group;
        core.group = Some(group);
        cost::respond(cx.env, group);
        let (public, shared) = respond(core.mode(), group, &share.public, cx.env.rng(KEYS))?;
        let mut extensions =
            vec![Extension::SelectedVersion(Version::TLS13), Extension::KeyShare(KeyShare { group, public })];
        extensions.extend(self.psk_index.map(Extension::SelectedPsk));
        let random = Self::random(core, false, cx);
        let (legacy_version, session_id) = (Version::TLS12, hello.session_id.clone());
        let cipher_suite = core.suite();
        let answer = ServerHello { legacy_version, random, session_id, cipher_suite, extensions };
        core.send(&Handshake::ServerHello(answer), cx);
        core.records.end_flight();
        if !hello.session_id.is_empty() && !core.was_retried {
            core.records.send_change_cipher_spec();
        }
        Ok(shared)
    }

    /// What stands between the hello and Finished.
    fn send_flight(
        &mut self,
        offer: &Offer,
        core: &mut Core,
        side: &ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let p = &side.parameters;
        let mut extensions = Vec::new();
        if p.acknowledges_name && offer.name_len.is_some() && !core.is_resumed {
            extensions.push(Extension::ServerNameAck);
        }
        extensions.extend(core.alpn.clone().map(|alpn| Extension::Alpn(vec![alpn])));
        if self.early == EarlyData::Accepted {
            extensions.push(Extension::EarlyData);
        }
        core.send(&Handshake::EncryptedExtensions(extensions), cx);
        if core.is_resumed {
            return Ok(());
        }
        if p.client_certificates != ClientCertificates::None {
            let extensions = vec![Extension::SignatureAlgorithms(Self::client_schemes(side))];
            core.send(&Handshake::CertificateRequest(CertificateRequest { context: Bytes::new(), extensions }), cx);
        }
        let certificates = Self::own_certificate(offer, side);
        if p.compression && offer.takes_zlib {
            let body = Handshake::Certificate(certificates).encode().slice(4..);
            let compressed = CompressedCertificate {
                algorithm: CertificateCompression::ZLIB,
                uncompressed_len: body.len() as u32,
                data: side.identity.compress(&body),
            };
            cost::spend(cx.env, "tls.compress", u64::from(compressed.uncompressed_len));
            core.send(&Handshake::CompressedCertificate(compressed), cx);
        } else {
            core.send(&Handshake::Certificate(certificates), cx);
        }
        let scheme = choose_scheme(Self::kind(side), &offer.schemes, Version::TLS13)?;
        core.send_verify(&side.identity, scheme, &core.signed_content(false), cx);
        Ok(())
    }

    pub(super) fn on_message_13(
        &mut self,
        message: Handshake,
        raw: &Bytes,
        core: &mut Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        match (self.state, message) {
            (State::WaitEndOfEarlyData, Handshake::EndOfEarlyData) => {
                core.note(raw, cx);
                let Some((theirs, _)) = self.theirs else { return Err(AlertDescription::INTERNAL_ERROR) };
                core.read_with_secret(&theirs)?;
                self.state = State::WaitFinished;
                Ok(())
            }
            (State::WaitCertificate, Handshake::Certificate(certificates)) => {
                core.note(raw, cx);
                // Nothing was asked for that would come with them, nor in a context (RFC 8446 §4.3.2, §4.4.2).
                if !certificates.context.is_empty()
                    || certificates.entries.iter().any(|entry| !entry.extensions.is_empty())
                {
                    return Err(AlertDescription::ILLEGAL_PARAMETER);
                }
                let chain: Vec<Bytes> = certificates.entries.iter().map(|entry| entry.der.clone()).collect();
                if chain.is_empty() {
                    if side.parameters.client_certificates == ClientCertificates::Required {
                        return Err(AlertDescription::CERTIFICATE_REQUIRED);
                    }
                    self.state = State::WaitFinished;
                    return Ok(());
                }
                self.check_client_chain(&chain, core, side, cx)?;
                self.state = State::WaitCertificateVerify;
                Ok(())
            }
            (State::WaitCertificateVerify, Handshake::CertificateVerify(verify)) => {
                self.check_client_signature(&verify, &core.signed_content(true), core, side, cx)?;
                core.note(raw, cx);
                self.state = State::WaitFinished;
                Ok(())
            }
            (State::WaitFinished, Handshake::Finished(mac)) => self.on_finished(&mac, raw, core, side, cx),
            (State::Connected, Handshake::KeyUpdate { requested }) => core.peer_updated(requested, cx),
            _ => Err(AlertDescription::UNEXPECTED_MESSAGE),
        }
    }

    fn on_finished(
        &mut self,
        mac: &Bytes,
        raw: &Bytes,
        core: &mut Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let (Some((theirs, read)), Some(schedule)) = (self.theirs.take(), self.schedule.take()) else {
            return Err(AlertDescription::INTERNAL_ERROR);
        };
        core.check_finished(&theirs, mac, raw, cx)?;
        core.read_with_secret(&read)?;
        core.records.stop_skipping();
        self.state = State::Connected;
        // After close_notify nothing is sent (RFC 8446 §6.1): a response to early data may have ended the connection already.
        if self.takes_tickets && !core.has_sent_close {
            let resumption = schedule.resumption(&core.transcript.digest());
            self.send_tickets(&resumption, core, side, cx);
        }
        core.connected(self.early, cx);
        Ok(())
    }

    /// Tickets, each with a key of its own (RFC 8446 §4.6.1).
    fn send_tickets(&mut self, resumption: &Secret, core: &mut Core, side: &mut ServerSide, cx: &mut Cx<'_>) {
        let p = Arc::clone(&side.parameters);
        for number in 0..p.tickets {
            let mut nonce = vec![0; p.habits.nonce_len.saturating_sub(8)];
            nonce.extend_from_slice(&u64::from(number).to_be_bytes());
            let nonce = Bytes::from(nonce);
            cost::spend(cx.env, "tls.schedule", 0);
            let secret = core.kdf().resumption_psk(resumption, &nonce);
            let age_add = age_add(cx.env);
            let ticket = self.ticket(&secret, age_add, core, side, cx);
            let extensions = if p.early_data > 0 { vec![Extension::MaxEarlyData(p.early_data)] } else { Vec::new() };
            let lifetime_s = p.ticket_lifetime_s();
            let message = NewSessionTicket { lifetime_s, age_add, nonce, ticket, extensions };
            core.send_outside(&Handshake::NewSessionTicket(message).encode(), cx);
        }
    }
}
