//! A client and a server over a path that delays, loses, copies and swaps datagrams.

mod gate;
mod handshakes;
mod hostile;
mod layer;
mod loss;
mod resumption;
mod sizes;

use super::codes::{DTLS12, DTLS13, Suite};
use super::config::{ClientConfig, Common, Psk, ServerConfig};
use super::connection::{ClientSide, Connection, Cx, Failure, Handshaked, Notice, ServerSide, Side, Trace};
use super::endpoint::{ConnectionId, Ending, Endpoint, EndpointLimits, Output};
use crate::rope::Rope;
use crate::tls::certificate::{CertificateKind, Identity, Trust, identity};
use crate::tls::config::CertificateConfig;
use crate::tls::crypto::Mode;
use protosim_core::machine::IdealEnv;
use protosim_core::{Effect, LocalTime, Span};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// Bytes written in hexadecimal, with spaces where they help.
pub(in crate::dtls) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

/// One way of the path takes this long.
const HALF: Span = Span::from_millis(50);

/// What becomes of a datagram: how much later than usual each of its copies comes.
type Fate = Box<dyn FnMut(Sent<'_>) -> Vec<Span>>;

/// A datagram on its way.
struct Sent<'a> {
    to_server: bool,
    /// Its number among all.
    number: usize,
    datagram: &'a Rope,
}

struct World {
    now: LocalTime,
    client: Option<Connection>,
    client_side: Side,
    client_env: IdealEnv,
    client_address: SocketAddr,
    server: Endpoint,
    server_env: IdealEnv,
    fate: Fate,
    /// By time and number: whether it goes to the server, from where, and itself.
    queue: BTreeMap<(LocalTime, usize), (bool, SocketAddr, Rope)>,
    queued: usize,
    /// All datagrams that were sent: when, whether to the server, and themselves.
    log: Vec<(LocalTime, bool, Rope)>,
    client_notices: Vec<(LocalTime, Notice)>,
    server_notices: Vec<(LocalTime, ConnectionId, Notice)>,
    client_traces: Vec<Trace>,
    server_traces: Vec<Trace>,
    moved: Vec<SocketAddr>,
    ended: Vec<(ConnectionId, Ending)>,
}

impl World {
    fn new(client: ClientConfig, server: ServerConfig) -> Self {
        Self {
            now: LocalTime::ZERO,
            client: None,
            client_side: Side::Client(ClientSide::new(client, Trust::default())),
            client_env: IdealEnv::new(1),
            client_address: "192.0.2.1:40000".parse().unwrap(),
            server: Endpoint::new(ServerSide::new(server, Trust::default()), EndpointLimits::default()),
            server_env: IdealEnv::new(2),
            fate: Box::new(|_| vec![Span::ZERO]),
            queue: BTreeMap::new(),
            queued: 0,
            log: Vec::new(),
            client_notices: Vec::new(),
            server_notices: Vec::new(),
            client_traces: Vec::new(),
            server_traces: Vec::new(),
            moved: Vec::new(),
            ended: Vec::new(),
        }
    }

