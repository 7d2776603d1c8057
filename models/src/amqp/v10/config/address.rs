//! Addresses of nodes, as RabbitMQ has them (`/queue/Q`, `/exchange/E/K`, `/topic/K`), and what they are called in the ledger.

use crate::amqp::client::names::{filter, topic};
use crate::amqp::v091::config::AmqpExchangeKind;

/// What an address stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::amqp::v10) enum Address {
    /// A queue.
    Queue(String),
    /// An exchange, and a routing or binding key.
    Exchange(String, String),
}

/// A part of an address, in which `%2F` is `/`.
fn part(text: &str) -> String {
    text.replace("%2F", "/")
}

impl Address {
    /// Reads one; `None` if there is no such thing. What does not begin with `/` is the name of a queue.
    pub(in crate::amqp::v10) fn read(text: &str) -> Option<Self> {
        let Some(rest) = text.strip_prefix('/') else {
            return (!text.is_empty()).then(|| Self::Queue(part(text)));
        };
        let parts: Vec<&str> = rest.split('/').collect();
        let address = match parts[..] {
            ["queue", name] | ["amq", "queue", name] => Self::Queue(part(name)),
            ["exchange", name] => Self::Exchange(part(name), String::new()),
            ["exchange", name, key] => Self::Exchange(part(name), part(key)),
            ["topic", key] => Self::Exchange("amq.topic".to_owned(), part(key)),
            _ => return None,
        };
        match &address {
            Self::Queue(name) | Self::Exchange(name, _) if name.is_empty() => None,
            _ => Some(address),
        }
    }

    /// What messages are called that are sent there.
    pub(in crate::amqp::v10) fn topic(&self) -> String {
        match self {
            Self::Queue(name) => topic("", name),
            Self::Exchange(name, key) => topic(name, key),
        }
    }

    /// What comes from there, as far as filters can say it and the exchange's kind is known; and who shares it.
    pub(in crate::amqp::v10) fn filter(&self) -> Option<(String, Option<&str>)> {
        let (name, key) = match self {
            Self::Queue(name) => return Some((topic("", name), Some(name))),
            Self::Exchange(name, key) => (name, key),
        };
        let kind = match name.as_str() {
            "amq.direct" => AmqpExchangeKind::Direct,
            "amq.fanout" => AmqpExchangeKind::Fanout,
            "amq.topic" => AmqpExchangeKind::Topic,
            _ => return None,
        };
        filter(name, kind, key).map(|filter| (filter, None))
    }

    /// The queue, if it is one.
    pub(in crate::amqp::v10) fn queue(&self) -> Option<&str> {
        match self {
            Self::Queue(name) => Some(name),
            Self::Exchange(..) => None,
        }
    }

    /// Whether what waits there goes with the link: it is in a queue that was made for it.
    pub(in crate::amqp::v10) const fn goes_with_link(&self) -> bool {
        matches!(self, Self::Exchange(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As RabbitMQ's plugin reads them; topics of queues are those of 0-9-1's default exchange.
    #[test]
    fn addresses_have_topics() {
        for (text, topic) in [
            ("q", "queue/q"),
            ("/queue/q", "queue/q"),
            ("/amq/queue/q", "queue/q"),
            ("/queue/a%2Fb", "queue/a%2Fb"),
            ("/exchange/e/a.b", "exchange/e/a/b"),
            ("/topic/a.b", "exchange/amq.topic/a/b"),
        ] {
            assert_eq!(Address::read(text).unwrap().topic(), topic, "{text}");
        }
        for text in ["", "/", "/queue", "/queue/", "/queue/a/b", "/exchange", "/exchange/", "/topics/a"] {
            assert_eq!(Address::read(text), None, "{text}");
        }
        let filter =
            |text| Address::read(text).unwrap().filter().map(|(filter, group)| (filter, group.map(str::to_owned)));
        assert_eq!(filter("q"), Some(("queue/q".into(), Some("q".into()))));
        assert_eq!(filter("/topic/a.*"), Some(("exchange/amq.topic/a/+".into(), None)));
        assert_eq!(filter("/exchange/amq.fanout"), Some(("exchange/amq.fanout/#".into(), None)));
        assert_eq!(filter("/exchange/e/k"), None, "its kind is not known");
    }
}
