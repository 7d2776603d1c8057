//! What a user says of an agent.

use super::agent::{Account, AgentConfig, Mode, ServerSpec, SharedConfig};
use crate::name::{ChannelName, NodeName};
use crate::registry::{Found, Further, Port, Sender, Way};
use crate::stun::Timing;
use crate::stun::wire::Family;
use crate::tcp::TcpConfig;
use crate::tls::TlsClientConfig;
use crate::turn::Transport;
use protosim_core::{Size, Span};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// An agent of ICE with one peer, with whom it exchanges offers and answers over a channel, and then data. From the offer until it has a
/// pair for every component is an exchange; a restart is another one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IceAgentConfig {
    /// The channel to its peer, an end of which is its node. Required.
    pub channel: ChannelName,
    /// Who begins. One end offers, and the other one answers. Required.
    pub role: Signalling,
    /// Whose code makes the checks: ours, or str0m's. Default: `Own`.
    #[serde(default)]
    pub implementation: IceImplementation,
    /// When the offer is made, after the node's start by its own clock. Default: 0 s.
    #[serde(default)]
    pub start: Span,
    /// The servers that it asks for candidates. Default: none.
    #[serde(default)]
    pub servers: Vec<IceServer>,
    /// What it can do. Default: Full.
    #[serde(default)]
    pub mode: IceMode,
    /// Whether candidates are told as they are found (RFC 8838), or all of them in the offer and the answer, which wait for the last one.
    /// Default: true.
    #[serde(default = "yes")]
    pub trickle: bool,
    /// How many data streams there are, 1 to 16. Default: 1.
    #[serde(default = "one")]
    pub streams: u16,
    /// How many components each of them has: 1, or 2 for RTP and RTCP on ports of their own. Default: 1.
    #[serde(default = "one")]
    pub components: u16,
    /// How many of its host's addresses it uses, the first ones in order of the names of their links. Default: all that are up when a
    /// session begins.
    #[serde(default)]
    pub most_addresses: Option<u16>,
    /// Candidates over TCP, too (RFC 6544): active ones, and passive ones from this port on, one for each component. Default: none.
    #[serde(default)]
    pub tcp_port: Option<u16>,
    /// Whether only relayed candidates are told and used. Default: false.
    #[serde(default)]
    pub relays_only: bool,
    /// Whether addresses of interfaces are told as names that mean nothing to others, as browsers do
    /// (draft-ietf-mmusic-mdns-ice-candidates): peers learn them by checks alone. Default: false.
    #[serde(default)]
    pub hide_addresses: bool,
    /// Where its node has IPv6 alone and there is a NAT64: whether it tries the peer's IPv4 addresses under the NAT64's prefix (RFC 8305 §7.1).
    /// Default: true.
    #[serde(default = "yes")]
    pub synthesizes: bool,
    /// From one transaction's beginning to the next one's. Default: 50 ms (RFC 8445 §14.2), at least 5 ms.
    #[serde(default = "usual_ta")]
    pub ta: Span,
    /// The least first wait for a response; each one after it is twice as long. Default: 500 ms (RFC 8445 §14.3).
    #[serde(default = "usual_rto")]
    pub rto: Span,
    /// How often a request is sent, 1 to 32. Default: 7 (RFC 8489 §6.2.1).
    #[serde(default = "usual_rc")]
    pub transmissions: u32,
    /// How long the controlling end waits for better pairs once one is valid (RFC 8445 §8.1.1 leaves it open). Default: 200 ms.
    #[serde(default = "usual_patience")]
    pub patience: Span,
    /// The same while the best valid pair has a relay. Default: 1 s.
    #[serde(default = "usual_relay_patience")]
    pub relay_patience: Span,
    /// It does not fail before that long has passed since its checks began. Default: 39.5 s (RFC 8863 §4).
    #[serde(default = "usual_least")]
    pub least_time: Span,
    /// It has failed if it has no pair when that long has passed since. Default: 60 s.
    #[serde(default = "usual_most")]
    pub most_time: Span,
    /// Between requests for consent, spread by 0.8 to 1.2. Default: 5 s (RFC 7675 §5.1).
    #[serde(default = "usual_consent_interval")]
    pub consent_interval: Span,
    /// How long after the last answer consent is over. Default: 30 s (RFC 7675 §5.1).
    #[serde(default = "usual_consent_expiry")]
    pub consent_expiry: Span,
    /// Begins a restart (RFC 8445 §9) when no answer has come for that long; data go on over the old pair until there is a new one. Default:
    /// it does not.
    #[serde(default)]
    pub restart_after: Option<Span>,
    /// Begins a restart that long after its start, whatever there is. Default: it does not.
    #[serde(default)]
    pub restart_at: Option<Span>,
    /// How many sessions that failed or lost consent are begun anew. Default: 0.
    #[serde(default)]
    pub retries: u32,
    /// What it sends to its peer once a pair is valid, on the first component of each stream. Default: nothing.
    #[serde(default)]
    pub data: Option<IceData>,
    /// Its TCP, for servers over connections and for candidates over TCP.
    #[serde(default)]
    pub tcp: TcpConfig,
    /// The TLS of its connections to servers. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<TlsClientConfig>>,
    /// How its servers are found: not written, but made known before it is built.
    #[serde(skip)]
    pub(crate) found: Found,
    /// What the agents of one group share, once that is known.
    #[serde(skip)]
    pub(crate) shared: Option<SharedConfig>,
}

