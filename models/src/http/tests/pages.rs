//! Pages under the kernel: the known numbers of round trips.
//!
//! The link takes 50 ms each way and has no rate, so that a round trip R is 100 ms and nothing else takes time.

use super::*;
use crate::http::HttpVersion;
use crate::node::Report;
use crate::tcp::TcpConfig;
use crate::testing::{Net, World, link};
use protosim_core::kernel::{Interests, Reported};
use protosim_core::{SimTime, Until};

/// A round trip \[ns\].
const R: u64 = 100 * MS;

fn page(levels: &[u64]) -> PageConfig {
    let levels =
        levels.iter().map(|objects| LevelConfig { objects: CountDistribution::Fixed(*objects), size: fixed(100) });
    PageConfig { document: fixed(1000), levels: levels.collect(), parse: TimeDistribution::Fixed(Span::ZERO) }
}

fn one_page(levels: &[u64]) -> HttpClientConfig {
    HttpClientConfig { page: Some(page(levels)), count: Some(1), ..client_config() }
}

fn run(config: HttpClientConfig, served: HttpServerConfig) -> (World, Vec<Reported<Report>>) {
    assert_eq!((config.check(), served.check()), (vec![], vec![]));
    let to = Net::chain(&[link("", "50 ms")]).socket(1, served.port());
    let mut net = Net::chain(&[link("", "50 ms")]);
    net.app(0, "client", HttpClient::new(config, to));
    net.app(1, "server", HttpServer::new(served));
    let mut world = net.build(1);
    world.listen(Interests::RESULTS);
    world.run(Until::Time(SimTime::from_nanos(200_000 * MS)));
    let reports = world.take_reports();
    (world, reports)
}

/// When what was observed \[ns\].
fn observed(reports: &[Reported<Report>]) -> Vec<(u64, Observation)> {
    let of_apps = reports.iter().filter_map(|reported| match &reported.report {
        Report::App { observation, .. } => Some((reported.at.as_nanos(), observation.clone())),
        _ => None,
    });
    of_apps.collect()
}

/// From the start of each exchange to its delivery, to its first byte and to its end, in round trips; all of them completed.
fn round_trips(reports: &[Reported<Report>]) -> Vec<[f64; 3]> {
    let mut all: Vec<(u64, [f64; 3])> = Vec::new();
    for (at, observation) in observed(reports) {
        let index = match observation {
            Observation::ExchangeStarted(_) => {
                all.push((at, [f64::NAN; 3]));
                continue;
            }
            Observation::RequestDelivered(_) => 0,
            Observation::ResponseBegan(_) => 1,
            Observation::ExchangeEnded { outcome: Outcome::Response, .. } => 2,
            other => panic!("{other:?}"),
        };
        let (start, times) = all.last_mut().unwrap();
        if times[index].is_nan() {
            times[index] = (at - *start) as f64 / R as f64;
        }
    }
    all.into_iter().map(|(_, times)| times).collect()
}

fn loads(config: HttpClientConfig) -> f64 {
    let (world, reports) = run(config, HttpServerConfig::new(80));
    assert_eq!(world.total(0, "client", "corrupted_bytes"), 0);
    round_trips(&reports)[0][2]
}

/// A handshake and a request: the first byte after two round trips, at the server after one and a half. The second exchange has its
/// connection.
#[test]
fn the_first_byte_comes_after_two_round_trips() {
    let config = HttpClientConfig { count: Some(2), ..client_config() };
    let (_, reports) = run(config, HttpServerConfig::new(80));
    assert_eq!(round_trips(&reports), [[1.5, 2.0, 2.0], [0.5, 1.0, 1.0]]);
}

/// Each of N + 1 requests opens a connection: 2R (N + 1).
#[test]
fn http_1_0_takes_two_round_trips_for_each_object() {
    let (version, connections) = (HttpVersion::Http10, Some(1));
    assert_eq!(loads(HttpClientConfig { version, connections, ..one_page(&[10]) }), 22.0);
    // The same without keep-alive in HTTP/1.1.
    assert_eq!(loads(HttpClientConfig { persistent: Some(false), connections, ..one_page(&[10]) }), 22.0);
}

/// k at a time: 2R + 2R ceil(N / k).
#[test]
fn http_1_0_in_parallel_takes_fewer() {
    let version = HttpVersion::Http10;
    assert_eq!(loads(HttpClientConfig { version, ..one_page(&[10]) }), 6.0);
    assert_eq!(loads(HttpClientConfig { version, ..one_page(&[12]) }), 6.0);
    assert_eq!(loads(HttpClientConfig { version, ..one_page(&[13]) }), 8.0);
}

/// One connection: 2R + N R; with keep-alive in HTTP/1.0 too.
#[test]
fn a_persistent_connection_takes_one_for_each() {
    let connections = Some(1);
    assert_eq!(loads(HttpClientConfig { connections, ..one_page(&[10]) }), 12.0);
    let (version, persistent) = (HttpVersion::Http10, Some(true));
    assert_eq!(loads(HttpClientConfig { connections, version, persistent, ..one_page(&[10]) }), 12.0);
}

