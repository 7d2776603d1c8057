use super::*;

fn resuming(mode: Mode, suite: Suite) -> (ClientConfig, ServerConfig) {
    let (client, server) = with_certificates(mode, suite);
    let (psk, psks) = match suite.exchange() {
        crate::dtls::codes::KeyExchange::Ecdsa | crate::dtls::codes::KeyExchange::Tls13 => (None, BTreeMap::new()),
        _ => (Some(psk()), [(psk().identity, psk().key)].into()),
    };
    (ClientConfig { resumption: true, psk, ..client }, ServerConfig { psks, ..server })
}

/// Connects once more; how, and how long it took both.
fn again(world: &mut World) -> (Handshaked, Span, Span) {
    world.client_notices.clear();
    world.server_notices.clear();
    let start = world.now;
    world.connect().run();
    let (client, server) = (world.client_connected().unwrap().0, world.server_connected().unwrap().0);
    (world.check_connected(), client.saturating_since(start), server.saturating_since(start))
}

const SUITES: [Suite; 4] = [Suite::PskAes128Ccm8, Suite::EcdhePskAes128Gcm, Suite::EcdsaAes128Gcm, Suite::Aes128Gcm];

/// RFC 5077, RFC 5246 §7.3: hello, the server's flight with its Finished, the client's: 2 round trips with a cookie for the client. DTLS 1.3 (RFC 8446 §2.2)
/// takes as long as with certificates.
#[test]
fn a_session_goes_on() {
    for mode in MODES {
        for suite in SUITES {
            for by_id in [false, true] {
                if by_id && suite.version() == DTLS13 {
                    continue;
                }
                let (client, server) = resuming(mode, suite);
                let (tickets, kept_sessions) = if by_id { (0, 4) } else { (1, 0) };
                let mut world = World::new(client, ServerConfig { tickets, kept_sessions, ..server });
                world.connect().run();
                assert!(!world.check_connected().is_resumed);
                for _ in 0..3 {
                    let (handshaked, client, server) = again(&mut world);
                    assert!(handshaked.is_resumed, "{suite:?}, by id: {by_id}");
                    assert_eq!(handshaked.group.is_some(), suite.version() == DTLS13);
                    assert_eq!((client, server), (Span::from_millis(200), Span::from_millis(250)));
                }
            }
        }
    }
}

/// After its time, or at a server that does not know it, a session begins anew.
#[test]
fn a_session_that_is_not_known_begins_anew() {
    for mode in MODES {
        for suite in SUITES {
            for (tickets, kept_sessions) in [(1, 0), (0, 4)] {
                let (client, server) = resuming(mode, suite);
                let lifetime = Span::from_secs(3_000);
                let server = ServerConfig { tickets, kept_sessions, lifetime, ..server };
                let mut world = World::new(client, server.clone());
                world.connect().run();
                world.check_connected();
                world.run_until(at(3_700_000));
                assert!(!again(&mut world).0.is_resumed);
                // Another one, with keys of its own: it draws from another stream.
                world.server = Endpoint::new(ServerSide::new(server, Trust::default()), EndpointLimits::default());
                world.server_env = IdealEnv::new(77);
                world.server_env.now = world.now;
                assert!(!again(&mut world).0.is_resumed);
                let is_kept = tickets > 0 || suite.version() == DTLS12;
                assert_eq!(again(&mut world).0.is_resumed, is_kept);
            }
        }
    }
}

