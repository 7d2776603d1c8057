//! Connections (§2.4): headers, SASL before them (§5.3), open and close, idle time-outs, sessions by their channels.
//!
//! Pure: no clock, no stream. What a [`Decoder`](super::wire::Decoder) takes out of the stream goes in, with times; events and what is to
//! be sent are asked for. A [`Connection`] and its sessions end with the stream; [`Connection::into_ends`] gives what outlives them.
//!
//! | file | what |
//! |---|---|
//! | `receive` | what comes |
//! | `sasl` | authentication before all |
//!
//! # States (§2.4.6)
//! | | nothing sent | header sent | open sent | close sent |
//! |---|---|---|---|---|
//! | nothing has come | START | HDR SENT | OPEN PIPE | OC PIPE |
//! | header has come | HDR RCVD | HDR EXCH | OPEN SENT | CLOSE PIPE |
//! | open has come | | OPEN RCVD | OPENED | CLOSE SENT, or DISCARDING for an error |
//! | close has come | | | CLOSE RCVD | END |
//!
//! # Choices
//! - A client sends its open behind its header at once, where [`ConnectionConfig::pipelined`] says so.
//! - An empty frame goes when half of what the peer allows has passed without a frame. What we enforce is twice what we advertise (§2.4.5).
//! - A server with SASL answers the header of AMQP with that of SASL (§2.2), and does no more.

mod receive;
mod sasl;

pub use sasl::{ClientSasl, SaslConfig};

use super::link::LinkEnd;
use super::session::{Session, SessionConfig, SessionState};
use super::wire::{
    Close, Condition, EMPTY_FRAME, Error, Fault, Frame, Header, Item, MIN_MAX_FRAME_SIZE, Open, Performative, SaslInit,
};
use protosim_core::{LocalTime, Span};
use sasl::Login;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What a side of a connection says, and wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectionConfig {
    /// Who we are.
    pub container_id: Arc<str>,
    /// Whom a client wants.
    pub hostname: Option<Arc<str>>,
    /// The largest frame that we take \[bytes\]; at least 512. Default: 65536.
    pub max_frame_size: u32,
    /// The highest channel. Default: 255.
    pub channel_max: u16,
    /// Without a frame for so long, the peer is dead; it is told half of it (§2.4.5). Default: no limit.
    pub idle_time_out: Option<Span>,
    /// Whether a client sends its open without waiting for the server's header. Default: no.
    pub pipelined: bool,
    /// What comes before AMQP. Default: nothing.
    pub sasl: Option<SaslConfig>,
    /// Of sessions.
    pub session: SessionConfig,
}

impl ConnectionConfig {
    /// Of this container, with defaults.
    pub fn new(container_id: &str) -> Self {
        Self {
            container_id: container_id.into(),
            hostname: None,
            max_frame_size: 65536,
            channel_max: 255,
            idle_time_out: None,
            pipelined: false,
            sasl: None,
            session: SessionConfig::default(),
        }
    }
}

/// Frames that are no transfers and no dispositions and may wait, beyond which an owner takes nothing more of what has come (our choice).
pub(super) const MOST_ANSWERS: usize = 256;

/// A connection's state (§2.4.6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[expect(missing_docs, reason = "each is named as in the standard")]
pub enum ConnectionState {
    Start,
    HdrRcvd,
    HdrSent,
    HdrExch,
    OpenPipe,
    OcPipe,
    OpenRcvd,
    OpenSent,
    ClosePipe,
    Opened,
    CloseRcvd,
    CloseSent,
    Discarding,
    End,
}

/// How far one direction has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Stage {
    Nothing,
    Header,
    Open,
    Close,
}

