//! `protosim new`, and the commands that print what scenarios may say.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_protosim")).current_dir(folder).args(arguments).output().unwrap()
}

fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// It checks, it runs in a moment, and a figure comes out. The limit on events holds it to a moment on any machine.
#[test]
fn a_new_scenario_runs_at_once_and_makes_a_figure() {
    let scratch = tempfile::tempdir().unwrap();
    let said = succeeds(scratch.path(), &["new", "mine"]);
    assert!(said.contains("protosim run mine.ron") && said.contains("results/mine"), "{said}");
    let check = run(scratch.path(), &["check", "mine.ron"]);
    assert!(check.status.success() && check.stderr.is_empty(), "{}", String::from_utf8_lossy(&check.stderr));
    succeeds(scratch.path(), &["run", "mine.ron", "-q", "--set", "limits.events=100000"]);
    for ending in ["svg", "png", "pdf"] {
        assert!(scratch.path().join("results/mine/figures/load").with_extension(ending).is_file(), "{ending}");
    }
}

#[test]
fn what_is_there_is_not_overwritten_unasked() {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::write(scratch.path().join("mine.ron"), "precious").unwrap();
    let refused = run(scratch.path(), &["new", "mine.ron"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--force"));
    assert_eq!(std::fs::read_to_string(scratch.path().join("mine.ron")).unwrap(), "precious");
    succeeds(scratch.path(), &["new", "mine.ron", "--force"]);
    assert_ne!(std::fs::read_to_string(scratch.path().join("mine.ron")).unwrap(), "precious");
}

/// Copies of shipped experiments are as sound as these are, wherever they lie.
#[test]
fn copies_of_shipped_experiments_have_no_mistakes() {
    let scratch = tempfile::tempdir().unwrap();
    let listed = succeeds(scratch.path(), &["list"]);
    let names: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() >= 5);
    for name in names {
        let file = format!("copy-of-{name}.ron");
        succeeds(scratch.path(), &["new", &file, "--from", name]);
        succeeds(scratch.path(), &["check", &file]);
    }
    let refused = run(scratch.path(), &["new", "other.ron", "--from", "coap-los"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("did you mean `coap-loss`?"));
    assert!(!scratch.path().join("other.ron").exists());
}

#[test]
fn schema_reference_and_single_metrics_are_printed() {
    let scratch = tempfile::tempdir().unwrap();
    let schema: serde_json::Value = serde_json::from_str(&succeeds(scratch.path(), &["schema"])).unwrap();
    assert!(schema["$defs"]["LinkConfig"]["properties"]["rate"].is_object());
    assert!(succeeds(scratch.path(), &["reference"]).contains("\n### LinkConfig\n"));
    let metric = succeeds(scratch.path(), &["metrics", "P95QueueDelay"]);
    assert!(metric.contains("queue delay p95") && metric.lines().count() < 6, "{metric}");
}
