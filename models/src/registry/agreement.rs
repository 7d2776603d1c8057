//! What an application asks for, and what the one that it asks grants: by their configurations alone.

use super::{AppConfig, Dtls, Port, Tls};
use crate::{coap, dtls, stun, tls};

impl AppConfig {
    /// Why what it asks for will be refused by `server`, if it will.
    pub fn refused_by(&self, server: &Self) -> Option<String> {
        let of_layer = self.tls_refused_by(server).or_else(|| self.dtls_refused_by(server));
        of_layer.or_else(|| self.request_refused_by(server))
    }

    /// The same, of what is between the application and its stream.
    fn tls_refused_by(&self, server: &Self) -> Option<String> {
        let port = server.listens_for_streams();
        port.filter(|port| self.destination_port() == Some(*port))?;
        match (self.tls(), server.tls()) {
            (Some(Tls::Client(client)), Some(Tls::Server(theirs))) => {
                tls::agreement::disagreement(client, &server.with_protocols(theirs))
            }
            (Some(_), None) => Some("it has no `tls`, and cannot read what is protected".to_owned()),
            (None, Some(_)) => Some("it has `tls`, and refuses who says no hello".to_owned()),
            _ => None,
        }
    }

    /// The same, of what is between the application and its datagrams.
    fn dtls_refused_by(&self, server: &Self) -> Option<String> {
        let port = server.listens_on().filter(|port| matches!(port, Port::Udp(_)));
        port.filter(|port| self.destination_port() == Some(*port))?;
        match (self.dtls(), server.dtls()) {
            (Some(Dtls::Client(client)), Some(Dtls::Server(theirs))) => dtls::agreement::disagreement(client, theirs),
            (Some(_), None) => Some("it has no `dtls`, and takes no hello".to_owned()),
            (None, Some(_)) => Some("it has `dtls`, and drops what is not protected".to_owned()),
            _ => None,
        }
    }

    /// What comes of the TLS of both, field by field, where this application opens connections to `server` and they come to terms.
    pub fn tls_fields_with(&self, server: &Self) -> Vec<tls::agreement::FieldUse> {
        let port = server.listens_for_streams();
        match (self.tls(), server.tls()) {
            (Some(Tls::Client(ours)), Some(Tls::Server(theirs)))
                if port.is_some() && port == self.destination_port() =>
            {
                tls::agreement::fields(ours, theirs, &server.with_protocols(theirs))
            }
            _ => Vec::new(),
        }
    }

    /// The same of DTLS.
    pub fn dtls_fields_with(&self, server: &Self) -> Vec<tls::agreement::FieldUse> {
        match (self.dtls(), server.dtls()) {
            (Some(Dtls::Client(ours)), Some(Dtls::Server(theirs)))
                if server.listens_on() == self.destination_port() =>
            {
                dtls::agreement::fields(ours, theirs)
            }
            _ => Vec::new(),
        }
    }

