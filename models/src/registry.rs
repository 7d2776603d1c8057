//! The one place where applications are made known to scenarios and to `protosim live`.
//!
//! To register a protocol's application, add a variant to [`AppConfig`] and its arm to each of its
//! functions; the compiler names those that lack it.

mod agreement;
mod build;
mod further;

pub use build::Common;
pub use further::{Found, Further, Sender, Way};

use crate::dtls::{self, DtlsClientConfig, DtlsServerConfig};
use crate::name::{ChannelName, NodeName};
use crate::tcp::app as streams;
use crate::tls::{self, TlsClientConfig, TlsServerConfig};
use crate::{amqp, coap, http, ice, mqtt, ping, stun, tcp, traffic, turn};
use protosim_core::Span;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

// Large configurations are boxed: a scenario has one for each application.
/// An application, as in a scenario: `run: CoapClient(to: "server", interval: "300 s")`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub enum AppConfig {
    /// Acknowledges adaptive flows.
    AimdSink(traffic::AimdSinkConfig),
    /// Sends a flow whose window rises by one and falls by half.
    AimdSource(traffic::AimdSourceConfig),
    /// Sends and receives (AMQP 1.0).
    Amqp10Client(Box<amqp::Amqp10ClientConfig>),
    /// Takes messages into queues and hands them to consumers (AMQP 0-9-1).
    AmqpBroker(Box<amqp::AmqpBrokerConfig>),
    /// Declares, publishes and consumes (AMQP 0-9-1).
    AmqpClient(Box<amqp::AmqpClientConfig>),
    /// Sends CoAP requests (RFC 7252).
    CoapClient(coap::ClientConfig),
    /// Asks CoAP servers on behalf of clients, and keeps what they say (RFC 7252 §5.7).
    CoapProxy(coap::ProxyConfig),
    /// Answers CoAP requests (RFC 7252).
    CoapServer(coap::ServerConfig),
    /// Asks for targets or pages over HTTP/1.1 (RFC 9112).
    HttpClient(Box<http::HttpClientConfig>),
    /// Answers requests over HTTP/1.1 (RFC 9112).
    HttpServer(Box<http::HttpServerConfig>),
    /// Finds a pair of addresses over which it can talk to its peer (ICE, RFC 8445).
    IceAgent(Box<ice::IceAgentConfig>),
    /// Takes messages and passes them on to who has subscribed (MQTT 3.1.1, 5.0).
    MqttBroker(Box<mqtt::MqttBrokerConfig>),
    /// Publishes and subscribes (MQTT 3.1.1, 5.0).
    MqttClient(Box<mqtt::MqttClientConfig>),
    /// Sends ICMP echo requests.
    Ping(ping::PingConfig),
    /// Asks a server of STUN for its own address, as translators make it (RFC 8489).
    StunClient(stun::StunClientConfig),
    /// Tells clients from which address their requests come (RFC 8489).
    StunServer(stun::StunServerConfig),
    /// Sends requests over TCP, each after the answer to the one before.
    TcpClient(streams::TcpClientConfig),
    /// Answers requests over TCP.
    TcpServer(streams::TcpServerConfig),
    /// Takes and checks bulk data over TCP.
    TcpSink(streams::TcpSinkConfig),
    /// Sends bulk data over TCP, on one connection or several.
    TcpSource(streams::TcpSourceConfig),
    /// Sends datagrams to a peer through a relay, and waits for their echoes (RFC 8656).
    TurnClient(Box<turn::TurnClientConfig>),
    /// Relays between clients and their peers (RFC 8656).
    TurnServer(Box<turn::TurnServerConfig>),
    /// Sends requests over UDP, each after the answer to the one before.
    UdpClient(traffic::UdpClientConfig),
    /// Answers requests over UDP.
    UdpServer(traffic::UdpServerConfig),
    /// Counts and checks UDP datagrams.
    UdpSink(traffic::UdpSinkConfig),
    /// Sends UDP datagrams: at a constant rate, at random, in bursts, periodically, or as a trace says.
    UdpSource(traffic::UdpSourceConfig),
}

