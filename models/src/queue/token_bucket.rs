//! When a packet may pass that must keep to a rate and a burst, in exact integers.

use crate::link::Mtu;
use protosim_core::time::NANOS_PER_SEC;
use protosim_core::{Rate, SimTime, Size, Span};
use serde::{Deserialize, Serialize};

/// Tokens for one byte.
const PER_BYTE: u128 = 8 * NANOS_PER_SEC as u128;

/// A shaper: packets wait until they conform to a rate and a burst.
///
/// ```ron
/// (rate: "1 Mbit/s", burst: "10 kB")
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShaperConfig {
    /// Bits of IP packets per second in the long run. Required.
    pub rate: Rate,
    /// Bytes that may pass at once after a silence; at least one MTU. Required.
    pub burst: Size,
}

impl ShaperConfig {
    /// Fields that let some packets never pass, or that change nothing on a link of `rate`: the field, and why.
    pub fn check(&self, mtu: Mtu, rate: Option<Rate>) -> Vec<(String, String)> {
        let mut found = Vec::new();
        if self.burst.as_bytes() < mtu.as_bytes() {
            let mtu = mtu.as_bytes();
            let why = format!("of {} is less than the MTU of {mtu} B: packets in between would never pass", self.burst);
            found.push(("burst".to_owned(), why));
        }
        if let Some(rate) = rate.filter(|rate| *rate <= self.rate) {
            let why = format!("of {} has no effect: the link itself sends {rate}", self.rate);
            found.push(("rate".to_owned(), why));
        }
        found
    }

    /// The bucket, full.
    pub fn bucket(&self) -> TokenBucket {
        TokenBucket::new(self.rate, self.burst)
    }
}

/// A token bucket.
///
/// The bucket holds at most `burst` bytes of tokens, fills at `rate` and starts full. A packet passes when there are
/// tokens for all of it, which it takes. So in any interval T at most burst + rate × T passes; a packet larger
/// than the burst never does ([`ShaperConfig::check`] refuses such a bucket).
///
/// Tokens are counted in units of 1/(8 × 10^9) byte: at R bit/s exactly R of them flow in each nanosecond, and no
/// rounding adds up. Only the instant is rounded, up to a nanosecond, so that the rate is never exceeded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenBucket {
    rate: u128,
    /// Most tokens that it holds.
    depth: u128,
    /// Tokens at `at`.
    tokens: u128,
    /// When something was last taken or changed.
    at: SimTime,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(rate: Rate, burst: Size) -> Self {
        // At most 2^64 * 2^33.
        let depth = u128::from(burst.as_bytes()) * PER_BYTE;
        Self { rate: u128::from(rate.as_bits_per_sec()), depth, tokens: depth, at: SimTime::ZERO }
    }

    /// True if a packet of `bytes` passes at some time, given tokens.
    pub fn holds(&self, bytes: u64) -> bool {
        u128::from(bytes) * PER_BYTE <= self.depth
    }

    /// When, from `now` on, `bytes` may pass; [`SimTime::MAX`] if never. A `now` before the last [`TokenBucket::take`]
    /// counts as that instant.
    pub fn earliest(&self, now: SimTime, bytes: u64) -> SimTime {
        if !self.holds(bytes) {
            return SimTime::MAX;
        }
        let now = now.max(self.at);
        let missing = (u128::from(bytes) * PER_BYTE).saturating_sub(self.tokens_at(now));
        let nanos = missing.div_ceil(self.rate);
        now.saturating_add(Span::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }

    /// Lets `bytes` pass at `at`, no earlier than [`TokenBucket::earliest`] says; if it is, the bucket is empty after.
    pub fn take(&mut self, at: SimTime, bytes: u64) {
        debug_assert!(self.earliest(at, bytes) <= at.max(self.at), "{bytes} B pass before their time");
        let at = at.max(self.at);
        self.tokens = self.tokens_at(at).saturating_sub(u128::from(bytes) * PER_BYTE);
        self.at = at;
    }

    /// Fills at `rate` from `now` on.
    pub fn set_rate(&mut self, now: SimTime, rate: Rate) {
        let now = now.max(self.at);
        self.tokens = self.tokens_at(now);
        (self.at, self.rate) = (now, u128::from(rate.as_bits_per_sec()));
    }

    /// Tokens at `now`, which is no earlier than `at`.
    fn tokens_at(&self, now: SimTime) -> u128 {
        // Two factors below 2^64; their sum with the tokens may pass 2^128, but the depth is the limit anyway.
        let flown_in = u128::from(now.saturating_since(self.at).as_nanos()) * self.rate;
        self.tokens.saturating_add(flown_in).min(self.depth)
    }
}
