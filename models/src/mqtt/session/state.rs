//! The sending half of a session.

use super::queue::{Offered, Queue};
use super::{Limits, Link, Message, MqttFlaw};
use crate::messaging::fifo::Fifo;
use crate::mqtt::wire::{Ack, Fault, Packet, PacketId, QoS, ReasonCode, Version};
use protosim_core::LocalTime;
use std::collections::BTreeMap;

/// What outlives a connection (v5 §4.1), and a crash of its owner, if its owner has kept a copy.
///
/// 72 bytes where nothing is in flight and nothing waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    next_id: PacketId,
    /// How many identifiers from `next_id` on are known to be free.
    free: u16,
    /// Counts messages.
    next_number: u64,
    /// Sent and without PUBACK or PUBREC, in the order in which they were sent first.
    in_flight: Fifo<(PacketId, Message)>,
    /// Without PUBCOMP, in the order of their PUBRECs, with their owner's names.
    releases: Fifo<(PacketId, u64)>,
    queue: Queue,
    /// Messages of QoS 2 that have come and are not completed; with the message where it is not delivered yet.
    pub(super) received: BTreeMap<PacketId, Option<Box<Message>>>,
}

/// What is to be sent, or is not sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outgoing {
    /// This packet goes onto the stream.
    Packet(Packet),
    /// This message does not; it is done.
    Dropped(Message, Unsent),
}

/// Why a message is not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsent {
    /// It has expired (\[MQTT-3.3.2-5\]).
    Expired,
    /// It is larger than the peer takes (\[MQTT-3.1.2-25\]).
    TooLarge,
    /// It is of a QoS, or to be retained, as the peer does not take it (\[MQTT-3.2.2-11\], \[MQTT-3.2.2-14\]).
    NotTaken,
}

/// A message that is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Completed {
    /// Its owner's name for it.
    pub token: u64,
    /// What the peer says of it.
    pub reason: ReasonCode,
}

const WRONG_ANSWER: Fault = Fault::protocol("v5 §4.3", "a message is answered as one of another QoS");

impl Default for Session {
    fn default() -> Self {
        Self {
            next_id: PacketId::FIRST,
            free: 0,
            next_number: 0,
            in_flight: Fifo::default(),
            releases: Fifo::default(),
            queue: Queue::default(),
            received: BTreeMap::new(),
        }
    }
}

impl Session {
    /// Without anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many messages were sent and have neither PUBACK nor PUBREC.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// How many messages wait for PUBCOMP.
    pub fn releases(&self) -> usize {
        self.releases.len()
    }

    /// How many messages wait to be sent.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Topics and payloads of what waits to be sent \[bytes\].
    pub fn queued_bytes(&self) -> u64 {
        self.queue.bytes()
    }

    /// How many messages of QoS 2 have come and are not completed.
    pub fn received(&self) -> usize {
        self.received.len()
    }

    /// How many messages it holds, and their topics and payloads \[bytes\]: what it takes of memory.
    pub fn held(&self) -> (u64, u64) {
        let stored = self.received.values().flatten().map(|message| message.bytes());
        let bytes = self.in_flight.iter().map(|(_, message)| message.bytes()).chain(stored).sum::<u64>();
        let count = self.in_flight.len() + self.releases.len() + self.queue.len() + self.received.len();
        (count as u64, bytes + self.queue.bytes())
    }

    /// A message is to be sent. With a link, [`Session::next`] sends it.
    pub fn publish(&mut self, link: Option<&mut Link>, limits: &Limits, message: Message) -> Offered {
        let number = self.next_number;
        self.next_number += 1;
        match (message.qos, link) {
            // No state of a session (v5 §4.1). What a stream has no room for is bounded as well.
            (QoS::AtMostOnce, Some(link)) if link.at_most_once.len() >= limits.max_queued as usize => {
                Offered::Dropped(message)
            }
            (QoS::AtMostOnce, Some(link)) => {
                link.at_most_once.push_back((number, message));
                Offered::Taken(Vec::new())
            }
            (QoS::AtMostOnce, None) if !limits.queue_qos0 => Offered::Dropped(message),
            _ => self.queue.offer(number, message, limits),
        }
    }

