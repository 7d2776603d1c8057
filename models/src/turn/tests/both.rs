//! A client and a server, half a round trip apart.

use super::super::client::{self, Client, ClientConfig, Command as Want, Failure, Misuse, Notice as Told};
use super::*;
use proptest::prelude::*;
use protosim_core::{Purpose, Ratio, RunSeed, Stream};
use std::collections::BTreeMap;

const DELAY: Span = Span::from_millis(25);

enum Cargo {
    ToServer(Rope),
    ToClient(Rope),
}

/// Both ends and the wire between them. Peers send back what they get, at once, as long as they are there.
struct Pair {
    client: Client,
    client_env: IdealEnv,
    bench: Bench,
    tuple: FiveTuple,
    wire: BTreeMap<(LocalTime, u64), Cargo>,
    count: u64,
    loss: Ratio,
    luck: Stream,
    told: Vec<(LocalTime, Told)>,
    /// Nobody answers.
    is_dead: bool,
}

impl Pair {
    fn new(seed: u64, transport: Transport, config: ServerConfig) -> Self {
        let tuple = FiveTuple { transport, ..tuple(40_000) };
        let mut client = ClientConfig::new(server_address(), "alice", "secret");
        client.is_stream = transport.is_stream();
        Self {
            client: Client::new(client),
            client_env: IdealEnv::new(seed + 1),
            bench: Bench::new(config),
            tuple,
            wire: BTreeMap::new(),
            count: 0,
            loss: Ratio::from_percent(0),
            luck: RunSeed { seed, replication: 0 }.stream("wire", Purpose("test")),
            told: Vec::new(),
            is_dead: false,
        }
    }

    fn carry(&mut self, now: LocalTime, cargo: Cargo) {
        self.count += 1;
        let is_lost = !self.tuple.transport.is_stream() && self.luck.chance(self.loss);
        if !self.is_dead && !is_lost {
            self.wire.insert((now.saturating_add(DELAY), self.count), cargo);
        }
    }

