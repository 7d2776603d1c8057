//! The devices' side: when a frame is sent, what becomes of it, and the windows behind it.

use super::super::shared::{At, Takers};
use super::config::{AROUND, DutyExcess};
use super::{Lora, Uplink, sensitivity};
use crate::element::Element;
use crate::energy::{RadioMode, RadioPower};
use crate::lora::class_a::{Window, WindowChoice};
use crate::lora::region::DataRate;
use crate::lora::{DutyLedger, Transmission};
use crate::node::DropCause;
use protosim_core::{Cx, SimTime, Span};

/// ACK_TIMEOUT, 2 s ± 1 s (LoRaWAN Regional Parameters §2.1 of RP002: drawn from 1 to 3 s).
const ACK_TIMEOUT: (Span, Span) = (Span::from_secs(1), Span::from_secs(3));

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Device {
    pub(super) rate: DataRate,
    power: RadioPower,
    /// How strong it is at the gateway, and the gateway here, in hundredths of dBm.
    strength: (i32, i32),
    pub(super) confirmed: bool,
    ledger: DutyLedger,
    pub(super) state: State,
    pub(super) is_on: bool,
    /// The frame that was begun, until its windows are over and it is acknowledged or given up.
    pub(super) frame: Option<Frame>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Nothing to send.
    Idle,
    /// It waits for its duty cycle or its slot.
    Waiting,
    /// It sends.
    Sending,
    /// It sleeps until a window opens.
    Opens(WindowChoice),
    /// A window is open, and the gateway's moment comes.
    Awaits(WindowChoice),
    /// A window is open, and the gateway has not begun.
    Open(WindowChoice),
    /// It takes a downlink in.
    Receiving,
    /// It waits before it sends the frame again.
    Repeating,
}

/// An uplink frame, each time that it is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Frame {
    /// IP bytes.
    len: u64,
    /// How often it was sent.
    tries: u32,
    pub(super) channel: u32,
    /// When it ended, the last time.
    end: SimTime,
    /// The gateway had it some time; its packet is not here any more.
    has_come: bool,
    /// The gateway had it the last time, and may answer.
    pub(super) is_heard: bool,
    pub(super) is_acknowledged: bool,
}

impl Device {
    pub(super) fn with(
        rate: DataRate,
        power: RadioPower,
        strength: (i32, i32),
        confirmed: bool,
        ledger: DutyLedger,
    ) -> Self {
        Self { rate, power, strength, confirmed, ledger, state: State::Idle, is_on: true, frame: None }
    }

    /// True if it hears the gateway that sends with this data rate.
    pub(super) fn hears(&self, rate: DataRate) -> bool {
        self.strength.1 >= sensitivity(&rate.downlink())
    }

    /// When a frame may begin on the first of these channels; `None` if it may never.
    fn earliest(&self, channels: &[u32], airtime: Span, now: SimTime) -> Option<SimTime> {
        channels.iter().filter_map(|channel| self.ledger.earliest(now, *channel, airtime).ok()).min()
    }
}

impl Lora {
    pub(super) fn device_timer(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        match self.devices[index].state {
            State::Idle | State::Receiving => {}
            State::Waiting => self.talk(index, cx),
            State::Sending => self.end_uplink(index, cx),
            State::Opens(which) => self.open(index, which, cx),
            State::Awaits(which) => self.meet(index, which, cx),
            State::Open(which) => self.close(index, which, cx),
            State::Repeating => {
                self.schedule(index, cx);
                // If the frame was given up, the next one has its turn.
                self.begin(index, cx);
            }
        }
    }

    /// An idle device turns to its next frame, if it has one.
    pub(super) fn begin(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        while self.devices[index].state == State::Idle && self.adapters.fill(index, &mut self.shared, cx) {
            let Some(current) = self.adapters.current(index) else { return };
            let len = current.len;
            let end = SimTime::ZERO;
            self.devices[index].frame = Some(Frame {
                len,
                tries: 0,
                channel: 0,
                end,
                has_come: false,
                is_heard: false,
                is_acknowledged: false,
            });
            match len > self.devices[index].rate.max_payload() {
                true => self.give_up(index, DropCause::TooBig, cx),
                false => self.schedule(index, cx),
            }
        }
    }

    /// The frame is sent now, or as soon as duty cycle and slot allow it.
    fn schedule(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        let device = &self.devices[index];
        let Some(frame) = device.frame else { return };
        let airtime = device.rate.uplink().airtime(frame.len + AROUND);
        let now = cx.now();
        let may_wait = |at: &SimTime| *at <= now || self.plan.excess == DutyExcess::Wait;
        let earliest = device.earliest(&self.plan.channels, airtime, now).filter(may_wait);
        match earliest.map(|at| self.plan.aligned(at)) {
            None => self.give_up(index, DropCause::DutyCycle, cx),
            Some(at) if at <= now => self.talk(index, cx),
            Some(at) => {
                self.shared.radio_by(index, RadioMode::Transmit(device.power), now, at);
                self.devices[index].state = State::Waiting;
                cx.arm(Self::timer(index), at);
            }
        }
    }

