//! Impairments against closed forms and by hand.

use super::*;
use crate::link::{LinkChange, LinkConfig};
use crate::name::FileName;
use crate::node::DropCause;
use crate::packet::Packet;
use crate::testing::{Event, Net, Probe, World, at, events, link};
use proptest::prelude::*;

fn impairments(config: ImpairConfig, files: &Files) -> Impairments {
    assert_eq!(config.check(), [], "a configuration that the scenario reader would refuse");
    let seed = RunSeed { seed: 11, replication: 0 };
    Impairments::new((Ratio::ZERO, &config), &[], seed, "l:a->b", files)
}

fn datagram(len: u64) -> Packet {
    Packet::udp("10.0.0.1:5000".parse().unwrap(), "10.0.0.2:9".parse().unwrap(), Rope::fill(1, 0, len - 28)).unwrap()
}

/// What becomes of `count` packets of `len` bytes.
fn decisions(config: ImpairConfig, count: usize, len: u64) -> Vec<Decision> {
    let mut all = impairments(config, &Files::default());
    let packet = datagram(len);
    let decide = |_| {
        let draws = all.draw();
        all.decide(&packet, len, SimTime::ZERO, &draws)
    };
    (0..count).map(decide).collect()
}

fn losses(config: ImpairConfig, count: usize) -> Vec<bool> {
    decisions(config, count, 100).iter().map(|decision| decision.is_lost()).collect()
}

fn share(lost: &[bool]) -> f64 {
    lost.iter().filter(|lost| **lost).count() as f64 / lost.len() as f64
}

/// Mean length of the runs of lost packets.
fn mean_run(lost: &[bool]) -> f64 {
    let starts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count() + usize::from(lost[0]);
    lost.iter().filter(|lost| **lost).count() as f64 / starts as f64
}

fn ratio(text: &str) -> Ratio {
    text.parse().unwrap()
}

fn only(bursts: Bursts) -> ImpairConfig {
    ImpairConfig { bursts: Some(bursts), ..ImpairConfig::default() }
}

/// Checks L3 to L5 of the links sheet. The variance of the loss share of n packets of a two-state chain with
/// decay d = 1 - p - r is about P (1 - P) (1 + d) / (1 - d) / n where everything is lost in the bad state: for L3
/// 0.0370 · (1.74 / 0.26) / 10^6 = 2.5e-7, a deviation of 0.05 points; five of them are 0.25. L4 and L5 vary less.
/// Runs: about 9600 of them with a deviation of sqrt(12) / sqrt(9600) = 0.035 (L3); five are 0.18.
#[test]
fn bursts_have_the_mean_loss_and_the_mean_run_of_their_formulas() {
    let chain = |to_bad, to_good, good_loss, bad_loss| Bursts::Chain {
        to_bad: ratio(to_bad),
        to_good: ratio(to_good),
        good_loss: ratio(good_loss),
        bad_loss: ratio(bad_loss),
    };
    let cases = [
        (chain("1 %", "25 %", "0 %", "100 %"), 0.038_462, 4.0),
        (chain("1 %", "25 %", "0 %", "50 %"), 0.019_231, 1.6),
        (chain("2 %", "20 %", "0.1 %", "30 %"), 0.028_182, 1.303_23),
        // By what comes out: r = 1/4, p = r P / (1 - P) is L3 again.
        (Bursts::Mean { loss: ratio("3.846153846 %"), length: 4.0 }, 0.038_462, 4.0),
    ];
    for (bursts, mean, run) in cases {
        let lost = losses(only(bursts), 1_000_000);
        assert!((share(&lost) - mean).abs() < 0.002_5, "{bursts:?}: {}", share(&lost));
        assert!((mean_run(&lost) - run).abs() < 0.18, "{bursts:?}: {}", mean_run(&lost));
    }
}

