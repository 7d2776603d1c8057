//! The file of a plan: the scenario, with all that was included and changed, and which shard makes which runs.

use super::Split;
use crate::results::{Owner, Piece, PlannedRuns, Shard, ShardRuns, configuration_hash, same_inputs, sha256_hex};
use crate::run::Selection;
use crate::scenario::{Loaded, library, load_text_within};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// What the names of plans end in, which tells them from scenarios.
const ENDING: &str = "json";
/// Version of the file's form.
const FORMAT: u32 = 1;

/// Whether a name is that of a plan's file, and not of a scenario.
pub fn is_plan(name: &str) -> bool {
    library::find(name).is_none() && Path::new(name).extension().is_some_and(|ending| ending == ENDING)
}

/// Where the scenario came from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A shipped experiment.
    Shipped(String),
    /// A file, relative to the plan's folder.
    File(String),
}

/// What stands in the file.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PlanFile {
    format: u32,
    experiment: String,
    version: String,
    sources_sha256: String,
    configuration_sha256: String,
    origin: Origin,
    inputs: BTreeMap<String, String>,
    /// What the costs are from, in words; none for shards by turns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    estimate: Option<String>,
    shards: u64,
    split: Vec<PlannedShard>,
    scenario: String,
}

/// A shard in it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct PlannedShard {
    shard: u64,
    /// What it costs, where that was estimated: wall-clock seconds, one run after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    runs: Vec<Piece>,
}

impl PlanFile {
    /// Of an experiment from this scenario (a file or a shipped one) in this split, to be written to `place`. `estimate` says what the costs are
    /// from.
    ///
    /// # Errors
    /// When the folder is not there.
    pub fn new(
        loaded: &Loaded,
        scenario: &str,
        place: &Path,
        split: Split,
        estimate: Option<String>,
    ) -> Result<Self, String> {
        let shard = |(number, (runs, seconds)): (u64, (Vec<Piece>, Option<f64>))| PlannedShard {
            shard: number,
            // Three decimals are more than anyone can foresee.
            seconds: seconds.map(|seconds| (seconds * 1000.0).round() / 1000.0),
            runs,
        };
        Ok(Self {
            format: FORMAT,
            experiment: loaded.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sources_sha256: env!("PROTOSIM_SOURCES_SHA256").to_owned(),
            configuration_sha256: configuration_hash(loaded),
            origin: origin(scenario, place)?,
            inputs: loaded.inputs.hashes.clone(),
            estimate,
            shards: split.0.len() as u64,
            split: (1..).zip(split.0).map(shard).collect(),
            scenario: loaded.text.clone(),
        })
    }

    /// As it stands in the file: JSON, with a line for each piece of a shard.
    pub fn text(&self) -> String {
        let estimate = self.estimate.as_ref().map(|words| ("estimate", json!(words)));
        let head = [
            ("format", json!(self.format)),
            ("experiment", json!(self.experiment)),
            ("version", json!(self.version)),
            ("sources_sha256", json!(self.sources_sha256)),
            ("configuration_sha256", json!(self.configuration_sha256)),
            ("origin", json!(self.origin)),
            ("inputs", json!(self.inputs)),
            ("shards", json!(self.shards)),
        ];
        let head: String =
            head.into_iter().chain(estimate).map(|(name, value)| format!("  \"{name}\": {value},\n")).collect();
        let shards: Vec<String> = self.split.iter().map(PlannedShard::text).collect();
        let scenario = json!(self.scenario);
        format!("{{\n{head}  \"split\": [\n{}\n  ],\n  \"scenario\": {scenario}\n}}\n", shards.join(",\n"))
    }

    /// How the shards differ in cost, where that was estimated: the least and the most seconds.
    pub fn seconds(&self) -> Option<(f64, f64)> {
        let all = || self.split.iter().filter_map(|shard| shard.seconds);
        Some((all().reduce(f64::min)?, all().reduce(f64::max)?))
    }
}

