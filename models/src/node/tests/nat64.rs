//! NAT64s in networks, with real packets, and nodes with a box for each family. Check N14 is that of the issue's sheet.
//!
//! The network is that of `nat`: two hosts inside, the NAT, a router and two servers, all of which have addresses of both families.

use super::nat::{H1, H2, NAT, R, Ran, S1, S2, home, outer, outside, run_in, seconds, socket, tcp, udp};
use crate::link::LinkConfig;
use crate::nat::{
    Dependence, FirewallConfig, Nat64Config, Nat64Prefix, NatConfig, NatTimers, PortAssignment, extracted, synthesised,
};
use crate::node::{DropCause, Fate, LinkEnd};
use crate::packet::{
    Echo, ErrorCause, Fragment, IcmpMessage, Icmpv6Message, Icmpv6Unreachable, IpHeader, Packet, TcpFlags,
    TimeExceeded, Transport, Unreachable,
};
use crate::rope::Rope;
use crate::tcp::app::{TcpSink, TcpSinkConfig, TcpSource, TcpSourceConfig};
use crate::testing::{Do, Event, Net, Probe, World, at, events, link, to_v6};
use Dependence::{AddressDependent as Ad, EndpointIndependent as Ei};
use proptest::prelude::*;
use protosim_core::{Operation, SimTime, Size, Span, Until};
use std::net::{IpAddr, SocketAddr};

const PREFIX: Nat64Prefix = Nat64Prefix::WELL_KNOWN;

fn config() -> Nat64Config {
    Nat64Config::to("l2")
}

/// The IPv6 address of a host.
fn v6(node: usize, port: u16) -> SocketAddr {
    SocketAddr::new(home().address_v6(node), port)
}

/// How an IPv4 endpoint is shown inside.
fn shown_by(prefix: Nat64Prefix, socket: SocketAddr) -> SocketAddr {
    match socket.ip() {
        IpAddr::V4(address) => SocketAddr::new(synthesised(prefix, address).into(), socket.port()),
        IpAddr::V6(_) => socket,
    }
}

/// How an IPv4 host is shown inside.
fn shown(node: usize, port: u16) -> SocketAddr {
    shown_by(PREFIX, socket(node, port))
}

fn run_64(net: Net, config: &Nat64Config, scripts: &[(usize, u64, Packet)]) -> Ran {
    assert_eq!(config.check(), [], "a configuration that a scenario may have");
    let mut net = net;
    net.nat_v6(NAT, config.policy(), 2, &[]);
    run_in(net, scripts)
}

fn run(config: &Nat64Config, scripts: &[(usize, u64, Packet)]) -> Ran {
    run_64(home(), config, scripts)
}

/// The network with other MTUs: of a link, in bytes.
fn home_with(mtus: &[(usize, u64)]) -> Net {
    let mut net = Net::new(1);
    for (name, forwards) in [("h1", false), ("h2", false), ("nat", true), ("r", true), ("s1", false), ("s2", false)] {
        net.node(name, forwards);
    }
    for (index, (first, second)) in [(H1, NAT), (H2, NAT), (NAT, R), (R, S1), (R, S2)].into_iter().enumerate() {
        let mtu = mtus.iter().find(|(link, _)| *link == index);
        let mtu = mtu.map(|(_, bytes)| ron::from_str(&format!("\"{bytes} B\"")).unwrap());
        net.link(&format!("l{index}"), first, second, LinkConfig { mtu, ..link("", "1 ms") });
    }
    net
}

fn datagram(from: SocketAddr, to: SocketAddr, wire_len: u64) -> Packet {
    let headers = if from.is_ipv4() { 28 } else { 48 };
    Packet::udp(from, to, Rope::fill(3, 0, wire_len - headers)).unwrap()
}

fn echo(from: IpAddr, to: IpAddr, is_reply: bool, identifier: u16) -> Packet {
    Packet::echo(from, to, Echo { is_reply, identifier, sequence: 9 }, Rope::from(vec![4; 8])).unwrap()
}

/// It reads what is encoded, and finds the same.
fn has_right_bytes(packet: &Packet) -> bool {
    let read = Packet::decode(&packet.encode()).unwrap();
    (&read.ip, &read.transport) == (&packet.ip, &packet.transport)
        && read.payload.to_bytes() == packet.payload.to_bytes()
}

