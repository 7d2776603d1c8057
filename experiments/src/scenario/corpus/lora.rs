//! Cells of LoRaWAN.

use super::cases::Case;

/// A cell of two in the place of `// more`: what is replaced by what makes it wrong.
const CELL: &str = r#"media: [Lora(name: "meters", gateway: "server", MORE stations: [(node: "client", at: ("300 m", "0 m"), spreading: Sf9, OWN)])], // more"#;
const MORE: &str = "MORE ";
const OWN: &str = ", OWN";
const CLIENT: &str = r#"(name: "client")"#;

/// Name, and what is replaced by what.
#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    ("lora_duty_cycle_above_one", &[("// more", CELL), (OWN, ""), (MORE, r#"duty_cycle: "150 %", "#)]),
    ("lora_duty_cycle_without_unit", &[("// more", CELL), (OWN, ""), (MORE, r#"duty_cycle: 1.5, "#)]),
    ("lora_duty_cycle_zero", &[("// more", CELL), (OWN, ""), (MORE, r#"duty_cycle: "0 %", "#)]),
    ("lora_duty_rule_of_no_time", &[("// more", CELL), (OWN, ""), (MORE, r#"duty_rule: Window("0 s"), "#)]),
    ("lora_duty_excess_misspelt", &[("// more", CELL), (OWN, ""), (MORE, r#"duty_excess: Dorp, "#)]),
    ("lora_spreading_unknown", &[("// more", CELL), (OWN, ""), (MORE, ""), ("Sf9", "Sf13")]),
    ("lora_spreading_a_number", &[("// more", CELL), (OWN, ""), (MORE, ""), ("Sf9", "9")]),
    ("lora_spreading_missing", &[("// more", CELL), (OWN, ""), (MORE, ""), (", spreading: Sf9", "")]),
    ("lora_bandwidth_of_no_data_rate", &[("// more", CELL), (OWN, ", bandwidth: Khz250"), (MORE, "")]),
    ("lora_mtu_above_all_data_rates", &[("// more", CELL), (OWN, ""), (MORE, r#"mtu: "242 B", "#)]),
    ("lora_mtu_of_ipv6", &[("// more", CELL), (OWN, ""), (MORE, r#"mtu: "1280 B", "#), ("Sf9", "Sf7")]),
    ("lora_gateway_that_is_a_station", &[("// more", CELL), (OWN, ""), (MORE, ""), (r#"gateway: "server""#, r#"gateway: "client""#)]),
    ("lora_gateway_unknown", &[("// more", CELL), (OWN, ""), (MORE, ""), (r#"gateway: "server""#, r#"gateway: "sever""#)]),
    ("lora_gateway_missing", &[("// more", CELL), (OWN, ""), (MORE, ""), (r#"gateway: "server", "#, "")]),
    ("lora_without_devices", &[("// more", r#"media: [Lora(name: "meters", gateway: "server", stations: [])],"#)]),
    ("lora_power_above_the_law", &[("// more", CELL), (OWN, r#", power: "20 dBm""#), (MORE, r#"gateway_power: "27 dBm", "#)]),
    ("lora_channels_outside_the_band", &[("// more", CELL), (OWN, ""), (MORE, r#"channels: ["868.1 MHz", "868.65 MHz", "868.1 MHz"], "#)]),
    ("lora_channels_none", &[("// more", CELL), (OWN, ""), (MORE, "channels: [], ")]),
    ("lora_slots_shorter_than_frames", &[("// more", CELL), (OWN, ""), (MORE, r#"slotted: "100 ms", "#)]),
    ("lora_attempts_of_nobody", &[("// more", CELL), (OWN, ""), (MORE, "attempts: 4, ")]),
    ("lora_numbers_absurd", &[("// more", CELL), (OWN, ", confirmed: true"), (MORE, r#"attempts: 16, held: 0, downlink_tries: 0, demodulators: 0, window_symbols: 4, clock_ppm: 2000, path_loss_exponent: 0.5, "#)]),
    ("lora_path_loss_of_no_world", &[("// more", CELL), (OWN, ""), (MORE, r#"path_loss: "400 dB", "#)]),
    ("lora_device_without_its_radio", &[("// more", CELL), (OWN, ""), (MORE, ""), (CLIENT, r#"(name: "client", device: (profile: "nrf52840"))"#)]),
    ("lora_device_too_weak", &[("// more", CELL), (OWN, r#", power: "24 dBm""#), (MORE, r#"channels: ["869.525 MHz"], gateway_power: "27 dBm", "#), (CLIENT, r#"(name: "client", device: (profile: "sx1276"))"#)]),
];
