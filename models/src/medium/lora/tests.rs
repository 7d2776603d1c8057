//! The cell against times worked out by hand, ALOHA in closed form, and currents of a data sheet.

use super::super::testing::{Field, address, names, shipped, socket};
use super::config::{AROUND, EMPTY};
use super::{DutyExcess, DutyKeeping, LoraConfig, LoraStation};
use crate::app::App;
use crate::energy::{Battery, BatteryConfig, Cause, Current, Hardware, Part};
use crate::link::Mtu;
use crate::lora::wire::{DataFrame, Kind};
use crate::lora::{Bandwidth, SpreadingFactor};
use crate::medium::MediumConfig;
use crate::node::DropCause;
use crate::testing::Probe;
use crate::traffic::{UdpSink, UdpSinkConfig};
use SpreadingFactor::{Sf7, Sf8, Sf9, Sf12};
use protosim_core::{Purpose, Ratio, RunSeed, SimTime, Size, Span, Until, maths};

/// Bytes of headers before a payload: UDP over IPv4.
const HEADERS: u64 = 28;
/// What is on the air of an IP packet of 38 bytes, 51 with LoRaWAN's: SF7 102.656 ms, SF9 328.704 ms, SF12 2465.792 ms (Semtech's formula: 88, 68 and 63 symbols behind
/// 12.25 of preamble).
const LEN: u64 = 38;
const ON_AIR_SF7: u64 = 102_656_000;
const ON_AIR_SF12: u64 = 2_465_792_000;

/// Stations so many metres from the gateway, which is the last one; one channel, no duty cycle.
fn cell(stations: &[(i64, SpreadingFactor)]) -> LoraConfig {
    let mut names = names(stations.len() + 1);
    let gateway = names.pop().unwrap();
    let station = |(node, (metres, spreading)): (_, &(i64, SpreadingFactor))| LoraStation {
        node,
        at: (format!("{metres} m").parse().unwrap(), "0 m".parse().unwrap()),
        spacing: None,
        spreading: *spreading,
        bandwidth: None,
        power: None,
        confirmed: None,
    };
    let stations = names.into_iter().zip(stations).map(station).collect();
    LoraConfig {
        channels: Some(vec!["868.1 MHz".parse().unwrap()]),
        duty_cycle: Some(Ratio::ONE),
        ..LoraConfig::new("m", gateway, stations)
    }
}

/// Packets of `len` IP bytes to a station, so many each at its time in microseconds. It listens on port 9, too.
fn sender(to: usize, len: u64, times: &[(u64, u64)]) -> Option<Box<dyn App>> {
    let burst =
        |probe: Probe, (micros, count): &(u64, u64)| probe.burst(micros * 1000, socket(to, 9), len - HEADERS, *count);
    Some(Box::new(times.iter().fold(Probe::new(9), burst)))
}

fn sink() -> Option<Box<dyn App>> {
    Some(Box::new(UdpSink::new(UdpSinkConfig { port: 9 })))
}

fn times(field: &mut Field, station: usize) -> Vec<u64> {
    field.arrivals(station).into_iter().map(|(at, _)| at).collect()
}

fn run(config: LoraConfig, apps: Vec<Option<Box<dyn App>>>) -> Field {
    let mut field = Field::new(&MediumConfig::Lora(config), 1, apps, 1).listening();
    field.run(Until::Quiet);
    field
}

/// Handing over takes 1 ns each way.
#[test]
fn frames_take_their_time_on_air() {
    let apps =
        vec![sender(3, LEN, &[(0, 1)]), sender(3, LEN, &[(10_000_000, 1)]), sender(3, LEN, &[(20_000_000, 1)]), sink()];
    let mut field = run(cell(&[(10, Sf7), (500, Sf9), (6000, Sf12)]), apps);
    assert_eq!(times(&mut field, 3), [ON_AIR_SF7 + 2, 10_328_704_002, 20_000_000_002 + ON_AIR_SF12]);
    assert_eq!(field.medium().busy(), Some(Span::from_nanos(ON_AIR_SF7 + 328_704_000 + ON_AIR_SF12)));
}

/// DR0 takes 51 bytes and not 52; the MTU of a cell whose slowest device has SF9 is 115 bytes, and what is larger comes in fragments.
#[test]
fn payloads_have_a_limit() {
    let field = run(cell(&[(0, Sf12)]), vec![sender(1, 51, &[(0, 1)]), sink()]);
    assert_eq!((field.medium().counts().delivered, field.dropped(DropCause::TooBig)), (1, 0));
    let field = run(cell(&[(0, Sf12)]), vec![sender(1, 52, &[(0, 1)]), sink()]);
    assert_eq!((field.medium().counts().delivered, field.dropped(DropCause::TooBig)), (0, 1));
    // 200 bytes behind an IP header of 20, in fragments of multiples of 8: 88 (of 95), 88, 24.
    let field = run(cell(&[(0, Sf7), (0, Sf9)]), vec![sender(2, 220, &[(0, 1)]), None, sink()]);
    assert_eq!((field.medium().counts().delivered, field.total(2, "datagrams")), (3, 1));
    assert_eq!(MediumConfig::Lora(cell(&[(0, Sf12)])).mtu().as_bytes(), 68);
}

