//! Prefixes that a network has agreed on, so that addresses go without them (RFC 6282 §3.1.2; how they spread: RFC 6775 §4.2).

use std::net::Ipv6Addr;

/// A prefix that all nodes of a network know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Context {
    prefix: u128,
    len: u8,
    /// Senders may use it; one that is about to go is only read (RFC 6775 §4.2, flag C).
    pub compresses: bool,
}

/// Sixteen contexts. Context 0 needs no extra byte.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Contexts([Option<Context>; Self::COUNT]);

impl Context {
    /// The first `len` bits of `prefix`, for senders and receivers; `None` for more than 128 bits.
    pub fn new(prefix: Ipv6Addr, len: u8) -> Option<Self> {
        let prefix = u128::from(prefix);
        (len <= 128).then(|| Self { prefix: prefix & mask(len), len, compresses: true })
    }

    /// The prefix; what is behind it is zero.
    pub fn prefix(&self) -> Ipv6Addr {
        self.prefix.into()
    }

    /// Its length in bits.
    pub const fn prefix_len(&self) -> u8 {
        self.len
    }

    /// `address` with its first bits from the context: those are always used (RFC 6282 §3.1.1).
    pub(super) fn overlay(&self, address: u128) -> u128 {
        self.prefix | address & !mask(self.len)
    }

    /// What stands for it in a multicast address of its prefix (RFC 3306 §4): the prefix's length and 64 bits of it.
    pub(super) fn multicast(&self) -> (u8, u64) {
        (self.len.min(64), (self.prefix >> 64) as u64)
    }
}

/// The first `len` bits of 128.
fn mask(len: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0)
}

impl Contexts {
    /// How many there are.
    pub const COUNT: usize = 16;

    /// Sets context `id`, or forgets it; false if there is no such number.
    pub fn set(&mut self, id: u8, context: Option<Context>) -> bool {
        match self.0.get_mut(usize::from(id)) {
            Some(place) => {
                *place = context;
                true
            }
            None => false,
        }
    }

    /// Context `id`, if it is known.
    pub fn get(&self, id: u8) -> Option<&Context> {
        self.0.get(usize::from(id))?.as_ref()
    }

    /// Those that senders may use, with their numbers.
    pub(super) fn usable(&self) -> impl Iterator<Item = (u8, &Context)> {
        let known = self.0.iter().enumerate().filter_map(|(id, context)| Some((id as u8, context.as_ref()?)));
        known.filter(|(_, context)| context.compresses)
    }
}
