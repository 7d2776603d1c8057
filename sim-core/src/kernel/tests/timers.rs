//! Timers: moved, cancelled, reused, and against a naive model.

use super::*;
use proptest::prelude::*;

fn alone(start: Vec<Move>, acts: &[(u64, Vec<Move>)]) -> Simulation<Puppet> {
    let mut builder = stage([Puppet::starting(start)], &[]);
    for (time, moves) in acts {
        builder.act(at(*time), EntityId(0), moves.clone());
    }
    let mut world = builder.build(1).unwrap();
    run_quiet(&mut world);
    world
}

fn fired(world: &Simulation<Puppet>) -> Vec<(u64, u32, u64)> {
    let notes = world.entities().next().unwrap().1.inputs();
    notes.iter().filter_map(|(t, n)| if let Fired { slot, tag } = n { Some((*t, *slot, *tag)) } else { None }).collect()
}

#[test]
fn a_timer_fires_once_and_exactly_at_its_deadline() {
    let world = alone(vec![NewTimer(5), Arm(0, At(1_234_567_891))], &[]);
    assert_eq!(fired(&world), [(1_234_567_891, 0, 5)]);
    assert_eq!(world.now(), at(1_234_567_891));
}

/// 1000 acts at 1, 2, ..., 1000 ns each move the timer to 500 ns later, as ACKs move a retransmission timer. The
/// event pushed at the start (for 500 ns) is pushed again when it comes too early: at 500 the deadline is 500 + 500
/// (the act of that instant has run), at 1000 it is 1500. Three timer events in all.
#[test]
fn moving_a_timer_later_pushes_no_event() {
    let acts: Vec<_> = (1..=1000).map(|t| (t, vec![Arm(0, In(500))])).collect();
    let world = alone(vec![NewTimer(5), Arm(0, At(500))], &acts);
    assert_eq!(fired(&world), [(1_500, 0, 5)]);
    assert_eq!(world.counts().events, 1_000 + 3);
}

#[test]
fn a_timer_moved_earlier_fires_there_and_only_there() {
    let world = alone(vec![NewTimer(5), Arm(0, At(500))], &[(1, vec![Arm(0, At(20))])]);
    assert_eq!(fired(&world), [(20, 0, 5)]);
}

/// Earlier, and back to the time for which a stale event is pending: two equal keys, one firing.
#[test]
fn moved_earlier_and_back_a_timer_fires_once() {
    let there_and_back = alone(vec![NewTimer(5), Arm(0, At(500))], &[(1, vec![Arm(0, At(20)), Arm(0, At(500))])]);
    assert_eq!(fired(&there_and_back), [(500, 0, 5)]);
    let armed_anew = alone(vec![NewTimer(5), Arm(0, At(500)), Arm(0, At(20))], &[(30, vec![Arm(0, At(500))])]);
    assert_eq!(fired(&armed_anew), [(20, 0, 5), (500, 0, 5)]);
}

#[test]
fn a_timer_turned_off_does_not_fire_and_can_be_set_again() {
    assert_eq!(fired(&alone(vec![NewTimer(5), Arm(0, At(9))], &[(9, vec![Disarm(0)])])), []);
    let again = alone(vec![NewTimer(5), Arm(0, At(9))], &[(3, vec![Disarm(0)]), (4, vec![Arm(0, At(9))])]);
    assert_eq!(fired(&again), [(9, 0, 5)]);
}

/// The slot is given back while an event is pending for it, and taken by a timer with another tag and deadline.
#[test]
fn a_slot_used_again_keeps_nothing_of_its_last_owner() {
    let reuse = |then| alone(vec![NewTimer(5), Arm(0, At(9))], &[(3, vec![RemoveTimer(0), NewTimer(6)]), (4, then)]);
    assert_eq!(fired(&reuse(vec![])), []);
    assert_eq!(fired(&reuse(vec![Arm(0, At(9))])), [(9, 0, 6)]);
    assert_eq!(fired(&reuse(vec![Arm(0, At(7))])), [(7, 0, 6)]);
    assert_eq!(fired(&reuse(vec![Arm(0, At(12))])), [(12, 0, 6)]);
}

/// The last instant that can be reached is one before [`SimTime::MAX`], which means never.
#[test]
fn a_timer_works_up_to_the_last_instant_and_max_means_never() {
    let last = u64::MAX - 1;
    let world = alone(vec![NewTimer(1), NewTimer(2), Arm(0, At(last)), Arm(1, At(u64::MAX))], &[]);
    assert_eq!(fired(&world), [(last, 0, 1)]);
    assert_eq!(world.now(), at(last));
}

