//! The runner: times, bursts, calls, and what is not judged.

use super::super::{Failure, Request, Verdict, judge};
use protosim_core::Span;
use protosim_models::tcp::Profile;

/// A connection from outside, with the descriptor 4, at 0.1 s.
const OPEN: &str = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.1 < . 1:1(0) ack 1 win 32792
+0 accept(3, ..., ...) = 4
";

fn verdict_with(text: &str, request: &Request) -> Verdict {
    judge("a.pkt", text, request, false, false).unwrap_or_else(|error| panic!("{error}")).verdict
}

fn rfc() -> Request {
    Request { profile: Some(Profile::Rfc), ..Request::default() }
}

fn verdict(events: &str) -> Verdict {
    verdict_with(&format!("{OPEN}{events}"), &rfc())
}

fn failure(events: &str) -> Failure {
    match verdict(events) {
        Verdict::Failed(failure) => *failure,
        other => panic!("{events}: {other:?}"),
    }
}

fn passes(events: &str) {
    assert_eq!(verdict(events), Verdict::Passed, "{events}");
}

#[test]
fn what_differs_is_named_and_both_sides_are_shown() {
    let failure = failure("+0 write(4, ..., 100) = 100\n+0 > . 1:101(100) ack 2");
    assert_eq!(failure.place.to_string(), "a.pkt:9:1");
    assert_eq!(failure.message, "the segment differs in flags, acknowledgment number");
    assert_eq!(failure.sides[0], ("expected", "0.100000 > . 1:101(100) ack 2".to_owned()));
    assert!(failure.sides[1].1.starts_with("0.100000 > P. 1:101(100) ack 1 win "), "{failure}");
}

#[test]
fn each_field_is_compared() {
    let sent = "+0 write(4, ..., 100) = 100\n+0 > ";
    passes(&format!("{sent}[noecn] P. 1:101(100) ack 1"));
    for (other, what) in [
        ("P 1:101(100)", "flags"),
        ("P. 2:102(100) ack 1", "sequence number"),
        ("P. 1:100(99) ack 1", "length"),
        ("P. 1:101(100) ack 3", "acknowledgment number"),
        ("P. 1:101(100) ack 1 win 1", "window"),
        ("P. 1:101(100) ack 1 <nop>", "options"),
        ("[ect0] P. 1:101(100) ack 1", "ECN"),
    ] {
        let failure = failure(&format!("{sent}{other}"));
        assert!(failure.message.contains(what), "{other}: {failure}");
    }
}

/// The time-out is 1 s: 12.5 % of the gap are 125 ms either way, and 4 ms where the gap is short.
#[test]
fn a_segment_is_in_time_within_the_tolerance() {
    let late =
        |time: &str| format!("+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1\n{time} > P. 1:101(100) ack 1");
    for time in ["+1", "+.9", "1.1", "+1.14", "+.5~+.95", "+1.1~+1.2", "*"] {
        passes(&late(time));
    }
    for time in ["+.88", "+1.15", "+.5~+.9", "+1.2~+1.3"] {
        let failure = failure(&late(time));
        assert!(failure.message.contains("time") || failure.message.contains("no segment"), "{time}: {failure}");
    }
    let exact = Request { tolerance: Some(Span::ZERO), ..rfc() };
    let run = |time: &str| verdict_with(&format!("{OPEN}{}", late(time)), &exact);
    assert_eq!(run("+1"), Verdict::Passed);
    assert!(matches!(run("+1.000000001"), Verdict::Failed(_)));
    assert!(matches!(run("+.999999999"), Verdict::Failed(_)));
}

#[test]
fn a_segment_that_nobody_awaits_fails() {
    let failure = failure("+0 write(4, ..., 100) = 100");
    assert!(failure.message.contains("nobody awaits"), "{failure}");
    // One that came before another that is awaited, too.
    let failure = self::failure("+0 write(4, ..., 100) = 100\n+0 write(4, ..., 0) = 0\n+1 > P. 1:101(100) ack 1");
    assert!(failure.message.contains("time"), "{failure}");
}

#[test]
fn a_segment_that_does_not_come_fails_and_names_the_next_timer() {
    let failure = failure("+0 > . 1:1(0) ack 1");
    assert_eq!(failure.message, "no segment is sent");
    assert_eq!(failure.sides[1].1, "nothing; no timer is set");
}