/// Who begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Signalling {
    /// It makes the offer, and controls (RFC 8445 §6.1.1).
    Offers,
    /// It answers.
    Answers,
}

/// Whose code an agent is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum IceImplementation {
    /// Ours.
    #[default]
    Own,
    /// The agent of str0m (its crate `is`, 0.12) with its defaults, in programs that are built with the feature `str0m`. It has one stream with one
    /// component over UDP, and waits, nominations and consent of its own, of which nothing can be said here. What it leaves to its users is
    /// ours: candidates of servers, relays, signalling. There are no copies of it, so that `fork_at` cannot be while there is a session.
    Str0m,
}

/// What an agent can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum IceMode {
    /// Everything.
    #[default]
    Full,
    /// It has candidates of its interfaces alone, and answers checks: for servers that everybody reaches (RFC 8445 §2.5).
    Lite,
}

/// A server that shows or lends addresses.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub enum IceServer {
    /// Of STUN, over UDP.
    Stun {
        /// The node that it runs on.
        to: NodeName,
        /// Its port. Default: 3478.
        #[serde(default = "crate::stun::app::usual_port")]
        port: u16,
    },
    /// Of TURN.
    Turn {
        /// The node that it runs on.
        to: NodeName,
        /// Its port. Default: 3478.
        #[serde(default = "crate::stun::app::usual_port")]
        port: u16,
        /// The name there.
        user: String,
        /// The password there.
        password: String,
        /// How it is reached; what goes to peers goes over UDP in any case. Default: Udp.
        #[serde(default)]
        over: Over,
    },
}

/// How a server of TURN is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Over {
    /// In datagrams.
    #[default]
    Udp,
    /// Over a connection.
    Tcp,
    /// Over one with TLS.
    Tls,
}

/// Datagrams at an interval, which count what arrives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IceData {
    /// From one to the next. Default: 20 ms.
    #[serde(default = "twenty_millis")]
    pub interval: Span,
    /// How long each one is. Default: 160 B.
    #[serde(default = "usual_payload")]
    pub payload: Size,
}

const fn yes() -> bool {
    true
}

const fn one() -> u16 {
    1
}

const fn usual_ta() -> Span {
    Span::from_millis(50)
}

const fn usual_rto() -> Span {
    Span::from_millis(500)
}

const fn usual_rc() -> u32 {
    7
}

const fn usual_patience() -> Span {
    Span::from_millis(200)
}

const fn usual_relay_patience() -> Span {
    Span::from_secs(1)
}

const fn usual_least() -> Span {
    Span::from_millis(39_500)
}