/// Packets leave each 3 ms, and outages of 10 ms begin with 2 % of those that meet none: with the one at 0 ms those at 3, 6 and 9 ms
/// are lost. Of 4 + 49 packets in the mean cycle (49 pass before the next one, 0.98 / 0.02) 4 are lost: 7.547 %. In 10^6
/// packets there are 18 868 cycles, of lengths that deviate by 49.5: the share by 7.547 % · 49.5 / 53 / 137 = 0.05 points; five
/// are 0.26. One outage follows another at once with 2 %: of runs of lost packets the mean is 4 / 0.98, and each is a multiple of 4.
#[test]
fn outages_take_all_that_leaves_while_they_last() {
    let outages = Bursts::Outages { chance: ratio("2 %"), length: Span::from_millis(10) };
    let mut all = impairments(only(outages), &Files::default());
    let packet = datagram(100);
    let lost: Vec<bool> = (0..1_000_000)
        .map(|k| {
            let draws = all.draw();
            all.decide(&packet, 100, SimTime::from_nanos(3_000_000 * k), &draws).is_lost()
        })
        .collect();
    assert!((share(&lost) - 4.0 / 53.0).abs() < 0.002_6, "{}", share(&lost));
    assert!((mean_run(&lost) - 4.0 / 0.98).abs() < 0.02, "{}", mean_run(&lost));
    let mut runs = lost.chunk_by(|a, b| a == b).filter(|run| run[0]).peekable();
    assert!(runs.peek().is_some());
    // The last one may be cut off by the end.
    let whole: Vec<usize> = runs.map(<[bool]>::len).collect();
    assert!(whole[..whole.len() - 1].iter().all(|len| len % 4 == 0), "{whole:?}");
}

/// What leaves exactly at the end of an outage of 10 ms is not in it.
#[test]
fn an_outage_ends_at_its_end() {
    let outages = Bursts::Outages { chance: ratio("50 %"), length: Span::from_millis(10) };
    let mut all = impairments(only(outages), &Files::default());
    let packet = datagram(100);
    let [begins, never] = [0, u64::MAX].map(|luck| {
        let mut draws = Draws::default();
        draws.of[BURSTS] = luck;
        draws
    });
    let mut lost =
        |micros: u64, draws: &Draws| all.decide(&packet, 100, SimTime::from_nanos(micros * 1000), draws).is_lost();
    let found = [lost(0, &never), lost(1_000, &begins), lost(10_999, &never), lost(11_000, &never)];
    assert_eq!(found, [false, true, true, false]);
    // The next one begins where it may: a draw within the first one says nothing.
    let found = [lost(20_000, &begins), lost(25_000, &begins), lost(30_000, &never)];
    assert_eq!(found, [true, true, false]);
}

/// 1 - (1 - 1e-5)^(8 · 1500) = 11.308 % of long packets, 1 - (1 - 1e-5)^(8 · 100) = 0.797 % of short ones. 10^5
/// packets: deviations of 0.100 and 0.028 points; five of them.
#[test]
fn bit_errors_lose_long_packets_more_often() {
    for (len, mean, within) in [(1500, 0.113_080, 0.005), (100, 0.007_968, 0.001_4)] {
        let config = ImpairConfig { bit_errors: Some(1e-5), ..ImpairConfig::default() };
        let lost = decisions(config, 100_000, len).iter().filter(|decision| decision.is_lost()).count() as f64 / 1e5;
        assert!((lost - mean).abs() < within, "{len} B: {lost}");
    }
}

#[test]
fn a_recorded_loss_trace_is_followed_and_begins_anew() {
    let name = FileName("losses.txt".to_owned());
    let mut files = Files::default();
    files.insert(name.clone(), "# measured\n0\n1\n1\n\n0\n");
    let config = ImpairConfig { loss_trace: Some(name), ..ImpairConfig::default() };
    let mut all = impairments(config, &files);
    let packet = datagram(100);
    let lost: Vec<bool> =
        (0..10).map(|_| all.decide(&packet, 100, SimTime::ZERO, &Draws::default()).is_lost()).collect();
    assert_eq!(lost, [false, true, true, false, false, true, true, false, false, true]);
    assert_eq!(loss_trace("0\n2\n"), Err((2, "expected `0` (passed) or `1` (lost), found `2`".to_owned())));
    assert!(loss_trace("# nothing\n").is_err());
}

