//! Channels of plans: their luck, their wires, and what can be wrong with them.

use crate::check::{Kind, check_topology};
use crate::tests::{net, plan_with};
use crate::{Installation, Topology};
use protosim_core::kernel::{Interests, Limits};
use protosim_core::{LocalTime, Ratio, RunSeed, Sinks, Span, Until};
use protosim_models::channel::ChannelConfig;
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
    let plan = plan_with(topology, Vec::new());
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
