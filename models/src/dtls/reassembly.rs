//! Messages from fragments, which come in any order, overlap, and come again (RFC 6347 §4.2.3, RFC 9147 §5.5).

use super::wire::FragmentHeader;
use crate::recovery::Ranges;
use crate::tls::codes::HandshakeType;
use bytes::Bytes;
use std::collections::BTreeMap;

/// How much is kept of what cannot be used yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The longest message \[bytes\].
    pub message: usize,
    /// All messages that are not whole, or wait for others \[bytes\]. The next one is kept beside these, up to its own limit: it never takes the place of what has
    /// come, and may have been acknowledged (RFC 9147 §7).
    pub held: usize,
    /// How far ahead of the next message one may be \[messages\].
    pub ahead: u16,
}

impl Default for Limits {
    /// Our choice: room for a chain of certificates and for the messages of one flight.
    fn default() -> Self {
        Self { message: 65_536, held: 32_768, ahead: 8 }
    }
}

/// What became of a fragment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// It has brought something.
    New,
    /// All of it was there.
    Copy,
    /// Its message has been given out before.
    Old,
    /// It is too far ahead or too long, or contradicts others.
    Refused,
}

#[derive(Clone, Debug)]
struct Partial {
    kind: HandshakeType,
    epoch: u64,
    body: Vec<u8>,
    have: Ranges,
}

/// A whole message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Whole {
    /// Which it is.
    pub kind: HandshakeType,
    /// Its number.
    pub message_seq: u16,
    /// The epoch of its records.
    pub epoch: u64,
    /// Its body.
    pub body: Bytes,
}

/// Messages that are not whole, or wait for others.
#[derive(Clone, Debug)]
pub struct Reassembly {
    limits: Limits,
    /// The next one to be given out.
    next: u16,
    partial: BTreeMap<u16, Partial>,
    /// Length of all bodies in `partial` \[bytes\].
    held: usize,
}

impl Reassembly {
    /// Waits for the message with number `next`.
    pub const fn new(limits: Limits, next: u16) -> Self {
        Self { limits, next, partial: BTreeMap::new(), held: 0 }
    }

    /// The number of the message that comes next.
    pub const fn next_seq(&self) -> u16 {
        self.next
    }

    /// What it keeps \[bytes\].
    pub const fn held(&self) -> usize {
        self.held
    }

    /// True if nothing waits.
    pub fn is_empty(&self) -> bool {
        self.partial.is_empty()
    }

    /// True if this is not the next piece of the next message: a sign of loss (RFC 9147 §7.1).
    pub fn is_out_of_order(&self, header: &FragmentHeader) -> bool {
        let end = self.partial.get(&self.next).and_then(|one| one.have.range_of(0)).map_or(0, |(_, end)| end);
        header.message_seq != self.next || u64::from(header.offset) > end
    }

    /// Adds a fragment, from a record of this epoch.
    pub fn push(&mut self, header: &FragmentHeader, part: &[u8], epoch: u64) -> Taken {
        let len = header.len as usize;
        if header.message_seq < self.next {
            return Taken::Old;
        }
        if header.message_seq - self.next > self.limits.ahead || len > self.limits.message {
            return Taken::Refused;
        }
        // What came under better protection is believed rather than what anybody may have sent (RFC 9147 §6.1).
        if self.partial.get(&header.message_seq).is_some_and(|one| one.epoch < epoch) {
            self.held -= self.partial.remove(&header.message_seq).map_or(0, |one| one.body.len());
        }
        let has_room = header.message_seq == self.next || self.held + len <= self.limits.held;
        if !self.partial.contains_key(&header.message_seq) && !has_room {
            return Taken::Refused;
        }
        let held = &mut self.held;
        let one = self.partial.entry(header.message_seq).or_insert_with(|| {
            *held += len;
            Partial { kind: header.kind, epoch, body: vec![0; len], have: Ranges::new() }
        });
        if one.kind != header.kind || one.body.len() != len || one.epoch != epoch {
            return Taken::Refused;
        }
        let (start, end) = (u64::from(header.offset), u64::from(header.offset) + part.len() as u64);
        if len > 0 && one.have.covers(start, end) {
            return Taken::Copy;
        }
        // What came first stays: pieces that overlap say the same, or the message will not hold.
        let missing: Vec<(u64, u64)> = one.have.missing(start, end).collect();
        for (from, to) in missing {
            let source = &part[(from - start) as usize..(to - start) as usize];
            one.body[from as usize..to as usize].copy_from_slice(source);
        }
        one.have.insert(start, end);
        Taken::New
    }