    /// The frame goes no further; the device is idle.
    fn give_up(&mut self, index: usize, cause: DropCause, cx: &mut Cx<'_, Element>) {
        let has_come = self.devices[index].frame.take().is_some_and(|frame| frame.has_come);
        self.devices[index].state = State::Idle;
        if !has_come && let Some(current) = self.adapters.current(index).take() {
            self.shared.drop(&current.packet, cause, At::Sender(index), cx);
        }
    }

    fn talk(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let device = &mut self.devices[index];
        let Some(frame) = &mut device.frame else { return };
        let airtime = device.rate.uplink().airtime(frame.len + AROUND);
        let may = |channel: &&u32| device.ledger.earliest(now, **channel, airtime).is_ok_and(|at| at <= now);
        let free: Vec<u32> = self.plan.channels.iter().filter(may).copied().collect();
        // It has waited until there is one.
        debug_assert!(!free.is_empty());
        let drawn = self.channel_luck[index].below(free.len().max(1) as u64);
        let Some(channel) = free.get(drawn as usize).copied() else { return };
        let sent = device.ledger.send(now, channel, airtime);
        debug_assert_eq!(sent, Ok(()));
        self.shared.counts.retries += u64::from(frame.tries > 0);
        self.shared.counts.frames += 1;
        *frame = Frame { channel, tries: frame.tries + 1, end: now.saturating_add(airtime), is_heard: false, ..*frame };
        device.state = State::Sending;
        let sent = Transmission {
            start: now,
            airtime,
            channel,
            spreading: device.rate.uplink().spreading,
            power_centi_dbm: device.strength.0,
        };
        let (power, end) = (device.power, frame.end);
        let is_weak = device.strength.0 < sensitivity(&device.rate.uplink());
        self.air.begin(now);
        self.shared.radio(index, RadioMode::Transmit(power), now);
        self.arrive(Uplink { from: index, sent, flaw: is_weak.then_some(DropCause::OutOfRange) }, now);
        cx.arm(Self::timer(index), end);
    }

    /// A frame begins at the gateway, beside those that are there.
    fn arrive(&mut self, mut uplink: Uplink, now: SimTime) {
        let rule = self.plan.interference;
        let is_near = |other: &&mut Uplink| other.flaw != Some(DropCause::OutOfRange) && other.ends() > now;
        let mut taken = 0;
        if uplink.flaw.is_none() {
            for other in self.uplinks.iter_mut().filter(is_near) {
                // Those that the gateway takes in, whether they come through or not, have a demodulator each.
                let has_demodulator = matches!(other.flaw, None | Some(DropCause::Collision));
                taken += usize::from(has_demodulator);
                if other.flaw.is_none() && !rule.survives(&other.sent, &uplink.sent) {
                    other.flaw = Some(DropCause::Collision);
                }
                if uplink.flaw.is_none() && !rule.survives(&uplink.sent, &other.sent) {
                    uplink.flaw = Some(DropCause::Collision);
                }
            }
            if !self.gateway.is_on {
                uplink.flaw = Some(DropCause::NodeDown);
            } else if self.gateway.sends_until() > now {
                uplink.flaw = Some(DropCause::Deaf);
            } else if taken >= self.plan.demodulators {
                uplink.flaw = Some(DropCause::NoDemodulator);
            }
        }
        self.uplinks.push(uplink);
        self.gateway_hears(now);
    }

    fn end_uplink(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        self.air.end(now);
        self.shared.radio(index, RadioMode::Sleep, now);
        let hub = self.gateway.station;
        let place = self.uplinks.iter().position(|uplink| uplink.from == index);
        let mut flaw = place.and_then(|place| self.uplinks.remove(place).flaw);
        self.gateway_hears(now);
        self.shared.counts.collisions += u64::from(flaw == Some(DropCause::Collision));
        if flaw.is_none() && self.shared.is_lost(hub) {
            flaw = Some(DropCause::Lost);
        }
        let confirmed = self.devices[index].confirmed;
        let Some(frame) = &mut self.devices[index].frame else { return };
        frame.is_heard = flaw.is_none();
        let was_here = !frame.has_come;
        frame.has_come |= flaw.is_none();
        if was_here && (flaw.is_none() || !confirmed) {
            // A frame that nobody repeats is gone, come or not.
            frame.has_come = true;
            if let Some(current) = self.adapters.current(index).take() {
                let is_for_it = self.shared.takers(index, &current.packet);
                match flaw {
                    None if is_for_it.include(hub) => self.shared.deliver(current.packet, hub, Span::ZERO, cx),
                    None => self.shared.drop(&current.packet, DropCause::OutOfRange, At::Sender(index), cx),
                    Some(DropCause::OutOfRange) => {
                        self.shared.drop(&current.packet, DropCause::OutOfRange, At::Sender(index), cx);
                    }
                    Some(cause) => self.shared.drop(&current.packet, cause, At::Receiver(hub), cx),
                }
                debug_assert!(is_for_it != Takers::One(index));
            }
        }
        self.wait_for(index, WindowChoice::First, cx);
    }