    /// What goes onto the stream next, if anything may: answers, then what is sent again, then new messages. To be asked after each input,
    /// and while the stream has room, until there is nothing.
    pub fn next(&mut self, link: &mut Link, limits: &Limits, now: LocalTime) -> Option<Outgoing> {
        if let Some(reply) = link.replies.pop_front() {
            return Some(Outgoing::Packet(reply));
        }
        if limits.has(MqttFlaw::PubrelNotSentAgain) {
            link.released = link.released.max(link.carried);
        }
        if let Some((id, _)) = self.releases.get(link.released as usize) {
            link.released += 1;
            return Some(Outgoing::Packet(Packet::Pubrel(Ack::new(*id))));
        }
        if (link.sent as usize) < self.in_flight.len() {
            if link.quota > 0 {
                if limits.has(MqttFlaw::OrderSwapped) {
                    self.in_flight.move_last(link.sent as usize);
                }
                return self.send_again(link, now);
            }
            return self.pass(link, now);
        }
        let has_room = link.quota > 0 && self.in_flight.len() + self.releases.len() < usize::from(limits.max_in_flight);
        let queued = self
            .queue
            .first()
            .filter(|(_, message)| has_room || message.qos == QoS::AtMostOnce || message.is_expired(now));
        match (queued, link.at_most_once.front()) {
            (Some((number, _)), Some((other, _))) if *other < number => self.pass(link, now),
            (Some(_), _) => self.send_queued(link, limits, now),
            (None, _) => self.pass(link, now),
        }
    }

    /// The next message of QoS 0, which waits for no window: first what came while there was no link, then the link's own.
    fn pass(&mut self, link: &mut Link, now: LocalTime) -> Option<Outgoing> {
        if link.has_older {
            if let Some(message) = self.queue.pop_at_most_once() {
                return at_most_once(message, link, now);
            }
            link.has_older = false;
        }
        let (_, message) = link.at_most_once.pop_front()?;
        at_most_once(message, link, now)
    }

    /// The first one in flight that was not sent on this link.
    fn send_again(&mut self, link: &mut Link, now: LocalTime) -> Option<Outgoing> {
        let (id, message) = self.in_flight.get(link.sent as usize)?;
        let why = match link.publish(message, *id, true, now) {
            Ok(packet) => {
                link.quota -= 1;
                link.sent += 1;
                return Some(Outgoing::Packet(packet));
            }
            Err(why) => why,
        };
        let (_, message) = self.in_flight.remove(link.sent as usize)?;
        Some(Outgoing::Dropped(message, why))
    }

    fn send_queued(&mut self, link: &mut Link, limits: &Limits, now: LocalTime) -> Option<Outgoing> {
        let (_, first) = self.queue.first()?;
        let is_expired = first.is_expired(now);
        // All identifiers in use: nothing can be sent until one is free.
        let id = match first.qos {
            QoS::AtMostOnce => Some(PacketId::FIRST),
            _ if is_expired => Some(PacketId::FIRST),
            _ if limits.has(MqttFlaw::IdentifierReusedTooSoon) => self.take_lowest(link),
            _ => self.take_id(link),
        };
        let Some(id) = id else { return self.pass(link, now) };
        let message = self.queue.pop()?;
        if is_expired {
            return Some(Outgoing::Dropped(message, Unsent::Expired));
        }
        let packet = match link.publish(&message, id, false, now) {
            Ok(packet) => packet,
            Err(why) => return Some(Outgoing::Dropped(message, why)),
        };
        if message.qos != QoS::AtMostOnce {
            link.quota -= 1;
            link.sent += 1;
            self.in_flight.push_back((id, message));
        }
        Some(Outgoing::Packet(packet))
    }

