//! Drop lists: which segments are sent again, when and why, worked out from the RFCs.
//!
//! Ten segments of 1448 B, the last one with the FIN, leave at once: the k-th, sent at 100.04 ms (a round trip and the 40 us of the SYN),
//! arrives at 150.04 + k ms, and what it makes the server acknowledge is known at 200.04 + k ms.
//!
//! - `Rfc`: NewReno with selective acknowledgements (RFC 6675), time-outs of at least 1 s; every second segment is acknowledged at
//!   once, one alone after 200 ms. The first is acknowledged at once, as it is read: the window that the SYN could not tell, being above
//!   65535 B, has opened (RFC 9293 §3.8.6.2.2). So segments 1, 3, 5, 7 and 9 are acknowledged at once, and 10 for its FIN.
//! - `Linux`: CUBIC, RACK-TLP (RFC 8985), proportional rate reduction (RFC 9937), time-outs of SRTT + max(200 ms, 4 RTTVAR), the
//!   first 16 segments acknowledged one by one.

use super::*;

/// When what the k-th segment has caused is known \[ns\].
fn known(k: u64) -> u64 {
    200 * MS + SYN_TIME + k * MS
}

/// Transfers ten segments under these losses, and says what was sent again.
fn transfer(whose: Profile, forward: Vec<DropRule>, backward: Vec<DropRule>) -> Vec<(u64, u64, Why)> {
    let tcp = profile(whose);
    let mut world = bulk(lane("12 Mbit/s", [forward, backward]), 10 * MSS, &tcp, sink(&tcp));
    world.run_until_quiet();
    let reports = world.take_reports();
    assert_eq!(world.total(1, "server", "payload_bytes"), 10 * MSS);
    assert_eq!(world.total(1, "server", "corrupted_bytes"), 0);
    assert_eq!(world.total(1, "server", "completed_streams"), 1);
    let again = retransmissions(&reports);
    assert_eq!(world.total(0, "client", "retransmitted_segments"), again.len() as u64);
    again
}

/// The smoothed round trip after the handshake's 100.04 ms and these measurements, and the time-out of Linux \[ns\] (RFC 6298 §2).
fn estimate(samples_ms: impl Iterator<Item = u64>) -> (f64, f64) {
    let first = (100 * MS + SYN_TIME) as f64;
    let (mut srtt, mut rttvar) = (first, first / 2.0);
    for sample in samples_ms.map(|ms| (ms * MS) as f64) {
        rttvar = 0.75 * rttvar + 0.25 * (srtt - sample).abs();
        srtt = 0.875 * srtt + 0.125 * sample;
    }
    (srtt, srtt + (4.0 * rttvar).max(200e6))
}

/// Compares, with a microsecond for what is rounded on the way.
fn assert_sent(sent: &[(u64, u64, Why)], expected: &[(f64, u64, Why)]) {
    let is_same =
        |(a, b): (&(u64, u64, Why), &(f64, u64, Why))| (a.0 as f64 - b.0).abs() < 1000.0 && (a.1, a.2) == (b.1, b.2);
    assert!(sent.len() == expected.len() && sent.iter().zip(expected).all(is_same), "{sent:?}\nexpected {expected:?}");
}

#[test]
fn without_loss_nothing_is_sent_again() {
    for whose in [Profile::Rfc, Profile::Linux] {
        assert_eq!(transfer(whose, vec![], vec![]), []);
    }
}

/// The third segment is lost. Segments 4, 5 and 6 are acknowledged selectively: with the third of them, three segments have arrived above it
/// (RFC 6675 §4; RFC 8985 §6.2: its reordering window is zero once three segments are), at 206.04 ms.
///
/// Nothing else is lost, and there are no new data. (Rule (4) of NextSeg, which would send the last segment again to rescue the end, is
/// not there.)
#[test]
fn one_segment_is_lost() {
    let drops = || vec![drop_segment(3, Which::Nth(1))];
    for whose in [Profile::Rfc, Profile::Linux] {
        assert_eq!(transfer(whose, drops(), vec![]), [(known(6), 3, Why::FastRetransmit)], "{whose:?}");
    }
}

/// The third segment and its retransmission are lost.
///
/// The timer is started anew with each retransmission of the first segment that is missing (the more careful of the two variants
/// of RFC 6675 §6; Linux's `tcp_xmit_retransmit_queue`), at 206.04 ms. RFC: 1 s. Linux: after round trips of 101, 102, 104, 105
/// and 106 ms.
#[test]
fn a_segment_and_its_retransmission_are_lost() {
    let drops = || vec![drop_segment(3, Which::First(2))];
    let expected = [(known(6), 3, Why::FastRetransmit), (known(6) + 1000 * MS, 3, Why::Timeout)];
    assert_eq!(transfer(Profile::Rfc, drops(), vec![]), expected);
    let (_, rto) = estimate([101, 102, 104, 105, 106].into_iter());
    let expected = [(known(6) as f64, 3, Why::FastRetransmit), (known(6) as f64 + rto, 3, Why::Timeout)];
    assert_sent(&transfer(Profile::Linux, drops(), vec![]), &expected);
}

