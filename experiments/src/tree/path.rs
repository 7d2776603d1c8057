//! Paths into the tree, and overrides: `links.radio.loss=2 %`.
//!
//! A segment names a field, a map's key, the element of a list whose field `name` has that value (a link without one goes by
//! its ends, `client--server`), or an element by its number from 0, as `links.0` or `links[0]`. A name with dots stands in
//! quotes: `nodes."sensor.1".cpu`.

use super::diagnostic::{Diagnostic, Diagnostics, listed, suggest};
use super::include::name_of;
use super::node::{Field, Kind, Name, Node, Tree};
use super::parse::parse_text;
use super::source::{SourceId, Sources, Span};
use std::fmt;

/// A parsed path.
#[derive(Clone, PartialEq, Debug)]
pub struct Path {
    /// Its parts, at least one.
    pub segments: Vec<Segment>,
}

/// One part of a path.
#[derive(Clone, PartialEq, Debug)]
pub struct Segment {
    /// Name or number.
    pub text: String,
    /// Where it stands in the path's own text.
    pub range: std::ops::Range<usize>,
}

/// Why a path leads nowhere.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}{}", help.as_ref().map(|h| format!("; {h}")).unwrap_or_default())]
pub struct PathError {
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Which part of the path's text is wrong.
    pub range: std::ops::Range<usize>,
}

impl std::str::FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let error = |message: &str, range| PathError { message: message.to_owned(), help: None, range };
        let mut segments = Vec::new();
        let mut at = 0;
        loop {
            let rest = &text[at..];
            let (start, length, behind) = if let Some(quoted) = rest.strip_prefix('"') {
                let length = quoted.find('"').ok_or_else(|| error("this name is never closed", at..text.len()))?;
                (at + 1, length, at + length + 2)
            } else if rest.starts_with('[') {
                let length = rest.find(']').ok_or_else(|| error("this `[` is never closed", at..at + 1))?;
                (at + 1, length - 1, at + length + 1)
            } else {
                let length = rest.find(['.', '[']).unwrap_or(rest.len());
                (at, length, at + length)
            };
            let name = text[start..start + length].trim();
            if name.is_empty() {
                return Err(error("a path lacks a name here", start..start + length));
            }
            segments.push(Segment { text: name.to_owned(), range: start..start + length });
            at = match text[behind..].chars().next() {
                None => return Ok(Self { segments }),
                Some('.') => behind + 1,
                Some('[') => behind,
                Some(c) => return Err(error("expected `.` here", behind..behind + c.len_utf8())),
            };
        }
    }
}

/// With dots, as it can be parsed again.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.segments.iter().enumerate() {
            let dot = if i == 0 { "" } else { "." };
            let quote = if segment.text.contains(['.', '[']) { "\"" } else { "" };
            write!(f, "{dot}{quote}{}{quote}", segment.text)?;
        }
        Ok(())
    }
}

impl Tree {
    /// The node at `path`.
    ///
    /// # Errors
    /// Which part is not there, with the nearest right name.
    pub fn get(&self, path: &Path) -> Result<&Node, PathError> {
        let mut node = &self.root;
        for segment in &path.segments {
            node = child(node, segment, step)?;
        }
        Ok(node)
    }

    /// The node at a path, if it is there: quicker than [`Tree::get`] where nobody asks why it is not.
    pub fn find(&self, path: &Path) -> Option<&Node> {
        let step = |node: &Node, segment: &Segment| find_step(node, segment).ok_or(());
        path.segments.iter().try_fold(&self.root, |node, segment| child(node, segment, step).ok())
    }

    /// The node at a path of our own making, where elements go by their numbers, if it is there. Names count only where a part is no number of an
    /// element: so it costs the same however long lists are, and an element called `0` is not taken for the first.
    pub fn at(&self, path: &str) -> Option<&Node> {
        let path: Path = path.parse().ok()?;
        let by_number = |node: &Node, segment: &Segment| {
            let (Kind::List(items) | Kind::Tuple { items, .. }) = &node.kind else { return None };
            segment.text.parse().ok().filter(|number| *number < items.len()).map(Step::Item)
        };
        let step =
            |node: &Node, segment: &Segment| by_number(node, segment).or_else(|| find_step(node, segment)).ok_or(());
        path.segments.iter().try_fold(&self.root, |node, segment| child(node, segment, step).ok())
    }

    /// The text at such a path that is written out, if it is one.
    pub fn text_at(&self, path: &str) -> Option<&str> {
        self.at(path)?.as_str()
    }

    /// Puts `value` at `path`, in place of what is there. Missing fields on the way are created: whether
    /// there may be such fields, only reading can tell. A bare name that takes the place of a text
    /// becomes a text, since a shell strips the quotes of `name="radio"`.
    ///
    /// # Errors
    /// Which part is not there, with the nearest right name.
    pub fn set(&mut self, path: &Path, value: Node) -> Result<(), PathError> {
        let place = value.span;
        self.set_at(path, value, |_| place)
    }

    /// [`Tree::set`], where fields that it creates stand at `place`: that of the path's own text.
    ///
    /// # Errors
    /// As there.
    pub fn set_from(&mut self, path: &Path, value: Node, place: Span) -> Result<(), PathError> {
        self.set_at(path, value, |_| place)
    }

