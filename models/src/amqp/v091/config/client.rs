//! What a user says of a client.

use super::declare::check_expiration;
use super::{
    AmqpBindingConfig, AmqpBrokerConfig, AmqpExchangeConfig, AmqpQueueConfig, PORT, Placed, TLS_PORT, check_frame_max,
    check_heartbeat, check_short,
};
use crate::messaging::ReconnectConfig;
use crate::name::NodeName;
use crate::tcp::TcpConfig;
use crate::tcp::config::{Finding, Role};
use crate::tls::TlsClientConfig;
use crate::traffic::{SizeDistribution, TimeDistribution, check_port};
use protosim_core::{Ratio, Size, Span};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// A client of AMQP 0-9-1, which declares, publishes and consumes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmqpClientConfig {
    /// The node that the broker runs on. Required.
    pub to: NodeName,
    /// The broker's TCP port, 1 to 65535. Default: 5672, or 5671 with `tls`.
    #[serde(default)]
    pub port: Option<u16>,
    /// User name, for SASL PLAIN. Default: `guest` (RabbitMQ's clients).
    #[serde(default = "guest")]
    pub username: String,
    /// Password. Default: `guest`.
    #[serde(default = "guest")]
    pub password: String,
    /// The virtual host. Default: `/`.
    #[serde(default = "root")]
    pub vhost: String,
    /// The time of heartbeats, in whole seconds up to 65535 s; 0 s for none. Of both ends' the lower one holds: one that says nothing for half of it sends one, and
    /// one that hears nothing for twice as long gives up. Default: 60 s.
    #[serde(default = "usual_heartbeat")]
    pub heartbeat: Span,
    /// The largest frame that it takes, at least 4096 B. Of both ends' the lower one holds. Default: 131072 B.
    #[serde(default = "usual_frame_max")]
    pub frame_max: Size,
    /// Exchanges that it declares with each connection. Default: none.
    #[serde(default)]
    pub exchanges: Vec<AmqpExchangeConfig>,
    /// Queues that it declares with each connection. Default: none.
    #[serde(default)]
    pub queues: Vec<AmqpQueueConfig>,
    /// Bindings that it makes with each connection. All that is declared goes out at once, on one channel, and is waited for before anything else. Default: none.
    #[serde(default)]
    pub bindings: Vec<AmqpBindingConfig>,
    /// What it publishes, each on a channel of its own. Default: nothing.
    #[serde(default)]
    pub publications: Vec<AmqpPublicationConfig>,
    /// What it consumes, each on a channel of its own. Default: nothing.
    #[serde(default)]
    pub consumers: Vec<AmqpConsumerConfig>,
    /// What it does when its connection, or one of its channels, is lost. Default: opens it again after 1 s, and after twice as long each time, up to 120 s.
    #[serde(default)]
    pub reconnect: ReconnectConfig,
    /// Messages of a publication that wait to be sent; beyond, new ones fail. Default: 1000 (our choice).
    #[serde(default = "usual_waiting")]
    pub max_waiting: u32,
    /// Its messages that are not done, and the counts of its publications, outlive a loss of power. Default: false.
    #[serde(default)]
    pub durable: bool,
    /// How long it waits until a connection is open. Default: 30 s (our choice).
    #[serde(default = "thirty_seconds")]
    pub connect_timeout: Span,
    /// When it connects first, after the node's start by its own clock. Default: 0 s.
    #[serde(default)]
    pub start: Span,
    /// When it closes its connection, for good. Default: never.
    #[serde(default)]
    pub stop: Option<Span>,
    /// Its TCP. Default: as Linux has it, but without Nagle's algorithm.
    #[serde(default)]
    pub tcp: TcpConfig,
    /// TLS over it. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<TlsClientConfig>>,
}

/// How a publisher knows that its messages are there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum AmqpConfirms {
    /// It does not: a message is done when it is written to the stream.
    #[default]
    None,
    /// Publisher confirms, one message after the other: each waits for the confirm of the one before.
    Each,
    /// Publisher confirms, with at most so many messages that wait for theirs.
    Window(u32),
    /// Publisher confirms, so many messages at a time: the next ones wait for all confirms.
    Batch(u32),
    /// Transactions of so many messages: they are done with the commit, for which the next ones wait. What is left at the end is committed with the last message.
    Transaction(u32),
}

