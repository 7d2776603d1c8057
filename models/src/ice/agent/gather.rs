//! Gathering: candidates of interfaces, and those that servers show or lend (RFC 8445 §5.1).

use super::interface::{Base, Component, Envelope, Notice, Place, State};
use super::list::Local;
use super::{Agent, Cx, End};
use crate::ice::candidate::{
    Candidate, CandidateAddress, CandidateKind, Protocol, TcpType, local_preference, priority, tcp_local_preference,
};
use crate::rope::Rope;
use crate::stun::transaction::{Due, TRANSACTION_ID, Timing, Transaction};
use crate::stun::wire::{Class, Fields, Message, MessageType, Method, Writer};
use crate::stun::{DECODE, ENCODE};
use crate::turn::{Client, ClientConfig, client};
use protosim_core::{Deadline, Effect, LocalTime, Machine, Span, machine::EffectOf};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

/// Between what keeps the mapping of a server-reflexive candidate open until there is a pair (RFC 8445 §5.1.1.4, Tr of §11).
const KEEP_ALIVE: Span = Span::from_secs(15);

/// The port that active ends of TCP are told to have (RFC 6544 §4.5).
const DISCARD_PORT: u16 = 9;

/// A transaction that has not begun.
#[derive(Clone, Copy, Debug)]
enum Job {
    /// A Binding request from this base to this server.
    Binding(Base, usize),
    /// The allocation of this number.
    Allocate(usize),
}

/// A Binding request under way.
#[derive(Clone, Debug)]
struct Query {
    transaction: Transaction,
    base: Base,
    server: usize,
}

/// An allocation at a server of TURN.
#[derive(Clone, Debug)]
pub(super) struct Relay {
    base: Base,
    server: usize,
    client: Client,
    pub(super) relayed: Option<SocketAddr>,
    /// It has answered, or never will.
    is_settled: bool,
}

/// A mapping that is kept open.
#[derive(Clone, Copy, Debug)]
struct Kept {
    base: SocketAddr,
    server: SocketAddr,
    next: LocalTime,
}

/// What is being gathered.
#[derive(Clone, Debug, Default)]
pub(super) struct Gathering {
    jobs: VecDeque<Job>,
    queries: Vec<Query>,
    pub(super) relays: Vec<Relay>,
    kept: Vec<Kept>,
    /// RTO of requests (§14.3).
    rto: Span,
    has_begun: bool,
    pub(super) is_over: bool,
    /// What candidates have in common that have the same foundation (§5.1.1.3).
    foundations: Vec<Likeness>,
}

/// What decides a foundation (§5.1.1.3): the type, the address of the base, the protocol and the server's address.
type Likeness = (CandidateKind, IpAddr, Protocol, Option<IpAddr>);

impl Gathering {
    pub(super) fn has_jobs(&self) -> bool {
        !self.jobs.is_empty()
    }

    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    fn foundation(&mut self, likeness: Likeness) -> u16 {
        let known = self.foundations.iter().position(|known| *known == likeness);
        let index = known.unwrap_or_else(|| {
            self.foundations.push(likeness);
            self.foundations.len() - 1
        });
        index as u16 + 1
    }

    /// The relay whose address this is.
    pub(super) fn relay_of(&self, relayed: SocketAddr) -> Option<usize> {
        self.relays.iter().position(|relay| relay.relayed == Some(relayed))
    }
}

impl Agent {
    /// Begins: candidates of hosts are there at once, each request to a server waits for its turn.
    pub(super) fn gather(&mut self, bases: &[Base], cx: &mut Cx<'_>) {
        self.gathering.has_begun = true;
        for base in bases {
            // Active ends are all told to have one port (RFC 6544 §4.5); which is which, their bases tell.
            let told = match base.protocol {
                Protocol::Tcp(TcpType::Active) => SocketAddr::new(base.address.ip(), DISCARD_PORT),
                _ => base.address,
            };
            self.add_local(*base, CandidateKind::Host, told, base.address, None, cx);
        }
        self.plan_requests(bases);
        self.ticker.restart(cx.now());
        self.see_whether_gathered(cx);
    }