/// At 1 % the second of two frames of T = 2465.792 ms begins 99 T behind the first one's end, and ends at 101 T. A channel in another sub-band is free at once: then the
/// windows rule, the second of which closes 2 s, 40 µs of drift (20 ppm of 2 s) and 8 symbols of 32.768 ms behind the end. So it is without a limit.
#[test]
fn duty_cycles_are_kept() {
    let send = |config: LoraConfig| times(&mut run(config, vec![sender(1, LEN, &[(0, 2)]), sink()]), 1);
    let one = |channels: &[&str]| LoraConfig {
        duty_cycle: None,
        channels: Some(channels.iter().map(|channel| channel.parse().unwrap()).collect()),
        ..cell(&[(0, Sf12)])
    };
    assert_eq!(send(one(&["868.1 MHz", "868.3 MHz"])), [ON_AIR_SF12 + 2, 101 * ON_AIR_SF12 + 2]);
    let windows = 2_000_000_000 + 40_000 + 8 * 32_768_000;
    let at_once = [ON_AIR_SF12 + 2, 2 * ON_AIR_SF12 + windows + 2];
    assert_eq!(send(one(&["868.1 MHz", "867.1 MHz"])), at_once);
    assert_eq!(send(cell(&[(0, Sf12)])), at_once);
    // A share of its own for all sub-bands: 10 % is 9 T of silence.
    let tenth = LoraConfig { duty_cycle: Some(Ratio::from_percent(10)), ..cell(&[(0, Sf12)]) };
    assert_eq!(send(tenth), [ON_AIR_SF12 + 2, 11 * ON_AIR_SF12 + 2]);
}

/// 1 % of an hour is 36 s: 14 frames of T = 2.465792 s (34.52 s) go as fast as windows let them. With the 15th the window may have 36 s − 14 T of the first one,
/// 1.478912 s: it ends 3600 s after the first one's last 1.478912 s began.
#[test]
fn an_hour_has_its_share() {
    let hour = LoraConfig {
        duty_cycle: None,
        duty_rule: Some(DutyKeeping::Window(Span::from_secs(3600))),
        ..cell(&[(0, Sf12)])
    };
    let arrived = times(&mut run(hour.clone(), vec![sender(1, LEN, &[(0, 15)]), sink()]), 1);
    let cycle = ON_AIR_SF12 + 2_000_000_000 + 40_000 + 8 * 32_768_000;
    assert_eq!(arrived[13], 13 * cycle + ON_AIR_SF12 + 2);
    let left = 36_000_000_000 - 14 * ON_AIR_SF12;
    assert_eq!(arrived[14], ON_AIR_SF12 - left + 3_600_000_000_000 + 2);
    // Of a second, 1 % is 10 ms: no frame is as short.
    let second = LoraConfig { duty_rule: Some(DutyKeeping::Window(Span::from_secs(1))), ..hour };
    let field = run(second, vec![sender(1, LEN, &[(0, 2)]), sink()]);
    assert_eq!((field.dropped(DropCause::DutyCycle), field.medium().counts().frames), (2, 0));
}

/// Path loss grows by 37.6 dB for ten times the distance, so by 5.954 dB from 1000 m to 1440 m and 6.067 dB to 1450 m: with capture the nearer one survives the second, and
/// none the first. Other spreading factors do not matter.
#[test]
fn what_overlaps_is_lost_unless_it_is_stronger() {
    let meet = |second: (i64, SpreadingFactor), capture: bool, late: u64| {
        let config = LoraConfig { capture: Some(capture), ..cell(&[(1000, Sf7), second]) };
        let field = run(config, vec![sender(2, LEN, &[(0, 1)]), sender(2, LEN, &[(late, 1)]), sink()]);
        let counts = field.medium().counts();
        assert_eq!(counts.collisions, field.dropped(DropCause::Collision));
        (counts.delivered, counts.collisions)
    };
    assert_eq!(meet((1440, Sf7), true, 50_000), (0, 2));
    assert_eq!(meet((1450, Sf7), true, 50_000), (1, 1));
    assert_eq!(meet((1450, Sf7), false, 50_000), (0, 2));
    assert_eq!(meet((1000, Sf8), false, 50_000), (2, 0));
    // What begins as the other one ends does not overlap it; a microsecond earlier it does.
    assert_eq!(meet((1000, Sf7), false, 102_656), (2, 0));
    assert_eq!(meet((1000, Sf7), false, 102_655), (0, 2));
}

