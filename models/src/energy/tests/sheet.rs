//! Figures of published datasheets and of standards, worked out by hand.

use super::{millis, shipped};
use crate::device::{Clock, Drift};
use crate::energy::cellular::{CellularConfig, Modem};
use crate::energy::quantity::YEAR;
use crate::energy::schedule::Pulse;
use crate::energy::timers::ExtendedDrx;
use crate::energy::wifi::dsss_airtime;
use crate::energy::*;
use crate::lora::{Bandwidth, Modulation, SpreadingFactor};
use proptest::prelude::*;
use protosim_core::{SimTime, Span};

/// 127 B at 2.4 GHz with 6 B of preamble, 32 us each: 133 × 32 = 4256 us.
const FRAME: Span = Span::from_micros(4_256);

/// The energy of one span in a mode of a radio, in units of 10^-24 J.
fn energy(device: &str, radio: &str, mode: RadioMode, span: Span) -> u128 {
    let profile = shipped(device);
    let state = profile.radio(radio).unwrap().state(mode).unwrap();
    let mut meter = Meter::new(SimTime::ZERO, profile.supply.value);
    meter.set(SimTime::ZERO, Part::Radio, state);
    meter.set(SimTime::ZERO + span, Part::Radio, State::OFF);
    meter.energy(SimTime::ZERO + span + span).as_units()
}

fn send(dbm: &str) -> RadioMode {
    RadioMode::Transmit(dbm.parse().unwrap())
}

/// A CC2538 at 3 V: 4.256 ms × 24 mA × 3 V = 306.432 uJ to send a frame, × 20 mA 255.36 uJ to receive it. Exactly: 306.432 × 10^18 units.
#[test]
fn a_frame_of_the_cc2538() {
    assert_eq!(energy("cc2538", "802.15.4", send("0 dBm"), FRAME), 306_432_000_000_000_000_000);
    assert_eq!(energy("cc2538", "802.15.4", RadioMode::Receive, FRAME), 255_360_000_000_000_000_000);
}

/// The same frame at 3 V: CC2650 6.1 mA, 77.8848 uJ; nRF52840 4.8 mA, 61.2864 uJ.
#[test]
fn a_frame_of_the_cc2650_and_the_nrf52840() {
    assert_eq!(energy("cc2650", "802.15.4", send("0 dBm"), FRAME), 77_884_800_000_000_000_000);
    assert_eq!(energy("nrf52840", "802.15.4", send("0 dBm"), FRAME), 61_286_400_000_000_000_000);
}

/// LoRa, 23 B at 13 dBm, 29 mA and 3.3 V: 61.696 ms are 5.9043072 mJ with SF7; 1482.752 ms are 141.8993664 mJ with SF12. The ratio is that
/// of the air times, 24.033.
#[test]
fn a_frame_of_lora() {
    let airtime = |spreading| Modulation::uplink(spreading, Bandwidth::Khz125).airtime(23);
    let (fast, slow) = (airtime(SpreadingFactor::Sf7), airtime(SpreadingFactor::Sf12));
    assert_eq!((fast, slow), (Span::from_micros(61_696), Span::from_micros(1_482_752)));
    let cost = |span| energy("sx1276", "lora", send("13 dBm"), span);
    assert_eq!(cost(fast), 5_904_307_200_000_000_000_000);
    assert_eq!(cost(slow), 141_899_366_400_000_000_000_000);
    assert!((cost(slow) as f64 / cost(fast) as f64 - 24.033).abs() < 1e-3);
}

/// ESP32, 1500 B at 1 Mbit/s: 192 us + 12000 us = 12.192 ms, × 240 mA × 3.3 V = 9.656064 mJ.
#[test]
fn a_frame_of_the_esp32() {
    let airtime = dsss_airtime(1_500, 1_000);
    assert_eq!(airtime, Span::from_micros(12_192));
    assert_eq!(energy("esp32", "wifi", send("19.5 dBm"), airtime), 9_656_064_000_000_000_000_000);
}

