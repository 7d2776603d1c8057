//! Allocations and permissions at the server.

use super::*;
use crate::stun::wire::{AttributeType, Family};

/// §7.2, Figure 5 of RFC 8656 in its first four messages: a challenge, and an allocation with what a client needs to know of it.
#[test]
fn an_allocation_takes_two_rounds() {
    let mut bench = Bench::new(config());
    let request = bench.request(Method::ALLOCATE).with(Attribute::RequestedTransport(17)).finish();
    assert_eq!(request.len(), 28);
    let challenge = bench.ask_plainly(tuple(1), request);
    assert_eq!(error_of(&challenge), Some(ErrorCode::UNAUTHENTICATED));
    let request = bench.request(Method::ALLOCATE).with(Attribute::RequestedTransport(17));
    let answer = bench.ask(tuple(1), request);
    let message = Message::parse(&answer).unwrap();
    let fields = Fields::read(&message);
    let relayed = fields.relayed.unwrap();
    assert_eq!(relayed.ip(), server_address().ip());
    assert!(relayed.port() >= 49_152);
    assert_eq!((fields.xor_mapped, fields.lifetime), (Some(tuple(1).client), Some(600)));
    let key = Key::long_term("alice", "example.org", "secret", Algorithm::Md5).unwrap();
    assert_eq!(crate::stun::integrity::check_sha1(&message, &key), Some(true));
    assert_eq!(bench.notices, [Notice::Opened(relayed)]);
    assert_eq!(bench.server.counts().allocations, 1);
}

/// §7.2: the same transaction id gets the same answer, another one 437.
#[test]
fn an_allocate_that_comes_again_is_answered_the_same() {
    let mut bench = Bench::new(config());
    let request = bench.request(Method::ALLOCATE).with(Attribute::RequestedTransport(17));
    let signed = bench.sign_as(tuple(1), ALICE, request);
    let first = bench.ask_plainly(tuple(1), signed.clone());
    assert_eq!(bench.ask_plainly(tuple(1), signed.clone()), first);
    assert_eq!(bench.server.allocations(), 1);
    let other = bench.request(Method::ALLOCATE).with(Attribute::RequestedTransport(17));
    assert_eq!(bench.error(tuple(1), other), Some(ErrorCode::ALLOCATION_MISMATCH));
    // Another port of the client's is another allocation; its nonce is another one, too.
    assert_eq!(error_of(&bench.ask_plainly(tuple(2), signed)), Some(ErrorCode::STALE_NONCE));
    bench.allocate(tuple(2));
    assert_eq!(bench.server.allocations(), 2);
}

#[test]
fn what_an_allocate_cannot_ask_for() {
    let mut bench = Bench::new(config());
    let udp = Attribute::RequestedTransport(17);
    let mut error = |attributes: &[Attribute<'_>]| {
        let request = bench.request(Method::ALLOCATE);
        let request = attributes.iter().fold(request, |request, attribute| request.with(*attribute));
        bench.error(tuple(1), request)
    };
    let (token, even) = (Attribute::ReservationToken([1; 8]), Attribute::EvenPort(false));
    assert_eq!(error(&[]), Some(ErrorCode::BAD_REQUEST));
    assert_eq!(error(&[Attribute::RequestedTransport(6)]), Some(ErrorCode::UNSUPPORTED_TRANSPORT));
    let v6 = Attribute::RequestedAddressFamily(Family::V6);
    assert_eq!(error(&[udp, v6]), Some(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED));
    assert_eq!(
        error(&[udp, Attribute::RequestedAddressFamily(Family(7))]),
        Some(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED)
    );
    assert_eq!(error(&[udp, token, even]), Some(ErrorCode::BAD_REQUEST));
    assert_eq!(error(&[udp, token, v6]), Some(ErrorCode::BAD_REQUEST));
    assert_eq!(error(&[udp, token]), Some(ErrorCode::INSUFFICIENT_CAPACITY));
    let unknown = Attribute::Other(AttributeType(0x7777), &[]);
    assert_eq!(error(&[udp, unknown]), Some(ErrorCode::UNKNOWN_ATTRIBUTE));
    assert_eq!(error(&[Attribute::Other(AttributeType::REQUESTED_TRANSPORT, &[17])]), Some(ErrorCode::BAD_REQUEST));
    // DONT-FRAGMENT is understood.
    assert_eq!(error(&[udp, Attribute::DontFragment]), None);
    let counts = &bench.server.counts().refused;
    let expected = [(400, 4), (401, 10), (420, 1), (440, 2), (442, 1), (508, 1)];
    assert_eq!(counts.iter().map(|(code, count)| (*code, *count)).collect::<Vec<_>>(), expected);
}

