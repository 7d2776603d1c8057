//! Links and their queues from a source of traffic to a sink, against queueing theory, and against what the laws of their RFCs
//! say by hand.

use super::*;
use crate::name::{FileName, Files, NodeName};
use crate::node::{DropCause, Fate, LinkEnd, Report};
use crate::observe::Observation;
use crate::queue::{CoDelConfig, FqCoDelConfig, QueueConfig, ShaperConfig};
use crate::rope::{Rope, Run};
use crate::testing::{Do, Net, Probe, Seen, World, at, drop_tail, link};
use crate::traffic::{Pattern, SizeDistribution, SizesOf, UdpSink, UdpSinkConfig, UdpSource, UdpSourceConfig};
use proptest::prelude::*;
use protosim_core::kernel::Interests;
use protosim_core::sketch::Batches;
use protosim_core::{Ratio, SimTime, Size, Span, Until};
use std::sync::Arc;

/// Headers of IPv4 and UDP [bytes].
const HEADERS: u64 = 28;

/// Student's t with 47 degrees of freedom at 1 - 0.001 / (2 · 8): eight intervals that all hold at once with 99.9 %. SciPy:
/// `t.ppf(1 - 0.001 / 16, 47)` = 4.18208. With more batches it is a little too wide.
const STUDENT: f64 = 4.182;

fn bytes(n: u64) -> Size {
    Size::from_bytes(n)
}

/// Datagrams that are IP packets of these sizes, at `rate` with their headers.
fn packets(pattern: Pattern, rate: &str, sizes: SizeDistribution) -> UdpSourceConfig {
    let constant = UdpSourceConfig::constant(NodeName("b".to_owned()), 9, rate.parse().unwrap(), bytes(1));
    let config = UdpSourceConfig { pattern, payload: Some(sizes), sizes_of: SizesOf::Packet, ..constant };
    assert_eq!(config.check(), [], "a source that the scenario reader would refuse");
    config
}

/// Two nodes and a link; the first sends as `sources` say, each to a port and a sink of its own from 9 on.
fn lane(config: LinkConfig, seed: u64, sources: Vec<UdpSourceConfig>) -> Net {
    let mut net = Net::new(seed);
    let (a, b) = (net.node("a", false), net.node("b", false));
    net.link("a--b", a, b, config);
    for (port, source) in (9..).zip(sources) {
        let to = net.socket(b, port);
        net.app(a, &format!("source{port}"), UdpSource::new(UdpSourceConfig { port, ..source }, to));
        net.app(b, &format!("sink{port}"), UdpSink::new(UdpSinkConfig { port }));
    }
    net
}

/// A link at 1 Gbit/s, 8 ns a byte, that takes any IPv4 packet, with this queue.
fn gigabit(queue: &str) -> LinkConfig {
    let mtu = ron::from_str("\"65535 B\"").unwrap();
    LinkConfig { mtu: Some(mtu), queue: drop_tail(queue), ..link("1 Gbit/s", "1 ms") }
}

/// Service of a mean packet of 5000 bytes at 1 Gbit/s \[ns\].
const SERVICE: u64 = 40_000;

/// Mean and half-width of the interval that [`STUDENT`] makes of the means of batches.
fn interval(means: &[f64]) -> (f64, f64) {
    assert!(means.len() >= 48, "{} batches are too few for the quantile", means.len());
    let n = means.len() as f64;
    let mean = means.iter().sum::<f64>() / n;
    let variance = means.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0);
    (mean, STUDENT * (variance / n).sqrt())
}

/// How long Poisson arrivals of `sizes` wait at `percent` load. The first second, 25 000 services, does not count: at a load
/// of 0.95 the queue has forgotten its empty start after some 1 / (1 - √0.95)² = 1560 of them.
fn waits(percent: u64, sizes: SizeDistribution, count: u64, seed: u64) -> Batches {
    let source = packets(Pattern::Poisson, &format!("{} Mbit/s", 10 * percent), sizes);
    let source = UdpSourceConfig { count: Some(count), ..source };
    // A queue of a million is never full: at a load of 0.95 its share of packets is 0.95^1000000.
    let mut net = lane(gigabit("1000000 packets"), seed, vec![source]);
    (net.listens, net.meter) = (false, Some(Meter::new(at(1_000_000_000), SimTime::MAX)));
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!(world.dropped(DropCause::QueueFull), 0);
    world.node(0).interfaces()[0].transmitter.meter().unwrap().waits().clone()
}

