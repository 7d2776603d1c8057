//! Channels of plans: their luck, their wires, and what can be wrong with them.

use crate::check::{Kind, check_timeline, check_topology};
use crate::tests::{net, plan_with};
use crate::{Direction, Installation, Plan, TimelineEvent, Topology};
use protosim_core::kernel::{Interests, Limits};
use protosim_core::{LocalTime, Ratio, RunSeed, Sinks, Span, Until};
use protosim_models::channel::ChannelConfig;
use protosim_models::name::ChannelName;
use protosim_models::node::{audit, audit_messages};
use protosim_models::{App, CannotClone, ChannelId, Host, Rope, SocketId};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

/// What a probe of the callee hears, and what the caller's says: a number every 10 ms, a hundred in all.
#[derive(Debug, Clone, Default)]
struct Signals {
    says: bool,
    number: u64,
    heard: Arc<Mutex<Vec<(u64, u64)>>>,
}

impl App for Signals {
    fn on_start(&mut self, host: &mut dyn Host) {
        host.channel("call").expect("the channel ends here");
        if self.says {
            host.set_timer(0, LocalTime::from_nanos(1), "say");
        }
    }

    fn on_datagram(&mut self, _: SocketId, _: SocketAddr, _: Rope, _: &mut dyn Host) {}

    fn on_timer(&mut self, _: u64, host: &mut dyn Host) {
        let channel = host.channel("call").unwrap();
        host.signal(channel, Rope::fill(0, 0, self.number)).unwrap();
        self.number += 1;
        if self.number < 100 {
            host.set_timer(0, LocalTime::from_nanos(1 + 10_000_000 * self.number), "say");
        }
    }

    fn on_signal(&mut self, _: ChannelId, message: Rope, host: &mut dyn Host) {
        self.heard.lock().unwrap().push((host.now().as_nanos(), message.len()));
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        let heard = Arc::new(Mutex::new(self.heard.lock().unwrap().clone()));
        Ok(Box::new(Self { heard, ..self.clone() }))
    }
}

/// What the callee of each pair hears, by pair.
fn heard(topology: Topology, pairs: &[(&str, &str)], threads: usize) -> (Vec<Vec<(u64, u64)>>, Vec<u64>) {
    heard_over(plan_with(topology, Vec::new()), pairs, threads)
}

fn heard_over(plan: Plan, pairs: &[(&str, &str)], threads: usize) -> (Vec<Vec<(u64, u64)>>, Vec<u64>) {
    let mut logs = Vec::new();
    let mut apps = Vec::new();
    for (caller, callee) in pairs {
        let hears = Signals::default();
        logs.push(hears.heard.clone());
        for (on, app) in [(caller, Signals { says: true, ..Signals::default() }), (callee, hears)] {
            let node = plan.node(on).unwrap();
            apps.push(Installation { node, name: "signals".to_owned(), app: Box::new(app), is_measured: false });
        }
    }
    let seed = RunSeed { seed: 7, replication: 0 };
    let mut world = plan.simulation(seed, Limits::default(), apps, threads).unwrap();
    assert!(threads == 1 || world.partitioned() > 1);
    let mut sinks = Sinks::new(Interests::RESULTS.and(Interests::PACKETS));
    world.run(Until::Quiet, &mut sinks).unwrap();
    assert!(sinks.into_merged().is_empty(), "no packet is seen");
    assert!(audit_messages(&world).holds() && audit(&world) == Default::default());
    let digests = world.wire_digests().into_iter().map(|(_, digest)| digest.value()).collect();
    (logs.iter().map(|log| log.lock().unwrap().clone()).collect(), digests)
}

fn with_channels(channels: Vec<ChannelConfig>) -> Topology {
    Topology { channels, ..net("x:a-b y:c-d") }
}

fn lossy_channel(name: &str, ends: (&str, &str)) -> ChannelConfig {
    ChannelConfig { loss: Some(Ratio::from_percent(30)), ..ChannelConfig::between(name, ends, Span::from_millis(50)) }
}

/// Two channels between hosts that no path joins. Messages arrive exactly 50 ms late; the luck of one is its own, whether there is
/// another one or not, in which order they stand, and what it is called, where it keeps its stream name; threads make no difference.
#[test]
fn channels_have_their_own_luck_and_no_network() {
    let (one, two) = (lossy_channel("call-0", ("a", "c")), lossy_channel("call-1", ("b", "d")));
    let pairs = [("a", "c"), ("b", "d")];
    let (both, digests) = heard(with_channels(vec![one.clone(), two.clone()]), &pairs, 1);
    // Binomial with n = 100 and 70 %: four deviations of 4.6 on either side.
    assert!(both.iter().all(|heard| (52..=88).contains(&heard.len())), "{both:?}");
    assert!(both.iter().flatten().all(|(at, number)| *at == 1 + 10_000_000 * number + 50_000_000));
    assert_ne!(both[0], both[1]);
    assert_eq!(heard(with_channels(vec![two.clone(), one.clone()]), &pairs, 1).0, both);
    assert_eq!(heard(with_channels(vec![one.clone()]), &pairs[..1], 1).0, both[..1]);
    let renamed = ChannelConfig { name: "call".to_owned(), stream_name: Some("call-0".to_owned()), ..one.clone() };
    assert_eq!(heard(with_channels(vec![renamed]), &pairs[..1], 1).0, both[..1]);
    let other = ChannelConfig { name: "call".to_owned(), ..one.clone() };
    assert_ne!(heard(with_channels(vec![other]), &pairs[..1], 1).0, both[..1]);
    for threads in [2, 4] {
        assert_eq!(
            heard(with_channels(vec![one.clone(), two.clone()]), &pairs, threads),
            (both.clone(), digests.clone())
        );
    }
}

