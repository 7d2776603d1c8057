//! A plan of a sweep: its shards, merged, are the same bytes as one run; what does not fit is refused. And `--dry-run`, which plans are made from.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::files;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// What the scenario includes.
const BASE: &str = r#"(
    format: 1,
    title: "Small",
    nodes: [(name: "a"), (name: "b")],
    links: [(name: "ab", ends: ("a", "b"), rate: "1 Mbit/s", delay: "5 ms", loss: "0 %")],
    apps: [
        (name: "server", on: "b", run: CoapServer()),
        (name: "client", on: "a", run: CoapClient(to: "b", requests: 10, interval: "1 s")),
        (name: "sink", on: "b", run: UdpSink(port: 9)),
        (name: "source", on: "a", run: UdpSource(to: "b", port: 9, pattern: Replay(file: "trace.csv"))),
    ],
)"#;

/// Four points, of which two take fifty times as long as the others; five replications.
const SMALL: &str = r#"(
    format: 1,
    title: "Small",
    include: ["base.ron"],
    replications: 5,
    apps: [],
    axes: [
        (name: "loss", path: "links.ab.loss", values: ["0 %", "10 %"]),
        (name: "requests", path: "apps.client.run.requests", values: [20, 1000]),
    ],
)"#;

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_protosim"));
    command.current_dir(folder).args(arguments).env_remove("PROTOSIM_CACHE").output().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs what has to succeed; returns what it prints.
fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", errors(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs what has to be refused, with these words.
fn refused(folder: &Path, arguments: &[&str], words: &[&str]) {
    let output = run(folder, arguments);
    let errors = errors(&output);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
    assert!(words.iter().all(|word| errors.contains(word)), "{arguments:?}: {words:?}: {errors}");
}

/// A folder with the scenario and its files.
fn scratch() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    folder
}

fn write(folder: &Path) {
    for (name, text) in [("small.ron", SMALL), ("base.ron", BASE), ("trace.csv", "0,100\n0.5,1400\n")] {
        fs::write(folder.join(name), text).unwrap();
    }
}

fn plan(folder: &Path, name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.join(name)).unwrap()).unwrap()
}

/// All shards of a plan, in `results`.
fn shards(folder: &Path, plan: &str, of: usize) {
    for number in 1..=of {
        done(folder, &["run", plan, "--shard", &format!("{number}/{of}"), "--quiet"]);
    }
}

/// In any order they are one run. What the scenario includes is in the plan, and no longer needed.
#[test]
fn shards_of_a_plan_are_one_run() {
    let scratch = scratch();
    let folder = scratch.path();
    let changed = ["--set", "links.ab.delay=\"7 ms\"", "--seed", "3"];
    done(folder, &[&["run", "small.ron", "--quiet", "--out", "whole"][..], &changed].concat());
    let said = done(folder, &[&["plan", "small.ron", "--shards", "3"][..], &changed].concat());
    assert!(said.contains("small.plan.json: 20 runs in 3 shards") && said.contains("trial run"), "{said}");
    let plan = plan(folder, "small.plan.json");
    assert_eq!((&plan["experiment"], &plan["shards"]), (&Value::from("small"), &Value::from(3)));
    assert_eq!(plan["origin"]["file"], "small.ron");
    fs::remove_file(folder.join("base.ron")).unwrap();
    shards(folder, "small.plan.json", 3);
    let wanted = files(&folder.join("whole"));
    for (number, order) in [[1, 2, 3], [3, 1, 2], [3, 2, 1]].iter().enumerate() {
        let names = order.map(|shard| format!("results/small.shard-{shard}-of-3"));
        let out = format!("merged-{number}");
        let output = run(folder, &["merge", &names[0], &names[1], &names[2], "--quiet", "--out", &out]);
        assert_eq!((output.status.code(), errors(&output).as_str()), (Some(0), ""));
        assert!(files(&folder.join(out)) == wanted, "{order:?}");
    }
    // By turns the file is the same each time, and no run is tried.
    for name in ["even.json", "again.json"] {
        done(folder, &["plan", "coap-loss", "--shards", "7", "--even", "--out", name]);
    }
    assert_eq!(fs::read(folder.join("even.json")).unwrap(), fs::read(folder.join("again.json")).unwrap());
}

