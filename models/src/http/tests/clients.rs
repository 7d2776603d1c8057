//! The client on a bench, beside what curl 7.88.1 sends.

use super::*;
use crate::http::content::key;
use crate::observe::ExchangeId;
use crate::tcp::CloseReason;

fn of_curl() -> HttpClientConfig {
    HttpClientConfig {
        host: Some("127.0.0.1:50875".to_owned()),
        user_agent: "curl/7.88.1".to_owned(),
        target: Some("/index.html".to_owned()),
        count: Some(1),
        ..client_config()
    }
}

fn ok(len: u64) -> Rope {
    lines(&format!("HTTP/1.1 200 OK\nContent-Length: {len}\n\n"))
}

/// A whole response with content that is as it should be.
fn whole(target: &str, len: u64) -> Rope {
    let mut response = ok(len);
    response.append(&Rope::fill(key(target, None), 0, len));
    response
}

/// curl's request of 89 bytes.
#[test]
fn it_asks_as_curl() {
    let curl = "GET /index.html HTTP/1.1\nHost: 127.0.0.1:50875\nUser-Agent: curl/7.88.1\nAccept: */*\n\n";
    let (mut own, mut bench) = client(of_curl());
    bench.advance(&mut own);
    assert_eq!((bench.streams[0].written.len(), &bench.streams[0].written), (89, &lines(curl)));
    let (mut old, mut bench) =
        client(HttpClientConfig { version: crate::http::HttpVersion::Http10, target: None, ..of_curl() });
    bench.advance(&mut old);
    assert_eq!(bench.streams[0].written.len(), 79);
}

/// Two exchanges over one connection, then the connection is closed. The first byte comes before the rest of the head.
#[test]
fn it_asks_again_over_the_same_connection() {
    let (mut own, mut bench) = client(HttpClientConfig { count: Some(2), ..client_config() });
    bench.advance(&mut own);
    connect(&mut bench, &mut own, 0);
    let response = whole("/", 100);
    bench.receive(&mut own, 0, &response.slice(0, 1));
    let id = |id| ExchangeId { client: crate::tcp::app::tests::bench::local(StreamId(0)), server: peer(), id };
    assert_eq!(bench.observed, [Observation::ExchangeStarted(id(0)), Observation::ResponseBegan(id(0))]);
    bench.receive(&mut own, 0, &response.slice(1, u64::MAX));
    assert_eq!(bench.advance(&mut own), 1_000 * MS);
    bench.receive(&mut own, 0, &whole("/", 100));
    assert_eq!(bench.observed[3..5], [Observation::ExchangeStarted(id(1)), Observation::ResponseBegan(id(1))]);
    assert_eq!(outcomes(&bench), [(Outcome::Response, 1); 2]);
    assert!(bench.streams.len() == 1 && bench.streams[0].is_closed && bench.timers.is_empty());
    assert_eq!(totals(&own, ["responses", "content_bytes", "corrupted_bytes"]), [2, 200, 0]);
}

/// Content that is not what it should be is counted; 404 is an error response; one without a length ends with the connection.
#[test]
fn responses_are_judged() {
    let (mut own, mut bench) = client(HttpClientConfig { count: Some(3), ..client_config() });
    bench.advance(&mut own);
    connect(&mut bench, &mut own, 0);
    let mut wrong = ok(10);
    wrong.append(&Rope::fill(key("/", None) ^ 1, 0, 10));
    bench.receive(&mut own, 0, &wrong);
    bench.advance(&mut own);
    bench.receive(&mut own, 0, &lines("HTTP/1.1 404 Not Found\nContent-Length: 2\n\nno"));
    bench.advance(&mut own);
    bench.receive(&mut own, 0, &lines("HTTP/1.1 200 OK\n\n"));
    bench.receive(&mut own, 0, &Rope::fill(key("/", None), 0, 30));
    assert_eq!(outcomes(&bench).len(), 2);
    bench.finish(&mut own, 0);
    let expected = [(Outcome::Response, 1), (Outcome::ErrorResponse, 1), (Outcome::Response, 1)];
    assert_eq!(outcomes(&bench), expected);
    assert_eq!(totals(&own, ["corrupted_bytes", "error_responses", "content_bytes"]), [10, 1, 42]);
}

