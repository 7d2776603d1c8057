use super::airtime::{Bandwidth, CodingRate, Modulation, SpreadingFactor};
use super::capture::{Interference, Transmission};
use super::class_a::{ClassA, WindowChoice};
use super::duty::{DutyLedger, DutyRule, NotAllowed, off_time};
use super::region::{DataRate, SUB_BANDS, sub_band};
use super::{aloha, region};
use proptest::prelude::*;
use protosim_core::{Purpose, Ratio, RunSeed, SimTime, Span, Stream, maths};

fn up(spreading: SpreadingFactor, bytes: u64) -> u64 {
    Modulation::uplink(spreading, Bandwidth::Khz125).airtime(bytes).as_nanos()
}

/// SF7, 13 B: ceil((104 - 28 + 28 + 16) / 28) = 5 blocks of 5 symbols, 8 + 25 = 33, + 12.25 = 45.25 symbols of 1.024 ms: 46.336 ms. 20 B: 7
/// blocks, 55.25, 56.576 ms. 51 B: 16 blocks, 100.25, 102.656 ms. 242 B: 70 blocks, 370.25, 379.136 ms.
#[test]
fn airtime_of_the_fastest() {
    use SpreadingFactor::Sf7;
    assert_eq!([13, 20, 51, 242].map(|bytes| up(Sf7, bytes)), [46_336_000, 56_576_000, 102_656_000, 379_136_000]);
}

/// SF9, 20 B: (160 - 36 + 44) / 36, 5 blocks: 45.25 × 4.096 = 185.344 ms. SF10: (160 - 40 + 44) / 40, 5 blocks: 45.25 × 8.192 = 370.688
/// ms. SF12, low rate: 13 B (104 - 48 + 44) / 40, 3 blocks: 35.25 × 32.768 = 1155.072 ms; 20 B: 4 blocks, 40.25: 1318.912 ms; 51 B: 11
/// blocks, 75.25: 2465.792 ms.
#[test]
fn airtime_of_slower_ones() {
    use SpreadingFactor::{Sf9, Sf10, Sf12};
    assert_eq!((up(Sf9, 20), up(Sf10, 20)), (185_344_000, 370_688_000));
    assert_eq!([13, 20, 51].map(|bytes| up(Sf12, bytes)), [1_155_072_000, 1_318_912_000, 2_465_792_000]);
    // With 10 B: SF7 41.216, SF9 144.384, SF12 991.232 ms.
    assert_eq!([SpreadingFactor::Sf7, Sf9, Sf12].map(|sf| up(sf, 10)), [41_216_000, 144_384_000, 991_232_000]);
}

/// SF7 with 250 kHz, 20 B: 55.25 × 0.512 = 28.288 ms. SF12 with 500 kHz, coding 4/8, 20 B: symbols of 8.192 ms, so no low rate: (160 - 48 +
/// 44) / 48, 4 blocks of 8: 8 + 32 + 12.25 = 52.25 symbols, 428.032 ms.
#[test]
fn airtime_in_other_bandwidths() {
    assert_eq!(Modulation::uplink(SpreadingFactor::Sf7, Bandwidth::Khz250).airtime(20).as_nanos(), 28_288_000);
    let slow = Modulation { coding: CodingRate::Cr48, ..Modulation::uplink(SpreadingFactor::Sf12, Bandwidth::Khz500) };
    assert_eq!(slow.airtime(20).as_nanos(), 428_032_000);
    // Low rates are a matter of the symbol: 2^12 / 250 kHz = 16.384 ms is one, 2^11 / 250 kHz is none, 2^11 / 125 kHz is.
    use SpreadingFactor::{Sf10, Sf11, Sf12};
    let low = |spreading, bandwidth| Modulation::uplink(spreading, bandwidth).low_rate();
    assert!(low(Sf12, Bandwidth::Khz250) && low(Sf11, Bandwidth::Khz125));
    assert!(!low(Sf11, Bandwidth::Khz250) && !low(Sf12, Bandwidth::Khz500) && !low(Sf10, Bandwidth::Khz125));
}

