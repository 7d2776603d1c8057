//! Path MTUs that a node has been told (RFC 1191, RFC 8201).

use protosim_core::{SimTime, Span};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The least MTU of IPv4 links (RFC 791 §3.2).
const LEAST_V4: u64 = 68;
/// The least MTU of IPv6 links (RFC 8200 §5).
pub(super) const LEAST_V6: u64 = 1280;

/// MTUs that links have, for routers that do not say theirs (RFC 1191 §7.1).
const PLATEAUS: [u64; 11] = [65_535, 32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 508, 296, LEAST_V4];

/// What a router's link probably takes that did not take a packet of `len` bytes.
pub(super) fn plateau_below(len: u64) -> u64 {
    PLATEAUS.into_iter().find(|plateau| *plateau < len).unwrap_or(LEAST_V4)
}

/// What a node knows of paths, by destination. An estimate only falls while it lasts; when it has aged, the next packet tries
/// the first link's MTU again.
#[derive(Clone, Debug)]
pub(super) struct PathMtus {
    lifetime: Span,
    known: BTreeMap<IpAddr, Estimate>,
}

#[derive(Clone, Copy, Debug)]
struct Estimate {
    mtu: u64,
    until: SimTime,
}

impl PathMtus {
    pub(super) fn new(lifetime: Span) -> Self {
        Self { lifetime, known: BTreeMap::new() }
    }

    /// The largest packet for `destination`, if the first link takes `first_link` bytes.
    #[inline]
    pub(super) fn get(&mut self, destination: IpAddr, first_link: u64, now: SimTime) -> u64 {
        if self.known.is_empty() {
            first_link
        } else {
            self.look_up(destination, now).unwrap_or(first_link).min(first_link)
        }
    }

    fn look_up(&mut self, destination: IpAddr, now: SimTime) -> Option<u64> {
        let estimate = *self.known.get(&destination)?;
        if estimate.until <= now {
            self.known.remove(&destination);
            return None;
        }
        Some(estimate.mtu)
    }

    /// A router has said that a packet of `len` bytes for `destination` met a link that takes `told` bytes, or, if that is 0, that
    /// the link takes less.
    pub(super) fn learn(&mut self, destination: IpAddr, told: u64, len: u64, now: SimTime) {
        let mtu = match (destination, told) {
            (IpAddr::V4(_), 0) => plateau_below(len),
            (IpAddr::V4(_), told) => told.max(LEAST_V4),
            // RFC 8201 §4: to be discarded. No link may be that small.
            (IpAddr::V6(_), told) if told < LEAST_V6 => return,
            (IpAddr::V6(_), told) => told,
        };
        // It must not rise by an error, and one that would have let the packet pass is no news.
        if mtu >= len || self.look_up(destination, now).is_some_and(|known| known <= mtu) {
            return;
        }
        self.known.insert(destination, Estimate { mtu, until: now.saturating_add(self.lifetime) });
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> SimTime {
        SimTime::ZERO + Span::from_secs(secs)
    }

    fn known() -> PathMtus {
        PathMtus::new(Span::from_secs(600))
    }

    const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const V6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));

    /// RFC 1191 §3 and §6.3: an estimate falls, never rises by an error, and is gone after ten minutes, counted from when it
    /// last fell.
    #[test]
    fn an_estimate_falls_and_ages() {
        let mut paths = known();
        assert_eq!(paths.get(V4, 1500, secs(0)), 1500);
        paths.learn(V4, 1400, 1500, secs(1));
        paths.learn(V4, 1450, 1500, secs(2));
        assert_eq!(
            (paths.get(V4, 1500, secs(3)), paths.get(V4, 1300, secs(3)), paths.get(V6, 1500, secs(3))),
            (1400, 1300, 1500)
        );
        paths.learn(V4, 1200, 1400, secs(100));
        assert_eq!((paths.get(V4, 1500, secs(699)), paths.get(V4, 1500, secs(700))), (1200, 1500));
        // Once aged, it may be more than it was.
        paths.learn(V4, 1450, 1500, secs(701));
        assert_eq!(paths.get(V4, 1500, secs(702)), 1450);
    }

    /// RFC 1191 §7: with no MTU in the error, the next plateau below the packet's length.
    #[test]
    fn a_router_that_does_not_say_its_mtu_costs_a_plateau() {
        for (len, expected) in
            [(65_535, 32_000), (1500, 1492), (1492, 1006), (576, 508), (297, 296), (296, 68), (69, 68)]
        {
            let mut paths = known();
            paths.learn(V4, 0, len, secs(0));
            assert_eq!(paths.get(V4, 65_535, secs(1)), expected, "{len}");
        }
        let mut paths = known();
        paths.learn(V4, 0, 68, secs(0));
        assert_eq!(paths.get(V4, 1500, secs(1)), 1500);
    }

    /// RFC 1191 §3: never below 68. RFC 8201 §4: what says less than 1280 is discarded.
    #[test]
    fn estimates_have_a_floor() {
        let mut paths = known();
        paths.learn(V4, 7, 1500, secs(0));
        paths.learn(V6, 1279, 1500, secs(0));
        assert_eq!((paths.get(V4, 1500, secs(1)), paths.get(V6, 1500, secs(1))), (68, 1500));
        paths.learn(V6, 1280, 1500, secs(0));
        assert_eq!(paths.get(V6, 1500, secs(1)), 1280);
        // One that would have let the packet pass.
        let mut paths = known();
        paths.learn(V4, 1500, 1500, secs(0));
        assert_eq!(paths.get(V4, 9000, secs(1)), 9000);
    }
}
