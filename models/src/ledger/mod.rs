//! The ledger of messages: what each level of delivery promises, held against what came, end to end and for any protocol that has publishers,
//! subscribers and brokers between them.
//!
//! Applications tell what they do ([`MessageEvent`], reported where someone listens to
//! [`MESSAGES`](protosim_core::kernel::Interests::MESSAGES)); a [`Ledger`] notes it in the order in which it happened, and at the end its
//! [`Account`] has figures for each application, and the promises that were broken, in words.
//!
//! ```text
//!  publisher   Published ───────────────▶ Confirmed, or Failed
//!                  └──▶ Sent ──▶ Sent again?
//!
//!  subscriber  Subscribed ──▶ Delivered ──▶ Delivered again?
//! ```
//!
//! # What is promised
//! A message's level at a subscriber is the lower one of those at which it was published and at which the subscription was granted that held
//! then; of subscriptions that overlap, the highest counts. Which those are goes by topic and by broker, whatever address of it a party uses.
//!
//! | promise | is broken when |
//! |---|---|
//! | at least once, exactly once | a message that is *owed* has not come by the end: it is **lost** |
//! | at most once, exactly once | one comes more than once: it is **repeated** |
//! | order | the first copies of one publication, which is one topic and one level of one publisher, come in another order than that in which they were published: **disordered** (MQTT v5 §4.6) |
//! | an end | what was published above *at most once* is neither confirmed nor failed by the end: **unfinished**. In a run that ends early this means nothing |
//!
//! A message is owed where it was published after the broker had granted a subscription to it, at a level above *at most once* on both sides, and
//! its publisher has seen it confirmed. A subscription that ends takes with it what was owed by it, and nothing else; all end with a session that
//! does as its subscriber knows ([`MessageEvent::SessionOver`]). So may a message go that expires. Those who share a subscription are owed each
//! message once together; it is counted at the first of them. One that leaves them takes with it what was published before the broker knew and
//! confirmed after it had asked for its subscription: each of those may have been sent to it.
//!
//! A message that goes *at least once* over one of its two ways may be repeated, whatever the other one is: one that was published at MQTT's QoS 1 and
//! is delivered at QoS 0 as well. It is counted by that level. Copies that are marked as retained count as delivered and nothing else: they are
//! sent for another reason.
//!
//! Where a subscription keeps marks (Retain As Published), a marked copy may have been sent for either reason. It counts as any other; but each
//! time that a subscription to its topic is asked for excuses one copy that is repeated or late, and one that goes ahead of messages that have not
//! come yet, which then has no part in the order.
//!
//! # Queues
//! Where several take from one queue ([`Taken`]; AMQP), each copy of a message goes to one of them, until it is acknowledged. They are a group of the queue's
//! name, and owed each message once together. A message is as many copies as its publisher has sent ([`MessageEvent::Sent`]): one whose confirm was lost is sent again,
//! which is another message to the queue. So this is promised of queues, in place of what stands above on order and repetition:
//!
//! | promise | is broken when |
//! |---|---|
//! | a mark | of a message more copies have come without the mark of a redelivery than its publisher has sent until then: **unmarked**. What waits for a commit counts as sent with it, so that what is seen before is found here, too |
//! | at most once | of a message more copies have come than were sent, marked or not, though nobody who got one acknowledges: **repeated**. All other copies after the first count as *at least once* |
//! | order | a copy comes to a party behind one that was published later: **disordered**. Excused is what is marked, and what was sent more than once. Where nobody has ever taken from the queue beside another one (exclusive consumers), and all acknowledge, it is the first copies of the queue that are in order, marked or not: what is queued again goes to its place |
//! | all or none | of what was sent together ([`MessageEvent::Sent`]) a part has come by the end, at a queue whose takers acknowledge all of it: **torn**. Not of what may expire. It counts once, at the first of those who take |
//!
//! Copies of what nobody of them has subscribed to, by the name of that queue, count nothing: dead letters, and what comes along bindings that its consumers
//! do not know of.
//!
//! # What is not checked
//! - The order of copies after the first. A sender that begins again goes back (1, 2, 3, 2, 3, 4), as often as connections are lost, which
//!   messages do not show: any order of copies is a row of such ascents, so that no rule on them alone can fail.
//! - The order of what was published before a subscription was granted, and of what was published *at least once* for a subscription *at most once*:
//!   where the first copy of one message is lost, and a sender begins again, it comes behind the next one.
//! - Repetition where the level is not clear: between a subscription's request and its grant, and of what was published before a level changed or
//!   a subscription ended, if one of the levels that are possible allows it. A broker may serve a subscription that has ended until it says that
//!   it knows; if it never does, to the end.
//! - The order of what was published while not all subscriptions to it held that hold now.
//! - What was published while one of those who share a subscription was on its way out, as said above, although it may have gone to another one.
//! - Mistakes that those excuses hide at subscriptions that keep marks: up to two for each request.
//! - The order at those who share a subscription, and repetition at those who get a message by several subscriptions of which one is shared.
//! - Whether a publisher gets its own messages, where it subscribes to them: it may have said that it does not want them.
//! - Wills and what else nobody has said to have published.
//! - That what was acknowledged does not come again: an acknowledgement is not answered, so that a party never knows whether the broker has got it, or has it on disc.
//! - Which copy has come twice, of several that were sent: a mark that is missing may be hidden by a copy that is lost with a queue that does not outlive its broker's power.
//!
//! # What it takes
//! Sixteen bytes for each message, and for what has come ranges of numbers, mostly one for each publication and subscriber; with queues two bytes more for each message, and six at
//! each queue. The end compares each filter with each topic.

