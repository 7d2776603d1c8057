//! The receiving half of a session.

use super::link::{AnswerKind, Unanswered};
use super::state::not_found;
use super::{Limits, Link, Message, Method, MqttFlaw, Session};
use crate::mqtt::wire::{Ack, Delivery, Fault, Packet, PacketId, Publish, ReasonCode, Version};
use protosim_core::LocalTime;
use std::collections::BTreeMap;

/// What is to be done with a message that has come. All but the first want an answer: see [`Session::answer`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// QoS 0: deliver it.
    AtMostOnce(Message),
    /// QoS 1, or QoS 2 by [`Method::B`]: deliver it, then answer.
    Deliver(Message),
    /// QoS 2 by [`Method::A`]: answer; its PUBREL brings it.
    Hold(Message),
    /// QoS 2: it has come before. Answer; what the answer says is said again.
    Repeated,
}

impl Session {
    /// PUBLISH.
    ///
    /// # Errors
    /// When an alias is not valid (0x94, 0x82), or the peer does not keep to our receive maximum (0x93).
    pub fn on_publish(
        &mut self,
        link: &mut Link,
        limits: &Limits,
        publish: Publish,
        now: LocalTime,
    ) -> Result<Arrival, Fault> {
        let topic = link.topic(&publish.topic, publish.properties.topic_alias().copied())?;
        let delivery = publish.delivery;
        let message = Message::received(publish, topic, now);
        match delivery {
            Delivery::AtMostOnce => Ok(Arrival::AtMostOnce(message)),
            Delivery::AtLeastOnce { id, .. } => {
                check_maximum(link)?;
                link.unanswered.push_back(Unanswered { id, kind: AnswerKind::AtLeastOnce });
                Ok(Arrival::Deliver(message))
            }
            Delivery::ExactlyOnce { id, .. } => {
                if !link.uncompleted.contains(&id) {
                    check_maximum(link)?;
                }
                let waits = link
                    .unanswered
                    .iter()
                    .any(|other| other.id == id && matches!(other.kind, AnswerKind::ExactlyOnce(_)));
                link.uncompleted.insert(id);
                if waits || self.received.contains_key(&id) {
                    link.unanswered.push_back(Unanswered { id, kind: AnswerKind::Repeated });
                    return Ok(match limits.has(MqttFlaw::DuplicateDelivered) {
                        true => Arrival::Deliver(message),
                        false => Arrival::Repeated,
                    });
                }
                let (stored, arrival) = match limits.method {
                    Method::A => (Some(Box::new(message.clone())), Arrival::Hold(message)),
                    Method::B => (None, Arrival::Deliver(message)),
                };
                link.unanswered.push_back(Unanswered { id, kind: AnswerKind::ExactlyOnce(stored) });
                Ok(arrival)
            }
        }
    }

    /// The owner's verdict on the oldest message that has none: its PUBACK or PUBREC comes from [`Session::next`], in the order of their
    /// PUBLISHes (\[MQTT-4.6.0-2\], \[MQTT-4.6.0-3\]). A message of QoS 2 that fails is not stored (5.0). 3.1.1 has no failures: the
    /// message is acknowledged, and not delivered by PUBREL.
    ///
    /// Whether it was a message at all.
    pub fn answer(&mut self, link: &mut Link, reason: ReasonCode) -> bool {
        let Some(Unanswered { id, kind }) = link.unanswered.pop_front() else { return false };
        let reason = match link.options.version {
            Version::V5 => reason,
            Version::V311 if reason.is_failure() => ReasonCode::UnspecifiedError,
            Version::V311 => ReasonCode::Success,
        };
        let is_v5 = link.options.version == Version::V5;
        let said = if is_v5 { reason } else { ReasonCode::Success };
        let reply = match kind {
            AnswerKind::AtLeastOnce => Packet::Puback(Ack::with_reason(id, said)),
            AnswerKind::Repeated if self.received.contains_key(&id) => Packet::Pubrec(Ack::new(id)),
            // What it repeats was refused.
            AnswerKind::Repeated => {
                link.complete(id);
                Packet::Pubrec(Ack::with_reason(id, ReasonCode::UnspecifiedError))
            }
            AnswerKind::ExactlyOnce(message) => {
                if said.is_failure() {
                    link.complete(id);
                } else {
                    self.received.insert(id, message.filter(|_| !reason.is_failure()));
                }
                Packet::Pubrec(Ack::with_reason(id, said))
            }
        };
        link.replies.push_back(reply);
        true
    }

    /// PUBREL: the message that is to be delivered now, by [`Method::A`]. PUBCOMP comes from [`Session::next`].
    pub fn on_pubrel(&mut self, link: &mut Link, id: PacketId) -> Option<Message> {
        link.complete(id);
        let stored = self.received.remove(&id);
        if self.received.is_empty() {
            // A map that has become empty keeps room for eleven.
            self.received = BTreeMap::new();
        }
        let ack = if stored.is_some() { Ack::new(id) } else { not_found(id, link) };
        link.replies.push_back(Packet::Pubcomp(ack));
        stored.flatten().map(|message| *message)
    }
}

/// One more message of QoS 1 or 2 may come (v5 §3.3.4: \[MQTT-3.3.4-7\], \[MQTT-3.3.4-9\]).
fn check_maximum(link: &Link) -> Result<(), Fault> {
    let at_least_once = link.unanswered.iter().filter(|other| other.kind == AnswerKind::AtLeastOnce).count();
    match at_least_once + link.uncompleted.len() >= usize::from(link.options.receive_maximum) {
        true if link.options.version == Version::V5 => {
            let reason = ReasonCode::ReceiveMaximumExceeded;
            Err(Fault::new(reason, "v5 §3.3.4", "more messages without an answer than the receive maximum"))
        }
        _ => Ok(()),
    }
}
