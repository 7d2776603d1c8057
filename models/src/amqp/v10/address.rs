//! Addresses of nodes, as RabbitMQ's plugin has them, and what they are called in the ledger.

use super::wire::{Condition, Fault};
use crate::amqp::client::names::{filter, topic};
use crate::amqp::v091::config::AmqpExchangeKind;
use crate::amqp::v091::wire::ShortStr;

/// What an address means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Address {
    /// `/queue/NAME`, or `NAME`: a queue, which is made if there is none.
    Queue(ShortStr),
    /// `/amq/queue/NAME`: a queue that there is.
    Known(ShortStr),
    /// `/exchange/NAME`, `/exchange/NAME/KEY`, `/topic/KEY`: an exchange, and a routing or binding key.
    Exchange(ShortStr, Option<ShortStr>),
}

const fn wrong(why: &'static str) -> Fault {
    Fault::new(Condition::InvalidField, "RabbitMQ: addresses", why)
}

/// A part of an address, percent-encoded (RFC 3986 §2.1).
fn name(part: &str) -> Result<ShortStr, Fault> {
    const NOT_ENCODED: Fault = wrong("an address is not percent-encoded");
    let (mut bytes, mut rest) = (Vec::new(), part.bytes());
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(NOT_ENCODED) };
        // Two hexadecimal digits.
        bytes.push((high << 4 | low) as u8);
    }
    let text = String::from_utf8(bytes).map_err(|_| NOT_ENCODED)?;
    ShortStr::new(&text).map_err(|_| wrong("a name in an address is too long, or has U+0000"))
}

impl Address {
    /// # Errors
    /// `amqp:invalid-field` where it is none.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts[..] {
            [""] => Err(wrong("there is no address")),
            [queue] => Ok(Self::Queue(name(queue)?)),
            ["", "queue", queue] if !queue.is_empty() => Ok(Self::Queue(name(queue)?)),
            ["", "amq", "queue", queue] if !queue.is_empty() => Ok(Self::Known(name(queue)?)),
            ["", "exchange", exchange] => Ok(Self::Exchange(name(exchange)?, None)),
            ["", "exchange", exchange, key] => Ok(Self::Exchange(name(exchange)?, Some(name(key)?))),
            ["", "topic", key] => Ok(Self::Exchange(ShortStr::cut("amq.topic"), Some(name(key)?))),
            _ => Err(wrong("an address is of no known form")),
        }
    }

    /// The address of a queue that there is.
    pub(super) fn of_queue(queue: &str) -> String {
        let mut address = "/queue/".to_owned();
        for byte in queue.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => address.push(char::from(byte)),
                byte => address.push_str(&format!("%{byte:02X}")),
            }
        }
        address
    }

    /// What messages are called that are sent there.
    pub(super) fn topic(&self) -> String {
        match self {
            Self::Queue(name) | Self::Known(name) => topic("", name),
            Self::Exchange(name, key) => topic(name, key.as_deref().unwrap_or_default()),
        }
    }

    /// What comes from there, as far as filters can say it and the exchange's kind is known; and who shares it.
    pub(super) fn filter(&self) -> Option<(String, Option<&str>)> {
        let (name, key) = match self {
            Self::Queue(name) | Self::Known(name) => return Some((topic("", name), Some(name))),
            Self::Exchange(name, key) => (name, key.as_deref().unwrap_or_default()),
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
    pub(super) fn queue(&self) -> Option<&str> {
        match self {
            Self::Queue(name) | Self::Known(name) => Some(name),
            Self::Exchange(..) => None,
        }
    }

    /// Whether what waits there goes with the link: it is in a queue that was made for it.
    pub(super) const fn goes_with_link(&self) -> bool {
        matches!(self, Self::Exchange(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(text: &str) -> ShortStr {
        ShortStr::new(text).unwrap()
    }

    /// The forms of RabbitMQ's plugin; %2F is a slash, %25 a percent sign (RFC 3986 §2.1).
    #[test]
    fn addresses_are_of_queues_and_exchanges() {
        for (text, address) in [
            ("q", Address::Queue(s("q"))),
            ("/queue/a%2Fb%25", Address::Queue(s("a/b%"))),
            ("/amq/queue/q", Address::Known(s("q"))),
            ("/exchange/e", Address::Exchange(s("e"), None)),
            ("/exchange/e/k.%C3%A9", Address::Exchange(s("e"), Some(s("k.é")))),
            ("/exchange//k", Address::Exchange(s(""), Some(s("k")))),
            ("/topic/a.*", Address::Exchange(s("amq.topic"), Some(s("a.*")))),
        ] {
            assert_eq!(Address::parse(text), Ok(address), "{text}");
        }
        for text in ["", "/", "/queue", "/queue/", "/queue/a/b", "/exchange/e/k/l", "/other/q", "%", "%4", "%zz", "%ff"]
        {
            assert_eq!(Address::parse(text).map_err(|fault| fault.condition), Err(Condition::InvalidField), "{text}");
        }
        assert_eq!(Address::parse(&Address::of_queue("a/b%é")), Ok(Address::Queue(s("a/b%é"))));
    }

    /// Topics of queues are those of 0-9-1's default exchange.
    #[test]
    fn addresses_have_topics() {
        let read = |text| Address::parse(text).unwrap();
        for (text, topic) in [
            ("q", "queue/q"),
            ("/queue/q", "queue/q"),
            ("/amq/queue/q", "queue/q"),
            ("/queue/a%2Fb", "queue/a%2Fb"),
            ("/exchange/e/a.b", "exchange/e/a/b"),
            ("/topic/a.b", "exchange/amq.topic/a/b"),
        ] {
            assert_eq!(read(text).topic(), topic, "{text}");
        }
        let filter = |text| read(text).filter().map(|(filter, group)| (filter, group.map(str::to_owned)));
        assert_eq!(filter("q"), Some(("queue/q".into(), Some("q".into()))));
        assert_eq!(filter("/topic/a.*"), Some(("exchange/amq.topic/a/+".into(), None)));
        assert_eq!(filter("/exchange/amq.fanout"), Some(("exchange/amq.fanout/#".into(), None)));
        assert_eq!(filter("/exchange/e/k"), None, "its kind is not known");
    }
}