mod account;
mod book;
mod page;
mod shelf;
mod spans;
#[cfg(test)]
mod tests;

pub use account::{Account, Broken, Counts, Promise};
pub use book::Ledger;

use std::net::SocketAddr;
use std::sync::Arc;

/// An application on a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Party {
    /// Which node, as the kernel numbers its entities.
    pub node: u32,
    /// Which of its applications.
    pub app: u32,
}

impl std::fmt::Display for Party {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "application {} of node {}", self.app, self.node)
    }
}

/// How a message is delivered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Guarantee {
    /// It may be lost (MQTT: QoS 0).
    #[default]
    AtMostOnce,
    /// It comes, and may come again (MQTT: QoS 1).
    AtLeastOnce,
    /// It comes, and not again (MQTT: QoS 2).
    ExactlyOnce,
}

impl Guarantee {
    const ALL: [Self; 3] = [Self::AtMostOnce, Self::AtLeastOnce, Self::ExactlyOnce];

    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AtMostOnce => "at most once",
            Self::AtLeastOnce => "at least once",
            Self::ExactlyOnce => "exactly once",
        }
    }
}

/// The name of a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MessageName {
    /// Which publication: one topic and one level of one publisher; drawn, so that all have others.
    pub publication: u64,
    /// Which of its messages, from 0 on, in the order in which they are published.
    pub number: u64,
}

impl std::fmt::Display for MessageName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "message {} of publication {:016x}", self.number, self.publication)
    }
}

/// From where a copy was taken: a queue, each message of which goes to one of those who take from it (AMQP).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Taken {
    /// Its name: those who take from it have subscribed as a group that is called so.
    pub queue: Arc<str>,
    /// Whether a message waits in it until the party has acknowledged it: at most once where it does not.
    pub guarantee: Guarantee,
    /// The broker says that it may have been delivered before.
    pub is_marked: bool,
    /// While the party takes from the queue nobody else does.
    pub is_alone: bool,
}

/// What an application does with messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MessageEvent {
    /// A message begins its way: from now on its publisher has it.
    Published {
        /// Which.
        message: MessageName,
        /// How it is published.
        guarantee: Guarantee,
        /// To which topic.
        topic: Arc<str>,
        /// To whom: the address of the broker as its publisher knows it. Only the broker's subscribers get the message.
        domain: SocketAddr,
        /// It may expire on its way, so that nobody is owed it.
        may_expire: bool,
    },
    /// A message is handed to the broker, each time: from now on one copy more may come from each queue. Said where queues are counted.
    Sent {
        /// Which.
        message: MessageName,
        /// The first of those that are sent together, in the order in which they are: all of them come, or none does (AMQP: a transaction, at its commit).
        with: Option<MessageName>,
    },
    /// Its publisher has got the word that it was taken over (MQTT: PUBACK or PUBCOMP with success).
    Confirmed {
        /// Which.
        message: MessageName,
    },
    /// Its publisher knows that it may not come: refused, expired, given up. Nobody is owed it.
    Failed {
        /// Which.
        message: MessageName,
    },
    /// A subscription is asked for (MQTT: SUBSCRIBE): the broker may have it from now on. Without this, that is when it is granted.
    Subscribing {
        /// To which topics; without the name of a group.
        filter: Arc<str>,
        /// Those who share it, if they do.
        group: Option<Arc<str>>,
        /// By whom it is to be granted: the address of the broker as the party knows it.
        domain: SocketAddr,
        /// Messages that the broker retains may come because of it.
        brings_retained: bool,
    },
    /// The broker has granted a subscription (MQTT: SUBACK).
    Subscribed {
        /// To which topics; without the name of a group.
        filter: Arc<str>,
        /// The highest level at which messages are delivered.
        guarantee: Guarantee,
        /// Those who share it, if they do.
        group: Option<Arc<str>>,
        /// By whom it was granted: the address of the broker as the party knows it.
        domain: SocketAddr,
        /// Messages may be marked as retained that come because they were published just now (MQTT v5: Retain As Published).
        keeps_marks: bool,
    },
    /// The party wants no more of a subscription (MQTT: UNSUBSCRIBE): what is on the way may come, and is not owed.
    Unsubscribed {
        /// To which topics; without the name of a group.
        filter: Arc<str>,
        /// Those who share it, if they do.
        group: Option<Arc<str>>,
        /// By whom it was granted: the address of the broker as the party knows it.
        domain: SocketAddr,
        /// The broker has said that it is over (MQTT: UNSUBACK).
        is_known: bool,
    },
    /// The party knows that its session is over, with its subscriptions and with what had not come of them: its session was not to outlive its
    /// connection, or it was away for too long.
    SessionOver,
    /// A message was handed to the application; each time.
    Delivered {
        /// Which.
        message: MessageName,
        /// It is marked as retained: it comes because of a subscription, and not because it was published just now; unless the party has a
        /// subscription that keeps marks, when it may be either.
        is_retained: bool,
        /// The queue that it was taken from, if it was.
        taken: Option<Taken>,
    },
}