/// The formula lies in the interval, whose half-width is at most `within`, both as shares of the formula.
fn assert_wait(name: &str, waits: &Batches, formula: f64, within: f64) {
    let (size, sums) = waits.batches();
    let means: Vec<f64> = sums.iter().map(|sum| *sum as f64 / size as f64 / formula).collect();
    let (mean, half_width) = interval(&means);
    assert!(half_width <= within, "{name}: {mean} ± {half_width} is too wide");
    assert!((mean - 1.0).abs() <= half_width, "{name}: {mean} ± {half_width} of the formula");
}

/// M/M/1: the mean wait is ρ S / (1 - ρ). The relative variance of a mean over n packets is (2 + 5 ρ - 4 ρ² + ρ³) /
/// (ρ (1 - ρ)²) / n: 21.5 / n, 29 / n, 123.5 / n and 1683 / n at the four loads. For a half-width of 0.8 % by 4.18 deviations,
/// so that one of 1 % holds for an unlucky estimate of the variance too, n is 5.9, 7.9, 34 and 460 million.
///
/// Sizes are exponential with a mean of 5000 bytes, cut at 29 (headers and a byte) and 65535. The source's gaps are for the
/// mean of the cut law, so that the load is exact; E[X²] / (2 · 5000 · E[X]) is 4.3e-5 below 1, a two-hundredth of the
/// half-width. Rounding to whole bytes and nanoseconds matters less.
fn assert_mm1(percent: u64, count: u64, within: f64) {
    let sizes = SizeDistribution::Exponential { mean: bytes(5000) };
    let load = percent as f64 / 100.0;
    let formula = load * SERVICE as f64 / (1.0 - load);
    assert_wait(&format!("M/M/1 at {percent} %"), &waits(percent, sizes, count, 1000 + percent), formula, within);
}

/// M/D/1: the mean wait is ρ S / (2 (1 - ρ)), check L25. Relative variances of a mean over n packets, by Lindley's recursion in
/// NumPy: about 10.8 / n, 13.9 / n, 61 / n and 650 / n to 870 / n.
fn assert_md1(percent: u64, count: u64, within: f64) {
    let load = percent as f64 / 100.0;
    let formula = load * SERVICE as f64 / (2.0 * (1.0 - load));
    let sizes = SizeDistribution::Fixed(bytes(5000));
    assert_wait(&format!("M/D/1 at {percent} %"), &waits(percent, sizes, count, 2000 + percent), formula, within);
}

/// A little less than 60 batches of 2^`power`, which are joined at 64.
const fn sixty(power: u32) -> u64 {
    60 << power
}

#[test]
fn the_mean_wait_of_m_m_1_is_that_of_the_formula_at_low_load() {
    assert_mm1(30, sixty(17), 0.01);
    assert_mm1(50, sixty(17), 0.01);
}

#[test]
fn the_mean_wait_of_m_m_1_is_that_of_the_formula_at_high_load() {
    assert_mm1(80, sixty(19), 0.01);
}

#[test]
fn the_mean_wait_of_m_d_1_is_that_of_the_formula() {
    assert_md1(30, sixty(16), 0.01);
    assert_md1(50, sixty(16), 0.01);
    assert_md1(80, sixty(18), 0.01);
}

/// At a load of 0.95 one percent takes hundreds of millions of packets, minutes. This is what some seconds give:
/// 4.18 · √(1683 / 7.8e6) = 6.1 % and 4.18 · √(870 / 7.8e6) = 4.4 %, and a quarter more for the estimate. The test below
/// does it in full.
#[test]
fn the_mean_wait_at_a_load_of_95_percent_is_near_the_formula() {
    assert_mm1(95, sixty(17), 0.077);
    assert_md1(95, sixty(17), 0.055);
}

#[test]
#[ignore = "750 million packets take four minutes: `.ci/run validation` runs it"]
fn the_mean_wait_at_a_load_of_95_percent_is_that_of_the_formula() {
    assert_md1(95, sixty(22), 0.01);
    assert_mm1(95, sixty(23), 0.01);
}

