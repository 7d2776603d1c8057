//! Connections of Bluetooth Low Energy: when the ends meet, who listens, and what waits how long (Bluetooth Core Specification, Vol 6 Part B
//! §4.5).
//!
//! Central and peripheral meet at anchor points, one each connection interval. The central sends first, T_IFS later the peripheral
//! answers, and so on while either has more and the event has room. A peripheral without data may skip as many events as the latency
//! says. An end that hears nothing valid for the supervision time-out gives the connection up.
//!
//! An end sends a PDU again until it is acknowledged (SN and NESN), at the next turn that it has. A PDU that was lost ends the event
//! (§4.5.6: the central that hears no answer, and the peripheral that hears nothing, close it).
//!
//! The machine draws no luck: who runs an event says which PDUs are lost.
//!
//! # What is not modelled, and what that does to results
//! - Hopping and interference by channel, encryption's procedure, updates of parameters, and the time-out of six intervals while a
//!   connection is established.
//! - Room: what waits at an end has no bound. Who drives a connection keeps one, by [`Connection::waiting`].
//! - The drift itself: anchors are the central's clock. That a peripheral opens its window early for it costs energy, as said by
//!   [`ConnectionConfig::widening`].

use protosim_core::{SimTime, Span};
use std::collections::VecDeque;

/// Between two PDUs of an event.
pub const T_IFS: Span = Span::from_micros(150);

/// A data PDU without data.
pub const EMPTY: Span = airtime_1m(0);

/// The air time on the 1M PHY of a PDU with `payload` bytes, a MIC of 4 counted: 8 us for each byte, with preamble 1, access address 4, header 2 and
/// check 3.
pub const fn airtime_1m(payload: u64) -> Span {
    Span::from_micros((1 + 4 + 2 + payload + 3) * 8)
}

/// What two ends agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionConfig {
    /// The connection interval: 7.5 ms to 4 s, in steps of 1.25 ms.
    pub interval: Span,
    /// How many events a peripheral without data may skip; up to 499.
    pub latency: u32,
    /// The supervision time-out: 100 ms to 32 s in steps of 10 ms, and more than twice the longest silence.
    pub supervision: Span,
    /// The inaccuracies of both sleep clocks, summed, in parts per million.
    pub clock_ppm: u32,
}

impl ConnectionConfig {
    /// Fields out of range, and those that contradict each other: the field, and why.
    pub fn check(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut say = |field: &str, why: String| found.push((field.to_owned(), why));
        let unit = Span::from_micros(1_250);
        if !(unit * 6..=unit * 3_200).contains(&self.interval)
            || !self.interval.as_nanos().is_multiple_of(unit.as_nanos())
        {
            say("interval", format!("is from 7500 us to 4 s in steps of 1250 us, not {}", self.interval));
        }
        if self.latency > 499 {
            say("latency", format!("is at most 499, not {}", self.latency));
        }
        if self.supervision < Span::from_millis(100) || self.supervision > Span::from_secs(32) {
            say("supervision", format!("is from 100 ms to 32 s, not {}", self.supervision));
        } else if !self.supervision.as_nanos().is_multiple_of(Span::from_millis(10).as_nanos()) {
            say("supervision", format!("is in steps of 10 ms, not {}", self.supervision));
        }
        let longest = self.interval.saturating_mul(2 * (u64::from(self.latency) + 1));
        if self.supervision <= longest {
            let why = format!(
                "is longer than twice the silence that the latency allows, {longest}, not {}",
                self.supervision
            );
            say("supervision", why);
        }
        if self.clock_ppm > 1_000 {
            say("clock_ppm", format!("is at most 1000, not {}", self.clock_ppm));
        } else if self.is_too_wide(self.widening(Span::from_nanos(longest.as_nanos() / 2))) {
            let why = "would lose the connection within the silence that the latency allows: the window is as wide as the interval";
            say("clock_ppm", why.to_owned());
        }
        found
    }

    /// True if a window is so wide that the connection is lost: half an interval less T_IFS to each side (Vol 6 Part B §4.5.7).
    pub(crate) fn is_too_wide(&self, widening: Span) -> bool {
        widening.saturating_add(T_IFS).saturating_mul(2) >= self.interval
    }

    /// How much before and behind an anchor a peripheral listens whose last anchor was `since` ago: the drift of both clocks, rounded up to a
    /// microsecond, and 16 us (Vol 6 Part B §4.2.4).
    pub fn widening(&self, since: Span) -> Span {
        let drift = u128::from(since.as_nanos()) * u128::from(self.clock_ppm);
        let micros = drift.div_ceil(1_000_000_000);
        Span::from_micros(u64::try_from(micros).unwrap_or(u64::MAX / 2_000).saturating_add(16))
    }

