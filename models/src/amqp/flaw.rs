//! Mistakes that are made on purpose, for those who check the checkers.

use serde::{Deserialize, Serialize};

/// A mistake that is made on purpose, to see that a check finds it. Each is one that real implementations have made. What is one
/// of channels is made towards clients of 0-9-1 alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum AmqpFlaw {
    /// A broker's confirms leave before what they confirm is on disc: a loss of power in between loses it.
    ConfirmedTooSoon,
    /// A broker's `tx.commit-ok` leaves before the transaction is on disc.
    CommittedTooSoon,
    /// A broker queues a message of a transaction as it comes, and not with its commit (against §1.9): it is seen even if that never comes.
    PublishedBeforeCommit,
    /// A broker does not mark what it delivers again (against §1.8.3.13: `redelivered`).
    NotMarked,
    /// A broker queues again at the end of a queue, and not where a message was before (RabbitMQ): it comes behind later ones.
    RequeuedBehind,
    /// A broker drops what is not acknowledged when its channel ends, and does not queue it again.
    UnacknowledgedDropped,
    /// A broker forgets a message when it has delivered it, though an acknowledgement is to come.
    GoneWithDelivery,
    /// A broker that starts again has its exchanges and queues, but none of their bindings: messages are confirmed that are for no queue.
    BindingsForgotten,
    /// A client acknowledges messages as they come, and hands them on 100 ms later: a loss of power in between loses them.
    AcknowledgedTooSoon,
    /// A client takes a message for confirmed when it is written to the stream.
    DoneWhenWritten,
    /// What a client sends again after a connection was lost goes in reverse order.
    OrderSwapped,
}

impl AmqpFlaw {
    /// Whether it is one of brokers.
    pub(super) const fn is_of_broker(self) -> bool {
        !matches!(self, Self::AcknowledgedTooSoon | Self::DoneWhenWritten | Self::OrderSwapped)
    }

    /// Whether there is nothing wrong with it where what changes is on disc at once, or never.
    pub(super) const fn needs_slow_disc(self) -> bool {
        matches!(self, Self::ConfirmedTooSoon | Self::CommittedTooSoon)
    }
}
