//! Packets for groups, down trees that the tests lay out.

use crate::node::{DropCause, LinkEnd};
use crate::packet::{Fragment, IpHeader, Packet};
use crate::rope::Rope;
use crate::testing::{Do, Event, Net, Probe, World, events, link};
use std::net::{IpAddr, SocketAddr};

const GROUPS: [&str; 2] = ["239.192.0.1", "ff0e::8000:1"];

/// Router 1 between hosts 0 and 2 and router 3, which has hosts 4 and 5; the links have 1, 2, 4, 8 and 16 ms. Hosts 0, 2 and 4 are
/// members, host 0 sends.
fn tree(group: &str) -> Net {
    let mut net = Net::new(1);
    for (index, forwards) in [false, true, false, true, false, false].into_iter().enumerate() {
        net.node(&format!("n{index}"), forwards);
    }
    for (index, (a, b)) in [(0, 1), (1, 2), (1, 3), (3, 4), (3, 5)].into_iter().enumerate() {
        net.link(&format!("l{index}"), a, b, link("", &format!("{} ms", 1 << index)));
    }
    net.group(0, group, 0, None, &[0], true);
    net.group(1, group, 0, Some(0), &[1, 2], false);
    net.group(2, group, 0, Some(1), &[], true);
    net.group(3, group, 0, Some(2), &[3], false);
    net.group(4, group, 0, Some(3), &[], true);
    net
}

/// Each member once, at the sum of the delays: 0 ms at home (RFC 1112 §6.1), 1 + 2 ms, 1 + 4 + 8 ms; host 5, which is none, never, and not even its link
/// is used. Three copies are two more than one packet; router 1 makes one of them, the source the other.
#[test]
fn each_member_gets_one_copy_and_others_none() {
    for group in GROUPS {
        let mut net = tree(group);
        let to = SocketAddr::new(group.parse().unwrap(), 9);
        let from = SocketAddr::new(if to.is_ipv4() { net.address(0) } else { net.address_v6(0) }, 5000);
        net.app(0, "source", Probe::new(5000).burst(0, to, 100, 1));
        let logs = [0, 2, 4, 5].map(|node| {
            let sink = Probe::new(9);
            let log = sink.log();
            net.app(node, "probe", sink);
            log
        });
        let mut world = net.build(1);
        world.run_until_quiet();
        let got = |millis: u64| vec![(millis * 1_000_000, Event::Datagram(from, Rope::fill(0, 0, 100)))];
        assert_eq!(logs.map(|log| events(&log)), [got(0), got(3), got(13), vec![]]);
        assert_eq!([0, 1, 3].map(|node| world.node(node).counts().copied), [1, 1, 0]);
        let wire = world.wire(4, true);
        assert_eq!(World::seen(&world.take_reports(), wire, LinkEnd::Receiver), []);
    }
}

/// A time to live of n passes n - 1 routers, and no error tells of those that die (RFC 1122 §3.2.2): with 2 the copy for host 4 ends at router 3, with
/// 1 both at router 1.
#[test]
fn the_time_to_live_bounds_a_group() {
    for (ttl, members, died) in [(3, 3, 0), (2, 2, 1), (1, 1, 1)] {
        let mut net = tree(GROUPS[0]);
        let to: IpAddr = GROUPS[0].parse().unwrap();
        let mut packet = Packet::udp(net.socket(0, 5000), SocketAddr::new(to, 9), Rope::fill(0, 0, 100)).unwrap();
        packet.ip.set_ttl(ttl);
        net.inject(0, packet);
        let own = net.socket(0, 5000);
        net.app(0, "source", Probe::new(5000).burst(0, own, 1, 1));
        for node in [0, 2, 4] {
            net.app(node, "probe", Probe::new(9));
        }
        let mut world = net.build(1);
        world.run_until_quiet();
        let received: u64 = [0, 2, 4].map(|node| world.total(node, "probe", "datagrams")).iter().sum();
        assert_eq!((received, world.dropped(DropCause::HopLimit)), (members, died), "{ttl}");
        assert_eq!([1, 3].map(|node| world.node(node).counts().originated), [0, 0]);
    }
}

