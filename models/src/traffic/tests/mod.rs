//! Sources and sinks: exact times, and what a sink makes of what is missing.

mod patterns;
mod requests;

use super::*;
use crate::link::{LinkChange, LinkConfig};
use crate::name::NodeName;
use crate::node::LinkEnd;
use crate::rope::Rope;
use crate::testing::{Do, Net, Probe, World, at, link};
use proptest::prelude::*;
use protosim_core::{Rate, Ratio, Size, Span, Until};

fn source(rate: &str, payload: u64) -> UdpSourceConfig {
    UdpSourceConfig::constant(NodeName("sink".to_owned()), 9, rate.parse().unwrap(), Size::from_bytes(payload))
}

fn sink() -> UdpSink {
    UdpSink::new(UdpSinkConfig { port: 9 })
}

/// A source and a sink with one link between them.
fn pair(config: UdpSourceConfig, link: LinkConfig) -> Net {
    let mut net = Net::chain(&[link]);
    let to = net.socket(1, config.port);
    net.app(0, "source", UdpSource::new(config, to));
    net.app(1, "sink", sink());
    net
}

/// 1000 bytes at 3 Mbit/s: one every 8/3 ms, rounded up: 0, 2 666 667, 5 333 334 and 8 000 000 ns.
#[test]
fn datagrams_leave_at_exact_times() {
    let config = UdpSourceConfig { count: Some(4), start: Span::from_millis(10), ..source("3 Mbit/s", 1000) };
    let mut world = pair(config, link("", "1 ms")).build(1);
    world.run_until_quiet();
    let expected = [0, 2_666_667, 5_333_334, 8_000_000].map(|nanos| nanos + 11_000_000);
    assert_eq!(world.take_arrivals(0, true), expected);
}

/// At 2 Mbit/s 250 bytes leave every millisecond. From 5 ms on, and before 10 ms: five of them. At 10 ms and
/// a nanosecond: six.
#[test]
fn a_source_stops_when_told() {
    for (stop, expected) in [(10_000_000, 5), (10_000_001, 6)] {
        let (start, stop) = (Span::from_millis(5), Some(Span::from_nanos(stop)));
        let mut world = pair(UdpSourceConfig { start, stop, ..source("2 Mbit/s", 250) }, link("", "1 ms")).build(1);
        world.run_until_quiet();
        assert_eq!(world.total(0, "source", "datagrams"), expected);
        assert_eq!(world.total(1, "sink", "payload_bytes"), 250 * expected);
    }
}

/// A clock that is 10 % fast: 11 datagrams, one each millisecond by it, are sent within 10 ms true time; the
/// last one at 10 / 1.1 = 9.090 909 1 ms. A clock that starts at 7 s counts from there.
#[test]
fn a_source_goes_by_its_own_clock() {
    let mut net = pair(UdpSourceConfig { count: Some(11), ..source("2 Mbit/s", 250) }, link("", "1 ms"));
    net.device(0).clock_drift = Some("100000 ppm".parse().unwrap());
    net.clock_offset(0, Span::from_secs(7));
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!(world.take_arrivals(0, true).last(), Some(&(9_090_910 + 1_000_000)));
}

/// Everything arrives: 1 000 000 datagrams, no gap.
#[test]
fn a_million_datagrams_are_counted_and_whole() {
    let config = UdpSourceConfig { count: Some(1_000_000), ..source("1 Gbit/s", 1000) };
    let mut net = pair(config, link("2 Gbit/s", "1 ms"));
    net.listens = false;
    let mut world = net.build(1);
    world.run_until_quiet();
    // The last one is sent at 999 999 · 8 us and takes 8 · 1028 / 2 = 4112 ns, and 1 ms.
    assert_eq!(world.sim.now(), at(999_999 * 8_000 + 4_112 + 1_000_000));
    let total = |name| world.total(1, "sink", name);
    assert_eq!((total("datagrams"), total("payload_bytes")), (1_000_000, 1_000_000_000));
    assert_eq!(["gaps", "missing_bytes", "late_datagrams", "corrupted_datagrams"].map(total), [0; 4]);
}

/// One datagram each millisecond, all lost that leave from 3 to 5 ms and at 7 ms: numbers 3, 4, 5 and 7 of 10.
/// Two gaps, four datagrams of 250 bytes.
#[test]
fn a_sink_counts_gaps() {
    let mut net = pair(UdpSourceConfig { count: Some(10), ..source("2 Mbit/s", 250) }, link("", "1 ms"));
    let loss = |percent| LinkChange { loss: Some(Ratio::from_percent(percent)), ..LinkChange::default() };
    for (nanos, percent) in [(2_500_000, 100), (5_500_000, 0), (6_500_000, 100), (7_500_000, 0)] {
        net.change(at(nanos), 0, true, loss(percent));
    }
    let mut world = net.build(1);
    world.run_until_quiet();
    let total = |name| world.total(1, "sink", name);
    assert_eq!(["datagrams", "gaps", "missing_bytes"].map(total), [6, 2, 1000]);
    assert_eq!(["late_datagrams", "corrupted_datagrams"].map(total), [0, 0]);
}

