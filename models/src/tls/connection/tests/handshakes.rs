//! Handshakes of every kind, in both modes.

use super::*;
use crate::tls::codes::{Group, Version};
use crate::tls::config::{CertificateConfig, ClientCertificates, KeyGroup, Profile, Suite};
use proptest::prelude::*;
use protosim_core::Size;

fn certificate(key: CertificateKind) -> CertificateConfig {
    CertificateConfig { key, ..CertificateConfig::default() }
}

/// What ends agree on, and that they can talk then; flights are as long in one mode as in the other.
#[test]
fn every_version_group_suite_and_certificate_connects() {
    let mut cases = Vec::new();
    for key in [CertificateKind::EcdsaP256, CertificateKind::MlDsa44, CertificateKind::MlDsa65] {
        for group in [KeyGroup::X25519, KeyGroup::P256, KeyGroup::X25519MlKem768, KeyGroup::P256MlKem768] {
            for suite in [Suite::Aes128Gcm, Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
                cases.push((TlsVersion::Tls13, key, group, suite));
            }
        }
    }
    for group in [KeyGroup::X25519, KeyGroup::P256] {
        for suite in [Suite::EcdsaAes128Gcm, Suite::EcdsaAes256Gcm, Suite::EcdsaChaCha20Poly1305] {
            cases.push((TlsVersion::Tls12, CertificateKind::EcdsaP256, group, suite));
        }
    }
    cases.push((TlsVersion::Tls13, CertificateKind::Rsa2048, KeyGroup::X25519, Suite::Aes128Gcm));
    cases.push((TlsVersion::Tls12, CertificateKind::Rsa2048, KeyGroup::X25519, Suite::RsaAes128Gcm));
    for (version, key, group, suite) in cases {
        // In TLS 1.2 the curve of the server's key has to be among them, too (RFC 8422 §5.1.1).
        let curve = (version == TlsVersion::Tls12 && group != KeyGroup::P256).then_some(KeyGroup::P256);
        let client = TlsClientConfig {
            versions: only(version),
            suites: Some(vec![suite]),
            groups: Some([group].into_iter().chain(curve).collect()),
            post_quantum_signatures: Some(version == TlsVersion::Tls13),
            ..TlsClientConfig::default()
        };
        let server = TlsServerConfig {
            certificate: certificate(key),
            groups: Some(vec![group, KeyGroup::X25519]),
            ..TlsServerConfig::default()
        };
        let mut flights = Vec::new();
        for mode in BOTH {
            let mut pair = Pair::new(mode, &client, &server);
            pair.connect();
            let what = format!("{mode:?} {version:?} {key:?} {group:?} {suite:?}: {:?}", pair.client.notices);
            let agreed = pair.client.handshaked().unwrap_or_else(|| panic!("{what}"));
            assert_eq!((agreed.version, agreed.suite), (version.code(), suite.code()), "{what}");
            assert_eq!(agreed.group, Some(group.code()), "{what}");
            assert!(!agreed.is_resumed && !agreed.was_retried, "{what}");
            assert_eq!(pair.server.handshaked(), Some(agreed), "{what}");
            talk(&mut pair);
            flights.push(pair.flights);
        }
        assert_eq!(flights[0], flights[1], "{version:?} {key:?} {group:?} {suite:?}");
    }
}

/// RFC 8446 §4.1.4: the server takes P-256 alone, the client has sent X25519.
#[test]
fn a_share_of_another_group_is_asked_for() {
    for mode in BOTH {
        let client = TlsClientConfig { versions: only(TlsVersion::Tls13), ..TlsClientConfig::default() };
        let server = TlsServerConfig { groups: Some(vec![KeyGroup::P256]), ..TlsServerConfig::default() };
        let mut pair = Pair::new(mode, &client, &server);
        pair.connect();
        let agreed = pair.client.handshaked().expect("it connects");
        assert!(agreed.was_retried);
        assert_eq!(agreed.group, Some(Group::SECP256R1));
        // One more round: hello, retry, hello, flight, Finished, tickets.
        assert_eq!(pair.flights.len(), 6);
        talk(&mut pair);
    }
}

