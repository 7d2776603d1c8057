//! What applications see of their host: addresses, loopback, timers, clock, processor, memory.

use crate::app::{App, Host, SocketId};
use crate::device::Cost;
use crate::link::LinkConfig;
use crate::node::LinkEnd;
use crate::rope::Rope;
use crate::testing::{Do, Event, Net, Probe, World, events, link, to_v6};
use protosim_core::kernel::RunError;
use protosim_core::{CannotClone, LocalTime, Operation, Size, Span, Until};
use std::net::SocketAddr;

fn one_link() -> LinkConfig {
    link("", "1 ms")
}

/// Router 1 sends to node 2 over its second link, and yet from the address at its first; the answer finds
/// the way back.
#[test]
fn sockets_send_from_the_first_interface_whatever_way_the_packet_takes() {
    let mut net = Net::chain(&[one_link(), one_link()]);
    let to = net.socket(2, 9);
    let probe = Probe::new(5000).burst(0, to, 100, 1);
    let log = probe.log();
    net.app(1, "probe", probe);
    net.app(2, "server", Probe::new(9).serving(Operation { name: "serve", bytes: 0 }));
    let first = net.end(0, false);
    let mut world = net.build(1);
    world.run_until_quiet();
    let reports = world.take_reports();
    let seen = World::seen(&reports, world.wire(1, true), LinkEnd::Receiver);
    assert_eq!(seen[0].packet.source_socket(), Some(SocketAddr::new(first, 5000)));
    assert_eq!(events(&log), [(2_000_000, Event::Datagram(to, Rope::fill(0, 0, 100)))]);
}

#[test]
fn the_first_interface_goes_by_link_names_and_not_by_the_order_of_declaration() {
    let mut net = Net::new(1);
    let (a, b) = (net.node("a", false), net.node("b", false));
    net.link("z", a, b, one_link());
    net.link("c", a, b, one_link());
    let (to, expected) = (SocketAddr::new(net.end(0, false), 9), net.end(1, true));
    net.app(a, "probe", Probe::new(5000).burst(0, to, 100, 1));
    let sink = Probe::new(9);
    let log = sink.log();
    net.app(b, "probe", sink);
    net.build(1).run_until_quiet();
    let [(_, Event::Datagram(from, _))] = &events(&log)[..] else { panic!("one datagram: {log:?}") };
    assert_eq!(from.ip(), expected);
}

/// A host with two links, to the routers a and b, which are joined; behind a is a server. The shortest way to it is over a.
///
/// ```text
///  host -- l0 -- a -- l3 -- server
///    \           |
///     l1 ------ b      l2 is between a and b
/// ```
fn two_ways() -> (Net, usize, usize) {
    let mut net = Net::new(1);
    let [host, a, b, server] = ["host", "a", "b", "server"].map(|name| net.node(name, name.len() == 1));
    for (name, (first, second)) in [("l0", (host, a)), ("l1", (host, b)), ("l2", (a, b)), ("l3", (a, server))] {
        net.link(name, first, second, one_link());
    }
    (net, host, server)
}

/// Each link takes 1 ms. From the first address it is two links there and two back. From the second one it goes by b, three there; the
/// answer takes the shortest way, as the network has it. On the same port, each socket takes what is for its own address.
#[test]
fn what_is_bound_to_an_address_leaves_by_its_interface() {
    let (mut net, host, server) = two_ways();
    let to = net.socket(server, 9);
    let own = [0, 1].map(|link| SocketAddr::new(net.end(link, true), 5000));
    let logs = own.map(|own| {
        let probe = Probe::at(own).burst(0, to, 100, 1).then(0, Do::Addresses);
        let log = probe.log();
        net.app(host, &format!("probe{}", own.ip()), probe);
        log
    });
    let echo = Probe::new(9).serving(Operation { name: "echo", bytes: 0 });
    let seen = echo.log();
    net.app(server, "echo", echo);
    // Nobody has a socket for this port at the second address.
    net.app(server, "stray", Probe::new(10).burst(10_000_000, SocketAddr::new(own[1].ip(), 5001), 100, 1));
    let mut world = net.build(1);
    world.run_until_quiet();
    let payload = Rope::fill(0, 0, 100);
    let arrived = |at, from| (at, Event::Datagram(from, payload.clone()));
    assert_eq!(events(&seen), [arrived(2_000_000, own[0]), arrived(3_000_000, own[1])]);
    // Each interface has an address of each family.
    let all = own.map(|own| own.ip()).into_iter().flat_map(|ip| [ip, to_v6(ip)]).collect::<Vec<_>>();
    for (log, answered) in logs.iter().zip([4_000_000, 5_000_000]) {
        let addresses = Event::Addresses(all.clone());
        assert_eq!(events(log), [(0, addresses), arrived(answered, to)]);
    }
    assert_eq!(world.dropped(crate::node::DropCause::NoListener), 1);
}

