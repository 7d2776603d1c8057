//! Routes: longest-prefix match, flattened into disjoint ranges that one binary search decides.

use std::net::IpAddr;

/// Where a packet for an address goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hop {
    /// It is one of this node's own addresses.
    Local,
    /// Out of this interface, which leads over a link.
    Interface(u32),
    /// Out of this interface to a station of the shared medium there.
    Station {
        /// The interface.
        interface: u32,
        /// The station's number, from 1.
        station: u16,
    },
    /// Out of this interface to the station of the shared medium there that has the address: its number is the lowest 12 bits
    /// of it, over IPv4 as over IPv6.
    OnLink(u32),
    /// It is a group's: it goes by the trees of groups.
    Group,
    /// No route covers the address.
    None,
}

impl Hop {
    /// The interface that it leaves by, if it leaves by one.
    pub fn interface(self) -> Option<u32> {
        match self {
            Self::Interface(interface) | Self::OnLink(interface) | Self::Station { interface, .. } => Some(interface),
            Self::Local | Self::Group | Self::None => None,
        }
    }

    /// The interface to a shared medium, and the number of the station there that a packet for `address` goes to; `None` if it
    /// goes another way.
    pub fn station(self, address: IpAddr) -> Option<(u32, u16)> {
        match self {
            Self::Station { interface, station } => Some((interface, station)),
            Self::OnLink(interface) => Some((interface, station_of(address))),
            Self::Interface(_) | Self::Local | Self::Group | Self::None => None,
        }
    }
}

/// The number of the station that has an address on a shared medium: its lowest 12 bits.
fn station_of(address: IpAddr) -> u16 {
    let [.., high, low] = match address {
        IpAddr::V4(address) => address.octets(),
        IpAddr::V6(address) => (u128::from(address) as u32).to_be_bytes(),
    };
    u16::from_be_bytes([high & 0x0f, low])
}

/// One route: a prefix and where it leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// Any address of the prefix.
    pub prefix: IpAddr,
    /// Its length in bits.
    pub len: u8,
    /// Where it leads.
    pub hop: Hop,
}

/// A routing table of one node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Routes {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
    /// The last answer but of own addresses: packets for one destination tend to follow each other.
    last: Option<(IpAddr, Hop)>,
    /// The own address that was last asked for: a host is asked for it and for others in turns.
    last_own: Option<IpAddr>,
}

/// Range i goes from `starts[i]` to the next start; below the first start there is no route.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Ranges<A> {
    starts: Box<[A]>,
    hops: Box<[Hop]>,
}

impl Routes {
    /// The table for `routes`. The longest prefix wins; of two routes with the same prefix, the first.
    pub fn new(routes: &[Route]) -> Self {
        let mut v4 = Vec::new();
        let mut v6 = Vec::new();
        for route in routes {
            match route.prefix {
                IpAddr::V4(address) => {
                    let len = u32::from(route.len.min(32));
                    let host_bits = u32::MAX.checked_shr(len).unwrap_or(0);
                    let first = u32::from(address) & !host_bits;
                    v4.push((len, first, first | host_bits, route.hop));
                }
                IpAddr::V6(address) => {
                    let len = u32::from(route.len.min(128));
                    let host_bits = u128::MAX.checked_shr(len).unwrap_or(0);
                    let first = u128::from(address) & !host_bits;
                    v6.push((len, first, first | host_bits, route.hop));
                }
            }
        }
        Self {
            v4: flatten(v4, |last| last.checked_add(1)),
            v6: flatten(v6, |last| last.checked_add(1)),
            last: None,
            last_own: None,
        }
    }

    /// Where a packet for `address` goes; nothing is remembered.
    pub fn find(&self, address: IpAddr) -> Hop {
        match address {
            IpAddr::V4(address) => self.v4.lookup(u32::from(address)),
            IpAddr::V6(address) => self.v6.lookup(u128::from(address)),
        }
    }

    /// Where a packet for `address` goes.
    #[inline]
    pub fn lookup(&mut self, address: IpAddr) -> Hop {
        if let Some((last, hop)) = self.last
            && last == address
        {
            return hop;
        }
        if self.last_own == Some(address) {
            return Hop::Local;
        }
        let hop = match address {
            IpAddr::V4(address) => self.v4.lookup(u32::from(address)),
            IpAddr::V6(address) => self.v6.lookup(u128::from(address)),
        };
        match hop {
            Hop::Local => self.last_own = Some(address),
            hop => self.last = Some((address, hop)),
        }
        hop
    }
}

impl<A: Ord + Copy> Ranges<A> {
    #[inline]
    fn lookup(&self, address: A) -> Hop {
        let above = self.starts.partition_point(|start| *start <= address);
        if above == 0 { Hop::None } else { self.hops[above - 1] }
    }
}

