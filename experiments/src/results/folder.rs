//! The folder of results. Every file is either the old or the new one; the manifest comes last.

use super::claim::{RUN_LOG, claimed_by};
use super::figures::draw;
use super::inputs::place_of_inputs;
use super::staged::{Log, StagedFile, StagedTables, stage_tables};
use super::story::{draw_diagrams, event_lines};
use super::summary::Summary;
use crate::run::Outputs;
use crate::run::clock::peak_memory_bytes;
use crate::scenario::Loaded;
use crate::store::StoreError;
use protosim_reports::capture::write_capture;
use protosim_reports::figure::FigureError;
use protosim_reports::figure::scene::Scene;
use protosim_reports::folder::{remove_leftovers, write_atomically};
use protosim_reports::table::TableError;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The manifest's name.
pub(super) const MANIFEST: &str = "manifest.json";
/// The event log's name.
const EVENTS: &str = "events.jsonl";
/// Pixels of a PNG for each unit of a figure.
const PNG_SCALE: f32 = 2.0;

/// Why results could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder holds results of another experiment, or something else.
    #[error("`{folder}` holds {what}; choose another folder with --out, or overwrite it with --force")]
    NotOurs {
        /// The folder.
        folder: String,
        /// What is there.
        what: String,
    },
    /// The folder holds results of the whole experiment, and these are of a part of it.
    #[error(
        "`{folder}` holds results of the whole experiment, and these would be of a part of it; choose another folder with --out, or overwrite it with --force"
    )]
    Whole {
        /// The folder.
        folder: String,
    },
    /// The file system refused.
    #[error("cannot write results to `{folder}`: {error}")]
    Io {
        /// The folder.
        folder: String,
        /// Why.
        error: io::Error,
    },
    /// A table could not be written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Outputs of runs could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why results are of a part of the experiment; by default they are of the whole.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Partial {
    /// Each reason in words, such as `point 3 alone`; none for whole results.
    pub reasons: Vec<String>,
}

/// What was written.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// Figures and diagrams, as paths.
    pub figures: Vec<PathBuf>,
    /// Captures, as paths.
    pub captures: Vec<PathBuf>,
    /// What figures leave out.
    pub notes: Vec<String>,
    /// Packets that links have carried in all runs.
    pub packet_hops: u64,
    /// Wall-clock time of all run loops.
    pub simulation: Duration,
}

/// Everything that is to be written but tables, captures and `run.log`, by name.
#[derive(Default)]
struct Files {
    bytes: BTreeMap<String, Vec<u8>>,
    figures: Vec<String>,
    notes: Vec<String>,
}

/// True if the folder holds results of a whole experiment.
pub fn holds_whole(folder: &Path) -> bool {
    let text = std::fs::read_to_string(folder.join(MANIFEST)).unwrap_or_default();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    manifest["experiment"].is_string() && manifest["partial"].as_bool() != Some(true)
}

/// Writes everything, as results of the whole experiment.
///
/// # Errors
/// When the file system refuses, or a figure cannot be drawn.
pub fn write(
    folder: &Path,
    loaded: &Loaded,
    outputs: &dyn Outputs,
    summary: &Summary,
    wall: impl Fn() -> Duration,
) -> Result<Written, FolderError> {
    write_part(folder, loaded, outputs, summary, &Partial::default(), wall)
}

