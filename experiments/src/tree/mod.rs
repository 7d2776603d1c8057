//! The scenario text as a tree that keeps places, and typed reading from it.
//!
//! The way of a scenario: its text is [parsed](Tree::parse) into a [`Tree`], [laid on](Tree::include) what it includes and
//! [filled up](Tree::apply_templates) from templates; overrides, axes and variants
//! [change](Tree::set) that tree; [`read`] makes the typed scenario of it with serde. Every node
//! knows where it was written, in a file or on the command line, so every later message can point
//! there. No step stops at the first mistake: all are gathered in [`Diagnostics`] and shown
//! together, as rustc would show them.
//!
//! The language is RON with the extensions `implicit_some`, `unwrap_newtypes` and
//! `unwrap_variant_newtypes` always on. Byte strings, raw identifiers, typed number suffixes and
//! the floats `inf` and `NaN` are left out: no scenario has a use for them.
//!
//! ```
//! use protosim_experiments::tree::{Diagnostics, Sources, Tree, read};
//!
//! #[derive(serde::Deserialize, Debug)]
//! struct Link { name: String, loss: protosim_core::Ratio }
//!
//! let (mut sources, mut mistakes) = (Sources::default(), Diagnostics::default());
//! let mut tree = Tree::parse(&mut sources, "home.ron", r#"(name: "radio", loss: "1 %")"#, &mut mistakes);
//! tree.apply_override(&mut sources, "loss=2 %", &mut mistakes);
//! let link: Option<Link> = read(&tree, &mut mistakes).value;
//! assert!(mistakes.is_empty(), "{}", mistakes.render(&sources, false));
//! assert_eq!(link.expect("no mistakes").loss.to_string(), "2 %");
//! ```

mod diagnostic;
mod include;
mod lexer;
mod node;
mod parse;
mod path;
mod print;
mod read;
mod render;
mod source;
mod template;

pub use diagnostic::{Diagnostic, Diagnostics, Label, Severity, suggest};
pub use include::{Finder, Included, NotIncluded};
pub(crate) use include::{name_of, take_field};
pub use node::{Field, Kind, Name, Node, Tree};
pub use parse::MAX_DEPTH;
pub use path::{Path, PathError, Segment, child_of};
pub use read::{Reading, Reference, ReferenceKind, read};
pub use render::MAX_SHOWN;
pub use source::{Place, Source, SourceId, Sources, Span};
pub use template::Shipped;

#[cfg(test)]
mod tests;
