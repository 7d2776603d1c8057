//! The token bucket: check L2, its envelope, and that it is never off by a nanosecond.

use super::*;
use crate::link::Mtu;
use proptest::prelude::*;
use protosim_core::{Rate, Size};

fn bucket(rate: &str, burst: u64) -> TokenBucket {
    TokenBucket::new(rate.parse().unwrap(), Size::from_bytes(burst))
}

/// Check L2: 1 Mbit/s and 10 kB; of 20 packets of 1000 B at once, ten pass at 0, the 11th at 8 ms, the 20th at 80 ms.
#[test]
fn a_burst_passes_and_the_rest_at_the_rate() {
    let mut bucket = bucket("1 Mbit/s", 10_000);
    let mut passed = Vec::new();
    for _ in 0..20 {
        let earliest = bucket.earliest(passed.last().copied().unwrap_or(at(0)), 1000);
        bucket.take(earliest, 1000);
        passed.push(earliest);
    }
    let expected: Vec<SimTime> = (1..=20_u64).map(|i| at(i.saturating_sub(10) * 8 * MS)).collect();
    assert_eq!(passed, expected);
}

/// 3 bit/s: a byte each 8/3 s, rounded up to a nanosecond. What flows in until the nanosecond ends is kept, so that
/// roundings do not add up: 2.666666667, 5.333333334 and exactly 8 s. The bucket holds 2 B, and nothing is lost at its rim.
#[test]
fn rounding_does_not_add_up() {
    let mut bucket = bucket("3 bit/s", 2);
    bucket.take(at(0), 2);
    let mut now = at(0);
    for expected in [2_666_666_667, 5_333_333_334, 8_000_000_000, 10_666_666_667, 13_333_333_334, 16_000_000_000] {
        now = bucket.earliest(now, 1);
        bucket.take(now, 1);
        assert_eq!(now, at(expected));
    }
}

#[test]
fn what_is_larger_than_the_burst_never_passes() {
    let bucket = bucket("1 Mbit/s", 1499);
    assert!(!bucket.holds(1500) && bucket.holds(1499));
    assert_eq!(bucket.earliest(at(5), 1500), SimTime::MAX);
    let config = ShaperConfig { rate: "1 Mbit/s".parse().unwrap(), burst: Size::from_bytes(1499) };
    let found = config.check(Mtu::default(), None);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, "burst");
    let enough = ShaperConfig { burst: Size::from_bytes(1500), ..config };
    assert_eq!(enough.check(Mtu::default(), "2 Mbit/s".parse().ok()), []);
    assert_eq!(enough.check(Mtu::default(), "1 Mbit/s".parse().ok())[0].0, "rate");
}

/// 1000 B missing at 1 Mbit/s would take 8 ms; after 4 ms half is there, and the rest takes 2 ms at twice the rate.
#[test]
fn a_change_of_rate_keeps_what_has_flowed_in() {
    let mut bucket = bucket("1 Mbit/s", 10_000);
    bucket.take(at(0), 10_000);
    bucket.set_rate(at(4 * MS), "2 Mbit/s".parse().unwrap());
    assert_eq!(bucket.earliest(at(4 * MS), 1000), at(6 * MS));
}

proptest! {
    /// In any interval from one packet to another, at most burst + rate · T passes; and each packet passes at the first
    /// nanosecond at which it may: one earlier there are too few tokens, in exact integers.
    #[test]
    fn nothing_beyond_the_envelope(
        rate in 1_u64..20_000_000_000,
        burst in 1500_u64..100_000,
        packets in prop::collection::vec((0_u64..5_000_000, 40_u64..=1500), 1..60),
    ) {
        let mut bucket = TokenBucket::new(Rate::from_bits_per_sec(rate).unwrap(), Size::from_bytes(burst));
        let mut passed: Vec<(u64, u64)> = Vec::new();
        let mut now = at(0);
        for (gap, len) in packets {
            now = now.saturating_add(Span::from_nanos(gap));
            let earliest = bucket.earliest(now, len);
            prop_assert!(earliest >= now);
            if earliest > now {
                let before = at(earliest.as_nanos() - 1);
                prop_assert_eq!(bucket.earliest(before, len), earliest);
            }
            bucket.take(earliest, len);
            passed.push((earliest.as_nanos(), len));
            now = earliest;
        }
        for first in 0..passed.len() {
            let mut bytes = 0_u128;
            for (time, len) in &passed[first..] {
                bytes += u128::from(*len);
                let nanos = u128::from(time - passed[first].0);
                // bytes <= burst + rate T / 8, times 8 * 10^9.
                prop_assert!(bytes * 8_000_000_000 <= u128::from(burst) * 8_000_000_000 + u128::from(rate) * nanos);
            }
        }
    }
}
