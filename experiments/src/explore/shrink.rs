//! The shortest schedule of faults that still breaks something: as few faults as can be, each as short as can be.
//!
//! Faults are left out in halves, quarters and so on down to single ones, as long as something is still broken ("delta debugging": Zeller and
//! Hildebrandt, IEEE Transactions on Software Engineering 28(2), 2002); then their times are rounded and their lengths halved. All
//! other luck stays that of the run. What is left is a minimum in that none of its faults can be left out or halved; a still shorter
//! schedule of other faults may exist.

use super::{Found, broken};
use crate::run::{Stop, setup};
use crate::scenario::Loaded;
use protosim_core::Span;
use protosim_topologies::Fault;

/// Most runs that are made for it.
const MOST_TRIES: u64 = 2_000;
/// Times are told in these where that breaks something too.
const ROUND: [Span; 3] = [Span::from_secs(1), Span::from_millis(10), Span::from_millis(1)];

/// The shortest schedule that was found.
#[derive(Clone, PartialEq, Debug)]
pub struct Shrunk {
    /// Its faults, in order of time.
    pub faults: Vec<Fault>,
    /// What it breaks, in words.
    pub broken: Vec<String>,
    /// How many runs that took.
    pub tries: u64,
}

/// Shortens the schedule of a run that breaks something.
pub fn shrink(loaded: &Loaded, found: &Found, stop: &Stop) -> Shrunk {
    let mut search = Search { loaded, found, stop, tries: 0, best: found.faults.clone(), broken: found.broken.clone() };
    search.leave_out();
    search.shorten();
    search.best.sort();
    Shrunk { faults: search.best, broken: search.broken, tries: search.tries }
}

struct Search<'a> {
    loaded: &'a Loaded,
    found: &'a Found,
    stop: &'a Stop,
    tries: u64,
    best: Vec<Fault>,
    broken: Vec<String>,
}

impl Search<'_> {
    /// Takes a schedule if it breaks something; says whether it does.
    fn take(&mut self, faults: Vec<Fault>) -> bool {
        if self.tries >= MOST_TRIES || self.stop.is_wanted() {
            return false;
        }
        self.tries += 1;
        let Found { point, replication, .. } = *self.found;
        let scenario = self.loaded.points[point].scenario.with_faults(&faults);
        let broken = broken(self.loaded, point, (&setup(&scenario), &scenario), replication);
        let is_taken = !broken.is_empty();
        if is_taken {
            (self.best, self.broken) = (faults, broken);
        }
        is_taken
    }

    /// As few faults as can be.
    fn leave_out(&mut self) {
        let mut size = self.best.len();
        while size > 0 {
            let mut at = 0;
            while at < self.best.len() {
                let mut fewer = self.best.clone();
                fewer.drain(at..self.best.len().min(at + size));
                if !self.take(fewer) {
                    at += size;
                }
            }
            // What one left out may let another go: single ones are tried until none can be.
            size = if size > 1 { size.div_ceil(2) } else { 0 };
        }
        let before = self.best.len();
        for at in (0..self.best.len()).rev() {
            let mut fewer = self.best.clone();
            fewer.remove(at);
            self.take(fewer);
        }
        if self.best.len() < before {
            self.leave_out();
        }
    }

    /// Each fault as short as can be, at round times.
    fn shorten(&mut self) {
        for at in 0..self.best.len() {
            loop {
                let mut shorter = self.best.clone();
                let lasts = shorter[at].until.saturating_sub(shorter[at].from);
                let half = Span::from_nanos(lasts.as_nanos() / 2);
                if half < Span::from_millis(1) {
                    break;
                }
                shorter[at].until = shorter[at].from.saturating_add(half);
                if !self.take(shorter) {
                    break;
                }
            }
            for unit in ROUND {
                let mut round = self.best.clone();
                let fault = &mut round[at];
                let lasts = fault.until.saturating_sub(fault.from);
                // Never longer than it was.
                let whole = [unit, Span::from_millis(1)].map(|unit| rounded(lasts, unit));
                let lasts = whole.into_iter().find(|lasts| !lasts.is_zero()).unwrap_or(lasts);
                fault.from = rounded(fault.from, unit).max(Span::from_millis(1));
                fault.until = fault.from.saturating_add(lasts);
                if round[at] == self.best[at] || self.take(round) {
                    break;
                }
            }
        }
    }
}

/// To whole units, downwards.
fn rounded(span: Span, unit: Span) -> Span {
    Span::from_nanos(span.as_nanos() / unit.as_nanos() * unit.as_nanos())
}
