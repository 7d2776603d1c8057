//! A cell of LoRaWAN: devices of class A around one gateway.
//!
//! What a device's node hands over goes in an uplink frame as it is, 13 bytes around it. A device sends when its duty cycle allows it, on a channel that is
//! drawn, and hears nobody first: pure ALOHA, or slotted. Behind each uplink it listens in two windows, a second and two seconds after its end, and else
//! sleeps; what is for it waits at the gateway until then.
//!
//! ```text
//!           packet, duty cycle and slot        end              1 s            none came       2 s
//!   Idle ─────────────────────────────▶ Sending ───▶ Opens(RX1) ──▶ Open(RX1) ───────▶ Opens(RX2) ──▶ Open(RX2)
//!    ▲ ▲     (Waiting until then)                                       │ a frame                        │    │
//!    │ └────────────────────────────────────────────────────────── Receiving ◀───────────────────────────┘    │
//!    └─────────── Repeating (ACK_TIMEOUT, confirmed and not acknowledged) ◀───────────────────────────────────┘
//! ```
//! - **Times on air** are exact ([`Modulation`](crate::lora::Modulation)); there is no propagation delay.
//! - **Duty cycle** ([`DutyLedger`]): by sub-band, of each device and of the gateway. A frame waits for the first channel that may be used, in the device's queue, or is dropped
//!   ([`DutyExcess`]); a downlink whose window may not be used is tried in the next one, or is dropped.
//! - **Collisions** at the gateway: frames that overlap on one channel with one spreading factor, with the capture effect or without
//!   ([`Interference`]). Spreading factors are orthogonal. Received power follows from distance by a path loss with an exponent; below the sensitivity, which is the
//!   noise in the bandwidth (−174 dBm/Hz), 6 dB of noise figure and the ratio that the spreading factor needs (SX1276 datasheet, table 13), a frame is out of range and disturbs nobody.
//! - **The gateway** hears nothing while it sends (half duplex), and takes in as many frames at once as it has demodulators.
//! - **Downlinks** go in RX1, on the uplink's channel with its data rate, or in RX2, on 869.525 MHz with DR0; a packet that finds both
//!   taken, too slow for it, or forbidden by the duty cycle is tried again behind the next uplink, and dropped after some tries. A gateway that did not hear
//!   the uplink knows of no window, and it answers an uplink once.
//! - **Confirmed uplinks** (LoRaWAN 1.0.3 §18): the gateway's next downlink acknowledges, an empty one if need be. Without it the
//!   device sends the frame again, 1 to 3 s after its windows, on a channel that is drawn anew. What came once is not handed over a second time. Downlinks are not confirmed.
//! - **Groups**: class A has no multicast. The gateway sends a packet for a group to each device that takes it.
//! - **Loss**: one draw for each frame that came through, data or acknowledgement, of the stream `loss` of its receiver.
//! - **Energy**: a device's radio is on its way to a window before it opens; before a frame that goes at once there is no time for that, and the way, 310 µs of an SX1276, takes the place of the frame's first part. The
//!   gateway listens all the time, or takes in.
//!
//! # What is not modelled, and what that does to results
//! - SCHC (RFC 8724, RFC 9011): IP and UDP headers are sent whole, 28 bytes or, of IPv6, 48 of the 51 to 222 that a payload has. So airtimes are longer than with it: 2138 ms
//!   with SF12 for one byte of UDP over IPv4 (42 bytes), which with two bytes of SCHC would be 16 bytes in 1319 ms. IPv6 has fragments of its own where it would need 1280 bytes.
//! - Joining, MAC commands, adaptive data rate, repetitions of frames that are not confirmed: devices know their session, data rate and channels from the start.
//! - Frames as bytes: their lengths are LoRaWAN's, and captures have the packets in them.
//! - Uplinks and downlinks do not disturb each other at devices (they are sent with opposite chirps); a device does not take in what is for another one. Several gateways.
//! - Fading; that interferers add up ([`crate::lora::capture`]).

mod check;
mod config;
mod device;
mod gateway;

#[cfg(test)]
mod tests;

pub use config::{Attenuation, DutyExcess, DutyKeeping, LoraConfig, LoraStation};

