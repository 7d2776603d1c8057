//! A client with a cache, against answers that a test gives.

use super::*;

fn caching(count: u64) -> (HttpClient, Bench) {
    let (mut own, mut bench) = client(HttpClientConfig { cache: true, count: Some(count), ..client_config() });
    bench.advance(&mut own);
    connect(&mut bench, &mut own, 0);
    (own, bench)
}

/// Fresh for 2 s from 0 s on: at 1 s nothing is sent, at 2 s it is asked whether it has changed, and 304 makes it fresh again.
#[test]
fn what_is_fresh_is_not_asked_for() {
    let (mut own, mut bench) = caching(5);
    let fields = "Date: Thu, 01 Jan 2026 00:00:00 GMT\nETag: \"1\"\nCache-Control: max-age=2\n";
    let mut response = lines(&format!("HTTP/1.1 200 OK\nContent-Length: 50\n{fields}\n"));
    response.append(&Rope::fill(crate::http::content::key("/", Some(b"\"1\"")), 0, 50));
    bench.receive(&mut own, 0, &response);
    assert_eq!((bench.advance(&mut own), asked(&bench, 0).len()), (1_000 * MS, 1));
    assert_eq!(outcomes(&bench), [(Outcome::Response, 1), (Outcome::Response, 0)]);
    assert_eq!((bench.advance(&mut own), asked(&bench, 0).len()), (2_000 * MS, 2));
    assert_eq!(asked(&bench, 0)[1].fields.text("if-none-match"), Some("\"1\""));
    bench.receive(
        &mut own,
        0,
        &lines("HTTP/1.1 304 Not Modified\nDate: Thu, 01 Jan 2026 00:00:02 GMT\nETag: \"1\"\n\n"),
    );
    assert_eq!((bench.advance(&mut own), asked(&bench, 0).len()), (3_000 * MS, 2));
    assert_eq!((bench.advance(&mut own), asked(&bench, 0).len()), (4_000 * MS, 3));
    let names = ["requests", "responses", "cache_hits", "not_modified_responses", "corrupted_bytes"];
    assert_eq!(totals(&own, names), [3, 2, 2, 1, 0]);
}

/// Without a cache each request is sent, and has no condition.
#[test]
fn without_a_cache_all_is_asked_for() {
    let (mut own, mut bench) = client(HttpClientConfig { count: Some(2), ..client_config() });
    bench.advance(&mut own);
    connect(&mut bench, &mut own, 0);
    bench.receive(&mut own, 0, &lines("HTTP/1.1 200 OK\nContent-Length: 0\nETag: \"1\"\nCache-Control: max-age=9\n\n"));
    bench.advance(&mut own);
    assert_eq!(asked(&bench, 0).len(), 2);
    assert_eq!(asked(&bench, 0)[1].fields.get("if-none-match"), None);
}

/// A page of which all but the document is fresh: one request for each further load, and the same page each time.
#[test]
fn a_page_is_the_same_each_time() {
    let levels = vec![LevelConfig { objects: CountDistribution::Uniform { low: 2, high: 50 }, size: fixed(10) }];
    let page = PageConfig { document: fixed(10), levels, parse: TimeDistribution::Fixed(Span::ZERO) };
    let config =
        HttpClientConfig { page: Some(page), cache: true, count: Some(3), connections: Some(1), ..client_config() };
    let (mut own, mut bench) = client(config);
    bench.advance(&mut own);
    connect(&mut bench, &mut own, 0);
    let document = lines("HTTP/1.1 200 OK\nContent-Length: 0\nCache-Control: no-cache\nETag: \"1\"\n\n");
    let object = lines("HTTP/1.1 200 OK\nContent-Length: 0\nCache-Control: max-age=100\n\n");
    bench.receive(&mut own, 0, &document);
    let mut objects = 0;
    while outcomes(&bench).is_empty() {
        bench.receive(&mut own, 0, &object);
        objects += 1;
    }
    assert!((2..=50).contains(&objects));
    bench.advance(&mut own);
    let targets: Vec<String> = asked(&bench, 0).into_iter().map(|head| head.target).collect();
    assert_eq!((targets.len(), &targets[0]), (objects + 2, &targets[objects + 1]));
    bench.receive(&mut own, 0, &lines("HTTP/1.1 304 Not Modified\nETag: \"1\"\n\n"));
    assert_eq!(outcomes(&bench), [(Outcome::Response, 1); 2]);
    assert_eq!(totals(&own, ["cache_hits"]), [objects as u64]);
}