    /// Lines requests up, and sets their RTO (§14.3): MAX (500 ms, Ta * (Num-Of-Cands)).
    fn plan_requests(&mut self, bases: &[Base]) {
        let jobs = self.jobs_for(bases);
        // A server of TURN over UDP brings two candidates, one over a stream the relayed one alone.
        let brings = |(_, server): &(Base, usize)| {
            let spec = &self.config.servers[*server];
            1 + u64::from(spec.account.is_some() && !spec.transport.is_stream())
        };
        let count: u64 = jobs.iter().map(brings).sum();
        self.gathering.rto = self.config.timing.rto.max(self.config.ta.saturating_mul(count));
        for (base, server) in jobs {
            let spec = &self.config.servers[server];
            let Some(account) = &spec.account else {
                self.gathering.jobs.push_back(Job::Binding(base, server));
                continue;
            };
            let config = ClientConfig {
                is_stream: spec.transport.is_stream(),
                family: spec.lends,
                timing: Timing { rto: self.gathering.rto, ..self.config.timing },
                ..ClientConfig::new(spec.address, &account.name, &account.password)
            };
            let (client, relayed) = (Client::new(config), None);
            self.gathering.jobs.push_back(Job::Allocate(self.gathering.relays.len()));
            self.gathering.relays.push(Relay { base, server, client, relayed, is_settled: false });
        }
    }

    /// Which bases ask which servers.
    fn jobs_for(&self, bases: &[Base]) -> Vec<(Base, usize)> {
        let mut jobs = Vec::new();
        let is_udp = |base: &&Base| base.protocol == Protocol::Udp;
        for (server, spec) in self.config.servers.iter().enumerate() {
            let reaches = |base: &&Base| base.address.is_ipv4() == spec.address.is_ipv4();
            let mut seen: Vec<Component> = Vec::new();
            for base in bases.iter().filter(is_udp).filter(reaches) {
                // Over a stream the base does not matter: one connection for each component.
                if spec.transport.is_stream() {
                    if seen.contains(&base.component) {
                        continue;
                    }
                    seen.push(base.component);
                }
                jobs.push((*base, server));
            }
        }
        jobs
    }

    /// Begins the next request; false if there is none.
    pub(super) fn begin_request(&mut self, cx: &mut Cx<'_>) -> bool {
        match self.gathering.jobs.pop_front() {
            None => return false,
            Some(Job::Binding(base, server)) => self.ask_for_binding(base, server, cx),
            Some(Job::Allocate(relay)) => {
                self.counts.gathering_requests += 1;
                self.command_relay(relay, client::Command::Allocate, cx);
            }
        }
        true
    }

    fn ask_for_binding(&mut self, base: Base, server: usize, cx: &mut Cx<'_>) {
        let id = Transaction::draw_id(cx.rng(TRANSACTION_ID));
        let request =
            Rope::from(Writer::new(MessageType::new(Class::Request, Method::BINDING), id).fingerprint().finish());
        cx.spend(ENCODE, request.len());
        let (peer, timing) =
            (self.config.servers[server].address, Timing { rto: self.gathering.rto, ..self.config.timing });
        let transaction = Transaction::new(id, peer, request.clone(), timing, false, cx.now());
        self.gathering.queries.push(Query { transaction, base, server });
        self.counts.gathering_requests += 1;
        cx.transmit(Envelope { place: Place::Udp { base: base.address, peer }, payload: request });
    }