    fn client<R>(&mut self, call: impl FnOnce(&mut Client, &mut MachineCx<'_, Client>) -> R) -> R {
        let mut effects = Vec::new();
        let result = call(&mut self.client, &mut MachineCx::new(&mut self.client_env, &mut effects));
        let now = self.client_env.now;
        for effect in effects {
            match effect {
                Effect::Transmit(envelope) => self.carry(now, Cargo::ToServer(envelope.payload)),
                Effect::Notify(notice) => self.told.push((now, notice)),
                Effect::Observe(never) => match never {},
            }
        }
        result
    }

    fn want(&mut self, command: Want) -> Result<(), Misuse> {
        self.client(|client, cx| client.handle_command(command, cx))
    }

    fn flush_server(&mut self) {
        while let Some(envelope) = self.bench.out.pop() {
            match envelope.place {
                Place::Client(tuple) => {
                    assert_eq!(tuple, self.tuple);
                    self.carry(self.bench.env.now, Cargo::ToClient(envelope.payload));
                }
                Place::Peer { relayed, peer } => {
                    let place = Place::Peer { relayed, peer };
                    let echo = Envelope { place, payload: envelope.payload };
                    self.bench.run(|server, cx| server.handle_message(echo, cx));
                }
            }
        }
    }

    fn run_until(&mut self, end: LocalTime) {
        loop {
            let arrival = self.wire.keys().next().map(|(at, _)| *at);
            let client = self.client.poll_timeout().map(|deadline| deadline.at);
            let server = self.bench.server.poll_timeout().map(|deadline| deadline.at);
            let Some(next) = [arrival, client, server].into_iter().flatten().min().filter(|next| *next <= end) else {
                break;
            };
            (self.client_env.now, self.bench.env.now) = (next, next);
            // Arrivals before timers.
            if arrival == Some(next) {
                match self.wire.pop_first().unwrap().1 {
                    Cargo::ToServer(payload) => {
                        let place = Place::Client(self.tuple);
                        self.bench.run(|server, cx| server.handle_message(Envelope { place, payload }, cx));
                    }
                    Cargo::ToClient(payload) => {
                        let peer = server_address();
                        self.client(|client, cx| client.handle_message(client::Envelope { peer, payload }, cx));
                    }
                }
            } else if client == Some(next) {
                self.client(Client::handle_timeout);
                assert!(self.client.poll_timeout().is_none_or(|deadline| deadline.at > next));
            } else {
                self.bench.run(Server::handle_timeout);
            }
            self.flush_server();
        }
        (self.client_env.now, self.bench.env.now) = (end, end);
    }

    fn run_to(&mut self, millis: u64) {
        self.run_until(LocalTime::from_nanos(millis * 1_000_000));
    }

    fn told_at(&self, index: usize) -> (u64, &Told) {
        let (at, notice) = &self.told[index];
        (at.as_nanos() / 1_000_000, notice)
    }
}

fn peer() -> SocketAddr {
    address("203.0.113.1:9")
}

/// I9: an allocation takes two round trips, here of 50 ms; a permission and a channel one each; data one.
#[test]
fn an_allocation_a_permission_a_channel_and_data() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut pair = Pair::new(1, transport, config());
        assert_eq!(pair.want(Want::Permit(peer().ip())), Err(Misuse::NotAllocated));
        assert_eq!(pair.want(Want::Allocate), Ok(()));
        assert_eq!(pair.want(Want::Allocate), Err(Misuse::Allocated));
        pair.run_to(200);
        let (at, notice) = pair.told_at(0);
        let Told::Allocated { mapped, lifetime, .. } = notice else { panic!("{notice:?}") };
        assert_eq!((at, *mapped, *lifetime), (100, pair.tuple.client, Span::from_secs(600)));
        let data = Rope::fill(1, 0, 101);
        assert_eq!(pair.want(Want::Send(peer(), data.clone())), Err(Misuse::NotPermitted));
        assert_eq!(pair.want(Want::Permit(peer().ip())), Ok(()));
        assert_eq!(pair.want(Want::Send(peer(), data.clone())), Err(Misuse::NotPermitted));
        pair.run_to(300);
        assert_eq!(pair.told_at(1), (250, &Told::Permitted(peer().ip())));
        assert_eq!(pair.want(Want::Send(peer(), data.clone())), Ok(()));
        assert_eq!(pair.want(Want::Bind(peer())), Ok(()));
        pair.run_to(400);
        assert_eq!(pair.told_at(2), (350, &Told::Received(peer(), data.clone())));
        assert_eq!(pair.told_at(3), (350, &Told::Bound(peer(), 0x4000)));
        assert_eq!(pair.want(Want::Send(peer(), data.clone())), Ok(()));
        pair.run_to(500);
        assert_eq!(pair.told_at(4), (450, &Told::Received(peer(), data)));
        assert_eq!(pair.want(Want::Release), Ok(()));
        pair.run_to(600);
        assert_eq!(pair.told_at(5), (550, &Told::Released));
        assert_eq!((pair.bench.server.allocations(), pair.client.poll_timeout()), (0, None));
        let counts = pair.bench.server.counts();
        assert_eq!((counts.unpermitted_to_peers, counts.to_peers, counts.to_clients), (0, 2, 2));
    }
}

/// For an hour and a half nothing ends: refreshes come in time, and the nonce that is too old after an hour is replaced.
#[test]
fn what_is_refreshed_lasts() {
    let mut pair = Pair::new(2, Transport::Udp, config());
    pair.want(Want::Allocate).unwrap();
    pair.run_to(1_000);
    pair.want(Want::Bind(peer())).unwrap();
    pair.want(Want::Permit("203.0.113.7".parse().unwrap())).unwrap();
    let other = address("203.0.113.7:1");
    for minute in 1..90 {
        pair.run_to(minute * 60_000);
        pair.want(Want::Send(peer(), Rope::fill(1, 0, 1))).unwrap();
        pair.want(Want::Send(other, Rope::fill(1, 0, 1))).unwrap();
    }
    pair.run_to(90 * 60_000);
    let received = pair.told.iter().filter(|(_, told)| matches!(told, Told::Received(..))).count();
    assert_eq!(received, 2 * 89);
    assert_eq!(pair.told.len(), received + 4, "an allocation, a channel and two permissions, each told once");
    let counts = pair.bench.server.counts();
    assert_eq!((counts.allocations, counts.expired_allocations), (1, 0));
    assert!(counts.refused[&438] >= 1);
    assert_eq!(counts.refused[&401], 1);
}

