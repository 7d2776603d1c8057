//! What a user says of a client.

use super::exchange::{AnswerConfig, ResponseConfig};
use super::lists::Placed;
use super::{
    AuthConfig, MqttAliases, MqttBrokerConfig, MqttFlaw, MqttMethod, MqttOverflow, MqttVersion, PORT, TLS_PORT,
    agreement, check_publish_topic, check_qos, check_seconds, exchange, lists, only_in_v5,
};
use crate::messaging::ReconnectConfig;
use crate::mqtt::session::Limits;
use crate::mqtt::wire::{MAX_STRING, Version};
use crate::name::NodeName;
use crate::tcp::TcpConfig;
use crate::tcp::config::{Finding, Role};
use crate::tls::TlsClientConfig;
use crate::traffic::{SizeDistribution, TimeDistribution, check_port};
use protosim_core::{Size, Span};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A client of MQTT, which publishes and subscribes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MqttClientConfig {
    /// The node that the broker runs on. Required.
    pub to: NodeName,
    /// The broker's TCP port, 1 to 65535. Default: 1883, or 8883 with `tls`.
    #[serde(default)]
    pub port: Option<u16>,
    /// The version that it speaks. Default: V5.
    #[serde(default)]
    pub version: MqttVersion,
    /// Its client identifier; empty for one that the broker gives. On a group, say none: its members would take over each other's session. Default: the
    /// names of its node and application, `NODE/APP`; of `protosim live`, `protosim`.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Each connection begins without a session (Clean Start; Clean Session of 3.1.1). Default: true.
    #[serde(default = "yes")]
    pub clean_start: bool,
    /// How long the session outlives a connection, in whole seconds (5.0). Default: 0 s.
    #[serde(default)]
    pub session_expiry: Span,
    /// How long it is silent at most, in whole seconds up to 65535 s; 0 s for as long as it likes. Default: 60 s (mosquitto's clients).
    #[serde(default = "usual_keep_alive")]
    pub keep_alive: Span,
    /// What the broker publishes when the client is lost. Default: nothing.
    #[serde(default)]
    pub will: Option<WillConfig>,
    /// User name. Default: none.
    #[serde(default)]
    pub username: Option<String>,
    /// Password. Default: none.
    #[serde(default)]
    pub password: Option<String>,
    /// It proves that it knows this method's secret (5.0 §4.12). Default: it does not.
    #[serde(default)]
    pub auth: Option<AuthConfig>,
    /// How long after a CONNACK, or after the last time, it proves it again on the open connection (5.0 §4.12.1). Default: never.
    #[serde(default)]
    pub reauthenticate: Option<Span>,
    /// What it subscribes to, where the broker has no session of its own or has not answered all. Default: nothing.
    #[serde(default)]
    pub subscriptions: Vec<SubscriptionConfig>,
    /// What it publishes. Default: nothing.
    #[serde(default)]
    pub publications: Vec<PublicationConfig>,
    /// It answers messages that have a Response Topic (5.0 §4.10). Default: it does not.
    #[serde(default)]
    pub answers: Option<AnswerConfig>,
    /// Aliases for its topics, as many as the broker takes (5.0). Default: Never.
    #[serde(default)]
    pub aliases: MqttAliases,
    /// What it does when its connection is lost. Default: connects again after 1 s, and after twice as long each time, up to 120 s.
    #[serde(default)]
    pub reconnect: ReconnectConfig,
    /// Messages of QoS 1 and 2 that it has sent and that are not done. Default: 20 (mosquitto's clients).
    #[serde(default = "usual_in_flight")]
    pub max_in_flight: u16,
    /// Messages that wait beside those. Default: 1000 (our choice).
    #[serde(default = "usual_queued")]
    pub max_queued: u32,
    /// What happens beyond. Default: DropNewest.
    #[serde(default)]
    pub overflow: MqttOverflow,
    /// Messages of QoS 0 wait while there is no connection. Default: false.
    #[serde(default)]
    pub queue_qos0: bool,
    /// When messages of QoS 2 reach the application. Default: A.
    #[serde(default)]
    pub method: MqttMethod,
    /// Messages of QoS 1 and 2 that the broker may send without an answer (5.0), 1 to 65535. Default: 65535, which is not said.
    #[serde(default = "no_maximum")]
    pub receive_maximum: u16,
    /// The largest packet that it takes (5.0), at least 16 B. Default: no limit.
    #[serde(default)]
    pub max_packet: Option<Size>,
    /// The largest topic alias that it takes (5.0). Default: 0.
    #[serde(default)]
    pub topic_alias_maximum: u16,
    /// Its session and the counts of its publications outlive a loss of power. Default: false.
    #[serde(default)]
    pub durable: bool,
    /// How long it waits for a connection and its CONNACK. Default: 30 s (our choice).
    #[serde(default = "thirty_seconds")]
    pub connect_timeout: Span,
    /// How long it waits for a PINGRESP. Default: as long as its keep alive.
    #[serde(default)]
    pub ping_timeout: Option<Span>,
    /// When it connects first, after the node's start by its own clock. Default: 0 s.
    #[serde(default)]
    pub start: Span,
    /// When it disconnects, for good. Default: never.
    #[serde(default)]
    pub stop: Option<Span>,
    /// Its TCP. Default: as Linux has it, but without Nagle's algorithm.
    #[serde(default)]
    pub tcp: TcpConfig,
    /// TLS over it. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<TlsClientConfig>>,
    /// A mistake that is made on purpose, to see that a check finds it. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flaw: Option<MqttFlaw>,
}

