//! Lines of the standards, what is wrong with wrong ones, and properties.

use super::super::candidate::{local_preference, priority, tcp_local_preference};
use super::super::{Candidate, CandidateAddress, CandidateKind, Protocol, TcpType};
use super::*;
use proptest::prelude::*;
use protosim_core::Span;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

fn candidate(value: &str) -> Candidate {
    Candidate::parse(value).unwrap().unwrap()
}

fn address(text: &str) -> CandidateAddress {
    CandidateAddress::Ip(text.parse().unwrap())
}

fn attribute(text: &str) -> Attribute<'_> {
    Attribute::parse(text).unwrap()
}

/// RFC 8839 §5.1 has this line. Its priority is that of an only address (RFC 8445 §5.1.2.1): 100 · 2^24 + 65535 · 2^8 + 256 - 1.
#[test]
fn the_example_of_rfc_8839_is_read_and_written() {
    let value = "2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141 rport 8998";
    let expected = Candidate {
        foundation: "2".into(),
        component: 1,
        protocol: Protocol::Udp,
        priority: priority(CandidateKind::ServerReflexive, Protocol::Udp, local_preference(0), 1),
        address: address("192.0.2.3:45664"),
        kind: CandidateKind::ServerReflexive,
        related: Some("203.0.113.141:8998".parse().unwrap()),
    };
    assert_eq!(candidate(value), expected);
    assert_eq!(expected.to_string(), value);
    let line = format!("candidate:{value}");
    assert_eq!(attribute(&line), Attribute::Candidate(Some(expected)));
}

/// The six candidates of RFC 6544's example of SDP. Their priorities follow its §4.2 with the preferences of UDP's types: of a host that is
/// active 126 · 2^24 + (6 · 2^13 + 8191) · 2^8 + 255 = 2128609279.
#[test]
fn the_examples_of_rfc_6544_are_read_and_written() {
    let (host, reflexive) = (CandidateKind::Host, CandidateKind::ServerReflexive);
    let (active, passive, both) = (TcpType::Active, TcpType::Passive, TcpType::SimultaneousOpen);
    let lines = [
        ("1 1 TCP 2128609279 10.0.1.1 9 typ host tcptype active", "10.0.1.1:9", host, active, None),
        ("2 1 TCP 2124414975 10.0.1.1 8998 typ host tcptype passive", "10.0.1.1:8998", host, passive, None),
        ("3 1 TCP 2120220671 10.0.1.1 8999 typ host tcptype so", "10.0.1.1:8999", host, both, None),
        (
            "4 1 TCP 1688207359 192.0.2.3 9 typ srflx raddr 10.0.1.1 rport 9 tcptype active",
            "192.0.2.3:9",
            reflexive,
            active,
            Some("10.0.1.1:9"),
        ),
        (
            "5 1 TCP 1684013055 192.0.2.3 45664 typ srflx raddr 10.0.1.1 rport 8998 tcptype passive",
            "192.0.2.3:45664",
            reflexive,
            passive,
            Some("10.0.1.1:8998"),
        ),
        (
            "6 1 TCP 1692401663 192.0.2.3 45687 typ srflx raddr 10.0.1.1 rport 8999 tcptype so",
            "192.0.2.3:45687",
            reflexive,
            both,
            Some("10.0.1.1:8999"),
        ),
    ];
    for (value, at, kind, direction, related) in lines {
        let read = candidate(value);
        assert_eq!((read.address.clone(), read.kind, read.protocol), (address(at), kind, Protocol::Tcp(direction)));
        assert_eq!(read.related, related.map(|text| text.parse().unwrap()));
        let expected = (kind.preference() << 24) + (tcp_local_preference(direction, kind, 0) << 8) + 255;
        assert_eq!(read.priority, expected, "{value}");
        assert_eq!(read.to_string(), value);
    }
}

