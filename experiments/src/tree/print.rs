//! The canonical text of a tree: the resolved configuration, and what its hash is taken of.
//!
//! The same tree always prints the same; comments, spacing, extra brackets of the original text and
//! the spelling of numbers are gone. What fits into [`WIDTH`] columns stands on one line.

use super::node::{Kind, Name, Node, Tree};
use std::fmt::Write;

/// Width up to which a value is kept on one line, from its own start.
const WIDTH: usize = 80;
const INDENT: &str = "    ";

impl Tree {
    /// The tree as canonical RON, with a final line break. Parsing it gives an equal tree, if this
    /// one was parsed without mistakes; an [invalid](Kind::Invalid) node prints as `?`.
    pub fn to_ron(&self) -> String {
        let mut out = String::new();
        block(&self.root, 0, &mut out);
        out.push('\n');
        out
    }
}

impl Node {
    /// The value as canonical RON on one line.
    pub fn to_ron(&self) -> String {
        let mut out = String::new();
        flat(self, usize::MAX, &mut out);
        out
    }
}

/// A child in brackets: what stands before the value, and the value.
struct Part<'a> {
    field: Option<&'a Name>,
    key: Option<&'a Node>,
    value: &'a Node,
}

/// Opening text, parts and closing bracket; `None` for values without parts.
fn parts(node: &Node) -> Option<(String, Vec<Part<'_>>, char)> {
    let plain = |value| Part { field: None, key: None, value };
    let named = |name: &Option<Name>| format!("{}(", name.as_ref().map_or("", |n| &n.text));
    Some(match &node.kind {
        Kind::List(items) => ("[".to_owned(), items.iter().map(plain).collect(), ']'),
        Kind::Tuple { name, items } => (named(name), items.iter().map(plain).collect(), ')'),
        Kind::Struct { name, fields } => {
            let parts = fields.iter().map(|f| Part { field: Some(&f.name), key: None, value: &f.value });
            (named(name), parts.collect(), ')')
        }
        Kind::Map(entries) => {
            let parts = entries.iter().map(|(key, value)| Part { field: None, key: Some(key), value });
            ("{".to_owned(), parts.collect(), '}')
        }
        Kind::Some(value) => ("Some(".to_owned(), vec![plain(value)], ')'),
        _ => return None,
    })
}

/// Prints on one line; false, leaving a part, if it would be longer than `width`.
fn flat(node: &Node, width: usize, out: &mut String) -> bool {
    let start = out.len();
    let fits = |out: &String| out.len() - start <= width;
    let Some((open, parts, close)) = parts(node) else {
        scalar(&node.kind, out);
        return fits(out);
    };
    out.push_str(&open);
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        prefix(part, out);
        let used = out.len() - start;
        if used > width || !flat(part.value, width - used, out) {
            return false;
        }
    }
    out.push(close);
    fits(out)
}

fn block(node: &Node, depth: usize, out: &mut String) {
    let start = out.len();
    if flat(node, WIDTH, out) {
        return;
    }
    let Some((open, parts, close)) = parts(node) else { return };
    out.truncate(start);
    out.push_str(&open);
    out.push('\n');
    for part in parts {
        out.push_str(&INDENT.repeat(depth + 1));
        prefix(&part, out);
        block(part.value, depth + 1, out);
        out.push_str(",\n");
    }
    out.push_str(&INDENT.repeat(depth));
    out.push(close);
}

fn prefix(part: &Part<'_>, out: &mut String) {
    if let Some(name) = part.field {
        out.push_str(&name.text);
        out.push_str(": ");
    }
    if let Some(key) = part.key {
        flat(key, usize::MAX, out);
        out.push_str(": ");
    }
}

fn scalar(kind: &Kind, out: &mut String) {
    let written = match kind {
        Kind::Bool(b) => write!(out, "{b}"),
        Kind::Int(n) => write!(out, "{n}"),
        // `{:?}` gives the shortest decimal that reads back as the same float, with a point or an
        // exponent.
        Kind::Float(x) => write!(out, "{x:?}"),
        Kind::Str(text) => {
            out.push('"');
            text.chars().for_each(|c| character(c, '"', out));
            out.write_str("\"")
        }
        Kind::Char(c) => {
            out.push('\'');
            character(*c, '\'', out);
            out.write_str("'")
        }
        Kind::Name(name) => out.write_str(&name.text),
        Kind::None => out.write_str("None"),
        Kind::Invalid => out.write_str("?"),
        _ => out.write_str("()"),
    };
    written.expect("writing to a string cannot fail");
}

fn character(c: char, quote: char, out: &mut String) {
    match c {
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if c == quote => {
            out.push('\\');
            out.push(c);
        }
        c if c.is_control() => write!(out, "\\u{{{:x}}}", u32::from(c)).expect("writing to a string cannot fail"),
        c => out.push(c),
    }
}