/// How a consumer acknowledges.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum AmqpAcks {
    /// Not at all (`no-ack`): what is sent is done with, and there is no prefetch.
    None,
    /// Each message by itself.
    #[default]
    Each,
    /// So many messages at once, with `multiple`.
    Multiple(u32),
}

/// What a client publishes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmqpPublicationConfig {
    /// The exchange; empty for the default one, where `key` is a queue. Default: empty.
    #[serde(default)]
    pub exchange: String,
    /// The routing key. Default: empty.
    #[serde(default)]
    pub key: String,
    /// How it knows that messages are there. Default: None.
    #[serde(default)]
    pub confirms: AmqpConfirms,
    /// Messages are persistent: in durable queues they outlive a restart of the broker. Default: false.
    #[serde(default)]
    pub persistent: bool,
    /// Messages come back that are for no queue. Default: false.
    #[serde(default)]
    pub mandatory: bool,
    /// Their priority, 0 to 255. Default: none, which is 0.
    #[serde(default)]
    pub priority: Option<u8>,
    /// How long messages are good for in a queue, in whole milliseconds below 2^32. Default: as long as their queue lets them.
    #[serde(default)]
    pub expiration: Option<Span>,
    /// Their headers, names and texts. Default: none.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The body, at least 16 B: what it begins with names the publication and counts. Default: 64 B (our choice).
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

/// What a client consumes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmqpConsumerConfig {
    /// The queue. Required.
    pub queue: String,
    /// How many messages it may have without acknowledgement; 0 for no limit. Default: 0.
    #[serde(default)]
    pub prefetch: u16,
    /// How it acknowledges. Default: Each.
    #[serde(default)]
    pub acknowledge: AmqpAcks,
    /// Which share of the messages it rejects instead. Default: 0 %.
    #[serde(default)]
    pub reject: Ratio,
    /// What it rejects goes back into the queue; if not, it is a dead letter, or gone. Default: false.
    #[serde(default)]
    pub requeue: bool,
    /// It is the queue's only consumer. Default: false.
    #[serde(default)]
    pub exclusive: bool,
    /// It asks for messages one by one (`basic.get`), and again after so long where there was none. Default: the broker sends them.
    #[serde(default)]
    pub get: Option<Span>,
}

fn guest() -> String {
    "guest".to_owned()
}

fn root() -> String {
    "/".to_owned()
}

const fn usual_heartbeat() -> Span {
    Span::from_secs(60)
}

const fn usual_frame_max() -> Size {
    Size::from_bytes(131_072)
}

const fn usual_waiting() -> u32 {
    1000
}

const fn thirty_seconds() -> Span {
    Span::from_secs(30)
}

fn usual_payload() -> SizeDistribution {
    SizeDistribution::Fixed(Size::from_bytes(64))
}

fn usual_interval() -> TimeDistribution {
    TimeDistribution::Fixed(Span::from_secs(1))
}

impl AmqpPublicationConfig {
    /// To an exchange with a routing key, with everything else at its default.
    pub fn new(exchange: &str, key: &str, confirms: AmqpConfirms) -> Self {
        Self {
            exchange: exchange.to_owned(),
            key: key.to_owned(),
            confirms,
            persistent: false,
            mandatory: false,
            priority: None,
            expiration: None,
            headers: Vec::new(),
            payload: usual_payload(),
            start: None,
            interval: usual_interval(),
            count: None,
        }
    }

    fn check(&self, index: usize, client: &AmqpClientConfig, found: &mut Vec<Placed>) {
        let mut wrong = |field: &str, why| found.push((Cow::Owned(format!("publications.{index}.{field}")), why));
        for (field, text) in [("exchange", &self.exchange), ("key", &self.key)] {
            check_short(text).into_iter().for_each(|why| wrong(field, why));
        }
        if let AmqpConfirms::Window(0) | AmqpConfirms::Batch(0) | AmqpConfirms::Transaction(0) = self.confirms {
            wrong("confirms", "is of at least one message: none would be sent".to_owned());
        }
        self.expiration.and_then(check_expiration).into_iter().for_each(|why| wrong("expiration", why));
        if self.headers.iter().any(|(name, _)| check_short(name).is_some()) {
            wrong("headers", "has a name of more than 255 bytes, or with U+0000 (§4.2.5.3)".to_owned());
        }
        self.payload.check(16, 1 << 28).into_iter().for_each(|why| wrong("payload", why));
        self.interval.check().into_iter().for_each(|why| wrong("interval", why));
        if self.interval.fixed().is_some_and(Span::is_zero) && self.count.is_none() {
            let why = "is longer than zero, or there is a `count`: the messages would have no end";
            wrong("interval", why.to_owned());
        }
        if self.count == Some(0) {
            wrong("count", "is at least 1: there would be no message".to_owned());
        }
        if let (Some(stop), Some(start)) = (client.stop, self.start)
            && start >= stop
        {
            wrong("start", format!("is not before the client's `stop`, {stop}: nothing would be published"));
        }
    }
}

