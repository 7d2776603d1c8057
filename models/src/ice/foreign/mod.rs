//! The agent of str0m as one end (its crate `is`, feature `str0m`): its own code, between our sockets.
//!
//! [`Foreign`] has the calls of [`Agent`], and tells the same.
//! Checks, nominations and consent are str0m's with its defaults. What it leaves to its users is done around it: an agent of ours gathers
//! and keeps relays, and its checks never begin.
//!
//! # Luck and time
//! str0m draws from a generator of the thread (`fastrand`). Each call puts down the luck of its agent there, which comes from a stream of the
//! scenario's seed, and takes it away again: names, transactions and tie-breakers are the same for the same seed, and so are all bytes.
//! It takes times as `Instant`s, of which it looks at differences alone. Its hour zero is some instant, and no result depends on which.
//!
//! # How it differs from our agent
//! - **Answers from elsewhere.** It knows an answer by its transaction and does not look where it comes from, which RFC 8445 §7.2.5.2.1 demands. Where a
//!   mapping depends on the remote port and the filter does not, an answer comes from another mapping than the request went to, and gets in: of boxes
//!   APDM/EI and APDM/EI, APDM/EI and APDM/AD, APDM/AD and APDM/EI it takes a pair for valid that no RFC knows. If it controls, it is connected by that, and
//!   an end that is ours is not; two of str0m are, and each sends to where the other one does not send from. Where there are relays, it keeps
//!   to such a pair, and does not use them. All other cells of the matrix without relays are the same, types of pairs included.
//! - **Nomination.** If it controls, the first pair that is valid is nominated at once, and each better one after it, which RFC 8445 §8.1.1 forbids without
//!   a restart; each of its checks says so of all of them. Ours uses the best of those that it hears of, as that section has it, and has ended its own checks with
//!   the first one. So it is at a worse pair where a better one needs another check of ours, and does not know its own end of one that it has followed to: that
//!   is a host's then. Of two of str0m each end uses the nominated pair that it likes best. Each one is told, and counted. Ours waits for better ones before it
//!   nominates (`patience`).
//! - **Relays.** Its relayed candidates have the type preference 2, where RFC 8445 §5.1.2.2 recommends 0: of two relays at one end each, the pair with its one
//!   is worth more than the one with ours. Of two of its own both are worth the same, and the other candidate of a pair decides. That is the host, as the pair was
//!   checked, where RFC 8445 §7.2.5.3.2 has the candidate that the peer sees: so each end likes the relay of the other one best.
//!
//!   With relays at both ends a direct pair is used wherever there is one, but for the cells above, and for two where our own mapping depends on nothing and we filter by
//!   address, while str0m's box filters nothing and its mapping depends on the remote end: its answers to ours come from elsewhere and fail the check, its own next check comes when
//!   nothing better was left to wait for, and ours has nominated a relay. Where there is none, the pair has the relay of str0m's end, since that is worth more, or, if both
//!   are str0m's, that of the end that follows. The exceptions are those that time makes: a pair that is valid too late to be nominated, or so early that it is nominated, too.
//!   Each one is in the test of all 726 cells, with its reason (`str0m_with_relays_at_both_ends_uses_what_its_rules_say`).
//! - **Checks.** All pairs wait, none is frozen. The peer's check triggers none in return (§7.3.1.4). Each transmission is a transaction of its own, after 0.25, 0.5, 1,
//!   2, 3, 3, 3 and 3 s; a pair is given up 3 s after the ninth. Being nominated is noticed at the next of these.
//! - **Requests** that come before the peer's description wait for it; §7.3 has them answered at once. What is malformed, or whose integrity is wrong, gets no
//!   answer.
//! - **Roles.** Of two that are controlled the one with the larger tie-breaker should begin to control (§7.3.1.1). It refuses the other's request instead, which
//!   lets that one control; with the smaller one it begins by itself and is overruled.
//! - **Consent** is a request each 3 s, and over when nine in a row had no answer: 21.5 s after the first of them. There are no notices of doubt, so that nothing
//!   restarts by itself.
//! - It never says that it has failed: a session without a pair has when its time is over, as ours (RFC 8863 §4). ICMP says nothing to it.
//! - Sessions cannot be copied.

mod convert;
#[cfg(test)]
mod tests;

