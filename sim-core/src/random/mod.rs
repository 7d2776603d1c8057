//! Random streams: one per (seed, replication, entity path, purpose).
//!
//! A stream's key is a hash of those four, so adding a node or drawing more in one place leaves
//! every other stream as it was. Draws are one `u64` per packet and purpose, compared with a
//! threshold ([`Stream::chance`]): what is lost at 1 % is also lost at 2 % (common random numbers).
//! The generator is ChaCha8, whose output is fixed by its definition on every platform; the
//! distributions ([`Distribution`]) are ours, over that integer output and [`crate::maths`], because ready-made ones
//! change between versions and use platform maths.

mod chacha;
mod distribution;
mod normal;

pub use distribution::{Choice, Distribution, Empirical};
pub use normal::{normal_cdf, normal_quantile};

use crate::maths;
use crate::quantity::Ratio;
use crate::time::Span;
use sha2::{Digest, Sha256};

/// What a stream's draws decide, such as `"loss"` or `"coap.ack-timeout"`. One stream per purpose
/// keeps decisions independent of each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Purpose(pub &'static str);

/// The luck of one run: everything that separates its streams from those of other runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RunSeed {
    /// The user's seed.
    pub seed: u64,
    /// Which replication of the point this is, from 0.
    pub replication: u64,
}

impl RunSeed {
    /// The stream for `purpose` of the entity (or part of one) at `path`.
    ///
    /// `path` is the stream name of the entity: normally its path, or the name it had before it
    /// was renamed, so that renaming need not change its luck.
    pub fn stream(self, path: &str, purpose: Purpose) -> Stream {
        let mut hash = Sha256::new();
        // Lengths in front keep ("ab", "c") apart from ("a", "bc").
        hash.update(self.seed.to_le_bytes());
        hash.update(self.replication.to_le_bytes());
        hash.update((path.len() as u64).to_le_bytes());
        hash.update(path.as_bytes());
        hash.update(purpose.0.as_bytes());
        Stream::new(hash.finalize().into())
    }
}

/// Draws that a stream has at hand: one block of ChaCha, 64 bytes.
const BLOCK: usize = 8;

/// A named stream of random numbers. It holds its key and the block that it draws from: a world has many streams from which little is
/// drawn, and a generator that makes four blocks at once is three times as large.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    key: [u8; 32],
    /// How many draws were taken.
    drawn: u64,
    /// The block of the last draw, once there was one.
    block: [u64; BLOCK],
}

impl Stream {
    fn new(key: [u8; 32]) -> Self {
        Self { key, drawn: 0, block: [0; BLOCK] }
    }

    /// The next 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let index = self.drawn as usize % BLOCK;
        if index == 0 {
            self.refill();
        }
        self.drawn += 1;
        self.block[index]
    }

    #[inline(never)]
    fn refill(&mut self) {
        self.block = chacha::block(&self.key, self.drawn / BLOCK as u64);
    }

    /// True with probability `p`, from one draw. For `p <= q`, whatever comes true at `p` also
    /// comes true at `q` with the same draw.
    #[inline]
    pub fn chance(&mut self, p: Ratio) -> bool {
        p.covers(self.next_u64())
    }

    /// A uniform number in [0, 1) with 53 random bits, from one draw.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// A uniform number in the open interval 0 to 1, from one draw: the middle of one of 2^52 equal parts, so that
    /// quantile functions stay finite at both ends.
    #[inline]
    pub fn uniform_open(&mut self) -> f64 {
        ((self.next_u64() >> 12) as f64 + 0.5) * (1.0 / (1_u64 << 52) as f64)
    }

    /// A uniform integer in [0, n), from one draw by multiply-and-shift (bias below n / 2^64).
    /// Zero when `n` is zero.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// A span uniform in [`low`, `high`], both ends possible, from one draw. `low` if `high` is
    /// not the longer one.
    pub fn span_between(&mut self, low: Span, high: Span) -> Span {
        let width = high.saturating_sub(low).as_nanos();
        low + Span::from_nanos(self.below(width.saturating_add(1)))
    }

    /// An exponentially distributed number with mean 1, from one draw, by inversion.
    pub fn exponential(&mut self) -> f64 {
        // uniform() < 1, so the logarithm is finite.
        -maths::ln_1p(-self.uniform())
    }
}

/// The streams of one entity: made when first drawn from, a few bytes while cold.
#[derive(Clone, Debug)]
pub struct Streams {
    seed: RunSeed,
    name: Box<str>,
    /// A few, in the order in which they were first drawn from.
    made: Vec<(Purpose, Box<Stream>)>,
}