    /// The mean and the longest wait of a packet of the central that comes at any moment, for the event that a peripheral without data
    /// hears; losses aside.
    pub fn downlink_wait(&self) -> (Span, Span) {
        let longest = self.interval.saturating_mul(u64::from(self.latency) + 1);
        (Span::from_nanos(longest.as_nanos() / 2), longest)
    }
}

/// An end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum End {
    /// Which gives the anchors.
    Central,
    /// Which follows.
    Peripheral,
}

/// A packet that fits one PDU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Pdu {
    id: u64,
    airtime: Span,
    /// It has come, and that is not yet known here.
    has_come: bool,
}

/// What one end did in an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Airtimes {
    /// Time that it sent.
    pub transmit: Span,
    /// Time that it took PDUs in.
    pub receive: Span,
    /// Time that it listened in vain, or in wait.
    pub listen: Span,
}

/// What an event brought.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EventReport {
    /// The packets that came, in order: when, at which end, and their number.
    pub delivered: Vec<(SimTime, End, u64)>,
    /// What the central did.
    pub central: Airtimes,
    /// What the peripheral did; all zero if it slept.
    pub peripheral: Airtimes,
    /// The connection is given up by this end, at this instant.
    pub lost: Option<(SimTime, End)>,
}

/// A connection.
#[derive(Clone, Debug)]
pub struct Connection {
    config: ConnectionConfig,
    /// Event 0.
    anchor: SimTime,
    next: u64,
    /// The last event in which the peripheral heard the central.
    heard: Option<u64>,
    queues: [VecDeque<(SimTime, Pdu)>; 2],
    /// When each end last heard the other.
    valid: [SimTime; 2],
    ended: bool,
}

impl Connection {
    /// A connection whose first event is at `anchor`, and in which both ends have just heard each other.
    ///
    /// # Errors
    /// What [`ConnectionConfig::check`] finds.
    pub fn new(config: ConnectionConfig, anchor: SimTime) -> Result<Self, Vec<(String, String)>> {
        let found = config.check();
        if !found.is_empty() {
            return Err(found);
        }
        let queues = [VecDeque::new(), VecDeque::new()];
        Ok(Self { config, anchor, next: 0, heard: None, queues, valid: [anchor; 2], ended: false })
    }

    /// The anchor point of event `n`.
    pub fn anchor(&self, n: u64) -> SimTime {
        self.anchor.saturating_add(self.config.interval.saturating_mul(n))
    }

    /// The next event that was not run.
    pub fn next_event(&self) -> SimTime {
        self.anchor(self.next)
    }

    /// An end has a packet to send from `now` on, of that time on air, which fits one PDU and an event.
    pub fn send(&mut self, now: SimTime, from: End, id: u64, airtime: Span) {
        self.queues[from as usize].push_back((now, Pdu { id, airtime, has_come: false }));
    }

    /// Packets that wait at an end, with one that has come and is not known to have.
    pub fn waiting(&self, end: End) -> usize {
        self.queues[end as usize].len()
    }

    /// True if the peripheral is awake at the next event: it has something to send, or has skipped as many as it may since it heard the central.
    pub fn peripheral_listens(&self) -> bool {
        // It skips none before it has heard the central (§4.5.1).
        self.heard.is_none_or(|heard| self.next > heard + u64::from(self.config.latency))
            || self.has_data(End::Peripheral, self.next_event())
    }

    fn has_data(&self, end: End, at: SimTime) -> bool {
        self.queues[end as usize].front().is_some_and(|(since, _)| *since <= at)
    }

    /// The event that a packet of `from` goes in if it comes now and nothing is lost or before it: for delays in closed form.
    pub fn event_for(&self, now: SimTime, from: End) -> SimTime {
        let since = now.saturating_since(self.anchor).as_nanos();
        let next = since.div_ceil(self.config.interval.as_nanos()).max(self.next);
        if from == End::Peripheral {
            return self.anchor(next);
        }
        // The peripheral hears events heard + every, heard + 2 every, ...
        let every = u64::from(self.config.latency) + 1;
        let Some(heard) = self.heard else { return self.anchor(next) };
        self.anchor(heard + next.saturating_sub(heard).div_ceil(every) * every)
    }

