//! What comes to a queue along bindings, in the ledger of messages.

use crate::amqp::client::names::{filter, of_queue};
use crate::amqp::v091::config::{AmqpClientConfig, AmqpExchangeKind};

fn kind_of(config: &AmqpClientConfig, exchange: &str) -> Option<AmqpExchangeKind> {
    match exchange {
        "amq.direct" => Some(AmqpExchangeKind::Direct),
        "amq.fanout" => Some(AmqpExchangeKind::Fanout),
        "amq.topic" => Some(AmqpExchangeKind::Topic),
        name => config.exchanges.iter().find(|one| one.name == name).map(|one| one.kind),
    }
}

/// What comes to a queue, as far as its consumer knows.
pub(super) fn filters(config: &AmqpClientConfig, queue: &str) -> Vec<String> {
    let bindings = config.bindings.iter().filter(|binding| binding.queue.as_deref() == Some(queue));
    let bound =
        bindings.filter_map(|binding| filter(&binding.exchange, kind_of(config, &binding.exchange)?, &binding.key));
    let mut all: Vec<String> = std::iter::once(of_queue(queue)).chain(bound).collect();
    all.sort_unstable();
    all.dedup();
    all
}
