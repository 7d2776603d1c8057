//! A modem of NB-IoT or LTE-M: when it sends, listens and sleeps (3GPP TS 36.331, TS 36.304 §7, TS 24.301 §5.3.11).
//!
//! ```text
//!            send, page, T3412                    connected after `connect`
//!   Idle ────────────────────────▶ Connecting ─────────────────────────────▶ Connected ──┐ each packet
//!    │  ▲                              ▲                                       │   ▲      │ restarts
//!    │  └──────────────────────────────┼───────────────────────────────────────┘   └──────┘ inactivity
//!    │ T3324                           │ send, T3412      inactivity passes: release
//!    ▼                                 │
//!   Psm ───────────────────────────────┘
//! ```
//! - Connected: listens, or is in connected DRX once nothing has come for `after`. This tail often costs more than the data. Listening
//!   is what a modem draws in the mean while it is connected and nothing comes ([`Activity::Listen`]); whenever its receiver is on for
//!   certain, at paging occasions, in on-times of connected DRX and while it connects, it receives.
//! - Idle: listens to a paging occasion every `drx`; with eDRX only in the window of each cycle.
//! - PSM: unreachable. What the network has for the device waits until it connects by itself, at T3412 (tracking area update) or to send.
//!
//! Times are those of the network, which the modem follows, not those of the host's clock. The radio is half-duplex: one packet at a
//! time. Uplink goes before downlink.
//!
//! # What is not modelled, and what that does to results
//! - Random access draws nothing: `connect` is a time with one part that sends. Collisions and repetitions for coverage are in it or nowhere.
//! - Scheduling within a connection: a packet is sent when the radio is free, so delays are lower ends.
//! - A page is heard at the first occasion, and the network's own time to page is nothing.
//! - Room: what waits, here or in the network, has no bound. Who drives a modem keeps one, by [`Modem::waiting`].
//! - Without PSM there is no periodic update (T3412), and all of an update, its answer included, counts as sent.

use super::meter::Cause;
use super::profile::RadioMode;
use super::quantity::RadioPower;
use super::schedule::{Pulse, Windows};
use super::timers::ExtendedDrx;
use protosim_core::{SimTime, Span};
use std::collections::VecDeque;

/// The cycle of eDRX that has no paging time window.
pub(crate) const WITHOUT_WINDOW: Span = Span::from_millis(5_120);

/// Connected DRX.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectedDrx {
    /// It begins when nothing was sent or received for so long.
    pub after: Span,
    /// Its cycle.
    pub cycle: Span,
    /// How long the modem listens in each cycle, at its begin.
    pub on: Span,
}

/// Power saving mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PowerSaving {
    /// T3324: how long it stays pageable after a release.
    pub active: Span,
    /// T3412 extended: how long after a release it updates its tracking area.
    pub periodic: Span,
}

/// What operator and modem agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CellularConfig {
    /// From the wish to send, or a page, until the connection is there.
    pub connect: Span,
    /// How much of that the modem sends; this part comes first.
    pub connect_sends: Span,
    /// The network releases the connection when nothing was sent or received for so long.
    pub inactivity: Span,
    /// Connected DRX. Without it the modem listens as long as it is connected.
    pub connected_drx: Option<ConnectedDrx>,
    /// The cycle of paging occasions.
    pub drx: Span,
    /// How long the modem listens at each, with the time to come into step.
    pub occasion: Span,
    /// Where in its cycle an occasion, or a window of eDRX, begins: it follows from the subscriber's identity.
    pub offset: Span,
    /// Extended DRX. Default: none.
    pub extended: Option<ExtendedDrx>,
    /// PSM. Default: none.
    pub saving: Option<PowerSaving>,
    /// The air time of a tracking area update, with its answer.
    pub update: Span,
}

impl CellularConfig {
    /// NB-IoT in normal coverage, without eDRX and PSM. Connecting takes 2 s, of which 0.5 s are sent, the tail 10 s: our choice from the
    /// ranges of 2 to 10 s awake and 10 to 20 s of inactivity that are usual.
    pub fn nb_iot() -> Self {
        Self {
            connect: Span::from_secs(2),
            connect_sends: Span::from_millis(500),
            inactivity: Span::from_secs(10),
            connected_drx: None,
            drx: Span::from_millis(2_560),
            occasion: Span::from_millis(20),
            offset: Span::ZERO,
            extended: None,
            saving: None,
            update: Span::from_secs(1),
        }
    }

    /// LTE-M in normal coverage, without eDRX and PSM. Connecting takes 200 ms, of which 50 ms are sent, the tail 10 s: our choice.
    pub fn lte_m() -> Self {
        Self {
            connect: Span::from_millis(200),
            connect_sends: Span::from_millis(50),
            drx: Span::from_millis(1_280),
            occasion: Span::from_millis(10),
            update: Span::from_millis(200),
            ..Self::nb_iot()
        }
    }

