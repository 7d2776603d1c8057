//! Links that end, or wait to be resumed (§2.6.5, §2.6.13, §3.5.6).

use super::At;
use super::attach::{same_source, same_target};
use super::memory::free_left;
use crate::amqp::broker::queue::ConsumerId;
use crate::amqp::broker::{AmqpBroker, LINK, SESSION};
use crate::amqp::v10::address::Address;
use crate::amqp::v10::link::LinkEnd;
use crate::amqp::v10::wire::{Attach, DeliveryState, DeliveryTag, Role, Symbol};
use crate::amqp::v091::wire::ShortStr;
use crate::app::{Host, StreamId};
use protosim_core::{LocalTime, Span};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// What names a link: one of each in each direction between two containers (§2.6.1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct LinkKey {
    /// The client's, and whose it is: nobody resumes the link of another.
    pub(super) container: Arc<str>,
    pub(super) user: ShortStr,
    pub(super) name: Arc<str>,
    /// Ours.
    pub(super) role: Role,
}

/// What the broker has of a link beside what its machine has.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) key: LinkKey,
    pub(super) way: Way,
    pub(super) expiry: Expiry,
    /// The queue that is there for it alone.
    pub(super) owned: Option<ShortStr>,
    pub(super) has_memory: bool,
    /// What it has for deliveries that are not whole or not settled \[bytes\].
    pub(super) memory: u64,
}

#[derive(Clone, Debug)]
pub(super) enum Way {
    In(Incoming),
    Out(Outgoing),
}

/// A client sends on it.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    pub(super) to: Address,
    /// Messages that are accepted when the disc has them, each with its write.
    pub(super) held: VecDeque<(u64, DeliveryTag)>,
}

/// A client receives on it.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    /// While it is attached.
    pub(super) consumer: Option<ConsumerId>,
    /// It has been.
    pub(super) was_consumer: bool,
    pub(super) queue: ShortStr,
    /// What is sent is settled.
    pub(super) no_ack: bool,
    /// Messages that have no outcome, by their positions in the queue.
    pub(super) outstanding: BTreeSet<u64>,
    pub(super) default_outcome: Option<DeliveryState>,
}

/// When a terminus may be forgotten (§3.5.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Expiry {
    policy: Policy,
    timeout: Span,
}

/// With what its time begins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Policy {
    LinkDetach,
    SessionEnd,
    ConnectionClose,
    Never,
}

/// What has ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Over {
    Link,
    Session,
    Connection,
}

impl Expiry {
    pub(super) fn of(policy: Option<&Symbol>, timeout: Option<u32>) -> Self {
        let policy = match policy.map(Symbol::as_str) {
            Some("link-detach") => Policy::LinkDetach,
            Some("connection-close") => Policy::ConnectionClose,
            Some("never") => Policy::Never,
            // The default.
            _ => Policy::SessionEnd,
        };
        Self { policy, timeout: Span::from_secs(u64::from(timeout.unwrap_or(0))) }
    }

    pub(super) fn outlives_connection(self) -> bool {
        self.policy == Policy::Never || !self.timeout.is_zero()
    }
}

impl Link {
    /// The queue from which it sends.
    pub(super) fn queue(&self) -> Option<&ShortStr> {
        match &self.way {
            Way::Out(outgoing) => Some(&outgoing.queue),
            Way::In(_) => None,
        }
    }
}

/// Links that wait to be resumed.
#[derive(Clone, Debug, Default)]
pub(in crate::amqp) struct Kept {
    links: BTreeMap<LinkKey, KeptLink>,
    /// Where links are attached that would wait if their connection were lost.
    attached: BTreeMap<LinkKey, (At, u32)>,
    due: BTreeSet<(LocalTime, LinkKey)>,
}

#[derive(Clone, Debug)]
struct KeptLink {
    link: Link,
    end: LinkEnd,
    until: Until,
}

/// How long a link waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Until {
    /// Its time has not begun: this session is there.
    Session(StreamId, u16),
    /// Its time has not begun: this connection is there.
    Connection(StreamId),
    Time(LocalTime),
    Ever,
}

impl Kept {
    /// When the first of them is to be forgotten.
    pub(in crate::amqp) fn deadline(&self) -> Option<LocalTime> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(in crate::amqp) fn len(&self) -> usize {
        self.links.len()
    }

    /// A link is attached here.
    pub(super) fn attach(&mut self, link: &Link, place: (At, u32)) {
        if link.expiry.outlives_connection() {
            self.attached.insert(link.key.clone(), place);
        }
    }

    /// It is no more.
    fn detach(&mut self, link: &Link, place: (At, u32)) {
        if self.attached.get(&link.key) == Some(&place) {
            self.attached.remove(&link.key);
        }
    }

    fn insert(&mut self, kept: KeptLink) -> Option<KeptLink> {
        let key = kept.link.key.clone();
        let before = self.take(&key);
        if let Until::Time(at) = kept.until {
            self.due.insert((at, key.clone()));
        }
        self.links.insert(key, kept);
        before
    }

