//! What a TURN server is told.

use crate::stun::Credentials;
use crate::turn::{DEFAULT_LIFETIME, MAX_LIFETIME};
use protosim_core::Span;
use std::net::IpAddr;

/// What a server is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerConfig {
    /// What it wants of who asks. RFC 8656 §5 requires long-term credentials.
    pub credentials: Credentials,
    /// Its relayed addresses: one of a family, or one of each.
    pub relay_addresses: Vec<IpAddr>,
    /// The first relayed port. §7.2 recommends 49152.
    pub first_port: u16,
    /// The last one. §7.2 recommends 65535.
    pub last_port: u16,
    /// How long an allocation lasts at least (§7.2).
    pub default_lifetime: Span,
    /// And at most.
    pub max_lifetime: Span,
    /// How many allocations a user may have; more get 486. No limit if `None`.
    pub quota: Option<usize>,
    /// How many allocations there may be; more get 508. As many as there are ports if `None`.
    pub capacity: Option<usize>,
    /// Peers that nobody may reach: 403.
    pub forbidden_peers: Vec<IpAddr>,
    /// Whether peers may have loopback addresses; §21.1.5 warns of them. For tests over a loopback.
    pub allow_loopback_peers: bool,
    /// Whether channels 0x5000 to 0x7fff can be bound, as RFC 5766 §11 has it; RFC 8656 §12 has no more than 0x4000 to 0x4fff.
    pub old_channels: bool,
    /// What SOFTWARE says, if anything.
    pub software: Option<String>,
}

impl ServerConfig {
    /// A server with one relayed address and these users, and everything else at its default.
    pub fn new(credentials: Credentials, relay_address: IpAddr) -> Self {
        Self {
            credentials,
            relay_addresses: vec![relay_address],
            first_port: 49_152,
            last_port: 65_535,
            default_lifetime: DEFAULT_LIFETIME,
            max_lifetime: MAX_LIFETIME,
            quota: None,
            capacity: None,
            forbidden_peers: Vec::new(),
            allow_loopback_peers: false,
            old_channels: false,
            software: None,
        }
    }

    /// How long an allocation lasts for a client that wants so many seconds (§7.2): at least the default, at most the maximum.
    pub(super) fn lifetime(&self, wanted: Option<u32>) -> Span {
        let wanted = wanted.map_or(self.default_lifetime, |seconds| Span::from_secs(u64::from(seconds)));
        wanted.min(self.max_lifetime).max(self.default_lifetime)
    }

    /// Whether a client may reach this peer (§10.2).
    pub(super) fn is_forbidden(&self, ip: IpAddr) -> bool {
        let is_loopback = ip.is_loopback() && !self.allow_loopback_peers;
        is_loopback || ip.is_unspecified() || ip.is_multicast() || self.forbidden_peers.contains(&ip)
    }
}
