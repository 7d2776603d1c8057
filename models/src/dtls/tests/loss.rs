use super::*;
use crate::dtls::codes::ACK;
use crate::dtls::config::Timers;
use crate::dtls::wire::{Header, Records};
use crate::tls::codes::{ContentType, HandshakeType};
use proptest::prelude::*;

/// RFC 6347 §4.2.4.1: a flight that is lost k times in a row comes 2^k - 1 s later: 1, 3, 7, 15, 31, 63 s, then each 60 s more.
#[test]
fn a_lost_flight_comes_again_after_one_second_and_twice_as_long_each_time() {
    for suite in [Suite::PskAes128Ccm8, Suite::Aes128Gcm] {
        for (lost, seconds) in [(1, 1), (2, 3), (3, 7), (4, 15), (5, 31), (6, 63), (7, 123), (8, 183)] {
            let (client, server) = ends(Mode::Sized, suite);
            let server = ServerConfig { cookies: false, ..server };
            let without = if suite.version() == DTLS12 { 200 } else { 100 };
            let mut world = World::new(client, server)
                .with_fate(move |sent| if sent.number < lost { Vec::new() } else { vec![Span::ZERO] });
            world.connect().run();
            assert_eq!(world.client_connected().unwrap().0, at(without + 1000 * seconds), "{lost} lost");
            world.check_connected();
        }
    }
}

/// OpenSSL 3.0 sends 12 times more, and gives up when the 13th time has run out: after 63 s and seven times 60 s.
#[test]
fn nobody_there_is_a_failure_in_the_end() {
    let (client, server) = ends(Mode::Sized, Suite::PskAes128Ccm8);
    let mut world = World::new(client, server).with_fate(|_| Vec::new());
    world.connect().run();
    assert_eq!(world.client_notices, [(at(1000 * (63 + 7 * 60)), Notice::Failed(Failure::TimedOut))]);
    assert_eq!(world.log.len(), 13);
    assert!(world.client.as_ref().unwrap().next_timeout().is_none());
}

/// RFC 6347 §4.2.4.1: the time stays as long as it has become until a flight passes without a loss.
#[test]
fn the_time_stays_until_a_flight_passes() {
    // The hello is lost, then the client's last flight (number 3): 1 s and 2 s.
    let ends = || {
        let (client, mut server) = ends(Mode::Sized, Suite::PskAes128Ccm8);
        // The server's time does not run.
        server.common.timers.initial = Span::from_secs(60);
        (client, server)
    };
    let (client, server) = ends();
    let mut world = World::new(client, ServerConfig { cookies: false, ..server }).losing(&[0, 3]);
    world.connect().run();
    assert_eq!(world.client_connected().unwrap().0, at(200 + 1000 + 2000));
    // With a cookie the second hello passes: the time is that of the beginning again.
    let (client, server) = ends();
    let mut world = World::new(client, server).losing(&[0, 5]);
    world.connect().run();
    assert_eq!(world.client_connected().unwrap().0, at(300 + 1000 + 1000));
}

/// RFC 9147 §5.8.2: after a round trip of 100 ms without a loss the time is 150 ms.
#[test]
fn the_time_follows_the_round_trip_in_dtls_13() {
    for (follows_round_trip, later) in [(true, 150), (false, 1000)] {
        let (mut client, server) = ends(Mode::Sized, Suite::Aes128Gcm);
        client.common.timers = Timers { follows_round_trip, ..Timers::default() };
        // Hello, the server's flight, and the client's last one, which is lost.
        let mut world = World::new(client, ServerConfig { cookies: false, ..server }).losing(&[2]);
        world.connect().run();
        assert_eq!(world.server_connected().unwrap().0, at(150 + later));
    }
}

/// RFC 6347 §4.2.4: the last flight is not timed; it comes again when the peer's does.
#[test]
fn the_last_flight_comes_again_when_it_is_asked_for() {
    // Hello, request, hello, hello, the client's flight, the server's last one, which is lost.
    let (client, server) = ends(Mode::Real, Suite::PskAes128Ccm8);
    let mut world = World::new(client, server).losing(&[5]);
    world.connect().run();
    assert_eq!(world.client_connected().unwrap().0, at(1300));
    let counts = world.server.connections().next().unwrap().1.counts();
    assert_eq!((counts.timeouts, counts.resent), (0, 1));
    world.check_connected();
}

