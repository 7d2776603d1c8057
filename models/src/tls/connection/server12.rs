//! A server of TLS 1.2 (RFC 5246 §7.3), from the client's hello on.

use super::hello::{Offer, choose_scheme, choose_suite};
use super::server::{Server, ServerSide, State};
use super::ticket::Session;
use super::{Core, Cx, KEYS, SIGNATURES, cost};
use crate::tls::codes::{AlertDescription, Group, Version};
use crate::tls::config::ClientCertificates;
use crate::tls::crypto::KeyPair;
use crate::tls::parameters::ServerParameters;
use crate::tls::wire::{
    CertificateRequest12, ClientHello, Extension, Handshake, NewSessionTicket12, ServerHello, ServerKeyExchange,
};
use bytes::Bytes;
use std::sync::Arc;

/// ecdsa_sign and rsa_sign (RFC 8422 §5.5, RFC 5246 §7.4.4).
const CLIENT_CERTIFICATE_TYPES: [u8; 2] = [64, 1];

impl Server {
    pub(super) fn on_hello_12(
        &mut self,
        hello: &ClientHello,
        offer: &Offer,
        raw: &Bytes,
        core: &mut Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let p = Arc::clone(&side.parameters);
        core.records.is_12 = true;
        let suite = choose_suite(&hello.cipher_suites, &offer.groups, &p.common, Version::TLS12, Self::kind(side))?;
        core.use_suite(suite);
        core.note(raw, cx);
        core.keys12.is_extended = offer.has_master_secret;
        let session = self.take_session(hello, offer, core, side, cx);
        core.is_resumed = session.is_some();
        // A session that goes on keeps its ticket.
        self.promised_ticket = offer.ticket.is_some() && p.tickets > 0 && (!core.is_resumed || p.habits.renews_tickets);
        self.name_len = offer.name_len;
        if !core.is_resumed {
            choose_scheme(Self::kind(side), &offer.schemes, Version::TLS12)?;
        }
        self.send_hello_12(hello, offer, core, &p, cx);
        if let Some(session) = session {
            core.keys12.master = Some(session.secret);
            self.peer_len = session.peer_len;
            core.take_keys(cx);
            core.records.end_flight();
            self.send_ticket(core, side, cx);
            core.change_and_finish(cx);
            self.state = State::WaitFinished12;
            return Ok(());
        }
        core.send(&Handshake::Certificate12(side.identity.chain().to_vec()), cx);
        if offer.wants_ocsp && p.ocsp {
            core.send(&Handshake::CertificateStatus(side.identity.ocsp_response().clone()), cx);
        }
        self.send_key_exchange(offer, core, side, cx)?;
        if p.client_certificates != ClientCertificates::None {
            let (types, mut schemes) = (Bytes::from_static(&CLIENT_CERTIFICATE_TYPES), Self::client_schemes(side));
            // draft-ietf-tls-mldsa §3.3; rustls leaves them out, too.
            schemes.retain(|scheme| !scheme.is_of_tls13_alone());
            let request = CertificateRequest12 { types, schemes, authorities: Bytes::new() };
            core.send(&Handshake::CertificateRequest12(request), cx);
            self.state = State::WaitCertificate12;
        } else {
            self.state = State::WaitKeyExchange;
        }
        core.send(&Handshake::ServerHelloDone, cx);
        Ok(())
    }

