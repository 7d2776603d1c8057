//! What anybody on the path can do: cut it for good, forge what has no protection, send on from elsewhere. Nothing waits for ever, and nothing grows.

use super::*;
use crate::dtls::codes::ACK;
use crate::dtls::connection::Offer;
use crate::dtls::crypto::Protection;
use crate::dtls::reassembly::Limits;
use crate::dtls::wire::{FragmentHeader, FullHeader, Header, Message, Record, Records, UnifiedHeader};
use crate::tls::codes::{AlertDescription, ContentType, HandshakeType};
use crate::tls::config::ClientCertificates;
use crate::tls::wire::{Extension, Handshake};
use bytes::Bytes;

/// A record without protection.
fn plain(content_type: ContentType, epoch: u16, sequence: u64, body: &[u8]) -> Rope {
    let header = FullHeader { content_type, version: DTLS12, epoch, sequence, cid: Bytes::new() };
    Rope::from([&header.encode(body.len() as u16)[..], body].concat())
}

fn fragment(header: FragmentHeader, body: &[u8]) -> Vec<u8> {
    [&header.encode()[..], body].concat()
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// RFC 9147 §5.8.1: a part of a flight leaves one WAITING. The client has a round trip of 100 ms, so a time of 150 ms (§5.8.2); it doubles up to 60 s, and runs out 13
/// times: 150 ms (1 + 2 + ... + 256) + 4 times 60 s = 316.65 s after the part, at 100 ms. The server's flight, of which nothing is acknowledged, is given up after
/// 63 + 7 times 60 s, at 50 ms.
#[test]
fn a_client_that_has_part_of_a_flight_gives_up_at_last() {
    let (client, mut server) = with_certificates(Mode::Sized, Suite::Aes128Gcm);
    server.common.mtu = 200;
    let server = ServerConfig { cookies: false, ..server };
    let mut world = World::new(client, server).with_fate(|sent| {
        if sent.number < 3 && sent.number > 0 || sent.number == 0 { vec![Span::ZERO] } else { Vec::new() }
    });
    world.connect().run();
    let failed = Notice::Failed(Failure::TimedOut);
    assert_eq!(world.client_notices, [(at(316_750), failed.clone())]);
    assert_eq!(
        world.server_notices.iter().map(|(at, _, notice)| (*at, notice.clone())).collect::<Vec<_>>(),
        [(at(483_050), failed)]
    );
    assert_eq!((world.client.as_ref().unwrap().next_timeout(), world.server.next_timeout()), (None, None));
    // One that cannot wait, and a reminder each of the 12 times.
    assert_eq!(world.client.as_ref().unwrap().counts().acks, 1 + 12);
}

/// The same of a server, of the client's last flight: nothing keeps a place of its own for ever.
#[test]
fn a_server_that_has_part_of_a_flight_gives_up_at_last() {
    let (mut client, server) = with_certificates(Mode::Sized, Suite::Aes128Gcm);
    client.common.mtu = 400;
    client.identity = Some(ours(Mode::Sized, "client"));
    let server = ServerConfig { cookies: false, client_certificates: ClientCertificates::Required, ..server };
    let mut up = 0;
    let mut world = World::new(client, server).with_fate(move |sent| {
        up += usize::from(sent.to_server);
        if sent.to_server && up > 2 { Vec::new() } else { vec![Span::ZERO] }
    });
    world.connect().run();
    assert_eq!(world.server_failure(), Some(Failure::TimedOut));
    assert_eq!(world.server.next_timeout(), None);
}

/// RFC 9147 §7: what is acknowledged was kept. CertificateVerify and Finished overtake the certificate, and there is hardly room for it: 1530 bytes. Whatever the length of datagrams,
/// both connect.
#[test]
fn what_was_acknowledged_is_not_thrown_away() {
    for mtu in (150..420).step_by(3) {
        let ends = || {
            let (mut client, mut server) = with_certificates(Mode::Sized, Suite::Aes128Gcm);
            client.common.limits = Limits { message: 65_536, held: 1_530, ahead: 8 };
            (client.common.mtu, server.common.mtu) = (600, mtu);
            (client, ServerConfig { cookies: false, ..server })
        };
        let (client, server) = ends();
        let mut first = World::new(client, server);
        first.connect().run_until(at(60));
        let last = first.log.iter().filter(|(when, to_server, _)| !to_server && *when <= at(50)).count();
        let (client, server) = ends();
        let mut world = World::new(client, server).with_fate(move |sent| {
            let is_late = !sent.to_server && sent.number > 1 && sent.number < last;
            vec![if is_late { Span::from_millis(40) } else { Span::ZERO }]
        });
        world.connect().run();
        world.check_connected();
    }
}

/// RFC 9147 §5, erratum 8066: DTLS 1.3 does not echo the client's session id, which is there when it offers a session of DTLS 1.2 as well. In both messages it stands
/// behind the headers of 13 and 12 bytes, the version and the random.
#[test]
fn a_session_id_is_not_echoed_in_dtls_13() {
    for cookies in [true, false] {
        let common = || Common { mode: Mode::Real, ..Common::default() };
        let identity = Some(ours(Mode::Real, "example.com"));
        let old = Common { versions: vec![DTLS12], ..common() };
        let client = ClientConfig { common: common(), resumption: true, ..ClientConfig::default() };
        let server = ServerConfig { common: old, identity: identity.clone(), ..ServerConfig::default() };
        let mut world = World::new(client, server);
        world.connect().run();
        assert_eq!(world.check_connected().version, DTLS12);
        let new = ServerConfig { common: common(), identity, cookies, ..ServerConfig::default() };
        world.server = Endpoint::new(ServerSide::new(new, Trust::default()), EndpointLimits::default());
        world.client_notices.clear();
        let before = world.log.len();
        world.connect().run();
        let hellos: Vec<(u8, u8)> = world.log[before..]
            .iter()
            .map(|(_, _, datagram)| datagram.to_bytes())
            .filter(|bytes| bytes[0] == 22 && bytes[13] <= 2)
            .map(|bytes| (bytes[13], bytes[13 + 12 + 34]))
            .collect();
        let expected: &[(u8, u8)] = if cookies { &[(1, 32), (2, 0), (1, 32), (2, 0)] } else { &[(1, 32), (2, 0)] };
        assert_eq!(hellos, expected);
        assert_eq!(world.check_connected().version, DTLS13);
    }
}

/// Nothing is early after a handshake (RFC 9147 §8: new keys are used once they are acknowledged), and records of less than 16 bytes are none (§4.2.3). During a handshake
/// 16,384 bytes of them may wait, each with 64 beside what it carries: 204 records of 16 bytes.
#[test]
fn records_that_wait_have_a_limit() {
    for suite in [Suite::PskAes128Ccm8, Suite::Aes128Gcm] {
        let (client, server) = ends(Mode::Sized, suite);
        let mut world = World::new(client, server);
        world.connect();
        let record = |len: u8| match suite.version() {
            DTLS12 => plain(ContentType::APPLICATION_DATA, 9, 0, &vec![0; usize::from(len)]).to_bytes().to_vec(),
            _ => [&[0x2f, 0, 0, 0, len][..], &vec![0; usize::from(len)]].concat(),
        };
        let client_address = world.client_address;
        world.deliver(false, client_address, &Rope::from(record(15).repeat(1000)));
        assert_eq!(world.client.as_ref().unwrap().counts().early, 0);
        let before = world.client.as_ref().unwrap().memory();
        world.deliver(false, client_address, &Rope::from(record(16).repeat(1000)));
        assert_eq!(world.client.as_ref().unwrap().counts().early, 16_384 / 80);
        assert_eq!(world.client.as_ref().unwrap().memory(), before + 80 * (16_384 / 80));
        world.run();
        world.check_connected();
        let (memory, early) = (world.server.memory(), world.server.connections().next().unwrap().1.counts().early);
        world.deliver(true, client_address, &Rope::from(record(16).repeat(1000)));
        assert_eq!(world.server.memory(), memory);
        assert_eq!(world.server.connections().next().unwrap().1.counts().early, early);
        world.check_connected();
    }
}

/// RFC 9147 §6.1: only hellos come without protection. A piece of EncryptedExtensions that does, before the server's hello or behind it, changes nothing.
#[test]
fn a_plain_piece_of_a_protected_message_is_nothing() {
    for millis in [20, 101] {
        let (client, mut server) = with_certificates(Mode::Real, Suite::Aes128Gcm);
        server.common.mtu = 200;
        // What follows the server's hello is late.
        let mut world = World::new(client, ServerConfig { cookies: false, ..server })
            .with_fate(|sent| vec![Span::from_millis(if !sent.to_server && sent.number > 1 { 20 } else { 0 })]);
        world.connect().run_until(at(millis));
        let (kind, message_seq) = (HandshakeType::ENCRYPTED_EXTENSIONS, 1);
        let header = FragmentHeader { kind, len: 6, message_seq, offset: 0, fragment_len: 1 };
        let client_address = world.client_address;
        world.deliver(false, client_address, &plain(ContentType::HANDSHAKE, 0, 77, &fragment(header, &[0])));
        world.run();
        assert_eq!(world.client_connected().unwrap().0, at(120));
        world.check_connected();
    }
}

/// A record without protection has any number that anybody likes: those that follow are not taken for old.
#[test]
fn numbers_without_protection_say_nothing_of_others() {
    for suite in [Suite::PskAes128Ccm8, Suite::Aes128Gcm] {
        let (client, server) = ends(Mode::Real, suite);
        let mut world = World::new(client, server);
        world.connect().run_until(at(20));
        let client_address = world.client_address;
        world.deliver(false, client_address, &plain(ContentType::CHANGE_CIPHER_SPEC, 0, (1 << 48) - 1, &[1]));
        world.run();
        assert_eq!(world.client_connected().unwrap().0, at(if suite.version() == DTLS12 { 300 } else { 200 }));
        world.check_connected();
    }
}

/// RFC 8446 §4.4.2.2, §6.2: a client that takes no signature of the server's is told so, and can read it: the alert comes instead of ServerHello, after 2 round trips with the cookie's.
#[test]
fn a_signature_that_is_not_taken_is_an_alert_that_can_be_read() {
    let (client, server) = with_certificates(Mode::Real, Suite::Aes128Gcm);
    let config = CertificateConfig { key: CertificateKind::Rsa2048, chain: 2, leaf: None };
    let identity = Some(Arc::new(identity(Mode::Real, &config, "example.com")));
    let mut world = World::new(client, ServerConfig { identity, ..server });
    world.connect().run();
    let alert = AlertDescription::HANDSHAKE_FAILURE;
    assert_eq!(world.client_notices, [(at(200), Notice::Failed(Failure::Alert { alert, is_ours: false }))]);
    assert_eq!(world.server_failure(), Some(Failure::Alert { alert, is_ours: true }));
}

/// RFC 9147 §4.2.1: what comes before its keys is kept, also where the client has offered connection ids and does not know yet that there are none.
#[test]
fn offered_connection_ids_do_not_cost_what_comes_early() {
    for cid_len in [None, Some(4)] {
        let (mut client, mut server) = with_certificates(Mode::Sized, Suite::Aes128Gcm);
        (client.common.cid_len, server.common.mtu) = (cid_len, 300);
        let mut world = World::new(client, ServerConfig { cookies: false, ..server })
            .with_fate(|sent| vec![Span::from_millis(if sent.number == 1 { 30 } else { 0 })]);
        world.connect().run();
        assert_eq!(world.client_connected().unwrap().0, at(130), "{cid_len:?}");
    }
}

/// RFC 9147 §6.1: epoch 2 is for messages of the handshake alone.
#[test]
fn data_under_the_keys_of_the_handshake_are_nothing() {
    let (client, server) = ends(Mode::Real, Suite::Aes128Gcm);
    let mut world = World::new(client, server);
    world.connect().run();
    world.check_connected();
    let secret = world.client_traces.iter().find_map(|trace| match trace {
        Trace::Secret(one) if one.label == "CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Some(one.secret),
        _ => None,
    });
    let keys = Protection::dtls13(Mode::Real, Suite::Aes128Gcm, &secret.unwrap());
    let header = UnifiedHeader { cid: None, epoch_bits: 2, sequence: 50, is_long: true, has_length: true };
    let record = keys.seal_13(&header, 50, ContentType::APPLICATION_DATA, &Rope::from(b"forged".to_vec()));
    let before = world.server_data().len();
    let client_address = world.client_address;
    world.deliver(true, client_address, &record);
    assert_eq!(world.server_data().len(), before);
}

/// RFC 9147 §8: new keys wait for an acknowledgement, §7: which after the handshake has the newest keys, not none. Where none comes, nobody knows what the peer has: it is over.
#[test]
fn keys_are_not_replaced_by_what_anybody_says() {
    let (client, server) = ends(Mode::Real, Suite::Aes128Gcm);
    let mut world = World::new(client, server);
    world.connect().run();
    world.check_connected();
    world.fate = Box::new(|_| Vec::new());
    world.with_client(|connection, _, cx| connection.update_keys(false, cx));
    let client_address = world.client_address;
    world.deliver(false, client_address, &plain(ACK, 0, 99, &[0, 0]));
    assert_eq!(world.client.as_ref().unwrap().counts().key_updates, 0);
    world.run();
    assert_eq!(world.client_failure(), Some(Failure::TimedOut));
    assert_eq!(world.client.as_ref().unwrap().counts().key_updates, 0);
}

/// RFC 9147 §5.10, RFC 6347 §4.2.7: the alert at 250 ms is lost; the client's flight of 200 ms comes again a second later, and its answer is the alert again.
#[test]
fn an_alert_that_is_lost_is_said_again() {
    for lost in [false, true] {
        let (client, server) = ends(Mode::Sized, Suite::PskAes128Ccm8);
        let client = ClientConfig { psk: Some(Psk { identity: "nobody".into(), ..psk() }), ..client };
        let mut is_first = lost;
        let mut world = World::new(client, server).with_fate(move |sent| {
            let is_lost = !sent.to_server && sent.datagram.to_bytes()[0] == 21 && std::mem::take(&mut is_first);
            if is_lost { Vec::new() } else { vec![Span::ZERO] }
        });
        world.connect().run();
        let failure = Failure::Alert { alert: AlertDescription::UNKNOWN_PSK_IDENTITY, is_ours: false };
        assert_eq!(world.client_notices, [(at(if lost { 1_300 } else { 300 }), Notice::Failed(failure))]);
    }
}

/// With ids of one byte there are 256. Who has one keeps it, and is heard; who finds none comes again until there is.
#[test]
fn a_connection_id_has_one_owner() {
    let (mut client, mut server) = ends(Mode::Sized, Suite::PskAes128Ccm8);
    (client.common.cid_len, server.common.cid_len) = (Some(0), Some(1));
    let mut world = World::new(client, server);
    let mut connected = Vec::new();
    for number in 0..300_u16 {
        world.client_address = SocketAddr::from(([192, 0, 2, 1], 1000 + number));
        world.connect();
        let soon = world.now + Span::from_secs(10);
        world.run_until(soon);
        if world.client.as_ref().unwrap().is_connected() {
            connected.push((world.client_address, world.client.clone().unwrap()));
        }
    }
    let ids: BTreeMap<_, _> = world.server.connections().map(|(id, one)| (one.cid().cloned(), id)).collect();
    assert_eq!(ids.len(), world.server.connections().count());
    assert!(connected.len() > 128 && connected.len() <= 256, "{}", connected.len());
    for (number, (address, connection)) in connected.into_iter().enumerate() {
        (world.client_address, world.client) = (address, Some(connection));
        world.client_send("x");
        let soon = world.now + Span::from_secs(1);
        world.run_until(soon);
        assert_eq!(world.server_data().len(), number + 1);
    }
}

/// RFC 6347 §4.2.8: whoever keeps something for a connection that another one replaces hears of it.
#[test]
fn a_connection_that_is_replaced_is_closed() {
    let (client, server) = ends(Mode::Sized, Suite::PskAes128Ccm8);
    let mut world = World::new(client, server);
    world.connect().run();
    world.check_connected();
    let old = world.server.connections().next().unwrap().0;
    world.connect().run();
    assert_eq!(world.ended, [(old, Ending::Replaced)]);
}

/// RFC 9146 §6, its third condition: a server that is not told to follow answers where the client said hello, whoever sends its datagrams on.
#[test]
fn a_server_follows_a_peer_only_where_it_is_told_to() {
    for follows_peers in [true, false] {
        let (mut client, mut server) = ends(Mode::Real, Suite::Aes128Gcm);
        (client.common.cid_len, server.common.cid_len) = (Some(0), Some(8));
        let mut world = World::new(client, ServerConfig { follows_peers, ..server });
        world.connect().run();
        world.check_connected();
        world.fate = Box::new(|_| Vec::new());
        world.client_send("x");
        let taken = world.log.last().unwrap().2.clone();
        world.deliver(true, address("203.0.113.66:666"), &taken);
        assert_eq!(world.server_data().last().map(String::as_str), Some("x"));
        assert_eq!(world.moved.len(), usize::from(follows_peers));
    }
}

/// The server's hello with what `change` makes of it, instead of the one that it has sent.
fn changed_hello(world: &World, change: impl FnOnce(&mut crate::tls::wire::ServerHello)) -> Rope {
    let (_, _, datagram) = world.log.last().unwrap();
    let Record { header: Header::Full(header), fragment: bytes } = Records::new(datagram, 0).next().unwrap() else {
        panic!("a plain record")
    };
    let (head, body) = FragmentHeader::decode(&mut bytes.to_bytes()).unwrap();
    let Ok(Message::Tls(Handshake::ServerHello(mut hello))) = Message::decode(head.kind, &body, DTLS12, None) else {
        panic!("a hello")
    };
    change(&mut hello);
    let body = Message::Tls(Handshake::ServerHello(hello)).encode_body();
    let head = FragmentHeader::whole(head.kind, head.message_seq, body.len() as u32);
    plain(ContentType::HANDSHAKE, 0, header.sequence, &fragment(head, &body))
}

/// RFC 5246 §7.4.1.4: extensions that nobody asked for (a client without a name and without groups); RFC 5746 §3.4: renegotiation_info is empty in a first handshake; RFC 8446 §4.2.1:
/// DTLS 1.3 is agreed on by supported_versions alone; RFC 5246 §7.4.1.1: HelloRequest is passed over during a handshake.
#[test]
fn what_a_server_may_not_say_is_refused() {
    type Change = fn(&mut crate::tls::wire::ServerHello);
    let cases: [(Change, Option<AlertDescription>); 6] = [
        (|_| {}, None),
        (|hello| hello.extensions.push(Extension::ServerNameAck), Some(AlertDescription::UNSUPPORTED_EXTENSION)),
        (
            |hello| hello.extensions.push(Extension::EcPointFormats(vec![0].into())),
            Some(AlertDescription::UNSUPPORTED_EXTENSION),
        ),
        (
            |hello| {
                hello.extensions.retain(|one| !matches!(one, Extension::RenegotiationInfo(_)));
                hello.extensions.push(Extension::RenegotiationInfo(vec![1].into()));
            },
            Some(AlertDescription::HANDSHAKE_FAILURE),
        ),
        (|hello| hello.legacy_version = DTLS13, Some(AlertDescription::ILLEGAL_PARAMETER)),
        (|hello| hello.cipher_suite.0 = 0xc02b, Some(AlertDescription::ILLEGAL_PARAMETER)),
    ];
    for (change, alert) in cases {
        let (client, server) = ends(Mode::Real, Suite::PskAes128Ccm8);
        let mut world = World::new(client, ServerConfig { cookies: false, ..server });
        world.connect().run_until(at(60));
        let client_address = world.client_address;
        let hello = changed_hello(&world, change);
        world.deliver(false, client_address, &hello);
        let expected = alert.map(|alert| Failure::Alert { alert, is_ours: true });
        assert_eq!(world.client_failure(), expected);
    }
    let (client, server) = ends(Mode::Real, Suite::PskAes128Ccm8);
    let mut world = World::new(client, server);
    world.connect();
    let header = FragmentHeader::whole(HandshakeType::HELLO_REQUEST, 0, 0);
    let client_address = world.client_address;
    world.deliver(false, client_address, &plain(ContentType::HANDSHAKE, 0, 0, &fragment(header, &[])));
    assert_eq!(world.client_failure(), None);
    assert_eq!(world.client_traces.last(), Some(&Trace::Received(HandshakeType::HELLO_REQUEST, 0)));
}

/// RFC 5746 §3.6: a server aborts as well.
#[test]
fn a_hello_within_no_connection_renegotiates_nothing() {
    let (client, server) = ends(Mode::Real, Suite::PskAes128Ccm8);
    let mut world = World::new(client, server);
    world.connect();
    let record = Records::new(&world.log[0].2, 0).next().unwrap();
    let (head, body) = FragmentHeader::decode(&mut record.fragment.to_bytes()).unwrap();
    let Ok(Message::ClientHello(mut hello, _)) = Message::decode(head.kind, &body, DTLS12, None) else { panic!() };
    hello.extensions.push(Extension::RenegotiationInfo(Bytes::new()));
    assert!(Offer::of(&hello).is_ok());
    hello.extensions.push(Extension::RenegotiationInfo(vec![1].into()));
    assert_eq!(Offer::of(&hello).err(), Some(AlertDescription::HANDSHAKE_FAILURE));
}

/// RFC 9147 §4: of a datagram with a record of another connection id the rest is discarded.
#[test]
fn a_foreign_connection_id_ends_a_datagram() {
    let (mut client, mut server) = ends(Mode::Real, Suite::Aes128Gcm);
    (client.common.cid_len, server.common.cid_len) = (Some(2), Some(2));
    let mut world = World::new(client, server);
    world.connect().run();
    world.check_connected();
    world.fate = Box::new(|_| Vec::new());
    let client_address = world.client_address;
    for is_foreign in [true, false] {
        world.client_send("behind");
        let own = world.log.last().unwrap().2.to_bytes();
        let mut id = [own[1], own[2]];
        id[1] ^= u8::from(is_foreign);
        // A record that cannot be opened: with our id it is dropped, and the next one read.
        let datagram = [&[0x3f, id[0], id[1], 0, 0, 0, 16][..], &[0; 16], &own].concat();
        let before = world.server_data().len();
        world.deliver(true, client_address, &Rope::from(datagram));
        assert_eq!(world.server_data().len() - before, usize::from(!is_foreign));
    }
}

/// RFC 6347 §4.2.4: a server sends its last flight again when the client's Finished comes again, which is protected: a plain fragment with its number (3: hello, hello, key exchange,
/// Finished) makes nothing of it, long after.
#[test]
fn a_plain_copy_does_not_ask_for_a_flight() {
    let (client, server) = ends(Mode::Real, Suite::PskAes128Ccm8);
    let mut world = World::new(client, server);
    world.connect().run();
    world.check_connected();
    let (before, client_address) = (world.log.len(), world.client_address);
    let header = FragmentHeader::whole(HandshakeType::FINISHED, 3, 12);
    world.deliver(true, client_address, &plain(ContentType::HANDSHAKE, 0, 99, &fragment(header, &[0; 12])));
    assert_eq!(world.log.len(), before);
}

/// RFC 9147 §7: after the handshake of DTLS 1.3 nothing comes without protection: copies are not acknowledged. An acknowledgement names what belongs to its flight: of a KeyUpdate it
/// is 2 + 16 bytes, with 22 of its record.
#[test]
fn acknowledgements_name_the_current_flight() {
    let (client, server) = ends(Mode::Real, Suite::Aes128Gcm);
    let mut world = World::new(client, ServerConfig { tickets: 0, ..server });
    world.connect().run();
    world.check_connected();
    let before = world.log.len();
    let client_address = world.client_address;
    let header = FragmentHeader::whole(HandshakeType::SERVER_HELLO, 1, 0);
    world.deliver(false, client_address, &plain(ContentType::HANDSHAKE, 0, 99, &fragment(header, &[])));
    assert_eq!(world.log.len(), before);
    world.with_client(|connection, _, cx| connection.update_keys(false, cx));
    world.run();
    let (_, to_server, datagram) = world.log.last().unwrap();
    assert_eq!((*to_server, datagram.len()), (false, 2 + 16 + 22));
}

/// RFC 9147 §5.10: what has a number behind that of close_notify is ignored; what was sent before, and comes late, is not.
#[test]
fn data_that_close_has_overtaken_are_delivered() {
    for suite in [Suite::PskAes128Ccm8, Suite::Aes128Gcm] {
        let (client, server) = ends(Mode::Real, suite);
        let mut world = World::new(client, server);
        world.connect().run();
        world.check_connected();
        world.fate = Box::new(|sent| vec![Span::from_millis(if sent.datagram.len() > 100 { 5 } else { 0 })]);
        world.client_send(&"late".repeat(50));
        world.with_client(|connection, _, cx| connection.close(cx));
        world.run();
        let [.., (_, _, closed), (_, _, data)] = &world.server_notices[..] else { panic!("two of them") };
        assert_eq!(*closed, Notice::Closed);
        assert!(matches!(data, Notice::Data(data) if data.len() == 200), "{data:?}");
    }
}
