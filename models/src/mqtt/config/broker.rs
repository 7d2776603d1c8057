//! What a user says of a broker.

use super::{MqttAliases, MqttFlaw, MqttMethod, MqttOverflow, PORT, TLS_PORT, check_qos, check_seconds};
use crate::mqtt::session::Limits;
use crate::tcp::TcpConfig;
use crate::tcp::config::{Finding, Role};
use crate::tls::TlsServerConfig;
use crate::traffic::check_own_port;
use protosim_core::{Size, Span};
use serde::{Deserialize, Serialize};

/// A broker of MQTT 3.1.1 and 5.0.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MqttBrokerConfig {
    /// The TCP port that it listens on, 1 to 65535. Default: 1883, or 8883 with `tls`.
    pub port: Option<u16>,
    /// Who may connect. Default: anyone.
    pub users: Vec<MqttUser>,
    /// Clients of 5.0 may, and where there are no `users` all must, prove by this method that they know its secret (§4.12). Default: none.
    pub auth: Option<AuthConfig>,
    /// More connections than this are refused (5.0: 0x97). Default: no limit.
    pub max_connections: Option<u64>,
    /// How long a connection may be without a CONNECT. Default: 30 s (our choice).
    pub connect_timeout: Span,
    /// The keep alive that clients of 5.0 are told to have, whatever they ask for, in whole seconds up to 65535 s (§3.2.2.3.14). Default: what they ask for.
    pub server_keep_alive: Option<Span>,
    /// How long sessions live without a connection at most, in whole seconds; clients of 5.0 are told (§3.2.2.3.2). Default: no limit.
    pub max_session_expiry: Option<Span>,
    /// Messages of QoS 1 and 2 of a session that are sent and not done. Default: 20 (mosquitto).
    pub max_in_flight: u16,
    /// Messages of a session that wait beside those. Default: 1000 (mosquitto).
    pub max_queued: u32,
    /// Topics and payloads of those. Default: no limit.
    pub max_queued_bytes: Option<Size>,
    /// What happens beyond. Default: DropNewest (mosquitto).
    pub overflow: MqttOverflow,
    /// Messages of QoS 0 wait for clients that are away. Default: false (mosquitto).
    pub queue_qos0: bool,
    /// When messages of QoS 2 go on. Default: A (mosquitto).
    pub method: MqttMethod,
    /// Messages of QoS 1 and 2 that a client may send without an answer, 1 to 65535. Default: 20 (mosquitto).
    pub receive_maximum: u16,
    /// The largest packet that is taken, at least 16 B. Default: what the protocol can say, 256 MiB and 4 B.
    pub max_packet: Option<Size>,
    /// The largest topic alias that is taken. Default: 10 (mosquitto).
    pub topic_alias_maximum: u16,
    /// Aliases towards clients. Default: Never (mosquitto).
    pub aliases: MqttAliases,
    /// The highest QoS: 0, 1 or 2. Default: 2.
    pub max_qos: u8,
    /// Messages can be retained. Default: true.
    pub retain: bool,
    /// How many topics have a retained message. Default: no limit.
    pub max_retained: Option<u64>,
    /// Filters may have wildcards. Default: true.
    pub wildcards: bool,
    /// Subscriptions may be shared. Default: true.
    pub shared: bool,
    /// Subscriptions may have numbers. Default: true.
    pub subscription_ids: bool,
    /// How many subscriptions a session may have. Default: no limit.
    pub max_subscriptions: Option<u64>,
    /// The broker publishes its state below `$SYS/broker/` at this interval; 0 s for never. Default: 10 s (mosquitto).
    pub sys_interval: Span,
    /// Sessions with their subscriptions and wills, and retained messages outlive a loss of power. A will that waits is published at its time, or with the
    /// restart if that has passed; the delay of one whose connection was there begins with the restart. Default: false (mosquitto's `persistence`).
    pub durable: bool,
    /// How long it takes until what has changed is on disc. What a packet promises is there before the packet is sent; what comes meanwhile goes
    /// together with the next write. Default: 0 s.
    pub sync: Span,
    /// Its TCP. Default: as Linux has it, but without Nagle's algorithm.
    pub tcp: TcpConfig,
    /// TLS over it. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<TlsServerConfig>>,
    /// A mistake that is made on purpose, to see that a check finds it. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flaw: Option<MqttFlaw>,
}

