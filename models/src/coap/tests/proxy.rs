//! A proxy between clients and servers that are scripts, and between whole Apps.

use super::super::config::{ClientConfig, Method, Naming, ProxyConfig, ServerConfig};
use super::super::wire::{Block, BlockSize, Code, Message, MessageId, OptionNumber, Options, Token, Type};
use super::super::{Client, Proxy, Server};
use super::apps::{DELAY, TestHost, client_address, client_config, server_address};
use crate::app::{App, SocketId};
use crate::name::NodeName;
use crate::observe::{ExchangeId, Observation, Outcome};
use crate::rope::Rope;
use proptest::prelude::*;
use protosim_core::{LocalTime, Purpose, Ratio, RunSeed, Size, Span};
use std::collections::BTreeMap;
use std::net::SocketAddr;

fn proxy_address() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 3], 5683))
}

fn client(number: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 100 + number], 50_000))
}

/// A proxy; clients and servers are scripts.
struct Bench {
    proxy: Proxy,
    host: TestHost,
    /// The next message id of any script.
    id: u16,
}

fn bench(config: ProxyConfig) -> Bench {
    assert_eq!(config.check(), []);
    let (mut proxy, mut host) = (Proxy::new(config), TestHost::new(1, proxy_address()));
    proxy.on_start(&mut host);
    Bench { proxy, host, id: 0 }
}

/// What a request to pass on says: of `path` at the server.
fn asked(path: &str) -> Options {
    let mut options = Options::new();
    options.add_str(OptionNumber::PROXY_SCHEME, "coap");
    options.add_str(OptionNumber::URI_HOST, "192.0.2.2");
    options.add_uri_path(path);
    options
}

fn with(mut options: Options, number: OptionNumber, value: u32) -> Options {
    options.add_uint(number, value);
    options
}

fn tagged(mut options: Options, etag: &[u8]) -> Options {
    options.add(OptionNumber::ETAG, etag.to_vec());
    options
}

fn aged(seconds: u32) -> Options {
    with(Options::new(), OptionNumber::MAX_AGE, seconds)
}

impl Bench {
    fn message(&mut self, message_type: Type, code: Code, token: u8, options: Options) -> Message {
        self.id += 1;
        let token = Token::new(&[token]).expect("one byte");
        Message { code, token, options, ..Message::empty(message_type, MessageId(self.id)) }
    }

    /// What the proxy has sent since.
    fn sent(&mut self) -> Vec<(SocketAddr, Message)> {
        let decode = |(to, datagram): (SocketAddr, Rope)| (to, Message::decode(&datagram).expect("a message"));
        std::mem::take(&mut self.host.sent).into_iter().map(decode).collect()
    }

    fn deliver(&mut self, from: SocketAddr, message: &Message) -> Vec<(SocketAddr, Message)> {
        self.proxy.on_datagram(SocketId(0), from, message.encode_rope(), &mut self.host);
        self.sent()
    }

    /// A confirmable request of a client, and what the proxy sends then.
    fn ask(&mut self, number: u8, code: Code, options: Options) -> Vec<(SocketAddr, Message)> {
        let request = self.message(Type::Confirmable, code, number, options);
        self.deliver(client(number), &request)
    }

    /// The same, which goes on to the server: what that gets.
    fn asks_server(&mut self, number: u8, code: Code, options: Options) -> Message {
        let mut sent = self.ask(number, code, options);
        assert_eq!(sent.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [server_address()]);
        sent.remove(0).1
    }

    /// The server's piggybacked answer, and what the proxy sends then.
    fn answers(&mut self, request: &Message, code: Code, options: Options) -> Vec<(SocketAddr, Message)> {
        let (message_type, payload) =
            (Type::Acknowledgement, Rope::fill(1, 0, if code == Code::CONTENT { 10 } else { 0 }));
        let response = Message { message_type, code, options, payload, ..request.clone() };
        self.deliver(server_address(), &response)
    }

    /// A request that goes to the server and is answered so at once: what the client gets.
    fn fetch(&mut self, number: u8, options: Options, answer: Options) -> Message {
        let request = self.asks_server(number, Code::GET, options);
        let sent = self.answers(&request, Code::CONTENT, answer);
        only(sent, client(number))
    }

    /// A request that the proxy answers by itself.
    fn gets(&mut self, number: u8, code: Code, options: Options) -> Message {
        let sent = self.ask(number, code, options);
        only(sent, client(number))
    }

    /// Time goes on to `at`.
    fn pass(&mut self, at: LocalTime) -> Vec<(SocketAddr, Message)> {
        while let Some(due) = self.host.timers.get(&0).copied().filter(|due| *due <= at) {
            self.host.env.now = self.host.env.now.max(due);
            self.host.timers.remove(&0);
            self.proxy.on_timer(0, &mut self.host);
        }
        self.host.env.now = at;
        self.sent()
    }

    fn total(&self, name: &str) -> u64 {
        self.proxy.totals().iter().find(|total| total.name == name).expect("it counts that").value
    }
}

fn only(mut sent: Vec<(SocketAddr, Message)>, to: SocketAddr) -> Message {
    assert_eq!(sent.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [to]);
    sent.remove(0).1
}

fn seconds(seconds: u64) -> LocalTime {
    LocalTime::ZERO + Span::from_secs(seconds)
}

