//! Links under the kernel: every expected time is worked out by hand or from the closed form.

use super::*;
use crate::name::NodeName;
use crate::node::{DropCause, Fate, LinkEnd};
use crate::packet::Packet;
use crate::ping::{Ping, PingConfig};
use crate::rope::Run;
use crate::testing::{Net, Probe, World, at, drop_tail, link};
use proptest::prelude::*;
use protosim_core::{Ratio, Size, Until};

/// Headers of IPv4 and UDP [bytes].
const HEADERS: u64 = 28;

/// Sends `count` datagrams that are IP packets of `len` bytes, all at once, over links in a row.
fn burst(configs: &[LinkConfig], len: u64, count: u64) -> Net {
    let mut net = Net::chain(configs);
    let last = configs.len();
    let to = net.socket(last, 9);
    net.app(0, "probe", Probe::new(5000).burst(0, to, len - HEADERS, count));
    net.app(last, "probe", Probe::new(9));
    net
}

/// Arrivals in nanoseconds over the one link of `net`, after a run until nothing happens any more.
fn arrivals(net: Net) -> Vec<u64> {
    let mut world = net.build(1);
    world.run_until_quiet();
    world.take_arrivals(0, true)
}

/// 10 Mbit/s and 20 ms, as in check L1 of the links sheet: 1500 bytes take 1.2 ms.
fn ten_mbit() -> LinkConfig {
    link("10 Mbit/s", "20 ms")
}

fn rate(text: &str) -> LinkChange {
    LinkChange { rate: Some(text.parse().unwrap()), ..LinkChange::default() }
}

fn delay(text: &str) -> LinkChange {
    LinkChange { delay: Some(text.parse().unwrap()), ..LinkChange::default() }
}

fn loss(percent: u64) -> LinkChange {
    LinkChange { loss: Some(Ratio::from_percent(percent)), ..LinkChange::default() }
}

/// Where the fills start that have been seen: which datagrams these are, whatever their packets' numbers.
fn offsets(packets: impl Iterator<Item = Packet>) -> Vec<u64> {
    let offset = |packet: Packet| match packet.payload.runs() {
        [Run::Fill { offset, .. }] => *offset,
        other => panic!("not a fill: {other:?}"),
    };
    packets.map(offset).collect()
}

/// Check L1: 8 · 1500 / 10^7 = 1.2 ms each; the i-th of ten arrives at 1.2 i + 20 ms.
#[test]
fn ten_packets_at_once_arrive_one_serialisation_apart() {
    let expected: Vec<u64> = (1..=10).map(|i| 1_200_000 * i + 20_000_000).collect();
    assert_eq!((expected[0], expected[9]), (21_200_000, 32_000_000));
    assert_eq!(arrivals(burst(&[ten_mbit()], 1500, 10)), expected);
}

/// n · (8 L / R + D), with L on the wire: as it is, Ethernet's 38 bytes more and at least 84, or 10 more
/// and at least 110. All of these divide: 8 ns a byte at 1 Gbit/s, 80 ns at 100 Mbit/s, 32 us at 250 kbit/s.
#[test]
fn store_and_forward_over_n_hops_takes_n_times_serialisation_and_delay() {
    let custom = Framing::Custom { overhead: Size::from_bytes(10), min_packet: Size::from_bytes(100) };
    for (text, nanos_per_byte) in [("1 Gbit/s", 8), ("100 Mbit/s", 80), ("250 kbit/s", 32_000)] {
        for hops in [1, 2, 3, 7] {
            for len in [29, 45, 46, 576, 1500] {
                for (framing, wire_len) in
                    [(Framing::None, len), (Framing::Ethernet, len.max(46) + 38), (custom, len.max(100) + 10)]
                {
                    let config = LinkConfig { framing: Some(framing), ..link(text, "3 ms") };
                    let mut world = burst(&vec![config; hops], len, 1).build(1);
                    world.run_until_quiet();
                    let expected = hops as u64 * (nanos_per_byte * wire_len + 3_000_000);
                    assert_eq!(world.take_arrivals(hops - 1, true), [expected], "{text} {hops} {len} {framing:?}");
                }
            }
        }
    }
}

