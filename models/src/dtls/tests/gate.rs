use super::*;
use crate::dtls::codes::DTLS10;
use crate::dtls::wire::{FragmentHeader, FullHeader, Header, Message, Record, Records};
use crate::tls::codes::{AlertDescription, ContentType, HandshakeType};
use crate::tls::wire::Handshake;

fn records(datagram: &Rope) -> Vec<Record> {
    Records::new(datagram, 0).collect()
}

fn full(record: &Record) -> &FullHeader {
    match &record.header {
        Header::Full(header) => header,
        Header::Unified(_) => panic!("a full header"),
    }
}

fn fragment(record: &Record) -> (FragmentHeader, bytes::Bytes) {
    FragmentHeader::decode(&mut record.fragment.to_bytes()).unwrap()
}

/// RFC 6347 §4.2.1, RFC 9147 §5.1: nothing is kept of a client that has not shown where it is, and no time runs.
#[test]
fn nothing_is_kept_of_a_stranger() {
    for suite in [Suite::PskAes128Ccm8, Suite::Aes128Gcm] {
        let (client, server) = ends(Mode::Real, suite);
        let mut world = World::new(client, server).losing(&[1]);
        world.connect().run_until(at(60));
        assert_eq!((world.log.len(), world.server.connections().count(), world.server.memory()), (2, 0, 0));
        assert_eq!(world.server.next_timeout(), None);
        assert_eq!(world.server.counts().answered, 1);
        world.run();
        world.check_connected();
    }
}

/// RFC 6347 §4.2.1, §4.2.2: numbers of the request are those of the hello; those of what follows go on. The request says DTLS 1.0.
#[test]
fn numbers_go_on_after_a_request_to_verify() {
    let (client, server) = ends(Mode::Real, Suite::PskAes128Ccm8);
    // The first hello is lost: the second has the number 1, and the same message.
    let mut world = World::new(client, server).losing(&[0]);
    world.connect().run();
    let all: Vec<Vec<Record>> = world.log.iter().map(|(_, _, datagram)| records(datagram)).collect();
    let [lost, hello, request, second, answer, client, finished] = &all[..7] else { panic!("{}", all.len()) };
    assert_eq!((full(&lost[0]).sequence, full(&hello[0]).sequence), (0, 1));
    assert_eq!(lost[0].fragment.to_bytes(), hello[0].fragment.to_bytes(), "the same random, and all else");
    let (head, body) = fragment(&request[0]);
    assert_eq!((full(&request[0]).version, full(&request[0]).sequence, head.message_seq), (DTLS10, 1, 0));
    let decoded = Message::decode(head.kind, &body, DTLS12, None).unwrap();
    assert!(matches!(decoded, Message::HelloVerifyRequest { version: DTLS10, .. }));
    assert_eq!((full(&second[0]).sequence, fragment(&second[0]).0.message_seq), (2, 1));
    // ServerHello: its number is that of the hello, its message 1; ServerHelloDone goes on.
    let numbers = |record: &Record| (full(record).epoch, full(record).sequence);
    assert_eq!(answer.iter().map(numbers).collect::<Vec<_>>(), [(0, 2), (0, 3)]);
    assert_eq!(answer.iter().map(|record| fragment(record).0.message_seq).collect::<Vec<_>>(), [1, 2]);
    // RFC 6347 §4.1: the first record of Finished has epoch 1 and number 0.
    assert_eq!(client.iter().map(numbers).collect::<Vec<_>>(), [(0, 3), (0, 4), (1, 0)]);
    assert_eq!(finished.iter().map(numbers).collect::<Vec<_>>(), [(0, 4), (1, 0)]);
    assert_eq!(fragment(&client[0]).0.message_seq, 2);
}

/// A cookie is good for one address: RFC 6347 §4.2.1.
#[test]
fn a_cookie_of_another_address_is_none() {
    for (suite, alert) in [(Suite::PskAes128Ccm8, None), (Suite::Aes128Gcm, Some(AlertDescription::ILLEGAL_PARAMETER))]
    {
        for mode in MODES {
            let (client, server) = ends(mode, suite);
            let mut world = World::new(client, server);
            world.connect().run_until(at(110));
            let second = world.log[2].2.clone();
            let stranger: SocketAddr = "198.51.100.9:1".parse().unwrap();
            let before = world.log.len();
            world.deliver(true, stranger, &second);
            let answer = &records(&world.log[before].2)[0];
            match alert {
                None => assert_eq!(fragment(answer).0.kind, HandshakeType::HELLO_VERIFY_REQUEST),
                Some(alert) => {
                    assert_eq!(full(answer).content_type, ContentType::ALERT);
                    assert_eq!(answer.fragment.to_bytes()[..], [2, alert.0]);
                }
            }
            assert_eq!(world.server.connections().count(), 0);
            world.run();
            world.check_connected();
        }
    }
}