/// RFC 8839 §5.2 to §5.6 have these lines.
#[test]
fn the_other_attributes_of_rfc_8839_are_read_and_written() {
    let remote = |port| RemoteCandidates(vec![(port - 45_663, (Ipv4Addr::new(192, 0, 2, 3), port).into())]);
    assert_eq!(attribute("remote-candidates:1 192.0.2.3 45664"), Attribute::RemoteCandidates(remote(45_664)));
    assert_eq!(attribute("remote-candidates:2 192.0.2.3 45665"), Attribute::RemoteCandidates(remote(45_665)));
    let mut both = remote(45_664);
    both.append(&remote(45_665)).unwrap();
    assert_eq!(both.to_string(), "1 192.0.2.3 45664 2 192.0.2.3 45665", "the grammar of §5.2: a space between two");
    assert_eq!(attribute(&format!("remote-candidates:{both}")), Attribute::RemoteCandidates(both.clone()));
    assert!(both.append(&remote(45_665)).is_err(), "a component has one");

    assert_eq!(attribute("ice-lite"), Attribute::IceLite);
    assert_eq!(attribute("ice-mismatch"), Attribute::IceMismatch);
    assert_eq!(attribute("ice-pwd:asd88fgpdd777uzjYhagZg"), Attribute::IcePwd("asd88fgpdd777uzjYhagZg"));
    assert_eq!(attribute("ice-ufrag:8hhY"), Attribute::IceUfrag("8hhY"));
    assert_eq!(attribute("ice-pacing:50"), Attribute::IcePacing(Span::from_millis(50)));
    let options = IceOptions { ice2: true, trickle: false };
    assert_eq!(attribute("ice-options:ice2 rtp+ecn"), Attribute::IceOptions(options));
    assert_eq!(options.to_string(), "ice2");
    assert_eq!(attribute("end-of-candidates"), Attribute::EndOfCandidates, "RFC 8840 §8.1");
    assert_eq!(attribute("rtpmap:0 PCMU/8000"), Attribute::Other { name: "rtpmap", value: Some("0 PCMU/8000") });
    assert_eq!(attribute("Ice-Lite"), Attribute::Other { name: "Ice-Lite", value: None }, "names differ by case");
}

/// As browsers send them: lower case, extensions of their own, a name that hides an address, a hidden related address.
#[test]
fn what_is_not_understood_in_a_line_is_skipped() {
    let read = candidate(
        "842163049 1 udp 1677729535 198.51.100.7 52200 typ srflx raddr 0.0.0.0 rport 0 generation 0 network-cost 999",
    );
    assert_eq!((read.kind, read.related), (CandidateKind::ServerReflexive, None));
    let written = "842163049 1 UDP 1677729535 198.51.100.7 52200 typ srflx raddr 0.0.0.0 rport 9";
    assert_eq!(read.to_string(), written, "§5.1: hidden ones are 0.0.0.0 and 9");
    let read = candidate("1 1 UDP 1 2001:db8::1 9 TYP RELAY");
    assert_eq!(read.to_string(), "1 1 UDP 1 2001:db8::1 9 typ relay raddr :: rport 9", "§5.1: of IPv6 :: and 9");

    let name = "fc8e5fbc-11bb-446e-afa8-f0ec2dc006fe.local";
    let read = candidate(&format!("0 1 UDP 2122252543 {name} 49104 typ host"));
    assert_eq!(read.address, CandidateAddress::Name(name.into(), 49_104));

    // Of UDP a direction is an extension like others; an extension's value may be empty.
    assert_eq!(candidate("1 1 UDP 1 192.0.2.1 1 typ host tcptype passive x ").protocol, Protocol::Udp);
    assert_eq!(candidate("1 1 UDP 1 192.0.2.1 1 typ host x  y z"), candidate("1 1 UDP 1 192.0.2.1 1 typ host"));
    let host = candidate("1 1 UDP 1 192.0.2.1 1 typ host raddr 10.0.0.1 rport 1");
    assert_eq!(host.related, None, "§5.1: hosts have none");
    for half in ["raddr 10.0.0.1", "rport 1", "raddr host.example rport 1", "raddr x! rport 1"] {
        assert_eq!(candidate(&format!("1 1 UDP 1 192.0.2.1 1 typ relay {half}")).related, None, "{half}");
    }
}

/// RFC 8839 §5.1, RFC 6544 §4.5.
#[test]
fn what_is_unknown_is_ignored() {
    for value in [
        "1 1 SCTP 1 192.0.2.1 1 typ host",
        "1 1 TCP 1 192.0.2.1 1 typ host tcptype sideways",
        "1 1 UDP 1 192.0.2.1 1 typ teleported",
        "1 1 UDP 1 atm!47.0091 1 typ host",
        "1 1 UDP 1 localhost..example 1 typ host",
        "1 1 UDP 1 host.example.7 1 typ host",
        "1 1 UDP 1 abc 1 typ host",
    ] {
        assert_eq!(Candidate::parse(value), Ok(None), "{value}");
    }
    assert_eq!(attribute("remote-candidates:1 host.example 1 2 192.0.2.1 2").clone(), {
        Attribute::RemoteCandidates(RemoteCandidates(vec![(2, (Ipv4Addr::new(192, 0, 2, 1), 2).into())]))
    });
}

