//! UDP ports of a node, and who listens on them.

use crate::app::{HostError, SocketId, TrafficClass};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// The dynamic ports (RFC 6335 §6).
const DYNAMIC_PORTS: std::ops::RangeInclusive<u16> = 49_152..=65_535;

/// The UDP sockets of a node.
#[derive(Clone, Debug, Default)]
pub(super) struct UdpPorts {
    /// By [`SocketId`].
    sockets: Vec<UdpSocket>,
    /// Where there are many; fewer sockets are looked through.
    by_port: BTreeMap<u16, SocketId>,
}

/// So many sockets are looked through.
const MOST_LOOKED_THROUGH: usize = 8;

#[derive(Clone, Copy, Debug)]
struct UdpSocket {
    port: u16,
    app: u32,
    class: TrafficClass,
}

impl UdpPorts {
    /// Closes all sockets.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Opens a socket for `app`. For port 0 it takes the lowest dynamic port that is free: which one
    /// matters to nobody here, and a fixed choice keeps runs comparable.
    pub(super) fn bind(&mut self, port: u16, app: u32) -> Result<SocketId, HostError> {
        let port = match port {
            0 => {
                let mut free = DYNAMIC_PORTS.filter(|port| self.on_port(*port).is_none());
                free.next().ok_or(HostError::NoFreePort)?
            }
            port if self.on_port(port).is_some() => return Err(HostError::PortTaken(port)),
            port => port,
        };
        let socket = SocketId(self.sockets.len() as u32);
        if self.sockets.is_empty() {
            self.sockets.reserve_exact(1);
        }
        self.sockets.push(UdpSocket { port, app, class: TrafficClass::default() });
        match self.sockets.len().cmp(&(MOST_LOOKED_THROUGH + 1)) {
            Ordering::Less => {}
            Ordering::Equal => {
                let port_of = |(index, socket): (usize, &UdpSocket)| (socket.port, SocketId(index as u32));
                self.by_port = self.sockets.iter().enumerate().map(port_of).collect();
            }
            Ordering::Greater => {
                self.by_port.insert(port, socket);
            }
        }
        Ok(socket)
    }

    fn on_port(&self, port: u16) -> Option<SocketId> {
        if self.sockets.len() > MOST_LOOKED_THROUGH {
            return self.by_port.get(&port).copied();
        }
        let index = self.sockets.iter().position(|socket| socket.port == port)?;
        Some(SocketId(index as u32))
    }

    /// The socket on `port`, and whose it is.
    pub(super) fn listener(&self, port: u16) -> Option<(SocketId, u32)> {
        let socket = self.on_port(port)?;
        Some((socket, self.sockets[socket.0 as usize].app))
    }

    /// Port and traffic class of a socket, if it belongs to `app`.
    pub(super) fn socket(&self, socket: SocketId, app: u32) -> Result<(u16, TrafficClass), HostError> {
        let found = self.sockets.get(socket.0 as usize).filter(|found| found.app == app);
        found.map(|found| (found.port, found.class)).ok_or(HostError::NoSuchSocket(socket))
    }

    /// Marks what a socket sends, if it belongs to `app`.
    pub(super) fn set_class(&mut self, socket: SocketId, app: u32, class: TrafficClass) -> Result<(), HostError> {
        let found = self.sockets.get_mut(socket.0 as usize).filter(|found| found.app == app);
        found.map(|found| found.class = class).ok_or(HostError::NoSuchSocket(socket))
    }
}
