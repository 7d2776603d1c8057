//! What users tell an agent and are told.

use crate::ice::candidate::{Candidate, CandidateKind, Protocol};
use crate::nat::Nat64Prefix;
use crate::rope::Rope;
use crate::stun::Timing;
use crate::stun::wire::Family;
use crate::turn::Transport;
use protosim_core::Span;
use std::net::SocketAddr;
use std::sync::Arc;

/// What an agent can do (RFC 8445 §2.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// It gathers candidates of all kinds and makes checks.
    Full,
    /// It has candidates of its interfaces alone, and answers checks: for servers that everybody reaches.
    Lite,
}

/// Who nominates (RFC 8445 §6.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// This agent.
    Controlling,
    /// Its peer.
    Controlled,
}

/// What an agent is made of. Agents with the same settings share one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AgentConfig {
    /// What it can do.
    pub mode: Mode,
    /// The components of each data stream, at least one.
    pub streams: Vec<u16>,
    /// The servers that it gathers with.
    pub servers: Vec<ServerSpec>,
    /// The prefix under which a NAT64 shows IPv4 hosts to an end that has IPv6 alone: it tries the peer's IPv4 addresses there.
    pub nat64: Option<Nat64Prefix>,
    /// Only relayed candidates are told and used, as where addresses are to stay hidden.
    pub relays_only: bool,
    /// Candidates are told as they are found (RFC 8838), so that none being there yet is no failure.
    pub trickle: bool,
    /// From one transaction's beginning to the next one's. RFC 8445 §14.2: 50 ms, at least 5 ms.
    pub ta: Span,
    /// Waits for answers. Its RTO is the least one; §14.3 makes it longer where there are many candidates or pairs.
    pub timing: Timing,
    /// How long a valid pair waits for better ones before it is nominated; §8.1.1 leaves that to the agent.
    pub patience: Span,
    /// The same where a relay is in the pair.
    pub relay_patience: Span,
    /// An agent does not fail before that long has passed since its checks began. RFC 8863 §4: 39.5 s.
    pub least_time: Span,
    /// It has failed when that long has passed since, whatever still goes on.
    pub most_time: Span,
    /// Between requests for consent, before they are spread by 0.8 to 1.2. RFC 7675 §5.1: 5 s.
    pub consent_interval: Span,
    /// Consent is over that long after the last answer. RFC 7675 §5.1: 30 s.
    pub consent_expiry: Span,
    /// A notice is given when no answer has come for that long, so that its user may look for another pair.
    pub doubt_after: Option<Span>,
    /// Most pairs of all check lists (RFC 8445 §6.1.2.5: 100).
    pub most_pairs: usize,
}

impl AgentConfig {
    /// A full agent of one stream with one component, without servers, and with everything else as the standards have it.
    pub fn new() -> Self {
        Self {
            mode: Mode::Full,
            streams: vec![1],
            servers: Vec::new(),
            nat64: None,
            relays_only: false,
            trickle: false,
            ta: Span::from_millis(50),
            timing: Timing::default(),
            patience: Span::from_millis(200),
            relay_patience: Span::from_secs(1),
            least_time: Span::from_millis(39_500),
            most_time: Span::from_secs(60),
            consent_interval: Span::from_secs(5),
            consent_expiry: Span::from_secs(30),
            doubt_after: None,
            most_pairs: 100,
        }
    }
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// A server to gather with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerSpec {
    /// Its end.
    pub address: SocketAddr,
    /// How it is reached; a server of STUN over UDP alone.
    pub transport: Transport,
    /// Name and password for relayed addresses; a server of STUN has none.
    pub account: Option<Account>,
    /// The family of the addresses that it is asked to lend. `None`: IPv4, without saying so (RFC 8656 §7.1).
    pub lends: Option<Family>,
}

/// Name and password at a server of TURN.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// The name.
    pub name: Box<str>,
    /// The password.
    pub password: Box<str>,
}

/// A component of a data stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Component {
    /// The stream, from 0.
    pub stream: usize,
    /// The component, from 1.
    pub number: u16,
}

/// A socket that an agent may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Base {
    /// For which component.
    pub component: Component,
    /// Its address; of an active end of TCP any port that no other active one of this address has, which is told to nobody.
    pub address: SocketAddr,
    /// Of which protocol.
    pub protocol: Protocol,
    /// How many of the agent's addresses it prefers to this one.
    pub rank: u32,
}

/// What an agent is told of its peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemoteDescription {
    /// Its name of this session.
    pub ufrag: Box<str>,
    /// Its password.
    pub pwd: Box<str>,
    /// It makes no checks.
    pub is_lite: bool,
    /// The candidates of each stream.
    pub candidates: Vec<Vec<Candidate>>,
    /// No more follow.
    pub is_complete: bool,
    /// The pace that it wants.
    pub pacing: Option<Span>,
}