/// Nobody listens, nobody has a route, nobody answers an echo: no errors, no replies.
#[test]
fn nothing_is_answered_to_a_group() {
    let mut net = tree(GROUPS[0]);
    let group: IpAddr = GROUPS[0].parse().unwrap();
    let other: SocketAddr = "239.192.0.9:9".parse().unwrap();
    let probe = Probe::new(5000)
        .burst(0, SocketAddr::new(group, 77), 100, 1)
        .burst(0, other, 100, 1)
        .then(0, Do::Echo(group, 1, Rope::fill(0, 0, 10)));
    let log = probe.log();
    net.app(0, "source", probe);
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!(events(&log), []);
    assert_eq!([1, 2, 3, 4].map(|node| world.node(node).counts().originated), [0, 0, 0, 0]);
    assert_eq!((world.dropped(DropCause::NoListener), world.dropped(DropCause::NoRoute)), (3, 1));
}

/// The reverse-path check: what claims to be of host 0 but comes from host 5 goes nowhere.
#[test]
fn packets_from_the_wrong_side_are_dropped() {
    let mut net = tree(GROUPS[0]);
    let to: IpAddr = GROUPS[0].parse().unwrap();
    // Host 5 sends it as if it were the source's way out.
    net.group(5, GROUPS[0], 0, None, &[4], false);
    let forged = Packet::udp(net.socket(0, 5000), SocketAddr::new(to, 9), Rope::fill(0, 0, 100)).unwrap();
    net.inject(5, forged);
    let own = net.socket(5, 5000);
    net.app(5, "source", Probe::new(5000).burst(0, own, 1, 1));
    net.app(4, "probe", Probe::new(9));
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!((world.total(4, "probe", "datagrams"), world.node(3).dropped(DropCause::NotForUs)), (0, 1));
}

/// A datagram for a group is cut at its source, each part goes down the tree, and each member puts it together.
#[test]
fn large_datagrams_for_groups_are_cut_and_put_together() {
    for group in GROUPS {
        let mut net = tree(group);
        let to = SocketAddr::new(group.parse().unwrap(), 9);
        net.app(0, "source", Probe::new(5000).burst(0, to, 4000, 2));
        for node in [0, 2, 4] {
            net.app(node, "probe", Probe::new(9));
        }
        let mut world = net.build(1);
        world.run_until_quiet();
        assert_eq!([0, 2, 4].map(|node| world.total(node, "probe", "datagrams")), [2, 2, 2]);
        // At home it stays whole: three parts each, copied once at the source as a whole and at router 1 part by part.
        assert_eq!([0, 1].map(|node| world.node(node).counts().copied), [2, 6]);
    }
}

/// Over IPv4 routers tell nobody that a packet for a group is too big; over IPv6 they may (RFC 4443 §2.4(e.3)).
#[test]
fn only_ipv6_reports_a_packet_for_a_group_as_too_big() {
    for (group, errors) in [(GROUPS[0], 0), (GROUPS[1], 1)] {
        let mut net = Net::chain(&[
            link("", "1 ms"),
            crate::link::LinkConfig { mtu: Some(ron::from_str("\"1300 B\"").unwrap()), ..link("", "1 ms") },
        ]);
        net.group(0, group, 0, None, &[0], false);
        net.group(1, group, 0, Some(0), &[1], false);
        net.group(2, group, 0, Some(1), &[], true);
        let to = SocketAddr::new(group.parse().unwrap(), 9);
        net.app(0, "source", Probe::new(5000).burst(0, to, 1400, 1).burst(1_000_000_000, to, 1400, 1));
        net.app(2, "probe", Probe::new(9));
        let mut world = net.build(1);
        world.run_until_quiet();
        // The second one is cut at its source, where the first one's loss was told.
        assert_eq!((world.total(2, "probe", "datagrams"), world.node(1).counts().originated), (errors, errors));
    }
}

/// An atomic fragment (RFC 6946) for a host: it is delivered as it comes.
#[test]
fn an_atomic_fragment_is_delivered_at_once() {
    let mut net = Net::chain(&[link("", "1 ms")]);
    let (from, to) = (SocketAddr::new(net.address_v6(0), 5000), SocketAddr::new(net.address_v6(1), 9));
    let mut packet = Packet::udp(from, to, Rope::fill(0, 0, 100)).unwrap();
    let IpHeader::V6(_) = packet.ip else { panic!("IPv6") };
    crate::node::fragment::set_fragment(&mut packet.ip, Fragment { offset: 0, more: false, identification: 1 });
    // As bytes: the transport has not been read, as on a damaged packet.
    net.inject(0, Packet::decode_network(&packet.encode()).unwrap());
    net.inject(0, packet);
    let own = net.socket(0, 5000);
    net.app(0, "probe", Probe::new(5000).burst(0, own, 1, 1));
    net.app(1, "probe", Probe::new(9));
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!(world.total(1, "probe", "datagrams"), 2);
}
