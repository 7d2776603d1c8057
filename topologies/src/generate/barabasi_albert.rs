//! Networks grown by preferential attachment (Barabási, Albert: Emergence of Scaling in Random Networks, Science 286,
//! 1999).
//!
//! Nodes are `NAME-0` and so on. Node 0 is joined to the nodes 1 up to `attach`, our choice of what to begin with; every
//! later node is joined to `attach` different earlier ones, each drawn with a probability in proportion to its links (one
//! that was drawn already is drawn anew). So n nodes have m (n - m) links for `attach` m, all in one part. Hosts: all nodes.

use super::net::Net;
use super::{Built, Family, LinkTemplate, Source, stream};
use crate::Mistakes;
use serde::{Deserialize, Serialize};

/// A network that grew by preferential attachment.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BarabasiAlbert {
    /// What the network is called.
    pub name: String,
    /// How many; more than `attach`.
    pub nodes: u64,
    /// To how many earlier nodes a new one is joined; at least 1.
    pub attach: u64,
    /// Every link; forward is from the earlier node to the later one.
    pub link: LinkTemplate,
}

impl Family for BarabasiAlbert {
    fn name(&self) -> &str {
        &self.name
    }

    fn templates(&self) -> Vec<(&'static str, &LinkTemplate)> {
        vec![("link", &self.link)]
    }

    fn size(&self) -> (u64, u64) {
        (self.nodes, self.attach.saturating_mul(self.nodes.saturating_sub(self.attach)))
    }

    fn check(&self, mistakes: &mut Mistakes) {
        mistakes.at_least("nodes", self.nodes, 2);
        mistakes.at_least("attach", self.attach, 1);
        if self.attach >= self.nodes {
            mistakes.say("attach", format!("is below `nodes` ({}), not {}", self.nodes, self.attach));
        }
    }

    fn build(&self, source: &Source, net: &mut Net<'_>) -> Built {
        let mut stream = stream(source.seed, &self.name);
        net.numbered_hosts(self.nodes);
        let (nodes, attach) = (self.nodes as usize, self.attach as usize);
        // Every node as often as it has links.
        let mut ends: Vec<u32> = Vec::new();
        for node in 1..=attach {
            net.link(&self.link, 0, node);
            ends.extend([0, node as u32]);
        }
        // By node: the last new node that drew it.
        let mut drawn_by = vec![usize::MAX; nodes];
        for node in attach + 1..nodes {
            let mut chosen = Vec::with_capacity(attach);
            while chosen.len() < attach {
                let earlier = ends[stream.below(ends.len() as u64) as usize];
                if std::mem::replace(&mut drawn_by[earlier as usize], node) != node {
                    chosen.push(earlier);
                }
            }
            chosen.sort_unstable();
            for earlier in chosen {
                net.link(&self.link, earlier as usize, node);
                ends.extend([earlier, node as u32]);
            }
        }
        Ok(())
    }
}
