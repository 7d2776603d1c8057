//! Streams over real sockets: our applications against each other, and against sockets of the standard library.

use super::sockets::{Input, Sockets};
use super::{LiveError, Options, Outcome, Session, SocketOptions, parse_app};
use protosim_core::{LocalTime, Span};
use protosim_models::Rope;
use protosim_models::app::{HostError, StreamEvent, StreamId};
use protosim_models::tcp::{CloseReason, Parameters, Profile, State};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Longer than any of these tests takes.
const FUSE: Options = Options { bind: LOCAL, duration: Some(Span::from_secs(120)), seed: 1, keeps_secrets: false };
/// More than systems buffer for a connection, and less than a peer could write in the time of a test \[bytes\].
const PLENTY: u64 = 256 << 20;

/// An application that listens, in a thread of its own.
struct Server {
    port: u16,
    is_enough: Arc<AtomicBool>,
    thread: JoinHandle<Outcome>,
}

impl Server {
    /// `config` with a port that is free put in for `PORT`. It can be connected to when this returns.
    fn start(config: &str) -> Self {
        // Another program may take the port between the look and the use of it: then another one is looked for.
        let (port, session) = (0..20)
            .find_map(|_| {
                let port = TcpListener::bind((LOCAL, 0)).unwrap().local_addr().unwrap().port();
                let app = parse_app(&config.replace("PORT", &port.to_string()), false).unwrap();
                Some((port, Session::open(&app, FUSE).ok()?))
            })
            .unwrap();
        let is_enough = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_enough);
        let thread = std::thread::spawn(move || session.run(|_| (), || told.load(Ordering::Relaxed)).unwrap());
        Self { port, is_enough, thread }
    }

    fn stop(self) -> Outcome {
        self.is_enough.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Runs an application that connects to `port`, which is put in for `PORT`: what came of it, and its lines.
fn run(config: &str, port: u16, options: Options) -> (Outcome, Vec<String>) {
    let app = parse_app(&config.replace("PORT", &format!("to: \"127.0.0.1\", port: {port}")), false).unwrap();
    let mut lines = Vec::new();
    let outcome = super::run(&app, options, |line| lines.push(line)).unwrap();
    (outcome, lines)
}

fn total(outcome: &Outcome, name: &str) -> u64 {
    outcome.totals.iter().find(|total| total.name == name).unwrap().value
}

/// 20 requests of 1000 bytes, each in two pieces, and as many responses of 300 kB, over one connection and over one for each.
#[test]
fn our_client_is_answered_by_our_server() {
    for (connections, expected) in [("One", 1), ("Each", 20)] {
        let server = Server::start("TcpServer(port: PORT, response: \"300 kB\", processing: \"1 ms\")");
        let client = format!(
            "TcpClient(PORT, request: \"1000 B\", think: \"1 ms\", count: 20, writes: 2, connections: {connections})"
        );
        let (outcome, lines) = run(&client, server.port, FUSE);
        assert_eq!((outcome.exchanges, outcome.answered), (20, 20), "{lines:?}");
        let count = |name| total(&outcome, name);
        assert_eq!((count("connections"), count("response_bytes"), count("corrupted_bytes")), (expected, 6_000_000, 0));
        assert_eq!((count("broken_exchanges"), count("refused_calls")), (0, 0));
        let served = server.stop();
        let count = |name| total(&served, name);
        assert_eq!((count("connections"), count("requests"), count("request_bytes")), (expected, 20, 20_000));
        assert_eq!((count("corrupted_bytes"), count("malformed_streams"), count("refused_calls")), (0, 0, 0));
    }
}

/// Three pages of a document of 20 kB and 12 objects of 50 kB over six connections: 3 * (20 + 12 * 50) kB of content.
#[test]
fn pages_are_loaded_over_http() {
    let server = Server::start("HttpServer(port: PORT)");
    let page = "page: (document: \"20 kB\", levels: [(objects: 12, size: \"50 kB\")])";
    let (outcome, lines) = run(&format!("HttpClient(PORT, {page}, think: \"1 ms\", count: 3)"), server.port, FUSE);
    assert_eq!((outcome.exchanges, outcome.answered), (3, 3), "{lines:?}");
    let count = |name| total(&outcome, name);
    assert_eq!((count("responses"), count("content_bytes"), count("corrupted_bytes")), (39, 1_860_000, 0));
    assert_eq!((count("broken_requests"), count("refused_calls")), (0, 0));
    let served = server.stop();
    assert_eq!((total(&served, "responses"), total(&served, "malformed_requests")), (39, 0));
}

/// Four flows of 25 MB: every byte is there, and is what was sent.
#[test]
fn a_hundred_megabytes_arrive_over_several_flows() {
    let sink = Server::start("TcpSink(port: PORT)");
    let (sent, lines) = run("TcpSource(PORT, bytes: \"25 MB\", flows: 4, stagger: \"5 ms\")", sink.port, FUSE);
    assert_eq!((sent.exchanges, sent.answered), (4, 4), "{lines:?}");
    assert_eq!((total(&sent, "written_bytes"), total(&sent, "refused_calls")), (100_000_000, 0));
    let taken = sink.stop();
    let count = |name| total(&taken, name);
    assert_eq!((count("connections"), count("completed_streams"), count("broken_streams")), (4, 4, 0));
    assert_eq!((count("payload_bytes"), count("corrupted_bytes"), count("refused_calls")), (100_000_000, 0, 0));
}

/// The sink begins late and reads 80 Mbit/s: 2 MB take it 0.2 s, and nothing is lost by it.
#[test]
fn a_sink_that_reads_slowly_gets_everything() {
    let sink = Server::start("TcpSink(port: PORT, read_after: \"100 ms\", read_rate: \"80 Mbit/s\")");
    let (sent, lines) = run("TcpSource(PORT, bytes: \"2 MB\")", sink.port, FUSE);
    assert_eq!((sent.exchanges, sent.answered), (1, 1), "{lines:?}");
    let taken = sink.stop();
    assert_eq!((total(&taken, "payload_bytes"), total(&taken, "corrupted_bytes")), (2_000_000, 0));
}

/// What is no bulk data of ours is counted: zeros, of which about one in 256 is right by chance.
#[test]
fn a_sink_notices_what_a_source_would_not_send() {
    let sink = Server::start("TcpSink(port: PORT)");
    let mut peer = TcpStream::connect((LOCAL, sink.port)).unwrap();
    peer.write_all(&[0; 10_000]).unwrap();
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    // The sink closes when it has read everything.
    assert_eq!(peer.read(&mut [0; 10]).unwrap(), 0);
    let taken = sink.stop();
    let corrupted = total(&taken, "corrupted_bytes");
    assert!((9_500..10_000).contains(&corrupted), "{corrupted}");
    assert_eq!((total(&taken, "payload_bytes"), total(&taken, "completed_streams")), (10_000, 1));
}

/// A peer that resets in the middle of a request, and one where nobody listens: exchanges end, and a line says why.
#[test]
fn connections_that_break_end_exchanges() {
    let listener = TcpListener::bind((LOCAL, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let peer = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut socket, _) = listener.accept().unwrap();
            socket.read_exact(&mut [0; 16]).unwrap();
            socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
        }
    });
    let client = "TcpClient(PORT, request: \"100 B\", think: \"1 ms\", count: 2)";
    let (outcome, lines) = run(client, port, FUSE);
    peer.join().unwrap();
    assert_eq!((outcome.exchanges, outcome.answered, total(&outcome, "broken_exchanges")), (2, 0, 2));
    assert_eq!(lines.iter().filter(|line| line.ends_with(": reset by the peer")).count(), 2, "{lines:?}");

    // A socket that does not listen keeps the port from others.
    let nobody = super::options::new_socket(LOCAL).unwrap();
    nobody.bind(&SocketAddr::new(LOCAL, 0).into()).unwrap();
    let port = nobody.local_addr().unwrap().as_socket().unwrap().port();
    let (outcome, lines) = run(client, port, FUSE);
    assert_eq!((outcome.exchanges, outcome.answered, total(&outcome, "broken_exchanges")), (2, 0, 2));
    let refused = format!("TCP connection with 127.0.0.1:{port}: refused");
    assert_eq!(lines.iter().filter(|line| line.ends_with(&refused)).count(), 2, "{lines:?}");
}

