//! Applications over DTLS, on small networks: when things come, what is counted, and that they do not know what they run on.
//!
//! The link takes 50 ms each way and no time for a packet, so that a round trip R is 100 ms.

use crate::dtls::config::user::{DtlsSuite, DtlsVersion, PskConfig, WhenFull};
use crate::dtls::{DtlsClientConfig, DtlsServerConfig, Secured};
use crate::link::LinkChange;
use crate::node::{LinkEnd, Report};
use crate::packet::Transport;
use crate::rope::Rope;
use crate::testing::{Do, Event, Net, Probe, World, at, events, link};
use crate::tls::config::CertificateConfig;
use crate::tls::crypto::Mode;
use protosim_core::{Operation, Ratio, Size, Span, Until};

const MS: u64 = 1_000_000;
const PORT: u16 = 5684;

fn key() -> PskConfig {
    PskConfig { identity: "device-1".to_owned(), key: "secret".to_owned() }
}

fn client_psk() -> DtlsClientConfig {
    DtlsClientConfig { psk: Some(key()), ..DtlsClientConfig::default() }
}

fn server_psk() -> DtlsServerConfig {
    DtlsServerConfig { psks: vec![key()], ..DtlsServerConfig::default() }
}

fn server_certified() -> DtlsServerConfig {
    DtlsServerConfig { certificate: Some(CertificateConfig::default()), ..DtlsServerConfig::default() }
}

fn text(text: &str) -> Rope {
    Rope::from(text.as_bytes().to_vec())
}