#[test]
fn a_burst_is_one_segment_unless_the_script_is_strict() {
    let burst = "+0 write(4, ..., 3000) = 3000\n+0 > P. 1:3001(3000) ack 1";
    passes(burst);
    let strict = verdict_with(&format!("--strict_segments\n{OPEN}{burst}"), &rfc());
    assert!(matches!(strict, Verdict::Failed(_)), "{strict:?}");
    // Only as far as it is awaited.
    passes("+0 write(4, ..., 3000) = 3000\n+0 > . 1:2001(2000) ack 1\n+0 > P. 2001:3001(1000) ack 1");
}

#[test]
fn a_call_that_blocks_returns_at_its_time() {
    passes("+0...0.2 read(4, ..., 100) = 10\n+.2 < P. 1:11(10) ack 1 win 32792\n+.2 > . 1:1(0) ack 11");
    for until in ["0.2", "0.5"] {
        let failure = failure(&format!("0.1...{until} read(4, ..., 100) = 10\n+.2 < P. 1:11(10) ack 1 win 32792"));
        assert!(failure.message.contains("returns at 0.300000"), "{until}: {failure}");
    }
    let failure = failure("0.1...0.2 read(4, ..., 100) = 10");
    assert!(failure.message.contains("has not returned by 0.212500"), "{failure}");
    let failure = self::failure("+0 read(4, ..., 100) = 10");
    assert!(failure.sides[1].1.contains("waits"), "{failure}");
}

#[test]
fn calls_return_what_the_kernel_would() {
    for (events, errno) in [
        ("+0 read(9, ..., 100) = -1 EBADF", "EBADF"),
        ("+0 connect(4, ..., ...) = -1 EISCONN", "EISCONN"),
        ("+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n+0 read(4, ..., 100) = -1 EAGAIN", "EAGAIN"),
        ("+0 recv(4, ..., 100, MSG_DONTWAIT) = -1 EWOULDBLOCK", "EAGAIN"),
        ("+0 < R 1:1(0) win 0\n+0 write(4, ..., 1) = -1 ECONNRESET", "ECONNRESET"),
        ("+0 read(3, ..., 100) = -1 ENOTCONN", "ENOTCONN"),
    ] {
        passes(events);
        let wrong = events.rsplit_once("-1 ").unwrap().0.to_owned() + "-1 EPROTO";
        assert!(failure(&wrong).sides[1].1.contains(errno), "{events}");
    }
    passes(
        "+0 fcntl(4, F_GETFL) = 0x2 (flags O_RDWR)\n+0 < P. 1:11(10) ack 1 win 9\n+0 ioctl(4, SIOCINQ, [10]) = 0\n+.2 > . 1:1(0) ack 11",
    );
    assert!(failure("+0 ioctl(4, SIOCINQ, [10]) = 0").sides[1].1.contains('0'));
}

#[test]
fn expressions_look_at_the_connection() {
    passes(
        "+0 %{ assert tcpi_snd_mss == 1000 and tcpi_state == TCP_ESTABLISHED, tcpi_snd_mss }%\n+0 %{ x = tcpi_snd_cwnd }%\n+0 %{ assert x == tcpi_snd_cwnd }%",
    );
    let failure = failure("+0 %{ assert tcpi_snd_mss == 999, tcpi_snd_mss }%");
    assert_eq!(failure.message, "`tcpi_snd_mss == 999` does not hold: tcpi_snd_mss = 1000");
}

