//! Devices and their profiles.

use super::cases::Case;

const CLIENT: &str = r#"(name: "client")"#;
const PROFILE: &str = r#"profiles: [(
        name: "mine", title: "Mine", left_out: "Much.",
        supply: (value: "3 V", source: "us"),
        cpu: (core: "Core", clock: (value: "32 MHz", source: "us"), active: (value: "5 mA", source: "us"), idle: (value: "1 mA", source: "us"), sleep: (value: "2 mA", source: "us")),
        memory: (value: "32 KiB", source: ""), flash: (value: "512 KiB", source: "us"), clock_drift: (value: "0 ppm", source: "us"),
        radios: [(name: "ble", sleep: (value: "0 pA", source: "us"), idle: (value: "1 mA", source: "us"), receive: (value: "5 mA", source: "us"), transmit: [])],
        battery: (value: (capacity: "0 mAh", voltage: "3 V"), source: "us"),
    )],"#;
const SOUND: &str = r#"profiles: [(
        name: "NAME", title: "Mine", left_out: "Much.",
        supply: (value: "3 V", source: "us"),
        cpu: (core: "Core", clock: (value: "32 MHz", source: "us"), active: (value: "ACTIVE", source: "us"), idle: (value: "1 mA", source: "us"), sleep: (value: "1 uA", source: "us"), operations: {"coap.decod": (value: (per_call: 1000), source: "us")}),
        memory: (value: "32 KiB", source: "us"), flash: (value: "512 KiB", source: "us"), clock_drift: (value: "0 ppm", source: "us"),
        battery: (value: (capacity: "1 mAh", voltage: "3 V", self_discharge: "DISCHARGE"), source: "us"),
    )],"#;
const TWO: &str = r#"media: [
        Radio(name: "near", range: "10 m", rate: "250 kbit/s", stations: [(node: "client", at: ("0 m", "0 m")), (node: "router", at: ("1 m", "0 m"))]),
        Radio(name: "far", range: "90 m", rate: "5 kbit/s", stations: [(node: "client", at: ("0 m", "0 m")), (node: "router", at: ("1 m", "0 m"))]),
    ],"#;
const ONE: &str = r#"media: [Radio(name: "near", range: "10 m", rate: "250 kbit/s", stations: [(node: "client", at: ("0 m", "0 m")), (node: "router", at: ("1 m", "0 m"))])],"#;

/// Name, and what is replaced by what.
pub(super) const CASES: &[Case] = &[
    ("device_profile_misspelt", &[(CLIENT, r#"(name: "client", device: (profile: "nrf52480"))"#)]),
    ("device_profile_unknown", &[(CLIENT, r#"(name: "client", device: (profile: "toaster"))"#)]),
    ("device_battery_without_profile", &[(CLIENT, r#"(name: "client", device: (memory: "1 MB", battery: ()))"#)]),
    ("device_without_battery", &[(CLIENT, r#"(name: "client", device: (profile: "server", battery: ()))"#)]),
    ("device_battery_empty", &[(CLIENT, r#"(name: "client", device: (profile: "cc2538", battery: (charge: "0 %")))"#)]),
    (
        "device_battery_of_nothing",
        &[(CLIENT, r#"(name: "client", device: (profile: "cc2538", battery: (capacity: "0 mAh")))"#)],
    ),
    (
        "device_battery_above_full",
        &[(CLIENT, r#"(name: "client", device: (profile: "cc2538", battery: (charge: "101 %")))"#)],
    ),
    ("device_radio_without_medium", &[(CLIENT, r#"(name: "client", device: (profile: "cc2538", radio: "802.15.4"))"#)]),
    (
        "device_radio_it_lacks",
        &[(CLIENT, r#"(name: "client", device: (profile: "cc2538", radio: "ble"))"#), ("// more", ONE)],
    ),
    ("device_radio_unsaid", &[(CLIENT, r#"(name: "client", device: (profile: "cc2650"))"#), ("// more", ONE)]),
    ("device_without_radio", &[(CLIENT, r#"(name: "client", device: (profile: "server"))"#), ("// more", ONE)]),
    ("device_with_two_radios", &[(CLIENT, r#"(name: "client", device: (profile: "cc2538"))"#), ("// more", TWO)]),
    (
        "profile_with_impossible_numbers",
        &[(CLIENT, r#"(name: "client", device: (profile: "mine"))"#), ("// more", PROFILE)],
    ),
    ("profile_with_a_negative_current", &[("// more", SOUND), ("ACTIVE", "-5 mA"), ("DISCHARGE", "1 %")]),
    ("profile_that_leaks_more_than_all", &[("// more", SOUND), ("ACTIVE", "5 mA"), ("DISCHARGE", "120 %")]),
    (
        "profile_with_an_operation_of_nobody",
        &[
            (CLIENT, r#"(name: "client", device: (profile: "NAME"))"#),
            ("// more", SOUND),
            ("NAME", "mine"),
            ("NAME", "mine"),
            ("ACTIVE", "5 mA"),
            ("DISCHARGE", "1 %"),
        ],
    ),
    (
        "profile_with_a_taken_name",
        &[
            ("// more", SOUND),
            ("NAME", "cc2538"),
            ("ACTIVE", "5 mA"),
            ("DISCHARGE", "1 %"),
            ("coap.decod", "coap.decode"),
            (CLIENT, r#"(name: "client", device: (profile: "cc2538"))"#),
        ],
    ),
    ("energy_of_an_ideal_node", &[("// more", r#"measure: [(node: "client", metric: Energy)],"#)]),
    ("energy_of_an_ideal_application", &[("// more", r#"measure: [(app: "con", metric: EnergyPerDelivery)],"#)]),
    ("energy_of_an_unknown_node", &[("// more", r#"measure: [(node: "cleint", metric: Energy)],"#)]),
    ("node_with_a_metric_of_links", &[("// more", r#"measure: [(node: "client", metric: Throughput)],"#)]),
    ("node_and_link", &[("// more", r#"measure: [(node: "client", link: "radio", metric: Energy)],"#)]),
];
