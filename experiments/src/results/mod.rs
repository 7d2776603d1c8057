//! From outputs of runs to tables, figures and a folder.

mod figures;
mod folder;
mod summary;
mod tables;

#[cfg(test)]
mod tests;

pub use figures::{Outcome, check_expectations, draw};
pub use folder::{FolderError, Written, claim, write};
pub use summary::{Basis, Row, Summary, summarise};