#[test]
fn quota_and_capacity() {
    let mut bench = Bench::new(ServerConfig { quota: Some(2), capacity: Some(3), ..config() });
    bench.allocate(tuple(1));
    bench.allocate(tuple(2));
    let request = |bench: &mut Bench| bench.request(Method::ALLOCATE).with(Attribute::RequestedTransport(17));
    let third = request(&mut bench);
    assert_eq!(bench.error(tuple(3), third), Some(ErrorCode::ALLOCATION_QUOTA_REACHED));
    let bobs = request(&mut bench);
    assert_eq!(error_of(&bench.ask_as(tuple(3), BOB, bobs)), None);
    let bobs = request(&mut bench);
    assert_eq!(error_of(&bench.ask_as(tuple(4), BOB, bobs)), Some(ErrorCode::INSUFFICIENT_CAPACITY));
    // What is given back can be had again.
    assert_eq!(lifetime_of(&bench.refresh(tuple(1), Some(0))), Some(0));
    bench.allocate(tuple(5));
}

/// Ports run out: 508. Two ports, of which one is even.
#[test]
fn ports_run_out() {
    let mut bench = Bench::new(ServerConfig { first_port: 50_000, last_port: 50_001, ..config() });
    let even = |bench: &mut Bench| {
        let request = bench.request(Method::ALLOCATE).with(Attribute::RequestedTransport(17));
        request.with(Attribute::EvenPort(false))
    };
    let request = even(&mut bench);
    let answer = bench.ask(tuple(1), request);
    assert_eq!(Fields::read(&Message::parse(&answer).unwrap()).relayed.map(|relayed| relayed.port()), Some(50_000));
    let request = even(&mut bench);
    assert_eq!(bench.error(tuple(2), request), Some(ErrorCode::INSUFFICIENT_CAPACITY));
    assert_eq!(bench.allocate(tuple(2)).port(), 50_001);
    let request = bench.request(Method::ALLOCATE).with(Attribute::RequestedTransport(17));
    assert_eq!(bench.error(tuple(3), request), Some(ErrorCode::INSUFFICIENT_CAPACITY));
}

/// §7.2: EVEN-PORT with its bit set keeps the next port for 30 s.
#[test]
fn a_port_is_kept_for_its_token() {
    let mut bench = Bench::new(ServerConfig { first_port: 50_000, last_port: 50_003, ..config() });
    let pair = |bench: &mut Bench, port| {
        let request = bench.request(Method::ALLOCATE).with(Attribute::RequestedTransport(17));
        let answer = bench.ask(tuple(port), request.with(Attribute::EvenPort(true)));
        let message = Message::parse(&answer).unwrap();
        let fields = Fields::read(&message);
        (fields.relayed.unwrap(), fields.token.unwrap())
    };
    let with = |bench: &mut Bench, port, token| {
        let request = bench.request(Method::ALLOCATE).with(Attribute::RequestedTransport(17));
        let answer = bench.ask(tuple(port), request.with(Attribute::ReservationToken(token)));
        let message = Message::parse(&answer).unwrap();
        let fields = Fields::read(&message);
        fields.relayed.ok_or(fields.error.unwrap_or(ErrorCode::SERVER_ERROR))
    };
    let (first, token) = pair(&mut bench, 1);
    let (second, late) = pair(&mut bench, 2);
    assert!(first.port().is_multiple_of(2) && second.port().is_multiple_of(2) && first != second);
    // Nothing is left for others.
    let request = bench.request(Method::ALLOCATE).with(Attribute::RequestedTransport(17));
    assert_eq!(bench.error(tuple(3), request), Some(ErrorCode::INSUFFICIENT_CAPACITY));
    assert_eq!(with(&mut bench, 3, token), Ok(SocketAddr::new(first.ip(), first.port() + 1)));
    assert_eq!(with(&mut bench, 4, token), Err(ErrorCode::INSUFFICIENT_CAPACITY));
    bench.wait(Span::from_secs(30));
    assert_eq!(with(&mut bench, 4, late), Err(ErrorCode::INSUFFICIENT_CAPACITY));
    assert_eq!(bench.allocate(tuple(4)).port(), second.port() + 1);
}

