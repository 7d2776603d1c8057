//! `protosim diff A B`: in words, what differs between two folders of results or scenarios.

use super::args::DiffArgs;
use super::terminal::say;
use crate::diff::metrics::{self, Comparison, Experiment, MetricDifference, Samples};
use crate::diff::{Difference, Manifest, Side, common_runs, compare, configuration, from_results};
use crate::scenario::{Loaded, Request, load};
use std::path::Path;

/// So many lines of a kind, without `--all`.
const FEW: usize = 10;
/// So many characters of a value, without `--all`.
const SHORT: usize = 60;

/// True if all runs agree in every event.
pub(super) fn diff(args: &DiffArgs, colours: bool) -> Result<bool, String> {
    let a = scenario_or_results(&args.a, colours)?;
    let b = scenario_or_results(&args.b, colours)?;
    for (name, side) in [(&args.a, &a), (&args.b, &b)] {
        eprint!("{}", side.loaded.warnings);
        if side.is_of_another_build() {
            eprintln!("warning: the results in `{name}` were made by another build of protosim than this one");
        }
    }
    say(format_args!("A is {}, B is {}", args.a, args.b));
    say_origins(&a, &b);
    say_fields(args, &a, &b);
    let difference = compare(&a, &b).map_err(|error| format!("error: {error}"))?;
    // The same events are other metrics where another part of the run counts.
    if difference.is_some() || a.resolved() != b.resolved() {
        say_metrics(args, &a, &b)?;
    }
    match difference {
        None => {
            say(format_args!("no difference: {} runs agree in every event", common_runs(&a, &b).len()));
            say_runs_of_one(&a, &b);
            Ok(true)
        }
        Some(difference) => {
            say_runs_of_one(&a, &b);
            say_event(&difference);
            Ok(false)
        }
    }
}

/// A scenario, or the one that a folder of results was made from.
fn scenario_or_results(what: &str, colours: bool) -> Result<Side, String> {
    let folder = Path::new(what);
    if folder.is_dir() {
        return from_results(folder, colours);
    }
    let loaded = load(&Request { scenario: what.to_owned(), ..Request::default() }, colours)?;
    Ok(Side::to_run(loaded))
}

/// What made them, and which part of the experiment they are of.
fn say_origins(a: &Side, b: &Side) {
    let build = |side: &Side| side.manifest().map_or_else(crate::diff::this_build, Manifest::build);
    if build(a) != build(b) {
        say(format_args!("builds: {} in A, {} in B", build(a), build(b)));
    }
    for (name, side) in [("A", a), ("B", b)] {
        let reasons = side.manifest().map(Manifest::reasons).unwrap_or_default();
        if !reasons.is_empty() {
            say(format_args!("{name} is of a part of the experiment: {}", reasons.join("; ")));
        }
    }
    let inputs = |side: &Side| match side.manifest() {
        Some(manifest) => manifest.inputs().clone(),
        None => serde_json::to_value(&side.loaded.inputs.hashes).unwrap_or_default(),
    };
    for field in configuration::differences(&inputs(a), &inputs(b)) {
        let words = if field.in_a.is_some() && field.in_b.is_some() { "has other content" } else { "is of one alone" };
        say(format_args!("files: `{}` {words}", field.path));
    }
}

fn say_fields(args: &DiffArgs, a: &Side, b: &Side) {
    let fields = configuration::differences(&a.resolved(), &b.resolved());
    if fields.is_empty() {
        return say("configuration: the same");
    }
    say(format_args!("configuration: {}", count(fields.len(), "field differs", "fields differ")));
    let most = if args.all { fields.len() } else { FEW };
    for field in fields.iter().take(most) {
        let value = |value: &Option<String>, side: &str| match value {
            Some(value) => format!("{} in {side}", shortened(value, args.all)),
            None if field.is_element => format!("not in {side}"),
            None => format!("the default in {side}"),
        };
        let more = match field.more {
            0 => String::new(),
            more => format!(", and so in {more} more like it"),
        };
        say(format_args!("  {}: {}, {}{more}", field.path, value(&field.in_a, "A"), value(&field.in_b, "B")));
    }
    say_rest(fields.len(), most);
}

fn shortened(text: &str, is_whole: bool) -> String {
    match text.char_indices().nth(SHORT) {
        Some((cut, _)) if !is_whole => format!("{}…", &text[..cut]),
        _ => text.to_owned(),
    }
}