impl AmqpConsumerConfig {
    /// Of a queue, with everything else at its default.
    pub fn new(queue: &str) -> Self {
        Self {
            queue: queue.to_owned(),
            prefetch: 0,
            acknowledge: AmqpAcks::Each,
            reject: Ratio::default(),
            requeue: false,
            exclusive: false,
            get: None,
        }
    }

    fn check(&self, index: usize, found: &mut Vec<Placed>) {
        let mut wrong = |field: &str, why: &str| {
            found.push((Cow::Owned(format!("consumers.{index}.{field}")), why.to_owned()));
        };
        if self.queue.is_empty() {
            wrong("queue", "is not empty");
        }
        check_short(&self.queue).into_iter().for_each(|why| wrong("queue", &why));
        let rejects = self.reject > Ratio::default();
        match self.acknowledge {
            AmqpAcks::None => {
                if self.prefetch > 0 {
                    wrong("prefetch", "has no effect: nothing is acknowledged (`acknowledge`)");
                }
                if rejects {
                    wrong("reject", "has no effect: nothing is acknowledged (`acknowledge`)");
                }
            }
            AmqpAcks::Each => {}
            AmqpAcks::Multiple(0) => wrong("acknowledge", "is of at least one message"),
            AmqpAcks::Multiple(count) => {
                if self.prefetch > 0 && count > u32::from(self.prefetch) {
                    wrong("acknowledge", "is of no more messages than `prefetch` lets come: it would wait for good");
                }
                if self.get.is_some() {
                    wrong("acknowledge", "is Each or None where messages are asked for one by one (`get`)");
                }
            }
        }
        if self.requeue && !rejects {
            wrong("requeue", "has no effect: nothing is rejected (`reject`)");
        }
        match self.get {
            Some(interval) if interval.is_zero() => wrong("get", "is longer than zero"),
            Some(_) if self.prefetch > 0 => {
                wrong("prefetch", "has no effect: messages are asked for one by one (`get`)")
            }
            Some(_) if self.exclusive => wrong("exclusive", "has no effect: messages are asked for one by one (`get`)"),
            _ => {}
        }
    }
}

impl AmqpClientConfig {
    /// A client of the broker on `to` with everything else at its default.
    pub fn new(to: NodeName) -> Self {
        Self {
            to,
            port: None,
            username: guest(),
            password: guest(),
            vhost: root(),
            heartbeat: usual_heartbeat(),
            frame_max: usual_frame_max(),
            exchanges: Vec::new(),
            queues: Vec::new(),
            bindings: Vec::new(),
            publications: Vec::new(),
            consumers: Vec::new(),
            reconnect: ReconnectConfig::default(),
            max_waiting: usual_waiting(),
            durable: false,
            connect_timeout: thirty_seconds(),
            start: Span::ZERO,
            stop: None,
            tcp: TcpConfig::default(),
            tls: None,
        }
    }

