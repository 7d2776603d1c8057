use super::*;
use proptest::prelude::*;

fn message<T: FromStr<Err = QuantityError> + fmt::Debug>(text: &str) -> String {
    text.parse::<T>().unwrap_err().to_string()
}

#[test]
fn quantities_are_read_exactly() {
    assert_eq!("20 ms".parse(), Ok(Span::from_millis(20)));
    assert_eq!("1.5us".parse(), Ok(Span::from_nanos(1_500)));
    assert_eq!("10 Mbit/s".parse(), Ok(Rate(10_000_000)));
    assert_eq!("64 KiB".parse(), Ok(Size(65_536)));
    assert_eq!("0.1 %".parse(), Ok(Ratio(1_000_000_000_000_000)));
    assert_eq!("100 %".parse(), Ok(Ratio::ONE));
}

#[test]
fn mistakes_say_what_to_write() {
    assert_eq!(message::<Span>("20"), "a duration needs a unit; write \"20 ms\"?");
    let bits_or_bytes = "write \"10 Mbit/s\" if bits are meant, or \"80 Mbit/s\" if megabytes are";
    assert_eq!(message::<Rate>("10 mb/s"), format!("`mb/s` is not a unit of a rate; {bits_or_bytes}"));
    assert_eq!(
        message::<Ratio>("0.015"),
        "a share needs a unit; write \"0.015 %\", or \"1.5 %\" if that part of one is meant"
    );
    assert_eq!(message::<Ratio>("5"), "a share needs a unit; write \"5 %\"?");
    assert_eq!(
        message::<Rate>("1.5 MB/s").split("; ").nth(1).unwrap(),
        "write \"1.5 Mbit/s\" if bits are meant, or 8 times as many Mbit/s if megabytes are"
    );
    assert_eq!(
        message::<Rate>("-1 Mbit/s"),
        "a rate cannot be negative, as `-1 Mbit/s` is; did you mean \"1 Mbit/s\"?"
    );
    assert_eq!(message::<Rate>("0 Mbit/s"), "a rate must be above zero, not `0 Mbit/s`");
    assert_eq!(message::<Ratio>("101 %"), "a share is at most 100 %, not `101 %`; write \"100 %\" or less");
    // A fraction may be meant as a share of one, or as percent.
    for (fraction, percent) in [("0.05", "5"), ("0.5", "50"), ("0.0125", "1.25")] {
        let both = format!("write \"{fraction} %\", or \"{percent} %\" if that part of one is meant");
        assert_eq!(message::<Ratio>(fraction), format!("a share needs a unit; {both}"));
    }
    for number in ["2.5", "1"] {
        assert_eq!(message::<Ratio>(number), format!("a share needs a unit; write \"{number} %\"?"));
    }
    assert_eq!(message::<Ratio>("105 %"), "a share is at most 100 %, not `105 %`; write \"100 %\" or less");
    assert_eq!(message::<Span>("0.5 ns"), "`0.5 ns` is finer than one nanosecond");
    assert_eq!(
        message::<Size>("3 parsecs"),
        "`parsecs` is not a unit of a size; units are B, kB, KiB, MB, MiB, GB, GiB"
    );
    assert_eq!(message::<Span>("soon"), "expected a duration with a unit, such as \"20 ms\", found \"soon\"");
    assert_eq!(message::<Span>("99999999999 d"), "`99999999999 d` is too large a duration");
    assert_eq!(message::<Span>("36501 d"), "`36501 d` is longer than 100 years");
    assert_eq!(
        message::<Span>("1.2.3 s"),
        "`1.2.3` is not a number; expected a duration with a unit, such as \"20 ms\""
    );
}

/// 54 bytes at 10 Gbit/s take 43.2 ns. Five in a row take 216 ns exactly: departures at 44, 87,
/// 130, 173 and 216 (each exact total rounded up once).
#[test]
fn a_busy_period_carries_its_remainder() {
    let rate: Rate = "10 Gbit/s".parse().unwrap();
    let (mut at, mut carry) = (0, 0);
    let mut departures = Vec::new();
    for _ in 0..5 {
        let (span, left) = rate.serialise(54, carry);
        carry = left;
        at += span.as_nanos();
        departures.push(at);
    }
    assert_eq!(departures, [44, 87, 130, 173, 216]);
}

proptest! {
    #[test]
    fn printed_quantities_read_back(n in 1_u64..=u64::MAX, parts in 0..=Ratio::PARTS) {
        let span = Span::from_nanos(n % Span::LONGEST_WRITTEN.as_nanos());
        prop_assert_eq!(span.to_string().parse(), Ok(span));
        prop_assert_eq!(Rate(n).to_string().parse(), Ok(Rate(n)));
        prop_assert_eq!(Size(n).to_string().parse(), Ok(Size(n)));
        prop_assert_eq!(Ratio(parts).to_string().parse(), Ok(Ratio(parts)));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,40}") {
        let _ = (text.parse::<Span>(), text.parse::<Rate>(), text.parse::<Size>(), text.parse::<Ratio>());
    }

    /// Departure n of a busy period is the exact time of all bytes so far, rounded up.
    #[test]
    fn departures_never_drift(bits in 1_u64..=400_000_000_000, sizes in prop::collection::vec(0_u64..70_000, 1..50)) {
        let rate = Rate(bits);
        let (mut at, mut carry, mut total) = (0_u128, 0, 0_u128);
        for size in sizes {
            let (span, left) = rate.serialise(size, carry);
            (at, carry) = (at + u128::from(span.as_nanos()), left);
            total += u128::from(size) * 8 * u128::from(NANOS_PER_SEC);
            prop_assert_eq!(at, total.div_ceil(u128::from(bits)));
        }
    }

    #[test]
    fn larger_ratios_cover_more(a in 0..=Ratio::PARTS, b in 0..=Ratio::PARTS, luck: u64) {
        let (low, high) = (Ratio(a.min(b)), Ratio(a.max(b)));
        prop_assert!(!low.covers(luck) || high.covers(luck));
        prop_assert!(Ratio::ONE.covers(luck) && !Ratio::ZERO.covers(luck));
    }
}