/// TLS beneath an application.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Tls<'a> {
    /// Of one that opens connections.
    Client(&'a TlsClientConfig),
    /// Of one that takes them.
    Server(&'a TlsServerConfig),
}

impl Tls<'_> {
    /// True if it needs all of the cryptography to be done (`crypto: Real`): rustls reads and writes real bytes.
    pub fn needs_real(&self) -> bool {
        let implementation = match self {
            Self::Client(config) => config.implementation,
            Self::Server(config) => config.implementation,
        };
        implementation == tls::config::Implementation::Rustls
    }
}

/// DTLS beneath an application.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Dtls<'a> {
    /// Of one that sends to a server.
    Client(&'a DtlsClientConfig),
    /// Of one that others send to.
    Server(&'a DtlsServerConfig),
}

/// A port of a transport protocol: those of UDP and of TCP have nothing to do with each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Port {
    /// Of UDP.
    Udp(u16),
    /// Of TCP.
    Tcp(u16),
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Udp(port) => write!(f, "UDP port {port}"),
            Self::Tcp(port) => write!(f, "TCP port {port}"),
        }
    }
}

/// The operations that take processor time on a device that says so, in order.
pub fn operations() -> impl Iterator<Item = &'static str> {
    let of_nat_traversal = stun::OPERATIONS.into_iter().chain(turn::OPERATIONS);
    amqp::OPERATIONS
        .into_iter()
        .chain(coap::OPERATIONS)
        .chain(dtls::OPERATIONS)
        .chain(http::OPERATIONS)
        .chain(mqtt::OPERATIONS)
        .chain(of_nat_traversal)
        .chain(tcp::OPERATIONS)
        .chain(tls::OPERATIONS)
}

impl AppConfig {
    /// Fields that contradict each other or can have no effect: their paths from the configuration's
    /// top, and what is wrong.
    pub fn check(&self) -> Vec<(Cow<'static, str>, String)> {
        let found = match self {
            Self::AimdSink(config) => config.check(),
            Self::AimdSource(config) => config.check(),
            Self::Amqp10Client(config) => return config.check(),
            Self::AmqpBroker(config) => config.check(),
            Self::AmqpClient(config) => return config.check(),
            Self::UdpClient(config) => config.check(),
            Self::UdpServer(config) => config.check(),
            Self::CoapClient(config) => config.check(),
            Self::CoapProxy(config) => config.check(),
            Self::CoapServer(config) => config.check(),
            Self::HttpClient(config) => config.check(),
            Self::HttpServer(config) => config.check(),
            Self::IceAgent(config) => config.check(),
            Self::MqttBroker(config) => config.check(),
            Self::MqttClient(config) => return config.check(),
            Self::Ping(config) => config.check(),
            Self::StunClient(config) => config.check(),
            Self::StunServer(config) => config.check(),
            Self::TurnClient(config) => config.check(),
            Self::TurnServer(config) => config.check(),
            Self::TcpClient(config) => config.check(),
            Self::TcpServer(config) => config.check(),
            Self::TcpSink(config) => config.check(),
            Self::TcpSource(config) => config.check(),
            Self::UdpSink(config) => config.check(),
            Self::UdpSource(config) => config.check(),
        };
        found.into_iter().map(|(field, why)| (Cow::Borrowed(field), why)).collect()
    }

    /// The node that it talks to by itself, if any.
    pub fn destination(&self) -> Option<&NodeName> {
        match self {
            Self::AimdSource(config) => Some(&config.to),
            Self::Amqp10Client(config) => Some(&config.to),
            Self::AmqpClient(config) => Some(&config.to),
            Self::CoapClient(config) => Some(config.asked()),
            Self::UdpClient(config) => Some(&config.to),
            Self::HttpClient(config) => Some(&config.to),
            Self::MqttClient(config) => Some(&config.to),
            Self::Ping(config) => Some(&config.to),
            Self::StunClient(config) => Some(&config.to),
            Self::TcpClient(config) => Some(&config.to),
            Self::TcpSource(config) => Some(&config.to),
            Self::TurnClient(config) => Some(&config.to),
            Self::UdpSource(config) => Some(&config.to),
            Self::AimdSink(_) | Self::CoapServer(_) | Self::HttpServer(_) | Self::TcpServer(_) => None,
            Self::TcpSink(_) | Self::UdpServer(_) | Self::UdpSink(_) => None,
            Self::AmqpBroker(_) | Self::CoapProxy(_) | Self::IceAgent(_) | Self::MqttBroker(_) => None,
            Self::StunServer(_) | Self::TurnServer(_) => None,
        }
    }

