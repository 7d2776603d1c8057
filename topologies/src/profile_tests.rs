//! The library: complete, without mistakes, and with sources.

use super::*;
use crate::check::check_topology;
use crate::{AddressFamilies, NodeSpec, Topology};
use std::collections::BTreeSet;

fn rate(text: &str) -> Option<Rate> {
    Some(text.parse().unwrap())
}

#[test]
fn the_library_has_every_kind_of_access() {
    assert!(read(include_str!("../data/profiles.ron")).is_ok());
    let expected =
        ["ethernet", "wifi", "dsl", "cable", "lte", "5g", "nb-iot", "lte-m", "lora", "ble", "802.15.4", "leo", "geo"];
    assert_eq!(names().collect::<Vec<_>>(), expected);
    assert!(names().all(|name| profile(name).is_some_and(|profile| profile.name == name)));
    assert_eq!(profile("LTE"), None);
}

#[test]
fn those_with_rates_only_are_said() {
    let rates_only = profiles().iter().filter(|profile| profile.level == Level::RatesOnly);
    let names: BTreeSet<&str> = rates_only.map(|profile| &*profile.name).collect();
    assert_eq!(names, BTreeSet::from(["802.15.4", "ble", "lora", "lte-m", "nb-iot", "wifi"]));
    assert!(profiles().iter().all(|profile| profile.left_out.ends_with('.') && !profile.title.is_empty()));
}

#[test]
fn every_number_says_where_it_is_from() {
    for profile in profiles() {
        let mut sources = vec![
            &profile.rate_down.source,
            &profile.rate_up.source,
            &profile.delay.source,
            &profile.mtu.source,
            &profile.queue_down.source,
            &profile.queue_up.source,
            &profile.framing.source,
        ];
        sources.extend(profile.jitter.iter().map(|jitter| &jitter.source));
        sources.extend(profile.loss.iter().map(|loss| &loss.source));
        for source in sources {
            let documents = ["RFC ", "IEEE ", "3GPP ", "CableLabs ", "Linux", "Semtech ", "LoRaWAN ", "Bluetooth "];
            let is_named = documents.iter().any(|document| source.starts_with(document));
            let is_ours = source.starts_with("typical: our choice");
            assert!(is_named || is_ours, "{}: {source}", profile.name);
        }
    }
}

#[test]
fn every_profile_is_a_link_without_mistakes() {
    for profile in profiles() {
        let links = vec![profile.link("user", "network")];
        let nodes = ["user", "network"].map(NodeSpec::named).to_vec();
        let topology = Topology {
            nodes,
            links,
            media: Vec::new(),
            channels: Vec::new(),
            addresses: AddressFamilies::V4,
            groups: Vec::new(),
            profiles: Vec::new(),
        };
        assert_eq!(check_topology(&topology), [], "{}", profile.name);
        let link = &topology.links[0];
        assert_eq!(link.direction(true).rate, Some(profile.rate_up.value), "{}", profile.name);
        assert_eq!(link.direction(false).rate, Some(profile.rate_down.value), "{}", profile.name);
        assert_eq!(link.direction(true).queue, Some(QueueConfig::DropTail(profile.queue_up.value)), "{}", profile.name);
        assert_eq!(
            link.direction(false).queue,
            Some(QueueConfig::DropTail(profile.queue_down.value)),
            "{}",
            profile.name
        );
    }
}

/// From the fact sheet: DSL 50/10 Mbit/s over PPPoE with 1492 bytes (RFC 2516), Ethernet with equal directions.
#[test]
fn forward_is_from_the_user() {
    let dsl = profile("dsl").unwrap().link("home", "isp");
    assert_eq!((&*dsl.ends.0.0, &*dsl.ends.1.0), ("home", "isp"));
    assert_eq!((dsl.direction(true).rate, dsl.direction(false).rate), (rate("10 Mbit/s"), rate("50 Mbit/s")));
    assert_eq!(dsl.mtu().as_bytes(), 1492);
    let ethernet = profile("ethernet").unwrap().template();
    assert_eq!((ethernet.rate, ethernet.forward, ethernet.backward), (rate("1 Gbit/s"), None, None));
    assert_eq!(ethernet.framing, Some(Framing::Ethernet));
}

/// LoRa: SF · BW / 2^SF · 4/5 = 7 · 125,000 / 128 · 0.8 = 5468.75 bit/s. IEEE 802.15.4: 62,500 symbols of 4 bits; a
/// backoff of up to 7 periods of 20 symbols of 16 µs is 2240 µs. GEO: the middle of 238.74 and 278.05 ms is 258.4 ms.
#[test]
fn numbers_that_follow_from_others_do() {
    let of = |name| profile(name).unwrap();
    assert_eq!(of("lora").rate_up.value.as_bits_per_sec(), 7 * 125_000 * 4 / (128 * 5));
    assert_eq!(of("802.15.4").rate_up.value.as_bits_per_sec(), 62_500 * 4);
    assert_eq!(of("802.15.4").delay.value, Span::from_micros((8 + 12) * 16));
    assert_eq!(of("802.15.4").jitter.as_ref().unwrap().value, Jitter::Uniform(Span::from_micros(7 * 20 * 16)));
    assert_eq!(of("geo").delay.value, Span::from_millis(258));
}

#[test]
fn the_nearest_name_is_suggested() {
    for (wrong, right) in
        [("LTE", "lte"), ("ethernt", "ethernet"), ("Wi-Fi", "wifi"), ("nbiot", "nb-iot"), ("4g", "5g")]
    {
        assert_eq!(nearest_name(wrong), Some(right), "{wrong}");
    }
    assert_eq!(nearest_name("carrier-pigeon"), None);
}

#[test]
fn a_normal_jitter_can_be_written() {
    let jitter: Jitter = ron::from_str(r#"Normal(mean: "5 ms", deviation: "1 ms")"#).unwrap();
    assert_eq!(jitter, Jitter::Normal { mean: Span::from_millis(5), deviation: Span::from_millis(1) });
}