/// RFC 7252 §5.3.1: tokens in use with a server are unique. The proxy has asked for `a` and acknowledged nothing when its power goes; afterwards it asks for
/// `b`. The response to `a`, which comes separately then, is no answer to that: no client gets it, and it is not kept as `b`.
#[test]
fn a_response_of_before_a_loss_of_power_answers_nothing() {
    let mut bench = bench(ProxyConfig::default());
    let before = bench.asks_server(1, Code::GET, asked("a"));
    let durable = bench.proxy.take_durable().expect("numbers are kept");
    let mut anew = Proxy::new(ProxyConfig::default());
    anew.begin_anew();
    anew.recover(durable);
    anew.on_start(&mut bench.host);
    bench.proxy = anew;
    let after = bench.asks_server(2, Code::GET, asked("b"));
    assert_ne!(before.token, after.token);
    let late = Message {
        message_type: Type::Confirmable,
        message_id: MessageId(0x7777),
        code: Code::CONTENT,
        options: aged(60),
        payload: Rope::fill(1, 0, 10),
        ..before
    };
    let sent = bench.deliver(server_address(), &late);
    assert!(sent.iter().all(|(to, _)| *to == server_address()), "{sent:?}");
    let answered = only(bench.answers(&after, Code::CONTENT, aged(60)), client(2));
    assert_eq!(answered.code, Code::CONTENT);
}

/// RFC 7252 §5.6.1: a response is "not fresh after its age is greater than" Max-Age: at 10 s it is, with nothing left (§5.7.1), and a nanosecond later it is
/// not. Ages count from when it came, here 0 s, and are rounded up: after 2.5 s there are 7 of 10 s left.
#[test]
fn responses_are_fresh_up_to_the_second_of_expiry() {
    let mut bench = bench(ProxyConfig::default());
    let first = bench.fetch(1, asked("/a"), aged(10));
    assert_eq!((first.code, first.options.max_age_s(), first.payload.len()), (Code::CONTENT, 10, 10));
    for (at, left) in [(0, 10), (2_500, 7), (3_000, 7), (10_000, 0)] {
        bench.pass(LocalTime::ZERO + Span::from_millis(at));
        let again = bench.gets(2, Code::GET, asked("/a"));
        assert_eq!(
            (again.code, again.options.max_age_s(), again.payload.clone()),
            (Code::CONTENT, left, first.payload.clone())
        );
    }
    bench.pass(seconds(10) + Span::from_nanos(1));
    bench.fetch(3, asked("/a"), aged(10));
    assert_eq!((bench.total("cache_hits"), bench.total("cache_misses"), bench.total("stale_responses")), (4, 2, 1));
    // 60 s where nothing is said (§5.10.5), and then nothing is said of them either.
    let default = bench.fetch(4, asked("/b"), Options::new());
    assert_eq!((default.options.max_age_s(), default.options.first(OptionNumber::MAX_AGE)), (60, None));
    // Zero is how a server prevents that its response is kept.
    bench.fetch(5, asked("/c"), aged(0));
    bench.fetch(6, asked("/c"), aged(0));
}

/// RFC 7252 §5.6: method and options must match, but those that are no part of cache keys (Size1: 60, whose bits are 11110, §5.4.2), Observe (RFC 7641 §2),
/// ETag (§5.10.6) and the way in which the server is named.
#[test]
fn the_same_request_is_one_with_the_same_options() {
    let mut bench = bench(ProxyConfig::default());
    bench.fetch(1, asked("/a"), tagged(Options::new(), &[7]));
    let mut uri = Options::new();
    uri.add_str(OptionNumber::PROXY_URI, "coap://192.0.2.2/a");
    let same = [
        with(asked("/a"), OptionNumber::SIZE1, 5),
        with(asked("/a"), OptionNumber::OBSERVE, 0),
        tagged(asked("/a"), &[8]),
        with(asked("/a"), OptionNumber::HOP_LIMIT, 9),
        uri,
    ];
    for options in same {
        assert_eq!(bench.gets(2, Code::GET, options).code, Code::CONTENT);
    }
    let mut query = asked("/a");
    query.add_str(OptionNumber::URI_QUERY, "b");
    // 2048 is elective, safe to forward and part of the key, whatever it is.
    let others = [query, with(asked("/a"), OptionNumber::ACCEPT, 42), with(asked("/a"), OptionNumber(2048), 1)];
    for (number, options) in others.into_iter().enumerate() {
        bench.fetch(3 + number as u8, options, Options::new());
    }
    assert_eq!((bench.total("cache_hits"), bench.total("cache_misses")), (5, 4));
}

/// What goes on to the server (RFC 7252 §5.7.1, §5.7.2): no more what names it, with a token of the proxy's own; options that are safe to forward as they are.
#[test]
fn requests_are_passed_on_without_what_was_for_the_proxy() {
    let mut bench = bench(ProxyConfig::default());
    let options = with(
        with(with(asked("/a"), OptionNumber::URI_PORT, 61616), OptionNumber::HOP_LIMIT, 16),
        OptionNumber(2049),
        3,
    );
    let sent = bench.ask(1, Code::GET, with(options, OptionNumber::OBSERVE, 0));
    let request = only(sent, SocketAddr::from(([192, 0, 2, 2], 61616)));
    let mut expected = Options::new();
    expected.add_uri_path("/a");
    // RFC 8768 §3: a hop less. 2049 is critical, but safe to forward.
    assert_eq!(request.options, with(with(expected, OptionNumber::HOP_LIMIT, 15), OptionNumber(2049), 3));
    assert_eq!((request.message_type, request.token), (Type::Confirmable, Token::new(&[0; 4]).expect("four bytes")));
    // As a client asks, so does the proxy.
    let request = bench.message(Type::NonConfirmable, Code::GET, 2, asked("/b"));
    let request = only(bench.deliver(client(2), &request), server_address());
    assert_eq!(request.message_type, Type::NonConfirmable);
}