impl Streams {
    /// Streams for the entity with the stream name `name`; none is made yet.
    pub fn new(seed: RunSeed, name: &str) -> Self {
        Self { seed, name: name.into(), made: Vec::new() }
    }

    /// Streams for the part `part` of this entity; none is made yet.
    pub fn child(&self, part: &str) -> Self {
        Self::new(self.seed, &format!("{}/{part}", self.name))
    }

    /// The stream for `purpose`.
    pub fn get(&mut self, purpose: Purpose) -> &mut Stream {
        let Self { seed, name, made } = self;
        let index = made.iter().position(|(known, _)| *known == purpose).unwrap_or_else(|| {
            made.reserve_exact(1);
            made.push((purpose, Box::new(seed.stream(name, purpose))));
            made.len() - 1
        });
        &mut made[index].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    const RUN: RunSeed = RunSeed { seed: 1, replication: 0 };
    const LOSS: Purpose = Purpose("loss");

    fn draws(mut stream: Stream) -> Vec<u64> {
        (0..4).map(|_| stream.next_u64()).collect()
    }

    #[test]
    fn each_part_of_the_name_gives_another_stream() {
        let base = draws(RUN.stream("a", LOSS));
        assert_eq!(base, draws(RUN.stream("a", LOSS)));
        assert_ne!(base, draws(RUN.stream("b", LOSS)));
        assert_ne!(base, draws(RUN.stream("a", Purpose("jitter"))));
        assert_ne!(base, draws(RunSeed { seed: 2, ..RUN }.stream("a", LOSS)));
        assert_ne!(base, draws(RunSeed { replication: 1, ..RUN }.stream("a", LOSS)));
        assert_ne!(draws(RUN.stream("ab", Purpose("c"))), draws(RUN.stream("a", Purpose("bc"))));
    }

    /// Block after block, a stream is what another implementation of ChaCha8 gives for the same key.
    #[test]
    fn a_stream_is_its_generators_output() {
        let key = std::array::from_fn(|index| 7 * index as u8);
        let (mut stream, mut generator) = (Stream::new(key), ChaCha8Rng::from_seed(key));
        for draw in 0..100 {
            assert_eq!(stream.next_u64(), generator.next_u64(), "draw {draw}");
        }
        // Where the counter of blocks leaves 32 bits: at 8 draws to a block, and 16 words to one there.
        let last = (1_u64 << 32) - 1;
        generator.set_word_pos(u128::from(last) * 16);
        for block in [last, last + 1] {
            assert_eq!(chacha::block(&key, block), std::array::from_fn(|_| generator.next_u64()), "block {block}");
        }
    }

    #[test]
    fn streams_of_an_entity_do_not_depend_on_the_order_of_first_use() {
        let mut one = Streams::new(RUN, "node");
        let mut two = Streams::new(RUN, "node");
        let (a, b) = (one.get(LOSS).next_u64(), one.get(Purpose("x")).next_u64());
        let (d, c) = (two.get(Purpose("x")).next_u64(), two.get(LOSS).next_u64());
        assert_eq!((a, b), (c, d));
    }

    #[test]
    fn what_happens_at_one_percent_also_happens_at_two() {
        let (mut one, mut two) = (RUN.stream("l", LOSS), RUN.stream("l", LOSS));
        let mut only_two = 0;
        for _ in 0..100_000 {
            let (lost_1, lost_2) = (one.chance(Ratio::from_percent(1)), two.chance(Ratio::from_percent(2)));
            assert!(lost_2 || !lost_1);
            only_two += u32::from(lost_2 && !lost_1);
        }
        // Binomial(100000, 0.01): mean 1000, standard deviation 31.5; five of them either way.
        assert!((843..=1157).contains(&only_two), "{only_two}");
    }

    /// Exponential(1): mean 1, variance 1. 10^5 draws: standard error 0.00316; five of them.
    #[test]
    fn exponential_has_mean_one() {
        let mut stream = RUN.stream("e", Purpose("exp"));
        let mean = (0..100_000).map(|_| stream.exponential()).sum::<f64>() / 1e5;
        assert!((mean - 1.0).abs() < 0.016, "{mean}");
    }

    #[test]
    fn spans_between_reach_both_ends_and_no_further() {
        let mut stream = RUN.stream("s", Purpose("span"));
        let seen: std::collections::BTreeSet<u64> =
            (0..200).map(|_| stream.span_between(Span::from_nanos(5), Span::from_nanos(7)).as_nanos()).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [5, 6, 7]);
        assert_eq!(stream.span_between(Span::from_nanos(5), Span::from_nanos(2)), Span::from_nanos(5));
    }
}
