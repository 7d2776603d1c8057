//! Tests of MQTT, by what they hold true.

mod faults;
mod packets;

mod topics;

use super::topic::TopicFilter;
use super::wire::Text;

fn text(text: &str) -> Text {
    Text::new(text).unwrap()
}

fn filter(filter: &str) -> TopicFilter {
    TopicFilter::new(text(filter)).unwrap()
}
