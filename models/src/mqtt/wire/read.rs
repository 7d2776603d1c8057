//! Bytes out of the runs of one packet.

use super::Fault;
use super::text::Varint;
use crate::rope::{Rope, Run, fill_byte};

/// What is left of a packet, or of its properties.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    runs: &'a [Run],
    /// How many bytes of the first run were read.
    at: u64,
    left: u64,
}

const SHORT: Fault = Fault::malformed("v5 §1.2", "a packet ends within a field");

impl<'a> Reader<'a> {
    pub(super) fn new(rope: &'a Rope) -> Self {
        Self { runs: rope.runs(), at: 0, left: rope.len() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left == 0
    }

    pub(super) fn u8(&mut self) -> Result<u8, Fault> {
        if self.left == 0 {
            return Err(SHORT);
        }
        while let [run, rest @ ..] = self.runs {
            if self.at == run.len() {
                (self.runs, self.at) = (rest, 0);
                continue;
            }
            let byte = match run {
                Run::Bytes(bytes) => bytes[self.at as usize],
                Run::Fill { key, offset, .. } => fill_byte(*key, offset.wrapping_add(self.at)),
            };
            self.at += 1;
            self.left -= 1;
            return Ok(byte);
        }
        Err(SHORT)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Fault> {
        Ok(u16::from_be_bytes([self.u8()?, self.u8()?]))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Fault> {
        Ok(u32::from_be_bytes([self.u8()?, self.u8()?, self.u8()?, self.u8()?]))
    }

    /// An integer of variable length, in as few bytes as can be (\[MQTT-1.5.5-1\]): all but the length of a packet are of version 5.
    pub(super) fn varint(&mut self) -> Result<u32, Fault> {
        let mut varint = Varint::default();
        loop {
            match varint.push(self.u8()?)? {
                Some((value, true)) => return Ok(value),
                Some((_, false)) => return Err(Fault::malformed("MQTT-1.5.5-1", "an integer has needless bytes")),
                None => {}
            }
        }
    }

    /// The next `len` bytes, bulk as bulk.
    pub(super) fn take(&mut self, len: u64) -> Result<Rope, Fault> {
        if len > self.left {
            return Err(SHORT);
        }
        let (mut out, mut wanted) = (Rope::new(), len);
        while wanted > 0 {
            let [run, rest @ ..] = self.runs else { return Err(SHORT) };
            let part = run.slice(self.at, wanted);
            wanted -= part.len();
            self.at += part.len();
            out.push(part);
            if self.at == run.len() {
                (self.runs, self.at) = (rest, 0);
            }
        }
        self.left -= len;
        Ok(out)
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> Result<Rope, Fault> {
        self.take(self.left)
    }

    /// Shows the next `len` bytes to `use_them`, without a copy where they are real bytes of one run.
    pub(super) fn with_bytes<T>(&mut self, len: u64, use_them: impl FnOnce(&[u8]) -> T) -> Result<T, Fault> {
        if len > self.left {
            return Err(SHORT);
        }
        if let [Run::Bytes(bytes), ..] = self.runs {
            let (start, end) = (self.at, self.at + len);
            if end <= bytes.len() as u64 {
                (self.at, self.left) = (end, self.left - len);
                return Ok(use_them(&bytes[start as usize..end as usize]));
            }
        }
        Ok(use_them(&self.take(len)?.to_bytes()))
    }

    /// A reader of the next `len` bytes; this one goes on behind them.
    pub(super) fn part(&mut self, len: u64) -> Result<Self, Fault> {
        if len > self.left {
            return Err(SHORT);
        }
        let part = Self { left: len, ..self.clone() };
        self.skip(len);
        Ok(part)
    }

    fn skip(&mut self, len: u64) {
        self.left -= len;
        let mut wanted = len;
        while let [run, rest @ ..] = self.runs {
            let here = (run.len() - self.at).min(wanted);
            self.at += here;
            wanted -= here;
            if wanted == 0 {
                return;
            }
            (self.runs, self.at) = (rest, 0);
        }
    }

    /// # Errors
    /// When something is left.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        match self.left {
            0 => Ok(()),
            _ => Err(Fault::malformed("v5 §1.2", "a packet has bytes behind its last field")),
        }
    }
}
