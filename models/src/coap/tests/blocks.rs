//! Whole Apps that cut and join (RFC 7959), and what they suppress (RFC 7967).

use super::super::Server;
use super::super::config::{ClientConfig, Method, Negotiation, ResponseClass, ServerConfig, exchange_token};
use super::super::wire::{Block, BlockSize, Code, Message, MessageId, OptionNumber, Type};
use super::apps::{Net, TestHost, answer_of, client_address, client_config, ended, server_address};
use crate::app::{App, SocketId};
use crate::observe::{Observation, Outcome};
use crate::rope::Rope;
use crate::traffic::TimeDistribution;
use protosim_core::{LocalTime, Ratio, Size, Span};

fn bytes(count: u64) -> Option<Size> {
    Some(Size::from_bytes(count))
}

/// Runs one exchange; says after how many milliseconds it ended, how, with how many requests, and how many messages there were.
fn exchange(client: ClientConfig, server: ServerConfig) -> (u64, Outcome, u64, u64) {
    let mut net = Net::new(1, Ratio::ZERO, client, server);
    net.run_until(LocalTime::ZERO + Span::from_secs(1_000));
    let (at, end) = net.observed(0).pop().expect("an end");
    let requests = net.log.iter().filter(|(_, side, _)| *side == 0).count() as u64;
    for outcome in [Outcome::Response, Outcome::ErrorResponse, Outcome::Incomplete] {
        if end == ended(0, outcome, requests as u32) {
            return (at, outcome, requests, net.sent);
        }
    }
    panic!("{end:?} after {requests} requests");
}

fn large(payload: u64) -> ServerConfig {
    ServerConfig { payload: Size::from_bytes(payload), ..ServerConfig::default() }
}

fn put(payload: u64, block: Option<Size>) -> ClientConfig {
    ClientConfig { method: Method::Put, payload: Size::from_bytes(payload), block_size: block, ..client_config() }
}

/// Row 9 of the fact sheet: S bytes in blocks of b are ceil(S / b) exchanges of R = 40 ms, both ways.
#[test]
fn a_body_takes_as_many_round_trips_as_it_has_blocks() {
    for (len, block) in [(1024_u64, 64_u64), (1000, 64), (1025, 1024), (17, 16), (16, 16), (5000, 512)] {
        let blocks = len.div_ceil(block);
        let expected = (40 * blocks, Outcome::Response, blocks, 2 * blocks);
        let get = ClientConfig { block_size: bytes(block), ..client_config() };
        assert_eq!(exchange(get, large(len)), expected, "down: {len} in {block}");
        // The server cuts as well where nobody asks it to.
        let cut = ServerConfig { block_size: bytes(block), ..large(len) };
        assert_eq!(exchange(client_config(), cut), expected, "down, unasked: {len} in {block}");
        assert_eq!(exchange(put(len, bytes(block)), ServerConfig::default()), expected, "up: {len} in {block}");
    }
}

/// Row 10: 2 KiB, blocks of 1024 B at the server, 64 B wanted. Early: 32 exchanges. Late: the first brings 1024 B, and 16 more the rest, the
/// first of which has number 16.
#[test]
fn late_negotiation_begins_with_the_servers_size() {
    let server = || ServerConfig { block_size: bytes(1024), ..large(2048) };
    let client = |negotiation| ClientConfig { block_size: bytes(64), negotiation, ..client_config() };
    assert_eq!(exchange(client(None), server()), (32 * 40, Outcome::Response, 32, 64));
    assert_eq!(exchange(client(Some(Negotiation::Late)), server()), (17 * 40, Outcome::Response, 17, 34));
    let mut net = Net::new(1, Ratio::ZERO, client(Some(Negotiation::Late)), server());
    net.run_until(LocalTime::ZERO + Span::from_secs(10));
    let asked = net.log.iter().filter(|(_, side, _)| *side == 0);
    let blocks: Vec<_> = asked.map(|(.., message)| message.options.block(OptionNumber::BLOCK2).unwrap()).collect();
    assert_eq!(blocks[..2], [None, Block::at(1024, BlockSize::from_bytes(64).unwrap())]);
    assert_eq!(blocks[1].map(|block| block.number), Some(16));
}

