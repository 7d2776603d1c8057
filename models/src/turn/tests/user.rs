//! The application that sends through a relay, with a relay on another host and a peer on a third.

use super::super::{Transport, TurnClient, TurnClientConfig, TurnServer, TurnServerConfig};
use super::*;
use crate::app::App;
use crate::name::NodeName;
use crate::node::Report;
use crate::observe::{Observation, Outcome};
use crate::tcp::TcpConfig;
use crate::testing::{Net, Probe, World, link};
use crate::tls::crypto::Mode;
use crate::tls::{Secured, TlsClientConfig, TlsServerConfig};
use crate::traffic::{UdpServer, UdpServerConfig};
use protosim_core::{Size, Until};

fn name(text: &str) -> NodeName {
    NodeName(text.to_owned())
}

fn config() -> TurnClientConfig {
    TurnClientConfig {
        count: Some(3),
        interval: Span::from_millis(100),
        timeout: Span::from_millis(500),
        ..TurnClientConfig::new(name("server"), ["alice", "secret"], name("peer"), 9)
    }
}

/// Links of 5 ms from each of the three hosts to a router: 20 ms from one to another and back.
fn hosts() -> (Net, [usize; 3]) {
    let mut net = Net::new(7);
    let [client, router, server, peer] =
        ["client", "router", "server", "peer"].map(|name| net.node(name, name == "router"));
    for (name, node) in [("l0", client), ("l1", server), ("l2", peer)] {
        net.link(name, node, router, link("", "5 ms"));
    }
    (net, [client, server, peer])
}

fn total(world: &World, node: usize, app: &str, names: &[&str]) -> Vec<u64> {
    names.iter().map(|name| world.total(node, app, name)).collect()
}

/// A client with `config`, of a relay with `relay`, and a peer that answers with 64 B; quiet at the end.
fn run(config: TurnClientConfig, relay: TurnServerConfig, peer: Option<UdpServer>) -> (World, [usize; 3]) {
    assert_eq!((config.check(), relay.check()), (vec![], vec![]));
    let (mut net, hosts) = hosts();
    let [client, server, at] = hosts;
    let ends = (net.socket(server, config.port), net.socket(at, config.peer_port));
    let (client_tls, server_tls) = (config.tls.clone(), relay.tls.clone());
    let config = TurnClientConfig { peer_address: Some(ends.1.ip()), ..config };
    let user: Box<dyn App> = Box::new(TurnClient::new(config, ends.0));
    let relay: Box<dyn App> = Box::new(TurnServer::new(relay));
    let user = match client_tls {
        Some(tls) => Box::new(Secured::client(user, Mode::Sized, &tls, "server")),
        None => user,
    };
    let relay = match server_tls {
        Some(tls) => Box::new(Secured::server(relay, Mode::Sized, &tls)),
        None => relay,
    };
    net.app(client, "user", super::apps::Boxed(user));
    net.app(server, "turn", super::apps::Boxed(relay));
    match peer {
        Some(peer) => net.app(at, "peer", peer),
        None => net.app(at, "peer", Probe::new(9)),
    }
    let mut world = net.build(1);
    world.run(Until::Quiet);
    (world, hosts)
}

fn echo() -> Option<UdpServer> {
    Some(UdpServer::new(UdpServerConfig::new(9)))
}