/// 54 bytes at 10 Gbit/s take 43.2 ns: the i-th of a burst leaves at 43.2 i ns, rounded up once.
#[test]
fn rounding_does_not_add_up_within_a_busy_period() {
    let expected: Vec<u64> = (1..=1000).map(|i: u64| (432 * i).div_ceil(10) + 1000).collect();
    assert_eq!(expected[..3], [1044, 1087, 1130]);
    assert_eq!(arrivals(burst(&[link("10 Gbit/s", "1 us")], 54, 1000)), expected);
}

#[test]
fn without_a_rate_all_arrive_one_delay_later() {
    assert_eq!(arrivals(burst(&[link("", "5 ms")], 1500, 4)), [5_000_000; 4]);
}

/// Forward 8 · 1500 / 10^7 = 1.2 ms and 20 ms; backward 8 · 1500 / 10^6 = 12 ms and 1 ms.
#[test]
fn directions_have_their_own_rates_and_delays() {
    let backward = DirectionConfig {
        rate: Some("1 Mbit/s".parse().unwrap()),
        delay: Some("1 ms".parse().unwrap()),
        ..DirectionConfig::default()
    };
    let mut net = Net::chain(&[LinkConfig { backward: Some(Box::new(backward)), ..ten_mbit() }]);
    for (node, other) in [(0, 1), (1, 0)] {
        let to = net.socket(other, 9);
        net.app(node, "probe", Probe::new(9).burst(0, to, 1472, 1));
    }
    let mut world = net.build(1);
    world.run_until_quiet();
    let reports = world.take_reports();
    let arrived = |is_forward| World::seen(&reports, world.wire(0, is_forward), LinkEnd::Receiver)[0].at;
    assert_eq!((arrived(true), arrived(false)), (at(21_200_000), at(13_000_000)));
}

/// Of five packets at once the first is being sent and does not count, two wait, two are refused. Bytes
/// are those of IP packets: 3000 hold two of 1500, 2999 one; framing does not count.
#[test]
fn the_queue_limit_counts_what_waits_and_not_what_is_being_sent() {
    for (limit, arrive) in
        [("0 packets", 1), ("1 packets", 2), ("2 packets", 3), ("2999 B", 2), ("3000 B", 3), ("1499 B", 1)]
    {
        let framing = Some(Framing::Ethernet);
        let config = LinkConfig { queue: drop_tail(limit), framing, ..ten_mbit() };
        let mut world = burst(&[config], 1500, 5).build(1);
        world.run_until_quiet();
        assert_eq!(world.dropped(DropCause::QueueFull), 5 - arrive, "{limit}");
        assert_eq!(world.take_arrivals(0, true).len() as u64, arrive, "{limit}");
    }
}

/// A packet leaves every 1.2 ms. With room for one, two at the start fill the link; one that is offered at
/// 1.2 ms finds the place free, one that is offered a nanosecond before does not. Likewise with room for
/// none.
#[test]
fn an_offer_at_the_nanosecond_of_a_departure_finds_the_place_free() {
    for (limit, at_start) in [("1 packets", 2), ("0 packets", 1), ("1500 B", 2)] {
        for (offered, refused, manages) in
            [(1_199_999, 1, false), (1_200_000, 0, false), (1_199_999, 1, true), (1_200_000, 0, true)]
        {
            let mut net = Net::chain(&[LinkConfig { queue: drop_tail(limit), ..ten_mbit() }]);
            net.manages = manages;
            let to = net.socket(1, 9);
            net.app(0, "probe", Probe::new(5000).burst(0, to, 1472, at_start).burst(offered, to, 1472, 1));
            net.app(1, "probe", Probe::new(9));
            let mut world = net.build(1);
            world.run_until_quiet();
            assert_eq!(world.dropped(DropCause::QueueFull), refused, "{limit} at {offered} ns");
        }
    }
}

