//! What a broker says of itself: topics below `$SYS/broker/`, with mosquitto's names, and totals.

use super::MqttBroker;
use super::store::Store;
use crate::app::{Host, Total};
use crate::mqtt::session::{Message, Unsent};
use crate::mqtt::wire::{QoS, ReasonCode, Text};
use crate::rope::Rope;
use protosim_core::time::NANOS_PER_SEC;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) connections: u64,
    pub(super) connects: u64,
    pub(super) refused_connects: u64,
    pub(super) sessions_resumed: u64,
    pub(super) sessions_expired: u64,
    pub(super) taken_over: u64,
    pub(super) disconnects: u64,
    pub(super) keep_alive_timeouts: u64,
    pub(super) packets_received: u64,
    pub(super) packets_sent: u64,
    pub(super) messages_received: u64,
    pub(super) messages_sent: u64,
    pub(super) bytes_received: u64,
    pub(super) bytes_sent: u64,
    /// Of QoS 1 and 2.
    pub(super) dropped: u64,
    pub(super) dropped_qos0: u64,
    pub(super) expired: u64,
    pub(super) too_large: u64,
    pub(super) refused_messages: u64,
    pub(super) refused_memory: u64,
    pub(super) wills: u64,
    pub(super) malformed: u64,
    pub(super) protocol_errors: u64,
    pub(super) bad_auth: u64,
    pub(super) disc_writes: u64,
    pub(super) refused_calls: u64,
}

impl Counts {
    pub(super) fn fault(&mut self, reason: ReasonCode) {
        match reason {
            ReasonCode::MalformedPacket => self.malformed += 1,
            _ => self.protocol_errors += 1,
        }
    }

    pub(super) fn unsent(&mut self, why: Unsent) {
        match why {
            Unsent::Expired => self.expired += 1,
            // The second is said by brokers alone (v5 §3.2.2.3).
            Unsent::TooLarge | Unsent::NotTaken => self.too_large += 1,
        }
    }

    /// `dropped_messages` were of QoS 1 and 2. What begins with `last_` is as it is at the end.
    pub(super) fn totals(&self, store: &Store) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        vec![
            total("connections", self.connections),
            total("connects", self.connects),
            total("refused_connects", self.refused_connects),
            total("sessions_resumed", self.sessions_resumed),
            total("sessions_expired", self.sessions_expired),
            total("sessions_taken_over", self.taken_over),
            total("disconnects", self.disconnects),
            total("keep_alive_timeouts", self.keep_alive_timeouts),
            total("packets_received", self.packets_received),
            total("packets_sent", self.packets_sent),
            total("messages_received", self.messages_received),
            total("messages_sent", self.messages_sent),
            total("bytes_received", self.bytes_received),
            total("bytes_sent", self.bytes_sent),
            total("dropped_messages", self.dropped),
            total("dropped_qos0_messages", self.dropped_qos0),
            total("expired_messages", self.expired),
            total("too_large_messages", self.too_large),
            total("refused_messages", self.refused_messages),
            total("refused_memory", self.refused_memory),
            total("wills_published", self.wills),
            total("malformed_packets", self.malformed),
            total("protocol_errors", self.protocol_errors),
            total("failed_authentications", self.bad_auth),
            total("disc_writes", self.disc_writes),
            total("last_sessions", store.sessions.len() as u64),
            total("last_subscriptions", store.subscriptions()),
            total("last_retained_messages", store.retained.len() as u64),
            total("refused_calls", self.refused_calls),
        ]
    }
}

impl MqttBroker {
    /// Publishes what the broker knows of itself, retained.
    pub(super) fn publish_status(&mut self, host: &mut dyn Host) {
        let connected = self.open;
        let sessions = self.store.sessions.len() as u64;
        let uptime = host.now().saturating_since(self.started).as_nanos() / NANOS_PER_SEC;
        let counts = self.counts;
        let values = [
            ("version", "protosim".to_owned()),
            ("uptime", format!("{uptime} seconds")),
            ("clients/total", sessions.to_string()),
            ("clients/connected", connected.to_string()),
            ("clients/disconnected", sessions.saturating_sub(connected).to_string()),
            ("clients/expired", counts.sessions_expired.to_string()),
            ("messages/received", counts.packets_received.to_string()),
            ("messages/sent", counts.packets_sent.to_string()),
            ("publish/messages/received", counts.messages_received.to_string()),
            ("publish/messages/sent", counts.messages_sent.to_string()),
            ("publish/messages/dropped", counts.dropped.to_string()),
            ("bytes/received", counts.bytes_received.to_string()),
            ("bytes/sent", counts.bytes_sent.to_string()),
            ("retained messages/count", self.store.retained.len().to_string()),
            ("subscriptions/count", self.store.subscriptions().to_string()),
        ];
        for (name, value) in values {
            let Ok(topic) = Text::new(&format!("$SYS/broker/{name}")) else { continue };
            let message =
                Message { retain: true, ..Message::new(topic, Rope::from(value.into_bytes()), QoS::AtMostOnce) };
            self.publish(None, &message, host);
        }
    }
}
