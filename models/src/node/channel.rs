//! Ends of channels on a node: messages beside the network ([`crate::channel`]).

use super::counts::DropCause;
use super::host::Pending;
use super::{Entrance, Node};
use crate::app::{ChannelId, HostError};
use crate::channel::MAX_MESSAGE_LEN;
use crate::element::Element;
use crate::link::{LinkChange, Setup, Transmitter};
use crate::packet::{LossCause, Packet};
use crate::rope::Rope;
use protosim_core::{Cx, Simulation, WireId};
use std::cell::Cell;
use std::sync::Arc;

/// The port of a node's first channel, above those of all interfaces; the wire that leads to channel i is declared with i more.
pub const CHANNEL_PORT: u32 = 1 << 31;

/// One end of a channel, to be given to its node.
#[derive(Clone, Debug)]
pub struct ChannelEnd {
    /// The channel's name.
    pub name: Arc<str>,
    /// The sending half of the direction away from this node.
    pub transmitter: Transmitter,
}

impl ChannelEnd {
    /// The first or the second end of a channel. Its `setup` is as of a link: of that direction
    /// ([`ChannelConfig::direction`](crate::channel::ChannelConfig::direction)), without what a channel does not have.
    pub fn new(name: &str, setup: &Setup<'_>) -> Self {
        Self { name: name.into(), transmitter: Transmitter::new(setup) }
    }
}

/// What has become of the messages at one end of a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ChannelCounts {
    /// Sent from here.
    pub sent: u64,
    /// Of those sent from here, lost on the way as decided so far: by chance, or since the channel was down.
    pub lost: u64,
    /// Arriving at the other end once more than they were sent from here, as decided so far.
    pub duplicated: u64,
    /// Given to an application here.
    pub delivered: u64,
    /// Come here when no application had asked for the channel.
    pub unclaimed: u64,
    /// Come here while the node had no power.
    pub node_down: u64,
}

/// The ends of channels on a node. Most nodes have none, for which this is one word.
#[derive(Clone, Debug, Default)]
pub(super) struct Channels(Option<Box<Ends>>);

/// In order of the channels' names.
#[derive(Clone, Debug)]
struct Ends(Vec<Channel>);

#[derive(Clone, Debug)]
struct Channel {
    end: ChannelEnd,
    /// The application that has asked for it last; set where an application asks, which changes nothing else of the node.
    owner: Cell<Option<u32>>,
    counts: ChannelCounts,
}

impl Channels {
    pub(super) fn new(ends: Vec<ChannelEnd>) -> Self {
        let channel = |end| Channel { end, owner: Cell::new(None), counts: ChannelCounts::default() };
        Self((!ends.is_empty()).then(|| Box::new(Ends(ends.into_iter().map(channel).collect()))))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn all(&self) -> &[Channel] {
        self.0.as_deref().map_or(&[], |ends| &ends.0)
    }

    fn get_mut(&mut self, channel: u32) -> Option<&mut Channel> {
        self.0.as_deref_mut()?.0.get_mut(channel as usize)
    }

    /// The end of the channel called `name`; or, where `name` stands for several channels of which one ends here, of that one. From now
    /// on `app` gets what arrives there.
    pub(super) fn claim(&self, name: &str, app: u32) -> Option<ChannelId> {
        let all = self.all();
        let index = crate::channel::find(all.iter().map(|channel| &*channel.end.name), name).ok()?;
        all[index].owner.set(Some(app));
        Some(ChannelId(index as u32))
    }

    /// No application has asked for any, as after a loss of power.
    pub(super) fn forget_owners(&mut self) {
        self.all().iter().for_each(|channel| channel.owner.set(None));
    }

    /// A message, ready to be sent.
    pub(super) fn message(&self, channel: ChannelId, message: Rope) -> Result<Box<Packet>, HostError> {
        if channel.0 as usize >= self.all().len() {
            return Err(HostError::NoSuchChannel(channel));
        }
        if message.len() > MAX_MESSAGE_LEN {
            return Err(HostError::MessageTooLong(message.len()));
        }
        Ok(Packet::message(message))
    }
}

impl Node {
    /// The ends of channels here: the channel's name, and what has become of its messages at this end.
    pub fn channels(&self) -> impl Iterator<Item = (&str, ChannelCounts)> {
        self.channels.all().iter().map(|channel| (&*channel.end.name, channel.counts()))
    }

