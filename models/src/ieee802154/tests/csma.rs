//! Scripts of one station, with waits that are given.

use super::super::*;
use protosim_core::Span;

const ACKED: Event = Event::Acknowledged { sequence: 7, is_pending: false };

fn micros(micros: u64) -> Span {
    Span::from_micros(micros)
}

/// Table 86 has ranges. Beyond them nothing overflows: of exponents no more than 32 counts.
#[test]
fn parameters_out_of_range_are_refused() {
    let fields =
        |parameters: CsmaParameters| parameters.check().into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    let base = CsmaParameters::default();
    assert_eq!(fields(base), [""; 0]);
    assert_eq!(fields(CsmaParameters { min_be: 0, max_be: 8, max_backoffs: 0, max_retries: 7 }), [""; 0]);
    assert_eq!(fields(CsmaParameters { min_be: 6, ..base }), ["min_be"]);
    assert_eq!(fields(CsmaParameters { max_be: 2, min_be: 0, ..base }), ["max_be"]);
    assert_eq!(fields(CsmaParameters { max_backoffs: 6, max_retries: 8, ..base }), ["max_backoffs", "max_retries"]);
    // 2^32 - 1 periods of 20 symbols of 16 us, and sensing 8, turning 12 symbols.
    let wild = CsmaParameters { min_be: 63, max_be: 63, max_backoffs: 0, max_retries: 0 };
    assert_eq!(wild.longest_access(), micros((u64::from(u32::MAX) * 20 + 8 + 12) * 16));
}

/// A frame of `len` bytes with number 7 and the draws `draws`, and what comes of `events`.
fn script(parameters: CsmaParameters, len: usize, wants_ack: bool, draws: &[u64], events: &[Event]) -> Vec<Step> {
    let mut draws = draws.iter().copied();
    let mut draw = |below: u64| {
        let drawn = draws.next().expect("as many draws as waits");
        assert!(drawn < below, "{drawn} of {below}");
        drawn
    };
    let mut transmitter = Transmitter::new(parameters);
    let mut steps = vec![transmitter.start(7, len, wants_ack, &mut draw)];
    steps.extend(events.iter().filter_map(|event| transmitter.on_event(*event, &mut draw)));
    let is_done = matches!(steps.last(), Some(Step::Done { .. }));
    assert_eq!(transmitter.is_busy(), !is_done);
    assert_eq!(draws.next(), None, "a draw for each wait");
    steps
}

fn sent(retries: u8) -> Outcome {
    Outcome::Sent { retries, is_pending: false }
}

#[test]
fn an_idle_channel_takes_one_wait_and_one_look() {
    use Event::{Elapsed, Idle};
    let steps = script(CsmaParameters::default(), 127, true, &[5], &[Elapsed, Idle, Elapsed, Elapsed, ACKED]);
    let expected = [
        Step::Backoff(micros(5 * 320)),
        Step::Sense(micros(128)),
        Step::Turn(micros(192)),
        Step::Send(micros(4256)),
        Step::AwaitAck(micros(864)),
        Step::Done { outcome: sent(0), rest: micros(640) },
    ];
    assert_eq!(steps, expected);
}