/// UDP, TCP and ping from an IPv6 host to an IPv4 server, and back, by the well-known prefix and one of 32 bits. Each side sees its own family
/// alone; hops are counted as at any router.
#[test]
fn both_sides_see_their_own_family() {
    for prefix in [None, Some("2001:db9::/32".parse().unwrap())] {
        let config = Nat64Config { ports: Some(PortAssignment::Sequential), prefix, ..config() };
        let y = shown_by(config.prefix(), socket(S1, 53));
        let x = v6(H1, 4000);
        let mut marked = udp(x, y);
        marked.ip.set_dscp(46);
        let ran = run(
            &config,
            &[
                (H1, 1, marked),
                (H1, 2, tcp(x, y, TcpFlags::SYN)),
                (H1, 3, echo(x.ip(), y.ip(), false, 77)),
                (S1, 10, udp(socket(S1, 53), outside(1024))),
                (S1, 11, tcp(socket(S1, 53), outside(1024), TcpFlags::SYN.with(TcpFlags::ACK))),
                (S1, 12, echo(socket(S1, 0).ip(), outer(), true, 0)),
            ],
        );
        let (at_server, at_host) = (ran.got(S1), ran.got(H1));
        assert_eq!((at_server.len(), at_host.len()), (3, 3));
        for (_, packet) in at_server.iter().chain(&at_host) {
            assert!(has_right_bytes(packet), "{packet:?}");
            assert_eq!(packet.ttl(), 62, "two routers");
        }
        assert!(at_server.iter().all(|(_, packet)| (packet.src(), packet.dst()) == (outer(), socket(S1, 0).ip())));
        assert!(at_host.iter().all(|(_, packet)| (packet.src(), packet.dst()) == (y.ip(), x.ip())));
        // The first free port; the first identifier is 0.
        assert_eq!(at_server[0].1.source_socket(), Some(outside(1024)));
        assert_eq!(at_server[0].1.ip.dscp(), 46);
        assert_eq!(at_server[2].1.as_echo().unwrap().identifier, 0);
        assert_eq!(at_host[0].1.destination_socket(), Some(x));
        assert_eq!(at_host[2].1.as_echo().unwrap(), Echo { is_reply: true, identifier: 77, sequence: 9 });
        assert_eq!(ran.world.node(NAT).nat_counts().unwrap().made, 3);
        assert_eq!(ran.dropped(), [0; 4]);
    }
}

/// RFC 7915 §5.1: at most 1260 bytes over IPv4 may be cut there, and have identifications of their own; more must not.
#[test]
fn small_packets_may_be_cut_over_ipv4() {
    let (x, y) = (v6(H1, 4000), shown(S1, 53));
    let script = [1279, 1280, 1281].map(|len| (H1, len, datagram(x, y, len)));
    let ran = run(&config(), &script);
    let header = |(_, packet): (u64, Packet)| match packet.ip {
        IpHeader::V4(header) => (header.dont_fragment, header.identification),
        IpHeader::V6(_) => panic!("{packet:?}"),
    };
    let headers: Vec<(bool, u16)> = ran.got(S1).into_iter().map(header).collect();
    assert_eq!(headers, [(false, 1), (false, 2), (true, 0)]);
}

/// N14: 1500 bytes with "don't fragment" are 1520 over IPv6, where links take 1500: the sender is told 1480, about what it has sent. 1480 pass.
#[test]
fn n14_what_is_too_big_over_ipv6() {
    let (x, y) = (v6(H1, 4000), socket(S1, 53));
    let big = datagram(y, outside(4000), 1500);
    let ran = run(
        &config(),
        &[(H1, 1, udp(x, shown(S1, 53))), (S1, 10, big.clone()), (S1, 20, datagram(y, outside(4000), 1480))],
    );
    let (_, told) = ran.got(S1).pop().unwrap();
    assert_eq!(told.transport, Transport::Icmp(IcmpMessage::FragmentationNeeded { next_hop_mtu: 1480 }));
    let quoted = told.quoted().unwrap().unwrap();
    assert_eq!((told.src(), quoted.ip.dst(), quoted.ports), (outer(), outer(), Some((53, 4000))));
    let [(23, passed)] = &ran.got(H1)[..] else { panic!("{:?}", ran.got(H1)) };
    assert_eq!(passed.wire_len(), 1500);
    assert_eq!(ran.world.node(NAT).dropped(DropCause::TooBig), 1);
}