/// From one sender: offsets 0 to 100, again, 100 to 150, then a run of another key from 150 on, real bytes, nothing at all,
/// and 170 to 180. Two late or doubled, two that are not virtual bytes, gaps of 150 and 20.
#[test]
fn a_sink_tells_late_from_corrupted() {
    let mut net = Net::chain(&[link("", "1 ms")]);
    let to = net.socket(1, 9);
    let payloads = [
        Rope::fill(5, 0, 100),
        Rope::fill(5, 0, 100),
        Rope::fill(5, 100, 50),
        Rope::fill(5, 20, 50),
        Rope::fill(6, 150, 10),
        Rope::from(vec![1, 2, 3]),
        Rope::new(),
        Rope::fill(5, 170, 10),
    ];
    let probe = payloads.into_iter().fold(Probe::new(5000), |probe, payload| probe.then(0, Do::Send(to, payload)));
    net.app(0, "probe", probe);
    net.app(1, "sink", sink());
    let mut world = net.build(1);
    world.run_until_quiet();
    let total = |name| world.total(1, "sink", name);
    assert_eq!(total("datagrams"), 8);
    assert_eq!(["gaps", "missing_bytes", "late_datagrams", "corrupted_datagrams"].map(total), [2, 170, 2, 2]);
}

/// Two sources on one node and one on another: each is checked by itself.
#[test]
fn a_sink_keeps_its_senders_apart() {
    let mut net = Net::chain(&[link("", "1 ms"), link("", "1 ms")]);
    let to = net.socket(2, 9);
    for (node, name) in [(0, "a"), (0, "b"), (1, "a")] {
        let config = UdpSourceConfig { count: Some(100), ..source("2 Mbit/s", 250) };
        net.app(node, name, UdpSource::new(config, to));
    }
    net.app(2, "sink", sink());
    let mut world = net.build(1);
    world.run_until_quiet();
    let total = |name| world.total(2, "sink", name);
    assert_eq!(["datagrams", "gaps", "late_datagrams", "corrupted_datagrams"].map(total), [300, 0, 0, 0]);
}

/// Nobody listens: every datagram comes back as an error, and the source goes on.
#[test]
fn a_source_counts_errors_that_come_back() {
    let config = UdpSourceConfig { port: 10, count: Some(3), ..source("2 Mbit/s", 250) };
    let mut world = pair(config, link("", "1 ms")).build(1);
    world.run_until_quiet();
    assert_eq!(["datagrams", "unreachable"].map(|name| world.total(0, "source", name)), [3, 3]);
}

/// Two sinks on one port: the second one is refused.
#[test]
fn a_port_that_is_taken_is_counted() {
    let mut net = Net::chain(&[link("", "1 ms")]);
    net.app(0, "a", sink());
    net.app(0, "b", sink());
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!([("a", 0), ("b", 1)].map(|(app, n)| world.total(0, app, "refused_calls") == n), [true; 2]);
}

/// 2^60 bit/s of one byte each: over 10^8 datagrams a nanosecond from the second on, which is due one
/// nanosecond after the start. The step limit stops it there.
#[test]
fn a_source_that_is_faster_than_time_is_stopped() {
    let config = UdpSourceConfig { rate: Rate::from_bits_per_sec(1 << 60), ..source("1 bit/s", 1) };
    let mut net = pair(UdpSourceConfig { start: Span::from_millis(1), ..config }, link("", "1 ms"));
    net.limits.steps_per_instant = 1_000;
    let error = net.build(1).try_run(Until::Quiet).unwrap_err();
    assert_eq!((error.busy().path.as_str(), error.busy().at), ("n000", at(1_000_001)));
}

#[test]
fn configurations_have_defaults_and_refuse_what_they_do_not_know() {
    let given: UdpSourceConfig =
        ron::from_str(r#"(to: NodeName("sink"), port: 9, rate: Some("1 Mbit/s"), payload: Some(Fixed("1000 B")))"#)
            .unwrap();
    assert_eq!(given, source("1 Mbit/s", 1000));
    let unknown = r#"(to: NodeName("sink"), port: 9, burst: 3)"#;
    assert!(ron::from_str::<UdpSourceConfig>(unknown).is_err());
    assert!(ron::from_str::<UdpSourceConfig>(r#"(to: NodeName("sink"), rate: Some("1 Mbit/s"))"#).is_err());
    assert!(ron::from_str::<UdpSinkConfig>(r#"(port: 9, to: "sink")"#).is_err());
}

#[test]
fn contradictions_are_found() {
    let fields = |config: UdpSourceConfig| config.check().into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    let good = source("1 Mbit/s", 1000);
    assert_eq!(fields(good.clone()), [""; 0]);
    assert_eq!(fields(source("1 Mbit/s", 65_507)), [""; 0]);
    assert_eq!(fields(UdpSourceConfig { port: 0, ..source("1 Mbit/s", 65_508) }), ["port", "payload"]);
    assert_eq!(fields(source("1 Mbit/s", 0)), ["payload"]);
    let stop = |stop| UdpSourceConfig { start: Span::from_secs(2), stop: Some(Span::from_secs(stop)), ..good.clone() };
    assert_eq!(fields(stop(3)), [""; 0]);
    assert_eq!(fields(stop(2)), ["stop"]);
    assert_eq!(fields(UdpSourceConfig { count: Some(0), ..good.clone() }), ["count"]);
    assert_eq!(fields(UdpSourceConfig { count: Some(1), ..stop(3) }), ["count"]);
    assert_eq!(UdpSinkConfig { port: 0 }.check().len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// ceil(i · payload · 8 · 10^9 / rate) ns, for any rate up to where datagrams come faster than nanoseconds.
    #[test]
    fn the_schedule_is_the_formula(bits in 1_000_u64..100_000_000_000, payload in 1_u64..1400, count in 1_u64..200) {
        let config = UdpSourceConfig { count: Some(count), ..source(&format!("{bits} bit/s"), payload) };
        let mut world = pair(config, link("", "1 us")).build(1);
        world.run_until_quiet();
        let time = |i: u64| (u128::from(i * payload * 8) * 1_000_000_000).div_ceil(u128::from(bits)) as u64 + 1_000;
        prop_assert_eq!(world.take_arrivals(0, true), (0..count).map(time).collect::<Vec<_>>());
    }
}