    /// A response of a server of STUN; false if it is to no request of ours.
    pub(super) fn take_binding(
        &mut self,
        base: SocketAddr,
        from: SocketAddr,
        message: &Message<'_>,
        cx: &mut Cx<'_>,
    ) -> bool {
        let fits = |query: &Query| query.base.address == base && query.transaction.matches(message.transaction(), from);
        let Some(index) = self.gathering.queries.iter().position(fits) else { return false };
        let Query { base, server, .. } = self.gathering.queries.swap_remove(index);
        let fields = Fields::read(message);
        if let (Class::Success, Some(mapped)) = (message.class(), fields.xor_mapped.or(fields.mapped)) {
            self.reflected(base, server, mapped, cx);
        }
        self.see_whether_gathered(cx);
        true
    }

    fn reflected(&mut self, base: Base, server: usize, mapped: SocketAddr, cx: &mut Cx<'_>) {
        let address = self.config.servers[server].address;
        let is_new = self.add_local(base, CandidateKind::ServerReflexive, mapped, base.address, Some(server), cx);
        if is_new {
            self.keep_open(base.address, address, cx);
        }
    }

    fn keep_open(&mut self, base: SocketAddr, server: SocketAddr, cx: &mut Cx<'_>) {
        let next = cx.now().saturating_add(KEEP_ALIVE);
        self.gathering.kept.push(Kept { base, server, next });
    }

    /// Adds a candidate, unless it is redundant (§5.1.3): with the address and base of one that is there, whose priority is higher
    /// since it was found first. True if it was added.
    pub(super) fn add_local(
        &mut self,
        base: Base,
        kind: CandidateKind,
        address: SocketAddr,
        from: SocketAddr,
        server: Option<usize>,
        cx: &mut Cx<'_>,
    ) -> bool {
        let list = base.component.stream;
        let is_hidden = self.config.relays_only && kind != CandidateKind::Relayed;
        let is_known = |local: &Local| local.candidate.address.ip() == Some(address) && local.base == from;
        let is_there = |local: &Local| {
            is_known(local)
                && local.candidate.protocol == base.protocol
                && local.candidate.component == base.component.number
        };
        if is_hidden || self.lists[list].locals.iter().any(is_there) {
            return false;
        }
        // Of several servers each has a rank of its own, so that no two candidates are worth the same (§5.1.2.1).
        let rank = base.rank * self.config.servers.len().max(1) as u32 + server.unwrap_or(0) as u32;
        let rank = if kind == CandidateKind::Host { base.rank } else { rank };
        let preference = match base.protocol {
            Protocol::Udp => local_preference(rank),
            Protocol::Tcp(tcp) => tcp_local_preference(tcp, kind, rank),
        };
        let server_ip = server.map(|server| self.config.servers[server].address.ip());
        let foundation = self.gathering.foundation((kind, from.ip(), base.protocol, server_ip));
        let related = match kind {
            CandidateKind::Host => None,
            CandidateKind::Relayed => Some(base.address),
            _ => Some(from),
        };
        let candidate = Candidate {
            foundation: foundation.to_string().into(),
            component: base.component.number,
            protocol: base.protocol,
            priority: priority(kind, base.protocol, preference, base.component.number),
            address: CandidateAddress::Ip(address),
            kind,
            related,
        };
        self.lists[list].locals.push(Local { candidate: candidate.clone(), base: from, preference, foundation });
        if kind != CandidateKind::PeerReflexive {
            cx.notify(Notice::Candidate(list, candidate));
            let local = self.lists[list].locals.len() - 1;
            self.pair_local(list, local, cx);
        }
        true
    }

    pub(super) fn see_whether_gathered(&mut self, cx: &mut Cx<'_>) {
        let gathering = &self.gathering;
        let is_over = gathering.jobs.is_empty()
            && gathering.queries.is_empty()
            && gathering.relays.iter().all(|relay| relay.is_settled);
        if gathering.has_begun && !gathering.is_over && is_over {
            self.gathering.is_over = true;
            cx.notify(Notice::Gathered);
        }
    }

