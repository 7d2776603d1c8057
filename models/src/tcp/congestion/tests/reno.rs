//! NewReno, DCTCP and the fixed window.

use super::*;

fn reno() -> Congestion {
    CongestionConfig::NewReno.build(false)
}

/// RFC 3465 §2.2: each acknowledged byte counts, but two segments at most; one after a time-out (§2.3).
#[test]
fn slow_start_counts_bytes_up_to_two_segments() {
    let (mut algorithm, mut window) = (reno(), window(10));
    for (bytes, expected) in [(MSS, 11_000), (300, 11_300), (2 * MSS, 13_300), (5 * MSS, 15_300)] {
        algorithm.on_ack(&Ack { newly_acked: bytes, ..ack(0) }, &mut window, &mut no_luck);
        assert_eq!(window.cwnd, expected);
    }
    let after_timeout = Ack { newly_acked: 5 * MSS, phase: Phase::Loss, ..ack(0) };
    algorithm.on_ack(&after_timeout, &mut window, &mut no_luck);
    assert_eq!(window.cwnd, 16_300);
}

/// Ten segments are acknowledged one by one: the window grows by one with the tenth. The next needs eleven. What ssthresh
/// cuts off counts for congestion avoidance: of the 2000 bytes, 500 reach ssthresh and 1500 of 10 500 are counted.
#[test]
fn congestion_avoidance_grows_by_a_segment_for_each_window() {
    let (mut algorithm, mut window) = (reno(), avoiding(10));
    let mut grown_at = Vec::new();
    for count in 1..=33 {
        let before = window.cwnd;
        algorithm.on_ack(&ack(0), &mut window, &mut no_luck);
        if window.cwnd > before {
            grown_at.push(count);
        }
    }
    assert_eq!(grown_at, [10, 21, 33]);
    // Three at a time: 12 are 2 more than 10; with 9 more it is 11.
    let (mut algorithm, mut window) = (reno(), avoiding(10));
    let windows = [(); 7].map(|()| {
        algorithm.on_ack(&Ack { newly_acked: 3 * MSS, ..ack(0) }, &mut window, &mut no_luck);
        window.cwnd / MSS
    });
    assert_eq!(windows, [10, 10, 10, 11, 11, 11, 12]);
    let mut algorithm = reno();
    window = Window { cwnd: 10_000, ssthresh: 10_500, mss: MSS };
    algorithm.on_ack(&Ack { newly_acked: 2 * MSS, ..ack(0) }, &mut window, &mut no_luck);
    assert_eq!(window.cwnd, 10_500);
    for _ in 0..8 {
        algorithm.on_ack(&ack(0), &mut window, &mut no_luck);
    }
    assert_eq!(window.cwnd, 10_500);
    algorithm.on_ack(&ack(0), &mut window, &mut no_luck);
    assert_eq!(window.cwnd, 11_500);
}

/// RFC 7661: a window that is not used does not grow; nor does one that rate reduction sets.
#[test]
fn the_window_grows_only_if_it_is_used_and_free() {
    let (mut algorithm, mut window) = (reno(), window(10));
    algorithm.on_ack(&Ack { is_cwnd_limited: false, ..ack(0) }, &mut window, &mut no_luck);
    for phase in [Phase::Recovery, Phase::Cwr] {
        algorithm.on_ack(&Ack { phase, ..ack(0) }, &mut window, &mut no_luck);
    }
    assert_eq!(window.cwnd, 10_000);
}

/// RFC 5681 equation 4: half of FlightSize, at least two segments.
#[test]
fn congestion_halves() {
    let (mut algorithm, mut window) = (reno(), window(40));
    algorithm.on_congestion(Cause::Loss, LocalTime::ZERO, 30 * MSS, &mut window);
    assert_eq!(window.ssthresh, 15_000);
    algorithm.on_congestion(Cause::Timeout, LocalTime::ZERO, MSS, &mut window);
    assert_eq!(window.ssthresh, 2_000);
}

/// One loss in each 1/p segments, an acknowledgement for each: the window swings between W/2 and W with 3 W²/8 = 1/p, on
/// average sqrt(3/2) / sqrt(p) (T17). Both p give hundreds of segments or tens; the saw-tooth's steps cost a segment or two.
#[test]
fn periodic_losses_give_the_average_window_of_the_square_root() {
    for (period, within) in [(1_000, 0.05), (100_000, 0.01)] {
        let mut algorithm = reno();
        let average = periodic_average(&mut algorithm, 10, period, 30, 0.1);
        close(average, 1.224_745 * (period as f64).sqrt(), within);
    }
}

