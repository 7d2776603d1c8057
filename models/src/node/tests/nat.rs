//! NATs and firewalls in networks, with real packets. Checks N2 to N12 and N16 are those of the issue's sheet.
//!
//! ```text
//! h1 --- l0 --- nat --- l2 --- r --- l3 --- s1
//! h2 --- l1 ---  |             +---- l4 --- s2
//! ```
//! Each link takes 1 ms, so that a host's packet is at the NAT after 1 ms and a server's after 2.

use crate::element::Element;
use crate::link::{Drops, LinkConfig};
use crate::nat::{Blocks, Dependence, FirewallConfig, Hairpinning, NatConfig, NatTimers, Policy, PortAssignment};
use crate::node::{DropCause, Fate, Interface, LinkEnd};
use crate::packet::{
    Echo, ErrorCause, IcmpMessage, Icmpv6Message, Icmpv6Unreachable, IpHeader, Packet, TcpFlags, TcpHeader,
    TimeExceeded, Transport, Unreachable,
};
use crate::rope::Rope;
use crate::testing::{Do, Event, Guest, Net, Probe, World, at, events, link};
use Dependence::{AddressAndPortDependent as Apd, AddressDependent as Ad, EndpointIndependent as Ei};
use proptest::prelude::*;
use protosim_core::{Cx, Operation, SimTime, Span, TimerId, Until};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

pub(super) const H1: usize = 0;
pub(super) const H2: usize = 1;
pub(super) const NAT: usize = 2;
pub(super) const R: usize = 3;
pub(super) const S1: usize = 4;
pub(super) const S2: usize = 5;

pub(super) type Arrivals = Arc<Mutex<Vec<(u64, Packet)>>>;

/// A host that sends packets as they are, at given milliseconds, and writes down what comes.
#[derive(Debug)]
struct Raw {
    link: Interface,
    script: Vec<(u64, Packet)>,
    got: Arrivals,
    drops: Drops,
}

impl Guest for Raw {
    fn on_start(&mut self, cx: &mut Cx<'_, Element>) {
        let now = self.link.transmitter.start(cx);
        assert!(now.is_none(), "links without a rate are computed");
        for (millis, _) in &self.script {
            let timer = cx.new_timer(*millis, "raw");
            cx.arm(timer, at(millis * 1_000_000));
        }
    }

    fn on_arrival(&mut self, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        self.got.lock().unwrap().push((cx.now().as_nanos() / 1_000_000, *packet));
    }

    fn on_timer(&mut self, _: TimerId, cx: &mut Cx<'_, Element>) {
        let now = cx.now().as_nanos() / 1_000_000;
        let due: Vec<usize> = (0..self.script.len()).filter(|index| self.script[*index].0 == now).collect();
        for index in due {
            let packet = self.script[index].1.clone();
            let len = packet.wire_len();
            self.link.transmitter.offer(Box::new(packet), len, &mut self.drops, cx);
            // Sent once, whatever number of timers is due now.
            self.script[index].0 = u64::MAX;
        }
    }
}

pub(super) fn home() -> Net {
    let mut net = Net::new(1);
    for (name, forwards) in [("h1", false), ("h2", false), ("nat", true), ("r", true), ("s1", false), ("s2", false)] {
        net.node(name, forwards);
    }
    for (index, (first, second)) in [(H1, NAT), (H2, NAT), (NAT, R), (R, S1), (R, S2)].into_iter().enumerate() {
        net.link(&format!("l{index}"), first, second, link("", "1 ms"));
    }
    net
}

fn config() -> NatConfig {
    NatConfig::to("l2")
}

pub(super) fn seconds(udp: u64) -> Option<NatTimers> {
    Some(NatTimers { udp: Some(Span::from_secs(udp)), ..NatTimers::default() })
}

/// The external address of the NAT.
pub(super) fn outer() -> IpAddr {
    home().end(2, true)
}

pub(super) fn outside(port: u16) -> SocketAddr {
    SocketAddr::new(outer(), port)
}

pub(super) fn socket(node: usize, port: u16) -> SocketAddr {
    home().socket(node, port)
}

pub(super) fn udp(from: SocketAddr, to: SocketAddr) -> Packet {
    Packet::udp(from, to, Rope::from(vec![1; 20])).unwrap()
}

pub(super) fn tcp(from: SocketAddr, to: SocketAddr, flags: TcpFlags) -> Packet {
    let header = TcpHeader {
        source_port: from.port(),
        destination_port: to.port(),
        sequence: 7,
        acknowledgment: 0,
        flags,
        window: 1000,
        urgent: 0,
        timestamps: None,
        options: None,
    };
    Packet::tcp(from.ip(), to.ip(), header, Rope::new()).unwrap()
}

