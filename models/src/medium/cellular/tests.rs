//! Cells under the kernel: timings worked out by hand, waits, losses, and what a device draws.
//!
//! The devices are stations 0, 1, ...; the gateway is the last one. A packet of 775 IP bytes takes 100 ms at 62 kbit/s, one of 325 bytes takes 100 ms at 26 kbit/s. What a
//! node hands over is at the medium 1 ns later, and what the medium hands over to a device is there 1 ns later.

use super::super::testing::{Field, names, shipped, socket};
use super::super::{CellStation, CellularConfig, ConnectedDrxConfig, EdrxConfig, MediumConfig, PsmConfig};
use crate::app::App;
use crate::energy::meter::{Cause, Part};
use crate::energy::timers::Rat;
use crate::energy::{BatteryConfig, Hardware};
use crate::node::DropCause;
use crate::testing::{Probe, drop_tail};
use crate::traffic::{UdpSink, UdpSinkConfig};
use protosim_core::{SimTime, Span, Until};

const HEADERS: u64 = 28;
const UP: u64 = 775;
const DOWN: u64 = 325;
const MS: u64 = 1_000_000;

/// NB-IoT with `devices` devices, whose paging occasions are at whole multiples of their cycle.
fn cell(devices: usize) -> CellularConfig {
    let mut names = names(devices + 1);
    let gateway = names.pop().unwrap();
    let station = |node| CellStation { offset: Some(Span::ZERO), ..CellStation::new(node) };
    CellularConfig::new("m", Rat::NbIot, gateway, names.into_iter().map(station).collect())
}

fn psm(active: u64, periodic: u64) -> Option<PsmConfig> {
    Some(PsmConfig { active: Span::from_secs(active), periodic: Span::from_secs(periodic) })
}

fn sink() -> Option<Box<dyn App>> {
    Some(Box::new(UdpSink::new(UdpSinkConfig { port: 9 })))
}

/// Packets of `len` IP bytes to a station, one at each of these milliseconds.
fn sender(to: usize, len: u64, times: &[u64]) -> Option<Box<dyn App>> {
    let send = |probe: Probe, ms: &u64| probe.burst(ms * MS, socket(to, 9), len - HEADERS, 1);
    Some(Box::new(times.iter().fold(Probe::new(9), send)))
}

/// When packets came in at a station; of all stations they are forgotten then.
fn times(field: &mut Field, station: usize) -> Vec<u64> {
    field.all_arrivals().into_iter().filter(|(other, _)| *other == station).map(|(_, at)| at).collect()
}

fn secs(secs: u64) -> SimTime {
    SimTime::ZERO + Span::from_secs(secs)
}

/// From idle: handed over at 1 ns past 100 s, connected 2 s later, sent in 100 ms, and at the gateway 800 ms later. The next one, handed over at 103 s, finds it
/// connected. Each is 100 ms on air and 800 ms on its way.
#[test]
fn uplink_connects_first() {
    let config = MediumConfig::Cellular(cell(1));
    let mut field = Field::new(&config, 1, vec![sender(1, UP, &[100_000, 103_000]), sink()], 1).listening();
    field.run(Until::Quiet);
    assert_eq!(times(&mut field, 1), [102_900 * MS + 1, 103_900 * MS + 1]);
    let counts = field.medium().counts();
    assert_eq!((counts.frames, counts.delivered, field.medium().busy()), (2, 2, None));
}

/// Of two at once the second goes behind the first, with the radio free 100 ms later. With four repetitions each takes 400 ms.
#[test]
fn a_radio_sends_one_packet_at_a_time() {
    let run = |repetitions| {
        let mut config = cell(1);
        config.stations[0].repetitions = repetitions;
        let config = MediumConfig::Cellular(config);
        let mut field = Field::new(&config, 1, vec![sender(1, UP, &[100_000, 100_000]), sink()], 1).listening();
        field.run(Until::Quiet);
        times(&mut field, 1)
    };
    assert_eq!(run(None), [102_900 * MS + 1, 103_000 * MS + 1]);
    assert_eq!(run(Some(4)), [103_200 * MS + 1, 103_600 * MS + 1]);
}

/// A packet for an idle device: handed over at 1 s and 1 ns, at the base station at 1.8 s and 1 ns, paged at the occasion of 2.56 s, connected at 4.56 s, received in 100
/// ms at 4.66 s, and at the node 1 ns later. A second one, at the base station at 5.8 s, finds it connected and listening: received at 5.9 s and
/// 1 ns. One more nanosecond each for the node.
#[test]
fn downlink_waits_for_its_occasion() {
    let config = MediumConfig::Cellular(cell(1));
    let mut field = Field::new(&config, 1, vec![sink(), sender(0, DOWN, &[1_000, 5_000])], 1).listening();
    field.run(Until::Quiet);
    assert_eq!(times(&mut field, 0), [4_660 * MS + 1, 5_900 * MS + 2]);
}