/// RFC 7252 §5.6.2, §5.9.1.3: a stale response is asked about by its ETag. 2.03 renews it with its Max-Age and options; another state takes its place.
#[test]
fn stale_responses_are_validated() {
    let mut bench = bench(ProxyConfig::default());
    bench.fetch(1, asked("/a"), with(tagged(aged(10), &[1]), OptionNumber::CONTENT_FORMAT, 42));
    bench.pass(seconds(11));
    let request = bench.asks_server(2, Code::GET, tagged(asked("/a"), &[9]));
    assert_eq!(request.options.all(OptionNumber::ETAG).collect::<Vec<_>>(), [&[1_u8][..]]);
    // 2000 is elective, and safe to forward.
    let valid = with(tagged(aged(20), &[1]), OptionNumber(2000), 5);
    let answer = only(bench.answers(&request, Code::VALID, valid), client(2));
    assert_eq!((answer.code, answer.payload.len(), answer.options.max_age_s()), (Code::CONTENT, 10, 20));
    assert_eq!((answer.options.content_format(), answer.options.uint(OptionNumber(2000))), (Some(42), Some(5)));
    // Fresh from 11 s to 31 s.
    bench.pass(seconds(31));
    assert_eq!(bench.gets(3, Code::GET, asked("/a")).options.max_age_s(), 0);
    bench.pass(seconds(32));
    let request = bench.asks_server(4, Code::GET, asked("/a"));
    let answer = only(bench.answers(&request, Code::CONTENT, tagged(aged(20), &[2])), client(4));
    assert_eq!(answer.code, Code::CONTENT);
    // RFC 7252 §5.10.6.2: who has that state is told no more than that.
    let valid = bench.gets(5, Code::GET, tagged(tagged(asked("/a"), &[1]), &[2]));
    assert_eq!((valid.code, valid.payload.len(), valid.options), (Code::VALID, 0, tagged(aged(20), &[2])));
    assert_eq!((bench.total("stale_responses"), bench.total("revalidated_responses")), (2, 1));
}

/// Who asks for what is asked for already waits for the answer; one request goes to the server, and what each client knows is its own.
#[test]
fn requests_for_the_same_wait_for_one_answer() {
    let mut bench = bench(ProxyConfig::default());
    let request = bench.asks_server(1, Code::GET, asked("/a"));
    assert_eq!(bench.ask(2, Code::GET, asked("/a")), []);
    assert_eq!(bench.ask(3, Code::GET, tagged(asked("/a"), &[1])), []);
    let sent = bench.answers(&request, Code::CONTENT, tagged(Options::new(), &[1]));
    let codes: Vec<_> = sent.iter().map(|(to, message)| (*to, message.token.as_number(), message.code)).collect();
    assert_eq!(codes, [(client(1), 1, Code::CONTENT), (client(2), 2, Code::CONTENT), (client(3), 3, Code::VALID)]);
    assert_eq!((bench.total("joined_requests"), bench.total("cache_misses")), (2, 1));
    // Requests that change something are each their own.
    let first = bench.asks_server(4, Code::POST, asked("/b"));
    bench.answers(&first, Code::CHANGED, Options::new());
    bench.asks_server(5, Code::POST, asked("/b"));
    assert_eq!(bench.total("passed_requests"), 2);
}

/// The least recently used makes room. Each takes 40 B, its key 5 B (number 2, length 2, `a`) and its response 22 B (header 4, token 4, Max-Age 3, marker 1,
/// payload 10): 67 B, of which 134 B hold two.
#[test]
fn the_least_recently_used_response_makes_room() {
    let sizes = [
        ProxyConfig { cache_entries: Some(2), ..ProxyConfig::default() },
        ProxyConfig { cache_size: Some(Size::from_bytes(134)), ..ProxyConfig::default() },
        ProxyConfig { cache_size: Some(Size::from_bytes(200)), ..ProxyConfig::default() },
    ];
    for config in sizes {
        let mut bench = bench(config);
        bench.fetch(1, asked("/a"), aged(100));
        bench.fetch(2, asked("/b"), aged(100));
        assert_eq!(bench.proxy.stored(), (2, 134));
        bench.gets(3, Code::GET, asked("/a"));
        bench.fetch(4, asked("/c"), aged(100));
        assert_eq!((bench.proxy.stored(), bench.total("evicted_responses")), ((2, 134), 1));
        bench.gets(5, Code::GET, asked("/a"));
        bench.fetch(6, asked("/b"), aged(100));
    }
    // One that holds no more than one of 66 B holds none.
    let mut small = bench(ProxyConfig { cache_size: Some(Size::from_bytes(66)), ..ProxyConfig::default() });
    small.fetch(1, asked("/a"), aged(100));
    small.fetch(2, asked("/a"), aged(100));
    assert_eq!((small.proxy.stored(), small.total("evicted_responses")), ((0, 0), 0));
}

