//! Responses that may be used again (RFC 7252 §5.6), within bounds.

use crate::app::Host;
use crate::coap::wire::{Code, Message, OptionNumber, Options};
use bytes::Bytes;
use protosim_core::{LocalTime, Span};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What a resource is called: its server, and Uri-Path and Uri-Query as bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Target {
    pub(super) origin: SocketAddr,
    pub(super) name: Vec<u8>,
}

/// What a stored response was asked by (RFC 7252 §5.6). Only GET is kept, so the method is none of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    pub(super) target: Target,
    /// The other options that are part of the cache key, as bytes.
    pub(super) form: Vec<u8>,
    /// Which block was asked for; it is part of the cache key (RFC 7959 §2.1), and stands for itself as blocks of one body go together.
    pub(super) block: Option<u32>,
}

/// A bounded store of responses; the least recently used make room.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    entries: BTreeMap<Key, Entry>,
    /// Entries by when they were last used.
    order: BTreeMap<u64, Key>,
    /// Uses so far.
    uses: u64,
    /// What all take \[bytes\].
    bytes: u64,
    most_bytes: u64,
    most_entries: usize,
    pub(super) evicted: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    response: Message,
    /// Its age counts from here.
    received: LocalTime,
    /// An unsafe request has changed the resource (RFC 7252 §5.9.1).
    is_outdated: bool,
    used: u64,
    bytes: u64,
}

/// What is there for a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// A response that may be used, with what is left of its Max-Age.
    Fresh(Message),
    /// One that may not, with the validator that it has.
    Stale(Option<Bytes>),
    Nothing,
}

/// Memory charged for a response, beside itself and its key \[bytes\]. Our choice: address and port 18, times and use 16, flags and lengths 6.
const ENTRY_BYTES: u64 = 40;

impl Cache {
    pub(super) fn new(most_bytes: u64, most_entries: Option<u32>) -> Self {
        Self {
            entries: BTreeMap::new(),
            order: BTreeMap::new(),
            uses: 0,
            bytes: 0,
            most_bytes,
            most_entries: most_entries.map_or(usize::MAX, |most| most as usize),
            evicted: 0,
        }
    }

    /// How many responses there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What they take \[bytes\].
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What is there for a request, which uses it.
    pub(super) fn look_up(&mut self, key: &Key, now: LocalTime) -> Found {
        let Some(entry) = self.entries.get_mut(key) else { return Found::Nothing };
        self.order.remove(&entry.used);
        self.uses += 1;
        entry.used = self.uses;
        self.order.insert(entry.used, key.clone());
        match entry.left(now) {
            Some(left) => Found::Fresh(with_max_age(&entry.response, left)),
            None => Found::Stale(entry.response.options.first(OptionNumber::ETAG).cloned()),
        }
    }

    /// Keeps a response that has just come, as far as it may be kept (RFC 7252 §5.6.1, §5.9), in the place of one before.
    pub(super) fn store(&mut self, key: Key, response: &Message, host: &mut dyn Host) {
        self.forget(&key, host);
        self.forget_other_blocks(&key, response, host);
        let is_cacheable = response.code == Code::CONTENT || response.code.is_error();
        let len = key.target.name.len() + key.form.len() + if key.block.is_some() { 4 } else { 0 };
        let bytes = ENTRY_BYTES + len as u64 + response.wire_len();
        // A Max-Age of zero is how a server prevents it (§5.6.1).
        if !is_cacheable || response.options.max_age_s() == 0 || bytes > self.most_bytes {
            return;
        }
        while self.bytes + bytes > self.most_bytes || self.entries.len() >= self.most_entries {
            if !self.evict(host) {
                return;
            }
        }
        while host.reserve(bytes).is_err() {
            if !self.evict(host) {
                return;
            }
        }
        self.uses += 1;
        let (used, received) = (self.uses, host.now());
        let entry = Entry { response: response.clone(), received, is_outdated: false, used, bytes };
        self.bytes += bytes;
        self.order.insert(used, key.clone());
        self.entries.insert(key, entry);
    }

