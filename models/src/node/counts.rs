//! What becomes of packets, and the proof that none is lost track of.

use super::Node;
use crate::element::Element;
use crate::packet::LossCause;
use protosim_core::{Simulation, WireId};

/// Why a packet went no further.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DropCause {
    /// The link lost it by chance: plain loss, bursts, bit errors.
    Lost,
    /// The link lost it as it was recorded.
    Recorded,
    /// A rule that names what a link drops dropped it.
    Rule,
    /// The link's queue had no place.
    QueueFull,
    /// No route covers the destination.
    NoRoute,
    /// It has come to a host that is not its destination and does not forward.
    NotForUs,
    /// Its time to live ran out.
    HopLimit,
    /// It is larger than the next link's MTU.
    TooBig,
    /// No socket listens on the port.
    NoListener,
    /// The host does not have the protocol.
    NoProtocol,
    /// The queue's discipline dropped it before the queue was full.
    Aqm,
    /// The link was down, or went down before it had left.
    LinkDown,
    /// The node was down, or went down while it had it.
    NodeDown,
    /// Bits had flipped on the way, and a checksum or a length showed it.
    Damaged,
    /// A fragment that did not become whole: in time, for want of memory, or as others contradicted it.
    Reassembly,
    /// A NAT or a firewall knows of nothing that it belongs to.
    NoMapping,
    /// The filter of a NAT or a firewall does not let it in.
    Filtered,
    /// A NAT has no port for it, or no room.
    NoPort,
    /// A NAT or a firewall does not let it out.
    Blocked,
    /// On a shared medium, another transmission met it.
    Collision,
    /// Its station has given up: too many collisions, never an acknowledgement, or the medium was never free.
    RetryLimit,
    /// The station that it was for is out of range, or there is none.
    OutOfRange,
    /// The channel was busy whenever its station listened.
    NoAccess,
    /// The radio of its receiver was off while it was on the air.
    MissedWindow,
    /// It waited longer for a child that sleeps than its parent keeps packets.
    Expired,
    /// Its parent has no room to keep it for a child that sleeps.
    IndirectFull,
    /// A part of it was taken for a copy of an earlier frame, or its acknowledgement was that of another one.
    TakenForCopy,
    /// It cannot go into frames, or cannot be read from them.
    Undecodable,
    /// The rest of its frames did not come in time.
    ReassemblyTimeout,
    /// Its receiver puts as many others together as it can.
    ReassemblyBuffers,
    /// Its receiver has no memory to put it together.
    ReassemblyMemory,
    /// What its medium holds for stations that sleep had no room for it.
    HeldFull,
    /// The station that it was for slept for longer than a packet may wait.
    HeldTooLong,
    /// The station that it was for was sending itself.
    Deaf,
    /// The gateway took in as many frames as it can at once.
    NoDemodulator,
    /// Too often the receive windows of its device passed before it could be sent.
    NoWindow,
    /// The duty cycle does not let it be sent: not now, or never, as its frame is too long.
    DutyCycle,
    /// The connection to the station that it was for was lost: one of both ends had heard nothing for too long.
    ConnectionLost,
}

impl DropCause {
    /// How many causes there are.
    pub(crate) const COUNT: usize = Self::ConnectionLost as usize + 1;

    /// All that a shared medium drops packets for; for [`Self::NodeDown`] where stations have radios.
    pub const OF_MEDIA: [Self; 7] =
        [Self::Lost, Self::QueueFull, Self::Aqm, Self::Collision, Self::RetryLimit, Self::OutOfRange, Self::NodeDown];

    /// All that IEEE 802.15.4 channels drop packets for besides.
    pub const OF_PANS: [Self; 9] = [
        Self::NoAccess,
        Self::MissedWindow,
        Self::Expired,
        Self::IndirectFull,
        Self::TakenForCopy,
        Self::Undecodable,
        Self::ReassemblyTimeout,
        Self::ReassemblyBuffers,
        Self::ReassemblyMemory,
    ];