/// §7.2, §8.2: at least the default, at most the maximum, zero to end.
#[test]
fn lifetimes() {
    let mut bench = Bench::new(config());
    for (port, (wanted, granted)) in [(1, 600), (600, 600), (1_000, 1_000), (9_999, 3_600)].into_iter().enumerate() {
        let tuple = tuple(port as u16 + 1);
        let request = bench.request(Method::ALLOCATE).with(Attribute::RequestedTransport(17));
        assert_eq!(lifetime_of(&bench.ask(tuple, request.with(Attribute::Lifetime(wanted)))), Some(granted));
        assert_eq!(lifetime_of(&bench.refresh(tuple, Some(wanted))), Some(granted));
        assert_eq!(lifetime_of(&bench.refresh(tuple, None)), Some(600));
    }
    let before = bench.server.allocations();
    assert_eq!(lifetime_of(&bench.refresh(tuple(1), Some(0))), Some(0));
    assert_eq!(bench.server.allocations(), before - 1);
    // A Refresh that comes again finds none: §8.3 has the client take that as success.
    assert_eq!(error_of(&bench.refresh(tuple(1), Some(0))), Some(ErrorCode::ALLOCATION_MISMATCH));
}

/// I15: idle, an allocation is over after its 600 s.
#[test]
fn an_idle_allocation_ends_after_600_s() {
    let mut bench = Bench::new(config());
    let (relayed, peer, data) = (bench.allocate(tuple(1)), address("203.0.113.1:9"), Rope::fill(1, 0, 10));
    bench.wait_until(590);
    assert_eq!(bench.permit(tuple(1), peer), None);
    bench.wait(Span::from_nanos(10_000_000_000 - 1));
    assert!(bench.put_from_peer(relayed, peer, &data).is_some());
    // At the instant of its end it is over, whether its timer comes before the packet or behind it.
    bench.env.advance(Span::NANOSECOND);
    assert_eq!(bench.put_from_peer(relayed, peer, &data), None);
    assert_eq!(bench.server.poll_timeout().unwrap().at, bench.env.now);
    bench.wait(Span::ZERO);
    assert_eq!((bench.server.allocations(), bench.server.counts().expired_allocations), (0, 1));
    assert_eq!(bench.notices.last(), Some(&Notice::Closed(relayed)));
    assert_eq!(bench.server.poll_timeout(), None);
    let refresh = bench.refresh(tuple(1), None);
    assert_eq!(error_of(&refresh), Some(ErrorCode::ALLOCATION_MISMATCH));
    assert_eq!(bench.send(tuple(1), peer, &data), None);
    assert_eq!(bench.server.counts().without_allocation, 2);
}

/// I15: a permission lasts 300 s: a packet at 301 s is dropped. One that was refreshed at 240 s lasts to 540 s.
#[test]
fn a_permission_ends_after_300_s() {
    for refreshed in [false, true] {
        let mut bench = Bench::new(config());
        let (relayed, peer, data) = (bench.allocate(tuple(1)), address("203.0.113.1:9"), Rope::fill(1, 0, 10));
        assert_eq!(bench.permit(tuple(1), peer), None);
        let end = if refreshed { 540 } else { 300 };
        bench.wait_until(240);
        if refreshed {
            assert_eq!(bench.permit(tuple(1), peer), None);
        }
        bench.wait_until(end - 1);
        // Neither of them refreshes it.
        assert!(bench.put_from_peer(relayed, peer, &data).is_some());
        assert!(bench.send(tuple(1), peer, &data).is_some());
        bench.wait_until(end + 1);
        assert_eq!(bench.put_from_peer(relayed, peer, &data), None);
        assert_eq!(bench.send(tuple(1), peer, &data), None);
        let counts = bench.server.counts();
        assert_eq!((counts.unpermitted_from_peers, counts.unpermitted_to_peers), (1, 1));
    }
}

/// §9: for the address, whatever the port; for no other address and no other client.
#[test]
fn a_permission_is_for_an_address() {
    let mut bench = Bench::new(config());
    let (first, second) = (bench.allocate(tuple(1)), bench.allocate(tuple(2)));
    let data = Rope::fill(1, 0, 10);
    assert_eq!(bench.put_from_peer(first, address("203.0.113.1:1"), &data), None);
    assert_eq!(bench.permit(tuple(1), address("203.0.113.1:1")), None);
    assert!(bench.put_from_peer(first, address("203.0.113.1:1"), &data).is_some());
    assert!(bench.put_from_peer(first, address("203.0.113.1:2"), &data).is_some());
    assert_eq!(bench.put_from_peer(first, address("203.0.113.2:1"), &data), None);
    assert_eq!(bench.put_from_peer(second, address("203.0.113.1:1"), &data), None);
    assert_eq!(bench.server.counts().unpermitted_from_peers, 3);
}