    /// PUBACK.
    ///
    /// # Errors
    /// When the message was of QoS 2. A PUBACK for no message is none: `None`.
    pub fn on_puback(&mut self, link: &mut Link, id: PacketId, reason: ReasonCode) -> Result<Option<Completed>, Fault> {
        match self.position(id) {
            Some((_, QoS::ExactlyOnce)) => Err(WRONG_ANSWER),
            Some((at, _)) => Ok(self.complete(link, at, reason)),
            None => Ok(None),
        }
    }

    /// PUBREC. With success, [`Session::next`] sends PUBREL; with a failure, which 3.1.1 does not have, the message is done.
    ///
    /// # Errors
    /// When the message was of QoS 1.
    pub fn on_pubrec(&mut self, link: &mut Link, id: PacketId, reason: ReasonCode) -> Result<Option<Completed>, Fault> {
        match self.position(id) {
            Some((at, QoS::ExactlyOnce)) if reason.is_failure() => Ok(self.complete(link, at, reason)),
            Some((at, QoS::ExactlyOnce)) => {
                if let Some((id, message)) = self.in_flight.remove(at) {
                    // Its quota comes back with PUBCOMP.
                    link.sent -= u32::from(at < link.sent as usize);
                    self.releases.push_back((id, message.token));
                }
                Ok(None)
            }
            Some(_) => Err(WRONG_ANSWER),
            None => {
                // A PUBREC must be answered (v5 §3.5.4), one that comes twice, or for nothing, as well (§3.6.2.1: 0x92).
                let sent = self.releases.iter().position(|(known, _)| *known == id);
                match sent {
                    Some(at) if at >= link.released as usize => {}
                    Some(_) => link.replies.push_back(Packet::Pubrel(Ack::new(id))),
                    None if reason.is_failure() => {}
                    None => link.replies.push_back(Packet::Pubrel(not_found(id, link))),
                }
                Ok(None)
            }
        }
    }

    /// PUBCOMP, whatever it says: the message is done.
    ///
    /// # Errors
    /// When there was no PUBREC before. A PUBCOMP for no message is none: `None`.
    pub fn on_pubcomp(
        &mut self,
        link: &mut Link,
        id: PacketId,
        reason: ReasonCode,
    ) -> Result<Option<Completed>, Fault> {
        let Some(at) = self.releases.iter().position(|(known, _)| *known == id) else {
            return if self.position(id).is_some() { Err(WRONG_ANSWER) } else { Ok(None) };
        };
        let completed = self.releases.remove(at).map(|(_, token)| Completed { token, reason });
        link.released -= u32::from(at < link.released as usize);
        if at < link.carried as usize {
            link.carried -= 1;
        } else {
            link.give_back();
        }
        Ok(completed)
    }

    /// An identifier for a SUBSCRIBE or UNSUBSCRIBE, which `token` names; `None` if all are in use.
    pub fn request(&mut self, link: &mut Link, token: u64) -> Option<PacketId> {
        let id = self.take_id(link)?;
        link.requests.push_back((id, token));
        Some(id)
    }

    /// SUBACK or UNSUBACK: whose it is; `None` if nobody has asked.
    pub fn on_answer(&mut self, link: &mut Link, id: PacketId) -> Option<u64> {
        let at = link.requests.iter().position(|(known, _)| *known == id)?;
        link.requests.remove(at).map(|(_, token)| token)
    }

    /// The peer has lost its half (session present 0, v5 §3.2.2.1.1). What it has not taken over is to be sent as new, before all that waits, without
    /// DUP and under new identifiers; what waited for PUBCOMP is done, and nobody knows how: their names. Incoming messages that are not
    /// completed are forgotten.
    pub fn begin_anew(&mut self) -> Vec<u64> {
        for (_, message) in std::mem::take(&mut self.in_flight).into_iter().rev() {
            self.queue.push_front(message);
        }
        self.received = BTreeMap::new();
        std::mem::take(&mut self.releases).into_iter().map(|(_, token)| token).collect()
    }

    /// Takes out what has expired before it was sent, in order: what [`Session::next`] would do in time.
    pub fn drop_expired(&mut self, now: LocalTime) -> Vec<Message> {
        self.queue.drop_expired(now)
    }

