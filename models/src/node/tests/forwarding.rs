//! Routers, and the ICMP errors that they and hosts send.

use crate::node::{DropCause, LinkEnd};
use crate::packet::{IcmpMessage, Icmpv6Message, Packet, TcpFlags, TcpHeader, TimeExceeded, Transport, Unreachable};
use crate::rope::Rope;
use crate::testing::{Do, Event, Net, Probe, World, at, events, link};
use std::net::{IpAddr, SocketAddr};

/// The first packet that came back to node 0 over link 0, if any, and when.
fn came_back(world: &mut World) -> Option<(u64, Packet)> {
    let wire = world.wire(0, false);
    let seen = World::seen(&world.take_reports(), wire, LinkEnd::Receiver);
    assert!(seen.len() <= 1, "one packet came back at most: {seen:?}");
    seen.into_iter().next().map(|seen| (seen.at.as_nanos(), seen.packet))
}

/// A chain with `routers` routers, over which node 0 sends one packet with the time to live `ttl` to the last.
fn with_ttl(routers: usize, ttl: u8, v6: bool) -> World {
    let mut net = Net::chain(&vec![link("10 Mbit/s", "1 ms"); routers + 1]);
    let address = |node| if v6 { net.address_v6(node) } else { net.address(node) };
    let (from, to) = (SocketAddr::new(address(0), 5000), SocketAddr::new(address(routers + 1), 9));
    let mut packet = Packet::udp(from, to, Rope::fill(0, 0, 100)).unwrap();
    packet.ip.set_ttl(ttl);
    net.inject(0, packet);
    let own = net.socket(0, 5000);
    net.app(0, "probe", Probe::new(5000).burst(0, own, 1, 1));
    net.app(routers + 1, "probe", Probe::new(9));
    net.build(1)
}

/// Check C12: a packet with time to live n over n routers ends at router n, the last one, with a time exceeded
/// message from there; n + 1 is enough. The quote shows it as it came in: with one hop left.
#[test]
fn a_packet_dies_at_the_router_where_its_time_to_live_ends() {
    for v6 in [false, true] {
        for routers in [1, 2, 5] {
            for ttl in 1..=routers as u8 + 1 {
                let mut world = with_ttl(routers, ttl, v6);
                world.run_until_quiet();
                let dies = usize::from(ttl) <= routers;
                assert_eq!(world.total(routers + 1, "probe", "datagrams"), u64::from(!dies));
                assert_eq!(world.dropped(DropCause::HopLimit), u64::from(dies));
                let Some((_, error)) = came_back(&mut world) else {
                    assert!(!dies, "router {ttl} of {routers} says nothing");
                    continue;
                };
                // Router i is node i, at the second end of link i - 1, its first.
                let net = Net::chain(&vec![link("10 Mbit/s", "1 ms"); routers + 1]);
                let router = usize::from(ttl);
                assert_eq!(error.src(), if v6 { net.address_v6(router) } else { net.address(router) });
                let is_time_exceeded = match error.transport {
                    Transport::Icmp(message) => message == IcmpMessage::TimeExceeded(TimeExceeded::HopLimit),
                    Transport::Icmpv6(message) => message == Icmpv6Message::TimeExceeded(TimeExceeded::HopLimit),
                    _ => false,
                };
                assert!(is_time_exceeded, "{error:?}");
                assert_eq!(error.quoted().unwrap().unwrap().ip.ttl(), 1);
            }
        }
    }
}

/// RFC 1812 §5.3.1: a router delivers what is for itself, however old. Router 1 has the address at the first
/// end of link 1, too.
#[test]
fn a_router_takes_packets_for_itself_with_one_hop_left() {
    let mut net = Net::chain(&[link("", "1 ms"), link("", "1 ms")]);
    for to in [net.address(1), net.end(1, true)] {
        let mut packet = Packet::udp(net.socket(0, 5000), SocketAddr::new(to, 9), Rope::fill(0, 0, 100)).unwrap();
        packet.ip.set_ttl(1);
        net.inject(0, packet);
    }
    let own = net.socket(0, 5000);
    net.app(0, "probe", Probe::new(5000).burst(0, own, 1, 1));
    net.app(1, "probe", Probe::new(9));
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!(world.total(1, "probe", "datagrams"), 2);
}

