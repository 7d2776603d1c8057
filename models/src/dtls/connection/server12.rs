//! A server of DTLS 1.2 (RFC 5246 §7.3, RFC 4279, RFC 6347 §4.2), from the client's hello on.

use super::client::connection_id;
use super::core::Core;
use super::outbox::Expects;
use super::proof::{agree, psk_premaster};
use super::server::{Offer, Server, ServerSide, State};
use super::{Cx, KEYS, SIGNATURES, random};
use crate::dtls::codes::{DTLS12, KeyExchange, Suite};
use crate::dtls::reassembly::Whole;
use crate::dtls::session::Session;
use crate::dtls::wire::Message;
use crate::tls::codes::{AlertDescription, Group, SignatureScheme};
use crate::tls::config::ClientCertificates;
use crate::tls::crypto::{KeyPair, Secret};
use crate::tls::wire::{
    CertificateRequest12, ClientHello, Extension, Handshake, NewSessionTicket12, ServerHello, ServerKeyExchange,
};
use bytes::Bytes;
use std::sync::Arc;

/// ecdsa_sign (RFC 8422 §5.5).
const CLIENT_CERTIFICATE_TYPES: [u8; 1] = [64];

impl Server {
    pub(super) fn on_hello_12(
        &mut self,
        hello: &ClientHello,
        offer: &Offer,
        whole: &Whole,
        core: &mut Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let config = Arc::clone(&side.config);
        let suite = core.suite.ok_or(AlertDescription::INTERNAL_ERROR)?;
        core.is_extended = offer.has_master_secret && core.common.extended_master_secret;
        core.messages = (config.client_certificates != ClientCertificates::None).then(Vec::new);
        core.note(whole, cx);
        let session = self.take_session(hello, offer, suite, core, side, cx)?;
        core.is_resumed = session.is_some();
        // A session that goes on keeps its ticket.
        self.promised_ticket = offer.ticket.is_some() && config.tickets > 0 && !core.is_resumed;
        if core.is_resumed {
            self.session_id = hello.session_id.clone();
        } else if config.kept_sessions > 0 && !self.promised_ticket {
            self.session_id = Bytes::copy_from_slice(&random(cx.env));
        }
        self.send_hello_12(offer, suite, core, cx);
        if let Some(session) = session {
            core.master = Some(session.secret);
            let ours = core.take_keys_12(cx).ok_or(AlertDescription::INTERNAL_ERROR)?;
            core.change_and_finish(ours, cx);
            core.end_flight(Expects::Flight, cx);
            self.state = State::WaitFinished12;
            return Ok(());
        }
        let asks = suite.exchange() == KeyExchange::Ecdsa && config.client_certificates != ClientCertificates::None;
        self.send_key_exchange(offer, suite, core, side, cx)?;
        if asks {
            let (types, schemes) = (Bytes::from_static(&CLIENT_CERTIFICATE_TYPES), core.common.schemes.clone());
            let request = CertificateRequest12 { types, schemes, authorities: Bytes::new() };
            core.send_tls(Handshake::CertificateRequest12(request), 0, cx);
        }
        core.send_tls(Handshake::ServerHelloDone, 0, cx);
        core.end_flight(Expects::Flight, cx);
        self.state = if asks { State::WaitCertificate12 } else { State::WaitKeyExchange };
        Ok(())
    }