/// Uniform(0, 10 ms): mean 5 ms, deviation 2.887 ms. Exponential(5 ms): deviation 5 ms. Lomax with shape 3 and mean
/// 5 ms: scale 10 ms, deviation mean · sqrt(a / (a - 2)) = 8.660 ms. Over 10^5 draws five deviations of the mean are
/// 0.046, 0.079 and 0.137 ms; the last is heavy-tailed, so twice that. Medians: 5, 5 ln 2 = 3.466, 10 (2^(1/3) - 1) = 2.599
/// ms; within 0.08 ms (five deviations, 0.5 / (f sqrt(n)) with densities 0.1, 0.1 and 0.19 per ms).
#[test]
fn jitter_has_the_mean_and_the_median_of_its_distribution() {
    let millis = Span::from_millis;
    let cases = [
        (Jitter::Uniform(millis(10)), 5.0, 0.046, 5.0),
        (Jitter::Exponential { mean: millis(5) }, 5.0, 0.079, 3.466),
        // Truncated at five deviations: no bias to be seen. Deviation 1 ms: five of the mean are 0.016 ms.
        (Jitter::Normal { mean: millis(5), deviation: millis(1) }, 5.0, 0.016, 5.0),
        (Jitter::Pareto { mean: millis(5), shape: Milli(3000) }, 5.0, 0.274, 2.599),
    ];
    for (jitter, mean, within, median) in cases {
        let config = ImpairConfig { jitter: Some(jitter), ..ImpairConfig::default() };
        let mut all: Vec<f64> =
            decisions(config, 100_000, 100).iter().map(|decision| decision.extra.as_secs_f64() * 1e3).collect();
        all.sort_by(f64::total_cmp);
        let found = all.iter().sum::<f64>() / 1e5;
        assert!((found - mean).abs() < within, "{jitter:?}: mean {found}");
        assert!((all[50_000] - median).abs() < 0.08, "{jitter:?}: median {}", all[50_000]);
    }
}

/// Over IPv4 one flipped bit always shows: in the header's checksum, or in UDP's, which covers the rest.
#[test]
fn one_flipped_bit_is_always_noticed_over_ipv4_and_undone_by_nobody() {
    let sound = datagram(60);
    for bit in 0..60 * 8_u64 {
        let luck = ((u128::from(bit) << 64) / (60 * 8) + 1) as u64;
        let damaged = Damage::Checked(luck).apply(&sound);
        let wrong: Vec<u8> = damaged.encode().iter().zip(sound.encode()).map(|(a, b)| a ^ b).collect();
        assert_eq!(wrong.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1, "bit {bit}");
        assert_eq!(wrong[bit as usize / 8], 0x80 >> (bit % 8), "bit {bit}");
        assert!(damaged.as_received().and_then(Packet::decode_transport).is_err(), "bit {bit} was not noticed");
    }
}

/// Sends `count` datagrams of 100 bytes, 10 ms apart, over one link.
fn stream(config: LinkConfig, count: u64) -> Net {
    let mut net = Net::chain(&[config]);
    let to = net.socket(1, 9);
    let mut probe = Probe::new(5000);
    for index in 0..count {
        probe = probe.then(index * 10_000_000, crate::testing::Do::Send(to, Rope::fill(0, index * 72, 72)));
    }
    net.app(0, "probe", probe);
    net.app(1, "probe", Probe::new(9));
    net
}

fn impaired(impair: ImpairConfig) -> LinkConfig {
    LinkConfig { impair: Some(Box::new(impair)), ..link("10 Mbit/s", "5 ms") }
}

#[test]
fn a_damaged_datagram_is_dropped_with_a_cause_or_delivered_as_the_field_says() {
    let run = |corrupt| {
        let config = impaired(ImpairConfig { corrupt: Some(corrupt), ..ImpairConfig::default() });
        let probe = Probe::new(9);
        let log = probe.log();
        let mut net = Net::chain(&[config]);
        let to = net.socket(1, 9);
        net.app(0, "probe", Probe::new(5000).burst(0, to, 72, 200));
        net.app(1, "probe", probe);
        let mut world = net.build(1);
        world.run_until_quiet();
        let intact = |(_, event): &(u64, Event)| matches!(event, Event::Datagram(_, payload) if matches!(payload.runs(), [crate::rope::Run::Fill { .. }]));
        let seen = events(&log);
        (seen.iter().filter(|e| intact(e)).count(), seen.len(), world.dropped(DropCause::Damaged))
    };
    let all = Ratio::ONE;
    assert_eq!(run(Corrupt::Checked(all)), (0, 0, 200));
    assert_eq!(run(Corrupt::Unnoticed(all)), (0, 200, 0));
    // Half of 200: a deviation of 7.1; five of them.
    let (intact, delivered, dropped) = run(Corrupt::Checked(ratio("50 %")));
    assert_eq!((intact, intact as u64 + dropped), (delivered, 200));
    assert!((65..=135).contains(&dropped), "{dropped}");
}

