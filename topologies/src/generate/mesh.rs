//! Full meshes.
//!
//! Nodes are `NAME-0` and so on; n of them have n (n - 1) / 2 links. Hosts: all nodes.

use super::net::Net;
use super::{Built, Family, LinkTemplate, Source};
use crate::Mistakes;
use serde::{Deserialize, Serialize};

/// Everybody joined to everybody.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mesh {
    /// What the network is called.
    pub name: String,
    /// How many; at least 2.
    pub nodes: u64,
    /// Every link; forward is from the lower number to the higher one.
    pub link: LinkTemplate,
}

impl Family for Mesh {
    fn name(&self) -> &str {
        &self.name
    }

    fn templates(&self) -> Vec<(&'static str, &LinkTemplate)> {
        vec![("link", &self.link)]
    }

    fn size(&self) -> (u64, u64) {
        (self.nodes, self.nodes.saturating_mul(self.nodes.saturating_sub(1)) / 2)
    }

    fn check(&self, mistakes: &mut Mistakes) {
        mistakes.at_least("nodes", self.nodes, 2);
    }

    fn build(&self, _: &Source, net: &mut Net<'_>) -> Built {
        net.numbered_hosts(self.nodes);
        let nodes = self.nodes as usize;
        for first in 0..nodes {
            for second in first + 1..nodes {
                net.link(&self.link, first, second);
            }
        }
        Ok(())
    }
}
