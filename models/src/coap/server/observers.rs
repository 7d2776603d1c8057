//! Who observes which resource (RFC 7641 §4).

use crate::app::Host;
use crate::coap::wire::{BlockSize, Token};
use protosim_core::{LocalTime, Span};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The list of observers: an endpoint and a token are one (RFC 7641 §4.1).
#[derive(Clone, Debug, Default)]
pub(super) struct Observers(BTreeMap<(SocketAddr, Token), Observer>);

/// One of them.
#[derive(Clone, Copy, Debug)]
struct Observer {
    /// Which resource.
    resource: usize,
    /// How large blocks may be, if its registration says so (RFC 7959 §2.6).
    size: Option<BlockSize>,
    /// When it last got a confirmable notification; at first, when it registered.
    confirmed: LocalTime,
}

/// An observer that is to be told a state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    pub(super) peer: SocketAddr,
    pub(super) token: Token,
    pub(super) size: Option<BlockSize>,
    pub(super) is_confirmable: bool,
}

/// Memory charged for an observer \[bytes\]. Our choice: address and port 18, token with length 9, resource 4, block size 1,
/// time 8.
const OBSERVER_BYTES: u64 = 40;

/// RFC 7641 §4.5: no observer goes longer than 24 h without a confirmable notification, so that one that is gone is found. Our choice: one is
/// confirmable from half of that on. So the distance is at most 24 h while states last no longer than 12 h, and if they do, each is confirmable.
const CONFIRMABLE_AFTER: Span = Span::from_secs(43_200);

impl Observers {
    /// Registers one; false if there is no place for it.
    pub(super) fn add(
        &mut self,
        (peer, token): (SocketAddr, Token),
        (resource, size): (usize, Option<BlockSize>),
        most: Option<u32>,
        host: &mut dyn Host,
    ) -> bool {
        let confirmed = host.now();
        if let Some(known) = self.0.get_mut(&(peer, token)) {
            *known = Observer { resource, size, confirmed };
            return true;
        }
        let is_full = most.is_some_and(|most| self.0.len() as u64 >= u64::from(most));
        if is_full || host.reserve(OBSERVER_BYTES).is_err() {
            return false;
        }
        self.0.insert((peer, token), Observer { resource, size, confirmed });
        true
    }

    /// Takes one off the list; true if it was there.
    pub(super) fn remove(&mut self, peer: SocketAddr, token: Token, host: &mut dyn Host) -> bool {
        let known = self.0.remove(&(peer, token)).is_some();
        if known {
            host.release(OBSERVER_BYTES);
        }
        known
    }

    /// The tokens of one peer, in order.
    pub(super) fn of(&self, peer: SocketAddr) -> Vec<Token> {
        // The empty token is the first one.
        let from = self.0.range((peer, Token::EMPTY)..).map(|(key, _)| *key);
        from.take_while(|(of, _)| *of == peer).map(|(_, token)| token).collect()
    }

    /// Those of a resource, in order.
    pub(super) fn due(&self, resource: usize, all_confirmable: bool, now: LocalTime) -> Vec<Due> {
        let those = self.0.iter().filter(|(_, observer)| observer.resource == resource);
        let due = those.map(|((peer, token), observer)| {
            let is_confirmable = all_confirmable || observer.confirmed.saturating_add(CONFIRMABLE_AFTER) <= now;
            Due { peer: *peer, token: *token, size: observer.size, is_confirmable }
        });
        due.collect()
    }

    /// A confirmable notification is on its way to one.
    pub(super) fn confirmed(&mut self, peer: SocketAddr, token: Token, now: LocalTime) {
        if let Some(observer) = self.0.get_mut(&(peer, token)) {
            observer.confirmed = now;
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
