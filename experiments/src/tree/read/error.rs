//! Why a value cannot be read: serde's error, which learns its place on the way up.

use super::super::diagnostic::{Diagnostic, listed, suggest};
use super::super::node::{Kind, Node};
use super::super::source::Span;
use super::reader::Reader;
use serde::de::{self, Expected, Unexpected};
use std::fmt;

/// A failed reading. Boxed, since results with it are passed through every level.
#[derive(Debug)]
pub(super) struct Error(Box<Problem>);

#[derive(Debug)]
struct Problem {
    cause: Cause,
    site: Option<Site>,
}

#[derive(Debug)]
pub(super) enum Cause {
    /// Recorded already.
    Reported,
    /// Another type, or another value, was expected.
    Type { expected: String },
    /// So many items are too few or too many.
    Length { length: usize, expected: String },
    /// A struct lacks a field.
    Missing(&'static str),
    /// A variant is none of these.
    Variant { name: String, known: &'static [&'static str] },
    /// The value type's own words.
    Custom(String),
}

/// The node an error belongs to, as far as its message needs it.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) key: usize,
    pub(super) damaged: bool,
    pub(super) head: Span,
    /// Where to point at the value: all of it if short, the beginning of a struct or list.
    span: Span,
    found: String,
    /// The text of a bare name, which may lack its quotes.
    name: Option<String>,
    /// The text of a text, which may have quotes too many.
    text: Option<String>,
    /// A number with an exponent or a point that is whole, in digits.
    whole: Option<String>,
    /// One value in parentheses, which may lack the brackets of a list around it.
    lone: bool,
}

impl Error {
    fn new(cause: Cause) -> Self {
        Self(Box::new(Problem { cause, site: None }))
    }

    /// The error of something that has been recorded.
    pub(super) fn reported() -> Self {
        Self::new(Cause::Reported)
    }

    /// A value of another kind was expected.
    pub(super) fn expected(expected: impl Into<String>) -> Self {
        Self::new(Cause::Type { expected: expected.into() })
    }

    /// Gives the error its place, unless it has one from deeper down.
    pub(super) fn at(mut self, reader: Reader<'_, '_>) -> Self {
        if self.0.site.is_none() {
            self.0.site = Some(Site::new(reader));
        }
        self
    }

    pub(super) fn cause(&self) -> &Cause {
        &self.0.cause
    }

    pub(super) fn site(&self) -> Option<&Site> {
        self.0.site.as_ref()
    }

    /// What to show; `None` if it has been shown.
    pub(super) fn into_diagnostic(self) -> Option<Diagnostic> {
        let Problem { cause, site } = *self.0;
        let site = site?;
        // What is wrong with a damaged struct or list may come from its syntax error, which is
        // reported already; what is wrong with its parts is not affected.
        if site.damaged && matches!(cause, Cause::Type { .. } | Cause::Length { .. }) {
            return None;
        }
        Some(match cause {
            Cause::Reported => return None,
            Cause::Type { expected } => {
                let message = format!("expected {expected}, found {}", site.found);
                Diagnostic::error("scenario::wrong-type", site.span, message).help(site.advice(&expected))
            }
            Cause::Length { length, expected } => {
                let message = format!("expected {expected}, found {length}");
                Diagnostic::error("scenario::wrong-length", site.span, message)
            }
            Cause::Missing(field) => {
                Diagnostic::error("scenario::missing-field", site.head, format!("missing field `{field}`"))
            }
            Cause::Variant { name, known } => {
                let message = format!("there is no variant `{name}`");
                let error = Diagnostic::error("scenario::unknown-variant", site.head, message);
                match suggest(&name, known.iter().copied()) {
                    Some(near) => error
                        .label(format!("expected one of {}", listed(known.iter().copied())))
                        .help(format!("did you mean `{near}`?")),
                    None => error.help(format!("there is {}", listed(known.iter().copied()))),
                }
            }
            Cause::Custom(message) => match message.rsplit_once("; ") {
                Some((message, help)) => {
                    Diagnostic::error("scenario::bad-value", site.span, message).help(help.to_owned())
                }
                None => Diagnostic::error("scenario::bad-value", site.span, message),
            },
        })
    }
}

impl Site {
    fn new(reader: Reader<'_, '_>) -> Self {
        let node = reader.node;
        let block = matches!(node.kind, Kind::List(_) | Kind::Map(_) | Kind::Tuple { .. } | Kind::Struct { .. });
        let name = match &node.kind {
            Kind::Name(name) => Some(name.text.clone()),
            _ => None,
        };
        Self {
            key: reader.key(),
            damaged: node.damaged,
            head: node.head(),
            span: if block { node.head() } else { node.span },
            found: node.describe(),
            name,
            text: node.as_str().map(str::to_owned),
            whole: match node.kind {
                Kind::Float(x) if x.floor() == x && x.abs() < 1e18 => Some(format!("{x:.0}")),
                _ => None,
            },
            lone: matches!(node.kind, Kind::Struct { .. } | Kind::Tuple { .. }),
        }
    }

