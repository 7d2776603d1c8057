//! rustls against rustls, our machine with its profile against itself, and both against each other.
//!
//! For each of the cases below both pairs do the same over the same pipe: a first connection, data both ways, goodbyes, and a second connection. They
//! have to have the same number of flights, and the same bytes in each but for the lengths of ECDSA signatures, which are drawn.
//!
//! # What differs all the same, and why
//! No flight of these cases does. Outside of them:
//!
//! | what | why |
//! |---|---|
//! | suites, groups, signatures | ours are the lists of rustls's provider `ring`, and what rustls is given here is made of them: this test cannot see a mistake in them |
//! | RSA signatures by SHA-256 | `ring` would take SHA-512: they are as long |
//! | two shares of a hybrid | rustls uses one X25519 key for both, ours makes two: one more `tls.x25519.generate` on a device that takes time for it |
//! | TLS 1.2 with a server that takes early data | rustls's has no tickets then, and knows its own identifiers again; ours gives tickets |
//! | explicit nonces of GCM in TLS 1.2, order of extensions | rustls draws where they begin, and shuffles; ours count from zero, in one order: they are as long |
//! | age of early data | rustls allows a minute, ours what `freshness` says, 10 s |
//! | a client of TLS 1.2 that does not list the curve of the server's key | ours refuses it (RFC 8422 §5.1.1), rustls does not look |
//! | data of a server before the client's Finished | with 1.3 rustls waits, as our profile does; `OpenSsl` and `MbedTls` do not |

use super::*;
use crate::tls::certificate::{CertificateKind, identity};
use crate::tls::config::{CertificateConfig, Implementation, KeyGroup, Profile, Suite, TlsVersion};
use crate::tls::connection::{ClientSide, ServerSide};
use crate::tls::crypto::Mode;
use crate::tls::machine::{Machine, Party};
use protosim_core::machine::IdealEnv;
use protosim_core::{Size, Span};
use std::cell::Cell;

thread_local! {
    static SIGNED: Cell<usize> = const { Cell::new(0) };
}

/// rustls has signed something.
pub(super) fn note_signature(len: usize) {
    SIGNED.set(SIGNED.get() + len);
}

/// One end.
struct Peer {
    party: Party,
    machine: Option<Machine>,
    env: IdealEnv,
    out: Rope,
    notices: Vec<Notice>,
    /// Bytes of signatures in what waits to go out.
    signed: usize,
}

impl Peer {
    fn new(party: Party, seed: u64) -> Self {
        let (machine, out) = (None, Rope::new());
        Self { party, machine, env: IdealEnv::new(seed), out, notices: Vec::new(), signed: 0 }
    }

