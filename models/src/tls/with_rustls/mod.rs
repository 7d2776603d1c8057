//! rustls as one end of a connection: its own code, over our streams (feature `rustls`).
//!
//! [`Session`] has the calls of [`Connection`](super::Connection), and tells the same. What rustls computes with is ours (`provider.rs`): its own
//! providers draw from the operating system, and the same seed would not give the same bytes. What certificates are worth is decided by our rules
//! (`auth.rs`). All else is rustls with its defaults, but for tickets: a server has a ticketer, as rustls's documentation advises, unless it takes
//! early data, which rustls does only with sessions that it keeps itself.
//!
//! # What it does not do
//! - It takes no time of a processor: rustls says nothing of the work that it does.
//! - It cannot be cloned: neither can the world, while there is a session, or a client has a ticket of TLS 1.3.
//! - A server does not tell that early data were offered and refused; the client does.
//! - Where the server's name is none that DNS knows, the client sends none.

mod auth;
mod call;
mod provider;
mod sessions;
#[cfg(test)]
mod tests;

use super::certificate::{Identity, Trust};
use super::codes::{self, AlertDescription, CipherSuite, Group};
use super::config::{ClientCertificates, TlsClientConfig, TlsServerConfig};
use super::connection::{Counts, Cx, EarlyData, Effect, Handshaked, Notice, Trace};
use super::crypto::Generator;
use super::parameters::{ClientParameters, Common, ServerParameters};
use crate::rope::Rope;
use auth::{Believer, Owner};
use bytes::Bytes;
use call::{Shared, Told, during, with};
use protosim_core::Purpose;
use rustls::client::Resumption;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::server::{NoClientAuth, NoServerSessionStorage};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, KeyLog, ServerConfig, ServerConnection};
use sessions::{ClientStore, ServerStore, Ticketer};
use std::io::{Read, Write};
use std::sync::Arc;

/// A connection's luck: one draw, from which rustls has all of it.
const LUCK: Purpose = Purpose("tls.rustls");
/// Data that wait for the handshake \[bytes\], as with our own machine.
const MOST_WAITING: u64 = 65_536;
/// What the clocks of hosts begin at, since certificates and tickets have dates: 1 January 2026 \[s since 1970\].
const EPOCH_S: u64 = 1_767_225_600;

/// What the connections of one application share.
#[derive(Debug)]
pub struct Side {
    config: Config,
    common: Common,
    shared: Shared,
}

#[derive(Clone, Debug)]
enum Config {
    Client(Arc<ClientConfig>, ServerName<'static>),
    Server(Arc<ServerConfig>),
}

/// One end of a connection.
#[derive(Debug)]
pub struct Session {
    connection: rustls::Connection,
    luck: Generator,
    /// What was sent ahead, until it is known whether the server takes it.
    early: Option<Rope>,
    /// Data that wait for the end of the handshake.
    waiting: Rope,
    is_connected: bool,
    is_finishing: bool,
    has_sent_close: bool,
    has_got_close: bool,
    has_failed: bool,
    counts: Counts,
}

#[derive(Debug)]
struct Clock;

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let since = |nanos| std::time::Duration::from_secs(EPOCH_S) + std::time::Duration::from_nanos(nanos);
        with(|call| UnixTime::since_unix_epoch(since(call.now.as_nanos())))
    }
}

#[derive(Debug)]
struct Secrets;

impl KeyLog for Secrets {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        const KNOWN: [&str; 6] = [
            "CLIENT_RANDOM",
            "CLIENT_EARLY_TRAFFIC_SECRET",
            "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
            "SERVER_HANDSHAKE_TRAFFIC_SECRET",
            "CLIENT_TRAFFIC_SECRET_0",
            "SERVER_TRAFFIC_SECRET_0",
        ];
        let label = KNOWN.into_iter().find(|known| *known == label);
        if let (Some(label), Ok(client_random)) = (label, client_random.try_into()) {
            let secret = crate::tls::crypto::Secret::new(secret);
            with(|call| call.told.secrets.push(crate::observe::TlsSecret { label, client_random, secret }));
        }
    }
}

/// rustls counts the header of a record as well.
fn fragment(common: &Common) -> Option<usize> {
    (common.record < 1 << 14).then_some(common.record + 5)
}

/// Groups that are computed with: `ring`'s third one is among them, unless a scenario says which.
fn groups(common: &Common, chosen: bool) -> Vec<Group> {
    let more = (!chosen).then_some(Group::SECP384R1);
    common.groups.iter().copied().chain(more).collect()
}

fn versions(common: &Common) -> Vec<&'static rustls::SupportedProtocolVersion> {
    let all = [&rustls::version::TLS13, &rustls::version::TLS12];
    all.into_iter().filter(|version| common.knows(codes::Version(version.version.into()))).collect()
}

