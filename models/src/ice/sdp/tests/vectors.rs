//! Examples of RFC 8839, RFC 6544 and RFC 8840, and what an agent asks of descriptions.

use super::super::super::wire::{Credentials, Host, IceOptions};
use super::super::super::{Candidate, CandidateAddress, CandidateKind, Protocol};
use super::super::*;
use super::{description, fragment, sent};
use protosim_core::Span;
use std::net::IpAddr;

fn address(text: &str) -> CandidateAddress {
    CandidateAddress::Ip(text.parse().unwrap())
}

fn candidate(value: &str) -> Candidate {
    Candidate::parse(value).unwrap().unwrap()
}

/// §4.2.6, its folded line made one.
const OFFER: &str = "
    v=0
    o=jdoe 2890844526 2890842807 IN IP4 203.0.113.141
    s=
    c=IN IP4 192.0.2.3
    t=0 0
    a=ice-options:ice2
    a=ice-pacing:50
    a=ice-pwd:asd88fgpdd777uzjYhagZg
    a=ice-ufrag:8hhY
    m=audio 45664 RTP/AVP 0
    b=RS:0
    b=RR:0
    a=rtpmap:0 PCMU/8000
    a=candidate:1 1 UDP 2130706431 203.0.113.141 8998 typ host
    a=candidate:2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141 rport 8998
";

/// What stands at the session holds for its medium: c= (RFC 8866 §5.7), options and credentials (RFC 8839 §5.4, §5.6). RTCP has no bandwidth,
/// so there is one component (§4.2.2).
#[test]
fn the_offer_of_rfc_8839_is_read() {
    let offer = description(OFFER);
    assert_eq!((offer.session_id, offer.version), (2_890_844_526, 2_890_842_807));
    assert_eq!(offer.origin, Host::Ip(IpAddr::from([203, 0, 113, 141])));
    assert_eq!((offer.lite, offer.pacing), (false, Some(Span::from_millis(50))));
    let [media] = &offer.media[..] else { panic!("one medium") };
    let expected = Media {
        format: Format::default(),
        mid: None,
        default: address("192.0.2.3:45664"),
        rtcp: Rtcp::None,
        credentials: Some(Credentials::new("8hhY", "asd88fgpdd777uzjYhagZg").unwrap()),
        options: IceOptions { ice2: true, trickle: false },
        candidates: vec![
            candidate("1 1 UDP 2130706431 203.0.113.141 8998 typ host"),
            candidate("2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141 rport 8998"),
        ],
        end_of_candidates: false,
        mismatch: false,
        remote_candidates: Default::default(),
    };
    assert_eq!(*media, expected);
    assert_eq!(media.components(), 1);
    assert!(!media.is_mismatched());
    // The default is the server-reflexive one, as RFC 8445 §5.1.4 prefers it.
    assert_eq!(default_destination(&media.candidates, 1), media.default);
}

/// The same with what is skipped left out, options where all media share them, and c= and credentials at the medium. RFC 8866 §9 has the order
/// of lines.
#[test]
fn the_offer_of_rfc_8839_is_written() {
    let expected = "
        v=0
        o=- 2890844526 2890842807 IN IP4 203.0.113.141
        s=-
        t=0 0
        a=ice-pacing:50
        a=ice-options:ice2
        m=audio 45664 RTP/AVP 0
        c=IN IP4 192.0.2.3
        b=RS:0
        b=RR:0
        a=ice-ufrag:8hhY
        a=ice-pwd:asd88fgpdd777uzjYhagZg
        a=candidate:1 1 UDP 2130706431 203.0.113.141 8998 typ host
        a=candidate:2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 203.0.113.141 rport 8998
    ";
    assert_eq!(description(OFFER).to_string(), sent(expected));
}

/// Lines may end with LF, and the last one with the text (RFC 8866 §5).
#[test]
fn lines_end_with_lf_too() {
    let text = sent(OFFER).replace("\r\n", "\n");
    assert_eq!(Description::parse(&text), Ok(description(OFFER)));
    assert_eq!(Description::parse(text.trim_end()), Ok(description(OFFER)));
}

