//! Packets larger than an MTU in networks: fragments, path MTU discovery, black holes, and the limit on ICMP errors.

use crate::link::LinkConfig;
use crate::name::NodeName;
use crate::node::{DropCause, IpConfig, LinkEnd};
use crate::packet::{IcmpMessage, Icmpv6Message, Packet, TimeExceeded, Transport};
use crate::rope::Rope;
use crate::tcp::app::{TcpSink, TcpSinkConfig, TcpSource, TcpSourceConfig};
use crate::tcp::{Profile, TcpConfig};
use crate::testing::{Do, Event, Net, Probe, World, at, events, link};
use protosim_core::{Size, Span};
use std::net::{IpAddr, SocketAddr};

const SECOND: u64 = 1_000_000_000;

/// A link of 10 Mbit/s and 1 ms with this MTU.
fn of_mtu(mtu: u64) -> LinkConfig {
    LinkConfig { mtu: Some(ron::from_str(&format!("\"{mtu} B\"")).unwrap()), ..link("10 Mbit/s", "1 ms") }
}

/// A chain of links with these MTUs, with a listener on port 9 of its last node, and the address of that.
fn chain(mtus: &[u64], v6: bool) -> (Net, SocketAddr) {
    let mut net = Net::chain(&mtus.iter().map(|mtu| of_mtu(*mtu)).collect::<Vec<_>>());
    let last = mtus.len();
    net.app(last, "probe", Probe::new(9));
    let to = if v6 { net.address_v6(last) } else { net.address(last) };
    (net, SocketAddr::new(to, 9))
}

/// Bytes of UDP payload that make a packet of `len` bytes.
fn payload(len: u64, v6: bool) -> u64 {
    len - if v6 { 48 } else { 28 }
}

fn delivered(world: &World, node: usize) -> u64 {
    world.total(node, "probe", "datagrams")
}

fn made(world: &World, node: usize) -> u64 {
    world.node(node).counts().fragments_made
}

/// Lengths of the packets that arrived over a link.
fn lengths(world: &mut World, link: usize, is_forward: bool) -> Vec<u64> {
    let wire = world.wire(link, is_forward);
    let reports = world.take_reports();
    World::seen(&reports, wire, LinkEnd::Receiver).iter().map(|seen| seen.packet.wire_len()).collect()
}

/// Checks C8 and C9 over 10 Mbit/s: 1500 + 1500 + 1068 bytes take 3.2544 ms, 1496 + 1496 + 1160 bytes 3.3216 ms; 1 ms on the way. The
/// payload is one run of virtual bytes again.
#[test]
fn a_large_datagram_arrives_whole_with_its_last_fragment() {
    for (v6, arrives) in [(false, 4_254_400), (true, 4_321_600)] {
        let mut net = Net::chain(&[of_mtu(1500)]);
        let to = SocketAddr::new(if v6 { net.address_v6(1) } else { net.address(1) }, 9);
        let sink = Probe::new(9);
        let log = sink.log();
        net.app(0, "probe", Probe::new(5000).burst(0, to, 4000, 1));
        net.app(1, "probe", sink);
        let from = SocketAddr::new(if v6 { net.address_v6(0) } else { net.address(0) }, 5000);
        let mut world = net.build(1);
        world.run_until_quiet();
        assert_eq!(events(&log), [(arrives, Event::Datagram(from, Rope::fill(0, 0, 4000)))]);
        assert_eq!((made(&world, 0), world.node(1).counts().fragments_joined), (2, 2));
    }
}

/// Echoes are cut like anything else, there and back.
#[test]
fn a_large_echo_comes_back() {
    for v6 in [false, true] {
        let (mut net, to) = chain(&[1500, 1500], v6);
        let probe = Probe::new(5000).then(0, Do::Echo(to.ip(), 1, Rope::fill(3, 0, 20_000)));
        let log = probe.log();
        net.app(0, "probe", probe);
        net.build(1).run_until_quiet();
        assert!(matches!(&events(&log)[..], [(_, Event::EchoReply(_, 1, data))] if *data == Rope::fill(3, 0, 20_000)));
    }
}

