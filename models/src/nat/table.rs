//! What a NAT remembers, as a machine without clock or sockets.
//!
//! A mapping joins an internal address and port to an external one; a session is a remote endpoint that a mapping has to do with. Sessions are
//! the memory of the filter: what was sent to. Both are forgotten by time: of UDP and ICMP the mapping has a timer, which every packet outwards
//! starts anew, and so has each session, for the packets to its remote endpoint; of TCP the sessions have timers and follow the connection
//! (`session`), and the mapping goes with the last of them.
//!
//! Time passes when something is asked: what is over by then is taken away first, in order. Nothing is ever armed. An entry stands in
//! `due` no later than it is over; one that was refreshed meanwhile is put back when its turn comes, so that a packet
//! costs a few look-ups in ordered maps and seldom more.

use super::config::{Dependence, FilterState, Pooling, PortAssignment};
use super::session::{Refresh, State};
use crate::packet::TcpFlags;
use protosim_core::{SimTime, Span};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// An address and a port; of ICMP queries, and their identifier; the port is zero where a protocol has none.
pub type Endpoint = (IpAddr, u16);

/// A protocol that is translated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Proto {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// Queries of ICMP and ICMPv6: the identifier is the port, and the remote port is zero.
    Icmp,
    /// Any other, without ports: through firewalls alone.
    Other(u8),
}

/// Who sends to whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flow {
    /// The protocol.
    pub proto: Proto,
    /// The endpoint on this side.
    pub local: Endpoint,
    /// The endpoint beyond the NAT.
    pub remote: Endpoint,
    /// The flags of a TCP segment.
    pub tcp: Option<TcpFlags>,
}

/// Why a packet does not pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Nothing is known of it.
    NoMapping,
    /// The filter does not let it in.
    Filtered,
    /// There is no port for it, or no room.
    NoPort,
}

/// The rules of a table, see [`super::NatConfig`].
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Rules {
    /// False for a firewall: addresses and ports stay.
    pub(super) translates: bool,
    pub(super) mapping: Dependence,
    pub(super) filtering: Dependence,
    pub(super) tcp_mapping: Dependence,
    pub(super) tcp_filtering: Dependence,
    pub(super) filter_state: FilterState,
    pub(super) pooling: Pooling,
    pub(super) ports: PortAssignment,
    pub(super) port_range: RangeInclusive<u16>,
    pub(super) keeps_class: bool,
    pub(super) keeps_parity: bool,
    pub(super) keeps_contiguity: bool,
    pub(super) per_subscriber: u32,
    pub(super) udp: Span,
    pub(super) tcp_established: Span,
    pub(super) tcp_transitory: Span,
    pub(super) icmp: Span,
    pub(super) inbound_refresh: bool,
    pub(super) most_sessions: usize,
}

impl Rules {
    /// True if what comes in needs a mapping and no more (of UDP and ICMP).
    pub(super) fn filters_nothing(&self) -> bool {
        self.filtering == Dependence::EndpointIndependent
    }
}

impl Rules {
    fn mapping_of(&self, proto: Proto) -> Dependence {
        if proto == Proto::Tcp { self.tcp_mapping } else { self.mapping }
    }

    fn filtering_of(&self, proto: Proto) -> Dependence {
        if proto == Proto::Tcp { self.tcp_filtering } else { self.filtering }
    }

    /// How long a mapping of a protocol is kept that has a timer.
    fn time_out(&self, proto: Proto) -> Span {
        if proto == Proto::Icmp { self.icmp } else { self.udp }
    }
}

/// The remote part of a mapping's key: nothing, an address with port 0, or an address and a port.
pub(super) type Key = (Option<IpAddr>, u16);

/// No remote endpoint, and the first of all keys.
pub(super) const ANY: Key = (None, 0);