/// With R = 20 ms, the relayed address is there after 2 R over UDP, 3 R over TCP, 4 R over TLS 1.3, its channel or permission after one R more;
/// then a datagram goes every 100 ms, and each is back 2 R later. The peer calls them as the client does: by the relayed address.
#[test]
fn datagrams_go_through_a_relay_and_come_back() {
    for (transport, rounds) in [(Transport::Udp, 2), (Transport::Tcp, 3), (Transport::Tls, 4)] {
        for channel in [true, false] {
            let (mut config, mut relay) =
                (TurnClientConfig { channel, ..config() }, TurnServerConfig::new(credentials()));
            if transport.is_stream() {
                (config.tcp, relay.tcp) = (Some(TcpConfig::default()), Some(TcpConfig::default()));
            }
            if transport == Transport::Tls {
                config.tls = Some(Box::new(TlsClientConfig::default()));
                relay.tls = Some(Box::new(TlsServerConfig::default()));
            }
            let (mut world, [client, server, peer]) = run(config, relay, echo());
            let names = ["allocations", "lost_allocations", "released_allocations", "refused_peers", "refused_calls"];
            assert_eq!(total(&world, client, "user", &names), [1, 0, 1, 0, 0]);
            // Allocate without and with credentials, ChannelBind or CreatePermission, Refresh.
            let names = ["requests", "challenges", "datagrams", "echoes", "echo_payload_bytes", "timed_out"];
            assert_eq!(total(&world, client, "user", &names), [4, 1, 3, 3, 192, 0], "{transport:?}, {channel}");
            assert_eq!(total(&world, peer, "peer", &["requests", "request_payload_bytes"]), [3, 192]);
            let names = ["packets_to_peers", "packets_to_clients", "unpermitted_from_peers", "refused_calls"];
            assert_eq!(total(&world, server, "turn", &names), [3, 3, 0, 0]);
            let mut seen: Vec<(u64, char, _)> = Vec::new();
            for reported in world.take_reports() {
                let at = reported.at.as_nanos() / 1_000_000;
                let Report::App { observation, .. } = reported.report else { continue };
                match observation {
                    Observation::ExchangeStarted(id) => seen.push((at, 's', id)),
                    Observation::RequestDelivered(id) => seen.push((at, 'd', id)),
                    Observation::ExchangeEnded { exchange, outcome, .. } => {
                        assert_eq!(outcome, Outcome::Response);
                        seen.push((at, 'e', exchange));
                    }
                    _ => {}
                }
            }
            let first = (rounds + 1) * 20;
            let times: Vec<_> = seen.iter().map(|(at, what, _)| (*at, *what)).collect();
            let of = |index: u64| {
                let sent = first + 100 * index;
                [(sent, 's'), (sent + 20, 'd'), (sent + 40, 'e')]
            };
            assert_eq!(times, [of(0), of(1), of(2)].concat());
            for exchange in seen.chunks(3) {
                assert!(exchange.iter().all(|(.., id)| *id == exchange[0].2), "{exchange:?}");
            }
        }
    }
}

/// A peer that says nothing: each echo is given up after 500 ms, and the relayed address is given back then.
#[test]
fn echoes_that_do_not_come_are_given_up() {
    let (world, [client, server, _]) = run(config(), TurnServerConfig::new(credentials()), None);
    let names = ["datagrams", "echoes", "timed_out", "released_allocations"];
    assert_eq!(total(&world, client, "user", &names), [3, 0, 3, 1]);
    assert_eq!(total(&world, server, "turn", &["packets_to_peers"]), [3]);
    // The last one is sent at 260 ms, and the Refresh takes 20 ms.
    assert_eq!(world.sim.now().as_nanos(), 780_000_000);
}

/// No credentials that the relay knows (401), no peer that it lets in (403), no relay at all over UDP (ICMP) and TCP (reset): it is over, and nothing
/// was sent.
#[test]
fn what_is_refused_is_not_tried_again() {
    let names =
        ["allocations", "lost_allocations", "released_allocations", "refused_peers", "datagrams", "refused_calls"];
    let good = || TurnServerConfig::new(credentials());
    let wrong = TurnClientConfig { password: "other".to_owned(), ..config() };
    let (world, [client, server, _]) = run(wrong, good(), echo());
    assert_eq!(total(&world, client, "user", &names), [0, 1, 0, 0, 0, 0]);
    assert_eq!(total(&world, server, "turn", &["unauthenticated"]), [2]);

    for channel in [true, false] {
        let forbidden_peers = vec![hosts().0.address(3)];
        let relay = TurnServerConfig { forbidden_peers, ..good() };
        let (world, [client, server, _]) = run(TurnClientConfig { channel, ..config() }, relay, echo());
        assert_eq!(total(&world, client, "user", &names), [1, 0, 1, 1, 0, 0]);
        assert_eq!(total(&world, server, "turn", &["forbidden_peers"]), [1]);
    }
    for tcp in [None, Some(TcpConfig::default())] {
        let (world, [client, ..]) = run(TurnClientConfig { port: 3479, tcp, ..config() }, good(), echo());
        assert_eq!(total(&world, client, "user", &names), [0, 1, 0, 0, 0, 0]);
    }
}

#[test]
fn what_a_client_cannot_say() {
    let fields = |config: TurnClientConfig| config.check().into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    assert_eq!(fields(config()), [""; 0]);
    let zero = Span::ZERO;
    let wrong = TurnClientConfig { port: 0, peer_port: 0, count: Some(0), interval: zero, timeout: zero, ..config() };
    assert_eq!(fields(wrong), ["port", "peer_port", "count", "interval", "timeout"]);
    let nameless = TurnClientConfig { username: String::new(), password: String::new(), ..config() };
    assert_eq!(fields(nameless), ["username", "password"]);
    assert_eq!(fields(TurnClientConfig { tls: Some(Box::default()), ..config() }), ["tls"]);
    for payload in [7, 65_460] {
        assert_eq!(fields(TurnClientConfig { payload: Size::from_bytes(payload), ..config() }), ["payload"]);
    }
}
