//! What the application has written and the peer has not acknowledged, by offset in the stream.
//!
//! Bulk data are one run, however many bytes; small writes are runs of their own, found by their offset.

use crate::rope::{Rope, Run};
use std::collections::VecDeque;

/// The bytes from `start` to `end`.
#[derive(Clone, Debug)]
pub(super) struct SendBuffer {
    /// Offset of the first byte kept.
    start: u64,
    /// Offset after the last byte written.
    end: u64,
    /// Runs with the offsets at which they begin; the first may begin before `start`.
    runs: VecDeque<(u64, Run)>,
}

impl SendBuffer {
    /// Nothing written yet; the first byte of a stream has the offset 1, as the SYN takes 0.
    pub(super) const fn new() -> Self {
        Self { start: 1, end: 1, runs: VecDeque::new() }
    }

    /// Offset after the last byte written.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Bytes kept.
    pub(super) const fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Adds the first `len` bytes of `data`.
    pub(super) fn write(&mut self, data: &Rope, len: u64) {
        let mut left = len;
        for run in data.runs() {
            let run = if run.len() <= left { run.clone() } else { run.slice(0, left) };
            let taken = run.len();
            if taken == 0 {
                break;
            }
            match self.runs.back_mut().map(|(from, last)| (last.joined(&run), *from, last)) {
                Some((Some(both), _, last)) => *last = both,
                _ => self.runs.push_back((self.end, run)),
            }
            self.end += taken;
            left -= taken;
        }
    }

    /// The bytes from `from` to `to`, which are kept.
    pub(super) fn slice(&self, from: u64, to: u64) -> Rope {
        let mut out = Rope::new();
        if from >= to {
            return out;
        }
        // Bulk data are one run.
        if let Some((start, run)) = self.runs.front()
            && start + run.len() >= to
        {
            return Rope::from(run.slice(from - start, to - from));
        }
        let first = self.runs.partition_point(|(start, run)| start + run.len() <= from);
        for (start, run) in self.runs.iter().skip(first) {
            if *start >= to {
                break;
            }
            let skip = from.saturating_sub(*start);
            out.push(run.slice(skip, to - start - skip));
        }
        out
    }

    /// Forgets everything below `offset`.
    pub(super) fn acknowledge(&mut self, offset: u64) {
        self.start = offset.clamp(self.start, self.end);
        while self.runs.front().is_some_and(|(start, run)| start + run.len() <= self.start) {
            self.runs.pop_front();
        }
        if self.runs.is_empty() {
            self.runs = VecDeque::new();
        }
    }

    /// Bytes allocated.
    #[cfg(test)]
    pub(super) fn allocated(&self) -> usize {
        self.runs.capacity() * size_of::<(u64, Run)>()
    }

    /// Runs kept, for tests of memory.
    #[cfg(test)]
    pub(super) fn runs(&self) -> usize {
        self.runs.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bulk_data_are_one_run() {
        let mut buffer = SendBuffer::new();
        for block in 0..1000 {
            buffer.write(&Rope::fill(7, block * 1448, 1448), 1448);
        }
        assert_eq!((buffer.runs(), buffer.len()), (1, 1_448_000));
        buffer.acknowledge(700_001);
        assert_eq!(buffer.slice(700_001, 700_011), Rope::fill(7, 700_000, 10));
    }

    proptest! {
        /// Against the bytes themselves.
        #[test]
        fn a_buffer_is_its_bytes(
            writes in prop::collection::vec((0_u32..2, 0_u64..300, 1_u64..80, any::<bool>()), 1..12),
            (ack, from, len) in (0_u64..500, 0_u64..600, 0_u64..200),
        ) {
            let (mut buffer, mut bytes) = (SendBuffer::new(), Vec::new());
            for (key, offset, len, is_real) in writes {
                let mut rope = Rope::fill(key, offset, len);
                if is_real {
                    rope = Rope::from(rope.to_bytes());
                }
                let taken = len - len / 3;
                buffer.write(&rope, taken);
                bytes.extend_from_slice(&rope.to_bytes()[..taken as usize]);
            }
            prop_assert_eq!(buffer.end(), bytes.len() as u64 + 1);
            buffer.acknowledge(ack);
            let start = ack.clamp(1, buffer.end());
            let from = from.clamp(start, buffer.end());
            let to = (from + len).min(buffer.end());
            let slice = buffer.slice(from, to).to_bytes();
            prop_assert_eq!(&slice[..], &bytes[from as usize - 1..to as usize - 1]);
            prop_assert_eq!(buffer.len(), buffer.end() - start);
        }
    }
}
