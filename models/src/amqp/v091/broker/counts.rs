//! What a broker counts.

use super::store::Store;
use crate::amqp::v091::wire::{ReplyCode, Scope};
use crate::app::Total;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) connections: u64,
    pub(super) opened: u64,
    pub(super) refused_connections: u64,
    pub(super) bad_logins: u64,
    pub(super) closed_by_clients: u64,
    pub(super) heartbeat_timeouts: u64,
    pub(super) handshake_timeouts: u64,
    pub(super) heartbeats_sent: u64,
    pub(super) channels: u64,
    pub(super) consumers: u64,
    pub(super) cancelled_consumers: u64,
    pub(super) frames_received: u64,
    pub(super) methods_sent: u64,
    pub(super) bytes_received: u64,
    pub(super) bytes_sent: u64,
    pub(super) published: u64,
    pub(super) queued: u64,
    pub(super) unroutable: u64,
    pub(super) returned: u64,
    pub(super) confirms: u64,
    pub(super) nacks: u64,
    pub(super) commits: u64,
    pub(super) rollbacks: u64,
    pub(super) delivered: u64,
    pub(super) redelivered: u64,
    pub(super) acked: u64,
    pub(super) requeued: u64,
    pub(super) rejected: u64,
    pub(super) expired: u64,
    pub(super) dropped: u64,
    pub(super) dead_letters: u64,
    pub(super) refused_messages: u64,
    pub(super) refused_memory: u64,
    pub(super) expired_queues: u64,
    pub(super) blocked: u64,
    pub(super) recovered: u64,
    pub(super) channel_errors: u64,
    pub(super) connection_errors: u64,
    pub(super) malformed: u64,
    pub(super) disc_writes: u64,
    pub(super) refused_calls: u64,
}

impl Counts {
    pub(super) fn fault(&mut self, code: ReplyCode) {
        match code {
            ReplyCode::FrameError | ReplyCode::SyntaxError | ReplyCode::UnexpectedFrame => self.malformed += 1,
            _ => {}
        }
        match code.scope() {
            Scope::Channel => self.channel_errors += 1,
            Scope::Connection => self.connection_errors += 1,
        }
    }

    /// `dropped_messages` were too many (`maxlen`), `refused_messages` had no room where publishers are told. What begins with `last_` is as it is at the end.
    pub(super) fn totals(&self, store: &Store) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        let of_queues =
            |count: fn(&super::store::Stored) -> usize| store.queues.values().map(count).sum::<usize>() as u64;
        vec![
            total("connections", self.connections),
            total("opened_connections", self.opened),
            total("refused_connections", self.refused_connections),
            total("failed_authentications", self.bad_logins),
            total("closed_by_clients", self.closed_by_clients),
            total("heartbeat_timeouts", self.heartbeat_timeouts),
            total("handshake_timeouts", self.handshake_timeouts),
            total("heartbeats_sent", self.heartbeats_sent),
            total("channels", self.channels),
            total("consumers", self.consumers),
            total("cancelled_consumers", self.cancelled_consumers),
            total("frames_received", self.frames_received),
            total("methods_sent", self.methods_sent),
            total("bytes_received", self.bytes_received),
            total("bytes_sent", self.bytes_sent),
            total("messages_received", self.published),
            total("queued_messages", self.queued),
            total("unroutable_messages", self.unroutable),
            total("returned_messages", self.returned),
            total("confirms", self.confirms),
            total("nacks", self.nacks),
            total("commits", self.commits),
            total("rollbacks", self.rollbacks),
            total("messages_sent", self.delivered),
            total("redelivered_messages", self.redelivered),
            total("acknowledged_messages", self.acked),
            total("requeued_messages", self.requeued),
            total("rejected_messages", self.rejected),
            total("expired_messages", self.expired),
            total("dropped_messages", self.dropped),
            total("dead_letters", self.dead_letters),
            total("refused_messages", self.refused_messages),
            total("refused_memory", self.refused_memory),
            total("expired_queues", self.expired_queues),
            total("blocked_times", self.blocked),
            total("recovered_messages", self.recovered),
            total("channel_errors", self.channel_errors),
            total("connection_errors", self.connection_errors),
            total("malformed_frames", self.malformed),
            total("disc_writes", self.disc_writes),
            total("last_queues", store.queues.len() as u64),
            total("last_ready_messages", of_queues(|stored| stored.queue.ready())),
            total("last_unacknowledged_messages", of_queues(|stored| stored.queue.unacked())),
            total("refused_calls", self.refused_calls),
        ]
    }
}
