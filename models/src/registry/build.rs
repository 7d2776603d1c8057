//! From configurations to applications.

use super::{AppConfig, Dtls, Tls};
use crate::app::App;
use crate::dtls::DtlsClientConfig;
use crate::ledger::Counts;
use crate::tcp::app as streams;
use crate::tls::crypto::Mode;
use crate::tls::{Secured, TlsServerConfig};
use crate::{amqp, coap, dtls, http, ice, mqtt, ping, stun, tcp, traffic, turn};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// What the members of a group share that run the same application, so that it is there once.
#[derive(Clone, Debug, Default)]
pub enum Common {
    /// Nothing.
    #[default]
    Nothing,
    /// Of clients of AMQP 0-9-1.
    AmqpClient(Arc<amqp::AmqpClientCommon>),
    /// Of clients of MQTT.
    MqttClient(Arc<mqtt::MqttClientCommon>),
}

impl AppConfig {
    /// The application, with TLS or DTLS beneath it where it has that. `address` is that of [`AppConfig::destination`], and is not looked at where
    /// there is none; those of further nodes it knows by [`AppConfig::resolve`]. `crypto` says how much of the cryptography is done.
    pub fn build(&self, address: IpAddr, crypto: Mode) -> Box<dyn App> {
        self.build_like(&self.common(), address, crypto)
    }

    /// What applications share that differ from this one by their names and starts alone.
    pub fn common(&self) -> Common {
        match self {
            Self::AmqpClient(config) => Common::AmqpClient(Arc::new(amqp::AmqpClientCommon::new((**config).clone()))),
            Self::MqttClient(config) => Common::MqttClient(Arc::new(mqtt::MqttClientCommon::new((**config).clone()))),
            _ => Common::Nothing,
        }
    }

    /// As [`AppConfig::build`], with `common` of an application that differs by its name and start alone.
    pub fn build_like(&self, common: &Common, address: IpAddr, crypto: Mode) -> Box<dyn App> {
        let app = match (self, common) {
            (Self::AmqpClient(config), Common::AmqpClient(common)) => {
                let broker = SocketAddr::new(address, config.port());
                Box::new(amqp::AmqpClient::like(common, config.start, broker)) as Box<dyn App>
            }
            (Self::MqttClient(config), Common::MqttClient(common)) => {
                let broker = SocketAddr::new(address, config.port());
                Box::new(mqtt::MqttClient::like(common, config.client_id.as_deref(), config.start, broker))
            }
            _ => self.build_plain(address),
        };
        let server = self.destination().map_or("", |name| name.0.as_str());
        match self.dtls() {
            Some(Dtls::Client(config)) => {
                // Where nobody answers, silence is no sign that the server has forgotten the session.
                let expects_silence = matches!(self, Self::CoapClient(own) if own.expects_silence());
                let dead_after = config.dead_after.or(expects_silence.then_some(protosim_core::Span::MAX));
                let config = DtlsClientConfig { dead_after, ..config.clone() };
                return Box::new(dtls::Secured::client(app, crypto, &config, server));
            }
            Some(Dtls::Server(config)) => return Box::new(dtls::Secured::server(app, crypto, config)),
            None => {}
        }
        match self.tls() {
            Some(Tls::Client(config)) => Box::new(Secured::client(app, crypto, config, server)),
            Some(Tls::Server(config)) => Box::new(Secured::server(app, crypto, &self.with_protocols(config))),
            None => app,
        }
    }

