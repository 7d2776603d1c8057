//! Addresses, plain (RFC 8489 §14.1) and hidden from translators that meddle with what looks like one (§14.2).

use super::kinds::{Family, TransactionId};
use super::{BadValue, MAGIC_COOKIE};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Reads zero, family, port, address.
pub(super) fn read(value: &[u8]) -> Result<SocketAddr, BadValue> {
    let (head, address) = value.split_first_chunk::<4>().ok_or(BadValue)?;
    let port = u16::from_be_bytes([head[2], head[3]]);
    // The first byte is not looked at (§14.1).
    let ip = match Family(head[1]) {
        Family::V4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(address).map_err(|_| BadValue)?)),
        Family::V6 => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(address).map_err(|_| BadValue)?)),
        _ => return Err(BadValue),
    };
    Ok(SocketAddr::new(ip, port))
}

/// Writes what [`read`] reads.
pub(super) fn write(address: SocketAddr, out: &mut Vec<u8>) {
    out.extend_from_slice(&[0, Family::of_socket(address).0]);
    out.extend_from_slice(&address.port().to_be_bytes());
    match address.ip() {
        IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
    }
}

/// The address under the mask, or the mask over the address: port and IPv4 with the cookie, IPv6 with cookie and transaction id.
pub(super) fn masked(address: SocketAddr, transaction: TransactionId) -> SocketAddr {
    let cookie = MAGIC_COOKIE.to_be_bytes();
    let ip = match address.ip() {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from(u32::from(ip) ^ MAGIC_COOKIE)),
        IpAddr::V6(ip) => {
            let mut octets = ip.octets();
            let mask = cookie.iter().chain(&transaction.0);
            octets.iter_mut().zip(mask).for_each(|(octet, mask)| *octet ^= mask);
            IpAddr::V6(Ipv6Addr::from(octets))
        }
    };
    SocketAddr::new(ip, address.port() ^ (MAGIC_COOKIE >> 16) as u16)
}
