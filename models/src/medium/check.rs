//! What can be wrong with a medium beyond its types and the names of its stations.

use super::config::{Access, CsmaConfig, MediumConfig, RadioConfig};
use crate::link::Framing;
use protosim_core::Span;
use std::collections::BTreeMap;

/// Stations that have room in a /20 beside the network's own address, a router's and the broadcast address.
pub const MOST_STATIONS: usize = 4093;

/// No time of a medium is longer: slots and delays of a minute are slips.
const LONGEST: Span = Span::from_secs(60);

type Findings = Vec<(String, String)>;

impl MediumConfig {
    /// Fields that cannot take effect, contradict each other or are out of range: the field's path within the medium, and
    /// why.
    pub fn check(&self) -> Findings {
        let mut found = Vec::new();
        self.check_stations(&mut found);
        if self.loss() == protosim_core::Ratio::ONE {
            found.push(("loss".to_owned(), "is below 100 %: nothing would ever arrive".to_owned()));
        }
        if let Framing::Custom { overhead, min_packet } = self.framing() {
            for (field, size) in [("overhead", overhead), ("min_packet", min_packet)] {
                if size.as_bytes() > 65_536 {
                    found.push((format!("framing.{field}"), format!("is at most 64 KiB, not {size}")));
                }
            }
        }
        let queues = match self {
            Self::Switch(config) => vec![("queue", &config.queue), ("station_queue", &config.station_queue)],
            Self::Csma(config) => vec![("queue", &config.queue)],
            Self::Radio(config) => vec![("queue", &config.queue)],
            Self::Cellular(config) => vec![("queue", &config.queue)],
            Self::Wifi(config) => vec![("queue", &config.queue)],
            Self::Lora(config) => vec![("queue", &config.queue)],
            Self::Ble(config) => vec![("queue", &config.queue)],
            Self::Ieee802154(config) => vec![("queue", &config.queue)],
        };
        for (place, queue) in queues {
            for (field, why) in queue.iter().flat_map(|queue| [queue.check(), queue.check_mtu(self.mtu())].concat()) {
                found.push((if field.is_empty() { place.to_owned() } else { format!("{place}.{field}") }, why));
            }
        }
        match self {
            Self::Switch(config) => check_span("delay", config.delay.unwrap_or_default(), &mut found),
            Self::Csma(config) => self.check_bus(config, &mut found),
            Self::Radio(config) => self.check_radio(config, &mut found),
            Self::Cellular(config) => config.check(&mut found),
            Self::Wifi(config) => config.check(&mut found),
            Self::Lora(config) => config.check(&mut found),
            Self::Ble(config) => config.check(&mut found),
            Self::Ieee802154(config) => config.check(&mut found),
        }
        found
    }

    fn check_stations(&self, found: &mut Findings) {
        let stations = self.stations();
        if stations.len() < 2 {
            let message = format!("is of at least two nodes, not {}: nobody would hear", stations.len());
            found.push(("stations".to_owned(), message));
        }
        if stations.len() > MOST_STATIONS {
            let message = format!("is of at most {MOST_STATIONS} nodes, not {}", stations.len());
            found.push(("stations".to_owned(), message));
        }
        let mut first: BTreeMap<&str, usize> = BTreeMap::new();
        let count = stations.len();
        for (index, station) in stations.into_iter().enumerate() {
            if first.insert(&station.0, index).is_some() {
                let place = match self {
                    Self::Switch(_) | Self::Csma(_) => format!("stations.{index}"),
                    // The last one is the hub.
                    _ => match self.hub().filter(|_| index + 1 == count) {
                        Some((field, _)) => field.to_owned(),
                        None => format!("stations.{index}.node"),
                    },
                };
                let message = format!("`{}` is on this medium already", station.0);
                found.push((place, message));
            }
        }
    }

    fn check_bus(&self, config: &CsmaConfig, found: &mut Findings) {
        check_span("delay", config.delay(), found);
        for (field, bits, least) in [
            ("slot_bits", config.slot_bits(), 1),
            ("gap_bits", config.gap_bits(), 0),
            ("jam_bits", config.jam_bits(), 1),
        ] {
            if !(least..=1_000_000).contains(&bits) {
                found.push((field.to_owned(), format!("is {least} to 1000000, not {bits}")));
            }
        }
        if !(1..=1000).contains(&config.attempts()) {
            found.push(("attempts".to_owned(), format!("is 1 to 1000, not {}", config.attempts())));
        }
        if config.backoff_limit() > 30 {
            found.push(("backoff_limit".to_owned(), format!("is at most 30, not {}", config.backoff_limit())));
        }
        if !config.detection() && config.jam_bits.is_some() {
            let message = "has no effect: without detection nobody notices a collision";
            found.push(("jam_bits".to_owned(), message.to_owned()));
        }
        // The shortest packet is an IP header.
        let shortest = self.frame_time(20);
        let (needed, what) = match config.detection() {
            true => (config.delay().saturating_mul(2), "there and back: its sender would not notice a collision"),
            false => (config.delay(), "to the other end: who talks could be over before anyone hears it"),
        };
        if shortest < needed {
            let message = format!(
                "is too long: the shortest frame takes {shortest}, and a signal {needed} {what} (IEEE 802.3 §4.1.2.2)"
            );
            found.push(("delay".to_owned(), message));
        }
    }

    fn check_radio(&self, config: &RadioConfig, found: &mut Findings) {
        for (index, _) in config.stations.iter().enumerate().filter(|(_, station)| station.spacing.is_some()) {
            let message = "has no effect: the station is one node, and no group".to_owned();
            found.push((format!("stations.{index}.spacing"), message));
        }
        match &config.access {
            Access::Aloha => {}
            Access::SlottedAloha { slot } => {
                let longest = self.frame_time(self.mtu().as_bytes());
                if *slot < longest {
                    let message = format!(
                        "is no shorter than a frame: a packet of {} B takes {longest}, and the slot is of {slot}; a smaller `mtu` \
                         makes frames shorter",
                        self.mtu().as_bytes()
                    );
                    found.push(("access.slot".to_owned(), message));
                }
                check_span("access.slot", *slot, found);
            }
            Access::Csma(sense) => {
                if sense.min_exponent > sense.max_exponent {
                    let message = format!("is at most `max_exponent`, {}", sense.max_exponent);
                    found.push(("access.min_exponent".to_owned(), message));
                }
                for (field, value, most) in
                    [("max_exponent", sense.max_exponent, 20), ("max_backoffs", sense.max_backoffs, 1000)]
                {
                    if value > most {
                        found.push((format!("access.{field}"), format!("is at most {most}, not {value}")));
                    }
                }
                if sense.sensing.is_zero() {
                    let message = "is longer than zero: nobody hears anything in no time";
                    found.push(("access.sensing".to_owned(), message.to_owned()));
                }
                if sense.unit.is_zero() && sense.max_exponent > 0 {
                    found.push(("access.unit".to_owned(), "is longer than zero: nobody would wait".to_owned()));
                }
                for (field, span) in
                    [("unit", sense.unit), ("sensing", sense.sensing), ("turnaround", sense.turnaround)]
                {
                    check_span(&format!("access.{field}"), span, found);
                }
            }
        }
    }
}

fn check_span(field: &str, span: Span, found: &mut Findings) {
    if span > LONGEST {
        found.push((field.to_owned(), format!("is at most {LONGEST}, not {span}")));
    }
}