/// SF7 with 14 dBm reaches 10^((14 + 124.53 − 7.7) / 37.6) m = 3017 m, and SF12 with 12.5 dB more 6486 m. Who is too far disturbs nobody.
#[test]
fn the_gateway_hears_as_far_as_its_sensitivity() {
    let field =
        run(cell(&[(3010, Sf7), (3025, Sf7)]), vec![sender(2, LEN, &[(0, 1)]), sender(2, LEN, &[(0, 1)]), sink()]);
    assert_eq!((field.medium().counts().delivered, field.dropped(DropCause::OutOfRange)), (1, 1));
    let apps = vec![sender(2, LEN, &[(0, 1)]), sender(2, LEN, &[(9_000_000, 1)]), sink()];
    let field = run(cell(&[(6480, Sf12), (6500, Sf12)]), apps);
    assert_eq!((field.medium().counts().delivered, field.dropped(DropCause::OutOfRange)), (1, 1));
}

/// With one demodulator the second of two frames of other spreading factors is not taken in, though it would not collide; behind the end of the first one it is.
#[test]
fn the_gateway_takes_in_so_many_frames() {
    let run_with = |late: u64| {
        let config = LoraConfig { demodulators: Some(1), ..cell(&[(0, Sf7), (0, Sf9)]) };
        let field = run(config, vec![sender(2, LEN, &[(0, 1)]), sender(2, LEN, &[(late, 1)]), sink()]);
        (field.medium().counts().delivered, field.dropped(DropCause::NoDemodulator))
    };
    assert_eq!((run_with(50_000), run_with(102_656)), ((1, 1), (2, 0)));
}

/// What the gateway's node sends at 0 waits for the device's uplink at 10 s. RX1 is 1 s behind its end, 102.656 ms later; the downlink has no check: 15 blocks of 5 and 8 symbols behind 12.25, 97.536 ms.
/// The device sends for 102.656 ms (87 mA: 14 dBm needs the level of 17 dBm), listens for 20 µs (20 ppm of a second), takes in for 97.536 ms (11.5 mA) and sleeps (0.2 µA) else.
#[test]
fn a_downlink_comes_in_the_first_window_and_costs_what_it_costs() {
    let mut profile = shipped("sx1276");
    // Without ways between modes, and without a battery, it is a matter of multiplication.
    (profile.radios[0].wake, profile.radios[0].start, profile.battery) = (None, None, None);
    let device = Hardware::new(SimTime::ZERO, profile, Some("lora")).unwrap();
    let apps = vec![sender(1, LEN, &[(10_000_000, 1)]), sender(0, LEN, &[(0, 1)])];
    let config = MediumConfig::Lora(cell(&[(100, Sf7)]));
    let mut field = Field::with(&config, 1, apps, 1, (Vec::new(), Some(device))).listening();
    field.run(Until::Quiet);
    assert_eq!(times(&mut field, 0), [10_000_000_002 + ON_AIR_SF7 + 1_000_000_000 + 97_536_000]);
    let end = SimTime::ZERO + Span::from_secs(100);
    let meter = field.medium().hardware(0).unwrap().meter();
    let time = |cause| meter.time(end, Part::Radio, cause).as_nanos();
    assert_eq!([Cause::Transmit, Cause::Listen, Cause::Receive].map(time), [ON_AIR_SF7, 20_000, 97_536_000]);
    let sleeps = 100_000_000_000 - ON_AIR_SF7 - 20_000 - 97_536_000;
    assert_eq!(time(Cause::Sleep), sleeps);
    // In pA ns: 87 mA are 87e9 pA.
    let charge = 87_000_000_000 * u128::from(ON_AIR_SF7)
        + 11_500_000_000 * u128::from(97_536_000 + 20_000_u64)
        + 200_000 * u128::from(sleeps);
    assert_eq!(meter.bill(end).of_part(Part::Radio).as_units(), charge);
}

