//! Connections: headers, SASL, open and close, idle time-outs, channels.

use crate::amqp::v10::connection::{
    ClientSasl, Connection, ConnectionConfig, ConnectionEvent as E, ConnectionState as S, SaslConfig,
};
use crate::amqp::v10::vectors::symbol;
use crate::amqp::v10::wire::{
    Close, Condition, Decoder, EMPTY_FRAME, End, Fault, Header, Item, Open, Performative as P, SaslCode, plain,
};
use protosim_core::{LocalTime, Span};

fn at(millis: u64) -> LocalTime {
    LocalTime::ZERO + Span::from_nanos(millis * 1_000_000)
}

fn config() -> ConnectionConfig {
    ConnectionConfig::new("c")
}

/// All that goes from one to the other, by way of bytes; how many.
fn carry(from: &mut Connection, to: &mut Connection, decoder: &mut Decoder, now: LocalTime) -> usize {
    let mut count = 0;
    while let Some(item) = from.next(now) {
        decoder.push(&item.encode());
        while let Some(item) = decoder.next_item().unwrap() {
            to.on_item(item, now);
        }
        count += 1;
    }
    count
}

fn events(connection: &mut Connection) -> Vec<E> {
    std::iter::from_fn(|| connection.event()).collect()
}

/// §2.4.1, §2.4.6: START, HDR SENT, OPEN SENT, OPENED; the server by way of OPEN RCVD within one step. Then CLOSE SENT and END.
#[test]
fn a_connection_opens_and_closes() {
    let (mut client, mut server) = (Connection::client(config(), at(0)), Connection::server(config(), at(0)));
    let (mut to_server, mut to_client) = (Decoder::new(65536), Decoder::new(65536));
    assert_eq!((client.state(), server.state()), (S::HdrSent, S::Start));
    assert_eq!(carry(&mut client, &mut server, &mut to_server, at(0)), 1);
    assert_eq!(server.state(), S::HdrExch);
    assert_eq!(carry(&mut server, &mut client, &mut to_client, at(0)), 1);
    assert_eq!(client.state(), S::OpenSent);
    assert_eq!(carry(&mut client, &mut server, &mut to_server, at(0)), 1);
    assert_eq!(server.state(), S::Opened);
    assert_eq!(carry(&mut server, &mut client, &mut to_client, at(0)), 1);
    assert_eq!(client.state(), S::Opened);
    assert!(matches!(events(&mut client)[..], [E::Opened(_)]));
    assert!(matches!(events(&mut server)[..], [E::Opened(_)]));
    client.close(None);
    assert_eq!(client.state(), S::CloseSent);
    carry(&mut client, &mut server, &mut to_server, at(0));
    assert_eq!((server.state(), server.is_over()), (S::End, true));
    carry(&mut server, &mut client, &mut to_client, at(0));
    assert_eq!((client.state(), client.is_over()), (S::End, true));
    assert_eq!(events(&mut client), [E::Closed(None)]);
    assert_eq!(events(&mut server), [E::Closed(None)]);
}

/// §2.4.6: OPEN PIPE: header and open go at once, and so two round trips are one.
#[test]
fn an_open_may_follow_its_header_at_once() {
    let mut client = Connection::client(ConnectionConfig { pipelined: true, ..config() }, at(0));
    assert_eq!(client.state(), S::OpenPipe);
    let mut server = Connection::server(config(), at(0));
    assert_eq!(carry(&mut client, &mut server, &mut Decoder::new(65536), at(0)), 2);
    assert_eq!(server.state(), S::Opened);
    assert_eq!(carry(&mut server, &mut client, &mut Decoder::new(65536), at(0)), 2);
    assert_eq!(client.state(), S::Opened);
}

/// §5.3.2: header, mechanisms, init, outcome, then AMQP. Wrong credentials end it.
#[test]
fn a_client_authenticates() {
    for (code, is_in) in [(SaslCode::Ok, true), (SaslCode::Auth, false)] {
        let plain_sasl = ClientSasl::Plain { user: "guest".into(), password: "guest".into() };
        let mut client =
            Connection::client(ConnectionConfig { sasl: Some(SaslConfig::Client(plain_sasl)), ..config() }, at(0));
        let offered = vec![symbol("ANONYMOUS"), symbol("PLAIN")];
        let mut server =
            Connection::server(ConnectionConfig { sasl: Some(SaslConfig::Server(offered)), ..config() }, at(0));
        let (mut to_server, mut to_client) = (Decoder::new(65536), Decoder::new(65536));
        assert_eq!(carry(&mut client, &mut server, &mut to_server, at(0)), 1);
        assert_eq!(carry(&mut server, &mut client, &mut to_client, at(0)), 2);
        assert_eq!(carry(&mut client, &mut server, &mut to_server, at(0)), 1);
        let seen = events(&mut server);
        let [E::Authenticate(init)] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!(init.mechanism, symbol("PLAIN"));
        assert_eq!(plain::decode(init.initial_response.as_ref().unwrap()), Some(("", "guest", "guest")));
        server.authenticated(code);
        for _ in 0..4 {
            carry(&mut server, &mut client, &mut to_client, at(0));
            carry(&mut client, &mut server, &mut to_server, at(0));
        }
        assert_eq!(events(&mut client)[0], E::Authenticated(code));
        assert_eq!(client.state() == S::Opened && server.state() == S::Opened, is_in);
        assert_eq!((client.is_over(), server.is_over()), (!is_in, !is_in));
    }
}

