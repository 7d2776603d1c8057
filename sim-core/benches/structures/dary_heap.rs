//! An implicit heap with four children per node: half the depth of a binary one, and the four
//! children of a node fill one cache line.

use super::Queue;
use protosim_core::EventKey;

const CHILDREN: usize = 4;

/// A 4-ary heap.
#[derive(Clone, Default)]
pub(crate) struct DaryHeap(Vec<EventKey>);

impl DaryHeap {
    /// Puts `key` at `hole` or below, pulling the least children up.
    #[inline]
    fn sift_down(&mut self, mut hole: usize, key: EventKey) {
        let keys = self.0.as_mut_slice();
        loop {
            let first = CHILDREN * hole + 1;
            let least = if let Some(children) = keys.get(first..first + CHILDREN) {
                // The whole family, without branches on the keys.
                let left = usize::from(children[1] < children[0]);
                let right = 2 + usize::from(children[3] < children[2]);
                first + if children[right] < children[left] { right } else { left }
            } else {
                let Some(least) = (first..keys.len()).min_by_key(|&i| keys[i]) else { break };
                least
            };
            if keys[least] >= key {
                break;
            }
            keys[hole] = keys[least];
            hole = least;
        }
        keys[hole] = key;
    }
}

impl Queue for DaryHeap {
    #[inline]
    fn push(&mut self, key: EventKey) {
        let mut hole = self.0.len();
        self.0.push(key);
        let keys = self.0.as_mut_slice();
        while hole > 0 {
            let parent = (hole - 1) / CHILDREN;
            if keys[parent] <= key {
                break;
            }
            keys[hole] = keys[parent];
            hole = parent;
        }
        keys[hole] = key;
    }

    #[inline]
    fn pop(&mut self) -> Option<EventKey> {
        let last = self.0.pop()?;
        let Some(&first) = self.0.first() else { return Some(last) };
        self.sift_down(0, last);
        Some(first)
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}
