//! The client of requests over streams.

use super::message::{HEADER_LEN, Inbox, message};
use super::{Connections, TcpClientConfig, nowhere, options, outcome_of};
use crate::app::{App, Host, SocketId, StreamEvent, StreamId, StreamOptions, Total};
use crate::observe::{ExchangeId, Observation, Outcome};
use crate::rope::Rope;
use crate::tcp::FastOpen;
use crate::traffic::{Plan, Sizes, first_number};
use protosim_core::{CannotClone, Purpose};
use std::net::SocketAddr;

/// The draw that numbers a client's first request.
const KEY: Purpose = Purpose("tcp.request.key");
/// Draws of sizes of requests.
const SIZE: Purpose = Purpose("tcp.request.size");
/// Draws of the client's thinking.
const TIME: Purpose = Purpose("tcp.request.time");

/// The timer of the open exchange, beside that of its [`Plan`].
const TIMEOUT: u64 = 1;
/// The timer of the next piece of a request.
const PIECE: u64 = 2;

/// Asks, waits for the response, thinks, and asks again; see the module.
///
/// An exchange begins when the client turns to its connection: where that has to be opened, the handshake is part of it. It ends
/// with the last byte of the response. An exchange that times out, or whose connection breaks, is not begun anew: the next one
/// opens another connection.
#[derive(Clone, Debug)]
pub struct TcpClient {
    config: TcpClientConfig,
    server: SocketAddr,
    options: StreamOptions,
    plan: Plan,
    sizes: Sizes,
    /// The number of the first request.
    first: u64,
    /// The connection that exchanges go over; those that are being closed are the tally's alone.
    connection: Option<Connection>,
    open: Option<Open>,
    counts: Counts,
}

#[derive(Clone, Debug)]
struct Connection {
    stream: StreamId,
    local: SocketAddr,
    inbox: Inbox,
}

/// The exchange that is open.
#[derive(Clone, Debug)]
struct Open {
    number: u64,
    request: Rope,
    /// Bytes of it that the stream has taken.
    written: u64,
    /// Pieces whose time has come.
    pieces: u64,
    /// The first byte of the response is there.
    has_begun: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    connections: u64,
    requests: u64,
    responses: u64,
    response_bytes: u64,
    corrupted_bytes: u64,
    timed_out: u64,
    /// Connections that ended while a response was due.
    broken: u64,
    /// Responses to no request that is open.
    unexpected: u64,
    refused: u64,
}

impl TcpClient {
    /// A client of the server at `server`. `config` has passed its check.
    pub fn new(config: TcpClientConfig, server: SocketAddr) -> Self {
        Self {
            options: options(&config.tcp),
            sizes: Sizes::of_messages(&config.request, HEADER_LEN, SIZE),
            plan: Plan::new(config.start, config.stop, config.count, config.think.law()),
            config,
            server,
            first: 0,
            connection: None,
            open: None,
            counts: Counts::default(),
        }
    }

    fn close(&mut self, host: &mut dyn Host) {
        if let Some(connection) = self.connection.take() {
            self.counts.refused += u64::from(host.stream_close(connection.stream).is_err());
        }
    }

    fn exchange(&self, number: u64) -> ExchangeId {
        let client = self.connection.as_ref().map_or(nowhere(), |connection| connection.local);
        ExchangeId { client, server: self.server, id: number }
    }

    fn ask(&mut self, host: &mut dyn Host) {
        let number = self.first.wrapping_add(self.plan.begin());
        let request = message(number, self.sizes.draw(host));
        let mut open = Open { number, request, written: 0, pieces: 1, has_begun: false };
        if self.connection.is_none() {
            open.written = self.connect(&open, host);
        }
        if self.connection.is_none() {
            // Never sent: no exchange that anyone could see.
            return self.rest(host);
        }
        self.counts.requests += 1;
        host.observe(Observation::ExchangeStarted(self.exchange(number)));
        host.set_timer(TIMEOUT, host.now().saturating_add(self.config.timeout), "response");
        self.open = Some(open);
        self.write(host);
        if self.config.writes > 1 {
            host.set_timer(PIECE, host.now().saturating_add(self.config.gap()), "next write");
        }
    }

    /// Opens a connection, and gives it the first piece of a request where that may go with the SYN (RFC 7413); says how many
    /// bytes it has taken.
    fn connect(&mut self, open: &Open, host: &mut dyn Host) -> u64 {
        let mut early = Rope::new();
        if matches!(self.options.tcp.fast_open, FastOpen::Client | FastOpen::Both) {
            early = open.request.slice(0, self.allowed(open).min(self.options.tcp.send_buffer));
        }
        let taken = early.len();
        let options = StreamOptions { early_data: early, ..self.options.clone() };
        let Ok(stream) = host.stream_connect(self.server, &options) else {
            self.counts.refused += 1;
            return 0;
        };
        self.counts.connections += 1;
        let local = host.stream_info(stream).map_or(nowhere(), |info| info.local);
        self.connection = Some(Connection { stream, local, inbox: Inbox::default() });
        taken
    }

    /// Bytes of a request whose pieces' time has come.
    fn allowed(&self, open: &Open) -> u64 {
        let share = u128::from(open.request.len()) * u128::from(open.pieces) / u128::from(self.config.writes);
        // At most the request's own length.
        share as u64
    }