/// RFC 7915 §4.1: without "don't fragment", what is larger than 1280 bytes over IPv6 is cut to 1280, under the identification of IPv4. 1261 bytes
/// carry 1241 of UDP: 1232, which is what fits beside 40 and 8 bytes of headers, and 9. 1260 bytes fit whole, without a fragment header.
#[test]
fn what_may_be_cut_is_cut_over_ipv6() {
    let (x, y) = (v6(H1, 4000), socket(S1, 53));
    let with_id = |len: u64| {
        let mut packet = datagram(y, outside(4000), len);
        let IpHeader::V4(header) = &mut packet.ip else { panic!("{packet:?}") };
        (header.dont_fragment, header.identification) = (false, 0xabcd);
        packet
    };
    let script = [(H1, 1, udp(x, shown(S1, 53))), (S1, 10, with_id(1260)), (S1, 20, with_id(1261))];
    let ran = run(&config(), &script);
    let got: Vec<(u64, u64, Option<Fragment>)> =
        ran.got(H1).iter().map(|(at, packet)| (*at, packet.wire_len(), packet.ip.fragment())).collect();
    let part = |offset, more| Some(Fragment { offset, more, identification: 0xabcd });
    assert_eq!(got, [(13, 1280, None), (23, 1280, part(0, true)), (23, 57, part(154, false))]);
    assert!(ran.got(H1).iter().all(|(_, packet)| packet.ttl() == 62));
    assert_eq!(ran.world.node(NAT).counts().fragments_made, 1);
}

/// Over IPv4 links of 1400 bytes, 1420 fit; of 1000, the least that IPv6 may be told, 1280, and these are cut: 1260 bytes carry 1240 of UDP, 976
/// of which fit beside the header, in multiples of 8, and 264.
#[test]
fn what_is_too_big_over_ipv4() {
    let (x, y) = (v6(H1, 4000), shown(S1, 53));
    for (mtu, told, passing, lens) in [(1400, 1420, 1420, vec![1400]), (1000, 1280, 1280, vec![996, 284])] {
        let script = [(H1, 1, datagram(x, y, passing + 1)), (H1, 10, datagram(x, y, passing))];
        let ran = run_64(home_with(&[(2, mtu)]), &config(), &script);
        let [(_, error)] = &ran.got(H1)[..] else { panic!("{:?}", ran.got(H1)) };
        assert_eq!(error.transport, Transport::Icmpv6(Icmpv6Message::PacketTooBig { mtu: told }));
        assert_eq!(error.src(), to_v6(home().end(0, false)), "its inner address");
        assert_eq!(error.payload.to_bytes(), datagram(x, y, passing + 1).encode()[..1232]);
        assert_eq!(ran.got(S1).iter().map(|(_, packet)| packet.wire_len()).collect::<Vec<_>>(), lens);
    }
}

/// Datagrams of 4000 B over links of 1500 B: cut by their source over IPv6 (1448 each: 4008 bytes are three), put together, cut again over IPv4 (1480
/// each: three). The answer comes in three and goes on in 1232 each: four.
#[test]
fn fragments_are_translated_whole() {
    let mut net = home();
    net.nat_v6(NAT, config().policy(), 2, &[]);
    net.route(H1, "64:ff9b::", 96, 0);
    let payload = Rope::fill(5, 0, 4000);
    let host = Probe::new(4000).then(0, Do::Send(shown(S1, 53), payload.clone()));
    let server = Probe::new(53).serving(Operation { name: "serve", bytes: 0 });
    let (log, served) = (host.log(), server.log());
    net.app(H1, "host", host);
    net.app(S1, "server", server);
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!(events(&served), [(3_000_000, Event::Datagram(outside(4000), payload.clone()))]);
    assert_eq!(events(&log), [(6_000_000, Event::Datagram(shown(S1, 53), payload))]);
    let counts = world.node(NAT).counts();
    assert_eq!((counts.fragments_joined, counts.fragments_made), (2 + 2, 2 + 3));
    assert!(crate::node::audit(&world.sim).holds());
}

/// A ping of an application on an IPv6 host, answered by an IPv4 server's own stack.
#[test]
fn a_ping_is_answered_under_the_prefix() {
    let mut net = home();
    net.nat_v6(NAT, config().policy(), 2, &[]);
    net.route(H1, "64:ff9b::", 96, 0);
    let data = Rope::from(vec![8; 30]);
    let host = Probe::new(4000).then(0, Do::Echo(shown(S1, 0).ip(), 7, data.clone()));
    let log = host.log();
    net.app(H1, "host", host);
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!(events(&log), [(6_000_000, Event::EchoReply(shown(S1, 0).ip(), 7, data))]);
}

