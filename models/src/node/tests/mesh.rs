//! Random networks: packets are conserved, snapshots run on alike, threads make no difference.

use crate::channel::ChannelConfig;
use crate::link::impair::{Bursts, Corrupt, DropRule, Jitter, Reorder, Which};
use crate::link::{ImpairConfig, LinkChange, LinkConfig};
use crate::name::NodeName;
use crate::node::{IpConfig, audit_messages};
use crate::packet::Packet;
use crate::ping::{Ping, PingConfig};
use crate::rope::Rope;
use crate::testing::{Do, Net, Probe, World, at, drop_tail};
use crate::traffic::{UdpSink, UdpSinkConfig, UdpSource, UdpSourceConfig};
use proptest::prelude::*;
use protosim_core::{Operation, Purpose, Ratio, RunSeed, Size, Span, Stream, Until};

/// A choice of the test's own.
struct Dice(Stream);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(RunSeed { seed, replication: 0 }.stream("mesh", Purpose("shape")))
    }

    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.0.below(high - low + 1)
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.0.below(all.len() as u64) as usize]
    }

    fn link(&mut self) -> LinkConfig {
        let quantity = |text: &str| format!("\"{text}\"");
        let rate = self.one_of(&["64 kbit/s", "1 Mbit/s", "100 Mbit/s", "3 Gbit/s"]);
        LinkConfig {
            rate: Some(rate.parse().unwrap()),
            delay: Some(Span::from_micros(self.between(500, 5_000))),
            mtu: Some(ron::from_str(&quantity(self.one_of(&["1500 B", "576 B", "100 B"]))).unwrap()),
            queue: drop_tail(self.one_of(&["0 packets", "3 packets", "2000 B", "100 packets"])),
            loss: Some(Ratio::from_percent(self.one_of(&[0, 1, 20, 100]))),
            impair: self.one_of(&[0, 0, 1]).eq(&1).then(|| Box::new(self.impairments())),
            framing: Some(self.one_of(&[crate::link::Framing::None, crate::link::Framing::Ethernet])),
            ..LinkConfig::between("a", "b")
        }
    }

    fn impairments(&mut self) -> ImpairConfig {
        let share = |dice: &mut Self| Ratio::from_percent(dice.one_of(&[1, 10, 50]));
        let chain = Bursts::Chain {
            to_bad: share(self),
            to_good: share(self),
            good_loss: Ratio::ZERO,
            bad_loss: Ratio::from_percent(self.one_of(&[50, 100])),
        };
        let jitter = self.one_of(&[None, Some(Jitter::Uniform(Span::from_micros(700)))]);
        let (early, other) = (Reorder::Early(share(self)), share(self));
        let every =
            DropRule { of: None, bytes: None, exchange: None, message: None, each: None, which: Which::Every(7) };
        let drawn = ImpairConfig {
            bursts: self.one_of(&[None, Some(chain)]),
            bit_errors: self.one_of(&[None, Some(1e-5)]),
            drop: vec![every; self.one_of(&[0, 1])],
            jitter,
            reorder: self.one_of(&[None, Some(early), jitter.map(|_| Reorder::ByJitter)]),
            duplicate: self.one_of(&[None, Some(other)]),
            corrupt: self.one_of(&[None, Some(Corrupt::Checked(other)), Some(Corrupt::Unnoticed(other))]),
            ..ImpairConfig::default()
        };
        // One that impairs nothing would be refused.
        if drawn.is_idle() { ImpairConfig { duplicate: Some(other), ..drawn } } else { drawn }
    }

    /// What can happen to messages of a channel.
    fn message_impairments(&mut self) -> ImpairConfig {
        let drawn = self.impairments();
        let duplicate = drawn.duplicate.or(Some(Ratio::from_percent(10)));
        ImpairConfig { bit_errors: None, drop: Vec::new(), corrupt: None, duplicate, ..drawn }
    }

    fn change(&mut self) -> LinkChange {
        let rate = self.one_of(&[None, Some("10 kbit/s"), Some("1 Mbit/s"), Some("7 Gbit/s")]);
        let delay = self.one_of(&[None, Some(300), Some(700), Some(20_000)]);
        LinkChange {
            rate: rate.map(|text| text.parse().unwrap()),
            delay: delay.map(Span::from_micros),
            loss: self.one_of(&[None, Some(0), Some(30)]).map(Ratio::from_percent),
            up: self.one_of(&[None, None, None, Some(false), Some(true)]),
            impair: self.one_of(&[0, 0, 1]).eq(&1).then(|| self.impairments()),
        }
    }
}

