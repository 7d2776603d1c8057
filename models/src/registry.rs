//! The one place where applications are made known to scenarios and to `protosim live`.
//!
//! To register a protocol's application, add a variant to [`AppConfig`] and its arm to each of its
//! functions; the compiler names those that lack it.

use crate::app::App;
use crate::name::NodeName;
use crate::{coap, ping, traffic};
use protosim_core::Span;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// An application, as in a scenario: `run: CoapClient(to: "server", interval: "300 s")`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum AppConfig {
    /// Sends CoAP requests (RFC 7252).
    CoapClient(coap::ClientConfig),
    /// Answers CoAP requests (RFC 7252).
    CoapServer(coap::ServerConfig),
    /// Sends ICMP echo requests.
    Ping(ping::PingConfig),
    /// Counts and checks UDP datagrams.
    UdpSink(traffic::UdpSinkConfig),
    /// Sends UDP datagrams at a constant rate.
    UdpSource(traffic::UdpSourceConfig),
}

/// The operations that take processor time on a device that says so, in order.
pub fn operations() -> impl Iterator<Item = &'static str> {
    coap::OPERATIONS.into_iter()
}

impl AppConfig {
    /// Fields that contradict each other or can have no effect: their paths from the configuration's
    /// top, and what is wrong.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::CoapClient(config) => config.check(),
            Self::CoapServer(config) => config.check(),
            Self::Ping(config) => config.check(),
            Self::UdpSink(config) => config.check(),
            Self::UdpSource(config) => config.check(),
        }
    }

    /// The node that it talks to by itself, if any.
    pub fn destination(&self) -> Option<&NodeName> {
        match self {
            Self::CoapClient(config) => Some(&config.to),
            Self::Ping(config) => Some(&config.to),
            Self::UdpSource(config) => Some(&config.to),
            Self::CoapServer(_) | Self::UdpSink(_) => None,
        }
    }

    /// The UDP port on which it expects someone to listen there, if it sends UDP.
    pub fn destination_port(&self) -> Option<u16> {
        match self {
            Self::CoapClient(config) => Some(config.port),
            Self::UdpSource(config) => Some(config.port),
            Self::Ping(_) | Self::CoapServer(_) | Self::UdpSink(_) => None,
        }
    }

    /// The length of the longest message that it sends, with the header of UDP or ICMP [bytes]; 0 if it sends none.
    pub fn message_len(&self) -> u64 {
        // UDP (RFC 768) and ICMP echo (RFC 792, RFC 4443) alike.
        const HEADER: u64 = 8;
        match self {
            Self::CoapClient(config) => HEADER + config.request_len(),
            Self::Ping(config) => HEADER + config.payload.as_bytes(),
            Self::UdpSource(config) => HEADER + config.payload.as_bytes(),
            Self::CoapServer(config) => HEADER + config.response_len(),
            Self::UdpSink(_) => 0,
        }
    }

    /// The UDP port that it listens on, if it names one.
    pub fn listens_on(&self) -> Option<u16> {
        match self {
            Self::CoapServer(config) => Some(config.port),
            Self::UdpSink(config) => Some(config.port),
            Self::CoapClient(_) | Self::Ping(_) | Self::UdpSource(_) => None,
        }
    }

    /// When it begins, on its host's clock.
    pub fn starts_at(&self) -> Span {
        match self {
            Self::CoapClient(config) => config.start,
            Self::Ping(config) => config.start,
            Self::UdpSource(config) => config.start,
            Self::CoapServer(_) | Self::UdpSink(_) => Span::ZERO,
        }
    }

    /// Why what it asks for will be refused by `server`, if it will.
    pub fn refused_by(&self, server: &Self) -> Option<String> {
        match (self, server) {
            (Self::CoapClient(client), Self::CoapServer(server)) if client.port == server.port => {
                let known = |path: &String| *path == client.path;
                let is_there = client.path == coap::config::WELL_KNOWN_CORE || server.paths.iter().any(known);
                (!is_there).then(|| format!("there is no `{}`: the answer is 4.04", client.path))
            }
            (Self::CoapClient(client), Self::UdpSink(sink)) if client.port == sink.port => {
                Some("a UdpSink counts datagrams, and answers none".to_owned())
            }
            (Self::UdpSource(source), Self::CoapServer(server)) if source.port == server.port => {
                Some("what a UdpSource sends is no CoAP, and is ignored".to_owned())
            }
            _ => None,
        }
    }

    /// When what it does by count would be done, on its host's clock; `None` if it has no count. Held at [`Span::MAX`].
    pub fn last_due(&self) -> Option<Span> {
        let after =
            |start: Span, every: Span, count: u64| start.saturating_add(every.saturating_mul(count.saturating_sub(1)));
        match self {
            Self::CoapClient(config) => Some(after(config.start, config.interval(), config.requests)),
            Self::Ping(config) => Some(after(config.start, config.interval, config.count?)),
            Self::UdpSource(config) => {
                let every = config.rate.serialise(config.payload.as_bytes(), 0).0;
                Some(after(config.start, every, config.count?))
            }
            Self::CoapServer(_) | Self::UdpSink(_) => None,
        }
    }

    /// True if it comes to an end by itself, so that a run until quiet does.
    pub fn has_end(&self) -> bool {
        match self {
            Self::CoapClient(_) | Self::CoapServer(_) | Self::UdpSink(_) => true,
            Self::Ping(config) => config.count.is_some(),
            Self::UdpSource(config) => config.count.is_some() || config.stop.is_some(),
        }
    }

    /// True if it begins exchanges, from which metrics are computed.
    pub fn has_exchanges(&self) -> bool {
        matches!(self, Self::CoapClient(_) | Self::Ping(_))
    }

    /// True if what answers it says when a request has reached it; nobody does for a ping.
    pub fn knows_delivery(&self) -> bool {
        matches!(self, Self::CoapClient(_))
    }

    /// The application. `address` is that of [`AppConfig::destination`]; it is not looked at where there is none.
    pub fn build(&self, address: IpAddr) -> Box<dyn App> {
        match self.clone() {
            Self::CoapClient(config) => {
                let server = SocketAddr::new(address, config.port);
                Box::new(coap::Client::new(config, server))
            }
            Self::CoapServer(config) => Box::new(coap::Server::new(config)),
            Self::Ping(config) => Box::new(ping::Ping::new(config, address)),
            Self::UdpSink(config) => Box::new(traffic::UdpSink::new(config)),
            Self::UdpSource(config) => {
                let destination = SocketAddr::new(address, config.port);
                Box::new(traffic::UdpSource::new(config, destination))
            }
        }
    }
}
