//! Candidates: addresses at which an agent may be reached, and how much each is worth (RFC 8445 §5.1, RFC 6544 §4).

use std::net::{IpAddr, SocketAddr};

/// How an address was found (RFC 8445 §4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CandidateKind {
    /// It is an interface's own.
    Host,
    /// A server of STUN or TURN sees the agent there.
    ServerReflexive,
    /// The peer's checks show it.
    PeerReflexive,
    /// It is a server's of TURN.
    Relayed,
}

impl CandidateKind {
    /// All of them, those of higher preference first.
    pub const ALL: [Self; 4] = [Self::Host, Self::PeerReflexive, Self::ServerReflexive, Self::Relayed];

    /// Its type preference, 0 to 126 (RFC 8445 §5.1.2.2: recommended).
    pub const fn preference(self) -> u32 {
        match self {
            Self::Host => 126,
            Self::PeerReflexive => 110,
            Self::ServerReflexive => 100,
            Self::Relayed => 0,
        }
    }

    /// As SDP has it (RFC 8839 §5.1).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relayed => "relay",
        }
    }

    /// The one that SDP calls so; tokens of SDP that are fixed are compared without regard to case (RFC 8839 §5.1).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

/// Who opens a connection (RFC 6544 §4.5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TcpType {
    /// This end does; its port means nothing, and is 9.
    Active,
    /// The other end does.
    Passive,
    /// Both at once.
    SimultaneousOpen,
}

impl TcpType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Passive, Self::SimultaneousOpen];

    /// As SDP has it (RFC 6544 §4.5).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::SimultaneousOpen => "so",
        }
    }

    /// The one that SDP calls so.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// The one that a candidate's peer must be (RFC 6544 §6.2).
    pub const fn counterpart(self) -> Self {
        match self {
            Self::Active => Self::Passive,
            Self::Passive => Self::Active,
            Self::SimultaneousOpen => Self::SimultaneousOpen,
        }
    }

    /// Its direction preference, 0 to 7 (RFC 6544 §4.2): for hosts and relays active 6, passive 4, both 2; for those that NATs show,
    /// where both ends have to open, both 6, active 4, passive 2.
    pub const fn preference(self, kind: CandidateKind) -> u32 {
        match (kind, self) {
            (CandidateKind::Host | CandidateKind::Relayed, Self::Active) => 6,
            (CandidateKind::Host | CandidateKind::Relayed, Self::Passive) => 4,
            (CandidateKind::Host | CandidateKind::Relayed, Self::SimultaneousOpen) => 2,
            (_, Self::SimultaneousOpen) => 6,
            (_, Self::Active) => 4,
            (_, Self::Passive) => 2,
        }
    }
}

/// What a candidate is reached by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Protocol {
    /// UDP.
    Udp,
    /// TCP (RFC 6544).
    Tcp(TcpType),
}

/// Where a candidate is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CandidateAddress {
    /// There.
    Ip(SocketAddr),
    /// At a name that stands for an address, such as a random one below `.local` that hides it (draft-ietf-mmusic-mdns-ice-candidates).
    Name(Box<str>, u16),
}

impl CandidateAddress {
    /// Its IP address and port, if it says.
    pub const fn ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Name(..) => None,
        }
    }

    /// Its port.
    pub const fn port(&self) -> u16 {
        match self {
            Self::Ip(address) => address.port(),
            Self::Name(_, port) => *port,
        }
    }
}

/// A candidate as an agent tells its peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// The same for candidates that are likely to fare alike (§5.1.1.3): 1 to 32 of letters, digits, `+` and `/`.
    pub foundation: Box<str>,
    /// Which part of the stream, 1 to 256.
    pub component: u16,
    /// How it is reached.
    pub protocol: Protocol,
    /// Its priority, 1 to 2^31 - 1 for what follows §5.1.2.
    pub priority: u32,
    /// Where it is.
    pub address: CandidateAddress,
    /// How it was found.
    pub kind: CandidateKind,
    /// Its base, or for a relayed one what the server saw (RFC 8839 §5.1): it says something to people alone.
    pub related: Option<SocketAddr>,
}

/// The priority of a candidate (RFC 8445 §5.1.2.1): `local_preference` of 0 to 65535, `component` of 1 to 256. Where there is a
/// choice, media go over UDP: of a candidate of TCP the type preference is half of what it else is (RFC 6544 §4.2 has it lower and
/// leaves open by how much), below every direct one of UDP and above relays.
pub const fn priority(kind: CandidateKind, protocol: Protocol, local_preference: u32, component: u16) -> u32 {
    let preference = match protocol {
        Protocol::Udp => kind.preference(),
        Protocol::Tcp(_) => kind.preference() / 2,
    };
    (preference << 24) + (local_preference << 8) + (256 - component as u32)
}

/// The local preference of a candidate of UDP: 65535 for an agent's only address (§5.1.2.1), and less by one for each address that
/// it prefers to this one; `rank` counts them.
pub const fn local_preference(rank: u32) -> u32 {
    65_535_u32.saturating_sub(rank)
}

