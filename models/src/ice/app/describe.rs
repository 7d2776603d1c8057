//! Offers, answers and fragments: what an agent knows as text, and text as what an agent can be told.

use crate::ice::CandidateAddress as Address;
use crate::ice::agent::{AgentConfig, Mode, RemoteDescription};
use crate::ice::candidate::{Candidate, CandidateAddress, CandidateKind};
use crate::ice::party::Party;
use crate::ice::sdp::{Description, Fragment, FragmentMedia, Media, SdpError};
use crate::ice::wire::Credentials;
use protosim_core::Stream;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Port of an address that is not told (draft-ietf-mmusic-mdns-ice-candidates §3.1.1.2).
const HIDDEN_PORT: u16 = 9;

/// Names that stand for addresses, each of random letters below `.local`.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(Vec<(IpAddr, Box<str>)>);

impl Names {
    /// The candidate as it is told: of a host with a name for its address, of others without the address that they were found from.
    pub(super) fn hide(&mut self, candidate: Candidate, stream: &mut Stream) -> Candidate {
        match (candidate.kind, candidate.address.ip()) {
            (CandidateKind::Host, Some(address)) => {
                let name = self.name_of(address.ip(), stream);
                Candidate { address: Address::Name(name, address.port()), ..candidate }
            }
            _ => {
                let nowhere = |related: SocketAddr| match related {
                    SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, HIDDEN_PORT)),
                    SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, HIDDEN_PORT)),
                };
                Candidate { related: candidate.related.map(nowhere), ..candidate }
            }
        }
    }

    fn name_of(&mut self, ip: IpAddr, stream: &mut Stream) -> Box<str> {
        if let Some((_, name)) = self.0.iter().find(|(known, _)| *known == ip) {
            return name.clone();
        }
        // A random UUID (RFC 9562 §5.4): version 4, variant 10.
        let bits = u128::from(stream.next_u64()) << 64 | u128::from(stream.next_u64());
        let bits = bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
        let hex = format!("{bits:032x}");
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        let name: Box<str> = format!("{}.local", parts.join("-")).into();
        self.0.push((ip, name.clone()));
        name
    }
}

fn credentials(agent: &Party) -> Credentials {
    Credentials::new(agent.ufrag(), agent.pwd()).expect("an agent's own are what RFC 8839 allows")
}

/// What an agent offers or answers; `tell` is how a candidate is told.
pub(super) fn description(
    agent: &Party,
    config: &AgentConfig,
    (session, version): (u64, u64),
    mut tell: impl FnMut(Candidate) -> Candidate,
) -> Description {
    let origin = agent.candidates(0).find_map(|candidate| candidate.address.ip()).map(|address| address.ip());
    let media = config.streams.iter().enumerate().map(|(stream, components)| {
        let candidates: Vec<Candidate> = agent.candidates(stream).cloned().map(&mut tell).collect();
        let mut media = Media::new(&stream.to_string(), *components, credentials(agent), candidates);
        media.options.trickle = config.trickle;
        media.end_of_candidates = agent.is_gathered() && config.trickle;
        media
    });
    let media = media.collect();
    // Whoever hides addresses has none to show here either (RFC 8828 §5.2).
    let is_hidden = agent
        .candidates(0)
        .next()
        .is_some_and(|candidate| matches!(tell(candidate.clone()).address, CandidateAddress::Name(..)));
    let origin = origin.filter(|_| !is_hidden).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let lite = config.mode == Mode::Lite;
    // Lite agents make no checks, and have no pace (RFC 8839 §4.3.1).
    let pacing = (!lite).then_some(config.ta);
    Description { lite, pacing, ..Description::new(session, version, origin, media) }
}

/// What a description tells an agent.
///
/// # Errors
/// When the text is no description, or has no stream with ICE.
pub(super) fn remote(text: &str) -> Result<RemoteDescription, SdpError> {
    let description = Description::parse(text)?;
    let lacks_ice = SdpError { line: 1, reason: crate::ice::wire::Malformed("no medium has ice-ufrag and ice-pwd") };
    // All streams of one agent have the same (RFC 8839 §5.4 lets them differ; ours do not).
    let own = description.media.iter().find_map(|media| media.credentials.clone()).ok_or(lacks_ice)?;
    let trickles = description.media.iter().any(|media| media.options.trickle && !media.end_of_candidates);
    Ok(RemoteDescription {
        ufrag: own.ufrag,
        pwd: own.pwd,
        is_lite: description.lite,
        candidates: description.media.into_iter().map(|media| media.candidates).collect(),
        is_complete: !trickles,
        pacing: description.pacing,
    })
}

/// Candidates that follow, and whether they are the last ones.
pub(super) fn fragment(
    agent: &Party,
    config: &AgentConfig,
    candidates: Vec<(usize, Candidate)>,
    is_end: bool,
) -> Fragment {
    let own = credentials(agent);
    let of = |stream: usize| FragmentMedia {
        mid: stream.to_string().into(),
        credentials: own.clone(),
        rtcp_mux: config.streams[stream] == 1,
        candidates: candidates.iter().filter(|(of, _)| *of == stream).map(|(_, candidate)| candidate.clone()).collect(),
        end_of_candidates: false,
    };
    let with_some = (0..config.streams.len()).map(of).filter(|media| !media.candidates.is_empty());
    Fragment { session: Some(own.clone()), end_of_candidates: is_end, media: with_some.collect() }
}

/// What a fragment tells.
pub(super) struct News {
    /// Whose session it is of.
    pub(super) ufrag: Box<str>,
    /// Candidates, each with its stream.
    pub(super) candidates: Vec<(usize, Candidate)>,
    /// There are no more.
    pub(super) is_end: bool,
}

/// Reads a fragment.
///
/// # Errors
/// When the text is none.
pub(super) fn news(text: &str) -> Result<News, SdpError> {
    let fragment = Fragment::parse(text)?;
    let of_media = fragment.media.first().map(|media| media.credentials.ufrag.clone());
    let ufrag = fragment.session.map(|session| session.ufrag).or(of_media).unwrap_or_default();
    let is_end = fragment.end_of_candidates
        || (!fragment.media.is_empty() && fragment.media.iter().all(|media| media.end_of_candidates));
    let candidates = fragment.media.into_iter().flat_map(|media| {
        // Streams are called by their numbers here.
        let stream = media.mid.parse::<usize>().ok();
        media.candidates.into_iter().filter_map(move |candidate| Some((stream?, candidate)))
    });
    Ok(News { ufrag, candidates: candidates.collect(), is_end })
}