/// RFC 9147 §7: the client's last flight is acknowledged, also when only the acknowledgement was lost.
#[test]
fn the_last_flight_is_acknowledged() {
    // Without tickets: hello, the server's flight, the client's, the acknowledgement.
    for (lost, datagrams) in [(&[][..], 4), (&[3][..], 6)] {
        let (client, server) = ends(Mode::Real, Suite::Aes128Gcm);
        let mut world = World::new(client, ServerConfig { cookies: false, tickets: 0, ..server }).losing(lost);
        world.connect().run();
        assert_eq!(world.log.len(), datagrams);
        assert_eq!(world.client.as_ref().unwrap().next_timeout(), None);
        assert_eq!(world.server.connections().next().unwrap().1.counts().acks, if lost.is_empty() { 1 } else { 2 });
        world.check_connected();
    }
}

/// Which messages a datagram's plain records have.
fn plain_kinds(datagram: &Rope) -> Vec<HandshakeType> {
    let records = Records::new(datagram, 0).filter(|record| match &record.header {
        Header::Full(header) => header.epoch == 0 && header.content_type == ContentType::HANDSHAKE,
        Header::Unified(_) => false,
    });
    records.map(|record| HandshakeType(record.fragment.to_bytes()[0])).collect()
}

/// Datagrams of 300 bytes: the server's flight of DTLS 1.3 takes many, of which one is lost. Only that one is sent again (RFC 9147 §7.2);
/// DTLS 1.2 sends all of them (RFC 6347 §4.2.4).
#[test]
fn only_what_is_missing_comes_again_in_dtls_13() {
    for (suite, lost_at) in [(Suite::EcdsaAes128Gcm, 4), (Suite::Aes128Gcm, 4)] {
        let flight = |lost: Option<usize>| {
            let (mut client, mut server) = with_certificates(Mode::Real, suite);
            (client.common.mtu, server.common.mtu) = (300, 300);
            let server = ServerConfig { cookies: false, tickets: 0, ..server };
            let mut world = World::new(client, server)
                .with_fate(move |sent| if Some(sent.number) == lost { Vec::new() } else { vec![Span::ZERO] });
            world.connect().run();
            let count = world.log.iter().filter(|(_, to_server, _)| !to_server).count();
            let lengths = world.log.iter().map(|(_, _, datagram)| datagram.len()).max().unwrap();
            assert!(lengths <= 300, "{lengths}");
            world.check_connected();
            count
        };
        // The hello is one datagram; then comes the flight.
        let (without, with) = (flight(None), flight(Some(lost_at)));
        if suite.version() == DTLS13 {
            assert_eq!(with, without + 1);
        } else {
            // All but the last flight, which is one datagram: it was not sent twice.
            assert_eq!(with, 2 * (without - 1) + 1);
        }
    }
}

/// RFC 6347 §4.1.1.1: after three times without an answer, shorter datagrams.
#[test]
fn datagrams_become_shorter_where_none_arrive() {
    let (mut client, mut server) = with_certificates(Mode::Real, Suite::EcdsaAes128Gcm);
    (client.common.mtu, server.common.mtu) = (1400, 1400);
    let mut world = World::new(client, server).with_fate(|sent| {
        // Of the 1400 that a datagram may have, 600 pass.
        if sent.datagram.len() > 600 { Vec::new() } else { vec![Span::ZERO] }
    });
    world.connect().run();
    world.check_connected();
    assert!(world.log.iter().any(|(_, _, datagram)| datagram.len() > 600));
}

/// A path may lose the first and the last of everything that is under way: what is left of it is enough.
#[test]
fn copies_and_old_datagrams_change_nothing() {
    for suite in [Suite::PskAes128Ccm8, Suite::EcdsaAes128Gcm, Suite::Aes128Gcm] {
        let (client, server) = ends(Mode::Real, suite);
        let mut world = World::new(client, server)
            .with_fate(|_| vec![Span::ZERO, Span::from_millis(7), Span::from_secs(5), Span::from_secs(200)]);
        world.connect().run();
        world.check_connected();
        assert_eq!(world.server.connections().count(), 1);
        let connected =
            |notices: Vec<&Notice>| notices.iter().filter(|one| matches!(one, Notice::Connected(_))).count();
        assert_eq!(connected(world.client_notices.iter().map(|(_, notice)| notice).collect()), 1);
        assert_eq!(connected(world.server_notices.iter().map(|(_, _, notice)| notice).collect()), 1);
        assert_eq!((world.client_failure(), world.server_failure()), (None, None));
    }
}

