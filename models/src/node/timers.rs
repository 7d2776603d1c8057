//! Timers of applications: by application and token, over the kernel's slots.

use protosim_core::TimerId;
use std::collections::BTreeMap;

/// Which kernel timer stands for which application's token.
#[derive(Clone, Debug, Default)]
pub(super) struct AppTimers {
    by_token: BTreeMap<(u32, u64), TimerId>,
    /// By number of the kernel's slot.
    owners: Vec<Option<(u32, u64)>>,
}

impl AppTimers {
    pub(super) fn find(&self, app: u32, token: u64) -> Option<TimerId> {
        self.by_token.get(&(app, token)).copied()
    }

    pub(super) fn add(&mut self, app: u32, token: u64, timer: TimerId) {
        self.by_token.insert((app, token), timer);
        let slot = timer.0 as usize;
        if self.owners.len() <= slot {
            self.owners.resize(slot + 1, None);
        }
        self.owners[slot] = Some((app, token));
    }

    /// Forgets the token's timer, which the caller gives back to the kernel.
    pub(super) fn cancel(&mut self, app: u32, token: u64) -> Option<TimerId> {
        let timer = self.by_token.remove(&(app, token))?;
        self.owners[timer.0 as usize] = None;
        Some(timer)
    }

    /// Forgets all of them, which the caller gives back to the kernel.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = TimerId> + use<> {
        self.owners.clear();
        std::mem::take(&mut self.by_token).into_values()
    }

    /// Whose timer this is.
    pub(super) fn owner(&self, timer: TimerId) -> Option<(u32, u64)> {
        *self.owners.get(timer.0 as usize)?
    }
}
