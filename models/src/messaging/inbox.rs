//! What has come on a stream and is not taken yet.

use super::fifo::Fifo;
use crate::rope::{Rope, Run};

/// Bytes in the order in which they came; bulk data stays as it is. It takes 16 bytes where nothing waits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inbox {
    /// None of them is empty.
    runs: Fifo<Run>,
    /// Bytes of them.
    waiting: u64,
}

/// Real bytes that come in fewer than so many at once are put together \[bytes\] (our choice): a peer that sends them singly would take
/// forty times their number.
const CRUMB: usize = 64;
/// Up to a run of this length \[bytes\] (our choice).
const LOAF: usize = 4096;

/// Both in one run, if the second is but a few bytes.
fn copied(last: &Run, next: &Run) -> Option<Run> {
    match (last, next) {
        (Run::Bytes(last), Run::Bytes(next)) if next.len() < CRUMB && last.len() < LOAF => {
            Some(Run::Bytes([&last[..], &next[..]].concat().into()))
        }
        _ => None,
    }
}

impl Inbox {
    pub(crate) const fn new() -> Self {
        Self { runs: Fifo::new(), waiting: 0 }
    }

    /// Bytes that wait.
    pub(crate) const fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Adds what was read from the stream.
    pub(crate) fn push(&mut self, data: &Rope) {
        self.waiting += data.len();
        for run in data.runs() {
            match self.runs.back_mut() {
                Some(last) => match last.joined(run).or_else(|| copied(last, run)) {
                    Some(both) => *last = both,
                    None => self.runs.push_back(run.clone()),
                },
                None => self.runs.push_back(run.clone()),
            }
        }
    }

    /// Writes the first bytes into `out`, as many as there are and fit. How many they are.
    pub(crate) fn peek(&self, out: &mut [u8]) -> usize {
        let mut there = 0;
        for run in self.runs.iter() {
            if there == out.len() {
                break;
            }
            // Both are at most the length of `out`.
            let part = Rope::from(run.slice(0, (out.len() - there) as u64)).to_bytes();
            out[there..there + part.len()].copy_from_slice(&part);
            there += part.len();
        }
        there
    }

    /// Takes the first `len` bytes, or as many as there are.
    pub(crate) fn take(&mut self, len: u64) -> Rope {
        let (mut out, mut wanted) = (Rope::new(), len);
        while wanted > 0 {
            let Some(run) = self.runs.front_mut() else { break };
            let part = run.slice(0, wanted);
            wanted -= part.len();
            if part.len() == run.len() {
                self.runs.pop_front();
            } else {
                *run = run.slice(part.len(), u64::MAX);
            }
            out.push(part);
        }
        self.waiting -= len - wanted;
        out
    }

    /// Takes all.
    pub(crate) fn take_all(&mut self) -> Rope {
        self.take(self.waiting)
    }
}
