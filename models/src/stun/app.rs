//! The application that answers Binding requests.

use super::auth::Credentials;
use super::server::{Envelope, Server, ServerConfig};
use super::streams::Streams;
use crate::app::{App, Host, SocketId, StreamEvent, StreamId, StreamOptions, Total};
use crate::rope::Rope;
use crate::tcp::TcpConfig;
use crate::tls::TlsServerConfig;
use protosim_core::{CannotClone, Effect, Machine, MachineCx};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
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
    /// Its TCP, if it listens for connections, too. Default: it does not.
    #[serde(default)]
    pub tcp: Option<TcpConfig>,
    /// TLS over it. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<TlsServerConfig>>,
}

/// The port of STUN and TURN over UDP and TCP.
pub(crate) const fn usual_port() -> u16 {
    3478
}

impl StunServerConfig {
    /// A server with everything at its default.
    pub fn new() -> Self {
        Self { port: usual_port(), credentials: Credentials::None, software: None, tcp: None, tls: None }
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        check_server(self.port, &self.credentials, self.tcp.as_ref(), self.tls.is_some())
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
/// IPv6 addresses with LIFETIME, RESERVATION-TOKEN and MESSAGE-INTEGRITY-SHA256; with SOFTWARE and FINGERPRINT.
pub(crate) fn longest_response(credentials: &Credentials, software: Option<&String>) -> u64 {
    let padded = |text: &str| 4 + text.len().next_multiple_of(4) as u64;
    let realm = match credentials {
        Credentials::LongTerm { realm, .. } => padded(realm),
        _ => 0,
    };
    20 + (24 + realm + 52 + 12).max(2 * 24 + 8 + 12 + 36) + software.map_or(0, |text| padded(text)) + 8
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

/// Answers Binding requests. It has one address, so that it does not understand CHANGE-REQUEST.
#[derive(Clone, Debug)]
pub struct StunServer {
    config: StunServerConfig,
    machine: Server,
    socket: Option<SocketId>,
    streams: Streams,
    refused: u64,
}

impl StunServer {
    /// A server.
    ///
    /// # Panics
    /// When `config` has not passed [`StunServerConfig::check`].
    pub fn new(config: StunServerConfig) -> Self {
        let (credentials, software) = (config.credentials.clone(), config.software.clone());
        let machine = Server::new(ServerConfig { credentials, alternates: None, software });
        let machine = machine.expect("credentials that were checked");
        Self { config, machine, socket: None, streams: Streams::default(), refused: 0 }
    }

    fn take(&mut self, message: Envelope, host: &mut dyn Host) {
        let mut effects = Vec::new();
        self.machine.handle_message(message, &mut MachineCx::new(host, &mut effects));
        for effect in effects {
            let Effect::Transmit(Envelope { peer, is_stream, payload, .. }) = effect;
            if is_stream {
                self.streams.send(peer, &payload, host);
            } else if let Some(socket) = self.socket {
                self.refused += u64::from(host.udp_send(socket, peer, payload).is_err());
            }
        }
    }
}

impl App for StunServer {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.socket = host.udp_bind(self.config.port).ok();
        self.refused += u64::from(self.socket.is_none());
        if let Some(tcp) = &self.config.tcp {
            let options = StreamOptions { tcp: Arc::new(tcp.resolve()), early_data: Rope::new() };
            self.refused += u64::from(host.stream_listen(self.config.port, &options).is_err());
        }
    }

    fn on_datagram(&mut self, socket: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host) {
        let Ok(local) = host.udp_local_addr(socket, from) else { return };
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