    /// The session that the client wants to go on with (RFC 5077 §3.4, RFC 7627 §5.3).
    fn take_session(
        &self,
        hello: &ClientHello,
        offer: &Offer,
        suite: Suite,
        core: &Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<Option<Session>, AlertDescription> {
        if hello.session_id.is_empty() {
            return Ok(None);
        }
        let by_ticket = match &offer.ticket {
            Some(ticket) if !ticket.is_empty() => side.open(ticket, DTLS12, core, cx),
            _ => None,
        };
        let session = by_ticket.or_else(|| side.kept(&hello.session_id, cx.env.now()));
        // RFC 7627 §5.3: a session with the extended master secret and a hello without is an attack, and ends the handshake; the other way round it begins anew.
        if session.as_ref().is_some_and(|session| session.is_extended && !offer.has_master_secret) {
            return Err(AlertDescription::HANDSHAKE_FAILURE);
        }
        Ok(session.filter(|session| session.suite == suite && session.is_extended == core.is_extended))
    }

    fn send_hello_12(&mut self, offer: &Offer, suite: Suite, core: &mut Core, cx: &mut Cx<'_>) {
        let mut extensions = Vec::new();
        if offer.signals_renegotiation {
            extensions.push(Extension::RenegotiationInfo(Bytes::new()));
        }
        if offer.has_name && !core.is_resumed {
            extensions.push(Extension::ServerNameAck);
        }
        if offer.has_point_formats && suite.exchange() != KeyExchange::Psk {
            extensions.push(Extension::EcPointFormats(Bytes::from_static(&[0])));
        }
        if self.promised_ticket {
            extensions.push(Extension::SessionTicket(Bytes::new()));
        }
        if core.is_extended {
            extensions.push(Extension::ExtendedMasterSecret);
        }
        if core.records.has_cids {
            extensions.push(connection_id(&core.records.own_cid));
        }
        let random = Self::draw_random(core, cx);
        let (legacy_version, session_id, cipher_suite) = (DTLS12, self.session_id.clone(), suite.code());
        let hello = ServerHello { legacy_version, random, session_id, cipher_suite, extensions };
        core.send_tls(Handshake::ServerHello(hello), 0, cx);
    }

    /// Certificate and ServerKeyExchange, as the suite has it.
    fn send_key_exchange(
        &mut self,
        offer: &Offer,
        suite: Suite,
        core: &mut Core,
        side: &ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let config = Arc::clone(&side.config);
        let mut share = None;
        if suite.exchange() != KeyExchange::Psk {
            let common = &core.common;
            let group = common.groups.iter().copied().find(|group| offer.groups.contains(group));
            let group: Group = group.ok_or(AlertDescription::HANDSHAKE_FAILURE)?;
            core.spend(agree(group).0, 0, cx);
            let pair = KeyPair::generate(core.mode(), group, cx.env.rng(KEYS));
            core.group = Some(group);
            share = Some((group, pair.public()));
            self.pair = Some(pair);
        }
        if suite.exchange() != KeyExchange::Ecdsa {
            // RFC 4279 §2: without a hint and a share there is no such message.
            if share.is_some() || !config.hint.is_empty() {
                core.send(&Message::ServerKeyExchangePsk { hint: config.hint.clone(), share }, 0, cx);
            }
            return Ok(());
        }
        let identity = config.identity.as_ref().ok_or(AlertDescription::INTERNAL_ERROR)?;
        core.send_tls(Handshake::Certificate12(identity.chain().to_vec()), 0, cx);
        let (group, public) = share.ok_or(AlertDescription::INTERNAL_ERROR)?;
        let scheme = SignatureScheme::ECDSA_SECP256R1_SHA256;
        let mut exchange = ServerKeyExchange { group, public, scheme, signature: Bytes::new() };
        let signed = core.signed_params(&exchange);
        core.spend("tls.ecdsa-p256.sign", 0, cx);
        exchange.signature = identity.sign(scheme, &signed, cx.env.rng(SIGNATURES));
        core.send_tls(Handshake::ServerKeyExchange(exchange), 0, cx);
        Ok(())
    }

    pub(super) fn on_message_12(
        &mut self,
        message: Message,
        whole: &Whole,
        core: &mut Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        match (self.state, message) {
            (State::WaitCertificate12, Message::Tls(Handshake::Certificate12(chain))) => {
                core.note(whole, cx);
                if !chain.is_empty() {
                    self.check_client_chain(&chain, core, side, cx)?;
                } else if side.config.client_certificates == ClientCertificates::Required {
                    // RFC 5246 §7.4.6.
                    return Err(AlertDescription::HANDSHAKE_FAILURE);
                }
                self.state = State::WaitKeyExchange;
                Ok(())
            }
            (State::WaitKeyExchange, Message::Tls(Handshake::ClientKeyExchange(public))) => {
                core.note(whole, cx);
                let shared = self.agree(&public, core, cx)?;
                self.make_keys(shared.as_slice(), core, cx)
            }
            (State::WaitKeyExchange, Message::ClientKeyExchangePsk { identity, share }) => {
                core.note(whole, cx);
                let shared = share.map(|public| self.agree(&public, core, cx)).transpose()?;
                // RFC 4279 §2 lets a server say which it is.
                let key = side.config.psks.get(&identity).cloned().ok_or(AlertDescription::UNKNOWN_PSK_IDENTITY)?;
                core.psk = Some(identity);
                self.make_keys(&psk_premaster(&key, shared.as_ref()), core, cx)
            }
            (State::WaitCertificateVerify12, Message::Tls(Handshake::CertificateVerify(verify))) => {
                let messages = core.messages.clone().unwrap_or_default();
                core.check_signature(&self.leaf, (verify.scheme, &verify.signature), &messages, cx)?;
                core.note(whole, cx);
                self.state = State::WaitFinished12;
                Ok(())
            }
            (State::WaitFinished12, Message::Tls(Handshake::Finished(mac))) => {
                self.on_finished_12(&mac, whole, core, side, cx)
            }
            _ => Err(AlertDescription::UNEXPECTED_MESSAGE),
        }
    }

    fn agree(&mut self, public: &Bytes, core: &Core, cx: &mut Cx<'_>) -> Result<Secret, AlertDescription> {
        let (Some(pair), Some(group)) = (self.pair.take(), core.group) else {
            return Err(AlertDescription::INTERNAL_ERROR);
        };
        core.spend(agree(group).1, 0, cx);
        pair.agree(public)
    }

    fn make_keys(&mut self, premaster: &[u8], core: &mut Core, cx: &mut Cx<'_>) -> Result<(), AlertDescription> {
        core.make_master(premaster, cx);
        self.ours = core.take_keys_12(cx);
        self.state = if self.leaf.is_empty() { State::WaitFinished12 } else { State::WaitCertificateVerify12 };
        Ok(())
    }

    fn on_finished_12(
        &mut self,
        mac: &Bytes,
        whole: &Whole,
        core: &mut Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let master = core.master.ok_or(AlertDescription::INTERNAL_ERROR)?;
        core.check_finished(&master, mac, whole, cx)?;
        let suite = core.suite.ok_or(AlertDescription::INTERNAL_ERROR)?;
        if core.is_resumed {
            core.outbox.answered(false, cx.env.now());
            // The client has answered: it does not need our flight any more.
            core.outbox.forget();
        } else {
            let (issued_at, is_extended) = (cx.env.now(), core.is_extended);
            let session = Session { version: DTLS12, suite, secret: master, issued_at, is_extended };
            if self.promised_ticket {
                let ticket = side.seal(&session, core, cx);
                let lifetime_s = (side.config.lifetime.as_nanos() / 1_000_000_000) as u32;
                let message = NewSessionTicket12 { lifetime_s, ticket };
                core.send_tls(Handshake::NewSessionTicket12(message), 0, cx);
            } else if !self.session_id.is_empty() {
                side.keep(self.session_id.clone(), session);
            }
            let ours = self.ours.take().ok_or(AlertDescription::INTERNAL_ERROR)?;
            core.change_and_finish(ours, cx);
            core.end_flight(Expects::Nothing, cx);
        }
        self.state = State::Connected12;
        core.connected(cx);
        Ok(())
    }
}
