//! The auxiliary security header (IEEE 802.15.4-2006 §7.6.2): read and written, so that lengths are right. Nothing is encrypted here.

use super::error::{FrameError, Reader};
use super::fcs::FCS_LEN;

/// What a frame with security has before its content, and the integrity code behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Security {
    /// How it is secured.
    pub level: SecurityLevel,
    /// Counts frames under one key.
    pub frame_counter: u32,
    /// Which key.
    pub key: KeyIdentifier,
    /// The message integrity code, of the length that the level says ([`SecurityLevel::mic_len`]).
    pub mic: Vec<u8>,
}

/// How a frame is secured: 0 to 7.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SecurityLevel(u8);

/// Which key secures a frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KeyIdentifier {
    /// The one that both ends mean.
    Implicit,
    /// Of the default source.
    Index(u8),
    /// Of a source named by four bytes.
    Source4([u8; 4], u8),
    /// Of a source named by eight bytes.
    Source8([u8; 8], u8),
}

impl SecurityLevel {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// A code of four bytes.
    pub const MIC_32: Self = Self(1);
    /// A code of eight bytes.
    pub const MIC_64: Self = Self(2);
    /// A code of sixteen bytes.
    pub const MIC_128: Self = Self(3);
    /// Encryption alone.
    pub const ENC: Self = Self(4);
    /// Encryption and a code of four bytes.
    pub const ENC_MIC_32: Self = Self(5);
    /// Encryption and a code of eight bytes.
    pub const ENC_MIC_64: Self = Self(6);
    /// Encryption and a code of sixteen bytes.
    pub const ENC_MIC_128: Self = Self(7);

    /// From the three low bits.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 7)
    }

    /// The three bits.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether the content is encrypted.
    pub const fn encrypts(self) -> bool {
        self.0 & 4 != 0
    }

    /// Length of the integrity code in bytes.
    pub const fn mic_len(self) -> usize {
        match self.0 & 3 {
            0 => 0,
            bits => 2 << bits,
        }
    }
}

impl KeyIdentifier {
    /// Its mode, two bits.
    const fn mode(self) -> u8 {
        match self {
            Self::Implicit => 0,
            Self::Index(_) => 1,
            Self::Source4(..) => 2,
            Self::Source8(..) => 3,
        }
    }

    /// Length on the wire in bytes.
    pub const fn wire_len(self) -> usize {
        match self {
            Self::Implicit => 0,
            Self::Index(_) => 1,
            Self::Source4(..) => 5,
            Self::Source8(..) => 9,
        }
    }
}

impl Security {
    /// A header whose integrity code is all zero: it has the length of a real one.
    pub fn sized(level: SecurityLevel, frame_counter: u32, key: KeyIdentifier) -> Self {
        Self { level, frame_counter, key, mic: vec![0; level.mic_len()] }
    }

    /// Length of the header before the content in bytes: security control, frame counter, key.
    pub const fn header_len(&self) -> usize {
        5 + self.key.wire_len()
    }

    pub(super) fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(self.level.0 | self.key.mode() << 3);
        out.extend_from_slice(&self.frame_counter.to_le_bytes());
        match self.key {
            KeyIdentifier::Implicit => {}
            KeyIdentifier::Index(index) => out.push(index),
            KeyIdentifier::Source4(source, index) => {
                out.extend_from_slice(&source);
                out.push(index);
            }
            KeyIdentifier::Source8(source, index) => {
                out.extend_from_slice(&source);
                out.push(index);
            }
        }
    }

    /// Reads the header; the integrity code stands at the end of what follows.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, FrameError> {
        let control = reader.u8()?;
        let frame_counter = u32::from_le_bytes(reader.array()?);
        let key = match control >> 3 & 3 {
            0 => KeyIdentifier::Implicit,
            1 => KeyIdentifier::Index(reader.u8()?),
            2 => KeyIdentifier::Source4(reader.array()?, reader.u8()?),
            _ => KeyIdentifier::Source8(reader.array()?, reader.u8()?),
        };
        Ok(Self { level: SecurityLevel::from_bits(control), frame_counter, key, mic: Vec::new() })
    }

    /// Takes the integrity code from the end of `content`, which starts at byte `at` of the frame.
    pub(super) fn split<'a>(&mut self, content: &'a [u8], at: usize) -> Result<&'a [u8], FrameError> {
        let mic_len = self.level.mic_len();
        let need = at + mic_len + FCS_LEN;
        let content_len = content
            .len()
            .checked_sub(mic_len)
            .ok_or(FrameError::Truncated { need, have: at + content.len() + FCS_LEN })?;
        let (content, mic) = content.split_at(content_len);
        self.mic = mic.to_vec();
        Ok(content)
    }
}