/// RFC 7959 §2.3: 1000 B up in blocks of 64; the server wants 32 after the first: 936 B more are 30 of them, the last of 8 B. One that goes whole
/// gets 4.13 with the size, and begins anew: 32 blocks more.
#[test]
fn a_smaller_size_of_the_servers_holds_for_the_rest() {
    let server = || ServerConfig { block_size: bytes(32), ..ServerConfig::default() };
    assert_eq!(exchange(put(1000, bytes(64)), server()), (31 * 40, Outcome::Response, 31, 62));
    assert_eq!(exchange(put(1000, None), server()), (33 * 40, Outcome::Response, 33, 66));
    let mut net = Net::new(1, Ratio::ZERO, put(1000, bytes(64)), server());
    net.run_until(LocalTime::ZERO + Span::from_secs(10));
    let sent = net.log.iter().filter(|(_, side, _)| *side == 0);
    let blocks: Vec<_> =
        sent.filter_map(|(.., message)| message.options.block(OptionNumber::BLOCK1).unwrap()).collect();
    assert_eq!((blocks[0].number, blocks[1].number, blocks[1].size.bytes()), (0, 2, 32));
    assert_eq!((blocks[30].number, blocks[30].more), (31, false));
    assert_eq!(net.server.open_bodies(), 0);
}

/// The same, whole at first: what gets 4.13 is not delivered; the body is, with the last of its 32 blocks, 20 ms after 33 - 1 round trips.
#[test]
fn what_is_refused_for_its_size_is_not_delivered() {
    let server = ServerConfig { block_size: bytes(32), ..ServerConfig::default() };
    let mut net = Net::new(1, Ratio::ZERO, put(1000, None), server);
    net.run_until(LocalTime::ZERO + Span::from_secs(10));
    let delivered = crate::observe::Observation::RequestDelivered(super::apps::exchange(0));
    assert_eq!(net.observed(1), [(32 * 40 + 20, delivered)]);
}

/// With loss each exchange is as those of RFC 7252: all blocks come, in order, and each once.
#[test]
fn losses_delay_blocks_and_no_more() {
    let client = ClientConfig { requests: 20, ..put(1000, bytes(64)) };
    let net = Net::new(2, Ratio::from_percent(10), client, ServerConfig::default()).run();
    let responses = net.client.totals().into_iter().find(|total| total.name == "responses").map(|total| total.value);
    assert_eq!(responses, Some(20));
    let delivered = net.observed(1).len();
    assert_eq!(delivered, 20, "a body is delivered when it is whole");
}

/// RFC 7959 §2.4: states of 330 ms, blocks for 16 · 40 = 640 ms: no state stays long enough, and after three new beginnings the client gives
/// up, though no answer was an error. With states of 650 ms, asked for at 300 ms, the second attempt succeeds: 9 blocks come by 660 ms, whose ETag is another.
#[test]
fn a_state_that_changes_midway_is_fetched_anew() {
    let server =
        |millis| ServerConfig { changes: Some(TimeDistribution::Fixed(Span::from_millis(millis))), ..large(1024) };
    let client = ClientConfig { block_size: bytes(64), start: Span::from_millis(300), ..client_config() };
    let (_, outcome, ..) = exchange(client.clone(), server(330));
    assert_eq!(outcome, Outcome::Incomplete);
    let (at, outcome, requests, _) = exchange(client, server(700));
    // Blocks are cut at 320, 360, …, 680 ms (ten), and the next at 720 ms is of another state; then 16 anew, until 1360 ms.
    assert_eq!((at, outcome, requests), (300 + 27 * 40, Outcome::Response, 27));
}