/// The local preference of a candidate of TCP (RFC 6544 §4.2): 8191 less the rank, behind the preference of its direction.
pub const fn tcp_local_preference(tcp: TcpType, kind: CandidateKind, rank: u32) -> u32 {
    (tcp.preference(kind) << 13) + 8191_u32.saturating_sub(rank)
}

/// The priority of a pair (§6.1.2.3), of the controlling agent's candidate and the controlled one's.
pub const fn pair_priority(controlling: u32, controlled: u32) -> u64 {
    let (least, most) = if controlling < controlled { (controlling, controlled) } else { (controlled, controlling) };
    ((least as u64) << 32) + 2 * (most as u64) + (controlling > controlled) as u64
}

/// Whether both can be the ends of a pair (§6.1.2.2, RFC 6544 §6.2): the same component and family, link-local addresses with such
/// alone, and ends of a connection that fit.
pub fn can_pair(local: (Protocol, IpAddr), remote: (Protocol, IpAddr)) -> bool {
    let protocols = match (local.0, remote.0) {
        (Protocol::Udp, Protocol::Udp) => true,
        // Of both ends the active one makes the checks' connection.
        (Protocol::Tcp(own), Protocol::Tcp(other)) => own != TcpType::Passive && own.counterpart() == other,
        _ => false,
    };
    let addresses = match (local.1, remote.1) {
        (IpAddr::V4(_), IpAddr::V4(_)) => true,
        (IpAddr::V6(own), IpAddr::V6(other)) => own.is_unicast_link_local() == other.is_unicast_link_local(),
        _ => false,
    };
    protocols && addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8445 §5.1.2.1 by hand for an only address: 126 · 2^24 + 65535 · 2^8 + 255 = 2130706431, and so on (check I7).
    #[test]
    fn priorities_are_those_of_the_formula() {
        let of = |kind, component| priority(kind, Protocol::Udp, local_preference(0), component);
        assert_eq!(of(CandidateKind::Host, 1), 2_130_706_431);
        assert_eq!(of(CandidateKind::Host, 2), 2_130_706_430);
        assert_eq!(of(CandidateKind::PeerReflexive, 1), 1_862_270_975);
        assert_eq!(of(CandidateKind::ServerReflexive, 1), 1_694_498_815);
        assert_eq!(of(CandidateKind::Relayed, 1), 16_777_215);
    }

    /// 2^32 · min + 2 · max + (G > D) by hand (check I8).
    #[test]
    fn priorities_of_pairs_are_those_of_the_formula() {
        let (host, reflexive) = (2_130_706_431, 1_694_498_815);
        assert_eq!(pair_priority(host, host), 9_151_314_442_783_293_438);
        assert_eq!(pair_priority(host, reflexive), 7_277_816_997_797_167_103);
        assert_eq!(pair_priority(reflexive, host), 7_277_816_997_797_167_102);
        assert_eq!(pair_priority(reflexive, reflexive), 7_277_816_996_924_751_870);
    }

    /// RFC 6544 §4.2: 2^13 · direction + other, at most 65535.
    #[test]
    fn preferences_of_connections_fit_sixteen_bits() {
        for (kind, tcp) in CandidateKind::ALL.into_iter().flat_map(|kind| TcpType::ALL.map(|tcp| (kind, tcp))) {
            assert!(tcp_local_preference(tcp, kind, 0) < 65_536);
        }
        assert_eq!(tcp_local_preference(TcpType::Active, CandidateKind::Host, 0), 6 * 8192 + 8191);
        let own = priority(CandidateKind::Host, Protocol::Tcp(TcpType::Active), 65_535, 1);
        assert!(own < priority(CandidateKind::ServerReflexive, Protocol::Udp, 0, 256));
        assert!(own > priority(CandidateKind::Relayed, Protocol::Udp, 65_535, 1));
    }

    #[test]
    fn pairs_are_of_one_family_and_fit() {
        let (v4, v6) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]));
        let link_local = IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, 1]);
        let (udp, tcp) = (|ip| (Protocol::Udp, ip), |kind, ip| (Protocol::Tcp(kind), ip));
        assert!(can_pair(udp(v4), udp(v4)) && can_pair(udp(v6), udp(v6)) && can_pair(udp(link_local), udp(link_local)));
        assert!(!can_pair(udp(v4), udp(v6)) && !can_pair(udp(v6), udp(link_local)));
        assert!(can_pair(tcp(TcpType::Active, v4), tcp(TcpType::Passive, v4)));
        assert!(
            !can_pair(tcp(TcpType::Passive, v4), tcp(TcpType::Active, v4)),
            "who is passive makes no checks' connection"
        );
        assert!(can_pair(tcp(TcpType::SimultaneousOpen, v4), tcp(TcpType::SimultaneousOpen, v4)));
        assert!(!can_pair(tcp(TcpType::Active, v4), udp(v4)));
    }
}
