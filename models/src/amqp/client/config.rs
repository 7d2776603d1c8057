//! Fields that clients of both versions have: their defaults and checks.

use crate::tcp::config::Finding;
use crate::traffic::{SizeDistribution, TimeDistribution};
use protosim_core::{Size, Span};

pub(in crate::amqp) fn guest() -> String {
    "guest".to_owned()
}

pub(in crate::amqp) const fn usual_waiting() -> u32 {
    1000
}

pub(in crate::amqp) const fn thirty_seconds() -> Span {
    Span::from_secs(30)
}

pub(in crate::amqp) fn usual_payload() -> SizeDistribution {
    SizeDistribution::Fixed(Size::from_bytes(64))
}

pub(in crate::amqp) fn usual_interval() -> TimeDistribution {
    TimeDistribution::Fixed(Span::from_secs(1))
}

/// When messages of a publication are due, and how long they are.
pub(in crate::amqp) struct Schedule<'a> {
    pub(in crate::amqp) payload: &'a SizeDistribution,
    pub(in crate::amqp) start: Option<Span>,
    pub(in crate::amqp) interval: &'a TimeDistribution,
    pub(in crate::amqp) count: Option<u64>,
}

impl Schedule<'_> {
    /// What is wrong with it where the client stops at `stop`: the field, and why.
    pub(in crate::amqp) fn check(&self, stop: Option<Span>, mut wrong: impl FnMut(&str, String)) {
        self.payload.check(16, 1 << 28).into_iter().for_each(|why| wrong("payload", why));
        self.interval.check().into_iter().for_each(|why| wrong("interval", why));
        if self.interval.fixed().is_some_and(Span::is_zero) && self.count.is_none() {
            let why = "is longer than zero, or there is a `count`: the messages would have no end";
            wrong("interval", why.to_owned());
        }
        if self.count == Some(0) {
            wrong("count", "is at least 1: there would be no message".to_owned());
        }
        if let (Some(stop), Some(start)) = (stop, self.start)
            && start >= stop
        {
            wrong("start", format!("is not before the client's `stop`, {stop}: nothing would be published"));
        }
    }

    /// When the last message is due, where the client starts at `start`; `None` if there is no end.
    pub(in crate::amqp) fn last_due(&self, start: Span) -> Option<Span> {
        let interval = self.interval.fixed()?.saturating_mul(self.count?.saturating_sub(1));
        Some(self.start.unwrap_or(start).saturating_add(interval))
    }
}

/// When the last message of all is due, where the client starts at `start`; `None` if there is no end.
pub(in crate::amqp) fn last_due<'a>(start: Span, all: impl Iterator<Item = Schedule<'a>>) -> Option<Span> {
    all.map(|schedule| schedule.last_due(start)).collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// What is wrong with what a client says of itself (RFC 4616 §2).
pub(in crate::amqp) fn check_login(username: &str, password: &str, found: &mut Vec<Finding>) {
    for (field, text) in [("username", username), ("password", password)] {
        if text.contains('\0') || text.len() > 1024 {
            found.push((field, "has at most 1024 bytes, and no U+0000 (RFC 4616)".to_owned()));
        }
    }
}

/// What is wrong with its times, and with its room for messages.
pub(in crate::amqp) fn check_limits(
    (connect_timeout, start, stop): (Span, Span, Option<Span>),
    max_waiting: u32,
    found: &mut Vec<Finding>,
) {
    if connect_timeout.is_zero() {
        found.push(("connect_timeout", "is longer than zero: no connection could be made".to_owned()));
    }
    if stop.is_some_and(|stop| stop <= start) {
        found.push(("stop", "is not after `start`: nothing would happen".to_owned()));
    }
    if max_waiting == 0 {
        found.push(("max_waiting", "is at least 1: no message could be sent".to_owned()));
    }
}