/// Appendix A: an offer over IPv6 and its answer.
#[test]
fn the_examples_of_appendix_a_are_read() {
    let offer = description(
        "
        v=0
        o=jdoe 2890844526 2890842807 IN IP6 fe80::6676:baff:fe9c:ee4a
        s=
        c=IN IP6 2001:db8:8101:3a55:4858:a2a9:22ff:99b9
        t=0 0
        a=ice-options:ice2
        a=ice-pacing:50
        a=ice-pwd:asd88fgpdd777uzjYhagZg
        a=ice-ufrag:8hhY
        m=audio 45664 RTP/AVP 0
        b=RS:0
        b=RR:0
        a=rtpmap:0 PCMU/8000
        a=candidate:1 1 UDP 2130706431 fe80::6676:baff:fe9c:ee4a 8998 typ host
        a=candidate:2 1 UDP 1694498815 2001:db8:8101:3a55:4858:a2a9:22ff:99b9 45664 typ srflx raddr fe80::6676:baff:fe9c:ee4a rport 8998
        ",
    );
    let media = &offer.media[0];
    assert_eq!(media.default, address("[2001:db8:8101:3a55:4858:a2a9:22ff:99b9]:45664"));
    assert_eq!(media.candidates[1].address, media.default);
    assert_eq!(media.candidates[1].related, media.candidates[0].address.ip());
    assert!(!media.is_mismatched());
    let answer = description(
        "
        v=0
        o=bob 2808844564 2808844564 IN IP4 192.0.2.1
        s=
        c=IN IP4 192.0.2.1
        t=0 0
        a=ice-options:ice2
        a=ice-pacing:50
        a=ice-pwd:YH75Fviy6338Vbrhrlp8Yh
        a=ice-ufrag:9uB6
        m=audio 3478 RTP/AVP 0
        b=RS:0
        b=RR:0
        a=rtpmap:0 PCMU/8000
        a=candidate:1 1 UDP 2130706431 192.0.2.1 3478 typ host
        ",
    );
    let media = &answer.media[0];
    assert_eq!(media.credentials, Some(Credentials::new("9uB6", "YH75Fviy6338Vbrhrlp8Yh").unwrap()));
    assert_eq!((&media.default, media.is_mismatched()), (&address("192.0.2.1:3478"), false));
}

/// A medium over TCP, as RFC 6544 has it: the default is a candidate of the same transport.
#[test]
fn the_default_of_a_medium_over_tcp_is_one_of_tcp() {
    let with = |transport: &str| {
        description(&format!(
            "
            v=0
            o=jdoe 1 1 IN IP4 10.0.1.1
            s=-
            t=0 0
            m=audio 45664 TCP/RTP/AVP 0
            c=IN IP4 192.0.2.3
            a=rtcp-mux
            a=ice-ufrag:8hhY
            a=ice-pwd:asd88fgpdd777uzjYhagZg
            a=candidate:5 1 {transport} 1684013055 192.0.2.3 45664 typ srflx raddr 10.0.1.1 rport 8998 tcptype passive
            "
        ))
    };
    assert!(!with("TCP").media[0].is_mismatched());
    assert!(with("UDP").media[0].is_mismatched());
}