/// What hosts sent and got.
pub(super) struct Ran {
    pub(super) world: World,
    got: Vec<Arrivals>,
}

impl Ran {
    pub(super) fn got(&self, node: usize) -> Vec<(u64, Packet)> {
        self.got[node].lock().unwrap().clone()
    }

    /// Sources and destinations of what a host got.
    pub(super) fn ends(&self, node: usize) -> Vec<(u64, SocketAddr, SocketAddr)> {
        let ends =
            |(at, packet): (u64, Packet)| (at, packet.source_socket().unwrap(), packet.destination_socket().unwrap());
        self.got(node).into_iter().map(ends).collect()
    }

    pub(super) fn dropped(&self) -> [u64; 4] {
        DropCause::OF_NATS.map(|cause| self.world.node(NAT).dropped(cause))
    }
}

/// Runs with hosts that send what scripts say: node, milliseconds, packet.
pub(super) fn run_in(mut net: Net, scripts: &[(usize, u64, Packet)]) -> Ran {
    let got: Vec<Arrivals> = (0..6).map(|_| Arrivals::default()).collect();
    for node in [H1, H2, S1, S2] {
        let script = scripts.iter().filter(|(own, ..)| *own == node).map(|(_, at, packet)| (*at, packet.clone()));
        let (script, got) = (script.collect(), Arc::clone(&got[node]));
        net.guest(node, move |link| Box::new(Raw { link, script, got, drops: Drops::new() }));
    }
    let mut world = net.build(1);
    world.run(Until::Quiet);
    Ran { world, got }
}

fn run_with(policy: Policy, scripts: &[(usize, u64, Packet)]) -> Ran {
    let mut net = home();
    net.nat(NAT, policy, 2, &[]);
    run_in(net, scripts)
}

/// With a firewall over IPv6.
fn run_behind_wall(wall: &FirewallConfig, scripts: &[(usize, u64, Packet)]) -> Ran {
    let mut net = home();
    net.nat_v6(NAT, wall.policy(), 2, &[]);
    run_in(net, scripts)
}

fn run(config: &NatConfig, scripts: &[(usize, u64, Packet)]) -> Ran {
    assert_eq!(config.check(), [], "a configuration that a scenario may have");
    run_with(config.policy(), scripts)
}

/// N2: one socket, two servers, and two ports of the first. EIM shows one port; ADM the same to both ports of the first
/// server and another to the second; APDM three.
#[test]
fn n2_what_servers_see_of_one_socket() {
    let x = socket(H1, 4000);
    let to = [socket(S1, 3478), socket(S1, 3479), socket(S2, 3478)];
    for (mapping, same) in [(Ei, [true, true]), (Ad, [true, false]), (Apd, [false, false])] {
        for ports in [PortAssignment::Preserve, PortAssignment::Sequential, PortAssignment::Random] {
            let config = NatConfig { mapping: Some(mapping), ports: Some(ports), ..config() };
            let ran = run(&config, &[(H1, 10, udp(x, to[0])), (H1, 20, udp(x, to[1])), (H1, 30, udp(x, to[2]))]);
            let (first, second) = (ran.ends(S1), ran.ends(S2));
            let shown = [first[0].1, first[1].1, second[0].1];
            assert!(shown.iter().all(|source| source.ip() == outer()), "{shown:?}");
            assert_eq!([first[0].0, first[1].0, second[0].0], [13, 23, 33], "three links");
            assert_eq!([shown[1] == shown[0], shown[2] == shown[0]], same, "{mapping:?} {ports:?}: {shown:?}");
            assert_ne!(shown[1] == shown[2], mapping != Ei, "{mapping:?}: {shown:?}");
        }
    }
}

/// What a server gets has right checksums: it reads what is encoded, and finds the same.
#[test]
fn translated_packets_have_right_bytes() {
    let (x, y) = (socket(H1, 4000), socket(S1, 80));
    let config = NatConfig { ports: Some(PortAssignment::Random), ..config() };
    let echo = Echo { is_reply: false, identifier: 77, sequence: 1 };
    let ping = Packet::echo(x.ip(), y.ip(), echo, Rope::fill(3, 0, 33)).unwrap();
    let ran = run(&config, &[(H1, 1, udp(x, y)), (H1, 2, tcp(x, y, TcpFlags::SYN)), (H1, 3, ping)]);
    let got = ran.got(S1);
    assert_eq!(got.len(), 3);
    for (_, packet) in got {
        assert_eq!(packet.src(), outer());
        assert_eq!(packet.ttl(), 62, "two routers");
        assert_eq!(Packet::decode(&packet.encode()).unwrap().transport, packet.transport);
    }
}

