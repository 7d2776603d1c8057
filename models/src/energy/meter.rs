//! The meter of a device: charge by part and cause, integrated exactly from changes of state.
//!
//! A device has three parts, and each is in one state at a time, which has a current. The charge of a state is current times time in
//! it, a whole number of [`Charge`] units; so sums of causes are the total to the last unit, whatever changes when, and looking
//! changes nothing.
//!
//! # Transitions
//! A part that wakes or starts its crystal draws the transition's current for its time, which counts as [`Cause::Transition`], and is then in
//! the new state without a further call. A change that comes before the end cuts the transition off: what it drew until then counts.

use super::quantity::{Charge, Current, Energy, Voltage, between};
use protosim_core::{SimTime, Span};
use serde::{Deserialize, Serialize};

/// What of a device draws a current.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Part {
    /// The processor.
    Cpu,
    /// The radio, or the modem.
    Radio,
    /// All else: sensors, regulators, a display.
    Other,
}

/// What a current is drawn for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Cause {
    /// The processor works.
    Cpu,
    /// The radio sends.
    Transmit,
    /// The radio takes a frame in.
    Receive,
    /// The radio is on, and nothing comes: a listen window, carrier sense, a wait for an acknowledgement.
    Listen,
    /// Awake with nothing to do: crystal on, processor halted.
    Idle,
    /// Asleep, or off.
    Sleep,
    /// On the way from one state to another.
    Transition,
    /// What is none of these, such as a sensor's measurement.
    Other,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Radio, Self::Other];
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 8] = [
        Self::Cpu,
        Self::Transmit,
        Self::Receive,
        Self::Listen,
        Self::Idle,
        Self::Sleep,
        Self::Transition,
        Self::Other,
    ];
}

const PARTS: usize = Part::ALL.len();
const CAUSES: usize = Cause::ALL.len();

/// What a part does, and what it draws meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct State {
    /// What the current is for.
    pub cause: Cause,
    /// The current.
    pub current: Current,
}

impl State {
    /// A state.
    pub const fn new(cause: Cause, current: Current) -> Self {
        Self { cause, current }
    }

    /// Draws nothing.
    pub const OFF: Self = Self::new(Cause::Sleep, Current::ZERO);
}

/// The way from one state to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Transition {
    /// How long it takes.
    pub takes: Span,
    /// What is drawn meanwhile.
    pub current: Current,
}

impl Transition {
    /// At once.
    pub const NONE: Self = Self { takes: Span::ZERO, current: Current::ZERO };
}

/// Charges by part and cause.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Bill {
    charges: [[Charge; CAUSES]; PARTS],
}

impl Bill {
    /// Of one part and one cause.
    pub fn get(&self, part: Part, cause: Cause) -> Charge {
        self.charges[part as usize][cause as usize]
    }

    /// All of a part.
    pub fn of_part(&self, part: Part) -> Charge {
        self.charges[part as usize].iter().copied().sum()
    }

    /// All of a cause.
    pub fn of_cause(&self, cause: Cause) -> Charge {
        self.charges.iter().map(|causes| causes[cause as usize]).sum()
    }

    /// All.
    pub fn total(&self) -> Charge {
        Part::ALL.into_iter().map(|part| self.of_part(part)).sum()
    }

    /// Adds a charge.
    pub fn add(&mut self, part: Part, cause: Cause, charge: Charge) {
        self.charges[part as usize][cause as usize] += charge;
    }

    /// Adds another bill.
    pub fn merge(&mut self, other: &Self) {
        for (part, cause, charge) in other.entries() {
            self.add(part, cause, charge);
        }
    }

    /// What this bill has more than an earlier one of the same meter.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut difference = Self::default();
        for (part, cause, charge) in self.entries() {
            difference.add(part, cause, charge.saturating_sub(earlier.get(part, cause)));
        }
        difference
    }

    /// All entries, in the order of parts and causes.
    pub fn entries(&self) -> impl Iterator<Item = (Part, Cause, Charge)> + '_ {
        Part::ALL
            .into_iter()
            .flat_map(move |part| Cause::ALL.into_iter().map(move |cause| (part, cause, self.get(part, cause))))
    }
}

/// A transition that is under way.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Underway {
    current: Current,
    ends: SimTime,
}

/// One part: what it has drawn until `since`, and what it draws from then on.
#[derive(Clone, Debug)]
struct PartMeter {
    since: SimTime,
    /// In order of their ends.
    underway: [Option<Underway>; 2],
    state: State,
    charges: [Charge; CAUSES],
    times: [Span; CAUSES],
}

impl PartMeter {
    fn new(now: SimTime, state: State) -> Self {
        Self { since: now, underway: [None; 2], state, charges: [Charge::ZERO; CAUSES], times: [Span::ZERO; CAUSES] }
    }