/// Connected DRX: on for 100 ms of each 2 s, from 1 s after the last packet on. The device sends at 2 s to 2.1 s (and 1 ns): it listens until 3.1 s, then at 3.1 to 3.2 s, 5.1 to 5.2 s, ...
/// What is at the base station at 4 s waits until 5.1 s, and takes 100 ms.
#[test]
fn connected_drx_delays_downlink() {
    let drx = ConnectedDrxConfig { after: Span::from_secs(1), cycle: Span::from_secs(2), on: Span::from_millis(100) };
    let config = CellularConfig { connected_drx: Some(drx), ..cell(1) };
    let apps = vec![sender(1, UP, &[0]), sender(0, DOWN, &[3_200])];
    let mut field = Field::new(&MediumConfig::Cellular(config), 1, apps, 1).listening();
    field.run(Until::Quiet);
    assert_eq!(field.all_arrivals(), [(1, 2_900 * MS + 1), (0, 5_200 * MS + 2)]);
}

/// PSM, 10 s after the release at 0, until T3412 after 3600 s. What comes meanwhile waits for the update: connected at 3602 s, updated at 3603 s, received until 3603.1 s.
/// What the device sends at 7000 s brings down what waits: it connects until 7002 s, sends until 7002.1 s, and then receives until 7002.2 s.
#[test]
fn downlink_waits_out_psm() {
    let config = CellularConfig { psm: psm(10, 3_600), ..cell(1) };
    let apps = vec![sender(1, UP, &[7_000_000]), sender(0, DOWN, &[100_000, 6_000_000])];
    let mut field = Field::new(&MediumConfig::Cellular(config), 1, apps, 1).listening();
    field.run(Until::Time(secs(8_000)));
    assert_eq!(times(&mut field, 0), [3_603_100 * MS + 1, 7_002_200 * MS + 2]);
}

/// The network holds two packets for a device in PSM; the third one has no place. Those that wait for more than 60 s are dropped: both, and nothing is left for the update.
#[test]
fn what_is_held_is_bounded() {
    let run = |hold_time| {
        let config = CellularConfig { psm: psm(10, 3_600), held: Some(2), hold_time, ..cell(1) };
        let apps = vec![sink(), sender(0, DOWN, &[100_000, 101_000, 102_000])];
        let mut field = Field::new(&MediumConfig::Cellular(config), 1, apps, 1);
        field.run(Until::Time(secs(161)));
        let first = (field.dropped(DropCause::HeldFull), field.dropped(DropCause::HeldTooLong));
        field.run(Until::Time(secs(4_000)));
        (first, field.dropped(DropCause::HeldTooLong), field.total(0, "datagrams"))
    };
    assert_eq!(run(None), ((1, 0), 0, 2));
    // At the base station at 100.8 and 101.8 s: the first is dropped at 160.8 s, the second at 161.8 s.
    assert_eq!(run(Some(Span::from_secs(60))), ((1, 1), 2, 0));
}

/// A packet that is on the air is not held any more. The device has sent and is connected: what is at the base station at 2.8 s goes at once, and its 12000 bits take
/// 6 s at 2 kbit/s, longer than the 2 s for which it may be held.
#[test]
fn what_is_on_the_air_is_not_dropped() {
    let config = CellularConfig { hold_time: Some(Span::from_secs(2)), ..cell(1) };
    let apps = vec![sender(1, UP, &[0]), sender(0, 1_500, &[2_000])];
    let rate = "2 kbit/s".parse().unwrap();
    let config = CellularConfig { rate_down: Some(rate), ..config };
    let mut field = Field::new(&MediumConfig::Cellular(config), 1, apps, 1).listening();
    field.run(Until::Quiet);
    assert_eq!(times(&mut field, 0), [8_800 * MS + 2]);
    assert_eq!(field.dropped(DropCause::HeldTooLong), 0);
}

/// Devices reach the gateway alone.
#[test]
fn devices_do_not_hear_each_other() {
    let config = MediumConfig::Cellular(cell(2));
    let mut field = Field::new(&config, 1, vec![sender(1, UP, &[0]), sink(), sink()], 1);
    field.run(Until::Quiet);
    assert_eq!((field.dropped(DropCause::OutOfRange), field.total(1, "datagrams")), (1, 0));
}