/// The body of an INFO request of RFC 8840 (§4.4), whose two media are in one ICE session.
const FRAGMENT: &str = "
    a=ice-pwd:asd88fgpdd777uzjYhagZg
    a=ice-ufrag:8hhY
    m=audio 9 RTP/AVP 0
    a=mid:1
    a=candidate:1 1 UDP 2130706432 2001:db8:a0b:12f0::1 5000 typ host
    a=candidate:1 2 UDP 2130706432 2001:db8:a0b:12f0::1 5001 typ host
    a=candidate:1 1 UDP 2130706431 192.0.2.1 5010 typ host
    a=candidate:1 2 UDP 2130706431 192.0.2.1 5011 typ host
    a=candidate:2 1 UDP 1694498815 192.0.2.3 5010 typ srflx raddr 192.0.2.1 rport 8998
    a=candidate:2 2 UDP 1694498815 192.0.2.3 5011 typ srflx raddr 192.0.2.1 rport 8998
    a=end-of-candidates
    m=audio 9 RTP/AVP 0
    a=mid:2
    a=candidate:1 1 UDP 2130706432 2001:db8:a0b:12f0::1 6000 typ host
    a=candidate:1 2 UDP 2130706432 2001:db8:a0b:12f0::1 6001 typ host
    a=candidate:1 1 UDP 2130706431 192.0.2.1 6010 typ host
    a=candidate:1 2 UDP 2130706431 192.0.2.1 6011 typ host
    a=candidate:2 1 UDP 1694498815 192.0.2.3 6010 typ srflx raddr 192.0.2.1 rport 9998
    a=candidate:2 2 UDP 1694498815 192.0.2.3 6011 typ srflx raddr 192.0.2.1 rport 9998
    a=end-of-candidates
";

#[test]
fn the_fragment_of_rfc_8840_is_read_and_written() {
    let read = fragment(FRAGMENT);
    let credentials = Credentials::new("8hhY", "asd88fgpdd777uzjYhagZg").unwrap();
    assert_eq!((read.session.as_ref(), read.end_of_candidates), (Some(&credentials), false));
    let media: Vec<_> = read.media.iter().map(|media| (&*media.mid, media.candidates.len())).collect();
    assert_eq!(media, [("1", 6), ("2", 6)]);
    assert!(read.media.iter().all(|media| media.end_of_candidates && media.credentials == credentials));
    let first = &read.media[1].candidates[0];
    assert_eq!((first.component, &first.address), (1, &address("[2001:db8:a0b:12f0::1]:6000")));
    // As it came, but for the order of the first two lines, which RFC 8840 leaves open as SDP does.
    let (pwd, ufrag) = ("a=ice-pwd:asd88fgpdd777uzjYhagZg\r\n", "a=ice-ufrag:8hhY\r\n");
    let expected = sent(FRAGMENT).replacen(&format!("{pwd}{ufrag}"), &format!("{ufrag}{pwd}"), 1);
    assert_eq!(read.to_string(), expected);
}

/// Credentials of a fragment stand where those of the description stand (RFC 8840 §9): here at media.
#[test]
fn a_fragment_of_a_medium_of_ours_has_its_credentials() {
    let credentials = Credentials::new("8hhY", "asd88fgpdd777uzjYhagZg").unwrap();
    let host = candidate("1 1 UDP 2130706431 10.0.0.2 8998 typ host");
    let media = Media::new("0", 1, credentials, vec![host]);
    let more = candidate("2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 10.0.0.2 rport 8998");
    let of_media = FragmentMedia::of(&media, vec![more], true).unwrap();
    let all = Fragment { session: None, end_of_candidates: false, media: vec![of_media] };
    let expected = "
        m=audio 9 RTP/AVP 0
        a=mid:0
        a=rtcp-mux
        a=ice-ufrag:8hhY
        a=ice-pwd:asd88fgpdd777uzjYhagZg
        a=candidate:2 1 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 10.0.0.2 rport 8998
        a=end-of-candidates
    ";
    assert_eq!(all.to_string(), sent(expected));
    assert_eq!(fragment(expected), all);
    assert_eq!(FragmentMedia::of(&Media { mid: None, ..media.clone() }, vec![], true), None);
    assert_eq!(FragmentMedia::of(&Media { credentials: None, ..media }, vec![], true), None);
}

