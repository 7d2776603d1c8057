//! What a user writes of a LoRaWAN cell.

use super::super::distance::Place;
use crate::energy::{Frequency, RadioPower};
use crate::length::{NotALength, parse_length};
use crate::link::{Framing, Mtu};
use crate::lora::region::{DataRate, JOIN_CHANNELS};
use crate::lora::wire::MIN_DATA;
use crate::lora::{Bandwidth, DutyRule, SpreadingFactor};
use crate::name::NodeName;
use crate::queue::QueueConfig;
use protosim_core::{Rate, Ratio, Size, Span};
use serde::{Deserialize, Serialize};

/// MHDR (1), DevAddr (4), FCtrl (1), FCnt (2) and MIC (4): a frame without payload has no FPort (LoRaWAN 1.0.3 §4).
pub(super) const EMPTY: u64 = MIN_DATA as u64;
/// What is around a payload: FPort (1), too.
pub(super) const AROUND: u64 = EMPTY + 1;
/// 14 dBm.
const USUAL_POWER: RadioPower = RadioPower::from_centi_dbm(1400);

/// A cell of LoRaWAN 1.0 in Europe (EU868): devices of class A around one gateway, which alone hears them. IP packets go in FRMPayload as they are: the headers are
/// not elided (no SCHC), and a payload holds 51, 115 or 222 bytes by data rate.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoraConfig {
    /// What it is called; unique among media and links. Required.
    pub name: String,
    /// The node that all others talk to. Required.
    pub gateway: NodeName,
    /// Where the gateway is, east and north of some origin. Default: at the origin.
    pub gateway_at: Option<Place>,
    /// With which power the gateway sends. Default: 14 dBm.
    pub gateway_power: Option<RadioPower>,
    /// The devices, 1 to 4092. Required.
    pub stations: Vec<LoraStation>,
    /// On which frequencies devices send: for each frame one is drawn of those on which the duty cycle lets it go first. Default: 868.1, 868.3 and 868.5 MHz, which
    /// every device has.
    pub channels: Option<Vec<Frequency>>,
    /// The share of time for which each device, the gateway too, may send in a sub-band; 100 % sets no limit. Default: that of the sub-band (ETSI EN 300 220: 1 %
    /// for the default channels, 10 % for the second window's).
    pub duty_cycle: Option<Ratio>,
    /// How the duty cycle is kept. Default: OffTime.
    pub duty_rule: Option<DutyKeeping>,
    /// What becomes of a frame that the duty cycle does not let go. Default: Wait.
    pub duty_excess: Option<DutyExcess>,
    /// Devices begin at the start of a slot of this length, slotted ALOHA. Slots count from the start of the run, each a nanosecond later than its
    /// multiple: what a node hands over at the multiple itself is in time. Default: none, pure ALOHA.
    pub slotted: Option<Span>,
    /// True: of frames that overlap on one frequency with one spreading factor, one that is 6 dB stronger at the gateway than each other survives. False: all are lost. Default: true.
    pub capture: Option<bool>,
    /// The exponent γ of path loss, PL(d) = PL(d0) + 10 γ log10(d / d0); 1 to 10. Default: 3.76 (Magrin et al., Performance evaluation of LoRa
    /// networks in a smart city scenario, 2017; with 14 dBm, SF7 reaches 3 km and SF12 6.5 km).
    pub path_loss_exponent: Option<f64>,
    /// PL(d0), at d0 = 1 m, below which it stays as it is. Default: 7.7 dB (Magrin et al. 2017).
    pub path_loss: Option<Attenuation>,
    /// How many frames the gateway takes in at once; what comes more is lost. Default: 8 (Semtech SX1301).
    pub demodulators: Option<u32>,
    /// How many packets the gateway holds for each device; what comes more is dropped. Default: 8 (our choice).
    pub held: Option<u32>,
    /// In how many pairs of windows the gateway tries to send a packet before it drops it; 1 to 1000. Default: 8 (our choice).
    pub downlink_tries: Option<u32>,
    /// How often a confirmed uplink is sent at most; 1 to 15. Default: 8 (LoRaWAN 1.0.3 §19.4 recommends as many).
    pub attempts: Option<u32>,
    /// How many symbols a receive window is open for, if no preamble comes; 5 to 24. Default: 8 (our choice).
    pub window_symbols: Option<u32>,
    /// How far a device's clock may be off, in parts per million: its windows are wider by the drift; at most 1000. Default: 20.
    pub clock_ppm: Option<u32>,
    /// Largest IP packet. Default: what the slowest station's data rate allows, but no less than 68 B, as no link has less: 68, 115 or 222 B.
    pub mtu: Option<Mtu>,
    /// Of each device, while it sends, listens, or waits for its duty cycle. Default: 1000 packets (Linux `pfifo`).
    pub queue: Option<QueueConfig>,
    /// Probability that a frame is lost at its receiver, besides collisions: of uplinks, downlinks and acknowledgements alike. Default: 0 %.
    pub loss: Option<Ratio>,
    /// The name that its random streams go by. Default: its name.
    pub stream_name: Option<String>,
}

