//! A server of DTLS 1.3 (RFC 9147 §5, RFC 8446 §A.2), from the client's hello on.

use super::client::connection_id;
use super::client13::certificates;
use super::core::{Core, DATA_EPOCH, HANDSHAKE_EPOCH};
use super::outbox::Expects;
use super::proof::agree;
use super::server::{Offer, Retry, Server, ServerSide, State, age_add};
use super::{Cx, KEYS};
use crate::dtls::codes::{DTLS12, DTLS13, HASH, Suite};
use crate::dtls::reassembly::Whole;
use crate::dtls::session::{MOST_LIFETIME_S, Session};
use crate::dtls::wire::{Message, with_tls_header};
use crate::tls::codes::{AlertDescription, HandshakeType, PskMode};
use crate::tls::config::ClientCertificates;
use crate::tls::crypto::{KeySchedule, Secret, Transcript, respond};
use crate::tls::wire::{
    CertificateRequest, ClientHello, Extension, Handshake, KeyShare, NewSessionTicket, PreSharedKeys, ServerHello,
};
use bytes::Bytes;
use std::sync::Arc;

/// A pre-shared key that was chosen.
struct Chosen {
    index: u16,
    key: Bytes,
    /// Its name, where it did not come in a ticket.
    identity: Option<Bytes>,
}

impl Server {
    #[expect(clippy::too_many_arguments, reason = "a step of the handshake, and what it stands on")]
    pub(super) fn on_hello_13(
        &mut self,
        hello: &ClientHello,
        offer: &Offer,
        whole: &Whole,
        retry: Option<Retry>,
        core: &mut Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let suite = core.suite.ok_or(AlertDescription::INTERNAL_ERROR)?;
        core.transcript = before(core, retry.as_ref());
        let chosen = self.choose_psk(hello, offer, whole, core, side, cx)?;
        core.note(whole, cx);
        let shares = offer.shares.as_deref().unwrap_or_default();
        let share = shares.iter().find(|share| core.common.groups.contains(&share.group));
        let use_of_psk = use_of_psk(offer, share.is_some());
        let chosen = chosen.filter(|_| use_of_psk != UseOfPsk::Never);
        let is_alone = chosen.is_some() && use_of_psk == UseOfPsk::Alone;
        if let Some(retry) = &retry {
            // RFC 8446 §4.1.2: what the request asked for, and nothing else.
            let is_other =
                retry.suite != suite || retry.group.is_some_and(|group| share.map(|one| one.group) != Some(group));
            if is_other {
                return Err(AlertDescription::ILLEGAL_PARAMETER);
            }
        }
        if chosen.is_none() {
            check_certificate(offer, side)?;
        }
        if let Some(chosen) = &chosen {
            core.is_resumed = chosen.identity.is_none();
            core.psk = chosen.identity.clone();
        }
        self.takes_tickets = offer.psk_modes.is_some();
        let share = if is_alone { None } else { Some(share.ok_or(AlertDescription::HANDSHAKE_FAILURE)?) };
        let shared = self.send_hello_13(share, chosen.as_ref(), suite, core, cx)?;
        core.spend("tls.schedule", 0, cx);
        let mut schedule = KeySchedule::new(core.kdf(), chosen.as_ref().map(|chosen| &chosen.key[..]));
        let shared = shared.as_ref().map(Secret::as_slice);
        let (theirs, ours) = schedule.handshake(shared, &core.transcript.digest());
        core.log("CLIENT_HANDSHAKE_TRAFFIC_SECRET", &theirs, cx);
        core.log("SERVER_HANDSHAKE_TRAFFIC_SECRET", &ours, cx);
        core.write_with(HANDSHAKE_EPOCH, &ours);
        core.read_with(HANDSHAKE_EPOCH, &theirs);
        let asks = self.send_rest(offer, chosen.is_some(), core, side, cx)?;
        core.send_finished(&ours, HANDSHAKE_EPOCH, cx);
        let (read, write) = schedule.application(&core.transcript.digest());
        core.log("CLIENT_TRAFFIC_SECRET_0", &read, cx);
        core.log("SERVER_TRAFFIC_SECRET_0", &write, cx);
        core.end_flight(Expects::Flight, cx);
        core.write_with(DATA_EPOCH, &write);
        core.traffic = Some((write, read));
        self.theirs = Some((theirs, read));
        self.schedule = Some(schedule);
        self.state = if asks { State::WaitCertificate } else { State::WaitFinished };
        Ok(())
    }