/// What is for the host itself, or for the far end of the other link, is not sent round: the first stays, the second goes by b and a,
/// which has the address. A router sends by its usual route whatever it is bound to.
#[test]
fn what_is_bound_goes_round_only_where_a_router_is_behind_its_interface() {
    let (mut net, host, _) = two_ways();
    let own = SocketAddr::new(net.end(1, true), 5000);
    let of_a = SocketAddr::new(net.end(0, false), 9);
    let at_home = SocketAddr::new(net.end(0, true), 9);
    net.app(host, "probe", Probe::at(own).burst(0, of_a, 100, 1).burst(0, at_home, 100, 1));
    let logs = [("a", 1), ("host", host)].map(|(_, node)| {
        let sink = Probe::new(9);
        let log = sink.log();
        net.app(node, "sink", sink);
        log
    });
    // From a at the address that leads to b, to the host: by its own link, not over b.
    let (of_b, to_host) = (SocketAddr::new(net.end(2, true), 7), SocketAddr::new(net.end(0, true), 9));
    net.app(1, "router", Probe::at(of_b).burst(1_000_000, to_host, 50, 1));
    net.build(1).run_until_quiet();
    assert_eq!(events(&logs[0]), [(2_000_000, Event::Datagram(own, Rope::fill(0, 0, 100)))]);
    let sent = Rope::fill(0, 0, 50);
    assert_eq!(
        events(&logs[1]),
        [(0, Event::Datagram(own, Rope::fill(0, 0, 100))), (2_000_000, Event::Datagram(of_b, sent))]
    );
}

/// The second link goes down at 1 ms and comes up at 20 ms: meanwhile the host does not have its address, nothing can be sent from it, and
/// what comes for it by the first link finds nobody. A socket there cannot be opened.
#[test]
fn an_address_is_there_as_long_as_its_link_is_up() {
    let (mut net, host, server) = two_ways();
    let to = net.socket(server, 9);
    let [first, second] = [0, 1].map(|link| net.end(link, true));
    let own = SocketAddr::new(second, 5000);
    let probe = Probe::at(own)
        .burst(2_000_000, to, 100, 1)
        .then(2_000_000, Do::Addresses)
        .then(2_000_000, Do::Open(Some(second), 5001))
        .burst(21_000_000, to, 100, 1);
    let log = probe.log();
    net.app(host, "probe", probe);
    let sender = Probe::new(9).burst(3_000_000, own, 40, 1).burst(30_000_000, own, 41, 1);
    let sent = sender.log();
    net.app(server, "sender", sender);
    for (at, up) in [(1_000_000, false), (20_000_000, true)] {
        for is_forward in [true, false] {
            let change = crate::link::LinkChange { up: Some(up), ..Default::default() };
            net.change(crate::testing::at(at), 1, is_forward, change);
        }
    }
    net.build(1).run_until_quiet();
    let refused = |error: crate::HostError| (2_000_000, Event::Refused(error.to_string()));
    assert_eq!(
        events(&log),
        [
            refused(crate::HostError::NoSourceAddress(to.ip())),
            (2_000_000, Event::Addresses(vec![first, to_v6(first)])),
            refused(crate::HostError::NoSuchAddress(second)),
            (32_000_000, Event::Datagram(to, Rope::fill(0, 0, 41))),
        ]
    );
    let from_host = Event::Datagram(own, Rope::fill(0, 0, 100));
    assert_eq!(events(&sent), [(7_000_000, Event::Unreachable(own)), (24_000_000, from_host)]);
}

