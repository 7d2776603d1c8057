//! The limit on ICMP errors (RFC 1812 §4.3.2.8, RFC 4443 §2.4(f)).

use protosim_core::SimTime;
use protosim_core::time::NANOS_PER_SEC;

/// A token bucket that is full at first and fills without steps. Linux's is of the same size and rate, but fills in steps of 20
/// ms, by a share that it draws.
#[derive(Clone, Copy, Debug)]
pub(super) struct ErrorLimit {
    per_second: u64,
    burst: u64,
    /// When the bucket will be full, in units of 1/`per_second` of a nanosecond: so it is a whole number.
    full_at: u128,
}

impl ErrorLimit {
    pub(super) fn new(per_second: u64, burst: u64) -> Self {
        Self { per_second, burst, full_at: 0 }
    }

    /// Takes a token, if there is one.
    pub(super) fn allows(&mut self, now: SimTime) -> bool {
        let now = u128::from(now.as_nanos()) * u128::from(self.per_second);
        let token = u128::from(NANOS_PER_SEC);
        let full_at = self.full_at.max(now) + token;
        let has_token = full_at - now <= u128::from(self.burst) * token;
        if has_token {
            self.full_at = full_at;
        }
        has_token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10 a second and 3 at once: three at 0, then one each 100 ms, and after a rest of 250 ms two, since 2.5 tokens have come.
    #[test]
    fn a_burst_then_the_rate() {
        let mut limit = ErrorLimit::new(10, 3);
        let mut at = |ms: u64, asked: u64| {
            let now = SimTime::from_nanos(ms * 1_000_000);
            (0..asked).filter(|_| limit.allows(now)).count()
        };
        assert_eq!([at(0, 5), at(99, 5), at(100, 5), at(199, 5), at(200, 1), at(450, 5)], [3, 0, 1, 0, 1, 2]);
        assert_eq!([at(499, 1), at(500, 2)], [0, 1]);
        assert_eq!(at(10_000, 9), 3);
    }

    /// 3 a second: a token takes 333 333 333.3 ns, which is rounded nowhere: the third is there at 1 s exactly.
    #[test]
    fn rates_that_do_not_divide_a_second_are_exact() {
        let mut limit = ErrorLimit::new(3, 1);
        let mut at = |nanos: u64| limit.allows(SimTime::from_nanos(nanos));
        assert!(at(0));
        assert_eq!([at(333_333_333), at(333_333_334)], [false, true]);
        // Its bucket holds one: what came in before 333 333 334 ns was no more, and the next is a third of a second away.
        assert_eq!([at(666_666_667), at(666_666_668)], [false, true]);
    }
}
