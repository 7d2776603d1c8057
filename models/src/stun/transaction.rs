//! A client's request until it is answered or given up (RFC 8489 §6.2).

use super::wire::TransactionId;
use crate::rope::Rope;
use protosim_core::{Deadline, LocalTime, Purpose, Span, Stream};
use std::net::SocketAddr;

/// The draws of transaction ids.
pub const TRANSACTION_ID: Purpose = Purpose("stun.transaction-id");

/// How long a client waits for an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// The first wait over UDP; each one behind it is twice as long. §6.2.1: 500 ms.
    pub rto: Span,
    /// How often a request is sent, at least once. §6.2.1: 7.
    pub rc: u32,
    /// The wait after the last time, in RTOs. §6.2.1: 16.
    pub rm: u32,
    /// The wait over a stream. §6.2.2: 39.5 s.
    pub ti: Span,
}

impl Default for Timing {
    fn default() -> Self {
        Self { rto: Span::from_millis(500), rc: 7, rm: 16, ti: Span::from_millis(39_500) }
    }
}

impl Timing {
    /// The wait after a request was sent for the `sent`th time.
    fn wait(&self, sent: u32) -> Span {
        if sent >= self.rc {
            return self.rto.saturating_mul(u64::from(self.rm));
        }
        self.rto.saturating_mul(1_u64.checked_shl(sent - 1).unwrap_or(u64::MAX))
    }
}

/// A request under way. Who made it has sent it once.
#[derive(Clone, Debug)]
pub struct Transaction {
    id: TransactionId,
    peer: SocketAddr,
    request: Rope,
    timing: Timing,
    /// Over a stream nothing is sent twice.
    is_stream: bool,
    sent: u32,
    next: LocalTime,
}

/// What time brings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Due {
    /// Send it again, the very same bytes.
    Again(Rope),
    /// No answer came.
    Failed,
}

impl Transaction {
    /// A request that is sent to `peer` now.
    pub fn new(
        id: TransactionId,
        peer: SocketAddr,
        request: Rope,
        timing: Timing,
        is_stream: bool,
        now: LocalTime,
    ) -> Self {
        let wait = if is_stream { timing.ti } else { timing.wait(1) };
        Self { id, peer, request, timing, is_stream, sent: 1, next: now.saturating_add(wait) }
    }

    /// An id that nobody can guess (§5).
    pub fn draw_id(stream: &mut Stream) -> TransactionId {
        TransactionId::from_draws(stream.next_u64(), stream.next_u64())
    }

    /// Its id.
    pub fn id(&self) -> TransactionId {
        self.id
    }

    /// To whom it goes.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// How often it was sent.
    pub fn transmissions(&self) -> u32 {
        self.sent
    }

    /// Whether a response with this id from there is its response: both count (§6.3.3).
    pub fn matches(&self, id: TransactionId, from: SocketAddr) -> bool {
        self.id == id && self.peer == from
    }

    /// When it is next to be looked at.
    pub fn deadline(&self) -> Deadline {
        Deadline { at: self.next, timer: if self.sent < self.timing.rc { "STUN RTO" } else { "STUN time-out" } }
    }

    /// What is due; `None` before its time.
    pub fn handle_timeout(&mut self, now: LocalTime) -> Option<Due> {
        if now < self.next {
            return None;
        }
        if self.is_stream || self.sent >= self.timing.rc {
            return Some(Due::Failed);
        }
        self.sent += 1;
        // From when it should have been sent, not from when a slow host did: the schedule stays as it is.
        self.next = self.next.saturating_add(self.timing.wait(self.sent)).max(now + Span::NANOSECOND);
        Some(Due::Again(self.request.clone()))
    }
}
