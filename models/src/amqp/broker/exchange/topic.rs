//! Bindings of a topic exchange by their keys, found by routing key.

use std::collections::BTreeMap;

/// A word of binding keys, by number.
type Word = u32;
/// A beginning of binding keys: the words on the way from the root.
type Node = u32;

const ROOT: Node = 0;
/// `*`: one word.
const STAR: Word = 0;
/// `#`: any number of words.
const HASH: Word = 1;

/// Values by binding key, each as often as it was added.
///
/// Three sorted maps instead of a map in each node: bindings with keys of their own take little more than their words and values. What matches
/// a routing key is found by going along all keys at once, word by word: no node is visited twice for one word, so that
/// `#.#.#` costs no more than its three nodes for each of them.
#[derive(Clone, Debug)]
pub struct TopicIndex<T> {
    words: BTreeMap<Box<str>, Used>,
    free_words: Vec<Word>,
    edges: BTreeMap<(Node, Word), Node>,
    nodes: Vec<Place>,
    free_nodes: Vec<Node>,
    /// By node and value, how often it was added. The value is always there; nothing stands before all values of a node.
    values: BTreeMap<(Node, Option<T>), u32>,
}

/// The number of a word, and how many edges have it.
#[derive(Clone, Copy, Debug)]
struct Used {
    word: Word,
    edges: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Edges and values that it has.
    uses: u32,
    /// `#` leads to it: it takes any word and stays.
    is_hash: bool,
}

impl<T> Default for TopicIndex<T> {
    fn default() -> Self {
        Self {
            words: BTreeMap::new(),
            free_words: Vec::new(),
            edges: BTreeMap::new(),
            nodes: vec![Place::default()],
            free_nodes: Vec::new(),
            values: BTreeMap::new(),
        }
    }
}

/// The words of a key, which are what stands between its dots; an empty key has none (RabbitMQ: `*` does not match it, `#` does).
pub fn words(key: &str) -> impl Iterator<Item = &str> {
    key.split('.').filter(move |_| !key.is_empty())
}

impl<T: Ord + Clone> TopicIndex<T> {
    /// Adds a value at a binding key, once more if it is there.
    pub fn add(&mut self, key: &str, value: T) {
        let node = words(key).fold(ROOT, |node, word| self.child_or_new(node, word));
        let times = self.values.entry((node, Some(value))).or_default();
        *times += 1;
        if *times == 1 {
            self.nodes[node as usize].uses += 1;
        }
    }

    /// Takes it away once. Whether it was there.
    pub fn remove(&mut self, key: &str, value: T) -> bool {
        let Some(way) = self.way(key) else { return false };
        let node = way.last().map_or(ROOT, |(_, node, _)| *node);
        let place = (node, Some(value));
        match self.values.get_mut(&place) {
            None => return false,
            Some(times @ 2..) => {
                *times -= 1;
                return true;
            }
            Some(_) => {}
        }
        self.values.remove(&place);
        self.nodes[node as usize].uses -= 1;
        // What leads nowhere any more goes, from its end.
        for (parent, node, word) in way.into_iter().rev() {
            if self.nodes[node as usize].uses > 0 {
                break;
            }
            self.forget(parent, node, word);
        }
        true
    }

    /// Shows the values whose binding key matches a routing key (§3.1.3.3): one with several such keys several times. The order
    /// depends on what was added and taken away before, and on nothing else.
    pub fn matching<'a>(&'a self, key: &str, mut found: impl FnMut(&'a T)) {
        let (mut here, mut next) = (vec![ROOT], Vec::new());
        self.add_empty_hashes(&mut here);
        for word in words(key) {
            // A word that no key has.
            let own = self.words.get(word).map(|used| used.word);
            for node in &here {
                if self.nodes[*node as usize].is_hash {
                    next.push(*node);
                }
                let star = self.edges.get(&(*node, STAR));
                let own = own.and_then(|word| self.edges.get(&(*node, word)));
                next.extend(star.into_iter().chain(own));
            }
            (here, next) = (next, here);
            next.clear();
            self.add_empty_hashes(&mut here);
            if here.is_empty() {
                return;
            }
        }
        for node in here {
            for ((_, value), _) in self.values.range((node, None)..).take_while(|((at, _), _)| *at == node) {
                value.iter().for_each(&mut found);
            }
        }
    }

    /// Whether it holds nothing at all: what was added and taken away has left nothing behind.
    #[cfg(test)]
    pub(in crate::amqp) fn is_bare(&self) -> bool {
        let is_used = |place: &Place| place.uses > 0;
        self.edges.is_empty() && self.words.is_empty() && self.values.is_empty() && !self.nodes.iter().any(is_used)
    }

    /// Adds the nodes to which `#` leads without a word; each node stands there once.
    fn add_empty_hashes(&self, nodes: &mut Vec<Node>) {
        nodes.sort_unstable();
        nodes.dedup();
        let (known, mut at) = (nodes.len(), 0);
        while let Some(node) = nodes.get(at).copied() {
            at += 1;
            // To what is added only one way leads, which is from here.
            if let Some(child) =
                self.edges.get(&(node, HASH)).filter(|child| nodes[..known].binary_search(child).is_err())
            {
                nodes.push(*child);
            }
        }
    }

    fn number(&self, word: &str) -> Option<Word> {
        match word {
            "*" => Some(STAR),
            "#" => Some(HASH),
            _ => self.words.get(word).map(|used| used.word),
        }
    }

    /// The edges of a binding key from the root on: from, to, word. `None` if there is no such way.
    fn way<'a>(&self, key: &'a str) -> Option<Vec<(Node, Node, &'a str)>> {
        let mut node = ROOT;
        words(key)
            .map(|word| {
                let next = *self.edges.get(&(node, self.number(word)?))?;
                let edge = (node, next, word);
                node = next;
                Some(edge)
            })
            .collect()
    }

    fn child_or_new(&mut self, node: Node, name: &str) -> Node {
        let known = self.number(name);
        if let Some(child) = known.and_then(|word| self.edges.get(&(node, word))) {
            return *child;
        }
        let word = match name {
            "*" => STAR,
            "#" => HASH,
            _ => self.use_word(name),
        };
        let place = Place { uses: 0, is_hash: word == HASH };
        let child = match self.free_nodes.pop() {
            Some(child) => {
                self.nodes[child as usize] = place;
                child
            }
            None => {
                self.nodes.push(place);
                (self.nodes.len() - 1) as Node
            }
        };
        self.edges.insert((node, word), child);
        self.nodes[node as usize].uses += 1;
        child
    }

    fn use_word(&mut self, name: &str) -> Word {
        if let Some(used) = self.words.get_mut(name) {
            used.edges += 1;
            return used.word;
        }
        // Without free ones, all numbers below are in use.
        let word = self.free_words.pop().unwrap_or(HASH + 1 + self.words.len() as Word);
        self.words.insert(name.into(), Used { word, edges: 1 });
        word
    }

    /// Takes out an edge to a node without edges and values.
    fn forget(&mut self, parent: Node, node: Node, name: &str) {
        if let Some(word) = self.number(name) {
            self.edges.remove(&(parent, word));
        }
        self.nodes[parent as usize].uses -= 1;
        self.free_nodes.push(node);
        if let Some(used) = self.words.get_mut(name) {
            used.edges -= 1;
            if used.edges == 0 {
                self.free_words.push(used.word);
                self.words.remove(name);
            }
        }
    }
}
