//! The application: an agent of ICE with its sockets, its signalling, and data over the pair that it finds.
//!
//! A session that is being set up stands beside the one that is used, if there is one: it takes its place once it has pairs. So a
//! restart (RFC 8445 §9) does not interrupt what is there.
//!
//! Of two offers that meet on the way the one of the end that `Offers` counts; the other end takes its own back and answers (as RFC 3264
//! §4 leaves to whoever carries them).

mod describe;
mod letters;
mod session;
mod streams;

use super::agent::{Command, Component, Misuse, Notice, Role, SharedConfig, State};
use super::candidate::{Candidate, CandidateKind};
use super::config::{IceAgentConfig, IceData, IceImplementation, Signalling};
use super::party::{Cx, Party};
use super::signalling::{LIFE, Line};
use crate::app::{App, ChannelId, Host, SocketId, StreamEvent, StreamId, StreamOptions, Total};
use crate::observe::{ExchangeId, Observation, Outcome};
use crate::rope::Rope;
use describe::Names;
use protosim_core::{CannotClone, LocalTime, Span};
use session::{Opening, Session};
use std::net::SocketAddr;
use std::sync::Arc;

/// The timers.
const OFFER: u64 = 0;
const SIGNALLING: u64 = 1;
const DATA: u64 = 2;
const RESTART: u64 = 3;
/// When an answer must have come.
const ANSWER: u64 = 6;
/// Of the session that is used, of the one that is set up, and of the one that was used before.
const SESSIONS: [u64; 3] = [4, 5, 8];
/// When the last one is closed.
const FORMER: u64 = 7;
/// How long a session that was replaced still takes what comes (RFC 8445 §8.3): the other end may send over it until it knows of the
/// new one.
const LINGERS: Span = Span::from_secs(3);

/// Which session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Which {
    /// The one that is used.
    Current,
    /// The one that is set up.
    Next,
    /// The one that was used before.
    Former,
}

/// See the module.
#[derive(Debug)]
pub struct IceAgent {
    settings: Settings,
    shared: SharedConfig,
    /// Of agents that have connections.
    options: Option<Box<StreamOptions>>,
    channel: Option<ChannelId>,
    line: Option<Line>,
    /// By [`Which`].
    sessions: [Option<Box<Session>>; 3],
    names: Names,
    /// Number of the last offer, of either end.
    generation: u64,
    /// Of the descriptions of this end.
    description: (u64, u64),
    /// The role that the last session had, which a restart keeps.
    role: Option<Role>,
    retries: u32,
    data: Data,
    counts: Counts,
}

/// What is needed of the configuration all the time; there may be many agents.
#[derive(Clone, Debug)]
struct Settings {
    channel: Box<str>,
    implementation: IceImplementation,
    role: Signalling,
    start: Span,
    restart_at: Option<Span>,
    tcp_port: Option<u16>,
    most_addresses: usize,
    trickle: bool,
    hide_addresses: bool,
    data: Option<IceData>,
}

/// What is sent to the peer.
#[derive(Clone, Copy, Debug, Default)]
struct Data {
    is_flowing: bool,
    next: LocalTime,
    sent: u64,
    received: u64,
    bytes: u64,
    last: Option<LocalTime>,
    largest_gap: Span,
}

#[derive(Clone, Debug, Default)]
struct Counts {
    sessions: u64,
    connected: u64,
    failed: u64,
    replaced: u64,
    dropped_for_room: u64,
    consents_lost: u64,
    restarts: u64,
    direct_pairs: u64,
    relayed_pairs: u64,
    malformed_descriptions: u64,
    refused: u64,
    /// Of agents that are gone, if any is.
    agents: Option<Box<super::agent::Counts>>,
}

fn cannot_clone() -> CannotClone {
    CannotClone { endpoint: "ICE".to_owned(), reason: "sessions of str0m cannot be copied".to_owned() }
}

impl IceAgent {
    /// An agent. `config` has passed its check, and knows the addresses of its servers.
    pub fn new(config: IceAgentConfig) -> Self {
        let shared = config.shared.clone().unwrap_or_else(|| Arc::new(config.agent()));
        let options = || StreamOptions { tcp: Arc::new(config.tcp.resolve()), early_data: Rope::new() };
        let options = config.uses_streams().then(options).map(Box::new);
        let retries = config.retries;
        let settings = Settings {
            channel: config.channel.0.into(),
            implementation: config.implementation,
            role: config.role,
            start: config.start,
            restart_at: config.restart_at,
            tcp_port: config.tcp_port,
            most_addresses: config.most_addresses.map_or(usize::MAX, usize::from),
            trickle: config.trickle,
            hide_addresses: config.hide_addresses,
            data: config.data,
        };
        Self {
            settings,
            shared,
            options,
            channel: None,
            line: None,
            sessions: [None, None, None],
            names: Names::default(),
            generation: 0,
            description: (0, 0),
            role: None,
            retries,
            data: Data::default(),
            counts: Counts::default(),
        }
    }

