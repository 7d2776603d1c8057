//! A connection: what both ends know of it, and what they send each other (Vol 6 Part B §4.5.9).

use super::channels::Hops;
use crate::energy::ble::{ConnectionConfig, End};
use crate::packet::Packet;
use crate::rope::Rope;
use protosim_core::{SimTime, Span, Stream};
use std::collections::VecDeque;

/// An L2CAP header: length and channel (Vol 3 Part A §3.1).
pub(super) const L2CAP_HEADER: u64 = 4;
/// The length of the whole packet, in the first frame of it (K-frames, Vol 3 Part A §3.4).
const SDU_LENGTH: u64 = 2;
/// A connection of which nothing was heard yet is given up after so many intervals (§4.5.2).
const UNHEARD: u64 = 6;

/// A connection of the central with a peripheral, or its lack.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) config: ConnectionConfig,
    /// The first moment of its part of the intervals.
    pub(super) slot: SimTime,
    /// Event 0.
    pub(super) first: SimTime,
    /// The event that is running, or the next one.
    pub(super) next: u64,
    /// The last event in which the peripheral heard the central.
    pub(super) heard: Option<u64>,
    pub(super) sides: [Side; 2],
    pub(super) hops: Hops,
    /// Draws of losses, by who receives.
    pub(super) luck: [Stream; 2],
    /// All other draws.
    pub(super) draws: Stream,
    /// The peripheral's window is open for the next event.
    pub(super) is_open: bool,
    pub(super) event: Option<Event>,
    pub(super) advertising: Option<Advertising>,
    pub(super) agenda: Agenda,
}

/// One end of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Side {
    /// It takes the connection for one that is there.
    pub(super) is_up: bool,
    /// It has heard the other one.
    is_established: bool,
    /// When it last did, or when the connection was made.
    valid: SimTime,
    /// transmitSeqNum and nextExpectedSeqNum.
    sequence: bool,
    expected: bool,
    /// What it has sent last and is not known to have come.
    unacknowledged: Option<Unacknowledged>,
    /// The packet that it sends.
    pub(super) sending: Option<Sending>,
    /// Packets behind it; the central's alone. Those of a peripheral wait in its adapter.
    pub(super) waiting: VecDeque<Box<Packet>>,
    /// What has come of a packet, and how long it will be.
    incoming: Option<(u64, Rope)>,
}

/// A packet whose segments are being sent.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    /// None once it has come.
    pub(super) packet: Option<Box<Packet>>,
    content: Rope,
    /// So much of it has been sent.
    at: u64,
}

#[derive(Clone, Debug)]
struct Unacknowledged {
    /// None of an empty PDU.
    segment: Option<Segment>,
    was_sent: bool,
}

/// A K-frame, which fills a PDU.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Segment {
    /// How long the packet is, in its first frame.
    sdu: Option<u64>,
    content: Rope,
}

/// What one end sends at its turn.
#[derive(Clone, Debug)]
pub(super) struct Pdu {
    sequence: bool,
    expected: bool,
    /// More data waits behind it.
    pub(super) more: bool,
    pub(super) segment: Option<Segment>,
    /// The same as before.
    pub(super) is_again: bool,
}

/// An event that is running.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) channel: u8,
    /// When the peripheral gives up if it hears no first PDU.
    pub(super) window_ends: SimTime,
    /// Who takes part, still.
    pub(super) open: [bool; 2],
    /// What each said of more data.
    pub(super) more: [bool; 2],
    /// What is on the air, from whom, and whether the other one hears it.
    pub(super) on_air: Option<(End, Pdu, bool)>,
    pub(super) is_first: bool,
}

/// A peripheral that looks for its central.
#[derive(Clone, Copy, Debug)]
pub(super) struct Advertising {
    /// The begin of this event.
    pub(super) since: SimTime,
    /// The central hears what is on the air, and answers.
    pub(super) is_heard: bool,
    /// The peripheral hears the answer.
    pub(super) hears: bool,
}

