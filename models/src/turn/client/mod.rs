//! The machine that asks for a relayed address, keeps it, and uses it (RFC 8656 §6 to §12).

mod interface;
mod session;

pub use interface::{ClientConfig, Command, Counts, Envelope, Failure, Misuse, Notice};

use super::{PERMISSION_LIFETIME, PROTOCOL_UDP};
use crate::rope::Rope;
use crate::stun::transaction::{Due, TRANSACTION_ID, Transaction};
use crate::stun::wire::frame::{self, CHANNEL_HEADER_LEN, FIRST_CHANNEL, Frame, LAST_CHANNEL, channel_data};
use crate::stun::wire::{
    Attribute, Class, ErrorCode, Fields, MAX_DATA, Message, MessageType, Method, TransactionId, Writer,
};
use crate::stun::{DECODE, ENCODE};
use protosim_core::{Deadline, LocalTime, Machine, MachineCx, Span};
use session::{Renewal, Session};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{IpAddr, SocketAddr};

/// What is renewed is renewed so long before it ends (our choice; §8.1 leaves it open).
const MARGIN: Span = Span::from_secs(60);
/// How often in succession a new nonce is tried for one request (our choice).
const MOST_NONCES: u8 = 3;

/// A request's purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    Allocate,
    Refresh,
    Release,
    Permit(IpAddr),
    Bind(SocketAddr, u16),
}

#[derive(Clone, Debug)]
struct Pending {
    transaction: Transaction,
    what: What,
    /// With credentials.
    is_signed: bool,
    /// How many new nonces were tried.
    nonces: u8,
    /// An answer came whose integrity was wrong.
    was_forged: bool,
}

#[derive(Clone, Debug)]
enum State {
    Idle,
    Allocating,
    Allocated(Allocation),
    Releasing,
}

#[derive(Clone, Debug)]
struct Allocation {
    refresh: Renewal,
    permissions: BTreeMap<IpAddr, Renewal>,
    channels: BTreeMap<SocketAddr, (u16, Renewal)>,
    next_channel: u16,
}

/// A client of one server, with one allocation.
#[derive(Clone, Debug)]
pub struct Client {
    config: ClientConfig,
    state: State,
    session: Option<Session>,
    pending: BTreeMap<TransactionId, Pending>,
    counts: Counts,
}

type Cx<'a> = MachineCx<'a, Client>;

impl Client {
    /// A client that has done nothing yet.
    pub fn new(config: ClientConfig) -> Self {
        Self { config, state: State::Idle, session: None, pending: BTreeMap::new(), counts: Counts::default() }
    }

    /// What became of messages so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether the server has permitted this address, so that data for it are not lost there.
    pub fn permits(&self, ip: IpAddr) -> bool {
        self.allocation().is_some_and(|own| own.permissions.get(&ip).is_some_and(|renewal| !renewal.is_first()))
    }

    /// Whether this is the transaction of a request that awaits its response.
    pub fn awaits(&self, id: TransactionId) -> bool {
        self.pending.contains_key(&id)
    }

    fn ask(&mut self, what: What, nonces: u8, cx: &mut Cx<'_>) {
        let id = Transaction::draw_id(cx.rng(TRANSACTION_ID));
        let writer = self.request(what, id);
        let is_signed = self.session.is_some();
        let bytes = match &self.session {
            Some(session) => session.sign(writer, &self.config.username),
            None => writer.finish(),
        };
        cx.spend(ENCODE, bytes.len() as u64);
        let (request, timing) = (Rope::from(bytes), self.config.timing);
        let transaction =
            Transaction::new(id, self.config.server, request.clone(), timing, self.config.is_stream, cx.now());
        self.pending.insert(id, Pending { transaction, what, is_signed, nonces, was_forged: false });
        self.counts.requests += 1;
        self.transmit(request, cx);
    }

    fn transmit(&mut self, payload: Rope, cx: &mut Cx<'_>) {
        self.counts.transmissions += 1;
        cx.transmit(Envelope { peer: self.config.server, payload });
    }

