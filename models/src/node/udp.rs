//! UDP sockets of a node, and which of them a datagram is for.
//!
//! A socket is bound to a port at all addresses of its node or at one of them. As on Linux, whose SO_REUSEADDR is off: two sockets
//! may have one port at different addresses, and one at all addresses has it for itself.

use crate::app::{HostError, SocketId, TrafficClass};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// The dynamic ports (RFC 6335 §6).
const DYNAMIC_PORTS: std::ops::RangeInclusive<u16> = 49_152..=65_535;

/// The UDP sockets of a node.
#[derive(Clone, Debug, Default)]
pub(super) struct UdpPorts {
    /// In order of their numbers; closed ones are gone.
    sockets: Vec<UdpSocket>,
    /// By port and address, where there are many; fewer sockets are looked through.
    by_port: BTreeMap<(u16, Option<IpAddr>), SocketId>,
    /// Numbers are not used again, so that nobody takes a new socket for one that is closed.
    next: u32,
}

/// So many sockets are looked through.
const MOST_LOOKED_THROUGH: usize = 8;

/// A socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct UdpSocket {
    id: SocketId,
    app: u32,
    pub(super) port: u16,
    pub(super) class: TrafficClass,
    /// What it sends is protected: [`Provenance::is_protected`](crate::packet::Provenance::is_protected).
    pub(super) is_protected: bool,
    /// The one address that it has; `None` for all of its node.
    pub(super) address: Option<IpAddr>,
}

impl UdpSocket {
    const fn key(&self) -> (u16, Option<IpAddr>) {
        (self.port, self.address)
    }
}

impl UdpPorts {
    /// Closes all sockets.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Opens a socket for `app`, at one address or at all of them. For port 0 it takes the lowest dynamic port that is free there:
    /// which one matters to nobody here, and a fixed choice keeps runs comparable.
    pub(super) fn bind(&mut self, address: Option<IpAddr>, port: u16, app: u32) -> Result<SocketId, HostError> {
        let port = match port {
            0 => {
                let mut free = DYNAMIC_PORTS.filter(|port| !self.is_taken(*port, address));
                free.next().ok_or(HostError::NoFreePort)?
            }
            port if self.is_taken(port, address) => return Err(HostError::PortTaken(port)),
            port => port,
        };
        let id = SocketId(self.next);
        self.next += 1;
        if self.sockets.is_empty() {
            self.sockets.reserve_exact(1);
        }
        let socket = UdpSocket { id, app, port, class: TrafficClass::default(), is_protected: false, address };
        self.sockets.push(socket);
        match self.sockets.len().cmp(&(MOST_LOOKED_THROUGH + 1)) {
            Ordering::Less => {}
            Ordering::Equal => self.by_port = self.sockets.iter().map(|socket| (socket.key(), socket.id)).collect(),
            Ordering::Greater => {
                self.by_port.insert(socket.key(), id);
            }
        }
        Ok(id)
    }

    /// Closes a socket, if it belongs to `app`.
    pub(super) fn close(&mut self, socket: SocketId, app: u32) -> Result<(), HostError> {
        let index = self.index(socket, app)?;
        let closed = self.sockets.remove(index);
        if self.sockets.len() > MOST_LOOKED_THROUGH {
            self.by_port.remove(&closed.key());
        } else {
            self.by_port.clear();
        }
        // What many closed sockets have left is given back.
        if self.sockets.len() <= self.sockets.capacity() / 4 {
            self.sockets.shrink_to(2 * self.sockets.len());
        }
        Ok(())
    }

    /// True if a socket stands in the way of a new one: at all addresses that of any socket of the port, at one address that of
    /// another there or at all.
    fn is_taken(&self, port: u16, address: Option<IpAddr>) -> bool {
        let stands = |other: Option<IpAddr>| address.is_none() || other.is_none() || other == address;
        if self.sockets.len() > MOST_LOOKED_THROUGH {
            let mut there = self.by_port.range((port, None)..).take_while(|((other, _), _)| *other == port);
            return there.any(|((_, other), _)| stands(*other));
        }
        self.sockets.iter().any(|socket| socket.port == port && stands(socket.address))
    }

    /// The socket that datagrams to `local` are for, whatever sockets there are.
    #[inline(never)]
    fn at(&self, local: SocketAddr) -> Option<&UdpSocket> {
        if self.sockets.len() > MOST_LOOKED_THROUGH {
            // No port has both.
            let find = |address| self.by_port.get(&(local.port(), address));
            let id = find(None).or_else(|| find(Some(local.ip())))?;
            return self.sockets.binary_search_by_key(id, |socket| socket.id).ok().map(|index| &self.sockets[index]);
        }
        let takes = |socket: &&UdpSocket| {
            socket.port == local.port() && socket.address.is_none_or(|address| address == local.ip())
        };
        self.sockets.iter().find(takes)
    }

    /// The socket that datagrams to an address and a port are for, whose it is, and whether it is bound to that one address.
    #[inline(always)]
    pub(super) fn listener(&self, address: IpAddr, port: u16) -> Option<(SocketId, u32, bool)> {
        // Most nodes have one, at all addresses.
        if let [only] = &*self.sockets
            && only.address.is_none()
        {
            return (only.port == port).then_some((only.id, only.app, false));
        }
        self.at(SocketAddr::new(address, port)).map(|socket| (socket.id, socket.app, socket.address.is_some()))
    }

    #[inline]
    fn index(&self, socket: SocketId, app: u32) -> Result<usize, HostError> {
        // Most nodes have one, and never had another.
        match self.sockets.first() {
            Some(first) if first.id == socket && first.app == app => Ok(0),
            _ => self.find(socket, app),
        }
    }

