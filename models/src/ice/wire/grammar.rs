//! The small parts of the grammar: characters, numbers, addresses.

use super::super::CandidateAddress;
use super::{DISCARD_PORT, Malformed};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

/// RFC 8839 §5.1: ice-char.
const fn is_ice_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// RFC 3261 §25.1: token, of which transports, types and names of extensions are.
pub(super) fn is_sip_token(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

/// RFC 8866 §9: token, of which names of attributes and most words of SDP are.
pub(crate) fn is_token(text: &str) -> bool {
    let fits = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'~')
    };
    !text.is_empty() && text.bytes().all(fits)
}

/// RFC 8866 §9: non-ws-string.
pub(crate) fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte > b' ' && byte != 0x7f)
}

/// `text`, if it is so many ice-chars.
pub(super) fn ice_chars<'a>(
    text: &'a str,
    lengths: RangeInclusive<usize>,
    why: &'static str,
) -> Result<&'a str, Malformed> {
    let fits = lengths.contains(&text.len()) && text.bytes().all(is_ice_char);
    if fits { Ok(text) } else { Err(Malformed(why)) }
}

/// A number of at most so many decimal digits, in that range.
pub(crate) fn decimal(
    text: &str,
    digits: usize,
    range: RangeInclusive<u64>,
    why: &'static str,
) -> Result<u64, Malformed> {
    let is_number = !text.is_empty() && text.len() <= digits && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if is_number { text.parse().ok() } else { None };
    number.filter(|number| range.contains(number)).ok_or(Malformed(why))
}

/// A port: RFC 8866 §9 has any number of digits.
pub(crate) fn port(text: &str) -> Result<u16, Malformed> {
    decimal(text, usize::MAX, 0..=65_535, "a port is a number up to 65535").map(|port| port as u16)
}

/// A component-id (RFC 8839 §5.1).
pub(super) fn component(text: &str) -> Result<u16, Malformed> {
    decimal(text, 3, 1..=256, "a component is a number from 1 to 256").map(|component| component as u16)
}

/// An address as SDP has it, without a port (RFC 8866 §9: unicast-address).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Host {
    /// IPv4 or IPv6.
    Ip(IpAddr),
    /// A fully qualified domain name.
    Name(Box<str>),
}

impl Host {
    /// Reads it; nothing comes of an address of a kind that is not known.
    ///
    /// # Errors
    /// If it is none: not of visible characters, or one of IP that is wrong.
    pub fn parse(text: &str) -> Result<Option<Self>, Malformed> {
        if !is_visible(text) {
            return Err(Malformed("an address is missing, or has invisible characters"));
        }
        if text.contains(':') {
            let ip: Ipv6Addr = text.parse().map_err(|_| Malformed("an address with a colon is not of IPv6"))?;
            return Ok(Some(Self::Ip(ip.into())));
        }
        if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            let ip: Ipv4Addr = text.parse().map_err(|_| Malformed("an address of digits and dots is not of IPv4"))?;
            return Ok(Some(Self::Ip(ip.into())));
        }
        Ok(is_name(text).then(|| Self::Name(text.into())))
    }

    /// This address with a port.
    pub fn at(self, port: u16) -> CandidateAddress {
        match self {
            Self::Ip(ip) => CandidateAddress::Ip((ip, port).into()),
            Self::Name(name) => CandidateAddress::Name(name, port),
        }
    }

    /// The address of what has a port too.
    pub fn of(address: &CandidateAddress) -> Self {
        match address {
            CandidateAddress::Ip(address) => Self::Ip(address.ip()),
            CandidateAddress::Name(name, _) => Self::Name(name.clone()),
        }
    }

    /// The type of address beside it in SDP (RFC 8866 §5.7). A name may stand for either; here it is said to be of IPv4.
    pub const fn family(&self) -> &'static str {
        match self {
            Self::Ip(IpAddr::V6(_)) => "IP6",
            Self::Ip(IpAddr::V4(_)) | Self::Name(_) => "IP4",
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => write!(f, "{ip}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Whether that is the default destination of who has none yet, or tells none: port 9 of an unspecified address, or a name. Neither is a
/// mismatch (RFC 8839 §4.2.5).
pub(crate) fn is_no_destination(address: &CandidateAddress) -> bool {
    address.ip().is_none_or(|address| address.ip().is_unspecified() && address.port() == DISCARD_PORT)
}

/// RFC 8866 §9: FQDN, at least four of letters, digits, hyphens and dots; with the lengths of RFC 1035 §2.3.4, and a last label that is
/// not a number (RFC 1123 §2.1), so that none looks like an address of IPv4.
fn is_name(text: &str) -> bool {
    let labels = text.strip_suffix('.').unwrap_or(text);
    let fits = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    (4..=254).contains(&text.len())
        && labels.len() <= 253
        && labels.split('.').all(fits)
        && labels.rsplit('.').next().is_some_and(|last| !is_number(last))
}
