//! Connections under the kernel: timings worked out by hand, repetition, time-outs, and what radios draw.
//!
//! The peripherals are stations 0, 1, ...; the central is the last one. A UDP packet of n IP bytes has a compressed header of 2 bytes of IPHC, 8 of the central's address, and 1 + 4 + 2 of
//! UDP in place of 48: n − 31 bytes, with 6 for the first K-frame and 4 for each other one. 52 bytes make one PDU of 27, with a MIC of 4 (10 + 31) × 8 = 328 us. What a node
//! hands over is at the medium 1 ns later, and what the medium hands over is at the node 1 ns later.

use super::super::testing::{Field, address_v6, names, shipped};
use super::super::{BleConfig, BleStation, GroupStations, MediumConfig};
use super::BlePhy;
use crate::app::App;
use crate::energy::Hardware;
use crate::energy::ble::{Connection, ConnectionConfig, End, airtime_1m};
use crate::energy::meter::Part;
use crate::node::DropCause;
use crate::testing::{Probe, drop_tail};
use crate::traffic::{UdpSink, UdpSinkConfig};
use protosim_core::{SimTime, Span, Until};
use std::net::{IpAddr, SocketAddr};

const HEADERS: u64 = 48;
const SMALL: u64 = 52;
const US: u64 = 1_000;
const MS: u64 = 1_000_000;

/// Connections of so many peripherals, the first of which has its event 0 at 10 ms.
fn ble(peripherals: usize) -> BleConfig {
    let mut names = names(peripherals + 1);
    let central = names.pop().unwrap();
    let stations = names.into_iter().map(BleStation::new).collect();
    BleConfig { first_anchor: Some(Span::from_millis(10)), ..BleConfig::new("m", central, stations) }
}

fn sink() -> Option<Box<dyn App>> {
    Some(Box::new(UdpSink::new(UdpSinkConfig { port: 9 })))
}

fn socket(station: usize) -> SocketAddr {
    SocketAddr::new(address_v6(station), 9)
}

/// Packets of `len` IP bytes to a station, one at each of these microseconds.
fn sender(to: usize, len: u64, times: &[u64]) -> Option<Box<dyn App>> {
    let send = |probe: Probe, us: &u64| probe.burst(us * US, socket(to), len - HEADERS, 1);
    Some(Box::new(times.iter().fold(Probe::new(9), send)))
}

fn run(config: BleConfig, apps: Vec<Option<Box<dyn App>>>, until: SimTime) -> Field {
    let mut field = Field::new(&MediumConfig::Ble(config), 1, apps, 1).listening();
    field.run(Until::Time(until));
    field
}

fn secs(secs: u64) -> SimTime {
    SimTime::ZERO + Span::from_secs(secs)
}

/// Each station's packets, when it got them, 1 ns for the node taken off.
fn arrivals(field: &mut Field) -> Vec<(usize, u64)> {
    field.all_arrivals().into_iter().map(|(station, at)| (station, at - 1)).collect()
}

/// Core Specification, Vol 6 Part B §2: an empty PDU and one of 251 bytes with its MIC, as its tables of longest times have them: 80 and 2120 us on 1M, 44 and 1064 on 2M, 462 and 4542 coded with two
/// symbols a bit, 720 and 17040 with eight.
#[test]
fn air_times() {
    let of = |phy: BlePhy| [0, 255].map(|bytes| phy.airtime(bytes).as_nanos() / US);
    assert_eq!(of(BlePhy::Le1M), [80, 2_120]);
    assert_eq!(of(BlePhy::Le2M), [44, 1_064]);
    assert_eq!(of(BlePhy::CodedS2), [462, 4_542]);
    assert_eq!(of(BlePhy::CodedS8), [720, 17_040]);
}

