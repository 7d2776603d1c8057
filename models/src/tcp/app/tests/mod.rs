//! Applications over streams, on a bench that plays their streams.

pub(crate) mod bench;

use super::message::message;
use super::*;
use crate::app::{App, StreamEvent, StreamId};
use crate::name::NodeName;
use crate::observe::{ExchangeId, Observation};
use crate::rope::{Rope, Run};
use crate::traffic::{SizeDistribution, TimeDistribution};
use bench::{Bench, local, peer, total};
use protosim_core::{Size, Span};

fn to() -> NodeName {
    NodeName("there".to_owned())
}

fn started(app: &mut dyn App, bench: &mut Bench) {
    app.on_start(bench);
}

fn outcomes(bench: &Bench) -> Vec<Outcome> {
    let ended = bench.observed.iter().filter_map(|observation| match observation {
        Observation::ExchangeEnded { outcome, .. } => Some(*outcome),
        _ => None,
    });
    ended.collect()
}

/// 1000 B in writes of 300 B into a stream with room for 700: 300, 300, 100 are taken. With room again 200 and then 100 follow,
/// the stream is finished, and the sink's FIN ends the exchange.
#[test]
fn a_source_offers_again_what_was_not_taken() {
    let config = TcpSourceConfig {
        bytes: Some(Size::from_bytes(1000)),
        write_size: Size::from_bytes(300),
        start: Span::from_millis(5),
        ..TcpSourceConfig::new(to(), 5001)
    };
    assert_eq!(config.check(), []);
    let (mut source, mut bench) = (TcpSource::new(config, peer()), Bench::new(700));
    started(&mut source, &mut bench);
    assert!(bench.streams.is_empty());
    assert_eq!(bench.advance(&mut source), 5_000_000);
    assert_eq!(bench.streams[0].written.len(), 700);
    source.on_stream(StreamId(0), StreamEvent::Connected, &mut bench);
    assert!(!bench.streams[0].is_finished);
    bench.make_room(&mut source, 0, 200);
    bench.make_room(&mut source, 0, 200);
    let &[Run::Fill { offset: 0, len: 1000, .. }] = bench.streams[0].written.runs() else {
        panic!("{:?}", bench.streams[0].written)
    };
    assert!(bench.streams[0].is_finished && !bench.streams[0].is_closed);
    bench.finish(&mut source, 0);
    assert!(bench.streams[0].is_closed);
    bench.close(&mut source, 0, CloseReason::Done);
    let exchange = ExchangeId { client: local(StreamId(0)), server: peer(), id: 0 };
    let ended = Observation::ExchangeEnded { exchange, outcome: Outcome::Response, transmissions: 1 };
    assert_eq!(bench.observed, [Observation::ExchangeStarted(exchange), ended]);
    for (name, value) in [
        ("flows", 1),
        ("connected_flows", 1),
        ("completed_flows", 1),
        ("failed_flows", 0),
        ("written_bytes", 1000),
        ("refused_calls", 0),
    ] {
        assert_eq!(total(&source, name), value, "{name}");
    }
}

/// A peer that has something to say is no sink: the alert of a server of TLS (RFC 8446 §6), and its end. The flow was not read, and is no response.
#[test]
fn a_flow_that_is_answered_has_failed() {
    for is_closed_at_once in [false, true] {
        let config = TcpSourceConfig { bytes: Some(Size::from_bytes(1000)), ..TcpSourceConfig::new(to(), 5001) };
        let (mut source, mut bench) = (TcpSource::new(config, peer()), Bench::new(2000));
        started(&mut source, &mut bench);
        bench.advance(&mut source);
        source.on_stream(StreamId(0), StreamEvent::Connected, &mut bench);
        assert!(bench.streams[0].is_finished);
        bench.receive(&mut source, 0, &Rope::from(vec![21, 3, 3, 0, 2, 2, 40]));
        if !is_closed_at_once {
            bench.finish(&mut source, 0);
        }
        bench.close(&mut source, 0, CloseReason::Done);
        assert_eq!(outcomes(&bench), [Outcome::ErrorResponse]);
        for (name, value) in [("completed_flows", 0), ("failed_flows", 1), ("unexpected_bytes", 7)] {
            assert_eq!(total(&source, name), value, "{name}");
        }
    }
}

