//! Opening and closing: T1 to T8, T15 and T23 of the sheet of checks. R is 100 ms.

use super::*;
use crate::packet::{TcpFlags, Transport};
use crate::tcp::app::{TcpClient, TcpClientConfig, TcpServer, TcpServerConfig};
use crate::tcp::{FastOpen, Keepalive};

/// A client that asks `count` times, without thinking, and its server.
fn ask(link: LinkConfig, count: u64, tcp: &TcpConfig) -> World {
    let think = crate::traffic::TimeDistribution::Fixed(Span::ZERO);
    let config = TcpClientConfig { count: Some(count), think, tcp: tcp.clone(), ..TcpClientConfig::new(server(), 80) };
    let served = TcpServerConfig { tcp: tcp.clone(), ..TcpServerConfig::new(80) };
    pair(link, TcpClient::new(config, socket(80)), TcpServer::new(served))
}

/// T1: the client is ESTABLISHED at R, the server at 1.5 R; the request goes with the third segment of the handshake and is read at
/// 1.5 R; the response is there at 2 R.
#[test]
fn a_request_takes_two_round_trips() {
    for tcp in [profile(Profile::Rfc), profile(Profile::Linux)] {
        let mut world = ask(lane("", [vec![], vec![]]), 1, &tcp);
        world.run_until_quiet();
        let reports = world.take_reports();
        assert_eq!(entered(&reports, 0, State::Established), [100 * MS]);
        assert_eq!(entered(&reports, 1, State::Established), [150 * MS]);
        assert_eq!(exchange(&reports), (Some(150 * MS), Some((200 * MS, Outcome::Response))));
    }
}

/// T2: the SYN is sent again after 1 s, then 2 s, then 4 s (RFC 6298 §5.5); under Linux four times after 1 s each before the doubling
/// begins (`tcp_syn_linear_timeouts`). The connection is there one round trip after the one that arrives.
#[test]
fn lost_syns_are_sent_again() {
    let rfc = [0, 1000, 3000, 7000];
    let linux = [0, 1000, 2000, 3000];
    for (tcp, times) in [(profile(Profile::Rfc), rfc), (profile(Profile::Linux), linux)] {
        for lost in 1..=3 {
            let mut world = ask(lane("", [vec![drop("tcp.syn", Which::First(lost as u64))], vec![]]), 1, &tcp);
            world.run_until_quiet();
            let reports = world.take_reports();
            let expected: Vec<u64> = times[..=lost].iter().map(|time| time * MS).collect();
            assert_eq!(syns(&reports), expected);
            assert_eq!(entered(&reports, 0, State::Established), [expected[lost] + 100 * MS]);
            assert_eq!(exchange(&reports).1, Some((expected[lost] + 200 * MS, Outcome::Response)));
        }
    }
}

/// T3: the SYN with ACK is lost. The client's SYN comes again at 1 s + R/2 and is answered; the server's own time-out is at the same
/// moment, 1 s after R/2.
#[test]
fn a_lost_answer_to_a_syn_costs_a_second() {
    for tcp in [profile(Profile::Rfc), profile(Profile::Linux)] {
        let mut world = ask(lane("", [vec![], vec![drop("tcp.syn-ack", Which::First(1))]]), 1, &tcp);
        world.run_until_quiet();
        let reports = world.take_reports();
        assert_eq!(syns(&reports), [0, 1000 * MS]);
        assert_eq!(entered(&reports, 0, State::Established), [1100 * MS]);
        assert_eq!(exchange(&reports).1, Some((1200 * MS, Outcome::Response)));
    }
}

/// T5: transmissions until the client gives up. RFC: after 1, 2, 4, 8, 16, 32 s and then 60 s, the largest time-out, twice: seven
/// retransmissions, given up at 183 s. Linux: five times 1 s, then 2, 4, 8, 16, 32 s, given up 64 s after that: 131 s.
#[test]
fn a_black_hole_is_given_up() {
    let rfc = ([0, 1, 3, 7, 15, 31, 63, 123].as_slice(), 183);
    let linux = ([0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67].as_slice(), 131);
    for (tcp, (times, end)) in [(profile(Profile::Rfc), rfc), (profile(Profile::Linux), linux)] {
        let config = TcpSourceConfig { bytes: Some(Size::from_bytes(1)), tcp, ..TcpSourceConfig::new(server(), 9) };
        let black_hole = lane("", [vec![drop("tcp.syn", Which::From(1))], vec![]]);
        let mut world = pair(black_hole, TcpSource::new(config, socket(9)), TcpSink::new(TcpSinkConfig::new(9)));
        world.run_until_quiet();
        let reports = world.take_reports();
        assert_eq!(syns(&reports), times.iter().map(|time| time * 1000 * MS).collect::<Vec<_>>());
        assert_eq!(exchange(&reports).1, Some((end * 1000 * MS, Outcome::TimedOut)));
        assert_eq!(world.total(0, "client", "failed_flows"), 1);
    }
}

