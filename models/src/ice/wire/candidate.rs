//! The value of `a=candidate` (RFC 8839 §5.1, RFC 6544 §4.5).

use super::super::{Candidate, CandidateKind, Protocol, TcpType};
use super::grammar::{Host, component, decimal, ice_chars, is_sip_token, port};
use super::{DISCARD_PORT, Malformed};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The largest priority (§5.1): 2^31 - 1.
const MAX_PRIORITY: u64 = (1 << 31) - 1;

impl Candidate {
    /// Reads what stands behind `a=candidate:`. Nothing comes of a candidate that is to be ignored, as the module's documentation has it.
    ///
    /// A host has no related address, whatever its line says; of others one that is unspecified is hidden, and is none.
    ///
    /// # Errors
    /// If it breaks the grammar.
    pub fn parse(value: &str) -> Result<Option<Self>, Malformed> {
        let mut words = value.split(' ');
        let mut next = || words.next().ok_or(Malformed("a candidate ends before its type"));
        let foundation = ice_chars(next()?, 1..=32, "a foundation has 1 to 32 letters, digits, + or /")?;
        let component = component(next()?)?;
        let transport = next()?;
        if !is_sip_token(transport) {
            return Err(Malformed("a transport is a token"));
        }
        let priority = decimal(next()?, 10, 1..=MAX_PRIORITY, "a priority is a number from 1 to 2^31 - 1")? as u32;
        let host = Host::parse(next()?)?;
        let port = port(next()?)?;
        if !next()?.eq_ignore_ascii_case("typ") {
            return Err(Malformed("behind a candidate's port stands typ"));
        }
        let kind = next()?;
        if !is_sip_token(kind) {
            return Err(Malformed("a type of candidates is a token"));
        }
        let extensions = Extensions::read(words)?;

        let protocol = match extensions.tcp {
            _ if transport.eq_ignore_ascii_case("UDP") => Some(Protocol::Udp),
            _ if !transport.eq_ignore_ascii_case("TCP") => None,
            None => return Err(Malformed("a candidate of TCP has a tcptype")),
            Some(direction) => TcpType::from_name(direction).map(Protocol::Tcp),
        };
        let (Some(protocol), Some(host), Some(kind)) = (protocol, host, CandidateKind::from_name(kind)) else {
            return Ok(None);
        };
        let related = extensions.related().filter(|_| kind != CandidateKind::Host);
        let (foundation, address) = (foundation.into(), host.at(port));
        Ok(Some(Self { foundation, component, protocol, priority, address, kind, related }))
    }

    /// What is told in place of a related address that is not to be known (§5.1).
    fn hidden(&self) -> SocketAddr {
        match self.address.ip() {
            Some(SocketAddr::V6(_)) => (IpAddr::from(Ipv6Addr::UNSPECIFIED), DISCARD_PORT).into(),
            _ => (IpAddr::from(Ipv4Addr::UNSPECIFIED), DISCARD_PORT).into(),
        }
    }
}

/// As it stands behind `a=candidate:`. Of others than hosts a related address must be there (§5.1): none is written as a hidden one.
impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (transport, direction) = match self.protocol {
            Protocol::Udp => ("UDP", None),
            Protocol::Tcp(direction) => ("TCP", Some(direction)),
        };
        let (host, port) = (Host::of(&self.address), self.address.port());
        write!(f, "{} {} {transport} {} {host} {port}", self.foundation, self.component, self.priority)?;
        write!(f, " typ {}", self.kind.name())?;
        if self.kind != CandidateKind::Host {
            let related = self.related.unwrap_or_else(|| self.hidden());
            write!(f, " raddr {} rport {}", related.ip(), related.port())?;
        }
        direction.map_or(Ok(()), |direction| write!(f, " tcptype {}", direction.name()))
    }
}

/// What stands behind the type: names and values.
#[derive(Default)]
struct Extensions<'a> {
    /// The inner one is none if its kind is not known.
    address: Option<Option<Host>>,
    port: Option<u16>,
    tcp: Option<&'a str>,
}

impl<'a> Extensions<'a> {
    fn read(mut words: impl Iterator<Item = &'a str>) -> Result<Self, Malformed> {
        let mut all = Self::default();
        while let Some(name) = words.next() {
            if !is_sip_token(name) {
                return Err(Malformed("a candidate's extension begins with a token"));
            }
            // The value may be empty (*VCHAR): then two spaces follow each other, or the line ends with one.
            let value = words.next().ok_or(Malformed("a candidate's extension has a name and a value"))?;
            if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(Malformed("the value of a candidate's extension is of visible ASCII characters"));
            }
            let is_again = match name.to_ascii_lowercase().as_str() {
                "raddr" => all.address.replace(Host::parse(value)?).is_some(),
                "rport" => all.port.replace(port(value)?).is_some(),
                "tcptype" => all.tcp.replace(value).is_some(),
                _ => false,
            };
            if is_again {
                return Err(Malformed("a candidate has one raddr, one rport and one tcptype"));
            }
        }
        Ok(all)
    }

    /// The related address, unless half of it is missing, it is hidden, or it is no address of IP.
    fn related(&self) -> Option<SocketAddr> {
        match (&self.address, self.port) {
            (Some(Some(Host::Ip(ip))), Some(port)) if !ip.is_unspecified() => Some((*ip, port).into()),
            _ => None,
        }
    }
}