/// Without path MTU discovery a router cuts IPv4 packets: 1480 bytes over 576 are 552, 552 and 376. 1500 bytes take 1.2 ms on the first link,
/// 572 + 572 + 396 bytes 1.232 ms on the second; 1 ms on each. The IPv6 source sends 1280 bytes at most, and no router cuts.
#[test]
fn routers_cut_ipv4_and_sources_keep_to_1280_over_ipv6() {
    let (mut net, to) = chain(&[1500, 576], false);
    net.ip(0).path_mtu_discovery = Some(false);
    net.app(0, "probe", Probe::new(5000).burst(0, to, payload(1500, false), 1));
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!((delivered(&world, 2), made(&world, 0), made(&world, 1)), (1, 0, 2));
    assert_eq!(world.node(1).counts().forwarded, 1);
    let wire = world.wire(1, true);
    let seen = World::seen(&world.take_reports(), wire, LinkEnd::Receiver);
    assert_eq!(seen.iter().map(|seen| seen.packet.wire_len()).collect::<Vec<_>>(), [572, 572, 396]);
    assert_eq!(seen[2].at, at(1_200_000 + 1_000_000 + 1_232_000 + 1_000_000));
    assert!(seen.iter().all(|seen| seen.packet.ttl() == 63));

    let (mut net, to) = chain(&[1500, 1500], true);
    net.ip(0).path_mtu_discovery = Some(false);
    net.app(0, "probe", Probe::new(5000).burst(0, to, payload(1500, true), 1));
    let mut world = net.build(1);
    world.run_until_quiet();
    // 1460 bytes of UDP: 1232 and 228.
    assert_eq!((delivered(&world, 2), lengths(&mut world, 1, true)), (1, vec![1280, 276]));
}

/// 2920 bytes of TCP over a link of 576 in the middle, which neither end knows of; the segments that uIP sends are of 1460 bytes. Without
/// path MTU discovery their packets of 1500 bytes may be cut: 1480 are 552, 552 and 376, two fragments more for each of the two. With it,
/// the first one is dropped, and all others are small.
#[test]
fn tcp_without_path_mtu_discovery_lets_routers_cut() {
    for (discovers, made, dropped) in [(None, 4, 0), (Some(true), 0, 1)] {
        let tcp = TcpConfig { profile: Profile::Uip, path_mtu_discovery: discovers, ..TcpConfig::default() };
        let mut net = Net::chain(&[of_mtu(1500), of_mtu(576), of_mtu(1500)]);
        let to = net.socket(3, 5001);
        let bytes = Some(Size::from_bytes(2920));
        let config = TcpSourceConfig { bytes, tcp, ..TcpSourceConfig::new(NodeName("n003".to_owned()), 5001) };
        net.app(0, "source", TcpSource::new(config, to));
        net.app(3, "sink", TcpSink::new(TcpSinkConfig::new(5001)));
        let mut world = net.build(1);
        world.run_until_quiet();
        assert_eq!(self::made(&world, 1), made, "{discovers:?}");
        assert_eq!(world.node(1).dropped(DropCause::TooBig), dropped, "{discovers:?}");
        assert_eq!((world.total(3, "sink", "payload_bytes"), world.total(3, "sink", "corrupted_bytes")), (2920, 0));
    }
}

/// RFC 8201 §4: over IPv6, where no router cuts, TCP without path MTU discovery sends packets of 1280 bytes at most: 20,000 bytes arrive over
/// a link of 1280 in the middle, and none is too large for it.
#[test]
fn tcp_without_path_mtu_discovery_keeps_to_1280_over_ipv6() {
    let tcp = TcpConfig { path_mtu_discovery: Some(false), ..TcpConfig::default() };
    let mut net = Net::chain(&[of_mtu(1500), of_mtu(1280), of_mtu(1500)]);
    let to = SocketAddr::new(net.address_v6(3), 5001);
    let bytes = Some(Size::from_bytes(20_000));
    let config = TcpSourceConfig { bytes, tcp, ..TcpSourceConfig::new(NodeName("n003".to_owned()), 5001) };
    net.app(0, "source", TcpSource::new(config, to));
    net.app(3, "sink", TcpSink::new(TcpSinkConfig::new(5001)));
    let mut world = net.build(1);
    world.listen(protosim_core::kernel::Interests::PACKETS);
    world.run_until_quiet();
    assert_eq!((world.total(3, "sink", "payload_bytes"), world.dropped(DropCause::TooBig)), (20_000, 0));
    assert_eq!(lengths(&mut world, 1, true).into_iter().max(), Some(1280));
}

