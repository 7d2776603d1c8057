//! What a user says of links.

use super::Amqp10ClientConfig;
use crate::amqp::Placed;
use crate::amqp::client::config::{Schedule, usual_interval, usual_payload};
use crate::amqp::v10::address::Address;
use crate::traffic::{SizeDistribution, TimeDistribution};
use protosim_core::{Ratio, Span};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// How the two ends of a link settle deliveries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum AmqpSettlement {
    /// The sender, when it sends: at most once.
    Settled,
    /// The receiver first, with its outcome: at least once.
    #[default]
    First,
    /// The receiver second, when the sender has settled: exactly once, as long as both ends keep what is not settled across connections.
    Second,
}

/// What a receiver says of a message that it does not accept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum AmqpOutcome {
    /// It is invalid: a dead letter, or gone.
    #[default]
    Rejected,
    /// It was not acted upon: it goes back.
    Released,
    /// It goes back, and counts as a delivery that has failed.
    Modified,
}

/// A link that a client sends on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmqpSenderConfig {
    /// Where messages go to: `/queue/Q`, `/exchange/E/K` with a routing key, `/topic/K` for the exchange `amq.topic`; `Q` alone is `/queue/Q`. `%2F` is a `/` in a name. Required.
    pub address: String,
    /// How deliveries are settled. Default: First.
    #[serde(default)]
    pub settle: AmqpSettlement,
    /// How many messages may be unsettled; 1 for one after the other. Default: as many as the broker gives credit for.
    #[serde(default)]
    pub window: Option<u32>,
    /// Messages are durable: in durable queues they outlive a restart of the broker. Default: false.
    #[serde(default)]
    pub durable: bool,
    /// Their priority, 0 to 255. Default: none, which is 4.
    #[serde(default)]
    pub priority: Option<u8>,
    /// How long messages are good for, in whole milliseconds below 2^32. Default: forever.
    #[serde(default)]
    pub ttl: Option<Span>,
    /// Their application properties, names and texts. Default: none.
    #[serde(default)]
    pub properties: Vec<(String, String)>,
    /// The data, at least 16 B: what it begins with names the link's messages and counts. Default: 64 B (our choice).
    #[serde(default = "usual_payload")]
    pub payload: SizeDistribution,
    /// When the first message is due, after the node's start by its own clock. Default: when the client starts.
    #[serde(default)]
    pub start: Option<Span>,
    /// From one message to the next. Default: 1 s (our choice).
    #[serde(default = "usual_interval")]
    pub interval: TimeDistribution,
    /// How many messages there are. Default: no limit.
    #[serde(default)]
    pub count: Option<u64>,
}

/// A link that a client receives on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmqpReceiverConfig {
    /// Where messages come from: `/queue/Q`, `/exchange/E/K` with a binding key, `/topic/K` for the exchange `amq.topic`; `Q` alone is `/queue/Q`. `%2F` is a `/` in a name. Required.
    pub address: String,
    /// How deliveries are settled. Default: First.
    #[serde(default)]
    pub settle: AmqpSettlement,
    /// How many messages may be on their way or not settled by both; given anew when half of it can be. Default: 100 (our choice).
    #[serde(default)]
    pub credit: Option<u32>,
    /// After how many messages it says that it accepts them, with one disposition. What is read at once is answered together in any case. Default: 1.
    #[serde(default = "one")]
    pub acknowledge: u32,
    /// Which share of the messages it does not accept. Default: 0 %.
    #[serde(default)]
    pub reject: Ratio,
    /// What it says of those. Default: Rejected.
    #[serde(default)]
    pub outcome: AmqpOutcome,
    /// It asks for messages one by one, with a credit of one that is to be used up (drain), and again after so long where there was none. Default: the broker sends them.
    #[serde(default)]
    pub get: Option<Span>,
}

const fn one() -> u32 {
    1
}

/// Of a receiver (our choice).
const USUAL_CREDIT: u32 = 100;

fn check_address(address: &str) -> Option<String> {
    // An attach has to fit into the smallest frame (§2.8.19).
    if address.len() > 255 {
        return Some("has at most 255 bytes".to_owned());
    }
    let why = "is /queue/NAME, /exchange/NAME/KEY, /topic/KEY or the name of a queue";
    Address::parse(address).is_err().then(|| why.to_owned())
}