    /// All that media whose stations sleep, cells and Wi-Fi, drop packets for besides.
    pub const OF_SLEEPERS: [Self; 3] = [Self::HeldFull, Self::HeldTooLong, Self::MissedWindow];

    /// All that LoRaWAN cells drop packets for besides.
    pub const OF_LORA: [Self; 6] =
        [Self::TooBig, Self::HeldFull, Self::Deaf, Self::NoDemodulator, Self::NoWindow, Self::DutyCycle];
    /// All that connections of Bluetooth Low Energy drop packets for besides.
    pub const OF_CONNECTIONS: [Self; 3] = [Self::HeldFull, Self::Undecodable, Self::ConnectionLost];

    /// All that nodes with a NAT or a firewall drop packets for besides.
    pub const OF_NATS: [Self; 4] = [Self::NoMapping, Self::Filtered, Self::NoPort, Self::Blocked];

    /// All that nodes and links drop packets for, in the order of [`PacketCounts`]'s columns.
    pub const ALL: [Self; 15] = [
        Self::Lost,
        Self::Recorded,
        Self::Rule,
        Self::QueueFull,
        Self::NoRoute,
        Self::NotForUs,
        Self::HopLimit,
        Self::TooBig,
        Self::NoListener,
        Self::NoProtocol,
        Self::Aqm,
        Self::LinkDown,
        Self::NodeDown,
        Self::Damaged,
        Self::Reassembly,
    ];

    /// As written in tables and in comments of captures.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost on the link",
            Self::Recorded => "lost on the link as recorded",
            Self::Rule => "dropped by a rule of the link",
            Self::QueueFull => "queue full",
            Self::NoRoute => "no route",
            Self::NotForUs => "not for this host",
            Self::HopLimit => "hop limit exceeded",
            Self::TooBig => "larger than the MTU",
            Self::NoListener => "no listener on the port",
            Self::NoProtocol => "protocol not served",
            Self::Aqm => "active queue management",
            Self::LinkDown => "link down",
            Self::NodeDown => "node down",
            Self::Damaged => "damaged on the way",
            Self::Reassembly => "fragment not reassembled",
            Self::NoMapping => "no mapping at the NAT",
            Self::Filtered => "filtered by the NAT",
            Self::NoPort => "no port at the NAT",
            Self::Blocked => "blocked by the NAT",
            Self::Collision => "collision",
            Self::RetryLimit => "retry limit",
            Self::OutOfRange => "out of range",
            Self::NoAccess => "no access to the channel",
            Self::MissedWindow => "receiver off",
            Self::Expired => "expired at the parent",
            Self::IndirectFull => "no room at the parent",
            Self::TakenForCopy => "taken for a copy",
            Self::Undecodable => "not readable as 6LoWPAN",
            Self::ReassemblyTimeout => "reassembly: timed out",
            Self::ReassemblyBuffers => "reassembly: no buffer",
            Self::ReassemblyMemory => "reassembly: no memory",
            Self::HeldFull => "no room among what is held for a station that sleeps",
            Self::HeldTooLong => "waited too long for a station that sleeps",
            Self::Deaf => "receiver was sending",
            Self::NoDemodulator => "no demodulator free",
            Self::NoWindow => "receive windows missed",
            Self::DutyCycle => "duty cycle used up",
            Self::ConnectionLost => "connection lost",
        }
    }
}

/// What has become of the packets of one node. What its links have lost is counted there, see
/// [`Node::dropped`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PacketCounts {
    /// Made here: by applications, or as ICMP messages.
    pub originated: u64,
    /// Their bytes, from the IP header on.
    pub originated_bytes: u64,
    /// Given to an application, or answered or taken note of by the node itself.
    pub delivered: u64,
    /// Passed on to the next link; what was cut for it counts once.
    pub forwarded: u64,
    /// Packets more than before by cutting: n − 1 for one that was cut into n fragments.
    pub fragments_made: u64,
    /// Packets less than before by reassembly: n − 1 for one that n fragments have become.
    pub fragments_joined: u64,
    /// Copies made for branches of multicast trees: n − 1 for a packet that went n ways.
    pub copied: u64,
    /// `None` while nothing was dropped; what links lose on the way stays zero here.
    dropped: Option<Box<Dropped>>,
}

