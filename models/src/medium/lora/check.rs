//! What can be wrong with a LoRaWAN cell.

use super::config::{DutyKeeping, LoraConfig, LoraStation};
use crate::link::Mtu;
use crate::lora::region::{SUB_BANDS, sub_band};
use protosim_core::Span;

impl LoraConfig {
    /// Fields that cannot take effect, contradict each other or are out of range.
    pub(in super::super) fn check(&self, found: &mut Vec<(String, String)>) {
        let mut say = |field: String, why: String| found.push((field, why));
        for (index, station) in self.stations.iter().enumerate() {
            let at = |field: &str| format!("stations.{index}.{field}");
            if station.spacing.is_some() {
                say(at("spacing"), "has no effect: the station is one node, and no group".to_owned());
            }
            if station.data_rate().is_none() {
                let message =
                    "is not in the region: EU868 has SF7 to SF12 with 125 kHz, and SF7 with 250 kHz".to_owned();
                say(at(if station.bandwidth.is_some() { "bandwidth" } else { "spreading" }), message);
            }
        }
        self.check_channels(&mut say);
        self.check_duty(&mut say);
        for (field, value, least, most) in [
            ("demodulators", self.demodulators(), 1, 4096),
            ("held", self.held(), 1, 1_000_000),
            ("downlink_tries", self.downlink_tries(), 1, 1000),
            ("attempts", self.attempts(), 1, 15),
            ("window_symbols", self.window_symbols(), 5, 24),
            ("clock_ppm", self.clock_ppm(), 0, 1000),
        ] {
            if !(least..=most).contains(&value) {
                say(field.to_owned(), format!("is {least} to {most}, not {value}"));
            }
        }
        if self.attempts.is_some() && !self.stations.iter().any(|station| station.confirmed == Some(true)) {
            say("attempts".to_owned(), "has no effect: no station has `confirmed: true`".to_owned());
        }
        if let Some(mtu) = self.mtu.map(Mtu::as_bytes).filter(|mtu| *mtu > self.longest().max(Mtu::LEAST)) {
            let most = self.longest().max(Mtu::LEAST);
            say(
                "mtu".to_owned(),
                format!("is at most {most} B, all that a data rate of its stations takes, not {mtu} B"),
            );
        }
        if !(1.0..=10.0).contains(&self.exponent()) {
            say("path_loss_exponent".to_owned(), format!("is 1 to 10, not {}", self.exponent()));
        }
    }

    fn check_channels(&self, say: &mut dyn FnMut(String, String)) {
        let channels = self.channels();
        if channels.is_empty() {
            say("channels".to_owned(), "is of at least one frequency: nobody could send".to_owned());
        }
        let given = self.channels.as_deref().unwrap_or_default();
        let shown = |index: usize| given.get(index).map(ToString::to_string).unwrap_or_default();
        let mut allowed = i32::MAX;
        for (index, hertz) in channels.iter().enumerate() {
            let at = format!("channels.{index}");
            match sub_band(*hertz) {
                None => {
                    let message = "is in no sub-band of EU868: nobody may send outside of them,";
                    say(at, format!("`{}` {message} {}", shown(index), bands()));
                }
                Some(_) if channels[..index].contains(hertz) => {
                    say(at, format!("`{}` is there already", shown(index)));
                }
                Some(band) => allowed = allowed.min(SUB_BANDS[band].power_centi_dbm),
            }
        }
        let stations = self.stations.iter().map(LoraStation::power).enumerate();
        let powers = stations.map(|(index, power)| (format!("stations.{index}.power"), power));
        for (field, power) in powers.chain([("gateway_power".to_owned(), self.gateway_power())]) {
            if power.as_centi_dbm() > allowed {
                let most = crate::energy::RadioPower::from_centi_dbm(allowed);
                say(field, format!("is at most {most}, which a sub-band of `channels` allows, not {power}"));
            }
        }
    }

    fn check_duty(&self, say: &mut dyn FnMut(String, String)) {
        if self.duty_cycle.is_some_and(protosim_core::Ratio::is_zero) {
            say("duty_cycle".to_owned(), "is above zero: nobody could send".to_owned());
        }
        if let Some(DutyKeeping::Window(window)) = self.duty_rule
            && !(Span::from_secs(1)..=Span::from_secs(86_400)).contains(&window)
        {
            say("duty_rule".to_owned(), format!("is a window of 1 s to 1 day, not {window}"));
        }
        let Some(slot) = self.slotted else { return };
        let frame = |station: &LoraStation| {
            let rate = station.data_rate()?;
            let payload = self.mtu().map_or(0, |mtu| mtu.as_bytes()).min(rate.max_payload());
            Some(rate.uplink().airtime(payload + super::config::AROUND))
        };
        let longest = self.stations.iter().filter_map(frame).max().unwrap_or_default();
        if slot < longest {
            let message = format!(
                "is no shorter than a frame, which takes up to {longest}, not {slot}; a smaller `mtu` makes frames shorter"
            );
            say("slotted".to_owned(), message);
        }
        if slot > Span::from_secs(60) {
            say("slotted".to_owned(), format!("is at most 60 s, not {slot}"));
        }
    }
}

fn bands() -> String {
    let mhz = |hertz: u32| format!("{}.{:02}", hertz / 1_000_000, hertz % 1_000_000 / 10_000);
    let all = SUB_BANDS.iter().map(|band| format!("{} to {} MHz", mhz(band.from), mhz(band.to)));
    all.collect::<Vec<_>>().join(", ")
}
