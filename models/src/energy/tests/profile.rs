use super::{library, micros, millis, secs, shipped};
use crate::energy::profile::{Ramp, Sourced, Work};
use crate::energy::*;
use protosim_core::{Ratio, SimTime, Size, Span};

#[test]
fn the_library_has_every_kind_of_device_and_no_mistake() {
    let names: Vec<String> = library().into_iter().map(|profile| profile.name).collect();
    assert_eq!(names, ["nrf52840", "cc2538", "cc2650", "esp32", "sx1276", "sim7000", "bg96", "phone", "server"]);
    for profile in library() {
        assert_eq!(profile.check(), [], "{}", profile.name);
        assert!(profile.left_out.ends_with('.') && !profile.title.is_empty(), "{}", profile.name);
    }
}

#[test]
fn a_library_has_each_name_once_and_no_mistake() {
    let shelf = Library::new(library()).unwrap();
    assert_eq!((shelf.names().count(), shelf.names().next()), (9, Some("nrf52840")));
    assert_eq!(
        shelf.get("bg96").map(|profile| &*profile.title),
        Some("Quectel BG96 (LTE-M and NB-IoT) with a Cortex-M4 host")
    );
    assert_eq!(shelf.get("BG96"), None);
    let mut wrong = shipped("bg96");
    wrong.supply.value = Voltage::default();
    let found = Library::new(vec![shipped("bg96"), wrong]).unwrap_err();
    assert_eq!(found.into_iter().map(|(field, _)| field).collect::<Vec<_>>(), ["bg96.supply", "bg96.name"]);
}

#[test]
fn every_number_says_where_it_is_from() {
    let documents = [
        "Nordic ",
        "TI ",
        "Espressif ",
        "Semtech ",
        "ST ",
        "SIMCom ",
        "Quectel ",
        "IEEE ",
        "Bluetooth ",
        "secondary sources",
    ];
    for profile in library() {
        for (path, source) in profile.sources() {
            let is_named = documents.iter().any(|document| source.starts_with(document));
            let is_ours =
                ["typical: our choice", "computed: ", "unverified: "].iter().any(|kind| source.starts_with(kind));
            assert!(is_named || is_ours, "{} {path}: {source}", profile.name);
        }
        assert!(!profile.unverified().is_empty(), "{}: crypto at least was not measured here", profile.name);
    }
    let unverified = shipped("cc2538").unverified();
    assert!(unverified.contains(&"cpu.active".to_owned()) && unverified.contains(&"radios[0].transmit[1]".to_owned()));
    assert!(!unverified.contains(&"radios[0].receive".to_owned()));
}

/// What was read is written such that it reads the same, and has a schema.
#[test]
fn profiles_are_written_and_read() {
    for profile in library() {
        let text = ron::to_string(&profile).unwrap();
        assert_eq!(ron::from_str::<DeviceProfile>(&text).unwrap(), profile);
    }
    let schema = serde_json::to_string(&schemars::schema_for!(DeviceProfile)).unwrap();
    assert!(schema.contains("self_discharge") && schema.contains("pA, nA, uA, mA, A"));
    let unknown = "(takes: \"1 ms\", current: \"1 mA\", voltage: \"3 V\")";
    assert!(ron::from_str::<Ramp>(unknown).unwrap_err().to_string().contains("voltage"));
}

fn refused(change: impl FnOnce(&mut DeviceProfile)) -> Vec<String> {
    let mut profile = shipped("sx1276");
    change(&mut profile);
    profile.check().into_iter().map(|(field, _)| field).collect()
}

fn sourced<T>(value: T) -> Option<Sourced<T>> {
    Some(Sourced { value, source: "typical: our choice".to_owned() })
}