/// N3: a timer of 120 s, started by a packet that is at the NAT at 1.001 s. What is there 119 s later passes, 121 s later not.
#[test]
fn n3_idle_mappings_end() {
    let (x, y) = (socket(H1, 4000), socket(S1, 53));
    for (idle, passes) in [(119, true), (121, false)] {
        let config = NatConfig { timers: seconds(120), ..config() };
        let answer = (S1, 1_001 + idle * 1000 - 2, udp(y, outside(4000)));
        let ran = run(&config, &[(H1, 1_000, udp(x, y)), answer]);
        assert_eq!(ran.got(H1).len(), usize::from(passes));
        assert_eq!(ran.dropped(), [u64::from(!passes), 0, 0, 0]);
        if passes {
            assert_eq!(ran.ends(H1), [(1_001 + 119_000 + 1, y, x)]);
        }
    }
}

/// N4: inbound packets each 60 s, the last ones around 120 s after the one outwards at 0.011 s: at the NAT at 120.010 and 120.012 s. With
/// inbound refresh all pass, up to 120 s after the last.
#[test]
fn n4_what_comes_in_keeps_nothing() {
    let (x, y) = (socket(H1, 4000), socket(S1, 53));
    let script = |times: &[u64]| -> Vec<(usize, u64, Packet)> {
        let inwards = times.iter().map(|at| (S1, *at, udp(y, outside(4000))));
        [(H1, 10, udp(x, y))].into_iter().chain(inwards).collect()
    };
    let plain = NatConfig { timers: seconds(120), ..config() };
    let ran = run(&plain, &script(&[60_000, 120_008, 120_010, 180_000]));
    let times: Vec<u64> = ran.ends(H1).iter().map(|(at, ..)| *at).collect();
    assert_eq!((times, ran.dropped()), (vec![60_003, 120_011], [2, 0, 0, 0]));
    let refreshed = NatConfig { inbound_refresh: Some(true), ..plain };
    let ran = run(&refreshed, &script(&[60_000, 120_000, 239_999, 360_000]));
    assert_eq!((ran.got(H1).len(), ran.dropped()), (3, [1, 0, 0, 0]));
}

/// N5: a keepalive each 15 s keeps a mapping of 16 s, and what comes in 14 s after each passes.
#[test]
fn n5_keepalives_keep() {
    let (x, y) = (socket(H1, 4000), socket(S1, 53));
    let beat = |k: u64| [(H1, 15_000 * k + 1, udp(x, y)), (S1, 15_000 * k + 14_000, udp(y, outside(4000)))];
    let script: Vec<(usize, u64, Packet)> = (0..20).flat_map(beat).collect();
    let ran = run(&NatConfig { timers: seconds(16), ..config() }, &script);
    assert_eq!((ran.got(S1).len(), ran.got(H1).len()), (20, 20));
    assert_eq!(ran.world.node(NAT).nat_counts().unwrap().made, 1);
}

/// N6: both SYNs are through at 1.002 s; 7439 s of silence later data passes, 7441 s later not, and nobody is told.
#[test]
fn n6_idle_connections() {
    let (x, y) = (socket(H1, 4000), socket(S1, 443));
    for (idle, passes) in [(7439, true), (7441, false)] {
        let ran = run(
            &config(),
            &[
                (H1, 10, tcp(x, y, TcpFlags::SYN)),
                (S1, 1_000, tcp(y, outside(4000), TcpFlags::SYN.with(TcpFlags::ACK))),
                (S1, 1_000 + idle * 1000, tcp(y, outside(4000), TcpFlags::ACK)),
            ],
        );
        assert_eq!(ran.got(H1).len(), 1 + usize::from(passes));
        assert_eq!(ran.got(S1).len(), 1, "the SYN alone");
        assert_eq!(ran.dropped(), [u64::from(!passes), 0, 0, 0]);
    }
}

