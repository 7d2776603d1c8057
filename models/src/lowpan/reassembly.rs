//! Datagrams from their fragments (RFC 4944 §5.3).
//!
//! What is kept is bounded in three ways: by the number of datagrams, by their bytes, each datagram being charged its whole length from its
//! first fragment on, and by time. A datagram has no more pieces than bytes divided by eight, as no two of them overlap.
//!
//! A fragment that was there already, of the same place and length, changes nothing. One that overlaps others in any other way throws all
//! of them away and starts anew, as the RFC has it. A copy that comes when the datagram is complete starts one that will time out: layers
//! below have to drop copies.

use super::error::LowpanError;
use super::expand::Expanded;
use crate::rope::Rope;
use protosim_core::{LocalTime, Span};
use std::collections::BTreeMap;

/// How much is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReassemblyLimits {
    /// Datagrams at a time.
    pub datagrams: usize,
    /// Their bytes, by their whole lengths.
    pub bytes: u64,
    /// For how long from the first fragment that comes; the RFC allows up to [`MAX_TIMEOUT`].
    pub timeout: Span,
}

/// The longest time for which fragments may be kept (RFC 4944 §5.3).
pub const MAX_TIMEOUT: Span = Span::from_secs(60);

/// Which datagram a fragment belongs to. `A` is an address of the link; behind a mesh header, originator and final destination.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Key<A> {
    /// Who sends it.
    pub source: A,
    /// Whom it is for.
    pub destination: A,
    /// Length of the whole datagram \[bytes\].
    pub size: u16,
    /// Its tag.
    pub tag: u16,
}

/// A fragment without its header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fragment {
    /// The first one: headers, and what follows them.
    First(Expanded, Rope),
    /// Another one: where it belongs, in eight bytes, and what it has.
    Next(u8, Rope),
}

/// Why something was dropped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, thiserror::Error)]
pub enum DropCause {
    /// The rest did not come in time: all fragments so far.
    #[error("reassembly timed out")]
    Timeout,
    /// So many datagrams are being put together already: this fragment.
    #[error("no reassembly buffer free")]
    NoBuffer,
    /// There is no memory for a datagram of this length: this fragment.
    #[error("no memory for reassembly")]
    NoMemory,
    /// A fragment overlaps them: all fragments before it.
    #[error("overlapping fragments")]
    Overlap,
    /// It was there already: this fragment.
    #[error("duplicate fragment")]
    Duplicate,
    /// It reaches beyond the datagram: this fragment.
    #[error("fragment beyond the end of its datagram")]
    BeyondEnd,
    /// It is not the last one and no multiple of eight bytes long: this fragment.
    #[error("fragment of a length that is not a multiple of 8")]
    Misaligned,
    /// It has no bytes: this fragment.
    #[error("empty fragment")]
    Empty,
    /// It has the datagram's beginning, but not the header of a first fragment: this fragment.
    #[error("fragment at offset 0 that is not a first one")]
    Headless,
    /// The frame's content cannot be read, or the datagram not be put together.
    #[error(transparent)]
    Undecodable(#[from] LowpanError),
}

/// Something that was dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dropped<A> {
    /// Why.
    pub cause: DropCause,
    /// Of which datagram, where it is one of several fragments.
    pub key: Option<Key<A>>,
    /// Bytes of the datagram that were dropped.
    pub bytes: u64,
}

/// Puts datagrams together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reassembler<A> {
    limits: ReassemblyLimits,
    datagrams: BTreeMap<Key<A>, Partial>,
    bytes: u64,
}

/// A datagram of which something is missing.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Partial {
    deadline: LocalTime,
    /// The headers of the first fragment.
    head: Option<Expanded>,
    /// By place; none overlaps another one.
    pieces: BTreeMap<u64, Piece>,
    /// Bytes that have come.
    come: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Piece {
    /// Bytes of the datagram, headers included.
    len: u64,
    /// Without the headers.
    data: Rope,
}

impl Default for ReassemblyLimits {
    /// Four datagrams of the IPv6 minimum MTU, for 60 s.
    fn default() -> Self {
        Self { datagrams: 4, bytes: 4 * 1280, timeout: MAX_TIMEOUT }
    }
}

impl Fragment {
    /// Where it starts, and how many bytes of the datagram it stands for.
    fn place(&self) -> (u64, u64) {
        match self {
            Self::First(head, rest) => (0, head.header_len() + rest.len()),
            Self::Next(units, data) => (8 * u64::from(*units), data.len()),
        }
    }
}

impl Partial {
    fn new(deadline: LocalTime) -> Self {
        Self { deadline, head: None, pieces: BTreeMap::new(), come: 0 }
    }

    /// The last piece that shares a byte with these.
    fn overlapping(&self, start: u64, len: u64) -> Option<(u64, u64)> {
        // No two pieces overlap: the last one that begins before the end also ends last.
        let (at, piece) = self.pieces.range(..start + len).next_back()?;
        (at + piece.len > start).then_some((*at, piece.len))
    }