/// A device of a LoRaWAN cell.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoraStation {
    /// The node, or a group. Required.
    pub node: NodeName,
    /// Where it is, east and north of some origin: `("300 m", "-40 m")`. Required.
    pub at: Place,
    /// Of a group: how far each member is from the one before, east and north. Default: all are at one place.
    pub spacing: Option<Place>,
    /// Its spreading factor. Required.
    pub spreading: SpreadingFactor,
    /// Its bandwidth. Default: 125 kHz.
    pub bandwidth: Option<Bandwidth>,
    /// With which power it sends. Default: 14 dBm.
    pub power: Option<RadioPower>,
    /// True: the gateway acknowledges its frames, and it repeats those that are not. Default: false.
    pub confirmed: Option<bool>,
}

/// How a duty cycle d is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum DutyKeeping {
    /// Behind a frame of T the sub-band is silent for T (1/d − 1), as LoRaWAN stacks have it.
    #[default]
    OffTime,
    /// In any window of this length the frames of a sub-band take no more than d of it, as regulators word it with an hour. What is longer than that is dropped.
    Window(Span),
}

/// What becomes of a frame that the duty cycle does not let go at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum DutyExcess {
    /// A device's frame waits until it may go, and the gateway's for the next pair of windows.
    #[default]
    Wait,
    /// It is dropped: new data are worth more than old ones.
    Drop,
}

/// A loss of power on the way: `"127.41 dB"`; at most 300 dB.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Attenuation(i32);

impl Attenuation {
    /// Hundredths of dB.
    pub const fn as_centi_db(self) -> i32 {
        self.0
    }
}

impl std::str::FromStr for Attenuation {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match parse_length(text, &[("dB", 2)]).map(i32::try_from) {
            Ok(Ok(centi)) if centi <= 30_000 => Ok(Self(centi)),
            Ok(_) | Err(NotALength::TooLong) => Err(format!("an attenuation is at most 300 dB, not `{text}`")),
            Err(NotALength::TooFine) => Err(format!("`{text}` is finer than 0.01 dB")),
            Err(NotALength::Form) => Err(format!("expected an attenuation such as \"127.41 dB\", found \"{text}\"")),
        }
    }
}

impl std::fmt::Display for Attenuation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 % 100 {
            0 => write!(f, "{} dB", self.0 / 100),
            rest => write!(f, "{}.{rest:02} dB", self.0 / 100),
        }
    }
}

impl Serialize for Attenuation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Attenuation {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Attenuation;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an attenuation with a unit, such as \"127.41 dB\"")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Attenuation, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

impl LoraConfig {
    /// A cell with defaults for all else.
    pub fn new(name: &str, gateway: NodeName, stations: Vec<LoraStation>) -> Self {
        Self {
            name: name.to_owned(),
            gateway,
            gateway_at: None,
            gateway_power: None,
            stations,
            channels: None,
            duty_cycle: None,
            duty_rule: None,
            duty_excess: None,
            slotted: None,
            capture: None,
            path_loss_exponent: None,
            path_loss: None,
            demodulators: None,
            held: None,
            downlink_tries: None,
            attempts: None,
            window_symbols: None,
            clock_ppm: None,
            mtu: None,
            queue: None,
            loss: None,
            stream_name: None,
        }
    }

