//! An agent: one session of ICE with one peer, from its first candidate to the loss of consent (RFC 8445). A restart (§9) is a new
//! session with new sockets, beside the old one until it has a pair.

mod check;
mod commands;
mod credentials;
mod gather;
#[cfg(feature = "str0m")]
mod gatherer;
mod inbound;
mod interface;
mod keep;
mod list;
mod ticker;

pub(in crate::ice) use commands::Obey;
pub use credentials::SECRETS;
pub use interface::{
    Account, AgentConfig, Base, Command, Component, Counts, Envelope, Misuse, Mode, Notice, Place, RemoteDescription,
    Role, Selected, ServerSpec, SharedConfig, State,
};

use crate::ice::candidate::{Candidate, CandidateAddress, CandidateKind};
use crate::nat::synthesised;
use crate::rope::Rope;
use crate::stun::integrity::check_fingerprint;
use crate::stun::wire::Class;
use crate::turn::client;
use check::Check;
use credentials::{Credentials, draw_tie_breaker};
use gather::Gathering;
use inbound::Asked;
use keep::Consent;
use list::{CheckList, ListState, PairId, PairState, Remote};
use protosim_core::{Deadline, LocalTime, Machine, MachineCx, Span, Stream};
use std::net::{IpAddr, SocketAddr};
use ticker::Ticker;

/// How long what is not used is kept (§8.3).
const FREEING: Span = Span::from_secs(3);

/// This end of a path: a base and whether it is one of TCP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct End {
    base: SocketAddr,
    is_tcp: bool,
}

/// What is known of the peer.
#[derive(Clone, Debug)]
struct Peer {
    ufrag: Box<str>,
    key: crate::stun::integrity::Key,
    is_lite: bool,
    /// No more candidates follow.
    is_complete: bool,
}

/// An agent of ICE.
#[derive(Clone, Debug)]
pub struct Agent {
    config: SharedConfig,
    role: Role,
    tie_breaker: u64,
    own: Credentials,
    peer: Option<Peer>,
    state: State,
    gathering: Gathering,
    lists: Vec<CheckList>,
    /// Foundations of the peer's candidates, by number from 1.
    foundations: Vec<Box<str>>,
    checks: Vec<Check>,
    early: Vec<Asked>,
    consents: Vec<Consent>,
    /// The pace, which the peer's may slow down.
    ta: Span,
    ticker: Ticker,
    /// When the next transaction may begin, while one waits.
    turn: Option<LocalTime>,
    /// Whose ordinary checks go next.
    next_list: usize,
    /// How many triggered checks were made since another transaction.
    triggered_in_a_row: u8,
    /// When relays that no pair has are given back.
    free_at: Option<LocalTime>,
    /// When checks began.
    began: Option<LocalTime>,
    /// It gathers for another one's checks: what comes through relays is its user's.
    hands_over: bool,
    counts: Counts,
}

type Cx<'a> = MachineCx<'a, Agent>;

impl Agent {
    /// An agent that has done nothing yet. `secrets` are the draws of [`SECRETS`]; `config` has at least one stream, and no stream
    /// without components.
    pub fn new(config: SharedConfig, role: Role, secrets: &mut Stream) -> Self {
        let lists = config.streams.iter().map(|components| CheckList::new(*components)).collect();
        let (own, tie_breaker) = (Credentials::draw(secrets), draw_tie_breaker(secrets));
        let (ta, ticker) = (config.ta, Ticker::new(config.ta));
        Self {
            config,
            role,
            tie_breaker,
            own,
            peer: None,
            state: State::New,
            gathering: Gathering::default(),
            lists,
            foundations: Vec::new(),
            checks: Vec::new(),
            early: Vec::new(),
            consents: Vec::new(),
            ta,
            ticker,
            turn: None,
            next_list: 0,
            triggered_in_a_row: 0,
            free_at: None,
            began: None,
            hands_over: false,
            counts: Counts::default(),
        }
    }

    /// Its name of the session.
    pub fn ufrag(&self) -> &str {
        &self.own.ufrag
    }

    /// Its password.
    pub fn pwd(&self) -> &str {
        &self.own.pwd
    }

    /// Who nominates.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Takes a tie-breaker in place of the one that was drawn: for tests of conflicts.
    pub fn set_tie_breaker(&mut self, tie_breaker: u64) {
        self.tie_breaker = tie_breaker;
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
        self.peer.as_ref().map(|peer| &*peer.ufrag)
    }