    fn session(&mut self, which: Which) -> Option<&mut Session> {
        self.sessions[which as usize].as_deref_mut()
    }

    /// Makes an offer, for a first session or a restart.
    fn offer(&mut self, host: &mut dyn Host) {
        // Drawn, so that an answer to an offer of another life is none to this one.
        self.generation = host.rng(LIFE).next_u64() >> 16;
        // RFC 8445 §6.1.1, and §9: the roles of a restart are those that there were.
        let role = self.role.unwrap_or(Role::Controlling);
        self.open(role, host);
        if let Some(session) = self.session(Which::Next) {
            session.is_offered = true;
        }
        // Who trickles answers at once: 64 * T1 of RFC 3261 are enough. Else the peer gathers first, as long as a dead server takes.
        let gathers = self.shared.most_time.saturating_add(self.shared.timing.ti);
        let patience = if self.settings.trickle { super::signalling::TIME_OUT } else { gathers };
        let end = host.now().saturating_add(patience);
        host.set_timer(ANSWER, end, "ICE answer");
        self.describe_if_due(host);
        self.tell_news(host);
    }

    /// Nobody has answered the offer, or none can reach the peer: the session comes to nothing.
    fn give_offer_up(&mut self, host: &mut dyn Host) {
        if self.session(Which::Next).is_some_and(|session| session.is_offered && !session.agent.has_peer()) {
            self.counts.failed += 1;
            self.end_exchange(Which::Next, Outcome::TimedOut, host);
            self.drop_session(Which::Next, host);
            self.try_again(host);
        }
    }

    /// Opens the session that is to be set up, and begins to gather.
    fn open(&mut self, role: Role, host: &mut dyn Host) {
        self.counts.replaced += u64::from(self.sessions[Which::Next as usize].is_some());
        self.drop_session(Which::Next, host);
        self.counts.sessions += 1;
        let own = host.addresses().first().map_or(crate::tcp::app::nowhere(), |address| SocketAddr::new(*address, 0));
        let exchange = ExchangeId { client: own, server: crate::tcp::app::nowhere(), id: self.counts.sessions };
        host.observe(Observation::ExchangeStarted(exchange));
        let config = self.shared.clone();
        let opening = Opening {
            implementation: self.settings.implementation,
            config: &config,
            role,
            tcp_port: self.settings.tcp_port,
            most_addresses: self.settings.most_addresses,
            generation: self.generation,
            exchange,
        };
        let mut session = Box::new(Session::open(&opening, host));
        let bases = session.bind(&opening, host);
        self.sessions[Which::Next as usize] = Some(session);
        self.run(Which::Next, host, |agent, cx| agent.handle_command(Command::Gather(bases), cx));
    }