/// A connected network of `nodes` nodes with some links more than a tree has, traffic across it, packets with
/// short times to live, a routing loop, and changes of links in the first 100 ms.
fn mesh(nodes: usize, seed: u64, threads: usize) -> World {
    let mut dice = Dice::new(seed);
    let mut net = Net::new(seed);
    for index in 0..nodes {
        let forwards = index == 0 || dice.between(0, 3) > 0;
        net.node(&format!("n{index:03}"), forwards);
    }
    for index in 1..nodes + nodes / 2 {
        let (a, b) = match index < nodes {
            true => (index, dice.between(0, index as u64 - 1) as usize),
            false => (dice.between(0, nodes as u64 - 1) as usize, dice.between(0, nodes as u64 - 1) as usize),
        };
        if a != b {
            let link = dice.link();
            let link = net.link(&format!("l{index:03}"), a, b, link);
            // Over both ends of a link 192.0.2.0/24 leads to the other.
            net.route(a, "192.0.2.0", 24, link);
            net.route(b, "192.0.2.0", 24, link);
            for _ in 0..dice.between(0, 2) {
                let (when, is_forward) = (at(dice.between(1, 100_000_000)), dice.between(0, 1) == 0);
                net.change(when, link, is_forward, dice.change());
            }
        }
    }
    net.manages = dice.between(0, 3) == 0;
    for node in 0..nodes {
        if dice.between(0, 4) == 0 {
            let down = dice.between(1, 80_000_000);
            net.power(at(down), node, false);
            net.power(at(down + dice.between(1, 40_000_000)), node, true);
        }
        add_traffic(&mut net, &mut dice, node, nodes);
    }
    add_channels(&mut net, seed, nodes);
    net.build(threads)
}

/// Channels between nodes of the mesh, each with messages both ways and changes in the first 100 ms. Some applications ask for
/// theirs only when they send.
fn add_channels(net: &mut Net, seed: u64, nodes: usize) {
    const NAMES: [&str; 8] = ["call-0", "call-1", "call-2", "chat", "push", "sip", "sms", "web"];
    let mut dice = Dice(RunSeed { seed, replication: 0 }.stream("mesh", Purpose("channels")));
    let mut probes: Vec<Probe> = (0..nodes).map(|_| Probe::new(13)).collect();
    for name in NAMES {
        let first = dice.between(0, nodes as u64 - 1) as usize;
        let second = (first + dice.between(1, nodes as u64 - 1) as usize) % nodes;
        let between = ChannelConfig::between(name, ("a", "b"), Span::from_micros(dice.between(300, 20_000)));
        let channel = net.channel(
            first,
            second,
            ChannelConfig {
                loss: Some(Ratio::from_percent(dice.one_of(&[0, 10, 50]))),
                impair: dice.one_of(&[false, true]).then(|| Box::new(dice.message_impairments())),
                ..between
            },
        );
        for _ in 0..dice.between(0, 2) {
            let (when, is_forward) = (at(dice.between(1, 100_000_000)), dice.between(0, 1) == 0);
            let change = LinkChange {
                delay: dice.one_of(&[None, Some(100), Some(30_000)]).map(Span::from_micros),
                loss: dice.one_of(&[None, Some(0), Some(30)]).map(Ratio::from_percent),
                up: dice.one_of(&[None, Some(false), Some(true)]),
                impair: dice.one_of(&[false, false, true]).then(|| dice.message_impairments()),
                ..LinkChange::default()
            };
            net.change_channel(when, channel, is_forward, change);
        }
        for end in [first, second] {
            let mut probe = std::mem::take(&mut probes[end]);
            if dice.between(0, 2) > 0 {
                probe = probe.hearing(name);
            }
            for index in 0..dice.between(0, 30) {
                let message = Rope::fill(index as u32, 0, dice.between(0, 60_000));
                probe = probe.then(dice.between(0, 110_000_000), Do::Signal(name, message));
            }
            probes[end] = probe;
        }
    }
    for (node, probe) in probes.into_iter().enumerate() {
        net.app(node, "signals", probe);
    }
}