    /// The broker's port.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.tls.is_some() { TLS_PORT } else { PORT })
    }

    /// When the last message is due; `None` if there is no end.
    pub(crate) fn last_due(&self) -> Option<Span> {
        let last = self.publications.iter().map(|publication| {
            let interval = publication.interval.fixed()?.saturating_mul(publication.count?.saturating_sub(1));
            Some(publication.start.unwrap_or(self.start).saturating_add(interval))
        });
        last.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// Why `broker` refuses it, if it does.
    pub(crate) fn refused_by(&self, broker: &AmqpBrokerConfig) -> Option<String> {
        let is_known = |user: &super::AmqpUser| user.name == self.username && user.password == self.password;
        if !broker.users.is_empty() && !broker.users.iter().any(is_known) {
            return Some(format!("it knows no `{}` with this password: the answer is 403", self.username));
        }
        if self.vhost != broker.vhost {
            return Some(format!("its virtual host is `{}`, not `{}`: the answer is 530", broker.vhost, self.vhost));
        }
        let wanted = self.publications.len() + self.consumers.len();
        let most = usize::from(broker.channel_max);
        (wanted > most).then(|| format!("it takes {most} channels of a connection, and {wanted} are wanted"))
    }

    /// Its fields that `broker` does not grant or that have no effect there: their paths, and what happens.
    pub(crate) fn unmet_by(&self, broker: &AmqpBrokerConfig) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let most = broker.max_message;
        let is_too_long = |payload: &SizeDistribution| matches!(payload, SizeDistribution::Fixed(size) if *size > most);
        for (index, _) in self.publications.iter().enumerate().filter(|(_, one)| is_too_long(&one.payload)) {
            let why = format!("the broker takes {most} (`max_message`), and closes the channel of each message (311)");
            found.push((format!("publications.{index}.payload"), why));
        }
        if !broker.durable {
            let exchanges = self.exchanges.iter().map(|one| one.durable).enumerate();
            let queues = self.queues.iter().map(|one| one.durable).enumerate();
            let publications = self.publications.iter().map(|one| one.persistent).enumerate();
            let path = |list: &'static str, field: &'static str| {
                move |(index, _): (usize, bool)| format!("{list}.{index}.{field}")
            };
            let lasting = |(_, is_lasting): &(usize, bool)| *is_lasting;
            let paths = exchanges.filter(lasting).map(path("exchanges", "durable"));
            let paths = paths.chain(queues.filter(lasting).map(path("queues", "durable")));
            let paths = paths.chain(publications.filter(lasting).map(path("publications", "persistent")));
            let why = "the broker writes nothing to disc (`durable`)";
            found.extend(paths.map(|path| (path, why.to_owned())));
        }
        found
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<Placed> {
        let mut found: Vec<Finding> = Vec::new();
        check_port(self.port(), &mut found);
        found.extend(check_heartbeat(self.heartbeat).map(|why| ("heartbeat", why)));
        found.extend(check_frame_max(self.frame_max).map(|why| ("frame_max", why)));
        found.extend(check_short(&self.vhost).map(|why| ("vhost", why)));
        for (field, text) in [("username", &self.username), ("password", &self.password)] {
            if text.contains('\0') || text.len() > 1024 {
                found.push((field, "has at most 1024 bytes, and no U+0000 (RFC 4616)".to_owned()));
            }
        }
        if self.connect_timeout.is_zero() {
            found.push(("connect_timeout", "is longer than zero: no connection could be made".to_owned()));
        }
        if self.stop.is_some_and(|stop| stop <= self.start) {
            found.push(("stop", "is not after `start`: nothing would happen".to_owned()));
        }
        if self.max_waiting == 0 {
            found.push(("max_waiting", "is at least 1: no message could be sent".to_owned()));
        }
        if self.publications.len() + self.consumers.len() > 65535 {
            found.push(("publications", "and `consumers` are at most 65535 together: each has a channel".to_owned()));
        }
        found.extend(self.reconnect.check().map(|why| ("reconnect.first", why)));
        found.extend(self.tcp.check(Role::Opens));
        found.extend(self.tls.iter().flat_map(|tls| tls.check()));
        let mut found: Vec<Placed> = found.into_iter().map(|(field, why)| (Cow::Borrowed(field), why)).collect();
        self.exchanges.iter().enumerate().for_each(|(index, one)| one.check(index, &mut found));
        self.queues.iter().enumerate().for_each(|(index, one)| one.check(index, &mut found));
        self.check_names(&mut found);
        self.bindings.iter().enumerate().for_each(|(index, one)| one.check(index, &mut found));
        self.publications.iter().enumerate().for_each(|(index, one)| one.check(index, self, &mut found));
        self.consumers.iter().enumerate().for_each(|(index, one)| one.check(index, &mut found));
        found
    }

    /// One name is declared once.
    fn check_names(&self, found: &mut Vec<Placed>) {
        let exchanges = self.exchanges.iter().map(|one| &one.name).enumerate();
        let queues = self.queues.iter().map(|one| &one.name).enumerate();
        let lists: [(&str, Vec<(usize, &String)>); 2] =
            [("exchanges", exchanges.collect()), ("queues", queues.collect())];
        for (list, names) in lists {
            let mut seen = BTreeSet::new();
            for (index, name) in names {
                if !seen.insert(name) {
                    let field = format!("{list}.{index}.name");
                    found.push((Cow::Owned(field), format!("`{name}` is declared before")));
                }
            }
        }
    }
}