#[test]
fn impossible_numbers_are_refused() {
    let (ampere, zero) = (Current::from_microamperes(1_000_000), Current::ZERO);
    assert_eq!(refused(|p| p.name = "SX 1276".to_owned()), ["name"]);
    assert_eq!(refused(|p| p.supply.value = Voltage::default()), ["supply"]);
    assert_eq!(refused(|p| p.cpu.clock.value = Frequency::default()), ["cpu.clock"]);
    assert_eq!(refused(|p| p.memory.value = Size::from_bytes(0)), ["memory"]);
    assert_eq!(refused(|p| p.flash.value = Size::from_bytes(0)), ["flash"]);
    assert_eq!(refused(|p| p.cpu.active.value = zero), ["cpu.active", "cpu.idle"]);
    assert_eq!(refused(|p| p.cpu.sleep.value = ampere), ["cpu.sleep"]);
    assert_eq!(refused(|p| p.radios[0].sleep.value = ampere), ["radios[0].sleep"]);
    assert_eq!(refused(|p| p.radios[0].off = sourced(ampere)), ["radios[0].off"]);
    assert_eq!(
        refused(|p| p.radios[0].receive.value = zero),
        ["radios[0].receive", "radios[0].idle", "radios[0].idle"]
    );
    assert_eq!(refused(|p| p.radios[0].listen = sourced(zero)), ["radios[0].listen", "radios[0].idle"]);
    assert_eq!(refused(|p| p.radios[0].transmit.clear()), ["radios[0].transmit"]);
    assert_eq!(refused(|p| p.radios[0].transmit[1].current = zero), ["radios[0].transmit[1].current"]);
    assert_eq!(refused(|p| p.radios[0].transmit.swap(0, 1)), ["radios[0].transmit[1].power"]);
    assert_eq!(refused(|p| p.radios[0].duty_cycle = sourced(Ratio::ZERO)), ["radios[0].duty_cycle"]);
    let ramp = |takes, current| sourced(Ramp { takes, current });
    assert_eq!(refused(|p| p.radios[0].wake = ramp(Span::ZERO, ampere)), ["radios[0].wake.takes"]);
    assert_eq!(refused(|p| p.cpu.wake = ramp(Span::from_secs(601), zero)), ["cpu.wake.takes", "cpu.wake.current"]);
    assert_eq!(refused(|p| p.radios.push(p.radios[0].clone())), ["radios[1].name"]);
    assert_eq!(refused(|p| p.other = sourced(Current::MAX)), ["supply"]);
    assert_eq!(refused(|p| p.supply.source = " ".to_owned()), ["supply.source"]);
    let work = Sourced { value: Work::default(), source: "typical: our choice".to_owned() };
    assert_eq!(refused(|p| drop(p.cpu.operations.insert("x".to_owned(), work))), ["cpu.operations.x"]);
    let empty = |p: &mut DeviceProfile| p.battery.as_mut().unwrap().value.capacity = Capacity::default();
    assert_eq!(refused(empty), ["battery.value.capacity"]);
    // A duty cycle above all of the time and a negative current are refused where they are read.
    assert!(ron::from_str::<Ratio>("\"101 %\"").is_err() && ron::from_str::<Current>("\"-1 mA\"").is_err());
}

/// What a scenario would say of an nRF52840: 256 KiB, 20 ppm, and a signature in 15 M / 64 MHz = 234.375 ms; AES at 90 cycles a byte in
/// 1406.25 ns, rounded.
#[test]
fn a_profile_is_a_device() {
    let device = shipped("nrf52840").device_config();
    assert_eq!(device.memory, Some(Size::from_bytes(262_144)));
    assert_eq!(device.clock_drift, Some("20 ppm".parse().unwrap()));
    assert_eq!(device.cpu["tls.ecdsa-p256.sign"].per_call, Span::from_micros(234_375));
    assert_eq!(device.cpu["tls.aes128-gcm.seal"].per_byte, Span::from_nanos(1_406));
}

