//! The fields of two resolved scenarios that differ.
//!
//! Elements of lists are matched by their `name`, or by their `ends` where links have none; of other lists, by their place. A
//! field that differs in the same way in many elements of a list is told once.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A field that differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldDifference {
    /// Its path, as `--set` takes it: `links.radio.loss`.
    pub path: String,
    /// True for an element of a list, which one of both may not have; a field that one of both does not say has its default.
    pub is_element: bool,
    /// Its value in A, as a scenario has it; `None` where there is none.
    pub in_a: Option<String>,
    /// Its value in B.
    pub in_b: Option<String>,
    /// In how many more elements of the same list it differs in the same way.
    pub more: usize,
}

/// All fields that differ, in the order of their paths.
pub fn differences(a: &Value, b: &Value) -> Vec<FieldDifference> {
    let mut walk = Walk::default();
    walk.values(&Place::default(), Some(a), Some(b));
    walk.found
}

/// Where a value stands.
#[derive(Clone, Default)]
struct Place {
    path: String,
    /// The same with a star in the place of each element of a list.
    shape: String,
    is_element: bool,
}

impl Place {
    fn below(&self, name: &str, is_element: bool) -> Self {
        let join = |before: &str, name: &str| {
            if before.is_empty() { name.to_owned() } else { format!("{before}.{name}") }
        };
        let shape = join(&self.shape, if is_element { "*" } else { name });
        Self { path: join(&self.path, name), shape, is_element }
    }
}

/// What tells differences of one kind: the shape of the path, and both values.
type Kind = (String, Option<String>, Option<String>);

#[derive(Default)]
struct Walk {
    found: Vec<FieldDifference>,
    /// Which of them was the first of its kind.
    kinds: BTreeMap<Kind, usize>,
}

impl Walk {
    fn values(&mut self, place: &Place, a: Option<&Value>, b: Option<&Value>) {
        // A field without a value is not written, or written as null.
        let (a, b) = (a.filter(|value| !value.is_null()), b.filter(|value| !value.is_null()));
        match (a, b) {
            _ if a == b => {}
            (Some(Value::Object(of_a)), Some(Value::Object(of_b))) => match (variant(of_a), variant(of_b)) {
                // The path does not name it, and neither does that of `--set`.
                (Some((name, inner_a)), Some((other, inner_b))) if name == other => {
                    self.values(place, Some(inner_a), Some(inner_b));
                }
                (None, None) => self.fields(place, of_a, of_b),
                _ => self.add(place, a, b),
            },
            (Some(Value::Array(of_a)), Some(Value::Array(of_b))) => self.lists(place, of_a, of_b),
            _ => self.add(place, a, b),
        }
    }

    fn fields(&mut self, place: &Place, a: &Map<String, Value>, b: &Map<String, Value>) {
        let only_b = b.keys().filter(|name| !a.contains_key(*name));
        let mut names: Vec<&String> = a.keys().chain(only_b).collect();
        names.sort();
        for name in names {
            self.values(&place.below(name, false), a.get(name), b.get(name));
        }
    }

    fn lists(&mut self, place: &Place, a: &[Value], b: &[Value]) {
        if let (Some(names_a), Some(names_b)) = (names(a), names(b)) {
            let by_name = |names: &[String], values: &[Value], name: &String| {
                names.iter().position(|known| known == name).map(|index| values[index].clone())
            };
            let only_b = names_b.iter().filter(|name| !names_a.contains(name));
            for name in names_a.iter().chain(only_b) {
                let (of_a, of_b) = (by_name(&names_a, a, name), by_name(&names_b, b, name));
                self.values(&place.below(name, true), of_a.as_ref(), of_b.as_ref());
            }
            let in_both = |names: &[String], others: &[String]| -> Vec<String> {
                names.iter().filter(|name| others.contains(name)).cloned().collect()
            };
            let orders = (in_both(&names_a, &names_b), in_both(&names_b, &names_a));
            if orders.0 != orders.1 {
                let order = |names: &[String]| Some(format!("in the order {}", names.join(", ")));
                self.push(place, order(&orders.0), order(&orders.1));
            }
            return;
        }
        let is_plain = |value: &Value| !value.is_object() && !value.is_array();
        if a.iter().chain(b).all(is_plain) {
            return self.add(place, Some(&Value::from(a)), Some(&Value::from(b)));
        }
        for index in 0..a.len().max(b.len()) {
            self.values(&place.below(&index.to_string(), true), a.get(index), b.get(index));
        }
    }

    fn add(&mut self, place: &Place, a: Option<&Value>, b: Option<&Value>) {
        self.push(place, a.map(text), b.map(text));
    }

    fn push(&mut self, place: &Place, in_a: Option<String>, in_b: Option<String>) {
        let kind = (place.shape.clone(), in_a.clone(), in_b.clone());
        if let Some(first) = self.kinds.get(&kind) {
            self.found[*first].more += 1;
            return;
        }
        self.kinds.insert(kind, self.found.len());
        let (path, is_element) = (place.path.clone(), place.is_element);
        self.found.push(FieldDifference { path, is_element, in_a, in_b, more: 0 });
    }
}

