//! `templates: { "sensor-link": (rate: "250 kbit/s", delay: "50 ms") }` and `like: "sensor-link"`.
//!
//! A struct anywhere in the scenario that says `like: "NAME"` takes from that template each field that it does not say
//! itself. A field that it says is its own as a whole: nothing of it is mixed with the template's. A template may be `like`
//! another one. A template with a name in front, as `CoapClient(confirmable: false)`, serves structs of that name, and gives
//! its name to those that have none.
//!
//! Taken fields keep the place where the template says them.
//!
//! `like: "@dsl"` takes from a shipped template, an access profile. Such a one says `forward` and `backward` of a link, and
//! those are mixed field by field: what the link says of a direction comes first, then what it says of both, then what the
//! profile says of the direction.

use super::diagnostic::{Diagnostic, Diagnostics, listed, suggest};
use super::include::take_field;
use super::node::{Field, Kind, Name, Node, Tree};
use super::source::Span;
use std::collections::{BTreeMap, BTreeSet};

/// The field that holds the templates.
pub(super) const FIELD: &str = "templates";
/// The field that names the template of a struct.
const LIKE: &str = "like";
/// Most values that templates give to a scenario in all. Chains of templates that hold each other grow without bound.
const MOST_NODES: usize = 1_000_000;

/// The parts of a link's profile that are mixed field by field.
const DIRECTIONS: [&str; 2] = ["forward", "backward"];

/// Finds the shipped template of a name, or says what to do where there is none.
pub type Shipped<'a> = dyn FnMut(&str) -> Result<Node, String> + 'a;

impl Tree {
    /// Gives all structs what their templates have, and takes `templates` and all `like` out. A template of the outermost
    /// text that nobody uses is a mistake; included ones are there to choose from. `shipped` finds those that begin with `@`.
    pub fn apply_templates(&mut self, shipped: &mut Shipped<'_>, mistakes: &mut Diagnostics) {
        let home = self.root.span.source;
        let Some(templates) = collect(take_field(&mut self.root, FIELD), mistakes) else {
            // Which templates there are cannot be said: what is like one may well be right.
            return forget(&mut self.root);
        };
        let names: Vec<String> = templates.iter().map(|template| template.name.clone()).collect();
        let mut applying = Applying {
            templates,
            shipped,
            done: BTreeMap::new(),
            used: BTreeSet::new(),
            chain: Vec::new(),
            nodes: 0,
            mistakes,
        };
        for name in &names {
            // Each is looked at, used or not.
            applying.template(name);
        }
        applying.expand(&mut self.root);
        let Applying { templates, used, .. } = applying;
        if self.root.damaged {
            return;
        }
        for template in
            templates.iter().filter(|template| template.place.source == home && !used.contains(&template.name))
        {
            let message = format!("the template `{}` has no effect: nothing is `like` it", template.name);
            mistakes.push(Diagnostic::error("template::unused", template.place, message));
        }
    }
}

/// A template as written.
struct Template {
    name: String,
    place: Span,
    value: Node,
}

/// The templates of a scenario; `None` if they are no map.
fn collect(node: Option<Node>, mistakes: &mut Diagnostics) -> Option<Vec<Template>> {
    let entries = match node {
        None => return Some(Vec::new()),
        Some(Node { kind: Kind::Map(entries), .. }) => entries,
        Some(Node { kind: Kind::Struct { name: None, fields }, .. }) => {
            let entry = |field: Field| (Node::new(field.name.span, Kind::Str(field.name.text)), field.value);
            fields.into_iter().map(entry).collect()
        }
        Some(Node { kind: Kind::Unit, .. }) => Vec::new(),
        Some(Node { kind: Kind::Invalid, .. }) => return None,
        Some(other) => {
            let message = format!("expected a map of templates, found {}", other.describe());
            let error = Diagnostic::error("template::bad-value", other.head(), message);
            mistakes.push(error.help("write `templates: { \"fast\": (rate: \"1 Gbit/s\") }`".to_owned()));
            return None;
        }
    };
    let mut templates: Vec<Template> = Vec::new();
    for (key, value) in entries {
        let Some(name) = key.as_key().map(str::to_owned) else {
            let message = format!("expected the name of a template, found {}", key.describe());
            mistakes.push(Diagnostic::error("template::bad-value", key.span, message));
            continue;
        };
        if let Some(first) = templates.iter().find(|other| other.name == name) {
            let error = Diagnostic::error("template::twice", key.span, format!("the template `{name}` is given twice"));
            mistakes.push(error.label("second time").also(first.place, "first time"));
            continue;
        }
        if !matches!(value.kind, Kind::Struct { .. } | Kind::Invalid) {
            let message = format!("a template is a struct with fields, and `{name}` is {}", value.describe());
            mistakes.push(Diagnostic::error("template::bad-value", value.head(), message));
        }
        templates.push(Template { name, place: key.span, value });
    }
    Some(templates)
}

