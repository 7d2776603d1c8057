//! The machine that relays (RFC 8656 §5, §7 to §12).

mod allocation;
mod config;
mod ports;
mod requests;

pub use config::ServerConfig;

use super::RELAY;
use crate::rope::Rope;
use crate::stun::auth::{Authenticator, Granted};
use crate::stun::integrity::{BadText, check_fingerprint};
use crate::stun::server::NoMisuse;
use crate::stun::transaction::{TRANSACTION_ID, Transaction};
use crate::stun::wire::frame::{self, CHANNEL_HEADER_LEN, Frame, channel_data};
use crate::stun::wire::{
    Attribute, AttributeType, Class, ErrorCode, Fields, MAX_DATA, Message, MessageType, Method, Writer,
};
use crate::stun::{DECODE, ENCODE};
use allocation::Allocation;
use ports::Ports;
use protosim_core::{Deadline, LocalTime, Machine, MachineCx};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// How a client reaches the server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Transport {
    /// Each message in a datagram.
    Udp,
    /// Messages one behind the other on a TCP connection.
    Tcp,
    /// The same, protected by TLS.
    Tls,
}

impl Transport {
    /// True if messages come one behind the other.
    pub const fn is_stream(self) -> bool {
        !matches!(self, Self::Udp)
    }
}

/// What names an allocation (§3.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FiveTuple {
    /// The client's end, as the server sees it.
    pub client: SocketAddr,
    /// The server's end.
    pub server: SocketAddr,
    /// Between them.
    pub transport: Transport,
}

/// Where a payload comes from or goes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// A client; over a stream the payload is one frame.
    Client(FiveTuple),
    /// A peer, from or to a relayed address.
    Peer {
        /// The relayed address.
        relayed: SocketAddr,
        /// The peer.
        peer: SocketAddr,
    },
}

/// A payload, and where it comes from or goes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// Where.
    pub place: Place,
    /// What.
    pub payload: Rope,
}

/// What the host tells the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// A client's stream is over: so is its allocation (§3.2).
    Disconnected(FiveTuple),
    /// A relayed address could not be opened: its allocation is over.
    Unavailable(SocketAddr),
}

/// What the machine tells the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notice {
    /// Datagrams to this relayed address are wanted from now on.
    Opened(SocketAddr),
    /// They are not any more.
    Closed(SocketAddr),
}

/// What became of messages and packets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Binding requests that were answered.
    pub bindings: u64,
    /// Allocations that were made.
    pub allocations: u64,
    /// Allocations that ended because nobody refreshed them.
    pub expired_allocations: u64,
    /// Answers with an error, by its number.
    pub refused: BTreeMap<u16, u64>,
    /// Packets to peers.
    pub to_peers: u64,
    /// Packets to clients.
    pub to_clients: u64,
    /// Packets of clients to peers without a permission.
    pub unpermitted_to_peers: u64,
    /// Packets of peers without a permission.
    pub unpermitted_from_peers: u64,
    /// ChannelData on channels that are not bound.
    pub unbound_channels: u64,
    /// Send indications and ChannelData of clients without an allocation, and datagrams to relayed addresses without one.
    pub without_allocation: u64,
    /// What is neither STUN nor ChannelData, is malformed, has a wrong fingerprint, or is for nobody here.
    pub dropped: u64,
}

/// Relays between clients and peers.
#[derive(Clone, Debug)]
pub struct Server {
    config: ServerConfig,
    authenticator: Authenticator,
    ports: Ports,
    allocations: BTreeMap<FiveTuple, Allocation>,
    /// Whose each relayed address is.
    relayed: BTreeMap<SocketAddr, FiveTuple>,
    /// When allocations end, in order.
    ends: BTreeSet<(LocalTime, FiveTuple)>,
    counts: Counts,
}

type Cx<'a> = MachineCx<'a, Server>;

impl Server {
    /// A server.
    ///
    /// # Errors
    /// When a name, realm or password cannot be one.
    pub fn new(config: ServerConfig) -> Result<Self, BadText> {
        let authenticator = config.credentials.authenticator()?;
        let ports = Ports::new(config.relay_addresses.clone(), config.first_port..=config.last_port);
        let (allocations, relayed, ends) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Ok(Self { config, authenticator, ports, allocations, relayed, ends, counts: Counts::default() })
    }

    /// What became of messages and packets so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// How many allocations there are.
    pub fn allocations(&self) -> usize {
        self.allocations.len()
    }

