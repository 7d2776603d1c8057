//! The application on a host.

use super::super::wire::{Attribute, Fields, Message};
use super::super::{StunAlternate, StunClient, StunClientConfig, StunServer, StunServerConfig};
use super::client_and_server::request;
use crate::name::NodeName;
use crate::node::LinkEnd;
use crate::observe::{Observation, Outcome};
use crate::rope::Rope;
use crate::testing::{Do, Event, Net, Probe, World, events, link};
use protosim_core::Until;
use std::net::SocketAddr;

/// One round trip of 20 ms, and the address that the request came from; what is no STUN is not answered.
#[test]
fn a_server_on_a_host_answers() {
    let mut net = Net::chain(&[link("", "10 ms")]);
    let server = net.socket(1, 3478);
    let asked = Do::Send(server, request().finish().into());
    let probe = Probe::new(1_000).then(0, asked).then(0, Do::Send(server, vec![0x80; 20].into()));
    let log = probe.log();
    let config = StunServerConfig::new();
    assert_eq!(config.check(), []);
    net.app(0, "probe", probe);
    net.app(1, "stun", StunServer::new(config));
    let client = net.socket(0, 1_000);
    let mut world = net.build(1);
    world.run(Until::Quiet);
    let [(20_000_000, Event::Datagram(from, payload))] = &events(&log)[..] else { panic!("{:?}", events(&log)) };
    assert_eq!(*from, server);
    let bytes = payload.to_bytes();
    assert_eq!(Fields::read(&Message::parse(&bytes).unwrap()).xor_mapped, Some(client));
    let total = |name| world.total(1, "stun", name);
    assert_eq!(["requests", "successes", "malformed_messages", "refused_calls"].map(total), [1, 1, 1, 0]);
}

fn client(count: u64) -> StunClientConfig {
    StunClientConfig { count: Some(count), ..StunClientConfig::new(NodeName("server".to_owned())) }
}

/// Three requests, 15 s apart, each answered after 20 ms with the address that the client knows itself.
#[test]
fn a_client_asks_for_its_address() {
    let mut net = Net::chain(&[link("", "10 ms")]);
    let server = net.socket(1, 3478);
    net.app(0, "ask", StunClient::new(client(3), server));
    net.app(1, "stun", StunServer::new(StunServerConfig::new()));
    let mut world = net.build(1);
    world.run(Until::Quiet);
    assert_eq!(world.take_arrivals(0, true), [10_000_000, 15_010_000_000, 30_010_000_000]);
    let total = |name| world.total(0, "ask", name);
    let names = ["requests", "transmissions", "responses", "translated_responses", "mapping_changes", "timed_out"];
    assert_eq!(names.map(total), [3, 3, 3, 0, 0, 0]);
}

/// I1: to a node where packets vanish a request is sent at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s, and fails at 39.5 s. Here a probe
/// takes them and says nothing.
#[test]
fn a_client_of_a_black_hole_gives_up_after_39_5_s() {
    let mut net = Net::chain(&[link("", "10 ms")]);
    let server = net.socket(1, 3478);
    net.app(0, "ask", StunClient::new(client(1), server));
    net.app(1, "hole", Probe::new(3478));
    let mut world = net.build(1);
    world.run(Until::Quiet);
    let sent = [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500].map(|millis| millis * 1_000_000 + 10_000_000);
    assert_eq!(world.take_arrivals(0, true), sent);
    assert_eq!(world.sim.now().as_nanos(), 39_500_000_000);
    assert_eq!(["requests", "transmissions", "timed_out"].map(|name| world.total(0, "ask", name)), [1, 7, 1]);
}

/// Where nobody listens, the ICMP error ends the request after a round trip (RFC 8489 §6.2.1).
#[test]
fn a_client_of_nobody_is_told() {
    let mut net = Net::chain(&[link("", "10 ms")]);
    let server = net.socket(1, 3478);
    net.app(0, "ask", StunClient::new(client(1), server));
    net.app(1, "other", Probe::new(9));
    let mut world = net.build(1);
    world.run(Until::Quiet);
    assert_eq!(world.sim.now().as_nanos(), 20_000_000);
    let reports = world.take_reports();
    let is_reset = |report: &crate::node::Report| {
        matches!(
            report,
            crate::node::Report::App {
                observation: Observation::ExchangeEnded { outcome: Outcome::Reset, transmissions: 1, .. },
                ..
            }
        )
    };
    assert_eq!(reports.iter().filter(|reported| is_reset(&reported.report)).count(), 1);
    assert_eq!(["requests", "transmissions", "unreachable"].map(|name| world.total(0, "ask", name)), [1, 1, 1]);
}

