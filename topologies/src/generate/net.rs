//! Nodes and links while they are made.

use super::LinkTemplate;
use crate::spec::NodeSpec;
use protosim_models::link::LinkConfig;

/// A generated network.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Expanded {
    /// All nodes.
    pub nodes: Vec<NodeSpec>,
    /// All links.
    pub links: Vec<LinkConfig>,
    /// The field of the configuration that holds the template of each link.
    pub templates: Vec<&'static str>,
    /// Names of the nodes that are meant for applications, in order of their numbers.
    pub hosts: Vec<String>,
    /// What was left out of an imported network or could not be understood, in sentences.
    pub notes: Vec<String>,
}

pub(super) struct Net<'a> {
    name: String,
    /// The templates of links, with the fields that they stand in.
    templates: Vec<(&'static str, &'a LinkTemplate)>,
    expanded: Expanded,
}

impl<'a> Net<'a> {
    pub(super) fn new(name: &str, templates: Vec<(&'static str, &'a LinkTemplate)>) -> Self {
        Self { name: name.to_owned(), templates, expanded: Expanded::default() }
    }

    /// Adds a node called `NAME-suffix`, and says its index.
    pub(super) fn node(&mut self, suffix: &str) -> usize {
        self.expanded.nodes.push(NodeSpec::named(&format!("{}-{suffix}", self.name)));
        self.expanded.nodes.len() - 1
    }

    /// Adds a node that is a host.
    pub(super) fn host(&mut self, suffix: &str) -> usize {
        let node = self.node(suffix);
        self.make_host(node);
        node
    }

    /// Adds hosts `NAME-0` up to `NAME-(count - 1)`, which have these indices.
    pub(super) fn numbered_hosts(&mut self, count: u64) {
        for index in 0..count {
            self.host(&index.to_string());
        }
    }

    pub(super) fn make_host(&mut self, node: usize) {
        let name = self.expanded.nodes[node].name.clone();
        self.expanded.hosts.push(name);
    }

    pub(super) fn link(&mut self, template: &LinkTemplate, first: usize, second: usize) -> &mut LinkConfig {
        let name = |node: usize| &self.expanded.nodes[node].name;
        let link = template.between(name(first), name(second));
        self.expanded.links.push(link);
        // Of templates that say the same, either will do. An imported network has one that it does not name, as it need not be whole.
        let found = self.templates.iter().find(|(_, known)| *known == template);
        self.expanded.templates.push(found.map_or("link", |(field, _)| field));
        self.expanded.links.last_mut().expect("one was just pushed")
    }

    pub(super) fn note(&mut self, note: String) {
        self.expanded.notes.push(note);
    }

    pub(super) fn done(self) -> Expanded {
        self.expanded
    }
}
