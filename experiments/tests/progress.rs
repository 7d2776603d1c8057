//! `protosim run --json`: every line is an object of the documented schema, and nothing else is printed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
#[cfg(unix)]
use std::io::{BufRead, BufReader};
use std::path::Path;
#[cfg(unix)]
use std::process::Stdio;
use std::process::{Command, Output};

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
    replications: 2,
    variants: [(name: "fast"), (name: "slow", set: {"links.ab.rate": "10 kbit/s"})],
    axes: [(name: "loss", path: "links.ab.loss", values: ["0 %", "10 %"])],
    figures: [(name: "f", title: "F", panels: [(x: "loss", x_label: "Loss", y_label: "Time", series: [(label: "CON", app: "client", metric: MeanCompletion)])])],
    expect: [(app: "client", metric: Completed, must: BeAtLeast("0.5"))],
)"#;

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_protosim")).current_dir(folder).args(arguments).output().unwrap()
}

/// The status, and the lines, each of which is valid; standard error stays empty.
fn lines(folder: &Path, arguments: &[&str]) -> (i32, Vec<Value>) {
    let output = run(folder, &[&["run", "small.ron", "--json"], arguments].concat());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let schema = run(folder, &["schema", "--progress"]);
    let schema: Value = serde_json::from_slice(&schema.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        assert!(validator.is_valid(line), "{line}");
    }
    let status = output.status.code().unwrap();
    let last = lines.last().unwrap();
    assert_eq!((last["event"].as_str(), last["status"].as_i64()), (Some("done"), Some(i64::from(status))));
    assert!(last["seconds"].as_f64().unwrap() > 0.0);
    (status, lines)
}

fn of_kind<'l>(lines: &'l [Value], kind: &str) -> Vec<&'l Value> {
    lines.iter().filter(|line| line["event"] == kind).collect()
}

fn scratch(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("small.ron"), text).unwrap();
    folder
}

