use super::{millis, secs};
use crate::energy::battery::less_than_linear;
use crate::energy::quantity::YEAR;
use crate::energy::*;
use proptest::prelude::*;
use protosim_core::{Ratio, SimTime, Span};

fn ideal(milliampere_hours: u64) -> BatteryConfig {
    BatteryConfig::ideal(Capacity::from_milliampere_hours(milliampere_hours), "3 V".parse().unwrap())
}

/// A cell of 15 Ohm full and 40 Ohm empty that must hold 1.7 of 3 V: room for a drop of 1.3 V.
fn coin() -> BatteryConfig {
    BatteryConfig {
        resistance: Some("15 Ohm".parse().unwrap()),
        resistance_at_end: Some("40 Ohm".parse().unwrap()),
        cut_off: Some("1.7 V".parse().unwrap()),
        ..ideal(225)
    }
}

fn close(a: f64, b: f64, relative: f64) -> bool {
    (a - b).abs() <= relative * b.abs()
}

/// Model (a) in pieces, by hand: 1 mAh are 3.6 C. 1 s at 1 A, 1 s at nothing, then 2 A: 2.6 C last 1.3 s, so that it is empty at 3.3 s, to the
/// nanosecond.
#[test]
fn an_ideal_cell_is_empty_at_an_exact_instant() {
    let mut battery = Battery::new(SimTime::ZERO, ideal(1));
    battery.draw(secs(0), "1 A".parse().unwrap());
    assert_eq!(battery.fails(), Some(millis(3_600)));
    battery.draw(secs(1), Current::ZERO);
    assert_eq!(battery.fails(), None);
    battery.draw(secs(2), "2 A".parse().unwrap());
    assert_eq!(battery.fails(), Some(millis(3_300)));
    let just_before = SimTime::from_nanos(3_299_999_999);
    assert_eq!(battery.remaining(just_before).as_units(), 2_000_000_000_000);
    assert_eq!(
        (battery.failed_at(just_before), battery.failed_at(secs(9))),
        (None, Some((millis(3_300), Failure::Empty)))
    );
    battery.draw(secs(9), "1 A".parse().unwrap());
    assert_eq!((battery.remaining(secs(9)), battery.drawn(secs(9))), (Charge::ZERO, ideal(1).capacity.charge()));
}

/// A cell that loses half in a year has s = ln 2 a year. Where what is drawn is C ln 2 a year, s C / I = 1, and the life of model (b) is
/// ln(1 + 1) / s: one year. For 1000 mAh that is a current of 1000 × 0.693147180560 / 8760 mA = 79.126390 uA.
#[test]
fn self_discharge_has_its_closed_form() {
    let config = BatteryConfig { self_discharge: Some(Ratio::from_percent(50)), ..ideal(1_000) };
    assert!(close(config.leak_rate() * YEAR.as_secs_f64(), std::f64::consts::LN_2, 1e-15));
    let current = Current::from_picoamperes(79_126_390);
    assert!(close(config.life_secs(current, current), YEAR.as_secs_f64(), 1e-8));
    let mut battery = Battery::new(SimTime::ZERO, config);
    battery.draw(SimTime::ZERO, current);
    let end = battery.fails().unwrap();
    assert!(close(end.as_secs_f64(), YEAR.as_secs_f64(), 1e-8));
    // Half of the time on, what is left is (C + I/s) e^(-s t) - I/s = C (2 / sqrt 2 - 1).
    let half = battery.remaining(SimTime::ZERO + Span::from_secs(365 * 43_200));
    assert!(close(half.as_milliampere_hours(), 1_000.0 * (std::f64::consts::SQRT_2 - 1.0), 1e-8));
    // On the shelf: half after a year, a quarter after two.
    let shelf = Battery::new(SimTime::ZERO, config);
    let left = |years: u64| shelf.remaining(SimTime::ZERO + YEAR * years).as_milliampere_hours();
    assert!(close(left(1), 500.0, 1e-14) && close(left(2), 250.0, 1e-14));
    assert_eq!(shelf.fails(), None);
}

/// Model (a) and, with little leakage, model (b) agree: ln(1 + x)/s = C/I (1 - x/2 + ...), x = s C/I. At 20 mA out of 2400 mAh (120 h) and
/// 1 % a year, s = 0.01005034 / 8760 h and x = 1.3767e-4: the life is shorter by 6.883e-5.
#[test]
fn little_leakage_shortens_a_life_a_little() {
    let leaky = BatteryConfig { self_discharge: Some(Ratio::from_percent(1)), ..ideal(2_400) };
    let current = "20 mA".parse().unwrap();
    let (ideal_life, life) = (ideal(2_400).life_secs(current, current), leaky.life_secs(current, current));
    assert_eq!(ideal_life, 432_000.0);
    assert!(close(1.0 - life / ideal_life, 6.883e-5, 1e-3), "{}", 1.0 - life / ideal_life);
}