fn protocols(common: &Common) -> Vec<Vec<u8>> {
    common.alpn.iter().map(|name| name.to_vec()).collect()
}

impl Side {
    /// Of an application that opens connections to a server of this name. `identity` is what it authenticates itself with.
    ///
    /// # Panics
    /// If suites, groups and versions of `config` do not go together, which its `check` finds.
    pub fn client(config: &TlsClientConfig, server: &str, identity: Option<&Identity>, trust: Trust) -> Self {
        let parameters: ClientParameters = config.resolve(server);
        let common = parameters.common.clone();
        let provider = provider::provider(&common.suites, &groups(&common, config.groups.is_some()));
        let builder = ClientConfig::builder_with_details(Arc::new(provider), Arc::new(Clock))
            .with_protocol_versions(&versions(&common))
            .expect("`check` sees that suites, groups and versions go together")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Believer::new(&parameters.listed_schemes, false)));
        let mut made = match identity {
            Some(identity) => builder.with_client_cert_resolver(Arc::new(Owner::new(identity, false))),
            None => builder.with_no_client_auth(),
        };
        made.alpn_protocols = protocols(&common);
        made.enable_early_data = config.early_data;
        made.max_fragment_size = fragment(&common);
        made.key_log = Arc::new(Secrets);
        made.resumption = match parameters.resumption {
            true => Resumption::store(Arc::new(ClientStore)),
            false => Resumption::disabled(),
        };
        let name = String::from_utf8_lossy(&parameters.server_name).into_owned();
        let name = ServerName::try_from(name).unwrap_or_else(|_| {
            made.enable_sni = false;
            ServerName::try_from("unnamed").expect("it is a name")
        });
        let shared = Shared { trust, ..Shared::default() };
        Self { config: Config::Client(Arc::new(made), name), common, shared }
    }

    /// Of an application that takes connections.
    ///
    /// # Panics
    /// As [`Side::client`].
    pub fn server(config: &TlsServerConfig, identity: &Identity, trust: Trust) -> Self {
        let parameters: ServerParameters = config.resolve();
        let common = parameters.common.clone();
        let provider = provider::provider(&common.suites, &groups(&common, config.groups.is_some()));
        let builder = ServerConfig::builder_with_details(Arc::new(provider), Arc::new(Clock))
            .with_protocol_versions(&versions(&common))
            .expect("`check` sees that suites, groups and versions go together");
        let is_mandatory = parameters.client_certificates == ClientCertificates::Required;
        let builder = match parameters.client_certificates {
            ClientCertificates::None => builder.with_client_cert_verifier(Arc::new(NoClientAuth)),
            _ => builder.with_client_cert_verifier(Arc::new(Believer::new(&parameters.listed_schemes, is_mandatory))),
        };
        let mut made = builder.with_cert_resolver(Arc::new(Owner::new(identity, parameters.ocsp)));
        made.alpn_protocols = protocols(&common);
        made.max_fragment_size = fragment(&common);
        made.key_log = Arc::new(Secrets);
        made.send_tls13_tickets = usize::from(parameters.tickets);
        made.max_early_data_size = parameters.early_data;
        if parameters.tickets == 0 {
            made.session_storage = Arc::new(NoServerSessionStorage {});
        } else {
            made.session_storage = Arc::new(ServerStore);
            if parameters.early_data == 0 {
                made.ticketer = Arc::new(Ticketer { lifetime_s: parameters.ticket_lifetime_s() });
            }
        }
        let shared = Shared { trust, ..Shared::default() };
        Self { config: Config::Server(Arc::new(made)), common, shared }
    }

    /// A copy, where rustls lets it be copied.
    pub fn try_clone(&self) -> Option<Self> {
        let sessions = self.shared.sessions.try_clone()?;
        let shared = Shared { trust: self.shared.trust.clone(), sessions };
        Some(Self { config: self.config.clone(), common: self.common.clone(), shared })
    }

    /// What both ends have.
    pub fn common(&self) -> &Common {
        &self.common
    }

    /// True if its application takes connections.
    pub fn is_server(&self) -> bool {
        matches!(self.config, Config::Server(_))
    }
}

