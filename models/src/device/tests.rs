use super::*;
use proptest::prelude::*;
use protosim_core::{LocalTime, Operation, SimTime, Size, Span};
use std::collections::BTreeMap;

/// 20 ppm fast: after 1000 s the clock is 20 ms ahead. 500 ppb slow: after 2000 s, 1 ms behind.
#[test]
fn a_clock_drifts_by_its_parts_per_million() {
    let fast = Clock::new(Span::from_secs(5), "20 ppm".parse().unwrap());
    assert_eq!(fast.reading(SimTime::ZERO), LocalTime::from_nanos(5_000_000_000));
    assert_eq!(fast.reading(SimTime::from_nanos(1_000_000_000_000)).as_nanos(), 1_005_020_000_000);
    let slow = Clock::new(Span::ZERO, "-500 ppb".parse().unwrap());
    assert_eq!(slow.reading(SimTime::from_nanos(2_000_000_000_000)).as_nanos(), 1_999_999_000_000);
}

#[test]
fn drifts_are_read_and_refused_with_an_example() {
    assert_eq!("20 ppm".parse::<Drift>().unwrap().to_string(), "20 ppm");
    assert_eq!("-1500 ppb".parse::<Drift>().unwrap().to_string(), "-1500 ppb");
    assert!("20".parse::<Drift>().unwrap_err().contains("\"20 ppm\""));
    assert!("200000 ppm".parse::<Drift>().unwrap_err().contains("at most"));
}

/// 2 ms per call and 1 us per byte: 100 bytes cost 2.1 ms. Two at once are done after 4.2 ms; a third
/// at 10 ms finds the processor idle.
#[test]
fn work_queues_up_behind_work() {
    let cost = Cost { per_call: Span::from_millis(2), per_byte: Span::from_micros(1) };
    let mut cpu = Cpu::new(Costs::new(BTreeMap::from([("decode".to_owned(), cost)])));
    let decode = Operation { name: "decode", bytes: 100 };
    cpu.spend(SimTime::ZERO, decode);
    cpu.spend(SimTime::ZERO, decode);
    cpu.spend(SimTime::ZERO, Operation { name: "free", bytes: 1 << 40 });
    assert_eq!(cpu.free_at(SimTime::ZERO).as_nanos(), 4_200_000);
    cpu.spend(SimTime::from_nanos(10_000_000), decode);
    assert_eq!(cpu.free_at(SimTime::ZERO).as_nanos(), 12_100_000);
    assert_eq!(cpu.busy(), Span::from_micros(6_300));
}

#[test]
fn memory_refuses_what_does_not_fit_and_takes_nothing() {
    let mut memory = Memory::new(Some(Size::from_bytes(100)));
    memory.reserve(60).unwrap();
    let refused = memory.reserve(41).unwrap_err();
    assert_eq!((refused.wanted, refused.free), (41, 40));
    memory.reserve(40).unwrap();
    memory.release(100);
    assert_eq!((memory.used(), memory.peak()), (0, 100));
}

proptest! {
    /// A deadline on the local clock is met at the first instant at which the clock shows it.
    #[test]
    fn instants_and_readings_agree(offset in 0_u64..1 << 40, ppb in -100_000_000_i64..=100_000_000, at in 0_u64..1 << 60) {
        let clock = Clock::new(Span::from_nanos(offset), Drift::from_ppb(ppb).unwrap());
        let wanted = LocalTime::from_nanos(at);
        let instant = clock.instant(wanted);
        prop_assert!(clock.reading(instant) >= wanted);
        if instant > SimTime::ZERO {
            prop_assert!(clock.reading(SimTime::from_nanos(instant.as_nanos() - 1)) < wanted);
        }
    }
}
