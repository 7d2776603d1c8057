//! Relayed addresses: which are free, which are kept for later.

use crate::stun::wire::Family;
use crate::turn::RESERVATION_LIFETIME;
use protosim_core::{LocalTime, Stream};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

/// The relayed addresses of a server.
#[derive(Clone, Debug)]
pub(super) struct Ports {
    ips: Vec<IpAddr>,
    range: RangeInclusive<u16>,
    taken: BTreeSet<SocketAddr>,
    /// Kept for who has the token, until then.
    reserved: BTreeMap<[u8; 8], (SocketAddr, LocalTime)>,
}

impl Ports {
    pub(super) fn new(ips: Vec<IpAddr>, range: RangeInclusive<u16>) -> Self {
        Self { ips, range, taken: BTreeSet::new(), reserved: BTreeMap::new() }
    }

    /// The server's address of a family.
    pub(super) fn ip(&self, family: Family) -> Option<IpAddr> {
        self.ips.iter().copied().find(|ip| Family::of(*ip) == family)
    }

    /// Takes a free address, from a place drawn at random on, the first that is even if it has to be, and whose neighbour above is
    /// free if that one is wanted, too. Takes the neighbour as well, then.
    pub(super) fn take(&mut self, ip: IpAddr, even: bool, pair: bool, draws: &mut Stream) -> Option<SocketAddr> {
        let (first, last) = (*self.range.start(), *self.range.end());
        let count = u64::from(last.checked_sub(first)?) + 1;
        let start = draws.below(count);
        let port = (0..count).map(|step| first + ((start + step) % count) as u16).find(|port| {
            let is_free = |port: u16| !self.taken.contains(&SocketAddr::new(ip, port));
            (!even || port.is_multiple_of(2)) && is_free(*port) && (!pair || *port < last && is_free(port + 1))
        })?;
        self.taken.insert(SocketAddr::new(ip, port));
        if pair {
            self.taken.insert(SocketAddr::new(ip, port + 1));
        }
        Some(SocketAddr::new(ip, port))
    }

    /// Keeps an address that was taken for who will have `token`.
    pub(super) fn reserve(&mut self, token: [u8; 8], address: SocketAddr, now: LocalTime) {
        self.reserved.insert(token, (address, now.saturating_add(RESERVATION_LIFETIME)));
    }

    /// The address that was kept under a token, if it still is. It stays taken.
    pub(super) fn redeem(&mut self, token: [u8; 8], now: LocalTime) -> Option<SocketAddr> {
        let (address, expires) = *self.reserved.get(&token)?;
        if now >= expires {
            return None;
        }
        self.reserved.remove(&token);
        Some(address)
    }

    /// Gives an address back.
    pub(super) fn free(&mut self, address: SocketAddr) {
        self.taken.remove(&address);
    }

    /// Gives back what was kept and is over.
    pub(super) fn expire(&mut self, now: LocalTime) {
        let Self { taken, reserved, .. } = self;
        reserved.retain(|_, (address, expires)| {
            let is_kept = now < *expires;
            if !is_kept {
                taken.remove(address);
            }
            is_kept
        });
    }

    /// When the next reservation ends.
    pub(super) fn next_expiry(&self) -> Option<LocalTime> {
        self.reserved.values().map(|(_, expires)| *expires).min()
    }
}
