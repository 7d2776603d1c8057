//! Windows: T9, T13, T14 and T27 of the sheet of checks. R is 100 ms.

use super::*;
use crate::link::LinkChange;
use crate::tcp::app::{TcpClient, TcpClientConfig, TcpServer, TcpServerConfig};
use crate::testing::at;
use crate::traffic::TimeDistribution;
use protosim_core::Ratio;

/// T9: 10, 20, 40, 80 and 160 segments in the first five round trips, each acknowledged byte letting two go. Data leave at R, so that
/// the k-th flight is read at (k + 0.5) R, but for what 310 packets of 1 us take. All flights are of even numbers, so that an
/// acknowledgement for every second segment leaves none out.
#[test]
fn slow_start_doubles() {
    for tcp in [profile(Profile::Rfc), profile(Profile::Linux)] {
        let mut world = bulk(lane("12 Gbit/s", [vec![], vec![]]), 1_000_000, &tcp, sink(&tcp));
        let all = read(&until(&mut world, Span::from_millis(600)));
        let by = |ms: u64| all.iter().rev().find(|(at, _)| *at < ms * MS).unwrap().1 / MSS;
        assert_eq!([151, 251, 351, 451, 551].map(by), [10, 30, 70, 150, 310]);
        assert_eq!([249, 349, 449, 549].map(by), [10, 30, 70, 150]);
    }
}

/// 100 kB in segments of 1460 B, without stamps, are 69: more than 30, fewer than 70, so that they are there with the third flight. With
/// an initial window of 1 the flights are 1, 2, 4, 8, 16, 32 and 64: 63 with the sixth, all with the seventh; with 3 they are
/// 3, 6, 12, 24 and 48: 45 with the fourth, all with the fifth.
#[test]
fn the_initial_window_decides_how_many_flights_a_transfer_takes() {
    for (initial_window, flights) in [(10, 3), (1, 7), (3, 5)] {
        // An acknowledgement for each segment: that of a single one would wait.
        let config = TcpConfig {
            timestamps: Some(false),
            initial_window: Some(initial_window),
            delayed_ack: Some(Span::ZERO),
            ..profile(Profile::Rfc)
        };
        let mut world = bulk(lane("12 Gbit/s", [vec![], vec![]]), 100_000, &config, sink(&config));
        world.run_until_quiet();
        let delivered = exchange(&world.take_reports()).0.unwrap();
        assert_eq!(delivered / MS, 150 + (flights - 1) * 100, "{initial_window}");
    }
}

/// T13: the request is written in two pieces, 1 ms apart, over a connection that is there. The second piece waits for the acknowledgement
/// of the first (RFC 9293 §3.7.4), and that waits for `delayed` at the server: it is there R + `delayed` after the first piece was
/// sent, and the response one more round trip later. Without Nagle's algorithm it takes 1 ms and a round trip.
#[test]
fn write_write_read_waits_for_a_delayed_acknowledgement() {
    let cases = [
        (Profile::Rfc, true, 400),
        (Profile::Rfc, false, 101),
        (Profile::Linux, true, 240),
        (Profile::Linux, false, 101),
    ];
    for (whose, nagle, expected) in cases {
        let tcp = TcpConfig { nagle: Some(nagle), ..profile(whose) };
        let config = TcpClientConfig {
            count: Some(2),
            think: TimeDistribution::Fixed(Span::from_millis(100)),
            writes: 2,
            write_gap: Some(Span::from_millis(1)),
            tcp: tcp.clone(),
            ..TcpClientConfig::new(server(), 80)
        };
        let served = TcpServerConfig { tcp, ..TcpServerConfig::new(80) };
        let client = TcpClient::new(config, socket(80));
        let mut world = pair(lane("", [vec![], vec![]]), client, TcpServer::new(served));
        world.run_until_quiet();
        let times = world.take_reports().into_iter().filter_map(|reported| match reported.report {
            Report::App {
                observation: Observation::ExchangeStarted(_) | Observation::ExchangeEnded { .. }, ..
            } => Some(reported.at.as_nanos()),
            _ => None,
        });
        let times: Vec<u64> = times.collect();
        assert_eq!(times[3] - times[2], expected * MS, "{whose:?}, Nagle {nagle}");
    }
}

/// T14: the receiver has room for the first flight alone, and begins to read 4 s after the connection has come in at 150 ms. The update of its
/// window is lost. The window closes for the sender at 200 ms; it asks after the time-out and then after twice as long each time.
/// RFC: the time-out is 1 s; probes at 1.2, 3.2 and 7.2 s, and the last is answered with an open window. Linux: after two measurements of
/// 100 ms the time-out is 100 + 200 ms; probes at 0.5, 1.1, 2.3 and 4.7 s. Data go on one round trip after the last.
#[test]
fn a_lost_window_update_is_made_up_by_a_probe() {
    for (whose, probed) in [(Profile::Rfc, 7200), (Profile::Linux, 4700)] {
        let tcp = TcpConfig {
            receive_buffer: Some(Size::from_bytes(10 * MSS)),
            delayed_ack: Some(Span::ZERO),
            ..profile(whose)
        };
        let sink = TcpSinkConfig { read_after: Span::from_secs(4), ..sink(&tcp) };
        let config = TcpSourceConfig {
            bytes: Some(Size::from_bytes(15 * MSS)),
            tcp: tcp.clone(),
            ..TcpSourceConfig::new(server(), 5001)
        };
        let mut net = Net::chain(&[lane("", [vec![], vec![]])]);
        net.app(0, "client", TcpSource::new(config, socket(5001)));
        net.app(1, "server", TcpSink::new(sink));
        for (ms, loss) in [(4149, Ratio::ONE), (4151, Ratio::ZERO)] {
            net.change(at(ms * MS), 0, false, LinkChange { loss: Some(loss), ..LinkChange::default() });
        }
        let mut world = net.build(1);
        world.listen(all());
        world.run_until_quiet();
        let reports = world.take_reports();
        let all_read = read(&reports);
        assert_eq!(all_read[0], (4150 * MS, 10 * MSS));
        // Probe there and back, data there.
        assert_eq!(all_read.last(), Some(&((probed + 150) * MS, 15 * MSS)), "{whose:?}");
        assert_eq!(world.total(1, "server", "corrupted_bytes"), 0);
        assert!(world.total(1, "server", "zero_windows") > 0);
    }
}

/// T27: a window of 65535 B without scaling holds 45 whole segments, 65160 B; the rest of it is not worth a segment (RFC 9293
/// §3.8.6.2.1). One window in each round trip: 65160 B in 100 ms, 5.2 Mbit/s.
#[test]
fn a_small_window_limits_the_rate() {
    for whose in [Profile::Rfc, Profile::Linux] {
        let tcp = TcpConfig {
            receive_buffer: Some(Size::from_bytes(65_535)),
            window_scaling: Some(false),
            // The acknowledgement of the last of 45 would wait for the next window.
            delayed_ack: Some(Span::ZERO),
            ..profile(whose)
        };
        let mut world = bulk(lane("", [vec![], vec![]]), 100_000_000, &tcp, sink(&tcp));
        let reports = until(&mut world, Span::from_secs(10));
        let sum_at = |ms: u64| read(&reports).iter().rev().find(|(at, _)| *at <= ms * MS).unwrap().1;
        assert_eq!(sum_at(9_990) - sum_at(4_990), 50 * 45 * MSS, "{whose:?}");
    }
}