/// 2400 mAh with a receiver that is always on at 20 mA: 120 h, 5.0 days, exactly.
#[test]
fn a_receiver_that_never_sleeps() {
    let config = BatteryConfig::ideal(Capacity::from_milliampere_hours(2_400), "3 V".parse().unwrap());
    let mut battery = Battery::new(SimTime::ZERO, config);
    battery.draw(SimTime::ZERO, shipped("cc2538").radio("802.15.4").unwrap().receive.value);
    assert_eq!(battery.fails(), Some(SimTime::ZERO + Span::from_secs(120 * 3_600)));
}

/// A CC2538 each 60 s: 4.256 ms sending at 24 mA (102.144 uC), 1.408 ms receiving at 20 mA (28.16 uC), 10 ms of processor at 13 mA (130
/// uC), and else 1.3 uA for 59.984336 s (77.9796368 uC). In all 338.2836368 uC a minute, 5.63806061 uA; at 3 V 1.0148509104 mJ a minute.
/// 2400 mAh then last 48.59 years of 365 days.
#[test]
fn a_sensor_that_reports_each_minute() {
    let profile = shipped("cc2538");
    let radio = profile.radio("802.15.4").unwrap();
    let [sends, receives] = [send("0 dBm"), RadioMode::Receive].map(|mode| radio.state(mode).unwrap());
    let mut meter = Meter::new(SimTime::ZERO, profile.supply.value);
    let mut at = SimTime::ZERO;
    // One thing after the other: what works, works alone.
    let minutes = 1_000;
    for minute in 0..minutes {
        assert_eq!(at, SimTime::ZERO + Span::from_secs(60 * minute));
        let works = profile.cpu.state(CpuMode::Active);
        for (part, state, span) in
            [(Part::Cpu, works, 10_000), (Part::Radio, sends, 4_256), (Part::Radio, receives, 1_408)]
        {
            meter.set(at, part, state);
            at += Span::from_micros(span);
            meter.set(at, part, State::OFF);
        }
        meter.set(at, Part::Cpu, profile.cpu.state(CpuMode::Sleep));
        at = SimTime::ZERO + Span::from_secs(60 * (minute + 1));
    }
    let bill = meter.bill(at);
    let per_minute = |charge: Charge| charge.as_units() / u128::from(minutes);
    // Microcoulombs are 10^15 units.
    assert_eq!(per_minute(bill.of_cause(Cause::Transmit)), 102_144_000_000_000_000);
    assert_eq!(per_minute(bill.of_cause(Cause::Receive)), 28_160_000_000_000_000);
    assert_eq!(per_minute(bill.of_cause(Cause::Cpu)), 130_000_000_000_000_000);
    assert_eq!(per_minute(bill.of_cause(Cause::Sleep)), 77_979_636_800_000_000);
    let joules = meter.energy(at).as_joules() / minutes as f64;
    assert!((joules / 1.014_850_910_4e-3 - 1.0).abs() < 1e-9);
    let mean = bill.total().mean_over(at - SimTime::ZERO);
    assert_eq!(mean.as_picoamperes(), 5_638_061);
    let cell = BatteryConfig::ideal(Capacity::from_milliampere_hours(2_400), "3 V".parse().unwrap());
    let years = cell.life_secs(mean, mean) / YEAR.as_secs_f64();
    assert!((years - 48.6).abs() < 0.05, "{years}");
}

/// The mean current of reports: `period` seconds with 3 s at 170 mA, 10 s at 15 mA, and PSM at 10 uA else.
fn mean_of_reports(period: u64) -> Current {
    let profile = shipped("bg96");
    let radio = profile.radio("nb-iot").unwrap();
    let [sends, tail, psm] = [send("23 dBm"), RadioMode::Idle, RadioMode::Off].map(|mode| radio.state(mode).unwrap());
    let mut meter = Meter::new(SimTime::ZERO, profile.supply.value);
    meter.set(millis(0), Part::Radio, sends);
    meter.set(millis(3_000), Part::Radio, tail);
    meter.set(millis(13_000), Part::Radio, psm);
    meter.charge(SimTime::ZERO + Span::from_secs(period)).mean_over(Span::from_secs(period))
}

