//! Subscriptions by filter, found by topic.

use super::TopicFilter;
use std::collections::BTreeMap;

/// A level of a filter, by number.
type Level = u32;
/// A beginning of filters: the levels on the way from the root.
type Node = u32;

const ROOT: Node = 0;
const PLUS: Level = 0;
const HASH: Level = 1;

/// Values by filter and key: a key has one value for each filter, as a client has one subscription (v5 §3.8.4).
///
/// Three sorted maps instead of a map in each node: 100,000 clients with a filter of their own take little more than their levels and
/// values. Whether a filter is shared makes no difference here: levels behind `$share/NAME/` alone are compared with topics, so that owners
/// who share keep a tree of their own for it.
#[derive(Clone, Debug)]
pub struct TopicTree<K, T> {
    levels: BTreeMap<Box<str>, Used>,
    free_levels: Vec<Level>,
    edges: BTreeMap<(Node, Level), Node>,
    /// By node, how many edges and values it has.
    uses: Vec<u32>,
    free_nodes: Vec<Node>,
    /// The key is always there; nothing stands before all keys of a node.
    values: BTreeMap<(Node, Option<K>), T>,
}

/// The number of a level, and how many edges have it.
#[derive(Clone, Copy, Debug)]
struct Used {
    level: Level,
    edges: u32,
}

impl<K, T> Default for TopicTree<K, T> {
    fn default() -> Self {
        Self {
            levels: BTreeMap::new(),
            free_levels: Vec::new(),
            edges: BTreeMap::new(),
            uses: vec![0],
            free_nodes: Vec::new(),
            values: BTreeMap::new(),
        }
    }
}

impl<K: Ord + Clone, T> TopicTree<K, T> {
    /// Sets the value of `key` for `filter`. The one before, if there was one: it is replaced (\[MQTT-3.8.4-3\]).
    pub fn insert(&mut self, filter: &TopicFilter, key: K, value: T) -> Option<T> {
        let node = filter.plain().split('/').fold(ROOT, |node, level| self.child_or_new(node, level));
        let before = self.values.insert((node, Some(key)), value);
        if before.is_none() {
            self.uses[node as usize] += 1;
        }
        before
    }

    /// Takes out the value of `key` for `filter`.
    pub fn remove(&mut self, filter: &TopicFilter, key: &K) -> Option<T> {
        let way = self.way(filter)?;
        let node = way.last().map_or(ROOT, |(_, node, _)| *node);
        let value = self.values.remove(&(node, Some(key.clone())))?;
        self.uses[node as usize] -= 1;
        // What leads nowhere any more goes, from its end.
        for (parent, node, level) in way.into_iter().rev() {
            if self.uses[node as usize] > 0 {
                break;
            }
            self.forget(parent, node, level);
        }
        Some(value)
    }

