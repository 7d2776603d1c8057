//! Tests of congestion control: the interface's properties here, then each algorithm against closed forms and vectors, and BBR
//! on a model of a path.

mod bbr;
mod cubic;
mod delay;
mod path;
mod reno;

use super::*;
use proptest::prelude::*;

const MSS: u64 = 1000;

/// An acknowledgement of one segment by a sender that uses its window.
fn ack(now_ms: u64) -> Ack {
    let now = LocalTime::from_nanos(now_ms * 1_000_000);
    Ack {
        now,
        newly_acked: MSS,
        delivered: MSS,
        marked: 0,
        lost: 0,
        prior_in_flight: 10 * MSS,
        in_flight: 9 * MSS,
        rtt: Some(Span::from_millis(100)),
        srtt: Span::from_millis(100),
        min_rtt: Span::from_millis(100),
        rate: None,
        is_cwnd_limited: true,
        total_delivered: 0,
        snd_una: 0,
        snd_nxt: 0,
        phase: Phase::Open,
    }
}

fn window(segments: u64) -> Window {
    Window { cwnd: segments * MSS, ssthresh: u64::MAX, mss: MSS }
}

/// In congestion avoidance.
fn avoiding(segments: u64) -> Window {
    Window { ssthresh: segments * MSS, ..window(segments) }
}

fn no_luck() -> u64 {
    panic!("this algorithm does not draw")
}

fn close(x: f64, expected: f64, relative: f64) {
    assert!((x / expected - 1.0).abs() <= relative, "{x} is not {expected} within {relative}");
}

fn all_configs() -> Vec<CongestionConfig> {
    let hystart_off = CubicConfig { hystart: false, ..CubicConfig::default() };
    vec![
        CongestionConfig::default(),
        CongestionConfig::Cubic(hystart_off),
        CongestionConfig::NewReno,
        CongestionConfig::Bbr,
        CongestionConfig::BbrV3,
        CongestionConfig::Vegas(VegasConfig::default()),
        CongestionConfig::Dctcp(DctcpConfig::default()),
        CongestionConfig::Fixed { window: 3 },
    ]
}

/// An idle connection has 1 KiB in all: what is large lies outside, and only with the algorithms that need it.
#[test]
fn an_algorithm_is_small() {
    assert!(size_of::<Congestion>() <= 112, "{} bytes", size_of::<Congestion>());
    assert!(size_of::<BbrV1>() <= 400, "{} bytes", size_of::<BbrV1>());
    assert!(size_of::<BbrV3>() <= 640, "{} bytes", size_of::<BbrV3>());
}

#[test]
fn values_that_nothing_could_come_of_are_found() {
    let fields = |config: CongestionConfig| config.check().into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    assert!(all_configs().iter().all(|config| config.check().is_empty()));
    let cubic =
        CubicConfig { beta: protosim_core::Ratio::ONE, c: protosim_core::Ratio::ZERO, ..CubicConfig::default() };
    assert_eq!(fields(CongestionConfig::Cubic(cubic)), ["tcp.congestion.Cubic.beta", "tcp.congestion.Cubic.c"]);
    let vegas = VegasConfig { alpha: 5, beta: 4, gamma: 0 };
    assert_eq!(fields(CongestionConfig::Vegas(vegas)), ["tcp.congestion.Vegas.beta", "tcp.congestion.Vegas.gamma"]);
    let dctcp = DctcpConfig { gain: protosim_core::Ratio::ZERO, ..DctcpConfig::default() };
    assert_eq!(fields(CongestionConfig::Dctcp(dctcp)), ["tcp.congestion.Dctcp.gain"]);
    for window in [0, 1_000_001] {
        assert_eq!(fields(CongestionConfig::Fixed { window }), ["tcp.congestion.Fixed.window"]);
    }
}

/// As in a scenario: fields that are left out have their defaults, others are refused.
#[test]
fn configurations_are_read() {
    let read = ron::from_str::<CongestionConfig>;
    assert_eq!(read("Cubic(())").unwrap(), CongestionConfig::default());
    assert_eq!(read("Bbr").unwrap(), CongestionConfig::Bbr);
    let config = read(r#"Cubic((beta: "50 %", hystart: false))"#).unwrap();
    let CongestionConfig::Cubic(cubic) = config else { panic!("{config:?}") };
    assert!(cubic.beta.as_f64() == 0.5 && !cubic.hystart && cubic.fast_convergence && cubic.c.as_f64() == 0.4);
    assert!(read("Vegas((delta: 1))").is_err());
    let text = ron::to_string(&CongestionConfig::Dctcp(DctcpConfig::default())).unwrap();
    assert!(text.contains("6.25 %") && text.contains("100 %"), "{text}");
}

#[derive(Clone, Debug)]
enum Step {
    Ack(Ack),
    Lost(Lost),
    Congestion(Cause, u64),
    Recovered,
    Undo,
    Restart(u64),
}

fn amount() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0_u64..20_000, 1 => any::<u64>(), 1 => Just(0), 1 => Just(u64::MAX)]
}

