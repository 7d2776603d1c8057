//! A client of TLS 1.2 (RFC 5246 §7.3), from the server's hello on: with ECDHE and AEAD alone, tickets (RFC 5077) and, where the
//! server has it, the extended master secret (RFC 7627).

use super::client::{Client, ClientSide, State};
use super::{Core, Cx, KEYS, Ticket, cost};
use crate::tls::codes::{AlertDescription, SignatureScheme, Version};
use crate::tls::crypto::{KeyPair, Secret};
use crate::tls::parameters::ClientParameters;
use crate::tls::wire::{Extension, Handshake, ServerHello, ServerKeyExchange};
use bytes::Bytes;
use std::sync::Arc;

impl Client {
    pub(super) fn on_server_hello_12(
        &mut self,
        hello: &ServerHello,
        raw: &Bytes,
        core: &mut Core,
        p: &ClientParameters,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        core.records.is_12 = true;
        core.use_suite(hello.cipher_suite);
        core.note(raw, cx);
        core.keys12.server_random = hello.random;
        // Early data were sent to a server of 1.3 that is of 1.2 now: RFC 8446 §D.3 has the client give up.
        if core.records.writes_protected() {
            return Err(AlertDescription::PROTOCOL_VERSION);
        }
        for extension in &hello.extensions {
            match extension {
                Extension::ExtendedMasterSecret => core.keys12.is_extended = true,
                Extension::SessionTicket(_) if p.resumption => self.expects_ticket = true,
                Extension::Alpn(list) => Self::take_alpn(core, list, p)?,
                Extension::OcspAck if p.ocsp => {}
                Extension::ServerNameAck | Extension::RenegotiationInfo(_) | Extension::EcPointFormats(_) => {}
                // What was not asked for (RFC 5246 §7.4.1.4).
                _ => return Err(AlertDescription::UNSUPPORTED_EXTENSION),
            }
        }
        let ticket = self.ticket.as_ref().filter(|ticket| ticket.version == Version::TLS12);
        let is_echo = !self.session_id.is_empty() && hello.session_id == self.session_id;
        match ticket {
            Some(ticket) if is_echo => {
                // RFC 5246 §7.4.1.3, RFC 7627 §5.3: a session goes on with what it had.
                if ticket.suite != hello.cipher_suite || ticket.is_extended != core.keys12.is_extended {
                    return Err(AlertDescription::ILLEGAL_PARAMETER);
                }
                core.is_resumed = true;
                core.keys12.master = Some(ticket.secret);
                core.take_keys(cx);
                self.state = State::WaitFinished12;
            }
            _ => self.state = State::WaitCertificate12,
        }
        Ok(())
    }

    pub(super) fn on_message_12(
        &mut self,
        message: Handshake,
        raw: &Bytes,
        core: &mut Core,
        side: &mut ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        match (self.state, message) {
            (State::WaitCertificate12, Handshake::Certificate12(chain)) => {
                core.note(raw, cx);
                self.check_chain(&chain, core, side, cx)?;
                self.state = State::WaitKeyExchange;
                Ok(())
            }
            // What it says is not looked at: nobody revokes certificates here.
            (State::WaitKeyExchange, Handshake::CertificateStatus(_)) if side.parameters.ocsp => {
                core.note(raw, cx);
                Ok(())
            }
            (State::WaitKeyExchange, Handshake::ServerKeyExchange(exchange)) => {
                core.note(raw, cx);
                self.on_key_exchange(exchange, core, side, cx)
            }
            (State::WaitRequestOrDone, Handshake::CertificateRequest12(request)) => {
                core.note(raw, cx);
                self.request = Some((Bytes::new(), request.schemes));
                self.state = State::WaitDone;
                Ok(())
            }
            (State::WaitRequestOrDone | State::WaitDone, Handshake::ServerHelloDone) => {
                core.note(raw, cx);
                self.answer(core, side, cx)
            }
            (State::WaitFinished12, Handshake::NewSessionTicket12(ticket))
                if self.expects_ticket && !core.keys12.has_changed =>
            {
                core.note(raw, cx);
                self.expects_ticket = false;
                self.new_ticket = Some((ticket.lifetime_s, ticket.ticket));
                Ok(())
            }
            (State::WaitFinished12, Handshake::Finished(mac)) if core.keys12.has_changed => {
                self.on_finished_12(&mac, raw, core, side, cx)
            }
            // RFC 5246 §7.4.1.1: a client may pay no heed to it.
            (State::Connected12, Handshake::HelloRequest) => Ok(()),
            _ => Err(AlertDescription::UNEXPECTED_MESSAGE),
        }
    }

