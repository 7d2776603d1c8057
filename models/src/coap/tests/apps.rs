//! Whole Apps on small hosts with a perfect or a lossy wire between them.

use super::super::closed_form::Attempts;
use super::super::config::{ClientConfig, Method, Parameters, ServerConfig};
use super::super::wire::{Code, Message, MessageId, OptionNumber, Token, Type};
use super::super::{Client, Server};
use crate::app::{App, Host, HostError, SocketId};
use crate::name::NodeName;
use crate::observe::{ExchangeId, Observation, Outcome};
use crate::rope::Rope;
use protosim_core::{Env, IdealEnv, LocalTime, Operation, OutOfMemory, Purpose, Ratio, RunSeed, Size, Span, Stream};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// A host with one socket and one timer per token.
#[derive(Debug)]
pub(super) struct TestHost {
    pub(super) env: IdealEnv,
    pub(super) local: SocketAddr,
    pub(super) sent: Vec<(SocketAddr, Rope)>,
    pub(super) timers: BTreeMap<u64, LocalTime>,
    pub(super) observed: Vec<(LocalTime, Observation)>,
    /// What is delivered now was sent to this group.
    pub(super) group: Option<IpAddr>,
    /// It has no memory left.
    pub(super) is_full: bool,
}

impl TestHost {
    pub(super) fn new(seed: u64, local: SocketAddr) -> Self {
        let env = IdealEnv::new(seed);
        Self {
            env,
            local,
            sent: Vec::new(),
            timers: BTreeMap::new(),
            observed: Vec::new(),
            group: None,
            is_full: false,
        }
    }
}

impl Env for TestHost {
    fn now(&self) -> LocalTime {
        self.env.now()
    }
    fn rng(&mut self, purpose: Purpose) -> &mut Stream {
        self.env.rng(purpose)
    }
    fn spend(&mut self, _: Operation) {}
    fn reserve(&mut self, wanted: u64) -> Result<(), OutOfMemory> {
        if self.is_full { Err(OutOfMemory { wanted, free: 0 }) } else { Ok(()) }
    }
    fn release(&mut self, _: u64) {}
}

impl Host for TestHost {
    fn ask_flush(&mut self) {}

    fn udp_bind(&mut self, port: u16) -> Result<SocketId, HostError> {
        assert!(port == 0 || port == self.local.port());
        Ok(SocketId(0))
    }
    fn addresses(&self) -> Vec<IpAddr> {
        vec![self.local.ip()]
    }
    fn udp_bind_to(&mut self, address: IpAddr, port: u16) -> Result<SocketId, HostError> {
        assert_eq!(address, self.local.ip());
        self.udp_bind(port)
    }
    fn udp_close(&mut self, _: SocketId) -> Result<(), HostError> {
        Ok(())
    }
    fn udp_send(&mut self, _: SocketId, to: SocketAddr, payload: Rope) -> Result<(), HostError> {
        self.sent.push((to, payload));
        Ok(())
    }
    fn udp_local_addr(&self, _: SocketId, _: SocketAddr) -> Result<SocketAddr, HostError> {
        Ok(self.local)
    }
    fn received_for_group(&self) -> Option<IpAddr> {
        self.group
    }
    fn set_timer(&mut self, token: u64, at: LocalTime, _: &'static str) {
        self.timers.insert(token, at);
    }
    fn cancel_timer(&mut self, token: u64) {
        self.timers.remove(&token);
    }
    fn observe(&mut self, observation: Observation) {
        self.observed.push((self.env.now, observation));
    }
}

/// A client (side 0) and a server (side 1), one way `DELAY` apart.
pub(super) struct Net {
    pub(super) client: Client,
    pub(super) server: Server,
    pub(super) hosts: [TestHost; 2],
    wire: BTreeMap<(LocalTime, u64), (usize, Rope)>,
    pub(super) sent: u64,
    pub(super) loss: Ratio,
    luck: Stream,
    /// All that was sent: when, by which side, what.
    pub(super) log: Vec<(LocalTime, usize, Message)>,
}

pub(super) const DELAY: Span = Span::from_millis(20);

pub(super) fn client_address() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 50_000))
}

pub(super) fn server_address() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 2], 5683))
}

pub(super) fn client_config() -> ClientConfig {
    ClientConfig::new(NodeName("server".into()))
}