    fn with(&mut self, call: impl FnOnce(&mut Option<Machine>, &mut Party, &mut Cx<'_>)) {
        let mut effects = Vec::new();
        SIGNED.set(0);
        call(&mut self.machine, &mut self.party, &mut Cx { env: &mut self.env, effects: &mut effects });
        self.signed += SIGNED.get();
        for effect in effects {
            match effect {
                Effect::Transmit(bytes) => self.out.append(&bytes),
                Effect::Notify(notice) => self.notices.push(notice),
                // Headers and all else that has a fixed length beside the signature.
                Effect::Observe(Trace::Sent(codes::HandshakeType::CERTIFICATE_VERIFY, len)) => self.signed += len - 8,
                Effect::Observe(Trace::Sent(codes::HandshakeType::SERVER_KEY_EXCHANGE, len)) => {
                    let point = if SHORT_POINT.get() { 32 } else { 65 };
                    self.signed += len - 4 - 4 - point - 4;
                }
                Effect::Observe(_) => {}
            }
        }
    }

    fn open(&mut self) {
        self.notices.clear();
        self.with(|machine, party, cx| *machine = Some(party.open(Mode::Real, cx)));
    }

    fn take(&mut self, bytes: &Rope) {
        self.with(|machine, party, cx| machine.as_mut().unwrap().handle_bytes(bytes, party, cx));
    }

    fn take_in_pieces(&mut self, bytes: &Rope, piece: u64) {
        let mut at = 0;
        while at < bytes.len() {
            let part = bytes.slice(at, piece);
            at += part.len();
            self.take(&part);
        }
    }

    /// How it failed, and whether it says so itself.
    fn failure(&self) -> Option<(AlertDescription, bool)> {
        self.notices.iter().find_map(|notice| match notice {
            Notice::Failed { alert, is_ours } => Some((*alert, *is_ours)),
            _ => None,
        })
    }

    fn write(&mut self, data: &Rope) {
        self.with(|machine, party, cx| machine.as_mut().unwrap().write(data, party, cx));
    }

    fn finish(&mut self) {
        self.with(|machine, party, cx| machine.as_mut().unwrap().finish(party, cx));
    }

    fn data(&self) -> Vec<u8> {
        let data = |notice: &Notice| match notice {
            Notice::Data(data) => data.to_bytes().to_vec(),
            _ => Vec::new(),
        };
        self.notices.iter().flat_map(data).collect()
    }

    fn handshaked(&self) -> Handshaked {
        let handshaked = self.notices.iter().find_map(|notice| match notice {
            Notice::Connected(handshaked) => Some(handshaked.clone()),
            _ => None,
        });
        handshaked.unwrap_or_else(|| panic!("{:?}", self.notices))
    }
}

thread_local! {
    /// The group of TLS 1.2 is X25519, and not P-256.
    static SHORT_POINT: Cell<bool> = const { Cell::new(true) };
}

struct Pair {
    client: Peer,
    server: Peer,
    /// Bytes of each flight without signatures by ECDSA, and with them.
    flights: Vec<Flight>,
    /// Bytes that come at once.
    piece: u64,
}

impl Pair {
    fn new(client: Party, server: Party) -> Self {
        Self { client: Peer::new(client, 1), server: Peer::new(server, 2), flights: Vec::new(), piece: u64::MAX }
    }

    fn run(&mut self) {
        loop {
            let to_server = std::mem::take(&mut self.client.out);
            self.note(to_server.len(), true);
            self.server.take_in_pieces(&to_server, self.piece);
            let to_client = std::mem::take(&mut self.server.out);
            self.note(to_client.len(), false);
            self.client.take_in_pieces(&to_client, self.piece);
            if to_server.is_empty() && to_client.is_empty() {
                return;
            }
        }
    }