    /// The first key that the client offers and that we have, too, or have given out in a ticket. What proves it has to hold.
    fn choose_psk(
        &mut self,
        hello: &ClientHello,
        offer: &Offer,
        whole: &Whole,
        core: &Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<Option<Chosen>, AlertDescription> {
        let Some(Extension::PreSharedKeys(keys)) = hello.extensions.last() else { return Ok(None) };
        // RFC 8446 §4.2.9.
        if offer.psk_modes.is_none() {
            return Err(AlertDescription::MISSING_EXTENSION);
        }
        let PreSharedKeys { identities, binders } = keys;
        let config = Arc::clone(&side.config);
        for (index, (one, binder)) in (0_u16..).zip(identities.iter().zip(binders)) {
            let identity = &one.identity;
            let (key, is_external) = if let Some(key) = config.psks.get(identity) {
                (key.clone(), true)
            } else if let Some(session) = side.open(identity, DTLS13, core, cx) {
                (Bytes::copy_from_slice(session.secret.as_slice()), false)
            } else {
                continue;
            };
            let raw = with_tls_header(HandshakeType::CLIENT_HELLO, &whole.body);
            let digest = core.transcript.digest_with(&raw[..raw.len() - hello.binders_len()]);
            core.spend("tls.schedule", 0, cx);
            let base = KeySchedule::new(core.kdf(), Some(&key)).binder_key(is_external);
            if core.kdf().finished(&base, &digest) != *binder {
                return Err(AlertDescription::DECRYPT_ERROR);
            }
            return Ok(Some(Chosen { index, key, identity: is_external.then(|| identity.clone()) }));
        }
        Ok(None)
    }

    fn send_hello_13(
        &mut self,
        share: Option<&KeyShare>,
        chosen: Option<&Chosen>,
        suite: Suite,
        core: &mut Core,
        cx: &mut Cx<'_>,
    ) -> Result<Option<Secret>, AlertDescription> {
        let mut extensions = vec![Extension::SelectedVersion(DTLS13)];
        let mut shared = None;
        if let Some(KeyShare { group, public }) = share {
            core.group = Some(*group);
            core.spend(agree(*group).0, 0, cx);
            core.spend(agree(*group).1, 0, cx);
            let (public, secret) = respond(core.mode(), *group, public, cx.env.rng(KEYS))?;
            extensions.push(Extension::KeyShare(KeyShare { group: *group, public }));
            shared = Some(secret);
        }
        extensions.extend(chosen.map(|chosen| Extension::SelectedPsk(chosen.index)));
        if core.records.has_cids {
            extensions.push(connection_id(&core.records.own_cid));
        }
        let random = Self::draw_random(core, cx);
        // RFC 9147 §5: no echo, whatever the client has sent.
        let (legacy_version, session_id, cipher_suite) = (DTLS12, Bytes::new(), suite.code());
        let answer = ServerHello { legacy_version, random, session_id, cipher_suite, extensions };
        core.send_tls(Handshake::ServerHello(answer), 0, cx);
        Ok(shared)
    }

    /// What stands between the hello and Finished; says whether the client is asked for a certificate.
    fn send_rest(
        &mut self,
        offer: &Offer,
        has_psk: bool,
        core: &mut Core,
        side: &ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<bool, AlertDescription> {
        let name = offer.has_name && !has_psk;
        let extensions = if name { vec![Extension::ServerNameAck] } else { Vec::new() };
        core.send_tls(Handshake::EncryptedExtensions(extensions), HANDSHAKE_EPOCH, cx);
        if has_psk {
            return Ok(false);
        }
        let config = Arc::clone(&side.config);
        let identity = config.identity.as_ref().ok_or(AlertDescription::INTERNAL_ERROR)?;
        let asks = config.client_certificates != ClientCertificates::None;
        if asks {
            let extensions = vec![Extension::SignatureAlgorithms(core.common.schemes.clone())];
            let request = CertificateRequest { context: Bytes::new(), extensions };
            core.send_tls(Handshake::CertificateRequest(request), HANDSHAKE_EPOCH, cx);
        }
        core.send_tls(certificates(identity.chain().to_vec()), HANDSHAKE_EPOCH, cx);
        let content = core.signed_content(false);
        core.send_verify(identity, &content, HANDSHAKE_EPOCH, cx);
        Ok(asks)
    }

    pub(super) fn on_message_13(
        &mut self,
        message: Message,
        whole: &Whole,
        core: &mut Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let message = match message {
            Message::Tls(message) => message,
            other => return core.on_connection_ids(&other),
        };
        match (self.state, message) {
            (State::WaitCertificate, Handshake::Certificate(certificates)) => {
                core.note(whole, cx);
                let chain: Vec<Bytes> = certificates.entries.iter().map(|entry| entry.der.clone()).collect();
                if chain.is_empty() {
                    if side.config.client_certificates == ClientCertificates::Required {
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
                let content = core.signed_content(true);
                core.check_signature(&self.leaf, (verify.scheme, &verify.signature), &content, cx)?;
                core.note(whole, cx);
                self.state = State::WaitFinished;
                Ok(())
            }
            (State::WaitFinished, Handshake::Finished(mac)) => self.on_finished(&mac, whole, core, side, cx),
            (State::Connected, Handshake::KeyUpdate { requested }) => {
                core.on_key_update(requested, cx);
                Ok(())
            }
            _ => Err(AlertDescription::UNEXPECTED_MESSAGE),
        }
    }

    fn on_finished(
        &mut self,
        mac: &Bytes,
        whole: &Whole,
        core: &mut Core,
        side: &mut ServerSide,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let (Some((theirs, read)), Some(schedule)) = (self.theirs.take(), self.schedule.take()) else {
            return Err(AlertDescription::INTERNAL_ERROR);
        };
        core.check_finished(&theirs, mac, whole, cx)?;
        core.read_with(DATA_EPOCH, &read);
        core.outbox.answered(true, cx.env.now());
        core.outbox.forget();
        // RFC 9147 §7: nothing else says that the last flight has come.
        core.acknowledge(cx);
        core.clear_acks();
        self.state = State::Connected;
        core.connected(cx);
        if self.takes_tickets && side.config.tickets > 0 {
            let resumption = schedule.resumption(&core.transcript.digest());
            self.send_tickets(&resumption, core, side, cx);
        }
        Ok(())
    }

    /// Tickets, each with a key of its own (RFC 8446 §4.6.1).
    fn send_tickets(&mut self, resumption: &Secret, core: &mut Core, side: &mut ServerSide, cx: &mut Cx<'_>) {
        let Some(suite) = core.suite else { return };
        for number in 0..side.config.tickets {
            let nonce = Bytes::from(vec![number]);
            core.spend("tls.schedule", 0, cx);
            let secret = core.kdf().resumption_psk(resumption, &nonce);
            let (issued_at, is_extended) = (cx.env.now(), true);
            let session = Session { version: DTLS13, suite, secret, issued_at, is_extended };
            let age_add = age_add(cx.env);
            let ticket = side.seal(&session, core, cx);
            let lifetime_s = (side.config.lifetime.as_nanos() / 1_000_000_000).min(u64::from(MOST_LIFETIME_S)) as u32;
            let message = NewSessionTicket { lifetime_s, age_add, nonce, ticket, extensions: Vec::new() };
            let message = Message::Tls(Handshake::NewSessionTicket(message));
            core.send_outside(message.kind(), message.encode_body(), DATA_EPOCH, cx);
        }
        core.end_flight(Expects::Ack, cx);
    }
}

/// How a pre-shared key can be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum UseOfPsk {
    Never,
    Alone,
    /// With a fresh key exchange.
    Fresh,
}

/// RFC 8446 §4.2.9: no mode that the client does not list; a fresh key exchange where it can be had.
fn use_of_psk(offer: &Offer, has_share: bool) -> UseOfPsk {
    let (alone, fresh) = (offer.takes(PskMode::PSK_KE), offer.takes(PskMode::PSK_DHE_KE));
    if fresh && (has_share || !alone) {
        UseOfPsk::Fresh
    } else if alone {
        UseOfPsk::Alone
    } else {
        UseOfPsk::Never
    }
}

/// Without a pre-shared key the server shows a certificate, in a way that the client takes. It is told before the first message: nothing can be read of what is
/// protected without ServerHello.
fn check_certificate(offer: &Offer, side: &ServerSide) -> Result<(), AlertDescription> {
    let identity = side.config.identity.as_ref().ok_or(AlertDescription::HANDSHAKE_FAILURE)?;
    // RFC 8446 §9.2.
    if offer.schemes.is_empty() || offer.groups.is_empty() {
        return Err(AlertDescription::MISSING_EXTENSION);
    }
    // RFC 8446 §4.4.2.2.
    let is_taken = offer.schemes.contains(&identity.kind().schemes()[0]);
    if is_taken { Ok(()) } else { Err(AlertDescription::HANDSHAKE_FAILURE) }
}

/// What comes before the hello: after a retry, what stands for the first one, and the request (RFC 8446 §4.4.1).
fn before(core: &Core, retry: Option<&Retry>) -> Transcript {
    let mut transcript = Transcript::new(core.mode());
    transcript.set_hash(HASH);
    if let Some(retry) = retry {
        transcript.add(&with_tls_header(HandshakeType::MESSAGE_HASH, retry.first_hello.as_slice()));
        transcript.add(&with_tls_header(HandshakeType::SERVER_HELLO, &retry.request));
    }
    transcript
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8446 §4.2.9: "Servers MUST NOT select a key exchange mode that is not listed by the client"; a share beside `psk_ke` alone is for a server that takes no key.
    #[test]
    fn a_key_is_used_in_a_way_that_is_listed() {
        let (alone, fresh) = (PskMode::PSK_KE, PskMode::PSK_DHE_KE);
        for (modes, with_share, without) in [
            (vec![alone], UseOfPsk::Alone, UseOfPsk::Alone),
            (vec![fresh], UseOfPsk::Fresh, UseOfPsk::Fresh),
            (vec![alone, fresh], UseOfPsk::Fresh, UseOfPsk::Alone),
            (vec![PskMode(77)], UseOfPsk::Never, UseOfPsk::Never),
        ] {
            let offer = Offer { psk_modes: Some(modes), ..Offer::default() };
            assert_eq!((use_of_psk(&offer, true), use_of_psk(&offer, false)), (with_share, without));
        }
    }
}