/// What a scenario says besides wins, of processor times one by one; what is not an operation of anything is in no profile.
#[test]
fn a_device_is_its_profile_and_what_is_said_besides() {
    use crate::device::{BatteryStart, Cost, Cpu, DeviceConfig, DriftLaw};
    let config = DeviceConfig {
        profile: Some("cc2538".to_owned()),
        cpu: [("coap.decode".to_owned(), Cost { per_call: Span::from_millis(2), per_byte: Span::ZERO })].into(),
        battery: Some(BatteryStart { charge: Some(Ratio::from_percent(3)), ..BatteryStart::default() }),
        ..DeviceConfig::default()
    };
    let device = config.resolve(&[]);
    assert_eq!(device.memory, Some(Size::from_bytes(32 * 1024)));
    assert_eq!(device.drift, DriftLaw::Within("20 ppm".parse().unwrap()));
    // It wakes in 136 us, and works for 2 ms; then it is awake. Writing takes 3000 cycles of 32 MHz, 93.75 us; 6 cycles a byte are 187.5 ns, rounded.
    let mut cpu = Cpu::new(device.costs);
    cpu.spend(millis(1), protosim_core::Operation { name: "coap.decode", bytes: 50 });
    assert_eq!(cpu.free_at(millis(1)), micros(3_136));
    cpu.spend(millis(2), protosim_core::Operation { name: "coap.encode", bytes: 0 });
    assert_eq!(cpu.free_at(millis(2)), micros(3_136) + Span::from_nanos(93_750));
    assert_eq!(cpu.busy(), Span::from_nanos(2_093_750));
    let (battery, charge) = device.metered.unwrap().battery.unwrap();
    // 3 % of 2400 mAh.
    assert_eq!(
        (battery.capacity, charge),
        ("2400 mAh".parse().unwrap(), Capacity::from_milliampere_hours(72).charge())
    );
    let known: Vec<&str> = crate::registry::operations().chain(crate::dtls::connection::OPERATIONS).collect();
    for profile in library() {
        for operation in profile.cpu.operations.keys() {
            assert!(known.contains(&operation.as_str()), "{}: nothing does `{operation}`", profile.name);
        }
    }
}

/// Work until a moment that is known: asleep then without a word, with more work at that very moment awake through. A window cuts what was drawn: from 2 s to 4 s.
/// The CC2538 wakes in 136 us at 7 mA, works at 13 mA, sleeps at 1.3 uA.
#[test]
fn work_ends_by_itself_and_windows_cut() {
    let profile = shipped("cc2538");
    let at = |ms: u64| millis(ms);
    let mut device = Hardware::with_battery(SimTime::ZERO, profile, None, None).unwrap().with_window(secs(2), secs(4));
    device.work(at(1_000), at(1_010)).unwrap();
    device.work(at(1_010), at(1_020)).unwrap();
    device.work(at(1_999), at(2_001)).unwrap();
    device.work(at(3_000), at(3_001)).unwrap();
    let end = device.at(secs(10));
    assert_eq!(end.meter().time(secs(10), Part::Cpu, Cause::Transition), Span::from_micros(3 * 136));
    assert_eq!(end.meter().time(secs(10), Part::Cpu, Cause::Cpu), Span::from_micros(20_000 + 2_000 + 1_000 - 3 * 136));
    // From 2 s on: 1 ms at 13 mA; 136 us at 7 mA and 864 us at 13 mA; the rest, 1998 ms, at 1.3 uA.
    let drawn = device.drawn(secs(10));
    let current = |text: &str| text.parse::<Current>().unwrap();
    let expected = [("13 mA", 1_864), ("7 mA", 136), ("1300 nA", 1_998_000)];
    let expected = expected.map(|(text, us)| current(text).over(Span::from_micros(us))).into_iter().sum();
    assert_eq!((drawn.charge, drawn.window, drawn.alive), (expected, Span::from_secs(2), Span::from_secs(2)));
    // Off, it draws nothing and does nothing.
    device.power(secs(4), false).unwrap();
    assert_eq!(device.work(secs(5), secs(6)), Err(CannotDo::Off));
    let charge = device.at(secs(4)).meter().charge(secs(4));
    assert_eq!(device.at(secs(9)).meter().charge(secs(9)), charge);
    device.power(secs(9), true).unwrap();
    assert_eq!(device.meter().charge(secs(10)), charge + current("1300 nA").over(Span::from_secs(1)));
}