/// Which of 20 000 datagrams are lost between two nodes, at 1 Gbit/s.
fn lost(percent: u64, prepare: impl FnOnce(&mut Net)) -> Vec<u64> {
    let config = LinkConfig {
        loss: Some(Ratio::from_percent(percent)),
        queue: drop_tail("20000 packets"),
        ..link("1 Gbit/s", "1 ms")
    };
    let mut net = Net::new(7);
    let (a, b) = (net.node("m-a", false), net.node("m-b", false));
    net.link("m", a, b, config);
    let to = net.socket(b, 9);
    net.app(a, "probe", Probe::new(5000).burst(0, to, 100, 20_000));
    net.app(b, "probe", Probe::new(9));
    prepare(&mut net);
    let mut world = net.build(1);
    world.run_until_quiet();
    let reports = world.take_reports();
    let left = World::seen(&reports, world.wire(0, true), LinkEnd::Sender).into_iter();
    let lost = left.filter(|seen| seen.fate == Fate::Dropped(DropCause::Lost));
    let lost = offsets(lost.map(|seen| seen.packet));
    assert_eq!(lost.len() as u64, world.node(0).dropped(DropCause::Lost));
    lost
}

/// Binomial(20 000, 0.01): mean 200, standard deviation 14.1; (20 000, 0.02): 400 and 19.8. Five of
/// them either way.
#[test]
fn what_is_lost_at_one_percent_is_lost_at_two_packet_by_packet() {
    let (one, two) = (lost(1, |_| {}), lost(2, |_| {}));
    assert!((130..=270).contains(&one.len()), "{}", one.len());
    assert!((301..=499).contains(&two.len()), "{}", two.len());
    assert!(one.iter().all(|offset| two.contains(offset)));
}

/// New nodes before, between and after the two, a new link before theirs with loss of its own, and a second
/// application on the sender that draws.
#[test]
fn adding_nodes_links_and_applications_leaves_the_losses_of_a_link_as_they_were() {
    let others = lost(2, |net| {
        let (first, between, last) = (net.node("a", false), net.node("m-aa", true), net.node("z", false));
        let lossy = LinkConfig { loss: Some(Ratio::from_percent(50)), ..ten_mbit() };
        net.link("a-lossy", first, between, lossy.clone());
        net.link("z-lossy", between, last, lossy);
        let to = net.socket(last, 9);
        net.app(first, "probe", Probe::new(5000).burst(0, to, 100, 50));
        let ping = PingConfig { count: Some(3), ..PingConfig::new(NodeName("m-a".to_owned())) };
        let own = net.address(0);
        net.app(0, "another", Ping::new(ping, own));
    });
    assert_eq!(others, lost(2, |_| {}));
}

/// 1500 bytes are 12 000 bits. At 0.6 ms half of the first has left. At 1 Mbit/s its 6000 bits take 6 ms more,
/// and the second 12 ms: departures at 6.6 and 18.6 ms. At 100 Mbit/s 60 us and 120 us: 0.66 and 0.78 ms.
#[test]
fn a_packet_in_service_sends_its_remaining_bits_at_the_new_rate() {
    for (new, expected) in [("1 Mbit/s", [26_600_000, 38_600_000]), ("100 Mbit/s", [20_660_000, 20_780_000])] {
        let mut net = burst(&[ten_mbit()], 1500, 2);
        net.change(at(600_000), 0, true, rate(new));
        assert_eq!(arrivals(net), expected);
    }
}

