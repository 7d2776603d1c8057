//! What a client counts.

use crate::app::Total;
use crate::lazy::{Empty, Lazy};

#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) connections: u64,
    pub(super) connects: u64,
    pub(super) sessions_resumed: u64,
    /// By QoS.
    pub(super) published: [u64; 3],
    pub(super) completed: [u64; 3],
    pub(super) received: u64,
    pub(super) received_bytes: u64,
    pub(super) retained: u64,
    pub(super) duplicates: u64,
    pub(super) corrupted: u64,
    pub(super) subscribed: u64,
    pub(super) pings: u64,
    pub(super) packets_received: u64,
    pub(super) packets_sent: u64,
    pub(super) bytes_received: u64,
    pub(super) bytes_sent: u64,
    /// Most clients have none of it.
    pub(super) rare: Lazy<Rare>,
}

/// What seldom happens.
#[derive(Clone, Debug)]
pub(super) struct Rare {
    pub(super) refused_connects: u64,
    pub(super) failed: [u64; 3],
    pub(super) late: u64,
    pub(super) foreign: u64,
    pub(super) refused_subscriptions: u64,
    pub(super) unsubscribed: u64,
    pub(super) answers: u64,
    pub(super) unexpected_answers: u64,
    pub(super) unanswered: u64,
    pub(super) sent_answers: u64,
    pub(super) dropped_answers: u64,
    pub(super) reauthentications: u64,
    pub(super) disconnects: u64,
    pub(super) disconnected: u64,
    pub(super) taken_over: u64,
    pub(super) keep_alive_timeouts: u64,
    pub(super) lost: u64,
    pub(super) connect_timeouts: u64,
    pub(super) ping_timeouts: u64,
    pub(super) protocol_errors: u64,
    pub(super) refused_calls: u64,
}

impl Empty for Rare {
    const EMPTY: &'static Self = &Self {
        refused_connects: 0,
        failed: [0; 3],
        late: 0,
        foreign: 0,
        refused_subscriptions: 0,
        unsubscribed: 0,
        answers: 0,
        unexpected_answers: 0,
        unanswered: 0,
        sent_answers: 0,
        dropped_answers: 0,
        reauthentications: 0,
        disconnects: 0,
        disconnected: 0,
        taken_over: 0,
        keep_alive_timeouts: 0,
        lost: 0,
        connect_timeouts: 0,
        ping_timeouts: 0,
        protocol_errors: 0,
        refused_calls: 0,
    };
}

impl Counts {
    /// `duplicate_messages` and `late_messages` are of those that were not retained, by publication: a topic and a QoS of one client.
    /// `foreign_messages` are none of our clients': `$SYS` and what comes of other programs.
    pub(super) fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        vec![
            total("connections", self.connections),
            total("connects", self.connects),
            total("refused_connects", self.rare.refused_connects),
            total("sessions_resumed", self.sessions_resumed),
            total("published_qos0", self.published[0]),
            total("published_qos1", self.published[1]),
            total("published_qos2", self.published[2]),
            total("completed_qos0", self.completed[0]),
            total("completed_qos1", self.completed[1]),
            total("completed_qos2", self.completed[2]),
            total("failed_qos0", self.rare.failed[0]),
            total("failed_qos1", self.rare.failed[1]),
            total("failed_qos2", self.rare.failed[2]),
            total("received_messages", self.received),
            total("received_bytes", self.received_bytes),
            total("retained_messages", self.retained),
            total("duplicate_messages", self.duplicates),
            total("late_messages", self.rare.late),
            total("corrupted_messages", self.corrupted),
            total("foreign_messages", self.rare.foreign),
            total("subscriptions", self.subscribed),
            total("refused_subscriptions", self.rare.refused_subscriptions),
            total("unsubscriptions", self.rare.unsubscribed),
            total("answers", self.rare.answers),
            total("unexpected_answers", self.rare.unexpected_answers),
            total("unanswered_requests", self.rare.unanswered),
            total("sent_answers", self.rare.sent_answers),
            total("dropped_answers", self.rare.dropped_answers),
            total("reauthentications", self.rare.reauthentications),
            total("pings", self.pings),
            total("disconnects", self.rare.disconnects),
            total("disconnected_by_broker", self.rare.disconnected),
            total("taken_over", self.rare.taken_over),
            total("keep_alive_timeouts", self.rare.keep_alive_timeouts),
            total("lost_connections", self.rare.lost),
            total("connect_timeouts", self.rare.connect_timeouts),
            total("ping_timeouts", self.rare.ping_timeouts),
            total("protocol_errors", self.rare.protocol_errors),
            total("packets_received", self.packets_received),
            total("packets_sent", self.packets_sent),
            total("bytes_received", self.bytes_received),
            total("bytes_sent", self.bytes_sent),
            total("refused_calls", self.rare.refused_calls),
        ]
    }
}