#[test]
fn duplicates_arrive_twice_and_are_accounted_for() {
    let config = impaired(ImpairConfig { duplicate: Some(Ratio::ONE), ..ImpairConfig::default() });
    let mut world = stream(config, 10).build(1);
    world.run_until_quiet();
    let arrivals = world.take_arrivals(0, true);
    // 100 bytes at 10 Mbit/s take 80 us; without jitter the copy comes with the packet.
    let expected: Vec<u64> = (0..20).map(|k| k / 2 * 10_000_000 + 80_000 + 5_000_000).collect();
    assert_eq!(arrivals, expected);
}

/// Which datagrams arrive in which order, by their place in the stream.
fn order(config: LinkConfig, count: u64) -> (Vec<u64>, Vec<u64>) {
    let mut world = stream(config, count).build(1);
    world.run_until_quiet();
    let reports = world.take_reports();
    let seen = World::seen(&reports, world.wire(0, true), crate::node::LinkEnd::Receiver);
    let place = |packet: &Packet| match packet.payload.runs() {
        [crate::rope::Run::Fill { offset, .. }] => offset / 72,
        other => panic!("not a fill: {other:?}"),
    };
    let spent = |seen: &crate::testing::Seen| seen.at.as_nanos() - place(&seen.packet) * 10_000_000 - 80_000;
    (seen.iter().map(|seen| place(&seen.packet)).collect(), seen.iter().map(spent).collect())
}

#[test]
fn jitter_alone_keeps_the_order_and_with_reordering_it_does_not() {
    let jitter = Some(Jitter::Uniform(Span::from_millis(50)));
    let sorted: Vec<u64> = (0..500).collect();
    let (kept, spent) = order(impaired(ImpairConfig { jitter, ..ImpairConfig::default() }), 500);
    assert_eq!(kept, sorted);
    assert!(spent.iter().all(|nanos| *nanos >= 5_000_000), "nothing is early");
    let by_jitter = ImpairConfig { jitter, reorder: Some(Reorder::ByJitter), ..ImpairConfig::default() };
    let (mixed, free) = order(impaired(by_jitter), 500);
    assert_ne!(mixed, sorted);
    assert!(free.iter().all(|nanos| (5_000_000..=55_000_000).contains(nanos)), "each has its own delay");
    let mut again = mixed;
    again.sort_unstable();
    assert_eq!(again, sorted);
}

/// Packets that skip the delay arrive when their last bit has left; 20 % of 500, deviation 8.9, five of them.
#[test]
fn early_packets_skip_the_delay() {
    let config = ImpairConfig { reorder: Some(Reorder::Early(ratio("20 %"))), ..ImpairConfig::default() };
    let (_, spent) = order(LinkConfig { impair: Some(Box::new(config)), ..link("10 Mbit/s", "25 ms") }, 500);
    let early = spent.iter().filter(|nanos| **nanos == 0).count();
    assert_eq!(spent.iter().filter(|nanos| **nanos == 25_000_000).count() + early, 500);
    assert!((55..=145).contains(&early), "{early}");
}

#[test]
fn rules_drop_exactly_what_they_name() {
    let rule = |which| DropRule { of: None, bytes: None, exchange: None, message: None, each: None, which };
    for (which, expected) in [
        (Which::Nth(3), vec![0, 1, 3, 4, 5, 6, 7, 8, 9]),
        (Which::List(vec![1, 10]), vec![1, 2, 3, 4, 5, 6, 7, 8]),
        (Which::Every(4), vec![0, 1, 2, 4, 5, 6, 8, 9]),
        (Which::First(2), vec![2, 3, 4, 5, 6, 7, 8, 9]),
        (Which::From(3), vec![0, 1]),
        (Which::Run { from: 3, to: 9 }, vec![0, 1, 9]),
        (Which::Run { from: 5, to: 5 }, vec![0, 1, 2, 3, 5, 6, 7, 8, 9]),
    ] {
        let config = ImpairConfig { drop: vec![rule(which.clone())], ..ImpairConfig::default() };
        assert_eq!(order(impaired(config), 10).0, expected, "{which:?}");
    }
    let icmp = DropRule { of: Some("icmp".to_owned()), ..rule(Which::From(1)) };
    let config = ImpairConfig { drop: vec![icmp], ..ImpairConfig::default() };
    assert_eq!(order(impaired(config), 5).0, [0, 1, 2, 3, 4]);
}

