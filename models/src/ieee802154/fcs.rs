//! The frame check sequence: CRC-16 of ITU-T (IEEE 802.15.4-2006 §7.2.1.9).

/// Length of the frame check sequence in bytes.
pub const FCS_LEN: usize = 2;

/// x^16 + x^12 + x^5 + 1 with the lowest power first, as bits are sent.
const POLYNOMIAL: u16 = 0x8408;

/// What each byte does to the remainder.
const TABLE: [u16; 256] = table();

const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut remainder = byte as u16;
        let mut bit = 0;
        while bit < 8 {
            remainder = if remainder & 1 == 1 { remainder >> 1 ^ POLYNOMIAL } else { remainder >> 1 };
            bit += 1;
        }
        table[byte] = remainder;
        byte += 1;
    }
    table
}

/// The check sequence over `bytes`; it is sent with its low byte first. The remainder starts at zero and is not inverted.
pub fn fcs(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |remainder, byte| remainder >> 8 ^ TABLE[usize::from(remainder as u8 ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogued_check_value_of_this_crc_is_2189() {
        // "CRC-16/KERMIT", width 16, polynomial 1021 reflected, initial 0, no final inversion: check 2189.
        assert_eq!(fcs(b"123456789"), 0x2189);
    }

    #[test]
    fn the_acknowledgement_of_the_standard_has_e4_79() {
        // IEEE 802.15.4-2006 §7.2.1.9, the example: header 0100 0000 0000 0000 0101 0110, lowest bit first, has the check sequence
        // 0010 0111 1001 1110, lowest bit first. That is 02 00 6a and e4 79.
        assert_eq!(fcs(&[0x02, 0x00, 0x6a]).to_le_bytes(), [0xe4, 0x79]);
    }

    #[test]
    fn over_a_frame_with_its_check_sequence_the_remainder_is_zero() {
        assert_eq!(fcs(&[0x02, 0x00, 0x6a, 0xe4, 0x79]), 0);
    }
}