fn add_traffic(net: &mut Net, dice: &mut Dice, node: usize, nodes: usize) {
    let name = || NodeName("anywhere".to_owned());
    let to = dice.between(0, nodes as u64 - 1) as usize;
    let source = UdpSourceConfig {
        stop: Some(Span::from_millis(120)),
        ..UdpSourceConfig::constant(
            name(),
            dice.one_of(&[9, 10]),
            dice.one_of(&["100 kbit/s", "2 Mbit/s"]).parse().unwrap(),
            Size::from_bytes(dice.one_of(&[1, 200, 1472, 3000, 20_000])),
        )
    };
    let source = UdpSourceConfig { start: Span::from_micros(dice.between(0, 50_000)), ..source };
    let destination = if dice.between(0, 1) == 0 { net.address(to) } else { net.address_v6(to) };
    let port = source.port;
    net.app(node, "source", UdpSource::new(source, std::net::SocketAddr::new(destination, port)));
    net.app(node, "sink", UdpSink::new(UdpSinkConfig { port: 9 }));
    let ping = PingConfig {
        count: Some(20),
        interval: Span::from_millis(7),
        timeout: Span::from_millis(50),
        ..PingConfig::new(name())
    };
    net.app(node, "ping", Ping::new(ping, destination));
    for _ in 0..dice.between(0, 3) {
        let mut packet = Packet::udp(net.socket(node, 7), net.socket(to, 9), Rope::fill(1, 0, 60)).unwrap();
        packet.ip.set_ttl(dice.between(1, 6) as u8);
        net.inject(node, packet);
    }
    let lost = "192.0.2.1:9".parse().unwrap();
    let probe = Probe::new(7).burst(0, net.socket(to, 7), 300, 5).burst(5_000_000, lost, 40, 2);
    net.app(node, "probe", probe);
    let cost = crate::device::Cost { per_call: Span::from_micros(300), per_byte: Span::from_nanos(7) };
    if dice.between(0, 1) == 0 {
        net.device(node).cpu.insert("serve".to_owned(), cost);
        let request = net.socket(to, 11);
        let server = Probe::new(11).serving(Operation { name: "serve", bytes: 100 });
        net.app(node, "server", server);
        net.app(node, "client", Probe::new(12).burst(1_000, request, 80, 3));
    }
    let memory = |bytes: u64| Some(Size::from_bytes(bytes));
    *net.ip(node) = IpConfig {
        icmp_errors: dice.one_of(&[None, None, Some(false)]),
        icmp_errors_per_second: dice.one_of(&[None, Some(100)]),
        icmp_error_burst: dice.one_of(&[None, Some(2)]),
        path_mtu_discovery: dice.one_of(&[None, Some(false)]),
        path_mtu_lifetime: dice.one_of(&[None, Some(Span::from_millis(30))]),
        reassembly_timeout: dice.one_of(&[None, Some(Span::from_millis(20))]),
        reassembly_memory: dice.one_of(&[None, memory(2500), memory(10_000)]),
    };
    net.device(node).memory = dice.one_of(&[None, memory(30_000)]);
    net.device(node).clock_drift = Some(crate::device::Drift::from_ppb(dice.between(0, 200_000) as i64).unwrap());
}

