//! The event queue against other structures: `cargo bench -p protosim-core`.
//!
//! - `hold_*`: the hold model. With P events pending, each executed event schedules one more at
//!   now + an exponential span of mean 1 s. One iteration is one pop, one draw, one push. Three
//!   draws, since published figures contain one: a cheap one, which shows the structures best; one
//!   like that of the reference figures ([`Inversion`]); the simulator's own.
//! - `mix`: 100 flows; see [`Flows`].
//! - `chain`: 16 packets on their way along links of equal delay, no draw; see [`chain`].
//! - `draw_*`: the draw alone, to be subtracted.
//!
//! Time per iteration is per event. Compare structures within one run, by the `fastest` and
//! `median` columns: other work on the machine moves all of them. Results are kept in
//! `docs/decisions/0001-event-queue.md`.

mod structures;

use divan::Bencher;
use protosim_core::{Class, EventKey, EventQueue, Purpose, RunSeed, SimTime, Span, Stream};
use structures::{DaryHeap, Queue, RadixHeap, StdHeap, TwoTiers};

const PENDING: [usize; 4] = [16, 1_000, 100_000, 1_000_000];
const SEED: RunSeed = RunSeed { seed: 1, replication: 0 };
/// Iterations per sample: many, so that reading the clock does not count and that every sample with
/// 1 M pending has its share of spreading; few (a millisecond), so that work of other processes
/// falls outside most samples.
const SAMPLE: u32 = 20_000;
const SAMPLES: u32 = 100;

fn main() {
    divan::main();
}

/// Draws of exponentially distributed spans of mean 1 s.
trait Draw {
    fn new() -> Self;
    fn span(&mut self) -> Span;
}

impl Draw for Stream {
    fn new() -> Self {
        SEED.stream("bench", Purpose("hold"))
    }
    #[inline]
    fn span(&mut self) -> Span {
        Span::from_secs_f64(self.exponential())
    }
}

/// A draw of little cost and quality: a 64-bit linear congruential generator and a logarithm
/// good to three digits.
struct Cheap(u64);

impl Cheap {
    #[inline]
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0
    }
}

impl Draw for Cheap {
    fn new() -> Self {
        Self(1)
    }
    /// For u = m * 2^-e with m in [1, 2): -ln u = (e - log2 m) ln 2, and log2 m by the parabola
    /// through (1, 0), (2, 1) and (1.5, 0.585).
    #[inline]
    fn span(&mut self) -> Span {
        const LN_2_NANOS: f64 = 0.693_147_180_559_945_3e9;
        let bits = self.next() | 1;
        let zeros = bits.leading_zeros();
        let x = ((bits << zeros << 1) >> 12) as f64 * (1.0 / (1_u64 << 52) as f64);
        Span::from_nanos((((zeros + 1) as f64 - x * (1.34 - 0.34 * x)) * LN_2_NANOS) as u64)
    }
}

/// The textbook's draw, which simulators' hold figures usually contain: a xorshift generator (64*,
/// Vigna, ACM TOMS 42(4), 2016) and the platform's logarithm. Of theirs our reference figures say
/// only that it takes 6.9 ns on a machine like ours; this one took 6.5 to 7 (`draw_reference`).
struct Inversion(u64);

impl Draw for Inversion {
    fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
    #[inline]
    #[expect(clippy::disallowed_methods, reason = "a logarithm that costs what others pay; no result depends on it")]
    fn span(&mut self) -> Span {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d);
        // In (0, 1].
        let u = ((bits >> 11) + 1) as f64 * (1.0 / (1_u64 << 53) as f64);
        Span::from_nanos((u.ln() * -1e9) as u64)
    }
}

/// The hold model with the state it needs.
struct Hold<Q, D> {
    queue: Q,
    draw: D,
    sequence: u64,
}

impl<Q: Queue, D: Draw> Hold<Q, D> {
    /// `pending` events, and three generations of them executed, so that every bucket and buffer
    /// has its usual size.
    fn new(pending: usize) -> Self {
        let mut hold = Self { queue: Q::default(), draw: D::new(), sequence: 0 };
        for _ in 0..pending {
            hold.schedule(SimTime::ZERO);
        }
        for _ in 0..3 * pending.max(10_000) {
            hold.step();
        }
        hold
    }

    #[inline]
    fn schedule(&mut self, now: SimTime) {
        let span = self.draw.span().max(Span::NANOSECOND);
        self.sequence += 1;
        self.queue.push(EventKey::new(now + span, Class::Timer, 1, self.sequence));
    }

    #[inline]
    fn step(&mut self) {
        let key = self.queue.pop().expect("the hold model keeps its events");
        self.schedule(key.time());
    }
}

fn hold<Q: Queue, D: Draw>(bencher: Bencher<'_, '_>, pending: usize) {
    let mut hold = Hold::<Q, D>::new(pending);
    bencher.bench_local(|| hold.step());
    assert_eq!(hold.queue.len(), pending);
}

#[divan::bench(types = [EventQueue, TwoTiers, RadixHeap, DaryHeap, StdHeap], args = PENDING, sample_count = SAMPLES, sample_size = SAMPLE)]
fn hold_cheap_draw<Q: Queue>(bencher: Bencher<'_, '_>, pending: usize) {
    hold::<Q, Cheap>(bencher, pending);
}

