//! What is written is read the same; whatever is read is written such that it reads the same.

use super::super::super::wire::tests::{any_address, any_candidate, any_credentials, any_ip, any_socket};
use super::super::super::wire::{Host, IceOptions, RemoteCandidates};
use super::super::*;
use proptest::prelude::*;
use proptest::sample::Index;
use protosim_core::Span;

fn any_format() -> impl Strategy<Value = Format> {
    prop::sample::select(vec![
        ("audio", "RTP/AVP", "0"),
        ("video", "UDP/TLS/RTP/SAVPF", "96 97"),
        ("audio", "TCP/RTP/AVP", "0"),
        ("application", "UDP/DTLS/SCTP", "webrtc-datachannel"),
    ])
    .prop_map(|(kind, protocol, formats)| Format {
        kind: kind.into(),
        protocol: protocol.into(),
        formats: formats.into(),
    })
}

fn any_rtcp() -> impl Strategy<Value = Rtcp> {
    prop_oneof![Just(Rtcp::None), Just(Rtcp::Multiplexed), any_address().prop_map(Rtcp::Separate)]
}

fn any_media() -> impl Strategy<Value = Media> {
    let line = (any_format(), any_address(), any_rtcp());
    let ice = (prop::option::of(any_credentials()), any::<[bool; 5]>(), prop::collection::vec(any_candidate(), 0..4));
    (line, ice, prop::collection::vec(any_socket(), 0..3)).prop_map(|(line, ice, remote)| {
        let ((format, default, rtcp), (credentials, flags, candidates)) = (line, ice);
        let [ice2, trickle, end_of_candidates, mismatch, is_named] = flags;
        Media {
            rtcp: if format.is_rtp() { rtcp } else { Rtcp::None },
            format,
            // Given below, so that no two are the same.
            mid: is_named.then(|| "".into()),
            default,
            candidates: if credentials.is_some() { candidates } else { Vec::new() },
            credentials,
            options: IceOptions { ice2, trickle },
            end_of_candidates,
            mismatch,
            remote_candidates: RemoteCandidates((1..).zip(remote).collect()),
        }
    })
}

fn any_description() -> impl Strategy<Value = Description> {
    let origin =
        prop_oneof![any_ip().prop_map(Host::Ip), "[a-z]{1,9}\\.example".prop_map(|name| Host::Name(name.into()))];
    let session = (any::<u64>(), any::<u64>(), origin, any::<bool>(), prop::option::of(0_u64..10_000_000_000));
    (session, prop::collection::vec(any_media(), 0..4)).prop_map(|(session, mut media)| {
        let (session_id, version, origin, lite, pacing) = session;
        media.iter_mut().enumerate().filter(|(_, media)| media.mid.is_some()).for_each(|(n, media)| {
            media.mid = Some(format!("m{n}").into());
        });
        Description { session_id, version, origin, lite, pacing: pacing.map(Span::from_millis), media }
    })
}

fn any_fragment() -> impl Strategy<Value = Fragment> {
    let one = (any::<[bool; 3]>(), any_credentials(), prop::collection::vec(any_candidate(), 0..4));
    let media = prop::collection::vec(one, 0..4);
    (prop::option::of(any_credentials()), any::<bool>(), media).prop_map(|(session, end_of_candidates, media)| {
        let session =
            if media.is_empty() { session.or(Credentials::new("8hhY", &"a".repeat(22)).ok()) } else { session };
        let media = media.into_iter().enumerate().map(|(n, ([mux, end, shares], own, candidates))| FragmentMedia {
            mid: format!("m{n}").into(),
            credentials: session.clone().filter(|_| shares).unwrap_or(own),
            rtcp_mux: mux,
            candidates,
            end_of_candidates: end,
        });
        let media = media.collect();
        Fragment { session, end_of_candidates, media }
    })
}

