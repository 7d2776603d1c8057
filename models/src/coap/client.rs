//! The client application: one request after the other, by the clock.

use super::config::{ClientConfig, exchange_token};
use super::driver::{Driver, deadline};
use super::endpoint::{BASE_OPTIONS, Cause, Command, EndpointConfig, Notice};
use super::wire::{Options, Token};
use crate::CannotClone;
use crate::app::{App, Host, SocketId, Total};
use crate::observe::{ExchangeId, Observation, Outcome};
use crate::rope::Rope;
use protosim_core::{LocalTime, Span};
use std::net::SocketAddr;

/// Sends the i-th request at start + i · interval, whether earlier ones are over or not, and
/// reports each exchange. Requests that NSTART holds back start later, when they are sent.
///
/// The token is the number of the exchange ([`exchange_token`]).
#[derive(Clone, Debug)]
pub struct Client {
    config: ClientConfig,
    server: SocketAddr,
    options: Options,
    driver: Driver,
    /// The clock's reading when the application started.
    begun: LocalTime,
    /// Requests issued so far; the number of the next one.
    issued: u64,
    counts: Counts,
}

/// What has become of the requests that were due.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    sent: u64,
    responses: u64,
    error_responses: u64,
    timed_out: u64,
    reset: u64,
    out_of_memory: u64,
}

impl Counts {
    fn count(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Response => &mut self.responses,
            Outcome::ErrorResponse => &mut self.error_responses,
            Outcome::TimedOut => &mut self.timed_out,
            Outcome::Reset => &mut self.reset,
            Outcome::OutOfMemory => &mut self.out_of_memory,
        } += 1;
    }
}

impl Client {
    /// A client of the server at `server`. `config` has passed [`ClientConfig::check`].
    pub fn new(config: ClientConfig, server: SocketAddr) -> Self {
        let parameters = config.transmission.parameters();
        let driver = Driver::new(EndpointConfig {
            parameters,
            nstart: config.nstart.unwrap_or(1),
            response_wait: config.response_wait.unwrap_or(parameters.max_rtt()),
            // It serves nothing: a request to it gets an empty ACK and no more.
            piggyback_limit: Span::ZERO,
            understood: BASE_OPTIONS,
        });
        let options = config.options();
        Self { config, server, options, driver, begun: LocalTime::ZERO, issued: 0, counts: Counts::default() }
    }

    /// True if every request has been sent and every exchange is over.
    pub fn is_done(&self) -> bool {
        self.issued == self.config.requests && self.driver.is_at_rest()
    }

    /// When the next request is due.
    fn next_due(&self) -> Option<LocalTime> {
        let wait = self.config.interval().saturating_mul(self.issued);
        let left = self.issued < self.config.requests;
        left.then(|| self.begun.saturating_add(self.config.start).saturating_add(wait))
    }

    fn issue(&mut self, host: &mut dyn Host) {
        // `ClientConfig::check` holds the number of requests to that of tokens.
        let token = exchange_token(self.issued as u32);
        self.issued += 1;
        let refused = self.driver.command(
            Command::Request {
                peer: self.server,
                token,
                confirmable: self.config.confirmable,
                method: self.config.method.code(),
                options: self.options.clone(),
                payload: self.config.payload(),
            },
            host,
        );
        if refused.is_err() {
            // An exchange without a single transmission.
            host.observe(Observation::ExchangeStarted(self.exchange(token, host)));
            self.report_end(token, Outcome::OutOfMemory, 0, host);
        }
    }

    /// Passes on what the endpoint says, and arms the timer.
    fn finish(&mut self, host: &mut dyn Host) {
        while let Some(notice) = self.driver.next_notice() {
            match notice {
                Notice::RequestSent { token, .. } => {
                    self.counts.sent += 1;
                    host.observe(Observation::ExchangeStarted(self.exchange(token, host)));
                }
                Notice::ResponseReceived { token, response, transmissions, .. } => {
                    let is_error = response.code.is_error();
                    let outcome = if is_error { Outcome::ErrorResponse } else { Outcome::Response };
                    self.report_end(token, outcome, transmissions, host);
                }
                Notice::Failed { token, cause, transmissions, .. } => {
                    let outcome = match cause {
                        Cause::TimedOut => Outcome::TimedOut,
                        Cause::Reset => Outcome::Reset,
                    };
                    self.report_end(token, outcome, transmissions, host);
                }
                Notice::RequestReceived { request, .. } => {
                    // It was just given to us and not answered: there is nothing to refuse.
                    let _known = self.driver.command(Command::Abandon { request }, host);
                }
                Notice::ResponseFailed { .. } | Notice::PingEnded { .. } => {}
            }
        }
        let own = self.next_due().and_then(|at| deadline(at, "next request"));
        self.driver.set_timer(own, host);
    }

    fn report_end(&mut self, token: Token, outcome: Outcome, transmissions: u32, host: &mut dyn Host) {
        let exchange = self.exchange(token, host);
        self.counts.count(outcome);
        host.observe(Observation::ExchangeEnded { exchange, outcome, transmissions });
    }

    fn exchange(&self, token: Token, host: &dyn Host) -> ExchangeId {
        ExchangeId { client: self.driver.local_addr(self.server, host), server: self.server, id: token.as_number() }
    }
}

impl App for Client {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.begun = host.now();
        self.driver.bind(0, host);
        self.finish(host);
    }

    fn on_datagram(&mut self, _: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host) {
        self.driver.on_datagram(from, &payload, host);
        self.finish(host);
    }

    fn on_timer(&mut self, _: u64, host: &mut dyn Host) {
        self.driver.on_timer(host);
        while self.next_due().is_some_and(|due| due <= host.now()) {
            self.issue(host);
        }
        self.finish(host);
    }

    /// Requests that are due and neither sent nor refused wait for a place among NSTART, or for a message id.
    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        vec![
            total("requests_due", self.issued),
            total("requests_sent", self.counts.sent),
            total("responses", self.counts.responses),
            total("error_responses", self.counts.error_responses),
            total("timed_out", self.counts.timed_out),
            total("reset", self.counts.reset),
            total("out_of_memory", self.counts.out_of_memory),
        ]
    }

    fn exchanges_due(&self) -> u64 {
        self.issued
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
