//! Timers of 3GPP TS 24.008 as they are on the wire: GPRS timers 2 and 3 (§10.5.7.4, §10.5.7.4a), and the extended DRX parameters
//! (§10.5.5.32; cycles that are not of a radio, from memory), in the information elements of ATTACH ACCEPT and TRACKING AREA UPDATE ACCEPT
//! (3GPP TS 24.301 §8.2.1, §8.2.26).

use protosim_core::Span;

/// What a timer's octet says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timer {
    /// It does not run.
    Deactivated,
    /// It runs so long.
    Runs(Span),
}

const DEACTIVATED: u8 = 0b111;
/// A timer's value has five bits.
const MOST: u64 = 31;

/// Units of GPRS timer 3 by their length: code, seconds.
const UNITS_3: [(u8, u64); 7] = [(3, 2), (4, 30), (5, 60), (0, 600), (1, 3_600), (2, 36_000), (6, 1_152_000)];
/// Units of GPRS timer 2 by their length: code, seconds.
const UNITS_2: [(u8, u64); 3] = [(0, 2), (1, 60), (2, 360)];

/// Reads GPRS timer 3, as of T3412 extended.
pub fn decode_timer3(octet: u8) -> Timer {
    decode(octet, &UNITS_3)
}

/// Reads GPRS timer 2, as of T3324. Units that the standard leaves open are minutes.
pub fn decode_timer2(octet: u8) -> Timer {
    decode(octet, &UNITS_2)
}

/// Writes GPRS timer 3 in the finest unit that reaches so far; `None` if no unit has just that time.
pub fn encode_timer3(timer: Timer) -> Option<u8> {
    encode(timer, &UNITS_3)
}

/// Writes GPRS timer 2 in the finest unit that reaches so far; `None` if no unit has just that time.
pub fn encode_timer2(timer: Timer) -> Option<u8> {
    encode(timer, &UNITS_2)
}

/// The shortest time that GPRS timer 3 can say and that is not below `span`: what a network gives to a device that asks for it. `None`
/// above 413 days.
pub fn round_up_timer3(span: Span) -> Option<Span> {
    round_up(span, &UNITS_3)
}

/// The shortest time that GPRS timer 2 can say and that is not below `span`. `None` above 186 minutes.
pub fn round_up_timer2(span: Span) -> Option<Span> {
    round_up(span, &UNITS_2)
}

/// The time of GPRS timer 3 that is next to `span`, a shorter one if two are.
pub fn nearest_timer3(span: Span) -> Span {
    nearest(span, &UNITS_3)
}

/// The time of GPRS timer 2 that is next to `span`, a shorter one if two are.
pub fn nearest_timer2(span: Span) -> Span {
    nearest(span, &UNITS_2)
}

fn nearest(span: Span, units: &[(u8, u64)]) -> Span {
    let all = units.iter().flat_map(|(_, secs)| (0..=MOST).map(|value| Span::from_secs(*secs) * value));
    all.min_by_key(|time| (time.as_nanos().abs_diff(span.as_nanos()), *time)).unwrap_or_default()
}

fn decode(octet: u8, units: &[(u8, u64)]) -> Timer {
    let (unit, value) = (octet >> 5, u64::from(octet & 0x1f));
    if unit == DEACTIVATED {
        return Timer::Deactivated;
    }
    let secs = units.iter().find(|(code, _)| *code == unit).map_or(60, |(_, secs)| *secs);
    Timer::Runs(Span::from_secs(value * secs))
}

fn encode(timer: Timer, units: &[(u8, u64)]) -> Option<u8> {
    let Timer::Runs(span) = timer else { return Some(DEACTIVATED << 5) };
    let fits = |(code, secs): &(u8, u64)| {
        let unit = Span::from_secs(*secs).as_nanos();
        let value = span.as_nanos() / unit;
        (span.as_nanos().is_multiple_of(unit) && value <= MOST).then_some(code << 5 | value as u8)
    };
    units.iter().find_map(fits)
}

fn round_up(span: Span, units: &[(u8, u64)]) -> Option<Span> {
    let up = |(_, secs): &(u8, u64)| {
        let unit = Span::from_secs(*secs);
        let value = span.as_nanos().div_ceil(unit.as_nanos());
        (value <= MOST).then(|| unit * value)
    };
    units.iter().filter_map(up).min()
}

/// The radio that a device has: values of eDRX and paging time windows differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub enum Rat {
    /// NB-IoT (NB-S1 mode).
    NbIot,
    /// LTE-M (WB-S1 mode).
    LteM,
}

/// eDRX cycles in hundredths of a second, by their four bits.
const CYCLES: [u64; 16] = [
    512, 1_024, 2_048, 4_096, 6_144, 8_192, 10_240, 12_288, 14_336, 16_384, 32_768, 65_536, 131_072, 262_144, 524_288,
    1_048_576,
];

/// Extended DRX in idle mode: the device is pageable in a window of each cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExtendedDrx {
    /// How often a window comes.
    pub cycle: Span,
    /// The paging time window.
    pub window: Span,
}