/// A queue of one place behind the packet in service: of four at once two are dropped.
#[test]
fn a_device_has_a_queue() {
    let config = CellularConfig { queue: drop_tail("1 packet"), ..cell(1) };
    let mut field = Field::new(&MediumConfig::Cellular(config), 1, vec![sender(1, UP, &[0, 0, 0, 0]), sink()], 1);
    field.run(Until::Quiet);
    assert_eq!((field.total(1, "datagrams"), field.dropped(DropCause::QueueFull)), (2, 2));
}

/// Losses each way are 20 % of 2000 packets, and the next draws' luck does not depend on the other way: 400, with a standard deviation of 17.9; four of these for two
/// counts together leave less than 1 in 7000 outside.
#[test]
fn packets_are_lost_by_chance_each_way() {
    let moments: Vec<u64> = (0..2_000).map(|k| k * 500).collect();
    let config = CellularConfig { loss: Some("20 %".parse().unwrap()), ..cell(1) };
    let apps = vec![sender(1, 100, &moments), sender(0, 100, &moments)];
    let mut field = Field::new(&MediumConfig::Cellular(config), 7, apps, 1).listening();
    field.run(Until::Quiet);
    let counts = field.medium().counts();
    assert_eq!((counts.frames, counts.delivered + counts.dropped(DropCause::Lost)), (4_000, 4_000));
    let up: i64 = 2_000 - times(&mut field, 1).len() as i64;
    let lost = field.dropped(DropCause::Lost) as i64;
    assert!((up - 400).abs() < 72 && (lost - up - 400).abs() < 72, "{up} of {lost}");
}

/// Waits for eDRX of 20.48 s are uniform: packets at the base station at times that are spread evenly over a cycle, one in each of 400 runs' own, with offsets drawn by devices.
/// Each device hears of its packet at its offset; waits have a mean of 10.24 s and a standard deviation of 20.48 s / √12 / √400 = 0.296 s, and the shares of four quarters
/// are 100 with a standard deviation of √(400 × 3/16) = 8.66. Bounds of 4.2 deviations for five numbers leave 1 in 7000 outside.
#[test]
fn waits_for_edrx_are_uniform() {
    const DEVICES: usize = 400;
    let mut config = cell(DEVICES);
    for station in &mut config.stations {
        station.offset = None;
        station.edrx = Some(EdrxConfig { cycle: Span::from_millis(20_480), window: None });
    }
    let mut apps: Vec<Option<Box<dyn App>>> = (0..DEVICES).map(|_| sink()).collect();
    let probe = (0..DEVICES)
        .fold(Probe::new(9), |probe, device| probe.burst(100_000 * MS, socket(device, 9), DOWN - HEADERS, 1));
    apps.push(Some(Box::new(probe)));
    let mut field = Field::new(&MediumConfig::Cellular(config), 11, apps, 1).listening();
    field.run(Until::Quiet);
    // At the base station at 100.8 s; what is behind the occasion takes 2.1 s.
    let waits: Vec<u64> = field
        .all_arrivals()
        .into_iter()
        .filter(|(station, _)| *station < DEVICES)
        .map(|(_, at)| at - 102_900 * MS)
        .collect();
    assert_eq!(waits.len(), DEVICES);
    let mean = waits.iter().sum::<u64>() as f64 / DEVICES as f64 / 1e9;
    assert!((mean - 10.24).abs() < 4.2 * 0.296, "{mean}");
    for quarter in 0..4 {
        let of = |wait: &&u64| **wait / (5_120 * MS) == quarter;
        let count = waits.iter().filter(of).count();
        assert!((count as f64 - 100.0).abs() < 4.2 * 8.66, "{count} in quarter {quarter}");
    }
    assert!(waits.iter().all(|wait| *wait <= 20_480 * MS + 1));
}

fn device() -> Hardware {
    let mut profile = shipped("bg96");
    profile.battery = None;
    Hardware::new(SimTime::ZERO, profile, Some("nb-iot")).unwrap()
}

/// In nC: 10^12 units.
fn nanocoulombs(hardware: &Hardware, at: SimTime, cause: Cause) -> u128 {
    hardware.meter().bill(at).get(Part::Radio, cause).as_units() / 1_000_000_000_000
}