/// What happens next, in the order in which it does at one instant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Step {
    /// A PDU is over.
    Sent,
    /// An end has listened for as long as a PDU might have begun.
    Vain(End),
    /// An end sends, T_IFS behind the other.
    Turn(End),
    /// The peripheral opens its window, if it has to.
    Open,
    Anchor,
    /// An advertisement on the channel of this number.
    Advertise(u8),
    Advertised(u8),
    /// The central asks for a connection.
    Request(u8),
    /// The request is over.
    Requested(u8),
    /// Nobody has.
    Unanswered(u8),
}

/// Steps to come.
#[derive(Clone, Debug, Default)]
pub(super) struct Agenda(Vec<(SimTime, Step)>);

impl Agenda {
    pub(super) fn add(&mut self, at: SimTime, step: Step) {
        self.0.push((at, step));
    }

    /// When the next step is due.
    pub(super) fn next(&self) -> Option<SimTime> {
        self.0.iter().map(|(at, _)| *at).min()
    }

    /// The next step, if it is due.
    pub(super) fn take(&mut self, now: SimTime) -> Option<Step> {
        let due = self.0.iter().enumerate().filter(|(_, (at, _))| *at <= now);
        let (index, _) = due.min_by_key(|(_, step)| **step)?;
        Some(self.0.swap_remove(index).1)
    }

    /// Forgets steps.
    pub(super) fn forget(&mut self, which: impl Fn(Step) -> bool) {
        self.0.retain(|(_, step)| !which(*step));
    }

    pub(super) fn has(&self, step: Step) -> bool {
        self.0.iter().any(|(_, other)| *other == step)
    }
}

impl Segment {
    /// Bytes of the PDU's payload.
    pub(super) fn len(&self) -> u64 {
        L2CAP_HEADER + self.sdu.map_or(0, |_| SDU_LENGTH) + self.content.len()
    }
}

impl Sending {
    pub(super) fn new(packet: Box<Packet>, content: Rope) -> Self {
        Self { packet: Some(packet), content, at: 0 }
    }

    fn is_all_sent(&self) -> bool {
        self.at >= self.content.len()
    }

    /// Its next frame, of at most so many bytes.
    fn next(&mut self, room: u64) -> Option<Segment> {
        if self.is_all_sent() {
            return None;
        }
        let sdu = (self.at == 0).then(|| self.content.len());
        let room = room - L2CAP_HEADER - sdu.map_or(0, |_| SDU_LENGTH);
        let len = room.min(self.content.len() - self.at);
        let content = self.content.slice(self.at, len);
        self.at += len;
        Some(Segment { sdu, content })
    }
}

impl Side {
    /// A connection begins.
    pub(super) fn begin(&mut self, now: SimTime, is_established: bool) {
        *self = Self { is_up: true, is_established, valid: now, ..Self::default() };
    }

    /// When it gives the connection up if it hears nothing.
    fn gives_up(&self, config: &ConnectionConfig) -> Option<SimTime> {
        let patience = match self.is_established {
            true => config.supervision,
            false => config.interval.saturating_mul(UNHEARD),
        };
        self.is_up.then(|| self.valid.saturating_add(patience))
    }

    /// Packets that it holds.
    pub(super) fn held(&self) -> usize {
        self.waiting.len() + usize::from(self.sending.as_ref().is_some_and(|sending| sending.packet.is_some()))
    }

    /// Forgets the connection, and gives back what it held.
    pub(super) fn end(&mut self) -> Vec<Box<Packet>> {
        let old = std::mem::take(self);
        old.sending.and_then(|sending| sending.packet).into_iter().chain(old.waiting).collect()
    }

    /// True if it has data to send, or to be acknowledged.
    pub(super) fn has_data(&self) -> bool {
        self.sending.is_some() || !self.waiting.is_empty()
    }

    /// The payload of what it would send next, if that is known: what was not acknowledged, or else a frame of what it sends.
    pub(super) fn next_len(&self, room: u64) -> u64 {
        match (&self.unacknowledged, &self.sending) {
            (Some(unacknowledged), _) => unacknowledged.segment.as_ref().map_or(0, Segment::len),
            (None, Some(sending)) => sending.clone().next(room).map_or(0, |segment| segment.len()),
            (None, None) => 0,
        }
    }

