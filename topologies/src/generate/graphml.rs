//! Networks from GraphML files, as the Internet Topology Zoo has them (Knight et al.: The Internet Topology Zoo, IEEE
//! JSAC 29(9), 2011).
//!
//! What is read, and how:
//! - **Nodes** are called `NAME-LABEL` after their `label`, in which every run of other characters than letters, digits and
//!   `_` becomes one `-`; without a label `NAME-node-ID`. Of several with one name the second gets the suffix `-2`, and
//!   so on, in order of the file. Hosts: all nodes with a link, in order of the file.
//! - **Rates** are `LinkSpeedRaw` [bit/s], or else `LinkSpeed` in `LinkSpeedUnits` (`K`, `M`, `G`, `T`); where neither is
//!   there, or `LinkSpeed` is not one number (`"<10"`, `"1-10"`), the template's.
//! - **Delays** are those of a straight fibre along the great circle between the nodes' `Latitude` and `Longitude`
//!   ([`super::delay_over`]); where one of the nodes has none, the template's.
//! - **Edges** are links, whatever their direction, except that in a directed graph an edge back to an earlier one is the
//!   other direction of the same link. Parallel edges are links called `A--B`, `A--B-2` and so on. An edge from a node to
//!   itself is left out, with a note. A node without edges stays, and is not a host. A network in parts stays in parts.
//!
//! Everything else in the file is passed over. Hyperedges, ports and nested graphs are refused, and so is whatever
//! contradicts itself.

mod document;
mod names;

use super::net::Net;
use super::{Built, Family, LinkTemplate, Source, delay_over, great_circle_metres};
use crate::check::MOST_LINKS;
use crate::{Mistake, Mistakes};
use document::{Document, Edge};
use names::UniqueNames;
use protosim_core::{Rate, Span};
use protosim_models::link::DirectionConfig;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A network from a GraphML file.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GraphMl {
    /// What the network is called.
    pub name: String,
    /// The file.
    pub file: String,
    /// What holds for links of which the file says nothing else. The file's links have no first and second end: exceptions
    /// for a direction are refused.
    #[serde(default)]
    pub link: LinkTemplate,
}

/// Most mistakes of one file that are told.
const MOST_TOLD: usize = 20;

impl Family for GraphMl {
    fn name(&self) -> &str {
        &self.name
    }

    fn templates(&self) -> Vec<(&'static str, &LinkTemplate)> {
        // Whether a link has a rate or a delay only the file knows.
        Vec::new()
    }

    fn size(&self) -> (u64, u64) {
        (0, 0)
    }

    fn check(&self, mistakes: &mut Mistakes) {
        for (field, own) in [("forward", &self.link.forward), ("backward", &self.link.backward)] {
            if own.is_some() {
                mistakes.say(format!("link.{field}"), "a link from a file has no first and second end to tell apart");
            }
        }
    }

    fn build(&self, source: &Source, net: &mut Net<'_>) -> Built {
        let at_file = |message: String| vec![Mistake::new("file", message)];
        let text = (source.files)(&self.file).map_err(at_file)?;
        let document = Document::read(&text).map_err(|mut found| {
            let more = found.len().saturating_sub(MOST_TOLD);
            found.truncate(MOST_TOLD);
            let mut told: Vec<Mistake> =
                found.into_iter().map(|said| Mistake::new("file", format!("{}:{said}", self.file))).collect();
            if more > 0 {
                told.push(Mistake::new("file", format!("{}: and {more} more mistakes", self.file)));
            }
            told
        })?;
        if document.edges.len() > MOST_LINKS {
            return Err(at_file(format!("{}: more than {MOST_LINKS} edges", self.file)));
        }
        self.make(&document, net)
    }
}

impl GraphMl {
    fn make(&self, document: &Document, net: &mut Net<'_>) -> Built {
        let mut names = UniqueNames::default();
        for node in &document.nodes {
            net.node(&names.name(node.label.as_deref(), &node.id));
        }
        let mut mistakes = Mistakes::default();
        let mut has_link = vec![false; document.nodes.len()];
        // How many links there are between two nodes, lower index first.
        let mut parallel: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for (forward, backward) in links(document) {
            let (first, second) = forward.ends;
            if first == second {
                net.note(format!("an edge from `{}` to itself was left out", document.nodes[first].called()));
                continue;
            }
            (has_link[first], has_link[second]) = (true, true);
            let delay = self.delay(document, first, second);
            let rates = [Some(forward), backward].map(|edge| edge.map(|edge| self.rate(document, edge, net)));
            let made = net.link(&self.link, first, second);
            made.delay = delay;
            made.rate = rates[0].flatten();
            if let Some(back) = rates[1].filter(|back| *back != made.rate) {
                made.backward = Some(Box::new(DirectionConfig { rate: back, ..DirectionConfig::default() }));
            }
            let count = parallel.entry((first.min(second), first.max(second))).or_default();
            *count += 1;
            if *count > 1 {
                made.name = Some(format!("{}-{count}", made.name()));
            }
            if let Some((field, message)) = made.check().into_iter().next() {
                let path = if field.is_empty() { "link".to_owned() } else { format!("link.{field}") };
                let place = document.line_and_column(forward.place);
                mistakes.say(path, format!("{message} ({}:{place})", self.file));
                mistakes.done()?;
            }
        }
        for (node, _) in has_link.iter().enumerate().filter(|(_, has_link)| **has_link) {
            net.make_host(node);
        }
        Ok(())
    }

    fn delay(&self, document: &Document, first: usize, second: usize) -> Option<Span> {
        let places = document.nodes[first].place.zip(document.nodes[second].place);
        places.map(|(a, b)| delay_over(great_circle_metres(a, b))).or(self.link.delay)
    }

    fn rate(&self, document: &Document, edge: &Edge, net: &mut Net<'_>) -> Option<Rate> {
        if let Some(speed) = edge.unclear_speed.as_ref().filter(|_| edge.rate.is_none()) {
            let place = document.line_and_column(edge.place);
            net.note(format!("{}:{place}: the speed `{speed}` is not one number", self.file));
        }
        edge.rate.or(self.link.rate)
    }
}

/// The edges that are links, each with the one that is its other direction, if it has one.
fn links<'a>(document: &'a Document) -> Vec<(&'a Edge, Option<&'a Edge>)> {
    let mut links: Vec<(&Edge, Option<&Edge>)> = Vec::new();
    let mut waiting: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
    for edge in &document.edges {
        let (from, to) = edge.ends;
        if document.is_directed && from != to {
            if let Some(earlier) = waiting.get_mut(&(to, from)).and_then(Vec::pop) {
                links[earlier].1 = Some(edge);
                continue;
            }
            waiting.entry((from, to)).or_default().push(links.len());
        }
        links.push((edge, None));
    }
    links
}
