//! The JSON Schema of scenarios accepts what the program accepts, and refuses what it refuses by its form.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jsonschema::Validator;
use protosim_experiments::reference::schema_text;
use protosim_experiments::run::events::events_schema_text;
use protosim_experiments::scenario::{Request, load};
use protosim_experiments::tree::{Diagnostics, Kind, Node, Sources, Tree};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

fn validator() -> Validator {
    let schema: Value = serde_json::from_str(&schema_text()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

/// A node of RON as JSON: variants are tagged from outside, as serde does it.
fn to_json(node: &Node) -> Value {
    let tagged = |name: &Option<protosim_experiments::tree::Name>, content: Value| match name {
        Some(name) => json!({ name.text.as_str(): content }),
        None => content,
    };
    match &node.kind {
        Kind::Unit => json!({}),
        Kind::Bool(on) => json!(on),
        Kind::Int(n) => json!(i64::try_from(*n).unwrap()),
        Kind::Float(x) => json!(x),
        Kind::Str(text) => json!(text),
        Kind::Char(c) => json!(c.to_string()),
        Kind::List(items) => items.iter().map(to_json).collect(),
        Kind::Map(entries) => {
            let entry = |(key, value): &(Node, Node)| (key.as_str().unwrap().to_owned(), to_json(value));
            Value::Object(entries.iter().map(entry).collect::<Map<String, Value>>())
        }
        // A variant's only content, all its defaults, or a tuple.
        Kind::Tuple { name: Some(name), items } => match items.as_slice() {
            [] => json!({ name.text.as_str(): {} }),
            [one] => json!({ name.text.as_str(): to_json(one) }),
            several => json!({ name.text.as_str(): several.iter().map(to_json).collect::<Value>() }),
        },
        Kind::Tuple { name: None, items } => items.iter().map(to_json).collect(),
        Kind::Struct { name, fields } => {
            let field = |field: &protosim_experiments::tree::Field| (field.name.text.clone(), to_json(&field.value));
            tagged(name, Value::Object(fields.iter().map(field).collect()))
        }
        Kind::Name(name) => json!(name.text),
        Kind::None => Value::Null,
        Kind::Some(inner) => to_json(inner),
        Kind::Invalid => panic!("the text has mistakes"),
    }
}

fn parsed(text: &str) -> Value {
    let (mut sources, mut mistakes) = (Sources::default(), Diagnostics::default());
    let tree = Tree::parse(&mut sources, "scenario.ron", text, &mut mistakes);
    assert!(mistakes.is_empty(), "{}", mistakes.render(&sources, false));
    to_json(&tree.root)
}

/// With `None` by its name: in shipped scenarios it is that of a variant. What is not there is not written.
fn named(value: Value) -> Value {
    match value {
        Value::Null => Value::String("None".to_owned()),
        Value::Array(values) => values.into_iter().map(named).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, named(value))).collect(),
        value => value,
    }
}

fn scenarios() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = |folder: &str| {
        let entries = std::fs::read_dir(here.join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|ending| ending == "ron"))
    };
    let mut all: Vec<PathBuf> = files("scenarios").chain(files("../.ci/scenarios")).collect();
    all.sort();
    all
}

fn complaints(validator: &Validator, value: &Value) -> String {
    validator.iter_errors(value).map(|error| format!("{}: {error}\n", error.instance_path())).collect()
}

/// The schema of event logs in `docs` is the one that `protosim schema --events` prints, and its page names every kind.
#[test]
fn the_schema_of_events_is_fresh_and_their_page_is_whole() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let text = std::fs::read_to_string(docs.join("events.schema.json")).unwrap();
    assert!(text == events_schema_text(), "renew it: protosim schema --events > docs/events.schema.json");
    let page = std::fs::read_to_string(docs.join("events.md")).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    let kinds: Vec<&str> = schema["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| kind["properties"]["kind"]["const"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.len(), 18);
    for kind in kinds {
        assert!(page.contains(&format!("| `{kind}` |")), "{kind}");
    }
}

