//! Families of networks, and imported ones: one line of a scenario for many nodes and links.
//!
//! Every family says in its own file how its nodes are called, which of them are *hosts*, meant for applications, and
//! where it comes from. Names begin with the network's name, so that several networks fit into one scenario, and numbers in
//! them are not padded: a network that grows keeps the names that it had. A link has no name of its own and is called
//! after its ends (`c-0--c-1`).
//!
//! Random networks draw from one stream, `topology/NAME`, of the scenario's seed: all replications and points of one
//! scenario run on the same network. Nodes are drawn one after the other, each with its links to earlier ones, so that a
//! larger network contains the smaller one (before its parts are joined). A network that comes out in parts is joined to
//! one by a rule that each family states: see [`connect`].

pub mod barabasi_albert;
pub mod chain;
pub mod connect;
pub mod dumbbell;
pub mod erdos_renyi;
pub mod fat_tree;
mod geography;
pub mod geometric;
pub mod graphml;
pub mod grid;
mod length;
pub mod mesh;
mod net;
pub mod star;
mod template;
pub mod tree;
pub mod waxman;

#[cfg(test)]
mod tests;

pub use barabasi_albert::BarabasiAlbert;
pub use chain::{Chain, Ring};
pub use dumbbell::Dumbbell;
pub use erdos_renyi::ErdosRenyi;
pub use fat_tree::FatTree;
pub use geography::{delay_over, great_circle_metres};
pub use geometric::Geometric;
pub use graphml::GraphMl;
pub use grid::Grid;
pub use length::Length;
pub use mesh::Mesh;
pub use net::Expanded;
pub use star::Star;
pub use template::LinkTemplate;
pub use tree::Tree;
pub use waxman::Waxman;

use crate::check::MOST_LINKS;
use crate::groups::MOST_NODES;
use crate::{Mistake, Mistakes};
use net::Net;
use protosim_core::RunSeed;
use protosim_core::random::{Purpose, Stream};
use serde::{Deserialize, Serialize};

/// Most nodes of a random network whose pairs are drawn one by one: 50 million pairs, about a second.
const MOST_IN_PAIRS: u64 = 10_000;

/// A network to generate, as in a scenario: `Chain(name: "c", nodes: 11, link: (rate: "1 Gbit/s", delay: "1 ms"))`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum GeneratorConfig {
    /// Nodes in a row.
    Chain(Chain),
    /// Nodes in a circle.
    Ring(Ring),
    /// A hub with leaves.
    Star(Star),
    /// Two routers with a bottleneck between them, and hosts on both sides.
    Dumbbell(Dumbbell),
    /// A root with branches, branches of those, and so on.
    Tree(Tree),
    /// A data centre of switches with equal ports.
    FatTree(FatTree),
    /// Rows and columns.
    Grid(Grid),
    /// Everybody joined to everybody.
    Mesh(Mesh),
    /// Nodes at random places, joined where they are near.
    Geometric(Geometric),
    /// Nodes at random places, joined with a probability that falls with the distance.
    Waxman(Waxman),
    /// A network that grew by preferential attachment.
    BarabasiAlbert(BarabasiAlbert),
    /// Every pair joined with one probability.
    ErdosRenyi(ErdosRenyi),
    /// A network from a GraphML file, such as those of the Internet Topology Zoo.
    #[serde(rename = "GraphML")]
    GraphMl(GraphMl),
}

/// What a network is made from, apart from what is said of it.
struct Source<'a> {
    /// The scenario's.
    seed: u64,
    /// Reads a file that the scenario names.
    files: &'a dyn Fn(&str) -> Result<String, String>,
}

/// Nothing, or everything that was wrong.
type Built = Result<(), Vec<Mistake>>;

