//! The region EU868 (LoRaWAN Regional Parameters RP002 §2.4; duty cycles of sub-bands by ETSI EN 300 220-2, annex B).

use super::airtime::{Bandwidth, Modulation, SpreadingFactor};
use protosim_core::{Ratio, Span};

/// A data rate of EU868: DR0 is the slowest, DR6 the fastest with LoRa.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DataRate(u8);

impl DataRate {
    /// DR`index`; `None` above DR6. DR7 is FSK.
    pub const fn new(index: u8) -> Option<Self> {
        if index <= 6 { Some(Self(index)) } else { None }
    }

    /// Its number.
    pub const fn index(self) -> u8 {
        self.0
    }

    const fn shape(self) -> (SpreadingFactor, Bandwidth) {
        let spreading = SpreadingFactor::ALL[5_usize.saturating_sub(self.0 as usize)];
        (spreading, if self.0 == 6 { Bandwidth::Khz250 } else { Bandwidth::Khz125 })
    }

    /// How an uplink is sent.
    pub const fn uplink(self) -> Modulation {
        let (spreading, bandwidth) = self.shape();
        Modulation::uplink(spreading, bandwidth)
    }

    /// How a downlink is sent.
    pub const fn downlink(self) -> Modulation {
        let (spreading, bandwidth) = self.shape();
        Modulation::downlink(spreading, bandwidth)
    }

    /// The most bytes of application payload in a frame without options that a repeater may pass on: 51, 115 or 222. Where there is surely
    /// none, the fastest rates allow 242.
    pub const fn max_payload(self) -> u64 {
        match self.0 {
            0..=2 => 51,
            3 => 115,
            _ => 222,
        }
    }

    /// The data rate of the first window behind an uplink with this one.
    pub const fn first_window(self, offset: u8) -> Self {
        Self(self.0.saturating_sub(offset))
    }
}

/// A part of the band with a duty cycle of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SubBand {
    /// Its name in ETSI EN 300 220-2, annex B.
    pub name: &'static str,
    /// Its lowest frequency, in hertz.
    pub from: u32,
    /// The end of it, in hertz; not in it.
    pub to: u32,
    /// The share of time in which one device may send.
    pub duty_cycle: Ratio,
    /// The highest power, in hundredths of dBm effective radiated.
    pub power_centi_dbm: i32,
}

/// Sub-bands in order of frequency. Regulators change them; these are those that LoRaWAN stacks use.
pub const SUB_BANDS: [SubBand; 6] = [
    SubBand { name: "K", from: 863_000_000, to: 865_000_000, duty_cycle: ONE_PER_MILLE, power_centi_dbm: 1_400 },
    SubBand {
        name: "L",
        from: 865_000_000,
        to: 868_000_000,
        duty_cycle: Ratio::from_percent(1),
        power_centi_dbm: 1_400,
    },
    SubBand {
        name: "M",
        from: 868_000_000,
        to: 868_600_000,
        duty_cycle: Ratio::from_percent(1),
        power_centi_dbm: 1_400,
    },
    SubBand { name: "N", from: 868_700_000, to: 869_200_000, duty_cycle: ONE_PER_MILLE, power_centi_dbm: 1_400 },
    SubBand {
        name: "P",
        from: 869_400_000,
        to: 869_650_000,
        duty_cycle: Ratio::from_percent(10),
        power_centi_dbm: 2_700,
    },
    SubBand {
        name: "Q",
        from: 869_700_000,
        to: 870_000_000,
        duty_cycle: Ratio::from_percent(1),
        power_centi_dbm: 1_400,
    },
];

const ONE_PER_MILLE: Ratio = match Ratio::from_parts(1_000_000_000_000_000) {
    Some(ratio) => ratio,
    None => Ratio::ZERO,
};

/// Which sub-band a frequency, that of a channel's middle, is in; `None` if one may not send there.
pub fn sub_band(hertz: u32) -> Option<usize> {
    SUB_BANDS.iter().position(|band| (band.from..band.to).contains(&hertz))
}

/// The three channels that every device has, in hertz.
pub const JOIN_CHANNELS: [u32; 3] = [868_100_000, 868_300_000, 868_500_000];

/// The channel of the second window, in hertz.
pub const SECOND_WINDOW_CHANNEL: u32 = 869_525_000;

/// The data rate of the second window: DR0.
pub const SECOND_WINDOW_RATE: DataRate = DataRate(0);

/// From the end of an uplink to the first window: RECEIVE_DELAY1. The second one is a second later.
pub const RECEIVE_DELAY: Span = Span::from_secs(1);

/// From the end of a join request to the first window: JOIN_ACCEPT_DELAY1.
pub const JOIN_ACCEPT_DELAY: Span = Span::from_secs(5);