/// A downlink has no check: SF7, 20 B: (160 - 28 + 28) / 28, 6 blocks, 8 + 30 + 12.25 = 50.25 × 1.024 = 51.456 ms. Without a header either,
/// 140 / 28, 5 blocks: 46.336 ms. A frame of nothing with SF12 and no header: 28 - 48 - 20 is below none, so 8 symbols: 20.25 × 32.768 =
/// 663.552 ms.
#[test]
fn airtime_without_check_or_header() {
    let down = Modulation::downlink(SpreadingFactor::Sf7, Bandwidth::Khz125);
    assert_eq!(down.airtime(20).as_nanos(), 51_456_000);
    let bare = Modulation { explicit_header: false, ..down };
    assert_eq!(bare.airtime(20).as_nanos(), 46_336_000);
    let slow = Modulation { explicit_header: false, ..Modulation::downlink(SpreadingFactor::Sf12, Bandwidth::Khz125) };
    assert_eq!(slow.airtime(0).as_nanos(), 663_552_000);
    assert_eq!(slow.preamble_time().as_nanos(), 401_408_000, "12.25 × 32.768 ms");
}

/// SF BW / 2^SF 4/5: SF7 5468.75, SF12 292.96875 bit/s, and SF7 with 250 kHz 10937.5 bit/s.
#[test]
fn bit_rates() {
    let rate = |index| DataRate::new(index).unwrap().uplink().millibits_per_sec();
    assert_eq!((rate(5), rate(0), rate(6)), (5_468_750, 292_968, 10_937_500));
}

#[test]
fn data_rates_of_eu868() {
    let spreading: Vec<u64> = (0..7).map(|i| DataRate::new(i).unwrap().uplink().spreading.bits()).collect();
    assert_eq!(spreading, [12, 11, 10, 9, 8, 7, 7]);
    assert_eq!(DataRate::new(7), None);
    let payload: Vec<u64> = (0..7).map(|i| DataRate::new(i).unwrap().max_payload()).collect();
    assert_eq!(payload, [51, 51, 51, 115, 222, 222, 222]);
    // Offset 3 behind DR5 is DR2, behind DR1 DR0.
    let first = |rate, offset| DataRate::new(rate).unwrap().first_window(offset).index();
    assert_eq!((first(5, 3), first(1, 3), first(4, 0)), (2, 0, 4));
    let names = |hertz| sub_band(hertz).map(|i| SUB_BANDS[i].name);
    assert_eq!(region::JOIN_CHANNELS.map(names), [Some("M"); 3]);
    assert_eq!([867_100_000, 868_650_000, 869_525_000, 868_600_000].map(names), [Some("L"), None, Some("P"), None]);
    // 863 to 865 MHz: one per mille of the time.
    assert_eq!(
        [862_999_999, 863_000_000, 864_999_999, 865_000_000].map(names),
        [None, Some("K"), Some("K"), Some("L")]
    );
    assert_eq!(SUB_BANDS[0].duty_cycle, "0.1 %".parse().unwrap());
    assert!(!region::SECOND_WINDOW_RATE.downlink().crc);
}