    /// The path in the one spelling that all paths to its node share: elements by their numbers, not by their names.
    /// What is not there stays as it is written.
    pub fn canonical(&self, path: &Path) -> Vec<String> {
        let mut node = Some(&self.root);
        let mut parts = Vec::with_capacity(path.segments.len());
        for segment in &path.segments {
            let number = node.and_then(|node| number_in_list(node, segment));
            parts.push(number.map_or_else(|| segment.text.clone(), |number| number.to_string()));
            node = node.and_then(|node| child(node, segment, step).ok());
        }
        parts
    }

    /// Applies one `--set` argument, `path=value`, adding what is wrong with it to `mistakes`. The
    /// value is RON; one that is not, such as `2 %` after a shell took its quotes, is a text.
    pub fn apply_override(&mut self, sources: &mut Sources, argument: &str, mistakes: &mut Diagnostics) {
        const OPTION: &str = "--set ";
        let source = sources.add("command line", format!("{OPTION}{argument}"));
        let shifted =
            |range: &std::ops::Range<usize>| Span::new(source, OPTION.len() + range.start..OPTION.len() + range.end);
        let Some(equals) = equals_sign(argument) else {
            let whole = shifted(&(0..argument.len()));
            let error = Diagnostic::error("override::no-value", whole, "an override needs a value");
            mistakes.push(error.help(format!("write `--set {argument}=VALUE`")));
            return;
        };
        let result = argument[..equals].parse::<Path>().and_then(|path| {
            let value = override_value(source, sources.get(source).text(), OPTION.len() + equals + 1, mistakes);
            self.set_at(&path, value, |segment| shifted(&segment.range))
        });
        // What a damaged tree lacks may have been lost to a syntax error that is reported already.
        if let Err(error) = result
            && !self.root.damaged
        {
            let id = "override::unknown-path";
            mistakes.push(Diagnostic::error(id, shifted(&error.range), error.message).help(error.help));
        }
    }

    /// [`Tree::set`], with the place to give to a field it creates.
    fn set_at(&mut self, path: &Path, mut value: Node, place: impl Fn(&Segment) -> Span) -> Result<(), PathError> {
        let Some((last, before)) = path.segments.split_last() else { return Ok(()) };
        let mut node = &mut self.root;
        for segment in before {
            if let Err(error) = child(node, segment, step) {
                // Most likely a slip, where a name that is there is so near.
                if error.help.as_deref().is_some_and(|help| help.starts_with(DID_YOU_MEAN)) {
                    return Err(error);
                }
                // An empty struct, to be filled by the next segment.
                let span = place(segment);
                create(node, segment, Node::new(span, Kind::Unit), span).ok_or(error)?;
            }
            node = child_mut(node, segment)?;
        }
        if let Err(error) = child(node, last, step) {
            return create(node, last, value, place(last)).ok_or(error);
        }
        let old = child_mut(node, last)?;
        if let (Kind::Str(_), Kind::Name(name)) = (&old.kind, &value.kind) {
            value.kind = Kind::Str(name.text.clone());
        }
        *old = value;
        Ok(())
    }
}

const DID_YOU_MEAN: &str = "did you mean";

/// The first `=` outside quotes.
fn equals_sign(argument: &str) -> Option<usize> {
    let mut quoted = false;
    argument.char_indices().find_map(|(i, c)| {
        quoted ^= c == '"';
        (c == '=' && !quoted).then_some(i)
    })
}

/// The value behind the `=` of an override: RON, or else a text as it stands.
fn override_value(source: SourceId, text: &str, from: usize, mistakes: &mut Diagnostics) -> Node {
    let mut syntax = Diagnostics::default();
    let node = parse_text(source, text, from, &mut syntax);
    let value = text[from..].trim();
    // With brackets or quotes in it, it was meant as RON.
    if !syntax.is_empty() && !value.is_empty() && !value.contains(['(', '[', '{', '"']) {
        let start = from + text[from..].find(value).unwrap_or(0);
        return Node::new(Span::new(source, start..start + value.len()), Kind::Str(value.to_owned()));
    }
    syntax.iter().for_each(|mistake| mistakes.push(mistake.clone()));
    node
}

/// Where a child is.
enum Step {
    Field(usize),
    Entry(usize),
    Item(usize),
    /// Into the one value of `Some(…)` or `Variant(…)`, for the same segment.
    Through,
}

fn step(node: &Node, segment: &Segment) -> Result<Step, PathError> {
    find_step(node, segment).ok_or_else(|| why_no_step(node, segment))
}

fn find_step(node: &Node, segment: &Segment) -> Option<Step> {
    let wanted = segment.text.as_str();
    let number = || wanted.parse::<usize>().ok();
    match &node.kind {
        Kind::Some(_) => Some(Step::Through),
        Kind::Struct { fields, .. } => fields.iter().position(|f| f.name.text == wanted).map(Step::Field),
        Kind::Map(entries) => entries.iter().position(|(key, _)| key.as_key() == Some(wanted)).map(Step::Entry),
        Kind::Tuple { items, .. } if items.len() == 1 && number().is_none() => Some(Step::Through),
        Kind::List(items) | Kind::Tuple { items, .. } => {
            let by_name = items.iter().position(|item| name_of(item).as_deref() == Some(wanted));
            by_name.or_else(|| number().filter(|n| *n < items.len())).map(Step::Item)
        }
        _ => None,
    }
}

