//! Behaviour discovery (RFC 5780).

use super::super::server::{Alternates, ServerConfig};
use super::super::wire::{Attribute, ErrorCode, Fields, Message};
use super::client_and_server::{Fixture, client, request};
use std::net::SocketAddr;

/// All four sockets and all four wishes: the response comes from the socket that was asked for, and says so; OTHER-ADDRESS is the
/// one that differs from the request's in both (§7.4).
#[test]
fn responses_come_from_where_they_are_wanted() {
    let ips = ["198.51.100.1".parse().unwrap(), "198.51.100.2".parse().unwrap()];
    let alternates = Some(Alternates { ips, ports: [3478, 3479] });
    let mut fixture = Fixture::new(ServerConfig { alternates, ..ServerConfig::default() });
    for (at_ip, at_port) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let socket = |ip: usize, port: usize| SocketAddr::new(ips[ip], [3478, 3479][port]);
        let local = socket(at_ip, at_port);
        for (ip, port) in [(false, false), (false, true), (true, false), (true, true)] {
            let payload = request().with(Attribute::ChangeRequest { ip, port }).finish();
            let answer = fixture.ask_at(local, false, payload).unwrap();
            let expected = socket(at_ip ^ usize::from(ip), at_port ^ usize::from(port));
            assert_eq!(answer.local, expected);
            let bytes = answer.payload.to_bytes();
            let fields = Fields::read(&Message::parse(&bytes).unwrap());
            assert_eq!((fields.origin, fields.other_address), (Some(expected), Some(socket(1 - at_ip, 1 - at_port))));
            assert_eq!(fields.xor_mapped, Some(client()));
        }
    }
    // A stream has one source only.
    let payload = request().with(Attribute::ChangeRequest { ip: true, port: false }).finish();
    let answer = fixture.ask_at(SocketAddr::new(ips[0], 3478), true, payload).unwrap();
    let bytes = answer.payload.to_bytes();
    assert_eq!(Fields::read(&Message::parse(&bytes).unwrap()).error, Some(ErrorCode::UNKNOWN_ATTRIBUTE));
}
