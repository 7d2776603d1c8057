//! Putting fragments together again at the host that they are for (RFC 791 §3.2, RFC 8200 §4.5).
//!
//! ```text
//!                 first fragment: timer starts            no hole left
//!   (nothing) ----------------------------> collecting ----------------> whole, delivered
//!                                            |      |
//!                overlap, contradicting ends |      | timer: dropped, and an ICMP time exceeded
//!                                            v      v if the fragment with the start was there
//!                                         dropped  dropped
//! ```
//!
//! - Whose fragments: source, destination, identification; over IPv4 the protocol too.
//! - A fragment that is there already, from and to the same byte, is dropped, and the packet goes on. One that overlaps others in any
//!   other way ends the packet: over IPv6 with all of its fragments yet to come (RFC 5722 §4), for as long as its timer
//!   would have run; over IPv4, where RFC 791 would let the later one win, as in Linux since 2018, which forgets the packet.
//! - The header is that of the fragment with the start. ECN: if any fragment has met congestion so has the packet, unless another
//!   one says that its transport takes no part, which cannot be right: it is dropped (RFC 3168 §5.3).
//! - A fragment for which there is no memory is dropped; those before it keep waiting for it to come once more.
//! - A fragment that cannot be part of a packet (no bytes; not a multiple of 8 although more follow; beyond 65535) is
//!   dropped without a word; RFC 8200 would have a parameter problem reported.

use super::Node;
use super::counts::DropCause;
use super::fragment::clear_fragment;
use crate::device::Memory;
use crate::element::Element;
use crate::packet::{Ecn, ErrorCause, Fragment, MAX_WIRE_LEN, Packet, Transport};
use crate::rope::{Rope, Run};
use protosim_core::{Cx, SimTime, Span};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What an IPv6 packet that was given up keeps of its memory: the headers by which its fragments are known.
const ABANDONED_BYTES: u64 = 48;

/// The packets of a host that are not yet whole.
#[derive(Clone, Debug)]
pub(super) struct Reassembly {
    timeout: Span,
    /// Most bytes of fragments that may wait.
    limit: u64,
    used: u64,
    packets: BTreeMap<Key, Partial>,
    /// By when the timer runs out; of equals, the one that was begun first.
    by_expiry: BTreeMap<(SimTime, u64), Key>,
    begun: u64,
    /// Fragments that wait.
    held: u64,
}

/// Whose fragments.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Key {
    src: IpAddr,
    dst: IpAddr,
    /// Zero over IPv6.
    protocol: u8,
    identification: u32,
}

/// A packet that is not yet whole.
#[derive(Clone, Debug)]
struct Partial {
    expiry: (SimTime, u64),
    /// The bytes that are there, by where they start.
    pieces: BTreeMap<u64, Rope>,
    /// How many bytes that is.
    bytes: u64,
    /// How many it will be, once the last fragment is there.
    total: Option<u64>,
    /// The fragment with the start, without its bytes.
    first: Option<Packet>,
    /// Codepoints of ECN that fragments had: bit i for codepoint i.
    ecn: u8,
    reserved: u64,
    /// It was given up, and so is what is yet to come.
    is_abandoned: bool,
}

/// What has become of a fragment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Taken {
    /// It waits.
    Held,
    /// It was the last of so many that were missing.
    Whole(Box<Packet>, u64),
    /// It goes no further, nor do so many that were waiting.
    Refused(u64),
}

/// A packet whose time is up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Expired {
    /// How many of its fragments were there.
    pub(super) fragments: u64,
    /// The one with its start.
    pub(super) first: Option<Packet>,
}

impl Reassembly {
    pub(super) fn new(timeout: Span, limit: u64) -> Self {
        let (packets, by_expiry) = (BTreeMap::new(), BTreeMap::new());
        Self { timeout, limit, used: 0, packets, by_expiry, begun: 0, held: 0 }
    }

    /// Fragments that wait.
    pub(super) fn held(&self) -> u64 {
        self.held
    }