/// Two devices' uplinks of SF7 and SF8 end at 102.656 ms and 184.832 ms: the first one's RX1 is taken until 1200.192 ms, so the second one, due at
/// 1184.832 ms, has to wait for RX2, with SF12. What a third one sends meanwhile is not heard. And where RX2 is too slow for the packet, the windows are missed.
#[test]
fn a_window_that_is_taken_is_missed() {
    let run_with = |len: u64, tries: Option<u32>| {
        let config = LoraConfig {
            downlink_tries: tries,
            mtu: Mtu::new(Size::from_bytes(222)),
            ..cell(&[(0, Sf7), (0, Sf8), (0, Sf9)])
        };
        let to_both = Probe::new(9).burst(0, socket(0, 9), LEN - HEADERS, 1).burst(0, socket(1, 9), len - HEADERS, 1);
        let apps: Vec<Option<Box<dyn App>>> = vec![
            sender(3, LEN, &[(1, 1), (20_000_000, 1)]),
            sender(3, LEN, &[(1, 1), (20_000_000, 1)]),
            sender(3, LEN, &[(1_150_000, 1)]),
            Some(Box::new(to_both)),
        ];
        run(LoraConfig { demodulators: Some(100), ..config }, apps)
    };
    // SF8: (408 − 32 + 28 + 16 = 420) / 32 in 14 blocks: 78 + 12.25 symbols of 2.048 ms are 184.832 ms. RX2 with SF12: (408 − 48 + 28) / 40 in 10 blocks, 70.25 symbols.
    let mut field = run_with(LEN, None);
    assert_eq!(times(&mut field, 1), [1002 + 184_832_000 + 2_000_000_000 + 2_301_952_000]);
    assert_eq!((field.dropped(DropCause::Deaf), field.dropped(DropCause::NoWindow)), (1, 0));
    // 60 bytes are too many for DR0: it comes behind the next uplink, if the gateway tries again. There RX1 is free, as nobody else gets anything.
    let mut field = run_with(60, None);
    // SF8, 73 bytes without a check: (584 − 32 + 28) / 32 in 19 blocks, 103 + 12.25 symbols.
    assert_eq!(times(&mut field, 1), [20_000_000_002 + 184_832_000 + 1_000_000_000 + 236_032_000]);
    let field = run_with(60, Some(1));
    assert_eq!(field.dropped(DropCause::NoWindow), 1);
}

/// Of 20 packets for a device that never sends, 8 wait; when it does, one comes with each uplink.
#[test]
fn downlinks_wait_in_a_queue_with_an_end() {
    let apps = vec![sender(1, LEN, &[(10_000_000, 3)]), sender(0, LEN, &[(0, 20)])];
    let mut field = Field::new(&MediumConfig::Lora(cell(&[(0, Sf7)])), 1, apps, 1);
    field.run(Until::Time(SimTime::ZERO + Span::from_secs(100)));
    assert_eq!(
        (field.dropped(DropCause::HeldFull), field.medium().counts().delivered, field.medium().held()),
        (12, 6, 5)
    );
}

/// Confirmed, without losses: the gateway's frame of 12 bytes in RX1 is the acknowledgement, with SF7 (96 − 28 + 28) / 28 in 4 blocks: 28 + 12.25 symbols, 41.216 ms; then the next one.
#[test]
fn a_confirmed_uplink_is_acknowledged() {
    let mut config = cell(&[(0, Sf7)]);
    config.stations[0].confirmed = Some(true);
    let mut field = run(config, vec![sender(1, LEN, &[(0, 2)]), sink()]);
    let first = 1 + ON_AIR_SF7;
    assert_eq!(times(&mut field, 1), [first + 1, first + 1_000_000_000 + 41_216_000 + ON_AIR_SF7 + 1]);
    let counts = field.medium().counts();
    assert_eq!((counts.frames, counts.retries), (4, 0));
}

/// Each frame is lost with p = 0.3, each way. A try is acknowledged with q = 0.49; of at most three, a packet takes (1 − 0.51³) / 0.49 = 1.7701 in the mean, with a variance below 0.75 (values 1 to 3,
/// E N² = 0.49 + 4 · 0.2499 + 9 · 0.2601 = 3.8305, less 1.7701² = 0.6972). It comes with 1 − 0.3³ = 0.973, and never twice. 4000 packets, five standard deviations each.
#[test]
fn what_is_not_acknowledged_is_sent_again() {
    const PACKETS: u64 = 4000;
    let mut config = LoraConfig { loss: Some(Ratio::from_percent(30)), attempts: Some(3), ..cell(&[(0, Sf7)]) };
    config.stations[0].confirmed = Some(true);
    let each: Vec<(u64, u64)> = (0..PACKETS).map(|k| (k * 30_000_000, 1)).collect();
    let field = run(config, vec![sender(1, LEN, &each), sink()]);
    let counts = field.medium().counts();
    let n = PACKETS as f64;
    let off = |got: u64, mean: f64, variance: f64| (got as f64 - n * mean).abs() / (n * variance).sqrt();
    assert!(off(counts.delivered, 0.973, 0.973 * 0.027) < 5.0, "{}", counts.delivered);
    assert!(off(counts.retries, 0.7701, 0.6972) < 5.0, "{}", counts.retries);
    assert_eq!(field.dropped(DropCause::RetryLimit), PACKETS - counts.delivered);
    assert_eq!(field.total(1, "datagrams"), counts.delivered);
}