    /// Fields that contradict each other: the field, and why.
    pub fn check(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut say = |field: &str, why: String| found.push((field.to_owned(), why));
        if self.connect_sends > self.connect {
            say("connect_sends", format!("is at most `connect`, {}, not {}", self.connect, self.connect_sends));
        }
        if let Some(drx) = self.connected_drx
            && (drx.on.is_zero() || drx.on > drx.cycle)
        {
            say("connected_drx.on", format!("is above zero and at most the cycle, {}, not {}", drx.cycle, drx.on));
        }
        if self.drx.is_zero() || self.occasion.is_zero() || self.occasion > self.drx {
            say("occasion", format!("is above zero and at most `drx`, {}, not {}", self.drx, self.occasion));
        } else if self.extended.is_some() && self.windows().is_none() {
            say("extended", "has a window that is above zero and, with its last occasion, within the cycle".to_owned());
        }
        if let Some(saving) = self.saving
            && saving.periodic <= saving.active
        {
            say("saving.periodic", format!("is longer than `active`, {}, not {}", saving.active, saving.periodic));
        }
        found
    }

    /// The paging occasions; `None` if they contradict each other.
    fn windows(&self) -> Option<Windows> {
        let first = SimTime::ZERO.saturating_add(self.offset);
        match self.extended {
            // No window: one occasion in each cycle (3GPP TS 36.304 §7.3).
            Some(extended) if extended.cycle == WITHOUT_WINDOW => {
                Pulse::new(first, extended.cycle, self.occasion).map(Windows::plain)
            }
            Some(extended) => {
                Windows::new(Pulse::new(first, extended.cycle, extended.window)?, Span::ZERO, self.drx, self.occasion)
            }
            None => Pulse::new(first, self.drx, self.occasion).map(Windows::plain),
        }
    }
}

/// What the modem's radio does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activity {
    /// It sends.
    Transmit,
    /// Its receiver is on: a packet, a paging occasion, an on-time, an answer while it connects.
    Receive,
    /// It is connected, and nothing comes: in the mean, the network's own pauses included.
    Listen,
    /// It sleeps, and wakes by itself.
    Sleep,
    /// PSM.
    Saving,
}

impl Activity {
    /// The mode of a radio that sends with `power`.
    pub fn mode(self, power: RadioPower) -> RadioMode {
        match self {
            Self::Transmit => RadioMode::Transmit(power),
            Self::Receive => RadioMode::Receive,
            Self::Listen => RadioMode::Listen,
            Self::Sleep => RadioMode::Sleep,
            Self::Saving => RadioMode::Off,
        }
    }

    /// What a meter counts it as.
    pub fn cause(self) -> Cause {
        match self {
            Self::Transmit => Cause::Transmit,
            Self::Receive => Cause::Receive,
            Self::Listen => Cause::Listen,
            Self::Sleep | Self::Saving => Cause::Sleep,
        }
    }
}

/// What became of the modem and its packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Uplink of this number has left.
    Sent(u64),
    /// Downlink of this number is here.
    Received(u64),
    /// A page was heard.
    Paged,
    /// Connected.
    Connected,
    /// Released, now idle.
    Released,
    /// In PSM.
    Saving,
    /// The tracking area was updated.
    Updated,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Phase {
    Idle {
        since: SimTime,
    },
    Saving,
    Connecting {
        since: SimTime,
    },
    /// Since the last packet, or the connection.
    Connected {
        quiet_since: SimTime,
    },
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Packet {
    id: u64,
    airtime: Span,
}

/// What the radio is busy with.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Transfer {
    Up(u64),
    Down(u64),
    Update,
}

/// A modem. Calls come in order of time; a deadline that has passed is handled before anything else.
#[derive(Clone, Debug)]
pub struct Modem {
    config: CellularConfig,
    windows: Windows,
    phase: Phase,
    up: VecDeque<Packet>,
    down: VecDeque<Packet>,
    busy: Option<(Transfer, SimTime)>,
    /// When T3412 is due.
    periodic: Option<SimTime>,
    update_due: bool,
    /// The connection is for an update alone.
    only_update: bool,
    /// All that is due until then is done.
    seen: SimTime,
}

impl Modem {
    /// A modem that was released at `now`.
    ///
    /// # Errors
    /// What [`CellularConfig::check`] finds.
    pub fn new(config: CellularConfig, now: SimTime) -> Result<Self, Vec<(String, String)>> {
        let found = config.check();
        let Some(windows) = config.windows().filter(|_| found.is_empty()) else { return Err(found) };
        let mut modem = Self {
            config,
            windows,
            phase: Phase::Idle { since: now },
            up: VecDeque::new(),
            down: VecDeque::new(),
            busy: None,
            periodic: None,
            update_due: false,
            only_update: false,
            seen: now,
        };
        modem.release(now);
        Ok(modem)
    }

