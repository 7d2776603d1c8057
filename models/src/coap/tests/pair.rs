//! Two endpoints over a link that loses, copies and reorders: each request is processed once, and
//! both sides come to rest.

use super::super::endpoint::{Command, Endpoint, EndpointConfig, Notice, RequestHandle};
use super::super::wire::{Code, Options, Token};
use super::machine::{Bench, config};
use crate::rope::Rope;
use proptest::prelude::*;
use protosim_core::{Effect, IdealEnv, LocalTime, Machine, Purpose, Ratio, RunSeed, Span, Stream};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What the link does to each datagram.
#[derive(Clone, Copy, Debug)]
struct Link {
    loss: Ratio,
    duplication: Ratio,
    /// Each copy takes between 10 ms and this.
    slowest: Span,
}

/// How a request ended at the client, and how often the server's application saw it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Fate {
    responses: u32,
    failures: u32,
    deliveries: u32,
}

enum Event {
    Arrival(usize, Rope),
    Answer(RequestHandle),
}

/// Endpoint 0 is the client, endpoint 1 the server, which takes `processing` for an answer.
struct Pair {
    sides: [Bench; 2],
    events: BTreeMap<(LocalTime, u64), Event>,
    count: u64,
    luck: Stream,
    link: Link,
    processing: Span,
    fates: BTreeMap<Token, Fate>,
}

fn address(side: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, side as u8], 5683))
}

impl Pair {
    fn new(seed: u64, link: Link, processing: Span, config: &EndpointConfig) -> Self {
        let side =
            |seed| Bench { endpoint: Endpoint::new(config.clone()), env: IdealEnv::new(seed), effects: Vec::new() };
        let luck = RunSeed { seed, replication: 0 }.stream("link", Purpose("test"));
        let sides = [side(2 * seed), side(2 * seed + 1)];
        Self { sides, events: BTreeMap::new(), count: 0, luck, link, processing, fates: BTreeMap::new() }
    }

    fn schedule(&mut self, after: Span, event: Event) {
        self.events.insert((self.sides[0].env.now + after, self.count), event);
        self.count += 1;
    }

    /// Puts what `side` sent on the link and hears what it has to say.
    fn drain(&mut self, side: usize) {
        for effect in std::mem::take(&mut self.sides[side].effects) {
            match effect {
                Effect::Transmit(envelope) => {
                    assert_eq!(envelope.peer, address(1 - side));
                    let copies = 1 + u32::from(self.luck.chance(self.link.duplication));
                    for _ in 0..copies {
                        let delay = self.luck.span_between(Span::from_millis(10), self.link.slowest);
                        if !self.luck.chance(self.link.loss) {
                            self.schedule(delay, Event::Arrival(1 - side, envelope.message.encode_rope()));
                        }
                    }
                }
                Effect::Notify(Notice::ResponseReceived { token, .. }) => self.fate(token).responses += 1,
                Effect::Notify(Notice::Failed { token, .. }) => self.fate(token).failures += 1,
                Effect::Notify(Notice::RequestReceived { request, message, .. }) => {
                    self.fate(message.token).deliveries += 1;
                    self.schedule(self.processing, Event::Answer(request));
                }
                Effect::Notify(_) | Effect::Observe(_) => {}
            }
        }
    }

    fn fate(&mut self, token: Token) -> &mut Fate {
        self.fates.entry(token).or_default()
    }

    fn request(&mut self, number: u16, confirmable: bool) {
        let token = Token::new(&number.to_be_bytes()).expect("two bytes");
        let (options, payload) = (Options::new(), Rope::new());
        let command = Command::Request { peer: address(1), token, confirmable, method: Code::POST, options, payload };
        self.sides[0].cx(|endpoint, cx| endpoint.handle_command(command, cx)).expect("a new token");
        self.drain(0);
    }

    /// Runs until nothing is to come; fails if that takes an unreasonable number of steps.
    fn run(&mut self) {
        for _ in 0..200_000 {
            let timers = self.sides.iter().filter_map(|side| side.endpoint.poll_timeout()).map(|deadline| deadline.at);
            let arrival = self.events.first_key_value().map(|((at, _), _)| *at);
            let Some(now) = timers.chain(arrival).min() else { return };
            self.sides.iter_mut().for_each(|side| side.env.now = now);
            if arrival == Some(now) {
                match self.events.pop_first().expect("it was just looked at").1 {
                    Event::Arrival(side, datagram) => {
                        let from = address(1 - side);
                        self.sides[side].cx(|endpoint, cx| endpoint.handle_datagram(from, &datagram, cx));
                        self.drain(side);
                    }
                    Event::Answer(request) => {
                        let (options, payload) = (Options::new(), Rope::new());
                        let command = Command::Respond { request, code: Code::CHANGED, options, payload };
                        self.sides[1].cx(|endpoint, cx| endpoint.handle_command(command, cx)).expect("answered once");
                        self.drain(1);
                    }
                }
            }
            for side in 0..2 {
                self.sides[side].cx(Endpoint::handle_timeout);
                self.drain(side);
            }
        }
        panic!("the pair does not come to rest");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn every_request_is_processed_once_at_most_and_both_sides_come_to_rest(
        seed: u64,
        loss in 0_u64..70,
        duplication in 0_u64..50,
        slowest_ms in 10_u64..5_000,
        processing_ms in prop_oneof![Just(0), 1_u64..10_000],
        nstart in 1_u32..4,
        kinds in prop::collection::vec(any::<bool>(), 1..12),
    ) {
        let link = Link {
            loss: Ratio::from_percent(loss),
            duplication: Ratio::from_percent(duplication),
            slowest: Span::from_millis(slowest_ms),
        };
        let config = EndpointConfig { nstart, ..config() };
        let mut pair = Pair::new(seed >> 2, link, Span::from_millis(processing_ms), &config);
        for (number, confirmable) in kinds.iter().enumerate() {
            pair.request(number as u16, *confirmable);
        }
        pair.run();
        prop_assert!(pair.sides.iter().all(|side| side.endpoint.is_at_rest()));
        prop_assert!(pair.fates.len() == kinds.len(), "every request has ended");
        for fate in pair.fates.values() {
            prop_assert_eq!(fate.responses + fate.failures, 1);
            prop_assert!(fate.deliveries <= 1);
            prop_assert!(fate.deliveries == 1 || fate.responses == 0);
        }
    }
}

/// Without loss every request is answered, whatever else the link does.
#[test]
fn copies_and_disorder_alone_cost_no_request() {
    let link = Link { loss: Ratio::ZERO, duplication: Ratio::from_percent(50), slowest: Span::from_secs(1) };
    for processing in [Span::ZERO, Span::from_secs(3)] {
        let mut pair = Pair::new(7, link, processing, &config());
        (0..100).for_each(|number| pair.request(number, number % 2 == 0));
        pair.run();
        assert_eq!(pair.fates.len(), 100);
        assert!(pair.fates.values().all(|fate| *fate == Fate { responses: 1, failures: 0, deliveries: 1 }));
    }
}