/// SF12 with 20 B takes 1318.912 ms: at 1 % the next may be sent 99 × 1318.912 = 130572.288 ms after its end. In another sub-band at once;
/// at 0.1 %, 999 times as long.
#[test]
fn off_times_follow_the_duty_cycle() {
    let airtime = Span::from_nanos(1_318_912_000);
    assert_eq!(off_time(airtime, Ratio::from_percent(1)), Span::from_micros(130_572_288));
    assert_eq!(off_time(Span::from_nanos(1), Ratio::from_percent(3)), Span::from_nanos(33), "32.33, rounded up");
    assert_eq!(off_time(airtime, Ratio::ZERO), Span::MAX);
    let mut ledger = DutyLedger::new(DutyRule::OffTime);
    ledger.send(SimTime::ZERO, 868_100_000, airtime).unwrap();
    let free = SimTime::ZERO + Span::from_micros(1_318_912 + 130_572_288);
    assert_eq!(ledger.earliest(SimTime::ZERO, 868_500_000, airtime), Ok(free), "the same sub-band");
    assert_eq!(ledger.earliest(SimTime::ZERO, 867_100_000, airtime), Ok(SimTime::ZERO));
    let early = SimTime::from_nanos(free.as_nanos() - 1);
    assert_eq!(ledger.send(early, 868_300_000, airtime), Err(NotAllowed::TooEarly(free)));
    assert_eq!(ledger.used(868_300_000), airtime, "nothing was noted");
    ledger.send(free, 868_300_000, airtime).unwrap();
    assert_eq!(ledger.send(free, 868_650_000, airtime), Err(NotAllowed::Frequency(868_650_000)));
    ledger.send(free, 868_800_000, airtime).unwrap();
    let per_mille = free + airtime + Span::from_nanos(1_318_912_000 * 999);
    assert_eq!(ledger.earliest(free, 868_800_000, airtime), Ok(per_mille));
}

/// 1 % of an hour are 36 s. Nine frames of 4 s in a row use them up; the tenth may end at the earliest when the window has lost the first:
/// it begins 3600 s - 4 s after 4 s, that is at 3600 s, and the next one 4 s later.
#[test]
fn a_window_allows_bursts() {
    let mut ledger = DutyLedger::new(DutyRule::Window(Span::from_secs(3_600)));
    let (four, at) = (Span::from_secs(4), |s| SimTime::ZERO + Span::from_secs(s));
    for i in 0..9 {
        assert_eq!(ledger.earliest(at(4 * i), 868_100_000, four), Ok(at(4 * i)));
        ledger.send(at(4 * i), 868_100_000, four).unwrap();
    }
    assert_eq!(ledger.earliest(at(36), 868_100_000, four), Ok(at(3_600)));
    // One of 2 s fits as soon as 2 s of the first are out: it ends 3600 s after 2 s.
    assert_eq!(ledger.earliest(at(36), 868_100_000, Span::from_secs(2)), Ok(at(3_600)));
    ledger.send(at(3_600), 868_100_000, four).unwrap();
    assert_eq!(ledger.earliest(at(3_604), 868_100_000, four), Ok(at(3_604)));
    let allowed = Span::from_secs(36);
    let airtime = Span::from_secs(37);
    assert_eq!(ledger.earliest(at(0), 868_100_000, airtime), Err(NotAllowed::TooLong { airtime, allowed }));
}

/// Behind an uplink that ends at 10 s: RX1 at 11 s with SF7, open for 8 symbols, 8.192 ms; RX2 at 12 s with SF12, 262.144 ms. 20 ppm of one
/// and two seconds widen them by 20 and 40 us at both ends.
#[test]
fn windows_of_class_a() {
    let class = ClassA {
        delay: region::RECEIVE_DELAY,
        first: Modulation::downlink(SpreadingFactor::Sf7, Bandwidth::Khz125),
        second: region::SECOND_WINDOW_RATE.downlink(),
        symbols: 8,
        clock_ppm: 20,
    };
    let end = SimTime::ZERO + Span::from_secs(10);
    let [first, second] = class.windows(end);
    let micros = |us| SimTime::ZERO + Span::from_micros(us);
    assert_eq!(
        (first.opens, first.downlink, first.closes),
        (micros(10_999_980), micros(11_000_000), micros(11_008_212))
    );
    assert_eq!(
        (second.opens, second.downlink, second.closes),
        (micros(11_999_960), micros(12_000_000), micros(12_262_184))
    );
    // Without a downlink both are listened through; a frame of 20 B in RX1 (51.456 ms) ends all; in RX2 (SF12 without check: (160 - 48 +
    // 28) / 40, 4 blocks, 40.25 symbols, 1318.912 ms) RX1 was in vain.
    let none = class.receive(end, None);
    assert_eq!(
        (none.listened, none.received, none.done),
        (Span::from_micros(8_232 + 262_224), Span::ZERO, second.closes)
    );
    let early = class.receive(end, Some((WindowChoice::First, 20)));
    assert_eq!(
        (early.listened, early.received, early.done),
        (Span::from_micros(20), Span::from_micros(51_456), micros(11_051_456))
    );
    let late = class.receive(end, Some((WindowChoice::Second, 20)));
    assert_eq!((late.listened, late.received), (Span::from_micros(8_232 + 40), Span::from_micros(1_318_912)));
    assert_eq!(late.done, micros(13_318_912));
    assert_eq!(ClassA { delay: region::JOIN_ACCEPT_DELAY, ..class }.windows(end)[1].downlink, micros(16_000_000));
}

