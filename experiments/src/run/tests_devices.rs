//! Devices in whole runs: what they draw, against what is worked out by hand; batteries that end; memory that does not suffice.

use super::{BatteryOutput, DeviceOutput, Options, RunOutput, Watch, run_all, run_one, setup};
use crate::results::{Basis, summarise};
use crate::scenario::{Loaded, Metric, Request, Subject, load_text};
use protosim_reports::statistics::Confidence;

/// A sensor that asks a server over a radio channel once a minute. Its profile is that of check 6 of the CC2538: 24 mA sending, 20 mA receiving, 13 mA
/// working, and 1.3 uA for all else, as if its receiver woke up by itself. Whatever a device may say besides stands at DEVICE.
const SENSOR: &str = r#"(
    format: 1, title: "A sensor", until: After("3600 s"),
    profiles: [(
        name: "sheet", title: "Check 6", left_out: "All but what is checked.",
        supply: (value: "3 V", source: "check 6"),
        cpu: (
            core: "Cortex-M3", clock: (value: "32 MHz", source: "check 6"), active: (value: "13 mA", source: "check 6"),
            idle: (value: "13 mA", source: "check 6"), sleep: (value: "1.2 uA", source: "check 6"),
            operations: {"coap.encode": (value: (per_call: 320000), source: "check 6: 10 ms")},
        ),
        memory: (value: "32 KiB", source: "check 6"), flash: (value: "512 KiB", source: "check 6"),
        clock_drift: (value: "0 ppm", source: "check 6"),
        radios: [(
            name: "802.15.4", sleep: (value: "0 pA", source: "check 6"), idle: (value: "0.1 uA", source: "check 6"),
            listen: (value: "0.1 uA", source: "check 6"), receive: (value: "20 mA", source: "check 6"),
            transmit: [(power: "0 dBm", current: "24 mA", source: "check 6")],
        )],
        battery: (value: (capacity: "2400 mAh", voltage: "3 V"), source: "check 6"),
    )],
    nodes: [(name: "sensor", device: (profile: "sheet" DEVICE)), (name: "server")],
    media: [Radio(name: "air", range: "10 m", rate: "250 kbit/s", stations: [
        (node: "sensor", at: ("0 m", "0 m")), (node: "server", at: ("1 m", "0 m")),
    ])],
    apps: [
        (name: "server", on: "server", run: CoapServer(paths: ["/d"], payload: "7 B")),
        (name: "ask", on: "sensor", run: CoapClient(
            to: "server", confirmable: false, method: Post, path: "/d", payload: "94 B", requests: 1000, interval: "60 s", response_wait: "1 s",
        )),
    ],
    measure: [
        (app: "ask", metric: Energy), (node: "sensor", metric: MeanCurrent), (app: "ask", metric: Lifetime),
        (app: "ask", metric: EnergyPerDelivery), (app: "ask", metric: EnergyPerCompletion),
    ],
)"#;

fn load(text: &str) -> Loaded {
    load_text("t", "t.ron", text, &Request::default(), false).unwrap_or_else(|error| panic!("{error}"))
}

fn sensor(device: &str, more: &[(&str, &str)]) -> Loaded {
    let text = SENSOR.replace("DEVICE", device);
    load(&more.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    }))
}

fn run(loaded: &Loaded, threads: usize, watch: &Watch) -> RunOutput {
    run_one(&setup(&loaded.scenario), &loaded.scenario, 0, threads, watch).unwrap()
}

fn value(loaded: &Loaded, subject: &Subject, metric: Metric) -> f64 {
    let outputs = run_all(loaded, Options::default(), || ()).unwrap();
    let summary = summarise(loaded, &outputs, Confidence::P95, Basis::Replications).unwrap();
    let row = summary.find(0, subject, metric);
    row.unwrap_or_else(|| panic!("{metric:?} of {subject} has no value")).estimate.value
}

fn app(name: &str) -> Subject {
    Subject::App(name.to_owned())
}

fn is_close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs()
}

fn charge(device: &DeviceOutput, part: &str, cause: &str) -> f64 {
    let mut own = device.entries.iter().filter(|entry| (entry.part.0, entry.cause.0) == (part, cause));
    own.next().map_or(0.0, |entry| entry.charge)
}

/// Check 6. In an hour there are sixty requests, at 0 s, 60 s and so on. Each takes 10 ms of work; 133 bytes (20 of IPv4, 8 of UDP, 105 of CoAP: 4 of header, 4 of
/// token, 2 of the path, 1 marker, 94 of payload) at 250 kbit/s are 4.256 ms on the air, and the answer of 44 bytes 1.408 ms:
/// 130 uC, 102.144 uC and 28.16 uC. The processor sleeps for the rest, 3600 s - 0.6 s, at 1.2 uA: 4319.28 uC, and the radio listens for
/// 3600 s - 60 x 5.664 ms, at 0.1 uA: 359.966016 uC. In all 15618.24 uC + 4679.246016 uC = 20297.486016 uC, in the mean 5.6381905600 uA, at 3 V
/// 60.892458048 mJ, and for each of the sixty 1.0148743008 mJ. On 2400 mAh without self-discharge that is 8640 C / 5.63819056 uA = 1.53240652...e9 s, 48.6 years.
#[test]
fn a_duty_cycle_is_what_is_worked_out_by_hand() {
    let loaded = sensor("", &[]);
    let output = run(&loaded, 1, &Watch { capture: true, ..Watch::default() });
    let lengths: Vec<u64> =
        output.capture.as_ref().unwrap().packets.iter().map(|seen| seen.packet.wire_len()).collect();
    assert!(
        lengths.iter().filter(|len| **len == 133).count() == 120
            && lengths.iter().filter(|len| **len == 44).count() == 120
    );
    let [device] = &output.devices[..] else { panic!("one device: {:?}", output.devices) };
    for (part, cause, expected) in [
        ("processor", "work", 60.0 * 130e-6),
        ("processor", "sleep", 4_319.28e-6),
        ("radio", "transmit", 60.0 * 102.144e-6),
        ("radio", "receive", 60.0 * 28.16e-6),
        ("radio", "listen", 359.966_016e-6),
    ] {
        let found = charge(device, part, cause);
        assert!(is_close(found, expected), "{part} {cause}: {found} is not {expected}");
    }
    let node = Subject::Node("sensor".to_owned());
    for (subject, metric, expected) in [
        (app("ask"), Metric::Energy, 60.892_458_048),
        (node, Metric::MeanCurrent, 5.638_190_56e-3),
        (app("ask"), Metric::EnergyPerDelivery, 1.014_874_300_8),
        (app("ask"), Metric::EnergyPerCompletion, 1.014_874_300_8),
        // The mean current is rounded to a picoampere, 5638191 of them.
        (app("ask"), Metric::Lifetime, 8_640.0 / 5.638_191e-6 / 86_400.0),
    ] {
        let found = value(&loaded, &subject, metric);
        assert!(is_close(found, expected), "{metric:?}: {found} is not {expected}");
    }
}

/// From 600 s to 1200 s there are ten requests, those of 600 s up to 1140 s: a sixth of the hour.
#[test]
fn energy_is_of_the_measurement_window() {
    let loaded =
        sensor("", &[(r#"until: After("3600 s"),"#, r#"until: After("3600 s"), warmup: "600 s", window: "600 s","#)]);
    let found = value(&loaded, &app("ask"), Metric::Energy);
    assert!(is_close(found, 60.892_458_048 / 6.0), "{found}");
    assert!(is_close(value(&loaded, &app("ask"), Metric::EnergyPerDelivery), 1.014_874_300_8));
}
