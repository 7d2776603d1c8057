use crate::energy::timers::*;
use proptest::prelude::*;
use protosim_core::Span;

fn runs(secs: u64) -> Timer {
    Timer::Runs(Span::from_secs(secs))
}

/// 24 h = 001 11000, 24 hours. 1 h = 000 00110, six times ten minutes. 2 min = 100 00100, four times 30 s. 9920 h = 110 11111, 31 times 320
/// h (413.3 days).
#[test]
fn gprs_timer_3() {
    for (secs, octet) in [(24 * 3_600, 0x38), (3_600, 0x06), (120, 0x84), (9_920 * 3_600, 0xdf), (0, 0x60), (62, 0x7f)]
    {
        assert_eq!(encode_timer3(runs(secs)), Some(octet), "{secs}");
        assert_eq!(decode_timer3(octet), runs(secs), "{octet:02x}");
    }
    // Units as they are: 10 min, 1 h, 10 h, 2 s, 30 s, 1 min, 320 h.
    let units = [600, 3_600, 36_000, 2, 30, 60, 1_152_000];
    for (code, secs) in (0_u8..).zip(units) {
        assert_eq!(decode_timer3(code << 5 | 7), runs(7 * secs));
    }
    assert_eq!((decode_timer3(0xe0), decode_timer3(0xff)), (Timer::Deactivated, Timer::Deactivated));
    assert_eq!(encode_timer3(Timer::Deactivated), Some(0xe0));
    assert_eq!((encode_timer3(runs(63)), encode_timer3(runs(9_921 * 3_600))), (None, None));
}

/// 10 s = 000 00101, 2 min = 001 00010, 60 min = 010 01010 (ten times 6 min); at most 31 × 6 = 186 min.
#[test]
fn gprs_timer_2() {
    for (secs, octet) in [(10, 0x05), (120, 0x22), (3_600, 0x4a), (186 * 60, 0x5f)] {
        assert_eq!(encode_timer2(runs(secs)), Some(octet), "{secs}");
        assert_eq!(decode_timer2(octet), runs(secs), "{octet:02x}");
    }
    // Units that are not defined are minutes.
    assert_eq!((decode_timer2(0x65), decode_timer2(0xe3)), (runs(300), Timer::Deactivated));
    assert_eq!(encode_timer2(runs(187 * 60)), None);
}

/// 63 s is beyond 31 × 2 s; of 30 s units three are 90 s, of minutes two are 120 s. 311 min: of hours six.
#[test]
fn what_a_timer_cannot_say_is_rounded_up() {
    let up3 = |secs| round_up_timer3(Span::from_secs(secs)).map(Span::as_secs_f64);
    assert_eq!((up3(61), up3(63), up3(311 * 60), up3(9_921 * 3_600)), (Some(62.0), Some(90.0), Some(21_600.0), None));
    let up2 = |secs| round_up_timer2(Span::from_secs(secs)).map(Span::as_secs_f64);
    assert_eq!((up2(63), up2(1_861), up2(11_161)), (Some(120.0), Some(2_160.0), None));
}

/// Cycles of the standard's table, in seconds.
#[test]
fn extended_drx() {
    let table = [
        5.12, 10.24, 20.48, 40.96, 61.44, 81.92, 102.4, 122.88, 143.36, 163.84, 327.68, 655.36, 1_310.72, 2_621.44,
        5_242.88, 10_485.76,
    ];
    for (bits, secs) in (0_u8..).zip(table) {
        let of_nb = matches!(bits, 2 | 3 | 5 | 9..=15);
        let of_m = bits < 14;
        let cycle = |rat| ExtendedDrx::decode(rat, bits).map(|drx| drx.cycle);
        assert_eq!(cycle(Rat::NbIot), of_nb.then(|| Span::from_secs_f64(secs)), "{bits}");
        assert_eq!(cycle(Rat::LteM), of_m.then(|| Span::from_secs_f64(secs)), "{bits}");
    }
    // 1001 0101: windows of 10 × 2.56 = 25.6 s, or of 10 × 1.28 = 12.8 s, each 81.92 s.
    let decode = |rat| ExtendedDrx::decode(rat, 0x95).unwrap();
    assert_eq!(decode(Rat::NbIot).window, Span::from_millis(25_600));
    assert_eq!(decode(Rat::LteM).window, Span::from_millis(12_800));
    // 1111 0001: 16 × 1.28 = 20.48 s have no room in 10.24 s. 1111 0000: with 5.12 s there is no window at all.
    assert_eq!(ExtendedDrx::decode(Rat::LteM, 0xf1).unwrap().window, Span::from_millis(10_240));
    assert_eq!(ExtendedDrx::decode(Rat::LteM, 0xf0).unwrap().window, Span::from_millis(1_280));
    let odd = ExtendedDrx { cycle: Span::from_millis(81_920), window: Span::from_millis(2_561) };
    assert_eq!(odd.encode(Rat::NbIot), None);
    let long = ExtendedDrx { cycle: Span::from_millis(81_920), window: Span::from_millis(17 * 2_560) };
    assert_eq!(long.encode(Rat::NbIot), None);
}

