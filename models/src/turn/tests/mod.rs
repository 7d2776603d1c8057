//! The server by hand, both machines over a wire, and what holds whatever happens.

mod apps;
mod both;
mod channels;
mod properties;
mod server;
mod user;

use super::server::{Command, Envelope, FiveTuple, Notice, Place, Server, ServerConfig, Transport};
use crate::rope::Rope;
use crate::stun::auth::{Algorithms, NONCE_LIFETIME};
use crate::stun::integrity::{Algorithm, Key};
use crate::stun::wire::frame::channel_data;
use crate::stun::wire::{Attribute, Class, ErrorCode, Fields, Message, MessageType, Method, TransactionId, Writer};
use crate::stun::{Credentials, User};
use protosim_core::{Effect, IdealEnv, LocalTime, Machine, MachineCx, Span};
use std::net::SocketAddr;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn server_address() -> SocketAddr {
    address("198.51.100.1:3478")
}

fn tuple(port: u16) -> FiveTuple {
    let client = SocketAddr::new("192.0.2.1".parse().unwrap(), port);
    FiveTuple { client, server: server_address(), transport: Transport::Udp }
}

fn credentials() -> Credentials {
    let user = |name: &str, password: &str| User { name: name.into(), password: password.into() };
    Credentials::LongTerm {
        realm: "example.org".into(),
        users: vec![user("alice", "secret"), user("bob", "hidden")],
        algorithms: Algorithms::Md5,
        anonymous: false,
        nonce_lifetime: NONCE_LIFETIME,
    }
}

fn config() -> ServerConfig {
    ServerConfig::new(credentials(), server_address().ip())
}

/// A server whose clients' messages are made by hand.
struct Bench {
    server: Server,
    env: IdealEnv,
    out: Vec<Envelope>,
    notices: Vec<Notice>,
    ids: u64,
}

impl Bench {
    fn new(config: ServerConfig) -> Self {
        let (server, env) = (Server::new(config).unwrap(), IdealEnv::new(1));
        Self { server, env, out: Vec::new(), notices: Vec::new(), ids: 0 }
    }

