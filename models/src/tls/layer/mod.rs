//! TLS beneath any application: its streams are the same to it, and what goes over them is protected.
//!
//! A [`Secured`] App is one with this layer beneath it ([`crate::layer`]): its streams are sessions of TLS over the streams of the real host; all
//! else it gets as it is. A stream is there for it once the handshake is done, or, for a server, once early data have come. Read credit and
//! room go through: what the inner App does not read stays in TCP's window but for one record, and it may write what TCP takes and one
//! record more.
//!
//! Where the peer ends its direction without close_notify, the inner App sees the end of the stream as if it had been said, and
//! `truncated_streams` counts it: implementations differ here, and applications with lengths of their own notice.
//!
//! A server's App does not know of a stream before its handshake, so that it cannot give it up. The layer does: where the client ends its
//! direction in the middle of the handshake, or does not come to its end in time.

use super::certificate::{Trust, identity};
use super::codes::AlertDescription;
#[cfg(feature = "rustls")]
use super::config::Implementation;
use super::config::{HANDSHAKE_TIMEOUT, TlsClientConfig, TlsServerConfig};
use super::connection::{ClientSide, Cx, EarlyData, Effect, Handshaked, Notice, ServerSide, Trace};
use super::crypto::Mode;
use super::machine::{Machine, Party};
use crate::app::{App, Host, HostError, StreamEvent, StreamId, StreamOptions, Total};
use crate::layer::{Layer, Layered, Told};
use crate::rope::Rope;
use crate::tcp::{CloseReason, FastOpen, Parameters};
use protosim_core::{CannotClone, Span};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

/// Plain text that waits for the App, beyond which no more is taken from TCP \[bytes\]: one record.
const ENOUGH: u64 = 1 << 14;
/// What is read from TCP at once \[bytes\].
const PIECE: u64 = 1 << 14;
/// Data that wait for the connection beneath \[bytes\].
const MOST_WAITING: u64 = 1 << 16;
/// Timers with this bit in their token are of handshakes; those of Apps do not have it.
const HANDSHAKE: u64 = 1 << 63;

/// Names in certificates: of 11 bytes, as `example.com` has, so that certificates are as long as they are said to be.
const SERVER_NAME: &str = "example.com";
const CLIENT_NAME: &str = "client.test";

/// An application whose streams are secured.
pub type Secured = Layered<Sessions>;

/// The sessions of one application.
#[derive(Debug)]
pub struct Sessions {
    mode: Mode,
    party: Party,
    /// Of a server: how long a handshake may take.
    patience: Option<Span>,
    sessions: BTreeMap<StreamId, Session>,
    /// What the App is to be told.
    told: VecDeque<Told>,
    /// Kept for its capacity; empty between calls.
    effects: Vec<Effect>,
    counts: Counts,
}

/// One stream.
#[derive(Debug)]
struct Session {
    /// `None` until TCP is connected.
    connection: Option<Machine>,
    /// What the App has written until then.
    waiting: Rope,
    /// Plain text that the App has not read.
    received: Rope,
    /// Records that TCP has not taken.
    unsent: Rope,
    /// Whom the App of a server will hear of.
    incoming: Option<(u16, SocketAddr)>,
    /// The App knows of it.
    is_known: bool,
    /// The App was told that there is no room.
    is_full: bool,
    /// The App has finished its direction, or wants no more of it.
    ending: Ending,
    /// TCP has told that nothing more comes than what it has.
    input_ends: bool,
    /// The App was told that the peer has finished.
    has_ended: bool,
    memory: u64,
}

fn cannot_clone() -> CannotClone {
    CannotClone { endpoint: "TLS".to_owned(), reason: "sessions of rustls cannot be copied".to_owned() }
}