/// 300,000 bytes of TCP from an IPv6 host to an IPv4 server arrive as they were sent, from the external address. The outer link takes 1400 bytes, which
/// the sender learns from the NAT: 1420 over IPv6.
#[test]
fn a_transfer_over_tcp() {
    let mut net = home_with(&[(2, 1400)]);
    net.nat_v6(NAT, config().policy(), 2, &[]);
    net.route(H1, "64:ff9b::", 96, 0);
    let config = TcpSourceConfig {
        bytes: Some(Size::from_bytes(300_000)),
        ..TcpSourceConfig::new(crate::name::NodeName("s1".to_owned()), 5001)
    };
    net.app(H1, "client", TcpSource::new(config, shown(S1, 5001)));
    net.app(S1, "server", TcpSink::new(TcpSinkConfig::new(5001)));
    let mut world = net.build(1);
    world.run_until_quiet();
    let total = |name| world.total(S1, "server", name);
    assert_eq!((total("completed_streams"), total("corrupted_bytes")), (1, 0));
    assert_eq!(world.total(H1, "client", "written_bytes"), 300_000);
    assert!(world.node(NAT).dropped(DropCause::TooBig) > 0);
    let reports = world.take_reports();
    let outwards = World::seen(&reports, world.wire(2, true), LinkEnd::Sender);
    assert!(outwards.iter().all(|seen| seen.packet.src() == outer() && has_right_bytes(&seen.packet)));
    assert_eq!(outwards.iter().map(|seen| seen.packet.wire_len()).max(), Some(1400));
    let inwards = World::seen(&reports, world.wire(0, true), LinkEnd::Receiver);
    let at_nat: u64 =
        inwards.iter().filter(|seen| seen.fate == Fate::Passed).map(|seen| seen.packet.payload.len()).sum();
    let left: u64 = outwards.iter().map(|seen| seen.packet.payload.len()).sum();
    assert_eq!(left, at_nat, "what passes in is what leaves, byte for byte");
}

/// Hop limit 1 ends at the NAT, 2 at the IPv4 router, whose error comes as one of IPv6 from its address under the prefix, with the packet that was
/// sent.
#[test]
fn traceroute_through_a_nat64() {
    let (x, y) = (v6(H1, 4000), shown(S1, 33_434));
    let probe = |ttl: u8| {
        let mut packet = udp(x, y);
        packet.ip.set_ttl(ttl);
        packet
    };
    let config = Nat64Config { ports: Some(PortAssignment::Random), ..config() };
    let ran = run(&config, &[(H1, 1, probe(1)), (H1, 10, probe(2))]);
    let (got, net) = (ran.got(H1), home());
    assert_eq!(got.len(), 2);
    for ((_, error), from) in got.iter().zip([to_v6(net.end(0, false)), shown(R, 0).ip()]) {
        assert_eq!(error.transport, Transport::Icmpv6(Icmpv6Message::TimeExceeded(TimeExceeded::HopLimit)));
        assert_eq!((error.src(), error.dst()), (from, x.ip()));
        assert!(has_right_bytes(error));
        assert_eq!(error.payload.to_bytes(), probe(1).encode(), "as it was at its last hop");
    }
}

/// Errors that hosts inside send about what came in: of a datagram, and of the answer to a ping. No inner address is seen outside. Errors from outside
/// about what was never sent go nowhere.
#[test]
fn errors_go_both_ways() {
    let (x, y) = (v6(H1, 4000), socket(S1, 53));
    let came_in = udp(shown(S1, 53), x);
    let reply = echo(shown(S1, 0).ip(), x.ip(), true, 70);
    let stranger = udp(outside(4000), socket(S2, 53)).icmp_error(ErrorCause::PortUnreachable, y.ip()).unwrap();
    let script = [
        (H1, 1, udp(x, shown(S1, 53))),
        (H1, 2, echo(x.ip(), shown(S1, 0).ip(), false, 70)),
        (S1, 10, udp(y, outside(4000))),
        (H1, 20, came_in.icmp_error(ErrorCause::PortUnreachable, x.ip()).unwrap()),
        (H1, 30, reply.icmp_error(ErrorCause::TooBig { mtu: 1300 }, to_v6(home().end(0, false))).unwrap()),
        (S1, 40, stranger),
    ];
    let ran = run(&config(), &script);
    let got: Vec<Packet> = ran.got(S1).into_iter().map(|(_, packet)| packet).collect();
    assert_eq!(got.len(), 4);
    assert_eq!(got[2].transport, Transport::Icmp(IcmpMessage::DestinationUnreachable(Unreachable::Port)));
    assert_eq!(got[3].transport, Transport::Icmp(IcmpMessage::FragmentationNeeded { next_hop_mtu: 1280 }));
    for error in &got[2..] {
        assert_eq!((error.src(), error.dst()), (outer(), y.ip()));
        assert!(has_right_bytes(error));
    }
    let quoted = |packet: &Packet| packet.quoted().unwrap().unwrap();
    let (about, asked) = (quoted(&got[2]), quoted(&got[3]));
    assert_eq!((about.ip.src(), about.ip.dst(), about.ports), (y.ip(), outer(), Some((53, 4000))));
    assert_eq!((asked.ip.src(), asked.ip.dst(), asked.identifier), (y.ip(), outer(), Some(70)));
    assert_eq!((ran.got(H1).len(), ran.dropped()), (1, [1, 0, 0, 0]));
    // A NAT of IPv4 lets them out, too.
    let x = socket(H1, 4000);
    let reply = echo(y.ip(), x.ip(), true, 70);
    let mut net = home();
    net.nat(NAT, NatConfig::to("l2").policy(), 2, &[]);
    let error = reply.icmp_error(ErrorCause::TooBig { mtu: 1300 }, x.ip()).unwrap();
    let ran = run_in(net, &[(H1, 2, echo(x.ip(), y.ip(), false, 70)), (H1, 30, error)]);
    let (_, told) = ran.got(S1).pop().unwrap();
    assert_eq!((told.src(), quoted(&told).identifier), (outer(), Some(70)));
}