fn event(millis: u64) -> TimelineEvent {
    let channel = Some(ChannelName("call".to_owned()));
    TimelineEvent { at: Span::from_millis(millis), channel, ..TimelineEvent::default() }
}

/// Message k leaves at 10 k ms and 1 ns. Those that leave from 105 ms to 505 ms are lost, 11 to 50; those after that are 20 ms late and
/// not 50. What had left arrives. The other direction goes on as it was, and threads make no difference.
#[test]
fn a_channel_changes_on_the_timeline() {
    let topology = || with_channels(vec![ChannelConfig::between("call", ("a", "c"), Span::from_millis(50))]);
    let down = TimelineEvent { up: Some(false), direction: Some(Direction::Forward), ..event(105) };
    let up = TimelineEvent {
        up: Some(true),
        delay: Some(Span::from_millis(20)),
        direction: Some(Direction::Forward),
        ..event(505)
    };
    let of = |pairs: &[(&str, &str)], threads| {
        heard_over(plan_with(topology(), vec![down.clone(), up.clone()]), pairs, threads)
    };
    let (forth, digests) = of(&[("a", "c")], 1);
    let arrival = |number: u64| (1 + 10_000_000 * number + if number <= 10 { 50_000_000 } else { 20_000_000 }, number);
    assert_eq!(forth[0], (0..=10).chain(51..100).map(arrival).collect::<Vec<_>>());
    assert_eq!(of(&[("a", "c")], 2), (forth, digests));
    let (back, _) = of(&[("c", "a")], 1);
    assert_eq!(back[0].len(), 100);
}

#[test]
fn what_a_timeline_cannot_do_to_a_channel_is_found() {
    let topology = with_channels(vec![ChannelConfig::between("call", ("a", "c"), Span::from_millis(50))]);
    let find = |event: TimelineEvent| -> Vec<(Kind, String)> {
        check_timeline(&topology, &[event]).into_iter().map(|found| (found.kind, found.path)).collect()
    };
    let at = |path: &str| [(Kind::NoEffect, format!("timeline.0{path}"))];
    assert_eq!(find(event(5)), at(""));
    assert_eq!(find(TimelineEvent { up: Some(true), ..event(5) }), at(".up"), "it is up already");
    assert_eq!(find(TimelineEvent { delay: Some(Span::from_millis(50)), ..event(5) }), at(".delay"));
    assert_eq!(
        find(TimelineEvent {
            rate: protosim_core::Rate::from_bits_per_sec(8),
            loss: Some(Ratio::from_percent(1)),
            ..event(5)
        }),
        at(".rate")
    );
    let zero = TimelineEvent { delay: Some(Span::ZERO), ..event(5) };
    assert_eq!(find(zero), [(Kind::OutOfRange, "timeline.0.delay".to_owned())]);
    let link = Some(protosim_models::name::LinkName("x".to_owned()));
    assert_eq!(find(TimelineEvent { link, up: Some(false), ..event(5) }), at(".link"));
}

#[test]
fn what_is_wrong_with_channels_is_found() {
    let find = |channels| -> Vec<(Kind, String)> {
        check_topology(&with_channels(channels)).into_iter().map(|found| (found.kind, found.path)).collect()
    };
    let channel = |name| lossy_channel(name, ("a", "c"));
    assert_eq!(find(vec![channel("x"), channel("y")]), []);
    assert_eq!(find(vec![channel("x"), channel("x")]), [(Kind::DuplicateName, "channels.1.name".to_owned())]);
    assert_eq!(find(vec![channel("x:")]), [(Kind::BadName, "channels.0.name".to_owned())]);
    assert_eq!(find(vec![lossy_channel("x", ("a", "a"))]), [(Kind::LinkToSelf, "channels.0.ends.1".to_owned())]);
    let slow = ChannelConfig { delay: Span::ZERO, ..channel("x") };
    assert_eq!(find(vec![slow]), [(Kind::OutOfRange, "channels.0.delay".to_owned())]);
    let twin = ChannelConfig { stream_name: Some("x".to_owned()), ..channel("y") };
    assert_eq!(find(vec![channel("x"), twin]), [(Kind::DuplicateName, "channels.1.stream_name".to_owned())]);
}