/// N devices of a spreading factor send one frame of T each at a time that is uniform in a period P (or in one of its S slots). One at x, T < x < P − T, comes through if all others keep 2 T from it; nearer to an
/// edge it is less: S = ((P − 2T) (1 − 2T/P)^(N−1) + 2 ∫_T^2T (1 − u/P)^(N−1) du) / P, and with slots (1 − 1/S)^(N−1). These near e^(−2G) and e^(−G) with G = N T/P as N grows. As many devices
/// of another spreading factor send in the same cell, and do not matter.
///
/// 12 runs of each point with seeds of their own are independent: their mean is within t standard errors, t of Student's distribution with 11 degrees of freedom for
/// 0.1 % in 16 points together, 3.125 · 10^-5 on each side of each: 6.252.
#[test]
fn aloha_delivers_what_abramson_and_roberts_say() {
    const RUNS: u64 = 12;
    const T: f64 = 6.252;
    for is_slotted in [false, true] {
        for load in [0.1, 0.3, 0.6, 1.0] {
            let both: Vec<[f64; 2]> = (0..RUNS).map(|seed| shares(is_slotted, load, seed)).collect();
            for factor in 0..2 {
                let got: Vec<f64> = both.iter().map(|both| both[factor]).collect();
                let mean = got.iter().sum::<f64>() / RUNS as f64;
                let variance = got.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (RUNS - 1) as f64;
                let half = T * (variance / RUNS as f64).sqrt();
                // T/P, and the closed forms in units of P.
                let (n, t) = (DEVICES as f64, load / DEVICES as f64);
                let expected = if is_slotted {
                    maths::pow(1.0 - t, n - 1.0)
                } else {
                    let edge = (maths::pow(1.0 - t, n) - maths::pow(1.0 - 2.0 * t, n)) / n;
                    maths::pow(1.0 - 2.0 * t, n) + 2.0 * edge
                };
                let limit =
                    if is_slotted { crate::lora::aloha::slotted(load) } else { crate::lora::aloha::unslotted(load) };
                assert!((expected - limit).abs() < 0.02, "{expected}, {limit}");
                let point = format!("{is_slotted} {load} {factor}");
                assert!((mean - expected).abs() <= half, "{point}: {mean} ± {half}, not {expected}");
                assert!(half < 0.12, "the interval says something: {half}");
            }
        }
    }
}

/// Of each spreading factor.
const DEVICES: usize = 300;

/// The shares of frames of SF7 and of SF9 that come through. 68 bytes, the least MTU, take with SF7 24 blocks of 5 and 8 symbols of 1.024 ms behind 12.25: 143.616 ms; with SF9 19 blocks, so 115.25
/// symbols of 4.096 ms: 472.064 ms. Slots are of 472.064 ms for both.
fn shares(is_slotted: bool, load: f64, seed: u64) -> [f64; 2] {
    const SLOT: u64 = 472_064;
    // A whole number of frames or slots is near enough: 300, 500, 1000 or 3000.
    let frames = maths::round_to_u64(DEVICES as f64 / load);
    let mut luck = RunSeed { seed, replication: 0 }.stream("test", Purpose("test.arrivals"));
    let period = |index: usize| frames * if is_slotted || index >= DEVICES { SLOT } else { 143_616 };
    let times = (0..2 * DEVICES).map(|index| luck.below(period(index)));
    let mut apps: Vec<_> = times.map(|at| sender(2 * DEVICES, 68, &[(at, 1)])).collect();
    apps.push(sink());
    let stations: Vec<_> = (0..2 * DEVICES).map(|index| (10, if index < DEVICES { Sf7 } else { Sf9 })).collect();
    let config = LoraConfig {
        capture: Some(false),
        demodulators: Some(4096),
        slotted: is_slotted.then(|| Span::from_micros(SLOT)),
        mtu: Mtu::new(Size::from_bytes(68)),
        ..cell(&stations)
    };
    let mut field = Field::new(&MediumConfig::Lora(config), seed, apps, 1).listening();
    field.run(Until::Quiet);
    let came = field.arrivals(2 * DEVICES);
    let fast: Vec<_> = (0..DEVICES).map(address).collect();
    let share = |is_fast: bool| {
        let of = came.iter().filter(|(_, packet)| fast.contains(&packet.src()) == is_fast).count();
        of as f64 / DEVICES as f64
    };
    [share(true), share(false)]
}

/// Two senders, of whom one is 6.067 dB stronger at the gateway (1000 m and 1450 m), each with a frame of T = 102.656 ms at a time that is uniform in a period P = 3 T: the weaker one comes through if they keep T apart,
/// (1 − T/P)² = 4/9; with capture the stronger one always does, and without it only as the weaker one. 4000 periods, 10 s apart, are independent: shares are within 3.72 standard deviations, √(4/9 · 5/9 / 4000) = 0.00786, which hold
/// for three shares together with 99.94 %.
#[test]
fn capture_of_two_senders_has_its_closed_form() {
    const PERIODS: u64 = 4000;
    let run_with = |capture: bool| {
        let mut luck = RunSeed { seed: 5, replication: 0 }.stream("test", Purpose("test.arrivals"));
        let mut times = || (0..PERIODS).map(|k| (k * 10_000_000 + luck.below(3 * 102_656), 1)).collect::<Vec<_>>();
        let apps = vec![sender(2, LEN, &times()), sender(2, LEN, &times()), sink()];
        let config = LoraConfig { capture: Some(capture), ..cell(&[(1000, Sf7), (1450, Sf7)]) };
        let mut field = run(config, apps);
        let came = field.arrivals(2);
        let of = |index: usize| came.iter().filter(|(_, packet)| packet.src() == address(index)).count() as f64;
        [of(0), of(1)].map(|count| count / PERIODS as f64)
    };
    let is_near = |share: f64| (share - 4.0 / 9.0).abs() < 3.72 * 0.007_86;
    let [near, far] = run_with(true);
    assert!((near, is_near(far)) == (1.0, true), "{near} {far}");
    let [near, far] = run_with(false);
    assert!(is_near(near) && near == far, "{near} {far}");
}

