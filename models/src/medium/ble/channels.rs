//! Which channel an event is on (Vol 6 Part B §4.5.8).

use super::config::DATA_CHANNELS;
use protosim_core::Stream;
use serde::{Deserialize, Serialize};

/// How the channel of an event is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Hopping {
    /// Algorithm #1: each event is some channels further, 5 to 16, drawn for a connection (§4.5.8.2).
    Algorithm1,
    /// Algorithm #2, of version 5.0: a pseudo-random channel from the access address and the number of the event (§4.5.8.3).
    #[default]
    Algorithm2,
}

/// What a connection's channels follow from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Hops {
    /// The increment.
    Increment(u8),
    /// The channel identifier: both halves of the access address, XORed.
    Identifier(u16),
}

impl Hops {
    /// Those of a new connection.
    pub(super) fn draw(hopping: Hopping, luck: &mut Stream) -> Self {
        match hopping {
            Hopping::Algorithm1 => Self::Increment(5 + luck.below(12) as u8),
            Hopping::Algorithm2 => Self::of_address(luck.below(1 << 32) as u32),
        }
    }

    pub(super) const fn of_address(access: u32) -> Self {
        Self::Identifier((access >> 16) as u16 ^ access as u16)
    }

    /// The channel of an event, of those that are used.
    pub(super) fn channel(self, event: u64, used: &[u8]) -> u8 {
        let (unmapped, index) = match self {
            // The channel before the first event counts as 0.
            Self::Increment(hop) => {
                let unmapped = ((event + 1) * u64::from(hop) % u64::from(DATA_CHANNELS)) as usize;
                (unmapped, unmapped % used.len().max(1))
            }
            Self::Identifier(id) => {
                let random = pseudo_random(event as u16, id);
                let index = used.len() * usize::from(random) >> 16;
                (usize::from(random % u16::from(DATA_CHANNELS)), index)
            }
        };
        let is_used = used.binary_search(&(unmapped as u8)).is_ok();
        if is_used { unmapped as u8 } else { used.get(index).copied().unwrap_or_default() }
    }
}

/// prn_e of §4.5.8.3.2: three rounds of a permutation of the bits of each byte, and of 17 times it plus the identifier.
fn pseudo_random(counter: u16, id: u16) -> u16 {
    let permute = |word: u16| {
        let [high, low] = word.to_be_bytes();
        u16::from_be_bytes([high.reverse_bits(), low.reverse_bits()])
    };
    let round = |word: u16, _| permute(word).wrapping_mul(17).wrapping_add(id);
    (0..3).fold(counter ^ id, round) ^ id
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Core Specification, Vol 6 Part C §3: access address 0x8E89BED6. All channels: events 0 to 3; then of nine channels 9, 10, 21 to 23, 33 to 36: events 6 to 8, of which
    /// the second and third have channels 14 and 17, which are not used: 9 × 5490 / 65536 = 0 and 9 × 46970 / 65536 = 6.
    #[test]
    fn algorithm_2_has_the_samples_of_the_standard() {
        let hops = Hops::of_address(0x8e89_bed6);
        let Hops::Identifier(id) = hops else { panic!("{hops:?}") };
        assert_eq!(id, 0x305f);
        assert_eq!([0, 1, 2, 3].map(|event| pseudo_random(event, id)), [56_857, 1_685, 38_301, 27_475]);
        let all: Vec<u8> = (0..37).collect();
        assert_eq!([0, 1, 2, 3].map(|event| hops.channel(event, &all)), [25, 20, 6, 21]);
        assert_eq!([6, 7, 8].map(|event| pseudo_random(event, id)), [10_975, 5_490, 46_970]);
        let nine = [9, 10, 21, 22, 23, 33, 34, 35, 36];
        assert_eq!([6, 7, 8].map(|event| hops.channel(event, &nine)), [23, 9, 34]);
        assert_eq!(hops.channel(65_536 + 7, &nine), 9, "the counter has 16 bits");
    }

    /// Seven channels further each time: 7, 14, 21, 28, 35, and 42 mod 37 = 5. Without 28 and 35: the 28 mod 35 = 28th of those left, from 0 on, is 29 (28 is gone before it), and the 35 mod 35 = 0th
    /// is 0. All 37 come in 37 events, as 37 is a prime.
    #[test]
    fn algorithm_1_goes_on_by_its_increment() {
        let hops = Hops::Increment(7);
        let all: Vec<u8> = (0..37).collect();
        let run = |used: &[u8]| (0..6).map(|event| hops.channel(event, used)).collect::<Vec<_>>();
        assert_eq!(run(&all), [7, 14, 21, 28, 35, 5]);
        let less: Vec<u8> = (0..37).filter(|channel| ![28, 35].contains(channel)).collect();
        assert_eq!(run(&less), [7, 14, 21, 29, 0, 5]);
        let mut seen: Vec<u8> = (0..37).map(|event| hops.channel(event, &all)).collect();
        seen.sort_unstable();
        assert_eq!(seen, all);
    }
}