/// I1 for an Allocate: given up after 39.5 s, having been sent seven times.
#[test]
fn a_dead_server_is_given_up() {
    let mut pair = Pair::new(3, Transport::Udp, config());
    pair.is_dead = true;
    pair.want(Want::Allocate).unwrap();
    pair.run_to(100_000);
    assert_eq!(pair.told_at(0), (39_500, &Told::Lost(Failure::TimedOut)));
    assert_eq!((pair.client.counts().transmissions, pair.client.counts().requests), (7, 1));
    // It can be tried again.
    pair.is_dead = false;
    pair.want(Want::Allocate).unwrap();
    pair.run_to(200_000);
    assert!(matches!(pair.told_at(1), (100_100, Told::Allocated { .. })));
}

/// A server that forgets, as one that starts anew does: 437 to the Refresh, and the client knows.
#[test]
fn a_server_that_starts_anew_is_noticed() {
    let mut pair = Pair::new(4, Transport::Udp, config());
    pair.want(Want::Allocate).unwrap();
    pair.run_to(1_000);
    pair.bench.server = Server::new(config()).unwrap();
    pair.run_to(600_000);
    // 540 s after 100 ms; one round trip for 438, as the new server has another key for nonces, and one for 437.
    assert_eq!(pair.told_at(1), (540_200, &Told::Lost(Failure::Refused(ErrorCode::ALLOCATION_MISMATCH))));
    assert_eq!(pair.client.poll_timeout(), None);
}

#[test]
fn refusals() {
    let forbidden = ServerConfig { forbidden_peers: vec![peer().ip()], ..config() };
    let mut pair = Pair::new(5, Transport::Udp, forbidden);
    pair.want(Want::Allocate).unwrap();
    pair.run_to(1_000);
    pair.want(Want::Permit(peer().ip())).unwrap();
    pair.want(Want::Bind(peer())).unwrap();
    pair.run_to(2_000);
    let failure = Failure::Refused(ErrorCode::FORBIDDEN);
    assert_eq!(pair.told_at(1).1, &Told::NotPermitted(peer().ip(), failure));
    assert_eq!(pair.told_at(2).1, &Told::NotBound(peer(), failure));
    assert_eq!(pair.want(Want::Send(peer(), Rope::new())), Err(Misuse::NotPermitted));

    let mut pair = Pair::new(6, Transport::Udp, ServerConfig { capacity: Some(0), ..config() });
    pair.want(Want::Allocate).unwrap();
    pair.run_to(1_000);
    assert_eq!(pair.told_at(0), (100, &Told::Lost(Failure::Refused(ErrorCode::INSUFFICIENT_CAPACITY))));
}

/// A password that the server does not have: 401 to a request with credentials is the end (RFC 8489 §9.2.5).
#[test]
fn a_wrong_password_is_not_tried_twice() {
    let mut pair = Pair::new(7, Transport::Udp, config());
    let config = ClientConfig::new(server_address(), "alice", "wrong");
    pair.client = Client::new(config);
    pair.want(Want::Allocate).unwrap();
    pair.run_to(50_000);
    assert_eq!(pair.told_at(0), (100, &Told::Lost(Failure::Refused(ErrorCode::UNAUTHENTICATED))));
    assert_eq!(pair.client.counts().requests, 2);
}

/// Only errors 401, 438 are taken without integrity (§9.2.5), and only as errors: neither a success with such a code, nor 400 or 437.
#[test]
fn what_is_not_signed_is_not_taken() {
    let mut pair = Pair::new(12, Transport::Udp, config());
    pair.want(Want::Allocate).unwrap();
    pair.run_to(99);
    let (key, cargo) = pair.wire.pop_first().unwrap();
    let Cargo::ToClient(payload) = cargo else { panic!("it goes to the client") };
    let bytes = payload.to_bytes();
    let id = Message::parse(&bytes).unwrap().transaction();
    let forged = |class, code: u16| {
        Writer::new(MessageType::new(class, Method::ALLOCATE), id)
            .error(ErrorCode(code))
            .with(Attribute::XorRelayedAddress(peer()))
            .with(Attribute::XorMappedAddress(peer()))
            .with(Attribute::Lifetime(600))
            .finish()
    };
    for (index, forged) in
        [forged(Class::Success, 401), forged(Class::Success, 438), forged(Class::Error, 400), forged(Class::Error, 437)]
            .into_iter()
            .enumerate()
    {
        pair.wire.insert((key.0, index as u64), Cargo::ToClient(Rope::from(forged)));
    }
    pair.wire.insert((key.0, 1_000), Cargo::ToClient(payload));
    pair.run_to(110);
    let (100, Told::Allocated { relayed, .. }) = pair.told_at(0) else { panic!("{:?}", pair.told) };
    assert_ne!(*relayed, peer());
    assert_eq!((pair.told.len(), pair.client.counts().dropped), (1, 4));
}

