//! Files that a scenario names: recorded traffic, rates and losses. They lie relative to the scenario's folder.

use super::Scenario;
use super::check::span_of;
use super::library;
use crate::results::sha256_hex;
use crate::tree::{Diagnostic, Diagnostics, Sources, Span, Tree};
use protosim_models::link::{DirectionConfig, ImpairConfig, LinkConfig, delivery_trace, impair::loss_trace};
use protosim_models::name::{FileName, Files as Texts};
use protosim_models::traffic::TraceFile;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What has been read so far, by the name in the scenario. What cannot be read is complained of once.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    folder: PathBuf,
    texts: BTreeMap<String, Option<(String, String)>>,
    traces: BTreeMap<String, TraceFile>,
    checked: BTreeMap<(Kind, String), ()>,
    /// SHA-256 in hexadecimal of each that was read, by the name in the scenario.
    hashes: BTreeMap<String, String>,
}

/// The files that a scenario names, at any of its points: what came in beside its text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Inputs {
    /// The folder that names are relative to; of those with an `@` in front the program has the file.
    pub folder: PathBuf,
    /// SHA-256 in hexadecimal of each file's text, by its name.
    pub hashes: BTreeMap<String, String>,
}

/// What a file must be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    /// Opportunities to send, as mahimahi records them.
    Rates,
    /// A line per packet.
    Losses,
}

impl Files {
    /// Files beside the scenario at `path`.
    pub(super) fn beside(path: &str) -> Self {
        let folder = Path::new(path).parent().unwrap_or(Path::new("")).to_owned();
        Self { folder, ..Self::default() }
    }

    /// Files in this folder.
    pub(super) fn within(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), ..Self::default() }
    }

    /// Where they lie, and their hashes.
    pub(super) fn into_inputs(self) -> Inputs {
        Inputs { folder: self.folder, hashes: self.hashes }
    }

    /// Reads the files that the scenario names and that were not read before, and gives them to who named them.
    pub(super) fn provide(
        &mut self,
        tree: &Tree,
        scenario: &mut Scenario,
        sources: &mut Sources,
        mistakes: &mut Diagnostics,
    ) {
        let mut texts = Texts::default();
        for (path, kind, name) in named_by_links(scenario) {
            let place = span_of(tree, &path);
            if let Some((shown, text)) = self.text(&name.0, place, mistakes) {
                if self.checked.insert((kind, name.0.clone()), ()).is_none() {
                    check(kind, &shown, &text, place, sources, mistakes);
                }
                texts.insert(name, &text);
            }
        }
        scenario.files = Arc::new(texts);
        for (index, app) in Arc::make_mut(&mut scenario.apps).iter_mut().enumerate() {
            let Some((field, file)) = app.run.trace_file() else { continue };
            let mut trace = file.clone();
            let place = span_of(tree, &format!("apps.{index}.run.{field}"));
            if !self.traces.contains_key(trace.path()) {
                if let Some((shown, text)) = self.text(trace.path(), place, mistakes) {
                    resolve(&mut trace, &shown, text, place, sources, mistakes);
                }
                self.traces.insert(trace.path().to_owned(), trace.clone());
            }
            if let (Some((_, file)), Some(read)) = (app.run.trace_file(), self.traces.get(trace.path())) {
                *file = read.clone();
            }
        }
    }

    /// The text of a file, and what it is called in messages.
    pub(super) fn text(&mut self, name: &str, place: Span, mistakes: &mut Diagnostics) -> Option<(String, String)> {
        if let Some(known) = self.texts.get(name) {
            return known.clone();
        }
        let path = self.folder.join(name);
        let shown = path.display().to_string();
        let read = match name.strip_prefix('@') {
            _ if name.is_empty() => Err("a file has a name".to_owned()),
            Some(shipped) => library::trace(shipped).map(str::to_owned).ok_or_else(|| {
                let known: Vec<&str> = library::TRACES.iter().map(|(name, _)| *name).collect();
                format!("there is no shipped file `{shipped}`; there are: {}", known.join(", "))
            }),
            None => std::fs::read_to_string(&path).map_err(|error| format!("cannot read `{shown}`: {error}")),
        };
        let read = match read {
            Ok(text) => {
                self.hashes.insert(name.to_owned(), sha256_hex(text.as_bytes()));
                Some((shown, text))
            }
            Err(message) => {
                let help = "the name is relative to the folder of the scenario".to_owned();
                mistakes.push(Diagnostic::error("scenario::file", place, message).help(help));
                None
            }
        };
        self.texts.insert(name.to_owned(), read.clone());
        read
    }
}