/// From 1 ms on the host has another address: the old one is nobody's, and the socket bound to it is of no use.
#[test]
fn a_socket_does_not_outlive_its_address() {
    let mut net = Net::chain(&[one_link()]);
    let (own, to) = (net.socket(0, 5000), net.socket(1, 9));
    let new: std::net::IpAddr = "10.9.9.9".parse().unwrap();
    // Its other family keeps its own.
    let net_v6 = net.address_v6(0);
    let probe = Probe::at(own)
        .burst(0, to, 100, 1)
        .burst(2_000_000, to, 100, 1)
        .then(2_000_000, Do::Addresses)
        .then(2_000_000, Do::Open(Some(new), 5000))
        .burst(3_000_000, to, 100, 1);
    let log = probe.log();
    net.app(0, "probe", probe);
    let sink = Probe::new(9).burst(5_000_000, own, 40, 1);
    let seen = sink.log();
    net.app(1, "sink", sink);
    net.readdress(crate::testing::at(1_000_000), 0, 0, "10.9.9.9");
    let mut world = net.build(1);
    world.run_until_quiet();
    let refused = Event::Refused(crate::HostError::NoSourceAddress(to.ip()).to_string());
    assert_eq!(events(&log), [(2_000_000, refused), (2_000_000, Event::Addresses(vec![new, net_v6]))]);
    let arrived = |at, ip| (at, Event::Datagram(SocketAddr::new(ip, 5000), Rope::fill(0, 0, 100)));
    assert_eq!(events(&seen), [arrived(1_000_000, own.ip()), arrived(4_000_000, new)]);
    assert_eq!(world.dropped(crate::node::DropCause::NotForUs), 1);
}

/// A closed socket sends nothing, a datagram to it is answered by ICMP, and its port is free for the next one.
#[test]
fn a_closed_socket_is_unreachable_and_its_port_free() {
    let mut net = Net::chain(&[one_link()]);
    let (own, to) = (net.socket(0, 5000), net.socket(1, 9));
    let probe = Probe::new(5000)
        .then(0, Do::Close)
        .burst(0, to, 100, 1)
        .then(0, Do::Close)
        .then(3_000_000, Do::Open(None, 5000));
    let log = probe.log();
    net.app(0, "probe", probe);
    let sender = Probe::new(9).burst(0, own, 40, 1).burst(4_000_000, own, 41, 1);
    let seen = sender.log();
    net.app(1, "sender", sender);
    net.build(1).run_until_quiet();
    let refused = (0, Event::Refused(crate::HostError::NoSuchSocket(SocketId(0)).to_string()));
    let arrived = (5_000_000, Event::Datagram(to, Rope::fill(0, 0, 41)));
    assert_eq!(events(&log), [refused.clone(), refused, arrived]);
    assert_eq!(events(&seen), [(2_000_000, Event::Unreachable(own))]);
}

/// A host reaches itself at any of its addresses, in the same instant and over no link: another application,
/// a closed port, and its own echo server.
#[test]
fn a_host_reaches_itself_in_no_time() {
    let mut net = Net::chain(&[one_link(), one_link()]);
    let (first, second) = (net.end(0, false), net.end(1, true));
    let probe = Probe::new(5000)
        .then(7, Do::Send(SocketAddr::new(second, 9), Rope::fill(0, 0, 100)))
        .then(7, Do::Send(SocketAddr::new(first, 10), Rope::fill(0, 0, 100)))
        .then(7, Do::Echo(first, 3, Rope::fill(0, 5, 100)));
    let sink = Probe::new(9);
    let (log, sink_log) = (probe.log(), sink.log());
    net.app(1, "probe", probe);
    net.app(1, "sink", sink);
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!(events(&sink_log), [(7, Event::Datagram(SocketAddr::new(first, 5000), Rope::fill(0, 0, 100)))]);
    let unreachable = Event::Unreachable(SocketAddr::new(first, 10));
    assert_eq!(events(&log), [(7, unreachable), (7, Event::EchoReply(first, 3, Rope::fill(0, 5, 100)))]);
    assert_eq!(world.sim.counts().deliveries, 0);
}

/// All inputs first, then one flush: two datagrams arrive at 1 ms, and the timer of that reading fires.
#[test]
fn a_flush_comes_once_after_all_inputs_of_an_instant() {
    let mut net = Net::chain(&[one_link()]);
    let to = net.socket(1, 9);
    net.app(0, "probe", Probe::new(5000).burst(0, to, 100, 2));
    let timers = Do::Timers(vec![(4, LocalTime::from_nanos(1_000_000))]);
    let sink = Probe::new(9).then(0, timers);
    let log = sink.log();
    net.app(1, "sink", sink);
    let from = net.socket(0, 5000);
    net.build(1).run_until_quiet();
    let datagram = |i: u64| (1_000_000, Event::Datagram(from, Rope::fill(0, 100 * i, 100)));
    let timer = (1_000_000, Event::Timer(4));
    let log = log.lock().unwrap().clone();
    assert_eq!(log, [(0, Event::Flush), datagram(0), datagram(1), timer, (1_000_000, Event::Flush)]);
}