    fn request(&self, what: What, id: TransactionId) -> Writer {
        let writer = |method| Writer::new(MessageType::new(Class::Request, method), id);
        let lifetime = self.config.lifetime.map(|span| Attribute::Lifetime(whole_seconds(span)));
        match what {
            What::Allocate => writer(Method::ALLOCATE)
                .with(Attribute::RequestedTransport(PROTOCOL_UDP))
                .with_if(lifetime)
                .with_if(self.config.family.map(Attribute::RequestedAddressFamily))
                .with_if(self.config.even_port.map(Attribute::EvenPort))
                .with_if(self.config.token.map(Attribute::ReservationToken)),
            What::Refresh => writer(Method::REFRESH).with_if(lifetime),
            What::Release => writer(Method::REFRESH).with(Attribute::Lifetime(0)),
            // The port is not looked at (§10.1).
            What::Permit(ip) => {
                writer(Method::CREATE_PERMISSION).with(Attribute::XorPeerAddress(SocketAddr::new(ip, 0)))
            }
            What::Bind(peer, number) => writer(Method::CHANNEL_BIND)
                .with(Attribute::ChannelNumber(number))
                .with(Attribute::XorPeerAddress(peer)),
        }
    }

    fn stun(&mut self, payload: &Rope, cx: &mut Cx<'_>) {
        let bytes = payload.to_bytes();
        cx.spend(DECODE, bytes.len() as u64);
        let message = match Message::parse(&bytes) {
            Ok(message) if crate::stun::integrity::check_fingerprint(&message) != Some(false) => message,
            _ => {
                self.counts.dropped += 1;
                return;
            }
        };
        match (message.class(), message.method()) {
            (Class::Indication, Method::DATA) => self.data(&message, payload, cx),
            (Class::Success | Class::Error, _) => self.response(&message, cx),
            _ => self.counts.dropped += 1,
        }
    }

    /// A Data indication (§11.4): of a peer that is permitted, else it is no answer to anything of ours.
    fn data(&mut self, message: &Message<'_>, payload: &Rope, cx: &mut Cx<'_>) {
        let fields = Fields::read(message);
        if let (Some((start, len)), [peer, ..]) = (fields.data, fields.peers.as_slice())
            && self.allocation().is_some_and(|allocation| allocation.permissions.contains_key(&peer.ip()))
        {
            self.counts.received += 1;
            cx.notify(Notice::Received(*peer, payload.slice(start as u64, len as u64)));
        } else {
            self.counts.dropped += 1;
        }
    }

    fn channel_data(&mut self, number: u16, len: u64, payload: &Rope, cx: &mut Cx<'_>) {
        let data = payload.slice(CHANNEL_HEADER_LEN, len);
        let channels = self.allocation().map(|allocation| &allocation.channels);
        let peer = channels.and_then(|channels| channels.iter().find(|(_, (own, _))| *own == number));
        match peer.map(|(peer, _)| *peer).filter(|_| data.len() == len) {
            Some(peer) => {
                self.counts.received += 1;
                cx.notify(Notice::Received(peer, data));
            }
            None => self.counts.dropped += 1,
        }
    }

    fn allocation(&self) -> Option<&Allocation> {
        match &self.state {
            State::Allocated(allocation) => Some(allocation),
            _ => None,
        }
    }

    fn allocation_mut(&mut self) -> Option<&mut Allocation> {
        match &mut self.state {
            State::Allocated(allocation) => Some(allocation),
            _ => None,
        }
    }

