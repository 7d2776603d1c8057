//! `protosim merge`: shares of an experiment become its results, the same bytes as if one machine had run everything.

use super::Ending;
use super::args::MergeArgs;
use super::keeping::JOURNAL;
use super::progress::Teller;
use super::run::report;
use crate::results::{Owner, Partial, ShardManifest, ShardRuns, claim};
use crate::run::clock::Stopwatch;
use crate::run::{Kept, Selection, share_number};
use crate::scenario::Loaded;
use crate::store::Store;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Most of what is missing that is named.
const NAMED: usize = 5;

pub(super) fn merge(args: &MergeArgs, colours: bool) -> Result<Ending, String> {
    let stopwatch = Stopwatch::start();
    let shards = shards_of(&args.shards)?;
    let (first_folder, first) = &shards[0];
    let loaded = first.load(first_folder, colours)?;
    let mut store = Store::open(&first_folder.join(JOURNAL)).map_err(|error| format!("error: {error}"))?;
    for (folder, _) in &shards[1..] {
        store.include(&folder.join(JOURNAL)).map_err(|error| format!("error: {error}"))?;
    }
    for complaint in &store.complaints {
        eprintln!("warning: {complaint}");
    }
    let (kept, missing) =
        Kept::of_selected(store, &loaded, &Selection::default()).map_err(|error| format!("error: {error}"))?;
    if !missing.is_empty() {
        return Err(said_of_missing(&loaded, &missing, &shards));
    }
    if loaded.scenario.events || !loaded.scenario.diagrams.is_empty() {
        eprintln!("note: diagrams and event logs are not made by shards: run the points alone that they are wanted of");
    }
    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from("results").join(&loaded.name));
    // Results of a merge are those of the experiment that the first shard says it is a share of.
    let owner = Owner::of(first_folder).unwrap_or_else(|| Owner::new(&loaded.name, &loaded.name));
    claim(&folder, &owner, &loaded.scenario.title, args.force).map_err(|error| format!("error: {error}"))?;
    let runs = kept.into_runs().map_err(|error| format!("error: {error}"))?;
    let mut partial = Partial::default();
    for failed in &runs.failures {
        eprintln!("error: {failed}");
        partial.reasons.push(failed.to_string());
    }
    let is_well = report(&Teller::new(false, args.quiet), &loaded, &runs, &partial, &folder, stopwatch)?;
    Ok(if runs.failures.is_empty() { Ending::from(is_well) } else { Ending::Stopped })
}

/// All shards in order, which have to be all of one split of one experiment.
fn shards_of(folders: &[PathBuf]) -> Result<Vec<(PathBuf, ShardManifest)>, String> {
    let mut found: BTreeMap<u64, (PathBuf, ShardManifest)> = BTreeMap::new();
    let mut first: Option<(&Path, ShardManifest)> = None;
    for folder in folders {
        let manifest = ShardManifest::read(folder)?;
        let shown = folder.display();
        if let Some((other, known)) = &first {
            manifest
                .agrees_with(known)
                .map_err(|why| format!("error: `{shown}` and `{}` are not of one sweep: {why}", other.display()))?;
        } else if !manifest.is_of_this_build() {
            return Err(format!(
                "error: `{shown}` was made by another build of protosim than this one\nhelp: merge with the program that ran the shards"
            ));
        } else {
            first = Some((folder, manifest.clone()));
        }
        let number = manifest.shard.number;
        if let Some((other, _)) = found.insert(number, (folder.clone(), manifest)) {
            return Err(format!("error: `{}` and `{shown}` are both shard {number}", other.display()));
        }
    }
    let of = first.map_or(0, |(_, manifest)| manifest.shard.of);
    let missing: Vec<String> = (1..=of).filter(|number| !found.contains_key(number)).map(|n| n.to_string()).collect();
    match missing.len() {
        0 => Ok(found.into_values().collect()),
        1 => Err(format!("error: shard {} of {of} is missing", missing[0])),
        n => {
            let more = if n > NAMED { ", …" } else { "" };
            let named = missing[..n.min(NAMED)].join(", ");
            Err(format!("error: {n} of {of} shards are missing: {named}{more}"))
        }
    }
}

fn said_of_missing(loaded: &Loaded, missing: &[(usize, u64)], shards: &[(PathBuf, ShardManifest)]) -> String {
    let own: Vec<ShardRuns> = shards.iter().map(|(_, manifest)| manifest.runs()).collect();
    let named = missing.iter().take(NAMED).map(|&(point, replication)| {
        let number = share_number(loaded, (point, replication));
        let shard = own.iter().find(|shard| shard.has((point, replication), number));
        let shard = shard.map_or_else(|| "no shard".to_owned(), |shard| format!("shard {}", shard.shard().number));
        format!("  point {point}, replication {replication}, of {shard}\n")
    });
    let more = if missing.len() > NAMED { "  …\n" } else { "" };
    let runs = if missing.len() == 1 { "a run is" } else { "runs are" };
    let of = shards.len();
    let file = if shards.iter().any(|(_, manifest)| manifest.plan_sha256().is_some()) { "PLAN" } else { "FILE" };
    format!(
        "error: {} {runs} missing:\n{}{more}help: go on with these shards: `protosim run {file} --shard I/{of} --resume`\n",
        missing.len(),
        named.collect::<String>()
    )
    .replacen("1 a run is", "a run is", 1)
}
