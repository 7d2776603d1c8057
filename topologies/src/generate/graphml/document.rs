//! What stands in a GraphML file, as far as it is read.

use super::MOST_TOLD;
use protosim_core::{Rate, maths};
use roxmltree::{Node, ParsingOptions};
use std::collections::BTreeMap;
use std::fmt;

/// A graph.
pub(super) struct Document<'a> {
    text: &'a str,
    pub(super) is_directed: bool,
    pub(super) nodes: Vec<Place>,
    pub(super) edges: Vec<Edge>,
}

/// A node.
pub(super) struct Place {
    pub(super) id: String,
    pub(super) label: Option<String>,
    /// Latitude and longitude [degrees].
    pub(super) place: Option<(f64, f64)>,
}

/// An edge.
pub(super) struct Edge {
    /// Where it stands.
    pub(super) place: Position,
    /// Indices of its source and its target.
    pub(super) ends: (usize, usize),
    pub(super) rate: Option<Rate>,
    /// What is said of its speed that is not a number.
    pub(super) unclear_speed: Option<String>,
}

/// Where something begins [bytes from the start]. Lines are only counted for what is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Position(usize);

/// Line and column, from 1.
fn line_and_column(text: &str, at: Position) -> String {
    let before = &text[..at.0];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("{line}:{column}")
}

impl Place {
    /// What a user knows it by.
    pub(super) fn called(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.id)
    }
}

/// Most elements, attributes and texts of a file: a hundred for each of a million nodes is far more than there are.
const MOST_XML_NODES: u32 = 100_000_000;

/// The data of an element, by the names that its keys declare.
type Data = BTreeMap<String, (String, Position)>;

impl<'a> Document<'a> {
    /// Line and column of a place in it.
    pub(super) fn line_and_column(&self, at: Position) -> String {
        line_and_column(self.text, at)
    }

    /// Everything that is wrong, as `line:column: what`.
    pub(super) fn read(text: &'a str) -> Result<Self, Vec<String>> {
        let options = ParsingOptions { nodes_limit: MOST_XML_NODES, ..ParsingOptions::default() };
        let xml = roxmltree::Document::parse_with_options(text, options)
            .map_err(|error| vec![format!("{}:{}: not XML: {error}", error.pos().row, error.pos().col)])?;
        let mut reader = Reader { text, keys: BTreeMap::new(), found: Vec::new() };
        let document = reader.graph(xml.root_element());
        match document {
            Some(document) if reader.found.is_empty() => Ok(document),
            _ => Err(reader.found),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    /// Names of data by the identity of their key.
    keys: BTreeMap<String, String>,
    found: Vec<String>,
}

impl<'a> Reader<'a> {
    fn say(&mut self, at: Position, message: impl fmt::Display) {
        // To count lines for each of a million mistakes would take for ever.
        let place = if self.found.len() < MOST_TOLD { line_and_column(self.text, at) } else { String::new() };
        self.found.push(format!("{place}: {message}"));
    }

    fn graph(&mut self, root: Node) -> Option<Document<'a>> {
        if root.tag_name().name() != "graphml" {
            self.say(position(root), format!("expected `graphml`, found `{}`", root.tag_name().name()));
            return None;
        }
        for key in children(root, "key") {
            let (id, name) = (key.attribute("id"), key.attribute("attr.name").or_else(|| key.attribute("id")));
            let Some((id, name)) = id.zip(name) else {
                self.say(position(key), "a key needs an `id`");
                continue;
            };
            if self.keys.insert(id.to_owned(), name.to_owned()).is_some() {
                self.say(position(key), format!("another key has the id `{id}` too"));
            }
        }
        let graphs: Vec<Node> = children(root, "graph").collect();
        let [graph] = graphs[..] else {
            self.say(position(root), format!("expected one `graph`, found {}", graphs.len()));
            return None;
        };
        let is_directed = match graph.attribute("edgedefault") {
            None | Some("undirected") => false,
            Some("directed") => true,
            Some(other) => {
                self.say(position(graph), format!("`edgedefault` is `directed` or `undirected`, not `{other}`"));
                false
            }
        };
        for unsupported in children(graph, "hyperedge") {
            self.say(position(unsupported), "hyperedges cannot be read: a link joins two nodes");
        }
        let (nodes, index_of) = self.nodes(graph);
        if nodes.is_empty() {
            self.say(position(graph), "a network needs nodes");
        }
        let edges = children(graph, "edge").filter_map(|edge| self.edge(edge, &index_of)).collect();
        Some(Document { text: self.text, is_directed, nodes, edges })
    }

    fn nodes<'x>(&mut self, graph: Node<'x, 'x>) -> (Vec<Place>, BTreeMap<&'x str, usize>) {
        let (mut nodes, mut index_of) = (Vec::new(), BTreeMap::new());
        for node in children(graph, "node") {
            let Some(id) = node.attribute("id") else {
                self.say(position(node), "a node needs an `id`");
                continue;
            };
            for unsupported in node.children().filter(|child| matches!(child.tag_name().name(), "graph" | "port")) {
                let what = unsupported.tag_name().name();
                self.say(position(unsupported), format!("a `{what}` within a node cannot be read"));
            }
            if index_of.insert(id, nodes.len()).is_some() {
                self.say(position(node), format!("another node has the id `{id}` too"));
            }
            let data = self.data(node);
            let latitude = self.degrees(&data, "Latitude", 90.0);
            let longitude = self.degrees(&data, "Longitude", 180.0);
            if latitude.is_some() != longitude.is_some() {
                self.say(position(node), "a node has both a Latitude and a Longitude, or neither");
            }
            let label = data.get("label").map(|(text, _)| text.clone());
            nodes.push(Place { id: id.to_owned(), label, place: latitude.zip(longitude) });
        }
        (nodes, index_of)
    }