/// RFC 7959 §2.5: a client has one transfer at a time to a resource, however often requests are due: with R = 40 ms, 16 blocks of 64 B take 640 ms, so that the i-th body
/// is there when i + 1 times that have passed but for the way back. At 500 ms six are due, and one is sent. Where it is the server that wants blocks,
/// what goes whole costs a round trip more for its 4.13. Of those that are due at 0, 10, 20 and 30 ms three go whole at once (NSTART), and the fourth at 40 ms, when the first
/// has its 4.13; so its blocks begin at 50 ms, in the place of the second. Those of the others follow, and the rest come one by one, in 680 ms each.
#[test]
fn bodies_in_blocks_go_one_after_the_other() {
    let end = |net: &mut Net| {
        net.run_until(LocalTime::ZERO + Span::from_secs(1_000));
        assert_eq!(net.server.open_bodies(), 0);
        let delivered: Vec<u64> = net.observed(1).into_iter().map(|(at, _)| at).collect();
        let totals = net.client.totals();
        let value = |name| totals.iter().find(|total| total.name == name).map(|total| total.value);
        assert_eq!(
            (value("responses"), value("error_responses"), value("requests_due")),
            (Some(20), Some(0), Some(20))
        );
        assert!(net.client.is_done());
        delivered
    };
    for confirmable in [true, false] {
        let interval = Some(Span::from_millis(100));
        let client = ClientConfig { requests: 20, interval, confirmable, ..put(1000, bytes(64)) };
        let mut net = Net::new(1, Ratio::ZERO, client, ServerConfig::default());
        net.run_until(LocalTime::ZERO + Span::from_millis(500));
        assert_eq!(net.client.exchanges_due(), 6);
        let begun = net.observed(0).iter().filter(|(_, what)| matches!(what, Observation::ExchangeStarted(_))).count();
        assert_eq!(begun, 1);
        assert_eq!(end(&mut net), (1..=20).map(|i| 640 * i - 20).collect::<Vec<_>>(), "{confirmable}");
    }
    let client =
        ClientConfig { requests: 20, interval: Some(Span::from_millis(10)), nstart: Some(3), ..put(1000, None) };
    let server = ServerConfig { block_size: bytes(64), ..ServerConfig::default() };
    let expected = (1..=20).map(|i: u64| 50 + 640 * i.min(4) + 680 * i.saturating_sub(4) - 20);
    assert_eq!(end(&mut Net::new(1, Ratio::ZERO, client, server)), expected.collect::<Vec<_>>());
}

fn block1(number: u32, more: bool, size: u64) -> Block {
    Block { number, more, size: BlockSize::from_bytes(size).expect("a size") }
}

/// A server that gets blocks by hand, all under one path.
struct Hand {
    server: Server,
    host: TestHost,
    id: u16,
}

impl Hand {
    fn new(config: ServerConfig) -> Self {
        let mut hand = Self { server: Server::new(config), host: TestHost::new(1, server_address()), id: 0 };
        hand.server.on_start(&mut hand.host);
        hand
    }

    fn put(&mut self, block: Block, len: u64) -> Message {
        self.id += 1;
        let mut request = Message {
            code: Code::PUT,
            token: exchange_token(1),
            payload: Rope::fill(0, 0, len),
            ..Message::empty(Type::Confirmable, MessageId(self.id))
        };
        request.options.add_uri_path("/data");
        request.options.add_block(OptionNumber::BLOCK1, block);
        self.server.on_datagram(SocketId(0), client_address(), request.encode_rope(), &mut self.host);
        Message::decode(&self.host.sent.pop().expect("an answer").1).expect("a message")
    }
}