/// One uplink of SF7 with its windows, an SX1276 at 3.3 V as its profile has it, until 20 s. Its way from sleep is 250 us at 1.6 mA and 60 us at 5.8 mA, 0.748 uC. It sends for 102.656 ms with 14 dBm, for which it needs the 87 mA of 17 dBm; the
/// first 310 us of that are its way: 102.346 ms · 87 mA = 8904.102 uC. RX1 is open for 8 symbols of 1.024 ms and 20 us of drift on both sides, 8.232 ms, RX2 for 8 of 32.768 ms and 40 us, 262.224 ms:
/// 270.456 ms · 11.5 mA = 3110.244 uC. It sleeps for 20 s − 102.656 ms − 270.456 ms − 2 · 0.31 ms = 19.626268 s at 0.2 uA, 3.9252536 uC. With three ways 12020.5152536 uC, 39.66770033688 mJ.
/// The processor, 1.4 uA asleep, takes 28 uC beside.
#[test]
fn an_uplink_with_its_windows_costs_what_the_data_sheet_says() {
    let mut profile = shipped("sx1276");
    profile.battery = None;
    let device = Hardware::new(SimTime::ZERO, profile, Some("lora")).unwrap();
    let config = MediumConfig::Lora(cell(&[(100, Sf7)]));
    let apps = vec![sender(1, LEN, &[(10_000_000, 1)]), sink()];
    let mut field = Field::metered(&config, 1, apps, 1, Some(device));
    let end = SimTime::ZERO + Span::from_secs(20);
    field.run(Until::Time(end));
    let meter = field.medium().hardware(0).unwrap().at(end);
    let bill = meter.meter().bill(end);
    // In pA ns: uC are 10^15 of them.
    assert_eq!(bill.of_part(Part::Radio).as_units(), 12_020_515_253_600_000_000);
    assert_eq!(bill.of_part(Part::Cpu).as_units(), 28_000_000_000_000_000);
    let joules = bill.of_part(Part::Radio).as_units() as f64 * 1e-21 * 3.3;
    assert!((joules / 39.667_700_336_88e-3 - 1.0).abs() < 1e-9, "{joules}");
}

/// The same device without ways, on a battery of 28.8 mC, with an uplink each 10 s from 10 s on. Two uplinks with their windows take 2 · (102.656 ms · 87 mA + 270.456 ms · 11.5 mA) = 24.082 mC, and sleep at 0.2 uA and 1.4 uA some uC; so it ends
/// during the third one, after 4.67 mC / 87.0014 mA or 53.7 ms of it. That frame is lost, and what its node hands over later.
#[test]
fn a_battery_ends_in_the_middle_of_a_frame() {
    let mut profile = shipped("sx1276");
    (profile.radios[0].wake, profile.radios[0].start) = (None, None);
    let ideal = BatteryConfig::ideal("1 Ah".parse().unwrap(), "3.3 V".parse().unwrap());
    let charge = "28.8 mA".parse::<Current>().unwrap().over(Span::from_secs(1));
    let battery = Battery::with_charge(SimTime::ZERO, ideal, charge);
    let device = Hardware::with_battery(SimTime::ZERO, profile, Some("lora"), Some(battery)).unwrap();
    let config = MediumConfig::Lora(cell(&[(100, Sf7)]));
    let each: Vec<(u64, u64)> = (1..=4).map(|k| (k * 10_000_000, 1)).collect();
    let mut field = Field::metered(&config, 1, vec![sender(1, LEN, &each), sink()], 1, Some(device)).listening();
    field.run(Until::Quiet);
    assert_eq!((field.total(1, "datagrams"), field.dropped(DropCause::NodeDown), field.medium().held()), (2, 2, 0));
    let begins: u128 = 30_000_000_001;
    let (sends, listens) = (u128::from(ON_AIR_SF7), 270_456_000);
    let asleep = begins - 2 * (sends + listens);
    let before = 2 * (87_000_000_000 * sends + 11_500_000_000 * listens) + 200_000 * asleep + 1_400_000 * begins;
    let left = (28_800_000_000_000_000_000 - before).div_ceil(87_001_400_000);
    let (at, _) = field.medium().hardware(0).unwrap().ended(SimTime::ZERO + Span::from_secs(40)).unwrap();
    assert_eq!(u128::from(at.as_nanos()), begins + left);
}