/// An old router says no MTU: of 2980 bytes over IPv4 the next plateau is 2002 (RFC 7915 §4.2, RFC 1191 §7), 2022 over IPv6.
#[test]
fn an_old_router_says_no_mtu() {
    let sent = datagram(v6(H1, 4000), shown(S1, 53), 3000);
    let translated = datagram(outside(4000), socket(S1, 53), 2980);
    let mut error = translated.icmp_error(ErrorCause::TooBig { mtu: 1 }, home().address(R)).unwrap();
    error.transport = Transport::Icmp(IcmpMessage::FragmentationNeeded { next_hop_mtu: 0 });
    let net = home_with(&[(0, 9000), (2, 9000), (3, 9000)]);
    let ran = run_64(net, &config(), &[(H1, 1, sent.clone()), (S1, 10, error)]);
    let (_, told) = ran.got(H1).pop().unwrap();
    assert_eq!(told.transport, Transport::Icmpv6(Icmpv6Message::PacketTooBig { mtu: 2022 }));
    let quote = told.payload.to_bytes();
    assert_eq!(quote, sent.encode()[..548 + 20]);
}

/// RFC 6146 §3.8: from X1 to the external endpoint of X2 under the prefix; X2 sees that of X1, and answers the same way; errors too. Not if it is
/// turned off, and never from an address under the prefix.
#[test]
fn hairpins() {
    let (x1, x2, y) = (v6(H1, 4000), v6(H2, 5000), shown(S1, 53));
    let (p1, p2) = (shown_by(PREFIX, outside(4000)), shown_by(PREFIX, outside(5000)));
    let error = udp(p1, x2).icmp_error(ErrorCause::PortUnreachable, x2.ip()).unwrap();
    let script = [
        (H1, 1, udp(x1, y)),
        (H2, 2, udp(x2, y)),
        (H1, 10, udp(x1, p2)),
        (H2, 20, udp(x2, p1)),
        (H2, 30, error),
        (H1, 40, udp(x1, shown_by(PREFIX, outside(6000)))),
        (H1, 50, udp(p1, p2)),
    ];
    let ran = run(&config(), &script);
    assert_eq!(ran.ends(H2), [(12, p1, x2)]);
    let got = ran.got(H1);
    assert_eq!((got.len(), got[0].1.source_socket(), got[0].1.destination_socket()), (2, Some(p2), Some(x1)));
    assert_eq!(got[0].1.ttl(), 63, "one router");
    let told = &got[1].1;
    assert_eq!((told.src(), told.dst(), told.payload.to_bytes()), (p1.ip(), x1.ip(), udp(x1, p2).encode().into()));
    // Nobody has port 6000; the last is a loop.
    assert_eq!(ran.dropped(), [1, 1, 0, 0]);
    let ran = run(&Nat64Config { hairpinning: Some(false), ..config() }, &script[..4]);
    assert_eq!((ran.got(H1).len(), ran.got(H2).len(), ran.dropped()), (0, 0, [0, 2, 0, 0]));
    // X2 has not sent to the external address when the first comes; it has when the answer is due.
    let ran = run(&Nat64Config { filtering: Some(Ad), ..config() }, &script[..4]);
    assert_eq!((ran.got(H1).len(), ran.got(H2).len(), ran.dropped()), (1, 0, [0, 1, 0, 0]));
}