/// What has happened. Events of sessions are asked of these.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConnectionEvent {
    /// A client wants to authenticate: [`Connection::challenge`] or [`Connection::authenticated`] answers.
    Authenticate(SaslInit),
    /// The client has answered a challenge.
    Response(bytes::Bytes),
    /// The server asks: [`Connection::respond`] answers.
    Challenge(bytes::Bytes),
    /// Authentication is done: how.
    Authenticated(super::wire::SaslCode),
    /// Both have opened: what the peer says.
    Opened(Box<Open>),
    /// The peer has begun a session, which is answered.
    Begun(u16),
    /// The session of this channel has events.
    Session(u16),
    /// The connection is over; behind what is still to be sent, the stream is to be closed. What the peer says, or what was wrong.
    Closed(Option<Error>),
}

/// A session and the peer's channel of it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Mapped {
    session: Session,
    remote: Option<u16>,
}

/// One side of a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Connection {
    config: ConnectionConfig,
    is_server: bool,
    sent: Stage,
    received: Stage,
    login: Login,
    /// Whether it was closed for an error, so that what comes is discarded.
    discarding: bool,
    /// Whether there is nothing to be done any more.
    is_over: bool,
    remote: Option<Box<Open>>,
    control: VecDeque<Item>,
    sessions: BTreeMap<u16, Mapped>,
    /// Ours by the peer's.
    channels: BTreeMap<u16, u16>,
    /// The channel that is to send next.
    turn: u16,
    last_sent: LocalTime,
    last_received: LocalTime,
    events: VecDeque<ConnectionEvent>,
}

impl Connection {
    /// A client's, whose stream is there.
    pub fn client(config: ConnectionConfig, now: LocalTime) -> Self {
        let mut connection = Self::new(config, false, now);
        if connection.config.sasl.is_some() {
            connection.control.push_back(Item::Header(Header::SASL));
        } else {
            connection.say_header();
            if connection.config.pipelined {
                connection.say_open();
            }
        }
        connection
    }

    /// A server's, whose stream is there.
    pub fn server(config: ConnectionConfig, now: LocalTime) -> Self {
        Self::new(config, true, now)
    }

    fn new(config: ConnectionConfig, is_server: bool, now: LocalTime) -> Self {
        let login = if config.sasl.is_some() { Login::Header } else { Login::Done };
        Self {
            config,
            is_server,
            sent: Stage::Nothing,
            received: Stage::Nothing,
            login,
            discarding: false,
            is_over: false,
            remote: None,
            control: VecDeque::new(),
            sessions: BTreeMap::new(),
            channels: BTreeMap::new(),
            turn: 0,
            last_sent: now,
            last_received: now,
            events: VecDeque::new(),
        }
    }

    /// Its state.
    pub const fn state(&self) -> ConnectionState {
        use ConnectionState as S;
        match (self.received, self.sent) {
            (Stage::Nothing, Stage::Nothing) => S::Start,
            (Stage::Nothing, Stage::Header) => S::HdrSent,
            (Stage::Nothing, Stage::Open) => S::OpenPipe,
            (Stage::Nothing, Stage::Close) => S::OcPipe,
            (_, Stage::Nothing) => S::HdrRcvd,
            (Stage::Header, Stage::Header) => S::HdrExch,
            (Stage::Header, Stage::Open) => S::OpenSent,
            (Stage::Header, Stage::Close) => S::ClosePipe,
            (Stage::Open | Stage::Close, Stage::Header) => S::OpenRcvd,
            (Stage::Open, Stage::Open) => S::Opened,
            (Stage::Open, Stage::Close) if self.discarding => S::Discarding,
            (Stage::Open, Stage::Close) => S::CloseSent,
            (Stage::Close, Stage::Open) => S::CloseRcvd,
            (Stage::Close, Stage::Close) => S::End,
        }
    }

    /// Whether the stream is to be closed, once all is sent.
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    /// What the peer has said when it opened.
    pub fn remote(&self) -> Option<&Open> {
        self.remote.as_deref()
    }

    /// What has happened, in its order.
    pub fn event(&mut self) -> Option<ConnectionEvent> {
        let event = self.events.pop_front();
        if self.events.is_empty() {
            self.events = VecDeque::new();
        }
        event
    }