/// Timers to the present and to the past run at once, in the order in which they were set, before the
/// flush of that instant. One that is set again moves, and one that is taken back does not run.
#[test]
fn timers_that_are_due_run_in_the_same_instant() {
    let time = LocalTime::from_nanos;
    let mut net = Net::chain(&[one_link()]);
    let probe = Probe::new(9)
        .then(1_000, Do::Timers(vec![(1, time(1_000)), (2, time(5)), (3, time(0)), (4, time(1_000))]))
        .then(1_000, Do::Timers(vec![(2, time(1_000)), (4, time(3_000)), (5, time(2_000)), (6, time(2_000))]))
        .then(1_000, Do::Cancel(3))
        .then(1_000, Do::Cancel(6))
        .then(1_500, Do::Timers(vec![(5, time(1_500)), (7, LocalTime::MAX)]));
    let log = probe.log();
    net.app(0, "probe", probe);
    net.build(1).run_until_quiet();
    let log: Vec<_> = log.lock().unwrap().iter().skip(1).cloned().collect();
    let timer = |at, token| (at, Event::Timer(token));
    let flush = |at| (at, Event::Flush);
    assert_eq!(
        log,
        [timer(1_000, 1), timer(1_000, 2), flush(1_000), timer(1_500, 5), flush(1_500), timer(3_000, 4), flush(3_000)]
    );
}

/// Sets a timer to the present, for ever, from 1 ms on.
#[derive(Debug)]
struct Restless;

impl App for Restless {
    fn on_start(&mut self, host: &mut dyn Host) {
        host.set_timer(0, LocalTime::from_nanos(1_000_000), "restless");
    }
    fn on_datagram(&mut self, _: SocketId, _: SocketAddr, _: Rope, _: &mut dyn Host) {}
    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        let now = host.now();
        host.set_timer(token, now, "restless");
    }
    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Err(CannotClone { endpoint: "Restless".to_owned(), reason: "it never comes to rest".to_owned() })
    }
}

#[test]
fn an_application_that_never_rests_is_stopped_and_its_node_named() {
    let mut net = Net::chain(&[one_link()]);
    net.limits.steps_per_instant = 1_000;
    net.app(1, "restless", Restless);
    let error = net.build(1).try_run(Until::Quiet).unwrap_err();
    assert!(matches!(error, RunError::Steps { limit: 1_000, .. }), "{error}");
    assert_eq!((error.busy().path.as_str(), error.busy().at.as_nanos()), ("n001", 1_000_000));
    assert!(error.to_string().contains("`n001`"), "{error}");
}

/// Each answers the other's answer, over loopback, within one instant.
#[test]
fn two_applications_that_answer_each_other_for_ever_are_stopped() {
    let mut net = Net::chain(&[one_link()]);
    net.limits.steps_per_instant = 1_000;
    let serve = Operation { name: "serve", bytes: 0 };
    let to = net.socket(0, 9);
    net.app(0, "a", Probe::new(5000).serving(serve).burst(3, to, 10, 1));
    net.app(0, "b", Probe::new(9).serving(serve));
    let error = net.build(1).try_run(Until::Quiet).unwrap_err();
    assert_eq!((error.busy().path.as_str(), error.busy().at.as_nanos()), ("n000", 3));
}

#[test]
fn a_snapshot_names_the_node_and_the_application_that_cannot_be_copied() {
    let mut net = Net::chain(&[one_link()]);
    net.app(1, "guest", Restless);
    let error = net.build(1).try_clone().unwrap_err();
    assert_eq!(error.to_string(), "n001: guest: Restless cannot be copied: it never comes to rest");
}