#[derive(Clone, Debug)]
pub(super) struct Mapping {
    proto: Proto,
    internal: Endpoint,
    pub(super) external: Endpoint,
    pub(super) key: Key,
    /// When it is over; never, as long as it has sessions, for TCP.
    expires: SimTime,
    /// The time under which `due` has it.
    due: SimTime,
    sessions: u32,
}

#[derive(Clone, Debug)]
struct Session {
    state: State,
    expires: SimTime,
    /// The time under which `due` has it.
    due: SimTime,
}

/// A host inside.
#[derive(Clone, Copy, Debug)]
struct Subscriber {
    /// Index of the external address that it has.
    address: usize,
    mappings: u32,
}

/// Counts of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TableCounts {
    /// Mappings that there are, some of which may be over and not yet taken away.
    pub now: u64,
    /// Most that there ever were at once.
    pub most: u64,
    /// Mappings that were made.
    pub made: u64,
    /// Sessions that there are, as `now`.
    pub sessions: u64,
}

/// All mappings and sessions of a NAT or a firewall.
#[derive(Clone, Debug)]
pub struct Table {
    pub(super) rules: Rules,
    /// External addresses, in order.
    pool: Vec<IpAddr>,
    /// By number; free places are in `free`.
    mappings: Vec<Option<Mapping>>,
    free: Vec<u32>,
    pub(super) by_internal: BTreeMap<(Proto, Endpoint, Key), u32>,
    pub(super) by_external: BTreeMap<(Proto, Endpoint, Key), u32>,
    /// By number of the mapping and remote endpoint.
    sessions: BTreeMap<(u32, Endpoint), Session>,
    /// What may be over when: a mapping, or one of its sessions.
    due: BTreeSet<(SimTime, u32, Option<Endpoint>)>,
    subscribers: BTreeMap<IpAddr, Subscriber>,
    /// How many ports of an address are taken.
    pub(super) taken: BTreeMap<(Proto, IpAddr), u32>,
    /// The port that was given last.
    pub(super) last_port: BTreeMap<(Proto, IpAddr), u16>,
    next_address: usize,
    most: u64,
    made: u64,
}

/// Whose luck decides ports; asked at most once for each mapping that is made.
pub type Draw<'a> = &'a mut dyn FnMut() -> u64;

pub(super) const LAST_ENDPOINT: Endpoint =
    (IpAddr::V6(std::net::Ipv6Addr::new(!0, !0, !0, !0, !0, !0, !0, !0)), u16::MAX);

impl Table {
    /// An empty one with these external addresses; a firewall's has none.
    pub(crate) fn new(rules: Rules, pool: Vec<IpAddr>) -> Self {
        Self {
            rules,
            pool,
            mappings: Vec::new(),
            free: Vec::new(),
            by_internal: BTreeMap::new(),
            by_external: BTreeMap::new(),
            sessions: BTreeMap::new(),
            due: BTreeSet::new(),
            subscribers: BTreeMap::new(),
            taken: BTreeMap::new(),
            last_port: BTreeMap::new(),
            next_address: 0,
            most: 0,
            made: 0,
        }
    }

    /// True if addresses and ports change.
    pub fn translates(&self) -> bool {
        self.rules.translates
    }

    /// The external addresses.
    pub fn pool(&self) -> &[IpAddr] {
        &self.pool
    }

    /// What it has counted.
    pub fn counts(&self) -> TableCounts {
        let (now, sessions) = (self.by_internal.len() as u64, self.sessions.len() as u64);
        TableCounts { now, most: self.most, made: self.made, sessions }
    }

    /// Mappings that are not over at `now`. Takes time in proportion to what it remembers.
    pub fn alive(&self, now: SimTime) -> u64 {
        let with_sessions: BTreeSet<u32> =
            self.sessions.iter().filter(|(_, session)| session.expires > now).map(|((id, _), _)| *id).collect();
        let is_alive = |(id, mapping): (usize, &Option<Mapping>)| {
            let mapping = mapping.as_ref()?;
            let is_kept = mapping.proto != Proto::Tcp || with_sessions.contains(&(id as u32));
            (is_kept && mapping.expires > now).then_some(())
        };
        self.mappings.iter().enumerate().filter_map(is_alive).count() as u64
    }