/// At 10 Gbit/s ten bits leave in a nanosecond: of 432 bits 32 are left after 40 ns, 32 ms at 1 kbit/s. That the
/// departure at 43.2 ns had been rounded up to 44 makes no bits. The next 432 bits take 432 ms.
#[test]
fn a_departure_that_was_rounded_up_has_no_more_bits_left() {
    let mut net = burst(&[link("10 Gbit/s", "1 us")], 54, 2);
    net.change(at(40), 0, true, rate("1 kbit/s"));
    assert_eq!(arrivals(net), [40 + 32_000_000 + 1_000, 40 + 464_000_000 + 1_000]);
}

/// Two changes within one packet. 12 000 bits: 1 ms at 10 Mbit/s sends 10 000, 1 ms at 1 Mbit/s 1000, the last
/// 1000 take 10 ms at 100 kbit/s.
#[test]
fn a_rate_may_change_twice_within_a_packet() {
    let mut net = burst(&[ten_mbit()], 1500, 1);
    net.change(at(1_000_000), 0, true, rate("1 Mbit/s"));
    net.change(at(2_000_000), 0, true, rate("100 kbit/s"));
    assert_eq!(arrivals(net), [32_000_000]);
}

/// 54 bytes at 10 Gbit/s leave at 43.2 i ns, rounded up, whether the delay changes meanwhile or not.
#[test]
fn a_change_of_delay_leaves_departures_as_they_are() {
    let mut net = burst(&[link("10 Gbit/s", "1 us")], 54, 10);
    net.change(at(1), 0, true, delay("2 us"));
    net.change(at(150), 0, true, delay("3 us"));
    // 44, 87, 130 | 173, 216, 260, 303, 346, 389, 432
    let expected = (1..=10).map(|i: u64| (432 * i).div_ceil(10) + if i <= 3 { 2_000 } else { 3_000 });
    assert_eq!(arrivals(net), expected.collect::<Vec<_>>());
}

/// Departures at 1.2, 2.4, 3.6 ms. What has left by 1.3 ms keeps its 20 ms.
#[test]
fn a_longer_delay_holds_for_what_leaves_after_the_change() {
    let mut net = burst(&[ten_mbit()], 1500, 3);
    net.change(at(1_300_000), 0, true, delay("50 ms"));
    assert_eq!(arrivals(net), [21_200_000, 52_400_000, 53_600_000]);
}

/// The first has left at 1.2 ms and arrives at 21.2 ms. With 1 ms from then on, those that leave before
/// 20.2 ms would overtake it: they arrive with it. Packet 17 leaves at 20.4 ms and arrives at 21.4 ms.
#[test]
fn a_shorter_delay_lets_nobody_overtake() {
    let mut net = burst(&[ten_mbit()], 1500, 17);
    net.change(at(1_300_000), 0, true, delay("1 ms"));
    let mut world = net.build(1);
    world.run_until_quiet();
    let reports = world.take_reports();
    let seen = World::seen(&reports, world.wire(0, true), LinkEnd::Receiver);
    let times: Vec<u64> = seen.iter().map(|seen| seen.at.as_nanos()).collect();
    assert_eq!(times, [vec![21_200_000; 16], vec![21_400_000]].concat());
    let order = offsets(seen.into_iter().map(|seen| seen.packet));
    assert_eq!(order, (0..17).map(|i| i * 1472).collect::<Vec<_>>());
}

/// Departures at 1.2 i ms. Everything is lost that leaves after 1.3 ms up to 4.8 ms: packets 2, 3 and 4, the
/// last at the nanosecond of the second change, when it has left. They have occupied the link: the others
/// arrive as if nothing had been lost.
#[test]
fn loss_is_decided_by_the_probability_at_the_departure() {
    let mut net = burst(&[ten_mbit()], 1500, 6);
    net.change(at(1_300_000), 0, true, loss(100));
    net.change(at(4_800_000), 0, true, loss(0));
    let mut world = net.build(1);
    world.run(Until::Time(at(1_250_000)));
    assert_eq!(world.dropped(DropCause::Lost), 0);
    world.run_until_quiet();
    assert_eq!(world.dropped(DropCause::Lost), 3);
    assert_eq!(world.take_arrivals(0, true), [21_200_000, 26_000_000, 27_200_000]);
}