/// Where a message comes from or goes to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// A datagram between a base of this agent and a peer or server.
    Udp {
        /// This end.
        base: SocketAddr,
        /// The other end.
        peer: SocketAddr,
    },
    /// A connection between a base and a peer, with frames of RFC 4571, which are its user's to make; it is opened by the first message
    /// of an active base.
    Tcp {
        /// This end.
        base: SocketAddr,
        /// The other end.
        peer: SocketAddr,
    },
    /// The connection to a server of TURN, by number, opened by the first message.
    Server(usize),
}

/// A message with its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// Where from, or where to.
    pub place: Place,
    /// What.
    pub payload: Rope,
}

/// What the user above wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Find candidates for these.
    Gather(Vec<Base>),
    /// The peer's offer or answer.
    Remote(RemoteDescription),
    /// One more candidate of the peer's.
    RemoteCandidate(usize, Candidate),
    /// The peer has no more.
    RemoteEnd,
    /// Both have told each other enough: begin the checks.
    Check,
    /// Data for the peer, on a component.
    Send(Component, Rope),
    /// Nobody is there, or a connection is over.
    Unreachable(Place),
    /// Give back what servers keep for this agent, and be silent.
    Close,
}

/// What the user above is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// A candidate was found.
    Candidate(usize, Candidate),
    /// All have been.
    Gathered,
    /// A check list has a valid pair for this component: data may go.
    Valid(Component),
    /// A pair was nominated and is the one that is used from now on.
    Selected(Component, Selected),
    /// Every component has one.
    Connected,
    /// No pair was found in time, or none can be.
    Failed,
    /// No answer to requests for consent has come for as long as the settings have it.
    Doubtful,
    /// The peer does not consent any more, as far as this agent knows: nothing more is sent.
    ConsentLost,
    /// Data from the peer.
    Received(Component, Rope),
    /// What has come through a relay, whose address is the base, to an agent that gathers for another one's checks.
    Relayed(Envelope),
}

/// A pair that is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Selected {
    /// What this end is.
    pub local_kind: CandidateKind,
    /// Where the peer sees it.
    pub local: SocketAddr,
    /// What it is sent from.
    pub base: SocketAddr,
    /// What the other end is.
    pub remote_kind: CandidateKind,
    /// Where it is.
    pub remote: SocketAddr,
    /// By what.
    pub protocol: Protocol,
}

/// Where a session stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// No checks yet.
    New,
    /// Checks go on.
    Checking,
    /// Every component has a pair.
    Connected,
    /// There is none.
    Failed,
    /// There was one, and the peer's consent is gone.
    Lost,
    /// Its user wants no more of it.
    Closed,
}

/// A command that cannot be taken now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Misuse {
    /// Twice.
    #[error("that has been done already")]
    Again,
    /// Data where there is no valid pair.
    #[error("there is no valid pair yet, or no longer")]
    NoPair,
    /// A component that the session does not have.
    #[error("the session has no such component")]
    NoComponent,
    /// The peer's name or password cannot be one.
    #[error("the peer's user name fragment or password is none that RFC 8445 §5.3 allows")]
    BadCredentials,
}

/// What became of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Checks, sent again ones not counted.
    pub checks: u32,
    /// Transmissions of them.
    pub check_transmissions: u32,
    /// Checks that made a pair valid, or again so.
    pub successes: u32,
    /// Checks that got an error, or an answer from elsewhere.
    pub failures: u32,
    /// Checks without an answer.
    pub timed_out: u32,
    /// Requests for a server's answer, sent again ones not counted.
    pub gathering_requests: u32,
    /// Checks of the peer's that were answered with success.
    pub answered: u32,
    /// Checks refused, by what is wrong with them: 400.
    pub bad_requests: u32,
    /// 401.
    pub unauthenticated: u32,
    /// 420.
    pub unknown_attributes: u32,
    /// 487, sent and received.
    pub role_conflicts: u32,
    /// Changes of role.
    pub role_switches: u32,
    /// Requests for consent.
    pub consent_requests: u32,
    /// Answers to them.
    pub consents: u32,
    /// What is neither data of the peer's nor a message for this agent.
    pub unexpected: u32,
}

impl Counts {
    /// Adds those of another session.
    pub fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.checks, other.checks),
            (&mut self.check_transmissions, other.check_transmissions),
            (&mut self.successes, other.successes),
            (&mut self.failures, other.failures),
            (&mut self.timed_out, other.timed_out),
            (&mut self.gathering_requests, other.gathering_requests),
            (&mut self.answered, other.answered),
            (&mut self.bad_requests, other.bad_requests),
            (&mut self.unauthenticated, other.unauthenticated),
            (&mut self.unknown_attributes, other.unknown_attributes),
            (&mut self.role_conflicts, other.role_conflicts),
            (&mut self.role_switches, other.role_switches),
            (&mut self.consent_requests, other.consent_requests),
            (&mut self.consents, other.consents),
            (&mut self.unexpected, other.unexpected),
        ];
        pairs.into_iter().for_each(|(sum, value)| *sum += value);
    }
}

/// Shared settings.
pub type SharedConfig = Arc<AgentConfig>;