    /// The value of `key` for `filter`.
    pub fn get(&self, filter: &TopicFilter, key: &K) -> Option<&T> {
        self.values.get(&(self.node(filter)?, Some(key.clone())))
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, filter: &TopicFilter, key: &K) -> Option<&mut T> {
        let node = self.node(filter)?;
        self.values.get_mut(&(node, Some(key.clone())))
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether it holds nothing at all: what was put in and taken out has left nothing behind.
    #[cfg(test)]
    pub(crate) fn is_bare(&self) -> bool {
        let is_used = |uses: &u32| *uses > 0;
        self.edges.is_empty() && self.levels.is_empty() && !self.uses.iter().any(is_used)
    }

    /// Shows all keys with their values whose filter matches `topic` to `found`: level by level the topic's own before `+` before `#`, and
    /// for one filter in order of keys. A key with several such filters is shown several times (v5 §3.3.4).
    ///
    /// It takes a few searches in sorted maps for each node that begins a filter that matches so far.
    pub fn matching<'a>(&'a self, topic: &str, mut found: impl FnMut(&'a K, &'a T)) {
        // Without recursion: a topic may have 65536 levels.
        let mut waiting: Vec<(Node, Step<'_>)> = vec![(ROOT, Step::Levels(topic))];
        while let Some((node, step)) = waiting.pop() {
            let rest = match step {
                Step::End => {
                    self.show(node, &mut found);
                    continue;
                }
                Step::Levels(rest) => rest,
            };
            let (level, rest) = match rest.split_once('/') {
                Some((level, rest)) => (level, Step::Levels(rest)),
                None => (rest, Step::End),
            };
            // MQTT-4.7.2-1.
            let takes_wildcards = node != ROOT || !level.starts_with('$');
            // The last one that is pushed comes first.
            if let Some(hash) = self.edges.get(&(node, HASH)).filter(|_| takes_wildcards) {
                waiting.push((*hash, Step::End));
            }
            let plus = self.edges.get(&(node, PLUS)).filter(|_| takes_wildcards);
            let own = self.level(level).and_then(|level| self.edges.get(&(node, level)));
            for next in [plus, own].into_iter().flatten() {
                if rest == Step::End {
                    // `a/#` matches `a`: v5 §4.7.1.2.
                    if let Some(hash) = self.edges.get(&(*next, HASH)) {
                        waiting.push((*hash, Step::End));
                    }
                }
                waiting.push((*next, rest));
            }
        }
    }

    fn show<'a>(&'a self, node: Node, found: &mut impl FnMut(&'a K, &'a T)) {
        for ((_, key), value) in self.values.range((node, None)..).take_while(|((at, _), _)| *at == node) {
            if let Some(key) = key {
                found(key, value);
            }
        }
    }

    /// The number of a level that some filter has.
    fn level(&self, level: &str) -> Option<Level> {
        self.levels.get(level).map(|used| used.level)
    }

    fn level_of_filter(&self, level: &str) -> Option<Level> {
        match level {
            "+" => Some(PLUS),
            "#" => Some(HASH),
            _ => self.level(level),
        }
    }

    /// The edges of a filter from the root on: from, to, level. `None` if there is no such way.
    fn way<'a>(&self, filter: &'a TopicFilter) -> Option<Vec<(Node, Node, &'a str)>> {
        let mut node = ROOT;
        filter
            .plain()
            .split('/')
            .map(|level| {
                let next = *self.edges.get(&(node, self.level_of_filter(level)?))?;
                let edge = (node, next, level);
                node = next;
                Some(edge)
            })
            .collect()
    }

    fn node(&self, filter: &TopicFilter) -> Option<Node> {
        filter
            .plain()
            .split('/')
            .try_fold(ROOT, |node, level| self.edges.get(&(node, self.level_of_filter(level)?)).copied())
    }

    fn child_or_new(&mut self, node: Node, name: &str) -> Node {
        let known = self.level_of_filter(name);
        if let Some(child) = known.and_then(|level| self.edges.get(&(node, level))) {
            return *child;
        }
        let level = match name {
            "+" => PLUS,
            "#" => HASH,
            _ => self.use_level(name),
        };
        let child = self.free_nodes.pop().unwrap_or_else(|| {
            self.uses.push(0);
            (self.uses.len() - 1) as Node
        });
        self.edges.insert((node, level), child);
        self.uses[node as usize] += 1;
        child
    }

    fn use_level(&mut self, name: &str) -> Level {
        if let Some(used) = self.levels.get_mut(name) {
            used.edges += 1;
            return used.level;
        }
        // Without free ones, all numbers below are in use.
        let level = self.free_levels.pop().unwrap_or(HASH + 1 + self.levels.len() as Level);
        self.levels.insert(name.into(), Used { level, edges: 1 });
        level
    }

    /// Takes out an edge to a node without edges and values.
    fn forget(&mut self, parent: Node, node: Node, name: &str) {
        if let Some(level) = self.level_of_filter(name) {
            self.edges.remove(&(parent, level));
        }
        self.uses[parent as usize] -= 1;
        self.free_nodes.push(node);
        if let Some(used) = self.levels.get_mut(name) {
            used.edges -= 1;
            if used.edges == 0 {
                self.free_levels.push(used.level);
                self.levels.remove(name);
            }
        }
    }
}

/// What follows at a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step<'a> {
    /// These levels of the topic.
    Levels(&'a str),
    /// Its filter ends here, and matches.
    End,
}
