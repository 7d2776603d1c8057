//! Packets under way: from the first frame on until each station that a packet is for has it, or it is dropped there.

use crate::node::DropCause;
use crate::packet::Packet;
use crate::rope::Rope;
use std::collections::BTreeMap;

/// Which packet under way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct TransferId(u64);

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Transfers {
    all: BTreeMap<TransferId, Transfer>,
    next: u64,
    /// Copies of which nothing is decided.
    open: u64,
}

#[derive(Clone, Debug)]
struct Transfer {
    /// None when no copy is left of which anything is to be decided.
    packet: Option<Box<Packet>>,
    /// Its bytes: what stations put together from frames.
    bytes: Rope,
    from: usize,
    copies: Vec<CopyFor>,
    /// Nothing more is sent of it.
    is_sent: bool,
}

/// A packet on its way to one station.
#[derive(Clone, Copy, Debug)]
struct CopyFor {
    /// None for one that is for nobody.
    to: Option<usize>,
    is_open: bool,
    /// Why a frame of it was not received.
    fault: Option<DropCause>,
}

/// What there is to know of a copy whose fate is to be decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct OpenCopy {
    pub(super) to: Option<usize>,
    pub(super) fault: Option<DropCause>,
}

impl Transfers {
    /// A packet sets out to stations, one at least; none stands for nobody.
    pub(super) fn begin(
        &mut self,
        packet: Box<Packet>,
        bytes: Rope,
        from: usize,
        to: impl Iterator<Item = (Option<usize>, Option<DropCause>)>,
    ) -> TransferId {
        let id = TransferId(self.next);
        self.next += 1;
        let copies: Vec<CopyFor> = to.map(|(to, fault)| CopyFor { to, is_open: true, fault }).collect();
        self.open += copies.len() as u64;
        self.all.insert(id, Transfer { packet: Some(packet), bytes, from, copies, is_sent: false });
        id
    }

    /// Copies of which nothing is decided.
    pub(super) fn open(&self) -> u64 {
        self.open
    }

    /// Of a packet: copies of which nothing is decided.
    pub(super) fn open_of(&self, id: TransferId) -> Vec<OpenCopy> {
        let copies = self.all.get(&id).into_iter().flat_map(|transfer| &transfer.copies);
        copies.filter(|copy| copy.is_open).map(|copy| OpenCopy { to: copy.to, fault: copy.fault }).collect()
    }

    /// What a station still sends.
    pub(super) fn sent_by(&self, station: usize) -> Vec<TransferId> {
        let own = self.all.iter().filter(|(_, transfer)| transfer.from == station && !transfer.is_sent);
        own.map(|(id, _)| *id).collect()
    }

    /// Who sends a packet.
    pub(super) fn sender(&self, id: TransferId) -> Option<usize> {
        self.all.get(&id).map(|transfer| transfer.from)
    }

    /// Remembers why a frame was not received.
    pub(super) fn blame(&mut self, id: TransferId, to: usize, fault: DropCause) {
        let copies = self.all.get_mut(&id).into_iter().flat_map(|transfer| &mut transfer.copies);
        for copy in copies.filter(|copy| copy.to == Some(to)) {
            copy.fault.get_or_insert(fault);
        }
    }

    /// Decides on a copy: the packet, unless that was decided before, and its bytes.
    pub(super) fn close(&mut self, id: TransferId, to: Option<usize>) -> Option<(Box<Packet>, Rope)> {
        let transfer = self.all.get_mut(&id)?;
        let copy = transfer.copies.iter_mut().find(|copy| copy.to == to && copy.is_open)?;
        copy.is_open = false;
        self.open -= 1;
        let is_last = transfer.copies.iter().all(|copy| !copy.is_open);
        let packet = if is_last { transfer.packet.take() } else { transfer.packet.clone() };
        let bytes = transfer.bytes.clone();
        if is_last && transfer.is_sent {
            self.all.remove(&id);
        }
        Some((packet?, bytes))
    }

    /// Nothing more is sent of a packet.
    pub(super) fn end(&mut self, id: TransferId) {
        let Some(transfer) = self.all.get_mut(&id) else { return };
        transfer.is_sent = true;
        if transfer.copies.iter().all(|copy| !copy.is_open) {
            self.all.remove(&id);
        }
    }
}