    fn take(&mut self, key: &LinkKey) -> Option<KeptLink> {
        let kept = self.links.remove(key)?;
        if let Until::Time(at) = kept.until {
            self.due.remove(&(at, key.clone()));
        }
        Some(kept)
    }
}

impl AmqpBroker {
    /// A link is off its session, with what is left of it.
    pub(super) fn on_detached(&mut self, at: At, handle: u32, end: LinkEnd, closed: bool, host: &mut dyn Host) {
        let Some(link) = self.v10(at.0).and_then(|peer| peer.links.remove(&(at.1, handle))) else { return };
        self.kept.detach(&link, (at, handle));
        match closed {
            true => self.end_link(link, host),
            false => self.leave_link(at, link, end, Over::Link, host),
        }
    }

    /// Sessions that have ended are taken out of the machine.
    pub(super) fn take_ended(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(peer) = self.v10(stream) else { return };
        for channel in peer.ended.clone() {
            let Some(ends) = self.v10(stream).and_then(|peer| peer.machine.take_ended(channel)) else { continue };
            if let Some(peer) = self.v10(stream) {
                peer.ended.remove(&channel);
            }
            self.session_gone((stream, channel), ends, Over::Session, host);
        }
    }

    fn session_gone(&mut self, at: At, mut ends: Vec<LinkEnd>, over: Over, host: &mut dyn Host) {
        let Some(peer) = self.v10(at.0) else { return };
        if peer.sessions.remove(&at.1) {
            host.release(SESSION);
        }
        let of_session = peer.links.range((at.1, 0)..=(at.1, u32::MAX)).map(|(place, _)| *place).collect::<Vec<_>>();
        for place in of_session {
            let Some(link) = self.v10(at.0).and_then(|peer| peer.links.remove(&place)) else { continue };
            self.kept.detach(&link, (at, place.1));
            let is_its = |end: &LinkEnd| {
                let role = if matches!(end, LinkEnd::Sender(_)) { Role::Sender } else { Role::Receiver };
                role == link.key.role && end.terms().name == link.key.name
            };
            match ends.iter().position(is_its) {
                Some(place) => {
                    let end = ends.swap_remove(place);
                    self.leave_link(at, link, end, over, host);
                }
                None => self.end_link(link, host),
            }
        }
        for link in self.kept_until(Until::Session(at.0, at.1)) {
            self.leave_link(at, link.link, link.end, Over::Session, host);
        }
    }

    /// All sessions and links of a connection end.
    pub(in crate::amqp) fn end_sessions(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(peer) = self.v10(stream) else { return };
        peer.is_open = false;
        let channels: BTreeSet<u16> =
            peer.sessions.iter().copied().chain(peer.links.keys().map(|(channel, _)| *channel)).collect();
        for channel in channels {
            let ends = self.v10(stream).map(|peer| peer.machine.take_session(channel)).unwrap_or_default();
            self.session_gone((stream, channel), ends, Over::Connection, host);
        }
        for link in self.kept_until(Until::Connection(stream)) {
            self.leave_link((stream, 0), link.link, link.end, Over::Connection, host);
        }
    }

    fn kept_until(&mut self, until: Until) -> Vec<KeptLink> {
        let keys: Vec<_> =
            self.kept.links.iter().filter(|(_, kept)| kept.until == until).map(|(key, _)| key.clone()).collect();
        keys.iter().filter_map(|key| self.kept.take(key)).collect()
    }

    /// A link that is not closed: it waits to be resumed, as long as its terminus says.
    fn leave_link(&mut self, at: At, mut link: Link, end: LinkEnd, over: Over, host: &mut dyn Host) {
        let begins = match link.expiry.policy {
            Policy::LinkDetach => Over::Link,
            Policy::SessionEnd => Over::Session,
            Policy::ConnectionClose | Policy::Never => Over::Connection,
        };
        let until = match link.expiry {
            Expiry { policy: Policy::Never, .. } => Until::Ever,
            _ if over < begins && begins == Over::Session => Until::Session(at.0, at.1),
            _ if over < begins => Until::Connection(at.0),
            Expiry { timeout, .. } if timeout.is_zero() => return self.end_link(link, host),
            Expiry { timeout, .. } => Until::Time(host.now().saturating_add(timeout)),
        };
        free_left(&mut link, &end, host);
        self.stop_consumer(&mut link, host);
        if let Some(before) = self.kept.insert(KeptLink { link, end, until }) {
            self.end_link(before.link, host);
        }
    }

    /// Nothing more is sent on it. Whether its queue should go with its consumer.
    fn stop_consumer(&mut self, link: &mut Link, host: &mut dyn Host) -> bool {
        let Way::Out(outgoing) = &mut link.way else { return false };
        let Some(id) = outgoing.consumer.take() else { return false };
        let queue = outgoing.queue.clone();
        self.end_consumer(id, &queue, host)
    }

