//! The server on a bench, beside what nginx 1.22.1 answers.

use super::*;
use crate::tcp::CloseReason;

/// Sends something and gives what was answered to it, with the stream as it is now.
fn answer(server: &mut HttpServer, bench: &mut Bench, request: &str) -> String {
    let before = bench.streams[0].written.len();
    bench.receive(server, 0, &lines(request));
    text(&bench.streams[0].written.slice(before, u64::MAX))
}

fn fresh_answer(config: HttpServerConfig, request: &str) -> (String, bool) {
    let (mut server, mut bench) = server(config);
    let answer = answer(&mut server, &mut bench, request);
    (answer, bench.streams[0].is_finished)
}

fn nginx() -> HttpServerConfig {
    HttpServerConfig {
        server: "nginx/1.22.1".to_owned(),
        paths: vec!["/index.html".to_owned()],
        ..HttpServerConfig::new(80)
    }
}

/// nginx's answers with its date and its validators replaced by the simulation's first moment and ours, which are 7 bytes longer, and without
/// Accept-Ranges, since there are no ranges.
#[test]
fn it_answers_as_nginx() {
    let curl = "GET /index.html HTTP/1.1\nHost: 127.0.0.1:18081\nUser-Agent: curl/7.88.1\nAccept: */*\n\n";
    let begin = "Server: nginx/1.22.1\nDate: Thu, 01 Jan 2026 00:00:00 GMT\n";
    let tag = format!("\"692e2c00-{:08x}\"", crate::http::content::key("/index.html", None));
    let modified = "Last-Modified: Tue, 02 Dec 2025 00:00:00 GMT\n";
    let (got, is_over) = fresh_answer(HttpServerConfig { response: fixed(5), ..nginx() }, curl);
    let head = format!(
        "HTTP/1.1 200 OK\n{begin}Content-Type: text/html\nContent-Length: 5\n{modified}Connection: keep-alive\nETag: {tag}\n\n"
    );
    let head = head.replace('\n', "\r\n");
    // nginx's head has 234 bytes, of which 22 are `Accept-Ranges: bytes`.
    assert_eq!((got.len(), head.len(), is_over), (head.len() + 5, 234 - 22 + 7, false));
    assert!(got.starts_with(&head), "{got}");
    let conditional = format!("GET /index.html HTTP/1.1\nHost: a\nIf-None-Match: {tag}\n\n");
    let (got, _) = fresh_answer(nginx(), &conditional);
    let expected = format!("HTTP/1.1 304 Not Modified\n{begin}{modified}Connection: keep-alive\nETag: {tag}\n\n");
    assert_eq!((got.len(), got), (178 + 7, expected.replace('\n', "\r\n")));
    let error = |status: &str, connection: &str| {
        let page = format!(
            "<html>\n<head><title>{status}</title></head>\n<body>\n<center><h1>{status}</h1></center>\n\
             <hr><center>nginx/1.22.1</center>\n</body>\n</html>\n"
        );
        let page = page.replace('\n', "\r\n");
        let len = page.len();
        let head = format!(
            "HTTP/1.1 {status}\n{begin}Content-Type: text/html\nContent-Length: {len}\nConnection: {connection}\n\n"
        );
        head.replace('\n', "\r\n") + &page
    };
    let (got, is_over) = fresh_answer(nginx(), "GET /nope HTTP/1.1\nHost: a\n\n");
    assert_eq!((got.len(), got, is_over), (308, error("404 Not Found", "keep-alive"), false));
    for wrong in
        ["GET / HTTP/1.1\n\n", "POST / HTTP/1.1\nHost: a\nContent-Length: 3\nTransfer-Encoding: chunked\n\n0\n\n"]
    {
        let (got, is_over) = fresh_answer(nginx(), wrong);
        assert_eq!((got.len(), got, is_over), (309, error("400 Bad Request", "close"), true), "{wrong}");
    }
}