struct Applying<'a, 's> {
    templates: Vec<Template>,
    shipped: &'a mut Shipped<'s>,
    /// Templates with all that they take from others; `None` for those that cannot be had.
    done: BTreeMap<String, Option<Node>>,
    used: BTreeSet<String>,
    /// Names of the templates that are being resolved, outermost first.
    chain: Vec<String>,
    /// Values given so far.
    nodes: usize,
    mistakes: &'a mut Diagnostics,
}

impl Applying<'_, '_> {
    /// Resolves `like` in this node and in everything in it.
    fn expand(&mut self, node: &mut Node) {
        match &mut node.kind {
            Kind::List(items) | Kind::Tuple { items, .. } => items.iter_mut().for_each(|item| self.expand(item)),
            Kind::Map(entries) => entries.iter_mut().for_each(|(_, value)| self.expand(value)),
            Kind::Some(inner) => self.expand(inner),
            Kind::Struct { fields, .. } => {
                fields.iter_mut().for_each(|field| self.expand(&mut field.value));
                self.apply(node);
            }
            _ => {}
        }
    }

    /// Resolves `like` of this struct.
    fn apply(&mut self, node: &mut Node) {
        let Some(like) = take_field(node, LIKE) else { return };
        let Some(name) = like.as_str() else {
            if !matches!(like.kind, Kind::Invalid) {
                let message = format!("expected the name of a template in quotes, found {}", like.describe());
                self.mistakes.push(Diagnostic::error("template::bad-value", like.span, message));
            }
            return;
        };
        if let Some(shipped) = name.strip_prefix('@') {
            // What has a name and no ends is a node or an application.
            let is_no_link = node.field("name").is_some() && node.field("ends").is_none();
            match (self.shipped)(shipped) {
                Ok(_) if is_no_link => {
                    let message = format!("`{shipped}` is an access profile, and those are for links");
                    let help = "say it of a link to this node".to_owned();
                    self.mistakes.push(Diagnostic::error("template::other-kind", like.span, message).help(help));
                }
                Ok(Node { kind: Kind::Struct { name: kind, mut fields }, .. }) => {
                    mix_directions(node, &mut fields);
                    self.take(node, &like, kind, fields);
                }
                Ok(_) => {}
                Err(help) => {
                    let message = format!("there is no access profile called `{shipped}`");
                    self.mistakes.push(Diagnostic::error("template::unknown", like.span, message).help(help));
                }
            }
            return;
        }
        if !self.templates.iter().any(|template| template.name == name) {
            let message = format!("there is no template called `{name}`");
            let names = || self.templates.iter().map(|template| template.name.as_str());
            let help = match suggest(name, names()) {
                None if (self.shipped)(name).is_ok() => format!("access profiles have an `@` in front: `@{name}`"),
                Some(near) => format!("did you mean `{near}`?"),
                None if self.templates.is_empty() => "this scenario has no `templates`".to_owned(),
                None => format!("there is {}", listed(names())),
            };
            self.mistakes.push(Diagnostic::error("template::unknown", like.span, message).help(help));
            return;
        }
        self.used.insert(name.to_owned());
        if let Some(start) = self.chain.iter().position(|other| other == name) {
            let chain = self.chain[start..].iter().map(String::as_str).chain([name]);
            let chain = chain.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" is like ");
            let message = format!("this template is like itself: {chain}");
            self.mistakes.push(Diagnostic::error("template::cycle", like.span, message));
            return;
        }
        let Some(Node { kind: Kind::Struct { name: kind, fields }, damaged, .. }) = self.template(name) else { return };
        node.damaged |= damaged;
        self.take(node, &like, kind, fields);
    }

    /// Gives `node` what it does not say.
    fn take(&mut self, node: &mut Node, like: &Node, kind: Option<Name>, mut fields: Vec<Field>) {
        let (own, said) = match &mut node.kind {
            Kind::Struct { name, fields } => (name.take(), std::mem::take(fields)),
            Kind::Tuple { name, .. } => (name.take(), Vec::new()),
            _ => (None, Vec::new()),
        };
        if let (Some(own), Some(kind)) = (&own, &kind)
            && own != kind
        {
            let message = format!("the template is a `{}`, and this is a `{}`", kind.text, own.text);
            let error = Diagnostic::error("template::other-kind", like.span, message);
            self.mistakes.push(error.also(own.span, "this").also(kind.span, "the template"));
            fields.clear();
        }
        let mut all = said;
        for field in fields {
            if !all.iter().any(|other| other.name == field.name) {
                self.nodes += size(&field.value);
                all.push(field);
            }
        }
        if self.nodes > MOST_NODES {
            if !self.mistakes.iter().any(|known| known.id == "template::too-large") {
                let message = format!("templates give more than {MOST_NODES} values to this scenario");
                self.mistakes.push(Diagnostic::error("template::too-large", like.span, message));
            }
            all.truncate(0);
        }
        let name = own.or(kind);
        node.kind = match (all.is_empty(), name) {
            (true, None) => Kind::Unit,
            (true, name) => Kind::Tuple { name, items: Vec::new() },
            (false, name) => Kind::Struct { name, fields: all },
        };
    }

    /// A template with all that it takes from others.
    fn template(&mut self, name: &str) -> Option<Node> {
        if let Some(done) = self.done.get(name) {
            return done.clone();
        }
        let mut value = self.templates.iter().find(|template| template.name == name)?.value.clone();
        self.chain.push(name.to_owned());
        self.expand(&mut value);
        self.chain.pop();
        let usable = matches!(value.kind, Kind::Struct { .. }).then_some(value);
        self.done.insert(name.to_owned(), usable.clone());
        usable
    }
}

