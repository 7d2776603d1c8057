//! Our machine against itself, over a pipe: what flights are made of, and what becomes of them.

mod alerts;
mod handshakes;
mod resumption;
mod sizes;

use super::{ClientSide, Connection, Cx, EarlyData, Effect, Handshaked, Notice, ServerSide, Side, Trace};
use crate::rope::Rope;
use crate::tls::certificate::{CertificateKind, Trust, identity};
use crate::tls::codes::HandshakeType;
use crate::tls::config::{TlsClientConfig, TlsServerConfig, TlsVersion};
use crate::tls::crypto::Mode;
use protosim_core::machine::IdealEnv;
use protosim_core::{LocalTime, Span};
use std::sync::Arc;

/// One end, with what it has told.
struct Peer {
    side: Side,
    connection: Option<Connection>,
    env: IdealEnv,
    out: Rope,
    notices: Vec<Notice>,
    traces: Vec<Trace>,
}

impl Peer {
    fn new(side: Side, seed: u64) -> Self {
        let (connection, out) = (None, Rope::new());
        Self { side, connection, env: IdealEnv::new(seed), out, notices: Vec::new(), traces: Vec::new() }
    }

    fn with<R>(&mut self, call: impl FnOnce(Option<&mut Connection>, &mut Side, &mut Cx<'_>) -> R) -> R {
        let mut effects = Vec::new();
        let result =
            call(self.connection.as_mut(), &mut self.side, &mut Cx { env: &mut self.env, effects: &mut effects });
        for effect in effects {
            match effect {
                Effect::Transmit(bytes) => self.out.append(&bytes),
                Effect::Notify(notice) => self.notices.push(notice),
                Effect::Observe(trace) => self.traces.push(trace),
            }
        }
        result
    }

    fn open(&mut self, mode: Mode) {
        self.notices.clear();
        let connection = self.with(|_, side, cx| match side {
            Side::Client(side) => Connection::client(mode, side, cx),
            Side::Server(side) => Connection::server(mode, side),
        });
        self.connection = Some(connection);
    }

    fn take(&mut self, bytes: &Rope) {
        self.with(|connection, side, cx| connection.expect("it is open").handle_bytes(bytes, side, cx));
    }

    fn write(&mut self, data: &Rope) {
        self.with(|connection, _, cx| connection.expect("it is open").write(data, cx));
    }

    fn finish(&mut self) {
        self.with(|connection, _, cx| connection.expect("it is open").finish(cx));
    }

    /// All data that have come.
    fn data(&self) -> Rope {
        let mut all = Rope::new();
        for notice in &self.notices {
            if let Notice::Data(data) = notice {
                all.append(data);
            }
        }
        all
    }

    fn handshaked(&self) -> Option<&Handshaked> {
        self.notices.iter().find_map(|notice| match notice {
            Notice::Connected(handshaked) => Some(handshaked),
            _ => None,
        })
    }

    fn sent(&self) -> Vec<(HandshakeType, usize)> {
        let sent = |trace: &Trace| match trace {
            Trace::Sent(kind, len) => Some((*kind, *len)),
            _ => None,
        };
        self.traces.iter().filter_map(sent).collect()
    }
}

/// Two ends and what is between them.
struct Pair {
    mode: Mode,
    client: Peer,
    server: Peer,
    /// Bytes of each flight, the client's and the server's in turns.
    flights: Vec<u64>,
}

impl Pair {
    fn new(mode: Mode, client: &TlsClientConfig, server: &TlsServerConfig) -> Self {
        let made = |config: &crate::tls::config::CertificateConfig| Arc::new(identity(mode, config, "example.com"));
        let own = client.certificate.as_ref().map(made);
        let side = ClientSide::new(Arc::new(client.resolve("example.com")), own, Trust::default());
        let other = ServerSide::new(Arc::new(server.resolve()), made(&server.certificate), Trust::default());
        Self {
            mode,
            client: Peer::new(Side::Client(side), 1),
            server: Peer::new(Side::Server(other), 2),
            flights: Vec::new(),
        }
    }

    /// A new connection between the same applications.
    fn open(&mut self) {
        self.client.open(self.mode);
        self.server.open(self.mode);
        self.flights.clear();
    }

    /// Carries bytes to and fro, in pieces of at most `most`, until nobody has more to say.
    fn run_in_pieces(&mut self, most: u64) {
        loop {
            let (to_server, to_client) = (std::mem::take(&mut self.client.out), Rope::new());
            if !to_server.is_empty() {
                self.flights.push(to_server.len());
                carry(&to_server, most, &mut self.server);
            }
            let answer = std::mem::replace(&mut self.server.out, to_client);
            if !answer.is_empty() {
                self.flights.push(answer.len());
                carry(&answer, most, &mut self.client);
            }
            if to_server.is_empty() && answer.is_empty() {
                return;
            }
        }
    }

    fn run(&mut self) {
        self.run_in_pieces(u64::MAX);
    }

    fn connect(&mut self) {
        self.open();
        self.run();
    }

    fn advance(&mut self, span: Span) {
        self.client.env.advance(span);
        self.server.env.advance(span);
    }
}

fn carry(bytes: &Rope, most: u64, to: &mut Peer) {
    let mut at = 0;
    while at < bytes.len() {
        let part = bytes.slice(at, most);
        at += part.len();
        to.take(&part);
    }
}

fn only(version: TlsVersion) -> Option<Vec<TlsVersion>> {
    Some(vec![version])
}

const BOTH: [Mode; 2] = [Mode::Sized, Mode::Real];

/// Virtual bytes or real ones, the same.
fn is_same(one: &Rope, other: &Rope) -> bool {
    one.to_bytes() == other.to_bytes()
}

/// Data go both ways, and both ends say goodbye.
fn talk(pair: &mut Pair) {
    let (question, answer) = (Rope::from(b"GET / HTTP/1.1\r\n\r\n".to_vec()), Rope::fill(7, 0, 40_000));
    pair.client.notices.clear();
    pair.server.notices.clear();
    pair.client.write(&question);
    pair.run();
    assert!(is_same(&pair.server.data(), &question));
    pair.server.write(&answer);
    pair.server.finish();
    pair.run();
    assert!(is_same(&pair.client.data(), &answer));
    assert!(pair.client.notices.contains(&Notice::Finished));
    pair.client.finish();
    pair.run();
    assert!(pair.server.notices.contains(&Notice::Finished));
}