    fn with_fate(mut self, fate: impl FnMut(Sent<'_>) -> Vec<Span> + 'static) -> Self {
        self.fate = Box::new(fate);
        self
    }

    /// Datagrams with these numbers are lost.
    fn losing(self, lost: &'static [usize]) -> Self {
        self.with_fate(|sent| if lost.contains(&sent.number) { Vec::new() } else { vec![Span::ZERO] })
    }

    fn connect(&mut self) -> &mut Self {
        self.client_env.now = self.now;
        let mut effects = Vec::new();
        let Side::Client(side) = &mut self.client_side else { unreachable!() };
        let connection = Connection::client(side, &mut Cx { env: &mut self.client_env, effects: &mut effects });
        self.client = Some(connection);
        self.take_client(effects);
        self
    }

    fn with_client<R>(&mut self, call: impl FnOnce(&mut Connection, &mut Side, &mut Cx<'_>) -> R) -> R {
        self.client_env.now = self.now;
        let mut effects = Vec::new();
        let connection = self.client.as_mut().expect("it is open");
        let cx = &mut Cx { env: &mut self.client_env, effects: &mut effects };
        let result = call(connection, &mut self.client_side, cx);
        self.take_client(effects);
        result
    }

    fn with_server<R>(&mut self, call: impl FnOnce(&mut Connection, &mut Cx<'_>) -> R) -> R {
        self.server_env.now = self.now;
        let (id, _) = self.server.connections().last().expect("there is one");
        let mut out = Vec::new();
        let result = self.server.with(id, &mut self.server_env, &mut out, call).expect("it is there");
        self.take_server(out);
        result
    }

    fn take_client(&mut self, effects: Vec<super::connection::Effect>) {
        for effect in effects {
            match effect {
                Effect::Transmit(datagram) => self.transmit(true, self.client_address, datagram),
                Effect::Notify(notice) => self.client_notices.push((self.now, notice)),
                Effect::Observe(trace) => self.client_traces.push(trace),
            }
        }
    }

    fn take_server(&mut self, out: Vec<Output>) {
        for one in out {
            match one {
                Output::Transmit(to, datagram) => self.transmit(false, to, datagram),
                Output::Notify(id, notice) => self.server_notices.push((self.now, id, notice)),
                Output::Observe(_, trace) => self.server_traces.push(trace),
                Output::Ended(id, _, ending) => self.ended.push((id, ending)),
                Output::Moved(_, _, to) => self.moved.push(to),
            }
        }
    }

    fn transmit(&mut self, to_server: bool, address: SocketAddr, datagram: Rope) {
        let number = self.log.len();
        self.log.push((self.now, to_server, datagram.clone()));
        for extra in (self.fate)(Sent { to_server, number, datagram: &datagram }) {
            self.queue.insert((self.now + HALF + extra, self.queued), (to_server, address, datagram.clone()));
            self.queued += 1;
        }
    }

    /// Lets time go on until nothing is left to do, or `until`.
    fn run_until(&mut self, until: LocalTime) -> &mut Self {
        loop {
            let arrival = self.queue.first_key_value().map(|((at, _), _)| *at);
            let client = self.client.as_ref().and_then(Connection::next_timeout).map(|deadline| deadline.at);
            let server = self.server.next_timeout().map(|deadline| deadline.at);
            let Some(at) = [arrival, client, server].into_iter().flatten().min().filter(|at| *at <= until) else {
                self.now = self.now.max(until);
                return self;
            };
            self.now = self.now.max(at);
            if arrival == Some(at) {
                let (_, (to_server, address, datagram)) = self.queue.pop_first().expect("it is there");
                self.deliver(to_server, address, &datagram);
            } else if client == Some(at) {
                self.with_client(|connection, _, cx| connection.handle_timeout(cx));
            } else {
                self.server_env.now = self.now;
                let mut out = Vec::new();
                self.server.handle_timeout(&mut self.server_env, &mut out);
                self.take_server(out);
            }
        }
    }

    fn deliver(&mut self, to_server: bool, address: SocketAddr, datagram: &Rope) {
        if to_server {
            self.server_env.now = self.now;
            let mut out = Vec::new();
            self.server.handle_datagram(address, datagram, &mut self.server_env, &mut out);
            self.take_server(out);
        } else if address == self.client_address {
            self.with_client(|connection, side, cx| connection.handle_datagram(datagram, side, cx));
        }
    }

    /// Ten minutes more.
    fn run(&mut self) -> &mut Self {
        self.run_until(self.now + Span::from_secs(600))
    }

    fn client_send(&mut self, text: &str) {
        self.with_client(|connection, _, cx| connection.send(&Rope::from(text.as_bytes().to_vec()), cx)).unwrap();
    }

    fn server_send(&mut self, text: &str) {
        self.with_server(|connection, cx| connection.send(&Rope::from(text.as_bytes().to_vec()), cx)).unwrap();
    }

    /// When and how the client has connected.
    fn client_connected(&self) -> Option<(LocalTime, Handshaked)> {
        self.client_notices.iter().find_map(|(at, notice)| match notice {
            Notice::Connected(handshaked) => Some((*at, handshaked.clone())),
            _ => None,
        })
    }

    fn server_connected(&self) -> Option<(LocalTime, Handshaked)> {
        self.server_notices.iter().rev().find_map(|(at, _, notice)| match notice {
            Notice::Connected(handshaked) => Some((*at, handshaked.clone())),
            _ => None,
        })
    }

    fn client_failure(&self) -> Option<Failure> {
        self.client_notices.iter().find_map(|(_, notice)| match notice {
            Notice::Failed(failure) => Some(*failure),
            _ => None,
        })
    }

    fn server_failure(&self) -> Option<Failure> {
        self.server_notices.iter().find_map(|(_, _, notice)| match notice {
            Notice::Failed(failure) => Some(*failure),
            _ => None,
        })
    }

    /// What the client has got.
    fn client_data(&self) -> Vec<String> {
        let data = self.client_notices.iter().filter_map(|(_, notice)| match notice {
            Notice::Data(data) => Some(data),
            _ => None,
        });
        data.map(|data| String::from_utf8(data.to_bytes().to_vec()).unwrap()).collect()
    }

    fn server_data(&self) -> Vec<String> {
        let data = self.server_notices.iter().filter_map(|(_, _, notice)| match notice {
            Notice::Data(data) => Some(data),
            _ => None,
        });
        data.map(|data| String::from_utf8(data.to_bytes().to_vec()).unwrap()).collect()
    }

    /// Both have connected, agree, and data pass both ways.
    fn check_connected(&mut self) -> Handshaked {
        let client = self.client_connected().expect("the client has connected").1;
        let server = self.server_connected().expect("the server has connected").1;
        let swapped = server.cid_lens.map(|(own, peer)| (peer, own));
        assert_eq!(client, Handshaked { cid_lens: swapped, ..server });
        let (before_client, before_server) = (self.client_data().len(), self.server_data().len());
        self.client_send("ping");
        self.server_send("pong");
        self.run();
        assert_eq!(self.client_data()[before_client..], ["pong"]);
        assert_eq!(self.server_data()[before_server..], ["ping"]);
        client
    }
}

/// A key that both have.
fn psk() -> Psk {
    Psk { identity: "device-1".into(), key: hex("0102030405060708090a0b0c0d0e0f10").into() }
}

fn ours(mode: Mode, name: &str) -> Arc<Identity> {
    let config = CertificateConfig { key: CertificateKind::EcdsaP256, chain: 2, leaf: None };
    Arc::new(identity(mode, &config, name))
}

/// Both ends of a handshake with this suite.
fn ends(mode: Mode, suite: Suite) -> (ClientConfig, ServerConfig) {
    let common = Common { mode, versions: vec![suite.version()], suites: vec![suite], ..Common::default() };
    let client = ClientConfig { common: common.clone(), psk: Some(psk()), ..ClientConfig::default() };
    let psks = [(psk().identity, psk().key)].into();
    let server = ServerConfig { common, psks, identity: Some(ours(mode, "example.com")), ..ServerConfig::default() };
    (client, server)
}

/// The same without pre-shared keys: what the suites of DTLS 1.3 need to use certificates.
fn with_certificates(mode: Mode, suite: Suite) -> (ClientConfig, ServerConfig) {
    let (client, server) = ends(mode, suite);
    (ClientConfig { psk: None, ..client }, ServerConfig { psks: BTreeMap::new(), ..server })
}

fn at(millis: u64) -> LocalTime {
    LocalTime::ZERO + Span::from_millis(millis)
}

const MODES: [Mode; 2] = [Mode::Sized, Mode::Real];