/// RFC 7959 §2.9.2, §2.9.3: a block that is missing is 4.08; too much is 4.13, with Size1; a block that is not as long as it says is 4.00. After each
/// of them the body is gone.
#[test]
fn bodies_that_do_not_fit_together_are_refused() {
    let mut hand = Hand::new(ServerConfig { max_body: bytes(128), ..ServerConfig::default() });
    assert_eq!(hand.put(block1(0, true, 64), 64).code, Code::CONTINUE);
    assert_eq!(hand.put(block1(2, false, 64), 10).code, Code::REQUEST_ENTITY_INCOMPLETE);
    assert_eq!(hand.put(block1(1, false, 64), 10).code, Code::REQUEST_ENTITY_INCOMPLETE);
    assert_eq!(hand.put(block1(0, true, 64), 63).code, Code::BAD_REQUEST);
    assert_eq!(hand.put(block1(0, true, 64), 64).code, Code::CONTINUE);
    assert_eq!(hand.put(block1(1, true, 64), 64).code, Code::CONTINUE);
    let refused = hand.put(block1(2, false, 64), 1);
    assert_eq!((refused.code, refused.options.uint(OptionNumber::SIZE1)), (Code::REQUEST_ENTITY_TOO_LARGE, Some(128)));
    assert_eq!(hand.server.open_bodies(), 0);
    // Half of a block is a block of half the size, at the same byte.
    assert_eq!(hand.put(block1(0, true, 64), 64).code, Code::CONTINUE);
    assert_eq!(hand.put(block1(2, true, 32), 32).code, Code::CONTINUE);
    let whole = hand.put(block1(3, false, 32), 32);
    assert_eq!(
        (whole.code, whole.options.block(OptionNumber::BLOCK1)),
        (Code::CHANGED, Ok(Some(block1(3, false, 32))))
    );
    assert_eq!(hand.server.open_bodies(), 0);
    // It begins anew whenever it likes to, and what nobody goes on with is forgotten after EXCHANGE_LIFETIME, 247 s.
    assert_eq!(hand.put(block1(0, true, 64), 64).code, Code::CONTINUE);
    assert_eq!(hand.put(block1(0, true, 64), 64).code, Code::CONTINUE);
    hand.host.env.now = LocalTime::ZERO + Span::from_secs(248);
    assert_eq!(hand.put(block1(1, false, 64), 64).code, Code::REQUEST_ENTITY_INCOMPLETE);
}

/// A body within `max_body` that the host has no memory for is not too large: RFC 7252 §5.9.3.4. (Nothing else of the server's asks for any here.)
#[test]
fn a_body_without_memory_is_not_too_large() {
    let config = ServerConfig::default();
    let mut bodies_host = TestHost::new(1, server_address());
    bodies_host.is_full = true;
    let mut request =
        Message { code: Code::PUT, payload: Rope::fill(0, 0, 64), ..Message::empty(Type::Confirmable, MessageId(1)) };
    request.options.add_block(OptionNumber::BLOCK1, block1(0, true, 64));
    let mut bodies = super::super::server::Bodies::default();
    let piece = bodies.take((client_address(), &request), None, config.max_body(), &mut bodies_host);
    assert_eq!(
        piece,
        super::super::server::Piece::Answer(Code::SERVICE_UNAVAILABLE, super::super::wire::Options::new())
    );
    assert_eq!(bodies.len(), 0);
}

/// 60 paths of 20 B each are more than 1024 B of links: they come in blocks whether asked for or not, and the client puts them together.
#[test]
fn a_long_description_goes_in_blocks() {
    let paths: Vec<String> = (0..60).map(|number| format!("/resource/number/{number:03}")).collect();
    let client = ClientConfig { path: "/.well-known/core".into(), ..client_config() };
    let server = ServerConfig { paths, ..ServerConfig::default() };
    assert!(server.response_len() > 1024 && server.response_len() <= 1024 + 42);
    // Each link is `</resource/number/000>;ct=42` of 28 B, with 59 commas: 1739 B, two blocks.
    assert_eq!(exchange(client, server), (80, Outcome::Response, 2, 4));
}

