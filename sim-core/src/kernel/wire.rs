//! Wires: what carries packets from one entity to another.
//!
//! A wire's ring holds the packets of one direction of a link in order of departure. The front part
//! has left the sender and is on its way: nothing can change it. The back part has a computed
//! departure in the future: it is still in the sending half, and [`Wire::recall`] takes it back.
//! One event is pending per wire, for the packet that arrives next.
//!
//! On most wires the order of departure is the order of arrival too. Where packets may overtake each other
//! ([`WireSpec::overtakes`]), the next arrival is looked for in the whole ring, which costs time in proportion to the packets
//! under way. What is lost there has a chain of its own: when it comes to be known, between which arrivals, depends on the
//! partition.

use super::entity::EntityId;
use crate::digest::{Digest, Fingerprint};
use crate::queue::{Class, EventKey};
use crate::time::{SimTime, Span};
use std::collections::VecDeque;
use std::sync::Arc;

/// A wire, by the rank of its path among all wires' paths in sorted order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WireId(pub u32);

/// What the kernel must know of a wire before the run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WireSpec {
    /// Its name: decides its rank, and stands in digests.
    pub path: Arc<str>,
    /// The entity that sends on it.
    pub from: EntityId,
    /// The entity that it leads to.
    pub to: EntityId,
    /// What [`super::Entity::on_arrival`] is told of where the packet comes in.
    pub port: u32,
    /// The least time between departure and arrival over the whole run, timeline included. Entities
    /// joined by a wire where this is zero share a partition.
    pub min_delay: Span,
    /// True if a packet may arrive before one that left earlier; elsewhere an arrival is put off to that of its predecessor.
    pub overtakes: bool,
}

/// A packet between its sender and its receiver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InFlight<P> {
    /// When its last bit leaves the sender.
    pub departs: SimTime,
    /// When its last bit arrives; zero, when nothing can, if it is lost on the way.
    arrives: SimTime,
    /// Its number on this wire, counted from 0 in order of sending.
    pub number: u64,
    /// The packet.
    pub packet: P,
}

impl<P> InFlight<P> {
    /// When its last bit arrives; `None` if it is lost on the way.
    pub fn arrives(&self) -> Option<SimTime> {
        (!self.is_lost()).then_some(self.arrives)
    }

    #[inline]
    fn is_lost(&self) -> bool {
        self.arrives == SimTime::ZERO
    }

    /// When it arrives, and its number, unless it is lost.
    #[inline]
    fn due(&self) -> Option<Due> {
        (!self.is_lost()).then_some(Due { at: self.arrives, number: self.number })
    }
}

/// The next arrival on a wire: what its pending event is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Due {
    pub(super) at: SimTime,
    /// The packet's number.
    number: u64,
}

impl Due {
    /// Nothing arrives: what is due at the last instant never comes.
    const NEVER: Self = Self { at: SimTime::MAX, number: u64::MAX };

    /// True if something arrives at all.
    #[inline]
    pub(super) fn is_some(self) -> bool {
        self.at < SimTime::MAX
    }

    /// The key of its event.
    #[inline]
    pub(super) fn key(self, wire: WireId) -> EventKey {
        EventKey::new(self.at, Class::Arrival, wire.0, self.number % EventKey::SEQUENCES)
    }
}

/// One wire of a partition.
#[derive(Clone, Debug)]
pub(super) struct Wire<P> {
    /// In order of departure, which is the order of arrival too.
    ring: VecDeque<InFlight<P>>,
    /// The arrival that the pending event is for.
    pending: Due,
    sent: u64,
    /// When the last packet that was sent, and not taken back, leaves.
    newest_departure: SimTime,
    last_arrival: SimTime,
    /// Lost packets in the ring.
    lost: u32,
    /// Chain over the packets that were delivered or lost, kept by the receiver's partition.
    traffic: Digest,
    /// Where packets overtake: chain over the lost ones, in order of departure; kept by the receiver's partition.
    losses: Digest,
    overtakes: bool,
    /// Chain over the timeline's changes, kept by the sender's partition.
    pub(super) changes: Digest,
    /// Departures of packets below this number have been reported, as far as someone looks on.
    reported: u64,
    /// Index of the receiver within its partition.
    pub(super) to_local: u32,
    pub(super) port: u32,
    pub(super) from: EntityId,
    pub(super) min_delay: Span,
    /// The latest arrival among the packets handed over to the other partition.
    handed_over: SimTime,
    /// The other partition that it leads to; then the ring holds only what has not left yet.
    pub(super) leads_to: Option<u32>,
}

impl<P> Wire<P> {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.ring.len()
    }
}

impl<P: Fingerprint> Wire<P> {
    pub(super) fn new(spec: &WireSpec, to_local: u32, leads_to: Option<u32>) -> Self {
        Self {
            // One packet after the other on most wires of a large network, where a ring that grows by itself takes room for four.
            ring: VecDeque::with_capacity(1),
            pending: Due::NEVER,
            sent: 0,
            newest_departure: SimTime::ZERO,
            lost: 0,
            last_arrival: SimTime::ZERO,
            traffic: Digest::START,
            losses: Digest::START,
            overtakes: spec.overtakes,
            changes: Digest::START,
            reported: 0,
            to_local,
            port: spec.port,
            from: spec.from,
            min_delay: spec.min_delay,
            handed_over: SimTime::ZERO,
            leads_to,
        }
    }