/// Writes everything that there is.
///
/// # Errors
/// As [`write()`].
pub fn write_part(
    folder: &Path,
    loaded: &Loaded,
    outputs: &dyn Outputs,
    summary: &Summary,
    partial: &Partial,
    wall: impl Fn() -> Duration,
) -> Result<Written, FolderError> {
    // What cannot be made leaves the results in the folder as they were: tables are written beside their places first.
    let files = render(loaded, outputs, summary)?;
    let io = |error| io_error(folder, error);
    std::fs::create_dir_all(folder).map_err(io)?;
    remove_leftovers(folder).map_err(io)?;
    let StagedTables { files: staged, log } = stage_tables(folder, loaded, outputs, summary)?;
    let has_diagrams = files.bytes.keys().any(|name| name.starts_with("diagrams/"));
    let places = [Some(folder.join("figures")), has_diagrams.then(|| folder.join("diagrams"))];
    for place in places.into_iter().flatten() {
        std::fs::create_dir_all(&place).map_err(io)?;
    }
    for place in ["figures", "diagrams", "captures"].map(|name| folder.join(name)) {
        if place.is_dir() {
            remove_leftovers(&place).map_err(io)?;
        }
    }
    let old = listed_files(folder);
    // From here to the new manifest the folder is a mixture, which an old one must not vouch for.
    match std::fs::remove_file(folder.join(MANIFEST)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
        _ => {}
    }
    let mut hashes = BTreeMap::new();
    // Each waits for the disk.
    let published = staged.into_par_iter().map(|StagedFile { name, file, hash }| file.publish().map(|()| (name, hash)));
    hashes.extend(published.collect::<io::Result<Vec<_>>>().map_err(io)?);
    let written = files.bytes.par_iter().map(|(name, bytes)| {
        let written = write_atomically(&folder.join(name), |out| out.write_all(bytes));
        written.map(|()| (name.clone(), sha256_hex(bytes)))
    });
    hashes.extend(written.collect::<io::Result<Vec<_>>>().map_err(io)?);
    let captures = write_captures(folder, outputs)?;
    remove_old_captures(folder, &captures).map_err(io)?;
    let manifest = manifest(loaded, &hashes, partial);
    write_atomically(&folder.join(MANIFEST), |out| out.write_all(manifest.as_bytes())).map_err(io)?;
    // What an earlier run of this experiment wrote and this one did not would be mistaken for a result.
    for name in old.iter().filter(|name| !hashes.contains_key(*name)) {
        let _ = std::fs::remove_file(folder.join(name));
    }
    let text = claimed_by(folder) + &place_of_inputs(&loaded.inputs) + &run_log(&log, wall());
    write_atomically(&folder.join(RUN_LOG), |out| out.write_all(text.as_bytes())).map_err(io)?;
    let figures = files.figures.iter().map(|name| folder.join(name)).collect();
    let notes = files.notes.into_iter().chain(log.note()).collect();
    Ok(Written { figures, captures, notes, packet_hops: log.packet_hops, simulation: log.simulation })
}

/// A figure or a diagram on its way to files.
struct Sheet {
    /// `figure` or `diagram`.
    kind: &'static str,
    name: String,
    scene: Result<Scene, FigureError>,
    /// What it leaves out.
    notes: Vec<String>,
}

/// Makes figures, diagrams and the event log.
fn render(loaded: &Loaded, outputs: &dyn Outputs, summary: &Summary) -> Result<Files, FolderError> {
    let mut files = Files::default();
    let mut sheets = Vec::new();
    // Notes on those that show nothing at all stand before what comes next.
    let mut notes = Vec::new();
    for spec in &loaded.scenario.figures {
        let drawn = draw(loaded, outputs, summary, spec)?;
        notes.extend(drawn.notes);
        let Some(figure) = drawn.figure else { continue };
        let (scene, notes) = (figure.to_scene(), std::mem::take(&mut notes));
        sheets.push(Sheet { kind: "figure", name: spec.name.clone(), scene, notes });
    }
    for (name, scene) in draw_diagrams(loaded, outputs, &mut notes) {
        sheets.push(Sheet { kind: "diagram", name, scene: Ok(scene), notes: std::mem::take(&mut notes) });
    }
    let formats = sheets
        .into_par_iter()
        .map(|Sheet { kind, name, scene, notes }| (kind, name, scene.and_then(|scene| all_formats(&scene)), notes));
    for (kind, name, formats, notes) in formats.collect::<Vec<_>>() {
        files.notes.extend(notes);
        match formats {
            // What was simulated is not lost for a figure that cannot be drawn.
            Err(error) => files.notes.push(format!("{kind} `{name}` is not drawn: {error}")),
            Ok(formats) => {
                for (ending, bytes) in formats {
                    let name = format!("{kind}s/{name}.{ending}");
                    files.figures.push(name.clone());
                    files.bytes.insert(name, bytes);
                }
            }
        }
    }
    files.notes.extend(notes);
    if let Some(lines) = event_lines(loaded, outputs) {
        files.bytes.insert(EVENTS.to_owned(), lines);
    }
    Ok(files)
}

