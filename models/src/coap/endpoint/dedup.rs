//! Which messages have come already, and what was answered (RFC 7252 §4.2, §4.3, §4.5).

use crate::coap::wire::{Message, MessageId};
use protosim_core::LocalTime;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

/// Message ids received from all peers within their lifetimes, with the replies.
///
/// Entries are dropped when the endpoint next handles something after their lifetime, not by a
/// timer: they keep nobody awake, and their memory is given back a little late.
#[derive(Clone, Debug, Default)]
pub(super) struct Received {
    entries: BTreeMap<(SocketAddr, MessageId), Entry>,
    /// Expiry of confirmable and of non-confirmable messages; sorted, as each kind has one lifetime.
    expiry: [VecDeque<(LocalTime, SocketAddr, MessageId)>; 2],
}

/// A message that has come.
#[derive(Clone, Debug)]
struct Entry {
    expires: LocalTime,
    reply: Option<Message>,
    /// Memory of the host held for it \[bytes\].
    bytes: u64,
}

/// What is known of an arriving message id.
#[derive(Debug)]
pub(super) enum Seen<'a> {
    /// Nothing: it is new.
    New,
    /// It is a duplicate, and this was answered; `None` if nothing was (yet).
    Duplicate(Option<&'a Message>),
}

impl Received {
    /// Looks `id` from `peer` up.
    pub(super) fn look_up(&self, peer: SocketAddr, id: MessageId, now: LocalTime) -> Seen<'_> {
        match self.entries.get(&(peer, id)).filter(|entry| now < entry.expires) {
            Some(entry) => Seen::Duplicate(entry.reply.as_ref()),
            None => Seen::New,
        }
    }

    /// Notes a new message that holds `bytes` of the host's memory. [`Received::expire`] has to
    /// come first.
    pub(super) fn insert(
        &mut self,
        peer: SocketAddr,
        id: MessageId,
        expires: LocalTime,
        confirmable: bool,
        bytes: u64,
    ) {
        self.entries.insert((peer, id), Entry { expires, reply: None, bytes });
        self.expiry[usize::from(confirmable)].push_back((expires, peer, id));
    }

    /// Keeps the reply to a message for its duplicates, at `bytes` more memory. Returns what memory
    /// is to be given back: that of an earlier reply, or all if the message has expired meanwhile.
    pub(super) fn set_reply(&mut self, peer: SocketAddr, id: MessageId, reply: Message, bytes: u64) -> u64 {
        match self.entries.get_mut(&(peer, id)) {
            Some(entry) => {
                let before = entry.reply.replace(reply).map_or(0, |reply| reply.wire_len());
                entry.bytes = entry.bytes + bytes - before;
                before
            }
            None => bytes,
        }
    }

    /// Forgets what has expired; returns how much memory that gives back \[bytes\].
    pub(super) fn expire(&mut self, now: LocalTime) -> u64 {
        let mut freed = 0;
        for queue in &mut self.expiry {
            while let Some((_, peer, id)) = queue.front().copied().filter(|(expires, ..)| *expires <= now) {
                queue.pop_front();
                freed += self.entries.remove(&(peer, id)).map_or(0, |entry| entry.bytes);
            }
        }
        freed
    }
}