    /// The session of a channel of ours.
    pub fn session(&mut self, channel: u16) -> Option<&mut Session> {
        self.sessions.get_mut(&channel).map(|mapped| &mut mapped.session)
    }

    /// The same, to look at.
    pub(in crate::amqp) fn session_at(&self, channel: u16) -> Option<&Session> {
        self.sessions.get(&channel).map(|mapped| &mapped.session)
    }

    /// Our channel for one of the peer's.
    pub(in crate::amqp) fn channel_of(&self, remote: u16) -> Option<u16> {
        self.channels.get(&remote).copied()
    }

    /// The channels of all sessions.
    pub(in crate::amqp) fn all_channels(&self) -> Vec<u16> {
        self.sessions.keys().copied().collect()
    }

    /// The peer is not listened to: that nothing comes says nothing about it.
    pub(in crate::amqp) const fn not_listened(&mut self, now: LocalTime) {
        self.last_received = now;
    }

    /// Begins a session: its channel; `None` if the connection is not open, or has no more.
    pub fn begin(&mut self) -> Option<u16> {
        let channel = self.free_channel()?;
        let session = Session::initiate(&self.config.session, self.remote_frame_size());
        self.sessions.insert(channel, Mapped { session, remote: None });
        Some(channel)
    }

    /// The lowest channel that is free and that both sides take.
    fn free_channel(&self) -> Option<u16> {
        if self.sent != Stage::Open || self.is_over {
            return None;
        }
        let remote = self.remote.as_ref().map_or(0, |open| open.channel_max.unwrap_or(u16::MAX));
        (0..=remote.min(self.config.channel_max)).find(|channel| !self.sessions.contains_key(channel))
    }

    /// The largest frame that the peer takes \[bytes\]: before its open, that which all take (§2.4.1).
    fn remote_frame_size(&self) -> u32 {
        self.remote.as_ref().map_or(MIN_MAX_FRAME_SIZE, |open| open.max_frame_size.unwrap_or(u32::MAX))
    }

    /// Closes it; nothing else is sent.
    pub fn close(&mut self, error: Option<Error>) {
        match self.sent {
            Stage::Close => return,
            // There is nothing to be closed (§2.4.3), or the peer does not speak AMQP.
            Stage::Nothing | Stage::Header if self.received < Stage::Header => {
                self.over(error);
                return;
            }
            Stage::Nothing => self.say_header(),
            Stage::Header | Stage::Open => {}
        }
        self.control.retain(|item| !matches!(item, Item::Frame(Frame::Empty { .. })));
        if self.sent == Stage::Header {
            self.say_open();
        }
        self.discarding = error.is_some();
        self.sent = Stage::Close;
        self.control.push_back(Item::frame(0, Performative::Close(Box::new(Close { error: error.clone() }))));
        match self.received {
            Stage::Close => self.over(None),
            // An error leaves nothing to wait for: the stream may be closed without an answer (§2.4.3).
            _ if self.discarding => self.over(error),
            _ => {}
        }
    }

    /// What cannot be read closes it.
    pub fn on_fault(&mut self, fault: Fault) {
        if !self.is_over {
            self.close(Some(fault.error()));
        }
    }

    fn over(&mut self, error: Option<Error>) {
        if !self.is_over {
            self.is_over = true;
            self.events.push_back(ConnectionEvent::Closed(error));
        }
    }

    fn say_header(&mut self) {
        self.control.push_back(Item::Header(Header::AMQP));
        self.sent = Stage::Header;
    }

    fn say_open(&mut self) {
        let config = &self.config;
        let half = config.idle_time_out.map(|span| span.as_nanos() / 2_000_000);
        let open = Open {
            container_id: config.container_id.clone(),
            hostname: config.hostname.clone(),
            max_frame_size: Some(config.max_frame_size.max(MIN_MAX_FRAME_SIZE)),
            channel_max: Some(config.channel_max),
            idle_time_out: half.map(|ms| u32::try_from(ms).unwrap_or(u32::MAX)),
            ..Open::default()
        };
        self.control.push_back(Item::frame(0, Performative::Open(Box::new(open))));
        self.sent = Stage::Open;
    }

