//! What all tests of DTLS share.

/// Bytes written in hexadecimal, with spaces where they help.
pub(in crate::dtls) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}
