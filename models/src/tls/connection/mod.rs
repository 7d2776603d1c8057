//! One end of a TLS connection over a stream: a machine without sockets.
//!
//! Bytes from the peer, data from the user and commands go in; bytes for the peer, data and notices come out. `client*.rs` and `server*.rs`
//! are the handshakes of TLS 1.3 (RFC 8446) and TLS 1.2 (RFC 5246); `proof.rs` and `keys12.rs` are what both ends do alike in them, `records.rs` is
//! what all stands on, `ticket.rs` what a server puts into tickets, `cost.rs` what work is called on a device that takes time for it.

mod client;
mod client12;
mod client13;
mod cost;
mod hello;
mod keys12;
mod proof;
mod records;
mod server;
mod server12;
mod server13;
mod ticket;

#[cfg(test)]
mod tests;

pub use client::ClientSide;
pub use cost::OPERATIONS;
pub use server::ServerSide;
pub use ticket::Ticket;

use super::codes::{AlertDescription, CipherSuite, ContentType, Group, HandshakeType, Hash, Version};
use super::config::ClientCertificates;
use super::crypto::{Kdf, Mode, Protection, Secret, Transcript};
use super::parameters::Common;
use super::wire::{Alert, CertificateEntry, CertificateMessage, Handshake};
use crate::observe::TlsSecret;
use crate::rope::Rope;
use bytes::Bytes;
use client::Client;
use keys12::Keys12;
use protosim_core::{Env, Purpose};
use records::{Incoming, Records};
use server::Server;

/// Randoms of hellos and identifiers of sessions.
const RANDOM: Purpose = Purpose("tls.random");
/// Private keys: a stream of their own, since the real ones draw more than placeholders.
const KEYS: Purpose = Purpose("tls.keys");
/// Lengths of signatures and nonces.
const SIGNATURES: Purpose = Purpose("tls.signatures");

/// Data that wait for the handshake \[bytes\].
const MOST_UNSENT: u64 = 65_536;

/// What a connection wants done.
pub type Effect = protosim_core::Effect<Rope, Notice, Trace>;

/// What a connection tells its user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// The handshake is done on this side: data can be sent, and the peer is who it says.
    Connected(Handshaked),
    /// Data have come.
    Data(Rope),
    /// There is room for more data.
    Writable,
    /// The peer sends nothing more (close_notify).
    Finished,
    /// It is over, with an alert: ours or the peer's.
    Failed {
        /// What it says.
        alert: AlertDescription,
        /// Who has sent it.
        is_ours: bool,
    },
}

/// What came of a handshake.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handshaked {
    /// What was agreed on.
    pub version: Version,
    /// What was agreed on.
    pub suite: CipherSuite,
    /// How keys were agreed on; `None` where an old session was taken up in TLS 1.2.
    pub group: Option<Group>,
    /// An earlier session was taken up.
    pub is_resumed: bool,
    /// The server asked for another hello.
    pub was_retried: bool,
    /// What became of data sent ahead.
    pub early_data: EarlyData,
    /// Application protocol.
    pub alpn: Option<Bytes>,
}

/// What became of data sent ahead of the handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EarlyData {
    /// None were offered.
    #[default]
    None,
    /// The server took them.
    Accepted,
    /// The server did not take them; they are sent again.
    Rejected,
}

/// For observers alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trace {
    /// A handshake message has been sent.
    Sent(HandshakeType, usize),
    /// A handshake message has come, so many bytes with its header.
    Received(HandshakeType, usize),
    /// A secret, where they are real.
    Secret(TlsSecret),
}

/// What a connection reaches while it handles something.
pub struct Cx<'a> {
    /// Its host.
    pub env: &'a mut dyn Env,
    /// Where effects go.
    pub effects: &'a mut Vec<Effect>,
}

impl Cx<'_> {
    fn notify(&mut self, notice: Notice) {
        self.effects.push(Effect::Notify(notice));
    }

    fn observe(&mut self, trace: Trace) {
        self.effects.push(Effect::Observe(trace));
    }
}

