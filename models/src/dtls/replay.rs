//! Which records of an epoch have come already (RFC 6347 §4.1.2.6, RFC 4303 §3.4.3).

/// How far behind the highest number one may come \[records\].
pub const WINDOW: u64 = 64;

/// The numbers of the last [`WINDOW`] records.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Replay {
    /// One more than the highest number that has come.
    next: u64,
    /// Bit i: number `next` - 1 - i has come.
    seen: u64,
}

impl Replay {
    /// True if this number has not come, and is not too old to tell.
    pub const fn is_new(&self, number: u64) -> bool {
        if number >= self.next {
            return true;
        }
        let behind = self.next - 1 - number;
        behind < WINDOW && self.seen >> behind & 1 == 0
    }

    /// A record with this number has come, and is the peer's.
    pub const fn mark(&mut self, number: u64) {
        if number >= self.next {
            let by = number - self.next + 1;
            self.seen = if by >= WINDOW { 0 } else { self.seen << by };
            self.seen |= 1;
            self.next = number + 1;
        } else {
            let behind = self.next - 1 - number;
            if behind < WINDOW {
                self.seen |= 1 << behind;
            }
        }
    }

    /// One more than the highest number so far.
    pub const fn next(&self) -> u64 {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_too_old_is_taken_for_a_copy() {
        let mut replay = Replay::default();
        replay.mark(100);
        // 64 numbers, 37 to 100, are told apart.
        assert!(!replay.is_new(100) && replay.is_new(37) && !replay.is_new(36) && replay.is_new(101));
        replay.mark(37);
        assert!(!replay.is_new(37));
        replay.mark(1000);
        assert!(!replay.is_new(100) && replay.is_new(999));
    }

    proptest! {
        #[test]
        fn no_number_is_new_twice_and_recent_ones_are_once(numbers in prop::collection::vec(0_u64..200, 1..100)) {
            let mut replay = Replay::default();
            let mut seen = std::collections::BTreeSet::new();
            for number in numbers {
                let highest = seen.last().copied().unwrap_or(0);
                prop_assert_eq!(replay.is_new(number), !seen.contains(&number) && number + WINDOW > highest);
                if replay.is_new(number) {
                    replay.mark(number);
                    seen.insert(number);
                }
            }
        }
    }
}