/// The name and the content of a variant of an enum, which is all that the object has.
fn variant(object: &Map<String, Value>) -> Option<(&String, &Value)> {
    let mut entries = object.iter();
    let (name, content) = entries.next()?;
    (entries.next().is_none() && is_variant(name)).then_some((name, content))
}

/// True for what is written like the name of a variant: `CoapClient`.
fn is_variant(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase()) && name.chars().all(|c| c.is_ascii_alphanumeric())
}

/// The names of the elements of a list, if each has one of its own.
fn names(list: &[Value]) -> Option<Vec<String>> {
    let of_ends = |element: &Value| {
        let ends: Vec<&str> = element["ends"].as_array()?.iter().filter_map(Value::as_str).collect();
        (ends.len() == 2).then(|| ends.join("--"))
    };
    let name = |element: &Value| element["name"].as_str().map(str::to_owned).or_else(|| of_ends(element));
    let names: Option<Vec<String>> = list.iter().map(name).collect();
    let names = names?;
    let mut sorted = names.clone();
    sorted.sort();
    sorted.dedup();
    (sorted.len() == names.len()).then_some(names)
}

/// A value as a scenario has it, as far as JSON tells.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) if is_variant(text) => text.clone(),
        Value::String(text) => format!("{text:?}"),
        Value::Array(items) => format!("[{}]", items.iter().map(self::text).collect::<Vec<_>>().join(", ")),
        Value::Object(object) => {
            if let Some((name, content)) = variant(object) {
                let content = text(content);
                let is_struct = content.starts_with('(');
                return if is_struct { format!("{name}{content}") } else { format!("{name}({content})") };
            }
            let said = object.iter().filter(|(_, value)| !value.is_null());
            let fields: Vec<String> = said.map(|(name, value)| format!("{name}: {}", text(value))).collect();
            format!("({})", fields.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(a: &Value, b: &Value) -> Vec<String> {
        let line = |field: FieldDifference| {
            let none = if field.is_element { "not there" } else { "-" };
            let value = |value: Option<String>| value.unwrap_or_else(|| none.to_owned());
            format!("{}: {} | {} | {}", field.path, value(field.in_a), value(field.in_b), field.more)
        };
        differences(a, b).into_iter().map(line).collect()
    }

    /// Names decide which element is which; a variant is no part of a path, and what is null is not there.
    #[test]
    fn fields_are_named_by_their_paths() {
        let a = json!({
            "seed": 1, "until": "Quiet",
            "links": [{"name": "x", "loss": "0 %"}, {"name": null, "ends": ["a", "b"], "mtu": null, "rate": "1 Mbit/s"}],
            "apps": [{"name": "c", "run": {"CoapClient": {"requests": 10}}}, {"name": "s", "run": {"CoapServer": {}}}],
            "axes": [{"name": "loss", "values": ["0 %", "1 %"]}], "window": null,
        });
        let b = json!({
            "seed": 2, "until": {"After": "5 s"},
            "links": [{"ends": ["a", "b"], "rate": "2 Mbit/s"}, {"name": "y", "loss": "0 %"}, {"name": "x", "loss": "0 %"}],
            "apps": [{"name": "c", "run": {"CoapClient": {"requests": 20}}}, {"name": "s", "run": {"UdpServer": {"port": 7}}}],
            "axes": [{"name": "loss", "values": ["0 %", "1 %", "2 %"]}], "window": "5 s",
        });
        let expected = [
            "apps.c.run.requests: 10 | 20 | 0",
            "apps.s.run: CoapServer() | UdpServer(port: 7) | 0",
            "axes.loss.values: [\"0 %\", \"1 %\"] | [\"0 %\", \"1 %\", \"2 %\"] | 0",
            "links.a--b.rate: \"1 Mbit/s\" | \"2 Mbit/s\" | 0",
            "links.y: not there | (loss: \"0 %\", name: \"y\") | 0",
            "links: in the order x, a--b | in the order a--b, x | 0",
            "seed: 1 | 2 | 0",
            "until: Quiet | After(\"5 s\") | 0",
            "window: - | \"5 s\" | 0",
        ];
        assert_eq!(told(&a, &b), expected);
        assert!(told(&a, &a).is_empty());
    }

    /// A thousand members of a group that differ alike are one line, another one is its own.
    #[test]
    fn what_differs_alike_is_told_once() {
        let links = |rate: &str, last: &str| -> Value {
            let rate_of = |k: usize| if k == 999 { last } else { rate };
            (0..1000).map(|k| json!({"name": format!("cell-{k}"), "rate": rate_of(k)})).collect()
        };
        let (a, b) = (json!({"links": links("1 Mbit/s", "1 Mbit/s")}), json!({"links": links("2 Mbit/s", "3 Mbit/s")}));
        let expected = [
            "links.cell-0.rate: \"1 Mbit/s\" | \"2 Mbit/s\" | 998",
            "links.cell-999.rate: \"1 Mbit/s\" | \"3 Mbit/s\" | 0",
        ];
        assert_eq!(told(&a, &b), expected);
    }
}
