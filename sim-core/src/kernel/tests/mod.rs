//! The kernel's tests: a puppet whose every move is written down beforehand, and random worlds of
//! relays. Expected values follow from the rules in the kernel's docs and are worked out by hand or by
//! a naive model, never taken from a run.

mod builder;
mod limits;
mod misuse;
mod order;
mod permutations;
mod relay;
mod snapshot;
mod threads;
mod timers;
mod wires;

use super::*;
use crate::digest::{Digest, Fingerprint};
use crate::quantity::Size;
use crate::random::RunSeed;
use crate::time::{SimTime, Span};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

const SEED: RunSeed = RunSeed { seed: 7, replication: 0 };

const fn at(nanos: u64) -> SimTime {
    SimTime::from_nanos(nanos)
}

const fn ns(nanos: u64) -> Span {
    Span::from_nanos(nanos)
}

/// A time, given in full or from now on.
#[derive(Clone, Copy, Debug)]
enum When {
    At(u64),
    In(u64),
}
use When::{At, In};

impl When {
    fn from(self, now: SimTime) -> SimTime {
        match self {
            At(nanos) => at(nanos),
            In(nanos) => now + ns(nanos),
        }
    }
}

/// One move of a puppet.
#[derive(Clone, Debug)]
enum Move {
    NewTimer(u64),
    Arm(u32, When),
    Disarm(u32),
    RemoveTimer(u32),
    Emit {
        wire: u32,
        departs: When,
        arrives: Option<When>,
        id: u64,
    },
    Recall(u32),
    Mark(u32, u64),
    /// So many internal rounds, unless one is refused.
    Spin(u32),
    Panic(&'static str),
}
use Move::*;

fn send(wire: u32, departs: When, arrives: When, id: u64) -> Move {
    Emit { wire, departs, arrives: Some(arrives), id }
}

fn lose(wire: u32, departs: When, id: u64) -> Move {
    Emit { wire, departs, arrives: None, id }
}

#[derive(Clone, Debug, PartialEq)]
struct Parcel(u64);

impl Fingerprint for Parcel {
    fn fingerprint(&self) -> u64 {
        self.0
    }
}

impl Fingerprint for Vec<Move> {
    fn fingerprint(&self) -> u64 {
        let mut digest = Digest::START;
        digest.mix_bytes(format!("{self:?}").as_bytes());
        digest.value()
    }
}

/// What a puppet notes.
#[derive(Clone, Debug, PartialEq)]
enum Note {
    Arrived { port: u32, id: u64 },
    Fired { slot: u32, tag: u64 },
    Acted,
    Sampled,
    Flushed,
    Recalled(Vec<u64>),
    Refused,
    Left { wire: u32, id: u64, lost: bool },
}
use Note::*;

/// An entity that makes the moves it was given and notes all that happens to it.
#[derive(Clone, Debug, Default)]
struct Puppet {
    start: Vec<Move>,
    on_arrival: Vec<Move>,
    on_timer: Vec<Move>,
    on_flush: Vec<Move>,
    notes: Vec<(u64, Note)>,
    cannot_clone: bool,
}

impl Puppet {
    fn starting(start: Vec<Move>) -> Self {
        Self { start, ..Self::default() }
    }

    fn note(&mut self, note: Note, cx: &mut Cx<'_, Self>) {
        self.notes.push((cx.now().as_nanos(), note.clone()));
        if cx.wants(Interests::RESULTS) {
            cx.report(note);
        }
    }

    fn make(&mut self, moves: &[Move], cx: &mut Cx<'_, Self>) {
        for one in moves {
            let now = cx.now();
            match one {
                NewTimer(tag) => {
                    cx.new_timer(*tag, "string");
                }
                Arm(slot, when) => cx.arm(TimerId(*slot), when.from(now)),
                Disarm(slot) => cx.disarm(TimerId(*slot)),
                RemoveTimer(slot) => cx.remove_timer(TimerId(*slot)),
                Emit { wire, departs, arrives, id } => {
                    cx.send(WireId(*wire), departs.from(now), arrives.map(|when| when.from(now)), Parcel(*id));
                }
                Recall(wire) => {
                    let back = cx.recall(WireId(*wire)).into_iter().map(|flying| flying.packet.0).collect();
                    self.note(Recalled(back), cx);
                }
                Mark(wire, value) => cx.mark(WireId(*wire), *value),
                Spin(rounds) => {
                    if (0..*rounds).any(|_| !cx.step()) {
                        self.note(Refused, cx);
                    }
                }
                Panic(why) => panic!("{why}"),
            }
        }
    }