/// What to say where there is no such step.
fn why_no_step(node: &Node, segment: &Segment) -> PathError {
    let wanted = segment.text.as_str();
    let range = segment.range.clone();
    let among = |what: &str, names: Vec<&str>| PathError {
        message: format!("there is no {what} `{wanted}` here"),
        help: Some(match suggest(wanted, names.iter().copied()) {
            Some(near) => format!("{DID_YOU_MEAN} `{near}`?"),
            None if names.is_empty() => "there is nothing in it".to_owned(),
            None => format!("there is {}", listed(names)),
        }),
        range: range.clone(),
    };
    match &node.kind {
        Kind::Struct { fields, .. } => among("field", fields.iter().map(|f| f.name.text.as_str()).collect()),
        Kind::Map(entries) => among("key", entries.iter().filter_map(|(key, _)| key.as_key()).collect()),
        Kind::List(items) | Kind::Tuple { items, .. } => {
            let names: Vec<String> = items.iter().filter_map(name_of).collect();
            let mut error = among("element", names.iter().map(String::as_str).collect());
            if names.is_empty() && !items.is_empty() {
                let last = items.len() - 1;
                error.help = Some(format!("its elements have no names; they are numbered from 0 to {last}"));
            }
            error
        }
        _ => PathError { message: format!("there is no `{wanted}` in {}", node.describe()), help: None, range },
    }
}

/// The number of the element that the segment names, in a list or what stands around one.
fn number_in_list(mut node: &Node, segment: &Segment) -> Option<usize> {
    loop {
        match (find_step(node, segment)?, &node.kind) {
            (Step::Item(number), _) => return Some(number),
            (Step::Through, Kind::Some(inner)) => node = inner,
            (Step::Through, Kind::Tuple { items, .. }) => node = items.first()?,
            _ => return None,
        }
    }
}

/// What a path that leads to a node and then goes to `name` leads to, if it is there.
pub fn child_of<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let segment = Segment { text: name.to_owned(), range: 0..0 };
    child(node, &segment, |node, segment| find_step(node, segment).ok_or(())).ok()
}

fn child<'a, E>(
    mut node: &'a Node,
    segment: &Segment,
    step: impl Fn(&Node, &Segment) -> Result<Step, E>,
) -> Result<&'a Node, E> {
    loop {
        match (step(node, segment)?, &node.kind) {
            (Step::Field(i), Kind::Struct { fields, .. }) => return Ok(&fields[i].value),
            (Step::Entry(i), Kind::Map(entries)) => return Ok(&entries[i].1),
            (Step::Item(i), Kind::List(items) | Kind::Tuple { items, .. }) => return Ok(&items[i]),
            (_, Kind::Some(inner)) => node = inner,
            (_, Kind::Tuple { items, .. }) => node = &items[0],
            _ => unreachable!("a step fits the node it was made for"),
        }
    }
}

fn child_mut<'a>(mut node: &'a mut Node, segment: &Segment) -> Result<&'a mut Node, PathError> {
    loop {
        let step = step(node, segment)?;
        match (step, &mut node.kind) {
            (Step::Field(i), Kind::Struct { fields, .. }) => return Ok(&mut fields[i].value),
            (Step::Entry(i), Kind::Map(entries)) => return Ok(&mut entries[i].1),
            (Step::Item(i), Kind::List(items) | Kind::Tuple { items, .. }) => return Ok(&mut items[i]),
            (_, Kind::Some(inner)) => node = inner,
            (_, Kind::Tuple { items, .. }) => node = &mut items[0],
            _ => unreachable!("a step fits the node it was made for"),
        }
    }
}

/// Adds a field to a struct, or to what becomes one by it: `()` and a bare variant.
fn create(node: &mut Node, segment: &Segment, value: Node, span: Span) -> Option<()> {
    let mut letters = segment.text.chars();
    let identifier = letters.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && letters.all(|c| c.is_alphanumeric() || c == '_');
    let field = Field { name: Name { text: segment.text.clone(), span }, value };
    let name = match &mut node.kind {
        Kind::Map(entries) => {
            entries.push((Node::new(span, Kind::Str(field.name.text)), field.value));
            return Some(());
        }
        _ if !identifier => return None,
        Kind::Struct { fields, .. } => {
            fields.push(field);
            return Some(());
        }
        Kind::Some(inner) => return create(inner, segment, field.value, span),
        Kind::Tuple { items, .. } if items.len() == 1 => return create(&mut items[0], segment, field.value, span),
        Kind::Unit => None,
        Kind::Name(name) => Some(name.clone()),
        Kind::Tuple { name, items } if items.is_empty() => name.clone(),
        _ => return None,
    };
    node.kind = Kind::Struct { name, fields: vec![field] };
    Some(())
}
