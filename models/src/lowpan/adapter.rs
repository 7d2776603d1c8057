//! The whole layer of one node: datagrams to frames' contents and back.

use super::compress::{CompressError, CompressOptions, compress};
use super::context::Contexts;
use super::expand::expand;
use super::fragment::{FragmentError, Fragments};
use super::headers::{FRAG1_LEN, Headers};
use super::iid::Ends;
use super::reassembly::{DropCause, Dropped, Fragment, Key, Reassembler, ReassemblyLimits};
use crate::ieee802154::Address;
use crate::rope::Rope;
use protosim_core::LocalTime;

/// So much of a frame's content is looked at for headers \[bytes\]; a frame of IEEE 802.15.4 has at most 127.
const LOOK: u64 = 2048;

/// Why a datagram is not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SendError {
    /// It has no headers that could be compressed.
    #[error(transparent)]
    Compress(#[from] CompressError),
    /// It does not go into frames.
    #[error(transparent)]
    Fragment(#[from] FragmentError),
}

/// What a node needs to send datagrams in frames of IEEE 802.15.4 and to receive them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Adapter {
    /// Prefixes that the network has agreed on.
    pub contexts: Contexts,
    /// What senders may do.
    pub options: CompressOptions,
    reassembler: Reassembler<Address>,
    next_tag: u16,
}

impl Adapter {
    /// One that has received nothing; its first tag is `first_tag`, which nodes choose at random.
    pub fn new(contexts: Contexts, options: CompressOptions, limits: ReassemblyLimits, first_tag: u16) -> Self {
        Self { contexts, options, reassembler: Reassembler::new(limits), next_tag: first_tag }
    }

    /// What waits for the rest of a datagram.
    pub fn reassembler(&self) -> &Reassembler<Address> {
        &self.reassembler
    }

    /// The contents of the frames from `source` to `destination` that carry `datagram`, each with `room` bytes. Tags go up by one for each
    /// datagram in fragments.
    ///
    /// # Errors
    /// When it is not an IPv6 datagram, is too long, or frames have no room for its header.
    pub fn send(
        &mut self,
        datagram: Rope,
        source: Address,
        destination: Address,
        room: usize,
    ) -> Result<Fragments, SendError> {
        let ends = Ends::of_frame(source, destination);
        let compressed = compress(&datagram, ends, &self.contexts, self.options, room)?;
        let is_whole = compressed.head.len() as u64 + (datagram.len() - compressed.covered) <= room as u64;
        // In fragments, the first one has a header of its own.
        let compressed = match is_whole || compressed.head.len() + FRAG1_LEN <= room {
            true => compressed,
            false => compress(&datagram, ends, &self.contexts, self.options, room.saturating_sub(FRAG1_LEN))?,
        };
        let fragments = Fragments::new(datagram, compressed, room, self.next_tag)?;
        if fragments.is_fragmented() {
            self.next_tag = self.next_tag.wrapping_add(1);
        }
        Ok(fragments)
    }

    /// The content of a frame from `source` to `destination` has come; the datagram, if it is there now. Behind a mesh header, its
    /// addresses count. What is due by `now` is dropped before.
    pub fn receive(
        &mut self,
        content: &Rope,
        (source, destination): (Address, Address),
        now: LocalTime,
        drops: &mut Vec<Dropped<Address>>,
    ) -> Option<Rope> {
        self.expire(now, drops);
        let look = content.slice(0, LOOK).to_bytes();
        let undecodable = |error| Dropped { cause: DropCause::Undecodable(error), key: None, bytes: content.len() };
        let (headers, used) = match Headers::decode(&look) {
            Ok(decoded) => decoded,
            Err(error) => {
                drops.push(undecodable(error));
                return None;
            }
        };
        let (source, destination) =
            headers.mesh.map_or((source, destination), |mesh| (mesh.originator, mesh.final_destination));
        let rest = |from: usize| content.slice(from as u64, content.len().saturating_sub(from as u64));
        let key = headers.fragment.map(|fragment| Key { source, destination, size: fragment.size, tag: fragment.tag });
        if let Some((key, units)) = key.zip(headers.fragment.and_then(|fragment| fragment.offset)) {
            return self.reassembler.add(key, Fragment::Next(units, rest(used)), now, drops);
        }
        let expanded = expand(&look[used..], Ends::of_frame(source, destination), &self.contexts);
        let datagram = expanded.and_then(|head| {
            let rest = rest(used + head.used());
            match key {
                Some(key) => Ok(self.reassembler.add(key, Fragment::First(head, rest), now, drops)),
                None => head.finish(&rest).map(Some),
            }
        });
        datagram.unwrap_or_else(|error| {
            drops.push(Dropped { key, ..undecodable(error) });
            None
        })
    }

    /// Drops fragments whose rest has not come in time.
    pub fn expire(&mut self, now: LocalTime, drops: &mut Vec<Dropped<Address>>) {
        self.reassembler.expire(now, drops);
    }

    /// When the next fragments are due to be dropped.
    pub fn next_expiry(&self) -> Option<LocalTime> {
        self.reassembler.next_expiry()
    }

    /// All that waits for the rest of its datagram is dropped. Tags go on.
    pub fn clear(&mut self) {
        self.reassembler.clear();
    }

    /// A neighbour has left: its fragments are dropped. Says how many bytes.
    pub fn forget(&mut self, peer: Address) -> u64 {
        self.reassembler.forget(peer)
    }
}