#[test]
fn an_exchange_on_an_idle_channel_takes_6880_4736_and_3456_microseconds_on_average() {
    // Waits of 0 to 7 periods, each once: 3.5 on average, 1120 µs. 127 bytes: 1120 + 128 + 192 + 4256 + 192 + 352 + 640 = 6880; 60
    // bytes: 2624 + 2112; 20 bytes: 2624 + 832, with the long pause, as 20 > 18; 18 bytes: 1984 + 768 and the short pause, 192.
    use Event::{Elapsed, Idle};
    for (len, expected) in [(127, 6880), (60, 4736), (20, 3456), (18, 1984 + 768 + 192)] {
        let mut total = Span::ZERO;
        for wait in 0..8 {
            let events = [Elapsed, Idle, Elapsed, Elapsed, ACKED];
            // No wait is no step, and then nothing elapses.
            let events = if wait == 0 { &events[1..] } else { &events[..] };
            for step in script(CsmaParameters::default(), len, true, &[wait], events) {
                total += match step {
                    Step::Backoff(span) | Step::Sense(span) | Step::Turn(span) | Step::Send(span) => span,
                    // The acknowledgement comes after a turnaround and takes 11 bytes.
                    Step::AwaitAck(_) => timing::TURNAROUND.span() + timing::air_time(timing::ACK_LEN),
                    Step::Done { rest, .. } => rest,
                };
            }
        }
        assert_eq!(total, micros(8 * expected), "{len} bytes");
        let mean = CsmaParameters::default().mean_exchange(len);
        assert!((mean - expected as f64 * 1e-6).abs() < 1e-12, "{len} bytes: {mean}");
    }
    // 127 bytes in 6880 µs are 147.7 kb/s.
    let rate = 127.0 * 8.0 / CsmaParameters::default().mean_exchange(127);
    assert!((rate - 147_674.0).abs() < 1.0, "{rate}");
}

#[test]
fn a_busy_channel_doubles_the_waits_up_to_31_periods_and_then_fails() {
    // BE 3, 4, 5, 5, 5: draws below 8, 16, 32, 32, 32; the fifth busy look is one too many.
    use Event::{Busy, Elapsed};
    let events = [Elapsed, Busy].repeat(5);
    let steps = script(CsmaParameters::default(), 20, true, &[7, 15, 31, 31, 31], &events);
    let waits: Vec<Span> =
        steps.iter().filter_map(|step| if let Step::Backoff(wait) = step { Some(*wait) } else { None }).collect();
    assert_eq!(waits, [7, 15, 31, 31, 31].map(|periods| micros(320 * periods)));
    let outcome = Outcome::ChannelAccessFailure { retries: 0 };
    assert_eq!(steps.last(), Some(&Step::Done { outcome, rest: Span::ZERO }));
    assert_eq!(steps.iter().filter(|step| matches!(step, Step::Sense(_))).count(), 5);
    // 115 periods, five looks of 128 and a turnaround: 36,800 + 640 + 192.
    assert_eq!(CsmaParameters::default().longest_access(), micros(37_632));
}

#[test]
fn the_exponent_grows_with_each_draw() {
    let mut seen = Vec::new();
    let mut draw = |below| {
        seen.push(below);
        0
    };
    let mut transmitter = Transmitter::new(CsmaParameters::default());
    transmitter.start(7, 20, true, &mut draw);
    for _ in 0..5 {
        transmitter.on_event(Event::Busy, &mut draw);
    }
    assert_eq!(seen, [8, 16, 32, 32, 32]);
}

#[test]
fn silence_is_met_with_three_retries_from_the_start() {
    use Event::{Elapsed, Idle};
    let attempt = [Idle, Elapsed, Elapsed, Elapsed];
    // No wait at all four times; the first busy look of the second attempt must not count for the third.
    let steps = script(CsmaParameters::default(), 20, true, &[0; 4], &attempt.repeat(4));
    let sends = steps.iter().filter(|step| **step == Step::Send(micros(832))).count();
    assert_eq!(sends, 4);
    assert_eq!(steps.last(), Some(&Step::Done { outcome: Outcome::NoAck, rest: Span::ZERO }));
    // An acknowledgement of the fourth transmission.
    let mut events = attempt.repeat(3);
    events.extend([Idle, Elapsed, Elapsed, ACKED]);
    let steps = script(CsmaParameters::default(), 20, true, &[0; 4], &events);
    assert_eq!(steps.last(), Some(&Step::Done { outcome: sent(3), rest: micros(640) }));
}

