//! The application on a host, with a client on another one and a peer on a third.

use super::super::client::{self, Client, ClientConfig, Command as Want, Notice as Told};
use super::super::{TurnServer, TurnServerConfig};
use super::*;
use crate::app::{App, Host, SocketId, StreamEvent, StreamId, StreamOptions, Total};
use crate::stun::User as Account;
use crate::stun::wire::frame::FrameReader;
use crate::tcp::{CloseReason, TcpConfig};
use crate::testing::{Net, Probe, link};
use crate::tls::crypto::Mode;
use crate::tls::{Secured, TlsClientConfig, TlsServerConfig};
use protosim_core::{CannotClone, Operation};
use std::sync::Arc;

/// Allocates, binds a channel, sends to its peer, gives all back when that has answered; `allocated_us` and `answered_us` say when.
#[derive(Clone, Debug)]
struct User {
    client: Client,
    config: ClientConfig,
    peer: SocketAddr,
    socket: Option<SocketId>,
    stream: Option<StreamId>,
    reader: FrameReader,
    allocated: u64,
    answered: u64,
    released: u64,
}

/// What it sends, as bulk data.
fn payload() -> Rope {
    Rope::fill(5, 0, 333)
}

impl User {
    fn new(server: SocketAddr, peer: SocketAddr, is_stream: bool) -> Self {
        let config = ClientConfig { is_stream, ..ClientConfig::new(server, "alice", "secret") };
        let (client, reader) = (Client::new(config.clone()), FrameReader::default());
        Self { client, config, peer, socket: None, stream: None, reader, allocated: 0, answered: 0, released: 0 }
    }

    fn run(&mut self, host: &mut dyn Host, call: impl FnOnce(&mut Client, &mut MachineCx<'_, Client>)) {
        let mut effects = Vec::new();
        call(&mut self.client, &mut MachineCx::new(host, &mut effects));
        let mut index = 0;
        while index < effects.len() {
            let micros = host.now().as_nanos() / 1_000;
            let next = match effects[index].clone() {
                Effect::Transmit(client::Envelope { peer, payload }) => {
                    match (self.socket, self.stream) {
                        (Some(socket), _) => host.udp_send(socket, peer, payload).unwrap(),
                        (None, stream) => {
                            let taken = host.stream_write(stream.unwrap(), &payload).unwrap();
                            assert_eq!(taken, payload.len());
                        }
                    }
                    None
                }
                Effect::Notify(Told::Allocated { .. }) => {
                    self.allocated = micros;
                    Some(Want::Bind(self.peer))
                }
                Effect::Notify(Told::Bound(..)) => Some(Want::Send(self.peer, payload())),
                Effect::Notify(Told::Received(peer, data)) => {
                    assert_eq!((peer, data), (self.peer, payload()));
                    self.answered = micros;
                    Some(Want::Release)
                }
                Effect::Notify(Told::Released) => {
                    self.released = micros;
                    None
                }
                Effect::Notify(_) => None,
                Effect::Observe(never) => match never {},
            };
            if let Some(command) = next {
                self.client.handle_command(command, &mut MachineCx::new(host, &mut effects)).unwrap();
            }
            index += 1;
        }
        match self.client.poll_timeout() {
            Some(deadline) => host.set_timer(0, deadline.at, deadline.timer),
            None => host.cancel_timer(0),
        }
    }

    fn start(&mut self, host: &mut dyn Host) {
        self.run(host, |client, cx| client.handle_command(Want::Allocate, cx).unwrap());
    }

    fn take(&mut self, payload: Rope, host: &mut dyn Host) {
        let peer = self.config.server;
        self.run(host, |client, cx| client.handle_message(client::Envelope { peer, payload }, cx));
    }
}

impl App for User {
    fn on_start(&mut self, host: &mut dyn Host) {
        if self.config.is_stream {
            let options = StreamOptions { tcp: Arc::new(TcpConfig::default().resolve()), early_data: Rope::new() };
            self.stream = Some(host.stream_connect(self.config.server, &options).unwrap());
        } else {
            self.socket = Some(host.udp_bind(0).unwrap());
            self.start(host);
        }
    }

    fn on_datagram(&mut self, _: SocketId, _: SocketAddr, payload: Rope, host: &mut dyn Host) {
        self.take(payload, host);
    }

    fn on_timer(&mut self, _: u64, host: &mut dyn Host) {
        self.run(host, Client::handle_timeout);
    }

    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        match event {
            StreamEvent::Connected => self.start(host),
            StreamEvent::Readable => {
                self.reader.push(&host.stream_read(stream, u64::MAX).unwrap());
                while let Ok(Some(frame)) = self.reader.next_frame() {
                    self.take(frame, host);
                }
            }
            StreamEvent::Closed(reason) => assert_eq!(reason, CloseReason::Done),
            _ => {}
        }
    }

    fn totals(&self) -> Vec<Total> {
        let total = |name, value| Total { name, value };
        let (allocated, answered) = (total("allocated_us", self.allocated), total("answered_us", self.answered));
        vec![allocated, answered, total("released_us", self.released)]
    }

    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        Ok(Box::new(self.clone()))
    }
}