/// A packet of the central of 1 ms waits for the anchor at 10 ms and is there 328 us later. One of the peripheral of 20 ms waits for 40 ms, and goes behind an empty PDU of 80 us and T_IFS:
/// 80 + 150 + 328 us. On 2M, (11 + 31) × 4 = 168 us, and 44 + 150 + 168. Without encryption (10 + 27) × 8 = 296 us.
#[test]
fn packets_wait_for_the_anchor() {
    let times = |config: BleConfig| {
        let apps = vec![sender(1, SMALL, &[20_000]), sender(0, SMALL, &[1_000])];
        arrivals(&mut run(config, apps, secs(1)))
    };
    assert_eq!(times(ble(1)), [(0, 10_328 * US), (1, 40_558 * US)]);
    assert_eq!(times(BleConfig { phy: BlePhy::Le2M, ..ble(1) }), [(0, 10_168 * US), (1, 40_362 * US)]);
    assert_eq!(times(BleConfig { encrypted: Some(false), ..ble(1) }), [(0, 10_296 * US), (1, 40_526 * US)]);
}

/// Two peripherals have half of the interval each: anchors at 10 and 25 ms, and 30 ms later.
#[test]
fn anchors_of_peripherals_are_spaced() {
    let apps = vec![sink(), sender(2, SMALL, &[26_000]), sender(0, SMALL, &[1_000, 11_000])];
    let mut field = run(ble(2), apps, secs(1));
    assert_eq!(arrivals(&mut field), [(0, 10_328 * US), (0, 40_328 * US), (2, 55_558 * US)]);
    // With an interval of twice 30 ms of its own, the second peripheral is there at 25, 85 ms.
    let mut config = ble(2);
    config.stations[1].interval = Some(Span::from_millis(60));
    let apps = vec![sink(), sender(2, SMALL, &[26_000]), sink()];
    assert_eq!(arrivals(&mut run(config, apps, secs(1))), [(2, 85_558 * US)]);
}

/// Packets of 1264 bytes have 1233 to carry: 245 and four times 247, five PDUs of 251. An exchange with an empty PDU takes 80 + 150 + 2120 + 150 = 2500 us, and twelve fit an interval of 30 ms (803 kbit/s). The n-th
/// PDU of an event has come after n × 2500 − 150 us: the five packets with the 5th, 10th of the first, 3rd, 8th of the second and 1st of the third event.
#[test]
fn as_many_pdus_as_fit() {
    let apps = vec![sender(1, 1_264, &[1_000; 5]), sink()];
    let mut field = run(ble(1), apps, secs(1));
    let times: Vec<u64> = arrivals(&mut field).into_iter().map(|(_, at)| at / US).collect();
    assert_eq!(times, [22_350, 34_850, 47_350, 59_850, 72_350]);
    assert_eq!(field.medium().counts().retries, 0);
    // The central leaves room for the longest answer, 2120 us: 2500 + 2120 + 150 + 2120 + 150 to the end: eleven PDUs, the last from 25 ms on.
    let apps = vec![sink(), sender(0, 1_264, &[1_000; 3])];
    let times: Vec<u64> = arrivals(&mut run(ble(1), apps, secs(1))).into_iter().map(|(_, at)| at / US).collect();
    assert_eq!(times, [22_120, 34_620, 40_000 + 3 * 2_500 + 2_120]);
    // With PDUs of 27 bytes 31 bytes of UDP, 31 + 48 − 31 = 48 in all: 21, 23 and 4 in three frames, of 328, 328 and (10 + 8 + 4) × 8 = 176 us.
    let config = BleConfig { data_length: Some("27 B".parse().unwrap()), ..ble(1) };
    let apps = vec![sink(), sender(0, 79, &[1_000])];
    assert_eq!(arrivals(&mut run(config, apps, secs(1))), [(0, (10_000 + 2 * (328 + 150 + 80 + 150) + 176) * US)]);
}