/// 40 symbols of SF12 are 1310.72 ms: the receiver leaves RX1, which opened at 11 s, for RX2, which opens at 12 s and stays open for as long. With
/// nothing in either it listens from 11 s to 13.31072 s.
#[test]
fn one_receiver_has_both_windows() {
    let slow = region::SECOND_WINDOW_RATE.downlink();
    let class = ClassA { delay: region::RECEIVE_DELAY, first: slow, second: slow, symbols: 40, clock_ppm: 0 };
    let nothing = class.receive(SimTime::ZERO + Span::from_secs(10), None);
    assert_eq!(nothing.listened, Span::from_micros(2_310_720));
    // 12 s + 1.31072 s, without what is counted twice.
    assert_eq!(nothing.done, SimTime::ZERO + Span::from_micros(13_310_720));
    // Clocks beyond all reason open both at once, and none for less than nothing.
    let wild = ClassA { clock_ppm: u32::MAX, ..class }.windows(SimTime::ZERO);
    assert!(wild.iter().all(|window| window.opens <= window.closes));
}

fn sent(start: u64, airtime: u64, spreading: SpreadingFactor, dbm: i32) -> Transmission {
    Transmission {
        start: SimTime::from_nanos(start),
        airtime: Span::from_nanos(airtime),
        channel: 868_100_000,
        spreading,
        power_centi_dbm: dbm * 100,
    }
}

#[test]
fn the_stronger_one_survives_if_there_is_capture() {
    use SpreadingFactor::Sf7;
    let (weak, strong) = (sent(0, 100, Sf7, -106), sent(99, 100, Sf7, -100));
    assert_eq!(Interference::ALOHA.received(&[weak, strong]), [false, false]);
    assert_eq!(Interference::CAPTURE.received(&[weak, strong]), [false, true], "6 dB are enough");
    let less = Transmission { power_centi_dbm: -10_001, ..strong };
    assert_eq!(Interference::CAPTURE.received(&[weak, less]), [false, false], "5.99 dB are not");
    // The end of one is not in it: a frame right behind it does not matter. Neither does another channel.
    assert_eq!(Interference::ALOHA.received(&[weak, sent(100, 100, Sf7, -100)]), [true, true]);
    let elsewhere = Transmission { channel: 868_300_000, ..strong };
    assert_eq!(Interference::ALOHA.received(&[weak, elsewhere]), [true, true]);
    // A strong one between two that do not meet each other destroys both.
    let all = [sent(0, 100, Sf7, -120), sent(50, 100, Sf7, -80), sent(120, 100, Sf7, -120)];
    assert_eq!(Interference::CAPTURE.received(&all), [false, true, false]);
}

