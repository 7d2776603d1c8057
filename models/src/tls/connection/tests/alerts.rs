//! What is refused, and with which alert.

use super::*;
use crate::tls::codes::{AlertDescription, CipherSuite, ContentType, Group, Version};
use crate::tls::config::{CertificateConfig, KeyGroup, Suite};
use crate::tls::wire::{Extension, Handshake, HelloRetryRequest, Record, ServerHello, encode_header};
use bytes::Bytes;
use proptest::prelude::*;

fn failure(peer: &Peer) -> Option<(AlertDescription, bool)> {
    peer.notices.iter().find_map(|notice| match notice {
        Notice::Failed { alert, is_ours } => Some((*alert, *is_ours)),
        _ => None,
    })
}

fn refused(client: &TlsClientConfig, server: &TlsServerConfig, by_server: bool, alert: AlertDescription) {
    for mode in BOTH {
        let mut pair = Pair::new(mode, client, server);
        pair.connect();
        assert_eq!(failure(&pair.server), Some((alert, by_server)), "{mode:?} server");
        assert_eq!(failure(&pair.client), Some((alert, !by_server)), "{mode:?} client");
    }
}

/// RFC 8446 §4.1.1, §4.2.1; RFC 5246 §7.4.1.3.
#[test]
fn ends_without_anything_in_common_say_so() {
    let client = |versions| TlsClientConfig { versions: only(versions), ..TlsClientConfig::default() };
    let server = |versions| TlsServerConfig { versions: only(versions), ..TlsServerConfig::default() };
    let (new, old) = (TlsVersion::Tls13, TlsVersion::Tls12);
    refused(&client(new), &server(old), true, AlertDescription::PROTOCOL_VERSION);
    refused(&client(old), &server(new), true, AlertDescription::PROTOCOL_VERSION);
    let suites = |suite| Some(vec![suite]);
    refused(
        &TlsClientConfig { suites: suites(Suite::Aes128Gcm), ..client(new) },
        &TlsServerConfig { suites: suites(Suite::Aes256Gcm), ..server(new) },
        true,
        AlertDescription::HANDSHAKE_FAILURE,
    );
    refused(
        &TlsClientConfig { groups: Some(vec![KeyGroup::P256MlKem768]), ..client(new) },
        &TlsServerConfig { groups: Some(vec![KeyGroup::X25519]), ..server(new) },
        true,
        AlertDescription::HANDSHAKE_FAILURE,
    );
    // In TLS 1.2 the curve of the server's key has to be among the client's groups, too (RFC 8422 §5.1.1).
    refused(
        &TlsClientConfig { groups: Some(vec![KeyGroup::X25519]), ..client(old) },
        &server(old),
        true,
        AlertDescription::HANDSHAKE_FAILURE,
    );
    // No signature that the client takes (RFC 8446 §4.4.2.2).
    let certificate = CertificateConfig { key: CertificateKind::MlDsa44, ..CertificateConfig::default() };
    refused(&client(new), &TlsServerConfig { certificate, ..server(new) }, true, AlertDescription::HANDSHAKE_FAILURE);
}

/// Someone on the way takes 1.3 out of the hello: the server's random says that it would have had it (RFC 8446 §4.1.3). Finished would tell too, later.
#[test]
fn a_downgrade_is_noticed() {
    let mut pair = Pair::new(Mode::Real, &TlsClientConfig::default(), &TlsServerConfig::default());
    pair.open();
    let mut hello = std::mem::take(&mut pair.client.out).to_bytes().to_vec();
    // The list of versions becomes an extension that nobody knows.
    let at = hello.windows(4).position(|bytes| bytes == [0, 43, 0, 9]).expect("the hello lists versions");
    hello[at] = 0xfa;
    pair.server.take(&Rope::from(hello));
    pair.run();
    assert_eq!(failure(&pair.client), Some((AlertDescription::ILLEGAL_PARAMETER, true)));
}

/// A client that does not believe the server may not have begun to protect what it says, as OpenSSL's: an alert may be plain until then, and not later.
#[test]
fn a_client_may_refuse_certificates_without_protection() {
    // A record of two bytes (RFC 8446 §5.1): fatal (2), unknown_ca (48).
    let plain = Rope::from(vec![21, 3, 3, 0, 2, 2, 48]);
    for mode in BOTH {
        let mut pair = Pair::new(mode, &TlsClientConfig::default(), &TlsServerConfig::default());
        pair.open();
        let hello = std::mem::take(&mut pair.client.out);
        pair.server.take(&hello);
        pair.server.take(&plain);
        assert_eq!(failure(&pair.server), Some((AlertDescription::UNKNOWN_CA, false)), "{mode:?}");
        let mut pair = Pair::new(mode, &TlsClientConfig::default(), &TlsServerConfig::default());
        pair.connect();
        // What is protected is of the outer type application_data (RFC 8446 §5.2), and a record of another type is unexpected (§5).
        pair.server.take(&plain);
        assert_eq!(failure(&pair.server), Some((AlertDescription::UNEXPECTED_MESSAGE, true)), "{mode:?}");
    }
}

