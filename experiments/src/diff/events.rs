//! Runs side by side, to the first event that differs.
//!
//! Each run of A is compared with the same run of B: first by their final digests (recorded ones, of a folder of
//! results), then, where those differ, instant by instant with a log of every event. What is named is the node or the direction of a link whose chain of
//! events parts first; a link goes before a node, since it is nearer to the cause.

use super::side::{Digests, Side};
use crate::run::{RunFailure, build, digests, setup};
use crate::scenario::{End, Loaded, Point};
use protosim_core::kernel::{Happening, Subject};
use protosim_core::{SimTime, Simulation, Sinks, Until};
use protosim_models::Element;
use protosim_topologies::Plan;
use protosim_topologies::plan::{CHANNEL, MEDIUM};

/// The first thing in which two experiments differ.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Difference {
    /// They cannot be compared event by event: not the same points, nodes or links.
    Shape(String),
    /// An event.
    Event {
        /// The point.
        point: usize,
        /// The replication.
        replication: u64,
        /// When.
        at: SimTime,
        /// To whom: `link radio:client->server`, `node server`.
        subject: String,
        /// What happens in A.
        in_a: Option<String>,
        /// What happens in B.
        in_b: Option<String>,
    },
    /// Recorded digests differ, but runs by this build do not.
    Recorded {
        /// The point.
        point: usize,
        /// The replication.
        replication: u64,
        /// Of whom: `link radio:client->server`, `node server`.
        subject: String,
    },
}

/// The runs that both have, by point and replication; none where they have not the same points and replications.
pub fn common_runs(a: &Side, b: &Side) -> Vec<(usize, u64)> {
    if shape(&a.loaded) != shape(&b.loaded) {
        return Vec::new();
    }
    a.runs().into_iter().filter(|run| b.has(*run)).collect()
}

/// Points and replications.
fn shape(loaded: &Loaded) -> (usize, u64) {
    (loaded.points.len(), loaded.scenario.replications)
}

/// Compares the runs that two experiments both have, in order, to the first difference.
///
/// # Errors
/// When a run reaches a limit.
pub fn compare(side_a: &Side, side_b: &Side) -> Result<Option<Difference>, RunFailure> {
    let (a, b) = (&side_a.loaded, &side_b.loaded);
    if shape(a) != shape(b) {
        let words = |(points, replications): (usize, u64)| format!("{points} x {replications}");
        let text = format!("not the same points and replications: {} and {}", words(shape(a)), words(shape(b)));
        return Ok(Some(Difference::Shape(text)));
    }
    let common = common_runs(side_a, side_b);
    for (point, (of_a, of_b)) in a.points.iter().zip(&b.points).enumerate() {
        let replications: Vec<u64> = common.iter().filter(|run| run.0 == point).map(|run| run.1).collect();
        if replications.is_empty() {
            continue;
        }
        let plans = (setup(&of_a.scenario), setup(&of_b.scenario));
        if let Some(text) = shape_difference(&plans.0, &plans.1) {
            return Ok(Some(Difference::Shape(text)));
        }
        for replication in replications {
            let run_a = Run { plan: &plans.0, point: of_a, replication };
            let run_b = Run { plan: &plans.1, point: of_b, replication };
            let digests_of = |side: &Side, run: &Run<'_>| match side.digests(point, replication) {
                Some(recorded) => Ok(recorded.clone()),
                None => run.digests(),
            };
            let digests = (digests_of(side_a, &run_a)?, digests_of(side_b, &run_b)?);
            if digests.0 == digests.1 {
                continue;
            }
            let event = first_event(&run_a, &run_b, point)?;
            let differs = |(key, _): &(&(String, String), &String)| digests.0.get(*key) != digests.1.get(*key);
            let subject = digests.0.iter().chain(&digests.1).find(differs);
            let subject = subject.map_or_else(String::new, |((kind, path), _)| format!("{kind} {path}"));
            return Ok(event.or(Some(Difference::Recorded { point, replication, subject })));
        }
    }
    Ok(None)
}

fn shape_difference(a: &Plan, b: &Plan) -> Option<String> {
    let names = |plan: &Plan| (0..plan.graph().nodes()).map(|rank| plan.name(rank).to_owned()).collect::<Vec<_>>();
    let wires = |plan: &Plan| plan.wires().iter().map(|wire| wire.path.to_string()).collect::<Vec<_>>();
    let only = |these: Vec<String>, those: &[String]| these.into_iter().find(|name| !those.contains(name));
    for (noun, of_a, of_b) in [("node", names(a), names(b)), ("link", wires(a), wires(b))] {
        if let Some(name) = only(of_a.clone(), &of_b) {
            return Some(format!("{noun} `{name}` is in the first alone"));
        }
        if let Some(name) = only(of_b, &of_a) {
            return Some(format!("{noun} `{name}` is in the second alone"));
        }
    }
    None
}