/// The last segment is lost, with the FIN.
///
/// RFC: the acknowledgement of segment 9 is known at 209.04 ms and starts the timer of 1 s anew.
///
/// Linux: segment 9 is acknowledged at once. A probe would be due 2 SRTT + 200 ms later, one segment being in flight, but not later than the
/// time-out (RFC 8985 §7.2), SRTT + 200 ms.
#[test]
fn the_last_segment_is_lost() {
    let drops = || vec![drop_bytes(10 * MSS - 1, Which::Nth(1))];
    assert_eq!(transfer(Profile::Rfc, drops(), vec![]), [(known(9) + 1000 * MS, 10, Why::Timeout)]);
    let (_, rto) = estimate(101..=109);
    let expected = [(known(9) as f64 + rto, 10, Why::TailLossProbe)];
    assert_sent(&transfer(Profile::Linux, drops(), vec![]), &expected);
}

/// The last three segments are lost.
///
/// RFC: the acknowledgement of segment 7 is known at 207.04 ms; the time-out is 1 s later. One segment may be in flight then
/// (RFC 5681 §3.1): the eighth, whose acknowledgement waits for 200 ms, as nothing came after it: known at 1207.04 + 1 + 50 + 200 + 50 ms.
/// Then two may be, the last.
///
/// Linux: a probe 2 SRTT after the acknowledgement of segment 7 is known: the last segment. 101 ms later it is known to have arrived. Segments 8 and 9
/// were sent before it, more than a round trip ago: both are lost. Of them the first goes at once, the second when that one has arrived (RFC 9937:
/// one segment for each that is delivered).
#[test]
fn the_last_three_segments_are_lost() {
    let drops = || vec![drop_bytes(7 * MSS, Which::First(3))];
    let second = known(7) + (1000 + 1 + 50 + 200 + 50) * MS;
    let expected = [(known(7) + 1000 * MS, 8, Why::Timeout), (second, 9, Why::Timeout), (second, 10, Why::Timeout)];
    assert_eq!(transfer(Profile::Rfc, drops(), vec![]), expected);
    let (srtt, _) = estimate(101..=107);
    let probe = known(7) as f64 + 2.0 * srtt;
    let expected = [
        (probe, 10, Why::TailLossProbe),
        (probe + 101e6, 8, Why::FastRetransmit),
        (probe + 202e6, 9, Why::FastRetransmit),
    ];
    assert_sent(&transfer(Profile::Linux, drops(), vec![]), &expected);
}

/// The first acknowledgements are lost; the last one covers all: nothing is sent again.
#[test]
fn a_run_of_acknowledgements_is_lost() {
    for (whose, lost) in [(Profile::Rfc, 4), (Profile::Linux, 9)] {
        assert_eq!(transfer(whose, vec![], vec![drop("tcp.ack", Which::First(lost))]), []);
    }
}

/// All acknowledgements are lost, and the sink does not read, so that its FIN does not come instead.
///
/// RFC: a time-out 1 s after the data were sent, at 100.04 ms: the first segment again. It comes twice and is acknowledged at once, which covers all.
///
/// Linux: a probe 2 SRTT = 200.08 ms after the data: the last segment; the same.
#[test]
fn all_acknowledgements_are_lost() {
    let sent = 100 * MS + SYN_TIME;
    let rfc = [(sent + 1000 * MS, 1, Why::Timeout)];
    let linux = [(sent + 2 * sent, 10, Why::TailLossProbe)];
    for (whose, lost, expected) in [(Profile::Rfc, 5, rfc), (Profile::Linux, 10, linux)] {
        let tcp = profile(whose);
        let sink = TcpSinkConfig { read_after: Span::from_secs(20), ..sink(&tcp) };
        let drops = vec![drop("tcp.ack", Which::First(lost))];
        let mut world = bulk(lane("12 Mbit/s", [vec![], drops]), 10 * MSS, &tcp, sink);
        world.run_until_quiet();
        let reports = world.take_reports();
        assert_eq!(retransmissions(&reports), expected, "{whose:?}");
        assert_eq!(world.total(1, "server", "payload_bytes"), 10 * MSS);
    }
}
