//! Interface identifiers that are made from addresses of the link (RFC 6282 §3.2.2, RFC 7668 §3.2.2).

use crate::ieee802154::Address;
use std::net::Ipv6Addr;

/// The low 64 bits of an IPv6 address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Iid(pub [u8; 8]);

/// Interface identifiers of both ends of what a datagram travels in: a frame, or the IPv6 header around it. Addresses that have them are
/// sent without them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ends {
    /// That of the sender.
    pub source: Option<Iid>,
    /// That of the receiver.
    pub destination: Option<Iid>,
}

impl Iid {
    /// Of a short address of IEEE 802.15.4: `0000:00ff:fe00:XXXX`. (RFC 4944 §6 put the PAN's identifier first; RFC 6282 does not.)
    pub const fn from_short(short: u16) -> Self {
        let [high, low] = short.to_be_bytes();
        Self([0, 0, 0, 0xff, 0xfe, 0, high, low])
    }

    /// Of an EUI-64: its universal/local bit is inverted (RFC 4291 appendix A).
    pub const fn from_extended(extended: u64) -> Self {
        Self((extended ^ 0x0200_0000_0000_0000).to_be_bytes())
    }

    /// Of a Bluetooth device address, `ff:fe` in its middle, and every bit of it as it is (RFC 7668 §3.2.2).
    pub const fn from_bluetooth(address: [u8; 6]) -> Self {
        let [a, b, c, d, e, f] = address;
        Self([a, b, c, 0xff, 0xfe, d, e, f])
    }

    /// Of an IPv6 address.
    pub fn of(address: Ipv6Addr) -> Self {
        let [.., a, b, c, d, e, f, g, h] = address.octets();
        Self([a, b, c, d, e, f, g, h])
    }

    /// The address with the prefix fe80::/64.
    pub fn link_local(self) -> Ipv6Addr {
        Ipv6Addr::from(with_prefix(0xfe80 << 112, self))
    }
}

/// The address with the high 64 bits of `prefix`.
pub(super) fn with_prefix(prefix: u128, iid: Iid) -> u128 {
    prefix | u128::from(u64::from_be_bytes(iid.0))
}

impl From<Address> for Iid {
    fn from(address: Address) -> Self {
        match address {
            Address::Short(short) => Self::from_short(short),
            Address::Extended(extended) => Self::from_extended(extended),
        }
    }
}

impl Ends {
    /// Both ends of a frame.
    pub fn of_frame(source: Address, destination: Address) -> Self {
        Self { source: Some(source.into()), destination: Some(destination.into()) }
    }
}