    /// Sends a message.
    // Beside the way of packets, which it must not make longer.
    #[cold]
    #[inline(never)]
    pub(super) fn send_message(&mut self, channel: u32, message: Box<Packet>, cx: &mut Cx<'_, Element>) {
        let Some(channel) = self.channels.get_mut(channel) else { return };
        channel.counts.sent += 1;
        let len = message.wire_len();
        channel.end.transmitter.offer(message, len, &mut self.drops, cx);
        for (_, cause) in self.drops.drain(..) {
            debug_assert_eq!(cause, DropCause::LinkDown, "nothing waits for a channel");
            channel.counts.lost += 1;
        }
    }

    /// A message has come in.
    // Beside the way of packets, which it must not make longer.
    #[cold]
    #[inline(never)]
    pub(super) fn receive_message(&mut self, channel: u32, message: Box<Packet>, cx: &mut Cx<'_, Element>) {
        let is_up = self.entrance != Entrance::Closed;
        let Some(end) = self.channels.get_mut(channel) else { return };
        if !is_up {
            end.counts.node_down += 1;
            return;
        }
        let Some(owner) = end.owner.get() else {
            end.counts.unclaimed += 1;
            return;
        };
        end.counts.delivered += 1;
        let message = message.recycle();
        self.with_app(owner, cx, |app, host| app.on_signal(ChannelId(channel), message, host));
    }

    /// The timeline changes a channel.
    // Beside the way of packets, which it must not make longer.
    #[cold]
    #[inline(never)]
    pub(super) fn change_channel(&mut self, channel: u32, change: &LinkChange, cx: &mut Cx<'_, Element>) {
        if let Some(channel) = self.channels.get_mut(channel) {
            channel.end.transmitter.change(change, &mut self.drops, cx);
        }
    }

    /// Lets an application send a message when the processor is free.
    pub(super) fn signal(
        &mut self,
        channel: ChannelId,
        message: Rope,
        cx: &mut Cx<'_, Element>,
    ) -> Result<(), HostError> {
        let message = self.channels.message(channel, message)?;
        self.when_free(Pending::Signal(channel.0, message), cx);
        Ok(())
    }
}

impl Channel {
    fn counts(&self) -> ChannelCounts {
        let transmitter = &self.end.transmitter;
        let lost: u64 =
            [LossCause::Chance, LossCause::Recorded, LossCause::Rule].map(|cause| transmitter.lost(cause)).iter().sum();
        ChannelCounts { lost: self.counts.lost + lost, duplicated: transmitter.duplicated(), ..self.counts }
    }
}

/// Where all messages of a run are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MessageBalance {
    /// What has become of those that are not under way, over all ends.
    pub counts: ChannelCounts,
    /// Under way.
    pub in_flight: u64,
}

impl MessageBalance {
    /// True if each message that was sent, copies included, is accounted for once.
    pub fn holds(&self) -> bool {
        let ChannelCounts { sent, lost, duplicated, delivered, unclaimed, node_down } = self.counts;
        sent + duplicated == lost + delivered + unclaimed + node_down + self.in_flight
    }
}

/// Counts all messages of a run, at any moment between two instants; [`audit`](super::audit) counts packets.
pub fn audit_messages(simulation: &Simulation<Element>) -> MessageBalance {
    let under_way = |wire: usize| {
        let flying = simulation.in_flight(WireId(wire as u32));
        flying.filter(|flying| flying.packet.is_message() && !flying.packet.is_control()).count() as u64
    };
    let mut sum =
        MessageBalance { in_flight: (0..simulation.wires().len()).map(under_way).sum(), ..Default::default() };
    for (_, node) in crate::element::nodes(simulation) {
        for (_, counts) in node.channels() {
            sum.counts.sent += counts.sent;
            sum.counts.lost += counts.lost;
            sum.counts.duplicated += counts.duplicated;
            sum.counts.delivered += counts.delivered;
            sum.counts.unclaimed += counts.unclaimed;
            sum.counts.node_down += counts.node_down;
        }
    }
    sum
}