/// RFC 7252 §5.9.1: 2.01, 2.02 and 2.04 make what is stored of the resource stale, and nothing else; so does what they name as created. A response that was
/// under way meanwhile may be older: it is passed on and not kept.
#[test]
fn unsafe_requests_make_stored_responses_stale() {
    for (method, code) in [(Code::PUT, Code::CHANGED), (Code::POST, Code::CREATED), (Code::DELETE, Code::DELETED)] {
        let mut bench = bench(ProxyConfig::default());
        bench.fetch(1, asked("/a"), Options::new());
        bench.fetch(2, with(asked("/a"), OptionNumber::ACCEPT, 42), Options::new());
        bench.fetch(3, asked("/a/b"), Options::new());
        let request = bench.asks_server(4, method, asked("/a"));
        only(bench.answers(&request, code, Options::new()), client(4));
        assert_eq!(bench.total("outdated_responses"), 2);
        bench.gets(5, Code::GET, asked("/a/b"));
        bench.fetch(6, asked("/a"), Options::new());
        bench.gets(7, Code::GET, asked("/a"));
    }
    let mut bench = bench(ProxyConfig { nstart: Some(2), ..ProxyConfig::default() });
    bench.fetch(1, asked("/a"), Options::new());
    bench.fetch(2, asked("/new"), Options::new());
    let mut location = Options::new();
    location.add_str(OptionNumber::LOCATION_PATH, "new");
    let request = bench.asks_server(3, Code::POST, asked("/a"));
    bench.answers(&request, Code::CREATED, location);
    bench.gets(4, Code::GET, asked("/a"));
    let older = bench.asks_server(5, Code::GET, asked("/new"));
    let put = bench.asks_server(6, Code::PUT, asked("/new"));
    bench.answers(&put, Code::CHANGED, Options::new());
    // Another client does not wait for what may be older.
    let newer = bench.asks_server(7, Code::GET, asked("/new"));
    only(bench.answers(&newer, Code::CONTENT, aged(30)), client(7));
    only(bench.answers(&older, Code::CONTENT, aged(40)), client(5));
    assert_eq!(bench.gets(8, Code::GET, asked("/new")).options.max_age_s(), 30);
    // An error changes nothing.
    let put = bench.asks_server(9, Code::PUT, asked("/new"));
    bench.answers(&put, Code::FORBIDDEN, Options::new());
    bench.gets(10, Code::GET, asked("/new"));
}

/// RFC 7252 §5.4.2, §5.7.2, §5.10.2, RFC 8768 §3: what a proxy does not pass on.
#[test]
fn what_cannot_be_passed_on_is_refused() {
    let mut bench = bench(ProxyConfig::default());
    let uri = |text: &str| {
        let mut options = Options::new();
        options.add_str(OptionNumber::PROXY_URI, text);
        options
    };
    let scheme = |text: &str, host: &str| {
        let mut options = Options::new();
        options.add_str(OptionNumber::PROXY_SCHEME, text);
        options.add_str(OptionNumber::URI_HOST, host);
        options
    };
    let mut own = Options::new();
    own.add_uri_path("/data");
    let cases = [
        (uri("coaps://192.0.2.2/"), Code::PROXYING_NOT_SUPPORTED),
        (uri("http://192.0.2.2/"), Code::PROXYING_NOT_SUPPORTED),
        (scheme("coaps", "192.0.2.2"), Code::PROXYING_NOT_SUPPORTED),
        (uri("192.0.2.2/a"), Code::BAD_REQUEST),
        (uri("coap://192.0.2.2:0/"), Code::BAD_REQUEST),
        (uri("coap://example.net/"), Code::BAD_GATEWAY),
        (uri("coap://224.0.1.187/"), Code::BAD_GATEWAY),
        (uri("coap://192.0.2.3/data"), Code::NOT_FOUND),
        (own.clone(), Code::NOT_FOUND),
        (with(asked("/a"), OptionNumber::HOP_LIMIT, 1), Code::HOP_LIMIT_REACHED),
        // 2050 is elective and unsafe to forward, 2051 critical and so; of what is for the proxy itself, a critical one matters alone.
        (with(asked("/a"), OptionNumber(2050), 1), Code::BAD_OPTION),
        (with(asked("/a"), OptionNumber(2051), 1), Code::BAD_OPTION),
        (with(own.clone(), OptionNumber(2050), 1), Code::NOT_FOUND),
        (with(own, OptionNumber(2049), 1), Code::BAD_OPTION),
    ];
    for (number, (options, code)) in cases.into_iter().enumerate() {
        assert_eq!(bench.gets(number as u8, Code::GET, options.clone()).code, code, "{options:?}");
    }
    assert_eq!(bench.total("proxied_requests"), 0);
    // RFC 7252 §5.10.2: Proxy-Uri goes before what is named by parts.
    let mut both = uri("coap://192.0.2.2/a");
    both.add_uri_path("/b");
    assert_eq!(bench.asks_server(40, Code::GET, both).options.uri_path(), "/a");
    // To a group it says nothing.
    bench.host.group = Some([224, 0, 1, 187].into());
    let request = bench.message(Type::NonConfirmable, Code::GET, 41, asked("/a"));
    assert_eq!(bench.deliver(client(41), &request), []);
}