impl Session {
    /// A new one: a client sends its hello, a server waits for it.
    ///
    /// # Panics
    /// If rustls refuses its configuration, which [`Side`]'s makers see to.
    pub fn new(side: &mut Side, cx: &mut Cx<'_>) -> Self {
        let mut luck = Generator::new(cx.env.rng(LUCK).next_u64());
        let config = side.config.clone();
        let (connection, told) = during(&mut side.shared, &mut luck, cx.env.now(), || match config {
            Config::Client(config, name) => ClientConnection::new(config, name).map(rustls::Connection::Client),
            Config::Server(config) => ServerConnection::new(config).map(rustls::Connection::Server),
        });
        let mut connection = connection.expect("its configuration is one that rustls takes");
        // How much is taken at once is the layer's to say.
        connection.set_buffer_limit(None);
        let early = match &mut connection {
            rustls::Connection::Client(client) => client.early_data().map(|_| Rope::new()),
            rustls::Connection::Server(_) => None,
        };
        let mut session = Self {
            connection,
            luck,
            early,
            waiting: Rope::new(),
            is_connected: false,
            is_finishing: false,
            has_sent_close: false,
            has_got_close: false,
            has_failed: false,
            counts: Counts::default(),
        };
        tell_secrets(told, cx);
        session.transmit(side, cx);
        session
    }

    /// Bytes have come from the peer.
    pub fn handle_bytes(&mut self, bytes: &Rope, side: &mut Side, cx: &mut Cx<'_>) {
        let bytes = bytes.to_bytes();
        let mut rest = &bytes[..];
        while !rest.is_empty() && !self.has_failed && !self.has_got_close {
            let now = cx.env.now();
            let (result, told) = during(&mut side.shared, &mut self.luck, now, || {
                // Reading from memory does not fail; where rustls takes nothing more there is nothing more to do.
                match self.connection.read_tls(&mut rest) {
                    Ok(0) | Err(_) => None,
                    Ok(_) => Some(self.connection.process_new_packets()),
                }
            });
            let Some(result) = result else { break };
            let alert = told.alert;
            tell_secrets(told, cx);
            self.take_early(cx);
            if !self.connection.is_handshaking() && !self.is_connected && result.is_ok() {
                self.connected(side, cx);
            }
            self.take_data(cx);
            match result {
                Ok(state) if state.peer_has_closed() => {
                    self.has_got_close = true;
                    cx.effects.push(Effect::Notify(Notice::Finished));
                }
                Ok(_) => {}
                Err(error) => self.fail(&error, alert, side, cx),
            }
        }
        self.transmit(side, cx);
    }

    /// Data that came ahead of the handshake, to a server.
    fn take_early(&mut self, cx: &mut Cx<'_>) {
        let rustls::Connection::Server(server) = &mut self.connection else { return };
        let Some(mut reader) = server.early_data() else { return };
        self.early.get_or_insert_default();
        let mut data = Vec::new();
        // Reading from memory does not fail.
        let read = reader.read_to_end(&mut data);
        if read.is_ok() && !data.is_empty() {
            cx.effects.push(Effect::Notify(Notice::Data(Rope::from(data))));
        }
    }

    fn take_data(&mut self, cx: &mut Cx<'_>) {
        let mut data = Vec::new();
        let mut piece = [0; 4_096];
        let mut reader = self.connection.reader();
        // `WouldBlock` is the end of what there is.
        while let Ok(len @ 1..) = reader.read(&mut piece) {
            data.extend_from_slice(&piece[..len]);
        }
        if !data.is_empty() {
            cx.effects.push(Effect::Notify(Notice::Data(Rope::from(data))));
        }
    }

    fn handshaked(&mut self) -> Handshaked {
        let kind = self.connection.handshake_kind();
        let early_data = match (&mut self.connection, &self.early) {
            (_, None) => EarlyData::None,
            (rustls::Connection::Client(client), _) if !client.is_early_data_accepted() => EarlyData::Rejected,
            _ => EarlyData::Accepted,
        };
        let suite = self.connection.negotiated_cipher_suite().map_or(0, |suite| suite.suite().into());
        Handshaked {
            version: codes::Version(self.connection.protocol_version().map_or(0, u16::from)),
            suite: CipherSuite(suite),
            group: self.connection.negotiated_key_exchange_group().map(|group| Group(group.name().into())),
            is_resumed: kind == Some(HandshakeKind::Resumed),
            // rustls does not tell of a retry before a session is taken up again.
            was_retried: kind == Some(HandshakeKind::FullWithHelloRetryRequest),
            early_data,
            alpn: self.connection.alpn_protocol().map(Bytes::copy_from_slice),
        }
    }

    /// The handshake is over: what waited is sent, after what was sent ahead in vain.
    fn connected(&mut self, side: &mut Side, cx: &mut Cx<'_>) {
        self.is_connected = true;
        let handshaked = self.handshaked();
        let mut waiting = std::mem::take(&mut self.waiting);
        if handshaked.early_data == EarlyData::Rejected {
            let mut again = self.early.take().unwrap_or_default();
            again.append(&waiting);
            waiting = again;
        }
        self.early = None;
        cx.effects.push(Effect::Notify(Notice::Connected(handshaked)));
        if !waiting.is_empty() {
            self.send(&waiting, side, cx);
            cx.effects.push(Effect::Notify(Notice::Writable));
        }
        self.close_if_done(side, cx);
    }