/// What every family can do.
trait Family {
    /// What the network is called.
    fn name(&self) -> &str;
    /// The templates of its links, with the fields that they stand in.
    fn templates(&self) -> Vec<(&'static str, &LinkTemplate)>;
    /// How many nodes and links there will be, as far as that is known; saturating.
    fn size(&self) -> (u64, u64);
    /// What else is wrong with it.
    fn check(&self, mistakes: &mut Mistakes);
    /// True if links get a delay by their length, unless their template says one.
    fn has_lengths(&self) -> bool {
        false
    }
    /// Makes it. The size has been checked.
    fn build(&self, source: &Source, net: &mut Net<'_>) -> Built;
}

impl GeneratorConfig {
    fn family(&self) -> &dyn Family {
        match self {
            Self::Chain(family) => family,
            Self::Ring(family) => family,
            Self::Star(family) => family,
            Self::Dumbbell(family) => family,
            Self::Tree(family) => family,
            Self::FatTree(family) => family,
            Self::Grid(family) => family,
            Self::Mesh(family) => family,
            Self::Geometric(family) => family,
            Self::Waxman(family) => family,
            Self::BarabasiAlbert(family) => family,
            Self::ErdosRenyi(family) => family,
            Self::GraphMl(family) => family,
        }
    }

    /// What the network is called.
    pub fn name(&self) -> &str {
        self.family().name()
    }

    /// The template of links in one of its fields.
    pub fn template(&self, field: &str) -> Option<&LinkTemplate> {
        self.family().templates().into_iter().find(|(known, _)| *known == field).map(|(_, template)| template)
    }

    /// The file that it is read from, if it is.
    pub fn file(&self) -> Option<&str> {
        if let Self::GraphMl(graphml) = self { Some(&graphml.file) } else { None }
    }
}

/// The nodes, links and hosts of a network. `files` reads a file that the scenario names.
///
/// # Errors
/// Everything wrong with it, at paths within `config`. Sizes are checked before anything is made.
pub fn expand(
    config: &GeneratorConfig,
    seed: u64,
    files: &dyn Fn(&str) -> Result<String, String>,
) -> Result<Expanded, Vec<Mistake>> {
    let family = config.family();
    let mut mistakes = Mistakes::default();
    check_name(family.name(), &mut mistakes);
    family.check(&mut mistakes);
    for (field, template) in family.templates() {
        template.check(field, family.has_lengths(), &mut mistakes);
    }
    let (nodes, links) = family.size();
    if nodes > MOST_NODES || links > MOST_LINKS as u64 {
        let show = |count: u64| if count > 1 << 53 { "countless".to_owned() } else { count.to_string() };
        let message = format!(
            "too large: {} nodes and {} links, of at most {MOST_NODES} nodes and {MOST_LINKS} links",
            show(nodes),
            show(links)
        );
        mistakes.say("", message);
    }
    mistakes.done()?;
    let mut net = Net::new(family.name(), family.templates());
    family.build(&Source { seed, files }, &mut net)?;
    Ok(net.done())
}

fn check_name(name: &str, mistakes: &mut Mistakes) {
    if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_')) {
        mistakes.say("name", "a network's name is made of letters, digits, `-` and `_`");
    }
}

/// The stream of a random network.
fn stream(seed: u64, name: &str) -> Stream {
    RunSeed { seed, replication: 0 }.stream(&format!("topology/{name}"), Purpose("topology"))
}

/// Links by the indices of their ends, of which there are not too many.
struct Pairs(Vec<(u32, u32)>);

impl Pairs {
    fn push(&mut self, first: usize, second: usize) -> Built {
        if self.0.len() >= MOST_LINKS {
            return Err(vec![Mistake::new("", format!("too dense: more than {MOST_LINKS} links come out"))]);
        }
        self.0.push((first as u32, second as u32));
        Ok(())
    }
}

/// Random networks whose pairs are drawn one by one have a limit of their own.
fn check_pairs(nodes: u64, mistakes: &mut Mistakes) {
    mistakes.at_least("nodes", nodes, 2);
    if nodes > MOST_IN_PAIRS {
        mistakes.say("nodes", format!("is at most {MOST_IN_PAIRS}, as every pair is drawn, not {nodes}"));
    }
}
