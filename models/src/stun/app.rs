//! The application that answers Binding requests.

use super::auth::Credentials;
use super::server::{Alternates, Envelope, Server, ServerConfig};
use super::streams::Streams;
use crate::app::{App, Host, HostError, SocketId, StreamEvent, StreamId, StreamOptions, Total};
use crate::rope::Rope;
use crate::tcp::TcpConfig;
use crate::tls::TlsServerConfig;
use protosim_core::{CannotClone, Effect, Machine, MachineCx};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// A server of STUN, over UDP and, if wanted, over TCP or TLS on the same port.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StunServerConfig {
    /// The port that it listens on, 1 to 65535. Default: 3478 (RFC 8489 §18.6).
    #[serde(default = "usual_port")]
    pub port: u16,
    /// What it wants of who asks. Default: None.
    #[serde(default)]
    pub credentials: Credentials,
    /// What SOFTWARE says. Default: there is none.
    #[serde(default)]
    pub software: Option<String>,
    /// A second address and port, over UDP: with them it answers at two ports of two addresses, tells clients of the others
    /// (OTHER-ADDRESS) and answers from where and to which port they want (CHANGE-REQUEST, RESPONSE-PORT, RFC 5780). Default: none; these get 420.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternate: Option<StunAlternate>,
    /// Its TCP, if it listens for connections, too. Default: it does not.
    #[serde(default)]
    pub tcp: Option<TcpConfig>,
    /// TLS over it. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<TlsServerConfig>>,
}

/// A second address and a second port, so that clients see what their NAT does (RFC 5780).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StunAlternate {
    /// The second port, 1 to 65535. Default: 3479.
    #[serde(default = "second_port")]
    pub port: u16,
    /// The second address, one of its node's. Default: the second one of the family that its node's first address has, in order of the
    /// names of links. Over real sockets, where these are not known, it is required.
    #[serde(default)]
    pub address: Option<IpAddr>,
}

const fn second_port() -> u16 {
    3479
}

impl Default for StunAlternate {
    fn default() -> Self {
        Self { port: second_port(), address: None }
    }
}

impl StunAlternate {
    /// The two addresses, of those that the host has.
    fn addresses(&self, own: &[IpAddr]) -> Option<[IpAddr; 2]> {
        match self.address {
            Some(second) => {
                let is_first = |address: &&IpAddr| **address != second && address.is_ipv4() == second.is_ipv4();
                Some([*own.iter().find(is_first)?, second])
            }
            None => own.iter().enumerate().find_map(|(place, first)| {
                let second = own[place + 1..].iter().find(|address| address.is_ipv4() == first.is_ipv4())?;
                Some([*first, *second])
            }),
        }
    }
}

/// The port of STUN and TURN over UDP and TCP.
pub(crate) const fn usual_port() -> u16 {
    3478
}

impl StunServerConfig {
    /// A server with everything at its default.
    pub fn new() -> Self {
        let credentials = Credentials::None;
        Self { port: usual_port(), credentials, software: None, alternate: None, tcp: None, tls: None }
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        let mut found = check_server(self.port, &self.credentials, self.tcp.as_ref(), self.tls.is_some());
        match self.alternate {
            Some(StunAlternate { port: 0, .. }) => {
                found.push(("alternate", "has a `port` of 1 to 65535: nobody could find it".to_owned()));
            }
            Some(alternate) if alternate.port == self.port => {
                found.push(("alternate", "has another `port` than the server itself".to_owned()));
            }
            _ => {}
        }
        found
    }

    /// The longest response \[bytes\].
    pub(crate) fn response_len(&self) -> u64 {
        longest_response(&self.credentials, self.software.as_ref())
    }
}

impl Default for StunServerConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// The longest response to a request \[bytes\], either a challenge with ERROR-CODE, REALM, NONCE and PASSWORD-ALGORITHMS, or two
/// IPv6 addresses with LIFETIME and RESERVATION-TOKEN, or three of them, and MESSAGE-INTEGRITY-SHA256; with SOFTWARE and FINGERPRINT.
pub(crate) fn longest_response(credentials: &Credentials, software: Option<&String>) -> u64 {
    let padded = |text: &str| 4 + text.len().next_multiple_of(4) as u64;
    let realm = match credentials {
        Credentials::LongTerm { realm, .. } => padded(realm),
        _ => 0,
    };
    20 + (24 + realm + 52 + 12).max(2 * 24 + 8 + 12 + 36).max(3 * 24 + 36) + software.map_or(0, |text| padded(text)) + 8
}