/// RFC 8201 over 1500, 1400, 1300 and 1280: each of the first three datagrams of 1500 bytes costs one step, the fourth arrives. From the second on
/// they are cut at the source, and of those that were lost a second part arrives and waits in vain: 1460 bytes are 1352 and 108, then 1248
/// (1296 on the wire) and 212.
#[test]
fn ipv6_path_mtu_discovery_takes_one_datagram_for_each_narrower_link() {
    let (mut net, to) = chain(&[1500, 1400, 1300, 1280], true);
    let len = payload(1500, true);
    let probe = (0..6).fold(Probe::new(5000), |probe, i| probe.burst(i * SECOND, to, len, 1));
    let log = probe.log();
    net.app(0, "probe", probe);
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!((delivered(&world, 4), world.dropped(DropCause::TooBig)), (3, 3));
    assert_eq!([1, 2, 3].map(|node| world.node(node).dropped(DropCause::TooBig)), [1, 1, 1]);
    assert_eq!(world.dropped(DropCause::Reassembly), 2);
    assert_eq!(events(&log).iter().map(|(at, _)| at / SECOND).collect::<Vec<_>>(), [0, 1, 2]);
    // Nothing is said of the two parts that waited: the start of their packets was not there.
    assert_eq!(world.node(4).counts().originated, 0);
    let arrived = lengths(&mut world, 3, true);
    assert_eq!(arrived, [156, 260, 1280, 276, 1280, 276, 1280, 276]);
}

/// RFC 1191 over 1500, 1400, 1300 and 1200. A datagram that fits the path MTU as known must not be cut, so one of each length is lost; one that does not is
/// cut at its source, and once the path MTU is known no router cuts it again.
#[test]
fn ipv4_path_mtu_discovery_by_datagrams_that_fit() {
    let (mut net, to) = chain(&[1500, 1400, 1300, 1200], false);
    let sizes = [1500, 1400, 1300, 1200, 1500];
    let probe = sizes
        .into_iter()
        .enumerate()
        .fold(Probe::new(5000), |probe, (i, len)| probe.burst(i as u64 * SECOND, to, payload(len, false), 1));
    net.app(0, "probe", probe);
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!((delivered(&world, 4), world.dropped(DropCause::TooBig)), (2, 3));
    assert_eq!([0, 1, 2, 3].map(|node| made(&world, node)), [1, 0, 0, 0]);
    // 1480 bytes of UDP: 1176 (147 * 8; 1180 is none) and 304.
    assert_eq!(lengths(&mut world, 3, true), [1200, 1196, 324]);
}

/// What a user of Linux sees of a flow of 1500-byte datagrams over these links: the first is lost, the second is cut for 1400 bytes at home, without
/// "don't fragment", and further on the way: nobody learns more, and nothing more is lost.
#[test]
fn ipv4_datagrams_that_do_not_fit_are_cut_on_the_way_too() {
    let (mut net, to) = chain(&[1500, 1400, 1300, 1200], false);
    let len = payload(1500, false);
    net.app(0, "probe", (0..6).fold(Probe::new(5000), |probe, i| probe.burst(i * SECOND, to, len, 1)));
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!((delivered(&world, 4), world.dropped(DropCause::TooBig)), (5, 1));
    // 1480 bytes: 1376 and 104 at home; 1280 and 96 at router 2; 1176 and 104 of the 1280 at router 3.
    assert_eq!([0, 1, 2, 3].map(|node| made(&world, node)), [5, 0, 5, 5]);
    assert_eq!(lengths(&mut world, 3, true)[..4], [1196, 124, 116, 124]);
}

/// RFC 1191 §6.3: after ten minutes the first link's MTU is tried again, and the datagram of then is lost.
#[test]
fn a_path_mtu_is_forgotten_after_ten_minutes() {
    let (mut net, to) = chain(&[1500, 1400], false);
    let len = payload(1500, false);
    net.app(
        0,
        "probe",
        [0, 1, 599, 601, 602].into_iter().fold(Probe::new(5000), |probe, i| probe.burst(i * SECOND, to, len, 1)),
    );
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!((delivered(&world, 2), world.dropped(DropCause::TooBig), made(&world, 0)), (3, 2, 3));
}

/// A router that sends no ICMP errors: all that is large vanishes, for good, and all that is small passes.
#[test]
fn a_black_hole_swallows_large_packets_and_lets_small_ones_pass() {
    for v6 in [false, true] {
        let (mut net, to) = chain(&[1500, 1400, 1500], v6);
        net.ip(1).icmp_errors = Some(false);
        let probe = (0..10).fold(Probe::new(5000), |probe, i| {
            probe.burst(i * SECOND, to, payload(1500, v6), 1).burst(i * SECOND, to, payload(1400, v6), 2)
        });
        let log = probe.log();
        net.app(0, "probe", probe);
        let mut world = net.build(1);
        world.run_until_quiet();
        assert_eq!((delivered(&world, 3), world.node(1).dropped(DropCause::TooBig)), (20, 10));
        assert_eq!((events(&log), world.node(1).counts().originated), (vec![], 0));
    }
}