/// The average window \[segments\] over the last ten of `periods` periods, each of `period` acknowledgements; each begins with
/// a loss, the first one at a window of `start` segments. `rtt` in seconds.
pub(super) fn periodic_average(algorithm: &mut Congestion, start: u64, period: u64, periods: u32, rtt: f64) -> f64 {
    let mut window = avoiding(start);
    let srtt = Span::from_secs_f64(rtt);
    let (mut now, mut measured_from) = (0.0, 0.0);
    for loss in 0..periods {
        if loss == periods - 10 {
            measured_from = now;
        }
        let at = LocalTime::ZERO.saturating_add(Span::from_secs_f64(now));
        algorithm.on_congestion(Cause::Loss, at, window.cwnd, &mut window);
        window.cwnd = window.ssthresh;
        algorithm.on_recovered(at, &mut window);
        for _ in 0..period {
            now += rtt * MSS as f64 / window.cwnd as f64;
            let at = LocalTime::ZERO.saturating_add(Span::from_secs_f64(now));
            algorithm.on_ack(&Ack { now: at, srtt, ..ack(0) }, &mut window, &mut no_luck);
        }
    }
    10.0 * period as f64 / ((now - measured_from) / rtt)
}

/// Whole windows of data with a fourth of the bytes marked: α moves by a sixteenth of the way to 1/4 with each,
/// 1/4 + 3/4 · (15/16)^n after n of them (RFC 8257 §3.3).
#[test]
fn dctcp_alpha_is_an_average_of_marks() {
    let mut algorithm = Dctcp::new(&DctcpConfig::default());
    let mut window = avoiding(1_000);
    assert_eq!(algorithm.alpha(), 1.0);
    let mut expected = 1.0;
    for round in 0..40_u64 {
        for segment in 0..8_u64 {
            let snd_una = (round * 8 + segment + 1) * MSS;
            let marked = if segment % 4 == 3 { MSS } else { 0 };
            // What is sent in answer to this window of data ends eight segments later.
            let acked = Ack { snd_una, snd_nxt: snd_una + 7 * MSS, marked, ..ack(0) };
            if snd_una > (round * 8) * MSS && segment == 0 && round > 0 {
                expected = expected * 15.0 / 16.0 + 0.25 / 16.0;
            }
            algorithm.on_ack(&acked, &mut window);
        }
        if round == 0 {
            // The first acknowledgement is a window of its own: nothing had been sent before.
            expected = 15.0 / 16.0;
        }
        close(algorithm.alpha(), expected, 1e-12);
    }
    // 1/4 + (15/16 - 1/4) (15/16)^39 = 0.25 + 0.6875 · 0.0807016 = 0.3054823.
    close(algorithm.alpha(), 0.305_482_3, 1e-6);
    // RFC 8257 §3.3: cwnd (1 - α/2).
    window.cwnd = 1_000_000;
    algorithm.on_congestion(Cause::Mark, 1_000_000, &mut window);
    assert!(window.ssthresh.abs_diff(847_259) <= 1, "{window:?}");
    algorithm.on_congestion(Cause::Loss, 1_000_000, &mut window);
    assert_eq!(window.ssthresh, 500_000);
}

/// α starts at 1: the first mark halves, as a loss does.
#[test]
fn dctcp_starts_careful() {
    let mut algorithm = CongestionConfig::Dctcp(DctcpConfig::default()).build(false);
    let mut window = avoiding(100);
    algorithm.on_congestion(Cause::Mark, LocalTime::ZERO, 100 * MSS, &mut window);
    assert_eq!(window.ssthresh, 50 * MSS);
    assert!(algorithm.echoes_each_mark());
    assert!(!reno().echoes_each_mark());
}

#[test]
fn a_fixed_window_is_fixed() {
    let (mut algorithm, mut window) = (CongestionConfig::Fixed { window: 7 }.build(false), window(10));
    algorithm.on_ack(&ack(0), &mut window, &mut no_luck);
    assert_eq!(window.cwnd, 7_000);
    window.cwnd = 1;
    algorithm.on_congestion(Cause::Timeout, LocalTime::ZERO, 7_000, &mut window);
    assert_eq!(window.cwnd, 7_000);
    assert!(algorithm.sets_window_in_recovery());
}