/// What is said when.
type Said<'a> = &'a [(u64, &'a str)];

/// A server that answers with what it gets, and clients, each on a link of its own.
struct Bed {
    net: Net,
    mode: Mode,
    server: usize,
    clients: Vec<usize>,
    logs: Vec<crate::testing::Log>,
    server_log: crate::testing::Log,
}

impl Bed {
    fn new(mode: Mode, config: &DtlsServerConfig) -> Self {
        let mut net = Net::new(1);
        net.listens = true;
        let server = net.node("server", true);
        let probe = Probe::new(PORT).serving(Operation { name: "probe", bytes: 0 });
        let server_log = probe.log();
        net.app(server, "app", Secured::server(Box::new(probe), mode, config));
        Self { net, mode, server, clients: Vec::new(), logs: Vec::new(), server_log }
    }

    fn client(&mut self, config: &DtlsClientConfig, said: Said<'_>) -> usize {
        let number = self.clients.len();
        let node = self.net.node(&format!("client-{number}"), false);
        self.net.link(&format!("link-{number}"), node, self.server, link("", "50 ms"));
        let to = self.net.socket(self.server, PORT);
        let mut probe = Probe::new(0);
        for (when, what) in said {
            probe = probe.then(when * MS, Do::Send(to, text(what)));
        }
        self.logs.push(probe.log());
        self.clients.push(node);
        self.net.app(node, "app", Secured::client(Box::new(probe), self.mode, config, "server"));
        number
    }

    fn run(self, seconds: u64) -> Done {
        let mut world = self.net.build(1);
        world.run(Until::Time(at(seconds * 1_000 * MS)));
        Done { world, server: self.server, clients: self.clients, logs: self.logs, server_log: self.server_log }
    }
}

struct Done {
    world: World,
    server: usize,
    clients: Vec<usize>,
    logs: Vec<crate::testing::Log>,
    server_log: crate::testing::Log,
}

/// When datagrams have come \[ms\], and what they say.
fn datagrams(log: &crate::testing::Log) -> Vec<(u64, String)> {
    let data = events(log).into_iter().filter_map(|(when, event)| match event {
        Event::Datagram(_, data) => Some((when / MS, String::from_utf8(data.to_bytes().to_vec()).unwrap())),
        _ => None,
    });
    data.collect()
}

impl Done {
    fn answers(&self, client: usize) -> Vec<(u64, String)> {
        datagrams(&self.logs[client])
    }

    fn asked(&self) -> Vec<(u64, String)> {
        datagrams(&self.server_log)
    }

    fn at_client(&self, client: usize, name: &str) -> u64 {
        self.world.total(self.clients[client], "app", name)
    }

    fn at_server(&self, name: &str) -> u64 {
        self.world.total(self.server, "app", name)
    }
}

fn say(list: &[(u64, &str)]) -> Vec<(u64, String)> {
    list.iter().map(|(when, what)| (*when, (*what).to_owned())).collect()
}

const MODES: [Mode; 2] = [Mode::Sized, Mode::Real];

/// Sheet §7, S10: the client of DTLS 1.2 is done after 3 R, without a cookie after 2 R; of DTLS 1.3 after 2 R and 1 R. The first data come half a round trip
/// later, and their echo a whole one. Those that come next need no handshake.
#[test]
fn the_first_data_wait_for_so_many_round_trips() {
    use DtlsVersion::{Dtls12, Dtls13};
    let cases = [(Dtls12, true, 300), (Dtls12, false, 200), (Dtls13, true, 200), (Dtls13, false, 100)];
    for (mode, (version, cookies, done)) in MODES.into_iter().flat_map(|mode| cases.map(|case| (mode, case))) {
        for (client, server) in [(client_psk(), server_psk()), (DtlsClientConfig::default(), server_certified())] {
            let server = DtlsServerConfig { cookies, versions: Some(vec![version]), ..server };
            let client = DtlsClientConfig { versions: Some(vec![version]), ..client };
            let mut bed = Bed::new(mode, &server);
            bed.client(&client, &[(0, "first"), (2_000, "second")]);
            let done_at = bed.run(10);
            let what = format!("{mode:?} {version:?} {cookies}");
            assert_eq!(done_at.answers(0), say(&[(done + 100, "first"), (2_100, "second")]), "{what}");
            assert_eq!(done_at.asked(), say(&[(done + 50, "first"), (2_050, "second")]), "{what}");
            assert_eq!(done_at.at_client(0, "dtls_handshakes"), 1, "{what}");
            assert_eq!(done_at.at_client(0, "dtls_handshakes_us"), done * 1_000, "{what}");
            assert_eq!(done_at.at_client(0, "dtls_retried_handshakes"), u64::from(cookies), "{what}");
            assert_eq!(done_at.at_server("dtls_answered_hellos"), u64::from(cookies), "{what}");
        }
    }
}

/// Bytes of a handshake are those of all datagrams before the client's data, as they are seen on the link.
#[test]
fn bytes_of_a_handshake_are_those_of_its_datagrams() {
    let mut found = Vec::new();
    for mode in MODES {
        let mut bed = Bed::new(mode, &server_certified());
        bed.client(&DtlsClientConfig::default(), &[(0, "x")]);
        let mut done = bed.run(10);
        let reports = done.world.take_reports();
        let mut lens = Vec::new();
        for is_forward in [true, false] {
            let wire = done.world.wire(0, is_forward);
            // The data leave when the handshake is done: at 300 ms, behind the client's last flight of 200 ms; its Finished is the server's at 250 ms.
            let seen = World::seen(&reports, wire, LinkEnd::Sender);
            let early = seen.iter().filter(|seen| seen.at < at(300 * MS));
            lens.extend(early.map(|seen| match seen.packet.transport {
                Transport::Udp(_) => seen.packet.payload.len(),
                _ => panic!("all is UDP"),
            }));
        }
        let all: u64 = lens.iter().sum();
        assert_eq!(done.at_client(0, "dtls_handshake_bytes"), all);
        // The server has kept nothing of the first hello and of its answer to it: the cookie's, of 20 bytes (RFC 6347 §4.2.1): 13 + 12 + 2 + 1 + 20.
        assert_eq!(done.at_server("dtls_handshake_bytes"), all - lens[0] - 48);
        found.push(lens);
    }
    assert_eq!(found[0], found[1]);
}

/// A flight that is lost comes again after 1 s (S11): all is that much later. A copy of what waits is not sent twice.
#[test]
fn a_lost_flight_comes_again_and_copies_of_what_waits_do_not() {
    for mode in MODES {
        let mut bed = Bed::new(mode, &server_psk());
        bed.client(&client_psk(), &[(0, "first"), (900, "first"), (950, "second")]);
        let lost = |percent| LinkChange { loss: Some(Ratio::from_percent(percent)), ..LinkChange::default() };
        // The answer to the first hello, at 50 ms.
        bed.net.change(at(20 * MS), 0, false, lost(100));
        bed.net.change(at(80 * MS), 0, false, lost(0));
        let done = bed.run(10);
        assert_eq!(done.answers(0), say(&[(1_400, "first"), (1_400, "second")]));
        assert_eq!(done.at_client(0, "dtls_merged_datagrams"), 1);
        assert_eq!(done.at_client(0, "dtls_resent_flights"), 1);
        assert_eq!(done.at_client(0, "dtls_handshakes_us"), 1_300_000);
    }
}

/// A client that moves: with connection ids (RFC 9146 §6) the session goes on, and answers find it; without, what it sends is nobody's.
#[test]
fn a_session_survives_a_new_address_with_a_connection_id_alone() {
    for mode in MODES {
        for version in [DtlsVersion::Dtls12, DtlsVersion::Dtls13] {
            for has_ids in [true, false] {
                let versions = Some(vec![version]);
                let server = DtlsServerConfig {
                    connection_id: has_ids.then_some(4),
                    versions: versions.clone(),
                    ..server_psk()
                };
                let client = DtlsClientConfig { connection_id: has_ids.then_some(0), versions, ..client_psk() };
                let mut bed = Bed::new(mode, &server);
                bed.client(&client, &[(0, "here"), (5_000, "there"), (6_000, "again")]);
                let node = bed.clients[0];
                bed.net.readdress(at(2_000 * MS), node, 0, "198.51.100.77");
                let server = bed.server;
                bed.net.route(server, "198.51.100.77", 32, 0);
                let done = bed.run(20);
                let expected: &[(u64, &str)] = if has_ids { &[(5_100, "there"), (6_100, "again")] } else { &[] };
                assert_eq!(done.answers(0)[1..], say(expected), "{version:?} {has_ids}");
                assert_eq!(done.at_server("dtls_moved_peers"), u64::from(has_ids));
                assert_eq!(done.at_client(0, "dtls_handshakes"), 1);
            }
        }
    }
}

/// RFC 7252 §9.1.1: with a session goes what was agreed in it. A server with a place for one ends an observer's session at 100 s, when another client
/// asks: the observer is off the list, and registers again 5 to 15 s after it was told (RFC 7641 §3.3.1), and a round trip or more for a new session,
/// though Max-Age is an hour. So of the states each 10 s it misses those of 100 and 110 s at most.
#[test]
fn observers_go_with_their_sessions_and_register_again() {
    use crate::coap::{Client, ClientConfig, Server, ServerConfig};
    let mut net = Net::new(1);
    let (observer, other, server) = (net.node("observer", false), net.node("other", false), net.node("server", false));
    net.link("link", observer, server, link("", "50 ms"));
    net.link("further", other, server, link("", "50 ms"));
    let secure = DtlsServerConfig { sessions: Some(1), when_full: WhenFull::Evict, ..server_psk() };
    let changes = Some(crate::traffic::TimeDistribution::Fixed(Span::from_secs(10)));
    let max_age = Some(Span::from_secs(3_600));
    let app = Server::new(ServerConfig { port: Some(PORT), changes, max_age, ..ServerConfig::default() });
    net.app(server, "app", Secured::server(Box::new(app), Mode::Sized, &secure));
    let to = net.socket(server, PORT);
    let name = || crate::name::NodeName("server".into());
    let watches = ClientConfig { observe: true, ..ClientConfig::new(name()) };
    net.app(observer, "app", Secured::client(Box::new(Client::new(watches, to)), Mode::Sized, &client_psk(), "server"));
    let asks = ClientConfig { requests: 1, start: Span::from_secs(100), ..ClientConfig::new(name()) };
    net.app(other, "app", Secured::client(Box::new(Client::new(asks, to)), Mode::Sized, &client_psk(), "server"));
    let mut world = net.build(1);
    world.run(Until::Time(at(595 * 1_000 * MS)));
    let at_server = |name| world.total(server, "app", name);
    // Both were evicted: the observer once, and the other when the observer came back.
    assert_eq!((at_server("dtls_evicted_sessions"), at_server("lost_observers")), (2, 1));
    assert_eq!((world.total(other, "app", "responses"), world.total(observer, "app", "renewals")), (1, 1));
    let fresh = world.total(observer, "app", "fresh_notifications");
    assert!((57..=59).contains(&fresh), "{fresh}");
}

/// RFC 7252 §9.1.1: to CoAP over DTLS the endpoint is the session. A state each 10 s, and an observer that moves at 102 s and 302 s: it hears nothing
/// until it registers again, 20 s of Max-Age and 5 to 15 s after its last state, and is one observer all along: of the states of 10 to 590 s each
/// is due once, and all but those of at most 35 s twice are delivered.
#[test]
fn an_observer_that_moves_stays_one() {
    use crate::coap::{Client, ClientConfig, Server, ServerConfig};
    use crate::observe::Observation;
    let mut net = Net::new(1);
    let (node, server) = (net.node("client", false), net.node("server", false));
    net.link("link", node, server, link("", "50 ms"));
    let (secure, dtls) = (server_psk(), client_psk());
    let secure = DtlsServerConfig { connection_id: Some(4), ..secure };
    let dtls = DtlsClientConfig { connection_id: Some(0), ..dtls };
    let (changes, max_age) = (Some(crate::traffic::TimeDistribution::Fixed(Span::from_secs(10))), Span::from_secs(20));
    let app =
        Server::new(ServerConfig { port: Some(PORT), changes, max_age: Some(max_age), ..ServerConfig::default() });
    net.app(server, "app", Secured::server(Box::new(app), Mode::Sized, &secure));
    let config = ClientConfig { observe: true, ..ClientConfig::new(crate::name::NodeName("server".into())) };
    let to = net.socket(server, PORT);
    net.app(node, "app", Secured::client(Box::new(Client::new(config, to)), Mode::Sized, &dtls, "server"));
    for (when, address) in [(102, "198.51.100.77"), (302, "198.51.100.78")] {
        net.readdress(at(when * 1_000 * MS), node, 0, address);
        net.route(server, address, 32, 0);
    }
    let mut world = net.build(1);
    world.run(Until::Time(at(595 * 1_000 * MS)));
    assert_eq!(world.total(server, "app", "dtls_moved_peers"), 2);
    assert_eq!((world.total(server, "app", "states_due"), world.total(server, "app", "lost_observers")), (59, 0));
    assert_eq!(world.total(node, "app", "stale_notifications"), 0);
    // Each end reports a state by the same name, wherever the client is.
    let (mut begun, mut delivered) = (std::collections::BTreeSet::new(), Vec::new());
    for report in world.take_reports() {
        let Report::App { observation, .. } = report.report else { continue };
        match observation {
            Observation::ExchangeStarted(exchange) => drop(begun.insert(exchange)),
            Observation::RequestDelivered(exchange) if exchange.server.port() != PORT => delivered.push(exchange),
            _ => {}
        }
    }
    assert!((51..=55).contains(&delivered.len()), "{}", delivered.len());
    assert!(delivered.iter().all(|exchange| begun.contains(exchange)));
}

/// RFC 6347 §4.2.7: an alert that was lost is told again when what it answers comes again. The server's fourth datagram is its alert (after its request
/// for a cookie, its hello and HelloDone in one flight each), and is lost; the client's flight comes again after a second.
#[test]
fn an_alert_that_was_lost_is_told_again() {
    for mode in MODES {
        let mut bed = Bed::new(mode, &server_psk());
        let stranger = PskConfig { identity: "stranger".to_owned(), ..key() };
        let suites = Some(vec![DtlsSuite::PskAes128Ccm8]);
        let client = DtlsClientConfig { psk: Some(stranger), suites, ..client_psk() };
        bed.client(&client, &[(0, "a")]);
        // The client says hello at 0 and 100 ms, and sends its key at 200 ms; what answers it at 250 ms goes nowhere.
        let lost = |percent| LinkChange { loss: Some(Ratio::from_percent(percent)), ..LinkChange::default() };
        bed.net.change(at(220 * MS), 0, false, lost(100));
        bed.net.change(at(280 * MS), 0, false, lost(0));
        let done = bed.run(30);
        assert_eq!((done.at_client(0, "dtls_alerts_received"), done.at_client(0, "dtls_timed_out_handshakes")), (1, 0));
        assert_eq!((done.at_server("dtls_alerts_sent"), done.at_client(0, "dtls_resent_flights")), (1, 1));
    }
}

/// A session that the server has lost with its power is given up once nothing has come for as long as is said; the next one is there 300 ms later.
#[test]
fn a_dead_session_is_given_up_for_a_new_one() {
    for mode in MODES {
        let client = DtlsClientConfig { dead_after: Some(Span::from_secs(5)), ..client_psk() };
        let mut bed = Bed::new(mode, &server_psk());
        bed.client(&client, &[(0, "a"), (3_000, "b"), (7_000, "c"), (8_500, "d")]);
        let server = bed.server;
        bed.net.power(at(1_000 * MS), server, false);
        bed.net.power(at(2_000 * MS), server, true);
        let done = bed.run(20);
        assert_eq!(done.answers(0), say(&[(400, "a"), (8_900, "d")]));
        assert_eq!(done.at_client(0, "dtls_abandoned_sessions"), 1);
        assert_eq!(done.at_client(0, "dtls_handshakes"), 2);
    }
}

/// One datagram without an answer is no sign of a dead session, however long ago: at 3 s it is lost, and the next one, at 20 s, is answered. What
/// is lost at 40 s and at 42 s, a quarter of `dead_after` later, is: the next one at 60 s comes after a handshake.
#[test]
fn one_lost_datagram_is_no_dead_session() {
    let client = DtlsClientConfig { dead_after: Some(Span::from_secs(8)), ..client_psk() };
    let mut bed = Bed::new(Mode::Sized, &server_psk());
    let said = [(0, "a"), (3_000, "b"), (20_000, "c"), (40_000, "d"), (42_000, "e"), (60_000, "f")];
    bed.client(&client, &said);
    let lost = |percent| LinkChange { loss: Some(Ratio::from_percent(percent)), ..LinkChange::default() };
    for (from, until) in [(2_000, 4_000), (39_000, 43_000)] {
        bed.net.change(at(from * MS), 0, true, lost(100));
        bed.net.change(at(until * MS), 0, true, lost(0));
    }
    let done = bed.run(70);
    // It is known again: the new handshake is shorter by the round trip that a ticket spares.
    assert_eq!(done.answers(0)[..2], say(&[(400, "a"), (20_100, "c")]));
    assert_eq!(done.answers(0)[2..].iter().map(|(_, what)| what.as_str()).collect::<Vec<_>>(), ["f"]);
    assert_eq!((done.at_client(0, "dtls_abandoned_sessions"), done.at_client(0, "dtls_handshakes")), (1, 2));
}

/// A server with one place: the second client takes that of the first, which is told, and comes back with a shorter handshake (its ticket's: 1 R and a cookie's).
/// One that refuses leaves the second one outside until it gives up.
#[test]
fn a_server_without_room_sends_someone_away() {
    for mode in MODES {
        for when_full in [WhenFull::Evict, WhenFull::Refuse] {
            let server = DtlsServerConfig { sessions: Some(1), when_full, ..server_psk() };
            let mut bed = Bed::new(mode, &server);
            bed.client(&client_psk(), &[(0, "one"), (10_000, "one again")]);
            let tries = crate::dtls::config::user::DtlsRetransmission { tries: Some(2), ..Default::default() };
            bed.client(&DtlsClientConfig { retransmission: tries, ..client_psk() }, &[(5_000, "two")]);
            let done = bed.run(30);
            if when_full == WhenFull::Evict {
                assert_eq!(done.answers(0), say(&[(400, "one"), (10_300, "one again")]));
                assert_eq!(done.answers(1), say(&[(5_400, "two")]));
                assert_eq!(done.at_server("dtls_evicted_sessions"), 2);
                assert_eq!(
                    (done.at_client(0, "dtls_closed_sessions"), done.at_client(1, "dtls_closed_sessions")),
                    (1, 1)
                );
                assert_eq!(done.at_client(0, "dtls_resumed_handshakes"), 1);
            } else {
                assert_eq!(done.answers(0), say(&[(400, "one"), (10_100, "one again")]));
                assert_eq!(done.answers(1), []);
                // The hello with the cookie, and two copies of it.
                assert_eq!(done.at_server("dtls_refused_hellos"), 3);
                assert_eq!(done.at_client(1, "dtls_timed_out_handshakes"), 1);
                assert_eq!(done.at_client(1, "dtls_unsent_datagrams"), 1);
            }
        }
    }
}

/// A session over which nothing goes is ended after its time, the client told.
#[test]
fn an_idle_session_is_ended() {
    for mode in MODES {
        let server = DtlsServerConfig { idle_timeout: Some(Span::from_secs(10)), ..server_psk() };
        let mut bed = Bed::new(mode, &server);
        // The second comes within 10 s of the echo of the first, at 350 ms; the third does not.
        bed.client(&client_psk(), &[(0, "a"), (9_000, "b"), (25_000, "c")]);
        let done = bed.run(30);
        assert_eq!(done.answers(0), say(&[(400, "a"), (9_100, "b"), (25_300, "c")]));
        assert_eq!((done.at_server("dtls_idle_sessions"), done.at_client(0, "dtls_closed_sessions")), (1, 1));
    }
}

/// A chain of certificates is 882 + 628 bytes and more than a client of 3 kB can keep beside its session of 1.5 kB; what a pre-shared key needs is not. The
/// server hears of it (internal_error); each further datagram tries again. Nothing is kept of what has failed.
#[test]
fn a_handshake_too_large_for_the_memory_fails() {
    for mode in MODES {
        for version in [DtlsVersion::Dtls12, DtlsVersion::Dtls13] {
            let versions = Some(vec![version]);
            let server = DtlsServerConfig { versions: versions.clone(), psks: vec![key()], ..server_certified() };
            let mut bed = Bed::new(mode, &server);
            for config in [client_psk(), DtlsClientConfig::default()] {
                let config = DtlsClientConfig { versions: versions.clone(), ..config };
                let client = bed.client(&config, &[(0, "first"), (5_000, "second")]);
                let node = bed.clients[client];
                bed.net.device(node).memory = Some(Size::from_bytes(3_000));
            }
            let done = bed.run(20);
            assert_eq!(done.answers(0).len(), 2);
            assert_eq!(done.at_client(0, "dtls_out_of_memory"), 0);
            assert_eq!(done.answers(1), []);
            assert_eq!(done.at_client(1, "dtls_out_of_memory"), 2, "{version:?}");
            assert_eq!(done.at_client(1, "dtls_unsent_datagrams"), 2);
            assert_eq!(done.at_server("dtls_alerts_received"), 2);
        }
    }
}

/// A server without memory for a second session refuses it; one that is too small for any is not there for anybody.
#[test]
fn a_server_without_memory_refuses_sessions() {
    let mut bed = Bed::new(Mode::Sized, &server_psk());
    bed.client(&client_psk(), &[(0, "a")]);
    bed.client(&client_psk(), &[(5_000, "b")]);
    let server = bed.server;
    bed.net.device(server).memory = Some(Size::from_bytes(3_200));
    let done = bed.run(20);
    assert_eq!((done.answers(0).len(), done.answers(1).len()), (1, 0));
    assert!(done.at_server("dtls_out_of_memory") > 0);
    assert_eq!(done.at_client(1, "dtls_alerts_received"), done.at_server("dtls_out_of_memory"));
}

/// Data beyond the queue of a handshake are lost; those that no datagram takes are refused: 300 - 13 - 8 - 8 = 271 bytes of CCM_8 fit.
#[test]
fn what_waits_and_what_is_sent_have_limits() {
    let long = "x".repeat(272);
    let client = DtlsClientConfig {
        queue: Some(Size::from_bytes(600)),
        mtu: Some(Size::from_bytes(300)),
        suites: Some(vec![DtlsSuite::PskAes128Ccm8]),
        ..client_psk()
    };
    assert_eq!(client.most_data(), 271);
    let pieces: Vec<String> = (0..3).map(|index| index.to_string().repeat(250)).collect();
    let said: Vec<(u64, &str)> =
        pieces.iter().map(|piece| (0, piece.as_str())).chain([(1_000, &long[..]), (2_000, &long[1..])]).collect();
    let mut bed = Bed::new(Mode::Sized, &server_psk());
    bed.client(&client, &said);
    let done = bed.run(10);
    let expected = [(400, pieces[0].clone()), (400, pieces[1].clone()), (2_100, long[1..].to_owned())];
    assert_eq!(done.answers(0), expected);
    assert_eq!((done.at_client(0, "dtls_unsent_datagrams"), done.at_client(0, "dtls_too_long_datagrams")), (1, 1));
}

/// Whom there is nothing in common with is told so; a key that the server does not know is an alert, or none that holds.
#[test]
fn handshakes_that_fail_are_counted_by_cause() {
    let mut bed = Bed::new(Mode::Real, &server_psk());
    bed.client(&DtlsClientConfig::default(), &[(0, "a")]);
    let other = PskConfig { key: "secrets".to_owned(), ..key() };
    bed.client(&DtlsClientConfig { psk: Some(other), ..client_psk() }, &[(0, "b")]);
    let done = bed.run(10_000);
    assert_eq!(done.at_client(0, "dtls_alerts_received"), 1);
    // RFC 6347 §4.1.2.7: a Finished that cannot be opened is dropped. Both try until they give up.
    assert_eq!((done.at_client(1, "dtls_timed_out_handshakes"), done.at_server("dtls_timed_out_handshakes")), (1, 1));
    assert_eq!((done.answers(0).len(), done.answers(1).len()), (0, 0));
}