/// Elements of a TRACKING AREA UPDATE ACCEPT among others: EPS update result is mandatory and not here; 5e T3412 extended 24 h, 6a T3324 2
/// min, 6e eDRX. f- are of one octet. A repeated one does not count, and one that is cut off ends all.
#[test]
fn elements_are_found_among_others() {
    let elements = SleepElements { t3412_extended: Some(0x38), t3324: Some(0x22), extended_drx: Some(0x95) };
    assert_eq!(elements.encode(), [0x5e, 1, 0x38, 0x6a, 1, 0x22, 0x6e, 1, 0x95]);
    let among = [0xf1, 0x54, 2, 0x6a, 0x6a, 0x5e, 1, 0x38, 0x90, 0x6a, 1, 0x22, 0x6a, 1, 0x05, 0x6e, 1, 0x95];
    assert_eq!(SleepElements::decode(&among), elements);
    assert_eq!(SleepElements::decode(&[0x5e, 2, 0x38]), SleepElements::default());
    assert_eq!(SleepElements::decode(&[0x5e, 2, 0x38, 0x39]), SleepElements::default());
}

/// A TRACKING AREA UPDATE ACCEPT as networks send it (3GPP TS 24.301 table 8.2.26.1), behind the update result: 5a T3412 54 min (TV, two
/// octets); 54 TAI list (TLV, six octets of value); 17 T3402 12 min, 59 T3423 (TV); 5e T3412 extended 24 h; 6a T3324 2 min. 53 EMM cause
/// is TV, too, 13 a location area of five octets, 7a emergency numbers with a length of two octets.
#[test]
fn elements_without_a_length_are_passed() {
    let both = SleepElements { t3412_extended: Some(0x38), t3324: Some(0x22), extended_drx: None };
    let accept = [
        0x5a, 0x49, 0x54, 0x06, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x17, 0x2c, 0x59, 0x49, 0x5e, 0x01, 0x38, 0x6a,
        0x01, 0x22,
    ];
    assert_eq!(SleepElements::decode(&accept), both);
    let t3324 = SleepElements { t3412_extended: None, ..both };
    for before in [&[0x53, 0x12][..], &[0x13, 0x62, 0xf2, 0x10, 0x00, 0x01], &[0x7a, 0x00, 0x03, 0x5e, 0x01, 0x38]] {
        assert_eq!(SleepElements::decode(&[before, &[0x6a, 0x01, 0x22]].concat()), t3324, "{before:02x?}");
        assert_eq!(SleepElements::decode(&before[..before.len() - 1]), SleepElements::default());
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(octet: u8, bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        // More than one octet says a time: what is written reads the same, if not as it came.
        for (decode, encode) in [
            (decode_timer3 as fn(u8) -> Timer, encode_timer3 as fn(Timer) -> Option<u8>),
            (decode_timer2, encode_timer2),
        ] {
            let timer = decode(octet);
            prop_assert_eq!(encode(timer).map(decode), Some(timer));
        }
        for rat in [Rat::NbIot, Rat::LteM] {
            if let Some(drx) = ExtendedDrx::decode(rat, octet) {
                // Windows that a cycle has no room for read as shorter ones.
                let written = drx.encode(rat).unwrap();
                prop_assert_eq!(ExtendedDrx::decode(rat, written), Some(drx));
                prop_assert!(written == octet || drx.window == drx.cycle || octet & 0x0f == 0);
            }
        }
        let elements = SleepElements::decode(&bytes);
        prop_assert_eq!(SleepElements::decode(&elements.encode()), elements);
    }
}
