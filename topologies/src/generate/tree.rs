//! Trees.
//!
//! Node i of level l is `NAME-l-i`: the root is `NAME-0-0`, and node i has the children `branching` · i and so on. A tree of
//! depth d has (b^(d + 1) - 1) / (b - 1) nodes for a branching b above 1. Hosts: the b^d nodes of the last level.

use super::net::Net;
use super::{Built, Family, LinkTemplate, Source};
use crate::Mistakes;
use serde::{Deserialize, Serialize};

/// A root with branches, branches of those, and so on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// What the network is called.
    pub name: String,
    /// Children of each node above the last level; at least 1.
    pub branching: u64,
    /// Links from the root to a node of the last level; at least 1.
    pub depth: u64,
    /// Every link; forward is from the child to its parent.
    pub link: LinkTemplate,
}

impl Family for Tree {
    fn name(&self) -> &str {
        &self.name
    }

    fn templates(&self) -> Vec<(&'static str, &LinkTemplate)> {
        vec![("link", &self.link)]
    }

    fn size(&self) -> (u64, u64) {
        if self.branching <= 1 {
            return (self.depth.saturating_add(1), self.depth);
        }
        let (mut level, mut nodes) = (1_u64, 1_u64);
        for _ in 0..self.depth {
            level = level.saturating_mul(self.branching);
            nodes = nodes.saturating_add(level);
            if nodes == u64::MAX {
                break;
            }
        }
        (nodes, nodes - 1)
    }

    fn check(&self, mistakes: &mut Mistakes) {
        mistakes.at_least("branching", self.branching, 1);
        mistakes.at_least("depth", self.depth, 1);
    }

    fn build(&self, _: &Source, net: &mut Net<'_>) -> Built {
        let mut parents = vec![net.node("0-0")];
        for level in 1..=self.depth {
            let mut children = Vec::new();
            for parent in parents {
                for _ in 0..self.branching {
                    let suffix = format!("{level}-{}", children.len());
                    let child = if level == self.depth { net.host(&suffix) } else { net.node(&suffix) };
                    net.link(&self.link, child, parent);
                    children.push(child);
                }
            }
            parents = children;
        }
        Ok(())
    }
}
