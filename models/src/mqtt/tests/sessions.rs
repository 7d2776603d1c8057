//! Delivery between two ends, step by step, with packets that are written and read on the way.

mod pair;
mod receiving;
mod sending;

use super::{id, text};
use crate::mqtt::session::{Arrival, Limits, Link, LinkOptions, Message, Offered, Outgoing, Session};
use crate::mqtt::wire::{Ack, Packet, Publish, QoS, Version};
use crate::rope::Rope;
use protosim_core::{LocalTime, Span};

const V311: Version = Version::V311;
const V5: Version = Version::V5;

fn at(seconds: u64) -> LocalTime {
    LocalTime::ZERO + Span::from_secs(seconds)
}

/// A message whose payload is its token.
fn message(qos: QoS, token: u64) -> Message {
    let payload = Rope::from(token.to_string().into_bytes());
    Message { token, ..Message::new(text("a/b"), payload, qos) }
}

fn qos_1(token: u64) -> Message {
    message(QoS::AtLeastOnce, token)
}

fn qos_2(token: u64) -> Message {
    message(QoS::ExactlyOnce, token)
}

/// A sender with its connection.
struct Sender {
    session: Session,
    link: Link,
    limits: Limits,
    now: LocalTime,
}

impl Sender {
    fn new(options: LinkOptions, limits: Limits) -> Self {
        let session = Session::new();
        Self { link: Link::new(&session, options), session, limits, now: LocalTime::ZERO }
    }

    fn publish(&mut self, message: Message) -> Offered {
        self.session.publish(Some(&mut self.link), &self.limits, message)
    }

    /// All that may be sent now.
    fn all(&mut self) -> Vec<Outgoing> {
        std::iter::from_fn(|| self.session.next(&mut self.link, &self.limits, self.now)).collect()
    }

    /// The same, in words: packet, identifier, `D` for DUP, payload.
    fn said(&mut self) -> Vec<String> {
        self.all().into_iter().map(|out| word(&out)).collect()
    }

    fn reconnect(&mut self, options: LinkOptions) {
        self.link = Link::new(&self.session, options);
    }
}

fn word(out: &Outgoing) -> String {
    match out {
        Outgoing::Packet(Packet::Publish(publish)) => {
            let number = publish.delivery.id().map_or(0, |id| id.get());
            let dup = if publish.delivery.is_dup() { "D" } else { "" };
            let payload = String::from_utf8(publish.payload.to_bytes().to_vec()).unwrap();
            format!("PUBLISH {number}{dup} {payload}")
        }
        Outgoing::Packet(packet) => match packet {
            Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
                format!("{} {} {:02x}", packet.name(), ack.id.get(), ack.reason.as_u8())
            }
            other => other.name().to_owned(),
        },
        Outgoing::Dropped(message, why) => format!("{why:?} {}", message.token),
    }
}