/// A client that sends no share at all asks for the retry itself.
#[test]
fn a_hello_without_shares_is_answered_with_a_retry() {
    let client = TlsClientConfig { key_shares: Some(Vec::new()), ..TlsClientConfig::default() };
    let mut pair = Pair::new(Mode::Real, &client, &TlsServerConfig::default());
    pair.connect();
    assert!(pair.client.handshaked().expect("it connects").was_retried);
}

/// A server of 1.2 alone, and a client of both: 1.2 it is. A server of both says so to a client of 1.2.
#[test]
fn the_newest_version_that_both_have_is_taken() {
    for (ours, theirs, version) in [
        (None, only(TlsVersion::Tls12), Version::TLS12),
        (only(TlsVersion::Tls12), None, Version::TLS12),
        (None, None, Version::TLS13),
        (only(TlsVersion::Tls13), None, Version::TLS13),
    ] {
        let client = TlsClientConfig { versions: ours, ..TlsClientConfig::default() };
        let server = TlsServerConfig { versions: theirs, ..TlsServerConfig::default() };
        let mut pair = Pair::new(Mode::Real, &client, &server);
        pair.connect();
        assert_eq!(pair.client.handshaked().expect("it connects").version, version);
        talk(&mut pair);
    }
}

#[test]
fn clients_prove_who_they_are() {
    for mode in BOTH {
        for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
            for key in [CertificateKind::EcdsaP256, CertificateKind::Rsa2048] {
                let own = Some(certificate(key));
                let client =
                    TlsClientConfig { versions: only(version), certificate: own, ..TlsClientConfig::default() };
                let client_certificates = ClientCertificates::Required;
                let server = TlsServerConfig { client_certificates, ..TlsServerConfig::default() };
                let mut pair = Pair::new(mode, &client, &server);
                pair.connect();
                assert!(pair.server.handshaked().is_some(), "{mode:?} {version:?} {key:?}: {:?}", pair.server.notices);
                let kinds: Vec<_> = pair.client.sent().into_iter().map(|(kind, _)| kind).collect();
                assert!(kinds.contains(&HandshakeType::CERTIFICATE_VERIFY), "{kinds:?}");
                talk(&mut pair);
            }
        }
    }
}

/// ML-DSA is listed in a request for a certificate (RFC 8446 §4.3.2) where the server is told so, or has a hybrid group. A client whose key the list does
/// not have sends an empty certificate (§4.4.2). In TLS 1.2 ML-DSA has no place (draft-ietf-tls-mldsa §3.3): not in the request, not in an answer to it.
#[test]
fn certificates_of_ml_dsa_are_for_servers_that_take_them() {
    let hybrid = Some(vec![KeyGroup::X25519MlKem768, KeyGroup::X25519]);
    for mode in BOTH {
        for (taken, groups, version, is_taken) in [
            (None, None, TlsVersion::Tls13, false),
            (Some(true), None, TlsVersion::Tls13, true),
            (None, hybrid.clone(), TlsVersion::Tls13, true),
            (Some(false), hybrid.clone(), TlsVersion::Tls13, false),
            (Some(true), hybrid.clone(), TlsVersion::Tls12, false),
        ] {
            let client = TlsClientConfig {
                versions: only(version),
                certificate: Some(certificate(CertificateKind::MlDsa44)),
                ..TlsClientConfig::default()
            };
            for client_certificates in [ClientCertificates::Asked, ClientCertificates::Required] {
                let server = TlsServerConfig {
                    client_certificates,
                    post_quantum_signatures: taken,
                    groups: groups.clone(),
                    ..TlsServerConfig::default()
                };
                assert_eq!(server.check(), []);
                let mut pair = Pair::new(mode, &client, &server);
                pair.connect();
                let what = format!("{mode:?} {version:?} {taken:?} {groups:?}: {:?}", pair.server.notices);
                let is_asked = client_certificates == ClientCertificates::Asked;
                assert_eq!(pair.server.handshaked().is_some(), is_taken || is_asked, "{what}");
                let proves = pair.client.sent().iter().any(|(kind, _)| *kind == HandshakeType::CERTIFICATE_VERIFY);
                assert_eq!(proves, is_taken, "{what}");
                if pair.server.handshaked().is_some() {
                    talk(&mut pair);
                }
            }
        }
    }
}