    /// A stored response is valid (RFC 7252 §5.6.2, §5.9.1.3): it is fresh again, with the options of `valid`. Returns it; `None` if it is not there any more.
    pub(super) fn renew(&mut self, key: &Key, valid: &Message, host: &mut dyn Host) -> Option<Message> {
        let mut response = self.entries.get(key)?.response.clone();
        let mut replaced: Vec<OptionNumber> = valid.options.iter().map(|option| option.number()).collect();
        replaced.retain(|number| !number.is_unsafe_to_forward());
        // Max-Age is unsafe to forward, and is that of the answer, said or not.
        replaced.push(OptionNumber::MAX_AGE);
        replaced.dedup();
        for number in replaced {
            response.options.remove(number);
            let values: Vec<_> = valid.options.all(number).cloned().collect();
            values.into_iter().for_each(|value| response.options.add(number, value));
        }
        self.store(key.clone(), &response, host);
        Some(response)
    }

    /// What is stored of a resource is not fresh any more (RFC 7252 §5.9.1).
    pub(super) fn outdate(&mut self, target: &Target) -> u64 {
        let mut outdated = 0;
        for (_, entry) in self.of(target) {
            outdated += u64::from(!std::mem::replace(&mut entry.is_outdated, true));
        }
        outdated
    }

    fn of<'a>(&'a mut self, target: &'a Target) -> impl Iterator<Item = (&'a Key, &'a mut Entry)> {
        let first = Key { target: target.clone(), form: Vec::new(), block: None };
        self.entries.range_mut(first..).take_while(move |(key, _)| key.target == *target)
    }

    /// Blocks of another body do not go with those of this one (RFC 7959 §2.4): a client would put them together in vain until they are not fresh any more.
    fn forget_other_blocks(&mut self, key: &Key, response: &Message, host: &mut dyn Host) {
        if response.options.first(OptionNumber::BLOCK2).is_none() {
            return;
        }
        let etag = response.options.first(OptionNumber::ETAG);
        let differs = |(other, entry): (&Key, &mut Entry)| {
            let is_of_another = entry.response.options.first(OptionNumber::ETAG) != etag;
            (other.form == key.form && is_of_another).then(|| other.clone())
        };
        let others: Vec<Key> = self.of(&key.target).filter_map(differs).collect();
        others.iter().for_each(|other| self.forget(other, host));
    }

    fn forget(&mut self, key: &Key, host: &mut dyn Host) {
        if let Some(entry) = self.entries.remove(key) {
            self.order.remove(&entry.used);
            self.bytes -= entry.bytes;
            host.release(entry.bytes);
        }
    }

    /// Makes room by the one that was not used for longest; false if there is none.
    fn evict(&mut self, host: &mut dyn Host) -> bool {
        let Some((_, key)) = self.order.pop_first() else { return false };
        self.forget(&key, host);
        self.evicted += 1;
        true
    }
}

impl Entry {
    /// What is left of its Max-Age \[s\], its age rounded up so that it is not used for longer downstream (RFC 7252 §5.7.1); `None` where it is not fresh:
    /// its age is greater than Max-Age (§5.6.1).
    fn left(&self, now: LocalTime) -> Option<u32> {
        let (age, max_age) = (now.saturating_since(self.received), self.response.options.max_age_s());
        let is_fresh = age <= Span::from_secs(u64::from(max_age)) && !self.is_outdated;
        // At most Max-Age, so it fits.
        is_fresh.then(|| max_age - age.as_nanos().div_ceil(1_000_000_000) as u32)
    }
}

/// A response with another Max-Age; 60 s are not written (RFC 7252 §5.10.5).
fn with_max_age(response: &Message, seconds: u32) -> Message {
    let mut response = response.clone();
    if response.options.max_age_s() != seconds {
        response.options.remove(OptionNumber::MAX_AGE);
        if seconds != 60 {
            response.options.add_uint(OptionNumber::MAX_AGE, seconds);
        }
    }
    response
}

/// Options as bytes of a key: number, length, value.
pub(super) fn bytes_of(options: &Options, is_part: impl Fn(OptionNumber) -> bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for option in options.iter().filter(|option| is_part(option.number())) {
        bytes.extend_from_slice(&option.number().0.to_be_bytes());
        // What was in a datagram is no longer than 2^16.
        bytes.extend_from_slice(&(option.value().len() as u16).to_be_bytes());
        bytes.extend_from_slice(option.value());
    }
    bytes
}
