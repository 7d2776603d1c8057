//! The door of a server: hellos of whom it does not know. It keeps nothing of them until they have come back with the cookie that they were
//! sent (RFC 6347 §4.2.1, RFC 9147 §5.1).

use super::codes::{DTLS10, DTLS12, DTLS13, HASH, Suite};
use super::connection::{Accepted, Retry, ServerSide};
use super::wire::{FragmentHeader, FullHeader, Header, Message, Record, with_tls_header};
use crate::rope::Rope;
use crate::tls::codes::{AlertDescription, CipherSuite, ContentType, Group, HandshakeType};
use crate::tls::crypto::{Mode, Secret, digest, hmac};
use crate::tls::wire::{Alert, ClientHello, Extension, Handshake, HelloRetryRequest};
use bytes::{Buf, Bytes};
use protosim_core::{Env, Operation};
use std::net::SocketAddr;

use super::connection::Offer;

/// Length of a cookie of DTLS 1.2, and of what proves one of DTLS 1.3 \[bytes\]: as long as a SHA-1, as OpenSSL's.
pub const COOKIE_LEN: usize = 20;

/// What becomes of a hello.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is answered by this datagram, and forgotten.
    Answer(Rope),
    /// It is answered by a connection.
    Accept(Accepted),
    /// It is dropped: it is no whole hello in one record.
    Drop,
}

/// Looks at the first record of whom the server does not know, which came from `from`. `must` asks for a cookie even where the configuration does not.
pub fn look(record: &Record, from: SocketAddr, must: bool, side: &mut ServerSide, env: &mut dyn Env) -> Verdict {
    let Some((header, whole, body)) = hello_of(record) else { return Verdict::Drop };
    let Ok(Message::ClientHello(hello, cookie)) = Message::decode(whole.kind, &body, DTLS12, None) else {
        return refuse(header, AlertDescription::DECODE_ERROR);
    };
    let offer = match Offer::of(&hello) {
        Ok(offer) => offer,
        Err(alert) => return refuse(header, alert),
    };
    let config = std::sync::Arc::clone(&side.config);
    let wants = config.cookies || must;
    let key = side.cookie_key(env);
    let mut spend = || env.spend(Operation { name: "dtls.cookie", bytes: 0 });
    let (mode, message_seq, sequence) = (config.common.mode, whole.message_seq, header.sequence);
    let accept =
        |retry| Verdict::Accept(Accepted { body: body.clone(), message_seq, sequence, retry, cid: Bytes::new() });
    match offer.version(&config.common) {
        Ok(DTLS13) => {
            let gate = Gate13 { mode, key, from };
            let Some(suite) = config.choose(&hello, &offer, DTLS13) else {
                return refuse(header, AlertDescription::HANDSHAKE_FAILURE);
            };
            if let Some(cookie) = &offer.cookie {
                spend();
                // RFC 9147 §5.1: illegal_parameter to a wrong one.
                return match gate.open(cookie) {
                    Some(retry) => accept(Some(retry)),
                    None => refuse(header, AlertDescription::ILLEGAL_PARAMETER),
                };
            }
            let shares = offer.shares.as_deref().unwrap_or_default();
            let has_share = shares.iter().any(|share| config.common.groups.contains(&share.group));
            let common = config.common.groups.iter().copied().find(|group| offer.groups.contains(group));
            let group = common.filter(|_| !has_share);
            if !wants && group.is_none() {
                return accept(None);
            }
            spend();
            let first_hello = digest(mode, HASH, &with_tls_header(HandshakeType::CLIENT_HELLO, &body));
            let request = gate.request(suite, group, &first_hello);
            Verdict::Answer(answer(header, message_seq, HandshakeType::SERVER_HELLO, DTLS12, &request))
        }
        Ok(_) if !wants => accept(None),
        Ok(_) => {
            spend();
            let expected = cookie_12(mode, &key, from, &hello);
            if cookie == expected {
                return accept(None);
            }
            // RFC 6347 §4.2.1: DTLS 1.0, whatever will be agreed on.
            let request = Message::HelloVerifyRequest { version: DTLS10, cookie: expected };
            Verdict::Answer(answer(header, message_seq, request.kind(), DTLS10, &request.encode_body()))
        }
        Err(alert) => refuse(header, alert),
    }
}

/// A whole hello in a record without protection. One in pieces would have to be kept.
pub(super) fn hello_of(record: &Record) -> Option<(&FullHeader, FragmentHeader, Bytes)> {
    let Header::Full(header) = &record.header else { return None };
    if header.epoch != 0 || header.content_type != ContentType::HANDSHAKE {
        return None;
    }
    let (fragment, body) = FragmentHeader::decode(&mut record.fragment.to_bytes()).ok()?;
    let is_whole = fragment.kind == HandshakeType::CLIENT_HELLO && fragment.fragment_len == fragment.len;
    is_whole.then_some((header, fragment, body))
}