use super::agent::{
    Agent, Base, Command, Component, Counts, Envelope, Misuse, Notice, Obey, Place, RemoteDescription, Role, Selected,
    SharedConfig, State, looks_like_stun,
};
use super::candidate::{Candidate, CandidateKind, Protocol};
use super::party::Cx;
use crate::rope::Rope;
use crate::stun::{DECODE, ENCODE, INTEGRITY};
use hmac::{Hmac, KeyInit, Mac};
use is::stun::{StunMessage, StunPacket};
use is::{IceAgentEvent, IceConnectionState, IceCreds};
use protosim_core::{Deadline, Effect, LocalTime, Machine, Stream};
use sha1::Sha1;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The one component that it has.
const ONLY: Component = Component { stream: 0, number: 1 };
/// Most turns at one instant: one for each request that it has kept from before the peer's description, 100 at most, and one more.
const MOST_TURNS: usize = 101;
/// Most requests that may still be answered: str0m knows the last nine of each of a hundred pairs.
const MOST_ASKED: usize = 900;
/// str0m takes a minute off the time, and minds if that does not go.
const BEFORE: Duration = Duration::from_secs(3_600);

/// What it computes integrity with.
#[derive(Debug)]
struct Integrity;

impl is::Sha1HmacProvider for Integrity {
    fn sha1_hmac(&self, key: &[u8], parts: &[&[u8]]) -> [u8; 20] {
        let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("a key of HMAC has any length");
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

/// What is known of the peer.
#[derive(Clone, Debug)]
struct Peer {
    credentials: IceCreds,
    /// No more candidates follow.
    is_complete: bool,
}

/// str0m's agent with what it needs.
#[derive(Debug)]
pub struct Foreign {
    config: SharedConfig,
    agent: is::IceAgent,
    /// The state of its generator, between calls.
    luck: u64,
    /// What the host's clock began at.
    zero: Instant,
    /// Finds candidates, and has the relays.
    gatherer: Agent,
    state: State,
    peer: Option<Peer>,
    /// Candidates of the peer's from before the checks.
    remotes: Vec<Candidate>,
    /// Those of its own that it tells.
    told: Vec<Candidate>,
    /// When checks began.
    began: Option<LocalTime>,
    /// When str0m wants to be called.
    turn: Option<LocalTime>,
    /// Its last requests: transaction, base and peer.
    asked: VecDeque<([u8; 12], SocketAddr, SocketAddr)>,
    /// How peers see bases, as the last answer to what was sent from there to there said.
    seen: BTreeMap<(SocketAddr, SocketAddr), SocketAddr>,
    /// From where checks or answers of the peer have come.
    sources: Vec<SocketAddr>,
    /// What waits for a relay's permission, by relay and peer.
    waiting: BTreeMap<(SocketAddr, SocketAddr), Rope>,
    selected: Option<Selected>,
    counts: Counts,
}

impl Foreign {
    /// One that has done nothing yet, as [`Agent::new`]; `config` has one stream with one component, and is no lite agent's.
    pub fn new(config: SharedConfig, role: Role, secrets: &mut Stream) -> Self {
        let gatherer = Agent::gatherer(config.clone(), secrets);
        let mut luck = secrets.next_u64();
        let agent = lucky(&mut luck, || {
            let mut agent = is::IceAgent::with_hmac(IceCreds::new(), &Integrity);
            agent.set_timing_advance(Duration::from_nanos(config.ta.as_nanos()));
            agent.set_max_candidate_pairs(config.most_pairs);
            agent.set_controlling(role == Role::Controlling);
            agent
        });
        #[expect(clippy::disallowed_methods, reason = "only differences between instants are looked at")]
        let zero = Instant::now() + BEFORE;
        Self {
            config,
            agent,
            luck,
            zero,
            gatherer,
            state: State::New,
            peer: None,
            remotes: Vec::new(),
            told: Vec::new(),
            began: None,
            turn: None,
            asked: VecDeque::new(),
            seen: BTreeMap::new(),
            sources: Vec::new(),
            waiting: BTreeMap::new(),
            selected: None,
            counts: Counts::default(),
        }
    }

    /// Its name of the session.
    pub fn ufrag(&self) -> &str {
        &self.agent.local_credentials().ufrag
    }

    /// Its password.
    pub fn pwd(&self) -> &str {
        &self.agent.local_credentials().pass
    }

    /// Who nominates.
    pub fn role(&self) -> Role {
        if self.agent.controlling() { Role::Controlling } else { Role::Controlled }
    }

    /// Takes a tie-breaker in place of the one that was drawn: for tests of conflicts.
    pub fn set_tie_breaker(&mut self, tie_breaker: u64) {
        self.agent.set_control_tie_breaker(tie_breaker);
    }

    /// Where the session stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether the peer's description is there.
    pub fn has_peer(&self) -> bool {
        self.peer.is_some()
    }

    /// The peer's name of the session.
    pub fn peer_ufrag(&self) -> Option<&str> {
        self.peer.as_ref().map(|peer| &*peer.credentials.ufrag)
    }

    /// Whether all candidates of its own have been found.
    pub fn is_gathered(&self) -> bool {
        self.gatherer.is_gathered()
    }

    /// Its candidates of a stream so far, those that it tells its peer.
    pub fn candidates(&self, stream: usize) -> impl Iterator<Item = &Candidate> {
        self.told.iter().filter(move |_| stream == ONLY.stream)
    }

    /// The pair that is used.
    pub fn selected(&self) -> Option<Selected> {
        self.selected
    }

    /// The server at which the relay of this number is.
    pub fn server_of_relay(&self, relay: usize) -> Option<SocketAddr> {
        self.gatherer.server_of_relay(relay)
    }

    /// What became of messages so far.
    pub fn counts(&self) -> Counts {
        let mut counts = self.counts;
        counts.add(&self.gatherer.counts());
        counts
    }

    fn instant(&self, time: LocalTime) -> Instant {
        self.zero + Duration::from_nanos(time.as_nanos())
    }

    fn time(&self, instant: Instant) -> LocalTime {
        // Some of its times are a minute ago.
        let since = instant.saturating_duration_since(self.zero).as_nanos();
        LocalTime::from_nanos(u64::try_from(since).unwrap_or(u64::MAX))
    }

    /// Calls str0m, with its own luck.
    fn with<R>(&mut self, call: impl FnOnce(&mut is::IceAgent) -> R) -> R {
        let agent = &mut self.agent;
        lucky(&mut self.luck, || call(agent))
    }

    /// Calls the agent that gathers, and heeds what it tells.
    fn gather<R>(&mut self, cx: &mut Cx<'_>, call: impl FnOnce(&mut Agent, &mut Cx<'_>) -> R) -> R {
        let gatherer = &mut self.gatherer;
        let (outcome, effects) = cx.within(|cx| call(gatherer, cx));
        for effect in effects {
            match effect {
                Effect::Transmit(envelope) => cx.transmit(envelope),
                Effect::Notify(Notice::Candidate(_, candidate)) => self.found(&candidate, cx),
                Effect::Notify(Notice::Relayed(Envelope { place: Place::Udp { base, peer }, payload })) => {
                    self.take(base, peer, &payload, cx);
                }
                Effect::Notify(Notice::Gathered) => cx.notify(Notice::Gathered),
                // It makes no checks.
                Effect::Notify(_) => {}
                Effect::Observe(never) => match never {},
            }
        }
        outcome
    }

    /// A candidate of its own.
    fn found(&mut self, candidate: &Candidate, cx: &mut Cx<'_>) {
        let made = candidate.address.ip().and_then(|address| convert::own(candidate, address));
        let Some(made) = made else { return };
        let told = self.with(|agent| agent.add_local_candidate(made).and_then(convert::told));
        if let Some(told) = told {
            self.told.push(told.clone());
            cx.notify(Notice::Candidate(ONLY.stream, told));
        }
    }

    fn is_alive(&self) -> bool {
        matches!(self.state, State::Checking | State::Connected)
    }

    /// What str0m does by time alone; more than once where it says so.
    fn take_turns(&mut self, cx: &mut Cx<'_>) {
        for _ in 0..MOST_TURNS {
            if !self.is_alive() || self.turn.is_none_or(|turn| turn > cx.now()) {
                return;
            }
            let now = self.instant(cx.now());
            self.with(|agent| agent.handle_timeout(now));
            self.flush(cx);
            self.arrange_turn(cx.now());
        }
        self.turn = Some(cx.now().saturating_add(self.config.ta));
    }

    /// Asks str0m when it wants to be called next.
    fn arrange_turn(&mut self, now: LocalTime) {
        if !self.is_alive() {
            self.turn = None;
            return;
        }
        // It names no time as long as it has only read requests from before the description.
        let next = self.with(is::IceAgent::poll_timeout);
        self.turn = Some(next.map_or(now, |next| self.time(next).max(now)));
    }

    /// Does what str0m wants, and tells what it tells.
    fn flush(&mut self, cx: &mut Cx<'_>) {
        while let Some(transmit) = self.agent.poll_transmit() {
            let payload = Rope::from(transmit.contents.to_vec());
            cx.spend(ENCODE, payload.len());
            cx.spend(INTEGRITY, payload.len());
            self.note_sent(transmit.source, transmit.destination, &payload);
            self.send(transmit.source, transmit.destination, payload, cx);
        }
        while let Some(event) = self.agent.poll_event() {
            match event {
                IceAgentEvent::NominatedSend { source, destination, .. } => self.select(source, destination, cx),
                IceAgentEvent::DiscoveredRecv { source, .. } => self.sources.push(source),
                // The state is asked for below, where all else is known.
                IceAgentEvent::IceConnectionStateChange(_) | IceAgentEvent::IceRestart(_) => {}
            }
        }
        self.judge(cx);
    }

    fn note_sent(&mut self, base: SocketAddr, peer: SocketAddr, payload: &Rope) {
        let head = payload.slice(0, 20).to_bytes();
        if let ([0x00, 0x01], Ok(transaction)) = ([head[0], head[1]], head[8..20].try_into()) {
            if self.asked.len() == MOST_ASKED {
                self.asked.pop_front();
            }
            self.asked.push_back((transaction, base, peer));
        }
        match [head[0], head[1]] {
            // A Binding request; each one has a transaction of its own.
            [0x00, 0x01] if self.state == State::Connected => self.counts.consent_requests += 1,
            [0x00, 0x01] => {
                self.counts.checks += 1;
                self.counts.check_transmissions += 1;
            }
            [0x01, 0x01] => self.counts.answered += 1,
            // The one error that it knows: 487.
            _ => self.counts.role_conflicts += 1,
        }
    }

    /// Sends from a base, or from a relay, whose server has to permit it first.
    fn send(&mut self, base: SocketAddr, peer: SocketAddr, payload: Rope, cx: &mut Cx<'_>) {
        if !self.gatherer.has_relay(base) {
            return cx.transmit(Envelope { place: Place::Udp { base, peer }, payload });
        }
        let copy = payload.clone();
        if !self.gather(cx, |gatherer, cx| gatherer.send_through(base, peer, copy, cx)) {
            self.waiting.insert((base, peer), payload);
        }
    }

    /// Sends what has waited for permissions.
    fn send_waiting(&mut self, cx: &mut Cx<'_>) {
        let gatherer = &self.gatherer;
        let now: Vec<_> = self.waiting.keys().copied().filter(|(base, peer)| gatherer.permits(*base, *peer)).collect();
        for (base, peer) in now {
            if let Some(payload) = self.waiting.remove(&(base, peer)) {
                self.send(base, peer, payload, cx);
            }
        }
    }

    /// str0m uses this pair from now on. There may be another one later, without a restart, as RFC 8445 §8.1.1 forbids.
    fn select(&mut self, base: SocketAddr, remote: SocketAddr, cx: &mut Cx<'_>) {
        let local = self.seen.get(&(base, remote)).copied().unwrap_or(base);
        let local_kind = self.agent.local_candidates().find(|own| own.addr() == local);
        let local_kind = local_kind.map_or(CandidateKind::PeerReflexive, |own| convert::kind(own.kind()));
        // Of several with one address the best one is in the pair: the others are pruned.
        let remotes = self.agent.remote_candidates().filter(|other| other.addr() == remote);
        let remote_kind = remotes.max_by_key(is::Candidate::prio);
        let remote_kind = remote_kind.map_or(CandidateKind::PeerReflexive, |other| convert::kind(other.kind()));
        let selected = Selected { local_kind, local, base, remote_kind, remote, protocol: Protocol::Udp };
        if self.selected.replace(selected).is_none() {
            cx.notify(Notice::Valid(ONLY));
        }
        cx.notify(Notice::Selected(ONLY, selected));
        if self.gatherer.has_relay(base) {
            self.gather(cx, |gatherer, cx| gatherer.bind_channel(base, remote, cx));
        }
    }

    /// Looks whether the session has come to something. str0m never says that it has failed: that is by our clock.
    fn judge(&mut self, cx: &mut Cx<'_>) {
        let of_str0m = self.agent.state();
        match self.state {
            State::Checking if of_str0m.is_connected() && self.selected.is_some() => {
                self.state = State::Connected;
                self.gatherer.end();
                cx.notify(Notice::Connected);
            }
            State::Checking if self.failure().is_some_and(|at| at <= cx.now()) => {
                self.state = State::Failed;
                self.gatherer.end();
                cx.notify(Notice::Failed);
            }
            State::Connected if of_str0m == IceConnectionState::Disconnected => {
                self.state = State::Lost;
                cx.notify(Notice::ConsentLost);
            }
            _ => {}
        }
    }

    /// When it has failed, if nothing changes: after the least time if it has no pair any more and none can come, after the most time
    /// in any case.
    fn failure(&self) -> Option<LocalTime> {
        let began = self.began.filter(|_| self.state == State::Checking)?;
        let is_told = self.peer.as_ref().is_some_and(|peer| peer.is_complete) && self.gatherer.is_gathered();
        let is_hopeless = is_told && self.agent.state() == IceConnectionState::Disconnected;
        Some(began.saturating_add(if is_hopeless { self.config.least_time } else { self.config.most_time }))
    }

    /// Something has come to a base or relay.
    fn take(&mut self, base: SocketAddr, from: SocketAddr, payload: &Rope, cx: &mut Cx<'_>) {
        // A session that is over is silent, so that the other end's comes to an end, too.
        if !matches!(self.state, State::New | State::Checking | State::Connected) {
            self.counts.unexpected += 1;
        } else if looks_like_stun(payload) {
            self.take_stun(base, from, payload, cx);
        } else if self.is_alive() && self.sources.contains(&from) {
            cx.notify(Notice::Received(ONLY, payload.clone()));
        } else {
            self.counts.unexpected += 1;
        }
    }

    fn take_stun(&mut self, base: SocketAddr, from: SocketAddr, payload: &Rope, cx: &mut Cx<'_>) {
        let bytes = payload.to_bytes();
        cx.spend(DECODE, payload.len());
        cx.spend(INTEGRITY, payload.len());
        let now = self.instant(cx.now());
        // It answers nothing that is malformed, nor what it does not believe.
        let Ok(message) = StunMessage::parse(&bytes) else {
            self.counts.unexpected += 1;
            return;
        };
        if !self.agent.accepts_message(&message) {
            self.counts.unexpected += 1;
            return;
        }
        let (is_success, is_conflict) =
            (message.is_successful_binding_response(), message.is_failed_binding_response());
        if is_success {
            let asked = self.asked.iter().find(|(transaction, ..)| transaction[..] == bytes[8..20]);
            if let (Some(mapped), Some((_, base, peer))) = (message.mapped_address(), asked) {
                self.seen.insert((*base, *peer), mapped);
            }
            *if self.state == State::Connected { &mut self.counts.consents } else { &mut self.counts.successes } += 1;
        }
        self.counts.role_conflicts += u32::from(is_conflict);
        let role = self.role();
        let packet = StunPacket { proto: is::Protocol::Udp, source: from, destination: base, message };
        self.with(|agent| agent.handle_packet(now, packet));
        self.flush(cx);
        self.counts.role_switches += u32::from(self.role() != role);
    }

    /// What comes from a server is for the agent that gathers.
    fn is_servers(&self, place: Place) -> bool {
        match place {
            Place::Server(_) => true,
            Place::Udp { peer, .. } => self.config.servers.iter().any(|server| server.address == peer),
            Place::Tcp { .. } => false,
        }
    }

    /// As of [`Agent`].
    pub fn handle_message(&mut self, envelope: Envelope, cx: &mut Cx<'_>) {
        match envelope.place {
            place if self.is_servers(place) => {
                self.gather(cx, |gatherer, cx| gatherer.handle_message(envelope, cx));
                self.send_waiting(cx);
            }
            Place::Udp { base, peer } => self.take(base, peer, &envelope.payload, cx),
            _ => self.counts.unexpected += 1,
        }
        self.arrange_turn(cx.now());
    }

    /// As of [`Agent`].
    ///
    /// # Errors
    /// As of [`Agent`].
    pub fn handle_command(&mut self, command: Command, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        self.obey(command, cx)
    }

    /// As of [`Agent`].
    pub fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        if self.gatherer.poll_timeout().is_some_and(|deadline| deadline.at <= cx.now()) {
            self.gather(cx, Agent::handle_timeout);
            self.send_waiting(cx);
        }
        self.judge(cx);
        self.arrange_turn(cx.now());
        self.take_turns(cx);
    }