    /// The device has a packet to send, of that time on air.
    pub fn send(&mut self, now: SimTime, id: u64, airtime: Span, out: &mut Vec<(SimTime, Event)>) {
        self.handle_timeout(now, out);
        self.up.push_back(Packet { id, airtime });
        self.connect(now);
        self.only_update = false;
        self.work(now);
    }

    /// The network has a packet for the device.
    pub fn arrive(&mut self, now: SimTime, id: u64, airtime: Span, out: &mut Vec<(SimTime, Event)>) {
        self.handle_timeout(now, out);
        self.down.push_back(Packet { id, airtime });
        self.only_update = false;
        self.work(now);
        self.handle_timeout(now, out);
    }

    /// Takes back downlink that the radio has not begun with. False if there is no such packet.
    pub fn withdraw(&mut self, id: u64) -> bool {
        let before = self.down.len();
        self.down.retain(|packet| packet.id != id);
        self.down.len() < before
    }

    /// The device is switched on: it connects and updates its tracking area, whatever it slept for.
    pub fn attach(&mut self, now: SimTime) {
        self.connect(now);
        self.update_due = true;
        self.only_update = true;
    }

    fn connect(&mut self, now: SimTime) {
        if matches!(self.phase, Phase::Idle { .. } | Phase::Saving) {
            self.phase = Phase::Connecting { since: now };
            self.periodic = None;
        }
    }

    fn release(&mut self, now: SimTime) {
        self.phase = Phase::Idle { since: now };
        self.only_update = false;
        self.periodic = self.config.saving.map(|saving| now.saturating_add(saving.periodic));
    }

    /// Starts what the radio can do now, if it is connected and free.
    fn work(&mut self, now: SimTime) {
        let Phase::Connected { .. } = self.phase else { return };
        if self.busy.is_some() {
            return;
        }
        let (transfer, airtime) = if self.update_due {
            self.update_due = false;
            (Transfer::Update, self.config.update)
        } else if let Some(packet) = self.up.pop_front() {
            (Transfer::Up(packet.id), packet.airtime)
        } else if let Some(packet) = self.down.front().copied().filter(|_| self.next_listening(now) == now) {
            self.down.pop_front();
            (Transfer::Down(packet.id), packet.airtime)
        } else {
            return;
        };
        self.busy = Some((transfer, now.saturating_add(airtime)));
    }

    /// While connected: the first instant at `at` or later at which it listens.
    fn next_listening(&self, at: SimTime) -> SimTime {
        match self.connected_pulse().filter(|(begins, _)| at >= *begins) {
            Some((_, pulse)) if !pulse.is_on(at) => pulse.next_start(at),
            _ => at,
        }
    }

    /// Since when it is in connected DRX, and how that goes on.
    fn connected_pulse(&self) -> Option<(SimTime, Pulse)> {
        let Phase::Connected { quiet_since } = self.phase else { return None };
        let drx = self.config.connected_drx?;
        let begins = quiet_since.saturating_add(drx.after);
        Pulse::new(begins, drx.cycle, drx.on).map(|pulse| (begins, pulse))
    }

    /// When PSM begins, while it is idle.
    fn saving_at(&self) -> Option<SimTime> {
        let Phase::Idle { since } = self.phase else { return None };
        self.config.saving.map(|saving| since.saturating_add(saving.active))
    }

    /// When a page of `at` is heard; `None` if PSM begins before, or is on. At once while it is connected or connects.
    pub fn reachable(&self, at: SimTime) -> Option<SimTime> {
        match self.phase {
            Phase::Connecting { .. } | Phase::Connected { .. } => Some(self.next_listening(at)),
            Phase::Saving => None,
            Phase::Idle { .. } => {
                let heard = self.windows.next_start(at);
                self.saving_at().is_none_or(|saving| heard < saving).then_some(heard)
            }
        }
    }