#[divan::bench(types = [EventQueue, TwoTiers, RadixHeap, DaryHeap, StdHeap], args = PENDING, sample_count = SAMPLES, sample_size = SAMPLE)]
fn hold_reference_draw<Q: Queue>(bencher: Bencher<'_, '_>, pending: usize) {
    hold::<Q, Inversion>(bencher, pending);
}

#[divan::bench(types = [EventQueue, TwoTiers, RadixHeap, DaryHeap, StdHeap], args = PENDING, sample_count = SAMPLES, sample_size = SAMPLE)]
fn hold_simulator_draw<Q: Queue>(bencher: Bencher<'_, '_>, pending: usize) {
    hold::<Q, Stream>(bencher, pending);
}

#[divan::bench(sample_count = SAMPLES, sample_size = SAMPLE)]
fn draw_cheap(bencher: Bencher<'_, '_>) {
    draw_alone::<Cheap>(bencher);
}

#[divan::bench(sample_count = SAMPLES, sample_size = SAMPLE)]
fn draw_reference(bencher: Bencher<'_, '_>) {
    draw_alone::<Inversion>(bencher);
}

#[divan::bench(sample_count = SAMPLES, sample_size = SAMPLE)]
fn draw_simulator(bencher: Bencher<'_, '_>) {
    draw_alone::<Stream>(bencher);
}

fn draw_alone<D: Draw>(bencher: Bencher<'_, '_>) {
    let mut draw = D::new();
    bencher.bench_local(|| draw.span());
}

/// A transport-like workload. Each of [`Flows::COUNT`] flows always has one packet event 1 to
/// 20 ms ahead. Each packet moves the flow's time-out to 200 ms to 1 s from then, lazily: the
/// pending timer event stays, and when it comes up early it is pushed again at the deadline. One
/// flow in ten has a keep-alive timer of 60 s beside.
struct Flows<Q> {
    queue: Q,
    draw: Cheap,
    deadlines: Vec<SimTime>,
    sequence: u64,
}

impl<Q: Queue> Flows<Q> {
    const COUNT: u32 = 100;
    const KEEP_ALIVE: Span = Span::from_secs(60);
    /// Origins of keep-alive timers begin here.
    const KEEP_ALIVES: u32 = Self::COUNT;

    fn new() -> Self {
        let deadlines = vec![SimTime::ZERO; Self::COUNT as usize];
        let mut flows = Self { queue: Q::default(), draw: Cheap::new(), deadlines, sequence: 0 };
        for flow in 0..Self::COUNT {
            flows.packet(SimTime::ZERO, flow);
            flows.push(flows.deadlines[flow as usize], Class::Timer, flow);
            if flow % 10 == 0 {
                flows.push(SimTime::ZERO + Self::KEEP_ALIVE, Class::Timer, Self::KEEP_ALIVES + flow);
            }
        }
        for _ in 0..1_000_000 {
            flows.step();
        }
        flows
    }

    #[inline]
    fn push(&mut self, at: SimTime, class: Class, origin: u32) {
        self.sequence += 1;
        self.queue.push(EventKey::new(at, class, origin, self.sequence));
    }

    /// A span between the two, from a draw that costs next to nothing.
    #[inline]
    fn between(&mut self, low: Span, high: Span) -> Span {
        let width = high.saturating_sub(low).as_nanos();
        low + Span::from_nanos(((u128::from(self.draw.next()) * u128::from(width)) >> 64) as u64)
    }

    #[inline]
    fn packet(&mut self, now: SimTime, flow: u32) {
        let time_out = self.between(Span::from_millis(200), Span::from_secs(1));
        self.deadlines[flow as usize] = now + time_out;
        let next = self.between(Span::from_millis(1), Span::from_millis(20));
        self.push(now + next, Class::Arrival, flow);
    }

    #[inline]
    fn step(&mut self) {
        let key = self.queue.pop().expect("every flow has a packet event");
        let (now, origin) = (key.time(), key.origin());
        match key.class() {
            Class::Arrival => self.packet(now, origin),
            _ if origin >= Self::KEEP_ALIVES => self.push(now + Self::KEEP_ALIVE, Class::Timer, origin),
            _ => self.push(self.deadlines[origin as usize].max(now + Span::NANOSECOND), Class::Timer, origin),
        }
    }
}

#[divan::bench(types = [EventQueue, TwoTiers, RadixHeap, DaryHeap, StdHeap], sample_count = SAMPLES, sample_size = SAMPLE)]
fn mix<Q: Queue>(bencher: Bencher<'_, '_>) {
    let mut flows = Flows::<Q>::new();
    bencher.bench_local(|| flows.step());
}

/// A chain of links: 16 packets under way, each arriving 5.1 ms after it left the hop before
/// (delay and serialisation), evenly spread at first. No draw: this is the queue alone.
#[divan::bench(types = [EventQueue, TwoTiers, RadixHeap, DaryHeap, StdHeap], sample_count = SAMPLES, sample_size = SAMPLE)]
fn chain<Q: Queue>(bencher: Bencher<'_, '_>) {
    const HOP: Span = Span::from_micros(5_100);
    let mut queue = Q::default();
    for packet in 0..16 {
        queue.push(EventKey::new(SimTime::from_nanos(319_000 * u64::from(packet)), Class::Arrival, packet, 0));
    }
    let mut sequence = 0;
    bencher.bench_local(|| {
        let key = queue.pop().expect("the packets go round for ever");
        sequence += 1;
        queue.push(EventKey::new(key.time() + HOP, Class::Arrival, key.origin(), sequence));
    });
}
