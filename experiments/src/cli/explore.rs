//! `protosim explore`: looks for a run that breaks what must hold in each, and for the shortest schedule of faults that does it.

use super::Ending;
use super::args::ExploreArgs;
use super::run::{request, stop_on_interrupt};
use super::terminal::{Progress, say};
use super::words::duration;
use crate::explore::{Explored, Found, Shrunk, Wanted, explorable, explore as search, shrink};
use crate::run::clock::Stopwatch;
use crate::run::on_threads;
use crate::scenario::{AxisSpec, Loaded, load};
use crate::tree::{Diagnostics, Kind, Sources, Tree};
use protosim_topologies::TimelineEvent;
use protosim_topologies::faults::events;
use std::path::{Path, PathBuf};

pub(super) fn explore(args: &ExploreArgs, colours: bool) -> Result<Ending, String> {
    if let Some(file) = args.save.as_ref().filter(|file| !args.force && file.exists()) {
        let help = "name another one, or say --force";
        return Err(format!("error: --save: `{}` is there already\nhelp: {help}\n", file.display()));
    }
    let loaded = load(&request(&args.scenario), colours)?;
    eprint!("{}", loaded.warnings);
    let wanted = Wanted { points: points(args, &loaded)?, runs: args.runs, first: args.first };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let stop = stop_on_interrupt(false);
    let (stopwatch, progress) = (Stopwatch::start(), Progress::new(args.runs, args.quiet));
    let explored =
        on_threads(args.jobs.map_or(cores, usize::from), || search(&loaded, &wanted, &stop, || progress.step()));
    progress.finish();
    let took = duration(stopwatch.elapsed().as_secs_f64());
    match explored {
        Explored::Nothing { runs, faults, is_interrupted } => {
            if !args.quiet {
                let of =
                    if wanted.points.len() > 1 { format!(" of {} points", wanted.points.len()) } else { String::new() };
                let seed = loaded.scenario.seed;
                say(format_args!("nothing is broken in {runs} runs{of} with {faults} faults, seed {seed}, in {took}"));
            }
            Ok(if is_interrupted { Ending::Interrupted } else { Ending::Done })
        }
        Explored::Found(found) => {
            let shrunk = shrink(&loaded, &found, &stop);
            tell(args, &loaded, &found, &shrunk)?;
            Ok(Ending::Wanting)
        }
    }
}

/// The points to look at.
fn points(args: &ExploreArgs, loaded: &Loaded) -> Result<Vec<usize>, String> {
    let all = explorable(loaded);
    if all.is_empty() {
        let help = "say what must, as in `expect: [(app: \"panel\", metric: Total(\"lost_exactly_once\"), must: BeAtMost(\"0\"), in_each_run: true)]`";
        return Err(format!("error: nothing must hold in each run of `{}`\nhelp: {help}\n", loaded.name));
    }
    let is_wanted = |point: &usize| {
        args.point.is_none_or(|wanted| wanted == *point)
            && (args.variant.is_none() || loaded.points[*point].variant == args.variant)
    };
    let wanted: Vec<usize> = all.iter().copied().filter(is_wanted).collect();
    if wanted.is_empty() {
        let known: Vec<String> = all
            .iter()
            .map(|point| match named(loaded, *point) {
                name if name.is_empty() => point.to_string(),
                name => format!("{point} ({name})"),
            })
            .collect();
        return Err(format!(
            "error: nothing must hold in each run of what --point and --variant choose\nhelp: points that have such are {}\n",
            known.join(", ")
        ));
    }
    Ok(wanted)
}

/// The variant and values of a point, in words.
fn named(loaded: &Loaded, point: usize) -> String {
    let own = &loaded.points[point];
    let value = |(axis, value): (&AxisSpec, &f64)| match axis.case_name(*value) {
        Some(case) => format!("{}: {case}", axis.name),
        None => format!("{}: {value}", axis.name),
    };
    let values = loaded.scenario.axes.iter().zip(&own.values).map(value);
    own.variant.clone().into_iter().chain(values).collect::<Vec<_>>().join(", ")
}

/// What was found, and how to make it again.
fn tell(args: &ExploreArgs, loaded: &Loaded, found: &Found, shrunk: &Shrunk) -> Result<(), String> {
    let Found { before, point, replication, .. } = found;
    let named = named(loaded, *point);
    let named = if named.is_empty() { named } else { format!(" ({named})") };
    let seed = loaded.scenario.seed;
    say(format_args!(
        "BROKEN in run {before}, the first of them: point {point}{named}, seed {seed}, replication {replication}"
    ));
    found.broken.iter().for_each(|text| say(format_args!("  {text}")));
    let (few, all) = (shrunk.faults.len(), found.faults.len());
    if all > 0 {
        say(format_args!(
            "The shortest schedule that was found to do it has {few} of its {all} faults ({} runs):",
            shrunk.tries
        ));
        timeline(&events(&shrunk.faults)).lines().for_each(|line| say(format_args!("  {line}")));
        shrunk.broken.iter().for_each(|text| say(format_args!("  {text}")));
    }
    let file = args.save.clone().unwrap_or_else(|| free(&format!("{}-{replication}", loaded.name)));
    save(args, loaded, (found, shrunk), &file)?;
    let variant = if loaded.points.len() > 1 { format!(" --point {point}") } else { String::new() };
    say(format_args!("It is a scenario in {}:", file.display()));
    say(format_args!("  protosim run {}{variant} --rep {replication} --ladder --events --capture", file.display()));
    Ok(())
}

/// A file of this name, with a number if need be, that is not there.
fn free(name: &str) -> PathBuf {
    let numbered = |number: u32| format!("{name}-{number}.ron");
    let mut names = std::iter::once(format!("{name}.ron")).chain((2..).map(numbered)).map(PathBuf::from);
    names.find(|file| !file.exists()).unwrap_or_else(|| format!("{name}.ron").into())
}

/// Events as they stand in a scenario, one on each line.
fn timeline(events: &[TimelineEvent]) -> String {
    let line = |event: &TimelineEvent| {
        let of = match (event.of_link(), event.of_node()) {
            (Some(link), _) => format!("link: \"{link}\""),
            (_, node) => format!("node: \"{}\"", node.unwrap_or_default()),
        };
        format!("(at: \"{}\", {of}, up: {}),", event.at, event.up.unwrap_or_default())
    };
    events.iter().map(|event| line(event) + "\n").collect()
}

/// Writes the scenario with the shortest schedule in its timeline, and no faults at random.
fn save(args: &ExploreArgs, loaded: &Loaded, (found, shrunk): (&Found, &Shrunk), file: &Path) -> Result<(), String> {
    let tree = Tree::parse(&mut Sources::default(), "scenario", &loaded.text, &mut Diagnostics::default());
    let own = match tree.root.field("timeline").map(|timeline| &timeline.kind) {
        Some(Kind::List(events)) => events.iter().map(|event| event.to_ron() + ", ").collect(),
        _ => String::new(),
    };
    let mut request = request(&args.scenario);
    request.set.push(format!("timeline=[{own}{}]", timeline(&events(&shrunk.faults)).replace('\n', " ")));
    request.set.push("faults=[]".to_owned());
    request.set.push(format!("replications={}", found.replication + 1));
    let told = |error: String| format!("error: what was found cannot be written as a scenario:\n{error}");
    let text = load(&request, false).map_err(told)?.text;
    let comment = format!("// Found by `protosim explore {}`: {}\n", loaded.name, shrunk.broken.join("; "));
    std::fs::write(file, comment + &text).map_err(|error| format!("error: cannot write `{}`: {error}", file.display()))
}
