//! The reference page: every type of a scenario with its fields or variants, in Markdown.

use super::model::{Model, content, variants};
use super::words;
use serde_json::{Map, Value};
use std::fmt::Write;

/// What stands above the types.
const HEAD: &str = r#"# Reference of the scenario language

Every field of a scenario, made from the types that read it: this page is what `protosim reference` prints. A scenario is one
[Scenario](#scenario), written `(format: 1, title: "…", …)`; [language.md](language.md) says how several texts become one, and
[guide.md](guide.md) begins from nothing. What can be measured stands in the catalogue that `protosim metrics` prints.

Fields that are not required have the default that is said, or do nothing where they are left out. A quantity is a text with its unit:
`"20 ms"`. A variant is written by its name, `Quiet`, with its content in parentheses, `After("5 s")`, or with its fields there,
`CoapClient(to: "server")`. `protosim schema` prints the same as a JSON Schema, for programs.
"#;

/// The whole page.
pub(super) fn page(model: &Model) -> String {
    let page = Page { model };
    let mut out = String::from(HEAD);
    let (simple, others): (Vec<_>, Vec<_>) = model.types().partition(|(_, definition)| is_simple(definition));
    let links = |types: &[(&str, &Value)]| {
        types.iter().map(|(name, _)| format!("[{name}]({})", anchor(name))).collect::<Vec<_>>().join(", ")
    };
    // Writing to a string does not fail.
    let _ = write!(out, "\nStructs and choices: {}.\n\nTexts and numbers: {}.\n", links(&others), links(&simple));
    out.push_str("\n## The scenario\n");
    page.section(&mut out, "Scenario", model.root());
    out.push_str("\n## Structs and choices\n");
    others.iter().for_each(|(name, definition)| page.section(&mut out, name, definition));
    out.push_str("\n## Texts and numbers\n");
    simple.iter().for_each(|(name, definition)| page.section(&mut out, name, definition));
    out
}

/// Neither fields nor variants.
fn is_simple(definition: &Value) -> bool {
    definition.get("properties").is_none() && variants(definition).is_none() && definition.get("enum").is_none()
}

/// Where a type stands on the page, as GitHub makes it from the heading.
fn anchor(name: &str) -> String {
    format!("#{}", name.to_lowercase())
}

/// The page in the making.
struct Page<'m> {
    model: &'m Model,
}

