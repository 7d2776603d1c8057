//! A sweep in shards, merged: the same bytes as one run; and what does not belong together is refused.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::files;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// 24 short runs.
const SWEEP: [&str; 5] = [
    "coap-loss",
    "--set=replications=6",
    "--set=apps.con.run.requests=20",
    "--set=axes.loss.values=[\"0 %\", \"5 %\", \"10 %\", \"20 %\"]",
    "--set=expect=[]",
];

fn protosim(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_protosim"));
    command.args(arguments).arg("--quiet").env_remove("PROTOSIM_CACHE").stdout(Stdio::null());
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn run(folder: &Path, more: &[&str]) {
    let out = format!("--out={}", folder.display());
    let arguments: Vec<&str> = ["run"].into_iter().chain(SWEEP).chain(more.iter().copied()).chain([&*out]).collect();
    let (status, errors) = protosim(&arguments);
    assert_eq!(status, Some(0), "{errors}");
}

fn shards(scratch: &Path, of: usize) -> Vec<PathBuf> {
    let folders = (1..=of).map(|number| {
        let folder = scratch.join(format!("shard-{number}-of-{of}"));
        run(&folder, &[&format!("--shard={number}/{of}")]);
        folder
    });
    folders.collect()
}

fn merged(folders: &[&Path], out: &Path) -> (Option<i32>, String) {
    let out = format!("--out={}", out.display());
    let folders: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    let arguments: Vec<&str> = ["merge"].into_iter().chain(folders.iter().map(String::as_str)).chain([&*out]).collect();
    protosim(&arguments)
}

/// 1, 2, 7 and 64 shards (of which most are empty), in rising and in falling order.
#[test]
fn any_number_of_shards_in_any_order_are_one_run() {
    let scratch = tempfile::tempdir().unwrap();
    let whole = scratch.path().join("whole");
    run(&whole, &[]);
    let wanted = files(&whole);
    assert!(wanted.len() > 8);
    for of in [1, 2, 7, 64] {
        let mut folders = shards(scratch.path(), of);
        for order in ["rising", "falling"] {
            let out = scratch.path().join(format!("{order}-{of}"));
            let paths: Vec<&Path> = folders.iter().map(PathBuf::as_path).collect();
            let (status, errors) = merged(&paths, &out);
            assert_eq!((status, errors.as_str()), (Some(0), ""), "{of}");
            assert!(files(&out) == wanted, "{of} shards, {order}");
            folders.reverse();
        }
    }
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let all = shards(scratch.path(), 3);
    let [one, two, three] = [&*all[0], &*all[1], &*all[2]];
    let out = scratch.path().join("out");
    let refused = |folders: &[&Path], words: &[&str]| {
        let (status, errors) = merged(folders, &out);
        assert_eq!(status, Some(2), "{errors}");
        assert!(words.iter().all(|word| errors.contains(word)), "{words:?}: {errors}");
        assert!(!out.join("manifest.json").exists());
    };
    refused(&[one, three], &["shard 2 of 3 is missing"]);
    refused(&[one, two, two, three], &["are both shard 2"]);
    let other = scratch.path().join("other");
    run(&other, &["--set=seed=2", "--shard=2/3"]);
    refused(&[one, &other, three], &["not of one sweep", "another configuration"]);
    let split = scratch.path().join("split");
    run(&split, &["--shard=2/4"]);
    refused(&[one, &split, three], &["not of one sweep", "another split: 2/4 and 1/3"]);
    refused(&[one, two, scratch.path()], &["is no shard", "shard.json"]);
    // A shard of another build of the program.
    let text = fs::read_to_string(three.join("shard.json")).unwrap();
    let sources: serde_json::Value = serde_json::from_str(&text).unwrap();
    let foreign = text.replace(sources["sources_sha256"].as_str().unwrap(), &"0".repeat(64));
    fs::write(three.join("shard.json"), foreign).unwrap();
    refused(&[one, two, three], &["another build"]);
    refused(&[three, one, two], &["made by another build of protosim than this one"]);
    fs::write(three.join("shard.json"), text).unwrap();
    // A shard that was killed: its last run is torn. It is told which, and goes on.
    let journal = three.join("journal/runs-0000.journal");
    let bytes = fs::read(&journal).unwrap();
    fs::write(&journal, &bytes[..bytes.len() - 100]).unwrap();
    refused(&[one, two, three], &["a run is missing", "of shard 3", "--shard I/3 --resume"]);
    run(three, &["--shard=3/3", "--resume"]);
    let (status, errors) = merged(&[one, two, three], &out);
    assert_eq!(status, Some(0), "{errors}");
}

/// What is looked at in single runs no shard makes: that is told, and not left out in silence.
#[test]
fn a_merge_without_event_logs_says_so() {
    let scratch = tempfile::tempdir().unwrap();
    let (one, out) = (scratch.path().join("one"), scratch.path().join("out"));
    run(&one, &["--shard=1/1", "--set=events=true"]);
    let (status, errors) = merged(&[&one], &out);
    assert_eq!(status, Some(0), "{errors}");
    assert!(errors.contains("not made by shards") && !out.join("events.jsonl").exists(), "{errors}");
}

/// Replications until an interval is narrow enough: each point stops where it would alone, whoever runs it, and whether it was interrupted.
#[test]
fn sequential_replications_stop_where_one_run_stops() {
    const RULE: &str = "--set=sequential=(app: \"con\", metric: MeanCompletion, half_width: \"0.5 s\", batch: 3)";
    let scratch = tempfile::tempdir().unwrap();
    let whole = scratch.path().join("whole");
    run(&whole, &["--set=replications=60", RULE]);
    let wanted = files(&whole);
    let counts = replications(&whole);
    assert!(counts.values().min() < counts.values().max() && counts.values().all(|n| n % 3 == 0), "{counts:?}");
    for of in [1, 2, 7] {
        let folders: Vec<PathBuf> = (1..=of)
            .map(|number| {
                let folder = scratch.path().join(format!("shard-{number}-of-{of}"));
                run(&folder, &["--set=replications=60", RULE, "--jobs=2", &format!("--shard={number}/{of}")]);
                folder
            })
            .collect();
        let out = scratch.path().join(format!("merged-{of}"));
        let (status, errors) = merged(&folders.iter().map(PathBuf::as_path).collect::<Vec<_>>(), &out);
        assert_eq!((status, errors.as_str()), (Some(0), ""), "{of}");
        assert!(files(&out) == wanted, "{of} shards");
    }
    // A cache that has more than is asked for, and one that has less.
    let cache = format!("--cache={}", scratch.path().join("cache").display());
    run(&scratch.path().join("few"), &["--set=replications=4", &cache]);
    run(&scratch.path().join("more"), &["--set=replications=60", RULE, &cache]);
    assert!(files(&scratch.path().join("more")) == wanted);
    run(&scratch.path().join("all"), &["--set=replications=60", &cache]);
    run(&scratch.path().join("again"), &["--set=replications=60", RULE, &cache]);
    assert!(files(&scratch.path().join("again")) == wanted);
}

/// How many replications each point has, by its number.
fn replications(folder: &Path) -> BTreeMap<String, usize> {
    let table = fs::read_to_string(folder.join("digests.csv")).unwrap();
    let mut runs = std::collections::BTreeSet::new();
    for line in table.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        runs.insert((cells[0].to_owned(), cells[2].to_owned()));
    }
    let mut counts = BTreeMap::new();
    runs.into_iter().for_each(|(point, _)| *counts.entry(point).or_default() += 1);
    counts
}