/// A device's frame that the duty cycle does not let go at once is dropped where newer data are worth more: at 1 %, T = 102.656 ms makes silence for 99 T, 10.16 s. Of frames at 0, 5 and 11 s the second one is.
#[test]
fn frames_over_the_duty_cycle_may_be_dropped() {
    let config = |excess| LoraConfig { duty_cycle: None, duty_excess: Some(excess), ..cell(&[(0, Sf7)]) };
    let send = |excess| {
        let moments = [(0, 1), (5_000_000, 1), (11_000_000, 1)];
        let mut field = run(config(excess), vec![sender(1, LEN, &moments), sink()]);
        (times(&mut field, 1), field.dropped(DropCause::DutyCycle))
    };
    let (first, third) = (ON_AIR_SF7 + 2, 11_000_000_002 + ON_AIR_SF7);
    assert_eq!(send(DutyExcess::Drop), (vec![first, third], 1));
    // They wait: each begins 100 T behind the one before.
    assert_eq!(send(DutyExcess::Wait), (vec![first, 101 * ON_AIR_SF7 + 2, 201 * ON_AIR_SF7 + 2], 0));
}

/// The gateway sends to the first device in RX1 at 1.1 s (97.536 ms), and M is silent for 9.66 s then; to the second one, whose uplink is at 1.5 s, in RX2 at 3.6 s, with SF12 for 2301.952 ms, and P is for 20.7 s. So nothing goes
/// behind the third one's uplink at 6 s: its packet is dropped, or comes behind the next one, at 40 s.
#[test]
fn the_gateway_has_a_duty_cycle_too() {
    let send = |excess| {
        let config = LoraConfig { duty_cycle: None, duty_excess: Some(excess), ..cell(&[(0, Sf7); 3]) };
        let to_all = (0..3).fold(Probe::new(9), |probe, to| probe.burst(0, socket(to, 9), LEN - HEADERS, 1));
        let apps: Vec<Option<Box<dyn App>>> = vec![
            sender(3, LEN, &[(1, 1)]),
            sender(3, LEN, &[(1_500_000, 1)]),
            sender(3, LEN, &[(6_000_000, 1), (40_000_000, 1)]),
            Some(Box::new(to_all)),
        ];
        let mut field = run(config, apps);
        let all = field.all_arrivals();
        let at = |station| all.iter().filter(|(to, _)| *to == station).map(|(_, at)| *at).collect::<Vec<_>>();
        assert_eq!(at(0), [1002 + ON_AIR_SF7 + 1_000_000_000 + 97_536_000]);
        assert_eq!(at(1), [1_500_000_002 + ON_AIR_SF7 + 2_000_000_000 + 2_301_952_000]);
        (at(2), field.dropped(DropCause::DutyCycle))
    };
    let late = 40_000_000_002 + ON_AIR_SF7 + 1_000_000_000 + 97_536_000;
    assert_eq!((send(DutyExcess::Wait), send(DutyExcess::Drop)), ((vec![late], 0), (vec![], 1)));
}

/// A device has two windows, and no others: RX1 opens 1 s and RX2 2 s behind the end of the uplink (RECEIVE_DELAY1 and RECEIVE_DELAY2), with a clock that is exact, for 8 symbols of 1.024 and 32.768 ms.
#[test]
fn windows_open_when_they_should() {
    let mut profile = shipped("sx1276");
    (profile.radios[0].wake, profile.radios[0].start, profile.battery) = (None, None, None);
    let device = Hardware::new(SimTime::ZERO, profile, Some("lora")).unwrap();
    let config = MediumConfig::Lora(LoraConfig { clock_ppm: Some(0), ..cell(&[(100, Sf7)]) });
    let end = 10_000_000_001 + ON_AIR_SF7;
    let listened = |until: u64| {
        let apps = vec![sender(1, LEN, &[(10_000_000, 1)]), sink()];
        let mut field = Field::metered(&config, 1, apps, 1, Some(device.clone()));
        let until = SimTime::from_nanos(until);
        field.run(Until::Time(until));
        field.medium().hardware(0).unwrap().meter().time(until, Part::Radio, Cause::Listen).as_nanos()
    };
    let (one, two) = (end + 1_000_000_000, end + 2_000_000_000);
    let (first, second) = (8 * 1_024_000, 8 * 32_768_000);
    for (until, heard) in [
        (one, 0),
        (one + 1, 1),
        (one + first, first),
        (one + first + 1, first),
        (two, first),
        (two + 1, first + 1),
        (two + second + 1, first + second),
        (two + 60_000_000_000, first + second),
    ] {
        assert_eq!(listened(until), heard, "{}", until - end);
    }
}

