//! What can be wrong with connections of Bluetooth Low Energy.

use super::config::{BleConfig, DATA_CHANNELS};
use crate::energy::ble::T_IFS;
use protosim_core::{Ratio, Span};

type Findings = Vec<(String, String)>;

/// Packets held for one peripheral.
const MOST_HELD: u32 = 65_536;
/// The payload of a PDU without and with the data length extension (Vol 6 Part B §4.5.10).
const LENGTHS: std::ops::RangeInclusive<u64> = 27..=251;
/// Intervals of advertising (§4.4.2.2.1).
const ADVERTISING: std::ops::RangeInclusive<Span> = Span::from_millis(20)..=Span::from_millis(10_240);

impl BleConfig {
    /// What [`MediumConfig::check`](super::super::MediumConfig::check) finds, but for names and queues.
    pub(in crate::medium) fn check(&self, found: &mut Findings) {
        let before = found.len();
        let mut say = |field: &str, why: String| found.push((field.to_owned(), why));
        if !LENGTHS.contains(&self.data_length()) {
            say("data_length", format!("is 27 to 251 bytes, not {}", self.data_length()));
        }
        if !ADVERTISING.contains(&self.advertising()) {
            say("advertising", format!("is 20 ms to 10240 ms, not {}", self.advertising()));
        }
        if !(1..=MOST_HELD).contains(&self.held.unwrap_or(1)) {
            say("held", format!("is 1 to {MOST_HELD}, not {}", self.held.unwrap_or(1)));
        }
        if self.sleep_clocks.is_some_and(|drift| drift.as_ppb() < 0) {
            say("sleep_clocks", "is how far clocks are off either way, and not below zero".to_owned());
        }
        if self.first_anchor.is_some_and(|first| first >= self.interval()) {
            say("first_anchor", format!("is below the interval, {}", self.interval()));
        }
        self.check_channels(found);
        self.check_connections(found);
        if found.len() == before {
            self.check_room(found);
        }
    }

    fn check_channels(&self, found: &mut Findings) {
        let mut say = |field: String, why: String| found.push((field, why));
        if self.channel_loss.is_empty() {
            for (field, is_given) in [("hopping", self.hopping.is_some()), ("channels", self.channels.is_some())] {
                if is_given {
                    let message = "has no effect: all channels lose the same (`channel_loss`)";
                    say(field.to_owned(), message.to_owned());
                }
            }
        }
        let used = self.used();
        for (index, channel) in self.channels.iter().flatten().enumerate() {
            let twice = self.channels.iter().flatten().take(index).any(|other| other == channel);
            if *channel >= DATA_CHANNELS || twice {
                let message = match twice {
                    true => format!("names channel {channel} twice"),
                    false => format!("is 0 to 36, not {channel}"),
                };
                say(format!("channels.{index}"), message);
            }
        }
        if used.len() < 2 {
            say("channels".to_owned(), format!("is of at least two channels, not {}", used.len()));
        }
        for (index, own) in self.channel_loss.iter().enumerate() {
            let twice = self.channel_loss[..index].iter().any(|other| other.channel == own.channel);
            if own.channel > 39 || twice {
                let message = match twice {
                    true => format!("names channel {} twice", own.channel),
                    false => format!("is 0 to 39, not {}", own.channel),
                };
                say(format!("channel_loss.{index}.channel"), message);
            } else if own.channel < DATA_CHANNELS && !used.contains(&own.channel) {
                let message = "has no effect: no connection uses this channel (`channels`)";
                say(format!("channel_loss.{index}"), message.to_owned());
            }
        }
        if !used.is_empty() && used.iter().all(|channel| self.loss_on(*channel) == Ratio::ONE) {
            say("channel_loss".to_owned(), "loses all on each channel in use: nothing would ever arrive".to_owned());
        }
    }

    /// What central and peripherals agree on: of all, and of each that says something of its own.
    fn check_connections(&self, found: &mut Findings) {
        let all = super::BleStation::new(self.central.clone());
        let is_own = |station: &super::BleStation| {
            station.interval.is_some() || station.latency.is_some() || station.supervision.is_some()
        };
        let own = self.stations.iter().enumerate().filter(|(_, station)| is_own(station));
        let own: Vec<_> = own.map(|(index, station)| (format!("stations.{index}."), station)).collect();
        let has_common = own.len() < self.stations.len();
        let common = [(String::new(), &all)];
        for (place, station) in common.into_iter().filter(|_| has_common).chain(own) {
            for (field, why) in self.connection(station).check() {
                // What is said of all is wrong there, and once.
                let is_here = place.is_empty()
                    || match field.as_str() {
                        "interval" => station.interval.is_some(),
                        "latency" => station.latency.is_some(),
                        _ => true,
                    };
                let field = if field == "clock_ppm" { "sleep_clocks".to_owned() } else { format!("{place}{field}") };
                if (is_here || !has_common) && !found.iter().any(|(other, _)| *other == field) {
                    found.push((field, why));
                }
            }
            let (interval, common) = (self.connection(station).interval, self.interval().as_nanos().max(1));
            if !interval.as_nanos().is_multiple_of(common) {
                let message = format!("is a whole multiple of that of all, {}, not {interval}", self.interval());
                found.push((format!("{place}interval"), message));
            }
        }
    }

    /// The central serves each peripheral in a part of the interval of its own, which must have room for the longest PDU each way.
    fn check_room(&self, found: &mut Findings) {
        let needs = self.longest().saturating_add(T_IFS).saturating_mul(2);
        if self.slot() < needs {
            let least = needs.saturating_mul(self.stations.len() as u64);
            let message = format!(
                "has no room for the longest PDU each way of {} peripherals: {} each, and such an exchange takes {needs}; it is at least {least}, or a smaller \
                 `data_length` makes PDUs shorter",
                self.stations.len(),
                self.slot()
            );
            found.push(("interval".to_owned(), message));
        }
    }
}
