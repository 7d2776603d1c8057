//! Power save of Wi-Fi: a station that dozes, hears beacons, and fetches what its access point holds by PS-Poll (IEEE 802.11-2020 §11.2.3).
//!
//! The older of the two ways is chosen, PS-Poll, since every access point has it: the traffic indication map of a beacon says that something
//! is held, and each PS-Poll brings one frame, whose More Data bit says whether to ask again. With U-APSD, which is not modelled, a
//! frame of uplink fetches several at once: downlink right behind uplink is then quicker than said here.
//!
//! ```text
//!          wake for a beacon                      held: access, PS-Poll, SIFS, frame, SIFS, ACK
//!   Doze ─────────────────────▶ Listen, Beacon ────────────────────────────────────▶ Fetch ──┐ More Data
//!    ▲  ▲                          │ nothing held                                      │ ▲    │
//!    │  └──────────────────────────┘                                                   │ └────┘
//!    │  ◀──────────────────────────────────────────────────────────────────────────────┘
//!    └────▶ Send: access, frame, SIFS, ACK
//! ```
//! A beacon that is due while a frame is exchanged comes behind it, since the medium is busy.
//!
//! # What is not modelled, and what that does to results
//! - Contention: `access` is a mean wait, and no frame is lost. Delays and listening are those of a quiet channel.
//! - Group frames behind DTIM beacons, aging of frames at the access point, and stations that stay awake for a while after sending.

use super::cellular::Activity;
use super::schedule::Pulse;
use protosim_core::{SimTime, Span};
use std::collections::VecDeque;

/// A time unit of IEEE 802.11.
pub const TIME_UNIT: Span = Span::from_micros(1_024);

/// The last instant at which something happens.
const LAST: SimTime = SimTime::from_nanos(u64::MAX - 1);

/// How a station saves power.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PowerSaveConfig {
    /// When the first beacon that the station wakes for is due.
    pub first_beacon: SimTime,
    /// Between beacons. 100 time units are usual.
    pub beacon_interval: Span,
    /// The station wakes for every beacon of this count: the DTIM period, or its listen interval.
    pub listen_every: u32,
    /// How long before a beacon it wakes.
    pub early: Span,
    /// A beacon on air.
    pub beacon: Span,
    /// From the wish to send until the first bit: DIFS and the mean backoff.
    pub access: Span,
    /// A PS-Poll on air.
    pub poll: Span,
    /// SIFS.
    pub sifs: Span,
    /// An acknowledgement on air.
    pub ack: Span,
    /// Frames that the access point holds for the station; further ones are dropped.
    pub held: usize,
}

impl Default for PowerSaveConfig {
    /// At 6 Mbit/s OFDM in the 5 GHz band (SIFS 16 us, DIFS 34 us, 7.5 slots of 9 us), beacons of 200 B every 100 time units, each of which
    /// is heard, 1 ms early; 32 frames are held. The last three are our choice.
    fn default() -> Self {
        Self {
            first_beacon: SimTime::ZERO + TIME_UNIT * 100,
            beacon_interval: TIME_UNIT * 100,
            listen_every: 1,
            early: Span::from_millis(1),
            beacon: ofdm_airtime(200, 6),
            access: Span::from_nanos(101_500),
            poll: ofdm_airtime(20, 6),
            sifs: Span::from_micros(16),
            ack: ofdm_airtime(14, 6),
            held: 32,
        }
    }
}

/// The air time of an MPDU of `bytes` with DSSS or CCK at `kbit_per_sec` behind the long preamble: 192 us, then the bits, in whole microseconds
/// (IEEE 802.11-2020 §15.2, §16.2).
pub fn dsss_airtime(bytes: u64, kbit_per_sec: u64) -> Span {
    Span::from_micros(192 + (bytes * 8 * 1_000).div_ceil(kbit_per_sec.max(1)))
}

/// The air time of an MPDU of `bytes` with OFDM in 20 MHz at `mbit_per_sec`: preamble and signal 20 us, then symbols of 4 us that hold 16
/// bits of service, the bytes and 6 tail bits (IEEE 802.11-2020 §17.4.3).
pub fn ofdm_airtime(bytes: u64, mbit_per_sec: u64) -> Span {
    let bits_per_symbol = mbit_per_sec.max(1) * 4;
    Span::from_micros(20 + 4 * (16 + bytes * 8 + 6).div_ceil(bits_per_symbol))
}

/// What became of frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A beacon was heard.
    Beacon,
    /// The downlink frame of this number is here.
    Received(u64),
    /// The uplink frame of this number has left.
    Sent(u64),
}

/// A part of what the station is about to do.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Step {
    activity: Activity,
    until: SimTime,
    then: Option<Event>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Frame {
    id: u64,
    airtime: Span,
}

/// A station and what its access point holds for it. Calls come in order of time; what is due is done before anything else.
#[derive(Clone, Debug)]
pub struct Station {
    config: PowerSaveConfig,
    /// The moments at which it wakes for a beacon.
    wakes: Pulse,
    held: VecDeque<Frame>,
    up: VecDeque<Frame>,
    plan: VecDeque<Step>,
    /// It knows that something is held.
    more: bool,
    /// The next moment to wake at that is not done.
    next_wake: SimTime,
    dropped: u64,
}