    /// Runs the next event. `loses(end, n)` says whether the nth PDU that `end` sends in it is lost.
    pub fn run_event(&mut self, loses: &mut dyn FnMut(End, u32) -> bool) -> EventReport {
        let mut report = EventReport::default();
        if self.ended {
            return report;
        }
        let (index, anchor) = (self.next, self.next_event());
        let is_heard = self.peripheral_listens();
        self.next += 1;
        // From anchor to anchor (§4.2.4).
        let widening = self.config.widening(anchor.saturating_since(self.anchor(self.heard.unwrap_or(0))));
        if self.config.is_too_wide(widening) {
            report.lost = Some((anchor, End::Peripheral));
            self.ended = true;
            return report;
        }
        if is_heard {
            report.peripheral.listen = widening;
        }
        let (mut at, mut n, mut may_go_on) = (anchor, 0, true);
        while may_go_on {
            let (down, is_down) = self.turn(End::Central, at);
            report.central.transmit += down;
            let down_ends = at.saturating_add(down);
            if !is_heard || loses(End::Central, n) {
                // The peripheral waits as long as an anchor may come, and for the time in which it would have known.
                if is_heard {
                    report.peripheral.listen += if n == 0 { widening } else { Span::ZERO };
                    report.peripheral.listen += Span::from_micros(40);
                }
                // The central waits for an answer that does not come.
                report.central.listen += T_IFS + Span::from_micros(40);
                break;
            }
            report.peripheral.receive += down;
            self.hear(End::Peripheral, down_ends, is_down, &mut report);
            self.heard = Some(index);
            let up_at = down_ends.saturating_add(T_IFS);
            let (up, is_up) = self.turn(End::Peripheral, up_at);
            report.peripheral.transmit += up;
            report.central.listen += T_IFS;
            report.peripheral.listen += T_IFS;
            let up_ends = up_at.saturating_add(up);
            if loses(End::Peripheral, n) {
                report.central.listen += Span::from_micros(40);
                break;
            }
            report.central.receive += up;
            // The answer acknowledges what the central sent.
            self.acknowledge(End::Central, is_down);
            self.hear(End::Central, up_ends, is_up, &mut report);
            at = up_ends.saturating_add(T_IFS);
            may_go_on = self.goes_on(index, at);
            if may_go_on {
                report.central.listen += T_IFS;
                report.peripheral.listen += T_IFS;
            }
            // The next PDU of the central acknowledges what the peripheral sent; without one, so does the next event's.
            n += 1;
        }
        self.supervise(&mut report);
        report
    }

    /// True if either end has something more to send and there is room for it before the next anchor, T_IFS left.
    fn goes_on(&self, index: u64, at: SimTime) -> bool {
        let new = |end: End| {
            let mut queue = self.queues[end as usize].iter();
            queue.find(|(since, pdu)| *since <= at && !pdu.has_come).map(|(_, pdu)| pdu.airtime)
        };
        let (down, up) = (new(End::Central), new(End::Peripheral));
        let needs = down.unwrap_or(EMPTY) + up.unwrap_or(EMPTY) + T_IFS + T_IFS;
        (down.is_some() || up.is_some()) && at.saturating_add(needs) <= self.anchor(index + 1)
    }

    /// What an end sends at its turn: its time on air, and whether it is data.
    fn turn(&self, end: End, at: SimTime) -> (Span, bool) {
        match self.queues[end as usize].front().filter(|(since, _)| *since <= at) {
            Some((_, pdu)) => (pdu.airtime, true),
            None => (EMPTY, false),
        }
    }

    /// `end` has heard the other one, with data or without.
    fn hear(&mut self, end: End, at: SimTime, is_data: bool, report: &mut EventReport) {
        self.valid[end as usize] = at;
        let other = if end == End::Central { End::Peripheral } else { End::Central };
        if end == End::Peripheral {
            // What the peripheral sent before is acknowledged by what it hears.
            self.acknowledge(End::Peripheral, true);
        }
        if is_data
            && let Some((_, pdu)) = self.queues[other as usize].front_mut()
            && !pdu.has_come
        {
            pdu.has_come = true;
            report.delivered.push((at, end, pdu.id));
        }
    }

    /// What `end` sent and what has come is done with.
    fn acknowledge(&mut self, end: End, is_data: bool) {
        if is_data && self.queues[end as usize].front().is_some_and(|(_, pdu)| pdu.has_come) {
            self.queues[end as usize].pop_front();
        }
    }

    fn supervise(&mut self, report: &mut EventReport) {
        let next = self.anchor(self.next);
        for end in [End::Central, End::Peripheral] {
            let until = self.valid[end as usize].saturating_add(self.config.supervision);
            if until <= next && report.lost.is_none_or(|(at, _)| until < at) {
                report.lost = Some((until, end));
                self.ended = true;
            }
        }
    }
}
