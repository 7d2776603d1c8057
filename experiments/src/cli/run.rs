//! What the commands do.

use super::Ending;
use super::args::{LiveArgs, RunArgs, ScenarioArgs};
use super::dry_run::dry_run;
use super::keeping::Keeping;
use super::progress::Teller;
use super::subject::Subject;
use super::terminal::say;
use crate::live;
use crate::plan::is_plan;
use crate::results::{
    Basis, Owner, Partial, ShardManifest, ShardRuns, Summary, Written, check_expectations, claim, claim_for_part,
    holds_whole, summarise, write_part,
};
use crate::run::clock::Stopwatch;
use crate::run::{Kept, Options, Outputs, RunFailure, Runs, Selection, Stop, on_threads, run_some};
use crate::scenario::{Loaded, MOST_DRAWN, Request, library, load};
use crate::tree::suggest;
use protosim_core::Span;
use protosim_reports::diagram::MOST_LANES;
use protosim_reports::statistics::Confidence;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) fn run(args: &RunArgs, colours: bool) -> Result<Ending, String> {
    let stopwatch = Stopwatch::start();
    let mut teller = Teller::new(args.json, args.quiet);
    let ending = run_told(args, colours && !args.json, stopwatch, &mut teller);
    teller.done(ending, stopwatch.elapsed())
}

fn run_told(args: &RunArgs, colours: bool, stopwatch: Stopwatch, teller: &mut Teller) -> Result<Ending, String> {
    let subject = Subject::new(&args.scenario, &run_request(args)?, colours)?;
    let shard = subject.runs_of(args.shard)?;
    let (loaded, owner) = (Arc::new(subject.loaded), subject.owner);
    teller.warnings(&loaded.warnings);
    let (selection, mut partial) = select(args, &loaded, shard)?;
    check_ladder(args, &loaded, &selection)?;
    let name = match args.shard {
        Some(shard) => format!("{}.shard-{}-of-{}", loaded.name, shard.number, shard.of),
        None => loaded.name.clone(),
    };
    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from("results").join(name));
    let kept_in = Keeping::of(args, &folder);
    if args.dry_run {
        return dry_run(args, &loaded, &selection, &kept_in, teller);
    }
    let claim = if partial.reasons.is_empty() { claim } else { claim_for_part };
    claim(&folder, &owner, &loaded.scenario.title, args.force).map_err(|error| format!("error: {error}"))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let options = Options {
        jobs: args.jobs.map_or(cores, usize::from),
        threads: usize::from(args.threads),
        watched: selection.replication.unwrap_or_default(),
        capture: args.capture,
        ladder: args.ladder,
        events: args.events,
    };
    let store = kept_in.open(&loaded, &selection, teller)?;
    if let Some(runs) = &selection.shard {
        let manifest = ShardManifest::new(&loaded, runs);
        manifest.write(&folder, &loaded).map_err(|error| format!("error: {error}"))?;
    }
    let total = selection.runs(&loaded).len();
    let stop = stop_on_interrupt(!args.json);
    teller.started(&loaded, &options, total, &folder, &partial.reasons);
    let runs = run_some(&loaded, options, &selection, &stop, store, |run| teller.finished(&loaded, run));
    teller.finish_runs();
    let runs =
        runs.map_err(|error| format!("error: {error}\nhelp: what was run by then is kept; go on with --resume"))?;
    if runs.reused > 0 {
        teller.remark(format_args!("{} of {total} runs were there already", runs.reused));
    }
    if args.shard.is_some() {
        return Ok(ending_of_shard(teller, &runs, &folder));
    }
    // What is a mistake of this program leaves no results.
    if let Some(failed) = runs.failures.iter().find(|failed| !matches!(failed.failure, RunFailure::Run(_))) {
        return Err(format!("error: {failed}"));
    }
    for failed in &runs.failures {
        teller.failure(failed);
        partial.reasons.push(failed.to_string());
    }
    if runs.is_interrupted {
        let done = count(&runs.outputs);
        partial.reasons.push(format!("interrupted after {done} of {total} runs"));
    }
    let folder = folder_for(folder, (&owner, &loaded), &partial, args.force)?;
    let report = || report(teller, &loaded, &runs, &partial, &folder, stopwatch);
    let is_well = on_threads(options.jobs, report)?;
    if !runs.is_interrupted {
        kept_in.close();
    }
    Ok(match is_well {
        _ if runs.is_interrupted => Ending::Interrupted,
        _ if !runs.failures.is_empty() => Ending::Stopped,
        is_well => Ending::from(is_well),
    })
}

