//! The tree itself: nodes with their places.

use super::source::Span;

/// A parsed scenario.
#[derive(Clone, PartialEq, Debug)]
pub struct Tree {
    /// The outermost value.
    pub root: Node,
}

/// A value and where it was written. Two nodes are equal if they say the same, wherever that is.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it was written, from its first byte to its last.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
    /// A syntax error was found inside: parts may have been lost, so what is absent is no mistake.
    pub damaged: bool,
}

/// What a node is.
#[derive(Clone, PartialEq, Debug)]
pub enum Kind {
    /// `()`
    Unit,
    /// `true` or `false`
    Bool(bool),
    /// A whole number, in decimal or as `0x`, `0o`, `0b`.
    Int(i128),
    /// A finite number with a point or an exponent.
    Float(f64),
    /// Text in double quotes, escapes resolved.
    Str(String),
    /// One character in single quotes.
    Char(char),
    /// `[a, b]`
    List(Vec<Node>),
    /// `{key: value}`
    Map(Vec<(Node, Node)>),
    /// `(a, b)` or `Name(a, b)`; without a name it has at least one item.
    Tuple {
        /// The name of the struct or variant in front.
        name: Option<Name>,
        /// What is between the parentheses.
        items: Vec<Node>,
    },
    /// `(a: 1)` or `Name(a: 1)`; at least one field.
    Struct {
        /// The name of the struct or variant in front.
        name: Option<Name>,
        /// The fields in the order of the text, duplicates included.
        fields: Vec<Field>,
    },
    /// A bare name: an enum variant without content.
    Name(Name),
    /// `None`
    None,
    /// `Some(x)`
    Some(Box<Node>),
    /// What could not be parsed; its mistake is reported already.
    Invalid,
}

/// An identifier and where it was written.
#[derive(Clone, Debug)]
pub struct Name {
    /// The identifier.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// One `name: value` of a struct.
#[derive(Clone, PartialEq, Debug)]
pub struct Field {
    /// The field's name, with its own place.
    pub name: Name,
    /// Its value.
    pub value: Node,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Field {
    /// A field that stands where its value does.
    pub(crate) fn new(name: &str, value: Node) -> Self {
        Self { name: Name { text: name.to_owned(), span: value.span }, value }
    }
}

impl Node {
    /// A node of this kind written at `span`.
    pub fn new(span: Span, kind: Kind) -> Self {
        Self { span, kind, damaged: false }
    }

    /// The value of the first field `name`, if this is a struct or a map with text keys.
    pub fn field(&self, name: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Struct { fields, .. } => fields.iter().find(|f| f.name.text == name).map(|f| &f.value),
            Kind::Map(entries) => entries.iter().find(|(key, _)| key.as_key() == Some(name)).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Sets a field, or adds it; what is no struct becomes one.
    pub(crate) fn set_field(&mut self, name: &str, value: Node) {
        match &mut self.kind {
            Kind::Struct { fields, .. } => match fields.iter_mut().find(|field| field.name.text == name) {
                Some(field) => field.value = value,
                None => fields.push(Field::new(name, value)),
            },
            kind => *kind = Kind::Struct { name: None, fields: vec![Field::new(name, value)] },
        }
    }

    /// The value of a field of this struct, to be changed; `empty` at `place` where there is no such field.
    pub(crate) fn field_or(&mut self, name: &str, place: Span, empty: Kind) -> Option<&mut Node> {
        let Kind::Struct { fields, .. } = &mut self.kind else { return None };
        let index = fields.iter().position(|field| field.name.text == name).unwrap_or_else(|| {
            fields.push(Field::new(name, Node::new(place, empty)));
            fields.len() - 1
        });
        Some(&mut fields[index].value)
    }

    /// The value of a field that is there, to be changed.
    pub(crate) fn field_mut(&mut self, name: &str) -> Option<&mut Node> {
        let Kind::Struct { fields, .. } = &mut self.kind else { return None };
        fields.iter_mut().find(|field| field.name.text == name).map(|field| &mut field.value)
    }

    /// The text, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The name in front of the parentheses, or the bare name.
    pub fn name(&self) -> Option<&Name> {
        match &self.kind {
            Kind::Name(name) => Some(name),
            Kind::Tuple { name, .. } | Kind::Struct { name, .. } => name.as_ref(),
            _ => None,
        }
    }

    /// The text of a map's key, in quotes or not.
    pub(super) fn as_key(&self) -> Option<&str> {
        match &self.kind {
            Kind::Str(text) => Some(text),
            Kind::Name(name) => Some(&name.text),
            _ => None,
        }
    }

    /// Where to point when something is missing in this node: its name, or its first character,
    /// since underlining a whole block would hide more than it shows.
    pub(crate) fn head(&self) -> Span {
        match self.name() {
            Some(name) => name.span,
            // Every node that can lack something starts with an ASCII bracket, when it has a text.
            None => Span { end: self.span.end.min(self.span.start + 1), ..self.span },
        }
    }

    /// What it is, for "expected …, found …".
    pub(super) fn describe(&self) -> String {
        let named = |name: &Option<Name>, what: &str| match name {
            Some(name) => format!("`{}(…)`", name.text),
            None => what.to_owned(),
        };
        match &self.kind {
            Kind::Unit => "the empty value `()`".to_owned(),
            Kind::Bool(b) => format!("`{b}`"),
            Kind::Int(n) => format!("the number `{n}`"),
            Kind::Float(x) => format!("the number `{x:?}`"),
            Kind::Str(text) => format!("the text `{}`", shortened(&format!("{text:?}"))),
            Kind::Char(c) => format!("the character `{c:?}`"),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
            Kind::Tuple { name, .. } => named(name, "a tuple"),
            Kind::Struct { name, .. } => named(name, "a struct"),
            Kind::Name(name) => format!("the name `{}`", name.text),
            Kind::None => "`None`".to_owned(),
            Kind::Some(_) => "`Some(…)`".to_owned(),
            Kind::Invalid => "something unreadable".to_owned(),
        }
    }
}

fn shortened(text: &str) -> String {
    const MOST: usize = 40;
    match text.char_indices().nth(MOST) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}
