//! Numbers that go round (RFC 1982), counted in 64 bits.

/// Whether `a` comes before `b` (RFC 1982 §3.2).
pub(super) const fn is_before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

/// The full number of `id`, where `near` is the full number of one that is at most 2³¹ away.
pub(super) const fn widen(id: u32, near: u64) -> u64 {
    let ahead = id.wrapping_sub(near as u32) as i32;
    near.wrapping_add_signed(ahead as i64)
}
