//! Tickets, and data ahead of the handshake.

use super::*;
use crate::tls::config::{KeyGroup, Suite};
use protosim_core::Size;

fn configs(early: bool) -> (TlsClientConfig, TlsServerConfig) {
    let client = TlsClientConfig { early_data: early, ..TlsClientConfig::default() };
    let most = if early { 16_384 } else { 0 };
    (client, TlsServerConfig { early_data: Some(Size::from_bytes(most)), ..TlsServerConfig::default() })
}

/// The second connection begins with data; says what has become of them at both ends.
fn ahead(pair: &mut Pair, data: &Rope) -> [EarlyData; 2] {
    pair.open();
    pair.client.write(data);
    pair.run();
    let become_of = |peer: &Peer| peer.handshaked().unwrap_or_else(|| panic!("{:?}", peer.notices)).early_data;
    [become_of(&pair.client), become_of(&pair.server)]
}

#[test]
fn a_ticket_saves_the_certificates() {
    for mode in BOTH {
        for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
            let client = TlsClientConfig { versions: only(version), ..TlsClientConfig::default() };
            let mut pair = Pair::new(mode, &client, &TlsServerConfig::default());
            pair.connect();
            let full = pair.flights[1];
            pair.connect();
            assert!(pair.client.handshaked().expect("it connects").is_resumed, "{mode:?} {version:?}");
            assert!(pair.server.handshaked().expect("it connects").is_resumed);
            assert!(pair.flights[1] < full / 5);
            talk(&mut pair);
        }
    }
}

/// RFC 8446 §C.4: each is used once. After two connections at once there is none left for a third.
#[test]
fn a_ticket_of_1_3_is_used_once() {
    let mut pair = Pair::new(Mode::Sized, &TlsClientConfig::default(), &TlsServerConfig::default());
    pair.connect();
    let Side::Client(side) = &pair.client.side else { unreachable!("it is a client's") };
    assert_eq!(side.tickets.len(), 2);
    for left in [1, 0, 0] {
        pair.open();
        let Side::Client(side) = &pair.client.side else { unreachable!("it is a client's") };
        assert_eq!(side.tickets.len(), left);
    }
}

/// 2 h by default (`ticket_lifetime`): one second before its end it is good, at its end not.
#[test]
fn tickets_grow_old() {
    for (age_s, is_good) in [(7_199, true), (7_200, false)] {
        let mut pair = Pair::new(Mode::Real, &TlsClientConfig::default(), &TlsServerConfig::default());
        pair.connect();
        pair.advance(Span::from_secs(age_s));
        pair.connect();
        assert_eq!(pair.client.handshaked().expect("it connects").is_resumed, is_good, "after {age_s} s");
    }
}

/// A server that has lost its key, as one that was restarted, goes on with a full handshake.
#[test]
fn a_ticket_of_another_server_is_passed_over() {
    for mode in BOTH {
        for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
            let client = TlsClientConfig { versions: only(version), ..TlsClientConfig::default() };
            let mut pair = Pair::new(mode, &client, &TlsServerConfig::default());
            pair.connect();
            let mut other = Pair::new(mode, &client, &TlsServerConfig::default());
            other.server.env = IdealEnv::new(99);
            other.client.side = pair.client.side.clone();
            other.connect();
            let agreed =
                other.client.handshaked().unwrap_or_else(|| panic!("{mode:?} {version:?} {:?}", other.client.notices));
            assert!(!agreed.is_resumed, "{mode:?} {version:?}");
        }
    }
}

#[test]
fn early_data_arrive_with_the_hello() {
    for mode in BOTH {
        let (client, server) = configs(true);
        let mut pair = Pair::new(mode, &client, &server);
        pair.connect();
        pair.open();
        let question = Rope::from(b"GET / HTTP/1.1\r\n\r\n".to_vec());
        pair.client.write(&question);
        // The first flight, and nothing else.
        let first = std::mem::take(&mut pair.client.out);
        pair.server.take(&first);
        assert_eq!(pair.server.data().to_bytes(), question.to_bytes(), "{mode:?}");
        // It may answer before the client has finished (RFC 8446 §2.3).
        pair.server.write(&Rope::from(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()));
        let answer = std::mem::take(&mut pair.server.out);
        pair.client.take(&answer);
        assert_eq!(pair.client.data().to_bytes(), &b"HTTP/1.1 200 OK\r\n\r\n"[..]);
        assert_eq!(pair.client.handshaked().expect("it connects").early_data, EarlyData::Accepted);
        pair.run();
        assert_eq!(pair.server.handshaked().expect("it connects").early_data, EarlyData::Accepted);
        talk(&mut pair);
    }
}