    fn insert(&mut self, start: u64, len: u64, fragment: Fragment) {
        let data = match fragment {
            Fragment::First(head, rest) => {
                self.head = Some(head);
                rest
            }
            Fragment::Next(_, data) => data,
        };
        self.pieces.insert(start, Piece { len, data });
        self.come += len;
    }

    /// The datagram, all of which is there.
    fn finish(self) -> Result<Rope, LowpanError> {
        let mut rest = Rope::new();
        self.pieces.values().for_each(|piece| rest.append(&piece.data));
        match self.head {
            Some(head) => head.finish(&rest),
            None => Ok(rest),
        }
    }
}

impl<A: Copy + Ord> Reassembler<A> {
    /// One that has nothing yet.
    pub fn new(limits: ReassemblyLimits) -> Self {
        let timeout = limits.timeout.min(MAX_TIMEOUT);
        Self { limits: ReassemblyLimits { timeout, ..limits }, datagrams: BTreeMap::new(), bytes: 0 }
    }

    /// Datagrams that are being put together.
    pub fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// Bytes that are charged: the whole length of each datagram.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// When the next one times out.
    pub fn next_expiry(&self) -> Option<LocalTime> {
        self.datagrams.values().map(|partial| partial.deadline).min()
    }

    /// Drops what is due by `now`, in order of keys.
    pub fn expire(&mut self, now: LocalTime, drops: &mut Vec<Dropped<A>>) {
        if self.next_expiry().is_none_or(|due| due > now) {
            return;
        }
        let bytes = &mut self.bytes;
        self.datagrams.retain(|key, partial| {
            let stays = partial.deadline > now;
            if !stays {
                *bytes -= u64::from(key.size);
                drops.push(Dropped { cause: DropCause::Timeout, key: Some(*key), bytes: partial.come });
            }
            stays
        });
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.datagrams.clear();
        self.bytes = 0;
    }

    /// Drops all that came from `source` or goes to it: it has left (RFC 4944 §5.3). Says how much.
    pub fn forget(&mut self, peer: A) -> u64 {
        let (bytes, mut lost) = (&mut self.bytes, 0);
        self.datagrams.retain(|key, partial| {
            let stays = key.source != peer && key.destination != peer;
            if !stays {
                *bytes -= u64::from(key.size);
                lost += partial.come;
            }
            stays
        });
        lost
    }

    /// A fragment of datagram `key` has come; the datagram, if that completes it. What is due by `now` is dropped before.
    pub fn add(
        &mut self,
        key: Key<A>,
        fragment: Fragment,
        now: LocalTime,
        drops: &mut Vec<Dropped<A>>,
    ) -> Option<Rope> {
        self.expire(now, drops);
        let (start, len) = fragment.place();
        let is_first = matches!(fragment, Fragment::First(..));
        let refuse = |cause| Dropped { cause, key: Some(key), bytes: len };
        if let Some(cause) = flaw(is_first, (start, len), u64::from(key.size)) {
            drops.push(refuse(cause));
            return None;
        }
        let deadline = now.saturating_add(self.limits.timeout);
        if !self.datagrams.contains_key(&key) {
            if let Some(cause) = self.shortage(u64::from(key.size)) {
                drops.push(refuse(cause));
                return None;
            }
            self.bytes += u64::from(key.size);
        }
        let partial = self.datagrams.entry(key).or_insert_with(|| Partial::new(deadline));
        if let Some(other) = partial.overlapping(start, len) {
            if other == (start, len) {
                drops.push(refuse(DropCause::Duplicate));
                return None;
            }
            drops.push(Dropped { cause: DropCause::Overlap, key: Some(key), bytes: partial.come });
            *partial = Partial::new(deadline);
        }
        partial.insert(start, len, fragment);
        if partial.come < u64::from(key.size) {
            return None;
        }
        let complete = self.datagrams.remove(&key)?;
        self.bytes -= u64::from(key.size);
        match complete.finish() {
            Ok(datagram) => Some(datagram),
            Err(error) => {
                let cause = DropCause::Undecodable(error);
                drops.push(Dropped { cause, key: Some(key), bytes: u64::from(key.size) });
                None
            }
        }
    }

    /// Why there is no room for another datagram of `size` bytes.
    fn shortage(&self, size: u64) -> Option<DropCause> {
        if self.datagrams.len() >= self.limits.datagrams {
            Some(DropCause::NoBuffer)
        } else if self.bytes + size > self.limits.bytes {
            Some(DropCause::NoMemory)
        } else {
            None
        }
    }
}

/// What is wrong with a fragment of `len` bytes at `start`.
fn flaw(is_first: bool, (start, len): (u64, u64), size: u64) -> Option<DropCause> {
    if len == 0 {
        Some(DropCause::Empty)
    } else if start == 0 && !is_first {
        Some(DropCause::Headless)
    } else if start + len > size {
        Some(DropCause::BeyondEnd)
    } else if start + len < size && !len.is_multiple_of(8) {
        Some(DropCause::Misaligned)
    } else {
        None
    }
}