/// What the broker publishes when a client is lost.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WillConfig {
    /// Its topic. Required.
    pub topic: String,
    /// Its payload, 16 B to 65535 B. Default: 16 B.
    #[serde(default = "shortest")]
    pub payload: Size,
    /// Its QoS: 0, 1 or 2. Default: 0.
    #[serde(default)]
    pub qos: u8,
    /// It is retained. Default: false.
    #[serde(default)]
    pub retain: bool,
    /// How long the broker waits with it for the client to come back, in whole seconds (5.0). Default: 0 s.
    #[serde(default)]
    pub delay: Span,
}

/// What a client subscribes to.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionConfig {
    /// The topic filter, with `+` and `#`, or `$share/NAME/FILTER`. Required.
    pub filter: String,
    /// The highest QoS at which messages are delivered: 0, 1 or 2. Default: 0.
    #[serde(default)]
    pub qos: u8,
    /// Not what the client itself has published (5.0). Default: false.
    #[serde(default)]
    pub no_local: bool,
    /// RETAIN as publishers have it (5.0). Default: false.
    #[serde(default)]
    pub retain_as_published: bool,
    /// Whether retained messages come with the subscription (5.0): 0 always, 1 if it is new, 2 never. Default: 0.
    #[serde(default)]
    pub retain_handling: u8,
    /// The number of the subscription (5.0), 1 to 268435455. Default: none.
    #[serde(default)]
    pub id: Option<u32>,
    /// When it unsubscribes, after the node's start by its own clock; where there is no connection, with the next one. Default: never.
    #[serde(default)]
    pub until: Option<Span>,
}

/// What a client publishes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublicationConfig {
    /// The topic. Required.
    pub topic: String,
    /// The QoS: 0, 1 or 2. Default: 0.
    #[serde(default)]
    pub qos: u8,
    /// The broker retains the latest. Default: false.
    #[serde(default)]
    pub retain: bool,
    /// The payload, at least 16 B: what it begins with names the publication and counts. Default: 64 B (our choice).
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
    /// How long a message is of use, in whole seconds (5.0). Default: for good.
    #[serde(default)]
    pub expiry: Option<Span>,
    /// User properties of each message (5.0), names and values in order; a name may come again. Default: none.
    #[serde(default)]
    pub properties: Vec<(String, String)>,
    /// Each message is a request, and its exchange ends with the answer (5.0 §4.10). Default: it is not.
    #[serde(default)]
    pub response: Option<ResponseConfig>,
}

const fn yes() -> bool {
    true
}

const fn usual_keep_alive() -> Span {
    Span::from_secs(60)
}

const fn usual_in_flight() -> u16 {
    20
}

const fn usual_queued() -> u32 {
    1000
}

const fn no_maximum() -> u16 {
    u16::MAX
}

const fn thirty_seconds() -> Span {
    Span::from_secs(30)
}

const fn shortest() -> Size {
    Size::from_bytes(16)
}

fn usual_payload() -> SizeDistribution {
    SizeDistribution::Fixed(Size::from_bytes(64))
}

fn usual_interval() -> TimeDistribution {
    TimeDistribution::Fixed(Span::from_secs(1))
}

impl SubscriptionConfig {
    /// To `filter`, with everything else at its default.
    pub fn new(filter: &str, qos: u8) -> Self {
        Self {
            filter: filter.to_owned(),
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: 0,
            id: None,
            until: None,
        }
    }
}

impl PublicationConfig {
    /// On `topic`, with everything else at its default.
    pub fn new(topic: &str, qos: u8) -> Self {
        Self {
            topic: topic.to_owned(),
            qos,
            retain: false,
            payload: usual_payload(),
            start: None,
            interval: usual_interval(),
            count: None,
            expiry: None,
            properties: Vec::new(),
            response: None,
        }
    }
}