/// N7 (RFC 5382 REQ-4): a SYN that nobody asked for is at the NAT at 1.002 s. Alone, its sender is told 6 s later: port unreachable, at
/// 7.004 s. If a SYN for it leaves at 4 s, nothing is ever said, and the connection opens.
#[test]
fn n7_unsolicited_syns() {
    let (x, y) = (socket(H1, 4000), socket(S1, 443));
    let unsolicited = (S1, 1_000, tcp(y, outside(4000), TcpFlags::SYN));
    let ran = run(&config(), std::slice::from_ref(&unsolicited));
    let [(7_004, told)] = &ran.got(S1)[..] else { panic!("{:?}", ran.got(S1)) };
    assert_eq!(told.transport, Transport::Icmp(IcmpMessage::DestinationUnreachable(Unreachable::Port)));
    assert_eq!((told.src(), ran.dropped()), (outer(), [1, 0, 0, 0]));
    let script = [
        unsolicited.clone(),
        (H1, 4_000, tcp(x, y, TcpFlags::SYN)),
        (S1, 5_000, tcp(y, outside(4000), TcpFlags::SYN)),
        (H1, 5_500, tcp(x, y, TcpFlags::SYN.with(TcpFlags::ACK))),
        (S1, 6_000, tcp(y, outside(4000), TcpFlags::ACK)),
    ];
    let ran = run(&config(), &script);
    let flags = |(_, packet): (u64, Packet)| match packet.transport {
        Transport::Tcp(header) => header.flags,
        other => panic!("{other:?}"),
    };
    let at_server: Vec<TcpFlags> = ran.got(S1).into_iter().map(flags).collect();
    assert_eq!(at_server, [TcpFlags::SYN, TcpFlags::SYN.with(TcpFlags::ACK)]);
    let at_host: Vec<TcpFlags> = ran.got(H1).into_iter().map(flags).collect();
    assert_eq!(at_host, [TcpFlags::SYN, TcpFlags::ACK]);
    let silent = NatConfig { refuse_syn: Some(false), ..config() };
    assert_eq!(run(&silent, &[unsolicited]).got(S1), []);
}

/// N8 (RFC 5508 REQ-4, RFC 4787 REQ-12): a port unreachable about a translated datagram comes in with the sender's own packet quoted, byte for
/// byte but for what routers changed, and the mapping stays.
#[test]
fn n8_errors_come_in_and_remove_nothing() {
    let (x, y) = (socket(H1, 4000), socket(S1, 53));
    let config = NatConfig { ports: Some(PortAssignment::Sequential), ..config() };
    let shown = outside(1024);
    let error = udp(shown, y).icmp_error(ErrorCause::PortUnreachable, y.ip()).unwrap();
    let stranger = udp(shown, socket(S2, 53)).icmp_error(ErrorCause::PortUnreachable, y.ip()).unwrap();
    let script = [(H1, 1, udp(x, y)), (S1, 100, error), (S1, 150, stranger), (S1, 200, udp(y, shown))];
    let ran = run(&config, &script);
    let got = ran.got(H1);
    assert_eq!(got.len(), 2);
    assert_eq!((got[0].1.src(), got[0].1.dst()), (y.ip(), x.ip()));
    assert_eq!(got[0].1.payload.to_bytes(), udp(x, y).encode());
    assert_eq!(Packet::decode(&got[0].1.encode()).unwrap().transport, got[0].1.transport);
    assert_eq!((got[1].1.source_socket(), got[1].1.destination_socket()), (Some(y), Some(x)));
    assert_eq!(ran.dropped(), [1, 0, 0, 0], "the one about a packet that was never sent");
    // And the other way: a host inside says that nobody listens, and no inner address is seen.
    let error = udp(y, x).icmp_error(ErrorCause::PortUnreachable, x.ip()).unwrap();
    let ran = run(&config, &[(H1, 1, udp(x, y)), (S1, 100, udp(y, shown)), (H1, 200, error)]);
    let told = ran.got(S1).pop().unwrap().1;
    assert_eq!((told.src(), told.payload.to_bytes()), (outer(), udp(y, shown).encode().into()));
}

/// N9: time to live 1 ends at the NAT, which answers with its inner address; 2 at the router, whose error comes in with the
/// host's own ports.
#[test]
fn n9_traceroute_through_a_nat() {
    let (x, y) = (socket(H1, 4000), socket(S1, 33_434));
    let probe = |ttl: u8| {
        let mut packet = udp(x, y);
        packet.ip.set_ttl(ttl);
        packet
    };
    let config = NatConfig { ports: Some(PortAssignment::Random), ..config() };
    let ran = run(&config, &[(H1, 1, probe(1)), (H1, 10, probe(2))]);
    let got = ran.got(H1);
    assert_eq!(got.len(), 2);
    let net = home();
    for ((_, error), from) in got.iter().zip([net.end(0, false), net.address(R)]) {
        assert_eq!(error.transport, Transport::Icmp(IcmpMessage::TimeExceeded(TimeExceeded::HopLimit)));
        assert_eq!((error.src(), error.dst()), (from, x.ip()));
        let quoted = error.quoted().unwrap().unwrap();
        assert_eq!((quoted.ip.src(), quoted.ip.dst(), quoted.ports), (x.ip(), y.ip(), Some((4000, 33_434))));
        assert_eq!(quoted.ip.ttl(), 1);
    }
}