/// §2.2: a server that speaks another protocol says which, and closes.
#[test]
fn another_protocol_is_answered_with_ours() {
    for header in [Header { id: 0, version: [0, 9, 1] }, Header::TLS, Header::SASL] {
        let mut server = Connection::server(config(), at(0));
        server.on_item(Item::Header(header), at(0));
        assert_eq!(server.next(at(0)), Some(Item::Header(Header::AMQP)));
        assert_eq!(server.next(at(0)), None);
        assert!(server.is_over());
    }
    let sasl = Some(SaslConfig::Server(vec![symbol("PLAIN")]));
    let mut server = Connection::server(ConnectionConfig { sasl, ..config() }, at(0));
    server.on_item(Item::Header(Header::AMQP), at(0));
    assert_eq!(server.next(at(0)), Some(Item::Header(Header::SASL)));
    assert!(server.is_over());
}

/// A server whose peer has opened with this idle time-out, and what it has said itself.
fn open_server(idle: Option<u32>, ours: Option<Span>) -> (Connection, Open) {
    let mut server = Connection::server(ConnectionConfig { idle_time_out: ours, ..config() }, at(0));
    server.on_item(Item::Header(Header::AMQP), at(0));
    let open = Open { container_id: "p".into(), idle_time_out: idle, ..Open::default() };
    server.on_item(Item::frame(0, P::Open(Box::new(open))), at(0));
    assert_eq!(server.next(at(0)), Some(Item::Header(Header::AMQP)));
    let Some(Item::Frame(crate::amqp::v10::wire::Frame::Amqp { performative: P::Open(open), .. })) = server.next(at(0))
    else {
        panic!("no open")
    };
    events(&mut server);
    (server, *open)
}

/// §2.4.5: of 60 s that we enforce, 30 s are advertised; the peer allows 10 s, so that an empty frame goes after 5 s.
#[test]
fn idle_time_outs() {
    let (mut server, open) = open_server(Some(10_000), Some(Span::from_secs(60)));
    assert_eq!(open.idle_time_out, Some(30_000));
    assert_eq!(server.deadline(), Some((at(5_000), "empty frame")));
    server.on_time(at(4_999));
    assert_eq!(server.next(at(4_999)), None);
    server.on_time(at(5_000));
    assert_eq!(server.next(at(5_000)), Some(EMPTY_FRAME));
    assert_eq!(server.deadline(), Some((at(10_000), "empty frame")));
    // Any frame counts, at both ends.
    server.on_item(EMPTY_FRAME, at(9_000));
    server.on_time(at(68_999));
    assert!(!server.is_over());
    server.on_time(at(69_000));
    assert!(server.is_over());
    let last = std::iter::from_fn(|| server.next(at(69_000))).last().unwrap();
    let close = Close {
        error: Some(
            Fault::new(Condition::ResourceLimitExceeded, "", "no frame has come within the idle time-out").error(),
        ),
    };
    assert_eq!(last, Item::frame(0, P::Close(Box::new(close))));
}

/// What is wrong with the connection closes it with its condition.
#[test]
fn faults_close_the_connection() {
    let closed = |item: Item| {
        let (mut server, _) = open_server(None, None);
        server.on_item(item, at(1));
        assert!(server.is_over());
        match events(&mut server).pop() {
            Some(E::Closed(Some(error))) => error.known().unwrap(),
            other => panic!("{other:?}"),
        }
    };
    let open = Open { container_id: "p".into(), ..Open::default() };
    assert_eq!(closed(Item::frame(0, P::Open(Box::new(open)))), Condition::NotAllowed);
    assert_eq!(closed(Item::frame(0, P::End(Box::<End>::default()))), Condition::NotAllowed);
    assert_eq!(closed(Item::frame(256, P::Begin(Box::default()))), Condition::FramingError);
    assert_eq!(closed(Item::Header(Header::AMQP)), Condition::FramingError);
}

/// §2.5.3: a session ends, and its channel is free at both ends.
#[test]
fn a_channel_is_used_again() {
    let (mut server, _) = open_server(None, None);
    for _ in 0..3 {
        server.on_item(Item::frame(7, P::Begin(Box::default())), at(0));
        assert_eq!(events(&mut server), [E::Begun(0)]);
        server.on_item(Item::frame(7, P::End(Box::default())), at(0));
        let said: Vec<_> = std::iter::from_fn(|| server.next(at(0))).collect();
        assert_eq!(said.len(), 2, "begin and end: {said:?}");
        assert_eq!(server.take_ended(0), Some(vec![]));
        events(&mut server);
    }
}
