//! What is remembered of senders, and what waits for children.

use super::super::*;
use super::{extended, short};
use protosim_core::{LocalTime, Span};

fn at(millis: u64) -> LocalTime {
    LocalTime::from_nanos(millis * 1_000_000)
}

#[test]
fn the_same_number_of_the_same_sender_is_a_copy_for_a_while() {
    let mut duplicates = Duplicates::new(8, Span::from_millis(100));
    assert!(!duplicates.is_duplicate(short(1), 5, at(0)));
    assert!(duplicates.is_duplicate(short(1), 5, at(1)));
    assert!(!duplicates.is_duplicate(short(2), 5, at(2)), "another sender");
    assert!(!duplicates.is_duplicate(Endpoint { pan: PanId(1), ..short(1) }, 5, at(2)), "in another PAN");
    // A copy at 90 ms does not make the number younger: at 101 ms it is a new frame.
    assert!(duplicates.is_duplicate(short(1), 5, at(90)));
    assert!(duplicates.is_duplicate(short(1), 5, at(100)));
    assert!(!duplicates.is_duplicate(short(1), 5, at(101)));
    assert!(!duplicates.is_duplicate(short(1), 6, at(102)));
    assert!(!duplicates.is_duplicate(short(1), 5, at(103)), "only the last number counts");
}

#[test]
fn so_many_senders_are_remembered_and_the_most_silent_is_forgotten() {
    let mut duplicates = Duplicates::new(2, Span::from_secs(10));
    for (sender, now) in [(1, 0), (2, 1), (1, 2)] {
        duplicates.is_duplicate(short(sender), now as u8, at(now));
    }
    assert!(!duplicates.is_duplicate(short(3), 9, at(3)));
    assert_eq!(duplicates.len(), 2);
    assert!(duplicates.is_duplicate(short(1), 2, at(4)), "1 spoke after 2");
    assert!(!duplicates.is_duplicate(short(2), 1, at(5)), "2 was forgotten");
    let mut none = Duplicates::new(0, Span::from_secs(10));
    assert!(!none.is_duplicate(short(1), 1, at(0)) && !none.is_duplicate(short(1), 1, at(0)) && none.is_empty());
}

#[test]
fn a_child_gets_the_oldest_frame_and_hears_of_more() {
    let mut queue = IndirectQueue::new(IndirectLimits::default());
    let (child, other) = (short(7), extended(9));
    for (to, frame) in [(child, "a"), (other, "x"), (child, "b")] {
        queue.push(to, frame, at(0)).unwrap();
    }
    assert!(queue.has(child) && !queue.has(short(8)));
    assert_eq!(queue.children().collect::<Vec<_>>(), [child, other]);
    assert_eq!(queue.poll(child), Some(Polled { frame: &"a", is_pending: true, is_repeated: false }));
    // Not acknowledged: it goes out again at the next poll, as a copy.
    assert_eq!(queue.poll(child), Some(Polled { frame: &"a", is_pending: true, is_repeated: true }));
    assert_eq!(queue.finish(child).map(|done| (done.frame, done.attempts)), Some(("a", 2)));
    assert_eq!(queue.poll(child), Some(Polled { frame: &"b", is_pending: false, is_repeated: false }));
    assert!(queue.finish(child).is_some());
    assert!(queue.poll(child).is_none() && !queue.has(child));
    assert_eq!(queue.len(), 1);
}

#[test]
fn an_acknowledgement_without_a_frame_takes_nothing() {
    let mut queue = IndirectQueue::new(IndirectLimits::default());
    queue.push(short(7), 1, at(0)).unwrap();
    assert_eq!(queue.finish(short(7)), None, "it was not sent yet");
    assert_eq!(queue.finish(short(8)), None);
    assert_eq!(queue.len(), 1);
}

#[test]
fn what_waits_7680_milliseconds_is_dropped() {
    let mut queue = IndirectQueue::new(IndirectLimits::default());
    queue.push(short(7), "a", at(0)).unwrap();
    queue.push(short(8), "b", at(10)).unwrap();
    queue.push(short(7), "c", at(20)).unwrap();
    assert_eq!(queue.next_expiry(), Some(at(7680)));
    assert!(queue.expire(at(7679)).is_empty());
    let gone = |queue: &mut IndirectQueue<&'static str>, now| {
        queue.expire(at(now)).into_iter().map(|(child, transaction)| (child, transaction.frame)).collect::<Vec<_>>()
    };
    assert_eq!(gone(&mut queue, 7680), [(short(7), "a")]);
    assert_eq!(queue.next_expiry(), Some(at(7690)));
    assert_eq!(gone(&mut queue, 9000), [(short(7), "c"), (short(8), "b")]);
    assert!(queue.is_empty() && queue.next_expiry().is_none());
}

#[test]
fn limits_hold_for_one_child_and_for_all() {
    let limits = IndirectLimits { frames: 3, frames_per_child: 2, ..IndirectLimits::default() };
    let mut queue = IndirectQueue::new(limits);
    for (child, expected) in [
        (1, Ok(())),
        (1, Ok(())),
        (1, Err((IndirectError::ChildOverflow, 1))),
        (2, Ok(())),
        (3, Err((IndirectError::Overflow, 3))),
    ] {
        assert_eq!(queue.push(short(child), child, at(0)), expected);
    }
    assert_eq!(queue.len(), 3);
    assert!(!queue.has(short(3)), "what was refused leaves nothing");
    assert_eq!(queue.remove(short(1)).len(), 2);
    assert_eq!(queue.push(short(3), 3, at(0)), Ok(()));
    assert_eq!(queue.len(), 2);
}
