//! Random worlds of relays: they pass packets on by random wires with random delay and loss, re-arm their
//! timers all the time, and let the timeline change their wires under way. Times are short, so that much
//! falls on one instant.

use super::*;
use crate::quantity::Ratio;
use crate::random::Purpose;
use proptest::prelude::*;
use std::sync::Arc;

/// A packet with the number of hops that it still has.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hopper {
    id: u64,
    hops: u32,
}

impl Fingerprint for Hopper {
    fn fingerprint(&self) -> u64 {
        self.id << 8 | u64::from(self.hops)
    }
}

/// How a wire behaves at the moment: times in nanoseconds, loss in percent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Manner {
    serialisation: u64,
    /// On top of the wire's least delay.
    delay: u64,
    jitter: u64,
    loss: u64,
}

/// The timeline changes a wire of a relay; what has not left is sent anew or thrown away.
#[derive(Clone, Debug)]
pub(super) struct Change {
    out: usize,
    manner: Manner,
    throw_away: bool,
}

impl Fingerprint for Change {
    fn fingerprint(&self) -> u64 {
        self.manner.delay << 16 | self.manner.serialisation << 8 | u64::from(self.throw_away)
    }
}

/// The sending half of a wire, with its books.
#[derive(Clone, Debug, PartialEq)]
struct Out {
    wire: WireId,
    min_delay: u64,
    manner: Manner,
    free_at: SimTime,
    sent: u64,
    lost: u64,
    taken_back: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Relay {
    outs: Vec<Out>,
    /// Packets that it may still originate.
    budget: u32,
    idle: TimerId,
    soon: TimerId,
    todo: Vec<Hopper>,
    /// By port, which is the number of the wire.
    received: Vec<u64>,
}

/// What a relay reports.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    Heard(u32, u64),
    Rang(u32),
    Changed(usize),
    Holds(usize),
    Done(usize),
    Left(u32, u64, Option<SimTime>),
}

impl Word {
    pub(super) fn kind(&self) -> Interests {
        if matches!(self, Self::Left(..)) { Interests::PACKETS } else { Interests::RESULTS }
    }
}

const LUCK: Purpose = Purpose("luck");

impl Relay {
    fn say(&self, word: Word, cx: &mut Cx<'_, Self>) {
        if cx.wants(Interests::RESULTS) {
            cx.report(word);
        }
    }

    fn dispatch(&mut self, index: usize, packet: Hopper, cx: &mut Cx<'_, Self>) {
        let now = cx.now();
        let out = &mut self.outs[index];
        let departs = out.free_at.max(now) + ns(out.manner.serialisation);
        out.free_at = departs;
        let lost = cx.rng(Purpose("loss")).chance(Ratio::from_percent(out.manner.loss));
        let jitter = cx.rng(Purpose("jitter")).below(out.manner.jitter + 1);
        let arrives = (departs + ns(out.min_delay + out.manner.delay + jitter)).max(now + ns(1));
        out.sent += 1;
        out.lost += u64::from(lost);
        cx.send(out.wire, departs, (!lost).then_some(arrives), packet);
    }
}

impl Entity for Relay {
    type Packet = Hopper;
    type Action = Change;
    type Report = Word;

    fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
        cx.ask_flush();
        self.idle = cx.new_timer(1, "idle");
        self.soon = cx.new_timer(2, "soon");
        let first = cx.rng(LUCK).below(20);
        cx.arm(self.idle, at(1 + first));
    }

    fn on_arrival(&mut self, port: u32, packet: Hopper, cx: &mut Cx<'_, Self>) {
        cx.ask_flush();
        self.say(Word::Heard(port, packet.id), cx);
        self.received[port as usize] += 1;
        if packet.hops > 0 {
            self.todo.push(Hopper { hops: packet.hops - 1, ..packet });
        }
        let (kind, wait) = (cx.rng(LUCK).below(6), 1 + cx.rng(LUCK).below(30));
        let deadline = cx.now() + ns(wait);
        match kind {
            0 => cx.disarm(self.soon),
            1 => {
                cx.remove_timer(self.soon);
                self.soon = cx.new_timer(3, "soon");
            }
            2 => cx.arm(self.soon, deadline),
            _ => cx.arm(self.idle, deadline),
        }
    }

    fn on_timer(&mut self, _: TimerId, tag: u64, cx: &mut Cx<'_, Self>) {
        cx.ask_flush();
        self.say(Word::Rang(tag as u32), cx);
        if tag == 1 && self.budget > 0 {
            self.budget -= 1;
            let id = cx.rng(LUCK).below(1 << 40);
            let burst = 1 + cx.rng(LUCK).below(3);
            self.todo.extend((0..burst).map(|number| Hopper { id: id + number, hops: 4 }));
            let wait = 1 + cx.rng(LUCK).below(30);
            cx.arm(self.idle, cx.now() + ns(wait));
        }
    }

    fn on_action(&mut self, change: &Change, cx: &mut Cx<'_, Self>) {
        cx.ask_flush();
        self.say(Word::Changed(change.out), cx);
        let out = &mut self.outs[change.out];
        cx.mark(out.wire, change.fingerprint());
        let back = cx.recall(out.wire);
        assert!(back.iter().all(|flying| flying.departs > cx.now()));
        assert!(back.is_sorted_by(|a, b| a.number < b.number && a.departs <= b.departs));
        out.lost -= back.iter().filter(|flying| flying.arrives().is_none()).count() as u64;
        out.taken_back += back.len() as u64;
        out.manner = change.manner.clone();
        out.free_at = cx.now();
        if !change.throw_away {
            back.into_iter().for_each(|flying| self.dispatch(change.out, flying.packet, cx));
        }
    }

    fn on_sample(&mut self, cx: &mut Cx<'_, Self>) {
        self.say(Word::Holds(self.received.iter().sum::<u64>() as usize), cx);
    }

    fn on_flush(&mut self, cx: &mut Cx<'_, Self>) {
        let todo = std::mem::take(&mut self.todo);
        let number = todo.len();
        for packet in todo {
            if self.outs.is_empty() {
                break;
            }
            let index = cx.rng(LUCK).below(self.outs.len() as u64) as usize;
            self.dispatch(index, packet, cx);
        }
        self.say(Word::Done(number), cx);
    }

    fn departure(wire: WireId, flying: &InFlight<Hopper>) -> Option<Word> {
        Some(Word::Left(wire.0, flying.packet.id, flying.arrives()))
    }

    fn try_clone(&self) -> Result<Self, CannotClone> {
        Ok(self.clone())
    }
}

#[derive(Clone, Debug)]
pub(super) struct PlannedWire {
    pub(super) from: u32,
    to: u32,
    min_delay: u64,
    manner: Manner,
}

#[derive(Clone, Debug)]
pub(super) struct PlannedAct {
    time: u64,
    /// Taken modulo the number of wires.
    pub(super) wire: usize,
    manner: Manner,
    throw_away: bool,
}

/// A world and its run, as drawn.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) budgets: Vec<u32>,
    pub(super) wires: Vec<PlannedWire>,
    pub(super) acts: Vec<PlannedAct>,
    pub(super) sample_every: Option<u64>,
    pub(super) seed: u64,
    pub(super) stops: Vec<Until>,
}

/// The world as it stands at a stop.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stage {
    now: SimTime,
    deliveries: u64,
    entities: Vec<(Arc<str>, Digest)>,
    wires: Vec<(Arc<str>, Digest)>,
    relays: Vec<Relay>,
    in_flight: Vec<Vec<InFlight<Hopper>>>,
}

/// All that can be seen of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) stages: Vec<Stage>,
    pub(super) reports: Vec<Reported<Word>>,
}

impl Plan {
    pub(super) fn world(&self, threads: usize) -> Simulation<Relay> {
        self.world_with(threads, self.changes())
    }

    /// What the timeline does.
    pub(super) fn changes(&self) -> Vec<(SimTime, EntityId, Change)> {
        let change = |act: &PlannedAct| {
            let wire = act.wire % self.wires.len();
            let from = self.wires[wire].from;
            let out = self.wires[..wire].iter().filter(|other| other.from == from).count();
            (at(act.time), EntityId(from), Change { out, manner: act.manner.clone(), throw_away: act.throw_away })
        };
        self.acts.iter().filter(|_| !self.wires.is_empty()).map(change).collect()
    }

