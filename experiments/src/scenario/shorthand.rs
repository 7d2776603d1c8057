//! `--set NAME=VALUE`, where NAME is an axis: the axis has this one value, or the list of values that is given.
//!
//! Of an axis that has cases it has those of these names.
//!
//! So a scenario offers what is meant to be set: an axis may vary several paths at once, and have a single value.

use crate::tree::{Kind, Tree};

/// An override as it has to be applied: of the values of an axis, where its path is the name of one and of no field that is
/// written.
pub(super) fn for_axis(tree: &mut Tree, argument: &str) -> String {
    let Some((name, value)) = argument.split_once('=') else { return argument.to_owned() };
    let (name, value) = (name.trim(), value.trim());
    if tree.root.field(name).is_some() || !take_range_of(tree, name) {
        return argument.to_owned();
    }
    if has_cases(tree, name) {
        return format!("axes.{name}.only={}", names_in(value));
    }
    let is_written = value.starts_with(['[', '"']) || value.parse::<f64>().is_ok();
    let values = match value {
        list if list.starts_with('[') => list.to_owned(),
        one if is_written => format!("[{one}]"),
        text => format!("[\"{}\"]", text.replace('\\', "\\\\").replace('"', "\\\"")),
    };
    format!("axes.{name}.values={values}")
}

/// Takes the range of an axis out, which its new values take the place of; false if there is no such axis.
fn take_range_of(tree: &mut Tree, name: &str) -> bool {
    let Kind::Struct { fields, .. } = &mut tree.root.kind else { return false };
    let Some(axes) = fields.iter_mut().find(|field| field.name.text == "axes") else { return false };
    let Kind::List(axes) = &mut axes.value.kind else { return false };
    let Some(axis) = axes.iter_mut().find(|axis| axis.field("name").and_then(|name| name.as_str()) == Some(name))
    else {
        return false;
    };
    if let Kind::Struct { fields, .. } = &mut axis.kind {
        fields.retain(|field| !matches!(field.name.text.as_str(), "range" | "log_range"));
    }
    true
}

/// Whether the values of an axis are cases.
fn has_cases(tree: &Tree, name: &str) -> bool {
    let path = format!("axes.\"{name}\".cases");
    path.parse().is_ok_and(|path| tree.find(&path).is_some())
}

/// Names of cases as a list of texts: a shell takes the quotes off, and names have characters that values have not.
fn names_in(value: &str) -> String {
    let list = value.strip_prefix('[').map(|rest| rest.strip_suffix(']').unwrap_or(rest)).unwrap_or(value);
    let (mut names, mut name, mut is_quoted) = (Vec::new(), String::new(), false);
    for c in list.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => names.push(std::mem::take(&mut name)),
            c => name.push(c),
        }
    }
    names.push(name);
    let is_last_comma = names.len() > 1 && names.last().is_some_and(|last| last.trim().is_empty());
    names.truncate(names.len() - usize::from(is_last_comma));
    let quoted = names.iter().map(|name| format!("\"{}\"", name.trim().replace('\\', "\\\\")));
    format!("[{}]", quoted.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use crate::scenario::{Request, load_text};

    const TEXT: &str = r#"(
        format: 1, title: "Axes to set", nodes: [(name: "a"), (name: "b")],
        links: [(name: "ab", ends: ("a", "b"), rate: "1 Mbit/s", delay: "1 ms")],
        apps: [(name: "ping", on: "a", run: Ping(to: "b", count: 1))],
        axes: [
            (name: "rate", path: "links.ab.rate", values: ["1 Mbit/s", "2 Mbit/s"]),
            (name: "delay", path: "links.ab.delay", range: (from: "1 ms", to: "3 ms", steps: 3)),
            (name: "count", path: "apps.ping.run.count", values: [1]),
        ],
    )"#;

    fn points(set: &[&str]) -> Result<Vec<Vec<f64>>, String> {
        let set = set.iter().map(|argument| (*argument).to_owned()).collect();
        let loaded = load_text("t", "t.ron", TEXT, &Request { set, ..Request::default() }, false)?;
        Ok(loaded.points.iter().map(|point| point.values.clone()).collect())
    }

    #[test]
    fn an_axis_is_set_by_its_name() {
        assert_eq!(points(&[]).unwrap().len(), 6);
        let one = points(&["rate=5 Mbit/s", "delay=\"2 ms\"", "count = 7"]).unwrap();
        assert_eq!(one, [[5e6, 0.002, 7.0]]);
        assert_eq!(points(&["rate=[\"5 Mbit/s\", \"6 Mbit/s\"]", "delay=1 ms"]).unwrap().len(), 2);
    }

    #[test]
    fn a_wrong_value_is_shown_where_it_stands() {
        let error = points(&["rate=5 Mbit"]).unwrap_err();
        assert!(error.contains("--set axes.rate.values=[\"5 Mbit\"]"), "{error}");
        let error = points(&["rats=5 Mbit/s"]).unwrap_err();
        assert!(error.contains("rats"), "{error}");
    }
}
