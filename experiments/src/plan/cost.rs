//! What runs will cost, from trial runs.

use super::space::Space;
use super::split::in_order;
use super::trial::{Trial, try_out};
use crate::run::RunFailure;
use crate::scenario::Loaded;

/// What runs of one point cost.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PointCost {
    /// Which point.
    pub point: usize,
    /// How many runs of it are to be made.
    pub runs: u64,
    /// Wall-clock seconds of each; 0 where none is to be made.
    pub seconds: f64,
    /// Bytes of each in a journal.
    pub bytes: f64,
    /// It costs that or more.
    pub is_at_least: bool,
}

/// Memory as it was seen in trial runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Memory {
    /// The program with the scenario and all its points \[bytes\].
    pub program_bytes: u64,
    /// A run beside it, of those that were tried the largest \[bytes\].
    pub run_bytes: u64,
}

/// What some runs of an experiment cost.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Estimate {
    /// Each point that some run was asked for of, in order.
    pub points: Vec<PointCost>,
    /// Memory, where the system tells.
    pub memory: Option<Memory>,
    /// How many trial runs it is from.
    pub trials: usize,
    /// How many of them were stopped, and are taken to go on as before.
    pub extrapolated: usize,
    /// How many of them were stopped, and nobody knows when they end.
    pub unended: usize,
    /// The largest factor by which what a trial run took is off from what all others tell of it; none where there are fewer than three, and
    /// where each point was tried, so that nothing is told by others.
    pub within: Option<f64>,
}

impl Estimate {
    /// Of so many runs of each point (point, runs), by trial runs of some of them, each on so many threads. Points of which no run is to be made
    /// cost nothing, and are not tried.
    ///
    /// # Errors
    /// For a mistake of this program.
    pub fn of(loaded: &Loaded, wanted: &[(usize, u64)], threads: usize) -> Result<Self, RunFailure> {
        let points: Vec<usize> = wanted.iter().filter(|(_, runs)| *runs > 0).map(|(point, _)| *point).collect();
        let space = Space::new(loaded, &points);
        let (trials, memory) = try_out(loaded, &points, &space, threads)?;
        Ok(Self::from_trials(wanted, &space, &trials, memory))
    }

    fn from_trials(wanted: &[(usize, u64)], space: &Space, trials: &[Trial], memory: Option<Memory>) -> Self {
        let known: Vec<usize> = trials.iter().map(|trial| trial.place).collect();
        let of = |value: fn(&Trial) -> f64| trials.iter().map(value).collect::<Vec<f64>>();
        let (seconds, bytes) = (of(|trial| trial.seconds), of(|trial| trial.bytes));
        let mut place = 0;
        let of_point = |&(point, runs): &(usize, u64)| {
            let nothing = PointCost { point, runs, seconds: 0.0, bytes: 0.0, is_at_least: false };
            if runs == 0 {
                return nothing;
            }
            let here = place;
            place += 1;
            PointCost {
                seconds: space.between(here, &known, &seconds),
                bytes: space.between(here, &known, &bytes),
                is_at_least: match trials.iter().find(|trial| trial.place == here) {
                    Some(tried) => tried.is_at_least,
                    None => space.tell_of(here, &known).any(|(index, _)| trials[index].is_at_least),
                },
                ..nothing
            }
        };
        Self {
            points: wanted.iter().map(of_point).collect(),
            memory,
            trials: trials.len(),
            extrapolated: trials.iter().filter(|trial| trial.is_extrapolated).count(),
            unended: trials.iter().filter(|trial| trial.is_at_least).count(),
            within: within(space, trials),
        }
    }

    /// How many runs there are to make.
    pub fn runs(&self) -> u64 {
        self.points.iter().map(|point| point.runs).sum()
    }

    /// Seconds of all runs, one after the other.
    pub fn seconds(&self) -> f64 {
        self.points.iter().map(|point| point.seconds * point.runs as f64).sum()
    }

    /// Seconds until all runs are done, so many at once, in the order of points.
    pub fn seconds_with(&self, jobs: usize) -> f64 {
        let runs = self.points.iter().flat_map(|point| (0..point.runs).map(|_| point.seconds));
        in_order(runs, jobs)
    }

    /// Bytes of all runs in a journal.
    pub fn bytes(&self) -> f64 {
        self.points.iter().map(|point| point.bytes * point.runs as f64).sum()
    }

    /// Whether it may be more, without a bound.
    pub fn is_at_least(&self) -> bool {
        self.points.iter().any(|point| point.is_at_least)
    }

    /// What it is from and how sure that is, in words.
    pub fn basis(&self) -> String {
        if self.trials == 0 {
            return "no run is to be made".to_owned();
        }
        let points = self.points.iter().filter(|point| point.runs > 0).count();
        let mut words = match (self.trials, points) {
            (1, 1) => "from a trial run of the one point".to_owned(),
            (trials, points) if trials == points => format!("from a trial run of each of {points} points"),
            (trials, points) => format!("from {trials} trial runs of {points} points"),
        };
        if self.extrapolated > 0 {
            words += &format!("; {} of them stopped on the way, and taken to go on like that", self.extrapolated);
        }
        if self.unended > 0 {
            words += &format!("; {} of them stopped on the way, and it is unknown when they end", self.unended);
        }
        if let Some(within) = self.within {
            words += &format!("; each is within a factor of {within:.1} of what the others tell of it");
        }
        words
    }
}

/// How far off the trial runs are from what the others tell of each, as a factor.
fn within(space: &Space, trials: &[Trial]) -> Option<f64> {
    if trials.len() < 3 || trials.len() == space.points() {
        return None;
    }
    let off = |left_out: usize| {
        let others: Vec<Trial> =
            trials.iter().enumerate().filter(|(index, _)| *index != left_out).map(|(_, trial)| *trial).collect();
        let known: Vec<usize> = others.iter().map(|trial| trial.place).collect();
        let seconds: Vec<f64> = others.iter().map(|trial| trial.seconds).collect();
        let told = space.between(trials[left_out].place, &known, &seconds);
        let took = trials[left_out].seconds.max(1e-9);
        (told / took).max(took / told.max(1e-9))
    };
    (0..trials.len()).map(off).reduce(f64::max)
}
