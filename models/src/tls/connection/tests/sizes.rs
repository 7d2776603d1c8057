//! Lengths as OpenSSL 3.0.19 has them with its defaults, measured on the loopback with `openssl s_client -msg` and `s_server` (SNI `example.com`,
//! a leaf and an intermediate certificate of the lengths that ours have).

use super::*;
use crate::tls::config::{CertificateConfig, KeyGroup};

/// Bytes that the client reads and writes until the end of the handshake, tickets of 1.3 left out; and the signature's length.
fn totals(client: &TlsClientConfig, key: CertificateKind) -> ([u64; 2], u64, Pair) {
    let certificate = CertificateConfig { key, ..CertificateConfig::default() };
    let server = TlsServerConfig { certificate, ..TlsServerConfig::default() };
    let mut pair = Pair::new(Mode::Sized, client, &server);
    pair.connect();
    assert!(pair.client.handshaked().is_some(), "{:?}", pair.client.notices);
    let written = pair.flights[0] + pair.flights[2];
    let is_12 = client.versions == only(TlsVersion::Tls12);
    let read = pair.flights[1] + if is_12 { pair.flights[3] } else { 0 };
    let len_of = |wanted| pair.server.sent().iter().find(|(kind, _)| *kind == wanted).map_or(0, |(_, len)| *len as u64);
    // Header, scheme and length; in 1.2 also curve and point.
    let signature = match is_12 {
        true => len_of(HandshakeType::SERVER_KEY_EXCHANGE) - 44,
        false => len_of(HandshakeType::CERTIFICATE_VERIFY) - 8,
    };
    ([read, written], signature, pair)
}

#[test]
fn handshakes_have_the_lengths_of_openssl() {
    for (version, key, read, written) in [
        (TlsVersion::Tls13, CertificateKind::EcdsaP256, 1_887, 325),
        (TlsVersion::Tls13, CertificateKind::Rsa2048, 2_863, 325),
        (TlsVersion::Tls12, CertificateKind::EcdsaP256, 1_970, 301),
        (TlsVersion::Tls12, CertificateKind::Rsa2048, 2_946, 301),
    ] {
        let client = TlsClientConfig { versions: only(version), ..TlsClientConfig::default() };
        let (totals, signature, _) = totals(&client, key);
        // Measured with signatures of 72 and of 256 bytes; ours may be shorter.
        let longest = if key == CertificateKind::EcdsaP256 { 72 } else { 256 };
        assert_eq!(totals, [read - (longest - signature), written], "{version:?} {key:?}");
    }
}

#[test]
fn messages_have_the_lengths_of_openssl() {
    let client = TlsClientConfig { versions: only(TlsVersion::Tls13), ..TlsClientConfig::default() };
    let (_, signature, pair) = totals(&client, CertificateKind::EcdsaP256);
    let cv = 8 + signature as usize;
    let lens: Vec<_> = pair.server.sent().into_iter().map(|(_, len)| len).collect();
    // Hello, extensions, certificates, proof, Finished by SHA-384, two tickets.
    assert_eq!(lens, [122, 6, 1528, cv, 52, 233, 233]);
    assert_eq!(pair.client.sent(), [(HandshakeType::CLIENT_HELLO, 240), (HandshakeType::FINISHED, 52)]);

    let client = TlsClientConfig { versions: only(TlsVersion::Tls12), ..TlsClientConfig::default() };
    let (_, signature, pair) = totals(&client, CertificateKind::EcdsaP256);
    let lens: Vec<_> = pair.server.sent().into_iter().map(|(_, len)| len).collect();
    // Hello, certificates, key exchange, done; ticket, Finished.
    assert_eq!(lens, [65, 1523, 44 + signature as usize, 4, 186, 16]);
    let lens: Vec<_> = pair.client.sent().into_iter().map(|(_, len)| len).collect();
    assert_eq!(lens, [203, 37, 16]);

    // Both versions offered: 312.
    let (_, _, pair) = totals(&TlsClientConfig::default(), CertificateKind::EcdsaP256);
    assert_eq!(pair.client.sent()[0].1, 312);
}

/// With `-groups X25519:P-256` at the client and `-groups P-256` at the server.
#[test]
fn a_retry_has_the_lengths_of_openssl() {
    let client = TlsClientConfig {
        versions: only(TlsVersion::Tls13),
        groups: Some(vec![KeyGroup::X25519, KeyGroup::P256]),
        ..TlsClientConfig::default()
    };
    let server = TlsServerConfig { groups: Some(vec![KeyGroup::P256]), ..TlsServerConfig::default() };
    let mut pair = Pair::new(Mode::Sized, &client, &server);
    pair.connect();
    assert_eq!(pair.client.sent()[..2], [(HandshakeType::CLIENT_HELLO, 224), (HandshakeType::CLIENT_HELLO, 257)]);
    assert_eq!(pair.server.sent()[0].1, 88);
}

/// `-sess_out` and `-sess_in`: a ticket takes 271 bytes of the hello by SHA-384 (RFC 8446 §4.2.11: 4 + 2 + 2 + 208 + 4 + 2 + 1 + 48).
#[test]
fn resumption_has_the_lengths_of_openssl() {
    for (version, hellos, read, written) in
        [(TlsVersion::Tls13, [511, 128], 241, 596), (TlsVersion::Tls12, [411, 85], 141, 467)]
    {
        let client = TlsClientConfig { versions: only(version), ..TlsClientConfig::default() };
        let (_, _, mut pair) = totals(&client, CertificateKind::EcdsaP256);
        (pair.client.traces, pair.server.traces) = (Vec::new(), Vec::new());
        pair.connect();
        assert!(pair.client.handshaked().expect("it connects").is_resumed, "{version:?}");
        assert_eq!([pair.client.sent()[0].1, pair.server.sent()[0].1], hellos, "{version:?}");
        assert_eq!([pair.flights[1], pair.flights[0] + pair.flights[2]], [read, written], "{version:?}");
    }
}

/// The sheet's arithmetic: a hello with a hybrid share alone is 1184 bytes longer; a server's flight with ML-DSA-44 is of 12416 bytes of messages,
/// with ML-DSA-65 of 16363.
#[test]
fn post_quantum_flights_have_the_lengths_that_their_parts_have() {
    for (key, messages) in [(CertificateKind::MlDsa44, 12_416), (CertificateKind::MlDsa65, 16_363)] {
        let groups = vec![KeyGroup::X25519MlKem768];
        let client = TlsClientConfig {
            versions: only(TlsVersion::Tls13),
            groups: Some(groups.clone()),
            ..TlsClientConfig::default()
        };
        let certificate = CertificateConfig { key, ..CertificateConfig::default() };
        let server = TlsServerConfig { certificate, groups: Some(groups), ..TlsServerConfig::default() };
        let mut pair = Pair::new(Mode::Sized, &client, &server);
        pair.connect();
        // Without the nine other groups of the usual list, and with three more signatures.
        assert_eq!(pair.client.sent()[0].1, 240 + 1_184 - 18 + 6);
        let sent: usize = pair.server.sent().iter().take(5).map(|(_, len)| len).sum();
        assert_eq!(sent, messages);
    }
}