    /// The relay that a datagram between these, or what came over a connection, is for.
    pub(super) fn relay_at(&self, place: Place) -> Option<usize> {
        let server_of = |relay: &Relay| &self.config.servers[relay.server];
        match place {
            Place::Server(relay) => (relay < self.gathering.relays.len()).then_some(relay),
            Place::Udp { base, peer } => self.gathering.relays.iter().position(|relay| {
                let server = server_of(relay);
                !server.transport.is_stream() && relay.base.address == base && server.address == peer
            }),
            Place::Tcp { .. } => None,
        }
    }

    /// Whether a response is one that a relay's client waits for.
    pub(super) fn relay_awaits(&self, relay: usize, payload: &Rope) -> bool {
        let bytes = payload.to_bytes();
        match Message::parse(&bytes) {
            Ok(message) if matches!(message.class(), Class::Success | Class::Error) => {
                self.gathering.relays[relay].client.awaits(message.transaction())
            }
            // Data indications and ChannelData.
            _ => true,
        }
    }

    pub(super) fn relay_message(&mut self, relay: usize, payload: Rope, cx: &mut Cx<'_>) {
        let own = &mut self.gathering.relays[relay];
        let message = client::Envelope { peer: self.config.servers[own.server].address, payload };
        let ((), effects) = cx.within(|cx| own.client.handle_message(message, cx));
        self.carry_out(relay, effects, cx);
    }

    pub(super) fn command_relay(&mut self, relay: usize, command: client::Command, cx: &mut Cx<'_>) -> bool {
        let own = &mut self.gathering.relays[relay];
        let (outcome, effects) = cx.within(|cx| own.client.handle_command(command, cx));
        self.carry_out(relay, effects, cx);
        outcome.is_ok()
    }

    /// Whether a relay's server lets this address send.
    pub(super) fn relay_permits(&self, relay: usize, ip: IpAddr) -> bool {
        self.gathering.relays[relay].client.permits(ip)
    }

    fn carry_out(&mut self, relay: usize, effects: Vec<EffectOf<Client>>, cx: &mut Cx<'_>) {
        for effect in effects {
            match effect {
                Effect::Transmit(client::Envelope { peer, payload }) => {
                    let own = &self.gathering.relays[relay];
                    let place = match self.config.servers[own.server].transport.is_stream() {
                        true => Place::Server(relay),
                        false => Place::Udp { base: own.base.address, peer },
                    };
                    cx.transmit(Envelope { place, payload });
                }
                Effect::Notify(notice) => self.hear_relay(relay, notice, cx),
                Effect::Observe(never) => match never {},
            }
        }
    }

    fn hear_relay(&mut self, relay: usize, notice: client::Notice, cx: &mut Cx<'_>) {
        let Relay { base, server, relayed, .. } = self.gathering.relays[relay];
        match notice {
            client::Notice::Allocated { relayed, mapped, .. } => {
                let own = &mut self.gathering.relays[relay];
                (own.relayed, own.is_settled) = (Some(relayed), true);
                // What a server of TURN sees over a stream is no address for datagrams (§5.1.1.2).
                if !self.config.servers[server].transport.is_stream() {
                    self.add_local(base, CandidateKind::ServerReflexive, mapped, base.address, Some(server), cx);
                    self.keep_open(base.address, self.config.servers[server].address, cx);
                }
                let from_relay = Base { address: mapped, ..base };
                self.add_local(from_relay, CandidateKind::Relayed, relayed, relayed, Some(server), cx);
                self.see_whether_gathered(cx);
            }
            client::Notice::Lost(_) | client::Notice::Released => {
                self.gathering.relays[relay].is_settled = true;
                self.relay_lost(relay, cx);
                self.see_whether_gathered(cx);
            }
            client::Notice::Permitted(ip) => self.permitted(relay, ip, true, cx),
            client::Notice::NotPermitted(ip, _) => self.permitted(relay, ip, false, cx),
            client::Notice::Received(peer, payload) => {
                if let Some(base) = relayed.filter(|_| self.hands_over) {
                    cx.notify(Notice::Relayed(Envelope { place: Place::Udp { base, peer }, payload }));
                } else if let Some(base) = relayed {
                    self.take(End { base, is_tcp: false }, peer, &payload, cx);
                }
            }
            client::Notice::Bound(..) | client::Notice::NotBound(..) => {}
        }
    }