/// What is around a payload is what frames of LoRaWAN have.
#[test]
fn frames_are_as_long_as_real_ones() {
    let mut frame = DataFrame::new(Kind::UnconfirmedUp, 1, 1).unwrap();
    assert_eq!(frame.wire_len() as u64, EMPTY);
    (frame.port, frame.payload) = (Some(1), vec![0; 38]);
    assert_eq!(frame.wire_len() as u64, AROUND + 38);
}

/// Losses of 20 % of 2000 uplinks: 400, with a standard deviation of 17.9; four of these leave less than 1 in 15000 outside.
#[test]
fn frames_are_lost_by_chance() {
    let each: Vec<(u64, u64)> = (0..2_000).map(|k| (k * 5_000_000, 1)).collect();
    let config = LoraConfig { loss: Some(Ratio::from_percent(20)), ..cell(&[(0, Sf7)]) };
    let field = run(config, vec![sender(1, LEN, &each), sink()]);
    let lost = field.dropped(DropCause::Lost);
    assert!(lost.abs_diff(400) < 72, "{lost}");
    assert_eq!(field.total(1, "datagrams"), 2_000 - lost);
}

#[test]
fn runs_are_the_same_on_any_number_of_threads() {
    let stations = [(100, Sf7), (900, Sf7), (2000, Sf9), (5000, Sf12)];
    let mut config =
        LoraConfig { channels: None, duty_cycle: None, loss: Some(Ratio::from_percent(5)), ..cell(&stations) };
    config.stations[1].confirmed = Some(true);
    let config = MediumConfig::Lora(config);
    let build = |threads| {
        let each: Vec<(u64, u64)> = (0..40).map(|k| (k * 7_000_000, 1)).collect();
        let mut apps: Vec<_> = (0..4).map(|_| sender(4, LEN, &each)).collect();
        apps.push(sender(0, LEN, &each));
        Field::new(&config, 1, apps, threads)
    };
    let run = |threads| {
        let mut field = build(threads);
        field.run(Until::Quiet);
        (field.digests(), field.medium().counts())
    };
    let one = run(1);
    assert!(one.1.collisions > 0 && one.1.retries > 0 && one.1.delivered > 100, "{:?}", one.1);
    assert_eq!((run(2), run(8)), (one.clone(), one));
    // A snapshot goes on as the world does.
    let mut field = build(1);
    field.run(Until::Time(SimTime::ZERO + Span::from_secs(50)));
    let mut copy = field.sim.try_clone().unwrap();
    copy.run(Until::Quiet, &mut protosim_core::Sinks::deaf()).unwrap();
    field.run(Until::Quiet);
    assert_eq!(copy.entity_digests(), field.sim.entity_digests());
}

#[test]
fn what_cannot_be_is_refused() {
    let fields = |change: &dyn Fn(&mut LoraConfig)| {
        let mut config = cell(&[(0, Sf9), (0, Sf7)]);
        change(&mut config);
        MediumConfig::Lora(config).check().into_iter().map(|(field, _)| field).collect::<Vec<_>>()
    };
    assert!(fields(&|_| {}).is_empty());
    let channel = |text: &str| Some(vec![text.parse().unwrap()]);
    let cases: [(&str, &dyn Fn(&mut LoraConfig)); 16] = [
        ("stations.0.bandwidth", &|c| c.stations[0].bandwidth = Some(Bandwidth::Khz250)),
        ("stations.1.bandwidth", &|c| c.stations[1].bandwidth = Some(Bandwidth::Khz500)),
        ("stations.1.power", &|c| c.stations[1].power = Some("14.01 dBm".parse().unwrap())),
        ("gateway_power", &|c| c.gateway_power = Some("20 dBm".parse().unwrap())),
        ("channels", &|c| c.channels = Some(Vec::new())),
        ("channels.0", &|c| c.channels = channel("868.65 MHz")),
        ("channels.0", &|c| c.channels = channel("64 GHz")),
        ("duty_cycle", &|c| c.duty_cycle = Some(Ratio::ZERO)),
        ("duty_rule", &|c| c.duty_rule = Some(DutyKeeping::Window(Span::ZERO))),
        ("slotted", &|c| c.slotted = Some(Span::from_millis(100))),
        ("slotted", &|c| c.slotted = Some(Span::from_secs(61))),
        ("window_symbols", &|c| c.window_symbols = Some(4)),
        ("attempts", &|c| c.attempts = Some(3)),
        ("mtu", &|c| c.mtu = Mtu::new(Size::from_bytes(223))),
        ("path_loss_exponent", &|c| c.path_loss_exponent = Some(f64::NAN)),
        ("gateway", &|c| c.gateway = c.stations[0].node.clone()),
    ];
    for (field, change) in cases {
        assert_eq!(fields(change), [field], "{field}");
    }
    let mut fast = cell(&[(0, Sf7)]);
    fast.stations[0].bandwidth = Some(Bandwidth::Khz250);
    assert_eq!(MediumConfig::Lora(fast).check(), []);
}
