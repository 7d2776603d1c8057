//! Profiles of devices: what their parts draw, how fast they are, and where each number comes from.
//!
//! The shipped ones stand in `profiles.ron`, whose text is [`PROFILES`]. A source is the name of a document, `typical: our choice, because ...`,
//! `computed: ...` from other numbers of the profile, or `unverified: ...` for a number that was recalled from a document and has not been
//! compared with it since. [`DeviceProfile::unverified`] lists these, for manifests and reports.

use super::battery::BatteryConfig;
use super::meter::{Cause, State, Transition};
use super::quantity::{Current, Frequency, RadioPower, Voltage};
use crate::device::{Cost, DeviceConfig, Drift};
use protosim_core::{Ratio, Size, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// The shipped profiles, as RON: a list of [`DeviceProfile`], read with the extension `implicit_some`.
pub const PROFILES: &str = include_str!("profiles.ron");

/// A number, and where it comes from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sourced<T> {
    /// The number.
    pub value: T,
    /// A document, or `typical: our choice, because ...`, `computed: ...`, `unverified: ...`.
    pub source: String,
}

/// A device: its processor, memory, radios and battery.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceProfile {
    /// What it is called in scenarios: lower-case letters, digits and `-`.
    pub name: String,
    /// What it is, for tables and figures.
    pub title: String,
    /// What of it is not modelled, in a sentence.
    pub left_out: String,
    /// The voltage at which its currents are drawn.
    pub supply: Sourced<Voltage>,
    /// Its processor.
    pub cpu: CpuProfile,
    /// Memory for data.
    pub memory: Sourced<Size>,
    /// Memory for programs.
    pub flash: Sourced<Size>,
    /// How much faster (or, negative, slower) its clock runs than true time, at worst.
    pub clock_drift: Sourced<Drift>,
    /// Its radios; empty for a device on a cable.
    #[serde(default)]
    pub radios: Vec<RadioProfile>,
    /// All else that draws, all the time. Default: nothing.
    #[serde(default)]
    pub other: Option<Sourced<Current>>,
    /// Its battery. Default: none; it is supplied for ever.
    #[serde(default)]
    pub battery: Option<Sourced<BatteryConfig>>,
}

/// A processor.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CpuProfile {
    /// What it is, such as `"Cortex-M4F"`.
    pub core: String,
    /// Its clock while it works.
    pub clock: Sourced<Frequency>,
    /// What it draws while it works.
    pub active: Sourced<Current>,
    /// What it draws while it is halted with its clock on.
    pub idle: Sourced<Current>,
    /// What it draws asleep, with its memory kept and a timer running.
    pub sleep: Sourced<Current>,
    /// From sleep to work. Default: at once.
    #[serde(default)]
    pub wake: Option<Sourced<Ramp>>,
    /// Cycles by operation, such as `{"tls.ecdsa-p256.sign": (value: (per_call: 15000000), source: "...")}`.
    #[serde(default)]
    pub operations: BTreeMap<String, Sourced<Work>>,
}

/// Cycles of one operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Work {
    /// For each call.
    pub per_call: u64,
    /// For each byte that it works on.
    pub per_byte: u64,
}

/// The way from one state to another: its time and its mean current.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    /// How long it takes.
    pub takes: Span,
    /// What is drawn meanwhile, in the mean.
    pub current: Current,
}

/// A radio or a modem.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RadioProfile {
    /// What it speaks, such as `"ble"`; lower-case letters, digits, `.` and `-`.
    pub name: String,
    /// How much of the processor is in its currents while it is awake, as its datasheet says. Default: Nothing.
    #[serde(default)]
    pub covers: Covers,
    /// Off, or so deep asleep that nothing reaches it, such as a modem in PSM. Default: as `sleep`.
    #[serde(default)]
    pub off: Option<Sourced<Current>>,
    /// Asleep between the moments at which it listens.
    pub sleep: Sourced<Current>,
    /// Awake, neither sending nor receiving.
    pub idle: Sourced<Current>,
    /// Taking a frame in.
    pub receive: Sourced<Current>,
    /// On, with nothing to take in. Default: as `receive`.
    #[serde(default)]
    pub listen: Option<Sourced<Current>>,
    /// Sending, by power, in ascending order.
    pub transmit: Vec<TransmitLevel>,
    /// From sleep to idle. Default: at once.
    #[serde(default)]
    pub wake: Option<Sourced<Ramp>>,
    /// From idle to listening or sending. Default: at once.
    #[serde(default)]
    pub start: Option<Sourced<Ramp>>,
    /// From receiving to sending and back. Default: at once.
    #[serde(default)]
    pub turnaround: Option<Sourced<Ramp>>,
    /// The share of time for which it may send. Default: all of it.
    #[serde(default)]
    pub duty_cycle: Option<Sourced<Ratio>>,
}

