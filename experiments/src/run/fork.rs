//! Points that are the same up to a time: a world is made once up to there, and each point goes on from a copy (`fork_at`).
//!
//! What comes out is the same as if each had been run from its start, to the last digest: up to that time nothing differs but what the
//! timeline is still to do, and this is told to the copy when it is made. Whether a run was forked is therefore no part of what it is
//! known by. A run is made from its start where there is nothing to share, or where sharing is not possible: where it is looked at, on
//! several threads, beside a world that cannot be copied (an implementation of others), and where the way there reaches a limit.

use super::one::build_with;
use crate::scenario::{Loaded, Scenario};
use protosim_core::kernel::{BuildError, Interests};
use protosim_core::{SimTime, Simulation, Sinks, Span, Until};
use protosim_models::Element;
use protosim_models::node::Report;
use protosim_topologies::{Plan, TimelineEvent};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All groups of points that share their beginning.
#[derive(Debug, Default)]
pub(super) struct Forks {
    /// By point; `None` for one that is alone.
    group_of: Vec<Option<usize>>,
    groups: Vec<Group>,
}

/// Points that are the same up to a time.
#[derive(Debug)]
struct Group {
    /// The first of them, with all that the timelines of all do: worlds are laid out for it.
    scenario: Scenario,
    at: SimTime,
    plan: Mutex<Option<Arc<Plan>>>,
    /// By replication.
    trunks: Mutex<BTreeMap<u64, Shared>>,
}

/// What the runs of one replication go on from.
#[derive(Debug, Default)]
struct Shared {
    /// How many of them are still to come.
    left: usize,
    trunk: Arc<Mutex<Trunk>>,
}

/// A world up to the fork, and what it has reported.
#[derive(Debug, Default)]
enum Trunk {
    #[default]
    NotYet,
    /// It cannot be shared.
    None,
    Grown(Box<(Simulation<Element>, Sinks<Report>)>),
}

/// A copy of a world at the fork, and what it has reported up to there.
pub(super) type Branch = (Simulation<Element>, Sinks<Report>);

/// The points of each group that has more than one, in order.
pub(crate) fn groups(loaded: &[&Scenario], at: Span) -> Vec<Vec<usize>> {
    let mut found: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (point, scenario) in loaded.iter().enumerate() {
        let early = scenario.timeline.iter().filter(|event| event.at < at).cloned().collect();
        let early = Scenario { timeline: early, ..(*scenario).clone() };
        let key = serde_json::to_string(&early).unwrap_or_default() + &format!("{:?}", scenario.measures);
        found.entry(key).or_default().push(point);
    }
    let mut groups: Vec<Vec<usize>> = found.into_values().filter(|points| points.len() > 1).collect();
    groups.sort();
    groups
}

impl Forks {
    /// Those of an experiment: none where it does not ask for them.
    pub(super) fn of(loaded: &Loaded) -> Self {
        let Some(at) = loaded.scenario.fork_at else { return Self::default() };
        let scenarios: Vec<&Scenario> = loaded.points.iter().map(|point| &point.scenario).collect();
        let mut forks = Self { group_of: vec![None; scenarios.len()], groups: Vec::new() };
        for points in groups(&scenarios, at) {
            for point in &points {
                forks.group_of[*point] = Some(forks.groups.len());
            }
            let first = scenarios[points[0]];
            let late = |point: &usize| scenarios[*point].timeline.iter().filter(|event| event.at >= at).cloned();
            let early = first.timeline.iter().filter(|event| event.at < at).cloned();
            let timeline: Vec<TimelineEvent> = early.chain(points.iter().flat_map(late)).collect();
            forks.groups.push(Group {
                scenario: Scenario { timeline, ..first.clone() },
                at: SimTime::ZERO + at,
                plan: Mutex::default(),
                trunks: Mutex::default(),
            });
        }
        forks
    }

    /// The number of the group that a point is of.
    pub(super) fn group_of(&self, point: usize) -> Option<usize> {
        self.group_of.get(point).copied().flatten()
    }

    /// One more run is to be made.
    pub(super) fn expect(&self, (point, replication): (usize, u64)) {
        if let Some(group) = self.group_of(point) {
            lock(&self.groups[group].trunks).entry(replication).or_default().left += 1;
        }
    }

    /// What a run goes on from, if it shares its beginning with others: the first of them makes it, others wait. One that cannot share
    /// comes without what is listened to, and is no longer expected.
    pub(super) fn branch(
        &self,
        (point, replication): (usize, u64),
        plan: &Plan,
        interests: Option<Interests>,
    ) -> Option<Branch> {
        let group = &self.groups[self.group_of(point)?];
        let trunk = {
            let mut trunks = lock(&group.trunks);
            let shared = trunks.get_mut(&replication)?;
            shared.left -= 1;
            let trunk = Arc::clone(&shared.trunk);
            if shared.left == 0 {
                trunks.remove(&replication);
            }
            trunk
        };
        let interests = interests?;
        let mut trunk = lock(&trunk);
        if matches!(*trunk, Trunk::NotYet) {
            *trunk = group.grow(replication, interests).map_or(Trunk::None, |grown| Trunk::Grown(Box::new(grown)));
        }
        let Trunk::Grown(grown) = &*trunk else { return None };
        let mut copy = grown.0.try_clone().ok()?;
        let late = plan.acts().into_iter().filter(|(at, ..)| *at >= group.at).collect();
        copy.extend_timeline(late).ok()?;
        Some((copy, grown.1.clone()))
    }
}

impl Group {
    /// The world just before the fork; `None` if it does not come there.
    fn grow(&self, replication: u64, interests: Interests) -> Option<Branch> {
        let plan = Arc::clone(lock(&self.plan).get_or_insert_with(|| Arc::new(super::setup(&self.scenario))));
        let mut simulation = self.build(&plan, replication).ok()?;
        let mut sinks = Sinks::new(interests);
        let until = SimTime::from_nanos(self.at.as_nanos() - 1);
        simulation.run(Until::Time(until), &mut sinks).ok()?;
        Some((simulation, sinks))
    }

    fn build(&self, plan: &Plan, replication: u64) -> Result<Simulation<Element>, BuildError> {
        let early = plan.acts().into_iter().filter(|(at, ..)| *at < self.at).collect();
        build_with(plan, &self.scenario, replication, 1, early)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