/// The same alert for a client: no response has begun, and none of its bytes is of one.
#[test]
fn an_alert_is_no_response() {
    let (mut client, mut bench) = client(TcpClientConfig { count: Some(1), ..TcpClientConfig::new(to(), 80) });
    assert_eq!(bench.advance(&mut client), 0);
    bench.receive(&mut client, 0, &Rope::from(vec![21, 3, 3, 0, 2, 2, 40]));
    bench.finish(&mut client, 0);
    assert_eq!(outcomes(&bench), [Outcome::ErrorResponse]);
    assert!(!bench.observed.iter().any(|seen| matches!(seen, Observation::ResponseBegan(_))), "{:?}", bench.observed);
    for (name, value) in [("responses", 0), ("response_bytes", 0), ("broken_exchanges", 1)] {
        assert_eq!(total(&client, name), value, "{name}");
    }
}

/// Three flows, 10 ms apart, under three keys. The second is refused by the peer; the third is reset in the middle.
#[test]
fn flows_have_their_own_bytes_and_their_own_ends() {
    let config = TcpSourceConfig {
        bytes: Some(Size::from_bytes(100)),
        flows: 3,
        stagger: Span::from_millis(10),
        ..TcpSourceConfig::new(to(), 5001)
    };
    assert_eq!(config.check(), []);
    let (mut source, mut bench) = (TcpSource::new(config, peer()), Bench::new(60));
    started(&mut source, &mut bench);
    let opened: Vec<u64> = (0..3).map(|_| bench.advance(&mut source)).collect();
    assert_eq!(opened, [0, 10_000_000, 20_000_000]);
    let keys = bench.streams.iter().map(|stream| match stream.written.runs() {
        [Run::Fill { key, offset: 0, len: 60 }] => *key,
        other => panic!("{other:?}"),
    });
    let mut keys: Vec<u32> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 3);
    bench.close(&mut source, 1, CloseReason::Refused);
    bench.make_room(&mut source, 0, 40);
    bench.finish(&mut source, 0);
    // The sink has finished before it had everything.
    bench.finish(&mut source, 2);
    bench.close(&mut source, 2, CloseReason::Reset);
    assert_eq!(outcomes(&bench), [Outcome::Reset, Outcome::Response, Outcome::ErrorResponse]);
    assert_eq!((total(&source, "completed_flows"), total(&source, "failed_flows")), (1, 2));
    assert_eq!(source.exchanges_due(), 3);
}

/// Without an end there is no exchange; from `stop` on nothing is written, and the stream is finished.
#[test]
fn an_endless_source_stops_when_told() {
    let stop = Some(Span::from_secs(1));
    let config = TcpSourceConfig { stop, ..TcpSourceConfig::new(to(), 5001) };
    let (mut source, mut bench) = (TcpSource::new(config, peer()), Bench::new(1 << 20));
    started(&mut source, &mut bench);
    bench.advance(&mut source);
    assert_eq!(bench.streams[0].written.len(), 1 << 20);
    assert_eq!(bench.advance(&mut source), 1_000_000_000);
    assert!(bench.streams[0].is_finished);
    bench.make_room(&mut source, 0, 1000);
    assert_eq!(bench.streams[0].written.len(), 1 << 20);
    bench.finish(&mut source, 0);
    assert_eq!((bench.observed.len(), source.exchanges_due(), total(&source, "completed_flows")), (0, 0, 1));
}

#[test]
fn a_source_that_gets_no_connection_says_so() {
    let config = TcpSourceConfig { bytes: Some(Size::from_bytes(1)), ..TcpSourceConfig::new(to(), 5001) };
    let (mut source, mut bench) = (TcpSource::new(config, peer()), Bench::new(1));
    bench.refuses = true;
    started(&mut source, &mut bench);
    bench.advance(&mut source);
    assert_eq!((total(&source, "failed_flows"), total(&source, "refused_calls"), source.exchanges_due()), (1, 1, 1));
    assert!(bench.observed.is_empty());
}

/// 500 B that continue each other; then 100 B under another key, 50 B after a gap, and 4 real ones: 154 B are wrong.
#[test]
fn a_sink_checks_what_it_reads() {
    let (mut sink, mut bench) = (TcpSink::new(TcpSinkConfig::new(5001)), Bench::new(0));
    started(&mut sink, &mut bench);
    assert_eq!(bench.listens, [5001]);
    let stream = bench.accept(&mut sink, 5001).0;
    bench.receive(&mut sink, stream, &Rope::fill(7, 0, 200));
    bench.receive(&mut sink, stream, &Rope::fill(7, 200, 300));
    assert_eq!(total(&sink, "corrupted_bytes"), 0);
    bench.receive(&mut sink, stream, &Rope::fill(8, 500, 100));
    bench.receive(&mut sink, stream, &Rope::fill(7, 601, 50));
    bench.receive(&mut sink, stream, &Rope::from(vec![1, 2, 3, 4]));
    assert_eq!((total(&sink, "payload_bytes"), total(&sink, "corrupted_bytes")), (654, 154));
    let read = |bytes| Observation::Received { from: peer(), sent_at: None, bytes };
    assert_eq!(bench.observed, [200, 300, 100, 50, 4].map(read));
    bench.finish(&mut sink, stream);
    let exchange = ExchangeId { client: peer(), server: local(StreamId(stream)), id: 0 };
    assert_eq!(bench.observed.last(), Some(&Observation::RequestDelivered(exchange)));
    assert!(bench.streams[0].is_closed);
    assert_eq!((total(&sink, "completed_streams"), total(&sink, "broken_streams")), (1, 0));
}