/// What a radio draws while it sends with one power.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransmitLevel {
    /// The power.
    pub power: RadioPower,
    /// The current.
    pub current: Current,
    /// Where the current comes from.
    pub source: String,
}

/// What a processor does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CpuMode {
    /// It works.
    Active,
    /// Halted, its clock on.
    Idle,
    /// Asleep.
    Sleep,
}

/// How much of the processor is in the currents of a radio that is awake.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Covers {
    /// None of it: both add up.
    #[default]
    Nothing,
    /// The processor halted: it adds what it draws above that.
    Idle,
    /// The processor at work: the currents are those of the whole chip.
    All,
}

/// What a radio does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RadioMode {
    /// Off, or in PSM.
    Off,
    /// Asleep, to wake by itself.
    Sleep,
    /// Awake.
    Idle,
    /// On, with nothing to take in.
    Listen,
    /// Taking a frame in.
    Receive,
    /// Sending with the least power that it has and that is not below this one.
    Transmit(RadioPower),
}

/// Profiles by name, checked: what a scenario's `profile: "nrf52840"` is looked up in.
#[derive(Clone, PartialEq, Debug)]
pub struct Library(Vec<Arc<DeviceProfile>>);

/// The shipped profiles, read once.
static SHIPPED: LazyLock<Library> = LazyLock::new(|| {
    let options = ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
    let read: Result<Vec<DeviceProfile>, _> = options.from_str(PROFILES);
    debug_assert!(read.is_ok(), "the shipped profiles cannot be read: {read:?}");
    let checked = Library::new(read.unwrap_or_default());
    debug_assert!(checked.is_ok(), "the shipped profiles contradict themselves: {checked:?}");
    checked.unwrap_or_else(|_| Library(Vec::new()))
});

impl Library {
    /// The shipped profiles.
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// A library of these, in their order.
    ///
    /// # Errors
    /// What [`DeviceProfile::check`] finds, and names that there are twice: the profile's name with the field, and why.
    pub fn new(profiles: Vec<DeviceProfile>) -> Result<Self, Vec<(String, String)>> {
        let mut found = Vec::new();
        for (i, profile) in profiles.iter().enumerate() {
            let checked = profile.check().into_iter();
            found.extend(checked.map(|(field, why)| (format!("{}.{field}", profile.name), why)));
            if profiles[..i].iter().any(|other| other.name == profile.name) {
                found.push((format!("{}.name", profile.name), "is another profile's, too".to_owned()));
            }
        }
        if found.is_empty() { Ok(Self(profiles.into_iter().map(Arc::new).collect())) } else { Err(found) }
    }

    /// The profile of a name.
    pub fn get(&self, name: &str) -> Option<&Arc<DeviceProfile>> {
        self.0.iter().find(|profile| profile.name == name)
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|profile| profile.name.as_str())
    }
}

impl RadioMode {
    /// True but for those asleep.
    pub fn is_awake(self) -> bool {
        !matches!(self, Self::Off | Self::Sleep)
    }
}

impl CpuProfile {
    /// The state of a mode under a radio that is awake and covers so much of it.
    pub fn state_under(&self, mode: CpuMode, covers: Covers) -> State {
        let state = self.state(mode);
        let within = match covers {
            Covers::Nothing => Current::ZERO,
            Covers::Idle => self.idle.value,
            Covers::All => state.current,
        };
        State { current: state.current.saturating_sub(within), ..state }
    }
}

impl From<Ramp> for Transition {
    fn from(ramp: Ramp) -> Self {
        Self { takes: ramp.takes, current: ramp.current }
    }
}

fn ramp(sourced: Option<&Sourced<Ramp>>) -> Transition {
    sourced.map_or(Transition::NONE, |sourced| sourced.value.into())
}

impl CpuProfile {
    /// The state of a mode.
    pub fn state(&self, mode: CpuMode) -> State {
        match mode {
            CpuMode::Active => State::new(Cause::Cpu, self.active.value),
            CpuMode::Idle => State::new(Cause::Idle, self.idle.value),
            CpuMode::Sleep => State::new(Cause::Sleep, self.sleep.value),
        }
    }

    /// The way from one mode to another: only waking takes time.
    pub fn way(&self, from: CpuMode, to: CpuMode) -> [Transition; 2] {
        let wakes = from == CpuMode::Sleep && to != CpuMode::Sleep;
        [if wakes { ramp(self.wake.as_ref()) } else { Transition::NONE }, Transition::NONE]
    }

    /// Processor time by operation, as a device has it.
    pub fn costs(&self) -> BTreeMap<String, Cost> {
        let clock = self.clock.value;
        let cost =
            |work: &Work| Cost { per_call: clock.time_of(work.per_call), per_byte: clock.time_of(work.per_byte) };
        self.operations.iter().map(|(name, work)| (name.clone(), cost(&work.value))).collect()
    }
}