impl PlannedShard {
    fn text(&self) -> String {
        let piece = |piece: &Piece| {
            let Piece { point, replications: [first, last], step } = piece;
            let step = if *step == 1 { String::new() } else { format!(", \"step\": {step}") };
            format!("      {{\"point\": {point}, \"replications\": [{first}, {last}]{step}}}")
        };
        let pieces: Vec<String> = self.runs.iter().map(piece).collect();
        let seconds = self.seconds.map_or_else(String::new, |seconds| format!("\"seconds\": {seconds:?}, "));
        let runs = if pieces.is_empty() { String::new() } else { format!("\n{}\n    ", pieces.join(",\n")) };
        format!("    {{\"shard\": {}, {seconds}\"runs\": [{runs}]}}", self.shard)
    }
}

/// Where a scenario lies, as a plan that is to be written to `place` has it.
fn origin(scenario: &str, place: &Path) -> Result<Origin, String> {
    if let Some(shipped) = library::find(scenario) {
        return Ok(Origin::Shipped(shipped.name.to_owned()));
    }
    let known = |path: &Path| {
        std::fs::canonicalize(path).map_err(|error| format!("error: cannot say where `{}` is: {error}", path.display()))
    };
    Ok(Origin::File(relative(&known(folder_of(place))?, &known(Path::new(scenario))?)))
}