/// Under 50 mA, 1.3 V allow 26 Ohm, at (26 - 15) / 25 = 44 % of the way to empty: 56 % must be left. Under 100 mA, 15 Ohm take 1.5 V: not
/// even a full cell will do. Under 32.5 mA, 40 Ohm take just 1.3 V: to the end.
#[test]
fn internal_resistance_strands_charge() {
    let config = coin();
    let least = |text: &str| config.least(text.parse().unwrap()).as_milliampere_hours();
    assert_eq!(config.least("50 mA".parse().unwrap()), "126 mAh".parse::<Capacity>().unwrap().charge());
    assert_eq!(least("32.5 mA"), 0.0);
    assert!(config.least("100 mA".parse().unwrap()) > config.capacity.charge());
    let mut battery = Battery::new(SimTime::ZERO, config);
    battery.draw(SimTime::ZERO, "100 mA".parse().unwrap());
    assert_eq!(battery.failed_at(SimTime::ZERO), Some((SimTime::ZERO, Failure::Voltage)));
    // 44 % of 225 mAh, 99 mAh, at 50 mA: 1.98 h, 7128 s. At the cut-off itself it works; a nanosecond later it does not.
    let mut battery = Battery::new(SimTime::ZERO, config);
    battery.draw(SimTime::ZERO, "50 mA".parse().unwrap());
    let end = battery.fails().unwrap();
    assert_eq!(end.as_nanos(), 7_128_000_000_001);
    assert!(close(battery.volts(secs(7_128)), 1.7, 1e-9));
    assert!(close(config.life_secs("50 mA".parse().unwrap(), "50 mA".parse().unwrap()), 7_128.0, 1e-12));
    assert!(close(config.life_secs("1 mA".parse().unwrap(), "50 mA".parse().unwrap()), 99.0 * 3_600.0, 1e-12));
    // A small current goes on below that, until a pulse comes.
    let mut battery = Battery::new(SimTime::ZERO, config);
    battery.draw(SimTime::ZERO, "5 mA".parse().unwrap());
    battery.draw(secs(100 * 720), "50 mA".parse().unwrap());
    assert_eq!(battery.failed_at(secs(72_000)), Some((secs(72_000), Failure::Voltage)));
    assert!(close(battery.remaining(secs(99_999)).as_milliampere_hours(), 125.0, 1e-12), "what is stranded stays");
}

/// 10 mA at 3.3 V are 33 mW; out of 3.7 V at 90 %: 33 / (3.7 × 0.9) = 9.909909909910 mA (in pA rounded).
#[test]
fn a_converter_takes_power_and_not_current() {
    let converter = Some(Converter { efficiency: Ratio::from_percent(90) });
    let config = BatteryConfig { converter, voltage: "3.7 V".parse().unwrap(), ..ideal(2_000) };
    let current = config.current("10 mA".parse().unwrap(), "3.3 V".parse().unwrap());
    assert_eq!(current.as_picoamperes(), 9_909_909_910);
    assert_eq!(ideal(1).current(current, "3.3 V".parse().unwrap()), current, "without one, what is drawn is drawn");
}

#[test]
fn what_cannot_be_is_refused() {
    let fields = |config: BatteryConfig| config.check().into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    assert_eq!(fields(coin()), [""; 0]);
    assert_eq!(fields(ideal(0)), ["capacity"]);
    assert_eq!(fields(BatteryConfig { voltage: Voltage::default(), ..ideal(1) }), ["voltage"]);
    assert_eq!(fields(BatteryConfig { self_discharge: Some(Ratio::ONE), ..ideal(1) }), ["self_discharge"]);
    assert_eq!(fields(BatteryConfig { cut_off: Some("3 V".parse().unwrap()), ..coin() }), ["cut_off"]);
    assert_eq!(
        fields(BatteryConfig { resistance_at_end: Some("10 Ohm".parse().unwrap()), ..coin() }),
        ["resistance_at_end"]
    );
    assert_eq!(fields(BatteryConfig { resistance: None, ..coin() }), ["resistance_at_end", "cut_off"]);
    assert_eq!(fields(BatteryConfig { cut_off: None, ..coin() }), ["resistance"]);
    let none = Some(Converter { efficiency: Ratio::ZERO });
    assert_eq!(fields(BatteryConfig { converter: none, ..ideal(1) }), ["converter.efficiency"]);
    assert!(ron::from_str::<Converter>("(efficiency: \"101 %\")").unwrap_err().to_string().contains("at most 100 %"));
    assert!(ron::from_str::<Capacity>("\"-1 mAh\"").unwrap_err().to_string().contains("cannot be negative"));
}