impl MqttClientConfig {
    /// A client of the broker on `to` with everything else at its default.
    pub fn new(to: NodeName) -> Self {
        Self {
            to,
            port: None,
            version: MqttVersion::V5,
            client_id: None,
            clean_start: true,
            session_expiry: Span::ZERO,
            keep_alive: usual_keep_alive(),
            will: None,
            username: None,
            password: None,
            auth: None,
            reauthenticate: None,
            subscriptions: Vec::new(),
            publications: Vec::new(),
            answers: None,
            aliases: MqttAliases::Never,
            reconnect: ReconnectConfig::default(),
            max_in_flight: usual_in_flight(),
            max_queued: usual_queued(),
            overflow: MqttOverflow::DropNewest,
            queue_qos0: false,
            method: MqttMethod::A,
            receive_maximum: no_maximum(),
            max_packet: None,
            topic_alias_maximum: 0,
            durable: false,
            connect_timeout: thirty_seconds(),
            ping_timeout: None,
            start: Span::ZERO,
            stop: None,
            tcp: TcpConfig::default(),
            tls: None,
            flaw: None,
        }
    }

    /// The broker's port.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.tls.is_some() { TLS_PORT } else { PORT })
    }

    /// What its session may take.
    pub(in crate::mqtt) fn limits(&self) -> Limits {
        Limits {
            max_in_flight: self.max_in_flight,
            max_queued: self.max_queued,
            max_queued_bytes: u64::MAX,
            overflow: self.overflow.into(),
            queue_qos0: self.queue_qos0,
            method: self.method.into(),
            flaw: self.flaw,
        }
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
    pub(crate) fn refused_by(&self, broker: &MqttBrokerConfig) -> Option<String> {
        match (&self.auth, &broker.auth) {
            (Some(own), Some(theirs)) if own == theirs => return None,
            (Some(own), _) => {
                return Some(format!("it does not know `{}` with this secret: the answer is 0x8c or 0x87", own.method));
            }
            (None, Some(_)) if broker.users.is_empty() => {
                return Some("it wants `auth`: the answer is 0x87 (not authorized)".to_owned());
            }
            _ => {}
        }
        if broker.users.is_empty() {
            return None;
        }
        let Some(name) = &self.username else {
            return Some("it wants a `username`: the answer is 0x87 (not authorized)".to_owned());
        };
        let password = self.password.as_deref().unwrap_or_default();
        let is_known = broker.users.iter().any(|user| user.name == *name && user.password == password);
        (!is_known).then(|| format!("it knows no `{name}` with this password: the answer is 0x86"))
    }

    /// Its fields that `broker` does not grant or that have no effect there: their paths, and what happens.
    pub(crate) fn unmet_by(&self, broker: &MqttBrokerConfig) -> Vec<(String, String)> {
        agreement::unmet(self, broker)
    }

    /// Whether its session outlives a connection.
    pub(in crate::mqtt) fn persists(&self) -> bool {
        let outlives = self.version == MqttVersion::V311 || !self.session_expiry.is_zero();
        !self.clean_start && outlives
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<Placed> {
        let mut found: Vec<Finding> = Vec::new();
        check_port(self.port(), &mut found);
        found.extend(check_seconds(self.session_expiry, u32::MAX).map(|why| ("session_expiry", why)));
        found.extend(check_seconds(self.keep_alive, 65535).map(|why| ("keep_alive", why)));
        for (field, value) in [("max_in_flight", self.max_in_flight), ("receive_maximum", self.receive_maximum)] {
            if value == 0 {
                found.push((field, "is 1 to 65535: nothing of QoS 1 or 2 could be sent".to_owned()));
            }
        }
        if self.max_packet.is_some_and(|most| !(16..=crate::mqtt::wire::MAX_PACKET).contains(&most.as_bytes())) {
            found.push(("max_packet", "is 16 B to 256 MiB".to_owned()));
        }
        if self.connect_timeout.is_zero() {
            found.push(("connect_timeout", "is longer than zero: no connection could be made".to_owned()));
        }
        if self.ping_timeout.is_some_and(Span::is_zero) {
            found.push(("ping_timeout", "is longer than zero: no answer could come".to_owned()));
        }
        if self.ping_timeout.is_some() && self.keep_alive.is_zero() {
            found.push(("ping_timeout", "has no effect: without `keep_alive` there are no pings".to_owned()));
        }
        if self.stop.is_some_and(|stop| stop <= self.start) {
            found.push(("stop", "is not after `start`: nothing would happen".to_owned()));
        }
        found.extend(self.reconnect.check().map(|why| ("reconnect.first", why)));
        self.check_identity(&mut found);
        self.check_version(&mut found);
        self.check_will(&mut found);
        found.extend(self.flaw.and_then(|flaw| self.lacks(flaw)).map(|why| ("flaw", format!("has no effect: {why}"))));
        found.extend(self.tcp.check(Role::Opens));
        found.extend(self.tls.iter().flat_map(|tls| tls.check()));
        let found = found.into_iter().map(|(field, why)| (Cow::Borrowed(field), why));
        found.chain(lists::check(self)).chain(exchange::check(self)).collect()
    }

    /// What a mistake needs to be one.
    fn lacks(&self, flaw: MqttFlaw) -> Option<&'static str> {
        let publishes = |most: u8| self.publications.iter().any(|publication| publication.qos >= most);
        let is_there = match flaw {
            MqttFlaw::SessionDropped | MqttFlaw::AcknowledgedTooSoon => return Some("it is a mistake of brokers"),
            MqttFlaw::PubrelNotSentAgain | MqttFlaw::IdentifierReusedTooSoon => publishes(2),
            MqttFlaw::OrderSwapped => publishes(1) && self.max_in_flight > 1,
            MqttFlaw::DuplicateDelivered => self.subscriptions.iter().any(|subscription| subscription.qos == 2),
        };
        match self.persists() {
            false => Some("nothing is sent again, as its session ends with its connection"),
            true => (!is_there).then_some("no publication or subscription of the client can have it"),
        }
    }

    fn check_identity(&self, found: &mut Vec<Finding>) {
        let texts = [("client_id", &self.client_id), ("username", &self.username), ("password", &self.password)];
        for (field, text) in texts {
            if text.as_ref().is_some_and(|text| text.len() > MAX_STRING || text.contains('\0')) {
                found.push((field, "has at most 65535 bytes, and no U+0000".to_owned()));
            }
        }
        if self.version == MqttVersion::V311 {
            if self.password.is_some() && self.username.is_none() {
                found.push(("password", "needs a `username` in 3.1.1 (MQTT-3.1.2-22)".to_owned()));
            }
            if self.client_id.as_deref() == Some("") && !self.clean_start {
                found.push(("client_id", "may be empty in 3.1.1 only with `clean_start` (MQTT-3.1.3-8)".to_owned()));
            }
        }
    }

    /// What 3.1.1 cannot say.
    fn check_version(&self, found: &mut Vec<Finding>) {
        if Version::from(self.version) == Version::V5 {
            // A will that is delayed comes with the end of the session at the latest (v5 §3.1.3.2.2).
            let is_delayed = self.will.as_ref().is_some_and(|will| !will.delay.is_zero());
            if self.clean_start && !self.session_expiry.is_zero() && !is_delayed {
                found.push((
                    "session_expiry",
                    "has no effect: each connection begins without a session (`clean_start`)".to_owned(),
                ));
            }
            return;
        }
        let is_used = [
            ("session_expiry", !self.session_expiry.is_zero(), "session expiry"),
            ("auth", self.auth.is_some(), "AUTH"),
            ("aliases", self.aliases != MqttAliases::Never, "topic aliases"),
            ("receive_maximum", self.receive_maximum != no_maximum(), "receive maximum"),
            ("max_packet", self.max_packet.is_some(), "maximum packet size"),
            ("topic_alias_maximum", self.topic_alias_maximum > 0, "topic aliases"),
            ("will.delay", self.will.as_ref().is_some_and(|will| !will.delay.is_zero()), "will delay"),
        ];
        found
            .extend(is_used.into_iter().filter(|(_, used, _)| *used).map(|(field, _, what)| (field, only_in_v5(what))));
    }

    fn check_will(&self, found: &mut Vec<Finding>) {
        let Some(will) = &self.will else { return };
        found.extend(check_publish_topic(&will.topic).map(|why| ("will.topic", why)));
        found.extend(check_qos(will.qos).map(|why| ("will.qos", why)));
        found.extend(check_seconds(will.delay, u32::MAX).map(|why| ("will.delay", why)));
        if self.version == MqttVersion::V5 && !will.delay.is_zero() && self.session_expiry.is_zero() {
            let why = "has no effect: the session ends with its connection (`session_expiry`), and the will comes then";
            found.push(("will.delay", why.to_owned()));
        }
        if !(16..=MAX_STRING as u64).contains(&will.payload.as_bytes()) {
            found.push(("will.payload", format!("is 16 B to 65535 B, not {}", will.payload)));
        }
    }
}