/// 5.02 for what is no answer (RFC 7252 §5.7.1: an option that is unsafe and not known; a 2.03 that was not asked for; a Reset), 5.04 for none:
/// 31 ACK_TIMEOUT after the request, with ACK_RANDOM_FACTOR 1 after 62 s (§4.8.2).
#[test]
fn servers_that_fail_are_told_of() {
    let mut bench = bench(ProxyConfig::default());
    let bad = [
        (Code::CONTENT, with(Options::new(), OptionNumber(2050), 1)),
        (Code::VALID, tagged(Options::new(), &[1])),
        (Code::CONTINUE, Options::new()),
        (Code::new(3, 1), Options::new()),
    ];
    for (number, (code, options)) in bad.into_iter().enumerate() {
        let request = bench.asks_server(number as u8, Code::GET, asked("/a"));
        let answer = only(bench.answers(&request, code, options), client(number as u8));
        assert_eq!(answer.code, Code::BAD_GATEWAY);
    }
    let request = bench.asks_server(10, Code::GET, asked("/a"));
    let reset = Message::empty(Type::Reset, request.message_id);
    assert_eq!(only(bench.deliver(server_address(), &reset), client(10)).code, Code::BAD_GATEWAY);
    assert_eq!((bench.total("bad_gateways"), bench.proxy.stored()), (5, (0, 0)));
    // A critical option that is safe is the client's concern (§5.4.2); errors are kept, too (§5.9.2).
    let request = bench.asks_server(11, Code::GET, asked("/a"));
    let answer =
        only(bench.answers(&request, Code::NOT_FOUND, with(Options::new(), OptionNumber(2049), 1)), client(11));
    assert_eq!((answer.code, answer.options.uint(OptionNumber(2049))), (Code::NOT_FOUND, Some(1)));
    assert_eq!(bench.gets(12, Code::GET, asked("/a")).code, Code::NOT_FOUND);

    let transmission = super::super::config::Transmission {
        ack_random_factor: super::super::config::Factor::from_millionths(1_000_000),
        ..Default::default()
    };
    let mut bench = self::bench(ProxyConfig { transmission, ..ProxyConfig::default() });
    bench.asks_server(1, Code::GET, asked("/a"));
    bench.ask(2, Code::GET, asked("/a"));
    let sent = bench.pass(LocalTime::from_nanos(61_999_999_999));
    // The client's request has its empty ACK after 100 ms; the server's is sent five times, once before.
    assert_eq!(sent.iter().filter(|(to, _)| *to == server_address()).count(), 4);
    let acks = sent.iter().filter(|(_, message)| *message == Message::empty(Type::Acknowledgement, message.message_id));
    assert_eq!(acks.count(), 2);
    let sent = bench.pass(seconds(62));
    let failed: Vec<_> = sent.iter().map(|(to, message)| (*to, message.code, message.message_type)).collect();
    let timed_out = |number| (client(number), Code::GATEWAY_TIMEOUT, Type::Confirmable);
    assert_eq!(failed, [timed_out(1), timed_out(2)]);
    assert_eq!(bench.total("gateway_timeouts"), 2);
}

/// Without memory a request is answered by 5.03 as far as that takes none, and nothing is kept.
#[test]
fn a_proxy_without_memory_refuses_and_does_not_keep() {
    let mut bench = bench(ProxyConfig::default());
    let request = bench.asks_server(1, Code::GET, asked("/a"));
    bench.host.is_full = true;
    only(bench.answers(&request, Code::CONTENT, Options::new()), client(1));
    assert_eq!(bench.proxy.stored(), (0, 0));
    // No request is taken for which there is no memory (RFC 7252 §4.2: as if it were lost).
    assert_eq!(bench.ask(2, Code::GET, asked("/a")), []);
}

/// RFC 7967: what a client does not want to know is not passed on to it; the proxy asks the server for all, and learns from it.
#[test]
fn responses_that_are_not_wanted_end_at_the_proxy() {
    let mut bench = bench(ProxyConfig::default());
    bench.fetch(1, asked("/a"), Options::new());
    let put = bench.message(Type::NonConfirmable, Code::PUT, 2, with(asked("/a"), OptionNumber::NO_RESPONSE, 2));
    let request = only(bench.deliver(client(2), &put), server_address());
    assert_eq!(request.options.first(OptionNumber::NO_RESPONSE), None);
    let changed =
        Message { code: Code::CHANGED, token: request.token, ..Message::empty(Type::NonConfirmable, MessageId(9_999)) };
    assert_eq!(bench.deliver(server_address(), &changed), []);
    bench.fetch(3, asked("/a"), Options::new());
}

/// Each block is kept for itself (RFC 7959 §2.1: Block2 is part of the cache key); one of another state drops those of the state before.
#[test]
fn blocks_of_different_states_are_not_kept_together() {
    let mut bench = bench(ProxyConfig::default());
    let size = BlockSize::from_bytes(64).expect("a size");
    let block = |mut options: Options, number, more| {
        options.add_block(OptionNumber::BLOCK2, Block { number, more, size });
        options
    };
    bench.fetch(1, block(asked("/a"), 0, false), block(tagged(Options::new(), &[1]), 0, true));
    bench.gets(2, Code::GET, block(asked("/a"), 0, false));
    bench.fetch(3, block(asked("/a"), 1, false), block(tagged(Options::new(), &[1]), 1, true));
    bench.gets(4, Code::GET, block(asked("/a"), 0, false));
    bench.fetch(5, block(asked("/a"), 2, false), block(tagged(Options::new(), &[2]), 2, false));
    bench.gets(6, Code::GET, block(asked("/a"), 2, false));
    bench.fetch(7, block(asked("/a"), 0, false), block(tagged(Options::new(), &[2]), 0, true));
}

