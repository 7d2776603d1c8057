use super::*;
use crate::tls::codes::{AlertDescription, Group};
use crate::tls::config::ClientCertificates;

/// RFC 6347 §4.2, figures 1 and 2: without loss and with a cookie the client is done after 3 round trips and the server after 2.5; without, after 2 and 1.5.
#[test]
fn dtls_12_takes_as_many_round_trips_as_it_has_flights() {
    let suites = Suite::ALL.into_iter().filter(|suite| suite.version() == DTLS12);
    for suite in suites {
        for mode in MODES {
            for (cookies, client_ms, server_ms) in [(true, 300, 250), (false, 200, 150)] {
                let (client, server) = ends(mode, suite);
                let mut world = World::new(client, ServerConfig { cookies, ..server });
                world.connect().run();
                let (done, handshaked) = world.client_connected().unwrap_or_else(|| panic!("{suite:?}"));
                assert_eq!(done, at(client_ms), "{suite:?}");
                assert_eq!(world.server_connected().unwrap().0, at(server_ms));
                assert_eq!((handshaked.version, handshaked.suite, handshaked.was_retried), (DTLS12, suite, cookies));
                world.check_connected();
            }
        }
    }
}

/// RFC 9147 §5.7, figures 6 and 7: DTLS 1.3 with a cookie takes 2 round trips, without 1; the server is done half a one later.
#[test]
fn dtls_13_takes_as_many_round_trips_as_it_has_flights() {
    for suite in [Suite::Aes128Gcm, Suite::Aes128Ccm, Suite::Aes128Ccm8] {
        for mode in MODES {
            for (cookies, client_ms, server_ms) in [(true, 200, 250), (false, 100, 150)] {
                for (client, server) in [ends(mode, suite), with_certificates(mode, suite)] {
                    let has_psk = client.psk.is_some();
                    let mut world = World::new(client, ServerConfig { cookies, ..server });
                    world.connect().run();
                    let (done, handshaked) = world.client_connected().unwrap();
                    assert_eq!((done, world.server_connected().unwrap().0), (at(client_ms), at(server_ms)));
                    assert_eq!((handshaked.version, handshaked.suite), (DTLS13, suite));
                    assert_eq!((handshaked.group, handshaked.psk.is_some()), (Some(Group::X25519), has_psk));
                    world.check_connected();
                }
            }
        }
    }
}

/// RFC 8446 §4.2.9: without a fresh key exchange, where both want it so.
#[test]
fn a_pre_shared_key_can_be_enough() {
    for mode in MODES {
        let (client, server) = ends(mode, Suite::Aes128Gcm);
        let client = ClientConfig { psk_alone: true, key_shares: Some(Vec::new()), ..client };
        let server = ServerConfig { common: Common { groups: Vec::new(), ..server.common }, ..server };
        let mut world = World::new(client, server);
        world.connect().run();
        assert_eq!(world.check_connected().group, None);
    }
}

/// RFC 8446 §4.1.4: a retry asks for the group that both have.
#[test]
fn another_group_is_asked_for() {
    for cookies in [true, false] {
        let (client, server) = with_certificates(Mode::Real, Suite::Aes128Gcm);
        let common = Common { groups: vec![Group::SECP256R1], ..server.common.clone() };
        let mut world = World::new(client, ServerConfig { common, cookies, ..server });
        world.connect().run();
        let handshaked = world.check_connected();
        assert_eq!((handshaked.group, handshaked.was_retried), (Some(Group::SECP256R1), true));
    }
}

/// Either end may speak one version alone.
#[test]
fn the_best_version_that_both_speak_is_used() {
    let both = || Common { mode: Mode::Real, ..Common::default() };
    let only = |version| Common { versions: vec![version], ..both() };
    for (client, server, expected) in [
        (both(), both(), DTLS13),
        (both(), only(DTLS12), DTLS12),
        (only(DTLS12), both(), DTLS12),
        (both(), only(DTLS13), DTLS13),
        (only(DTLS13), both(), DTLS13),
    ] {
        let client = ClientConfig { common: client, ..ClientConfig::default() };
        let identity = Some(ours(Mode::Real, "example.com"));
        let mut world = World::new(client, ServerConfig { common: server, identity, ..ServerConfig::default() });
        world.connect().run();
        assert_eq!(world.check_connected().version, expected);
    }
}