/// What the connections of one application share: parameters, tickets, certificates.
#[derive(Clone, Debug)]
pub enum Side {
    /// Of an application that opens connections.
    Client(ClientSide),
    /// Of one that takes them.
    Server(ServerSide),
}

/// One end of a connection.
#[derive(Clone, Debug)]
pub struct Connection {
    end: End,
    core: Core,
}

#[derive(Clone, Debug)]
enum End {
    Client(Box<Client>),
    Server(Box<Server>),
}

/// What both ends have.
#[derive(Clone, Debug)]
struct Core {
    is_client: bool,
    records: Records,
    transcript: Transcript,
    /// All messages, where a client of TLS 1.2 may sign them (RFC 5246 §7.4.8).
    messages: Option<Vec<u8>>,
    hash: Hash,
    /// Secrets of application data: what is written with and what is read with (TLS 1.3).
    traffic: Option<(Secret, Secret)>,
    client_random: [u8; 32],
    keys12: Keys12,
    /// What has been agreed on so far, as [`Handshaked`] has it.
    group: Option<Group>,
    is_resumed: bool,
    was_retried: bool,
    alpn: Option<Bytes>,
    /// Data may be sent.
    is_up: bool,
    /// The handshake is over.
    is_connected: bool,
    /// Data that wait for that.
    unsent: Rope,
    /// Nothing more will be written.
    is_finishing: bool,
    has_sent_close: bool,
    has_got_close: bool,
    failed: Option<AlertDescription>,
    key_update: Option<u64>,
    counts: Counts,
}

/// What a connection counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Signatures, chains and Finished that did not hold, and whatever else was refused.
    pub alerts_sent: u64,
    /// Times that keys were replaced, by either end.
    pub key_updates: u64,
}

impl Core {
    fn new(is_client: bool, mode: Mode, common: &Common) -> Self {
        Self {
            is_client,
            records: Records::new(mode, common.record, common.packs_flights),
            transcript: Transcript::new(mode),
            messages: None,
            hash: Hash::Sha256,
            traffic: None,
            client_random: [0; 32],
            keys12: Keys12::default(),
            group: None,
            is_resumed: false,
            was_retried: false,
            alpn: None,
            is_up: false,
            is_connected: false,
            unsent: Rope::new(),
            is_finishing: false,
            has_sent_close: false,
            has_got_close: false,
            failed: None,
            key_update: common.key_update,
            counts: Counts::default(),
        }
    }

    fn mode(&self) -> Mode {
        self.records.mode()
    }

    fn kdf(&self) -> Kdf {
        Kdf::tls13(self.mode(), self.hash)
    }

    /// Sends a message of the handshake, which becomes part of its transcript.
    fn send(&mut self, message: &Handshake, cx: &mut Cx<'_>) {
        let bytes = message.encode();
        self.send_encoded(&bytes, cx);
    }

    fn send_encoded(&mut self, bytes: &Bytes, cx: &mut Cx<'_>) {
        self.add(bytes);
        self.send_outside(bytes, cx);
    }

    /// Sends a message that is no part of the transcript.
    fn send_outside(&mut self, bytes: &Bytes, cx: &mut Cx<'_>) {
        let kind = bytes.first().map_or(HandshakeType::HELLO_REQUEST, |kind| HandshakeType(*kind));
        cx.observe(Trace::Sent(kind, bytes.len()));
        cost::spend(cx.env, "tls.hash", bytes.len() as u64);
        if self.records.writes_protected() {
            cost::seal(cx.env, self.records.aead, bytes.len() as u64);
        }
        self.records.send_message(bytes);
    }

    /// A message has come that is part of the transcript.
    fn note(&mut self, raw: &Bytes, cx: &mut Cx<'_>) {
        cost::spend(cx.env, "tls.hash", raw.len() as u64);
        self.add(raw);
    }

    fn add(&mut self, message: &[u8]) {
        self.transcript.add(message);
        if let Some(messages) = &mut self.messages {
            messages.extend_from_slice(message);
        }
    }

    /// Tells observers of a secret. There is none where nothing is computed.
    fn log(&self, label: &'static str, secret: &Secret, cx: &mut Cx<'_>) {
        if self.mode() == Mode::Real {
            let (client_random, secret) = (self.client_random, *secret);
            cx.observe(Trace::Secret(TlsSecret { label, client_random, secret }));
        }
    }