impl Session {
    fn try_clone(&self) -> Result<Self, CannotClone> {
        let connection = match &self.connection {
            Some(machine) => Some(machine.try_clone().ok_or_else(cannot_clone)?),
            None => None,
        };
        Ok(Self {
            connection,
            waiting: self.waiting.clone(),
            received: self.received.clone(),
            unsent: self.unsent.clone(),
            ..*self
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ending {
    No,
    Finish,
    Close,
    /// It has been passed on.
    Done,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    handshakes: u64,
    resumed: u64,
    retried: u64,
    early_accepted: u64,
    early_rejected: u64,
    alerts_sent: u64,
    alerts_received: u64,
    truncated: u64,
    timed_out: u64,
    key_updates: u64,
}

impl Secured {
    /// Secures the streams that `app` opens, to a server that is called `server` unless `config` says another name.
    pub fn client(app: Box<dyn App>, mode: Mode, config: &TlsClientConfig, server: &str) -> Self {
        let trust = if config.verify { Trust::default() } else { Trust::anyone() };
        let own = config.certificate.as_ref().map(|own| Arc::new(identity(mode, own, CLIENT_NAME)));
        let party = match config.implementation {
            #[cfg(feature = "rustls")]
            Implementation::Rustls => {
                Party::Rustls(Box::new(super::with_rustls::Side::client(config, server, own.as_deref(), trust)))
            }
            // Where rustls is not compiled in, `check` has refused it.
            _ => Party::client(ClientSide::new(Arc::new(config.resolve(server)), own, trust)),
        };
        Self::new(app, Sessions::of(mode, party, None))
    }

    /// Secures the streams that come in to `app`.
    pub fn server(app: Box<dyn App>, mode: Mode, config: &TlsServerConfig) -> Self {
        let (own, trust) = (Arc::new(identity(mode, &config.certificate, SERVER_NAME)), Trust::default());
        let party = match config.implementation {
            #[cfg(feature = "rustls")]
            Implementation::Rustls => Party::Rustls(Box::new(super::with_rustls::Side::server(config, &own, trust))),
            _ => Party::server(ServerSide::new(Arc::new(config.resolve()), own, trust)),
        };
        let patience = config.handshake_timeout.unwrap_or(HANDSHAKE_TIMEOUT);
        Self::new(app, Sessions::of(mode, party, Some(patience)))
    }
}

impl Sessions {
    fn of(mode: Mode, party: Party, patience: Option<Span>) -> Self {
        let (sessions, told) = (BTreeMap::new(), VecDeque::new());
        Self { mode, party, patience, sessions, told, effects: Vec::new(), counts: Counts::default() }
    }

    /// A session that takes memory; `None` where there is none left.
    fn open(&mut self, incoming: Option<(u16, SocketAddr)>, host: &mut dyn Host) -> Option<Session> {
        let memory = self.party.common().memory;
        host.reserve(memory).ok()?;
        let Self { party, effects, mode, .. } = self;
        let connection = party.is_server().then(|| party.open(*mode, &mut Cx { env: host, effects }));
        Some(Session {
            connection,
            waiting: Rope::new(),
            received: Rope::new(),
            unsent: Rope::new(),
            is_known: incoming.is_none(),
            incoming,
            is_full: false,
            ending: Ending::No,
            input_ends: false,
            has_ended: false,
            memory,
        })
    }

    fn remove(&mut self, stream: StreamId, host: &mut dyn Host) -> Option<Session> {
        let session = self.sessions.remove(&stream)?;
        host.release(session.memory);
        if self.patience.is_some() {
            host.cancel_timer(HANDSHAKE | u64::from(stream.0));
        }
        self.counts.key_updates += session.connection.as_ref().map_or(0, |connection| connection.counts().key_updates);
        Some(session)
    }

    /// A client that does not come to the end of its handshake is left, as servers do: TCP is closed, and the session gone.
    fn give_up(&mut self, stream: StreamId, host: &mut dyn Host) {
        if self.remove(stream, host).is_some() {
            // Where the stream is over already, there is nothing left to close.
            let _ = host.stream_close(stream);
        }
    }

    /// The peer's direction is over, whether it has said so or not.
    fn end_of_input(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(session) = self.sessions.get_mut(&stream) else { return };
        let is_said = session.connection.as_ref().is_some_and(Machine::has_got_close);
        if session.is_known && !session.has_ended {
            session.has_ended = true;
            self.counts.truncated += u64::from(!is_said);
            self.told.push_back(Told::Stream(stream, StreamEvent::Finished));
        } else if !session.is_known && session.ending == Ending::No {
            self.counts.truncated += u64::from(!is_said);
            self.give_up(stream, host);
        }
    }

    /// TCP is connected: the client says hello, and sends what has been waiting.
    fn begin(&mut self, stream: StreamId, host: &mut dyn Host) {
        if self.sessions.get(&stream).is_none_or(|session| session.connection.is_some()) {
            return;
        }
        self.make_client(stream, host);
        self.transmit(stream, host);
    }

    fn make_client(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Self { party, sessions, effects, mode, .. } = self;
        let Some(session) = sessions.get_mut(&stream) else { return };
        let mut cx = Cx { env: host, effects };
        let mut connection = party.open(*mode, &mut cx);
        let waiting = std::mem::take(&mut session.waiting);
        if !waiting.is_empty() {
            connection.write(&waiting, party, &mut cx);
        }
        if session.ending == Ending::Finish {
            connection.finish(party, &mut cx);
        }
        session.connection = Some(connection);
    }

    /// Takes what TCP has, as long as the App reads. Where that is all that will come, the direction is over.
    fn fetch(&mut self, stream: StreamId, host: &mut dyn Host) {
        loop {
            let Some(session) = self.sessions.get_mut(&stream) else { return };
            let Some(connection) = session.connection.as_mut().filter(|_| session.received.len() < ENOUGH) else {
                return;
            };
            if connection.has_failed() {
                return;
            }
            let bytes = host.stream_read(stream, PIECE).unwrap_or_default();
            if bytes.is_empty() {
                if session.input_ends {
                    self.end_of_input(stream, host);
                }
                return;
            }
            connection.handle_bytes(&bytes, &mut self.party, &mut Cx { env: host, effects: &mut self.effects });
            self.transmit(stream, host);
        }
    }

    /// Does what a connection wants done.
    fn transmit(&mut self, stream: StreamId, host: &mut dyn Host) {
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Transmit(records) => {
                    if let Some(session) = self.sessions.get_mut(&stream) {
                        session.unsent.append(&records);
                    }
                    self.flush(stream, host);
                }
                Effect::Notify(notice) => self.on_notice(stream, notice, host),
                Effect::Observe(Trace::Secret(secret)) => host.observe_secret(secret),
                Effect::Observe(_) => {}
            }
        }
        self.effects = effects;
        self.end(stream, host);
    }

    /// Gives TCP what it takes.
    fn flush(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(session) = self.sessions.get_mut(&stream) else { return };
        if !session.unsent.is_empty() {
            let taken = host.stream_write(stream, &session.unsent).unwrap_or(0);
            session.unsent = session.unsent.slice(taken, u64::MAX);
        }
        if session.unsent.is_empty() && std::mem::take(&mut session.is_full) {
            self.told.push_back(Told::Stream(stream, StreamEvent::Writable));
        }
        self.end(stream, host);
    }

    /// Ends the stream beneath, once all is out that goes before it.
    fn end(&mut self, stream: StreamId, host: &mut dyn Host) {
        let Some(session) = self.sessions.get_mut(&stream) else { return };
        let is_said = session.connection.as_ref().is_some_and(|c| c.has_sent_close() || c.has_failed());
        if !is_said || !session.unsent.is_empty() {
            return;
        }
        let ended = match session.ending {
            Ending::No | Ending::Done => return,
            Ending::Finish => host.stream_finish(stream),
            Ending::Close => host.stream_close(stream),
        };
        // Where the stream is over already, there is nothing left to end.
        drop(ended);
        session.ending = Ending::Done;
    }

    fn on_notice(&mut self, stream: StreamId, notice: Notice, host: &mut dyn Host) {
        match notice {
            Notice::Connected(handshaked) => {
                self.count(&handshaked);
                if self.patience.is_some() {
                    host.cancel_timer(HANDSHAKE | u64::from(stream.0));
                }
                if !self.introduce(stream) {
                    self.told.push_back(Told::Stream(stream, StreamEvent::Connected));
                }
            }
            Notice::Data(data) => {
                self.introduce(stream);
                if let Some(session) = self.sessions.get_mut(&stream) {
                    session.received.append(&data);
                    self.told.push_back(Told::Stream(stream, StreamEvent::Readable));
                }
            }
            Notice::Writable => {
                if self.sessions.get_mut(&stream).is_some_and(|session| std::mem::take(&mut session.is_full)) {
                    self.told.push_back(Told::Stream(stream, StreamEvent::Writable));
                }
            }
            Notice::Finished => {
                if let Some(session) = self.sessions.get_mut(&stream).filter(|session| !session.has_ended) {
                    session.has_ended = true;
                    self.told.push_back(Told::Stream(stream, StreamEvent::Finished));
                }
            }
            Notice::Failed { alert, is_ours } => self.on_failure(stream, alert, is_ours, host),
        }
    }

    /// A server's App hears of a stream; false if it has, or it is a client's.
    fn introduce(&mut self, stream: StreamId) -> bool {
        let Some(session) = self.sessions.get_mut(&stream) else { return false };
        let is_server = self.party.is_server();
        if let Some((port, peer)) = session.incoming.take() {
            session.is_known = true;
            self.told.push_back(Told::Stream(stream, StreamEvent::Accepted { port, peer }));
        }
        is_server
    }

    fn count(&mut self, handshaked: &Handshaked) {
        self.counts.handshakes += 1;
        self.counts.resumed += u64::from(handshaked.is_resumed);
        self.counts.retried += u64::from(handshaked.was_retried);
        self.counts.early_accepted += u64::from(handshaked.early_data == EarlyData::Accepted);
        self.counts.early_rejected += u64::from(handshaked.early_data == EarlyData::Rejected);
    }

    /// The App is told that it is over; what tells the peer still goes out.
    fn on_failure(&mut self, stream: StreamId, alert: AlertDescription, is_ours: bool, host: &mut dyn Host) {
        self.counts.alerts_sent += u64::from(is_ours);
        self.counts.alerts_received += u64::from(!is_ours);
        let Some(session) = self.sessions.get_mut(&stream) else { return };
        session.ending = Ending::Close;
        if std::mem::take(&mut session.is_known) {
            self.told.push_back(Told::Stream(stream, StreamEvent::Closed(CloseReason::TlsAlert(alert.0))));
        }
        let _ = host;
    }

    fn session(&mut self, stream: StreamId) -> Result<&mut Session, HostError> {
        self.sessions.get_mut(&stream).filter(|session| session.is_known).ok_or(HostError::NoSuchStream(stream))
    }

    fn keep(
        &mut self,
        opened: Result<StreamId, HostError>,
        session: Session,
        memory: u64,
        host: &mut dyn Host,
    ) -> Result<StreamId, HostError> {
        match opened {
            Ok(stream) => {
                self.sessions.insert(stream, session);
                Ok(stream)
            }
            Err(error) => {
                host.release(memory);
                Err(error)
            }
        }
    }

    fn end_direction(&mut self, stream: StreamId, ending: Ending, host: &mut dyn Host) -> Result<(), HostError> {
        self.session(stream)?;
        let cx = &mut Cx { env: host, effects: &mut self.effects };
        // It is there: it was just looked at.
        let Some(session) = self.sessions.get_mut(&stream) else { return Ok(()) };
        session.ending = ending;
        session.is_full &= ending != Ending::Close;
        match &mut session.connection {
            Some(connection) => {
                connection.finish(&mut self.party, cx);
                self.transmit(stream, host);
                Ok(())
            }
            // Not connected yet: there is nobody to say it to.
            None if ending == Ending::Close => host.stream_close(stream),
            None => Ok(()),
        }
    }
}

impl Layer for Sessions {
    fn told(&mut self) -> &mut VecDeque<Told> {
        &mut self.told
    }

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        match event {
            StreamEvent::Accepted { port, peer } => match self.open(Some((port, peer)), host) {
                Some(session) => {
                    self.sessions.insert(stream, session);
                    if let Some(patience) = self.patience {
                        let at = host.now().saturating_add(patience);
                        host.set_timer(HANDSHAKE | u64::from(stream.0), at, "handshake");
                    }
                }
                // It is refused as TCP would have: there is nothing to say it with.
                None => drop(host.stream_abort(stream)),
            },
            StreamEvent::Connected => self.begin(stream, host),
            StreamEvent::Readable => self.fetch(stream, host),
            StreamEvent::Writable => self.flush(stream, host),
            StreamEvent::Finished => {
                if let Some(session) = self.sessions.get_mut(&stream) {
                    session.input_ends = true;
                }
                self.fetch(stream, host);
            }
            StreamEvent::Closed(reason) => {
                if self.remove(stream, host).is_some_and(|session| session.is_known) {
                    self.told.push_back(Told::Stream(stream, StreamEvent::Closed(reason)));
                }
            }
        }
    }

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) -> bool {
        if token & HANDSHAKE == 0 {
            return false;
        }
        let stream = StreamId((token & !HANDSHAKE) as u32);
        // Whom the App knows, as after early data, it has to deal with itself.
        if self.sessions.get(&stream).is_some_and(|session| !session.is_known) {
            self.counts.timed_out += 1;
            self.give_up(stream, host);
        }
        true
    }