    fn send(&mut self, data: &Rope, side: &mut Side, cx: &mut Cx<'_>) {
        let bytes = data.to_bytes();
        let (written, told) =
            during(&mut side.shared, &mut self.luck, cx.env.now(), || self.connection.writer().write_all(&bytes));
        debug_assert!(written.is_ok(), "there is no limit to what it takes");
        tell_secrets(told, cx);
    }

    /// How much data can be written now \[bytes\].
    pub fn room(&self) -> u64 {
        if self.has_failed || self.is_finishing {
            0
        } else if self.is_connected {
            u64::MAX
        } else {
            MOST_WAITING.saturating_sub(self.waiting.len())
        }
    }

    /// Sends data, ahead of the handshake if it may, or keeps them until it is done; at most [`Session::room`].
    pub fn write(&mut self, data: &Rope, side: &mut Side, cx: &mut Cx<'_>) {
        if self.has_failed || self.is_finishing {
            return;
        }
        if self.is_connected {
            self.send(data, side, cx);
        } else {
            let sent = self.write_early(data, side, cx);
            self.waiting.append(&data.slice(sent, u64::MAX));
        }
        self.transmit(side, cx);
    }

    fn write_early(&mut self, data: &Rope, side: &mut Side, cx: &mut Cx<'_>) -> u64 {
        let rustls::Connection::Client(client) = &mut self.connection else { return 0 };
        let Some(early) = self.early.as_mut().filter(|_| self.waiting.is_empty()) else { return 0 };
        let bytes = data.to_bytes();
        let (sent, told) = during(&mut side.shared, &mut self.luck, cx.env.now(), || {
            client.early_data().and_then(|mut writer| writer.write(&bytes).ok()).unwrap_or(0)
        });
        tell_secrets(told, cx);
        early.append(&data.slice(0, sent as u64));
        sent as u64
    }

    /// Nothing more will be written: the peer is told after what has been.
    pub fn finish(&mut self, side: &mut Side, cx: &mut Cx<'_>) {
        if !self.has_failed {
            self.is_finishing = true;
            self.close_if_done(side, cx);
            self.transmit(side, cx);
        }
    }

    fn close_if_done(&mut self, side: &mut Side, cx: &mut Cx<'_>) {
        if self.is_finishing && self.is_connected && !self.has_sent_close {
            self.has_sent_close = true;
            let now = cx.env.now();
            during(&mut side.shared, &mut self.luck, now, || self.connection.send_close_notify());
        }
    }

    fn fail(&mut self, error: &rustls::Error, sealed: Option<u8>, side: &mut Side, cx: &mut Cx<'_>) {
        self.has_failed = true;
        if let rustls::Error::AlertReceived(alert) = error {
            let alert = AlertDescription((*alert).into());
            cx.effects.push(Effect::Notify(Notice::Failed { alert, is_ours: false }));
            return;
        }
        // rustls does not say which alert it has sent: it stands at the end of what goes out, if not under protection.
        let out = self.output(side, cx);
        let plain = match out.len().checked_sub(7).map(|at| &out[at..]) {
            Some([21, 3, _, 0, 2, _, alert]) => Some(*alert),
            _ => None,
        };
        let alert = sealed.or(plain).map_or(AlertDescription::INTERNAL_ERROR, AlertDescription);
        self.counts.alerts_sent += 1;
        if !out.is_empty() {
            cx.effects.push(Effect::Transmit(Rope::from(out)));
        }
        cx.effects.push(Effect::Notify(Notice::Failed { alert, is_ours: true }));
    }

    fn output(&mut self, side: &mut Side, cx: &mut Cx<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        let (_, told) = during(&mut side.shared, &mut self.luck, cx.env.now(), || {
            // Writing to memory does not fail.
            while self.connection.wants_write() && matches!(self.connection.write_tls(&mut out), Ok(1..)) {}
        });
        tell_secrets(told, cx);
        out
    }

    fn transmit(&mut self, side: &mut Side, cx: &mut Cx<'_>) {
        let out = self.output(side, cx);
        if !out.is_empty() {
            cx.effects.push(Effect::Transmit(Rope::from(out)));
        }
    }

    /// True if it is over by an alert.
    pub fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// True if the peer has said that it sends nothing more.
    pub fn has_got_close(&self) -> bool {
        self.has_got_close
    }

    /// True if we have said so.
    pub fn has_sent_close(&self) -> bool {
        self.has_sent_close
    }

    /// What it has counted.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

fn tell_secrets(told: Told, cx: &mut Cx<'_>) {
    cx.effects.extend(told.secrets.into_iter().map(|secret| Effect::Observe(Trace::Secret(secret))));
}