const fn usual_most() -> Span {
    Span::from_secs(60)
}

const fn usual_consent_interval() -> Span {
    Span::from_secs(5)
}

const fn usual_consent_expiry() -> Span {
    Span::from_secs(30)
}

const fn twenty_millis() -> Span {
    Span::from_millis(20)
}

const fn usual_payload() -> Size {
    Size::from_bytes(160)
}

impl IceServer {
    /// The node that it runs on.
    pub const fn to(&self) -> &NodeName {
        match self {
            Self::Stun { to, .. } | Self::Turn { to, .. } => to,
        }
    }

    /// Its port.
    pub const fn port(&self) -> u16 {
        match self {
            Self::Stun { port, .. } | Self::Turn { port, .. } => *port,
        }
    }

    /// Where it must listen.
    pub const fn listens_on(&self) -> Port {
        match self.over() {
            Over::Udp => Port::Udp(self.port()),
            Over::Tcp | Over::Tls => Port::Tcp(self.port()),
        }
    }

    const fn over(&self) -> Over {
        match self {
            Self::Stun { .. } => Over::Udp,
            Self::Turn { over, .. } => *over,
        }
    }

    /// The server at one of its addresses. Over IPv6 it is asked for an address of IPv6 (RFC 8656 §7.1) where one of IPv4 comes over IPv4, or
    /// it has none: an end of IPv6 alone reaches others by a relay of IPv4.
    fn spec(&self, address: IpAddr, way: &Way) -> ServerSpec {
        let lends_v6 = address.is_ipv6() && (!way.has_v4 || way.addresses.iter().any(IpAddr::is_ipv4));
        let transport = match self.over() {
            Over::Udp => Transport::Udp,
            Over::Tcp => Transport::Tcp,
            Over::Tls => Transport::Tls,
        };
        let account = match self {
            Self::Stun { .. } => None,
            Self::Turn { user, password, .. } => {
                Some(Account { name: user.as_str().into(), password: password.as_str().into() })
            }
        };
        ServerSpec {
            address: SocketAddr::new(address, self.port()),
            transport,
            account,
            lends: lends_v6.then_some(Family::V6),
        }
    }
}

impl IceAgentConfig {
    /// An agent on this channel with everything else at its default.
    pub fn new(channel: ChannelName, role: Signalling) -> Self {
        Self {
            channel,
            role,
            implementation: IceImplementation::Own,
            start: Span::ZERO,
            servers: Vec::new(),
            mode: IceMode::Full,
            trickle: yes(),
            streams: one(),
            components: one(),
            most_addresses: None,
            tcp_port: None,
            relays_only: false,
            hide_addresses: false,
            synthesizes: yes(),
            ta: usual_ta(),
            rto: usual_rto(),
            transmissions: usual_rc(),
            patience: usual_patience(),
            relay_patience: usual_relay_patience(),
            least_time: usual_least(),
            most_time: usual_most(),
            consent_interval: usual_consent_interval(),
            consent_expiry: usual_consent_expiry(),
            restart_after: None,
            restart_at: None,
            retries: 0,
            data: None,
            tcp: TcpConfig::default(),
            tls: None,
            found: Found::default(),
            shared: None,
        }
    }

    /// Whether it opens or takes connections.
    pub fn uses_streams(&self) -> bool {
        self.tcp_port.is_some() || self.servers.iter().any(|server| server.over() != Over::Udp)
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        let mut found = self.check_numbers();
        if self.mode == IceMode::Lite {
            found.extend(self.check_lite());
        }
        if self.implementation == IceImplementation::Str0m {
            found.extend(self.check_str0m());
        }
        let uses = |over: Over| self.servers.iter().any(|server| server.over() == over);
        if uses(Over::Tls) && self.tls.is_none() {
            found.push(("tls", "is needed: a server is reached over TLS".to_owned()));
        }
        if !uses(Over::Tls) && self.tls.is_some() {
            found.push(("tls", "has no effect: no server is reached over TLS".to_owned()));
        }
        if self.tls.is_some() && (uses(Over::Tcp) || self.tcp_port.is_some()) {
            found.push(("tls", "is of all connections of the agent, so that none can be without it".to_owned()));
        }
        if self.servers.iter().any(|server| server.port() == 0) {
            found.push(("servers", "has a port 0: nobody listens there".to_owned()));
        }
        let has_relay = self.servers.iter().any(|server| matches!(server, IceServer::Turn { .. }));
        if self.relays_only && !has_relay {
            found.push(("relays_only", "needs a server of TURN: there would be no candidate".to_owned()));
        }
        if self.relays_only && (self.hide_addresses || self.tcp_port.is_some()) {
            found.push(("relays_only", "leaves nothing of `hide_addresses` and `tcp_port`".to_owned()));
        }
        found
    }