/// Where replications are sequential a point is in one shard as a whole, and stops where it would in one run.
#[test]
fn sequential_points_are_planned_as_a_whole() {
    let scratch = scratch();
    let folder = scratch.path();
    let changed = [
        "--set=replications=40",
        "--set=sequential=(app: \"client\", metric: MeanCompletion, relative_half_width: \"40 %\", batch: 4)",
    ];
    done(folder, &[&["run", "small.ron", "--quiet", "--out", "whole"][..], &changed].concat());
    done(folder, &[&["plan", "small.ron", "--shards", "3"][..], &changed].concat());
    let plan = plan(folder, "small.plan.json");
    let pieces = plan["split"].as_array().unwrap().iter().flat_map(|shard| shard["runs"].as_array().unwrap());
    let mut points: Vec<u64> = pieces.map(|piece| piece["point"].as_u64().unwrap()).collect();
    points.sort_unstable();
    assert_eq!(points, [0, 1, 2, 3]);
    shards(folder, "small.plan.json", 3);
    let names = [2, 3, 1].map(|shard| format!("results/small.shard-{shard}-of-3"));
    done(folder, &["merge", &names[0], &names[1], &names[2], "--quiet", "--out", "merged"]);
    assert!(files(&folder.join("merged")) == files(&folder.join("whole")));
    refused(folder, &[&["plan", "small.ron", "--shards", "5", "--force"][..], &changed].concat(), &["5 shards"]);
}

