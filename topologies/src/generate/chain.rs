//! Chains and rings.
//!
//! Nodes are `NAME-0`, `NAME-1` and so on; link i leads from node i to node i + 1, and in a ring the last one from the
//! last node to node 0. Hosts: of a chain both its ends, of a ring all nodes.

use super::net::Net;
use super::{Built, Family, LinkTemplate, Source};
use crate::Mistakes;
use serde::{Deserialize, Serialize};

/// Nodes in a row.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// What the network is called.
    pub name: String,
    /// How many; at least 2.
    pub nodes: u64,
    /// Every link; forward is from node i to node i + 1.
    pub link: LinkTemplate,
}

/// Nodes in a circle.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ring {
    /// What the network is called.
    pub name: String,
    /// How many; at least 3.
    pub nodes: u64,
    /// Every link; forward is from node i to node i + 1, and from the last to node 0.
    pub link: LinkTemplate,
}

impl Family for Chain {
    fn name(&self) -> &str {
        &self.name
    }

    fn templates(&self) -> Vec<(&'static str, &LinkTemplate)> {
        vec![("link", &self.link)]
    }

    fn size(&self) -> (u64, u64) {
        (self.nodes, self.nodes.saturating_sub(1))
    }

    fn check(&self, mistakes: &mut Mistakes) {
        mistakes.at_least("nodes", self.nodes, 2);
    }

    fn build(&self, _: &Source, net: &mut Net<'_>) -> Built {
        for index in 0..self.nodes {
            net.node(&index.to_string());
        }
        let last = self.nodes as usize - 1;
        for index in 0..last {
            net.link(&self.link, index, index + 1);
        }
        net.make_host(0);
        net.make_host(last);
        Ok(())
    }
}

impl Family for Ring {
    fn name(&self) -> &str {
        &self.name
    }

    fn templates(&self) -> Vec<(&'static str, &LinkTemplate)> {
        vec![("link", &self.link)]
    }

    fn size(&self) -> (u64, u64) {
        (self.nodes, self.nodes)
    }

    fn check(&self, mistakes: &mut Mistakes) {
        mistakes.at_least("nodes", self.nodes, 3);
    }

    fn build(&self, _: &Source, net: &mut Net<'_>) -> Built {
        net.numbered_hosts(self.nodes);
        let nodes = self.nodes as usize;
        for index in 0..nodes {
            net.link(&self.link, index, (index + 1) % nodes);
        }
        Ok(())
    }
}
