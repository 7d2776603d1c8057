//! Sessions (§2.5): windows, links by their handles, deliveries by their numbers.
//!
//! Pure: no clock, no stream. Performatives go in, events and performatives are asked for. A [`Session`] and what it has of its links end with the
//! connection; [`Session::into_ends`] gives what outlives it.
//!
//! | file | what |
//! |---|---|
//! | `window` | how many transfer frames may come and go (§2.5.6) |
//! | `links` | attach and detach (§2.6.3 to §2.6.6), and what owners ask of links |
//! | `receive` | what comes |
//! | `send` | what goes, and in which order |
//!
//! # States (§2.5.5)
//! ```text
//!             initiate                  begin               end                  end
//!  UNMAPPED ────────────▶ BEGIN SENT ────────▶ MAPPED ◀──┐  sent ──▶ END SENT ────────▶ UNMAPPED
//!             begin                     answer           │ error sent ─▶ DISCARDING ──▶ UNMAPPED
//!           ────────────▶ BEGIN RCVD ────────────────────┘  come ──▶ END RCVD ─ end ──▶ UNMAPPED
//! ```
//! Attach and flow may follow a begin before it is answered.
//!
//! # What its owner does
//! It takes all events after each performative ([`Session::event`]): an attach that has come is accepted or refused before what follows it is
//! read. It asks for what goes ([`Session::next_performative`]) after each input, and while the stream has room.

mod links;
mod receive;
mod send;
mod window;

pub use links::{AttachOptions, Misuse};

use super::link::{LinkEnd, Receiving, Sending};
use super::wire::{Attach, Begin, DeliveryState, DeliveryTag, End, Error, Fault, Performative, Role};
use crate::rope::Rope;
use std::collections::{BTreeMap, VecDeque};
use window::Windows;

/// What a session may take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionConfig {
    /// Transfer frames that may come; given anew when half of it is used (our choice). Default: 2048.
    pub incoming_window: u32,
    /// Transfer frames that we would send, as our flows say. Default: 2048.
    pub outgoing_window: u32,
    /// The transfer-id of our first transfer frame, and the delivery-id of our first delivery. Default: 0.
    pub next_outgoing_id: u32,
    /// The highest handle that the peer may use. Default: 255.
    pub handle_max: u32,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self { incoming_window: 2048, outgoing_window: 2048, next_outgoing_id: 0, handle_max: 255 }
    }
}

/// A session's state (§2.5.5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[expect(missing_docs, reason = "each is named as in the standard")]
pub enum SessionState {
    BeginSent,
    BeginRcvd,
    Mapped,
    EndSent,
    EndRcvd,
    Discarding,
    Unmapped,
}

/// What has happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SessionEvent {
    /// The peer has answered our begin.
    Begun,
    /// The peer attaches a link: to be accepted or refused by this handle of its, before anything else is read.
    Attach {
        /// The peer's handle.
        remote: u32,
        /// What it says.
        attach: Box<Attach>,
    },
    /// The peer has answered our attach. Where it has no source or target, a detach follows (§2.6.3).
    Attached {
        /// The link.
        handle: u32,
        /// What it says.
        attach: Box<Attach>,
    },
    /// A link is gone from the session, with what is left of it.
    Detached {
        /// The link.
        handle: u32,
        /// What is left of it.
        end: Box<LinkEnd>,
        /// Whether it cannot be resumed.
        closed: bool,
        /// What the peer says, or what was wrong with it.
        error: Option<Error>,
    },
    /// A message has come.
    Message {
        /// The link.
        handle: u32,
        /// Names it on its link.
        tag: DeliveryTag,
        /// 0 is that of part 3.
        message_format: u32,
        /// As it was written.
        payload: Rope,
        /// Whether it wants no answer.
        settled: bool,
    },
    /// The sender has settled a message that had come.
    Settled {
        /// The link.
        handle: u32,
        /// The message.
        tag: DeliveryTag,
        /// The outcome that it has here, if any.
        state: Option<DeliveryState>,
    },
    /// A message was sent and is done.
    Done {
        /// The link.
        handle: u32,
        /// Its owner's name for it.
        token: u64,
        /// How; `None` if it was settled when it was sent, or the receiver does not say.
        state: Option<DeliveryState>,
    },
    /// A message was not sent: the receiver takes none that large.
    TooLarge {
        /// The link.
        handle: u32,
        /// Its owner's name for it.
        token: u64,
    },
    /// The sender has used up all credit, as was wanted.
    Drained {
        /// The link.
        handle: u32,
    },
    /// All is done that the first attach could say of deliveries before: to be detached and attached again (§2.7.3).
    AttachAgain {
        /// The link.
        handle: u32,
    },
    /// The peer has ended the session; or it has answered our end.
    Ended {
        /// What it says.
        error: Option<Error>,
    },
}

/// A link on the session.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Linked {
    /// The peer's handle; `None` before its attach.
    remote: Option<u32>,
    side: Side,
    /// Our detach, sent or about to be; closed or not.
    detached: Option<bool>,
    /// Why, where it was for a fault.
    fault: Option<Error>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Side {
    Sender(Box<Sending>),
    Receiver(Box<Receiving>),
}

impl Side {
    const fn role(&self) -> Role {
        match self {
            Self::Sender(_) => Role::Sender,
            Self::Receiver(_) => Role::Receiver,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Sender(sending) => &sending.state.terms.name,
            Self::Receiver(receiving) => &receiving.state.terms.name,
        }
    }

    fn into_end(self) -> LinkEnd {
        match self {
            Self::Sender(sending) => LinkEnd::Sender(sending.into_state()),
            Self::Receiver(receiving) => LinkEnd::Receiver(receiving.state),
        }
    }
}