/// A peripheral that may skip four events hears those at 10, 160 ms. What the central has at 41 ms is there at 160 ms, behind the empty PDU of 40 ms that was never acknowledged and is sent again first: 80 + 150 + 80 + 150 +
/// 328 us. A packet of its own wakes the peripheral at 190 ms; that it has come is known at 220 ms, when what the central has at 200 ms comes, at once as all is acknowledged.
#[test]
fn latency_delays_what_comes_down() {
    let config = BleConfig { latency: Some(4), ..ble(1) };
    let apps = vec![sender(1, SMALL, &[170_000]), sender(0, SMALL, &[41_000, 200_000])];
    let mut field = run(config, apps, secs(1));
    assert_eq!(arrivals(&mut field), [(0, 160_788 * US), (1, 190_558 * US), (0, 220_328 * US)]);
}

/// Where nothing is lost and none is skipped, packets come as the pure machine of connection events says.
#[test]
fn events_are_as_the_machine_has_them() {
    // Milliseconds that spread over 3 s, by a multiplicative generator; both ways, some close together. None in the first 5 ms of an interval: what comes within an event was not said in it (MD), and waits for the next one here.
    let mut x = 1_u64;
    let mut moment = || {
        x = x * 48_271 % 2_147_483_647;
        let millis = x % 3_000;
        (if (10..15).contains(&(millis % 30)) { millis + 5 } else { millis }) * 1_000
    };
    let mut ups: Vec<u64> = (0..60).map(|_| moment()).collect();
    let mut downs: Vec<u64> = (0..60).map(|_| moment()).collect();
    ups.sort_unstable();
    downs.sort_unstable();
    let config = ConnectionConfig {
        interval: Span::from_millis(30),
        latency: 0,
        supervision: Span::from_secs(5),
        clock_ppm: 40,
    };
    let mut machine = Connection::new(config, SimTime::from_nanos(10 * MS)).unwrap();
    let mut all: Vec<(u64, End)> =
        ups.iter().map(|at| (*at, End::Peripheral)).chain(downs.iter().map(|at| (*at, End::Central))).collect();
    all.sort_unstable();
    for (id, (at, end)) in all.into_iter().enumerate() {
        machine.send(SimTime::from_nanos(at * US + 1), end, id as u64, airtime_1m(31));
    }
    let mut expected = Vec::new();
    while machine.next_event() < secs(4) {
        let report = machine.run_event(&mut |_, _| false);
        let station = |end| if end == End::Central { 1 } else { 0 };
        expected.extend(report.delivered.into_iter().map(|(at, end, _)| (station(end), at.as_nanos())));
    }
    let mut field = run(ble(1), vec![sender(1, SMALL, &ups), sender(0, SMALL, &downs)], secs(4));
    assert_eq!(expected.len(), 120);
    assert_eq!(arrivals(&mut field), expected);
}

/// Of 2000 PDUs with 20 % lost no packet is, and each is sent until it is acknowledged. One of the central is when it and its answer are heard, with q = 0.8² = 0.64: 2000 × 0.36 / 0.64 = 1125 repetitions, with a
/// variance of 2000 × 0.36 / 0.64², a standard deviation of 41.9. One of the peripheral is when it is heard, as the peripheral sends again only when it has heard the central, who says so: 2000 × 0.2 / 0.8 = 500,
/// with a variance of 2000 × 0.2 / 0.8², a deviation of 25. Four deviations each leave less than 1 in 7000 outside for both together.
#[test]
fn repetitions_are_geometric() {
    let retries = |is_down: bool| {
        let config = BleConfig { loss: Some("20 %".parse().unwrap()), held: Some(1_000), ..ble(1) };
        let burst = |to| sender(to, 1_264, &[1_000; 400]);
        let apps = if is_down { vec![sink(), burst(0)] } else { vec![burst(1), sink()] };
        let field = run(config, apps, secs(120));
        let counts = field.medium().counts();
        assert_eq!((counts.delivered, field.medium().held()), (400, 0));
        counts.retries as f64
    };
    let (down, up) = (retries(true), retries(false));
    assert!((down - 1_125.0).abs() < 4.0 * 41.9 && (up - 500.0).abs() < 4.0 * 25.0, "{down} {up}");
}