/// The alert of a server of TLS (RFC 8446 §6: handshake_failure), which has no hello for an answer: no response has begun, and none of its 7 bytes is of one.
#[test]
fn an_alert_of_tls_is_no_response() {
    let (mut own, mut bench) = client(HttpClientConfig { count: Some(1), ..client_config() });
    bench.advance(&mut own);
    connect(&mut bench, &mut own, 0);
    bench.receive(&mut own, 0, &Rope::from(vec![21, 3, 3, 0, 2, 2, 40]));
    assert_eq!(outcomes(&bench), [(Outcome::ErrorResponse, 1)]);
    assert!(!bench.observed.iter().any(|seen| matches!(seen, Observation::ResponseBegan(_))), "{:?}", bench.observed);
    assert_eq!(totals(&own, ["responses", "response_bytes", "broken_requests"]), [0, 0, 1]);
}

/// RFC 9112 §9.3.1: a request whose connection had answered before and ends without a byte of the response is asked again, once. Not so one whose
/// response had begun, one on a new connection, and a Post.
#[test]
fn what_was_lost_is_asked_again_where_that_is_safe() {
    let config = HttpClientConfig { count: Some(4), ..client_config() };
    let (mut own, mut bench) = client(config.clone());
    bench.advance(&mut own);
    connect(&mut bench, &mut own, 0);
    bench.receive(&mut own, 0, &whole("/", 1));
    bench.advance(&mut own);
    bench.finish(&mut own, 0);
    // Over a second connection, under another name.
    assert_eq!((bench.streams.len(), asked(&bench, 1).len()), (2, 1));
    connect(&mut bench, &mut own, 1);
    bench.receive(&mut own, 1, &whole("/", 1));
    assert_eq!(outcomes(&bench), [(Outcome::Response, 1), (Outcome::Response, 2)]);
    // One byte of the response has come.
    bench.advance(&mut own);
    bench.receive(&mut own, 1, &ok(1).slice(0, 1));
    bench.close(&mut own, 1, CloseReason::Reset);
    assert_eq!(outcomes(&bench)[2], (Outcome::Reset, 1));
    // A new connection.
    bench.advance(&mut own);
    bench.close(&mut own, 2, CloseReason::Refused);
    assert_eq!((outcomes(&bench)[3], bench.streams.len()), ((Outcome::Reset, 1), 3));
    assert_eq!(totals(&own, ["retries", "broken_requests", "connections"]), [1, 2, 3]);

    let (mut post, mut bench) = client(HttpClientConfig { method: HttpMethod::Post, ..config });
    bench.advance(&mut post);
    connect(&mut bench, &mut post, 0);
    bench.receive(&mut post, 0, &whole("/", 1));
    bench.advance(&mut post);
    bench.finish(&mut post, 0);
    assert_eq!((outcomes(&bench)[1], bench.streams.len()), ((Outcome::ErrorResponse, 1), 1));
}

fn posting(count: u64) -> (HttpClient, Bench) {
    let config = HttpClientConfig {
        method: HttpMethod::Post,
        request_body: Some(fixed(500)),
        expect_continue: Some(Span::from_secs(1)),
        count: Some(count),
        ..client_config()
    };
    let (mut own, mut bench) = client(config);
    bench.advance(&mut own);
    connect(&mut bench, &mut own, 0);
    (own, bench)
}

/// RFC 9110 §10.1.1: the content goes after 100 Continue, or after 1 s; not after a final response, which spoils the connection; after 417 all is asked again
/// without the expectation.
#[test]
fn content_waits_for_leave() {
    let goes = lines("HTTP/1.1 100 Continue\n\n");
    let (mut own, mut bench) = posting(2);
    let head = bench.streams[0].written.len();
    assert!(text(&bench.streams[0].written).contains("Expect: 100-continue\r\nContent-Length: 500\r\n"));
    bench.receive(&mut own, 0, &goes.slice(0, 5));
    bench.receive(&mut own, 0, &goes.slice(5, u64::MAX));
    assert_eq!(bench.streams[0].written.slice(head, 500), Rope::fill(key("/", None), 0, 500));
    // An interim response is no first byte.
    assert_eq!(bench.observed.len(), 1);
    bench.receive(&mut own, 0, &whole("/", 1));
    bench.advance(&mut own);
    assert_eq!(bench.streams[0].written.len(), 2 * head + 500);
    // The timers are those of the wait, the exchange and the idle connection.
    assert_eq!(bench.advance(&mut own), 2_000 * MS);
    assert_eq!(bench.streams[0].written.len(), 2 * head + 1000);

    let (mut refused, mut bench) = posting(1);
    bench.receive(&mut refused, 0, &lines("HTTP/1.1 413 Content Too Large\nContent-Length: 0\n\n"));
    assert_eq!((bench.streams[0].written.len(), bench.streams[0].is_closed), (head, true));
    assert_eq!(outcomes(&bench), [(Outcome::ErrorResponse, 1)]);

    let (mut again, mut bench) = posting(1);
    bench.receive(&mut again, 0, &lines("HTTP/1.1 417 Expectation Failed\nContent-Length: 0\n\n"));
    assert!(bench.streams[0].is_closed && asked(&bench, 1)[0].fields.get("expect").is_none());
    connect(&mut bench, &mut again, 1);
    bench.receive(&mut again, 1, &whole("/", 1));
    assert_eq!(outcomes(&bench), [(Outcome::Response, 2)]);
}