/// A server that answers early data and is done then says close_notify before the client's Finished has come: behind it there are no tickets
/// (RFC 8446 §6.1), and where it says it later there are two.
#[test]
fn no_tickets_follow_close_notify() {
    for (is_done_early, tickets) in [(true, 0), (false, 2)] {
        let (client, server) = configs(true);
        let mut pair = Pair::new(Mode::Real, &client, &server);
        pair.connect();
        pair.open();
        pair.server.traces.clear();
        pair.client.write(&Rope::from(vec![1]));
        let first = std::mem::take(&mut pair.client.out);
        pair.server.take(&first);
        pair.server.write(&Rope::from(vec![2]));
        if is_done_early {
            pair.server.finish();
        }
        pair.run();
        let is_ticket = |message: &&(HandshakeType, usize)| message.0 == HandshakeType::NEW_SESSION_TICKET;
        assert_eq!(pair.server.sent().iter().filter(is_ticket).count(), tickets);
        assert_eq!(pair.client.data().to_bytes(), vec![2]);
        assert!(pair.server.handshaked().is_some());
    }
}

/// More than the server takes waits for the handshake (RFC 8446 §4.2.10), and nothing is lost or comes twice.
#[test]
fn what_is_too_much_ahead_comes_afterwards() {
    let (client, server) = configs(true);
    let mut pair = Pair::new(Mode::Sized, &client, &server);
    pair.connect();
    assert_eq!(ahead(&mut pair, &Rope::fill(5, 0, 40_000)), [EarlyData::Accepted; 2]);
    assert!(is_same(&pair.server.data(), &Rope::fill(5, 0, 40_000)));
}

/// Refused because the server does not take any, wants another group, or another suite: they come after the handshake, once.
#[test]
fn early_data_that_are_refused_are_sent_again() {
    for mode in BOTH {
        for case in ["off", "group", "suite"] {
            let (client, server) = configs(true);
            let mut pair = Pair::new(mode, &client, &server);
            pair.connect();
            let changed = match case {
                "off" => TlsServerConfig { early_data: None, ..server },
                "group" => TlsServerConfig { groups: Some(vec![KeyGroup::P256]), ..server },
                _ => TlsServerConfig { suites: Some(vec![Suite::Aes128Gcm, Suite::EcdsaAes128Gcm]), ..server },
            };
            let Side::Server(side) = &mut pair.server.side else { unreachable!("it is a server's") };
            side.parameters = Arc::new(changed.resolve());
            let data = Rope::fill(5, 0, 3_000);
            assert_eq!(ahead(&mut pair, &data), [EarlyData::Rejected; 2], "{mode:?} {case}");
            assert!(is_same(&pair.server.data(), &data), "{mode:?} {case}");
            talk(&mut pair);
        }
    }
}

/// RFC 8446 §8: the same first flight twice brings its data once; nor does one that is older than it says.
#[test]
fn early_data_are_not_taken_twice() {
    for mode in BOTH {
        let (client, server) = configs(true);
        let mut pair = Pair::new(mode, &client, &server);
        pair.connect();
        pair.open();
        pair.client.write(&Rope::from(b"pay 100".to_vec()));
        let first = std::mem::take(&mut pair.client.out);
        let replay = |pair: &mut Pair| {
            pair.server.open(mode);
            pair.server.take(&first);
            pair.server.out = Rope::new();
            pair.server.data().len()
        };
        assert_eq!(replay(&mut pair), 7);
        assert_eq!(replay(&mut pair), 0);
        let Side::Server(side) = &pair.server.side else { unreachable!("it is a server's") };
        assert_eq!(side.replays, 1);
        // Held back for 11 s, where 10 are allowed: as from a server that has never seen the ticket.
        let mut pair = Pair::new(mode, &client, &server);
        pair.connect();
        pair.open();
        pair.client.write(&Rope::from(b"pay 100".to_vec()));
        let first = std::mem::take(&mut pair.client.out);
        pair.advance(Span::from_secs(11));
        pair.server.take(&first);
        assert_eq!(pair.server.data().len(), 0);
    }
}

/// The client's clock runs 1000 s ahead of the server's: ages agree nevertheless, since both count from the ticket on.
#[test]
fn ages_do_not_depend_on_what_clocks_read() {
    let (client, server) = configs(true);
    let mut pair = Pair::new(Mode::Sized, &client, &server);
    pair.client.env.now = LocalTime::from_nanos(1_000_000_000_000);
    pair.connect();
    pair.advance(Span::from_secs(60));
    assert_eq!(ahead(&mut pair, &Rope::fill(5, 0, 100)), [EarlyData::Accepted; 2]);
}