/// A shard has no results of its own: it says how far it came.
fn ending_of_shard(teller: &Teller, runs: &Runs<Kept>, folder: &Path) -> Ending {
    runs.failures.iter().for_each(|failed| teller.failure(failed));
    let (kept, folder) = (count(&runs.outputs), folder.display());
    if runs.is_interrupted {
        teller.note(&format!("{kept} runs are kept in {folder}; go on with --resume"));
        return Ending::Interrupted;
    }
    teller.remark(format_args!("{kept} runs are in {folder}; `protosim merge` makes results of all shards"));
    if runs.failures.is_empty() { Ending::Done } else { Ending::Stopped }
}

/// Writes results and says what came out. True if what was expected holds.
pub(super) fn report(
    teller: &Teller,
    loaded: &Loaded,
    runs: &Runs<Kept>,
    partial: &Partial,
    folder: &Path,
    stopwatch: Stopwatch,
) -> Result<bool, String> {
    let outputs = &runs.outputs;
    let confidence = Confidence::from_level(loaded.scenario.confidence.as_f64())
        .ok_or("error: there are no intervals of this confidence")?;
    let summary =
        summarise(loaded, outputs, confidence, Basis::Replications).map_err(|error| format!("error: {error}"))?;
    let written = write_part(folder, loaded, outputs, &summary, partial, || stopwatch.elapsed())
        .map_err(|error| format!("error: {error}"))?;
    let wide = too_wide(loaded, &summary).filter(|_| partial.reasons.is_empty());
    written.notes.iter().chain(&wide).for_each(|note| teller.note(note));
    // Of runs that are missing or cut short nothing was expected.
    let is_cut = runs.is_interrupted || !runs.failures.is_empty();
    let expectations = if is_cut { Ok(Vec::new()) } else { check_expectations(loaded, outputs, &summary) };
    let expectations = expectations.map_err(|error| format!("error: {error}"))?;
    if is_cut {
        teller.note(&format!("results are partial: {}", partial.reasons.join("; ")));
    }
    print_totals(teller, loaded, (outputs, &written), folder, stopwatch);
    for path in written.figures.iter().chain(&written.captures) {
        teller.remark(format_args!("  {}", path.display()));
    }
    teller.written(folder, &written.captures)?;
    teller.expectations(&expectations);
    Ok(expectations.iter().all(|outcome| outcome.holds))
}

/// What is to be known of points that have all replications that there may be, and are still not known as well as `sequential` asks for.
fn too_wide(loaded: &Loaded, summary: &Summary) -> Option<String> {
    let rule = loaded.scenario.sequential.as_ref()?;
    let subject = rule.subject()?;
    let is_wide =
        |point: &usize| summary.find(*point, &subject, rule.metric).is_none_or(|row| !rule.is_met(&row.estimate));
    let wide: Vec<String> = (0..loaded.points.len()).filter(is_wide).map(|point| point.to_string()).collect();
    let (first, more) = (wide.first()?, if wide.len() > 1 { ", …" } else { "" });
    let (points, all, most) = (wide.len(), loaded.points.len(), loaded.scenario.replications);
    Some(format!(
        "{points} of {all} points (point {first}{more}) are not known as well as `sequential` asks for, after at most {most} replications"
    ))
}

