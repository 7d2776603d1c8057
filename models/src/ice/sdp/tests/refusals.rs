//! What is refused, where, and why; and what is skipped.

use super::super::*;
use super::{description, error, fragment, sent};

const HEAD: &str = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\n";
const MEDIA: &str = "m=audio 1000 RTP/AVP 0\nc=IN IP4 192.0.2.1\na=rtcp-mux\n";
const NAME: &str = "a=ice-ufrag:8hhY\n";
const PASSWORD: &str = "a=ice-pwd:asd88fgpdd777uzjYhagZg\n";

fn refused(text: &str) -> SdpError {
    Description::parse(&sent(text)).expect_err(text)
}

#[test]
fn what_a_session_must_have_is_missed() {
    assert_eq!(refused(""), error(1, "v= is missing"));
    assert_eq!(refused("o=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0"), error(3, "v= is missing"));
    assert_eq!(refused("v=0\ns=-\nt=0 0"), error(3, "o= is missing"));
    assert_eq!(refused("v=0\no=- 1 1 IN IP4 192.0.2.1\nt=0 0"), error(3, "s= is missing"));
    assert_eq!(refused("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-"), error(3, "t= is missing"));
    assert_eq!(
        refused(&format!("{HEAD}m=audio 1000 RTP/AVP 0")),
        error(5, "c= is missing, of this medium and of the session")
    );
    assert!(description(HEAD).media.is_empty());
}

/// RFC 8866 §5 and §9: kinds of lines are fixed, and so is their order.
#[test]
fn lines_are_of_known_kinds_in_their_order() {
    let late = "this line stands too late";
    assert_eq!(refused("v=0\nv=0"), error(2, "there are two of this line"));
    assert_eq!(refused("v=1"), error(1, "the version of SDP is 0"));
    assert_eq!(refused("v=0\ns=-\no=- 1 1 IN IP4 192.0.2.1"), error(3, late));
    assert_eq!(refused(&format!("{HEAD}c=IN IP4 192.0.2.1")), error(5, late));
    assert_eq!(refused(&format!("{HEAD}{MEDIA}b=RS:0")), error(8, late));
    assert_eq!(refused(&format!("{HEAD}{MEDIA}t=0 0")), error(8, "this kind of line may not be here"));
    assert_eq!(refused(&format!("{HEAD}x=1")), error(5, "this kind of line may not be here"));
    assert_eq!(refused("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nr=1"), error(4, "before this line stands t="));
    let twice = format!("{HEAD}m=audio 1000 RTP/AVP 0\nc=IN IP4 192.0.2.1\nc=IN IP4 192.0.2.2");
    assert_eq!(refused(&twice), error(7, "there are two of this line"));
    let shape = "a line is a letter, an equals sign and a value";
    assert_eq!(Description::parse("v=0\r\n\r\n"), Err(error(2, shape)));
    assert_eq!(Description::parse("v =0\r\n"), Err(error(1, shape)));
    let control = "a line has no NUL, and no CR but before its LF";
    assert_eq!(Description::parse("v=0\rs=-\r\n"), Err(error(1, control)));
    assert_eq!(Description::parse("v=0\0\r\n"), Err(error(1, control)));
}

/// All kinds of lines that RFC 8866 has, with several times.
#[test]
fn what_is_not_used_is_skipped() {
    let full = "
        v=0
        o=jdoe 3724394400 3724394405 IN IP4 host.example
        s=Call to John Smith
        i=SDP Offer #1
        u=http://www.jdoe.example.com/home.html
        e=Jane Doe <jane@jdoe.example.com>
        e=jane@example.com
        p=+1 617 555-6011
        c=IN IP4 198.51.100.1
        b=AS:128
        b=CT:1000
        t=3724394400 3724398000
        r=604800 3600 0 90000
        z=3730928400 -1h 3749680800 0
        t=3724484400 3724488000
        k=clear:x
        a=group:BUNDLE 0
        a=recvonly
        m=audio 49170/2 RTP/AVP 0 8
        i=speech
        c=IN IP4 192.0.2.1
        b=AS:64
        k=clear:x
        a=mid:0
        a=sendrecv
    ";
    let read = description(full);
    assert_eq!(read.origin, super::super::super::wire::Host::Name("host.example".into()));
    let media = &read.media[0];
    assert_eq!((&*media.format.formats, media.default.port(), media.mid.as_deref()), ("0 8", 49_170, Some("0")));
    assert_eq!((&media.credentials, media.is_mismatched()), (&None, false), "an agent without ICE");
    assert_eq!(Description::parse(&read.to_string()), Ok(read));
}

