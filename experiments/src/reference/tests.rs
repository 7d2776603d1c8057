use super::*;
use std::path::PathBuf;

/// A file of the repository, and how it is made anew.
fn is_fresh(name: &str, command: &str, wanted: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    let there = std::fs::read_to_string(path).unwrap_or_default();
    let line = there.lines().zip(wanted.lines()).position(|(a, b)| a != b).map_or(0, |at| at + 1);
    let renew = format!("cargo run --release -- {command} > docs/{name}");
    assert!(there == wanted, "docs/{name} is stale, in line {line} first; `{renew}` renews it");
}

#[test]
fn the_schema_in_docs_is_fresh() {
    is_fresh("scenario.schema.json", "schema", &schema_text());
}

#[test]
fn the_page_in_docs_is_fresh() {
    is_fresh("reference.md", "reference", &reference_text());
}

/// What rustdoc understands and a reader does not.
#[test]
fn descriptions_are_written_for_users() {
    for text in [schema_text(), reference_text()] {
        for token in ["[`crate", "::`", "`Self", "See [`", "\\[", "crate::"] {
            let around = text.find(token).map(|at| text[at..].chars().take(60).collect::<String>());
            assert_eq!(around, None, "{token}");
        }
    }
}

/// Every type, every field and every variant says what it is.
#[test]
fn nothing_is_left_without_words() {
    let model = Model::of_scenarios();
    let mut silent = Vec::new();
    for (name, definition) in model.types().chain([("Scenario", model.root())]) {
        let says = |schema: &serde_json::Value| schema.get("description").is_some();
        if !says(definition) {
            silent.push(name.to_owned());
        }
        let fields = definition.get("properties").and_then(|fields| fields.as_object()).into_iter().flatten();
        silent.extend(fields.filter(|(_, field)| !says(field)).map(|(field, _)| format!("{name}.{field}")));
        let variants = model::variants(definition).into_iter().flatten();
        silent.extend(variants.filter(|one| !says(one)).map(|one| format!("{name}: {one}")));
    }
    assert!(silent.is_empty(), "no description: {silent:?}");
}

/// All links within the page lead to a heading.
#[test]
fn links_lead_somewhere() {
    let page = reference_text();
    let headings: Vec<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(|name| format!("#{}", name.to_lowercase()))
        .collect();
    for link in page.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target) {
        assert!(!link.starts_with('#') || headings.iter().any(|heading| heading == link), "{link}");
    }
}
