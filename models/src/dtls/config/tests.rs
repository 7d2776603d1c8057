//! What is refused of what users write.

use super::user::{DtlsRetransmission, DtlsSuite, DtlsVersion, PskConfig};
use super::{DtlsClientConfig, DtlsServerConfig};
use crate::dtls::agreement::disagreement;
use crate::dtls::codes::{DTLS12, DTLS13, Suite};
use crate::tls::certificate::CertificateKind;
use crate::tls::config::{CertificateConfig, ClientCertificates, Finding, KeyGroup};
use crate::tls::crypto::Mode;
use protosim_core::{Size, Span};

fn fields(found: Vec<Finding>) -> Vec<&'static str> {
    found.into_iter().map(|(field, _)| field).collect()
}

fn key(key: &str) -> PskConfig {
    PskConfig { identity: "device-1".to_owned(), key: key.to_owned() }
}

fn client() -> DtlsClientConfig {
    DtlsClientConfig { psk: Some(key("secret")), ..DtlsClientConfig::default() }
}

fn server() -> DtlsServerConfig {
    DtlsServerConfig { psks: vec![key("secret")], ..DtlsServerConfig::default() }
}

fn certified() -> DtlsServerConfig {
    DtlsServerConfig { certificate: Some(CertificateConfig::default()), ..DtlsServerConfig::default() }
}

#[test]
fn keys_are_text_or_hexadecimal() {
    assert_eq!(key("secret").key().unwrap(), "secret");
    assert_eq!(key("0x00ffA5").key().unwrap()[..], [0, 255, 0xa5]);
    assert_eq!(key("0x").key().unwrap().len(), 0);
    for wrong in ["0x1", "0xfg"] {
        assert_eq!(key(wrong).key(), None);
        assert_eq!(fields(DtlsClientConfig { psk: Some(key(wrong)), ..client() }.check()), ["dtls.psk"]);
    }
}

/// RFC 7252 §9.1.3 names the suites; what goes with what there is comes by itself.
#[test]
fn suites_go_with_keys_and_certificates() {
    let suites = |common: super::Common| common.suites;
    assert_eq!(suites(client().resolve(Mode::Sized, "s").common), [Suite::PskAes128Ccm8, Suite::PskAes128Gcm]);
    let of_certificates = [Suite::EcdsaAes128Ccm8, Suite::EcdsaAes128Gcm];
    assert_eq!(suites(DtlsClientConfig::default().resolve(Mode::Sized, "s").common), of_certificates);
    let both = DtlsServerConfig {
        versions: Some(vec![DtlsVersion::Dtls13, DtlsVersion::Dtls12]),
        psks: vec![key("secret")],
        ..certified()
    };
    let common = both.resolve(Mode::Sized).common;
    assert_eq!(common.versions, [DTLS13, DTLS12]);
    let psk = [Suite::PskAes128Ccm8, Suite::PskAes128Gcm];
    assert_eq!(common.suites, [&[Suite::Aes128Gcm, Suite::Aes128Ccm8], &psk[..], &of_certificates].concat());
    assert_eq!(both.check(), []);
    // A name is asked for where there may be a certificate, and is none that is an address.
    assert_eq!(client().resolve(Mode::Sized, "s").server_name, None);
    assert_eq!(DtlsClientConfig::default().resolve(Mode::Sized, "s").server_name.unwrap(), "s");
    assert_eq!(DtlsClientConfig::default().resolve(Mode::Sized, "127.0.0.1").server_name, None);
}

#[test]
fn clients_that_cannot_be_are_refused() {
    let size = |bytes| Some(Size::from_bytes(bytes));
    let cases: [(DtlsClientConfig, &[&str]); 15] = [
        (DtlsClientConfig::default(), &[]),
        (DtlsClientConfig { suites: Some(vec![DtlsSuite::PskAes128Ccm8]), ..Default::default() }, &["dtls.suites"]),
        (DtlsClientConfig { suites: Some(vec![DtlsSuite::EcdsaAes128Ccm8]), ..client() }, &["dtls.psk"]),
        (DtlsClientConfig { suites: Some(vec![DtlsSuite::Aes128Gcm]), ..client() }, &["dtls.suites", "dtls.suites"]),
        (DtlsClientConfig { versions: Some(Vec::new()), ..client() }, &["dtls.versions"]),
        (DtlsClientConfig { versions: Some(vec![DtlsVersion::Dtls12; 2]), ..client() }, &["dtls.versions"]),
        (DtlsClientConfig { groups: Some(vec![KeyGroup::P256]), ..client() }, &["dtls.groups"]),
        (DtlsClientConfig { groups: Some(vec![KeyGroup::X25519MlKem768]), ..Default::default() }, &["dtls.groups"]),
        (DtlsClientConfig { psk_alone: true, ..client() }, &["dtls.psk_alone"]),
        (DtlsClientConfig { certificate: Some(CertificateConfig::default()), ..client() }, &["dtls.certificate"]),
        (DtlsClientConfig { mtu: size(255), ..client() }, &["dtls.mtu"]),
        (DtlsClientConfig { queue: size(0), ..client() }, &["dtls.queue"]),
        (DtlsClientConfig { connection_id: Some(33), ..client() }, &["dtls.connection_id"]),
        (DtlsClientConfig { dead_after: Some(Span::ZERO), ..client() }, &["dtls.dead_after"]),
        (DtlsClientConfig { server_name: Some("10.0.0.1".to_owned()), ..client() }, &["dtls.server_name"]),
    ];
    for (config, expected) in cases {
        assert_eq!(fields(config.check()), expected, "{config:?}");
    }
    let retransmission =
        DtlsRetransmission { first: Some(Span::from_secs(2)), most: Some(Span::from_secs(1)), tries: Some(0) };
    let expected = ["dtls.retransmission.most", "dtls.retransmission.tries"];
    assert_eq!(fields(DtlsClientConfig { retransmission, ..client() }.check()), expected);
}