    /// The handshake is over: what waited is sent.
    fn connected(&mut self, early_data: EarlyData, cx: &mut Cx<'_>) {
        (self.is_connected, self.is_up) = (true, true);
        self.messages = None;
        cx.notify(Notice::Connected(Handshaked {
            version: self.version(),
            suite: self.suite(),
            group: self.group,
            is_resumed: self.is_resumed,
            was_retried: self.was_retried,
            early_data,
            alpn: self.alpn.clone(),
        }));
        self.send_waiting(cx);
    }

    fn send_waiting(&mut self, cx: &mut Cx<'_>) {
        let waiting = std::mem::take(&mut self.unsent);
        if !waiting.is_empty() {
            self.send_data(&waiting, cx);
            cx.notify(Notice::Writable);
        }
        self.close_if_done();
    }

    /// Sends application data; takes new keys where it is time, between records.
    fn send_data(&mut self, data: &Rope, cx: &mut Cx<'_>) {
        let mut at = 0;
        while at < data.len() {
            let most = self.key_update.filter(|_| self.is_connected && self.traffic.is_some());
            if most.is_some_and(|most| self.records.sent_under_key >= most) {
                self.update_keys(false, cx);
            }
            let left = most.map_or(u64::MAX, |most| most.saturating_sub(self.records.sent_under_key).max(1));
            let part =
                data.slice(at, left.div_ceil(self.records.most_plain()).saturating_mul(self.records.most_plain()));
            at += part.len();
            cost::seal(cx.env, self.records.aead, part.len());
            self.records.sent_under_key += part.len();
            self.records.send(ContentType::APPLICATION_DATA, &part);
        }
    }

    /// New keys for what is sent (RFC 8446 §4.6.3), and for what comes if `requested`.
    fn update_keys(&mut self, requested: bool, cx: &mut Cx<'_>) {
        let kdf = self.kdf();
        let Some((write, _)) = &mut self.traffic else { return };
        let next = kdf.next_traffic(write);
        *write = next;
        self.counts.key_updates += 1;
        self.send_outside(&Handshake::KeyUpdate { requested }.encode(), cx);
        self.write_with_secret(&next);
    }

    /// The peer has taken new keys.
    fn peer_updated(&mut self, requested: bool, cx: &mut Cx<'_>) -> Result<(), AlertDescription> {
        let kdf = self.kdf();
        let Some((_, read)) = &mut self.traffic else { return Err(AlertDescription::UNEXPECTED_MESSAGE) };
        let next = kdf.next_traffic(read);
        *read = next;
        self.counts.key_updates += 1;
        self.read_with_secret(&next)?;
        if requested && !self.has_sent_close {
            self.update_keys(false, cx);
        }
        Ok(())
    }

    fn protection(&self, secret: &Secret) -> Protection {
        Protection::tls13(self.mode(), self.suite(), secret)
    }

    fn write_with_secret(&mut self, secret: &Secret) {
        let protection = self.protection(secret);
        self.records.write_with(protection);
    }

    fn read_with_secret(&mut self, secret: &Secret) -> Result<(), AlertDescription> {
        let protection = self.protection(secret);
        self.records.read_with(protection)
    }

    /// The one that was agreed on; 1.3 until then.
    fn version(&self) -> Version {
        if self.records.is_12 { Version::TLS12 } else { Version::TLS13 }
    }

    fn suite(&self) -> CipherSuite {
        self.records.suite
    }

    fn use_suite(&mut self, suite: CipherSuite) {
        self.hash = suite.hash().unwrap_or(Hash::Sha256);
        self.records.suite = suite;
        self.records.aead = suite.aead();
        self.transcript.set_hash(self.hash);
    }

    fn close_if_done(&mut self) {
        if self.is_finishing && self.is_up && !self.has_sent_close && self.unsent.is_empty() {
            self.has_sent_close = true;
            self.records.send_alert(Alert { is_fatal: false, description: AlertDescription::CLOSE_NOTIFY });
        }
    }