    /// The server's share, signed together with both randoms (RFC 8422 §5.4).
    fn on_key_exchange(
        &mut self,
        exchange: ServerKeyExchange,
        core: &mut Core,
        side: &ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let p = Arc::clone(&side.parameters);
        if !p.common.groups.contains(&exchange.group) {
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        let (signed, signature) = (core.signed_params(&exchange), (exchange.scheme, &exchange.signature[..]));
        core.check_signature(&self.leaf, &p.listed_schemes, signature, &signed, cx)?;
        core.group = Some(exchange.group);
        self.peer_share = Some((exchange.group, exchange.public));
        self.state = State::WaitRequestOrDone;
        Ok(())
    }

    /// The second flight: a certificate where one is asked for, our share, and Finished under the new keys. Here nobody packs messages into one
    /// record.
    fn answer(&mut self, core: &mut Core, side: &ClientSide, cx: &mut Cx<'_>) -> Result<(), AlertDescription> {
        let Some((group, theirs)) = self.peer_share.take() else { return Err(AlertDescription::INTERNAL_ERROR) };
        let schemes = self.request.as_ref().map(|(_, schemes)| schemes.clone());
        let fits = |scheme: SignatureScheme| {
            !scheme.is_of_tls13_alone() && schemes.as_ref().is_some_and(|schemes| schemes.contains(&scheme))
        };
        let identity = side.identity.as_ref().filter(|identity| fits(identity.kind().schemes()[0]));
        if self.request.is_some() {
            let chain = identity.map(|identity| identity.chain().to_vec()).unwrap_or_default();
            core.send(&Handshake::Certificate12(chain), cx);
            core.records.end_flight();
        }
        cost::generate(cx.env, group);
        let pair = KeyPair::generate(core.mode(), group, cx.env.rng(KEYS));
        cost::agree(cx.env, group);
        let premaster = pair.agree(&theirs)?;
        core.send(&Handshake::ClientKeyExchange(pair.public()), cx);
        core.records.end_flight();
        core.make_master(&premaster, cx);
        if let Some(identity) = identity {
            let messages = core.messages.clone().unwrap_or_default();
            core.send_verify(identity, identity.kind().schemes()[0], &messages, cx);
        }
        core.take_keys(cx);
        core.change_and_finish(cx);
        self.state = State::WaitFinished12;
        Ok(())
    }

    fn on_finished_12(
        &mut self,
        mac: &Bytes,
        raw: &Bytes,
        core: &mut Core,
        side: &mut ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let Some(master) = core.keys12.master else { return Err(AlertDescription::INTERNAL_ERROR) };
        core.check_finished(&master, mac, raw, cx)?;
        if core.is_resumed {
            core.change_and_finish(cx);
        }
        self.keep_ticket(&master, core, side, cx);
        self.state = State::Connected12;
        core.connected(self.early_data(), cx);
        Ok(())
    }

    fn keep_ticket(&mut self, master: &Secret, core: &Core, side: &mut ClientSide, cx: &mut Cx<'_>) {
        let Some((lifetime_s, ticket)) = self.new_ticket.take() else { return };
        // An empty one says that there is none after all (RFC 5077 §3.3); a new one takes the place of the one that was used.
        side.tickets.retain(|old| old.version != Version::TLS12);
        if ticket.is_empty() {
            return;
        }
        side.keep(Ticket {
            version: Version::TLS12,
            suite: core.suite(),
            ticket,
            secret: *master,
            age_add: 0,
            received_at: cx.env.now(),
            // RFC 5077 §3.3: 0 says nothing; a day is what clients of then took.
            lifetime_s: if lifetime_s == 0 { 86_400 } else { lifetime_s },
            max_early_data: 0,
            alpn: core.alpn.clone(),
            is_extended: core.keys12.is_extended,
        });
    }
}
