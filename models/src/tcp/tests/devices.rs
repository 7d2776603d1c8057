//! What limits a device limits its TCP: processor, clock, memory.

use super::super::Drop;
use super::*;
use crate::device::{Cost, DeviceConfig};
use std::collections::BTreeMap;

/// A source of 20000 bytes and its sink over a link without a rate, on these devices.
fn on(client: DeviceConfig, server_device: DeviceConfig, link: LinkConfig, sink: TcpSinkConfig) -> World {
    let mut net = Net::chain(&[link]);
    let to = net.socket(1, sink.port);
    *net.device(0) = client;
    *net.device(1) = server_device;
    let config = TcpSourceConfig { bytes: Some(Size::from_bytes(20_000)), ..TcpSourceConfig::new(server(), sink.port) };
    net.app(0, "client", TcpSource::new(config, to));
    net.app(1, "server", TcpSink::new(sink));
    let mut world = net.build(1);
    world.listen(all());
    world
}

/// The server takes 5 ms for a segment that it receives and 2 ms for one that it sends: the SYN comes at 50 ms, its answer leaves at 57 and is
/// known at 107 ms.
#[test]
fn a_slow_processor_answers_late() {
    let cost = |millis| Cost { per_call: Span::from_millis(millis), per_byte: Span::ZERO };
    let cpu = BTreeMap::from([("tcp.receive".to_owned(), cost(5)), ("tcp.send".to_owned(), cost(2))]);
    let device = DeviceConfig { cpu, ..DeviceConfig::default() };
    let mut world = on(DeviceConfig::default(), device, link("", "50 ms"), sink(&TcpConfig::default()));
    world.run_until_quiet();
    assert_eq!(entered(&world.take_reports(), 0, State::Established), [107 * MS]);
}

/// A clock that runs 10 % fast reads a second after 1 s / 1.1 = 909,090,909.09... ns: the SYN that was lost is sent again at the nanosecond
/// after that.
#[test]
fn a_fast_clock_lets_time_outs_pass_early() {
    let device = DeviceConfig { clock_drift: Some("100000 ppm".parse().unwrap()), ..DeviceConfig::default() };
    let lost = lane("", [vec![drop("tcp.syn", Which::First(1))], vec![]]);
    let mut world = on(device, DeviceConfig::default(), lost, sink(&TcpConfig::default()));
    world.run_until_quiet();
    assert_eq!(syns(&world.take_reports()), [0, 909_090_910]);
}

/// A connection takes 512 B, and a segment of 1448 B that waits for its reader as many: of 3000 B, one fits, and a second one does not. It is dropped
/// as if the network had lost it, and comes again: once the application reads, all of the stream arrives.
#[test]
fn without_memory_segments_are_dropped_and_come_again() {
    let device = DeviceConfig { memory: Some(Size::from_bytes(3000)), ..DeviceConfig::default() };
    let late = TcpSinkConfig { read_after: Span::from_millis(400), ..sink(&TcpConfig::default()) };
    let mut world = on(DeviceConfig::default(), device, link("", "50 ms"), late);
    world.run_until_quiet();
    let reports = world.take_reports();
    let dropped = traces(&reports, 1).iter().filter(|(_, trace)| *trace == Trace::Dropped(Drop::OutOfMemory)).count();
    assert!(dropped >= 9, "{dropped} of the other nine of the first flight");
    assert!(exchange(&reports).0.is_some(), "all bytes have been read");
    assert_eq!(world.total(1, "server", "corrupted_bytes"), 0);
}