/// N10: a NAT of 300 s behind one of 120 s. A datagram leaves at 0: from outside, 119 s later one comes through both, 121 s later none.
#[test]
fn n10_the_shorter_timer_of_two_nats_counts() {
    for (idle, passes) in [(119, 1), (121, 0)] {
        let mut net = Net::new(1);
        for (name, forwards) in [("a", false), ("b-home", true), ("c-carrier", true), ("d", false)] {
            net.node(name, forwards);
        }
        for k in 0..3 {
            net.link(&format!("l{k}"), k, k + 1, link("", "1 ms"));
        }
        net.nat(1, NatConfig { timers: seconds(300), ..config() }.policy(), 1, &[]);
        net.nat(2, NatConfig { timers: seconds(120), ..config() }.policy(), 2, &[]);
        let (server, shown) = (net.socket(3, 53), SocketAddr::new(net.end(2, true), 4000));
        let host = Probe::new(4000).then(0, Do::Send(server, Rope::from(vec![1])));
        let answers = Probe::new(53).then(idle * 1_000_000_000, Do::Send(shown, Rope::from(vec![2])));
        let (at_host, at_server) = (host.log(), answers.log());
        net.app(0, "host", host);
        net.app(3, "server", answers);
        let mut world = net.build(1);
        world.run_until_quiet();
        assert_eq!(events(&at_server), [(3_000_000, Event::Datagram(shown, Rope::from(vec![1])))]);
        assert_eq!(events(&at_host).len(), passes);
        assert_eq!(world.node(2).dropped(DropCause::NoMapping), 1 - passes as u64);
    }
}

/// N11 (RFC 4787 REQ-9): from X1 to the external endpoint of X2. With an external source X2 sees that of X1, and its answer comes the same way
/// back; the filter holds here too.
#[test]
fn n11_hairpins() {
    let (x1, x2, y) = (socket(H1, 4000), socket(H2, 5000), socket(S1, 53));
    let script =
        [(H1, 1, udp(x1, y)), (H2, 2, udp(x2, y)), (H1, 10, udp(x1, outside(5000))), (H2, 20, udp(x2, outside(4000)))];
    let open = NatConfig { filtering: Some(Ei), ..config() };
    let ran = run(&open, &script);
    assert_eq!(ran.ends(H2), [(12, outside(4000), x2)]);
    assert_eq!(ran.ends(H1), [(22, outside(5000), x1)]);
    let ran = run(&NatConfig { hairpinning: Some(Hairpinning::InternalSource), ..open.clone() }, &script);
    assert_eq!((ran.ends(H2), ran.ends(H1)), (vec![(12, x1, x2)], vec![(22, x2, x1)]));
    let ran = run(&NatConfig { hairpinning: Some(Hairpinning::None), ..open.clone() }, &script);
    assert_eq!((ran.ends(H2), ran.ends(H1), ran.dropped()), (vec![], vec![], [0, 2, 0, 0]));
    // X2 has not sent to X1 when the first comes; it has when the answer is due.
    let ran = run(&NatConfig { filtering: Some(Apd), ..open.clone() }, &script);
    assert_eq!((ran.ends(H2), ran.ends(H1), ran.dropped()), (vec![], vec![(22, outside(5000), x1)], [0, 1, 0, 0]));
    // An error about the hairpinned datagram finds its way back, with what its reader has sent.
    let error = udp(outside(4000), x2).icmp_error(ErrorCause::PortUnreachable, x2.ip()).unwrap();
    let ran = run(&open, &[script[0].clone(), script[1].clone(), script[2].clone(), (H2, 20, error)]);
    let (_, told) = ran.got(H1).pop().unwrap();
    assert_eq!(
        (told.src(), told.dst(), told.payload.to_bytes()),
        (outer(), x1.ip(), udp(x1, outside(5000)).encode().into())
    );
}

