//! What deliveries that come on links take of the host's memory, until they are in a queue and settled.

use super::At;
use super::links::{Link, Way};
use crate::amqp::broker::AmqpBroker;
use crate::amqp::v10::link::LinkEnd;
use crate::amqp::v10::wire::{Condition, Disposition, Error, Frame, Item, Performative, Role};
use crate::app::{Host, StreamId};

/// Memory of a delivery that is not settled, with its tag and outcome, beside its message \[bytes\] (our choice, as this program takes).
pub(super) const DELIVERY: u64 = 160;

/// Memory of these: bytes of one that has come in part, and how many are not settled \[bytes\].
const fn memory_of((partial, unsettled): (u64, usize)) -> u64 {
    partial + unsettled as u64 * DELIVERY
}

impl AmqpBroker {
    /// The links on which deliveries come or are settled with a frame: by our channels and handles.
    pub(super) fn links_of(&mut self, stream: StreamId, item: &Item) -> Vec<(u16, u32)> {
        let Item::Frame(Frame::Amqp { channel, performative, .. }) = item else { return Vec::new() };
        let Some(peer) = self.v10(stream) else { return Vec::new() };
        let Some(channel) = peer.machine.channel_of(*channel) else { return Vec::new() };
        match performative {
            Performative::Transfer(transfer) => {
                let session = peer.machine.session_at(channel);
                let handle = session.and_then(|session| session.handle_of(transfer.handle));
                handle.map(|handle| (channel, handle)).into_iter().collect()
            }
            Performative::Disposition(disposition) => match **disposition {
                Disposition { role: Role::Sender, settled: Some(true), .. } => {
                    let links = peer.links.range((channel, 0)..=(channel, u32::MAX));
                    links.filter(|(_, link)| link.memory > 0).map(|(place, _)| *place).collect()
                }
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// What a link needs, beside what it has.
    fn link_memory(&mut self, at: At, handle: u32) -> Option<(u64, &mut Link)> {
        let peer = self.v10(at.0)?;
        let needs = memory_of(peer.machine.session_at(at.1)?.coming(handle)?);
        let link = peer.links.get_mut(&(at.1, handle))?;
        matches!(link.way, Way::In(_)).then_some((needs, link))
    }

    /// Gives back what a link does not need any more.
    pub(super) fn free_link(&mut self, at: At, handle: u32, host: &mut dyn Host) {
        let Some((needs, link)) = self.link_memory(at, handle) else { return };
        let free = link.memory.saturating_sub(needs);
        link.memory -= free;
        host.release(free);
    }

    /// A link gets the memory that it needs now, or is detached.
    pub(super) fn charge_link(&mut self, at: At, handle: u32, host: &mut dyn Host) {
        self.free_link(at, handle, host);
        let Some((needs, link)) = self.link_memory(at, handle) else { return };
        let more = needs.saturating_sub(link.memory);
        if more == 0 {
            return;
        }
        if host.reserve(more).is_ok() {
            link.memory = needs;
            return;
        }
        let error = Error::new(Condition::ResourceLimitExceeded, "there is no memory for a delivery");
        let session = self.v10(at.0).and_then(|peer| peer.machine.session(at.1));
        // One that is detached already needs no other.
        if session.is_some_and(|session| session.detach(handle, true, Some(error)).is_ok()) {
            self.counts.refused_memory += 1;
        }
        self.free_link(at, handle, host);
    }

    /// The same of all links of a connection, where the disc has let some go on.
    pub(super) fn free_links(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(peer) = self.v10(stream).filter(|peer| peer.is_freed) else { return };
        peer.is_freed = false;
        let links = peer.links.iter().filter(|(_, link)| link.memory > 0);
        for (channel, handle) in links.map(|(place, _)| *place).collect::<Vec<_>>() {
            self.free_link((stream, channel), handle, host);
        }
    }
}

/// What has come in part goes with its session.
pub(super) fn free_left(link: &mut Link, end: &LinkEnd, host: &mut dyn Host) {
    let LinkEnd::Receiver(state) = end else { return };
    let free = link.memory.saturating_sub(memory_of((0, state.unsettled())));
    link.memory -= free;
    host.release(free);
}

#[cfg(test)]
mod tests {
    use super::DELIVERY;
    use crate::amqp::v10::link::delivery_size;
    use crate::amqp::v10::wire::DeliveryTag;

    /// What is counted is what this program takes, within a quarter: with what waits for the disc, and a tag of 16 bytes in each place.
    #[test]
    fn what_is_counted_is_what_there_is() {
        let there = (delivery_size() + size_of::<(u64, DeliveryTag)>() + 16) as u64;
        assert!(there <= DELIVERY && DELIVERY <= there * 5 / 4, "{DELIVERY} for {there}");
    }
}