    /// The notes without the flushes.
    fn inputs(&self) -> Vec<(u64, Note)> {
        self.notes.iter().filter(|(_, note)| *note != Flushed).cloned().collect()
    }
}

impl Entity for Puppet {
    type Packet = Parcel;
    type Action = Vec<Move>;
    type Report = Note;

    fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
        cx.ask_flush();
        let moves = self.start.clone();
        self.make(&moves, cx);
    }

    fn on_arrival(&mut self, port: u32, packet: Parcel, cx: &mut Cx<'_, Self>) {
        cx.ask_flush();
        self.note(Arrived { port, id: packet.0 }, cx);
        let moves = self.on_arrival.clone();
        self.make(&moves, cx);
    }

    fn on_timer(&mut self, timer: TimerId, tag: u64, cx: &mut Cx<'_, Self>) {
        cx.ask_flush();
        self.note(Fired { slot: timer.0, tag }, cx);
        let moves = self.on_timer.clone();
        self.make(&moves, cx);
    }

    fn on_action(&mut self, action: &Vec<Move>, cx: &mut Cx<'_, Self>) {
        cx.ask_flush();
        self.note(Acted, cx);
        self.make(action, cx);
    }

    fn on_sample(&mut self, cx: &mut Cx<'_, Self>) {
        self.note(Sampled, cx);
    }

    fn on_flush(&mut self, cx: &mut Cx<'_, Self>) {
        self.note(Flushed, cx);
        let moves = self.on_flush.clone();
        self.make(&moves, cx);
    }

    fn departure(wire: WireId, flying: &InFlight<Parcel>) -> Option<Note> {
        Some(Left { wire: wire.0, id: flying.packet.0, lost: flying.arrives().is_none() })
    }

    fn try_clone(&self) -> Result<Self, CannotClone> {
        if self.cannot_clone {
            return Err(CannotClone { endpoint: "strings".into(), reason: "they are tangled".into() });
        }
        Ok(self.clone())
    }
}

/// A wire with the given rank, by number of its ends.
fn wire(rank: usize, from: u32, to: u32, min_delay: u64) -> WireSpec {
    let (from, to) = (EntityId(from), EntityId(to));
    WireSpec {
        path: format!("w{rank:02}").into(),
        from,
        to,
        port: rank as u32,
        min_delay: ns(min_delay),
        overtakes: false,
    }
}

/// A builder with these puppets, called `p00`, `p01`, ..., and wires of (from, to, least delay).
fn stage(puppets: impl IntoIterator<Item = Puppet>, wires: &[(u32, u32, u64)]) -> Builder<Puppet> {
    let mut builder = Builder::new(SEED);
    for (rank, puppet) in puppets.into_iter().enumerate() {
        let path = format!("p{rank:02}");
        builder.entity(&path, &path, puppet).unwrap();
    }
    for (rank, (from, to, min_delay)) in wires.iter().enumerate() {
        builder.wire(wire(rank, *from, *to, *min_delay)).unwrap();
    }
    builder
}

/// The notes of every puppet, without flushes.
fn inputs(world: &Simulation<Puppet>) -> Vec<Vec<(u64, Note)>> {
    world.entities().map(|(_, puppet)| puppet.inputs()).collect()
}

fn run_quiet(world: &mut Simulation<Puppet>) {
    world.run(Until::Quiet, &mut Sinks::deaf()).unwrap();
}

/// The words of the panic in `work`, which must finish within a minute.
fn panic_of(work: impl FnOnce() + Send + 'static) -> String {
    within_a_minute(move || {
        let payload = catch_unwind(AssertUnwindSafe(work)).expect_err("it should have panicked");
        let words = payload.downcast_ref::<String>().cloned();
        words.or_else(|| payload.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default()
    })
}

/// Fails instead of hanging.
fn within_a_minute<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, waiting) = mpsc::channel();
    std::thread::spawn(move || done.send(work()));
    waiting.recv_timeout(Duration::from_secs(60)).expect("the run ends, by itself or by a panic of its own")
}
