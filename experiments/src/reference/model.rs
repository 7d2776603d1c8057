//! The types that a scenario is made of, as JSON Schemas by name, and the schema that is made of them.

use super::words;
use crate::scenario::Scenario;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What stands in front of the name of an enum whose first variant may be written bare; see the reader of trees.
const SHORT_FORM: char = '~';

/// Where definitions stand.
const DEFS: &str = "#/$defs/";

/// What the schema as a whole says of itself.
const ABOUT: &str = "A scenario of protosim. Scenarios are written in RON; this schema describes their data model as JSON, for programs \
that make or check scenarios. A RON struct is an object, a list an array, a tuple an array of fixed length, a map an object, None \
is null. A variant without content is its name as a text: `Quiet` is \"Quiet\". A variant with content is an object with one key: \
`After(\"5 s\")` is {\"After\": \"5 s\"}, and `CoapClient(to: \"b\")` is {\"CoapClient\": {\"to\": \"b\"}}. It describes what stands \
after `include`, `templates` and `like` are resolved. What the schema accepts may still be refused: names must exist, and fields must \
have an effect; `protosim check` says so.";

/// All types of scenarios.
#[derive(Clone, PartialEq, Debug)]
pub struct Model {
    /// The scenario itself.
    root: Value,
    /// All other types by name; descriptions are still doc comments.
    types: BTreeMap<String, Value>,
    /// Those whose first variant may be written bare.
    short: BTreeSet<String>,
}

impl Model {
    /// The types that are reachable from [`Scenario`].
    pub fn of_scenarios() -> Self {
        let generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
        let mut root = generator.into_root_schema_for::<Scenario>().to_value();
        let mut types = BTreeMap::new();
        let mut short = BTreeSet::new();
        rename_references(&mut root);
        if let Some(Value::Object(defs)) = root.as_object_mut().and_then(|root| root.remove("$defs")) {
            for (name, definition) in defs {
                let plain = name.trim_start_matches(SHORT_FORM).to_owned();
                if plain != name {
                    short.insert(plain.clone());
                }
                types.insert(plain, definition);
            }
        }
        let mut model = Self { root, types, short };
        model.resolve_see();
        model
    }

    /// The scenario itself.
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// All other types, in order of names.
    pub fn types(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.types.iter().map(|(name, definition)| (name.as_str(), definition))
    }

    /// The type of this name; the scenario too.
    pub fn find(&self, name: &str) -> Option<&Value> {
        if name == "Scenario" { Some(&self.root) } else { self.types.get(name) }
    }

    /// Whether the first variant of this enum may be written bare.
    pub fn is_short(&self, name: &str) -> bool {
        self.short.contains(name)
    }

    /// The type that a schema refers to, by name.
    pub fn reference(schema: &Value) -> Option<&str> {
        schema.get("$ref")?.as_str()?.strip_prefix(DEFS)
    }

    /// The JSON Schema as a whole.
    pub fn schema(&self) -> Value {
        let mut root = self.root.clone();
        let mut defs = Map::new();
        for (name, definition) in &self.types {
            defs.insert(name.clone(), self.with_short_forms(name, definition));
        }
        if let Some(root) = root.as_object_mut() {
            root.insert("$defs".to_owned(), Value::Object(defs));
        }
        describe(&mut root);
        if let Some(root) = root.as_object_mut() {
            root.insert("description".to_owned(), json!(ABOUT));
        }
        sorted(&root)
    }

    /// An enum with what the reader takes beside its variants: the first one's content alone, and the bare names of variants
    /// that need nothing.
    fn with_short_forms(&self, name: &str, definition: &Value) -> Value {
        let mut definition = definition.clone();
        let Some(variants) = variants(&definition).cloned() else { return definition };
        let needs_nothing = |variant: &Value| {
            let (name, content) = content(variant)?;
            let content = Self::reference(content).map_or(Some(content), |name| self.find(name))?;
            let is_struct = content.get("properties").is_some() && content.get("required").is_none();
            is_struct.then(|| json!(name))
        };
        let bare: Vec<Value> = variants.iter().filter_map(needs_nothing).collect();
        let mut all = variants.clone();
        if !bare.is_empty() {
            all.push(json!({ "description": "A variant with nothing but defaults.", "enum": bare }));
        }
        let first = variants.first().and_then(content).filter(|_| self.is_short(name));
        if let Some((first, content)) = first {
            let mut content = content.clone();
            if let Some(content) = content.as_object_mut() {
                content.insert("description".to_owned(), json!(format!("The same as `{first}` with this.")));
            }
            all.push(content);
        }
        if let Some(object) = definition.as_object_mut() {
            object.remove("oneOf");
            // A bare text may look like a variant's name, which comes first.
            object.insert("anyOf".to_owned(), Value::Array(all));
        }
        definition
    }

    /// Puts the description of a field in the place of a mere pointer to it.
    fn resolve_see(&mut self) {
        let known = self.clone();
        let resolve = |text: &str| words::see(text, |path| known.description(path));
        visit(&mut self.root, &mut |object| replace_description(object, &resolve));
        self.types.values_mut().for_each(|one| visit(one, &mut |object| replace_description(object, &resolve)));
    }

    /// The description of `Type::field`.
    fn description(&self, path: &str) -> Option<&str> {
        let (owner, field) = path.rsplit_once("::")?;
        let owner = owner.rsplit("::").next()?;
        self.find(owner)?.get("properties")?.get(field)?.get("description")?.as_str()
    }
}

/// The variants of an enum; `None` for anything else.
pub(super) fn variants(definition: &Value) -> Option<&Vec<Value>> {
    definition.get("oneOf")?.as_array()
}

/// Name and content of a variant that has content.
pub(super) fn content(variant: &Value) -> Option<(&str, &Value)> {
    let (name, content) = variant.get("properties")?.as_object()?.iter().next()?;
    Some((name, content))
}

fn replace_description(object: &mut Map<String, Value>, with: &dyn Fn(&str) -> Option<String>) {
    if let Some(Value::String(text)) = object.get_mut("description")
        && let Some(new) = with(text)
    {
        *text = new;
    }
}

/// Every object in `value`, from the outside in. What stands under a name that a user chose is visited as well: a field that
/// is called `description` is an object and no text.
fn visit(value: &mut Value, each: &mut dyn FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            each(object);
            object.values_mut().for_each(|inner| visit(inner, each));
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| visit(inner, each)),
        _ => {}
    }
}

/// References to types with a [`SHORT_FORM`], which a JSON pointer writes as `~0`.
fn rename_references(schema: &mut Value) {
    visit(schema, &mut |object| {
        if let Some(Value::String(target)) = object.get_mut("$ref") {
            *target = target.replace("/~0", "/");
        }
    });
}

/// Makes plain text of doc comments.
fn describe(schema: &mut Value) {
    visit(schema, &mut |object| replace_description(object, &|text| Some(words::plain(text))));
}

/// The same with all keys in order, whatever order this build of the JSON library keeps.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let in_order: BTreeMap<&String, &Value> = object.iter().collect();
            Value::Object(in_order.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