#[test]
fn servers_that_cannot_be_are_refused() {
    let other = |key| Some(CertificateConfig { key, ..CertificateConfig::default() });
    let suites = |suite| Some(vec![suite]);
    let cases: [(DtlsServerConfig, &[&str]); 14] = [
        (server(), &[]),
        (certified(), &[]),
        (DtlsServerConfig::default(), &["dtls"]),
        (DtlsServerConfig { suites: suites(DtlsSuite::EcdsaAes128Gcm), ..server() }, &["dtls.suites", "dtls.psks"]),
        (
            DtlsServerConfig { suites: suites(DtlsSuite::PskAes128Gcm), ..certified() },
            &["dtls.suites", "dtls.certificate"],
        ),
        (DtlsServerConfig { certificate: other(CertificateKind::Rsa2048), ..server() }, &["dtls.certificate.key"]),
        (DtlsServerConfig { psks: vec![key("a"), key("b")], ..server() }, &["dtls.psks"]),
        (DtlsServerConfig { hint: "h".to_owned(), ..certified() }, &["dtls.hint"]),
        (
            DtlsServerConfig { client_certificates: ClientCertificates::Asked, ..server() },
            &["dtls.client_certificates"],
        ),
        (DtlsServerConfig { tickets: Some(17), ..server() }, &["dtls.tickets"]),
        (
            DtlsServerConfig { tickets: Some(0), ticket_lifetime: Some(Span::from_secs(1)), ..server() },
            &["dtls.ticket_lifetime"],
        ),
        (DtlsServerConfig { ticket_lifetime: Some(Span::from_millis(1_500)), ..server() }, &["dtls.ticket_lifetime"]),
        (DtlsServerConfig { sessions: Some(0), ..server() }, &["dtls.sessions"]),
        (DtlsServerConfig { idle_timeout: Some(Span::ZERO), ..server() }, &["dtls.idle_timeout"]),
    ];
    for (config, expected) in cases {
        assert_eq!(fields(config.check()), expected, "{config:?}");
    }
}

/// Why two ends do not come to terms: by versions, suites, groups, keys, certificates.
#[test]
fn ends_that_have_nothing_in_common_are_told_apart() {
    let has = |client: &DtlsClientConfig, server: &DtlsServerConfig, part: &str| {
        let found = disagreement(client, server);
        assert!(found.as_ref().is_some_and(|why| why.contains(part)), "{found:?}: not {part}");
    };
    assert_eq!(disagreement(&client(), &server()), None);
    assert_eq!(disagreement(&DtlsClientConfig::default(), &certified()), None);
    let new = |config| DtlsClientConfig { versions: Some(vec![DtlsVersion::Dtls13]), ..config };
    has(&new(client()), &server(), "`versions`");
    has(&client(), &certified(), "`suites`");
    has(&DtlsClientConfig::default(), &server(), "`suites`");
    has(&DtlsClientConfig { groups: Some(vec![KeyGroup::X25519]), ..Default::default() }, &certified(), "`suites`");
    has(&DtlsClientConfig { psk: Some(key("other")), ..client() }, &server(), "no such key");
    let strict = DtlsServerConfig { client_certificates: ClientCertificates::Required, ..certified() };
    has(&DtlsClientConfig::default(), &strict, "requires a `certificate`");
    let own = DtlsClientConfig { certificate: Some(CertificateConfig::default()), ..Default::default() };
    assert_eq!(disagreement(&own, &strict), None);
    let both = DtlsServerConfig { versions: Some(vec![DtlsVersion::Dtls13]), ..server() };
    assert_eq!(disagreement(&new(client()), &both), None);
    has(&new(DtlsClientConfig::default()), &both, "neither the client's key");
}

/// Fields that only one end has come to nothing.
#[test]
fn fields_without_effect_at_the_other_end_are_named() {
    use crate::tls::agreement::End;
    let idle = |client: &DtlsClientConfig, server: &DtlsServerConfig| {
        let found = crate::dtls::agreement::fields(client, server).into_iter().filter(|found| found.idle.is_some());
        found.map(|found| (found.end, found.field)).collect::<Vec<_>>()
    };
    let own = || DtlsClientConfig {
        certificate: Some(CertificateConfig::default()),
        connection_id: Some(2),
        resumption: Some(true),
        ..Default::default()
    };
    let fields = ["dtls.certificate", "dtls.connection_id", "dtls.resumption"].map(|field| (End::Client, field));
    assert_eq!(idle(&own(), &DtlsServerConfig { tickets: Some(0), ..certified() }), fields);
    let asking = DtlsServerConfig {
        client_certificates: ClientCertificates::Asked,
        connection_id: Some(2),
        tickets: Some(1),
        hint: "h".to_owned(),
        psks: vec![key("secret")],
        ..certified()
    };
    assert_eq!(idle(&own(), &asking), [(End::Server, "dtls.hint")]);
    let plain = DtlsClientConfig { resumption: Some(false), ..client() };
    let fields = ["dtls.connection_id", "dtls.client_certificates", "dtls.tickets"].map(|field| (End::Server, field));
    assert_eq!(idle(&plain, &asking), fields);
}
