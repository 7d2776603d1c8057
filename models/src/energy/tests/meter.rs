use super::{micros, millis};
use crate::energy::*;
use proptest::prelude::*;
use protosim_core::{SimTime, Span};

fn ma(milliamperes: u64) -> Current {
    Current::from_microamperes(milliamperes * 1_000)
}

/// Microcoulombs: 10^15 units.
fn uc(charge: Charge) -> f64 {
    charge.as_units() as f64 / 1e15
}

/// A radio at 3 V wakes in 2 ms at 5 mA, calibrates for 1 ms at 8 mA, listens at 20 mA until 10 ms, sends at 24 mA until 14 ms, and is off.
/// By hand, in mA ms = uC: transitions 2 × 5 + 1 × 8 = 18; listening (10 - 3) × 20 = 140; sending 4 × 24 = 96; in all 254 uC, 762 uJ.
#[test]
fn charges_are_counted_by_cause() {
    let mut meter = Meter::new(SimTime::ZERO, "3 V".parse().unwrap());
    let way = [
        Transition { takes: Span::from_millis(2), current: ma(5) },
        Transition { takes: Span::from_millis(1), current: ma(8) },
    ];
    meter.change(millis(0), Part::Radio, way, State::new(Cause::Listen, ma(20)));
    assert_eq!(meter.next_change(millis(0)), Some(millis(2)));
    assert_eq!(meter.next_change(millis(2)), Some(millis(3)));
    assert_eq!((meter.current(millis(1)), meter.current(millis(2)), meter.current(millis(3))), (ma(5), ma(8), ma(20)));
    // Within the second transition: 10 + 0.5 × 8.
    assert_eq!(uc(meter.bill(micros(2_500)).of_cause(Cause::Transition)), 14.0);
    meter.set(millis(10), Part::Radio, State::new(Cause::Transmit, ma(24)));
    meter.set(millis(14), Part::Radio, State::OFF);
    let bill = meter.bill(millis(100));
    assert_eq!(uc(bill.of_cause(Cause::Transition)), 18.0);
    assert_eq!(uc(bill.of_cause(Cause::Listen)), 140.0);
    assert_eq!(uc(bill.of_cause(Cause::Transmit)), 96.0);
    assert_eq!(uc(bill.total()), 254.0);
    assert_eq!(meter.energy(millis(100)).as_joules(), 762e-6);
    let time = |cause| meter.time(millis(100), Part::Radio, cause);
    assert_eq!((time(Cause::Transition), time(Cause::Listen)), (Span::from_millis(3), Span::from_millis(7)));
    assert_eq!((time(Cause::Transmit), time(Cause::Sleep)), (Span::from_millis(4), Span::from_millis(86)));
}

/// A change before a transition's end cuts it off: 1 of 2 ms at 5 mA, 5 uC, and nothing of what was behind it.
#[test]
fn a_change_cuts_a_transition_off() {
    let mut meter = Meter::new(SimTime::ZERO, "3 V".parse().unwrap());
    let way = [
        Transition { takes: Span::from_millis(2), current: ma(5) },
        Transition { takes: Span::from_millis(9), current: ma(99) },
    ];
    meter.change(millis(0), Part::Cpu, way, State::new(Cause::Cpu, ma(20)));
    assert_eq!(meter.state(millis(0), Part::Cpu), (State::new(Cause::Cpu, ma(20)), Some(millis(11))));
    meter.set(millis(1), Part::Cpu, State::OFF);
    assert_eq!(uc(meter.charge(millis(50))), 5.0);
    assert_eq!(meter.state(millis(1), Part::Cpu), (State::OFF, None));
}

/// What takes 7 uC in one go, and a change that says an earlier time than the last one, which counts as that.
#[test]
fn pulses_and_times_that_go_back() {
    let mut meter = Meter::new(SimTime::ZERO, "3 V".parse().unwrap());
    meter.take(Part::Other, Cause::Other, Charge::from_units(7_000_000_000_000_000));
    meter.set(millis(10), Part::Cpu, State::new(Cause::Cpu, ma(1)));
    meter.set(millis(5), Part::Cpu, State::OFF);
    assert_eq!(uc(meter.charge(millis(20))), 7.0);
}

#[derive(Clone, Debug)]
struct Step {
    wait: u64,
    part: usize,
    cause: usize,
    current: u64,
    takes: [u64; 2],
    way: [u64; 2],
}

fn step() -> impl Strategy<Value = Step> {
    let span = 0_u64..1_000_000;
    let amperes = 0_u64..1_000_000_000_000;
    let way = ([span.clone(), span.clone()], [amperes.clone(), amperes.clone()]);
    (0_u64..2_000_000, 0_usize..3, 0_usize..8, amperes, way)
        .prop_map(|(wait, part, cause, current, (takes, way))| Step { wait, part, cause, current, takes, way })
}

proptest! {
    /// The sum of causes is the total, the sum of the pieces between changes of the total current is the total, times add up to the
    /// time that passed, and looking in between changes nothing. All to the last unit.
    #[test]
    fn sums_are_exact(steps in prop::collection::vec(step(), 1..30), look in any::<bool>()) {
        let mut meter = Meter::new(SimTime::ZERO, "3.3 V".parse().unwrap());
        let (mut now, mut pieces) = (SimTime::ZERO, Charge::ZERO);
        let mut run = |meter: &Meter, from: SimTime, to: SimTime| {
            let mut at = from;
            while at < to {
                let next = meter.next_change(at).unwrap_or(SimTime::MAX).min(to);
                pieces += meter.current(at).over(next - at);
                at = next;
            }
        };
        for step in &steps {
            let next = now + Span::from_nanos(step.wait);
            if look {
                let _ = (meter.bill(next), meter.energy(next));
            }
            run(&meter, now, next);
            now = next;
            let way = [0, 1].map(|i| Transition {
                takes: Span::from_nanos(step.takes[i]),
                current: Current::from_picoamperes(step.way[i]),
            });
            let state = State::new(Cause::ALL[step.cause], Current::from_picoamperes(step.current));
            meter.change(now, Part::ALL[step.part], way, state);
        }
        let end = now + Span::from_micros(1_500);
        run(&meter, now, end);
        let bill = meter.bill(end);
        prop_assert_eq!(Cause::ALL.into_iter().map(|cause| bill.of_cause(cause)).sum::<Charge>(), bill.total());
        prop_assert_eq!(Part::ALL.into_iter().map(|part| bill.of_part(part)).sum::<Charge>(), bill.total());
        prop_assert_eq!(pieces, bill.total());
        for part in Part::ALL {
            let times = Cause::ALL.into_iter().fold(Span::ZERO, |sum, cause| sum + meter.time(end, part, cause));
            prop_assert_eq!(SimTime::ZERO + times, end);
        }
    }
}
