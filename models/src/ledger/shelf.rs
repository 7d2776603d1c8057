//! What was taken of one publication from one queue.

use super::book::Noted;
use super::{Guarantee, Party, Taken};
use crate::recovery::Ranges;
use protosim_core::SimTime;
use std::collections::BTreeMap;

/// A copy that comes.
pub(super) struct Copy<'a> {
    pub(super) number: u64,
    pub(super) who: Party,
    pub(super) taken: &'a Taken,
    /// How often its message has been sent.
    pub(super) sent: u16,
    pub(super) at: SimTime,
}

/// What was taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Shelf {
    /// Of each message, from the first of the publication on.
    copies: Vec<Copies>,
    pub(super) come: Ranges,
    /// Some who took from it were not alone, or did not acknowledge.
    is_shared: bool,
    /// At those who took.
    pub(super) odd: BTreeMap<Party, Odd>,
}

/// Copies of one message.
#[derive(Clone, Copy, Debug, Default)]
struct Copies {
    all: u16,
    unmarked: u16,
    /// Someone who got one acknowledges.
    may_repeat: bool,
}

/// What is odd of copies at one party.
#[derive(Clone, Debug, Default)]
pub(super) struct Odd {
    /// The highest number that came to it without a mark.
    highest: Option<u64>,
    /// By the level that counts.
    pub(super) repeated: [Noted; 3],
    pub(super) disordered: Noted,
    pub(super) unmarked: Noted,
}

impl Shelf {
    /// Notes a copy of the message at `index`.
    pub(super) fn take(&mut self, index: usize, Copy { number, who, taken, sent, at }: Copy<'_>) {
        if self.copies.len() <= index {
            self.copies.resize(index + 1, Copies::default());
        }
        let copies = &mut self.copies[index];
        copies.all = copies.all.saturating_add(1);
        copies.unmarked = copies.unmarked.saturating_add(u16::from(!taken.is_marked));
        let acknowledges = taken.guarantee > Guarantee::AtMostOnce;
        copies.may_repeat |= acknowledges;
        self.is_shared |= !taken.is_alone || !acknowledges;
        let is_behind = self.come.end().is_some_and(|end| number < end);
        self.come.insert(number, number + 1);
        let odd = self.odd.entry(who).or_default();
        if !taken.is_marked && copies.unmarked > sent {
            odd.unmarked.note(number, at);
        }
        if copies.all > 1 {
            let level = match copies.all > sent && !copies.may_repeat {
                true => Guarantee::AtMostOnce,
                false => Guarantee::AtLeastOnce,
            };
            odd.repeated[level as usize].note(number, at);
        }
        let is_late = match self.is_shared {
            true => !taken.is_marked && sent <= 1 && odd.highest.is_some_and(|highest| number < highest),
            false => copies.all == 1 && is_behind,
        };
        if is_late {
            odd.disordered.note(number, at);
        }
        if !taken.is_marked {
            odd.highest = odd.highest.max(Some(number));
        }
    }

    /// Those of `bundles`, each sent together, of which a part has come that no other one explains which has come as a whole: a message of each that
    /// has come, where it counts last.
    pub(super) fn torn(&self, bundles: &[Vec<u64>]) -> Vec<u64> {
        let has_come = |number: u64| self.come.covers(number, number + 1);
        let mut whole = Ranges::default();
        for bundle in bundles.iter().filter(|bundle| bundle.iter().all(|number| has_come(*number))) {
            bundle.iter().for_each(|number| whole.insert(*number, *number + 1));
        }
        // Of several that one message was in, the last one counts.
        let mut told = Ranges::default();
        let mut torn = Vec::new();
        for bundle in bundles.iter().rev() {
            let is_odd = |number: &u64| has_come(*number) && !whole.covers(*number, *number + 1);
            let first = bundle.iter().copied().filter(is_odd).find(|number| !told.covers(*number, *number + 1));
            torn.extend(first);
            bundle.iter().for_each(|number| told.insert(*number, *number + 1));
        }
        torn.reverse();
        torn
    }
}