    /// A response (RFC 8489 §6.3.3, §9.2.5).
    fn response(&mut self, message: &Message<'_>, cx: &mut Cx<'_>) {
        let id = message.transaction();
        let Some(pending) = self.pending.get_mut(&id).filter(|pending| pending.what.method() == message.method())
        else {
            self.counts.dropped += 1;
            return;
        };
        let fields = Fields::read(message);
        // Of an error alone: a success that pretends to be one too has to prove itself.
        let is_challenge = message.class() == Class::Error
            && matches!(fields.error, Some(ErrorCode::UNAUTHENTICATED | ErrorCode::STALE_NONCE));
        if pending.is_signed && !is_challenge {
            let fits = self.session.as_ref().is_some_and(|session| session.fits(message));
            if !fits {
                self.counts.dropped += 1;
                pending.was_forged = true;
                // Over a stream nothing can come in between: the server itself is wrong.
                if self.config.is_stream {
                    self.fail_pending(id, Failure::Integrity, cx);
                }
                return;
            }
        }
        let Some(Pending { what, is_signed, nonces, .. }) = self.pending.remove(&id) else { return };
        match (message.class(), fields.error) {
            (Class::Error, Some(code)) if is_challenge => {
                self.counts.challenges += 1;
                self.challenged(what, code, is_signed, nonces, &fields, cx);
            }
            (Class::Error, code) => {
                self.fail(what, code.map_or(Failure::Unusable, Failure::Refused), cx);
            }
            _ if !fields.unknown.is_empty() => self.fail(what, Failure::Unusable, cx),
            _ => self.succeed(what, &fields, cx),
        }
    }

    /// 401 to a request without credentials, and 438, are tried again; 401 to one with them is the end (§9.2.5).
    fn challenged(
        &mut self,
        what: What,
        code: ErrorCode,
        is_signed: bool,
        nonces: u8,
        fields: &Fields<'_>,
        cx: &mut Cx<'_>,
    ) {
        let is_final = if code == ErrorCode::UNAUTHENTICATED { is_signed } else { nonces >= MOST_NONCES };
        if is_final {
            return self.fail(what, Failure::Refused(code), cx);
        }
        match Session::new(fields, &self.config.username, &self.config.password) {
            Some(session) => {
                self.session = Some(session);
                self.ask(what, nonces + u8::from(code == ErrorCode::STALE_NONCE), cx);
            }
            None => self.fail(what, Failure::Unusable, cx),
        }
    }

    fn succeed(&mut self, what: What, fields: &Fields<'_>, cx: &mut Cx<'_>) {
        let now = cx.now();
        let granted = fields.lifetime.map(|seconds| Span::from_secs(u64::from(seconds)));
        match what {
            What::Allocate => {
                let (Some(relayed), Some(mapped), Some(lifetime)) = (fields.relayed, fields.xor_mapped, granted) else {
                    return self.fail(what, Failure::Unusable, cx);
                };
                let (permissions, channels) = (BTreeMap::new(), BTreeMap::new());
                let refresh = Renewal::at(now.saturating_add(before_end(lifetime)));
                let next_channel = FIRST_CHANNEL;
                self.state = State::Allocated(Allocation { refresh, permissions, channels, next_channel });
                cx.notify(Notice::Allocated { relayed, mapped, lifetime, token: fields.token });
            }
            What::Refresh => {
                let lifetime = granted.unwrap_or(super::DEFAULT_LIFETIME);
                if let Some(allocation) = self.allocation_mut() {
                    allocation.refresh = Renewal::at(now.saturating_add(before_end(lifetime)));
                }
            }
            What::Release => self.released(cx),
            What::Permit(ip) => self.permitted(ip, cx),
            What::Bind(peer, number) => {
                let renewal = Renewal::at(now.saturating_add(before_end(super::CHANNEL_LIFETIME)));
                let Some(allocation) = self.allocation_mut() else { return };
                let before = allocation.channels.insert(peer, (number, renewal));
                self.permitted(peer.ip(), cx);
                if before.is_none_or(|(_, before)| before.is_first()) {
                    cx.notify(Notice::Bound(peer, number));
                }
            }
        }
    }

    fn permitted(&mut self, ip: IpAddr, cx: &mut Cx<'_>) {
        let at = cx.now().saturating_add(before_end(PERMISSION_LIFETIME));
        let Some(allocation) = self.allocation_mut() else { return };
        let before = allocation.permissions.insert(ip, Renewal::at(at));
        if before.is_none_or(|before| before.is_first()) {
            cx.notify(Notice::Permitted(ip));
        }
    }

