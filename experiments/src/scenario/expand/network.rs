//! Generated and imported networks: each of `networks` becomes nodes and links.

use super::{Expansion, mistake_at};
use crate::scenario::files::Files;
use crate::tree::{Diagnostic, Diagnostics, Kind, Node, Span, Tree, read};
use protosim_models::link::LinkConfig;
use protosim_topologies::generate::{Expanded, GeneratorConfig, expand};

impl Expansion {
    /// Makes all networks. Returns what each is called, and its hosts.
    pub(super) fn expand_networks(
        &mut self,
        files: &mut Files,
        mistakes: &mut Diagnostics,
    ) -> Vec<(String, Vec<String>)> {
        let mut hosts = Vec::new();
        let seed = self.tree.root.field("seed").and_then(super::whole_number).unwrap_or(1);
        for (index, written) in self.items("networks").to_vec().into_iter().enumerate() {
            let place = written.field("name").map_or(written.head(), |name| name.span);
            match self.network(&written, index, seed, files, mistakes) {
                Some((config, made)) => {
                    self.repeated.push(written.span);
                    self.notes.extend(made.notes.iter().map(|note| (place, note.clone())));
                    self.put_network(&written, &config, &made, place);
                    hosts.push((config.name().to_owned(), made.hosts));
                }
                None => self.is_whole = false,
            }
        }
        hosts
    }

    /// The network that is written as element `index`, if nothing is wrong with it.
    fn network(
        &self,
        written: &Node,
        index: usize,
        seed: u64,
        files: &mut Files,
        mistakes: &mut Diagnostics,
    ) -> Option<(GeneratorConfig, Expanded)> {
        let mut found = Diagnostics::default();
        let config = read::<GeneratorConfig>(&Tree { root: written.clone() }, &mut found).value;
        for mistake in found.iter() {
            if !mistakes.contains(mistake) {
                mistakes.push(mistake.clone());
            }
        }
        let config = config?;
        let at =
            |path: &str| if path.is_empty() { format!("networks.{index}") } else { format!("networks.{index}.{path}") };
        let text = match config.file() {
            Some(name) => Some(files.text(name, super::span_of(&self.tree, &at("file")), mistakes)?.1),
            None => None,
        };
        let read_file = |_: &str| text.clone().ok_or_else(|| "no file was read".to_owned());
        match expand(&config, seed, &read_file) {
            Ok(made) => Some((config, made)),
            Err(wrong) => {
                for mistake in wrong {
                    let id = if mistake.message.starts_with("has no effect") {
                        "scenario::no-effect"
                    } else {
                        "scenario::network"
                    };
                    mistakes.push(mistake_at(&self.tree, &at(&mistake.path), id, mistake.message));
                }
                None
            }
        }
    }

    fn put_network(&mut self, written: &Node, config: &GeneratorConfig, made: &Expanded, place: Span) {
        let text = |text: &str| Node::new(place, Kind::Str(text.to_owned()));
        let nodes = made.nodes.iter().map(|node| {
            let mut written = Node::new(place, Kind::Unit);
            written.set_field("name", text(&node.name));
            written
        });
        let nodes: Vec<Node> = nodes.collect();
        let links: Vec<Node> = made
            .links
            .iter()
            .zip(&made.templates)
            .map(|(link, field)| {
                let template = inside(written).field(field);
                let mut node = template.cloned().unwrap_or_else(|| Node::new(place, Kind::Unit));
                let plain = config.template(field).map(|plain| plain.between(&link.ends.0.0, &link.ends.1.0));
                say_differences(&mut node, link, plain.as_ref(), place);
                let ends = vec![text(&link.ends.0.0), text(&link.ends.1.0)];
                node.set_field("ends", Node::new(place, Kind::Tuple { name: None, items: ends }));
                node
            })
            .collect();
        for (list, made) in [("nodes", nodes), ("links", links)] {
            if let Some(items) = self.items_mut(list, place) {
                items.extend(made);
            }
        }
    }
}

/// What is between the parentheses of a variant.
fn inside(node: &Node) -> &Node {
    match &node.kind {
        Kind::Tuple { items, .. } if items.len() == 1 => &items[0],
        _ => node,
    }
}

/// Writes what a generator has given to a link beside its template: a name, a delay by length, rates from a file.
fn say_differences(node: &mut Node, link: &LinkConfig, template: Option<&LinkConfig>, place: Span) {
    let text = |text: String| Node::new(place, Kind::Str(text));
    if let Some(name) = &link.name {
        node.set_field("name", text(name.clone()));
    }
    if let Some(delay) = link.delay.filter(|_| template.is_none_or(|template| template.delay != link.delay)) {
        node.set_field("delay", text(delay.to_string()));
    }
    if let Some(rate) = link.rate.filter(|_| template.is_none_or(|template| template.rate != link.rate)) {
        node.set_field("rate", text(rate.to_string()));
    }
    let backward =
        link.backward.as_ref().filter(|_| template.is_none_or(|template| template.backward != link.backward));
    if let Some(rate) = backward.and_then(|backward| backward.rate) {
        let mut own = Node::new(place, Kind::Unit);
        own.set_field("rate", text(rate.to_string()));
        node.set_field("backward", own);
    }
}

/// What an imported network left out, as warnings.
pub(in crate::scenario) fn warn_of_notes(notes: &[(Span, String)], warnings: &mut Diagnostics) {
    const SHOWN: usize = 5;
    for (place, note) in notes.iter().take(SHOWN) {
        warnings.push(Diagnostic::warning("scenario::network", *place, note.clone()));
    }
    if let Some((place, _)) = notes.get(SHOWN) {
        let message = format!("and {} more notes on imported networks", notes.len() - SHOWN);
        warnings.push(Diagnostic::warning("scenario::network", *place, message));
    }
}
