//! The server application: a few resources that answer at once, or after a while.

use super::config::{OCTET_STREAM, ServerConfig, WELL_KNOWN_CORE};
use super::driver::{Driver, deadline};
use super::endpoint::{BASE_OPTIONS, Command, EndpointConfig, Notice, RequestHandle};
use super::wire::{Code, Message, OptionNumber, Options};
use crate::CannotClone;
use crate::app::{App, Host, SocketId};
use crate::observe::{ExchangeId, Observation};
use crate::rope::Rope;
use protosim_core::LocalTime;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Serves the configured paths and a description of them, and reports each request that it gets.
///
/// Resources do not change: GET gives the same bytes after any PUT, POST or DELETE. Each request
/// takes `processing` from its arrival, beside the others.
#[derive(Clone, Debug)]
pub struct Server {
    config: ServerConfig,
    driver: Driver,
    /// Requests whose answer is not due yet; in order, as all take equally long.
    waiting: VecDeque<(LocalTime, RequestHandle, Answer)>,
}

/// What a response says.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Answer {
    code: Code,
    options: Options,
    payload: Rope,
}

impl Server {
    /// A server; `config` has passed [`ServerConfig::check`].
    pub fn new(config: ServerConfig) -> Self {
        let parameters = config.transmission.parameters();
        let driver = Driver::new(EndpointConfig {
            parameters,
            // It sends no requests.
            nstart: 1,
            response_wait: parameters.max_rtt(),
            piggyback_limit: config.piggyback_limit(),
            understood: BASE_OPTIONS,
        });
        Self { config, driver, waiting: VecDeque::new() }
    }

    /// True if every request has been answered, and every separate response acknowledged.
    pub fn is_at_rest(&self) -> bool {
        self.waiting.is_empty() && self.driver.is_at_rest()
    }

    /// Takes what has come, sends the answers that are due, and arms the timer.
    fn finish(&mut self, host: &mut dyn Host) {
        while let Some(notice) = self.driver.next_notice() {
            // It has no requests of its own, and a response that fails concerns the client alone.
            if let Notice::RequestReceived { request, peer, message } = notice {
                let server = self.driver.local_addr(peer, host);
                let exchange = ExchangeId { client: peer, server, id: message.token.as_number() };
                host.observe(Observation::RequestDelivered(exchange));
                let answer = self.answer(&message);
                self.waiting.push_back((host.now().saturating_add(self.config.processing), request, answer));
            }
        }
        self.respond(host);
        let own = self.waiting.front().and_then(|(due, ..)| deadline(*due, "processing"));
        self.driver.set_timer(own, host);
    }

    /// Sends the answers that are due.
    fn respond(&mut self, host: &mut dyn Host) {
        while let Some((_, request, answer)) = self.waiting.pop_front_if(|(due, ..)| *due <= host.now()) {
            let Answer { code, options, payload } = answer;
            if self.driver.command(Command::Respond { request, code, options, payload }, host).is_err() {
                // Out of memory for a separate response: the client does without.
                let _known = self.driver.command(Command::Abandon { request }, host);
            }
        }
    }

    fn answer(&self, request: &Message) -> Answer {
        let options = &request.options;
        // RFC 7252 §5.10.2: not a proxy.
        if options.first(OptionNumber::PROXY_URI).or(options.first(OptionNumber::PROXY_SCHEME)).is_some() {
            return Answer::bare(Code::PROXYING_NOT_SUPPORTED);
        }
        let path = options.uri_path();
        if path == WELL_KNOWN_CORE {
            return self.describe(request);
        }
        match self.config.paths.iter().position(|known| *known == path) {
            // At most one per path of a configuration, so it fits; 0 stands for requests.
            Some(at) => self.serve(request, at as u32 + 1),
            None => Answer::bare(Code::NOT_FOUND),
        }
    }

    /// A resource, whose bytes are the bulk data `fill` (RFC 7252 §5.8, §5.10.8).
    fn serve(&self, request: &Message, fill: u32) -> Answer {
        let options = &request.options;
        // The resource exists, and has no ETag: only an empty If-Match fits.
        let no_match = options.all(OptionNumber::IF_MATCH).next().is_some()
            && options.all(OptionNumber::IF_MATCH).all(|etag| !etag.is_empty());
        if no_match || options.first(OptionNumber::IF_NONE_MATCH).is_some() {
            return Answer::bare(Code::PRECONDITION_FAILED);
        }
        match request.code {
            Code::GET => Answer::content(request, OCTET_STREAM, Rope::fill(fill, 0, self.config.payload.as_bytes())),
            Code::POST | Code::PUT => Answer::bare(Code::CHANGED),
            Code::DELETE => Answer::bare(Code::DELETED),
            _ => Answer::bare(Code::METHOD_NOT_ALLOWED),
        }
    }

    /// The links to the resources (RFC 6690 §4). A query is ignored, as servers without filters do.
    fn describe(&self, request: &Message) -> Answer {
        if request.code != Code::GET {
            return Answer::bare(Code::METHOD_NOT_ALLOWED);
        }
        let links: Vec<String> = self.config.paths.iter().map(|path| format!("<{path}>;ct={OCTET_STREAM}")).collect();
        Answer::content(request, LINK_FORMAT, links.join(",").into_bytes().into())
    }
}

impl Answer {
    /// A code alone.
    const fn bare(code: Code) -> Self {
        Self { code, options: Options::new(), payload: Rope::new() }
    }

    /// 2.05, if the client accepts the format (RFC 7252 §5.10.4).
    fn content(request: &Message, format: u32, payload: Rope) -> Self {
        if request.options.uint(OptionNumber::ACCEPT).is_some_and(|accepted| accepted != format) {
            return Self::bare(Code::NOT_ACCEPTABLE);
        }
        let mut options = Options::new();
        options.add_uint(OptionNumber::CONTENT_FORMAT, format);
        Self { code: Code::CONTENT, options, payload }
    }
}

/// application/link-format (RFC 6690 §7.3).
const LINK_FORMAT: u32 = 40;

impl App for Server {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.driver.bind(self.config.port(), host);
        self.finish(host);
    }

    fn on_datagram(&mut self, _: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host) {
        self.driver.on_datagram(from, &payload, host);
        self.finish(host);
    }

    fn on_timer(&mut self, _: u64, host: &mut dyn Host) {
        // First the answers: one that is ready right at the piggyback limit still rides on the ACK.
        self.respond(host);
        self.driver.on_timer(host);
        self.finish(host);
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}