/// Check C11, with 10 Mbit/s and 20 ms on the first link: 1500 bytes take 1.2 ms there, the ICMP error of 576
/// bytes (RFC 1812 §4.3.2.3) 0.4608 ms back, ICMPv6's of 1280 (RFC 4443 §2.4(c)) 1.024 ms.
#[test]
fn a_packet_that_is_too_big_is_answered_after_there_and_back() {
    for (v6, headers, back) in [(false, 28, 460_800), (true, 48, 1_024_000)] {
        let narrow =
            crate::link::LinkConfig { mtu: Some(ron::from_str("\"1400 B\"").unwrap()), ..link("10 Mbit/s", "20 ms") };
        let mut net = Net::chain(&[link("10 Mbit/s", "20 ms"), narrow]);
        let to = if v6 { net.address_v6(2) } else { net.address(2) };
        let probe = Probe::new(5000).burst(0, SocketAddr::new(to, 9), 1500 - headers, 1);
        let log = probe.log();
        net.app(0, "probe", probe);
        net.app(2, "probe", Probe::new(9));
        let mut world = net.build(1);
        world.run_until_quiet();
        let (when, error) = came_back(&mut world).unwrap();
        assert_eq!(when, 2 * 20_000_000 + 1_200_000 + back);
        match error.transport {
            Transport::Icmp(message) => assert_eq!(message, IcmpMessage::FragmentationNeeded { next_hop_mtu: 1400 }),
            Transport::Icmpv6(message) => assert_eq!(message, Icmpv6Message::PacketTooBig { mtu: 1400 }),
            other => panic!("{other:?}"),
        }
        assert_eq!(error.quoted().unwrap().unwrap().wire_len, 1500);
        assert_eq!(world.dropped(DropCause::TooBig), 1);
        assert_eq!(events(&log), [(when, Event::Unreachable(SocketAddr::new(to, 9)))]);
    }
}

/// 1400 bytes fit, on the first link as on the second; what does not fit on the first is cut at home: 1381 bytes of UDP into 1376
/// and 5.
#[test]
fn the_mtu_is_the_largest_packet_that_fits() {
    let config = crate::link::LinkConfig { mtu: Some(ron::from_str("\"1400 B\"").unwrap()), ..link("", "1 ms") };
    let mut net = Net::chain(&[config.clone(), config]);
    let to = net.socket(2, 9);
    net.app(0, "probe", Probe::new(5000).burst(0, to, 1400 - 28, 1).burst(0, to, 1401 - 28, 1));
    net.app(2, "probe", Probe::new(9));
    let mut world = net.build(1);
    world.run_until_quiet();
    let seen = World::seen(&world.take_reports(), world.wire(1, true), LinkEnd::Receiver);
    let lengths: Vec<u64> = seen.iter().map(|seen| seen.packet.wire_len()).collect();
    assert_eq!((world.total(2, "probe", "datagrams"), lengths), (2, vec![1400, 1396, 25]));
}

/// One hop of 1 ms each way: the error is back at 2 ms, from the host that was asked.
#[test]
fn a_port_without_a_listener_is_reported_to_the_sender() {
    let mut net = Net::chain(&[link("", "1 ms")]);
    let to = net.socket(1, 9);
    let probe = Probe::new(5000).burst(0, to, 100, 1);
    let log = probe.log();
    net.app(0, "probe", probe);
    let mut world = net.build(1);
    world.run_until_quiet();
    let (when, error) = came_back(&mut world).unwrap();
    assert_eq!((when, error.src()), (2_000_000, to.ip()));
    assert_eq!(error.transport, Transport::Icmp(IcmpMessage::DestinationUnreachable(Unreachable::Port)));
    assert_eq!(events(&log), [(2_000_000, Event::Unreachable(to))]);
    assert_eq!(world.dropped(DropCause::NoListener), 1);
}

