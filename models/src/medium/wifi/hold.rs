//! Power save: beacons, and what the access point holds for stations that doze (IEEE 802.11-2020 §11.2.3).

use super::{At, Wifi, WifiConfig};
use crate::element::Element;
use crate::node::DropCause;
use crate::packet::Packet;
use protosim_core::{Cx, SimTime, Span, TimerId};
use std::collections::VecDeque;

/// What the access point has for the time being, where a station saves power.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    pub(super) is_used: bool,
    interval: Span,
    dtim: u64,
    most: usize,
    time: Option<Span>,
    /// What goes before all that contends.
    pub(super) urgent: VecDeque<Urgent>,
    /// Packets for groups, which wait for their beacon.
    pub(super) groups: VecDeque<Box<Packet>>,
}

/// A frame of the access point that does not contend.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Urgent {
    /// The beacon of this number.
    Beacon(u64),
    /// The first of the packets for groups.
    Group,
}

/// A frame that is held.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// `None` once it has come through; its acknowledgement was lost.
    pub(super) packet: Option<Box<Packet>>,
    pub(super) len: u64,
    /// How often it was sent.
    pub(super) tries: u32,
    since: SimTime,
}

impl Hold {
    pub(super) fn new(config: &WifiConfig) -> Self {
        Self {
            is_used: config.saves_power(),
            interval: config.beacon_interval(),
            dtim: u64::from(config.dtim()),
            most: config.held(),
            time: config.hold_time,
            urgent: VecDeque::new(),
            groups: VecDeque::new(),
        }
    }

    /// When a beacon is due; they count from 1.
    pub(super) fn beacon_at(&self, number: u64) -> SimTime {
        SimTime::ZERO.saturating_add(self.interval.saturating_mul(number))
    }

    fn number(&self, now: SimTime) -> u64 {
        now.as_nanos() / self.interval.as_nanos()
    }
}

impl Wifi {
    /// Arms the timer of a station that saves power for the next beacon that it wakes for.
    pub(super) fn arm_wake(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        if let Some(doze) = &self.stations[index].doze {
            let due = self.hold.beacon_at(doze.next_beacon).as_nanos();
            // It was checked to be shorter than the time between beacons that it wakes for, and the first of these comes after as long a time.
            cx.arm(TimerId(index as u32), SimTime::from_nanos(due.saturating_sub(doze.config.early.as_nanos())));
        }
    }

    /// A station wakes for a beacon.
    pub(super) fn wake(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        let is_on = self.stations[index].is_on;
        if let Some(doze) = &mut self.stations[index].doze {
            doze.waits_for_beacon = is_on;
            doze.next_beacon += u64::from(doze.config.listen_every);
        }
        self.arm_wake(index, cx);
    }

    /// A beacon is due at the access point.
    pub(super) fn beacon_due(&mut self, cx: &mut Cx<'_, Element>) {
        let number = self.hold.number(cx.now());
        cx.arm(TimerId(self.access_point as u32), self.hold.beacon_at(number + 1));
        if self.stations[self.access_point].is_on {
            // It goes before packets for groups that an earlier one has announced, and instead of one that did not get the air.
            self.hold.urgent.retain(|urgent| *urgent == Urgent::Group);
            self.hold.urgent.push_front(Urgent::Beacon(number));
            self.go_on(cx);
        }
    }

    /// A packet for a station that saves power.
    pub(super) fn hold_for(&mut self, to: usize, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        let (most, since) = (self.hold.most, cx.now());
        let station = &mut self.stations[to];
        let Some(doze) = &mut station.doze else { return };
        let cause = match () {
            () if !station.is_on => Some(DropCause::NodeDown),
            () if doze.held.len() >= most => Some(DropCause::HeldFull),
            () => None,
        };
        if let Some(cause) = cause {
            return self.shared.drop(&packet, cause, At::Receiver(to), cx);
        }
        doze.held.push_back(Held { len: packet.wire_len(), packet: Some(packet), tries: 0, since });
    }

    /// A packet for a group, where some save power.
    pub(super) fn hold_for_groups(&mut self, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        if self.hold.groups.len() >= self.hold.most {
            return self.shared.drop(&packet, DropCause::HeldFull, At::Sender(self.access_point), cx);
        }
        self.hold.groups.push_back(packet);
    }