/// RFC 6347 §4.1.2.6: data that come twice are delivered once.
#[test]
fn data_are_delivered_once() {
    for suite in [Suite::PskAes128Ccm8, Suite::Aes128Gcm] {
        let (client, server) = ends(Mode::Real, suite);
        let mut world = World::new(client, server);
        world.connect().run();
        world.fate = Box::new(|sent| match sent.to_server {
            true => vec![Span::ZERO, Span::from_millis(3)],
            false => vec![Span::ZERO],
        });
        for number in 0..100 {
            world.client_send(&number.to_string());
        }
        world.run();
        assert_eq!(world.server_data().len(), 100);
        assert_eq!(world.server.connections().next().unwrap().1.counts().replayed, 100);
    }
}

/// RFC 6347 §4.2.4: all of a flight comes again, and pieces that have come are kept: it is sent until each of its datagrams has passed once. With m of
/// them, each lost with p, that is the greatest of m geometric numbers: the sum over k of 1 - (1 - p^k)^m. The server's flight has 4 here, and p = 0.2: 1 +
/// 0.5904 + 0.1507 + 0.0316 + 0.0064 + 0.0013 + 0.0003 = 1.781, with a deviation below 0.9. Of 400 handshakes with fixed luck the mean is within four
/// standard errors, 0.9 / 20 each.
#[test]
fn a_flight_of_dtls_12_is_sent_as_often_as_the_closed_form_says() {
    let mut total = 0;
    for seed in 0..400_u64 {
        let (mut client, mut server) = with_certificates(Mode::Sized, Suite::EcdsaAes128Gcm);
        (client.common.mtu, server.common.mtu) = (600, 600);
        (client.common.timers.tries, server.common.timers.tries) = (100, 100);
        // The client's time does not run: it asks for nothing that is under way.
        client.common.timers.initial = Span::from_secs(100_000);
        client.common.timers.most = Span::from_secs(100_000);
        server.common.fallback_mtu = 600;
        let server = ServerConfig { cookies: false, tickets: 0, ..server };
        let run = protosim_core::RunSeed { seed, replication: 0 };
        let mut luck = run.stream("loss", protosim_core::Purpose("loss"));
        let mut world = World::new(client, server).with_fate(move |sent| {
            // What the server sends before the client answers.
            let is_flight =
                !sent.to_server && plain_kinds(sent.datagram).iter().any(|kind| *kind != HandshakeType::FINISHED);
            let is_lost = is_flight && luck.uniform() < 0.2;
            if is_lost { Vec::new() } else { vec![Span::ZERO] }
        });
        world.connect().run_until(LocalTime::ZERO + Span::from_secs(5_000));
        assert!(world.client_connected().is_some());
        // ServerHello begins the flight.
        let begins = |datagram: &Rope| plain_kinds(datagram).first() == Some(&HandshakeType::SERVER_HELLO);
        let flights = world.log.iter().filter(|(_, to_server, datagram)| !to_server && begins(datagram)).count();
        let datagrams = world.log.iter().filter(|(at, to_server, _)| !to_server && *at == self::at(50)).count();
        assert_eq!(datagrams, 4);
        total += flights;
    }
    let mean = total as f64 / 400.0;
    assert!((mean - 1.781).abs() < 4.0 * 0.9 / 20.0, "{mean}");
}

/// RFC 6347 §4.1.1.1 lets flights of the handshake back off to smaller records, as they can be cut. Data cannot: what the way takes is as it was
/// before, and what is handed over once the handshake is done goes out whole.
#[test]
fn smaller_flights_do_not_make_data_smaller() {
    let (client, server) = with_certificates(Mode::Sized, Suite::EcdsaAes128Gcm);
    let (full, fallback_after) = (client.common.mtu, client.common.fallback_after);
    // The client's first hellos are lost: one more than it takes to back off.
    let mut lost = fallback_after + 1;
    let mut world = World::new(client, ServerConfig { cookies: false, ..server }).with_fate(move |sent| {
        let is_lost = sent.to_server && lost > 0;
        lost -= u32::from(is_lost);
        if is_lost { Vec::new() } else { vec![Span::ZERO] }
    });
    world.connect().run();
    world.check_connected();
    let most = world.client.as_ref().unwrap().most_data();
    // A record's header of 13 bytes, a nonce of 8 and a tag of 16 (RFC 5246 §6.2.3.3).
    assert_eq!(most, full - 37);
    let text = "x".repeat(most);
    world.client_send(&text);
    world.run();
    assert_eq!(world.server_data().last(), Some(&text));
}