/// N12: two ports, three sockets, each to the same server: the third has no mapping, and is told that it is prohibited (RFC 5508
/// REQ-8); or is not told. Nothing of it is seen outside.
#[test]
fn n12_ports_run_out() {
    let y = socket(S1, 53);
    let script = [(H1, 1, udp(socket(H1, 1), y)), (H2, 2, udp(socket(H2, 1), y)), (H1, 3, udp(socket(H1, 3), y))];
    for told in [true, false] {
        let config =
            NatConfig { port_range: Some((5000, 5001)), icmp_prohibited: Some(told).filter(|told| !told), ..config() };
        let ran = run(&config, &script);
        assert_eq!((ran.got(S1).len(), ran.dropped()), (2, [0, 0, 1, 0]));
        let answers: Vec<Transport> = ran.got(H1).into_iter().map(|(_, packet)| packet.transport).collect();
        let prohibited = Transport::Icmp(IcmpMessage::DestinationUnreachable(Unreachable::CommunicationProhibited));
        assert_eq!(answers, if told { vec![prohibited] } else { vec![] });
    }
}

/// N16: a NAT with drawn ports is without power from 2 to 3 s. What the server sends to the old port is lost; the host's next datagram comes from
/// another one, and the answer to that comes in.
#[test]
fn n16_a_nat_that_reboots_forgets() {
    let mut net = home();
    net.nat(NAT, NatConfig { ports: Some(PortAssignment::Random), ..config() }.policy(), 2, &[]);
    let second = 1_000_000_000;
    net.power(at(2 * second), NAT, false);
    net.power(at(3 * second), NAT, true);
    let y = net.socket(S1, 53);
    let host = Probe::new(4000)
        .then(second, Do::Send(y, Rope::from(vec![1])))
        .then(5 * second, Do::Send(y, Rope::from(vec![2])));
    let server = Probe::new(53).serving(Operation { name: "serve", bytes: 0 });
    let (at_host, at_server) = (host.log(), server.log());
    net.app(H1, "host", host);
    net.app(S1, "server", server);
    let mut world = net.build(1);
    world.run(Until::Time(at(4 * second)));
    let shown = |index: usize| match &events(&at_server)[index].1 {
        Event::Datagram(from, _) => *from,
        other => panic!("{other:?}"),
    };
    assert_eq!(world.node(NAT).nat_counts().unwrap().now, 0);
    world.run_until_quiet();
    assert_eq!((shown(0).ip(), shown(1).ip()), (outer(), outer()));
    assert_ne!(shown(0).port(), shown(1).port());
    assert_eq!(events(&at_host).len(), 2, "both were answered");
    assert_eq!(world.node(NAT).nat_counts().unwrap().made, 2);
    // The same, and the server sends to the old port between.
    let (x, y) = (socket(H1, 4000), socket(S1, 53));
    let mut net = home();
    net.nat(NAT, config().policy(), 2, &[]);
    net.power(at(2 * second), NAT, false);
    net.power(at(3 * second), NAT, true);
    let ran = run_in(net, &[(H1, 1_000, udp(x, y)), (S1, 4_000, udp(y, outside(4000))), (H1, 5_000, udp(x, y))]);
    assert_eq!((ran.got(H1).len(), ran.got(S1).len(), ran.dropped()), (0, 2, [1, 0, 0, 0]));
}

/// Without UDP, and with port 443 alone.
#[test]
fn what_is_blocked_does_not_leave() {
    let (x, to) = (socket(H1, 4000), |port| socket(S1, port));
    let script = [
        (H1, 1, udp(x, to(443))),
        (H1, 2, tcp(x, to(443), TcpFlags::SYN)),
        (H1, 3, tcp(x, to(80), TcpFlags::SYN)),
        (H1, 4, udp(x, to(53))),
    ];
    for (blocks, left) in [
        (Blocks { udp: Some(true), all_but_ports: None }, 2),
        (Blocks { udp: None, all_but_ports: Some(vec![443]) }, 2),
        (Blocks { udp: Some(true), all_but_ports: Some(vec![443]) }, 1),
    ] {
        let ran = run(&NatConfig { blocks: Some(blocks.clone()), ..config() }, &script);
        assert_eq!((ran.got(S1).len(), ran.got(H1).len()), (left, 4 - left), "{blocks:?}");
        assert_eq!(ran.dropped(), [0, 0, 0, 4 - left as u64]);
    }
}

