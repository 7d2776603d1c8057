//! Random geometric graphs (Gilbert: Random Plane Networks, 1961), and what they share with Waxman's.
//!
//! Nodes are `NAME-0` and so on, at uniform places in a square. Two are joined if they are no further apart than `radius`
//! sides of the square. Parts are joined by their shortest links ([`super::connect`]). Hosts: all nodes.

use super::connect::{Place, by_distance, square_distance};
use super::net::Net;
use super::{Built, Family, Length, LinkTemplate, Pairs, Source, check_pairs, delay_over, stream};
use crate::{Mistake, Mistakes};
use protosim_core::random::Stream;
use serde::{Deserialize, Serialize};

/// Nodes at random places, joined where they are near.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Geometric {
    /// What the network is called.
    pub name: String,
    /// How many; 2 to 10,000.
    pub nodes: u64,
    /// Nodes that are no further apart are joined, in sides of the square: above 0, at most 1.5.
    pub radius: f64,
    /// Side of the square. With it, each link has the delay of a straight fibre (two thirds of the speed of light).
    /// Default: none, the template says the delay.
    pub area: Option<Length>,
    /// Every link; forward is from the lower number to the higher one.
    pub link: LinkTemplate,
}

impl Family for Geometric {
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
        if !(self.radius > 0.0 && self.radius <= 1.5) {
            mistakes.say("radius", format!("is above 0 and at most 1.5 (the diagonal is 1.414), not {}", self.radius));
        }
    }

    fn build(&self, source: &Source, net: &mut Net<'_>) -> Built {
        let square = self.radius * self.radius;
        let mut stream = stream(source.seed, &self.name);
        let (places, pairs) = place(self.nodes, &mut stream, |distance, _| distance <= square)?;
        link_places(net, &places, &pairs, self.area, &self.link);
        Ok(())
    }
}

/// Places one node after the other: two draws for where it is, x before y, then for each earlier node, in order of
/// numbers, what `is_joined` draws for the square of the distance. Joins the parts.
pub(super) fn place(
    nodes: u64,
    stream: &mut Stream,
    mut is_joined: impl FnMut(f64, &mut Stream) -> bool,
) -> Result<(Vec<Place>, Pairs), Vec<Mistake>> {
    let mut places: Vec<Place> = Vec::new();
    let mut pairs = Pairs(Vec::new());
    for node in 0..nodes as usize {
        let x = stream.uniform();
        let place = (x, stream.uniform());
        for (earlier, other) in places.iter().enumerate() {
            if is_joined(square_distance(*other, place), stream) {
                pairs.push(earlier, node)?;
            }
        }
        places.push(place);
    }
    by_distance(&places, &mut pairs)?;
    Ok((places, pairs))
}

pub(super) fn link_places(
    net: &mut Net<'_>,
    places: &[Place],
    pairs: &Pairs,
    area: Option<Length>,
    link: &LinkTemplate,
) {
    net.numbered_hosts(places.len() as u64);
    for (first, second) in &pairs.0 {
        let (first, second) = (*first as usize, *second as usize);
        let made = net.link(link, first, second);
        if let Some(side) = area {
            let distance = square_distance(places[first], places[second]).sqrt();
            made.delay = Some(delay_over(distance * side.as_metres() as f64));
        }
    }
}

/// An area is for delays.
pub(super) fn check_area(area: Option<Length>, link: &LinkTemplate, mistakes: &mut Mistakes) {
    if area.is_some() && link.delay.is_some() {
        mistakes.say("area", "has no effect: the link has a delay of its own");
    }
}