/// After 60 s the exchange is given up, and its connection.
#[test]
fn exchanges_time_out() {
    let (mut own, mut bench) = client(HttpClientConfig { count: Some(2), ..client_config() });
    bench.advance(&mut own);
    assert_eq!(bench.advance(&mut own), 60_000 * MS);
    assert!(bench.streams[0].is_aborted);
    assert_eq!(bench.advance(&mut own), 61_000 * MS);
    assert_eq!((outcomes(&bench), bench.streams.len()), (vec![(Outcome::TimedOut, 1)], 2));
    // Garbage ends one, too.
    connect(&mut bench, &mut own, 1);
    bench.receive(&mut own, 1, &Rope::fill(3, 0, 1 << 40));
    assert_eq!(outcomes(&bench)[1].0, Outcome::ErrorResponse);
    assert!(bench.streams[1].is_aborted && bench.timers.is_empty());
}

/// A host without memory for a connection has no exchange that anyone could see.
#[test]
fn a_refused_connection_is_no_exchange() {
    let (mut own, mut bench) = client(HttpClientConfig { count: Some(1), ..client_config() });
    bench.refuses = true;
    bench.advance(&mut own);
    assert!(bench.observed.is_empty() && bench.timers.is_empty());
    assert_eq!((totals(&own, ["refused_calls"]), own.exchanges_due()), ([1], 1));
}

/// Idle for 115 s, it is closed; the next request opens another one.
#[test]
fn idle_connections_are_closed() {
    let think = TimeDistribution::Fixed(Span::from_secs(200));
    let (mut own, mut bench) = client(HttpClientConfig { think, count: Some(2), ..client_config() });
    bench.advance(&mut own);
    connect(&mut bench, &mut own, 0);
    bench.receive(&mut own, 0, &whole("/", 1));
    assert_eq!(bench.advance(&mut own), 115_000 * MS);
    assert!(bench.streams[0].is_closed);
    assert_eq!((bench.advance(&mut own), bench.streams.len()), (200_000 * MS, 2));
}

/// Cookies that the server sets come back, beside the one from before.
#[test]
fn cookies_come_back() {
    let cookie = Some(Size::from_bytes(10));
    let (mut own, mut bench) = client(HttpClientConfig { cookie, count: Some(2), ..client_config() });
    bench.advance(&mut own);
    connect(&mut bench, &mut own, 0);
    assert_eq!(asked(&bench, 0)[0].fields.text("cookie"), Some("id=xxxxxxx"));
    bench.receive(&mut own, 0, &lines("HTTP/1.1 204 No Content\nSet-Cookie: s=1; Path=/; HttpOnly\n\n"));
    bench.advance(&mut own);
    assert_eq!(asked(&bench, 0)[1].fields.text("cookie"), Some("id=xxxxxxx; s=1"));
}

/// HEAD, and fields that the user gives.
#[test]
fn heads_are_as_configured() {
    let headers = [("Accept-Language".to_owned(), "de".to_owned())].into_iter().collect();
    let config = HttpClientConfig {
        method: HttpMethod::Head,
        port: Some(8080),
        persistent: Some(false),
        headers,
        count: Some(1),
        ..client_config()
    };
    let (mut own, mut bench) = client(config);
    bench.advance(&mut own);
    let expected = "HEAD / HTTP/1.1\nHost: n001:8080\nUser-Agent: protosim\nAccept: */*\nAccept-Language: de\nConnection: close\n\n";
    assert_eq!(bench.streams[0].written, lines(expected));
    bench.receive(&mut own, 0, &ok(1000));
    assert_eq!(outcomes(&bench), [(Outcome::Response, 1)]);
    assert!(bench.streams[0].is_closed);
}
