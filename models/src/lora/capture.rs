//! Which of several overlapping transmissions a receiver gets.
//!
//! Two transmissions matter to each other if they share a channel and some time on air. For each such other one, a receiver needs the wanted one
//! to be so much stronger; it is compared with each singly, in integers. Where one falls short, the transmission is lost.
//!
//! | rule | same spreading factor | another one |
//! |---|---|---|
//! | [`Interference::ALOHA`] | both are lost | no matter: orthogonal |
//! | [`Interference::CAPTURE`] | 6 dB stronger survives | no matter: orthogonal |
//! | [`Interference::GOURSAUD`] | 6 dB stronger survives | survives unless 16 to 36 dB weaker |
//! | [`Interference::CROCE`] | 1 dB stronger survives | survives unless 8 to 25 dB weaker |
//!
//! # What is not modelled, and what that does to results
//! - Interferers do not add up: three of equal strength are as one. With many, losses are a little higher in truth.
//! - When they overlap: a receiver that has synchronised is harder to disturb, and one that has locked to a weaker frame may miss a
//!   stronger one (Bor et al., Do LoRa Low-Power Wide-Area Networks Scale?, MSWiM 2016). Both are left out.

use super::airtime::SpreadingFactor;
use protosim_core::{SimTime, Span};

/// A transmission as it is at one receiver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transmission {
    /// Its first bit.
    pub start: SimTime,
    /// Its time on air; its end is not in it.
    pub airtime: Span,
    /// Its channel, in hertz.
    pub channel: u32,
    /// Its spreading factor.
    pub spreading: SpreadingFactor,
    /// How strong it is there, in hundredths of dBm.
    pub power_centi_dbm: i32,
}

impl Transmission {
    fn end(&self) -> SimTime {
        self.start.saturating_add(self.airtime)
    }
}

/// How much stronger than another one a transmission must be, by the spreading factors of both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interference {
    /// Of the wanted (row) and the other one (column), in hundredths of dB; none: no matter how strong it is.
    needed: [[Needed; 6]; 6],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Needed {
    /// Any other one destroys it.
    Silence,
    /// So many hundredths of dB, negative for weaker.
    Above(i32),
    /// Others do not matter.
    Nothing,
}

const fn orthogonal(same: Needed) -> Interference {
    let mut needed = [[Needed::Nothing; 6]; 6];
    let mut i = 0;
    while i < 6 {
        needed[i][i] = same;
        i += 1;
    }
    Interference { needed }
}

const fn of_db(db: [[i32; 6]; 6]) -> Interference {
    let mut needed = [[Needed::Nothing; 6]; 6];
    let (mut i, mut j) = (0, 0);
    while i < 6 {
        while j < 6 {
            needed[i][j] = Needed::Above(db[i][j] * 100);
            j += 1;
        }
        (i, j) = (i + 1, 0);
    }
    Interference { needed }
}

impl Interference {
    /// Overlapping transmissions of one spreading factor are lost; spreading factors are orthogonal.
    pub const ALOHA: Self = orthogonal(Needed::Silence);

    /// Of one spreading factor, one that is at least 6 dB stronger survives; spreading factors are orthogonal.
    pub const CAPTURE: Self = orthogonal(Needed::Above(600));

    /// Isolation after Goursaud and Gorce, Dedicated networks for IoT: PHY / MAC state of the art and challenges (2015), as ns-3's LoRaWAN module has
    /// it.
    pub const GOURSAUD: Self = of_db([
        [6, -16, -18, -19, -19, -20],
        [-24, 6, -20, -22, -22, -22],
        [-27, -27, 6, -23, -25, -25],
        [-30, -30, -30, 6, -26, -28],
        [-33, -33, -33, -33, 6, -29],
        [-36, -36, -36, -36, -36, 6],
    ]);

    /// Isolation as measured by Croce et al., Impact of LoRa Imperfect Orthogonality: Analysis of Link-Level Performance (IEEE Communications
    /// Letters 2018).
    pub const CROCE: Self = of_db([
        [1, -8, -9, -9, -9, -9],
        [-11, 1, -11, -12, -13, -13],
        [-15, -13, 1, -13, -14, -15],
        [-19, -18, -17, 1, -17, -18],
        [-22, -22, -21, -20, 1, -20],
        [-25, -25, -25, -24, -23, 1],
    ]);

    /// True if `wanted` is received beside `other`.
    pub fn survives(&self, wanted: &Transmission, other: &Transmission) -> bool {
        let overlap = wanted.start < other.end() && other.start < wanted.end();
        if wanted.channel != other.channel || !overlap {
            return true;
        }
        match self.needed[wanted.spreading as usize][other.spreading as usize] {
            Needed::Silence => false,
            Needed::Nothing => true,
            Needed::Above(centi_db) => {
                i64::from(wanted.power_centi_dbm) - i64::from(other.power_centi_dbm) >= i64::from(centi_db)
            }
        }
    }

    /// Of each transmission, in their order, whether it is received. Work grows with the number of overlapping pairs.
    pub fn received(&self, all: &[Transmission]) -> Vec<bool> {
        let mut by_start: Vec<usize> = (0..all.len()).collect();
        by_start.sort_by_key(|i| (all[*i].start, *i));
        let mut received = vec![true; all.len()];
        for (place, i) in by_start.iter().enumerate() {
            for j in &by_start[place + 1..] {
                if all[*j].start >= all[*i].end() {
                    break;
                }
                received[*i] &= self.survives(&all[*i], &all[*j]);
                received[*j] &= self.survives(&all[*j], &all[*i]);
            }
        }
        received
    }
}
