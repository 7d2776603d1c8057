//! `protosim reproduce` and `protosim diff` as a user has them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

/// Two losses, three replications: six runs of some milliseconds.
const SMALL: &str = r#"(
    format: 1,
    title: "Small",
    nodes: [(name: "a"), (name: "b")],
    links: [(name: "ab", ends: ("a", "b"), rate: "1 Mbit/s", delay: "5 ms", loss: "0 %")],
    apps: [
        (name: "server", on: "b", run: CoapServer()),
        (name: "client", on: "a", run: CoapClient(to: "b", requests: 10, interval: "1 s")),
    ],
    replications: 3,
    variants: [(name: "fast"), (name: "slow", set: {"links.ab.rate": "10 kbit/s"})],
    axes: [(name: "loss", path: "links.ab.loss", values: ["0 %", "10 %"])],
    measure: [(link: "ab", direction: Forward, metric: LossShare)],
    figures: [(name: "f", title: "F", panels: [(x: "loss", x_label: "Loss", y_label: "Time", series: [(label: "CON", app: "client", metric: MeanCompletion)])])],
)"#;

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_protosim")).current_dir(folder).args(arguments).output().unwrap()
}

/// The status, and what was printed to both.
fn told(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = run(folder, arguments);
    let words = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), words)
}

fn is_done(folder: &Path, arguments: &[&str]) {
    let (status, words) = told(folder, arguments);
    assert_eq!(status, 0, "{words}");
}

fn scratch(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("small.ron"), text).unwrap();
    folder
}

/// Changes the manifest of a folder.
fn forge(folder: &Path, change: impl FnOnce(&mut serde_json::Value)) {
    let path = folder.join("manifest.json");
    let mut manifest: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut manifest);
    std::fs::write(&path, manifest.to_string()).unwrap();
}

