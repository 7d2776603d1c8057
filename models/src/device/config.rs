//! What a user says of a device, and what it comes to.

use super::clock::Drift;
use super::cpu::{Cost, Costs};
use crate::energy::{Battery, BatteryConfig, Capacity, Charge, DeviceProfile, Hardware, Library};
use protosim_core::{Purpose, Ratio, SimTime, Size, Stream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Draws of clocks.
pub const CLOCK: Purpose = Purpose("device.clock");

/// The limits of a node, as in a scenario. What is left out is the profile's; without one, ideal.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeviceConfig {
    /// What it is, such as `"nrf52840"`: one of the shipped profiles, or of the scenario's `profiles`. Processor times, memory and clock are
    /// the profile's then, and its energy is metered. Default: none.
    pub profile: Option<String>,
    /// Which radio of the profile is metered, such as `"802.15.4"`, on a medium that does not say (`Radio`). Default: its only one.
    pub radio: Option<String>,
    /// The battery that it runs on, until that is empty. Default: it is supplied for ever, and the profile's battery is for estimates.
    pub battery: Option<BatteryStart>,
    /// How much faster (or, negative, slower) its clock runs than true time, such as `"20 ppm"`. Default: with a profile, drawn for each node
    /// evenly from what the profile says at worst, either way; otherwise none.
    pub clock_drift: Option<Drift>,
    /// Processor time by operation, such as `{"coap.decode": (per_call: "1 ms", per_byte: "2 us")}`; of others, the profile's.
    pub cpu: BTreeMap<String, Cost>,
    /// Memory for buffers and sessions. Default: the profile's; without one, no limit.
    pub memory: Option<Size>,
}

/// The battery that a device runs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BatteryStart {
    /// What it holds when full. Default: as the profile says.
    pub capacity: Option<Capacity>,
    /// How much of that it holds at the start. Default: 100 %.
    pub charge: Option<Ratio>,
}

/// A device as its node has it: what a scenario says, and the profile where it says nothing.
#[derive(Clone, Debug, Default)]
pub struct Device {
    /// How its clock runs.
    pub drift: DriftLaw,
    /// Processor time by operation, shared by devices of one kind.
    pub costs: Arc<Costs>,
    /// Memory for buffers and sessions.
    pub memory: Option<Size>,
    /// What is metered of it.
    pub metered: Option<Metered>,
}

/// How the clocks of devices of one kind run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DriftLaw {
    /// All alike.
    Fixed(Drift),
    /// Each in its own way, evenly from no more than this slow to no more than this fast.
    Within(Drift),
}

/// What meters a device.
#[derive(Clone, Debug)]
pub struct Metered {
    /// Its profile.
    pub profile: Arc<DeviceProfile>,
    /// Which radio the scenario names.
    pub radio: Option<String>,
    /// Its battery, and what that holds at the start; none if it is supplied for ever.
    pub battery: Option<(BatteryConfig, Charge)>,
}

impl Default for DriftLaw {
    fn default() -> Self {
        Self::Fixed(Drift::default())
    }
}

impl DriftLaw {
    /// The drift of one device; `luck` is its stream of [`CLOCK`].
    pub fn draw(self, luck: impl FnOnce() -> Stream) -> Drift {
        match self {
            Self::Fixed(drift) => drift,
            Self::Within(worst) => {
                let most = worst.as_ppb().abs();
                let drawn = luck().below(2 * most as u64 + 1) as i64 - most;
                Drift::from_ppb(drawn).unwrap_or(worst)
            }
        }
    }
}

/// The profile of this name: one of a scenario's own, or a shipped one.
pub fn find_profile(name: &str, own: &[Arc<DeviceProfile>]) -> Option<Arc<DeviceProfile>> {
    let own = own.iter().find(|profile| profile.name == name);
    own.or_else(|| Library::shipped().get(name)).map(Arc::clone)
}

impl BatteryStart {
    /// The battery, and what it holds at the start.
    pub fn of(self, config: BatteryConfig) -> (BatteryConfig, Charge) {
        let config = BatteryConfig { capacity: self.capacity.unwrap_or(config.capacity), ..config };
        let full = config.capacity.charge();
        let charge = self.charge.map_or(full, |share| full.share(share));
        (config, charge)
    }
}

impl DeviceConfig {
    /// What it comes to with its profile, one of `own` or a shipped one. A profile that there is not gives nothing: scenarios with one are refused.
    pub fn resolve(&self, own: &[Arc<DeviceProfile>]) -> Device {
        let profile = self.profile.as_deref().and_then(|name| find_profile(name, own));
        let Some(profile) = profile else {
            let drift = DriftLaw::Fixed(self.clock_drift.unwrap_or_default());
            let costs = Arc::new(Costs::new(self.cpu.clone()));
            return Device { drift, costs, memory: self.memory, metered: None };
        };
        let mut by_name = profile.cpu.costs();
        by_name.extend(self.cpu.iter().map(|(name, cost)| (name.clone(), *cost)));
        let wake = Hardware::wakes(&profile).takes;
        let battery = self.battery.zip(profile.battery.as_ref()).map(|(start, battery)| start.of(battery.value));
        Device {
            drift: self.clock_drift.map_or(DriftLaw::Within(profile.clock_drift.value), DriftLaw::Fixed),
            costs: Arc::new(Costs::new(by_name).waking_in(wake)),
            memory: self.memory.or(Some(profile.memory.value)),
            metered: Some(Metered { profile, radio: self.radio.clone(), battery }),
        }
    }
}

impl Metered {
    /// The device itself at the start of a run, with the radio of that name or without one, of which the time from `from` to `until` is measured.
    /// `None` if it has no such radio.
    pub fn hardware(&self, radio: Option<&str>, (from, until): (SimTime, SimTime)) -> Option<Box<Hardware>> {
        let battery = self.battery.map(|(config, charge)| Battery::with_charge(SimTime::ZERO, config, charge));
        let hardware = Hardware::with_battery(SimTime::ZERO, Arc::clone(&self.profile), radio, battery)?;
        Some(Box::new(hardware.with_window(from, until)))
    }
}