/// Requests that come at random, λ a second, for a response that is fresh for T: after each miss come all of those within T, λT of them on average and Poisson, as
/// hits, then the next miss. So misses are a renewal process over requests with 1 + Poisson(λT) requests from one to the next: of K requests,
/// K / (1 + λT) are misses on average, and hits / requests = 1 - 1 / (1 + λT); the variance of the number of misses is K σ² / m³ = K λT / (1 + λT)³.
/// Three points, together with 99.9 %: each may be off by 3.59 standard deviations (two sides of 1.67 · 10^-4). The seed is fixed.
#[test]
fn the_hit_ratio_of_random_requests_is_that_of_the_formula() {
    const REQUESTS: u32 = 10_000;
    const MAX_AGE_S: f64 = 4.0;
    for (number, mean) in [0.5, 2.0, 8.0].into_iter().enumerate() {
        let mut luck = RunSeed { seed: 11, replication: number as u64 }.stream("arrivals", Purpose("test"));
        let mut bench = bench(ProxyConfig::default());
        let mut at = LocalTime::ZERO;
        for _ in 0..REQUESTS {
            at = at + Span::from_secs_f64(luck.exponential() * MAX_AGE_S / mean);
            bench.pass(at);
            let request = bench.message(Type::NonConfirmable, Code::GET, 1, asked("/a"));
            let sent = bench.deliver(client(1), &request);
            if let [(to, asked)] = &sent[..]
                && *to == server_address()
            {
                let response = bench.message(Type::NonConfirmable, Code::CONTENT, 0, aged(4));
                let response = Message { token: asked.token, ..response };
                only(bench.deliver(server_address(), &response), client(1));
            } else {
                assert_eq!(only(sent, client(1)).code, Code::CONTENT);
            }
        }
        let (hits, misses) = (bench.total("cache_hits"), bench.total("cache_misses"));
        assert_eq!(hits + misses, u64::from(REQUESTS));
        let (ratio, expected) = (hits as f64 / f64::from(REQUESTS), 1.0 - 1.0 / (1.0 + mean));
        let cycle = 1.0 + mean;
        let most = 3.59 * (mean / (cycle * cycle * cycle) / f64::from(REQUESTS)).sqrt();
        assert!((ratio - expected).abs() <= most, "λT = {mean}: {ratio} is not {expected} ± {most}");
    }
}

/// What libcoap's client 4.3.1 sends to its proxy (`coap-client-notls -P coap://[::1]:45777 URI`, caught on a socket): the same as ours with
/// `naming: Uri`, beside Hop-Limit, message id and token, which are of each client's choice.
#[test]
fn requests_to_proxies_are_those_of_libcoap() {
    let hex = |text: &str| -> Vec<u8> {
        text.split(' ').map(|byte| u8::from_str_radix(byte, 16).expect("hexadecimal")).collect()
    };
    let confirmable = "41 01 06 74 01 d1 03 10 dd 06 1e 63 6f 61 70 3a 2f 2f 5b 32 30 30 31 3a 64 62 38 3a 3a 31 5d 3a 36 31 36 31 36 2f 73 65 6e 73 6f 72 73 \
        2f 74 65 6d 70 3f 75 3d 63";
    let plain = "51 01 77 b5 01 d1 03 10 dd 06 08 63 6f 61 70 3a 2f 2f 31 39 32 2e 30 2e 32 2e 32 2f 64 61 74 61";
    let via = ClientConfig { via: Some(NodeName("proxy".into())), naming: Some(Naming::Uri), ..client_config() };
    let first = ClientConfig {
        origin: "2001:db8::1".parse().ok(),
        port: Some(61616),
        path: "/sensors/temp".into(),
        query: vec!["u=c".into()],
        ..via.clone()
    };
    let second = ClientConfig { origin: Some(server_address().ip()), ..via };
    for (config, message_type, id, bytes) in
        [(first, Type::Confirmable, 0x0674, confirmable), (second, Type::NonConfirmable, 0x77b5, plain)]
    {
        assert_eq!(config.check(), []);
        let options = with(config.options(), OptionNumber::HOP_LIMIT, 16);
        let token = Token::new(&[1]).expect("one byte");
        let message = Message { code: Code::GET, token, options, ..Message::empty(message_type, MessageId(id)) };
        assert_eq!(message.encode(), hex(bytes));
    }
}

/// A client, a proxy and a server, with `DELAY` on each of two wires that may lose.
struct Chain {
    apps: [Box<dyn App>; 3],
    hosts: [TestHost; 3],
    wire: BTreeMap<(LocalTime, u64), (usize, usize, Rope)>,
    sent: u64,
    /// From the server's side: messages that were sent there.
    beyond: Vec<Message>,
    lossy: Option<usize>,
}

impl Chain {
    /// `lossy` is the end, client or server, whose wire loses three in ten.
    fn run(client: ClientConfig, proxy: ProxyConfig, server: ServerConfig, lossy: Option<usize>) -> Self {
        let client =
            ClientConfig { via: Some(NodeName("proxy".into())), origin: Some(server_address().ip()), ..client };
        assert_eq!((client.check(), proxy.check(), server.check()), (vec![], vec![], vec![]));
        let hosts =
            [TestHost::new(1, client_address()), TestHost::new(2, proxy_address()), TestHost::new(3, server_address())];
        let apps: [Box<dyn App>; 3] = [
            Box::new(Client::new(client, proxy_address())),
            Box::new(Proxy::new(proxy)),
            Box::new(Server::new(server)),
        ];
        let mut chain = Self { apps, hosts, wire: BTreeMap::new(), sent: 0, beyond: Vec::new(), lossy };
        let mut luck = RunSeed { seed: 5, replication: 0 }.stream("wire", Purpose("test"));
        for side in [2, 1, 0] {
            chain.apps[side].on_start(&mut chain.hosts[side]);
        }
        loop {
            for side in 0..3 {
                for (to, datagram) in std::mem::take(&mut chain.hosts[side].sent) {
                    let other = chain.hosts.iter().position(|host| host.local == to).expect("a host");
                    assert!(side.abs_diff(other) == 1, "nobody passes by the proxy");
                    if side.max(other) == 2 {
                        chain.beyond.push(Message::decode(&datagram).expect("a message"));
                    }
                    chain.sent += 1;
                    let is_lossy = chain.lossy.is_some_and(|end| side == end || other == end);
                    if !(is_lossy && luck.chance(Ratio::from_percent(30))) {
                        let at = chain.hosts[side].env.now + DELAY;
                        chain.wire.insert((at, chain.sent), (side, other, datagram));
                    }
                }
            }
            let timers = chain.hosts.iter().flat_map(|host| host.timers.values()).copied();
            let next = timers.chain(chain.wire.first_key_value().map(|((at, _), _)| *at)).min();
            let Some(now) = next else { return chain };
            chain.hosts.iter_mut().for_each(|host| host.env.now = host.env.now.max(now));
            if let Some(entry) = chain.wire.first_entry().filter(|entry| entry.key().0 <= now) {
                let (from, to, datagram) = entry.remove();
                let from = chain.hosts[from].local;
                chain.apps[to].on_datagram(SocketId(0), from, datagram, &mut chain.hosts[to]);
                continue;
            }
            for side in 0..3 {
                if chain.hosts[side].timers.get(&0).is_some_and(|at| *at <= now) {
                    chain.hosts[side].timers.remove(&0);
                    chain.apps[side].on_timer(0, &mut chain.hosts[side]);
                }
            }
        }
    }

