//! The two ends of a connection.

use std::net::{IpAddr, SocketAddr};

/// Who speaks to whom. Ports first: they differ most.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ends {
    /// The local port above the peer's.
    pub(super) ports: u32,
    pub(super) remote: IpAddr,
    pub(super) local: IpAddr,
}

impl Ends {
    /// The ends of a connection from here to there.
    pub fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        let ports = u32::from(local.port()) << 16 | u32::from(remote.port());
        Self { ports, remote: remote.ip(), local: local.ip() }
    }

    /// This end.
    pub const fn local(&self) -> SocketAddr {
        SocketAddr::new(self.local, self.local_port())
    }

    /// The other end.
    pub const fn remote(&self) -> SocketAddr {
        SocketAddr::new(self.remote, self.remote_port())
    }

    pub(super) const fn local_port(&self) -> u16 {
        (self.ports >> 16) as u16
    }

    pub(super) const fn remote_port(&self) -> u16 {
        self.ports as u16
    }

    /// Bytes of the IP header before a segment.
    pub(super) const fn ip_header(&self) -> u64 {
        if self.remote.is_ipv4() { 20 } else { 40 }
    }
}