/// Who lacks the server's hello keeps what is protected, and acknowledges nothing: it knows neither the version nor keys. The server's time brings the hello.
#[test]
fn a_client_that_lacks_the_hello_waits_for_it() {
    // Datagrams of 200 bytes: the server's hello is the first of its flight, and is lost; what is protected waits for it.
    let (mut client, mut server) = with_certificates(Mode::Real, Suite::Aes128Gcm);
    (client.common.mtu, server.common.mtu) = (200, 200);
    let mut world = World::new(client, ServerConfig { cookies: false, ..server }).losing(&[1, 2]);
    world.connect().run();
    world.check_connected();
    let client = world.client.as_ref().unwrap().counts();
    assert!(client.early > 0, "{client:?}");
    let is_plain_ack = |datagram: &Rope| {
        Records::new(datagram, 0)
            .any(|record| matches!(&record.header, Header::Full(header) if header.content_type == ACK))
    };
    assert!(!world.log.iter().any(|(_, to_server, datagram)| *to_server && is_plain_ack(datagram)));
    let (connected, _) = world.client_connected().unwrap();
    let early = world.log.iter().filter(|(when, to_server, _)| *to_server && *when < at(1_100)).count();
    // Its hello of 0 ms, and once more at 1,000 ms; the server's flight of 50 ms comes again after 1 s.
    assert_eq!((early, connected), (2, at(1_100)));
}

/// A path of which everything is drawn.
fn path(seed: u64, loss: f64, copies: f64, spread_ms: u64) -> impl FnMut(Sent<'_>) -> Vec<Span> {
    let run = protosim_core::RunSeed { seed, replication: 1 };
    let mut luck = run.stream("path", protosim_core::Purpose("path"));
    move |_| {
        let mut out = Vec::new();
        let count = 1 + usize::from(luck.uniform() < copies);
        for _ in 0..count {
            let extra = luck.next_u64() % (spread_ms + 1);
            if luck.uniform() >= loss {
                out.push(Span::from_millis(extra));
            }
        }
        out
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Whatever is lost, copied and swapped: both connect and agree, data pass, and nothing waits for ever.
    #[test]
    fn every_path_that_passes_something_is_enough(
        seed in any::<u64>(),
        suite in prop::sample::select(&Suite::ALL[..]),
        has_certificates in any::<bool>(),
        asks in any::<bool>(),
        mtu in 180_usize..1300,
        loss in 0.0_f64..0.4,
        copies in 0.0_f64..0.3,
        spread_ms in 0_u64..400,
        cookies in any::<bool>(),
        cids in prop::option::of((0_u8..5, 0_u8..5)),
    ) {
        let (mut client, mut server) =
            if has_certificates && suite.exchange() == crate::dtls::codes::KeyExchange::Tls13 { with_certificates(Mode::Sized, suite) } else { ends(Mode::Sized, suite) };
        (client.common.mtu, server.common.mtu) = (mtu.max(700), mtu);
        (client.common.timers.tries, server.common.timers.tries) = (40, 40);
        (client.common.cid_len, server.common.cid_len) = (cids.map(|(one, _)| one), cids.map(|(_, one)| one));
        client.identity = asks.then(|| ours(Mode::Sized, "client"));
        client.resumption = true;
        if asks {
            server.client_certificates = crate::tls::config::ClientCertificates::Asked;
        }
        server.cookies = cookies;
        // Two hours have passed when the session is taken up.
        server.lifetime = Span::from_secs(86_400);
        let mut world = World::new(client, server).with_fate(path(seed, loss, copies, spread_ms));
        world.connect();
        for _ in 0..10 {
            world.run();
        }
        world.fate = Box::new(|_| vec![Span::ZERO]);
        let handshaked = world.check_connected();
        prop_assert_eq!(handshaked.suite, suite);
        // Nothing is sent any more, and nothing is kept but keys and what may have to be sent again.
        prop_assert_eq!(world.client.as_ref().unwrap().next_timeout(), None);
        prop_assert_eq!(world.server.next_timeout(), None);
        let (old, datagrams) = (world.log.len(), world.client.as_ref().unwrap().counts().datagrams);
        world.run();
        prop_assert_eq!(world.log.len(), old);
        prop_assert!(datagrams < 400, "{}", datagrams);
        // A second handshake takes the session up.
        let before = world.client_notices.len();
        world.connect().run();
        let again = world.client_notices[before..].iter().find_map(|(_, notice)| match notice {
            Notice::Connected(handshaked) => Some(handshaked.clone()),
            _ => None,
        });
        prop_assert!(again.expect("it connects").is_resumed);
    }
}