/// Everything that a run says of itself.
fn account(mut world: World) -> impl PartialEq + std::fmt::Debug {
    world.run(Until::Time(at(30_000_000)));
    world.run(Until::Time(at(60_000_001)));
    world.run(Until::Time(at(400_000_000)));
    let totals: Vec<_> =
        crate::element::nodes(&world.sim).flat_map(|(_, node)| node.app_totals().map(|(_, totals)| totals)).collect();
    let counts: Vec<_> = crate::element::nodes(&world.sim).map(|(_, node)| node.counts().clone()).collect();
    let channels: Vec<_> = crate::element::nodes(&world.sim)
        .flat_map(|(_, node)| node.channels().map(|(name, counts)| (name.to_owned(), counts)))
        .collect();
    let digests = (world.sim.entity_digests(), world.sim.wire_digests());
    (digests, counts, channels, totals, world.sim.counts().deliveries, world.take_reports())
}

#[test]
fn one_two_and_eight_threads_give_the_same_digests_counts_and_reports() {
    for seed in 1..=4 {
        let one = account(mesh(20, seed, 1));
        for threads in [2, 8] {
            let world = mesh(20, seed, threads);
            assert!(world.sim.partitioned() > 1);
            assert!(account(world) == one, "seed {seed}, {threads} threads");
        }
    }
}

#[test]
fn another_seed_gives_another_run() {
    assert!(account(mesh(10, 1, 1)) != account(mesh(10, 2, 1)));
}

#[test]
fn a_snapshot_runs_on_like_the_original() {
    for (seed, threads) in [(1, 1), (2, 1), (3, 2)] {
        let mut world = mesh(12, seed, threads);
        world.run(Until::Time(at(20_000_000)));
        let copy = world.try_clone().unwrap();
        world.take_reports();
        assert!(account(world) == account(copy), "seed {seed}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Each packet that was made, and each message of a channel, is delivered, dropped with a cause, or in flight: at random moments, and in
    /// the end, when none is in flight. `World::run` looks.
    #[test]
    fn packets_are_conserved(
        nodes in 2_usize..12,
        seed in any::<u64>(),
        threads in 1_usize..3,
        mut stops in prop::collection::vec(1_u64..150_000_000, 3),
    ) {
        let mut world = mesh(nodes, seed, threads);
        stops.sort_unstable();
        for stop in stops {
            world.run(Until::Time(at(stop)));
        }
        world.run_until_quiet();
        prop_assert_eq!(audit_messages(&world.sim).in_flight, 0);
        let made: u64 = crate::element::nodes(&world.sim).map(|(_, node)| node.counts().originated).sum();
        prop_assert!(made > 0);
        // What waited for fragments gave its memory back.
        prop_assert!(crate::element::nodes(&world.sim).all(|(_, node)| node.memory().used() == 0));
    }
}

/// The mesh has what it is there for: packets cut at sources and on the way, put together, and given up.
#[test]
fn fragments_come_and_go_in_the_mesh() {
    let (mut made, mut joined, mut given_up) = (0, 0, 0);
    for seed in 1..=8 {
        let mut world = mesh(12, seed, 1);
        world.run_until_quiet();
        made += crate::element::nodes(&world.sim).map(|(_, node)| node.counts().fragments_made).sum::<u64>();
        joined += crate::element::nodes(&world.sim).map(|(_, node)| node.counts().fragments_joined).sum::<u64>();
        given_up += world.dropped(crate::node::DropCause::Reassembly);
    }
    assert!(made > 100 && joined > 10 && given_up > 20, "{made} made, {joined} joined, {given_up} given up");
}

/// And messages of channels meet all that can become of them.
#[test]
fn messages_come_to_every_end_in_the_mesh() {
    let mut sum = crate::node::ChannelCounts::default();
    for seed in 1..=8 {
        let mut world = mesh(12, seed, 1);
        world.run_until_quiet();
        let counts = audit_messages(&world.sim).counts;
        sum.sent += counts.sent;
        sum.lost += counts.lost;
        sum.duplicated += counts.duplicated;
        sum.delivered += counts.delivered;
        sum.unclaimed += counts.unclaimed;
        sum.node_down += counts.node_down;
    }
    let all = [sum.lost, sum.duplicated, sum.delivered, sum.unclaimed, sum.node_down];
    assert!(sum.sent > 1000 && all.into_iter().all(|count| count > 20), "{sum:?}");
}
