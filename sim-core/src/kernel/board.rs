//! A board for threads that meet very often: each posts what the others must know, and waits for theirs. It spins briefly, then yields.
//!
//! A post is one cache line, written by one thread and read by the others, so that a meeting costs little more than the way of a line
//! from one processor to another and back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Rounds of spinning before the thread gives its processor away.
const SPINS: u32 = 2_000;

/// What a thread says at a meeting.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Post {
    /// The earliest instant at which it can do something \[ns\].
    pub(super) horizon: u64,
    /// Events that it has handled.
    pub(super) events: u64,
    /// Those since the last meeting.
    pub(super) latest_events: u64,
    /// Memory that it holds \[bytes\].
    pub(super) memory: u64,
    /// True if it has handed something over.
    pub(super) has_mail: bool,
    /// True if it cannot go on.
    pub(super) has_failed: bool,
}

/// Where a thread posts. Two lines, since processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Place {
    /// The meeting that the rest is for; written last.
    meeting: AtomicU64,
    horizon: AtomicU64,
    events: AtomicU64,
    latest_events: AtomicU64,
    memory: AtomicU64,
    has_mail: AtomicBool,
    has_failed: AtomicBool,
}

/// See the module. Meetings are numbered from 1.
#[derive(Debug)]
pub(super) struct Board {
    /// By thread, for odd and even meetings: nobody gets ahead of the slowest reader by more than one.
    places: Vec<[Place; 2]>,
    broken: AtomicBool,
}

/// One of the threads has panicked; nobody will ever meet again.
#[derive(Debug)]
pub(super) struct Broken;

/// Breaks the board when dropped by a panic, so that the other threads do not wait for ever.
#[derive(Debug)]
pub(super) struct BreakOnPanic<'a>(pub(super) &'a Board);

impl Drop for BreakOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::Release);
        }
    }
}

impl Board {
    pub(super) fn new(threads: usize) -> Self {
        Self { places: (0..threads).map(|_| Default::default()).collect(), broken: AtomicBool::new(false) }
    }

    /// Posts what `thread` has to say at a meeting. What it has written before is seen by all who have waited for it.
    pub(super) fn post(&self, thread: usize, meeting: u64, post: Post) {
        let place = &self.places[thread][(meeting % 2) as usize];
        place.horizon.store(post.horizon, Ordering::Relaxed);
        place.events.store(post.events, Ordering::Relaxed);
        place.latest_events.store(post.latest_events, Ordering::Relaxed);
        place.memory.store(post.memory, Ordering::Relaxed);
        place.has_mail.store(post.has_mail, Ordering::Relaxed);
        place.has_failed.store(post.has_failed, Ordering::Relaxed);
        place.meeting.store(meeting, Ordering::Release);
    }

    /// Returns when all have posted for the meeting.
    pub(super) fn wait(&self, meeting: u64) -> Result<(), Broken> {
        let mut spins = 0;
        for [even, odd] in &self.places {
            let place = if meeting.is_multiple_of(2) { even } else { odd };
            while place.meeting.load(Ordering::Acquire) != meeting {
                if self.broken.load(Ordering::Acquire) {
                    return Err(Broken);
                }
                spins += 1;
                if spins < SPINS {
                    std::hint::spin_loop();
                } else {
                    std::thread::yield_now();
                }
            }
        }
        Ok(())
    }

    /// What all have said, by thread. To be read between [`Board::wait`] and one's own next post.
    pub(super) fn posts(&self, meeting: u64) -> impl Iterator<Item = Post> {
        self.places.iter().map(move |places| {
            let place = &places[(meeting % 2) as usize];
            Post {
                horizon: place.horizon.load(Ordering::Relaxed),
                events: place.events.load(Ordering::Relaxed),
                latest_events: place.latest_events.load(Ordering::Relaxed),
                memory: place.memory.load(Ordering::Relaxed),
                has_mail: place.has_mail.load(Ordering::Relaxed),
                has_failed: place.has_failed.load(Ordering::Relaxed),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three threads of different speed go through 2000 meetings; each must read what the others have posted for that very meeting.
    #[test]
    fn everyone_reads_what_was_posted_for_the_meeting() {
        let board = Board::new(3);
        std::thread::scope(|scope| {
            for thread in 0..3_usize {
                let board = &board;
                scope.spawn(move || {
                    for meeting in 1..=2000 {
                        for _ in 0..(meeting as usize * (thread + 1)) % 97 {
                            std::hint::spin_loop();
                        }
                        let horizon = meeting * 10 + thread as u64;
                        board.post(thread, meeting, Post { horizon, ..Post::default() });
                        board.wait(meeting).unwrap();
                        let read: Vec<u64> = board.posts(meeting).map(|post| post.horizon).collect();
                        assert_eq!(read, [meeting * 10, meeting * 10 + 1, meeting * 10 + 2]);
                    }
                });
            }
        });
    }

    #[test]
    fn nobody_waits_for_one_that_has_panicked() {
        let board = Board::new(2);
        std::thread::scope(|scope| {
            let panics = scope.spawn(|| {
                let _guard = BreakOnPanic(&board);
                panic!("on purpose");
            });
            board.post(1, 1, Post::default());
            assert!(board.wait(1).is_err());
            assert!(panics.join().is_err());
        });
    }
}