    /// Forgets everything, as a device does that loses power; what it has counted stays.
    pub fn forget(&mut self) {
        let fresh = Self::new(self.rules.clone(), std::mem::take(&mut self.pool));
        *self = Self { most: self.most, made: self.made, ..fresh };
    }

    /// Has these external addresses from now on. What was mapped to others is forgotten, all of it.
    pub fn set_pool(&mut self, pool: Vec<IpAddr>) {
        self.forget();
        self.pool = pool;
    }

    /// A packet from inside, `local`, wants out to `remote`: the external endpoint that it leaves from.
    ///
    /// # Errors
    /// When it belongs to no connection, or there is no port or no room for it.
    pub fn outbound(&mut self, flow: &Flow, now: SimTime, draw: Draw<'_>) -> Result<Endpoint, Refusal> {
        self.outbound_beside(None, flow, now, draw)
    }

    /// As [`Table::outbound`], with a table beside that may have the same external addresses: what it has is taken.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn outbound_beside(
        &mut self,
        mut beside: Option<&mut Self>,
        flow: &Flow,
        now: SimTime,
        draw: Draw<'_>,
    ) -> Result<Endpoint, Refusal> {
        self.pass_time(now);
        if let Some(beside) = &mut beside {
            beside.pass_time(now);
        }
        let key = self.key(flow.proto, flow.remote);
        let known = self.by_internal.get(&(flow.proto, flow.local, key)).copied();
        // Mostly, at the cost of one look-up.
        if let (Some(id), None) = (known, flow.tcp)
            && self.refresh(id, flow, now)
        {
            return Ok(self.mapping(id).external);
        }
        let session = known.is_some_and(|id| self.sessions.contains_key(&(id, flow.remote)));
        if !session {
            if flow.tcp.is_some_and(|flags| !opens(flags)) {
                return Err(Refusal::NoMapping);
            }
            if self.sessions.len() >= self.rules.most_sessions {
                return Err(Refusal::NoPort);
            }
        }
        let id = match known {
            Some(id) => id,
            None => self.open(beside.as_deref(), flow, key, draw)?,
        };
        self.note(id, flow, true, now);
        Ok(self.mapping(id).external)
    }

    /// A packet from outside, `remote`, wants in to the external endpoint `local`: the internal one that it is for.
    ///
    /// # Errors
    /// When nothing is known of it, the filter does not let it in, or there is no room for it.
    pub fn inbound(&mut self, flow: &Flow, now: SimTime) -> Result<Endpoint, Refusal> {
        self.pass_time(now);
        let id = self.find(flow.proto, flow.local, flow.remote).ok_or(Refusal::NoMapping)?;
        let session = self.sessions.contains_key(&(id, flow.remote));
        if !session && !self.lets_in(id, flow.remote) {
            return Err(Refusal::Filtered);
        }
        if let Some(flags) = flow.tcp
            && !session
        {
            if !opens(flags) {
                return Err(Refusal::NoMapping);
            }
            if self.sessions.len() >= self.rules.most_sessions {
                return Err(Refusal::NoPort);
            }
        }
        if flow.tcp.is_some() || self.rules.inbound_refresh {
            self.note(id, flow, false, now);
        }
        Ok(self.mapping(id).internal)
    }

    /// The external endpoint of a session, if there is one: what an ICMP error from inside is about. Nothing is refreshed (RFC 5508 REQ-5).
    pub fn external_of(
        &mut self,
        proto: Proto,
        internal: Endpoint,
        remote: Endpoint,
        now: SimTime,
    ) -> Option<Endpoint> {
        self.pass_time(now);
        let id = *self.by_internal.get(&(proto, internal, self.key(proto, remote)))?;
        Some(self.mapping(id).external)
    }

    /// The internal endpoint of a session, if there is one: what an ICMP error from outside is about. Nothing is refreshed, and nothing taken
    /// away (RFC 5508 REQ-4, RFC 4787 REQ-12).
    pub fn internal_of(
        &mut self,
        proto: Proto,
        external: Endpoint,
        remote: Endpoint,
        now: SimTime,
    ) -> Option<Endpoint> {
        self.pass_time(now);
        let id = self.find(proto, external, remote)?;
        self.sessions.contains_key(&(id, remote)).then(|| self.mapping(id).internal)
    }

    /// True if an external endpoint has a mapping.
    pub fn has_external(&mut self, proto: Proto, external: Endpoint, now: SimTime) -> bool {
        self.pass_time(now);
        self.at_external(proto, external).is_some()
    }

    fn key(&self, proto: Proto, remote: Endpoint) -> Key {
        match self.rules.mapping_of(proto) {
            Dependence::EndpointIndependent => ANY,
            Dependence::AddressDependent => (Some(remote.0), 0),
            Dependence::AddressAndPortDependent => (Some(remote.0), remote.1),
        }
    }

    pub(super) fn mapping(&self, id: u32) -> &Mapping {
        self.mappings[id as usize].as_ref().expect("maps name mappings that exist")
    }

    /// The first mapping of an external endpoint: the only one, unless ports are overloaded.
    pub(super) fn at_external(&self, proto: Proto, external: Endpoint) -> Option<u32> {
        let (found, id) = self.by_external.range((proto, external, ANY)..).next()?;
        ((found.0, found.1) == (proto, external)).then_some(*id)
    }

    /// The mapping that a packet from outside meets.
    fn find(&self, proto: Proto, external: Endpoint, remote: Endpoint) -> Option<u32> {
        if self.rules.mapping_of(proto) == Dependence::EndpointIndependent {
            // No mapping has another key.
            return self.by_external.get(&(proto, external, ANY)).copied();
        }
        let exact = self.by_external.get(&(proto, external, (Some(remote.0), remote.1))).copied();
        exact.or_else(|| self.at_external(proto, external))
    }

    /// Whether the filter of a mapping lets a remote endpoint in.
    fn lets_in(&self, id: u32, remote: Endpoint) -> bool {
        let mapping = self.mapping(id);
        let (first, last) = match self.rules.filtering_of(mapping.proto) {
            Dependence::EndpointIndependent => return true,
            Dependence::AddressDependent => ((remote.0, 0), (remote.0, u16::MAX)),
            Dependence::AddressAndPortDependent => (remote, remote),
        };
        let has_sent = |id: u32| self.sessions.range((id, first)..=(id, last)).next().is_some();
        if self.rules.filter_state == FilterState::PerMapping {
            return has_sent(id);
        }
        // Mappings that have sent there are for everyone, for that address, or for one of its ports.
        let (proto, internal) = (mapping.proto, mapping.internal);
        let for_all = self.by_internal.get(&(proto, internal, ANY));
        let for_it = (proto, internal, (Some(first.0), 0))..=(proto, internal, (Some(last.0), u16::MAX));
        for_all.into_iter().chain(self.by_internal.range(for_it).map(|(_, id)| id)).any(|id| has_sent(*id))
    }

    /// A packet of a mapping's session has passed.
    fn note(&mut self, id: u32, flow: &Flow, is_outbound: bool, now: SimTime) {
        let place = (id, flow.remote);
        let Some(flags) = flow.tcp else {
            if self.refresh(id, flow, now) {
                return;
            }
            let until = now.saturating_add(self.rules.time_out(flow.proto));
            self.mappings[id as usize].as_mut().expect("maps name mappings that exist").expires = until;
            // What comes in is no permission for more.
            if is_outbound {
                self.begin(place, State::Plain, until);
            }
            return;
        };
        let span = |refresh| match refresh {
            Refresh::Transitory => self.rules.tcp_transitory,
            Refresh::Established => self.rules.tcp_established,
        };
        let Some(session) = self.sessions.get_mut(&place) else {
            let until = now.saturating_add(self.rules.tcp_transitory);
            return self.begin(place, State::Opening { from_inside: is_outbound }, until);
        };
        let (state, refresh) = session.state.after(flags, is_outbound);
        session.state = state;
        let Some(refresh) = refresh else { return };
        session.expires = now.saturating_add(span(refresh));
        if session.expires < session.due {
            // Over earlier than before.
            self.due.remove(&(session.due, id, Some(flow.remote)));
            self.due.insert((session.expires, id, Some(flow.remote)));
            session.due = session.expires;
        }
    }

    /// A session of a mapping that has a timer is kept anew, and so is the mapping. False if there is no such session.
    fn refresh(&mut self, id: u32, flow: &Flow, now: SimTime) -> bool {
        let until = now.saturating_add(self.rules.time_out(flow.proto));
        let Some(session) = self.sessions.get_mut(&(id, flow.remote)) else { return false };
        session.expires = until;
        self.mappings[id as usize].as_mut().expect("maps name mappings that exist").expires = until;
        true
    }

    fn begin(&mut self, (id, remote): (u32, Endpoint), state: State, until: SimTime) {
        self.sessions.insert((id, remote), Session { state, expires: until, due: until });
        self.due.insert((until, id, Some(remote)));
        if let Some(mapping) = &mut self.mappings[id as usize] {
            mapping.sessions += 1;
            if mapping.due == SimTime::ZERO {
                mapping.due = mapping.expires;
                self.due.insert((mapping.due, id, None));
            }
        }
    }

    /// Takes away what is over by `now`.
    fn pass_time(&mut self, now: SimTime) {
        while let Some((_, id, remote)) = self.due.pop_first_if(now) {
            match remote {
                None => {
                    let Some(mapping) = &mut self.mappings[id as usize] else { continue };
                    if mapping.expires > now {
                        mapping.due = mapping.expires;
                        self.due.insert((mapping.due, id, None));
                    } else {
                        self.close(id);
                    }
                }
                Some(remote) => {
                    let Some(session) = self.sessions.get_mut(&(id, remote)) else { continue };
                    if session.expires > now {
                        session.due = session.expires;
                        self.due.insert((session.due, id, Some(remote)));
                    } else {
                        self.end(id, remote);
                    }
                }
            }
        }
    }

    /// A session is over, and a mapping of TCP with the last.
    fn end(&mut self, id: u32, remote: Endpoint) {
        self.sessions.remove(&(id, remote));
        let Some(mapping) = &mut self.mappings[id as usize] else { return };
        mapping.sessions -= 1;
        if mapping.sessions == 0 && mapping.proto == Proto::Tcp {
            self.close(id);
        }
    }

    /// A mapping is over, with all its sessions.
    fn close(&mut self, id: u32) {
        let Some(mapping) = self.mappings[id as usize].take() else { return };
        self.free.push(id);
        self.due.remove(&(mapping.due, id, None));
        let first = (id, (IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0));
        let all = self.sessions.range(first..=(id, LAST_ENDPOINT));
        let all: Vec<(Endpoint, SimTime)> = all.map(|((_, remote), session)| (*remote, session.due)).collect();
        for (remote, due) in all {
            self.sessions.remove(&(id, remote));
            self.due.remove(&(due, id, Some(remote)));
        }
        self.by_internal.remove(&(mapping.proto, mapping.internal, mapping.key));
        self.by_external.remove(&(mapping.proto, mapping.external, mapping.key));
        if let Some(taken) = self.taken.get_mut(&(mapping.proto, mapping.external.0)) {
            *taken -= 1;
        }
        if let Some(subscriber) = self.subscribers.get_mut(&mapping.internal.0) {
            subscriber.mappings -= 1;
            if subscriber.mappings == 0 {
                self.subscribers.remove(&mapping.internal.0);
            }
        }
    }

    /// A new mapping, without sessions yet.
    fn open(&mut self, beside: Option<&Self>, flow: &Flow, key: Key, draw: Draw<'_>) -> Result<u32, Refusal> {
        let (address, external) = match self.rules.translates {
            true => self.choose(beside, flow, key, draw).ok_or(Refusal::NoPort)?,
            false => (0, flow.local),
        };
        let expires = if flow.proto == Proto::Tcp { SimTime::MAX } else { SimTime::ZERO };
        let (proto, internal) = (flow.proto, flow.local);
        // Its timer starts with its first session, and that of TCP never.
        let due = expires;
        let mapping = Mapping { proto, internal, external, key, expires, due, sessions: 0 };
        let id = self.free.pop().unwrap_or(self.mappings.len() as u32);
        if id as usize == self.mappings.len() {
            self.mappings.push(None);
        }
        self.mappings[id as usize] = Some(mapping);
        self.by_internal.insert((proto, internal, key), id);
        self.by_external.insert((proto, external, key), id);
        if self.rules.translates {
            *self.taken.entry((proto, external.0)).or_default() += 1;
            self.last_port.insert((proto, external.0), external.1);
            self.subscribers.entry(internal.0).or_insert(Subscriber { address, mappings: 0 }).mappings += 1;
        }
        self.made += 1;
        self.most = self.most.max(self.by_internal.len() as u64);
        Ok(id)
    }

    /// The external endpoint of a new mapping, and the index of its address.
    fn choose(&mut self, beside: Option<&Self>, flow: &Flow, key: Key, draw: Draw<'_>) -> Option<(usize, Endpoint)> {
        let subscriber = self.subscribers.get(&flow.local.0).copied();
        if subscriber.is_some_and(|subscriber| subscriber.mappings >= self.rules.per_subscriber) {
            return None;
        }
        let drawn = if self.rules.ports == PortAssignment::Random { draw() } else { 0 };
        if self.rules.pooling == Pooling::Paired
            && let Some(subscriber) = subscriber
        {
            let address = subscriber.address;
            let port = self.choose_port(beside, flow, self.pool[address], key, drawn)?;
            return Some((address, (self.pool[address], port)));
        }
        let count = self.pool.len();
        for step in 0..count {
            let address = (self.next_address + step) % count;
            if let Some(port) = self.choose_port(beside, flow, self.pool[address], key, drawn) {
                self.next_address = (address + 1) % count;
                return Some((address, (self.pool[address], port)));
            }
        }
        None
    }
}

/// True for a segment that may begin a connection.
fn opens(flags: TcpFlags) -> bool {
    flags.has(TcpFlags::SYN) && !flags.has(TcpFlags::ACK) && !flags.has(TcpFlags::RST)
}

/// Takes the first entry out, if it is due.
trait PopDue<T> {
    fn pop_first_if(&mut self, now: SimTime) -> Option<T>;
}

impl PopDue<(SimTime, u32, Option<Endpoint>)> for BTreeSet<(SimTime, u32, Option<Endpoint>)> {
    fn pop_first_if(&mut self, now: SimTime) -> Option<(SimTime, u32, Option<Endpoint>)> {
        if self.first().is_some_and(|(at, ..)| *at <= now) { self.pop_first() } else { None }
    }
}

#[cfg(test)]
impl Table {
    /// How much it holds of what.
    pub(super) fn sizes(&self) -> [(&'static str, usize); 6] {
        [
            ("mappings", self.mappings.len() - self.free.len()),
            ("by_internal", self.by_internal.len()),
            ("by_external", self.by_external.len()),
            ("sessions", self.sessions.len()),
            ("due", self.due.len()),
            ("subscribers", self.subscribers.len()),
        ]
    }
}
