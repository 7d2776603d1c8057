//! Times of IEEE 802.11: frames, gaps and slots.

use crate::energy::wifi::{dsss_airtime, ofdm_airtime};
use protosim_core::Span;

/// Rates of DSSS and CCK in the 2.4 GHz band in kbit/s (§15, §16).
const DSSS: [u64; 4] = [1_000, 2_000, 5_500, 11_000];
/// Rates of OFDM in 20 MHz in Mbit/s (§17).
const OFDM: [u64; 8] = [6, 9, 12, 18, 24, 36, 48, 54];
/// Basic rates, in which acknowledgements are sent (§10.6.6.5): those of OFDM that are mandatory, and 1 and 2 Mbit/s of DSSS, as is usual.
const MANDATORY_DSSS: [u64; 2] = [1_000, 2_000];
const MANDATORY_OFDM: [u64; 3] = [6, 12, 24];

/// A frame of ACK, with its check sequence (§9.3.1.4).
pub(super) const ACK: u64 = 14;
/// A PS-Poll (§9.3.1.5).
const PS_POLL: u64 = 20;
/// A beacon with its usual elements: our choice.
const BEACON: u64 = 200;

/// A physical layer with the rate of data frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phy {
    /// In kbit/s.
    Dsss(u64),
    /// In Mbit/s.
    Ofdm(u64),
}

impl Phy {
    /// That of so many bits per second; `None` if there is none.
    pub(super) fn of(bits_per_sec: u64) -> Option<Self> {
        let is = |unit: u64, rate: u64| rate * unit == bits_per_sec;
        let dsss = DSSS.into_iter().find(|rate| is(1_000, *rate)).map(Self::Dsss);
        dsss.or_else(|| OFDM.into_iter().find(|rate| is(1_000_000, *rate)).map(Self::Ofdm))
    }

    /// The rate that is next to so many bits per second, for messages.
    pub(super) fn nearest(bits_per_sec: u64) -> u64 {
        let all = DSSS.into_iter().map(|rate| rate * 1_000).chain(OFDM.into_iter().map(|rate| rate * 1_000_000));
        all.min_by_key(|rate| rate.abs_diff(bits_per_sec)).unwrap_or_default()
    }

    /// aCWmin.
    pub(super) fn cw_min(self) -> u32 {
        match self {
            Self::Dsss(_) => 31,
            Self::Ofdm(_) => 15,
        }
    }

    pub(super) fn sifs(self) -> Span {
        match self {
            Self::Dsss(_) => Span::from_micros(10),
            Self::Ofdm(_) => Span::from_micros(16),
        }
    }

    pub(super) fn slot(self) -> Span {
        match self {
            Self::Dsss(_) => Span::from_micros(20),
            Self::Ofdm(_) => Span::from_micros(9),
        }
    }

    /// SIFS and two slots (§10.3.7).
    pub(super) fn difs(self) -> Span {
        self.sifs() + self.slot() * 2
    }

    /// SIFS and a slot.
    pub(super) fn pifs(self) -> Span {
        self.sifs() + self.slot()
    }

    /// A data frame of `bytes`, check sequence included.
    pub(super) fn data(self, bytes: u64) -> Span {
        match self {
            Self::Dsss(rate) => dsss_airtime(bytes, rate),
            Self::Ofdm(rate) => ofdm_airtime(bytes, rate),
        }
    }

    /// An acknowledgement: the fastest basic rate that is not above that of data.
    pub(super) fn ack(self) -> Span {
        match self {
            Self::Dsss(rate) => {
                dsss_airtime(ACK, MANDATORY_DSSS.into_iter().rfind(|own| *own <= rate).unwrap_or(1_000))
            }
            Self::Ofdm(rate) => ofdm_airtime(ACK, MANDATORY_OFDM.into_iter().rfind(|own| *own <= rate).unwrap_or(6)),
        }
    }

    /// What all can hear: the slowest mandatory rate.
    pub(super) fn slowest(self, bytes: u64) -> Span {
        match self {
            Self::Dsss(_) => dsss_airtime(bytes, MANDATORY_DSSS[0]),
            Self::Ofdm(_) => ofdm_airtime(bytes, MANDATORY_OFDM[0]),
        }
    }

    pub(super) fn ps_poll(self) -> Span {
        self.slowest(PS_POLL)
    }

    pub(super) fn beacon(self) -> Span {
        self.slowest(BEACON)
    }
}