#[test]
fn what_is_lost_in_bursts_of_one_percent_is_lost_at_any_plain_loss_too() {
    // Each purpose has its own stream: switching bursts on leaves the draws of plain loss as they were.
    let seed = RunSeed { seed: 3, replication: 0 };
    let run = |config: ImpairConfig| {
        let mut all = Impairments::new((ratio("5 %"), &config), &[], seed, "x", &Files::default());
        let packet = datagram(100);
        let lost = |_| {
            let draws = all.draw();
            all.decide(&packet, 100, SimTime::ZERO, &draws).is_lost()
        };
        (0..5000).map(lost).collect::<Vec<bool>>()
    };
    let plain = run(ImpairConfig::default());
    let both = run(only(Bursts::Mean { loss: ratio("1 %"), length: 3.0 }));
    assert!(plain.iter().zip(&both).all(|(plain, both)| *both || !*plain));
    assert!(share(&both) > share(&plain));
}

proptest! {
    /// Nothing that a user can write makes a decision panic, and rewinding gives the same decision again.
    #[test]
    fn a_decision_that_is_rewound_is_made_again(
        to_bad in 0_u64..=100, to_good in 0_u64..=100, bits in 0.0_f64..1.0, k in 1_u64..5, warm in 0_usize..20,
    ) {
        let percent = Ratio::from_percent;
        let config = ImpairConfig {
            bursts: Some(Bursts::Chain { to_bad: percent(to_bad), to_good: percent(to_good), good_loss: percent(1), bad_loss: percent(90) }),
            bit_errors: Some(bits),
            drop: vec![DropRule { of: Some("udp".to_owned()), bytes: None, exchange: None, message: None, each: None, which: Which::Every(k) }],
            ..ImpairConfig::default()
        };
        let seed = RunSeed { seed: k, replication: 0 };
        let mut all = Impairments::new((percent(3), &config), &[LinkChange::default()], seed, "x", &Files::default());
        let packet = datagram(400);
        for _ in 0..warm {
            let draws = all.draw();
            all.decide(&packet, 400, SimTime::ZERO, &draws);
        }
        let (draws, state) = (all.draw(), all.state());
        let first = all.decide(&packet, 400, SimTime::ZERO, &draws);
        all.rewind(state);
        prop_assert_eq!(all.decide(&packet, 400, SimTime::ZERO, &draws), first);
    }
}

#[test]
fn a_flap_loses_what_has_not_left_and_spares_what_has() {
    // 1000-byte packets at 10 Mbit/s take 0.8 ms, the delay is 20 ms. Of six at the start, two have left at 2 ms, the third is in
    // service and three wait. One that is offered at 3 ms finds the link down, one at 5 ms finds it up.
    let mut net = Net::chain(&[link("10 Mbit/s", "20 ms")]);
    let to = net.socket(1, 9);
    let probe = Probe::new(5000).burst(0, to, 972, 6).burst(3_000_000, to, 972, 1).burst(5_000_000, to, 972, 1);
    net.app(0, "probe", probe);
    net.app(1, "probe", Probe::new(9));
    net.change(at(2_000_000), 0, true, LinkChange { up: Some(false), ..LinkChange::default() });
    net.change(at(4_000_000), 0, true, LinkChange { up: Some(true), ..LinkChange::default() });
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!(world.take_arrivals(0, true), [20_800_000, 21_600_000, 25_800_000]);
    assert_eq!(world.dropped(DropCause::LinkDown), 5);
}

#[test]
fn a_node_that_crashes_forgets_everything_and_starts_anew() {
    let mut net = Net::chain(&[link("10 Mbit/s", "5 ms")]);
    let to = net.socket(1, 9);
    let probe = (0..10).fold(Probe::new(5000), |probe, k| probe.burst(k * 10_000_000, to, 72, 1));
    net.app(0, "probe", probe);
    net.app(1, "probe", Probe::new(9));
    // What is sent at 20 and 30 ms arrives 5.08 ms later, while the node is down.
    net.power(at(24_000_000), 1, false);
    net.power(at(36_000_000), 1, true);
    let mut world = net.build(1);
    world.run_until_quiet();
    assert_eq!(world.dropped(DropCause::NodeDown), 2);
    // Both lives together.
    assert_eq!(world.node(1).app_totals().next().unwrap().1[0].value, 8);
}
