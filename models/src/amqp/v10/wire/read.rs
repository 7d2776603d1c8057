//! Bytes out of the runs of one frame or message.

use super::{Fault, MAX_DEPTH, MAX_WIDTHLESS};
use crate::rope::{Rope, Run, fill_byte};

/// What is left of a frame, or of the compound value in it that is being read.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    runs: &'a [Run],
    /// How many bytes of the first run were read.
    at: u64,
    /// How many bytes of what is being read are left.
    left: u64,
    depth: u8,
    /// How many more elements may take no bytes.
    widthless: u32,
}

const SHORT: Fault = Fault::decode("§1.6", "a value ends within its bytes");

impl<'a> Reader<'a> {
    pub(crate) fn new(rope: &'a Rope) -> Self {
        Self { runs: rope.runs(), at: 0, left: rope.len(), depth: 0, widthless: MAX_WIDTHLESS }
    }

    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// The next byte, which stays.
    pub(crate) fn peek(&self) -> Result<u8, Fault> {
        self.clone().u8()
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Fault> {
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

    /// The next `N` bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut out = [0; N];
        for byte in &mut out {
            *byte = self.u8()?;
        }
        Ok(out)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Fault> {
        Ok(u32::from_be_bytes(self.bytes()?))
    }

    /// The next `len` bytes, bulk as bulk.
    pub(crate) fn take(&mut self, len: u64) -> Result<Rope, Fault> {
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
    pub(crate) fn rest(&mut self) -> Result<Rope, Fault> {
        self.take(self.left)
    }

    /// Reads `size` bytes as one compound value, all of them.
    pub(crate) fn within<T>(
        &mut self,
        size: u64,
        read: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let Some(behind) = self.left.checked_sub(size) else { return Err(SHORT) };
        self.left = size;
        let value = self.deeper(read)?;
        if self.left != 0 {
            return Err(Fault::decode("§1.6.22", "a compound value has bytes behind its last element"));
        }
        self.left = behind;
        Ok(value)
    }

    /// Reads one level deeper.
    pub(crate) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth == MAX_DEPTH {
            return Err(Fault::decode("§1.6", "values nest deeper than is taken"));
        }
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    /// `count` elements take no bytes.
    pub(crate) fn take_widthless(&mut self, count: u32) -> Result<(), Fault> {
        match self.widthless.checked_sub(count) {
            Some(left) => {
                self.widthless = left;
                Ok(())
            }
            None => Err(Fault::decode("§1.6.24", "arrays have more elements without bytes than are taken")),
        }
    }
}