    fn total(&self, side: usize, name: &str) -> u64 {
        self.apps[side].totals().iter().find(|total| total.name == name).expect("it counts that").value
    }

    fn observed(&self, side: usize) -> Vec<(u64, Observation)> {
        let in_ms = |(at, what): &(LocalTime, Observation)| (at.as_nanos() / 1_000_000, what.clone());
        self.hosts[side].observed.iter().map(in_ms).collect()
    }
}

fn between(client: SocketAddr, server: SocketAddr, id: u64) -> ExchangeId {
    ExchangeId { client, server, id }
}

/// With 20 ms each way on each wire: a miss takes two round trips, 80 ms, and a hit one, 40 ms, without an exchange with the server.
#[test]
fn a_hit_saves_the_exchange_with_the_server() {
    for naming in [None, Some(Naming::Uri)] {
        let client = ClientConfig { requests: 2, interval: Some(Span::from_secs(30)), naming, ..client_config() };
        let chain = Chain::run(client, ProxyConfig::default(), ServerConfig::default(), None);
        let own = |id| between(client_address(), proxy_address(), id);
        let ended = |exchange| Observation::ExchangeEnded { exchange, outcome: Outcome::Response, transmissions: 1 };
        let at_client = [
            (0, Observation::ExchangeStarted(own(0))),
            (80, ended(own(0))),
            (30_000, Observation::ExchangeStarted(own(1))),
            (30_040, ended(own(1))),
        ];
        assert_eq!(chain.observed(0), at_client);
        let other = between(proxy_address(), server_address(), 0);
        let at_proxy = [
            (20, Observation::RequestDelivered(own(0))),
            (20, Observation::ExchangeStarted(other)),
            (60, ended(other)),
            (30_020, Observation::RequestDelivered(own(1))),
        ];
        assert_eq!(chain.observed(1), at_proxy);
        assert_eq!(chain.observed(2), [(40, Observation::RequestDelivered(other))]);
        // Four messages of the first exchange, two of the second.
        assert_eq!((chain.sent, chain.total(1, "cache_hits"), chain.total(1, "cache_misses")), (6, 1, 1));
    }
    // Without a cache both go to the server.
    let client = ClientConfig { requests: 2, interval: Some(Span::from_secs(30)), ..client_config() };
    let chain =
        Chain::run(client, ProxyConfig { caches: false, ..ProxyConfig::default() }, ServerConfig::default(), None);
    assert_eq!((chain.sent, chain.total(1, "passed_requests")), (8, 2));
}

/// Losses on either wire are made good on it alone: each of 40 requests that differ goes to the server once, however often the client sends it; and those
/// that are the same are answered from one.
#[test]
fn losses_are_made_good_on_the_wire_where_they_are() {
    for lossy in [0, 2] {
        let client = ClientConfig { requests: 40, method: Method::Post, ..client_config() };
        let chain = Chain::run(client, ProxyConfig::default(), ServerConfig::default(), Some(lossy));
        let answered = chain.total(0, "responses") + chain.total(0, "error_responses") + chain.total(0, "timed_out");
        assert_eq!(answered, 40);
        let mut ids: Vec<_> =
            chain.beyond.iter().filter(|sent| sent.code == Code::POST).map(|sent| sent.message_id).collect();
        if lossy == 0 {
            // What has come was passed on once: nothing was sent twice there.
            assert_eq!(ids.len() as u64, chain.total(1, "proxied_requests"));
        } else {
            assert!(ids.len() > 40, "some were sent again");
            assert_eq!(chain.total(0, "timed_out"), 0, "the client has been told in any case");
            assert_eq!(chain.total(0, "error_responses"), chain.total(1, "gateway_timeouts"));
        }
        ids.dedup();
        assert_eq!(ids.len() as u64, chain.total(1, "proxied_requests"));
    }
}

/// 200 B in blocks of 64 B are four requests, to the proxy and the first time to the server; up in blocks of 64 B, always to both.
#[test]
fn blocks_go_through_the_proxy() {
    let server = ServerConfig {
        payload: Size::from_bytes(200),
        block_size: Some(Size::from_bytes(64)),
        ..ServerConfig::default()
    };
    let client = ClientConfig { requests: 2, interval: Some(Span::from_secs(30)), ..client_config() };
    let chain = Chain::run(client, ProxyConfig::default(), server, None);
    assert_eq!((chain.total(0, "responses"), chain.beyond.len()), (2, 8));
    assert_eq!((chain.total(1, "cache_hits"), chain.total(1, "cache_misses")), (4, 4));
    let client = ClientConfig {
        method: Method::Put,
        payload: Size::from_bytes(200),
        block_size: Some(Size::from_bytes(64)),
        ..client_config()
    };
    let chain = Chain::run(client, ProxyConfig::default(), ServerConfig::default(), None);
    assert_eq!((chain.total(0, "responses"), chain.total(1, "passed_requests"), chain.beyond.len()), (1, 4, 8));
}