/// RFC 8446 §4.4.2.4 and RFC 5246 §7.4.6: without a certificate it is refused where it has to be there, and taken where it is asked for.
#[test]
fn a_client_without_a_certificate_is_refused_where_one_is_required() {
    use crate::tls::codes::AlertDescription;
    for (version, alert) in [
        (TlsVersion::Tls13, AlertDescription::CERTIFICATE_REQUIRED),
        (TlsVersion::Tls12, AlertDescription::HANDSHAKE_FAILURE),
    ] {
        let client = TlsClientConfig { versions: only(version), ..TlsClientConfig::default() };
        for (client_certificates, is_refused) in
            [(ClientCertificates::Required, true), (ClientCertificates::Asked, false)]
        {
            let server = TlsServerConfig { client_certificates, ..TlsServerConfig::default() };
            let mut pair = Pair::new(Mode::Sized, &client, &server);
            pair.connect();
            let failed = pair.server.notices.contains(&Notice::Failed { alert, is_ours: true });
            assert_eq!(failed, is_refused, "{version:?}: {:?}", pair.server.notices);
            assert_eq!(pair.client.notices.contains(&Notice::Failed { alert, is_ours: false }), is_refused);
        }
    }
}

/// The certificate message of 1.3 has the response in its first entry, and 1.2 a message of its own; both only where it is asked for.
#[test]
fn proof_of_being_good_is_stapled() {
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let lens = [false, true].map(|asks| {
            let client = TlsClientConfig { versions: only(version), ocsp: Some(asks), ..TlsClientConfig::default() };
            let server = TlsServerConfig { ocsp: true, ..TlsServerConfig::default() };
            let mut pair = Pair::new(Mode::Real, &client, &server);
            pair.connect();
            assert!(pair.client.handshaked().is_some(), "{:?}", pair.client.notices);
            let Side::Server(side) = &pair.server.side else { unreachable!("it is a server's") };
            (pair.flights[1], side.identity.ocsp_response().len() as u64)
        });
        let (without, _) = lens[0];
        let (with, response) = lens[1];
        // 1.3 (RFC 8446 §4.4.2.1): extension header 4, status type 1, length 3. 1.2 (RFC 6066 §8): record 5, message 4, type 1, length 3, and 4
        // of the extension in the hello.
        let around = if version == TlsVersion::Tls13 { 8 } else { 17 };
        // The signature in ServerKeyExchange or CertificateVerify is of 70 to 72 bytes, rarely fewer; both pairs have the same luck.
        assert_eq!(with - without, response + around, "{version:?}");
    }
}

#[test]
fn certificates_are_compressed_where_both_ends_like_it() {
    let flights = [false, true].map(|compresses| {
        let [sized, real] = BOTH.map(|mode| {
            let client = TlsClientConfig { compression: Some(true), ..TlsClientConfig::default() };
            let server = TlsServerConfig { compression: compresses, ..TlsServerConfig::default() };
            let mut pair = Pair::new(mode, &client, &server);
            pair.connect();
            assert!(pair.client.handshaked().is_some(), "{:?}", pair.client.notices);
            let kinds: Vec<_> = pair.server.sent().into_iter().map(|(kind, _)| kind).collect();
            assert_eq!(kinds.contains(&HandshakeType::COMPRESSED_CERTIFICATE), compresses);
            pair.flights[1]
        });
        assert_eq!(sized, real);
        real
    });
    assert!(flights[1] < flights[0], "{flights:?}");
}

