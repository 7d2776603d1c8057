//! A client of DTLS 1.2, from the server's hello on (RFC 5246 §7.3, RFC 4279, RFC 6347 §4.2.4).

use super::client::{Client, ClientSide, State, connection_id_of};
use super::core::Core;
use super::outbox::Expects;
use super::proof::{agree, psk_premaster};
use super::{Cx, KEYS};
use crate::dtls::codes::{DTLS12, KeyExchange, Suite};
use crate::dtls::reassembly::Whole;
use crate::dtls::session::Ticket;
use crate::dtls::wire::Message;
use crate::tls::codes::{AlertDescription, Group};
use crate::tls::crypto::{KeyPair, Secret};
use crate::tls::wire::{Extension, Handshake, ServerHello, ServerKeyExchange};
use bytes::Bytes;
use std::sync::Arc;

/// A session without a word on how long it is good \[s\]: a day, as clients of then took it (RFC 5077 §3.3).
const USUAL_LIFETIME_S: u32 = 86_400;

impl Client {
    pub(super) fn on_server_hello_12(
        &mut self,
        hello: &ServerHello,
        suite: Suite,
        core: &mut Core,
        side: &ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        self.keys.clear();
        for extension in &hello.extensions {
            match (extension, connection_id_of(extension)) {
                (_, Some(cid)) if core.common.cid_len.is_some() => {
                    (core.records.peer_cid, core.records.has_cids) = (Some(cid?), true);
                }
                (Extension::ExtendedMasterSecret, _) if core.common.extended_master_secret => core.is_extended = true,
                (Extension::SessionTicket(_), _) if side.config.resumption => self.expects_ticket = true,
                // RFC 5746 §3.4.
                (Extension::RenegotiationInfo(info), _) if !info.is_empty() => {
                    return Err(AlertDescription::HANDSHAKE_FAILURE);
                }
                (Extension::RenegotiationInfo(_), _) => {}
                (Extension::ServerNameAck, _) if side.config.server_name.is_some() => {}
                (Extension::EcPointFormats(_), _) if core.common.uses_groups() => {}
                // What was not asked for (RFC 5246 §7.4.1.4).
                _ => return Err(AlertDescription::UNSUPPORTED_EXTENSION),
            }
        }
        if !core.records.has_cids {
            core.records.own_cid = Bytes::new();
        }
        self.server_session_id = hello.session_id.clone();
        let ticket = self.ticket.as_ref().filter(|ticket| ticket.version == DTLS12);
        let is_echo = !self.session_id.is_empty() && hello.session_id == self.session_id;
        self.state = match (ticket, suite.exchange()) {
            (Some(ticket), _) if is_echo => {
                // RFC 5246 §7.4.1.3, RFC 7627 §5.3: a session goes on with what it had.
                if ticket.suite != suite || ticket.is_extended != core.is_extended {
                    return Err(AlertDescription::ILLEGAL_PARAMETER);
                }
                core.is_resumed = true;
                core.master = Some(ticket.secret);
                self.ours = core.take_keys_12(cx);
                State::WaitFinished12
            }
            (_, KeyExchange::Psk) => State::WaitHintOrDone,
            (_, KeyExchange::EcdhePsk) => State::WaitKeyExchange,
            _ => State::WaitCertificate12,
        };
        Ok(())
    }

    pub(super) fn on_message_12(
        &mut self,
        message: Message,
        whole: &Whole,
        core: &mut Core,
        side: &mut ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        match (self.state, message) {
            (State::WaitFinished12, Message::Tls(Handshake::Finished(mac))) => {
                return self.on_finished_12(&mac, whole, core, side, cx);
            }
            (State::WaitCertificate12, Message::Tls(Handshake::Certificate12(chain))) => {
                self.check_chain(&chain, core, side, cx)?;
                self.state = State::WaitKeyExchange;
            }
            (State::WaitKeyExchange, Message::Tls(Handshake::ServerKeyExchange(exchange))) => {
                self.on_key_exchange(exchange, core, cx)?;
            }
            (State::WaitKeyExchange | State::WaitHintOrDone, Message::ServerKeyExchangePsk { share, .. }) => {
                if let Some((group, point)) = share {
                    self.take_share(group, point, core)?;
                }
                self.state = State::WaitDone;
            }
            (State::WaitRequestOrDone, Message::Tls(Handshake::CertificateRequest12(request))) => {
                self.request = Some(request.schemes);
                self.state = State::WaitDone;
            }
            (
                State::WaitHintOrDone | State::WaitRequestOrDone | State::WaitDone,
                Message::Tls(Handshake::ServerHelloDone),
            ) => {
                core.note(whole, cx);
                return self.answer(core, side, cx);
            }
            (State::WaitFinished12, Message::Tls(Handshake::NewSessionTicket12(ticket))) if self.expects_ticket => {
                self.expects_ticket = false;
                self.new_ticket = Some((ticket.lifetime_s, ticket.ticket));
            }
            _ => return Err(AlertDescription::UNEXPECTED_MESSAGE),
        }
        core.note(whole, cx);
        Ok(())
    }

