//! Files that a scenario names: recorded traffic. They lie relative to the scenario's folder.

use super::Scenario;
use super::check::span_of;
use crate::tree::{Diagnostic, Diagnostics, Sources, Span, Tree};
use protosim_models::traffic::TraceFile;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What has been read so far, by the name in the scenario.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    folder: PathBuf,
    traces: BTreeMap<String, TraceFile>,
}

impl Files {
    /// Files beside the scenario at `path`.
    pub(super) fn beside(path: &str) -> Self {
        let folder = Path::new(path).parent().unwrap_or(Path::new("")).to_owned();
        Self { folder, traces: BTreeMap::new() }
    }

    /// Reads each file that the scenario names once, and gives it to who named it.
    pub(super) fn read(
        &mut self,
        tree: &Tree,
        scenario: &mut Scenario,
        sources: &mut Sources,
        mistakes: &mut Diagnostics,
    ) {
        for (index, app) in scenario.apps.iter_mut().enumerate() {
            let Some((field, file)) = app.run.trace_file() else { continue };
            if self.traces.contains_key(file.path()) {
                continue;
            }
            let place = span_of(tree, &format!("apps.{index}.run.{field}"));
            let mut trace = file.clone();
            if !file.path().is_empty() {
                self.read_trace(&mut trace, place, sources, mistakes);
            } else {
                let message = "a trace needs the name of a file";
                mistakes.push(Diagnostic::error("scenario::file", place, message));
            }
            // What cannot be read is complained of once.
            self.traces.insert(trace.path().to_owned(), trace);
        }
        self.fill(scenario);
    }

    /// Gives what was read to who named it.
    pub(super) fn fill(&self, scenario: &mut Scenario) {
        for app in &mut scenario.apps {
            if let Some((_, file)) = app.run.trace_file()
                && let Some(read) = self.traces.get(file.path())
            {
                *file = read.clone();
            }
        }
    }

    fn read_trace(&self, trace: &mut TraceFile, place: Span, sources: &mut Sources, mistakes: &mut Diagnostics) {
        let path = self.folder.join(trace.path());
        let shown = path.display().to_string();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                let help = "the name is relative to the folder of the scenario".to_owned();
                let message = format!("cannot read `{shown}`: {error}");
                mistakes.push(Diagnostic::error("scenario::file", place, message).help(help));
                return;
            }
        };
        if let Err(wrong) = trace.resolve(&text) {
            let source = sources.add(shown, text);
            for error in wrong {
                let there = Span::new(source, error.range);
                let named = "named here";
                mistakes.push(Diagnostic::error("scenario::bad-trace", there, error.message).also(place, named));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::{Request, load};

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
            let (_, file) = scenario.apps[1].run.trace_file().unwrap();
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
        // The longest datagram must fit.
        let message = loaded(Some("0,1473\n")).unwrap_err();
        assert!(message.contains("sends packets of 1501 B"), "{message}");
    }
}