#[test]
fn what_breaks_the_grammar_is_refused_with_a_reason() {
    let long = "a".repeat(33);
    let foundation = "a foundation has 1 to 32 letters, digits, + or /";
    let component = "a component is a number from 1 to 256";
    let priority = "a priority is a number from 1 to 2^31 - 1";
    let port = "a port is a number up to 65535";
    let cases = [
        (String::new(), foundation),
        ("a-b 1 UDP 1 192.0.2.1 1 typ host".into(), foundation),
        (format!("{long} 1 UDP 1 192.0.2.1 1 typ host"), foundation),
        ("1".into(), "a candidate ends before its type"),
        ("1 1 UDP 1 192.0.2.1 1 typ".into(), "a candidate ends before its type"),
        ("1 0 UDP 1 192.0.2.1 1 typ host".into(), component),
        ("1 257 UDP 1 192.0.2.1 1 typ host".into(), component),
        ("1 0001 UDP 1 192.0.2.1 1 typ host".into(), component),
        ("1 +1 UDP 1 192.0.2.1 1 typ host".into(), component),
        ("1 1 U(P 1 192.0.2.1 1 typ host".into(), "a transport is a token"),
        ("1 1 UDP 0 192.0.2.1 1 typ host".into(), priority),
        ("1 1 UDP 2147483648 192.0.2.1 1 typ host".into(), priority),
        ("1 1 UDP 00000000001 192.0.2.1 1 typ host".into(), priority),
        ("1 1 UDP 1  1 typ host".into(), "an address is missing, or has invisible characters"),
        ("1 1 UDP 1 256.0.2.1 1 typ host".into(), "an address of digits and dots is not of IPv4"),
        ("1 1 UDP 1 fe80::1%eth0 1 typ host".into(), "an address with a colon is not of IPv6"),
        ("1 1 UDP 1 192.0.2.1 65536 typ host".into(), port),
        ("1 1 UDP 1 192.0.2.1 -1 typ host".into(), port),
        ("1 1 UDP 1 192.0.2.1 1 type host".into(), "behind a candidate's port stands typ"),
        ("1 1 UDP 1 192.0.2.1 1 typ ".into(), "a type of candidates is a token"),
        ("1 1 UDP 1 192.0.2.1 1 typ host x".into(), "a candidate's extension has a name and a value"),
        ("1 1 UDP 1 192.0.2.1 1 typ host  x".into(), "a candidate's extension begins with a token"),
        (
            "1 1 UDP 1 192.0.2.1 1 typ host x \u{e9}".into(),
            "the value of a candidate's extension is of visible ASCII characters",
        ),
        (
            "1 1 UDP 1 192.0.2.1 1 typ srflx raddr 10.0.0.1 raddr 10.0.0.1".into(),
            "a candidate has one raddr, one rport and one tcptype",
        ),
        ("1 1 UDP 1 192.0.2.1 1 typ srflx raddr 10.0.0 rport 1".into(), "an address of digits and dots is not of IPv4"),
        ("1 1 TCP 1 192.0.2.1 1 typ host".into(), "a candidate of TCP has a tcptype"),
        // What would be ignored is read to its end.
        ("1 1 SCTP 1 192.0.2.1 1 typ host x".into(), "a candidate's extension has a name and a value"),
    ];
    for (value, why) in cases {
        assert_eq!(Candidate::parse(&value), Err(Malformed(why)), "{value:?}");
    }
}

