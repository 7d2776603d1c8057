//! Tests of MQTT, by what they hold true.

mod apps;
mod faults;
mod limits;
mod options;
mod packets;
mod promises;
mod refuse;
mod requests;
mod sessions;
mod table;
mod topics;

use super::topic::TopicFilter;
use super::wire::{PacketId, Text};

fn text(text: &str) -> Text {
    Text::new(text).unwrap()
}

fn filter(filter: &str) -> TopicFilter {
    TopicFilter::new(text(filter)).unwrap()
}

fn id(number: u16) -> PacketId {
    PacketId::new(number).unwrap()
}
