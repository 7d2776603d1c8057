//! A client of DTLS 1.3 (RFC 9147 §5, RFC 8446 §A.1), from the server's hello on.

use super::Cx;
use super::client::{Client, ClientSide, State, connection_id_of};
use super::core::{Core, DATA_EPOCH, HANDSHAKE_EPOCH};
use super::outbox::Expects;
use super::proof::agree;
use crate::dtls::codes::{DTLS12, DTLS13, Suite};
use crate::dtls::reassembly::Whole;
use crate::dtls::session::{MOST_LIFETIME_S, Ticket};
use crate::dtls::wire::Message;
use crate::tls::codes::AlertDescription;
use crate::tls::crypto::KeySchedule;
use crate::tls::wire::{
    CertificateEntry, CertificateMessage, Extension, Handshake, KeyShare, NewSessionTicket, ServerHello,
};
use bytes::Bytes;
use protosim_core::LocalTime;
use std::sync::Arc;

impl Client {
    pub(super) fn on_server_hello_13(
        &mut self,
        hello: &ServerHello,
        suite: Suite,
        core: &mut Core,
        side: &ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        const ILLEGAL: AlertDescription = AlertDescription::ILLEGAL_PARAMETER;
        // RFC 9147 §5, erratum 8066: servers do not echo it, even where a session of DTLS 1.2 was offered.
        if !hello.session_id.is_empty() {
            return Err(ILLEGAL);
        }
        let (mut share, mut psk) = (None, None);
        for extension in &hello.extensions {
            match (extension, connection_id_of(extension)) {
                (_, Some(cid)) if core.common.cid_len.is_some() => {
                    (core.records.peer_cid, core.records.has_cids) = (Some(cid?), true);
                }
                (Extension::KeyShare(one), _) => share = Some(one),
                (Extension::SelectedPsk(index), _) => psk = Some(*index),
                (Extension::SelectedVersion(_), _) => {}
                _ => return Err(AlertDescription::UNSUPPORTED_EXTENSION),
            }
        }
        if !core.records.has_cids {
            core.records.own_cid = Bytes::new();
        }
        let key = match psk {
            None => None,
            Some(index) => Some(self.take_psk(index, core, side, cx.env.now()).ok_or(ILLEGAL)?),
        };
        let shared = match share {
            Some(share) => Some(self.agree(share, core, cx)?),
            None if key.is_some() && side.config.psk_alone => None,
            None => return Err(AlertDescription::MISSING_EXTENSION),
        };
        core.spend("tls.schedule", 0, cx);
        let mut schedule = KeySchedule::new(core.kdf(), key.as_deref());
        let shared = shared.as_ref().map(|secret| secret.as_slice());
        let (ours, theirs) = schedule.handshake(shared, &core.transcript.digest());
        core.log("CLIENT_HANDSHAKE_TRAFFIC_SECRET", &ours, cx);
        core.log("SERVER_HANDSHAKE_TRAFFIC_SECRET", &theirs, cx);
        core.read_with(HANDSHAKE_EPOCH, &theirs);
        core.write_with(HANDSHAKE_EPOCH, &ours);
        self.handshake = Some((ours, theirs));
        core.schedule = Some(schedule);
        self.keys.clear();
        debug_assert_eq!(suite.version(), DTLS13);
        self.state = State::WaitEncryptedExtensions;
        Ok(())
    }

    /// The key that the server has chosen; says whether a session goes on.
    fn take_psk(&self, index: u16, core: &mut Core, side: &ClientSide, now: LocalTime) -> Option<Bytes> {
        let chosen = self.offered_psks(core, &side.config, now).into_iter().nth(usize::from(index))?;
        core.is_resumed = !chosen.is_external;
        core.psk = chosen.is_external.then_some(chosen.identity.identity);
        Some(chosen.key)
    }

    fn agree(
        &self,
        share: &KeyShare,
        core: &mut Core,
        cx: &mut Cx<'_>,
    ) -> Result<crate::tls::crypto::Secret, AlertDescription> {
        let pair = self.keys.iter().find(|(group, _)| *group == share.group);
        let (group, pair) = pair.ok_or(AlertDescription::ILLEGAL_PARAMETER)?;
        core.group = Some(*group);
        core.spend(agree(*group).1, 0, cx);
        pair.agree(&share.public)
    }