/// All objects in one round trip: 3R. Four at a time, of ten: 2R + 3R.
#[test]
fn pipelining_takes_one_for_all() {
    let connections = Some(1);
    assert_eq!(loads(HttpClientConfig { connections, pipelining: Some(10), ..one_page(&[10]) }), 3.0);
    // As soon as a response is there the next request goes: four responses come at once.
    assert_eq!(loads(HttpClientConfig { connections, pipelining: Some(4), ..one_page(&[10]) }), 5.0);
}

/// One warm connection and k - 1 that are opened when the document is there: (2 + m) R with m = ceil((N + k - 1) / k).
#[test]
fn connections_are_opened_when_they_are_needed() {
    let connections = |reports: &World| reports.total(0, "client", "connections");
    for (objects, k, m) in [(10, 6, 3), (7, 6, 2), (8, 6, 3), (13, 6, 3), (14, 6, 4), (1, 6, 1), (5, 2, 3), (6, 3, 3)] {
        let config = HttpClientConfig { connections: Some(k), ..one_page(&[objects]) };
        let (world, reports) = run(config, HttpServerConfig::new(80));
        assert_eq!(round_trips(&reports)[0][2], f64::from(2 + m), "{objects} objects over {k}");
        // As many as there are objects to wait for, and no more.
        assert_eq!(connections(&world), u64::from(k).min(objects), "{objects} objects over {k}");
    }
}

/// Parsing takes 30 ms after the document and after each of two objects, of which each has two more. With one connection: 2R, 30 ms, object 1 at
/// 3R + 30 ms, object 2 at 4R + 30 ms; those of object 1 are known of at 3R + 60 ms, and follow it at once: 8R + 30 ms in all.
#[test]
fn objects_are_found_when_their_parents_are_parsed() {
    let parse = TimeDistribution::Fixed(Span::from_millis(30));
    let config = HttpClientConfig {
        page: Some(PageConfig { parse: parse.clone(), ..page(&[2, 4]) }),
        connections: Some(1),
        ..one_page(&[1])
    };
    assert_eq!(loads(config), 8.3);
    // Three levels of one object each, over any number: 2R, and three times 30 ms and R.
    let config = HttpClientConfig { page: Some(PageConfig { parse, ..page(&[1, 1, 1]) }), ..one_page(&[1]) };
    assert_eq!(loads(config), 5.9);
}

/// The server takes 20 ms for each request, one after the other on a connection: ten pipelined ones take 200 ms, on ten connections 20 ms.
#[test]
fn a_connection_is_served_in_order() {
    let served =
        HttpServerConfig { processing: TimeDistribution::Fixed(Span::from_millis(20)), ..HttpServerConfig::new(80) };
    let config = HttpClientConfig { connections: Some(1), pipelining: Some(10), ..one_page(&[10]) };
    let (_, reports) = run(config, served.clone());
    assert_eq!(round_trips(&reports), [[1.5, 2.2, 5.2]]);
    let config = HttpClientConfig { connections: Some(10), ..one_page(&[10]) };
    let (_, reports) = run(config, served);
    // 2.2 R, then one over the warm one and nine that have to be opened: R, R and 20 ms.
    assert_eq!(round_trips(&reports), [[1.5, 2.2, 4.4]]);
}

/// 17 bytes of the status line, 22 of Server, 37 of Date, 25 of Content-Type, 23 of Content-Length, 46 of Last-Modified, 24 of
/// Connection, 27 of ETag and 2: 223. With 14377 of content that are ten segments of 1460, which the first window has; one more takes
/// another round trip.
#[test]
fn a_response_takes_as_many_rounds_as_slow_start() {
    let tcp = TcpConfig { timestamps: Some(false), delayed_ack: Some(Span::ZERO), ..TcpConfig::default() };
    let takes = |bytes: u64| {
        let target = Some(format!("/bytes/{bytes}"));
        let config = HttpClientConfig { target, count: Some(1), tcp: tcp.clone(), ..client_config() };
        let served =
            HttpServerConfig { server: "nginx/1.22.1".to_owned(), tcp: tcp.clone(), ..HttpServerConfig::new(80) };
        let (world, reports) = run(config, served);
        assert_eq!(world.total(0, "client", "response_bytes"), bytes + 223);
        round_trips(&reports)[0][2]
    };
    // Ten segments in the first round behind the handshake, thirty in two, and one more in a third.
    assert_eq!([14_377, 14_378, 43_577, 43_578].map(takes), [2.0, 3.0, 3.0, 4.0]);
}

