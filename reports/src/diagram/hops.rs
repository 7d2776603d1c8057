//! From packets at link ends to their hops, and from hops to arrows between the nodes that are shown.

use super::words::{Reader, Said};
use protosim_core::SimTime;
use protosim_models::packet::Packet;
use std::collections::{BTreeMap, VecDeque};

/// A packet at one end of a channel: of one direction of a link, or of a shared medium.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    /// When: as its last bit leaves, as it arrives, or as it is dropped.
    pub at: SimTime,
    /// Which channel; all stations of a medium share one.
    pub channel: usize,
    /// Which end.
    pub end: End,
    /// The node where it leaves or arrives; where it is dropped in between, the node that it was for, if that is known.
    pub node: Option<usize>,
    /// The node at the other end, where there is only one.
    pub other: Option<usize>,
    /// The node that has the packet's destination address, if there is one.
    pub goal: Option<usize>,
    /// The packet.
    pub packet: &'a Packet,
    /// Why it goes no further, if so.
    pub dropped: Option<&'static str>,
    /// False if it is dropped before its last bit has left.
    pub has_left: bool,
}

/// An end of a channel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum End {
    /// Where packets leave.
    Sender,
    /// Inside of a shared medium.
    Between,
    /// Where packets arrive.
    Receiver,
}

/// A packet on its way over one channel.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Hop {
    from: usize,
    to: Option<usize>,
    departed: SimTime,
    arrived: Option<SimTime>,
    /// Why it went no further; where it never left, `arrived` is `None` and `has_left` false.
    dropped: Option<&'static str>,
    has_left: bool,
    /// Which words are its.
    said: usize,
    goal: Option<usize>,
}

/// A packet between two nodes that are shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrow {
    /// Where it leaves.
    pub from: usize,
    /// Where it arrives, or would have; `None` if no node that is shown lies there.
    pub to: Option<usize>,
    /// When its last bit left.
    pub departed: SimTime,
    /// When it arrived; `None` if it did not.
    pub arrived: Option<SimTime>,
    /// Why it went no further, whether on the way or where it had arrived.
    pub dropped: Option<String>,
    /// True if it was dropped before it left.
    pub is_unsent: bool,
    /// What it says.
    pub said: Said,
}

/// Which packet, and which fragment of it.
type Key = (u64, Option<u16>);

/// The hops of the packets that leave a node in some time.
#[derive(Debug)]
pub struct Hops {
    from: SimTime,
    until: SimTime,
    reader: Reader,
    said: Vec<Said>,
    said_of: BTreeMap<Key, usize>,
    hops: BTreeMap<u64, Vec<Hop>>,
    /// Hops that have not ended, by channel and packet; `None` for one that is not kept.
    open: BTreeMap<(usize, Key), VecDeque<Option<usize>>>,
    /// The hop of a channel and packet that ended last: a copy of it may still arrive.
    ended: BTreeMap<(usize, Key), usize>,
}

impl Hops {
    /// Keeps packets that leave a node between these times, both included.
    pub fn new(from: SimTime, until: SimTime) -> Self {
        Self {
            from,
            until,
            reader: Reader::default(),
            said: Vec::new(),
            said_of: BTreeMap::new(),
            hops: BTreeMap::new(),
            open: BTreeMap::new(),
            ended: BTreeMap::new(),
        }
    }

