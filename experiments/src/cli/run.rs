//! What the commands do.

use super::args::{DiffArgs, LiveArgs, RunArgs, ScenarioArgs};
use super::terminal::{Progress, remark, say};
use crate::diff::{self, Difference, Side};
use crate::live;
use crate::results::{Basis, Owner, check_expectations, claim, summarise, write};
use crate::run::clock::Stopwatch;
use crate::run::{Options, RunOutput, run_all};
use crate::scenario::{Loaded, Request, library, load};
use protosim_reports::statistics::Confidence;
use std::path::{Path, PathBuf};

pub(super) fn run(args: &RunArgs, colours: bool) -> Result<bool, String> {
    let stopwatch = Stopwatch::start();
    let loaded = load(&request(&args.scenario), colours)?;
    eprint!("{}", loaded.warnings);
    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from("results").join(&loaded.name));
    let confidence = Confidence::from_level(loaded.scenario.confidence.as_f64())
        .ok_or("error: there are no intervals of this confidence")?;
    let owner = Owner::new(&loaded.name, &args.scenario.scenario);
    claim(&folder, &owner, &loaded.scenario.title, args.force).map_err(|error| format!("error: {error}"))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let options = Options {
        jobs: args.jobs.map_or(cores, usize::from),
        threads: usize::from(args.threads),
        capture: args.capture,
    };
    let runs = loaded.points.len() as u64 * loaded.scenario.replications;
    if !args.quiet {
        remark(format_args!("{}: {}", loaded.name, loaded.scenario.title));
        remark(format_args!(
            "{} points x {} replications, seed {}",
            loaded.points.len(),
            loaded.scenario.replications,
            loaded.scenario.seed
        ));
    }
    let progress = Progress::new(runs, args.quiet);
    let outputs = run_all(&loaded, options, || progress.step());
    progress.finish();
    let outputs = outputs.map_err(|error| format!("error: {error}"))?;
    let summary = summarise(&loaded, &outputs, confidence, Basis::Replications);
    let written = write(&folder, &loaded, &outputs, &summary, || stopwatch.elapsed())
        .map_err(|error| format!("error: {error}"))?;
    for note in &written.notes {
        eprintln!("note: {note}");
    }
    let expectations = check_expectations(&loaded, &outputs, &summary);
    if !args.quiet {
        print_totals(&loaded, &outputs, &folder, stopwatch);
        for path in written.figures.iter().chain(&written.captures) {
            remark(format_args!("  {}", path.display()));
        }
        for outcome in expectations.iter().filter(|outcome| outcome.holds) {
            remark(&outcome.text);
        }
    }
    for outcome in expectations.iter().filter(|outcome| !outcome.holds) {
        eprintln!("{}", outcome.text);
    }
    Ok(expectations.iter().all(|outcome| outcome.holds))
}

fn print_totals(loaded: &Loaded, outputs: &[Vec<RunOutput>], folder: &Path, stopwatch: Stopwatch) {
    let all = || outputs.iter().flatten();
    let hops: u64 = all().map(|run| run.log.packet_hops).sum();
    let loop_seconds: f64 = all().map(|run| run.log.wall.as_secs_f64()).sum();
    let seconds = stopwatch.elapsed().as_secs_f64();
    let runs = outputs.iter().map(Vec::len).sum::<usize>();
    remark(format_args!("{runs} runs, {hops} packet-hops in {loop_seconds:.2} s of simulation, {seconds:.2} s in all"));
    remark(format_args!("results of {} are in {}:", loaded.name, folder.display()));
}

pub(super) fn check(args: &ScenarioArgs, colours: bool) -> Result<bool, String> {
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

pub(super) fn diff(args: &DiffArgs, colours: bool) -> Result<bool, String> {
    let a = scenario_or_results(&args.a, colours)?;
    let b = scenario_or_results(&args.b, colours)?;
    for (name, side) in [(&args.a, &a), (&args.b, &b)] {
        eprint!("{}", side.loaded.warnings);
        if side.is_of_another_build() {
            eprintln!("warning: the results in `{name}` were made by another build of protosim than this one");
        }
    }
    match diff::compare(&a, &b).map_err(|error| format!("error: {error}"))? {
        None => {
            let runs = a.loaded.points.len() as u64 * a.loaded.scenario.replications;
            say(format_args!("no difference: {runs} runs agree in every event"));
            Ok(true)
        }
        Some(difference) => {
            print_difference(&args.a, &args.b, &difference);
            Ok(false)
        }
    }
}

fn print_difference(a: &str, b: &str, difference: &Difference) {
    match difference {
        Difference::Shape(text) => say(text),
        Difference::Event { point, replication, at, subject, in_a, in_b } => {
            let words = |what: &Option<String>| what.clone().unwrap_or_else(|| "nothing happens".to_owned());
            say(format_args!("first difference in point {point}, replication {replication}:"));
            say(format_args!("  at {at}"));
            say(format_args!("  {subject}"));
            say(format_args!("  {a}: {}", words(in_a)));
            say(format_args!("  {b}: {}", words(in_b)));
        }
        Difference::Recorded { point, replication, subject } => {
            say(format_args!("first difference in point {point}, replication {replication}:"));
            say(format_args!("  the recorded digests of {subject} differ, but this build runs both alike:"));
            say("  at least one of the two was made by another program, or changed since");
        }
    }
}

/// A scenario, or the one that a folder of results was made from.
fn scenario_or_results(what: &str, colours: bool) -> Result<Side, String> {
    let folder = Path::new(what);
    if folder.is_dir() {
        return diff::from_results(folder, colours);
    }
    let loaded = load(&Request { scenario: what.to_owned(), ..Request::default() }, colours)?;
    Ok(Side::to_run(loaded))
}

pub(super) fn live(args: &LiveArgs, colours: bool) -> Result<bool, String> {
    let app = live::parse_app(&args.app, colours)?;
    let duration = args.duration.as_deref().map(str::parse).transpose();
    let duration = duration.map_err(|error| format!("error: --for: {error}"))?;
    let options = live::Options { bind: args.bind, duration, seed: args.seed };
    let outcome = live::run(&app, options, say).map_err(|error| format!("error: {error}"))?;
    say(format_args!("{} exchanges, {} answered", outcome.exchanges, outcome.answered));
    for total in &outcome.totals {
        say(format_args!("{}: {}", total.name, total.value));
    }
    Ok(outcome.exchanges == outcome.answered)
}

fn request(args: &ScenarioArgs) -> Request {
    Request { scenario: args.scenario.clone(), set: args.set.clone(), seed: args.seed }
}