/// All is lost: both ends have last heard each other at the anchor of 10 ms, and give up 100 ms later. What waits is dropped then, to the nanosecond, and what comes later at once.
#[test]
fn silence_ends_a_connection() {
    let config =
        BleConfig { loss: Some("99.999999 %".parse().unwrap()), supervision: Some(Span::from_millis(100)), ..ble(1) };
    let apps = vec![sender(1, SMALL, &[50_000, 60_000, 150_000]), sender(0, SMALL, &[70_000, 160_000])];
    let mut field = Field::new(&MediumConfig::Ble(config), 1, apps, 1);
    let mut lost = |until: u64| {
        field.run(Until::Time(SimTime::from_nanos(until)));
        let counts = *field.medium().ble_counts().unwrap();
        (field.dropped(DropCause::ConnectionLost), field.medium().held(), counts.lost)
    };
    assert_eq!(lost(110 * MS - 1), (0, 3, 0));
    assert_eq!(lost(110 * MS), (3, 0, 2));
    assert_eq!(lost(1_000 * MS), (5, 0, 2));
    let counts = *field.medium().ble_counts().unwrap();
    assert_eq!(counts.made, 0);
    // Events of three advertisements, each 100 to 110 ms behind the last one, from 110 to 120 ms on: 8 or 9 until 1 s.
    assert!((24..=27).contains(&counts.advertisements), "{counts:?}");
}

/// With 30 % of all PDUs lost and a time-out of 100 ms connections end and are made again, again and again; what goes meanwhile is dropped, all else comes, and nothing is left over.
#[test]
fn connections_are_made_again() {
    let config = BleConfig { loss: Some("30 %".parse().unwrap()), supervision: Some(Span::from_millis(100)), ..ble(3) };
    let moments: Vec<u64> = (0..300).map(|k| k * 97_000).collect();
    let apps = vec![sender(3, 500, &moments), sender(3, SMALL, &moments), sink(), sender(2, 500, &moments)];
    let mut field = run(config, apps, secs(60));
    let (counts, own) = (field.medium().counts(), *field.medium().ble_counts().unwrap());
    assert!(own.lost > 100 && own.made > 50, "{own:?}");
    let lost = counts.dropped(DropCause::ConnectionLost);
    assert_eq!(counts.delivered + lost + field.medium().held(), 900);
    assert!(counts.delivered > 300 && lost > 50, "{counts:?}");
    // Connections end by pairs, but for those at the end.
    assert!(own.lost >= 2 * own.made, "{own:?}");
    let got = arrivals(&mut field);
    assert!([2, 3].iter().all(|station| got.iter().any(|(other, at)| other == station && *at > 25_000 * MS)));
}

/// Of five packets at once the central holds two for its peripheral. A peripheral with a queue of one place has one packet in service and one behind it.
#[test]
fn queues_are_bounded() {
    let config = BleConfig { held: Some(2), queue: drop_tail("1 packet"), ..ble(1) };
    let apps = vec![sender(1, SMALL, &[1_000; 5]), sender(0, SMALL, &[1_000; 5])];
    let field = run(config, apps, secs(1));
    assert_eq!((field.dropped(DropCause::HeldFull), field.dropped(DropCause::QueueFull)), (3, 3));
    assert_eq!(field.medium().counts().delivered, 4);
}

/// A packet for a group goes to each of its peripherals at its own anchor: 10, 20, 30 ms of three. Peripherals reach the central alone.
#[test]
fn groups_are_served_one_by_one() {
    let group: IpAddr = "ff0e::1".parse().unwrap();
    let groups = vec![GroupStations { from: 4, group, source: address_v6(3), to: vec![1, 3] }];
    let probe = Probe::new(9).burst(MS, SocketAddr::new(group, 9), SMALL - HEADERS, 1);
    let apps: Vec<Option<Box<dyn App>>> = vec![sink(), sender(2, SMALL, &[1_000]), sink(), Some(Box::new(probe))];
    let config = MediumConfig::Ble(ble(3));
    let mut field = Field::with(&config, 1, apps, 1, (groups, None)).listening();
    field.run(Until::Time(secs(1)));
    let stations: Vec<usize> = arrivals(&mut field).into_iter().map(|(station, _)| station).collect();
    assert_eq!(stations, [0, 2]);
    assert_eq!((field.medium().counts().copied, field.dropped(DropCause::OutOfRange)), (1, 1));
}