/// RFC 8489 §6.2.1, §6.2.2: an error of ICMP ends what was asked for; the end of a stream ends all.
#[test]
fn a_server_that_cannot_be_reached() {
    let mut pair = Pair::new(10, Transport::Udp, config());
    pair.want(Want::Allocate).unwrap();
    pair.want(Want::Unreachable).unwrap();
    assert_eq!(pair.told_at(0), (0, &Told::Lost(Failure::Unreachable)));
    for (transport, lost) in [(Transport::Udp, 0), (Transport::Tcp, 1)] {
        let mut pair = Pair::new(11, transport, config());
        pair.want(Want::Allocate).unwrap();
        pair.run_to(1_000);
        pair.want(Want::Unreachable).unwrap();
        let expected = Told::Lost(Failure::Unreachable);
        assert_eq!(pair.told.iter().filter(|(_, told)| *told == expected).count(), lost);
        assert_eq!(pair.client.poll_timeout().is_none(), lost == 1);
    }
}

/// With PASSWORD-ALGORITHMS and USERHASH.
#[test]
fn sha_256_and_anonymous_names() {
    let mut credentials = credentials();
    if let Credentials::LongTerm { algorithms, anonymous, .. } = &mut credentials {
        (*algorithms, *anonymous) = (Algorithms::Sha256, true);
    }
    let mut pair = Pair::new(8, Transport::Udp, ServerConfig { credentials, ..config() });
    pair.want(Want::Allocate).unwrap();
    pair.run_to(1_000);
    assert!(matches!(pair.told_at(0), (100, Told::Allocated { .. })));
}

/// §9.2.5: an answer that was changed on its way is as none; if no other comes, the user is told why.
#[test]
fn forged_answers_are_not_taken() {
    let mut pair = Pair::new(9, Transport::Udp, config());
    pair.want(Want::Allocate).unwrap();
    // The challenge arrives; the answer to the request with credentials is about to.
    pair.run_to(99);
    let (key, cargo) = pair.wire.pop_first().unwrap();
    let Cargo::ToClient(payload) = cargo else { panic!("it goes to the client") };
    let mut bytes = payload.to_bytes().to_vec();
    // In XOR-RELAYED-ADDRESS, the first attribute.
    bytes[30] ^= 1;
    pair.wire.insert(key, Cargo::ToClient(Rope::from(bytes)));
    pair.run_to(110);
    assert_eq!((pair.told.len(), pair.client.counts().dropped), (0, 1));
    // The request is sent again 500 ms after it was sent at 50 ms, and gets the same answer.
    pair.run_to(1_000);
    assert!(matches!(pair.told_at(0), (600, Told::Allocated { .. })));
    assert_eq!(pair.bench.server.counts().allocations, 1);
}

proptest! {
    /// Over a wire that loses packets, and is whole from some moment on: within 40 s from then each wish is granted or refused, and
    /// nothing passes that is not permitted.
    #[test]
    fn every_wish_is_answered(seed in any::<u32>(), percent in 0_u64..60) {
        let mut pair = Pair::new(u64::from(seed), Transport::Udp, config());
        pair.loss = Ratio::from_percent(percent);
        pair.want(Want::Allocate).unwrap();
        pair.run_to(20_000);
        let allocated = matches!(pair.told.first(), Some((_, Told::Allocated { .. })));
        if allocated {
            pair.want(Want::Bind(peer())).unwrap();
        }
        pair.run_to(40_000);
        pair.loss = Ratio::from_percent(0);
        pair.run_to(120_000);
        prop_assert!(!pair.told.is_empty());
        if allocated {
            prop_assert!(pair.told.iter().any(|(_, told)| matches!(told, Told::Bound(..) | Told::NotBound(..))));
        }
        prop_assert!(pair.bench.server.allocations() <= 1);
        prop_assert_eq!(pair.bench.server.counts().unpermitted_from_peers, 0);
    }
}