/// One run of one of the two.
struct Run<'a> {
    plan: &'a Plan,
    point: &'a Point,
    replication: u64,
}

impl Run<'_> {
    fn world(&self) -> Result<Simulation<Element>, RunFailure> {
        Ok(build(self.plan, &self.point.scenario, self.replication, 1)?)
    }

    fn end(&self) -> SimTime {
        match self.point.scenario.until {
            End::Quiet => SimTime::MAX,
            End::After(span) => SimTime::ZERO + span,
        }
    }

    fn digests(&self) -> Result<Digests, RunFailure> {
        let mut world = self.world()?;
        let until = if self.end() == SimTime::MAX { Until::Quiet } else { Until::Time(self.end()) };
        world.run(until, &mut Sinks::deaf())?;
        let keyed = digests(&world)
            .into_iter()
            .map(|(kind, path, digest)| ((kind.0.to_owned(), path.to_string()), digest.to_string()));
        Ok(keyed.collect())
    }
}

/// Runs both side by side, instant by instant.
fn first_event(a: &Run<'_>, b: &Run<'_>, point: usize) -> Result<Option<Difference>, RunFailure> {
    let mut worlds = (a.world()?, b.world()?);
    let mut sinks = (Sinks::deaf(), Sinks::deaf());
    worlds.0.keep_log();
    worlds.1.keep_log();
    loop {
        // The start handlers run with the first step, so the first look may come before them.
        let next = |world: &mut Simulation<Element>, end: SimTime| world.next_event().filter(|at| *at <= end);
        let (at_a, at_b) = (next(&mut worlds.0, a.end()), next(&mut worlds.1, b.end()));
        let started = worlds.0.counts().events + worlds.1.counts().events > 0;
        let Some(at) = at_a.into_iter().chain(at_b).min() else {
            if started {
                return Ok(None);
            }
            let moved = (worlds.0.step(&mut sinks.0)?, worlds.1.step(&mut sinks.1)?);
            if moved == (false, false) {
                return Ok(None);
            }
            continue;
        };
        if at_a == Some(at) || !started {
            worlds.0.step(&mut sinks.0)?;
        }
        if at_b == Some(at) || !started {
            worlds.1.step(&mut sinks.1)?;
        }
        let (mut of_a, mut of_b) = (worlds.0.take_log(), worlds.1.take_log());
        of_a.sort_by_key(|happening| (happening.at, happening.subject));
        of_b.sort_by_key(|happening| (happening.at, happening.subject));
        if let Some((first_a, first_b)) = first_mismatch(&of_a, &of_b) {
            let which = first_a.or(first_b).map_or((at, None), |happening| (happening.at, Some(happening.subject)));
            return Ok(Some(Difference::Event {
                point,
                replication: a.replication,
                at: which.0,
                subject: which.1.map_or_else(String::new, |subject| describe(&worlds.0, subject)),
                in_a: first_a.map(|happening| happening.what.clone()),
                in_b: first_b.map(|happening| happening.what.clone()),
            }));
        }
    }
}

/// The first happening that the other log lacks or has with another chain, with its counterpart.
fn first_mismatch<'a>(
    a: &'a [Happening],
    b: &'a [Happening],
) -> Option<(Option<&'a Happening>, Option<&'a Happening>)> {
    let key = |happening: &Happening| (happening.at, happening.subject);
    let mut pairs = (a.iter().peekable(), b.iter().peekable());
    loop {
        match (pairs.0.peek().copied(), pairs.1.peek().copied()) {
            (None, None) => return None,
            (Some(of_a), Some(of_b)) if key(of_a) == key(of_b) => {
                if of_a.chain != of_b.chain {
                    return Some((Some(of_a), Some(of_b)));
                }
                pairs.0.next();
                pairs.1.next();
            }
            (Some(of_a), Some(of_b)) if key(of_a) < key(of_b) => return Some((Some(of_a), None)),
            (Some(of_a), None) => return Some((Some(of_a), None)),
            (_, of_b) => return Some((None, of_b)),
        }
    }
}

fn describe(world: &Simulation<Element>, subject: Subject) -> String {
    match subject {
        Subject::Wire(wire) => {
            let path = &world.wires()[wire.0 as usize].path;
            path.strip_prefix(CHANNEL).map_or_else(|| format!("link {path}"), |channel| format!("channel {channel}"))
        }
        Subject::Entity(entity) => match world.path(entity).strip_prefix(MEDIUM) {
            Some(medium) => format!("medium {medium}"),
            None => format!("node {}", world.path(entity)),
        },
    }
}