/// RFC 5246 §7.4.6, §7.4.8; RFC 8446 §4.3.2, §4.4.3.
#[test]
fn clients_show_certificates_where_they_are_asked() {
    for suite in [Suite::EcdsaAes128Ccm8, Suite::Aes128Gcm] {
        for mode in MODES {
            for (wanted, has, alert) in [
                (ClientCertificates::Asked, true, None),
                (ClientCertificates::Asked, false, None),
                (ClientCertificates::Required, true, None),
                (ClientCertificates::Required, false, Some(())),
            ] {
                let (client, server) = with_certificates(mode, suite);
                let identity = has.then(|| ours(mode, "client"));
                let server = ServerConfig { client_certificates: wanted, ..server };
                let mut world = World::new(ClientConfig { identity, ..client }, server);
                world.connect().run();
                match alert {
                    None => drop(world.check_connected()),
                    Some(()) => {
                        let alert = match suite.version() {
                            DTLS12 => AlertDescription::HANDSHAKE_FAILURE,
                            _ => AlertDescription::CERTIFICATE_REQUIRED,
                        };
                        assert_eq!(world.server_failure(), Some(Failure::Alert { alert, is_ours: true }));
                        assert_eq!(world.client_failure(), Some(Failure::Alert { alert, is_ours: false }));
                    }
                }
            }
        }
    }
}

/// What does not fit is refused by an alert, and both know.
#[test]
fn what_does_not_fit_is_refused() {
    let failures = |client: ClientConfig, server: ServerConfig| {
        let mut world = World::new(client, server);
        world.connect().run();
        let alert = |failure| match failure {
            Some(Failure::Alert { alert, is_ours }) => Some((alert, is_ours)),
            _ => None,
        };
        (alert(world.client_failure()), alert(world.server_failure()))
    };
    for mode in MODES {
        // Another key: in DTLS 1.2 the client's Finished cannot be opened (dropped without a word); in 1.3 the binder does not hold.
        let (client, server) = ends(mode, Suite::Aes128Gcm);
        let psk = Some(Psk { key: "other".into(), ..psk() });
        let alert = AlertDescription::DECRYPT_ERROR;
        assert_eq!(failures(ClientConfig { psk, ..client }, server), (Some((alert, false)), Some((alert, true))));
        // RFC 4279 §2: a key that the server does not know.
        let (client, server) = ends(mode, Suite::PskAes128Ccm8);
        let psk = Some(Psk { identity: "nobody".into(), ..super::psk() });
        let alert = AlertDescription::UNKNOWN_PSK_IDENTITY;
        assert_eq!(failures(ClientConfig { psk, ..client }, server), (Some((alert, false)), Some((alert, true))));
        // No suite, no version: the gate says so, and keeps nothing.
        let (client, _) = ends(mode, Suite::PskAes128Ccm8);
        let (_, server) = ends(mode, Suite::EcdsaAes128Gcm);
        let alert = AlertDescription::HANDSHAKE_FAILURE;
        let no_cookies = ServerConfig { cookies: false, ..server.clone() };
        assert_eq!(failures(client.clone(), no_cookies), (Some((alert, false)), Some((alert, true))));
        assert_eq!(failures(client, server), (Some((alert, false)), Some((alert, true))));
        let (client, _) = ends(mode, Suite::PskAes128Ccm8);
        let (_, server) = ends(mode, Suite::Aes128Gcm);
        let alert = AlertDescription::PROTOCOL_VERSION;
        assert_eq!(failures(client, server), (Some((alert, false)), None));
        // Nobody that the client believes; keys of the sized mode are the same everywhere.
        if mode == Mode::Sized {
            continue;
        }
        let (client, server) = with_certificates(mode, Suite::Aes128Gcm);
        let config = CertificateConfig { key: CertificateKind::EcdsaP256, chain: 2, leaf: None };
        let mut luck = protosim_core::RunSeed { seed: 9, replication: 9 }.stream("x", protosim_core::Purpose("x"));
        let other = Identity::new(mode, config.key, "example.com", 2, None, &mut luck);
        let server = ServerConfig { identity: Some(Arc::new(other)), ..server };
        let alert = AlertDescription::BAD_CERTIFICATE;
        assert_eq!(failures(client, server), (Some((alert, true)), Some((alert, false))));
    }
}