    fn edge(&mut self, edge: Node, index_of: &BTreeMap<&str, usize>) -> Option<Edge> {
        let place = position(edge);
        let mut end = |name: &str| {
            let Some(id) = edge.attribute(name) else {
                self.say(place, format!("an edge needs a `{name}`"));
                return None;
            };
            let index = index_of.get(id).copied();
            if index.is_none() {
                self.say(place, format!("`{name}` is `{id}`, and no node has that id"));
            }
            index
        };
        let (source, target) = (end("source"), end("target"));
        let data = self.data(edge);
        let (rate, unclear_speed) = self.speed(&data);
        Some(Edge { place, ends: source.zip(target)?, rate, unclear_speed })
    }

    /// The rate that is said, or what is said instead of one.
    fn speed(&mut self, data: &Data) -> (Option<Rate>, Option<String>) {
        if let Some((raw, at)) = data.get("LinkSpeedRaw") {
            let rate = bits_per_sec(raw, 1.0);
            if rate.is_none() {
                self.say(*at, format!("LinkSpeedRaw is a number of bit/s above zero, not `{raw}`"));
            }
            return (rate, None);
        }
        let Some((speed, _)) = data.get("LinkSpeed") else { return (None, None) };
        let unit = data.get("LinkSpeedUnits").map_or("", |(unit, _)| unit);
        let factor = match unit.chars().next().map(|c| c.to_ascii_uppercase()) {
            Some('K') => 1e3,
            Some('M') => 1e6,
            Some('G') => 1e9,
            Some('T') => 1e12,
            _ => return (None, Some(speed.clone())),
        };
        let rate = bits_per_sec(speed, factor);
        (rate, rate.is_none().then(|| format!("{speed} {unit}")))
    }

    fn degrees(&mut self, data: &Data, name: &str, most: f64) -> Option<f64> {
        let (text, at) = data.get(name)?;
        let degrees = text.parse().ok().filter(|degrees: &f64| degrees.abs() <= most);
        if degrees.is_none() {
            self.say(*at, format!("{name} is a number of degrees from -{most} to {most}, not `{text}`"));
        }
        degrees
    }

    /// The data of a node or an edge, by name.
    fn data(&mut self, of: Node) -> Data {
        let mut data = Data::new();
        for item in children(of, "data") {
            let at = position(item);
            let Some(key) = item.attribute("key") else {
                self.say(at, "data needs a `key`");
                continue;
            };
            let Some(name) = self.keys.get(key).cloned() else {
                self.say(at, format!("the key `{key}` is not declared"));
                continue;
            };
            let text = item.text().unwrap_or_default().trim().to_owned();
            if data.insert(name.clone(), (text, at)).is_some() {
                self.say(at, format!("`{name}` is said twice"));
            }
        }
        data
    }
}

fn children<'a>(of: Node<'a, 'a>, name: &'static str) -> impl Iterator<Item = Node<'a, 'a>> {
    of.children().filter(move |child| child.is_element() && child.tag_name().name() == name)
}

fn position(node: Node) -> Position {
    Position(node.range().start)
}

/// A number of bits per second from 1 to 10^18.
fn bits_per_sec(text: &str, factor: f64) -> Option<Rate> {
    let number: f64 = text.parse().ok()?;
    let bits = number * factor;
    if (1.0..=1e18).contains(&bits) { Rate::from_bits_per_sec(maths::round_to_u64(bits)) } else { None }
}