#[test]
fn each_request_has_its_status() {
    let status = |request: &str| fresh_answer(nginx(), request).0.get(9..12).unwrap_or_default().to_owned();
    let get = |fields: &str| format!("GET /index.html HTTP/1.1\nHost: a\n{fields}\n");
    let table = [
        (get(""), "200"),
        ("GET /bytes/7?x HTTP/1.1\nHost: a\n\n".to_owned(), "200"),
        ("POST /index.html HTTP/1.1\nHost: a\nContent-Length: 0\n\n".to_owned(), "200"),
        ("GET /index.htm HTTP/1.1\nHost: a\n\n".to_owned(), "404"),
        ("PUT /index.html HTTP/1.1\nHost: a\n\n".to_owned(), "405"),
        ("CONNECT a:443 HTTP/1.1\nHost: a\n\n".to_owned(), "405"),
        ("OPTIONS * HTTP/1.1\nHost: a\n\n".to_owned(), "405"),
        ("BREW /pot HTTP/1.1\nHost: a\n\n".to_owned(), "501"),
        ("GET / HTTP/3.0\nHost: a\n\n".to_owned(), "505"),
        (get("Expect: miracles\n"), "417"),
        (get(&format!("A: {}\n", "x".repeat(9000))), "431"),
        (format!("GET /{} HTTP/1.1\nHost: a\n\n", "x".repeat(9000)), "414"),
        // RFC 9110 §13.1: any of a list, weak ones too, `*`; the date counts where there is no tag.
        (get("If-None-Match: \"x\", W/\"y\"\nIf-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT\n"), "200"),
        (get("If-None-Match: *\n"), "304"),
        (get("If-Modified-Since: Tue, 02 Dec 2025 00:00:00 GMT\n"), "304"),
        (get("If-Modified-Since: Mon, 01 Dec 2025 23:59:59 GMT\n"), "200"),
        (get("If-Modified-Since: yesterday\n"), "200"),
    ];
    for (request, expected) in table {
        assert_eq!(status(&request), expected, "{request}");
    }
    let (got, _) = fresh_answer(nginx(), "DELETE /index.html HTTP/1.1\nHost: a\n\n");
    assert!(got.contains("\r\nAllow: GET, HEAD, POST\r\n"), "{got}");
}