    /// Sends again what is due, and keeps mappings open.
    pub(super) fn gathering_timeout(&mut self, cx: &mut Cx<'_>) {
        self.retransmit_queries(cx);
        for relay in 0..self.gathering.relays.len() {
            let own = &mut self.gathering.relays[relay];
            if own.client.poll_timeout().is_some_and(|deadline| deadline.at <= cx.now()) {
                let ((), effects) = cx.within(|cx| own.client.handle_timeout(cx));
                self.carry_out(relay, effects, cx);
            }
        }
        if !matches!(self.state, State::New | State::Checking) {
            return;
        }
        for index in 0..self.gathering.kept.len() {
            let Kept { base, server, next } = self.gathering.kept[index];
            if next <= cx.now() {
                self.gathering.kept[index].next = cx.now().saturating_add(KEEP_ALIVE);
                let id = Transaction::draw_id(cx.rng(TRANSACTION_ID));
                let kind = MessageType::new(Class::Indication, Method::BINDING);
                let payload = Rope::from(Writer::new(kind, id).fingerprint().finish());
                cx.transmit(Envelope { place: Place::Udp { base, peer: server }, payload });
            }
        }
    }

    fn retransmit_queries(&mut self, cx: &mut Cx<'_>) {
        let mut index = 0;
        while index < self.gathering.queries.len() {
            let query = &mut self.gathering.queries[index];
            let place = Place::Udp { base: query.base.address, peer: self.config.servers[query.server].address };
            match query.transaction.handle_timeout(cx.now()) {
                Some(Due::Failed) => {
                    self.gathering.queries.swap_remove(index);
                    continue;
                }
                Some(Due::Again(payload)) => cx.transmit(Envelope { place, payload }),
                None => {}
            }
            index += 1;
        }
        self.see_whether_gathered(cx);
    }

    /// ICMP, or a connection, says that a server is not there.
    pub(super) fn server_unreachable(&mut self, place: Place, cx: &mut Cx<'_>) {
        if let Place::Udp { base, peer } = place {
            let servers = &self.config.servers;
            let is_lost = |query: &Query| query.base.address == base && servers[query.server].address == peer;
            self.gathering.queries.retain(|query| !is_lost(query));
        }
        if let Some(relay) = self.relay_at(place) {
            self.command_relay(relay, client::Command::Unreachable, cx);
        }
        self.see_whether_gathered(cx);
    }

    pub(super) fn gathering_deadline(&self) -> Option<Deadline> {
        let queries = self.gathering.queries.iter().map(|query| query.transaction.deadline());
        let relays = self.gathering.relays.iter().filter_map(|relay| relay.client.poll_timeout());
        let is_waiting = matches!(self.state, State::New | State::Checking);
        let kept = self.gathering.kept.iter().filter(|_| is_waiting);
        let kept = kept.map(|kept| Deadline { at: kept.next, timer: "ICE keepalive" });
        queries.chain(relays).chain(kept).min_by_key(|deadline| deadline.at)
    }

    /// The server at which the relay of this number is.
    pub fn server_of_relay(&self, relay: usize) -> Option<SocketAddr> {
        Some(self.config.servers[self.gathering.relays.get(relay)?.server].address)
    }

    /// What is needed no more once there are pairs.
    pub(super) fn end_gathering(&mut self) {
        self.gathering.kept = Vec::new();
        self.gathering.jobs = VecDeque::new();
        self.gathering.queries = Vec::new();
        self.gathering.foundations.shrink_to_fit();
    }

    /// Reads a message of STUN, and spends what that takes.
    pub(super) fn read<'m>(bytes: &'m [u8], cx: &mut Cx<'_>) -> Option<Message<'m>> {
        cx.spend(DECODE, bytes.len() as u64);
        Message::parse(bytes).ok()
    }
}