    /// When the next packet's time is up.
    pub(super) fn next_expiry(&self) -> Option<SimTime> {
        self.by_expiry.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes in one fragment. Memory is that of the device.
    pub(super) fn take(&mut self, packet: Packet, part: Fragment, now: SimTime, memory: &mut Memory) -> Taken {
        let (start, len) = (u64::from(part.offset) * 8, packet.wire_len() - packet.ip.wire_len());
        let is_odd = part.more && !len.is_multiple_of(8);
        if len == 0 || is_odd || start + len > MAX_WIRE_LEN {
            return Taken::Refused(0);
        }
        let protocol = if packet.src().is_ipv4() { packet.transport.protocol() } else { 0 };
        let key = Key { src: packet.src(), dst: packet.dst(), protocol, identification: part.identification };
        match self.packets.get(&key).map_or(Fit::New, |partial| partial.fit(start, start + len, part.more)) {
            Fit::New => {}
            Fit::Again => return Taken::Refused(0),
            Fit::Contradicts => return Taken::Refused(self.abandon(key, memory)),
        }
        let cost = packet.wire_len();
        if self.used + cost > self.limit || memory.reserve(cost).is_err() {
            return Taken::Refused(0);
        }
        (self.used, self.held) = (self.used + cost, self.held + 1);
        let partial = self.packets.entry(key).or_insert_with(|| {
            let expiry = (now.saturating_add(self.timeout), self.begun);
            self.begun += 1;
            self.by_expiry.insert(expiry, key);
            Partial::new(expiry)
        });
        partial.reserved += cost;
        partial.add(packet, start, len, part.more);
        if partial.total != Some(partial.bytes) {
            return Taken::Held;
        }
        self.finish(key, memory)
    }

    /// The packet has no hole left.
    fn finish(&mut self, key: Key, memory: &mut Memory) -> Taken {
        let Some(partial) = self.remove(key, memory) else { return Taken::Refused(0) };
        let count = partial.pieces.len() as u64;
        match partial.join() {
            Some(whole) => Taken::Whole(Box::new(whole), count),
            None => Taken::Refused(count - 1),
        }
    }

    /// Gives a packet up; says how many of its fragments had waited.
    fn abandon(&mut self, key: Key, memory: &mut Memory) -> u64 {
        let Some(partial) = self.remove(key, memory) else { return 0 };
        let fragments = partial.pieces.len() as u64;
        // It held at least one fragment, and so more memory than this.
        if key.src.is_ipv6() && memory.reserve(ABANDONED_BYTES).is_ok() {
            self.used += ABANDONED_BYTES;
            self.by_expiry.insert(partial.expiry, key);
            let abandoned = Partial { reserved: ABANDONED_BYTES, is_abandoned: true, ..Partial::new(partial.expiry) };
            self.packets.insert(key, abandoned);
        }
        fragments
    }

    fn remove(&mut self, key: Key, memory: &mut Memory) -> Option<Partial> {
        let partial = self.packets.remove(&key)?;
        self.by_expiry.remove(&partial.expiry);
        self.held -= partial.pieces.len() as u64;
        self.used -= partial.reserved;
        memory.release(partial.reserved);
        Some(partial)
    }

    /// Takes out a packet whose time is up by `now`.
    pub(super) fn expire(&mut self, now: SimTime, memory: &mut Memory) -> Option<Expired> {
        let key = *self.by_expiry.first_key_value().filter(|((at, _), _)| *at <= now)?.1;
        let mut partial = self.remove(key, memory)?;
        let fragments = partial.pieces.len() as u64;
        let start = partial.pieces.remove(&0);
        let first = partial.first.zip(start).map(|(first, payload)| Packet { payload, ..first });
        Some(Expired { fragments, first })
    }

    /// Forgets everything, as a host does that loses power; says how many fragments had waited.
    pub(super) fn clear(&mut self) -> u64 {
        let held = self.held;
        *self = Self::new(self.timeout, self.limit);
        held
    }
}

/// How a fragment goes with those before it.
enum Fit {
    New,
    /// It is there already.
    Again,
    Contradicts,
}

impl Partial {
    fn new(expiry: (SimTime, u64)) -> Self {
        let pieces = BTreeMap::new();
        Self { expiry, pieces, bytes: 0, total: None, first: None, ecn: 0, reserved: 0, is_abandoned: false }
    }

    fn fit(&self, start: u64, end: u64, more: bool) -> Fit {
        if self.is_abandoned {
            return Fit::Contradicts;
        }
        let ends = |(start, piece): (&u64, &Rope)| start + piece.len();
        if self.pieces.get(&start).is_some_and(|piece| start + piece.len() == end) && more == (self.total != Some(end))
        {
            return Fit::Again;
        }
        let before = self.pieces.range(..start).next_back().map(ends).is_some_and(|before| before > start);
        let after = self.pieces.range(start..).next().is_some_and(|(next, _)| *next < end);
        let last = self.pieces.last_key_value().map(ends).unwrap_or_default();
        let ends_otherwise =
            if more { self.total.is_some_and(|total| end >= total) } else { self.total.is_some() || last > end };
        if before || after || ends_otherwise { Fit::Contradicts } else { Fit::New }
    }