impl Page<'_> {
    /// A type with everything in it.
    fn section(&self, out: &mut String, name: &str, definition: &Value) {
        let _ = write!(out, "\n### {name}\n\n{}\n", self.description(definition));
        if let Some(fields) = fields_of(definition) {
            out.push('\n');
            self.fields(out, fields, definition);
        } else if let Some(variants) = variants(definition) {
            out.push('\n');
            self.variants(out, name, variants);
        } else if let Some(names) = definition.get("enum").and_then(Value::as_array) {
            let names: Vec<String> = names.iter().filter_map(Value::as_str).map(|name| format!("`{name}`")).collect();
            let _ = write!(out, "\nOne of {}.\n", names.join(", "));
        } else if let Some(examples) = definition.get("examples").and_then(Value::as_array) {
            let examples: Vec<String> = examples.iter().map(|example| format!("`{example}`")).collect();
            let _ = write!(out, "\nAs in {}.\n", examples.join(", "));
        }
    }

    /// A table of fields, those that are required first.
    fn fields(&self, out: &mut String, fields: &Map<String, Value>, owner: &Value) {
        if fields.is_empty() {
            out.push_str("It has no fields.\n");
            return;
        }
        let required: Vec<&str> = match owner.get("required").and_then(Value::as_array) {
            Some(names) => names.iter().filter_map(Value::as_str).collect(),
            None => Vec::new(),
        };
        let mut rows: Vec<(bool, &String, &Value)> =
            fields.iter().map(|(name, field)| (!required.contains(&name.as_str()), name, field)).collect();
        rows.sort_by_key(|(is_optional, name, _)| (*is_optional, (*name).clone()));
        out.push_str("| field | type | required | meaning |\n| --- | --- | --- | --- |\n");
        for (is_optional, name, field) in rows {
            let required = if is_optional { "no" } else { "yes" };
            let meaning = cell(&self.meaning(field));
            let _ = writeln!(out, "| `{name}` | {} | {required} | {meaning} |", cell(&self.type_of(field)));
        }
    }

    /// A table of variants, and one for the fields of each that has some of its own.
    fn variants(&self, out: &mut String, name: &str, variants: &[Value]) {
        if let Some((first, inner)) = variants.first().and_then(content).filter(|_| self.model.is_short(name)) {
            let _ = write!(out, "{} alone is the same as `{first}` with it.\n\n", capital(&self.type_of(inner)));
        }
        out.push_str("| written | meaning |\n| --- | --- |\n");
        for variant in variants {
            let meaning = cell(&self.description(variant));
            for written in self.forms(variant) {
                let _ = writeln!(out, "| {} | {meaning} |", cell(&written));
            }
        }
        for variant in variants {
            let Some((name, inner)) = content(variant) else { continue };
            let Some(fields) = fields_of(inner) else { continue };
            let _ = write!(out, "\nFields of `{name}`:\n\n");
            self.fields(out, fields, inner);
        }
    }

    /// How a variant is written. Variants without words of their own stand together in one list.
    fn forms(&self, variant: &Value) -> Vec<String> {
        if let Some(name) = variant.get("const").and_then(Value::as_str) {
            return vec![format!("`{name}`")];
        }
        if let Some(names) = variant.get("enum").and_then(Value::as_array) {
            return names.iter().filter_map(Value::as_str).map(|name| format!("`{name}`")).collect();
        }
        let Some((name, inner)) = content(variant) else { return Vec::new() };
        let written = match fields_of(inner) {
            Some(fields) if fields.is_empty() => format!("`{name}()`"),
            Some(_) => format!("`{name}(…)`, fields below"),
            None => format!("`{name}(…)` with {}", self.type_of(inner)),
        };
        vec![written]
    }

    /// A type in words.
    fn type_of(&self, schema: &Value) -> String {
        if let Some(name) = Model::reference(schema) {
            return format!("[{name}]({})", anchor(name));
        }
        if let Some(choices) = ["anyOf", "oneOf"].iter().find_map(|key| schema.get(*key)?.as_array()) {
            let is_null = |choice: &&Value| choice.get("type").and_then(Value::as_str) == Some("null");
            let words: Vec<String> = choices.iter().filter(|one| !is_null(one)).map(|one| self.type_of(one)).collect();
            return words.join(" or ");
        }
        if let Some(items) = schema.get("prefixItems").and_then(Value::as_array) {
            let items: Vec<String> = items.iter().map(|item| self.type_of(item)).collect();
            return format!("({})", items.join(", "));
        }
        let names: Vec<&str> = match schema.get("type") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect()
            }
            _ => Vec::new(),
        };
        let words: Vec<String> = names.into_iter().map(|name| self.basic(name, schema)).collect();
        if words.is_empty() { "anything".to_owned() } else { words.join(" or ") }
    }

    /// One of JSON's own types in words.
    fn basic(&self, name: &str, schema: &Value) -> String {
        match name {
            "string" if schema.get("format").and_then(Value::as_str) == Some("ip") => "IP address as text".to_owned(),
            "string" => "text".to_owned(),
            "integer" => match (schema.get("minimum"), schema.get("maximum")) {
                (Some(low), Some(high)) => format!("whole number, {low} to {high}"),
                _ => "whole number".to_owned(),
            },
            "boolean" => "`true` or `false`".to_owned(),
            "array" => match schema.get("items") {
                Some(items) => format!("list of {}", self.type_of(items)),
                None => "list".to_owned(),
            },
            "object" => match schema.get("additionalProperties").filter(|values| values.is_object()) {
                Some(values) => format!("map from text to {}", self.type_of(values)),
                None => "struct".to_owned(),
            },
            other => other.to_owned(),
        }
    }

    /// What a schema says of itself.
    fn description(&self, schema: &Value) -> String {
        let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        words::markdown(text, |name| self.model.find(name).map(|_| anchor(name)))
    }

    /// What a field says of itself, with its default where it does not say that.
    fn meaning(&self, field: &Value) -> String {
        let text = self.description(field);
        // A column says it.
        let text = text.strip_suffix(" Required.").unwrap_or(&text).to_owned();
        if text.contains("efault") {
            return text;
        }
        let default = match field.get("default") {
            Some(Value::Array(items)) if items.is_empty() => "none".to_owned(),
            Some(Value::String(text)) if text.is_empty() => "empty".to_owned(),
            Some(Value::String(text)) if field.get("$ref").is_none() => format!("`\"{text}\"`"),
            Some(value @ (Value::Bool(_) | Value::Number(_))) => format!("`{value}`"),
            Some(Value::String(text)) => text.clone(),
            _ => return text,
        };
        format!("{text} Default: {default}.")
    }
}

/// The fields of a struct.
fn fields_of(schema: &Value) -> Option<&Map<String, Value>> {
    // An object with one key of which nothing is said is a map.
    schema.get("properties").and_then(Value::as_object)
}

/// Text that fits into one cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', r"\|")
}

/// With a capital letter in front, where it begins with a small one.
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