/// What servers of STUN and TURN have in common.
pub(crate) fn check_server(
    port: u16,
    credentials: &Credentials,
    tcp: Option<&TcpConfig>,
    has_tls: bool,
) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    if port == 0 {
        found.push(("port", "is 1 to 65535: nobody could find it".to_owned()));
    }
    if let Some(wrong) = credentials.check() {
        found.push(("credentials", wrong));
    }
    if has_tls && tcp.is_none() {
        found.push(("tls", "needs `tcp`: without it there are no connections".to_owned()));
    }
    found
}

/// Answers Binding requests, at all addresses of its node, or with a second address at the four pairs of two addresses and two ports. If its
/// node does not have two addresses when it starts, it answers as without.
#[derive(Clone, Debug)]
pub struct StunServer {
    config: StunServerConfig,
    machine: Server,
    /// With what address and port; `None` for any address.
    sockets: Vec<(Option<SocketAddr>, SocketId)>,
    streams: Streams,
    refused: u64,
}

impl StunServer {
    /// A server.
    ///
    /// # Panics
    /// When `config` has not passed [`StunServerConfig::check`].
    pub fn new(config: StunServerConfig) -> Self {
        let machine = machine(&config, None);
        Self { config, machine, sockets: Vec::new(), streams: Streams::default(), refused: 0 }
    }

    /// Opens its sockets for UDP.
    fn open(&mut self, host: &mut dyn Host) -> Result<(), HostError> {
        if let Some(alternate) = self.config.alternate {
            match alternate.addresses(&host.addresses()) {
                Some(ips) => {
                    let ports = [self.config.port, alternate.port];
                    self.machine = machine(&self.config, Some(Alternates { ips, ports }));
                    for local in ips.into_iter().flat_map(|ip| ports.map(|port| SocketAddr::new(ip, port))) {
                        self.sockets.push((Some(local), host.udp_bind_to(local.ip(), local.port())?));
                    }
                    return Ok(());
                }
                None => self.refused += 1,
            }
        }
        self.sockets.push((None, host.udp_bind(self.config.port)?));
        Ok(())
    }

    fn take(&mut self, message: Envelope, host: &mut dyn Host) {
        let mut effects = Vec::new();
        self.machine.handle_message(message, &mut MachineCx::new(host, &mut effects));
        for effect in effects {
            let Effect::Transmit(Envelope { local, peer, is_stream, payload }) = effect;
            if is_stream {
                self.streams.send(peer, &payload, host);
                continue;
            }
            let socket = self.sockets.iter().find(|(own, _)| own.is_none_or(|own| own == local));
            let sent = socket.map(|(_, socket)| host.udp_send(*socket, peer, payload));
            self.refused += u64::from(!matches!(sent, Some(Ok(()))));
        }
    }
}

fn machine(config: &StunServerConfig, alternates: Option<Alternates>) -> Server {
    let (credentials, software) = (config.credentials.clone(), config.software.clone());
    Server::new(ServerConfig { credentials, alternates, software }).expect("credentials that were checked")
}

impl App for StunServer {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.refused += u64::from(self.open(host).is_err());
        if let Some(tcp) = &self.config.tcp {
            let options = StreamOptions { tcp: Arc::new(tcp.resolve()), early_data: Rope::new() };
            self.refused += u64::from(host.stream_listen(self.config.port, &options).is_err());
        }
    }

    fn on_datagram(&mut self, socket: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host) {
        let own = self.sockets.iter().find(|(_, own)| *own == socket).and_then(|(own, _)| *own);
        let Some(local) = own.or_else(|| host.udp_local_addr(socket, from).ok()) else { return };
        self.take(Envelope { local, peer: from, is_stream: false, payload }, host);
    }

    fn on_timer(&mut self, _: u64, _: &mut dyn Host) {}

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        for arrived in self.streams.on_event(stream, event, host) {
            if let Some(payload) = arrived.frame {
                let (local, peer) = (arrived.server, arrived.client);
                self.take(Envelope { local, peer, is_stream: true, payload }, host);
            }
        }
    }

    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        let counts = self.machine.counts();
        let [connections, malformed, overflows] = self.streams.counts();
        vec![
            total("requests", counts.successes + counts.refused()),
            total("successes", counts.successes),
            total("bad_requests", counts.bad_requests),
            total("unauthenticated", counts.unauthenticated),
            total("unknown_attributes", counts.unknown_attributes),
            total("stale_nonces", counts.stale_nonces),
            total("indications", counts.indications),
            total("malformed_messages", counts.not_stun),
            total("wrong_fingerprints", counts.wrong_fingerprints),
            total("unexpected_messages", counts.unexpected),
            total("connections", connections),
            total("malformed_streams", malformed),
            total("dropped_for_room", overflows),
            total("refused_calls", self.refused),
        ]
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
