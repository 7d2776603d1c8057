//! What exchanges, keys and queues are called in the ledger of messages, whichever version of AMQP names them.

use crate::amqp::v091::config::AmqpExchangeKind;

/// A name as one part of a topic.
fn escaped(name: &str, out: &mut String) {
    for letter in name.chars() {
        match letter {
            '%' => out.push_str("%25"),
            '/' => out.push_str("%2F"),
            '+' => out.push_str("%2B"),
            '#' => out.push_str("%23"),
            letter => out.push(letter),
        }
    }
}

/// The topic of what goes to a queue by the default exchange.
pub(in crate::amqp) fn of_queue(queue: &str) -> String {
    let mut topic = "queue/".to_owned();
    escaped(queue, &mut topic);
    topic
}

/// The topic of messages that are published to an exchange with a key.
pub(in crate::amqp) fn topic(exchange: &str, key: &str) -> String {
    if exchange.is_empty() {
        return of_queue(key);
    }
    let mut topic = "exchange/".to_owned();
    escaped(exchange, &mut topic);
    for word in crate::amqp::broker::exchange::words(key) {
        topic.push('/');
        escaped(word, &mut topic);
    }
    topic
}

/// The filter of what a binding takes; `None` if filters cannot say it.
pub(in crate::amqp) fn filter(exchange: &str, kind: AmqpExchangeKind, key: &str) -> Option<String> {
    match kind {
        AmqpExchangeKind::Direct => Some(topic(exchange, key)),
        AmqpExchangeKind::Fanout => Some(format!("{}/#", topic(exchange, ""))),
        AmqpExchangeKind::Headers => None,
        AmqpExchangeKind::Topic => {
            let mut filter = topic(exchange, "");
            let mut words = crate::amqp::broker::exchange::words(key).peekable();
            while let Some(word) = words.next() {
                filter.push('/');
                match word {
                    "*" => filter.push('+'),
                    "#" if words.peek().is_some() => return None,
                    "#" => filter.push('#'),
                    word => escaped(word, &mut filter),
                }
            }
            Some(filter)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::topic::matches;

    /// As the broker routes: words, any word, any words; names that have letters of the ledger's own.
    #[test]
    fn topics_match_as_bindings_do() {
        use AmqpExchangeKind::{Direct, Fanout, Topic};
        for (kind, bound, key, is_match) in [
            (Direct, "a.b", "a.b", true),
            (Direct, "a.*", "a.b", false),
            (Direct, "a/b", "a.b", false),
            (Direct, "+", "a", false),
            (Fanout, "x", "a.b", true),
            (Fanout, "", "", true),
            (Topic, "a.*", "a.b", true),
            (Topic, "a.*", "a", false),
            (Topic, "a.#", "a", true),
            (Topic, "#", "", true),
            (Topic, "*", "", false),
            (Topic, "a.b", "a/b", false),
        ] {
            let filter = filter("e", kind, bound).unwrap();
            assert_eq!(matches(&filter, &topic("e", key)), is_match, "{kind:?} {bound} {key}");
        }
        assert_eq!(filter("e", Topic, "#.a"), None);
        assert!(!matches(&topic("e", "q"), &topic("", "q")));
        assert_eq!((topic("", "a.b"), topic("e/f", "50%.#")), ("queue/a.b".into(), "exchange/e%2Ff/50%25/%23".into()));
    }
}
