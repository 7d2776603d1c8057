//! What a broker counts.

use super::store::Store;
use crate::amqp::v091::wire::{ReplyCode, Scope};
use crate::app::Total;

#[derive(Clone, Copy, Debug, Default)]
pub(in crate::amqp) struct Counts {
    pub(in crate::amqp) connections: u64,
    pub(in crate::amqp) opened: u64,
    pub(in crate::amqp) refused_connections: u64,
    pub(in crate::amqp) bad_logins: u64,
    pub(in crate::amqp) closed_by_clients: u64,
    pub(in crate::amqp) heartbeat_timeouts: u64,
    pub(in crate::amqp) handshake_timeouts: u64,
    pub(in crate::amqp) heartbeats_sent: u64,
    pub(in crate::amqp) channels: u64,
    pub(in crate::amqp) sessions: u64,
    pub(in crate::amqp) links: u64,
    pub(in crate::amqp) resumed_links: u64,
    pub(in crate::amqp) consumers: u64,
    pub(in crate::amqp) cancelled_consumers: u64,
    pub(in crate::amqp) frames_received: u64,
    pub(in crate::amqp) methods_sent: u64,
    pub(in crate::amqp) frames_sent: u64,
    pub(in crate::amqp) bytes_received: u64,
    pub(in crate::amqp) bytes_sent: u64,
    pub(in crate::amqp) published: u64,
    pub(in crate::amqp) queued: u64,
    pub(in crate::amqp) unroutable: u64,
    pub(in crate::amqp) returned: u64,
    pub(in crate::amqp) confirms: u64,
    pub(in crate::amqp) nacks: u64,
    pub(in crate::amqp) commits: u64,
    pub(in crate::amqp) rollbacks: u64,
    pub(in crate::amqp) delivered: u64,
    pub(in crate::amqp) redelivered: u64,
    pub(in crate::amqp) acked: u64,
    pub(in crate::amqp) requeued: u64,
    pub(in crate::amqp) rejected: u64,
    pub(in crate::amqp) expired: u64,
    pub(in crate::amqp) dropped: u64,
    pub(in crate::amqp) dead_letters: u64,
    pub(in crate::amqp) refused_messages: u64,
    pub(in crate::amqp) too_large: u64,
    pub(in crate::amqp) refused_memory: u64,
    pub(in crate::amqp) expired_queues: u64,
    pub(in crate::amqp) blocked: u64,
    pub(in crate::amqp) recovered: u64,
    pub(in crate::amqp) channel_errors: u64,
    pub(in crate::amqp) connection_errors: u64,
    pub(in crate::amqp) session_errors: u64,
    pub(in crate::amqp) link_errors: u64,
    pub(in crate::amqp) malformed: u64,
    pub(in crate::amqp) disc_writes: u64,
    pub(in crate::amqp) refused_calls: u64,
}

impl Counts {
    pub(in crate::amqp) fn fault(&mut self, code: ReplyCode) {
        match code {
            ReplyCode::FrameError | ReplyCode::SyntaxError | ReplyCode::UnexpectedFrame => self.malformed += 1,
            _ => {}
        }
        match code.scope() {
            Scope::Channel => self.channel_errors += 1,
            Scope::Connection => self.connection_errors += 1,
        }
    }

    /// `channels`, `methods_sent` and `channel_errors` are of 0-9-1, `sessions`, `links`, `frames_sent` and errors of those of 1.0; `confirms` and `nacks` are messages that are accepted, or get another outcome, there. `dropped_messages` were too many (`maxlen`), `refused_messages` had no room where publishers are told. What begins with `last_` is as it is at the end.
    pub(in crate::amqp) fn totals(&self, store: &Store, waiting_links: usize) -> Vec<Total> {
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
            total("sessions", self.sessions),
            total("links", self.links),
            total("resumed_links", self.resumed_links),
            total("consumers", self.consumers),
            total("cancelled_consumers", self.cancelled_consumers),
            total("frames_received", self.frames_received),
            total("methods_sent", self.methods_sent),
            total("frames_sent", self.frames_sent),
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
            total("too_large_messages", self.too_large),
            total("refused_memory", self.refused_memory),
            total("expired_queues", self.expired_queues),
            total("blocked_times", self.blocked),
            total("recovered_messages", self.recovered),
            total("channel_errors", self.channel_errors),
            total("connection_errors", self.connection_errors),
            total("session_errors", self.session_errors),
            total("link_errors", self.link_errors),
            total("malformed_frames", self.malformed),
            total("disc_writes", self.disc_writes),
            total("last_waiting_links", waiting_links as u64),
            total("last_queues", store.queues.len() as u64),
            total("last_ready_messages", of_queues(|stored| stored.queue.ready())),
            total("last_unacknowledged_messages", of_queues(|stored| stored.queue.unacked())),
            total("refused_calls", self.refused_calls),
        ]
    }
}