impl RadioProfile {
    /// The current of sending with the least power that is not below `power`; `None` if it has none so large.
    pub fn transmit(&self, power: RadioPower) -> Option<Current> {
        self.transmit.iter().find(|level| level.power >= power).map(|level| level.current)
    }

    /// The state of a mode; `None` if it cannot send with that power.
    pub fn state(&self, mode: RadioMode) -> Option<State> {
        let listen = self.listen.as_ref().unwrap_or(&self.receive).value;
        let off = self.off.as_ref().unwrap_or(&self.sleep).value;
        Some(match mode {
            RadioMode::Off => State::new(Cause::Sleep, off),
            RadioMode::Sleep => State::new(Cause::Sleep, self.sleep.value),
            RadioMode::Idle => State::new(Cause::Idle, self.idle.value),
            RadioMode::Listen => State::new(Cause::Listen, listen),
            RadioMode::Receive => State::new(Cause::Receive, self.receive.value),
            RadioMode::Transmit(power) => State::new(Cause::Transmit, self.transmit(power)?),
        })
    }

    /// The way from one mode to another: waking, then starting, or a turnaround. Going down takes no time, and neither does the first byte of a frame
    /// that was listened for.
    pub fn way(&self, from: RadioMode, to: RadioMode) -> [Transition; 2] {
        let [wake, start, turn] = [&self.wake, &self.start, &self.turnaround].map(|sourced| ramp(sourced.as_ref()));
        let sends = |mode| matches!(mode, RadioMode::Transmit(_));
        let is_on = |mode| sends(mode) || matches!(mode, RadioMode::Listen | RadioMode::Receive);
        let wakes = !from.is_awake() && to.is_awake();
        let second = match (is_on(from), is_on(to)) {
            (false, true) => start,
            (true, true) if sends(from) != sends(to) => turn,
            _ => Transition::NONE,
        };
        [if wakes { wake } else { Transition::NONE }, second]
    }
}

impl DeviceProfile {
    /// What it means for processor, memory and clock of a node: what a scenario would say in a device's fields.
    pub fn device_config(&self) -> DeviceConfig {
        DeviceConfig {
            clock_drift: Some(self.clock_drift.value),
            cpu: self.cpu.costs(),
            memory: Some(self.memory.value),
            ..DeviceConfig::default()
        }
    }

    /// The radio of a name.
    pub fn radio(&self, name: &str) -> Option<&RadioProfile> {
        self.radios.iter().find(|radio| radio.name == name)
    }

    /// All sources with the path of what they are of, in the order of the fields.
    pub fn sources(&self) -> Vec<(String, &str)> {
        let mut all = vec![
            ("supply".to_owned(), &*self.supply.source),
            ("cpu.clock".to_owned(), &*self.cpu.clock.source),
            ("cpu.active".to_owned(), &*self.cpu.active.source),
            ("cpu.idle".to_owned(), &*self.cpu.idle.source),
            ("cpu.sleep".to_owned(), &*self.cpu.sleep.source),
        ];
        all.extend(self.cpu.wake.iter().map(|wake| ("cpu.wake".to_owned(), &*wake.source)));
        let operations = self.cpu.operations.iter();
        all.extend(operations.map(|(name, work)| (format!("cpu.operations.{name}"), &*work.source)));
        all.push(("memory".to_owned(), &*self.memory.source));
        all.push(("flash".to_owned(), &*self.flash.source));
        all.push(("clock_drift".to_owned(), &*self.clock_drift.source));
        for (i, radio) in self.radios.iter().enumerate() {
            let mut say = |field: &str, source| all.push((format!("radios[{i}].{field}"), source));
            radio.off.iter().for_each(|off| say("off", &off.source));
            say("sleep", &radio.sleep.source);
            say("idle", &radio.idle.source);
            say("receive", &radio.receive.source);
            radio.listen.iter().for_each(|listen| say("listen", &listen.source));
            for (j, level) in radio.transmit.iter().enumerate() {
                say(&format!("transmit[{j}]"), &level.source);
            }
            for (field, ramp) in [("wake", &radio.wake), ("start", &radio.start), ("turnaround", &radio.turnaround)] {
                ramp.iter().for_each(|ramp| say(field, &ramp.source));
            }
            radio.duty_cycle.iter().for_each(|duty| say("duty_cycle", &duty.source));
        }
        all.extend(self.other.iter().map(|other| ("other".to_owned(), &*other.source)));
        all.extend(self.battery.iter().map(|battery| ("battery".to_owned(), &*battery.source)));
        all
    }

    /// What of it was recalled and not compared with a document since.
    pub fn unverified(&self) -> Vec<String> {
        self.sources()
            .into_iter()
            .filter(|(_, source)| source.starts_with("unverified: "))
            .map(|(path, _)| path)
            .collect()
    }
}