/// I9: with a round trip R to the server, the relayed address is known after 2 R over UDP, 3 R over TCP, 4 R over TLS 1.3. A channel
/// takes R more, and data to the peer and back R and the round trip from server to peer.
#[test]
fn when_a_relayed_address_is_known() {
    // Links of 5 ms: client and server are 10 ms apart, R is 20 ms; so are server and peer.
    for (transport, rounds) in [(Transport::Udp, 2), (Transport::Tcp, 3), (Transport::Tls, 4)] {
        let mut net = Net::new(7);
        let [client, router, server, peer] =
            ["client", "router", "server", "peer"].map(|name| net.node(name, name == "router"));
        for (name, node) in [("l0", client), ("l1", server), ("l2", peer)] {
            net.link(name, node, router, link("", "5 ms"));
        }
        let mut config = TurnServerConfig::new(credentials());
        if transport.is_stream() {
            config.tcp = Some(TcpConfig::default());
        }
        let user = User::new(net.socket(server, 3478), net.socket(peer, 9), transport.is_stream());
        if transport == Transport::Tls {
            let tls = TlsServerConfig::default();
            config.tls = Some(Box::new(tls.clone()));
            net.app(server, "turn", Boxed(Box::new(Secured::server(app(config), Mode::Sized, &tls))));
            let tls = TlsClientConfig::default();
            net.app(client, "user", Boxed(Box::new(Secured::client(Box::new(user), Mode::Sized, &tls, "server"))));
        } else {
            net.app(server, "turn", Boxed(app(config)));
            net.app(client, "user", user);
        }
        net.app(peer, "echo", Probe::new(9).serving(Operation { name: "echo", bytes: 0 }));
        let mut world = net.build(1);
        world.run(protosim_core::Until::Time(crate::testing::at(5_000_000_000)));
        let user = |name| world.total(client, "user", name);
        assert_eq!(user("allocated_us"), rounds * 20_000, "{transport:?}");
        assert_eq!(user("answered_us"), (rounds + 1 + 2) * 20_000);
        assert_eq!(user("released_us"), (rounds + 4) * 20_000);
        let turn = |name| world.total(server, "turn", name);
        let expected = [1, 1, 1, 1, 0, 0, 0];
        let names = ["allocations", "packets_to_peers", "packets_to_clients", "unauthenticated"];
        let none = ["unpermitted_to_peers", "dropped_messages", "refused_calls"];
        assert_eq!([names.as_slice(), &none].concat().into_iter().map(turn).collect::<Vec<_>>(), expected);
    }
}

/// A relayed address that was given back is nobody's: a datagram from the peer is answered by ICMP, 10 ms there and as much back. It was
/// given back at 120 ms, by the test above.
#[test]
fn a_relayed_address_ends_with_its_allocation() {
    let mut net = Net::new(7);
    let [client, router, server, peer] =
        ["client", "router", "server", "peer"].map(|name| net.node(name, name == "router"));
    for (name, node) in [("l0", client), ("l1", server), ("l2", peer)] {
        net.link(name, node, router, link("", "5 ms"));
    }
    let config = TurnServerConfig { first_port: 50_000, last_port: 50_000, ..TurnServerConfig::new(credentials()) };
    net.app(server, "turn", Boxed(app(config)));
    net.app(client, "user", User::new(net.socket(server, 3478), net.socket(peer, 9), false));
    net.app(peer, "echo", Probe::new(9).serving(Operation { name: "echo", bytes: 0 }));
    let relayed = net.socket(server, 50_000);
    let stray = Probe::new(10).burst(200_000_000, relayed, 10, 1);
    let log = stray.log();
    net.app(peer, "stray", stray);
    let mut world = net.build(1);
    world.run(protosim_core::Until::Time(crate::testing::at(5_000_000_000)));
    assert_eq!(crate::testing::events(&log), [(220_000_000, crate::testing::Event::Unreachable(relayed))]);
    let turn = |name| world.total(server, "turn", name);
    assert_eq!(["allocations", "packets_to_clients", "refused_calls"].map(turn), [1, 1, 0]);
}

fn app(config: TurnServerConfig) -> Box<dyn App> {
    assert_eq!(config.check(), []);
    Box::new(TurnServer::new(config))
}

/// An App that is in a box already.
#[derive(Debug)]
pub(super) struct Boxed(pub(super) Box<dyn App>);

impl App for Boxed {
    fn on_start(&mut self, host: &mut dyn Host) {
        self.0.on_start(host);
    }
    fn on_datagram(&mut self, socket: SocketId, from: SocketAddr, payload: Rope, host: &mut dyn Host) {
        self.0.on_datagram(socket, from, payload, host);
    }
    fn on_timer(&mut self, token: u64, host: &mut dyn Host) {
        self.0.on_timer(token, host);
    }
    fn on_stream(&mut self, stream: StreamId, event: StreamEvent, host: &mut dyn Host) {
        self.0.on_stream(stream, event, host);
    }
    fn on_flush(&mut self, host: &mut dyn Host) {
        self.0.on_flush(host);
    }
    fn totals(&self) -> Vec<Total> {
        self.0.totals()
    }
    fn try_clone(&self) -> Result<Box<dyn App>, CannotClone> {
        self.0.try_clone()
    }
}

#[test]
fn what_a_configuration_cannot_say() {
    let fields = |config: &TurnServerConfig| config.check().into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    let good = TurnServerConfig::new(credentials());
    assert!(fields(&good).is_empty());
    assert_eq!(fields(&TurnServerConfig::new(Credentials::None)), ["credentials"]);
    assert_eq!(fields(&TurnServerConfig { port: 50_000, ..good.clone() }), ["port"]);
    assert_eq!(fields(&TurnServerConfig { first_port: 60_000, last_port: 50_000, ..good.clone() }), ["last_port"]);
    assert_eq!(fields(&TurnServerConfig { max_lifetime: Span::from_secs(5), ..good.clone() }), ["max_lifetime"]);
    assert_eq!(fields(&TurnServerConfig { tls: Some(Box::default()), ..good.clone() }), ["tls"]);
    let nameless = Credentials::ShortTerm(vec![Account { name: String::new(), password: "x".into() }]);
    assert_eq!(fields(&TurnServerConfig { credentials: nameless, ..good }), ["credentials", "credentials"]);
}