#[test]
fn addresses_are_of_their_types() {
    let with = |connection: &str| refused(&format!("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc={connection}\nt=0 0"));
    let words = "an address is of three words: IN, its type, and itself";
    for wrong in ["", "IN IP4", "IN IP4 192.0.2.1 x", "ATM NSAP 47.0091"] {
        assert_eq!(with(wrong), error(4, words), "{wrong:?}");
    }
    assert_eq!(with("IN IP6 192.0.2.1"), error(4, "the type of the address is another"));
    assert_eq!(with("IN IP4 2001:db8::1"), error(4, "the type of the address is another"));
    assert_eq!(with("IN NSAP host.example"), error(4, "the type of the address is another"));
    assert_eq!(with("IN IP4 224.2.1.1/127"), error(4, "an address is of unicast, or a name"));
    assert_eq!(with("IN IP6 ff15::101/3"), error(4, "an address with a colon is not of IPv6"));
    let origin = |value: &str| refused(&format!("v=0\no={value}"));
    assert_eq!(origin("- 1 1"), error(2, "o= has six words"));
    assert_eq!(origin(" 1 1 IN IP4 192.0.2.1"), error(2, "the user of o= is missing"));
    let number = "number and version of o= are numbers of 64 bits";
    assert_eq!(origin("- 18446744073709551616 1 IN IP4 192.0.2.1"), error(2, number));
    assert_eq!(origin("- 1 -1 IN IP4 192.0.2.1"), error(2, number));
}

#[test]
fn media_lines_are_whole() {
    let with = |value: &str| refused(&format!("{HEAD}m={value}"));
    assert_eq!(with("audio 1000 RTP/AVP"), error(5, "m= has four words or more"));
    assert_eq!(with("audio 70000 RTP/AVP 0"), error(5, "a port is a number up to 65535"));
    assert_eq!(with("audio 1000/0 RTP/AVP 0"), error(5, "a number of ports is a number"));
    let tokens = "kind, protocol and formats of m= are tokens";
    for wrong in
        ["au(dio 1000 RTP/AVP 0", "audio 1000 RTP//AVP 0", "audio 1000 RTP/AVP 0  8", "audio 1000 RTP/AVP \u{e9}"]
    {
        assert_eq!(with(wrong), error(5, tokens), "{wrong:?}");
    }
    let last = format!("{HEAD}m=audio 65535 RTP/AVP 0\nc=IN IP4 192.0.2.1");
    assert_eq!(refused(&last), error(5, "there is no port behind the last one, for RTCP"));
    assert_eq!(refused("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=now 0"), error(4, "t= has two numbers"));
}

/// RFC 8839 §5.4.
#[test]
fn credentials_go_together() {
    let half = "ice-ufrag and ice-pwd go together";
    assert_eq!(refused(&format!("{HEAD}{NAME}{MEDIA}")), error(6, half));
    assert_eq!(refused(&format!("{HEAD}{MEDIA}{PASSWORD}")), error(5, half));
    let candidate = "a=candidate:1 1 UDP 1 192.0.2.1 1000 typ host\n";
    let without = "there are candidates, and no ice-ufrag and ice-pwd";
    assert_eq!(refused(&format!("{HEAD}{MEDIA}{candidate}")), error(5, without));
    assert_eq!(refused(&format!("{HEAD}{MEDIA}{NAME}{NAME}")), error(9, "this attribute has been there before"));
    let other = "a=ice-pwd:YH75Fviy6338Vbrhrlp8Yh\n";
    let two = "two media have the same ice-ufrag and not the same ice-pwd";
    assert_eq!(refused(&format!("{HEAD}{NAME}{PASSWORD}{MEDIA}{MEDIA}{other}")), error(10, two));
    assert_eq!(description(&format!("{HEAD}{NAME}{PASSWORD}{MEDIA}{MEDIA}")).media.len(), 2);
}