    fn take_share(&mut self, group: Group, point: Bytes, core: &mut Core) -> Result<(), AlertDescription> {
        if !core.common.groups.contains(&group) {
            return Err(AlertDescription::ILLEGAL_PARAMETER);
        }
        core.group = Some(group);
        self.peer_share = Some((group, point));
        Ok(())
    }

    /// The server's share, signed together with both randoms (RFC 8422 §5.4).
    fn on_key_exchange(
        &mut self,
        exchange: ServerKeyExchange,
        core: &mut Core,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let signed = core.signed_params(&exchange);
        core.check_signature(&self.leaf, (exchange.scheme, &exchange.signature), &signed, cx)?;
        self.take_share(exchange.group, exchange.public, core)?;
        self.state = State::WaitRequestOrDone;
        Ok(())
    }

    /// The flight that ends with our Finished.
    fn answer(&mut self, core: &mut Core, side: &ClientSide, cx: &mut Cx<'_>) -> Result<(), AlertDescription> {
        let config = Arc::clone(&side.config);
        let fits = |schemes: &Vec<_>| {
            config.identity.clone().filter(|identity| schemes.contains(&identity.kind().schemes()[0]))
        };
        let identity = self.request.as_ref().and_then(fits);
        if self.request.is_some() {
            let chain = identity.as_ref().map(|identity| identity.chain().to_vec()).unwrap_or_default();
            core.send_tls(Handshake::Certificate12(chain), 0, cx);
        }
        let mut shared: Option<(KeyPair, Secret)> = None;
        if let Some((group, theirs)) = self.peer_share.take() {
            core.spend(agree(group).0, 0, cx);
            let pair = KeyPair::generate(core.mode(), group, cx.env.rng(KEYS));
            core.spend(agree(group).1, 0, cx);
            let secret = pair.agree(&theirs)?;
            shared = Some((pair, secret));
        }
        let public = shared.as_ref().map(|(pair, _)| pair.public());
        let secret = shared.as_ref().map(|(_, secret)| secret);
        let premaster = match core.suite.map(Suite::exchange) {
            Some(KeyExchange::Psk | KeyExchange::EcdhePsk) => {
                let psk = config.psk.as_ref().ok_or(AlertDescription::INTERNAL_ERROR)?;
                core.psk = Some(psk.identity.clone());
                let identity = psk.identity.clone();
                core.send(&Message::ClientKeyExchangePsk { identity, share: public }, 0, cx);
                psk_premaster(&psk.key, secret)
            }
            _ => {
                let public = public.ok_or(AlertDescription::INTERNAL_ERROR)?;
                core.send_tls(Handshake::ClientKeyExchange(public), 0, cx);
                secret.map(|secret| secret.as_slice().to_vec()).unwrap_or_default()
            }
        };
        core.make_master(&premaster, cx);
        if let Some(identity) = identity {
            let messages = core.messages.clone().unwrap_or_default();
            core.send_verify(&identity, &messages, 0, cx);
        }
        let ours = core.take_keys_12(cx).ok_or(AlertDescription::INTERNAL_ERROR)?;
        core.change_and_finish(ours, cx);
        core.end_flight(Expects::Flight, cx);
        self.state = State::WaitFinished12;
        Ok(())
    }

    fn on_finished_12(
        &mut self,
        mac: &Bytes,
        whole: &Whole,
        core: &mut Core,
        side: &mut ClientSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let master = core.master.ok_or(AlertDescription::INTERNAL_ERROR)?;
        core.check_finished(&master, mac, whole, cx)?;
        core.outbox.answered(false, cx.env.now());
        if core.is_resumed {
            let ours = self.ours.take().ok_or(AlertDescription::INTERNAL_ERROR)?;
            core.change_and_finish(ours, cx);
            core.end_flight(Expects::Nothing, cx);
        } else {
            // The server has answered: it does not need our last flight any more.
            core.outbox.forget();
        }
        self.keep_session(&master, core, side, cx);
        self.state = State::Connected12;
        core.connected(cx);
        Ok(())
    }

    fn keep_session(&mut self, master: &Secret, core: &Core, side: &mut ClientSide, cx: &mut Cx<'_>) {
        let Some(suite) = core.suite else { return };
        let (lifetime_s, ticket) = match self.new_ticket.take() {
            // A new one takes the place of the one that was used; an empty one says that there is none after all (RFC 5077 §3.3).
            Some((lifetime_s, ticket)) => {
                side.tickets.retain(|old| old.version != DTLS12);
                if ticket.is_empty() {
                    return;
                }
                (lifetime_s, ticket)
            }
            None if core.is_resumed || self.server_session_id.is_empty() => return,
            None => (0, Bytes::new()),
        };
        side.keep(Ticket {
            version: DTLS12,
            suite,
            ticket,
            session_id: self.server_session_id.clone(),
            secret: *master,
            age_add: 0,
            received_at: cx.env.now(),
            lifetime_s: if lifetime_s == 0 { USUAL_LIFETIME_S } else { lifetime_s },
            is_extended: core.is_extended,
        });
    }
}