/// x - (1 - e^-x): 0.367879441171442 at 1; x²/2 (1 - x/3) at 10^-6; both branches meet at 1/4, where it is 0.25 - 0.221199216928595 =
/// 0.028800783071405.
#[test]
fn the_series_has_no_cancellation() {
    assert!(close(less_than_linear(1.0), 0.367_879_441_171_442_33, 1e-15));
    assert!(close(less_than_linear(1e-6), 0.5e-12 * (1.0 - 1e-6 / 3.0), 1e-12));
    assert!(close(less_than_linear(0.25), 0.028_800_783_071_404_868, 1e-15));
    assert!(close(less_than_linear(0.25 + 1e-13), less_than_linear(0.25), 1e-11));
    assert_eq!(less_than_linear(0.0), 0.0);
}

/// dQ/dt = -I(t) - s Q by Runge and Kutta of fourth order, with `steps` in each piece, until Q is `floor`: the instant in seconds, by a
/// straight line in the last step.
fn brute_force(config: &BatteryConfig, pieces: &[(f64, f64)], steps: u32) -> Option<f64> {
    let rate = config.leak_rate();
    let (mut left, mut at) = (config.capacity.charge().as_coulombs(), 0.0);
    for (current, span) in pieces {
        let step = span / f64::from(steps);
        for _ in 0..steps {
            let slope = |left: f64| -current - rate * left;
            let k1 = slope(left);
            let k2 = slope(left + step / 2.0 * k1);
            let k3 = slope(left + step / 2.0 * k2);
            let k4 = slope(left + step * k3);
            let next = left + step / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4);
            if next <= 0.0 {
                return Some(at + step * left / (left - next));
            }
            (left, at) = (next, at + step);
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The instant of emptiness agrees with brute-force integration over pieces, with and without self-discharge; capacity = left + drawn +
    /// leaked to the last unit at any instant; and at the instant that is foretold the battery is empty, a nanosecond before not yet.
    #[test]
    fn emptiness_agrees_with_brute_force(
        capacity in 1_u64..500,
        percent in 0_u64..60,
        pieces in prop::collection::vec((1_u64..50_000, 1_u64..2_000_000), 1..12),
    ) {
        let share = (percent > 0).then(|| Ratio::from_percent(percent));
        let config = BatteryConfig { self_discharge: share, ..ideal(capacity) };
        // The last piece is twice as long as the largest cell lasts with it.
        let mut pieces: Vec<(Current, u64)> = pieces.into_iter().map(|(ua, s)| (Current::from_microamperes(ua), s)).collect();
        pieces.push((Current::from_microamperes(40_000), 500 * 3_600 / 40 * 2));
        let mut battery = Battery::new(SimTime::ZERO, config);
        let mut now = SimTime::ZERO;
        let mut end = None;
        for (current, span) in &pieces {
            battery.draw(now, *current);
            let next = now + Span::from_secs(*span);
            let middle = now + Span::from_nanos(span * 314_159_265);
            for at in [middle, next] {
                let sum = battery.remaining(at) + battery.drawn(at) + battery.leaked(at);
                prop_assert_eq!(sum, config.capacity.charge());
            }
            if let Some(at) = battery.fails().filter(|at| *at <= next) {
                prop_assert_eq!(battery.remaining(at), Charge::ZERO);
                let before = SimTime::from_nanos(at.as_nanos() - 1);
                prop_assert!(battery.remaining(before) > Charge::ZERO);
                prop_assert_eq!(battery.failed_at(at), Some((at, Failure::Empty)));
                prop_assert_eq!(battery.failed_at(before), None);
                end = Some(at);
                break;
            }
            now = next;
        }
        let plain: Vec<(f64, f64)> = pieces.iter().map(|(i, s)| (i.as_amperes(), *s as f64)).collect();
        let expected = brute_force(&config, &plain, 4_000);
        match (end, expected) {
            (Some(end), Some(expected)) => {
                // A straight line in a step of 1/4000 of a piece is off by at most s step² / 8.
                let slack = 1e-9 * expected + config.leak_rate() * square(2_000_000.0 / 4_000.0) / 8.0;
                prop_assert!((end.as_secs_f64() - expected).abs() <= slack, "{} {}", end, expected);
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    /// The closed form is what many small pieces of the same current come to.
    #[test]
    fn pieces_of_one_current_are_one_piece(cuts in prop::collection::vec(1_u64..40_000_000_000_000, 1..200)) {
        let config = BatteryConfig { self_discharge: Some(Ratio::from_percent(30)), ..ideal(100) };
        let current = Current::from_microamperes(50);
        let (mut whole, mut cut) = (Battery::new(SimTime::ZERO, config), Battery::new(SimTime::ZERO, config));
        whole.draw(SimTime::ZERO, current);
        let mut now = SimTime::ZERO;
        for span in cuts {
            cut.draw(now, current);
            now += Span::from_nanos(span);
            if cut.failed_at(now).is_some() {
                break;
            }
        }
        let (a, b) = (whole.remaining(now).as_units(), cut.remaining(now).as_units());
        // Rounding of floats of 3.6 × 10^23 units, and one unit for each piece.
        prop_assert!(a.abs_diff(b) < 3_000_000_000, "{} {}", a, b);
    }
}

fn square(x: f64) -> f64 {
    x * x
}