/// A clock that is 10 % fast reads 1.1 s after 1 s, one that is 10 % slow 0.9 s; one that starts at 5 s and keeps
/// time reads 6.5 s after 1.5 s. Packets show the true time: 1 ms later.
#[test]
fn timers_go_by_the_host_s_own_clock() {
    for (drift, offset, reading, expected) in [
        ("100000 ppm", "0 s", 1_100_000_000, 1_001_000_000),
        ("-100000 ppm", "0 s", 900_000_000, 1_001_000_000),
        ("0 ppm", "5 s", 6_500_000_000, 1_501_000_000),
    ] {
        let mut net = Net::chain(&[one_link()]);
        net.device(0).clock_drift = Some(drift.parse().unwrap());
        net.clock_offset(0, offset.parse().unwrap());
        let to = net.socket(1, 9);
        let timers = Do::Timers(vec![(1, LocalTime::from_nanos(reading))]);
        let start = offset.parse::<Span>().unwrap().as_nanos();
        let probe = Probe::new(5000).then(start, timers).burst(reading, to, 100, 1);
        let log = probe.log();
        net.app(0, "probe", probe);
        net.app(1, "probe", Probe::new(9));
        let mut world = net.build(1);
        world.run_until_quiet();
        assert_eq!(world.take_arrivals(0, true), [expected], "{drift} {offset}");
        assert_eq!(events(&log), [(reading, Event::Timer(1))]);
    }
}

fn costs(net: &mut Net, node: usize, name: &str, per_call: &str, per_byte: &str) {
    let cost = Cost { per_call: per_call.parse().unwrap(), per_byte: per_byte.parse().unwrap() };
    net.device(node).cpu.insert(name.to_owned(), cost);
}

/// 2 ms and 1 us a byte: 2.1 ms for 100 bytes. Three requests come at 1 ms: answers leave at 3.1, 5.2 and
/// 7.3 ms. The one that comes at 21 ms finds the processor idle: 23.1 ms. All 1 ms on the way back.
#[test]
fn answers_wait_for_the_processor_and_requests_queue_for_it() {
    let mut net = Net::chain(&[one_link()]);
    let to = net.socket(1, 9);
    net.app(0, "probe", Probe::new(5000).burst(0, to, 100, 3).burst(20_000_000, to, 100, 1));
    net.app(1, "server", Probe::new(9).serving(Operation { name: "serve", bytes: 100 }));
    costs(&mut net, 1, "serve", "2 ms", "1 us");
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!(world.take_arrivals(0, false), [4_100_000, 6_200_000, 8_300_000, 24_100_000]);
    assert_eq!(world.node(1).cpu().busy(), Span::from_micros(4 * 2_100));
}

/// The first answer is done at 1 ms, at the nanosecond at which the peer's datagram arrives and is answered at
/// no cost: it leaves second.
#[test]
fn what_the_processor_has_done_first_leaves_first() {
    let mut net = Net::chain(&[one_link()]);
    let (peer, own) = (net.socket(0, 5000), net.socket(1, 9));
    let probe = Probe::new(5000).burst(0, own, 100, 1);
    let log = probe.log();
    net.app(0, "probe", probe);
    let work = Operation { name: "work", bytes: 0 };
    let busy = Probe::new(9)
        .then(0, Do::Spend(work))
        .then(0, Do::Send(peer, Rope::fill(1, 0, 10)))
        .serving(Operation { name: "free", bytes: 0 });
    net.app(1, "busy", busy);
    costs(&mut net, 1, "work", "1 ms", "0 ms");
    net.build(1).run_until_quiet();
    let datagram = |payload| (2_000_000, Event::Datagram(own, payload));
    assert_eq!(events(&log), [datagram(Rope::fill(1, 0, 10)), datagram(Rope::fill(0, 0, 100))]);
}

#[test]
fn memory_is_refused_to_applications_when_it_is_used_up() {
    let mut net = Net::chain(&[one_link()]);
    net.device(0).memory = Some(Size::from_bytes(100));
    let probe = Probe::new(9).then(0, Do::Reserve(60)).then(1, Do::Reserve(41)).then(2, Do::Reserve(40));
    let log = probe.log();
    net.app(0, "probe", probe);
    let mut world = net.build(1);
    world.run_until_quiet();
    let refused = "out of memory: 41 bytes wanted, 40 bytes free".to_owned();
    assert_eq!(events(&log), [(1, Event::Refused(refused))]);
    assert_eq!(world.node(0).memory().used(), 100);
}

/// RFC 768 over RFC 791: 65 507 bytes of payload at most.
#[test]
fn a_datagram_that_udp_cannot_carry_is_refused() {
    let mut net = Net::chain(&[one_link()]);
    let to = net.socket(1, 9);
    let probe = Probe::new(5000).burst(0, to, 65_508, 1);
    let log = probe.log();
    net.app(0, "probe", probe);
    net.build(1).run_until_quiet();
    let refused = "a datagram of 65508 bytes is too large for UDP".to_owned();
    assert_eq!(events(&log), [(0, Event::Refused(refused))]);
}