/// M/D/1/K, where K counts the packet in service and the link's limit does not: K - 1 packets wait. With a_k = e^-ρ ρ^k / k!
/// arrivals in a service, what a departure leaves behind is a chain on 0 to K - 1: from i to max(i - 1, 0) + k with a_k, all
/// beyond K - 1 to K - 1. With π_0 of its stationary distribution the loss is 1 - 1 / (π_0 + ρ) (Gross and Harris, M/G/1/K). For
/// K = 1 that is ρ / (1 + ρ), as Erlang has it. Solved in NumPy with `linalg.solve`.
#[test]
fn the_loss_of_m_d_1_k_is_that_of_the_embedded_chain() {
    for (places, percent, expected, count, within) in [
        (5, 80, 0.035_290_396_436_180_59, 4_000_000_u64, 0.025),
        (11, 80, 0.002_353_368_429_458_214, 8_000_000, 0.08),
        (5, 120, 0.199_146_693_328_819_7, 2_000_000, 0.015),
        (11, 120, 0.169_556_317_737_580_95, 2_000_000, 0.015),
    ] {
        let sizes = SizeDistribution::Fixed(bytes(5000));
        let source = packets(Pattern::Poisson, &format!("{} Mbit/s", 10 * percent), sizes);
        let mut net = lane(gigabit(&format!("{} packets", places - 1)), 3000 + places + percent, vec![source]);
        net.listens = false;
        let mut world = net.build(1);
        let slice = count / 50 * SERVICE * 100 / percent;
        let (mut before, mut losses) = ((0, 0), Vec::new());
        for index in 1..=50 {
            world.run(Until::Time(at(index * slice)));
            let now = (world.dropped(DropCause::QueueFull), world.total(0, "source9", "datagrams"));
            losses.push((now.0 - before.0) as f64 / (now.1 - before.1) as f64 / expected);
            before = now;
        }
        // The first one begins with an empty queue.
        let (mean, half_width) = interval(&losses[1..]);
        assert!(half_width <= within, "M/D/1/{places} at {percent} %: {mean} ± {half_width} is too wide");
        assert!((mean - 1.0).abs() <= half_width, "M/D/1/{places} at {percent} %: {mean} ± {half_width}");
    }
}

/// Which of a million packets, one each 100 µs, are lost on a link with `bursts`.
fn lost_in_bursts(bursts: impair::Bursts) -> Vec<bool> {
    let impair = ImpairConfig { bursts: Some(bursts), ..ImpairConfig::default() };
    let config = LinkConfig { impair: Some(Box::new(impair)), ..link("1 Gbit/s", "1 ms") };
    let source = packets(Pattern::Constant, "8 Mbit/s", SizeDistribution::Fixed(bytes(100)));
    let mut world = lane(config, 4, vec![UdpSourceConfig { count: Some(1_000_000), ..source }]).build(1);
    let mut lost = Vec::new();
    for second in 1..=101 {
        world.run(Until::Time(at(second * 1_000_000_000)));
        let (reports, wire) = (world.take_reports(), world.wire(0, true));
        let sent = World::seen(&reports, wire, LinkEnd::Sender).into_iter();
        lost.extend(sent.map(|seen| seen.fate == Fate::Dropped(DropCause::Lost)));
    }
    let (count, dropped) = (lost.iter().filter(|lost| **lost).count() as u64, world.dropped(DropCause::Lost));
    assert_eq!((lost.len(), count), (1_000_000, dropped));
    assert_eq!(world.total(1, "sink9", "datagrams"), 1_000_000 - count);
    lost
}

/// Checks L3 to L6. The sheet's formulas: P = π_G l_G + π_B l_B with π_B = p / (p + r), the mean run P / (P - P2). A million
/// packets: within 0.2 points and 3 % (a deviation of the loss is about 0.05 points; of the mean run at L3, over 9600
/// geometric runs, √(1 - r) / √9600 = 0.9 %).
#[test]
fn bursts_have_their_mean_loss_and_run_from_end_to_end() {
    let ratio = |text: &str| text.parse::<Ratio>().unwrap();
    let chain = |to_bad, to_good, good_loss, bad_loss| impair::Bursts::Chain {
        to_bad: ratio(to_bad),
        to_good: ratio(to_good),
        good_loss: ratio(good_loss),
        bad_loss: ratio(bad_loss),
    };
    for (bursts, loss, run) in [
        (chain("1 %", "25 %", "0 %", "100 %"), 0.038_462, 4.0),
        // The same, by what comes out: r = 1 / 4, p = r P / (1 - P) = 0.01.
        (impair::Bursts::Mean { loss: Ratio::from_f64(0.01 / 0.26), length: 4.0 }, 0.038_462, 4.0),
        (chain("1 %", "25 %", "0 %", "50 %"), 0.019_231, 1.6),
        (chain("2 %", "20 %", "0.1 %", "30 %"), 0.028_182, 1.303_23),
    ] {
        let lost = lost_in_bursts(bursts);
        let count = lost.iter().filter(|lost| **lost).count() as f64;
        let runs = 1 + lost.windows(2).filter(|pair| !pair[0] && pair[1]).count() - usize::from(!lost[0]);
        let (found_loss, found_run) = (count / 1e6, count / runs as f64);
        assert!((found_loss - loss).abs() < 0.002, "{bursts:?}: loss {found_loss}");
        assert!((found_run / run - 1.0).abs() < 0.03, "{bursts:?}: runs of {found_run}");
    }
}