/// The folder that a file is in.
fn folder_of(place: &Path) -> &Path {
    place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The way from a folder to a file, of which both are whole; whole again where there is none, as between two drives.
fn relative(folder: &Path, file: &Path) -> String {
    let (from, to): (Vec<Component<'_>>, Vec<Component<'_>>) =
        (folder.components().collect(), file.components().collect());
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    if common == 0 {
        return file.display().to_string();
    }
    let up = from[common..].iter().map(|_| "..".to_owned());
    let down = to[common..].iter().map(|part| part.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<_>>().join("/")
}

/// The shards of a plan that was found to fit its scenario.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Planned {
    /// How many shards it has.
    pub shards: u64,
    /// What each of them has to run.
    runs: Vec<Arc<PlannedRuns>>,
}

impl Planned {
    /// Reads a plan: the experiment, whose its results are, and the shards.
    ///
    /// # Errors
    /// When it is none, was made by another program, does not say of each run which shard makes it, or when a file that its scenario names is
    /// gone or has changed.
    pub fn read(name: &str, colours: bool) -> Result<(Loaded, Owner, Self), String> {
        let place = Path::new(name);
        let text = std::fs::read_to_string(place).map_err(|error| format!("error: cannot read `{name}`: {error}"))?;
        let file = parse(name, &text)?;
        let folder = place_of_inputs(name, &file)?;
        let loaded = load_text_within(&file.experiment, name, &file.scenario, &folder, colours)?;
        if configuration_hash(&loaded) != file.configuration_sha256 {
            return Err(format!(
                "error: the scenario in the plan `{name}` is not the one that was planned: its hash is another\nhelp: change the scenario itself, and make the plan anew by `protosim plan`"
            ));
        }
        check_split(&file, &loaded).map_err(|why| {
            format!("error: the plan `{name}` does not fit its scenario: {why}\nhelp: make it anew by `protosim plan`")
        })?;
        let scenario = match &file.origin {
            Origin::Shipped(shipped) => shipped.clone(),
            Origin::File(path) => folder_of(place).join(path).display().to_string(),
        };
        let sha256 = sha256_hex(text.as_bytes());
        let runs = file.split.into_iter().map(|shard| {
            let mut runs = shard.runs;
            runs.sort_unstable();
            Arc::new(PlannedRuns { sha256: sha256.clone(), runs })
        });
        let owner = Owner::new(&file.experiment, &scenario);
        Ok((loaded, owner, Self { shards: file.shards, runs: runs.collect() }))
    }

    /// What a shard has to run.
    ///
    /// # Errors
    /// When the plan has another number of shards.
    pub fn runs_of(&self, name: &str, shard: Shard) -> Result<ShardRuns, String> {
        let of = self.shards;
        let runs = self.runs.get(shard.number as usize - 1).filter(|_| shard.of == of);
        let runs = runs.ok_or_else(|| {
            format!("error: --shard {shard}: the plan `{name}` has {of} shards\nhelp: they are 1/{of} to {of}/{of}")
        })?;
        Ok(ShardRuns::Planned(shard, Arc::clone(runs)))
    }
}

/// What stands in a plan's file, if it is of this program.
fn parse(name: &str, text: &str) -> Result<PlanFile, String> {
    let wrong = |error: serde_json::Error| {
        format!("error: `{name}` is not a plan: {error}\nhelp: plans are made by `protosim plan FILE --shards N`")
    };
    // A plan of another program may have another form: that it is of another one is said first.
    let value: serde_json::Value = serde_json::from_str(text).map_err(wrong)?;
    let ours = [("version", env!("CARGO_PKG_VERSION")), ("sources_sha256", env!("PROTOSIM_SOURCES_SHA256"))];
    for (field, own) in ours {
        let Some(other) = value[field].as_str().filter(|other| *other != own) else { continue };
        let what = if field == "version" { "version" } else { "build" };
        let shown = |hash: &str| hash.get(..12).unwrap_or(hash).to_owned();
        return Err(format!(
            "error: the plan `{name}` was made by another {what} of protosim than this one: {}, not {}\nhelp: run it with the program that made it, or make it anew by `protosim plan`",
            shown(other),
            shown(own)
        ));
    }
    let file: PlanFile = serde_json::from_value(value).map_err(wrong)?;
    if file.format != FORMAT {
        return Err(format!("error: the plan `{name}` has format {}; this program reads {FORMAT}", file.format));
    }
    Ok(file)
}

/// Where the files lie that the scenario names: where they lay, seen from the plan, or beside it. They have to be those of then.
fn place_of_inputs(name: &str, file: &PlanFile) -> Result<PathBuf, String> {
    let beside = folder_of(Path::new(name));
    let named = match &file.origin {
        Origin::Shipped(_) => beside.to_owned(),
        Origin::File(path) => folder_of(&beside.join(path)).to_owned(),
    };
    let has_all = |place: &Path| file.inputs.keys().all(|input| input.starts_with('@') || place.join(input).is_file());
    let folder = if !has_all(&named) && has_all(beside) { beside.to_owned() } else { named };
    let inputs = file.inputs.iter().map(|(input, hash)| (input.as_str(), hash.as_str()));
    let made = format!("the plan `{name}` was");
    same_inputs(&folder, inputs, (&made, "make the plan anew by `protosim plan`")).map_err(|message| {
        match has_all(&folder) {
            true => message,
            false => format!(
                "{message}\nhelp: put the files that the scenario names where they lay, seen from the plan, or beside the plan"
            ),
        }
    })?;
    Ok(folder)
}

/// Whether each run is in one shard.
fn check_split(file: &PlanFile, loaded: &Loaded) -> Result<(), String> {
    let numbers = file.split.iter().map(|shard| shard.shard);
    if file.shards == 0 || !numbers.eq(1..=file.shards) {
        return Err(format!("its shards are not 1 to {}", file.shards));
    }
    let (points, replications) = (loaded.points.len(), loaded.scenario.replications);
    let all = Selection::default().runs(loaded);
    let mut runs: Vec<(usize, u64)> = Vec::with_capacity(all.len());
    for piece in file.split.iter().flat_map(|shard| &shard.runs) {
        let Piece { point, replications: [first, last], step } = *piece;
        if point >= points || first > last || last >= replications || step == 0 {
            return Err(format!("there are no replications {first} to {last} of point {point}"));
        }
        if loaded.scenario.sequential.is_some() && ([first, last], step) != ([0, replications - 1], 1) {
            return Err(format!(
                "point {point} is split, and where replications are sequential one shard has all of a point"
            ));
        }
        runs.extend((first..=last).step_by(step as usize).map(|replication| (point, replication)));
        if runs.len() > all.len() {
            break;
        }
    }
    runs.sort_unstable();
    let differ = runs.iter().zip(&all).find(|(run, wanted)| run != wanted).map(|(run, wanted)| *run.min(wanted));
    let longer = if runs.len() > all.len() { &runs } else { &all };
    let odd = differ.or_else(|| longer.get(runs.len().min(all.len())).copied());
    match odd {
        None => Ok(()),
        Some((point, replication)) => {
            let count = runs.iter().filter(|run| **run == (point, replication)).count();
            let shards = if count == 0 { "no shard" } else { "several shards" };
            Err(format!("replication {replication} of point {point} is in {shards}"))
        }
    }
}