    /// Nothing comes of this connection any more, and the peer is told.
    fn fail(&mut self, alert: AlertDescription, cx: &mut Cx<'_>) {
        self.failed = Some(alert);
        self.counts.alerts_sent += 1;
        self.records.send_alert(Alert { is_fatal: true, description: alert });
        cx.notify(Notice::Failed { alert, is_ours: true });
    }

    fn on_alert(&mut self, alert: Alert, is_13: bool, cx: &mut Cx<'_>) {
        match alert.description {
            AlertDescription::CLOSE_NOTIFY => {
                if !self.has_got_close {
                    self.has_got_close = true;
                    cx.notify(Notice::Finished);
                }
            }
            // Is followed by close_notify (RFC 8446 §6.1).
            AlertDescription::USER_CANCELED => {}
            // A warning of TLS 1.2 changes nothing (RFC 5246 §7.2); in TLS 1.3 all are fatal (RFC 8446 §6).
            _ if !alert.is_fatal && !is_13 => {}
            description => {
                self.failed = Some(description);
                cx.notify(Notice::Failed { alert: description, is_ours: false });
            }
        }
    }
}

impl Connection {
    /// A client's, which sends its hello now. `now` decides which tickets are still good.
    pub fn client(mode: Mode, side: &mut ClientSide, cx: &mut Cx<'_>) -> Self {
        let mut core = Core::new(true, mode, &side.parameters.common);
        core.messages = side.identity.as_ref().map(|_| Vec::new());
        let mut client = Box::<Client>::default();
        client.start(&mut core, side, cx);
        let mut connection = Self { end: End::Client(client), core };
        connection.transmit(cx);
        connection
    }

    /// A server's, which waits for a hello.
    pub fn server(mode: Mode, side: &ServerSide) -> Self {
        let mut core = Core::new(false, mode, &side.parameters.common);
        core.messages = (side.parameters.client_certificates != ClientCertificates::None).then(Vec::new);
        Self { end: End::Server(Box::default()), core }
    }

    /// Bytes have come from the peer.
    pub fn handle_bytes(&mut self, bytes: &Rope, side: &mut Side, cx: &mut Cx<'_>) {
        if self.core.failed.is_some() {
            return;
        }
        self.core.records.push(bytes);
        if let Err(alert) = self.take_records(side, cx) {
            self.core.fail(alert, cx);
        }
        self.transmit(cx);
    }

    fn take_records(&mut self, side: &mut Side, cx: &mut Cx<'_>) -> Result<(), AlertDescription> {
        while self.core.failed.is_none() && !self.core.has_got_close {
            let Some(incoming) = self.core.records.next()? else { break };
            match incoming {
                Incoming::Messages { protected } => {
                    cost::open(cx.env, self.core.records.aead, protected);
                    while let Some((kind, raw)) = self.core.records.next_message()? {
                        cx.observe(Trace::Received(kind, raw.len()));
                        self.on_message(kind, &raw, side, cx)?;
                    }
                }
                Incoming::Data(data) => {
                    self.check_data(&data)?;
                    cost::open(cx.env, self.core.records.aead, data.len());
                    if !data.is_empty() {
                        cx.notify(Notice::Data(data));
                    }
                }
                Incoming::Alert(alert) => {
                    let is_13 = !self.core.records.is_12;
                    self.core.on_alert(alert, is_13, cx);
                }
                Incoming::ChangeCipherSpec => self.on_change_cipher_spec()?,
            }
        }
        Ok(())
    }

    fn on_message(
        &mut self,
        kind: HandshakeType,
        raw: &Bytes,
        side: &mut Side,
        cx: &mut Cx<'_>,
    ) -> Result<(), AlertDescription> {
        let message = Handshake::decode(kind, &raw[4..], self.core.version())?;
        match (&mut self.end, side) {
            (End::Client(client), Side::Client(side)) => client.on_message(message, raw, &mut self.core, side, cx),
            (End::Server(server), Side::Server(side)) => server.on_message(message, raw, &mut self.core, side, cx),
            // A connection is handed to the application that it belongs to.
            _ => Err(AlertDescription::INTERNAL_ERROR),
        }
    }