/// 13 mA from 1 s on, for 10 s, would empty a battery of 26 mC after 2 s (without waking up); it works for 1 s alone, and then sleeps at 1.3 uA: 13 mC less
/// what a second of sleep took before last 10^4 s less one second.
#[test]
fn the_end_of_a_battery_is_foreseen_behind_the_end_of_work() {
    let mut profile = shipped("cc2538");
    profile.cpu.wake = None;
    let config = BatteryConfig::ideal("1 Ah".parse().unwrap(), "3 V".parse().unwrap());
    let charge = "13 mA".parse::<Current>().unwrap().over(Span::from_secs(2));
    let battery = Battery::with_charge(SimTime::ZERO, config, charge);
    let mut device = Hardware::with_battery(SimTime::ZERO, profile, None, Some(battery)).unwrap();
    device.work(secs(1), secs(11)).unwrap();
    // 26 mC less 1.3 uC at 13 mA: 2 s less 100 us.
    assert_eq!(device.ends(), Some(micros(2_999_900)));
    device.work(secs(1), secs(2)).unwrap();
    assert_eq!(device.ends(), Some(secs(2 + 10_000 - 1)));
    assert_eq!(device.follow(secs(20_000)), Err(CannotDo::Dead));
    assert_eq!(device.ended(secs(20_000)), Some((secs(10_001), Failure::Empty)));
}

/// For 10 dBm the least power that it has and that is not below is 13 dBm, 29 mA. Above 20 dBm it has none.
#[test]
fn a_radio_sends_with_the_next_power_it_has() {
    let profile = shipped("sx1276");
    let radio = profile.radio("lora").unwrap();
    let current = |dbm: &str| radio.transmit(dbm.parse().unwrap());
    assert_eq!(current("10 dBm"), Some("29 mA".parse().unwrap()));
    assert_eq!(current("-5 dBm"), Some("20 mA".parse().unwrap()));
    assert_eq!(current("20.5 dBm"), None);
    let mut hardware = Hardware::new(SimTime::ZERO, profile, Some("lora")).unwrap();
    assert_eq!(hardware.radio(secs(1), RadioMode::Transmit("21 dBm".parse().unwrap())), Err(CannotDo::TooMuchPower));
    assert!(Hardware::new(SimTime::ZERO, shipped("sx1276"), Some("ble")).is_none());
    let mut server = Hardware::new(SimTime::ZERO, shipped("server"), None).unwrap();
    assert_eq!(server.radio(secs(1), RadioMode::Idle), Err(CannotDo::NoRadio));
    // 8.3 A at 12 V for 20 s, and 20.8 A more for 10 s: 166 + 208 C, 4488 J.
    server.cpu(secs(10), CpuMode::Active).unwrap();
    assert_eq!(server.meter().energy(secs(20)).as_joules(), 4_488.0);
}

/// A LoRa board wakes at 1 s and sends for 61.696 ms at 13 dBm, then sleeps until 2 s. In uC: processor 1.4 uA × 2 s = 2.8; radio asleep
/// 0.2 uA × (1 + 0.937994) s = 0.3875988; waking 250 us × 1.6 mA = 0.4; start 60 us × 5.8 mA = 0.348; sending 61.696 ms × 29 mA = 1789.184.
/// In all 1793.1195988.
#[test]
fn a_board_goes_through_its_transitions() {
    let mut hardware = Hardware::new(SimTime::ZERO, shipped("sx1276"), Some("lora")).unwrap();
    hardware.radio(secs(1), RadioMode::Transmit("13 dBm".parse().unwrap())).unwrap();
    assert_eq!(hardware.meter().state(secs(1), Part::Radio).1, Some(micros(1_000_310)), "when it is there");
    hardware.radio(micros(1_062_006), RadioMode::Sleep).unwrap();
    let bill = hardware.meter().bill(secs(2));
    // Units are 10^-15 uC.
    assert_eq!(bill.of_part(Part::Cpu).as_units(), 2_800_000_000_000_000);
    assert_eq!(bill.of_cause(Cause::Transition).as_units(), 748_000_000_000_000);
    assert_eq!(bill.of_cause(Cause::Transmit).as_units(), 1_789_184_000_000_000_000);
    assert_eq!(bill.get(Part::Radio, Cause::Sleep).as_units(), 387_598_800_000_000);
    assert_eq!(bill.total().as_units(), 1_793_119_598_800_000_000);
}