    /// A link is over: what has no outcome goes back to its queue.
    pub(super) fn end_link(&mut self, mut link: Link, host: &mut dyn Host) {
        let mut is_unused = self.stop_consumer(&mut link, host);
        if link.has_memory {
            host.release(LINK);
        }
        host.release(link.memory);
        if let Way::Out(outgoing) = &link.way {
            for position in &outgoing.outstanding {
                self.give_back(&outgoing.queue, *position);
            }
            // It may have outlived its last consumer while the link waited.
            is_unused |=
                self.store.queues.get(&outgoing.queue).is_some_and(|stored| {
                    stored.queue.options().auto_delete && stored.queue.consumers().next().is_none()
                });
            if is_unused {
                self.delete_queue(&outgoing.queue, host);
            }
        }
        if let Some(queue) = link.owned {
            self.delete_queue(&queue, host);
        }
    }

    /// Links whose time is over are forgotten.
    pub(in crate::amqp) fn on_links_due(&mut self, host: &mut dyn Host) {
        while self.kept.deadline().is_some_and(|at| at <= host.now()) {
            let Some((_, key)) = self.kept.due.first().cloned() else { return };
            let Some(kept) = self.kept.take(&key) else { return };
            self.end_link(kept.link, host);
        }
    }

    /// A link that would wait is attached on a connection whose loss we do not know of, or on another session: it is taken from there (§2.6.1).
    fn take_over(&mut self, key: &LinkKey, host: &mut dyn Host) -> Option<(Link, LinkEnd)> {
        let (at, handle) = self.kept.attached.remove(key)?;
        let peer = self.v10(at.0)?;
        let mut link = peer.links.remove(&(at.1, handle))?;
        let end = peer.machine.session(at.1).and_then(|session| session.steal(handle).ok());
        self.touched.insert(at.0);
        let Some(end) = end else {
            self.end_link(link, host);
            return None;
        };
        self.stop_consumer(&mut link, host);
        Some((link, end))
    }

    /// What a client attaches has waited for that.
    pub(super) fn resume_link(&mut self, at: At, attach: &Attach, host: &mut dyn Host) -> Option<(Link, LinkEnd)> {
        let key = self.key_of(at, attach);
        let (mut link, mut end) = match self.kept.take(&key) {
            Some(kept) => (kept.link, kept.end),
            None => self.take_over(&key, host)?,
        };
        let is_same = match &end {
            LinkEnd::Sender(state) => same_source(state.terms.source.as_deref(), attach.source.as_deref()),
            LinkEnd::Receiver(state) => same_target(state.terms.target.as_ref(), attach.target.as_ref()),
        };
        if !is_same {
            self.end_link(link, host);
            return None;
        }
        // What its receiver does not know of may have been there: it goes back, and comes marked.
        if let (LinkEnd::Sender(state), Way::Out(outgoing)) = (&mut end, &mut link.way) {
            for position in state.take_unknown(attach) {
                if outgoing.outstanding.remove(&position) {
                    self.requeue(&outgoing.queue, position);
                }
            }
        }
        let terms = match &mut end {
            LinkEnd::Sender(state) => &mut state.terms,
            LinkEnd::Receiver(state) => &mut state.terms,
        };
        terms.snd_settle_mode = attach.snd_settle_mode.unwrap_or_default();
        terms.rcv_settle_mode = attach.rcv_settle_mode.unwrap_or_default();
        self.counts.resumed_links += 1;
        Some((link, end))
    }

    /// The disc has what waited for it: outcomes of links that are attached. Whether some still wait.
    pub(in crate::amqp) fn release_link_outcomes(&mut self, stream: StreamId) -> bool {
        let done = self.disc.done();
        let Some(peer) = self.v10(stream) else { return false };
        let (mut is_waiting, mut confirms) = (false, 0);
        for ((channel, handle), link) in &mut peer.links {
            let Way::In(incoming) = &mut link.way else { continue };
            while let Some((_, tag)) = incoming.held.pop_front_if(|(needs, _)| *needs <= done) {
                confirms += 1;
                if let Some(session) = peer.machine.session(*channel) {
                    // One that is about to be detached takes its outcome with it.
                    let _ = session.settle(*handle, &tag, DeliveryState::Accepted);
                }
            }
            is_waiting |= !incoming.held.is_empty();
        }
        peer.is_freed |= confirms > 0;
        self.counts.confirms += confirms;
        is_waiting
    }

    /// The same of links that wait to be resumed.
    pub(in crate::amqp) fn release_kept_outcomes(&mut self) {
        let done = self.disc.done();
        for kept in self.kept.links.values_mut() {
            let (Way::In(incoming), LinkEnd::Receiver(state)) = (&mut kept.link.way, &mut kept.end) else { continue };
            while let Some((_, tag)) = incoming.held.pop_front_if(|(needs, _)| *needs <= done) {
                self.counts.confirms += 1;
                state.answer(&tag, DeliveryState::Accepted);
            }
        }
    }
}