#[test]
fn lengths_and_numbers_of_attributes_have_limits() {
    let check = |name: &str, len: usize| {
        let line = format!("{name}:{}", "a".repeat(len));
        Attribute::parse(&line).is_ok()
    };
    // RFC 8839 §5.4.
    assert_eq!([3, 4, 256, 257].map(|len| check("ice-ufrag", len)), [false, true, true, false]);
    assert_eq!([21, 22, 256, 257].map(|len| check("ice-pwd", len)), [false, true, true, false]);
    assert!(Credentials::new("8hhY", "asd88fgpdd777uzjYhagZg").is_ok());
    assert!(Credentials::new("8hhY", "asd88fgpdd777uzjYhagZ-").is_err());
    // §5.5: ten digits.
    assert_eq!(attribute("ice-pacing:9999999999"), Attribute::IcePacing(Span::from_millis(9_999_999_999)));
    for wrong in [
        "ice-pacing:99999999999",
        "ice-pacing:",
        "ice-pacing",
        "ice-lite:",
        "ice-mismatch:1",
        "end-of-candidates:1",
        "ice-options",
        "ice-options:",
        "ice-options:ice2  trickle",
        "ice-options:rtp-ecn",
        "candidate",
        "remote-candidates:",
        "remote-candidates:1",
        "remote-candidates:1 192.0.2.1",
        "remote-candidates:1 192.0.2.1 1 1 192.0.2.1 2",
        "",
        ":x",
        "a b",
    ] {
        assert!(Attribute::parse(wrong).is_err(), "{wrong:?}");
    }
}

pub(crate) fn any_ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
}

pub(crate) fn any_socket() -> impl Strategy<Value = SocketAddr> {
    (any_ip(), any::<u16>()).prop_map(SocketAddr::from)
}

pub(crate) fn any_address() -> impl Strategy<Value = CandidateAddress> {
    let name = ("[a-z0-9-]{4,36}\\.local", any::<u16>());
    prop_oneof![
        4 => any_socket().prop_map(CandidateAddress::Ip),
        1 => name.prop_map(|(name, port)| CandidateAddress::Name(name.into(), port)),
    ]
}

pub(crate) fn any_candidate() -> impl Strategy<Value = Candidate> {
    let direction = prop::sample::select(TcpType::ALL.to_vec());
    let protocol = prop_oneof![Just(Protocol::Udp), direction.prop_map(Protocol::Tcp)];
    let names = ("[A-Za-z0-9+/]{1,32}", 1_u16..=256, protocol, 1_u32..1 << 31);
    let places = (any_address(), prop::sample::select(CandidateKind::ALL.to_vec()), prop::option::of(any_socket()));
    (names, places).prop_map(|((foundation, component, protocol, priority), (address, kind, related))| {
        // What it says of none: hosts, and what is hidden.
        let related = related.filter(|at| kind != CandidateKind::Host && !at.ip().is_unspecified());
        Candidate { foundation: foundation.into(), component, protocol, priority, address, kind, related }
    })
}

pub(crate) fn any_credentials() -> impl Strategy<Value = Credentials> {
    ("[A-Za-z0-9+/]{4,40}", "[A-Za-z0-9+/]{22,60}").prop_map(|(ufrag, pwd)| Credentials::new(&ufrag, &pwd).unwrap())
}

/// A value that is nearly one: words of candidates in any order.
fn any_words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "1",
        "256",
        "UDP",
        "tcp",
        "2130706431",
        "192.0.2.1",
        "::",
        "a.local",
        "9",
        "typ",
        "host",
        "srflx",
        "raddr",
        "rport",
        "tcptype",
        "so",
        "generation",
        "0",
        "",
        "\u{e9}",
    ]);
    prop::collection::vec(word, 0..16).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = (Candidate::parse(&text), Attribute::parse(&text), Host::parse(&text));
    }

    /// What is read is written such that it reads the same.
    #[test]
    fn words_of_candidates_are_read_or_refused(start in "(1 1 (UDP|TCP) 1 192\\.0\\.2\\.1 1 typ (host|relay) )?", words in any_words()) {
        if let Ok(Some(read)) = Candidate::parse(&format!("{start}{words}")) {
            prop_assert_eq!(Candidate::parse(&read.to_string()), Ok(Some(read)));
        }
    }

    #[test]
    fn candidates_survive_the_text(candidate in any_candidate()) {
        let value = candidate.to_string();
        prop_assert_eq!(Candidate::parse(&value), Ok(Some(candidate.clone())));
        let skipped = format!("{value} generation 0 ufrag 8hhY");
        prop_assert_eq!(Candidate::parse(&skipped), Ok(Some(candidate)));
    }

    #[test]
    fn remote_candidates_survive_the_text(addresses in prop::collection::vec(any_socket(), 1..5)) {
        let all = RemoteCandidates((1..).zip(addresses).collect());
        let line = format!("remote-candidates:{all}");
        prop_assert_eq!(Attribute::parse(&line), Ok(Attribute::RemoteCandidates(all)));
    }
}