/// The end of all media at once (RFC 8840 §8.1: the attribute may be the session's).
#[test]
fn a_fragment_may_end_all_media() {
    let end = fragment("a=ice-ufrag:8hhY\na=ice-pwd:asd88fgpdd777uzjYhagZg\na=end-of-candidates");
    assert!(end.end_of_candidates && end.media.is_empty());
    assert_eq!(Fragment::parse(&end.to_string()), Ok(end));
    let offer = description(&OFFER.replace("a=ice-pacing:50", "a=end-of-candidates"));
    assert!(offer.media[0].end_of_candidates);
}

/// RFC 8839 §5.4: what a medium says goes before what the session says, each by itself. §5.6: options of both hold.
#[test]
fn media_override_the_session() {
    let read = description(
        "
        v=0
        o=- 1 1 IN IP4 192.0.2.1
        s=-
        c=IN IP4 192.0.2.1
        t=0 0
        a=ice-options:ice2
        a=ice-ufrag:8hhY
        a=ice-pwd:asd88fgpdd777uzjYhagZg
        m=audio 1000 RTP/AVP 0
        a=rtcp-mux
        m=video 2000 RTP/AVP 31
        c=IN IP6 2001:db8::1
        a=rtcp-mux
        a=ice-options:trickle
        a=ice-ufrag:9uB6
        a=ice-pwd:YH75Fviy6338Vbrhrlp8Yh
        m=video 3000 RTP/AVP 31
        a=ice-ufrag:xxxx
        a=rtcp-mux
        ",
    );
    let names: Vec<_> =
        read.media.iter().filter_map(|media| media.credentials.as_ref()).map(|c| (&*c.ufrag, &*c.pwd)).collect();
    let (first, second) = ("asd88fgpdd777uzjYhagZg", "YH75Fviy6338Vbrhrlp8Yh");
    assert_eq!(names, [("8hhY", first), ("9uB6", second), ("xxxx", first)]);
    assert_eq!(read.media[1].default, address("[2001:db8::1]:2000"));
    assert_eq!(read.media[2].default, address("192.0.2.1:3000"));
    let options: Vec<_> = read.media.iter().map(|media| media.options.to_string()).collect();
    assert_eq!(options, ["ice2", "ice2 trickle", "ice2"]);
    let written = read.to_string();
    assert_eq!(written.matches("a=ice-options:ice2\r\n").count(), 1, "what all share is said once");
    assert_eq!(written.matches("a=ice-options:trickle\r\n").count(), 1);
}

/// The second component (RFC 8839 §4.2.2): at `a=rtcp`, whose address may be that of c= (RFC 3605), or at the next port; none with rtcp-mux
/// (RFC 5761), without bandwidth (RFC 3556), or without RTP.
#[test]
fn rtcp_is_where_it_is_said_to_be() {
    let with = |media: &str| {
        let read = description(&format!("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n{media}"));
        (read.media[0].rtcp.clone(), read.media[0].components())
    };
    let separate = |at: &str| (Rtcp::Separate(address(at)), 2);
    assert_eq!(with("m=audio 1000 RTP/AVP 0"), separate("192.0.2.1:1001"));
    assert_eq!(with("m=audio 1000 RTP/AVP 0\na=rtcp:53020"), separate("192.0.2.1:53020"));
    assert_eq!(with("m=audio 1000 RTP/AVP 0\na=rtcp:53020 IN IP6 2001:db8::2"), separate("[2001:db8::2]:53020"));
    assert_eq!(with("m=audio 1000 RTP/AVP 0\na=rtcp:53020\na=rtcp-mux"), (Rtcp::Multiplexed, 1));
    assert_eq!(with("m=audio 1000 RTP/AVP 0\nb=RS:0\nb=RR:0"), (Rtcp::None, 1));
    assert_eq!(with("m=audio 1000 RTP/AVP 0\nb=RS:0"), separate("192.0.2.1:1001"));
    assert_eq!(with("m=audio 0 RTP/AVP 0"), (Rtcp::None, 1));
    assert_eq!(with("m=application 1000 UDP/DTLS/SCTP webrtc-datachannel\na=rtcp-mux"), (Rtcp::None, 1));
    // Nobody's next port is nobody's.
    assert_eq!(with("m=audio 9 RTP/AVP 0\nc=IN IP4 0.0.0.0"), separate("0.0.0.0:9"));
}

