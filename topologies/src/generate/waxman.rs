//! Waxman's random graphs (Waxman: Routing of Multipoint Connections, IEEE JSAC 6(9), 1988).
//!
//! Nodes are `NAME-0` and so on, at uniform places in a square. Two at distance d are joined with the probability
//! β e^(-d / (α L)), where L is the largest distance that there can be, the square's diagonal. That is Waxman's notation;
//! some generators (GT-ITM) exchange α and β. One draw for each pair decides, so that a network with a larger β or α has
//! all links of the smaller one. Parts are joined by their shortest links ([`super::connect`]). Hosts: all nodes.

use super::geometric::{check_area, link_places, place};
use super::net::Net;
use super::{Built, Family, Length, LinkTemplate, Source, check_pairs, stream};
use crate::Mistakes;
use protosim_core::{Ratio, maths};
use serde::{Deserialize, Serialize};

/// Nodes at random places, joined with a probability that falls with the distance.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waxman {
    /// What the network is called.
    pub name: String,
    /// How many; 2 to 10,000.
    pub nodes: u64,
    /// How slowly the probability falls with the distance: above 0, at most 100.
    pub alpha: f64,
    /// The probability at distance zero.
    pub beta: Ratio,
    /// Side of the square. With it, each link has the delay of a straight fibre (two thirds of the speed of light).
    /// Default: none, the template says the delay.
    pub area: Option<Length>,
    /// Every link; forward is from the lower number to the higher one.
    pub link: LinkTemplate,
}

impl Waxman {
    /// The probability that two nodes at that distance, in sides of the square, are joined.
    pub fn probability(&self, distance: f64) -> f64 {
        self.beta.as_f64() * maths::exp(-distance / (self.alpha * std::f64::consts::SQRT_2))
    }
}

impl Family for Waxman {
    fn name(&self) -> &str {
        &self.name
    }

    fn templates(&self) -> Vec<(&'static str, &LinkTemplate)> {
        vec![("link", &self.link)]
    }

    fn size(&self) -> (u64, u64) {
        (self.nodes, 0)
    }

    fn has_lengths(&self) -> bool {
        self.area.is_some()
    }

    fn check(&self, mistakes: &mut Mistakes) {
        check_pairs(self.nodes, mistakes);
        check_area(self.area, &self.link, mistakes);
        if !(self.alpha > 0.0 && self.alpha <= 100.0) {
            mistakes.say("alpha", format!("is above 0 and at most 100, not {}", self.alpha));
        }
    }

    fn build(&self, source: &Source, net: &mut Net<'_>) -> Built {
        let mut stream = stream(source.seed, &self.name);
        let (places, pairs) =
            place(self.nodes, &mut stream, |square, stream| stream.uniform() < self.probability(square.sqrt()))?;
        link_places(net, &places, &pairs, self.area, &self.link);
        Ok(())
    }
}
