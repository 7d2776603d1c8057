//! A sweep that is killed at a hundred instants, and goes on each time: nothing is lost, nothing is made twice, and in the end every byte is
//! that of a sweep that nobody disturbed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::files;
use protosim_experiments::store::Store;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

/// 200 short runs, of which one takes some milliseconds.
const SWEEP: [&str; 6] = [
    "coap-loss",
    "--set=replications=20",
    "--set=axes.loss.values=[\"0 %\", \"2 %\", \"4 %\", \"6 %\", \"8 %\", \"10 %\", \"12 %\", \"14 %\", \"16 %\", \"18 %\"]",
    "--set=expect=[]",
    "--jobs=2",
    "--quiet",
];
const RUNS: usize = 200;
const KILLS: u64 = 100;

fn protosim(folder: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_protosim"));
    command.arg("run").args(SWEEP).arg("--out").arg(folder).args(more);
    command.env_remove("PROTOSIM_CACHE").stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn finished(folder: &Path, more: &[&str]) -> (ExitStatus, String) {
    let output = protosim(folder, more).output().unwrap();
    (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_sweep_that_is_killed_again_and_again_ends_with_the_same_bytes() {
    let scratch = tempfile::tempdir().unwrap();
    let (quiet, killed) = (scratch.path().join("quiet"), scratch.path().join("killed"));
    let (status, errors) = finished(&quiet, &[]);
    assert!(status.success(), "{errors}");
    let wanted = files(&quiet);
    assert!(wanted.contains_key(Path::new("manifest.json")) && !wanted.keys().any(|name| name.starts_with("journal")));
    let mut luck: u64 = 1;
    let (mut known, mut ends) = (0, 0);
    for kill in 0..KILLS {
        let mut child = protosim(&killed, &["--resume"]).spawn().unwrap();
        // Knuth's MMIX numbers: the same instants each time, as far as the machine lets them be.
        luck = luck.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_micros(1000 + (luck >> 33) % 60_000));
        child.kill().unwrap();
        let is_over = child.wait().unwrap().success();
        if is_over {
            // It was faster; it is looked at, and begins anew.
            assert_eq!(files(&killed), wanted, "kill {kill}");
            std::fs::remove_dir_all(&killed).unwrap();
            (known, ends) = (0, ends + 1);
            continue;
        }
        let store = Store::open(&killed.join("journal")).unwrap();
        assert_eq!((store.complaints.len(), store.repeated), (0, 0), "kill {kill}");
        // Between the last run and the last file the journal may be gone already, with all tables written.
        let is_whole = killed.join("manifest.json").exists() && store.is_empty();
        assert!(store.len() >= known || is_whole, "kill {kill}: {} runs of {known}", store.len());
        assert!(store.len() <= RUNS);
        known = store.len();
    }
    let (status, errors) = finished(&killed, &["--resume"]);
    assert!(status.success(), "{errors}");
    assert_eq!(files(&killed), wanted);
    eprintln!("{KILLS} kills; the sweep came to its end {ends} times meanwhile");
}

/// Without a word about it a sweep that was interrupted is neither gone on with nor thrown away.
#[test]
fn an_interrupted_sweep_is_not_thrown_away() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("results");
    loop {
        let mut child = protosim(&folder, &["--resume"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(40));
        child.kill().unwrap();
        child.wait().unwrap();
        if !Store::open(&folder.join("journal")).unwrap().is_empty() {
            break;
        }
        if folder.join("manifest.json").exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
    }
    let (status, errors) = finished(&folder, &[]);
    assert_eq!(status.code(), Some(2), "{errors}");
    assert!(errors.contains("--resume") && errors.contains("--force"), "{errors}");
    let (status, errors) = finished(&folder, &["--force"]);
    assert!(status.success() && !folder.join("journal").exists(), "{errors}");
}

/// A cache serves any experiment that asks for the same runs; a broken entry is named and made again.
#[test]
fn a_cache_serves_other_folders_and_a_broken_entry_is_made_again() {
    let scratch = tempfile::tempdir().unwrap();
    let cache = scratch.path().join("cache");
    let with_cache = format!("--cache={}", cache.display());
    let (one, two, three) = (scratch.path().join("one"), scratch.path().join("two"), scratch.path().join("three"));
    assert!(finished(&one, &[&with_cache]).0.success());
    assert_eq!(Store::open(&cache).unwrap().len(), RUNS);
    let output = protosim(&two, &[&with_cache, "--set=title=\"Another title\""]).output().unwrap();
    assert!(output.status.success());
    assert_eq!(Store::open(&cache).unwrap().len(), RUNS);
    let journal = std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&journal, bytes).unwrap();
    let (status, errors) = finished(&three, &[&with_cache]);
    assert!(status.success() && errors.contains("warning: `") && errors.contains("broken"), "{errors}");
    assert_eq!(files(&three), files(&one));
}