    /// Runs an agent, and heeds what it tells.
    fn run(
        &mut self,
        which: Which,
        host: &mut dyn Host,
        call: impl FnOnce(&mut Party, &mut Cx<'_>) -> Result<(), Misuse>,
    ) {
        let Self { sessions, options, .. } = self;
        let Some(session) = sessions[which as usize].as_deref_mut() else { return };
        let (outcome, notices) = session.run(options.as_deref(), host, call);
        self.counts.refused += u64::from(outcome.is_err());
        for notice in notices {
            self.heed(which, notice, host);
        }
        self.set_timers(host);
    }

    fn heed(&mut self, which: Which, notice: Notice, host: &mut dyn Host) {
        match notice {
            Notice::Candidate(stream, candidate) => self.found(which, stream, candidate),
            Notice::Gathered => {
                if let Some(session) = self.session(which) {
                    session.is_end = true;
                }
                self.describe_if_due(host);
            }
            Notice::Valid(_) => self.begin_data(host),
            Notice::Selected(_, selected) => {
                let is_relayed = [selected.local_kind, selected.remote_kind].contains(&CandidateKind::Relayed);
                *if is_relayed { &mut self.counts.relayed_pairs } else { &mut self.counts.direct_pairs } += 1;
            }
            Notice::Connected => {
                self.counts.connected += 1;
                self.end_exchange(which, Outcome::Response, host);
                self.role = self.session(which).map(|session| session.agent.role());
                if which == Which::Next {
                    self.drop_session(Which::Former, host);
                    self.sessions.rotate_left(1);
                    // What was used is the former one now, in the last place.
                    if self.sessions[Which::Former as usize].is_some() {
                        let end = host.now().saturating_add(LINGERS);
                        host.set_timer(FORMER, end, "ICE freeing");
                    }
                    self.forget_timer(host);
                }
            }
            Notice::Failed => {
                self.counts.failed += 1;
                self.end_exchange(which, Outcome::TimedOut, host);
                self.drop_session(which, host);
                if which != Which::Former {
                    self.try_again(host);
                }
            }
            Notice::Doubtful => {
                if which == Which::Current && self.sessions[Which::Next as usize].is_none() {
                    self.counts.restarts += 1;
                    self.offer(host);
                }
            }
            Notice::ConsentLost => {
                self.drop_session(which, host);
                if which != Which::Former {
                    self.counts.consents_lost += 1;
                    self.try_again(host);
                }
            }
            Notice::Received(_, payload) => self.received(payload.len(), host),
            // Whoever gathers for another one's checks is within that one.
            Notice::Relayed(_) => {}
        }
    }

    /// A session has come to nothing: another one, if the user wants that and none is under way.
    fn try_again(&mut self, host: &mut dyn Host) {
        let [current, next, _] = &self.sessions;
        if current.is_none() && next.is_none() && self.retries > 0 {
            self.retries -= 1;
            self.counts.restarts += 1;
            self.offer(host);
        }
    }

    fn found(&mut self, which: Which, stream: usize, candidate: Candidate) {
        let trickles = self.settings.trickle;
        if let Some(session) = self.session(which)
            && trickles
            && session.is_described
        {
            session.news.push((stream, candidate));
        }
    }

    fn end_exchange(&mut self, which: Which, outcome: Outcome, host: &mut dyn Host) {
        let Some(session) = self.session(which) else { return };
        if let Some(exchange) = session.exchange.take() {
            host.observe(Observation::ExchangeEnded { exchange, outcome, transmissions: 1 });
        }
    }

    fn drop_session(&mut self, which: Which, host: &mut dyn Host) {
        self.end_exchange(which, Outcome::Reset, host);
        if let Some(session) = self.sessions[which as usize].take() {
            self.counts.agents.get_or_insert_default().add(&session.agent.counts());
            self.counts.dropped_for_room += session.dropped_for_room;
            session.close(self.options.as_deref(), host);
            host.cancel_timer(SESSIONS[which as usize]);
        }
    }

    /// The session that was set up is the one that is used: each timer is set anew.
    fn forget_timer(&mut self, host: &mut dyn Host) {
        for (session, token) in self.sessions.iter_mut().zip(SESSIONS) {
            host.cancel_timer(token);
            if let Some(session) = session {
                session.armed = None;
            }
        }
    }

    fn set_timers(&mut self, host: &mut dyn Host) {
        for (session, token) in self.sessions.iter_mut().zip(SESSIONS) {
            let Some(session) = session else { continue };
            let wanted = session.agent.poll_timeout();
            if wanted != session.armed {
                match wanted {
                    Some(deadline) => host.set_timer(token, deadline.at, deadline.timer),
                    None => host.cancel_timer(token),
                }
                session.armed = wanted;
            }
        }
    }

    fn begin_data(&mut self, host: &mut dyn Host) {
        if self.settings.data.is_some() && !self.data.is_flowing {
            self.data.is_flowing = true;
            self.data.next = host.now();
            host.set_timer(DATA, self.data.next, "ICE data");
        }
    }

    /// Sends what is due on the pair that there is; what there is none for is not sent.
    fn send_data(&mut self, host: &mut dyn Host) {
        let Some(data) = self.settings.data else { return };
        if self.sessions.iter().all(Option::is_none) {
            // It flows again with the next valid pair.
            self.data.is_flowing = false;
            return;
        }
        let is_usable = |session: &Option<Box<Session>>| {
            session.as_ref().is_some_and(|session| matches!(session.agent.state(), State::Checking | State::Connected))
        };
        let which = if is_usable(&self.sessions[0]) { Which::Current } else { Which::Next };
        for stream in 0..self.shared.streams.len() {
            let payload = Rope::fill(stream as u32, self.data.sent, data.payload.as_bytes());
            let Self { sessions, options, .. } = self;
            let Some(session) = sessions[which as usize].as_deref_mut() else { break };
            let command = Command::Send(Component { stream, number: 1 }, payload);
            let (outcome, _) = session.run(options.as_deref(), host, |agent, cx| agent.handle_command(command, cx));
            self.data.sent += u64::from(outcome.is_ok());
        }
        self.data.next = self.data.next.saturating_add(data.interval);
        host.set_timer(DATA, self.data.next, "ICE data");
    }

    fn received(&mut self, bytes: u64, host: &mut dyn Host) {
        let now = host.now();
        self.data.received += 1;
        self.data.bytes += bytes;
        let gap = self.data.last.map_or(Span::ZERO, |last| now.saturating_since(last));
        self.data.largest_gap = self.data.largest_gap.max(gap);
        self.data.last = Some(now);
    }

    fn which(&self, is_its: impl Fn(&Session) -> bool) -> Option<Which> {
        let all = [Which::Current, Which::Next, Which::Former];
        all.into_iter().find(|which| self.sessions[*which as usize].as_deref().is_some_and(&is_its))
    }

    fn counts_of_agents(&self) -> super::agent::Counts {
        let mut counts = self.counts.agents.as_deref().copied().unwrap_or_default();
        self.sessions.iter().flatten().for_each(|session| counts.add(&session.agent.counts()));
        counts
    }
}

impl App for IceAgent {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.line = Some(Line::new(host.rng(LIFE)));
        // A number for its sessions that fits what others read (RFC 8866 §5.2: digits).
        self.description.0 = host.rng(LIFE).next_u64() >> 1;
        self.channel = host.channel(&self.settings.channel);
        let started = host.now();
        if let Some(port) = self.settings.tcp_port {
            for offset in 0..self.shared.streams.iter().sum::<u16>() {
                let options = self.options.as_deref();
                let listens = options.is_some_and(|options| host.stream_listen(port + offset, options).is_ok());
                self.counts.refused += u64::from(!listens);
            }
        }
        if self.settings.role == Signalling::Offers {
            host.set_timer(OFFER, started.saturating_add(self.settings.start), "ICE offer");
        }
        if let Some(after) = self.settings.restart_at {
            host.set_timer(RESTART, started.saturating_add(after), "ICE restart");
        }
    }

