//! A client's schedule, and what a server answers.

use super::super::auth::{Algorithms, Credentials, NONCE_LIFETIME, User, security_features};
use super::super::integrity::{Algorithm, Key, check_sha1, check_sha256, userhash};
use super::super::server::{Counts, Envelope, Server, ServerConfig};
use super::super::transaction::{Due, Timing, Transaction};
use super::super::wire::{
    Attribute, AttributeType, Class, ErrorCode, Fields, Message, MessageType, Method, TransactionId, Writer,
};
use crate::rope::Rope;
use protosim_core::{Effect, IdealEnv, LocalTime, Machine, MachineCx, Span};
use std::net::SocketAddr;

pub(super) const ID: TransactionId = TransactionId([7; 12]);

pub(super) fn client() -> SocketAddr {
    "192.0.2.1:40000".parse().unwrap()
}

fn local() -> SocketAddr {
    "198.51.100.1:3478".parse().unwrap()
}

/// I1, RFC 8489 §6.2.1: waits of 0.5, 1, 2, 4, 8 and 16 s between seven transmissions, then 16 times 0.5 s.
#[test]
fn a_request_to_nobody_is_sent_seven_times() {
    let start = LocalTime::from_nanos(3);
    let mut transaction = Transaction::new(ID, local(), Rope::from(vec![1]), Timing::default(), false, start);
    let (mut sends, mut now) = (vec![0], start);
    let failed = loop {
        // Too early is nothing.
        assert_eq!(transaction.handle_timeout(now), None);
        now = transaction.deadline().at;
        let since = now.saturating_since(start).as_nanos() / 1_000_000;
        match transaction.handle_timeout(now).unwrap() {
            Due::Again(request) => {
                assert_eq!(request, Rope::from(vec![1]));
                sends.push(since);
            }
            Due::Failed => break since,
        }
    };
    assert_eq!(sends, [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    assert_eq!((failed, transaction.transmissions()), (39_500, 7));
}

/// §6.2.2: over a stream once, for 39.5 s.
#[test]
fn over_a_stream_a_request_is_sent_once() {
    let mut transaction = Transaction::new(ID, local(), Rope::new(), Timing::default(), true, LocalTime::ZERO);
    let end = LocalTime::ZERO.saturating_add(Span::from_millis(39_500));
    assert_eq!(transaction.deadline().at, end);
    assert_eq!(transaction.handle_timeout(end), Some(Due::Failed));
}

/// §6.3.3: both the id and where it comes from.
#[test]
fn a_response_has_the_id_and_comes_from_the_server() {
    let transaction = Transaction::new(ID, local(), Rope::new(), Timing::default(), false, LocalTime::ZERO);
    assert!(transaction.matches(ID, local()));
    assert!(!transaction.matches(TransactionId([8; 12]), local()));
    assert!(!transaction.matches(ID, client()));
    assert!(!transaction.matches(ID, SocketAddr::new(local().ip(), 3479)));
}

/// A server, and what it says to one message.
pub(super) struct Fixture {
    pub(super) server: Server,
    pub(super) env: IdealEnv,
}

impl Fixture {
    pub(super) fn new(config: ServerConfig) -> Self {
        Self { server: Server::new(config).unwrap(), env: IdealEnv::new(1) }
    }

    fn with(credentials: Credentials) -> Self {
        Self::new(ServerConfig { credentials, ..ServerConfig::default() })
    }

    pub(super) fn ask_at(&mut self, local: SocketAddr, is_stream: bool, payload: Vec<u8>) -> Option<Envelope> {
        let mut effects = Vec::new();
        let message = Envelope { local, peer: client(), is_stream, payload: payload.into() };
        self.server.handle_message(message, &mut MachineCx::new(&mut self.env, &mut effects));
        match effects.as_slice() {
            [] => None,
            [Effect::Transmit(envelope)] => {
                assert_eq!(envelope.peer, client());
                Some(envelope.clone())
            }
            more => panic!("{more:?}"),
        }
    }

    pub(super) fn ask(&mut self, writer: Writer) -> Option<Vec<u8>> {
        self.ask_at(local(), false, writer.finish()).map(|envelope| {
            assert_eq!(envelope.local, local());
            envelope.payload.to_bytes().to_vec()
        })
    }

    fn counts(&self) -> Counts {
        self.server.counts()
    }
}

pub(super) fn request() -> Writer {
    Writer::new(MessageType::new(Class::Request, Method::BINDING), ID)
}

/// Reads a response, and says its error and its fields.
fn read(bytes: &[u8]) -> (Option<ErrorCode>, Fields<'_>) {
    let message = Message::parse(bytes).unwrap();
    assert_eq!((message.method(), message.transaction()), (Method::BINDING, ID));
    let fields = Fields::read(&message);
    assert_eq!(message.class(), if fields.error.is_some() { Class::Error } else { Class::Success });
    (fields.error, fields)
}

#[test]
fn a_binding_request_is_told_its_source() {
    let mut fixture = Fixture::new(ServerConfig::default());
    let answer = fixture.ask(request()).unwrap();
    assert_eq!(answer.len(), 32);
    assert_eq!(read(&answer).1.xor_mapped, Some(client()));
    // With a fingerprint where the request has one, and the same to the same.
    let sealed = fixture.ask(request().fingerprint()).unwrap();
    assert_eq!(sealed.len(), 40);
    assert_eq!(fixture.ask(request().fingerprint()), Some(sealed));
    assert_eq!(fixture.counts().successes, 3);
}

#[test]
fn what_is_no_request_is_dropped_and_counted() {
    let mut fixture = Fixture::new(ServerConfig::default());
    let of = |class, method| Writer::new(MessageType::new(class, method), ID);
    let mut wrong = request().fingerprint().finish();
    *wrong.last_mut().unwrap() ^= 1;
    assert_eq!(fixture.ask(of(Class::Indication, Method::BINDING)), None);
    assert_eq!(fixture.ask(of(Class::Success, Method::BINDING)), None);
    assert_eq!(fixture.ask(of(Class::Request, Method::ALLOCATE)), None);
    assert_eq!(fixture.ask_at(local(), false, wrong), None);
    assert_eq!(fixture.ask_at(local(), false, vec![0x80; 100]), None);
    let expected = Counts { indications: 1, unexpected: 2, wrong_fingerprints: 1, not_stun: 1, ..Counts::default() };
    assert_eq!(fixture.counts(), expected);
}

/// §6.3.1: the types that were not understood, in their order; those of 0x8000 on are ignored.
#[test]
fn unknown_attributes_are_named() {
    let mut fixture = Fixture::new(ServerConfig::default());
    let other = |kind| Attribute::Other(AttributeType(kind), &[1]);
    let writer = request().with(other(0x7001)).with(other(0x8fff)).with(other(0x0026));
    let answer = fixture.ask(writer).unwrap();
    assert_eq!(read(&answer).0, Some(ErrorCode::UNKNOWN_ATTRIBUTE));
    let message = Message::parse(&answer).unwrap();
    let raw = message.first(AttributeType::UNKNOWN_ATTRIBUTES).unwrap();
    let Ok(Attribute::UnknownAttributes(types)) = raw.read(ID) else { panic!("{raw:?}") };
    assert_eq!(types.iter().collect::<Vec<_>>(), [AttributeType(0x7001), AttributeType(0x0026)]);
    // Without a second address CHANGE-REQUEST is one of them (RFC 5780 §7).
    let answer = fixture.ask(request().with(Attribute::ChangeRequest { ip: true, port: true })).unwrap();
    assert_eq!(read(&answer).0, Some(ErrorCode::UNKNOWN_ATTRIBUTE));
    let answer = fixture.ask(request().with(Attribute::Other(AttributeType::PRIORITY, &[1]))).unwrap();
    assert_eq!(read(&answer).0, Some(ErrorCode::BAD_REQUEST));
    assert_eq!((fixture.counts().unknown_attributes, fixture.counts().bad_requests), (2, 1));
}

fn users() -> Vec<User> {
    vec![User { name: "alice".into(), password: "secret".into() }]
}

/// §9.1.3.
#[test]
fn short_term_credentials() {
    let mut fixture = Fixture::with(Credentials::ShortTerm(users()));
    let (key, wrong) = (Key::short_term("secret").unwrap(), Key::short_term("other").unwrap());
    let error = |fixture: &mut Fixture, writer| read(&fixture.ask(writer).unwrap()).0;
    let named = |name| request().with(Attribute::Username(name));
    assert_eq!(error(&mut fixture, request()), Some(ErrorCode::BAD_REQUEST));
    assert_eq!(error(&mut fixture, named("alice")), Some(ErrorCode::BAD_REQUEST));
    assert_eq!(error(&mut fixture, request().integrity(&key)), Some(ErrorCode::BAD_REQUEST));
    assert_eq!(error(&mut fixture, named("bob").integrity(&key)), Some(ErrorCode::UNAUTHENTICATED));
    assert_eq!(error(&mut fixture, named("alice").integrity(&wrong)), Some(ErrorCode::UNAUTHENTICATED));
    let answer = fixture.ask(named("alice").integrity(&key)).unwrap();
    assert_eq!(check_sha1(&Message::parse(&answer).unwrap(), &key), Some(true));
    let answer = fixture.ask(named("alice").integrity_sha256(&key, 32)).unwrap();
    assert_eq!(check_sha256(&Message::parse(&answer).unwrap(), &key, 32), Some(true));
    let expected = Counts { successes: 2, bad_requests: 3, unauthenticated: 2, ..Counts::default() };
    assert_eq!(fixture.counts(), expected);
}

fn long_term(algorithms: Algorithms, anonymous: bool) -> Credentials {
    let (realm, nonce_lifetime) = ("example.org".into(), NONCE_LIFETIME);
    Credentials::LongTerm { realm, users: users(), algorithms, anonymous, nonce_lifetime }
}

/// §9.2.4, in its order.
#[test]
fn long_term_credentials() {
    let mut fixture = Fixture::with(long_term(Algorithms::Md5, false));
    let key = Key::long_term("alice", "example.org", "secret", Algorithm::Md5).unwrap();
    let wrong = Key::long_term("alice", "example.org", "other", Algorithm::Md5).unwrap();
    let challenge = fixture.ask(request()).unwrap();
    let (error, fields) = read(&challenge);
    assert_eq!((error, fields.realm), (Some(ErrorCode::UNAUTHENTICATED), Some("example.org")));
    let nonce = fields.nonce.unwrap().to_vec();
    assert_eq!(security_features(&nonce), (false, false));
    assert_eq!(nonce.len(), 45);

    let with = |name: &'static str, nonce: &[u8]| {
        request().with(Attribute::Username(name)).with(Attribute::Realm("example.org")).with(Attribute::Nonce(nonce))
    };
    let answer = fixture.ask(with("alice", &nonce).integrity(&key)).unwrap();
    assert_eq!(read(&answer).1.xor_mapped, Some(client()));
    assert_eq!(check_sha1(&Message::parse(&answer).unwrap(), &key), Some(true));

    let error = |fixture: &mut Fixture, writer| read(&fixture.ask(writer).unwrap()).0;
    let bare = request().with(Attribute::Username("alice")).with(Attribute::Realm("example.org")).integrity(&key);
    assert_eq!(error(&mut fixture, bare), Some(ErrorCode::BAD_REQUEST));
    assert_eq!(error(&mut fixture, with("bob", &nonce).integrity(&key)), Some(ErrorCode::UNAUTHENTICATED));
    assert_eq!(error(&mut fixture, with("alice", &nonce).integrity(&wrong)), Some(ErrorCode::UNAUTHENTICATED));
    // A nonce that was made up is stale, if the key is right; so is one that is too old.
    assert_eq!(error(&mut fixture, with("alice", b"made up").integrity(&key)), Some(ErrorCode::STALE_NONCE));
    let mut forged = nonce.clone();
    forged[20] ^= 1;
    assert_eq!(error(&mut fixture, with("alice", &forged).integrity(&key)), Some(ErrorCode::STALE_NONCE));
    fixture.env.advance(Span::from_nanos(NONCE_LIFETIME.as_nanos() - 1));
    assert_eq!(error(&mut fixture, with("alice", &nonce).integrity(&key)), None);
    fixture.env.advance(Span::NANOSECOND);
    let stale = fixture.ask(with("alice", &nonce).integrity(&key)).unwrap();
    assert_eq!(read(&stale).0, Some(ErrorCode::STALE_NONCE));
    let fresh = read(&stale).1.nonce.unwrap().to_vec();
    assert_eq!(error(&mut fixture, with("alice", &fresh).integrity(&key)), None);
    let counts = fixture.counts();
    assert_eq!((counts.successes, counts.unauthenticated, counts.stale_nonces, counts.bad_requests), (3, 3, 3, 1));
}

/// §9.2.4 with PASSWORD-ALGORITHMS, and a digest in place of the name.
#[test]
fn long_term_credentials_with_sha_256() {
    let mut fixture = Fixture::with(long_term(Algorithms::Sha256, true));
    let key = Key::long_term("alice", "example.org", "secret", Algorithm::Sha256).unwrap();
    let challenge = fixture.ask(request()).unwrap();
    let fields = read(&challenge).1;
    let (nonce, list) = (fields.nonce.unwrap().to_vec(), fields.algorithms.unwrap().to_vec());
    assert_eq!(security_features(&nonce), (true, true));
    let hash = userhash("alice", "example.org").unwrap();
    let with = |algorithm: Option<u16>, list: Option<&[u8]>| {
        request()
            .with(Attribute::UserHash(hash))
            .with(Attribute::Realm("example.org"))
            .with(Attribute::Nonce(&nonce))
            .with_if(list.map(Attribute::PasswordAlgorithms))
            .with_if(algorithm.map(Attribute::PasswordAlgorithm))
    };
    let answer = fixture.ask(with(Some(2), Some(&list)).integrity_sha256(&key, 32)).unwrap();
    assert_eq!(read(&answer).1.xor_mapped, Some(client()));
    assert_eq!(check_sha256(&Message::parse(&answer).unwrap(), &key, 32), Some(true));
    // Bidding down: the list was changed on the way, or only one of the two is there.
    let error = |fixture: &mut Fixture, writer: Writer| read(&fixture.ask(writer).unwrap()).0;
    let shorter = &list[4..];
    let refused = Some(ErrorCode::BAD_REQUEST);
    assert_eq!(error(&mut fixture, with(Some(1), Some(shorter)).integrity_sha256(&key, 32)), refused);
    assert_eq!(error(&mut fixture, with(Some(2), None).integrity_sha256(&key, 32)), refused);
    assert_eq!(error(&mut fixture, with(Some(9), Some(&list)).integrity_sha256(&key, 32)), refused);
    // Neither: as though it were MD5.
    let md5 = Key::long_term("alice", "example.org", "secret", Algorithm::Md5).unwrap();
    let answer = fixture.ask(with(None, None).integrity(&md5)).unwrap();
    assert_eq!(check_sha1(&Message::parse(&answer).unwrap(), &md5), Some(true));
}

/// A nonce is for one client; another one is told 438.
#[test]
fn a_nonce_is_for_one_client() {
    let mut fixture = Fixture::with(long_term(Algorithms::Md5, false));
    let key = Key::long_term("alice", "example.org", "secret", Algorithm::Md5).unwrap();
    let challenge = fixture.ask(request()).unwrap();
    let nonce = read(&challenge).1.nonce.unwrap();
    let payload = request()
        .with(Attribute::Username("alice"))
        .with(Attribute::Realm("example.org"))
        .with(Attribute::Nonce(nonce))
        .integrity(&key)
        .finish();
    let peer = SocketAddr::new(client().ip(), client().port() + 1);
    let mut effects = Vec::new();
    let message = Envelope { local: local(), peer, is_stream: false, payload: payload.into() };
    fixture.server.handle_message(message, &mut MachineCx::new(&mut fixture.env, &mut effects));
    let [Effect::Transmit(envelope)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(read(&envelope.payload.to_bytes()).0, Some(ErrorCode::STALE_NONCE));
}
