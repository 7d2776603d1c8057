//! The application that relays.

use super::server::{Command, Envelope, FiveTuple, Notice, Place, Server, ServerConfig, Transport};
use super::{DEFAULT_LIFETIME, MAX_LIFETIME};
use crate::app::{App, Host, SocketId, StreamEvent, StreamId, StreamOptions, Total};
use crate::rope::Rope;
use crate::stun::Credentials;
use crate::stun::app::{check_server, longest_response, usual_port};
use crate::stun::streams::Streams;
use crate::stun::wire::ErrorCode;
use crate::tcp::TcpConfig;
use crate::tls::TlsServerConfig;
use protosim_core::machine::EffectOf;
use protosim_core::{CannotClone, Deadline, Effect, Machine, MachineCx, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// A server of TURN, over UDP and, if wanted, over TCP or TLS on the same port. Its relayed addresses are its node's.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TurnServerConfig {
    /// The port that it listens on, 1 to 65535. Default: 3478 (RFC 8656 §18).
    #[serde(default = "usual_port")]
    pub port: u16,
    /// What it wants of who asks; RFC 8656 §5 requires LongTerm. Required.
    pub credentials: Credentials,
    /// The first relayed port. Nothing else on the node may use the range. Default: 49152 (§7.2).
    #[serde(default = "first_port")]
    pub first_port: u16,
    /// The last relayed port. Default: 65535 (§7.2).
    #[serde(default = "last_port")]
    pub last_port: u16,
    /// How long an allocation lasts that is not refreshed, unless the client wants more. Default: 600 s (§3.2).
    #[serde(default = "default_lifetime")]
    pub default_lifetime: Span,
    /// The most that a client gets. Default: 3600 s (§7.2).
    #[serde(default = "max_lifetime")]
    pub max_lifetime: Span,
    /// How many allocations a user may have; more are refused with 486. Default: no limit.
    #[serde(default)]
    pub quota: Option<u32>,
    /// How many allocations there may be; more are refused with 508. Default: as many as there are relayed ports.
    #[serde(default)]
    pub capacity: Option<u32>,
    /// Peers that nobody may reach: 403. Default: none.
    #[serde(default)]
    pub forbidden_peers: Vec<IpAddr>,
    /// Whether peers may have loopback addresses, which §21.1.5 warns of: for `protosim live` on one machine. Default: false.
    #[serde(default)]
    pub loopback_peers: bool,
    /// Whether clients may bind channels up to 0x7fff, as RFC 5766 has it and turnutils_uclient does; by RFC 8656 they get 400 above 0x4fff.
    /// Default: false.
    #[serde(default)]
    pub old_channels: bool,
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

const fn first_port() -> u16 {
    49_152
}

const fn last_port() -> u16 {
    65_535
}

const fn default_lifetime() -> Span {
    DEFAULT_LIFETIME
}

const fn max_lifetime() -> Span {
    MAX_LIFETIME
}

impl TurnServerConfig {
    /// A server with these credentials, and everything else at its default.
    pub fn new(credentials: Credentials) -> Self {
        Self {
            port: usual_port(),
            credentials,
            first_port: first_port(),
            last_port: last_port(),
            default_lifetime: default_lifetime(),
            max_lifetime: max_lifetime(),
            quota: None,
            capacity: None,
            forbidden_peers: Vec::new(),
            loopback_peers: false,
            old_channels: false,
            software: None,
            tcp: None,
            tls: None,
        }
    }

    /// Fields that contradict each other or that nothing could come of: the field, and why.
    pub fn check(&self) -> Vec<(&'static str, String)> {
        let mut found = check_server(self.port, &self.credentials, self.tcp.as_ref(), self.tls.is_some());
        if !matches!(self.credentials, Credentials::LongTerm { .. }) {
            found.push(("credentials", "are LongTerm: a relay for everybody is none of RFC 8656 §5".to_owned()));
        }
        let range = self.first_port..=self.last_port;
        if self.first_port == 0 || range.is_empty() {
            found.push(("last_port", "is at least `first_port`, which is at least 1".to_owned()));
        }
        if range.contains(&self.port) {
            found.push(("port", "is none of the relayed ports".to_owned()));
        }
        if self.default_lifetime < Span::from_secs(1) {
            found.push(("default_lifetime", "is at least 1 s, the unit of LIFETIME".to_owned()));
        }
        if self.max_lifetime < self.default_lifetime {
            found.push(("max_lifetime", "is at least `default_lifetime`".to_owned()));
        }
        found
    }

    /// The longest response \[bytes\]; what is relayed may be longer.
    pub(crate) fn response_len(&self) -> u64 {
        longest_response(&self.credentials, self.software.as_ref())
    }

    fn machine(&self, relay_addresses: Vec<IpAddr>) -> ServerConfig {
        let most = |limit: Option<u32>| limit.map(|limit| limit as usize);
        ServerConfig {
            credentials: self.credentials.clone(),
            relay_addresses,
            first_port: self.first_port,
            last_port: self.last_port,
            default_lifetime: self.default_lifetime,
            max_lifetime: self.max_lifetime,
            quota: most(self.quota),
            capacity: most(self.capacity),
            forbidden_peers: self.forbidden_peers.clone(),
            allow_loopback_peers: self.loopback_peers,
            old_channels: self.old_channels,
            software: self.software.clone(),
        }
    }
}

/// The one timer that it needs: for whatever comes first.
const TIMER: u64 = 0;

/// Relays. Each relayed address is a socket of its own for as long as its allocation lasts.
#[derive(Clone, Debug)]
pub struct TurnServer {
    config: TurnServerConfig,
    machine: Server,
    socket: Option<SocketId>,
    /// Sockets of relayed addresses, both ways.
    relays: BTreeMap<SocketAddr, SocketId>,
    relayed: BTreeMap<SocketId, SocketAddr>,
    streams: Streams,
    armed: Option<Deadline>,
    refused: u64,
}

impl TurnServer {
    /// A server.
    ///
    /// # Panics
    /// When `config` has not passed [`TurnServerConfig::check`].
    pub fn new(config: TurnServerConfig) -> Self {
        // Its addresses are known when its host is.
        let machine = Server::new(config.machine(Vec::new())).expect("credentials that were checked");
        Self {
            config,
            machine,
            socket: None,
            relays: BTreeMap::new(),
            relayed: BTreeMap::new(),
            streams: Streams::default(),
            armed: None,
            refused: 0,
        }
    }

    fn transport(&self) -> Transport {
        if self.config.tls.is_some() { Transport::Tls } else { Transport::Tcp }
    }

    fn run(&mut self, host: &mut dyn Host, call: impl FnOnce(&mut Server, &mut MachineCx<'_, Server>)) {
        let mut effects = Vec::new();
        call(&mut self.machine, &mut MachineCx::new(host, &mut effects));
        while !effects.is_empty() {
            for relayed in self.carry_out(std::mem::take(&mut effects), host) {
                self.refused += 1;
                let mut cx = MachineCx::new(host, &mut effects);
                let Ok(()) = self.machine.handle_command(Command::Unavailable(relayed), &mut cx);
            }
        }
        self.set_timer(host);
    }

    /// Does what the machine wants; says which relayed addresses could not be opened.
    fn carry_out(&mut self, effects: Vec<EffectOf<Server>>, host: &mut dyn Host) -> Vec<SocketAddr> {
        let mut unavailable = Vec::new();
        for effect in effects {
            match effect {
                Effect::Transmit(envelope) => self.send(envelope, host),
                Effect::Notify(Notice::Opened(relayed)) => {
                    if self.open(relayed, host).is_err() {
                        unavailable.push(relayed);
                    }
                }
                Effect::Notify(Notice::Closed(relayed)) => self.close(relayed, host),
                Effect::Observe(never) => match never {},
            }
        }
        unavailable
    }

    fn open(&mut self, relayed: SocketAddr, host: &mut dyn Host) -> Result<(), crate::HostError> {
        let socket = host.udp_bind_to(relayed.ip(), relayed.port())?;
        self.relays.insert(relayed, socket);
        self.relayed.insert(socket, relayed);
        Ok(())
    }

    fn close(&mut self, relayed: SocketAddr, host: &mut dyn Host) {
        // One that could not be opened is not there.
        if let Some(socket) = self.relays.remove(&relayed) {
            self.relayed.remove(&socket);
            self.refused += u64::from(host.udp_close(socket).is_err());
        }
    }

    fn send(&mut self, Envelope { place, payload }: Envelope, host: &mut dyn Host) {
        let (socket, to) = match place {
            Place::Client(tuple) if tuple.transport.is_stream() => {
                return self.streams.send(tuple.client, &payload, host);
            }
            Place::Client(tuple) => (self.socket, tuple.client),
            Place::Peer { relayed, peer } => (self.relays.get(&relayed).copied(), peer),
        };
        let sent = socket.map(|socket| host.udp_send(socket, to, payload));
        self.refused += u64::from(!matches!(sent, Some(Ok(()))));
    }

    fn set_timer(&mut self, host: &mut dyn Host) {
        let wanted = self.machine.poll_timeout();
        if wanted != self.armed {
            match wanted {
                Some(Deadline { at, timer }) => host.set_timer(TIMER, at, timer),
                None => host.cancel_timer(TIMER),
            }
            self.armed = wanted;
        }
    }
}

impl App for TurnServer {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.socket = host.udp_bind(self.config.port).ok();
        self.refused += u64::from(self.socket.is_none());
        // Any address of a family tells which of its own the host sends from.
        let families = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
        let own = |ip: IpAddr| host.udp_local_addr(self.socket?, SocketAddr::new(ip, 0)).ok().map(|own| own.ip());
        let addresses = families.into_iter().filter_map(own).collect();
        self.machine = Server::new(self.config.machine(addresses)).expect("credentials that were checked");
        if let Some(tcp) = &self.config.tcp {
            let options = StreamOptions { tcp: Arc::new(tcp.resolve()), early_data: Rope::new() };
            self.refused += u64::from(host.stream_listen(self.config.port, &options).is_err());
        }
    }

    fn on_datagram(&mut self, socket: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host) {
        let place = match self.relayed.get(&socket) {
            Some(relayed) => Place::Peer { relayed: *relayed, peer: from },
            None => {
                let Ok(server) = host.udp_local_addr(socket, from) else { return };
                Place::Client(FiveTuple { client: from, server, transport: Transport::Udp })
            }
        };
        self.run(host, |machine, cx| machine.handle_message(Envelope { place, payload }, cx));
    }

    fn on_timer(&mut self, _: u64, host: &mut dyn Host) {
        self.armed = None;
        self.run(host, Server::handle_timeout);
    }

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        for arrived in self.streams.on_event(stream, event, host) {
            let tuple = FiveTuple { client: arrived.client, server: arrived.server, transport: self.transport() };
            self.run(host, |machine, cx| match arrived.frame {
                Some(payload) => machine.handle_message(Envelope { place: Place::Client(tuple), payload }, cx),
                None => {
                    let Ok(()) = machine.handle_command(Command::Disconnected(tuple), cx);
                }
            });
        }
    }

    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        let counts = self.machine.counts();
        let refused = |code: ErrorCode| counts.refused.get(&code.0).copied().unwrap_or(0);
        let [connections, malformed, overflows] = self.streams.counts();
        vec![
            total("bindings", counts.bindings),
            total("allocations", counts.allocations),
            total("expired_allocations", counts.expired_allocations),
            total("packets_to_peers", counts.to_peers),
            total("packets_to_clients", counts.to_clients),
            total("unpermitted_to_peers", counts.unpermitted_to_peers),
            total("unpermitted_from_peers", counts.unpermitted_from_peers),
            total("unbound_channels", counts.unbound_channels),
            total("without_allocation", counts.without_allocation),
            total("dropped_messages", counts.dropped),
            total("bad_requests", refused(ErrorCode::BAD_REQUEST)),
            total("unauthenticated", refused(ErrorCode::UNAUTHENTICATED)),
            total("forbidden_peers", refused(ErrorCode::FORBIDDEN)),
            total("unknown_attributes", refused(ErrorCode::UNKNOWN_ATTRIBUTE)),
            total("allocation_mismatches", refused(ErrorCode::ALLOCATION_MISMATCH)),
            total("stale_nonces", refused(ErrorCode::STALE_NONCE)),
            total("families_not_supported", refused(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED)),
            total("wrong_credentials", refused(ErrorCode::WRONG_CREDENTIALS)),
            total("unsupported_transports", refused(ErrorCode::UNSUPPORTED_TRANSPORT)),
            total("family_mismatches", refused(ErrorCode::PEER_FAMILY_MISMATCH)),
            total("quotas_reached", refused(ErrorCode::ALLOCATION_QUOTA_REACHED)),
            total("without_capacity", refused(ErrorCode::INSUFFICIENT_CAPACITY)),
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
