use crate::energy::*;
use proptest::prelude::*;
use protosim_core::Span;

/// 4.8 mA are 4.8 × 10^9 pA; a nanoampere-hour is 10^-9 A for 3600 s, 3.6 × 10^-6 C or 3.6 × 10^15 units.
#[test]
fn quantities_are_read_exactly() {
    let current = |text: &str| text.parse::<Current>().map(Current::as_picoamperes);
    assert_eq!(
        ["4.8 mA", "1.3 uA", "0 pA", "5 nA", "100 A", "1.3µA"].map(current),
        [Ok(4_800_000_000), Ok(1_300_000), Ok(0), Ok(5_000), Ok(100_000_000_000_000), Ok(1_300_000)]
    );
    assert_eq!("3.3 V".parse::<Voltage>().unwrap().as_millivolts(), 3_300);
    assert_eq!("15 Ohm".parse::<Resistance>().unwrap().as_milliohms(), 15_000);
    assert_eq!("64 MHz".parse::<Frequency>().unwrap().as_hertz(), 64_000_000);
    assert_eq!("225 mAh".parse::<Capacity>().unwrap(), Capacity::from_milliampere_hours(225));
    assert_eq!("1 nAh".parse::<Capacity>().unwrap().charge().as_units(), 3_600_000_000_000_000);
    let power = |text: &str| text.parse::<RadioPower>().map(RadioPower::as_centi_dbm);
    assert_eq!(["19.5 dBm", "-20 dBm", "0 dBm"].map(power), [Ok(1_950), Ok(-2_000), Ok(0)]);
}

#[test]
fn mistakes_say_what_to_write() {
    let current = |text: &str| text.parse::<Current>().unwrap_err();
    assert_eq!(current("-5 mA"), "a current cannot be negative, as `-5 mA` is; did you mean \"5 mA\"?");
    assert_eq!(current("101 A"), "a current is at most 100 A, not `101 A`");
    assert_eq!(current("0.1 pA"), "`0.1 pA` is finer than one picoampere");
    assert_eq!(current("5"), "expected a current such as \"4.8 mA\", found \"5\"; units are pA, nA, uA, mA, A");
    assert!("3 kV".parse::<Voltage>().unwrap_err().contains("units are mV, V"));
    assert_eq!("101 dBm".parse::<RadioPower>().unwrap_err(), "a power is at most 100 dBm either way, not `101 dBm`");
    assert!("14 mW".parse::<RadioPower>().is_err() && "--4 dBm".parse::<RadioPower>().is_err());
}

/// The documented range: 100 A at 1 kV for 100 years of 365 days. 10^14 pA × 3.1536 × 10^18 ns × 10^6 mV = 3.1536 × 10^38, and 2^128 is
/// 3.4028 × 10^38.
#[test]
fn a_hundred_years_of_the_largest_power_fit() {
    let years = Span::from_secs(100 * 365 * 86_400);
    let charge = Current::MAX.over(years);
    assert_eq!(charge.as_units(), 315_360_000_000_000_000_000_000_000_000_000);
    let energy = charge.at(Voltage::from_millivolts(1_000_000));
    assert_eq!(energy.as_units(), charge.as_units() * 1_000_000);
    assert!(energy.as_units() < u128::MAX);
    // And a microampere for one nanosecond is still counted.
    assert_eq!(Current::from_picoamperes(1).over(Span::NANOSECOND).as_units(), 1);
}

/// 10 units over 4 ns are 2.5 pA, rounded to 3; 9 units 2.25, rounded to 2.
#[test]
fn means_are_rounded_to_the_nearest() {
    let mean = |units, nanos| Charge::from_units(units).mean_over(Span::from_nanos(nanos)).as_picoamperes();
    assert_eq!((mean(10, 4), mean(9, 4), mean(11, 4), mean(7, 0)), (3, 2, 3, 0));
    assert_eq!((mean(4, 3), mean(5, 3)), (1, 2));
}

/// 10 units at 3 pA last 3.33 ns: nothing is left after the fourth nanosecond.
#[test]
fn a_charge_lasts_until_nothing_is_left() {
    let ten = Charge::from_units(10);
    assert_eq!(ten.lasts(Current::from_picoamperes(3)), Some(Span::from_nanos(4)));
    assert_eq!(ten.lasts(Current::from_picoamperes(5)), Some(Span::from_nanos(2)));
    assert_eq!((ten.lasts(Current::ZERO), Charge::ZERO.lasts(Current::ZERO)), (None, Some(Span::ZERO)));
}

/// 15 M cycles at 48 MHz: 312.5 ms. One at 3 GHz: 0.33 ns, rounded to none; two: 0.67 ns, rounded to one.
#[test]
fn cycles_take_time() {
    let clock: Frequency = "48 MHz".parse().unwrap();
    assert_eq!(clock.time_of(15_000_000), Span::from_micros(312_500));
    let fast: Frequency = "3 GHz".parse().unwrap();
    assert_eq!((fast.time_of(1), fast.time_of(2)), (Span::ZERO, Span::NANOSECOND));
    assert_eq!(Frequency::default().time_of(1), Span::MAX);
}

proptest! {
    #[test]
    fn printed_quantities_read_back(n in 0_u64..=100_000_000_000_000, centi in -10_000_i32..=10_000) {
        let current = Current::from_picoamperes(n);
        prop_assert_eq!(current.to_string().parse(), Ok(current));
        let voltage = Voltage::from_millivolts(n % 1_000_001);
        prop_assert_eq!(voltage.to_string().parse(), Ok(voltage));
        let capacity: Capacity = format!("{n} nAh").parse().unwrap();
        prop_assert_eq!(capacity.to_string().parse(), Ok(capacity));
        let power = RadioPower::from_centi_dbm(centi);
        prop_assert_eq!(power.to_string().parse(), Ok(power));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,40}") {
        let _ = (text.parse::<Current>(), text.parse::<Capacity>(), text.parse::<RadioPower>(), text.parse::<Frequency>());
    }
}
