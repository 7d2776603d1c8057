//! Grids.
//!
//! The node of row r and column c is `NAME-r-c`, both from 0; each is joined to its neighbours to the right and below. Hosts:
//! all nodes, row by row.

use super::net::Net;
use super::{Built, Family, LinkTemplate, Source};
use crate::Mistakes;
use serde::{Deserialize, Serialize};

/// Rows and columns.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// What the network is called.
    pub name: String,
    /// Rows; at least 1.
    pub rows: u64,
    /// Columns; at least 1, and 2 if there is one row.
    pub columns: u64,
    /// Every link; forward is to the right and downwards.
    pub link: LinkTemplate,
}

impl Family for Grid {
    fn name(&self) -> &str {
        &self.name
    }

    fn templates(&self) -> Vec<(&'static str, &LinkTemplate)> {
        vec![("link", &self.link)]
    }

    fn size(&self) -> (u64, u64) {
        let across = self.rows.saturating_mul(self.columns.saturating_sub(1));
        let down = self.columns.saturating_mul(self.rows.saturating_sub(1));
        (self.rows.saturating_mul(self.columns), across.saturating_add(down))
    }

    fn check(&self, mistakes: &mut Mistakes) {
        mistakes.at_least("rows", self.rows, 1);
        mistakes.at_least("columns", self.columns, if self.rows == 1 { 2 } else { 1 });
    }

    fn build(&self, _: &Source, net: &mut Net<'_>) -> Built {
        let (rows, columns) = (self.rows as usize, self.columns as usize);
        for row in 0..rows {
            for column in 0..columns {
                net.host(&format!("{row}-{column}"));
            }
        }
        for row in 0..rows {
            for column in 0..columns {
                let node = row * columns + column;
                if column + 1 < columns {
                    net.link(&self.link, node, node + 1);
                }
                if row + 1 < rows {
                    net.link(&self.link, node, node + columns);
                }
            }
        }
        Ok(())
    }
}
