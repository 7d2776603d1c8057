//! Addresses, PANs, and which frames a station takes.

use std::fmt;

/// An address of a station.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Address {
    /// 16 bits, given by a coordinator.
    Short(u16),
    /// An EUI-64, as it is written: its first byte is the highest one here, and the last one on the wire.
    Extended(u64),
}

/// A personal area network's identifier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PanId(pub u16);

/// An address in its PAN.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Endpoint {
    /// Its PAN.
    pub pan: PanId,
    /// Its address there.
    pub address: Address,
}

impl Address {
    /// Every station.
    pub const BROADCAST: Self = Self::Short(0xffff);
    /// What a station without a short address has for one: it is reached by its extended address (IEEE 802.15.4-2006 §7.1.14.1).
    pub const NO_SHORT: u16 = 0xfffe;

    /// True if it stands for every station.
    pub const fn is_broadcast(self) -> bool {
        matches!(self, Self::Short(0xffff))
    }

    /// Length on the wire in bytes.
    pub const fn wire_len(self) -> usize {
        match self {
            Self::Short(_) => 2,
            Self::Extended(_) => 8,
        }
    }
}

impl PanId {
    /// Every PAN; and what a station has that belongs to none.
    pub const BROADCAST: Self = Self(0xffff);
}

/// `0x1234`, or `02:00:00:00:00:00:00:01`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(short) => write!(f, "0x{short:04x}"),
            Self::Extended(extended) => {
                let [first, rest @ ..] = extended.to_be_bytes();
                write!(f, "{first:02x}")?;
                rest.iter().try_for_each(|byte| write!(f, ":{byte:02x}"))
            }
        }
    }
}

/// `0xabcd`.
impl fmt::Display for PanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:04x}", self.0)
    }
}

/// `0xabcd/0x1234`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.pan, self.address)
    }
}