    /// Whether all candidates of its own have been found.
    pub fn is_gathered(&self) -> bool {
        self.gathering.is_over
    }

    /// Its candidates of a stream so far, those that it tells its peer.
    pub fn candidates(&self, stream: usize) -> impl Iterator<Item = &Candidate> {
        let locals = self.lists.get(stream).into_iter().flat_map(|list| &list.locals);
        locals.map(|local| &local.candidate).filter(|candidate| candidate.kind != CandidateKind::PeerReflexive)
    }

    /// The pair of a component that is used.
    pub fn selected(&self, component: Component) -> Option<Selected> {
        let list = self.lists.get(component.stream)?;
        Some(list.component(component.number)?.selected?.1)
    }

    /// What became of messages so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether both ends make no checks.
    fn both_are_lite(&self) -> bool {
        self.config.mode == Mode::Lite && self.peer.as_ref().is_some_and(|peer| peer.is_lite)
    }

    /// The peer's offer or answer.
    fn remote(&mut self, description: RemoteDescription, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        if self.peer.is_some() {
            return Err(Misuse::Again);
        }
        let RemoteDescription { ufrag, pwd, is_lite, candidates, is_complete, pacing } = description;
        let Credentials { ufrag, key, .. } = Credentials::of_peer(&ufrag, &pwd).ok_or(Misuse::BadCredentials)?;
        // §6.1.1: whoever is full controls a lite one.
        self.role = match (self.config.mode, is_lite) {
            (Mode::Full, true) => Role::Controlling,
            (Mode::Lite, false) => Role::Controlled,
            _ => self.role,
        };
        // RFC 8839 §5.5: both go at the pace of the slower one.
        if let Some(pacing) = pacing.filter(|pacing| *pacing > self.ta) {
            self.ta = pacing;
            self.ticker.slow_down(pacing);
        }
        self.peer = Some(Peer { ufrag, key, is_lite, is_complete });
        for (stream, candidates) in candidates.into_iter().enumerate().take(self.lists.len()) {
            for candidate in candidates {
                self.remote_candidate(stream, candidate, cx);
            }
        }
        Ok(())
    }

    /// A candidate of the peer's. One without an address is not used (of names below `.local` this end knows none), nor one of a
    /// component that is not there; one that the peer's checks have shown already is from now on what the peer says that it is.
    fn remote_candidate(&mut self, stream: usize, candidate: Candidate, cx: &mut Cx<'_>) {
        let Some(address) = candidate.address.ip().filter(|_| matches!(self.state, State::New | State::Checking))
        else {
            return;
        };
        let shown = self.shown_inside(&candidate, address);
        let Some(list) = self.lists.get_mut(stream).filter(|list| list.component(candidate.component).is_some()) else {
            return;
        };
        let known = self.foundations.iter().position(|known| *known == candidate.foundation);
        let index = known.unwrap_or_else(|| {
            self.foundations.push(candidate.foundation.clone());
            self.foundations.len() - 1
        });
        let foundation = index as u16 + 1;
        let is_it = |remote: &Remote| {
            remote.address == address
                && remote.candidate.component == candidate.component
                && remote.candidate.protocol == candidate.protocol
        };
        if let Some(known) = list.remotes.iter_mut().find(|remote| is_it(remote)) {
            if known.candidate.kind == CandidateKind::PeerReflexive {
                *known = Remote { candidate, address, foundation };
                list.reorder(self.role);
            }
            return;
        }
        list.remotes.push(Remote { candidate, address, foundation });
        let remote = list.remotes.len() - 1;
        self.pair_remote(stream, remote, cx);
        if let Some(shown) = shown {
            self.remote_candidate(stream, shown, cx);
        }
        self.judge(cx);
    }

    /// An IPv4 candidate as an end of IPv6 alone sees it through its NAT64 (RFC 8305 §7.1): the peer knows nothing of it. What this end's relays of
    /// IPv4 send to is the candidate itself.
    fn shown_inside(&self, candidate: &Candidate, address: SocketAddr) -> Option<Candidate> {
        let (prefix, IpAddr::V4(ip)) = (self.config.nat64?, address.ip()) else { return None };
        let shown = SocketAddr::new(IpAddr::V6(synthesised(prefix, ip)), address.port());
        Some(Candidate { address: CandidateAddress::Ip(shown), ..candidate.clone() })
    }