    /// What comes to the part from `since` to `at`: time and charge of transitions, then of the state.
    fn pending(&self, at: SimTime) -> [(Cause, Span, Charge); 2] {
        let (mut from, mut time, mut charge) = (self.since, Span::ZERO, Charge::ZERO);
        for underway in self.underway.iter().flatten() {
            let until = underway.ends.min(at);
            let span = between(from, until);
            time += span;
            charge += underway.current.over(span);
            from = from.max(until);
        }
        let span = between(from, at);
        [(Cause::Transition, time, charge), (self.state.cause, span, self.state.current.over(span))]
    }

    /// Counts all until `now`.
    fn settle(&mut self, now: SimTime) {
        for (cause, time, charge) in self.pending(now) {
            self.charges[cause as usize] += charge;
            self.times[cause as usize] += time;
        }
        self.since = self.since.max(now);
        self.underway = self.underway.map(|underway| underway.filter(|underway| underway.ends > self.since));
    }

    fn current(&self, at: SimTime) -> Current {
        let underway = self.underway.iter().flatten().find(|underway| at < underway.ends);
        underway.map_or(self.state.current, |underway| underway.current)
    }

    /// When the transitions end.
    fn ends(&self) -> impl Iterator<Item = SimTime> + '_ {
        self.underway.iter().flatten().map(|underway| underway.ends)
    }
}

/// The meter of a device.
///
/// Time never goes back: a change at an earlier instant than the last one counts as one at that instant.
#[derive(Clone, Debug)]
pub struct Meter {
    supply: Voltage,
    parts: [PartMeter; PARTS],
}

impl Meter {
    /// A meter of a device at `supply`, whose parts are off at `now`.
    pub fn new(now: SimTime, supply: Voltage) -> Self {
        Self { supply, parts: std::array::from_fn(|_| PartMeter::new(now, State::OFF)) }
    }

    /// The supply voltage.
    pub fn supply(&self) -> Voltage {
        self.supply
    }

    /// `part` is in `state` from `now` on.
    pub fn set(&mut self, now: SimTime, part: Part, state: State) {
        self.change(now, part, [Transition::NONE; 2], state);
    }

    /// `part` goes to `state`, by way of two transitions, such as waking and calibration, from `now` on. Those of no time are none.
    pub fn change(&mut self, now: SimTime, part: Part, way: [Transition; 2], state: State) {
        let meter = &mut self.parts[part as usize];
        meter.settle(now);
        let mut ends = meter.since;
        meter.underway = way.map(|transition| {
            ends = ends.saturating_add(transition.takes);
            (!transition.takes.is_zero()).then_some(Underway { current: transition.current, ends })
        });
        meter.state = state;
    }

    /// What `part` draws changes, and not what it does: in the state that it is in or goes to, and in transitions that are under way, which go on.
    pub fn recover(&mut self, now: SimTime, part: Part, underway: [Current; 2], state: State) {
        let meter = &mut self.parts[part as usize];
        meter.settle(now);
        for (old, current) in meter.underway.iter_mut().zip(underway) {
            *old = old.map(|old| Underway { current, ..old });
        }
        meter.state = state;
    }

    /// Something takes `charge` at once, such as a pulse whose charge is known and whose shape is not.
    pub fn take(&mut self, part: Part, cause: Cause, charge: Charge) {
        self.parts[part as usize].charges[cause as usize] += charge;
    }

    /// Where `part` is or goes, and when it is there, if that is later than `at`.
    pub fn state(&self, at: SimTime, part: Part) -> (State, Option<SimTime>) {
        let meter = &self.parts[part as usize];
        (meter.state, meter.ends().max().filter(|ends| *ends > at))
    }

    /// All charges from the start until `at`, which is not before the last change.
    pub fn bill(&self, at: SimTime) -> Bill {
        let mut bill = Bill::default();
        for (part, meter) in Part::ALL.into_iter().zip(&self.parts) {
            bill.charges[part as usize] = meter.charges;
            for (cause, _, charge) in meter.pending(at) {
                bill.add(part, cause, charge);
            }
        }
        bill
    }

    /// How long `part` was in states of `cause` until `at`.
    pub fn time(&self, at: SimTime, part: Part, cause: Cause) -> Span {
        let meter = &self.parts[part as usize];
        let pending = meter.pending(at).into_iter().filter(|(of, _, _)| *of == cause);
        pending.fold(meter.times[cause as usize], |time, (_, more, _)| time + more)
    }

    /// The total charge until `at`.
    pub fn charge(&self, at: SimTime) -> Charge {
        self.bill(at).total()
    }

    /// The total energy until `at`.
    pub fn energy(&self, at: SimTime) -> Energy {
        self.charge(at).at(self.supply)
    }

    /// What all parts draw at `at`, which is not before the last change.
    pub fn current(&self, at: SimTime) -> Current {
        self.parts.iter().fold(Current::ZERO, |sum, part| sum.saturating_add(part.current(at)))
    }

    /// When the current changes next without a further call: the first end of a transition after `at`.
    pub fn next_change(&self, at: SimTime) -> Option<SimTime> {
        self.parts.iter().flat_map(PartMeter::ends).filter(|ends| *ends > at).min()
    }
}