    /// Writes what is due of the open request, as far as the stream takes it.
    fn write(&mut self, host: &mut dyn Host) {
        let Some(allowed) = self.open.as_ref().map(|open| self.allowed(open)) else { return };
        let (Some(connection), Some(open)) = (&self.connection, &mut self.open) else { return };
        if open.written < allowed {
            match host.stream_write(connection.stream, &open.request.slice(open.written, allowed - open.written)) {
                Ok(taken) => open.written += taken,
                Err(_) => self.counts.refused += 1,
            }
        }
    }

    /// The time of the next piece has come.
    fn next_piece(&mut self, host: &mut dyn Host) {
        let Some(open) = &mut self.open else { return };
        open.pieces += 1;
        if open.pieces < u64::from(self.config.writes) {
            host.set_timer(PIECE, host.now().saturating_add(self.config.gap()), "next write");
        }
        self.write(host);
    }

    fn read(&mut self, host: &mut dyn Host) {
        let Some(connection) = &mut self.connection else { return };
        let data = host.stream_read(connection.stream, u64::MAX).unwrap_or_default();
        let (mut responses, corrupted, taken) = (Vec::new(), connection.inbox.corrupted(), connection.inbox.taken());
        let fed = connection.inbox.feed(&data, &mut responses);
        self.counts.response_bytes += connection.inbox.taken() - taken;
        let inbox = &connection.inbox;
        let begins = |open: &&mut Open| {
            let is_whole = responses.iter().any(|response| response.number == open.number);
            !open.has_begun && (is_whole || inbox.has_begun(open.number))
        };
        if let Some(open) = self.open.as_mut().filter(begins) {
            open.has_begun = true;
            let number = open.number;
            host.observe(Observation::ResponseBegan(self.exchange(number)));
        }
        let Some(connection) = &mut self.connection else { return };
        self.counts.corrupted_bytes += connection.inbox.corrupted() - corrupted;
        for response in responses {
            if self.open.as_ref().is_some_and(|open| open.number == response.number) {
                self.counts.responses += 1;
                self.end(host);
            } else {
                self.counts.unexpected += 1;
            }
        }
        if fed.is_err() {
            self.give_up(Outcome::ErrorResponse, host);
        }
    }

    /// The open exchange is over, if there is one.
    fn conclude(&mut self, outcome: Outcome, host: &mut dyn Host) -> bool {
        let Some(open) = self.open.take() else { return false };
        host.cancel_timer(TIMEOUT);
        host.cancel_timer(PIECE);
        let exchange = self.exchange(open.number);
        host.observe(Observation::ExchangeEnded { exchange, outcome, transmissions: 1 });
        true
    }

    /// The response of the open exchange is there.
    fn end(&mut self, host: &mut dyn Host) {
        if self.conclude(Outcome::Response, host) {
            if self.config.connections == Connections::Each {
                self.close(host);
            }
            self.rest(host);
        }
    }

    /// The connection is of no use any more: the open exchange ends so, if there is one.
    fn give_up(&mut self, outcome: Outcome, host: &mut dyn Host) {
        let was_open = self.conclude(outcome, host);
        if let Some(connection) = self.connection.take() {
            // It may be gone already.
            let _ = host.stream_abort(connection.stream);
        }
        if was_open {
            self.rest(host);
        }
    }

    /// Thinks, then goes on; where no exchange follows, the connection is no longer needed.
    fn rest(&mut self, host: &mut dyn Host) {
        if !self.plan.rest(TIME, host) {
            self.close(host);
        }
    }
}

impl App for TcpClient {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.first = first_number(KEY, host);
        // No connection is there yet to be closed where there is nothing to do.
        self.plan.start(host);
    }

    fn on_datagram(&mut self, _: SocketId, _: SocketAddr, _: Rope, _: &mut dyn Host) {}

    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        match token {
            Plan::NEXT => self.ask(host),
            PIECE => self.next_piece(host),
            _ if self.open.is_some() => {
                self.counts.timed_out += 1;
                self.give_up(Outcome::TimedOut, host);
            }
            _ => {}
        }
    }

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        if self.connection.as_ref().is_none_or(|connection| connection.stream != stream) {
            return;
        }
        match event {
            StreamEvent::Readable => self.read(host),
            StreamEvent::Writable => self.write(host),
            // The last response may have come with it. Then the server is done with this connection.
            StreamEvent::Finished => {
                self.read(host);
                if self.open.is_some() {
                    self.counts.broken += 1;
                    self.give_up(Outcome::ErrorResponse, host);
                } else {
                    self.close(host);
                }
            }
            StreamEvent::Closed(reason) => {
                self.counts.broken += u64::from(self.open.is_some());
                self.give_up(outcome_of(reason), host);
            }
            StreamEvent::Accepted { .. } | StreamEvent::Connected => {}
        }
    }

    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        vec![
            total("connections", self.counts.connections),
            total("requests", self.counts.requests),
            total("responses", self.counts.responses),
            total("response_bytes", self.counts.response_bytes),
            total("corrupted_bytes", self.counts.corrupted_bytes),
            total("timed_out", self.counts.timed_out),
            total("broken_exchanges", self.counts.broken),
            total("unexpected_responses", self.counts.unexpected),
            total("refused_calls", self.counts.refused),
        ]
    }

    fn exchanges_due(&self) -> u64 {
        self.plan.begun()
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
