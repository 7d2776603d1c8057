//! `protosim run --dry-run`: the points, and what all runs would cost. Trial runs go nowhere, and no folder is made.

use super::Ending;
use super::args::RunArgs;
use super::keeping::Keeping;
use super::progress::{Cost, Teller};
use super::words::{duration, memory, size};
use crate::plan::{Estimate, PointCost};
use crate::run::{Kept, Outputs, Selection};
use crate::scenario::Loaded;
use crate::store::{Store, keys};
use std::collections::BTreeMap;

/// People are shown all of so many points; of more the first and the last ones.
const MOST_SHOWN: usize = 40;
/// So many at each end.
const SHOWN: usize = 15;

pub(super) fn dry_run(
    args: &RunArgs,
    loaded: &Loaded,
    selection: &Selection,
    kept_in: &Keeping,
    teller: &Teller,
) -> Result<Ending, String> {
    let reused = reused(loaded, selection, kept_in, teller)?;
    let wanted: Vec<(usize, u64)> = reused.iter().map(|(point, (all, known))| (*point, all - known)).collect();
    let threads = usize::from(args.threads);
    let estimate =
        Estimate::of(loaded, &wanted, threads).map_err(|failure| format!("error: a trial run: {failure}"))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.map_or(cores, usize::from);
    // More at once than there are cores are no faster.
    let at_once = jobs.min((cores / threads).max(1));
    let known = |point: &PointCost| reused.get(&point.point).map_or(0, |(_, known)| *known);
    let cost = Cost {
        estimate: &estimate,
        reused: reused.values().map(|(_, known)| known).sum(),
        wall_s: estimate.seconds_with(at_once),
        jobs,
        threads,
    };
    if teller.is_program() {
        estimate.points.iter().for_each(|point| teller.point(loaded, point, known(point)));
        teller.cost(loaded, &cost);
        return Ok(Ending::Done);
    }
    say(teller, loaded, selection, &cost, &known);
    if loaded.scenario.sequential.is_some() {
        teller.note("these are the most replications that there may be: `sequential` stops a point as soon as it is known well enough");
    }
    if loaded.scenario.fork_at.is_some() {
        teller.note("each run is taken to be made from its start: `fork_at` makes what points share once");
    }
    if args.capture || args.ladder || args.events {
        teller.note("what captures, ladders and event logs take is not in the estimate");
    }
    Ok(Ending::Done)
}

/// Of each point how many runs are asked for, and how many of these are there already.
fn reused(
    loaded: &Loaded,
    selection: &Selection,
    kept_in: &Keeping,
    teller: &Teller,
) -> Result<BTreeMap<usize, (u64, u64)>, String> {
    let store = kept_in.known(teller)?;
    let runs = selection.runs(loaded);
    if loaded.scenario.sequential.is_some() && !store.is_empty() {
        return reused_of_sequential(loaded, selection, store);
    }
    let mut points: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
    for (point, _) in &runs {
        points.entry(*point).or_default().0 += 1;
    }
    if !store.is_empty() {
        for ((point, _), key) in runs.iter().zip(keys(loaded, &runs)) {
            points.entry(*point).or_default().1 += u64::from(store.contains(&key));
        }
    }
    Ok(points)
}

/// The same where replications are sequential: a point that is known well enough wants no more, another one all that there may be.
fn reused_of_sequential(
    loaded: &Loaded,
    selection: &Selection,
    store: Store,
) -> Result<BTreeMap<usize, (u64, u64)>, String> {
    let (kept, missing) = Kept::of_selected(store, loaded, selection).map_err(|error| format!("error: {error}"))?;
    let is_open = |point: usize| missing.iter().any(|(other, _)| *other == point);
    let mut points = BTreeMap::new();
    for (point, _) in selection.runs(loaded) {
        let known = kept.count(point) as u64;
        points
            .entry(point)
            .or_insert_with(|| (if is_open(point) { loaded.scenario.replications } else { known }, known));
    }
    Ok(points)
}