/// Goursaud and Gorce: SF7 beside SF12 needs no less than -20 dB, SF12 beside SF7 -36 dB. Croce et al.: -9 and -25 dB, and 1 dB for the same.
#[test]
fn spreading_factors_are_orthogonal_or_nearly() {
    use SpreadingFactor::{Sf7, Sf12};
    let both = |rule: Interference, fast: i32, slow: i32| {
        let all = rule.received(&[sent(0, 100, Sf7, fast), sent(50, 1_000, Sf12, slow)]);
        (all[0], all[1])
    };
    assert_eq!(both(Interference::CAPTURE, -130, -40), (true, true));
    assert_eq!(both(Interference::GOURSAUD, -120, -100), (true, true));
    assert_eq!(both(Interference::GOURSAUD, -121, -100), (false, true));
    assert_eq!(both(Interference::GOURSAUD, -64, -100), (true, true));
    assert_eq!(both(Interference::GOURSAUD, -63, -100), (true, false));
    assert_eq!(both(Interference::CROCE, -109, -100), (true, true));
    assert_eq!(both(Interference::CROCE, -110, -100), (false, true));
    assert_eq!(both(Interference::CROCE, -74, -100), (true, false));
    let same = [sent(0, 100, Sf7, -99), sent(0, 100, Sf7, -100)];
    assert_eq!(Interference::CROCE.received(&same), [true, false]);
    assert_eq!(
        SpreadingFactor::ALL.map(SpreadingFactor::needed_snr_centi_db),
        [-750, -1_000, -1_250, -1_500, -1_750, -2_000]
    );
}

/// The frame of interest starts here, and takes so long.
const TIME: u64 = 1_000_000_000;

fn poisson(stream: &mut Stream, load: f64) -> Vec<u64> {
    // Arrivals from two frames before the start of the frame of interest until two frames behind it.
    let (mut at, mut all) = (0.0, Vec::new());
    loop {
        at += stream.exponential() / load;
        if at >= 4.0 {
            return all;
        }
        all.push(maths::round_to_u64(at * TIME as f64));
    }
}

/// Monte Carlo of ALOHA: trials are independent, each has one frame of interest among Poisson arrivals. Ten points, which hold together
/// with 99.9 %: each may be off by 3.89 standard deviations of its binomial share (two sides of 10^-4). Seeds are fixed. At a load of 1/2
/// unslotted ALOHA delivers e^-1.
#[test]
fn aloha_has_its_closed_forms() {
    let trials = 20_000;
    let run = RunSeed { seed: 11, replication: 0 };
    for (i, load) in [0.05, 0.2, 0.5, 1.0, 2.0].into_iter().enumerate() {
        for slotted in [false, true] {
            let mut stream = run.stream(&format!("aloha/{i}/{slotted}"), Purpose("test.arrivals"));
            let mut received = 0;
            for _ in 0..trials {
                let arrivals = poisson(&mut stream, load);
                // In slots, each waits for the next slot's start.
                let start = |at: u64| if slotted { at.div_ceil(TIME) * TIME } else { at };
                let mut all = vec![sent(2 * TIME, TIME, SpreadingFactor::Sf9, -100)];
                all.extend(arrivals.into_iter().map(|at| sent(start(at), TIME, SpreadingFactor::Sf9, -100)));
                received += u32::from(Interference::ALOHA.received(&all)[0]);
            }
            let expected = if slotted { aloha::slotted(load) } else { aloha::unslotted(load) };
            let share = f64::from(received) / f64::from(trials);
            let deviation = (expected * (1.0 - expected) / f64::from(trials)).sqrt();
            assert!((share - expected).abs() < 3.89 * deviation, "{load} {slotted}: {share}, expected {expected}");
        }
    }
    assert!((aloha::unslotted(0.5) - maths::exp(-1.0)).abs() < 1e-15);
}

/// Two classes on one spreading factor: a frame of 1 s meets frames of 1 s that start within 2 s, and frames of 3 s that start within 4 s:
/// with 0.1 and 0.05 a second, e^-(0.2 + 0.2). And a device among 1000 of a period of 1000 s: (1 - 2/1000)^1000 = 0.1351, near e^-2 =
/// 0.1353.
#[test]
fn aloha_of_other_shapes() {
    let mixed = aloha::unslotted_mixed(1.0, &[(0.1, 1.0), (0.05, 3.0)]);
    assert!((mixed - maths::exp(-0.4)).abs() < 1e-15);
    assert!((aloha::periodic(1.0, 1_000.0, 1_000) - 0.135_065).abs() < 1e-5);
    assert_eq!(aloha::periodic(1.0, 1.5, 3), 0.0);
}