    fn on_signal(&mut self, _: ChannelId, message: Rope, host: &mut dyn Host) {
        let Some(line) = &mut self.line else { return };
        let taken = line.take(&message.to_bytes());
        if let (Some(acknowledgement), Some(channel)) = (taken.acknowledgement, self.channel) {
            self.counts.refused += u64::from(host.signal(channel, acknowledgement).is_err());
        }
        taken.letters.iter().for_each(|letter| self.read(letter, host));
        self.set_signalling_timer(host);
    }

    fn on_datagram(&mut self, socket: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host) {
        let Some(which) = self.which(|session| session.has_socket(socket)) else { return };
        let Some(place) = self.session(which).and_then(|session| session.place(socket, from)) else { return };
        self.run(which, host, |agent, cx| {
            agent.handle_message(super::agent::Envelope { place, payload }, cx);
            Ok(())
        });
        self.tell_news(host);
    }

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        match token {
            OFFER => self.offer(host),
            ANSWER => self.give_offer_up(host),
            RESTART => {
                self.counts.restarts += 1;
                self.offer(host);
            }
            SIGNALLING => {
                let now = host.now();
                let Some(line) = &mut self.line else { return };
                let given_up = line.given_up;
                let again = line.handle_timeout(now, host.rng(LIFE));
                let is_over = line.given_up > given_up;
                for message in again {
                    self.counts.refused +=
                        u64::from(self.channel.is_none_or(|channel| host.signal(channel, message).is_err()));
                }
                self.set_signalling_timer(host);
                if is_over {
                    self.give_offer_up(host);
                }
            }
            DATA => self.send_data(host),
            FORMER => self.drop_session(Which::Former, host),
            _ => {
                let which = match token {
                    token if token == SESSIONS[0] => Which::Current,
                    token if token == SESSIONS[1] => Which::Next,
                    _ => Which::Former,
                };
                if let Some(session) = self.session(which) {
                    session.armed = None;
                }
                self.run(which, host, |agent, cx| {
                    agent.handle_timeout(cx);
                    Ok(())
                });
            }
        }
        self.tell_news(host);
    }

    fn on_unreachable(&mut self, socket: SocketId, to: SocketAddr, host: &mut dyn Host) {
        let Some(which) = self.which(|session| session.has_socket(socket)) else { return };
        let Some(place) = self.session(which).and_then(|session| session.place(socket, to)) else { return };
        self.run(which, host, |agent, cx| agent.handle_command(Command::Unreachable(place), cx));
        self.tell_news(host);
    }

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        if let StreamEvent::Accepted { peer, .. } = event {
            // A new session's, if there is one: the old one has its connections.
            let Ok(info) = host.stream_info(stream) else { return };
            let which = if self.sessions[1].is_some() { Which::Next } else { Which::Current };
            match self.session(which) {
                Some(session) => session.accept(stream, info.local, peer),
                None => self.counts.refused += u64::from(host.stream_abort(stream).is_err()),
            }
            return;
        }
        let Some(which) = self.which(|session| session.has_stream(stream)) else { return };
        let Some(session) = self.session(which) else { return };
        let (messages, lost) = match event {
            StreamEvent::Readable => match session.read(stream, host) {
                Ok(messages) => (messages, None),
                Err(place) => (Vec::new(), Some(place)),
            },
            StreamEvent::Connected | StreamEvent::Writable => {
                session.write(stream, host);
                (Vec::new(), None)
            }
            StreamEvent::Finished => {
                let messages = session.read(stream, host).unwrap_or_default();
                let _over = host.stream_close(stream);
                (messages, session.forget(stream))
            }
            StreamEvent::Closed(_) => (Vec::new(), session.forget(stream)),
            StreamEvent::Accepted { .. } => return,
        };
        self.run(which, host, |agent, cx| {
            messages.into_iter().for_each(|message| agent.handle_message(message, cx));
            lost.map_or(Ok(()), |place| agent.handle_command(Command::Unreachable(place), cx))
        });
        self.tell_news(host);
    }

    /// `last_pair` is what the pair of the first component is made of that is used at the end, seen from here: ten times the local type
    /// and the remote one, host 1, server-reflexive 2, peer-reflexive 3, relayed 4; 0 if there is none. `last_session` is the number of the
    /// session that is used, the same at both ends.
    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        let number = |kind| match kind {
            CandidateKind::Host => 1,
            CandidateKind::ServerReflexive => 2,
            CandidateKind::PeerReflexive => 3,
            CandidateKind::Relayed => 4,
        };
        let (counts, agents, line) = (&self.counts, self.counts_of_agents(), self.line.as_ref());
        let current = self.sessions[Which::Current as usize].as_deref();
        let pair = current.and_then(|session| session.agent.selected(Component { stream: 0, number: 1 }));
        let rooms = self.sessions.iter().flatten().map(|session| session.dropped_for_room).sum::<u64>();
        vec![
            total("sessions", counts.sessions),
            total("connected", counts.connected),
            total("failed", counts.failed),
            total("consents_lost", counts.consents_lost),
            total("restarts", counts.restarts),
            total("replaced", counts.replaced),
            total("last_pair", pair.map_or(0, |pair| 10 * number(pair.local_kind) + number(pair.remote_kind))),
            total("last_session", current.map_or(0, |session| session.generation)),
            total("direct_pairs", counts.direct_pairs),
            total("relayed_pairs", counts.relayed_pairs),
            total("gathering_requests", u64::from(agents.gathering_requests)),
            total("checks", u64::from(agents.checks)),
            total("check_transmissions", u64::from(agents.check_transmissions)),
            total("check_successes", u64::from(agents.successes)),
            total("check_failures", u64::from(agents.failures)),
            total("checks_timed_out", u64::from(agents.timed_out)),
            total("checks_answered", u64::from(agents.answered)),
            total("bad_requests", u64::from(agents.bad_requests)),
            total("unauthenticated", u64::from(agents.unauthenticated)),
            total("unknown_attributes", u64::from(agents.unknown_attributes)),
            total("role_conflicts", u64::from(agents.role_conflicts)),
            total("consent_requests", u64::from(agents.consent_requests)),
            total("consents", u64::from(agents.consents)),
            total("unexpected_messages", u64::from(agents.unexpected)),
            total("data_sent", self.data.sent),
            total("data_received", self.data.received),
            total("data_bytes", self.data.bytes),
            total("largest_data_gap_ns", self.data.largest_gap.as_nanos()),
            total("signalling_retransmissions", line.map_or(0, |line| line.retransmissions)),
            total("signalling_given_up", line.map_or(0, |line| line.given_up)),
            total("malformed_descriptions", counts.malformed_descriptions + line.map_or(0, |line| line.malformed)),
            total("dropped_for_room", counts.dropped_for_room + rooms),
            total("refused_calls", counts.refused),
        ]
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        let [current, next, former] = self.sessions.each_ref().map(|session| match session {
            Some(session) => session.try_clone().map(|session| Some(Box::new(session))).ok_or_else(cannot_clone),
            None => Ok(None),
        });
        Ok(Box::new(Self {
            settings: self.settings.clone(),
            counts: self.counts.clone(),
            shared: self.shared.clone(),
            options: self.options.clone(),
            line: self.line.clone(),
            sessions: [current?, next?, former?],
            names: self.names.clone(),
            ..*self
        }))
    }
}