#[test]
fn every_run_and_every_file_is_told() {
    let scratch = scratch(SMALL);
    let (status, lines) = lines(scratch.path(), &["--capture", "--jobs", "2"]);
    assert_eq!(status, 0);
    let started = &lines[0];
    assert_eq!(started["event"], "started");
    for (field, value) in [("format", 1), ("points", 4), ("replications", 2), ("runs", 8), ("seed", 1), ("jobs", 2)] {
        assert_eq!(started[field], value, "{field}");
    }
    assert_eq!((&started["experiment"], &started["title"]), (&Value::from("small"), &Value::from("Small")));
    let manifest = std::fs::read_to_string(scratch.path().join("results/small/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(started["sources_sha256"], manifest["sources_sha256"]);
    let runs = of_kind(&lines, "run");
    let mut told: Vec<(u64, u64)> =
        runs.iter().map(|run| (run["point"].as_u64().unwrap(), run["replication"].as_u64().unwrap())).collect();
    told.sort_unstable();
    let all: Vec<(u64, u64)> = (0..4).flat_map(|point| (0..2).map(move |k| (point, k))).collect();
    assert_eq!(told, all);
    for (number, run) in (1..).zip(&runs) {
        assert_eq!((run["done"].as_u64(), run["of"].as_u64()), (Some(number), Some(8)));
        assert_eq!(run["variant"], if run["point"].as_u64().unwrap() < 2 { "fast" } else { "slow" });
        // Ten requests and responses are at least twenty arrivals; the last request starts at 9 s.
        assert!(run["events"].as_u64().unwrap() >= 20 && run["packet_hops"].as_u64().unwrap() >= 20, "{run}");
        assert!(run["simulated_s"].as_f64().unwrap() >= 9.0 && run["wall_s"].as_f64().unwrap() > 0.0, "{run}");
    }
    assert!(runs.iter().all(|run| run["reused"] == false));
    let written = of_kind(&lines, "written");
    let path = |line: &&Value| line["path"].as_str().unwrap().to_owned();
    let written: Vec<String> = written.iter().map(path).collect();
    // Five tables twice, a figure in three forms, the manifest, the log, and a capture of each point.
    assert_eq!(written.len(), 10 + 3 + 2 + 4, "{written:?}");
    assert!(written.iter().all(|path| scratch.path().join(path).is_file()), "{written:?}");
    let expectations = of_kind(&lines, "expectation");
    assert!(expectations.len() == 1 && expectations[0]["holds"] == true, "{expectations:?}");
}

/// Runs that were made before are told as such, without what they took.
#[test]
fn runs_that_are_there_already_are_told() {
    let scratch = scratch(SMALL);
    for is_reused in [false, true] {
        let (status, lines) = lines(scratch.path(), &["--cache", "cache"]);
        assert_eq!((status, of_kind(&lines, "run").len()), (0, 8));
        for run in of_kind(&lines, "run") {
            assert_eq!((run["reused"].as_bool(), run.get("wall_s").is_none()), (Some(is_reused), is_reused), "{run}");
        }
    }
}

/// What went wrong is told in lines, and by the status.
#[test]
fn what_goes_wrong_is_told_in_lines() {
    let scratch = scratch(&SMALL.replace("BeAtLeast(\"0.5\")", "BeAtMost(\"0.5\")"));
    let (status, told) = lines(scratch.path(), &[]);
    assert_eq!(status, 1);
    assert_eq!(of_kind(&told, "expectation")[0]["holds"], false);
    // A part says why it is one.
    let (status, told) = lines(scratch.path(), &["--point", "1", "--out", "part"]);
    assert_eq!((status, &told[0]["runs"]), (1, &Value::from(2)));
    assert_eq!(told[0]["partial_because"], serde_json::json!(["point 1 alone"]));
    // Runs that reach a limit.
    let (status, told) = lines(scratch.path(), &["--set", "limits.events=15", "--out", "limited"]);
    assert_eq!((status, of_kind(&told, "failure").len()), (2, 8));
    assert!(of_kind(&told, "failure")[0]["message"].as_str().unwrap().contains("after 15 events"), "{told:?}");
    assert!(of_kind(&told, "warning").iter().any(|line| line["message"].as_str().unwrap().contains("partial")));
    // A mistake: nothing runs.
    let (status, told) = lines(scratch.path(), &["--set", "links.ab.rate=\"5 MB/s\""]);
    assert_eq!((status, told.len()), (2, 2));
    assert!(told[0]["message"].as_str().unwrap().contains("is not a unit of a rate"), "{told:?}");
    // Something that is probably not meant.
    std::fs::write(scratch.path().join("small.ron"), SMALL.replace("requests: 10", "requests: 10, port: 9999"))
        .unwrap();
    let (status, told) = lines(scratch.path(), &["--out", "nobody"]);
    assert!(status == 1 && told[0]["message"].as_str().unwrap().contains("nobody-listens"), "{told:?}");
    assert_eq!((&told[0]["event"], &told[1]["event"]), (&Value::from("warning"), &Value::from("started")));
}

/// One run of a moment, and one that no test can wait for: a signal between them.
#[cfg(unix)]
#[test]
fn an_interrupt_is_the_last_status() {
    let endless = r#"(
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
    let scratch = scratch(endless);
    let mut child = Command::new(env!("CARGO_BIN_EXE_protosim"))
        .current_dir(scratch.path())
        .args(["run", "small.ron", "--json", "--jobs", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut lines = text.map(|line| serde_json::from_str::<Value>(&line).unwrap());
    assert!(lines.any(|line| line["event"] == "run"));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let rest: Vec<Value> = lines.collect();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(130), &b""[..]));
    assert_eq!(rest.last().unwrap()["status"], 130);
    let warning = rest.iter().find(|line| line["event"] == "warning").unwrap();
    assert!(warning["message"].as_str().unwrap().contains("interrupted after 1 of 2 runs"), "{warning}");
}

/// The schema that the documentation has is the one of this program.
#[test]
fn the_documented_schema_is_that_of_the_program() {
    let scratch = scratch(SMALL);
    let printed = run(scratch.path(), &["schema", "--progress"]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/progress.schema.json");
    let documented = std::fs::read_to_string(path).unwrap();
    assert!(
        documented == String::from_utf8(printed.stdout).unwrap(),
        "run `protosim schema --progress > docs/progress.schema.json`"
    );
}
