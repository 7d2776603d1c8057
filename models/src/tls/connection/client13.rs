//! A client of TLS 1.3 (RFC 8446 §A.1), from the server's hello on.

use super::client::{Client, ClientSide, Early, State};
use super::{Core, Cx, Ticket, certificates, cost};
use crate::tls::certificate;
use crate::tls::codes::{AlertDescription, CertificateCompression, HandshakeType, Version};
use crate::tls::crypto::{KeySchedule, Secret};
use crate::tls::parameters::ClientParameters;
use crate::tls::wire::{
    CertificateMessage, CompressedCertificate, Extension, Handshake, NewSessionTicket, ServerHello,
};
use bytes::Bytes;
use std::sync::Arc;

impl Client {
    pub(super) fn on_server_hello_13(
        &mut self,
        hello: &ServerHello,
        raw: &Bytes,
        core: &mut Core,
        side: &mut ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        // RFC 8446 §4.1.3; after a retry the suite stays (§4.1.4).
        let is_echo = hello.session_id == self.session_id && hello.legacy_version == Version::TLS12;
        if !is_echo || (core.was_retried && hello.cipher_suite != core.suite()) {
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        let (mut share, mut psk) = (None, None);
        for extension in &hello.extensions {
            match extension {
                Extension::KeyShare(one) => share = Some(one),
                Extension::SelectedPsk(index) => psk = Some(*index),
                Extension::SelectedVersion(_) => {}
                // What was not asked for (RFC 8446 §4.2).
                _ => return Err(AlertDescription::UNSUPPORTED_EXTENSION),
            }
        }
        let ticket = self.ticket.as_ref().filter(|ticket| ticket.version == Version::TLS13);
        let secret = match (psk, ticket) {
            (None, _) => None,
            (Some(0), Some(ticket)) if ticket.suite.hash() == hello.cipher_suite.hash() => Some(ticket.secret),
            _ => return Err(AlertDescription::ILLEGAL_PARAMETER),
        };
        core.is_resumed = secret.is_some();
        // We offer tickets with a fresh key alone (psk_dhe_ke).
        let share = share.ok_or(AlertDescription::MISSING_EXTENSION)?;
        let pair = self.keys.iter().find(|(group, _)| *group == share.group);
        let (group, pair) = pair.ok_or(AlertDescription::ILLEGAL_PARAMETER)?;
        core.group = Some(*group);
        side.last_group = core.group;
        cost::agree(cx.env, *group);
        let shared = pair.agree(&share.public)?;
        core.use_suite(hello.cipher_suite);
        core.note(raw, cx);
        cost::spend(cx.env, "tls.schedule", 0);
        let mut schedule = KeySchedule::new(core.kdf(), secret.as_ref().map(Secret::as_slice));
        let (ours, theirs) = schedule.handshake(Some(shared.as_slice()), &core.transcript.digest());
        core.log("CLIENT_HANDSHAKE_TRAFFIC_SECRET", &ours, cx);
        core.log("SERVER_HANDSHAKE_TRAFFIC_SECRET", &theirs, cx);
        core.read_with_secret(&theirs)?;
        self.handshake = Some((ours, theirs));
        self.schedule = Some(schedule);
        self.keys.clear();
        self.state = State::WaitEncryptedExtensions;
        Ok(())
    }

    pub(super) fn on_message_13(
        &mut self,
        message: Handshake,
        raw: &Bytes,
        core: &mut Core,
        side: &mut ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let p = Arc::clone(&side.parameters);
        match (self.state, message) {
            (State::WaitEncryptedExtensions, Handshake::EncryptedExtensions(extensions)) => {
                core.note(raw, cx);
                self.on_encrypted_extensions(&extensions, core, &p)
            }
            (State::WaitCertificateOrRequest, Handshake::CertificateRequest(request)) => {
                core.note(raw, cx);
                let schemes = request.extensions.iter().find_map(|extension| match extension {
                    Extension::SignatureAlgorithms(list) => Some(list.clone()),
                    _ => None,
                });
                self.request = Some((request.context, schemes.ok_or(AlertDescription::MISSING_EXTENSION)?));
                self.state = State::WaitCertificate;
                Ok(())
            }
            (State::WaitCertificateOrRequest | State::WaitCertificate, Handshake::Certificate(certificates)) => {
                core.note(raw, cx);
                self.on_certificate(&certificates, core, side, cx)
            }
            (
                State::WaitCertificateOrRequest | State::WaitCertificate,
                Handshake::CompressedCertificate(compressed),
            ) => {
                core.note(raw, cx);
                if !p.compression {
                    return Err(AlertDescription::UNEXPECTED_MESSAGE);
                }
                cost::spend(cx.env, "tls.decompress", u64::from(compressed.uncompressed_len));
                let certificates = decompressed(&compressed)?;
                self.on_certificate(&certificates, core, side, cx)
            }
            (State::WaitCertificateVerify, Handshake::CertificateVerify(verify)) => {
                let (content, signature) = (core.signed_content(false), (verify.scheme, &verify.signature[..]));
                core.check_signature(&self.leaf, &p.listed_schemes, signature, &content, cx)?;
                core.note(raw, cx);
                self.state = State::WaitFinished;
                Ok(())
            }
            (State::WaitFinished, Handshake::Finished(mac)) => self.on_finished(&mac, raw, core, side, cx),
            (State::Connected, Handshake::NewSessionTicket(ticket)) => {
                self.on_ticket(&ticket, core, side, cx);
                Ok(())
            }
            (State::Connected, Handshake::KeyUpdate { requested }) => core.peer_updated(requested, cx),
            _ => Err(AlertDescription::UNEXPECTED_MESSAGE),
        }
    }

    fn on_encrypted_extensions(
        &mut self,
        extensions: &[Extension],
        core: &mut Core,
        p: &ClientParameters,
    ) -> Result<(), AlertDescription> {
        let mut takes_early = false;
        for extension in extensions {
            match extension {
                Extension::Alpn(list) => Self::take_alpn(core, list, p)?,
                Extension::EarlyData if matches!(self.early, Early::Offered { .. }) && core.is_resumed => {
                    takes_early = true
                }
                Extension::ServerNameAck | Extension::SupportedGroups(_) => {}
                // What was not asked for (RFC 8446 §4.2).
                _ => return Err(AlertDescription::UNSUPPORTED_EXTENSION),
            }
        }
        if takes_early {
            // RFC 8446 §4.2.10: it goes on with what the ticket's session had.
            if self.ticket.as_ref().is_some_and(|ticket| ticket.alpn != core.alpn || ticket.suite != core.suite()) {
                return Err(AlertDescription::ILLEGAL_PARAMETER);
            }
            self.early = Early::Accepted;
        } else {
            self.early_data_rejected(core);
        }
        self.state = if core.is_resumed { State::WaitFinished } else { State::WaitCertificateOrRequest };
        Ok(())
    }

    fn on_certificate(
        &mut self,
        certificates: &CertificateMessage,
        core: &Core,
        side: &mut ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        if !certificates.context.is_empty() {
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        let is_asked = |extension: &Extension| side.parameters.ocsp && matches!(extension, Extension::OcspResponse(_));
        if !certificates.entries.iter().all(|entry| entry.extensions.iter().all(is_asked)) {
            return Err(AlertDescription::UNSUPPORTED_EXTENSION);
        }
        let chain: Vec<Bytes> = certificates.entries.iter().map(|entry| entry.der.clone()).collect();
        self.check_chain(&chain, core, side, cx)?;
        self.state = State::WaitCertificateVerify;
        Ok(())
    }

    fn on_finished(
        &mut self,
        mac: &Bytes,
        raw: &Bytes,
        core: &mut Core,
        side: &mut ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        // Both are there from the server's hello on.
        let (Some((ours, theirs)), Some(mut schedule)) = (self.handshake.take(), self.schedule.take()) else {
            return Err(AlertDescription::INTERNAL_ERROR);
        };
        core.check_finished(&theirs, mac, raw, cx)?;
        cost::spend(cx.env, "tls.schedule", 0);
        let (write, read) = schedule.application(&core.transcript.digest());
        core.log("CLIENT_TRAFFIC_SECRET_0", &write, cx);
        core.log("SERVER_TRAFFIC_SECRET_0", &read, cx);
        core.records.no_partial_message()?;
        let p = Arc::clone(&side.parameters);
        if matches!(self.early, Early::Accepted) {
            // Under the early key still (RFC 8446 §4.5).
            core.send(&Handshake::EndOfEarlyData, cx);
        }
        self.send_compatibility(core, &p);
        core.write_with_secret(&ours);
        if self.request.is_some() {
            self.send_certificate(core, side, cx);
        }
        core.send_finished(&ours, cx);
        self.resumption = Some(schedule.resumption(&core.transcript.digest()));
        core.write_with_secret(&write);
        core.read_with_secret(&read)?;
        core.traffic = Some((write, read));
        self.state = State::Connected;
        core.connected(self.early_data(), cx);
        Ok(())
    }

    /// Our certificate and what proves that it is ours, where the server's list has a way.
    fn send_certificate(&mut self, core: &mut Core, side: &ClientSide, cx: &mut Cx<'_>) {
        let schemes = self.request.as_ref().map(|(_, schemes)| schemes.clone()).unwrap_or_default();
        let fits = side.identity.as_ref().filter(|identity| schemes.contains(&identity.kind().schemes()[0]));
        let Some(identity) = fits else {
            let context = self.request.as_ref().map(|(context, _)| context.clone()).unwrap_or_default();
            return core.send(&Handshake::Certificate(certificates(context, Vec::new())), cx);
        };
        core.send(&Handshake::Certificate(self.own_certificate(side)), cx);
        core.send_verify(identity, identity.kind().schemes()[0], &core.signed_content(true), cx);
    }

    fn on_ticket(&mut self, ticket: &NewSessionTicket, core: &Core, side: &mut ClientSide, cx: &mut Cx<'_>) {
        let Some(resumption) = &self.resumption else { return };
        cost::spend(cx.env, "tls.schedule", 0);
        let secret: Secret = core.kdf().resumption_psk(resumption, &ticket.nonce);
        let most = ticket.extensions.iter().find_map(|extension| match extension {
            Extension::MaxEarlyData(most) => Some(*most),
            _ => None,
        });
        side.keep(Ticket {
            version: Version::TLS13,
            suite: core.suite(),
            ticket: ticket.ticket.clone(),
            secret,
            age_add: ticket.age_add,
            received_at: cx.env.now(),
            // RFC 8446 §4.6.1: a client keeps none for longer than a week.
            lifetime_s: ticket.lifetime_s.min(604_800),
            max_early_data: most.unwrap_or(0),
            alpn: core.alpn.clone(),
            is_extended: true,
        });
    }
}

/// The message that a compressed one holds (RFC 8879 §4).
fn decompressed(compressed: &CompressedCertificate) -> Result<CertificateMessage, AlertDescription> {
    if compressed.algorithm != CertificateCompression::ZLIB {
        return Err(AlertDescription::ILLEGAL_PARAMETER);
    }
    let body = certificate::decompress(&compressed.data, compressed.uncompressed_len as usize)?;
    match Handshake::decode(HandshakeType::CERTIFICATE, &body, Version::TLS13)? {
        Handshake::Certificate(certificates) => Ok(certificates),
        _ => Err(AlertDescription::BAD_CERTIFICATE),
    }
}