/// The server closes after three requests: of ten pipelined ones two are answered after the document, and the others asked for on further
/// connections. Nothing is lost, whatever closes first.
#[test]
fn nothing_is_lost_when_connections_are_closed() {
    let served = HttpServerConfig { max_requests: 3, ..HttpServerConfig::new(80) };
    let config = HttpClientConfig { connections: Some(1), pipelining: Some(10), ..one_page(&[10]) };
    let (world, reports) = run(config, served);
    assert_eq!(round_trips(&reports).len(), 1);
    // 11 responses, three a connection.
    assert_eq!(["responses", "connections", "broken_requests"].map(|name| world.total(0, "client", name)), [11, 4, 0]);
    // A keep-alive of 1 s and 1 s of thinking: the client's request and the server's FIN cross each other.
    let served = HttpServerConfig { keep_alive: Span::from_millis(1_050), ..HttpServerConfig::new(80) };
    let config = HttpClientConfig { count: Some(3), ..client_config() };
    let (world, reports) = run(config, served);
    let moved = observed(&reports).iter().filter(|(_, what)| matches!(what, Observation::ExchangeMoved { .. })).count();
    let done = observed(&reports).into_iter().filter(|(_, what)| {
        matches!(what, Observation::ExchangeEnded { outcome: Outcome::Response, transmissions: 2, .. })
    });
    assert_eq!((moved, done.count()), (2, 2));
    assert_eq!(["responses", "connections", "retries"].map(|name| world.total(0, "client", name)), [3, 3, 2]);
}

/// Whatever is lost on the way, and however often connections are closed under requests, all of each page comes, as it should be.
#[test]
fn pages_come_whole_over_lossy_links() {
    let ways = [
        HttpClientConfig { ..one_page(&[6, 9]) },
        HttpClientConfig { connections: Some(2), pipelining: Some(5), ..one_page(&[12]) },
        HttpClientConfig { version: HttpVersion::Http10, ..one_page(&[7]) },
        HttpClientConfig {
            version: HttpVersion::Http10,
            persistent: Some(true),
            connections: Some(3),
            ..one_page(&[7])
        },
    ];
    for (way, seed) in ways.into_iter().flat_map(|way| (1..=5).map(move |seed| (way.clone(), seed))) {
        let config = HttpClientConfig { count: Some(5), think: TimeDistribution::Fixed(Span::from_millis(700)), ..way };
        let chunked = (seed % 2 == 0).then(|| Size::from_bytes(300));
        let keep_alive = Span::from_millis(650);
        let served = HttpServerConfig { max_requests: 4, keep_alive, chunked, ..HttpServerConfig::new(80) };
        let lossy =
            crate::link::LinkConfig { loss: Some(protosim_core::Ratio::from_percent(6)), ..link("10 Mbit/s", "20 ms") };
        let mut net = Net::new(seed);
        net.node("n000", false);
        net.node("n001", false);
        net.link("l000", 0, 1, lossy);
        let to = net.socket(1, 80);
        net.app(0, "client", HttpClient::new(config.clone(), to));
        net.app(1, "server", HttpServer::new(served));
        let mut world = net.build(1);
        world.listen(Interests::RESULTS);
        world.run_until_quiet();
        let observed = observed(&world.take_reports());
        let done = observed
            .iter()
            .filter(|(_, what)| matches!(what, Observation::ExchangeEnded { outcome: Outcome::Response, .. }));
        assert_eq!(done.count(), 5, "seed {seed}, {config:?}");
        let names = ["corrupted_bytes", "broken_requests", "unexpected_responses", "timed_out", "refused_calls"];
        assert_eq!(names.map(|name| world.total(0, "client", name)), [0; 5], "seed {seed}, {config:?}");
        let names = ["malformed_requests", "refused_calls", "corrupted_bytes"];
        assert_eq!(names.map(|name| world.total(1, "server", name)), [0; 3], "seed {seed}, {config:?}");
    }
}

/// The same seed draws the same pages; sizes and numbers come from their laws.
#[test]
fn pages_are_drawn() {
    let page = PageConfig {
        document: SizeDistribution::Uniform { low: Size::from_bytes(1000), high: Size::from_bytes(2000) },
        levels: vec![LevelConfig {
            objects: CountDistribution::Uniform { low: 3, high: 5 },
            size: SizeDistribution::Exponential { mean: Size::from_bytes(5000) },
        }],
        parse: TimeDistribution::Exponential { mean: Span::from_millis(10) },
    };
    let config = HttpClientConfig { page: Some(page), count: Some(20), ..client_config() };
    let totals = || {
        let (world, reports) = run(config.clone(), HttpServerConfig::new(80));
        assert_eq!(round_trips(&reports).len(), 20);
        assert_eq!(world.total(0, "client", "corrupted_bytes"), 0);
        ["responses", "content_bytes"].map(|name| world.total(0, "client", name))
    };
    let [responses, bytes] = totals();
    assert!((80..=120).contains(&responses), "{responses}");
    // 20 documents of 1500 B and about 80 objects of 5000 B: 430 kB, with a deviation of 5000 B times the root of 80 and more.
    assert!((250_000..650_000).contains(&bytes), "{bytes}");
    assert_eq!(totals(), [responses, bytes]);
}