    fn released(&mut self, cx: &mut Cx<'_>) {
        self.state = State::Idle;
        self.pending.clear();
        cx.notify(Notice::Released);
    }

    /// RFC 8489 §6.2.1: a hard error of ICMP ends a transaction; §6.2.2: so does the end of its connection.
    fn unreachable(&mut self, cx: &mut Cx<'_>) {
        let all_is_lost = self.config.is_stream && !matches!(self.state, State::Idle | State::Releasing);
        if all_is_lost {
            return self.fail(What::Refresh, Failure::Unreachable, cx);
        }
        let ids: Vec<TransactionId> = self.pending.keys().copied().collect();
        ids.into_iter().for_each(|id| self.fail_pending(id, Failure::Unreachable, cx));
    }

    fn fail_pending(&mut self, id: TransactionId, failure: Failure, cx: &mut Cx<'_>) {
        if let Some(pending) = self.pending.remove(&id) {
            self.fail(pending.what, failure, cx);
        }
    }

    fn fail(&mut self, what: What, failure: Failure, cx: &mut Cx<'_>) {
        match what {
            What::Allocate | What::Refresh => {
                self.state = State::Idle;
                self.pending.clear();
                cx.notify(Notice::Lost(failure));
            }
            // Whatever the server says, 437 for one that has gone already among it (§8.3): there is none any more.
            What::Release => self.released(cx),
            What::Permit(ip) => {
                if let Some(allocation) = self.allocation_mut() {
                    allocation.permissions.remove(&ip);
                }
                cx.notify(Notice::NotPermitted(ip, failure));
            }
            What::Bind(peer, _) => {
                if let Some(allocation) = self.allocation_mut() {
                    allocation.channels.remove(&peer);
                }
                cx.notify(Notice::NotBound(peer, failure));
            }
        }
    }

    fn send(&mut self, peer: SocketAddr, data: &Rope, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        let allocation = self.allocation().ok_or(Misuse::NotAllocated)?;
        if data.len() > MAX_DATA {
            return Err(Misuse::TooLarge);
        }
        let channel = allocation.channels.get(&peer).filter(|(_, renewal)| !renewal.is_first());
        let is_permitted = allocation.permissions.get(&peer.ip()).is_some_and(|renewal| !renewal.is_first());
        let payload = match channel {
            Some((number, _)) => channel_data(*number, data, self.config.is_stream),
            None if !is_permitted => return Err(Misuse::NotPermitted),
            None => {
                let id = Transaction::draw_id(cx.rng(TRANSACTION_ID));
                let writer = Writer::new(MessageType::new(Class::Indication, Method::SEND), id);
                writer.with(Attribute::XorPeerAddress(peer)).finish_with_data(data)
            }
        };
        self.counts.sent += 1;
        cx.transmit(Envelope { peer: self.config.server, payload });
        Ok(())
    }

    fn bind(&mut self, peer: SocketAddr, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        let allocation = self.allocation_mut().ok_or(Misuse::NotAllocated)?;
        if allocation.channels.contains_key(&peer) {
            return Ok(());
        }
        // A number is never used for two peers, so that the wait of §12 cannot be too short.
        let number = allocation.next_channel;
        if number > LAST_CHANNEL {
            return Err(Misuse::NoChannel);
        }
        allocation.next_channel += 1;
        allocation.channels.insert(peer, (number, Renewal::first()));
        self.ask(What::Bind(peer, number), 0, cx);
        Ok(())
    }

    /// Sends again what is due, and gives up what has had its time.
    fn retransmit(&mut self, cx: &mut Cx<'_>) {
        let due = |pending: &&Pending| pending.transaction.deadline().at <= cx.now();
        let ids: Vec<TransactionId> =
            self.pending.values().filter(due).map(|pending| pending.transaction.id()).collect();
        for id in ids {
            let Some(pending) = self.pending.get_mut(&id) else { continue };
            match pending.transaction.handle_timeout(cx.now()) {
                None => {}
                Some(Due::Again(request)) => self.transmit(request, cx),
                Some(Due::Failed) => {
                    let failure = if pending.was_forged { Failure::Integrity } else { Failure::TimedOut };
                    self.fail_pending(id, failure, cx);
                }
            }
        }
    }

