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

static STASH: Stash = Stash { batches: Mutex::new(Vec::new()), count: AtomicUsize::new(0) };

/// Where pools of different threads meet.
struct Stash {
    batches: Mutex<Vec<Batch>>,
    /// How many there are, to be looked at without the lock.
    count: AtomicUsize,
}

impl Stash {
    /// The empty pool takes a batch, if there is one.
    #[cold]
    fn fetch(&self, pool: &mut Batch) -> Option<Box<Packet>> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        pool.append(&mut batches.pop()?);
        self.count.store(batches.len(), Ordering::Relaxed);
        pool.pop()
    }

    /// The full pool gives a batch away: that which it has not used for the longest time.
    #[cold]
    fn take(&self, pool: &mut Batch) {
        let batch = pool.drain(..BATCH).collect();
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        if batches.len() < MOST_BATCHES {
            batches.push(batch);
            self.count.store(batches.len(), Ordering::Relaxed);
        }
    }
}

impl Packet {
    /// A packet of these parts on the heap, without provenance, in the room of a recycled one if there is any.
    #[inline]
    pub(crate) fn boxed(ip: IpHeader, transport: Transport, payload: Rope) -> Box<Self> {
        let (provenance, lost) = (Provenance::default(), None);
        match POOL.with_borrow_mut(|pool| pool.pop().or_else(|| STASH.fetch(pool))) {
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
                STASH.take(pool);
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

    /// What one pool has not used for the longest time, another one gets; beyond sixteen batches it goes back to the allocator.
    #[test]
    fn rooms_go_from_pool_to_pool() {
        let ip = || IpHeader::new(Ipv4Addr::new(10, 0, 0, 1).into(), Ipv4Addr::new(10, 0, 0, 2).into()).unwrap();
        let full = || -> Batch { (0..2 * BATCH).map(|_| Box::new(fresh(ip()))).collect() };
        let places = |pool: &[Box<Packet>]| pool.iter().map(|packet| std::ptr::from_ref(&**packet)).collect::<Vec<_>>();
        let stash = Stash { batches: Mutex::default(), count: AtomicUsize::new(0) };
        let (mut giver, mut taker) = (full(), Batch::new());
        assert!(stash.fetch(&mut taker).is_none());
        let (oldest, newest) = (places(&giver[..BATCH]), places(&giver[BATCH..]));
        stash.take(&mut giver);
        assert_eq!(places(&giver), newest);
        let got = stash.fetch(&mut taker).unwrap();
        taker.push(got);
        assert_eq!(places(&taker), oldest);
        assert!(stash.fetch(&mut Batch::new()).is_none(), "it was given once");
        for _ in 0..MOST_BATCHES + 2 {
            stash.take(&mut full());
        }
        let fetched = (0..100).filter(|_| stash.fetch(&mut Batch::new()).is_some()).count();
        assert_eq!(fetched, MOST_BATCHES);
    }

    fn fresh(ip: IpHeader) -> Packet {
        Packet {
            ip,
            transport: Transport::Damaged,
            payload: Rope::new(),
            provenance: Provenance::default(),
            lost: None,
        }
    }
}
