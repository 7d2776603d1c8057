//! The grammar, and what is said of mistakes in it.

use super::super::ast::{Action, IcmpError, Options, Packet, Segment, TcpOption, Time, Value};
use super::super::{Script, parse};
use crate::tree::{Diagnostics, Sources};
use proptest::prelude::*;
use protosim_core::Span;
use protosim_models::packet::TcpFlags;

/// A script without mistakes.
fn sound(text: &str) -> Script {
    let (script, mistakes) = read(text);
    assert!(mistakes.is_empty(), "{mistakes}");
    script
}

/// A script, and its mistakes as they are shown.
fn read(text: &str) -> (Script, String) {
    let (mut sources, mut mistakes) = (Sources::default(), Diagnostics::default());
    let script = parse(&mut sources, "a.pkt", text, &mut mistakes);
    let shown = if mistakes.is_empty() { String::new() } else { mistakes.render(&sources, false) };
    (script, shown)
}

fn segment(text: &str) -> Segment {
    match sound(text).events.remove(0).action {
        Action::Inject(Packet::Tcp(segment)) | Action::Expect(Packet::Tcp(segment)) => segment,
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_kinds_of_comments_are_passed_over() {
    let script = sound("// one\n# two\n/* three\n * four */ 0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3 // five");
    assert_eq!(script.events.len(), 1);
}

#[test]
fn times_are_exact_to_the_nanosecond() {
    let text = "0 %{ }%\n0.1 %{ }%\n+.000000001 %{ }%\n* > . 1:1(0) ack 1\n0.1~.2 > . 1:1(0) ack 1\n+1~+2 > . 1:1(0) ack 1";
    let times: Vec<Time> = sound(text).events.iter().map(|event| event.time).collect();
    let ms = Span::from_millis;
    assert_eq!(times, [
        Time::Absolute(Span::ZERO),
        Time::Absolute(ms(100)),
        Time::Relative(Span::from_nanos(1)),
        Time::Any,
        Time::AbsoluteRange(ms(100), ms(200)),
        Time::RelativeRange(ms(1000), ms(2000)),
    ]);
}

#[test]
fn a_segment_has_all_its_fields() {
    let spec = segment("+0 > [ect0] 8080 > 1234 SEW. 0:0(0) ack 1 win 5 urg 6 <mss 1460,sackOK,TS val 7 ecr 8,nop,wscale 9>");
    assert_eq!(spec.ports, Some((8080, 1234)));
    let flags = TcpFlags::SYN.with(TcpFlags::ECE).with(TcpFlags::CWR).with(TcpFlags::ACK);
    assert_eq!((spec.flags, spec.ack, spec.window, spec.urgent), (flags, Some(1), Some(5), Some(6)));
    let options = [
        TcpOption::Mss(1460),
        TcpOption::SackPermitted,
        TcpOption::Timestamps(7, 8),
        TcpOption::Nop,
        TcpOption::WindowScale(9),
    ];
    assert_eq!(spec.options, Options::List(options.to_vec()));
}

#[test]
fn blocks_and_cookies_are_read() {
    let spec = segment("+0 < . 1:1(0) ack 1 win 5 <nop,nop,sack 1:2 3:4>");
    let Options::List(list) = spec.options else { panic!() };
    assert_eq!(list[2], TcpOption::Sack(vec![(1, 2), (3, 4)]));
    for (text, cookie) in [("FO", ""), ("FO 12345678", "12345678"), ("FO a1b2", "a1b2"), ("FO TFO_COOKIE", "TFO_COOKIE")] {
        let spec = segment(&format!("+0 < S 0:0(0) win 5 <{text},nop>"));
        let Options::List(list) = spec.options else { panic!() };
        assert_eq!(list[0], TcpOption::FastOpen(cookie.to_owned()), "{text}");
    }
    assert_eq!(segment("+0 > . 1:1(0) ack 1 <...>").options, Options::Unchecked);
}

#[test]
fn a_blocking_call_has_an_end_and_calls_have_values_of_all_kinds() {
    let script = sound(
        "+0...0.3 read(4, ..., 100) = -1 ECONNRESET (Connection reset by peer)\n\
         +0 connect(3, {sa_family = AF_INET, sin_port = htons(80), sin_addr = inet_addr(\"192.0.2.1\")}, ...) = 0\n\
         +0 fcntl(3, F_GETFL) = 0x2 (flags O_RDWR)\n\
         +0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLOUT}], 1, 0) = 1\n\
         +0 recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{...,10}], msg_flags=0, msg_control=[]}, 0) = 10\n\
         +0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0",
    );
    let calls = script.events.iter().map(|event| match &event.action {
        Action::Call(call) => call,
        other => panic!("{other:?}"),
    });
    let calls: Vec<_> = calls.collect();
    assert_eq!(calls[0].until, Some(Span::from_millis(300)));
    assert_eq!((&calls[0].result, calls[0].errno.as_deref()), (&Value::Int(-1), Some("ECONNRESET")));
    let port = calls[1].arguments[1].field("sin_port");
    assert_eq!(port, Some(&Value::Call("htons".to_owned(), vec![Value::Int(80)])));
    assert_eq!((&calls[2].result, &calls[2].errno), (&Value::Int(2), &None));
    assert!(calls[4].arguments[1].field("msg_iov").is_some());
    assert_eq!(calls[5].arguments[3].field("onoff"), Some(&Value::Int(1)));
}

#[test]
fn an_icmp_error_says_of_what_it_is() {
    let script = sound("+0 < icmp unreachable frag_needed mtu 1300 [1:1001(1000)]");
    let Action::Inject(Packet::Icmp(error)) = &script.events[0].action else { panic!() };
    let wanted = IcmpError {
        kind: "unreachable".to_owned(),
        code: Some("frag_needed".to_owned()),
        mtu: Some(1300),
        about: Some(1),
    };
    assert_eq!(*error, wanted);
}

#[test]
fn options_commands_and_directives_stand_around_the_events() {
    let script = sound(
        "// protosim: profile=Rfc rack=false\n--ip_version=ipv4\n--local_ip=192.0.2.1\n`set up`\n\
         +0 `between`\n+0 udp_like(1) = 0\n`clean up`\n",
    );
    let named: Vec<_> = script.options.iter().map(|option| (option.name.as_str(), option.value.as_str())).collect();
    assert_eq!(named, [("ip_version", "ipv4"), ("local_ip", "192.0.2.1")]);
    let named: Vec<_> = script.directives.iter().map(|one| (one.name.as_str(), one.value.as_str())).collect();
    assert_eq!(named, [("profile", "Rfc"), ("rack", "false")]);
    assert_eq!(script.set_up.unwrap().text, "set up");
    assert_eq!(script.clean_up.unwrap().text, "clean up");
    assert_eq!(script.events.len(), 2);
}

#[test]
fn a_mistake_has_line_and_column_and_says_what_was_expected() {
    for (text, place, words) in [
        ("0 socket(..., 1, 2) = 3\n+0 < S 0:0 win 5", "a.pkt:2:12", "expected `(`, found `win`"),
        ("+0 > Q 0:0(0)", "a.pkt:1:6", "`Q` is no flag"),
        ("+0 < S 0:0(0) win 70000", "a.pkt:1:19", "a window is 0 to 65535"),
        ("+0 < P. 1:1001(100) ack 1", "a.pkt:1:9", "1 and 100 bytes make 101, not 1001"),
        ("+0 < S 0:0(0) win 5 <msss 1460>", "a.pkt:1:22", "did you mean `mss`?"),
        ("+.2~+.1 > . 1:1(0) ack 1", "a.pkt:1:2", "ends before it begins"),
        ("* close(3) = 0", "a.pkt:1:1", "only a packet that is awaited"),
        ("+0 read(4, ..., 1000 = 5", "a.pkt:1:22", "expected `,` or `)`, found `=`"),
        ("close(3) = 0", "a.pkt:1:1", "expected a time"),
        ("+0 close(3)", "a.pkt:1:12", "expected `=`, found the end of the script"),
        ("+0 < . 1:1(0) ack 1 <...>", "a.pkt:1:21", "for packets that are awaited alone"),
        ("/* no end", "a.pkt:1:1", "this comment is never closed"),
        ("+0 %{ assert 1", "a.pkt:1:4", "this expression is never closed"),
    ] {
        let (_, shown) = read(text);
        assert!(shown.contains(place), "{text}: {shown}");
        assert!(shown.contains(words), "{text}: {shown}");
    }
}

#[test]
fn all_mistakes_are_found_at_once() {
    let (script, shown) = read("+0 < S 0:0\n+0 close(3) = 0\n+0 > Q 0:0(0)\n+1 close(4) = 0");
    assert!(shown.contains("a.pkt:2:1") && shown.contains("a.pkt:3:6"), "{shown}");
    assert_eq!(script.events.len(), 2);
}

/// Pieces of scripts in any order.
fn broken() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[-+*~<>=|.,:;(){}\\[\\]\"`%#/ \\n0-9a-zA-Z_é]{1,4}",
        Just("+0 < S 0:0(0) win 5 <mss 1460,".to_owned()),
        Just("\n+0...0.1 read(4, ".to_owned()),
        Just("%{ assert tcpi_snd_cwnd ==".to_owned()),
        Just("}%".to_owned()),
        Just("/*".to_owned()),
        Just("// protosim: ".to_owned()),
        Just("\n--tolerance_usecs=".to_owned()),
        Just("icmp unreachable ".to_owned()),
        Just("{msg_name(...)=...".to_owned()),
        Just("99999999999999999999999999999999999999999".to_owned()),
    ];
    proptest::collection::vec(piece, 0..25).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in prop_oneof![broken(), any::<String>()]) {
        let (script, shown) = read(&text);
        // What is not understood is said.
        let is_blank = text.lines().all(|line| line.trim().is_empty()) || text.contains(['#', '/', '\u{feff}']);
        let is_read = script.events.len() + script.options.len() > 0 || script.set_up.is_some();
        prop_assert!(is_blank || !shown.is_empty() || is_read);
    }

    #[test]
    fn no_text_makes_the_expressions_panic(text in prop_oneof![broken(), any::<String>(), "[-+*/%<>=!&|^~() a-c0-9.'\"\\n;#]{0,40}"]) {
        if let Ok(statements) = super::super::python::parse(&text) {
            let _ = super::super::python::run(&statements, &mut super::super::python::Names::new());
        }
    }
}