proptest! {
    /// Against the definition, pair by pair.
    #[test]
    fn what_is_received_is_what_the_definition_says(
        all in prop::collection::vec((0_u64..2_000, 1_u64..300, 0_usize..6, -130_i32..-60, 0_u32..2), 0..25),
        rule in 0_usize..4,
    ) {
        let rule = [Interference::ALOHA, Interference::CAPTURE, Interference::GOURSAUD, Interference::CROCE][rule];
        let all: Vec<Transmission> = all
            .into_iter()
            .map(|(start, airtime, sf, dbm, channel)| Transmission { channel, ..sent(start, airtime, SpreadingFactor::ALL[sf], dbm) })
            .collect();
        let expected: Vec<bool> = all.iter().enumerate().map(|(i, wanted)| {
            all.iter().enumerate().all(|(j, other)| i == j || rule.survives(wanted, other))
        }).collect();
        prop_assert_eq!(rule.received(&all), expected);
    }

    /// Under the window rule no window has more than its share, and none of the frames could have started a nanosecond earlier without breaking it.
    #[test]
    fn no_window_has_more_than_its_share(steps in prop::collection::vec((0_u64..400, 1_u64..200), 1..80)) {
        // 1 % of 20000: 200.
        let window = 20_000_u64;
        let mut ledger = DutyLedger::new(DutyRule::Window(Span::from_nanos(window)));
        let (mut now, mut all) = (0_u64, Vec::<(u64, u64)>::new());
        let within = |all: &[(u64, u64)], end: u64| -> u64 {
            let from = end.saturating_sub(window);
            all.iter().map(|(start, stop)| (*stop).min(end).saturating_sub((*start).max(from))).sum()
        };
        for (wait, airtime) in steps {
            now += wait;
            let start = ledger.earliest(SimTime::from_nanos(now), 868_100_000, Span::from_nanos(airtime)).unwrap().as_nanos();
            ledger.send(SimTime::from_nanos(start), 868_100_000, Span::from_nanos(airtime)).unwrap();
            let busy_until = all.last().map_or(0, |(_, stop)| *stop);
            if start > now && start > busy_until {
                let mut earlier = all.clone();
                earlier.push((start - 1, start - 1 + airtime));
                prop_assert!(within(&earlier, start - 1 + airtime) > window / 100);
            }
            all.push((start, start + airtime));
            now = start;
        }
        for (_, stop) in &all {
            prop_assert!(within(&all, *stop) <= window / 100);
        }
    }

    /// Off-times keep the share of any busy period: T / (T + off) is at most d, and a nanosecond less would be more.
    #[test]
    fn off_times_are_the_shortest_that_keep_the_share(airtime in 1_u64..3_000_000_000, percent in 1_u64..100) {
        let off = off_time(Span::from_nanos(airtime), Ratio::from_percent(percent)).as_nanos();
        prop_assert!(u128::from(airtime) * 100 <= u128::from(percent) * u128::from(airtime + off));
        prop_assert!(off == 0 || u128::from(airtime) * 100 > u128::from(percent) * u128::from(airtime + off - 1));
    }

    /// More bytes, a slower factor or more check bits never take less time; twice the bandwidth takes half where the low rate stays off.
    #[test]
    fn airtime_grows(bytes in 0_u64..255, sf in 0_usize..5) {
        let at = |sf: usize, bandwidth| Modulation::uplink(SpreadingFactor::ALL[sf], bandwidth);
        let one = at(sf, Bandwidth::Khz125);
        prop_assert!(one.airtime(bytes) <= one.airtime(bytes + 1));
        prop_assert!(one.airtime(bytes) < at(sf + 1, Bandwidth::Khz125).airtime(bytes));
        let safer = Modulation { coding: CodingRate::Cr46, ..one };
        prop_assert!(one.airtime(bytes) <= safer.airtime(bytes));
        if sf < 4 {
            prop_assert_eq!(one.airtime(bytes), at(sf, Bandwidth::Khz250).airtime(bytes) * 2);
        }
    }
}
