//! `protosim reproduce MANIFEST`: runs again what results were made from, and compares the hash of every file.

use super::Ending;
use super::args::ReproduceArgs;
use super::diff::say_event;
use super::run::stop_on_interrupt;
use super::terminal::{Progress, say};
use crate::diff::reproduction::{Agreement, File, compare_files};
use crate::diff::{Manifest, compare, from_results, this_build};
use crate::results::{Basis, Owner, Partial, claim, sha256_hex, summarise, write_part};
use crate::run::clock::Stopwatch;
use crate::run::{Options, Selection, on_threads, run_some};
use crate::scenario::Loaded;
use crate::store::{Store, StoreError};
use protosim_reports::statistics::Confidence;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) fn reproduce(args: &ReproduceArgs, colours: bool) -> Result<Ending, String> {
    let manifest = Manifest::read(&args.manifest)?;
    if manifest.is_of_another_build() {
        let words = format!("`{}` is of {}, and this is {}", manifest.shown(), manifest.build(), this_build());
        if !args.other_version {
            let help = "build that version, or run it with this one all the same: --other-version";
            return Err(format!("error: {words}\nhelp: {help}\n"));
        }
        eprintln!("warning: {words}");
    }
    let selection = manifest.selection().map_err(|reason| {
        let help = "results of chosen points, replications and variants can be reproduced";
        format!("error: `{}` is of runs that were cut short: {reason}\nhelp: {help}\n", manifest.shown())
    })?;
    let loaded = Arc::new(manifest.load(colours)?);
    if selection.runs(&loaded).is_empty() {
        return Err(format!("error: `{}` is of no run of its scenario", manifest.shown()));
    }
    let place = Place::new(args, &manifest, &loaded)?;
    if !run_again(args, &manifest, (&loaded, &selection), place.folder())? {
        return Ok(Ending::Interrupted);
    }
    let again = Manifest::read(place.folder())?;
    let files = compare_files(&manifest, &again);
    let agree = say_files(args, &manifest, &files);
    if !agree {
        say_first_event(&manifest, &again, colours)?;
    }
    if args.keep.is_some() && !args.quiet {
        say(format_args!("what came out is in {}", place.folder().display()));
    }
    Ok(Ending::from(agree))
}

/// Where what comes out is written.
enum Place {
    /// Removed when it is dropped.
    Beside(PathBuf),
    /// Kept.
    Kept(PathBuf),
}

impl Place {
    fn new(args: &ReproduceArgs, manifest: &Manifest, loaded: &Loaded) -> Result<Self, String> {
        let folder = std::fs::canonicalize(if manifest.folder().as_os_str().is_empty() {
            Path::new(".")
        } else {
            manifest.folder()
        })
        .map_err(|error| format!("error: cannot read `{}`: {error}", manifest.folder().display()))?;
        if let Some(keep) = &args.keep {
            if std::fs::canonicalize(keep).is_ok_and(|keep| keep == folder) {
                return Err("error: --keep: that is the folder that is to be reproduced".to_owned());
            }
            let owner = Owner::new(&loaded.name, manifest.shown());
            claim(keep, &owner, &loaded.scenario.title, false).map_err(|error| format!("error: {error}"))?;
            return Ok(Self::Kept(keep.clone()));
        }
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let beside = folder.with_file_name(format!(".{name}.reproduced.{}", std::process::id()));
        std::fs::create_dir(&beside).map_err(|error| {
            let help = "name another place: --keep FOLDER";
            format!("error: cannot make `{}`: {error}\nhelp: {help}\n", beside.display())
        })?;
        Ok(Self::Beside(beside))
    }