    /// What both ends of a channel must say alike, or not.
    pub fn disagrees_with(&self, other: &Self) -> Option<(&'static str, String)> {
        let alike = |field: &'static str, is_alike: bool| {
            (!is_alike).then(|| (field, "is not what the agent at the other end of the channel has".to_owned()))
        };
        let both = || {
            ("role", "is that of the agent at the other end of the channel, too: one offers, one answers".to_owned())
        };
        // Who trickles to an end that does not know how would have to begin by halves (RFC 8838 §16).
        (self.role == other.role)
            .then(both)
            .or_else(|| alike("streams", self.streams == other.streams))
            .or_else(|| alike("components", self.components == other.components))
            .or_else(|| alike("trickle", self.trickle == other.trickle))
    }

    fn check_numbers(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let mut wants = |is_right: bool, field: &'static str, why: &str| {
            if !is_right {
                found.push((field, why.to_owned()));
            }
        };
        wants((1..=16).contains(&self.streams), "streams", "is 1 to 16");
        wants((1..=2).contains(&self.components), "components", "is 1 or 2: RTP, and RTCP");
        wants(self.most_addresses != Some(0), "most_addresses", "is at least 1: there would be no candidate");
        wants(self.ta >= Span::from_millis(5), "ta", "is at least 5 ms (RFC 8445 §14.2)");
        wants(!self.rto.is_zero(), "rto", "is longer than zero");
        wants((1..=32).contains(&self.transmissions), "transmissions", "is 1 to 32");
        wants(self.most_time >= self.least_time, "most_time", "is at least `least_time`");
        wants(!self.consent_interval.is_zero(), "consent_interval", "is longer than zero");
        let is_longer = self.consent_expiry > self.consent_interval;
        wants(is_longer, "consent_expiry", "is longer than `consent_interval`");
        if let Some(after) = self.restart_after {
            // Requests are up to 1.2 intervals apart, and answers take a while.
            let usual = Span::from_nanos(self.consent_interval.as_nanos() / 5 * 6).saturating_add(self.rto);
            let fits = after > usual && after < self.consent_expiry;
            wants(
                fits,
                "restart_after",
                "is longer than 1.2 `consent_interval` and `rto`, and less than `consent_expiry`",
            );
        }
        wants(self.restart_at.is_none_or(|at| at > self.start), "restart_at", "is after `start`");
        if let Some(port) = self.tcp_port {
            let last = u32::from(port) + u32::from(self.streams) * u32::from(self.components) - 1;
            wants(port > 0 && last <= 65_535, "tcp_port", "leaves room for one port of each component");
        }
        if let Some(data) = self.data {
            wants(!data.interval.is_zero(), "data.interval", "is longer than zero");
            // A datagram of STUN begins with two zero bits and has 20 bytes at least; data here begin with others.
            wants((1..=1200).contains(&data.payload.as_bytes()), "data.payload", "is 1 to 1200 B");
        }
        found
    }

    fn check_lite(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let none = |field, is_set: bool| is_set.then(|| (field, "has no effect on a lite agent".to_owned()));
        found.extend(none("servers", !self.servers.is_empty()));
        found.extend(none("relays_only", self.relays_only));
        found.extend(none("restart_after", self.restart_after.is_some()));
        // Nobody could find it.
        found.extend(none("hide_addresses", self.hide_addresses));
        found
    }

    /// What str0m cannot be told, or is not there for.
    fn check_str0m(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        if !cfg!(feature = "str0m") {
            let how = "build it with it: cargo build --release --features str0m";
            found.push(("implementation", format!("is str0m, which is not part of this program; {how}")));
        }
        let untold = [
            ("mode", self.mode != IceMode::Full),
            ("streams", self.streams != one()),
            ("components", self.components != one()),
            ("tcp_port", self.tcp_port.is_some()),
            ("synthesizes", !self.synthesizes),
            ("patience", self.patience != usual_patience()),
            ("relay_patience", self.relay_patience != usual_relay_patience()),
            ("consent_interval", self.consent_interval != usual_consent_interval()),
            ("consent_expiry", self.consent_expiry != usual_consent_expiry()),
            ("restart_after", self.restart_after.is_some()),
        ];
        let is_set = |(field, is_set): (&'static str, bool)| is_set.then_some(field);
        let why = "is nothing that str0m is told (`implementation: Str0m`)";
        found.extend(untold.into_iter().filter_map(is_set).map(|field| (field, why.to_owned())));
        let of_requests = [("rto", self.rto != usual_rto()), ("transmissions", self.transmissions != usual_rc())];
        if self.servers.is_empty() {
            let why = "has no effect: with `implementation: Str0m` it is of requests to servers, and there are none";
            found.extend(of_requests.into_iter().filter_map(is_set).map(|field| (field, why.to_owned())));
        }
        found
    }

    /// The longest message \[bytes\] but for data, which may be longer: a check through a relay, with names of 9 bytes, or of 33 between
    /// two of str0m.
    pub(crate) fn message_len(&self) -> u64 {
        let data = self.data.map_or(0, |data| data.payload.as_bytes());
        let relayed = if self.servers.iter().any(|server| matches!(server, IceServer::Turn { .. })) { 48 } else { 0 };
        let check = if self.implementation == IceImplementation::Str0m { 116 } else { 92 };
        data.max(check) + relayed
    }

    /// Its servers.
    pub(crate) fn further(&self) -> Vec<Further<'_>> {
        let named = self.servers.iter().enumerate().map(|(index, server)| Further {
            field: format!("servers.{index}"),
            node: server.to(),
            port: server.listens_on(),
            by: Sender::Own,
        });
        named.collect()
    }

    /// Takes how its servers are found; what agents have in common is that of `like`, if that is of the same application and finds them
    /// alike.
    pub(crate) fn resolve(&mut self, found: Found, like: Option<&Self>) {
        self.found = found;
        let same = like.filter(|like| like.found == self.found).and_then(|like| like.shared.clone());
        self.shared = Some(same.unwrap_or_else(|| Arc::new(self.agent())));
    }

    /// Its servers at each of their addresses.
    fn server_specs(&self) -> Vec<ServerSpec> {
        let named = self.servers.iter().zip(&self.found.ways);
        named.flat_map(|(server, way)| way.addresses.iter().map(|address| server.spec(*address, way))).collect()
    }

    /// The agent that it asks for.
    pub(crate) fn agent(&self) -> AgentConfig {
        AgentConfig {
            mode: match self.mode {
                IceMode::Full => Mode::Full,
                IceMode::Lite => Mode::Lite,
            },
            streams: vec![self.components; usize::from(self.streams)],
            servers: self.server_specs(),
            nat64: self.found.nat64.filter(|_| self.synthesizes),
            relays_only: self.relays_only,
            trickle: self.trickle,
            ta: self.ta,
            timing: Timing { rto: self.rto, rc: self.transmissions, ..Timing::default() },
            patience: self.patience,
            relay_patience: self.relay_patience,
            least_time: self.least_time,
            most_time: self.most_time,
            consent_interval: self.consent_interval,
            consent_expiry: self.consent_expiry,
            doubt_after: self.restart_after,
            ..AgentConfig::new()
        }
    }
}
