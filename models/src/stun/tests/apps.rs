//! The application on a host.

use super::super::wire::{Fields, Message};
use super::super::{StunServer, StunServerConfig};
use super::client_and_server::request;
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

#[test]
fn what_a_configuration_cannot_say() {
    let config = StunServerConfig { port: 0, tls: Some(Box::default()), ..StunServerConfig::new() };
    let fields: Vec<&str> = config.check().into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["port", "tls"]);
}