/// RFC 9110 §13.2.2, step by step, of a resource that is there and was modified on 2 December 2025. If-Match (1), or without it If-Unmodified-Since
/// (2), has to hold: else 412. If-None-Match (3) that fits is 304 for GET and HEAD, and 412 for whatever else (§13.1.2); without it
/// If-Modified-Since (4) counts for GET and HEAD alone. Tags of If-Match are compared strongly (§13.1.1), those of If-None-Match weakly. What would
/// not be done anyway has its own code (§13.2.1).
#[test]
fn conditions_are_taken_in_order() {
    let tag = format!("\"692e2c00-{:08x}\"", crate::http::content::key("/index.html", None));
    let (before, after) = ("Mon, 01 Dec 2025 23:59:59 GMT", "Thu, 01 Jan 2026 00:00:00 GMT");
    let status = |config: HttpServerConfig, method: &str, target: &str, fields: &str| {
        let fields = fields.replace("TAG", &tag).replace("BEFORE", before).replace("AFTER", after);
        let request = format!("{method} {target} HTTP/1.1\nHost: a\nContent-Length: 0\n{fields}\n");
        fresh_answer(config, &request).0.get(9..12).unwrap_or_default().to_owned()
    };
    // The fields, and what comes of them for GET, HEAD and POST.
    let table = [
        ("If-None-Match: TAG\n", ["304", "304", "412"]),
        ("If-None-Match: W/TAG\n", ["304", "304", "412"]),
        ("If-None-Match: \"x\", TAG\n", ["304", "304", "412"]),
        ("If-None-Match: *\n", ["304", "304", "412"]),
        ("If-None-Match: \"x\"\n", ["200", "200", "200"]),
        ("If-Match: TAG\n", ["200", "200", "200"]),
        ("If-Match: *\n", ["200", "200", "200"]),
        ("If-Match: \"x\", \"y\"\n", ["412", "412", "412"]),
        ("If-Match: W/TAG\n", ["412", "412", "412"]),
        ("If-Match: TAG\nIf-None-Match: TAG\n", ["304", "304", "412"]),
        ("If-Unmodified-Since: BEFORE\n", ["412", "412", "412"]),
        ("If-Unmodified-Since: AFTER\n", ["200", "200", "200"]),
        ("If-Unmodified-Since: yesterday\n", ["200", "200", "200"]),
        ("If-Match: TAG\nIf-Unmodified-Since: BEFORE\n", ["200", "200", "200"]),
        ("If-Modified-Since: AFTER\n", ["304", "304", "200"]),
        ("If-Modified-Since: BEFORE\n", ["200", "200", "200"]),
        ("If-None-Match: \"x\"\nIf-Modified-Since: AFTER\n", ["200", "200", "200"]),
    ];
    for (fields, expected) in table {
        let got = ["GET", "HEAD", "POST"].map(|method| status(nginx(), method, "/index.html", fields));
        assert_eq!(got, expected, "{fields}");
    }
    assert_eq!(status(nginx(), "POST", "/nope", "If-None-Match: *\n"), "404");
    assert_eq!(status(nginx(), "PUT", "/index.html", "If-Match: \"x\"\n"), "405");
    // Without validators no tag fits, and there is no date; `*` fits whatever is there.
    let plain = || HttpServerConfig { validators: false, ..nginx() };
    for (fields, expected) in [
        ("If-None-Match: TAG\n", "200"),
        ("If-None-Match: *\n", "304"),
        ("If-Match: TAG\n", "412"),
        ("If-Match: *\n", "200"),
        ("If-Unmodified-Since: BEFORE\n", "200"),
        ("If-Modified-Since: AFTER\n", "200"),
    ] {
        assert_eq!(status(plain(), "GET", "/index.html", fields), expected, "{fields}");
    }
    // It says why to a Post, and says nothing behind the head to HEAD.
    let (got, is_over) = fresh_answer(nginx(), "HEAD /index.html HTTP/1.1\nHost: a\nIf-Match: \"x\"\n\n");
    assert!(got.starts_with("HTTP/1.1 412 Precondition Failed\r\n") && got.ends_with("\r\n\r\n") && !is_over, "{got}");
}

/// HEAD has the fields of GET, and nothing behind them; the next response follows at once.
#[test]
fn head_has_no_content() {
    let requests =
        "HEAD /bytes/1000 HTTP/1.1\nHost: a\n\nHEAD /nope HTTP/1.1\nHost: a\n\nGET /bytes/3 HTTP/1.1\nHost: a\n\n";
    let (got, _) = fresh_answer(nginx(), requests);
    let heads: Vec<&str> = got.split("\r\n\r\n").collect();
    assert!(heads[0].contains("Content-Length: 1000") && heads[1].starts_with("HTTP/1.1 404"), "{got}");
    assert!(heads[2].starts_with("HTTP/1.1 200") && heads[3].len() == 3 && heads.len() == 4, "{got}");
}

/// Two pipelined requests with 10 ms each: one after the other. What follows `Connection: close` is not answered.
#[test]
fn pipelined_requests_are_answered_in_order() {
    let processing = TimeDistribution::Fixed(Span::from_millis(10));
    let (mut server, mut bench) = server(HttpServerConfig { processing, ..HttpServerConfig::new(80) });
    let requests = "GET /bytes/1 HTTP/1.1\nHost: a\n\nGET /bytes/2 HTTP/1.1\nHost: a\nConnection: close\n\nGET /bytes/3 HTTP/1.1\nHost: a\n\n";
    assert_eq!(answer(&mut server, &mut bench, requests), "");
    // All three were delivered.
    assert_eq!(bench.observed.len(), 3);
    assert_eq!(bench.advance(&mut server), 10 * MS);
    let first = text(&bench.streams[0].written);
    assert!(first.contains("Content-Length: 1\r\n") && first.contains("keep-alive"), "{first}");
    assert_eq!(bench.advance(&mut server), 20 * MS);
    let both = text(&bench.streams[0].written);
    assert!(both[first.len()..].contains("Content-Length: 2\r\n"), "{both}");
    assert!(bench.streams[0].is_finished && both.contains("Connection: close"), "{both}");
    // What still comes is thrown away; after 5 s the connection is closed.
    assert_eq!(answer(&mut server, &mut bench, "GET / HTTP/1.1\nHost: a\n\n"), "");
    assert_eq!(bench.advance(&mut server), 5_020 * MS);
    assert!(bench.streams[0].is_closed && bench.timers.is_empty());
    assert_eq!(totals(&server, ["requests", "responses", "timed_out_connections"]), [3, 2, 0]);
}