fn say(teller: &Teller, loaded: &Loaded, selection: &Selection, cost: &Cost<'_>, known: &dyn Fn(&PointCost) -> u64) {
    let (scenario, estimate) = (&loaded.scenario, cost.estimate);
    teller.remark(format_args!("{}: {}", loaded.name, scenario.title));
    let (points, replications, seed) = (loaded.points.len(), scenario.replications, scenario.seed);
    teller.remark(format_args!("{points} points x {replications} replications, seed {seed}"));
    selection.reasons().iter().for_each(|reason| teller.remark(format_args!("{reason}")));
    if let Some(shard) = &selection.shard {
        teller.remark(format_args!("shard {} alone", shard.shard()));
    }
    for line in table(loaded, estimate, cost.reused > 0, known) {
        teller.remark(format_args!("{line}"));
    }
    let bound = if estimate.is_at_least() { "at least" } else { "about" };
    let there = match cost.reused {
        0 => String::new(),
        reused => format!(" ({reused} more are there already, and cost nothing)"),
    };
    let (all, wall) = (duration(estimate.seconds()), duration(cost.wall_s));
    let jobs = cost.jobs;
    teller.remark(format_args!(
        "{} runs{there}: {bound} {all} one after the other, {wall} with --jobs {jobs}",
        estimate.runs()
    ));
    if let Some(used) = estimate.memory {
        let (program, run) = (memory(used.program_bytes), memory(used.run_bytes));
        teller.remark(format_args!(
            "memory while runs are made: about {program} for the program, and {run} for each run at once"
        ));
    }
    if estimate.runs() > 0 {
        teller.remark(format_args!("disk: {bound} {} for the journal of these runs", size(estimate.bytes())));
    }
    teller.remark(format_args!("estimated {}", estimate.basis()));
}

/// The points, one a line; many are cut in the middle.
fn table(loaded: &Loaded, estimate: &Estimate, is_reused: bool, known: &dyn Fn(&PointCost) -> u64) -> Vec<String> {
    let texts = texts(loaded);
    let row = |cost: &PointCost| {
        let point = &loaded.points[cost.point];
        let values = point.values.iter().zip(&texts).map(|(value, texts)| match texts.get(&value.to_bits()) {
            Some(text) => text.clone(),
            None => value.to_string(),
        });
        let known = known(cost);
        let each = match (cost.runs, cost.is_at_least) {
            (0, _) => "-".to_owned(),
            (_, true) => format!("at least {}", duration(cost.seconds)),
            (_, false) => duration(cost.seconds),
        };
        let mut cells = vec![cost.point.to_string()];
        cells.extend(point.variant.clone());
        cells.extend(values);
        cells.push((cost.runs + known).to_string());
        cells.extend(is_reused.then(|| known.to_string()));
        cells.push(each);
        cells
    };
    let mut head = vec!["point".to_owned()];
    head.extend((!loaded.scenario.variants.is_empty()).then(|| "variant".to_owned()));
    head.extend(loaded.scenario.axes.iter().map(|axis| axis.name.clone()));
    head.push("runs".to_owned());
    head.extend(is_reused.then(|| "there already".to_owned()));
    head.push("each takes".to_owned());
    let points = &estimate.points;
    let cut = if points.len() > MOST_SHOWN { points.len() - 2 * SHOWN } else { 0 };
    let shown = |index: &usize| cut == 0 || *index < SHOWN || *index >= points.len() - SHOWN;
    let rows: Vec<Vec<String>> =
        [head].into_iter().chain((0..points.len()).filter(shown).map(|index| row(&points[index]))).collect();
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}"));
        cells.collect::<Vec<_>>().join("  ")
    };
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    if cut > 0 {
        lines.insert(1 + SHOWN, format!("  … {cut} more points; --json lists them all"));
    }
    lines
}

/// For each axis, its values as they are written, by their numbers.
fn texts(loaded: &Loaded) -> Vec<BTreeMap<u64, String>> {
    let of_axis = |values: &Vec<crate::scenario::AxisValue>| {
        values.iter().filter_map(|value| Some((value.number()?.0.to_bits(), value.text()))).collect()
    };
    loaded.scenario.values_of_axes().iter().map(of_axis).collect()
}
