//! Fat trees of switches with k ports (Al-Fares, Loukissas, Vahdat: A Scalable, Commodity Data Center Network
//! Architecture, SIGCOMM 2008, section 2.2).
//!
//! There are k pods of k/2 edge and k/2 aggregation switches, (k/2)² core switches and k³/4 hosts: 5k²/4 switches, 3k³/4
//! links. Core switches are `NAME-core-0` and so on; in pod p aggregation switch a is `NAME-agg-p-a`, edge switch e is
//! `NAME-edge-p-e`, and its host h is `NAME-host-p-e-h`. Aggregation switch a is joined to the core switches a · k/2 up to
//! a · k/2 + k/2 - 1. Hosts: the hosts, in order of pods and edges.
//!
//! Of the many paths of equal length only one is used, the same for all packets to a destination: the paper's two-level
//! tables, and hashing of flows over paths (ECMP), are not modelled.

use super::net::Net;
use super::{Built, Family, LinkTemplate, Source};
use crate::Mistakes;
use serde::{Deserialize, Serialize};

/// A data centre of switches with equal ports.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FatTree {
    /// What the network is called.
    pub name: String,
    /// Ports of each switch; even, at least 2.
    pub k: u64,
    /// Every link between switches; forward is upwards.
    pub link: LinkTemplate,
    /// The link of each host; forward is from the host to its edge switch. Default: as `link`.
    pub host_link: Option<LinkTemplate>,
}

impl Family for FatTree {
    fn name(&self) -> &str {
        &self.name
    }

    fn templates(&self) -> Vec<(&'static str, &LinkTemplate)> {
        [("link", &self.link)].into_iter().chain(self.host_link.iter().map(|link| ("host_link", link))).collect()
    }

    fn size(&self) -> (u64, u64) {
        let square = self.k.saturating_mul(self.k);
        let quarter_cube = square.saturating_mul(self.k) / 4;
        (quarter_cube.saturating_add(square.saturating_mul(5) / 4), quarter_cube.saturating_mul(3))
    }

    fn check(&self, mistakes: &mut Mistakes) {
        mistakes.at_least("k", self.k, 2);
        if !self.k.is_multiple_of(2) {
            mistakes.say("k", format!("is even, as half of a switch's ports lead upwards, not {}", self.k));
        }
    }

    fn build(&self, _: &Source, net: &mut Net<'_>) -> Built {
        let half = self.k / 2;
        let cores: Vec<usize> = (0..half * half).map(|core| net.node(&format!("core-{core}"))).collect();
        for pod in 0..self.k {
            let aggregations: Vec<usize> = (0..half).map(|index| net.node(&format!("agg-{pod}-{index}"))).collect();
            for (aggregation, above) in aggregations.iter().zip(cores.chunks(half as usize)) {
                for core in above {
                    net.link(&self.link, *aggregation, *core);
                }
            }
            for edge in 0..half {
                let switch = net.node(&format!("edge-{pod}-{edge}"));
                for aggregation in &aggregations {
                    net.link(&self.link, switch, *aggregation);
                }
                for host in 0..half {
                    let host = net.host(&format!("host-{pod}-{edge}-{host}"));
                    net.link(self.host_link.as_ref().unwrap_or(&self.link), host, switch);
                }
            }
        }
        Ok(())
    }
}