/// Counts of drops, by the order of [`DropCause::ALL`] and then [`DropCause::OF_NATS`]. Most nodes drop nothing.
type Dropped = [u64; DropCause::ALL.len() + DropCause::OF_NATS.len()];

impl From<LossCause> for DropCause {
    fn from(cause: LossCause) -> Self {
        match cause {
            LossCause::Chance => Self::Lost,
            LossCause::Recorded => Self::Recorded,
            LossCause::Rule => Self::Rule,
        }
    }
}

impl PacketCounts {
    #[inline]
    pub(super) fn drop(&mut self, cause: DropCause) -> DropCause {
        self.drop_many(cause, 1);
        cause
    }

    #[inline]
    pub(super) fn drop_many(&mut self, cause: DropCause, count: u64) {
        if count > 0 {
            self.dropped.get_or_insert_default()[cause as usize] += count;
        }
    }
}

impl Node {
    /// Packets that were dropped here for `cause`, losses of its outgoing links included.
    pub fn dropped(&self, cause: DropCause) -> u64 {
        let lost = |by: LossCause| self.interfaces.iter().map(|interface| interface.transmitter.lost(by)).sum();
        match cause {
            DropCause::Lost => lost(LossCause::Chance),
            DropCause::Recorded => lost(LossCause::Recorded),
            DropCause::Rule => lost(LossCause::Rule),
            cause => self.counts.dropped.as_ref().map_or(0, |dropped| dropped[cause as usize]),
        }
    }
}

/// Where all packets of a run are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Conservation {
    /// Packets that were made.
    pub originated: u64,
    /// Copies that links and multicast trees have made of packets.
    pub duplicated: u64,
    /// Packets that there are more since some were cut into fragments: a packet cut into n adds n − 1.
    pub fragments_made: u64,
    /// Packets that there are fewer since fragments were put together: a packet from n takes n − 1 away.
    pub fragments_joined: u64,
    /// Packets that reached who they were for.
    pub delivered: u64,
    /// Packets that were dropped, with a cause.
    pub dropped: u64,
    /// Packets on wires and in queues, and fragments that wait at their destination for the rest.
    pub in_flight: u64,
}

impl Conservation {
    /// True if each packet that was made, copies and fragments included, is accounted for once.
    pub fn holds(&self) -> bool {
        self.originated + self.duplicated + self.fragments_made
            == self.delivered + self.dropped + self.in_flight + self.fragments_joined
    }
}

/// Counts all packets of a run, at any moment between two instants; [`audit_messages`](super::audit_messages) counts messages of
/// channels.
pub fn audit(simulation: &Simulation<Element>) -> Conservation {
    let packets = |wire: usize| {
        let flying = simulation.in_flight(WireId(wire as u32));
        flying.filter(|flying| !flying.packet.is_message()).count() as u64
    };
    let wires = (0..simulation.wires().len()).map(packets);
    let mut sum = Conservation { in_flight: wires.sum(), ..Conservation::default() };
    for (_, medium) in crate::element::media(simulation) {
        sum.duplicated += medium.counts().copied;
        sum.in_flight += medium.held();
        let counts = medium.counts();
        sum.dropped += medium.causes().map(|cause| counts.dropped(cause)).sum::<u64>();
    }
    for (_, node) in crate::element::nodes(simulation) {
        sum.originated += node.counts.originated;
        sum.delivered += node.counts.delivered;
        sum.duplicated += node.counts.copied;
        sum.fragments_made += node.counts.fragments_made;
        sum.fragments_joined += node.counts.fragments_joined;
        sum.in_flight += node.ip.reassembly.held();
        for transmitter in node.interfaces.iter().map(|interface| &interface.transmitter) {
            sum.duplicated += transmitter.duplicated();
            sum.in_flight += transmitter.held();
        }
        let causes = DropCause::ALL.into_iter().chain(DropCause::OF_NATS);
        sum.dropped += causes.map(|cause| node.dropped(cause)).sum::<u64>();
    }
    sum
}
