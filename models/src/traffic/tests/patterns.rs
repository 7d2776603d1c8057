//! When sources send, and how much: schedules by hand, laws by closed forms.

use super::*;
use crate::packet::Ecn;

fn size(bytes: u64) -> Size {
    Size::from_bytes(bytes)
}

fn millis(n: u64) -> Span {
    Span::from_millis(n)
}

/// Sends what `config` says over a link without a rate, and gives departures in nanoseconds and payloads in bytes.
fn sent(config: UdpSourceConfig) -> Vec<(u64, u64)> {
    let mut net = pair(config, LinkConfig { mtu: Some(mtu()), ..link("", "1 us") });
    net.listens = true;
    let mut world = net.build(1);
    world.run_until_quiet();
    let wire = world.wire(0, true);
    let reports = world.take_reports();
    let seen = World::seen(&reports, wire, LinkEnd::Receiver);
    seen.iter().map(|seen| (seen.at.as_nanos() - 1_000, seen.packet.payload.len())).collect()
}

fn mtu() -> crate::link::Mtu {
    ron::from_str(r#""65535 B""#).unwrap()
}

fn times(config: UdpSourceConfig) -> Vec<u64> {
    sent(config).into_iter().map(|(at, _)| at).collect()
}

fn with(pattern: Pattern, rate: Option<&str>, payload: Option<SizeDistribution>) -> UdpSourceConfig {
    UdpSourceConfig { pattern, rate: rate.map(|rate| rate.parse().unwrap()), payload, ..source("1 bit/s", 1) }
}

/// The largest distance between the law `cdf` and `drawn`, times the root of their number: above 1.95 with a
/// probability of 0.001 (Kolmogorov: 2 exp(-2 · 1.95²) = 0.001).
fn kolmogorov_smirnov(mut drawn: Vec<f64>, cdf: impl Fn(f64) -> f64) -> f64 {
    drawn.sort_by(f64::total_cmp);
    let n = drawn.len() as f64;
    let distances = drawn.iter().enumerate().map(|(i, x)| {
        let share = cdf(*x);
        (share - i as f64 / n).max((i + 1) as f64 / n - share)
    });
    distances.fold(0.0, f64::max) * n.sqrt()
}

/// Packets of 100 to 300 bytes at 1 Mbit/s: each leaves 8 us a byte after the one before it, whatever its size.
#[test]
fn a_rate_holds_for_drawn_sizes() {
    let sizes = SizeDistribution::Uniform { low: size(100), high: size(300) };
    let config = UdpSourceConfig { count: Some(200), ..with(Pattern::Constant, Some("1 Mbit/s"), Some(sizes)) };
    let sent = sent(config);
    let mut due = 0;
    for (at, len) in &sent {
        assert_eq!(*at, due);
        due += len * 8_000;
    }
    // Uniform: mean 200, standard deviation 200 / sqrt(12) = 57.7; five standard errors of 200 draws are 20.4.
    let mean = sent.iter().map(|(_, len)| *len).sum::<u64>() as f64 / 200.0;
    assert!((mean - 200.0).abs() < 20.4, "{mean}");
    assert!(sent.iter().all(|(_, len)| (100..=300).contains(len)));
}

/// Gaps of 1000-byte packets at 8 Mbit/s: exponential with mean 1 ms, three seeds, 10^4 each.
#[test]
fn poisson_gaps_are_exponential() {
    for seed in [1, 2, 3] {
        let sizes = Some(SizeDistribution::Exponential { mean: size(1000) });
        let sizes_of = SizesOf::Packet;
        let config =
            UdpSourceConfig { count: Some(10_000), sizes_of, ..with(Pattern::Poisson, Some("8 Mbit/s"), sizes) };
        let mut net = Net::new(seed);
        net.node("a", false);
        net.node("b", false);
        net.link("l", 0, 1, LinkConfig { mtu: Some(mtu()), ..link("", "1 us") });
        let to = net.socket(1, 9);
        net.app(0, "source", UdpSource::new(config, to));
        net.app(1, "sink", sink());
        let mut world = net.build(1);
        world.run_until_quiet();
        let wire = world.wire(0, true);
        let reports = world.take_reports();
        let seen = World::seen(&reports, wire, LinkEnd::Receiver);
        let at: Vec<f64> = std::iter::once(0.0).chain(seen.iter().map(|seen| seen.at.as_secs_f64() - 1e-6)).collect();
        let gaps: Vec<f64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
        // Packets of at least 29 bytes: max(X, 29) has the mean 29 + 1000 exp(-0.029) = 1000.416 bytes. 65 535 is never met.
        let mean = 1.000_416e-3;
        let statistic = kolmogorov_smirnov(gaps, |x| 1.0 - protosim_core::maths::exp(-x / mean));
        assert!(statistic < 1.95, "seed {seed}: {statistic}");
        // Sizes: the same test above what is cut; whole bytes blur the law by 1/2000 at most, 0.05 in the statistic.
        let lens: Vec<f64> = seen.iter().map(|seen| seen.packet.wire_len() as f64).filter(|len| *len > 29.5).collect();
        let above = |x: f64| protosim_core::maths::exp(-(x - 29.5) / 1000.0);
        let statistic = kolmogorov_smirnov(lens, |x| 1.0 - above(x));
        assert!(statistic < 2.0, "seed {seed}: {statistic}");
        assert!(seen.iter().all(|seen| seen.packet.wire_len() >= 29));
    }
}

/// 250 bytes each millisecond; on for 2.5 ms, off for 10 ms. In on time they are due at 0, 1, 2, 3, ... ms; on periods
/// end at r, r + 2.5, ... where r is what is left of the first. Whatever is drawn: with the same on time between them,
/// five datagrams in two periods of 25 ms together.
#[test]
fn on_and_off_periods_alternate() {
    let pattern = || Pattern::OnOff {
        on: TimeDistribution::Fixed(Span::from_micros(2_500)),
        off: TimeDistribution::Fixed(millis(10)),
    };
    let config = with(pattern(), Some("2 Mbit/s"), Some(size(250).into()));
    let at = times(UdpSourceConfig { count: Some(400), ..config });
    assert_eq!(at.len(), 400);
    // From datagram i to i + 5: two on periods and two off ones, exactly.
    for pair in at.windows(6) {
        assert_eq!(pair[5] - pair[0], 25_000_000);
    }
    // Within a period 1 ms; over an off period 11 ms.
    assert!(at.windows(2).all(|pair| [1_000_000, 11_000_000].contains(&(pair[1] - pair[0]))));
}

/// On for an exponential time of mean 50 ms, off for one of 150 ms: a quarter of the full rate of 1000 a second, from
/// the start on. 400 sources over 2 s give a mean of 500 each; an on/off process with rates a = 20 and b = 6.667 a
/// second is on in a share of variance 2 p (1 - p) / ((a + b) t) = 0.00703 (less by 2 % for the ends), so 168 a source
/// and 8.4 for the mean of 400; five of these.
#[test]
fn on_off_sources_have_their_share_of_time() {
    let pattern = || Pattern::OnOff {
        on: TimeDistribution::Exponential { mean: millis(50) },
        off: TimeDistribution::Exponential { mean: millis(150) },
    };
    let mut net = Net::new(5);
    net.listens = false;
    net.node("a", false);
    net.node("b", false);
    net.link("l", 0, 1, link("", "1 us"));
    let to = net.socket(1, 9);
    for index in 0..400 {
        let config = with(pattern(), Some("800 kbit/s"), Some(size(100).into()));
        let config = UdpSourceConfig { stop: Some(Span::from_secs(2)), ..config };
        net.app(0, &format!("s{index:03}"), UdpSource::new(config, to));
    }
    net.app(1, "sink", sink());
    let mut world = net.build(1);
    world.run_until_quiet();
    let mean = world.total(1, "sink", "datagrams") as f64 / 400.0;
    assert!((mean - 500.0).abs() < 42.0, "{mean}");
}

/// Pareto periods of shape 1.5 and at least 10 ms, the same for off: half the rate. The mean of 400 sources over 20 s
/// has no closed interval, as the variance is infinite; the periods' means are both 30 ms, so by symmetry the share on
/// is one half, and its variance is at most 1/4 a source: five standard errors are 5 · 0.5 / 20 = 12.5 %.
#[test]
fn pareto_periods_are_symmetric() {
    let periods = || TimeDistribution::Pareto { shape: 1.5, min: millis(10), max: None };
    let mut net = Net::new(6);
    net.listens = false;
    net.node("a", false);
    net.node("b", false);
    net.link("l", 0, 1, link("", "1 us"));
    let to = net.socket(1, 9);
    for index in 0..400 {
        let pattern = Pattern::OnOff { on: periods(), off: periods() };
        let config = with(pattern, Some("80 kbit/s"), Some(size(100).into()));
        let config = UdpSourceConfig { stop: Some(Span::from_secs(20)), ..config };
        net.app(0, &format!("s{index:03}"), UdpSource::new(config, to));
    }
    net.app(1, "sink", sink());
    let mut world = net.build(1);
    world.run_until_quiet();
    let share = world.total(1, "sink", "datagrams") as f64 / (400.0 * 2000.0);
    assert!((share - 0.5).abs() < 0.125, "{share}");
}

/// Every 10 ms without jitter: 0, 10, 20 ms. With a phase the same from a moment within the first period; with jitter
/// each up to 1 ms later, which does not add up.
#[test]
fn periodic_datagrams_keep_their_period() {
    let periodic = |jitter, random_phase| {
        let pattern = Pattern::Periodic { every: millis(10), jitter, random_phase };
        times(UdpSourceConfig { count: Some(1000), ..with(pattern, None, Some(size(20).into())) })
    };
    let at = |i: usize| i as u64 * 10_000_000;
    assert!(periodic(Span::ZERO, false).iter().enumerate().all(|(i, time)| *time == at(i)));
    let phased = periodic(Span::ZERO, true);
    assert!((1..10_000_000).contains(&phased[0]));
    assert!(phased.iter().enumerate().all(|(i, time)| *time == phased[0] + at(i)));
    let late: Vec<f64> =
        periodic(millis(1), false).iter().enumerate().map(|(i, time)| (time - at(i)) as f64 / 1e6).collect();
    assert!(kolmogorov_smirnov(late, |x| x) < 1.95);
}

/// Times to the nanosecond, sizes to the byte, two at one instant, after the start of 2 s.
#[test]
fn a_trace_is_replayed_exactly() {
    let text = "time_s,payload_bytes\n0,100\n# a remark\n\n 0.000000001 , 1\r\n1.5,1400\n1.50,7\n100.123456789,65507";
    let mut file = TraceFile::new("trace.csv");
    file.resolve(text).unwrap();
    let config = UdpSourceConfig { start: Span::from_secs(2), ..with(Pattern::Replay { file }, None, None) };
    assert_eq!(config.check(), []);
    assert!(config.has_end());
    assert_eq!(config.longest_payload(20), 65_507);
    let start = 2_000_000_000;
    let expected = [(0, 100), (1, 1), (1_500_000_000, 1400), (1_500_000_000, 7), (100_123_456_789, 65_507)];
    assert_eq!(sent(config.clone()), expected.map(|(at, len)| (start + at, len)));
    let two = UdpSourceConfig { count: Some(2), ..config };
    assert_eq!(sent(two).len(), 2);
}

#[test]
fn traces_with_mistakes_say_where() {
    let mistakes = |text: &str| match Trace::parse(text) {
        Ok(_) => panic!("{text} is a trace"),
        Err(all) => {
            all.into_iter().map(|e| format!("{}: {}|{}", e.line, &text[e.range], e.message)).collect::<Vec<_>>()
        }
    };
    assert_eq!(
        mistakes("0.5,10\n0.4,10\n"),
        ["2: 0.4|the time 0.4 s is before that of the datagram before it, 500 ms"]
    );
    assert_eq!(
        mistakes("0,1\nabc\n1e3,4\n2,\n3, 70000\n4,-1\n0.0000000001,1\n"),
        [
            "2: abc|`abc` is not `time_s,payload_bytes`, such as `0.000125,1200`",
            "3: 1e3|`1e3` is not a time in seconds with at most nine decimals",
            "4: |`` is not a number of bytes from 1 to 65507",
            "5:  70000|`70000` is not a number of bytes from 1 to 65507",
            "6: -1|`-1` is not a number of bytes from 1 to 65507",
            "7: 0.0000000001|`0.0000000001` is not a time in seconds with at most nine decimals",
        ]
    );
    assert_eq!(mistakes("# nothing\n"), ["1: |a trace has at least one datagram"]);
    assert_eq!(mistakes(&"x\n".repeat(100)).len(), 20);
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader_of_traces(text in "[0-9.,e#x \\n\\r\u{e9}-]{0,60}") {
        if let Err(mistakes) = Trace::parse(&text) {
            for mistake in mistakes {
                prop_assert!(text.get(mistake.range).is_some());
            }
        }
    }
}

/// A packet of 128 bytes: 100 of payload over IPv4, 80 over IPv6; one of 30 leaves 2, or the least there is, 1.
#[test]
fn sizes_can_be_of_packets() {
    for (packet, is_v6, expected) in [(128, false, 100), (128, true, 80), (30, false, 2), (30, true, 1)] {
        let mut net = Net::chain(&[link("", "1 us")]);
        let to = std::net::SocketAddr::new(if is_v6 { net.address_v6(1) } else { net.address(1) }, 9);
        let config = UdpSourceConfig { sizes_of: SizesOf::Packet, count: Some(3), ..source("1 Mbit/s", packet) };
        net.app(0, "source", UdpSource::new(config, to));
        net.app(1, "sink", sink());
        let mut world = net.build(1);
        world.run_until_quiet();
        assert_eq!(world.total(1, "sink", "payload_bytes"), 3 * expected);
        // The rate is of packets too: 128 bytes at 1 Mbit/s are 1.024 ms.
        if packet == 128 {
            assert_eq!(world.take_arrivals(0, true), [1_000, 1_025_000, 2_049_000]);
        }
    }
}

/// Marked packets keep their marks to the sink; a queue's mark is counted there.
#[test]
fn packets_carry_the_traffic_class() {
    for (ecn, expected) in [(EcnMark::NotEct, Ecn::NotEct), (EcnMark::Ect0, Ecn::Ect0), (EcnMark::Ect1, Ecn::Ect1)] {
        let config = UdpSourceConfig { ecn, dscp: 46, count: Some(1), ..source("1 Mbit/s", 100) };
        let mut world = pair(config, link("", "1 us")).build(1);
        world.run_until_quiet();
        let wire = world.wire(0, true);
        let reports = world.take_reports();
        let seen = World::seen(&reports, wire, LinkEnd::Receiver);
        assert_eq!((seen[0].packet.ip.ecn(), seen[0].packet.ip.dscp()), (expected, 46));
        assert_eq!(world.total(1, "sink", "ce_marked_datagrams"), 0);
    }
    let mut net = Net::chain(&[link("", "1 us")]);
    let mut packet = crate::Packet::udp(net.socket(0, 5000), net.socket(1, 9), Rope::fill(0, 0, 10)).unwrap();
    packet.ip.set_ecn(Ecn::Ce);
    net.inject(0, packet);
    let to = net.socket(1, 9);
    net.app(0, "probe", Probe::new(5000).then(0, Do::Send(to, Rope::fill(0, 10, 10))));
    net.app(1, "sink", sink());
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!(world.total(1, "sink", "ce_marked_datagrams"), 1);
}

/// 1000 bytes and 28 of headers at 8 Mbit/s take 1.028 ms, and 5 ms of delay: 6.028 ms after each was sent; the second,
/// sent at 0.5 ms, waits for the first: 2.056 + 5 - 0.5 = 6.556 ms.
#[test]
fn deliveries_are_reported_with_their_sending_where_someone_asks() {
    use crate::observe::Observation;
    use protosim_core::kernel::Interests;
    let config = UdpSourceConfig { count: Some(2), ..source("16 Mbit/s", 1000) };
    for listens in [true, false] {
        let mut world = pair(config.clone(), link("8 Mbit/s", "5 ms")).build(1);
        let asked = if listens { Interests::RESULTS.and(Interests::DELIVERIES) } else { Interests::RESULTS };
        world.listen(asked);
        world.run_until_quiet();
        let delays = world.take_reports().into_iter().filter_map(|reported| match reported.report {
            crate::node::Report::App {
                observation: Observation::Received { sent_at: Some(sent_at), bytes, .. },
                ..
            } => Some(((reported.at - sent_at).as_nanos(), bytes)),
            _ => None,
        });
        let expected = if listens { vec![(6_028_000, 1000), (6_556_000, 1000)] } else { vec![] };
        assert_eq!(delays.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn what_a_pattern_cannot_use_is_refused() {
    let fields = |config: UdpSourceConfig| config.check().into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    let hundred = || Some(SizeDistribution::Fixed(size(100)));
    let fixed = |millis| TimeDistribution::Fixed(Span::from_millis(millis));
    assert_eq!(fields(with(Pattern::Constant, None, None)), ["rate", "payload"]);
    assert_eq!(fields(with(Pattern::Poisson, None, hundred())), ["rate"]);
    let periodic =
        |every, jitter| Pattern::Periodic { every: millis(every), jitter: millis(jitter), random_phase: false };
    assert_eq!(fields(with(periodic(10, 10), None, hundred())), [""; 0]);
    assert_eq!(fields(with(periodic(10, 11), Some("1 bit/s"), hundred())), ["rate", "pattern.jitter"]);
    assert_eq!(fields(with(periodic(0, 0), None, hundred())), ["pattern.every"]);
    let replay = Pattern::Replay { file: TraceFile::new("x") };
    assert_eq!(fields(with(replay, Some("1 bit/s"), hundred())), ["rate", "payload"]);
    let on_off = |on, off| with(Pattern::OnOff { on, off }, Some("800 bit/s"), hundred());
    assert_eq!(fields(on_off(fixed(1), fixed(1))), [""; 0]);
    // A datagram takes a second at this rate: on periods of a microsecond are too short.
    let brief = TimeDistribution::Fixed(Span::from_micros(1));
    assert_eq!(fields(on_off(brief, fixed(1))), ["pattern.on"]);
    let endless = TimeDistribution::Pareto { shape: 1.0, min: millis(1), max: None };
    assert_eq!(fields(on_off(fixed(1), endless)), ["pattern.off"]);
    assert_eq!(fields(on_off(fixed(0), fixed(1))), ["pattern.on"]);
    assert_eq!(fields(UdpSourceConfig { dscp: 64, ..source("1 bit/s", 1) }), ["dscp"]);
    for wrong in [
        SizeDistribution::Uniform { low: size(3), high: size(2) },
        SizeDistribution::Exponential { mean: size(0) },
        SizeDistribution::Exponential { mean: size(65_508) },
        SizeDistribution::Pareto { shape: 0.0, min: size(3), max: None },
        SizeDistribution::Pareto { shape: f64::NAN, min: size(3), max: None },
        SizeDistribution::Pareto { shape: 1.0, min: size(3), max: Some(size(3)) },
        SizeDistribution::LogNormal { median: size(3), sigma: -1.0 },
        SizeDistribution::Choice(vec![]),
        SizeDistribution::Choice(vec![(-1.0, size(1)), (2.0, size(1))]),
        SizeDistribution::Cdf(vec![(Ratio::from_percent(50), size(1))]),
    ] {
        let config = with(Pattern::Constant, Some("1 bit/s"), Some(wrong.clone()));
        assert_eq!(fields(config), ["payload"], "{wrong:?}");
    }
    assert_eq!(fields(UdpSourceConfig { sizes_of: SizesOf::Packet, ..source("1 bit/s", 28) }), ["payload"]);
}

#[test]
fn the_longest_of_a_law_is_known() {
    let longest = |sizes: SizeDistribution| sizes.longest();
    assert_eq!(longest(size(40).into()), 40);
    assert_eq!(longest(SizeDistribution::Choice(vec![(1.0, size(40)), (0.0, size(1500)), (2.0, size(576))])), 576);
    assert_eq!(longest(SizeDistribution::Exponential { mean: size(40) }), 65_507);
    assert_eq!(longest(SizeDistribution::Pareto { shape: 1.2, min: size(40), max: Some(size(9000)) }), 9000);
}
