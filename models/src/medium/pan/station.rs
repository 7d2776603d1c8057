//! What a station has, and what it does at the moment.

use super::config::{Ieee802154Config, LinkAddresses, PanStationConfig};
use super::transfer::TransferId;
use crate::ieee802154::{
    Address, CsmaParameters, Duplicates, Endpoint, Frame, IndirectLimits, IndirectQueue, PanId, Transmitter,
};
use crate::lowpan::{Adapter, CompressOptions, Context, Contexts, Fragments, Key, ReassemblyLimits};
use crate::medium::shared::MediumParts;
use protosim_core::{Purpose, SimTime, Span, Stream, TimerId};
use std::collections::{BTreeMap, VecDeque};

/// First numbers and tags, and when children ask first.
const LUCK: Purpose = Purpose("medium.pan");

/// 02:00:00:00:00:00 before the number: an address of a local administration, and so the interface identifier `::number`.
const LOCAL_EUI: u64 = 0x0200_0000_0000_0000;

/// A station.
#[derive(Clone, Debug)]
pub(super) struct Station {
    pub(super) endpoint: Endpoint,
    /// Its node has power.
    pub(super) is_on: bool,
    sequence: u8,
    pub(super) luck: Stream,
    pub(super) lowpan: Adapter,
    pub(super) duplicates: Duplicates,
    pub(super) transmitter: Transmitter,
    pub(super) activity: Activity,
    /// It sends nothing before.
    pub(super) rest_until: SimTime,
    /// What is being got across.
    pub(super) current: Option<Current>,
    /// The packet whose frames it sends.
    pub(super) sending: Option<Sending>,
    /// The acknowledgement that it is about to send, or sends.
    pub(super) reply: Option<Reply>,
    /// When it has last acknowledged something.
    pub(super) replied_at: Option<SimTime>,
    /// What it talks.
    pub(super) on_air: Option<Signal>,
    /// Children that have asked, and until when they listen.
    pub(super) polled: VecDeque<(usize, SimTime)>,
    /// What waits for children.
    pub(super) indirect: IndirectQueue<Waiting>,
    pub(super) sleepy: Option<Sleepy>,
    /// Which packets the fragments belong to that wait for others.
    pub(super) parts: BTreeMap<Key<Address>, TransferId>,
}

/// What the transmitter of a station does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Activity {
    /// Nothing, or it rests.
    Free,
    BackingOff,
    Sensing,
    Turning,
    Sending,
    AwaitingAck,
}

/// A frame that is being got across.
#[derive(Clone, Debug)]
pub(super) struct Current {
    pub(super) job: Job,
    pub(super) frame: Frame,
    pub(super) transfer: Option<TransferId>,
    /// Whom it is for; none for everyone.
    pub(super) to: Option<usize>,
    /// How often it was sent.
    pub(super) sends: u32,
}

/// What a frame is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Job {
    /// A frame of the packet that is being sent.
    Packet,
    /// What a child has asked for.
    Answer { child: usize },
    /// A data request.
    Poll,
}

/// A packet whose frames are being sent.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    pub(super) transfer: TransferId,
    pub(super) to: Option<usize>,
    pub(super) destination: Endpoint,
    pub(super) fragments: Fragments,
}

/// An acknowledgement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reply {
    /// It goes when the radio has turned around: the number of the frame that has come, whether something waits for its sender, and who that is.
    Turning { sequence: u8, is_pending: bool, to: usize },
    /// It is on the air.
    Sending,
}

/// A frame on the air.
#[derive(Clone, Debug)]
pub(super) struct Signal {
    pub(super) frame: Frame,
    pub(super) transfer: Option<TransferId>,
    /// Whom it is for; none for everyone.
    pub(super) to: Option<usize>,
    pub(super) is_reply: bool,
}

/// A frame that waits for a child.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) frame: Frame,
    pub(super) transfer: TransferId,
    pub(super) is_last: bool,
}

/// A child that sleeps.
#[derive(Clone, Debug)]
pub(super) struct Sleepy {
    pub(super) parent: usize,
    pub(super) poll: Span,
    pub(super) fast_poll: Span,
    pub(super) fast_poll_for: Span,
    /// When it asks next.
    pub(super) next_poll: SimTime,
    /// Until when an answer may come.
    pub(super) fast_until: SimTime,
    /// Until when it listens for a frame that it was promised.
    pub(super) window: Option<SimTime>,
}

/// Timers of a station.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timer {
    /// The transmitter's step, or the end of its rest.
    Step,
    /// The acknowledgement goes, or is over.
    Reply,
    /// The next data request, or the end of the window after one.
    Poll,
    /// Fragments whose rest has not come.
    Expiry,
    /// Frames that have waited for a child too long.
    Indirect,
}

