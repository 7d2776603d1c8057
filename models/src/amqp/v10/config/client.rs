//! What a user says of a client.

use super::{AmqpReceiverConfig, AmqpSenderConfig};
use crate::amqp::client::config::{check_limits, check_login, guest, last_due, thirty_seconds, usual_waiting};
use crate::amqp::v10::wire::MIN_MAX_FRAME_SIZE;
use crate::amqp::v091::config::{AmqpBrokerConfig, AmqpUser};
use crate::amqp::{PORT, Placed, TLS_PORT};
use crate::messaging::ReconnectConfig;
use crate::name::NodeName;
use crate::tcp::TcpConfig;
use crate::tcp::config::{Finding, Role};
use crate::tls::TlsClientConfig;
use crate::traffic::check_port;
use protosim_core::{Size, Span};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A client of AMQP 1.0, which sends and receives.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Amqp10ClientConfig {
    /// The node that the broker runs on. Required.
    pub to: NodeName,
    /// The broker's TCP port, 1 to 65535. Default: 5672, or 5671 with `tls`.
    #[serde(default)]
    pub port: Option<u16>,
    /// User name, for SASL PLAIN; empty for SASL ANONYMOUS. Default: `guest` (RabbitMQ's clients).
    #[serde(default = "guest")]
    pub username: String,
    /// Password. Default: `guest`.
    #[serde(default = "guest")]
    pub password: String,
    /// SASL comes before AMQP. Default: true.
    #[serde(default = "yes")]
    pub sasl: bool,
    /// Who it is to the broker, which knows its links by this. Default: the names of its node and of itself, with `/` between them.
    #[serde(default)]
    pub container_id: Option<String>,
    /// Whom it wants to talk to, where several share an address. Default: nobody in particular.
    #[serde(default)]
    pub hostname: Option<String>,
    /// The largest frame that it takes, at least 512 B. It sends none that are larger than the broker takes. Default: 65536 B (our choice).
    #[serde(default = "usual_frame")]
    pub max_frame: Size,
    /// The highest number of a session, each of which has one link; of both ends' the lower one holds, and links share sessions where there are more of them. Default: 255
    /// (our choice).
    #[serde(default = "usual_channels")]
    pub channel_max: u16,
    /// Without a frame for so long it gives its connection up; the broker is told half of it, and sends an empty frame where there is nothing else. A whole number of
    /// milliseconds, at least 2 ms; 0 s for no limit. Default: 60 s (our choice).
    #[serde(default = "usual_idle")]
    pub idle_timeout: Span,
    /// It sends its open behind its header without waiting for the broker's, which saves a round trip. Default: false.
    #[serde(default)]
    pub pipelined: bool,
    /// Links that it sends on. Default: none.
    #[serde(default)]
    pub senders: Vec<AmqpSenderConfig>,
    /// Links that it receives on. Default: none.
    #[serde(default)]
    pub receivers: Vec<AmqpReceiverConfig>,
    /// What it does when its connection, or one of its links, is lost. Default: opens it again after 1 s, and after twice as long each time, up to 120 s.
    #[serde(default)]
    pub reconnect: ReconnectConfig,
    /// Messages of a sender that wait to be sent; beyond, new ones fail. Default: 1000 (our choice).
    #[serde(default = "usual_waiting")]
    pub max_waiting: u32,
    /// Its messages that are not done, what its links have not settled, and the counts of its messages outlive a loss of power. Without it, a receiver that settles second
    /// may get messages again after one: the ledger of messages then holds it to *at least once* alone. Default: false.
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

const fn yes() -> bool {
    true
}

const fn usual_frame() -> Size {
    Size::from_bytes(65536)
}

const fn usual_channels() -> u16 {
    255
}

const fn usual_idle() -> Span {
    Span::from_secs(60)
}

/// What an open and a SASL init have room for beside their own parts, in the 512 bytes that both may take (§2.4.1, §5.3.1).
const ROOM: usize = 440;

impl Amqp10ClientConfig {
    /// A client of the broker on `to` with everything else at its default.
    pub fn new(to: NodeName) -> Self {
        Self {
            to,
            port: None,
            username: guest(),
            password: guest(),
            sasl: yes(),
            container_id: None,
            hostname: None,
            max_frame: usual_frame(),
            channel_max: usual_channels(),
            idle_timeout: usual_idle(),
            pipelined: false,
            senders: Vec::new(),
            receivers: Vec::new(),
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
        last_due(self.start, self.senders.iter().map(AmqpSenderConfig::schedule))
    }

    /// Why `broker` refuses it, if it does.
    pub(crate) fn refused_by(&self, broker: &AmqpBrokerConfig) -> Option<String> {
        let is_known = |user: &AmqpUser| user.name == self.username && user.password == self.password;
        if broker.users.is_empty() || self.sasl && broker.users.iter().any(is_known) {
            return None;
        }
        Some(match (self.sasl, self.username.as_str()) {
            (false, _) => "it wants to know who connects: without `sasl` nobody says so".to_owned(),
            (true, "") => "it wants to know who connects: there is no `username`".to_owned(),
            (true, user) => format!("it knows no `{user}` with this password: the outcome is 1 (§5.3.3.6)"),
        })
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<Placed> {
        let mut found: Vec<Finding> = Vec::new();
        check_port(self.port(), &mut found);
        check_login(&self.username, &self.password, &mut found);
        let is_plain = self.sasl && !self.username.is_empty();
        if is_plain && self.password.is_empty() {
            found.push(("password", "is not empty: SASL PLAIN has none of that kind (RFC 4616)".to_owned()));
        }
        let id = self.container_id.as_deref();
        if id.is_some_and(str::is_empty) {
            found.push(("container_id", "is not empty: it names the client's links (§2.4.1)".to_owned()));
        }
        let host = self.hostname.as_deref().map_or(0, str::len);
        if id.map_or(0, str::len) + host > ROOM {
            found.push(("container_id", format!("and `hostname` have at most {ROOM} bytes together (§2.4.1)")));
        }
        if is_plain && self.username.len() + self.password.len() + host > ROOM {
            found.push(("username", format!("and `password`, with `hostname`, have at most {ROOM} bytes (§5.3.1)")));
        }
        if !(u64::from(MIN_MAX_FRAME_SIZE)..=u64::from(u32::MAX)).contains(&self.max_frame.as_bytes()) {
            found.push(("max_frame", format!("is 512 B to 4 GiB less a byte (§2.7.1), not {}", self.max_frame)));
        }
        let idle = self.idle_timeout.as_nanos();
        let most = 2_000_000 * u64::from(u32::MAX);
        if idle > 0 && !(idle.is_multiple_of(1_000_000) && (2_000_000..=most).contains(&idle)) {
            let why = "is a whole number of milliseconds, at least 2 ms and below 2^33 ms";
            found.push(("idle_timeout", format!("{why}, not {}", self.idle_timeout)));
        }
        check_limits((self.connect_timeout, self.start, self.stop), self.max_waiting, &mut found);
        // Each session of the broker's takes so many handles at the least that links have room (our choice).
        let sessions = usize::from(self.channel_max) + 1;
        if self.senders.len() + self.receivers.len() > sessions.saturating_mul(256) {
            found.push(("channel_max", "leaves more than 256 links to a session".to_owned()));
        }
        found.extend(self.reconnect.check().map(|why| ("reconnect.first", why)));
        found.extend(self.tcp.check(Role::Opens));
        found.extend(self.tls.iter().flat_map(|tls| tls.check()));
        let mut found: Vec<Placed> = found.into_iter().map(|(field, why)| (Cow::Borrowed(field), why)).collect();
        self.senders.iter().enumerate().for_each(|(index, one)| one.check(index, self, &mut found));
        self.receivers.iter().enumerate().for_each(|(index, one)| one.check(index, &mut found));
        found
    }
}