/// 60 s for a request to come, then 75 s of keep-alive from the response on; one whose head stops coming is 408.
#[test]
fn connections_are_closed_when_nothing_comes() {
    let (mut idle, mut bench) = server(HttpServerConfig::new(80));
    assert_eq!(bench.advance(&mut idle), 60_000 * MS);
    assert!(bench.streams[0].is_finished && bench.streams[0].written.is_empty());

    let (mut kept, mut bench) =
        server(HttpServerConfig { request_timeout: Span::from_secs(100), ..HttpServerConfig::new(80) });
    let get = "GET / HTTP/1.1\nHost: a\n\n";
    assert!(!answer(&mut kept, &mut bench, get).is_empty());
    assert_eq!(bench.advance(&mut kept), 75_000 * MS);
    assert!(bench.streams[0].is_finished);
    bench.finish(&mut kept, 0);
    assert!(bench.streams[0].is_closed && bench.timers.is_empty());
    assert_eq!(totals(&kept, ["timed_out_connections", "malformed_requests"]), [1, 0]);

    let (mut cut, mut bench) = server(HttpServerConfig::new(80));
    assert_eq!(answer(&mut cut, &mut bench, "GET / HT"), "");
    assert_eq!(bench.advance(&mut cut), 60_000 * MS);
    assert!(text(&bench.streams[0].written).starts_with("HTTP/1.1 408 ") && bench.streams[0].is_finished);

    let (mut each, mut bench) = server(HttpServerConfig { keep_alive: Span::ZERO, ..HttpServerConfig::new(80) });
    assert!(answer(&mut each, &mut bench, get).contains("Connection: close"));
    assert!(bench.streams[0].is_finished);
}

/// `100 Continue` comes after the responses before it and before its own; HTTP/1.0 gets none; more than `max_body` gets 413 instead, at once where it
/// is announced.
#[test]
fn content_is_asked_for() {
    let config = HttpServerConfig { max_body: Some(Size::from_bytes(5)), ..HttpServerConfig::new(80) };
    let post = |version: &str, len: u64| {
        format!("POST / HTTP/{version}\nHost: a\nExpect: 100-Continue\nContent-Length: {len}\n\n")
    };
    let (mut asks, mut bench) = server(config.clone());
    let got = answer(&mut asks, &mut bench, &format!("GET /bytes/1 HTTP/1.1\nHost: a\n\n{}", post("1.1", 5)));
    assert!(got.starts_with("HTTP/1.1 200"), "{got}");
    assert!(got.ends_with("HTTP/1.1 100 Continue\r\n\r\n"), "{got}");
    let got = answer(&mut asks, &mut bench, "hello");
    assert!(got.starts_with("HTTP/1.1 200"), "{got}");
    // These five bytes are not those that a client of ours sends.
    assert_eq!(totals(&asks, ["requests", "corrupted_bytes"]), [2, 5]);
    assert_eq!(fresh_answer(config.clone(), &post("1.0", 5)), (String::new(), false));
    let (got, is_over) = fresh_answer(config.clone(), &post("1.1", 6));
    assert!(got.starts_with("HTTP/1.1 413") && is_over, "{got}");
    let chunked = "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n3\nabc\n3\nabc\n";
    let (got, is_over) = fresh_answer(config, chunked);
    assert!(got.starts_with("HTTP/1.1 413") && is_over, "{got}");
}