    /// When something is due, and which timer it is.
    pub fn poll_timeout(&self) -> Option<(SimTime, &'static str)> {
        match self.phase {
            Phase::Saving => self.periodic.map(|at| (at, "T3412")),
            Phase::Connecting { since } => Some((since.saturating_add(self.config.connect), "connect")),
            Phase::Connected { quiet_since } => {
                if let Some((_, until)) = self.busy {
                    return Some((until, "packet"));
                }
                if !self.down.is_empty() {
                    return Some((self.next_listening(self.seen), "connected DRX"));
                }
                let quiet = if self.only_update { Span::ZERO } else { self.config.inactivity };
                // The network releases nobody for whom it has something. If that was taken back since, the release is overdue, and comes at once.
                Some((quiet_since.saturating_add(quiet).max(self.seen), "inactivity"))
            }
            Phase::Idle { .. } => {
                let page = (!self.down.is_empty()).then(|| self.reachable(self.seen)).flatten().map(|at| (at, "page"));
                let saving = self.saving_at().map(|at| (at, "T3324"));
                [page, saving, self.periodic.map(|at| (at, "T3412"))].into_iter().flatten().min_by_key(|(at, _)| *at)
            }
        }
    }

    /// Packets that wait to be sent, and for the network to send them.
    pub fn waiting(&self) -> (usize, usize) {
        (self.up.len(), self.down.len())
    }

    /// Does all that is due until `now`, and says what happened when. What is due at the end of time never is.
    pub fn handle_timeout(&mut self, now: SimTime, out: &mut Vec<(SimTime, Event)>) {
        // Each step moves the phase on, or takes a packet.
        while let Some((at, timer)) = self.poll_timeout().filter(|(at, _)| *at <= now && *at < SimTime::MAX) {
            self.seen = self.seen.max(at);
            match timer {
                "packet" => self.finish(at, out),
                "page" => {
                    out.push((at, Event::Paged));
                    self.connect(at);
                }
                "connect" => {
                    self.phase = Phase::Connected { quiet_since: at };
                    out.push((at, Event::Connected));
                    self.work(at);
                }
                "connected DRX" => self.work(at),
                "inactivity" => {
                    self.release(at);
                    out.push((at, Event::Released));
                }
                "T3324" => {
                    self.phase = Phase::Saving;
                    out.push((at, Event::Saving));
                }
                _ => {
                    self.connect(at);
                    self.update_due = true;
                    self.only_update = self.down.is_empty();
                }
            }
        }
        self.seen = self.seen.max(now);
    }

    fn finish(&mut self, at: SimTime, out: &mut Vec<(SimTime, Event)>) {
        let Some((transfer, _)) = self.busy.take() else { return };
        self.phase = Phase::Connected { quiet_since: at };
        out.push((
            at,
            match transfer {
                Transfer::Up(id) => Event::Sent(id),
                Transfer::Down(id) => Event::Received(id),
                Transfer::Update => Event::Updated,
            },
        ));
        self.work(at);
    }

    /// What the radio does at `at`, which is not before the last call and not beyond the next deadline.
    pub fn activity(&self, at: SimTime) -> Activity {
        match (self.phase, self.busy) {
            (Phase::Saving, _) => Activity::Saving,
            (Phase::Idle { .. }, _) if self.windows.is_on(at) => Activity::Receive,
            (Phase::Idle { .. }, _) => Activity::Sleep,
            (Phase::Connecting { since }, _) if at < since.saturating_add(self.config.connect_sends) => {
                Activity::Transmit
            }
            (Phase::Connecting { .. }, _) => Activity::Receive,
            (_, Some((Transfer::Down(_), _))) => Activity::Receive,
            (_, Some(_)) => Activity::Transmit,
            (Phase::Connected { .. }, None) => match self.connected_pulse().filter(|(begins, _)| at >= *begins) {
                None => Activity::Listen,
                Some((_, pulse)) if pulse.is_on(at) => Activity::Receive,
                Some(_) => Activity::Sleep,
            },
        }
    }

    /// The next instant after `at` at which the activity may change without a call: the next deadline, or an edge of listening.
    pub fn next_activity(&self, at: SimTime) -> Option<SimTime> {
        let edge = match self.phase {
            Phase::Idle { .. } => Some(self.windows.next_change(at)),
            Phase::Connecting { since } => Some(since.saturating_add(self.config.connect_sends)),
            Phase::Connected { .. } if self.busy.is_none() => self
                .connected_pulse()
                .map(|(begins, pulse)| if at < begins { begins } else { Windows::plain(pulse).next_change(at) }),
            _ => None,
        };
        let edge = edge.filter(|edge| *edge > at && *edge < SimTime::MAX);
        let deadline = self.poll_timeout().map(|(due, _)| due).filter(|due| *due > at);
        [edge, deadline].into_iter().flatten().min()
    }

    /// How long an idle modem listens from `from` to `to`, if nothing happens: a closed form for long waits.
    pub fn idle_listening(&self, from: SimTime, to: SimTime) -> Span {
        self.windows.on_between(from, to)
    }

    /// True if the network can reach it without waiting for it to connect by itself.
    pub fn is_pageable(&self) -> bool {
        self.phase != Phase::Saving
    }
}