impl Net {
    pub(super) fn new(seed: u64, loss: Ratio, client: ClientConfig, server: ServerConfig) -> Self {
        assert_eq!((client.check(), server.check()), (vec![], vec![]));
        let hosts = [TestHost::new(2 * seed, client_address()), TestHost::new(2 * seed + 1, server_address())];
        let luck = RunSeed { seed, replication: 0 }.stream("wire", Purpose("test"));
        let (client, server) = (Client::new(client, server_address()), Server::new(server));
        let mut net = Self { client, server, hosts, wire: BTreeMap::new(), sent: 0, loss, luck, log: Vec::new() };
        net.call(1, |app, host| app.on_start(host));
        net.call(0, |app, host| app.on_start(host));
        net
    }

    pub(super) fn call(&mut self, side: usize, call: impl FnOnce(&mut dyn App, &mut TestHost)) {
        let app: &mut dyn App = if side == 0 { &mut self.client } else { &mut self.server };
        call(app, &mut self.hosts[side]);
        let now = self.hosts[side].env.now;
        for (to, datagram) in std::mem::take(&mut self.hosts[side].sent) {
            assert_eq!(to, self.hosts[1 - side].local);
            self.sent += 1;
            self.log.push((now, side, Message::decode(&datagram).expect("a message")));
            if !self.luck.chance(self.loss) {
                self.wire.insert((now + DELAY, self.sent), (1 - side, datagram));
            }
        }
    }

    pub(super) fn run(mut self) -> Self {
        self.run_until(LocalTime::ZERO + Span::from_secs(1 << 33));
        assert!(self.client.is_done() && self.server.is_at_rest());
        self
    }

    /// Runs all that happens until `end`.
    pub(super) fn run_until(&mut self, end: LocalTime) {
        loop {
            let timers = self.hosts.iter().flat_map(|host| host.timers.values()).copied();
            let Some(now) = timers.chain(self.wire.first_key_value().map(|((at, _), _)| *at)).min() else { break };
            if now > end {
                break;
            }
            self.hosts.iter_mut().for_each(|host| host.env.now = host.env.now.max(now));
            while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= now) {
                let (side, datagram) = entry.remove();
                let from = self.hosts[1 - side].local;
                self.call(side, |app, host| app.on_datagram(SocketId(0), from, datagram, host));
            }
            for side in 0..2 {
                if self.hosts[side].timers.get(&0).is_some_and(|at| *at <= now) {
                    self.hosts[side].timers.remove(&0);
                    self.call(side, |app, host| app.on_timer(0, host));
                }
            }
        }
    }

    /// The client loses power and has it again at once.
    pub(super) fn restart_client(&mut self, config: ClientConfig) {
        let durable = self.client.take_durable();
        self.client = Client::new(config, server_address());
        durable.into_iter().for_each(|durable| self.client.recover(durable));
        self.hosts[0].timers.clear();
        self.call(0, |app, host| app.on_start(host));
    }

    /// The server does.
    pub(super) fn restart_server(&mut self, config: ServerConfig) {
        let durable = self.server.take_durable();
        self.server = Server::new(config);
        durable.into_iter().for_each(|durable| self.server.recover(durable));
        self.hosts[1].timers.clear();
        self.call(1, |app, host| app.on_start(host));
    }

    pub(super) fn observed(&self, side: usize) -> Vec<(u64, Observation)> {
        let in_ms = |(at, what): &(LocalTime, Observation)| (at.as_nanos() / 1_000_000, what.clone());
        self.hosts[side].observed.iter().map(in_ms).collect()
    }
}

pub(super) fn exchange(id: u64) -> ExchangeId {
    ExchangeId { client: client_address(), server: server_address(), id }
}

pub(super) fn ended(id: u64, outcome: Outcome, transmissions: u32) -> Observation {
    Observation::ExchangeEnded { exchange: exchange(id), outcome, transmissions }
}

/// Row 3: two messages, completion R = 40 ms; the i-th request leaves at start + i · interval.
#[test]
fn piggybacked_exchanges_take_one_round_trip() {
    let config =
        ClientConfig { requests: 2, start: Span::from_secs(1), interval: Some(Span::from_secs(5)), ..client_config() };
    let net = Net::new(1, Ratio::ZERO, config, ServerConfig::default()).run();
    assert_eq!(net.sent, 4);
    let expected = [
        (1_000, Observation::ExchangeStarted(exchange(0))),
        (1_040, ended(0, Outcome::Response, 1)),
        (6_000, Observation::ExchangeStarted(exchange(1))),
        (6_040, ended(1, Outcome::Response, 1)),
    ];
    assert_eq!(net.observed(0), expected);
    let delivered = |id| Observation::RequestDelivered(exchange(id));
    assert_eq!(net.observed(1), [(1_020, delivered(0)), (6_020, delivered(1))]);
}