/// What a radio's current covers. CC2538, processor halted within: receiving at 20 mA with the processor at work adds 13 - 7 mA, halted
/// nothing. ESP32, all within: sending at 240 mA with the processor at work is 240 mA. nRF52840, nothing within: 4.6 + 3.3 mA.
#[test]
fn a_radio_may_cover_the_processor() {
    let total = |name: &str, radio: &str, cpu, mode| {
        let mut hardware = Hardware::new(SimTime::ZERO, shipped(name), Some(radio)).unwrap();
        hardware.cpu(secs(1), cpu).unwrap();
        hardware.radio(secs(2), mode).unwrap();
        hardware.meter().current(secs(3)).to_string()
    };
    assert_eq!(total("cc2538", "802.15.4", CpuMode::Active, RadioMode::Receive), "26 mA");
    assert_eq!(total("cc2538", "802.15.4", CpuMode::Idle, RadioMode::Receive), "20 mA");
    assert_eq!(total("esp32", "wifi", CpuMode::Active, RadioMode::Transmit("19 dBm".parse().unwrap())), "240 mA");
    assert_eq!(total("esp32", "wifi", CpuMode::Active, RadioMode::Sleep), "50 mA");
    assert_eq!(total("nrf52840", "ble", CpuMode::Active, RadioMode::Receive), "7900 uA");
}

/// A cell of 1 mAh (3.6 C) under a CC2538 (without its leakage) that receives from 1 s on: 1.3 uA for 1 s; 192 us of start at 20 mA and
/// receiving at 20 mA, the processor's sleep covered. 3.6 - 0.0000013 C at 20 mA are 179.999935 s. The device is dead at 180.999935 s, and
/// draws nothing more.
#[test]
fn a_device_dies_with_its_battery() {
    let mut profile = shipped("cc2538");
    let cell = BatteryConfig::ideal(Capacity::from_milliampere_hours(1), "3 V".parse().unwrap());
    profile.battery = sourced(cell);
    let mut hardware = Hardware::new(SimTime::ZERO, profile, Some("802.15.4")).unwrap();
    hardware.radio(secs(1), RadioMode::Receive).unwrap();
    let end = micros(180_999_935);
    assert_eq!(hardware.ends(), Some(end));
    assert_eq!(hardware.follow(micros(180_999_934)), Ok(()));
    assert_eq!(hardware.follow(secs(500)), Err(CannotDo::Dead));
    assert_eq!(hardware.ended(secs(500)), Some((end, Failure::Empty)));
    assert_eq!(hardware.radio(secs(600), RadioMode::Sleep), Err(CannotDo::Dead));
    assert_eq!(hardware.meter().charge(secs(1_000)), cell.capacity.charge());
    assert_eq!(hardware.meter().current(secs(1_000)), Current::ZERO);
}

/// A CR2032 whose cells sag: an nRF52840 with a peak of 100 mA from an external amplifier browns out at once.
#[test]
fn a_pulse_can_kill_a_full_cell() {
    let mut profile = shipped("nrf52840");
    profile.radios[0].transmit.last_mut().unwrap().current = "100 mA".parse().unwrap();
    profile.radios[0].wake = None;
    profile.radios[0].start = None;
    let mut hardware = Hardware::new(SimTime::ZERO, profile, Some("ble")).unwrap();
    assert_eq!(hardware.radio(millis(5), RadioMode::Transmit("8 dBm".parse().unwrap())), Err(CannotDo::Dead));
    assert_eq!(hardware.ended(millis(5)), Some((millis(5), Failure::Voltage)));
}