use super::adapter::Adapters;
use super::discipline::Discipline;
use super::distance::Place;
use super::shared::{Air, At, MediumParts, Shared, timers};
use crate::element::Element;
use crate::energy::{RadioMode, RadioPower};
use crate::lora::region::{DataRate, RECEIVE_DELAY, SECOND_WINDOW_RATE};
use crate::lora::{Bandwidth, ClassA, DutyLedger, Interference, Modulation, Transmission};
use crate::node::DropCause;
use crate::packet::Packet;
use device::Device;
use gateway::Gateway;
use protosim_core::{Cx, Purpose, SimTime, Span, Stream, TimerId, maths};

/// Draws of channels, and of waits before a frame is repeated.
const CHANNEL: Purpose = Purpose("lora.channel");
const REPEAT: Purpose = Purpose("lora.repeat");

/// d0 \[mm\]: where the path loss is said.
const REFERENCE: u64 = 1_000;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Lora {
    pub(super) shared: Shared,
    pub(super) air: Air,
    adapters: Adapters,
    plan: Plan,
    /// By station; the gateway's is not used.
    devices: Vec<Device>,
    gateway: Gateway,
    /// Uplinks that are on the air.
    uplinks: Vec<Uplink>,
    /// By station.
    channel_luck: Vec<Stream>,
    repeat_luck: Vec<Stream>,
}

/// What is the same for all.
#[derive(Clone, Debug)]
struct Plan {
    channels: Vec<u32>,
    slot: Option<Span>,
    interference: Interference,
    demodulators: usize,
    attempts: u32,
    excess: DutyExcess,
    symbols: u16,
    clock_ppm: u32,
}

/// A frame of a device on the air.
#[derive(Clone, Copy, Debug)]
struct Uplink {
    from: usize,
    /// As it is at the gateway.
    sent: Transmission,
    /// Why the gateway will not have it.
    flaw: Option<DropCause>,
}

impl Uplink {
    fn ends(&self) -> SimTime {
        self.sent.start.saturating_add(self.sent.airtime)
    }
}

impl Plan {
    fn new(config: &LoraConfig) -> Self {
        Self {
            channels: config.channels(),
            slot: config.slotted,
            interference: if config.capture.unwrap_or(true) { Interference::CAPTURE } else { Interference::ALOHA },
            demodulators: config.demodulators() as usize,
            attempts: config.attempts(),
            excess: config.duty_excess.unwrap_or_default(),
            // At most 24.
            symbols: config.window_symbols() as u16,
            clock_ppm: config.clock_ppm(),
        }
    }

    /// The windows of a device that sends with this data rate.
    fn windows(&self, rate: DataRate) -> ClassA {
        ClassA {
            delay: RECEIVE_DELAY,
            first: rate.first_window(0).downlink(),
            second: SECOND_WINDOW_RATE.downlink(),
            symbols: self.symbols,
            clock_ppm: self.clock_ppm,
        }
    }

    /// The first instant at `at` or later at which a frame may begin; what is handed over at the start of a slot is here a nanosecond later.
    fn aligned(&self, at: SimTime) -> SimTime {
        let Some(slot) = self.slot.filter(|slot| !slot.is_zero()) else { return at };
        let past = at.as_nanos().saturating_sub(1) % slot.as_nanos();
        if past == 0 { at } else { at.saturating_add(slot.saturating_sub(Span::from_nanos(past))) }
    }
}

/// The weakest signal that is received, in hundredths of dBm.
fn sensitivity(modulation: &Modulation) -> i32 {
    // -174 dBm/Hz, 10 log10 of the bandwidth, and a noise figure of 6 dB.
    let bandwidth = match modulation.bandwidth {
        Bandwidth::Khz125 => 5_097,
        Bandwidth::Khz250 => 5_398,
        Bandwidth::Khz500 => 5_699,
    };
    -17_400 + bandwidth + 600 + modulation.spreading.needed_snr_centi_db()
}

/// How much weaker a signal is over a way, in hundredths of dB.
fn path_loss(config: &LoraConfig, a: Place, b: Place) -> i32 {
    let square = |a: i64, b: i64| i128::from(a - b) * i128::from(a - b);
    let axis = |place: Place| (place.0.as_millimetres(), place.1.as_millimetres());
    let (a, b) = (axis(a), axis(b));
    let squared = square(a.0, b.0) + square(a.1, b.1);
    let reference = i128::from(REFERENCE) * i128::from(REFERENCE);
    if squared <= reference {
        return config.path_loss();
    }
    // 10 γ log10(d / d0), in hundredths; of squares it is half of that.
    let more = 500.0 * config.exponent() * maths::log10(squared as f64 / reference as f64);
    config.path_loss().saturating_add(i32::try_from(maths::round_to_u64(more)).unwrap_or(i32::MAX))
}

