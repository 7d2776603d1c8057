//! Channels at the server.

use super::*;

fn peer(port: u16) -> SocketAddr {
    SocketAddr::new("203.0.113.1".parse().unwrap(), port)
}

/// §12.2: numbers of the range, one peer to a number and one number to a peer; the same again is a refresh.
#[test]
fn a_channel_has_one_peer() {
    let mut bench = Bench::new(config());
    assert_eq!(bench.bind(tuple(1), 0x4000, peer(1)), Some(ErrorCode::ALLOCATION_MISMATCH));
    bench.allocate(tuple(1));
    for number in [0, 0x3fff, 0x5000, 0xffff] {
        assert_eq!(bench.bind(tuple(1), number, peer(1)), Some(ErrorCode::BAD_REQUEST));
    }
    assert_eq!(bench.bind(tuple(1), 0x4000, peer(1)), None);
    assert_eq!(bench.bind(tuple(1), 0x4000, peer(1)), None);
    assert_eq!(bench.bind(tuple(1), 0x4000, peer(2)), Some(ErrorCode::BAD_REQUEST));
    assert_eq!(bench.bind(tuple(1), 0x4001, peer(1)), Some(ErrorCode::BAD_REQUEST));
    assert_eq!(bench.bind(tuple(1), 0x4fff, peer(2)), None);
    assert_eq!(bench.bind(tuple(1), 0x4002, address("[2001:db8::1]:1")), Some(ErrorCode::PEER_FAMILY_MISMATCH));
    assert_eq!(bench.bind(tuple(1), 0x4002, address("127.0.0.1:1")), Some(ErrorCode::FORBIDDEN));
    // Another client's channels are its own.
    bench.allocate(tuple(2));
    assert_eq!(bench.bind(tuple(2), 0x4000, peer(2)), None);
}

/// Clients of RFC 5766 bind channels up to 0x7fff: where that is allowed, they work as others do.
#[test]
fn channels_of_old_clients() {
    let mut bench = Bench::new(ServerConfig { old_channels: true, ..config() });
    bench.allocate(tuple(1));
    for number in [0x3fff, 0x8000] {
        assert_eq!(bench.bind(tuple(1), number, peer(1)), Some(ErrorCode::BAD_REQUEST));
    }
    assert_eq!(bench.bind(tuple(1), 0x7fff, peer(1)), None);
    assert!(bench.send_on(tuple(1), 0x7fff, &Rope::fill(1, 0, 4)).is_some());
}

/// A channel is bound for 600 s, and for 300 s more number and peer are kept for each other (§12). Its permission lasts 300 s.
#[test]
fn a_channel_ends_after_600_s_and_is_kept_for_300_more() {
    let mut bench = Bench::new(config());
    let request =
        bench.request(Method::ALLOCATE).with(Attribute::RequestedTransport(17)).with(Attribute::Lifetime(3_600));
    let answer = bench.ask(tuple(1), request);
    let relayed = Fields::read(&Message::parse(&answer).unwrap()).relayed.unwrap();
    let data = Rope::fill(1, 0, 4);
    assert_eq!(bench.bind(tuple(1), 0x4000, peer(1)), None);
    bench.wait_until(299);
    assert!(bench.send_on(tuple(1), 0x4000, &data).is_some());
    bench.wait_until(301);
    assert_eq!(bench.send_on(tuple(1), 0x4000, &data), None);
    assert_eq!(bench.put_from_peer(relayed, peer(1), &data), None);
    assert_eq!(bench.permit(tuple(1), peer(1)), None);
    assert!(bench.send_on(tuple(1), 0x4000, &data).is_some());
    bench.wait_until(599);
    assert!(bench.send_on(tuple(1), 0x4000, &data).is_some());
    bench.wait_until(600);
    assert_eq!(bench.permit(tuple(1), peer(1)), None);
    assert_eq!(bench.send_on(tuple(1), 0x4000, &data), None);
    assert_eq!(bench.server.counts().unbound_channels, 1);
    // Data come in an indication again.
    let back = bench.put_from_peer(relayed, peer(1), &data).unwrap();
    assert_eq!(back.payload.len(), 40);
    bench.wait_until(899);
    assert_eq!(bench.bind(tuple(1), 0x4000, peer(2)), Some(ErrorCode::BAD_REQUEST));
    assert_eq!(bench.bind(tuple(1), 0x4001, peer(1)), Some(ErrorCode::BAD_REQUEST));
    bench.wait_until(900);
    assert_eq!(bench.bind(tuple(1), 0x4000, peer(2)), None);
    assert_eq!(bench.bind(tuple(1), 0x4001, peer(1)), None);
}

/// §12.5: over UDP what is behind the data is padding, and fewer data than the length says are none; over a stream they are padded.
#[test]
fn padding_of_channel_data() {
    let mut bench = Bench::new(config());
    let over_tcp = FiveTuple { transport: Transport::Tcp, ..tuple(1) };
    let relayed = bench.allocate(over_tcp);
    bench.allocate(tuple(1));
    assert_eq!(bench.bind(tuple(1), 0x4000, peer(1)), None);
    assert_eq!(bench.bind(over_tcp, 0x4000, peer(1)), None);
    let padded = Rope::from(vec![0x40, 0, 0, 3, 1, 2, 3, 0]);
    let sent = bench.put(Place::Client(tuple(1)), padded).unwrap();
    assert_eq!(sent.payload, Rope::from(vec![1, 2, 3]));
    let short = Rope::from(vec![0x40, 0, 0, 3, 1, 2]);
    assert_eq!(bench.put(Place::Client(tuple(1)), short), None);
    assert_eq!(bench.put(Place::Client(tuple(1)), Rope::from(vec![0x80, 0, 0, 0])), None);
    assert_eq!(bench.put(Place::Client(tuple(1)), Rope::from(vec![0x40])), None);
    assert_eq!(bench.server.counts().dropped, 3);
    let back = bench.put_from_peer(relayed, peer(1), &Rope::from(vec![1, 2, 3])).unwrap();
    assert_eq!(back.payload.to_bytes().to_vec(), [0x40, 0, 0, 3, 1, 2, 3, 0]);
}