    /// A window behind the frame that was sent last.
    fn window(&self, index: usize, which: WindowChoice) -> Window {
        let device = &self.devices[index];
        let end = device.frame.map_or(SimTime::ZERO, |frame| frame.end);
        let [first, second] = self.plan.windows(device.rate).windows(end);
        if which == WindowChoice::First { first } else { second }
    }

    fn open(&mut self, index: usize, which: WindowChoice, cx: &mut Cx<'_, Element>) {
        self.shared.radio(index, RadioMode::Listen, cx.now());
        let window = self.window(index, which);
        if window.downlink <= cx.now() {
            return self.meet(index, which, cx);
        }
        self.devices[index].state = State::Awaits(which);
        cx.arm(Self::timer(index), window.downlink);
    }

    /// The moment at which the gateway may send in a window.
    fn meet(&mut self, index: usize, which: WindowChoice, cx: &mut Cx<'_, Element>) {
        if self.answers(index, which, cx) {
            self.shared.radio(index, RadioMode::Receive, cx.now());
            self.devices[index].state = State::Receiving;
            return;
        }
        self.devices[index].state = State::Open(which);
        cx.arm(Self::timer(index), self.window(index, which).closes);
    }

    fn close(&mut self, index: usize, which: WindowChoice, cx: &mut Cx<'_, Element>) {
        self.shared.radio(index, RadioMode::Sleep, cx.now());
        match which {
            WindowChoice::First => self.wait_for(index, WindowChoice::Second, cx),
            WindowChoice::Second => {
                self.miss_windows(index, cx);
                self.end_windows(index, cx);
            }
        }
    }

    /// It sleeps until a window opens, at which its radio listens.
    fn wait_for(&mut self, index: usize, which: WindowChoice, cx: &mut Cx<'_, Element>) {
        let opens = self.window(index, which).opens;
        if opens <= cx.now() {
            // Clocks are so wrong that one window follows the other at once.
            return self.open(index, which, cx);
        }
        self.shared.radio_by(index, RadioMode::Listen, cx.now(), opens);
        self.devices[index].state = State::Opens(which);
        cx.arm(Self::timer(index), opens);
    }

    /// A downlink for the device is over, or was cut off.
    pub(super) fn end_reception(
        &mut self,
        index: usize,
        which: WindowChoice,
        has_come: bool,
        cx: &mut Cx<'_, Element>,
    ) {
        self.shared.radio(index, RadioMode::Sleep, cx.now());
        // §3.3.3: what came closes the second window; what was damaged does not.
        if !has_come && which == WindowChoice::First && self.window(index, WindowChoice::Second).opens > cx.now() {
            return self.wait_for(index, WindowChoice::Second, cx);
        }
        self.end_windows(index, cx);
    }

    /// The windows are over: the frame is done with, is sent again, or given up.
    fn end_windows(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        let device = &self.devices[index];
        let Some(frame) = device.frame else { return };
        if device.confirmed && !frame.is_acknowledged {
            if frame.tries < self.plan.attempts {
                let wait = self.repeat_luck[index].span_between(ACK_TIMEOUT.0, ACK_TIMEOUT.1);
                self.devices[index].state = State::Repeating;
                return cx.arm(Self::timer(index), cx.now().saturating_add(wait));
            }
            self.give_up(index, DropCause::RetryLimit, cx);
        }
        self.devices[index].frame = None;
        self.devices[index].state = State::Idle;
        self.begin(index, cx);
    }

    pub(super) fn device_power(&mut self, index: usize, is_on: bool, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        self.devices[index].is_on = is_on;
        self.devices[index].state = State::Idle;
        self.devices[index].frame = None;
        cx.disarm(Self::timer(index));
        if is_on {
            return self.shared.radio(index, RadioMode::Sleep, now);
        }
        if let Some(place) = self.uplinks.iter().position(|uplink| uplink.from == index) {
            self.uplinks.remove(place);
            self.air.end(now);
            self.gateway_hears(now);
        }
        self.adapters.clear(index, &mut self.shared, cx);
        self.shared.radio(index, RadioMode::Off, now);
    }
}
