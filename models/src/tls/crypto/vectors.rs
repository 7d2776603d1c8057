//! RFC 8448, byte for byte: the key schedule and every protected record of §3, the pre-shared key, binder and early keys
//! of §4.

/// Bytes from hexadecimal.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16).expect("a digit") as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