/// The first leaves at 1.2 ms, long before the change; the second is offered at 100 ms to an idle link and
/// takes 12 ms at 1 Mbit/s, and 1 ms on the way.
#[test]
fn a_change_of_an_idle_link_holds_for_what_comes() {
    let mut net = Net::chain(&[ten_mbit()]);
    let to = net.socket(1, 9);
    net.app(0, "probe", Probe::new(5000).burst(0, to, 1472, 1).burst(100_000_000, to, 1472, 1));
    net.app(1, "probe", Probe::new(9));
    let both = LinkChange { delay: Some("1 ms".parse().unwrap()), ..rate("1 Mbit/s") };
    net.change(at(50_000_000), 0, true, both);
    assert_eq!(arrivals(net), [21_200_000, 113_000_000]);
}

/// Four packets, room for one: two are refused at the start. After the change at 0.6 ms the queue holds one
/// as before: at 0.7 ms nobody gets in, and at the first departure, 0.6 + 0.06 ms, one more does.
#[test]
fn a_change_keeps_what_is_queued_and_its_places() {
    for (offered, refused) in [(659_999, 3), (660_000, 2)] {
        let mut net = Net::chain(&[LinkConfig { queue: drop_tail("1 packets"), ..ten_mbit() }]);
        let to = net.socket(1, 9);
        net.app(0, "probe", Probe::new(5000).burst(0, to, 1472, 4).burst(offered, to, 1472, 1));
        net.app(1, "probe", Probe::new(9));
        net.change(at(600_000), 0, true, rate("100 Mbit/s"));
        let mut world = net.build(1);
        world.run_until_quiet();
        assert_eq!(world.dropped(DropCause::QueueFull), refused, "at {offered} ns");
    }
}

/// At 1 bit/s a 65 535-byte packet takes 524 280 s: 2^64 ns are over after 35 185 of them. Those beyond wait
/// for ever, and the run goes on.
#[test]
fn a_queue_that_outlasts_the_clock_is_no_panic() {
    let mtu = ron::from_str("\"65535 B\"").unwrap();
    let queue = drop_tail("100000 packets");
    let config = LinkConfig { mtu: Some(mtu), queue, ..link("1 bit/s", "1 ms") };
    let mut world = burst(&[config], 65_535, 40_000).build(1);
    world.run(Until::Time(at(1_000_000_000)));
    assert!(world.take_arrivals(0, true).is_empty());
}

#[test]
fn queue_limits_are_read_and_refused_with_an_example() {
    assert_eq!("1 packet".parse(), Ok(QueueLimit::Packets(1)));
    assert_eq!("100 packets".parse(), Ok(QueueLimit::Packets(100)));
    assert_eq!("64 KiB".parse(), Ok(QueueLimit::Bytes(Size::from_bytes(65_536))));
    for wrong in ["100", "-1 packets", "many packets", "1.5 packets"] {
        assert!(wrong.parse::<QueueLimit>().unwrap_err().contains("100 packets"), "{wrong}");
    }
}

/// RFC 791: every link takes 68 bytes; the length field ends at 65535.
#[test]
fn an_mtu_is_68_to_65535_bytes() {
    assert_eq!(ron::from_str::<Mtu>("\"68 B\"").unwrap().as_bytes(), 68);
    assert!(ron::from_str::<Mtu>("\"67 B\"").is_err());
    assert!(ron::from_str::<Mtu>("\"65536 B\"").is_err());
}

