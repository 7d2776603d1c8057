//! What lives on a wire or in a box: packets and their encodings, links, devices, nodes, and one folder
//! per protocol.
//!
//! From the wire up:
//! - [`packet`]: IP packets, typed, with their RFC encodings; [`rope`]: payloads whose bulk costs nothing.
//! - [`link`]: the two halves of a link; [`queue`]: what waits for it, and in which order; [`device`]: what limits a host.
//! - [`channel`]: messages between two nodes beside the network, such as signalling.
//! - [`medium`]: LAN switches, buses and radio channels, which many nodes share; [`ieee802154`], [`lowpan`], [`lora`]: radios of constrained nodes.
//! - [`energy`]: what a device takes from its battery, and from what.
//! - [`nat`]: what NATs and firewalls remember.
//! - [`node`]: hosts and routers; [`app`]: what runs on them; [`element`]: nodes and media as entities of the kernel.
//! - [`tcp`], [`amqp`], [`coap`], [`dtls`], [`http`], [`mqtt`], [`ping`], [`stun`], [`turn`], [`traffic`]: protocols and traffic. Each folder has the same files: `mod.rs` tells the
//!   story, then encodings, configuration, machines, tests.
//! - [`recovery`]: what protocols that repair losses share: round trips, time-outs, ranges, extremes of late.
//! - [`ledger`]: what each level of delivery promises, held against what came.
//! - [`registry`]: the one place where an application is made known to scenarios.
//!
//! # To add a protocol
//! Copy the shape of [`coap`]: encodings in `wire`, a configuration type with units and sources, a pure
//! [`protosim_core::Machine`], an [`App`] that drives it. Then add a variant to
//! [`registry::AppConfig`]; the compiler names the arms that it needs.
//!
//! Nothing here knows files, graphs, sweeps or plots.

pub mod amqp;
pub mod app;
pub mod channel;
pub mod coap;
pub mod device;
pub mod dtls;
pub mod element;
pub mod energy;
pub mod http;
pub mod ice;
pub mod ieee802154;
pub mod layer;
mod lazy;
pub mod ledger;
pub mod length;
pub mod link;
pub mod lora;
pub mod lowpan;
pub mod meaning;
pub mod medium;
pub mod messaging;
pub mod mqtt;
pub mod name;
pub mod nat;
pub mod node;
pub mod observe;
pub mod packet;
pub mod ping;
pub mod queue;
pub mod recovery;
pub mod registry;
pub mod rope;
mod schema;
pub mod stun;
pub mod tcp;
#[cfg(test)]
mod testing;
pub mod tls;
pub mod traffic;
pub mod turn;

pub use app::{App, ChannelId, Host, HostError, SocketId, Total, TrafficClass};
pub use element::Element;
pub use node::Node;
pub use observe::{ExchangeId, Observation, Outcome};
pub use packet::Packet;
pub use protosim_core::CannotClone;
pub use rope::{Rope, Run};
