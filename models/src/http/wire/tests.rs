//! Messages against RFC 9112, and properties of all streams.

use super::*;
use crate::rope::{Rope, Run};
use proptest::prelude::*;

/// A text with its line ends written as `\n`.
fn lines(text: &str) -> Rope {
    Rope::from(text.replace('\n', "\r\n").into_bytes())
}

fn hex(text: &str) -> Rope {
    Rope::from(text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect::<Vec<u8>>())
}

/// Parts with neighbouring pieces of a body joined, which depend on how the stream is cut.
fn joined<H>(parts: Vec<Part<H>>) -> Vec<Part<H>> {
    let mut all: Vec<Part<H>> = Vec::new();
    for part in parts {
        match (all.last_mut(), part) {
            (Some(Part::Body(body)), Part::Body(more)) => body.append(&more),
            (_, part) => all.push(part),
        }
    }
    all
}

fn requests(data: &Rope) -> (Vec<Part<RequestHead>>, Option<Fault>) {
    let (mut reader, mut out) = (RequestReader::default(), Vec::new());
    let fed = reader.feed(data, &mut out).and_then(|()| reader.finish(&mut out));
    (joined(out), fed.err())
}

fn responses(methods: &[Method], data: &Rope) -> (Vec<Part<ResponseHead>>, Option<Fault>) {
    let (mut reader, mut out) = (ResponseReader::default(), Vec::new());
    methods.iter().for_each(|method| reader.expect(method.clone()));
    let fed = reader.feed(data, &mut out).and_then(|()| reader.finish(&mut out));
    (joined(out), fed.err())
}

/// The bodies of messages that are whole.
fn bodies<H>(parts: &[Part<H>]) -> Vec<String> {
    let (mut all, mut body) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            Part::Head(_) => body = Vec::new(),
            Part::Body(data) => data.write_to(&mut body),
            Part::End { .. } => all.push(String::from_utf8_lossy(&body).into_owned()),
        }
    }
    all
}

fn end<H>() -> Part<H> {
    Part::End { trailers: Fields::new() }
}

fn get(fields: &[(&str, &str)]) -> RequestHead {
    let fields = fields.iter().map(|(name, value)| (*name, *value)).collect();
    RequestHead { method: Method::Get, target: "/".to_owned(), version: Version::Http11, fields }
}

/// `GET / HTTP/1.1`, `Host: a`: 27 bytes that Wireshark dissects so.
#[test]
fn the_shortest_request() {
    let data = hex("47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a 48 6f 73 74 3a 20 61 0d 0a 0d 0a");
    let head = get(&[("Host", "a")]);
    assert_eq!(requests(&data), (vec![Part::Head(head.clone()), end()], None));
    assert_eq!((head.encode(), head.encode().len()), (data.to_bytes().to_vec(), 27));
}

#[test]
fn a_response_with_its_length() {
    let data = hex(
        "48 54 54 50 2f 31 2e 31 20 32 30 30 20 4f 4b 0d 0a 43 6f 6e 74 65 6e 74 2d 4c 65 6e 67 74 68 3a 20 35 0d 0a \
                    0d 0a 68 65 6c 6c 6f",
    );
    let mut head = ResponseHead::new(200);
    head.fields.push("Content-Length", "5");
    let hello = Part::Body(Rope::from(b"hello".to_vec()));
    assert_eq!(responses(&[Method::Get], &data), (vec![Part::Head(head.clone()), hello, end()], None));
    let mut bytes = head.encode();
    bytes.extend(b"hello");
    assert_eq!((bytes.len(), bytes.as_slice()), (43, data.to_bytes().as_ref()));
}

/// Two chunks, the second with an extension.
#[test]
fn a_chunked_response() {
    let data = hex(
        "48 54 54 50 2f 31 2e 31 20 32 30 30 20 4f 4b 0d 0a 54 72 61 6e 73 66 65 72 2d 45 6e 63 6f 64 69 6e 67 3a 20 63 68 \
                    75 6e 6b 65 64 0d 0a 0d 0a 34 0d 0a 57 69 6b 69 0d 0a 35 3b 78 3d 79 0d 0a 70 65 64 69 61 0d 0a 30 0d 0a 0d 0a",
    );
    assert_eq!(data.len(), 75);
    let (parts, fault) = responses(&[Method::Get], &data);
    assert_eq!((bodies(&parts), fault), (vec!["Wikipedia".to_owned()], None));
}

