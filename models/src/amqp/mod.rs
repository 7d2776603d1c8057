//! AMQP 0-9-1 (AMQP Working Group, 2008) with the extensions of RabbitMQ: frames, routing, queues, brokers and clients. AMQP 1.0 (OASIS 2012): [`v10`].
//!
//! # Where to find what
//! | file | has |
//! |---|---|
//! | [`v091::wire`] | methods, field tables, properties and frames; what takes them out of a stream; messages cut into frames and put together |
//! | [`broker`] | the broker: exchanges, queues and what is on disc, for all versions |
//! | [`v091::deliveries`] | one channel's delivery tags, and what they stand for |
//! | [`v091::config`] | what users say |
//! | `v091/broker` | what the broker says to clients of 0-9-1 |
//! | `v10/broker` | what it says to clients of 1.0 |
//! | `v091/client` | a client of 0-9-1 |
//! | `client` | what clients of both versions share |
//! | `flaw` | mistakes on purpose |
//! | `v091/vectors.rs`, `v091/tests/` | bytes of other implementations both ways; properties, scripts |
//!
//! Sections are those of the specification of 0-9-1; *RabbitMQ* marks what its extensions say, or where it decides what the specification leaves
//! open.
//!
//! # A message on its way
//! ```text
//!  stream ──▶ Decoder ──▶ Frame ──▶ Assembler ──▶ Command (method, and content)
//!                │ Fault               │ Fault       │ basic.publish
//!                ▼                     ▼             ▼
//!      connection.close or channel.close      Router::route ──▶ Queue::publish (one for each queue) ──▶ Queue::next
//!        with the reply code                                       │ Left: expired, too many, rejected    │
//!                                                                  ▼                                      ▼
//!                                                     Queue::dead_letter ──▶ Router::route   Deliveries::deliver ──▶ tag
//! ```
//! None of that knows a clock or a stream: times come in, and what is to be sent is asked for. [`AmqpClient`], [`Amqp10Client`] and [`AmqpBroker`] own it, and ride on
//! streams that they are given: TCP, or TLS over it.
//!
//! # What is not here yet
//! - What the broker does not have of AMQP 1.0: `v10/broker` says it.
//! - Clients have a channel for each publication and consumer, and neither purge, delete nor unbind; brokers do all of it.
//! - SASL mechanisms other than PLAIN, and ANONYMOUS in 1.0; several virtual hosts, permissions of users.
//! - Flow control by credit between a broker's own parts; a time-out of consumers that do not acknowledge; a limit of the disc.
//! - A disc of a client takes no time; a broker's does.
//! - Quorum queues and streams, consumer priorities, single active consumers, the headers `CC` and `BCC`: of RabbitMQ alone.
//! - Arguments of queues that are not known are ignored. A message whose properties do not fit into a frame that its consumer takes is a dead letter (`too_large_messages`); RabbitMQ sends a longer frame.
//! - Exchanges and bindings take no memory of the host.
//! - Clients have one prefetch for each consumer, none for a channel; they say `basic.ack` and `basic.reject`, not `basic.nack`; of properties their messages have headers, delivery mode, priority and expiration.
//! - `basic.recover-async` (deprecated): it is refused as not implemented.

pub mod broker;
mod client;
mod flaw;
pub mod v091;
pub mod v10;

pub use broker::{AmqpBroker, AmqpBrokerConfig};
pub use flaw::AmqpFlaw;
pub use v10::Amqp10Client;
pub use v10::config::Amqp10ClientConfig;
pub use v091::config::AmqpClientConfig;
pub use v091::{AmqpClient, AmqpClientCommon};

use crate::app::StreamOptions;
use crate::rope::Rope;
use crate::tcp::TcpConfig;
use std::borrow::Cow;
use std::sync::Arc;

/// The port of AMQP (IANA).
const PORT: u16 = 5672;
/// The port of AMQP over TLS (IANA).
const TLS_PORT: u16 = 5671;

/// A field by its path, and what is wrong.
type Placed = (Cow<'static, str>, String);

/// Processor time of reading a frame, per frame and byte.
const RECEIVE: &str = "amqp.receive";
/// Processor time of a broker's handing a message to a consumer, per message and byte of its body.
const DELIVER: &str = "amqp.deliver";
/// Processor time of writing a method with its message, per method and byte.
const SEND: &str = "amqp.send";
/// The operations that take processor time.
pub const OPERATIONS: [&str; 3] = [RECEIVE, DELIVER, SEND];

/// What the streams of an application are made of. Without Nagle's algorithm, unless it is asked for.
fn options(tcp: &TcpConfig) -> StreamOptions {
    let mut parameters = tcp.resolve();
    parameters.nagle = tcp.nagle.unwrap_or(false);
    StreamOptions { tcp: Arc::new(parameters), early_data: Rope::new() }
}
