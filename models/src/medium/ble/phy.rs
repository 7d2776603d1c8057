//! How long a PDU is on the air (Vol 6 Part B §2.1, §2.2).

use crate::energy::ble::airtime_1m;
use protosim_core::{Rate, Span};
use serde::{Deserialize, Serialize};

/// A physical layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum BlePhy {
    /// 1 Mbit/s.
    #[default]
    Le1M,
    /// 2 Mbit/s.
    Le2M,
    /// Coded, two symbols a bit: 500 kbit/s.
    CodedS2,
    /// Coded, eight symbols a bit: 125 kbit/s.
    CodedS8,
}

impl BlePhy {
    /// The air time of a PDU with `payload` bytes, its MIC counted. Header 2, check 3, access address 4 bytes; the preamble has 1 byte on 1M and 2 on 2M. Coded:
    /// preamble 80 us, access address 256 us, coding indicator 16 us and terminator 24 us at eight symbols a bit; then header, payload,
    /// check and a terminator of 3 bits.
    pub const fn airtime(self, payload: u64) -> Span {
        match self {
            Self::Le1M => airtime_1m(payload),
            Self::Le2M => Span::from_micros((2 + 4 + 2 + payload + 3) * 4),
            Self::CodedS2 => coded(payload, 2),
            Self::CodedS8 => coded(payload, 8),
        }
    }

    /// From the begin of a PDU until who listens knows that it is one: preamble and access address.
    pub(super) const fn detection(self) -> Span {
        Span::from_micros(match self {
            Self::Le1M => 40,
            Self::Le2M => 24,
            Self::CodedS2 | Self::CodedS8 => 336,
        })
    }

    /// Bits per second.
    pub(in crate::medium) fn rate(self) -> Rate {
        let bits = match self {
            Self::Le1M => 1_000_000,
            Self::Le2M => 2_000_000,
            Self::CodedS2 => 500_000,
            Self::CodedS8 => 125_000,
        };
        Rate::from_bits_per_sec(bits).expect("a constant above zero")
    }
}

/// With so many symbols a bit.
const fn coded(payload: u64, symbols: u64) -> Span {
    Span::from_micros(80 + 256 + 16 + 24 + ((2 + payload + 3) * 8 + 3) * symbols)
}
