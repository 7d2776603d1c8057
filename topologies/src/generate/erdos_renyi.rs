//! Uniform random graphs G(n, p) (Gilbert: Random Graphs, 1959; commonly called after Erdős and Rényi).
//!
//! Nodes are `NAME-0` and so on; each pair is joined with one probability, by one draw. Parts are joined by numbers
//! ([`super::connect`]). Hosts: all nodes.

use super::connect::by_number;
use super::net::Net;
use super::{Built, Family, LinkTemplate, Pairs, Source, check_pairs, stream};
use crate::Mistakes;
use protosim_core::Ratio;
use serde::{Deserialize, Serialize};

/// Every pair joined with one probability.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErdosRenyi {
    /// What the network is called.
    pub name: String,
    /// How many; 2 to 10,000.
    pub nodes: u64,
    /// The probability that two are joined.
    pub probability: Ratio,
    /// Every link; forward is from the lower number to the higher one.
    pub link: LinkTemplate,
}

impl Family for ErdosRenyi {
    fn name(&self) -> &str {
        &self.name
    }

    fn templates(&self) -> Vec<(&'static str, &LinkTemplate)> {
        vec![("link", &self.link)]
    }

    fn size(&self) -> (u64, u64) {
        (self.nodes, 0)
    }

    fn check(&self, mistakes: &mut Mistakes) {
        check_pairs(self.nodes, mistakes);
    }

    fn build(&self, source: &Source, net: &mut Net<'_>) -> Built {
        let mut stream = stream(source.seed, &self.name);
        let mut pairs = Pairs(Vec::new());
        for node in 1..self.nodes as usize {
            for earlier in 0..node {
                if stream.chance(self.probability) {
                    pairs.push(earlier, node)?;
                }
            }
        }
        by_number(self.nodes as usize, &mut pairs)?;
        net.numbered_hosts(self.nodes);
        for (first, second) in &pairs.0 {
            net.link(&self.link, *first as usize, *second as usize);
        }
        Ok(())
    }
}
