//! How long until the first byte, to the nanosecond: round trips, and the time that the packets take which stand in each other's way.
//!
//! The link carries 8 Mbit/s, so that a byte takes a microsecond, and has 50 ms each way; hosts take no time. Of a capture only the lengths of packets are
//! used, and who sends them: a request's flights follow one another, and each begins when the last packet of the one before has come.

use super::{Exchange, Options, RunOutput, Total, Watch, run_all, run_one, setup};
use crate::scenario::{Request, load_text};
use protosim_models::observe::Outcome;
use protosim_models::packet::{TcpFlags, Transport};

/// One way \[ns\].
const WAY: u64 = 50_000_000;
/// A byte at 8 Mbit/s \[ns\].
const BYTE: u64 = 1_000;

fn run(server: &str, client: &str) -> RunOutput {
    let text = format!(
        r#"(
            format: 1,
            title: "A handshake",
            nodes: [(name: "client"), (name: "server")],
            links: [(name: "path", ends: ("client", "server"), rate: "8 Mbit/s", delay: "50 ms")],
            apps: [
                (name: "server", on: "server", run: HttpServer({server})),
                (name: "get", on: "client", run: HttpClient(to: "server", target: "/bytes/100", count: 3, think: "20 s", idle_timeout: "1 s"{client})),
            ],
        )"#
    );
    let loaded = load_text("handshake", "handshake.ron", &text, &Request::default(), false).unwrap();
    let scenario = &loaded.points[0].scenario;
    run_one(&setup(scenario), scenario, 0, 1, &Watch { capture: true, ..Watch::default() }).unwrap()
}

/// What each end sends in the last exchange, in order: whether it is the client, its length \[bytes\], and whether it carries data or a SYN.
fn packets(output: &RunOutput) -> Vec<(bool, u64, bool)> {
    let capture = output.capture.as_ref().unwrap();
    let started = output.exchanges.last().unwrap().started.unwrap();
    let name = |interface: u32| capture.interfaces[interface as usize].name.as_str();
    let mut sent = Vec::new();
    for packet in capture.packets.iter().filter(|packet| packet.at >= started) {
        let Transport::Tcp(header) = &packet.packet.transport else { panic!("all is TCP") };
        let is_at_client = name(packet.interface) == "path@client";
        // The client has the first address. Each packet is seen at both ends: it counts where it is sent.
        let is_clients = packet.packet.src().to_string() == "10.0.0.1";
        if is_at_client == is_clients {
            let counts = header.flags.has(TcpFlags::SYN) || !packet.packet.payload.is_empty();
            sent.push((is_clients, packet.packet.wire_len(), counts));
        }
    }
    sent
}

/// The first flights, as many packets in each as it says, beginning with the client: what they take if nothing overlaps.
fn time_of(output: &RunOutput, flights: &[usize], what: &str) -> u64 {
    let all: Vec<(bool, u64)> =
        packets(output).iter().filter(|(.., counts)| *counts).map(|(who, len, _)| (*who, *len)).collect();
    let mut rest = all.as_slice();
    let mut time = 0;
    for (number, count) in flights.iter().enumerate() {
        let is_clients = number % 2 == 0;
        let run = rest.iter().take_while(|(who, _)| *who == is_clients).count();
        // Of the last flight only what comes up to the first byte of the response.
        let is_last = number + 1 == flights.len();
        assert!(run == *count || (is_last && run > *count), "{what}: flight {number} has {run} packets: {all:?}");
        time += WAY + rest[..*count].iter().map(|(_, len)| len * BYTE).sum::<u64>();
        rest = &rest[run..];
    }
    time
}

fn first_byte(output: &RunOutput) -> u64 {
    output.exchanges.last().unwrap().first_byte.unwrap().as_nanos()
}