    /// As of [`Agent`].
    pub fn poll_timeout(&self) -> Option<Deadline> {
        let turn = self.turn.map(|at| Deadline { at, timer: "ICE str0m" });
        let failure = self.failure().map(|at| Deadline { at, timer: "ICE failure" });
        [turn, failure, self.gatherer.poll_timeout()].into_iter().flatten().min_by_key(|deadline| deadline.at)
    }
}

impl Obey for Foreign {
    fn on_gather(&mut self, bases: Vec<Base>, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        self.gather(cx, |gatherer, cx| gatherer.handle_command(Command::Gather(bases), cx))
    }

    fn on_remote(&mut self, description: RemoteDescription, _: &mut Cx<'_>) -> Result<(), Misuse> {
        if self.peer.is_some() {
            return Err(Misuse::Again);
        }
        // It keeps to a pace of its own.
        let RemoteDescription { ufrag, pwd, is_lite, candidates, is_complete, pacing: _ } = description;
        if is_lite {
            // RFC 8445 §6.1.1: whoever is full controls a lite one.
            self.agent.set_controlling(true);
        }
        let credentials = IceCreds { ufrag: ufrag.into(), pass: pwd.into() };
        self.peer = Some(Peer { credentials, is_complete });
        self.remotes.extend(candidates.into_iter().next().unwrap_or_default());
        Ok(())
    }

