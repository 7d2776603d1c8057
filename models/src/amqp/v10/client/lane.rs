//! A link of a client, which outlives its connections.

use crate::amqp::v10::link::{LinkEnd, ReceiverState, SenderState, Terms};
use crate::amqp::v10::wire::DeliveryTag;
use crate::ledger::Guarantee;
use crate::messaging::fifo::Fifo;
use std::collections::VecDeque;

/// How far a link is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum State {
    /// It is on no session.
    #[default]
    Detached,
    /// Our attach is sent.
    Attaching,
    /// Both have attached it.
    Ready,
    /// The broker has refused it: its detach comes.
    Refused,
}

/// What of a link is on disc where the client is durable.
#[derive(Clone, Debug, Default)]
pub(super) struct Rest {
    /// What is needed to resume it; `None` while a session has it, and before the first one.
    pub(super) end: Option<Box<LinkEnd>>,
    /// Exchanges of messages that the link has, in the order in which they were sent.
    pub(super) sent: VecDeque<u64>,
    /// Messages that have come and have no outcome yet.
    pub(super) unanswered: Vec<DeliveryTag>,
}

/// A link.
#[derive(Clone, Debug, Default)]
pub(super) struct Lane {
    pub(super) state: State,
    /// Its session and handle, while it is not detached.
    pub(super) at: Option<(u16, u32)>,
    pub(super) rest: Rest,
    /// What the broker has granted to a receiver.
    pub(super) granted: Guarantee,
    /// How often in a row it was refused.
    pub(super) attempts: u32,
    /// It is detached to be attached again at once.
    pub(super) is_again: bool,
    /// Messages that were settled when they were sent and are being written: up to where, and their exchanges.
    pub(super) marks: Fifo<(u64, u64)>,
}

impl Lane {
    /// Takes what there is of the link, or makes a new one.
    pub(super) fn take_end(&mut self, is_sender: bool, terms: &Terms) -> LinkEnd {
        match self.rest.end.take() {
            Some(end) => *end,
            None if is_sender => LinkEnd::Sender(SenderState::new(terms.clone())),
            None => LinkEnd::Receiver(ReceiverState::new(terms.clone())),
        }
    }

    /// Messages that are done, where so many bytes are written.
    pub(super) fn written(&mut self, written: u64) -> Vec<u64> {
        let mut done = Vec::new();
        while let Some((_, id)) = self.marks.pop_front_if(|(end, _)| *end <= written) {
            done.push(id);
        }
        done
    }

    /// A message is not the link's any more.
    pub(super) fn forget(&mut self, id: u64) {
        // Mostly the first one.
        if let Some(at) = self.rest.sent.iter().position(|sent| *sent == id) {
            self.rest.sent.remove(at);
        }
    }

    /// It is on no session any more; what is left of it.
    pub(super) fn detach(&mut self, end: Option<LinkEnd>) {
        self.state = State::Detached;
        self.at = None;
        self.rest.end = end.map(Box::new);
    }
}