/// Leaves of a profile's directions what the link `node` does not say itself, and gives the link's own directions the rest.
fn mix_directions(node: &mut Node, taken: &mut Vec<Field>) {
    let Kind::Struct { fields: own, .. } = &mut node.kind else { return };
    for direction in DIRECTIONS {
        let Some(index) = taken.iter().position(|field| field.name.text == direction) else { continue };
        let Kind::Struct { fields: of_profile, .. } = &mut taken[index].value.kind else { continue };
        of_profile.retain(|field| !own.iter().any(|said| said.name.text == field.name.text));
        let said = own.iter_mut().find(|field| field.name.text == direction).map(|field| &mut field.value.kind);
        if let Some(Kind::Struct { fields: said, .. }) = said {
            of_profile.retain(|field| !said.iter().any(|said| said.name.text == field.name.text));
            said.append(of_profile);
        }
        if of_profile.is_empty() {
            taken.remove(index);
        }
    }
}

/// Takes all `like` out.
fn forget(node: &mut Node) {
    take_field(node, LIKE);
    match &mut node.kind {
        Kind::List(items) | Kind::Tuple { items, .. } => items.iter_mut().for_each(forget),
        Kind::Map(entries) => entries.iter_mut().for_each(|(_, value)| forget(value)),
        Kind::Struct { fields, .. } => fields.iter_mut().for_each(|field| forget(&mut field.value)),
        Kind::Some(inner) => forget(inner),
        _ => {}
    }
}

/// How many values a node is made of.
fn size(node: &Node) -> usize {
    1 + match &node.kind {
        Kind::List(items) | Kind::Tuple { items, .. } => items.iter().map(size).sum(),
        Kind::Map(entries) => entries.iter().map(|(_, value)| size(value)).sum(),
        Kind::Struct { fields, .. } => fields.iter().map(|field| size(&field.value)).sum(),
        Kind::Some(inner) => size(inner),
        _ => 0_usize,
    }
}
