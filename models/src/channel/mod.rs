//! Channels: what joins two nodes beside the network, such as the signalling over which callers agree.
//!
//! How an offer reaches a callee (a web service, SIP proxies, a push message) decides when it comes and whether it does, and nothing
//! else here: it passes no NAT that is to be opened, and no link that is to be loaded. So a channel has no addresses, no rate and
//! no queue, and no route leads over it. A message is lost, or arrives after the delay, whole, whatever the network does meanwhile.
//!
//! - Two directions, each with luck of its own: what links do by chance ([`crate::link::impair`]), message by message.
//! - An end belongs to a node. An application asks for it by name ([`Host::channel`](crate::app::Host::channel)), sends
//!   ([`Host::signal`](crate::app::Host::signal)), and gets what arrives ([`App::on_signal`](crate::app::App::on_signal)).
//! - A node without power neither sends nor hears; what is under way to it is lost, unless it is up again by then. An application that
//!   starts anew asks for its channel anew.
//! - Under the kernel a channel is two wires. A message travels as a packet from and to no address (`Packet::message`), which no capture shows and no count of packets has: messages have counts and a balance of
//!   their own ([`ChannelCounts`](crate::node::ChannelCounts), [`audit_messages`](crate::node::audit_messages)).
//!
//! Not modelled: what carries the messages. They have no headers, no segments, no acknowledgments: who needs to know that a message
//! has come says so in one of its own.

mod config;

pub use config::{ChannelConfig, ChannelDirection};

/// Which of the channels that end at a node is meant by `name`: the one called so; else, where `name` stands for a group of channels
/// (`call-0`, `call-1` and on for `call`), the only one of these.
///
/// # Errors
/// How many of the group end there, if not one: none, or several.
pub fn find<'a>(names: impl Iterator<Item = &'a str> + Clone, name: &str) -> Result<usize, usize> {
    if let Some(index) = names.clone().position(|own| own == name) {
        return Ok(index);
    }
    let mut members = names.enumerate().filter(|(_, own)| is_member(own, name)).map(|(index, _)| index);
    match (members.next(), members.count()) {
        (Some(index), 0) => Ok(index),
        (Some(_), others) => Err(1 + others),
        (None, _) => Err(0),
    }
}

/// True for `call-3` and `call`.
fn is_member(name: &str, of: &str) -> bool {
    let number = name.strip_prefix(of).and_then(|rest| rest.strip_prefix('-'));
    number.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()))
}

/// The longest message that a channel takes \[bytes\].
pub const MAX_MESSAGE_LEN: u64 = 60_000;
