//! What becomes of frames at those that hear them.

use super::station::{Activity, Reply, Signal, Timer};
use super::transfer::TransferId;
use super::{Pan, local};
use crate::element::Element;
use crate::ieee802154::timing::TURNAROUND;
use crate::ieee802154::{Address, Command, Content, Event};
use crate::lowpan::{self, Dropped, Headers, Key};
use crate::medium::ether::Flaw;
use crate::medium::shared::At;
use crate::node::DropCause;
use crate::rope::Rope;
use protosim_core::{Cx, SimTime, Span};

/// Stations in range, each with what is wrong with the frame there.
type Heard = [(usize, Option<Flaw>)];

/// So much of a frame's content is looked at for its headers \[bytes\].
const LOOK: u64 = 64;

impl Pan {
    /// A frame is over. First those that it is for have it, or not; then its sender goes on.
    pub(super) fn end(&mut self, from: usize, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let mut heard: Vec<(usize, Option<Flaw>)> = Vec::new();
        self.ether.end(from, now, |other, flaw, _| heard.push((other, flaw)));
        let Some(signal) = self.stations[from].on_air.take() else { return };
        let lost = match &signal.frame.content {
            Content::Ack => self.hear_ack(&signal, &heard, cx),
            _ => self.hear(from, &signal, &heard, cx),
        };
        self.report(from, &signal, lost, cx);
        for (other, _) in heard {
            self.meter(other, now);
            self.end_window(other, cx);
        }
        if signal.is_reply {
            let station = &mut self.stations[from];
            (station.reply, station.replied_at) = (None, Some(now));
            cx.disarm(Timer::Reply.of(from));
            self.proceed(from, cx);
        } else {
            self.advance(from, Event::Elapsed, cx);
        }
    }

    /// An acknowledgement: it names nobody, and who waits for one with its number takes it. What has kept it from the one that it was
    /// for.
    fn hear_ack(&mut self, signal: &Signal, heard: &Heard, cx: &mut Cx<'_, Element>) -> Option<DropCause> {
        let (sequence, is_pending) = (signal.frame.sequence, signal.frame.is_pending);
        let mut lost = Some(DropCause::OutOfRange);
        for (other, flaw) in heard {
            let station = &self.stations[*other];
            let is_awaited = station.activity == Activity::AwaitingAck
                && station.current.as_ref().is_some_and(|current| current.frame.sequence == sequence);
            let fault = match (self.fault(*other, *flaw), is_awaited) {
                (Some(fault), _) => Some(fault),
                (None, true) if self.shared.is_lost(*other) => Some(DropCause::Lost),
                (None, _) => None,
            };
            if fault.is_none() && is_awaited {
                self.advance(*other, Event::Acknowledged { sequence, is_pending }, cx);
            }
            if signal.to == Some(*other) {
                lost = fault;
            }
        }
        lost
    }

    /// Why a station does not get a frame that it hears.
    fn fault(&self, station: usize, flaw: Option<Flaw>) -> Option<DropCause> {
        match flaw? {
            _ if !self.stations[station].is_on => Some(DropCause::NodeDown),
            Flaw::Met => Some(DropCause::Collision),
            Flaw::Missed => Some(DropCause::MissedWindow),
        }
    }

    /// Data or a command. The first cause for which one of those that it is for has not got it.
    fn hear(&mut self, from: usize, signal: &Signal, heard: &Heard, cx: &mut Cx<'_, Element>) -> Option<DropCause> {
        let takers: Vec<usize> = match (signal.to, signal.transfer) {
            (Some(to), _) => vec![to],
            (None, Some(transfer)) => self.transfers.open_of(transfer).into_iter().filter_map(|copy| copy.to).collect(),
            (None, None) => Vec::new(),
        };
        let (mut first, mut has_met) = (None, false);
        for to in takers {
            let found = heard.iter().find(|(other, _)| *other == to);
            let fault = match found {
                None => Some(DropCause::OutOfRange),
                Some((_, flaw)) => self.fault(to, *flaw),
            };
            has_met |= fault == Some(DropCause::Collision);
            match fault.or_else(|| self.shared.is_lost(to).then_some(DropCause::Lost)) {
                None => self.take_frame(from, to, signal, cx),
                Some(fault) => {
                    first = first.or(Some(fault));
                    let Some(transfer) = signal.transfer else { continue };
                    self.transfers.blame(transfer, to, fault);
                    // Nobody sends it again, and a packet of which a part is missing does not become whole.
                    if !signal.frame.wants_ack {
                        self.drop_copy(transfer, Some(to), fault, cx);
                    }
                }
            }
        }
        self.shared.counts.collisions += u64::from(has_met);
        first
    }