/// A source whose peer never reads writes what the system buffers and no more; the run ends when its time is over.
#[test]
fn a_peer_that_does_not_read_holds_the_source_back() {
    let listener = TcpListener::bind((LOCAL, 0)).unwrap();
    let options = Options { duration: Some(Span::from_secs(1)), ..FUSE };
    let (outcome, _) = run("TcpSource(PORT)", listener.local_addr().unwrap().port(), options);
    let written = total(&outcome, "written_bytes");
    assert!((1..PLENTY).contains(&written), "{written}");
    assert_eq!((total(&outcome, "connected_flows"), total(&outcome, "failed_flows")), (1, 0));
}

/// A sink that does not read yet: its peer can write what the system buffers, and 256 KiB more, until it is held back.
#[test]
fn a_sink_that_does_not_read_holds_its_peer_back() {
    let sink = Server::start("TcpSink(port: PORT, read_after: \"1000 s\")");
    let mut peer = TcpStream::connect((LOCAL, sink.port)).unwrap();
    peer.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let (mut written, piece) = (0, vec![0; 1 << 20]);
    let error = loop {
        match peer.write(&piece) {
            Ok(len) => written += len as u64,
            Err(error) => break error.kind(),
        }
        assert!(written < PLENTY);
    };
    assert!(matches!(error, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error:?}");
    assert!(written > 256 << 10, "{written}");
    assert_eq!(total(&sink.stop(), "payload_bytes"), 0);
}

/// A host's sockets, and what they have told.
struct Bench {
    sockets: Sockets,
    told: Vec<(StreamId, StreamEvent)>,
    now: LocalTime,
}

impl Bench {
    fn new() -> Self {
        let sockets = Sockets::new(LOCAL, SocketOptions::default()).unwrap();
        Self { sockets, told: Vec::new(), now: LocalTime::ZERO }
    }

    fn connect(&mut self, to: SocketAddr, early: &str) -> StreamId {
        let early = Rope::from(early.as_bytes().to_vec());
        self.sockets.connect(to, &Parameters::of(Profile::Linux), early).unwrap()
    }

    /// Goes on until this has been told of a stream, which is the newest then.
    fn until(&mut self, id: StreamId, event: StreamEvent) {
        for _ in 0..1000 {
            if let Some(Input::Stream(of, _, told)) = self.sockets.next(Duration::from_millis(20), self.now).unwrap() {
                self.told.push((of, told));
                if (of, told) == (id, event) {
                    return;
                }
            }
        }
        panic!("{event:?} is not told, only {:?}", self.told);
    }

    fn told_of(&self, id: StreamId) -> Vec<StreamEvent> {
        self.told.iter().filter(|(of, _)| *of == id).map(|(_, event)| *event).collect()
    }
}

/// A listener of the standard library, and where.
fn peer() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((LOCAL, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Early data come first, then what was written before the connection was there, then a FIN; the other direction goes on.
#[test]
fn a_stream_can_be_written_before_it_is_there_and_ends_in_each_direction() {
    let (listener, address) = peer();
    let mut bench = Bench::new();
    let id = bench.connect(address, "early ");
    assert_eq!(bench.sockets.info(id).unwrap().tcp.state, State::SynSent);
    assert_eq!(bench.sockets.write(id, &Rope::from(b"late".to_vec())), Ok(4));
    bench.sockets.finish(id).unwrap();
    assert_eq!(bench.sockets.write(id, &Rope::fill(1, 0, 5)), Err(HostError::StreamFinished(id)));
    bench.until(id, StreamEvent::Connected);
    let (mut socket, from) = listener.accept().unwrap();
    let info = bench.sockets.info(id).unwrap();
    assert_eq!((info.local, info.peer, info.tcp.bytes_sent), (from, address, 10));
    let mut all = String::new();
    socket.read_to_string(&mut all).unwrap();
    assert_eq!(all, "early late");
    socket.write_all(b"answer").unwrap();
    bench.until(id, StreamEvent::Readable);
    drop(socket);
    bench.until(id, StreamEvent::Finished);
    // It is not over while there is something to be read.
    assert!(bench.sockets.next(Duration::from_millis(50), bench.now).unwrap().is_none());
    assert_eq!(bench.sockets.read(id, 2).unwrap().to_bytes(), "an");
    assert_eq!(bench.sockets.read(id, 99).unwrap().to_bytes(), "swer");
    assert_eq!(bench.sockets.close(id, bench.now), Ok(()));
    bench.until(id, StreamEvent::Closed(CloseReason::Done));
    assert_eq!(bench.sockets.read(id, 1), Err(HostError::NoSuchStream(id)));
    assert!(!bench.sockets.has_work());
    let told = bench.told_of(id);
    let expected = [StreamEvent::Connected, StreamEvent::Readable, StreamEvent::Finished];
    assert_eq!(told[..3], expected);
    assert_eq!(told.len(), 4, "{told:?}");
}

/// An abort, and a close with something unread (RFC 9293 §3.6.1): the peer gets a reset.
#[test]
fn what_is_given_up_is_reset() {
    let (listener, address) = peer();
    for aborts in [true, false] {
        let mut bench = Bench::new();
        let id = bench.connect(address, "");
        bench.until(id, StreamEvent::Connected);
        let (mut socket, _) = listener.accept().unwrap();
        socket.write_all(b"unread").unwrap();
        bench.until(id, StreamEvent::Readable);
        if aborts {
            bench.sockets.abort(id).unwrap();
        } else {
            bench.sockets.close(id, bench.now).unwrap();
        }
        assert_eq!(bench.sockets.write(id, &Rope::fill(1, 0, 5)), Err(HostError::NoSuchStream(id)));
        bench.until(id, StreamEvent::Closed(CloseReason::Aborted));
        assert_eq!(socket.read(&mut [0; 9]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

/// Data that come after a close reset the connection; a peer that does not end is given up after FIN-WAIT-2, 60 s on Linux.
#[test]
fn a_closed_stream_waits_for_its_peer_but_not_for_ever() {
    let (listener, address) = peer();
    let mut bench = Bench::new();
    for is_silent in [true, false] {
        let id = bench.connect(address, "");
        bench.until(id, StreamEvent::Connected);
        let (mut socket, _) = listener.accept().unwrap();
        bench.sockets.close(id, bench.now).unwrap();
        assert_eq!(socket.read(&mut [0; 9]).unwrap(), 0);
        assert!(bench.sockets.next(Duration::from_millis(50), bench.now).unwrap().is_none());
        if is_silent {
            assert_eq!(bench.sockets.deadline(), Some(LocalTime::ZERO + Span::from_secs(60)));
            bench.now = LocalTime::ZERO + Span::from_secs(60);
            bench.until(id, StreamEvent::Closed(CloseReason::TimedOut));
        } else {
            socket.write_all(b"late").unwrap();
            bench.until(id, StreamEvent::Closed(CloseReason::Aborted));
            // It has read the end, so that the system tells it of the reset when it writes.
            assert!(socket.write(b"later").is_err());
        }
    }
}

/// What came before a reset is there to be read. A full system says so, and says when there is room again: of 64 MiB, all arrive.
#[test]
fn writes_go_on_when_there_is_room_and_data_before_a_reset_are_told() {
    let (listener, address) = peer();
    let mut bench = Bench::new();
    let id = bench.connect(address, "");
    bench.until(id, StreamEvent::Connected);
    let (mut socket, _) = listener.accept().unwrap();
    let (mut written, all) = (0, 64 << 20);
    let reader = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        let mut seen = Vec::new();
        (&mut socket).take(all).read_to_end(&mut seen).unwrap();
        socket.write_all(b"last words").unwrap();
        socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        seen
    });
    loop {
        let data = Rope::fill(5, written, all - written);
        let taken = bench.sockets.write(id, &data).unwrap();
        assert!(taken <= 256 << 10, "a turn is short: {taken}");
        written += taken;
        if written == all {
            break;
        }
        bench.until(id, StreamEvent::Writable);
    }
    bench.until(id, StreamEvent::Readable);
    assert_eq!(bench.sockets.read(id, 99).unwrap().to_bytes(), "last words");
    bench.until(id, StreamEvent::Closed(CloseReason::Reset));
    assert!(reader.join().unwrap() == Rope::fill(5, 0, all).to_bytes(), "the bytes are those that were written");
}

#[test]
fn what_real_sockets_do_not_have_is_refused_by_name() {
    let error = |tcp: &str| {
        let app = parse_app(&format!("TcpClient(to: \"127.0.0.1\", port: 9, tcp: ({tcp}))"), false).unwrap();
        match Session::open(&app, FUSE).err() {
            Some(error @ LiveError::Field { .. }) => error.to_string(),
            other => panic!("{tcp}: {other:?}"),
        }
    };
    assert!(error("min_rto: \"1 s\"").contains("`tcp.min_rto`"));
    assert!(error("sack: false").contains("`tcp.sack`"));
    assert!(error("profile: Rfc").contains("`tcp.profile`"));
    assert!(error("fast_open: Client").contains("`tcp.fast_open`"));
    assert!(error("congestion: BbrV3").contains("`tcp.congestion`"));
    assert!(error("congestion: Cubic((beta: \"50 %\"))").contains("`tcp.congestion`"));
    assert!(error("keepalive: (idle: \"1500 ms\")").contains("`tcp.keepalive`"));
}

/// The loopback reaches no other host, and an address of the other family is none of ours: a line says so.
#[test]
fn a_connection_that_cannot_be_tried_says_why() {
    // TEST-NET-1 (RFC 5737), from 127.0.0.1.
    let app = parse_app("TcpClient(to: \"192.0.2.1\", port: 9, think: \"1 ms\", count: 1)", false).unwrap();
    let mut lines = Vec::new();
    let outcome = super::run(&app, FUSE, |line| lines.push(line)).unwrap();
    assert_eq!((outcome.exchanges, total(&outcome, "refused_calls")), (0, 1));
    assert!(lines[0].contains("no TCP connection to 192.0.2.1:9: this host has no address"), "{lines:?}");
}

/// The system's own word for it. Linux doubles what it is asked for (`socket(7)`).
#[test]
#[cfg(target_os = "linux")]
fn what_real_sockets_have_takes_effect() {
    let tcp = "nagle: false, send_buffer: \"20000 B\", receive_buffer: \"10000 B\", mss: 900, congestion: NewReno, \
               fast_open: Off, keepalive: (idle: \"7 s\", interval: \"3 s\", probes: 4)";
    let app = parse_app(&format!("TcpClient(to: \"127.0.0.1\", port: 9, tcp: ({tcp}))"), false).unwrap();
    let config = app.tcp().unwrap();
    let options = SocketOptions::of(config, LOCAL).unwrap();
    let socket = super::options::new_socket(LOCAL).unwrap();
    options.apply(&socket, &config.resolve()).unwrap();
    assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
    assert_eq!((socket.send_buffer_size().unwrap(), socket.recv_buffer_size().unwrap()), (40_000, 20_000));
    assert!(socket.tcp_congestion().unwrap().starts_with(b"reno"));
    assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(7));
    assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(3));
    assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
}

/// A port that someone has, of TCP: the message names it.
#[test]
fn a_port_that_is_taken_is_named() {
    let (_listener, address) = peer();
    let app = parse_app(&format!("TcpSink(port: {})", address.port()), false).unwrap();
    let error = Session::open(&app, FUSE).err().unwrap().to_string();
    assert!(error.contains(&format!("TCP port {} on 127.0.0.1", address.port())), "{error}");
}