fn say_rest(all: usize, told: usize) {
    if all > told {
        say(format_args!("  and {} more: --all lists them", all - told));
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn say_metrics(args: &DiffArgs, a: &Side, b: &Side) -> Result<(), String> {
    let samples = (samples(args, a)?, samples(args, b)?);
    let (Some(of_a), Some(of_b)) = samples else {
        say("metrics: not compared, since one of the two has no tables: --run runs both");
        return Ok(());
    };
    let of_a = Experiment { loaded: &a.loaded, samples: &of_a };
    let found = metrics::compare(of_a, Experiment { loaded: &b.loaded, samples: &of_b });
    say_tested(args, &a.loaded, &found);
    let list = |noun: &str, differences: &[MetricDifference]| {
        if !differences.is_empty() {
            say(format_args!("metrics: {} {noun}", differences.len()));
            say_differences(args, &a.loaded, differences);
        }
    };
    list("differ by the same in every replication: no chance, or too few replications", &found.constant);
    list("differ, of a single replication, which says nothing of noise", &found.untested);
    if found.unrecorded > 0 {
        let what = "no table has single replications of them: --run runs both";
        say(format_args!("metrics: {} of links, sinks or connections not compared, since {what}", found.unrecorded));
    }
    if found.unmatched > 0 {
        say(format_args!(
            "metrics: {} not compared, since one side alone has them: its points, its applications, its answers",
            found.unmatched
        ));
    }
    Ok(())
}

fn say_tested(args: &DiffArgs, a: &Loaded, found: &Comparison) {
    if found.tested == 0 {
        return;
    }
    let replications = match found.replications {
        (least, most) if least == most => format!("{most}"),
        (least, most) => format!("{least} to {most}"),
    };
    let test = match found.is_paired {
        true => format!("paired t test of {replications} replications on the same luck"),
        false => format!("Welch's t test of {replications} replications, since the seeds differ"),
    };
    say(format_args!("metrics: {} of {} differ beyond noise ({test})", found.beyond.len(), found.tested));
    say_differences(args, a, &found.beyond);
}

fn say_differences(args: &DiffArgs, a: &Loaded, differences: &[MetricDifference]) {
    let most = if args.all { differences.len() } else { FEW };
    differences.iter().take(most).for_each(|difference| say(format_args!("  {}", difference.words(a))));
    say_rest(differences.len(), most);
}

/// The values of replications; `None` for a scenario that is not to run, and for a folder whose tables are gone.
fn samples(args: &DiffArgs, side: &Side) -> Result<Option<Samples>, String> {
    if args.run {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let samples = Samples::from_runs(&side.loaded, args.jobs.map_or(cores, usize::from));
        return samples.map(Some);
    }
    let has_tables = |manifest: &&Manifest| {
        ["summary.csv", "exchanges.csv"].into_iter().all(|name| manifest.folder().join(name).is_file())
    };
    side.manifest().filter(has_tables).map(|manifest| Samples::from_tables(manifest, &side.loaded)).transpose()
}

/// Runs that only one of them has are not compared.
fn say_runs_of_one(a: &Side, b: &Side) {
    let common = common_runs(a, b).len();
    let rest = a.runs().len().max(b.runs().len()).saturating_sub(common);
    if common > 0 && rest > 0 {
        say(format_args!("{} not compared: of one side alone", count(rest, "run", "runs")));
    }
}

/// The first thing in which they differ.
pub(super) fn say_event(difference: &Difference) {
    match difference {
        Difference::Shape(text) => say(text),
        Difference::Event { point, replication, at, subject, in_a, in_b } => {
            let words = |what: &Option<String>| what.clone().unwrap_or_else(|| "nothing happens".to_owned());
            say(format_args!("first difference in point {point}, replication {replication}:"));
            say(format_args!("  at {at}"));
            say(format_args!("  {subject}"));
            say(format_args!("  A: {}", words(in_a)));
            say(format_args!("  B: {}", words(in_b)));
        }
        Difference::Recorded { point, replication, subject } => {
            say(format_args!("first difference in point {point}, replication {replication}:"));
            say(format_args!("  the recorded digests of {subject} differ, but this build runs both alike:"));
            say("  at least one of the two was made by another program, or changed since");
        }
    }
}