/// A change of a text.
#[derive(Clone, Debug)]
enum Change {
    Delete(Index),
    Replace(Index, char),
    Insert(Index, char),
    DeleteLine(Index),
    RepeatLine(Index),
    SwapLines(Index, Index),
    InsertLine(Index, &'static str),
    Cut(Index),
}

fn any_change() -> impl Strategy<Value = Change> {
    let letter = || prop::sample::select("0193 :=+/.-azAZ%\r\n\0\u{e9}\u{20ac}".chars().collect::<Vec<_>>());
    let index = || any::<Index>();
    let line = prop::sample::select(vec![
        "c=IN IP4 224.2.1.1/127",
        "c=IN IP6 ::",
        "c=IN IP4 host.example",
        "b=RS:0",
        "b=RR:0",
        "a=rtcp:9",
        "a=rtcp:1 IN IP6 ::1",
        "a=rtcp-mux",
        "a=mid:0",
        "a=ice-options:trickle x",
        "a=ice-ufrag:8hhY",
        "a=ice-pwd:asd88fgpdd777uzjYhagZg",
        "a=end-of-candidates",
        "a=ice-mismatch",
        "a=candidate:1 1 UDP 1 192.0.2.1 1 typ relay raddr 10.0.0.1 rport 1",
        "a=remote-candidates:1 192.0.2.3 45664",
        "m=audio 65535 RTP/AVP 0",
        "m=video 0/7 RTP/AVP 31",
        "t=1 2",
    ]);
    prop_oneof![
        index().prop_map(Change::Delete),
        (index(), letter()).prop_map(|(at, letter)| Change::Replace(at, letter)),
        (index(), letter()).prop_map(|(at, letter)| Change::Insert(at, letter)),
        index().prop_map(Change::DeleteLine),
        index().prop_map(Change::RepeatLine),
        (index(), index()).prop_map(|(one, other)| Change::SwapLines(one, other)),
        (index(), line).prop_map(|(at, line)| Change::InsertLine(at, line)),
        index().prop_map(Change::Cut),
    ]
}

fn changed(text: &str, change: &Change) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let mut lines: Vec<String> = text.split_inclusive('\n').map(Into::into).collect();
    let (letters, count) = (chars.len(), lines.len());
    if letters == 0 {
        return String::new();
    }
    match change {
        Change::Delete(at) => _ = chars.remove(at.index(letters)),
        Change::Replace(at, letter) => chars[at.index(letters)] = *letter,
        Change::Insert(at, letter) => chars.insert(at.index(letters), *letter),
        Change::Cut(at) => chars.truncate(at.index(letters)),
        Change::DeleteLine(at) => _ = lines.remove(at.index(count)),
        Change::RepeatLine(at) => lines.insert(at.index(count), lines[at.index(count)].clone()),
        Change::SwapLines(one, other) => lines.swap(one.index(count), other.index(count)),
        Change::InsertLine(at, line) => lines.insert(at.index(count), format!("{line}\r\n")),
    }
    match change {
        Change::Delete(_) | Change::Replace(..) | Change::Insert(..) | Change::Cut(_) => chars.into_iter().collect(),
        Change::DeleteLine(_) | Change::RepeatLine(_) | Change::SwapLines(..) | Change::InsertLine(..) => {
            lines.concat()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_read_or_refused(text in "[vosctbma=:0-9 \\n\\PC]{0,300}") {
        let _ = (Description::parse(&text), Fragment::parse(&text));
    }

    #[test]
    fn descriptions_survive_the_text(description in any_description()) {
        let text = description.to_string();
        prop_assert!(text.ends_with("\r\n") && !text.replace("\r\n", "").contains(['\r', '\n']));
        prop_assert_eq!(Description::parse(&text), Ok(description));
    }

    #[test]
    fn fragments_survive_the_text(fragment in any_fragment()) {
        prop_assert_eq!(Fragment::parse(&fragment.to_string()), Ok(fragment));
    }

    #[test]
    fn changed_descriptions_are_refused_or_written_as_read(
        description in any_description(),
        changes in prop::collection::vec(any_change(), 1..6),
    ) {
        let text = changes.iter().fold(description.to_string(), |text, change| changed(&text, change));
        if let Ok(read) = Description::parse(&text) {
            prop_assert_eq!(Description::parse_within(&read.to_string(), Limits::NONE), Ok(read));
        }
    }

    #[test]
    fn changed_fragments_are_refused_or_written_as_read(
        fragment in any_fragment(),
        changes in prop::collection::vec(any_change(), 1..6),
    ) {
        let text = changes.iter().fold(fragment.to_string(), |text, change| changed(&text, change));
        if let Ok(read) = Fragment::parse(&text) {
            prop_assert_eq!(Fragment::parse_within(&read.to_string(), Limits::NONE), Ok(read));
        }
    }
}