/// A delivery of ours that is not settled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Sent {
    handle: u32,
    /// On its link.
    number: u64,
}

/// A disposition to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Said {
    role: Role,
    id: u64,
    settled: bool,
    state: Option<DeliveryState>,
}

/// One session of a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    state: SessionState,
    windows: Windows,
    /// The largest frame that the peer takes \[bytes\].
    max_frame_size: u32,
    handle_max: u32,
    remote_handle_max: u32,
    links: BTreeMap<u32, Linked>,
    /// Ours by the peer's.
    handles: BTreeMap<u32, u32>,
    /// Attaches without an answer, by the peer's handles.
    asked: BTreeMap<u32, Box<Attach>>,
    /// Unsettled deliveries of ours, by their full numbers.
    sent: BTreeMap<u64, Sent>,
    /// The full number of our next delivery.
    next_delivery: u64,
    /// The full number of the peer's last delivery.
    last_incoming: Option<u64>,
    /// What waits to be sent, before all transfers.
    said: VecDeque<Said>,
    control: VecDeque<Performative>,
    /// The link that is to send next.
    turn: u32,
    /// Receivers get no credit anew.
    is_credit_held: bool,
    events: VecDeque<SessionEvent>,
}

/// Full numbers begin so far above nought that a peer's may lie before the first.
const FIRST: u64 = 1 << 32;

impl Session {
    /// We begin it.
    pub fn initiate(config: &SessionConfig, max_frame_size: u32) -> Self {
        Self::new(config, max_frame_size, SessionState::BeginSent, None)
    }

    /// The peer has begun it, on this channel.
    pub fn answer(config: &SessionConfig, max_frame_size: u32, begin: &Begin, remote_channel: u16) -> Self {
        let mut session = Self::new(config, max_frame_size, SessionState::Mapped, Some(remote_channel));
        session.windows.on_begin(begin);
        session.remote_handle_max = begin.handle_max.unwrap_or(u32::MAX);
        session
    }

    fn new(config: &SessionConfig, max_frame_size: u32, state: SessionState, remote_channel: Option<u16>) -> Self {
        let windows = Windows::new(config);
        let begin = Begin {
            remote_channel,
            next_outgoing_id: config.next_outgoing_id,
            incoming_window: config.incoming_window,
            outgoing_window: config.outgoing_window,
            handle_max: Some(config.handle_max),
            ..Begin::default()
        };
        Self {
            state,
            windows,
            max_frame_size,
            handle_max: config.handle_max,
            remote_handle_max: u32::MAX,
            links: BTreeMap::new(),
            handles: BTreeMap::new(),
            asked: BTreeMap::new(),
            sent: BTreeMap::new(),
            next_delivery: FIRST + u64::from(config.next_outgoing_id),
            last_incoming: None,
            said: VecDeque::new(),
            control: VecDeque::from([Performative::Begin(Box::new(begin))]),
            turn: 0,
            is_credit_held: false,
            events: VecDeque::new(),
        }
    }

    /// Its state.
    pub const fn state(&self) -> SessionState {
        self.state
    }

    /// What has happened, in its order.
    pub fn event(&mut self) -> Option<SessionEvent> {
        let event = self.events.pop_front();
        if self.events.is_empty() {
            self.events = VecDeque::new();
        }
        event
    }

    /// Whether something has happened that was not taken yet.
    pub fn event_waits(&self) -> bool {
        !self.events.is_empty()
    }

    /// The peer has opened, and takes frames of this size \[bytes\].
    pub(super) const fn set_max_frame_size(&mut self, max_frame_size: u32) {
        self.max_frame_size = max_frame_size;
    }

    /// Whether something about it waits to be sent.
    pub(super) fn has_control(&self) -> bool {
        !self.control.is_empty()
    }

    /// How many frames wait that are no transfers and no dispositions: of those there are no more than deliveries with credit.
    pub(super) fn backlog(&self) -> usize {
        self.control.len()
    }

    /// Ends it; nothing else is sent.
    pub fn end(&mut self, error: Option<Error>) {
        self.state = match (self.state, &error) {
            (SessionState::Mapped | SessionState::BeginSent, None) => SessionState::EndSent,
            (SessionState::Mapped | SessionState::BeginSent, Some(_)) => SessionState::Discarding,
            (SessionState::EndRcvd, _) => SessionState::Unmapped,
            _ => return,
        };
        // A begin that was not sent yet goes before.
        self.control.retain(|performative| matches!(performative, Performative::Begin(_)));
        self.said = VecDeque::new();
        self.control.push_back(Performative::End(Box::new(End { error })));
    }

    /// What is wrong with the session ends it.
    fn fail(&mut self, fault: Fault) {
        self.end(Some(fault.error()));
    }

    /// The connection is gone, or the session: what is left of its links.
    pub fn into_ends(self) -> Vec<LinkEnd> {
        self.links.into_values().map(|link| link.side.into_end()).collect()
    }

    /// How many more transfer frames the peer takes.
    pub const fn remote_incoming_window(&self) -> u32 {
        self.windows.remote_incoming()
    }

    /// How many transfer frames may come, from now on; 0 stops the peer. What it has been given is not taken back.
    pub fn set_incoming_window(&mut self, window: u32) {
        if self.windows.set_incoming(window) {
            self.say_flow(None, false);
        }
    }
}

/// What a session takes \[bytes\].
#[cfg(test)]
pub(super) fn size() -> usize {
    size_of::<Session>()
}

/// What a session has of a link, with its source and target \[bytes\].
#[cfg(test)]
pub(super) fn link_size() -> usize {
    use super::wire::{Source, Target};
    size_of::<Linked>() + size_of::<Sending>().max(size_of::<Receiving>()) + size_of::<Source>() + size_of::<Target>()
}