    /// What is around a packet.
    pub(in super::super) const FRAMING: Framing =
        Framing::Custom { overhead: Size::from_bytes(AROUND), min_packet: Size::from_bytes(0) };

    /// Bits per second of the slowest station, rounded up, for queues that want to know.
    pub(in super::super) fn rate(&self) -> Rate {
        let rates = self.stations.iter().filter_map(LoraStation::data_rate);
        let least = rates.map(|rate| rate.uplink().millibits_per_sec().div_ceil(1000)).min();
        Rate::from_bits_per_sec(least.unwrap_or(1)).expect("at least one bit per second")
    }

    /// Largest IP packet.
    pub(in super::super) fn mtu(&self) -> Option<Mtu> {
        let rates = self.stations.iter().filter_map(LoraStation::data_rate);
        let least = rates.map(DataRate::max_payload).min().unwrap_or_default();
        self.mtu.or(Mtu::new(Size::from_bytes(least.max(Mtu::LEAST))))
    }

    /// The most bytes of a packet that the fastest station may send.
    pub(super) fn longest(&self) -> u64 {
        let rates = self.stations.iter().filter_map(LoraStation::data_rate);
        rates.map(DataRate::max_payload).max().unwrap_or_default()
    }

    /// With which power the station of a node sends.
    pub(in super::super) fn power_of(&self, node: &str) -> Option<RadioPower> {
        if self.gateway.0 == node {
            return Some(self.gateway_power());
        }
        self.stations.iter().find(|station| station.node.0 == node).map(LoraStation::power)
    }

    /// The frequencies of uplinks, in hertz.
    pub(super) fn channels(&self) -> Vec<u32> {
        match &self.channels {
            None => JOIN_CHANNELS.to_vec(),
            // Those over 4 GHz are in no sub-band, nor is the largest number.
            Some(given) => given.iter().map(|hertz| u32::try_from(hertz.as_hertz()).unwrap_or(u32::MAX)).collect(),
        }
    }

    pub(super) fn rule(&self) -> DutyRule {
        match self.duty_rule.unwrap_or_default() {
            DutyKeeping::OffTime => DutyRule::OffTime,
            DutyKeeping::Window(window) => DutyRule::Window(window),
        }
    }

    pub(super) fn gateway_power(&self) -> RadioPower {
        self.gateway_power.unwrap_or(USUAL_POWER)
    }

    pub(super) fn exponent(&self) -> f64 {
        self.path_loss_exponent.unwrap_or(3.76)
    }

    pub(super) fn path_loss(&self) -> i32 {
        self.path_loss.map_or(770, Attenuation::as_centi_db)
    }

    pub(super) fn demodulators(&self) -> u32 {
        self.demodulators.unwrap_or(8)
    }

    pub(super) fn held(&self) -> u32 {
        self.held.unwrap_or(8)
    }

    pub(super) fn downlink_tries(&self) -> u32 {
        self.downlink_tries.unwrap_or(8)
    }

    pub(super) fn attempts(&self) -> u32 {
        self.attempts.unwrap_or(8)
    }

    pub(super) fn window_symbols(&self) -> u32 {
        self.window_symbols.unwrap_or(8)
    }

    pub(super) fn clock_ppm(&self) -> u32 {
        self.clock_ppm.unwrap_or(20)
    }
}

impl LoraStation {
    /// The region's data rate of its spreading factor and bandwidth, if it has one.
    pub(super) fn data_rate(&self) -> Option<DataRate> {
        let shape = (self.spreading, self.bandwidth.unwrap_or(Bandwidth::Khz125));
        (0..=6).filter_map(DataRate::new).find(|rate| (rate.uplink().spreading, rate.uplink().bandwidth) == shape)
    }

    pub(super) fn power(&self) -> RadioPower {
        self.power.unwrap_or(USUAL_POWER)
    }
}