/// The eight rules of RFC 9112 §6.3 for responses: what is the body, and does the next response follow?
#[test]
fn the_length_of_a_response_is_decided_in_order() {
    let next = "HTTP/1.1 204 No Content\n\n";
    let table = [
        // Rule 1: none at all, whatever fields say.
        (Method::Head, "HTTP/1.1 200 OK\nContent-Length: 5\n\n", "", true),
        (Method::Head, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n", "", true),
        (Method::Get, "HTTP/1.1 304 Not Modified\nContent-Length: 5\n\n", "", true),
        (Method::Get, "HTTP/1.1 204 No Content\nContent-Length: 5\n\n", "", true),
        // Rule 2.
        (Method::Connect, "HTTP/1.1 200 OK\nContent-Length: 1\n\nab", "ab", false),
        // Rules 3 and 4.
        (Method::Get, "HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked\n\n2\nab\n0\n\n", "ab", true),
        (Method::Get, "HTTP/1.1 200 OK\nTransfer-Encoding: gzip\nContent-Length: 1\n\nab", "ab", false),
        (Method::Get, "HTTP/1.1 200 OK\nContent-Length: 9\nTransfer-Encoding: chunked\n\n2\nab\n0\n\n", "ab", true),
        // Rules 5 and 6: equal lengths are one.
        (Method::Get, "HTTP/1.1 200 OK\nContent-Length: 2, 2\nContent-Length: 2\n\nab", "ab", true),
        (Method::Get, "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "", true),
        // Rule 8.
        (Method::Get, "HTTP/1.1 200 OK\n\nab", "ab", false),
    ];
    for (method, text, body, is_followed) in table {
        let data = lines(&format!("{text}{next}"));
        let (parts, fault) = responses(&[method, Method::Get], &data);
        let expected = match is_followed {
            true => vec![body.to_owned(), String::new()],
            false => vec![format!("{body}{}", next.replace('\n', "\r\n"))],
        };
        assert_eq!((bodies(&parts), fault), (expected, None), "{text}");
    }
    for text in
        ["HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 3\n\nab", "HTTP/1.1 200 OK\nContent-Length: -1\n\n"]
    {
        assert!(responses(&[Method::Get], &lines(text)).1.is_some(), "{text}");
    }
}

/// 100 Continue and 103 Early Hints come before the final response, and use up no request; without a request there is no response.
#[test]
fn interim_responses_come_before_the_final_one() {
    let text =
        "HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nLink: </a>\n\nHTTP/1.1 200 OK\nContent-Length: 1\n\na";
    let (parts, fault) = responses(&[Method::Post], &lines(text));
    assert_eq!((bodies(&parts), fault), (vec![String::new(), String::new(), "a".to_owned()], None));
    assert!(responses(&[], &lines("HTTP/1.1 200 OK\n\n")).1.is_some());
    assert!(responses(&[Method::Get], &lines("HTTP/1.1 101 Switching Protocols\n\n")).1.is_some());
}

/// What a client reads although it is not as it should be: no space behind the code, a fold, space before a colon, LF alone.
#[test]
fn a_client_is_lenient() {
    let data = Rope::from(b"HTTP/1.1 200\r\nA: b\r\n\t c\r\nContent-Length : 1\n\nx".to_vec());
    let (parts, fault) = responses(&[Method::Get], &data);
    let Part::Head(head) = &parts[0] else { panic!("{parts:?}") };
    assert_eq!((head.fields.text("a"), bodies(&parts), fault), (Some("b c"), vec!["x".to_owned()], None));
}

/// What a server refuses, and how.
#[test]
fn a_server_refuses_what_it_cannot_be_sure_of() {
    let table = [
        // RFC 9112 §3.2.
        ("GET / HTTP/1.1\n\n", 400),
        ("GET / HTTP/1.1\nHost: a\nHost: a\n\n", 400),
        ("GET / HTTP/1.1\nHost: a b\n\n", 400),
        ("GET / HTTP/1.0\nHost: a\nHost: b\n\n", 400),
        // RFC 9112 §6.1, §6.3.
        ("POST / HTTP/1.1\nHost: a\nContent-Length: 3\nTransfer-Encoding: chunked\n\n0\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nContent-Length: 3\nContent-Length: 4\n\nabcd", 400),
        ("POST / HTTP/1.1\nHost: a\nContent-Length: 3, 4\n\nabcd", 400),
        ("POST / HTTP/1.1\nHost: a\nContent-Length: +3\n\nabc", 400),
        ("POST / HTTP/1.1\nHost: a\nContent-Length: 3 3\n\nabc", 400),
        ("POST / HTTP/1.1\nHost: a\nContent-Length:\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nContent-Length: 99999999999999999999\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked, gzip\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked, chunked\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: identity\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: xchunked\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding:\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: gzip, chunked\n\n", 501),
        ("POST / HTTP/1.0\nTransfer-Encoding: chunked\n\n0\n\n", 400),
        // RFC 9112 §2.2, §5.1, §5.2.
        ("GET / HTTP/1.1\n Host: a\n\n", 400),
        ("GET / HTTP/1.1\nHost : a\n\n", 400),
        ("GET / HTTP/1.1\nHost: a\nA: b\n c\n\n", 400),
        ("GET / HTTP/1.1\nHost: a\n: b\n\n", 400),
        ("GET / HTTP/1.1\nHost: a\nA\n\n", 400),
        ("GET / HTTP/1.1\nHost: a\nA: b\rc\n\n", 400),
        ("GET / HTTP/1.1\nHost: a\nA: b\0c\n\n", 400),
        // RFC 9112 §2.3, §3.
        ("GET /\n\n", 400),
        ("GET  / HTTP/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/1.1 \nHost: a\n\n", 400),
        ("G@T / HTTP/1.1\nHost: a\n\n", 400),
        ("GET x HTTP/1.1\nHost: a\n\n", 400),
        ("GET * HTTP/1.1\nHost: a\n\n", 400),
        ("GET /\u{e4} HTTP/1.1\nHost: a\n\n", 400),
        ("GET / http/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/2.0\nHost: a\n\n", 505),
        ("PRI * HTTP/2.0\n\nSM\n\n", 505),
        // RFC 9112 §7.1.
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n0x2\nab\n0\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n-1\nab\n0\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n;x\nab\n0\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n2\nabc\n0\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n10000000000000000\na", 413),
    ];
    for (text, status) in table {
        assert_eq!(requests(&lines(text)).1.map(|fault| fault.status), Some(status), "{text:?}");
    }
    // LF alone ends a line of a head, and none of the chunked coding.
    assert_eq!(requests(&Rope::from(b"\r\n\nGET / HTTP/1.1\nHost: a\n\n".to_vec())).1, None);
    for end in ["2\nab\r\n0\r\n\r\n", "2\r\nab\n0\r\n\r\n", "2\r\nab\r\n0\r\n\n"] {
        let text = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{end}");
        assert_eq!(requests(&Rope::from(text.into_bytes())).1.map(|fault| fault.status), Some(400), "{end:?}");
    }
}

/// What is right is not refused: all forms of targets, lists in any case, chunk sizes in any case, trailers.
#[test]
fn a_server_takes_what_is_right() {
    let table = [
        ("GET http://a:80/b?c HTTP/1.1\nHost: a\n\n", "/b?c", ""),
        ("GET http://a HTTP/1.1\nHost: a\n\n", "/", ""),
        ("OPTIONS * HTTP/1.1\nHost: a\n\n", "*", ""),
        ("CONNECT a:443 HTTP/1.1\nHost: a\n\n", "a:443", ""),
        ("GET / HTTP/1.0\n\n", "/", ""),
        ("GET / HTTP/1.7\nHost:\n\n", "/", ""),
        ("POST / HTTP/1.1\nHost: a\ncontent-length:\t 2 \n\nab", "/", "ab"),
        (
            "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: Chunked\n\n00A\n0123456789\n1 ;a=\"b\"\nx\n0\nB: c\n\n",
            "/",
            "0123456789x",
        ),
    ];
    for (text, path, body) in table {
        let (parts, fault) = requests(&lines(text));
        let Some(Part::Head(head)) = parts.first() else { panic!("{text}: {fault:?}") };
        assert_eq!((head.path_and_query(), bodies(&parts), fault), (path, vec![body.to_owned()], None), "{text}");
    }
    let (parts, _) = requests(&lines(table[7].0));
    let trailers: Fields = [("B", "c")].into_iter().collect();
    assert_eq!(parts.last(), Some(&Part::End { trailers }));
}

/// 8 KiB of a line, 100 fields, 32 KiB of a head: one more is too much.
#[test]
fn heads_have_limits() {
    let status = |text: String| requests(&lines(&text)).1.map(|fault| fault.status);
    let target = |len: usize| format!("GET /{} HTTP/1.1\nHost: a\n\n", "x".repeat(len));
    // "GET /" and " HTTP/1.1" are 14 bytes.
    assert_eq!([status(target(8192 - 14)), status(target(8192 - 13))], [None, Some(414)]);
    let field = |len: usize| format!("GET / HTTP/1.1\nHost: a\nA: {}\n\n", "x".repeat(len));
    assert_eq!([status(field(8192 - 3)), status(field(8192 - 2))], [None, Some(431)]);
    let many = |count: usize| format!("GET / HTTP/1.1\nHost: a\n{}\n", "A: b\n".repeat(count));
    assert_eq!([status(many(99)), status(many(100))], [None, Some(431)]);
    // 16 + 9 bytes, and 31 fields of 1024 + 5: 31924 of 32768; 839 more are 842 with its name, 844 with its end: 32768.
    let long = |last: usize| {
        let fields = format!("A: {}\n", "x".repeat(1024)).repeat(31);
        format!("GET / HTTP/1.1\nHost: a\n{fields}A: {}\n\n", "x".repeat(last))
    };
    assert_eq!([status(long(839)), status(long(840))], [None, Some(431)]);
    // A line without an end is refused before it has come, whatever it consists of.
    assert_eq!(requests(&Rope::fill(0, 0, 1 << 40)).1.map(|fault| fault.status).map(|status| status / 100), Some(4));
}

#[test]
fn connections_go_on_as_both_say() {
    let keeps = |version: &str, connection: &str| {
        let (parts, _) = requests(&lines(&format!("GET / HTTP/{version}\nHost: a\n{connection}\n")));
        let Some(Part::Head(head)) = parts.first() else { panic!("{parts:?}") };
        head.keeps_alive()
    };
    assert!(keeps("1.1", "") && keeps("1.1", "Connection: keep-alive\n") && keeps("1.0", "Connection: Keep-Alive\n"));
    assert!(!keeps("1.0", "") && !keeps("1.1", "Connection: upgrade, Close\n"));
    assert!(!keeps("1.0", "Connection: keep-alive\nConnection: close\n"));
}

#[test]
fn a_message_that_is_cut_off_is_none() {
    let cut = ["GET / HT", "GET / HTTP/1.1\nHost: a\n", "POST / HTTP/1.1\nHost: a\nContent-Length: 3\n\nab"];
    for text in cut {
        assert!(requests(&lines(text)).1.is_some(), "{text}");
    }
    let (parts, fault) = responses(&[Method::Get], &lines("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nab\n"));
    assert!(bodies(&parts).is_empty() && fault.is_some());
}

/// 200000 B in chunks of 4096 B: 48 whole ones with 4 digits and two line ends, 8 B each, are 196608 B; 3392 B are `d40`, 7 B around
/// them; and 5 B of the end: 396 B more.
#[test]
fn what_chunks_add() {
    let mut chunks = ChunkedBody::new(Rope::fill(7, 0, 200_000), 4096);
    let mut data = Rope::new();
    while let Some(chunk) = chunks.next_chunk() {
        data.append(&chunk);
    }
    assert_eq!(data.len(), 200_396);
    let mut stream = lines("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n");
    stream.append(&data);
    let (parts, fault) = responses(&[Method::Get], &stream);
    let expected = Part::Body(Rope::fill(7, 0, 200_000));
    assert_eq!((parts.len(), &parts[1], fault), (3, &expected, None));
}

/// A virtual body goes through as it is, however long.
#[test]
fn bodies_are_not_flattened() {
    let mut stream = lines("POST / HTTP/1.1\nHost: a\nContent-Length: 1099511627776\n\n");
    stream.push(Run::Fill { key: 3, offset: 0, len: 1 << 40 });
    let (parts, fault) = requests(&stream);
    assert_eq!((&parts[1], fault), (&Part::Body(Rope::fill(3, 0, 1 << 40)), None));
}

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}"
}