    /// All sightings of a run, in any order: at one instant what leaves is taken before what arrives.
    pub fn of(sightings: &[Sighting<'_>], from: SimTime, until: SimTime) -> Self {
        let mut order: Vec<&Sighting<'_>> = sightings.iter().collect();
        order.sort_by_key(|sighting| (sighting.at, sighting.end));
        let mut hops = Self::new(from, until);
        order.into_iter().for_each(|sighting| hops.add(sighting));
        hops
    }

    fn add(&mut self, sighting: &Sighting<'_>) {
        let packet = sighting.packet;
        let key = (packet.provenance.packet_id, packet.ip.fragment().map(|fragment| fragment.offset));
        let said = match self.said_of.get(&key) {
            Some(said) if key.0 != 0 => *said,
            _ if sighting.end == End::Sender => {
                self.said.push(self.reader.read(sighting.at, packet));
                self.said_of.insert(key, self.said.len() - 1);
                self.said.len() - 1
            }
            Some(said) => *said,
            None => return,
        };
        match (sighting.end, sighting.node) {
            (End::Sender, Some(node)) => self.leave(sighting, node, key, said),
            _ => self.arrive(sighting, key),
        }
    }

    fn leave(&mut self, sighting: &Sighting<'_>, node: usize, key: Key, said: usize) {
        let is_kept = (self.from..=self.until).contains(&sighting.at);
        let index = self.hops.get(&key.0).map_or(0, Vec::len);
        if is_kept {
            self.hops.entry(key.0).or_default().push(Hop {
                from: node,
                to: sighting.other,
                departed: sighting.at,
                arrived: None,
                dropped: sighting.dropped,
                has_left: sighting.has_left,
                said,
                goal: sighting.goal,
            });
        }
        if sighting.dropped.is_none() {
            self.open.entry((sighting.channel, key)).or_default().push_back(is_kept.then_some(index));
        }
    }

    fn arrive(&mut self, sighting: &Sighting<'_>, key: Key) {
        let place = (sighting.channel, key);
        let open = self.open.get_mut(&place).and_then(VecDeque::pop_front);
        let Some(all) = self.hops.get_mut(&key.0) else { return };
        let index = match open {
            Some(None) => return,
            Some(Some(index)) => index,
            // Another copy, or another station of a medium.
            None => match self.ended.get(&place) {
                Some(index) => {
                    let copy = all[*index].clone();
                    all.push(copy);
                    all.len() - 1
                }
                None => return,
            },
        };
        all[index].to = sighting.node;
        all[index].arrived = (sighting.end == End::Receiver).then_some(sighting.at);
        all[index].dropped = sighting.dropped;
        self.ended.insert(place, index);
    }

    /// The arrows between the nodes for which `is_shown` holds, by departure. A packet that is lost out of sight points to the
    /// node that it was for.
    pub fn arrows(&self, is_shown: impl Fn(usize) -> bool, name: impl Fn(usize) -> String) -> Vec<Arrow> {
        let mut arrows = Vec::new();
        for hops in self.hops.values() {
            for hop in hops.iter().filter(|hop| is_shown(hop.from)) {
                self.follow(hop, hop, hops, 0, (&is_shown, &name), &mut arrows);
            }
        }
        arrows.sort_by_key(|arrow| (arrow.departed, arrow.from, arrow.to));
        arrows
    }

    /// Goes on from `hop` to the next node that is shown.
    fn follow(
        &self,
        first: &Hop,
        hop: &Hop,
        all: &[Hop],
        depth: usize,
        (is_shown, name): (&impl Fn(usize) -> bool, &impl Fn(usize) -> String),
        arrows: &mut Vec<Arrow>,
    ) {
        let mut add = |to: Option<usize>, arrived: Option<SimTime>, dropped: Option<String>, is_unsent: bool| {
            let said = self.said[first.said].clone();
            arrows.push(Arrow { from: first.from, to, departed: first.departed, arrived, dropped, is_unsent, said });
        };
        let place = |at: usize| if at == first.from { String::new() } else { format!(" ({})", name(at)) };
        match (hop.dropped, hop.to) {
            (Some(cause), Some(to)) if hop.arrived.is_some() && is_shown(to) => {
                add(Some(to), hop.arrived, Some(cause.to_owned()), false);
            }
            (Some(cause), to) => {
                let at = if hop.arrived.is_some() { to.unwrap_or(hop.from) } else { hop.from };
                let to = [to, first.goal].into_iter().flatten().find(|node| is_shown(*node) && *node != first.from);
                add(to, None, Some(format!("{cause}{}", place(at))), !hop.has_left);
            }
            (None, Some(to)) if is_shown(to) && hop.arrived.is_some() => add(Some(to), hop.arrived, None, false),
            (None, Some(to)) => {
                let Some(arrived) = hop.arrived else { return };
                // A packet goes over a node once, but for loops of routes, which end.
                if depth > 64 {
                    return;
                }
                for next in all.iter().filter(|next| next.from == to && next.departed >= arrived) {
                    self.follow(first, next, all, depth + 1, (is_shown, name), arrows);
                }
            }
            (None, None) => {}
        }
    }
}