    #[inline(never)]
    fn find(&self, socket: SocketId, app: u32) -> Result<usize, HostError> {
        let found = self.sockets.binary_search_by_key(&socket, |socket| socket.id).ok();
        found.filter(|index| self.sockets[*index].app == app).ok_or(HostError::NoSuchSocket(socket))
    }

    /// A socket, if it belongs to `app`.
    #[inline]
    pub(super) fn socket(&self, socket: SocketId, app: u32) -> Result<&UdpSocket, HostError> {
        self.index(socket, app).map(|index| &self.sockets[index])
    }

    /// Marks what a socket sends, if it belongs to `app`.
    pub(super) fn set_class(&mut self, socket: SocketId, app: u32, class: TrafficClass) -> Result<(), HostError> {
        let index = self.index(socket, app)?;
        self.sockets[index].class = class;
        Ok(())
    }

    pub(super) fn set_protected(&mut self, socket: SocketId, app: u32) -> Result<(), HostError> {
        let index = self.index(socket, app)?;
        self.sockets[index].is_protected = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// ip(7), "Address already in use": the same port at another address is free; all addresses and one of them clash, whichever
    /// comes first; a port that is closed is free at once.
    #[test]
    fn a_port_is_taken_where_addresses_overlap() {
        let mut udp = UdpPorts::default();
        let first = udp.bind(Some(address(1)), 9, 0).unwrap();
        assert_eq!(udp.bind(Some(address(1)), 9, 0), Err(HostError::PortTaken(9)));
        assert_eq!(udp.bind(None, 9, 1), Err(HostError::PortTaken(9)));
        let second = udp.bind(Some(address(2)), 9, 1).unwrap();
        assert_eq!(udp.listener(address(2), 9), Some((second, 1, true)));
        assert_eq!(udp.listener(address(3), 9), None);
        assert_eq!(udp.close(second, 0), Err(HostError::NoSuchSocket(second)), "it is of another application");
        udp.close(first, 0).unwrap();
        udp.close(second, 1).unwrap();
        assert_eq!(udp.close(second, 1), Err(HostError::NoSuchSocket(second)));
        let all = udp.bind(None, 9, 0).unwrap();
        assert!(all > second, "no number comes again");
        assert_eq!(udp.bind(Some(address(1)), 9, 0), Err(HostError::PortTaken(9)));
        assert_eq!(udp.listener(address(3), 9), Some((all, 0, false)));
    }

    /// RFC 6335 §6: 49152 to 65535 are dynamic. Each address has them for itself, and none is left for a socket at all addresses.
    #[test]
    fn each_address_has_the_dynamic_ports_for_itself() {
        let mut udp = UdpPorts::default();
        let port_of = |udp: &UdpPorts, socket| udp.socket(socket, 0).unwrap().port;
        for port in 49_152..=65_535 {
            udp.bind(Some(address(1)), port, 0).unwrap();
        }
        assert_eq!(udp.bind(Some(address(1)), 0, 0), Err(HostError::NoFreePort));
        assert_eq!(udp.bind(None, 0, 0), Err(HostError::NoFreePort));
        let elsewhere = udp.bind(Some(address(2)), 0, 0).unwrap();
        assert_eq!(port_of(&udp, elsewhere), 49_152);
        let next = udp.bind(Some(address(2)), 0, 0).unwrap();
        assert_eq!(port_of(&udp, next), 49_153);
    }

    /// 100,000 sockets that were opened and closed one after the other leave nothing behind.
    #[test]
    fn closed_sockets_take_no_memory() {
        let mut udp = UdpPorts::default();
        let open: Vec<_> = (0..1000).map(|_| udp.bind(None, 0, 0).unwrap()).collect();
        for socket in open {
            udp.close(socket, 0).unwrap();
        }
        for _ in 0..100_000 {
            let socket = udp.bind(None, 0, 0).unwrap();
            udp.close(socket, 0).unwrap();
        }
        assert!(udp.sockets.capacity() <= 4 && udp.by_port.is_empty(), "room for {}", udp.sockets.capacity());
    }

    proptest! {
        /// Whatever is opened and closed, few or many: the socket of a datagram is the one of its port whose address is the
        /// datagram's or any, and a new socket is refused if and only if one could take the same datagram.
        #[test]
        fn whoever_is_looked_up_is_who_a_plain_list_says(
            acts in prop::collection::vec((prop::option::of(1_u8..4), 1_u16..8, any::<bool>()), 1..60),
        ) {
            let mut udp = UdpPorts::default();
            let mut open: Vec<(SocketId, Option<IpAddr>, u16)> = Vec::new();
            for (last, port, closes) in acts {
                let at = last.map(address);
                if closes && !open.is_empty() {
                    let (socket, ..) = open.remove(usize::from(port) % open.len());
                    prop_assert_eq!(udp.close(socket, 0), Ok(()));
                }
                let overlaps = |other: &Option<IpAddr>| at.is_none() || other.is_none() || *other == at;
                let is_taken = open.iter().any(|(_, other, taken)| *taken == port && overlaps(other));
                match udp.bind(at, port, 0) {
                    Ok(socket) => {
                        prop_assert!(!is_taken);
                        open.push((socket, at, port));
                    }
                    Err(error) => prop_assert!(is_taken && error == HostError::PortTaken(port)),
                }
                for (ip, port) in (1..4).flat_map(|last| (1..8).map(move |port| (address(last), port))) {
                    let takes = |(_, own, at): &&(SocketId, Option<IpAddr>, u16)| {
                        *at == port && own.is_none_or(|own| own == ip)
                    };
                    let expected = open.iter().find(takes).map(|(socket, own, _)| (*socket, 0, own.is_some()));
                    prop_assert_eq!(udp.listener(ip, port), expected);
                }
            }
        }
    }
}