/// A message in a record with the number of the hello's (RFC 6347 §4.2.1).
fn answer(
    to: &FullHeader,
    message_seq: u16,
    kind: HandshakeType,
    version: crate::tls::codes::Version,
    body: &Bytes,
) -> Rope {
    let mut plaintext = FragmentHeader::whole(kind, message_seq, body.len() as u32).encode().to_vec();
    plaintext.extend_from_slice(body);
    record(to, ContentType::HANDSHAKE, version, &plaintext)
}

fn record(to: &FullHeader, content_type: ContentType, version: crate::tls::codes::Version, plaintext: &[u8]) -> Rope {
    let header = FullHeader { content_type, version, epoch: 0, sequence: to.sequence, cid: Bytes::new() };
    let mut out = header.encode(plaintext.len() as u16);
    out.extend_from_slice(plaintext);
    Rope::from(out)
}

fn refuse(to: &FullHeader, alert: AlertDescription) -> Verdict {
    let alert = Alert { is_fatal: true, description: alert }.encode();
    Verdict::Answer(record(to, ContentType::ALERT, DTLS12, &alert))
}

fn address(from: SocketAddr) -> Vec<u8> {
    let mut out = match from.ip() {
        std::net::IpAddr::V4(ip) => ip.octets().to_vec(),
        std::net::IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    out.extend_from_slice(&from.port().to_be_bytes());
    out
}

/// The cookie of a client: of where it is, and of what it has to say the same way again (RFC 6347 §4.2.1).
fn cookie_12(mode: Mode, key: &Secret, from: SocketAddr, hello: &ClientHello) -> Bytes {
    let suites: Vec<u8> = hello.cipher_suites.iter().flat_map(|suite| suite.0.to_be_bytes()).collect();
    let parts: [&[u8]; 6] = [
        &address(from),
        &hello.legacy_version.0.to_be_bytes(),
        &hello.random,
        &hello.session_id,
        &suites,
        &hello.compression,
    ];
    Bytes::copy_from_slice(&hmac(mode, HASH, key.as_slice(), &parts).as_slice()[..COOKIE_LEN])
}

/// Cookies of DTLS 1.3, which hold what a retry needs.
struct Gate13 {
    mode: Mode,
    key: Secret,
    from: SocketAddr,
}

impl Gate13 {
    fn proof(&self, text: &[u8]) -> Bytes {
        let proof = hmac(self.mode, HASH, self.key.as_slice(), &[&address(self.from), text]);
        Bytes::copy_from_slice(&proof.as_slice()[..COOKIE_LEN])
    }

    /// The body of a retry request (RFC 8446 §4.1.4), with a cookie of suite, group and the hash of the first hello.
    fn request(&self, suite: Suite, group: Option<Group>, first_hello: &Secret) -> Bytes {
        let mut cookie = suite.code().0.to_be_bytes().to_vec();
        cookie.extend_from_slice(&group.map_or(0, |group| group.0).to_be_bytes());
        cookie.extend_from_slice(first_hello.as_slice());
        let proof = self.proof(&cookie);
        cookie.extend_from_slice(&proof);
        Self::request_with(suite, group, cookie.into())
    }

    fn request_with(suite: Suite, group: Option<Group>, cookie: Bytes) -> Bytes {
        let mut extensions = vec![Extension::SelectedVersion(DTLS13)];
        extensions.extend(group.map(Extension::RetryGroup));
        extensions.push(Extension::Cookie(cookie));
        // RFC 9147 §5: no echo of the client's.
        let (session_id, cipher_suite) = (Bytes::new(), suite.code());
        let request = HelloRetryRequest { session_id, cipher_suite, extensions };
        Message::Tls(Handshake::HelloRetryRequest(request)).encode_body()
    }

    /// What a cookie of ours holds, for this address.
    fn open(&self, cookie: &Bytes) -> Option<Retry> {
        let len = cookie.len().checked_sub(COOKIE_LEN)?;
        if self.proof(&cookie[..len]) != cookie[len..] {
            return None;
        }
        let mut text = cookie.slice(..len);
        let suite = Suite::of(CipherSuite(text.try_get_u16().ok()?))?;
        let group = Some(Group(text.try_get_u16().ok()?)).filter(|group| group.0 != 0);
        if text.len() != HASH.len() {
            return None;
        }
        let request = Self::request_with(suite, group, cookie.clone());
        Some(Retry { first_hello: Secret::new(&text), request, suite, group })
    }
}
