//! A pool of packets: the room of one that has been read is that of the next one made.
//!
//! A packet is made where it is sent and goes where it is received, so an allocator is asked as often as it is given back, in an order that its
//! caches do not expect. A pool gives back first what came last, which the processor's caches still hold. Each thread has its own, which decides
//! nothing but where a packet lies. Where one thread sends what another receives, rooms go back in batches over a stash that all share.

use super::{IpHeader, Packet, Provenance, Transport};
use crate::rope::Rope;
use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Packets that go to the stash together.
const BATCH: usize = 64;

/// Batches that the stash keeps at most: what is beyond that goes back to the allocator.
const MOST_BATCHES: usize = 16;

type Batch = Vec<Box<Packet>>;

thread_local! {
    static POOL: RefCell<Batch> = const { RefCell::new(Vec::new()) };
}

static STASH: Mutex<Vec<Batch>> = Mutex::new(Vec::new());

/// Batches in the stash, to be looked at without its lock.
static STASHED: AtomicUsize = AtomicUsize::new(0);

/// The empty pool takes a batch from the stash, if there is one.
#[cold]
fn fetch(pool: &mut Batch) -> Option<Box<Packet>> {
    if STASHED.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let mut stash = STASH.lock().unwrap_or_else(PoisonError::into_inner);
    pool.append(&mut stash.pop()?);
    STASHED.store(stash.len(), Ordering::Relaxed);
    pool.pop()
}

/// The full pool gives a batch away: that which it has not used for the longest time.
#[cold]
fn give(pool: &mut Batch) {
    let batch = pool.drain(..BATCH).collect();
    let mut stash = STASH.lock().unwrap_or_else(PoisonError::into_inner);
    if stash.len() < MOST_BATCHES {
        stash.push(batch);
        STASHED.store(stash.len(), Ordering::Relaxed);
    }
}

impl Packet {
    /// A packet of these parts on the heap, without provenance, in the room of a recycled one if there is any.
    #[inline]
    pub(crate) fn boxed(ip: IpHeader, transport: Transport, payload: Rope) -> Box<Self> {
        let (provenance, lost) = (Provenance::default(), None);
        match POOL.with_borrow_mut(|pool| pool.pop().or_else(|| fetch(pool))) {
            Some(mut room) => {
                room.ip = ip;
                room.transport = transport;
                room.payload = payload;
                (room.provenance, room.lost) = (provenance, lost);
                room
            }
            None => Box::new(Self { ip, transport, payload, provenance, lost }),
        }
    }

    /// Moves a packet that was just made to the heap, into the room of a recycled one if there is any.
    #[inline]
    pub(crate) fn into_pooled(self) -> Box<Self> {
        debug_assert_eq!(self.provenance, Provenance::default(), "it was just made");
        Self::boxed(self.ip, self.transport, self.payload)
    }

    /// Gives up a packet whose transport header has been taken, if it was wanted, and its payload, which is returned.
    #[inline]
    pub(crate) fn recycle(mut self: Box<Self>) -> Rope {
        let payload = std::mem::take(&mut self.payload);
        POOL.with_borrow_mut(|pool| {
            pool.push(self);
            if pool.len() == 2 * BATCH {
                give(pool);
            }
        });
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::UdpHeader;
    use std::net::{IpAddr, Ipv4Addr};

    #[test]
    fn nothing_of_the_old_packet_is_left_in_its_room() {
        let address = |last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last));
        let ip = |a, b| IpHeader::new(address(a), address(b)).unwrap();
        let header = |port| Transport::Udp(UdpHeader { source_port: port, destination_port: 9 });
        let mut first = Packet::boxed(ip(1, 2), header(7), Rope::fill(3, 0, 100));
        first.provenance.packet_id = 5;
        first.lost = Some(crate::packet::LossCause::Rule);
        first.ip.set_ecn(crate::packet::Ecn::Ce);
        let (fresh, place) = (Packet::clone(&first), std::ptr::from_ref(&*first));
        assert_eq!(first.recycle(), Rope::fill(3, 0, 100));
        let second = Packet::boxed(ip(3, 4), header(8), Rope::new());
        assert_eq!(std::ptr::from_ref(&*second), place, "it lies where the first one lay");
        assert_ne!(*second, fresh);
        let made = Packet::new(address(3), address(4), header(8), Rope::new()).unwrap();
        assert_eq!(*second, made);
    }

    /// Another thread gives up 128 packets, the 64 oldest of which go to the stash; here they are found again, unless other tests take them.
    #[test]
    fn rooms_go_from_thread_to_thread() {
        let gives = || {
            let ip = || IpHeader::new(Ipv4Addr::new(10, 0, 0, 1).into(), Ipv4Addr::new(10, 0, 0, 2).into()).unwrap();
            let all: Vec<_> = (0..2 * BATCH).map(|_| Packet::boxed(ip(), Transport::Damaged, Rope::new())).collect();
            all.into_iter().for_each(|packet| drop(packet.recycle()));
            POOL.with_borrow(Vec::len)
        };
        assert_eq!(std::thread::spawn(gives).join().unwrap(), BATCH, "half of them stay");
        assert!(STASHED.load(Ordering::Relaxed) <= MOST_BATCHES);
        let most = MOST_BATCHES + 2;
        for _ in 0..most {
            std::thread::spawn(gives).join().unwrap();
        }
        assert!(STASH.lock().unwrap().len() <= MOST_BATCHES);
    }
}