    /// Where the message with this identifier stands in flight, and its QoS. Answers come in order, so that it is mostly the first one.
    fn position(&self, id: PacketId) -> Option<(usize, QoS)> {
        let at = self.in_flight.iter().position(|(known, _)| *known == id)?;
        Some((at, self.in_flight[at].1.qos))
    }

    fn complete(&mut self, link: &mut Link, at: usize, reason: ReasonCode) -> Option<Completed> {
        let (_, message) = self.in_flight.remove(at)?;
        if at < link.sent as usize {
            link.sent -= 1;
            link.give_back();
        }
        Some(Completed { token: message.token, reason })
    }

    /// What it has allocated, in entries: in flight, releases, queue, received.
    #[cfg(test)]
    pub(crate) fn allocated(&self) -> [usize; 4] {
        [self.in_flight.capacity(), self.releases.capacity(), self.queue.allocated(), self.received.len()]
    }

    /// The next identifier that is free, going round: one that became free is the last to be used again.
    fn take_id(&mut self, link: &Link) -> Option<PacketId> {
        if self.in_flight.len() + self.releases.len() + link.requests.len() >= usize::from(u16::MAX) {
            return None;
        }
        if self.free == 0 {
            self.look_ahead(link);
        }
        self.free -= 1;
        let id = self.next_id;
        self.next_id = id.next();
        Some(id)
    }

    /// [`MqttFlaw::IdentifierReusedTooSoon`].
    fn take_lowest(&mut self, link: &Link) -> Option<PacketId> {
        let mut id = PacketId::FIRST;
        while self.in_flight.iter().any(|(known, _)| *known == id)
            || link.requests.iter().any(|(known, _)| *known == id)
        {
            id = id.next();
        }
        // What was ahead of the round may be in use now.
        self.free = 0;
        (self.in_flight.len() < usize::from(u16::MAX)).then_some(id)
    }

    /// Sets `next_id` to the next identifier that is free, of which there is one, and counts those behind it. Identifiers are taken in order, so
    /// that those ahead can only become free: counting them once is enough for many.
    fn look_ahead(&mut self, link: &Link) {
        const ALL: u16 = u16::MAX;
        let ahead = |id: PacketId| match id.get().checked_sub(self.next_id.get()) {
            Some(ahead) => ahead,
            // Behind the last comes the first.
            None => ALL - (self.next_id.get() - id.get()),
        };
        let mut used: Vec<u16> = self.used(link).map(ahead).collect();
        used.sort_unstable();
        let first = (0..ALL).zip(&used).take_while(|(number, used)| number == *used).count() as u16;
        self.free = used.get(usize::from(first)).copied().unwrap_or(ALL) - first;
        for _ in 0..first {
            self.next_id = self.next_id.next();
        }
    }

    fn used<'a>(&'a self, link: &'a Link) -> impl Iterator<Item = PacketId> + 'a {
        let messages = self.in_flight.iter().map(|(id, _)| *id);
        messages.chain(self.releases.iter().map(|(id, _)| *id)).chain(link.requests.iter().map(|(id, _)| *id))
    }
}

/// What becomes of a message of QoS 0.
fn at_most_once(message: Message, link: &mut Link, now: LocalTime) -> Option<Outgoing> {
    if message.is_expired(now) {
        return Some(Outgoing::Dropped(message, Unsent::Expired));
    }
    match link.publish(&message, PacketId::FIRST, false, now) {
        Ok(packet) => Some(Outgoing::Packet(packet)),
        Err(why) => Some(Outgoing::Dropped(message, why)),
    }
}

/// An answer for an identifier that is not known; in 3.1.1 like any other.
pub(super) fn not_found(id: PacketId, link: &Link) -> Ack {
    match link.options.version {
        Version::V5 => Ack::with_reason(id, ReasonCode::PacketIdentifierNotFound),
        Version::V311 => Ack::new(id),
    }
}