#[test]
fn fields_without_effect_are_found() {
    let fields = |text: &str| {
        let text = text.replacen('(', "(ends: (NodeName(\"a\"), NodeName(\"b\")),", 1);
        let config: LinkConfig = ron::from_str(&text).unwrap();
        config.check().into_iter().map(|(field, _)| field).collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(fields("(rate: Some(\"1 Mbit/s\"))"), none);
    assert_eq!(fields("(delay: Some(\"1 ms\"))"), none);
    assert_eq!(fields("()"), [""]);
    assert_eq!(fields("(delay: Some(\"0 ms\"))"), [""]);
    assert_eq!(fields("(delay: Some(\"1 ms\"), queue: Some(DropTail(\"1 packet\")))"), ["queue"]);
    assert_eq!(fields("(delay: Some(\"1 ms\"), framing: Some(Ethernet))"), ["framing"]);
    let both = "forward: Some((rate: Some(\"1 Mbit/s\"))), backward: Some((rate: Some(\"2 Mbit/s\")))";
    assert_eq!(fields(&format!("(rate: Some(\"3 Mbit/s\"), {both})")), ["rate"]);
    let forward = "forward: Some((queue: Some(DropTail(\"1 packet\"))))";
    assert_eq!(fields(&format!("(delay: Some(\"1 ms\"), {forward})")), ["forward.queue"]);
    assert!(ron::from_str::<DirectionConfig>("(dely: Some(\"1 ms\"))").is_err());
}

/// Rates from 10^`least` to 10^10 bit/s, as many of each order of magnitude, none of them round.
fn any_rate(least: u32) -> impl Strategy<Value = u64> {
    (1_u64..1000, least..8).prop_map(|(digits, zeros)| digits * 10_u64.pow(zeros) + 7)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Hops with rates and delays of their own: the sum of ceil(8 L / R_i) + D_i, L with Ethernet's overhead.
    #[test]
    fn one_packet_takes_the_sum_over_its_hops(
        hops in prop::collection::vec((1_000_u64..20_000_000_000, 1_u64..100_000_000), 1..8),
        len in 29_u64..=1500,
    ) {
        let config = |(bits, nanos): &(u64, u64)| LinkConfig {
            framing: Some(Framing::Ethernet),
            ..link(&format!("{bits} bit/s"), &format!("{nanos} ns"))
        };
        let configs: Vec<LinkConfig> = hops.iter().map(config).collect();
        let mut world = burst(&configs, len, 1).build(1);
        world.run_until_quiet();
        let bit_nanos = (len.max(46) + 38) * 8 * 1_000_000_000;
        let expected: u64 = hops.iter().map(|(bits, nanos)| bit_nanos.div_ceil(*bits) + nanos).sum();
        prop_assert_eq!(world.take_arrivals(hops.len() - 1, true), [expected]);
    }

    /// A burst of packets under any changes of the rate: the k-th leaves when the integral of the rate over
    /// time reaches its bits, rounded up to a nanosecond.
    #[test]
    fn departures_follow_the_integral_of_the_rate(
        count in 1_u64..6,
        first in any_rate(6),
        changes in prop::collection::vec((1_u64..3_000, any_rate(3)), 0..6),
        manages in any::<bool>(),
    ) {
        let mut net = burst(&[link(&format!("{first} bit/s"), "1 us")], 100, count);
        net.manages = manages;
        let mut steps = vec![(0_u64, first)];
        for (gap, bits) in changes {
            let when = steps.last().unwrap().0 + gap;
            net.change(at(when), 0, true, rate(&format!("{bits} bit/s")));
            steps.push((when, bits));
        }
        let departs = |bits: u64| {
            let mut left = u128::from(bits) * 1_000_000_000;
            for (index, (from, rate)) in steps.iter().enumerate() {
                let rate = u128::from(*rate);
                let needed = left.div_ceil(rate);
                match steps.get(index + 1) {
                    Some((until, _)) if needed > u128::from(until - from) => left -= rate * u128::from(until - from),
                    _ => return from + needed as u64,
                }
            }
            unreachable!("the last rate holds for ever")
        };
        let expected: Vec<u64> = (1..=count).map(|k| departs(800 * k) + 1_000).collect();
        prop_assert_eq!(arrivals(net), expected);
    }
}