/// Someone who may connect.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MqttUser {
    /// The user name. Required.
    pub name: String,
    /// The password. Required.
    pub password: String,
}

/// Authentication by challenge and response: the answer is HMAC-SHA-256 of 16 random bytes under the secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// What the method is called. Default: `HMAC-SHA-256`.
    #[serde(default = "usual_method")]
    pub method: String,
    /// What both know. Required.
    pub secret: String,
}

fn usual_method() -> String {
    "HMAC-SHA-256".to_owned()
}

impl Default for MqttBrokerConfig {
    fn default() -> Self {
        Self {
            port: None,
            users: Vec::new(),
            auth: None,
            max_connections: None,
            connect_timeout: Span::from_secs(30),
            server_keep_alive: None,
            max_session_expiry: None,
            max_in_flight: 20,
            max_queued: 1000,
            max_queued_bytes: None,
            overflow: MqttOverflow::DropNewest,
            queue_qos0: false,
            method: MqttMethod::A,
            receive_maximum: 20,
            max_packet: None,
            topic_alias_maximum: 10,
            aliases: MqttAliases::Never,
            max_qos: 2,
            retain: true,
            max_retained: None,
            wildcards: true,
            shared: true,
            subscription_ids: true,
            max_subscriptions: None,
            sys_interval: Span::from_secs(10),
            durable: false,
            sync: Span::ZERO,
            tcp: TcpConfig::default(),
            tls: None,
            flaw: None,
        }
    }
}

impl MqttBrokerConfig {
    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.tls.is_some() { TLS_PORT } else { PORT })
    }

    /// What its sessions may take.
    pub(in crate::mqtt) fn limits(&self) -> Limits {
        Limits {
            max_in_flight: self.max_in_flight,
            max_queued: self.max_queued,
            max_queued_bytes: self.max_queued_bytes.map_or(u64::MAX, Size::as_bytes),
            overflow: self.overflow.into(),
            queue_qos0: self.queue_qos0,
            method: self.method.into(),
            flaw: self.flaw,
        }
    }

    /// The largest packet that is taken \[bytes\].
    pub(in crate::mqtt) fn packet_limit(&self) -> u32 {
        let most = crate::mqtt::wire::MAX_PACKET;
        self.max_packet.map_or(most, Size::as_bytes).min(most) as u32
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        check_own_port(self.port(), &mut found);
        let whole = [
            ("server_keep_alive", self.server_keep_alive, 65535),
            ("max_session_expiry", self.max_session_expiry, u32::MAX - 1),
        ];
        for (field, span, most) in whole {
            found.extend(span.and_then(|span| check_seconds(span, most)).map(|why| (field, why)));
        }
        for (field, value) in [("max_in_flight", self.max_in_flight), ("receive_maximum", self.receive_maximum)] {
            if value == 0 {
                found.push((field, "is 1 to 65535: nothing of QoS 1 or 2 could be sent".to_owned()));
            }
        }
        if self.max_packet.is_some_and(|most| !(16..=crate::mqtt::wire::MAX_PACKET).contains(&most.as_bytes())) {
            found.push(("max_packet", "is 16 B to 256 MiB: no client could connect".to_owned()));
        }
        found.extend(check_qos(self.max_qos).map(|why| ("max_qos", why)));
        if !self.retain && self.max_retained.is_some() {
            found.push(("max_retained", "has no effect: nothing is retained".to_owned()));
        }
        if !self.durable && !self.sync.is_zero() {
            found.push(("sync", "has no effect: nothing is written to disc (`durable`)".to_owned()));
        }
        if self.flaw == Some(MqttFlaw::AcknowledgedTooSoon) && (!self.durable || self.sync.is_zero()) {
            found.push(("flaw", "has no effect: nothing takes time to be on disc (`durable`, `sync`)".to_owned()));
        }
        if self.connect_timeout.is_zero() {
            found.push(("connect_timeout", "is longer than zero: no client could connect".to_owned()));
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