    /// `tls_resumed_handshakes` and the like.
    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        let mut totals = vec![
            total("tls_handshakes", self.counts.handshakes),
            total("tls_resumed_handshakes", self.counts.resumed),
            total("tls_retried_handshakes", self.counts.retried),
            total("tls_early_data_accepted", self.counts.early_accepted),
            total("tls_early_data_rejected", self.counts.early_rejected),
            total("tls_alerts_sent", self.counts.alerts_sent),
            total("tls_alerts_received", self.counts.alerts_received),
            total("tls_truncated_streams", self.counts.truncated),
            total("tls_key_updates", self.counts.key_updates),
        ];
        if self.party.is_server() {
            totals.push(total("tls_replays_refused", self.party.replays()));
            totals.push(total("tls_timed_out_handshakes", self.counts.timed_out));
        }
        totals
    }

    /// All of it again, where no session is rustls's.
    fn try_clone(&self) -> Result<Self, CannotClone> {
        let sessions = self.sessions.iter().map(|(stream, session)| Ok((*stream, session.try_clone()?)));
        Ok(Self {
            sessions: sessions.collect::<Result<_, CannotClone>>()?,
            party: self.party.try_clone().ok_or_else(cannot_clone)?,
            told: self.told.clone(),
            effects: self.effects.clone(),
            ..*self
        })
    }

    fn listen(&mut self, port: u16, options: &StreamOptions, host: &mut dyn Host) -> Result<(), HostError> {
        host.stream_listen(port, &protected(options))
    }

    fn connect(&mut self, to: SocketAddr, options: &StreamOptions, host: &mut dyn Host) -> Result<StreamId, HostError> {
        let mut session = self.open(None, host).ok_or(HostError::OutOfMemory)?;
        let early = &options.early_data;
        let mut beneath = protected(options);
        session.waiting = early.clone();
        let memory = session.memory;
        if !matches!(options.tcp.fast_open, FastOpen::Client | FastOpen::Both) {
            let opened = host.stream_connect(to, &beneath);
            return self.keep(opened, session, memory, host);
        }
        // The hello goes with the first segment (RFC 7413), and so do data that go with the hello. The stream has no number yet.
        let Self { party, effects, mode, .. } = self;
        let mut cx = Cx { env: host, effects };
        let mut connection = party.open(*mode, &mut cx);
        if !early.is_empty() {
            connection.write(&std::mem::take(&mut session.waiting), party, &mut cx);
        }
        session.connection = Some(connection);
        let mut rest = Vec::new();
        for effect in self.effects.drain(..) {
            match effect {
                Effect::Transmit(records) => beneath.early_data.append(&records),
                other => rest.push(other),
            }
        }
        self.effects = rest;
        let opened = host.stream_connect(to, &beneath);
        let stream = self.keep(opened, session, memory, host)?;
        self.transmit(stream, host);
        Ok(stream)
    }

    fn write(&mut self, stream: StreamId, data: &Rope, host: &mut dyn Host) -> Result<u64, HostError> {
        let most = self.party.common().record as u64;
        let session = self.session(stream)?;
        if session.ending != Ending::No {
            return Err(HostError::StreamFinished(stream));
        }
        if session.connection.is_none() {
            let part = data.slice(0, MOST_WAITING.saturating_sub(session.waiting.len()));
            session.waiting.append(&part);
            session.is_full |= part.len() < data.len();
            return Ok(part.len());
        }
        // A record at a time: what TCP does not take waits here, and is not more than one.
        let mut taken = 0;
        while taken < data.len() {
            let Some(session) = self.sessions.get_mut(&stream).filter(|session| session.unsent.is_empty()) else {
                break;
            };
            let Some(connection) = &mut session.connection else { break };
            let part = data.slice(taken, most.min(connection.room()));
            if part.is_empty() {
                break;
            }
            taken += part.len();
            connection.write(&part, &mut self.party, &mut Cx { env: host, effects: &mut self.effects });
            self.transmit(stream, host);
        }
        if let Some(session) = self.sessions.get_mut(&stream) {
            session.is_full |= taken < data.len();
        }
        Ok(taken)
    }

    fn read(&mut self, stream: StreamId, most: u64, host: &mut dyn Host) -> Result<Rope, HostError> {
        let session = self.session(stream)?;
        let part = session.received.slice(0, most);
        session.received = session.received.slice(part.len(), u64::MAX);
        // TCP may hold more, which it has told of already.
        self.fetch(stream, host);
        Ok(part)
    }

    fn finish(&mut self, stream: StreamId, host: &mut dyn Host) -> Result<(), HostError> {
        self.end_direction(stream, Ending::Finish, host)
    }

    fn close(&mut self, stream: StreamId, host: &mut dyn Host) -> Result<(), HostError> {
        self.end_direction(stream, Ending::Close, host)
    }

    fn abort(&mut self, stream: StreamId, host: &mut dyn Host) -> Result<(), HostError> {
        self.session(stream)?;
        host.stream_abort(stream)
    }
}

/// Those of the stream beneath, without data.
fn protected(options: &StreamOptions) -> StreamOptions {
    let tcp = Parameters { is_protected: true, ..(*options.tcp).clone() };
    StreamOptions { tcp: Arc::new(tcp), early_data: Rope::new() }
}