/// IPv6 to anywhere else passes as at any router, both ways; what comes from outside to the prefix does not, nor what no NAT64 can translate.
#[test]
fn what_is_not_translated() {
    let (x, y) = (v6(H1, 4000), v6(S1, 53));
    let other = |protocol| {
        Packet::new(x.ip(), shown(S1, 0).ip(), Transport::Other { protocol }, Rope::from(vec![0; 8])).unwrap()
    };
    let solicitation = Icmpv6Message::Other { icmp_type: 135, code: 0, rest: [0; 4] };
    let solicitation = Packet::new(x.ip(), shown(S1, 0).ip(), Transport::Icmpv6(solicitation), Rope::fill(1, 0, 16));
    let script = [
        (H1, 1, udp(x, y)),
        (S1, 10, udp(y, x)),
        (S1, 20, udp(y, shown(S2, 53))),
        (H1, 30, other(132)),
        (H1, 31, solicitation.unwrap()),
        // Nobody has a route there.
        (H1, 32, udp(x, SocketAddr::new("64:ff9b::c633:6409".parse().unwrap(), 9))),
    ];
    let mut net = home();
    // What the router does not know goes to the NAT.
    net.route(R, "64:ff9b::", 96, 2);
    let ran = run_64(net, &config(), &script);
    assert_eq!((ran.ends(S1), ran.got(S2).len()), (vec![(4, x, y)], 0));
    let got = ran.got(H1);
    assert_eq!((got[0].1.source_socket(), got.len()), (Some(y), 2));
    let no_route = Transport::Icmpv6(Icmpv6Message::DestinationUnreachable(Icmpv6Unreachable::NoRoute));
    assert_eq!(got[1].1.transport, no_route);
    let nat = ran.world.node(NAT);
    let causes = [DropCause::NoProtocol, DropCause::NoRoute, DropCause::Filtered];
    assert_eq!(causes.map(|cause| nat.dropped(cause)), [2, 1, 1]);
    assert_eq!(nat.nat_counts().unwrap().made, 0);
}

/// RFC 6146 §3.5.2.2: a SYN that nobody asked for is at the NAT at 1.002 s. Its sender is told 6 s later, unless a host inside opens a connection that
/// it could be for meanwhile.
#[test]
fn unsolicited_syns() {
    let (x, y) = (v6(H1, 4000), socket(S1, 443));
    let unsolicited = (S1, 1_000, tcp(y, outside(4000), TcpFlags::SYN));
    let ran = run(&config(), std::slice::from_ref(&unsolicited));
    let [(7_004, told)] = &ran.got(S1)[..] else { panic!("{:?}", ran.got(S1)) };
    assert_eq!(told.transport, Transport::Icmp(IcmpMessage::DestinationUnreachable(Unreachable::Port)));
    assert_eq!((told.src(), ran.dropped()), (outer(), [1, 0, 0, 0]));
    let script = [
        unsolicited,
        (H1, 4_000, tcp(x, shown(S1, 443), TcpFlags::SYN)),
        (S1, 5_000, tcp(y, outside(4000), TcpFlags::SYN)),
        (S1, 6_000, tcp(y, outside(4000), TcpFlags::ACK)),
    ];
    let ran = run(&config(), &script);
    assert_eq!((ran.got(S1).len(), ran.got(H1).len()), (1, 2), "and nothing is said");
}

/// What comes in keeps a session, as RFC 6146 §3.5.1 has it: 120 s from the last packet of either direction. Not if that is turned off.
#[test]
fn what_comes_in_keeps_sessions() {
    let (x, y) = (v6(H1, 4000), socket(S1, 53));
    let inwards = [100_000, 200_000, 319_000, 440_000].map(|at| (S1, at, udp(y, outside(4000))));
    let script: Vec<(usize, u64, Packet)> = [(H1, 10, udp(x, shown(S1, 53)))].into_iter().chain(inwards).collect();
    let ran = run(&Nat64Config { timers: seconds(120), ..config() }, &script);
    assert_eq!(ran.got(H1).len(), 3);
    let ran = run(&Nat64Config { timers: seconds(120), inbound_refresh: Some(false), ..config() }, &script);
    assert_eq!(ran.got(H1).len(), 1);
}

