//! What is on disc, entry by entry, where writing takes time.

use std::collections::{BTreeMap, BTreeSet};

/// A disc: one write at a time, of all that has changed until it begins. What promises something waits for the write that has it.
#[derive(Clone, Debug)]
pub(crate) struct Disc<K, V> {
    /// As it is when power is lost now.
    there: BTreeMap<K, V>,
    /// What is being written, `None` for what is gone.
    writing: Option<Vec<(K, Option<V>)>>,
    changed: BTreeSet<K>,
    /// The number of the write that what changes now will be in.
    next: u64,
    /// The number of the last write that is done.
    done: u64,
}

impl<K: Ord + Clone, V> Default for Disc<K, V> {
    fn default() -> Self {
        Self::with(BTreeMap::new())
    }
}

impl<K: Ord + Clone, V> Disc<K, V> {
    /// With this on it.
    pub(crate) fn with(there: BTreeMap<K, V>) -> Self {
        Self { there, writing: None, changed: BTreeSet::new(), next: 1, done: 0 }
    }

    /// An entry has changed, or is gone. The number of the write that will have it.
    pub(crate) fn change(&mut self, key: &K) -> u64 {
        if !self.changed.contains(key) {
            self.changed.insert(key.clone());
        }
        self.next
    }

    /// The number of the last write that is done; 0 for none.
    pub(crate) fn done(&self) -> u64 {
        self.done
    }

    /// Begins a write, if there is something to be written and nothing is. `entry` says what an entry is now; `None` if it is gone. Whether it did.
    pub(crate) fn begin(&mut self, entry: impl Fn(&K) -> Option<V>) -> bool {
        if self.writing.is_some() || self.changed.is_empty() {
            return false;
        }
        let now = |key: K| {
            let value = entry(&key);
            (key, value)
        };
        self.writing = Some(std::mem::take(&mut self.changed).into_iter().map(now).collect());
        self.next += 1;
        true
    }

    /// The write is done.
    pub(crate) fn end(&mut self) {
        let Some(written) = self.writing.take() else { return };
        for (key, value) in written {
            match value {
                Some(value) => self.there.insert(key, value),
                None => self.there.remove(&key),
            };
        }
        self.done = self.next - 1;
    }

    /// Power is lost: what is there.
    pub(crate) fn take(&mut self) -> BTreeMap<K, V> {
        std::mem::take(&mut self.there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// a and b are in the first write; a changes again while that goes on, and is in the second; b is gone by then.
    #[test]
    fn one_write_follows_the_other() {
        let mut disc: Disc<&str, u32> = Disc::default();
        assert!(!disc.begin(|_| Some(0)));
        assert_eq!((disc.change(&"a"), disc.change(&"b"), disc.done()), (1, 1, 0));
        assert!(disc.begin(|key| Some(key.len() as u32)));
        assert_eq!(disc.change(&"a"), 2);
        assert!(!disc.begin(|_| None));
        assert!(disc.there.is_empty());
        disc.end();
        assert_eq!((disc.there.clone(), disc.done()), (BTreeMap::from([("a", 1), ("b", 1)]), 1));
        assert_eq!(disc.change(&"b"), 2);
        assert!(disc.begin(|key| (*key == "a").then_some(7)));
        assert_eq!(disc.take(), BTreeMap::from([("a", 1), ("b", 1)]));
        disc.end();
        assert_eq!((disc.there, disc.done), (BTreeMap::from([("a", 7)]), 2));
    }
}
