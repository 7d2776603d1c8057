//! What a user says of a broker.

use crate::amqp::flaw::AmqpFlaw;
use crate::amqp::v091::config::{check_frame_max, check_heartbeat, check_short};
use crate::amqp::{PORT, TLS_PORT};
use crate::tcp::TcpConfig;
use crate::tcp::config::{Finding, Role};
use crate::tls::TlsServerConfig;
use crate::traffic::check_own_port;
use protosim_core::{Size, Span};
use serde::{Deserialize, Serialize};

/// A broker of AMQP 0-9-1 with RabbitMQ's extensions, and of AMQP 1.0 as RabbitMQ's plugin has it, on one port: what a client says first decides.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AmqpBrokerConfig {
    /// The TCP port that it listens on, 1 to 65535. Default: 5672, or 5671 with `tls`.
    pub port: Option<u16>,
    /// Who may connect, by SASL PLAIN. Default: anyone; with AMQP 1.0 also by ANONYMOUS, and without SASL.
    pub users: Vec<AmqpUser>,
    /// Its virtual host, of which it has one. Default: `/`.
    pub vhost: String,
    /// More connections than this are refused. Default: no limit.
    pub max_connections: Option<u64>,
    /// How long a connection may take until it is open. Default: 10 s (RabbitMQ).
    pub connect_timeout: Span,
    /// The time of heartbeats that it proposes, in whole seconds up to 65535 s; 0 s for none. Of both ends' the lower one holds. In AMQP 1.0 the idle time-out that it says; twice as long
    /// without a frame, and a client is gone. Default: 60 s (RabbitMQ).
    pub heartbeat: Span,
    /// The largest frame that it takes, at least 4096 B. Of both ends' the lower one holds. Default: 131072 B (RabbitMQ).
    pub frame_max: Size,
    /// The highest number of a channel, 1 to 65535. Of both ends' the lower one holds. Default: 2047 (RabbitMQ).
    pub channel_max: u16,
    /// The longest body of a message that is taken; longer ones close their channel (311), or detach their link. Default: 128 MiB (RabbitMQ).
    pub max_message: Size,
    /// How many deliveries a link of AMQP 1.0 may have on their way to it, 1 to 2147483647. Default: 65536 (RabbitMQ).
    pub link_credit: u32,
    /// Memory of messages from which on it reads no more from who publishes, and says so (`connection.blocked`; in AMQP 1.0 by giving no credit). Default: no limit.
    pub memory_watermark: Option<Size>,
    /// Durable exchanges and queues, with their bindings and persistent messages, outlive a loss of power. Default: true (RabbitMQ).
    pub durable: bool,
    /// How long it takes until what has changed is on disc. Confirms of persistent messages to durable queues, commits and declarations of what is durable wait for it; what
    /// comes meanwhile goes together with the next write. Default: 0 s.
    pub sync: Span,
    /// Its TCP. Default: as Linux has it, but without Nagle's algorithm.
    pub tcp: TcpConfig,
    /// TLS over it. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<TlsServerConfig>>,
    /// A mistake that is made on purpose, to see that a check finds it. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flaw: Option<AmqpFlaw>,
}

/// Someone who may connect.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmqpUser {
    /// The user name. Required.
    pub name: String,
    /// The password. Required.
    pub password: String,
}

impl Default for AmqpBrokerConfig {
    fn default() -> Self {
        Self {
            port: None,
            users: Vec::new(),
            vhost: "/".to_owned(),
            max_connections: None,
            connect_timeout: Span::from_secs(10),
            heartbeat: Span::from_secs(60),
            frame_max: Size::from_bytes(131_072),
            channel_max: 2047,
            max_message: Size::from_bytes(128 << 20),
            link_credit: 65_536,
            memory_watermark: None,
            durable: true,
            sync: Span::ZERO,
            tcp: TcpConfig::default(),
            tls: None,
            flaw: None,
        }
    }
}

impl AmqpBrokerConfig {
    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.tls.is_some() { TLS_PORT } else { PORT })
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        check_own_port(self.port(), &mut found);
        found.extend(check_short(&self.vhost).map(|why| ("vhost", why)));
        found.extend(check_heartbeat(self.heartbeat).map(|why| ("heartbeat", why)));
        found.extend(check_frame_max(self.frame_max).map(|why| ("frame_max", why)));
        if self.channel_max == 0 {
            found.push(("channel_max", "is 1 to 65535: no channel could be opened".to_owned()));
        }
        if self.link_credit == 0 || self.link_credit > i32::MAX as u32 {
            found.push((
                "link_credit",
                "is 1 to 2147483647: nobody could send, or credit would go round (§2.6.7)".to_owned(),
            ));
        }
        if self.connect_timeout.is_zero() {
            found.push(("connect_timeout", "is longer than zero: no client could connect".to_owned()));
        }
        if self.memory_watermark.is_some_and(|most| most.as_bytes() == 0) {
            found.push(("memory_watermark", "is above 0 B: nobody could publish".to_owned()));
        }
        if !self.durable && !self.sync.is_zero() {
            found.push(("sync", "has no effect: nothing is written to disc (`durable`)".to_owned()));
        }
        match self.flaw {
            Some(flaw) if !flaw.is_of_broker() => {
                found.push(("flaw", "has no effect: it is a mistake of clients".to_owned()));
            }
            Some(flaw) if flaw.needs_slow_disc() && (!self.durable || self.sync.is_zero()) => {
                found.push(("flaw", "has no effect: nothing takes time to be on disc (`durable`, `sync`)".to_owned()));
            }
            Some(AmqpFlaw::BindingsForgotten) if !self.durable => {
                found.push(("flaw", "has no effect: nothing outlives a loss of power (`durable`)".to_owned()));
            }
            _ => {}
        }
        if self.users.iter().any(|user| user.name.contains('\0') || user.password.contains('\0')) {
            found.push(("users", "a name or a password has U+0000, which PLAIN cannot say (RFC 4616)".to_owned()));
        }
        let mut names: Vec<&str> = self.users.iter().map(|user| user.name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            found.push(("users", format!("`{}` stands there twice", twice[0])));
        }
        found.extend(self.tcp.check(Role::Listens));
        found.extend(self.tls.iter().flat_map(|tls| tls.check()));
        found
    }
}