/// The scenario with what the arguments change.
fn run_request(args: &RunArgs) -> Result<Request, String> {
    let mut request = request(&args.scenario);
    if let Some(until) = &args.until {
        let span = until.parse::<Span>().map_err(|error| format!("error: --until: {error}"))?;
        request.set.push(format!("until=After(\"{span}\")"));
    }
    Ok(request)
}

/// Refuses a ladder with too many lanes, or too many ladders.
fn check_ladder(args: &RunArgs, loaded: &Loaded, selection: &Selection) -> Result<(), String> {
    if !args.ladder {
        return Ok(());
    }
    let nodes = loaded.scenario.nodes.len();
    if nodes > MOST_LANES {
        let help = "choose nodes in the scenario: `diagrams: [Ladder(name: \"ladder\", nodes: [\"…\", \"…\"])]`";
        return Err(format!(
            "error: --ladder: {nodes} nodes are too many lanes; it shows all nodes of up to {MOST_LANES}\nhelp: {help}"
        ));
    }
    if nodes < 2 {
        return Err("error: --ladder: there is one node alone; arrows go from one to another".to_owned());
    }
    let watched = selection.replication.unwrap_or_default();
    let points = selection.runs(loaded).iter().filter(|(_, replication)| *replication == watched).count();
    if points > MOST_DRAWN {
        return Err(format!("error: --ladder: it would be drawn for {points} points; choose one with --point"));
    }
    Ok(())
}

/// Which runs the arguments choose, and why results are partial then.
fn select(args: &RunArgs, loaded: &Loaded, shard: Option<ShardRuns>) -> Result<(Selection, Partial), String> {
    let selection = Selection { point: args.point, replication: args.rep, variant: args.variant.clone(), shard };
    let last = loaded.points.len().saturating_sub(1);
    if let Some(point) = selection.point.filter(|point| *point > last) {
        return Err(format!("error: --point: there is no point {point}; points are numbered from 0 to {last}"));
    }
    let last = loaded.scenario.replications.saturating_sub(1);
    if let Some(replication) = selection.replication.filter(|replication| *replication > last) {
        let numbers = format!("replications are numbered from 0 to {last}");
        return Err(format!("error: --rep: there is no replication {replication}; {numbers}"));
    }
    let variants = || loaded.scenario.variants.iter().map(|variant| variant.name.as_str());
    if let Some(name) = selection.variant.as_deref().filter(|name| !variants().any(|known| known == *name)) {
        let help = match suggest(name, variants()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if loaded.scenario.variants.is_empty() => "the scenario has no variants".to_owned(),
            None => format!("variants are: {}", variants().collect::<Vec<_>>().join(", ")),
        };
        return Err(format!("error: --variant: there is no variant `{name}`; {help}"));
    }
    if selection.runs(loaded).is_empty() && selection.shard.is_none() {
        let own = selection.point.and_then(|point| loaded.points[point].variant.clone()).unwrap_or_default();
        return Err(format!("error: --point and --variant exclude each other: that point is of variant `{own}`"));
    }
    let until = args.until.iter().map(|until| Selection::ends_at(until));
    let reasons = selection.reasons().into_iter().chain(until).collect();
    Ok((selection, Partial { reasons }))
}

/// Where results go: partial ones do not take the place of whole ones, and are put beside them.
fn folder_for(
    folder: PathBuf,
    (owner, loaded): (&Owner, &Loaded),
    partial: &Partial,
    force: bool,
) -> Result<PathBuf, String> {
    if partial.reasons.is_empty() || force || !holds_whole(&folder) {
        return Ok(folder);
    }
    let mut beside = folder.into_os_string();
    beside.push(".partial");
    let beside = PathBuf::from(beside);
    claim(&beside, owner, &loaded.scenario.title, force).map_err(|error| format!("error: {error}"))?;
    Ok(beside)
}