#[test]
fn what_a_client_cannot_say() {
    let fields = |config: StunClientConfig| config.check().into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    assert_eq!(fields(client(1)), [""; 0]);
    let zero = protosim_core::Span::ZERO;
    let wrong = StunClientConfig { port: 0, interval: zero, rto: zero, transmissions: 33, ..client(0) };
    assert_eq!(fields(wrong), ["port", "count", "interval", "rto", "transmissions"]);
}

/// RFC 5780 §7.3: a server with two links is asked at each of its four sockets for an answer from another address and port. It comes
/// from the socket that differs in both, over the link that has its address: 2 ms there, and as much back.
///
/// ```text
///  client -- l0 -- r -- l1 -- server
///                  r -- l2 -- server
/// ```
#[test]
fn a_server_with_two_addresses_answers_from_the_other_one() {
    let mut net = Net::new(1);
    let [client, r, server] = ["client", "r", "server"].map(|name| net.node(name, name == "r"));
    for (name, (first, second)) in [("l0", (client, r)), ("l1", (r, server)), ("l2", (r, server))] {
        net.link(name, first, second, link("", "1 ms"));
    }
    let ips = [1, 2].map(|link| net.end(link, false));
    let socket = |ip: usize, port: u16| SocketAddr::new(ips[ip], port);
    let change = |ip, port| Rope::from(request().with(Attribute::ChangeRequest { ip, port }).finish());
    let mut probe = Probe::new(1_000);
    let all = [(0, 3478), (0, 3479), (1, 3478), (1, 3479)];
    for (nanos, (ip, port)) in all.into_iter().enumerate() {
        probe = probe.then(nanos as u64, Do::Send(socket(ip, port), change(true, true)));
    }
    let log = probe.log();
    net.app(client, "probe", probe);
    let config = StunServerConfig { alternate: Some(StunAlternate::default()), ..StunServerConfig::new() };
    assert_eq!(config.check(), []);
    net.app(server, "stun", StunServer::new(config));
    let mut world = net.build(1);
    world.run(Until::Quiet);
    let seen = events(&log);
    assert_eq!(seen.len(), 4);
    for (nanos, ((at, event), (ip, port))) in seen.iter().zip(all).enumerate() {
        let Event::Datagram(from, payload) = event else { panic!("{event:?}") };
        let other = socket(1 - ip, 3478 + 3479 - port);
        assert_eq!((*at, *from), (4_000_000 + nanos as u64, other));
        let bytes = payload.to_bytes();
        let message = Message::parse(&bytes).unwrap();
        let fields = Fields::read(&message);
        assert_eq!((fields.origin, fields.other_address), (Some(other), Some(other)));
    }
    let reports = world.take_reports();
    for link in [1, 2] {
        let seen = World::seen(&reports, world.wire(link, false), LinkEnd::Receiver);
        let sources: Vec<_> = seen.iter().map(|seen| seen.packet.src()).collect();
        assert_eq!(sources, [ips[link - 1]; 2]);
    }
    assert_eq!(["successes", "refused_calls"].map(|name| world.total(server, "stun", name)), [4, 0]);
}

/// A server whose node has one address understands no CHANGE-REQUEST (420), and says that something was refused.
#[test]
fn a_server_without_a_second_address_answers_as_without() {
    let mut net = Net::chain(&[link("", "10 ms")]);
    let server = net.socket(1, 3478);
    let asked = request().with(Attribute::ChangeRequest { ip: true, port: false }).finish();
    net.app(0, "probe", Probe::new(1_000).then(0, Do::Send(server, asked.into())));
    let config = StunServerConfig { alternate: Some(StunAlternate::default()), ..StunServerConfig::new() };
    net.app(1, "stun", StunServer::new(config));
    let mut world = net.build(1);
    world.run(Until::Quiet);
    let names = ["requests", "unknown_attributes", "refused_calls"];
    assert_eq!(names.map(|name| world.total(1, "stun", name)), [1, 1, 1]);
}

#[test]
fn what_a_configuration_cannot_say() {
    let config = StunServerConfig { port: 0, tls: Some(Box::default()), ..StunServerConfig::new() };
    let fields = |config: &StunServerConfig| config.check().into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    assert_eq!(fields(&config), ["port", "tls"]);
    for port in [0, 3478] {
        let alternate = Some(StunAlternate { port, address: None });
        assert_eq!(fields(&StunServerConfig { alternate, ..StunServerConfig::new() }), ["alternate"]);
    }
}