/// RFC 8201 §4: a link below 1280 bytes is a black hole to IPv6 hosts further away, which disregard errors that ask for less. The host at its end cuts for
/// it.
#[test]
fn ipv6_below_1280_works_only_from_the_link_itself() {
    let (mut net, to) = chain(&[1500, 600], true);
    net.app(0, "probe", (0..3).fold(Probe::new(5000), |probe, i| probe.burst(i * SECOND, to, 1000, 1)));
    let back = SocketAddr::new(net.address_v6(0), 5000);
    net.app(2, "back", Probe::new(6000).burst(0, back, 1000, 2));
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!((delivered(&world, 2), delivered(&world, 0), world.dropped(DropCause::TooBig)), (0, 2, 3));
}

/// RFC 792, RFC 8200 §4.5: if its start was there, a packet that did not become whole is reported after 60 s, by a message that quotes the start; without
/// the start it is not.
#[test]
fn a_packet_that_does_not_become_whole_is_reported_if_its_start_was_there() {
    for v6 in [false, true] {
        for kept in [0, 2] {
            let mut net = Net::chain(&[link("", "1 ms")]);
            let address = |node| if v6 { net.address_v6(node) } else { net.address(node) };
            let (from, to) = (SocketAddr::new(address(0), 5000), SocketAddr::new(address(1), 9));
            let mut packet = Packet::udp(from, to, Rope::fill(0, 0, 4000)).unwrap();
            super::super::fragment::set_fragment(
                &mut packet.ip,
                crate::packet::Fragment { offset: 0, more: false, identification: 1 },
            );
            let parts = super::super::fragment::cut(&packet, 1500).unwrap();
            net.inject(0, parts[kept].clone());
            let own = net.socket(0, 5000);
            let probe = Probe::new(5000).burst(0, own, 1, 1);
            let log = probe.log();
            net.app(0, "probe", probe);
            net.app(1, "probe", Probe::new(9));
            let mut world = net.build(1);
            world.run_until_quiet();
            assert_eq!((delivered(&world, 1), world.node(1).dropped(DropCause::Reassembly)), (0, 1));
            let wire = world.wire(0, false);
            let seen = World::seen(&world.take_reports(), wire, LinkEnd::Receiver);
            let reported =
                events(&log).into_iter().filter(|(_, event)| *event == Event::Unreachable(to)).collect::<Vec<_>>();
            if kept > 0 {
                assert_eq!((seen, reported), (vec![], vec![]));
                continue;
            }
            // 1 ms there, 60 s, 1 ms back.
            let when = 1_000_000 + 60 * SECOND + 1_000_000;
            assert_eq!((seen.len(), reported), (1, vec![(when, Event::Unreachable(to))]));
            match seen[0].packet.transport.clone() {
                Transport::Icmp(message) => assert_eq!(message, IcmpMessage::TimeExceeded(TimeExceeded::Reassembly)),
                Transport::Icmpv6(message) => {
                    assert_eq!(message, Icmpv6Message::TimeExceeded(TimeExceeded::Reassembly))
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// A node that loses power forgets its fragments, and what it knew of paths.
#[test]
fn a_crash_takes_fragments_with_it() {
    let lossy = crate::link::LinkConfig { queue: crate::testing::drop_tail("0 packets"), ..of_mtu(1500) };
    let mut net = Net::chain(&[lossy]);
    let to = net.socket(1, 9);
    // One fragment is in service, and the queue takes no other.
    net.app(0, "probe", Probe::new(5000).burst(0, to, 4000, 1));
    net.app(1, "probe", Probe::new(9));
    net.power(at(10 * SECOND), 1, false);
    net.power(at(20 * SECOND), 1, true);
    let mut world = net.build(1);
    world.run(protosim_core::Until::Time(at(9 * SECOND)));
    assert_eq!((world.node(1).memory().used(), crate::node::audit(&world.sim).in_flight), (1500, 1));
    world.run_until_quiet();
    assert_eq!((world.node(1).memory().used(), world.node(1).dropped(DropCause::NodeDown)), (0, 1));
    assert_eq!(world.dropped(DropCause::QueueFull), 2);
}

/// A whole path of fragments costs memory of the device, which an application then lacks.
#[test]
fn fragments_take_the_memory_of_the_device() {
    let (mut net, to) = chain(&[1500], false);
    net.device(1).memory = Some(Size::from_bytes(2000));
    net.app(0, "probe", Probe::new(5000).burst(0, to, 2000, 1).burst(SECOND, to, 1000, 1));
    let mut world = net.build(1);
    world.run_until_quiet();
    // 2008 bytes of UDP are 1500 and 548 bytes on the wire: the second finds no room.
    assert_eq!(
        (delivered(&world, 1), world.node(1).dropped(DropCause::Reassembly), world.node(1).memory().peak()),
        (1, 2, 1500)
    );
}

/// 3 at once and 10 a second: of 9 datagrams to a closed port at 0 three are answered, of 9 at 0.25 s two (2.5 tokens have come), of 9 at 10 s three.
#[test]
fn icmp_errors_are_limited() {
    let mut net = Net::chain(&[link("", "1 ms")]);
    *net.ip(1) = IpConfig { icmp_errors_per_second: Some(10), icmp_error_burst: Some(3), ..IpConfig::default() };
    let to = net.socket(1, 9);
    let probe =
        [0, SECOND / 4, 10 * SECOND].into_iter().fold(Probe::new(5000), |probe, when| probe.burst(when, to, 10, 9));
    let log = probe.log();
    net.app(0, "probe", probe);
    let mut world = net.build(1);
    world.run_until_quiet();
    let when: Vec<u64> = events(&log).iter().map(|(at, _)| (at - 2_000_000) / 1_000_000).collect();
    assert_eq!(when, [0, 0, 0, 250, 250, 10_000, 10_000, 10_000]);
    assert_eq!(world.dropped(DropCause::NoListener), 27);
}

/// Linux's numbers: 50 at once.
#[test]
fn fifty_errors_at_once_are_the_default() {
    let mut net = Net::chain(&[link("", "1 ms")]);
    let to = net.socket(1, 9);
    net.app(0, "probe", Probe::new(5000).burst(0, to, 10, 80));
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!(world.node(1).counts().originated, 50);
}

/// An error that quotes a packet that was never ours changes nothing.
#[test]
fn errors_about_other_peoples_packets_are_not_believed() {
    let (mut net, to) = chain(&[1500, 1500], false);
    let stranger: IpAddr = "192.0.2.7".parse().unwrap();
    let quoted = Packet::udp(SocketAddr::new(stranger, 5000), to, Rope::fill(0, 0, 1472)).unwrap();
    let mut error = quoted.icmp_error(crate::packet::ErrorCause::TooBig { mtu: 600 }, net.address(1)).unwrap();
    let crate::packet::IpHeader::V4(header) = &mut error.ip else { panic!("IPv4") };
    let IpAddr::V4(own) = net.address(0) else { panic!("IPv4") };
    header.dst = own;
    net.inject(1, error);
    let peer = net.socket(1, 1);
    net.app(1, "probe", Probe::new(1).burst(0, peer, 1, 1));
    net.app(0, "probe", Probe::new(5000).burst(SECOND, to, payload(1500, false), 1));
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!((delivered(&world, 2), made(&world, 0)), (1, 0));
}

/// The fields that do something, and those that cannot.
#[test]
fn an_ip_layer_that_contradicts_itself_is_refused() {
    let check = |config: IpConfig| config.check().into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    assert_eq!(check(IpConfig::default()), [""; 0]);
    let silent = IpConfig { icmp_errors: Some(false), icmp_error_burst: Some(1), ..IpConfig::default() };
    let none = IpConfig { icmp_errors_per_second: Some(0), ..IpConfig::default() };
    let blind = IpConfig {
        path_mtu_discovery: Some(false),
        path_mtu_lifetime: Some(Span::from_secs(1)),
        ..IpConfig::default()
    };
    let hasty =
        IpConfig { reassembly_timeout: Some(Span::ZERO), path_mtu_lifetime: Some(Span::ZERO), ..IpConfig::default() };
    assert_eq!(
        [silent, none, blind].map(check),
        [vec!["icmp_error_burst"], vec!["icmp_errors_per_second"], vec!["path_mtu_lifetime"]]
    );
    assert_eq!(check(hasty), ["path_mtu_lifetime", "reassembly_timeout"]);
}