/// T22: a source that may sends its first bytes with the SYN (RFC 7413). The first flow has no cookie: its data leave after the handshake, at R, and
/// are read at 1.5 R. The second one, 1 s later, has: they are read half a round trip after its SYN. Without Fast Open that takes 1.5 R too.
#[test]
fn a_source_sends_its_first_bytes_with_the_syn() {
    for (fast_open, second) in [(Some(FastOpen::Client), 1050), (None, 1150)] {
        let config = TcpSourceConfig {
            bytes: Some(Size::from_bytes(100)),
            flows: 2,
            stagger: Span::from_secs(1),
            tcp: TcpConfig { fast_open, ..TcpConfig::default() },
            ..TcpSourceConfig::new(server(), 5001)
        };
        let served = TcpConfig { fast_open: Some(FastOpen::Server), ..TcpConfig::default() };
        let source = TcpSource::new(config, socket(5001));
        let mut world = pair(lane("", [vec![], vec![]]), source, TcpSink::new(sink(&served)));
        world.run_until_quiet();
        assert_eq!(read(&world.take_reports()), [(150 * MS, 100), (second * MS, 200)]);
        assert_eq!(
            (world.total(1, "server", "completed_streams"), world.total(1, "server", "corrupted_bytes")),
            (2, 0)
        );
        assert_eq!(world.total(0, "client", "written_bytes"), 200);
    }
}

/// T6: nobody listens. The answer is RST with ACK, sequence 0, acknowledging the SYN (RFC 9293 §3.10.7.1); refused at R.
#[test]
fn a_closed_port_refuses() {
    let config = TcpSourceConfig { bytes: Some(Size::from_bytes(1)), ..TcpSourceConfig::new(server(), 9) };
    let sink = TcpSink::new(TcpSinkConfig::new(5001));
    let mut world = pair(lane("", [vec![], vec![]]), TcpSource::new(config, socket(9)), sink);
    world.run_until_quiet();
    let reports = world.take_reports();
    assert_eq!(exchange(&reports).1, Some((100 * MS, Outcome::Reset)));
    let header = |forward: bool| {
        let seen = World::seen(&reports, world.wire(0, forward), crate::node::LinkEnd::Sender);
        let Transport::Tcp(header) = &seen[0].packet.transport else { panic!("{seen:?}") };
        assert_eq!(seen.len(), 1);
        header.clone()
    };
    let (syn, reset) = (header(true), header(false));
    assert_eq!(reset.flags, TcpFlags::RST.with(TcpFlags::ACK));
    assert_eq!((reset.sequence, reset.acknowledgment), (0, syn.sequence.wrapping_add(1)));
}

/// T8: nothing gets through from the first data on, which leave at R = 100 ms. RFC 6298: the first measurement of 100 ms makes a
/// time-out of 300 ms, raised to 1 s: again 1, 3, 7, 15, 31 and 63 s later, the next being due after 60 s; given up then, at 123 s.
#[test]
fn a_black_out_doubles_the_time_out() {
    let tcp = profile(Profile::Rfc);
    let black_out = lane("", [vec![drop("tcp.data", Which::From(1))], vec![]]);
    let mut world = bulk(black_out, MSS, &tcp, sink(&tcp));
    let reports = until(&mut world, Span::from_secs(200));
    let times: Vec<u64> = retransmissions(&reports).into_iter().map(|(at, ..)| at).collect();
    assert_eq!(times, [1, 3, 7, 15, 31, 63].map(|time| (100 + time * 1000) * MS));
    assert_eq!(exchange(&reports).1, Some((123_100 * MS, Outcome::TimedOut)));
}

