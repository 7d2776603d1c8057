//! The connections of a client, and which of them a request goes over.

use super::content::Check;
use super::outbox::Outbox;
use super::page::Place;
use super::wire::{Fields, Method, ResponseHead, ResponseReader};
use crate::app::StreamId;
use crate::rope::Rope;
use protosim_core::LocalTime;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Something to be asked for.
#[derive(Clone, Debug)]
pub(super) struct Fetch {
    pub(super) place: Place,
    pub(super) method: Method,
    pub(super) target: String,
    /// Length of its content, of a Post \[bytes\].
    pub(super) content: u64,
    /// True if the content waits for 100 Continue.
    pub(super) expects: bool,
    /// How often it was begun anew because its connection had ended.
    pub(super) retries: u32,
}

/// A request that has been given to a connection and has no whole response.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) fetch: Fetch,
    /// The fields that were sent.
    pub(super) fields: Fields,
    pub(super) sent: LocalTime,
    /// The first byte of its response has come.
    pub(super) has_begun: bool,
}

/// A response that is coming.
#[derive(Clone, Debug)]
pub(super) struct Coming {
    pub(super) head: ResponseHead,
    /// Of content that is the server's own, of which the bytes are known.
    pub(super) check: Option<Check>,
}

/// A connection.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) stream: StreamId,
    pub(super) local: SocketAddr,
    pub(super) reader: ResponseReader,
    pub(super) out: Outbox,
    /// Requests without whole responses, in order.
    pub(super) open: VecDeque<Open>,
    pub(super) coming: Option<Coming>,
    /// The content of the last request, while it waits for 100 Continue.
    pub(super) withheld: Option<Rope>,
    /// True if it must not be used any more once the open response is there.
    pub(super) is_spoilt: bool,
    /// Requests that were given to it, and whole responses.
    pub(super) sent: u64,
    pub(super) answered: u64,
    pub(super) is_connected: bool,
    /// When it became idle.
    pub(super) since: LocalTime,
}

/// All connections, in order of opening.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool(Vec<Connection>);

impl Connection {
    pub(super) fn new(stream: StreamId, local: SocketAddr, now: LocalTime) -> Self {
        Self {
            stream,
            local,
            reader: ResponseReader::default(),
            out: Outbox::default(),
            open: VecDeque::new(),
            coming: None,
            withheld: None,
            is_spoilt: false,
            sent: 0,
            answered: 0,
            is_connected: false,
            since: now,
        }
    }

    fn is_idle(&self) -> bool {
        self.is_connected && self.open.is_empty()
    }

    /// True if a further request may follow those that are open: it is known to go on after a response, and none of the open requests
    /// would do harm twice (RFC 9112 §9.3.2).
    fn may_pipeline(&self, depth: usize) -> bool {
        let is_safe = |open: &Open| open.fetch.method.is_idempotent();
        self.answered > 0 && !self.is_spoilt && self.open.len() < depth && self.open.iter().all(is_safe)
    }
}

impl Pool {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn push(&mut self, connection: Connection) {
        self.0.push(connection);
    }

    pub(super) fn get(&mut self, stream: StreamId) -> Option<&mut Connection> {
        self.0.iter_mut().find(|connection| connection.stream == stream)
    }

    pub(super) fn remove(&mut self, stream: StreamId) -> Option<Connection> {
        let index = self.0.iter().position(|connection| connection.stream == stream)?;
        Some(self.0.remove(index))
    }

    /// The streams of connections of which something holds.
    pub(super) fn those(&self, holds: impl Fn(&Connection) -> bool) -> Vec<StreamId> {
        self.0.iter().filter(|connection| holds(connection)).map(|connection| connection.stream).collect()
    }

    /// A connection that could take a request at once: the one that was used last, as its window is the largest that is sure.
    pub(super) fn idle(&self) -> Option<StreamId> {
        let idle = self.0.iter().filter(|connection| connection.is_idle());
        idle.max_by_key(|connection| (connection.since, std::cmp::Reverse(connection.stream))).map(|found| found.stream)
    }

    /// The connection with the fewest open requests to which one more may be added.
    pub(super) fn pipelined(&self, depth: usize) -> Option<StreamId> {
        let able = self.0.iter().filter(|connection| connection.may_pipeline(depth));
        able.min_by_key(|connection| connection.open.len()).map(|found| found.stream)
    }

    /// How many connections are being opened for nobody in particular.
    pub(super) fn unbound(&self) -> usize {
        self.0.iter().filter(|connection| !connection.is_connected && connection.open.is_empty()).count()
    }

    /// Connections that have been idle since this time or longer, and the time since which the next one is.
    pub(super) fn idle_since(&self, since: LocalTime) -> (Vec<StreamId>, Option<LocalTime>) {
        let later = self.0.iter().filter(|connection| connection.is_idle() && connection.since > since);
        let next = later.map(|connection| connection.since).min();
        (self.those(|connection| connection.is_idle() && connection.since <= since), next)
    }
}