    fn take_from_client(&mut self, tuple: FiveTuple, payload: &Rope, cx: &mut Cx<'_>) {
        match frame::head(payload).and_then(frame::frame) {
            Some(Frame::Channel(number, len)) => self.channel_data(tuple, number, u64::from(len), payload, cx),
            Some(Frame::Stun) => self.stun(tuple, payload, cx),
            None => self.counts.dropped += 1,
        }
    }

    /// ChannelData of a client (§12.6). Over UDP there may be padding behind the data, and over none there are fewer than it says.
    fn channel_data(&mut self, tuple: FiveTuple, number: u16, len: u64, payload: &Rope, cx: &mut Cx<'_>) {
        let data = payload.slice(CHANNEL_HEADER_LEN, len);
        if data.len() < len {
            self.counts.dropped += 1;
            return;
        }
        let Some(allocation) = alive(&self.allocations, tuple, cx.now()) else {
            self.counts.without_allocation += 1;
            return;
        };
        match allocation.peer_of(number, cx.now()) {
            Some(peer) => self.send_to_peer(tuple, peer, data, cx),
            None => self.counts.unbound_channels += 1,
        }
    }

    fn stun(&mut self, tuple: FiveTuple, payload: &Rope, cx: &mut Cx<'_>) {
        let bytes = payload.to_bytes();
        cx.spend(DECODE, bytes.len() as u64);
        let Ok(message) = Message::parse(&bytes) else {
            self.counts.dropped += 1;
            return;
        };
        if check_fingerprint(&message) == Some(false) {
            self.counts.dropped += 1;
            return;
        }
        match (message.class(), message.method()) {
            (Class::Indication, Method::SEND) => self.send_indication(tuple, &message, payload, cx),
            (Class::Indication, Method::BINDING) => {}
            (Class::Request, Method::BINDING) => self.binding(tuple, &message, cx),
            (Class::Request, Method::ALLOCATE | Method::REFRESH | Method::CREATE_PERMISSION | Method::CHANNEL_BIND) => {
                self.request(tuple, &message, cx)
            }
            _ => self.counts.dropped += 1,
        }
    }

    /// A Send indication (§11.2). It is never answered.
    fn send_indication(&mut self, tuple: FiveTuple, message: &Message<'_>, payload: &Rope, cx: &mut Cx<'_>) {
        let fields = Fields::read(message);
        let is_whole = fields.unknown.is_empty() && fields.malformed.is_none();
        let (Some((start, len)), [peer, ..], true) = (fields.data, fields.peers.as_slice(), is_whole) else {
            self.counts.dropped += 1;
            return;
        };
        if alive(&self.allocations, tuple, cx.now()).is_none() {
            self.counts.without_allocation += 1;
            return;
        }
        // From the rope, not from the bytes that were read: bulk data stay virtual.
        self.send_to_peer(tuple, *peer, payload.slice(start as u64, len as u64), cx);
    }

    /// Sends to a peer, if it is permitted.
    fn send_to_peer(&mut self, tuple: FiveTuple, peer: SocketAddr, data: Rope, cx: &mut Cx<'_>) {
        let Some(allocation) = alive(&self.allocations, tuple, cx.now()) else { return };
        if !allocation.permits(peer.ip(), cx.now()) {
            self.counts.unpermitted_to_peers += 1;
            return;
        }
        let place = Place::Peer { relayed: allocation.relayed, peer };
        cx.spend(RELAY, data.len());
        self.counts.to_peers += 1;
        cx.transmit(Envelope { place, payload: data });
    }

    /// A datagram to a relayed address (§11.3, §12.7).
    fn take_from_peer(&mut self, relayed: SocketAddr, peer: SocketAddr, data: &Rope, cx: &mut Cx<'_>) {
        let now = cx.now();
        let owner = self.relayed.get(&relayed).copied();
        let Some((tuple, allocation)) = owner.and_then(|tuple| Some((tuple, alive(&self.allocations, tuple, now)?)))
        else {
            self.counts.without_allocation += 1;
            return;
        };
        if !allocation.permits(peer.ip(), now) {
            self.counts.unpermitted_from_peers += 1;
            return;
        }
        if data.len() > MAX_DATA {
            self.counts.dropped += 1;
            return;
        }
        let payload = match allocation.channel_of(peer, now) {
            Some(number) => channel_data(number, data, tuple.transport.is_stream()),
            None => {
                let id = Transaction::draw_id(cx.rng(TRANSACTION_ID));
                let writer = Writer::new(MessageType::new(Class::Indication, Method::DATA), id);
                writer.with(Attribute::XorPeerAddress(peer)).finish_with_data(data)
            }
        };
        cx.spend(RELAY, data.len());
        self.counts.to_clients += 1;
        cx.transmit(Envelope { place: Place::Client(tuple), payload });
    }