/// RFC 9147 §5.1: a retry request has the number of the hello, and names DTLS 1.3 and a cookie.
#[test]
fn a_retry_request_brings_a_cookie() {
    let (client, server) = ends(Mode::Real, Suite::Aes128Gcm);
    let mut world = World::new(client, server);
    world.connect().run();
    let request = &records(&world.log[1].2)[0];
    let (head, body) = fragment(request);
    assert_eq!((full(request).sequence, head.message_seq, head.kind), (0, 0, HandshakeType::SERVER_HELLO));
    let decoded = Message::decode(head.kind, &body, DTLS13, None).unwrap();
    assert!(matches!(decoded, Message::Tls(Handshake::HelloRetryRequest(_))));
    let hello = &records(&world.log[3].2)[0];
    assert_eq!((fragment(hello).0.message_seq, full(hello).sequence), (1, 1));
}

/// A server has as many connections as it may; the rest is dropped, and comes again when there is room.
#[test]
fn connections_have_a_limit() {
    let (client, server) = ends(Mode::Sized, Suite::PskAes128Ccm8);
    let mut world = World::new(client, server.clone());
    world.server = Endpoint::new(
        ServerSide::new(server, Trust::default()),
        EndpointLimits { connections: 1, evicts: false, idle: None },
    );
    world.connect().run();
    world.check_connected();
    world.client_notices.clear();
    world.client_address = "192.0.2.9:40000".parse().unwrap();
    let soon = world.now + Span::from_secs(10);
    world.connect().run_until(soon);
    assert_eq!(world.client_connected(), None);
    assert!(world.server.counts().refused > 0);
    let (id, _) = world.server.connections().next().unwrap();
    world.server.remove(id, &mut world.server_env).unwrap();
    world.run();
    world.check_connected();
}

/// RFC 5746 §4.4, RFC 9325 §3.5: a hello within a connection is answered by a warning, and changes nothing.
#[test]
fn there_is_no_second_handshake_within_a_connection() {
    let (client, server) = ends(Mode::Real, Suite::PskAes128Ccm8);
    let mut world = World::new(client, server);
    world.connect().run();
    let hello = fragment(&records(&world.log[0].2)[0]).1;
    let before = world.log.len();
    world.with_client(|connection, _, cx| connection.send_message(HandshakeType::CLIENT_HELLO, hello, cx));
    world.run();
    // The hello, and its answer: an alert in epoch 1 of 2 bytes, with 8 of nonce and 8 of tag.
    let [_, (_, false, answer)] = &world.log[before..] else { panic!("{}", world.log.len()) };
    let answer = &records(answer)[0];
    assert_eq!((full(answer).content_type, full(answer).epoch), (ContentType::ALERT, 1));
    assert_eq!(answer.fragment.len(), 2 + 8 + 8);
    assert_eq!((world.client_failure(), world.server_failure()), (None, None));
    world.check_connected();
}

/// RFC 9147 §9: a new id that is to be used at once is; a request for ids is acknowledged; without ids neither may come.
#[test]
fn a_new_connection_id_is_used_at_once() {
    for has_cids in [true, false] {
        let (mut client, mut server) = ends(Mode::Real, Suite::Aes128Gcm);
        let lens = has_cids.then_some(2);
        (client.common.cid_len, server.common.cid_len) = (lens, lens);
        let mut world = World::new(client, server);
        world.connect().run();
        world.check_connected();
        let message = Message::NewConnectionId { cids: vec![vec![7, 8, 9].into()], is_immediate: true };
        world.with_server(|connection, cx| connection.send_message(message.kind(), message.encode_body(), cx));
        world.run();
        let alert = AlertDescription::UNEXPECTED_MESSAGE;
        if !has_cids {
            assert_eq!(world.client_failure(), Some(Failure::Alert { alert, is_ours: true }));
            continue;
        }
        world.client_send("new");
        let (_, _, datagram) = world.log.last().unwrap();
        let record = Records::new(datagram, 3).next().unwrap();
        let Header::Unified(header) = record.header else { panic!("a unified header") };
        assert_eq!(header.cid.as_deref(), Some(&[7, 8, 9][..]));
        let ask = Message::RequestConnectionId(1);
        world.with_server(|connection, cx| connection.send_message(ask.kind(), ask.encode_body(), cx));
        let acks = world.client.as_ref().unwrap().counts().acks;
        world.run();
        assert_eq!(world.client.as_ref().unwrap().counts().acks, acks + 1);
        assert_eq!(world.client_failure(), None);
    }
}