    fn run(&mut self, call: impl FnOnce(&mut Server, &mut MachineCx<'_, Server>)) {
        let mut effects = Vec::new();
        call(&mut self.server, &mut MachineCx::new(&mut self.env, &mut effects));
        for effect in effects {
            match effect {
                Effect::Transmit(envelope) => self.out.push(envelope),
                Effect::Notify(notice) => self.notices.push(notice),
                Effect::Observe(never) => match never {},
            }
        }
    }

    /// Lets time pass, with the timers that are due on the way.
    fn wait(&mut self, span: Span) {
        let end = self.env.now.saturating_add(span);
        while let Some(deadline) = self.server.poll_timeout().filter(|deadline| deadline.at <= end) {
            self.env.now = self.env.now.max(deadline.at);
            self.run(Server::handle_timeout);
            let next = self.server.poll_timeout();
            assert!(next.is_none_or(|next| next.at > self.env.now), "{next:?}");
        }
        self.env.now = end;
    }

    fn wait_until(&mut self, secs: u64) {
        let span = LocalTime::from_nanos(secs * 1_000_000_000).saturating_since(self.env.now);
        self.wait(span);
    }

    fn next_id(&mut self) -> TransactionId {
        self.ids += 1;
        TransactionId::from_draws(self.ids, 0)
    }

    fn request(&mut self, method: Method) -> Writer {
        let id = self.next_id();
        Writer::new(MessageType::new(Class::Request, method), id)
    }

    /// What the server sends for one payload.
    fn put(&mut self, place: Place, payload: Rope) -> Option<Envelope> {
        assert!(self.out.is_empty());
        self.run(|server, cx| server.handle_message(Envelope { place, payload }, cx));
        assert!(self.out.len() <= 1, "{:?}", self.out);
        self.out.pop()
    }

    /// The answer to a request as it is.
    fn ask_plainly(&mut self, tuple: FiveTuple, request: Vec<u8>) -> Vec<u8> {
        let answer = self.put(Place::Client(tuple), Rope::from(request)).expect("an answer");
        assert_eq!(answer.place, Place::Client(tuple));
        answer.payload.to_bytes().to_vec()
    }

    /// Credentials of a user, with a nonce that the server has just given.
    fn sign_as(&mut self, tuple: FiveTuple, (user, password): (&str, &str), request: Writer) -> Vec<u8> {
        let challenge = self.request(Method::REFRESH).finish();
        let challenge = self.ask_plainly(tuple, challenge);
        let message = Message::parse(&challenge).unwrap();
        let fields = Fields::read(&message);
        assert_eq!(fields.error, Some(ErrorCode::UNAUTHENTICATED));
        let realm = fields.realm.unwrap();
        let key = Key::long_term(user, realm, password, Algorithm::Md5).unwrap();
        let named = request.with(Attribute::Username(user)).with(Attribute::Realm(realm));
        named.with(Attribute::Nonce(fields.nonce.unwrap())).integrity(&key).finish()
    }

    fn ask_as(&mut self, tuple: FiveTuple, user: (&str, &str), request: Writer) -> Vec<u8> {
        let signed = self.sign_as(tuple, user, request);
        self.ask_plainly(tuple, signed)
    }

    fn ask(&mut self, tuple: FiveTuple, request: Writer) -> Vec<u8> {
        self.ask_as(tuple, ALICE, request)
    }

    /// The error of the answer, `None` for success.
    fn error(&mut self, tuple: FiveTuple, request: Writer) -> Option<ErrorCode> {
        error_of(&self.ask(tuple, request))
    }

    /// Allocates, and says where.
    fn allocate(&mut self, tuple: FiveTuple) -> SocketAddr {
        let request = self.request(Method::ALLOCATE).with(Attribute::RequestedTransport(17));
        let answer = self.ask(tuple, request);
        Fields::read(&Message::parse(&answer).unwrap()).relayed.expect("an allocation")
    }

    fn permit(&mut self, tuple: FiveTuple, peer: SocketAddr) -> Option<ErrorCode> {
        let request = self.request(Method::CREATE_PERMISSION).with(Attribute::XorPeerAddress(peer));
        self.error(tuple, request)
    }

    fn bind(&mut self, tuple: FiveTuple, number: u16, peer: SocketAddr) -> Option<ErrorCode> {
        let request = self.request(Method::CHANNEL_BIND);
        let request = request.with(Attribute::ChannelNumber(number)).with(Attribute::XorPeerAddress(peer));
        self.error(tuple, request)
    }

    fn refresh(&mut self, tuple: FiveTuple, lifetime: Option<u32>) -> Vec<u8> {
        let request = self.request(Method::REFRESH).with_if(lifetime.map(Attribute::Lifetime));
        self.ask(tuple, request)
    }

    fn send(&mut self, tuple: FiveTuple, peer: SocketAddr, data: &Rope) -> Option<Envelope> {
        let id = self.next_id();
        let writer = Writer::new(MessageType::new(Class::Indication, Method::SEND), id);
        self.put(Place::Client(tuple), writer.with(Attribute::XorPeerAddress(peer)).finish_with_data(data))
    }

    fn send_on(&mut self, tuple: FiveTuple, number: u16, data: &Rope) -> Option<Envelope> {
        self.put(Place::Client(tuple), channel_data(number, data, tuple.transport.is_stream()))
    }

    fn put_from_peer(&mut self, relayed: SocketAddr, peer: SocketAddr, data: &Rope) -> Option<Envelope> {
        self.put(Place::Peer { relayed, peer }, data.clone())
    }

    fn command(&mut self, command: Command) {
        self.run(|server, cx| server.handle_command(command, cx).unwrap());
    }
}

const ALICE: (&str, &str) = ("alice", "secret");
const BOB: (&str, &str) = ("bob", "hidden");

fn error_of(answer: &[u8]) -> Option<ErrorCode> {
    let message = Message::parse(answer).unwrap();
    let fields = Fields::read(&message);
    assert_eq!(message.class(), if fields.error.is_some() { Class::Error } else { Class::Success });
    fields.error
}

fn lifetime_of(answer: &[u8]) -> Option<u32> {
    Fields::read(&Message::parse(answer).unwrap()).lifetime
}
