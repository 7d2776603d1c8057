//! The gateway's side: what waits for devices, and what goes in their windows.

use super::super::shared::{At, Takers};
use super::config::{AROUND, DutyExcess, EMPTY, LoraConfig};
use super::device::State;
use super::{Lora, Uplink};
use crate::element::Element;
use crate::energy::{RadioMode, RadioPower};
use crate::lora::DutyLedger;
use crate::lora::class_a::WindowChoice;
use crate::lora::region::{SECOND_WINDOW_CHANNEL, SECOND_WINDOW_RATE};
use crate::node::DropCause;
use crate::packet::Packet;
use protosim_core::{Cx, SimTime, Span};
use std::collections::VecDeque;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Gateway {
    /// Its index among the stations.
    pub(super) station: usize,
    pub(super) is_on: bool,
    power: RadioPower,
    ledger: DutyLedger,
    /// By station: what waits for its windows.
    waiting: Vec<VecDeque<Waiting>>,
    most_waiting: usize,
    most_misses: u32,
    sends: Option<Downlink>,
}

#[derive(Clone, Debug)]
struct Waiting {
    packet: Box<Packet>,
    /// IP bytes.
    len: u64,
    /// In how many pairs of windows it found no place.
    misses: u32,
    /// The duty cycle did not let it go in one of the last pair.
    is_forbidden: bool,
}

/// A frame of the gateway on the air.
#[derive(Clone, Debug)]
struct Downlink {
    to: usize,
    /// None in one that acknowledges and no more.
    packet: Option<Box<Packet>>,
    acknowledges: bool,
    which: WindowChoice,
    until: SimTime,
    /// It is strong enough at the device.
    is_heard: bool,
}

impl Gateway {
    pub(super) fn new(config: &LoraConfig, station: usize, stations: usize, ledger: DutyLedger) -> Self {
        Self {
            station,
            is_on: true,
            power: config.gateway_power(),
            ledger,
            waiting: vec![VecDeque::new(); stations],
            most_waiting: config.held() as usize,
            most_misses: config.downlink_tries(),
            sends: None,
        }
    }

    pub(super) fn held(&self) -> u64 {
        let waiting: usize = self.waiting.iter().map(VecDeque::len).sum();
        waiting as u64 + u64::from(self.sends.as_ref().is_some_and(|downlink| downlink.packet.is_some()))
    }

    /// Until when it sends; in the past if it does not.
    pub(super) fn sends_until(&self) -> SimTime {
        self.sends.as_ref().map_or(SimTime::ZERO, |downlink| downlink.until)
    }
}

impl Lora {
    /// Takes a packet from the gateway's node: it waits for its device's windows.
    pub(super) fn take_downlink(&mut self, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        let hub = self.gateway.station;
        let takers: Vec<usize> = match self.shared.takers(hub, &packet) {
            Takers::One(to) => vec![to],
            Takers::Several(all) => all.to_vec(),
            Takers::Nobody => Vec::new(),
        };
        if !self.gateway.is_on {
            return self.shared.drop(&packet, DropCause::NodeDown, At::Sender(hub), cx);
        }
        let Some((last, others)) = takers.split_last() else {
            return self.shared.drop(&packet, DropCause::OutOfRange, At::Sender(hub), cx);
        };
        self.shared.counts.copied += others.len() as u64;
        for to in others {
            self.queue_downlink(*to, packet.clone(), cx);
        }
        self.queue_downlink(*last, packet, cx);
    }

    fn queue_downlink(&mut self, to: usize, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        let (len, hub) = (packet.wire_len(), At::Sender(self.gateway.station));
        let most = self.devices[to].rate.first_window(0).max_payload().max(SECOND_WINDOW_RATE.max_payload());
        let queue = &mut self.gateway.waiting[to];
        if len > most {
            self.shared.drop(&packet, DropCause::TooBig, hub, cx);
        } else if queue.len() >= self.gateway.most_waiting {
            self.shared.drop(&packet, DropCause::HeldFull, hub, cx);
        } else {
            queue.push_back(Waiting { packet, len, misses: 0, is_forbidden: false });
        }
    }