/// BG96: 510 + 150 mC for each report. Hourly: + 10 uA × 3587 s = 35.87 mC: 695.87 mC / 3600 s = 193.297 uA, 2.95 years of 5 Ah. Daily: + 863.87 mC:
/// 1523.87 mC / 86400 s = 17.637 uA, 32 years.
#[test]
fn reports_by_nb_iot() {
    let (hourly, daily) = (mean_of_reports(3_600), mean_of_reports(86_400));
    assert_eq!((hourly.as_picoamperes(), daily.as_picoamperes()), (193_297_222, 17_637_384));
    let cell = shipped("bg96").battery.unwrap().value;
    assert_eq!(cell.capacity.to_string(), "5 Ah");
    let years = |mean| BatteryConfig::ideal(cell.capacity, cell.voltage).life_secs(mean, mean) / YEAR.as_secs_f64();
    assert!((years(hourly) - 2.95).abs() < 0.005 && (years(daily) - 32.4).abs() < 0.05);
    // With the 1 % a year that the profile has: ln(1 + s C / I) / s, where s C / I = 0.010050336 × 32.362 = 0.32525: 28.02 years.
    let leaky = cell.life_secs(daily, daily) / YEAR.as_secs_f64();
    assert!((leaky - 28.02).abs() < 0.01, "{leaky}");
}

/// BG96 in eDRX of 20.48 s at 1.1 mA in the mean: 5000 mAh / 1.1 mA = 4545 h = 189 days.
#[test]
fn a_cell_under_edrx() {
    let cell = BatteryConfig::ideal("5 Ah".parse().unwrap(), "3.8 V".parse().unwrap());
    let mean = "1.1 mA".parse().unwrap();
    assert!((cell.life_secs(mean, mean) / 86_400.0 - 189.39).abs() < 0.01);
}

/// The same by modem and profile: in a cycle of 20.48 s with a window of 12.8 s there are five occasions of 20 ms, 100 ms at 66 mA and the rest at 0.8 mA: 6.6 mC +
/// 16.304 mC a cycle, 1.118359 mA, within 2 % of what the maker measured (1.1 mA) with a window that it does not say.
#[test]
fn a_modem_under_edrx() {
    let profile = shipped("bg96");
    let radio = profile.radio("nb-iot").unwrap();
    let extended = ExtendedDrx { cycle: Span::from_millis(20_480), window: Span::from_millis(12_800) };
    let modem =
        Modem::new(CellularConfig { extended: Some(extended), ..CellularConfig::nb_iot() }, SimTime::ZERO).unwrap();
    let cycles = extended.cycle * 1_000;
    let on = modem.idle_listening(SimTime::ZERO, SimTime::ZERO + cycles);
    assert_eq!(on, Span::from_secs(100));
    let [listens, sleeps] = [millis(10), millis(1_000)].map(|at| modem.activity(at).mode("23 dBm".parse().unwrap()));
    let [listens, sleeps] = [listens, sleeps].map(|mode| radio.state(mode).unwrap().current);
    let mean = (listens.over(on) + sleeps.over(cycles.saturating_sub(on))).mean_over(cycles);
    assert_eq!(mean.as_picoamperes(), 1_118_359_375);
}

/// A BLE advertiser: 1.2 ms of 4.8 mA each second, 5.76 uA.
#[test]
fn an_advertiser() {
    let charge = shipped("nrf52840")
        .radio("ble")
        .unwrap()
        .transmit("0 dBm".parse().unwrap())
        .unwrap()
        .over(Span::from_micros(1_200));
    assert_eq!(charge.mean_over(Span::from_secs(1)), "5.76 uA".parse().unwrap());
}

/// Waits of arrivals in the middle of each of many equal parts of a period: their mean is half of it, the longest the whole but half a part.
#[test]
fn a_poll_waits_half_its_period_and_costs_its_inverse() {
    let waits = |period: Span| {
        let pulse = Pulse::new(SimTime::ZERO, period, Span::from_millis(5)).unwrap();
        let part = period.as_nanos() / 1_000;
        let wait = |k: u64| {
            let at = SimTime::from_nanos(7 * period.as_nanos() + k * part + part / 2);
            (pulse.next_start(at) - at).as_nanos()
        };
        let day = SimTime::ZERO + Span::from_secs(86_400);
        ((0..1_000).map(wait).sum::<u64>() / 1_000, pulse.on_until(day).as_nanos())
    };
    let (short, long) = (waits(Span::from_secs(2)), waits(Span::from_secs(4)));
    assert_eq!((short.0, long.0), (1_000_000_000, 2_000_000_000));
    // 43200 and 21600 polls of 5 ms a day.
    assert_eq!((short.1, long.1), (216_000_000_000, 108_000_000_000));
}