    /// The session of a ticket, if it can go on as it was (RFC 5077 §3.1, RFC 7627 §5.3).
    fn take_session(
        &self,
        hello: &ClientHello,
        offer: &Offer,
        core: &Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Option<Session> {
        let ticket = offer.ticket.as_ref().filter(|ticket| !ticket.is_empty())?;
        let session = side.open(core.mode(), ticket, cx)?;
        let is_same = session.version == Version::TLS12
            && session.suite == core.suite()
            && session.is_extended == core.keys12.is_extended;
        // The client learns of it by its own identifier in our hello.
        (is_same && !hello.session_id.is_empty()).then_some(session)
    }

    fn send_hello_12(
        &mut self,
        hello: &ClientHello,
        offer: &Offer,
        core: &mut Core,
        p: &ServerParameters,
        cx: &mut Cx<'_>,
    ) {
        let mut extensions = Vec::new();
        if p.acknowledges_name && offer.name_len.is_some() && !core.is_resumed {
            extensions.push(Extension::ServerNameAck);
        }
        if offer.signals_renegotiation {
            extensions.push(Extension::RenegotiationInfo(Bytes::new()));
        }
        if offer.has_point_formats && !core.is_resumed && p.habits.lists_point_formats {
            extensions.push(Extension::EcPointFormats(Bytes::from_static(&[0, 1, 2])));
        }
        if self.promised_ticket {
            extensions.push(Extension::SessionTicket(Bytes::new()));
        }
        if offer.wants_ocsp && p.ocsp && !core.is_resumed {
            extensions.push(Extension::OcspAck);
        }
        extensions.extend(core.alpn.clone().map(|alpn| Extension::Alpn(vec![alpn])));
        if core.keys12.is_extended {
            extensions.push(Extension::ExtendedMasterSecret);
        }
        let random = Self::random(core, p.common.knows(Version::TLS13), cx);
        let has_ticket = offer.ticket.as_ref().is_some_and(|ticket| !ticket.is_empty());
        let session_id = if core.is_resumed {
            hello.session_id.clone()
        } else if p.habits.names_sessions && p.tickets > 0 && !has_ticket {
            Bytes::copy_from_slice(&super::random(cx.env))
        } else {
            Bytes::new()
        };
        let (legacy_version, cipher_suite) = (Version::TLS12, core.suite());
        core.send(
            &Handshake::ServerHello(ServerHello { legacy_version, random, session_id, cipher_suite, extensions }),
            cx,
        );
    }

    /// Our share, signed together with both randoms (RFC 8422 §5.4).
    fn send_key_exchange(
        &mut self,
        offer: &Offer,
        core: &mut Core,
        side: &ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let ours = side.parameters.common.groups.iter().copied().filter(|group| !group.is_hybrid());
        // RFC 8422 §4: without the list, any will do.
        let takes = |group: &Group| offer.groups.is_empty() || offer.groups.contains(group);
        let group = ours.into_iter().find(takes).ok_or(AlertDescription::HANDSHAKE_FAILURE)?;
        core.group = Some(group);
        cost::generate(cx.env, group);
        let pair = KeyPair::generate(core.mode(), group, cx.env.rng(KEYS));
        let scheme = choose_scheme(Self::kind(side), &offer.schemes, Version::TLS12)?;
        let mut exchange = ServerKeyExchange { group, public: pair.public(), scheme, signature: Bytes::new() };
        cost::sign(cx.env, scheme);
        exchange.signature = side.identity.sign(scheme, &core.signed_params(&exchange), cx.env.rng(SIGNATURES));
        self.pair = Some(pair);
        core.send(&Handshake::ServerKeyExchange(exchange), cx);
        Ok(())
    }

    pub(super) fn on_message_12(
        &mut self,
        message: Handshake,
        raw: &Bytes,
        core: &mut Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        match (self.state, message) {
            (State::WaitCertificate12, Handshake::Certificate12(chain)) => {
                core.note(raw, cx);
                if chain.is_empty() {
                    if side.parameters.client_certificates == ClientCertificates::Required {
                        // RFC 5246 §7.4.6.
                        return Err(AlertDescription::HANDSHAKE_FAILURE);
                    }
                } else {
                    self.check_client_chain(&chain, core, side, cx)?;
                }
                self.state = State::WaitKeyExchange;
                Ok(())
            }
            (State::WaitKeyExchange, Handshake::ClientKeyExchange(public)) => {
                core.note(raw, cx);
                self.on_key_exchange(&public, core, cx)
            }
            (State::WaitCertificateVerify12, Handshake::CertificateVerify(verify)) => {
                let messages = core.messages.clone().unwrap_or_default();
                self.check_client_signature(&verify, &messages, core, side, cx)?;
                core.note(raw, cx);
                self.state = State::WaitFinished12;
                Ok(())
            }
            (State::WaitFinished12, Handshake::Finished(mac)) if core.keys12.has_changed => {
                self.on_finished_12(&mac, raw, core, side, cx)
            }
            _ => Err(AlertDescription::UNEXPECTED_MESSAGE),
        }
    }

    fn on_key_exchange(&mut self, public: &[u8], core: &mut Core, cx: &mut Cx<'_>) -> Result<(), AlertDescription> {
        let (Some(pair), Some(group)) = (self.pair.take(), core.group) else {
            return Err(AlertDescription::INTERNAL_ERROR);
        };
        cost::agree(cx.env, group);
        let premaster = pair.agree(public)?;
        core.make_master(&premaster, cx);
        core.take_keys(cx);
        self.state = if self.leaf.is_empty() { State::WaitFinished12 } else { State::WaitCertificateVerify12 };
        Ok(())
    }

    fn on_finished_12(
        &mut self,
        mac: &Bytes,
        raw: &Bytes,
        core: &mut Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let Some(master) = core.keys12.master else { return Err(AlertDescription::INTERNAL_ERROR) };
        core.check_finished(&master, mac, raw, cx)?;
        if !core.is_resumed {
            self.send_ticket(core, side, cx);
            core.change_and_finish(cx);
        }
        self.state = State::Connected12;
        core.connected(self.early, cx);
        Ok(())
    }

    /// The ticket that our hello has promised (RFC 5077 §3.3): part of the transcript, and not under the new keys.
    fn send_ticket(&mut self, core: &mut Core, side: &mut ServerSide, cx: &mut Cx<'_>) {
        let (true, Some(master)) = (self.promised_ticket, core.keys12.master) else { return };
        let ticket = self.ticket(&master, 0, core, side, cx);
        let lifetime_s = side.parameters.ticket_lifetime_s();
        core.send(&Handshake::NewSessionTicket12(NewSessionTicket12 { lifetime_s, ticket }), cx);
    }
}