    fn note(&mut self, len: u64, is_clients: bool) {
        let peer = if is_clients { &mut self.client } else { &mut self.server };
        let signed = std::mem::take(&mut peer.signed) as u64;
        if len > 0 {
            self.flights.push((len - signed, len));
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Who {
    Own,
    Rustls,
}

const EVERY: [(Who, Who); 4] =
    [(Who::Rustls, Who::Rustls), (Who::Own, Who::Own), (Who::Own, Who::Rustls), (Who::Rustls, Who::Own)];

/// What becomes of the second connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Second {
    /// It is as the first: there are no tickets.
    Full,
    #[default]
    Resumed,
    Early,
    /// The server is another one, which knows nothing of the ticket.
    EarlyRejected,
}

#[derive(Clone, Default)]
struct Case {
    name: &'static str,
    client: TlsClientConfig,
    server: TlsServerConfig,
    second: Second,
}

fn rsa() -> CertificateConfig {
    CertificateConfig { key: CertificateKind::Rsa2048, ..CertificateConfig::default() }
}

fn case(name: &'static str, versions: &[TlsVersion]) -> Case {
    let mut case = Case { name, ..Case::default() };
    case.client.versions = Some(versions.to_vec());
    case.client.server_name = Some("example.com".to_owned());
    case
}

fn cases() -> Vec<Case> {
    use TlsVersion::{Tls12, Tls13};
    let mut cases = listed(|add| {
        add("defaults", &[Tls13, Tls12], &|_| {});
        add("1.3", &[Tls13], &|_| {});
        add("1.2", &[Tls12], &|_| {});
        add("1.2 of a client that knows 1.3", &[Tls12, Tls13], &|case| case.server.versions = Some(vec![Tls12]));
        add("1.3, RSA", &[Tls13], &|case| case.server.certificate = rsa());
        add("1.2, RSA", &[Tls12], &|case| case.server.certificate = rsa());
        add("1.3, P-256", &[Tls13], &|case| case.client.groups = Some(vec![KeyGroup::P256]));
        add("1.2, P-256", &[Tls12], &|case| case.client.groups = Some(vec![KeyGroup::P256]));
        add("hybrid", &[Tls13, Tls12], &|case| {
            let groups = vec![KeyGroup::X25519MlKem768, KeyGroup::X25519, KeyGroup::P256];
            (case.client.groups, case.server.groups) = (Some(groups.clone()), Some(groups));
            case.client.post_quantum_signatures = Some(false);
        });
        add("hybrid that the server does not know", &[Tls13], &|case| {
            case.client.groups = Some(vec![KeyGroup::X25519MlKem768, KeyGroup::X25519]);
            case.client.post_quantum_signatures = Some(false);
        });
        add("retry", &[Tls13], &|case| {
            case.client.groups = Some(vec![KeyGroup::X25519, KeyGroup::P256]);
            case.server.groups = Some(vec![KeyGroup::P256]);
        });
        add("retry, without tickets", &[Tls13], &|case| {
            case.client.groups = Some(vec![KeyGroup::X25519, KeyGroup::P256]);
            case.server.groups = Some(vec![KeyGroup::P256]);
            case.server.tickets = Some(0);
            case.second = Second::Full;
        });
        for (name, suite) in [("1.3, AES-128", Suite::Aes128Gcm), ("1.3, ChaCha20", Suite::ChaCha20Poly1305)] {
            add(name, &[Tls13], &|case| case.client.suites = Some(vec![suite]));
        }
        for (name, suite) in [("1.2, AES-128", Suite::EcdsaAes128Gcm), ("1.2, ChaCha20", Suite::EcdsaChaCha20Poly1305)]
        {
            add(name, &[Tls12], &|case| case.client.suites = Some(vec![suite]));
        }
        add("1.2, RSA, AES-128", &[Tls12], &|case| {
            case.server.certificate = rsa();
            case.client.suites = Some(vec![Suite::RsaAes128Gcm]);
        });
        add("1.2, RSA, ChaCha20", &[Tls12], &|case| {
            case.server.certificate = rsa();
            case.client.suites = Some(vec![Suite::RsaChaCha20Poly1305]);
        });
    });
    cases.extend(cases_of_authentication());
    cases.extend(cases_of_tickets());
    cases
}

/// A list of cases, and what adds to it.
fn listed(list: impl FnOnce(&mut dyn FnMut(&'static str, &[TlsVersion], &dyn Fn(&mut Case)))) -> Vec<Case> {
    let mut cases = Vec::new();
    list(&mut |name, versions, change| {
        let mut one = case(name, versions);
        change(&mut one);
        cases.push(one);
    });
    cases
}

fn cases_of_authentication() -> Vec<Case> {
    use TlsVersion::{Tls12, Tls13};
    listed(|add| {
        for (name, version) in [("1.3, ALPN", Tls13), ("1.2, ALPN", Tls12)] {
            add(name, &[version], &|case| {
                case.client.alpn = vec!["h2".to_owned(), "http/1.1".to_owned()];
                case.server.alpn = vec!["http/1.1".to_owned()];
            });
        }
        for (name, version) in [("1.3, client certificate", Tls13), ("1.2, client certificate", Tls12)] {
            add(name, &[version], &|case| {
                case.client.certificate = Some(CertificateConfig::default());
                case.server.client_certificates = ClientCertificates::Required;
            });
        }
        for (name, version) in [("1.3, client certificate, RSA", Tls13), ("1.2, client certificate, RSA", Tls12)] {
            add(name, &[version], &|case| {
                case.client.certificate = Some(rsa());
                case.server.client_certificates = ClientCertificates::Asked;
            });
        }
        for (name, version) in [("1.3, no client certificate", Tls13), ("1.2, no client certificate", Tls12)] {
            add(name, &[version], &|case| case.server.client_certificates = ClientCertificates::Asked);
        }
        for (name, version) in [("1.3, stapled proof", Tls13), ("1.2, stapled proof", Tls12)] {
            add(name, &[version], &|case| case.server.ocsp = true);
        }
        add("ML-DSA", &[Tls13], &|case| {
            case.client.post_quantum_signatures = Some(true);
            case.server.certificate =
                CertificateConfig { key: CertificateKind::MlDsa44, ..CertificateConfig::default() };
        });
    })
}

fn cases_of_tickets() -> Vec<Case> {
    use TlsVersion::{Tls12, Tls13};
    listed(|add| {
        for (name, version) in [("1.3, small records", Tls13), ("1.2, small records", Tls12)] {
            add(name, &[version], &|case| {
                case.client.record = Some(Size::from_bytes(512));
                case.server.record = Some(Size::from_bytes(512));
            });
        }
        for (name, version) in [("1.3, client without resumption", Tls13), ("1.2, client without resumption", Tls12)] {
            add(name, &[version], &|case| (case.client.resumption, case.second) = (Some(false), Second::Full));
        }
        for (name, version) in [("1.3, no tickets", Tls13), ("1.2, no tickets", Tls12)] {
            add(name, &[version], &|case| (case.server.tickets, case.second) = (Some(0), Second::Full));
        }
        add("1.3, four tickets", &[Tls13], &|case| case.server.tickets = Some(4));
        for (name, second) in [("0-RTT", Second::Early), ("0-RTT, rejected", Second::EarlyRejected)] {
            add(name, &[Tls13, Tls12], &|case| {
                case.client.early_data = true;
                case.server.early_data = Some(Size::from_bytes(16_384));
                case.second = second;
            });
        }
    })
}

fn client(case: &Case, who: Who, profile: Profile) -> Party {
    let mut config = case.client.clone();
    let own = config.certificate.as_ref().map(|own| identity(Mode::Real, own, "client.test"));
    match who {
        Who::Rustls => {
            config.implementation = Implementation::Rustls;
            Party::Rustls(Box::new(Side::client(&config, "example.com", own.as_ref(), Trust::default())))
        }
        Who::Own => {
            config.profile = profile;
            let parameters = Arc::new(config.resolve("example.com"));
            Party::client(ClientSide::new(parameters, own.map(Arc::new), Trust::default()))
        }
    }
}

fn server(case: &Case, who: Who, profile: Profile) -> Party {
    let mut config = case.server.clone();
    let own = identity(Mode::Real, &config.certificate, "example.com");
    match who {
        Who::Rustls => {
            config.implementation = Implementation::Rustls;
            Party::Rustls(Box::new(Side::server(&config, &own, Trust::default())))
        }
        Who::Own => {
            config.profile = profile;
            Party::server(ServerSide::new(Arc::new(config.resolve()), Arc::new(own), Trust::default()))
        }
    }
}

/// Bytes of a flight, without signatures and with them.
type Flight = (u64, u64);

/// What both pairs are compared by.
struct Outcome {
    /// Of each connection: what the client and the server say, and its flights.
    connections: Vec<(Handshaked, Handshaked, Vec<Flight>)>,
}

fn run(case: &Case, who: (Who, Who), profile: Profile, piece: u64) -> Outcome {
    SHORT_POINT.set(case.client.groups != Some(vec![KeyGroup::P256]));
    let mut pair = Pair {
        client: Peer::new(client(case, who.0, profile), 1),
        server: Peer::new(server(case, who.1, profile), 2),
        flights: Vec::new(),
        piece,
    };
    let mut connections = Vec::new();
    for number in 0..2 {
        pair.client.env.advance(Span::from_millis(1_500));
        pair.server.env.advance(Span::from_millis(1_500));
        if number == 1 && case.second == Second::EarlyRejected {
            pair.server = Peer::new(server(case, who.1, profile), 3);
        }
        let (question, answer) = (Rope::fill(3, 0, 700), Rope::fill(7, 0, 40_000));
        pair.client.open();
        pair.server.open();
        let early = number == 1 && matches!(case.second, Second::Early | Second::EarlyRejected);
        if early {
            pair.client.write(&question);
        }
        pair.run();
        let told = (pair.client.handshaked(), pair.server.handshaked());
        if !early {
            pair.client.write(&question);
            pair.run();
        }
        assert_eq!(pair.server.data(), question.to_bytes());
        pair.server.write(&answer);
        pair.server.finish();
        pair.run();
        assert_eq!(pair.client.data(), answer.to_bytes());
        assert!(pair.client.notices.contains(&Notice::Finished));
        pair.client.finish();
        pair.run();
        assert!(pair.server.notices.contains(&Notice::Finished));
        connections.push((told.0, told.1, std::mem::take(&mut pair.flights)));
    }
    Outcome { connections }
}

/// What went wrong with these pairs, if anything.
fn disagreements(case: &Case, profile: Profile, piece: u64, pairs: &[(Who, Who)]) -> Vec<String> {
    let check = |who| {
        let outcome = run(case, who, profile, piece);
        for (number, (client, server, _)) in outcome.connections.iter().enumerate() {
            let early = [EarlyData::None, EarlyData::None, EarlyData::Accepted, EarlyData::Rejected];
            let expected = if number == 0 { EarlyData::None } else { early[case.second as usize] };
            assert_eq!(client.early_data, expected, "connection {number}");
            let resumed = number == 1 && matches!(case.second, Second::Resumed | Second::Early);
            assert_eq!(client.is_resumed, resumed, "connection {number}: resumed");
            // rustls does not tell all of it.
            let (early_data, was_retried) = (client.early_data, client.was_retried);
            let was_retried = if resumed { server.was_retried } else { was_retried };
            let server = Handshaked { early_data, was_retried, ..server.clone() };
            let client = Handshaked { was_retried, ..client.clone() };
            assert_eq!(client, server, "connection {number}");
        }
    };
    let mut failures = Vec::new();
    for who in pairs {
        if let Err(error) = std::panic::catch_unwind(|| check(*who)) {
            let text = error.downcast_ref::<String>().cloned().unwrap_or_default();
            failures.push(format!("{}, {who:?}, {profile:?}: {text}", case.name));
        }
    }
    failures
}

/// Whatever is at the ends: they connect, agree on the same, and data pass both ways.
#[test]
fn all_pairs_of_implementations_agree() {
    let failures: Vec<_> =
        cases().iter().flat_map(|case| disagreements(case, Profile::Rustls, u64::MAX, &EVERY)).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The same with our other profiles, and with bytes that come in pieces.
#[test]
fn rustls_understands_all_profiles() {
    let mut failures = Vec::new();
    for case in cases().iter().filter(|case| case.server.certificate.key == CertificateKind::EcdsaP256) {
        failures.extend(disagreements(case, Profile::OpenSsl, 61, &EVERY[2..]));
        failures.extend(disagreements(case, Profile::MbedTls, u64::MAX, &EVERY[2..]));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Who refuses, and with which alert: whichever of the two implementations is where.
#[test]
fn all_pairs_refuse_alike() {
    use TlsVersion::{Tls12, Tls13};
    let refused = |change: &dyn Fn(&mut Case), by_server: bool, alert: AlertDescription| {
        let mut case = case("", &[Tls13]);
        change(&mut case);
        for who in EVERY {
            let (client, server) = (client(&case, who.0, Profile::Rustls), server(&case, who.1, Profile::Rustls));
            let mut pair = Pair::new(client, server);
            pair.client.open();
            pair.server.open();
            pair.run();
            assert_eq!(pair.server.failure(), Some((alert, by_server)), "{who:?}: server");
            assert_eq!(pair.client.failure(), Some((alert, !by_server)), "{who:?}: client");
        }
    };
    refused(&|case| case.server.versions = Some(vec![Tls12]), true, AlertDescription::PROTOCOL_VERSION);
    let groups = |case: &mut Case| {
        case.client.groups = Some(vec![KeyGroup::X25519]);
        case.server.groups = Some(vec![KeyGroup::P256]);
    };
    refused(&groups, true, AlertDescription::HANDSHAKE_FAILURE);
    let suites = |case: &mut Case| {
        case.client.suites = Some(vec![Suite::Aes128Gcm]);
        case.server.suites = Some(vec![Suite::Aes256Gcm, Suite::EcdsaAes256Gcm]);
    };
    refused(&suites, true, AlertDescription::HANDSHAKE_FAILURE);
    let protocols = |case: &mut Case| {
        case.client.alpn = vec!["a".to_owned()];
        case.server.alpn = vec!["b".to_owned()];
    };
    refused(&protocols, true, AlertDescription::NO_APPLICATION_PROTOCOL);
    let required = |case: &mut Case| case.server.client_certificates = ClientCertificates::Required;
    refused(&required, true, AlertDescription::CERTIFICATE_REQUIRED);
}

/// RFC 8422 §5.1.1 has the curve of the server's key be among the client's groups: ours looks, rustls does not.
#[test]
fn rustls_does_not_ask_for_the_curve_of_the_key() {
    let mut case = case("", &[TlsVersion::Tls12]);
    case.client.groups = Some(vec![KeyGroup::X25519]);
    for (server_is, connects) in [(Who::Rustls, true), (Who::Own, false)] {
        let (client, server) = (client(&case, Who::Rustls, Profile::Rustls), server(&case, server_is, Profile::Rustls));
        let mut pair = Pair::new(client, server);
        pair.client.open();
        pair.server.open();
        pair.run();
        assert_eq!(pair.client.failure().is_none(), connects);
    }
}

/// New keys every 2 kB from ours (RFC 8446 §4.6.3): rustls follows.
#[test]
fn rustls_follows_key_updates() {
    let mut case = case("", &[TlsVersion::Tls13]);
    case.client.key_update = Some(Size::from_bytes(2_000));
    case.server.key_update = Some(Size::from_bytes(2_000));
    for who in &EVERY[2..] {
        let mut pair = Pair::new(client(&case, who.0, Profile::OpenSsl), server(&case, who.1, Profile::OpenSsl));
        pair.client.open();
        pair.server.open();
        pair.run();
        for number in 0..5 {
            let data = Rope::fill(number, 0, 1_500);
            pair.client.notices.clear();
            pair.server.notices.clear();
            pair.client.write(&data);
            pair.server.write(&data);
            pair.run();
            assert_eq!(pair.server.data(), data.to_bytes(), "{who:?}");
            assert_eq!(pair.client.data(), data.to_bytes(), "{who:?}");
        }
    }
}

/// The profile is what rustls does: flight by flight.
#[test]
fn the_profile_has_the_flights_of_rustls() {
    let mut failures = Vec::new();
    for case in cases() {
        let flights = |who| {
            let outcome = std::panic::catch_unwind(|| run(&case, (who, who), Profile::Rustls, u64::MAX));
            let is_ecdsa = case.server.certificate.key == CertificateKind::EcdsaP256;
            let len = move |(without, with): Flight| if is_ecdsa { without } else { with };
            let all = outcome.map(|outcome| outcome.connections).unwrap_or_default();
            all.into_iter().map(|(_, _, flights)| flights.into_iter().map(len).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        let (theirs, ours) = (flights(Who::Rustls), flights(Who::Own));
        if theirs != ours || theirs.is_empty() {
            failures.push(format!("{}:\n  rustls {theirs:?}\n  ours   {ours:?}", case.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A side can be copied before there are sessions, so that nodes can begin anew; a session cannot.
#[test]
fn sessions_cannot_be_copied() {
    let mut peer = Peer::new(client(&case("", &[TlsVersion::Tls13]), Who::Rustls, Profile::Rustls), 1);
    assert!(peer.party.try_clone().is_some());
    peer.open();
    assert!(peer.machine.as_ref().unwrap().try_clone().is_none());
}

/// The same seed gives the same bytes, another one other bytes.
#[test]
fn rustls_draws_from_the_seed_alone() {
    let hello = |seed| {
        let mut peer = Peer::new(client(&case("", &[TlsVersion::Tls13]), Who::Rustls, Profile::Rustls), seed);
        peer.open();
        peer.out.to_bytes()
    };
    assert_eq!(hello(1), hello(1));
    assert_ne!(hello(1), hello(2));
}