/// SCTP (RFC 9260 §3.1), which starts with ports too, from port 5000: its protocol unreachable is not for the UDP socket on 5000.
/// Nor is the time exceeded about a TCP segment from there, which router 1 sends.
#[test]
fn an_error_about_another_protocol_does_not_reach_a_udp_socket_with_the_same_port() {
    const SCTP: u8 = 132;
    let mut sctp = 5000_u16.to_be_bytes().to_vec();
    sctp.extend([0, 9, 1, 2, 3, 4, 0, 0, 0, 0]);
    let header = TcpHeader {
        source_port: 5000,
        destination_port: 9,
        sequence: 7,
        acknowledgment: 0,
        flags: TcpFlags::SYN,
        window: 1000,
        urgent: 0,
        timestamps: None,
        options: None,
    };
    let cases = [
        (Transport::Other { protocol: SCTP }, Rope::from(sctp), 64, DropCause::NoProtocol),
        (Transport::Tcp(header), Rope::new(), 1, DropCause::HopLimit),
    ];
    for (transport, payload, ttl, cause) in cases {
        let mut net = Net::chain(&[link("", "1 ms"), link("", "1 ms")]);
        let mut packet = Packet::new(net.address(0), net.address(2), transport, payload).unwrap();
        packet.ip.set_ttl(ttl);
        net.inject(0, packet);
        let own = net.socket(0, 6000);
        net.app(0, "first", Probe::new(6000).burst(0, own, 1, 1));
        let probe = Probe::new(5000);
        let log = probe.log();
        net.app(0, "probe", probe);
        let mut world = net.build(1);
        world.run_until_quiet();
        let (_, error) = came_back(&mut world).unwrap();
        let expected = match cause {
            DropCause::NoProtocol => IcmpMessage::DestinationUnreachable(Unreachable::Protocol),
            _ => IcmpMessage::TimeExceeded(TimeExceeded::HopLimit),
        };
        assert_eq!(error.transport, Transport::Icmp(expected));
        assert_eq!((events(&log), world.dropped(cause)), (vec![], 1));
    }
}

/// 192.0.2.0/24 leads from node 0 to router 1, which has no route there.
#[test]
fn a_router_without_a_route_says_so() {
    let mut net = Net::chain(&[link("", "1 ms"), link("", "1 ms")]);
    net.route(0, "192.0.2.0", 24, 0);
    let to: SocketAddr = "192.0.2.7:9".parse().unwrap();
    let probe = Probe::new(5000).burst(0, to, 100, 1);
    let log = probe.log();
    net.app(0, "probe", probe);
    let router = net.address(1);
    let mut world = net.build(1);
    world.run_until_quiet();
    let (_, error) = came_back(&mut world).unwrap();
    assert_eq!(error.src(), router);
    assert_eq!(error.transport, Transport::Icmp(IcmpMessage::DestinationUnreachable(Unreachable::Net)));
    assert_eq!(events(&log), [(2_000_000, Event::Unreachable(to))]);
    assert_eq!(world.node(1).dropped(DropCause::NoRoute), 1);
}

#[test]
fn a_host_without_a_route_drops_its_own_packets() {
    let mut net = Net::chain(&[link("", "1 ms")]);
    net.app(0, "probe", Probe::new(5000).burst(0, "192.0.2.7:9".parse().unwrap(), 100, 3));
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!(world.node(0).dropped(DropCause::NoRoute), 3);
    assert_eq!(world.node(0).counts().originated, 3);
}

/// RFC 1122 §3.2.1.3: a host silently discards what is not for it. Router 1 sends 192.0.2.0/24 to host 2,
/// which even knows a way back to router 1.
#[test]
fn a_host_does_not_forward() {
    let mut net = Net::chain(&[link("", "1 ms"), link("", "1 ms")]);
    net.route(0, "192.0.2.0", 24, 0);
    net.route(1, "192.0.2.0", 24, 1);
    net.route(2, "192.0.2.0", 24, 1);
    net.app(0, "probe", Probe::new(5000).burst(0, "192.0.2.7:9".parse().unwrap(), 100, 2));
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!(world.node(2).dropped(DropCause::NotForUs), 2);
    assert_eq!(came_back(&mut world), None);
}