    /// TLS 1.3 lets it pass until the handshake is over, wherever it stands (RFC 8446 §5); in TLS 1.2 it means something.
    fn on_change_cipher_spec(&mut self) -> Result<(), AlertDescription> {
        if self.core.records.is_12 {
            let is_due = match &self.end {
                End::Client(client) => client.waits_for_finished_12(),
                End::Server(server) => server.waits_for_finished_12(),
            };
            return self.core.on_change_cipher_spec(is_due);
        }
        let is_waiting_for_first = match &self.end {
            End::Client(_) => false,
            End::Server(server) => server.waits_for_hello(),
        };
        if self.core.is_connected || is_waiting_for_first {
            return Err(AlertDescription::UNEXPECTED_MESSAGE);
        }
        Ok(())
    }

    /// Data come under protection, and not before it is their time.
    fn check_data(&mut self, data: &Rope) -> Result<(), AlertDescription> {
        let may_come = match &mut self.end {
            End::Client(_) => self.core.is_connected,
            End::Server(server) => self.core.is_connected || server.takes_early(data.len())?,
        };
        if may_come { Ok(()) } else { Err(AlertDescription::UNEXPECTED_MESSAGE) }
    }

    /// How much data can be written now \[bytes\].
    pub fn room(&self) -> u64 {
        if self.core.failed.is_some() || self.core.is_finishing {
            0
        } else if self.core.is_up {
            u64::MAX
        } else {
            MOST_UNSENT.saturating_sub(self.core.unsent.len())
        }
    }

    /// Sends data, or keeps them for when the handshake is done; at most [`Connection::room`].
    pub fn write(&mut self, data: &Rope, cx: &mut Cx<'_>) {
        if self.core.failed.is_some() || self.core.is_finishing {
            return;
        }
        if self.core.is_up {
            self.core.send_data(data, cx);
        } else if let End::Client(client) = &mut self.end {
            let early = client.write_early(data, &mut self.core, cx);
            self.core.unsent.append(&data.slice(early, u64::MAX));
        } else {
            self.core.unsent.append(data);
        }
        self.transmit(cx);
    }

    /// Nothing more will be written: the peer is told after what has been.
    pub fn finish(&mut self, cx: &mut Cx<'_>) {
        if self.core.failed.is_none() {
            self.core.is_finishing = true;
            self.core.close_if_done();
            self.transmit(cx);
        }
    }

    /// Takes new keys (RFC 8446 §4.6.3), and has the peer do so if `requested`. Nothing happens in TLS 1.2, and before the handshake is over.
    pub fn update_keys(&mut self, requested: bool, cx: &mut Cx<'_>) {
        if self.core.is_connected && !self.core.has_sent_close && self.core.failed.is_none() {
            self.core.update_keys(requested, cx);
            self.transmit(cx);
        }
    }

    /// True once the handshake is over.
    pub fn is_connected(&self) -> bool {
        self.core.is_connected
    }

    /// True if it is over by an alert.
    pub fn has_failed(&self) -> bool {
        self.core.failed.is_some()
    }

    /// True if the peer has said that it sends nothing more.
    pub fn has_got_close(&self) -> bool {
        self.core.has_got_close
    }

    /// True if we have said so.
    pub fn has_sent_close(&self) -> bool {
        self.core.has_sent_close
    }

    /// What it has counted.
    pub fn counts(&self) -> Counts {
        self.core.counts
    }

    fn transmit(&mut self, cx: &mut Cx<'_>) {
        let out = self.core.records.take_output();
        if !out.is_empty() {
            cx.effects.push(Effect::Transmit(out));
        }
    }
}

/// A Certificate message of TLS 1.3 without extensions.
fn certificates(context: Bytes, chain: Vec<Bytes>) -> CertificateMessage {
    let entries = chain.into_iter().map(|der| CertificateEntry { der, extensions: Vec::new() });
    CertificateMessage { context, entries: entries.collect() }
}

/// 32 random bytes.
fn random(env: &mut dyn Env) -> [u8; 32] {
    let mut bytes = [0; 32];
    for part in bytes.chunks_exact_mut(8) {
        part.copy_from_slice(&env.rng(RANDOM).next_u64().to_be_bytes());
    }
    bytes
}