fn any_ack() -> impl Strategy<Value = Ack> {
    let phase = prop::sample::select(vec![Phase::Open, Phase::Disorder, Phase::Cwr, Phase::Recovery, Phase::Loss]);
    let rate = (amount(), amount(), amount(), any::<bool>(), amount(), amount()).prop_map(
        |(delivered, interval, prior_delivered, is_app_limited, tx_in_flight, lost)| RateSample {
            delivered,
            interval: Span::from_nanos(interval),
            prior_delivered,
            is_app_limited,
            tx_in_flight,
            lost,
        },
    );
    let sizes = (amount(), amount(), amount(), amount(), amount(), amount());
    let times = (amount(), prop::option::of(amount()), amount(), amount());
    let places = (amount(), amount(), amount(), any::<bool>());
    (sizes, times, places, prop::option::of(rate), phase).prop_map(|(sizes, times, places, rate, phase)| Ack {
        now: LocalTime::from_nanos(times.0),
        newly_acked: sizes.0,
        delivered: sizes.1,
        marked: sizes.2,
        lost: sizes.3,
        prior_in_flight: sizes.4,
        in_flight: sizes.5,
        rtt: times.1.map(Span::from_nanos),
        srtt: Span::from_nanos(times.2),
        min_rtt: Span::from_nanos(times.3),
        rate,
        is_cwnd_limited: places.3,
        total_delivered: places.0,
        snd_una: places.1,
        snd_nxt: places.2,
        phase,
    })
}

fn any_step() -> impl Strategy<Value = Step> {
    let cause = prop::sample::select(vec![Cause::Loss, Cause::Mark, Cause::Timeout]);
    let lost = (amount(), amount(), amount(), amount(), amount(), any::<bool>(), amount()).prop_map(
        |(now, offset, bytes, tx_in_flight, lost, is_app_limited, total_delivered)| {
            let now = LocalTime::from_nanos(now);
            Step::Lost(Lost { now, offset, bytes, tx_in_flight, lost, is_app_limited, total_delivered })
        },
    );
    prop_oneof![
        12 => any_ack().prop_map(Step::Ack),
        2 => lost,
        2 => (cause, amount()).prop_map(|(cause, flight)| Step::Congestion(cause, flight)),
        1 => Just(Step::Recovered),
        1 => Just(Step::Undo),
        1 => amount().prop_map(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever comes, in whatever order: no panic, a window of at least one segment (four for BBR, but for the one that a
    /// time-out leaves), and never one so wide that sums overflow.
    #[test]
    fn any_order_of_events_is_survived(steps in prop::collection::vec(any_step(), 1..60), mss in 1_u64..9000) {
        for config in all_configs() {
            for is_paced in [false, true] {
                let mut algorithm = config.build(is_paced);
                let mut window = Window { cwnd: 10 * mss, ssthresh: u64::MAX, mss };
                let mut seed = 1_u64;
                let mut luck = || { seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1); seed };
                let now = LocalTime::ZERO;
                let least = if matches!(algorithm, Congestion::BbrV1(_) | Congestion::BbrV3(_)) { 4 } else { 1 };
                for step in &steps {
                    match step {
                        Step::Ack(ack) => {
                            algorithm.on_ack(ack, &mut window, &mut luck);
                            prop_assert!(window.cwnd >= least * mss, "{config:?} {window:?}");
                        }
                        Step::Lost(lost) => algorithm.on_lost(lost, &window),
                        Step::Congestion(cause, flight) => {
                            algorithm.on_congestion(*cause, now, *flight, &mut window);
                            if !algorithm.sets_window_in_recovery() {
                                prop_assert!(window.ssthresh >= 2 * mss);
                                window.cwnd = if *cause == Cause::Timeout { mss } else { window.ssthresh.min(MOST_WINDOW) };
                            }
                        }
                        Step::Recovered => algorithm.on_recovered(now, &mut window),
                        Step::Undo => algorithm.on_undo(now, &mut window),
                        Step::Restart(idle) => algorithm.on_idle_restart(now, Span::from_nanos(*idle), &mut window),
                    }
                    prop_assert!((mss..=MOST_WINDOW).contains(&window.cwnd), "{config:?} {window:?}");
                    let _ = algorithm.pacing_rate(&window, Span::ZERO);
                }
            }
        }
    }
}