/// Packets of 1250 bytes take 1 ms at 10 Mbit/s, and one is offered each 0.5 ms: the link takes one out of the queue at each
/// whole millisecond. Without drops the j-th, offered at j / 2 ms, is taken at j ms, so that the delay reaches 5 ms at 10 ms and
/// stays above. RFC 8289 §5: the first drop is an interval later, at 110 ms, the others come 100 ms / √n after the n-th, check
/// L8, at the first whole millisecond then: 210, 280.71, 338.45, 388.45, 433.17, 473.99, 511.79, 547.14 (+ 35.355), 580.48
/// (+ 33.333) and 612.10 (+ 31.623) ms.
#[test]
fn codel_drops_on_schedule_at_a_link_that_is_overloaded() {
    let queue = Some(QueueConfig::CoDel(CoDelConfig::default()));
    let source = packets(Pattern::Constant, "20 Mbit/s", SizeDistribution::Fixed(bytes(1250)));
    let mut world = lane(LinkConfig { queue, ..link("10 Mbit/s", "20 ms") }, 5, vec![source]).build(1);
    world.run(Until::Time(at(630_500_000)));
    let (reports, wire) = (world.take_reports(), world.wire(0, true));
    let sent = World::seen(&reports, wire, LinkEnd::Sender);
    let dropped = sent.iter().filter(|seen| seen.fate == Fate::Dropped(DropCause::Aqm));
    let found: Vec<u64> = dropped.map(|seen| seen.at.as_nanos()).collect();
    let expected = [110, 210, 281, 339, 389, 434, 474, 512, 548, 581, 613].map(|ms| ms * 1_000_000);
    assert_eq!(found, expected);
    // Drops cost the link no time: at 630 ms the 630th has left.
    assert_eq!(sent.iter().filter(|seen| seen.fate == Fate::Passed).count(), 630);
}

/// One-way delays of the datagrams to port 10, which are 200 bytes and come each 20 ms and up to 10 ms late, beside a flow of
/// 1500-byte packets at twice the rate of the link of 10 Mbit/s.
fn sparse_delays(queue: QueueConfig) -> Vec<u64> {
    let full = packets(Pattern::Constant, "20 Mbit/s", SizeDistribution::Fixed(bytes(1500)));
    let (every, jitter) = (Span::from_millis(20), Span::from_millis(10));
    let pattern = Pattern::Periodic { every, jitter, random_phase: true };
    let sparse =
        UdpSourceConfig { rate: None, pattern, payload: Some(SizeDistribution::Fixed(bytes(200))), ..full.clone() };
    assert_eq!(sparse.check(), []);
    let config = LinkConfig { queue: Some(queue), ..link("10 Mbit/s", "5 ms") };
    let mut world = lane(config, 6, vec![full, sparse]).build(1);
    world.listen(Interests::RESULTS.and(Interests::DELIVERIES));
    world.run(Until::Time(at(10_000_000_000)));
    let delay = |sent_at: SimTime, at: SimTime| (at - sent_at).as_nanos();
    let delays = world.take_reports().into_iter().filter_map(|reported| match reported.report {
        Report::App { observation: Observation::Received { sent_at: Some(sent_at), bytes, .. }, .. }
            if bytes == 200 - HEADERS =>
        {
            Some(delay(sent_at, reported.at))
        }
        _ => None,
    });
    delays.collect()
}