/// RFC 7959 §2.4: any block can be asked for, with a smaller size renumbered; beyond the end is nothing. SZX 7 is reserved (§2.2). 2.05 of the
/// first has Size2 (§4), all have ETag.
#[test]
fn blocks_are_served_as_asked_for() {
    let config = || ServerConfig { block_size: bytes(64), ..large(200) };
    let get = |value: Option<u32>| {
        answer_of(config(), |request| {
            request.options.add_uri_path("/data");
            value.iter().for_each(|value| request.options.add_uint(OptionNumber::BLOCK2, *value));
        })
    };
    let seen =
        |message: &Message| (message.options.block(OptionNumber::BLOCK2).unwrap().unwrap(), message.payload.len());
    let first = get(None);
    assert_eq!(seen(&first), (block1(0, true, 64), 64));
    assert_eq!(first.options.uint(OptionNumber::SIZE2), Some(200));
    let last = get(Some(block1(3, false, 64).value()));
    assert_eq!(seen(&last), (block1(3, false, 64), 8));
    assert_eq!(last.payload, Rope::fill(1, 192, 8));
    assert_eq!(first.options.first(OptionNumber::ETAG), last.options.first(OptionNumber::ETAG));
    assert!(first.options.first(OptionNumber::ETAG).is_some());
    // Block 1 of 128 B begins at byte 128, which is block 2 of 64 B.
    assert_eq!(seen(&get(Some(block1(1, false, 128).value()))), (block1(2, true, 64), 64));
    assert_eq!(seen(&get(Some(block1(1, false, 16).value()))), (block1(1, true, 16), 16));
    assert_eq!(get(Some(block1(4, false, 64).value())).code, Code::BAD_REQUEST);
    assert_eq!(get(Some(7)).code, Code::BAD_REQUEST);
    let links = answer_of(config(), |request| {
        request.options.add_uri_path("/.well-known/core");
        request.options.add_block(OptionNumber::BLOCK2, block1(0, false, 16));
    });
    assert_eq!((links.payload.to_bytes().to_vec(), seen(&links).0), (b"</data>;ct=42".to_vec(), block1(0, false, 16)));
}

/// RFC 7252 §5.10.6.2, §5.10.8.1: with `validators` a state has an ETag; who knows it gets 2.03 without payload.
#[test]
fn validators_spare_what_is_known() {
    let config = || ServerConfig { validators: true, max_age: Some(Span::from_secs(5)), ..large(20) };
    let get = |number, value: &'static [u8]| {
        answer_of(config(), |request| {
            request.options.add_uri_path("/data");
            request.options.add(number, value);
        })
    };
    let whole = get(OptionNumber::URI_PORT, &[1]);
    assert_eq!(whole.options.first(OptionNumber::ETAG).map(|etag| etag.to_vec()), Some(vec![1]));
    assert_eq!(whole.options.max_age_s(), 5);
    let valid = get(OptionNumber::ETAG, &[1]);
    assert_eq!((valid.code, valid.payload.len(), valid.options.max_age_s()), (Code::VALID, 0, 5));
    assert_eq!(get(OptionNumber::ETAG, &[2]).code, Code::CONTENT);
    assert_eq!(get(OptionNumber::IF_MATCH, &[1]).code, Code::CONTENT);
    assert_eq!(get(OptionNumber::IF_MATCH, &[2]).code, Code::PRECONDITION_FAILED);
}

/// RFC 7967 §2.1: 26 is all classes. The request is over when it is sent, and one message is all there is. Where errors are wanted one comes; where
/// none comes, the wait of 202 s has shown that all is well.
#[test]
fn what_is_not_wanted_is_not_sent() {
    use ResponseClass::{ClientError, ServerError, Success};
    let post = |classes: &[ResponseClass], path: &str| {
        let client = ClientConfig {
            method: Method::Post,
            confirmable: false,
            no_response: classes.to_vec(),
            path: path.into(),
            ..client_config()
        };
        let net = Net::new(1, Ratio::ZERO, client, ServerConfig::default()).run();
        assert_eq!(net.log[0].2.options.uint(OptionNumber::NO_RESPONSE), Some(if classes.len() == 3 { 26 } else { 2 }));
        (net.observed(0).pop().expect("an end"), net.sent)
    };
    assert_eq!(post(&[Success, ClientError, ServerError], "/data"), ((0, ended(0, Outcome::Unanswered, 1)), 1));
    assert_eq!(post(&[Success, ClientError, ServerError], "/none"), ((0, ended(0, Outcome::Unanswered, 1)), 1));
    assert_eq!(post(&[Success], "/data"), ((202_000, ended(0, Outcome::Unanswered, 1)), 1));
    assert_eq!(post(&[Success], "/none"), ((40, ended(0, Outcome::ErrorResponse, 1)), 2));
    // A confirmable request of somebody else is acknowledged, and no more.
    let acknowledged = answer_of(ServerConfig::default(), |request| {
        request.options.add_uri_path("/data");
        request.options.add_uint(OptionNumber::NO_RESPONSE, 2);
    });
    assert_eq!(acknowledged, Message::empty(Type::Acknowledgement, MessageId(1)));
}