/// One node with a NAT for IPv4 and a firewall for IPv6: each family meets its own.
#[test]
fn a_box_for_each_family() {
    let mut net = home();
    net.nat(NAT, NatConfig::to("l2").policy(), 2, &[]);
    net.nat_v6(NAT, FirewallConfig::to("l2").policy(), 2, &[]);
    let (x4, x6) = (socket(H1, 4000), v6(H1, 4000));
    let script = [
        (S1, 1, udp(v6(S1, 53), x6)),
        (H1, 10, udp(x4, socket(S1, 53))),
        (H1, 11, udp(x6, v6(S1, 53))),
        (S1, 20, udp(socket(S1, 53), outside(4000))),
        (S1, 21, udp(v6(S1, 53), x6)),
        (S2, 30, udp(socket(S2, 53), outside(4000))),
        (S2, 31, udp(v6(S2, 53), x6)),
        (S2, 1_000, tcp(socket(S2, 9), outside(77), TcpFlags::SYN)),
        (S2, 2_000, tcp(v6(S2, 9), x6, TcpFlags::SYN)),
    ];
    let ran = run_in(net, &script);
    assert_eq!(ran.ends(S1), [(13, outside(4000), socket(S1, 53)), (14, x6, v6(S1, 53))]);
    assert_eq!(ran.ends(H1), [(23, socket(S1, 53), x4), (24, v6(S1, 53), x6)]);
    // The first and both SYNs meet nothing, the two of S2 the filters.
    assert_eq!(ran.dropped(), [3, 2, 0, 0]);
    // Each box tells as it does: 6 s later.
    let told: Vec<(u64, Transport)> = ran.got(S2).into_iter().map(|(at, packet)| (at, packet.transport)).collect();
    let port = Transport::Icmp(IcmpMessage::DestinationUnreachable(Unreachable::Port));
    let prohibited = Transport::Icmpv6(Icmpv6Message::DestinationUnreachable(Icmpv6Unreachable::Prohibited));
    assert_eq!(told, [(7_004, port), (8_004, prohibited)]);
    let counts = ran.world.node(NAT).nat_counts().unwrap();
    assert_eq!((counts.made, counts.sessions), (2, 2));
}

/// One node with a NAT for IPv4 and a NAT64, and one external address for both: no port is given twice, and answers find their way.
#[test]
fn a_nat_and_a_nat64_share_an_address() {
    for ports in [PortAssignment::Preserve, PortAssignment::Random] {
        let mut net = home();
        let old = NatConfig { ports: Some(ports), port_range: Some((4000, 4001)), ..NatConfig::to("l2") };
        let new = Nat64Config { ports: Some(ports), port_range: Some((4000, 4001)), ..config() };
        net.nat(NAT, old.policy(), 2, &[]);
        net.nat_v6(NAT, new.policy(), 2, &[]);
        let (x4, x6, y) = (socket(H1, 4000), v6(H2, 4000), socket(S1, 53));
        let mut script = vec![(H1, 1, udp(x4, y)), (H2, 2, udp(x6, shown(S1, 53))), (H2, 3, udp(x4, y))];
        script.extend([4000, 4001].map(|port| (S1, 10, udp(y, outside(port)))));
        // Both ports are taken.
        script.push((H2, 20, udp(v6(H2, 5000), shown(S1, 53))));
        let ran = run_in(net, &script);
        let ports: Vec<u16> = ran.ends(S1).iter().map(|(_, from, _)| from.port()).collect();
        let first = ports[0];
        assert_eq!(ports, [first, 8001 - first, first]);
        let inwards = |node: usize, from: SocketAddr, to: SocketAddr| {
            ran.got(node)
                .iter()
                .filter(|(_, got)| (got.source_socket(), got.destination_socket()) == (Some(from), Some(to)))
                .count()
        };
        assert_eq!((inwards(H1, y, x4), inwards(H2, shown(S1, 53), x6)), (1, 1));
        let (_, told) = ran.got(H2).pop().unwrap();
        assert_eq!(
            told.transport,
            Transport::Icmpv6(Icmpv6Message::DestinationUnreachable(Icmpv6Unreachable::Address))
        );
        assert_eq!(ran.dropped(), [0, 0, 1, 0]);
    }
}

