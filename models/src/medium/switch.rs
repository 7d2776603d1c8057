//! A LAN switch: a frame that was taken whole goes out through the port of the station that it is for.

use super::config::{MediumConfig, SwitchConfig};
use super::discipline::Discipline;
use super::shared::{At, MediumCounts, MediumParts, Shared, Takers};
use crate::element::Element;
use crate::link::{DirectionConfig, Drops, Setup, Transmitter};
use crate::node::DropCause;
use crate::packet::{LossCause, Packet};
use protosim_core::{Cx, Span, TimerId};

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Switch {
    shared: Shared,
    /// The sending half towards each station; what it loses is lost there.
    ports: Vec<Transmitter>,
    /// Which port a timer is for, by number of the kernel's slot.
    timers: Vec<usize>,
    /// Packets given to ports.
    offered: u64,
    /// What ports have just dropped; empty between calls.
    drops: Drops,
}

impl SwitchConfig {
    /// The way from the switch to a station.
    pub(super) fn egress(&self) -> DirectionConfig {
        DirectionConfig {
            rate: Some(self.rate),
            delay: self.delay,
            queue: self.queue.clone(),
            loss: self.loss,
            ..DirectionConfig::default()
        }
    }
}

impl MediumConfig {
    /// The way from a station to the medium: over a cable with a queue to a switch; to the adapter of any other medium at once,
    /// since that has the queue.
    pub fn ingress(&self) -> DirectionConfig {
        match self {
            Self::Switch(config) => DirectionConfig {
                rate: Some(config.rate),
                delay: config.delay,
                queue: config.station_queue.clone(),
                ..DirectionConfig::default()
            },
            Self::Csma(_)
            | Self::Radio(_)
            | Self::Ieee802154(_)
            | Self::Cellular(_)
            | Self::Wifi(_)
            | Self::Lora(_)
            | Self::Ble(_) => DirectionConfig::default(),
        }
    }
}

impl Switch {
    pub(super) fn new(config: &SwitchConfig, parts: &MediumParts<'_>) -> Self {
        let direction = config.egress();
        let port = |station: &super::StationParts| {
            Transmitter::new(&Setup {
                wire: station.down,
                direction: &direction,
                framing: parts.config.framing(),
                mtu: parts.config.mtu(),
                seed: parts.seed,
                stream_name: &station.stream_name,
                later: &[],
                files: parts.files,
                meter: None,
            })
        };
        Self {
            shared: Shared::new(parts),
            ports: parts.stations.iter().map(port).collect(),
            timers: Vec::new(),
            offered: 0,
            drops: Drops::new(),
        }
    }

    fn offer(&mut self, packet: Box<Packet>, to: usize, cx: &mut Cx<'_, Element>) {
        self.offered += 1;
        let len = packet.wire_len();
        self.ports[to].offer(packet, len, &mut self.drops, cx);
        self.shared.dispose(&mut self.drops, At::Receiver(to), cx);
    }
}

impl Discipline for Switch {
    fn shared(&self) -> &Shared {
        &self.shared
    }

    fn shared_mut(&mut self) -> &mut Shared {
        &mut self.shared
    }

    fn has_radios(&self) -> bool {
        false
    }

    fn counts(&self) -> MediumCounts {
        let mut counts = self.shared.counts.clone();
        counts.dropped[DropCause::Lost as usize] +=
            self.ports.iter().map(|port| port.lost(LossCause::Chance)).sum::<u64>();
        let never_offered = counts.dropped(DropCause::OutOfRange);
        let dropped = counts.dropped.iter().sum::<u64>() - never_offered;
        // Each packet that a port was given is on its way or was dropped, but for those that wait.
        counts.delivered = self.offered - dropped - self.held();
        counts
    }

    fn held(&self) -> u64 {
        self.ports.iter().map(Transmitter::held).sum()
    }

    fn busy(&self) -> Option<Span> {
        None
    }

    fn start(&mut self, cx: &mut Cx<'_, Element>) {
        for (port, transmitter) in self.ports.iter_mut().enumerate() {
            if let Some(timer) = transmitter.start(cx) {
                debug_assert_eq!(timer.0 as usize, self.timers.len());
                self.timers.push(port);
            }
        }
    }

    fn take(&mut self, from: usize, packet: Box<Packet>, cx: &mut Cx<'_, Element>) {
        self.shared.counts.frames += 1;
        match self.shared.takers(from, &packet) {
            Takers::Nobody => self.shared.drop(&packet, DropCause::OutOfRange, At::Sender(from), cx),
            Takers::One(to) => self.offer(packet, to, cx),
            Takers::Several(takers) => {
                let Some((last, others)) = takers.split_last() else {
                    return self.shared.drop(&packet, DropCause::OutOfRange, At::Sender(from), cx);
                };
                self.shared.counts.copied += others.len() as u64;
                for to in others {
                    self.offer(packet.clone(), *to, cx);
                }
                self.offer(packet, *last, cx);
            }
        }
    }

    fn on_timer(&mut self, timer: TimerId, cx: &mut Cx<'_, Element>) {
        let port = self.timers[timer.0 as usize];
        self.ports[port].on_timer(&mut self.drops, cx);
        self.shared.dispose(&mut self.drops, At::Receiver(port), cx);
    }

    fn station_power(&mut self, _: usize, _: bool, _: &mut Cx<'_, Element>) {}
}