/// RFC 8839 §5 has the level of each attribute.
#[test]
fn attributes_stand_at_their_levels() {
    let (session, media) = (
        "this attribute is of the session, and stands in a medium",
        "this attribute is of a medium, and stands before all media",
    );
    for (line, why) in [("a=ice-lite\n", session), ("a=ice-pacing:50\n", session)] {
        assert_eq!(refused(&format!("{HEAD}{MEDIA}{line}")), error(8, why), "{line}");
        description(&format!("{HEAD}{line}{MEDIA}"));
    }
    for line in [
        "a=candidate:1 1 UDP 1 192.0.2.1 1000 typ host\n",
        "a=remote-candidates:1 192.0.2.1 1\n",
        "a=ice-mismatch\n",
        "a=mid:0\n",
        "a=rtcp-mux\n",
        "a=rtcp:9\n",
    ] {
        assert_eq!(refused(&format!("{HEAD}{line}{MEDIA}")), error(5, media), "{line}");
    }
    assert_eq!(refused(&format!("{HEAD}{MEDIA}a=mid:0\n{MEDIA}a=mid:0\n")), error(9, "two media have the same mid"));
    assert_eq!(refused(&format!("{HEAD}{MEDIA}a=mid:a b\n")), error(8, "a mid is a token"));
    assert!(description(&format!("{HEAD}a=ice-lite\n{MEDIA}")).lite);
}

/// RFC 8839 §5.1: a line of a kind that is not known is ignored, and the others count.
#[test]
fn one_unknown_candidate_leaves_the_others() {
    let known = "a=candidate:2 1 UDP 1 192.0.2.1 1000 typ host\n";
    let unknown = "a=candidate:1 1 SCTP 1 192.0.2.1 1000 typ host\n";
    let read = description(&format!("{HEAD}{MEDIA}{NAME}{PASSWORD}{unknown}{known}"));
    let foundations: Vec<_> = read.media[0].candidates.iter().map(|candidate| &*candidate.foundation).collect();
    assert_eq!(foundations, ["2"]);
    let wrong = format!("{HEAD}{MEDIA}{NAME}{PASSWORD}{known}a=candidate:2 1 UDP 1\n");
    assert_eq!(refused(&wrong), error(11, "a candidate ends before its type"));
}

#[test]
fn fragments_have_media_with_names_and_credentials() {
    let refused = |text: &str| Fragment::parse(&sent(text)).expect_err(text);
    let begin = "m=audio 9 RTP/AVP 0\n";
    assert_eq!(refused(""), error(1, "a fragment has ice-ufrag and ice-pwd"));
    assert_eq!(refused("a=end-of-candidates"), error(1, "a fragment has ice-ufrag and ice-pwd"));
    assert_eq!(refused(NAME), error(1, "ice-ufrag and ice-pwd go together"));
    assert_eq!(refused(&format!("{NAME}{PASSWORD}{begin}")), error(3, "a medium of a fragment has a mid"));
    assert_eq!(refused(&format!("{begin}a=mid:0\n")), error(1, "a medium of a fragment has ice-ufrag and ice-pwd"));
    let twice = format!("{NAME}{PASSWORD}{begin}a=mid:0\n{begin}a=mid:0\n");
    assert_eq!(refused(&twice), error(5, "two media have the same mid"));
    // §9.2: lines of attributes and of media, and no others.
    assert_eq!(refused(&format!("v=0\n{NAME}")), error(1, "this kind of line may not be here"));
    assert_eq!(
        refused(&format!("{NAME}{PASSWORD}{begin}c=IN IP4 192.0.2.1")),
        error(4, "this kind of line may not be here")
    );
    // Half of the credentials at each level.
    let halves = fragment(&format!("{NAME}{begin}a=mid:0\n{PASSWORD}"));
    assert_eq!((&halves.session, &*halves.media[0].credentials.ufrag), (&None, "8hhY"));
    assert_eq!(Fragment::parse(&halves.to_string()), Ok(halves));
}

#[test]
fn texts_have_limits() {
    let limits = Limits { text: 100, lines: 5, line: 40 };
    let within = |text: &str| Description::parse_within(&sent(text), limits).map(|read| read.media.len());
    assert_eq!(within(&format!("{HEAD}a=x")), Ok(0));
    assert_eq!(within(&format!("{HEAD}a=x\na=x")), Err(error(6, "there are too many lines")));
    // 41 bytes.
    assert_eq!(within(&format!("{HEAD}a={}", "x".repeat(39))), Err(error(5, "the line is too long")));
    assert_eq!(within(&format!("{HEAD}a={}", "x".repeat(38))), Ok(0));
    assert_eq!(within(&format!("{HEAD}{}", "a=x\n".repeat(20))), Err(error(1, "the text is too long")));
    let many = format!("{NAME}{PASSWORD}{}", "a=x\n".repeat(999));
    assert_eq!(Fragment::parse(&sent(&many)), Err(error(1001, "there are too many lines")));
}