    pub(super) fn on_message_13(
        &mut self,
        message: Message,
        whole: &Whole,
        core: &mut Core,
        side: &mut ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let message = match message {
            Message::Tls(message) => message,
            other => return core.on_connection_ids(&other),
        };
        match (self.state, message) {
            (State::WaitEncryptedExtensions, Handshake::EncryptedExtensions(extensions)) => {
                // RFC 8446 §4.2: what was asked for.
                let is_known = |one: &Extension| match one {
                    Extension::ServerNameAck => side.config.server_name.is_some(),
                    Extension::SupportedGroups(_) => core.common.uses_groups(),
                    _ => false,
                };
                if !extensions.iter().all(is_known) {
                    return Err(AlertDescription::UNSUPPORTED_EXTENSION);
                }
                let has_psk = core.is_resumed || core.psk.is_some();
                self.state = if has_psk { State::WaitFinished } else { State::WaitCertificateOrRequest };
            }
            (State::WaitCertificateOrRequest, Handshake::CertificateRequest(request)) => {
                let schemes = request.extensions.iter().find_map(|extension| match extension {
                    Extension::SignatureAlgorithms(list) => Some(list.clone()),
                    _ => None,
                });
                self.request = Some(schemes.ok_or(AlertDescription::MISSING_EXTENSION)?);
                self.state = State::WaitCertificate;
            }
            (State::WaitCertificateOrRequest | State::WaitCertificate, Handshake::Certificate(certificates)) => {
                if !certificates.context.is_empty() {
                    return Err(AlertDescription::ILLEGAL_PARAMETER);
                }
                let chain: Vec<Bytes> = certificates.entries.iter().map(|entry| entry.der.clone()).collect();
                self.check_chain(&chain, core, side, cx)?;
                self.state = State::WaitCertificateVerify;
            }
            (State::WaitCertificateVerify, Handshake::CertificateVerify(verify)) => {
                let content = core.signed_content(false);
                core.check_signature(&self.leaf, (verify.scheme, &verify.signature), &content, cx)?;
                self.state = State::WaitFinished;
            }
            (State::WaitFinished, Handshake::Finished(mac)) => return self.on_finished(&mac, whole, core, side, cx),
            (State::Connected, Handshake::NewSessionTicket(ticket)) => {
                core.acknowledge_now();
                self.on_ticket(&ticket, core, side, cx);
                return Ok(());
            }
            (State::Connected, Handshake::KeyUpdate { requested }) => {
                core.on_key_update(requested, cx);
                return Ok(());
            }
            _ => return Err(AlertDescription::UNEXPECTED_MESSAGE),
        }
        core.note(whole, cx);
        Ok(())
    }

    fn on_finished(
        &mut self,
        mac: &Bytes,
        whole: &Whole,
        core: &mut Core,
        side: &ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let (Some((ours, theirs)), Some(mut schedule)) = (self.handshake, core.schedule.take()) else {
            return Err(AlertDescription::INTERNAL_ERROR);
        };
        core.check_finished(&theirs, mac, whole, cx)?;
        core.spend("tls.schedule", 0, cx);
        let (write, read) = schedule.application(&core.transcript.digest());
        core.log("CLIENT_TRAFFIC_SECRET_0", &write, cx);
        core.log("SERVER_TRAFFIC_SECRET_0", &read, cx);
        if let Some(schemes) = &self.request {
            let config = Arc::clone(&side.config);
            let identity = config.identity.as_ref().filter(|identity| schemes.contains(&identity.kind().schemes()[0]));
            let chain = identity.map(|identity| identity.chain().to_vec()).unwrap_or_default();
            core.send_tls(certificates(chain), HANDSHAKE_EPOCH, cx);
            if let Some(identity) = identity {
                let content = core.signed_content(true);
                core.send_verify(identity, &content, HANDSHAKE_EPOCH, cx);
            }
        }
        core.send_finished(&ours, HANDSHAKE_EPOCH, cx);
        core.end_flight(Expects::Ack, cx);
        self.resumption = Some(schedule.resumption(&core.transcript.digest()));
        core.read_with(DATA_EPOCH, &read);
        core.write_with(DATA_EPOCH, &write);
        core.traffic = Some((write, read));
        self.state = State::Connected;
        core.connected(cx);
        Ok(())
    }

    fn on_ticket(&self, ticket: &NewSessionTicket, core: &Core, side: &mut ClientSide, cx: &mut Cx<'_>) {
        let (Some(resumption), Some(suite)) = (self.resumption, core.suite) else { return };
        side.tickets.retain(|old| old.version != DTLS12);
        side.keep(Ticket {
            version: DTLS13,
            suite,
            ticket: ticket.ticket.clone(),
            session_id: Bytes::new(),
            secret: core.kdf().resumption_psk(&resumption, &ticket.nonce),
            age_add: ticket.age_add,
            received_at: cx.env.now(),
            lifetime_s: ticket.lifetime_s.min(MOST_LIFETIME_S),
            is_extended: true,
        });
    }
}

/// A Certificate message of DTLS 1.3 without extensions.
pub(super) fn certificates(chain: Vec<Bytes>) -> Handshake {
    let entries = chain.into_iter().map(|der| CertificateEntry { der, extensions: Vec::new() });
    Handshake::Certificate(CertificateMessage { context: Bytes::new(), entries: entries.collect() })
}