/// A ping goes out and its answer comes in, by an identifier of the NAT's; a ping from outside is answered by the NAT itself, and one to an inner
/// address that somebody outside happens to know goes nowhere.
#[test]
fn pings() {
    let (x, y) = (socket(H1, 0).ip(), socket(S1, 0).ip());
    let echo = |from, to, is_reply, identifier| {
        Packet::echo(from, to, Echo { is_reply, identifier, sequence: 9 }, Rope::from(vec![4; 8])).unwrap()
    };
    let script = [
        (H1, 1, echo(x, y, false, 70)),
        (H2, 2, echo(socket(H2, 0).ip(), y, false, 70)),
        (S1, 10, echo(y, outer(), true, 71)),
        (S1, 20, echo(y, outer(), false, 70)),
        (S1, 30, echo(y, x, false, 70)),
        (S2, 40, echo(socket(S2, 0).ip(), outer(), true, 70)),
    ];
    let ran = run(&config(), &script);
    let at_server: Vec<u16> = ran.got(S1).iter().map(|(_, packet)| packet.as_echo().unwrap().identifier).collect();
    assert_eq!(at_server, [70, 71, 70], "two hosts, and the NAT's answer");
    assert!(ran.got(H1).is_empty());
    assert_eq!(ran.got(H2)[0].1.as_echo().unwrap().identifier, 70);
    assert_eq!(ran.dropped(), [1, 1, 0, 0]);
}

/// A datagram that is larger than an inner link takes, and must not be cut: its sender is told, and sees what it has sent, not what became of it.
#[test]
fn what_is_too_big_is_refused_as_it_was_sent() {
    let (x, y) = (socket(H1, 4000), socket(S1, 53));
    let mut net = Net::new(1);
    for (name, forwards) in [("h1", false), ("h2", false), ("nat", true), ("r", true), ("s1", false), ("s2", false)] {
        net.node(name, forwards);
    }
    for (index, (first, second)) in [(H1, NAT), (H2, NAT), (NAT, R), (R, S1), (R, S2)].into_iter().enumerate() {
        let mtu = (index == 0).then(|| ron::from_str("\"1000 B\"").unwrap());
        net.link(&format!("l{index}"), first, second, LinkConfig { mtu, ..link("", "1 ms") });
    }
    net.nat(NAT, config().policy(), 2, &[]);
    let big = Packet::udp(y, outside(4000), Rope::fill(1, 0, 1100)).unwrap();
    assert!(matches!(&big.ip, IpHeader::V4(header) if header.dont_fragment));
    let ran = run_in(net, &[(H1, 1, udp(x, y)), (S1, 10, big.clone())]);
    let (_, told) = ran.got(S1).pop().unwrap();
    assert_eq!(told.transport, Transport::Icmp(IcmpMessage::FragmentationNeeded { next_hop_mtu: 1000 }));
    let quoted = told.quoted().unwrap().unwrap();
    assert_eq!((told.src(), quoted.ip.dst(), quoted.ports), (outer(), outer(), Some((53, 4000))));
}

/// Datagrams of 4000 B over links of 1500 B: cut by their source, put together at the NAT, translated and cut again, both ways.
#[test]
fn fragments_are_translated_whole() {
    let mut net = home();
    net.nat(NAT, NatConfig { ports: Some(PortAssignment::Random), ..config() }.policy(), 2, &[]);
    let payload = Rope::fill(5, 0, 4000);
    let host = Probe::new(4000).then(0, Do::Send(net.socket(S1, 53), payload.clone()));
    let server = Probe::new(53).serving(Operation { name: "serve", bytes: 0 });
    let log = host.log();
    let y = net.socket(S1, 53);
    net.app(H1, "host", host);
    net.app(S1, "server", server);
    let mut world = net.build(1);
    world.run_until_quiet();
    let got: Vec<Event> = events(&log).into_iter().map(|(_, event)| event).collect();
    assert_eq!(got, [Event::Datagram(y, payload)]);
    // Three fragments each way, joined here.
    assert_eq!(world.node(NAT).counts().fragments_joined, 4);
}

/// A firewall over IPv6: what answers comes in, with addresses as they are; what nobody asked for does not, and of a SYN its sender is told
/// after 6 s that it is prohibited (RFC 6092 REC-33).
#[test]
fn a_firewall_filters_ipv6() {
    let net = home();
    let v6 = |node, port| SocketAddr::new(net.address_v6(node), port);
    let (x, y, z) = (v6(H1, 4000), v6(S1, 53), v6(S2, 53));
    let script = [
        (S1, 1, udp(y, x)),
        (H1, 10, udp(x, y)),
        (S1, 20, udp(y, x)),
        (S2, 30, udp(z, x)),
        (S2, 1_000, tcp(z, x, TcpFlags::SYN)),
    ];
    let ran = run_behind_wall(&FirewallConfig::to("l2"), &script);
    assert_eq!(ran.ends(S1), [(13, x, y)]);
    assert_eq!(ran.ends(H1), [(23, y, x)]);
    assert_eq!(ran.dropped(), [2, 1, 0, 0], "the first and the SYN meet nothing");
    let [(7_004, told)] = &ran.got(S2)[..] else { panic!("{:?}", ran.got(S2)) };
    assert_eq!(told.transport, Transport::Icmpv6(Icmpv6Message::DestinationUnreachable(Icmpv6Unreachable::Prohibited)));
    // Filters of the other kinds.
    for (filtering, passes) in [(Ad, 1), (Ei, 2)] {
        let wall = FirewallConfig { filtering: Some(filtering), ..FirewallConfig::to("l2") };
        let other = SocketAddr::new(y.ip(), 99);
        let ran = run_behind_wall(&wall, &[(H1, 10, udp(x, y)), (S1, 20, udp(other, x)), (S2, 30, udp(z, x))]);
        assert_eq!(ran.got(H1).len(), passes, "{filtering:?}");
    }
}

