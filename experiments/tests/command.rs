//! The command as a user has it: parts of an experiment, interruption, limits.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Two variants, two losses, two replications: eight runs of some milliseconds.
const SMALL: &str = r#"(
    format: 1,
    title: "Small",
    nodes: [(name: "a"), (name: "b")],
    links: [(name: "ab", ends: ("a", "b"), rate: "1 Mbit/s", delay: "5 ms", loss: "0 %")],
    apps: [
        (name: "server", on: "b", run: CoapServer()),
        (name: "client", on: "a", run: CoapClient(to: "b", requests: 10, interval: "1 s")),
    ],
    warmup: "2500 ms",
    window: "5 s",
    replications: 2,
    variants: [(name: "fast"), (name: "slow", set: {"links.ab.rate": "10 kbit/s"})],
    axes: [(name: "loss", path: "links.ab.loss", values: ["0 %", "10 %"])],
    figures: [(name: "f", title: "F", panels: [(x: "loss", x_label: "Loss", y_label: "Time", series: [(label: "CON", app: "client", metric: MeanCompletion)])])],
    expect: [(app: "client", metric: Completed, must: BeAtLeast("0.5"))],
)"#;

/// One run of a moment, and one that no test can wait for.
const ENDLESS: &str = r#"(
    format: 1,
    title: "Endless",
    nodes: [(name: "a"), (name: "b")],
    links: [(name: "ab", ends: ("a", "b"), rate: "1 Gbit/s", delay: "1 ms")],
    apps: [
        (name: "sink", on: "b", run: UdpSink(port: 9)),
        (name: "source", on: "a", run: UdpSource(to: "b", port: 9, rate: "100 Mbit/s", payload: "1000 B", stop: "1 s")),
    ],
    axes: [(name: "stop", path: "apps.source.run.stop", values: ["1 ms", "30 d"])],
)"#;

fn protosim(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_protosim"));
    command.current_dir(folder).args(arguments);
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    protosim(folder, arguments).output().unwrap()
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn manifest(folder: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(folder.join("manifest.json")).unwrap()).unwrap()
}

/// The rows of a table by the names of its columns; no cell of these has a comma.
fn rows(path: &Path) -> Vec<std::collections::BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| header.iter().map(|h| (*h).to_owned()).zip(line.split(',').map(str::to_owned)).collect();
    lines.map(row).collect()
}

fn scratch(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("small.ron"), text).unwrap();
    folder
}

/// Requests start at 0, 1, … 9 s; the window goes from 2.5 s to 7.5 s: five of ten count.
#[test]
fn tables_name_the_variant_and_what_counts() {
    let scratch = scratch(SMALL);
    let output = run(scratch.path(), &["run", "small.ron"]);
    assert_eq!(status(&output), 0, "{}", errors(&output));
    let results = scratch.path().join("results/small");
    assert_eq!(manifest(&results)["partial"], false);
    let exchanges = rows(&results.join("exchanges.csv"));
    assert_eq!(exchanges.len(), 8 * 10);
    for row in &exchanges {
        let start: f64 = row["started_s"].parse().unwrap();
        assert_eq!(row["counted"] == "true", (2.5..7.5).contains(&start), "{row:?}");
        let point: usize = row["point"].parse().unwrap();
        assert_eq!(row["variant"], ["fast", "slow"][point / 2]);
        assert_eq!(row["loss"].parse::<f64>().unwrap(), [0.0, 0.1][point % 2]);
    }
    let summary = rows(&results.join("summary.csv"));
    let completed = summary.iter().find(|row| row["metric"] == "completed" && row["point"] == "2").unwrap();
    assert_eq!((completed["n"].as_str(), completed["variant"].as_str()), ("10", "slow"));
    let figure = std::fs::read_to_string(results.join("figures/f.svg")).unwrap();
    assert!(figure.len() > 1000);
}

#[test]
fn a_part_keeps_its_numbers_and_does_not_replace_the_whole() {
    let scratch = scratch(SMALL);
    let whole = scratch.path().join("results/small");
    assert_eq!(status(&run(scratch.path(), &["run", "small.ron", "--quiet"])), 0);
    let all = rows(&whole.join("exchanges.csv"));
    let refused = run(scratch.path(), &["run", "small.ron", "--point", "3"]);
    assert_eq!(status(&refused), 2);
    assert!(errors(&refused).contains("holds results of the whole experiment"), "{}", errors(&refused));
    let output = run(scratch.path(), &["run", "small.ron", "--point", "3", "--rep", "1", "--out", "part"]);
    assert_eq!(status(&output), 0, "{}", errors(&output));
    let part = scratch.path().join("part");
    assert_eq!(manifest(&part)["partial"], true);
    let wanted: Vec<_> = all.into_iter().filter(|row| row["point"] == "3" && row["replication"] == "1").collect();
    assert_eq!(wanted.len(), 10);
    assert_eq!(rows(&part.join("exchanges.csv")), wanted);
    // What is whole takes the place of a part, and a part that of a part.
    assert_eq!(status(&run(scratch.path(), &["run", "small.ron", "--variant", "slow", "--out", "part", "-q"])), 0);
    assert!(rows(&part.join("digests.csv")).iter().all(|row| row["variant"] == "slow"));
    assert_eq!(status(&run(scratch.path(), &["run", "small.ron", "--out", "part", "-q"])), 0);
    assert_eq!(manifest(&part)["partial"], false);
    assert_eq!(
        status(&run(scratch.path(), &["run", "small.ron", "--until", "8 s", "--out", "part", "-q", "--force"])),
        0
    );
    assert_eq!(manifest(&part)["partial"], true);
}