fn device() -> Hardware {
    let mut profile = shipped("nrf52840");
    profile.battery = None;
    Hardware::new(SimTime::ZERO, profile, Some("ble")).unwrap()
}

/// What the radios of both stations have drawn in the first hour, in pC: 10^9 units.
fn drawn(config: BleConfig) -> [u128; 2] {
    let mut field = Field::metered(&MediumConfig::Ble(config), 1, vec![sink(), sink()], 1, Some(device()));
    let end = secs(3_600);
    field.run(Until::Time(end));
    [0, 1].map(|station| {
        let units = field.medium().hardware(station).unwrap().meter().bill(end).of_part(Part::Radio).as_units();
        assert_eq!(units % 1_000_000_000, 0);
        units / 1_000_000_000
    })
}

/// An hour of nothing, on an nRF52840, with an event each second from 10 ms on: 3600 of them. The peripheral starts its crystal, 360 us at 0.3 mA, and its radio, 40 us at 4.6 mA; it listens for 1 s × 40 ppm + 16 us = 56 us,
/// receives for 80 us, waits and turns for 150 us, all at 4.6 mA, and sends for 80 us at 4.8 mA: 108 + 184 + 1315.6 + 384 = 1991.6 nC, and at event 0, with 16 us alone, 1807.6 nC. In all 7 169 576 nC. The central
/// starts as well, sends for 80 us, turns and listens for 150 us and receives for 80 us: 108 + 184 + 384 + 1058 = 1734 nC, 3600 times.
/// With an interval of 100 ms and nine skipped of ten the peripheral does the same, and without skipping 36 000 times with 4 + 16 us in its window: 108 + 184 + 1150 + 384 = 1826 nC, 18.4 nC less at event 0.
#[test]
fn an_hour_of_nothing() {
    let interval = |millis: u64, latency: u32| BleConfig {
        interval: Some(Span::from_millis(millis)),
        latency: Some(latency),
        ..ble(1)
    };
    assert_eq!(drawn(interval(1_000, 0)), [7_169_576_000, 3_600 * 1_734_000]);
    assert_eq!(drawn(interval(100, 9)), [7_169_576_000, 36_000 * 1_734_000 - skipped_receptions()]);
    assert_eq!(drawn(interval(100, 0)), [36_000 * 1_826_000 - 18_400, 36_000 * 1_734_000]);
}

/// Of 36 000 events the peripheral skips 32 400, and the central listens for 150 + 40 us in place of 150 + 80: 40 us at 4.6 mA less, 184 nC.
fn skipped_receptions() -> u128 {
    32_400 * 184_000
}

/// Stations that are metered get their packets at the same times.
#[test]
fn metering_changes_no_time() {
    let config = BleConfig {
        loss: Some("40 %".parse().unwrap()),
        supervision: Some(Span::from_millis(150)),
        latency: Some(1),
        ..ble(2)
    };
    let config = MediumConfig::Ble(config);
    let moments: Vec<u64> = (0..100).map(|k| k * 53_000).collect();
    let run = |devices: Option<Hardware>| {
        let apps = vec![sender(2, 500, &moments), sink(), sender(1, 200, &moments)];
        let mut field = Field::metered(&config, 3, apps, 1, devices).listening();
        field.run(Until::Time(secs(10)));
        let counts = field.medium().counts();
        (field.all_arrivals(), counts, *field.medium().ble_counts().unwrap())
    };
    assert_eq!(run(None), run(Some(device())));
}

