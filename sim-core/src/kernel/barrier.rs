//! A barrier for threads that meet very often: it spins briefly, then yields.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Rounds of spinning before the thread gives its processor away.
const SPINS: u32 = 2_000;

/// Lets a fixed number of threads wait for each other, again and again.
#[derive(Debug)]
pub(super) struct Barrier {
    threads: usize,
    waiting: AtomicUsize,
    generation: AtomicUsize,
    broken: AtomicBool,
}

/// One of the threads has panicked; nobody will ever meet again.
#[derive(Debug)]
pub(super) struct Broken;

/// Breaks the barrier when dropped by a panic, so that the other threads do not wait for ever.
#[derive(Debug)]
pub(super) struct BreakOnPanic<'a>(pub(super) &'a Barrier);

impl Drop for BreakOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::Release);
        }
    }
}

impl Barrier {
    pub(super) const fn new(threads: usize) -> Self {
        Self { threads, waiting: AtomicUsize::new(0), generation: AtomicUsize::new(0), broken: AtomicBool::new(false) }
    }

    /// Returns when all threads have called it. What they wrote before is seen by all after.
    pub(super) fn wait(&self) -> Result<(), Broken> {
        let generation = self.generation.load(Ordering::Acquire);
        if self.waiting.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.waiting.store(0, Ordering::Relaxed);
            self.generation.store(generation.wrapping_add(1), Ordering::Release);
            return Ok(());
        }
        let mut spins = 0;
        while self.generation.load(Ordering::Acquire) == generation {
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
        Ok(())
    }
}