/// A report each hour by a BG96 (sheet, check 7): 3 s at 170 mA, 10 s at 15 mA, and 10 uA for the rest: T3324 is zero, so PSM follows at once. Connecting sends for 2 s, and
/// 1500 bytes at 12 kbit/s for 1 s. From the first to the second report, handed over at 3600 s + 1 ns and 7200 s + 1 ns: 510 + 150 + 35.87 mC = 695.87 mC in 3600 s are 193.297 uA, and a cell of 5 Ah lasts 2.95 years.
#[test]
fn a_report_each_hour() {
    let config = CellularConfig {
        connect_sends: Some(Span::from_secs(2)),
        psm: psm(0, 18_000),
        rate_up: Some("12 kbit/s".parse().unwrap()),
        ..cell(1)
    };
    let apps = vec![sender(1, 1_500, &[3_600_000, 7_200_000]), sink()];
    let config = MediumConfig::Cellular(config);
    let mut field = Field::metered(&config, 1, apps, 1, Some(device()));
    let charge = |field: &Field, at: SimTime| field.medium().hardware(0).unwrap().meter().bill(at).of_part(Part::Radio);
    let (from, to) = (SimTime::from_nanos(3_600_000 * MS + 1), SimTime::from_nanos(7_200_000 * MS + 1));
    field.run(Until::Time(SimTime::from_nanos(3_600_000 * MS)));
    let before = charge(&field, from);
    field.run(Until::Time(SimTime::from_nanos(7_200_000 * MS)));
    let drawn = charge(&field, to).saturating_sub(before);
    assert_eq!(drawn.as_units(), 695_870_000_000_000_000_000, "mC are 10^18 units");
    let mean = drawn.mean_over(Span::from_secs(3_600));
    let years = BatteryConfig::ideal("5 Ah".parse().unwrap(), "3.8 V".parse().unwrap()).life_secs(mean, mean);
    assert!((years / 86_400.0 / 365.0 - 2.95).abs() < 0.005, "{years}");
    // The same by cause, of the first report.
    let apps = vec![sender(1, 1_500, &[3_600_000]), sink()];
    let mut field = Field::metered(&config, 1, apps, 1, Some(device()));
    field.run(Until::Time(secs(4_000)));
    let hardware = field.medium().hardware(0).unwrap();
    let at = secs(4_000);
    let got = [Cause::Transmit, Cause::Listen, Cause::Sleep].map(|cause| nanocoulombs(hardware, at, cause));
    // PSM for 3987 s (and at the start); 10 uA.
    assert_eq!(got, [510_000_000, 150_000_000, 39_870_000]);
}

/// A BG96 in eDRX of 20.48 s with a window of four occasions of 20 ms, 2.56 s each: 80 ms at 66 mA and 20.4 s at 0.8 mA are 5.28 + 16.32 mC in a cycle, 1.0547 mA in the mean. That is
/// within 5 % of the 1.1 mA of the datasheet (sheet, check 8), with which 5 Ah last for 189 days, and here for 197.5.
#[test]
fn idle_with_edrx() {
    let window = Some(Span::from_millis(10_240));
    let config = CellularConfig { edrx: Some(EdrxConfig { cycle: Span::from_millis(20_480), window }), ..cell(1) };
    let config = MediumConfig::Cellular(config);
    let mut field = Field::metered(&config, 1, vec![sink(), sink()], 1, Some(device()));
    let end = SimTime::ZERO + Span::from_millis(20_480) * 1_000;
    field.run(Until::Time(end));
    let hardware = field.medium().hardware(0).unwrap();
    // The occasion at the very end has just begun.
    assert_eq!(nanocoulombs(hardware, end, Cause::Receive), 5_280_000 * 1_000);
    assert_eq!(nanocoulombs(hardware, end, Cause::Sleep), 16_320_000 * 1_000);
    let mean = hardware.meter().bill(end).of_part(Part::Radio).mean_over(Span::from_millis(20_480) * 1_000);
    assert_eq!(mean.as_picoamperes(), 1_054_687_500);
    assert!((mean.as_picoamperes() as f64 / 1.1e9 - 1.0).abs() < 0.05);
    let life = BatteryConfig::ideal("5 Ah".parse().unwrap(), "3.8 V".parse().unwrap()).life_secs(mean, mean);
    assert!((life / 86_400.0 - 197.53).abs() < 0.01, "{life}");
}

/// A device that is metered is at the same times where one is that is not.
#[test]
fn metering_changes_no_time() {
    let config = CellularConfig { psm: psm(10, 60), loss: Some("10 %".parse().unwrap()), ..cell(1) };
    let config = MediumConfig::Cellular(config);
    let run = |devices: Option<Hardware>| {
        let apps = vec![sender(1, UP, &[1_000, 30_000]), sender(0, DOWN, &[5_000, 31_000, 40_000])];
        let mut field = Field::metered(&config, 3, apps, 1, devices).listening();
        field.run(Until::Time(secs(300)));
        let counts = field.medium().counts();
        (field.all_arrivals(), counts)
    };
    assert_eq!(run(None), run(Some(device())));
}