    /// The next message, if it is whole.
    pub fn next_message(&mut self) -> Option<Whole> {
        let one = self.partial.get(&self.next)?;
        if !one.have.covers(0, one.body.len() as u64) {
            return None;
        }
        let one = self.partial.remove(&self.next)?;
        self.held -= one.body.len();
        let message_seq = self.next;
        // After 65535 there is no next one (RFC 9147 §5.2: it must not wrap). The last number is taken each time it comes; no handshake has so many.
        self.next = self.next.saturating_add(1);
        Some(Whole { kind: one.kind, message_seq, epoch: one.epoch, body: one.body.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KIND: HandshakeType = HandshakeType::CERTIFICATE;

    fn header(message_seq: u16, len: u32, offset: u32, fragment_len: u32) -> FragmentHeader {
        FragmentHeader { kind: KIND, len, message_seq, offset, fragment_len }
    }

    fn push(to: &mut Reassembly, message_seq: u16, len: u32, offset: u32, part: &[u8]) -> Taken {
        to.push(&header(message_seq, len, offset, part.len() as u32), part, 0)
    }

    #[test]
    fn messages_come_out_in_their_order() {
        let mut all = Reassembly::new(Limits::default(), 1);
        assert_eq!(push(&mut all, 2, 2, 0, b"cd"), Taken::New);
        assert_eq!(all.next_message(), None);
        assert_eq!(push(&mut all, 1, 2, 1, b"b"), Taken::New);
        assert_eq!(push(&mut all, 1, 2, 1, b"b"), Taken::Copy);
        assert_eq!(push(&mut all, 1, 2, 0, b"a"), Taken::New);
        let bodies: Vec<Bytes> = std::iter::from_fn(|| all.next_message()).map(|whole| whole.body).collect();
        assert_eq!(bodies, ["ab", "cd"]);
        assert_eq!(push(&mut all, 1, 2, 0, b"ab"), Taken::Old);
        assert_eq!(push(&mut all, 3, 0, 0, b""), Taken::New);
        assert_eq!(all.next_message().unwrap().body, "");
        assert_eq!((all.held(), all.next_seq()), (0, 4));
    }

    #[test]
    fn pieces_that_contradict_are_refused() {
        let mut all = Reassembly::new(Limits::default(), 0);
        assert_eq!(push(&mut all, 0, 4, 0, b"ab"), Taken::New);
        assert_eq!(push(&mut all, 0, 5, 2, b"cd"), Taken::Refused);
        let other = FragmentHeader { kind: HandshakeType::FINISHED, ..header(0, 4, 2, 2) };
        assert_eq!(all.push(&other, b"cd", 0), Taken::Refused);
        assert_eq!(push(&mut all, 0, 4, 2, b"cd"), Taken::New);
        assert_eq!(all.next_message().unwrap().body, "abcd");
    }

    #[test]
    fn memory_has_a_limit_and_the_next_message_comes_first() {
        let mut all = Reassembly::new(Limits { message: 100, held: 120, ahead: 3 }, 0);
        assert_eq!(push(&mut all, 0, 101, 0, b"a"), Taken::Refused);
        assert_eq!(push(&mut all, 4, 1, 0, b"a"), Taken::Refused);
        assert_eq!(push(&mut all, 1, 60, 0, b"a"), Taken::New);
        assert_eq!(push(&mut all, 2, 60, 0, b"a"), Taken::New);
        assert_eq!(push(&mut all, 3, 1, 0, b"a"), Taken::Refused);
        // RFC 9147 §7: what has come may have been acknowledged, and nobody sends it again: it stays. 120 and 100 are all that is ever kept.
        assert_eq!(push(&mut all, 0, 100, 0, b"a"), Taken::New);
        assert_eq!(all.held(), 220);
        assert!(all.partial.contains_key(&1) && all.partial.contains_key(&2));
        assert_eq!(push(&mut all, 3, 1, 0, b"a"), Taken::Refused);
    }

    /// RFC 9147 §6.1: what anybody may have sent gives way to what is protected, and does not come back.
    #[test]
    fn a_protected_piece_replaces_a_plain_one() {
        let mut all = Reassembly::new(Limits::default(), 0);
        assert_eq!(push(&mut all, 0, 6, 0, b"x"), Taken::New);
        assert_eq!(all.push(&header(0, 2, 0, 1), b"a", 2), Taken::New);
        assert_eq!(all.held(), 2);
        assert_eq!(push(&mut all, 0, 2, 1, b"x"), Taken::Refused);
        assert_eq!(all.push(&header(0, 2, 1, 1), b"b", 2), Taken::New);
        let whole = all.next_message().unwrap();
        assert_eq!((&whole.body[..], whole.epoch), (&b"ab"[..], 2));
    }

    proptest! {
        #[test]
        fn any_order_of_any_pieces_gives_the_message(
            body in prop::collection::vec(any::<u8>(), 1..200),
            cuts in prop::collection::vec((any::<prop::sample::Index>(), 1_usize..50), 1..60),
        ) {
            let mut all = Reassembly::new(Limits::default(), 7);
            let len = body.len();
            let mut have = vec![false; len];
            for (at, size) in cuts {
                let start = at.index(len);
                let end = (start + size).min(len);
                let brings = !have[start..end].iter().all(|one| *one);
                let taken = push(&mut all, 7, len as u32, start as u32, &body[start..end]);
                prop_assert_eq!(taken, if brings { Taken::New } else { Taken::Copy });
                have[start..end].fill(true);
                prop_assert_eq!(all.held(), len);
                if have.iter().all(|one| *one) {
                    prop_assert_eq!(&all.next_message().unwrap().body[..], &body[..]);
                    return Ok(());
                }
                prop_assert_eq!(all.clone().next_message(), None);
            }
        }
    }
}