/// RFC 8445 §5.1.4 prefers relayed ones to server-reflexive ones, and those to hosts; of UDP, as the medium is; by component.
#[test]
fn defaults_are_the_likeliest_candidates() {
    let mut all = vec![
        candidate("1 1 UDP 2130706431 10.0.0.2 1 typ host"),
        candidate("1 2 UDP 2130706430 10.0.0.2 2 typ host"),
        candidate("2 1 UDP 2130706175 10.0.0.3 3 typ host"),
        candidate("3 1 TCP 2147483647 10.0.0.2 9 typ host tcptype active"),
        candidate("4 1 UDP 2147483647 hidden.local 4 typ host"),
        candidate("5 1 UDP 1862270975 192.0.2.9 5 typ prflx raddr 10.0.0.2 rport 1"),
    ];
    assert_eq!(default_destination(&all, 1), address("10.0.0.2:1"));
    assert_eq!(default_destination(&all, 2), address("10.0.0.2:2"));
    assert_eq!(default_destination(&all, 3), NO_DESTINATION);
    all.push(candidate("6 1 UDP 1694498815 192.0.2.3 6 typ srflx raddr 10.0.0.2 rport 1"));
    assert_eq!(default_destination(&all, 1), address("192.0.2.3:6"));
    all.push(candidate("7 1 UDP 16777215 198.51.100.1 7 typ relay raddr 192.0.2.3 rport 6"));
    assert_eq!(default_destination(&all, 1), address("198.51.100.1:7"));
    let credentials = Credentials::new("8hhY", "asd88fgpdd777uzjYhagZg").unwrap();
    let media = Media::new("0", 2, credentials.clone(), all);
    assert_eq!((&media.default, media.components()), (&address("198.51.100.1:7"), 2));
    assert_eq!(media.rtcp, Rtcp::Separate(address("10.0.0.2:2")));
    assert!(!media.is_mismatched());
    // An offer that candidates follow: RFC 8840 §4.1.1.
    let early = Media::new("0", 2, credentials, vec![]);
    assert_eq!((&early.default, early.is_mismatched()), (&address("0.0.0.0:9"), false));
    let text = Description::new(1, 1, IpAddr::from([10, 0, 0, 2]), vec![early]).to_string();
    assert!(text.contains("m=audio 9 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n"), "{text}");
}

/// RFC 8839 §4.2.5.
#[test]
fn a_default_that_is_no_candidate_is_a_mismatch() {
    let offer = description(OFFER).media.remove(0);
    let changed = |default: &str| Media { default: address(default), ..offer.clone() };
    assert!(changed("192.0.2.4:45664").is_mismatched(), "a gateway changed the address");
    assert!(changed("192.0.2.3:45665").is_mismatched(), "or the port");
    assert!(!changed("0.0.0.0:9").is_mismatched());
    assert!(!changed("[::]:9").is_mismatched());
    assert!(!changed("192.0.2.4:0").is_mismatched(), "the stream is refused");
    assert!(!Media { default: CandidateAddress::Name("host.example".into(), 7), ..offer.clone() }.is_mismatched());
    assert!(!Media { credentials: None, candidates: vec![], ..offer.clone() }.is_mismatched());
    assert!(Media { rtcp: Rtcp::Separate(address("192.0.2.3:45664")), ..offer.clone() }.is_mismatched());
    let mut second = offer.candidates[1].clone();
    second.component = 2;
    let candidates = [offer.candidates.clone(), vec![second]].concat();
    let whole = Media { rtcp: Rtcp::Separate(address("192.0.2.3:45664")), candidates, ..offer };
    assert!(!whole.is_mismatched());
    assert!(whole.candidates.iter().all(|one| one.protocol == Protocol::Udp && one.kind != CandidateKind::Relayed));
}