fn other_fields() -> impl Strategy<Value = Vec<(String, String)>> {
    // No field that has to do with framing or hosts.
    prop::collection::vec(("X-[A-Za-z0-9]{1,9}", "([!-~]([ -~]{0,20}[!-~])?)?"), 0..6)
}

fn any_request() -> impl Strategy<Value = (RequestHead, Rope, bool)> {
    let method = prop_oneof![Just(Method::Get), Just(Method::Post), Just(Method::Delete)];
    let body = prop_oneof![
        Just(Rope::new()),
        prop::collection::vec(any::<u8>(), 1..60).prop_map(Rope::from),
        (0_u32..4, 0_u64..1000, 1_u64..500).prop_map(|(key, offset, len)| Rope::fill(key, offset, len)),
    ];
    (method, "/[a-z0-9?=]{0,20}", other_fields(), body, any::<bool>()).prop_map(
        |(method, target, fields, body, chunks)| {
            let mut head =
                RequestHead { method, target, version: Version::Http11, fields: fields.into_iter().collect() };
            head.fields.push("Host", "example.com");
            match (chunks, body.len()) {
                (true, _) => head.fields.push("Transfer-Encoding", "chunked"),
                (false, 0) => {}
                (false, len) => head.fields.push("Content-Length", len.to_string()),
            }
            (head, body, chunks)
        },
    )
}