/// Reading begins 3 ms after the connection. 16 KiB at 8 Mbit/s take 16.384 ms: of 40000 B it reads 16384 at 3 ms and at 19.384 ms,
/// the last 7232 at 35.768 ms, and is done with them at 43 ms, when it sees the end and closes.
#[test]
fn a_slow_sink_reads_at_its_rate() {
    let read_rate = "8 Mbit/s".parse().ok();
    let config = TcpSinkConfig { read_rate, read_after: Span::from_millis(3), ..TcpSinkConfig::new(5001) };
    let (mut sink, mut bench) = (TcpSink::new(config), Bench::new(0));
    started(&mut sink, &mut bench);
    let stream = bench.accept(&mut sink, 5001).0;
    bench.receive(&mut sink, stream, &Rope::fill(7, 0, 40_000));
    bench.finish(&mut sink, stream);
    let mut reads = Vec::new();
    while !bench.timers.is_empty() {
        reads.push((bench.advance(&mut sink), total(&sink, "payload_bytes"), bench.streams[0].is_closed));
    }
    let expected = [
        (3_000_000, 16_384, false),
        (19_384_000, 32_768, false),
        (35_768_000, 40_000, false),
        (43_000_000, 40_000, true),
    ];
    assert_eq!(reads, expected);
    assert_eq!(total(&sink, "corrupted_bytes"), 0);
}

fn client(config: TcpClientConfig) -> (TcpClient, Bench) {
    assert_eq!(config.check(), []);
    let (mut client, mut bench) = (TcpClient::new(config, peer()), Bench::new(1 << 20));
    started(&mut client, &mut bench);
    (client, bench)
}

/// The number of the n-th request that was written to a stream, each of 64 B.
fn number(bench: &Bench, stream: usize, n: u64) -> u64 {
    let header = bench.streams[stream].written.slice(64 * n, 8).to_bytes();
    u64::from_be_bytes(header.as_ref().try_into().unwrap())
}

/// Two exchanges over one connection, a second of thinking between them. The response of 100 B comes in two parts.
#[test]
fn a_client_asks_again_over_the_same_connection() {
    let (mut client, mut bench) = client(TcpClientConfig { count: Some(2), ..TcpClientConfig::new(to(), 80) });
    assert_eq!(bench.advance(&mut client), 0);
    let first = number(&bench, 0, 0);
    assert_eq!(bench.streams[0].written, message(first, 64));
    let response = message(first, 100);
    bench.receive(&mut client, 0, &response.slice(0, 10));
    assert!(outcomes(&bench).is_empty());
    bench.receive(&mut client, 0, &response.slice(10, 90));
    assert_eq!(outcomes(&bench), [Outcome::Response]);
    assert_eq!(bench.advance(&mut client), 1_000_000_000);
    let second = number(&bench, 0, 1);
    assert_eq!((bench.streams.len(), second), (1, first + 1));
    // A second response to the first request is to none that is open.
    bench.receive(&mut client, 0, &response);
    bench.receive(&mut client, 0, &message(second, 16));
    assert!(bench.streams[0].is_closed && bench.timers.is_empty());
    let numbers = ["connections", "requests", "responses", "unexpected_responses", "corrupted_bytes"]
        .map(|name| total(&client, name));
    assert_eq!(numbers, [1, 2, 2, 1, 0]);
}

#[test]
fn each_exchange_may_have_its_own_connection() {
    let connections = Connections::Each;
    let (mut client, mut bench) =
        client(TcpClientConfig { count: Some(2), connections, ..TcpClientConfig::new(to(), 80) });
    bench.advance(&mut client);
    let first = number(&bench, 0, 0);
    bench.receive(&mut client, 0, &message(first, 16));
    assert!(bench.streams[0].is_closed);
    bench.advance(&mut client);
    let started = bench.observed.iter().filter_map(|observation| match observation {
        Observation::ExchangeStarted(id) => Some((id.client, id.id)),
        _ => None,
    });
    assert_eq!(started.collect::<Vec<_>>(), [(local(StreamId(0)), first), (local(StreamId(1)), first + 1)]);
}