#[derive(Clone, Debug)]
enum Touch {
    Arm(u32, u64),
    Disarm(u32),
    Renew(u32),
}

fn touches() -> impl Strategy<Value = Vec<(u64, Touch)>> {
    let touch = prop_oneof![
        4 => (0..3_u32, 1..25_u64).prop_map(|(slot, later)| Touch::Arm(slot, later)),
        1 => (0..3_u32).prop_map(Touch::Disarm),
        1 => (0..3_u32).prop_map(Touch::Renew),
    ];
    prop::collection::vec((1..60_u64, touch), 0..40)
}

/// Every nanosecond in turn: acts in order, then what is due, by slot. A timer that fires sets its slot
/// again after `again` ns while the budget lasts.
fn naive(touches: &[(u64, Touch)], again: u64, mut budget: u32) -> Vec<(u64, u32, u64)> {
    let mut slots = [(None, 0_u64), (None, 1), (None, 2)];
    let mut seen = Vec::new();
    let mut tag = 3;
    for now in 1..3_000 {
        for (_, touch) in touches.iter().filter(|(time, _)| *time == now) {
            match touch {
                Touch::Arm(slot, later) => slots[*slot as usize].0 = Some(now + later),
                Touch::Disarm(slot) => slots[*slot as usize].0 = None,
                Touch::Renew(slot) => {
                    slots[*slot as usize] = (None, tag);
                    tag += 1;
                }
            }
        }
        for (index, (deadline, tag)) in slots.iter_mut().enumerate() {
            if *deadline == Some(now) {
                seen.push((now, index as u32, *tag));
                *deadline = (budget > 0).then_some(now + again);
                budget = budget.saturating_sub(1);
            }
        }
    }
    seen
}

/// A puppet's timers with an own arm of the firing slot.
#[derive(Clone, Debug)]
struct Clockwork {
    again: u64,
    budget: u32,
    next_tag: u64,
    seen: Vec<(u64, u32, u64)>,
}

impl Fingerprint for Touch {
    fn fingerprint(&self) -> u64 {
        0
    }
}

impl Entity for Clockwork {
    type Packet = Parcel;
    type Action = Touch;
    type Report = ();

    fn on_start(&mut self, cx: &mut Cx<'_, Self>) {
        for tag in 0..3 {
            cx.new_timer(tag, "wheel");
        }
    }

    fn on_arrival(&mut self, _: u32, _: Parcel, _: &mut Cx<'_, Self>) {}

    fn on_timer(&mut self, timer: TimerId, tag: u64, cx: &mut Cx<'_, Self>) {
        assert_eq!(cx.deadline(timer), None, "a timer that fires is off");
        self.seen.push((cx.now().as_nanos(), timer.0, tag));
        if self.budget > 0 {
            self.budget -= 1;
            cx.arm(timer, cx.now() + ns(self.again));
        }
    }

    fn on_action(&mut self, touch: &Touch, cx: &mut Cx<'_, Self>) {
        match touch {
            Touch::Arm(slot, later) => {
                let deadline = cx.now() + ns(*later);
                cx.arm(TimerId(*slot), deadline);
                assert_eq!(cx.deadline(TimerId(*slot)), Some(deadline));
            }
            Touch::Disarm(slot) => cx.disarm(TimerId(*slot)),
            Touch::Renew(slot) => {
                cx.remove_timer(TimerId(*slot));
                assert_eq!(cx.new_timer(self.next_tag, "wheel"), TimerId(*slot), "the slot is used again");
                self.next_tag += 1;
            }
        }
    }

    fn try_clone(&self) -> Result<Self, CannotClone> {
        Ok(self.clone())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn timers_do_what_a_naive_model_does(touches in touches(), again in 1..20_u64, budget in 0..30_u32) {
        let clockwork = Clockwork { again, budget, next_tag: 3, seen: Vec::new() };
        let mut builder = Builder::new(SEED);
        let id = builder.entity("c", "c", clockwork).unwrap();
        for (time, touch) in &touches {
            builder.act(at(*time), id, touch.clone());
        }
        let mut world = builder.build(1).unwrap();
        world.run(Until::Quiet, &mut Sinks::deaf()).unwrap();
        let seen = world.entities().next().unwrap().1.seen.clone();
        prop_assert_eq!(seen, naive(&touches, again, budget));
    }
}