    /// The gateway sends to a device in this window, now, if it has heard it, has something to say, and may. True if the device hears that.
    pub(super) fn answers(&mut self, to: usize, which: WindowChoice, cx: &mut Cx<'_, Element>) -> bool {
        let now = cx.now();
        if self.gateway.sends.as_ref().is_some_and(|downlink| downlink.until <= now) {
            // Its end is due in this instant, too.
            self.end_downlink(cx);
        }
        let device = &self.devices[to];
        let Some(frame) = device.frame.filter(|frame| frame.is_heard) else { return false };
        if !self.gateway.is_on || self.gateway.sends.is_some() {
            return false;
        }
        let (rate, channel) = match which {
            WindowChoice::First => (device.rate.first_window(0), frame.channel),
            WindowChoice::Second => (SECOND_WINDOW_RATE, SECOND_WINDOW_CHANNEL),
        };
        let data = self.gateway.waiting[to].front().map(|next| next.len).filter(|len| *len <= rate.max_payload());
        if data.is_none() && !device.confirmed {
            return false;
        }
        let airtime = rate.downlink().airtime(data.map_or(EMPTY, |len| len + AROUND));
        if self.gateway.ledger.send(now, channel, airtime).is_err() {
            if let Some(next) = self.gateway.waiting[to].front_mut().filter(|_| data.is_some()) {
                next.is_forbidden = true;
            }
            return false;
        }
        let (acknowledges, is_heard, until) = (device.confirmed, device.hears(rate), now.saturating_add(airtime));
        let packet = data.and_then(|_| self.gateway.waiting[to].pop_front()).map(|next| next.packet);
        self.gateway.sends = Some(Downlink { to, packet, acknowledges, which, until, is_heard });
        if let Some(frame) = &mut self.devices[to].frame {
            // It does not know what becomes of this, and says no more until it hears the device again.
            frame.is_heard = false;
        }
        // Half duplex: what it takes in is lost.
        for uplink in self.uplinks.iter_mut().filter(|uplink| uplink.ends() > now) {
            uplink.flaw.get_or_insert(DropCause::Deaf);
        }
        self.shared.counts.frames += 1;
        self.air.begin(now);
        self.shared.radio(self.gateway.station, RadioMode::Transmit(self.gateway.power), now);
        cx.arm(Self::timer(self.gateway.station), until);
        is_heard
    }

    /// The gateway's frame is over.
    pub(super) fn end_downlink(&mut self, cx: &mut Cx<'_, Element>) {
        let Some(downlink) = self.gateway.sends.take() else { return };
        let (now, hub, to) = (cx.now(), self.gateway.station, downlink.to);
        self.air.end(now);
        cx.disarm(Self::timer(hub));
        self.gateway_hears(now);
        if !downlink.is_heard {
            if let Some(packet) = downlink.packet {
                self.shared.drop(&packet, DropCause::OutOfRange, At::Sender(hub), cx);
            }
            return;
        }
        if self.devices[to].state != State::Receiving {
            // It has lost power meanwhile.
            if let Some(packet) = downlink.packet {
                self.shared.drop(&packet, DropCause::NodeDown, At::Receiver(to), cx);
            }
            return;
        }
        let is_lost = self.shared.is_lost(to);
        if let Some(frame) = self.devices[to].frame.as_mut().filter(|_| !is_lost) {
            frame.is_acknowledged |= downlink.acknowledges;
        }
        match downlink.packet {
            Some(packet) if is_lost => self.shared.drop(&packet, DropCause::Lost, At::Receiver(to), cx),
            Some(packet) => self.shared.deliver(packet, to, Span::ZERO, cx),
            None => {}
        }
        self.end_reception(to, downlink.which, !is_lost, cx);
    }

    /// Both windows of a device have passed without a frame: if the gateway had one for it, it missed them.
    pub(super) fn miss_windows(&mut self, to: usize, cx: &mut Cx<'_, Element>) {
        let is_heard = self.devices[to].frame.is_some_and(|frame| frame.is_heard);
        let Some(next) = self.gateway.waiting[to].front_mut().filter(|_| is_heard) else { return };
        next.misses += 1;
        let cause = match std::mem::take(&mut next.is_forbidden) && self.plan.excess == DutyExcess::Drop {
            true => Some(DropCause::DutyCycle),
            false => (next.misses >= self.gateway.most_misses).then_some(DropCause::NoWindow),
        };
        if let Some(cause) = cause
            && let Some(next) = self.gateway.waiting[to].pop_front()
        {
            self.shared.drop(&next.packet, cause, At::Sender(self.gateway.station), cx);
        }
    }

    pub(super) fn gateway_power(&mut self, is_on: bool, cx: &mut Cx<'_, Element>) {
        let (now, hub) = (cx.now(), self.gateway.station);
        if std::mem::replace(&mut self.gateway.is_on, is_on) == is_on {
            return;
        }
        if is_on {
            return self.gateway_hears(now);
        }
        let is_heard = |uplink: &&mut Uplink| uplink.ends() > now && uplink.flaw != Some(DropCause::OutOfRange);
        for uplink in self.uplinks.iter_mut().filter(is_heard) {
            uplink.flaw = Some(DropCause::NodeDown);
        }
        // It knows no more of those that it has heard, either.
        for frame in self.devices.iter_mut().filter_map(|device| device.frame.as_mut()) {
            frame.is_heard = false;
        }
        for to in 0..self.gateway.waiting.len() {
            for next in std::mem::take(&mut self.gateway.waiting[to]) {
                self.shared.drop(&next.packet, DropCause::NodeDown, At::Sender(hub), cx);
            }
        }
        if let Some(downlink) = self.gateway.sends.take() {
            self.air.end(now);
            cx.disarm(Self::timer(hub));
            if let Some(packet) = downlink.packet {
                self.shared.drop(&packet, DropCause::NodeDown, At::Sender(hub), cx);
            }
            if self.devices[downlink.to].state == State::Receiving {
                self.end_reception(downlink.to, downlink.which, false, cx);
            }
        }
        self.shared.radio(hub, RadioMode::Off, now);
    }
}
