//! What can be wrong with Wi-Fi.

use super::config::{PowerSave, WifiConfig};
use super::timing::Phy;
use crate::energy::wifi::TIME_UNIT;
use protosim_core::{Rate, Span};

type Findings = Vec<(String, String)>;

/// The largest contention window: 2^15 − 1, that of the field in QoS elements.
const WIDEST: u32 = 32_767;
/// Counts of beacons, attempts and frames that are held.
const MOST: u32 = 65_535;

impl WifiConfig {
    /// What [`MediumConfig::check`](super::super::MediumConfig::check) finds of Wi-Fi, but for names and queues.
    pub(in crate::medium) fn check(&self, found: &mut Findings) {
        let mut say = |field: &str, why: String| found.push((field.to_owned(), why));
        if self.phy().is_none() {
            let nearest = Rate::from_bits_per_sec(Phy::nearest(self.rate().as_bits_per_sec()));
            let nearest = nearest.map(|rate| rate.to_string()).unwrap_or_default();
            say("rate", format!("is none of IEEE 802.11's: {}; the nearest one is {nearest}", self.rate()));
        }
        for (field, window) in [("cw_min", self.cw_min()), ("cw_max", self.cw_max())] {
            if window > WIDEST || !(window + 1).is_power_of_two() {
                say(field, format!("is one less than a power of two, 0 to {WIDEST}, not {window}"));
            }
        }
        if self.cw_min() > self.cw_max() {
            say("cw_min", format!("is at most `cw_max`, {}, not {}", self.cw_max(), self.cw_min()));
        }
        for (field, value) in [("attempts", self.attempts), ("dtim", self.dtim), ("held", self.held)] {
            if let Some(value) = value.filter(|value| !(1..=MOST).contains(value)) {
                say(field, format!("is 1 to {MOST}, not {value}"));
            }
        }
        if self.hold_time.is_some_and(Span::is_zero) {
            say("hold_time", "is above zero: nothing would be held".to_owned());
        }
        let given = [
            ("beacon_interval", self.beacon_interval.is_some()),
            ("dtim", self.dtim.is_some()),
            ("held", self.held.is_some()),
            ("hold_time", self.hold_time.is_some()),
        ];
        if !self.saves_power() {
            for (field, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
                say(field, "has no effect: no station saves power (`power_save: ()`)".to_owned());
            }
            return;
        }
        let (interval, unit) = (self.beacon_interval().as_nanos(), TIME_UNIT.as_nanos());
        if !interval.is_multiple_of(unit) || !(1..=u64::from(MOST)).contains(&(interval / unit)) {
            let nearest = TIME_UNIT * ((interval + unit / 2) / unit).clamp(1, u64::from(MOST));
            let message = format!(
                "is 1 to {MOST} time units of {TIME_UNIT}, not {}; the nearest one is {nearest}",
                self.beacon_interval()
            );
            return say("beacon_interval", message);
        }
        let beacon = self.phy().map_or(Span::ZERO, Phy::beacon);
        if self.beacon_interval() < beacon.saturating_mul(2) {
            let message = format!("is at least twice a beacon, which takes {beacon}, not {}", self.beacon_interval());
            return say("beacon_interval", message);
        }
        for (index, station) in self.stations.iter().enumerate() {
            if let Some(save) = station.power_save {
                self.check_power_save(&format!("stations.{index}.power_save"), save, found);
            }
        }
    }

    fn check_power_save(&self, place: &str, save: PowerSave, found: &mut Findings) {
        if !(1..=MOST).contains(&save.listen_every) {
            found.push((format!("{place}.listen_every"), format!("is 1 to {MOST}, not {}", save.listen_every)));
        }
        if save.early.is_zero() {
            found.push((format!("{place}.early"), "is above zero: it would wake behind the beacon's begin".to_owned()));
        }
        let period = self.beacon_interval().saturating_mul(u64::from(save.listen_every));
        let beacon = self.phy().map_or(Span::ZERO, Phy::beacon);
        if save.early.saturating_add(beacon) >= period {
            let message = format!(
                "is too long: with the beacon, {beacon}, it leaves no time to doze in the {period} between those that it hears"
            );
            found.push((format!("{place}.early"), message));
        }
    }
}