/// RFC 8446 §4.2.11: beside its ticket a client of DTLS 1.3 offers the key that both have had before, so that a server of that key alone, which
/// has lost what tickets are opened with, takes it in the same handshake: no alert, and no more time than a first one takes.
#[test]
fn a_server_that_has_lost_its_tickets_takes_the_key_beside_one() {
    for mode in MODES {
        let (client, server) = ends(mode, Suite::Aes128Gcm);
        let client = ClientConfig { resumption: true, psk: Some(psk()), ..client };
        let server = ServerConfig { tickets: 1, psks: [(psk().identity, psk().key)].into(), ..server };
        let mut world = World::new(client, server.clone());
        let (first, took, _) = again(&mut world);
        assert!(!first.is_resumed && first.psk.is_some());
        let (next, resumed, _) = again(&mut world);
        assert!(next.is_resumed && next.psk.is_none());
        world.server = Endpoint::new(ServerSide::new(server, Trust::default()), EndpointLimits::default());
        world.server_env = IdealEnv::new(77);
        world.server_env.now = world.now;
        let (lost, anew, _) = again(&mut world);
        assert!(!lost.is_resumed && lost.psk == first.psk);
        assert_eq!((anew, took), (resumed, resumed));
    }
}

/// RFC 7627 §5.3: a session without the extended master secret does not go on with it.
#[test]
fn a_session_keeps_how_its_secret_was_made() {
    let (mut client, server) = resuming(Mode::Real, Suite::EcdsaAes128Gcm);
    client.common.extended_master_secret = false;
    let mut world = World::new(client.clone(), server);
    world.connect().run();
    world.check_connected();
    let Side::Client(old) = &world.client_side else { unreachable!() };
    let tickets = old.tickets.clone();
    assert_eq!(tickets.len(), 1);
    client.common.extended_master_secret = true;
    let mut side = ClientSide::new(client, Trust::default());
    side.tickets = tickets;
    world.client_side = Side::Client(side);
    assert!(!again(&mut world).0.is_resumed);
    assert!(again(&mut world).0.is_resumed);
}

/// RFC 7627 §5.3: a session with the extended master secret and a hello that does not offer it: the server aborts.
#[test]
fn a_session_does_not_lose_how_its_secret_was_made() {
    for (tickets, kept_sessions) in [(1, 0), (0, 4)] {
        let (mut client, server) = resuming(Mode::Real, Suite::EcdsaAes128Gcm);
        let mut world = World::new(client.clone(), ServerConfig { tickets, kept_sessions, ..server });
        world.connect().run();
        world.check_connected();
        let Side::Client(old) = &world.client_side else { unreachable!() };
        let tickets = old.tickets.clone();
        assert_eq!(tickets.len(), 1);
        client.common.extended_master_secret = false;
        let mut side = ClientSide::new(client, Trust::default());
        side.tickets = tickets;
        world.client_side = Side::Client(side);
        world.connect().run();
        let alert = crate::tls::codes::AlertDescription::HANDSHAKE_FAILURE;
        assert_eq!(world.client_failure(), Some(Failure::Alert { alert, is_ours: false }));
        assert_eq!(world.server_failure(), Some(Failure::Alert { alert, is_ours: true }));
    }
}

/// RFC 8446 §4.6.1: seven days at most, 604,800 s, whatever the server is told.
#[test]
fn tickets_of_dtls_13_do_not_live_longer_than_a_week() {
    for (days, expected) in [(1, 86_400), (30, 604_800), (60_000, 604_800)] {
        let (client, server) = resuming(Mode::Sized, Suite::Aes128Gcm);
        let lifetime = Span::from_secs(86_400 * days);
        let mut world = World::new(client, ServerConfig { lifetime, ..server });
        world.connect().run();
        let Side::Client(side) = &world.client_side else { unreachable!() };
        assert_eq!(side.tickets[0].lifetime_s, expected);
    }
}

/// A server remembers as many sessions as it is told; the oldest gives way.
#[test]
fn old_sessions_give_way() {
    let (client, server) = resuming(Mode::Sized, Suite::PskAes128Ccm8);
    let mut world = World::new(client.clone(), ServerConfig { tickets: 0, kept_sessions: 2, ..server });
    world.connect().run();
    world.check_connected();
    let first = world.client_side.clone();
    for _ in 0..2 {
        world.client_side = Side::Client(ClientSide::new(client.clone(), Trust::default()));
        assert!(!again(&mut world).0.is_resumed);
    }
    assert!(again(&mut world).0.is_resumed);
    world.client_side = first;
    assert!(!again(&mut world).0.is_resumed);
}