    /// A beacon begins: what is too old for it is dropped.
    pub(super) fn age(&mut self, cx: &mut Cx<'_, Element>) {
        let (now, Some(time)) = (cx.now(), self.hold.time) else { return };
        for to in 0..self.stations.len() {
            let Some(doze) = &mut self.stations[to].doze else { continue };
            while doze.held.front().is_some_and(|held| held.since.saturating_add(time) <= now) {
                let packet = doze.held.pop_front().and_then(|held| held.packet);
                if let Some(packet) = packet {
                    self.shared.drop(&packet, DropCause::HeldTooLong, At::Receiver(to), cx);
                }
            }
        }
    }

    /// A beacon is over: stations that were awake for it know what is held, and doze if it is nothing.
    pub(super) fn beacon_over(&mut self, number: u64, cx: &mut Cx<'_, Element>) {
        let groups = if number.is_multiple_of(self.hold.dtim) { self.hold.groups.len() } else { 0 };
        let announced = self.hold.urgent.iter().filter(|urgent| **urgent == Urgent::Group).count();
        self.hold.urgent.extend(std::iter::repeat_n(Urgent::Group, groups.saturating_sub(announced)));
        for index in 0..self.stations.len() {
            let Some(doze) = &mut self.stations[index].doze else { continue };
            if !std::mem::take(&mut doze.waits_for_beacon) || self.shared.is_lost(index) {
                continue;
            }
            doze.waits_for_groups |= groups > 0;
            doze.polls = !doze.held.is_empty();
            if doze.polls {
                self.join(index, cx);
            }
        }
    }

    /// A packet for a group is over; behind the last one its stations may doze.
    pub(super) fn held_group_over(&mut self, cx: &mut Cx<'_, Element>) {
        if let Some(packet) = self.hold.groups.pop_front() {
            self.give_to_group(packet, cx);
        }
        if !self.hold.urgent.contains(&Urgent::Group) {
            for station in &mut self.stations {
                if let Some(doze) = &mut station.doze {
                    doze.waits_for_groups = false;
                }
            }
        }
    }

    /// What was held has come to its station.
    pub(super) fn fetched(&mut self, to: usize, cx: &mut Cx<'_, Element>) {
        let station = &mut self.stations[to];
        let first = station.doze.as_mut().and_then(|doze| doze.held.front_mut());
        if let Some(packet) = first.and_then(|held| held.packet.take()) {
            self.shared.deliver(packet, to, Span::ZERO, cx);
        }
    }

    /// A PS-Poll is over, and the frame behind it, if one came. A station that gives up asks again at the next beacon that says so.
    pub(super) fn polled(&mut self, index: usize, is_acknowledged: bool, gives_up: bool, cx: &mut Cx<'_, Element>) {
        let Some(doze) = &mut self.stations[index].doze else { return };
        // What came while nothing was held, or the poll got lost, was not sent.
        let Some(first) = doze.held.front().filter(|first| first.tries > 0) else {
            doze.polls = !is_acknowledged && !gives_up;
            return;
        };
        let was_received = first.packet.is_none();
        let is_over = is_acknowledged || first.tries >= self.attempts;
        // What the station has received said whether there is more. The access point may not know that it was received.
        let more = doze.held.len() > 1;
        doze.polls = !gives_up && (more || !was_received);
        if is_over && let Some(packet) = doze.held.pop_front().and_then(|held| held.packet) {
            self.shared.drop(&packet, DropCause::RetryLimit, At::Receiver(index), cx);
        }
    }

    /// Drops all that is held for a station.
    pub(super) fn drop_held(&mut self, to: usize, cx: &mut Cx<'_, Element>) {
        let held = self.stations[to].doze.as_mut().map(|doze| std::mem::take(&mut doze.held));
        for packet in held.into_iter().flatten().filter_map(|held| held.packet) {
            self.shared.drop(&packet, DropCause::NodeDown, At::Receiver(to), cx);
        }
    }

    /// The access point has lost its power.
    pub(super) fn drop_all_held(&mut self, cx: &mut Cx<'_, Element>) {
        for to in 0..self.stations.len() {
            self.drop_held(to, cx);
        }
        self.hold.urgent.clear();
        for packet in std::mem::take(&mut self.hold.groups) {
            self.shared.drop(&packet, DropCause::NodeDown, At::Sender(self.access_point), cx);
        }
        for station in &mut self.stations {
            if let Some(doze) = &mut station.doze {
                (doze.waits_for_groups, doze.polls) = (false, false);
            }
        }
    }
}