fn all_formats(scene: &Scene) -> Result<[(&'static str, Vec<u8>); 3], FigureError> {
    // Tall ladders are coarser.
    let png = scene.to_png(PNG_SCALE.min(scene.largest_png_scale()))?;
    Ok([("svg", scene.to_svg().into_bytes()), ("png", png), ("pdf", scene.to_pdf()?)])
}

fn write_captures(folder: &Path, outputs: &dyn Outputs) -> Result<Vec<PathBuf>, FolderError> {
    let mut paths = Vec::new();
    for point in 0..outputs.points() {
        let sights = outputs.sights(point);
        let captures = sights.iter().filter_map(|run| Some((run.replication, run.capture?)));
        for (replication, capture) in captures {
            let place = folder.join("captures");
            std::fs::create_dir_all(&place).map_err(|error| io_error(folder, error))?;
            let path = place.join(format!("point-{point:03}-replication-{replication:03}.pcapng"));
            let keys: String = capture.secrets.iter().map(|line| format!("{line}\n")).collect();
            write_atomically(&path, |out| write_capture(out, &capture.interfaces, &keys, capture.records()))
                .map_err(|error| io_error(folder, error))?;
            if !keys.is_empty() {
                let beside = path.with_extension("keys");
                write_atomically(&beside, |out| out.write_all(keys.as_bytes()))
                    .map_err(|error| io_error(folder, error))?;
                paths.push(beside);
            }
            paths.push(path);
        }
    }
    Ok(paths)
}

/// Captures of an earlier run do not stay beside results of this one.
fn remove_old_captures(folder: &Path, written: &[PathBuf]) -> io::Result<()> {
    let place = folder.join("captures");
    if !place.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(&place)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with("point-")
            && (name.ends_with(".pcapng") || name.ends_with(".keys"))
            && !written.contains(&path)
        {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// The files that the folder's manifest names.
fn listed_files(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join(MANIFEST)).unwrap_or_default();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let files = manifest["files"].as_object();
    // Only names that this program writes: a manifest from elsewhere must not make it remove other files.
    let safe = |name: &&String| !name.contains("..") && !name.starts_with('/');
    files.map(|files| files.keys().filter(safe).cloned().collect()).unwrap_or_default()
}

/// Of the resolved scenario, and of the files that it names.
pub(crate) fn configuration_hash(loaded: &Loaded) -> String {
    let mut configuration = serde_json::to_value(&loaded.scenario).unwrap_or_default().to_string();
    let inputs = &loaded.inputs.hashes;
    if !inputs.is_empty() {
        configuration += &serde_json::json!(inputs).to_string();
    }
    sha256_hex(configuration.as_bytes())
}

fn manifest(loaded: &Loaded, hashes: &BTreeMap<String, String>, partial: &Partial) -> String {
    let resolved = serde_json::to_value(&loaded.scenario).unwrap_or_default();
    let inputs = &loaded.inputs.hashes;
    let manifest = serde_json::json!({
        "format": 1,
        "experiment": loaded.name,
        "title": loaded.scenario.title,
        "version": env!("CARGO_PKG_VERSION"),
        "sources_sha256": env!("PROTOSIM_SOURCES_SHA256"),
        "configuration_sha256": configuration_hash(loaded),
        "seed": loaded.scenario.seed,
        "replications": loaded.scenario.replications,
        "points": loaded.points.len(),
        "partial": !partial.reasons.is_empty(),
        "partial_because": partial.reasons,
        "scenario": loaded.text,
        "resolved": resolved,
        "inputs": inputs,
        "files": hashes,
    });
    // Keys come out in order, whatever the order above.
    serde_json::to_string_pretty(&manifest).unwrap_or_default() + "\n"
}

/// Everything that depends on the machine.
fn run_log(log: &Log, wall: Duration) -> String {
    let mut text = String::from("point replication events packet_hops simulated_s wall_s ns_per_packet_hop\n");
    text += &log.lines;
    let _ = writeln!(text, "whole command, up to this log: {:.3} s", wall.as_secs_f64());
    if let Some(bytes) = peak_memory_bytes() {
        let _ = writeln!(text, "peak memory: {:.1} MiB", bytes as f64 / 1_048_576.0);
    }
    text
}

pub(super) fn io_error(folder: &Path, error: io::Error) -> FolderError {
    FolderError::Io { folder: folder.display().to_string(), error }
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// In hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