/// RFC 6347 §4.1.2.7: a Finished under other keys is dropped without a word. Both give up at last.
#[test]
fn another_key_in_dtls_12_is_silence() {
    for mode in MODES {
        let (client, server) = ends(mode, Suite::PskAes128Ccm8);
        let psk = Some(Psk { key: "other".into(), ..psk() });
        let mut world = World::new(ClientConfig { psk, ..client }, server);
        world.connect().run().run().run();
        assert_eq!(
            (world.client_failure(), world.server_failure()),
            (Some(Failure::TimedOut), Some(Failure::TimedOut))
        );
        assert_eq!((world.client_connected(), world.server_connected()), (None, None));
    }
}

/// RFC 9146 §3: each end says which id it wants to be called by; one of no length is none.
#[test]
fn connection_ids_are_agreed_on() {
    for suite in [Suite::PskAes128Ccm8, Suite::Aes128Gcm] {
        for mode in MODES {
            for (client_len, server_len) in [(4, 8), (0, 3), (2, 0), (0, 0)] {
                let (mut client, mut server) = ends(mode, suite);
                (client.common.cid_len, server.common.cid_len) = (Some(client_len), Some(server_len));
                let mut world = World::new(client, server);
                world.connect().run();
                let lens = (usize::from(client_len), usize::from(server_len));
                assert_eq!(world.check_connected().cid_lens, Some(lens));
            }
            // One alone does not have them.
            let (mut client, server) = ends(mode, suite);
            client.common.cid_len = Some(4);
            let mut world = World::new(client, server);
            world.connect().run();
            assert_eq!(world.check_connected().cid_lens, None);
        }
    }
}

/// RFC 9146 §6: a client that comes from another address is the same, by its id; without ids it is nobody.
#[test]
fn a_client_with_a_connection_id_may_move() {
    for suite in [Suite::PskAes128Ccm8, Suite::Aes128Gcm] {
        for server_len in [Some(8), None] {
            let (mut client, mut server) = ends(Mode::Real, suite);
            client.common.cid_len = server_len.map(|_| 0);
            server.common.cid_len = server_len;
            let mut world = World::new(client, server);
            world.connect().run();
            world.check_connected();
            world.client_address = "198.51.100.7:5000".parse().unwrap();
            world.client_send("here");
            world.run();
            let has_moved = server_len.is_some();
            assert_eq!(world.moved.last().copied(), has_moved.then_some(world.client_address));
            assert_eq!(world.server_data().last().map(String::as_str) == Some("here"), has_moved);
        }
    }
}

/// RFC 7252 §9.1.1: to protocols above, an endpoint is a session. A client that has moved goes by the address at which it began, and who begins
/// there after it by another one: who observes in the first session is not taken for whoever has its address now.
#[test]
fn names_of_peers_are_kept_and_unique() {
    let (mut client, mut server) = ends(Mode::Real, Suite::Aes128Gcm);
    (client.common.cid_len, server.common.cid_len) = (Some(0), Some(8));
    let mut world = World::new(client, server);
    let first = world.client_address;
    world.connect().run();
    let old = world.server.connections().next().unwrap().0;
    for moved in ["198.51.100.7:5000", "198.51.100.8:5000"] {
        world.client_address = moved.parse().unwrap();
        world.client_send("here");
        world.run();
        assert_eq!((world.server.name(old), world.server.named(first)), (Some(first), Some(old)));
        assert_eq!(world.server.named(world.client_address), None);
    }
    let second = std::mem::replace(&mut world.client_address, first);
    world.connect().run();
    let new = world.server.connections().last().unwrap().0;
    assert_eq!((world.server.name(old), world.server.named(first)), (Some(first), Some(old)));
    let other = world.server.name(new).unwrap();
    assert!(other != first && other != second, "{other}");
    assert_eq!((world.server.named(other), world.server.named(second)), (Some(new), None));
    assert_eq!(world.server.peer(new).map(|(address, _)| address), Some(first));
    world.server.remove(old, &mut world.server_env);
    assert_eq!((world.server.named(first), world.server.name(new)), (None, Some(other)));
}