/// The files that links and the timeline name, with the paths of the fields that do.
fn named_by_links(scenario: &Scenario) -> Vec<(String, Kind, FileName)> {
    let mut named = Vec::new();
    let mut add = |path: String, kind: Kind, name: Option<&FileName>| {
        named.extend(name.map(|name| (path, kind, name.clone())));
    };
    let losses = |impair: Option<&ImpairConfig>| impair.and_then(|impair| impair.loss_trace.clone());
    for (index, link) in scenario.links.iter().enumerate() {
        let LinkConfig { rate_trace, impair, forward, backward, .. } = link;
        add(format!("links.{index}.rate_trace"), Kind::Rates, rate_trace.as_ref());
        add(format!("links.{index}.impair.loss_trace"), Kind::Losses, losses(impair.as_deref()).as_ref());
        for (side, own) in [("forward", forward), ("backward", backward)] {
            let Some(DirectionConfig { rate_trace, impair, .. }) = own.as_deref() else { continue };
            add(format!("links.{index}.{side}.rate_trace"), Kind::Rates, rate_trace.as_ref());
            add(format!("links.{index}.{side}.impair.loss_trace"), Kind::Losses, losses(impair.as_ref()).as_ref());
        }
    }
    for (index, event) in scenario.timeline.iter().enumerate() {
        add(format!("timeline.{index}.impair.loss_trace"), Kind::Losses, losses(event.impair.as_ref()).as_ref());
    }
    named
}

/// Complains of a file that is not what it must be, at the line that is wrong.
fn check(kind: Kind, shown: &str, text: &str, place: Span, sources: &mut Sources, mistakes: &mut Diagnostics) {
    let wrong = match kind {
        Kind::Rates => delivery_trace(text).err(),
        Kind::Losses => loss_trace(text).err(),
    };
    let Some((line, message)) = wrong else { return };
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let length = text[start..].lines().next().unwrap_or_default().len();
    let source = sources.add(shown.to_owned(), text.to_owned());
    let there = Span::new(source, start..start + length);
    mistakes.push(Diagnostic::error("scenario::bad-trace", there, message).also(place, "named here"));
}

/// Reads recorded traffic.
fn resolve(
    trace: &mut TraceFile,
    shown: &str,
    text: String,
    place: Span,
    sources: &mut Sources,
    mistakes: &mut Diagnostics,
) {
    if let Err(wrong) = trace.resolve(&text) {
        let source = sources.add(shown.to_owned(), text);
        for error in wrong {
            let there = Span::new(source, error.range);
            mistakes.push(Diagnostic::error("scenario::bad-trace", there, error.message).also(place, "named here"));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::{Request, load};
    use std::sync::Arc;

    const SCENARIO: &str = r#"(
        format: 1,
        title: "t",
        nodes: [(name: "a"), (name: "b")],
        links: [(ends: ("a", "b"), delay: "1 ms")],
        apps: [
            (name: "sink", on: "b", run: UdpSink(port: 9)),
            (name: "source", on: "a", run: UdpSource(to: "b", port: 9, pattern: Replay(file: "trace.csv"))),
            (name: "mixed", on: "a", run: UdpSource(
                to: "b", port: 9, rate: "1 Mbit/s", payload: Choice([(7, "40 B"), (4, "576 B"), (1, "1400 B")]),
                sizes_of: Packet, pattern: OnOff(on: Exponential(mean: "1 s"), off: "2 s"), stop: "5 s", ecn: Ect0, dscp: 46,
            )),
        ],
    )"#;

    /// Loads [`SCENARIO`] beside a trace with this text, if any.
    fn loaded(trace: Option<&str>) -> Result<crate::scenario::Loaded, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("scenario.ron");
        std::fs::write(&file, SCENARIO).unwrap();
        if let Some(text) = trace {
            std::fs::write(folder.path().join("trace.csv"), text).unwrap();
        }
        load(&Request { scenario: file.to_str().unwrap().to_owned(), ..Request::default() }, false)
    }

    #[test]
    fn a_trace_is_read_from_beside_the_scenario() {
        let mut loaded = loaded(Some("0,100\n0.5,1400\n")).unwrap();
        for scenario in [&mut loaded.scenario, &mut loaded.points[0].scenario] {
            let (_, file) = Arc::make_mut(&mut scenario.apps)[1].run.trace_file().unwrap();
            assert_eq!(file.trace().unwrap().len(), 2);
        }
    }

    #[test]
    fn a_trace_that_is_wrong_or_missing_is_refused_with_its_place() {
        let message = loaded(Some("0.5,100\n0.25,100\n1,abc\n")).unwrap_err();
        for part in ["trace.csv:2:1", "0.25 s is before", "trace.csv:3:3", "`abc`", "named here"] {
            assert!(message.contains(part), "{part} is not in {message}");
        }
        let message = loaded(None).unwrap_err();
        for part in ["cannot read `", "trace.csv`", "scenario.ron:8:", "relative to the folder"] {
            assert!(message.contains(part), "{part} is not in {message}");
        }
        // The longest datagram is looked at too.
        let warnings = loaded(Some("0,1473\n")).unwrap().warnings;
        assert!(warnings.contains("sends packets of 1501 B"), "{warnings}");
    }
}
