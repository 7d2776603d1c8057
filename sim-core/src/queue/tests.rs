//! Behaviour of [`EventQueue`] against a sorted model, and its memory.

use super::*;
use crate::random::{Purpose, RunSeed, Stream};
use crate::time::Span;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The same queue as a map from key to the number of pending events that have it.
#[derive(Clone, Default)]
struct Model(BTreeMap<EventKey, usize>);

impl Model {
    fn push(&mut self, key: EventKey) {
        *self.0.entry(key).or_default() += 1;
    }

    fn peek(&self) -> Option<EventKey> {
        self.0.keys().next().copied()
    }

    fn pop(&mut self) -> Option<EventKey> {
        let mut first = self.0.first_entry()?;
        *first.get_mut() -= 1;
        let key = *first.key();
        if *first.get() == 0 {
            first.remove();
        }
        Some(key)
    }

    fn len(&self) -> usize {
        self.0.values().sum()
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Schedule an event so long after the last popped one \[ns\], at least 1.
    Push(u64, Class, u32, u64),
    /// Schedule many, from the first delay on in equal steps (0: all at one instant).
    Burst(u64, u64, u16),
    /// Schedule one at the last instant of all.
    PushNever,
    Peek,
    Pop(u16),
    /// Replace the queue by a copy of itself, and run the original dry on the side.
    Clone,
}

/// Delays of all scales: each power of two is as likely as any other.
fn delay() -> impl Strategy<Value = u64> {
    prop_oneof![Just(1), Just(2), (0..64_u32, any::<u64>()).prop_map(|(shift, bits)| (bits >> shift).max(1))]
}

fn step() -> impl Strategy<Value = Step> {
    let class = prop_oneof![Just(Class::Timeline), Just(Class::Arrival), Just(Class::Timer), Just(Class::Sampler)];
    prop_oneof![
        // Few origins and numbers, so that equal keys are common.
        10 => (delay(), class, 0..2_u32, 0..3_u64).prop_map(|(d, c, o, s)| Step::Push(d, c, o, s)),
        2 => (delay(), prop_oneof![Just(0), Just(1), delay()], 0..400_u16).prop_map(|(d, s, n)| Step::Burst(d, s, n)),
        1 => Just(Step::PushNever),
        4 => Just(Step::Peek),
        8 => (0..20_u16).prop_map(Step::Pop),
        1 => (0..600_u16).prop_map(Step::Pop),
        1 => Just(Step::Clone),
    ]
}

struct Pair {
    queue: EventQueue,
    model: Model,
    now: Option<SimTime>,
}

impl Pair {
    /// Pushes to both, unless time has come to its end.
    fn push(&mut self, delay: u64, class: Class, origin: u32, sequence: u64) {
        let at = self.now.map_or(SimTime::from_nanos(delay - 1), |now| now.saturating_add(Span::from_nanos(delay)));
        if self.now.is_none_or(|now| at > now) {
            let key = EventKey::new(at, class, origin, sequence);
            self.queue.push(key);
            self.model.push(key);
        }
    }

    fn pop(&mut self) -> Result<bool, TestCaseError> {
        let next = self.model.peek().filter(|key| key.time() < SimTime::MAX);
        // The three ways to take it, in turns.
        let key = match (self.model.len() % 3, next) {
            (1, Some(next)) => {
                prop_assert_eq!(self.queue.pop_before(next.time()), None);
                self.queue.pop_before(next.time() + Span::NANOSECOND)
            }
            (2, Some(next)) => self.queue.pop_at(next.time()),
            _ => self.queue.pop(),
        };
        prop_assert_eq!(key, self.model.pop());
        self.now = key.map(EventKey::time).or(self.now);
        Ok(key.is_some())
    }

