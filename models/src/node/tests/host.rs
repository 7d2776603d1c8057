//! What applications see of their host: addresses, loopback, timers, clock, processor, memory.

use crate::app::{App, Host, SocketId};
use crate::device::Cost;
use crate::link::LinkConfig;
use crate::node::LinkEnd;
use crate::rope::Rope;
use crate::testing::{Do, Event, Net, Probe, World, events, link};
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
