//! Dumbbells: the usual network for flows that share a bottleneck.
//!
//! Hosts are `NAME-left-0` and so on, and `NAME-right-0` and so on; between them stand the routers `NAME-router-left` and
//! `NAME-router-right`. Hosts: the left ones, then the right ones.

use super::net::Net;
use super::{Built, Family, LinkTemplate, Source};
use crate::Mistakes;
use serde::{Deserialize, Serialize};

/// Two routers with a bottleneck between them, and hosts on both sides.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dumbbell {
    /// What the network is called.
    pub name: String,
    /// Hosts on the left; at least 1.
    pub left: u64,
    /// Hosts on the right; at least 1.
    pub right: u64,
    /// The link of each host; forward is from the host to its router.
    pub access: LinkTemplate,
    /// The link between the routers; forward is from left to right.
    pub bottleneck: LinkTemplate,
}

impl Family for Dumbbell {
    fn name(&self) -> &str {
        &self.name
    }

    fn templates(&self) -> Vec<(&'static str, &LinkTemplate)> {
        vec![("access", &self.access), ("bottleneck", &self.bottleneck)]
    }

    fn size(&self) -> (u64, u64) {
        let hosts = self.left.saturating_add(self.right);
        (hosts.saturating_add(2), hosts.saturating_add(1))
    }

    fn check(&self, mistakes: &mut Mistakes) {
        mistakes.at_least("left", self.left, 1);
        mistakes.at_least("right", self.right, 1);
    }

    fn build(&self, _: &Source, net: &mut Net<'_>) -> Built {
        let (left, right) = (net.node("router-left"), net.node("router-right"));
        net.link(&self.bottleneck, left, right);
        for (side, hosts, router) in [("left", self.left, left), ("right", self.right, right)] {
            for index in 0..hosts {
                let host = net.host(&format!("{side}-{index}"));
                net.link(&self.access, host, router);
            }
        }
        Ok(())
    }
}
