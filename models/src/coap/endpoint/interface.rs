//! What goes into an endpoint and comes out of it.

use crate::coap::wire::{Code, Flaw, Message, MessageId, OptionNumber, Options, Token};
use crate::rope::Rope;
use protosim_core::OutOfMemory;
use std::net::SocketAddr;

/// A message and the endpoint it comes from or goes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// The other endpoint.
    pub peer: SocketAddr,
    /// The message.
    pub message: Message,
}

/// What the application asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Send a request; it waits while NSTART others are outstanding. The peer and the token name
    /// the exchange from now on.
    Request {
        /// The server.
        peer: SocketAddr,
        /// Not used in another open exchange with this peer.
        token: Token,
        /// True for CON, false for NON.
        confirmable: bool,
        /// The method.
        method: Code,
        /// Options.
        options: Options,
        /// Payload.
        payload: Rope,
    },
    /// Give up on a request; nothing is reported of it any more (RFC 7252 §4.2).
    Cancel {
        /// The server.
        peer: SocketAddr,
        /// The request's token.
        token: Token,
    },
    /// Ask for a sign of life by an empty CON (RFC 7252 §4.3).
    Ping {
        /// Whom.
        peer: SocketAddr,
    },
    /// Answer a request.
    Respond {
        /// Which.
        request: RequestHandle,
        /// The response code.
        code: Code,
        /// Options.
        options: Options,
        /// Payload.
        payload: Rope,
    },
    /// Tell an observer a new state (RFC 7641 §4.2). A newer one takes the place of one that waits; nothing is told twice.
    Notify {
        /// The observer.
        peer: SocketAddr,
        /// The token of its registration.
        token: Token,
        /// Names the state in what is said of this notification.
        state: u64,
        /// True for CON, false for NON.
        confirmable: bool,
        /// The response code.
        code: Code,
        /// Options.
        options: Options,
        /// Payload.
        payload: Rope,
    },
    /// Tell an observer nothing any more; nothing is reported of it either.
    ForgetObserver {
        /// The observer.
        peer: SocketAddr,
        /// The token of its registration.
        token: Token,
    },
    /// Never answer a request; a confirmable one is acknowledged, if it was not yet.
    Abandon {
        /// Which.
        request: RequestHandle,
    },
}

/// A request that this endpoint has received and given to its application.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RequestHandle(pub(super) u64);

/// What the application is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// The first transmission of a request is on its way.
    RequestSent {
        /// The server.
        peer: SocketAddr,
        /// The request's token.
        token: Token,
    },
    /// The exchange is over: a response came.
    ResponseReceived {
        /// The server.
        peer: SocketAddr,
        /// The request's token.
        token: Token,
        /// The response, piggybacked or separate.
        response: Message,
        /// How often the request was sent.
        transmissions: u32,
    },
    /// The exchange is over without a response.
    Failed {
        /// The server.
        peer: SocketAddr,
        /// The request's token.
        token: Token,
        /// Why.
        cause: Cause,
        /// How often the request was sent.
        transmissions: u32,
    },
    /// A new request came. It is given once, however many copies arrive.
    RequestReceived {
        /// To answer it by.
        request: RequestHandle,
        /// The client.
        peer: SocketAddr,
        /// The request.
        message: Message,
        /// It was sent to a group (RFC 7252 §8.2): the answer waits, and an error is none.
        to_group: bool,
    },
    /// A separate response that we sent was not acknowledged.
    ResponseFailed {
        /// The request it was for.
        request: RequestHandle,
        /// Why.
        cause: Cause,
    },
    /// An observed resource has a new state (RFC 7641 §3.2). Without Observe, or with an error, the observation is over.
    NotificationReceived {
        /// The server.
        peer: SocketAddr,
        /// The token of the registration.
        token: Token,
        /// The notification.
        response: Message,
    },
    /// An observer has acknowledged a state, which need not be the newest that it was sent.
    NotificationAcknowledged {
        /// The observer.
        peer: SocketAddr,
        /// The token of its registration.
        token: Token,
        /// As in the command.
        state: u64,
        /// How often it was sent, states before it within the same series of attempts included.
        transmissions: u32,
    },
    /// A state is not told any more, as there is a newer one (RFC 7641 §4.5.2).
    NotificationSuperseded {
        /// The observer.
        peer: SocketAddr,
        /// The token of its registration.
        token: Token,
        /// As in the command.
        state: u64,
    },
    /// An observer does not want the state or does not answer: it is forgotten (RFC 7641 §4.5).
    ObserverLost {
        /// The observer.
        peer: SocketAddr,
        /// The token of its registration.
        token: Token,
        /// The state that was told, as in the command; with a Reset, the one that it refers to.
        state: u64,
        /// Why.
        cause: Cause,
        /// How often the state was sent.
        transmissions: u32,
    },
    /// A response to a request that was sent to a group (RFC 7252 §8.2). Others may follow.
    GroupResponseReceived {
        /// The group that was asked.
        group: SocketAddr,
        /// Who answers.
        peer: SocketAddr,
        /// The request's token.
        token: Token,
        /// The response.
        response: Message,
    },
    /// A ping is over.
    PingEnded {
        /// Who was asked.
        peer: SocketAddr,
        /// True if there was a sign of life.
        alive: bool,
    },
}