    /// Both have told each other enough: pairs are formed, and checks begin.
    fn begin_checks(&mut self, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        if self.state != State::New || self.peer.is_none() {
            return Err(Misuse::Again);
        }
        (self.state, self.began) = (State::Checking, Some(cx.now()));
        for list in 0..self.lists.len() {
            for remote in 0..self.lists[list].remotes.len() {
                self.pair_remote(list, remote, cx);
            }
        }
        self.set_first_states();
        self.ticker.restart(cx.now());
        if self.both_are_lite() {
            self.select_without_checks(cx);
        }
        self.heed_early(cx);
        self.judge(cx);
        Ok(())
    }

    /// Two lite agents take the pair of highest priority, unseen (§8.2).
    fn select_without_checks(&mut self, cx: &mut Cx<'_>) {
        for list in 0..self.lists.len() {
            for number in 1..=self.lists[list].components.len() as u16 {
                let best = self.lists[list].pairs.iter_mut().find(|pair| pair.component == number);
                let Some(pair) = best else { continue };
                (pair.state, pair.valid) = (PairState::Succeeded, Some(pair.local));
                let id = PairId { list, number: pair.number };
                self.select(id, cx);
            }
        }
    }

    /// The other role: priorities of pairs are those of the other end now (§7.3.1.1).
    fn switch_role(&mut self, cx: &mut Cx<'_>) {
        self.counts.role_switches += 1;
        self.role = match self.role {
            Role::Controlling => Role::Controlled,
            Role::Controlled => Role::Controlling,
        };
        for list in &mut self.lists {
            list.reorder(self.role);
            list.components.iter_mut().for_each(|component| component.nominating = None);
            list.pairs.iter_mut().for_each(|pair| pair.nominate = false);
        }
        self.judge(cx);
    }

    /// A pair is the one that is used (§8.1.2).
    fn select(&mut self, id: PairId, cx: &mut Cx<'_>) {
        let list = &mut self.lists[id.list];
        let Some(pair) = list.pair(id.number) else { return };
        let (component, Some(selected)) = (pair.component(id.list), list.selected(pair)) else { return };
        if let Some(own) = list.component_mut(component.number) {
            (own.selected, own.nominating) = (Some((id.number, selected)), None);
        }
        // What else there was for this component is over.
        list.triggered.retain(|number| *number == id.number);
        self.end_checks(id.list, component.number);
        let list = &mut self.lists[id.list];
        list.pairs.retain(|pair| pair.component != component.number || pair.number == id.number);
        list.triggered.clear();
        cx.notify(Notice::Selected(component, selected));
        if let Some(relay) = self.gathering.relay_of(selected.base) {
            // A channel spares 32 bytes of each message; where there is none, Send does.
            self.command_relay(relay, client::Command::Bind(selected.remote), cx);
        }
        // RFC 7675 needs an end that makes checks.
        if !self.both_are_lite() {
            self.begin_consent(component, id, cx);
        }
        self.judge(cx);
    }

    /// Looks whether something is to be nominated, and whether lists, and the session, are done.
    fn judge(&mut self, cx: &mut Cx<'_>) {
        if self.state != State::Checking {
            return;
        }
        for index in 0..self.lists.len() {
            if self.lists[index].state == ListState::Running {
                self.nominate(index, cx.now());
                self.judge_list(index, cx.now());
            }
        }
        if self.lists.iter().any(|list| list.state == ListState::Running) {
            return;
        }
        let is_connected = self.lists.iter().all(|list| list.state == ListState::Completed);
        self.state = if is_connected { State::Connected } else { State::Failed };
        self.end_gathering();
        self.checks = Vec::new();
        self.early = Vec::new();
        self.foundations.shrink_to_fit();
        self.lists.iter_mut().for_each(CheckList::shrink);
        self.free_at = is_connected.then(|| cx.now().saturating_add(FREEING));
        cx.notify(if is_connected { Notice::Connected } else { Notice::Failed });
    }

    /// Regular nomination (§8.1.1): of the valid pairs of a component the best one, once no better one can come any more, or has
    /// had its time.
    fn nominate(&mut self, index: usize, now: LocalTime) {
        if self.role != Role::Controlling || self.config.mode == Mode::Lite {
            return;
        }
        for component in 1..=self.lists[index].components.len() as u16 {
            let Some((number, at)) = self.next_nomination(index, component) else { continue };
            if at > now {
                continue;
            }
            let id = PairId { list: index, number };
            if let Some(own) = self.lists[index].component_mut(component) {
                own.nominating = Some(number);
            }
            self.nominate_next(id);
        }
    }