/// Prefixes are nested or disjoint, so a sweep with a stack of the open ones finds who rules where.
fn flatten<A: Ord + Copy>(mut routes: Vec<(u32, A, A, Hop)>, next: impl Fn(A) -> Option<A>) -> Ranges<A> {
    routes.sort_by_key(|(len, first, ..)| (*first, *len));
    routes.dedup_by_key(|(len, first, ..)| (*first, *len));
    let (mut starts, mut hops) = (Vec::new(), Vec::new());
    let mut begin = |start: A, hop: Hop| {
        if starts.last() == Some(&start) {
            starts.pop();
            hops.pop();
        }
        if hops.last().copied().unwrap_or(Hop::None) != hop {
            starts.push(start);
            hops.push(hop);
        }
    };
    let mut open: Vec<(A, Hop)> = Vec::new();
    for (_, first, last, hop) in routes {
        while let Some((end, _)) = open.pop_if(|(end, _)| *end < first) {
            if let Some(start) = next(end) {
                begin(start, open.last().map_or(Hop::None, |(_, outer)| *outer));
            }
        }
        begin(first, hop);
        open.push((last, hop));
    }
    while let Some((end, _)) = open.pop() {
        if let Some(start) = next(end) {
            begin(start, open.last().map_or(Hop::None, |(_, outer)| *outer));
        }
    }
    Ranges { starts: starts.into(), hops: hops.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    /// The definition: of all routes that cover the address, the longest; of equals, the first.
    fn longest_match(routes: &[Route], address: u32) -> Hop {
        let covers = |route: &&Route| {
            let IpAddr::V4(prefix) = route.prefix else { return false };
            route.len == 0 || (u32::from(prefix) ^ address) >> (32 - u32::from(route.len)) == 0
        };
        let best = routes.iter().filter(covers).rev().max_by_key(|route| route.len);
        best.map_or(Hop::None, |route| route.hop)
    }

    #[test]
    fn the_longest_prefix_wins_and_the_outer_one_rules_around_it() {
        let route = |text: &str, len, hop| Route { prefix: text.parse().unwrap(), len, hop };
        let mut table = Routes::new(&[
            route("10.0.0.0", 8, Hop::Interface(1)),
            route("10.1.0.0", 16, Hop::Interface(2)),
            route("10.1.2.3", 32, Hop::Local),
            route("::", 0, Hop::Interface(3)),
        ]);
        let mut hop = |text: &str| table.lookup(text.parse().unwrap());
        assert_eq!(hop("9.255.255.255"), Hop::None);
        assert_eq!(hop("10.0.0.0"), Hop::Interface(1));
        assert_eq!(hop("10.1.2.2"), Hop::Interface(2));
        assert_eq!(hop("10.1.2.3"), Hop::Local);
        assert_eq!(hop("10.1.2.4"), Hop::Interface(2));
        assert_eq!(hop("10.2.0.0"), Hop::Interface(1));
        assert_eq!(hop("11.0.0.0"), Hop::None);
        assert_eq!(hop("2001:db8::1"), Hop::Interface(3));
        assert_eq!(table.lookup(IpAddr::V6(Ipv6Addr::from(u128::MAX))), Hop::Interface(3));
    }

    proptest! {
        #[test]
        fn ranges_agree_with_the_definition(
            prefixes in prop::collection::vec((any::<u32>(), 0_u8..=32, 0_u32..5), 0..30),
            addresses in prop::collection::vec(any::<u32>(), 20),
        ) {
            let route = |(prefix, len, port): &(u32, u8, u32)| Route {
                prefix: IpAddr::V4(Ipv4Addr::from(prefix & 0xff00_ffff)),
                len: *len,
                hop: Hop::Interface(*port),
            };
            let routes: Vec<Route> = prefixes.iter().map(route).collect();
            // Of two equal prefixes the first counts: drop the later ones before the definition is asked.
            let mut unique: Vec<Route> = Vec::new();
            for route in &routes {
                let mask = |r: &Route| {
                    let IpAddr::V4(prefix) = r.prefix else { unreachable!("all are IPv4") };
                    (r.len, u32::from(prefix) & !u32::MAX.checked_shr(u32::from(r.len)).unwrap_or(0))
                };
                if !unique.iter().any(|r| mask(r) == mask(route)) {
                    unique.push(*route);
                }
            }
            let mut table = Routes::new(&routes);
            let edges = routes.iter().map(|r| match r.prefix { IpAddr::V4(p) => u32::from(p), IpAddr::V6(_) => 0 });
            for address in addresses.iter().copied().chain(edges) {
                prop_assert_eq!(table.lookup(IpAddr::V4(Ipv4Addr::from(address))), longest_match(&unique, address));
            }
        }
    }
}