    pub(super) fn world_with(&self, threads: usize, changes: Vec<(SimTime, EntityId, Change)>) -> Simulation<Relay> {
        let mut builder = Builder::new(RunSeed { seed: self.seed, replication: 0 });
        let out = |(index, planned): (usize, &PlannedWire)| Out {
            wire: WireId(index as u32),
            min_delay: planned.min_delay,
            manner: planned.manner.clone(),
            free_at: SimTime::ZERO,
            sent: 0,
            lost: 0,
            taken_back: 0,
        };
        for (rank, budget) in self.budgets.iter().enumerate() {
            let path = format!("r{rank:02}");
            let relay = Relay {
                outs: self.wires.iter().enumerate().filter(|(_, w)| w.from as usize == rank).map(out).collect(),
                budget: *budget,
                idle: TimerId(0),
                soon: TimerId(0),
                todo: Vec::new(),
                received: vec![0; self.wires.len()],
            };
            builder.entity(&path, &path, relay).unwrap();
        }
        for (rank, planned) in self.wires.iter().enumerate() {
            // On every other wire packets overtake each other.
            let spec = wire(rank, planned.from, planned.to, planned.min_delay);
            builder.wire(WireSpec { overtakes: rank % 2 == 1, ..spec }).unwrap();
        }
        for (at, entity, change) in changes {
            builder.act(at, entity, change);
        }
        if let Some(period) = self.sample_every {
            builder.sample_every(ns(period));
        }
        builder.build(threads).unwrap()
    }

    pub(super) fn outcome(&self, threads: usize, interests: Interests) -> Outcome {
        self.run(&mut self.world(threads), interests)
    }

    /// Runs from stop to stop, with sinks of their own for each, and checks the books at each.
    pub(super) fn run(&self, world: &mut Simulation<Relay>, interests: Interests) -> Outcome {
        let mut outcome = Outcome { stages: Vec::new(), reports: Vec::new() };
        for stop in &self.stops {
            let mut sinks = Sinks::new(interests);
            world.run(*stop, &mut sinks).unwrap();
            outcome.reports.extend(sinks.into_merged());
            let stage = Stage {
                now: world.now(),
                deliveries: world.counts().deliveries,
                entities: world.entity_digests(),
                wires: world.wire_digests(),
                relays: world.entities().map(|(_, relay)| relay.clone()).collect(),
                in_flight: (0..self.wires.len())
                    .map(|w| world.in_flight(WireId(w as u32)).cloned().collect())
                    .collect(),
            };
            self.check_books(&stage);
            outcome.stages.push(stage);
        }
        outcome
    }

    /// On each wire: sent = delivered + lost + in flight + taken back.
    fn check_books(&self, stage: &Stage) {
        let outs = stage.relays.iter().flat_map(|relay| &relay.outs);
        for out in outs {
            let wire = out.wire.0 as usize;
            let delivered = stage.relays[self.wires[wire].to as usize].received[wire];
            let flying = stage.in_flight[wire].len() as u64;
            assert_eq!(out.sent, delivered + out.lost + flying + out.taken_back, "wire {wire} at {}", stage.now);
        }
        let delivered: u64 = stage.relays.iter().flat_map(|relay| &relay.received).sum();
        assert_eq!(delivered, stage.deliveries);
    }
}

fn manner() -> impl Strategy<Value = Manner> {
    let loss = prop_oneof![2 => Just(0_u64), 2 => Just(30), 1 => Just(100)];
    (0..5_u64, 0..15_u64, 0..8_u64, loss).prop_map(|(serialisation, delay, jitter, loss)| Manner {
        serialisation,
        delay,
        jitter,
        loss,
    })
}

fn stops() -> impl Strategy<Value = Vec<Until>> {
    let stop = prop_oneof![5 => (0..60_u64).prop_map(Some), 1 => Just(None)];
    prop::collection::vec(stop, 1..6).prop_map(|spans| {
        let mut now = 0;
        let step = |span: Option<u64>| match span {
            Some(span) => {
                now += span;
                Until::Time(at(now))
            }
            None => Until::Quiet,
        };
        spans.into_iter().map(step).chain([Until::Quiet]).collect()
    })
}

/// Worlds of up to seven relays and twelve wires, some of them without delay, some from a relay to itself.
pub(super) fn plan() -> impl Strategy<Value = Plan> {
    let relays = prop::collection::vec(0..5_u32, 1..8);
    (relays, stops(), any::<u64>(), prop::option::weighted(0.4, 1..25_u64)).prop_flat_map(
        |(budgets, stops, seed, sample_every)| {
            let count = budgets.len() as u32;
            let min_delay = prop_oneof![1 => Just(0_u64), 6 => 1..9_u64];
            let wire = (0..count, 0..count, min_delay, manner())
                .prop_map(|(from, to, min_delay, manner)| PlannedWire { from, to, min_delay, manner });
            let act = (1..120_u64, 0..12_usize, manner(), any::<bool>())
                .prop_map(|(time, wire, manner, throw_away)| PlannedAct { time, wire, manner, throw_away });
            (prop::collection::vec(wire, 0..12), prop::collection::vec(act, 0..10)).prop_map(move |(wires, acts)| {
                Plan { budgets: budgets.clone(), wires, acts, sample_every, seed, stops: stops.clone() }
            })
        },
    )
}