    /// What it counts for the results, by name: [`App::totals`], and what its TCP connections count where it may have some.
    pub fn counted(&self) -> Vec<&'static str> {
        let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let app = self.build(nowhere, Mode::Sized);
        let own = app.totals().into_iter().map(|total| total.name);
        let of_tcp = self.tcp().map(|_| tcp::TcpTotals::default().named().map(|(name, _)| name));
        own.chain(of_tcp.into_iter().flatten()).collect()
    }

    /// What a ledger of messages ([`crate::ledger`]) says of it, while it says nothing: by this it is known whether it publishes and subscribes. All
    /// zeros; `None` for what has no messages.
    pub fn messages(&self) -> Option<Counts> {
        let (is_publisher, is_subscriber, is_taker) = match self {
            Self::Amqp10Client(config) => {
                let is_taker = !config.receivers.is_empty();
                (!config.senders.is_empty(), is_taker, is_taker)
            }
            Self::AmqpClient(config) => {
                let is_taker = !config.consumers.is_empty();
                (!config.publications.is_empty(), is_taker, is_taker)
            }
            Self::MqttClient(config) => (!config.publications.is_empty(), !config.subscriptions.is_empty(), false),
            _ => return None,
        };
        Some(Counts { is_publisher, is_subscriber, is_taker, ..Counts::default() })
    }

    /// Its TLS with what it speaks itself, if nothing else is said (RFC 7301): who asks for HTTP/2 first must not be told that it is there.
    pub(super) fn with_protocols(&self, config: &TlsServerConfig) -> TlsServerConfig {
        let mut config = config.clone();
        if config.alpn.is_empty() && matches!(self, Self::HttpServer(_)) {
            config.alpn.push("http/1.1".to_owned());
        }
        config
    }

    fn build_plain(&self, address: IpAddr) -> Box<dyn App> {
        match self.clone() {
            Self::CoapClient(config) => {
                let server = SocketAddr::new(address, config.asked_port());
                Box::new(coap::Client::new(config, server))
            }
            Self::CoapProxy(config) => Box::new(coap::Proxy::new(config)),
            Self::CoapServer(config) => Box::new(coap::Server::new(config)),
            Self::Amqp10Client(config) => {
                let broker = SocketAddr::new(address, config.port());
                Box::new(amqp::Amqp10Client::new(*config, broker))
            }
            Self::AmqpBroker(config) => Box::new(amqp::AmqpBroker::new(*config)),
            Self::AmqpClient(config) => {
                let broker = SocketAddr::new(address, config.port());
                Box::new(amqp::AmqpClient::new(*config, broker))
            }
            Self::HttpClient(config) => {
                let server = SocketAddr::new(address, config.port());
                Box::new(http::HttpClient::new(*config, server))
            }
            Self::HttpServer(config) => Box::new(http::HttpServer::new(*config)),
            Self::IceAgent(config) => Box::new(ice::IceAgent::new(*config)),
            Self::MqttBroker(config) => Box::new(mqtt::MqttBroker::new(*config)),
            Self::MqttClient(config) => {
                let broker = SocketAddr::new(address, config.port());
                Box::new(mqtt::MqttClient::new(*config, broker))
            }
            Self::Ping(config) => Box::new(ping::Ping::new(config, address)),
            Self::StunClient(config) => {
                let server = SocketAddr::new(address, config.port);
                Box::new(stun::StunClient::new(config, server))
            }
            Self::StunServer(config) => Box::new(stun::StunServer::new(config)),
            Self::TurnClient(config) => {
                let server = SocketAddr::new(address, config.port);
                Box::new(turn::TurnClient::new(*config, server))
            }
            Self::TurnServer(config) => Box::new(turn::TurnServer::new(*config)),
            Self::AimdSink(config) => Box::new(traffic::AimdSink::new(config)),
            Self::AimdSource(config) => {
                let sink = SocketAddr::new(address, config.port);
                Box::new(traffic::AimdSource::new(config, sink))
            }
            Self::TcpClient(config) => {
                let server = SocketAddr::new(address, config.port);
                Box::new(streams::TcpClient::new(config, server))
            }
            Self::TcpServer(config) => Box::new(streams::TcpServer::new(config)),
            Self::TcpSink(config) => Box::new(streams::TcpSink::new(config)),
            Self::TcpSource(config) => {
                let sink = SocketAddr::new(address, config.port);
                Box::new(streams::TcpSource::new(config, sink))
            }
            Self::UdpClient(config) => {
                let server = SocketAddr::new(address, config.port);
                Box::new(traffic::UdpClient::new(config, server))
            }
            Self::UdpServer(config) => Box::new(traffic::UdpServer::new(config)),
            Self::UdpSink(config) => Box::new(traffic::UdpSink::new(config)),
            Self::UdpSource(config) => {
                let destination = SocketAddr::new(address, config.port);
                Box::new(traffic::UdpSource::new(config, destination))
            }
        }
    }
}