    /// A Binding request, which needs no credentials: clients of TURN ask servers for their mapped address, too.
    fn binding(&mut self, tuple: FiveTuple, message: &Message<'_>, cx: &mut Cx<'_>) {
        let fields = Fields::read(message);
        let writer = |class| Writer::new(MessageType::new(class, Method::BINDING), message.transaction());
        let mut unknown = fields.unknown.clone();
        // Those of behaviour discovery: a relay has one address for it.
        unknown.extend(fields.change.map(|_| AttributeType::CHANGE_REQUEST));
        unknown.extend(fields.response_port.map(|_| AttributeType::RESPONSE_PORT));
        let writer = if unknown.is_empty() {
            self.counts.bindings += 1;
            writer(Class::Success).with(Attribute::XorMappedAddress(tuple.client))
        } else {
            self.count_refused(ErrorCode::UNKNOWN_ATTRIBUTE);
            writer(Class::Error).error(ErrorCode::UNKNOWN_ATTRIBUTE).unknown(&unknown)
        };
        let _sent = self.send(tuple, writer, &Granted::default(), fields.has_fingerprint, cx);
    }

    /// Finishes an answer and sends it; says what was sent.
    fn send(&self, tuple: FiveTuple, writer: Writer, granted: &Granted, fingerprint: bool, cx: &mut Cx<'_>) -> Rope {
        let writer = writer.with_if(self.config.software.as_deref().map(Attribute::Software));
        let payload = Rope::from(granted.seal(writer, fingerprint));
        cx.spend(ENCODE, payload.len());
        cx.transmit(Envelope { place: Place::Client(tuple), payload: payload.clone() });
        payload
    }

    fn count_refused(&mut self, code: ErrorCode) {
        *self.counts.refused.entry(code.0).or_default() += 1;
    }

    /// Ends an allocation.
    fn remove(&mut self, tuple: FiveTuple, cx: &mut Cx<'_>) {
        let Some(allocation) = self.allocations.remove(&tuple) else { return };
        self.ends.remove(&(allocation.expires, tuple));
        self.relayed.remove(&allocation.relayed);
        self.ports.free(allocation.relayed);
        cx.release(allocation.bytes());
        cx.notify(Notice::Closed(allocation.relayed));
    }

    /// Ends what is over.
    fn expire(&mut self, cx: &mut Cx<'_>) {
        self.ports.expire(cx.now());
        while let Some((_, tuple)) = self.ends.first().copied().filter(|(end, _)| *end <= cx.now()) {
            self.counts.expired_allocations += 1;
            self.remove(tuple, cx);
        }
    }
}

/// The allocation of a client, unless it is over: its timer may come later in the same instant.
fn alive(allocations: &BTreeMap<FiveTuple, Allocation>, tuple: FiveTuple, now: LocalTime) -> Option<&Allocation> {
    allocations.get(&tuple).filter(|allocation| now < allocation.expires)
}

impl Machine for Server {
    type Message = Envelope;
    type Command = Command;
    type Notice = Notice;
    type Trace = std::convert::Infallible;
    type Misuse = NoMisuse;

    fn handle_message(&mut self, message: Envelope, cx: &mut Cx<'_>) {
        match message.place {
            Place::Client(tuple) => self.take_from_client(tuple, &message.payload, cx),
            Place::Peer { relayed, peer } => self.take_from_peer(relayed, peer, &message.payload, cx),
        }
    }

    fn handle_command(&mut self, command: Command, cx: &mut Cx<'_>) -> Result<(), NoMisuse> {
        match command {
            Command::Disconnected(tuple) => self.remove(tuple, cx),
            Command::Unavailable(relayed) => {
                if let Some(tuple) = self.relayed.get(&relayed).copied() {
                    self.remove(tuple, cx);
                }
            }
        }
        Ok(())
    }

    fn handle_timeout(&mut self, cx: &mut Cx<'_>) {
        self.expire(cx);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let allocation = self.ends.first().map(|(at, _)| Deadline { at: *at, timer: "TURN allocation" });
        let kept = self.ports.next_expiry().map(|at| Deadline { at, timer: "TURN reservation" });
        allocation.into_iter().chain(kept).min_by_key(|deadline| deadline.at)
    }
}