/// Ten bytes in chunks of four; to HTTP/1.0 as they are, until the end.
#[test]
fn content_goes_in_chunks() {
    let config = HttpServerConfig { chunked: Some(Size::from_bytes(4)), ..HttpServerConfig::new(80) };
    let (mut served, mut bench) = server(config);
    bench.receive(&mut served, 0, &lines("GET /bytes/10 HTTP/1.1\nHost: a\n\n"));
    let written = bench.streams[0].written.to_bytes();
    let head = written.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    let chunks = &written[head..];
    // 3 + 4 + 2, twice, then 3 + 2 + 2, then 5.
    assert_eq!(
        (chunks.len(), &chunks[..3], &chunks[18..21], &chunks[25..]),
        (30, &b"4\r\n"[..], &b"2\r\n"[..], &b"0\r\n\r\n"[..])
    );
    let (mut old, mut bench) =
        server(HttpServerConfig { chunked: Some(Size::from_bytes(4)), ..HttpServerConfig::new(80) });
    bench.receive(&mut old, 0, &lines("GET /bytes/10 HTTP/1.0\nConnection: keep-alive\n\n"));
    let got = text(&bench.streams[0].written);
    assert!(!got.contains("chunked") && !got.contains("Content-Length") && got.contains("Connection: close"), "{got}");
    assert!(bench.streams[0].is_finished);
}

/// A client with a cookie gets no other; `changes` moves the validators.
#[test]
fn cookies_are_set_and_content_changes() {
    let config = HttpServerConfig {
        set_cookie: Some(Size::from_bytes(20)),
        changes: Some(Span::from_secs(10)),
        max_age: Some(Span::from_secs(5)),
        ..HttpServerConfig::new(80)
    };
    let (got, _) = fresh_answer(config.clone(), "GET / HTTP/1.1\nHost: a\n\n");
    let cookie = got.split("Set-Cookie: ").nth(1).unwrap().split(';').next().unwrap();
    assert!(cookie.starts_with("s=") && cookie.len() == 20 && got.contains("Cache-Control: max-age=5\r\n"), "{got}");
    let (got, _) = fresh_answer(config.clone(), "GET / HTTP/1.1\nHost: a\nCookie: s=1\n\n");
    assert!(!got.contains("Set-Cookie") && got.contains("Last-Modified: Tue, 02 Dec 2025"), "{got}");
    // At 75 s seven changes have been, the last one at 70 s.
    let (mut later, mut bench) = server(HttpServerConfig { request_timeout: Span::from_secs(75), ..config });
    bench.receive(&mut later, 0, &Rope::from(b"G".to_vec()));
    bench.timers.insert(1_000, protosim_core::LocalTime::from_nanos(75_000 * MS - 1));
    bench.advance(&mut later);
    let got = answer(&mut later, &mut bench, "ET / HTTP/1.1\nHost: a\n\n");
    assert!(got.contains("Last-Modified: Thu, 01 Jan 2026 00:01:10 GMT"), "{got}");
}

/// A response that does not fit waits for room; the client's end comes before that.
#[test]
fn responses_wait_for_room() {
    let (mut slow, mut bench) = (HttpServer::new(HttpServerConfig::new(80)), Bench::new(300));
    slow.on_start(&mut bench);
    bench.accept(&mut slow, 80);
    bench.receive(&mut slow, 0, &lines("GET /bytes/1000 HTTP/1.1\nHost: a\n\nGET /bytes/1 HTTP/1.1\nHost: a\n\n"));
    bench.finish(&mut slow, 0);
    assert_eq!((bench.streams[0].written.len(), bench.streams[0].is_closed), (300, false));
    bench.make_room(&mut slow, 0, 10_000);
    let got = text(&bench.streams[0].written);
    assert_eq!((got.matches("HTTP/1.1 200 OK").count(), bench.streams[0].is_closed), (2, true));
    bench.close(&mut slow, 0, CloseReason::Done);
    assert!(bench.timers.is_empty());
}