    /// The pair of a component that is to be nominated, and when.
    fn next_nomination(&self, index: usize, component: u16) -> Option<(u32, LocalTime)> {
        let list = &self.lists[index];
        let own = list.component(component)?;
        if own.selected.is_some() || own.nominating.is_some() {
            return None;
        }
        let best = list.best_valid(component, self.role)?;
        // What may still come of another pair is told by the priority that it has now, as it was of this one.
        let worth = best.priority;
        let may_be_better = |pair: &&list::Pair| {
            pair.component == component
                && !matches!(pair.state, PairState::Succeeded | PairState::Failed)
                && pair.priority > worth
        };
        let patience = if list.is_relayed(best) { self.config.relay_patience } else { self.config.patience };
        let first = own.first_valid?;
        let must_wait = list.pairs.iter().any(|pair| may_be_better(&pair));
        Some((best.number, if must_wait { first.saturating_add(patience) } else { first }))
    }

    fn judge_list(&mut self, index: usize, now: LocalTime) {
        let list = &self.lists[index];
        if list.components.iter().all(|component| component.selected.is_some()) {
            self.lists[index].state = ListState::Completed;
            return;
        }
        let since = |span: Span| self.began.is_some_and(|began| began.saturating_add(span) <= now);
        let is_hopeless = self.can_be_hopeless(list) && since(self.config.least_time);
        if is_hopeless || since(self.config.most_time) {
            self.lists[index].state = ListState::Failed;
        }
    }

    /// Whether nothing more can come of a list, but checks of the peer's (RFC 8838 §13: not before both have told all that they have).
    fn can_be_hopeless(&self, list: &CheckList) -> bool {
        let is_told = self.peer.as_ref().is_some_and(|peer| peer.is_complete) && self.gathering.is_over;
        is_told && self.config.mode == Mode::Full && list.is_through() && list.lacks_valid()
    }

    /// When [`Agent::judge`] has something to say by time alone.
    fn judgement_deadline(&self) -> Option<Deadline> {
        let began = self.began.filter(|_| self.state == State::Checking)?;
        let running = || self.lists.iter().enumerate().filter(|(_, list)| list.state == ListState::Running);
        let hopeless = running().any(|(_, list)| self.can_be_hopeless(list));
        let span = if hopeless { self.config.least_time } else { self.config.most_time };
        let end = Deadline { at: began.saturating_add(span), timer: "ICE failure" };
        let controls = self.role == Role::Controlling && self.config.mode == Mode::Full;
        let nominations = running().filter(|_| controls).flat_map(|(index, list)| {
            (1..=list.components.len() as u16).filter_map(move |component| self.next_nomination(index, component))
        });
        let nominations = nominations.map(|(_, at)| Deadline { at, timer: "ICE nomination" });
        nominations.chain([end]).min_by_key(|deadline| deadline.at)
    }

    /// Something has come to this end: STUN, or data.
    fn take(&mut self, end: End, from: SocketAddr, payload: &Rope, cx: &mut Cx<'_>) {
        if !looks_like_stun(payload) {
            return self.take_data(end, from, payload, cx);
        }
        let bytes = payload.to_bytes();
        let Some(message) = Self::read(&bytes, cx).filter(|message| check_fingerprint(message) != Some(false)) else {
            self.counts.unexpected += 1;
            return;
        };
        let is_known = match message.class() {
            // A session that is over is silent, so that the other end's comes to an end, too.
            Class::Request if matches!(self.state, State::Failed | State::Lost | State::Closed) => false,
            Class::Request => {
                self.take_request(end, from, &message, cx);
                true
            }
            Class::Indication => true,
            Class::Success | Class::Error => {
                self.take_binding(end.base, from, &message, cx)
                    || self.take_consent(end, from, &message, cx)
                    || self.take_answer(end, from, &message, cx)
            }
        };
        self.counts.unexpected += u32::from(!is_known);
    }

    /// Data: from where a pair leads that is valid or was checked by the peer; all else is nobody's.
    fn take_data(&mut self, end: End, from: SocketAddr, payload: &Rope, cx: &mut Cx<'_>) {
        let own = self.own(end).filter(|_| matches!(self.state, State::Checking | State::Connected));
        let component = own.map(|own| Component { stream: own.list, number: own.component });
        let is_peer = own.is_some_and(|own| self.lists[own.list].remotes.iter().any(|remote| remote.address == from));
        match component.filter(|_| is_peer) {
            Some(component) => {
                cx.notify(Notice::Received(component, payload.clone()));
            }
            None => self.counts.unexpected += 1,
        }
    }