/// Diagrams and events are files beside the others, which stay the same bytes; another run without them takes them away.
#[test]
fn diagrams_and_events_are_listed_and_change_nothing() {
    let scratch = scratch(SMALL);
    let results = scratch.path().join("results/small");
    let files = |arguments: &[&str]| {
        let output = run(scratch.path(), &[&["run", "small.ron", "-q"], arguments].concat());
        assert_eq!(status(&output), 0, "{}", errors(&output));
        manifest(&results)["files"].as_object().unwrap().clone()
    };
    let plain = files(&[]);
    let mut looking = files(&["--ladder", "--events", "--threads", "2", "--jobs", "3"]);
    let again = files(&["--ladder", "--events", "--jobs", "1"]);
    assert_eq!(looking, again);
    for ending in ["svg", "png", "pdf"] {
        for point in 0..4 {
            let name = format!("diagrams/ladder-point-{point:03}.{ending}");
            assert!(looking.remove(&name).is_some(), "{name}");
            assert!(std::fs::metadata(results.join(&name)).unwrap().len() > 1000);
        }
    }
    assert!(looking.remove("events.jsonl").is_some());
    assert_eq!(looking, plain);
    let events = std::fs::read_to_string(results.join("events.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Ten requests in the first replication of each of four points.
    assert_eq!(lines.iter().filter(|line| line["kind"] == "exchange-started").count(), 40);
    assert!(lines.iter().all(|line| line["replication"] == 0));
    files(&[]);
    assert!(!results.join("events.jsonl").exists() && !results.join("diagrams/ladder-point-000.svg").exists());
    let wide = SMALL.replace(
        "[\"0 %\", \"10 %\"]",
        "[\"0 %\", \"1 %\", \"2 %\", \"3 %\", \"4 %\", \"5 %\", \"6 %\", \"7 %\", \"8 %\", \"9 %\", \"10 %\"]",
    );
    std::fs::write(scratch.path().join("wide.ron"), wide).unwrap();
    let refused = run(scratch.path(), &["run", "wide.ron", "--ladder"]);
    assert!(status(&refused) == 2 && errors(&refused).contains("for 22 points; choose one with --point"));
}

#[test]
fn parts_that_are_not_there_are_refused() {
    let scratch = scratch(SMALL);
    for (arguments, expected) in [
        (&["--point", "4"][..], "from 0 to 3"),
        (&["--rep", "2"], "from 0 to 1"),
        (&["--variant", "slwo"], "did you mean `slow`?"),
        (&["--point", "0", "--variant", "slow"], "of variant `fast`"),
        (&["--until", "5"], "needs a unit"),
    ] {
        let output = run(scratch.path(), &[&["run", "small.ron"], arguments].concat());
        assert_eq!(status(&output), 2);
        assert!(errors(&output).contains(expected), "{}", errors(&output));
        assert!(!scratch.path().join("results").exists());
    }
}

/// The first run is done in a moment; then comes the signal.
#[cfg(unix)]
#[test]
fn an_interrupt_leaves_what_is_finished() {
    let scratch = scratch(ENDLESS);
    let arguments = ["run", "small.ron", "--jobs", "1", "--out", "results"];
    let mut child = protosim(scratch.path(), &arguments).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.find(|line| line.contains("of 2 runs")).as_deref(), Some("1 of 2 runs"));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    let results = scratch.path().join("results");
    let manifest = manifest(&results);
    assert_eq!(manifest["partial"], true);
    assert_eq!(manifest["partial_because"][0], "interrupted after 1 of 2 runs");
    assert!(rows(&results.join("digests.csv")).iter().all(|row| row["point"] == "0"));
}

/// With nothing finished there are tables without rows.
#[cfg(unix)]
#[test]
fn an_interrupt_at_once_leaves_empty_tables() {
    let scratch = scratch(&ENDLESS.replace("1 ms\", \"30 d", "20 d\", \"30 d"));
    let arguments = ["run", "small.ron", "--jobs", "2", "--out", "results"];
    let mut child = protosim(scratch.path(), &arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("2 points")));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert!(lines.count() > 0);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(rows(&scratch.path().join("results/digests.csv")).is_empty());
}