    fn request_refused_by(&self, server: &Self) -> Option<String> {
        match (self, server) {
            (Self::CoapClient(client), Self::CoapProxy(proxy)) if client.asked_port() == proxy.port() => {
                let why =
                    "a CoapProxy has nothing of its own, and answers 4.04: name it by `via`, and the server by `to`";
                client.via.is_none().then(|| why.to_owned())
            }
            (Self::CoapClient(client), Self::CoapServer(server))
                if client.via.is_some() && client.asked_port() == server.port() =>
            {
                Some("it is no proxy: the answer is 5.05".to_owned())
            }
            (Self::UdpSource(source), Self::CoapProxy(proxy)) if source.port == proxy.port() => {
                Some("what a UdpSource sends is no CoAP, and is ignored".to_owned())
            }
            (Self::CoapClient(client), Self::CoapServer(server)) if client.asked_port() == server.port() => {
                let known = |path: &String| *path == client.path;
                let is_there = client.path == coap::config::WELL_KNOWN_CORE || server.paths.iter().any(known);
                (!is_there).then(|| format!("there is no `{}`: the answer is 4.04", client.path))
            }
            (Self::CoapClient(client), Self::UdpSink(sink)) if client.asked_port() == sink.port => {
                Some("a UdpSink counts datagrams, and answers none".to_owned())
            }
            (Self::UdpSource(source), Self::CoapServer(server)) if source.port == server.port() => {
                Some("what a UdpSource sends is no CoAP, and is ignored".to_owned())
            }
            (Self::HttpClient(client), Self::HttpServer(server)) if client.port() == server.port() => {
                client.unanswered_by(server)
            }
            (Self::HttpClient(client), Self::TcpServer(server)) if client.port() == server.port => {
                Some("a TcpServer knows no HTTP, and resets who speaks it".to_owned())
            }
            (Self::HttpClient(client), Self::TcpSink(sink)) if client.port() == sink.port => {
                Some("a TcpSink takes data, and answers none".to_owned())
            }
            (Self::MqttClient(client), Self::MqttBroker(broker)) if client.port() == broker.port() => {
                client.refused_by(broker)
            }
            (Self::MqttClient(client), server) if server.listens_on() == Some(Port::Tcp(client.port())) => {
                Some("no MqttBroker listens there, and nobody else answers a CONNECT".to_owned())
            }
            (Self::AmqpClient(client), Self::AmqpBroker(broker)) if client.port() == broker.port() => {
                client.refused_by(broker)
            }
            (Self::AmqpClient(client), server) if server.listens_on() == Some(Port::Tcp(client.port())) => {
                Some("no AmqpBroker listens there, and nobody else answers a protocol header".to_owned())
            }
            (Self::Amqp10Client(client), Self::AmqpBroker(broker)) if client.port() == broker.port() => {
                client.refused_by(broker)
            }
            (Self::Amqp10Client(client), server) if server.listens_on() == Some(Port::Tcp(client.port())) => {
                Some("no AmqpBroker listens there, and nobody else answers a protocol header".to_owned())
            }
            (Self::TcpClient(client), Self::HttpServer(server)) if client.port == server.port() => {
                Some("what a TcpClient sends is no HTTP: the answer is 400".to_owned())
            }
            (Self::TcpSource(source), Self::HttpServer(server)) if source.port == server.port() => {
                Some("what a TcpSource sends is no HTTP: the answer is 400".to_owned())
            }
            (Self::TcpClient(client), Self::TcpSink(sink)) if client.port == sink.port => {
                Some("a TcpSink takes data, and answers none".to_owned())
            }
            (Self::TurnClient(client), Self::TurnServer(server)) if client.port == server.port => {
                let users = match &server.credentials {
                    stun::Credentials::LongTerm { users, .. } => users.as_slice(),
                    _ => &[],
                };
                let is_known =
                    users.iter().any(|user| user.name == client.username && user.password == client.password);
                (!is_known).then(|| format!("it knows no `{}` with this password: the answer is 401", client.username))
            }
            (Self::TurnClient(client), Self::StunServer(server)) if client.port == server.port => {
                Some("a StunServer relays nothing".to_owned())
            }
            (Self::TcpSource(source), Self::TcpServer(server)) if source.port == server.port => {
                Some("what a TcpSource sends is no request, and is reset".to_owned())
            }
            _ => None,
        }
    }

    /// Fields that `server` does not grant or that have no effect there, where this application opens connections to it: their paths,
    /// and what happens.
    pub fn unmet_by(&self, server: &Self) -> Vec<(String, String)> {
        match (self, server) {
            (Self::CoapClient(client), Self::CoapProxy(proxy)) if client.asked_port() == proxy.port() => {
                client.unmet_by_proxies()
            }
            (Self::CoapClient(client), Self::CoapServer(server)) if client.asked_port() == server.port() => {
                client.unmet_by(server)
            }
            (Self::MqttClient(client), Self::MqttBroker(broker)) if client.port() == broker.port() => {
                client.unmet_by(broker)
            }
            (Self::AmqpClient(client), Self::AmqpBroker(broker)) if client.port() == broker.port() => {
                client.unmet_by(broker)
            }
            _ => Vec::new(),
        }
    }

    /// Why it cannot talk to a multicast group: the field, and what is wrong.
    pub fn unfit_for_groups(&self) -> Option<(&'static str, String)> {
        match self {
            Self::CoapClient(config) => config.unfit_for_groups(),
            _ => None,
        }
    }

    /// The name under which a server knows it, where that is written and not made of the names of its node and of itself: two who say the
    /// same are one to it.
    pub fn identity(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Amqp10Client(config) => Some(("container_id", config.container_id.as_deref()?)),
            Self::MqttClient(config) => Some(("client_id", config.client_id.as_deref().filter(|id| !id.is_empty())?)),
            _ => None,
        }
    }
}