#[test]
fn what_the_standard_does_not_have_is_refused() {
    let fields =
        |config: BleConfig| MediumConfig::Ble(config).check().into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    let ms = |millis| Some(Span::from_millis(millis));
    assert_eq!(fields(ble(3)), [""; 0]);
    assert_eq!(fields(BleConfig { interval: ms(31), ..ble(1) }), ["interval"]);
    assert_eq!(fields(BleConfig { interval: ms(4_010), supervision: ms(32_000), ..ble(1) }), ["interval"]);
    assert_eq!(fields(BleConfig { interval: ms(5), first_anchor: None, ..ble(1) }), ["interval"]);
    assert_eq!(fields(BleConfig { latency: Some(500), supervision: ms(32_000), ..ble(1) }), ["latency"]);
    // 2 × 10 × 30 ms is not less than 600 ms.
    assert_eq!(fields(BleConfig { latency: Some(9), supervision: ms(600), ..ble(1) }), ["supervision"]);
    assert_eq!(fields(BleConfig { latency: Some(9), supervision: ms(610), ..ble(1) }), [""; 0]);
    // Eight peripherals have 3.75 ms each, and the longest PDUs take 4.54 ms; with 100 bytes (10 + 104) × 8 = 912 us each.
    assert_eq!(fields(ble(8)), ["interval"]);
    assert_eq!(fields(BleConfig { data_length: Some("100 B".parse().unwrap()), ..ble(8) }), [""; 0]);
    assert_eq!(fields(BleConfig { data_length: Some("26 B".parse().unwrap()), ..ble(1) }), ["data_length"]);
    let mut own = ble(3);
    own.stations[0].interval = ms(45);
    own.stations[1].latency = Some(600);
    own.stations[2].supervision = ms(105);
    assert_eq!(
        fields(own),
        ["stations.0.interval", "stations.1.latency", "stations.1.supervision", "stations.2.supervision"]
    );
    let loss = |channel, loss: &str| super::BleChannelLoss { channel, loss: loss.parse().unwrap() };
    assert_eq!(fields(BleConfig { channels: Some(vec![1, 2]), ..ble(1) }), ["channels"]);
    let two = BleConfig { channels: Some(vec![1, 2]), ..ble(1) };
    assert_eq!(fields(BleConfig { channel_loss: vec![loss(1, "50 %")], ..two.clone() }), [""; 0]);
    assert_eq!(fields(BleConfig { channel_loss: vec![loss(3, "50 %")], ..two.clone() }), ["channel_loss.0"]);
    let all = vec![loss(1, "100 %"), loss(2, "100 %")];
    assert_eq!(fields(BleConfig { channel_loss: all, ..two.clone() }), ["channel_loss"]);
    assert_eq!(fields(BleConfig { channels: Some(vec![1, 1, 37]), ..two }).len(), 3);
    assert_eq!(fields(BleConfig { held: Some(0), advertising: ms(19), ..ble(1) }), ["advertising", "held"]);
    assert_eq!(fields(BleConfig { central: names(1)[0].clone(), ..ble(1) }), ["central"]);
}

/// Channel 3 of channels 3 and 20 loses all. Algorithm #2 has both about as often: of 1000 events each 30 ms about 500 are on it (deviation 15.8), and no peripheral answers there. So 2 × (1000 − n) + n frames are
/// sent: 1500 within four deviations.
#[test]
fn channels_lose_by_themselves() {
    let lossy = super::BleChannelLoss { channel: 3, loss: "100 %".parse().unwrap() };
    let config = BleConfig {
        channels: Some(vec![3, 20]),
        channel_loss: vec![lossy],
        supervision: Some(Span::from_secs(32)),
        ..ble(1)
    };
    let field = run(config, vec![sink(), sink()], secs(30));
    let frames = field.medium().counts().frames as f64;
    assert!((frames - 1_500.0).abs() < 4.0 * 15.8, "{frames}");
    assert_eq!(field.medium().ble_counts().unwrap().lost, 0);
}