/// A state that lasts, and a Max-Age of 10 s: each request 30 s later asks the server whether it is still so, which takes 2.03 without a payload.
#[test]
fn servers_with_validators_spare_the_payload() {
    let server = ServerConfig { validators: true, max_age: Some(Span::from_secs(10)), ..ServerConfig::default() };
    let client = ClientConfig { requests: 3, interval: Some(Span::from_secs(30)), ..client_config() };
    let chain = Chain::run(client, ProxyConfig::default(), server, None);
    let codes: Vec<_> = chain.beyond.iter().map(|sent| sent.code).collect();
    assert_eq!(codes, [Code::GET, Code::CONTENT, Code::GET, Code::VALID, Code::GET, Code::VALID]);
    assert_eq!((chain.total(0, "responses"), chain.total(1, "revalidated_responses")), (3, 2));
}

/// What a configuration of a proxy, or of a client of one, cannot have.
#[test]
fn proxies_with_mistakes_are_refused() {
    let fields = |config: ProxyConfig| config.check().into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    let base = ProxyConfig::default;
    let sized = |bytes| ProxyConfig { cache_size: Some(Size::from_bytes(bytes)), ..base() };
    assert_eq!((fields(sized(51)), fields(sized(52))), (vec!["cache_size"], vec![]));
    assert_eq!((fields(sized(1 << 30)), fields(sized((1 << 30) + 1))), (vec![], vec!["cache_size"]));
    let idle = ProxyConfig { caches: false, cache_entries: Some(0), port: Some(0), nstart: Some(0), ..sized(60) };
    assert_eq!(fields(idle), ["port", "cache_size", "cache_entries", "cache_entries", "nstart"]);
    assert_eq!(fields(ProxyConfig { response_wait: Some(Span::ZERO), ..base() }), ["response_wait"]);
    let fields = |config: ClientConfig| config.check().into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    let alone = ClientConfig { via_port: Some(1), naming: Some(Naming::Uri), ..client_config() };
    assert_eq!(fields(alone), ["via_port", "naming"]);
    // `coap://[ffff:…:ffff]`, 48 B, and `/` and each segment: 1034 B with 5 segments of up to 255 B, at most.
    let path =
        |last: usize| format!("/{}/{}/{}/{}", "a".repeat(255), "b".repeat(255), "c".repeat(255), "d".repeat(last));
    let long = |last| ClientConfig {
        via: Some(NodeName("p".into())),
        naming: Some(Naming::Uri),
        path: path(last),
        ..client_config()
    };
    assert_eq!((fields(long(217)), fields(long(218))), (vec![], vec!["naming"]));
}

proptest! {
    /// Whatever clients and servers say: the cache holds to its bounds, each request is counted once, and all comes to an end.
    #[test]
    fn a_proxy_takes_whatever_comes(
        steps in prop::collection::vec(
            (0_u8..4, any::<u8>(), prop::collection::vec((0_usize..14, prop::collection::vec(any::<u8>(), 0..4)), 0..4), 0_u64..200),
            1..30,
        ),
        noise in super::any_message(),
    ) {
        const NUMBERS: [u16; 14] = [4, 5, 6, 8, 11, 14, 16, 17, 20, 23, 27, 35, 258, 2050];
        const ANSWERS: [u8; 8] = [0x41, 0x42, 0x43, 0x44, 0x45, 0x5f, 0x84, 0xa3];
        let config = ProxyConfig { cache_size: Some(Size::from_bytes(200)), cache_entries: Some(2), ..ProxyConfig::default() };
        let mut bench = bench(config);
        let mut last: Option<(SocketAddr, Message)> = None;
        for (kind, byte, list, wait) in steps {
            let mut options = if kind == 0 || kind == 1 { asked("/a") } else { Options::new() };
            list.into_iter().for_each(|(number, value)| options.add(OptionNumber(NUMBERS[number]), value));
            let (from, message) = match (kind, &last) {
                (0, _) => (client(byte % 3), bench.message(Type::Confirmable, Code(byte % 4 + 1), byte, options)),
                (1, _) => (client(byte % 3), bench.message(Type::NonConfirmable, Code::GET, byte, options)),
                (2, Some((server, request))) => {
                    let code = Code(ANSWERS[usize::from(byte % 8)]);
                    (*server, Message { message_type: Type::Acknowledgement, code, options, ..request.clone() })
                }
                _ => (server_address(), noise.clone()),
            };
            let sent = bench.deliver(from, &message);
            last = sent.into_iter().find(|(_, sent)| (1..32).contains(&sent.code.0)).or(last);
            let (entries, bytes) = bench.proxy.stored();
            prop_assert!(entries <= 2 && bytes <= 200, "{entries} responses, {bytes} B");
            let now = bench.host.env.now;
            bench.pass(now + Span::from_secs(wait));
        }
        let kinds = ["cache_hits", "joined_requests", "cache_misses", "passed_requests"];
        prop_assert_eq!(bench.total("proxied_requests"), kinds.iter().map(|name| bench.total(name)).sum::<u64>());
        let now = bench.host.env.now;
        // Each of at most 30 requests to a server takes 295 s at most (93 s, then 202 s), and separate answers 93 s.
        bench.pass(now + Span::from_secs(30 * 400));
        prop_assert!(bench.proxy.is_at_rest());
    }
}