/// RFC 6347 §4.2.8: a client that begins anew takes the place of what it was, once it has shown where it is.
#[test]
fn a_client_may_begin_anew() {
    for suite in [Suite::PskAes128Ccm8, Suite::Aes128Gcm] {
        for cookies in [true, false] {
            let (client, server) = ends(Mode::Real, suite);
            let mut world = World::new(client, ServerConfig { cookies, ..server });
            world.connect().run();
            world.check_connected();
            world.client_notices.clear();
            let before = world.server.connections().next().unwrap().0;
            let soon = world.now + Span::from_millis(60);
            world.connect().run_until(soon);
            assert_eq!(world.server.connections().next().unwrap().0, before, "until the cookie has come back");
            world.run();
            world.check_connected();
            assert_ne!(world.server.connections().next().unwrap().0, before);
            assert_eq!(world.server.connections().count(), 1);
        }
    }
}

/// Data that are sent before the end of the handshake wait for it, in their order; more than fit are refused.
#[test]
fn data_wait_for_the_handshake() {
    for suite in [Suite::PskAes128Ccm8, Suite::Aes128Gcm] {
        let (client, server) = ends(Mode::Real, suite);
        let mut world = World::new(client, server);
        world.connect();
        world.client_send("one");
        world.client_send("two");
        let most = world.client.as_ref().unwrap().most_data() as u64;
        let long = Rope::fill(1, 0, most + 1);
        let refused = world.with_client(|connection, _, cx| connection.send(&long, cx));
        assert_eq!(refused, Err(super::super::connection::Unsendable::TooLong { len: most + 1, most }));
        world.run();
        assert_eq!(world.server_data(), ["one", "two"]);
    }
}

/// RFC 9147 §5.10, RFC 5246 §7.2.1.
#[test]
fn a_connection_is_closed_by_a_notice() {
    for suite in [Suite::PskAes128Ccm8, Suite::Aes128Gcm] {
        let (client, server) = ends(Mode::Real, suite);
        let mut world = World::new(client, server);
        world.connect().run();
        world.with_client(|connection, _, cx| connection.close(cx));
        world.run();
        assert_eq!(world.server_notices.last().map(|(_, _, notice)| notice.clone()), Some(Notice::Closed));
        assert!(world.client.as_ref().unwrap().is_over());
        let refused = world.with_client(|connection, _, cx| connection.send(&Rope::new(), cx));
        assert_eq!(refused, Err(super::super::connection::Unsendable::Over));
    }
}

/// RFC 9147 §8: new keys are used once the peer has said that it knows; all data pass.
#[test]
fn keys_are_replaced() {
    for mode in MODES {
        for requested in [true, false] {
            let (client, server) = ends(mode, Suite::Aes128Gcm);
            let mut world = World::new(client, server);
            world.connect().run();
            for round in 1..=6 {
                world.with_client(|connection, _, cx| connection.update_keys(requested, cx));
                world.client_send("before");
                world.run();
                world.client_send("after");
                world.server_send("back");
                world.run();
                assert_eq!(world.server_data().len(), 2 * round);
                assert_eq!(world.client_data().len(), round);
                let expected = if requested { 2 * round } else { round } as u64;
                assert_eq!(world.client.as_ref().unwrap().counts().key_updates, expected);
                assert_eq!(world.server.connections().next().unwrap().1.counts().key_updates, expected);
            }
        }
    }
}

/// Both modes draw and send alike: the same datagrams, as far as they can be compared.
#[test]
fn both_modes_have_the_same_lengths() {
    for suite in Suite::ALL {
        let lens = |mode| {
            let (client, server) = ends(mode, suite);
            let mut world = World::new(client, server);
            world.connect().run();
            world.check_connected();
            world.log.iter().map(|(at, to_server, datagram)| (*at, *to_server, datagram.len())).collect::<Vec<_>>()
        };
        assert_eq!(lens(Mode::Sized), lens(Mode::Real), "{suite:?}");
    }
}