#[test]
fn a_retry_begins_with_the_smallest_exponent_and_may_fail_at_the_channel() {
    use Event::{Busy, Elapsed, Idle};
    // One busy look, sent, silence; then five busy looks: the draws are below 8, 16 and again 8, 16, 32, 32, 32.
    let mut events = vec![Busy, Idle, Elapsed, Elapsed, Elapsed];
    events.extend([Busy; 5]);
    let mut seen = Vec::new();
    let mut draw = |below| {
        seen.push(below);
        0
    };
    let mut transmitter = Transmitter::new(CsmaParameters::default());
    transmitter.start(7, 20, true, &mut draw);
    let steps: Vec<Step> = events.iter().filter_map(|event| transmitter.on_event(*event, &mut draw)).collect();
    assert_eq!(seen, [8, 16, 8, 16, 32, 32, 32]);
    let outcome = Outcome::ChannelAccessFailure { retries: 1 };
    assert_eq!(steps.last(), Some(&Step::Done { outcome, rest: Span::ZERO }));
}

#[test]
fn what_wants_no_acknowledgement_is_done_when_it_is_sent() {
    use Event::{Elapsed, Idle};
    let steps = script(CsmaParameters::default(), 18, false, &[1], &[Elapsed, Idle, Elapsed, Elapsed]);
    assert_eq!(steps.last(), Some(&Step::Done { outcome: sent(0), rest: micros(192) }));
}

#[test]
fn acknowledgements_of_others_and_late_ones_change_nothing() {
    use Event::{Elapsed, Idle};
    let other = Event::Acknowledged { sequence: 8, is_pending: true };
    let early = [other, ACKED, Idle, ACKED, Elapsed, ACKED, Elapsed, other];
    let steps = script(CsmaParameters::default(), 20, true, &[0], &early);
    assert_eq!(steps.last(), Some(&Step::AwaitAck(micros(864))));
    let mut events = early.to_vec();
    let pending = Event::Acknowledged { sequence: 7, is_pending: true };
    events.extend([pending, pending, Elapsed]);
    let steps = script(CsmaParameters::default(), 20, true, &[0], &events);
    let outcome = Outcome::Sent { retries: 0, is_pending: true };
    assert_eq!(steps.last(), Some(&Step::Done { outcome, rest: micros(640) }));
    assert_eq!(steps.iter().filter(|step| matches!(step, Step::Done { .. })).count(), 1);
}

#[test]
fn without_backoffs_and_retries_there_is_one_look_and_one_transmission() {
    use Event::{Busy, Elapsed, Idle};
    let once = CsmaParameters { min_be: 0, max_be: 0, max_backoffs: 0, max_retries: 0 };
    let steps = script(once, 20, true, &[0], &[Busy]);
    let outcome = Outcome::ChannelAccessFailure { retries: 0 };
    assert_eq!(steps, [Step::Sense(micros(128)), Step::Done { outcome, rest: Span::ZERO }]);
    let steps = script(once, 20, true, &[0], &[Idle, Elapsed, Elapsed, Elapsed]);
    assert_eq!(steps.last(), Some(&Step::Done { outcome: Outcome::NoAck, rest: Span::ZERO }));
}

#[test]
fn a_new_frame_takes_the_place_of_the_one_before() {
    let mut transmitter = Transmitter::new(CsmaParameters::default());
    transmitter.start(1, 20, true, &mut |_| 3);
    assert_eq!(transmitter.start(2, 20, true, &mut |_| 0), Step::Sense(micros(128)));
    assert_eq!(transmitter.on_event(Event::Elapsed, &mut |_| 0), None, "sensing ends with what was heard");
}

#[test]
fn a_child_listens_for_1986_symbols_after_a_promise() {
    // Equation 14 with the defaults: m = min(5 - 3, 4) = 2; (2^3 + 2^4 + 31 · 2) · 20 + 266 = 86 · 20 + 266 = 1986 symbols.
    assert_eq!(CsmaParameters::default().max_frame_total_wait(), micros(1986 * 16));
    // macMaxBE 8 and macMaxCSMABackoffs 2 of the same minimum: m = 2; (8 + 16) · 20 + 266 = 746.
    let few = CsmaParameters { max_be: 8, max_backoffs: 2, ..CsmaParameters::default() };
    assert_eq!(few.max_frame_total_wait(), micros(746 * 16));
}

#[test]
fn copies_come_within_three_times_the_longest_attempt() {
    // 37,632 + 4256 + 864 = 42,752; three times that.
    assert_eq!(CsmaParameters::default().longest_repetition(127), micros(3 * 42_752));
}