fn found(config: CellularConfig) -> Vec<(String, String)> {
    MediumConfig::Cellular(config).check()
}

#[test]
fn what_the_standard_does_not_have_is_refused() {
    let edrx = |cycle: &str, window: Option<&str>| {
        let window = window.map(|text| text.parse().unwrap());
        CellularConfig { edrx: Some(EdrxConfig { cycle: cycle.parse().unwrap(), window }), ..cell(1) }
    };
    assert_eq!(found(cell(1)), []);
    assert_eq!(found(edrx("81.92 s", Some("40.96 s"))), []);
    // A cycle of 5.12 s has no window (3GPP TS 36.304 §7.3).
    let found_of = |window| CellularConfig { technology: Rat::LteM, ..edrx("5.12 s", window) };
    assert_eq!(found(found_of(None)), []);
    assert_eq!(found(found_of(Some("2.56 s")))[0].0, "edrx.window");
    let cycle = found(edrx("30 s", None));
    assert_eq!(cycle[0].0, "edrx.cycle");
    assert!(
        cycle[0].1.ends_with("the nearest one is 20480 ms") || cycle[0].1.ends_with("the nearest one is 20.48 s"),
        "{cycle:?}"
    );
    // 61.44 s is of LTE-M alone, 5242.88 s of NB-IoT alone.
    assert_eq!(found(edrx("61.44 s", None)).len(), 1);
    assert_eq!(found(CellularConfig { technology: Rat::LteM, ..edrx("61.44 s", None) }), []);
    assert_eq!(found(CellularConfig { technology: Rat::LteM, ..edrx("5242.88 s", None) }).len(), 1);
    let fields = |config| found(config).into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    assert_eq!(fields(edrx("81.92 s", Some("3 s"))), ["edrx.window"]);
    // A window of 40.96 s in a cycle of 20.48 s.
    assert_eq!(fields(edrx("20.48 s", Some("40.96 s"))), ["edrx.window"]);
    assert_eq!(fields(CellularConfig { psm: psm(3_600, 60), ..cell(1) }), ["psm.periodic"]);
    assert_eq!(fields(CellularConfig { psm: psm(11, 3_601), ..cell(1) }), ["psm.active", "psm.periodic"]);
    let mut own = cell(2);
    own.stations[1] = CellStation {
        psm: psm(60, 60),
        repetitions: Some(3),
        offset: Some(Span::from_secs(3)),
        ..own.stations[1].clone()
    };
    assert_eq!(fields(own), ["stations.1.repetitions", "stations.1.psm.periodic", "stations.1.offset"]);
    let same = CellularConfig { gateway: names(1)[0].clone(), ..cell(1) };
    assert_eq!(fields(same), ["gateway"]);
    let zero = CellularConfig { held: Some(0), hold_time: Some(Span::ZERO), ..cell(1) };
    assert_eq!(fields(zero), ["held", "hold_time"]);
}

/// The network keeps a connection for what it holds, and releases it when that is too old. The device has sent until 2.1 s: it listens until 3.1 s, then at 3.1 to 3.2 s and at
/// 13.34 s. What is at the base station at 9.5 s may be held for 3 s, till 12.5 s; 10 s of inactivity were over at 12.1 s. What is there at 12.6 s finds the
/// device idle: paged at 12.8 s, connected at 14.8 s, received in 100 ms.
#[test]
fn what_is_taken_back_does_not_hold_a_connection() {
    let drx =
        ConnectedDrxConfig { after: Span::from_secs(1), cycle: "10.24 s".parse().unwrap(), on: Span::from_millis(100) };
    let config = CellularConfig { connected_drx: Some(drx), hold_time: Some(Span::from_secs(3)), ..cell(1) };
    let config = MediumConfig::Cellular(config);
    for device in [None, Some(device())] {
        let apps = vec![sender(1, UP, &[0]), sender(0, DOWN, &[8_700, 11_800])];
        let mut field = Field::metered(&config, 1, apps, 1, device).listening();
        field.run(Until::Time(secs(20)));
        assert_eq!(times(&mut field, 0), [14_900 * MS + 1]);
        assert_eq!(field.dropped(DropCause::HeldTooLong), 1);
    }
}
