//! Who observes which resource (RFC 7641 §4).

use crate::app::Host;
use crate::coap::wire::Token;
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
    /// When it last got a confirmable notification; at first, when it registered.
    confirmed: LocalTime,
}

/// Memory charged for an observer \[bytes\]. Our choice: address and port 18, token with length 9, resource 4, time 8, rounded up to a
/// multiple of 8.
const OBSERVER_BYTES: u64 = 40;

/// RFC 7641 §4.5: no observer goes longer without a confirmable notification, so that one that is gone is found.
const LONGEST_WITHOUT: Span = Span::from_secs(86_400);

impl Observers {
    /// Registers one; false if there is no place for it.
    pub(super) fn add(
        &mut self,
        (peer, token): (SocketAddr, Token),
        resource: usize,
        most: Option<u32>,
        host: &mut dyn Host,
    ) -> bool {
        let confirmed = host.now();
        if let Some(known) = self.0.get_mut(&(peer, token)) {
            *known = Observer { resource, confirmed };
            return true;
        }
        let is_full = most.is_some_and(|most| self.0.len() as u64 >= u64::from(most));
        if is_full || host.reserve(OBSERVER_BYTES).is_err() {
            return false;
        }
        self.0.insert((peer, token), Observer { resource, confirmed });
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

    /// Those of a resource, in order, with whether they are due for a confirmable notification, which counts as sent.
    pub(super) fn due(
        &mut self,
        resource: usize,
        all_confirmable: bool,
        now: LocalTime,
    ) -> Vec<(SocketAddr, Token, bool)> {
        let mut due = Vec::new();
        for ((peer, token), observer) in &mut self.0 {
            if observer.resource != resource {
                continue;
            }
            let is_confirmable = all_confirmable || observer.confirmed.saturating_add(LONGEST_WITHOUT) <= now;
            if is_confirmable {
                observer.confirmed = now;
            }
            due.push((*peer, *token, is_confirmable));
        }
        due
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