fn is_cycle(rat: Rat, bits: u8) -> bool {
    match rat {
        // The last two are for NB-IoT only.
        Rat::LteM => bits <= 13,
        Rat::NbIot => matches!(bits, 2 | 3 | 5 | 9..=15),
    }
}

impl ExtendedDrx {
    /// A paging time window is 1 to 16 times this.
    pub fn window_unit(rat: Rat) -> Span {
        match rat {
            Rat::NbIot => Span::from_millis(2_560),
            Rat::LteM => Span::from_millis(1_280),
        }
    }

    /// All cycles of that radio, in ascending order.
    pub fn cycles(rat: Rat) -> impl Iterator<Item = Span> {
        (0..16_u8)
            .filter(move |bits| is_cycle(rat, *bits))
            .map(|bits| Span::from_millis(CYCLES[usize::from(bits)] * 10))
    }

    /// Reads the octet: the window in bits 8 to 5, the cycle in bits 4 to 1. `None` for a cycle that is not of that radio; it is
    /// then as if the parameters had not come. A window is no longer than its cycle, and the shortest one with a cycle of 5.12 s,
    /// which has none.
    pub fn decode(rat: Rat, octet: u8) -> Option<Self> {
        let (window, bits) = (octet >> 4, octet & 0x0f);
        let cycle = Span::from_millis(CYCLES[usize::from(bits)] * 10);
        // 5.12 s have no window: the device is paged as with a DRX cycle of 512 frames (3GPP TS 36.304 §7.3).
        let windows = if bits == 0 { 1 } else { u64::from(window) + 1 };
        is_cycle(rat, bits).then(|| Self { cycle, window: (Self::window_unit(rat) * windows).min(cycle) })
    }

    /// The octet; `None` if cycle or window cannot be said for that radio.
    pub fn encode(&self, rat: Rat) -> Option<u8> {
        let all = (0..16_u8).filter(|bits| is_cycle(rat, *bits));
        let bits = all.into_iter().find(|bits| Span::from_millis(CYCLES[usize::from(*bits)] * 10) == self.cycle)?;
        let unit = Self::window_unit(rat).as_nanos();
        let windows = self.window.as_nanos() / unit;
        let is_whole = self.window.as_nanos().is_multiple_of(unit) && (1..=16).contains(&windows);
        is_whole.then_some((windows as u8).wrapping_sub(1) << 4 | bits)
    }
}

/// Information elements of sleep: type, length and value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SleepElements {
    /// T3412 extended: how often a device that sleeps must update its tracking area.
    pub t3412_extended: Option<u8>,
    /// T3324: how long it stays pageable after a release, before PSM.
    pub t3324: Option<u8>,
    /// Extended DRX parameters.
    pub extended_drx: Option<u8>,
}

const T3412_EXTENDED: u8 = 0x5e;
const T3324: u8 = 0x6a;
const EXTENDED_DRX: u8 = 0x6e;

/// Octets behind the type of elements of both messages that have one without a length (format TV, 3GPP TS 24.301 tables 8.2.1.1 and
/// 8.2.26.1): T3412, T3402, T3423 and EMM cause; location area identification.
const WITHOUT_LENGTH: [(u8, usize); 5] = [(0x5a, 1), (0x17, 1), (0x59, 1), (0x53, 1), (0x13, 5)];

/// The value of an element of that type at the front of `rest`, and what follows it; `None` if it is cut off.
fn split_element(kind: u8, rest: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some((_, len)) = WITHOUT_LENGTH.iter().find(|(known, _)| *known == kind) {
        return rest.split_at_checked(*len);
    }
    match (kind, rest) {
        // One octet in all.
        (0x80.., rest) => Some((&[], rest)),
        // A length of two octets.
        (0x78..=0x7f, [high, low, rest @ ..]) => rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low]))),
        (0x78..=0x7f, _) => None,
        (_, [len, rest @ ..]) => rest.split_at_checked(usize::from(*len)),
        (_, []) => None,
    }
}

impl SleepElements {
    /// The elements in the order of the message, three octets each.
    pub fn encode(&self) -> Vec<u8> {
        let all = [(T3412_EXTENDED, self.t3412_extended), (T3324, self.t3324), (EXTENDED_DRX, self.extended_drx)];
        all.into_iter().flat_map(|(kind, value)| value.map(|value| [kind, 1, value]).into_iter().flatten()).collect()
    }

    /// Reads the elements among others, of each the first that is whole. Types of 0x80 and more have one octet, 0x78 to 0x7f a length of
    /// two, others a length of one (3GPP TS 24.007 §11.2.4), but for those that these messages have without.
    pub fn decode(mut bytes: &[u8]) -> Self {
        let mut found = Self::default();
        while let [kind, rest @ ..] = bytes {
            let Some((value, rest)) = split_element(*kind, rest) else { break };
            let place = match *kind {
                T3412_EXTENDED => Some(&mut found.t3412_extended),
                T3324 => Some(&mut found.t3324),
                EXTENDED_DRX => Some(&mut found.extended_drx),
                _ => None,
            };
            if let (Some(place @ None), [value]) = (place, value) {
                *place = Some(*value);
            }
            bytes = rest;
        }
        found
    }
}