/// Two routers send 192.0.2.0/24 to each other. The host sends with 64 hops (the default): router 1 gets the
/// packet with 64, 62, ... 2, router 2 with 63, 61, ... 1, and drops it there.
#[test]
fn a_routing_loop_ends_with_the_time_to_live() {
    let mut net = Net::chain(&[link("", "1 ms"), link("", "1 ms"), link("", "1 ms")]);
    net.route(0, "192.0.2.0", 24, 0);
    net.route(1, "192.0.2.0", 24, 1);
    net.route(2, "192.0.2.0", 24, 1);
    net.app(0, "probe", Probe::new(5000).burst(0, "192.0.2.7:9".parse().unwrap(), 100, 1));
    let mut world = net.build(1);
    world.run(protosim_core::Until::Time(at(63_999_999)));
    assert_eq!(world.dropped(DropCause::HopLimit), 0);
    world.run_until_quiet();
    assert_eq!(world.node(2).dropped(DropCause::HopLimit), 1);
    // 32 passings by router 1, 31 by router 2; the error goes back by router 1.
    assert_eq!((world.node(1).counts().forwarded, world.node(2).counts().forwarded), (33, 31));
}

/// RFC 1122 §3.2.2: no error about an error. Host 2 is asked on a closed port by an address that router 1 has
/// no route to: the router drops the host's error without another.
#[test]
fn errors_are_not_reported() {
    let mut net = Net::chain(&[link("", "1 ms"), link("", "1 ms")]);
    net.route(2, "192.0.2.0", 24, 1);
    let from: SocketAddr = "192.0.2.7:9".parse().unwrap();
    net.inject(0, Packet::udp(from, net.socket(2, 9), Rope::fill(0, 0, 100)).unwrap());
    let own = net.socket(0, 5000);
    net.app(0, "probe", Probe::new(5000).burst(0, own, 1, 1));
    let mut world = net.build(1);
    world.run_until_quiet();
    // The datagram and its copy to oneself, and one error; none about that one.
    let originated: Vec<u64> = (0..3).map(|node| world.node(node).counts().originated).collect();
    assert_eq!(originated, [2, 0, 1]);
    assert_eq!((world.node(2).dropped(DropCause::NoListener), world.node(1).dropped(DropCause::NoRoute)), (1, 1));
}

/// RFC 792, RFC 1122 §3.2.2.6: the data comes back, from the address that was asked, whichever interface of
/// the router it is; 1 ms there and 1 ms back.
#[test]
fn an_echo_reply_brings_the_data_back_from_the_address_that_was_asked() {
    let mut net = Net::chain(&[link("", "1 ms"), link("", "1 ms")]);
    let (near, far) = (net.end(0, false), net.end(1, true));
    let far_v6 = {
        let IpAddr::V4(v4) = far else { unreachable!("the first family is IPv4") };
        let [a, b, c, d] = v4.octets();
        format!("2001:db8::{:x}:{:x}", u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])).parse().unwrap()
    };
    let data = |n: u8| {
        let mut data = Rope::from(vec![n; 5]);
        data.append(&Rope::fill(3, 17, 900));
        data
    };
    let asks = [(near, 1_u16), (far, 2), (far_v6, 65_535)];
    let probe = asks.iter().fold(Probe::new(5000), |probe, (to, n)| probe.then(0, Do::Echo(*to, *n, data(*n as u8))));
    let log = probe.log();
    net.app(0, "other", Probe::new(5001));
    net.app(0, "probe", probe);
    net.build(1).run_until_quiet();
    let expected = asks.map(|(to, n)| (2_000_000, Event::EchoReply(to, n, data(n as u8))));
    assert_eq!(events(&log), expected);
}