/// Round trips of the sheet (§7, S9): 2, 4, 3, 3, 2 and 1, and a retry's 4; with the packets of each flight.
#[test]
fn the_first_byte_comes_after_so_many_round_trips_and_the_time_of_its_packets() {
    let cases: [(&str, &str, &str, &[usize]); 9] = [
        ("HTTP", "", "", &[1, 1, 1, 1]),
        ("TLS 1.2", "tls: (versions: [Tls12], tickets: 0)", ", tls: ()", &[1, 1, 1, 2, 1, 1, 1, 1]),
        ("TLS 1.2, resumed", "tls: (versions: [Tls12])", ", tls: ()", &[1, 1, 1, 1, 1, 1]),
        ("TLS 1.3", "tls: (tickets: 0)", ", tls: ()", &[1, 1, 1, 2, 1, 1]),
        ("another hello", "tls: (tickets: 0, groups: [P256])", ", tls: ()", &[1, 1, 1, 1, 1, 2, 1, 1]),
        ("TLS 1.3, resumed", "tls: ()", ", tls: ()", &[1, 1, 1, 1, 1, 1]),
        ("early data", r#"tls: (early_data: "16 KiB")"#, ", tls: (early_data: true)", &[1, 1, 1, 1]),
        (
            "early data with Fast Open",
            r#"tls: (early_data: "16 KiB"), tcp: (fast_open: Server)"#,
            ", tls: (early_data: true), tcp: (fast_open: Client)",
            &[1, 2],
        ),
        // 12.5 kB, of nine packets: within the initial window of ten.
        (
            "ML-DSA-44",
            "tls: (tickets: 0, versions: [Tls13], groups: [X25519MlKem768], certificate: (key: MlDsa44))",
            ", tls: (versions: [Tls13], groups: [X25519MlKem768])",
            &[1, 1, 1, 9, 1, 1],
        ),
    ];
    for (what, server, client, flights) in cases {
        let output = run(server, client);
        assert_eq!(first_byte(&output), time_of(&output, flights, what), "{what}");
    }
}

/// The 16.5 kB of a server with ML-DSA-65 are twelve packets: ten go at once, and two more with the acknowledgement of the first. So the path
/// goes over the first packet, its acknowledgement and the last two: one round trip more.
#[test]
fn a_chain_beyond_the_initial_window_takes_another_round_trip() {
    let output = run(
        "tls: (tickets: 0, versions: [Tls13], groups: [X25519MlKem768], certificate: (key: MlDsa65))",
        ", tls: (versions: [Tls13], groups: [X25519MlKem768])",
    );
    let all = packets(&output);
    let data: Vec<u64> = all.iter().filter(|(who, _, counts)| !who && *counts).map(|(_, len, _)| *len).collect();
    let asked: Vec<u64> = all.iter().filter(|(who, _, counts)| *who && *counts).map(|(_, len, _)| *len).collect();
    let ack = all.iter().find(|(who, _, counts)| *who && !counts).unwrap().1;
    // SYN with ACK, twelve packets of the handshake, the response; SYN, hello, Finished with the request. And each says goodbye.
    assert_eq!((data.len(), asked.len()), (15, 4), "{all:?}");
    let path = [asked[0], data[0], asked[1], data[1], ack, data[11] + data[12], asked[2], data[13]];
    assert_eq!(first_byte(&output), path.iter().map(|len| WAY + len * BYTE).sum::<u64>(), "{all:?}");
}

/// What a host computes comes on top, where nothing waits for it meanwhile: the client's key share before its hello, its part of the secret and three
/// verifications before its request (RFC 8446 §4.4); what the server does while it answers.
#[test]
fn what_is_computed_comes_on_top() {
    let ideal = first_byte(&run("tls: (tickets: 0)", ", tls: ()"));
    let text = r#"(
            format: 1,
            title: "A handshake on a microcontroller",
            nodes: [
                (name: "client", device: (cpu: {
                    "tls.x25519.generate": (per_call: "9 ms"), "tls.x25519.agree": (per_call: "8 ms"), "tls.ecdsa-p256.verify": (per_call: "16 ms"),
                })),
                (name: "server", device: (cpu: {
                    "tls.x25519.generate": (per_call: "1 ms"), "tls.x25519.agree": (per_call: "1 ms"), "tls.ecdsa-p256.sign": (per_call: "2 ms"),
                })),
            ],
            links: [(name: "path", ends: ("client", "server"), rate: "8 Mbit/s", delay: "50 ms")],
            apps: [
                (name: "server", on: "server", run: HttpServer(tls: (tickets: 0))),
                (name: "get", on: "client", run: HttpClient(to: "server", target: "/bytes/100", count: 3, think: "20 s", idle_timeout: "1 s", tls: ())),
            ],
        )"#;
    let loaded = load_text("handshake", "handshake.ron", text, &Request::default(), false).unwrap();
    let scenario = &loaded.points[0].scenario;
    let output = run_one(&setup(scenario), scenario, 0, 1, &Watch::default()).unwrap();
    // The second packet of the server comes 0.5 ms after the first, while the client computes the secret: what is done meanwhile is not on top.
    let second = time_of_second(&run("tls: (tickets: 0)", ", tls: ()"));
    let computed = 9_000_000 + 8_000_000 + 3 * 16_000_000 + (1_000_000 + 1_000_000 + 2_000_000);
    assert_eq!(first_byte(&output), ideal + computed - second);
}