impl Station {
    /// A station that dozes. `None` if beacons do not leave it time to sleep, or if it listens to none.
    pub fn new(config: PowerSaveConfig) -> Option<Self> {
        let period = config.beacon_interval.saturating_mul(u64::from(config.listen_every));
        let width = config.early.saturating_add(config.beacon);
        let first = SimTime::from_nanos(config.first_beacon.as_nanos().checked_sub(config.early.as_nanos())?);
        let wakes = Pulse::new(first, period, width)?;
        let (held, up, plan) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        Some(Self { config, wakes, held, up, plan, more: false, next_wake: first, dropped: 0 })
    }

    /// The access point has a frame for the station, of that time on air. False if it holds too many and drops it.
    pub fn arrive(&mut self, now: SimTime, id: u64, airtime: Span, out: &mut Vec<(SimTime, Event)>) -> bool {
        self.handle_timeout(now, out);
        if self.held.len() >= self.config.held {
            self.dropped += 1;
            return false;
        }
        self.held.push_back(Frame { id, airtime });
        true
    }

    /// The station has a frame to send.
    pub fn send(&mut self, now: SimTime, id: u64, airtime: Span, out: &mut Vec<(SimTime, Event)>) {
        self.handle_timeout(now, out);
        self.up.push_back(Frame { id, airtime });
        if self.plan.is_empty() {
            self.go_on(now);
        }
    }

    /// Frames that the access point dropped.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// When something is due.
    pub fn poll_timeout(&self) -> SimTime {
        self.plan.front().map_or(self.next_wake, |step| step.until)
    }

    /// Uplink frames that wait behind the one that is being sent: they have no bound here, but for what the owner lets in.
    pub fn waiting(&self) -> usize {
        self.up.len()
    }

    /// Does all that is due until `now`, and says what happened when. What is due at the end of time never is.
    pub fn handle_timeout(&mut self, now: SimTime, out: &mut Vec<(SimTime, Event)>) {
        while self.poll_timeout() <= now.min(LAST) {
            let at = self.poll_timeout();
            match self.plan.pop_front() {
                Some(step) => self.end(step, out),
                None => self.wake(at),
            }
            if self.plan.is_empty() {
                self.go_on(at);
            }
        }
    }

    fn end(&mut self, step: Step, out: &mut Vec<(SimTime, Event)>) {
        let Some(event) = step.then else { return };
        match event {
            Event::Beacon => self.more = !self.held.is_empty(),
            Event::Received(_) => {
                self.held.pop_front();
                self.more = !self.held.is_empty();
            }
            Event::Sent(_) => {}
        }
        out.push((step.until, event));
    }

    fn wake(&mut self, at: SimTime) {
        // One that was due during an exchange was put off until now; of several, the last. The beacon comes when it is due, or now.
        let due = self.wakes.last_start(at).unwrap_or(at).saturating_add(self.config.early);
        self.next_wake = self.wakes.next_start(at.saturating_add(Span::NANOSECOND));
        self.steps(
            at,
            &[
                (Activity::Listen, due.saturating_since(at), None),
                (Activity::Receive, self.config.beacon, Some(Event::Beacon)),
            ],
        );
    }

    /// What comes next for a station that is free: a beacon that is due, a frame that is held, one to send, or a doze.
    fn go_on(&mut self, at: SimTime) {
        let PowerSaveConfig { access, poll, sifs, ack, .. } = self.config;
        if self.next_wake <= at {
            self.wake(at);
        } else if let Some(frame) = self.held.front().copied().filter(|_| self.more) {
            let received = Some(Event::Received(frame.id));
            self.steps(
                at,
                &[
                    (Activity::Listen, access, None),
                    (Activity::Transmit, poll, None),
                    (Activity::Listen, sifs, None),
                    (Activity::Receive, frame.airtime, received),
                    (Activity::Listen, sifs, None),
                    (Activity::Transmit, ack, None),
                ],
            );
        } else if let Some(frame) = self.up.pop_front() {
            let sent = Some(Event::Sent(frame.id));
            self.steps(
                at,
                &[
                    (Activity::Listen, access, None),
                    (Activity::Transmit, frame.airtime, sent),
                    (Activity::Listen, sifs, None),
                    (Activity::Receive, ack, None),
                ],
            );
        }
    }

    fn steps(&mut self, from: SimTime, steps: &[(Activity, Span, Option<Event>)]) {
        let mut until = from;
        for (activity, span, then) in steps {
            until = until.saturating_add(*span);
            self.plan.push_back(Step { activity: *activity, until, then: *then });
        }
    }

    /// What the radio does at `at`, which is not before the last call and before the next deadline.
    pub fn activity(&self, _at: SimTime) -> Activity {
        self.plan.front().map_or(Activity::Sleep, |step| step.activity)
    }

    /// How long a station that is left alone is awake for beacons from `from` to `to`: a closed form for long waits.
    pub fn idle_listening(&self, from: SimTime, to: SimTime) -> Span {
        self.wakes.on_until(to).saturating_sub(self.wakes.on_until(from))
    }
}