    /// The field that names [`AppConfig::destination`].
    pub fn destination_field(&self) -> &'static str {
        match self {
            Self::CoapClient(config) if config.via.is_some() => "via",
            _ => "to",
        }
    }

    /// The channels that it asks for: the fields that name them, by their paths from the configuration's top.
    pub fn channels(&self) -> Vec<(&'static str, &ChannelName)> {
        match self {
            Self::IceAgent(config) => vec![("channel", &config.channel)],
            Self::CoapProxy(_) | Self::Amqp10Client(_) => Vec::new(),
            Self::AimdSink(_) | Self::AimdSource(_) | Self::CoapClient(_) | Self::CoapServer(_) => Vec::new(),
            Self::HttpClient(_) | Self::HttpServer(_) | Self::Ping(_) => Vec::new(),
            Self::AmqpBroker(_) | Self::AmqpClient(_) | Self::MqttBroker(_) | Self::MqttClient(_) => Vec::new(),
            Self::StunClient(_) | Self::StunServer(_) | Self::TurnClient(_) | Self::TurnServer(_) => Vec::new(),
            Self::TcpClient(_) | Self::TcpServer(_) | Self::TcpSink(_) | Self::TcpSource(_) => Vec::new(),
            Self::UdpClient(_) | Self::UdpServer(_) | Self::UdpSink(_) | Self::UdpSource(_) => Vec::new(),
        }
    }

    /// Why nothing comes of what it says over a channel to `other` at its other end: the field, and what is wrong.
    pub fn disagrees_with(&self, other: &Self) -> Option<(&'static str, String)> {
        match (self, other) {
            (Self::IceAgent(own), Self::IceAgent(other)) => own.disagrees_with(other),
            _ => None,
        }
    }

    /// The further nodes that it names, beside its destination: always as many for the same configuration, in the same order.
    pub fn further(&self) -> Vec<Further<'_>> {
        match self {
            Self::IceAgent(config) => config.further(),
            Self::TurnClient(config) => vec![config.further()],
            Self::CoapClient(config) => config.further().into_iter().collect(),
            Self::AimdSink(_) | Self::AimdSource(_) | Self::CoapProxy(_) | Self::CoapServer(_) => Vec::new(),
            Self::HttpClient(_) | Self::HttpServer(_) | Self::Ping(_) => Vec::new(),
            Self::AmqpBroker(_) | Self::AmqpClient(_) | Self::MqttBroker(_) | Self::MqttClient(_) => Vec::new(),
            Self::Amqp10Client(_) => Vec::new(),
            Self::StunClient(_) | Self::StunServer(_) | Self::TurnServer(_) => Vec::new(),
            Self::TcpClient(_) | Self::TcpServer(_) | Self::TcpSink(_) | Self::TcpSource(_) => Vec::new(),
            Self::UdpClient(_) | Self::UdpServer(_) | Self::UdpSink(_) | Self::UdpSource(_) => Vec::new(),
        }
    }

    /// Tells it how the nodes are found that [`AppConfig::further`] names, before it is built. `like` is the same application on another
    /// node, with which it shares what is the same.
    pub fn resolve(&mut self, found: Found, like: Option<&Self>) {
        match self {
            Self::IceAgent(config) => {
                let like = like.and_then(|like| if let Self::IceAgent(like) = like { Some(&**like) } else { None });
                config.resolve(found, like);
            }
            Self::CoapClient(config) => config.resolve(&found),
            Self::TurnClient(config) => config.resolve(&found),
            _ => {}
        }
    }

    /// Tells it where it runs and what it is called there, before it is built: what takes its own name from that has it then.
    pub fn call(&mut self, node: &str, app: &str) {
        match self {
            Self::Amqp10Client(config) => config.container_id.get_or_insert_with(|| format!("{node}/{app}")),
            Self::MqttClient(config) => config.client_id.get_or_insert_with(|| format!("{node}/{app}")),
            _ => return,
        };
    }

    /// The port on which it expects someone to listen there.
    pub fn destination_port(&self) -> Option<Port> {
        match self {
            Self::AimdSource(config) => Some(Port::Udp(config.port)),
            Self::Amqp10Client(config) => Some(Port::Tcp(config.port())),
            Self::AmqpClient(config) => Some(Port::Tcp(config.port())),
            Self::CoapClient(config) => Some(Port::Udp(config.asked_port())),
            Self::HttpClient(config) => Some(Port::Tcp(config.port())),
            Self::MqttClient(config) => Some(Port::Tcp(config.port())),
            Self::TcpClient(config) => Some(Port::Tcp(config.port)),
            Self::TcpSource(config) => Some(Port::Tcp(config.port)),
            Self::StunClient(config) => Some(Port::Udp(config.port)),
            Self::TurnClient(config) if config.tcp.is_some() => Some(Port::Tcp(config.port)),
            Self::TurnClient(config) => Some(Port::Udp(config.port)),
            Self::UdpClient(config) => Some(Port::Udp(config.port)),
            Self::UdpSource(config) => Some(Port::Udp(config.port)),
            Self::Ping(_) | Self::AimdSink(_) | Self::CoapServer(_) | Self::UdpServer(_) | Self::UdpSink(_) => None,
            Self::HttpServer(_) | Self::TcpServer(_) | Self::TcpSink(_) => None,
            Self::AmqpBroker(_) | Self::CoapProxy(_) | Self::IceAgent(_) | Self::MqttBroker(_) => None,
            Self::StunServer(_) | Self::TurnServer(_) => None,
        }
    }

    /// Its TCP, if it has one.
    pub fn tcp(&self) -> Option<&tcp::TcpConfig> {
        match self {
            Self::Amqp10Client(config) => Some(&config.tcp),
            Self::AmqpBroker(config) => Some(&config.tcp),
            Self::AmqpClient(config) => Some(&config.tcp),
            Self::HttpClient(config) => Some(&config.tcp),
            Self::HttpServer(config) => Some(&config.tcp),
            Self::MqttBroker(config) => Some(&config.tcp),
            Self::MqttClient(config) => Some(&config.tcp),
            Self::IceAgent(config) if config.uses_streams() => Some(&config.tcp),
            Self::StunServer(config) => config.tcp.as_ref(),
            Self::TurnClient(config) => config.tcp.as_ref(),
            Self::TurnServer(config) => config.tcp.as_ref(),
            Self::TcpClient(config) => Some(&config.tcp),
            Self::TcpServer(config) => Some(&config.tcp),
            Self::TcpSink(config) => Some(&config.tcp),
            Self::TcpSource(config) => Some(&config.tcp),
            Self::AimdSink(_) | Self::AimdSource(_) | Self::CoapClient(_) | Self::CoapServer(_) => None,
            Self::CoapProxy(_) | Self::IceAgent(_) | Self::StunClient(_) => None,
            Self::Ping(_) | Self::UdpClient(_) | Self::UdpServer(_) | Self::UdpSink(_) | Self::UdpSource(_) => None,
        }
    }

    /// Its TLS, if it has any.
    pub fn tls(&self) -> Option<Tls<'_>> {
        match self {
            Self::Amqp10Client(config) => config.tls.as_deref().map(Tls::Client),
            Self::AmqpBroker(config) => config.tls.as_deref().map(Tls::Server),
            Self::AmqpClient(config) => config.tls.as_deref().map(Tls::Client),
            Self::HttpClient(config) => config.tls.as_deref().map(Tls::Client),
            Self::HttpServer(config) => config.tls.as_deref().map(Tls::Server),
            Self::MqttBroker(config) => config.tls.as_deref().map(Tls::Server),
            Self::MqttClient(config) => config.tls.as_deref().map(Tls::Client),
            Self::IceAgent(config) => config.tls.as_deref().map(Tls::Client),
            Self::StunServer(config) => config.tls.as_deref().map(Tls::Server),
            Self::TurnClient(config) => config.tls.as_deref().map(Tls::Client),
            Self::TurnServer(config) => config.tls.as_deref().map(Tls::Server),
            Self::TcpClient(config) => config.tls.as_deref().map(Tls::Client),
            Self::TcpServer(config) => config.tls.as_deref().map(Tls::Server),
            Self::TcpSink(config) => config.tls.as_deref().map(Tls::Server),
            Self::TcpSource(config) => config.tls.as_deref().map(Tls::Client),
            Self::AimdSink(_) | Self::AimdSource(_) | Self::CoapClient(_) | Self::CoapServer(_) => None,
            Self::CoapProxy(_) | Self::StunClient(_) => None,
            Self::Ping(_) | Self::UdpClient(_) | Self::UdpServer(_) | Self::UdpSink(_) | Self::UdpSource(_) => None,
        }
    }

    /// Its DTLS, if it has any.
    pub fn dtls(&self) -> Option<Dtls<'_>> {
        match self {
            Self::CoapClient(config) => config.dtls.as_deref().map(Dtls::Client),
            Self::CoapServer(config) => config.dtls.as_deref().map(Dtls::Server),
            _ => None,
        }
    }

    /// True if cryptography has something to do.
    pub fn is_secured(&self) -> bool {
        self.tls().is_some() || self.dtls().is_some()
    }

    /// Fields of its [`AppConfig::tcp`] that could change nothing, since its data go one way alone; and which way that is.
    pub fn idle_fields_of_tcp(&self) -> Option<(&'static [&'static str], &'static str)> {
        match self {
            Self::TcpSink(_) => Some((&tcp::config::OF_SENDERS, "a TcpSink sends no data")),
            Self::TcpSource(_) => Some((&tcp::config::OF_RECEIVERS, "a TcpSource receives no data")),
            _ => None,
        }
    }

    /// The length of the longest message that it sends in packets with `ip_header` bytes of IP header, with the header
    /// of UDP or ICMP [bytes]; 0 if it sends none, or streams, which are cut into segments that fit.
    pub fn message_len(&self, ip_header: u64) -> u64 {
        // UDP (RFC 768) and ICMP echo (RFC 792, RFC 4443) alike.
        const HEADER: u64 = 8;
        match self {
            Self::CoapClient(config) => {
                let len = config.request_len();
                HEADER + config.dtls.as_ref().map_or(len, |dtls| dtls.longest(len))
            }
            Self::Ping(config) => HEADER + config.payload.as_bytes(),
            Self::UdpClient(config) => HEADER + config.request.longest(),
            Self::UdpServer(config) => HEADER + config.response.longest(),
            Self::UdpSource(config) => HEADER + config.longest_payload(ip_header),
            Self::AimdSource(config) => HEADER + config.payload.as_bytes(),
            Self::CoapServer(config) => {
                let len = config.response_len();
                HEADER + config.dtls.as_ref().map_or(len, |dtls| dtls.longest(len))
            }
            Self::AimdSink(_) => HEADER + traffic::AIMD_ACK_LEN,
            Self::IceAgent(config) => HEADER + config.message_len(),
            Self::StunClient(_) => HEADER + stun::wire::HEADER_LEN as u64,
            Self::StunServer(config) => HEADER + config.response_len(),
            Self::TurnClient(config) => match config.message_len() {
                0 => 0,
                len => HEADER + len,
            },
            // What it relays is as long as clients and peers make it.
            Self::TurnServer(config) => HEADER + config.response_len(),
            // What a proxy passes on, too.
            Self::CoapProxy(_) | Self::UdpSink(_) => 0,
            Self::AmqpBroker(_) | Self::AmqpClient(_) | Self::MqttBroker(_) | Self::MqttClient(_) => 0,
            Self::Amqp10Client(_) => 0,
            Self::HttpClient(_) | Self::HttpServer(_) => 0,
            Self::TcpClient(_) | Self::TcpServer(_) | Self::TcpSink(_) | Self::TcpSource(_) => 0,
        }
    }

    /// The port that it listens on, if it names one.
    pub fn listens_on(&self) -> Option<Port> {
        match self {
            Self::AimdSink(config) => Some(Port::Udp(config.port)),
            Self::CoapProxy(config) => Some(Port::Udp(config.port())),
            Self::CoapServer(config) => Some(Port::Udp(config.port())),
            Self::StunServer(config) => Some(Port::Udp(config.port)),
            Self::TurnServer(config) => Some(Port::Udp(config.port)),
            Self::AmqpBroker(config) => Some(Port::Tcp(config.port())),
            Self::HttpServer(config) => Some(Port::Tcp(config.port())),
            Self::MqttBroker(config) => Some(Port::Tcp(config.port())),
            Self::TcpServer(config) => Some(Port::Tcp(config.port)),
            Self::TcpSink(config) => Some(Port::Tcp(config.port)),
            Self::UdpServer(config) => Some(Port::Udp(config.port)),
            Self::UdpSink(config) => Some(Port::Udp(config.port)),
            Self::AimdSource(_) | Self::CoapClient(_) | Self::Ping(_) | Self::UdpClient(_) | Self::UdpSource(_) => None,
            Self::HttpClient(_) | Self::TcpClient(_) | Self::TcpSource(_) => None,
            // Its ports of UDP are those that are free.
            Self::IceAgent(config) => config.tcp_port.map(Port::Tcp),
            Self::Amqp10Client(_) | Self::AmqpClient(_) | Self::MqttClient(_) => None,
            Self::StunClient(_) | Self::TurnClient(_) => None,
        }
    }

    /// The port on which it takes connections, if it does.
    pub fn listens_for_streams(&self) -> Option<Port> {
        match self {
            Self::StunServer(config) => config.tcp.as_ref().map(|_| Port::Tcp(config.port)),
            Self::TurnServer(config) => config.tcp.as_ref().map(|_| Port::Tcp(config.port)),
            other => other.listens_on().filter(|port| matches!(port, Port::Tcp(_))),
        }
    }

    /// When it begins, on its host's clock.
    pub fn starts_at(&self) -> Span {
        match self {
            Self::AimdSource(config) => config.start,
            Self::Amqp10Client(config) => config.start,
            Self::AmqpClient(config) => config.start,
            Self::CoapClient(config) => config.start,
            Self::UdpClient(config) => config.start,
            Self::HttpClient(config) => config.start,
            Self::MqttClient(config) => config.start,
            Self::IceAgent(config) => config.start,
            Self::Ping(config) => config.start,
            Self::StunClient(config) => config.start,
            Self::TcpClient(config) => config.start,
            Self::TcpSource(config) => config.start,
            Self::TurnClient(config) => config.start,
            Self::UdpSource(config) => config.start,
            Self::AimdSink(_) | Self::CoapServer(_) | Self::HttpServer(_) | Self::TcpServer(_) => Span::ZERO,
            Self::TcpSink(_) | Self::UdpServer(_) | Self::UdpSink(_) => Span::ZERO,
            Self::AmqpBroker(_)
            | Self::CoapProxy(_)
            | Self::MqttBroker(_)
            | Self::StunServer(_)
            | Self::TurnServer(_) => Span::ZERO,
        }
    }

    /// The same, to be changed; `None` for what begins with its node.
    pub fn start_mut(&mut self) -> Option<&mut Span> {
        match self {
            Self::AimdSource(config) => Some(&mut config.start),
            Self::Amqp10Client(config) => Some(&mut config.start),
            Self::AmqpClient(config) => Some(&mut config.start),
            Self::CoapClient(config) => Some(&mut config.start),
            Self::UdpClient(config) => Some(&mut config.start),
            Self::HttpClient(config) => Some(&mut config.start),
            Self::MqttClient(config) => Some(&mut config.start),
            Self::IceAgent(config) => Some(&mut config.start),
            Self::Ping(config) => Some(&mut config.start),
            Self::StunClient(config) => Some(&mut config.start),
            Self::TcpClient(config) => Some(&mut config.start),
            Self::TcpSource(config) => Some(&mut config.start),
            Self::TurnClient(config) => Some(&mut config.start),
            Self::UdpSource(config) => Some(&mut config.start),
            Self::AimdSink(_) | Self::CoapServer(_) | Self::HttpServer(_) | Self::TcpServer(_) => None,
            Self::TcpSink(_) | Self::UdpServer(_) | Self::UdpSink(_) => None,
            Self::AmqpBroker(_)
            | Self::CoapProxy(_)
            | Self::MqttBroker(_)
            | Self::StunServer(_)
            | Self::TurnServer(_) => None,
        }
    }

    /// When what it does by count would be done, on its host's clock; `None` if it has no count. Held at [`Span::MAX`].
    pub fn last_due(&self) -> Option<Span> {
        let after =
            |start: Span, every: Span, count: u64| start.saturating_add(every.saturating_mul(count.saturating_sub(1)));
        match self {
            Self::CoapClient(config) if config.observe => Some(config.start.saturating_add(config.observe_for?)),
            Self::CoapClient(config) => Some(after(config.start, config.interval(), config.requests)),
            Self::Ping(config) => Some(after(config.start, config.interval, config.count?)),
            Self::StunClient(config) => Some(after(config.start, config.interval, config.count?)),
            Self::TurnClient(config) => Some(after(config.start, config.interval, config.count?)),
            Self::UdpSource(config) => Some(after(config.start, config.exact_gap()?, config.count?)),
            Self::UdpClient(config) => Some(after(config.start, config.think.fixed()?, config.count?)),
            Self::HttpClient(config) => Some(after(config.start, config.think.fixed()?, config.count?)),
            Self::TcpClient(config) => Some(after(config.start, config.think.fixed()?, config.count?)),
            Self::Amqp10Client(config) => config.last_due(),
            Self::AmqpClient(config) => config.last_due(),
            Self::MqttClient(config) => config.last_due(),
            Self::HttpServer(_) | Self::TcpSource(_) | Self::TcpServer(_) | Self::TcpSink(_) => None,
            Self::AmqpBroker(_) | Self::CoapProxy(_) | Self::IceAgent(_) | Self::MqttBroker(_) => None,
            Self::StunServer(_) | Self::TurnServer(_) => None,
            Self::AimdSource(_) | Self::AimdSink(_) | Self::CoapServer(_) | Self::UdpServer(_) | Self::UdpSink(_) => {
                None
            }
        }
    }

    /// True if it comes to an end by itself, so that a run until quiet does.
    pub fn has_end(&self) -> bool {
        match self {
            Self::AimdSink(_) | Self::UdpServer(_) | Self::UdpSink(_) => true,
            // Notifications go on, and states change.
            Self::CoapClient(config) => !config.observe || config.observe_for.is_some(),
            Self::CoapServer(config) => config.changes.is_none(),
            Self::CoapProxy(_) | Self::HttpServer(_) => true,
            Self::TcpServer(_) | Self::TcpSink(_) => true,
            Self::StunServer(_) | Self::TurnServer(_) => true,
            // Consent goes on as long as the peer is there.
            Self::IceAgent(_) => false,
            // `$SYS` goes on, and so do pings.
            Self::MqttBroker(config) => config.sys_interval.is_zero(),
            Self::MqttClient(config) => config.stop.is_some(),
            // Heartbeats are those of clients that are there.
            Self::AmqpBroker(_) => true,
            Self::Amqp10Client(config) => config.stop.is_some(),
            Self::AmqpClient(config) => config.stop.is_some(),
            Self::AimdSource(config) => config.count.is_some() || config.stop.is_some(),
            Self::Ping(config) => config.count.is_some(),
            Self::StunClient(config) => config.count.is_some(),
            Self::TurnClient(config) => config.count.is_some(),
            Self::UdpClient(config) => config.count.is_some() || config.stop.is_some(),
            Self::HttpClient(config) => config.count.is_some() || config.stop.is_some(),
            Self::TcpClient(config) => config.count.is_some() || config.stop.is_some(),
            Self::TcpSource(config) => config.bytes.is_some() || config.stop.is_some(),
            Self::UdpSource(config) => config.has_end(),
        }
    }

    /// True if it begins exchanges, from which metrics are computed. Flows without an end are none.
    pub fn has_exchanges(&self) -> bool {
        match self {
            Self::TcpSource(config) => config.bytes.is_some(),
            Self::Amqp10Client(config) => !config.senders.is_empty(),
            Self::AmqpClient(config) => !config.publications.is_empty(),
            Self::MqttClient(config) => !config.publications.is_empty(),
            Self::CoapClient(_) | Self::HttpClient(_) | Self::Ping(_) | Self::TcpClient(_) | Self::UdpClient(_) => true,
            // Of a proxy: with servers.
            Self::CoapProxy(_) | Self::IceAgent(_) | Self::StunClient(_) | Self::TurnClient(_) => true,
            // Each state for each observer.
            Self::CoapServer(config) => config.changes.is_some(),
            _ => false,
        }
    }

    /// True if it begins exchanges, or sends what nobody has asked for: packets there are for its sake.
    pub fn begins_traffic(&self) -> bool {
        // A proxy sends because it is asked.
        let is_proxy = matches!(self, Self::CoapProxy(_));
        (self.has_exchanges() && !is_proxy)
            || matches!(self, Self::AimdSource(_) | Self::TcpSource(_) | Self::UdpSource(_))
    }

    /// True if what answers it says when a request has reached it; nobody does for a ping.
    pub fn knows_delivery(&self) -> bool {
        matches!(
            self,
            Self::Amqp10Client(_)
                | Self::AmqpClient(_)
                | Self::CoapClient(_)
                | Self::CoapProxy(_)
                | Self::CoapServer(_)
                | Self::HttpClient(_)
                | Self::MqttClient(_)
                | Self::TcpClient(_)
                | Self::TcpSource(_)
                | Self::TurnClient(_)
                | Self::UdpClient(_)
        )
    }

    /// True if it says when the first byte of a response has come.
    pub fn knows_first_byte(&self) -> bool {
        matches!(self, Self::HttpClient(_) | Self::TcpClient(_))
    }

    /// The recorded traffic that it needs before it is built, and the path of the field that names its file. Whoever
    /// loads a scenario reads the file and gives its text to [`TraceFile::resolve`](traffic::TraceFile::resolve).
    pub fn trace_file(&mut self) -> Option<(&'static str, &mut traffic::TraceFile)> {
        match self {
            Self::UdpSource(config) => config.trace_file(),
            Self::AimdSink(_) | Self::AimdSource(_) | Self::UdpClient(_) | Self::UdpServer(_) | Self::UdpSink(_) => {
                None
            }
            Self::CoapClient(_) | Self::CoapServer(_) | Self::HttpClient(_) | Self::HttpServer(_) | Self::Ping(_) => {
                None
            }
            Self::TcpClient(_) | Self::TcpServer(_) | Self::TcpSink(_) | Self::TcpSource(_) => None,
            Self::IceAgent(_) | Self::StunClient(_) | Self::StunServer(_) => None,
            Self::AmqpBroker(_) | Self::AmqpClient(_) | Self::MqttBroker(_) | Self::MqttClient(_) => None,
            Self::Amqp10Client(_) | Self::CoapProxy(_) => None,
            Self::TurnClient(_) | Self::TurnServer(_) => None,
        }
    }
}
