//! What a datagram means to CoAP, for rules that name what a link drops.

use super::wire::{CodeClass, Message, Type};
use crate::meaning::Meaning;
use crate::rope::{Rope, Run};
use protosim_core::Digest;

/// Kinds of packets that are of CoAP.
pub const KINDS: [&str; 7] = ["coap", "coap.con", "coap.non", "coap.ack", "coap.rst", "coap.request", "coap.response"];

/// What a datagram means, if it is a CoAP message. The exchange is its token's; an empty message, which has none, belongs to
/// its message id's. The message is its message id and type.
pub fn meaning(datagram: &Rope) -> Option<Meaning> {
    // Virtual bytes alone are never CoAP; those of a payload may follow real ones.
    if !matches!(datagram.runs().first(), Some(Run::Bytes(_))) {
        return None;
    }
    let message = Message::decode(datagram).ok()?;
    let kind = match message.message_type {
        Type::Confirmable => "coap.con",
        Type::NonConfirmable => "coap.non",
        Type::Acknowledgement => "coap.ack",
        Type::Reset => "coap.rst",
    };
    let mut kinds = vec!["coap", kind];
    match message.code.use_of() {
        CodeClass::Request => kinds.push("coap.request"),
        CodeClass::Empty => {}
        _ => kinds.push("coap.response"),
    }
    let mut exchange = Digest::START;
    match message.code.use_of() {
        CodeClass::Empty => exchange.mix(u64::from(message.message_id.0)),
        _ => exchange.mix_bytes(message.token.as_bytes()),
    }
    Some(Meaning::new(&kinds, exchange.value(), u64::from(message.message_id.0)))
}