/// How long the second packet of the server's flight takes \[ns\].
fn time_of_second(output: &RunOutput) -> u64 {
    let servers: Vec<u64> =
        packets(output).iter().filter(|(who, _, counts)| !who && *counts).map(|(_, len, _)| *len).collect();
    servers[2] * BYTE
}

/// Bulk data over TLS, in both modes: 300 kB come as they were sent, and a reader of 200 kB/s holds the sender back through TLS and TCP: it takes
/// 1.5 s less what lies in buffers, where the link would carry them in 0.3 s.
#[test]
fn bulk_data_come_whole_and_wait_for_their_reader() {
    let take = |crypto: &str, version: &str| {
        let text = format!(
            r#"(
                format: 1,
                title: "Bulk data over TLS",
                nodes: [(name: "client"), (name: "server")],
                links: [(name: "path", ends: ("client", "server"), rate: "8 Mbit/s", delay: "5 ms")],
                apps: [
                    (name: "sink", on: "server", run: TcpSink(port: 443, read_rate: "1.6 Mbit/s", tls: (), tcp: (receive_buffer: "20 kB"))),
                    (name: "source", on: "client", run: TcpSource(to: "server", port: 443, bytes: "300 kB", tls: (versions: [{version}]), tcp: (send_buffer: "20 kB"))),
                ],
                crypto: {crypto},
            )"#
        );
        let loaded = load_text("bulk", "bulk.ron", &text, &Request::default(), false).unwrap();
        let scenario = &loaded.points[0].scenario;
        run_one(&setup(scenario), scenario, 0, 1, &Watch::default()).unwrap()
    };
    for version in ["Tls12", "Tls13"] {
        let [sized, real] = ["Sized", "Real"].map(|crypto| take(crypto, version));
        let count =
            |name: &str| sized.totals.iter().filter(|total| total.name == name).map(|total| total.value).sum::<u64>();
        assert_eq!((count("payload_bytes"), count("corrupted_bytes")), (300_000, 0));
        assert_eq!((count("completed_streams"), count("tls_truncated_streams")), (1, 0));
        let took = sized.exchanges[0].ending.as_ref().unwrap().after.as_secs_f64();
        assert!((1.2..1.6).contains(&took), "{took}");
        assert_eq!((&sized.totals, &sized.exchanges), (&real.totals, &real.exchanges), "{version}");
    }
}

/// What DTLS protects is as good as drawn: whether it is computed changes nothing, digests included.
#[test]
fn dtls_computed_or_not_has_the_same_digests() {
    let take = |crypto: &str| {
        let text = include_str!("../../../.ci/scenarios/dtls.ron");
        let text = text.replacen("format: 1,", &format!("format: 1, crypto: {crypto},"), 1);
        let loaded = load_text("dtls", "dtls.ron", &text, &Request::default(), false).unwrap();
        let scenario = &loaded.points[0].scenario;
        run_one(&setup(scenario), scenario, 0, 1, &Watch::default()).unwrap()
    };
    let [sized, real] = ["Sized", "Real"].map(take);
    assert!(sized.exchanges.len() > 50);
    assert_eq!((&sized.digests, &sized.totals, &sized.exchanges), (&real.digests, &real.totals, &real.exchanges));
}