    /// What it sends now, of at most `room` bytes: what was not acknowledged, even if that was empty, or else a frame of its packet. `waits` says
    /// whether it has more packets.
    pub(super) fn pdu(&mut self, room: u64, waits: bool) -> Pdu {
        let sending = &mut self.sending;
        let last = self.unacknowledged.get_or_insert_with(|| Unacknowledged {
            segment: sending.as_mut().and_then(|sending| sending.next(room)),
            was_sent: false,
        });
        let is_again = std::mem::replace(&mut last.was_sent, true);
        let has_rest = self.sending.as_ref().is_some_and(|sending| !sending.is_all_sent());
        Pdu {
            sequence: self.sequence,
            expected: self.expected,
            more: has_rest || waits || !self.waiting.is_empty(),
            segment: last.segment.clone(),
            is_again,
        }
    }

    /// A PDU has come. A packet's content, if it is whole.
    pub(super) fn hear(&mut self, pdu: &Pdu, now: SimTime) -> Option<Rope> {
        (self.valid, self.is_established) = (now, true);
        if pdu.expected != self.sequence {
            self.sequence = !self.sequence;
            let acknowledged = self.unacknowledged.take();
            let was_data = acknowledged.is_some_and(|acknowledged| acknowledged.segment.is_some());
            if was_data && self.sending.as_ref().is_some_and(Sending::is_all_sent) {
                self.sending = None;
            }
        }
        if pdu.sequence != self.expected {
            return None;
        }
        self.expected = !self.expected;
        let segment = pdu.segment.as_ref()?;
        if let Some(len) = segment.sdu {
            self.incoming = Some((len, Rope::new()));
        }
        let (len, content) = self.incoming.as_mut()?;
        content.append(&segment.content);
        let is_whole = content.len() >= *len;
        self.incoming.take_if(|_| is_whole).map(|(_, content)| content)
    }
}

impl Link {
    /// The anchor point of an event.
    pub(super) fn anchor(&self, event: u64) -> SimTime {
        self.first.saturating_add(self.config.interval.saturating_mul(event))
    }

    /// How much before and behind the next anchor the peripheral listens.
    pub(super) fn widening(&self) -> Span {
        let since = self.anchor(self.next).saturating_since(self.anchor(self.heard.unwrap_or(0)));
        self.config.widening(since)
    }

    /// When the peripheral opens its window for the next event.
    pub(super) fn opens(&self) -> SimTime {
        SimTime::from_nanos(self.anchor(self.next).as_nanos().saturating_sub(self.widening().as_nanos()))
    }

    pub(super) fn side(&mut self, end: End) -> &mut Side {
        &mut self.sides[end as usize]
    }

    pub(super) fn is_up(&self, end: End) -> bool {
        self.sides[end as usize].is_up
    }

    /// The end that gives the connection up by now.
    pub(super) fn expired(&self, now: SimTime) -> Option<End> {
        let gives_up = |end: End| self.sides[end as usize].gives_up(&self.config).map(|at| (at, end));
        let due = [End::Central, End::Peripheral].into_iter().filter_map(gives_up).filter(|(at, _)| *at <= now);
        due.min().map(|(_, end)| end)
    }

    /// When there is something to do next.
    pub(super) fn due(&self) -> Option<SimTime> {
        let gives_up = self.sides.iter().filter_map(|side| side.gives_up(&self.config));
        gives_up.chain(self.agenda.next()).min()
    }

    /// True if no skipping is left to a peripheral without data: none before it has heard the central (§4.5.1), and so many after.
    pub(super) fn may_not_skip(&self) -> bool {
        self.heard.is_none_or(|heard| self.next > heard + u64::from(self.config.latency))
    }
}

impl Event {
    pub(super) fn is_over(&self) -> bool {
        self.open == [false; 2] && self.on_air.is_none()
    }
}

/// The end across from one.
pub(super) const fn other(end: End) -> End {
    match end {
        End::Central => End::Peripheral,
        End::Peripheral => End::Central,
    }
}
