//! The application on a host.

use super::super::wire::{Fields, Message};
use super::super::{StunClient, StunClientConfig, StunServer, StunServerConfig};
use super::client_and_server::request;
use crate::name::NodeName;
use crate::observe::{Observation, Outcome};
use crate::testing::{Do, Event, Net, Probe, events, link};
use protosim_core::Until;

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

#[test]
fn what_a_configuration_cannot_say() {
    let config = StunServerConfig { port: 0, tls: Some(Box::default()), ..StunServerConfig::new() };
    let fields: Vec<&str> = config.check().into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["port", "tls"]);
}