/// One end has TLS and the other one none. A server of TLS answers what is no hello with an alert (RFC 8446 §6) and ends; one without it resets a hello, or
/// answers 400 (HTTP), or takes it for data (a sink). None of that is a response, nor the beginning of one.
#[test]
fn what_one_end_without_tls_makes_of_one_with_it_is_no_response() {
    let pairs = [
        ("TcpSink(port: 443TLS)", r#"TcpSource(to: "server", port: 443, bytes: "1 kB"TLS)"#),
        ("TcpServer(port: 443TLS)", r#"TcpClient(to: "server", port: 443, count: 2, timeout: "5 s"TLS)"#),
        ("HttpServer(port: 443TLS)", r#"HttpClient(to: "server", port: 443, count: 2, timeout: "5 s"TLS)"#),
    ];
    for (server, client) in pairs {
        for (theirs, ours) in [(", tls: ()", ""), ("", ", tls: ()")] {
            let (server, client) = (server.replace("TLS", theirs), client.replace("TLS", ours));
            let text = format!(
                r#"(
                    format: 1, title: "One end", nodes: [(name: "client"), (name: "server")],
                    links: [(name: "path", ends: ("client", "server"), rate: "8 Mbit/s", delay: "50 ms")],
                    apps: [(name: "server", on: "server", run: {server}), (name: "get", on: "client", run: {client})],
                    until: After("60 s"),
                )"#
            );
            let loaded = load_text("one", "one.ron", &text, &Request::default(), false).unwrap();
            assert!(loaded.warnings.contains("`get` asks `server` for what it does not have"), "{}", loaded.warnings);
            let scenario = &loaded.points[0].scenario;
            let output = run_one(&setup(scenario), scenario, 0, 1, &Watch::default()).unwrap();
            let what = format!("{server} {client}: {:?}", output.exchanges);
            assert!(!output.exchanges.is_empty(), "{what}");
            for exchange in &output.exchanges {
                let outcome = exchange.ending.map(|ending| ending.outcome);
                assert!(outcome != Some(Outcome::Response) && exchange.first_byte.is_none(), "{what}");
            }
        }
    }
}

/// A server of TLS with memory for some sixty sessions, clients that do not come to the end of their handshakes, and later one that does. RFC 8446 §6.1: a
/// direction that ends without close_notify is cut off; there is nothing to wait for then, nor for clients that are gone.
fn with_broken_clients(apps: &str, more: &str) -> (Vec<Exchange>, Vec<Total>) {
    let text = format!(
        r#"(
            format: 1, title: "Broken clients",
            nodes: [(name: "c", count: 80), (name: "r"), (name: "d"), (name: "s", device: (memory: "3 MB"))],
            links: [
                (name: "p", ends: ("c", "r"), rate: "8 Mbit/s", delay: "50 ms"), (name: "t", ends: ("r", "s"), rate: "80 Mbit/s", delay: "1 ms"),
                (name: "q", ends: ("d", "s"), rate: "8 Mbit/s", delay: "50 ms"),
            ],
            apps: [
                (name: "server", on: "s", run: HttpServer(tls: ())),
                (name: "fine", on: "d", run: HttpClient(to: "s", start: "100 s", count: 20, persistent: false, think: "1 s", timeout: "10 s", tls: ())),
                {apps}
            ],
            {more}
            until: After("200 s"),
        )"#
    );
    let loaded = load_text("t", "t.ron", &text, &Request::default(), false).unwrap_or_else(|error| panic!("{error}"));
    let output = run_all(&loaded, Options::default(), || ()).unwrap().remove(0).remove(0);
    let of_fine = output.exchanges.into_iter().filter(|exchange| exchange.app == 1).collect();
    (of_fine, output.totals.iter().collect())
}

#[test]
fn a_server_leaves_clients_that_do_not_come_to_the_end_of_their_handshakes() {
    let count = |totals: &[Total], name: &str| {
        let of_server = totals.iter().filter(|total| total.app.as_deref() == Some("server") && total.name == name);
        of_server.map(|total| total.value).sum::<u64>()
    };
    // One byte, and the end of the direction.
    let probes = r#"(name: "probe", on: "c", run: TcpSource(to: "s", port: 443, bytes: "1 B"))"#;
    let (fine, totals) = with_broken_clients(probes, "");
    assert!(fine.len() == 20 && fine.iter().all(|exchange| exchange.completion().is_some()), "{fine:?}");
    assert_eq!(count(&totals, "tls_timed_out_handshakes"), 0);
    assert!(count(&totals, "tls_truncated_streams") >= 40, "{totals:?}");
    // Clients whose way is cut after their hello: at 60 s they are given up.
    let gone = r#"(name: "gone", on: "c", run: HttpClient(to: "s", count: 1, tls: ()))"#;
    let (fine, totals) = with_broken_clients(gone, r#"timeline: [(at: "155 ms", node: "r", up: false)],"#);
    assert!(fine.len() == 20 && fine.iter().all(|exchange| exchange.completion().is_some()), "{fine:?}");
    assert!(count(&totals, "tls_timed_out_handshakes") >= 40, "{totals:?}");
}
