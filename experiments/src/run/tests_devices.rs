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
    media: [Radio(name: "air", range: "10 m", rate: "250 kbit/s", framing: Custom(overhead: "8 B", min_packet: "0 B"), stations: [
        (node: "sensor", at: ("0 m", "0 m")), (node: "server", at: ("1 m", "0 m")),
    ])],
    apps: [
        (name: "server", on: "server", run: CoapServer(paths: ["/d"])),
        (name: "ask", on: "sensor", run: CoapClient(
            to: "server", confirmable: false, method: Post, path: "/d", payload: "84 B", requests: 1000, interval: "60 s", response_wait: "1 s",
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

/// Check 6. In an hour there are sixty requests, at 0 s, 60 s and so on. Each takes 10 ms of work. 133 bytes at 250 kbit/s are 4.256 ms on the air: 20 of IPv4, 8 of UDP, 97 of
/// CoAP (4 of header, 4 of token, 2 of the path, 2 of the format, 1 marker, 84 of payload) and 8 of framing. The answer of 44 bytes, 36 and 8, takes 1.408 ms. That
/// is 130 uC, 102.144 uC and 28.16 uC. The processor sleeps for the rest, 3600 s - 0.6 s, at 1.2 uA: 4319.28 uC, and the radio listens for
/// 3600 s - 60 x 5.664 ms, at 0.1 uA: 359.966016 uC. In all 15618.24 uC + 4679.246016 uC = 20297.486016 uC, in the mean 5.63819056 uA, at 3 V
/// 60.892458048 mJ, and for each of the sixty 1.0148743008 mJ. On 2400 mAh without self-discharge that is 8640 C / 5.63819056 uA = 1.5324 x 10^9 s, 48.6 years.
#[test]
fn a_duty_cycle_is_what_is_worked_out_by_hand() {
    let loaded = sensor("", &[]);
    let output = run(&loaded, 1, &Watch { capture: true, ..Watch::default() });
    let lengths: Vec<u64> =
        output.capture.as_ref().unwrap().packets.iter().map(|seen| seen.packet.wire_len()).collect();
    assert_eq!([125, 36].map(|wanted| lengths.iter().filter(|len| **len == wanted).count()), [120, 120]);
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

/// 5 uAh are 18 mC. By the figures above a minute takes 130 + 102.144 + 28.16 uC, 1.2 uA for 59.99 s and 0.1 uA for 59.994336 s: 338.2914336 uC. After 53 of them
/// 70.5540192 uC are left, and the work on the next request takes 13.0001 mA: they last 5.42719051 ms. So 53 requests are answered, and what the
/// server sends later finds nobody.
#[test]
fn a_battery_ends_its_node_at_the_instant_at_which_it_is_empty() {
    let later = r#"(name: "later", on: "server", run: UdpSource(to: "sensor", port: 9, pattern: Periodic(every: "60 s"), payload: "20 B", start: "3210 s", count: 5)),
        (name: "ask""#;
    let loaded = sensor(r#", battery: (capacity: "5 uAh")"#, &[(r#"(name: "ask""#, later)]);
    let output = run(&loaded, 1, &Watch { events: true, ..Watch::default() });
    let BatteryOutput { initial, drawn, leaked, left, ended } = output.devices[0].battery.unwrap();
    assert_eq!((initial, left, leaked), (18e-3, 0.0, 0.0));
    assert!(is_close(drawn, 18e-3), "{drawn}");
    let ended = ended.unwrap();
    // The radio hears of the work a nanosecond late.
    assert!((ended.as_secs_f64() - 3_180.005_427_191).abs() < 2e-9, "{ended}");
    let answered = output.exchanges.iter().filter(|exchange| exchange.completion().is_some()).count();
    assert_eq!(answered, 53);
    let count = |node: &str, name: &str| count(&output, node, name);
    // The node is told a nanosecond later.
    assert_eq!(count("sensor", "battery dead at ns"), ended.as_nanos() + 1);
    assert_eq!(count("medium:air", "dropped packets: node down"), 5);
    // In the log of events it stands once.
    let events = output.story.events.as_ref().unwrap();
    let dead: Vec<_> = events.iter().filter(|event| event.what == super::events::What::BatteryDead).collect();
    assert_eq!(dead.iter().map(|event| event.at.as_nanos()).collect::<Vec<_>>(), [ended.as_nanos() + 1]);
    // All that was drawn is what the battery gave.
    let all: f64 = output.devices[0].entries.iter().map(|entry| entry.charge).sum();
    assert!(is_close(all, 18e-3), "{all}");
    // How long it would live on the battery of its profile is of the time that it lived.
    let life = output.measured.devices_of_apps["ask"].life.unwrap();
    assert!((life - 8_640.0 / (18e-3 / 3_180.005_427_191)).abs() < 1e3, "{life}");
}

/// A node that the timeline turns off draws nothing: for 600 s of an hour, less ten requests and what it would have slept and listened. Then it begins anew, at
/// 1200 s, with its requests from the start.
#[test]
fn a_node_without_power_draws_nothing() {
    let timeline = r#"timeline: [(at: "630 s", node: "sensor", up: false), (at: "1230 s", node: "sensor", up: true)], until: After("1290 s"),"#;
    let loaded = sensor("", &[(r#"until: After("3600 s"),"#, timeline)]);
    let output = run(&loaded, 1, &Watch::default());
    let found = &output.devices[0];
    // Requests at 0 s to 600 s, eleven, and at 1230 s, one.
    assert!(is_close(charge(found, "processor", "work"), 12.0 * 130e-6));
    assert!(is_close(charge(found, "radio", "transmit"), 12.0 * 102.144e-6));
    // 690 s with power: asleep but for 12 x 10 ms.
    assert!((charge(found, "processor", "sleep") - 1.2e-6 * (690.0 - 0.12)).abs() < 1e-14);
    assert!((charge(found, "radio", "listen") - 0.1e-6 * (690.0 - 12.0 * 0.005_664)).abs() < 1e-14);
}

/// With a shipped profile there are ramps, and costs of what it does: the sums stay whole, and threads and captures change nothing.
#[test]
fn threads_and_captures_change_nothing_of_energy() {
    let loaded = sensor(
        r#", radio: "802.15.4", battery: (charge: "0.01 %")"#,
        &[
            (r#"profile: "sheet""#, r#"profile: "cc2650""#),
            (r#"(name: "server")],"#, r#"(name: "server", device: (profile: "sheet"))],"#),
        ],
    );
    let one = run(&loaded, 1, &Watch::default());
    // 0.01 % of 225 mAh at 5.9 mA and more last less than 14 s.
    assert!(one.devices[0].battery.unwrap().ended.is_some_and(|at| at.as_secs_f64() < 14.0), "{:?}", one.devices);
    for (threads, capture) in [(2, false), (8, true)] {
        let other = run(&loaded, threads, &Watch { capture, events: capture, ..Watch::default() });
        assert_eq!((&one.digests, &one.totals, &one.devices), (&other.digests, &other.totals, &other.devices));
        assert_eq!(one.measured, other.measured);
    }
}

/// Without a radio the device is metered in its node: a server on a link that works 10 ms for each of sixty requests.
#[test]
fn a_device_on_a_link_is_metered_in_its_node() {
    let text = SENSOR.replace("DEVICE", "");
    let (from, to) = (text.find("media: [").unwrap(), text.find("apps: [").unwrap());
    let text = format!(
        r#"{}links: [(name: "wire", ends: ("sensor", "server"), delay: "1 ms")], {}"#,
        &text[..from],
        &text[to..]
    );
    let output = run(&load(&text), 1, &Watch::default());
    let found = &output.devices[0];
    assert!(is_close(charge(found, "processor", "work"), 60.0 * 130e-6));
    assert!(is_close(charge(found, "processor", "sleep"), 4_319.28e-6));
    assert!(found.entries.iter().all(|entry| entry.part.0 == "processor"), "{found:?}");
    // 1 uAh is 3.6 mC: 201.988 uC a minute last 17 minutes and 166.204 uC, of which the next request takes 130 uC and 1.2 uA the rest: 30.170 s with its 10 ms.
    let text = text.replace(r#"(profile: "sheet" )"#, r#"(profile: "sheet", battery: (capacity: "1 uAh"))"#);
    let output = run(&load(&text), 1, &Watch::default());
    let ended = output.devices[0].battery.unwrap().ended.unwrap().as_secs_f64();
    assert!((ended - (17.0 * 60.0 + 0.01 + 36.204e-6 / 1.2e-6)).abs() < 1e-6, "{ended}");
    let answered = output.exchanges.iter().filter(|exchange| exchange.completion().is_some()).count();
    assert_eq!(answered, 18);
}

/// A session of TLS with its buffers takes some 51 KiB here: an nRF52840 has 256 KiB, and a CC2538 32 KiB. There the client cannot even begin, and says so.
#[test]
fn a_handshake_needs_memory() {
    let outcome = |profile: &str| {
        let text = format!(
            r#"(
                format: 1, title: "Memory", until: After("60 s"),
                nodes: [(name: "sensor", device: (profile: "{profile}")), (name: "server")],
                links: [(name: "wire", ends: ("sensor", "server"), rate: "250 kbit/s", delay: "20 ms")],
                apps: [
                    (name: "server", on: "server", run: HttpServer(tls: ())),
                    (name: "ask", on: "sensor", run: HttpClient(to: "server", count: 1, timeout: "30 s", tls: ())),
                ],
            )"#
        );
        let output = run(&load(&text), 1, &Watch::default());
        let total = |name: &str| output.totals.of_app("ask", name).unwrap();
        let answered = output.exchanges[0].completion().is_some();
        (answered, total("tls_handshakes"), total("refused_calls"))
    };
    assert_eq!(outcome("nrf52840"), (true, 1, 0));
    assert_eq!(outcome("cc2538"), (false, 0, 1));
}

/// Each clock of a kind is off in its own way, within what the profile says; what a scenario says of it is so for all.
#[test]
fn clocks_of_a_kind_differ() {
    let starts = |clock: &str| {
        let text = format!(
            r#"(
                format: 1, title: "Clocks", until: After("2000 s"),
                nodes: [(name: "s", count: 8, device: (profile: "nrf52840" {clock})), (name: "server")],
                links: [(name: "l", ends: ("s", "server"), delay: "1 ms")],
                apps: [(name: "server", on: "server", run: CoapServer()), (name: "ask", on: "s", run: CoapClient(to: "server", requests: 1, start: "1000 s"))],
            )"#
        );
        let output = run(&load(&text), 1, &Watch::default());
        output.exchanges.iter().map(|exchange| exchange.started.unwrap().as_secs_f64()).collect::<Vec<f64>>()
    };
    // 20 ppm of 1000 s are 20 ms; writing the request takes below 0.1 ms.
    let drawn = starts("");
    assert!(drawn.len() == 8 && drawn.iter().all(|start| (start - 1_000.0).abs() <= 0.020_1), "{drawn:?}");
    assert!(drawn.iter().any(|start| *start > 1_000.002) && drawn.iter().any(|start| *start < 999.998), "{drawn:?}");
    assert!(starts(r#", clock_drift: "0 ppm""#).iter().all(|start| (start - 1_000.0).abs() < 1e-4));
}

fn count(output: &RunOutput, entity: &str, name: &str) -> u64 {
    let is_it = |total: &super::Total| &*output.entities[total.node as usize] == entity && total.name == name;
    output.totals.iter().find(is_it).unwrap_or_else(|| panic!("{entity} does not count {name}")).value
}

/// A tag of BLE loses its power at any moment of its first advertising, between 9 s and 9.013 s: the central, which may hear it just then, goes back to scanning. All that it
/// receives are 20 to 30 empty PDUs of 80 us before 1 s, an advertisement of 184 us, and what comes in a connection until then: less than 10 ms at 4.6 mA.
/// An advertisement and the pause before the answer take 334 us, so that some of the moments, 100 us apart, lie within.
#[test]
fn a_central_whose_peripheral_loses_power_scans_on() {
    let run_with = |cut: u64| {
        let text = format!(
            r#"(
                format: 1, title: "Cut", addresses: V6, until: After("20 s"),
                nodes: [(name: "hub", device: (profile: "nrf52840")), (name: "tag", device: (profile: "nrf52840"))],
                media: [Ble(name: "b", central: "hub", interval: "50 ms", stations: [(node: "tag")])],
                apps: [(name: "sink", on: "hub", run: UdpSink(port: 9))],
                timeline: [(at: "1 s", node: "tag", up: false), (at: "9 s", node: "tag", up: true), (at: "{cut} us", node: "tag", up: false)],
            )"#
        );
        run(&load(&text), 1, &Watch::default())
    };
    let mut made = 0;
    for cut in (9_000_010..9_013_000).step_by(100) {
        let output = run_with(cut);
        made += count(&output, "medium:b", "connections made again");
        let hub = output.devices.iter().find(|device| &*output.entities[device.node as usize] == "hub").unwrap();
        let received = charge(hub, "radio", "receive");
        assert!(received < 4.6e-3 * 10e-3, "{cut}: {received}");
    }
    assert!(made > 0, "no advertisement was heard");
}

/// A gateway of LoRaWAN that is off from 1.5 s to 1.8 s has forgotten a confirmed uplink of 1 s: it does not acknowledge it in the window at 2.1 s, and the device sends it
/// once more, which is acknowledged.
#[test]
fn a_gateway_without_power_forgets_what_it_has_heard() {
    let retries = |timeline: &str| {
        let text = format!(
            r#"(
                format: 1, title: "Gateway", until: After("60 s"),
                nodes: [(name: "gate", device: (profile: "sx1276")), (name: "meter")],
                media: [Lora(name: "m", gateway: "gate", duty_cycle: "100 %", stations: [
                    (node: "meter", at: ("10 m", "0 m"), spreading: Sf7, confirmed: true),
                ])],
                apps: [
                    (name: "sink", on: "gate", run: UdpSink(port: 9)),
                    (name: "source", on: "meter", run: UdpSource(to: "gate", port: 9, payload: "10 B", pattern: Periodic(every: "100 s"), start: "1 s", count: 1)),
                ],
                timeline: [{timeline}],
            )"#
        );
        count(&run(&load(&text), 1, &Watch::default()), "medium:m", "retries")
    };
    assert_eq!(retries(""), 0);
    assert_eq!(retries(r#"(at: "1500 ms", node: "gate", up: false), (at: "1800 ms", node: "gate", up: true)"#), 1);
}

/// The example that users copy: it holds, and needs no warning.
#[test]
fn the_example_does_what_it_says() {
    let text = include_str!("../../../examples/energy.ron");
    let loaded = load(text);
    assert_eq!(loaded.warnings, "");
    let outputs = run_all(&loaded, Options::default(), || ()).unwrap();
    let summary = summarise(&loaded, &outputs, Confidence::P95, Basis::Replications).unwrap();
    let outcomes = crate::results::check_expectations(&loaded, &outputs, &summary).unwrap();
    assert!(!outcomes.is_empty() && outcomes.iter().all(|outcome| outcome.holds), "{outcomes:?}");
}
