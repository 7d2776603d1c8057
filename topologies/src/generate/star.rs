//! Stars.
//!
//! The node in the middle is `NAME-hub`, the others are `NAME-leaf-0` and so on. Hosts: the leaves.

use super::net::Net;
use super::{Built, Family, LinkTemplate, Source};
use crate::Mistakes;
use serde::{Deserialize, Serialize};

/// A hub with leaves.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Star {
    /// What the network is called.
    pub name: String,
    /// How many leaves; at least 1.
    pub leaves: u64,
    /// Every link; forward is from the leaf to the hub.
    pub link: LinkTemplate,
}

impl Family for Star {
    fn name(&self) -> &str {
        &self.name
    }

    fn templates(&self) -> Vec<(&'static str, &LinkTemplate)> {
        vec![("link", &self.link)]
    }

    fn size(&self) -> (u64, u64) {
        (self.leaves.saturating_add(1), self.leaves)
    }

    fn check(&self, mistakes: &mut Mistakes) {
        mistakes.at_least("leaves", self.leaves, 1);
    }

    fn build(&self, _: &Source, net: &mut Net<'_>) -> Built {
        let hub = net.node("hub");
        for index in 0..self.leaves {
            let leaf = net.host(&format!("leaf-{index}"));
            net.link(&self.link, leaf, hub);
        }
        Ok(())
    }
}