/// When the outer link has another IPv6 address nothing changes; with another IPv4 address all mappings are gone. So they are after a loss of power.
#[test]
fn addresses_and_power() {
    let (x, y) = (v6(H1, 4000), shown(S1, 53));
    let script = [
        (H1, 1, udp(x, y)),
        (S1, 20, udp(socket(S1, 53), outside(4000))),
        (S1, 40, udp(socket(S1, 53), outside(4000))),
    ];
    for (new, passes) in [("2001:db8::99", 2), ("10.99.0.1", 1)] {
        let mut net = home();
        net.readdress(at(30_000_000), NAT, 2, new);
        let ran = run_64(net, &config(), &script);
        assert_eq!(ran.got(H1).len(), passes, "{new}");
        assert_eq!(ran.world.node(NAT).nat_counts().unwrap().now, passes as u64 - 1);
    }
    let mut net = home();
    net.power(at(30_000_000), NAT, false);
    net.power(at(35_000_000), NAT, true);
    let ran = run_64(net, &config(), &script);
    assert_eq!((ran.got(H1).len(), ran.dropped()), (1, [1, 0, 0, 0]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    /// Hosts and servers send at random. Outside, nothing but the external address is ever seen as a source. What comes in passes exactly if a list of all
    /// that left says so: something left from that external endpoint in the last 120 s, and, as the filter asks, to anybody, or to that address. Each packet
    /// on each side has right bytes, and all are accounted for.
    #[test]
    fn nothing_passes_that_the_definitions_do_not_let_in(
        outwards in prop::collection::vec((0_u64..600, 0_usize..2, 0_u16..2, 0_usize..2, 0_u16..2, 0_u64..1800), 0..40),
        inwards in prop::collection::vec((0_u64..600, 0_usize..2, 0_u16..2, 0_u16..6, 0_u64..1800), 0..60),
        filtering in prop_oneof![Just(Ei), Just(Ad)],
    ) {
        let tick = 600_000_000;
        let mut net = home();
        let timers = Some(NatTimers { udp: Some(Span::from_secs(120)), ..NatTimers::default() });
        let config = Nat64Config { filtering: Some(filtering), timers, inbound_refresh: Some(false), ..config() };
        prop_assert_eq!(config.check(), vec![]);
        net.nat_v6(NAT, config.policy(), 2, &[]);
        for (index, node) in [H1, H2].into_iter().enumerate() {
            net.route(node, "64:ff9b::", 96, index);
            for port in 0..2_u16 {
                let mut probe = Probe::new(4000 + port);
                for (when, _, _, to, to_port, len) in outwards.iter().filter(|sent| (sent.1, sent.2) == (index, port)) {
                    let to = shown([S1, S2][*to], 50 + to_port);
                    probe = probe.then(when * tick, Do::Send(to, Rope::fill(1, 0, *len)));
                }
                net.app(node, &format!("p{port}"), probe);
            }
        }
        for (index, node) in [S1, S2].into_iter().enumerate() {
            for port in 0..2_u16 {
                let mut probe = Probe::new(50 + port);
                for (when, _, _, to, len) in inwards.iter().filter(|sent| (sent.1, sent.2) == (index, port)) {
                    probe = probe.then(when * tick, Do::Send(outside(4000 + to), Rope::fill(2, 0, *len)));
                }
                net.app(node, &format!("p{port}"), probe);
            }
        }
        let mut world = net.build(1);
        world.run(Until::Quiet);
        prop_assert!(crate::node::audit(&world.sim).holds());
        let reports = world.take_reports();
        let left = World::seen(&reports, world.wire(2, true), LinkEnd::Sender);
        for seen in &left {
            prop_assert_eq!(seen.packet.src(), outer());
            prop_assert!(seen.packet.ip.fragment().is_some() || has_right_bytes(&seen.packet));
        }
        let inside = [0, 1].map(|link| World::seen(&reports, world.wire(link, false), LinkEnd::Sender));
        for seen in inside.iter().flatten() {
            let IpAddr::V6(source) = seen.packet.src() else { panic!("{:?}", seen.packet) };
            prop_assert!(extracted(PREFIX, source).is_some() || seen.packet.is_icmp_error());
            prop_assert!(seen.packet.ip.fragment().is_some() || has_right_bytes(&seen.packet));
        }
        for seen in World::seen(&reports, world.wire(2, false), LinkEnd::Receiver) {
            let whole = seen.packet.ip.fragment().is_none();
            if matches!(seen.packet.transport, Transport::Icmp(_)) || !whole || seen.fate == Fate::Dropped(DropCause::TooBig) {
                continue;
            }
            let (from, to) = (seen.packet.source_socket().unwrap(), seen.packet.destination_socket().unwrap());
            let since = |then: SimTime| then < seen.at && seen.at < then + Span::from_secs(120);
            // A fragment says where it comes from in its first part alone, which is enough here.
            let source = |packet: &Packet| match packet.ip.fragment() {
                Some(part) if part.is_non_first() => None,
                Some(_) => {
                    let bytes = packet.payload.slice(0, 4).to_bytes();
                    let port = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
                    Some((SocketAddr::new(packet.src(), port(0)), packet.dst()))
                }
                None => packet.source_socket().map(|source| (source, packet.dst())),
            };
            let before: Vec<IpAddr> = left
                .iter()
                .filter(|out| since(out.at))
                .filter_map(|out| source(&out.packet).filter(|(source, _)| *source == to).map(|(_, remote)| remote))
                .collect();
            let passes = before.iter().any(|remote| filtering == Ei || *remote == from.ip());
            let cause = if before.is_empty() { DropCause::NoMapping } else { DropCause::Filtered };
            let expected = if passes { Fate::Passed } else { Fate::Dropped(cause) };
            prop_assert_eq!(seen.fate, expected, "{} to {} at {}", from, to, seen.at);
        }
    }
}