/// §10.2: several at once, and all or none.
#[test]
fn permissions_that_cannot_be() {
    let forbidden = address("203.0.113.9:1");
    let mut bench = Bench::new(ServerConfig { forbidden_peers: vec![forbidden.ip()], ..config() });
    let good = address("203.0.113.1:1");
    assert_eq!(bench.permit(tuple(1), good), Some(ErrorCode::ALLOCATION_MISMATCH));
    let relayed = bench.allocate(tuple(1));
    let none = bench.request(Method::CREATE_PERMISSION);
    assert_eq!(bench.error(tuple(1), none), Some(ErrorCode::BAD_REQUEST));
    assert_eq!(bench.permit(tuple(1), forbidden), Some(ErrorCode::FORBIDDEN));
    assert_eq!(bench.permit(tuple(1), address("127.0.0.1:1")), Some(ErrorCode::FORBIDDEN));
    assert_eq!(bench.permit(tuple(1), address("[2001:db8::1]:1")), Some(ErrorCode::PEER_FAMILY_MISMATCH));
    let both = bench.request(Method::CREATE_PERMISSION);
    let both = both.with(Attribute::XorPeerAddress(good)).with(Attribute::XorPeerAddress(forbidden));
    assert_eq!(bench.error(tuple(1), both), Some(ErrorCode::FORBIDDEN));
    assert_eq!(bench.put_from_peer(relayed, good, &Rope::fill(1, 0, 1)), None);
    let two = bench.request(Method::CREATE_PERMISSION);
    let two = two.with(Attribute::XorPeerAddress(good)).with(Attribute::XorPeerAddress(address("203.0.113.2:1")));
    assert_eq!(bench.error(tuple(1), two), None);
    assert!(bench.put_from_peer(relayed, good, &Rope::fill(1, 0, 1)).is_some());
    assert!(bench.put_from_peer(relayed, address("203.0.113.2:5"), &Rope::fill(1, 0, 1)).is_some());
    // §5: what is Alice's is not Bob's.
    let bobs = bench.request(Method::CREATE_PERMISSION).with(Attribute::XorPeerAddress(good));
    assert_eq!(error_of(&bench.ask_as(tuple(1), BOB, bobs)), Some(ErrorCode::WRONG_CREDENTIALS));
    let family = bench.request(Method::REFRESH).with(Attribute::RequestedAddressFamily(Family::V6));
    assert_eq!(bench.error(tuple(1), family), Some(ErrorCode::PEER_FAMILY_MISMATCH));
}

/// A client's stream that is over takes its allocation with it; so does an address that the host cannot open.
#[test]
fn an_allocation_goes_with_its_stream() {
    let mut bench = Bench::new(config());
    let over_tcp = FiveTuple { transport: Transport::Tcp, ..tuple(1) };
    bench.allocate(over_tcp);
    let second = bench.allocate(tuple(1));
    bench.command(Command::Disconnected(over_tcp));
    assert_eq!(bench.server.allocations(), 1);
    bench.command(Command::Unavailable(second));
    assert_eq!((bench.server.allocations(), bench.server.poll_timeout()), (0, None));
}

/// I17, RFC 8656 §11, §12: 20 + 12 + 4 + 100 for an indication, 4 + 100 for ChannelData. Bulk data stay virtual.
#[test]
fn what_relaying_adds() {
    let mut bench = Bench::new(config());
    let (relayed, peer, data) = (bench.allocate(tuple(1)), address("203.0.113.1:9"), Rope::fill(3, 50, 100));
    assert_eq!(bench.permit(tuple(1), peer), None);
    let writer = Writer::new(MessageType::new(Class::Indication, Method::SEND), TransactionId([1; 12]));
    let indication = writer.with(Attribute::XorPeerAddress(peer)).finish_with_data(&data);
    assert_eq!(indication.len(), 136);
    let sent = bench.put(Place::Client(tuple(1)), indication).unwrap();
    assert_eq!(sent, Envelope { place: Place::Peer { relayed, peer }, payload: data.clone() });
    let back = bench.put_from_peer(relayed, peer, &data).unwrap();
    assert_eq!((back.place, back.payload.len()), (Place::Client(tuple(1)), 136));
    assert_eq!(bench.bind(tuple(1), 0x4000, peer), None);
    let back = bench.put_from_peer(relayed, peer, &data).unwrap();
    assert_eq!(back.payload, channel_data(0x4000, &data, false));
    assert_eq!(back.payload.len(), 104);
    let sent = bench.send_on(tuple(1), 0x4000, &data).unwrap();
    assert_eq!(sent.payload, data);
}
