//! Timers of applications: by application and token, over the kernel's slots.

use protosim_core::TimerId;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// From so many of the kernel's slots on there is a table; fewer are looked through.
const MOST_LOOKED_THROUGH: usize = 8;

/// Which kernel timer stands for which application's token.
#[derive(Clone, Debug, Default)]
pub(super) struct AppTimers {
    /// Where there are many.
    by_token: BTreeMap<(u32, u64), TimerId>,
    /// By number of the kernel's slot.
    owners: Vec<Option<Owner>>,
}

/// An application's token: 16 bytes, and no more where there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Owner {
    /// The application's number and one.
    app: NonZeroU32,
    token: u64,
}

impl Owner {
    fn new(app: u32, token: u64) -> Self {
        Self { app: NonZeroU32::MIN.saturating_add(app), token }
    }

    fn get(self) -> (u32, u64) {
        (self.app.get() - 1, self.token)
    }
}

impl AppTimers {
    fn has_table(&self) -> bool {
        self.owners.len() > MOST_LOOKED_THROUGH
    }

    pub(super) fn find(&self, app: u32, token: u64) -> Option<TimerId> {
        if self.has_table() {
            return self.by_token.get(&(app, token)).copied();
        }
        let slot = self.owners.iter().position(|owner| *owner == Some(Owner::new(app, token)))?;
        Some(TimerId(slot as u32))
    }

    pub(super) fn add(&mut self, app: u32, token: u64, timer: TimerId) {
        let slot = timer.0 as usize;
        let had_table = self.has_table();
        if self.owners.len() <= slot {
            self.owners.reserve_exact(if slot < 4 { slot + 1 - self.owners.len() } else { 0 });
            self.owners.resize(slot + 1, None);
        }
        self.owners[slot] = Some(Owner::new(app, token));
        if had_table {
            self.by_token.insert((app, token), timer);
        } else if self.has_table() {
            let owned = |(slot, owner): (usize, &Option<Owner>)| Some(((*owner)?.get(), TimerId(slot as u32)));
            self.by_token = self.owners.iter().enumerate().filter_map(owned).collect();
        }
    }

    /// Forgets the token's timer, which the caller gives back to the kernel.
    pub(super) fn cancel(&mut self, app: u32, token: u64) -> Option<TimerId> {
        let timer = self.find(app, token)?;
        if self.has_table() {
            self.by_token.remove(&(app, token));
        }
        self.owners[timer.0 as usize] = None;
        Some(timer)
    }

    /// Forgets all of them, which the caller gives back to the kernel, in the order of applications and tokens.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = TimerId> + use<> {
        let owned = |(slot, owner): (usize, &Option<Owner>)| Some(((*owner)?.get(), TimerId(slot as u32)));
        let mut all: Vec<((u32, u64), TimerId)> = self.owners.iter().enumerate().filter_map(owned).collect();
        all.sort_unstable_by_key(|(owner, _)| *owner);
        *self = Self::default();
        all.into_iter().map(|(_, timer)| timer)
    }

    /// Whose timer this is.
    pub(super) fn owner(&self, timer: TimerId) -> Option<(u32, u64)> {
        self.owners.get(timer.0 as usize)?.map(Owner::get)
    }
}
