//! Maps that have one entry or few, of which there are many.

use std::borrow::Borrow;

/// A sorted list of entries. It takes what they take, and nothing while it is empty: a leaf of an ordered map has room for eleven, and stays when the
/// last entry is gone.
#[derive(Clone, Debug)]
pub(crate) struct FlatMap<K, V>(Vec<(K, V)>);

impl<K: Ord, V> FlatMap<K, V> {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.0.binary_search_by(|(own, _)| own.borrow().cmp(key))
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().map(|at| &self.0[at].1)
    }

    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().map(|at| &mut self.0[at].1)
    }

    pub(crate) fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).is_ok()
    }

    /// What was there before, if anything was.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                if self.0.is_empty() {
                    self.0.reserve_exact(1);
                }
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (_, value) = self.0.remove(self.find(key).ok()?);
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
        Some(value)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    pub(crate) fn into_values(self) -> impl Iterator<Item = V> {
        self.0.into_iter().map(|(_, value)| value)
    }
}

impl<K: Ord, V> Default for FlatMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// It does what an ordered map does.
        #[test]
        fn it_is_a_map(steps in prop::collection::vec((0..8_u8, any::<bool>(), any::<u8>()), 0..60)) {
            let (mut flat, mut map) = (FlatMap::new(), BTreeMap::new());
            for (key, adds, value) in steps {
                match adds {
                    true => prop_assert_eq!(flat.insert(key, value), map.insert(key, value)),
                    false => prop_assert_eq!(flat.remove(&key), map.remove(&key)),
                }
                prop_assert_eq!(flat.values().collect::<Vec<_>>(), map.values().collect::<Vec<_>>());
                prop_assert_eq!(flat.get(&key), map.get(&key));
                prop_assert_eq!(flat.contains_key(&key), map.contains_key(&key));
            }
            prop_assert_eq!(flat.into_values().collect::<Vec<_>>(), map.into_values().collect::<Vec<_>>());
        }
    }
}