    /// Takes a packet for departure at `departs`. Returns the arrival to schedule, if no event is pending that comes before.
    /// Unless packets may overtake, an earlier arrival is moved to that of its predecessor.
    #[inline]
    pub(super) fn send(&mut self, departs: SimTime, arrives: Option<SimTime>, packet: P) -> Option<Due> {
        let number = self.sent;
        self.sent += 1;
        let arrives = match arrives {
            Some(at) if self.overtakes => at,
            Some(at) => at.max(self.last_arrival),
            None => SimTime::ZERO,
        };
        let flying = InFlight { departs, arrives, number, packet };
        let due = flying.due();
        self.lost += u32::from(due.is_none());
        self.newest_departure = departs;
        self.ring.push_back(flying);
        self.last_arrival = due.map_or(self.last_arrival, |due| due.at);
        if self.leads_to.is_some() { None } else { self.expect(due?) }
    }

    /// Takes over a packet that has departed in another partition.
    pub(super) fn accept(&mut self, flying: InFlight<P>) -> Option<Due> {
        let due = flying.due();
        self.lost += u32::from(due.is_none());
        self.ring.push_back(flying);
        self.expect(due?)
    }

    /// A packet of the ring arrives then: what to schedule, if that is before the pending event.
    #[inline]
    fn expect(&mut self, due: Due) -> Option<Due> {
        if self.pending.is_some() && (!self.overtakes || self.pending < due) {
            return None;
        }
        self.pending = due;
        Some(due)
    }

    /// True if the pending event is the one for packet `number`, as far as the key holds it.
    #[inline]
    pub(super) fn awaits(&self, number: u64) -> bool {
        self.pending.is_some() && self.pending.number % EventKey::SEQUENCES == number
    }

    /// Takes out the packet that arrives now. Also says which arrives next. `departed`, if someone looks on, is told of it and of
    /// the lost ones that left before it.
    #[inline]
    pub(super) fn deliver(&mut self, mut departed: Option<impl FnMut(&InFlight<P>)>) -> (InFlight<P>, Due) {
        if self.overtakes {
            return self.deliver_any(departed);
        }
        let mut arrived = self.take(&mut departed);
        while arrived.is_lost() {
            arrived = self.take(&mut departed);
        }
        self.pending = self.next_arrival();
        (arrived, self.pending)
    }

    /// The next arrival where packets do not overtake: mostly that of the first one, and the others are asked only where it is
    /// lost.
    #[inline]
    fn next_arrival(&self) -> Due {
        match self.ring.front() {
            None => Due::NEVER,
            Some(first) if first.is_lost() => self.ring.iter().find_map(InFlight::due).unwrap_or(Due::NEVER),
            Some(first) => Due { at: first.arrives, number: first.number },
        }
    }

    /// [`Wire::deliver`] where packets overtake: the pending one may stand anywhere among those that have left. Kept out of line,
    /// away from the path of nearly all packets.
    #[inline(never)]
    fn deliver_any(&mut self, mut departed: Option<impl FnMut(&InFlight<P>)>) -> (InFlight<P>, Due) {
        let index = self.ring.binary_search_by_key(&self.pending.number, |flying| flying.number);
        let index = index.expect("a pending event stands for a packet in the ring");
        // What left before it has left.
        if let Some(departed) = &mut departed {
            self.ring.iter().take(index + 1).filter(|flying| flying.number >= self.reported).for_each(departed);
        }
        self.reported = self.reported.max(self.ring[index].number + 1);
        let arrived = self.ring.remove(index).expect("the index was found");
        self.chain(&arrived);
        while self.ring.front().is_some_and(|first| first.is_lost() && first.number < arrived.number) {
            self.take(&mut departed);
        }
        self.pending = self.first_arrival();
        (arrived, self.pending)
    }

    /// The earliest arrival in the ring.
    fn first_arrival(&self) -> Due {
        self.ring.iter().filter_map(InFlight::due).min().unwrap_or(Due::NEVER)
    }

    /// Takes back what leaves after `now`, in order, and forgets the pending event if it is for one
    /// of these. Says what to schedule in its place, where packets overtake.
    pub(super) fn recall(&mut self, now: SimTime) -> (Vec<InFlight<P>>, Option<Due>) {
        let left = self.ring.partition_point(|flying| flying.departs <= now);
        let back: Vec<_> = self.ring.drain(left..).collect();
        let mut next = None;
        if let Some(first) = back.first()
            && self.pending.is_some()
            && self.pending.number >= first.number
        {
            // What has left arrives later than that, or not at all; in order of departure it is not at all.
            self.pending = if self.leads_to.is_none() { self.first_arrival() } else { Due::NEVER };
            next = Some(self.pending).filter(|due| due.is_some());
        }
        self.last_arrival = self.ring.iter().rev().find_map(InFlight::arrives).unwrap_or(self.handed_over);
        self.newest_departure = self.newest_departure.min(now);
        self.lost -= back.iter().filter(|flying| flying.is_lost()).count() as u32;
        (back, next)
    }