impl Lora {
    pub(super) fn new(config: &LoraConfig, parts: &MediumParts<'_>) -> Self {
        let plan = Plan::new(config);
        let ledger = DutyLedger::with_duty(config.rule(), config.duty_cycle);
        let gateway_at = config.gateway_at.unwrap_or_default();
        // Checked before: each has a data rate of the region.
        let device = |listed: usize| {
            let station = config.stations.get(listed)?;
            let loss = path_loss(config, station.at, gateway_at);
            let powers = (station.power(), config.gateway_power());
            Some(Device::new(station.data_rate()?, powers, loss, station.confirmed == Some(true), ledger.clone()))
        };
        let idle = || Device::new(SECOND_WINDOW_RATE, Default::default(), 0, false, ledger.clone());
        let devices = parts.stations.iter().map(|station| device(station.listed).unwrap_or_else(idle)).collect();
        let hub = parts.stations.iter().position(|station| station.listed == config.stations.len());
        let streams = |purpose: Purpose| {
            parts.stations.iter().map(move |station| parts.seed.stream(&station.stream_name, purpose)).collect()
        };
        Self {
            shared: Shared::new(parts),
            air: Air::default(),
            adapters: Adapters::new(config.queue.as_ref(), parts),
            plan,
            devices,
            gateway: Gateway::new(config, hub.unwrap_or_default(), parts.stations.len(), ledger.clone()),
            uplinks: Vec::new(),
            channel_luck: streams(CHANNEL),
            repeat_luck: streams(REPEAT),
        }
    }

    /// What the gateway's radio does when it does not send.
    fn gateway_hears(&mut self, now: SimTime) {
        if self.gateway.is_on && self.gateway.sends_until() <= now {
            let takes = self.uplinks.iter().any(|uplink| uplink.flaw != Some(DropCause::OutOfRange));
            let mode = if takes { RadioMode::Receive } else { RadioMode::Listen };
            self.shared.radio(self.gateway.station, mode, now);
        }
    }

    fn timer(station: usize) -> TimerId {
        TimerId(station as u32)
    }
}

impl Discipline for Lora {
    fn shared(&self) -> &Shared {
        &self.shared
    }

    fn shared_mut(&mut self) -> &mut Shared {
        &mut self.shared
    }

    fn own_causes(&self) -> &'static [DropCause] {
        &DropCause::OF_LORA
    }

    fn held(&self) -> u64 {
        self.adapters.held() + self.gateway.held()
    }

    fn busy(&self) -> Option<Span> {
        Some(self.air.busy())
    }

    fn start(&mut self, cx: &mut Cx<'_, Element>) {
        timers(self.devices.len(), cx);
        for station in 0..self.devices.len() {
            let mode = if station == self.gateway.station { RadioMode::Listen } else { RadioMode::Sleep };
            self.shared.radio(station, mode, cx.now());
        }
    }

    fn take(&mut self, station: usize, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        if station == self.gateway.station {
            return self.take_downlink(packet, cx);
        }
        if !self.devices[station].is_on {
            return self.shared.drop(&packet, DropCause::NodeDown, At::Sender(station), cx);
        }
        self.adapters.offer(station, packet, &mut self.shared, cx);
        self.begin(station, cx);
    }

    fn on_timer(&mut self, timer: TimerId, cx: &mut Cx<'_, Element>) {
        let station = timer.0 as usize;
        if station == self.gateway.station { self.end_downlink(cx) } else { self.device_timer(station, cx) }
    }

    fn station_power(&mut self, station: usize, is_on: bool, cx: &mut Cx<'_, Element>) {
        if station == self.gateway.station {
            self.gateway_power(is_on, cx);
        } else if self.devices[station].is_on != is_on {
            self.device_power(station, is_on, cx);
        }
    }
}

impl Device {
    fn new(
        rate: DataRate,
        (power, gateway_power): (RadioPower, RadioPower),
        path_loss: i32,
        confirmed: bool,
        ledger: DutyLedger,
    ) -> Self {
        let at = |power: RadioPower| power.as_centi_dbm().saturating_sub(path_loss);
        Self::with(rate, power, (at(power), at(gateway_power)), confirmed, ledger)
    }
}