    fn add(&mut self, mut packet: Packet, start: u64, len: u64, more: bool) {
        self.pieces.insert(start, packet.transport_rope());
        self.bytes += len;
        self.ecn |= 1 << packet.ip.ecn() as u8;
        if !more {
            self.total = Some(start + len);
        }
        if start == 0 {
            packet.transport = Transport::Other { protocol: packet.transport.protocol() };
            packet.payload = Rope::new();
            packet.provenance = packet.provenance.unsealed();
            self.first = Some(packet);
        }
    }

    /// The whole packet; `None` if it cannot be one.
    fn join(self) -> Option<Packet> {
        let mut whole = self.first?;
        whole.payload = joined(self.pieces.values());
        clear_fragment(&mut whole.ip);
        let had = |ecn: Ecn| self.ecn & 1 << ecn as u8 != 0;
        if had(Ecn::Ce) {
            if had(Ecn::NotEct) {
                return None;
            }
            whole.ip.set_ecn(Ecn::Ce);
        }
        // The header with the start may be longer than the others.
        whole.fits().then_some(whole)
    }
}

/// The pieces in one: virtual bytes stay virtual, and real bytes that follow each other become one run, as they were before they
/// were cut.
fn joined<'a>(pieces: impl Iterator<Item = &'a Rope>) -> Rope {
    let (mut out, mut real) = (Rope::new(), Vec::new());
    for run in pieces.flat_map(Rope::runs) {
        match run {
            Run::Bytes(bytes) => real.extend_from_slice(bytes),
            fill @ Run::Fill { .. } => {
                out.append(&Rope::from(std::mem::take(&mut real)));
                out.push(fill.clone());
            }
        }
    }
    out.append(&Rope::from(real));
    out
}

impl Node {
    /// A fragment for this node. Says why, if it goes no further.
    pub(super) fn reassemble(&mut self, packet: Packet, part: Fragment, cx: &mut Cx<'_, Element>) -> Option<DropCause> {
        match self.join(packet, part, cx) {
            Ok(whole) => self.deliver(whole?, cx),
            Err(cause) => Some(cause),
        }
    }

    /// Takes a fragment in: the whole packet, if it was the last one missing; or why it goes no further.
    pub(super) fn join(
        &mut self,
        packet: Packet,
        part: Fragment,
        cx: &mut Cx<'_, Element>,
    ) -> Result<Option<Box<Packet>>, DropCause> {
        let taken = self.ip.reassembly.take(packet, part, cx.now(), &mut self.memory);
        self.set_reassembly_timer(cx);
        match taken {
            Taken::Held => Ok(None),
            Taken::Whole(packet, count) => {
                self.counts.fragments_joined += count - 1;
                Ok(Some(packet))
            }
            Taken::Refused(others) => {
                self.counts.drop_many(DropCause::Reassembly, others);
                Err(self.counts.drop(DropCause::Reassembly))
            }
        }
    }

    /// The time of packets that are not whole is up (RFC 1122 §3.3.2, RFC 8200 §4.5).
    pub(super) fn give_fragments_up(&mut self, cx: &mut Cx<'_, Element>) {
        while let Some(expired) = self.ip.reassembly.expire(cx.now(), &mut self.memory) {
            if let Some(first) = &expired.first {
                self.report_error(first, ErrorCause::ReassemblyTimeExceeded, cx);
            }
            self.counts.drop_many(DropCause::Reassembly, expired.fragments);
        }
        self.set_reassembly_timer(cx);
    }

    fn set_reassembly_timer(&mut self, cx: &mut Cx<'_, Element>) {
        match (self.ip.reassembly.next_expiry(), self.ip.reassembly_timer) {
            (Some(at), _) => {
                let timer = *self.ip.reassembly_timer.get_or_insert_with(|| cx.new_timer(0, "reassembly"));
                if cx.deadline(timer) != Some(at) {
                    cx.arm(timer, at);
                }
            }
            (None, Some(timer)) => cx.disarm(timer),
            (None, None) => {}
        }
    }
}
