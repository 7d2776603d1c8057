//! From outputs of runs to tables, figures and a folder.

mod claim;
mod figures;
mod folder;
mod summary;
mod tables;

#[cfg(test)]
mod tests;

pub use claim::{Owner, claim};
pub use figures::{Outcome, check_expectations, draw};
pub(crate) use folder::sha256_hex;
pub use folder::{FolderError, Written, write};
pub use summary::{Basis, Row, Summary, summarise};