/// Check L14. A sparse flow's queue is new whenever a packet comes, and so the next to be served (RFC 8290 §4.2): it waits
/// for the packet in service, at most 1.2 ms, takes 0.16 ms itself and 5 ms on the way. Of 500 that come at moments of their
/// own some wait nearly as long as can be: all less than 1.1 of 1.2 ms has the probability (11 / 12)^500 < 1e-18. Behind 1000
/// packets in one queue they wait for up to 1.2 s.
#[test]
fn a_sparse_flow_waits_for_one_packet_of_a_saturating_one() {
    let delays = sparse_delays(QueueConfig::FqCoDel(FqCoDelConfig::default()));
    assert!((498..=500).contains(&delays.len()), "{}", delays.len());
    let (least, most) = (*delays.iter().min().unwrap(), *delays.iter().max().unwrap());
    assert!(least >= 5_160_000, "{least} ns");
    assert!((5_160_000 + 1_100_000..=5_160_000 + 1_200_000).contains(&most), "{most} ns");
    let behind = sparse_delays(QueueConfig::DropTail(QueueLimit::Packets(1000)));
    assert!(behind.iter().any(|delay| *delay > 1_000_000_000));
}

fn shaper(rate: &str, burst: u64) -> Option<ShaperConfig> {
    Some(ShaperConfig { rate: rate.parse().unwrap(), burst: bytes(burst) })
}

/// Sends `count` datagrams that are IP packets of `len` bytes, all at once, and gives their arrivals \[ns\].
fn burst_arrivals(config: LinkConfig, len: u64, count: u64, prepare: impl FnOnce(&mut Net)) -> Vec<u64> {
    let mut net = Net::chain(&[config]);
    let to = net.socket(1, 9);
    net.app(0, "probe", Probe::new(5000).burst(0, to, len - HEADERS, count));
    net.app(1, "probe", Probe::new(9));
    prepare(&mut net);
    let mut world = net.build(1);
    world.run_until_quiet();
    world.take_arrivals(0, true)
}

/// Check L2: at 125 kB/s and with 10 kB in the bucket ten of 20 packets of 1000 bytes pass at once, the others each 8 ms, the
/// last at 80 ms. At 10 Mbit/s each takes 0.8 ms more on the wire: the first ten leave one after the other, at 0.8 k ms, when
/// the bucket has long let them pass, the 11th 0.8 ms after its 8 ms.
#[test]
fn a_shaper_lets_a_burst_pass_and_then_its_rate() {
    let passes = |k: u64| k.saturating_sub(10) * 8_000_000;
    let arrivals =
        burst_arrivals(LinkConfig { shaper: shaper("1 Mbit/s", 10_000), ..link("", "1 ms") }, 1000, 20, |_| ());
    assert_eq!(arrivals, (1..=20).map(|k| passes(k) + 1_000_000).collect::<Vec<_>>());
    assert_eq!((arrivals[9], arrivals[10], arrivals[19]), (1_000_000, 9_000_000, 81_000_000));

    let config = LinkConfig { shaper: shaper("1 Mbit/s", 10_000), ..link("10 Mbit/s", "1 ms") };
    // While the first ten are sent, in 8 ms, the bucket fills with what the 11th needs: it goes on at 8 ms as well.
    let expected: Vec<u64> = (1..=20).map(|k| passes(k).max((k.min(11) - 1) * 800_000) + 1_800_000).collect();
    assert_eq!(burst_arrivals(config, 1000, 20, |_| ()), expected);
}

/// 1500 bytes and a bucket of 1500, filled at 1 Mbit/s: the second packet passes at 12 ms. When the link slows down from 10 to
/// 1 Mbit/s at 5 ms, none of its bits has left: it takes 12 ms from 12 ms on. Another delay changes nothing but the delay.
#[test]
fn a_change_of_rate_finds_all_bits_of_a_packet_that_waits_for_the_shaper() {
    let config = LinkConfig { shaper: shaper("1 Mbit/s", 1500), ..link("10 Mbit/s", "1 ms") };
    let rate = LinkChange { rate: Some("1 Mbit/s".parse().unwrap()), ..LinkChange::default() };
    let slower = burst_arrivals(config.clone(), 1500, 2, |net| net.change(at(5_000_000), 0, true, rate));
    assert_eq!(slower, [2_200_000, 25_000_000]);
    let delay = LinkChange { delay: Some("3 ms".parse().unwrap()), ..LinkChange::default() };
    let later = burst_arrivals(config, 1500, 2, |net| net.change(at(5_000_000), 0, true, delay));
    assert_eq!(later, [2_200_000, 16_200_000]);
}

