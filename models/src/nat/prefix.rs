//! IPv4 addresses inside IPv6 addresses (RFC 6052).
//!
//! ```text
//! bits of the IPv6 address    0     32    40    48    56    64 72    80    88    96   104        128
//! prefix of 32 bits           |prefix|      IPv4 address      |u|            suffix               |
//! prefix of 40 bits           |  prefix   |  IPv4 address     |u|rest|        suffix              |
//! prefix of 64 bits           |           prefix              |u|  IPv4 address    |    suffix    |
//! prefix of 96 bits           |           prefix              |u|        |     IPv4 address       |
//! ```
//! The octet `u`, bits 64 to 71, is zero whatever the prefix (§2.2); the suffix is written as zero, and not looked at when an address
//! is read.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The octet that is always zero.
const U_OCTET: usize = 8;

/// The prefix by which a NAT64 shows IPv4 addresses to IPv6 hosts: 32, 40, 48, 56, 64 or 96 bits (RFC 6052 §2.2), as text
/// `"64:ff9b::/96"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nat64Prefix {
    address: Ipv6Addr,
    len: u8,
}

/// Why a text is no prefix of a NAT64.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PrefixError {
    /// Not an address, a slash and a number.
    #[error("a prefix is an IPv6 address, a slash and a length, as in `64:ff9b::/96`")]
    Form,
    /// A length that RFC 6052 does not have.
    #[error("a prefix has 32, 40, 48, 56, 64 or 96 bits (RFC 6052 §2.2), not {0}")]
    Length(u8),
    /// Bits are set where the IPv4 address or the suffix is.
    #[error("bits behind the first {0} are set")]
    BitsBehind(u8),
    /// The octet of bits 64 to 71 is not zero.
    #[error("bits 64 to 71 are not zero (RFC 6052 §2.2)")]
    UOctet,
}

impl Nat64Prefix {
    /// `64:ff9b::/96` (RFC 6052 §2.1).
    pub const WELL_KNOWN: Self = Self { address: Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), len: 96 };

    /// The prefix of the first `len` bits of an address.
    ///
    /// # Errors
    /// When RFC 6052 has no such prefix.
    pub fn new(address: Ipv6Addr, len: u8) -> Result<Self, PrefixError> {
        if !matches!(len, 32 | 40 | 48 | 56 | 64 | 96) {
            return Err(PrefixError::Length(len));
        }
        if u128::from(address) << len != 0 {
            return Err(PrefixError::BitsBehind(len));
        }
        if address.octets()[U_OCTET] != 0 {
            return Err(PrefixError::UOctet);
        }
        Ok(Self { address, len })
    }

    /// Its address, without the IPv4 address.
    pub fn address(self) -> Ipv6Addr {
        self.address
    }

    /// Its length in bits.
    pub fn len_bits(self) -> u8 {
        self.len
    }

    /// Where the octets of the IPv4 address are.
    fn places(self) -> impl Iterator<Item = usize> {
        (usize::from(self.len / 8)..16).filter(|place| *place != U_OCTET).take(4)
    }
}

/// The IPv6 address by which an IPv4 address is shown (RFC 6052 §2.2).
pub fn synthesised(prefix: Nat64Prefix, address: Ipv4Addr) -> Ipv6Addr {
    let mut octets = prefix.address.octets();
    for (place, octet) in prefix.places().zip(address.octets()) {
        octets[place] = octet;
    }
    Ipv6Addr::from(octets)
}

/// The IPv4 address in an IPv6 address; `None` if it does not have the prefix (RFC 6052 §2.3).
pub fn extracted(prefix: Nat64Prefix, address: Ipv6Addr) -> Option<Ipv4Addr> {
    let mask = !(u128::MAX >> prefix.len);
    if u128::from(address) & mask != u128::from(prefix.address) {
        return None;
    }
    let octets = address.octets();
    let mut found = [0; 4];
    for (octet, place) in found.iter_mut().zip(prefix.places()) {
        *octet = octets[place];
    }
    Some(Ipv4Addr::from(found))
}

impl Default for Nat64Prefix {
    fn default() -> Self {
        Self::WELL_KNOWN
    }
}

impl FromStr for Nat64Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (address, len) = text.split_once('/').ok_or(PrefixError::Form)?;
        let address = address.parse().map_err(|_| PrefixError::Form)?;
        Self::new(address, len.parse().map_err(|_| PrefixError::Form)?)
    }
}

impl fmt::Display for Nat64Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.len)
    }
}

impl Serialize for Nat64Prefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Nat64Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| de::Error::custom(format!("`{text}`: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn v6(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    /// RFC 6052 §2.4, tables 2 and 3, and check N13.
    #[test]
    fn the_addresses_of_rfc_6052() {
        let address = Ipv4Addr::new(192, 0, 2, 33);
        for (prefix, expected) in [
            ("2001:db8::/32", "2001:db8:c000:221::"),
            ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
            ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
            ("64:ff9b::/96", "64:ff9b::c000:221"),
        ] {
            let parsed: Nat64Prefix = prefix.parse().unwrap();
            assert_eq!(parsed.to_string(), prefix);
            assert_eq!(synthesised(parsed, address), v6(expected), "{prefix}");
            assert_eq!(extracted(parsed, v6(expected)), Some(address), "{prefix}");
        }
        assert_eq!(Nat64Prefix::default(), "64:ff9b::/96".parse().unwrap());
    }

    #[test]
    fn what_is_no_prefix() {
        for (text, expected) in [
            ("64:ff9b::", PrefixError::Form),
            ("64:ff9b/96", PrefixError::Form),
            ("64:ff9b::/x", PrefixError::Form),
            ("64:ff9b::/95", PrefixError::Length(95)),
            ("64:ff9b::/128", PrefixError::Length(128)),
            ("64:ff9b::1/96", PrefixError::BitsBehind(96)),
            ("2001:db8:1::/32", PrefixError::BitsBehind(32)),
            ("2001:db8:0:0:100::/96", PrefixError::UOctet),
        ] {
            assert_eq!(text.parse::<Nat64Prefix>(), Err(expected), "{text}");
        }
        // Octet 8 is the upper half of the fifth group: the lower half may be set.
        assert!("2001:db8:0:0:1::/96".parse::<Nat64Prefix>().is_ok());
        assert!(serde_json::from_str::<Nat64Prefix>("\"64:ff9b::/64\"").is_ok());
        assert_eq!(extracted(Nat64Prefix::WELL_KNOWN, v6("64:ff9b:0:0:0:1:c000:221")), None);
    }

    proptest! {
        /// There and back; bits 64 to 71 are zero in every address.
        #[test]
        fn every_address(
            bits in any::<u128>(), len in prop::sample::select(vec![32_u8, 40, 48, 56, 64, 96]), address in any::<u32>(),
        ) {
            let bits = bits & !(u128::MAX >> len) & !(0xff << 56);
            let (prefix, address) = (Nat64Prefix::new(Ipv6Addr::from(bits), len).unwrap(), Ipv4Addr::from(address));
            let shown = synthesised(prefix, address);
            prop_assert_eq!(shown.octets()[8], 0);
            prop_assert_eq!(extracted(prefix, shown), Some(address));
            prop_assert_eq!(extracted(prefix, Ipv6Addr::from(u128::from(shown) ^ 1 << (128 - len))), None);
            prop_assert_eq!(prefix.to_string().parse(), Ok(prefix));
        }
    }
}
