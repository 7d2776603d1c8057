//! What the server has for one client: a relayed address, permissions, channels.

use crate::rope::Rope;
use crate::stun::wire::TransactionId;
use crate::turn::{CHANNEL_GUARD, CHANNEL_LIFETIME, PERMISSION_LIFETIME};
use protosim_core::LocalTime;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// Memory of an allocation, of a permission and of a channel \[bytes\] (our choice, of the order of deployed servers' records).
pub(super) const ALLOCATION_BYTES: u64 = 512;
const PERMISSION_BYTES: u64 = 64;
const CHANNEL_BYTES: u64 = 128;

/// An allocation.
#[derive(Clone, Debug)]
pub(super) struct Allocation {
    pub(super) relayed: SocketAddr,
    /// The user that asked for it.
    pub(super) user: Option<usize>,
    pub(super) expires: LocalTime,
    /// The Allocate that made it, and its answer.
    pub(super) transaction: TransactionId,
    pub(super) answer: Rope,
    /// Until when packets of an address pass.
    permissions: BTreeMap<IpAddr, LocalTime>,
    channels: BTreeMap<u16, Channel>,
    /// The same by peer.
    numbers: BTreeMap<SocketAddr, u16>,
}

#[derive(Clone, Copy, Debug)]
struct Channel {
    peer: SocketAddr,
    expires: LocalTime,
}

/// The number has another peer, or the peer another number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Conflict;

impl Allocation {
    pub(super) fn new(
        relayed: SocketAddr,
        user: Option<usize>,
        expires: LocalTime,
        transaction: TransactionId,
        answer: Rope,
    ) -> Self {
        let (permissions, channels, numbers) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { relayed, user, expires, transaction, answer, permissions, channels, numbers }
    }

    /// Memory that it takes \[bytes\].
    pub(super) fn bytes(&self) -> u64 {
        let permissions = self.permissions.len() as u64 * PERMISSION_BYTES;
        ALLOCATION_BYTES + permissions + self.channels.len() as u64 * CHANNEL_BYTES
    }

    /// Whether packets from and to this address pass.
    pub(super) fn permits(&self, ip: IpAddr, now: LocalTime) -> bool {
        self.permissions.get(&ip).is_some_and(|expires| now < *expires)
    }

    /// Lets packets of this address pass for 300 s from now on.
    pub(super) fn permit(&mut self, ip: IpAddr, now: LocalTime) {
        self.permissions.retain(|_, expires| now < *expires);
        self.permissions.insert(ip, now.saturating_add(PERMISSION_LIFETIME));
    }

    /// The peer of a channel that is bound.
    pub(super) fn peer_of(&self, number: u16, now: LocalTime) -> Option<SocketAddr> {
        self.channels.get(&number).filter(|channel| now < channel.expires).map(|channel| channel.peer)
    }

    /// The channel that is bound to a peer.
    pub(super) fn channel_of(&self, peer: SocketAddr, now: LocalTime) -> Option<u16> {
        let number = *self.numbers.get(&peer)?;
        self.peer_of(number, now).map(|_| number)
    }

    /// Whether a channel can be bound to a peer.
    pub(super) fn can_bind(&mut self, number: u16, peer: SocketAddr, now: LocalTime) -> Result<(), Conflict> {
        let is_kept = |channel: &Channel| now < channel.expires.saturating_add(CHANNEL_GUARD);
        self.channels.retain(|_, channel| is_kept(channel));
        let channels = &self.channels;
        self.numbers.retain(|_, number| channels.contains_key(number));
        let number_is_free = self.channels.get(&number).is_none_or(|channel| channel.peer == peer);
        let peer_is_free = self.numbers.get(&peer).is_none_or(|other| *other == number);
        if number_is_free && peer_is_free { Ok(()) } else { Err(Conflict) }
    }

    /// Binds a channel for 600 s from now on, and lets its peer's packets pass for 300 s. [`Allocation::can_bind`] has said that it
    /// can be.
    pub(super) fn bind(&mut self, number: u16, peer: SocketAddr, now: LocalTime) {
        self.channels.insert(number, Channel { peer, expires: now.saturating_add(CHANNEL_LIFETIME) });
        self.numbers.insert(peer, number);
        self.permit(peer.ip(), now);
    }
}