/// Random traffic at 0.95 of a shaper's rate. When packets pass is worked out from the theoretical arrival time of the sheet's
/// §2.2, an algorithm without tokens: a packet of n bytes conforms from T + (n - b) / r on, and moves T to max(T, t) + n / r.
/// Times are counted in 1 / (8 · 10^9 r) s, exact. And in no interval does more pass than the burst and what the rate gives.
#[test]
fn a_shaper_keeps_the_envelope_and_holds_nothing_longer_than_it_must() {
    const RATE: i128 = 1_000_003;
    const BURST: i128 = 4000;
    const PER_BYTE: i128 = 8_000_000_000;
    let config = LinkConfig { shaper: shaper("1000003 bit/s", BURST as u64), ..link("", "1 ms") };
    let sizes = SizeDistribution::Uniform { low: bytes(60), high: bytes(1500) };
    let source = UdpSourceConfig { count: Some(4000), ..packets(Pattern::Poisson, "950 kbit/s", sizes) };
    let mut world = lane(config, 7, vec![source]).build(1);
    world.listen(Interests::RESULTS.and(Interests::DELIVERIES));
    world.run_until_quiet();
    let passed = world.take_reports().into_iter().filter_map(|reported| match reported.report {
        Report::App { observation: Observation::Received { sent_at: Some(sent_at), bytes, .. }, .. } => {
            let nanos = |time: SimTime| i128::from(time.as_nanos());
            Some((nanos(sent_at), nanos(reported.at) - 1_000_000, i128::from(bytes + HEADERS)))
        }
        _ => None,
    });
    let passed: Vec<(i128, i128, i128)> = passed.collect();
    assert_eq!(passed.len(), 4000);
    let (mut theoretical, mut free, mut held) = (0_i128, 0_i128, 0);
    for (index, (offered, passes, len)) in passed.iter().enumerate() {
        let conforms = theoretical + (len - BURST) * PER_BYTE;
        let expected = (conforms + RATE - 1).div_euclid(RATE).max(*offered).max(free);
        assert_eq!(*passes, expected, "packet {index}");
        (theoretical, free) = (theoretical.max(passes * RATE) + len * PER_BYTE, *passes);
        held += usize::from(passes > offered);
    }
    assert!(held > 1000 && held < 4000, "{held} of 4000 had to wait");
    for (first, (_, begins, _)) in passed.iter().enumerate() {
        let mut sum = 0;
        for (_, passes, len) in &passed[first..] {
            sum += len * PER_BYTE;
            assert!(sum <= BURST * PER_BYTE + RATE * (passes - begins), "from packet {first}");
        }
    }
}

/// Check L7: a trace of 1, 2 and 3 ms gives 1504 bytes a millisecond, without end: packets of 1500 bytes, with 4 more each,
/// leave one a millisecond. 748 bytes and 4 are half an opportunity. What is offered at 4.5 ms to an idle link leaves at 5
/// ms: what could have left before is gone.
#[test]
fn a_recorded_rate_lets_packets_leave_at_its_moments() {
    let run = |offers: &[(u64, u64, u64)]| {
        let name = FileName("trace".to_owned());
        let mut files = Files::default();
        files.insert(name.clone(), "1\n2\n3\n");
        let mut net = Net::chain(&[LinkConfig { rate_trace: Some(name), ..link("", "5 ms") }]);
        net.files = Arc::new(files);
        let to = net.socket(1, 9);
        let burst =
            |probe: Probe, (nanos, len, count): &(u64, u64, u64)| probe.burst(*nanos, to, len - HEADERS, *count);
        net.app(0, "probe", offers.iter().fold(Probe::new(5000), burst));
        net.app(1, "probe", Probe::new(9));
        let mut world = net.build(1);
        world.run_until_quiet();
        world.take_arrivals(0, true)
    };
    let millis = |leave: &[u64]| leave.iter().map(|ms| (ms + 5) * 1_000_000).collect::<Vec<u64>>();
    assert_eq!(run(&[(0, 1500, 7)]), millis(&[1, 2, 3, 4, 5, 6, 7]));
    assert_eq!(run(&[(0, 748, 5)]), millis(&[1, 1, 2, 2, 3]));
    assert_eq!(run(&[(0, 1500, 1), (4_500_000, 1500, 2)]), millis(&[1, 5, 6]));
    // Of an opportunity that one packet has used half, another can use the rest at that moment, but not after it.
    assert_eq!(run(&[(0, 748, 1), (1_000_001, 748, 1)]), millis(&[1, 2]));
}