/// What was cut short is put beside whole results of the same experiment.
#[test]
fn whole_results_survive_a_run_that_is_cut_short() {
    let scratch = scratch(SMALL);
    assert_eq!(status(&run(scratch.path(), &["run", "small.ron", "-q"])), 0);
    let whole = std::fs::read(scratch.path().join("results/small/manifest.json")).unwrap();
    let output = run(scratch.path(), &["run", "small.ron", "-q", "--set", "limits.events=30"]);
    assert_eq!(status(&output), 2);
    assert!(errors(&output).contains("results are partial"), "{}", errors(&output));
    assert_eq!(std::fs::read(scratch.path().join("results/small/manifest.json")).unwrap(), whole);
    assert_eq!(manifest(&scratch.path().join("results/small.partial"))["partial"], true);
}

/// 100 Mbit/s of 1000 B packets are 12,500 a second: the run of 1 ms has some dozen events, that of 30 d hits the limit.
#[test]
fn a_run_that_reaches_a_limit_leaves_what_it_has() {
    let scratch = scratch(ENDLESS);
    let output = run(scratch.path(), &["run", "small.ron", "--set", "limits.events=20000", "--out", "results"]);
    assert_eq!(status(&output), 2, "{}", errors(&output));
    let words = errors(&output);
    assert!(words.contains("point 1, replication 0: stopped at") && words.contains("after 20000 events; `"), "{words}");
    let results = scratch.path().join("results");
    assert_eq!(manifest(&results)["partial"], true);
    let counters = rows(&results.join("counters.csv"));
    let sent: Vec<u64> = ["0", "1"]
        .iter()
        .map(|point| {
            let of_point = counters.iter().filter(|row| row["point"] == **point && row["node"] == "a");
            let mut originated = of_point.filter(|row| row["counter"] == "originated packets");
            originated.next().unwrap()["value"].parse().unwrap()
        })
        .collect();
    assert!((1..100).contains(&sent[0]) && sent[1] > 1000, "{sent:?}");
}

/// Results know the recorded losses that they were made with, and find them where they were: the folder of results lies elsewhere. A
/// changed file is named, one that is gone too, and results of another file have another configuration.
#[test]
fn results_know_the_files_that_they_were_made_with() {
    let text = SMALL.replace("loss: \"0 %\")", "loss: \"0 %\", impair: (loss_trace: \"losses.txt\"))");
    let folder = scratch(&text);
    let (there, out) = (folder.path(), folder.path().join("far/away"));
    let losses = there.join("losses.txt");
    // Longer than what is sent: nothing is lost.
    let recorded = |passed: usize| "0\n".repeat(passed) + "1\n";
    std::fs::write(&losses, recorded(20)).unwrap();
    let out = out.to_str().unwrap();
    assert_eq!(status(&run(there, &["run", "small.ron", "--out", out])), 0);
    let before = manifest(Path::new(out));
    // By sha256sum.
    let hash = "c31667988ad38c58fabe46ade83207445956993d40c4b2bb4e0cb36150908470";
    assert_eq!(before["inputs"], serde_json::json!({ "losses.txt": hash }));
    let elsewhere = tempfile::tempdir().unwrap();
    let diff = || run(elsewhere.path(), &["diff", out, out]);
    assert_eq!(status(&diff()), 0, "{}", errors(&diff()));
    std::fs::write(&losses, recorded(21)).unwrap();
    assert_eq!(status(&diff()), 2);
    for part in ["losses.txt` has changed since the results in", "put the old one back"] {
        assert!(errors(&diff()).contains(part), "{}", errors(&diff()));
    }
    std::fs::remove_file(&losses).unwrap();
    assert_eq!(status(&diff()), 2);
    assert!(errors(&diff()).contains("were made with the file `losses.txt`: cannot read"), "{}", errors(&diff()));
    std::fs::write(&losses, recorded(21)).unwrap();
    assert_eq!(status(&run(there, &["run", "small.ron", "--out", out])), 0);
    assert_ne!(manifest(Path::new(out))["configuration_sha256"], before["configuration_sha256"]);
}

#[test]
fn mistakes_are_explained_and_shells_completed() {
    let scratch = scratch(SMALL);
    let output = run(scratch.path(), &["explain", "scenario::no-effect"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("Mend:"));
    assert_eq!(status(&run(scratch.path(), &["explain", "scenario::nonsense-at-all"])), 2);
    for shell in ["bash", "zsh", "fish"] {
        let output = run(scratch.path(), &["completions", shell]);
        assert!(String::from_utf8_lossy(&output.stdout).contains("completions"));
    }
}

/// Files beside the scenario are included by names relative to it, wherever the command is run.
#[test]
fn files_are_included_relative_to_the_scenario() {
    let scratch = scratch("");
    let inner = scratch.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    std::fs::write(inner.join("base.ron"), SMALL).unwrap();
    let over = r#"(include: ["base.ron"], title: "Over it", links: [(name: "ab", delay: "7 ms")])"#;
    std::fs::write(inner.join("over.ron"), over).unwrap();
    let output = run(scratch.path(), &["check", "inner/over.ron"]);
    assert_eq!(status(&output), 0, "{}", errors(&output));
    std::fs::write(inner.join("over.ron"), over.replace("base.ron", "bsae.ron")).unwrap();
    let refused = errors(&run(scratch.path(), &["check", "inner/over.ron"]));
    assert!(refused.contains("did you mean \"base.ron\"?"), "{refused}");
}