#[test]
fn what_cannot_be_judged_is_skipped_and_says_why() {
    for (text, reason) in [
        ("0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3", "sockets that are not TCP"),
        ("0 < udp (100)", "UDP"),
        ("`iptables -A INPUT -j DROP`\n0 < R 1:1(0) win 0", "the command `iptables -A INPUT -j DROP`"),
        ("0 `sysctl -q net.ipv4.tcp_mtu_probing=2`", "the setting `tcp_mtu_probing=2`"),
        ("--unheard_of=1\n0 < R 1:1(0) win 0", "the option `--unheard_of`"),
        ("0 splice(3, 4) = 0", "the call `splice`"),
        ("0 < gre: . 1:1(0) ack 1 win 0", "GRE"),
        ("0 < S 0:0(0) win 9 <mss 1000,md5 12>", "the TCP option `md5`"),
        ("0 %{ assert tcpi_last_data_recv == 1 }%", "`tcpi_last_data_recv`"),
        ("0 %{ import sys }%", "`import` in an expression"),
        ("0 setsockopt(3, SOL_SOCKET, SO_ZEROCOPY, [1], 4) = 0", "the socket option `SO_ZEROCOPY`"),
    ] {
        match verdict_with(text, &rfc()) {
            Verdict::Skipped(skipped) => assert_eq!(skipped.reason, reason, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn commands_of_the_table_take_effect() {
    let open = |command: &str, offer: &str| {
        let text = format!(
            "`{command}`\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n\
             +0 < S 0:0(0) win 9999 <mss 1000,sackOK,TS val 1 ecr 0,nop,wscale 7>\n+0 > S. 0:0(0) ack 1 <{offer}>"
        );
        assert_eq!(verdict_with(&text, &rfc()), Verdict::Passed, "{command}");
    };
    open(
        "../common/defaults.sh\n../../common/set_sysctls.py /proc/sys/net/ipv4/tcp_timestamps=0",
        "mss 1460,nop,nop,sackOK,nop,wscale 8",
    );
    open("sysctl -q net.ipv4.tcp_sack=0 net.ipv4.tcp_timestamps=0 # remark", "mss 1460,nop,wscale 7");
    open("sysctl -w net.ipv4.tcp_window_scaling=0 > /dev/null 2>&1", "mss 1460,sackOK,TS val 1 ecr 1");
    open(
        "ip route change 192.0.2.0/24 via 192.168.0.2 dev tun0 advmss 900 && tc qdisc replace dev tun0 root fq",
        "mss 900,sackOK,TS val 1 ecr 1,nop,wscale 7",
    );
    open("ip route change 192.0.2.0/24 dev tun0 mtu lock 1000", "mss 960,sackOK,TS val 1 ecr 1,nop,wscale 7");
}

#[test]
fn a_user_can_force_what_a_script_says() {
    let text = format!(
        "// protosim: profile=Rfc nagle=true\n{OPEN}+0 write(4, ..., 9) = 9\n+0 > P. 1:10(9) ack 1\n+0 write(4, ..., 9) = 9"
    );
    let run = |set: &[&str]| {
        let set = set.iter().map(|field| (*field).to_owned()).collect();
        verdict_with(&text, &Request { set, ..Request::default() })
    };
    assert_eq!(run(&[]), Verdict::Passed);
    assert!(matches!(run(&["nagle=false"]), Verdict::Failed(_)));
    let error =
        judge("a.pkt", &text, &Request { set: vec!["nagel=false".to_owned()], ..Request::default() }, false, false);
    assert!(error.unwrap_err().contains("nagle"));
}

#[test]
fn a_directive_with_a_mistake_is_pointed_at() {
    for (directive, words) in
        [("profile", "expected `name=value`"), ("tolerance=soon", "`tolerance`"), ("rak=true", "rack")]
    {
        let text = format!("// protosim: {directive}\n{OPEN}");
        let error = judge("a.pkt", &text, &Request::default(), false, false).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

/// A script over IPv6 has 20 bytes less in a segment.
#[test]
fn scripts_may_be_of_ipv6() {
    let text = "--ip_version=ipv6\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n\
                +0 < S 0:0(0) win 9999 <mss 1000>\n+0 > S. 0:0(0) ack 1 <mss 1440>";
    assert_eq!(verdict_with(text, &rfc()), Verdict::Passed);
}

#[test]
fn routers_tell_of_the_path() {
    passes(
        "+0 write(4, ..., 1000) = 1000\n+0 > P. 1:1001(1000) ack 1\n\
         +.1 < icmp unreachable frag_needed mtu 600 [1:1001(1000)]\n+0 > . 1:561(560) ack 1\n+0 > P. 561:1001(440) ack 1",
    );
    let text = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n0...0.1 connect(3, ..., ...) = -1 ECONNREFUSED\n\
                +0 > S 0:0(0) <...>\n+.1 < icmp unreachable port_unreachable [0:0(0)]";
    assert_eq!(verdict_with(text, &rfc()), Verdict::Passed);
}
