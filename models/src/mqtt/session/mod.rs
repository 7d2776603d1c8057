//! Delivery between two ends: what a client and a broker have in common (v5 §4.3, §4.4, §4.6, §4.9; 3.1.1 §4.3, §4.4, §4.6).
//!
//! Pure: no clock, no stream. Packets and times go in, packets are asked for. What must outlive a connection, and may outlive its owner, is a
//! [`Session`]; what ends with the connection is a [`Link`]. An owner that crashes loses its links, and its sessions unless it has kept
//! them; a session without a link is one whose peer is away.
//!
//! | file | what |
//! |---|---|
//! | `message` | messages as sessions hold them |
//! | `state` | [`Session`]: what it sends, and in which order |
//! | `receive` | [`Session`]: what it receives |
//! | `link` | [`Link`]: quota, aliases, what was sent on this connection |
//! | `queue` | messages that wait, within limits |
//! | `alias` | topic aliases of both directions |
//! | `flaw` | mistakes on purpose |
//!
//! # A message that is sent
//! ```text
//!            publish          next, window open              PUBACK
//!  QoS 1  ───────────▶ queued ─────────────────▶ PUBLISH sent ───────▶ done, its identifier is free
//!                                                 │ PUBREC             PUBCOMP
//!  QoS 2   as above                               └───────▶ PUBREL sent ──────▶ done, its identifier is free
//!                                                 │ PUBREC ≥ 0x80 (5.0)
//!                                                 └───────▶ done, failed, its identifier is free
//! ```
//! With a new link, what stands in the two states that wait is sent again: first each PUBREL, in the order of their PUBRECs, then each
//! PUBLISH with DUP, in the order in which they were sent (\[MQTT-4.4.0-1\], \[MQTT-4.6.0-1\], \[MQTT-4.6.0-4\]); then what is queued. Nothing
//! is sent twice on one link.
//!
//! # A message of QoS 2 that is received (§4.3.3)
//! | | PUBLISH | its repetition | PUBREL |
//! |---|---|---|---|
//! | [`Method::A`] | stored, PUBREC | PUBREC | delivered, PUBCOMP |
//! | [`Method::B`] | delivered, PUBREC | PUBREC | PUBCOMP |
//!
//! # Choices
//! - Identifiers go round: each is used again only after all others that are free have been.
//! - The window of new messages is the smaller of the peer's receive maximum and [`Limits::max_in_flight`], which counts what waits for PUBCOMP as
//!   well. A PUBCOMP for what was published on a connection before gives no quota back, though v5 §4.9 lets it: it took none on this one, and
//!   a receiver may count (0x93).
//! - Messages of QoS 0 do not wait for the window, and pass those that do. They end with their link, unless they came while there was none and
//!   [`Limits::queue_qos0`] keeps them.
//! - The expiry that is sent is what was received less the whole seconds that the message has waited (\[MQTT-3.3.2-6\]): 10 s
//!   less 2.9 s is 8 s. Expired is a message whose delivery has not begun (\[MQTT-3.3.2-5\]); one that is sent again goes on, at 0 s at last.
//! - A SUBSCRIBE or UNSUBSCRIBE without an answer ends with its link: it is no state of a session (v5 §4.1).

mod alias;
mod flaw;
mod link;
mod message;
mod queue;
mod receive;
mod state;

pub use alias::AliasPolicy;
pub use flaw::MqttFlaw;
pub use link::{Link, LinkOptions};
pub use message::{Content, Message};
pub use queue::{Offered, Overflow};
pub use receive::Arrival;
pub use state::{Completed, Outgoing, Session, Unsent};

/// What sessions may take, the same for all of one owner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Messages of QoS 1 and 2 that are sent and not done. Default: 20, as mosquitto's `max_inflight_messages`.
    pub max_in_flight: u16,
    /// Messages that wait beside those. Default: 1000, as mosquitto's `max_queued_messages`.
    pub max_queued: u32,
    /// Topics and payloads of those \[bytes\]. Default: without a limit, as mosquitto's `max_queued_bytes`.
    pub max_queued_bytes: u64,
    /// What happens beyond. Default: the newest is dropped, as mosquitto does.
    pub overflow: Overflow,
    /// Whether messages of QoS 0 wait for a peer that is away. Default: no, as mosquitto's `queue_qos0_messages`.
    pub queue_qos0: bool,
    /// How messages of QoS 2 are received. Default: method A, as mosquitto.
    pub method: Method,
    /// A mistake on purpose. Default: none.
    pub flaw: Option<MqttFlaw>,
}

/// When a message of QoS 2 is delivered (v5 §4.3.3, figure 4.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Method {
    /// With its PUBREL; it is stored until then.
    #[default]
    A,
    /// With its PUBLISH; its identifier is stored until PUBREL.
    B,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_in_flight: 20,
            max_queued: 1000,
            max_queued_bytes: u64::MAX,
            overflow: Overflow::DropNewest,
            queue_qos0: false,
            method: Method::A,
            flaw: None,
        }
    }
}