/// RFC 7301 §3.2: the server's order decides; where nothing fits, it says so.
#[test]
fn application_protocols_are_agreed_on() {
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let client =
            TlsClientConfig { versions: only(version), alpn: names(&["h2", "http/1.1"]), ..TlsClientConfig::default() };
        let server = TlsServerConfig { alpn: names(&["http/1.1", "h2"]), ..TlsServerConfig::default() };
        let mut pair = Pair::new(Mode::Sized, &client, &server);
        pair.connect();
        assert_eq!(pair.client.handshaked().and_then(|agreed| agreed.alpn.as_deref()), Some(&b"http/1.1"[..]));
        let server = TlsServerConfig { alpn: names(&["mqtt"]), ..TlsServerConfig::default() };
        let mut pair = Pair::new(Mode::Sized, &client, &server);
        pair.connect();
        let alert = crate::tls::codes::AlertDescription::NO_APPLICATION_PROTOCOL;
        assert!(pair.client.notices.contains(&Notice::Failed { alert, is_ours: false }), "{:?}", pair.client.notices);
    }
}

/// RFC 8446 §4.6.3: either end, and both at once.
#[test]
fn keys_are_replaced_under_way() {
    for mode in BOTH {
        let client = TlsClientConfig { key_update: Some(Size::from_bytes(1_000)), ..TlsClientConfig::default() };
        let mut pair = Pair::new(mode, &client, &TlsServerConfig::default());
        pair.connect();
        for _ in 0..10 {
            pair.client.write(&Rope::fill(1, 0, 1_000));
        }
        pair.run();
        assert_eq!(pair.server.data().len(), 10_000);
        pair.client.with(|connection, _, cx| connection.expect("it is open").update_keys(true, cx));
        pair.server.with(|connection, _, cx| connection.expect("it is open").update_keys(true, cx));
        pair.run();
        talk(&mut pair);
        // Nine by bytes, one asked for, one as the answer to the server's; the server's one and its answer.
        let updates = |peer: &Peer| peer.sent().iter().filter(|(kind, _)| *kind == HandshakeType::KEY_UPDATE).count();
        assert_eq!((updates(&pair.client), updates(&pair.server)), (11, 2));
    }
}

/// Between the records of one long write, too: 50 kB in records of 1 kB have new keys after 12, 24, 36 and 48 kB.
#[test]
fn keys_are_replaced_within_a_write() {
    for mode in BOTH {
        let (key_update, record) = (Some(Size::from_bytes(12_000)), Some(Size::from_bytes(1_000)));
        let client = TlsClientConfig { key_update, record, ..TlsClientConfig::default() };
        let mut pair = Pair::new(mode, &client, &TlsServerConfig::default());
        pair.connect();
        pair.client.write(&Rope::fill(1, 0, 50_000));
        pair.run();
        assert_eq!(pair.server.data().len(), 50_000);
        let updates = pair.client.sent().iter().filter(|(kind, _)| *kind == HandshakeType::KEY_UPDATE).count();
        assert_eq!(updates, 4);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// However the bytes of a connection are cut, the same comes of it.
    #[test]
    fn pieces_of_any_length_make_the_same_connection(most in 1_u64..3_000, is_12: bool, is_real: bool, profile in 0_usize..3) {
        let profile = [Profile::OpenSsl, Profile::Rustls, Profile::MbedTls][profile];
        let versions = only(if is_12 { TlsVersion::Tls12 } else { TlsVersion::Tls13 });
        let client = TlsClientConfig { versions, profile, ..TlsClientConfig::default() };
        let server = TlsServerConfig { profile, ..TlsServerConfig::default() };
        let mut pair = Pair::new(if is_real { Mode::Real } else { Mode::Sized }, &client, &server);
        pair.open();
        pair.run_in_pieces(most);
        prop_assert!(pair.client.handshaked().is_some(), "{:?}", pair.client.notices);
        pair.server.write(&Rope::fill(3, 0, 50_000));
        pair.run_in_pieces(most);
        prop_assert!(is_same(&pair.client.data(), &Rope::fill(3, 0, 50_000)));
    }
}
