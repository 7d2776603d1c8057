//! Bytes and ropes into one rope.

use crate::rope::{Rope, Run};

/// Real bytes of fewer than so many are copied behind what is there \[bytes\] (our choice): a run of their own costs more.
const CRUMB: usize = 64;

/// What has been written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Out {
    rope: Rope,
    /// Behind the rope.
    bytes: Vec<u8>,
}

impl Out {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn len(&self) -> u64 {
        self.rope.len() + self.bytes.len() as u64
    }

    pub(crate) fn u8(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn rope(&mut self, rope: &Rope) {
        for run in rope.runs() {
            match run {
                Run::Bytes(bytes) if bytes.len() < CRUMB => self.put(bytes),
                run => {
                    self.flush();
                    self.rope.push(run.clone());
                }
            }
        }
    }

    pub(crate) fn append(&mut self, other: &Self) {
        self.rope(&other.rope);
        self.put(&other.bytes);
    }

    fn flush(&mut self) {
        if !self.bytes.is_empty() {
            self.rope.push(Run::Bytes(std::mem::take(&mut self.bytes).into()));
        }
    }

    pub(crate) fn finish(mut self) -> Rope {
        self.flush();
        self.rope
    }
}
