use super::millis;
use crate::energy::*;
use proptest::prelude::*;
use protosim_core::{SimTime, Span};
use std::collections::BTreeMap;

fn ma(milliamperes: u64) -> Current {
    Current::from_microamperes(milliamperes * 1_000)
}

fn uc(charge: Charge) -> f64 {
    charge.as_units() as f64 / 1e15
}

/// Marks around a second of 5 mA, with 2 mA before and behind: 5 mC.
#[test]
fn marks_say_what_was_drawn_between_them() {
    let mut meter = Meter::new(SimTime::ZERO, "3 V".parse().unwrap());
    meter.set(millis(0), Part::Cpu, State::new(Cause::Cpu, ma(2)));
    let first = Mark::of(&meter, millis(1_000));
    meter.set(millis(1_000), Part::Cpu, State::new(Cause::Cpu, ma(5)));
    let second = Mark::of(&meter, millis(2_000));
    meter.set(millis(2_000), Part::Cpu, State::new(Cause::Cpu, ma(2)));
    assert_eq!(uc(first.until(&second).get(Part::Cpu, Cause::Cpu)), 5_000.0);
    assert_eq!((first.at(), second.at()), (millis(1_000), millis(2_000)));
}

/// Message 1 is open from 0 to 10 ms, message 2 from 4 to 14 ms. The radio sends for message 1 until 2 ms at 20 mA, listens until 14 ms at
/// 10 mA, and sleeps until 20 ms at 1 mA; the processor sleeps all the time at 1 mA. By hand, in uC: sending 40, for 1 alone. Listening 2 to
/// 4 ms: 20, for 1. 4 to 10 ms: 60, 30 for each. 10 to 14 ms: 40, for 2. So 1 has 90, 2 has 70; sleep, 6 + 20, is nobody's: 186 in all.
#[test]
fn a_shared_wait_is_shared() {
    let mut meter = Meter::new(SimTime::ZERO, "3 V".parse().unwrap());
    meter.set(millis(0), Part::Cpu, State::new(Cause::Sleep, ma(1)));
    let mut shares = Attribution::new(&meter, millis(0));
    shares.open(&meter, millis(0), 1);
    assert!(shares.work_for(&meter, millis(0), Part::Radio, Some(1)));
    assert!(!shares.work_for(&meter, millis(0), Part::Radio, Some(9)), "one that is not open");
    meter.set(millis(0), Part::Radio, State::new(Cause::Transmit, ma(20)));
    shares.work_for(&meter, millis(2), Part::Radio, None);
    meter.set(millis(2), Part::Radio, State::new(Cause::Listen, ma(10)));
    shares.open(&meter, millis(4), 2);
    let first = shares.close(&meter, millis(10), 1).unwrap();
    assert_eq!((uc(first.of_cause(Cause::Transmit)), uc(first.of_cause(Cause::Listen))), (40.0, 50.0));
    assert_eq!(uc(shares.so_far(&meter, millis(10), 2).unwrap().total()), 30.0);
    let second = shares.close(&meter, millis(14), 2).unwrap();
    assert_eq!(uc(second.total()), 70.0);
    meter.set(millis(14), Part::Radio, State::new(Cause::Sleep, ma(1)));
    assert_eq!(uc(shares.nobodys(&meter, millis(20)).total()), 26.0);
    assert_eq!(uc(meter.charge(millis(20))), 186.0);
    assert_eq!(shares.close(&meter, millis(20), 1), None);
}

/// A message that was closed and is opened again is served by nobody alone: 10 mA for 2 ms among it and another one are 10 uC for each.
#[test]
fn work_for_a_message_ends_with_it() {
    let mut meter = Meter::new(SimTime::ZERO, "3 V".parse().unwrap());
    let mut shares = Attribution::new(&meter, millis(0));
    [1, 2].into_iter().for_each(|id| shares.open(&meter, millis(0), id));
    assert!(shares.work_for(&meter, millis(0), Part::Radio, Some(1)));
    shares.close(&meter, millis(0), 1);
    shares.open(&meter, millis(0), 1);
    meter.set(millis(0), Part::Radio, State::new(Cause::Listen, ma(10)));
    assert_eq!([1, 2].map(|id| uc(shares.close(&meter, millis(2), id).unwrap().total())), [10.0, 10.0]);
}

/// 10 units among three: 4, 3 and 3, the lowest number first.
#[test]
fn what_does_not_divide_goes_to_the_lowest_numbers() {
    let mut meter = Meter::new(SimTime::ZERO, "3 V".parse().unwrap());
    let mut shares = Attribution::new(&meter, SimTime::ZERO);
    [7, 3, 5].into_iter().for_each(|id| shares.open(&meter, SimTime::ZERO, id));
    meter.take(Part::Radio, Cause::Listen, Charge::from_units(10));
    let bills = [3, 5, 7].map(|id| shares.close(&meter, SimTime::ZERO, id).unwrap().total().as_units());
    assert_eq!(bills, [4, 3, 3]);
}

proptest! {
    /// Bills and what is nobody's sum to the meter's total, to the last unit; and a message's bill is the same, to one unit for each
    /// settlement, whatever number it has among the others.
    #[test]
    fn nothing_is_lost_or_counted_twice(
        steps in prop::collection::vec((0_u64..1_000, 0_u8..5, 0_u64..6, 0_usize..3, 0_usize..8, 0_u64..1_000_000_000), 1..60),
    ) {
        let run = |rename: &dyn Fn(u64) -> u64| {
            let mut meter = Meter::new(SimTime::ZERO, "3 V".parse().unwrap());
            let mut shares = Attribution::new(&meter, SimTime::ZERO);
            let (mut now, mut bills) = (SimTime::ZERO, BTreeMap::<u64, Charge>::new());
            for (wait, what, id, part, cause, current) in &steps {
                now += Span::from_nanos(*wait);
                let (part, state) = (Part::ALL[*part], State::new(Cause::ALL[*cause], Current::from_picoamperes(*current)));
                match what {
                    0 | 1 => shares.open(&meter, now, rename(*id)),
                    2 => {
                        let closed = shares.close(&meter, now, rename(*id));
                        closed.into_iter().for_each(|bill| *bills.entry(*id).or_default() += bill.total());
                    }
                    3 => {
                        let _ = shares.work_for(&meter, now, part, (*id < 4).then(|| rename(*id)));
                    }
                    _ => meter.set(now, part, state),
                }
            }
            for id in 0..6 {
                let closed = shares.close(&meter, now, rename(id));
                closed.into_iter().for_each(|bill| *bills.entry(id).or_default() += bill.total());
            }
            let shared: Charge = bills.values().copied().sum();
            (bills, shared + shares.nobodys(&meter, now).total(), meter.charge(now))
        };
        let (bills, shared, total) = run(&|id| id);
        prop_assert_eq!(shared, total);
        let (renamed, shared, _) = run(&|id| 100 - id);
        prop_assert_eq!(shared, total);
        for (id, charge) in bills {
            let difference = charge.as_units().abs_diff(renamed[&id].as_units());
            prop_assert!(difference <= 24 * steps.len() as u128, "{} {}", id, difference);
        }
    }
}
