//! What a scenario may say, made from the types that read it: a JSON Schema, and a page for people.
//!
//! Types derive `JsonSchema`, and their doc comments become descriptions; those that read a form of their own (`"20 ms"`)
//! have a schema by hand, in their crate's `schema.rs` or here in `forms.rs`. The [`Model`] is what both outputs are made
//! from. `docs/scenario.schema.json` and `docs/reference.md` are these outputs, and tests say when they are stale.

mod forms;
mod model;
mod page;
mod words;

#[cfg(test)]
mod tests;

pub use model::Model;

/// The JSON Schema of scenarios, as text with a line break at its end. Keys are sorted.
pub fn schema_text() -> String {
    // Alternate formatting of a JSON value is indented, and cannot fail.
    format!("{:#}\n", Model::of_scenarios().schema())
}

/// The reference page in Markdown.
pub fn reference_text() -> String {
    page::page(&Model::of_scenarios())
}
