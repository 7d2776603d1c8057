//! Sequence numbers of TCP counted from the SYN, as people read them.

use protosim_models::packet::{TcpFlags, TcpHeader};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// One direction of one connection, as far as its packets tell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flow {
    /// The sequence number that counts as offset 0: that of the SYN, or the byte before the first one that was seen.
    base: Option<u32>,
    /// The offset after the last byte that has been sent.
    highest: u64,
    /// How often each first offset was sent.
    sent: BTreeMap<u64, u32>,
    /// What has been sent: for each first offset the one after the last. None of them touch.
    covered: BTreeMap<u64, u64>,
    /// Shift of the window, if the SYN offered one (RFC 7323 §2).
    scale: Option<u8>,
}

/// What a segment is in its flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// Its first offset: SYN at 0, the first byte of data at 1.
    pub(crate) offset: u64,
    /// Sequence numbers that it takes.
    pub(crate) len: u64,
    /// The how-manieth transmission of its first offset, from 1; 0 for a segment that takes none.
    pub(crate) transmission: u32,
    /// True if all that it takes has been sent before. What is dropped by a queue is seen before what waits there, so that it is
    /// not enough to lie below the highest offset.
    pub(crate) is_again: bool,
}

impl Flow {
    /// Takes a segment with so many bytes of data into account.
    pub(crate) fn place(&mut self, header: &TcpHeader, data: u64) -> Place {
        let is_syn = header.flags.has(TcpFlags::SYN);
        // Another connection of the same name.
        if is_syn && self.base.is_some_and(|base| base != header.sequence) {
            *self = Self::default();
        }
        if is_syn {
            self.scale = header.options.as_ref().and_then(|options| options.window_scale);
        }
        let len = data + u64::from(is_syn) + u64::from(header.flags.has(TcpFlags::FIN));
        let first = if is_syn { header.sequence } else { header.sequence.wrapping_sub(1) };
        self.base.get_or_insert(first);
        let offset = self.offset(header.sequence);
        if len == 0 {
            return Place { offset, len, transmission: 0, is_again: false };
        }
        let count = self.sent.entry(offset).or_default();
        *count += 1;
        let transmission = *count;
        let is_again = self.cover(offset, offset + len);
        self.highest = self.highest.max(offset + len);
        Place { offset, len, transmission, is_again }
    }

    /// Adds a range to what has been sent; true if all of it had been before.
    fn cover(&mut self, from: u64, to: u64) -> bool {
        let around = self.covered.range(..=from).next_back().map(|(start, end)| (*start, *end));
        if around.is_some_and(|(_, end)| end >= to) {
            return true;
        }
        let mut merged = match around {
            Some((start, end)) if end >= from => (start, to),
            _ => (from, to),
        };
        let within: Vec<(u64, u64)> = self.covered.range(merged.0..=to).map(|(start, end)| (*start, *end)).collect();
        for (start, end) in within {
            self.covered.remove(&start);
            merged.1 = merged.1.max(end);
        }
        self.covered.insert(merged.0, merged.1);
        false
    }

    /// The offset of a sequence number: the one nearest to the highest so far. The number itself before anything is known.
    pub(crate) fn offset(&self, sequence: u32) -> u64 {
        let Some(base) = self.base else { return u64::from(sequence) };
        let ahead = sequence.wrapping_sub(base).wrapping_sub(self.highest as u32) as i32;
        self.highest.saturating_add_signed(i64::from(ahead))
    }

    /// True once a segment of this direction was seen.
    pub(crate) fn is_known(&self) -> bool {
        self.base.is_some()
    }

    /// The shift that the SYN of this direction has offered.
    pub(crate) fn scale(&self) -> Option<u8> {
        self.scale
    }

    /// The window that a segment of this direction offers \[bytes\]; `back` is the shift of the other direction. Windows are
    /// scaled where both have said so, and never in a SYN (RFC 7323 §2.2).
    pub(crate) fn window(&self, header: &TcpHeader, back: Option<u8>) -> u64 {
        let shift = match (self.scale, back) {
            (Some(own), Some(_)) if !header.flags.has(TcpFlags::SYN) => own.min(14),
            _ => 0,
        };
        u64::from(header.window) << shift
    }
}

/// All directions of all connections, by source and destination.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flows(BTreeMap<(SocketAddr, SocketAddr), Flow>);

impl Flows {
    /// The direction from `source` to `destination`.
    pub(crate) fn of(&mut self, source: SocketAddr, destination: SocketAddr) -> &mut Flow {
        self.0.entry((source, destination)).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ranges that touch become one; one that lies in it has been sent, one that reaches out of it has not.
    #[test]
    fn what_has_been_sent_is_known_whatever_the_order() {
        let mut flow = Flow::default();
        assert!(!flow.cover(10, 20) && !flow.cover(30, 40) && flow.covered.len() == 2);
        assert!(!flow.cover(5, 12) && flow.covered == BTreeMap::from([(5, 20), (30, 40)]));
        assert!(!flow.cover(20, 30) && flow.covered == BTreeMap::from([(5, 40)]));
        assert!(flow.cover(5, 40) && flow.cover(7, 9) && !flow.cover(39, 41) && !flow.cover(0, 1));
    }
}