    /// The advice to add quotes or brackets, or to leave quotes out, where that would do.
    fn advice(&self, expected: &str) -> Option<String> {
        if self.lone && expected == LIST {
            return Some("a list stands in brackets, even with one element: `[…]`".to_owned());
        }
        let textual = expected.contains("text") || expected.contains('"');
        if let Some(name) = self.name.as_ref().filter(|_| textual) {
            return Some(format!("write a text in quotes: \"{name}\""));
        }
        if let Some(digits) = self.whole.as_ref().filter(|_| expected.contains("whole number")) {
            return Some(format!("write `{digits}`, without point and exponent"));
        }
        let text = self.text.as_deref()?;
        if expected.contains("`After`") {
            return Some(format!("write `After({text:?})`"));
        }
        let numeric = expected.contains("number") && text.parse::<f64>().is_ok();
        let boolean = expected.contains("`true`") && matches!(text, "true" | "false");
        (numeric || boolean).then(|| format!("write `{text}` without quotes"))
    }
}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Cause::Custom(message.to_string()))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(humane(&expected.to_string()))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(humane(&expected.to_string()))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(Cause::Length { length, expected: humane(&expected.to_string()) })
    }

    fn unknown_variant(name: &str, known: &'static [&'static str]) -> Self {
        Self::new(Cause::Variant { name: name.to_owned(), known })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Cause::Missing(field))
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.cause)
    }
}

const LIST: &str = "a list `[…]`";

/// Serde's words for what it expects, in those of someone who writes a scenario.
pub(super) fn humane(expected: &str) -> String {
    let whole = |range: &str| format!("a whole number {range}");
    match expected {
        "u8" => whole("from 0 to 255"),
        "u16" => whole("from 0 to 65535"),
        "u32" => whole("from 0 to 4294967295"),
        "u64" | "u128" | "usize" => whole("from 0 on"),
        "i8" => whole("from -128 to 127"),
        "i16" => whole("from -32768 to 32767"),
        "i32" => whole("from -2147483648 to 2147483647"),
        "i64" | "i128" | "isize" => "a whole number".to_owned(),
        "a nonzero u8" => whole("from 1 to 255"),
        "a nonzero u16" => whole("from 1 to 65535"),
        "a nonzero u32" => whole("from 1 to 4294967295"),
        "a nonzero u64" | "a nonzero usize" => whole("from 1 on"),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a string" => "a text in quotes".to_owned(),
        "a character" => "one character in single quotes".to_owned(),
        "a sequence" => LIST.to_owned(),
        "a map" => "a map `{…}`".to_owned(),
        "unit" => "the empty value `()`".to_owned(),
        other => {
            if let Some(name) = other.strip_prefix("struct ").filter(|n| !n.contains(' ')) {
                // Types of scenarios are called `NodeSpec` and `LinkConfig`, which is nobody's business.
                let name = name.strip_suffix("Spec").or_else(|| name.strip_suffix("Config")).unwrap_or(name);
                let article = if name.starts_with(['A', 'E', 'I', 'O', 'U']) { "an" } else { "a" };
                format!("{article} {name} `(…)`")
            } else if let Some(name) = other.strip_prefix("enum ").filter(|n| !n.contains(' ')) {
                format!("a variant of {name}")
            } else if let Some(count) = tuple_size(other) {
                format!("{count} value{} `(…)`", if count == "1" { "" } else { "s" })
            } else {
                other.to_owned()
            }
        }
    }
}

/// The size in `a tuple of size 2`, `tuple variant App::Burst with 2 elements` and the like.
fn tuple_size(expected: &str) -> Option<&str> {
    expected.strip_prefix("a tuple of size ").or_else(|| {
        let counted = expected.strip_suffix(" elements").or_else(|| expected.strip_suffix(" element"))?;
        counted.starts_with("tuple ").then(|| counted.rsplit(' ').next())?
    })
}

/// Where a value lies in a list or tuple that has more of them than expected.
pub(super) fn too_many(node: &Node, extra: &Node, expected: usize, found: usize) -> Diagnostic {
    let plural = if expected == 1 { "" } else { "s" };
    let message = format!("expected {expected} value{plural}, found {found}");
    Diagnostic::error("scenario::wrong-length", extra.span, message)
        .label("one too many")
        .also(node.head(), format!("takes {expected}"))
}