/// Points that take fifty times as long are told from others, and spread over all shards.
#[test]
fn costs_are_told_apart() {
    let scratch = scratch();
    let said = done(scratch.path(), &["run", "small.ron", "--dry-run", "--json"]);
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seconds: Vec<f64> = lines[..4].iter().map(|line| line["wall_s"].as_f64().unwrap()).collect();
    // Beside other tests that are at work, a factor of fifty is at least one of five.
    assert!(seconds[1] > 5.0 * seconds[0] && seconds[3] > 5.0 * seconds[2], "{seconds:?}");
    done(scratch.path(), &["plan", "small.ron", "--shards", "5"]);
    let plan = plan(scratch.path(), "small.plan.json");
    for shard in plan["split"].as_array().unwrap() {
        let pieces = shard["runs"].as_array().unwrap();
        let long = pieces.iter().filter(|piece| piece["point"].as_u64().unwrap() % 2 == 1);
        let runs: u64 = long
            .map(|piece| piece["replications"][1].as_u64().unwrap() - piece["replications"][0].as_u64().unwrap() + 1)
            .sum();
        assert_eq!(runs, 2, "{shard}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let scratch = scratch();
    let folder = scratch.path();
    done(folder, &["plan", "small.ron", "--shards", "2", "--even"]);
    let name = "small.plan.json";
    let text = fs::read_to_string(folder.join(name)).unwrap();
    refused(folder, &["run", name], &["is a plan of 2 shards", "--shard 1/2", "protosim merge"]);
    refused(folder, &["run", name, "--dry-run"], &["is a plan of 2 shards"]);
    refused(folder, &["run", name, "--shard", "1/3"], &["has 2 shards", "1/2 to 2/2"]);
    refused(folder, &["run", name, "--shard", "1/2", "--seed", "2"], &["cannot be changed", "protosim plan"]);
    refused(folder, &["run", name, "--shard", "1/2", "--until", "5 s"], &["cannot be changed"]);
    refused(folder, &["run", "none.json", "--shard", "1/2"], &["cannot read `none.json`"]);
    refused(folder, &["plan", name, "--shards", "2"], &["is a plan already"]);
    refused(folder, &["check", name], &["is a plan, and scenarios alone"]);
    refused(folder, &["plan", "small.ron", "--shards", "2", "--out", "a.ron"], &["does not end in `.json`"]);
    refused(folder, &["plan", "small.ron", "--shards", "21"], &["there are 20 runs alone"]);
    refused(folder, &["plan", "small.ron", "--shards", "3", "--even"], &["is there already", "--force"]);
    let changed = |from: &str, to: &str, words: &[&str]| {
        assert!(text.contains(from), "{from}");
        fs::write(folder.join(name), text.replacen(from, to, 1)).unwrap();
        refused(folder, &["run", name, "--shard", "1/2"], &[&["small.plan.json"], words].concat());
    };
    let sources = plan(folder, name)["sources_sha256"].as_str().unwrap().to_owned();
    changed(&sources, &"0".repeat(64), &["another build of protosim", "000000000000, not"]);
    changed(&format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION")), "\"version\": \"9.9.9\"", &["another version"]);
    changed(": [0, 4], \"step\": 2", ": [0, 3], \"step\": 3", &["replication 2 of point 0 is in no shard"]);
    changed(": [0, 4], \"step\": 2", ": [0, 4]", &["replication 1 of point 0 is in several shards"]);
    changed(": [0, 4], \"step\": 2", ": [0, 9]", &["no replications 0 to 9 of point 0"]);
    changed("\"shard\": 2", "\"shard\": 3", &["shards are not 1 to 2"]);
    changed("delay: \\\"5 ms\\\"", "delay: \\\"6 ms\\\"", &["not the one that was planned"]);
    changed("\"split\": [", "\"split\": ", &["is not a plan", "line "]);
    changed("\"origin\"", "\"whence\"", &["is not a plan", "origin"]);
    fs::write(folder.join(name), &text).unwrap();
    fs::write(folder.join("trace.csv"), "0,100\n").unwrap();
    let words = ["trace.csv` has changed since the plan `small.plan.json` was made", "put the old one back"];
    refused(folder, &["run", name, "--shard", "1/2"], &words);
    fs::remove_file(folder.join("trace.csv")).unwrap();
    refused(folder, &["run", name, "--shard", "1/2"], &["cannot read", "trace.csv", "beside the plan"]);
    assert!(!folder.join("results").exists());
}

/// The files that the scenario names are found where they lie, seen from the plan, wherever both are; or beside the plan.
#[test]
fn a_plan_goes_along_with_the_files_of_its_scenario() {
    let scratch = tempfile::tempdir().unwrap();
    let home = scratch.path().join("home");
    fs::create_dir_all(home.join("scenarios")).unwrap();
    fs::create_dir_all(home.join("plans")).unwrap();
    write(&home.join("scenarios"));
    done(&home, &["plan", "scenarios/small.ron", "--shards", "2", "--even", "--out", "plans/p.json"]);
    assert_eq!(plan(&home, "plans/p.json")["origin"]["file"], "../scenarios/small.ron");
    let cluster = scratch.path().join("cluster");
    fs::rename(&home, &cluster).unwrap();
    done(&cluster, &["run", "plans/p.json", "--shard", "1/2", "--quiet"]);
    let alone = scratch.path().join("alone");
    fs::create_dir(&alone).unwrap();
    fs::copy(cluster.join("plans/p.json"), alone.join("p.json")).unwrap();
    refused(&alone, &["run", "p.json", "--shard", "2/2"], &["trace.csv", "beside the plan"]);
    fs::copy(cluster.join("scenarios/trace.csv"), alone.join("trace.csv")).unwrap();
    done(&alone, &["run", "p.json", "--shard", "2/2", "--quiet"]);
    fs::rename(alone.join("results/small.shard-2-of-2"), cluster.join("results/small.shard-2-of-2")).unwrap();
    done(&cluster, &["merge", "results/small.shard-1-of-2", "results/small.shard-2-of-2", "--quiet"]);
    // Results of a plan are those of its scenario: a run of that may take their place.
    done(&cluster, &["run", "scenarios/small.ron", "--quiet"]);
}

/// Shards of different plans, and of a plan and of none, are not mixed, although they have all runs together.
#[test]
fn shards_of_different_splits_are_not_mixed() {
    let scratch = scratch();
    let folder = scratch.path();
    done(folder, &["plan", "small.ron", "--shards", "2", "--even", "--out", "a.json"]);
    done(folder, &["plan", "small.ron", "--shards", "2", "--out", "b.json"]);
    for plan in ["a", "b"] {
        for number in [1, 2] {
            let (shard, out) = (format!("{number}/2"), format!("{plan}{number}"));
            done(folder, &["run", &format!("{plan}.json"), "--shard", &shard, "--out", &out, "--quiet"]);
        }
    }
    done(folder, &["run", "small.ron", "--shard", "2/2", "--out", "c2", "--quiet"]);
    refused(folder, &["merge", "a1", "b2"], &["not of one sweep", "another split: 2/2 of plan", "and 1/2 of plan"]);
    refused(folder, &["merge", "a1", "c2"], &["not of one sweep", "another split: 2/2 and 1/2 of plan"]);
    // A run that is missing is one of the shard that the plan says.
    let journal = folder.join("b2/journal/runs-0000.journal");
    let bytes = fs::read(&journal).unwrap();
    fs::write(&journal, &bytes[..bytes.len() - 100]).unwrap();
    refused(
        folder,
        &["merge", "b1", "b2"],
        &["a run is missing", "of shard 2", "protosim run PLAN --shard I/2 --resume"],
    );
    done(folder, &["run", "b.json", "--shard", "2/2", "--out", "b2", "--resume", "--quiet"]);
    done(folder, &["merge", "b1", "b2", "--quiet"]);
}

/// Slurm has as many jobs as the plan has shards.
#[test]
fn a_plan_is_submitted_as_it_is() {
    let scratch = scratch();
    let folder = scratch.path();
    done(folder, &["plan", "small.ron", "--shards", "3", "--even"]);
    refused(folder, &["slurm", "small.ron"], &["--shards", "protosim plan"]);
    refused(folder, &["slurm", "small.plan.json", "--shards", "4"], &["has 3 shards"]);
    done(folder, &["slurm", "small.plan.json"]);
    let array = fs::read_to_string(folder.join("results/small.slurm/array.sh")).unwrap();
    assert!(
        array.contains("#SBATCH --array=1-3\n") && array.contains("small.plan.json --shard \"$shard/3\""),
        "{array}"
    );
    let output = run(folder, &["slurm", "small.plan.json", "--status"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("0 of 20 runs, not merged"));
    let out = "results/small.slurm/shard-1-of-3";
    done(folder, &["run", "small.plan.json", "--shard", "1/3", "--out", out, "--quiet"]);
    let output = run(folder, &["slurm", "small.plan.json", "--status"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("shard 1/3: 7 of 7 runs, done"));
    // Of another plan it is something else.
    done(folder, &["plan", "small.ron", "--shards", "3", "--force"]);
    refused(folder, &["slurm", "small.plan.json", "--status"], &["shard of something else", "another split"]);
}

fn dry(folder: &Path, more: &[&str]) -> Vec<Value> {
    let said = done(folder, &[&["run", "small.ron", "--dry-run", "--json"], more].concat());
    let schema: Value = serde_json::from_str(&done(folder, &["schema", "--progress"])).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| validator.is_valid(line)), "{lines:?}");
    assert_eq!(lines.last().unwrap()["event"], "done");
    lines[..lines.len() - 1].to_vec()
}

/// All points, with what their runs would cost; and no file is made.
#[test]
fn a_dry_run_lists_all_and_leaves_nothing() {
    let scratch = scratch();
    let folder = scratch.path();
    let before = files(folder);
    let lines = dry(folder, &["--jobs", "1"]);
    assert_eq!(lines.len(), 5);
    for (number, line) in lines[..4].iter().enumerate() {
        assert_eq!((&line["event"], &line["point"]), (&Value::from("point"), &Value::from(number)));
        assert_eq!((&line["runs"], &line["reused"], &line["is_at_least"]), (&5.into(), &0.into(), &false.into()));
    }
    assert_eq!(lines[2]["values"], serde_json::json!({"loss": 0.1, "requests": 20.0}));
    let cost = &lines[4];
    assert_eq!((&cost["event"], &cost["runs"], &cost["trials"]), (&"cost".into(), &20.into(), &4.into()));
    let total: f64 = lines[..4].iter().map(|line| 5.0 * line["wall_s"].as_f64().unwrap()).sum();
    assert!((cost["total_s"].as_f64().unwrap() / total - 1.0).abs() < 1e-9);
    assert!((cost["wall_s"].as_f64().unwrap() / total - 1.0).abs() < 1e-9);
    // Parts of it.
    let runs = |more: &[&str]| {
        let lines = dry(folder, more);
        (lines.len() - 1, lines.last().unwrap()["runs"].as_u64().unwrap())
    };
    assert_eq!(runs(&["--point", "3"]), (1, 5));
    assert_eq!(runs(&["--rep", "0"]), (4, 4));
    assert_eq!(runs(&["--shard", "1/3"]), (4, 7));
    assert_eq!(runs(&["--set", "loss=\"5 %\""]), (2, 10));
    // For people, with values as they are written; of many points the ends.
    let said = done(folder, &["run", "small.ron", "--dry-run"]);
    assert!(said.contains("    3  10 %      1000     5"), "{said}");
    assert!(
        said.contains("20 runs: about") && said.contains("estimated from a trial run of each of 4 points"),
        "{said}"
    );
    let many =
        "axes.requests={name: \"requests\", path: \"apps.client.run.requests\", range: (from: 1, to: 50, steps: 50)}";
    let many = many.replace('{', "(").replace('}', ")");
    let said = done(folder, &["run", "small.ron", "--dry-run", "--set", &many]);
    assert!(said.contains("… 70 more points") && said.lines().count() < 50, "{said}");
    // Of a hundred points, not all are tried.
    assert!(said.contains("trial runs of 100 points; each is within a factor of"), "{said}");
    assert!(files(folder) == before);
    assert!(!folder.join("results").exists());
}

/// What is there already costs nothing.
#[test]
fn a_dry_run_counts_what_is_there() {
    let scratch = scratch();
    let folder = scratch.path();
    done(folder, &["run", "small.ron", "--point", "1", "--cache", "cache", "--out", "part", "--quiet"]);
    let before = files(folder);
    let lines = dry(folder, &["--cache", "cache"]);
    assert_eq!((&lines[1]["runs"], &lines[1]["reused"]), (&0.into(), &5.into()));
    assert!(lines[1].get("wall_s").is_none());
    assert_eq!((&lines[4]["runs"], &lines[4]["reused"]), (&15.into(), &5.into()));
    let said = done(folder, &["run", "small.ron", "--dry-run", "--cache", "cache"]);
    assert!(said.contains("15 runs (5 more are there already, and cost nothing): about"), "{said}");
    // A shard is run into its own folder, and takes nothing from a cache.
    let lines = dry(folder, &["--cache", "cache", "--shard", "1/1"]);
    assert_eq!(lines[4]["reused"], 0);
    done(folder, &["run", "small.ron", "--shard", "1/1", "--out", "one", "--quiet"]);
    let lines = dry(folder, &["--resume", "--shard", "1/1", "--out", "one"]);
    assert_eq!((&lines[4]["runs"], &lines[4]["reused"], &lines[4]["trials"]), (&0.into(), &20.into(), &0.into()));
    assert_eq!(files(folder).keys().filter(|path| !path.starts_with("one")).count(), before.len());
}

/// A run that no test can wait for is stopped, and the rest of it is taken to cost as much where the scenario says when it ends.
#[test]
fn a_long_run_is_not_waited_for() {
    let scratch = tempfile::tempdir().unwrap();
    let endless = r#"(
        format: 1,
        title: "Endless",
        nodes: [(name: "a"), (name: "b")],
        links: [(name: "ab", ends: ("a", "b"), rate: "1 Gbit/s", delay: "1 ms")],
        apps: [
            (name: "sink", on: "b", run: UdpSink(port: 9)),
            (name: "source", on: "a", run: UdpSource(to: "b", port: 9, rate: "100 Mbit/s", payload: "1000 B", stop: "30 d")),
        ],
    )"#;
    fs::write(scratch.path().join("small.ron"), endless).unwrap();
    let lines = dry(scratch.path(), &[]);
    assert_eq!((&lines[0]["is_at_least"], &lines[1]["extrapolated"]), (&true.into(), &0.into()));
    let said = done(scratch.path(), &["run", "small.ron", "--dry-run"]);
    assert!(said.contains("at least") && said.contains("unknown when they end"), "{said}");
    let days = |days: u64| {
        let lines = dry(scratch.path(), &["--until", &format!("{days} d")]);
        assert_eq!((&lines[0]["is_at_least"], &lines[1]["extrapolated"]), (&false.into(), &1.into()));
        lines[0]["wall_s"].as_f64().unwrap()
    };
    // 12,500 packets in a second, for days.
    let (one, ten) = (days(1), days(10));
    assert!(one > 60.0 && ten > 2.0 * one && ten < 50.0 * one, "{one} {ten}");
}