/// A packet at an end of a link: when, which datagram, what became of it.
type Mark = (u64, u64, String);

/// Which datagram it is, by its place in the fill.
fn mark(seen: &Seen) -> Mark {
    match seen.packet.payload.runs() {
        [Run::Fill { offset, .. }] => (seen.at.as_nanos(), *offset, format!("{:?}", seen.fate)),
        other => panic!("not a fill: {other:?}"),
    }
}

#[derive(Clone, Debug)]
struct Case {
    /// Moment and size of each packet, in steps of 50 µs and 100 bytes.
    offers: Vec<(u64, u64)>,
    limit: QueueLimit,
    /// After the start, in steps of 50 µs.
    changes: Vec<(u64, LinkChange)>,
}

const RATES: [&str; 5] = ["8 Mbit/s", "4 Mbit/s", "16 Mbit/s", "7777777 bit/s", "1 Gbit/s"];

/// Times, sizes and most rates are such that offers, departures and changes often meet at one nanosecond.
fn cases() -> impl Strategy<Value = Case> {
    let limit = prop_oneof![
        (0_u64..8).prop_map(QueueLimit::Packets),
        (0_u64..60).prop_map(|hundreds| QueueLimit::Bytes(bytes(100 * hundreds))),
    ];
    let change = (
        prop::option::of(prop::sample::select(&RATES[..])),
        prop::option::of(prop::sample::select(&["0 ms", "1 ms", "50 us", "1234567 ns"][..])),
        prop::option::of(prop::sample::select(&[0_u64, 30, 100][..])),
    );
    let change = change.prop_map(|(rate, delay, loss)| LinkChange {
        rate: rate.map(|rate| rate.parse().unwrap()),
        delay: delay.map(|delay| delay.parse().unwrap()),
        loss: loss.map(Ratio::from_percent),
        ..LinkChange::default()
    });
    let changes = prop::collection::vec((1_u64..600, change), 0..8);
    let offers = prop::collection::vec((0_u64..500, 1_u64..=15), 1..60);
    (offers, limit, changes).prop_map(|(offers, limit, changes)| Case { offers, limit, changes })
}

/// All that happens to a case: arrivals in order, what leaves or is dropped, and what the meter says.
fn outcome(case: &Case, manages: bool) -> (Vec<Mark>, Vec<Mark>, Option<Meter>) {
    let config = LinkConfig {
        queue: Some(QueueConfig::DropTail(case.limit)),
        loss: Some(Ratio::from_percent(10)),
        ..link("8 Mbit/s", "1 ms")
    };
    let mut net = Net::chain(&[config]);
    net.manages = manages;
    // With both, a link is never computed.
    net.meter = case.changes.is_empty().then(|| Meter::new(at(2_000_000), at(20_000_000)));
    let to = net.socket(1, 9);
    let send = |probe: Probe, (index, (step, hundreds)): (usize, &(u64, u64))| {
        let payload = Rope::fill(0, 2000 * index as u64, 100 * hundreds - HEADERS);
        probe.then(50_000 * step, Do::Send(to, payload))
    };
    net.app(0, "probe", case.offers.iter().enumerate().fold(Probe::new(5000), send));
    net.app(1, "probe", Probe::new(9));
    for (step, change) in &case.changes {
        net.change(at(50_000 * step), 0, true, change.clone());
    }
    let mut world = net.build(1);
    world.run_until_quiet();
    let (reports, wire) = (world.take_reports(), world.wire(0, true));
    let marks = |end| World::seen(&reports, wire, end).iter().map(mark).collect::<Vec<Mark>>();
    let (arrived, mut left) = (marks(LinkEnd::Receiver), marks(LinkEnd::Sender));
    assert_eq!(left.len(), case.offers.len(), "each packet leaves or is dropped, once");
    left.sort();
    (arrived, left, world.node(0).interfaces()[0].transmitter.meter().cloned())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Computing departures ahead and handling one packet after the other are the same, whatever is offered and changed.
    #[test]
    fn a_computed_and_a_managed_half_do_the_same(case in cases()) {
        let (computed, managed) = (outcome(&case, false), outcome(&case, true));
        prop_assert_eq!(&computed.0, &managed.0, "arrivals");
        prop_assert_eq!(&computed.1, &managed.1, "departures and drops");
        prop_assert_eq!(&computed.2, &managed.2, "measurements");
    }
}