/// Two clocks at +20 and -20 ppm are 40 us apart each second: 144 ms after an hour.
#[test]
fn two_clocks_drift_apart() {
    let clock = |text: &str| Clock::new(Span::ZERO, text.parse::<Drift>().unwrap());
    let hour = SimTime::ZERO + Span::from_secs(3_600);
    assert_eq!(clock("20 ppm").reading(hour) - clock("-20 ppm").reading(hour), Span::from_millis(144));
}

/// ECDSA with P-256 on a CC2650: 15 M cycles at 48 MHz are 312.5 ms; × 2.928 mA × 3 V = 2.745 mJ. A handshake of DTLS with certificates on
/// both sides takes a client five operations: generate, agree and sign with 15 M cycles each, and verify twice with 14 M. 73 M cycles are
/// 1.520833333 s.
#[test]
fn a_signature_of_the_cc2650() {
    let profile = shipped("cc2650");
    let costs = profile.device_config().cpu;
    let span = |name: &str| costs[name].per_call;
    assert_eq!(span("tls.ecdsa-p256.sign"), Span::from_micros(312_500));
    let joules = profile.cpu.active.value.over(span("tls.ecdsa-p256.sign")).at(profile.supply.value).as_joules();
    assert!((joules - 2.745e-3).abs() < 1e-9);
    let verify = span("tls.ecdsa-p256.verify");
    let handshake = span("tls.p256.generate") + span("tls.p256.agree") + span("tls.ecdsa-p256.sign") + verify + verify;
    assert_eq!(handshake, Span::from_nanos(1_520_833_334), "two verifications of 291.666667 ms");
}

proptest! {
    /// The sum of all charges of states is what the battery has lost, to the last unit, whatever the device does.
    #[test]
    fn charges_of_states_are_the_drop_of_the_battery(
        steps in prop::collection::vec((0_u64..100_000_000, 0_u8..8), 1..60),
        device in 0_usize..3,
    ) {
        let (name, radio) = [("cc2538", "802.15.4"), ("nrf52840", "ble"), ("sx1276", "lora")][device];
        let mut profile = shipped(name);
        // Ideal, so that what leaks is nothing.
        let mut battery = profile.battery.take().unwrap();
        battery.value = BatteryConfig::ideal(battery.value.capacity, battery.value.voltage);
        profile.battery = Some(battery);
        let mut hardware = Hardware::new(SimTime::ZERO, profile, Some(radio)).unwrap();
        let mut now = SimTime::ZERO;
        for (wait, what) in steps {
            now += Span::from_nanos(wait);
            match what {
                0 => hardware.cpu(now, CpuMode::Active),
                1 => hardware.cpu(now, CpuMode::Idle),
                2 => hardware.cpu(now, CpuMode::Sleep),
                3 => hardware.radio(now, RadioMode::Sleep),
                4 => hardware.radio(now, RadioMode::Idle),
                5 => hardware.radio(now, RadioMode::Listen),
                6 => hardware.radio(now, RadioMode::Receive),
                _ => hardware.radio(now, RadioMode::Transmit("0 dBm".parse().unwrap())),
            }
            .unwrap();
            hardware.follow(now).unwrap();
            let battery = hardware.battery().unwrap();
            prop_assert_eq!(battery.drawn(now), hardware.meter().charge(now));
        }
        let end = now + Span::from_secs(1);
        hardware.follow(end).unwrap();
        let battery = hardware.battery().unwrap();
        prop_assert_eq!(battery.drawn(end), hardware.meter().charge(end));
        prop_assert_eq!(hardware.meter().bill(end).entries().map(|(_, _, charge)| charge).sum::<Charge>(), battery.drawn(end));
    }
}