/// A byte of the server's flight is changed on its way: the client notices wherever it is, by whatever it breaks.
#[test]
fn a_changed_flight_is_refused() {
    let mut pair = Pair::new(Mode::Real, &TlsClientConfig::default(), &TlsServerConfig::default());
    pair.open();
    let hello = std::mem::take(&mut pair.client.out);
    pair.server.take(&hello);
    let flight = std::mem::take(&mut pair.server.out).to_bytes();
    for at in (5..flight.len()).step_by(37) {
        let mut client = Peer { notices: Vec::new(), traces: Vec::new(), out: Rope::new(), ..copy(&pair.client) };
        let mut changed = flight.to_vec();
        changed[at] ^= 0x20;
        client.take(&Rope::from(changed));
        let has_connected = client.handshaked().is_some();
        // Lengths of records that grew wait for more.
        assert!(!has_connected, "byte {at}");
    }
}

fn copy(peer: &Peer) -> Peer {
    Peer {
        side: peer.side.clone(),
        connection: peer.connection.clone(),
        env: peer.env.clone(),
        out: peer.out.clone(),
        notices: Vec::new(),
        traces: Vec::new(),
    }
}

#[test]
fn what_is_no_tls_is_refused() {
    for (bytes, alert) in [
        (&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], AlertDescription::UNEXPECTED_MESSAGE),
        // Data before anything else.
        (&[23, 3, 3, 0, 1, 0], AlertDescription::UNEXPECTED_MESSAGE),
        // A record that is too long (RFC 8446 §5.1).
        (&[22, 3, 1, 0x40, 1], AlertDescription::RECORD_OVERFLOW),
        // A ChangeCipherSpec before the first hello (RFC 8446 §5).
        (&[20, 3, 3, 0, 1, 1], AlertDescription::UNEXPECTED_MESSAGE),
        // A hello of nothing.
        (&[22, 3, 1, 0, 4, 1, 0, 0, 0], AlertDescription::DECODE_ERROR),
    ] {
        let mut pair = Pair::new(Mode::Sized, &TlsClientConfig::default(), &TlsServerConfig::default());
        pair.server.open(Mode::Sized);
        pair.server.take(&Rope::from(bytes.to_vec()));
        assert_eq!(failure(&pair.server), Some((alert, true)), "{bytes:?}");
        // The alert itself: fatal, and without protection.
        assert_eq!(pair.server.out.to_bytes(), [21, 3, 3, 0, 2, 2, alert.0][..], "{bytes:?}");
    }
}

/// After the handshake: data that are not protected, and messages that have their time behind them.
#[test]
fn what_comes_at_the_wrong_time_is_refused() {
    let mut pair = Pair::new(Mode::Real, &TlsClientConfig::default(), &TlsServerConfig::default());
    pair.connect();
    let mut plain = encode_header(ContentType::APPLICATION_DATA, Version::TLS12, 20).to_vec();
    plain.extend([0; 20]);
    let mut server = copy(&pair.server);
    server.take(&Rope::from(plain));
    assert_eq!(failure(&server), Some((AlertDescription::BAD_RECORD_MAC, true)));
    let mut server = copy(&pair.server);
    let fragment = Rope::from(vec![1]);
    server.take(&Record { content_type: ContentType::CHANGE_CIPHER_SPEC, version: Version::TLS12, fragment }.to_rope());
    assert_eq!(failure(&server), Some((AlertDescription::UNEXPECTED_MESSAGE, true)));
    // A client sends no tickets.
    let ticket = crate::tls::wire::Handshake::EndOfEarlyData.encode();
    pair.client.with(|connection, _, cx| {
        let connection = connection.expect("it is open");
        connection.core.send_outside(&ticket, cx);
        connection.transmit(cx);
    });
    pair.run();
    assert_eq!(failure(&pair.server), Some((AlertDescription::UNEXPECTED_MESSAGE, true)));
    assert_eq!(failure(&pair.client), Some((AlertDescription::UNEXPECTED_MESSAGE, false)));
}

/// A proof that does not hold: the client's binder for a ticket, changed on its way (RFC 8446 §4.2.11).
#[test]
fn a_wrong_binder_is_refused() {
    for mode in BOTH {
        let mut pair = Pair::new(mode, &TlsClientConfig::default(), &TlsServerConfig::default());
        pair.connect();
        pair.open();
        let mut hello = std::mem::take(&mut pair.client.out).to_bytes().to_vec();
        // The binder is the end of the hello.
        *hello.last_mut().expect("a hello has bytes") ^= 1;
        pair.server.take(&Rope::from(hello));
        assert_eq!(failure(&pair.server), Some((AlertDescription::DECRYPT_ERROR, true)), "{mode:?}");
    }
}