    /// A frame has come to a station that it is for.
    fn take_frame(&mut self, from: usize, to: usize, signal: &Signal, cx: &mut Cx<'_, Element>) {
        let now = cx.now();
        let (sender, frame) = (self.stations[from].endpoint, &signal.frame);
        let is_copy = self.stations[to].duplicates.is_duplicate(sender, frame.sequence, local(now));
        self.own_counts.copies += u64::from(is_copy);
        let is_request = matches!(frame.content, Content::Command(Command::DataRequest));
        let is_pending = is_request && self.stations[to].indirect.has(sender);
        if frame.wants_ack && self.stations[to].reply.is_none() {
            let reply = Reply::Turning { sequence: frame.sequence, is_pending, to: from };
            self.stations[to].reply = Some(reply);
            cx.arm(Timer::Reply.of(to), now.saturating_add(TURNAROUND.span()));
        }
        if is_pending {
            self.remember_request(to, from, now);
        }
        let is_from_parent = self.is_child_of(to, from) && signal.to.is_some();
        if is_from_parent {
            self.have_promised(to, frame.is_pending, cx);
        }
        self.refresh(to, now);
        if let (Content::Data(content), Some(transfer), false) = (&frame.content, signal.transfer, is_copy) {
            let destination = frame.destination.map_or(Address::BROADCAST, |destination| destination.address);
            self.take_content(to, content, (sender.address, destination), transfer, cx);
        }
    }

    /// What a frame carries goes to 6LoWPAN.
    fn take_content(
        &mut self,
        to: usize,
        content: &Rope,
        (source, destination): (Address, Address),
        transfer: TransferId,
        cx: &mut Cx<'_, Element>,
    ) {
        let mut drops = Vec::new();
        let station = &mut self.stations[to];
        let whole = station.lowpan.receive(content, (source, destination), local(cx.now()), &mut drops);
        let headers = Headers::decode(&content.slice(0, LOOK).to_bytes()).map(|(headers, _)| headers);
        let fragment = headers.ok().and_then(|headers| headers.fragment);
        let key = fragment.map(|fragment| Key { source, destination, size: fragment.size, tag: fragment.tag });
        match (&whole, key) {
            (None, Some(key)) if drops.iter().all(|dropped| dropped.key != Some(key)) => {
                station.parts.insert(key, transfer);
            }
            (Some(_), Some(key)) => {
                station.parts.remove(&key);
            }
            _ => {}
        }
        self.dispose_parts(to, Some((transfer, key)), drops, cx);
        if let Some(bytes) = whole {
            self.deliver(to, transfer, &bytes, cx);
        }
        self.arm_expiry(to, cx);
    }

    /// Packets of which parts are kept and the rest has not come in time.
    pub(super) fn expire_parts(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        let mut drops = Vec::new();
        self.stations[index].lowpan.expire(local(cx.now()), &mut drops);
        self.dispose_parts(index, None, drops, cx);
        self.arm_expiry(index, cx);
    }

    /// What 6LoWPAN has dropped at a station; `now` is what has just come.
    pub(super) fn dispose_parts(
        &mut self,
        to: usize,
        now: Option<(TransferId, Option<Key<Address>>)>,
        drops: Vec<Dropped<Address>>,
        cx: &mut Cx<'_, Element>,
    ) {
        for dropped in drops {
            let cause = match dropped.cause {
                lowpan::DropCause::Timeout => DropCause::ReassemblyTimeout,
                lowpan::DropCause::NoBuffer => DropCause::ReassemblyBuffers,
                lowpan::DropCause::NoMemory => DropCause::ReassemblyMemory,
                // The bytes are there: nothing is lost.
                lowpan::DropCause::Duplicate => continue,
                lowpan::DropCause::Overlap
                | lowpan::DropCause::BeyondEnd
                | lowpan::DropCause::Misaligned
                | lowpan::DropCause::Empty
                | lowpan::DropCause::Headless
                | lowpan::DropCause::Undecodable(_) => DropCause::Undecodable,
            };
            let kept = dropped.key.and_then(|key| match cause {
                DropCause::ReassemblyTimeout => self.stations[to].parts.remove(&key),
                _ => None,
            });
            let own = now.filter(|(_, key)| *key == dropped.key).map(|(transfer, _)| transfer);
            if let Some(id) = kept.or(own) {
                self.drop_copy(id, Some(to), cause, cx);
            }
        }
    }

    /// A packet is whole: its node gets it, if these are the bytes that were sent. If others have got among them, its node gets those.
    fn deliver(&mut self, to: usize, id: TransferId, bytes: &Rope, cx: &mut Cx<'_, Element>) {
        let Some((mut packet, sent)) = self.transfers.close(id, Some(to)) else { return };
        if *bytes != sent {
            *packet = packet.damaged(bytes.to_bytes().to_vec());
        }
        self.shared.deliver(packet, to, Span::ZERO, cx);
        self.expect_answer(to, cx);
    }

    pub(super) fn arm_expiry(&mut self, index: usize, cx: &mut Cx<'_, Element>) {
        match self.stations[index].lowpan.next_expiry() {
            Some(at) => cx.arm(Timer::Expiry.of(index), SimTime::from_nanos(at.as_nanos())),
            None => cx.disarm(Timer::Expiry.of(index)),
        }
    }

    /// Accounts for a packet at a station that has it in hand.
    pub(super) fn drop_here(
        &mut self,
        packet: &crate::packet::Packet,
        index: usize,
        cause: DropCause,
        cx: &mut Cx<'_, Element>,
    ) {
        self.shared.drop(packet, cause, At::Sender(index), cx);
    }
}