/// One stream of messages, and its parts.
fn stream_of(messages: &[(RequestHead, Rope, bool)], chunk: u64) -> (Rope, Vec<Part<RequestHead>>) {
    let (mut stream, mut parts) = (Rope::new(), Vec::new());
    for (head, body, chunks) in messages {
        stream.append(&Rope::from(head.encode()));
        parts.push(Part::Head(head.clone()));
        if *chunks {
            let mut coded = ChunkedBody::new(body.clone(), chunk);
            while let Some(chunk) = coded.next_chunk() {
                stream.append(&chunk);
            }
        } else {
            stream.append(body);
        }
        if !body.is_empty() {
            parts.push(Part::Body(body.clone()));
        }
        parts.push(end());
    }
    (stream, parts)
}

proptest! {
    /// What was encoded is read, however the stream is cut.
    #[test]
    fn cuts_do_not_matter(
        messages in prop::collection::vec(any_request(), 1..5),
        chunk in 1_u64..70,
        cuts in prop::collection::vec(1_u64..50, 1..40),
    ) {
        let (stream, expected) = stream_of(&messages, chunk);
        prop_assert!(messages.iter().all(|(head, ..)| head.wire_len() == head.encode().len() as u64));
        let (mut reader, mut parts, mut at) = (RequestReader::default(), Vec::new(), 0);
        for cut in cuts.iter().cycle() {
            if at >= stream.len() {
                break;
            }
            prop_assert_eq!(reader.feed(&stream.slice(at, *cut), &mut parts), Ok(()));
            at += cut;
        }
        prop_assert_eq!(reader.finish(&mut parts), Ok(()));
        // Bodies as bytes: a run of real bytes that was cut is two.
        let flat = |parts: Vec<Part<RequestHead>>| -> Vec<Part<RequestHead>> {
            let flat = |part| match part {
                Part::Body(body) => Part::Body(Rope::from(body.to_bytes())),
                other => other,
            };
            joined(parts).into_iter().map(flat).collect()
        };
        prop_assert_eq!(flat(parts), flat(expected));
    }

    /// No bytes make a reader panic, and cuts change neither what is read nor what is wrong.
    #[test]
    fn any_bytes_are_read_or_refused(
        start in prop::sample::select(vec![
            "", "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5",
        ]),
        rest in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"\r\n :;01a".to_vec())], 0..120),
        cut in 1_u64..40,
    ) {
        let data = Rope::from([start.as_bytes(), &rest].concat());
        let (mut whole, mut first) = (RequestReader::default(), Vec::new());
        let fed = whole.feed(&data, &mut first);
        let (mut pieces, mut second) = (RequestReader::default(), Vec::new());
        let pieced = (0..data.len().div_ceil(cut)).try_for_each(|i| pieces.feed(&data.slice(i * cut, cut), &mut second));
        prop_assert_eq!(fed, pieced);
        let flat = |parts: Vec<Part<RequestHead>>| format!("{:?}", bodies(&parts));
        prop_assert_eq!(flat(first), flat(second));
        let (mut reader, mut out) = (ResponseReader::default(), Vec::new());
        reader.expect(Method::Get);
        let _ = reader.feed(&data, &mut out);
        let _ = reader.finish(&mut out);
    }

    /// Any token is a method, and a response head reads as it was written.
    #[test]
    fn heads_are_read_as_written(method in token(), status in 200_u16..1000, reason in "[ -~]{0,20}", fields in other_fields()) {
        let head = ResponseHead {
            version: Version::Http10,
            status,
            reason: reason.into_bytes(),
            fields: fields.into_iter().collect(),
        };
        prop_assert_eq!(head.wire_len(), head.encode().len() as u64);
        let (parts, _) = responses(&[Method::Get], &Rope::from(head.encode()));
        prop_assert_eq!(parts.first(), Some(&Part::Head(head)));
        let request = lines(&format!("{method} / HTTP/1.1\nHost: a\n\n"));
        let (parts, _) = requests(&request);
        let is_it = matches!(parts.first(), Some(Part::Head(head)) if head.method.name() == method);
        // CONNECT has another form of target.
        prop_assert!(is_it || method == "CONNECT");
    }
}