    /// Asks for what ends soon.
    fn renew(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now();
        let Some(allocation) = self.allocation_mut() else { return };
        let mut due = Vec::new();
        if allocation.refresh.take_due(now) {
            due.push(What::Refresh);
        }
        for (peer, (number, renewal)) in &mut allocation.channels {
            if renewal.take_due(now) {
                due.push(What::Bind(*peer, *number));
            }
        }
        for (ip, renewal) in &mut allocation.permissions {
            if renewal.take_due(now) {
                due.push(What::Permit(*ip));
            }
        }
        due.into_iter().for_each(|what| self.ask(what, 0, cx));
    }
}

impl What {
    const fn method(self) -> Method {
        match self {
            Self::Allocate => Method::ALLOCATE,
            Self::Refresh | Self::Release => Method::REFRESH,
            Self::Permit(_) => Method::CREATE_PERMISSION,
            Self::Bind(..) => Method::CHANNEL_BIND,
        }
    }
}

/// When something that lasts so long is asked for again.
fn before_end(lifetime: Span) -> Span {
    let half = Span::from_nanos(lifetime.as_nanos() / 2);
    lifetime.saturating_sub(MARGIN).max(half)
}

/// LIFETIME of a span.
fn whole_seconds(span: Span) -> u32 {
    u32::try_from(span.as_nanos() / protosim_core::time::NANOS_PER_SEC).unwrap_or(u32::MAX)
}

impl Machine for Client {
    type Message = Envelope;
    type Command = Command;
    type Notice = Notice;
    type Trace = std::convert::Infallible;
    type Misuse = Misuse;

    fn handle_message(&mut self, message: Envelope, cx: &mut Cx<'_>) {
        if message.peer != self.config.server {
            self.counts.dropped += 1;
            return;
        }
        match frame::head(&message.payload).and_then(frame::frame) {
            Some(Frame::Channel(number, len)) => self.channel_data(number, u64::from(len), &message.payload, cx),
            Some(Frame::Stun) => self.stun(&message.payload, cx),
            None => self.counts.dropped += 1,
        }
    }

    fn handle_command(&mut self, command: Command, cx: &mut Cx<'_>) -> Result<(), Misuse> {
        match command {
            Command::Allocate => match self.state {
                State::Idle => {
                    self.state = State::Allocating;
                    self.ask(What::Allocate, 0, cx);
                    Ok(())
                }
                _ => Err(Misuse::Allocated),
            },
            Command::Permit(ip) => {
                let allocation = self.allocation_mut().ok_or(Misuse::NotAllocated)?;
                if let Entry::Vacant(vacant) = allocation.permissions.entry(ip) {
                    vacant.insert(Renewal::first());
                    self.ask(What::Permit(ip), 0, cx);
                }
                Ok(())
            }
            Command::Bind(peer) => self.bind(peer, cx),
            Command::Send(peer, data) => self.send(peer, &data, cx),
            Command::Unreachable => {
                self.unreachable(cx);
                Ok(())
            }
            Command::Release => {
                self.allocation().ok_or(Misuse::NotAllocated)?;
                self.state = State::Releasing;
                // What else was asked for does not matter any more.
                self.pending.clear();
                self.ask(What::Release, 0, cx);
                Ok(())
            }
        }
    }

    fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        self.retransmit(cx);
        self.renew(cx);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let requests = self.pending.values().map(|pending| pending.transaction.deadline());
        let renewals = self.allocation().into_iter().flat_map(|allocation| {
            let permissions = allocation.permissions.values();
            let channels = allocation.channels.values().map(|(_, renewal)| renewal);
            std::iter::once(&allocation.refresh).chain(permissions).chain(channels)
        });
        let renewals = renewals.filter_map(Renewal::due).map(|at: LocalTime| Deadline { at, timer: "TURN refresh" });
        requests.chain(renewals).min_by_key(|deadline| deadline.at)
    }
}
