//! The guide: its scenarios are loaded and its commands are run, in the order of the text and in one folder.
//!
//! A block of `ron` is a file whose name stands in its first line; one that is said to have mistakes is followed by the message that
//! it gives. A block of `sh` is run; of any other language, it is not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

/// The language and the text of each fenced block.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(_), Some(block)) => found.push(block),
            (Some(language), None) => open = Some((language.to_owned(), String::new())),
            (None, Some((language, text))) => open = Some((language, text + line + "\n")),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    found
}

/// What a shell does where `protosim` is this program.
fn shell(folder: &Path, script: &str) -> Output {
    let programs = Path::new(env!("CARGO_BIN_EXE_protosim")).parent().unwrap().to_owned();
    let others = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&others))).unwrap();
    Command::new("sh").args(["-e", "-c", script]).env("PATH", path).current_dir(folder).output().unwrap()
}

#[cfg(unix)]
#[test]
fn the_guide_does_what_it_says() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide.md")).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let (mut scenarios, mut commands, mut messages) = (0, 0, 0);
    let mut refused: Option<String> = None;
    for (language, text) in blocks(&page) {
        match language.as_str() {
            "sh" => {
                let output = shell(scratch.path(), &text);
                assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
                commands += text.lines().count();
            }
            "ron" => {
                let head = text.lines().next().unwrap().strip_prefix("// ").expect("a name in the first line");
                let (name, has_mistakes) = match head.split_once(", ") {
                    Some((name, words)) => (name, words.contains("mistakes")),
                    None => (head, false),
                };
                std::fs::write(scratch.path().join(name), &text).unwrap();
                let output = shell(scratch.path(), &format!("protosim check {name}"));
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert_eq!(output.status.success(), !has_mistakes, "{name}: {said}");
                assert!(has_mistakes || said.is_empty(), "{name}: {said}");
                refused = has_mistakes.then_some(said);
                scenarios += 1;
            }
            "text" => {
                let said = refused.take().expect("a message stands behind a scenario with mistakes");
                assert_eq!(said.trim(), text.trim());
                messages += 1;
            }
            _ => {}
        }
    }
    assert!(scenarios >= 6 && commands >= 15 && messages == 1, "{scenarios} {commands} {messages}");
    let figure = scratch.path().join("results/first/figures/load.png");
    assert!(std::fs::metadata(figure).unwrap().len() > 1000);
}

/// Tables are read as the guide's snippets read them: the columns and metrics that they name are there.
#[test]
fn the_snippets_name_what_is_in_the_tables() {
    let scratch = tempfile::tempdir().unwrap();
    for arguments in [&["new", "first.ron"][..], &["run", "first.ron", "-q", "--set", "replications=1"]] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_protosim")).args(arguments).current_dir(scratch.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let table = |name: &str| std::fs::read_to_string(scratch.path().join("results/first").join(name)).unwrap();
    let (summary, exchanges) = (table("summary.csv"), table("exchanges.csv"));
    let columns = |table: &str| table.lines().next().unwrap().split(',').map(str::to_owned).collect::<Vec<_>>();
    for column in ["load_bit_per_s", "app", "metric", "value", "low", "high"] {
        assert!(columns(&summary).contains(&column.to_owned()), "{column}");
    }
    for column in ["load_bit_per_s", "counted", "outcome", "ended_after_s"] {
        assert!(columns(&exchanges).contains(&column.to_owned()), "{column}");
    }
    assert!(summary.contains(",requests,,,completion p50,"));
    assert!(exchanges.contains(",response,") && exchanges.contains(",true"));
}