    fn on_remote_candidate(&mut self, _: usize, candidate: Candidate, _: &mut Cx<'_>) {
        if self.state == State::New {
            self.remotes.push(candidate);
        } else if let Some(remote) = convert::remote(&candidate) {
            self.with(|agent| agent.add_remote_candidate(remote));
        }
    }

    fn peer_is_complete(&mut self) -> Option<&mut bool> {
        self.peer.as_mut().map(|peer| &mut peer.is_complete)
    }

    /// str0m checks as soon as it knows of a peer: it is told when checks are to begin.
    fn on_check(&mut self, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        let Some(peer) = self.peer.as_ref().filter(|_| self.state == State::New) else { return Err(Misuse::Again) };
        let credentials = peer.credentials.clone();
        (self.state, self.began) = (State::Checking, Some(cx.now()));
        let remotes = std::mem::take(&mut self.remotes);
        self.with(|agent| {
            agent.set_remote_credentials(credentials);
            remotes.iter().filter_map(convert::remote).for_each(|remote| agent.add_remote_candidate(remote));
        });
        self.turn = Some(cx.now());
        self.take_turns(cx);
        Ok(())
    }

    fn on_send(&mut self, component: Component, payload: Rope, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        if component != ONLY {
            return Err(Misuse::NoComponent);
        }
        let pair = self.selected.filter(|_| self.is_alive()).ok_or(Misuse::NoPair)?;
        self.send(pair.base, pair.remote, payload, cx);
        Ok(())
    }

    /// It is not told of ICMP about peers.
    fn on_unreachable(&mut self, place: Place, cx: &mut Cx<'_>) {
        if self.is_servers(place) {
            let _always = self.gather(cx, |gatherer, cx| gatherer.handle_command(Command::Unreachable(place), cx));
        }
    }

    fn on_close(&mut self, cx: &mut Cx<'_>) {
        self.state = State::Closed;
        self.waiting.clear();
        let _always = self.gather(cx, |gatherer, cx| gatherer.handle_command(Command::Close, cx));
    }

    fn look(&mut self, cx: &mut Cx<'_>) {
        self.judge(cx);
    }

    fn plan(&mut self, now: LocalTime) {
        self.arrange_turn(now);
    }
}

/// Calls with this state in the thread's generator, and takes it away again.
fn lucky<R>(luck: &mut u64, call: impl FnOnce() -> R) -> R {
    let others = fastrand::get_seed();
    fastrand::seed(*luck);
    let outcome = call();
    *luck = fastrand::get_seed();
    fastrand::seed(others);
    outcome
}
