//! smoltcp under the kernel: at the other end of a link of ours, which loses, delays, repeats and damages, from a node of ours with an
//! application on it.

use super::any_profile;
use super::pair::{End, Exchange, PORT};
use super::smoltcp::{Settings, Small, any_bytes, any_settings};
use crate::app::{App, Host, SocketId, StreamEvent, StreamId, StreamOptions};
use crate::element::Element;
use crate::link::impair::{Corrupt, Jitter, Reorder};
use crate::link::{DirectionConfig, Drops, ImpairConfig, LinkConfig};
use crate::node::Interface;
use crate::packet::Packet;
use crate::rope::Rope;
use crate::tcp::{CloseReason, Parameters};
use crate::testing::{Guest, Net, link};
use proptest::prelude::*;
use protosim_core::{CannotClone, Cx, LocalTime, Ratio, SimTime, Span, TimerId, Until};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

/// What has become of an end.
#[derive(Debug)]
struct Fate {
    exchange: Exchange,
    closed: Option<CloseReason>,
}

/// An application of ours that writes all that it has, and reads all that comes.
#[derive(Debug)]
struct Talker {
    fate: Arc<Mutex<Fate>>,
    parameters: Arc<Parameters>,
    /// Whom it calls; `None` if it listens.
    to: Option<SocketAddr>,
}

impl Talker {
    fn work(&self, stream: StreamId, host: &mut dyn Host) {
        let Fate { exchange, .. } = &mut *self.fate.lock().unwrap();
        while !exchange.has_written_all() {
            match host.stream_write(stream, &exchange.unwritten(u64::MAX)) {
                Ok(0) | Err(_) => break,
                Ok(taken) => exchange.written += taken,
            }
        }
        if exchange.wants_to_finish() {
            exchange.is_finished = host.stream_finish(stream).is_ok();
        }
        while let Ok(data) = host.stream_read(stream, exchange.read_step) {
            if data.is_empty() {
                break;
            }
            exchange.take(&data.to_bytes());
        }
    }
}

impl App for Talker {
    fn on_start(&mut self, host: &mut dyn Host) {
        let options = StreamOptions { tcp: Arc::clone(&self.parameters), early_data: Rope::new() };
        match self.to {
            Some(to) => drop(host.stream_connect(to, &options).unwrap()),
            None => host.stream_listen(PORT, &options).unwrap(),
        }
    }

    fn on_datagram(&mut self, _: SocketId, _: SocketAddr, _: Rope, _: &mut dyn Host) {}

    fn on_timer(&mut self, _: u64, _: &mut dyn Host) {}

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        match event {
            StreamEvent::Closed(reason) => self.fate.lock().unwrap().closed = Some(reason),
            _ => self.work(stream, host),
        }
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Err(CannotClone { endpoint: "talker".to_owned(), reason: "it tells a test what it sees".to_owned() })
    }
}

/// A host with smoltcp at the end of a link.
struct SmallHost {
    small: Small,
    link: Interface,
    link_timer: Option<TimerId>,
    timer: Option<TimerId>,
    drops: Drops,
    /// What it has read, and whether it is closed.
    fate: Arc<Mutex<(u64, bool)>>,
}

impl std::fmt::Debug for SmallHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("smoltcp")
    }
}

impl SmallHost {
    fn settle(&mut self, cx: &mut Cx<'_, Element>) {
        let now = LocalTime::from_nanos(cx.now().as_nanos());
        for bytes in self.small.settle(now) {
            let packet = Box::new(Packet::decode(&bytes).unwrap());
            let len = packet.wire_len();
            self.link.transmitter.offer(packet, len, &mut self.drops, cx);
            self.drops.clear();
        }
        *self.fate.lock().unwrap() = (self.small.exchange.read, self.small.is_closed());
        if let (Some(timer), Some(at)) = (self.timer, self.small.deadline(now)) {
            cx.arm(timer, SimTime::from_nanos(at.as_nanos()));
        }
    }
}