/// Row 3: four messages, completion processing + R = 540 ms.
#[test]
fn separate_exchanges_take_processing_and_one_round_trip() {
    let server = ServerConfig { processing: Span::from_millis(500), ..ServerConfig::default() };
    let net = Net::new(1, Ratio::ZERO, client_config(), server).run();
    assert_eq!(net.sent, 4);
    assert_eq!(net.observed(0)[1], (540, ended(0, Outcome::Response, 1)));
}

/// Right at the limit the response still rides on the ACK.
#[test]
fn processing_as_long_as_the_limit_is_piggybacked() {
    let server = ServerConfig { processing: Span::from_millis(100), ..ServerConfig::default() };
    let net = Net::new(1, Ratio::ZERO, client_config(), server).run();
    assert_eq!(net.sent, 2);
    assert_eq!(net.observed(0)[1], (140, ended(0, Outcome::Response, 1)));
}

#[test]
fn non_confirmable_exchanges_take_two_messages() {
    let server = ServerConfig { processing: Span::from_millis(500), ..ServerConfig::default() };
    let net = Net::new(1, Ratio::ZERO, ClientConfig { confirmable: false, ..client_config() }, server).run();
    assert_eq!(net.sent, 2);
    assert_eq!(net.observed(0)[1], (540, ended(0, Outcome::Response, 1)));
}

/// RFC 7252 §5.3.1: no two requests under way have the same token, nor do those of a client that has lost power. Answers take 5 s and come separately. The first
/// request is there at 20 ms, and its answer comes at 5.04 s to a client that began anew at about 2 s: it gets a Reset. The second request's takes as long.
#[test]
fn an_answer_of_before_a_loss_of_power_answers_nothing() {
    let server = ServerConfig { processing: Span::from_secs(5), ..ServerConfig::default() };
    let mut net = Net::new(1, Ratio::ZERO, client_config(), server);
    net.run_until(LocalTime::ZERO + Span::from_secs(2));
    net.hosts[0].env.now = LocalTime::ZERO + Span::from_secs(2);
    net.restart_client(client_config());
    let net = net.run();
    let expected = [
        (0, Observation::ExchangeStarted(exchange(0))),
        (2_000, Observation::ExchangeStarted(exchange(1))),
        (7_040, ended(1, Outcome::Response, 1)),
    ];
    assert_eq!(net.observed(0), expected);
    let delivered = |id| Observation::RequestDelivered(exchange(id));
    assert_eq!(net.observed(1), [(20, delivered(0)), (2_020, delivered(1))]);
    let resets: Vec<_> = net.log.iter().filter(|(.., message)| message.message_type == Type::Reset).collect();
    assert_eq!(resets.len(), 1);
    assert_eq!((resets[0].0, resets[0].1), (LocalTime::ZERO + Span::from_millis(5_040), 0));
}

/// NSTART = 1: the second request waits for the first one's end, at 40 ms.
#[test]
fn nstart_delays_the_start_of_an_exchange() {
    let config = ClientConfig { requests: 2, interval: Some(Span::from_millis(1)), ..client_config() };
    let net = Net::new(1, Ratio::ZERO, config, ServerConfig::default()).run();
    assert_eq!(net.observed(0)[2], (40, Observation::ExchangeStarted(exchange(1))));
}