    fn run(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Push(delay, class, origin, sequence) => self.push(delay, class, origin, sequence),
            Step::Burst(delay, spacing, count) => {
                for i in 0..u64::from(count) {
                    let delay = delay.saturating_add(spacing.saturating_mul(i));
                    self.push(delay, Class::Arrival, 1, i);
                }
            }
            Step::PushNever => self.push(u64::MAX, Class::Timer, 0, 0),
            Step::Peek => prop_assert_eq!(self.queue.peek(), self.model.peek()),
            Step::Pop(count) => {
                for _ in 0..count {
                    self.pop()?;
                }
            }
            Step::Clone => {
                let copy = self.queue.clone();
                let mut original = std::mem::replace(&mut self.queue, copy);
                let mut model = self.model.clone();
                while let Some(key) = original.pop() {
                    prop_assert_eq!(Some(key), model.pop());
                }
                prop_assert_eq!(model.len(), 0);
            }
        }
        prop_assert_eq!(self.queue.len(), self.model.len());
        prop_assert_eq!(self.queue.is_empty(), self.model.len() == 0);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
    #[test]
    fn keys_come_out_as_from_a_sorted_map(steps in prop::collection::vec(step(), 1..120)) {
        let mut pair = Pair { queue: EventQueue::new(), model: Model::default(), now: None };
        for step in &steps {
            pair.run(step)?;
        }
        while pair.pop()? {}
        prop_assert_eq!(pair.queue.peek(), None);
    }
}

proptest! {
    /// Some times lie all over the run's span, some so close together that counting sees no difference.
    #[test]
    fn short_runs_are_sorted_to_the_last_bit(
        start in (0..64_u32, any::<u64>()).prop_map(|(shift, bits)| bits >> shift),
        width in (0..64_u32, any::<u64>()).prop_map(|(shift, bits)| bits >> shift),
        offsets in prop::collection::vec((prop_oneof![0..4_u64, any::<u64>()], 0..3_u64), 0..=run::COUNTED),
    ) {
        let end = start.saturating_add(width);
        let mut keys: Vec<_> = offsets
            .iter()
            .map(|&(offset, sequence)| timer(start + offset % (end - start).saturating_add(1), sequence))
            .collect();
        let mut places = [timer(7, 7); run::COUNTED];
        places[..keys.len()].copy_from_slice(&keys);
        let mut run = Run::new();
        run.sort(&places, keys.len(), start, end);
        keys.sort();
        prop_assert_eq!(std::iter::from_fn(|| run.pop()).collect::<Vec<_>>(), keys);
    }
}

fn timer(nanos: u64, sequence: u64) -> EventKey {
    EventKey::new(SimTime::from_nanos(nanos), Class::Timer, 0, sequence)
}

fn drain(queue: &mut EventQueue) -> Vec<EventKey> {
    std::iter::from_fn(|| queue.pop()).collect()
}

#[test]
fn equal_keys_are_all_kept() {
    let mut queue = EventQueue::new();
    for _ in 0..1_000 {
        queue.push(timer(5, 1));
        queue.push(timer(1 << 40, 1));
    }
    assert_eq!(queue.len(), 2_000);
    let keys = drain(&mut queue);
    assert_eq!(keys, [[timer(5, 1); 1_000], [timer(1 << 40, 1); 1_000]].concat());
}

#[test]
fn the_first_and_the_last_instant_can_be_scheduled() {
    let mut queue = EventQueue::new();
    queue.push(timer(u64::MAX, 0));
    queue.push(timer(0, 0));
    assert_eq!(drain(&mut queue), [timer(0, 0), timer(u64::MAX, 0)]);
}

/// A window ends before the next event here, and another partition's packets come in before it.
#[test]
fn keys_earlier_than_a_peeked_one_may_still_be_pushed() {
    let mut queue = EventQueue::new();
    let timers: Vec<_> = (0..100).map(|i| timer(60_000_000_000 + i * 1_000_000, i)).collect();
    for &key in timers.iter().rev() {
        queue.push(key);
    }
    assert_eq!(queue.peek(), Some(timers[0]));
    let packets: Vec<_> = (0..1_000).map(|i| timer(1_000 + i * 20_000, i)).collect();
    for &key in packets.iter().rev() {
        queue.push(key);
    }
    assert_eq!(drain(&mut queue), [packets, timers].concat());
}

#[test]
fn a_cleared_queue_starts_again_at_the_first_instant_and_holds_no_memory() {
    let mut queue = EventQueue::new();
    let memory = queue.memory_bytes();
    for i in 0..10_000 {
        queue.push(timer(1_000 * i, i));
    }
    drain(&mut queue);
    queue.push(timer(1 << 40, 1));
    queue.clear();
    assert_eq!((queue.len(), queue.peek(), queue.memory_bytes()), (0, None, memory));
    queue.push(timer(0, 0));
    assert_eq!(queue.pop(), Some(timer(0, 0)));
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "pushed after the queue has reached")]
fn scheduling_for_the_current_instant_panics_in_debug_builds() {
    let mut queue = EventQueue::new();
    queue.push(timer(5, 0));
    queue.pop();
    queue.push(timer(5, 1));
}

/// The hold model: each executed event schedules one at now + an exponential span of mean `mean`.
fn hold(queue: &mut EventQueue, stream: &mut Stream, mean: f64, steps: usize) {
    for sequence in 0..steps as u64 {
        let Some(key) = queue.pop() else { return };
        let span = Span::from_secs_f64(mean * stream.exponential()).max(Span::NANOSECOND);
        queue.push(EventKey::new(key.time() + span, Class::Timer, 0, sequence));
    }
}

/// Beside the buckets' fixed part, a queue of n keys may hold 4n keys' memory (vectors grow by
/// doubling, and chunks are not always full) and one chunk of 16 keys for each bucket in use,
/// which are less than 2,048.
fn memory_bound(pending: usize) -> usize {
    let fixed = EventQueue::new().memory_bytes();
    fixed + 16 * (4 * pending + 2_048 * 16)
}

#[test]
fn memory_does_not_grow_in_the_steady_state() {
    let mut stream = RunSeed { seed: 1, replication: 0 }.stream("queue", Purpose("test"));
    for pending in [5, 100, 10_000] {
        let mut queue = EventQueue::new();
        for i in 0..pending as u64 {
            queue.push(timer(i * 1_000, i));
        }
        for mean in [1e-6, 1.0, 300.0] {
            hold(&mut queue, &mut stream, mean, 20 * pending);
            let settled = queue.memory_bytes();
            assert!(settled <= memory_bound(pending), "{pending} pending, mean {mean} s: {settled} bytes");
            hold(&mut queue, &mut stream, mean, 100 * pending);
            let later = queue.memory_bytes();
            assert!(later <= 2 * settled, "{pending} pending, mean {mean} s: {settled} bytes became {later}");
        }
    }
}

#[test]
fn memory_shrinks_when_most_events_have_gone() {
    let mut queue = EventQueue::new();
    for i in 0..1_000_000 {
        queue.push(timer(1_000 * i, i));
    }
    let most = queue.memory_bytes();
    while queue.len() > 100 {
        queue.pop();
    }
    assert!(most >= 16_000_000 && queue.memory_bytes() <= memory_bound(100), "{most}, {}", queue.memory_bytes());
}