    /// What goes onto the stream next, if anything may: to be asked after each input, and while the stream has room, until there is nothing.
    pub fn next(&mut self, now: LocalTime) -> Option<Item> {
        let item = self.control.pop_front().or_else(|| self.next_of_sessions())?;
        self.last_sent = now;
        Some(item)
    }

    /// How many frames wait that are no transfers and no dispositions.
    pub(in crate::amqp) fn backlog(&self) -> usize {
        self.control.len() + self.sessions.values().map(|mapped| mapped.session.backlog()).sum::<usize>()
    }

    /// Sessions take turns.
    fn next_of_sessions(&mut self) -> Option<Item> {
        if self.sent != Stage::Open || self.received < Stage::Header {
            return None;
        }
        let turn = self.turn;
        let channels: Vec<u16> =
            self.sessions.range(turn..).chain(self.sessions.range(..turn)).map(|(c, _)| *c).collect();
        for channel in channels {
            let Some(mapped) = self.sessions.get_mut(&channel) else { continue };
            let next = mapped.session.next_performative();
            if mapped.session.event_waits() {
                self.events.push_back(ConnectionEvent::Session(channel));
            }
            if let Some((performative, payload)) = next {
                self.turn = channel.wrapping_add(1);
                return Some(Item::Frame(Frame::Amqp { channel, performative, payload }));
            }
        }
        None
    }

    /// Takes out a session that has ended, once all of it was sent: what is left of its links.
    pub fn take_ended(&mut self, channel: u16) -> Option<Vec<LinkEnd>> {
        let mapped = self.sessions.get(&channel)?;
        if mapped.session.state() != SessionState::Unmapped || mapped.session.has_control() {
            return None;
        }
        let mapped = self.sessions.remove(&channel)?;
        Some(mapped.session.into_ends())
    }

    /// The stream is gone: what is left of the links of one session.
    pub(in crate::amqp) fn take_session(&mut self, channel: u16) -> Vec<LinkEnd> {
        self.sessions.remove(&channel).map_or_else(Vec::new, |mapped| mapped.session.into_ends())
    }

    /// When something is due, and what.
    pub fn deadline(&self) -> Option<(LocalTime, &'static str)> {
        if self.is_over {
            return None;
        }
        let dead = self.config.idle_time_out.map(|span| (self.last_received.saturating_add(span), "idle time-out"));
        let quiet = self.keep_alive().map(|span| (self.last_sent.saturating_add(span), "empty frame"));
        dead.into_iter().chain(quiet).min()
    }

    /// Half of what the peer allows.
    fn keep_alive(&self) -> Option<Span> {
        let millis = self.remote.as_ref()?.idle_time_out.filter(|millis| *millis > 0)?;
        (self.sent == Stage::Open).then(|| Span::from_nanos(u64::from(millis) * 500_000))
    }

    /// Time has passed: an empty frame goes, or the peer is dead (§2.4.5). Early or twice, it does nothing.
    pub fn on_time(&mut self, now: LocalTime) {
        if self.is_over {
            return;
        }
        if self.config.idle_time_out.is_some_and(|span| now >= self.last_received.saturating_add(span)) {
            let error = Error::new(Condition::ResourceLimitExceeded, "no frame has come within the idle time-out");
            return self.close(Some(error));
        }
        if self.keep_alive().is_some_and(|span| now >= self.last_sent.saturating_add(span)) {
            self.last_sent = now;
            self.control.push_back(EMPTY_FRAME);
        }
    }

    /// The stream is gone: what is left of all links.
    pub fn into_ends(self) -> Vec<LinkEnd> {
        self.sessions.into_values().flat_map(|mapped| mapped.session.into_ends()).collect()
    }
}