impl AmqpSenderConfig {
    /// To an address, with everything else at its default.
    pub fn new(address: &str, settle: AmqpSettlement) -> Self {
        Self {
            address: address.to_owned(),
            settle,
            window: None,
            durable: false,
            priority: None,
            ttl: None,
            properties: Vec::new(),
            payload: usual_payload(),
            start: None,
            interval: usual_interval(),
            count: None,
        }
    }

    pub(in crate::amqp::v10) const fn schedule(&self) -> Schedule<'_> {
        Schedule { payload: &self.payload, start: self.start, interval: &self.interval, count: self.count }
    }

    pub(super) fn check(&self, index: usize, client: &Amqp10ClientConfig, found: &mut Vec<Placed>) {
        let mut wrong = |field: &str, why| found.push((Cow::Owned(format!("senders.{index}.{field}")), why));
        check_address(&self.address).into_iter().for_each(|why| wrong("address", why));
        match self.window {
            Some(0) => wrong("window", "is at least 1: nothing would be sent".to_owned()),
            Some(_) if self.settle == AmqpSettlement::Settled => {
                wrong("window", "has no effect: messages are settled when they are sent (`settle`)".to_owned());
            }
            _ => {}
        }
        if let Some(ttl) = self.ttl {
            let is_right =
                ttl.as_nanos().is_multiple_of(1_000_000) && ttl.as_nanos() / 1_000_000 <= u64::from(u32::MAX);
            if !is_right {
                wrong("ttl", format!("is a whole number of milliseconds below 2^32, not {ttl}"));
            }
        }
        let bytes: usize = self.properties.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > 1 << 20 {
            wrong("properties", "have at most 1 MiB together".to_owned());
        }
        for (at, (name, _)) in self.properties.iter().enumerate() {
            if self.properties[..at].iter().any(|(other, _)| other == name) {
                wrong("properties", format!("have `{name}` twice"));
            }
        }
        self.schedule().check(client.stop, wrong);
    }
}

impl AmqpReceiverConfig {
    /// From an address, with everything else at its default.
    pub fn new(address: &str, settle: AmqpSettlement) -> Self {
        Self {
            address: address.to_owned(),
            settle,
            credit: None,
            acknowledge: one(),
            reject: Ratio::default(),
            outcome: AmqpOutcome::default(),
            get: None,
        }
    }

    /// How many messages may be on their way or without an outcome.
    pub(in crate::amqp::v10) fn credit(&self) -> u32 {
        self.credit.unwrap_or(USUAL_CREDIT)
    }

    pub(super) fn check(&self, index: usize, found: &mut Vec<Placed>) {
        let mut wrong = |field: &str, why| found.push((Cow::Owned(format!("receivers.{index}.{field}")), why));
        check_address(&self.address).into_iter().for_each(|why| wrong("address", why));
        let rejects = self.reject > Ratio::default();
        if self.credit == Some(0) {
            wrong("credit", "is at least 1: nothing would come".to_owned());
        }
        if self.acknowledge == 0 {
            wrong("acknowledge", "is at least 1: nothing would be accepted".to_owned());
        }
        match (self.settle, self.get) {
            (AmqpSettlement::Settled, _) => {
                if self.acknowledge > 1 {
                    wrong("acknowledge", "has no effect: messages are settled when they come (`settle`)".to_owned());
                }
                if rejects {
                    wrong("reject", "has no effect: messages are settled when they come (`settle`)".to_owned());
                }
            }
            (_, Some(_)) if self.acknowledge > 1 => {
                wrong("acknowledge", "is 1 where messages are asked for one by one (`get`)".to_owned());
            }
            (_, None) if self.acknowledge > self.credit() => {
                let why = "is of no more messages than `credit` lets come: it would wait for good";
                wrong("acknowledge", why.to_owned());
            }
            _ => {}
        }
        if self.outcome != AmqpOutcome::default() && !rejects {
            wrong("outcome", "has no effect: all messages are accepted (`reject`)".to_owned());
        }
        match self.get {
            Some(interval) if interval.is_zero() => wrong("get", "is longer than zero".to_owned()),
            Some(_) if self.credit.is_some() => {
                wrong("credit", "has no effect: messages are asked for one by one (`get`)".to_owned());
            }
            _ => {}
        }
    }
}