fn dependence() -> impl Strategy<Value = Dependence> {
    prop_oneof![Just(Ei), Just(Ad), Just(Apd)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    /// Hosts and servers send at random. Outside, no inner address is ever seen. What comes in passes exactly if a list of all that left says so:
    /// something left from that external endpoint in the last 20 s, and, as the filter asks, to anybody, to that address, or to that address and
    /// port. All packets are accounted for.
    #[test]
    fn nothing_passes_that_the_definitions_do_not_let_in(
        outwards in prop::collection::vec((0_u64..600, 0_usize..2, 0_u16..2, 0_usize..2, 0_u16..2), 0..40),
        inwards in prop::collection::vec((0_u64..600, 0_usize..2, 0_u16..2, 0_u16..6), 0..60),
        mapping in dependence(),
        filtering in dependence(),
        outage in prop::option::of(100_u64..500),
    ) {
        let tick = 100_000_000;
        let mut net = home();
        let config = NatConfig { mapping: Some(mapping), filtering: Some(filtering), timers: seconds(20), ..config() };
        net.nat(NAT, config.policy(), 2, &[]);
        if let Some(off) = outage {
            net.power(at(off * tick + 50_000_000), NAT, false);
            net.power(at((off + 20) * tick + 50_000_000), NAT, true);
        }
        let servers = [S1, S2].map(|node| [net.socket(node, 50), net.socket(node, 51)]);
        for (index, node) in [H1, H2].into_iter().enumerate() {
            for port in 0..2_u16 {
                let mut probe = Probe::new(4000 + port);
                for (when, _, _, to, to_port) in outwards.iter().filter(|sent| (sent.1, sent.2) == (index, port)) {
                    probe = probe.then(when * tick, Do::Send(servers[*to][usize::from(*to_port)], Rope::from(vec![1])));
                }
                net.app(node, &format!("p{port}"), probe);
            }
        }
        for (index, node) in [S1, S2].into_iter().enumerate() {
            for port in 0..2_u16 {
                let mut probe = Probe::new(50 + port);
                for (when, _, _, to) in inwards.iter().filter(|sent| (sent.1, sent.2) == (index, port)) {
                    probe = probe.then(when * tick, Do::Send(outside(4000 + to), Rope::from(vec![2])));
                }
                net.app(node, &format!("p{port}"), probe);
            }
        }
        let mut world = net.build(1);
        world.run_until_quiet();
        let reports = world.take_reports();
        let left = World::seen(&reports, world.wire(2, true), LinkEnd::Sender);
        prop_assert!(left.iter().all(|seen| seen.packet.src() == outer()), "an inner address outside");
        let restart = outage.map(|off| at((off + 20) * tick + 50_000_000));
        for seen in World::seen(&reports, world.wire(2, false), LinkEnd::Receiver) {
            if matches!(seen.packet.transport, Transport::Icmp(_)) || seen.fate == Fate::Dropped(DropCause::NodeDown) {
                continue;
            }
            let (from, to) = (seen.packet.source_socket().unwrap(), seen.packet.destination_socket().unwrap());
            let since = |then: SimTime| {
                let is_lost = restart.is_some_and(|restart| then < restart && restart <= seen.at);
                then < seen.at && seen.at < then + Span::from_secs(20) && !is_lost
            };
            let before: Vec<_> = left.iter().filter(|out| since(out.at) && out.packet.source_socket() == Some(to)).collect();
            let is_known = |out: &SocketAddr| match filtering {
                Ei => true,
                Ad => out.ip() == from.ip(),
                Apd => *out == from,
            };
            let passes = before.iter().any(|out| is_known(&out.packet.destination_socket().unwrap()));
            let cause = if before.is_empty() { DropCause::NoMapping } else { DropCause::Filtered };
            let expected = if passes { Fate::Passed } else { Fate::Dropped(cause) };
            prop_assert_eq!(seen.fate, expected, "{} to {} at {}", from, to, seen.at);
        }
    }
}