/// As they are resolved: includes and templates are not in the schema's scope.
#[test]
fn shipped_scenarios_are_valid() {
    let validator = validator();
    assert!(scenarios().len() >= 7);
    for path in scenarios() {
        // What it needs is a feature of the build.
        let is_missing = |name, has: bool| path.ends_with(name) && !has;
        if is_missing("rustls.ron", cfg!(feature = "rustls")) || is_missing("str0m.ron", cfg!(feature = "str0m")) {
            continue;
        }
        let request = Request { scenario: path.display().to_string(), ..Request::default() };
        let loaded = load(&request, false).unwrap();
        assert_eq!(complaints(&validator, &named(parsed(&loaded.text))), "", "{}", path.display());
    }
}

/// What `protosim new` writes has neither includes nor templates, and is valid as it stands.
#[test]
fn a_new_scenario_is_valid() {
    assert_eq!(complaints(&validator(), &parsed(include_str!("../src/cli/new.ron"))), "");
}

/// What a scenario with nothing but the necessary says.
fn small() -> Value {
    parsed(
        r#"(
            format: 1, title: "Small", nodes: [(name: "a"), (name: "b")],
            links: [(ends: ("a", "b"), rate: "1 Mbit/s", loss: "1 %", queue: "10 packets", mtu: "1280 B")],
            apps: [(name: "server", on: "b", run: CoapServer()), (name: "client", on: "a", run: CoapClient(to: "b"))],
        )"#,
    )
}

#[test]
fn what_is_not_of_the_form_is_not_valid() {
    let validator = validator();
    assert_eq!(complaints(&validator, &small()), "");
    for (pointer, wrong) in [
        ("/format", json!(2)),
        ("/title", json!(7)),
        ("/nodes/0", json!({})),
        ("/nodes/0", json!({ "name": "a", "nmae": "b" })),
        ("/links/0/rate", json!("1 MB/s")),
        ("/links/0/rate", json!("1")),
        ("/links/0/rate", json!(1_000_000)),
        ("/links/0/loss", json!("0.01")),
        ("/links/0/loss", json!("-1 %")),
        ("/links/0/queue", json!("10 parcels")),
        ("/links/0/queue", json!({ "Codel": {} })),
        ("/links/0/queue", json!({ "CoDel": { "target": "5 m" } })),
        ("/links/0/mtu", json!(1280)),
        ("/links/0/ends", json!(["a", "b", "c"])),
        ("/links/0/ends", json!(["a"])),
        ("/apps/1/run", json!("CoapClient")),
        ("/apps/1/run", json!({ "CoapClient": {} })),
        ("/apps/1/run", json!({ "CoapClient": { "to": "b", "port": 70_000 } })),
        ("/apps/1/run", json!({ "CoapClient": { "to": "b", "method": "Fetch" } })),
    ] {
        let mut scenario = small();
        *scenario.pointer_mut(pointer).unwrap() = wrong.clone();
        assert!(!validator.is_valid(&scenario), "{pointer}: {wrong}");
    }
}

/// Other ways to write the same are valid: bare forms, and variants with nothing but defaults.
#[test]
fn short_forms_are_valid() {
    let validator = validator();
    for (pointer, right) in [
        ("/links/0/queue", json!("64 KiB")),
        ("/links/0/queue", json!("CoDel")),
        ("/links/0/queue", json!({ "CoDel": {} })),
        ("/links/0/queue", json!({ "DropTail": "1 packet" })),
        ("/links/0/queue", json!(null)),
        ("/links/0/rate", json!("2.5Gbit/s")),
        ("/apps/0/run", json!("CoapServer")),
    ] {
        let mut scenario = small();
        *scenario.pointer_mut(pointer).unwrap() = right.clone();
        assert_eq!(complaints(&validator, &scenario), "", "{pointer}: {right}");
    }
}