impl Timer {
    pub(super) const ALL: [Self; 5] = [Self::Step, Self::Reply, Self::Poll, Self::Expiry, Self::Indirect];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Step => "802.15.4 step",
            Self::Reply => "802.15.4 acknowledgement",
            Self::Poll => "802.15.4 poll",
            Self::Expiry => "6LoWPAN reassembly",
            Self::Indirect => "802.15.4 transaction persistence",
        }
    }

    /// Timers are made station by station, in this order.
    pub(super) const fn of(self, station: usize) -> TimerId {
        TimerId((station * Self::ALL.len() + self as usize) as u32)
    }

    pub(super) const fn read(timer: TimerId) -> (usize, Self) {
        let number = timer.0 as usize;
        (number / Self::ALL.len(), Self::ALL[number % Self::ALL.len()])
    }
}

/// The address of the station of this index.
fn address(addresses: LinkAddresses, index: usize) -> Address {
    // At most 4093.
    let number = index as u16 + 1;
    match addresses {
        LinkAddresses::Short => Address::Short(number),
        LinkAddresses::Extended => Address::Extended(LOCAL_EUI | u64::from(number)),
    }
}

/// What all stations know: the PAN's prefix. With short addresses it goes as far as the number, which both have.
fn contexts(config: &Ieee802154Config, parts: &MediumParts<'_>) -> Contexts {
    let mut contexts = Contexts::default();
    if config.context.unwrap_or(true) {
        let bits = match config.addresses {
            LinkAddresses::Short => 112,
            LinkAddresses::Extended => 64,
        };
        contexts.set(0, parts.prefix.and_then(|prefix| Context::new(prefix, bits)));
    }
    contexts
}

impl Station {
    /// A station of a medium. `parent` is the index of its parent, if it sleeps; so many others are in range.
    pub(super) fn new(
        config: &Ieee802154Config,
        parts: &MediumParts<'_>,
        index: usize,
        (listed, parent): (&PanStationConfig, Option<usize>),
        neighbours: usize,
    ) -> Self {
        let mut luck = parts.seed.stream(&parts.stations[index].stream_name, LUCK);
        let (sequence, tag) = (luck.below(1 << 8) as u8, luck.below(1 << 16) as u16);
        let parameters = CsmaParameters::from(config.access);
        let limits = IndirectLimits::from(config.indirect);
        // A frame from a parent's queue comes again after later data requests, until it expires.
        let repetition = parameters.longest_repetition(crate::ieee802154::timing::MAX_PHY_PACKET_SIZE);
        let memory = if parent.is_some() { repetition.max(limits.persistence) } else { repetition };
        let sleepy = parent.map(|parent| Sleepy {
            parent,
            poll: listed.poll(),
            fast_poll: listed.fast_poll(),
            fast_poll_for: listed.fast_poll_for(),
            next_poll: SimTime::MAX,
            fast_until: SimTime::ZERO,
            window: None,
        });
        let reassembly = ReassemblyLimits::from(config.reassembly);
        Self {
            endpoint: Endpoint { pan: PanId(config.pan_id()), address: address(config.addresses, index) },
            is_on: true,
            sequence,
            luck,
            lowpan: Adapter::new(contexts(config, parts), CompressOptions::default(), reassembly, tag),
            duplicates: Duplicates::new(neighbours, memory),
            transmitter: Transmitter::new(parameters),
            activity: Activity::Free,
            rest_until: SimTime::ZERO,
            current: None,
            sending: None,
            reply: None,
            replied_at: None,
            on_air: None,
            polled: VecDeque::new(),
            indirect: IndirectQueue::new(limits),
            sleepy,
            parts: BTreeMap::new(),
        }
    }

    /// The number of its next frame.
    pub(super) fn number(&mut self) -> u8 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// True while it turns from receiving to sending.
    pub(super) fn turns(&self) -> bool {
        self.activity == Activity::Turning || matches!(self.reply, Some(Reply::Turning { .. }))
    }

    /// True while its receiver is on and it does not turn around or talk.
    pub(super) fn listens(&self) -> bool {
        let talks = self.activity == Activity::Sending || self.reply == Some(Reply::Sending);
        if !self.is_on || talks || self.turns() {
            return false;
        }
        let Some(sleepy) = &self.sleepy else { return true };
        sleepy.window.is_some() || matches!(self.activity, Activity::Sensing | Activity::AwaitingAck)
    }

    /// True if it has a frame to send, now or after a rest.
    pub(super) fn has_frame(&self) -> bool {
        self.current.is_some() || self.sending.is_some() || !self.polled.is_empty()
    }

    /// What it remembers is gone, but for the numbers that it goes on with.
    pub(super) fn lose_power(&mut self) {
        self.is_on = false;
        self.transmitter.stop();
        self.activity = Activity::Free;
        (self.current, self.sending, self.reply, self.replied_at) = (None, None, None, None);
        self.polled.clear();
        self.indirect.clear();
        self.lowpan.clear();
        self.duplicates.clear();
        self.parts.clear();
        if let Some(sleepy) = &mut self.sleepy {
            (sleepy.window, sleepy.fast_until) = (None, SimTime::ZERO);
        }
    }
}
