//! Payloads of our own clients: 16 bytes that name the message, and filling whose bytes follow from the name, so that a subscriber can say
//! whose message it is, whether it has had it, and whether it is whole.

use crate::ledger::MessageName;
use crate::rope::{Rope, Run};
use crate::tcp::app::other_bytes;
use std::collections::{BTreeMap, BTreeSet};

/// How many of those before the first that came may come late (our choice).
const MOST_EARLY: u64 = 64;
/// Bytes of the name.
pub(crate) const NAME_LEN: u64 = 16;
/// What the upper 16 bits of the second half hold, mixed with the rest: other payloads do not have it.
const MARK: u64 = 0x6d71;
/// Numbers of one publication.
const NUMBERS: u64 = (1 << 48) - 1;
/// Messages of one publication that are known to be missing; beyond, the oldest are forgotten.
const MOST_MISSING: usize = 1 << 16;

/// The name of a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Name {
    /// Its publication: drawn, so that all have others.
    pub(crate) publication: u64,
    /// Which of its messages, from 0 on.
    pub(crate) number: u64,
}

impl From<Name> for MessageName {
    fn from(Name { publication, number }: Name) -> Self {
        Self { publication, number }
    }
}

impl Name {
    /// What exchanges are called: one number of 64 bits. Numbers of one publication lie apart by the golden ratio, so that
    /// those of two publications meet no more often than drawn ones.
    pub(crate) const fn exchange(self) -> u64 {
        self.publication.wrapping_add(self.number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    const fn mark(self) -> u64 {
        (MARK ^ self.publication ^ self.publication >> 16 ^ self.publication >> 32 ^ self.publication >> 48) & 0xffff
    }

    const fn key(self) -> u32 {
        (self.exchange() ^ self.exchange() >> 32) as u32
    }

    /// What an answer to this message is called.
    pub(crate) const fn answer(self) -> Self {
        Self { publication: !self.publication, number: self.number }
    }

    /// What payloads begin with.
    pub(crate) fn bytes(self) -> [u8; NAME_LEN as usize] {
        let second = self.mark() << 48 | self.number & NUMBERS;
        (u128::from(self.publication) << 64 | u128::from(second)).to_be_bytes()
    }

    /// A payload of `len` bytes, at least [`NAME_LEN`].
    pub(crate) fn payload(self, len: u64) -> Rope {
        let mut rope = Rope::from(self.bytes().to_vec());
        rope.push(Run::Fill { key: self.key(), offset: NAME_LEN, len: len.saturating_sub(NAME_LEN) });
        rope
    }

    /// The name of what has this payload; `None` if it is none of ours.
    pub(crate) fn of(payload: &Rope) -> Option<Self> {
        let bytes = payload.slice(0, NAME_LEN).to_bytes();
        let both = u128::from_be_bytes(<[u8; 16]>::try_from(&bytes[..]).ok()?);
        let (publication, second) = ((both >> 64) as u64, both as u64);
        let name = Self { publication, number: second & NUMBERS };
        (second >> 48 == name.mark()).then_some(name)
    }

    /// How many bytes of its payload are not what they should be.
    pub(crate) fn corrupted(self, payload: &Rope) -> u64 {
        other_bytes(&payload.slice(NAME_LEN, u64::MAX), self.key(), NAME_LEN)
    }
}

/// What has come of a publication.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Come {
    /// The number behind the highest that has come.
    next: u64,
    /// Those below that have not.
    missing: BTreeSet<u64>,
}

/// How a message has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    /// Behind all others that have come.
    Next,
    /// Later than one that was published behind it.
    Late,
    /// Again.
    Again,
}

/// What has come, by publication.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Seen(BTreeMap<u64, Come>);

impl Seen {
    /// A message has come.
    pub(crate) fn note(&mut self, name: Name) -> Order {
        // A subscriber may come late, so that much is not missing that was before its first message; but some of it may have gone to others before, who gave it back.
        let early = name.number.saturating_sub(MOST_EARLY)..name.number;
        let first = Come { next: name.number, missing: early.collect() };
        let come = self.0.entry(name.publication).or_insert(first);
        if name.number >= come.next {
            let most = come.next.max(name.number.saturating_sub(MOST_MISSING as u64));
            come.missing.extend(most..name.number);
            while come.missing.len() > MOST_MISSING {
                come.missing.pop_first();
            }
            come.next = name.number + 1;
            return Order::Next;
        }
        if come.missing.remove(&name.number) { Order::Late } else { Order::Again }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u64) -> Name {
        Name { publication: 0x0123_4567_89ab_cdef, number }
    }

    /// What is written is read, in real bytes too; each byte that differs is counted; other payloads have no name.
    #[test]
    fn names_are_read_and_filling_compared() {
        let payload = name(7).payload(100);
        assert_eq!(payload.len(), 100);
        let mut bytes = payload.to_bytes().to_vec();
        for rope in [payload, Rope::from(bytes.clone())] {
            assert_eq!(Name::of(&rope), Some(name(7)));
            assert_eq!(name(7).corrupted(&rope), 0);
        }
        bytes[99] ^= 1;
        assert_eq!(name(7).corrupted(&Rope::from(bytes)), 1);
        for other in [&b"hi"[..], b"a text that has more than sixteen bytes"] {
            assert_eq!(Name::of(&Rope::from(other.to_vec())), None);
        }
    }

    /// From 5 on: 5, 8, 6 late, 6 again, 5 again, 9, 4 late, which was before the first; 7 is missing to the end, and so are those before 4.
    #[test]
    fn order_and_repetition_are_told_apart() {
        let mut seen = Seen::default();
        let come = [5, 8, 6, 6, 5, 9, 4].map(|number| seen.note(name(number)));
        use Order::{Again, Late, Next};
        assert_eq!(come, [Next, Next, Late, Again, Again, Next, Late]);
        assert_eq!(seen.0[&name(0).publication].missing, BTreeSet::from([0, 1, 2, 3, 7]));
    }
}
