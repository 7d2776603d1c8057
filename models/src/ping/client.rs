//! The application that sends echo requests.

use super::config::PingConfig;
use crate::app::{App, Host, SocketId, Total};
use crate::observe::{ExchangeId, Observation, Outcome};
use crate::rope::Rope;
use protosim_core::{CannotClone, LocalTime, Purpose};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The draw that names the requests' data and their exchanges.
const KEY: Purpose = Purpose("ping.key");

/// The timer of the next request.
const NEXT: u64 = 0;
/// The timer of the oldest request that is open.
const TIMEOUT: u64 = 1;

/// Sends echo requests and waits for their replies.
///
/// Its exchanges are between the unspecified address (an application does not know from which address
/// its host sends) and the address that is asked, both with port 0; their numbers count up from one drawn
/// at the start, so that those of two pings to one host differ.
#[derive(Clone, Debug)]
pub struct Ping {
    config: PingConfig,
    destination: IpAddr,
    /// When the node started.
    started: LocalTime,
    /// Names this ping's data, and numbers its first exchange.
    key: u64,
    /// Requests whose time has come; the next one has this number, counted from 0.
    due: u64,
    /// The oldest request that waits for its reply, and all that were sent after it.
    open: VecDeque<Open>,
    counts: Counts,
}

/// A request that was sent. Those behind it in the queue have the numbers after its own.
#[derive(Clone, Copy, Debug)]
struct Open {
    deadline: LocalTime,
    /// True until its reply has come; never true if the host has refused to send it.
    waits: bool,
}

#[derive(Clone, Copy, Default, Debug)]
struct Counts {
    requests: u64,
    replies: u64,
    timed_out: u64,
    unexpected: u64,
    corrupted: u64,
    refused: u64,
}

impl Ping {
    /// A ping to `destination`, an address of `config.to`.
    pub fn new(config: PingConfig, destination: IpAddr) -> Self {
        Self {
            config,
            destination,
            started: LocalTime::ZERO,
            key: 0,
            due: 0,
            open: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    fn exchange(&self, number: u64) -> ExchangeId {
        let client = match self.destination {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        ExchangeId {
            client: SocketAddr::new(client, 0),
            server: SocketAddr::new(self.destination, 0),
            id: self.key.wrapping_add(number),
        }
    }

    /// The data of request `number`: virtual bytes, other ones in each request.
    fn data(&self, number: u64) -> Rope {
        let len = self.config.payload.as_bytes();
        Rope::fill((self.key >> 32) as u32, number.wrapping_mul(len), len)
    }

    /// The number of the oldest request in the queue.
    fn oldest(&self) -> u64 {
        self.due - self.open.len() as u64
    }

    fn set_next(&self, host: &mut dyn Host) {
        if self.config.count.is_none_or(|count| self.due < count) {
            let offset = self.config.interval.saturating_mul(self.due);
            let at = self.started.saturating_add(self.config.start).saturating_add(offset);
            host.set_timer(NEXT, at, "next echo request");
        }
    }

    fn send(&mut self, host: &mut dyn Host) {
        let number = self.due;
        self.due += 1;
        // As iputils does, the first request has sequence number 1; they wrap after 65535.
        let sent = host.echo_request(self.destination, sequence(number), self.data(number));
        if sent.is_ok() {
            self.counts.requests += 1;
            host.observe(Observation::ExchangeStarted(self.exchange(number)));
        } else {
            self.counts.refused += 1;
        }
        let deadline = host.now().saturating_add(self.config.timeout);
        self.open.push_back(Open { deadline, waits: sent.is_ok() });
        if self.open.len() == 1 {
            self.watch_oldest(host);
        }
        self.set_next(host);
    }

    /// Ends every request whose time is over.
    fn expire(&mut self, host: &mut dyn Host) {
        while self.open.front().is_some_and(|oldest| oldest.deadline <= host.now()) {
            let number = self.oldest();
            if self.open.pop_front().is_some_and(|oldest| oldest.waits) {
                self.counts.timed_out += 1;
                self.end(number, Outcome::TimedOut, host);
            }
        }
        self.watch_oldest(host);
    }

    /// Forgets requests that nothing is awaited of, up to the oldest that waits, and sets its time-out.
    fn watch_oldest(&mut self, host: &mut dyn Host) {
        while self.open.front().is_some_and(|oldest| !oldest.waits) {
            self.open.pop_front();
        }
        match self.open.front() {
            Some(oldest) => host.set_timer(TIMEOUT, oldest.deadline, "echo reply"),
            None => host.cancel_timer(TIMEOUT),
        }
    }

    fn end(&self, number: u64, outcome: Outcome, host: &mut dyn Host) {
        let exchange = self.exchange(number);
        host.observe(Observation::ExchangeEnded { exchange, outcome, transmissions: 1 });
    }
}

/// The sequence number of request `number`.
fn sequence(number: u64) -> u16 {
    (number as u16).wrapping_add(1)
}

impl App for Ping {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.started = host.now();
        self.key = host.rng(KEY).next_u64();
        self.set_next(host);
    }

    fn on_datagram(&mut self, _: SocketId, _: SocketAddr, _: Rope, _: &mut dyn Host) {}

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        match token {
            NEXT => self.send(host),
            _ => self.expire(host),
        }
    }

    fn on_echo_reply(&mut self, from: IpAddr, sequence: u16, payload: Rope, host: &mut dyn Host) {
        let oldest = self.oldest();
        let behind = sequence.wrapping_sub(self::sequence(oldest));
        let number = oldest.wrapping_add(u64::from(behind));
        let data = self.data(number);
        let is_known = |open: &&mut Open| open.waits && from == self.destination;
        let Some(open) = self.open.get_mut(usize::from(behind)).filter(is_known) else {
            self.counts.unexpected += 1;
            return;
        };
        if payload != data {
            self.counts.corrupted += 1;
            return;
        }
        open.waits = false;
        self.counts.replies += 1;
        self.end(number, Outcome::Response, host);
        if behind == 0 {
            self.watch_oldest(host);
        }
    }

    /// `unexpected_replies` came too late, a second time, or from elsewhere.
    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        vec![
            total("requests", self.counts.requests),
            total("replies", self.counts.replies),
            total("timed_out", self.counts.timed_out),
            total("unexpected_replies", self.counts.unexpected),
            total("corrupted_replies", self.counts.corrupted),
            total("refused_calls", self.counts.refused),
        ]
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