    /// Takes out lost packets at the front that have left by `now`: no event will come for them. Where
    /// the wire leads to another partition, that one does it.
    #[inline]
    pub(super) fn purge(&mut self, now: SimTime, departed: Option<impl FnMut(&InFlight<P>)>) {
        if self.lost > 0 {
            self.purge_lost(now, departed);
        }
    }

    /// [`Wire::purge`] where there is something to do, out of line.
    #[inline(never)]
    fn purge_lost(&mut self, now: SimTime, mut departed: Option<impl FnMut(&InFlight<P>)>) {
        if self.leads_to.is_some() {
            return;
        }
        while self.ring.front().is_some_and(|first| first.is_lost() && first.departs <= now) {
            self.take(&mut departed);
        }
    }

    /// As [`Wire::purge`], wherever they stand: where packets overtake, one that is still under way may stand before them.
    pub(super) fn purge_all(&mut self, now: SimTime, mut departed: impl FnMut(&InFlight<P>)) {
        self.purge(now, Some(&mut departed));
        if !self.overtakes || self.leads_to.is_some() {
            return;
        }
        self.report_departures(now, &mut departed);
        for flying in self.ring.iter().filter(|flying| flying.is_lost() && flying.departs <= now) {
            self.losses.mix(link_of(flying));
        }
        self.ring.retain(|flying| !flying.is_lost() || flying.departs > now);
        self.lost = self.ring.iter().filter(|flying| flying.is_lost()).count() as u32;
    }

    /// Tells `departed` of every packet that has left by `now` and was not reported yet.
    pub(super) fn report_departures(&mut self, now: SimTime, mut departed: impl FnMut(&InFlight<P>)) {
        for flying in self.ring.iter().take_while(|flying| flying.departs <= now) {
            if flying.number >= self.reported {
                self.reported = flying.number + 1;
                departed(flying);
            }
        }
    }

    /// Takes out the next packet that has left before `end`, for another partition.
    pub(super) fn depart(&mut self, end: SimTime) -> Option<InFlight<P>> {
        self.ring.front().filter(|first| first.departs < end)?;
        let flying = self.ring.pop_front()?;
        self.lost -= u32::from(flying.is_lost());
        self.handed_over = flying.arrives().unwrap_or(self.handed_over);
        Some(flying)
    }

    /// When the next packet of the ring leaves.
    pub(super) fn next_departure(&self) -> Option<SimTime> {
        self.ring.front().map(|first| first.departs)
    }

    /// True if a packet may leave at `departs`: not before the one sent before it.
    #[inline]
    pub(super) fn in_order(&self, departs: SimTime) -> bool {
        self.newest_departure <= departs
    }

    /// When the last packet of the ring leaves that ever does.
    pub(super) fn last_departure(&self) -> Option<SimTime> {
        self.ring.iter().rev().map(|flying| flying.departs).find(|departs| *departs < SimTime::MAX)
    }

    /// Packets that will arrive and have not yet.
    pub(super) fn in_flight(&self) -> impl Iterator<Item = &InFlight<P>> {
        self.ring.iter().filter(|flying| !flying.is_lost())
    }

    /// Packets that will be lost, and have not left by `now`.
    pub(super) fn losses_to_come(&self, now: SimTime) -> u64 {
        self.ring.iter().filter(|flying| flying.is_lost() && flying.departs > now).count() as u64
    }

    /// The chains over everything that happened on this wire, as far as this partition knows: changes, traffic.
    pub(super) fn chains(&self) -> (Digest, Digest) {
        (self.changes, self.traffic)
    }

    /// The chain over what was lost where packets overtake; elsewhere it is in the traffic's.
    pub(super) fn losses(&self) -> Option<Digest> {
        self.overtakes.then_some(self.losses)
    }

    /// Takes out the first packet of the ring, which must not be empty.
    #[inline(always)]
    fn take(&mut self, departed: &mut Option<impl FnMut(&InFlight<P>)>) -> InFlight<P> {
        let flying = self.ring.pop_front().expect("a pending event stands for a packet in the ring");
        self.chain(&flying);
        self.lost -= u32::from(flying.is_lost());
        if let Some(departed) = departed
            && flying.number >= self.reported
        {
            self.reported = flying.number + 1;
            departed(&flying);
        }
        flying
    }

    #[inline]
    fn chain(&mut self, flying: &InFlight<P>) {
        let chain = if self.overtakes && flying.is_lost() { &mut self.losses } else { &mut self.traffic };
        chain.mix(link_of(flying));
    }
}

/// One link of the chain: the fingerprint is well mixed already, and does not wait for the chain.
#[inline]
fn link_of<P: Fingerprint>(flying: &InFlight<P>) -> u64 {
    flying.packet.fingerprint() ^ flying.departs.as_nanos() ^ flying.arrives.as_nanos().rotate_left(32)
}
