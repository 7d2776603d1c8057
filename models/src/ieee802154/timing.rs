//! How long things take on the 2.4 GHz O-QPSK PHY: 62,500 symbols/s, two symbols a byte (IEEE 802.15.4-2006 §6.5).
//!
//! The standard counts in symbols; so do the constants here. A symbol is 16 µs exactly, so all durations are exact.

use protosim_core::Span;

/// A number of symbols.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Symbols(pub u64);

impl Symbols {
    /// How long they take.
    pub const fn span(self) -> Span {
        Span::from_micros(self.0 * 16)
    }
}

/// One symbol: 16 µs.
pub const SYMBOL: Span = Symbols(1).span();
/// phySymbolsPerOctet.
pub const SYMBOLS_PER_BYTE: u64 = 2;
/// phySHRDuration: 4 bytes of preamble and the start-of-frame delimiter.
pub const SHR: Symbols = Symbols(5 * SYMBOLS_PER_BYTE);
/// What the PHY puts before a frame: preamble, delimiter and length \[bytes\].
pub const PHY_OVERHEAD: u64 = 6;
/// aMaxPHYPacketSize: the longest frame, check sequence included \[bytes\].
pub const MAX_PHY_PACKET_SIZE: usize = 127;
/// aUnitBackoffPeriod.
pub const UNIT_BACKOFF_PERIOD: Symbols = Symbols(20);
/// aTurnaroundTime: from receiving to sending, or back.
pub const TURNAROUND: Symbols = Symbols(12);
/// How long a clear channel assessment listens (§6.9.9).
pub const CCA: Symbols = Symbols(8);
/// macAckWaitDuration: a unit backoff, a turnaround, and the acknowledgement: its SHR, and its length and five bytes (§7.4.2).
pub const ACK_WAIT: Symbols =
    Symbols(UNIT_BACKOFF_PERIOD.0 + TURNAROUND.0 + SHR.0 + (1 + ACK_LEN as u64) * SYMBOLS_PER_BYTE);
/// macMinSIFSPeriod: the pause behind a short frame.
pub const SIFS: Symbols = Symbols(12);
/// macMinLIFSPeriod: the pause behind a long one.
pub const LIFS: Symbols = Symbols(40);
/// aMaxSIFSFrameSize: the longest frame that is a short one \[bytes, check sequence included\].
pub const MAX_SIFS_FRAME_SIZE: usize = 18;
/// Length of an acknowledgement: frame control, sequence number, check sequence \[bytes\].
pub const ACK_LEN: usize = 5;
/// aBaseSuperframeDuration.
pub const BASE_SUPERFRAME_DURATION: Symbols = Symbols(960);
/// macTransactionPersistenceTime without beacons: 0x01f4 base superframes, 7.68 s (§7.4.2).
pub const TRANSACTION_PERSISTENCE: Symbols = Symbols(0x01f4 * BASE_SUPERFRAME_DURATION.0);

/// How long a frame of `mpdu_len` bytes, check sequence included, is on the air: 32 µs a byte, with the PHY's six.
pub const fn air_time(mpdu_len: usize) -> Span {
    Symbols((PHY_OVERHEAD + mpdu_len as u64) * SYMBOLS_PER_BYTE).span()
}

/// The pause behind a frame of `mpdu_len` bytes, or behind its acknowledgement, before its sender sends again (§7.5.1.3).
pub const fn interframe_space(mpdu_len: usize) -> Span {
    if mpdu_len <= MAX_SIFS_FRAME_SIZE { SIFS.span() } else { LIFS.span() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_are_those_of_the_standard_in_microseconds() {
        // 16 µs a symbol.
        let table = [
            (SYMBOL, 16),
            (UNIT_BACKOFF_PERIOD.span(), 320),
            (CCA.span(), 128),
            (TURNAROUND.span(), 192),
            // 20 + 12 + 10 + 12 = 54 symbols.
            (ACK_WAIT.span(), 864),
            (SIFS.span(), 192),
            (LIFS.span(), 640),
            (BASE_SUPERFRAME_DURATION.span(), 15_360),
            (TRANSACTION_PERSISTENCE.span(), 7_680_000),
        ];
        for (span, micros) in table {
            assert_eq!(span, Span::from_micros(micros));
        }
    }

    #[test]
    fn a_frame_takes_32_microseconds_a_byte_with_six_in_front() {
        // (127 + 6) · 32 = 4256, (60 + 6) · 32 = 2112, (20 + 6) · 32 = 832, (5 + 6) · 32 = 352.
        for (len, micros) in [(127, 4256), (60, 2112), (20, 832), (ACK_LEN, 352)] {
            assert_eq!(air_time(len), Span::from_micros(micros), "{len} bytes");
        }
    }

    #[test]
    fn behind_18_bytes_the_pause_is_short_and_behind_19_long() {
        assert_eq!(interframe_space(18), Span::from_micros(192));
        assert_eq!(interframe_space(19), Span::from_micros(640));
    }
}