    /// Data for the peer: over the pair that is selected, before that over the best one that is valid (§12.1).
    fn send_data(&mut self, component: Component, payload: Rope, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        let list = self.lists.get(component.stream).ok_or(Misuse::NoComponent)?;
        let own = list.component(component.number).ok_or(Misuse::NoComponent)?;
        if !matches!(self.state, State::Checking | State::Connected) {
            return Err(Misuse::NoPair);
        }
        let best = || list.selected(list.best_valid(component.number, self.role)?);
        let pair = own.selected.map(|(_, selected)| selected).or_else(best).ok_or(Misuse::NoPair)?;
        let end = End { base: pair.base, is_tcp: pair.protocol != crate::ice::Protocol::Udp };
        self.send(end, pair.remote, payload, cx);
        Ok(())
    }

    /// Gives back the relays that no pair has (§8.3).
    fn free(&mut self, cx: &mut Cx<'_>) {
        if self.free_at.is_none_or(|at| at > cx.now()) {
            return;
        }
        self.free_at = None;
        for relay in 0..self.gathering.relays.len() {
            let relayed = self.gathering.relays[relay].relayed;
            let is_used = self
                .lists
                .iter()
                .flat_map(|list| &list.components)
                .any(|component| component.selected.is_some_and(|(_, selected)| Some(selected.base) == relayed));
            if !is_used {
                self.command_relay(relay, client::Command::Release, cx);
            }
        }
    }

    fn close(&mut self, cx: &mut Cx<'_>) {
        self.state = State::Closed;
        (self.checks, self.consents) = (Vec::new(), Vec::new());
        self.end_gathering();
        for relay in 0..self.gathering.relays.len() {
            self.command_relay(relay, client::Command::Release, cx);
        }
    }

    /// Sets the time of the next turn, while something waits for one.
    fn arrange_turn(&mut self, now: LocalTime) {
        match (self.has_work(), self.turn) {
            (false, _) => self.turn = None,
            (true, None) => self.turn = Some(self.ticker.next(now)),
            (true, Some(_)) => {}
        }
    }
}

/// Whether a payload is STUN and not data that share its port (RFC 7983): the first two bits are zero and the cookie is there.
pub(super) fn looks_like_stun(payload: &Rope) -> bool {
    if payload.len() < 20 {
        return false;
    }
    let head = payload.slice(0, 8).to_bytes();
    head[0] < 4 && head[4..8] == crate::stun::wire::MAGIC_COOKIE.to_be_bytes()
}

impl Machine for Agent {
    type Message = Envelope;
    type Command = Command;
    type Notice = Notice;
    type Trace = std::convert::Infallible;
    type Misuse = Misuse;

    fn handle_message(&mut self, Envelope { place, payload }: Envelope, cx: &mut Cx<'_>) {
        let relay = self.relay_at(place);
        match (relay, place) {
            (Some(relay), Place::Server(_)) => self.relay_message(relay, payload, cx),
            (Some(relay), _) if self.relay_awaits(relay, &payload) => self.relay_message(relay, payload, cx),
            (_, Place::Udp { base, peer }) => self.take(End { base, is_tcp: false }, peer, &payload, cx),
            (_, Place::Tcp { base, peer }) => self.take(End { base, is_tcp: true }, peer, &payload, cx),
            (None, Place::Server(_)) => self.counts.unexpected += 1,
        }
        self.arrange_turn(cx.now());
    }

    fn handle_command(&mut self, command: Command, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        self.obey(command, cx)
    }

    fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        self.gathering_timeout(cx);
        self.retransmit_checks(cx);
        self.consent_timeout(cx);
        self.free(cx);
        self.judge(cx);
        self.arrange_turn(cx.now());
        if let Some(turn) = self.turn.filter(|turn| *turn <= cx.now()) {
            self.ticker.take(turn);
            self.turn = None;
            self.take_turn(cx);
        }
        self.arrange_turn(cx.now());
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let turn = self.turn.map(|at| Deadline { at, timer: "ICE Ta" });
        let free = self.free_at.map(|at| Deadline { at, timer: "ICE freeing" });
        let of_parts = [
            turn,
            free,
            self.gathering_deadline(),
            self.check_deadline(),
            self.consent_deadline(),
            self.judgement_deadline(),
        ];
        of_parts.into_iter().flatten().min_by_key(|deadline| deadline.at)
    }
}