/// With loss p = 0.3 each way and 4,000 exchanges: delivery, success, mean transmissions and mean
/// completion time against the closed form. Each bound is five standard errors, with the standard
/// deviation of one exchange bounded from above: of a share p it is sqrt(p (1 - p)); of 1 to 5
/// transmissions it is at most 2; of a wait between 0 and 45 s with mean 4.1 s at most
/// sqrt(4.1 · (45 - 4.1)) = 13 s.
#[test]
fn delivery_and_completion_time_agree_with_the_closed_form() {
    let count = 4_000;
    let config = ClientConfig { requests: count, ..client_config() };
    let net = Net::new(5, Ratio::from_percent(30), config, ServerConfig::default()).run();
    let (mut started, mut waits, mut transmissions) = (LocalTime::ZERO, Vec::new(), 0);
    for (at, observation) in &net.hosts[0].observed {
        match observation {
            Observation::ExchangeStarted(_) => started = *at,
            Observation::ExchangeEnded { outcome, transmissions: sent, .. } => {
                transmissions += sent;
                if *outcome == Outcome::Response {
                    waits.push(at.saturating_since(started + DELAY + DELAY).as_secs_f64());
                }
            }
            Observation::RequestDelivered(_) => panic!("a client delivers nothing"),
            Observation::ResponseBegan(_) | Observation::ExchangeMoved { .. } => panic!("CoAP says neither"),
            Observation::Received { .. }
            | Observation::Stream { .. }
            | Observation::TlsSecret(_)
            | Observation::Message(_) => panic!("delays are reported by sinks"),
        }
    }
    let n = count as f64;
    let check = |measured: f64, expected: f64, deviation: f64, n: f64| {
        assert!((measured - expected).abs() <= 5.0 * deviation / n.sqrt(), "{measured} is not {expected}");
    };
    let share = |measured: usize, expected: f64| {
        check(measured as f64 / n, expected, (expected * (1.0 - expected)).sqrt(), n);
    };
    let parameters = Parameters::default();
    let exchange = Attempts::of_exchange(&parameters, 0.3, 0.3);
    share(waits.len(), exchange.success());
    share(net.hosts[1].observed.len(), Attempts::of_delivery(&parameters, 0.3).success());
    check(f64::from(transmissions) / n, exchange.mean_transmissions(), 2.0, n);
    check(waits.iter().sum::<f64>() / waits.len() as f64, exchange.mean_wait(), 13.0, waits.len() as f64);
}

/// The server's answer to one request, out of a datagram.
fn answer(change: impl FnOnce(&mut Message)) -> Message {
    let config = ServerConfig {
        paths: vec!["/data".into(), "/a/b".into()],
        payload: Size::from_bytes(5),
        ..ServerConfig::default()
    };
    answer_of(config, change)
}

/// The same, of another server.
pub(super) fn answer_of(config: ServerConfig, change: impl FnOnce(&mut Message)) -> Message {
    let (mut server, mut host) = (Server::new(config), TestHost::new(1, server_address()));
    server.on_start(&mut host);
    let mut request = Message::empty(Type::Confirmable, MessageId(1));
    request.code = Code::GET;
    request.token = Token::new(b"abc").expect("three bytes");
    change(&mut request);
    server.on_datagram(SocketId(0), client_address(), request.encode_rope(), &mut host);
    let (_, datagram) = host.sent.pop().expect("an answer");
    Message::decode(&datagram).expect("a message")
}

/// RFC 7252 §4.7: PROBING_RATE is for those that do not respond. Answers take 40 ms, and 100 requests leave every 10 ms as they are due.
#[test]
fn a_server_that_answers_is_asked_as_fast_as_nstart_allows() {
    let config = ClientConfig {
        confirmable: false,
        requests: 100,
        interval: Some(Span::from_millis(10)),
        nstart: Some(50),
        ..client_config()
    };
    let net = Net::new(1, Ratio::ZERO, config, ServerConfig::default()).run();
    let sent: Vec<_> = net.log.iter().filter(|(_, side, _)| *side == 0).map(|(at, ..)| at.as_nanos() / 1_000).collect();
    assert_eq!(sent, (0..100).map(|number| number * 10_000).collect::<Vec<_>>());
}

/// With 10 % loss each way an exchange fails with 1 - 0.9 · 0.9 = 0.19. Requests leave each second; two that fail end with the server silent at 3 s,
/// and the next still goes: it takes four in a row, 0.19^4 = 0.0013, to hold one back, for its bytes over 1 B/s. So of 1000 nearly all have gone by then.
#[test]
fn a_loss_does_not_make_a_server_silent() {
    let config = ClientConfig {
        confirmable: false,
        requests: 1000,
        interval: Some(Span::from_secs(1)),
        nstart: Some(1000),
        ..client_config()
    };
    let mut net = Net::new(1, Ratio::from_percent(10), config, ServerConfig::default());
    net.run_until(LocalTime::ZERO + Span::from_secs(999));
    let sent: Vec<_> = net.log.iter().filter(|(_, side, _)| *side == 0).map(|(at, ..)| at.as_nanos()).collect();
    assert!(sent.len() >= 980, "{}", sent.len());
    let on_time = sent.iter().filter(|at| **at % 1_000_000_000 == 0).count();
    assert!(on_time >= 950, "{on_time}");
}

