//! Time on air (Semtech SX1276 datasheet §4.1.1.6 and §4.1.1.7).
//!
//! A symbol takes 2^SF / BW. With 125, 250 and 500 kHz that is a multiple of 2000, 4000 or 8000 ns, so that the quarter symbols of the
//! preamble are whole nanoseconds, too: times here are exact.

use protosim_core::Span;
use serde::{Deserialize, Serialize};

/// The spreading factor: chips of a symbol are 2 to the power of it; 7 to 12.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum SpreadingFactor {
    /// 128 chips.
    Sf7,
    /// 256 chips.
    Sf8,
    /// 512 chips.
    Sf9,
    /// 1024 chips.
    Sf10,
    /// 2048 chips.
    Sf11,
    /// 4096 chips.
    Sf12,
}

impl SpreadingFactor {
    /// All, from the fastest to the slowest.
    pub const ALL: [Self; 6] = [Self::Sf7, Self::Sf8, Self::Sf9, Self::Sf10, Self::Sf11, Self::Sf12];

    /// 7 to 12.
    pub const fn bits(self) -> u64 {
        self as u64 + 7
    }

    /// The signal-to-noise ratio that a receiver needs, in hundredths of dB (Semtech SX1276 datasheet, table 13).
    pub const fn needed_snr_centi_db(self) -> i32 {
        -750 - 250 * self as i32
    }
}

/// The bandwidth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Bandwidth {
    /// 125 kHz.
    Khz125,
    /// 250 kHz.
    Khz250,
    /// 500 kHz.
    Khz500,
}

impl Bandwidth {
    /// In hertz.
    pub const fn as_hertz(self) -> u64 {
        125_000 << self as u64
    }
}

/// The coding rate: data bits by bits on air.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum CodingRate {
    /// 4/5, as LoRaWAN has it.
    Cr45,
    /// 4/6.
    Cr46,
    /// 4/7.
    Cr47,
    /// 4/8.
    Cr48,
}

impl CodingRate {
    /// Check bits for each four data bits: 1 to 4.
    pub const fn check_bits(self) -> u64 {
        self as u64 + 1
    }
}

/// How a frame is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Modulation {
    /// The spreading factor.
    pub spreading: SpreadingFactor,
    /// The bandwidth.
    pub bandwidth: Bandwidth,
    /// The coding rate of the payload; the header's is 4/8.
    pub coding: CodingRate,
    /// Symbols of the preamble, before the 4.25 of synchronisation.
    pub preamble: u16,
    /// True: a header says length and coding.
    pub explicit_header: bool,
    /// True: a check of 16 bits ends the payload.
    pub crc: bool,
}

impl Modulation {
    /// An uplink of LoRaWAN: coding 4/5, eight preamble symbols, header and check.
    pub const fn uplink(spreading: SpreadingFactor, bandwidth: Bandwidth) -> Self {
        Self { spreading, bandwidth, coding: CodingRate::Cr45, preamble: 8, explicit_header: true, crc: true }
    }

    /// A downlink of LoRaWAN: as an uplink, without the check.
    pub const fn downlink(spreading: SpreadingFactor, bandwidth: Bandwidth) -> Self {
        Self { crc: false, ..Self::uplink(spreading, bandwidth) }
    }

    /// One symbol.
    pub const fn symbol(&self) -> Span {
        Span::from_nanos((1_000_000_000 << self.spreading.bits()) / self.bandwidth.as_hertz())
    }

    /// True if low data rates are optimised: where a symbol takes 16 ms or more, which depends on the bandwidth, too.
    pub const fn low_rate(&self) -> bool {
        self.symbol().as_nanos() >= 16_000_000
    }

    /// Symbols behind the preamble of a frame whose physical payload has `bytes` bytes.
    pub const fn payload_symbols(&self, bytes: u64) -> u64 {
        let spreading = self.spreading.bits();
        let over = 8 * bytes + 28 + if self.crc { 16 } else { 0 };
        let under = 4 * spreading + if self.explicit_header { 0 } else { 20 };
        let per_block = 4 * (spreading - if self.low_rate() { 2 } else { 0 });
        8 + over.saturating_sub(under).div_ceil(per_block) * (self.coding.check_bits() + 4)
    }

    /// The time on air of a frame whose physical payload, LoRaWAN's header and integrity code in it, has `bytes` bytes; at most 255.
    pub const fn airtime(&self, bytes: u64) -> Span {
        // Quarter symbols: 4.25 symbols are 17.
        let quarters = 4 * self.preamble as u64 + 17 + 4 * self.payload_symbols(bytes);
        Span::from_nanos(quarters * (self.symbol().as_nanos() / 4))
    }

    /// The time of the preamble and the synchronisation.
    pub const fn preamble_time(&self) -> Span {
        Span::from_nanos((4 * self.preamble as u64 + 17) * (self.symbol().as_nanos() / 4))
    }

    /// Bits in a second, in thousandths: SF BW / 2^SF 4 / (4 + CR), rounded down.
    pub const fn millibits_per_sec(&self) -> u64 {
        let chips = self.spreading.bits() * self.bandwidth.as_hertz() * 4_000;
        chips / ((4 + self.coding.check_bits()) << self.spreading.bits())
    }
}
