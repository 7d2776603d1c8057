//! Acknowledgements of records (RFC 9147 §7).

use crate::tls::codes::AlertDescription;

/// The number of a record: of all epochs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RecordNumber {
    /// Which keys.
    pub epoch: u64,
    /// Its number in this epoch.
    pub sequence: u64,
}

/// Length of a number \[bytes\].
const NUMBER_BYTES: usize = 16;
/// Numbers that a list holds at most: its length has 16 bits.
pub const MOST_NUMBERS: usize = (u16::MAX as usize) / NUMBER_BYTES;

/// The body of an ACK record: the numbers of records that have come, in ascending order (§7).
pub fn encode_ack(numbers: &[RecordNumber]) -> Vec<u8> {
    let numbers = &numbers[..numbers.len().min(MOST_NUMBERS)];
    let mut out = Vec::with_capacity(2 + NUMBER_BYTES * numbers.len());
    out.extend_from_slice(&((NUMBER_BYTES * numbers.len()) as u16).to_be_bytes());
    for number in numbers {
        out.extend_from_slice(&number.epoch.to_be_bytes());
        out.extend_from_slice(&number.sequence.to_be_bytes());
    }
    out
}

/// Reads the body of an ACK record.
///
/// # Errors
/// `decode_error` where lengths do not fit.
pub fn decode_ack(body: &[u8]) -> Result<Vec<RecordNumber>, AlertDescription> {
    let (len, rest) = body.split_first_chunk::<2>().ok_or(AlertDescription::DECODE_ERROR)?;
    let (numbers, left) = rest.as_chunks::<NUMBER_BYTES>();
    if usize::from(u16::from_be_bytes(*len)) != rest.len() || !left.is_empty() {
        return Err(AlertDescription::DECODE_ERROR);
    }
    let part = |number: &[u8; NUMBER_BYTES], at: usize| {
        number[at..at + 8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    };
    Ok(numbers.iter().map(|number| RecordNumber { epoch: part(number, 0), sequence: part(number, 8) }).collect())
}
