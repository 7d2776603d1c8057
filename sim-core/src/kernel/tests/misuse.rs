//! Misuse by the calling code panics, says who, and never hangs a partitioned run.

use super::*;

/// p00 makes `moves` at 5 ns; p01 owns wire 1, p00 wire 0; both lead to the other, at least 4 ns long.
fn misuse(threads: usize, moves: Vec<Move>) -> String {
    panic_of(move || {
        let ticker = Puppet { on_timer: vec![Arm(0, In(1))], ..Puppet::starting(vec![NewTimer(0), Arm(0, At(1))]) };
        let mut builder = stage([Puppet::starting(vec![NewTimer(0)]), ticker], &[(0, 1, 4), (1, 0, 4)]);
        builder.act(at(5), EntityId(0), moves);
        let mut world = builder.build(threads).unwrap();
        let _ = world.run(Until::Time(at(1_000)), &mut Sinks::deaf());
    })
}

/// Runs it on one and two threads; each panic must say all of `words`.
fn says(moves: &[Move], words: &[&str]) {
    for threads in [1, 2] {
        let message = misuse(threads, moves.to_vec());
        for word in words {
            assert!(message.contains(word), "{threads} threads: `{message}` does not say `{word}`");
        }
    }
}

#[test]
fn a_timer_set_for_now_or_before_names_timer_and_entity() {
    says(&[Arm(0, In(0))], &["`string`", "`p00`", "0.000000005 s"]);
    says(&[Arm(0, At(4))], &["`string`", "`p00`", "0.000000004 s"]);
}

#[test]
fn removing_a_timer_twice_is_refused() {
    says(&[RemoveTimer(0), RemoveTimer(0)], &["timer 0", "`p00`"]);
}

#[test]
fn using_a_removed_timer_is_refused() {
    says(&[RemoveTimer(0), Arm(0, In(3))], &["timer 0", "`p00`"]);
}

#[test]
fn what_belongs_to_another_entity_is_refused() {
    says(&[send(1, In(0), In(9), 1)], &["wire 1", "`p00`"]);
    says(&[Recall(1)], &["wire 1", "`p00`"]);
    says(&[Mark(1, 1)], &["wire 1", "`p00`"]);
}

#[test]
fn a_departure_in_the_past_or_an_arrival_before_it_is_refused() {
    says(&[send(0, At(4), In(9), 1)], &["wire 0", "`p00`"]);
    says(&[lose(0, At(4), 1)], &["wire 0", "`p00`"]);
    says(&[send(0, In(9), In(8), 1)], &["wire 0", "`p00`"]);
}

/// A wire without delay may not deliver in the same instant.
#[test]
fn an_arrival_now_is_refused() {
    let message = panic_of(|| {
        let puppet = Puppet::starting(vec![NewTimer(0), Arm(0, At(5))]);
        let sender = Puppet { on_timer: vec![send(0, In(0), In(0), 1)], ..puppet };
        run_quiet(&mut stage([sender, Puppet::default()], &[(0, 1, 0)]).build(2).unwrap());
    });
    assert!(message.contains("wire 0") && message.contains("`p00`"), "{message}");
}

#[test]
fn departures_out_of_order_are_refused() {
    says(&[send(0, In(5), In(9), 1), send(0, In(4), In(9), 2)], &["wire 0", "`p00`"]);
}

/// Partitions rely on the least delay: going below it must not pass on one thread either, where it would do no harm.
#[test]
fn an_arrival_before_the_least_delay_is_refused() {
    says(&[send(0, In(2), In(5), 1)], &["wire 0", "`p00`", "4 ns"]);
}

#[test]
fn a_panic_in_a_handler_comes_out_with_its_own_words() {
    says(&[Panic("the string broke")], &["the string broke"]);
}

/// A panic in any of several partitions, at any time, against ticking neighbours.
#[test]
fn a_panic_never_leaves_another_partition_waiting() {
    for who in 0..3 {
        for when in 1..30 {
            let message = panic_of(move || {
                let ticker =
                    Puppet { on_timer: vec![Arm(0, In(1))], ..Puppet::starting(vec![NewTimer(0), Arm(0, At(1))]) };
                let mut builder = stage(vec![ticker; 3], &[(0, 1, 2), (1, 2, 3), (2, 0, 4)]);
                builder.act(at(when), EntityId(who), vec![Panic("snap")]);
                let _ = builder.build(3).unwrap().run(Until::Time(at(1_000)), &mut Sinks::deaf());
            });
            assert_eq!(message, "snap");
        }
    }
}

#[test]
fn stepping_a_world_of_several_partitions_is_refused() {
    let message = panic_of(|| {
        let mut world = stage([Puppet::default(), Puppet::default()], &[]).build(2).unwrap();
        let _ = world.step(&mut Sinks::deaf());
    });
    assert!(message.contains("one thread"), "{message}");
}