/// What lies in a folder, by name.
fn entries(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn results_are_reproduced_with_what_was_looked_at() {
    let scratch = scratch(SMALL);
    let there = scratch.path();
    is_done(
        there,
        &["run", "small.ron", "-q", "--events", "--ladder", "--set", "links.ab.delay=\"6 ms\"", "--seed", "7"],
    );
    let before = entries(&there.join("results"));
    let (status, words) = told(there, &["reproduce", "results/small/manifest.json", "--jobs", "1"]);
    assert_eq!(status, 0, "{words}");
    // Five tables twice, a figure and four ladders in three forms, the events.
    assert!(words.contains("reproduced: all 26 files agree"), "{words}");
    assert!(words.contains("events.jsonl") && words.contains("diagrams/ladder-point-003.pdf"), "{words}");
    // Nothing stays beside it, and nothing of it is changed.
    assert_eq!(entries(&there.join("results")), before);
    // The folder will do, from elsewhere too; --keep keeps.
    let folder = there.join("results/small");
    let elsewhere = tempfile::tempdir().unwrap();
    let keep = ["reproduce", folder.to_str().unwrap(), "--keep", "kept", "-q"];
    assert_eq!(told(elsewhere.path(), &keep), (0, String::new()));
    for name in ["summary.parquet", "figures/f.png", "events.jsonl", "manifest.json"] {
        let read = |folder: &Path| std::fs::read(folder.join(name)).unwrap();
        assert!(read(&folder) == read(&elsewhere.path().join("kept")), "{name}");
    }
    let (status, words) = told(&folder, &["reproduce", ".", "--keep", "."]);
    assert!(status == 2 && words.contains("the folder that is to be reproduced"), "{words}");
}

#[test]
fn parts_are_reproduced_and_what_was_cut_short_is_not() {
    let scratch = scratch(SMALL);
    let there = scratch.path();
    let part = ["--variant", "slow", "--rep", "1", "--until", "8 s"];
    is_done(there, &[&["run", "small.ron", "-q", "--out", "part"], &part[..]].concat());
    let (status, words) = told(there, &["reproduce", "part"]);
    assert_eq!(status, 0, "{words}");
    let (status, _) = told(there, &["run", "small.ron", "-q", "--out", "cut", "--set", "limits.events=15"]);
    assert_eq!(status, 2);
    let (status, words) = told(there, &["reproduce", "cut"]);
    assert!(
        status == 2 && words.contains("of runs that were cut short: point 0, replication 0: stopped at"),
        "{words}"
    );
}

#[test]
fn what_does_not_agree_is_named() {
    let scratch = scratch(SMALL);
    let there = scratch.path();
    is_done(there, &["run", "small.ron", "-q"]);
    let folder = there.join("results/small");
    // Another luck than what the tables were made with.
    forge(&folder, |manifest| {
        let text = manifest["scenario"].as_str().unwrap().replace("replications: 3", "seed: 2, replications: 3");
        manifest["scenario"] = text.into();
        manifest["files"]["figures/old.svg"] = "0".into();
    });
    let (status, words) = told(there, &["reproduce", "results/small"]);
    assert_eq!(status, 1, "{words}");
    let line = |name: &str| words.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(line("exchanges.csv").ends_with("differs") && line("figures/old.svg").ends_with("is not made any more"));
    assert!(words.contains("files do not agree"), "{words}");
    assert!(words.contains("first difference in point ") && words.contains("the recorded digests of "), "{words}");
}

#[test]
fn what_cannot_be_reproduced_is_refused_plainly() {
    let scratch = scratch(&SMALL.replace("loss: \"0 %\")", "loss: \"0 %\", impair: (loss_trace: \"losses.txt\"))"));
    let there = scratch.path();
    std::fs::write(there.join("losses.txt"), "0\n0\n1\n").unwrap();
    is_done(there, &["run", "small.ron", "-q"]);
    is_done(there, &["reproduce", "results/small", "-q"]);
    let refused = |expected: &str| {
        let (status, words) = told(there, &["reproduce", "results/small", "-q"]);
        assert!(status == 2 && words.contains(expected), "{words}");
        assert_eq!(entries(&there.join("results")), ["small"]);
    };
    std::fs::write(there.join("losses.txt"), "0\n1\n").unwrap();
    refused("losses.txt` has changed since");
    std::fs::write(there.join("losses.txt"), "0\n0\n1\n").unwrap();
    // Another version runs when told to, and is told of in any case.
    forge(&there.join("results/small"), |manifest| manifest["sources_sha256"] = "0123456789abcdef".into());
    refused("sources 0123456789ab, and this is version");
    let (status, words) = told(there, &["reproduce", "results/small", "--other-version"]);
    assert!(status == 0 && words.contains("warning: ") && words.contains("sources 0123456789ab"), "{words}");
    std::fs::write(there.join("results/small/manifest.json"), "{}").unwrap();
    refused("has no `experiment`");
    std::fs::write(there.join("results/small/manifest.json"), "hello").unwrap();
    refused("is not a manifest");
    std::fs::remove_file(there.join("results/small/manifest.json")).unwrap();
    refused("cannot read `");
}

/// At 1 Mbit/s a request of 4 + 5 + 28 B and a response of 48 B, at 2 Mbit/s in half of the time: where nothing is lost that is the same in
/// every replication.
#[test]
fn a_difference_is_told_in_words() {
    let scratch = scratch(SMALL);
    let there = scratch.path();
    is_done(there, &["run", "small.ron", "-q", "--out", "one"]);
    is_done(there, &["run", "small.ron", "-q", "--out", "two", "--set", "links.ab.rate=\"2 Mbit/s\""]);
    let (status, words) = told(there, &["diff", "one", "two"]);
    assert_eq!(status, 1, "{words}");
    for expected in [
        "A is one, B is two",
        "configuration: 1 field differs",
        "  links.ab.rate: \"1 Mbit/s\" in A, \"2 Mbit/s\" in B",
        "paired t test of 3 replications on the same luck",
        "completion mean of `client` at loss = 0 %, variant fast: 10.7 ms against 10.4 ms",
        "4 of links, sinks or connections not compared",
        "first difference in point 0, replication 0:",
        "  link ab:a->b",
    ] {
        assert!(words.contains(expected), "`{expected}` is not in\n{words}");
    }
    // Run, everything is compared.
    let (status, words) = told(there, &["diff", "one", "two", "--run", "--all", "--jobs", "2"]);
    assert!(status == 1 && !words.contains("not compared"), "{words}");
    let (_, of_scenarios) = told(there, &["diff", "small.ron", "two"]);
    assert!(
        of_scenarios.contains("metrics: not compared") && of_scenarios.contains("first difference"),
        "{of_scenarios}"
    );
}

/// What does not touch an event is a difference in the configuration, and still the same runs. Where another part of a run counts, the same
/// events are other metrics.
#[test]
fn the_same_events_are_no_difference() {
    let scratch = scratch(SMALL);
    let there = scratch.path();
    is_done(there, &["run", "small.ron", "-q", "--out", "one"]);
    let (status, words) = told(there, &["diff", "one", "one"]);
    assert_eq!(status, 0, "{words}");
    assert!(words.contains("configuration: the same") && words.contains("no difference: 12 runs agree"), "{words}");
    is_done(there, &["run", "small.ron", "-q", "--out", "two", "--set", "title=\"Other\"", "--set", "warmup=\"5 s\""]);
    let (status, words) = told(there, &["diff", "one", "two"]);
    assert_eq!(status, 0, "{words}");
    assert!(words.contains("  title: Small in A, Other in B"), "{words}");
    assert!(words.contains("  warmup: the default in A, \"5 s\" in B"), "{words}");
    assert!(words.contains("no difference: 12 runs agree") && words.contains("metrics: "), "{words}");
    // A part is compared as far as it goes.
    is_done(there, &["run", "small.ron", "-q", "--out", "part", "--point", "1"]);
    let (status, words) = told(there, &["diff", "one", "part"]);
    assert_eq!(status, 0, "{words}");
    for expected in ["B is of a part of the experiment: point 1 alone", "3 runs agree", "9 runs not compared"] {
        assert!(words.contains(expected), "`{expected}` is not in\n{words}");
    }
}