/// The first Ctrl-C stops the runs, so that what is finished is written; a second one ends the process at once.
pub(super) fn stop_on_interrupt(is_told: bool) -> Stop {
    let stop = Stop::default();
    let by_signal = stop.clone();
    let handler = move || {
        if by_signal.is_wanted() {
            std::process::exit(i32::from(super::INTERRUPTED));
        }
        if is_told {
            eprintln!("interrupted: writing what is finished; press Ctrl-C again to end at once");
        }
        by_signal.stop();
    };
    // Where there is no such signal, or someone else handles it, Ctrl-C does what it does.
    let _ = ctrlc::set_handler(handler);
    stop
}

fn print_totals(
    teller: &Teller,
    loaded: &Loaded,
    (outputs, written): (&Kept, &Written),
    folder: &Path,
    stopwatch: Stopwatch,
) {
    let (runs, seconds) = (count(outputs), stopwatch.elapsed().as_secs_f64());
    let (hops, loop_seconds) = (written.packet_hops, written.simulation.as_secs_f64());
    teller.remark(format_args!(
        "{runs} runs, {hops} packet-hops in {loop_seconds:.2} s of simulation, {seconds:.2} s in all"
    ));
    teller.remark(format_args!("results of {} are in {}:", loaded.name, folder.display()));
}

fn count(outputs: &Kept) -> usize {
    (0..outputs.points()).map(|point| outputs.count(point)).sum()
}

pub(super) fn check(args: &ScenarioArgs, colours: bool) -> Result<bool, String> {
    if is_plan(&args.scenario) {
        return Err(format!(
            "error: `{}` is a plan, and scenarios alone are checked\nhelp: what its runs cost says `protosim run {} --shard I/N --dry-run`",
            args.scenario, args.scenario
        ));
    }
    let loaded = load(&request(args), colours)?;
    eprint!("{}", loaded.warnings);
    let points = loaded.points.len();
    say(format_args!("{}: no mistakes; {points} points x {} replications", loaded.name, loaded.scenario.replications));
    Ok(true)
}

pub(super) fn list() {
    for shipped in library::SHIPPED {
        let request = Request { scenario: shipped.name.to_owned(), ..Request::default() };
        // Shipped scenarios are read by a test; one that does not is still listed.
        let title = load(&request, false).map_or_else(|_| String::new(), |loaded| loaded.scenario.title);
        say(format_args!("{:<16} {title}", shipped.name));
    }
}

pub(super) fn live(args: &LiveArgs, colours: bool) -> Result<bool, String> {
    let app = live::parse_app(&args.app, colours)?;
    let duration = args.duration.as_deref().map(str::parse).transpose();
    let duration = duration.map_err(|error| format!("error: --for: {error}"))?;
    let without =
        |option| format!("error: {option}: the application has no `tls` or `dtls` with certificates of its own");
    let write = |path: &Path, text: String| {
        std::fs::write(path, text).map_err(|error| format!("error: cannot write {}: {error}", path.display()))
    };
    if let Some(path) = &args.root {
        write(path, live::root_as_pem(&app).ok_or_else(|| without("--root"))?)?;
    }
    let options = live::Options { bind: args.bind, duration, seed: args.seed, keeps_secrets: args.keys.is_some() };
    let outcome = live::run(&app, options, say).map_err(|error| format!("error: {error}"))?;
    if let Some(path) = &args.keys {
        write(path, outcome.secrets.iter().map(|line| format!("{line}\n")).collect())?;
    }
    say(format_args!("{} exchanges, {} answered", outcome.exchanges, outcome.answered));
    for total in &outcome.totals {
        say(format_args!("{}: {}", total.name, total.value));
    }
    Ok(outcome.exchanges == outcome.answered + outcome.unwanted)
}

pub(super) fn request(args: &ScenarioArgs) -> Request {
    Request { scenario: args.scenario.clone(), set: args.set.clone(), seed: args.seed }
}