impl Guest for SmallHost {
    fn on_start(&mut self, cx: &mut Cx<'_, Element>) {
        self.link_timer = self.link.transmitter.start(cx);
        self.timer = Some(cx.new_timer(0, "smoltcp"));
        self.settle(cx);
    }

    fn on_arrival(&mut self, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        let bytes = packet.to_rope().to_bytes().to_vec();
        self.small.deliver(bytes, LocalTime::from_nanos(cx.now().as_nanos()));
        self.settle(cx);
    }

    fn on_timer(&mut self, timer: TimerId, cx: &mut Cx<'_, Element>) {
        if Some(timer) == self.link_timer {
            self.link.transmitter.on_timer(&mut self.drops, cx);
            self.drops.clear();
        }
        self.settle(cx);
    }
}

/// 10 ms, 20 Mbit/s, both ways alike.
fn any_link() -> impl Strategy<Value = LinkConfig> {
    (0_u64..=20, 0_u64..10, 0_u64..20, 0_u64..4).prop_map(|(loss, duplicate, early, corrupt)| {
        let share = |percent: u64| Some(Ratio::from_percent(percent)).filter(|_| percent > 0);
        let impair = ImpairConfig {
            duplicate: share(duplicate),
            reorder: share(early).map(Reorder::Early),
            jitter: None::<Jitter>,
            corrupt: share(corrupt).map(Corrupt::Checked),
            ..ImpairConfig::default()
        };
        let impair = Some(impair).filter(|impair| !impair.is_idle());
        let direction = DirectionConfig { loss: share(loss), impair, ..DirectionConfig::default() };
        let direction = Some(direction).filter(|direction| *direction != DirectionConfig::default()).map(Box::new);
        LinkConfig { forward: direction.clone(), backward: direction, ..link("20 Mbit/s", "10 ms") }
    })
}

/// Lets node 0 call node 1; ours is one of them. Checks that all bytes arrive, and that both ends are closed.
fn talk(
    seed: u64,
    lane: LinkConfig,
    parameters: Parameters,
    settings: Settings,
    ours: usize,
    bytes: [u64; 2],
    step: u64,
) {
    let mut net = Net::chain(&[lane]);
    let v4 = |address: IpAddr| match address {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    };
    let (here, there) = (net.socket(ours, PORT), net.socket(1 - ours, PORT));
    let fate = Arc::new(Mutex::new(Fate { exchange: Exchange::new(ours, bytes[ours], step), closed: None }));
    let to = (ours == 0).then_some(there);
    net.app(ours, "talker", Talker { fate: Arc::clone(&fate), parameters: Arc::new(parameters), to });
    let small_fate = Arc::new(Mutex::new((0, false)));
    let told = Arc::clone(&small_fate);
    net.guest(1 - ours, move |link| {
        let exchange = Exchange::new(1 - ours, bytes[1 - ours], step);
        let mut small = Small::new(seed, 1 - ours, v4(there.ip()), &settings, exchange);
        if ours == 0 {
            small.listen()
        } else {
            small.connect(seed, v4(here.ip()))
        }
        Box::new(SmallHost { small, link, link_timer: None, timer: None, drops: Drops::new(), fate: told })
    });
    net.listens = false;
    let mut world = net.build(1);
    world.run(Until::Time(SimTime::ZERO + Span::from_secs(1_000_000)));
    let fate = fate.lock().unwrap();
    assert_eq!((fate.exchange.read, fate.closed), (bytes[1 - ours], Some(CloseReason::Done)), "ours");
    assert_eq!(*small_fate.lock().unwrap(), (bytes[ours], true), "smoltcp");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    /// Both ways, 1 MiB and more, with up to 20 % of loss, reordering, duplicates and flipped bits, small windows.
    #[test]
    fn smoltcp_is_the_other_end_of_a_link(
        seed in any::<u64>(),
        lane in any_link(),
        parameters in any_profile(),
        settings in any_settings(),
        ours in 0_usize..2,
        bytes in any_bytes(),
        step in prop_oneof![Just(u64::MAX), 100_u64..5000],
    ) {
        talk(seed, lane, parameters, settings, ours, bytes, step);
    }
}