/// The same on Linux, where what counts is time: R is 800 ms, so that the time-out is 0.8 + 4 * 0.4 = 2.4 s. Data leave at 0.8 s, a probe of
/// the tail after 2 R + 200 ms, the first retransmission 2.4 s after that, at 5 s; then 4.8, 9.6, 19.2, 38.4 and 76.8 s later, and each
/// 120 s. 15 doublings of 200 ms are 1023 * 0.2 + 6 * 120 = 924.6 s: the first time-out after that is at 993.8 s, 988.8 s after the first
/// retransmission. There are 12 of them, not 15.
#[test]
fn linux_gives_a_black_out_up_by_time() {
    let tcp = profile(Profile::Linux);
    let black_out = lane("", [vec![drop("tcp.data", Which::From(1))], vec![]]);
    let mut world = bulk(LinkConfig { delay: link("", "400 ms").delay, ..black_out }, MSS, &tcp, sink(&tcp));
    let reports = until(&mut world, Span::from_secs(2000));
    let times: Vec<u64> = retransmissions(&reports).into_iter().map(|(at, ..)| at / MS).collect();
    let timeouts = [5.0, 9.8, 19.4, 38.6, 77.0, 153.8, 273.8, 393.8, 513.8, 633.8, 753.8, 873.8];
    let expected: Vec<u64> =
        [2.6].into_iter().chain(timeouts).map(|secs: f64| (secs * 1000.0).round() as u64).collect();
    assert_eq!(times, expected);
    assert_eq!(exchange(&reports).1, Some((993_800 * MS, Outcome::TimedOut)));
}

/// T15: a peer that has vanished is probed after 7200 s, then every 75 s; the ninth probe unanswered ends the connection 75 s later,
/// 7875 s after the last sign of life, which is the response at 200 ms.
#[test]
fn a_dead_peer_is_found_out() {
    let think = crate::traffic::TimeDistribution::Fixed(Span::from_secs(100_000));
    let tcp = TcpConfig { keepalive: Some(Keepalive::default()), ..TcpConfig::default() };
    let config = TcpClientConfig { think, tcp, ..TcpClientConfig::new(server(), 80) };
    let mut net = Net::chain(&[lane("", [vec![], vec![]])]);
    net.app(0, "client", TcpClient::new(config, socket(80)));
    net.app(1, "server", TcpServer::new(TcpServerConfig::new(80)));
    for forward in [true, false] {
        let change = crate::link::LinkChange { up: Some(false), ..crate::link::LinkChange::default() };
        net.change(crate::testing::at(1000 * MS), 0, forward, change);
    }
    let mut world = net.build(1);
    world.listen(all());
    let reports = until(&mut world, Span::from_secs(10_000));
    assert_eq!(exchange(&reports).1, Some((200 * MS, Outcome::Response)));
    assert_eq!(entered(&reports, 0, State::Closed), [(7_875_000 + 200) * MS]);
    let probes = traces(&reports, 0)
        .into_iter()
        .filter_map(|(at, trace)| matches!(trace, Trace::Sent { why: Why::Keepalive, .. }).then_some(at));
    let expected: Vec<u64> = (0..9).map(|k| (7_200_200 + k * 75_000) * MS).collect();
    let probes: Vec<u64> = probes.collect();
    // Probes without data need not be told of.
    assert!(probes.is_empty() || probes == expected, "{probes:?}");
}

/// T23: the client finishes behind its data, the server answers with its own FIN; who closes first waits in TIME-WAIT for twice the
/// lifetime of a segment: 240 s by the RFC, 60 s on Linux.
#[test]
fn the_first_to_close_waits() {
    for (tcp, wait) in [(profile(Profile::Rfc), 240), (profile(Profile::Linux), 60)] {
        let mut world = bulk(lane("", [vec![], vec![]]), MSS, &tcp, sink(&tcp));
        world.run_until_quiet();
        let reports = world.take_reports();
        // Data and FIN leave at 100 ms; their acknowledgement and the sink's FIN are one segment, which leaves at 150 ms.
        assert_eq!(entered(&reports, 0, State::FinWait1), [100 * MS]);
        assert_eq!(entered(&reports, 1, State::LastAck), [150 * MS]);
        assert_eq!(entered(&reports, 0, State::TimeWait), [200 * MS]);
        assert_eq!(entered(&reports, 0, State::Closed), [200 * MS + wait * 1000 * MS]);
        assert_eq!(entered(&reports, 1, State::Closed), [250 * MS]);
        assert_eq!(exchange(&reports), (Some(150 * MS), Some((200 * MS, Outcome::Response))));
    }
}