/// The first hello that a client has sent.
fn hello_of(client: &mut Peer) -> crate::tls::wire::ClientHello {
    let record = std::mem::take(&mut client.out).to_bytes();
    match Handshake::decode(HandshakeType::CLIENT_HELLO, &record[9..], Version::TLS13) {
        Ok(Handshake::ClientHello(hello)) => hello,
        other => panic!("{other:?}"),
    }
}

/// What a client makes of an answer to its hello.
fn answered(answer: impl FnOnce(crate::tls::wire::ClientHello) -> Handshake) -> Option<(AlertDescription, bool)> {
    let mut pair = Pair::new(Mode::Sized, &TlsClientConfig::default(), &TlsServerConfig::default());
    pair.open();
    let hello = hello_of(&mut pair.client);
    let (content_type, version) = (ContentType::HANDSHAKE, Version::TLS12);
    let fragment = Rope::from(answer(hello).encode());
    pair.client.take(&Record { content_type, version, fragment }.to_rope());
    failure(&pair.client)
}

/// Extensions that were not asked for, or that lack (RFC 8446 §4.1.4, §4.2; RFC 5246 §7.4.1.4; RFC 7301 §3.1).
#[test]
fn a_client_refuses_hellos_with_what_it_did_not_ask_for() {
    let unknown = || Extension::Unknown { kind: 0xfafa, body: Bytes::new() };
    let (version, group) = (Extension::SelectedVersion(Version::TLS13), Extension::RetryGroup(Group::SECP256R1));
    for (extensions, alert) in [
        (vec![version.clone(), group.clone()], None),
        (vec![group.clone()], Some(AlertDescription::MISSING_EXTENSION)),
        (vec![version, group, unknown()], Some(AlertDescription::UNSUPPORTED_EXTENSION)),
    ] {
        let retry = |hello: crate::tls::wire::ClientHello| {
            let (session_id, cipher_suite) = (hello.session_id, CipherSuite::AES_256_GCM_SHA384);
            Handshake::HelloRetryRequest(HelloRetryRequest { session_id, cipher_suite, extensions })
        };
        assert_eq!(answered(retry), alert.map(|alert| (alert, true)));
    }
    for (extension, alert) in [
        (Extension::ExtendedMasterSecret, None),
        (unknown(), Some(AlertDescription::UNSUPPORTED_EXTENSION)),
        (Extension::Alpn(vec![Bytes::from_static(b"h2")]), Some(AlertDescription::ILLEGAL_PARAMETER)),
        (Extension::OcspAck, Some(AlertDescription::UNSUPPORTED_EXTENSION)),
    ] {
        assert_eq!(answered(|_| old_hello([7; 32], vec![extension])), alert.map(|alert| (alert, true)));
    }
}

/// A server of 1.2 at most.
fn old_hello(random: [u8; 32], extensions: Vec<Extension>) -> Handshake {
    Handshake::ServerHello(ServerHello {
        legacy_version: Version::TLS12,
        random,
        session_id: Bytes::new(),
        cipher_suite: CipherSuite::ECDHE_ECDSA_AES_128_GCM_SHA256,
        extensions,
    })
}

/// RFC 8446 §4.1.3: "DOWNGRD" and 1 for 1.2, 0 for what is older; other bytes there mean nothing.
#[test]
fn a_client_looks_for_both_marks_of_a_downgrade() {
    for (last, is_refused) in [(0, true), (1, true), (2, false)] {
        let mut random = [7; 32];
        random[24..].copy_from_slice(b"DOWNGRD\0");
        random[31] = last;
        let alert = is_refused.then_some((AlertDescription::ILLEGAL_PARAMETER, true));
        assert_eq!(answered(|_| old_hello(random, Vec::new())), alert, "{last}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    /// Whatever comes, nobody panics.
    #[test]
    fn garbage_makes_nobody_panic(pieces in prop::collection::vec(any_piece(), 1..8), is_client: bool, after: bool) {
        let mut pair = Pair::new(Mode::Sized, &TlsClientConfig::default(), &TlsServerConfig::default());
        pair.open();
        if after {
            pair.run();
        }
        let peer = if is_client { &mut pair.client } else { &mut pair.server };
        for piece in pieces {
            peer.take(&Rope::from(piece));
        }
    }
}

/// Records of random contents, so that more than their header is looked at.
fn any_piece() -> impl Strategy<Value = Vec<u8>> {
    (20_u8..25, 0_u8..26, prop::collection::vec(any::<u8>(), 0..300)).prop_map(|(kind, message, body)| {
        let len = body.len() as u16 + 4;
        let mut piece = encode_header(ContentType(kind), Version::TLS12, len).to_vec();
        let [_, high, mid, low] = (body.len() as u32).to_be_bytes();
        piece.extend([message, high, mid, low]);
        piece.extend(body);
        piece
    })
}