    fn folder(&self) -> &Path {
        match self {
            Self::Beside(folder) | Self::Kept(folder) => folder,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Beside(folder) = self
            && let Err(error) = std::fs::remove_dir_all(&folder)
        {
            eprintln!("warning: cannot remove `{}`: {error}", folder.display());
        }
    }
}

/// Runs everything into the folder. False if someone interrupts it.
fn run_again(
    args: &ReproduceArgs,
    manifest: &Manifest,
    (loaded, selection): (&Arc<Loaded>, &Selection),
    folder: &Path,
) -> Result<bool, String> {
    let stopwatch = Stopwatch::start();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let options = Options {
        jobs: args.jobs.map_or(cores, usize::from),
        threads: usize::from(args.threads),
        watched: selection.replication.unwrap_or_default(),
        ..manifest.options(loaded)
    };
    // Nothing is taken from runs that were made before: not from a cache, nor from what another command left here.
    let journal = folder.join("journal");
    let said = |error: StoreError| format!("error: {error}");
    let _ = std::fs::remove_dir_all(&journal);
    let store = Store::open(&journal).map_err(said)?;
    let progress = Progress::new(selection.runs(loaded).len() as u64, args.quiet);
    let runs = run_some(loaded, options, selection, &stop_on_interrupt(false), store, |_| progress.step());
    progress.finish();
    let runs = runs.map_err(said)?;
    if runs.is_interrupted {
        return Ok(false);
    }
    // What is whole had no run that failed.
    if let Some(failed) = runs.failures.first() {
        return Err(format!("error: {failed}"));
    }
    let confidence = Confidence::from_level(loaded.scenario.confidence.as_f64())
        .ok_or("error: there are no intervals of this confidence")?;
    let partial = Partial { reasons: manifest.reasons() };
    on_threads(options.jobs, || {
        let summary = summarise(loaded, &runs.outputs, confidence, Basis::Replications).map_err(said)?;
        write_part(folder, loaded, &runs.outputs, &summary, &partial, || stopwatch.elapsed())
            .map_err(|error| format!("error: {error}"))
    })?;
    let _ = std::fs::remove_dir_all(&journal);
    Ok(true)
}

/// Says which files agree. True if all do.
fn say_files(args: &ReproduceArgs, manifest: &Manifest, files: &[File]) -> bool {
    let agree = files.iter().filter(|file| file.agreement == Agreement::Same).count();
    for file in files.iter().filter(|file| !args.quiet || file.agreement != Agreement::Same) {
        say(format_args!("{:<32} {}", file.name, file.agreement.name()));
    }
    // A file that was written over is not what the manifest speaks of, even where that is reproduced.
    for (name, hash) in manifest.files() {
        let bytes = std::fs::read(manifest.folder().join(name));
        if bytes.is_ok_and(|bytes| sha256_hex(&bytes) != hash) {
            eprintln!("warning: `{name}` in `{}` has changed since it was written", manifest.folder().display());
        }
    }
    if !args.quiet && manifest.folder().join("captures").is_dir() {
        say("captures are in no manifest, and were not compared");
    }
    match files.len() {
        0 => say("nothing was compared: the manifest lists no file"),
        all if all == agree && args.quiet => {}
        all if all == agree => say(format_args!("reproduced: all {all} files agree")),
        all => say(format_args!("not reproduced: {} of {all} files do not agree", all - agree)),
    }
    agree == files.len() && agree > 0
}

/// Says where both part, as `protosim diff` does.
fn say_first_event(then: &Manifest, now: &Manifest, colours: bool) -> Result<(), String> {
    let recorded = match from_results(then.folder(), colours) {
        Ok(side) => side,
        Err(message) => {
            eprintln!("note: where events differ is not known: {}", message.trim_start_matches("error: ").trim_end());
            return Ok(());
        }
    };
    let again = from_results(now.folder(), colours)?;
    match compare(&recorded, &again).map_err(|error| format!("error: {error}"))? {
        Some(difference) => {
            say("A is what is recorded, B what came out now");
            say_event(&difference);
        }
        None => say("all runs agree in every event: what differs was made of the same events in another way"),
    }
    Ok(())
}