/// 64 B in three pieces: 21 B, then up to 42 B 2 ms later, then the rest.
#[test]
fn a_request_may_be_written_in_pieces() {
    let config = TcpClientConfig {
        writes: 3,
        write_gap: Some(Span::from_millis(2)),
        count: Some(1),
        ..TcpClientConfig::new(to(), 80)
    };
    let (mut client, mut bench) = client(config);
    let mut written = vec![(bench.advance(&mut client), bench.streams[0].written.len())];
    for _ in 0..2 {
        written.push((bench.advance(&mut client), bench.streams[0].written.len()));
    }
    assert_eq!(written, [(0, 21), (2_000_000, 42), (4_000_000, 64)]);
    // What is left is the time-out.
    assert_eq!(bench.timers.len(), 1);
}

/// No answer for 60 s: the connection is given up, and the next exchange opens another. That one is refused; the third is cut off
/// by the server's FIN, the fourth by garbage.
#[test]
fn exchanges_end_with_their_connections() {
    let (mut client, mut bench) = client(TcpClientConfig { count: Some(4), ..TcpClientConfig::new(to(), 80) });
    bench.advance(&mut client);
    assert_eq!(bench.advance(&mut client), 60_000_000_000);
    assert!(bench.streams[0].is_aborted);
    bench.close(&mut client, 0, CloseReason::Aborted);
    assert_eq!(bench.advance(&mut client), 61_000_000_000);
    bench.close(&mut client, 1, CloseReason::Refused);
    bench.advance(&mut client);
    bench.finish(&mut client, 2);
    bench.advance(&mut client);
    bench.receive(&mut client, 3, &Rope::from(vec![0; 16]));
    let expected = [Outcome::TimedOut, Outcome::Reset, Outcome::ErrorResponse, Outcome::ErrorResponse];
    assert_eq!(outcomes(&bench), expected);
    assert_eq!((total(&client, "timed_out"), total(&client, "broken_exchanges")), (1, 2));
}

/// Two requests in one read, 10 ms of processing each; the response of 1000 B does not fit at once. The client's FIN comes before
/// the answers: the server finishes after them.
#[test]
fn a_server_answers_all_before_it_finishes() {
    let config = TcpServerConfig {
        response: SizeDistribution::Fixed(Size::from_bytes(1000)),
        processing: TimeDistribution::Fixed(Span::from_millis(10)),
        ..TcpServerConfig::new(80)
    };
    assert_eq!(config.check(), []);
    let (mut server, mut bench) = (TcpServer::new(config), Bench::new(1500));
    started(&mut server, &mut bench);
    let stream = bench.accept(&mut server, 80).0;
    let mut both = message(1, 64);
    both.append(&message(2, 16));
    bench.receive(&mut server, stream, &both);
    bench.finish(&mut server, stream);
    let delivered = |id| Observation::RequestDelivered(ExchangeId { client: peer(), server: local(StreamId(0)), id });
    assert_eq!(bench.observed, [delivered(1), delivered(2)]);
    assert!(bench.streams[0].written.is_empty());
    assert_eq!(bench.advance(&mut server), 10_000_000);
    assert_eq!(bench.advance(&mut server), 10_000_000);
    assert_eq!((bench.streams[0].written.len(), bench.streams[0].is_closed), (1500, false));
    bench.make_room(&mut server, stream, 10_000);
    let mut answers = message(1, 1000);
    answers.append(&message(2, 1000));
    assert_eq!((&bench.streams[0].written, bench.streams[0].is_closed), (&answers, true));
    assert_eq!(
        (total(&server, "requests"), total(&server, "responses"), total(&server, "response_bytes")),
        (2, 2, 2000)
    );
}

#[test]
fn a_server_resets_what_sends_no_requests() {
    let (mut server, mut bench) = (TcpServer::new(TcpServerConfig::new(80)), Bench::new(1500));
    started(&mut server, &mut bench);
    let stream = bench.accept(&mut server, 80).0;
    bench.receive(&mut server, stream, &Rope::fill(0xdead_beef, 0, 100));
    assert!(bench.streams[0].is_aborted);
    assert_eq!((total(&server, "malformed_streams"), total(&server, "responses")), (1, 0));
}
