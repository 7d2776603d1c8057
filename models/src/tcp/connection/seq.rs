//! Sequence numbers (RFC 9293 §3.4): 32 bits on the wire, which wrap; offsets of 64 bits in here, which do not.

/// The sequence number of an offset in the stream that begins at `initial`.
pub(super) const fn wire(initial: u32, offset: u64) -> u32 {
    initial.wrapping_add(offset as u32)
}

/// How far a sequence number is ahead of that of an offset; negative if it is behind. Right within 2^31 either way.
pub(super) const fn ahead(initial: u32, offset: u64, number: u32) -> i64 {
    number.wrapping_sub(wire(initial, offset)).cast_signed() as i64
}

/// True if `a` is before `b`, as numbers that wrap: also for timestamps (RFC 7323 §5.2).
pub(super) const fn is_before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An initial number just below 2^32 (the sheet's T28): offset 4097 is at 0xffffff00 + 0x1001 = 0xf01.
    #[test]
    fn numbers_wrap_and_offsets_do_not() {
        let initial = 0xffff_ff00;
        assert_eq!(wire(initial, 4097), 0x0f01);
        assert_eq!(ahead(initial, 4097, 0x0f01), 0);
        assert_eq!(ahead(initial, 4097, initial), -4097);
        assert_eq!(ahead(initial, 100, 0x0f01), 3997);
        assert_eq!(ahead(initial, (5 << 32) + 7, wire(initial, 9)), 2);
        assert!(is_before(0xffff_ffff, 0) && is_before(3, 4) && !is_before(4, 4) && !is_before(0, 0xffff_ffff));
    }
}
