//! One hop with losses, by the machines themselves, against the formulas.
//!
//! Each share is of N independent frames; by Hoeffding's inequality it is farther than ε from its mean with probability 2·exp(-2Nε²) at
//! most. ε is chosen such that all shares of this file together are within it but for one seed in a million; for the mean number of
//! transmissions, which is between 1 and n + 1, ε is n times that. Seeds were fixed beforehand.

use super::super::closed_form::Hop;
use super::super::*;
use super::short;
use protosim_core::{LocalTime, Purpose, RunSeed, Span, Stream, maths};

const FRAMES: u64 = 40_000;
/// More than the shares that are compared.
const SHARES: f64 = 64.0;

fn epsilon() -> f64 {
    (maths::ln(2.0 * SHARES / 1e-6) / (2.0 * FRAMES as f64)).sqrt()
}

fn stream(purpose: &'static str) -> Stream {
    RunSeed { seed: 20_261_130, replication: 0 }.stream("hop", Purpose(purpose))
}

/// What came of [`FRAMES`] frames.
#[derive(Default)]
struct Tally {
    acknowledged: u64,
    delivered: u64,
    failed_access: u64,
    transmissions: u64,
}

/// A channel that is busy at a look, loses frames and loses acknowledgements with these probabilities.
fn run(parameters: CsmaParameters, busy: f64, frame_loss: f64, ack_loss: f64) -> Tally {
    let (mut waits, mut luck) = (stream("backoff"), stream("channel"));
    let mut transmitter = Transmitter::new(parameters);
    let mut tally = Tally::default();
    let mut duplicates = Duplicates::new(4, parameters.longest_repetition(60));
    let mut now = LocalTime::ZERO;
    for frame in 0..FRAMES {
        let sequence = frame as u8;
        let mut step = transmitter.start(sequence, 60, true, &mut |below| waits.below(below));
        let (mut ack, mut copies) = (false, 0);
        loop {
            let (span, event) = match step {
                Step::Backoff(span) | Step::Turn(span) => (span, Event::Elapsed),
                Step::Sense(span) => (span, if luck.uniform() < busy { Event::Busy } else { Event::Idle }),
                Step::Send(span) => {
                    tally.transmissions += 1;
                    let came = luck.uniform() >= frame_loss;
                    if came && !duplicates.is_duplicate(short(1), sequence, now.saturating_add(span)) {
                        copies += 1;
                    }
                    ack = came && luck.uniform() >= ack_loss;
                    (span, Event::Elapsed)
                }
                Step::AwaitAck(_) if ack => {
                    (timing::air_time(timing::ACK_LEN), Event::Acknowledged { sequence, is_pending: false })
                }
                Step::AwaitAck(span) => (span, Event::Elapsed),
                Step::Done { outcome, rest } => {
                    now = now.saturating_add(rest);
                    assert!(copies <= 1, "copies are dropped");
                    tally.delivered += copies;
                    match outcome {
                        Outcome::Sent { .. } => tally.acknowledged += 1,
                        Outcome::ChannelAccessFailure { .. } => tally.failed_access += 1,
                        Outcome::NoAck => {}
                    }
                    break;
                }
            };
            now = now.saturating_add(span);
            step = transmitter.on_event(event, &mut |below| waits.below(below)).expect("an event of this step");
        }
    }
    tally
}

fn assert_near(count: u64, expected: f64, tolerance: f64, what: &str) {
    let found = count as f64 / FRAMES as f64;
    assert!((found - expected).abs() <= tolerance, "{what}: {found}, not {expected} ± {tolerance}");
}

#[test]
fn retries_deliver_what_the_formulas_say() {
    for (frame_loss, ack_loss, retries) in
        [(0.1, 0.0, 3), (0.3, 0.0, 3), (0.5, 0.0, 3), (0.5, 0.25, 3), (0.3, 0.3, 1), (0.7, 0.1, 7), (0.4, 0.2, 0)]
    {
        let parameters = CsmaParameters { max_retries: retries, ..CsmaParameters::default() };
        let tally = run(parameters, 0.0, frame_loss, ack_loss);
        let hop = Hop { frame_loss, ack_loss, retries };
        let what = format!("{hop:?}");
        assert_eq!(tally.failed_access, 0);
        assert_near(tally.delivered, hop.delivered(), epsilon(), &what);
        assert_near(tally.acknowledged, hop.acknowledged(), epsilon(), &what);
        assert_near(tally.transmissions, hop.mean_transmissions(), f64::from(retries) * epsilon(), &what);
    }
}

#[test]
fn a_busy_channel_refuses_with_the_fifth_power() {
    for busy in [0.2, 0.5, 0.8] {
        let parameters = CsmaParameters::default();
        let tally = run(parameters, busy, 0.0, 0.0);
        assert_near(tally.failed_access, parameters.access_failure(busy), epsilon(), "busy");
        assert_eq!(tally.failed_access + tally.acknowledged, FRAMES);
    }
}

#[test]
fn the_formulas_have_their_known_values() {
    // 1 - 0.1^4 = 0.9999. With s = 1 - 0.9 · 0.9 = 0.19: 1 - 0.19^4 = 0.99869679. Four frames of 0.9999: 0.9999^4 = 0.9996000599960001.
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
    let hop = Hop { frame_loss: 0.1, ack_loss: 0.0, retries: 3 };
    near(hop.delivered(), 0.9999);
    near(hop.acknowledged(), 0.9999);
    near(hop.mean_transmissions(), 1.111);
    near(hop.datagram_delivered(4), 0.999_600_059_996_000_1);
    let lossy = Hop { ack_loss: 0.1, ..hop };
    near(lossy.acknowledged(), 0.998_696_79);
    near(lossy.delivered(), 0.9999);
    near(CsmaParameters::default().access_failure(0.5), 0.03125);
}

#[test]
fn the_longest_repetition_is_what_the_machine_takes_at_most() {
    // All waits at their longest, each channel look but the last one busy, every acknowledgement missing.
    let parameters = CsmaParameters::default();
    let mut transmitter = Transmitter::new(parameters);
    let (mut now, mut looks, mut sent) = (Span::ZERO, 0, Vec::new());
    let mut longest = |below: u64| below - 1;
    let mut step = transmitter.start(1, 127, true, &mut longest);
    loop {
        let (span, event) = match step {
            Step::Sense(span) => {
                looks += 1;
                (span, if looks % 5 == 0 { Event::Idle } else { Event::Busy })
            }
            Step::Send(span) => {
                sent.push(now);
                (span, Event::Elapsed)
            }
            Step::Backoff(span) | Step::Turn(span) | Step::AwaitAck(span) => (span, Event::Elapsed),
            Step::Done { outcome, .. } => {
                assert_eq!(outcome, Outcome::NoAck);
                break;
            }
        };
        now += span;
        step = transmitter.on_event(event, &mut longest).expect("an event of this step");
    }
    assert_eq!(sent[0], parameters.longest_access());
    assert_eq!(sent[3] - sent[0], parameters.longest_repetition(127));
}
