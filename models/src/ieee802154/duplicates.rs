//! Frames that came before: a retry has the number of the frame that it repeats.

use super::Endpoint;
use protosim_core::{LocalTime, Span};
use std::collections::BTreeMap;

/// Remembers the last number of each sender, for a time, and of so many senders at most.
///
/// The standard leaves this to the implementation. A frame is taken for a copy if its sender's last number is the same and not older
/// than `lifetime`; a copy does not make it younger. [`CsmaParameters::longest_repetition`](super::CsmaParameters::longest_repetition)
/// is as long as copies can come that are sent again at once; frames from a parent's queue come again after the child's next poll.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Duplicates {
    lifetime: Span,
    most: usize,
    last: BTreeMap<Endpoint, Last>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Last {
    sequence: u8,
    came: LocalTime,
}

impl Duplicates {
    /// Remembers numbers of `most` senders for as long as `lifetime`.
    pub const fn new(most: usize, lifetime: Span) -> Self {
        Self { lifetime, most, last: BTreeMap::new() }
    }

    /// How many senders are remembered.
    pub fn len(&self) -> usize {
        self.last.len()
    }

    /// True if no sender is remembered.
    pub fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.last.clear();
    }

    /// True if this frame came before; it is remembered otherwise. Where there is no room, the sender that has been silent longest
    /// is forgotten (of several, the one with the lowest address).
    pub fn is_duplicate(&mut self, source: Endpoint, sequence: u8, now: LocalTime) -> bool {
        let lifetime = self.lifetime;
        let is_fresh = |last: &Last| now.saturating_since(last.came) <= lifetime;
        if self.last.get(&source).is_some_and(|last| last.sequence == sequence && is_fresh(last)) {
            return true;
        }
        if !self.last.contains_key(&source) && self.last.len() >= self.most {
            self.last.retain(|_, last| is_fresh(last));
            let oldest = self.last.iter().min_by_key(|(_, last)| last.came).map(|(source, _)| *source);
            if let Some(oldest) = oldest.filter(|_| self.last.len() >= self.most) {
                self.last.remove(&oldest);
            }
        }
        if self.most > 0 {
            self.last.insert(source, Last { sequence, came: now });
        }
        false
    }
}