#[test]
fn the_server_answers_by_path_and_method() {
    let code = |method: Code, path: &str| {
        answer(|request| {
            request.code = method;
            request.options.add_uri_path(path);
        })
    };
    let content = code(Code::GET, "/data");
    assert_eq!((content.code, content.payload.len(), content.options.content_format()), (Code::CONTENT, 5, Some(42)));
    assert_eq!((content.token.as_number(), content.message_id), (0x0061_6263, MessageId(1)));
    assert_ne!(code(Code::GET, "/a/b").payload, content.payload);
    assert_eq!(code(Code::POST, "/data").code, Code::CHANGED);
    assert_eq!(code(Code::PUT, "/a/b").code, Code::CHANGED);
    assert_eq!(code(Code::DELETE, "/data").code, Code::DELETED);
    assert_eq!(code(Code::FETCH, "/data").code, Code::METHOD_NOT_ALLOWED);
    assert_eq!(code(Code(0x1f), "/data").code, Code::METHOD_NOT_ALLOWED);
    for unknown in ["/", "/data/", "/Data", "/a"] {
        assert_eq!(code(Code::GET, unknown).code, Code::NOT_FOUND, "{unknown}");
    }
    let core = code(Code::GET, "/.well-known/core");
    assert_eq!((core.code, core.options.content_format()), (Code::CONTENT, Some(40)));
    assert_eq!(&core.payload.to_bytes()[..], b"</data>;ct=42,</a/b>;ct=42");
    assert_eq!(code(Code::PUT, "/.well-known/core").code, Code::METHOD_NOT_ALLOWED);
}

/// RFC 7252 §5.10.2, §5.10.4, §5.10.8; Uri-Host and Uri-Port do not matter here.
#[test]
fn the_server_heeds_the_options_of_requests() {
    let code = |number: OptionNumber, value: &'static [u8]| {
        answer(|request| {
            request.options.add_uri_path("/data");
            request.options.add(number, value);
        })
        .code
    };
    assert_eq!(code(OptionNumber::URI_PORT, &[0x8b, 0x63]), Code::CONTENT);
    assert_eq!(code(OptionNumber::URI_HOST, b"localhost"), Code::CONTENT);
    assert_eq!(code(OptionNumber::ACCEPT, &[42]), Code::CONTENT);
    assert_eq!(code(OptionNumber::ACCEPT, &[]), Code::NOT_ACCEPTABLE);
    assert_eq!(code(OptionNumber::IF_MATCH, &[]), Code::CONTENT);
    assert_eq!(code(OptionNumber::IF_MATCH, b"etag"), Code::PRECONDITION_FAILED);
    assert_eq!(code(OptionNumber::IF_NONE_MATCH, &[]), Code::PRECONDITION_FAILED);
    assert_eq!(code(OptionNumber::PROXY_URI, b"coap://example.net/"), Code::PROXYING_NOT_SUPPORTED);
    // RFC 7959: known, and the resource fits into one; SZX 7 is reserved. Q-Block (RFC 9177) is not known.
    assert_eq!(code(OptionNumber::BLOCK2, &[2]), Code::CONTENT);
    assert_eq!(code(OptionNumber::BLOCK2, &[7]), Code::BAD_REQUEST);
    assert_eq!(code(OptionNumber::Q_BLOCK1, &[2]), Code::BAD_OPTION);
}

/// 4 header, 4 token, Uri-Path 1 + 4, Content-Format 2, marker 1, payload 100.
#[test]
fn the_client_sends_what_is_configured() {
    let config = ClientConfig { method: Method::Put, payload: Size::from_bytes(100), ..client_config() };
    let mut host = TestHost::new(1, client_address());
    let mut client = Client::new(config, server_address());
    client.on_start(&mut host);
    client.on_timer(0, &mut host);
    let (to, datagram) = host.sent.pop().expect("a request");
    assert_eq!((to, datagram.len()), (server_address(), 116));
    let request = Message::decode(&datagram).expect("a message");
    assert_eq!((request.code, request.options.uri_path()), (Code::PUT, "/data".into()));
    assert_eq!(request.token.as_bytes(), [0, 0, 0, 0]);
    // Whoever asks it something gets an acknowledgement and no answer.
    let mut foreign = Message::empty(Type::Confirmable, MessageId(9));
    foreign.code = Code::GET;
    client.on_datagram(SocketId(0), server_address(), foreign.encode_rope(), &mut host);
    assert_eq!(host.sent.pop().map(|(_, reply)| reply.to_bytes().to_vec()), Some(vec![0x60, 0, 0, 9]));
}

#[test]
fn apps_can_be_copied() {
    let mut copy = Server::new(ServerConfig::default()).try_clone().expect("plain data");
    copy.on_start(&mut TestHost::new(1, server_address()));
}