/// Why something failed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cause {
    /// The last time-out passed.
    TimedOut,
    /// The peer sent a Reset.
    Reset,
}

/// What the observer is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trace {
    /// One of our requests has got into this state.
    Exchange {
        /// The server.
        peer: SocketAddr,
        /// The request's token.
        token: Token,
        /// The state it is in now.
        state: ExchangeState,
    },
    /// A message was sent again.
    Retransmitted {
        /// To whom.
        peer: SocketAddr,
        /// Which.
        message_id: MessageId,
        /// The how-manieth retransmission, from 1.
        count: u32,
    },
    /// A copy of a message came.
    Duplicate {
        /// From whom.
        peer: SocketAddr,
        /// Which.
        message_id: MessageId,
        /// True if it was answered like the first.
        replied: bool,
    },
    /// A message was answered with a Reset (RFC 7252 §4.2).
    Rejected {
        /// From whom.
        peer: SocketAddr,
        /// Why.
        reason: Reason,
    },
    /// A message was ignored.
    Ignored {
        /// From whom.
        peer: SocketAddr,
        /// Why.
        reason: Reason,
    },
    /// A reply was sent, but there is no memory to keep it for duplicates.
    ReplyNotKept {
        /// To whom.
        peer: SocketAddr,
        /// Of which message.
        message_id: MessageId,
    },
}

/// The states of a request at the client (RFC 7252 §4.2, §5.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ExchangeState {
    /// Waits for a place among NSTART, or for a message id.
    Queued,
    /// Confirmable, sent, and not acknowledged.
    AwaitingAcknowledgement,
    /// Nothing is retransmitted any more; the response is expected.
    AwaitingResponse,
    /// Answered, and notifications follow (RFC 7641 §3).
    Observing,
    /// Over.
    Ended,
}

/// Why a message was not processed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// It is no CoAP message.
    Format(Flaw),
    /// An Empty message that neither acknowledges nor resets: a ping.
    Empty,
    /// A code that this type of message does not carry.
    Code(Code),
    /// A critical option that is not understood.
    CriticalOption(OptionNumber),
    /// A response to nothing that was asked.
    Unexpected,
    /// An ACK or RST for nothing that waits for one.
    NothingToAcknowledge,
    /// The host has no memory left for it.
    OutOfMemory(OutOfMemory),
}

/// A command that cannot be taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Misuse {
    /// The code is not a method, or not a response code.
    #[error("{0} cannot stand here")]
    WrongCode(Code),
    /// Another exchange with this peer has the token (RFC 7252 §5.3.1).
    #[error("{0:?} is in use with this peer")]
    TokenInUse(Token),
    /// What is sent to a group is non-confirmable (RFC 7252 §8.1).
    #[error("a confirmable message to the group {0}")]
    ConfirmableToGroup(SocketAddr),
    /// There is no such exchange any more.
    #[error("no open request has {0:?}")]
    UnknownExchange(Token),
    /// The request was answered before.
    #[error("{0:?} is not to be answered")]
    UnknownRequest(RequestHandle),
    /// The host has no memory left.
    #[error(transparent)]
    OutOfMemory(#[from] OutOfMemory),
}
